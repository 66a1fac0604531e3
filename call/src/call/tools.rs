//! Using the model's tools, each in its phase, and questions to the requester.

use std::time::Duration;

use super::{Call, Phase, count, speak::CLAUSE_WAIT};
use crate::{
    Action, AnsweredBy, End, Note, Timer, Tool, notes,
    reply::Purpose,
    tools::{self, Phase as ToolPhase},
    warning, words,
};

/// How often in a row a model may use tools alone before it is not asked again without the callee.
const ROUNDS_MAX: u8 = 2;
/// While the requester is asked, the agent says so again after this much silence.
const STILL_ASKING: Duration = Duration::from_secs(8);

/// Questions to the requester, and the tools that were used without words.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Toolbox {
    /// The question that is open.
    open: Option<u32>,
    /// Questions so far.
    asked: u32,
    /// Facts kept so far.
    noted: u32,
    /// Replies in a row that had neither words nor an effect on the line.
    rounds: u8,
    /// Whether whoever spoke last asked for keys.
    keys_wanted: bool,
}

impl Call {
    /// The callee said something: what they want of keys is known, and the model may try again.
    pub(super) fn on_callee_turn(&mut self, text: &str) {
        self.toolbox.rounds = 0;
        self.toolbox.keys_wanted = tools::asks_for_keys(&words::tokens(text));
    }

    fn tool_phase(&self, spoke: bool) -> ToolPhase {
        let callee_heard = self.callee_turns > 0 || self.hold.music;
        ToolPhase {
            ending: self.closing.is_some() || self.wrap_up.is_some(),
            mailbox: self.mailbox,
            begun: spoke || callee_heard || !self.history.last_agent().is_empty(),
            callee_heard,
            menu: self.menu,
            keys_wanted: self.toolbox.keys_wanted || self.answered_by == AnsweredBy::Ivr,
            asking: self.toolbox.open.is_some(),
            asked: self.toolbox.asked,
            noted: self.toolbox.noted,
        }
    }

    /// What the model wrote last must not be said: a fixed sentence takes its place.
    pub(super) fn on_withheld(&mut self, out: &mut Vec<Action>) {
        let text = format!(" {}", self.config.phrases.withheld);
        let Some(reply) = self.reply.as_mut().filter(|reply| !reply.withheld) else {
            return;
        };
        reply.withheld = true;
        reply.first_text.get_or_insert(self.now);
        reply.add_text(&text);
        count(&mut self.counters.withheld);
        self.timers.stop(Timer::Filler);
        self.timers.set(Timer::Clause, self.now + CLAUSE_WAIT);
        out.push(Action::Publish(Note::Warning(warning::WITHHELD)));
    }

    /// Uses the tools of a reply that was heard to its end; `spoke` tells whether it had words.
    pub(super) fn use_tools(&mut self, wanted: Vec<Tool>, spoke: bool, out: &mut Vec<Action>) {
        let mut idle = !spoke && !wanted.is_empty();
        for tool in wanted {
            if let Some(reason) = tools::refusal(&tool, self.tool_phase(spoke)) {
                count(&mut self.counters.refused_tools);
                self.history
                    .push_note(&format!("{}{}. {reason}", notes::REFUSED, tool.name()));
                out.push(Action::Publish(Note::ToolRefused { tool, reason }));
                continue;
            }
            out.push(Action::Publish(Note::Tool(tool.clone())));
            idle &= matches!(tool, Tool::Note(_));
            match tool {
                Tool::HangUp if spoke => self.close(End::AgentHungUp, false),
                Tool::HangUp => self.hang_up(End::AgentHungUp, out),
                Tool::PressKeys(keys) => self.press_keys(&keys, out),
                Tool::Wait => self.hold.asked = true,
                Tool::Transfer(to) => self.transfer(&to, out),
                Tool::Ask(question) => self.ask_requester(&question, spoke, out),
                Tool::Note(fact) => {
                    self.toolbox.noted += 1;
                    let fact = tools::one_line(&fact);
                    self.history.push_note(&format!("{}{fact}", notes::NOTED));
                }
            }
            if self.phase != Phase::Talking || self.closing.is_some() {
                return;
            }
        }
        if idle && self.toolbox.rounds < ROUNDS_MAX {
            // Nothing came of it that the callee could hear, so the answer is still owed.
            self.toolbox.rounds += 1;
            self.owed = Some(None);
        }
    }

    fn ask_requester(&mut self, question: &str, spoke: bool, out: &mut Vec<Action>) {
        self.toolbox.asked += 1;
        let (id, text) = (self.toolbox.asked, tools::one_line(question));
        self.toolbox.open = Some(id);
        self.history.push_note(&format!("{}{text}", notes::ASKED));
        let within = self.config.answer_limit;
        self.timers.set(Timer::Answer, self.now + within);
        out.push(Action::Publish(Note::Question { id, text, within }));
        if !spoke {
            let text = self.config.phrases.asking.clone();
            self.speak(Purpose::Stopgap, &text, out);
        }
    }

    /// The requester answered a question.
    pub(super) fn on_requester_answer(&mut self, id: u32, text: &str, out: &mut Vec<Action>) {
        if self.toolbox.open != Some(id) || text.trim().is_empty() {
            count(&mut self.counters.senseless);
            return;
        }
        self.history.push_requester(text.trim());
        self.close_question(id, true, out);
    }

    /// The requester did not answer in time: the agent goes on without.
    pub(super) fn on_answer_missing(&mut self, out: &mut Vec<Action>) {
        if let Some(id) = self.toolbox.open {
            self.history.push_note(notes::UNANSWERED);
            self.close_question(id, false, out);
        }
    }

    /// What is known has changed: a reply that nobody has heard yet was made without knowing it.
    fn close_question(&mut self, id: u32, answered: bool, out: &mut Vec<Action>) {
        self.toolbox.open = None;
        self.timers.stop(Timer::Answer);
        out.push(Action::Publish(Note::QuestionClosed { id, answered }));
        let unheard = self
            .reply
            .as_ref()
            .is_some_and(|reply| reply.purpose == Purpose::Answer && !reply.ledger.has_sounded());
        if unheard {
            let answering = self.reply.as_ref().is_some_and(|reply| reply.released);
            self.drop_reply(out);
            if answering {
                self.commit_turn(None, out);
            }
        }
        self.owed = Some(None);
    }

    /// Silence while the requester is asked: the callee is told that it goes on. Returns whether that is so.
    pub(super) fn on_silence_while_asking(&mut self, out: &mut Vec<Action>) -> bool {
        if self.toolbox.open.is_none() {
            return false;
        }
        let text = self.config.phrases.trouble.clone();
        self.speak(Purpose::Stopgap, &text, out);
        true
    }

    /// How long a silence may be while the requester is asked.
    pub(super) fn asking_patience(&self) -> Option<Duration> {
        self.toolbox.open.map(|_| STILL_ASKING)
    }
}
