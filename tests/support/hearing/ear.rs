//! The language of the tests: a word is 200 ms of one level of sound, between words there is silence. [`speak`] says it,
//! [`Ear`] understands it after µ-law, resampling and whatever else was done to it, and knows when each word ended. On whole
//! calls, where only a voice is heard, it knows from a script what will be said.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

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

/// Sentences that will be said, and how many of them have been.
pub(crate) type Script = Arc<Mutex<(Vec<&'static str>, usize)>>;
/// With a script: a word is heard so long after the one before it, and silence of so long ends the sentence.
const SCRIPT_WORD_MS: usize = 200;
const SCRIPT_END_MS: usize = 250;

/// Hears words in sound of one connection.
#[derive(Debug)]
pub(crate) struct Ear {
    rate: u32,
    script: Script,
    /// Since when there is a voice, in samples, and how many words were heard of it.
    voice: Option<(u64, usize)>,
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
            script: Script::default(),
            voice: None,
            samples: 0,
            run: Vec::new(),
            quiet: 0,
            words: Vec::new(),
            last_loud: None,
        }
    }

    /// An ear that knows what will be said.
    pub(crate) fn knowing(rate: u32, script: Script) -> Self {
        Self {
            script,
            ..Self::new(rate)
        }
    }

    /// How much sound there was.
    pub(crate) fn heard(&self) -> Duration {
        self.time(self.samples)
    }

    /// The time by which faults are planned: how much sound there was, or with a script, how much of its second sentence.
    pub(crate) fn fault_time(&self) -> Duration {
        let script = self.script.lock().expect("no panic");
        match self.voice {
            _ if script.0.is_empty() => self.heard(),
            Some((since, _)) if script.1 == 1 => self.time(self.samples - since),
            _ => Duration::ZERO,
        }
    }

    pub(crate) fn hear(&mut self, samples: impl IntoIterator<Item = i16>) {
        let scripted = !self.script.lock().expect("no panic").0.is_empty();
        for sample in samples {
            self.samples += 1;
            if scripted {
                self.hear_voice(i32::from(sample).abs() >= QUIET);
                continue;
            }
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

    fn hear_voice(&mut self, loud: bool) {
        if loud {
            self.quiet = 0;
            self.last_loud = Some(self.heard());
            self.voice.get_or_insert((self.samples, 0));
        } else {
            self.quiet += 1;
        }
        let Some((since, said)) = self.voice else {
            return;
        };
        let ms = |samples: u64| samples as usize * 1000 / self.rate as usize;
        if self.quiet * 1000 > self.rate as usize * SCRIPT_END_MS {
            self.say(usize::MAX);
        } else if ms(self.samples - since) > SCRIPT_WORD_MS * (said + 1) {
            self.say(1);
        }
    }

    /// Hears more words of the sentence under way; with all of them, it is over.
    fn say(&mut self, count: usize) {
        let Some((since, said)) = self.voice else {
            return;
        };
        let whole = count == usize::MAX;
        let mut script = self.script.lock().expect("no panic");
        let sentence = script.0.get(script.1).copied().unwrap_or_default();
        let (now, until) = (self.time(self.samples), said.saturating_add(count));
        let words = sentence.split_whitespace();
        let heard = words
            .enumerate()
            .filter(|(at, _)| (said..until).contains(at));
        self.words.extend(heard.map(|(_, text)| Word {
            text,
            start: now.saturating_sub(Duration::from_millis(SCRIPT_WORD_MS as u64)),
            end: now,
        }));
        script.1 += usize::from(whole);
        self.voice = (!whole).then_some((since, until));
    }

    /// Takes what was not taken yet, a word under way included: the speaker was told to be through.
    pub(crate) fn take_all(&mut self) -> Vec<Word> {
        self.end_word();
        self.say(usize::MAX);
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
