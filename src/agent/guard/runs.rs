//! Finds stretches of forbidden texts and numbers in a stream of tokens.
//!
//! Texts are compared letter by letter, digits by digits: spacing, case, punctuation and spelling out make no
//! difference. A stretch that is long enough is caught; a shorter one that may still grow is open.

use std::collections::BTreeSet;

use super::secrets::{Number, Secrets, Text};

/// A stretch of this many letters may be the beginning of a recital.
const OPEN_LETTERS: usize = 12;

/// Reads one stream.
#[derive(Debug)]
pub(super) struct Reader<'a> {
    secrets: &'a Secrets,
    /// Of each text, the stretches under way: where each would go on, and its length.
    runs: Vec<Vec<(usize, usize)>>,
    /// The last digits, as many as any secret has.
    digits: String,
    /// Whether the last token was a digit of a secret's beginning.
    number_open: bool,
    caught: bool,
}

impl<'a> Reader<'a> {
    /// Begins to read.
    pub(super) fn new(secrets: &'a Secrets) -> Self {
        Self {
            secrets,
            runs: vec![Vec::new(); secrets.texts().len()],
            digits: String::new(),
            number_open: false,
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
        let longest = self.runs.iter().flatten().map(|(_, length)| *length).max();
        longest
            .filter(|length| *length >= OPEN_LETTERS)
            .unwrap_or(0)
    }

    /// Whether the last token may be the beginning of a secret number.
    pub(super) fn number_open(&self) -> bool {
        self.number_open
    }

    /// Reads the letters of a token; `seen` is told the end of each, as an offset into the token.
    pub(super) fn letters(&mut self, token: &str, mut seen: impl FnMut(usize)) {
        for (at, c) in token.char_indices() {
            for letter in c.to_lowercase().filter(|c| c.is_alphanumeric()) {
                let texts = self.secrets.texts().iter();
                for (runs, text) in self.runs.iter_mut().zip(texts) {
                    self.caught |= advance(runs, text, letter);
                }
            }
            if c.is_alphanumeric() {
                seen(at + c.len_utf8());
            }
        }
    }

    /// Reads the digits of a token; none: the token is no number.
    pub(super) fn digits(&mut self, digits: &str) {
        if digits.is_empty() {
            self.number_open = false;
            return;
        }
        for digit in digits.chars() {
            self.digits.push(digit);
            for number in self.secrets.numbers() {
                self.caught |= completes(&self.digits, number);
            }
        }
        let numbers = self.secrets.numbers();
        self.number_open = numbers.iter().any(|number| begins(&self.digits, number));
        let keep = self.digits.len().saturating_sub(64);
        self.digits.drain(..keep);
    }

    /// Reads a whole word, which may be forbidden by itself.
    pub(super) fn word(&mut self, token: &str) {
        let words: &BTreeSet<String> = self.secrets.words();
        if !words.is_empty() {
            self.caught |= token
                .split_whitespace()
                .any(|word| words.contains(&bare(word)));
        }
    }
}

/// A word as it is compared: lower case, letters and digits only.
pub(super) fn bare(word: &str) -> String {
    word.chars()
        .flat_map(char::to_lowercase)
        .filter(|c| c.is_alphanumeric())
        .collect()
}

fn advance(runs: &mut Vec<(usize, usize)>, text: &Text, letter: char) -> bool {
    let mut caught = false;
    runs.retain_mut(|(next, length)| {
        let goes_on = text.letters.get(*next) == Some(&letter);
        *next += 1;
        *length += 1;
        caught |= goes_on && *length >= text.limit;
        goes_on
    });
    for start in text.places(letter) {
        runs.push((start + 1, 1));
        caught |= text.limit <= 1;
    }
    caught
}

/// Whether `said` ends with enough of the number.
fn completes(said: &str, number: &Number) -> bool {
    let tail = said.len().checked_sub(number.limit);
    tail.is_some_and(|at| number.digits.contains(&said[at..]))
}

/// Whether `said` ends with digits that go on to enough of the number.
fn begins(said: &str, number: &Number) -> bool {
    (1..number.limit.min(said.len() + 1)).any(|length| {
        let tail = &said[said.len() - length..];
        let last = number.digits.len() - number.limit;
        (0..=last).any(|at| number.digits[at..].starts_with(tail))
    })
}

/// Number words of the languages that the agent has sentences in, with their digits.
const DIGIT_WORDS: &[(&str, &[&str])] = &[
    (
        "0",
        &["zero", "oh", "nought", "cero", "zéro", "null", "nul"],
    ),
    (
        "1",
        &["one", "uno", "una", "un", "une", "eins", "ein", "um", "uma"],
    ),
    (
        "2",
        &["two", "dos", "deux", "zwei", "zwo", "due", "dois", "duas"],
    ),
    ("3", &["three", "tres", "trois", "drei", "tre", "três"]),
    (
        "4",
        &["four", "cuatro", "quatre", "vier", "quattro", "quatro"],
    ),
    ("5", &["five", "cinco", "cinq", "fünf", "cinque"]),
    ("6", &["six", "seis", "sechs", "sei", "meia"]),
    ("7", &["seven", "siete", "sept", "sieben", "sette", "sete"]),
    ("8", &["eight", "ocho", "huit", "acht", "otto", "oito"]),
    ("9", &["nine", "nueve", "neuf", "neun", "nove"]),
    ("10", &["ten", "diez", "dix", "zehn", "dieci", "dez"]),
    ("11", &["eleven", "once", "onze", "elf", "undici"]),
    (
        "12",
        &["twelve", "doce", "douze", "zwölf", "dodici", "doze"],
    ),
    (
        "13",
        &[
            "thirteen", "trece", "treize", "dreizehn", "tredici", "treze",
        ],
    ),
    (
        "14",
        &[
            "fourteen",
            "catorce",
            "quatorze",
            "vierzehn",
            "quattordici",
            "catorze",
        ],
    ),
    (
        "15",
        &["fifteen", "quince", "quinze", "fünfzehn", "quindici"],
    ),
    (
        "16",
        &[
            "sixteen",
            "dieciséis",
            "seize",
            "sechzehn",
            "sedici",
            "dezasseis",
            "dezesseis",
        ],
    ),
    (
        "17",
        &[
            "seventeen",
            "diecisiete",
            "siebzehn",
            "diciassette",
            "dezassete",
            "dezessete",
        ],
    ),
    (
        "18",
        &["eighteen", "dieciocho", "achtzehn", "diciotto", "dezoito"],
    ),
    (
        "19",
        &[
            "nineteen",
            "diecinueve",
            "neunzehn",
            "diciannove",
            "dezanove",
            "dezenove",
        ],
    ),
];
/// Tens in English, which people use to read numbers in pairs.
const TENS: [&str; 8] = [
    "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety",
];

/// Returns the digits that a token says; empty when it says none. Tens are their first digit: units follow.
pub(super) fn digits_of(token: &str) -> String {
    let mut all = String::new();
    let pieces = token.split(|c: char| !c.is_alphanumeric());
    for piece in pieces.filter(|piece| !piece.is_empty()) {
        if piece.chars().any(|c| c.is_ascii_digit()) {
            all.extend(piece.chars().filter(char::is_ascii_digit));
            continue;
        }
        let word = piece.to_lowercase();
        if let Some((digits, _)) = DIGIT_WORDS
            .iter()
            .find(|(_, words)| words.contains(&word.as_str()))
        {
            all.push_str(digits);
        } else if let Some(tens) = TENS.iter().position(|tens| *tens == word) {
            all.push_str(&(tens + 2).to_string());
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_read_from_words() {
        for (token, digits) in [
            ("four", "4"),
            ("forty-one", "41"),
            ("4-1", "41"),
            ("Fünf,", "5"),
            ("1111.", "1111"),
            ("table", ""),
        ] {
            assert_eq!(digits_of(token), digits, "{token}");
        }
    }
}
