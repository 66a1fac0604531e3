//! Numbers, addresses and spelled names under way: what is dictated in groups with pauses between them.
//!
//! When the agent asked for one, the question counts for more than the words: a telephone makes "nine" into "mine", and an
//! answer to "what is your number?" is a number whatever was recognised, unless it plainly is not.

use super::{Asked, Shape, is_yes_no};
use crate::{ending, words};

const DIGITS: &[&str] = &[
    "zero", "oh", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine",
];
/// What recognisers make of single digits.
const LIKE_DIGITS: &[&str] = &[
    "o", "won", "to", "too", "tree", "for", "fore", "fine", "fire", "sex", "sick", "ate", "mine",
    "line", "night", "heaven", "hero",
];
const NUMBERS: &[&str] = &[
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
    "twenty",
    "thirty",
    "forty",
    "fifty",
    "sixty",
    "seventy",
    "eighty",
    "ninety",
    "hundred",
    "half",
    "quarter",
    "noon",
    "midnight",
    "o'clock",
    "double",
    "triple",
];

/// Letters that make a whole word: of one that was said before, and of any that is known, whose beginnings are often words,
/// too.
const LEAST_SAID: usize = 3;
const LEAST_KNOWN: usize = 4;

/// Whether a word is a count or a time.
pub(super) fn is_amount(token: &str) -> bool {
    DIGITS[2..].contains(&token)
        || NUMBERS.contains(&token)
        || token.chars().any(|c| c.is_ascii_digit())
}

/// How many digits a token stands for when somebody dictates a number.
fn digits(token: &str) -> usize {
    let written = token.chars().filter(char::is_ascii_digit).count();
    if written > 0
        && token
            .chars()
            .all(|c| c.is_ascii_digit() || "-+()".contains(c))
    {
        written
    } else if DIGITS.contains(&token) {
        1
    } else if NUMBERS[..18].contains(&token) && token != "hundred" {
        2
    } else {
        0
    }
}

/// Whether words answer a question for a number, an address or letters by saying that there is none, or ask back.
fn declines(tokens: &[String]) -> bool {
    const WORDS: &[&str] = &["don't", "can't", "won't", "why", "pardon", "none"];
    is_yes_no(tokens)
        || words::asks_to_hold(tokens)
        || tokens.iter().any(|token| WORDS.contains(&token.as_str()))
}

/// A dictated number: the digits at the end of the words, or, when it was asked for, all words that may be digits.
pub(super) fn number(tokens: &[String], asked: Asked) -> Option<Shape> {
    let expected = asked == Asked::Number;
    let run = tokens.iter().rev().take_while(|token| {
        digits(token) > 0 || ["double", "triple", "area", "code", "and"].contains(&token.as_str())
    });
    let at_the_end: usize = run.map(|token| digits(token)).sum();
    let like = |token: &String| {
        let like = expected && LIKE_DIGITS.contains(&token.as_str());
        digits(token).max(usize::from(like))
    };
    let count = at_the_end.max(if expected {
        tokens.iter().map(like).sum()
    } else {
        0
    });
    match count {
        0 if expected && !declines(tokens) => Some(Shape::Announced),
        0 => None,
        // Seven local digits are whole only with a pause; ten are a North American number, eleven one with its 1.
        10.. => Some(Shape::NumberComplete),
        7..10 if expected => Some(Shape::NumberLocal),
        1..3 if expected && declines(tokens) => None,
        1..7 if expected => Some(Shape::NumberUnderWay),
        // "four one five" without having been asked: a number has begun. "seven thirty" has not.
        3..10 if tokens.iter().rev().take(3).all(|token| digits(token) == 1) => {
            Some(Shape::NumberUnderWay)
        }
        _ => None,
    }
}

/// An e-mail address, spoken or written.
pub(super) fn address(tokens: &[String], asked: Asked) -> Option<Shape> {
    let has_at = tokens.iter().any(|token| token.contains('@'))
        || tokens.iter().skip(1).any(|token| token == "at") && asked == Asked::Email;
    let ended = tokens.last().is_some_and(|token| {
        const ENDS: &[&str] = &["com", "org", "net", "edu", "gov"];
        // Short enough to be misheard anywhere: they end an address only behind a dot.
        const COUNTRIES: &[&str] = &["io", "co", "uk", "de", "es", "fr", "us", "ca"];
        let end = token.rsplit('.').next().unwrap_or(token);
        let dotted = token.contains('.')
            || tokens
                .iter()
                .rev()
                .nth(1)
                .is_some_and(|before| ["dot", "point", "co"].contains(&before.as_str()));
        (ENDS.contains(&end) || COUNTRIES.contains(&end) && dotted)
            && (tokens.len() > 1 || token.contains('@'))
    });
    match (has_at, asked == Asked::Email) {
        (true, _) | (_, true) if ended => Some(Shape::EmailComplete),
        (true, _) => Some(Shape::EmailUnderWay),
        (false, true) if !declines(tokens) => Some(Shape::EmailUnderWay),
        _ => None,
    }
}

/// Letters spelled one by one: at least two at the end, or anything when spelling was asked for. They are whole when they make
/// the word that the callee said before them, or some word that is known.
pub(super) fn letters(tokens: &[String], asked: Asked) -> Option<Shape> {
    let letter = |token: &String| {
        let mut characters = token.chars();
        characters
            .next()
            .filter(|c| c.is_alphabetic() && characters.next().is_none())
    };
    let doubled = |token: &String| ["double", "doubled"].contains(&token.as_str());
    let part = |token: &&String| letter(token).is_some() || doubled(token);
    let run = tokens.iter().rev().take_while(part).count();
    let (before, spelled) = tokens.split_at(tokens.len() - run);
    let mut word = String::new();
    for (index, token) in spelled.iter().enumerate() {
        let Some(letter) = letter(token) else {
            continue;
        };
        let twice = index > 0 && doubled(&spelled[index - 1]);
        word.extend(std::iter::repeat_n(letter, 1 + usize::from(twice)));
    }
    let count = word.chars().count();
    let said = count >= LEAST_SAID && before.contains(&word);
    let known = count >= LEAST_KNOWN && ending::knows(&word);
    let expected = asked == Asked::Spelling && !declines(tokens);
    if run >= 2 && (said || known) {
        Some(Shape::SpellingComplete)
    } else {
        (run >= 2 || expected).then_some(Shape::Spelling)
    }
}
