//! Finds stretches of forbidden texts and numbers in a stream of tokens.
//!
//! Texts are compared letter by letter, digits by digits: spacing, case, punctuation and spelling out make no
//! difference. A stretch that is long enough is caught; a shorter one that may still grow is open.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use super::{
    disguise::{fold, unleet},
    secrets::{Number, Secrets, Text},
    tongues::{self, Said},
};

/// A stretch of this many letters may be the beginning of a recital; of a short text, a third of it may.
const OPEN_LETTERS: usize = 12;
const OPEN_SHORT: usize = 3;
/// Digits of a secret's beginning that are kept back although other words follow.
const OPEN_DIGITS: usize = 2;

/// Texts that are looked for together.
#[derive(Debug, Default)]
pub(super) struct Texts {
    /// Those of which a stretch is enough.
    long: Vec<Arc<Text>>,
    /// Those of which it takes all, and which of them begin with a letter.
    whole: Vec<Vec<char>>,
    firsts: HashMap<char, Vec<usize>>,
}

impl Texts {
    /// Adds a text of which a stretch is enough.
    pub(super) fn add(&mut self, text: Arc<Text>) {
        if text.limit < text.letters.len() {
            self.long.push(text);
        } else {
            self.add_whole(text.letters.clone());
        }
    }

    /// Adds a text of which it takes all.
    pub(super) fn add_whole(&mut self, letters: Vec<char>) {
        let Some(first) = letters.first() else { return };
        self.firsts
            .entry(*first)
            .or_default()
            .push(self.whole.len());
        self.whole.push(letters);
    }
}

/// Looks for texts in a row of letters.
#[derive(Debug)]
pub(super) struct Runs<'a> {
    texts: &'a Texts,
    /// The letter before.
    last: Option<char>,
    /// Of each long text, the stretches of two letters and more under way: where each would go on, and its length.
    long: Vec<Vec<(usize, usize)>>,
    /// The whole texts under way, and how much of each there is.
    whole: Vec<(usize, usize)>,
}

impl<'a> Runs<'a> {
    pub(super) fn new(texts: &'a Texts) -> Self {
        Self {
            texts,
            last: None,
            long: vec![Vec::new(); texts.long.len()],
            whole: Vec::new(),
        }
    }

    /// Reads a letter; returns the length of the longest stretch that it makes too long. A letter that
    /// `may_be_passed_over` ends no whole text.
    pub(super) fn letter(&mut self, letter: char, may_be_passed_over: bool) -> Option<usize> {
        let mut longest = None;
        let last = self.last.replace(letter);
        for (runs, text) in self.long.iter_mut().zip(&self.texts.long) {
            if advance(runs, text, last, letter) {
                longest = longest.max(Some(text.limit));
            }
        }
        let whole = &self.texts.whole;
        let firsts = self.texts.firsts.get(&letter);
        self.whole.retain_mut(|(text, length)| {
            let goes_on = whole[*text].get(*length) == Some(&letter);
            *length += usize::from(goes_on);
            goes_on || may_be_passed_over
        });
        self.whole
            .extend(firsts.into_iter().flatten().map(|text| (*text, 1)));
        let complete = |(text, length): &(usize, usize)| *length >= whole[*text].len();
        longest = longest.max(
            self.whole
                .iter()
                .filter(|run| complete(run))
                .map(|run| run.1)
                .max(),
        );
        self.whole.retain(|run| !complete(run));
        longest
    }

    /// How many of the last letters may be the beginning of something forbidden.
    pub(super) fn open(&self) -> usize {
        let is_open =
            |length: usize, limit: usize| length >= OPEN_LETTERS.min((limit / 3).max(OPEN_SHORT));
        let long = self
            .long
            .iter()
            .zip(&self.texts.long)
            .flat_map(|(runs, text)| {
                let open = move |length: &usize| is_open(*length, text.limit);
                runs.iter().map(|(_, length)| *length).filter(open)
            });
        let whole = self
            .whole
            .iter()
            .filter(|(text, length)| is_open(*length, self.texts.whole[*text].len()));
        long.chain(whole.map(|(_, length)| *length))
            .max()
            .unwrap_or(0)
    }
}

/// Reads one stream.
#[derive(Debug)]
pub(super) struct Reader<'a> {
    secrets: &'a Secrets,
    texts: Runs<'a>,
    encodings: Option<Runs<'a>>,
    /// The last digits, as many as any secret has.
    digits: String,
    /// Whether tens were said last, to which a unit or a zero belongs.
    tens: bool,
    /// How often the next digit is meant.
    times: usize,
    /// How many of the last digits may be the beginning of a secret number.
    open_digits: usize,
    caught: bool,
}

impl<'a> Reader<'a> {
    /// Begins to read.
    pub(super) fn new(secrets: &'a Secrets) -> Self {
        Self {
            encodings: Some(Runs::new(secrets.encodings())),
            ..Self::plain(secrets)
        }
    }

    /// Begins to read what is in no encoding.
    pub(super) fn plain(secrets: &'a Secrets) -> Self {
        Self {
            secrets,
            texts: Runs::new(secrets.texts()),
            encodings: None,
            digits: String::new(),
            tens: false,
            times: 0,
            open_digits: 0,
            caught: false,
        }
    }

    /// Whether something forbidden was completed.
    pub(super) fn is_caught(&self) -> bool {
        self.caught
    }

    /// Forgets that something was caught, not what was read.
    pub(super) fn forgive(&mut self) {
        self.caught = false;
    }

    /// How many of the last letters may be the beginning of something forbidden.
    pub(super) fn open_letters(&self) -> usize {
        let encodings = self.encodings.as_ref().map_or(0, Runs::open);
        self.texts.open().max(encodings)
    }

    /// How many of the last digits may be the beginning of a secret number.
    pub(super) fn open_digits(&self) -> usize {
        self.open_digits
    }

    /// Reads all of a token but its place.
    pub(super) fn token(&mut self, token: &str) {
        self.letters(token, |_| {});
        self.number(token);
        self.word(token);
    }

    /// Reads the letters of a token; `seen` is told the end of each, as an offset into the token.
    pub(super) fn letters(&mut self, token: &str, mut seen: impl FnMut(usize)) {
        for (at, c) in token.char_indices() {
            for letter in fold(c.encode_utf8(&mut [0; 4])) {
                self.caught |= self.texts.letter(letter, false).is_some();
                if let Some(encodings) = &mut self.encodings {
                    self.caught |= encodings.letter(letter, false).is_some();
                }
                seen(at + c.len_utf8());
            }
        }
    }

    /// Reads the digits that a token says or has.
    pub(super) fn number(&mut self, token: &str) {
        let mut spoke = false;
        for said in pieces(token) {
            match said {
                Said::Digits(digits) => {
                    if self.tens && (digits.len() > 1 || digits == "0") {
                        self.digit('0');
                    }
                    for digit in digits.chars() {
                        for _ in 0..std::mem::take(&mut self.times).max(1) {
                            self.digit(digit);
                        }
                    }
                    self.tens = false;
                    spoke = true;
                }
                Said::Tens(digit) => {
                    if std::mem::replace(&mut self.tens, true) {
                        self.digit('0');
                    }
                    self.digit(digit);
                    spoke = true;
                }
                Said::Times(times) => {
                    self.times = times;
                    spoke = true;
                }
                Said::Between => {}
                Said::Word => {
                    if std::mem::take(&mut self.tens) {
                        self.digit('0');
                    }
                    self.times = 0;
                }
            }
        }
        if self.tens {
            // Nothing may follow.
            self.digits.push('0');
            let numbers = self.secrets.numbers().iter();
            self.caught |= numbers
                .into_iter()
                .any(|number| completes(&self.digits, number));
            self.digits.pop();
        }
        let numbers = self.secrets.numbers().iter();
        let open = numbers
            .map(|number| open_length(&self.digits, number))
            .max();
        let least = if spoke { 1 } else { OPEN_DIGITS };
        self.open_digits = open.filter(|open| *open >= least).unwrap_or(0);
        let keep = self.digits.len().saturating_sub(64);
        self.digits.drain(..keep);
    }

    fn digit(&mut self, digit: char) {
        self.digits.push(digit);
        let mut numbers = self.secrets.numbers().iter();
        self.caught |= numbers.any(|number| completes(&self.digits, number));
    }

    /// Reads a whole word, which may be forbidden by itself.
    pub(super) fn word(&mut self, token: &str) {
        let words: &BTreeSet<String> = self.secrets.words();
        let forbidden = |word: &str| {
            words.contains(&bare(word)) || unleet(word).is_some_and(|word| words.contains(&word))
        };
        if !words.is_empty() {
            self.caught |= token.split_whitespace().any(forbidden);
        }
    }
}

/// A word as it is compared: small letters and digits only, without accents.
pub(super) fn bare(word: &str) -> String {
    fold(word).collect()
}

fn advance(runs: &mut Vec<(usize, usize)>, text: &Text, last: Option<char>, letter: char) -> bool {
    let mut caught = false;
    runs.retain_mut(|(next, length)| {
        let goes_on = text.letters.get(*next) == Some(&letter);
        *next += 1;
        *length += 1;
        caught |= goes_on && *length >= text.limit;
        goes_on
    });
    if let Some(last) = last {
        runs.extend(text.behind(last, letter).map(|next| (next, 2)));
    }
    caught
}

/// Whether `said` ends with enough of the number.
fn completes(said: &str, number: &Number) -> bool {
    let tail = said.len().checked_sub(number.limit);
    tail.is_some_and(|at| number.digits.contains(&said[at..]))
}

/// How many digits `said` ends with that go on to enough of the number.
fn open_length(said: &str, number: &Number) -> usize {
    let last = number.digits.len() - number.limit;
    let begins = |tail: &str| (0..=last).any(|at| number.digits[at..].starts_with(tail));
    (1..number.limit.min(said.len() + 1))
        .rev()
        .find(|length| begins(&said[said.len() - length..]))
        .unwrap_or(0)
}

/// Returns what the pieces of a token say of numbers.
fn pieces(token: &str) -> Vec<Said> {
    if token.contains('-')
        && let whole = bare(token)
        && !whole.chars().any(|c| c.is_ascii_digit())
        && let Said::Digits(digits) = tongues::read(&whole)
    {
        // "Quatre-vingt-dix-neuf".
        return vec![Said::Digits(digits)];
    }
    let pieces = token.split(|c: char| !c.is_alphanumeric());
    let pieces = pieces.filter(|piece| !piece.is_empty());
    pieces.map(|piece| tongues::read(&bare(piece))).collect()
}

/// Returns the digits that a token says, tens without their zero.
pub(super) fn digits_of(token: &str) -> String {
    let mut all = String::new();
    for said in pieces(token) {
        match said {
            Said::Digits(digits) => all.push_str(&digits),
            Said::Tens(digit) => all.push(digit),
            Said::Times(_) | Said::Between | Said::Word => {}
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_say_digits() {
        for (token, digits) in [
            ("four", "4"),
            ("forty-one", "41"),
            ("4-1", "41"),
            ("Fünf,", "5"),
            ("1111.", "1111"),
            ("quatre-vingt-dix-neuf", "99"),
            ("table", ""),
        ] {
            assert_eq!(digits_of(token), digits, "{token}");
        }
    }
}
