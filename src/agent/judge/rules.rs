//! The judge that needs no language model: reads the same signs as the rule-based agent, from what was heard.
//!
//! **Achieved** needs words of the callee that say so after the details were on the table: a confirmation, a yes to
//! the agent's summary, or an answer of the right kind to a question. A booking at another time than the wanted one
//! is achieved only if the agent took the offer and the callee confirmed it afterwards, and the details say which time
//! it became. **Partial** is a yes without a confirmation, or a message left. Everything else is **not achieved**.

mod facts;

use call::{AnsweredBy, End, Speaker};

use super::result;

use crate::agent::{
    Brief, Evidence, Outcome, TranscriptTurn, Verdict,
    dialogue::{Dialogue, Line},
    heard::Refusal,
    task::{Kind, Task, when_written},
};

/// Judges by rules.
pub(super) fn judge(
    brief: &Brief,
    turns: &[TranscriptTurn],
    end: End,
    answered_by: AnsweredBy,
) -> Verdict {
    let task = Task::read(brief);
    let lines: Vec<Line<'_>> = turns
        .iter()
        .map(|t| Line {
            speaker: t.speaker,
            text: &t.text,
        })
        .collect();
    let dialogue = Dialogue::read(&task, &lines);
    let mut judge = Judge {
        task: &task,
        turns,
        dialogue,
        evidence: Vec::new(),
    };
    let (outcome, details, summary) = judge.decide(end, answered_by);
    let facts = facts::of(&judge, outcome, &details, &summary);
    let result = brief
        .result_schema
        .as_ref()
        .and_then(|schema| result::fill(schema, &facts));
    Verdict {
        outcome,
        details,
        summary,
        result,
        evidence: judge.evidence,
    }
}

/// One judgement under way.
struct Judge<'a> {
    task: &'a Task,
    turns: &'a [TranscriptTurn],
    dialogue: Dialogue,
    evidence: Vec<Evidence>,
}

type Judged = (Outcome, String, String);

impl Judge<'_> {
    fn decide(&mut self, end: End, answered_by: AnsweredBy) -> Judged {
        let voicemail = matches!(end, End::Voicemail)
            || matches!(answered_by, AnsweredBy::Voicemail)
            || self.dialogue.voicemail.is_some();
        if voicemail && self.dialogue.confirmed.is_none() {
            return self.voicemail();
        }
        if !self
            .turns
            .iter()
            .any(|t| t.speaker == Speaker::Callee && !t.text.trim().is_empty())
        {
            return self.nothing_heard(end);
        }
        if let Some((at, why)) = self.dialogue.stands_refused() {
            return self.refused(at, why);
        }
        match self.task.kind {
            kind if kind.is_question() => self.question(end),
            Kind::Message => self.message(end),
            _ => self.errand(end),
        }
    }

    /// Notes that turn `at` shows `claim`.
    fn show(&mut self, claim: impl Into<String>, at: usize) {
        let Some(turn) = self.turns.get(at) else {
            return;
        };
        self.evidence.push(Evidence {
            claim: claim.into(),
            quote: turn.text.clone(),
            turn: at,
            offset_ms: turn.started_ms,
        });
    }

    fn voicemail(&mut self) -> Judged {
        if let Some(at) = self.dialogue.voicemail {
            self.show("A voice mailbox answered.", at);
        }
        let left = self.dialogue.stated.filter(|at| {
            self.dialogue.voicemail.is_some_and(|v| v < *at) && !self.turns[*at].interrupted
        });
        match left {
            Some(at) => {
                self.show("A message was left.", at);
                let details = "A voice mailbox answered and a message was left; nobody has confirmed anything.";
                (
                    Outcome::Partial,
                    details.to_owned(),
                    "Reached a voice mailbox and left a message.".to_owned(),
                )
            }
            None => {
                let details =
                    "A voice mailbox answered; nobody was spoken to and no message was left.";
                (
                    Outcome::NotAchieved,
                    details.to_owned(),
                    "Reached a voice mailbox.".to_owned(),
                )
            }
        }
    }

    fn nothing_heard(&self, end: End) -> Judged {
        let details = match end {
            End::Failed(_) => "The call could not be completed, so nothing was said.",
            End::Canceled => "The call was canceled before anybody said anything.",
            _ => "Nobody said anything on the line.",
        };
        (Outcome::NotAchieved, details.to_owned(), details.to_owned())
    }

    fn refused(&mut self, at: usize, why: Refusal) -> Judged {
        let business = self.task.business.as_deref().unwrap_or("The callee");
        let reason = match why {
            Refusal::Full if self.task.kind.is_booking() => {
                format!("{business} had nothing available{}.", self.wanted_when())
            }
            Refusal::Full => format!("{business} declined."),
            Refusal::Closed => format!("{business} said that it is closed."),
            Refusal::NoBookings => format!("{business} does not take bookings by telephone."),
            Refusal::NotFound => format!("{business} could not find the booking."),
            Refusal::CannotHelp => {
                let quote = self.turns[at].text.trim();
                format!("{business} could not help with this: \u{201c}{quote}\u{201d}")
            }
            Refusal::WrongNumber => "The number belongs to somebody else.".to_owned(),
            Refusal::Unwelcome => "The callee did not want to talk.".to_owned(),
        };
        self.show(reason.clone(), at);
        let declined = match self.dialogue.declined {
            Some((line, slot)) => {
                self.show("An offered alternative was turned down.", line);
                format!(
                    " An alternative {} was outside what the objective allows.",
                    when_written(slot.day, slot.time)
                )
            }
            None => String::new(),
        };
        (
            Outcome::NotAchieved,
            format!("{reason}{declined}"),
            format!("{} {reason}", self.called()),
        )
    }

    fn question(&mut self, end: End) -> Judged {
        let Some(at) = self.dialogue.answered else {
            return self.unfinished(end, "The question was not answered.");
        };
        let quote = self.turns[at].text.trim().to_owned();
        self.show("The question was answered.", at);
        let who = self.task.business.as_deref().unwrap_or("The callee");
        let asked = &self.task.written;
        (
            Outcome::Achieved,
            format!("{who} answered: \u{201c}{quote}\u{201d}"),
            format!("Asked {asked}. The answer was: \u{201c}{quote}\u{201d}"),
        )
    }

    fn message(&mut self, end: End) -> Judged {
        let Some(stated) = self.dialogue.stated else {
            return self.unfinished(end, "The message was not delivered.");
        };
        match self.dialogue.confirmed.or(self.dialogue.agreed) {
            Some(at) => {
                self.show("The message was spoken.", stated);
                self.show("The callee acknowledged it.", at);
                let details = format!(
                    "Delivered {}; the callee acknowledged it.",
                    self.task.written
                );
                (
                    Outcome::Achieved,
                    details,
                    "Delivered the message.".to_owned(),
                )
            }
            None => {
                self.show("The message was spoken.", stated);
                let details = format!(
                    "Spoke {}, but the callee did not acknowledge it.",
                    self.task.written
                );
                (
                    Outcome::Partial,
                    details,
                    "Spoke the message without an acknowledgement.".to_owned(),
                )
            }
        }
    }

    fn errand(&mut self, end: End) -> Judged {
        let Some(stated) = self.dialogue.stated else {
            return self.unfinished(end, "The request was not heard in full.");
        };
        let details_known = !self.task.kind.is_booking()
            || self.dialogue.repeated.is_some()
            || !self.turns[stated].interrupted;
        if let Some(at) = self.dialogue.confirmed.filter(|_| details_known) {
            return self.confirmed(at);
        }
        let doing = self.doing();
        if let Some(at) = self.dialogue.confirmed.or(self.dialogue.agreed) {
            self.show("The callee agreed.", at);
            let details = format!("The callee agreed to {doing}, but did not confirm it.");
            return (
                Outcome::Partial,
                details,
                format!("Asked to {doing}; agreed to, not confirmed."),
            );
        }
        if let Some((at, _)) = self.dialogue.accepted {
            self.show("An alternative was taken.", at);
            let details = format!("Took an offer to {doing}, but the callee did not confirm it.");
            return (
                Outcome::Partial,
                details,
                format!("Asked to {doing}; the offer was taken, not confirmed."),
            );
        }
        let left = self.dialogue.message_asked.filter(|asked| {
            self.turns[*asked..]
                .iter()
                .any(|t| t.speaker == Speaker::Agent && !t.text.is_empty())
        });
        if let Some(at) = left {
            self.show("The callee offered to take a message, and got it.", at);
            let details =
                format!("A message was left with a person: {doing}. Nothing is confirmed.");
            return (
                Outcome::Partial,
                details,
                format!("Asked to {doing}; a message was taken."),
            );
        }
        self.unfinished(end, "The callee neither agreed nor refused.")
    }

    fn confirmed(&mut self, at: usize) -> Judged {
        let when = self.agreed_when();
        let name = match &self.dialogue.named {
            Some((_, name)) if self.task.kind != Kind::Reschedule => {
                format!(" under the name {name}")
            }
            _ => String::new(),
        };
        let thing = &self.task.written;
        let (details, summary) = match self.task.kind {
            Kind::Table => {
                let guests = |n| format!(" for {n} guest{}", if n == 1 { "" } else { "s" });
                let guests = self.task.party.map_or_else(String::new, guests);
                (
                    format!("Table confirmed{guests}{when}{name}."),
                    format!("Successfully booked {thing}{when}."),
                )
            }
            Kind::Booking => (
                format!("Confirmed: {thing}{when}{name}."),
                format!("Successfully booked {thing}{when}."),
            ),
            Kind::Cancel => (
                format!("Canceled {thing}."),
                format!("Successfully canceled {thing}."),
            ),
            Kind::Reschedule => (
                format!("Moved {thing}{name}."),
                format!("Successfully moved {thing}."),
            ),
            _ => (
                format!("The callee confirmed: {thing}."),
                format!("The callee confirmed: {thing}."),
            ),
        };
        self.show(details.clone(), at);
        if let Some(line) = self.dialogue.repeated.filter(|line| *line != at) {
            self.show("The details were said.", line);
        }
        if let Some((line, name)) = self.dialogue.named.clone() {
            self.show(format!("The name {name} was given."), line);
        }
        if let Some((line, _)) = self.dialogue.accepted {
            self.show("An alternative time was taken.", line);
        }
        (Outcome::Achieved, details, summary)
    }

    /// What the call was about, as a sentence.
    fn called(&self) -> String {
        if self.task.kind.is_question() {
            format!("Asked {}.", self.task.written)
        } else {
            format!("Called to {}.", self.doing())
        }
    }

    /// The errand as something that can be done.
    fn doing(&self) -> String {
        let what = &self.task.written;
        match self.task.kind {
            Kind::Table | Kind::Booking => format!("book {what}{}", self.agreed_when()),
            Kind::Cancel => format!("cancel {what}"),
            Kind::Reschedule => format!("move {what}"),
            Kind::Message => format!("deliver {what}"),
            _ => what.clone(),
        }
    }

    /// The agreed day and time for a record, with what was wanted if that is something else.
    fn agreed_when(&self) -> String {
        let slot = self.dialogue.target(self.task);
        let when = when_written(slot.day, slot.time);
        if when.is_empty() || matches!(self.task.kind, Kind::Cancel | Kind::Reschedule) {
            return String::new();
        }
        let changed = self.dialogue.accepted.is_some() && slot.time != self.task.time;
        match self.task.time.filter(|_| changed) {
            Some(wanted) => format!(" {when} instead of {}", wanted.written()),
            None => format!(" {when}"),
        }
    }

    fn wanted_when(&self) -> String {
        let when = when_written(self.task.day, self.task.time);
        if when.is_empty() {
            when
        } else {
            format!(" {when}")
        }
    }

    fn unfinished(&self, end: End, what: &str) -> Judged {
        let how = match end {
            End::CalleeHungUp => " The callee hung up.",
            End::MaxDuration => " The longest allowed duration was reached.",
            End::Silence => " Nobody said anything any more.",
            End::Canceled => " The call was canceled.",
            End::Failed(_) => " The call broke off.",
            End::Transferred => " The callee was connected to somebody else.",
            End::AgentHungUp | End::Voicemail => "",
        };
        (
            Outcome::NotAchieved,
            format!("{what}{how}"),
            format!("{} {what}{how}", self.called()),
        )
    }
}
