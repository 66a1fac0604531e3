//! Who answered: a person, a voice mailbox or a menu, judged from words, tones and lengths.
//!
//! Never delays a greeting: the agent talks as to a person until something speaks against it. Decides only who it
//! is; [`crate::Call`] decides what follows.

use std::time::Duration;

use crate::{AnsweredBy, words};

/// Machines show themselves early; later, the same words are a person's.
const EARLY: Duration = Duration::from_secs(45);
/// A monologue of this many words, or this long, before a beep is a mailbox greeting.
const MONOLOGUE_WORDS: usize = 12;
const MONOLOGUE: Duration = Duration::from_secs(4);
/// More words than this in the first turn leave open who speaks.
const PERSON_WORDS: usize = 25;

const MAILBOX: &[&[&str]] = &[
    &["after", "the", "tone"],
    &["after", "the", "beep"],
    &["at", "the", "tone"],
    &["at", "the", "beep"],
    &["leave", "a", "message"],
    &["leave", "me", "a", "message"],
    &["leave", "us", "a", "message"],
    &["leave", "your", "message"],
    &["leave", "your", "name"],
    &["record", "your", "message"],
    &["voice", "mailbox"],
    &["voice", "mail"],
    &["voicemail"],
    &["the", "mailbox"],
    &["mailbox", "is"],
    &["can't", "come", "to", "the", "phone"],
    &["cannot", "come", "to", "the", "phone"],
    &["can't", "take", "your", "call"],
    &["unable", "to", "take", "your", "call"],
    &["not", "available", "to", "take", "your", "call"],
    &["is", "not", "available"],
    &["nach", "dem", "signalton"],
    &["después", "de", "la", "señal"],
    &["después", "del", "tono"],
    &["après", "le", "bip"],
];
/// A person who offers to take a message says the same words as a machine.
const OFFERS: &[&[&str]] = &[
    &["would", "you", "like"],
    &["do", "you", "want"],
    &["can", "i"],
    &["could", "i"],
    &["may", "i"],
    &["want", "to", "leave"],
    &["you", "can", "leave", "a", "message", "with"],
];
const MENU: &[&[&str]] = &[
    &["press", "one"],
    &["press", "1"],
    &["press", "two"],
    &["press", "2"],
    &["press", "zero"],
    &["press", "0"],
    &["press", "nine"],
    &["press", "star"],
    &["press", "pound"],
    &["press", "the", "pound"],
    &["main", "menu"],
    &["following", "options"],
    &["menu", "options"],
    &["options", "have", "changed"],
    &["para", "español"],
    &["say", "or", "press"],
    &["dial", "it", "now"],
    &["your", "party's", "extension"],
];

/// Judges the words so far of somebody who has been on the line for `since`. Unless `complete`, more may come.
pub(crate) fn who(text: &str, voiced: Duration, since: Duration, complete: bool) -> AnsweredBy {
    let tokens = words::tokens(text);
    let has = |phrases: &[&[&str]]| {
        phrases
            .iter()
            .any(|phrase| words::contains(&tokens, phrase))
    };
    if since <= EARLY && has(MENU) {
        AnsweredBy::Ivr
    } else if since <= EARLY && has(MAILBOX) && !has(OFFERS) {
        AnsweredBy::Voicemail
    } else if complete
        && !tokens.is_empty()
        && tokens.len() <= PERSON_WORDS
        && voiced < MONOLOGUE * 2
        && !words::is_queue_announcement(&tokens)
    {
        AnsweredBy::Human
    } else {
        AnsweredBy::Unknown
    }
}

/// Whether a beep after these words, `since` the answer, is the one of a mailbox.
pub(crate) fn beep_means_mailbox(text: &str, voiced: Duration, since: Duration) -> bool {
    since <= EARLY
        && (words::tokens(text).len() >= MONOLOGUE_WORDS || voiced >= MONOLOGUE || text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(text: &str) -> AnsweredBy {
        who(text, Duration::from_secs(2), Duration::from_secs(4), true)
    }

    #[test]
    fn machines_give_themselves_away() {
        assert_eq!(
            judge("You have reached Nopa. Please leave a message after the tone."),
            AnsweredBy::Voicemail
        );
        assert_eq!(judge("the mailbox is full"), AnsweredBy::Voicemail);
        assert_eq!(
            judge("for reservations press one for events press two"),
            AnsweredBy::Ivr
        );
        assert_eq!(
            judge("leave your name or press one to page"),
            AnsweredBy::Ivr
        );
    }

    #[test]
    fn people_are_people() {
        assert_eq!(
            judge("thank you for calling nopa this is maria how can I help you"),
            AnsweredBy::Human
        );
        assert_eq!(
            judge("would you like to leave a message"),
            AnsweredBy::Human
        );
        assert_eq!(judge("your call is important to us"), AnsweredBy::Unknown);
        let late = who(
            "after the tone change we moved",
            Duration::from_secs(2),
            EARLY * 2,
            true,
        );
        assert_eq!(late, AnsweredBy::Human);
        assert_eq!(
            who("hello", Duration::ZERO, Duration::ZERO, false),
            AnsweredBy::Unknown
        );
    }

    #[test]
    fn a_beep_after_a_monologue_is_a_mailbox() {
        let long = "hi this is the voice of sam and jo we are out so please be brief";
        assert!(beep_means_mailbox(
            long,
            Duration::from_secs(5),
            Duration::from_secs(7)
        ));
        assert!(!beep_means_mailbox(
            "one moment",
            Duration::from_secs(1),
            Duration::from_secs(7)
        ));
    }
}
