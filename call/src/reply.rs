//! One reply of the agent: what it is for, its text on the way to the synthesiser, and its ledger.
//!
//! Keeps; decides nothing. At most one reply lives at any time.

use std::{collections::VecDeque, time::Instant};

use crate::{End, Generation, Tool, chunk::Chunker, latency::Marks, ledger::Ledger};

/// Most tools that one reply may use; a model in a loop must not fill memory.
const TOOLS_MAX: usize = 8;

/// What a reply is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// The first words of the call.
    Opening,
    /// The model speaks: an answer, or a question into a long silence.
    Answer,
    /// A sentence that somebody outside the call wants said.
    Say,
    /// A fixed sentence in place of a reply that failed; the model never learns of it.
    Stopgap,
    /// The last words; then the call ends so.
    Goodbye {
        /// How the call ends.
        end: End,
        /// Whether nothing that the callee says can change that.
        firm: bool,
    },
    /// A message for a voice mailbox.
    Message,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Reply {
    /// Its number.
    pub(crate) generation: Generation,
    /// What it is for.
    pub(crate) purpose: Purpose,
    /// Whether the model is still at it.
    pub(crate) writing: bool,
    /// Whether a service may still be at work on it although nothing more is expected: it must be told to stop.
    pub(crate) loose_ends: bool,
    /// Whether it may sound.
    pub(crate) released: bool,
    /// The callee's words that it answers.
    pub(crate) based_on: String,
    /// Text that is not a clause yet.
    pub(crate) chunker: Chunker,
    /// Clauses that wait for the release.
    pub(crate) ready: VecDeque<String>,
    /// Clauses given to the synthesiser.
    pub(crate) ledger: Ledger,
    /// How many clauses at its beginning are fillers, not the model's words.
    pub(crate) fillers: u8,
    /// Whether words of it were withheld.
    pub(crate) withheld: bool,
    /// Whether it broke off within a sentence.
    pub(crate) broken: bool,
    /// When the callee stopped, if it answers the callee.
    pub(crate) marks: Option<Marks>,
    /// When the model's first text came.
    pub(crate) first_text: Option<Instant>,
    /// When the synthesiser's first sound came.
    pub(crate) first_sound: Option<Instant>,
    /// Filled in when the first sound goes to the line.
    pub(crate) latency: Option<crate::Latency>,
    tools: Vec<Tool>,
}

impl Reply {
    /// Makes a reply that the model writes (`writing`) or whose text is known.
    pub(crate) fn new(generation: Generation, purpose: Purpose, writing: bool) -> Self {
        Self {
            generation,
            purpose,
            writing,
            loose_ends: false,
            released: false,
            based_on: String::new(),
            chunker: Chunker::default(),
            ready: VecDeque::new(),
            ledger: Ledger::default(),
            fillers: 0,
            withheld: false,
            broken: false,
            marks: None,
            first_text: None,
            first_sound: None,
            latency: None,
            tools: Vec::new(),
        }
    }

    /// Adds text; returns whether it was within the limit of one reply.
    pub(crate) fn add_text(&mut self, text: &str) -> bool {
        let fits = self.chunker.push(text);
        self.ready
            .extend(std::iter::from_fn(|| self.chunker.next()));
        fits
    }

    /// Takes a whole sentence at the end of the text so far, although more may follow.
    pub(crate) fn take_whole_sentence(&mut self) {
        self.ready.extend(self.chunker.whole_sentence());
    }

    /// No more text will come.
    pub(crate) fn close(&mut self) {
        self.writing = false;
        self.ready.extend(self.chunker.rest());
    }

    /// Adds a tool, within the limit.
    pub(crate) fn add_tool(&mut self, tool: Tool) {
        if self.tools.len() < TOOLS_MAX {
            self.tools.push(tool);
        }
    }

    /// The tools used, in order.
    pub(crate) fn take_tools(&mut self) -> Vec<Tool> {
        std::mem::take(&mut self.tools)
    }

    /// Whether the callee hears, or is about to hear, some of it.
    pub(crate) fn is_speaking(&self) -> bool {
        self.released && !self.ledger.is_over()
    }

    /// Whether nothing of it is still to come.
    pub(crate) fn is_finished(&self) -> bool {
        self.released && !self.writing && self.ready.is_empty() && self.ledger.is_over()
    }

    /// Whether what was written so far may be left as it is: it ends a sentence, or uses tools.
    pub(crate) fn is_whole(&self) -> bool {
        let text = self.chunker.pending();
        let last = match text.trim().is_empty() {
            true => self.text(),
            false => text.to_owned(),
        };
        let last = last.trim_end_matches(|c: char| c.is_whitespace() || "\"'”’»)".contains(c));
        !self.tools.is_empty() || last.ends_with(['.', '!', '?', '…', '。', '！', '？'])
    }

    /// Whether the model has produced anything.
    pub(crate) fn has_content(&self) -> bool {
        self.first_text.is_some() || !self.tools.is_empty()
    }

    /// Whether the call will end after it.
    pub(crate) fn ends_call(&self) -> bool {
        matches!(self.purpose, Purpose::Goodbye { .. } | Purpose::Message)
            || self.tools.contains(&Tool::HangUp)
    }

    /// Whether the callee's voice cannot stop it.
    pub(crate) fn is_firm(&self) -> bool {
        matches!(
            self.purpose,
            Purpose::Goodbye { firm: true, .. } | Purpose::Message
        )
    }

    /// Its whole text, heard or not.
    pub(crate) fn text(&self) -> String {
        let mut text = self.ledger.text();
        for clause in &self.ready {
            text.push(' ');
            text.push_str(clause);
        }
        text.trim().to_owned()
    }

    /// What was heard of it, with `—` where it was cut.
    pub(crate) fn heard(&self) -> String {
        self.ledger
            .heard_text(!self.writing && self.ready.is_empty())
    }
}
