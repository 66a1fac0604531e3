//! What the agent did with its words, whoever chose them.

use crate::agent::{
    task::Task,
    words::{any, words},
};

/// What the agent did in one line.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Said {
    /// Put the errand.
    pub(crate) request: bool,
    /// Asked whether it has it right.
    pub(crate) asks_right: bool,
    /// Said that the callee has it right.
    pub(crate) affirms: bool,
    /// Asked for another time.
    pub(crate) asks_other: bool,
    /// Said that it did not understand.
    pub(crate) unclear: bool,
    /// Took an offer.
    pub(crate) accepts: bool,
    /// Turned an offer down.
    pub(crate) declines: bool,
    /// Said goodbye.
    pub(crate) goodbye: bool,
}

impl Said {
    pub(super) fn read(text: &str, task: &Task) -> Self {
        let said = words(text);
        let asks = text.contains('?');
        let declines = any(
            &said,
            &[
                "not work",
                "too late|early",
                "no thank|thanks",
                "can not take|accept",
                "have to decline",
                "not possible for",
            ],
        );
        Self {
            request: puts_request(&said, task) || is_first_message(&said, task),
            asks_right: asks
                && any(
                    &said,
                    &[
                        "is that right|correct",
                        "right|correct|booked|confirmed|canceled $",
                        "just to check|confirm",
                        "so that is",
                        "is it|that booked|confirmed|done",
                    ],
                ),
            affirms: any(&said, &["that is right|correct", "yes|exactly|correct $"]),
            asks_other: asks
                && any(
                    &said,
                    &[
                        "anything else|close|near",
                        "another time|day",
                        "other times|time",
                        "what times|time|day|days do you",
                        "do you have any|anything",
                    ],
                ),
            unclear: any(
                &said,
                &["did not catch|hear|understand|get", "not sure i understood"],
            ),
            accepts: !declines
                && any(
                    &said,
                    &[
                        "would be|is fine|great|good|perfect|okay",
                        "works|work",
                        "will take",
                        "sounds good|great|perfect",
                        "let us do",
                        "yes please",
                        "perfect|great",
                    ],
                ),
            declines,
            goodbye: any(&said, &["goodbye|bye"]),
        }
    }
}

/// Whether these are the requester's own first words.
fn is_first_message(said: &[String], task: &Task) -> bool {
    let first = task.first_message.as_deref().unwrap_or("");
    !said.is_empty() && words(first) == said
}

/// Whether at least three in five of the words of the request were said.
fn puts_request(said: &[String], task: &Task) -> bool {
    const COMMON: [&str; 12] = [
        "i", "would", "like", "to", "please", "could", "you", "tell", "me", "a", "the", "for",
    ];
    let wanted = words(&task.request);
    let wanted: Vec<&String> = wanted
        .iter()
        .filter(|w| !COMMON.contains(&w.as_str()))
        .collect();
    let hits = wanted.iter().filter(|w| said.contains(w)).count();
    if wanted.is_empty() {
        said.len() > 3
    } else {
        hits * 5 >= wanted.len() * 3
    }
}

/// The name in `the name is Anna Lee` or `under the name Anna Lee`, as written.
pub(super) fn name_in(text: &str) -> Option<String> {
    let lower = text.to_lowercase();
    let at = [
        "name is ",
        "under the name of ",
        "under the name ",
        "name's ",
    ]
    .iter()
    .find_map(|m| lower.find(m).map(|at| at + m.len()))?;
    let rest = text.get(at..)?;
    let end = rest
        .find(['.', ',', '?', '!', '\u{2014}'])
        .unwrap_or(rest.len());
    let name: Vec<&str> = rest[..end]
        .split_whitespace()
        .take_while(|w| w.starts_with(char::is_uppercase))
        .collect();
    (!name.is_empty()).then(|| name.join(" "))
}
