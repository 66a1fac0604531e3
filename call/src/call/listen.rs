//! Listening: voice edges, words, and the decision that the callee has finished.

use std::time::Duration;

use super::{Call, Phase, Voice, count};
use crate::{
    Action, FlushMark, Note, Prosody, Timer, VoiceEvent, WordsEvent,
    endpoint::{self, Evidence},
    latency::Marks,
    reply::Purpose,
    shape::{self, Shape},
    turn::CalleeTurn,
    warning, words,
};

/// While somebody speaks, voice detection reports every 100 ms; without a report for this long, the edge was lost.
const VOICE_LOST: Duration = Duration::from_secs(2);
/// Speculative requests of the model in one turn.
const TRIES_MAX: u8 = 3;
/// Speculation is worth a request only when the decision is at least this far off.
const WORTH_A_TRY: Duration = Duration::from_millis(60);
/// A voice this soon after the agent's last sound may still be its echo.
const ECHO_TAIL: Duration = Duration::from_millis(600);
/// A wordless sound shorter than this was a cough, not an utterance that was not understood.
const UTTERANCE: Duration = Duration::from_millis(400);
/// How many utterances in a row are not understood before the agent says so.
const WORDLESS_MAX: u8 = 2;

impl Call {
    pub(super) fn on_voice(&mut self, event: VoiceEvent, out: &mut Vec<Action>) {
        if self.phase != Phase::Talking {
            count(&mut self.counters.senseless);
            return;
        }
        match event {
            VoiceEvent::Started { voiced, echo } => self.on_voice_started(voiced, echo, out),
            VoiceEvent::Going { voiced, echo } => self.on_voice_going(voiced, echo, out),
            VoiceEvent::Ended {
                silence,
                voiced,
                prosody,
            } => self.on_voice_ended(silence, voiced, prosody, out),
            VoiceEvent::Tone(tone) => self.on_tone(tone, out),
            VoiceEvent::Music(playing) => {
                self.hold.music = playing;
                self.idle_since = self.now;
            }
        }
    }

    fn on_voice_started(&mut self, voiced: Duration, echo: f32, out: &mut Vec<Action>) {
        let since = self.now.checked_sub(voiced).unwrap_or(self.now);
        let echo = self.is_echo(echo);
        self.voice = Some(Voice { since, echo });
        self.timers.set(Timer::Voice, self.now + VOICE_LOST);
        if echo {
            count(&mut self.counters.echo);
            return;
        }
        self.begin_stretch(since, voiced, out);
    }

    /// The callee speaks: opens a turn, or goes on with the open one.
    fn begin_stretch(
        &mut self,
        since: std::time::Instant,
        voiced: Duration,
        out: &mut Vec<Action>,
    ) {
        self.timers.stop(Timer::Flush);
        self.timers.stop(Timer::EndOfTurn);
        self.timers.stop(Timer::Greeting);
        let turn = self.turn.get_or_insert_with(|| CalleeTurn::new(since));
        if turn.has_words() {
            turn.pause = Some(since.saturating_duration_since(turn.last_sound));
        }
        self.on_floor_taken(since, voiced, out);
    }

    fn on_voice_going(&mut self, voiced: Duration, echo: f32, out: &mut Vec<Action>) {
        let echo = self.is_echo(echo);
        let since = self.now.checked_sub(voiced).unwrap_or(self.now);
        let before = self.voice.replace(Voice { since, echo });
        self.timers.set(Timer::Voice, self.now + VOICE_LOST);
        match before {
            // Heard longer, it is no echo after all, or its start was never reported.
            None | Some(Voice { echo: true, .. }) if !echo => {
                self.begin_stretch(since, voiced, out)
            }
            _ => self.on_barge_in_going(voiced, echo, out),
        }
    }

    fn on_voice_ended(
        &mut self,
        silence: Duration,
        voiced: Duration,
        prosody: Prosody,
        out: &mut Vec<Action>,
    ) {
        let Some(voice) = self.voice.take() else {
            count(&mut self.counters.senseless);
            return;
        };
        self.timers.stop(Timer::Voice);
        if voice.echo {
            return;
        }
        let ended = self.now.checked_sub(silence).unwrap_or(self.now);
        let turn = self
            .turn
            .get_or_insert_with(|| CalleeTurn::new(voice.since));
        turn.last_sound = turn.last_sound.max(ended);
        turn.voiced += voiced;
        turn.prosody = prosody;
        turn.words_at = None;
        let flush_at = (ended + self.config.flush_after).max(self.now);
        self.timers.set(Timer::Flush, flush_at);
        self.on_mailbox_silent();
        self.on_barge_in_ended(voiced, out);
    }

    /// The end of a voice was never reported: it ends now.
    pub(super) fn on_voice_lost(&mut self, out: &mut Vec<Action>) {
        if let Some(voice) = self.voice {
            let voiced = self
                .now
                .saturating_duration_since(voice.since)
                .saturating_sub(VOICE_LOST);
            self.on_voice_ended(VOICE_LOST, voiced, Prosody::default(), out);
        }
    }

    fn is_echo(&self, echo: f32) -> bool {
        let speaking = self
            .reply
            .as_ref()
            .is_some_and(crate::reply::Reply::is_speaking);
        let tail = self.now.saturating_duration_since(self.idle_since) < ECHO_TAIL && self.greeted;
        (speaking || tail) && echo >= self.config.echo_threshold
    }

    /// Asks for the final words of the stretch that ended.
    pub(super) fn flush(&mut self, out: &mut Vec<Action>) {
        let mark = self.next_mark();
        let Some(turn) = &mut self.turn else { return };
        turn.flush = Some(mark);
        self.timers
            .set(Timer::Words, self.now + self.config.words_limit);
        out.push(Action::Flush(mark));
    }

    pub(super) fn on_words(&mut self, event: WordsEvent, out: &mut Vec<Action>) {
        match event {
            WordsEvent::Failed => self.on_recogniser_failed(out),
            _ if self.phase != Phase::Talking => count(&mut self.counters.senseless),
            WordsEvent::Partial(text) => self.on_partial(&text, out),
            WordsEvent::Final { text, mark } => self.on_final(&text, mark, out),
        }
    }

    fn on_partial(&mut self, text: &str, out: &mut Vec<Action>) {
        if words::tokens(text).is_empty() || !self.accepts_words(text, out) {
            return;
        }
        let now = self.now;
        let unvoiced = self.voice.is_none();
        let turn = self.turn.get_or_insert_with(|| CalleeTurn::new(now));
        if !turn.set_partial(text) {
            return;
        }
        let whole = turn.text();
        out.push(Action::Publish(Note::CalleePartial(whole)));
        if unvoiced && turn.flush.is_none() && self.timers.get(Timer::Flush).is_none() {
            // Voice detection missed a quiet voice; the words themselves tell that it speaks.
            turn.last_sound = now;
            self.timers.set(Timer::Flush, now + self.config.flush_after);
        }
        self.on_words_changed(out);
    }

    fn on_final(&mut self, text: &str, mark: Option<FlushMark>, out: &mut Vec<Action>) {
        let answers = self
            .turn
            .as_ref()
            .is_some_and(|turn| turn.flush.is_some() && turn.flush == mark);
        if !answers && (words::tokens(text).is_empty() || !self.accepts_words(text, out)) {
            if mark.is_none()
                && let Some(turn) = &mut self.turn
            {
                turn.set_partial("");
            }
            return;
        }
        let now = self.now;
        let turn = self.turn.get_or_insert_with(|| CalleeTurn::new(now));
        let before = turn.text();
        turn.add_final(text);
        if answers {
            turn.flush = None;
            turn.words_at = Some(now);
            self.timers.stop(Timer::Words);
        }
        let whole = turn.text();
        if !words::tokens(text).is_empty() {
            out.push(Action::Publish(Note::CalleeFinal(whole.clone())));
        }
        if whole != before || answers {
            self.on_words_changed(out);
        }
    }

    /// The recogniser does not answer: the partial words must do.
    pub(super) fn on_words_missing(&mut self, out: &mut Vec<Action>) {
        let Some(turn) = &mut self.turn else { return };
        turn.flush = None;
        turn.words_at = Some(self.now);
        turn.settle_partial();
        out.push(Action::Publish(Note::Warning(warning::WORDS_LATE)));
        self.on_words_changed(out);
    }

    /// The words of the open turn changed, or became final.
    fn on_words_changed(&mut self, out: &mut Vec<Action>) {
        let Some(turn) = &mut self.turn else { return };
        if turn.has_words() {
            if let Some(pause) = turn.pause.take() {
                self.habit.on_pause(pause);
            }
            self.wordless.count = 0;
            self.wordless.told = false;
        }
        self.judge_answer(false, out);
        if self.phase == Phase::Talking {
            self.judge(out);
            self.drop_outdated_try(out);
        }
    }

    /// A reply begun on other words than these, and not heard yet, answers the wrong question.
    fn drop_outdated_try(&mut self, out: &mut Vec<Action>) {
        let Some(turn) = &self.turn else { return };
        let outdated = self.reply.as_ref().is_some_and(|reply| {
            !reply.released
                && reply.purpose == Purpose::Answer
                && !same_words(&reply.based_on, &turn.text())
        });
        if outdated && turn.has_words() {
            self.drop_reply(out);
        }
    }

    /// Decides whether the callee has finished, from the silence so far and everything known. Sets the timer for
    /// the next look when not.
    pub(super) fn evaluate(&mut self, out: &mut Vec<Action>) {
        if self.voice.is_some_and(|voice| !voice.echo)
            || self.barge_in.is_some()
            || self.closing_firmly()
        {
            return;
        }
        if self
            .reply
            .as_ref()
            .is_some_and(|reply| reply.released && !reply.is_finished())
        {
            return;
        }
        let Some(turn) = &self.turn else { return };
        let shape = shape::shape(&turn.text(), self.asked, self.callee_turns == 0);
        let evidence = Evidence {
            shape,
            asked: self.asked,
            prosody: turn.prosody,
            menu: self.menu,
        };
        let required = endpoint::required(evidence, &self.habit, self.config.patience);
        let due = turn.last_sound + required;
        let waits_for_words = turn.flush.is_some() || self.timers.get(Timer::Flush).is_some();
        if self.now < due {
            self.timers.set(Timer::EndOfTurn, due);
            self.reopen();
            if !waits_for_words && due - self.now >= WORTH_A_TRY {
                self.try_early(shape, out);
            }
        } else if waits_for_words {
            // Long enough a silence, but the final words are not there; they may show that it was not the end.
            let now = self.now;
            if let Some(turn) = &mut self.turn {
                turn.decided.get_or_insert(now);
            }
        } else if turn.has_words() {
            self.take_turn(out);
        } else {
            self.drop_noise();
        }
    }

    /// The callee has not finished after all.
    pub(super) fn reopen(&mut self) {
        if let Some(turn) = &mut self.turn {
            turn.decided = None;
        }
    }

    /// Asks the model before the decision, when the words look whole.
    fn try_early(&mut self, shape: Shape, out: &mut Vec<Action>) {
        let whole = matches!(
            shape,
            Shape::Short
                | Shape::Complete
                | Shape::Part
                | Shape::Neutral
                | Shape::NumberComplete
                | Shape::EmailComplete
        );
        if !whole || self.reply.is_some() || !self.greeted || self.answers_nobody() {
            return;
        }
        if let Some(turn) = &mut self.turn
            && turn.has_words()
            && turn.tries < TRIES_MAX
        {
            turn.tries += 1;
            self.ask_model(out);
        }
    }

    /// Whether a callee's turn would get no answer of the model now.
    fn answers_nobody(&self) -> bool {
        self.muted
            || self.mailbox
            || self.closing.is_some()
            || self.wrap_up.is_some()
            || !self.says.is_empty()
            || self.menu && self.turn.is_none()
    }

    /// The decision: the callee has finished.
    fn take_turn(&mut self, out: &mut Vec<Action>) {
        self.judge_answer(true, out);
        if self.phase != Phase::Talking {
            return;
        }
        let now = self.now;
        let Some(turn) = &mut self.turn else { return };
        let decided = *turn.decided.get_or_insert(now);
        let marks = Marks {
            last_sound: turn.last_sound,
            decided,
            words: turn.words_at.unwrap_or(decided).max(decided),
        };
        let text = turn.text();
        let tokens = words::tokens(&text);
        self.timers.stop(Timer::EndOfTurn);
        self.prompts = 0;
        let queue = words::is_queue_announcement(&tokens);
        let waiting = self.hold.asked || self.hold.music;
        self.hold.asked = words::asks_to_hold(&tokens) || queue;
        if self.closing.is_some() {
            self.on_objection(&tokens, out);
        } else if self.mailbox || self.muted || self.wrap_up.is_some() {
            self.owed = (!self.mailbox).then_some(None);
            self.commit_turn(None, out);
        } else if waiting && (queue || self.hold.asked) {
            // The same announcement every half minute is not answered every time.
            self.commit_turn(None, out);
        } else {
            self.answer(marks, text, out);
        }
    }

    /// Lets the reply sound that was begun on these words, or asks for one.
    fn answer(&mut self, marks: Marks, text: String, out: &mut Vec<Action>) {
        if !self.greeted && (self.hold.asked || self.menu) {
            self.drop_opening(out);
        }
        self.greeted = true;
        self.timers.stop(Timer::Greeting);
        if !self.says.is_empty() {
            self.owed = Some(None);
            self.commit_turn(None, out);
            self.drop_reply(out);
            return;
        }
        let fits = self.reply.as_ref().is_some_and(|reply| {
            reply.purpose == Purpose::Opening || same_words(&reply.based_on, &text)
        });
        if !fits {
            self.drop_reply(out);
            self.ask_model(out);
        }
        if let Some(reply) = &mut self.reply {
            reply.marks = Some(marks);
        }
        self.owed = None;
        self.release(out);
    }

    /// A sound without words: no turn. Said so to the callee when it happens again and again.
    fn drop_noise(&mut self) {
        let Some(turn) = self.turn.take() else { return };
        self.timers.stop(Timer::EndOfTurn);
        if turn.voiced >= UTTERANCE {
            self.wordless.count = self.wordless.count.saturating_add(1);
        }
        if self.wordless.count >= WORDLESS_MAX
            && !self.wordless.told
            && self.reply.is_none()
            && self.greeted
            && !self.hold.music
        {
            self.wordless.told = true;
            self.owed = Some(Some(
                "The callee said something that could not be understood.",
            ));
        }
    }

    /// The turn goes into transcript and history: nobody can go on with it any more. Words behind `base`, if
    /// given, stay in a new open turn.
    pub(super) fn commit_turn(&mut self, base: Option<usize>, out: &mut Vec<Action>) {
        let Some(mut turn) = self.turn.take() else {
            return;
        };
        if let Some(base) = base {
            self.turn = Some(turn.split(base, self.now));
        }
        let text = turn.text();
        if text.is_empty() {
            return;
        }
        self.callee_turns = self.callee_turns.saturating_add(1);
        self.history.push_callee(&text);
        self.idle_since = self.now;
        out.push(Action::Turn(crate::Turn {
            speaker: crate::Speaker::Callee,
            text,
            started: turn.started,
            ended: turn.last_sound,
            interrupted: false,
            latency: None,
        }));
    }
}

/// Whether two texts have the same words, whatever their punctuation.
fn same_words(a: &str, b: &str) -> bool {
    a == b || words::tokens(a) == words::tokens(b)
}
