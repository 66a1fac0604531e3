//! A world around one call: line, callee, recogniser, model and synthesiser on a virtual clock.
//!
//! Used by the call scripts and by the simulator. Time jumps from one happening to the next; nothing waits. The
//! services behave plainly unless told otherwise: what they should do comes from a script or a seed.

#![allow(dead_code, reason = "each test program uses its own part of the world")]

pub(crate) use answer::{Answer, Ends};

use std::{
    collections::{BTreeMap, VecDeque},
    time::{Duration, Instant},
};

use call::{
    Action, Call, CallConfig, ClauseId, Event, FlushMark, Generation, Prosody, ReplyEvent,
    SpeechEvent, VoiceEvent, WordsEvent,
};

mod answer;
pub(crate) mod checker;
pub(crate) mod conversation;
pub(crate) mod downlink;
pub(crate) mod script;
use checker::Checker;
use downlink::Downlink;

/// Returns an instant to count from.
#[expect(
    clippy::disallowed_methods,
    reason = "a test needs one real instant to count from"
)]
pub(crate) fn epoch() -> Instant {
    Instant::now()
}

/// Returns milliseconds as a duration.
pub(crate) fn ms(value: u64) -> Duration {
    Duration::from_millis(value)
}

/// How the services and the line behave.
#[derive(Debug, Clone)]
pub(crate) struct Manners {
    /// From the end of a word to the partial result with it. `None`: no partial results.
    pub(crate) partial_lag: Option<Duration>,
    /// From a flush to its answer. `None`: it never answers.
    pub(crate) flush_lag: Option<Duration>,
    /// From a clause to its first sound. `None`: it never comes.
    pub(crate) sound_lag: Option<Duration>,
    /// Speaking time per character.
    pub(crate) per_char: Duration,
    /// Whether the synthesiser tells word times.
    pub(crate) word_times: bool,
    /// From sending to hearing. `None`: the line never reports playout.
    pub(crate) playout_lag: Option<Duration>,
    /// How often the line reports.
    pub(crate) tick: Duration,
    /// From the first voiced sample to the start edge, and from the last to the end edge.
    pub(crate) edge_lag: (Duration, Duration),
    /// Clauses still to fail.
    pub(crate) failing_clauses: u32,
    /// Whether late events of cancelled replies are still delivered.
    pub(crate) leaky: bool,
}

impl Default for Manners {
    fn default() -> Self {
        Self {
            partial_lag: Some(ms(150)),
            flush_lag: Some(ms(40)),
            sound_lag: Some(ms(120)),
            per_char: ms(60),
            word_times: false,
            playout_lag: Some(ms(60)),
            tick: ms(20),
            edge_lag: (ms(60), ms(140)),
            failing_clauses: 0,
            leaky: false,
        }
    }
}

#[derive(Debug, Clone)]
enum Happening {
    Event(Event),
    Tick,
    Partial,
    Flushed(FlushMark),
    Wake,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct World {
    /// The instant at which the call began.
    pub(crate) origin: Instant,
    /// Now, from the beginning.
    pub(crate) now: Duration,
    /// The call.
    pub(crate) call: Call,
    /// Everything handed to the call.
    pub(crate) events: Vec<(Duration, Event)>,
    /// Everything that the call did.
    pub(crate) actions: Vec<(Duration, Action)>,
    /// How the services behave; may be changed at any time.
    pub(crate) manners: Manners,
    /// What the model will answer, in order.
    pub(crate) answers: VecDeque<Answer>,
    /// How the call was configured.
    pub(crate) config: CallConfig,
    /// Checks every action, if it is there.
    pub(crate) checker: Option<Checker>,
    /// The first thing that the checker found.
    pub(crate) wrong: Option<String>,
    /// The agent's sound on the line.
    pub(crate) downlink: Downlink,
    queue: BTreeMap<(Duration, u64), Happening>,
    sequence: u64,
    words: Vec<(Duration, String)>,
    taken: usize,
    asked: BTreeMap<u32, Answer>,
    voiced: std::collections::BTreeSet<u32>,
    cancelled: std::collections::BTreeSet<u32>,
    scratch: Vec<Action>,
    lengths: BTreeMap<ClauseId, Duration>,
}

/// What [`World::step`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// Time went on.
    Went,
    /// A wake-up that was asked for has come.
    Woke,
    /// Nothing will ever happen any more.
    Still,
}

impl World {
    /// Makes a world and dials.
    pub(crate) fn new(config: CallConfig, manners: Manners, answers: Vec<Answer>) -> Self {
        Self::make(config, manners, answers, |_| None)
    }

    /// Makes a world with a checker, and dials.
    pub(crate) fn watched(
        config: CallConfig,
        manners: Manners,
        answers: Vec<Answer>,
        checker: impl FnOnce(Instant) -> Checker,
    ) -> Self {
        Self::make(config, manners, answers, |origin| Some(checker(origin)))
    }

    fn make(
        config: CallConfig,
        manners: Manners,
        answers: Vec<Answer>,
        checker: impl FnOnce(Instant) -> Option<Checker>,
    ) -> Self {
        let origin = epoch();
        let mut world = Self {
            origin,
            now: Duration::ZERO,
            call: Call::new(config.clone(), origin),
            config,
            checker: checker(origin),
            wrong: None,
            lengths: BTreeMap::new(),
            events: Vec::new(),
            actions: Vec::new(),
            manners,
            answers: answers.into(),
            downlink: Downlink::default(),
            queue: BTreeMap::new(),
            sequence: 0,
            words: Vec::new(),
            taken: 0,
            asked: BTreeMap::new(),
            voiced: Default::default(),
            cancelled: Default::default(),
            scratch: Vec::new(),
        };
        let mut actions = Vec::new();
        world.call.start(origin, &mut actions);
        world.carry_out(actions);
        world
    }

    /// Lets an event happen at `at`.
    pub(crate) fn at(&mut self, at: Duration, event: Event) {
        self.put(at, Happening::Event(event));
    }

    /// Asks for a wake-up.
    pub(crate) fn wake_at(&mut self, at: Duration) {
        self.put(at, Happening::Wake);
    }

    /// Somebody speaks from `at` on: voice edges, and words spread over the time.
    pub(crate) fn voice(
        &mut self,
        at: Duration,
        length: Duration,
        words: &str,
        echo: f32,
        prosody: Prosody,
    ) {
        let (start_lag, end_lag) = self.manners.edge_lag;
        let start_lag = start_lag.min(length);
        self.at(
            at + start_lag,
            Event::Voice(VoiceEvent::Started {
                voiced: start_lag,
                echo,
            }),
        );
        let mut voiced = start_lag + ms(100);
        while voiced < length {
            self.at(
                at + voiced,
                Event::Voice(VoiceEvent::Going { voiced, echo }),
            );
            voiced += ms(100);
        }
        let ended = VoiceEvent::Ended {
            silence: end_lag,
            voiced: length,
            prosody,
        };
        self.at(at + length + end_lag, Event::Voice(ended));
        let total = words.chars().count().max(1) as f64;
        let mut chars = 0;
        for word in words.split_whitespace() {
            chars += word.chars().count() + 1;
            let end = at + length.mul_f64((chars as f64 / total).min(1.0));
            self.words.push((end, word.to_owned()));
            if let Some(lag) = self.manners.partial_lag {
                self.put(end + lag, Happening::Partial);
            }
        }
    }

    /// Every word that the callee said, in order.
    pub(crate) fn uttered(&self) -> impl Iterator<Item = &str> {
        self.words.iter().map(|(_, word)| word.as_str())
    }

    /// Whether the call is over.
    pub(crate) fn is_over(&self) -> bool {
        matches!(self.actions.last(), Some((_, Action::End(_))))
    }

    /// Lets the next thing happen.
    pub(crate) fn step(&mut self) -> Step {
        let next = self.queue.keys().next().map(|(at, _)| *at);
        let due = self
            .call
            .deadline()
            .map(|(at, _)| at.saturating_duration_since(self.origin));
        match (next, due) {
            (None, None) => return Step::Still,
            (next, Some(due)) if next.is_none_or(|next| due <= next) => {
                self.now = self.now.max(due);
                self.hand_in(Event::Deadline);
            }
            _ => {
                let ((at, _), happening) =
                    self.queue.pop_first().expect("a next happening was seen");
                self.now = self.now.max(at);
                if self.happen(happening) {
                    return Step::Woke;
                }
            }
        }
        Step::Went
    }

    fn put(&mut self, at: Duration, happening: Happening) {
        self.sequence += 1;
        self.queue.insert((at, self.sequence), happening);
    }

    fn happen(&mut self, happening: Happening) -> bool {
        match happening {
            Happening::Event(event) => {
                if self.manners.leaky || !self.is_cancelled(&event) {
                    self.hand_in(event);
                }
            }
            Happening::Tick => self.tick(),
            Happening::Partial => self.partial(),
            Happening::Flushed(mark) => self.flushed(mark),
            Happening::Wake => return true,
        }
        false
    }

    /// Events of a reply that was cancelled do not come any more: the driver dropped its streams.
    fn is_cancelled(&self, event: &Event) -> bool {
        match event {
            Event::Reply(generation, _) => self.cancelled.contains(&generation.0),
            Event::Speech(clause, _) => self.cancelled.contains(&clause.generation.0),
            _ => false,
        }
    }

    /// Hands an event to the call now.
    pub(crate) fn hand_in(&mut self, event: Event) {
        self.events.push((self.now, event.clone()));
        if let Some(checker) = &mut self.checker {
            checker.on_event(&event, self.now);
        }
        let mut actions = std::mem::take(&mut self.scratch);
        self.call
            .handle(event, self.origin + self.now, &mut actions);
        self.carry_out(actions);
        let deadline = self.call.deadline().map(|(at, _)| at - self.origin);
        if let Some(Err(wrong)) = self
            .checker
            .as_ref()
            .map(|checker| checker.between(deadline))
        {
            self.wrong.get_or_insert(wrong);
        }
    }

    fn carry_out(&mut self, mut actions: Vec<Action>) {
        for action in actions.drain(..) {
            if let Some(checker) = &mut self.checker
                && let Err(wrong) = checker.on_action(&action, &self.downlink.played, &self.lengths)
            {
                self.wrong.get_or_insert(wrong);
            }
            match &action {
                Action::Flush(mark) => {
                    if let Some(lag) = self.manners.flush_lag {
                        self.put(self.now + lag, Happening::Flushed(*mark));
                    }
                }
                Action::Think { generation, .. } => self.think(*generation),
                Action::Speak { clause, text } => self.speak(*clause, &text.clone()),
                Action::Cancel(generation) => self.cancel(*generation),
                Action::Pause => self.downlink.pause(),
                Action::Resume => {
                    self.downlink.resume();
                    self.start_ticking();
                }
                Action::HangUp | Action::End(_) => self.downlink.clear(),
                _ => {}
            }
            self.actions.push((self.now, action));
        }
        self.scratch = actions;
    }

    fn think(&mut self, generation: Generation) {
        let Some(answer) = self.answers.pop_front() else {
            return;
        };
        self.asked.insert(generation.0, answer.clone());
        let mut at = self.now + answer.after;
        for word in answer.text.split_inclusive(' ') {
            self.at(
                at,
                Event::Reply(generation, ReplyEvent::Text(word.to_owned())),
            );
            at += ms(20);
        }
        if answer.withheld {
            self.at(at, Event::Reply(generation, ReplyEvent::Withheld));
        }
        for tool in answer.tools {
            self.at(at, Event::Reply(generation, ReplyEvent::Tool(tool)));
        }
        match answer.ends {
            Ends::Done => self.at(at, Event::Reply(generation, ReplyEvent::Done)),
            Ends::Failed => self.at(at, Event::Reply(generation, ReplyEvent::Failed)),
            Ends::Never => {}
        }
    }

    fn speak(&mut self, clause: ClauseId, text: &str) {
        self.voiced.insert(clause.generation.0);
        self.downlink.push(clause);
        let Some(lag) = self.manners.sound_lag else {
            return;
        };
        let at = self.now + lag;
        if self.manners.failing_clauses > 0 {
            self.manners.failing_clauses -= 1;
            self.at(at, Event::Speech(clause, SpeechEvent::Failed));
            self.downlink.fail(clause);
            return;
        }
        let length = self.manners.per_char * u32::try_from(text.chars().count()).unwrap_or(0);
        self.downlink.sound(clause, length, at);
        self.lengths.insert(clause, length);
        if self.manners.word_times {
            let mut ends = Vec::new();
            // Every word takes as long as any other: not what a share of the characters would give.
            let count = u32::try_from(text.split_whitespace().count()).unwrap_or(0);
            for word in 1..=count {
                ends.push(length * word / count);
            }
            self.at(at, Event::Speech(clause, SpeechEvent::Words(ends)));
        }
        self.at(at, Event::Speech(clause, SpeechEvent::Audio(length)));
        self.at(at, Event::Speech(clause, SpeechEvent::Done(length)));
        self.put(at, Happening::Tick);
    }

    fn cancel(&mut self, generation: Generation) {
        self.cancelled.insert(generation.0);
        self.downlink.cancel(generation);
        // A guess that was thrown away is asked for again.
        if let Some(answer) = self.asked.remove(&generation.0)
            && !self.voiced.contains(&generation.0)
            && answer.ends == Ends::Done
        {
            self.answers.push_front(answer);
        }
        self.start_ticking();
    }

    fn start_ticking(&mut self) {
        if let Some(at) = self.downlink.next_tick(self.now, self.manners.tick) {
            self.put(at, Happening::Tick);
        }
    }

    fn tick(&mut self) {
        let Some(lag) = self.manners.playout_lag else {
            return;
        };
        for (delayed, event) in self.downlink.tick(self.now, self.manners.tick) {
            if delayed {
                self.at(self.now + lag, Event::Playout(event));
            } else {
                self.hand_in(Event::Playout(event));
            }
        }
        self.start_ticking();
    }

    fn unread(&self, until: Duration) -> (usize, String) {
        let end = self
            .words
            .iter()
            .take_while(|(at, _)| *at <= until)
            .count()
            .max(self.taken);
        let words: Vec<_> = self.words[self.taken..end]
            .iter()
            .map(|(_, word)| word.as_str())
            .collect();
        (end, words.join(" "))
    }

    fn partial(&mut self) {
        let lag = self.manners.partial_lag.unwrap_or_default();
        let (_, text) = self.unread(self.now.saturating_sub(lag));
        if !text.is_empty() {
            self.hand_in(Event::Words(WordsEvent::Partial(text)));
        }
    }

    fn flushed(&mut self, mark: FlushMark) {
        if self.manners.flush_lag.is_none() {
            return;
        }
        let lag = self.manners.flush_lag.unwrap_or_default();
        let (end, text) = self.unread(self.now.saturating_sub(lag));
        self.taken = end;
        self.hand_in(Event::Words(WordsEvent::Final {
            text,
            mark: Some(mark),
        }));
    }
}
