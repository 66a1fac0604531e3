//! Whether letters that were spelled so far are a whole name.
//!
//! Recognisers mishear a fifth of all letters, and half of the beginnings of names are names. So what was heard is compared with
//! every name that is common (`spelling/names.txt`), whole and broken off behind each letter: how likely is it that somebody who
//! spells it is heard like this? The odds weigh how many people have the name, how often those who spell pause inside it, and
//! that it may be a name which is on no list. Decides nothing about time.

use std::sync::LazyLock;

/// `name count` a line, in the order of the alphabet; `scripts/names` makes it.
const LIST: &str = include_str!("spelling/names.txt");
/// The longest that are compared; nobody spells more at a time.
const LONGEST: usize = 16;

/// How likely a letter is heard as itself, as one that sounds like it, as another one, and as some word; that it is not heard, and
/// that one more is. Rounded from what the embedded recogniser heard of 100 names by four voices over a telephone.
const RIGHT: f32 = 0.8;
const ALIKE: f32 = 0.03;
const OTHER: f32 = 0.002;
const WORD: f32 = 0.04;
const MISSED: f32 = 0.03;
/// An "e" sounds like the end of half of the letters.
const MISSED_E: f32 = 0.12;
const MADE_UP: f32 = 0.006;
/// Letters that are taken for one another.
const SOUND_ALIKE: [&[u8]; 13] = [
    b"bcdegptvz",
    b"mn",
    b"fsx",
    b"ajkh",
    b"iy",
    b"qu",
    b"lo",
    b"ei",
    b"hn",
    b"an",
    b"ae",
    b"lm",
    b"ve",
];
/// Guesses, from here on. How often somebody pauses behind a letter that is not the last, and goes on behind the last one.
const PAUSES: f32 = 0.4;
const GOES_ON: f32 = 0.03;
/// The share of names that are on no list, and of those how likely the next letter is any given one, roughly.
const UNLISTED: f32 = 0.1;
const NEXT_LETTER: f32 = 0.056;
/// The share of unlisted names of two letters and more that end where they have so many.
const ENDS: [f32; 9] = [0.0, 0.0, 0.02, 0.05, 0.1, 0.18, 0.22, 0.25, 0.3];
/// The share that a name has which was said before it was spelled.
const SAID: f32 = 0.5;
/// What is this small a part of the likelihoods found so far changes nothing.
const NEGLIGIBLE: f32 = 1e-3;

/// Names with the share of people who have them.
static NAMES: LazyLock<Vec<(&'static [u8], f32)>> = LazyLock::new(|| {
    let counts = LIST.lines().filter_map(|line| {
        let (name, count) = line.split_once(' ')?;
        Some((name.as_bytes(), count.parse::<f32>().ok()?))
    });
    let counts: Vec<_> = counts.filter(|(name, _)| name.len() <= LONGEST).collect();
    let people: f32 = counts.iter().map(|(_, count)| count).sum();
    counts
        .into_iter()
        .map(|(name, count)| (name, count / people))
        .collect()
});

/// One thing that was heard where letters are spelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Heard {
    /// A letter of `a` to `z`.
    Letter(u8),
    /// A letter that was taken for a word, or one with a mark.
    Unclear,
}

/// Returns the natural logarithm of the odds that these letters are a whole name and the callee has finished. `said` are words
/// that came before, the name perhaps. Compares with the whole list, which took 0.8 ms for eight letters (2 ms the first time).
pub(crate) fn log_odds(heard: &[Heard], said: &[String]) -> f32 {
    let count = heard.len();
    if !(2..=LONGEST).contains(&count) {
        return f32::NEG_INFINITY;
    }
    let unlisted = UNLISTED * NEXT_LETTER.powi(i32::try_from(count).unwrap_or(i32::MAX));
    let ends = ENDS[count.min(ENDS.len() - 1)];
    let mut comparison = Comparison::new(heard);
    comparison.whole = unlisted * ends;
    comparison.broken_off = unlisted * (1.0 - ends) * 2.0 * PAUSES;
    let said = said
        .iter()
        .map(|word| word.as_bytes())
        .filter(|word| (3..=LONGEST).contains(&word.len()) && word.is_ascii());
    for word in said {
        comparison.consider(word, SAID);
    }
    for (name, share) in NAMES.iter() {
        comparison.consider(name, (1.0 - UNLISTED) * share);
    }
    (comparison.whole / comparison.broken_off).ln()
}

/// The likelihoods of what was heard, over names in the order of the alphabet: what two of them begin with is computed once.
struct Comparison<'a> {
    /// How likely each thing that was heard is for each letter.
    emissions: [[f32; 26]; LONGEST],
    count: usize,
    /// `rows[k][j]`: the likelihood that the first `k` letters of a name are heard as the first `j` things.
    rows: [[f32; LONGEST + 1]; LONGEST + 1],
    /// `broken[k]`: the sum of the likelihoods of all that was heard over the first 1 to `k` letters.
    broken: [f32; LONGEST + 1],
    /// The name before, as far as it was compared, and whether that was because nothing that begins like this can be meant.
    before: &'a [u8],
    hopeless: bool,
    whole: f32,
    broken_off: f32,
}

impl<'a> Comparison<'a> {
    fn new(heard: &[Heard]) -> Self {
        let mut emissions = [[0.0; 26]; LONGEST];
        let mut rows = [[0.0; LONGEST + 1]; LONGEST + 1];
        rows[0][0] = 1.0;
        for (index, heard) in heard.iter().enumerate() {
            for (letter, emission) in (b'a'..=b'z').zip(&mut emissions[index]) {
                *emission = likelihood(letter, *heard);
            }
            rows[0][index + 1] = rows[0][index] * MADE_UP;
        }
        Self {
            emissions,
            count: heard.len(),
            rows,
            broken: [0.0; LONGEST + 1],
            before: &[],
            hopeless: false,
            whole: 0.0,
            broken_off: 0.0,
        }
    }

    /// Adds a name that a share of people mean.
    fn consider(&mut self, name: &'a [u8], share: f32) {
        let pairs = name.iter().zip(self.before);
        let common = pairs.take_while(|(one, other)| one == other).count();
        if self.hopeless && common == self.before.len() {
            return;
        }
        self.hopeless = false;
        for (index, letter) in name.iter().enumerate().skip(common) {
            if self.row(index + 1, *letter) < NEGLIGIBLE * (self.whole + self.broken_off) {
                self.before = &name[..=index];
                self.hopeless = true;
                return;
            }
        }
        self.before = name;
        self.whole += share * (1.0 - GOES_ON) * self.rows[name.len()][self.count];
        self.broken_off += share * PAUSES * self.broken[name.len() - 1];
        self.broken_off += share * GOES_ON * self.rows[name.len()][self.count];
    }

    /// Computes what follows from the `length`th letter of a name, and returns the most that can come of it.
    fn row(&mut self, length: usize, letter: u8) -> f32 {
        let missed = if letter == b'e' { MISSED_E } else { MISSED };
        let place = usize::from(letter.wrapping_sub(b'a'));
        let (above, below) = self.rows.split_at_mut(length);
        let (above, row) = (&above[length - 1], &mut below[0]);
        row[0] = above[0] * missed;
        let mut most = row[0];
        for at in 0..self.count {
            let emission = self.emissions[at].get(place).copied().unwrap_or(OTHER);
            row[at + 1] = above[at] * emission + above[at + 1] * missed + row[at] * MADE_UP;
            most = most.max(row[at + 1]);
        }
        self.broken[length] = self.broken[length - 1] + row[self.count];
        most
    }
}

fn likelihood(letter: u8, heard: Heard) -> f32 {
    match heard {
        Heard::Unclear => WORD,
        Heard::Letter(other) if other == letter => RIGHT,
        Heard::Letter(other) => {
            let alike = |group: &&[u8]| group.contains(&letter) && group.contains(&other);
            if SOUND_ALIKE.iter().any(alike) {
                ALIKE
            } else {
                OTHER
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn odds(letters: &str, said: &[&str]) -> f32 {
        let heard: Vec<Heard> = letters
            .bytes()
            .map(|letter| match letter {
                b'?' => Heard::Unclear,
                letter => Heard::Letter(letter),
            })
            .collect();
        let said: Vec<String> = said.iter().map(|word| (*word).to_owned()).collect();
        log_odds(&heard, &said)
    }

    #[test]
    fn whole_names_have_good_odds_and_their_beginnings_bad_ones() {
        for name in [
            "smith",
            "anderson",
            "nguyen",
            "garcia",
            "becker",
            "jankowski",
        ] {
            assert!(odds(name, &[]) > 1.5, "{name}: {}", odds(name, &[]));
            for length in 1..name.len() {
                let part = &name[..length];
                assert!(odds(part, &[]) < 0.5, "{part}: {}", odds(part, &[]));
            }
        }
        assert_eq!(odds("", &[]), f32::NEG_INFINITY);
        assert_eq!(odds("abcdefghijklmnopq", &[]), f32::NEG_INFINITY);
    }

    #[test]
    fn a_letter_or_two_may_be_misheard() {
        for heard in ["zmith", "vatel", "andersom", "?ecker", "garzia", "hug?es"] {
            assert!(odds(heard, &[]) > 0.5, "{heard}: {}", odds(heard, &[]));
        }
        for strange in ["qzxbw", "fvvlq", "hhhh"] {
            assert!(
                odds(strange, &[]) < -0.5,
                "{strange}: {}",
                odds(strange, &[])
            );
        }
    }

    #[test]
    fn a_name_that_was_said_before_is_likely_meant() {
        assert!(odds("chan", &[]) < odds("chan", &["chan"]));
        assert!(odds("wolfenbaum", &["wolfenbaum"]) > 1.5);
        assert!(odds("wolfen", &["wolfenbaum"]) < -2.0);
    }

    #[test]
    fn the_list_is_in_the_order_of_the_alphabet() {
        assert!(NAMES.len() > 20_000);
        assert!(NAMES.is_sorted_by(|one, other| one.0 < other.0));
        let letters = |name: &[u8]| name.iter().all(u8::is_ascii_lowercase);
        assert!(NAMES.iter().all(|(name, _)| letters(name)));
    }
}
