//! How likely words are the end of what somebody says, from the last two of them.
//!
//! The odds are those of the phone-call language model (`</s>` after its words and pairs of words), in a table that
//! `agentphone bench fit` writes. Knows nothing of sound and decides nothing.

use std::{collections::HashMap, sync::LazyLock};

/// One entry a line: one or two words, a tab, the natural logarithm of the odds that nothing follows, in tenths.
const TABLE: &str = include_str!("ending/odds.txt");
/// Of words that the table does not have.
const UNKNOWN: f32 = -0.5;

static ODDS: LazyLock<HashMap<&'static str, f32>> = LazyLock::new(|| {
    let entry = |line: &'static str| {
        let (words, tenths) = line.split_once('\t')?;
        Some((words, tenths.parse::<f32>().ok()? / 10.0))
    };
    TABLE.lines().filter_map(entry).collect()
});

/// Returns the logarithm of the odds that a sentence ends with these words; 0 is even, -4 to 4.
pub(crate) fn log_odds(tokens: &[String]) -> f32 {
    let pair = tokens.last_chunk::<2>().map(|pair| pair.join(" "));
    let of = |words: &str| ODDS.get(words).copied();
    pair.as_deref()
        .and_then(of)
        .or_else(|| of(tokens.last()?))
        .unwrap_or(UNKNOWN)
        .clamp(-4.0, 4.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words;

    fn odds(text: &str) -> f32 {
        log_odds(&words::tokens(text))
    }

    #[test]
    fn whole_sentences_have_better_odds_than_half_ones() {
        for (whole, half) in [
            ("a table for two tonight", "a table for"),
            ("we are open on sunday", "we are open on"),
            ("that is confirmed", "that is"),
            ("yes that works for me", "yes that works for"),
        ] {
            assert!(
                odds(whole) > odds(half) + 1.0,
                "{whole}: {} {}",
                odds(whole),
                odds(half)
            );
        }
        assert_eq!(odds("xyzzy"), UNKNOWN);
        assert_eq!(odds(""), UNKNOWN);
    }
}
