//! Text as the rule-based agent reads it: lower-case words without punctuation, and small phrase patterns over
//! them.
//!
//! Recognisers give words without punctuation and with mistakes, people write objectives with both; here they
//! become the same thing. This file knows no intent: which phrase means what is decided by its users.

/// Contractions are written out, so that one pattern finds `we're full` and `we are full`.
const CONTRACTIONS: &[(&str, &[&str])] = &[
    ("can't", &["can", "not"]),
    ("cannot", &["can", "not"]),
    ("won't", &["will", "not"]),
    ("shan't", &["shall", "not"]),
    ("ain't", &["is", "not"]),
    ("let's", &["let", "us"]),
    ("gonna", &["going", "to"]),
    ("wanna", &["want", "to"]),
    ("gotta", &["got", "to"]),
    ("uhhuh", &["yes"]),
    ("mhm", &["yes"]),
    ("yeah", &["yes"]),
    ("yep", &["yes"]),
    ("yup", &["yes"]),
    ("yah", &["yes"]),
    ("nope", &["no"]),
    ("nah", &["no"]),
    ("ok", &["okay"]),
    ("k", &["okay"]),
    ("alright", &["all", "right"]),
    ("hiya", &["hi"]),
    ("voicemail", &["voice", "mail"]),
    ("email", &["e", "mail"]),
    ("cancelled", &["canceled"]),
    ("cancelling", &["canceling"]),
];

const ENDINGS: &[(&str, &str)] = &[
    ("n't", "not"),
    ("'re", "are"),
    ("'ve", "have"),
    ("'ll", "will"),
    ("'d", "would"),
    ("'m", "am"),
    ("'s", "is"),
];

const FILLERS: &[&str] = &[
    "uh", "um", "er", "erm", "ah", "uhm", "hm", "hmm", "mm", "well",
];

/// Words that a recogniser cannot tell apart. The first of each row stands for all when phrases are compared.
const HOMOPHONES: &[&[&str]] = &[
    &["two", "to", "too"],
    &["four", "for", "fore"],
    &["eight", "ate"],
    &["one", "won"],
    &["see", "sea", "c"],
    &["hear", "here"],
    &["wait", "weight"],
    &["there", "their", "they're"],
    &["which", "witch"],
    &["name", "names", "named"],
    &["would", "wood"],
    &["okay", "kay"],
];

/// Returns the words of `text`: lower case, no punctuation, contractions written out, hesitations left out,
/// `7pm` as `7 pm`, `p.m.` and `p m` as `pm`.
#[must_use]
pub(crate) fn words(text: &str) -> Vec<String> {
    let text = text.to_lowercase().replace(['\u{2019}', '`'], "'");
    let text = text.replace("uh-huh", "yes").replace("uh huh", "yes");
    let text = text
        .replace("o' clock", "o'clock")
        .replace("o clock", "o'clock");
    let mut out: Vec<String> = Vec::new();
    for raw in text.split(|c: char| c.is_whitespace() || matches!(c, '-' | '\u{2013}' | '\u{2014}'))
    {
        let word = raw.trim_matches(|c: char| {
            !c.is_alphanumeric() && c != '$' && c != '\u{a3}' && c != '\u{20ac}'
        });
        push_word(word, &mut out);
    }
    join_day_halves(&mut out);
    out
}

fn push_word(word: &str, out: &mut Vec<String>) {
    if word.is_empty() || FILLERS.contains(&word) {
        return;
    }
    if let Some((_, full)) = CONTRACTIONS.iter().find(|(short, _)| *short == word) {
        out.extend(full.iter().map(|w| (*w).to_owned()));
        return;
    }
    for (ending, full) in ENDINGS {
        if let Some(stem) = word.strip_suffix(ending).filter(|stem| !stem.is_empty()) {
            out.push(stem.to_owned());
            out.push((*full).to_owned());
            return;
        }
    }
    let plain: String = if is_dotted(word) {
        word.replace('.', "")
    } else {
        word.to_owned()
    };
    // `7pm`, `7:30am`, `10p`: the number and the half of the day are two words.
    let split = plain.find(|c: char| c.is_alphabetic()).unwrap_or(0);
    if split > 0 && plain.starts_with(|c: char| c.is_ascii_digit()) {
        let (number, rest) = plain.split_at(split);
        let rest = rest.replace('.', "");
        match rest.as_str() {
            "pm" | "p" => return out.extend([number.to_owned(), "pm".to_owned()]),
            "am" | "a" => return out.extend([number.to_owned(), "am".to_owned()]),
            _ => {}
        }
    }
    for part in plain
        .split([',', ';', '!', '?', '\u{2026}'])
        .filter(|p| !p.is_empty())
    {
        out.push(part.to_owned());
    }
}

/// `p.m` or `u.s.a`: single letters with dots between them.
fn is_dotted(word: &str) -> bool {
    word.contains('.') && word.split('.').all(|part| part.chars().count() <= 1)
}

/// `seven p m` is how recognisers write `seven pm`.
fn join_day_halves(words: &mut Vec<String>) {
    let mut at = 0;
    while at + 1 < words.len() {
        if matches!(words[at].as_str(), "p" | "a") && words[at + 1] == "m" {
            words[at].push('m');
            words.remove(at + 1);
        }
        at += 1;
    }
}

/// Returns the first place where `pattern` occurs in `words`, as a range of word indices.
///
/// A pattern is words with a space between: `fully|all booked` gives alternatives, a trailing `?` makes a word
/// optional, `*` stands for up to three words, `^` and `$` (also among alternatives) for the first and last position. Words match when they
/// are the same, sound the same, or are long and differ by one letter.
#[must_use]
pub(crate) fn find(words: &[String], pattern: &str) -> Option<std::ops::Range<usize>> {
    let elements: Vec<&str> = pattern.split_whitespace().collect();
    let anchored = elements.first() == Some(&"^");
    let elements = if anchored {
        &elements[1..]
    } else {
        &elements[..]
    };
    let last = if anchored { 0 } else { words.len() };
    (0..=last).find_map(|start| match_at(words, start, elements).map(|end| start..end))
}

/// Returns whether any of `patterns` occurs in `words`.
#[must_use]
pub(crate) fn any(words: &[String], patterns: &[&str]) -> bool {
    patterns
        .iter()
        .any(|pattern| find(words, pattern).is_some())
}

/// Returns the earliest place where one of `patterns` occurs.
#[must_use]
pub(crate) fn first_of(words: &[String], patterns: &[&str]) -> Option<std::ops::Range<usize>> {
    patterns
        .iter()
        .filter_map(|p| find(words, p))
        .min_by_key(|r| r.start)
}

fn match_at(words: &[String], at: usize, elements: &[&str]) -> Option<usize> {
    let Some((element, rest)) = elements.split_first() else {
        return Some(at);
    };
    match *element {
        "$" => (at == words.len()).then_some(at),
        "*" => (0..=3).find_map(|skip| {
            (at + skip <= words.len()).then(|| match_at(words, at + skip, rest))?
        }),
        _ => {
            let (element, optional) = match element.strip_suffix('?') {
                Some(bare) => (bare, true),
                None => (*element, false),
            };
            if at == words.len() && element.split('|').any(|e| e == "$") {
                return match_at(words, at, rest);
            }
            let hit = words
                .get(at)
                .is_some_and(|word| element.split('|').any(|e| same(word, e)));
            if hit && let Some(end) = match_at(words, at + 1, rest) {
                return Some(end);
            }
            if optional {
                match_at(words, at, rest)
            } else {
                None
            }
        }
    }
}

/// Returns whether two words are the same as far as a recogniser can tell.
#[must_use]
pub(crate) fn same(a: &str, b: &str) -> bool {
    a == b || sound(a) == sound(b) || (a.len() >= 6 && b.len() >= 6 && within_one_edit(a, b))
}

fn sound(word: &str) -> &str {
    HOMOPHONES
        .iter()
        .find(|row| row.contains(&word))
        .map_or(word, |row| row[0])
}

fn within_one_edit(a: &str, b: &str) -> bool {
    let (short, long) = if a.len() <= b.len() { (a, b) } else { (b, a) };
    if long.len() - short.len() > 1 {
        return false;
    }
    let common = short
        .bytes()
        .zip(long.bytes())
        .take_while(|(x, y)| x == y)
        .count();
    let (short, long) = (&short.as_bytes()[common..], &long.as_bytes()[common..]);
    if short.len() == long.len() {
        short.get(1..) == long.get(1..)
    } else {
        Some(short) == long.get(1..)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(text: &str) -> String {
        words(text).join(" ")
    }

    #[test]
    fn written_and_recognised_text_become_the_same_words() {
        assert_eq!(
            plain("We're all set \u{2013} see you at 7:30PM!"),
            "we are all set see you at 7:30 pm"
        );
        assert_eq!(plain("seven p m"), "seven pm");
        assert_eq!(
            plain("Uh, can't do 7 p.m., sorry."),
            "can not do 7 pm sorry"
        );
        assert_eq!(plain("It\u{2019}s $25.50"), "it is $25.50");
        assert_eq!(plain("one,two,three"), "one two three");
        assert_eq!(plain("  \u{2026} -- "), "");
    }

    #[test]
    fn patterns_have_alternatives_gaps_options_and_anchors() {
        let heard = words("we are uh completely booked for this evening");
        assert!(find(&heard, "fully|completely booked").is_some());
        assert!(find(&heard, "we * booked").is_some());
        assert!(find(&heard, "^ booked").is_none());
        assert!(find(&heard, "this nice? evening $").is_some());
        assert!(
            find(&heard, "we * evening").is_none(),
            "a gap is at most three words"
        );
    }

    #[test]
    fn sound_alikes_and_one_wrong_letter_match() {
        assert!(any(&words("a table for to"), &["table for two"]));
        assert!(any(&words("your reservations confirm"), &["reservation"]));
        assert!(!same("right", "night"));
        assert!(!same("seven", "eleven"));
        assert!(within_one_edit("tables", "table") && !within_one_edit("abc", "acb"));
    }
}
