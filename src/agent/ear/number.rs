//! Amounts: whole numbers, decimals, ordinals, fractions, percentages and money.

use super::{Reading, Token};
use crate::agent::numbers;

/// The largest amount that is said as one; above it is digit by digit.
const LARGEST: u64 = 999_999_999_999;

/// Returns how an amount is said: `one thousand two hundred fifty`.
pub(super) fn amount(n: u64) -> String {
    let small = |n: u64| numbers::spoken(u32::try_from(n).unwrap_or(0));
    let mut parts = Vec::new();
    let mut rest = n;
    for (size, name) in [
        (1_000_000_000, "billion"),
        (1_000_000, "million"),
        (1000, "thousand"),
    ] {
        if rest >= size {
            parts.push(format!("{} {name}", small(rest / size)));
            rest %= size;
        }
    }
    if rest > 0 || parts.is_empty() {
        parts.push(small(rest));
    }
    parts.join(" ")
}

/// Returns every digit of `text` as a word.
pub(super) fn digit_by_digit(text: &str) -> String {
    let digits = text.chars().filter_map(|c| c.to_digit(10));
    digits.map(numbers::spoken).collect::<Vec<_>>().join(" ")
}

/// Reads an amount as it is written: `1250`, `1,250`.
pub(super) fn whole(text: &str) -> Option<u64> {
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit() || b == b',') {
        return None;
    }
    let mut groups = text.split(',');
    let first = groups.next()?;
    let fits = groups.clone().all(|group| group.len() == 3);
    if !fits || first.is_empty() || text.contains(',') && first.len() > 3 {
        return None;
    }
    text.replace(',', "").parse().ok().filter(|n| *n <= LARGEST)
}

/// Returns how a number with or without decimals is said, or nothing when it is none.
fn decimal(text: &str) -> Option<String> {
    match text.split_once('.') {
        None => Some(amount(whole(text)?)),
        Some((before, after)) => {
            let whole = if before.is_empty() { 0 } else { whole(before)? };
            let digits = !after.is_empty() && after.bytes().all(|b| b.is_ascii_digit());
            digits.then(|| format!("{} point {}", amount(whole), digit_by_digit(after)))
        }
    }
}

/// Returns how the `n`-th is said.
pub(super) fn ordinal(n: u64) -> String {
    if let Ok(day @ 1..=31) = u32::try_from(n) {
        return numbers::ordinal(day);
    }
    let (head, tail) = (n / 100 * 100, n % 100);
    if tail == 0 {
        return format!("{}th", amount(n));
    }
    let tail = match u32::try_from(tail).unwrap_or(1) {
        day @ 1..=31 => numbers::ordinal(day),
        n if n.is_multiple_of(10) => numbers::spoken(n).trim_end_matches('y').to_owned() + "ieth",
        n => format!(
            "{}-{}",
            numbers::spoken(n / 10 * 10),
            numbers::ordinal(n % 10)
        ),
    };
    if head == 0 {
        tail
    } else {
        format!("{} {tail}", amount(head))
    }
}

/// Numbers that stand alone.
pub(super) fn number(tokens: &[Token<'_>]) -> Reading {
    let core = tokens[0].core;
    if let Some(number) = core.strip_prefix('#') {
        return Some(vec![format!("number {}", amount(whole(number)?))]);
    }
    if let Some(number) = core.strip_suffix('%') {
        return Some(vec![format!("{} percent", decimal(number)?)]);
    }
    if matches!(tokens[0].lower().as_str(), "no" | "nr") && tokens[0].after == "." {
        let next = tokens.get(1)?;
        let number = amount(whole(next.core)?);
        return Some(vec!["number".to_owned(), number]);
    }
    for ending in ["st", "nd", "rd", "th"] {
        if let Some(n) = core.to_lowercase().strip_suffix(ending).and_then(whole) {
            return Some(vec![ordinal(n)]);
        }
    }
    if let Some((above, below)) = core.split_once('/') {
        return fraction(above, below);
    }
    if let Some((from, to)) = core.split_once(['-', '\u{2013}'])
        && let (Some(from), Some(to)) = (whole(from), whole(to))
        && from < to
    {
        return Some(vec![format!("{} to {}", amount(from), amount(to))]);
    }
    let plain = core.bytes().all(|b| b.is_ascii_digit());
    // Zeros in front, or many digits without commas: a code, not an amount.
    if plain && (core.len() > 4 || core.len() > 1 && core.starts_with('0')) {
        return Some(vec![digit_by_digit(core)]);
    }
    Some(vec![decimal(core)?])
}

fn fraction(above: &str, below: &str) -> Reading {
    let (above, below) = (whole(above)?, whole(below)?);
    let name = match (below, above) {
        (2, 1) => "half",
        (3, 1) => "third",
        (3, _) => "thirds",
        (4, 1) => "quarter",
        (4, _) => "quarters",
        _ => return None,
    };
    (above < below).then(|| vec![format!("{} {name}", amount(above))])
}

/// Prices: `$12.50`, `€20`, `$5 million`, `20 USD`.
pub(super) fn money(tokens: &[Token<'_>]) -> Reading {
    let core = tokens[0].core;
    let core = core
        .strip_prefix("US")
        .filter(|rest| rest.starts_with('$'))
        .unwrap_or(core);
    let names = |sign| {
        Some(match sign {
            '$' => ["dollar", "dollars", "cent", "cents"],
            '\u{20ac}' => ["euro", "euros", "cent", "cents"],
            '\u{a3}' => ["pound", "pounds", "penny", "pence"],
            _ => return None,
        })
    };
    let sign = core.chars().next()?;
    let (names, number) = match names(sign) {
        Some(names) => (names, &core[sign.len_utf8()..]),
        None => {
            let last = core.chars().next_back()?;
            (names(last)?, &core[..core.len() - last.len_utf8()])
        }
    };
    if let Some(next) = tokens.get(1).filter(|_| tokens[0].runs_on())
        && matches!(next.lower().as_str(), "million" | "billion" | "thousand")
    {
        let said = format!("{} {} {}", decimal(number)?, next.lower(), names[1]);
        let (first, last) = said.split_once(' ')?;
        return Some(vec![first.to_owned(), last.to_owned()]);
    }
    let (whole_part, cents) = match number.split_once('.') {
        Some((whole_part, cents)) if cents.len() == 2 => (whole_part, Some(whole(cents)?)),
        Some(_) => return Some(vec![format!("{} {}", decimal(number)?, names[1])]),
        None => (number, None),
    };
    let count = |n: u64, one: &str, many: &str| {
        format!("{} {}", amount(n), if n == 1 { one } else { many })
    };
    let units = if whole_part.is_empty() {
        0
    } else {
        whole(whole_part)?
    };
    Some(vec![match (units, cents) {
        (units, None | Some(0)) => count(units, names[0], names[1]),
        (0, Some(cents)) => count(cents, names[2], names[3]),
        (units, Some(cents)) => format!(
            "{} and {}",
            count(units, names[0], names[1]),
            count(cents, names[2], names[3])
        ),
    }])
}
