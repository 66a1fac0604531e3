//! Chooses the recogniser's words: every word of our own language model, and the likeliest ones of the generic model.

use std::collections::{BTreeMap, BTreeSet};

/// A pronouncing dictionary: the phones of each word, the usual way of saying it first.
#[derive(Debug, Default)]
pub(crate) struct Dictionary(BTreeMap<String, Vec<String>>);

impl Dictionary {
    /// Adds the lines `WORD PHONES` of a text; other ways of saying a word are written `WORD(2) PHONES`.
    pub(crate) fn add(&mut self, text: &str) {
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let Some((word, phones)) = line.split_once(char::is_whitespace) else {
                continue;
            };
            let word = word.split_once('(').map_or(word, |(word, _)| word);
            let ways = self.0.entry(word.to_owned()).or_default();
            let phones = phones.trim().to_owned();
            if !ways.contains(&phones) {
                ways.push(phones);
            }
        }
    }

    /// Returns the dictionary of these words, sorted.
    ///
    /// # Errors
    /// When a word of `needed` has no pronunciation; words of `wanted` that have none are left out.
    pub(crate) fn choose(&self, needed: &[&str], wanted: &[String]) -> Result<String, String> {
        let missing: Vec<&str> = needed
            .iter()
            .copied()
            .filter(|word| !self.0.contains_key(*word))
            .collect();
        if !missing.is_empty() {
            return Err(format!(
                "no pronunciation is known of: {}; add them to fixtures/speech/phone.dict",
                missing.join(", ")
            ));
        }
        let wanted = wanted.iter().map(String::as_str);
        let chosen: BTreeSet<&str> = needed.iter().copied().chain(wanted).collect();
        let mut lines = String::new();
        for word in chosen {
            for (index, phones) in self.0.get(word).into_iter().flatten().enumerate() {
                let number = match index {
                    0 => String::new(),
                    _ => format!("({})", index + 1),
                };
                lines.push_str(&format!("{word}{number} {phones}\n"));
            }
        }
        Ok(lines)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_of_saying_a_chosen_word_is_kept() {
        let mut dictionary = Dictionary::default();
        dictionary.add("a AH\na(2) EY\nb B IY\nc S IY\n");
        dictionary.add("d  D IY\na AH\n");
        let wanted = ["c".to_owned(), "unknown".to_owned()];
        let chosen = dictionary.choose(&["d", "a"], &wanted).unwrap();
        assert_eq!(chosen, "a AH\na(2) EY\nc S IY\nd D IY\n");
        let error = dictionary.choose(&["a", "nopa"], &[]).unwrap_err();
        assert!(error.contains("nopa") && !error.contains("a,"), "{error}");
    }
}
