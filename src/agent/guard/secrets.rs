//! What must not be said on a call, from the brief and from what the requester adds during the call.
//!
//! - The program's own instructions to the model, whole sentences of them.
//! - Of the requester's notes, what they call private, confidential or not to be told: its wording, its numbers and
//!   its names.
//! - Of the notes, card numbers, social security numbers, IBANs, passwords, PINs and security codes, unless their own
//!   sentence allows to give them ("if asked", "you may give").
//! - The notes as a whole, recited at length.
//!
//! What stands in the objective is what the call is about, and may be said.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, LazyLock, Mutex},
};

use super::{
    disguise::encodings,
    marks::{ALLOWED, FILLING, IS, LABELS, PASSWORDS, PRIVATE, VALUE_WITHIN},
    notes::{digits, find_word, has, luhn, numbers, sentences},
    runs::{Runs, Texts, bare},
    tongues,
};
use crate::agent::{Brief, prompt};

/// A recital of the program's instructions: about six words.
const FIXED_LIMIT: usize = 28;
/// A recital of the requester's notes: about 25 words. Shorter stretches may be words that were dictated.
const NOTES_LIMIT: usize = 120;
/// A stretch of what is marked private: about four words.
const PRIVATE_LIMIT: usize = 22;
/// Digits of a secret number that are too many.
const NUMBER_LIMIT: usize = 4;
/// Shortest number or name that is a secret by itself.
const VALUE_MIN: usize = 2;
const NAME_MIN: usize = 4;
/// Shortest name that is told from chance in a row of letters, across words.
const ACROSS_MIN: usize = 6;
/// Digits of a secret number, or all of a shorter one, by which a callee names it.
const NAMED: usize = 6;
/// Shortest words for a number below a hundred that are told from other words in six languages.
const SPOKEN_MIN: usize = 7;

/// A text that must not be recited.
#[derive(Debug)]
pub(super) struct Text {
    /// Its letters and digits, lower case.
    pub(super) letters: Vec<char>,
    /// So many in a row are a recital.
    pub(super) limit: usize,
    /// The places behind each pair of letters.
    index: HashMap<(char, char), Vec<usize>>,
}

impl Text {
    fn new(text: &str, limit: usize) -> Option<Self> {
        let letters: Vec<char> = bare(text).chars().collect();
        if letters.is_empty() {
            return None;
        }
        let limit = limit.min(letters.len());
        let mut index: HashMap<(char, char), Vec<usize>> = HashMap::new();
        if limit < letters.len() {
            for (at, pair) in letters.windows(2).enumerate() {
                index.entry((pair[0], pair[1])).or_default().push(at + 2);
            }
        }
        Some(Self {
            limit,
            letters,
            index,
        })
    }

    /// The places behind a pair of letters, where a stretch that has begun with it would go on. Stretches are looked for from
    /// their second letter on: single letters are everywhere.
    pub(super) fn behind(&self, first: char, second: char) -> impl Iterator<Item = usize> {
        let places = self.index.get(&(first, second));
        places.into_iter().flatten().copied()
    }
}

/// Sets of instructions that are kept for the next call: one a language and direction.
const KEPT: usize = 32;

/// Returns the program's own instructions as texts, forwards and backwards. They are the same for most calls and the longest
/// that is looked for, so calls share them. Nobody waits for another call here: who finds it taken makes its own.
fn instructions(fixed: &str) -> Vec<Arc<Text>> {
    static TEXTS: LazyLock<Mutex<HashMap<String, Vec<Arc<Text>>>>> = LazyLock::new(Mutex::default);
    let kept = || TEXTS.try_lock().ok();
    if let Some(texts) = kept().and_then(|kept| kept.get(fixed).cloned()) {
        return texts;
    }
    let reversed: String = bare(fixed).chars().rev().collect();
    let texts = [fixed, &reversed].into_iter();
    let texts: Vec<_> = texts
        .filter_map(|text| Text::new(text, FIXED_LIMIT))
        .map(Arc::new)
        .collect();
    if let Some(mut kept) = kept()
        && kept.len() < KEPT
    {
        kept.insert(fixed.to_owned(), texts.clone());
    }
    texts
}

/// A number that must not be said.
#[derive(Debug)]
pub(super) struct Number {
    /// Its digits.
    pub(super) digits: String,
    /// So many of them in a row are too many.
    pub(super) limit: usize,
    /// So many of them in a row name it.
    named: usize,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Secrets {
    texts: Texts,
    /// Names and passwords, forwards and backwards.
    values: Texts,
    /// The same in the usual encodings.
    encodings: Texts,
    numbers: Vec<Number>,
    words: BTreeSet<String>,
    transfer_to: Option<String>,
    /// The digits that the requester wrote, with spaces between numbers.
    given: String,
    /// What may be said whatever else holds it.
    open: Open,
}

/// What the call is about.
#[derive(Debug)]
struct Open {
    letters: String,
    words: BTreeSet<String>,
    numbers: BTreeSet<String>,
}

impl Open {
    fn of(brief: &Brief) -> Self {
        let texts = [
            Some(brief.objective.as_str()),
            brief.business_name.as_deref(),
            brief.first_message.as_deref(),
        ];
        let text = texts.into_iter().flatten().collect::<Vec<_>>().join(" ");
        Self {
            letters: bare(&text),
            words: text.split_whitespace().map(bare).collect(),
            numbers: numbers(&text).into_iter().collect(),
        }
    }
}

impl Secrets {
    /// Reads what must not be said on a call of this brief.
    pub(crate) fn of(brief: &Brief) -> Self {
        // The instructions as they are for every call: without what the call is about.
        let fixed = prompt::system(&Brief {
            deaf: true,
            language: brief.language.clone(),
            transfer_to: Some(String::new()),
            incoming: brief.incoming,
            ..Brief::default()
        });
        let notes = brief.instructions.as_deref().unwrap_or_default();
        let given = [brief.objective.as_str(), notes].join(" ");
        let mut secrets = Self {
            texts: Texts::default(),
            values: Texts::default(),
            encodings: Texts::default(),
            numbers: Vec::new(),
            words: BTreeSet::new(),
            transfer_to: brief.transfer_to.clone(),
            given: numbers(&given).join(" "),
            open: Open::of(brief),
        };
        for text in instructions(&fixed) {
            secrets.texts.add(text);
        }
        if let Some(to) = &brief.transfer_to {
            // Other numbers of the same area may be said; all of it without the country's is the number.
            let digits = digits(to);
            secrets.add_number(&digits, digits.len().saturating_sub(1));
        }
        secrets.add_notes(notes);
        secrets
    }

    /// Adds guidance of the requester that is not for the callee's ear.
    pub(crate) fn add_notes(&mut self, notes: &str) {
        if bare(notes).len() > NOTES_LIMIT && !self.open.letters.contains(&bare(notes)) {
            self.add_text(Text::new(notes, NOTES_LIMIT));
        }
        let sentences = sentences(notes);
        for (at, sentence) in sentences.iter().enumerate() {
            let lower = sentence.to_lowercase();
            if has(&lower, PRIVATE) {
                self.add_private(sentence);
                // "The budget is 200. Do not tell them that."
                let refers = lower.split_whitespace().count() <= 7
                    && [
                        "this", "that", "it", "eso", "esto", "das", "cela", "ça", "isso", "questo",
                    ]
                    .iter()
                    .any(|word| {
                        lower
                            .split(|c: char| !c.is_alphanumeric())
                            .any(|w| w == *word)
                    });
                if refers && let Some(before) = at.checked_sub(1) {
                    self.add_private(sentences[before]);
                }
            } else if !has(&lower, ALLOWED) {
                self.add_by_nature(sentence, &lower);
            }
        }
    }

    /// Everything in the sentence that the objective does not say too.
    fn add_private(&mut self, sentence: &str) {
        let letters = bare(sentence);
        if !self.open.letters.contains(&letters) {
            self.add_text(Text::new(sentence, PRIVATE_LIMIT));
        }
        for number in numbers(sentence) {
            if number.len() >= VALUE_MIN && !self.open.numbers.contains(&number) {
                if number.len() >= NUMBER_LIMIT {
                    self.add_number(&number, NUMBER_LIMIT);
                }
                self.add_word(&number);
                self.add_spoken(&number);
                if let Ok(n) = number.parse::<u32>() {
                    // "eighty", as one word or the first of several that nobody says by chance.
                    let spoken = bare(&crate::agent::numbers::spoken(n));
                    if spoken.len() >= NAME_MIN {
                        self.add_whole(&spoken);
                    }
                }
            }
        }
        for (at, word) in sentence.split_whitespace().enumerate() {
            let name = word.trim_matches(|c: char| !c.is_alphanumeric());
            let capital = name.chars().next().is_some_and(char::is_uppercase);
            if name.contains('@') || at > 0 && capital && name.chars().count() >= NAME_MIN {
                self.add_value(name);
                let spoken = name.replace('@', "at").replace('.', "dot");
                self.add_value(&spoken);
            }
        }
    }

    /// Cards, codes and passwords, marked or not.
    fn add_by_nature(&mut self, sentence: &str, lower: &str) {
        let labels: Vec<(&str, usize)> = LABELS
            .iter()
            .filter_map(|label| find_word(lower, label).map(|at| (*label, at + label.len())))
            .collect();
        for number in numbers(sentence) {
            let card = (13..=19).contains(&number.len()) && luhn(&number);
            if card || !labels.is_empty() && number.len() >= 3 {
                self.add_number(&number, NUMBER_LIMIT);
            }
        }
        for word in sentence.split_whitespace() {
            let code = word.trim_matches(|c: char| !c.is_alphanumeric());
            let iban = code.len() >= 15
                && code.chars().take(2).all(|c| c.is_ascii_uppercase())
                && code.chars().skip(2).take(2).all(|c| c.is_ascii_digit());
            if iban {
                self.add_text(Text::new(code, NUMBER_LIMIT * 2));
            }
        }
        // "The password of the account is swordfish": the word behind "is" or a colon, or else behind the label.
        for (label, at) in &labels {
            let behind: Vec<&str> = lower[*at..].split_whitespace().take(VALUE_WITHIN).collect();
            let told = behind
                .iter()
                .position(|word| IS.contains(word) || word.ends_with([':', '=']))
                .map_or(0, |told| told + 1);
            let value = behind[told..]
                .iter()
                .map(|word| bare(word))
                .find(|word| !word.is_empty() && !FILLING.contains(&word.as_str()));
            // "They take credit cards there" labels nothing.
            let labelled = |value: &String| {
                told > 0 || PASSWORDS.contains(label) || value.chars().any(|c| c.is_ascii_digit())
            };
            let value = value.filter(|value| value.len() >= NAME_MIN);
            if let Some(value) = value.filter(labelled) {
                self.add_value(&value);
                self.add_whole(&value);
            }
        }
    }

    fn add_text(&mut self, text: Option<Text>) {
        if let Some(text) = text {
            self.texts.add(Arc::new(text));
        }
    }

    /// Adds letters of which only all of them are a secret.
    fn add_whole(&mut self, letters: &str) {
        self.texts.add_whole(letters.chars().collect());
    }

    fn add_number(&mut self, digits: &str, limit: usize) {
        if digits.len() >= 3 && !self.open.numbers.contains(digits) {
            let limit = limit.min(digits.len());
            let named = limit.max(NAMED).min(digits.len());
            self.numbers.push(Number {
                digits: digits.to_owned(),
                limit,
                named,
            });
            if digits.len() >= NUMBER_LIMIT {
                self.numbers.push(Number {
                    digits: digits.chars().rev().collect(),
                    limit: named,
                    named,
                });
                self.add_spoken(digits);
            }
        }
    }

    /// A number as one says it in the languages that the agent speaks.
    fn add_spoken(&mut self, digits: &str) {
        let Ok(n) = digits.parse::<u32>() else { return };
        if digits.starts_with('0') {
            return;
        }
        for spoken in tongues::aloud(n) {
            if n >= 100 || spoken.len() >= SPOKEN_MIN {
                self.add_whole(&spoken);
            }
        }
    }

    /// A name or a password, in whatever form it comes.
    fn add_value(&mut self, word: &str) {
        let letters = bare(word);
        if letters.is_empty() || self.open.words.contains(&letters) {
            return;
        }
        self.add_word(word);
        let consonants: String = letters.chars().filter(|c| !"aeiou".contains(*c)).collect();
        if consonants.len() >= ACROSS_MIN {
            self.words.insert(consonants);
        }
        if letters.len() >= NAME_MIN {
            self.values.add_whole(letters.chars().collect());
            self.values.add_whole(letters.chars().rev().collect());
        }
        if letters.len() >= ACROSS_MIN {
            self.add_whole(&letters);
        }
        for encoded in encodings(word) {
            self.encodings.add_whole(encoded.chars().collect());
        }
    }

    /// Whether somebody names a secret: a name, a password, all of a code, much of a card's number. Whatever is answered
    /// to that tells whether it is right.
    pub(super) fn named_in(&self, text: &str) -> bool {
        let mut values = Runs::new(&self.values);
        let tokens = || text.split_whitespace();
        let word = |token: &str| {
            let word = bare(token);
            word.len() >= NAME_MIN
                && !word.bytes().all(|b| b.is_ascii_digit())
                && self.words.contains(&word)
        };
        let digits: String = tokens().map(super::runs::digits_of).collect();
        let number = |number: &Number| {
            number.digits.len() >= NUMBER_LIMIT
                && (0..=number.digits.len() - number.named)
                    .any(|at| digits.contains(&number.digits[at..at + number.named]))
        };
        let spelled = |token: &str| super::disguise::spelled(&bare(token));
        tokens().any(word)
            || self.numbers.iter().any(number)
            || tokens()
                .filter_map(spelled)
                .any(|letter| values.letter(letter, matches!(letter, 'a' | 'i')).is_some())
    }

    fn add_word(&mut self, word: &str) {
        let word = bare(word);
        if !word.is_empty() && !self.open.words.contains(&word) {
            self.words.insert(word);
        }
    }

    pub(super) fn texts(&self) -> &Texts {
        &self.texts
    }

    pub(super) fn values(&self) -> &Texts {
        &self.values
    }

    pub(super) fn encodings(&self) -> &Texts {
        &self.encodings
    }

    pub(super) fn numbers(&self) -> &[Number] {
        &self.numbers
    }

    pub(super) fn words(&self) -> &BTreeSet<String> {
        &self.words
    }

    /// Where the callee may be transferred to.
    pub(super) fn transfer_to(&self) -> Option<&String> {
        self.transfer_to.as_ref()
    }

    /// Whether the requester wrote this number.
    pub(super) fn names_number(&self, digits: &str) -> bool {
        self.given.split(' ').any(|given| given == digits)
            || self.given.replace(' ', "").contains(digits)
    }
}
