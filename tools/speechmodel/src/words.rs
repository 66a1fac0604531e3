//! Rules that a grammar gets without writing them: each of its own words, each of them spelled, and names spelled.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
};

/// Shorter words are not spelled.
const SPELLED: usize = 3;
/// Letters that are said in a row by somebody who pauses between groups of them, at most.
const GROUP: usize = 4;

/// Returns definitions of `<spelled_name>` and `<name_piece>`, letters in a row of one, over names with how often somebody has
/// them (`name count`, one a line).
#[must_use]
pub(crate) fn names(list: &str) -> String {
    let mut whole: BTreeMap<&str, u64> = BTreeMap::new();
    let mut pieces: BTreeMap<&str, u64> = BTreeMap::new();
    for line in list.lines() {
        let Some((name, count)) = line.split_once(' ') else {
            continue;
        };
        let count = count.parse().unwrap_or(0);
        *whole.entry(name).or_default() += count;
        for length in 1..=GROUP.min(name.len()) {
            for start in 0..=name.len() - length {
                if let Some(piece) = name.get(start..start + length) {
                    *pieces.entry(piece).or_default() += count;
                }
            }
        }
    }
    format!(
        "spelled_name: {}\nname_piece: {}\n",
        weighted(whole),
        weighted(pieces)
    )
}

/// Returns alternatives of letters with their weights, the likeliest first, because one is found soonest there.
fn weighted(counts: BTreeMap<&str, u64>) -> String {
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_by_key(|(_, count)| Reverse(*count));
    let ways: Vec<String> = counts
        .into_iter()
        .map(|(word, count)| format!("{count}* {}", letters(word)))
        .collect();
    ways.join(" | ")
}

fn letters(word: &str) -> String {
    let letters: Vec<String> = word.chars().map(|letter| format!("{letter}.")).collect();
    letters.join(" ")
}

/// Returns definitions of `<any_word>` and `<spelled_word>` over the words of a grammar.
#[must_use]
pub(crate) fn rules(grammar: &str) -> String {
    let words: BTreeSet<&str> = grammar
        .lines()
        .filter(|line| !line.trim_start().starts_with('#') && !line.starts_with("say "))
        .flat_map(|line| {
            let body = line.split_once(':').map_or(line, |(_, body)| body);
            body.split(|c: char| c.is_whitespace() || "()[]|".contains(c))
        })
        .filter(|word| word.len() >= SPELLED && word.chars().all(|c| c.is_ascii_lowercase()))
        .collect();
    let any: Vec<&str> = words.iter().copied().collect();
    let letters: Vec<String> = words.iter().map(|word| letters(word)).collect();
    format!(
        "any_word: {}\nspelled_word: {}\n",
        any.join(" | "),
        letters.join(" | ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_there_once_whole_and_spelled() {
        let grammar =
            "# not this\nfish: cod | <sole>\n| (ray|cod)\nsay 3 to thing\nthe [cod] o'clock a.";
        assert_eq!(
            rules(grammar),
            "any_word: cod | ray | the\nspelled_word: c. o. d. | r. a. y. | t. h. e.\n"
        );
    }

    #[test]
    fn names_come_as_often_as_people_have_them_and_in_pieces() {
        assert_eq!(
            names("abe 2\nbo 5\n"),
            "spelled_name: 5* b. o. | 2* a. b. e.\nname_piece: 7* b. | 5* b. o. | 5* o. | 2* a. | 2* a. b. | 2* a. b. e. | 2* b. e. | 2* e.\n"
        );
    }
}
