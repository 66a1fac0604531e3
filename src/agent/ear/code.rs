//! What is said letter by letter or digit by digit: telephone numbers, e-mail, web addresses, spelled names, codes.

use super::{Reading, Token, number};
use crate::agent::numbers;

/// Endings of web addresses that are taken for such without `www` or a slash.
const ENDINGS: [&str; 14] = [
    "com", "org", "net", "edu", "gov", "io", "co", "ai", "app", "dev", "info", "us", "ca", "biz",
];

/// Telephone numbers, written as one word or as up to five.
pub(super) fn phone(tokens: &[Token<'_>]) -> Reading {
    let looks_like_one = |text: &str| {
        let fits = |c: char| c.is_ascii_digit() || "+-.()".contains(c);
        text.contains(|c: char| c.is_ascii_digit()) && text.chars().all(fits)
    };
    let mut found = None;
    let (mut text, mut pieces) = (String::new(), Vec::new());
    for token in tokens.iter().take(5) {
        // A bracket belongs to the number here, so the whole word counts.
        let word = format!("{}{}{}", token.before, token.core, token.after);
        let word = word.trim_end_matches([',', '.', ';', '!', '?', ':']);
        if !looks_like_one(word) {
            break;
        }
        text.push_str(word);
        text.push(' ');
        pieces.push(word.to_owned());
        if is_phone(text.trim()) {
            found = Some(pieces.clone());
        }
        // A comma or a full stop ends a number.
        if token.after.contains(|c: char| c != ')') {
            break;
        }
    }
    let pieces = found?;
    let all: String = pieces
        .iter()
        .flat_map(|p| p.chars())
        .filter(char::is_ascii_digit)
        .collect();
    let said = numbers::digits(&all);
    let mut words = said.split_whitespace();
    let mut out = Vec::new();
    for piece in &pieces {
        let digits = piece.bytes().filter(u8::is_ascii_digit).count();
        out.push(words.by_ref().take(digits).collect::<Vec<_>>().join(" "));
    }
    if let Some(last) = out.last_mut() {
        *last = last.trim_end_matches(',').to_owned();
    }
    Some(out)
}

/// Whether digits are grouped as in a telephone number.
fn is_phone(text: &str) -> bool {
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    let groups: Vec<usize> = text
        .split(|c: char| !c.is_ascii_digit())
        .map(str::len)
        .filter(|len| *len > 0)
        .collect();
    match groups.as_slice() {
        [10] => true,
        [11] => text.starts_with(['1', '+']),
        [len] => text.starts_with('+') && (8..=15).contains(len),
        [3, 4] => text.contains(['-', '.']) && !text.contains(' '),
        [3, 3, 4] | [1, 3, 3, 4] => true,
        _ => text.starts_with('+') && (8..=15).contains(&digits),
    }
}

/// E-mail addresses.
pub(super) fn email(tokens: &[Token<'_>]) -> Reading {
    let core = tokens[0].core;
    let (local, domain) = core.split_once('@')?;
    let plain = |text: &str| {
        !text.is_empty()
            && text
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "._-+".contains(c))
    };
    if !plain(local) || !plain(domain) || !domain.contains('.') {
        return None;
    }
    Some(vec![format!("{} at {}", address(local), address(domain))])
}

/// Web addresses: `www.nopa.com/menu`, `https://nopa.com`, `nopa.com`.
pub(super) fn site(tokens: &[Token<'_>]) -> Reading {
    let core = tokens[0].core;
    let bare = core
        .strip_prefix("https://")
        .or_else(|| core.strip_prefix("http://"));
    let rest = bare.unwrap_or(core);
    let host = rest.split('/').next().unwrap_or_default();
    let ending = host.rsplit('.').next().unwrap_or_default().to_lowercase();
    let known = host.contains('.')
        && (bare.is_some() || host.starts_with("www.") || ENDINGS.contains(&ending.as_str()));
    let plain = rest
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || "._-/~".contains(c));
    (known && plain).then(|| vec![address(rest.trim_end_matches('/'))])
}

/// The parts of an address with its marks between them: `w w w dot nopa dash s f dot com`.
fn address(text: &str) -> String {
    let mut said: Vec<String> = Vec::new();
    let mut word = String::new();
    let flush = |word: &mut String, said: &mut Vec<String>| {
        if !word.is_empty() {
            said.push(part(&std::mem::take(word)));
        }
    };
    for c in text.chars() {
        let mark = match c {
            '.' => "dot",
            '-' => "dash",
            '_' => "underscore",
            '+' => "plus",
            '/' => "slash",
            '~' => "tilde",
            // Digits are said one by one; letters go together.
            c => {
                let digit = c.is_ascii_digit();
                if word.ends_with(|last: char| last.is_ascii_digit() != digit) {
                    flush(&mut word, &mut said);
                }
                word.push(c);
                continue;
            }
        };
        flush(&mut word, &mut said);
        said.push(mark.to_owned());
    }
    flush(&mut word, &mut said);
    said.join(" ")
}

/// A run of letters or digits within an address: what cannot be read as a word is spelled.
fn part(text: &str) -> String {
    if text.starts_with(|c: char| c.is_ascii_digit()) {
        return number::digit_by_digit(text);
    }
    let lower = text.to_lowercase();
    let readable = lower.contains(['a', 'e', 'i', 'o', 'u', 'y']);
    if readable && lower.len() > 2 || matches!(lower.as_str(), "co" | "io" | "me" | "my" | "us") {
        return if lower == "io" {
            "i o".to_owned()
        } else {
            lower
        };
    }
    letters(&lower).join(" ")
}

fn letters(text: &str) -> Vec<String> {
    text.chars().map(String::from).collect()
}

/// Spelled names: `L-O-P-E-Z`, `L.O.P.E.Z.`, `L O P E Z`, said with a little pause after each letter.
pub(super) fn spelled(tokens: &[Token<'_>]) -> Reading {
    let letter = |text: &str| text.len() == 1 && text.bytes().all(|b| b.is_ascii_alphabetic());
    let core = tokens[0].core;
    for mark in ['-', '.'] {
        let parts: Vec<&str> = core.split(mark).collect();
        let upper = parts
            .iter()
            .all(|part| part.bytes().all(|b| b.is_ascii_uppercase()));
        // "a.m" and "U.S" are no spelled names.
        let least = if mark == '.' { 4 } else { 3 };
        if parts.len() >= least && parts.iter().all(|part| letter(part)) && upper {
            return Some(vec![parts.join(", ")]);
        }
    }
    let run = tokens
        .iter()
        .take_while(|token| {
            letter(token.core) && token.core.bytes().all(|b| b.is_ascii_uppercase())
        })
        .count();
    if run < 3 {
        return None;
    }
    let said = tokens[..run].iter().enumerate().map(|(n, token)| {
        let pause = n + 1 < run && token.runs_on();
        format!("{}{}", token.core, if pause { "," } else { "" })
    });
    Some(said.collect())
}

/// Letters and digits mixed: `4B`, `AB12C3`, a confirmation code.
pub(super) fn mixed(tokens: &[Token<'_>]) -> Reading {
    let core = tokens[0].core;
    let plain = core.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    let digits = core.contains(|c: char| c.is_ascii_digit());
    let upper = core.contains(|c: char| c.is_ascii_uppercase());
    let lower = core.contains(|c: char| c.is_ascii_lowercase());
    if !plain || !digits || !upper || lower {
        return None;
    }
    let said = core.chars().filter_map(|c| match c.to_digit(10) {
        Some(digit) => Some(numbers::spoken(digit)),
        None if c == '-' => None,
        None => Some(c.to_string()),
    });
    Some(vec![said.collect::<Vec<_>>().join(" ")])
}
