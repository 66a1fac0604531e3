//! What the acoustic model is adapted on: sentences by Flite's voices over a telephone, through the recogniser's own front
//! end, in calls of one speaker each.
//!
//! Every second sentence is drawn from the grammar, the others are words of the dictionary in a row, so that sounds are heard
//! between all kinds of neighbours and not only in what is said on business calls. Each call is played at one of several
//! speeds, which moves pitch and formants as another throat would, and some lines are noisy. None is of `held-out.txt`.

use agentphone::{
    bench::speech::sound,
    provider::pocketsphinx::{features::CEPSTRA, front::FrontEnd, recogniser::Settings},
};
use native::flite::Voice;

use crate::{align::Pronunciations, grammar::Grammar, pairs::Telephone};

/// Sentences of a call in a row.
const IN_A_CALL: usize = 8;
/// The fewest words of a sentence that is drawn.
const FEWEST: usize = 4;
/// Words in a row.
const IN_A_ROW: usize = 8;
/// Of so many calls …
const LINES: usize = 5;
/// … so many are noisy.
const NOISY: usize = 2;
/// Samples that the front end gets at a time: 20 ms.
const PIECE: usize = 320;

/// A sentence that was heard.
#[derive(Debug)]
pub(crate) struct Sentence {
    pub(crate) words: Vec<String>,
    /// Cepstra without their mean, a frame every 10 ms.
    pub(crate) frames: Vec<[f32; CEPSTRA]>,
}

/// Has every voice say so many sentences (rounded up to whole calls).
///
/// # Errors
/// When Flite or the front end fails.
pub(crate) fn hear(
    grammar: &Grammar,
    dictionary: &Pronunciations,
    each: usize,
    seed: u64,
) -> Result<Vec<Sentence>, String> {
    let mut random = fastrand::Rng::with_seed(seed);
    let plain = |word: &&String| word.len() > 2 && word.bytes().all(|b| b.is_ascii_lowercase());
    let mut words: Vec<&String> = dictionary.keys().filter(plain).collect();
    words.sort();
    let settings = Settings::default();
    let mut telephone = Telephone::new(random.fork());
    let mut heard = Vec::new();
    let calls = each.div_ceil(IN_A_CALL);
    for call in 0..calls {
        for voice in Voice::ALL {
            let mut front = FrontEnd::new(&settings.band_repair, &settings.noise_repair)
                .ok_or("the networks of the repair cannot be read; make them again")?;
            front.set_narrowband(true);
            let noisy = random.usize(..LINES) < NOISY;
            for index in 0..IN_A_CALL {
                let words = if index.is_multiple_of(2) {
                    drawn(grammar, &mut random)
                } else {
                    let any = || words[random.usize(..words.len())].clone();
                    std::iter::repeat_with(any).take(IN_A_ROW).collect()
                };
                // To Flite a full stop after a letter would be the end of a sentence.
                let spoken = sound::spoken(voice, &words.join(" ").replace('.', ""))?;
                let sound = telephone.heard(&spoken, call, noisy);
                let frames = frames(&mut front, &sound);
                heard.push(Sentence { words, frames });
            }
        }
        if call.is_multiple_of(10) {
            eprintln!("call {call} of {calls}: {} sentences heard", heard.len());
        }
    }
    Ok(heard)
}

fn drawn(grammar: &Grammar, random: &mut fastrand::Rng) -> Vec<String> {
    loop {
        let drawn = grammar.draw(random);
        if drawn.len() >= FEWEST {
            return drawn.into_iter().map(str::to_owned).collect();
        }
    }
}

/// Returns the cepstra of one utterance, without their mean.
pub(crate) fn frames(front: &mut FrontEnd, sound: &[i16]) -> Vec<[f32; CEPSTRA]> {
    let mut frames = Vec::new();
    let mut take = |front: &mut FrontEnd, ended| {
        while let Some((frame, mean)) = front.next(ended) {
            frames.push(std::array::from_fn(|i| frame[i] - mean[i]));
        }
    };
    front.begin();
    for piece in sound.chunks(PIECE) {
        front.hear(piece);
        take(front, false);
    }
    front.end();
    take(front, true);
    frames
}
