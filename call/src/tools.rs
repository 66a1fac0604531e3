//! In which phase of a call each tool makes sense. Pure rules; [`crate::Call`] asks them before it uses a tool.
//!
//! A model may be talked into anything by the voice on the line, so nothing here asks the model: a tool that makes no
//! sense now is refused, whoever wanted it.

use crate::{Tool, words};

/// Questions to the requester in one call.
pub(crate) const QUESTIONS_MAX: u32 = 3;
/// Facts that one call keeps.
pub(crate) const FACTS_MAX: u32 = 32;
/// Longest question or fact, in characters.
pub(crate) const TEXT_MAX: usize = 300;

const ENDING: &str = "The call is being ended.";
const MAILBOX: &str = "A voice mailbox answered.";
const NOTHING_SAID: &str = "Nothing was said yet that it could end.";
const NO_KEYS: &str = "Nobody asked for keys.";
const NO_PERSON: &str = "No person was heard yet.";
const ASKED_ALREADY: &str = "The customer is being asked something already.";
const ASKED_ENOUGH: &str = "The customer was asked often enough in this call.";
const NOTED_ENOUGH: &str = "Enough facts were kept in this call.";
const EMPTY: &str = "It says nothing.";

/// Every reason of a refusal; a closed list, so that a kept call can be read back.
pub(crate) const REASONS: &[&str] = &[
    ENDING,
    MAILBOX,
    NOTHING_SAID,
    NO_KEYS,
    NO_PERSON,
    ASKED_ALREADY,
    ASKED_ENOUGH,
    NOTED_ENOUGH,
    EMPTY,
];

/// Where a call stands, as far as tools depend on it.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Phase {
    /// The last words are being said, or were.
    pub(crate) ending: bool,
    /// A voice mailbox answered.
    pub(crate) mailbox: bool,
    /// Whether anything was said or heard: by the agent, or by the callee.
    pub(crate) begun: bool,
    /// Whether the callee said anything, or music plays.
    pub(crate) callee_heard: bool,
    /// Whether the last words were a machine's.
    pub(crate) menu: bool,
    /// Whether a machine answered, or whoever spoke last asked for keys.
    pub(crate) keys_wanted: bool,
    /// Whether a question to the requester is open.
    pub(crate) asking: bool,
    /// Questions to the requester so far.
    pub(crate) asked: u32,
    /// Facts kept so far.
    pub(crate) noted: u32,
}

/// Returns why `tool` may not be used in this phase; `None` when it may.
pub(crate) fn refusal(tool: &Tool, phase: Phase) -> Option<&'static str> {
    let rule = |refused: bool, reason| refused.then_some(reason);
    let always = rule(phase.ending, ENDING).or(rule(phase.mailbox, MAILBOX));
    always.or_else(|| match tool {
        Tool::HangUp => rule(!phase.begun, NOTHING_SAID),
        Tool::PressKeys(_) => rule(!phase.keys_wanted, NO_KEYS),
        Tool::Wait => rule(!phase.callee_heard, NO_PERSON),
        Tool::Transfer(_) => rule(!phase.callee_heard || phase.menu, NO_PERSON),
        Tool::Ask(text) => rule(!says_something(text), EMPTY)
            .or(rule(!phase.callee_heard, NO_PERSON))
            .or(rule(phase.asking, ASKED_ALREADY))
            .or(rule(phase.asked >= QUESTIONS_MAX, ASKED_ENOUGH)),
        Tool::Note(text) => rule(!says_something(text), EMPTY)
            .or(rule(!phase.callee_heard, NO_PERSON))
            .or(rule(phase.noted >= FACTS_MAX, NOTED_ENOUGH)),
    })
}

fn says_something(text: &str) -> bool {
    text.chars().any(char::is_alphanumeric)
}

/// Returns a text of the model on one line, within [`TEXT_MAX`].
pub(crate) fn one_line(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ").chars().take(TEXT_MAX).collect()
}

/// Words with which machines, and some people, ask for keys, in the languages of telephone menus.
const KEY_WORDS: &[&str] = &[
    // English
    "press",
    "dial",
    "enter",
    "key",
    "keypad",
    "extension",
    "pin",
    "touchtone",
    // Spanish, Portuguese
    "marque",
    "pulse",
    "oprima",
    "presione",
    "teclee",
    "digite",
    "disque",
    "pressione",
    "tecle",
    "aperte",
    "extensión",
    "ramal",
    // French
    "appuyez",
    "tapez",
    "composez",
    "touche",
    "poste",
    // German
    "drücken",
    "wählen",
    "taste",
    "durchwahl",
    // Italian
    "prema",
    "premere",
    "premi",
    "digiti",
    "digitare",
    "tasto",
    "interno",
    // Dutch
    "druk",
    "toets",
    "kies",
];

/// Whether these words ask for keys.
pub(crate) fn asks_for_keys(tokens: &[String]) -> bool {
    tokens.iter().any(|token| KEY_WORDS.contains(&token.as_str()))
        // The recogniser's usual reading of "press one", and menus that only name the digits.
        || words::contains(tokens, &["main", "menu"])
        || words::contains(tokens, &["following", "options"])
}

impl Tool {
    /// Returns the name under which models know it.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::HangUp => "hang_up",
            Self::PressKeys(_) => "press_keys",
            Self::Wait => "wait_on_hold",
            Self::Transfer(_) => "transfer",
            Self::Ask(_) => "ask_customer",
            Self::Note(_) => "note_fact",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> [Tool; 6] {
        [
            Tool::HangUp,
            Tool::PressKeys("1".into()),
            Tool::Wait,
            Tool::Transfer("+14155550100".into()),
            Tool::Ask("Is nine all right?".into()),
            Tool::Note("They close at ten.".into()),
        ]
    }

    /// Which of the tools may be used, as letters.
    fn allowed(phase: Phase) -> String {
        let letters = ['h', 'k', 'w', 't', 'a', 'n'];
        all()
            .iter()
            .zip(letters)
            .filter(|(tool, _)| refusal(tool, phase).is_none())
            .map(|(_, letter)| letter)
            .collect()
    }

    #[test]
    fn each_phase_has_its_tools() {
        let opening = Phase::default();
        assert_eq!(allowed(opening), "");
        let greeted = Phase {
            begun: true,
            ..opening
        };
        assert_eq!(allowed(greeted), "h");
        let talking = Phase {
            callee_heard: true,
            ..greeted
        };
        assert_eq!(allowed(talking), "hwtan");
        let menu = Phase {
            menu: true,
            keys_wanted: true,
            ..talking
        };
        assert_eq!(allowed(menu), "hkwan");
        let person_behind_a_menu = Phase {
            menu: false,
            ..menu
        };
        assert_eq!(allowed(person_behind_a_menu), "hkwtan");
        let asking = Phase {
            asking: true,
            ..talking
        };
        assert_eq!(allowed(asking), "hwtn");
        let worn_out = Phase {
            asked: QUESTIONS_MAX,
            noted: FACTS_MAX,
            ..talking
        };
        assert_eq!(allowed(worn_out), "hwt");
        assert_eq!(
            allowed(Phase {
                ending: true,
                ..talking
            }),
            ""
        );
        assert_eq!(
            allowed(Phase {
                mailbox: true,
                ..talking
            }),
            ""
        );
    }

    #[test]
    fn what_says_nothing_is_not_asked_or_kept() {
        let talking = Phase {
            begun: true,
            callee_heard: true,
            ..Phase::default()
        };
        assert_eq!(refusal(&Tool::Ask(" ? ".into()), talking), Some(EMPTY));
        assert_eq!(refusal(&Tool::Note(String::new()), talking), Some(EMPTY));
        assert_eq!(one_line(" a\n b "), "a b");
        assert_eq!(one_line(&"x".repeat(TEXT_MAX * 2)).len(), TEXT_MAX);
    }

    #[test]
    fn asking_for_keys_is_known_in_several_languages() {
        let asks = |text: &str| asks_for_keys(&words::tokens(text));
        for menu in [
            "For reservations, press one.",
            "Please enter your account number.",
            "Para reservas marque uno.",
            "Pour les réservations tapez un.",
            "Für Reservierungen drücken Sie die Eins.",
            "Per prenotazioni prema uno.",
            "Para reservas digite um.",
        ] {
            assert!(asks(menu), "{menu}");
        }
        for talk in [
            "How many people?",
            "We are fully booked.",
            "Transfer me, please.",
        ] {
            assert!(!asks(talk), "{talk}");
        }
    }
}
