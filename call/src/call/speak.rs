//! Speaking: asking the model, clauses to the synthesiser, playout, and what follows when a reply was heard.

use std::time::Duration;

use super::{Call, Phase, count};
use crate::{
    Action, ClauseId, End, Expected, Failure, Note, PlayoutEvent, ReplyEvent, Speaker, SpeechEvent,
    Timer, Turn, notes,
    reply::{Purpose, Reply},
    shape,
    turn::CalleeTurn,
    warning,
};

/// How long a whole sentence waits for what follows it ("7 p.m." may go on).
pub(super) const CLAUSE_WAIT: Duration = Duration::from_millis(150);
/// How often the agent says that it needs a moment, within one reply.
const FILLERS_MAX: u8 = 2;
/// Failures in a row after which a service is given up.
const FAILURES_MAX: u8 = 2;

impl Call {
    /// Asks the model for a reply to the conversation so far and lets it sound as soon as it comes.
    pub(super) fn think(&mut self, note: Option<&'static str>, out: &mut Vec<Action>) {
        if let Some(note) = note {
            self.history.push_note(note);
        }
        self.drop_reply(out);
        self.ask_model(out);
        self.release(out);
    }

    /// Asks the model; the reply waits for its release.
    pub(super) fn ask_model(&mut self, out: &mut Vec<Action>) {
        let generation = self.next_generation();
        let open = self.turn.as_ref().map(crate::turn::CalleeTurn::text);
        let mut reply = Reply::new(generation, Purpose::Answer, true);
        let history = self.history.with(open.as_deref());
        reply.based_on = open.unwrap_or_default();
        self.reply = Some(reply);
        // After a failure there is less patience left.
        let limit = self.config.think_limit / (u32::from(self.failures.model) + 1);
        self.timers.set(Timer::Think, self.now + limit);
        out.push(Action::Think {
            generation,
            history,
        });
    }

    /// Speaks a text that is known.
    pub(super) fn speak(&mut self, purpose: Purpose, text: &str, out: &mut Vec<Action>) {
        self.drop_reply(out);
        let generation = self.next_generation();
        let mut reply = Reply::new(generation, purpose, false);
        reply.add_text(text);
        reply.close();
        self.reply = Some(reply);
        self.release(out);
    }

    /// The reply may sound from now on.
    pub(super) fn release(&mut self, out: &mut Vec<Action>) {
        let Some(reply) = self.reply.as_mut().filter(|reply| !reply.released) else {
            return;
        };
        reply.released = true;
        if matches!(reply.purpose, Purpose::Answer | Purpose::Opening) {
            out.push(Action::Publish(Note::Thinking(reply.generation)));
        }
        if reply.writing && reply.first_text.is_none() {
            self.timers
                .set(Timer::Filler, self.now + self.config.think_filler);
        }
        let waiting = !reply.ledger.is_empty();
        if waiting {
            self.open_sound(out);
        }
        self.pump(out);
        self.watch_playout();
    }

    pub(super) fn open_sound(&mut self, out: &mut Vec<Action>) {
        if !self.sound_open {
            self.sound_open = true;
            out.push(Action::Resume);
        }
        self.watch_playout();
    }

    /// Gives complete clauses to the synthesiser. The opening is synthesised while it rings; everything else
    /// waits for its release.
    pub(super) fn pump(&mut self, out: &mut Vec<Action>) {
        let paused = self.barge_in.is_some();
        let Some(reply) = self.reply.as_mut() else {
            return;
        };
        if !reply.released && reply.purpose != Purpose::Opening || reply.ready.is_empty() {
            return;
        }
        let open = reply.released && !paused && !self.sound_open;
        if open {
            self.sound_open = true;
            out.push(Action::Resume);
        }
        while let Some(text) = reply.ready.pop_front() {
            let clause = ClauseId {
                generation: reply.generation,
                index: reply.ledger.push(text.clone()),
            };
            out.push(Action::Speak { clause, text });
        }
        // What asks for nothing changes nothing before it is heard: the callee may go on with the answer to what was asked
        // before.
        let asking = shape::asked(&reply.ledger.text());
        if asking.expected() != Expected::Anything {
            self.expect(asking, out);
        }
        self.timers.stop(Timer::Filler);
        self.publish_progress(out);
        self.watch_playout();
    }

    pub(super) fn on_reply(
        &mut self,
        generation: crate::Generation,
        event: ReplyEvent,
        out: &mut Vec<Action>,
    ) {
        let (now, limit) = (self.now, self.config.think_limit);
        let Some(reply) = self.alive(generation) else {
            return;
        };
        if !reply.writing {
            count(&mut self.counters.stale);
            return;
        }
        match event {
            ReplyEvent::Text(text) => {
                if text.chars().any(char::is_alphanumeric) {
                    reply.first_text.get_or_insert(now);
                }
                if !reply.add_text(&text) {
                    reply.close();
                    reply.loose_ends = true;
                    out.push(Action::Publish(Note::Warning(warning::REPLY_CUT)));
                }
                if reply.first_text.is_some() {
                    self.timers.stop(Timer::Filler);
                }
                self.timers.set(Timer::Think, now + limit);
                self.timers.set(Timer::Clause, now + CLAUSE_WAIT);
            }
            ReplyEvent::Tool(tool) => {
                reply.add_tool(tool);
                self.timers.set(Timer::Think, now + limit);
            }
            ReplyEvent::Withheld => self.on_withheld(out),
            ReplyEvent::Done => reply.close(),
            ReplyEvent::Failed => {
                out.push(Action::Publish(Note::Warning(warning::MODEL_FAILED)));
                return self.on_model_failed(out);
            }
        }
        self.pump(out);
        self.after_writing();
    }

    /// Once the model is done, it is no longer waited for.
    fn after_writing(&mut self) {
        if self.reply.as_ref().is_some_and(|reply| !reply.writing) {
            for timer in [Timer::Clause, Timer::Think, Timer::Filler] {
                self.timers.stop(timer);
            }
        }
    }

    /// The model paused: a whole sentence at the end of its text is spoken without knowing what follows.
    pub(super) fn speak_waiting_clause(&mut self, out: &mut Vec<Action>) {
        if let Some(reply) = self.reply.as_mut() {
            reply.take_whole_sentence();
            self.pump(out);
        }
    }

    /// The model is slow: fills the silence, and later once more, unless the callee is speaking.
    pub(super) fn say_filler(&mut self, out: &mut Vec<Action>) {
        let phrases = &self.config.phrases;
        let Some(reply) = self.reply.as_mut() else {
            return;
        };
        let text = match reply.fillers {
            0 => phrases.filler.clone(),
            _ => phrases.trouble.clone(),
        };
        let waits = reply.released && reply.first_text.is_none();
        if !waits || text.is_empty() || usize::from(reply.fillers) < reply.ledger.len() {
            return;
        }
        reply.fillers += 1;
        let again = reply.fillers < FILLERS_MAX;
        reply.ready.push_front(text);
        self.pump(out);
        if again {
            let at = self.now + self.config.think_filler_again;
            self.timers.set(Timer::Filler, at);
        }
    }

    /// The model said nothing for too long.
    pub(super) fn on_model_silent(&mut self, out: &mut Vec<Action>) {
        out.push(Action::Publish(Note::Warning(warning::MODEL_SILENT)));
        if let Some(reply) = &mut self.reply {
            reply.loose_ends = true;
        }
        self.on_model_failed(out);
    }

    /// What the model wrote stands, and is gone on with when it broke off within a sentence. When it wrote nothing, it
    /// is asked once more while the callee is told to wait. At the second failure in a row the call ends.
    fn on_model_failed(&mut self, out: &mut Vec<Action>) {
        let Some(reply) = self.reply.as_mut() else {
            return;
        };
        if reply.has_content() {
            reply.broken = !reply.is_whole();
            reply.close();
            if reply.broken {
                self.failures.model = self.failures.model.saturating_add(1);
            }
            self.pump(out);
            self.after_writing();
            return;
        }
        let (released, opening) = (reply.released, reply.purpose == Purpose::Opening);
        let told = reply.fillers > 0;
        self.drop_reply(out);
        self.failures.model = self.failures.model.saturating_add(1);
        if self.failures.model >= FAILURES_MAX {
            self.give_up(Failure::LlmFailed, out);
        } else if opening && self.phase == Phase::Dialing {
            self.prepare_opening(out);
        } else if opening || !released {
            // Nobody noticed: it is simply asked again, at once for an opening, at the decision for an answer.
            self.owed = opening.then_some(None);
        } else {
            self.owed = Some(None);
            if !told {
                let text = self.config.phrases.trouble.clone();
                self.speak(Purpose::Stopgap, &text, out);
            }
        }
    }

    /// A reply that broke off within a sentence was heard so far: it is gone on with, or the call ends.
    fn after_broken(&mut self, out: &mut Vec<Action>) {
        if self.failures.model >= FAILURES_MAX {
            self.give_up(Failure::LlmFailed, out);
        } else {
            self.owed = Some(Some(notes::BROKEN_OFF));
        }
    }

    pub(super) fn on_speech(
        &mut self,
        clause: ClauseId,
        event: SpeechEvent,
        out: &mut Vec<Action>,
    ) {
        let now = self.now;
        let Some(reply) = self.alive(clause.generation) else {
            return;
        };
        match event {
            SpeechEvent::Audio(length) => {
                reply.first_sound.get_or_insert(now);
                reply.ledger.on_audio(clause.index, length);
                self.failures.voice = 0;
            }
            SpeechEvent::Words(ends) => reply.ledger.on_words(clause.index, ends),
            SpeechEvent::Done(length) => reply.ledger.on_done(clause.index, length),
            SpeechEvent::Failed => return self.on_voice_failed(clause.index, out),
        }
        self.publish_progress(out);
        self.watch_playout();
    }

    /// A clause cannot be spoken: it is skipped. When that repeats, nobody can hear the agent, and the call ends.
    fn on_voice_failed(&mut self, index: u16, out: &mut Vec<Action>) {
        let Some(reply) = self.reply.as_mut() else {
            return;
        };
        reply.ledger.on_failed(index);
        out.push(Action::Publish(Note::Warning(warning::CLAUSE_UNSPOKEN)));
        self.failures.voice = self.failures.voice.saturating_add(1);
        if self.failures.voice >= FAILURES_MAX {
            self.hang_up(End::Failed(Failure::TtsFailed), out);
        } else {
            self.watch_playout();
        }
    }

    pub(super) fn on_playout(&mut self, event: PlayoutEvent, out: &mut Vec<Action>) {
        let now = self.now;
        let (PlayoutEvent::Sent(clause, _)
        | PlayoutEvent::Heard(clause, _)
        | PlayoutEvent::Finished(clause)) = event;
        let Some(reply) = self.alive(clause.generation) else {
            return;
        };
        if !reply.released {
            count(&mut self.counters.senseless);
            return;
        }
        let silent = !reply.ledger.has_sounded();
        match event {
            PlayoutEvent::Sent(_, position) => reply.ledger.on_sent(clause.index, position, now),
            PlayoutEvent::Heard(_, position) => reply.ledger.on_heard(clause.index, position, now),
            PlayoutEvent::Finished(_) => reply.ledger.on_finished(clause.index, now),
        }
        if silent && reply.ledger.has_sounded() {
            self.on_first_sound(out);
        }
        self.publish_progress(out);
        self.watch_playout();
    }

    /// The answer sounds: the callee's turn is closed for good, and the silence that was felt is known.
    fn on_first_sound(&mut self, out: &mut Vec<Action>) {
        let base = self.barge_in.as_ref().map(|barge_in| barge_in.base);
        let decided = self
            .turn
            .as_ref()
            .is_some_and(|turn| turn.decided.is_some());
        if decided || base.is_some_and(|base| base > 0) {
            self.commit_turn(base, out);
        }
        let Some(reply) = self.reply.as_mut() else {
            return;
        };
        let Some(sent) = reply.ledger.first_sent() else {
            return;
        };
        if let Some(marks) = reply.marks {
            let latency = marks.latency(reply.first_text, reply.first_sound, sent);
            reply.latency = Some(latency);
            out.push(Action::Publish(Note::Latency(reply.generation, latency)));
        }
    }

    /// Tells the live feed of every clause whose word counts changed.
    pub(super) fn publish_progress(&mut self, out: &mut Vec<Action>) {
        let Some(reply) = self.reply.as_mut() else {
            return;
        };
        for (index, progress) in reply.ledger.changes() {
            let Some(clause) = reply.ledger.get(index) else {
                continue;
            };
            out.push(Action::Publish(Note::AgentSpeech {
                clause: ClauseId {
                    generation: reply.generation,
                    index,
                },
                text: clause.text.clone(),
                generated: progress.generated,
                sent: progress.sent,
                heard: progress.heard,
            }));
        }
    }

    /// Sets the instant by which the line must have reported more playout.
    pub(super) fn watch_playout(&mut self) {
        let Some(reply) = self.reply.as_ref().filter(|reply| reply.is_speaking()) else {
            self.timers.stop(Timer::Playout);
            return;
        };
        if self
            .barge_in
            .as_ref()
            .is_some_and(|barge_in| !barge_in.resumed)
        {
            self.timers.stop(Timer::Playout);
        } else if reply.ledger.current_has_audio() {
            self.timers.set(
                Timer::Playout,
                self.now + reply.ledger.current_remaining() + self.config.playout_slack,
            );
        } else if self.timers.get(Timer::Playout).is_none() {
            self.timers
                .set(Timer::Playout, self.now + self.config.speech_limit);
        }
    }

    /// The line, or the synthesiser, fell silent about the clause that should be playing.
    pub(super) fn on_playout_lost(&mut self, out: &mut Vec<Action>) {
        let now = self.now;
        let Some(reply) = self.reply.as_mut() else {
            return;
        };
        let Some(index) = reply.ledger.current() else {
            return;
        };
        if reply.ledger.current_has_audio() {
            // Some lines never confirm; what was queued this long ago has been heard, by estimate.
            reply.ledger.on_finished(index, now);
            self.publish_progress(out);
            self.watch_playout();
        } else {
            reply.loose_ends = true;
            self.on_voice_failed(index, out);
        }
    }

    /// When everything of the reply was heard: into transcript and history with it, and on to its tools.
    pub(super) fn finish_reply(&mut self, out: &mut Vec<Action>) {
        if !self.reply.as_ref().is_some_and(Reply::is_finished) {
            return;
        }
        let Some(mut reply) = self.reply.take() else {
            return;
        };
        if self
            .barge_in
            .take()
            .is_some_and(|barge_in| barge_in.resumed && barge_in.first == 0)
        {
            self.keep_murmur();
        }
        self.stop_reply_timers();
        if reply.loose_ends {
            out.push(Action::Cancel(reply.generation));
        }
        if self
            .turn
            .as_ref()
            .is_some_and(|turn| turn.decided.is_some())
        {
            self.commit_turn(None, out);
        }
        let broken = reply.broken;
        if !broken && matches!(reply.purpose, Purpose::Answer | Purpose::Opening) {
            self.failures.model = 0;
        }
        self.record(&reply, false, out);
        if matches!(reply.purpose, Purpose::Answer | Purpose::Opening) {
            self.heard_out = reply.ledger.last_heard().or(self.heard_out);
        }
        self.hear_murmur();
        self.idle_since = self.now;
        match reply.purpose {
            Purpose::Goodbye { end, firm } => self.close(end, firm),
            Purpose::Message => self.close(End::Voicemail, true),
            _ if broken => self.after_broken(out),
            _ => self.use_tools(reply.take_tools(), !reply.ledger.is_empty(), out),
        }
    }

    /// Puts what was heard of a reply into the transcript and, unless it stood in for the model, the history.
    pub(super) fn record(&mut self, reply: &Reply, interrupted: bool, out: &mut Vec<Action>) {
        let text = if interrupted {
            reply.heard()
        } else {
            reply.ledger.heard_text(true)
        };
        let (Some(started), Some(ended)) = (reply.ledger.first_sent(), reply.ledger.last_heard())
        else {
            return;
        };
        if text.is_empty() {
            return;
        }
        let before = |turn: &CalleeTurn| turn.started < started && turn.flush.is_none();
        if self.voice.is_none() && self.turn.as_ref().is_some_and(before) {
            // The callee began first and was spoken over: the transcript keeps the order in which they began.
            self.commit_turn(None, out);
        }
        self.asked = shape::asked(&reply.ledger.begun_text());
        self.expect(self.asked, out);
        if reply.purpose != Purpose::Stopgap {
            self.history.push_agent(&text, interrupted);
        }
        let latency = reply.latency;
        self.publish_turn(
            Turn {
                speaker: Speaker::Agent,
                text,
                started,
                ended,
                interrupted,
                latency,
            },
            out,
        );
    }
}
