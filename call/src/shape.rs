//! What a callee's words look like at a pause: complete, incomplete, a number or an address under way; and what
//! the agent's last question leads one to expect.
//!
//! Rules over recognised words, without punctuation as a rule. English is known in detail; words of other
//! languages come out as [`Shape::Neutral`] unless punctuation tells more. Decides nothing about time.

use crate::{Expected, words};

mod entity;

pub(crate) use entity::Length;
use entity::{address, is_amount, letters, number};

/// What the words so far look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// No words.
    Nothing,
    /// A whole short answer or greeting.
    Short,
    /// A whole sentence.
    Complete,
    /// An answer to the question, which may have a second half.
    Part,
    /// Cannot tell.
    Neutral,
    /// Ends in a word that needs another.
    Incomplete,
    /// Ends in "um" or the like.
    Hesitation,
    /// Announces something that has not come yet: "my number is".
    Announced,
    /// Digits that are not a whole number yet.
    NumberUnderWay,
    /// Perhaps as many digits as were asked for; some were misheard, or more may follow.
    NumberLocal,
    /// As many digits as were asked for, in groups that leave none open.
    NumberComplete,
    /// An e-mail address without its end.
    EmailUnderWay,
    /// An e-mail address with its end.
    EmailComplete,
    /// Single letters.
    Spelling,
    /// Single letters that are a whole name together.
    SpellingComplete,
}

/// What the agent's last question asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Asked {
    /// It was no question.
    #[default]
    Nothing,
    /// Yes or no.
    YesNo,
    /// A telephone, card or confirmation number, a postcode, of such a length.
    Number(Length),
    /// An e-mail address.
    Email,
    /// Letters one by one.
    Spelling,
    /// A name.
    Name,
    /// A time or a count: one or two words answer it.
    Amount,
    /// Anything else.
    Open,
}

impl Asked {
    /// What the recogniser can make use of.
    pub(crate) fn expected(self) -> Expected {
        match self {
            Self::Number(_) => Expected::Number,
            Self::Email => Expected::Email,
            Self::Spelling => Expected::Spelling,
            _ => Expected::Anything,
        }
    }
}

/// Reads what the agent's last question asks for.
pub(crate) fn asked(agent: &str) -> Asked {
    let text = agent.trim_end_matches(['—', ' ']);
    let last = text
        .split_inclusive(['.', '?', '!'])
        .rfind(|s| s.chars().any(char::is_alphanumeric))
        .unwrap_or("");
    let tokens = words::tokens(last);
    let has = |list: &[&str]| tokens.iter().any(|token| list.contains(&token.as_str()));
    let question = last.trim_end().ends_with('?');
    if !question && !has(&["tell", "give", "repeat", "spell"]) {
        return Asked::Nothing;
    }
    if has(&["spell", "spelled", "spelling", "letters"]) {
        Asked::Spelling
    } else if has(&["email", "e-mail"]) || words::contains(&tokens, &["e", "mail"]) {
        Asked::Email
    } else if has(&[
        "number", "phone", "digits", "zip", "postcode", "code", "card",
    ]) {
        Asked::Number(Length::of(&tokens))
    } else if has(&["name"]) {
        Asked::Name
    } else if words::contains(&tokens, &["how", "many"])
        || words::contains(&tokens, &["what", "time"])
        || has(&["when"])
    {
        Asked::Amount
    } else if starts_yes_no(&tokens) {
        Asked::YesNo
    } else if question {
        Asked::Open
    } else {
        Asked::Nothing
    }
}

/// A question that begins with an auxiliary, perhaps after an opener, or ends in a tag, wants yes or no.
fn starts_yes_no(tokens: &[String]) -> bool {
    const AUXILIARIES: &[&str] = &[
        "do", "does", "did", "is", "are", "am", "was", "were", "can", "could", "would", "will",
        "shall", "should", "may", "might", "have", "has", "had", "isn't", "aren't", "don't",
        "doesn't", "won't", "can't",
    ];
    const OPENERS: &[&str] = &[
        "and", "so", "okay", "ok", "great", "sorry", "then", "well", "perfect", "but", "or",
    ];
    let first = tokens
        .iter()
        .find(|token| !OPENERS.contains(&token.as_str()));
    let tag = tokens
        .last()
        .is_some_and(|token| ["right", "correct", "okay", "ok", "yes"].contains(&token.as_str()));
    tag || first.is_some_and(|token| AUXILIARIES.contains(&token.as_str()))
}

/// What the callee has said in a turn.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Said<'a> {
    /// The words.
    pub(crate) text: &'a str,
    /// Behind which bytes of them the callee paused.
    pub(crate) pauses: &'a [usize],
}

impl<'a> From<&'a str> for Said<'a> {
    fn from(text: &'a str) -> Self {
        Self { text, pauses: &[] }
    }
}

/// Reads the shape of the callee's words, given what was asked and whether this is the first thing that the
/// callee says.
pub(crate) fn shape<'a>(said: impl Into<Said<'a>>, asked: Asked, first: bool) -> Shape {
    let said = said.into();
    let text = said.text;
    let tokens = words::tokens(text);
    let Some(last) = tokens.last().map(String::as_str) else {
        return Shape::Nothing;
    };
    if HESITATIONS.contains(&last) {
        return Shape::Hesitation;
    }
    if let Some(shape) = number(said, &tokens, asked)
        .or_else(|| address(&tokens, asked))
        .or_else(|| letters(&tokens, asked))
    {
        return shape;
    }
    if announces(&tokens) {
        return Shape::Announced;
    }
    if trails(&tokens) {
        return Shape::Incomplete;
    }
    if first && words::is_greeting(&tokens) || words::is_farewell(&tokens) && tokens.len() > 1 {
        return Shape::Short;
    }
    if asked == Asked::YesNo && is_yes_no(&tokens) {
        return Shape::Short;
    }
    if words::asks_to_hold(&tokens) || text.trim_end().ends_with(['.', '?', '!', '。', '？', '！'])
    {
        return Shape::Complete;
    }
    short_answer(&tokens, asked)
}

/// The shape of words that neither trail off nor list anything.
fn short_answer(tokens: &[String], asked: Asked) -> Shape {
    let amounts = tokens.iter().filter(|token| is_amount(token)).count();
    match asked {
        // "seven" may become "seven thirty"; "four people" and "seven thirty" are whole.
        Asked::Amount if amounts > 0 && tokens.len() == 1 => Shape::Part,
        Asked::Amount if amounts > 0 => Shape::Complete,
        Asked::Name => Shape::Neutral,
        _ if ends_in_time(tokens) => Shape::Complete,
        // "yes", "okay", "no" where no yes or no was asked for often open a longer sentence.
        _ if is_yes_no(tokens) && tokens.len() <= 2 => Shape::Part,
        _ if tokens.len() >= 3
            || tokens
                .iter()
                .any(|token| QUESTION_WORDS.contains(&token.as_str())) =>
        {
            Shape::Complete
        }
        _ => Shape::Neutral,
    }
}

const QUESTION_WORDS: &[&str] = &[
    "what", "when", "where", "who", "why", "how", "which", "pardon", "sorry",
];
const HESITATIONS: &[&str] = &[
    "um", "uh", "uhm", "er", "erm", "hmm", "hm", "äh", "ähm", "eh", "euh", "este",
];

/// Words after which English does not end a turn.
const TRAILING: &[&str] = &[
    "a", "an", "the", "and", "or", "but", "because", "if", "when", "while", "which", "whether",
    "to", "for", "of", "with", "at", "from", "by", "about", "into", "than", "as", "between", "my",
    "your", "our", "their", "his", "its", "i", "we", "they", "i'm", "we're", "they're", "it's",
    "that's", "there's", "i'd", "we'd", "i'll", "we'll", "i've", "we've", "need", "want", "like",
    "let", "very", "really", "just", "also", "every", "some", "maybe", "until", "under", "during",
    "without", "mr", "mrs", "ms", "und", "oder", "aber", "y", "o", "pero", "que", "con", "para",
    "et", "ou", "mais", "avec", "pour",
];
/// Auxiliaries that end a turn only after a pronoun ("we do", "yes it is").
const TRAILING_AUXILIARIES: &[&str] = &[
    "is", "are", "was", "were", "be", "can", "could", "would", "will", "should", "has", "does",
    "did", "have", "do",
];
const PRONOUNS: &[&str] = &[
    "i", "you", "he", "she", "it", "we", "they", "that", "there", "this",
];

fn trails(tokens: &[String]) -> bool {
    let [before @ .., last] = tokens else {
        return false;
    };
    let previous = before.last().map(String::as_str);
    if TRAILING_AUXILIARIES.contains(&last.as_str()) {
        let after_pronoun = previous.is_some_and(|word| PRONOUNS.contains(&word));
        let answer = tokens.len() <= 3 || is_yes_no(&tokens[..1]);
        return tokens.len() > 1 && !(after_pronoun && answer);
    }
    // "a table for" trails; "what for" does not.
    let asks_back =
        tokens.len() <= 3 && ["what", "where", "who", "how"].contains(&tokens[0].as_str());
    let would_like =
        last == "like" && previous.is_some_and(|word| ["you", "you'd"].contains(&word));
    TRAILING.contains(&last.as_str()) && !asks_back && !would_like || wants_day(last, previous)
}

/// A month of which the day is to come: "Thursday, November …", but not "in November".
fn wants_day(last: &str, previous: Option<&str>) -> bool {
    // Two are other words, too.
    const MONTHS: &[&str] = &[
        "january",
        "february",
        "april",
        "june",
        "july",
        "august",
        "september",
        "october",
        "november",
        "december",
    ];
    const WHOLE: &[&str] = &[
        "in", "of", "this", "next", "last", "since", "by", "until", "till", "early", "mid", "late",
        "every", "for", "before", "after", "or",
    ];
    const DAYS: &[&str] = &[
        "monday",
        "tuesday",
        "wednesday",
        "thursday",
        "friday",
        "saturday",
        "sunday",
        "today",
        "tomorrow",
    ];
    let ordinal = |word: &str| word.ends_with("th") || ["first", "second", "third"].contains(&word);
    match previous {
        Some(word) if DAYS.contains(&word) => {
            MONTHS.contains(&last) || ["march", "may"].contains(&last)
        }
        Some(word) => MONTHS.contains(&last) && !WHOLE.contains(&word) && !ordinal(word),
        None => false,
    }
}

fn announces(tokens: &[String]) -> bool {
    const THINGS: &[&str] = &[
        "number",
        "name",
        "email",
        "mail",
        "address",
        "code",
        "phone",
        "cell",
        "extension",
        "date",
    ];
    let [.., thing, verb] = tokens else {
        return false;
    };
    (["is", "is:", "are", "was"].contains(&verb.as_str()) && THINGS.contains(&thing.as_str()))
        || (thing == "it" && verb == "would")
}

fn is_yes_no(tokens: &[String]) -> bool {
    const WORDS: &[&str] = &[
        "yes",
        "no",
        "yeah",
        "yep",
        "nope",
        "nah",
        "sure",
        "okay",
        "ok",
        "correct",
        "right",
        "exactly",
        "absolutely",
        "certainly",
        "definitely",
        "of",
        "course",
        "please",
        "thanks",
        "thank",
        "you",
        "sir",
        "ma'am",
        "we",
        "do",
        "don't",
        "can",
        "can't",
        "it",
        "is",
        "isn't",
        "i",
        "think",
        "so",
        "not",
        "really",
        "afraid",
        "that's",
        "fine",
        "good",
        "sounds",
        "great",
        "perfect",
        "works",
        "that",
        "sorry",
        "oh",
        "sí",
        "si",
        "ja",
        "nein",
        "oui",
        "non",
        "claro",
        "are",
        "aren't",
        "all",
        "uh",
        "huh",
        "mm",
        "hmm",
        "mhm",
        "alright",
    ];
    tokens.len() <= 5 && tokens.iter().all(|token| WORDS.contains(&token.as_str()))
}

fn ends_in_time(tokens: &[String]) -> bool {
    const TAILS: &[&str] = &[
        "pm", "p.m", "am", "a.m", "o'clock", "tonight", "tomorrow", "today", "noon", "thirty",
        "fifteen",
    ];
    tokens
        .last()
        .is_some_and(|token| TAILS.contains(&token.as_str()) || token.contains(':'))
}

#[cfg(test)]
mod tests;
