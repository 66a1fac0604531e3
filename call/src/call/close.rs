//! Closing: silence, goodbye heard in full, the callee's last objection, and the end, exactly once.

use std::time::Duration;

use super::{Call, Closing, Phase};
use crate::{
    Action, End, Failure, Note, Timer, WordsEvent, notes,
    reply::Purpose,
    silence::{self, Silence},
    warning, words,
};

/// How often a callee's objection keeps a call going after a goodbye.
const REVIVALS_MAX: u8 = 2;
/// Longest time from the goodbye to the end, when the callee goes on speaking.
const LINGER_MAX: Duration = Duration::from_secs(4);
/// How long the words that a callee said before hanging up are waited for.
const LAST_WORDS: Duration = Duration::from_millis(500);
/// How soon to look again while the callee speaks.
const LOOK_AGAIN: Duration = Duration::from_millis(250);

impl Call {
    /// Keeps the silence timer set while the agent waits for the callee.
    pub(super) fn watch_silence(&mut self) {
        let resting = self.muted || self.mailbox || self.reply.is_some();
        let heard = self
            .turn
            .as_ref()
            .is_some_and(crate::turn::CalleeTurn::has_words);
        if resting || heard {
            self.timers.stop(Timer::Silence);
        } else if !self.callee_has_floor() || self.timers.get(Timer::Silence).is_none() {
            let on_hold = self.hold.asked || self.hold.music;
            let due = self.asking_patience().map_or_else(
                || silence::due(self.idle_since, on_hold, &self.config),
                |patience| self.idle_since + patience,
            );
            self.timers
                .set(Timer::Silence, due.max(self.now + Duration::from_millis(1)));
        }
    }

    pub(super) fn on_silence(&mut self, out: &mut Vec<Action>) {
        if self.callee_has_floor() {
            self.timers.set(Timer::Silence, self.now + LOOK_AGAIN);
            return;
        }
        if !self.greeted {
            self.greet(out);
            return;
        }
        self.turn = None;
        self.idle_since = self.now;
        if self.on_silence_while_asking(out) {
            return;
        }
        match silence::what(self.prompts, &self.config) {
            Silence::Ask => {
                self.prompts = self.prompts.saturating_add(1);
                self.hold = super::Hold::default();
                self.think(Some(notes::SILENCE), out);
            }
            Silence::GiveUp => {
                let text = self.config.phrases.nobody.clone();
                self.speak(
                    Purpose::Goodbye {
                        end: End::Silence,
                        firm: false,
                    },
                    &text,
                    out,
                );
            }
        }
    }

    /// Somebody wants the call to end so: at the next gap, or after `wait`.
    pub(super) fn wrap_up(&mut self, end: End, wait: Duration, out: &mut Vec<Action>) {
        if self.phase == Phase::Dialing || self.muted {
            self.hang_up(end, out);
        } else if !self.closing_firmly() && self.wrap_up.is_none() {
            self.wrap_up = Some(end);
            self.timers.set(Timer::WrapUp, self.now + wait);
        }
    }

    /// No gap came: the goodbye is said now.
    pub(super) fn wrap_up_now(&mut self, out: &mut Vec<Action>) {
        if let Some(end) = self.wrap_up {
            self.cut_reply(out);
            self.commit_turn(None, out);
            self.say_goodbye(end, out);
        }
    }

    pub(super) fn say_goodbye(&mut self, end: End, out: &mut Vec<Action>) {
        self.wrap_up = None;
        self.closing = None;
        self.greeted = true;
        self.timers.stop(Timer::WrapUp);
        self.timers.stop(Timer::Linger);
        let phrases = &self.config.phrases;
        let text = if matches!(end, End::Failed(_)) {
            phrases.sorry.clone()
        } else {
            phrases.goodbye.clone()
        };
        self.speak(Purpose::Goodbye { end, firm: true }, &text, out);
    }

    /// A service is gone for good: says so, then ends.
    pub(super) fn give_up(&mut self, failure: Failure, out: &mut Vec<Action>) {
        self.wrap_up(End::Failed(failure), Duration::ZERO, out);
    }

    pub(super) fn on_recogniser_failed(&mut self, out: &mut Vec<Action>) {
        out.push(Action::Publish(Note::Warning(warning::RECOGNISER_FAILED)));
        self.give_up(Failure::SttFailed, out);
    }

    pub(super) fn closing_firmly(&self) -> bool {
        self.closing.is_some_and(|closing| closing.firm)
            || self
                .reply
                .as_ref()
                .is_some_and(crate::reply::Reply::is_firm)
    }

    /// The last words were heard: the line closes after a moment.
    pub(super) fn close(&mut self, end: End, firm: bool) {
        let firm = firm || self.revived >= REVIVALS_MAX;
        let latest = self.now + LINGER_MAX;
        self.closing = Some(Closing { end, firm, latest });
        self.timers.stop(Timer::Silence);
        self.timers
            .set(Timer::Linger, self.now + self.config.goodbye_linger);
    }

    pub(super) fn on_linger(&mut self, out: &mut Vec<Action>) {
        let Some(closing) = self.closing else { return };
        let speaking = self.callee_has_floor() && !closing.firm;
        if speaking && self.now < closing.latest {
            self.timers
                .set(Timer::Linger, (self.now + LOOK_AGAIN).min(closing.latest));
        } else {
            self.hang_up(closing.end, out);
        }
    }

    /// The callee said something after the goodbye: leave-taking ends the call; anything else is an objection and
    /// keeps it going. Returns whether it was one.
    pub(super) fn is_objection(&mut self, tokens: &[String], out: &mut Vec<Action>) -> bool {
        let Some(closing) = self.closing else {
            return false;
        };
        if closing.firm || words::is_farewell(tokens) {
            self.hang_up(closing.end, out);
            return false;
        }
        self.closing = None;
        self.timers.stop(Timer::Linger);
        self.revived = self.revived.saturating_add(1);
        true
    }

    /// The callee has hung up. What was said right before is still with the recogniser, and often it is what counts ("yes,
    /// that is booked, bye"): it is waited for, for a moment.
    pub(super) fn on_hung_up(&mut self, out: &mut Vec<Action>) {
        let now = self.now;
        let speaks = self.voice.take().is_some_and(|voice| !voice.echo);
        let owed = self.turn.as_mut().is_some_and(|turn| {
            if speaks {
                turn.last_sound = now;
            }
            turn.decided.is_none() && (speaks || turn.flush.is_some() || turn.words_at.is_none())
        });
        if !owed {
            return self.end(End::CalleeHungUp, out);
        }
        self.cut_reply(out);
        self.timers.clear();
        self.phase = Phase::HungUp;
        // What was asked for before the last sound does not hold it.
        if speaks || self.turn.as_ref().is_some_and(|turn| turn.flush.is_none()) {
            self.flush(out);
        }
        self.timers.set(Timer::Words, now + LAST_WORDS);
    }

    /// Words of a callee who has hung up.
    pub(super) fn on_last_words(&mut self, event: &WordsEvent, out: &mut Vec<Action>) {
        let Some(turn) = &mut self.turn else {
            return self.end(End::CalleeHungUp, out);
        };
        match event {
            WordsEvent::Partial(text) => {
                turn.set_partial(self.unanswered.strip(text));
            }
            WordsEvent::Final { text, mark } => {
                let last = turn.flush == *mark;
                turn.add_final(self.unanswered.strip(text));
                if !words::tokens(text).is_empty() {
                    out.push(Action::Publish(Note::CalleeFinal(turn.text())));
                }
                if last {
                    self.end(End::CalleeHungUp, out);
                }
            }
            WordsEvent::Hint(_) => {}
            WordsEvent::Failed => self.end(End::CalleeHungUp, out),
        }
    }

    /// Puts the phone down and ends.
    pub(super) fn hang_up(&mut self, end: End, out: &mut Vec<Action>) {
        self.finish(end, true, out);
    }

    /// Ends a call whose line is gone already.
    pub(super) fn end(&mut self, end: End, out: &mut Vec<Action>) {
        self.finish(end, false, out);
    }

    /// The only way out: closes what is open, in the order in which it was said.
    fn finish(&mut self, end: End, hang_up: bool, out: &mut Vec<Action>) {
        if self.phase == Phase::Over {
            return;
        }
        let decided = self
            .turn
            .as_ref()
            .is_some_and(|turn| turn.decided.is_some());
        let sounded = self
            .reply
            .as_ref()
            .is_some_and(|reply| reply.ledger.has_sounded());
        if decided && !sounded {
            self.commit_turn(None, out);
        }
        self.cut_reply(out);
        self.commit_turn(None, out);
        self.phase = Phase::Over;
        self.timers.clear();
        if hang_up {
            out.push(Action::HangUp);
        }
        out.push(Action::End(end));
    }
}
