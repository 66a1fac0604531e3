//! Addresses of streets: house numbers as people say them, and the short forms of streets, directions and states.

use super::{Reading, Token, number};
use crate::agent::numbers;

/// Kinds of streets, short and long.
const STREETS: [(&str, &str); 20] = [
    ("st", "Street"),
    ("ave", "Avenue"),
    ("av", "Avenue"),
    ("blvd", "Boulevard"),
    ("rd", "Road"),
    ("dr", "Drive"),
    ("ln", "Lane"),
    ("ct", "Court"),
    ("pl", "Place"),
    ("sq", "Square"),
    ("hwy", "Highway"),
    ("pkwy", "Parkway"),
    ("ter", "Terrace"),
    ("cir", "Circle"),
    ("aly", "Alley"),
    ("way", "Way"),
    ("street", "Street"),
    ("avenue", "Avenue"),
    ("road", "Road"),
    ("boulevard", "Boulevard"),
];

const DIRECTIONS: [(&str, &str); 8] = [
    ("N", "North"),
    ("S", "South"),
    ("E", "East"),
    ("W", "West"),
    ("NE", "Northeast"),
    ("NW", "Northwest"),
    ("SE", "Southeast"),
    ("SW", "Southwest"),
];

const UNITS: [(&str, &str); 5] = [
    ("apt", "apartment"),
    ("ste", "suite"),
    ("fl", "floor"),
    ("rm", "room"),
    ("bldg", "building"),
];

/// States, territories and provinces by their postal letters.
const STATES: [(&str, &str); 61] = [
    ("AL", "Alabama"),
    ("AK", "Alaska"),
    ("AZ", "Arizona"),
    ("AR", "Arkansas"),
    ("CA", "California"),
    ("CO", "Colorado"),
    ("CT", "Connecticut"),
    ("DE", "Delaware"),
    ("DC", "D C"),
    ("FL", "Florida"),
    ("GA", "Georgia"),
    ("HI", "Hawaii"),
    ("ID", "Idaho"),
    ("IL", "Illinois"),
    ("IN", "Indiana"),
    ("IA", "Iowa"),
    ("KS", "Kansas"),
    ("KY", "Kentucky"),
    ("LA", "Louisiana"),
    ("ME", "Maine"),
    ("MD", "Maryland"),
    ("MA", "Massachusetts"),
    ("MI", "Michigan"),
    ("MN", "Minnesota"),
    ("MS", "Mississippi"),
    ("MO", "Missouri"),
    ("MT", "Montana"),
    ("NE", "Nebraska"),
    ("NV", "Nevada"),
    ("NH", "New Hampshire"),
    ("NJ", "New Jersey"),
    ("NM", "New Mexico"),
    ("NY", "New York"),
    ("NC", "North Carolina"),
    ("ND", "North Dakota"),
    ("OH", "Ohio"),
    ("OK", "Oklahoma"),
    ("OR", "Oregon"),
    ("PA", "Pennsylvania"),
    ("RI", "Rhode Island"),
    ("SC", "South Carolina"),
    ("SD", "South Dakota"),
    ("TN", "Tennessee"),
    ("TX", "Texas"),
    ("UT", "Utah"),
    ("VT", "Vermont"),
    ("VA", "Virginia"),
    ("WA", "Washington"),
    ("WV", "West Virginia"),
    ("WI", "Wisconsin"),
    ("WY", "Wyoming"),
    ("AB", "Alberta"),
    ("BC", "British Columbia"),
    ("MB", "Manitoba"),
    ("NB", "New Brunswick"),
    ("NL", "Newfoundland"),
    ("NS", "Nova Scotia"),
    ("ON", "Ontario"),
    ("PE", "Prince Edward Island"),
    ("QC", "Quebec"),
    ("SK", "Saskatchewan"),
];

fn long(list: &[(&str, &'static str)], short: &str) -> Option<&'static str> {
    list.iter()
        .find(|(known, _)| *known == short)
        .map(|(_, long)| *long)
}

/// Words between a house number and the kind of its street.
const NAME: usize = 4;

/// A street with its house number, a flat, or a state with its postal code.
pub(super) fn address(tokens: &[Token<'_>], at: usize) -> Reading {
    let here = &tokens[at..];
    street(here).or_else(|| unit(here)).or_else(|| state(here))
}

fn street(tokens: &[Token<'_>]) -> Reading {
    let house = tokens[0].core;
    let plain = (1..=5).contains(&house.len()) && house.bytes().all(|b| b.is_ascii_digit());
    if !plain || !tokens[0].runs_on() {
        return None;
    }
    let kind = (2..=NAME + 1).find(|&n| {
        let known = tokens
            .get(n)
            .is_some_and(|t| long(&STREETS, &t.lower()).is_some());
        // Nothing but names in between.
        known
            && tokens[1..n].iter().all(|t| {
                let named = t
                    .core
                    .starts_with(|c: char| c.is_ascii_uppercase() || c.is_ascii_digit());
                named && (t.runs_on() || t.after == ".")
            })
    })?;
    let mut said = vec![house_number(house)];
    for token in &tokens[1..kind] {
        let direction = long(&DIRECTIONS, token.core).map(str::to_owned);
        let ordinal = number::number(std::slice::from_ref(token)).map(|said| said.concat());
        said.push(
            direction
                .or(ordinal)
                .unwrap_or_else(|| token.core.to_owned()),
        );
    }
    said.push(long(&STREETS, &tokens[kind].lower())?.to_owned());
    if let Some(direction) = tokens.get(kind + 1).and_then(|t| long(&DIRECTIONS, t.core))
        && tokens[kind].runs_on()
    {
        said.push(direction.to_owned());
    }
    Some(said)
}

/// `123` is `one twenty-three`, `1234` is `twelve thirty-four`, `1200` is `twelve hundred`.
fn house_number(digits: &str) -> String {
    let n: u32 = digits.parse().unwrap_or(0);
    let (head, tail) = (n / 100, n % 100);
    match (head, tail) {
        _ if digits.starts_with('0') || n >= 10_000 => number::digit_by_digit(digits),
        (0, _) => numbers::spoken(n),
        (head, 0) if head % 10 == 0 => numbers::spoken(n),
        (head, 0) => format!("{} hundred", numbers::spoken(head)),
        (head, 1..10) => format!("{} oh {}", numbers::spoken(head), numbers::spoken(tail)),
        (head, _) => format!("{} {}", numbers::spoken(head), numbers::spoken(tail)),
    }
}

fn unit(tokens: &[Token<'_>]) -> Reading {
    let name = long(&UNITS, &tokens[0].lower())?;
    let next = tokens
        .get(1)
        .filter(|_| matches!(tokens[0].after, "" | "."))?;
    let digits = next.core.trim_start_matches('#');
    if !digits.contains(|c: char| c.is_ascii_digit()) || digits.len() > 5 {
        return None;
    }
    let said: String = match digits.bytes().all(|b| b.is_ascii_digit()) {
        true => house_number(digits),
        false => super::code::mixed(&[Token {
            core: &digits.to_uppercase(),
            ..*next
        }])?
        .concat(),
    };
    Some(vec![name.to_owned(), said])
}

fn state(tokens: &[Token<'_>]) -> Reading {
    let name = long(&STATES, tokens[0].core)?;
    let code = tokens.get(1).filter(|_| tokens[0].runs_on())?.core;
    let plain = |text: &str, len| text.len() == len && text.bytes().all(|b| b.is_ascii_digit());
    let zip = match code.split_once('-') {
        Some((five, four)) => plain(five, 5) && plain(four, 4),
        None => plain(code, 5),
    };
    zip.then(|| vec![name.to_owned(), number::digit_by_digit(code)])
}
