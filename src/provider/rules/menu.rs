//! Telephone menus: `for reservations, press one`. Reads the options and picks a key.

use crate::agent::{
    numbers,
    task::Kind,
    words::{any, words},
};

/// Picks the key that fits the errand best. `tries` menus were heard before this one: after the first, a person is
/// asked for, since the fitting key has not led to one. `None` when no key makes sense.
pub(super) fn key(text: &str, kind: Kind, tries: u32) -> Option<char> {
    let options = options(text);
    let score = |label: &[String]| wanted(kind).iter().filter(|w| any(label, &[*w])).count();
    let person = |label: &[String]| any(label, PERSON);
    let fitting = options
        .iter()
        .filter(|(_, label)| score(label) > 0)
        .max_by_key(|(_, label)| score(label));
    let operator = options.iter().find(|(_, label)| person(label));
    let english = options
        .iter()
        .find(|(_, label)| label.iter().any(|l| l == "english"));
    let choice = if tries == 0 {
        fitting.or(operator).or(english)
    } else {
        operator.or(fitting)
    };
    choice.map(|(key, _)| *key)
}

/// Words for somebody to talk to.
const PERSON: &[&str] = &[
    "operator",
    "representative",
    "someone",
    "somebody",
    "agent",
    "person",
    "staff",
    "reception",
    "receptionist",
    "host",
    "desk",
    "else",
    "inquiries",
    "enquiries",
    "questions",
    "associate",
    "assistance",
    "team",
];

fn wanted(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Table => &[
            "reservation",
            "reservations",
            "table",
            "tables",
            "booking",
            "bookings",
            "book",
            "reserve",
            "dining",
            "restaurant",
        ],
        Kind::Booking => &[
            "appointment",
            "appointments",
            "booking",
            "bookings",
            "book",
            "schedule",
            "reservation",
            "reservations",
            "new",
        ],
        Kind::Cancel | Kind::Reschedule => &[
            "cancel",
            "change",
            "existing",
            "modify",
            "reschedule",
            "reservation",
            "reservations",
            "appointment",
            "appointments",
            "booking",
        ],
        Kind::Hours => &[
            "hours",
            "opening",
            "information",
            "directions",
            "location",
            "times",
        ],
        Kind::Price => &[
            "prices",
            "price",
            "rates",
            "sales",
            "quote",
            "information",
            "billing",
        ],
        Kind::Question => &[
            "information",
            "questions",
            "inquiries",
            "enquiries",
            "service",
            "customer",
        ],
        Kind::Message | Kind::Request => &[
            "orders", "order", "customer", "service", "support", "message",
        ],
    }
}

/// The options of a menu: the key and the words beside it. Both orders are understood: `press one for reservations`
/// and `for reservations press one`; the one in use shows in whether a label stands before the first key.
fn options(text: &str) -> Vec<(char, Vec<String>)> {
    let heard = words(text);
    let keys: Vec<(usize, usize, char)> = (0..heard.len())
        .filter_map(|at| key_at(&heard, at))
        .collect();
    let Some((first, _, _)) = keys.first().copied() else {
        return Vec::new();
    };
    let label_first = heard[..first]
        .iter()
        .rposition(|w| matches!(w.as_str(), "for" | "to" | "four" | "two"))
        .is_some_and(|for_| first - for_ > 1);
    keys.iter()
        .enumerate()
        .map(|(i, (start, end, key))| {
            let label = if label_first {
                let from = i.checked_sub(1).map_or(0, |before| keys[before].1);
                &heard[from..*start]
            } else {
                let until = keys.get(i + 1).map_or(heard.len(), |next| next.0);
                &heard[*end..until]
            };
            (*key, label.to_vec())
        })
        .collect()
}

fn key_at(heard: &[String], at: usize) -> Option<(usize, usize, char)> {
    if !matches!(heard[at].as_str(), "press" | "dial" | "push" | "pressed") {
        return None;
    }
    let next = heard.get(at + 1)?;
    let key = match next.as_str() {
        "star" => '*',
        "pound" | "hash" => '#',
        "to" | "too" => '2',
        "for" => '4',
        "won" => '1',
        "ate" => '8',
        "oh" => '0',
        _ => {
            let (n, _) = numbers::read(heard, at + 1).filter(|(n, _)| *n < 10)?;
            char::from_digit(n, 10)?
        }
    };
    Some((at, at + 2, key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_orders_of_a_menu_are_read() {
        let press_first =
            "press one for opening hours press to for reservations or press zero for the operator";
        let label_first =
            "For opening hours, press 1. For reservations, press 2. To speak to someone, press 0.";
        for text in [press_first, label_first] {
            assert_eq!(key(text, Kind::Table, 0), Some('2'), "{text}");
            assert_eq!(key(text, Kind::Hours, 0), Some('1'), "{text}");
            assert_eq!(key(text, Kind::Message, 0), Some('0'), "{text}");
            assert_eq!(
                key(text, Kind::Table, 1),
                Some('0'),
                "the second time a person is asked for: {text}"
            );
        }
    }

    #[test]
    fn a_menu_without_a_fitting_key_gives_none() {
        assert_eq!(key("press one for spanish", Kind::Table, 0), None);
        assert_eq!(key("for english press one", Kind::Table, 0), Some('1'));
        assert_eq!(key("press", Kind::Table, 0), None);
    }
}
