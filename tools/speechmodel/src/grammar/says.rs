//! Whether a grammar can say a sentence: for keeping sentences apart that must never be drawn.

use std::collections::BTreeSet;

use super::{Grammar, Item};

impl Grammar {
    /// Returns whether this very sentence can be drawn.
    #[must_use]
    pub(crate) fn says(&self, sentence: &str) -> bool {
        let words: Vec<&str> = sentence.split_whitespace().collect();
        let of_any = self
            .sentences
            .get("")
            .into_iter()
            .flat_map(|choice| &choice.ways);
        of_any.into_iter().any(|(_, items)| {
            let ends = self.follow(items, &words, BTreeSet::from([0]));
            ends.contains(&words.len())
        })
    }

    /// Returns where in `words` these items can end when they begin at one of `starts`.
    fn follow(&self, items: &[Item], words: &[&str], starts: BTreeSet<usize>) -> BTreeSet<usize> {
        items.iter().fold(starts, |starts, item| {
            let choice = match item {
                Item::Word(word) => {
                    let said = |at: &usize| words.get(*at) == Some(&word.as_str());
                    return starts.into_iter().filter(said).map(|at| at + 1).collect();
                }
                Item::Rule(index) => &self.rules[*index],
                Item::Choice(choice) | Item::Maybe(choice) => choice,
            };
            if starts.is_empty() {
                return starts;
            }
            let ways = choice.ways.iter();
            let mut ends: BTreeSet<usize> = ways
                .flat_map(|(_, way)| self.follow(way, words, starts.clone()))
                .collect();
            if matches!(item, Item::Maybe(_)) {
                ends.extend(starts);
            }
            ends
        })
    }
}
