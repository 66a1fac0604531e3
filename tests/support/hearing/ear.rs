//! The language of the tests: a word is 200 ms of one level of sound, between words there is silence. [`speak`] says it,
//! [`Ear`] understands it after µ-law, resampling and whatever else was done to it, and knows when each word ended.

use std::time::Duration;

/// Everything that can be said. A word's place is its level.
pub(crate) const LEXICON: [&str; 14] = [
    "hello", "yes", "a", "table", "for", "two", "at", "seven", "thirty", "tonight", "please",
    "thank", "you", "goodbye",
];
/// Level of the first word, and from each to the next.
const FIRST: f64 = 500.0;
const STEP: f64 = 1.25;
/// Milliseconds of a word, and of the silence behind it.
const WORD_MS: usize = 200;
const GAP_MS: usize = 100;
/// Samples below this are silence.
const QUIET: i32 = 200;

/// Returns `text` as 16 kHz sound. An unknown word is a fault of the test.
pub(crate) fn speak(text: &str) -> Vec<i16> {
    let mut sound = Vec::new();
    for word in text.split_whitespace() {
        let place = LEXICON.iter().position(|known| *known == word);
        let place = place.expect("a word of the lexicon");
        let level = (FIRST * STEP.powi(place as i32)) as i16;
        sound.extend(std::iter::repeat_n(level, WORD_MS * 16));
        sound.extend(std::iter::repeat_n(0, GAP_MS * 16));
    }
    sound
}

/// Returns so much silence.
pub(crate) fn silence(length: Duration) -> Vec<i16> {
    vec![0; length.as_millis() as usize * 16]
}

/// A word that was heard.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Word {
    pub(crate) text: &'static str,
    /// From the start of the connection.
    pub(crate) start: Duration,
    pub(crate) end: Duration,
}

/// Hears words in sound of one connection.
#[derive(Debug)]
pub(crate) struct Ear {
    rate: u32,
    samples: u64,
    run: Vec<i16>,
    quiet: usize,
    /// Words that are over, oldest first. Whoever uses them takes them.
    pub(crate) words: Vec<Word>,
    /// When the sound was last loud.
    pub(crate) last_loud: Option<Duration>,
}

impl Ear {
    pub(crate) fn new(rate: u32) -> Self {
        Self {
            rate,
            samples: 0,
            run: Vec::new(),
            quiet: 0,
            words: Vec::new(),
            last_loud: None,
        }
    }

    /// How much sound there was.
    pub(crate) fn heard(&self) -> Duration {
        self.time(self.samples)
    }

    pub(crate) fn hear(&mut self, samples: impl IntoIterator<Item = i16>) {
        for sample in samples {
            self.samples += 1;
            if i32::from(sample).abs() >= QUIET {
                self.run.push(sample);
                self.quiet = 0;
                self.last_loud = Some(self.heard());
            } else {
                self.quiet += 1;
                // Filters ring for a moment.
                if self.quiet * 1000 > self.rate as usize * 10 {
                    self.end_word();
                }
            }
        }
    }

    /// Takes what was not taken yet, a word under way included: the speaker was told to be through.
    pub(crate) fn take_all(&mut self) -> Vec<Word> {
        self.end_word();
        std::mem::take(&mut self.words)
    }

    fn end_word(&mut self) {
        let mut run = std::mem::take(&mut self.run);
        if run.len() * 1000 < self.rate as usize * 60 {
            return;
        }
        run.sort_unstable();
        let level = f64::from(run[run.len() / 2]);
        let place = ((level / FIRST).ln() / STEP.ln()).round();
        let end = self.time(self.samples - self.quiet as u64);
        let length = self.time(run.len() as u64);
        self.words.push(Word {
            text: LEXICON.get(place as usize).copied().unwrap_or("?"),
            start: end.saturating_sub(length),
            end,
        });
    }

    fn time(&self, samples: u64) -> Duration {
        Duration::from_secs_f64(samples as f64 / f64::from(self.rate))
    }
}

/// The words as a text.
pub(crate) fn text(words: &[Word]) -> String {
    let words: Vec<_> = words.iter().map(|word| word.text).collect();
    words.join(" ")
}
