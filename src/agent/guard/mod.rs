//! What the agent may say and do, whatever its model wants: the door between model and call.
//!
//! The voice on the line may talk a model into anything, so nothing here trusts it. Text goes through word by word;
//! it stops where the model begins to recite its instructions, or says what the requester marked or gave as a secret
//! ([`secrets`]). Numbers are looked for in digits and in words, texts whatever their spacing, spelling and case, and
//! both over several replies, since a patient caller asks for one word at a time. Tools lose what the line could have
//! put into them: a transfer goes where the requester said, keys hold no secret and no long number that the requester
//! did not give.
//!
//! A translation or paraphrase of the instructions is not recognised; they hold nothing that is worth one. Secrets
//! spelled in an alphabet of words are not either.

mod marks;
mod runs;
mod secrets;

use std::collections::VecDeque;

use call::{Message, Speaker, Tool};

use self::runs::{Reader, digits_of};
pub(crate) use self::secrets::Secrets;

/// A token longer than this, in characters, is nothing that can be said.
const UNSPEAKABLE: usize = 45;
/// Keys that may be pressed although the requester did not name them: choices of menus, extensions.
const FREE_KEYS: usize = 6;

/// What comes out of the door.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Passed {
    /// May be said.
    Text(String),
    /// May be used.
    Tool(Tool),
    /// Something was taken out. No more text of this reply will come.
    Withheld,
}

/// The guard of one reply.
#[derive(Debug)]
pub(crate) struct Guard<'a> {
    secrets: &'a Secrets,
    reader: Reader<'a>,
    /// Text that may still turn out to be part of a secret.
    held: String,
    /// Ends of the letters of `held`, as offsets, for the letters that the reader has seen.
    letters: VecDeque<usize>,
    /// How far `held` was read.
    read: usize,
    closed: bool,
}

impl<'a> Guard<'a> {
    /// Begins a reply that follows this conversation.
    pub(crate) fn new(secrets: &'a Secrets, history: &[Message]) -> Self {
        let mut guard = Self {
            secrets,
            reader: Reader::new(secrets),
            held: String::new(),
            letters: VecDeque::new(),
            read: 0,
            closed: false,
        };
        for message in history {
            if message.speaker == Speaker::Agent {
                guard.remember(&message.text);
            }
        }
        guard
    }

    /// What was said before: the next words may complete it.
    fn remember(&mut self, text: &str) {
        for token in text.split_whitespace() {
            self.reader.letters(token, |_| {});
            self.reader.digits(&digits_of(token));
        }
        self.reader.forgive();
    }

    /// Takes the next piece of text; gives what may be said by now.
    pub(crate) fn text(&mut self, piece: &str) -> Vec<Passed> {
        if self.closed {
            return Vec::new();
        }
        self.held.push_str(piece);
        while let Some(end) = self.next_token() {
            if !self.read_token(end) {
                return self.withhold();
            }
        }
        self.give(self.safe_length())
    }

    /// No more text will come.
    pub(crate) fn end(&mut self) -> Vec<Passed> {
        if self.closed {
            return Vec::new();
        }
        if self.read < self.held.len() && !self.read_token(self.held.len()) {
            return self.withhold();
        }
        self.give(self.held.len())
    }

    /// Takes a tool.
    pub(crate) fn tool(&self, tool: Tool) -> Passed {
        let allowed = match &tool {
            Tool::PressKeys(keys) => self.may_press(keys),
            Tool::Transfer(to) => self.secrets.transfer_to() == Some(to),
            Tool::HangUp | Tool::Wait | Tool::Ask(_) | Tool::Note(_) => true,
        };
        if allowed {
            Passed::Tool(tool)
        } else {
            Passed::Withheld
        }
    }

    fn may_press(&self, keys: &str) -> bool {
        let digits: String = keys.chars().filter(char::is_ascii_digit).collect();
        let mut reader = Reader::new(self.secrets);
        reader.digits(&digits);
        !reader.is_caught() && (digits.len() <= FREE_KEYS || self.secrets.names_number(&digits))
    }

    /// Where the next whole token ends, if one is there: before a space, or behind a mark that ends a phrase.
    fn next_token(&self) -> Option<usize> {
        let rest = &self.held[self.read..];
        let start = rest.find(|c: char| !c.is_whitespace())?;
        let end = rest[start..].find(char::is_whitespace).map(|at| start + at);
        let closes =
            |text: &str| text.ends_with(['.', '!', '?', ',', ';', ':', '…', '。', '！', '？']);
        match end {
            Some(end) => Some(self.read + end),
            None if closes(rest) => Some(self.held.len()),
            None => None,
        }
    }

    /// Reads the token that ends at `end`; returns whether it may be said.
    fn read_token(&mut self, end: usize) -> bool {
        let start = self.read;
        let token = &self.held[start..end];
        let letters = &mut self.letters;
        self.reader
            .letters(token, |offset| letters.push_back(start + offset));
        self.reader.digits(&digits_of(token));
        self.reader.word(token);
        self.read = end;
        let speakable = token
            .split_whitespace()
            .all(|word| word.chars().count() <= UNSPEAKABLE);
        speakable && !self.reader.is_caught()
    }

    /// How much of what is held can be said whatever follows.
    fn safe_length(&self) -> usize {
        let open = self.reader.open_letters();
        let by_letters = match self.letters.len().checked_sub(open) {
            _ if open == 0 => self.read,
            Some(0) | None => 0,
            Some(before) => self.letters[before - 1],
        };
        if self.reader.number_open() {
            by_letters.min(self.number_start())
        } else {
            by_letters
        }
    }

    /// Where the digits begin that may be those of a secret.
    fn number_start(&self) -> usize {
        let mut start = self.read;
        for (at, token) in tokens(&self.held[..self.read]).into_iter().rev() {
            if digits_of(token).is_empty() {
                break;
            }
            start = at;
        }
        start
    }

    fn give(&mut self, length: usize) -> Vec<Passed> {
        if length == 0 {
            return Vec::new();
        }
        let rest = self.held.split_off(length);
        let text = std::mem::replace(&mut self.held, rest);
        self.read = self.read.saturating_sub(length);
        self.letters = self
            .letters
            .iter()
            .filter(|&&end| end > length)
            .map(|end| end - length)
            .collect();
        vec![Passed::Text(text)]
    }

    /// Drops what is held and all that follows.
    fn withhold(&mut self) -> Vec<Passed> {
        self.closed = true;
        self.held.clear();
        vec![Passed::Withheld]
    }
}

/// The tokens of a text with their places.
fn tokens(text: &str) -> Vec<(usize, &str)> {
    let base = text.as_ptr() as usize;
    text.split_whitespace()
        .map(|token| (token.as_ptr() as usize - base, token))
        .collect()
}

#[cfg(test)]
mod tests;
