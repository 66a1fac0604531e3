//! Small phrase patterns over words, for people who talk and recognisers that mishear.
//!
//! A pattern is words with a space between: `fully|all booked` gives alternatives, a trailing `?` makes a word optional,
//! `*` stands for up to three words, `^` for the first position and `$` (also among alternatives) for the last. Words
//! match when they are the same, sound the same, or are long and differ by one letter.

use std::ops::Range;

/// Words that a recogniser cannot tell apart. The first of each row stands for all when phrases are compared.
const HOMOPHONES: &[&[&str]] = &[
    &["two", "to", "too"],
    &["four", "for", "fore"],
    &["eight", "ate"],
    &["one", "won"],
    &["see", "sea", "c"],
    &["wait", "weight"],
    &["there", "their", "they're"],
    &["which", "witch"],
    &["name", "names", "named"],
    &["would", "wood"],
    &["okay", "kay"],
];

/// Words with their sounds, looked up once for many patterns.
#[derive(Debug)]
pub(crate) struct Text<'a>(Vec<(&'a str, &'a str)>);

impl<'a> Text<'a> {
    /// Returns the sounds of the words, in order.
    pub(crate) fn sounds(&self) -> impl Iterator<Item = &'a str> {
        self.0.iter().map(|(_, sound)| *sound)
    }

    /// Prepares `words`.
    pub(crate) fn new(words: &'a [String]) -> Self {
        Self(
            words
                .iter()
                .map(|word| (word.as_str(), sound(word)))
                .collect(),
        )
    }
}

/// A pattern, read once for many texts.
#[derive(Debug)]
pub(crate) struct Pattern<'p> {
    anchored: bool,
    elements: Vec<Element<'p>>,
}

#[derive(Debug)]
enum Element<'p> {
    /// One of these words, with their sounds.
    Word {
        words: Vec<(&'p str, &'p str)>,
        optional: bool,
        /// Whether the end of the text will do as well.
        or_end: bool,
    },
    Gap,
    End,
}

/// From how many letters on one wrong letter is overlooked.
const FUZZY: usize = 6;
/// Longest gap, in words.
const GAP: usize = 3;

impl<'p> Pattern<'p> {
    /// Reads a pattern. Every text is one; see the module's documentation.
    pub(crate) fn new(pattern: &'p str) -> Self {
        let mut elements = pattern.split_whitespace().peekable();
        let anchored = elements.next_if_eq(&"^").is_some();
        let elements = elements.map(|element| match element {
            "*" => Element::Gap,
            "$" => Element::End,
            _ => {
                let bare = element.strip_suffix('?');
                let words = bare.unwrap_or(element).split('|');
                Element::Word {
                    or_end: words.clone().any(|word| word == "$"),
                    words: words.map(|word| (word, sound(word))).collect(),
                    optional: bare.is_some(),
                }
            }
        });
        Self {
            anchored,
            elements: elements.collect(),
        }
    }

    /// Returns the sounds of the words with which a match must begin, or `None` when it may begin with others.
    pub(crate) fn first_sounds(&self) -> Option<Vec<&'p str>> {
        let mut sounds = Vec::new();
        for element in &self.elements {
            let Element::Word {
                words,
                optional,
                or_end: false,
            } = element
            else {
                return None;
            };
            if words.iter().any(|(word, _)| word.len() >= FUZZY) {
                return None;
            }
            sounds.extend(words.iter().map(|(_, sound)| *sound));
            if !optional {
                return Some(sounds);
            }
        }
        None
    }

    /// Returns the first place at or after word `from` where the pattern occurs.
    pub(crate) fn find(&self, text: &Text<'_>, from: usize) -> Option<Range<usize>> {
        let last = if self.anchored { 0 } else { text.0.len() };
        (from..=last)
            .find_map(|start| match_at(&text.0, start, &self.elements).map(|end| start..end))
    }

    /// Returns every place where the pattern occurs, none overlapping.
    pub(crate) fn all(&self, text: &Text<'_>) -> Vec<Range<usize>> {
        let mut found = Vec::new();
        let mut from = 0;
        while let Some(at) = self.find(text, from).filter(|at| !at.is_empty()) {
            from = at.end;
            found.push(at);
        }
        found
    }
}

fn match_at(text: &[(&str, &str)], at: usize, elements: &[Element<'_>]) -> Option<usize> {
    let Some((element, rest)) = elements.split_first() else {
        return Some(at);
    };
    match element {
        Element::End => (at == text.len()).then_some(at),
        Element::Gap => (at..=text.len().min(at + GAP)).find_map(|next| match_at(text, next, rest)),
        Element::Word {
            words,
            optional,
            or_end,
        } => {
            if *or_end && at == text.len() {
                return match_at(text, at, rest);
            }
            let hit = text
                .get(at)
                .is_some_and(|heard| words.iter().any(|word| same(*heard, *word)));
            if hit && let Some(end) = match_at(text, at + 1, rest) {
                return Some(end);
            }
            if *optional {
                match_at(text, at, rest)
            } else {
                None
            }
        }
    }
}

/// Returns the first place where `pattern` occurs in `words`.
pub(crate) fn find(words: &[String], pattern: &str) -> Option<Range<usize>> {
    Pattern::new(pattern).find(&Text::new(words), 0)
}

/// Returns whether any of `patterns` occurs in `words`.
pub(crate) fn any(words: &[String], patterns: &[&str]) -> bool {
    let text = Text::new(words);
    patterns
        .iter()
        .any(|pattern| Pattern::new(pattern).find(&text, 0).is_some())
}

/// Returns the earliest place where one of `patterns` occurs.
pub(crate) fn first_of(words: &[String], patterns: &[&str]) -> Option<Range<usize>> {
    patterns
        .iter()
        .filter_map(|p| find(words, p))
        .min_by_key(|r| r.start)
}

/// Whether two words, each with its sound, are the same as far as a recogniser can tell.
fn same((a, a_sound): (&str, &str), (b, b_sound): (&str, &str)) -> bool {
    a_sound == b_sound || (a.len() >= FUZZY && b.len() >= FUZZY && within_one_edit(a, b))
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
    use crate::agent::words::words;

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
        assert!(find(&words("good right"), "night").is_none());
        assert!(find(&words("eleven"), "seven").is_none());
        assert!(within_one_edit("tables", "table") && !within_one_edit("abc", "acb"));
    }
}
