//! Turns put together from recordings: numbers from digits, spelled names from letters, times and days from words, and
//! whole sentences as they were read.
//!
//! Words of one turn are of one voice. What a library lacks is left out: no recordings of digits, no recorded numbers.

use std::{collections::BTreeMap, time::Duration};

use super::{Draft, hesitation, splice::Splice};
use crate::bench::{
    library::{Kind, Library, Part, Recording, voiced},
    trial::PauseKind,
};

/// The words of numbers.
const DIGITS: [&str; 11] = [
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "oh",
];
/// Hours, and what may follow them.
const HOURS: [&str; 12] = [
    "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven",
    "twelve",
];
const MINUTES: [&str; 6] = ["thirty", "fifteen", "twenty", "forty", "ten", "o'clock"];
const DAYS: [&str; 9] = [
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
    "today",
    "tomorrow",
];
const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];
const ORDINALS: [&str; 12] = [
    "first",
    "second",
    "third",
    "fourth",
    "fifth",
    "sixth",
    "tenth",
    "eleventh",
    "twelfth",
    "fifteenth",
    "twentieth",
    "thirtieth",
];
/// Recordings of these words alone are short answers.
const ANSWERS: [&str; 10] = [
    "yes",
    "no",
    "sure",
    "thank you",
    "i'm sorry",
    "one moment please",
    "please try again",
    "hello",
    "goodbye",
    "two",
];
/// The longest and the shortest sentence that is a turn, in samples: 1 to 12 s.
const SENTENCE: std::ops::Range<usize> = 8000..96_000;

/// Recordings of single words, by voice.
#[derive(Debug)]
pub(super) struct Words<'a> {
    voices: Vec<BTreeMap<String, Vec<&'a Recording>>>,
    /// Sentences that can stand for themselves.
    pub(super) sentences: Vec<&'a Recording>,
    answers: Vec<&'a Recording>,
}

impl<'a> Words<'a> {
    pub(super) fn new(library: &'a Library, part: Part) -> Self {
        let mut voices: BTreeMap<&str, BTreeMap<String, Vec<&Recording>>> = BTreeMap::new();
        let (mut sentences, mut answers) = (Vec::new(), Vec::new());
        for recording in library
            .part(part)
            .filter(|found| found.kind == Kind::Speech)
        {
            let words = recording.words();
            if ANSWERS.contains(&words.as_str()) {
                answers.push(recording);
            }
            if recording.is_sentence() && SENTENCE.contains(&recording.sound.len()) {
                sentences.push(recording);
            }
            let voice = voices.entry(&recording.voice).or_default();
            voice.entry(words).or_default().push(recording);
        }
        Self {
            voices: voices.into_values().collect(),
            sentences,
            answers,
        }
    }

    /// Picks the voice to say something that needs a word of each list, and says which words of each it has.
    fn voice<'w>(
        &self,
        lists: &[&[&'w str]],
        random: &mut fastrand::Rng,
    ) -> Option<(usize, Vec<Vec<&'w str>>)> {
        let able: Vec<_> = (0..self.voices.len())
            .filter_map(|voice| {
                let had = |list: &&[&'w str]| -> Vec<&'w str> {
                    let known = |word: &&&str| self.voices[voice].contains_key(**word);
                    list.iter().filter(known).copied().collect()
                };
                let lists: Vec<_> = lists.iter().map(had).collect();
                lists
                    .iter()
                    .all(|list| !list.is_empty())
                    .then_some((voice, lists))
            })
            .collect();
        random.choice(able)
    }

    /// Says groups of words, with short gaps in a group and a hesitation between groups.
    fn say(
        &self,
        voice: usize,
        groups: &[Vec<&str>],
        kind: PauseKind,
        random: &mut fastrand::Rng,
    ) -> Splice {
        let mut splice = Splice::default();
        for (at, group) in groups.iter().enumerate() {
            if at > 0 {
                splice.pause(hesitation(random), kind);
            }
            for (at, word) in group.iter().enumerate() {
                if at > 0 {
                    splice.pause(Duration::from_millis(random.u64(20..120)), kind);
                }
                let found = self.voices[voice].get(*word);
                if let Some(recording) = found.and_then(|found| random.choice(found)) {
                    let loudest = voiced::loudest(&recording.sound);
                    splice.say(&recording.sound, loudest, PauseKind::Natural);
                }
            }
        }
        splice
    }

    fn draft(
        &self,
        question: &str,
        voice: usize,
        groups: &[Vec<&str>],
        kind: PauseKind,
        random: &mut fastrand::Rng,
    ) -> Option<Draft> {
        let splice = self.say(voice, groups, kind, random);
        let text = groups.concat().join(" ");
        Draft::new(question, splice, text)
    }

    /// A phone number in groups.
    pub(super) fn phone_number(&self, random: &mut fastrand::Rng) -> Option<Draft> {
        let (voice, mut lists) = self.voice(&[&DIGITS], random)?;
        let digits = lists.pop()?;
        let sizes: &[usize] = match random.u32(..3) {
            0 => &[3, 4],
            1 => &[3, 3, 4],
            _ => &[2, 2, 3],
        };
        let groups = pick_groups(sizes, &digits, random);
        self.draft(
            "What is your phone number?",
            voice,
            &groups,
            PauseKind::Entity,
            random,
        )
    }

    /// A spelled name or address of letters, in groups of one to four.
    pub(super) fn spelling(&self, random: &mut fastrand::Rng) -> Option<Draft> {
        const LETTERS: [&str; 26] = [
            "a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o", "p", "q",
            "r", "s", "t", "u", "v", "w", "x", "y", "z",
        ];
        let (voice, mut lists) = self.voice(&[&LETTERS], random)?;
        let letters = lists.pop().filter(|letters| letters.len() >= 3)?;
        let sizes: Vec<usize> = (0..random.usize(2..=3))
            .map(|_| random.usize(1..=4))
            .collect();
        let groups = pick_groups(&sizes, &letters, random);
        self.draft(
            "How do you spell that?",
            voice,
            &groups,
            PauseKind::Entity,
            random,
        )
    }

    /// A time or a day in one breath, or a recording of a short answer.
    pub(super) fn short_answer(&self, random: &mut fastrand::Rng) -> Option<Draft> {
        if let Some(answer) = random.choice(&self.answers)
            && random.u32(..3) == 0
        {
            let mut splice = Splice::default();
            splice.say(
                &answer.sound,
                voiced::loudest(&answer.sound),
                PauseKind::Natural,
            );
            return Draft::new("Is that possible?", splice, answer.words());
        }
        let (question, voice, words) = self.time_or_day(random)?;
        self.draft(question, voice, &[words], PauseKind::Natural, random)
    }

    /// A time or a day with a hesitation in it.
    pub(super) fn hesitation(&self, random: &mut fastrand::Rng) -> Option<Draft> {
        if let Some((voice, lists)) = self.voice(&[&["at"], &HOURS, &DAYS], random)
            && random.bool()
        {
            let question = "What time would suit you?";
            let words: Vec<&str> = lists.iter().map(|list| one(list, random)).collect();
            // "at … seven" wants more, "monday … at seven" could be all.
            let (groups, kind) = match random.bool() {
                true => (
                    vec![vec![words[2], words[0]], vec![words[1]]],
                    PauseKind::Incomplete,
                ),
                false => (
                    vec![vec![words[2]], vec![words[0], words[1]]],
                    PauseKind::LooksComplete,
                ),
            };
            return self.draft(question, voice, &groups, kind, random);
        }
        let (question, voice, words) = self.time_or_day(random)?;
        let groups: Vec<Vec<&str>> = words.into_iter().map(|word| vec![word]).collect();
        self.draft(question, voice, &groups, PauseKind::LooksComplete, random)
    }

    fn time_or_day(
        &self,
        random: &mut fastrand::Rng,
    ) -> Option<(&'static str, usize, Vec<&'static str>)> {
        let (question, lists): (_, &[&[&'static str]]) = match random.u32(..3) {
            0 => ("What time would suit you?", &[&HOURS, &MINUTES]),
            1 => ("Which day would be best?", &[&MONTHS, &ORDINALS]),
            _ => ("Which day would be best?", &[&DAYS, &MONTHS, &ORDINALS]),
        };
        let (voice, had) = self.voice(lists, random)?;
        let words = had.iter().map(|list| one(list, random)).collect();
        Some((question, voice, words))
    }

    /// A sentence as it was read, its pauses with it.
    pub(super) fn sentence(&self, random: &mut fastrand::Rng) -> Option<Draft> {
        let recording = random.choice(&self.sentences)?;
        let mut splice = Splice::default();
        splice.say(
            &recording.sound,
            voiced::loudest(&recording.sound),
            PauseKind::Natural,
        );
        Draft::new("What can I do for you?", splice, recording.words())
    }
}

fn one<'w>(list: &[&'w str], random: &mut fastrand::Rng) -> &'w str {
    random.choice(list).copied().unwrap_or_default()
}

fn pick_groups<'w>(
    sizes: &[usize],
    words: &[&'w str],
    random: &mut fastrand::Rng,
) -> Vec<Vec<&'w str>> {
    sizes
        .iter()
        .map(|size| (0..*size).map(|_| one(words, random)).collect())
        .collect()
}
