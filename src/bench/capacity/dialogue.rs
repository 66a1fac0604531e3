//! What a callee of the rig does, whatever line it calls over: it says its turns one after another, waits for the agent to finish,
//! hangs up at the end, and notes what it felt. How sound is carried is the business of the line's own file.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use media::FRAME;

use super::workload::Said;

/// The agent has finished when it has been silent for so long after it was heard.
const QUIET: Duration = Duration::from_millis(600);
/// A callee whom nobody answers hangs up, and the call counts as failed.
const GIVE_UP: Duration = Duration::from_secs(15);
/// Sound that goes on after a shorter gap is no new answer.
const SAME_ANSWER: Duration = Duration::from_millis(100);
/// How late a tick of the rig may be before the rig counts as overloaded.
const RIG_LATE: Duration = Duration::from_millis(20);

/// How a call went.
#[derive(Debug, Clone, Default)]
pub(super) struct Outcome {
    /// From the last voiced frame of each turn to the first frame of the answer.
    pub(super) gaps: Vec<Duration>,
    /// Why it failed.
    pub(super) failed: Option<String>,
    /// Answers that came into a hesitation.
    pub(super) cut_in: usize,
    /// Ticks of the rig, and those that came late.
    pub(super) ticks: usize,
    pub(super) late: usize,
}

/// A turn, ready to be sent: µ-law, frame by frame, and the same in base64.
#[derive(Debug, Clone)]
pub(super) struct Turn {
    frames: Arc<[[u8; FRAME]]>,
    encoded: Arc<[String]>,
    voiced: usize,
}

impl Turn {
    pub(super) fn new(said: &Said) -> Self {
        use base64::{Engine as _, engine::general_purpose::STANDARD};
        let (frames, _) = said.codes.as_chunks::<FRAME>();
        Self {
            encoded: frames.iter().map(|frame| STANDARD.encode(frame)).collect(),
            frames: frames.into(),
            voiced: said.voiced,
        }
    }
}

/// A frame of what is said.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Sound<'a> {
    /// µ-law.
    pub(super) codes: &'a [u8; FRAME],
    /// The same in base64.
    pub(super) encoded: &'a str,
}

/// What is to be done in this frame's time.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step<'a> {
    /// This is said, or nothing.
    Say(Option<Sound<'a>>),
    /// All was said and answered.
    HangUp,
    /// Nobody answers.
    Deserted,
}

/// See the module's documentation.
#[derive(Debug)]
pub(super) struct Dialogue<'a> {
    turns: &'a [Turn],
    /// The next turn.
    next: usize,
    /// The turn that is being said, and its next frame.
    saying: Option<(usize, usize)>,
    /// Whether the agent was heard since the last turn.
    heard: bool,
    /// When what was heard will have been played.
    played: Instant,
    /// When the last turn began.
    last: Instant,
    /// The last voiced frame of a turn that was not answered yet.
    waits_since: Option<Instant>,
}

impl<'a> Dialogue<'a> {
    pub(super) fn new(turns: &'a [Turn], now: Instant) -> Self {
        Self {
            turns,
            next: 0,
            saying: None,
            heard: false,
            played: now,
            last: now,
            waits_since: None,
        }
    }

    /// Takes the step of a frame that was due at `due`.
    pub(super) fn step(&mut self, due: Instant, now: Instant, outcome: &mut Outcome) -> Step<'a> {
        outcome.ticks += 1;
        outcome.late += usize::from(now.saturating_duration_since(due) > RIG_LATE);
        if self.saying.is_none() {
            // Whoever picks up speaks first; every further turn waits for the agent.
            let quiet = self.heard && now > self.played + QUIET;
            if self.next == 0 || quiet {
                if self.next == self.turns.len() {
                    return Step::HangUp;
                }
                self.saying = Some((self.next, 0));
                self.next += 1;
                (self.heard, self.last) = (false, now);
            } else if now.saturating_duration_since(self.last.max(self.played)) > GIVE_UP {
                return Step::Deserted;
            }
        }
        let Some((turn, frame)) = self.saying else {
            return Step::Say(None);
        };
        let turn = &self.turns[turn];
        let (codes, encoded) = (&turn.frames[frame], turn.encoded[frame].as_str());
        let said = frame + 1;
        if said == turn.voiced {
            self.waits_since = Some(now);
        }
        self.saying = match self.saying {
            Some((index, _)) if said < turn.frames.len() => Some((index, said)),
            _ => None,
        };
        Step::Say(Some(Sound { codes, encoded }))
    }

    /// Sound of the agent has come, so much of it.
    pub(super) fn hear(&mut self, length: Duration, now: Instant, outcome: &mut Outcome) {
        if let Some(since) = self.waits_since.take() {
            outcome.gaps.push(now - since);
        }
        if self.saying.is_some() {
            outcome.cut_in += usize::from(self.played + SAME_ANSWER <= now);
        } else {
            self.heard = true;
        }
        self.played = self.played.max(now) + length;
    }

    /// What came and was not played is forgotten.
    pub(super) fn clear(&mut self, now: Instant) {
        self.played = now;
    }

    /// When all that came will have been played.
    pub(super) fn played(&self) -> Instant {
        self.played
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_wait_for_the_agent_and_silence_ends_the_call() {
        let said = |frames: usize| {
            Turn::new(&Said {
                codes: vec![7; frames * FRAME].into(),
                voiced: frames,
            })
        };
        let turns = [said(2), said(1)];
        let (frame, start) = (Duration::from_millis(20), crate::driver::clock::now());
        let mut now = start;
        let mut outcome = Outcome::default();
        let mut dialogue = Dialogue::new(&turns, now);
        let mut step = |dialogue: &mut Dialogue<'_>, outcome: &mut Outcome| {
            now += frame;
            let step = match dialogue.step(now, now, outcome) {
                Step::Say(Some(Sound { codes, encoded })) => {
                    assert_eq!((codes, encoded.len()), (&[7; FRAME], 216));
                    's'
                }
                Step::Say(None) => '-',
                Step::HangUp => 'h',
                Step::Deserted => 'd',
            };
            (step, now)
        };
        let mut steps = String::new();
        for index in 0..45 {
            let (done, now) = step(&mut dialogue, &mut outcome);
            steps.push(done);
            // An answer of 40 ms, 60 ms after each turn.
            if matches!(index, 4 | 5) {
                dialogue.hear(frame, now, &mut outcome);
            }
        }
        assert_eq!(&steps[..3], "ss-");
        let second = steps.rfind('s').expect("a second turn");
        assert!((35..40).contains(&second), "{steps}");
        assert_eq!(outcome.gaps, [3 * frame]);
        assert_eq!((outcome.ticks, outcome.late, outcome.cut_in), (45, 0, 0));
        let ended = (0..1000)
            .map(|_| step(&mut dialogue, &mut outcome).0)
            .find(|step| *step != '-');
        assert_eq!(ended, Some('d'));
    }
}
