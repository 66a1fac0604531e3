//! Cuts the silence that a synthesiser puts before and after a text, so that the first sound comes at once and
//! clauses join as they would in one breath.

use std::time::Duration;

use call::ClauseId;

use crate::provider::TtsEvent;

/// Peak under which 10 ms count as silence; Flite's own silences peak below 130 of 32767, its softest consonants
/// above 250.
const SILENT: u16 = 200;
/// Silence kept before the first sound: soft consonants rise out of it for that long.
const LEAD: Duration = Duration::from_millis(30);
/// Silence kept after a clause.
const PAUSE: Duration = Duration::from_millis(80);
/// Silence kept after a sentence.
const SENTENCE_PAUSE: Duration = Duration::from_millis(160);

/// The silence cutter of one clause.
#[derive(Debug)]
pub(super) struct Trim {
    tail: Duration,
    words: Option<Vec<Duration>>,
    rate: u32,
    /// Samples that do not fill 10 ms yet.
    rest: Vec<i16>,
    /// Silence that is only worth keeping if sound follows.
    held: Vec<i16>,
    started: bool,
    /// Samples dropped before the first sound.
    dropped: usize,
}

/// What may be spoken now.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Cut {
    words: Option<Vec<Duration>>,
    samples: Vec<i16>,
    rate: u32,
}

impl Cut {
    /// Returns the events of `clause` that this makes, none when it is empty.
    pub(super) fn events(self, clause: ClauseId) -> impl Iterator<Item = TtsEvent> {
        let words = self.words.map(|ends| TtsEvent::Words { clause, ends });
        let audio = (!self.samples.is_empty()).then_some(TtsEvent::Audio {
            clause,
            samples: self.samples,
            rate: self.rate,
        });
        words.into_iter().chain(audio)
    }
}

impl Trim {
    pub(super) fn new(text: &str) -> Self {
        let ends_sentence = text.trim_end().ends_with(['.', '!', '?']);
        Self {
            tail: if ends_sentence { SENTENCE_PAUSE } else { PAUSE },
            words: None,
            rate: 16_000,
            rest: Vec::new(),
            held: Vec::new(),
            started: false,
            dropped: 0,
        }
    }

    /// Takes word ends as counted from the untrimmed start.
    pub(super) fn words(&mut self, ends: Vec<Duration>) {
        self.words = Some(ends);
    }

    /// Takes sound and returns what of it, and of what was held back, is certain to be wanted.
    pub(super) fn push(&mut self, samples: &[i16], rate: u32) -> Cut {
        self.rate = rate;
        self.rest.extend_from_slice(samples);
        let window = (rate / 100).max(1) as usize;
        let whole = self.rest.len() / window * window;
        let ready: Vec<i16> = self.rest.drain(..whole).collect();
        let mut out = Vec::with_capacity(ready.len() + self.held.len());
        for piece in ready.chunks(window) {
            self.held.extend_from_slice(piece);
            let peak = piece.iter().map(|s| s.unsigned_abs()).max().unwrap_or(0);
            if peak < SILENT {
                continue;
            }
            if !self.started {
                self.started = true;
                self.dropped = self
                    .held
                    .len()
                    .saturating_sub(piece.len() + self.samples(LEAD));
                self.held.drain(..self.dropped);
            }
            out.append(&mut self.held);
        }
        self.cut(out)
    }

    /// Returns the pause after the clause. A clause without any sound gives nothing at all.
    pub(super) fn finish(&mut self) -> Cut {
        if !self.started {
            return Cut::default();
        }
        self.held.append(&mut self.rest);
        self.held.resize(self.samples(self.tail), 0);
        let out = std::mem::take(&mut self.held);
        self.cut(out)
    }

    fn cut(&mut self, samples: Vec<i16>) -> Cut {
        let lead = Duration::from_secs_f64(self.dropped as f64 / f64::from(self.rate.max(1)));
        let words = if self.started {
            self.words.take()
        } else {
            None
        };
        Cut {
            words: words.map(|ends| ends.iter().map(|end| end.saturating_sub(lead)).collect()),
            samples,
            rate: self.rate,
        }
    }

    fn samples(&self, length: Duration) -> usize {
        (length.as_secs_f64() * f64::from(self.rate)) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(length: usize) -> Vec<i16> {
        (0..length)
            .map(|i| if i % 20 < 10 { 5000 } else { -5000 })
            .collect()
    }

    #[test]
    fn silence_around_the_sound_goes_and_silence_inside_stays() {
        let mut trim = Trim::new("yes, and no,");
        trim.words(vec![
            Duration::from_millis(400),
            Duration::from_millis(1000),
        ]);
        let mut sound = vec![3; 3200];
        sound.extend(tone(3200));
        sound.extend([0; 4800]);
        sound.extend(tone(3200));
        sound.extend([0; 16_000]);
        let (mut out, mut words) = (Vec::new(), None);
        for piece in sound.chunks(777) {
            let cut = trim.push(piece, 16_000);
            out.extend(cut.samples);
            words = words.or(cut.words);
        }
        out.extend(trim.finish().samples);
        assert_eq!(out.len(), 480 + 3200 + 4800 + 3200 + 1280);
        let lead = Duration::from_millis(200 - 30);
        let expected = [400, 1000].map(|ms| Duration::from_millis(ms) - lead);
        assert_eq!(words.unwrap(), expected);
    }

    #[test]
    fn a_sentence_is_followed_by_a_longer_pause_than_a_clause() {
        let length = |text: &str| {
            let mut trim = Trim::new(text);
            trim.push(&tone(1600), 16_000).samples.len() + trim.finish().samples.len()
        };
        assert_eq!(length("seven,"), 1600 + 1280);
        assert_eq!(length("seven. "), 1600 + 2560);
    }

    #[test]
    fn nothing_but_silence_gives_nothing() {
        let mut trim = Trim::new("...");
        trim.words(vec![Duration::ZERO]);
        assert_eq!(
            trim.push(&[0; 3200], 16_000),
            Cut {
                rate: 16_000,
                ..Cut::default()
            }
        );
        assert_eq!(trim.finish(), Cut::default());
    }
}
