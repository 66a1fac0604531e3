//! The call itself: one struct that takes events and gives actions.
//!
//! This file holds the state, the way in and what happens when nothing is going on. The rules are beside it:
//! `line` (answer, keys, tones, who answered), `listen` (voice and words), `decide` (end of turn and the answer to it), `speak` and `stop` (replies, playout),
//! `tools` (what the agent does besides speaking), `interrupt` (barge-in), `close` (goodbye and the end), `command` (wishes
//! from outside).

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use crate::{
    Action, AnsweredBy, CallConfig, End, Event, Expected, FlushMark, Generation, Note, Status,
    Timer,
    barge_in::BargeIn,
    endpoint::Habit,
    history::History,
    reply::{Purpose, Reply},
    shape::Asked,
    timer::TimerTable,
    turn::CalleeTurn,
};

mod close;
mod command;
mod decide;
mod interrupt;
mod line;
mod listen;
mod speak;
mod stop;
mod tools;

use listen::Unanswered;
use tools::Toolbox;

/// The core of one call. Events go in, actions come out; it has no clock, no sound, no network, and cannot fail.
///
/// Order of use: [`Call::new`], [`Call::start`] once when dialing begins, then for each thing that happens
/// [`Call::handle`] with the one clock reading of that wake-up, carrying out the actions in order. When the
/// instant of [`Call::deadline`] comes, hand in [`Event::Deadline`]. [`Action::End`] is the last action; later
/// events are dropped and counted.
///
/// **Time.** The core's only time is the `now` it is given; it never runs backwards (an earlier instant counts as
/// the latest one known) and every timer that is due is carried out before the event, so that after each call the
/// deadline lies ahead. **Generations.** Each reply has a [`Generation`], at most one is alive, and every event of
/// a dead one is dropped in one place (`Call::alive`). A late or senseless event is never an error: see [`Counters`].
#[derive(Debug)]
pub struct Call {
    config: CallConfig,
    now: Instant,
    phase: Phase,
    timers: TimerTable,
    counters: Counters,
    last_generation: u32,
    last_mark: u32,
    /// Whether the line plays what it is given. Closed until the greeting, and during a barge-in.
    sound_open: bool,
    muted: bool,
    reply: Option<Reply>,
    turn: Option<CalleeTurn>,
    voice: Option<Voice>,
    barge_in: Option<BargeIn>,
    history: History,
    habit: Habit,
    /// What the agent was last heard asking for.
    asked: Asked,
    /// What the recogniser was told last that the callee will say.
    expected: Expected,
    answered_by: AnsweredBy,
    /// Whether the last words were those of a menu.
    menu: bool,
    answered_at: Instant,
    /// Whether the agent has begun to greet.
    greeted: bool,
    /// Since when the agent waits for the callee.
    idle_since: Instant,
    prompts: u8,
    hold: Hold,
    /// A reply that the model owes, with what to tell it.
    owed: Option<Option<&'static str>>,
    says: VecDeque<String>,
    /// The call is to end so, at the next gap.
    wrap_up: Option<End>,
    /// The goodbye was heard; the call ends so unless the callee objects.
    closing: Option<Closing>,
    /// An opening that the callee spoke into and should hear again, whole.
    again: Option<String>,
    /// The flush that clears the recogniser of what it heard before the answer, or of music, until it is answered.
    early_mark: Option<FlushMark>,
    /// How often a callee's objection kept the call going after a goodbye.
    revived: u8,
    /// A voice mailbox answered and a message is to be left.
    mailbox: bool,
    /// When the last turn of the transcript began.
    last_turn: Instant,
    /// Completed callee turns.
    callee_turns: u32,
    /// When the callee had last heard the agent out.
    heard_out: Option<Instant>,
    /// Whether the callee has answered what the agent said: machines do not.
    conversed: bool,
    failures: Failures,
    wordless: Wordless,
    unanswered: Unanswered,
    /// A listener's words over the agent's speech: an answer, if that ends in a question.
    murmur: Option<CalleeTurn>,
    /// The agent gave way and does not know yet to what.
    cut_off: bool,
    toolbox: Toolbox,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Dialing,
    Talking,
    /// The callee has hung up, and the recogniser still owes what was said last.
    HungUp,
    Over,
}

/// A stretch of voice under way.
#[derive(Debug, Clone, Copy)]
struct Voice {
    since: Instant,
    /// Likelihood that it is the agent's own voice come back.
    score: f32,
    /// Whether it is taken for that.
    echo: bool,
    /// Whether words have shown that it is the callee, whatever it sounds like.
    real: bool,
}

/// The callee asked to be given time, or a waiting queue plays.
#[derive(Debug, Clone, Copy, Default)]
struct Hold {
    asked: bool,
    music: bool,
}

#[derive(Debug, Clone, Copy)]
struct Closing {
    end: End,
    firm: bool,
    /// However much is said, the line closes then.
    latest: Instant,
}

/// Failures in a row.
#[derive(Debug, Clone, Copy, Default)]
struct Failures {
    model: u8,
    voice: u8,
}

/// Sounds of the callee that held no words.
#[derive(Debug, Clone, Copy, Default)]
struct Wordless {
    /// In a row.
    count: u8,
    /// Whether the callee was told that the agent did not understand, since the last words.
    told: bool,
    /// Interruptions in this call that turned out to be noise.
    interruptions: u8,
}

/// What was dropped, and why. For logs and tests; all counts saturate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// Events of a generation that is not alive.
    pub stale: u32,
    /// Events that make no sense at this moment: words before the answer, a voice that ends without having begun.
    pub senseless: u32,
    /// Voice or words that were the agent's own, come back.
    pub echo: u32,
    /// Words that came after their turn was closed, or without any voice while the agent spoke.
    pub late_words: u32,
    /// Events after the end.
    pub after_end: u32,
    /// Tools that the model wanted and that made no sense at that moment.
    pub refused_tools: u32,
    /// Replies of which words were withheld.
    pub withheld: u32,
}

impl Call {
    /// Makes a call that has not been dialed yet.
    #[must_use]
    pub fn new(config: CallConfig, now: Instant) -> Self {
        Self {
            config: config.clamped(),
            now,
            phase: Phase::Dialing,
            timers: TimerTable::default(),
            counters: Counters::default(),
            last_generation: 0,
            last_mark: 0,
            sound_open: false,
            muted: false,
            reply: None,
            turn: None,
            voice: None,
            barge_in: None,
            history: History::default(),
            habit: Habit::default(),
            asked: Asked::Nothing,
            expected: Expected::Anything,
            answered_by: AnsweredBy::Unknown,
            menu: false,
            answered_at: now,
            greeted: false,
            idle_since: now,
            prompts: 0,
            hold: Hold::default(),
            owed: None,
            says: VecDeque::new(),
            wrap_up: None,
            closing: None,
            again: None,
            early_mark: None,
            revived: 0,
            mailbox: false,
            last_turn: now,
            callee_turns: 0,
            heard_out: None,
            conversed: false,
            failures: Failures::default(),
            wordless: Wordless::default(),
            unanswered: Unanswered::default(),
            murmur: None,
            cut_off: false,
            toolbox: Toolbox::default(),
        }
    }

    /// Begins: the phone rings, and the greeting is prepared meanwhile. Called once, before any event.
    pub fn start(&mut self, now: Instant, actions: &mut Vec<Action>) {
        self.now = self.now.max(now);
        actions.push(Action::Publish(Note::Status(Status::Dialing)));
        self.timers
            .set(Timer::Ring, self.now + self.config.ring_limit);
        self.prepare_opening(actions);
    }

    /// Takes one event and appends everything that follows from it, in order, to `actions`.
    pub fn handle(&mut self, event: Event, now: Instant, actions: &mut Vec<Action>) {
        self.now = self.now.max(now);
        if self.phase == Phase::Over {
            count(&mut self.counters.after_end);
            return;
        }
        self.fire_due(actions);
        if self.phase == Phase::HungUp && !matches!(event, Event::Words(_) | Event::Deadline) {
            count(&mut self.counters.after_end);
        } else if self.phase != Phase::Over {
            self.dispatch(event.sane(), actions);
            self.settle(actions);
            self.fire_due(actions);
        }
    }

    /// Returns when to hand in [`Event::Deadline`], and why. `None` before [`Call::start`] and after the end.
    #[must_use]
    pub fn deadline(&self) -> Option<(Instant, Timer)> {
        self.timers.next()
    }

    /// Returns what was dropped so far.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.counters
    }

    fn dispatch(&mut self, event: Event, out: &mut Vec<Action>) {
        match event {
            Event::Line(event) => self.on_line(event, out),
            Event::Voice(event) => self.on_voice(event, out),
            Event::Words(event) => self.on_words(event, out),
            Event::Reply(generation, event) => self.on_reply(generation, event, out),
            Event::Speech(clause, event) => self.on_speech(clause, event, out),
            Event::Playout(event) => self.on_playout(event, out),
            Event::Command(command) => self.on_command(command, out),
            // What is due was carried out before; a deadline that came early finds nothing.
            Event::Deadline => {}
        }
    }

    /// Carries out every timer that is due. A timer may set another one that is due at once; each such chain is
    /// short, and the bound only guards against a fault of this program.
    fn fire_due(&mut self, out: &mut Vec<Action>) {
        for _ in 0..64 {
            let Some(timer) = self.timers.take_due(self.now) else {
                return;
            };
            self.on_timer(timer, out);
            self.settle(out);
        }
        debug_assert!(false, "timers keep setting one another");
    }

    fn on_timer(&mut self, timer: Timer, out: &mut Vec<Action>) {
        match timer {
            Timer::Ring => self.on_rung_out(out),
            Timer::Greeting => self.greet(out),
            Timer::Flush => self.flush(out),
            Timer::Words if self.phase == Phase::HungUp => self.end(End::CalleeHungUp, out),
            Timer::Words => self.on_words_missing(out),
            Timer::EndOfTurn => self.evaluate(out),
            Timer::Voice => self.on_voice_lost(out),
            Timer::BargeIn => self.judge(out),
            Timer::Clause => self.speak_waiting_clause(out),
            Timer::Filler => self.say_filler(out),
            Timer::Think => self.on_model_silent(out),
            Timer::Answer => self.on_answer_missing(out),
            Timer::Playout => self.on_playout_lost(out),
            Timer::Silence => self.on_silence(out),
            Timer::Linger => self.on_linger(out),
            Timer::WrapUp => self.wrap_up_now(out),
            Timer::Mailbox => self.leave_message(out),
            Timer::Goodbye => self.wrap_up(End::MaxDuration, WRAP_UP_WAIT, out),
            Timer::MaxDuration => self.hang_up(End::MaxDuration, out),
        }
    }

    /// Whether the callee hears, or is about to hear, the agent.
    fn is_speaking(&self) -> bool {
        self.reply.as_ref().is_some_and(Reply::is_speaking)
    }

    /// Starts whatever is due now that the event is dealt with. Looks at the state only, never at the event that
    /// led to it, so that no path can leave the call waiting for nothing.
    fn settle(&mut self, out: &mut Vec<Action>) {
        if self.phase != Phase::Talking {
            return;
        }
        self.finish_reply(out);
        self.evaluate(out);
        if self.phase != Phase::Talking || self.closing.is_some() {
            return;
        }
        if !self.greeted {
            self.plan_greeting();
        }
        if let Some(reply) = &self.reply {
            let waits =
                !reply.released && self.greeted && self.turn.is_none() && !self.callee_has_floor();
            if waits {
                self.release(out);
            }
        } else if !self.callee_has_floor() {
            self.take_floor(out);
        }
        self.watch_silence();
    }

    /// The floor is free and the agent has nothing under way: begins what waits, most urgent first.
    fn take_floor(&mut self, out: &mut Vec<Action>) {
        if let Some(end) = self.wrap_up {
            self.say_goodbye(end, out);
        } else if self.muted || self.mailbox {
            // Listening goes on.
        } else if let Some(text) = self.says.pop_front() {
            self.greeted = true;
            self.speak(Purpose::Say, &text, out);
        } else if !self.greeted {
            // The greeting has its own timer.
        } else if let Some(note) = self.owed.take() {
            self.think(note, out);
        }
    }

    /// The greeting waits for a free floor; noise in place of a hello only delays it.
    fn plan_greeting(&mut self) {
        let blocked = self.mailbox || self.muted || self.callee_has_floor();
        if !blocked && self.timers.get(Timer::Greeting).is_none() {
            self.timers.set(Timer::Greeting, self.now + GREETING_AGAIN);
        }
    }

    /// Whether the callee is speaking, or has spoken and it is not decided yet whether that is all. A voice in
    /// which no word is recognised for seconds is noise and keeps nobody from speaking.
    fn callee_has_floor(&self) -> bool {
        match (&self.voice, &self.turn) {
            (Some(voice), _) if voice.echo => false,
            (Some(_), Some(turn)) if turn.has_words() => true,
            (Some(voice), _) => self.now.saturating_duration_since(voice.since) < NOISE_AFTER,
            (None, Some(turn)) => turn.decided.is_none() || turn.flush.is_some(),
            (None, None) => false,
        }
    }

    fn next_generation(&mut self) -> Generation {
        self.last_generation = self.last_generation.saturating_add(1);
        Generation(self.last_generation)
    }

    fn next_mark(&mut self) -> FlushMark {
        self.last_mark = self.last_mark.wrapping_add(1);
        FlushMark(self.last_mark)
    }

    /// Returns the reply that an event of a service belongs to, if that generation is alive.
    fn alive(&mut self, generation: Generation) -> Option<&mut Reply> {
        let reply = self
            .reply
            .as_mut()
            .filter(|reply| reply.generation == generation);
        if reply.is_none() {
            count(&mut self.counters.stale);
        }
        reply
    }
}

/// After noise in place of a hello, how soon the agent greets.
const GREETING_AGAIN: Duration = Duration::from_millis(300);
/// A voice without recognised words is taken for noise from here on.
const NOISE_AFTER: Duration = Duration::from_secs(3);
/// How long a wish to end the call politely waits for a gap.
const WRAP_UP_WAIT: Duration = Duration::from_secs(3);

fn count(counter: &mut u32) {
    *counter = counter.saturating_add(1);
}
