//! Phone numbers, e-mail addresses and spelled names, spoken by Flite in groups with pauses between them.
//!
//! In half of them each group is spoken for itself, so that the voice falls before the pause as at the end of a sentence.

use super::{Draft, LibraryError, Maker, Part};
use crate::bench::{library, trial::PauseKind};

const DIGITS: [&str; 10] = [
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine",
];
const NAMES: [&str; 24] = [
    "Anderson", "Becker", "Chan", "Davis", "Evans", "Fischer", "Garcia", "Hughes", "Ivanov",
    "Jones", "Keller", "Lopez", "Meyer", "Nguyen", "Olsen", "Patel", "Quinn", "Rossi", "Smith",
    "Taylor", "Unger", "Vogel", "Wright", "Young",
];
const USERS: [&str; 16] = [
    "info",
    "contact",
    "john dot smith",
    "mary",
    "office",
    "peter dot miller",
    "anna",
    "sales",
    "reservations",
    "bob seventeen",
    "front desk",
    "susan",
    "kitchen",
    "the manager",
    "hello",
    "booking",
];
const HOSTS: [&str; 8] = [
    "gmail",
    "yahoo",
    "hotmail",
    "city hotel",
    "example",
    "outlook",
    "blue garden",
    "web mail",
];
const ENDINGS: [&str; 4] = ["com", "net", "org", "co dot uk"];

/// A phone number: seven to ten digits in two to four groups.
pub(super) fn phone_number(
    maker: &mut Maker<'_>,
    random: &mut fastrand::Rng,
) -> Result<Option<Draft>, LibraryError> {
    const LEADS: [&str; 4] = ["", "It's ", "My number is ", "Sure it's "];
    let sizes: &[usize] = match random.u32(..4) {
        0 => &[3, 4],
        1 => &[3, 3, 4],
        2 => &[4, 3],
        _ => &[2, 2, 2, 2],
    };
    let mut groups: Vec<String> = sizes
        .iter()
        .map(|size| {
            let digits: Vec<&str> = (0..*size).filter_map(|_| random.choice(DIGITS)).collect();
            digits.join(" ")
        })
        .collect();
    groups[0].insert_str(0, random.choice(LEADS).unwrap_or_default());
    draft(maker, "What is your phone number?", &groups, random)
}

/// An e-mail address: the user, the host, the ending.
pub(super) fn email(
    maker: &mut Maker<'_>,
    random: &mut fastrand::Rng,
) -> Result<Option<Draft>, LibraryError> {
    const LEADS: [&str; 3] = ["", "It's ", "Yes that is "];
    let lead = random.choice(LEADS).unwrap_or_default();
    let user = one(&USERS, maker.part, random);
    let host = one(&HOSTS, maker.part, random);
    let ending = random.choice(ENDINGS).unwrap_or_default();
    let groups = match random.u32(..3) {
        0 => vec![format!("{lead}{user}"), format!("at {host} dot {ending}")],
        1 => vec![format!("{lead}{user} at"), format!("{host} dot {ending}")],
        _ => vec![
            format!("{lead}{user}"),
            format!("at {host}"),
            format!("dot {ending}"),
        ],
    };
    draft(
        maker,
        "Could I have your e-mail address, please?",
        &groups,
        random,
    )
}

/// A spelled name, some with the name itself before it.
pub(super) fn spelling(
    maker: &mut Maker<'_>,
    random: &mut fastrand::Rng,
) -> Result<Option<Draft>, LibraryError> {
    let name = one(&NAMES, maker.part, random);
    let letters: Vec<String> = name.to_uppercase().chars().map(String::from).collect();
    let mut groups: Vec<String> = Vec::new();
    let mut rest = letters.as_slice();
    while !rest.is_empty() {
        let (group, behind) = rest.split_at(random.usize(1..=3).min(rest.len()));
        groups.push(group.join(" "));
        rest = behind;
    }
    if random.bool() {
        groups.insert(0, format!("It's {name}"));
    }
    draft(maker, "How do you spell that?", &groups, random)
}

/// One of those words of a list that belong to a part; any, when none does.
fn one(list: &[&'static str], part: Part, random: &mut fastrand::Rng) -> &'static str {
    let own: Vec<_> = list.iter().filter(|word| Part::of(word) == part).collect();
    let found = random.choice(own).copied();
    found
        .or_else(|| random.choice(list).copied())
        .unwrap_or_default()
}

fn draft(
    maker: &mut Maker<'_>,
    question: &str,
    groups: &[String],
    random: &mut fastrand::Rng,
) -> Result<Option<Draft>, LibraryError> {
    let parts: Vec<&str> = groups.iter().map(String::as_str).collect();
    let apart = random.bool();
    let splice = maker.speak(&parts, apart, PauseKind::Entity, random)?;
    let text = library::words(&groups.join(" "));
    Ok(Draft::new(question, splice, text))
}
