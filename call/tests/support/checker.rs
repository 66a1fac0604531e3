//! What must hold in every conversation, checked after every event.
//!
//! Watches a call from outside: the events it is given, the actions it takes, what really left on the line. Knows
//! nothing of how the call decides.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use call::{
    Action, ClauseId, Event, Expected, LineEvent, Note, PlayoutEvent, ReplyEvent, Speaker,
    SpeechEvent, Turn,
};

/// One reply as seen from outside.
#[derive(Debug, Default)]
struct Reply {
    /// Whether a model was asked and has not ended.
    writing: bool,
    cancelled: bool,
    /// Clauses that were given to the synthesiser and are not over.
    open: BTreeSet<u16>,
    texts: BTreeMap<u16, String>,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Checker {
    origin: Instant,
    now: Duration,
    replies: BTreeMap<u32, Reply>,
    answered: bool,
    hung_up: bool,
    ended: u32,
    sound_open: bool,
    last_mark: u32,
    expected: Expected,
    last_turn: Option<Instant>,
    /// What was said, for the history.
    said: Vec<String>,
    /// Last time at which anybody made a sound or the call did something.
    active: Duration,
    muted: bool,
    /// Longest quiet time allowed.
    quiet_limit: Duration,
    /// Whether the line confirms playout; without that, what was heard is an estimate.
    confirms: bool,
}

impl Checker {
    /// Watches a call that began at `origin`.
    pub(crate) fn new(origin: Instant, quiet_limit: Duration, confirms: bool) -> Self {
        Self {
            origin,
            now: Duration::ZERO,
            replies: BTreeMap::new(),
            answered: false,
            hung_up: false,
            ended: 0,
            sound_open: false,
            last_mark: 0,
            expected: Expected::Anything,
            last_turn: None,
            said: Vec::new(),
            active: Duration::ZERO,
            muted: false,
            quiet_limit,
            confirms,
        }
    }

    /// An event is about to be handed in.
    pub(crate) fn on_event(&mut self, event: &Event, now: Duration) {
        self.now = now;
        match event {
            Event::Line(LineEvent::Answered) => {
                self.answered = true;
                self.active = now;
            }
            Event::Reply(generation, event) => {
                if let (ReplyEvent::Done | ReplyEvent::Failed, Some(reply)) =
                    (event, self.replies.get_mut(&generation.0))
                {
                    reply.writing = false;
                }
            }
            Event::Speech(clause, SpeechEvent::Failed) => self.close(*clause),
            Event::Speech(clause, SpeechEvent::Done(length)) if length.is_zero() => {
                self.close(*clause)
            }
            Event::Playout(PlayoutEvent::Finished(clause)) => self.close(*clause),
            Event::Command(call::Command::Mute(muted)) => self.muted = *muted,
            _ => {}
        }
        if matches!(event, Event::Playout(_) | Event::Voice(_) | Event::Words(_)) || self.muted {
            self.active = now;
        }
    }

    fn close(&mut self, clause: ClauseId) {
        if let Some(reply) = self.replies.get_mut(&clause.generation.0) {
            reply.open.remove(&clause.index);
        }
    }

    /// Checks one action; `played` holds every stretch of sound that left.
    pub(crate) fn on_action(
        &mut self,
        action: &Action,
        played: &[(Duration, ClauseId, Duration)],
        lengths: &BTreeMap<ClauseId, Duration>,
    ) -> Result<(), String> {
        if self.ended > 0 {
            return Err(format!("after the end: {action:?}"));
        }
        if self.hung_up && !matches!(action, Action::End(_)) {
            return Err(format!("after hanging up: {action:?}"));
        }
        match action {
            Action::Think {
                generation,
                history,
            } => {
                self.begin(generation.0, true)?;
                self.check_history(history)?;
            }
            Action::Speak { clause, text } => self.on_speak(*clause, text)?,
            Action::Cancel(generation) => self.on_cancel(generation.0)?,
            Action::Flush(mark) if mark.0 <= self.last_mark => {
                return Err("a flush mark was used twice".into());
            }
            Action::Flush(mark) => self.last_mark = mark.0,
            Action::Expect(expected) if *expected == self.expected => {
                return Err(format!("told twice to expect {}", expected.name()));
            }
            Action::Expect(expected) => self.expected = *expected,
            Action::Pause if !self.sound_open => return Err("paused twice".into()),
            Action::Pause => self.sound_open = false,
            Action::Resume if self.sound_open => return Err("resumed twice".into()),
            Action::Resume if !self.answered => return Err("sound before the answer".into()),
            Action::Resume => self.sound_open = true,
            Action::HangUp => self.hung_up = true,
            Action::End(_) => self.ended += 1,
            Action::Turn(turn) => self.on_turn(turn, played, lengths)?,
            Action::Publish(Note::AgentSpeech {
                generated,
                sent,
                heard,
                text,
                ..
            }) => {
                let words = u16::try_from(text.split_whitespace().count()).unwrap_or(u16::MAX);
                if !(heard <= sent && sent <= generated && *generated <= words) {
                    return Err(format!("word counts {generated}/{sent}/{heard} of {words}"));
                }
            }
            Action::Publish(_) | Action::PressKeys(_) | Action::Transfer(_) => {}
        }
        if !matches!(
            action,
            Action::Publish(_) | Action::Flush(_) | Action::Expect(_)
        ) {
            self.active = self.now;
        }
        Ok(())
    }

    /// Checks what must hold between events.
    pub(crate) fn between(&self, deadline: Option<Duration>) -> Result<(), String> {
        match (deadline, self.ended > 0) {
            (None, false) => return Err("it waits for nothing".into()),
            (Some(_), true) => return Err("it waits after the end".into()),
            (Some(at), false) if at <= self.now => {
                return Err("its deadline does not lie ahead".into());
            }
            _ => {}
        }
        let quiet = self.now.saturating_sub(self.active);
        if self.answered && self.ended == 0 && quiet > self.quiet_limit {
            return Err(format!("nothing happened for {quiet:?}"));
        }
        Ok(())
    }

    /// Checks what must hold when nothing will happen any more.
    pub(crate) fn at_last(&self) -> Result<(), String> {
        if self.ended == 1 {
            Ok(())
        } else {
            Err(format!("it ended {} times", self.ended))
        }
    }

    fn begin(&mut self, generation: u32, writing: bool) -> Result<(), String> {
        if let Some((last, reply)) = self.replies.iter().next_back() {
            if *last >= generation {
                return Err(format!("generation {generation} after {last}"));
            }
            // A line that does not confirm leaves the call to its own estimate of the end.
            let over = !reply.writing && (reply.open.is_empty() || !self.confirms);
            if !reply.cancelled && !over {
                return Err(format!(
                    "generation {generation} begins while {last} is alive: {reply:?}"
                ));
            }
        }
        self.replies.insert(
            generation,
            Reply {
                writing,
                ..Reply::default()
            },
        );
        Ok(())
    }

    fn on_speak(&mut self, clause: ClauseId, text: &str) -> Result<(), String> {
        if !self.replies.contains_key(&clause.generation.0) {
            self.begin(clause.generation.0, false)?;
        }
        let reply = self
            .replies
            .get_mut(&clause.generation.0)
            .ok_or("no such reply")?;
        if reply.cancelled {
            return Err(format!(
                "{clause:?} is spoken after its reply was cancelled"
            ));
        }
        if usize::from(clause.index) != reply.texts.len() {
            return Err(format!("{clause:?} is out of order"));
        }
        reply.open.insert(clause.index);
        reply.texts.insert(clause.index, text.to_owned());
        Ok(())
    }

    fn on_cancel(&mut self, generation: u32) -> Result<(), String> {
        let last = self.replies.keys().next_back().copied();
        let reply = self
            .replies
            .get_mut(&generation)
            .ok_or("a reply that never was is cancelled")?;
        if reply.cancelled || last != Some(generation) {
            return Err(format!("generation {generation} ends twice"));
        }
        reply.cancelled = true;
        Ok(())
    }

    fn on_turn(
        &mut self,
        turn: &Turn,
        played: &[(Duration, ClauseId, Duration)],
        lengths: &BTreeMap<ClauseId, Duration>,
    ) -> Result<(), String> {
        if turn.text.trim().is_empty() {
            return Err("a turn without words".into());
        }
        if turn.started > turn.ended || turn.ended > self.origin + self.now {
            return Err(format!(
                "a turn from {:?} to {:?}",
                turn.started, turn.ended
            ));
        }
        if self.last_turn.is_some_and(|last| turn.started < last) {
            return Err("a turn began before the one that precedes it".into());
        }
        self.last_turn = Some(turn.started);
        self.said.push(turn.text.clone());
        if turn.speaker == Speaker::Agent && self.confirms {
            self.check_heard(turn, played, lengths)?;
        }
        Ok(())
    }

    /// Every word of an agent's turn must have left on the line, in order; an uncut turn holds all that did.
    fn check_heard(
        &self,
        turn: &Turn,
        played: &[(Duration, ClauseId, Duration)],
        lengths: &BTreeMap<ClauseId, Duration>,
    ) -> Result<(), String> {
        let Some((generation, reply)) = self.replies.iter().next_back() else {
            return Err("the agent spoke without a reply".into());
        };
        let mut heard = Vec::new();
        for (index, text) in &reply.texts {
            let id = ClauseId {
                generation: call::Generation(*generation),
                index: *index,
            };
            let reached = played
                .iter()
                .filter(|(_, clause, _)| *clause == id)
                .map(|(_, _, at)| *at)
                .max();
            let (Some(reached), Some(length)) = (reached, lengths.get(&id)) else {
                continue;
            };
            let share = reached.as_secs_f64() / length.as_secs_f64().max(1e-9);
            let mut chars = 0;
            for word in text.split_whitespace() {
                chars += word.len();
                if chars as f64 <= share * text.len() as f64 + 0.01 {
                    heard.push(word);
                }
                chars += 1;
            }
        }
        let mut rest = heard.iter();
        for word in turn.text.split_whitespace().filter(|word| *word != "—") {
            let word = word.trim_end_matches('—').trim_end_matches([',', ';', ':']);
            let known = |heard: &&str| heard.trim_end_matches([',', ';', ':']) == word;
            if !rest.any(known) {
                return Err(format!(
                    "'{word}' of \"{}\" was never heard; heard was {heard:?}",
                    turn.text
                ));
            }
        }
        Ok(())
    }

    /// What the model is told was said: every entry of the agent's is a turn's text, and the callee never speaks
    /// twice in a row.
    fn check_history(&self, history: &[call::Message]) -> Result<(), String> {
        for pair in history.windows(2) {
            if pair[0].speaker == Speaker::Callee && pair[1].speaker == Speaker::Callee {
                return Err("the callee speaks twice in a row in the history".into());
            }
        }
        let unsaid = history.iter().find(|message| {
            message.speaker == Speaker::Agent && !self.said.contains(&message.text)
        });
        match unsaid {
            Some(message) => Err(format!(
                "the history holds \"{}\", which is no turn",
                message.text
            )),
            None => Ok(()),
        }
    }
}
