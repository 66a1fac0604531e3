//! Written text as it is said: numbers, times, prices, addresses, e-mail and spelled names written out, so that every voice
//! says them right.
//!
//! What is written stays the truth: transcript, history and judgement see the text as it was written, and [`Spoken`] knows
//! which spoken words stand for which written one. English only; in other languages the voice reads what is written,
//! because a rule for one language is wrong in the next. How sound is made is not known here.

mod code;
mod number;
mod place;
mod time;
mod word;

use std::time::Duration;

use crate::provider::is_english;

/// A text as it is said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Spoken {
    /// What the voice is given.
    pub(crate) text: String,
    /// How many spoken words lie before the end of each written word.
    until: Vec<usize>,
}

/// Speaking time per character as the call core estimates it.
const TIME_PER_CHAR: Duration = Duration::from_millis(75);

impl Spoken {
    /// Whether spoken and written words are not the same in number, one for one.
    pub(crate) fn differs(&self) -> bool {
        self.until
            .iter()
            .enumerate()
            .any(|(n, &until)| until != n + 1)
    }

    /// Returns when each written word ends, of the ends of the spoken words. Of fewer than all spoken words it tells as
    /// much as they do.
    pub(crate) fn written(&self, ends: &[Duration]) -> Vec<Duration> {
        let known = self.until.iter().take_while(|&&until| until <= ends.len());
        known
            .map(|&until| match until {
                0 => Duration::ZERO,
                until => ends[until - 1],
            })
            .collect()
    }

    /// Returns when each written word probably ends, when the voice does not tell: by the characters of what is said, as far
    /// as `length` goes, or at the core's own pace as long as that is not known.
    pub(crate) fn estimate(&self, length: Option<Duration>) -> Vec<Duration> {
        let mut ends = Vec::new();
        let mut characters: u32 = 0;
        for word in self.text.split_whitespace() {
            characters += u32::try_from(word.chars().count()).unwrap_or(u32::MAX - characters);
            ends.push(TIME_PER_CHAR * characters);
            characters += 1;
        }
        if let (Some(length), Some(last)) = (length, ends.last().copied()) {
            let scale = length.as_secs_f64() / last.as_secs_f64().max(0.001);
            for end in &mut ends {
                *end = end.mul_f64(scale).min(length);
            }
            ends.pop();
            ends.push(length);
        }
        self.written(&ends)
    }
}

/// A written word: what is in the way of reading it before and after its core, like quotes and full stops.
#[derive(Debug, Clone, Copy)]
struct Token<'a> {
    before: &'a str,
    core: &'a str,
    after: &'a str,
}

impl<'a> Token<'a> {
    fn new(word: &'a str) -> Self {
        let opening = |c: char| matches!(c, '(' | '[' | '"' | '\'' | '\u{201c}' | '\u{2018}');
        let closing = |c: char| {
            matches!(
                c,
                ')' | ']'
                    | '"'
                    | '\''
                    | '\u{201d}'
                    | '\u{2019}'
                    | '.'
                    | ','
                    | ';'
                    | ':'
                    | '!'
                    | '?'
                    | '\u{2026}'
            )
        };
        let core = word.trim_start_matches(opening);
        let before = &word[..word.len() - core.len()];
        let trimmed = core.trim_end_matches(closing);
        Self {
            before,
            core: trimmed,
            after: &core[trimmed.len()..],
        }
    }

    fn lower(&self) -> String {
        self.core.to_lowercase()
    }

    /// What is to be said after it: a full stop that only says that the word is short would be heard as an end.
    fn after_said(&self, next: Option<&Token<'_>>) -> &'a str {
        let lower = self.lower();
        let plain =
            self.core.len() <= 6 && self.core.chars().all(|c| c.is_alphabetic() || c == '.');
        let short = plain || lower.ends_with("a.m") || lower.ends_with("p.m");
        let title = matches!(lower.as_str(), "mr" | "mrs" | "ms" | "dr" | "st" | "prof");
        match (self.after.strip_prefix('.'), next) {
            (Some(rest), Some(next))
                if short && (title || !next.core.starts_with(|c: char| c.is_uppercase())) =>
            {
                rest
            }
            _ => self.after,
        }
    }

    /// Whether nothing separates it from the next word.
    fn runs_on(&self) -> bool {
        self.after.is_empty()
    }
}

/// What one or more written words are said as: one text for each of them.
type Reading = Option<Vec<String>>;

/// Returns how `text` is said in `language`.
pub(crate) fn spoken(text: &str, language: &str) -> Spoken {
    let words: Vec<&str> = text.split_whitespace().collect();
    let mut said: Vec<String> = Vec::with_capacity(words.len());
    if is_english(language) {
        let tokens: Vec<Token<'_>> = words.iter().copied().map(Token::new).collect();
        let mut at = 0;
        while at < tokens.len() {
            let reading = read(&tokens, at);
            let last = reading.as_ref().map_or(1, Vec::len).max(1);
            for (n, core) in reading.into_iter().flatten().enumerate() {
                let token = &tokens[at + n];
                let quotes = |mark: &&str| !matches!(*mark, "(" | ")" | "[" | "]");
                let before: String = token
                    .before
                    .split_inclusive(|_| true)
                    .filter(quotes)
                    .collect();
                let after = token.after_said(tokens.get(at + n + 1));
                let after: String = after.split_inclusive(|_| true).filter(quotes).collect();
                said.push(format!("{before}{core}{after}"));
            }
            if said.len() < at + last {
                said.push(words[at].to_owned());
            }
            at += last;
        }
    } else {
        said.extend(words.iter().map(|&word| word.to_owned()));
    }
    let mut until = Vec::with_capacity(said.len());
    let mut count = 0;
    for piece in &said {
        count += piece.split_whitespace().count();
        until.push(count);
    }
    let said: Vec<&str> = said.iter().flat_map(|s| s.split_whitespace()).collect();
    Spoken {
        text: said.join(" "),
        until,
    }
}

/// The first rule that knows what the words from `at` on mean.
fn read(tokens: &[Token<'_>], at: usize) -> Reading {
    let here = &tokens[at..];
    code::email(here)
        .or_else(|| code::phone(here))
        .or_else(|| place::address(tokens, at))
        .or_else(|| time::clock(here))
        .or_else(|| time::date(tokens, at))
        .or_else(|| number::money(here))
        .or_else(|| code::spelled(here))
        .or_else(|| number::number(here))
        .or_else(|| code::mixed(here))
        .or_else(|| code::site(here))
        .or_else(|| word::abbreviation(tokens, at))
}

#[cfg(test)]
mod tests;
