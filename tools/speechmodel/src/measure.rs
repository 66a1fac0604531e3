//! Measures the recogniser: sentences spoken by Flite's voices, and recordings, over a telephone.

use std::{
    borrow::Cow,
    fs,
    path::{Path, PathBuf},
};

use agentphone::{
    bench::{
        library::{Kind, Library, Part},
        speech::{Conditions, Summary, Utterance, measure},
    },
    driver::clock,
    provider::{
        SttInput, SttOptions,
        pocketsphinx::{
            Steps,
            recogniser::{Recogniser, Settings},
        },
    },
};
use call::Expected;
use clap::Args;
use native::flite::Voice;

/// What is measured, and which models are tried instead of the recogniser's own.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// A list of sentences, one a line, that voices speak; may be given several times
    #[arg(long)]
    text: Vec<PathBuf>,
    /// A folder of recordings with a MANIFEST.md; may be given several times
    #[arg(long)]
    audio: Vec<PathBuf>,
    /// Has the voices speak what is said in the recordings, instead of the recordings
    #[arg(long)]
    spoken: bool,
    /// Takes only the recordings that are kept to check with
    #[arg(long)]
    held_out: bool,
    /// Voices that speak the sentences
    #[arg(long, value_delimiter = ',', default_value = "rms,slt,awb,kal16")]
    voices: Vec<String>,
    /// Takes only every so many-th sentence and recording
    #[arg(long, default_value_t = 1)]
    every: usize,
    /// Begins with this one, counted from 0
    #[arg(long, default_value_t = 0)]
    from: usize,
    /// What the agent has asked for: anything, number, email or spelling
    #[arg(long, default_value = "anything")]
    expect: String,
    /// White noise on the line, in dBFS; speech is at -22
    #[arg(long, allow_negative_numbers = true)]
    noise: Option<f32>,
    /// Seeds the noise
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Prints every utterance that was misheard
    #[arg(long)]
    faults: bool,
    /// Threads that hear calls
    #[arg(long, default_value_t = 2)]
    threads: usize,
    /// Another language model (ARPA)
    #[arg(long)]
    language: Option<PathBuf>,
    /// Another dictionary
    #[arg(long)]
    dictionary: Option<PathBuf>,
    /// Another band repair
    #[arg(long)]
    repair: Option<PathBuf>,
    /// Another repair of noisy lines
    #[arg(long)]
    noise_repair: Option<PathBuf>,
    /// Another adaptation of the acoustic model; an empty file leaves the model as it is
    #[arg(long)]
    adaptation: Option<PathBuf>,
    /// Another share of the generic language model, 0 to 1
    #[arg(long)]
    generic_share: Option<f32>,
    /// Another share of what was not asked for, beside what was
    #[arg(long)]
    unexpected_share: Option<f32>,
    /// Another weight of the language against the sound
    #[arg(long)]
    language_weight: Option<f64>,
}

/// Measures and prints, a line per voice or folder and one for everything.
///
/// # Errors
/// When a file cannot be read or the recogniser fails.
pub(crate) fn run(options: &Options, models: &Path) -> Result<(), String> {
    let settings = settings(options)?;
    let utterances = utterances(options)?;
    let names = Expected::ALL.map(Expected::name).join(", ");
    let expected = Expected::from_name(&options.expect)
        .ok_or_else(|| format!("{:?} is nothing to expect; one of {names}", options.expect))?;
    let open = || {
        let recogniser = Recogniser::load(models, &settings).map_err(|error| error.to_string())?;
        let telephone = SttOptions {
            narrowband: true,
            ..SttOptions::default()
        };
        let mut steps = Steps::here(recogniser, telephone)?;
        steps.input(SttInput::Expect(expected))?;
        Ok(steps)
    };
    let conditions = Conditions {
        noise: options.noise,
        seed: options.seed,
        threads: options.threads,
        clock: clock::processor,
    };
    let measured = measure(&utterances, &conditions, &open)?;
    if options.faults {
        for (utterance, result) in utterances.iter().zip(&measured) {
            if result.score.faults() > 0 {
                println!("{}: {}", utterance.speaker, utterance.text);
                println!("    {}", result.heard.text);
            }
        }
    }
    let mut speakers: Vec<&str> = utterances.iter().map(|u| u.speaker.as_str()).collect();
    speakers.dedup();
    for speaker in speakers {
        let of = |u: &Utterance| u.speaker == speaker;
        line(speaker, &Summary::of(&utterances, &measured, of));
    }
    line("all", &Summary::of(&utterances, &measured, |_| true));
    Ok(())
}

fn line(name: &str, summary: &Summary) {
    let score = &summary.score;
    let time = |value: Option<f64>| value.map_or("-".to_owned(), |ms| format!("{ms:.0}"));
    println!(
        "{name:<12} {:5.1} % of {} words ({} other, {} missed, {} made up); partial p50 {} ms, final p50 {} p95 {} ms; load {:.3}",
        100.0 * score.rate(),
        score.words,
        score.substituted,
        score.deleted,
        score.inserted,
        time(summary.partial_ms.p50),
        time(summary.final_ms.p50),
        time(summary.final_ms.p95),
        summary.load,
    );
}

fn settings(options: &Options) -> Result<Settings, String> {
    let mut settings = Settings::default();
    let file = |path: &PathBuf| {
        let bytes = fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
        Ok::<_, String>(Cow::Owned(bytes))
    };
    if let Some(path) = &options.language {
        settings.phone_model = file(path)?;
    }
    if let Some(path) = &options.dictionary {
        settings.dictionary = file(path)?;
    }
    if let Some(path) = &options.repair {
        settings.band_repair = file(path)?;
    }
    if let Some(path) = &options.noise_repair {
        settings.noise_repair = file(path)?;
    }
    if let Some(path) = &options.adaptation {
        settings.adaptation = file(path)?;
    }
    if let Some(share) = options.generic_share {
        settings.generic_share = share;
    }
    if let Some(share) = options.unexpected_share {
        settings.unexpected_share = share;
    }
    if let Some(weight) = options.language_weight {
        settings.language_weight = weight;
    }
    Ok(settings)
}

fn utterances(options: &Options) -> Result<Vec<Utterance>, String> {
    let library = Library::load(&options.audio).map_err(|error| error.to_string())?;
    let speech = library.recordings.iter().filter(|r| {
        let speech = r.kind == Kind::Speech && !r.transcript.is_empty();
        speech && (!options.held_out || r.part == Part::HeldOut)
    });
    let recordings = chosen(options, speech);
    let mut lines = Vec::new();
    for path in &options.text {
        let text = crate::read(path)?;
        let sentences = text.lines().filter(|line| !line.starts_with('#'));
        lines.extend(chosen(options, sentences.map(str::to_owned)));
    }
    if options.spoken {
        lines.extend(recordings.iter().map(|recording| recording.words()));
    }
    let mut utterances = Vec::new();
    for name in &options.voices {
        let voice = Voice::from_name(name)
            .ok_or_else(|| format!("there is no voice {name}; try rms, slt, awb or kal16"))?;
        for line in &lines {
            utterances.push(Utterance::spoken(voice, line)?);
        }
    }
    if !options.spoken {
        utterances.extend(recordings.into_iter().map(Utterance::recorded));
    }
    if utterances.is_empty() {
        return Err("there is nothing to measure; give --text or --audio".to_owned());
    }
    Ok(utterances)
}

fn chosen<T>(options: &Options, all: impl Iterator<Item = T>) -> Vec<T> {
    all.skip(options.from)
        .step_by(options.every.max(1))
        .collect()
}
