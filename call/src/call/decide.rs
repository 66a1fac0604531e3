//! The decision that the callee has finished, and what follows from it: an answer, a guess at one, or nothing.

use std::time::Duration;

use super::{Call, Phase};
use crate::{
    Action, Speaker, Timer, Turn, ending,
    endpoint::{self, Evidence},
    latency::Marks,
    notes,
    reply::Purpose,
    shape::{self, Said, Shape},
    turn::CalleeTurn,
    words,
};

/// Speculative requests of the model in one turn.
const TRIES_MAX: u8 = 3;
/// Speculation is worth a request only when the decision is at least this far off.
const WORTH_A_TRY: Duration = Duration::from_millis(60);
/// Words that look unfinished are given this much silence before the model is asked on speculation.
const TRY_OPEN_WORDS_AFTER: Duration = Duration::from_millis(700);
/// A wordless sound shorter than this was a cough, not an utterance that was not understood.
const UTTERANCE: Duration = Duration::from_millis(400);
/// How many utterances in a row are not understood before the agent says so.
const WORDLESS_MAX: u8 = 2;

impl Call {
    /// A reply begun on other words than these, and not heard yet, answers the wrong question.
    pub(super) fn drop_outdated_try(&mut self, out: &mut Vec<Action>) {
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
        let evidence = self.evidence(turn);
        let shape = evidence.shape;
        let required = endpoint::required(evidence, &self.habit, self.config.patience);
        let due = turn.last_sound + required;
        let due = turn.hold_until.map_or(due, |until| until.max(due));
        let waits_for_words = turn.flush.is_some() || self.timers.get(Timer::Flush).is_some();
        if self.now < due {
            let try_at = turn.last_sound + try_after(shape);
            self.timers.set(Timer::EndOfTurn, due);
            self.reopen();
            if due.saturating_duration_since(self.now.max(try_at)) < WORTH_A_TRY || waits_for_words
            {
                // Too late, or too early, for a guess.
            } else if self.now >= try_at {
                self.try_early(out);
            } else {
                self.timers.set(Timer::EndOfTurn, try_at);
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

    /// Everything known about whether the open turn is over.
    fn evidence(&self, turn: &CalleeTurn) -> Evidence {
        let text = turn.text();
        let tokens = words::tokens(&text);
        let said = Said {
            text: &text,
            pauses: turn.pauses(),
        };
        Evidence {
            shape: shape::shape(said, self.asked, self.callee_turns == 0),
            asked: self.asked,
            prosody: turn.prosody,
            ending: ending::log_odds(&tokens),
            words: tokens.len(),
            voiced: turn.voiced,
            first: self.callee_turns == 0,
            menu: self.menu && !words::is_person(&tokens),
            over: turn.over,
        }
    }

    /// Returns what is known about the end of the callee's open turn as the numbers that are weighed (see
    /// `endpoint`), for whoever fits the weights; `None` when no turn is open, or its words alone decide.
    #[must_use]
    pub fn end_features(&self) -> Option<Vec<f32>> {
        let evidence = self.evidence(self.turn.as_ref()?);
        endpoint::features(evidence).map(Vec::from)
    }

    /// Returns the words of the callee's open turn so far.
    #[must_use]
    pub fn open_words(&self) -> String {
        self.turn.as_ref().map(CalleeTurn::text).unwrap_or_default()
    }

    /// The callee has not finished after all.
    pub(super) fn reopen(&mut self) {
        if let Some(turn) = &mut self.turn {
            turn.decided = None;
        }
    }

    /// Asks the model before the decision.
    fn try_early(&mut self, out: &mut Vec<Action>) {
        if self.reply.is_some() || !self.greeted || self.answers_nobody() {
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
            || self.again.is_some()
            || self.hold.asked
            || self.hold.music
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
        self.cut_off = false;
        let queue = words::is_queue_announcement(&tokens);
        let waiting = self.hold.asked || self.hold.music;
        self.hold.asked = words::asks_to_hold(&tokens) || queue;
        if self.closing.is_some() && !self.is_objection(&tokens, out) {
            // Leave was taken; the call is over.
        } else if self.mailbox || self.muted || self.wrap_up.is_some() {
            self.owed = (!self.mailbox).then_some(None);
            self.drop_reply(out);
            self.commit_turn(None, out);
        } else if waiting && (queue || self.hold.asked) {
            // The same announcement every half minute is not answered every time.
            self.drop_reply(out);
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
        let again = self.again.take();
        if let Some(opening) = again.filter(|_| words::is_greeting(&words::tokens(&text))) {
            self.repeat_opening(&opening, out);
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
        if self.cut_off && self.reply.is_none() {
            self.cut_off = false;
            self.owed = Some(Some(notes::CUT_OFF));
            return;
        }
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
            self.owed = Some(Some(notes::NOT_UNDERSTOOD));
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
        if base.is_none() {
            // Words that may still change will come again at the head of the next result.
            self.unanswered.take_back(&turn.settle_partial());
        }
        let speaking = self.voice.is_some_and(|voice| !voice.echo) && base.is_none();
        let ended = if speaking { self.now } else { turn.last_sound };
        self.callee_turns = self.callee_turns.saturating_add(1);
        self.conversed |= self.answers(&turn);
        self.history.push_callee(&text);
        self.on_callee_turn(&text);
        self.idle_since = self.now;
        self.publish_turn(
            Turn {
                speaker: Speaker::Callee,
                text,
                started: turn.started,
                ended,
                interrupted: false,
                latency: None,
            },
            out,
        );
    }

    /// Whether the callee has heard the agent out before these words.
    pub(super) fn answers(&self, turn: &CalleeTurn) -> bool {
        let after = |heard| turn.started >= heard && !turn.text().is_empty();
        self.heard_out.is_some_and(after)
    }

    /// Puts a turn into the transcript. Turns that overlap are told in the order of their ends; none is said to
    /// have begun before the one told before it.
    pub(super) fn publish_turn(&mut self, mut turn: Turn, out: &mut Vec<Action>) {
        turn.started = turn.started.max(self.last_turn);
        turn.ended = turn.ended.max(turn.started);
        self.last_turn = turn.started;
        out.push(Action::Turn(turn));
    }
}

/// The silence after which a guess at the end of the turn is worth a request: none where the words look whole.
fn try_after(shape: Shape) -> Duration {
    match shape {
        Shape::Short
        | Shape::Complete
        | Shape::Part
        | Shape::Neutral
        | Shape::NumberComplete
        | Shape::EmailComplete => Duration::ZERO,
        _ => TRY_OPEN_WORDS_AFTER,
    }
}

/// Whether two texts have the same words, whatever their punctuation.
fn same_words(a: &str, b: &str) -> bool {
    a == b || words::tokens(a) == words::tokens(b)
}
