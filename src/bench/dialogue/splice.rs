//! Puts pieces of speech together with pauses of exact length between them, and keeps the labels true.
//!
//! A pause is counted from the last loud sample of one piece to the first of the next ([`voiced`]), whatever faint sound
//! the pieces begin and end with.

use std::{sync::Arc, time::Duration};

use crate::bench::{
    library::voiced,
    trial::{Label, Pause, PauseKind},
};

/// What is kept of the faint sound around a piece: 60 ms.
const MARGIN: usize = 480;
/// Edges fade in and out over 4 ms.
const FADE: usize = 32;
/// Silence behind the last piece: 100 ms.
const TAIL: usize = 800;

/// A turn in the making.
#[derive(Debug, Default)]
pub(super) struct Splice {
    samples: Vec<i16>,
    /// Where the first loud sample is.
    first: Option<usize>,
    /// Just behind the last one.
    last: usize,
    /// The silence before the next piece, and what a pause of at least 200 ms is.
    gap: Option<(usize, PauseKind)>,
    pauses: Vec<Pause>,
}

impl Splice {
    /// The next piece follows after this much silence, which is a pause of this kind when it is long enough to be one.
    pub(super) fn pause(&mut self, length: Duration, kind: PauseKind) {
        self.gap = Some(((length.as_micros() / 125) as usize, kind));
    }

    /// Appends speech whose whole sentence had this loudest level. Its own silences are pauses of this kind. A piece
    /// without sound changes nothing.
    pub(super) fn say(&mut self, piece: &[i16], loudest: f32, inside: PauseKind) {
        let Some(found) = voiced::find_against(piece, loudest) else {
            return;
        };
        let (start, end) = (found.range.start, found.range.end);
        let mut before = start.min(MARGIN);
        if let Some((gap, kind)) = self.gap.take()
            && self.first.is_some()
        {
            // The faint sound on both sides has room in the gap, or is cut to it.
            before = before.min(gap / 2);
            let after = (self.samples.len() - self.last).min(gap - before);
            self.samples.truncate(self.last + after);
            fade(&mut self.samples, true);
            self.samples.resize(self.last + gap - before, 0);
            let at = self.last..self.last + gap;
            if gap >= voiced::PAUSE {
                self.pauses.push(Pause { at, kind });
            }
        }
        let base = self.samples.len() + before;
        let mut kept = piece[start - before..(end + MARGIN).min(piece.len())].to_vec();
        fade(&mut kept, false);
        fade(&mut kept, true);
        self.samples.extend_from_slice(&kept);
        self.first.get_or_insert(base);
        self.last = base + (end - start);
        self.pauses
            .extend(found.pauses.into_iter().map(|pause| Pause {
                at: base + pause.start - start..base + pause.end - start,
                kind: inside,
            }));
    }

    /// Returns the whole turn; `None` when nothing was said.
    pub(super) fn turn(self, text: String) -> Option<(Arc<[i16]>, Label)> {
        let voiced = self.first?..self.last;
        let mut samples = self.samples;
        samples.resize(samples.len() + TAIL, 0);
        let label = Label::Turn {
            text,
            voiced,
            pauses: self.pauses,
        };
        Some((samples.into(), label))
    }
}

/// Fades the start or the end over a few milliseconds.
fn fade(samples: &mut [i16], end: bool) {
    let length = FADE.min(samples.len());
    for at in 0..length {
        let index = if end { samples.len() - 1 - at } else { at };
        samples[index] = (i32::from(samples[index]) * at as i32 / length as i32) as i16;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn buzz(silence: usize, length: usize) -> Vec<i16> {
        let mut samples = vec![0; silence];
        samples.extend((0..length).map(|at| if at % 20 < 10 { 3000 } else { -3000 }));
        samples.resize(samples.len() + silence, 0);
        samples
    }

    #[test]
    fn pauses_have_the_wished_length_from_sound_to_sound() {
        for (silence, gap) in [(0, 300), (160, 300), (2400, 300), (2400, 1500), (800, 20)] {
            let mut splice = Splice::default();
            let piece = buzz(silence, 1600);
            let loudest = voiced::loudest(&piece);
            splice.say(&piece, loudest, PauseKind::Natural);
            splice.pause(Duration::from_millis(gap), PauseKind::Incomplete);
            splice.say(&piece, loudest, PauseKind::Natural);
            let (samples, label) = splice.turn("a b".into()).unwrap();
            let Label::Turn { voiced, pauses, .. } = label else {
                panic!("a turn")
            };
            assert_eq!(voiced.len(), 3200 + gap as usize * 8, "{silence} {gap}");
            assert!(samples.len() >= voiced.end + TAIL);
            assert_eq!(pauses.len(), usize::from(gap >= 200));
            for pause in pauses {
                assert_eq!(pause.at.len(), gap as usize * 8);
                assert!(samples[pause.at].iter().all(|sample| *sample == 0));
            }
            // The fades leave the loud samples themselves alone but for their edges.
            assert!(samples[voiced.start + FADE].abs() > 2900);
            assert!(samples[voiced.end - FADE - 1].abs() > 2900);
        }
    }

    #[test]
    fn silence_alone_is_no_turn() {
        let mut splice = Splice::default();
        splice.say(&[0; 4000], -20.0, PauseKind::Natural);
        assert!(splice.turn(String::new()).is_none());
    }
}
