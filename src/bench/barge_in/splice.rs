//! Where in a speech a piece of it comes from: how it is told what was lost and what was repeated.
//!
//! The agent's sound before the encoder is the same sample by sample whenever it says the same, so a piece is looked for
//! by equality.

use std::time::Duration;

use serde::Serialize;

use crate::bench::{stage::samples, stats::as_ms};

/// What is compared: 100 ms …
const PIECE: usize = 800;
/// … beginning this long after the agent goes on, behind the fade: 10 ms.
const AFTER: usize = 80;
/// … and ending this long before it was paused.
const BEFORE: usize = 80;
/// A piece with less than this mean amplitude could be anywhere; the next 20 ms are tried.
const TELLING: i64 = 100;
/// How often.
const TRIES: usize = 25;
/// The end of a speech that must have been sent: its last 20 ms.
const END: usize = 160;

/// A speech as it sounds when nobody disturbs it.
#[derive(Debug, Clone)]
pub(super) struct Reference {
    sound: Vec<i16>,
}

/// A pause after which the agent went on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Resumed {
    /// Speech that was passed over.
    #[serde(serialize_with = "as_ms")]
    pub lost: Duration,
    /// Speech that was sent twice.
    #[serde(serialize_with = "as_ms")]
    pub repeated: Duration,
}

/// A sample of the agent's track, and which one of the speech it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    at: usize,
    of: i64,
}

/// A pause, in samples of the agent's track.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pause {
    /// Where the agent fell silent, and where it was let on again.
    pub(super) silent: usize,
    pub(super) back: usize,
    /// Where it was paused again, or the end.
    pub(super) until: usize,
    /// What is known of the sound before.
    pub(super) since: Since,
}

/// What is known of the sound before a pause.
#[derive(Debug, Clone, Copy)]
pub(super) enum Since {
    /// Where it went on after the pause before.
    Place(Place),
    /// From which sample on it is without a pause.
    Sample(usize),
}

impl Reference {
    /// Takes the speech out of a recording that holds nothing else of the agent.
    pub(super) fn new(agent: &[i16]) -> Self {
        let loud = |sample: &i16| *sample != 0;
        let first = agent.iter().position(loud).unwrap_or(agent.len());
        let last = agent.iter().rposition(loud).map_or(first, |last| last + 1);
        Self {
            sound: agent[first..last].to_vec(),
        }
    }

    /// Whether the end of the speech was sent.
    pub(super) fn is_complete(&self, agent: &[i16]) -> bool {
        let end = &self.sound[self.sound.len().saturating_sub(END)..];
        !end.is_empty() && agent.windows(end.len()).any(|window| window == end)
    }

    /// Compares what was sent before a pause with what was sent after it; `None` where either cannot be told, for one because
    /// too little was sent in between.
    pub(super) fn resumed(&self, agent: &[i16], pause: Pause) -> Option<(Resumed, Place)> {
        let Pause {
            silent,
            back,
            until,
            since,
        } = pause;
        let behind = back + agent[back..until].iter().position(|sample| *sample != 0)?;
        let after = (0..TRIES).find_map(|step| {
            let at = behind + AFTER + step * 160;
            Some(self.find(agent[..until].get(at..at + PIECE)?)? as i64 - (at - behind) as i64)
        })?;
        let before = match since {
            // Nothing was left out or repeated since.
            Since::Place(place) => place.of + silent.checked_sub(place.at)? as i64,
            Since::Sample(first) => (0..TRIES).find_map(|step| {
                let end = silent.checked_sub(BEFORE + step * 160)?;
                let piece = agent[first..].get(end.checked_sub(first + PIECE)?..end - first)?;
                Some((self.find(piece)? + PIECE + silent - end) as i64)
            })?,
        };
        let resumed = Resumed {
            lost: samples((after - before).max(0) as usize),
            repeated: samples((before - after).max(0) as usize),
        };
        let place = Place {
            at: behind,
            of: after,
        };
        Some((resumed, place))
    }

    /// Where a piece lies in the speech; `None` for one that is silent or not of it.
    fn find(&self, piece: &[i16]) -> Option<usize> {
        let sum: i64 = piece.iter().map(|&sample| i64::from(sample).abs()).sum();
        if sum < TELLING * piece.len() as i64 {
            return None;
        }
        self.sound
            .windows(piece.len())
            .position(|window| window == piece)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A speech that never repeats.
    fn speech() -> Vec<i16> {
        let mut random = fastrand::Rng::with_seed(4);
        let loud = (0..20_000).map(|_| random.i16(-9000..9000).max(1));
        [vec![0; 500], loud.collect(), vec![0; 500]].concat()
    }

    #[test]
    fn what_was_lost_and_repeated_is_found_to_the_sample() {
        let speech = speech();
        let reference = Reference::new(&speech);
        // Sent up to 9000, silent for 4000, then on from `from`.
        let played = |from: usize| [&speech[..9000], &vec![0; 4000], &speech[from..]].concat();
        let first = Pause {
            silent: 9000,
            back: 13_000,
            until: 14_000,
            since: Since::Sample(0),
        };
        let resumed = |from| reference.resumed(&played(from), first).unwrap().0;
        let exactly = |lost, repeated| Resumed {
            lost: samples(lost),
            repeated: samples(repeated),
        };
        assert_eq!(resumed(9000), exactly(0, 0));
        assert_eq!(resumed(8680), exactly(0, 320));
        assert_eq!(resumed(9400), exactly(400, 0));
        // Paused again soon, and again too soon.
        let soon = [
            &played(8680)[..14_000],
            &vec![0; 3000],
            &speech[9680..10_080],
            &vec![0; 3000],
            &speech[10_080..],
        ]
        .concat();
        let (once, place) = reference.resumed(&soon, first).unwrap();
        assert_eq!(once, exactly(0, 320));
        let second = Pause {
            silent: 14_000,
            back: 17_000,
            until: 17_400,
            since: Since::Place(place),
        };
        assert!(reference.resumed(&soon, second).is_none());
        let second = Pause {
            back: 20_400,
            until: soon.len(),
            ..second
        };
        assert_eq!(reference.resumed(&soon, second).unwrap().0, exactly(400, 0));
        let third = Pause {
            silent: 17_400,
            since: Since::Sample(17_000),
            ..second
        };
        assert!(reference.resumed(&soon, third).is_none());
        assert!(reference.is_complete(&played(9000)));
        assert!(!reference.is_complete(&speech[..20_400]));
    }
}
