//! Numbers, addresses and spelled names under way: what is dictated in groups with pauses between them.
//!
//! When the agent asked for one, the question counts for more than the words: a telephone makes "nine" into "mine", and an
//! answer to "what is your number?" is a number whatever was recognised, unless it plainly is not.

use super::{Asked, Said, Shape, is_yes_no};
use crate::{
    spelling::{self, Heard},
    words,
};

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

/// What recognisers make of single letters.
const LIKE_LETTERS: &[(&str, u8)] = &[
    ("hey", b'a'),
    ("be", b'b'),
    ("bee", b'b'),
    ("sea", b'c'),
    ("see", b'c'),
    ("he", b'e'),
    ("if", b'f'),
    ("gee", b'g'),
    ("age", b'h'),
    ("eight", b'h'),
    ("eye", b'i'),
    ("jay", b'j'),
    ("kay", b'k'),
    ("all", b'l'),
    ("him", b'm'),
    ("them", b'm'),
    ("and", b'n'),
    ("end", b'n'),
    ("in", b'n'),
    ("oh", b'o'),
    ("pea", b'p'),
    ("cue", b'q'),
    ("queue", b'q'),
    ("are", b'r'),
    ("our", b'r'),
    ("as", b's'),
    ("tea", b't'),
    ("you", b'u'),
    ("ex", b'x'),
    ("why", b'y'),
];
/// The logarithm of the odds from which letters are taken for a whole name. Of 100 names that the embedded recogniser heard in groups
/// of one to three letters, by four voices, 45 % are beyond it, and 3 in 940 of their beginnings; with 1.5, 52 % and 10.
const WHOLE_NAME: f32 = 2.0;

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

/// How many digits the number has that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Length {
    /// As many as a telephone number: seven to nine local ones, ten, or more with a country's code.
    Phone,
    /// So many.
    Exactly(u8),
    /// Whoever dictates it knows.
    #[default]
    Unknown,
}

impl Length {
    /// Reads it from the words of the question.
    pub(super) fn of(question: &[String]) -> Self {
        /// What has a number of a length of its own.
        const OTHERS: &[&str] = &[
            "account",
            "booking",
            "case",
            "code",
            "confirmation",
            "customer",
            "flight",
            "member",
            "membership",
            "order",
            "policy",
            "reference",
            "registration",
            "reservation",
            "room",
            "security",
            "serial",
            "ticket",
            "tracking",
        ];
        let has = |list: &[&str]| question.iter().any(|word| list.contains(&word.as_str()));
        let counted = question.windows(2).find_map(|pair| {
            let count = DIGITS.iter().position(|digit| *digit == pair[0])?;
            let count = u8::try_from(count.checked_sub(1)?).ok()?;
            (pair[1] == "digits" && count > 0).then_some(count)
        });
        match counted {
            Some(count) => Self::Exactly(count),
            None if has(&["zip"]) => Self::Exactly(5),
            // Its security code is another thing.
            None if has(&["card"]) && has(&["number"]) => Self::Exactly(16),
            None if has(&["phone", "telephone", "mobile", "cell"]) => Self::Phone,
            None if has(&["number"]) && !has(OTHERS) => Self::Phone,
            None => Self::Unknown,
        }
    }
}

/// The digits of a number that was asked for.
#[derive(Default)]
struct Dictated {
    /// How many in each group, in order, with words that may be digits which were misheard.
    groups: Vec<usize>,
    /// How many were heard as digits.
    known: usize,
    /// The first of them.
    first: Option<First>,
    /// Whether some were said together, like "twelve", which may be one that was misheard.
    together: bool,
}

/// What a number begins with, where that tells how long it is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum First {
    /// What is dialed before a number of another area, in Europe and elsewhere: nine digits and more follow.
    Zero,
    /// The same in North America, where ten follow.
    One,
    Other,
}

impl Dictated {
    fn of(said: Said<'_>) -> Self {
        /// What is said before and among digits and is none.
        const BETWEEN: &[&str] = &[
            "actually",
            "am",
            "and",
            "area",
            "at",
            "be",
            "call",
            "can",
            "cell",
            "code",
            "dash",
            "extension",
            "hi",
            "hyphen",
            "i",
            "i'm",
            "is",
            "it",
            "it's",
            "me",
            "mobile",
            "my",
            "number",
            "of",
            "okay",
            "on",
            "phone",
            "reach",
            "sure",
            "that",
            "that's",
            "the",
            "then",
            "this",
            "uh",
            "um",
            "well",
            "would",
            "yeah",
            "yes",
            "you",
        ];
        let mut dictated = Self::default();
        let ends = said.pauses.iter().copied().chain([said.text.len()]);
        let mut start = 0;
        for end in ends {
            let piece = said.text.get(start..end).unwrap_or_default();
            start = end;
            let mut group = 0;
            let mut zero = false;
            let tokens = words::tokens(piece);
            // "My number is" may be heard as "nine number is".
            let lead = tokens.windows(2).position(|pair| pair == ["number", "is"]);
            let mut tokens = tokens
                .into_iter()
                .skip(lead.map_or(0, |at| at + 2))
                .peekable();
            while let Some(token) = tokens.next() {
                let like = LIKE_DIGITS.contains(&token.as_str());
                let talk = |word: &String| BETWEEN.contains(&word.as_str());
                // Nobody says both "zero" and "oh"; a recogniser does. "Oh, it's …" is no digit. The digit behind a "double"
                // counts once more.
                let spoken = match token.as_str() {
                    "oh" if zero || dictated.known == 0 && tokens.peek().is_some_and(talk) => 0,
                    "double" => 1,
                    "triple" => 2,
                    _ => digits(&token).max(usize::from(like)),
                };
                zero = token == "zero" || zero && token == "oh";
                if spoken > 0 && dictated.first.is_none() {
                    dictated.first = Some(match token.chars().next() {
                        Some('z' | '0') => First::Zero,
                        Some('o') if token == "oh" || token == "o" => First::Zero,
                        Some('o' | 'w' | '1') => First::One,
                        _ => First::Other,
                    });
                }
                dictated.together |= digits(&token) == 2 && !written(&token);
                dictated.known += spoken;
                let misheard = spoken == 0 && token != "oh" && !talk(&token);
                group += spoken + usize::from(misheard);
            }
            if group > 0 {
                dictated.groups.push(group);
            }
        }
        dictated
    }

    /// With the words that may be digits, as long as most are known.
    fn most(&self) -> usize {
        let all: usize = self.groups.iter().sum();
        if all <= 2 * self.known {
            all
        } else {
            self.known
        }
    }

    /// How many there are if hardly any was misheard, else none.
    fn sure(&self) -> usize {
        let all: usize = self.groups.iter().sum();
        if 4 * (all - self.known) <= all && !self.together {
            all
        } else {
            0
        }
    }

    /// Whether more digits of a telephone number have to follow: of one that begins as numbers of another area do.
    fn wants_more(&self) -> bool {
        // "One, eight hundred, …"
        const AREA: &[&[usize]] = &[&[1, 3, 3], &[4, 3], &[1, 6]];
        match self.first {
            Some(First::Zero) => self.most() < 10,
            Some(First::One) => AREA.contains(&self.groups.as_slice()),
            _ => false,
        }
    }

    /// Whether a telephone number is whole: with ten digits; with seven, as a rule; with eight or nine in groups that leave
    /// none open.
    fn is_phone(&self) -> bool {
        const GROUPS: &[&[usize]] = &[&[8], &[4, 4], &[9], &[3, 3, 3]];
        match self.sure() {
            7 => true,
            count => {
                count >= 10
                    || self.known >= 10
                    || GROUPS.contains(&self.groups.as_slice()) && count > 7
            }
        }
    }
}

/// Whether a token is written in figures.
fn written(token: &str) -> bool {
    token.starts_with(|c: char| c.is_ascii_digit())
}

/// A dictated number: the digits at the end of the words, or, when it was asked for, all words that may be digits.
pub(super) fn number(said: Said<'_>, tokens: &[String], asked: Asked) -> Option<Shape> {
    let Asked::Number(length) = asked else {
        let run = tokens.iter().rev().take_while(|token| {
            digits(token) > 0
                || ["double", "triple", "area", "code", "and"].contains(&token.as_str())
        });
        let one_by_one = tokens.iter().rev().take(3).all(|token| digits(token) == 1);
        return match run.map(|token| digits(token)).sum() {
            10.. => Some(Shape::NumberComplete),
            // "four one five" without having been asked: a number has begun. "seven thirty" has not.
            3..10 if one_by_one => Some(Shape::NumberUnderWay),
            _ => None,
        };
    };
    let dictated = Dictated::of(said);
    let (known, most) = (dictated.known, dictated.most());
    let whole = match length {
        Length::Exactly(count) => known >= usize::from(count),
        Length::Phone => dictated.is_phone(),
        Length::Unknown => false,
    };
    let least = match length {
        Length::Exactly(count) => usize::from(count),
        Length::Phone | Length::Unknown => 7,
    };
    if known < 3 && declines(tokens) {
        None
    } else if known == 0 {
        Some(Shape::Announced)
    } else if length == Length::Phone && dictated.wants_more() {
        Some(Shape::NumberUnderWay)
    } else if whole {
        Some(Shape::NumberComplete)
    } else if most >= least {
        Some(Shape::NumberLocal)
    } else {
        Some(Shape::NumberUnderWay)
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

/// Letters spelled one by one: at least two at the end, or anything when spelling was asked for.
pub(super) fn letters(tokens: &[String], asked: Asked) -> Option<Shape> {
    let doubled = |token: &String| ["double", "doubled"].contains(&token.as_str());
    let part = |token: &&String| single(token).is_some() || doubled(token);
    let run = tokens.iter().rev().take_while(part).count();
    let expected = asked == Asked::Spelling && !declines(tokens);
    if run < 2 && !expected {
        return None;
    }
    // Where letters are expected, words among them are letters that were misheard.
    let first = match expected {
        true => tokens.iter().position(|token| single(token).is_some()),
        false => Some(tokens.len() - run),
    };
    let (before, spelled) = tokens.split_at(first.unwrap_or(tokens.len()));
    match spelling::log_odds(&heard(spelled), before) > WHOLE_NAME {
        true => Some(Shape::SpellingComplete),
        false => Some(Shape::Spelling),
    }
}

/// The letter that a token is.
fn single(token: &str) -> Option<Heard> {
    let mut characters = token.chars();
    let first = characters.next().filter(|c| c.is_alphabetic())?;
    let letter = u8::try_from(first).ok().filter(u8::is_ascii_lowercase);
    (characters.next().is_none()).then(|| letter.map_or(Heard::Unclear, Heard::Letter))
}

/// Reads letters, "double" ones, and words in their place. "A as in apple" and "n for Nancy" are one letter each.
fn heard(tokens: &[String]) -> Vec<Heard> {
    let mut heard = Vec::new();
    let mut tokens = tokens.iter().map(String::as_str).peekable();
    let mut times = 1;
    while let Some(token) = tokens.next() {
        let illustrates = |next: &&str| next.len() > 2;
        match (token, tokens.peek().copied()) {
            ("double" | "doubled", Some("you" | "u")) => {
                tokens.next();
                heard.push(Heard::Letter(b'w'));
            }
            ("double" | "doubled", _) => times = 2,
            ("as", Some("in")) => _ = tokens.nth(1),
            ("for" | "like", Some(next)) if illustrates(&next) => _ = tokens.next(),
            _ => {
                let alike = LIKE_LETTERS.iter().find(|(word, _)| *word == token);
                let letter = alike.map(|(_, letter)| Heard::Letter(*letter));
                let one = single(token).or(letter).unwrap_or(Heard::Unclear);
                heard.extend(std::iter::repeat_n(one, std::mem::replace(&mut times, 1)));
            }
        }
    }
    heard
}
