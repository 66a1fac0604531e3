//! Words over the agent's speech: which of them take the floor, and which say nothing.

/// Single words that are never only listening, however short they are.
const URGENT: &[&str] = &[
    "no", "wait", "stop", "hey", "sorry", "hello", "hold", "hang", "excuse", "never", "nope",
    "nein", "halt", "warten", "non", "attends", "attendez", "espere", "espera", "perdón",
    "aspetti",
];
/// Words by which a phrase takes the floor: questions, refusals, what a callee says of himself.
const FLOOR: &[&str] = &[
    "what",
    "why",
    "who",
    "which",
    "when",
    "where",
    "how",
    "not",
    "don't",
    "can't",
    "cannot",
    "can",
    "could",
    "i'm",
    "we're",
    "we",
    "there's",
    "there",
    "moment",
    "minute",
    "second",
    "closed",
    "wrong",
    "please",
    "actually",
    "call",
    "understand",
    "pardon",
    "was",
    "wie",
    "wer",
    "qui",
    "quoi",
    "qué",
    "quién",
    "chi",
];
/// Words that say nothing by themselves, and are what recognisers make of laughter, coughs and rustling.
const EMPTY: &[&str] = &[
    "a", "an", "the", "of", "to", "in", "on", "at", "and", "or", "but", "up", "off", "that",
    "this", "it", "if", "for", "from", "with", "as", "is", "are", "be", "have", "has", "had",
    "both", "half", "than", "then",
];

/// Whether a lone word is one that a callee says to be heard at once.
pub(crate) fn is_urgent(tokens: &[String]) -> bool {
    tokens.iter().any(|word| URGENT.contains(&word.as_str()))
}

/// Whether a phrase has a word by which a callee takes the floor.
pub(crate) fn takes_floor(tokens: &[String]) -> bool {
    tokens.iter().any(|word| FLOOR.contains(&word.as_str()))
}

/// Whether there is nothing in these words that would be worth an interruption: "of have", "f f f".
pub(crate) fn is_empty(tokens: &[String]) -> bool {
    tokens
        .iter()
        .all(|word| word.chars().count() == 1 || EMPTY.contains(&word.as_str()))
}

/// Whether it is one word again and again, as recognisers hear laughter.
pub(crate) fn is_one_repeated(tokens: &[String]) -> bool {
    tokens.len() >= 2 && tokens.iter().all(|word| *word == tokens[0])
}
