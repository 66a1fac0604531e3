//! Details of an errand: name, telephone number, number of people, seating, other wishes.

use super::Kind;
use crate::agent::{
    numbers,
    words::{any, find, first_of, words},
};

/// Words that never belong to a name, and end one that is written in lower case.
const NO_NAME: &str = "a an the at on for in to from and or with please tonight today tomorrow phone number this \
    next my me our us his her their them i we is if by january february march april may june \
    july august september october november december monday tuesday wednesday thursday friday \
    saturday sunday christmas thanksgiving easter new valentine's mother's father's dinner lunch \
    brunch breakfast two three four five six seven eight nine ten am pm ai it telephone tel";

/// Returns the name that the errand is for, as the requester wrote it.
pub(super) fn name(
    objective: &str,
    extra: &str,
    kind: Kind,
    business: Option<&str>,
) -> Option<String> {
    const MARKED: &[&[&str]] = &[
        &["under", "the", "name", "of"],
        &["under", "the", "name"],
        &["under", "name"],
        &["in", "the", "name", "of"],
        &["name", "is"],
        &["name"],
        &["on", "behalf", "of"],
        &["under"],
    ];
    for text in [objective, extra] {
        let tokens: Vec<&str> = text.split_whitespace().collect();
        for marker in MARKED {
            let at = (0..tokens.len()).find(|at| follows(&tokens, *at, marker));
            // `name` alone marks a name only as a label: `Name: Dana White`.
            let at = at.filter(|at| *marker != ["name"] || tokens[*at].ends_with([':', '=']));
            if let Some(name) = at.and_then(|at| name_at(&tokens[at + marker.len()..], false)) {
                return Some(name);
            }
        }
        // `a haircut for Anna Lee`: only capitals tell.
        let who = (0..tokens.len())
            .filter(|at| tokens[*at] == "for")
            .find_map(|at| name_at(&tokens[at + 1..], true))
            .filter(|name| business.is_none_or(|b| !b.contains(name.as_str())));
        if who.is_some() && !kind.is_question() && kind != Kind::Message {
            return who;
        }
    }
    None
}

fn follows(tokens: &[&str], at: usize, marker: &[&str]) -> bool {
    marker.iter().enumerate().all(|(i, word)| {
        tokens
            .get(at + i)
            .is_some_and(|t| bare(t).eq_ignore_ascii_case(word))
    })
}

fn bare(token: &str) -> &str {
    token.trim_matches(|c: char| !c.is_alphanumeric() && c != '\'' && c != '\u{2019}')
}

fn name_at(tokens: &[&str], capitals_only: bool) -> Option<String> {
    let mut parts: Vec<&str> = Vec::new();
    for token in tokens.iter().take(4) {
        let word = bare(token).trim_matches('\'');
        let lower = word.to_lowercase();
        let capital = word.chars().next().is_some_and(char::is_uppercase);
        let letters = !word.is_empty()
            && word
                .chars()
                .all(|c| c.is_alphabetic() || matches!(c, '\'' | '\u{2019}' | '-'));
        if !letters
            || NO_NAME.split(' ').any(|w| w == lower)
            || (!capital && (capitals_only || parts.len() > 1))
        {
            break;
        }
        // A capital name ends where capitals end; a lower-case one after two words.
        if !capital
            && parts
                .first()
                .is_some_and(|p| p.starts_with(char::is_uppercase))
        {
            break;
        }
        parts.push(word);
        let title = matches!(lower.as_str(), "mr" | "mrs" | "ms" | "dr" | "prof")
            || word.chars().count() == 1;
        if token.ends_with([',', ';', ':', '!', '?', ')']) || (token.ends_with('.') && !title) {
            break;
        }
    }
    (!parts.is_empty()).then(|| {
        parts
            .iter()
            .map(|p| capitalised(p))
            .collect::<Vec<_>>()
            .join(" ")
    })
}

fn capitalised(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(letters).collect()
    })
}

/// Returns the first telephone number in `text`: ten to fifteen digits, or seven with a separator, however grouped.
pub(super) fn phone(text: &str) -> Option<String> {
    let is_part = |c: char| c.is_ascii_digit() || matches!(c, '+' | '(' | ')' | ' ' | '-' | '.');
    for piece in text.split(|c| !is_part(c)) {
        let digits: String = piece.chars().filter(char::is_ascii_digit).collect();
        let separated = piece.trim().contains(['-', '.']) && piece.trim().len() == 8;
        if (10..=15).contains(&digits.len()) || (digits.len() == 7 && separated) {
            let plus = if piece.contains('+') { "+" } else { "" };
            return Some(format!("{plus}{digits}"));
        }
    }
    None
}

/// Returns how many people `heard` speaks of: `table for two`, `party of 6`, `two adults and a child`.
pub(crate) fn party(heard: &[String]) -> Option<u32> {
    const GROUPS: &str =
        "table|reservation|booking|dinner|lunch|brunch|breakfast|party|group|family";
    let after = |lead: &str| {
        first_of(heard, &[&format!("{GROUPS} {lead}")]).and_then(|at| people_at(heard, at.end))
    };
    if let Some(people) = after("for").or_else(|| after("of")) {
        return Some(people);
    }
    if let Some(adults) = counted(heard, "adults|adult") {
        return Some(adults + counted(heard, "children|kids|child|kid").unwrap_or(0));
    }
    if let Some(people) = counted(heard, "people|persons|guests|pax|diners|of us|seats") {
        return Some(people);
    }
    if any(heard, COUPLES) {
        return Some(2);
    }
    if any(
        heard,
        &[
            "just|only for? me|myself",
            "for myself",
            "just|only one person",
        ],
    ) {
        return Some(1);
    }
    (0..heard.len())
        .filter(|at| matches!(heard[*at].as_str(), "for" | "four"))
        .find_map(|at| people_at(heard, at + 1))
}

/// Two people without a number.
const COUPLES: &[&str] = &[
    "for|just|only a couple",
    "my wife|husband|partner|girlfriend|boyfriend and me|i",
    "me and my wife|husband|partner|girlfriend|boyfriend|friend",
];

/// A number of people at `at`, unless what follows makes it something else. After `for`, recognisers write `to` and
/// `too` for two, and `for` for four.
fn people_at(heard: &[String], at: usize) -> Option<u32> {
    let (n, took) = match heard.get(at)?.as_str() {
        "to" | "too" => (2, 1),
        "for" => (4, 1),
        "ate" => (8, 1),
        _ => numbers::read(heard, at)?,
    };
    let next = heard.get(at + took).map(String::as_str);
    let is_time = matches!(
        next,
        Some(
            "pm" | "am"
                | "o'clock"
                | "oclock"
                | "nights"
                | "night"
                | "hours"
                | "hour"
                | "days"
                | "minutes"
                | "weeks"
                | "dollars"
                | "in"
                | "thirty"
                | "fifteen"
                | "forty"
                | "30"
                | "15"
                | "45"
                | "oh"
        )
    );
    (!is_time && (1..=200).contains(&n)).then_some(n)
}

fn counted(heard: &[String], things: &str) -> Option<u32> {
    (0..heard.len()).find_map(|at| {
        let (n, took) =
            numbers::read(heard, at).or_else(|| (heard[at] == "a").then_some((1, 1)))?;
        let rest = heard.get(at + took..)?;
        things
            .split('|')
            .any(|thing| find(rest, &format!("^ {thing}")).is_some())
            .then_some(n)
    })
}

/// Returns where the requester wants to sit.
pub(super) fn seating(all: &[String]) -> Option<&'static str> {
    const PLACES: &[(&str, &[&str])] = &[
        (
            "outside",
            &["outside|outdoor|outdoors|patio|terrace|garden"],
        ),
        ("by the window", &["window"]),
        ("at the bar", &["at the bar", "bar seats|seating"]),
        ("in a booth", &["booth"]),
        ("in a quiet corner", &["quiet"]),
        ("inside", &["inside|indoor|indoors"]),
    ];
    PLACES
        .iter()
        .find(|(_, patterns)| any(all, patterns))
        .map(|(place, _)| *place)
}

/// Returns the wishes that a host asks about, one clause each in the requester's words.
pub(super) fn needs(objective: &str, extra: &str) -> Vec<String> {
    const SIGNS: &[&str] = &[
        "allergy|allergic|allergies|intolerant|intolerance",
        "vegetarian|vegan|gluten|kosher|halal|celiac|coeliac|dairy",
        "high chair|highchair",
        "wheelchair|accessible",
        "stroller",
        "birthday|anniversary",
    ];
    let clauses = [objective, extra]
        .into_iter()
        .flat_map(|text| text.split(['.', ';', '\n', ',']));
    clauses
        .map(str::trim)
        .filter(|clause| any(&words(clause), SIGNS))
        .map(str::to_owned)
        .collect()
}
