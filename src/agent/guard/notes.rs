//! How a requester's notes are read: sentences, numbers with their groups, marks as whole words.

/// Whether any of the marks stands in the text, as whole words.
pub(super) fn has(lower: &str, marks: &[&str]) -> bool {
    marks.iter().any(|mark| find_word(lower, mark).is_some())
}

/// Where `mark` stands as whole words.
pub(super) fn find_word(lower: &str, mark: &str) -> Option<usize> {
    lower.match_indices(mark).map(|(at, _)| at).find(|&at| {
        let before = lower[..at].chars().next_back();
        let after = lower[at + mark.len()..].chars().next();
        !before.is_some_and(char::is_alphanumeric) && !after.is_some_and(char::is_alphanumeric)
    })
}

/// Short forms whose stop ends no sentence.
const TITLES: [&str; 17] = [
    "mr", "mrs", "ms", "dr", "prof", "st", "sr", "sra", "srta", "jr", "no", "nr", "hr", "fr",
    "mme", "mlle", "sig",
];

/// The sentences of a text, which ends with each line too.
pub(super) fn sentences(text: &str) -> Vec<&str> {
    let mut all = Vec::new();
    let mut start = 0;
    for (at, mark) in text.char_indices() {
        let end = at + mark.len_utf8();
        let next = text[end..].chars().next();
        let stops = matches!(mark, '\n' | ';')
            || matches!(mark, '.' | '!' | '?') && next.is_none_or(char::is_whitespace);
        let word = text[start..at].rsplit(char::is_whitespace).next();
        let title = word.is_some_and(|word| TITLES.contains(&word.to_lowercase().as_str()));
        if stops && !(mark == '.' && title) {
            all.push(text[start..end].trim());
            start = end;
        }
    }
    all.push(text[start..].trim());
    all.retain(|sentence| !sentence.is_empty());
    all
}

/// The digits of a text.
pub(super) fn digits(text: &str) -> String {
    text.chars().filter(char::is_ascii_digit).collect()
}

/// The numbers in a text: digits with nothing but spaces and marks between groups of several are one number.
pub(super) fn numbers(text: &str) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    let mut joined = false;
    for token in text.split_whitespace() {
        let plain = token.chars().any(|c| c.is_ascii_digit());
        let own = if plain { digits(token) } else { String::new() };
        let group = token
            .chars()
            .all(|c| c.is_ascii_digit() || "-().+,".contains(c));
        match all.last_mut() {
            Some(last) if joined && group && own.len() >= 2 => last.push_str(&own),
            _ if !own.is_empty() => all.push(own.clone()),
            _ => {}
        }
        joined = plain && group && own.len() >= 2 && !token.ends_with([',', '.']);
    }
    all
}

/// The check digit of payment cards (ISO/IEC 7812-1, annex B).
pub(super) fn luhn(number: &str) -> bool {
    let sum: u32 = number
        .bytes()
        .rev()
        .enumerate()
        .map(|(at, byte)| {
            let digit = u32::from(byte - b'0') * if at % 2 == 1 { 2 } else { 1 };
            digit / 10 + digit % 10
        })
        .sum();
    sum.is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_with_their_groups() {
        assert_eq!(
            numbers("card 4111 1111 1111 1111, table for 2 at 19:30, call +1 (415) 555-0100."),
            ["4111111111111111", "2", "1930", "1", "4155550100"]
        );
        assert!(luhn("4111111111111111") && !luhn("4111111111111112"));
    }

    #[test]
    fn sentences_end_at_stops_and_lines() {
        assert_eq!(
            sentences("A budget of 4.50. Private! One\ntwo; for Ms. Smith"),
            [
                "A budget of 4.50.",
                "Private!",
                "One",
                "two;",
                "for Ms. Smith"
            ]
        );
    }
}
