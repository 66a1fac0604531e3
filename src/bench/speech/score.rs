//! Counts words that were misheard: the word error rate and what it is made of.

use std::ops::AddAssign;

/// Words compared with what was really said.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Score {
    /// Words that were said.
    pub words: usize,
    /// Words heard as others.
    pub substituted: usize,
    /// Words that were not heard.
    pub deleted: usize,
    /// Words that were heard and not said.
    pub inserted: usize,
    /// Utterances.
    pub utterances: usize,
    /// Utterances without any fault.
    pub exact: usize,
}

impl Score {
    /// Compares what was said with what was heard, word by word, with as few faults as possible (Levenshtein).
    #[must_use]
    pub fn of(said: &str, heard: &str) -> Self {
        let (said, heard) = (words(said), words(heard));
        // Faults and their kinds of the best alignment of a prefix of `said` with each prefix of `heard`.
        let mut row: Vec<[usize; 3]> = (0..=heard.len()).map(|count| [0, 0, count]).collect();
        for word in &said {
            let mut diagonal = row[0];
            row[0][1] += 1;
            for (index, other) in heard.iter().enumerate() {
                let mut replaced = diagonal;
                replaced[0] += usize::from(word != other);
                let mut dropped = row[index + 1];
                dropped[1] += 1;
                let mut added = row[index];
                added[2] += 1;
                diagonal = row[index + 1];
                row[index + 1] = [replaced, dropped, added]
                    .into_iter()
                    .min_by_key(|faults| faults.iter().sum::<usize>())
                    .unwrap_or(replaced);
            }
        }
        let [substituted, deleted, inserted] = row[heard.len()];
        Self {
            words: said.len(),
            substituted,
            deleted,
            inserted,
            utterances: 1,
            exact: usize::from(substituted + deleted + inserted == 0),
        }
    }

    /// Words that were misheard, missed or made up.
    #[must_use]
    pub fn faults(&self) -> usize {
        self.substituted + self.deleted + self.inserted
    }

    /// Faults per word said: 0.0 is perfect, more than 1.0 is possible. 0.0 when nothing was said.
    #[must_use]
    pub fn rate(&self) -> f64 {
        self.faults() as f64 / self.words.max(1) as f64
    }
}

impl AddAssign for Score {
    fn add_assign(&mut self, other: Self) {
        self.words += other.words;
        self.substituted += other.substituted;
        self.deleted += other.deleted;
        self.inserted += other.inserted;
        self.utterances += other.utterances;
        self.exact += other.exact;
    }
}

/// Says word by word what was said and what was heard in its place, with as few faults as possible; `None` where nothing
/// was.
#[must_use]
pub(super) fn aligned(said: &str, heard: &str) -> Vec<(Option<String>, Option<String>)> {
    let (said, heard) = (words(said), words(heard));
    // Faults of the best alignment of what is left of both.
    let mut faults = vec![vec![0_usize; heard.len() + 1]; said.len() + 1];
    for i in (0..=said.len()).rev() {
        for j in (0..=heard.len()).rev() {
            faults[i][j] = match (said.get(i), heard.get(j)) {
                (Some(word), Some(other)) => (faults[i + 1][j + 1] + usize::from(word != other))
                    .min(faults[i + 1][j] + 1)
                    .min(faults[i][j + 1] + 1),
                (Some(_), None) => faults[i + 1][j] + 1,
                (None, Some(_)) => faults[i][j + 1] + 1,
                (None, None) => 0,
            };
        }
    }
    let (mut i, mut j) = (0, 0);
    let mut places = Vec::new();
    while i < said.len() || j < heard.len() {
        let both = i < said.len() && j < heard.len();
        if both && faults[i][j] == faults[i + 1][j + 1] + usize::from(said[i] != heard[j]) {
            places.push((Some(said[i].clone()), Some(heard[j].clone())));
            (i, j) = (i + 1, j + 1);
        } else if i < said.len() && faults[i][j] == faults[i + 1][j] + 1 {
            places.push((Some(said[i].clone()), None));
            i += 1;
        } else {
            places.push((None, Some(heard[j].clone())));
            j += 1;
        }
    }
    places
}

/// Returns the words that are compared: lower case, without punctuation. Spellings that sound alike and that nobody
/// would call a fault are made equal: `p.` and `p`, `o'clock` and `oclock`, `check-in` and `check in`, `mr` and `mister`.
#[must_use]
pub fn words(text: &str) -> Vec<String> {
    text.to_lowercase()
        .replace(['-', '\u{2014}', '/'], " ")
        .split_whitespace()
        .map(|word| {
            word.chars()
                .filter(|c| c.is_alphanumeric())
                .collect::<String>()
        })
        .filter(|word| !word.is_empty())
        .map(|word| match word.as_str() {
            "mr" => "mister".to_owned(),
            "mrs" => "missus".to_owned(),
            "alright" => "allright".to_owned(),
            "ok" => "okay".to_owned(),
            _ => word,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(said: &str, heard: &str) -> [usize; 3] {
        let score = Score::of(said, heard);
        [score.substituted, score.deleted, score.inserted]
    }

    #[test]
    fn faults_are_counted_by_kind() {
        assert_eq!(faults("a table for two", "a table for two"), [0, 0, 0]);
        assert_eq!(faults("a table for two", "a cable for two"), [1, 0, 0]);
        assert_eq!(faults("a table for two", "table for"), [0, 2, 0]);
        assert_eq!(faults("a table for two", "a table for for two"), [0, 0, 1]);
        assert_eq!(faults("a table for two", ""), [0, 4, 0]);
        assert_eq!(faults("", "nonsense here"), [0, 0, 2]);
    }

    #[test]
    fn words_are_put_beside_what_was_heard_for_them() {
        let line = |said, heard| -> String {
            let shown = |word: &Option<String>| word.clone().unwrap_or("-".into());
            let places = aligned(said, heard);
            let places = places.iter().map(|(a, b)| shown(a) + "/" + &shown(b));
            places.collect::<Vec<_>>().join(" ")
        };
        assert_eq!(
            line("A table for two.", "a cable for"),
            "a/a table/cable for/for two/-"
        );
        assert_eq!(line("", "up up"), "-/up -/up");
        // As many faults as are counted.
        for (said, heard) in [("a b c d", "b x d e f"), ("one two", "two one"), ("a", "")] {
            let faults = aligned(said, heard).iter().filter(|(a, b)| a != b).count();
            assert_eq!(
                faults,
                Score::of(said, heard).faults(),
                "{said:?} {heard:?}"
            );
        }
    }

    #[test]
    fn spelling_is_no_fault() {
        assert_eq!(faults("Two P.M., OK?", "two p. m. okay"), [1, 0, 1]);
        assert_eq!(faults("It's at 2 p m.", "it's at 2 p. m."), [0, 0, 0]);
        assert_eq!(
            faults("Mr. Smith -- check-in", "mister smith check in"),
            [0, 0, 0]
        );
    }

    #[test]
    fn rates_add_up_over_words_not_sentences() {
        let mut total = Score::of("one", "two");
        total += Score::of("three four five", "three four five");
        assert_eq!((total.words, total.utterances, total.exact), (4, 2, 1));
        assert!((total.rate() - 0.25).abs() < 1e-9);
    }
}
