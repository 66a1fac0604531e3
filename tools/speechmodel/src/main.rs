//! Makes the models of the embedded recogniser from their sources, and measures the recogniser.
//!
//! `language`, `dictionary`, `repair` and `adapt` write the files in `src/provider/pocketsphinx/model`; `measure` counts the words
//! that are misheard over a telephone. `docs/speech.md` says what was found with it.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command line tool talks on them"
)]

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use agentphone::provider::pocketsphinx::{
    DEFAULT_MODELS, acoustic,
    repair::{NOISY, Network, QUIET, Shape},
};
use call::Expected;
use clap::{Parser, Subcommand};
use native::flite::Voice;

mod adapt;
mod align;
mod dictionary;
mod fit;
mod grammar;
mod hmm;
mod measure;
mod ngram;
mod pairs;
mod sentences;
mod voices;
mod words;

/// Sentences that are drawn from the grammar.
const DRAWN: usize = 100_000;
/// The size of the text that these sentences stand for, in sentences: about one per pattern. The model trusts what it saw
/// as much as it would after such a text.
const OBSERVED: f64 = 1_500.0;
/// The same for answers to what was asked for, which have few patterns and many ways of filling them.
const ANSWERS: f64 = 10_000.0;
/// What was drawn only once of their trigrams and pairs is left to shorter ones.
const TWICE: f64 = 0.15;
/// Trigrams that such a text holds less often are left to bigrams.
const LEAST: f64 = 0.02;
/// Words of the generic model that are known beside ours.
const GENERIC_WORDS: usize = 50_000;
/// Sentences that each voice speaks for the band repair.
const SPOKEN: usize = 240;
/// Sentences that each voice speaks for the acoustic model.
const HEARD: usize = 240;
/// How often the networks see each frame of them.
const ROUNDS: usize = 14;

#[derive(Debug, Parser)]
#[command(about)]
struct Arguments {
    /// The folder of the checkout.
    #[arg(long, default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))]
    root: PathBuf,
    /// The folder of the generic models.
    #[arg(long, default_value = DEFAULT_MODELS)]
    models: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Count the language model from the grammar
    Language {
        /// Draws other sentences
        #[arg(long, default_value_t = 1)]
        seed: u64,
    },
    /// Choose the words that the recogniser knows
    Dictionary,
    /// Fit the repair's two networks on Flite's voices and on human ones
    Repair {
        /// The folder that scripts/voices gathered, a folder of G.722 files for each voice; target/voices unless given
        #[arg(long)]
        voices: Option<PathBuf>,
        /// Draws other sentences and starts elsewhere
        #[arg(long, default_value_t = 1)]
        seed: u64,
    },
    /// Adapt the acoustic model to telephones, as the committed repair leaves them
    Adapt {
        /// Draws other sentences
        #[arg(long, default_value_t = 7)]
        seed: u64,
    },
    /// Count the words that are misheard over a telephone
    Measure(Box<measure::Options>),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let model = arguments.root.join("src/provider/pocketsphinx/model");
    let speech = arguments.root.join("fixtures/speech");
    let result = match &arguments.command {
        Command::Language { seed } => languages(&speech, *seed).and_then(|languages| {
            let mut written = languages.iter();
            written.try_for_each(|(file, language)| {
                write(&model.join(file), language.arpa().as_bytes())
            })
        }),
        Command::Dictionary => dictionary(&speech, &arguments.models)
            .and_then(|text| write(&model.join("words.dict"), text.as_bytes())),
        Command::Repair { voices, seed } => {
            let gathered = || arguments.root.join("target/voices");
            let voices = voices.clone().unwrap_or_else(gathered);
            repair(&speech, &voices, *seed).and_then(|[quiet, noisy]| {
                write(&model.join("band-repair.bin"), &quiet.bytes())?;
                write(&model.join("noise-repair.bin"), &noisy.bytes())
            })
        }
        Command::Adapt { seed } => adaptation(&speech, &model, &arguments.models, *seed)
            .and_then(|bytes| write(&model.join("adaptation.bin"), &bytes)),
        Command::Measure(options) => measure::run(options, &arguments.models),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("speechmodel: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The language models with the names of their files: of every conversation, and of each thing that may be asked for.
fn languages(speech: &Path, seed: u64) -> Result<Vec<(String, ngram::Model)>, String> {
    let grammar = phone_grammar(speech)?;
    let mut models = vec![("phone.arpa".to_owned(), language(&grammar, seed))];
    for expected in Expected::ALL.into_iter().skip(1) {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut counter = ngram::Counter::default();
        for _ in 0..DRAWN {
            counter.add(&grammar.draw_answer(expected.name(), &mut random));
        }
        let model = counter.smooth(ANSWERS, TWICE, TWICE);
        models.push((format!("{}.arpa", expected.name()), model));
    }
    Ok(models)
}

fn phone_grammar(speech: &Path) -> Result<grammar::Grammar, String> {
    let text = read(&speech.join("phone.grammar"))?;
    let names = read(&speech.join("../../call/src/spelling/names.txt"))?;
    grammar::Grammar::parse(&(words::rules(&text) + &words::names(&names) + &text))
}

fn language(grammar: &grammar::Grammar, seed: u64) -> ngram::Model {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut counter = ngram::Counter::default();
    for _ in 0..DRAWN {
        counter.add(&grammar.draw(&mut random));
    }
    counter.smooth(OBSERVED, LEAST, 0.0)
}

fn dictionary(speech: &Path, models: &Path) -> Result<String, String> {
    let languages = languages(speech, 1)?;
    let mut dictionary = dictionary::Dictionary::default();
    dictionary.add(&read(&models.join("cmudict-en-us.dict"))?);
    dictionary.add(&read(&speech.join("phone.dict"))?);
    let mut generic = native::pocketsphinx::likeliest_words(&models.join("en-us.lm.bin"))
        .map_err(|error| error.to_string())?;
    generic.truncate(GENERIC_WORDS);
    let words: Vec<&str> = languages
        .iter()
        .flat_map(|(_, model)| model.words())
        .collect();
    dictionary.choose(&words, &generic)
}

fn repair(speech: &Path, voices: &Path, seed: u64) -> Result<[Network; 2], String> {
    let grammar = phone_grammar(speech)?;
    let varied = read(&speech.join("varied.txt"))?;
    let varied: Vec<&str> = varied.lines().filter(|l| !l.starts_with('#')).collect();
    let mut random = fastrand::Rng::with_seed(seed);
    let mut speakers = voices::read(voices)?;
    for voice in Voice::ALL {
        let mut prompts = Vec::new();
        for index in 0..SPOKEN {
            let text = match varied.get(index) {
                Some(text) => (*text).to_owned(),
                None => long_enough(&grammar, &mut random),
            };
            prompts.push(agentphone::bench::speech::sound::spoken(voice, &text)?);
        }
        speakers.push(voices::Speaker {
            name: voice.name().to_owned(),
            prompts,
        });
    }
    // Chances of its own for each, so that one can be changed without the other.
    let network = |shape, more| {
        let mut random = fastrand::Rng::with_seed(seed + more);
        fitted(shape, &speakers, &mut random)
    };
    Ok([network(QUIET, 1), network(NOISY, 0)])
}

/// Returns the bytes of the adaptation of the acoustic model.
fn adaptation(speech: &Path, model: &Path, models: &Path, seed: u64) -> Result<Vec<u8>, String> {
    let folder = models.join("en-us");
    let means = folder.join("means");
    let means = fs::read(&means).map_err(|error| format!("{}: {error}", means.display()))?;
    let mut hmm = hmm::Hmm::read(&folder)?;
    let grammar = phone_grammar(speech)?;
    let mut dictionary = align::pronunciations(&read(&model.join("words.dict"))?, &hmm);
    // Whether Flite means the letter or the article is its own decision.
    let article = dictionary.get("a").cloned().unwrap_or_default();
    dictionary
        .entry("a.".to_owned())
        .or_default()
        .extend(article);
    let sentences = sentences::hear(&grammar, &dictionary, HEARD, seed)?;
    adapt::adapt(&mut hmm, &sentences, &dictionary)?;
    acoustic::difference(&means, &hmm.means).map_err(|error| error.to_string())
}

/// Returns a network fitted on all that these speakers say but the last twentieth of each, and prints how well it does there.
fn fitted(shape: Shape, speakers: &[voices::Speaker], random: &mut fastrand::Rng) -> Network {
    let mut telephone = pairs::Telephone::new(random.fork());
    let mut examples = Vec::new();
    let mut kept_back = Vec::new();
    for speaker in speakers {
        let mut last = Vec::new();
        for (index, spoken) in speaker.prompts.iter().enumerate() {
            let more = telephone.examples(spoken, index, shape);
            if index * 20 / speaker.prompts.len() == 19 {
                last.extend(more);
            } else {
                examples.extend(more);
            }
        }
        eprintln!("{}: {} frames so far", speaker.name, examples.len());
        kept_back.push((&speaker.name, last));
    }
    let network = fit::fit(shape, &examples, ROUNDS, random);
    for (name, examples) in &kept_back {
        let explained = fit::explained(&network, examples);
        println!("{name}: explained of each band {explained:.2?}");
    }
    network
}

/// Draws a sentence with enough sounds in it to be worth speaking.
fn long_enough(grammar: &grammar::Grammar, random: &mut fastrand::Rng) -> String {
    loop {
        let text = grammar.draw(random).join(" ");
        if text.len() >= 30 {
            return text;
        }
    }
}

fn read(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), String> {
    fs::write(path, bytes).map_err(|error| format!("{}: {error}", path.display()))?;
    println!("{}: {} bytes", path.display(), bytes.len());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
    }

    #[test]
    fn the_committed_language_models_are_counted_from_the_committed_grammar() {
        for (file, model) in languages(&root().join("fixtures/speech"), 1).unwrap() {
            let folder = root().join("src/provider/pocketsphinx/model");
            let committed = read(&folder.join(&file)).unwrap();
            assert!(
                model.arpa() == committed,
                "{file} is not what the grammar gives; run `make speech-model` and commit it"
            );
        }
    }

    #[test]
    fn the_committed_dictionary_is_chosen_from_the_committed_sources() {
        let chosen =
            dictionary(&root().join("fixtures/speech"), Path::new(DEFAULT_MODELS)).unwrap();
        let committed = read(&root().join("src/provider/pocketsphinx/model/words.dict")).unwrap();
        assert!(
            chosen == committed,
            "words.dict is not what its sources give; run `make speech-model` and commit it"
        );
    }

    #[test]
    fn sentences_to_choose_and_to_measure_with_are_never_drawn() {
        let speech = root().join("fixtures/speech");
        let grammar = phone_grammar(&speech).unwrap();
        for list in ["held-out.txt", "development.txt"] {
            let list = read(&speech.join(list)).unwrap();
            let lines = list.lines().filter(|line| !line.starts_with('#'));
            let drawn: Vec<&str> = lines.filter(|line| grammar.says(line)).collect();
            assert_eq!(drawn, Vec::<&str>::new());
        }
    }
}
