//! What the agent may say and do, whatever its model wants: the door between model and call.
//!
//! The voice on the line may talk a model into anything, so nothing here trusts it. Text goes through word by word;
//! it stops where the model begins to recite its instructions, or says what the requester marked or gave as a secret
//! ([`secrets`]). Numbers are looked for in digits and in words, texts whatever their spacing, spelling and case, and
//! both over several replies, since a patient caller asks for one word at a time. Tools lose what the line could have
//! put into them: a transfer goes where the requester said, keys hold no secret and no long number that the requester
//! did not give.
//!
//! Disguises come off before anything is compared: other alphabets, accents and digits, signs for letters, words that
//! spell letters (`disguise`), numbers in six languages (`tongues`), every other word left out, first letters of words,
//! base64. A callee who names a secret gets no answer: any would tell whether it is right.
//!
//! A translation or paraphrase of the instructions is not recognised; they hold nothing that is worth one. Nor is what has
//! to be worked out: a riddle about a name, a code with one added to each digit, answers to questions about single digits.

mod disguise;
mod marks;
mod notes;
mod runs;
mod secrets;
mod tongues;

use std::collections::VecDeque;

use call::{Message, Speaker, Tool};

pub(crate) use self::secrets::Secrets;
use self::{
    disguise::{decoded, fold, is_encoded, morse, spelled},
    runs::{Reader, Runs, digits_of},
    tongues::Said,
};

/// A token longer than this, in characters, is nothing that can be said.
const UNSPEAKABLE: usize = 45;
/// One of these that is made as encodings are, neither.
const UNSPEAKABLE_ENCODED: usize = 20;
/// So many characters of encoded pieces are put together again.
const ENCODED_KEPT: usize = 512;
/// Secrets of fewer letters would be found by chance in the first letters of words.
const INITIALS_MIN: usize = 6;
/// So many of the callee's last turns count when a secret was named.
const NAMED_LATELY: usize = 2;
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

/// Letters that words stand for, in a row.
#[derive(Debug)]
struct Spelling<'a> {
    runs: Runs<'a>,
    /// Where the words of the last letters begin in what is held.
    starts: VecDeque<usize>,
    shortest: usize,
    caught: bool,
}

impl<'a> Spelling<'a> {
    fn new(secrets: &'a Secrets, shortest: usize) -> Self {
        Self {
            runs: Runs::new(secrets.values()),
            starts: VecDeque::new(),
            shortest,
            caught: false,
        }
    }

    /// Reads the letter of the word at `start`.
    fn letter(&mut self, letter: char, start: usize, may_be_passed_over: bool) {
        self.starts.push_back(start);
        let long = self.runs.letter(letter, may_be_passed_over);
        self.caught |= long.is_some_and(|length| length >= self.shortest);
    }

    /// Up to where what is held can be said.
    fn safe_length(&self, read: usize) -> usize {
        match self.runs.open() {
            0 => read,
            open => {
                let first = self.starts.len().saturating_sub(open);
                self.starts.get(first).copied().unwrap_or(0)
            }
        }
    }

    fn given(&mut self, length: usize) {
        self.starts = moved(&self.starts, length, |start| start >= length);
    }
}

/// Places behind `length`, counted from there.
fn moved(
    places: &VecDeque<usize>,
    length: usize,
    stays: impl Fn(usize) -> bool,
) -> VecDeque<usize> {
    let behind = places.iter().copied().filter(|at| stays(*at));
    behind.map(|at| at - length).collect()
}

/// The guard of one reply.
#[derive(Debug)]
pub(crate) struct Guard<'a> {
    secrets: &'a Secrets,
    reader: Reader<'a>,
    /// Every other word, beginning with the first and with the second.
    by_turns: [Reader<'a>; 2],
    /// What is written in dots and dashes.
    morse: Reader<'a>,
    spelling: Spelling<'a>,
    initials: Spelling<'a>,
    /// The last pieces that look encoded.
    encoded: String,
    tokens: usize,
    /// Text that may still turn out to be part of a secret.
    held: String,
    /// Ends of the letters of `held`, as offsets, for the letters that the reader has seen.
    letters: VecDeque<usize>,
    /// How far `held` was read.
    read: usize,
    /// Whether the callee has named a secret, so that any answer would tell.
    named: bool,
    closed: bool,
}

impl<'a> Guard<'a> {
    /// Begins a reply that follows this conversation.
    pub(crate) fn new(secrets: &'a Secrets, history: &[Message]) -> Self {
        let callee = history
            .iter()
            .filter(|message| message.speaker == Speaker::Callee);
        let mut guard = Self {
            secrets,
            reader: Reader::new(secrets),
            by_turns: [Reader::plain(secrets), Reader::plain(secrets)],
            morse: Reader::new(secrets),
            spelling: Spelling::new(secrets, 0),
            initials: Spelling::new(secrets, INITIALS_MIN),
            encoded: String::new(),
            tokens: 0,
            held: String::new(),
            letters: VecDeque::new(),
            read: 0,
            named: callee
                .rev()
                .take(NAMED_LATELY)
                .any(|message| secrets.named_in(&message.text)),
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
            self.reader.number(token);
            self.read_disguised(token, 0);
        }
        self.reader.forgive();
        self.morse.forgive();
        for reader in &mut self.by_turns {
            reader.forgive();
        }
        for spelling in [&mut self.spelling, &mut self.initials] {
            spelling.caught = false;
            spelling.starts.clear();
        }
        self.encoded.clear();
    }

    /// Takes the next piece of text; gives what may be said by now.
    pub(crate) fn text(&mut self, piece: &str) -> Vec<Passed> {
        if self.closed {
            return Vec::new();
        }
        self.held.push_str(piece);
        if self.named && !self.held.trim().is_empty() {
            return self.withhold();
        }
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
        reader.number(&digits);
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
        let token = self.held[start..end].to_owned();
        let letters = &mut self.letters;
        self.reader
            .letters(&token, |offset| letters.push_back(start + offset));
        self.reader.number(&token);
        self.reader.word(&token);
        self.read_disguised(&token, start);
        self.read = end;
        let speakable = token.split_whitespace().all(|word| {
            let most = if is_encoded(word) {
                UNSPEAKABLE_ENCODED
            } else {
                UNSPEAKABLE
            };
            word.chars().count() <= most
        });
        let readers = [
            &self.reader,
            &self.morse,
            &self.by_turns[0],
            &self.by_turns[1],
        ];
        let caught = readers.iter().any(|reader| reader.is_caught());
        speakable
            && !caught
            && !self.spelling.caught
            && !self.initials.caught
            && !self.holds_encoded()
    }

    /// Reads a token for what it may stand for.
    fn read_disguised(&mut self, token: &str, start: usize) {
        for token in token.split_whitespace() {
            self.by_turns[self.tokens % 2].token(token);
            self.tokens += 1;
            if let Some(words) = morse(token) {
                self.morse.letters(&words, |_| {});
            }
            for letter in letters_of(token) {
                // "A" and "I" are words, too.
                let passes = matches!(letter, 'a' | 'i');
                self.spelling.letter(letter, start, passes);
            }
            if let Some(initial) = fold(token).next() {
                self.initials.letter(initial, start, false);
            }
            let bare = token.trim_matches(|c: char| ".,;:!?\"'()".contains(c));
            if is_encoded(bare) {
                self.encoded.push_str(bare);
                let over = self.encoded.len().saturating_sub(ENCODED_KEPT) / 4 * 4;
                // Only characters of one byte are encoded.
                self.encoded.drain(..over);
            }
        }
    }

    /// Whether the pieces that look encoded hold something forbidden.
    fn holds_encoded(&self) -> bool {
        if self.encoded.is_empty() {
            return false;
        }
        let mut reader = Reader::new(self.secrets);
        for token in decoded(&self.encoded).split_whitespace() {
            reader.token(token);
        }
        reader.is_caught()
    }

    /// How much of what is held can be said whatever follows.
    fn safe_length(&self) -> usize {
        let open = self.reader.open_letters();
        let by_letters = match self.letters.len().checked_sub(open) {
            _ if open == 0 => self.read,
            Some(0) | None => 0,
            Some(before) => self.letters[before - 1],
        };
        let turns = self.by_turns.iter().map(Reader::open_digits).max();
        let turns = turns.filter(|open| *open > 1).unwrap_or(0);
        by_letters
            .min(self.number_start(self.reader.open_digits()))
            .min(self.number_start(2 * turns))
            .min(self.spelling.safe_length(self.read))
            .min(self.initials.safe_length(self.read))
    }

    /// Where the last `count` digits of what is held begin.
    fn number_start(&self, count: usize) -> usize {
        let mut start = self.read;
        let mut found = 0;
        for (at, token) in tokens(&self.held[..self.read]).into_iter().rev() {
            if found >= count {
                break;
            }
            let digits = digits_of(token).len();
            found += digits;
            if digits > 0 {
                start = at;
            }
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
        self.letters = moved(&self.letters, length, |end| end > length);
        self.spelling.given(length);
        self.initials.given(length);
        vec![Passed::Text(text)]
    }

    /// Drops what is held and all that follows.
    fn withhold(&mut self) -> Vec<Passed> {
        self.closed = true;
        self.held.clear();
        vec![Passed::Withheld]
    }
}

/// The letters that a token spells by a word for each, or has alone: "double-u", "S-W-O", "four".
fn letters_of(token: &str) -> Vec<char> {
    let whole: String = fold(token).collect();
    if let Some(letter) = spelled(&whole) {
        return vec![letter];
    }
    let pieces = token.split(|c: char| !c.is_alphanumeric());
    let letter = |piece: &str| {
        let word: String = fold(piece).collect();
        spelled(&word).or_else(|| match tongues::read(&word) {
            Said::Digits(digits) if digits.len() == 1 => digits.chars().next(),
            _ => None,
        })
    };
    pieces.filter_map(letter).collect()
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
