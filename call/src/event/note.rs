//! What a call tells those who watch it, beside its turns.

use std::time::Duration;

use super::{AnsweredBy, ClauseId, Generation, Latency, Tool};

/// What the live feed shows, beside turns and status.
#[derive(Debug, Clone, PartialEq)]
pub enum Note {
    /// Status of the call changed.
    Status(Status),
    /// The callee is speaking; words so far.
    CalleePartial(String),
    /// The callee's words so far in this turn, final.
    CalleeFinal(String),
    /// The agent is thinking about an answer.
    Thinking(Generation),
    /// Agent speech: the clause and how far its words are generated, sent and heard.
    AgentSpeech {
        /// Which clause.
        clause: ClauseId,
        /// Its whole text.
        text: String,
        /// Words with sound made.
        generated: u16,
        /// Words sent to the line.
        sent: u16,
        /// Words heard by the callee.
        heard: u16,
    },
    /// The agent was cut off; what of its reply had been heard.
    Interrupted {
        /// The words that were heard.
        heard: String,
    },
    /// The agent was paused, and went on because it was a false alarm.
    FalseAlarm,
    /// Where the time of the agent's turn went.
    Latency(Generation, Latency),
    /// A key was pressed by the callee (`false`) or by the agent (`true`).
    Dtmf(char, bool),
    /// A tool was used.
    Tool(Tool),
    /// The model wanted a tool that it may not use at this moment.
    ToolRefused {
        /// Which.
        tool: Tool,
        /// Why, in one sentence.
        reason: &'static str,
    },
    /// The requester is asked something.
    Question {
        /// Counts the questions of the call from 1.
        id: u32,
        /// The question.
        text: String,
        /// How long an answer is waited for.
        within: Duration,
    },
    /// A question is waited for no longer.
    QuestionClosed {
        /// Which.
        id: u32,
        /// Whether it was answered.
        answered: bool,
    },
    /// Who answered became known.
    AnsweredBy(AnsweredBy),
    /// Something a person should know, in one sentence.
    Warning(&'static str),
}

/// Where the call stands, as far as the core knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Status {
    /// The phone is ringing.
    Dialing,
    /// Somebody picked up.
    InProgress,
}
