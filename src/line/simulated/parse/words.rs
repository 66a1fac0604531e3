//! One line of a scenario as words, and the things that words spell: numbers with units, texts, choices.
//!
//! Knows neither settings nor steps.

use std::{ops::RangeInclusive, time::Duration};

/// What is wrong with a line, as the part of a sentence that follows its place.
pub(super) type Wrong = String;

/// A word, or a text in quotation marks.
#[derive(Debug, Clone, PartialEq)]
enum Token {
    Word(String),
    Text(String),
}

/// The words of one line, read from left to right.
#[derive(Debug)]
pub(super) struct Words {
    tokens: Vec<Token>,
    at: usize,
}

impl Words {
    /// Splits a line. A `#` that a blank follows, or that opens the line, begins a comment.
    pub(super) fn new(line: &str) -> Result<Self, Wrong> {
        let mut tokens = Vec::new();
        let mut rest = without_comment(line).trim();
        while !rest.is_empty() {
            let (token, after) = if let Some(quoted) = rest.strip_prefix('"') {
                text(quoted)?
            } else {
                let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
                (Token::Word(rest[..end].to_owned()), &rest[end..])
            };
            tokens.push(token);
            rest = after.trim_start();
        }
        Ok(Self { tokens, at: 0 })
    }

    /// Whether everything was read.
    pub(super) fn is_empty(&self) -> bool {
        self.at == self.tokens.len()
    }

    /// Takes the next word if it is this one.
    pub(super) fn take(&mut self, word: &str) -> bool {
        let found = matches!(self.tokens.get(self.at), Some(Token::Word(found)) if found == word);
        self.at += usize::from(found);
        found
    }

    /// Takes the next words if they are these.
    pub(super) fn take_all(&mut self, words: &[&str]) -> bool {
        let start = self.at;
        let found = words.iter().all(|word| self.take(word));
        if !found {
            self.at = start;
        }
        found
    }

    /// Takes the next word, which must be this one.
    pub(super) fn demand(&mut self, word: &str) -> Result<(), Wrong> {
        if self.take(word) {
            return Ok(());
        }
        Err(self.expected(&format!("`{word}`")))
    }

    /// Takes the next word, whatever it is.
    pub(super) fn word(&mut self, what: &str) -> Result<String, Wrong> {
        match self.tokens.get(self.at) {
            Some(Token::Word(word)) => {
                self.at += 1;
                Ok(word.clone())
            }
            _ => Err(self.expected(what)),
        }
    }

    /// Takes one of these words and returns its position among them.
    pub(super) fn choice(&mut self, words: &[&str]) -> Result<usize, Wrong> {
        match words.iter().position(|word| self.take(word)) {
            Some(found) => Ok(found),
            None => Err(self.expected(&format!("one of: {}", words.join(", ")))),
        }
    }

    /// Takes a text in quotation marks that has something to say.
    pub(super) fn text(&mut self, what: &str) -> Result<String, Wrong> {
        match self.tokens.get(self.at) {
            Some(Token::Text(text)) if text.trim().is_empty() => {
                Err("the text between the quotation marks is empty".into())
            }
            Some(Token::Text(text)) => {
                self.at += 1;
                Ok(text.clone())
            }
            _ => Err(self.expected(&format!("{what} in quotation marks"))),
        }
    }

    /// Takes a word or a text in quotation marks: a file's name may hold blanks.
    pub(super) fn file(&mut self) -> Result<String, Wrong> {
        match self.tokens.get(self.at) {
            Some(Token::Word(_)) => self.word("a file"),
            _ => self.text("the name of a WAV file"),
        }
    }

    /// Takes a length of time such as `700 ms`, `1.5 s` or `2 min`.
    pub(super) fn duration(&mut self, within: RangeInclusive<Duration>) -> Result<Duration, Wrong> {
        let (number, unit) = self.quantity("a length of time such as `700 ms` or `1.5 s`")?;
        let seconds = match unit.as_str() {
            "ms" => number / 1000.0,
            "s" => number,
            "min" => number * 60.0,
            _ => return Err(unknown_unit(&unit, "ms, s or min")),
        };
        let range = || {
            let (low, high) = (within.start(), within.end());
            format!("a length of time must be from {low:?} to {high:?} here")
        };
        let duration = Duration::try_from_secs_f64(seconds).map_err(|_| range())?;
        if within.contains(&duration) {
            Ok(duration)
        } else {
            Err(range())
        }
    }

    /// Takes a number with this unit, for example `3 %` or `-20 dB`.
    pub(super) fn number(&mut self, unit: &str, within: RangeInclusive<f64>) -> Result<f32, Wrong> {
        let what = format!("a number in {unit}");
        let (number, found) = self.quantity(&what)?;
        if found != unit {
            return Err(unknown_unit(&found, unit));
        }
        in_range(number, &within)
    }

    /// Takes a number without a unit.
    pub(super) fn plain_number(&mut self, within: RangeInclusive<f64>) -> Result<f32, Wrong> {
        match self.word("a number")?.parse::<f64>() {
            Ok(number) => in_range(number, &within),
            Err(_) => {
                self.at -= 1;
                Err(self.expected("a number"))
            }
        }
    }

    /// Whether a number comes next.
    pub(super) fn number_follows(&self) -> bool {
        matches!(self.tokens.get(self.at), Some(Token::Word(word))
            if word.starts_with(|first: char| first.is_ascii_digit() || first == '-' || first == '.'))
    }

    /// The unit of the number that comes next, if one comes.
    pub(super) fn unit_that_follows(&self) -> Option<&str> {
        let Some(Token::Word(word)) = self.tokens.get(self.at) else {
            return None;
        };
        let unit = &word[digits(word)..];
        if !unit.is_empty() {
            return Some(unit);
        }
        match self.tokens.get(self.at + 1) {
            Some(Token::Word(unit)) => Some(unit),
            _ => None,
        }
    }

    /// Takes keys of a telephone.
    pub(super) fn keys(&mut self) -> Result<String, Wrong> {
        let keys = self.word("keys (0-9, *, #, A-D)")?;
        if keys.chars().all(is_key) && keys.len() <= 32 {
            return Ok(keys);
        }
        self.at -= 1;
        Err(self.expected("up to 32 keys out of 0-9, *, # and A-D"))
    }

    /// Fails when something is left.
    pub(super) fn end(&self) -> Result<(), Wrong> {
        match self.is_empty() {
            true => Ok(()),
            false => Err(self.expected("the end of the line")),
        }
    }

    /// Says what should be here instead of what is.
    pub(super) fn expected(&self, what: &str) -> Wrong {
        match self.tokens.get(self.at) {
            Some(Token::Word(word)) => format!("expected {what}, found `{word}`"),
            Some(Token::Text(text)) => format!("expected {what}, found the text \"{text}\""),
            None => format!("expected {what} at the end of the line"),
        }
    }

    fn quantity(&mut self, what: &str) -> Result<(f64, String), Wrong> {
        let start = self.at;
        let word = self.word(what)?;
        let split = digits(&word);
        let Ok(number) = word[..split].parse::<f64>() else {
            self.at = start;
            return Err(self.expected(what));
        };
        let unit = match &word[split..] {
            "" => self.word("a unit after the number")?,
            unit => unit.to_owned(),
        };
        Ok((number, unit))
    }
}

/// Whether a telephone has this key.
pub(super) fn is_key(key: char) -> bool {
    matches!(key, '0'..='9' | '*' | '#' | 'A'..='D')
}

fn without_comment(line: &str) -> &str {
    if line.trim_start().starts_with('#') {
        return "";
    }
    let (mut quoted, mut escaped, mut blank) = (false, false, true);
    for (at, c) in line.char_indices() {
        let comment = c == '#' && blank && line[at + 1..].starts_with(char::is_whitespace);
        match c {
            '#' if !quoted && comment => return &line[..at],
            '"' if !escaped => quoted = !quoted,
            _ => {}
        }
        escaped = c == '\\' && !escaped && quoted;
        blank = c.is_whitespace();
    }
    line
}

/// Reads a text whose opening quotation mark is gone; returns it and what follows it.
fn text(quoted: &str) -> Result<(Token, &str), Wrong> {
    let mut text = String::new();
    let mut chars = quoted.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Ok((Token::Text(text), &quoted[at + 1..])),
            '\\' => match chars.next() {
                Some((_, escaped @ ('"' | '\\'))) => text.push(escaped),
                _ => return Err("after `\\` only `\"` or `\\` may follow".into()),
            },
            c if c.is_control() => return Err("a text may not hold control characters".into()),
            c => text.push(c),
        }
    }
    Err("the closing quotation mark is missing".into())
}

fn digits(word: &str) -> usize {
    word.find(|c: char| !c.is_ascii_digit() && c != '.' && c != '-')
        .unwrap_or(word.len())
}

fn in_range(number: f64, within: &RangeInclusive<f64>) -> Result<f32, Wrong> {
    if within.contains(&number) {
        return Ok(number as f32);
    }
    let (low, high) = (within.start(), within.end());
    Err(format!(
        "{number} is out of range, which is {low} to {high}"
    ))
}

fn unknown_unit(found: &str, expected: &str) -> Wrong {
    format!("the unit `{found}` does not fit here, expected {expected}")
}
