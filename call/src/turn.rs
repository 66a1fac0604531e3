//! The callee's open turn: words and sounds that belong together until the agent answers them.
//!
//! Keeps; decides nothing. A turn stays open after the decision that it is over, until the answer sounds: a
//! callee who goes on before that continues the same turn.

use std::time::{Duration, Instant};

use crate::{FlushMark, Prosody, words};

/// Words of one turn beyond this many bytes are dropped; nobody speaks a turn that long to a telephone.
const TURN_MAX: usize = 16_000;

/// See the module.
#[derive(Debug, Clone)]
pub(crate) struct CalleeTurn {
    /// First sound.
    pub(crate) started: Instant,
    /// Last sound so far.
    pub(crate) last_sound: Instant,
    /// Length of all its voiced stretches.
    pub(crate) voiced: Duration,
    /// How its last stretch ended.
    pub(crate) prosody: Prosody,
    /// The flush that the recogniser has not answered yet.
    pub(crate) flush: Option<FlushMark>,
    /// When the final words of the last stretch were there.
    pub(crate) words_at: Option<Instant>,
    /// When the silence became long enough, unless the callee went on.
    pub(crate) decided: Option<Instant>,
    /// How sure the recogniser is that the turn is over, in percent, since its last stretch began.
    pub(crate) over: Option<u8>,
    /// Not over before this instant, however long the silence.
    pub(crate) hold_until: Option<Instant>,
    /// Speculative requests made of the model.
    pub(crate) tries: u8,
    /// The pause before the stretch under way, until words confirm that it was one within the turn.
    pause: Option<Duration>,
    /// The last sound, its prosody and the length of the words before the stretch under way.
    before: Option<(Instant, Prosody, usize)>,
    finals: String,
    partial: String,
    /// Behind which bytes of the final words the callee paused.
    pauses: Vec<usize>,
}

impl CalleeTurn {
    /// Opens a turn whose first sound was at `started`.
    pub(crate) fn new(started: Instant) -> Self {
        Self {
            started,
            last_sound: started,
            voiced: Duration::ZERO,
            prosody: Prosody::default(),
            flush: None,
            words_at: None,
            decided: None,
            over: None,
            hold_until: None,
            tries: 0,
            pause: None,
            before: None,
            finals: String::new(),
            partial: String::new(),
            pauses: Vec::new(),
        }
    }

    /// A stretch of voice begins at `since`.
    pub(crate) fn begin_stretch(&mut self, since: Instant) {
        self.over = None;
        // Where words are not final yet, it is not known which of them come before the pause.
        let base = self.base();
        if self.partial.is_empty() && base > self.pauses.last().copied().unwrap_or(0) {
            self.pauses.push(base);
        }
        if self.has_words() && self.before.is_none() {
            self.pause = Some(since.saturating_duration_since(self.last_sound));
            self.before = Some((self.last_sound, self.prosody, self.text().len()));
        }
    }

    /// The words of the stretch are known. Returns the pause before it when it was speech; a stretch that added
    /// no word was a noise, and the turn ended where it had ended before.
    pub(crate) fn settle_stretch(&mut self) -> Option<Duration> {
        let (last_sound, prosody, length) = self.before.take()?;
        let pause = self.pause.take();
        if self.text().len() > length {
            return pause;
        }
        (self.last_sound, self.prosody) = (last_sound, prosody);
        None
    }

    /// Replaces the words that may still change; returns whether anything did.
    pub(crate) fn set_partial(&mut self, text: &str) -> bool {
        let text = words::clean(text);
        if text == self.partial || self.finals.len() + text.len() > TURN_MAX {
            return false;
        }
        self.partial = text;
        true
    }

    /// Adds words that will not change, in place of the partial ones.
    pub(crate) fn add_final(&mut self, text: &str) {
        let text = words::clean(text);
        self.partial.clear();
        if !text.is_empty() && self.finals.len() + text.len() < TURN_MAX {
            if !self.finals.is_empty() {
                self.finals.push(' ');
            }
            self.finals.push_str(&text);
        }
    }

    /// Makes the partial words final, for want of better ones, and returns them.
    pub(crate) fn settle_partial(&mut self) -> String {
        let partial = std::mem::take(&mut self.partial);
        self.add_final(&partial);
        partial
    }

    /// All words so far.
    pub(crate) fn text(&self) -> String {
        self.text_from(0)
    }

    /// The words behind the first `base` bytes of final words (see [`CalleeTurn::base`]).
    pub(crate) fn text_from(&self, base: usize) -> String {
        let finals = self.finals.get(base..).unwrap_or_default().trim_start();
        match (finals.is_empty(), self.partial.is_empty()) {
            (_, true) => finals.to_owned(),
            (true, false) => self.partial.clone(),
            (false, false) => format!("{finals} {}", self.partial),
        }
    }

    /// Behind which bytes of the words the callee paused and then went on.
    pub(crate) fn pauses(&self) -> &[usize] {
        &self.pauses
    }

    /// Where new words will begin.
    pub(crate) fn base(&self) -> usize {
        self.finals.len()
    }

    /// Splits off the words behind `base` into a turn of their own, begun at `started`.
    pub(crate) fn split(&mut self, base: usize, started: Instant) -> Self {
        let mut rest = Self::new(started);
        rest.finals = self
            .finals
            .get(base..)
            .unwrap_or_default()
            .trim_start()
            .to_owned();
        rest.partial = std::mem::take(&mut self.partial);
        rest.flush = self.flush.take();
        rest.last_sound = self.last_sound.max(started);
        self.finals.truncate(base);
        self.pauses.retain(|pause| *pause < base);
        rest
    }

    /// Whether any word was recognised.
    pub(crate) fn has_words(&self) -> bool {
        !self.finals.is_empty() || !self.partial.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::epoch;

    #[test]
    fn finals_are_joined_and_replace_the_partial() {
        let mut turn = CalleeTurn::new(epoch());
        assert!(turn.set_partial("a tabl"));
        assert!(!turn.set_partial("a tabl"));
        turn.add_final("a table");
        assert!(turn.set_partial("for [noise] two"));
        assert_eq!(turn.text(), "a table for two");
        turn.add_final("");
        assert_eq!(turn.text(), "a table");
    }

    #[test]
    fn new_words_can_be_told_apart_and_split_off() {
        let origin = epoch();
        let mut turn = CalleeTurn::new(origin);
        turn.add_final("what time");
        let base = turn.base();
        turn.add_final("hello");
        assert_eq!(turn.text_from(base), "hello");
        let rest = turn.split(base, origin);
        assert_eq!(
            (turn.text().as_str(), rest.text().as_str()),
            ("what time", "hello")
        );
    }
}
