//! The callee: takes one step of the scenario after the other, 20 ms at a time, and makes the sounds.
//!
//! A plain state machine: what it hears comes from [`Ear`], what it says goes into a frame. It knows no network,
//! no codec and no clock but the number of frames heard.

use std::{sync::Arc, time::Duration};

use media::{FRAME, FRAME_TIME};

use super::{
    ear::Ear,
    scenario::{Action, Condition, Play, SoundId, Step, Wait},
};

/// Steps that may be taken without time passing; a scenario that runs in circles goes on in the next frame.
const MOST_STEPS_AT_ONCE: usize = 32;

/// Silence after which a callee hangs up in a wait that is for no silence itself: nobody stays on a dead line.
const DEAD_LINE: Duration = Duration::from_secs(30);

/// How long a callee stays when the steps are over.
const AFTER_THE_LAST_STEP: Duration = Duration::from_secs(10);

/// The sounds of a scenario as samples at 8 kHz, as far as they are ready.
pub(super) trait Sounds {
    /// Returns a sound, or `None` while it is still being made.
    fn get(&self, sound: SoundId) -> Option<Arc<[i16]>>;
}

/// What a callee does besides sounding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Deed {
    /// Began to make a sound, with this frame.
    Sounds(SoundId),
    /// Pressed a key.
    Key(char),
    /// Put the phone down. Nothing follows.
    HungUp,
}

/// Somebody who has picked up.
#[derive(Debug)]
pub(super) struct Callee {
    steps: Arc<[Step]>,
    at: usize,
    longest: u64,
    doing: Option<Doing>,
    waiting: Option<Waiting>,
    /// What the last step said; alternatives of waits do not count.
    last_words: Option<Play>,
    /// When the callee's own last sound ended.
    quiet_since: u64,
    hung_up: bool,
}

/// What takes time.
#[derive(Debug)]
enum Doing {
    Sounding { play: Play, at: usize },
    Pausing { until: u64 },
}

/// The wait under way, at the current step.
#[derive(Debug)]
struct Waiting {
    since: u64,
    fired: Vec<bool>,
}

impl Callee {
    pub(super) fn new(steps: Arc<[Step]>, longest: Duration) -> Self {
        Self {
            steps,
            at: 0,
            longest: ticks(longest),
            doing: None,
            waiting: None,
            last_words: None,
            quiet_since: 0,
            hung_up: false,
        }
    }

    /// Lives through one frame after `ear` heard it: writes what the callee sounds like meanwhile, and what else
    /// the callee did.
    pub(super) fn tick(
        &mut self,
        ear: &mut Ear,
        sounds: &dyn Sounds,
        frame: &mut [i16; FRAME],
        deeds: &mut Vec<Deed>,
    ) {
        frame.fill(0);
        if ear.now() >= self.longest {
            self.hang_up(deeds);
        }
        for _ in 0..MOST_STEPS_AT_ONCE {
            if self.hung_up {
                return;
            }
            match self.doing.take() {
                Some(Doing::Pausing { until }) if ear.now() < until => {
                    self.doing = Some(Doing::Pausing { until });
                    return;
                }
                Some(Doing::Pausing { .. }) => self.done(ear),
                Some(Doing::Sounding { play, at }) => {
                    if self.sound(ear, sounds, frame, deeds, play, at) {
                        return;
                    }
                }
                None => {
                    if !self.decide(ear, deeds) {
                        return;
                    }
                }
            }
        }
    }

    /// Puts the next piece of a sound into `frame`. Returns whether that took the frame's time.
    fn sound(
        &mut self,
        ear: &mut Ear,
        sounds: &dyn Sounds,
        frame: &mut [i16; FRAME],
        deeds: &mut Vec<Deed>,
        play: Play,
        at: usize,
    ) -> bool {
        if play.takes_turn {
            ear.mark();
        }
        let Some(samples) = sounds.get(play.sound) else {
            self.doing = Some(Doing::Sounding { play, at });
            return true;
        };
        let cut = |length: Duration| (ticks(length) as usize).saturating_mul(FRAME);
        let length = samples.len().min(play.at_most.map_or(usize::MAX, cut));
        if at >= length || (play.until_key && ear.any_key()) {
            self.quiet_since = ear.now();
            self.done(ear);
            return false;
        }
        if at == 0 {
            deeds.push(Deed::Sounds(play.sound));
        }
        let end = length.min(at + FRAME);
        frame[..end - at].copy_from_slice(&samples[at..end]);
        self.doing = Some(Doing::Sounding { play, at: end });
        true
    }

    /// Something that took time is over.
    fn done(&mut self, ear: &Ear) {
        match &mut self.waiting {
            Some(waiting) => waiting.since = ear.now(),
            None => self.at += 1,
        }
    }

    /// Looks at the current step. Returns whether there is more to do in this frame.
    fn decide(&mut self, ear: &mut Ear, deeds: &mut Vec<Deed>) -> bool {
        let steps = Arc::clone(&self.steps);
        match steps.get(self.at) {
            Some(Step::Do(action)) => {
                if let Action::Play(play) = action
                    && play.takes_turn
                {
                    self.last_words = Some(play.clone());
                }
                self.act(action, ear, deeds);
                true
            }
            Some(Step::Until(wait)) => self.wait(wait, ear, deeds),
            None => {
                let since = self.waiting(0, ear).since;
                if self.holds(&Condition::Silence(AFTER_THE_LAST_STEP), since, ear) {
                    self.hang_up(deeds);
                }
                false
            }
        }
    }

    fn wait(&mut self, wait: &Wait, ear: &mut Ear, deeds: &mut Vec<Deed>) -> bool {
        let waiting = self.waiting(wait.otherwise.len(), ear);
        let (since, fired) = (waiting.since, waiting.fired.clone());
        if self.holds(&wait.condition, since, ear) {
            self.leave(self.at + 1);
            return true;
        }
        // Silences follow one another: the second counts after the first had its consequence.
        let mut silences = 0;
        let open = wait
            .otherwise
            .iter()
            .zip(&fired)
            .position(|((condition, _), &fired)| {
                let silence = matches!(condition, Condition::Silence(_)) && !fired;
                silences += u32::from(silence);
                !fired && (!silence || silences == 1) && self.holds(condition, since, ear)
            });
        if let Some(which) = open {
            if let Some(waiting) = &mut self.waiting {
                waiting.fired[which] = true;
            }
            self.act(&wait.otherwise[which].1, ear, deeds);
            return true;
        }
        let patient = silences > 0 || matches!(wait.condition, Condition::Silence(_));
        if !patient && self.holds(&Condition::Silence(DEAD_LINE), since, ear) {
            self.hang_up(deeds);
        }
        false
    }

    /// Whether a condition holds now. What was noticed by it is used up.
    fn holds(&self, condition: &Condition, since: u64, ear: &mut Ear) -> bool {
        match condition {
            Condition::Speaks(length) => {
                ear.speaks_for().is_some_and(|for_| for_ >= ticks(*length))
            }
            Condition::Stops(silence) => {
                let stopped = ear
                    .silent_after_answer()
                    .is_some_and(|for_| for_ >= ticks(*silence));
                if stopped {
                    ear.mark();
                }
                stopped
            }
            Condition::Silence(length) => ear.now() >= self.since(ear).max(since) + ticks(*length),
            Condition::Keys(keys) => ear.take_keys(keys),
            Condition::AnyKey => {
                let any = ear.any_key();
                ear.forget_keys();
                any
            }
        }
    }

    /// Since when neither side has made a sound.
    fn since(&self, ear: &Ear) -> u64 {
        self.quiet_since.max(ear.last_voiced())
    }

    fn act(&mut self, action: &Action, ear: &Ear, deeds: &mut Vec<Deed>) {
        match action {
            Action::Play(play) => {
                self.doing = Some(Doing::Sounding {
                    play: play.clone(),
                    at: 0,
                });
            }
            Action::Repeat => match self.last_words.clone() {
                Some(play) => self.doing = Some(Doing::Sounding { play, at: 0 }),
                None => self.done(ear),
            },
            Action::Pause(length) => {
                let until = ear.now() + ticks(*length);
                self.doing = Some(Doing::Pausing { until });
            }
            Action::Press(keys) => {
                deeds.extend(keys.chars().map(Deed::Key));
                self.done(ear);
            }
            Action::GoTo(step) => self.leave(*step),
            Action::GoOn => self.leave(self.at + 1),
            Action::HangUp => self.hang_up(deeds),
        }
    }

    /// The wait under way; it begins now if there is none.
    fn waiting(&mut self, alternatives: usize, ear: &Ear) -> &mut Waiting {
        self.waiting.get_or_insert_with(|| Waiting {
            since: ear.now(),
            fired: vec![false; alternatives],
        })
    }

    fn leave(&mut self, step: usize) {
        self.waiting = None;
        self.at = step;
    }

    fn hang_up(&mut self, deeds: &mut Vec<Deed>) {
        if !self.hung_up {
            self.hung_up = true;
            deeds.push(Deed::HungUp);
        }
    }
}

/// Length in frames, rounded up.
fn ticks(length: Duration) -> u64 {
    length.as_millis().div_ceil(FRAME_TIME.as_millis()) as u64
}
