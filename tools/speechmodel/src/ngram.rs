//! Counts a trigram model and writes it in the ARPA format.
//!
//! Smoothing is Witten and Bell's ("The zero-frequency problem", 1991), interpolated: what follows a history in the
//! counts gets the share `n / (n + d)`, where `n` is how often the history was seen and `d` how many different words
//! followed it; the rest goes to the shorter history. Shorter histories count, after Kneser and Ney ("Improved
//! backing-off for m-gram language modeling", 1995), in how many contexts a word was seen instead of how often.
//! Sentences drawn from a grammar are not a text: ten times as many of them are no ten times stronger evidence. So counts are scaled
//! to those of a text of a stated number of sentences before they are smoothed.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
};

/// Beginning of a sentence.
const BEGIN: u32 = 0;
/// End of a sentence.
const END: u32 = 1;
/// Probability of what never happens.
const NEVER: f64 = -10.0;

type Counts<const N: usize> = BTreeMap<[u32; N], f64>;

/// Sentences, counted.
#[derive(Debug)]
pub(crate) struct Counter {
    words: Vec<String>,
    numbers: BTreeMap<String, u32>,
    trigrams: Counts<3>,
    /// Of sentence beginnings only.
    bigrams: Counts<2>,
    sentences: f64,
}

impl Default for Counter {
    fn default() -> Self {
        let mut new = Self {
            words: Vec::new(),
            numbers: BTreeMap::new(),
            trigrams: Counts::new(),
            bigrams: Counts::new(),
            sentences: 0.0,
        };
        new.number("<s>");
        new.number("</s>");
        new
    }
}

/// A smoothed model.
#[derive(Debug)]
pub(crate) struct Model {
    words: Vec<String>,
    /// Probability and back-off weight.
    unigrams: Vec<(f64, f64)>,
    bigrams: BTreeMap<[u32; 2], (f64, f64)>,
    trigrams: Counts<3>,
}

/// What is known of what follows a history.
#[derive(Debug, Default, Clone, Copy)]
struct History {
    count: f64,
    different: f64,
}

impl History {
    /// The share of words that were not seen after this history.
    fn unseen(self) -> f64 {
        if self.count > 0.0 {
            self.different / (self.count + self.different)
        } else {
            1.0
        }
    }
}

impl Counter {
    /// Counts a sentence.
    pub(crate) fn add(&mut self, sentence: &[&str]) {
        let numbers: Vec<u32> = sentence.iter().map(|word| self.number(word)).collect();
        self.sentences += 1.0;
        let mut before = [BEGIN, BEGIN];
        for (index, word) in numbers.into_iter().chain([END]).enumerate() {
            if index == 0 {
                *self.bigrams.entry([BEGIN, word]).or_default() += 1.0;
            } else {
                *self
                    .trigrams
                    .entry([before[0], before[1], word])
                    .or_default() += 1.0;
            }
            before = [before[1], word];
        }
    }

    fn number(&mut self, word: &str) -> u32 {
        if let Some(number) = self.numbers.get(word) {
            return *number;
        }
        // Four thousand million different words do not fit into memory.
        let number = self.words.len() as u32;
        self.words.push(word.to_owned());
        self.numbers.insert(word.to_owned(), number);
        number
    }

    /// Smooths the counts, scaled to `observed` sentences, and drops trigrams that are seen less than `least` times then,
    /// and pairs that are seen less than `least_pairs` times and that no trigram needs.
    #[must_use]
    pub(crate) fn smooth(self, observed: f64, least: f64, least_pairs: f64) -> Model {
        let scale = observed / self.sentences.max(1.0);
        let trigrams: Counts<3> = self.trigrams.iter().map(|(k, n)| (*k, n * scale)).collect();
        // A word counts once per context before its history, as much as it was seen there and at most once.
        let mut bigrams: Counts<2> = self.bigrams.iter().map(|(k, n)| (*k, n * scale)).collect();
        for ([_, b, c], count) in &trigrams {
            *bigrams.entry([*b, *c]).or_default() += count.min(1.0);
        }
        let mut unigrams = vec![0.0; self.words.len()];
        for ([_, b], count) in &bigrams {
            unigrams[*b as usize] += count.min(1.0);
        }
        let total: f64 = unigrams.iter().sum();
        // Every word that is known is possible.
        let known = (unigrams.len() - 1) as f64;
        let base = known / (total + known);
        let unigram: Vec<f64> = unigrams
            .iter()
            .enumerate()
            .map(|(word, count)| {
                if word as u32 == BEGIN {
                    0.0
                } else {
                    (1.0 - base) * count / total + base / known
                }
            })
            .collect();
        let after_one = histories(&bigrams, |[a, _]| a);
        let bigram: Counts<2> = bigrams
            .iter()
            .map(|([a, b], count)| {
                let history = after_one[a];
                let seen = count / history.count * (1.0 - history.unseen());
                ([*a, *b], seen + history.unseen() * unigram[*b as usize])
            })
            .collect();
        let after_two = histories(&trigrams, |[a, b, _]| [a, b]);
        let trigram: Counts<3> = trigrams
            .iter()
            .filter(|(_, count)| **count >= least)
            .map(|([a, b, c], count)| {
                let history = after_two[&[*a, *b]];
                let seen = count / history.count * (1.0 - history.unseen());
                ([*a, *b, *c], seen + history.unseen() * bigram[&[*b, *c]])
            })
            .collect();
        let needed: BTreeSet<[u32; 2]> = trigram
            .keys()
            .flat_map(|[a, b, c]| [[*a, *b], [*b, *c]])
            .collect();
        let bigram: Counts<2> = bigram
            .into_iter()
            .filter(|(pair, _)| bigrams[pair] >= least_pairs || needed.contains(pair))
            .collect();
        let backoff_two = backoffs(&trigram, |[a, b, _]| [a, b], |[_, b, c]| bigram[&[b, c]]);
        let backoff_one = backoffs(&bigram, |[a, _]| a, |[_, b]| unigram[b as usize]);
        Model {
            unigrams: unigram
                .into_iter()
                .enumerate()
                .map(|(word, p)| (p, backoff_one.get(&(word as u32)).copied().unwrap_or(1.0)))
                .collect(),
            bigrams: bigram
                .into_iter()
                .map(|(key, p)| (key, (p, backoff_two.get(&key).copied().unwrap_or(1.0))))
                .collect(),
            trigrams: trigram,
            words: self.words,
        }
    }
}

fn histories<const N: usize, H: Ord>(
    counts: &Counts<N>,
    history: impl Fn([u32; N]) -> H,
) -> BTreeMap<H, History> {
    let mut found: BTreeMap<H, History> = BTreeMap::new();
    for (key, count) in counts {
        let entry = found.entry(history(*key)).or_default();
        entry.count += count;
        // Seen in a tenth of a sentence is a tenth of a different word.
        entry.different += count.min(1.0);
    }
    found
}

/// What a model that lists only some words after a history must multiply the shorter history's with, so that all of
/// them sum to one.
fn backoffs<const N: usize, H: Ord + Copy>(
    listed: &Counts<N>,
    history: impl Fn([u32; N]) -> H,
    shorter: impl Fn([u32; N]) -> f64,
) -> BTreeMap<H, f64> {
    let mut sums: BTreeMap<H, (f64, f64)> = BTreeMap::new();
    for (key, p) in listed {
        let (here, below) = sums.entry(history(*key)).or_default();
        *here += p;
        *below += shorter(*key);
    }
    sums.into_iter()
        .map(|(key, (here, below))| (key, (1.0 - here).max(1e-9) / (1.0 - below).max(1e-9)))
        .collect()
}

impl Model {
    /// Returns the words, sorted, without the marks of beginning and end.
    #[must_use]
    pub(crate) fn words(&self) -> Vec<&str> {
        let mut words: Vec<&str> = self.words[2..].iter().map(String::as_str).collect();
        words.sort_unstable();
        words
    }

    /// Returns the model in the ARPA format, sorted by words.
    #[must_use]
    pub(crate) fn arpa(&self) -> String {
        let word = |number: u32| self.words[number as usize].as_str();
        let log = |p: f64| if p > 0.0 { p.log10() } else { NEVER };
        let mut one: Vec<String> = (0u32..)
            .zip(&self.unigrams)
            .map(|(n, (p, backoff))| match n {
                END => format!("{:.3}\t{}", log(*p), word(n)),
                _ => format!("{:.3}\t{}\t{:.3}", log(*p), word(n), log(*backoff)),
            })
            .collect();
        let mut two: Vec<String> = self
            .bigrams
            .iter()
            .map(|([a, b], (p, backoff))| match *b {
                END => format!("{:.3}\t{} {}", log(*p), word(*a), word(*b)),
                _ => format!(
                    "{:.3}\t{} {}\t{:.3}",
                    log(*p),
                    word(*a),
                    word(*b),
                    log(*backoff)
                ),
            })
            .collect();
        let mut three: Vec<String> = self
            .trigrams
            .iter()
            .map(|([a, b, c], p)| format!("{:.3}\t{} {} {}", log(*p), word(*a), word(*b), word(*c)))
            .collect();
        let mut text = format!(
            "\\data\\\nngram 1={}\nngram 2={}\nngram 3={}\n",
            one.len(),
            two.len(),
            three.len()
        );
        for (order, lines) in [(1, &mut one), (2, &mut two), (3, &mut three)] {
            lines.sort_by(|a, b| text_of(a).cmp(text_of(b)));
            // Writing to a text cannot fail.
            let _ = writeln!(text, "\n\\{order}-grams:\n{}", lines.join("\n"));
        }
        text.push_str("\n\\end\\\n");
        text
    }
}

/// The words of a line.
fn text_of(line: &str) -> &str {
    line.split('\t').nth(1).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    // What a reader of the file makes of it.
    impl Model {
        /// Returns the natural logarithm of a sentence's probability and how many words (its end among them) that was over; words that
        /// the model does not know are left out.
        fn score(&self, sentence: &[&str]) -> (f64, usize) {
            let number = |word: &&str| self.words.iter().position(|w| w == word).map(|n| n as u32);
            let known = sentence.iter().map(number).chain([Some(END)]);
            let (mut log, mut count) = (0.0, 0);
            let mut before = [None, Some(BEGIN)];
            for word in known {
                if let Some(word) = word {
                    log += self.probability(before, word).ln();
                    count += 1;
                }
                before = [before[1], word];
            }
            (log, count)
        }

        fn probability(&self, before: [Option<u32>; 2], word: u32) -> f64 {
            let Some(b) = before[1] else {
                return self.unigrams[word as usize].0;
            };
            let bigram = self.bigrams.get(&[b, word]).map_or_else(
                || self.unigrams[b as usize].1 * self.unigrams[word as usize].0,
                |(p, _)| *p,
            );
            let Some(a) = before[0] else { return bigram };
            let trigram = self.trigrams.get(&[a, b, word]).copied();
            trigram.unwrap_or_else(|| self.bigrams.get(&[a, b]).map_or(1.0, |(_, w)| *w) * bigram)
        }
    }

    fn model() -> Model {
        let mut counter = Counter::default();
        for sentence in ["a b c", "a b d", "a b c", "b c", "d d a"] {
            counter.add(&sentence.split(' ').collect::<Vec<_>>());
        }
        counter.smooth(5.0, 0.0, 0.0)
    }

    #[test]
    fn probabilities_after_every_history_sum_to_one() {
        let model = model();
        let words: Vec<u32> = (0..model.words.len() as u32).collect();
        let histories = words
            .iter()
            .flat_map(|a| words.iter().map(|b| [Some(*a), Some(*b)]))
            .chain(words.iter().map(|b| [None, Some(*b)]))
            .filter(|[_, b]| *b != Some(END));
        for before in histories {
            let sum: f64 = words.iter().map(|w| model.probability(before, *w)).sum();
            assert!((sum - 1.0).abs() < 1e-6, "{before:?}: {sum}");
        }
    }

    #[test]
    fn rare_pairs_are_left_to_single_words() {
        let mut counter = Counter::default();
        for sentence in ["a b", "a b", "a b", "c d"] {
            counter.add(&sentence.split(' ').collect::<Vec<_>>());
        }
        let model = counter.smooth(4.0, 2.0, 2.0);
        assert!(model.arpa().contains("\ta b\t") && !model.arpa().contains("\tc d\t"));
        let words: Vec<u32> = (0..model.words.len() as u32).collect();
        for before in words.iter().filter(|word| **word != END) {
            let probability = |w: &u32| model.probability([None, Some(*before)], *w);
            let sum: f64 = words.iter().map(probability).sum();
            assert!((sum - 1.0).abs() < 1e-6, "{before}: {sum}");
        }
    }

    #[test]
    fn what_was_seen_is_likelier_and_everything_is_possible() {
        let model = model();
        let per_word = |text: &str| {
            let (log, count) = model.score(&text.split(' ').collect::<Vec<_>>());
            log / count as f64
        };
        assert!(per_word("a b c") > per_word("a b d"));
        assert!(per_word("a b d") > per_word("c b a"));
        assert!(per_word("c a c").is_finite());
    }

    #[test]
    fn ten_times_the_sentences_are_the_same_text() {
        let repeated = |times: usize| {
            let mut counter = Counter::default();
            for _ in 0..times {
                counter.add(&["a", "b"]);
                counter.add(&["b", "c"]);
            }
            counter.smooth(50.0, 0.0, 0.0).arpa()
        };
        assert_eq!(repeated(1), repeated(10));
    }
}
