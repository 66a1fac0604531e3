//! The playout ledger: for each clause of a reply, how far it was generated, sent and heard.
//!
//! The one truth about agent speech. Transcript, history, barge-in, goodbye before hang-up and the silence timers
//! all read it. A word counts as heard only when its end was; where the synthesiser gave no word times, the
//! position is shared out over the clause's characters. Decides nothing.

use std::time::{Duration, Instant};

use crate::words;

/// Speaking time per character while a clause's length is not known yet. Ordinary English takes 14 to 16
/// characters a second; a slow estimate never claims words that were not heard.
pub(crate) const TIME_PER_CHAR: Duration = Duration::from_millis(75);

/// One clause of a reply.
#[derive(Debug, Clone)]
pub(crate) struct Clause {
    /// The text as it was given to the synthesiser.
    pub(crate) text: String,
    word_ends: Vec<usize>,
    spoken_ends: Option<Vec<Duration>>,
    audio: Duration,
    length: Option<Duration>,
    sent: Duration,
    heard: Duration,
    /// Heard to its end, or given up.
    over: bool,
    failed: bool,
    shown: Option<Progress>,
}

/// Word counts of one clause, as the live feed shows them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Progress {
    /// Words with sound made.
    pub(crate) generated: u16,
    /// Words sent to the line.
    pub(crate) sent: u16,
    /// Words heard.
    pub(crate) heard: u16,
}

impl Clause {
    fn new(text: String) -> Self {
        let mut word_ends = Vec::new();
        let mut inside = false;
        for (at, c) in text.char_indices() {
            if c.is_whitespace() && inside {
                word_ends.push(at);
            }
            inside = !c.is_whitespace();
        }
        if inside {
            word_ends.push(text.len());
        }
        Self {
            text,
            word_ends,
            spoken_ends: None,
            audio: Duration::ZERO,
            length: None,
            sent: Duration::ZERO,
            heard: Duration::ZERO,
            over: false,
            failed: false,
            shown: None,
        }
    }

    /// Its full length, estimated as long as the synthesiser is not done.
    fn estimate(&self) -> Duration {
        let chars = u32::try_from(self.text.chars().count()).unwrap_or(u32::MAX);
        let guess = self.audio.max(TIME_PER_CHAR.saturating_mul(chars));
        // The sound of a clause that broke off is not the sound of all its words.
        self.length.filter(|_| !self.failed).unwrap_or(guess)
    }

    /// Whole words that lie before `position`.
    fn words_until(&self, position: Duration) -> usize {
        if let Some(ends) = &self.spoken_ends {
            return ends.iter().take_while(|&&end| end <= position).count();
        }
        let (length, size) = (self.estimate().as_secs_f64(), self.text.len() as f64);
        if length <= 0.0 {
            return 0;
        }
        let reached = position.as_secs_f64() / length * size;
        self.word_ends
            .iter()
            .take_while(|&&end| end as f64 <= reached + 0.001)
            .count()
    }

    fn heard_words(&self) -> usize {
        if self.over && !self.failed {
            self.word_ends.len()
        } else {
            self.words_until(self.heard)
        }
    }

    fn progress(&self) -> Progress {
        let count = |n: usize| u16::try_from(n).unwrap_or(u16::MAX);
        let all = self.word_ends.len();
        let heard = self.heard_words();
        let sent = if self.over && !self.failed {
            all
        } else {
            self.words_until(self.sent).max(heard)
        };
        let made = if self.length.is_some() {
            all
        } else {
            self.words_until(self.audio).max(sent)
        };
        Progress {
            generated: count(made),
            sent: count(sent),
            heard: count(heard),
        }
    }

    fn heard_text(&self) -> &str {
        match self.heard_words() {
            0 => "",
            words => &self.text[..self.word_ends[words - 1]],
        }
    }
}

/// All clauses of one reply, in speaking order.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ledger {
    clauses: Vec<Clause>,
    first_sent: Option<Instant>,
    last_heard: Option<Instant>,
}

impl Ledger {
    /// Adds a clause; returns its index.
    pub(crate) fn push(&mut self, text: String) -> u16 {
        self.clauses.push(Clause::new(text));
        u16::try_from(self.clauses.len() - 1).unwrap_or(u16::MAX)
    }

    /// Returns a clause by its index.
    pub(crate) fn get(&self, index: u16) -> Option<&Clause> {
        self.clauses.get(usize::from(index))
    }

    /// How many clauses it holds.
    pub(crate) fn len(&self) -> usize {
        self.clauses.len()
    }

    /// Whether nothing was given to the synthesiser.
    pub(crate) fn is_empty(&self) -> bool {
        self.clauses.is_empty()
    }

    /// Sound of a clause exists up to `position`.
    pub(crate) fn on_audio(&mut self, index: u16, position: Duration) {
        if let Some(clause) = self.open_clause(index) {
            clause.audio = clause.audio.max(position);
        }
    }

    /// The synthesiser told when each word ends. Ignored unless there is one time a word, in rising order.
    pub(crate) fn on_words(&mut self, index: u16, ends: Vec<Duration>) {
        if let Some(clause) = self.open_clause(index)
            && ends.len() == clause.word_ends.len()
            && ends.is_sorted()
        {
            clause.spoken_ends = Some(ends);
        }
    }

    /// The synthesiser is done with a clause of this length. One without any sound has nothing to be heard.
    pub(crate) fn on_done(&mut self, index: u16, length: Duration) {
        if let Some(clause) = self.open_clause(index) {
            clause.audio = clause.audio.max(length);
            clause.length = Some(length.max(clause.sent).max(clause.heard));
            if length.is_zero() && clause.audio.is_zero() {
                clause.over = true;
                clause.failed = true;
            }
        }
    }

    /// A clause will not be spoken, or not further.
    pub(crate) fn on_failed(&mut self, index: u16) {
        if let Some(clause) = self.open_clause(index) {
            clause.failed = true;
            clause.over = clause.audio.is_zero();
            // What exists of it is still played; it ends where the sound ends.
            clause.length = Some(clause.audio);
        }
    }

    /// A clause went to the line up to `position`.
    pub(crate) fn on_sent(&mut self, index: u16, position: Duration, now: Instant) {
        if let Some(clause) = self.open_clause(index) {
            clause.sent = clause.sent.max(position);
            self.first_sent
                .get_or_insert(now.checked_sub(position).unwrap_or(now));
        }
    }

    /// A clause was heard up to `position`; everything before it was, too.
    pub(crate) fn on_heard(&mut self, index: u16, position: Duration, now: Instant) {
        if self.open_clause(index).is_some() {
            self.on_sent(index, position, now);
            self.close_before(index);
            let clause = &mut self.clauses[usize::from(index)];
            if position > clause.heard {
                clause.heard = position;
                self.last_heard = Some(now);
            }
        }
    }

    /// A clause was heard to its end.
    pub(crate) fn on_finished(&mut self, index: u16, now: Instant) {
        if self.open_clause(index).is_some() {
            self.first_sent.get_or_insert(now);
            self.last_heard = Some(now);
            self.close_before(index);
            let clause = &mut self.clauses[usize::from(index)];
            clause.over = true;
            clause.heard = clause.heard.max(clause.length.unwrap_or(clause.audio));
            clause.sent = clause.sent.max(clause.heard);
        }
    }

    fn open_clause(&mut self, index: u16) -> Option<&mut Clause> {
        self.clauses
            .get_mut(usize::from(index))
            .filter(|clause| !clause.over)
    }

    fn close_before(&mut self, index: u16) {
        for clause in &mut self.clauses[..usize::from(index)] {
            clause.over = true;
        }
    }

    /// The first clause that is still to be heard to its end.
    pub(crate) fn current(&self) -> Option<u16> {
        let at = self.clauses.iter().position(|clause| !clause.over)?;
        u16::try_from(at).ok()
    }

    /// Whether sound of the current clause exists.
    pub(crate) fn current_has_audio(&self) -> bool {
        self.current()
            .and_then(|index| self.get(index))
            .is_some_and(|clause| !clause.audio.is_zero())
    }

    /// Whether every clause was heard to its end or given up.
    pub(crate) fn is_over(&self) -> bool {
        self.clauses.iter().all(|clause| clause.over)
    }

    /// Whether any sound went to the line.
    pub(crate) fn has_sounded(&self) -> bool {
        self.first_sent.is_some()
    }

    /// When its first sound went to the line.
    pub(crate) fn first_sent(&self) -> Option<Instant> {
        self.first_sent
    }

    /// When something of it was heard last.
    pub(crate) fn last_heard(&self) -> Option<Instant> {
        self.last_heard
    }

    /// How much of the current clause is still to be heard, by estimate.
    pub(crate) fn current_remaining(&self) -> Duration {
        let current = self.current().and_then(|index| self.get(index));
        current.map_or(Duration::ZERO, |clause| {
            clause.estimate().saturating_sub(clause.heard)
        })
    }

    /// What was heard, with `—` where it stops short of everything given, or of what the model still had to
    /// say (`complete` is false).
    pub(crate) fn heard_text(&self, complete: bool) -> String {
        let mut text = String::new();
        let mut cut = !complete;
        for clause in &self.clauses {
            let heard = clause.heard_text();
            if !heard.is_empty() {
                if !text.is_empty() {
                    text.push(' ');
                }
                text.push_str(heard);
            }
            let skipped = clause.failed && heard.is_empty();
            cut |= heard.len() < clause.text.trim_end().len() && !skipped;
        }
        if cut && !text.is_empty() {
            close_cut(&mut text);
        }
        text
    }

    /// The whole text of every clause of which some was heard: a callee who cuts in answers the whole question.
    pub(crate) fn begun_text(&self) -> String {
        let begun = self
            .clauses
            .iter()
            .filter(|clause| clause.heard_words() > 0);
        begun
            .map(|clause| clause.text.as_str())
            .collect::<Vec<_>>()
            .join(" ")
    }

    /// Everything given to the synthesiser.
    pub(crate) fn text(&self) -> String {
        let texts: Vec<_> = self
            .clauses
            .iter()
            .map(|clause| clause.text.as_str())
            .collect();
        texts.join(" ")
    }

    /// The words that went to the line, and the one under way: only they can come back as echo.
    pub(crate) fn sent_tokens(&self) -> Vec<String> {
        let sent = |clause: &Clause| {
            let words = usize::from(clause.progress().sent) + usize::from(!clause.sent.is_zero());
            let end = clause
                .word_ends
                .get(words.saturating_sub(1))
                .or(clause.word_ends.last());
            let end = end.copied().filter(|_| words > 0).unwrap_or_default();
            words::tokens(&clause.text[..end])
        };
        self.clauses.iter().flat_map(sent).collect()
    }

    /// Whether the callee has heard a question, or all but the last two words of one.
    pub(crate) fn asked(&self) -> bool {
        self.clauses.iter().rev().any(|clause| {
            let nearly =
                clause.heard_words() + 2 >= clause.word_ends.len() && clause.heard_words() > 0;
            nearly && clause.text.trim_end().ends_with(['?', '？'])
        })
    }

    /// Clauses whose word counts changed since the last call.
    pub(crate) fn changes(&mut self) -> Vec<(u16, Progress)> {
        let mut changes = Vec::new();
        for (index, clause) in self.clauses.iter_mut().enumerate() {
            let progress = clause.progress();
            if clause.shown != Some(progress) {
                clause.shown = Some(progress);
                changes.push((u16::try_from(index).unwrap_or(u16::MAX), progress));
            }
        }
        changes
    }
}

/// Marks where a text was cut: after a whole sentence with a space, after a word without its comma.
fn close_cut(text: &mut String) {
    let end = text.trim_end_matches([',', ';', ':', ' ']).len();
    text.truncate(end);
    if text.ends_with(['.', '!', '?', '…', '。']) {
        text.push(' ');
    }
    text.push('—');
}

#[cfg(test)]
mod tests;
