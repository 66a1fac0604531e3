//! One clause on its way through voices that may fail: what of it is still to be said, and how much sound there is already.

use std::time::Duration;

use call::ClauseId;

/// Speaking time per character of a voice that does not tell where its words end. As slow as the call core's own estimate,
/// so that the next voice rather says a word twice than leaves one out.
const TIME_PER_CHAR: Duration = Duration::from_millis(75);

/// A clause that is not complete.
#[derive(Debug)]
pub(super) struct Piece {
    pub(super) clause: ClauseId,
    /// What the voice under way has to say: the whole clause, or what an earlier voice left of it.
    pub(super) text: String,
    /// Whether the voice under way was given it.
    pub(super) sent: bool,
    /// Whether the voice under way was named for it.
    pub(super) named: bool,
    words: usize,
    /// Sound by voices that failed.
    before: Duration,
    /// Ends of the words that those have said; `None` when one of them did not tell.
    ends_before: Option<Vec<Duration>>,
    /// Sound by the voice under way.
    made: Duration,
    ends: Option<Vec<Duration>>,
}

impl Piece {
    pub(super) fn new(clause: ClauseId, text: String) -> Self {
        Self {
            clause,
            words: text.split_whitespace().count(),
            text,
            sent: false,
            named: false,
            before: Duration::ZERO,
            ends_before: Some(Vec::new()),
            made: Duration::ZERO,
            ends: None,
        }
    }

    /// Whether the callee has or will have heard something of it.
    pub(super) fn has_sounded(&self) -> bool {
        !(self.before + self.made).is_zero()
    }

    pub(super) fn add_sound(&mut self, samples: usize, rate: u32) {
        self.made += Duration::from_secs_f64(samples as f64 / f64::from(rate.max(1)));
    }

    /// Takes the ends of the words of [`Piece::text`]; returns those of the whole clause, if they are known.
    pub(super) fn add_words(&mut self, ends: Vec<Duration>) -> Option<Vec<Duration>> {
        let mut all = self.ends_before.clone()?;
        all.extend(ends.iter().map(|end| self.before + *end));
        self.ends = Some(ends);
        (all.len() == self.words).then_some(all)
    }

    /// The voice failed: leaves to the next one what was not said. Returns whether that is anything.
    pub(super) fn take_over(&mut self) -> bool {
        let said = self.words_said();
        let rest = self.text.split_whitespace().nth(said);
        let rest = rest.map_or(self.text.len(), |word| {
            word.as_ptr().addr() - self.text.as_ptr().addr()
        });
        let ends = self.ends.take();
        self.ends_before = match (self.ends_before.take(), ends, said) {
            (before, _, 0) => before,
            (Some(mut before), Some(ends), said) => {
                before.extend(ends.iter().take(said).map(|end| self.before + *end));
                Some(before)
            }
            _ => None,
        };
        self.text.drain(..rest);
        self.before += std::mem::take(&mut self.made);
        (self.sent, self.named) = (false, false);
        !self.text.is_empty()
    }

    /// Whole words of the text that the voice under way has surely said.
    fn words_said(&self) -> usize {
        if let Some(ends) = &self.ends {
            return ends.iter().take_while(|end| **end <= self.made).count();
        }
        let reached = self.made.as_secs_f64() / TIME_PER_CHAR.as_secs_f64();
        let mut length = 0.0;
        let words = self.text.split_whitespace();
        words
            .take_while(|word| {
                // With the blank after it.
                length += word.chars().count() as f64 + 1.0;
                length <= reached
            })
            .count()
    }
}

#[cfg(test)]
mod tests {
    use call::Generation;

    use super::*;

    fn piece(text: &str) -> Piece {
        let clause = ClauseId {
            generation: Generation(1),
            index: 0,
        };
        Piece::new(clause, text.to_owned())
    }

    fn ms(all: &[u64]) -> Vec<Duration> {
        all.iter().copied().map(Duration::from_millis).collect()
    }

    #[test]
    fn the_next_voice_goes_on_at_the_word_that_was_cut() {
        let mut piece = piece("A table for two, please.");
        assert_eq!(
            piece.add_words(ms(&[100, 400, 600, 900, 1300])),
            Some(ms(&[100, 400, 600, 900, 1300]))
        );
        piece.add_sound(5600, 8000);
        assert!(piece.take_over());
        assert_eq!(piece.text, "two, please.");
        assert!(piece.has_sounded());
        assert_eq!(
            piece.add_words(ms(&[300, 700])),
            Some(ms(&[100, 400, 600, 1000, 1400]))
        );
    }

    #[test]
    fn without_word_times_a_word_is_rather_said_twice() {
        let mut piece = piece("one two three four");
        piece.add_sound(8000, 8000);
        assert!(piece.take_over(), "13 characters at the very slowest");
        assert_eq!(piece.text, "three four");
        assert_eq!(
            piece.add_words(ms(&[300, 700])),
            None,
            "the first are unknown"
        );
    }

    #[test]
    fn before_the_first_sound_everything_is_still_to_be_said() {
        let mut piece = piece(" Good  evening. ");
        piece.add_words(ms(&[200, 900]));
        assert!(piece.take_over());
        assert_eq!(piece.text, "Good  evening. ");
        assert!(!piece.has_sounded());
        assert_eq!(piece.add_words(ms(&[250, 800])), Some(ms(&[250, 800])));
    }

    #[test]
    fn what_was_said_to_its_end_leaves_nothing() {
        let mut piece = piece("Bye.");
        piece.add_words(ms(&[400]));
        piece.add_sound(8000, 8000);
        assert!(!piece.take_over());
    }
}
