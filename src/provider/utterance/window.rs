//! The sound of an utterance under way and what is told of it: words that two looks in a row agree on, which are never taken
//! back, and a window that moves on over what is settled, so that a long utterance costs no more to look at than a short one.

use std::time::Duration;

use super::Segment;

/// Sound beyond which the window moves on over what both of the last looks heard: 6 s.
const LONG: usize = 6 * 16_000;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Window {
    samples: Vec<i16>,
    /// Words of sound that is no longer in the window.
    head: String,
    /// What the last look heard in the window.
    last: Vec<Segment>,
    /// Words of the window that were told.
    told: Vec<String>,
}

impl Window {
    pub(super) fn push(&mut self, samples: &[i16]) {
        self.samples.extend_from_slice(samples);
    }

    /// The sound that is not settled.
    pub(super) fn samples(&self) -> &[i16] {
        &self.samples
    }

    /// Returns the settled words and the sound of the others.
    pub(super) fn finish(self) -> (String, Vec<i16>) {
        (self.head, self.samples)
    }

    /// A look heard this in the window. Returns the words so far when there are more than before.
    pub(super) fn heard(&mut self, segments: &[Segment]) -> Option<String> {
        let now = words(segments);
        let agreed = agreement(&words(&self.last), &now);
        let more = agreed > self.told.len();
        if more {
            // Words that were told stay as they were told.
            self.told.extend_from_slice(&now[self.told.len()..agreed]);
        }
        let text = more.then(|| self.text());
        self.settle(segments);
        self.last = segments.to_vec();
        text
    }

    /// Moves on over the first segment, if both looks heard it, the window is long, and it is not all that there is.
    fn settle(&mut self, segments: &[Segment]) {
        let (Some(first), Some(before)) = (segments.first(), self.last.first()) else {
            return;
        };
        let Some(end) = first.end.filter(|end| *end > Duration::ZERO) else {
            return;
        };
        let same = agreement(&split(&first.text), &split(&before.text)) == split(&first.text).len();
        let cut = usize::try_from(end.as_millis())
            .unwrap_or(usize::MAX)
            .saturating_mul(16);
        if self.samples.len() <= LONG || segments.len() < 2 || !same || cut >= self.samples.len() {
            return;
        }
        let count = split(&first.text).len().min(self.told.len());
        let settled: Vec<String> = self.told.drain(..count).collect();
        if !self.head.is_empty() && !settled.is_empty() {
            self.head.push(' ');
        }
        self.head.push_str(&settled.join(" "));
        self.samples.drain(..cut);
    }

    fn text(&self) -> String {
        let told = self.told.join(" ");
        match (self.head.is_empty(), told.is_empty()) {
            (true, _) => told,
            (false, true) => self.head.clone(),
            (false, false) => format!("{} {told}", self.head),
        }
    }
}

fn words(segments: &[Segment]) -> Vec<String> {
    segments
        .iter()
        .flat_map(|segment| split(&segment.text))
        .collect()
}

fn split(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

/// How many words are the same at the head of both, whatever their case and punctuation.
fn agreement(one: &[String], other: &[String]) -> usize {
    let bare = |word: &String| -> String {
        let letters = word.chars().filter(|c| c.is_alphanumeric());
        letters.flat_map(char::to_lowercase).collect()
    };
    let pairs = one.iter().zip(other);
    pairs
        .take_while(|(one, other)| bare(one) == bare(other))
        .count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segment(text: &str, end_ms: u64) -> Segment {
        Segment {
            text: text.to_owned(),
            end: Some(Duration::from_millis(end_ms)),
        }
    }

    #[test]
    fn only_words_that_two_looks_agree_on_are_told_and_none_is_taken_back() {
        let mut window = Window::default();
        let mut look = |text: &str| window.heard(&[segment(text, 1000)]);
        assert_eq!(look("a table four"), None);
        assert_eq!(look("A table, for two"), Some("A table,".to_owned()));
        assert_eq!(look("a table for two"), Some("A table, for two".to_owned()));
        assert_eq!(look("a cable"), None);
        assert_eq!(look("a table for two tonight"), None);
        assert_eq!(
            look("a table for two tonight"),
            Some("A table, for two tonight".to_owned())
        );
    }

    #[test]
    fn the_window_moves_on_over_what_is_settled() {
        let mut window = Window::default();
        window.push(&vec![1; LONG + 16]);
        let looks = [segment("we have a table", 2000), segment("at seven", 5000)];
        assert_eq!(window.heard(&looks), None);
        assert_eq!(
            window.heard(&looks),
            Some("we have a table at seven".to_owned())
        );
        assert_eq!(window.samples().len(), LONG + 16 - 32_000);
        // The next looks hear the rest only.
        let rest = [segment("at seven or nine", 4000)];
        assert_eq!(window.heard(&rest), None);
        assert_eq!(
            window.heard(&rest),
            Some("we have a table at seven or nine".to_owned())
        );
        let (head, samples) = window.finish();
        assert_eq!(
            (head.as_str(), samples.len()),
            ("we have a table", LONG + 16 - 32_000)
        );
    }

    #[test]
    fn a_short_window_or_a_single_segment_stays() {
        let mut window = Window::default();
        window.push(&[0; 16_000]);
        for _ in 0..3 {
            window.heard(&[segment("one", 300), segment("two", 600)]);
        }
        assert_eq!(window.samples().len(), 16_000);
        window.push(&vec![0; LONG]);
        for _ in 0..3 {
            window.heard(&[segment("one", 300)]);
        }
        assert_eq!(window.samples().len(), LONG + 16_000);
    }
}
