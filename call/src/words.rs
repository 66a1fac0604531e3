//! What words mean for the manners of a call: is this only listening, a greeting, a farewell, "hold on"?
//!
//! Works on recognised words in any case, with or without punctuation, and knows several languages where a list
//! is short. Decides nothing; [`crate::Call`] does.

mod floor;

pub(crate) use floor::{is_empty, is_one_repeated, is_urgent, takes_floor};

/// Splits into lower-case words without punctuation around them. Noise marks of recognisers (`[noise]`, `<sil>`,
/// `++cough++`, `(laughs)`) are left out.
pub(crate) fn tokens(text: &str) -> Vec<String> {
    text.split_whitespace()
        .filter(|word| !is_noise_mark(word))
        .flat_map(|word| word.split(['-', '—', '–']))
        .map(|word| word.trim_matches(|c: char| !c.is_alphanumeric() && c != '+'))
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect()
}

/// Removes noise marks and surplus space.
pub(crate) fn clean(text: &str) -> String {
    text.split_whitespace()
        .filter(|word| !is_noise_mark(word))
        .collect::<Vec<_>>()
        .join(" ")
}

fn is_noise_mark(word: &str) -> bool {
    let pair = |open, close| word.len() > 1 && word.starts_with(open) && word.ends_with(close);
    pair('[', ']')
        || pair('<', '>')
        || pair('(', ')')
        || (word.len() > 4 && word.starts_with("++") && word.ends_with("++"))
}

/// Words by which a listener shows that he listens.
const BACKCHANNELS: &[&str] = &[
    // English
    "uh",
    "huh",
    "uhhuh",
    "um",
    "mm",
    "mmm",
    "hmm",
    "hm",
    "mhm",
    "mmhmm",
    "okay",
    "ok",
    "right",
    "yeah",
    "yes",
    "yep",
    "yup",
    "ya",
    "sure",
    "oh",
    "ah",
    "aha",
    "wow",
    "great",
    "good",
    "perfect",
    "exactly",
    "absolutely",
    "gotcha",
    "cool",
    "nice",
    "fine",
    "alright",
    "indeed",
    "thanks",
    "true",
    // Spanish, Portuguese, Italian
    "sí",
    "si",
    "ajá",
    "vale",
    "claro",
    "bueno",
    "bien",
    "ya",
    "sim",
    "tá",
    "certo",
    "sì",
    "bene",
    "allora",
    // French, German, Dutch
    "oui",
    "ouais",
    "d'accord",
    "ja",
    "jawohl",
    "genau",
    "mhh",
    "gut",
    "klar",
    "goed",
];
/// The same, in several words.
const BACKCHANNEL_PHRASES: &[&[&str]] = &[
    &["i", "see"],
    &["got", "it"],
    &["all", "right"],
    &["of", "course"],
    &["go", "on"],
    &["go", "ahead"],
    &["sounds", "good"],
    &["that's", "right"],
    &["that's", "fine"],
    &["thank", "you"],
    &["va", "bene"],
    &["está", "bien"],
    &["de", "acuerdo"],
    &["alles", "klar"],
];
/// Words that a callee says on picking up.
const GREETINGS: &[&str] = &[
    "hello",
    "hi",
    "hey",
    "hallo",
    "hola",
    "allo",
    "allô",
    "bonjour",
    "pronto",
    "olá",
    "yes",
    "yeah",
    "morning",
    "evening",
    "afternoon",
    "good",
    "there",
    "speaking",
    "this",
    "is",
];
/// Words of a leave-taking.
const FAREWELLS: &[&str] = &[
    "bye",
    "goodbye",
    "thanks",
    "thank",
    "you",
    "too",
    "cheers",
    "see",
    "later",
    "then",
    "soon",
    "tonight",
    "tomorrow",
    "have",
    "a",
    "an",
    "nice",
    "good",
    "great",
    "lovely",
    "day",
    "evening",
    "night",
    "afternoon",
    "weekend",
    "one",
    "take",
    "care",
    "so",
    "much",
    "very",
    "welcome",
    "you're",
    "your",
    "for",
    "calling",
    "and",
    "now",
    "we'll",
    "i'll",
    "talk",
    "to",
    "will",
    "do",
    "looking",
    "forward",
    "it",
    "alright",
    "all",
    "right",
    "adiós",
    "adios",
    "gracias",
    "hasta",
    "luego",
    "ciao",
    "tschüss",
    "danke",
    "merci",
    "au",
    "revoir",
];
/// Whether all words only show that the callee is listening. Long runs are not: a listener says little.
pub(crate) fn is_backchannel(tokens: &[String]) -> bool {
    if tokens.is_empty() || tokens.len() > 6 {
        return false;
    }
    let mut rest = tokens;
    while let [first, after @ ..] = rest {
        let phrase = BACKCHANNEL_PHRASES
            .iter()
            .find(|phrase| starts_with(rest, phrase));
        rest = match phrase {
            Some(phrase) => &rest[phrase.len()..],
            None if BACKCHANNELS.contains(&first.as_str()) => after,
            None => return false,
        };
    }
    true
}

/// Whether the callee only makes up his mind to speak ("um").
pub(crate) fn is_hesitation(tokens: &[String]) -> bool {
    tokens.iter().all(|word| {
        ["um", "uh", "er", "erm", "uhm", "hmm", "äh", "ähm", "euh"].contains(&word.as_str())
    })
}

/// Returns the words without those of a listener and of hesitation.
pub(crate) fn beyond_listening(tokens: &[String]) -> Vec<String> {
    let listening = |word: &&String| {
        BACKCHANNELS.contains(&word.as_str()) || is_hesitation(std::slice::from_ref(*word))
    };
    tokens
        .iter()
        .filter(|word| !listening(word))
        .cloned()
        .collect()
}

/// Whether these words do no more than pick up the phone ("hello?", "hi, good evening").
pub(crate) fn is_greeting(tokens: &[String]) -> bool {
    !tokens.is_empty()
        && tokens.len() <= 4
        && tokens.iter().all(|word| GREETINGS.contains(&word.as_str()))
}

/// Whether these words do no more than take leave.
pub(crate) fn is_farewell(tokens: &[String]) -> bool {
    tokens
        .iter()
        .all(|word| FAREWELLS.contains(&word.as_str()) || BACKCHANNELS.contains(&word.as_str()))
}

/// Whether the callee asks to be given time.
pub(crate) fn asks_to_hold(tokens: &[String]) -> bool {
    const PHRASES: &[&[&str]] = &[
        &["hold", "on"],
        &["please", "hold"],
        &["hold", "please"],
        &["hold", "the", "line"],
        &["on", "hold"],
        &["one", "moment"],
        &["a", "moment"],
        &["one", "sec"],
        &["one", "second"],
        &["a", "second"],
        &["a", "sec"],
        &["one", "minute"],
        &["just", "a", "minute"],
        &["give", "me", "a", "minute"],
        &["bear", "with", "me"],
        &["let", "me", "check"],
        &["let", "me", "look"],
        &["let", "me", "see"],
        &["un", "momento"],
        &["un", "moment"],
        &["einen", "moment"],
        &["moment", "bitte"],
    ];
    PHRASES.iter().any(|phrase| contains(tokens, phrase))
}

/// Whether these are the words of a waiting queue rather than of a person.
pub(crate) fn is_queue_announcement(tokens: &[String]) -> bool {
    const PHRASES: &[&[&str]] = &[
        &["your", "call", "is", "important"],
        &["your", "call", "will", "be", "answered"],
        &["stay", "on", "the", "line"],
        &["remain", "on", "the", "line"],
        &["continue", "to", "hold"],
        &["all", "of", "our", "agents"],
        &["all", "our", "agents"],
        &["representatives", "are", "busy"],
        &["next", "available"],
        &["in", "the", "queue"],
        &["estimated", "wait"],
    ];
    const THANKS: &[&[&str]] = &[
        &["thank", "you", "for", "holding"],
        &["thank", "you", "for", "your", "patience"],
        &["thanks", "for", "holding"],
    ];
    const QUESTIONS: &[&str] = &[
        "what", "which", "who", "when", "where", "how", "would", "do",
    ];
    let any = |phrases: &[&[&str]]| phrases.iter().any(|phrase| contains(tokens, phrase));
    let asks = || tokens.iter().any(|word| QUESTIONS.contains(&word.as_str()));
    // "Thank you for holding, this is Maria" is a person, and so is "thank you for holding, how many people?"
    !is_person(tokens) && (any(PHRASES) || (any(THANKS) && !asks()))
}

/// Whether a person introduces themselves, or offers help.
pub(crate) fn is_person(tokens: &[String]) -> bool {
    contains(tokens, &["this", "is"])
        || contains(tokens, &["how", "can", "i"])
        || contains(tokens, &["how", "may", "i"])
        || tokens.iter().any(|word| word == "speaking")
        || is_greeting(tokens)
}

/// Whether words heard while the agent spoke are its own words come back: nearly all of them, in order, among
/// what it was saying.
pub(crate) fn is_echo_of(heard: &[String], spoken: &[String]) -> bool {
    if heard.len() < 2 {
        return false;
    }
    let mut spoken = spoken.iter();
    let found = heard
        .iter()
        .filter(|word| spoken.clone().any(|s| s == *word) && spoken.any(|s| s == *word))
        .count();
    found * 10 >= heard.len() * 8
}

/// Whether `phrase` occurs in `tokens` as consecutive words.
pub(crate) fn contains(tokens: &[String], phrase: &[&str]) -> bool {
    tokens
        .windows(phrase.len())
        .any(|window| window.iter().zip(phrase).all(|(a, b)| a == b))
}

fn starts_with(tokens: &[String], phrase: &[&str]) -> bool {
    tokens.len() >= phrase.len() && tokens.iter().zip(phrase).all(|(a, b)| a == b)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn t(text: &str) -> Vec<String> {
        tokens(text)
    }

    #[test]
    fn words_lose_punctuation_case_and_noise_marks() {
        assert_eq!(
            t("  Uh-huh, [NOISE] O'Neil's (laughs) <sil> ++cough++ 7.30! "),
            ["uh", "huh", "o'neil's", "7.30"]
        );
        assert_eq!(clean(" [noise] Yes  please. "), "Yes please.");
    }

    #[test]
    fn listening_is_told_from_speaking() {
        for listening in [
            "uh-huh",
            "Mm-hmm.",
            "okay",
            "yeah, right",
            "I see",
            "oh okay got it",
            "sí, claro",
            "d'accord",
        ] {
            assert!(is_backchannel(&t(listening)), "{listening}");
        }
        for speaking in [
            "",
            "no",
            "wait",
            "okay but when",
            "yes we do",
            "right now",
            "I see a problem",
            "hello",
        ] {
            assert!(!is_backchannel(&t(speaking)), "{speaking}");
        }
    }

    #[test]
    fn greeting_and_leaving() {
        for greeting in ["Hello?", "hi", "good evening", "yes hello"] {
            assert!(is_greeting(&t(greeting)), "{greeting}");
        }
        assert!(!is_greeting(&t("hello who is this please tell me")));
        for farewell in [
            "bye",
            "okay bye bye",
            "thank you, you too, goodbye",
            "have a nice evening",
            "see you tonight",
            "",
        ] {
            assert!(is_farewell(&t(farewell)), "{farewell}");
        }
        assert!(!is_farewell(&t("wait what was the name")));
    }

    #[test]
    fn holding_and_queues() {
        assert!(asks_to_hold(&t("Sure, hold on a second")));
        assert!(asks_to_hold(&t("let me check for you")));
        assert!(!asks_to_hold(&t("we hold tables for ten minutes")));
        assert!(is_queue_announcement(&t(
            "Your call is important to us. Please stay on the line."
        )));
        assert!(!is_queue_announcement(&t(
            "thank you for holding this is Maria"
        )));
        assert!(!is_queue_announcement(&t(
            "Thank you for holding. For how many people?"
        )));
        assert!(is_queue_announcement(&t("thank you for holding")));
    }

    #[test]
    fn own_words_are_recognised() {
        let spoken = t("I'd like to book a table for two at seven");
        assert!(is_echo_of(&t("book a table for two"), &spoken));
        assert!(!is_echo_of(&t("we have no table left"), &spoken));
        assert!(!is_echo_of(&t("table"), &spoken));
    }
}
