//! The line: ringing, the answer, the greeting, keys and tones, who answered.

use std::time::Duration;

use super::{Call, Phase, count};
use crate::{
    Action, AnsweredBy, End, Failure, LineEvent, Note, Status, Timer, Tone, Voicemail, answer,
    reply::{Purpose, Reply},
    warning,
};

/// A mailbox that never beeps is spoken to after this long.
const BEEP_LIMIT: Duration = Duration::from_secs(30);
/// A mailbox that speaks for longer than this is spoken to all the same.
const MAILBOX_LIMIT: Duration = Duration::from_secs(90);
/// From the beep to the message.
const AFTER_BEEP: Duration = Duration::from_millis(300);
/// Silence that ends a mailbox greeting without a beep.
const GREETING_OVER: Duration = Duration::from_millis(2500);

impl Call {
    pub(super) fn on_line(&mut self, event: LineEvent, out: &mut Vec<Action>) {
        match event {
            LineEvent::Ringing => {}
            LineEvent::Answered if self.phase == Phase::Dialing => self.on_answered(out),
            LineEvent::Answered => count(&mut self.counters.senseless),
            LineEvent::Dtmf(key) => out.push(Action::Publish(Note::Dtmf(key, false))),
            LineEvent::HungUp if self.phase == Phase::Dialing => {
                self.end(End::Failed(Failure::Rejected), out);
            }
            LineEvent::HungUp => self.on_hung_up(out),
            LineEvent::Failed(failure) => self.end(End::Failed(failure), out),
            LineEvent::AnsweredBy(who) => self.on_carriers_verdict(who, out),
        }
    }

    /// The carrier says who answered. It may take half a minute for that; by then we know better, and a conversation
    /// under way is none with a machine.
    fn on_carriers_verdict(&mut self, who: AnsweredBy, out: &mut Vec<Action>) {
        let answers = self.turn.as_ref().is_some_and(|turn| self.answers(turn));
        if who == AnsweredBy::Voicemail && (self.conversed || answers) {
            out.push(Action::Publish(Note::Warning(warning::LATE_VERDICT)));
        } else if who == AnsweredBy::Voicemail || self.answered_by == AnsweredBy::Unknown {
            self.on_answered_by(who, out);
        }
    }

    /// While it rings: the opening is asked for and synthesised; it is not heard before the greeting.
    pub(super) fn prepare_opening(&mut self, out: &mut Vec<Action>) {
        let generation = self.next_generation();
        let first = self.config.first_message.clone();
        let mut reply = Reply::new(generation, Purpose::Opening, first.is_none());
        match first {
            Some(text) => {
                reply.add_text(&text);
                reply.close();
                self.reply = Some(reply);
                self.pump(out);
            }
            None => {
                self.reply = Some(reply);
                self.timers
                    .set(Timer::Think, self.now + self.config.think_limit);
                let history = self.history.with(None);
                out.push(Action::Think {
                    generation,
                    history,
                });
            }
        }
    }

    fn on_answered(&mut self, out: &mut Vec<Action>) {
        self.phase = Phase::Talking;
        self.answered_at = self.now;
        self.idle_since = self.now;
        out.push(Action::Publish(Note::Status(Status::InProgress)));
        let limit = self.config.max_duration;
        let lead = self.config.goodbye_lead.min(limit / 2);
        self.timers.stop(Timer::Ring);
        let mark = self.next_mark();
        self.early_mark = Some(mark);
        out.push(Action::Flush(mark));
        self.timers.set(Timer::MaxDuration, self.now + limit);
        self.timers.set(Timer::Goodbye, self.now + (limit - lead));
        self.timers
            .set(Timer::Greeting, self.now + self.config.greeting_wait);
    }

    pub(super) fn on_rung_out(&mut self, out: &mut Vec<Action>) {
        self.hang_up(End::Failed(Failure::NoAnswer), out);
    }

    /// The agent greets: with the opening that was prepared, or with one that is still to be thought of.
    pub(super) fn greet(&mut self, out: &mut Vec<Action>) {
        if self.greeted
            || self.phase != Phase::Talking
            || self.callee_has_floor()
            || self.mailbox
            || self.muted
        {
            return;
        }
        self.greeted = true;
        self.timers.stop(Timer::Greeting);
        if self.reply.is_some() {
            self.release(out);
        } else {
            self.think(None, out);
        }
    }

    /// Speaks an opening once more that the callee has spoken into.
    pub(super) fn repeat_opening(&mut self, text: &str, out: &mut Vec<Action>) {
        self.drop_reply(out);
        let generation = self.next_generation();
        let mut reply = Reply::new(generation, Purpose::Opening, false);
        reply.add_text(text);
        reply.close();
        self.reply = Some(reply);
    }

    /// Drops an opening that no longer fits: a machine answered, or the callee asked to wait.
    pub(super) fn drop_opening(&mut self, out: &mut Vec<Action>) {
        self.greeted = true;
        self.timers.stop(Timer::Greeting);
        if self
            .reply
            .as_ref()
            .is_some_and(|reply| reply.purpose == Purpose::Opening && !reply.released)
        {
            self.drop_reply(out);
        }
    }

    /// Reads from the words so far who answered; acts at once on a machine.
    pub(super) fn judge_answer(&mut self, complete: bool, out: &mut Vec<Action>) {
        if self.answered_by == AnsweredBy::Voicemail || self.mailbox {
            return;
        }
        let Some(turn) = &self.turn else { return };
        let since = self.now.saturating_duration_since(self.answered_at);
        let who = answer::who(&turn.text(), turn.voiced, since, complete);
        self.menu = who == AnsweredBy::Ivr || self.menu && !complete;
        // A machine may sound like a person at first ("Hello, this is Sam." … "Leave a message"), and behind a
        // menu there may be a person; the call was answered by the menu all the same.
        if who != AnsweredBy::Human || self.answered_by == AnsweredBy::Unknown {
            self.on_answered_by(who, out);
        }
    }

    fn on_answered_by(&mut self, who: AnsweredBy, out: &mut Vec<Action>) {
        if who == AnsweredBy::Unknown || who == self.answered_by || self.phase != Phase::Talking {
            return;
        }
        self.answered_by = who;
        out.push(Action::Publish(Note::AnsweredBy(who)));
        match who {
            AnsweredBy::Voicemail => self.on_voicemail(out),
            AnsweredBy::Ivr => self.drop_opening(out),
            AnsweredBy::Human | AnsweredBy::Unknown => {}
        }
    }

    fn on_voicemail(&mut self, out: &mut Vec<Action>) {
        self.greeted = true;
        self.timers.stop(Timer::Greeting);
        self.cut_reply(out);
        match &self.config.voicemail {
            Voicemail::HangUp => self.hang_up(End::Voicemail, out),
            Voicemail::LeaveMessage(_) => {
                self.mailbox = true;
                self.timers.set(Timer::Mailbox, self.now + BEEP_LIMIT);
            }
        }
    }

    /// The mailbox goes on speaking; unless it has beeped, the message waits.
    pub(super) fn on_mailbox_voice(&mut self) {
        let patient = self.now.saturating_duration_since(self.answered_at) < MAILBOX_LIMIT;
        if self.mailbox && self.reply.is_none() && patient {
            self.timers.set(Timer::Mailbox, self.now + BEEP_LIMIT);
        }
    }

    /// The mailbox fell silent: without a beep, its greeting is over after a while.
    pub(super) fn on_mailbox_silent(&mut self) {
        if self.mailbox && self.reply.is_none() {
            self.timers.set(Timer::Mailbox, self.now + GREETING_OVER);
        }
    }

    pub(super) fn leave_message(&mut self, out: &mut Vec<Action>) {
        let Voicemail::LeaveMessage(text) = self.config.voicemail.clone() else {
            return;
        };
        if self.mailbox && self.reply.is_none() {
            self.commit_turn(None, out);
            self.speak(Purpose::Message, &text, out);
        }
    }

    pub(super) fn on_tone(&mut self, tone: Tone, out: &mut Vec<Action>) {
        match tone {
            Tone::Beep => self.on_beep(out),
            Tone::Busy => self.hang_up(End::CalleeHungUp, out),
            Tone::Sit if self.callee_turns == 0 => {
                self.hang_up(End::Failed(Failure::InvalidNumber), out)
            }
            Tone::Fax => {
                out.push(Action::Publish(Note::Warning(warning::FAX)));
                self.hang_up(End::AgentHungUp, out);
            }
            Tone::Ringback => self.hold.music = true,
            Tone::Sit => {}
        }
    }

    fn on_beep(&mut self, out: &mut Vec<Action>) {
        let since = self.now.saturating_duration_since(self.answered_at);
        let (text, voiced) = self
            .turn
            .as_ref()
            .map_or_else(Default::default, |turn| (turn.text(), turn.voiced));
        if self.answered_by == AnsweredBy::Unknown
            && answer::beep_means_mailbox(&text, voiced, since)
        {
            self.on_answered_by(AnsweredBy::Voicemail, out);
        }
        if self.mailbox && self.phase == Phase::Talking && self.reply.is_none() {
            self.timers.set(Timer::Mailbox, self.now + AFTER_BEEP);
        }
    }
}
