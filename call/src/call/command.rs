//! Wishes from outside the call, and the keys and transfers that they share with the model's tools.

use std::time::Duration;

use super::{Call, Phase, count};
use crate::{Action, Command, End, Note, notes, reply::Purpose};

/// Sentences that may wait to be said.
const SAYS_MAX: usize = 16;
/// Keys sent at once.
const KEYS_MAX: usize = 64;
/// How long a polite end that somebody asked for waits for the callee to finish.
const SOON: Duration = Duration::from_millis(1500);

impl Call {
    pub(super) fn on_command(&mut self, command: Command, out: &mut Vec<Action>) {
        match command {
            Command::Say(text) => self.on_say(text, out),
            Command::Instruct(text) => self.history.push_requester(&text),
            Command::Answer { question, text } => self.on_requester_answer(question, &text, out),
            Command::Interrupt => self.stop_speaking(out),
            Command::PressKeys(keys) => self.press_keys(&keys, out),
            Command::Transfer(to) => self.transfer(&to, out),
            Command::Mute(muted) => self.on_mute(muted, out),
            Command::HangUp => self.end_politely(End::AgentHungUp, out),
            Command::Cancel { now: true } => self.hang_up(End::Canceled, out),
            Command::Cancel { now: false } | Command::Drain => {
                self.end_politely(End::Canceled, out)
            }
        }
    }

    /// The text is said next: after what is being said, but before what is only being thought of.
    fn on_say(&mut self, text: String, out: &mut Vec<Action>) {
        if self.says.len() >= SAYS_MAX || !text.chars().any(char::is_alphanumeric) {
            count(&mut self.counters.senseless);
            return;
        }
        self.says.push_back(text);
        let thinking = self.reply.as_ref().is_some_and(|reply| {
            reply.purpose == Purpose::Answer
                && reply.ledger.is_empty()
                && self.phase == Phase::Talking
        });
        if thinking {
            let answering = self.reply.as_ref().is_some_and(|reply| reply.released);
            self.drop_reply(out);
            if answering {
                self.commit_turn(None, out);
                self.owed = Some(None);
            }
        }
    }

    /// The agent falls silent at once and waits for the callee.
    fn stop_speaking(&mut self, out: &mut Vec<Action>) {
        if self.phase == Phase::Talking && !self.closing_firmly() {
            self.greeted = true;
            self.owed = None;
            self.says.clear();
            let decided = self
                .turn
                .as_ref()
                .is_some_and(|turn| turn.decided.is_some());
            if decided {
                self.commit_turn(None, out);
            }
            self.cut_reply(out);
            self.idle_since = self.now;
        }
    }

    pub(super) fn press_keys(&mut self, keys: &str, out: &mut Vec<Action>) {
        let keys: String = keys
            .chars()
            .filter(|key| key.is_ascii_digit() || "*#ABCDw".contains(*key))
            .take(KEYS_MAX)
            .collect();
        if keys.is_empty() || self.phase != Phase::Talking {
            count(&mut self.counters.senseless);
            return;
        }
        out.push(Action::PressKeys(keys.clone()));
        for key in keys.chars().filter(|&key| key != 'w') {
            out.push(Action::Publish(Note::Dtmf(key, true)));
        }
        self.history
            .push_note(&format!("{}{keys}", notes::KEYS_PRESSED));
        self.idle_since = self.now;
    }

    pub(super) fn transfer(&mut self, to: &str, out: &mut Vec<Action>) {
        if self.phase != Phase::Talking {
            count(&mut self.counters.senseless);
            return;
        }
        out.push(Action::Transfer(to.to_owned()));
        self.end(End::Transferred, out);
    }

    fn on_mute(&mut self, muted: bool, out: &mut Vec<Action>) {
        if muted == self.muted {
            return;
        }
        self.muted = muted;
        self.idle_since = self.now;
        if muted && self.phase == Phase::Talking {
            let answering = self
                .reply
                .as_ref()
                .is_some_and(|reply| reply.purpose == Purpose::Answer);
            let sounded = self
                .reply
                .as_ref()
                .is_some_and(|reply| reply.ledger.has_sounded());
            if answering && !sounded {
                self.owed = Some(None);
                self.commit_turn(None, out);
            }
            self.cut_reply(out);
        }
    }

    fn end_politely(&mut self, end: End, out: &mut Vec<Action>) {
        let speaking = self.reply.as_ref().is_some_and(|reply| !reply.ends_call());
        if speaking && self.phase == Phase::Talking {
            self.stop_speaking(out);
        }
        self.wrap_up(end, SOON, out);
    }
}
