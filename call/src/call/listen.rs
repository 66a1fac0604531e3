//! Listening: voice edges and words, as they come, into the callee's open turn.

use std::time::{Duration, Instant};

use super::{Call, Phase, Voice, count};
use crate::{
    Action, FlushMark, Note, Prosody, Timer, TurnHint, VoiceEvent, WordsEvent, shape::Asked,
    turn::CalleeTurn, warning, words,
};

/// While somebody speaks, voice detection reports every 100 ms; without a report for this long, the edge was lost.
const VOICE_LOST: Duration = Duration::from_secs(2);
/// The least time for an answer to a flush.
const WORDS_LIMIT_MIN: Duration = Duration::from_millis(400);
/// A voice this soon after the agent's last sound may still be its echo.
const ECHO_TAIL: Duration = Duration::from_millis(600);

impl Call {
    /// Lets the recogniser know what was asked, or is about to be: the answer may begin before the question has ended.
    pub(super) fn expect(&mut self, asked: Asked, out: &mut Vec<Action>) {
        let expected = asked.expected();
        if expected != self.expected && self.phase != Phase::Over {
            self.expected = expected;
            out.push(Action::Expect(expected));
        }
    }

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
            VoiceEvent::Music(playing) => self.on_music(playing, out),
        }
    }

    fn on_voice_started(&mut self, voiced: Duration, echo: f32, out: &mut Vec<Action>) {
        let since = self.now.checked_sub(voiced).unwrap_or(self.now);
        let (score, echo) = (echo, self.is_echo(echo));
        self.voice = Some(Voice {
            since,
            score,
            echo,
            real: false,
        });
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
        turn.begin_stretch(since);
        self.on_mailbox_voice();
        self.on_floor_taken(voiced, out);
    }

    fn on_voice_going(&mut self, voiced: Duration, echo: f32, out: &mut Vec<Action>) {
        let since = self.now.checked_sub(voiced).unwrap_or(self.now);
        let before = self.voice;
        let real = before.is_some_and(|voice| voice.real);
        let (score, echo) = (echo, !real && self.is_echo(echo));
        self.voice = Some(Voice {
            since,
            score,
            echo,
            real,
        });
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
        if self.turn.is_none() && self.barge_in.is_none() && self.is_speaking() {
            // Judged to be nothing while it lasted.
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

    /// Music began or stopped. What sounded like a voice until it was known for music was none, and what the
    /// recogniser makes of music are no words: it is cleared of them.
    fn on_music(&mut self, playing: bool, out: &mut Vec<Action>) {
        self.hold.music = playing;
        self.idle_since = self.now;
        let mark = self.next_mark();
        self.early_mark = Some(mark);
        out.push(Action::Flush(mark));
        if !playing || self.voice.take().is_none() {
            return;
        }
        self.timers.stop(Timer::Voice);
        if self.barge_in.as_ref().is_some_and(|sound| !sound.resumed) {
            self.go_on(out);
        }
        if let Some(turn) = &mut self.turn {
            turn.set_partial("");
            turn.settle_stretch();
        }
        self.evaluate(out);
    }

    fn is_echo(&self, echo: f32) -> bool {
        let speaking = self.is_speaking();
        let tail = self.now.saturating_duration_since(self.idle_since) < ECHO_TAIL && self.greeted;
        (speaking || tail) && echo >= self.config.echo_threshold
    }

    /// Asks for the final words of the stretch that ended.
    pub(super) fn flush(&mut self, out: &mut Vec<Action>) {
        let mark = self.next_mark();
        let Some(turn) = &mut self.turn else { return };
        turn.flush = Some(mark);
        // A recogniser that has not answered before is not waited for as long again.
        let limit = self.config.words_limit / (u32::from(self.unanswered.flushes) + 1);
        self.timers
            .set(Timer::Words, self.now + limit.max(WORDS_LIMIT_MIN));
        out.push(Action::Flush(mark));
    }

    pub(super) fn on_words(&mut self, event: WordsEvent, out: &mut Vec<Action>) {
        match event {
            _ if self.phase == Phase::HungUp => self.on_last_words(&event, out),
            WordsEvent::Failed => self.on_recogniser_failed(out),
            _ if self.phase != Phase::Talking => count(&mut self.counters.senseless),
            WordsEvent::Partial(text) => self.on_partial(&text, out),
            WordsEvent::Final { text, mark } => self.on_final(&text, mark, out),
            WordsEvent::Hint(hint) => self.on_hint(hint, out),
        }
    }

    fn on_partial(&mut self, text: &str, out: &mut Vec<Action>) {
        let early = (self.early_mark.is_some() || self.hold.music) && self.turn.is_none();
        if early || words::tokens(text).is_empty() || !self.accepts_words(text, out) {
            return;
        }
        let now = self.now;
        let unvoiced = self.voice.is_none();
        let since = self.voice.map_or(now, |voice| voice.since);
        let turn = self.turn.get_or_insert_with(|| CalleeTurn::new(since));
        if !turn.set_partial(self.unanswered.strip(text)) {
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
        if mark.is_some() && mark == self.early_mark {
            // What the recogniser heard before the answer, or of music.
            self.early_mark = None;
            return;
        }
        let fresh = self.unanswered.strip(text).to_owned();
        let text = fresh.as_str();
        let answers = self
            .turn
            .as_ref()
            .is_some_and(|turn| turn.flush.is_some() && turn.flush == mark);
        if mark.is_some_and(|mark| mark.0 <= self.last_mark) {
            let said = std::mem::take(&mut self.unanswered).said;
            if let Some(said) = said.filter(|_| !answers && self.turn.is_none()) {
                self.on_words_after_all(text, said, out);
                return;
            }
        }
        let music = self.hold.music && self.turn.is_none();
        if !answers && (music || words::tokens(text).is_empty() || !self.accepts_words(text, out)) {
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
            self.settle_stretch();
        }
        let Some(turn) = &self.turn else { return };
        let whole = turn.text();
        if !words::tokens(text).is_empty() {
            out.push(Action::Publish(Note::CalleeFinal(whole.clone())));
        }
        if whole != before || answers {
            self.on_words_changed(out);
        }
    }

    /// Final words whose turn was answered without them. They are a part of the call all the same: told where they were
    /// said, and answered unless the agent has begun to.
    fn on_words_after_all(&mut self, text: &str, said: Span, out: &mut Vec<Action>) {
        let tokens = words::tokens(text);
        if tokens.is_empty() {
            return;
        }
        count(&mut self.counters.late_words);
        let speaking = self.reply.as_ref().filter(|reply| reply.is_speaking());
        if speaking.is_some_and(|reply| words::is_echo_of(&tokens, &reply.ledger.sent_tokens())) {
            count(&mut self.counters.echo);
            return;
        }
        let speaking = speaking.is_some();
        let mut turn = CalleeTurn::new(said.started);
        turn.last_sound = said.ended;
        turn.words_at = Some(self.now);
        turn.add_final(text);
        out.push(Action::Publish(Note::CalleeFinal(turn.text())));
        self.turn = Some(turn);
        if speaking {
            self.commit_turn(None, out);
        } else {
            self.on_words_changed(out);
        }
    }

    /// The recogniser has an opinion of its own about the turn: the silence that is needed is weighed again.
    fn on_hint(&mut self, hint: TurnHint, out: &mut Vec<Action>) {
        let Some(turn) = &mut self.turn else {
            // Of a turn that was answered already, or of nothing that we heard.
            count(&mut self.counters.senseless);
            return;
        };
        turn.over = match hint {
            TurnHint::Over(percent) => Some(percent.min(100)),
            TurnHint::GoesOn => None,
        };
        self.evaluate(out);
    }

    /// The recogniser does not answer: the partial words must do.
    pub(super) fn on_words_missing(&mut self, out: &mut Vec<Action>) {
        let speaking = self.voice.is_some_and(|voice| !voice.echo);
        let Some(turn) = self.turn.as_mut().filter(|turn| turn.flush.is_some()) else {
            return;
        };
        turn.flush = None;
        if speaking {
            // The callee went on; the next flush will ask for these words, too.
            return;
        }
        turn.words_at = Some(self.now);
        self.unanswered.said = Some(Span {
            started: turn.started,
            ended: turn.last_sound,
        });
        let words = turn.settle_partial();
        self.unanswered.take_back(&words);
        self.unanswered.flushes = self.unanswered.flushes.saturating_add(1).min(3);
        self.settle_stretch();
        out.push(Action::Publish(Note::Warning(warning::WORDS_LATE)));
        self.on_words_changed(out);
    }

    /// The words of a stretch are known: it was speech after a pause, or a noise.
    fn settle_stretch(&mut self) {
        if self.voice.is_none()
            && let Some(turn) = &mut self.turn
            && let Some(pause) = turn.settle_stretch()
        {
            self.habit.on_pause(pause);
        }
    }

    /// The words of the open turn changed, or became final.
    fn on_words_changed(&mut self, out: &mut Vec<Action>) {
        let Some(turn) = &mut self.turn else { return };
        if turn.has_words() {
            self.wordless.count = 0;
            self.wordless.told = false;
        }
        self.judge_answer(false, out);
        if self.phase == Phase::Talking {
            self.judge(out);
            self.drop_outdated_try(out);
        }
    }
}

/// What a recogniser that does not answer flushes still holds back.
#[derive(Debug, Clone, Default)]
pub(super) struct Unanswered {
    /// Flushes in a row that were not answered.
    flushes: u8,
    /// Partial words that were taken for want of final ones, and will come again at the head of the next.
    words: String,
    /// When that was said of which the final words are missing.
    said: Option<Span>,
}

/// From the first sound to the last.
#[derive(Debug, Clone, Copy)]
struct Span {
    started: Instant,
    ended: Instant,
}

impl Unanswered {
    /// Partial words were taken as they are.
    pub(super) fn take_back(&mut self, partial: &str) {
        if !partial.is_empty() {
            self.words.push_str(partial);
            self.words.push(' ');
        }
    }

    /// Returns what is new in words that begin with what was taken already.
    pub(super) fn strip<'a>(&self, text: &'a str) -> &'a str {
        let taken = self.words.split_whitespace().count();
        let repeats = taken > 0 && words::tokens(text).starts_with(&words::tokens(&self.words));
        let mut rest = text;
        for _ in 0..if repeats { taken } else { 0 } {
            let begun = rest.trim_start();
            rest = begun
                .find(char::is_whitespace)
                .map_or("", |end| &begun[end..]);
        }
        rest.trim_start()
    }
}
