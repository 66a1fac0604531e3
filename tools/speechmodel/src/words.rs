//! Rules that a grammar gets without writing them: each of its own words, and each of them spelled.

use std::collections::BTreeSet;

/// Shorter words are not spelled.
const SPELLED: usize = 3;

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
    let spelled = |word: &&str| {
        let letters: Vec<String> = word.chars().map(|letter| format!("{letter}.")).collect();
        letters.join(" ")
    };
    let any: Vec<&str> = words.iter().copied().collect();
    let letters: Vec<String> = words.iter().map(spelled).collect();
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
}
