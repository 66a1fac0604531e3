//! Whole numbers between written digits and spoken English words, both ways.

const SMALL: [&str; 20] = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
];
const TENS: [&str; 10] = [
    "", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety",
];
const ORDINALS: [&str; 31] = [
    "first",
    "second",
    "third",
    "fourth",
    "fifth",
    "sixth",
    "seventh",
    "eighth",
    "ninth",
    "tenth",
    "eleventh",
    "twelfth",
    "thirteenth",
    "fourteenth",
    "fifteenth",
    "sixteenth",
    "seventeenth",
    "eighteenth",
    "nineteenth",
    "twentieth",
    "twenty first",
    "twenty second",
    "twenty third",
    "twenty fourth",
    "twenty fifth",
    "twenty sixth",
    "twenty seventh",
    "twenty eighth",
    "twenty ninth",
    "thirtieth",
    "thirty first",
];

/// Returns how `n` is said: `two`, `forty-five`, `one hundred twenty`. Numbers above 9,999 are said digit by digit.
#[must_use]
pub(crate) fn spoken(n: u32) -> String {
    match n {
        0..20 => SMALL[n as usize].to_owned(),
        20..100 => {
            let tens = TENS[(n / 10) as usize];
            if n.is_multiple_of(10) {
                tens.to_owned()
            } else {
                format!("{tens}-{}", SMALL[(n % 10) as usize])
            }
        }
        100..1000 => with_rest(format!("{} hundred", SMALL[(n / 100) as usize]), n % 100),
        1000..10_000 => with_rest(format!("{} thousand", SMALL[(n / 1000) as usize]), n % 1000),
        _ => digits(&n.to_string()),
    }
}

fn with_rest(head: String, rest: u32) -> String {
    if rest == 0 {
        head
    } else {
        format!("{head} {}", spoken(rest))
    }
}

/// Returns the digits of `text` as words, grouped with commas as people say telephone numbers
/// (`four one five, five five five, one two three four`). Everything that is not a digit is left out.
#[must_use]
pub(crate) fn digits(text: &str) -> String {
    let mut all: Vec<&str> = text
        .bytes()
        .filter(u8::is_ascii_digit)
        .map(|b| SMALL[usize::from(b - b'0')])
        .collect();
    let mut groups = Vec::new();
    // Four last, threes before them: the North American habit, which also suits other lengths.
    if all.len() > 4 {
        groups.push(all.split_off(all.len() - 4).join(" "));
    }
    while all.len() > 3 {
        groups.push(all.split_off(all.len() - 3).join(" "));
    }
    if !all.is_empty() {
        groups.push(all.join(" "));
    }
    groups.reverse();
    groups.join(", ")
}

/// Returns how day `n` of a month is said: `fifth`. `n` outside 1 to 31 gives the plain number.
#[must_use]
pub(crate) fn ordinal(n: u32) -> String {
    match n {
        1..=31 => ORDINALS[(n - 1) as usize].replace(' ', "-"),
        _ => spoken(n),
    }
}

/// Reads the number that starts at `words[at]`: `2`, `two`, `twenty five`, `one hundred`. Gives it and how many
/// words it took.
#[must_use]
pub(crate) fn read(words: &[String], at: usize) -> Option<(u32, usize)> {
    let word = words.get(at)?;
    if let Ok(n) = word.parse::<u32>() {
        return Some((n, 1));
    }
    if let Some(n) = SMALL.iter().position(|s| s == word) {
        let n = u32::try_from(n).ok()?;
        if words.get(at + 1).is_some_and(|w| w == "hundred") {
            return match read(words, at + 2).filter(|(rest, _)| *rest < 100) {
                Some((rest, took)) => Some((n * 100 + rest, 2 + took)),
                None => Some((n * 100, 2)),
            };
        }
        return Some((n, 1));
    }
    let tens = TENS.iter().position(|t| !t.is_empty() && t == word)?;
    let tens = u32::try_from(tens).ok()? * 10;
    match words
        .get(at + 1)
        .and_then(|w| SMALL[1..10].iter().position(|s| s == w))
    {
        Some(ones) => Some((tens + u32::try_from(ones).ok()? + 1, 2)),
        None => Some((tens, 1)),
    }
}

/// Reads the day of a month at `words[at]`: `5th`, `fifth`, `twenty first`, `5`. Gives it and how many words it took.
#[must_use]
pub(crate) fn read_ordinal(words: &[String], at: usize) -> Option<(u32, usize)> {
    let word = words.get(at)?;
    for ending in ["st", "nd", "rd", "th"] {
        if let Some(n) = word
            .strip_suffix(ending)
            .and_then(|n| n.parse::<u32>().ok())
        {
            return (1..=31).contains(&n).then_some((n, 1));
        }
    }
    let two = words.get(at + 1).map(|next| format!("{word} {next}"));
    for (index, name) in ORDINALS.iter().enumerate() {
        let day = u32::try_from(index).ok()? + 1;
        if two.as_deref() == Some(name) {
            return Some((day, 2));
        }
        if word == name {
            return Some((day, 1));
        }
    }
    read(words, at).filter(|(n, _)| (1..=31).contains(n))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::words::words;

    #[test]
    fn what_is_said_is_read_back() {
        for n in (0..1000).filter(|n| *n < 100 || n % 100 == 0 || *n == 120) {
            let said = words(&spoken(n));
            assert_eq!(read(&said, 0), Some((n, said.len())), "{n}");
        }
        for n in 1..=31 {
            let said = words(&ordinal(n));
            assert_eq!(read_ordinal(&said, 0), Some((n, said.len())), "{n}");
        }
    }

    #[test]
    fn telephone_numbers_are_said_in_groups() {
        assert_eq!(
            digits("+1 (415) 555-1234"),
            "one, four one five, five five five, one two three four"
        );
        assert_eq!(digits("12"), "one two");
        assert_eq!(digits("none"), "");
    }

    #[test]
    fn other_words_are_no_numbers() {
        assert_eq!(read(&words("table"), 0), None);
        assert_eq!(read(&[], 3), None);
        assert_eq!(read_ordinal(&words("32nd"), 0), None);
    }
}
