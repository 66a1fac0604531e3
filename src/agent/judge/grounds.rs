//! Whether a sentence of a model about a call rests on what was heard.
//!
//! Three things are looked for, in any language: numbers that nobody said and nobody asked for, names that occur nowhere,
//! and sentences that share next to nothing with the conversation. Such a sentence is not taken over.

use std::collections::BTreeSet;

use crate::agent::{
    Brief, Evidence, TranscriptTurn,
    numbers::{self, spoken},
    words::words,
};

/// Words shorter than this, in characters, tell nothing.
const CONTENT_MIN: usize = 4;
/// Words are the same when they begin with the same letters, so many of them.
const STEM: usize = 4;

/// What a sentence may rest on.
#[derive(Debug)]
pub(super) struct Grounds {
    words: BTreeSet<String>,
    stems: BTreeSet<String>,
    numbers: BTreeSet<u32>,
}

impl Grounds {
    /// Collects what was heard, what was asked for, and what was shown.
    pub(super) fn of(brief: &Brief, turns: &[TranscriptTurn], evidence: &[Evidence]) -> Self {
        let heard = turns.iter().map(|turn| turn.text.as_str());
        let asked = [
            brief.objective.as_str(),
            brief.business_name.as_deref().unwrap_or_default(),
            brief.instructions.as_deref().unwrap_or_default(),
            brief.today.as_str(),
        ];
        let shown = evidence.iter().map(|shown| shown.claim.as_str());
        let mut grounds = Self {
            words: BTreeSet::new(),
            stems: BTreeSet::new(),
            numbers: BTreeSet::new(),
        };
        for text in heard.clone().chain(asked).chain(shown) {
            let words = words(text);
            grounds.stems.extend(words.iter().map(|word| stem(word)));
            grounds.words.extend(words);
        }
        for text in heard.chain(asked) {
            grounds.numbers.extend(numbers_in(text));
        }
        grounds
    }

    /// Returns the sentences of `text` that rest on the call.
    pub(super) fn keep(&self, text: &str) -> String {
        let kept: Vec<&str> = sentences(text)
            .into_iter()
            .filter(|sentence| self.bears(sentence))
            .collect();
        kept.join(" ")
    }

    /// Whether every number of a text was said or asked for.
    pub(super) fn knows_numbers(&self, text: &str) -> bool {
        numbers_in(text)
            .into_iter()
            .all(|number| self.knows(number))
    }

    fn bears(&self, sentence: &str) -> bool {
        let content: Vec<String> = words(sentence)
            .into_iter()
            .filter(|word| word.chars().count() >= CONTENT_MIN)
            .collect();
        let shared = content
            .iter()
            .filter(|word| self.stems.contains(&stem(word)))
            .count();
        self.knows_numbers(sentence) && self.knows_names(sentence) && shared * 3 >= content.len()
    }

    /// A time of the afternoon may be told in twelve hours or in twenty-four.
    fn knows(&self, number: u32) -> bool {
        let same = [Some(number), number.checked_sub(12), number.checked_add(12)];
        number == 0
            || self.numbers.contains(&number)
            || number <= 24
                && same
                    .into_iter()
                    .flatten()
                    .any(|number| number <= 24 && self.numbers.contains(&number))
    }

    fn knows_names(&self, sentence: &str) -> bool {
        sentence.split_whitespace().skip(1).all(|token| {
            let name = token.trim_matches(|c: char| !c.is_alphanumeric());
            let capital = name.chars().next().is_some_and(char::is_uppercase);
            let short = name.chars().count() < CONTENT_MIN || name.chars().all(char::is_uppercase);
            !capital || short || words(name).iter().all(|word| self.words.contains(word))
        })
    }
}

fn stem(word: &str) -> String {
    word.chars().take(STEM).collect()
}

/// The numbers of a text, written or spoken in English.
fn numbers_in(text: &str) -> Vec<u32> {
    let spaced: String = text
        .chars()
        .map(|c| if c.is_alphanumeric() { c } else { ' ' })
        .collect();
    let tokens: Vec<String> = spaced
        .split_whitespace()
        .flat_map(|token| {
            // "7pm" and "19h30".
            let digits = token.chars().any(|c| c.is_ascii_digit());
            if digits {
                token
                    .split(|c: char| !c.is_ascii_digit())
                    .filter(|part| !part.is_empty())
                    .map(str::to_owned)
                    .collect()
            } else {
                vec![token.to_lowercase()]
            }
        })
        .collect();
    let mut all = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        match numbers::read(&tokens, at) {
            // "one" is as often a word as a number.
            Some((1, took)) if tokens[at] == spoken(1) => at += took,
            Some((number, took)) => {
                all.push(number);
                at += took;
            }
            None => at += 1,
        }
    }
    all
}

fn sentences(text: &str) -> Vec<&str> {
    let mut all = Vec::new();
    let mut start = 0;
    for (at, mark) in text.char_indices() {
        let end = at + mark.len_utf8();
        let next = text[end..].chars().next();
        let ends = matches!(mark, '.' | '!' | '?' | '。')
            && next.is_none_or(char::is_whitespace)
            && text[end..]
                .trim_start()
                .chars()
                .next()
                .is_none_or(|c| !c.is_lowercase());
        if ends {
            all.push(text[start..end].trim());
            start = end;
        }
    }
    all.push(text[start..].trim());
    all.retain(|sentence| !sentence.is_empty());
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grounds() -> Grounds {
        let turn = |text: &str| TranscriptTurn {
            speaker: call::Speaker::Callee,
            text: text.to_owned(),
            started_ms: 0,
            ended_ms: 1000,
            interrupted: false,
        };
        let brief = Brief {
            objective: "Book a table for 2 at 7pm".to_owned(),
            business_name: Some("Nopa".to_owned()),
            ..Brief::default()
        };
        let turns = [turn(
            "We are full at seven, but half past eight is free. Ask for Maria.",
        )];
        Grounds::of(&brief, &turns, &[])
    }

    #[test]
    fn what_rests_on_the_call_is_kept() {
        let grounds = grounds();
        for text in [
            "Nopa is full at 7 p.m. and offered half past eight.",
            "A table for two at 19:00 was not free.",
            "They said to ask for Maria.",
        ] {
            assert_eq!(grounds.keep(text), text);
        }
    }

    #[test]
    fn what_was_made_up_is_dropped() {
        let grounds = grounds();
        for text in [
            "A table for 2 at 7 p.m. was booked for 45 dollars.",
            "The table is under the name Johnson.",
            "Everything went wonderfully, congratulations.",
        ] {
            assert_eq!(grounds.keep(text), "", "{text}");
        }
        assert_eq!(
            grounds.keep("Full at seven. The price is 45 dollars."),
            "Full at seven."
        );
    }
}
