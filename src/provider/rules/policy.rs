//! What the rule-based agent says next.
//!
//! [`reply`] looks at the whole conversation and at what the callee said since the agent's last words, and goes
//! through a fixed order: machines first, then refusals to talk, waiting, repeating, questions, offers, refusals,
//! confirmations, and last what was not understood. Nothing is tried more than twice.

use call::{Message, Speaker, Tool};

use super::menu;
use crate::agent::{
    Brief,
    dialogue::{Dialogue, Line, Slot},
    heard::{Act, Ask, Heard, Refusal},
    task::{Kind, TOLERANCE_MINUTES, Task, when_spoken},
};

/// After this many of its own lines the agent ends the call, whatever happens: people do not talk longer with rules.
const MAX_LINES: u32 = 16;
/// How often one thing is tried.
const TRIES: u32 = 2;

/// What to say and do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Reply {
    /// The words.
    pub(super) text: String,
    /// What to do after them.
    pub(super) tool: Option<Tool>,
}

impl Reply {
    fn say(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            tool: None,
        }
    }

    fn end(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            tool: Some(Tool::HangUp),
        }
    }
}

/// Decides the next reply.
pub(super) fn reply(task: &Task, brief: &Brief, caller_name: &str, history: &[Message]) -> Reply {
    let lines: Vec<Line<'_>> = history
        .iter()
        .map(|m| Line {
            speaker: m.speaker,
            text: &m.text,
        })
        .collect();
    let last_own = lines
        .iter()
        .rposition(|l| l.speaker == Speaker::Agent && !l.text.trim().is_empty());
    let fresh = &lines[last_own.map_or(0, |at| at + 1)..];
    let last_note = fresh.iter().rposition(|l| l.speaker == Speaker::Note);
    // A note cuts off what was said before it: keys were pressed since, or silence has followed.
    let heard: Vec<&str> = fresh[last_note.map_or(0, |at| at + 1)..]
        .iter()
        .filter(|l| l.speaker == Speaker::Callee)
        .map(|l| l.text)
        .collect();
    let heard_text = heard.join(" ");
    let dialogue = Dialogue::read(task, &lines);
    let policy = Policy {
        task,
        brief,
        caller_name,
        heard: Heard::read(&heard_text, dialogue.last.asks_other),
        heard_text,
        dialogue,
    };
    match last_note.map(|at| fresh[at].text) {
        _ if !policy.heard_text.trim().is_empty() => policy.to_words(),
        Some(note) if note.contains("understood") => policy.to_unclear(),
        Some(note) if note.contains("pressed") => Reply {
            text: String::new(),
            tool: Some(Tool::Wait),
        },
        _ => policy.to_silence(),
    }
}

/// One decision under way.
pub(super) struct Policy<'a> {
    pub(super) task: &'a Task,
    pub(super) brief: &'a Brief,
    pub(super) caller_name: &'a str,
    pub(super) dialogue: Dialogue,
    pub(super) heard: Heard,
    pub(super) heard_text: String,
}

impl Policy<'_> {
    /// Nothing was heard since the agent spoke last: the call begins, or somebody is silent. How often to ask and when
    /// to give up is the call core's decision.
    fn to_silence(&self) -> Reply {
        if self.dialogue.goodbye.is_some() {
            return Reply::end("");
        }
        if self.dialogue.agent_lines == 0 {
            return Reply::say(self.opening());
        }
        if self.dialogue.held {
            return Reply::say("Hello, are you still there?");
        }
        if self.dialogue.last.asks_right && self.dialogue.right_asked < TRIES {
            return self.summary_question("Hello, are you still there?");
        }
        Reply::say(format!("Hello, are you still there? {}", self.request()))
    }

    fn to_words(&self) -> Reply {
        self.to_machine()
            .or_else(|| self.to_goodbye())
            .or_else(|| self.to_orders())
            .or_else(|| self.to_unwelcome())
            .or_else(|| self.to_hold())
            .or_else(|| self.to_questions())
            .or_else(|| self.before_the_request())
            .or_else(|| self.to_offer())
            .or_else(|| self.to_refusal())
            .or_else(|| self.to_agreement())
            .or_else(|| self.to_answer())
            .unwrap_or_else(|| self.to_unclear())
    }

    fn to_machine(&self) -> Option<Reply> {
        if self.heard.does(Act::Voicemail) {
            // A message is left only when leaving one is the errand; nobody is told more than they must know.
            return Some(match self.task.kind {
                Kind::Message => {
                    Reply::end(format!("Hello. {} Thank you. Goodbye.", self.task.request))
                }
                _ => Reply::end(""),
            });
        }
        if !self.heard.does(Act::Menu) {
            return None;
        }
        let before = self.dialogue.menus.saturating_sub(1);
        let key = menu::key(&self.heard_text, self.task.kind, before).filter(|_| before <= TRIES);
        Some(match key {
            Some(key) => Reply {
                text: String::new(),
                tool: Some(Tool::PressKeys(key.to_string())),
            },
            // Menus that listen understand this; the others lead to a person when nothing is pressed.
            None if before < TRIES => Reply {
                text: "Representative, please.".to_owned(),
                tool: Some(Tool::Wait),
            },
            None => Reply::end(""),
        })
    }

    /// The agent has said goodbye already: only a question keeps it.
    fn to_goodbye(&self) -> Option<Reply> {
        if self.dialogue.agent_lines >= MAX_LINES {
            return Some(Reply::end(
                "I'm sorry, I have to go now. Thank you. Goodbye.",
            ));
        }
        self.dialogue.goodbye?;
        let answers = self.answers();
        Some(if answers.is_empty() {
            Reply::end("Goodbye.")
        } else {
            Reply::end(format!("{} Goodbye.", answers.join(" ")))
        })
    }

    /// What the callee tells the agent to be or to say is not what the call is about.
    fn to_orders(&self) -> Option<Reply> {
        self.heard
            .does(Act::Orders)
            .then(|| self.once_more("I can only talk about why I call."))
    }

    fn to_unwelcome(&self) -> Option<Reply> {
        match self.heard.refusal()? {
            Refusal::WrongNumber => Some(Reply::end(
                "I'm sorry, I must have the wrong number. Goodbye.",
            )),
            Refusal::Unwelcome => Some(Reply::end("I'm sorry to have bothered you. Goodbye.")),
            _ => None,
        }
    }

    fn to_hold(&self) -> Option<Reply> {
        // A recording is not answered.
        let text = if self.heard.does(Act::Queue) {
            ""
        } else {
            "Sure, thank you."
        };
        self.heard.holds().then(|| Reply {
            text: text.to_owned(),
            tool: Some(Tool::Wait),
        })
    }

    fn to_questions(&self) -> Option<Reply> {
        let asks = self.heard.asks();
        if asks.contains(&Ask::Repeat) && self.dialogue.refused_now.is_none() {
            return Some(self.once_more("Of course."));
        }
        // An offer or an answer may sound like a question (`would eight thirty work`, `what about nine`).
        if self.dialogue.offered.is_some() || self.dialogue.refused_now.is_some() {
            return None;
        }
        if asks.contains(&Ask::Message) {
            return Some(Reply::end(format!(
                "Yes, please. {} Thank you very much. Goodbye.",
                self.task.request
            )));
        }
        let done = self.dialogue.confirmed.is_some() || self.dialogue.answered.is_some();
        if done
            && asks
                .iter()
                .all(|ask| matches!(ask, Ask::Else | Ask::Unknown))
        {
            return None;
        }
        let answers = self.answers();
        if answers.is_empty() {
            return None;
        }
        let mut text = answers.join(" ");
        if self.dialogue.stated.is_none() && !asks.contains(&Ask::Purpose) {
            text = format!("{text} {}", self.task.request);
        }
        Some(Reply::say(text))
    }

    /// Says the last thing again, at most [`TRIES`] times.
    fn once_more(&self, lead: &str) -> Reply {
        if self.dialogue.statements > TRIES {
            return self.give_up();
        }
        Reply::say(format!("{lead} {}", self.request()))
    }

    fn before_the_request(&self) -> Option<Reply> {
        if self.dialogue.stated.is_some() {
            return None;
        }
        if self.dialogue.refused_now == Some(Refusal::Closed) && !self.task.kind.is_question() {
            return Some(Reply::end("I see. Thank you anyway. Goodbye."));
        }
        Some(Reply::say(self.opening()))
    }

    fn to_offer(&self) -> Option<Reply> {
        if self.dialogue.mismatched.is_some() {
            return Some(self.summary_question("Sorry, just to check."));
        }
        let (_, slots) = self.dialogue.offered.as_ref()?;
        let wanted = Slot {
            day: self.task.day,
            time: self.task.time,
        };
        let near = wanted.time.unwrap_or_default().minutes();
        let fitting = slots.iter().filter(|slot| self.allows(slot));
        if let Some(slot) =
            fitting.min_by_key(|slot| slot.time.map_or(0, |t| t.minutes().abs_diff(near)))
        {
            let when = when_spoken(slot.day.filter(|_| slot.day != wanted.day), slot.time);
            return Some(Reply::say(format!(
                "{} would be fine, please.",
                capital(bare(&when))
            )));
        }
        let offered = slots.first().map_or_else(String::new, |s| {
            when_spoken(s.day.filter(|_| s.day != wanted.day), s.time)
        });
        let closed = self.dialogue.refused_now == Some(Refusal::Closed);
        if self.dialogue.other_asked < 1
            && self.task.kind.is_booking()
            && !self.task.limits.exact
            && !closed
        {
            return Some(Reply::say(format!(
                "I'm sorry, {} would not work. Do you have anything else close to {}?",
                bare(&offered),
                self.wanted_when()
            )));
        }
        Some(Reply::end(format!(
            "I'm sorry, {} would not work. Thank you anyway. Goodbye.",
            bare(&offered)
        )))
    }

    /// Whether an offered day and time may be taken without asking the requester.
    fn allows(&self, slot: &Slot) -> bool {
        let limits = &self.task.limits;
        let day = match (self.task.day, slot.day) {
            (Some(wanted), Some(offered)) => {
                limits.any_day || wanted.is_same(offered, self.task.today)
            }
            _ => true,
        };
        let Some(time) = slot.time else {
            return day;
        };
        let after = limits.earliest.is_none_or(|e| time >= e);
        let before = limits.latest.is_none_or(|l| time <= l);
        let near = self.task.time.is_none_or(|wanted| {
            let limit = if limits.exact { 0 } else { TOLERANCE_MINUTES };
            limits.any_time || wanted.minutes().abs_diff(time.minutes()) <= limit
        });
        day && after && before && near
    }

    fn to_refusal(&self) -> Option<Reply> {
        let why = self.dialogue.refused_now?;
        let flexible =
            self.task.kind.is_booking() && !self.task.limits.exact && self.task.time.is_some();
        if why == Refusal::Full && flexible && self.dialogue.other_asked < 1 {
            return Some(Reply::say(format!(
                "I see. Do you have anything else close to {}?",
                self.wanted_when()
            )));
        }
        Some(Reply::end("I understand. Thank you anyway. Goodbye."))
    }

    fn to_agreement(&self) -> Option<Reply> {
        if self.task.kind.is_question() {
            return None;
        }
        let confirmed = self.dialogue.confirmed.is_some();
        let known = self.dialogue.repeated.is_some() || !self.task.kind.is_booking();
        if confirmed && (known || self.dialogue.right_asked > 0) {
            return Some(Reply::end(self.thanks()));
        }
        // `Yes, hello?` agrees to nothing yet.
        let yes = self.heard.does(Act::Yes) && !self.heard.does(Act::Greets);
        if confirmed || self.dialogue.agreed.is_some() || yes {
            return Some(match self.task.kind {
                Kind::Message => Reply::end(self.thanks()),
                _ if self.dialogue.right_asked >= TRIES => Reply::end(self.thanks()),
                _ => self.summary_question("Great."),
            });
        }
        // Details came back without a yes: `for two at seven`, `is that for tonight`.
        self.dialogue
            .echoed
            .then(|| self.summary_question("Yes, please."))
    }

    fn to_answer(&self) -> Option<Reply> {
        self.dialogue
            .answered
            .map(|_| Reply::end("Great, that answers my question. Thank you very much. Goodbye."))
    }

    fn to_unclear(&self) -> Reply {
        if self.heard.does(Act::Bye)
            || (self.heard.does(Act::Thanks)
                && self.dialogue.statements > 0
                && self.dialogue.last.asks_right)
        {
            return Reply::end("Thank you. Goodbye.");
        }
        if self.heard.does(Act::Greets) && self.dialogue.statements < TRIES {
            return Reply::say(format!("Hello. {}", self.request()));
        }
        if self.dialogue.unclear >= TRIES {
            return self.give_up();
        }
        Reply::say(format!("Sorry, I didn't catch that. {}", self.request()))
    }

    fn give_up(&self) -> Reply {
        Reply::end(
            "I'm sorry, I can't understand you well enough. I'll try again another time. Goodbye.",
        )
    }

    /// The first words of the call.
    fn opening(&self) -> String {
        match &self.brief.first_message {
            Some(first) if !first.trim().is_empty() && self.dialogue.agent_lines == 0 => {
                first.clone()
            }
            _ => format!("Hi, {}", decapital(&self.task.request)),
        }
    }

    /// The errand, with what was agreed so far.
    pub(super) fn request(&self) -> String {
        match self.dialogue.accepted {
            Some((_, slot)) => format!(
                "I'd like {} {}, please.",
                self.task.what,
                when_spoken(slot.day, slot.time)
            ),
            None => self.task.request.clone(),
        }
    }

    fn wanted_when(&self) -> String {
        self.task
            .time
            .map_or_else(|| "that".to_owned(), |t| t.spoken())
    }

    /// Says once what was understood, with the name if it was not given yet, and asks whether it is right.
    fn summary_question(&self, lead: &str) -> Reply {
        if self.dialogue.right_asked >= TRIES {
            return self.give_up();
        }
        let name = match (&self.task.name, &self.dialogue.named) {
            (Some(name), None) if self.task.kind.is_booking() => format!(", under the name {name}"),
            _ => String::new(),
        };
        let slot = self.dialogue.target(self.task);
        let when = when_spoken(slot.day, slot.time);
        let when = if when.is_empty() {
            when
        } else {
            format!(" {when}")
        };
        let what = &self.task.what;
        Reply::say(match self.task.kind {
            Kind::Table | Kind::Booking => {
                format!("{lead} So that's {what}{when}{name}, is that right?")
            }
            Kind::Reschedule => format!(
                "{lead} So {what} is moved to{}{name}, is that right?",
                when.replace(" on ", " ")
            ),
            Kind::Cancel => format!("{lead} So {what} is canceled, is that right?"),
            _ => format!("{lead} So that's done, is that right?"),
        })
    }

    fn thanks(&self) -> String {
        let name = match (&self.task.name, &self.dialogue.named) {
            (Some(name), None) if self.task.kind.is_booking() => format!(" The name is {name}."),
            _ => String::new(),
        };
        format!("Great.{name} Thank you very much. Goodbye.")
    }
}

/// A day or time without the word that leads to it.
fn bare(when: &str) -> &str {
    when.strip_prefix("at ")
        .or(when.strip_prefix("on "))
        .unwrap_or(when)
}

/// In the middle of a sentence only `I` keeps its capital.
fn decapital(text: &str) -> String {
    let mut letters = text.chars();
    match letters.next() {
        Some(first) if !text.starts_with("I ") && !text.starts_with("I'") => {
            first.to_lowercase().chain(letters).collect()
        }
        _ => text.to_owned(),
    }
}

pub(super) fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(letters).collect()
    })
}
