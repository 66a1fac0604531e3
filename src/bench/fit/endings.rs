//! Counts how often words end a sentence, from the phone-call language model: the table of the core's `ending`.
//!
//! The model is an ARPA file: the chance of `</s>` behind a word, or behind two, is written in it or follows by backing
//! off (Katz 1987). Spelled letters are left out; they are told by their shape.

use std::collections::{BTreeMap, HashMap};

/// Pairs whose odds differ from their last word's by no more than this are left out, in natural logarithms.
const TELLING: f64 = 0.5;
/// The end of a sentence, and its beginning.
const END: &str = "</s>";
const BEGIN: &str = "<s>";

/// Base 10 logarithms of a chance and of the weight for backing off.
type Entry = (f64, f64);

/// Returns the table: one or two words, a tab, and ten times the natural logarithm of the odds that the sentence ends
/// with them, a line each, in order.
#[must_use]
pub fn table(arpa: &str) -> String {
    let grams = read(arpa);
    let chance = |words: &[&str]| -> f64 {
        let [.., last] = words else { return 0.0 };
        let one = match grams.get(&vec![*last, END]) {
            Some((chance, _)) => *chance,
            None => {
                let back = grams.get(&vec![*last]).map_or(0.0, |(_, back)| *back);
                back + grams.get(&vec![END]).map_or(-9.0, |(chance, _)| *chance)
            }
        };
        let [first, last] = words else { return one };
        match grams.get(&vec![*first, *last, END]) {
            Some((chance, _)) => *chance,
            None => {
                one + grams
                    .get(&vec![*first, *last])
                    .map_or(0.0, |(_, back)| *back)
            }
        }
    };
    let mut odds: BTreeMap<String, f64> = BTreeMap::new();
    let words = grams
        .keys()
        .filter(|gram| gram.len() == 1)
        .map(|gram| gram[0]);
    for word in words.filter(|word| is_word(word)) {
        odds.insert(plain(word), log_odds(chance(&[word])));
    }
    let pairs = grams.keys().filter(|gram| gram.len() == 2);
    for pair in pairs.filter(|pair| pair.iter().all(|word| is_word(word))) {
        let together = log_odds(chance(pair));
        let alone = odds.get(&plain(pair[1])).copied().unwrap_or_default();
        if (together - alone).abs() > TELLING {
            odds.insert(format!("{} {}", plain(pair[0]), plain(pair[1])), together);
        }
    }
    let line = |(words, odds): (&String, &f64)| format!("{words}\t{:.0}\n", odds * 10.0);
    odds.iter().map(line).collect()
}

fn log_odds(log10: f64) -> f64 {
    let chance = 10.0_f64.powf(log10).clamp(1e-4, 1.0 - 1e-4);
    (chance / (1.0 - chance)).ln()
}

/// Whether it is a word, and no mark and no letter.
fn is_word(word: &str) -> bool {
    let letter = word.len() == 2 && word.ends_with('.');
    !letter && !word.starts_with('<')
}

/// As the core has words.
fn plain(word: &str) -> String {
    word.trim_matches('.').to_lowercase()
}

fn read(arpa: &str) -> HashMap<Vec<&str>, Entry> {
    let mut grams = HashMap::new();
    let mut length = 0;
    for line in arpa.lines() {
        if let Some(header) = line.strip_suffix("-grams:") {
            length = header.trim_start_matches('\\').parse().unwrap_or(0);
            continue;
        }
        let fields: Vec<&str> = line.split_whitespace().collect();
        let number = |at: usize| fields.get(at).and_then(|field| field.parse::<f64>().ok());
        let (Some(chance), true) = (number(0), length > 0 && fields.len() > length) else {
            continue;
        };
        let words = fields[1..=length].to_vec();
        if words[0] != BEGIN || length == 1 {
            grams.insert(words, (chance, number(length + 1).unwrap_or(0.0)));
        }
    }
    grams
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_table_is_the_one_of_the_committed_model() {
        let committed = include_str!("../../../call/src/ending/odds.txt");
        let made = table(crate::provider::pocketsphinx::phone_model());
        if made != committed && std::env::var_os("UPDATE_EXPECT").is_some() {
            let file = concat!(env!("CARGO_MANIFEST_DIR"), "/call/src/ending/odds.txt");
            std::fs::write(file, &made).unwrap();
            return;
        }
        assert!(
            made == committed,
            "run make expect and commit what it writes"
        );
    }

    #[test]
    fn chances_that_are_not_written_follow_by_backing_off() {
        let arpa = "\\data\\\n\\1-grams:\n-1.0\t</s>\n-1.0\tgo\t-0.5\n-1.0\ton\t-0.2\n\\2-grams:\n-0.3\ton </s>\n\
                    -0.4\tgo on\t-0.6\n\\end\\\n";
        let table = table(arpa);
        let expect = |words: &str, log10: f64| {
            let line = format!("{words}\t{:.0}\n", log_odds(log10) * 10.0);
            assert!(table.contains(&line), "{line:?} in {table:?}");
        };
        expect("go", -1.5);
        expect("on", -0.3);
        expect("go on", -0.9);
    }
}
