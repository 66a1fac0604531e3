//! Carrying out a barge-in: pause, judge, then give way or go on.

use std::time::Duration;

use super::Call;
use crate::{
    Action, Note, Timer,
    barge_in::{self, BargeIn, Limits, Sound, Verdict},
    reply::Purpose,
    shape::Asked,
    words,
};

/// After a false alarm, how long words that come late can still interrupt.
const LATE_WORDS: Duration = Duration::from_millis(1500);
/// An opening interrupted by a "hello?" this soon has not been taken in and is said again.
const FRESH_OPENING: Duration = Duration::from_millis(2500);
/// How long the callee is given to add to a "yeah" said before the question was over.
const MURMUR_WAIT: Duration = Duration::from_millis(1000);
/// Noise that interrupted this often no longer does by its length alone.
const NOISY_AFTER: u8 = 2;

impl Call {
    /// The callee makes a sound. Whatever the agent has under way waits.
    pub(super) fn on_floor_taken(&mut self, voiced: Duration, out: &mut Vec<Action>) {
        let Some(reply) = &mut self.reply else {
            self.reopen();
            return;
        };
        if reply.is_firm() {
            return;
        }
        if reply.is_speaking() {
            self.begin_barge_in(voiced, out);
        } else if reply.released {
            // Nothing was given to the line yet: the answer waits for a new decision.
            reply.released = false;
            self.timers.stop(Timer::Filler);
            self.reopen();
        }
    }

    pub(super) fn begin_barge_in(&mut self, voiced: Duration, out: &mut Vec<Action>) {
        if let Some(barge_in) = self.barge_in.as_mut().filter(|barge_in| !barge_in.resumed) {
            barge_in.ended = None;
            return;
        }
        // Words of a sound that was nothing are not counted to the next, unless they are still to come.
        let turn = self.turn.as_ref();
        let awaits = turn.is_some_and(|turn| turn.flush.is_some());
        let new = turn.map_or(0, crate::turn::CalleeTurn::base);
        let before = self.barge_in.take();
        let first = before.as_ref().map_or(new, |before| before.first);
        let base = before.filter(|_| awaits).map_or(new, |before| before.base);
        self.barge_in = Some(BargeIn {
            at: self.now,
            base,
            first,
            voiced,
            echo: self.voice.map_or(0.0, |voice| voice.score),
            ended: None,
            resumed: false,
        });
        self.timers
            .set(Timer::BargeIn, self.now + self.config.barge_in_decide);
        self.timers.stop(Timer::Playout);
        if self.sound_open {
            self.sound_open = false;
            out.push(Action::Pause);
        }
    }

    pub(super) fn on_barge_in_going(
        &mut self,
        voiced: Duration,
        echo: bool,
        out: &mut Vec<Action>,
    ) {
        if let Some(barge_in) = &mut self.barge_in {
            barge_in.voiced = barge_in.voiced.max(voiced);
            barge_in.echo = self.voice.map_or(0.0, |voice| voice.score);
            if echo && !barge_in.resumed {
                self.go_on(out);
                return;
            }
        }
        self.judge(out);
    }

    pub(super) fn on_barge_in_ended(&mut self, voiced: Duration, out: &mut Vec<Action>) {
        let Some(barge_in) = &mut self.barge_in else {
            return;
        };
        barge_in.voiced = barge_in.voiced.max(voiced);
        barge_in.ended = Some(self.now);
        if !barge_in.resumed {
            let decided =
                (barge_in.at + self.config.barge_in_decide).max(self.now + barge_in::WORDS_WAIT);
            self.timers.set(Timer::BargeIn, decided);
            // A short sound is judged by its words; they are asked for at once.
            self.timers.stop(Timer::Flush);
            self.flush(out);
        }
        self.judge(out);
    }

    /// Judges the sound over the agent's speech with what is known now.
    pub(super) fn judge(&mut self, out: &mut Vec<Action>) {
        let (Some(barge_in), Some(reply)) = (&self.barge_in, &self.reply) else {
            return;
        };
        let heard = self.turn.as_ref().map_or_else(Vec::new, |turn| {
            words::tokens(&turn.text_from(barge_in.base))
        });
        let agent = reply.ledger.sent_tokens();
        let sound = Sound {
            words: &heard,
            agent: &agent,
            echo: barge_in.echo,
            voiced: barge_in.voiced,
            ended: barge_in.ended.is_some(),
            awaits_words: self.turn.as_ref().is_some_and(|turn| turn.flush.is_some()),
            elapsed: self.now.saturating_duration_since(barge_in.at),
            over: barge_in.ended.map_or(Duration::ZERO, |ended| {
                self.now.saturating_duration_since(ended)
            }),
            leaving: reply.ends_call(),
            noisy: self.wordless.interruptions >= NOISY_AFTER,
        };
        let limits = Limits {
            decide: self.config.barge_in_decide,
            voiced: self.config.barge_in_voiced,
        };
        let answers = !heard.is_empty()
            && sound.ended
            && reply.ledger.asked()
            && words::is_backchannel(&heard);
        match barge_in::verdict(sound, limits) {
            Verdict::Interruption => self.give_way(heard.is_empty(), out),
            Verdict::FalseAlarm if answers => self.give_way(false, out),
            Verdict::FalseAlarm if barge_in.resumed => self.forget_sound(),
            Verdict::FalseAlarm => self.go_on(out),
            Verdict::Open => {}
        }
    }

    /// A real interruption: the agent gives way, and what it had been heard saying is what it said.
    fn give_way(&mut self, wordless: bool, out: &mut Vec<Action>) {
        if self
            .reply
            .as_ref()
            .is_some_and(crate::reply::Reply::ends_call)
        {
            self.revived = self.revived.saturating_add(1);
        }
        self.again = self.opening_to_repeat();
        self.cut_reply(out);
        self.reopen();
        self.cut_off = true;
        if wordless {
            self.wordless.interruptions = self.wordless.interruptions.saturating_add(1);
        }
    }

    /// The whole opening, when the callee spoke into its first moments and it is all written.
    fn opening_to_repeat(&self) -> Option<String> {
        let reply = self
            .reply
            .as_ref()
            .filter(|reply| reply.purpose == Purpose::Opening)?;
        let begun = reply.ledger.first_sent()?;
        let fresh = self.now.saturating_duration_since(begun) <= FRESH_OPENING;
        (fresh && !reply.writing).then(|| reply.text())
    }

    /// A false alarm: the agent goes on from a little before where it stopped.
    pub(super) fn go_on(&mut self, out: &mut Vec<Action>) {
        let Some(barge_in) = &mut self.barge_in else {
            return;
        };
        barge_in.resumed = true;
        self.timers.set(Timer::BargeIn, self.now + LATE_WORDS);
        out.push(Action::Publish(Note::FalseAlarm));
        self.open_sound(out);
        self.pump(out);
        self.watch_playout();
    }

    /// A sound that turned out to be nothing is over for good: its words are no turn.
    fn forget_sound(&mut self) {
        let awaits = self.turn.as_ref().is_some_and(|turn| turn.flush.is_some());
        let due = self.timers.get(Timer::BargeIn).is_none();
        if !due && awaits {
            return;
        }
        let first = self.barge_in.take().map_or(0, |barge_in| barge_in.first);
        self.timers.stop(Timer::BargeIn);
        self.timers.stop(Timer::Flush);
        self.timers.stop(Timer::EndOfTurn);
        if first == 0 {
            self.keep_murmur();
        }
    }

    /// What a listener said over the agent's speech is no turn; it is kept in case the speech ends in a question.
    pub(super) fn keep_murmur(&mut self) {
        let Some(turn) = self.turn.take() else { return };
        if words::is_backchannel(&words::tokens(&turn.text())) {
            self.murmur = Some(turn);
        }
    }

    /// The agent has finished. If it asked something, a "yeah" said meanwhile is the answer, unless the callee
    /// says more within a moment.
    pub(super) fn hear_murmur(&mut self) {
        let Some(mut turn) = self.murmur.take() else {
            return;
        };
        let asked = matches!(self.asked, Asked::YesNo | Asked::Open);
        if asked && self.turn.is_none() && self.voice.is_none() {
            turn.hold_until = Some(self.now + MURMUR_WAIT);
            self.turn = Some(turn);
        }
    }

    /// The reply that a sound was judged against is gone.
    pub(super) fn barge_in_over(&mut self) {
        self.barge_in = None;
        self.timers.stop(Timer::BargeIn);
    }

    /// Whether words that arrive now can be the callee's. While the agent speaks and nobody else does, they are
    /// its own come back, or too late; a voice that was going on before can turn out to be one with words.
    pub(super) fn accepts_words(&mut self, text: &str, out: &mut Vec<Action>) -> bool {
        let Some(reply) = self.reply.as_ref().filter(|reply| reply.is_speaking()) else {
            return !self.is_echo_tail(text);
        };
        if self.barge_in.is_some() {
            return true;
        }
        let tokens = words::tokens(text);
        let own = words::is_echo_of(&tokens, &reply.ledger.sent_tokens());
        match self.voice {
            Some(voice)
                if !own && (!voice.echo || tokens.len() >= 3 && words::takes_floor(&tokens)) =>
            {
                let voiced = self.now.saturating_duration_since(voice.since);
                if !reply.is_firm() && !words::is_backchannel(&tokens) {
                    self.voice = Some(super::Voice {
                        echo: false,
                        real: true,
                        ..voice
                    });
                    self.begin_barge_in(voiced, out);
                }
                true
            }
            Some(_) => {
                super::count(&mut self.counters.echo);
                false
            }
            None => {
                super::count(&mut self.counters.late_words);
                self.turn.is_some()
            }
        }
    }

    /// Whether these are the agent's last words, come back just after it stopped.
    fn is_echo_tail(&mut self, text: &str) -> bool {
        let Some(voice) = self.voice.as_mut().filter(|voice| voice.echo) else {
            return false;
        };
        let (heard, said) = (
            words::tokens(text),
            words::tokens(self.history.last_agent()),
        );
        let phrase: Vec<_> = heard.iter().map(String::as_str).collect();
        let own = words::is_echo_of(&heard, &said) || words::contains(&said, &phrase);
        if own {
            super::count(&mut self.counters.echo);
        } else {
            (voice.echo, voice.real) = (false, true);
        }
        own
    }
}
