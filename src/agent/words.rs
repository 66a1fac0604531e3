//! Text as the rule-based agent reads it: lower-case words without punctuation, and small phrase patterns over
//! them.
//!
//! Recognisers give words without punctuation and with mistakes, people write objectives with both; here they
//! become the same thing; phrases over them are in [`pattern`]. Nothing here knows an intent.

mod pattern;

pub(crate) use pattern::{Pattern, Text, any, find, first_of};

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
}
