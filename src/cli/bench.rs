//! `agentphone bench`: measures turn-taking on recorded sound, shows the figures, and writes them as JSON.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
    thread,
};

use call::CallConfig;
use clap::{Args, Subcommand, ValueEnum};

use self::{
    show::{progress, turns},
    traces::Traces,
};
use super::{Failure, say};
use crate::{
    bench::{
        Trial, barge_in, bars, dialogue, end_of_turn, examples, fit, latency,
        library::{Library, Part},
        report::{Audio, Drawn, Page, Report, Trace, Trials},
        run::play_all,
        speech,
        stage::Stage,
    },
    config::Config,
    driver::clock,
    provider::{
        flite::instant::InstantFlite,
        pocketsphinx::{lockstep::LockStep, phone_model},
    },
};

mod capacity;
mod show;
mod traces;

pub(super) use self::capacity::{WhichLine, be_measured};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    #[command(flatten)]
    Played(Experiment),
    /// Measure what a call costs while many are held at once, on the real clock
    ///
    /// The program runs as a process of its own; this one holds the telephones. docs/capacity.md tells what is measured.
    Capacity(capacity::Command),
}

/// Experiments that play trials on the virtual clock.
#[derive(Debug, Subcommand)]
pub(super) enum Experiment {
    /// Measure when the agent takes its turn: mid-turn pauses cut, and the delay after true ends
    Turns(Options),
    /// Measure what happens when something is heard over the agent's speech: words, a listener's sounds, coughs, echo
    BargeIn {
        #[command(flatten)]
        options: Options,
        /// How many trials with nothing but the agent's own echo
        #[arg(long, value_name = "N", default_value_t = 100)]
        echoes: usize,
    },
    /// Measure how many words the recogniser mishears, and how late words come
    ///
    /// Words are the same on any machine; the times are computing on this one.
    Speech(Options),
    /// Measure what the engine itself adds between the stages, with services that answer at once
    Latency(Options),
    /// Fit the weights by which the end of a turn is decided, on the tuning part, and write them
    ///
    /// For those who change the engine: `make endpoint-model` runs this.
    Fit {
        #[command(flatten)]
        options: Options,
        /// The project's folder, where the files are
        #[arg(long, value_name = "DIR", default_value = ".")]
        project: PathBuf,
    },
}

/// What every experiment can be told.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// Recordings: a folder with a MANIFEST.md, or a manifest; may be given more than once
    ///
    /// Without any, and when `make bench-audio` was run here, what it gathered; otherwise Flite's sentences alone.
    #[arg(long, value_name = "DIR")]
    audio: Vec<PathBuf>,
    /// Draw trials from this seed: the same gives the same figures on any machine
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// How many trials of each group
    #[arg(long, value_name = "N", default_value_t = 20)]
    size: usize,
    /// Which recordings and sentences: those that the engine may be tuned on, or those kept to check it with
    #[arg(long, value_enum, default_value_t = WhichPart::HeldOut)]
    part: WhichPart,
    /// Only trials on lines of this kind: quiet, echo, loss, "noise at 10 dB", "babble at 5 dB", …
    #[arg(long, value_name = "NAME")]
    line: Option<String>,
    /// Trials that are played at the same time; changes no figure [default: all processors]
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
    /// Write the figures to this file
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write a report for people to this file: tables, curves, histograms, and any trial as a timeline
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Keep what the recogniser answered in this file, so that a second run need not compute it
    #[arg(long, value_name = "FILE")]
    answers: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum WhichPart {
    Tuning,
    HeldOut,
}

/// Where `make bench-audio` puts what it gathers.
const GATHERED: &str = "target/bench-audio";

pub(super) async fn run(command: Command) -> Result<ExitCode, Failure> {
    let command = match command {
        Command::Played(command) => command,
        Command::Capacity(command) => return capacity::run(command).await,
    };
    // Trials are played in runtimes of their own, which must not be made inside this one.
    let work = tokio::task::spawn_blocking(move || match command {
        Experiment::Turns(options) => options.turns(),
        Experiment::BargeIn { options, echoes } => options.barge_in(echoes),
        Experiment::Speech(options) => options.speech(),
        Experiment::Latency(options) => options.latency(),
        Experiment::Fit { options, project } => options.fit(&project),
    });
    work.await?
}

impl Options {
    fn turns(&self) -> Result<ExitCode, Failure> {
        let (library, mut report) = self.prepare()?;
        let trials = self.trials(&library)?;
        let (stage, answers) = self.stage()?;
        let bar = progress("turns", end_of_turn::plays(&trials));
        let traces = Traces::new(self.html.is_some());
        let found = end_of_turn::measure(
            &stage,
            &trials,
            self.threads(),
            &|| bar.inc(1),
            &|trial, played| traces.keep(trial, played, true),
        )?;
        bar.finish_and_clear();
        self.keep(&answers)?;
        turns(&found.end_of_turn, &found.felt_silence);
        report.bars = bars::known::end_of_turn(&found.end_of_turn);
        report.end_of_turn = Some(found.end_of_turn);
        report.felt_silence_ms = Some(found.felt_silence);
        let trials = Trials {
            turns: found.turns,
            ..traces.into()
        };
        self.write(&report, &trials)
    }

    fn barge_in(&self, echoes: usize) -> Result<ExitCode, Failure> {
        let (library, mut report) = self.prepare()?;
        let trials = dialogue::barge_in(&library, self.seed, self.size, echoes, self.part())?;
        let trials = self.on_line(trials)?;
        let (stage, answers) = self.stage()?;
        let bar = progress("barge-in", barge_in::plays(&trials));
        let traces = Traces::new(self.html.is_some());
        let (found, outcomes) = barge_in::measure(
            &stage,
            &trials,
            self.threads(),
            || bar.inc(1),
            |trial, played, outcome| {
                let eventful = outcome.what != barge_in::What::Echo || outcome.paused;
                traces.keep(trial, played, eventful);
            },
        )?;
        bar.finish_and_clear();
        self.keep(&answers)?;
        report.bars = bars::known::barge_in(&found);
        show_figures(bars::known::BARGE_IN, &found, &mut report)?;
        let trials = Trials {
            barge_in: outcomes,
            ..traces.into()
        };
        self.write(&report, &trials)
    }

    fn speech(&self) -> Result<ExitCode, Failure> {
        let (library, mut report) = self.prepare()?;
        let config = Config::load(None, std::iter::empty())?;
        let program = std::env::current_exe()?;
        let models = &config.stt.pocketsphinx.models;
        let bar = progress("speech", 1);
        let (found, said) = speech::run(
            &library,
            self.part(),
            self.size,
            self.seed,
            &program,
            models,
            &|begun, all| {
                bar.set_length(all as u64);
                bar.set_position(begun as u64);
            },
        )
        .map_err(Failure::new)?;
        bar.finish_and_clear();
        report.bars = bars::known::speech(&found);
        show_figures(bars::known::SPEECH, &found, &mut report)?;
        let trials = Trials {
            speech: said.iter().map(speech::Hearing::from).collect(),
            traces: said.iter().map(Trace::of_said).collect(),
            ..Trials::default()
        };
        self.write(&report, &trials)
    }

    fn latency(&self) -> Result<ExitCode, Failure> {
        let (library, mut report) = self.prepare()?;
        let trials = self.trials(&library)?;
        let (stage, _) = self.stage()?;
        let bar = progress("latency", trials.len());
        let traces = Traces::new(self.html.is_some());
        let (found, answers) = latency::measure(
            &stage,
            &trials,
            self.threads(),
            || bar.inc(1),
            |trial, played| traces.keep(trial, played, true),
        )?;
        bar.finish_and_clear();
        report.bars = bars::known::latency(&found);
        show_figures(bars::known::LATENCY, &found, &mut report)?;
        let trials = Trials {
            latency: answers,
            ..traces.into()
        };
        self.write(&report, &trials)
    }

    fn fit(&self, project: &Path) -> Result<ExitCode, Failure> {
        let endings = fit::endings::table(phone_model());
        write_file(&project.join("call/src/ending/odds.txt"), &endings)?;
        let (library, _) = self.prepare()?;
        let trials = self.trials(&library)?;
        let (mut stage, answers) = self.stage()?;
        // So patient that the core takes no turn before it was asked what it knows.
        stage.config.patience = 3.0;
        let bar = progress("fit", trials.len());
        let origin = clock::now();
        let found = play_all(
            &stage,
            &trials,
            self.threads(),
            || bar.inc(1),
            |trial, played| examples::of(trial, played, origin),
        )?;
        bar.finish_and_clear();
        self.keep(&answers)?;
        let found: Vec<_> = found.into_iter().flatten().collect();
        let fit = fit::fit(&found).ok_or_else(|| {
            Failure::new(
                "There are too few silences to fit anything to; use a larger --size.".into(),
            )
        })?;
        let line = |(weight, name): (&f64, &&str)| format!("{weight:+.3} {name}\n");
        let text: String = fit
            .weights
            .iter()
            .zip(&call::END_FEATURES)
            .map(line)
            .collect();
        say(&text);
        say(&format!(
            "{} ends, {} pauses; an end has the better odds in {:.1}% of the pairs",
            fit.ends,
            fit.pauses,
            fit.separation * 100.0
        ));
        write_file(&project.join("call/src/endpoint/weights.txt"), &text)?;
        say("Build again to use them.");
        Ok(ExitCode::SUCCESS)
    }

    fn trials(&self, library: &Library) -> Result<Vec<Trial>, Failure> {
        self.on_line(dialogue::turns(library, self.seed, self.size, self.part())?)
    }

    fn on_line(&self, mut trials: Vec<Trial>) -> Result<Vec<Trial>, Failure> {
        if let Some(line) = &self.line {
            trials.retain(|trial| trial.line == line);
        }
        if trials.is_empty() {
            return Err(Failure::new(
                "There are no trials: choose another --line, a larger --size, or more --audio."
                    .into(),
            ));
        }
        Ok(trials)
    }

    fn part(&self) -> Part {
        match self.part {
            WhichPart::Tuning => Part::Tuning,
            WhichPart::HeldOut => Part::HeldOut,
        }
    }

    fn threads(&self) -> usize {
        let all = || thread::available_parallelism().map_or(1, usize::from);
        self.threads.unwrap_or_else(all)
    }

    fn prepare(&self) -> Result<(Library, Report), Failure> {
        let mut folders = self.audio.clone();
        let gathered = PathBuf::from(GATHERED);
        if folders.is_empty() && gathered.is_dir() {
            folders.push(gathered);
        }
        let library = Library::load(&folders)?;
        let drawn = Drawn {
            seed: self.seed,
            size: self.size,
            part: match self.part {
                WhichPart::Tuning => "tuning",
                WhichPart::HeldOut => "held_out",
            },
            audio: Audio {
                hash: library.hash.clone(),
                recordings: library.recordings.len(),
                folders: folders.iter().map(|f| f.display().to_string()).collect(),
            },
        };
        let report = Report::new(Some(drawn));
        Ok((library, report))
    }

    /// Makes the stage, with the recogniser of the default configuration.
    fn stage(&self) -> Result<(Stage, LockStep), Failure> {
        let config = Config::load(None, std::iter::empty())?;
        let program = std::env::current_exe()?;
        let hearing = LockStep::new(&config.stt.pocketsphinx.models, &program);
        if let Some(file) = &self.answers {
            hearing.remember(file);
        }
        let stage = Stage {
            stt: Arc::new(hearing.clone()),
            tts: InstantFlite::default(),
            config: CallConfig::default(),
        };
        Ok((stage, hearing))
    }

    fn keep(&self, hearing: &LockStep) -> Result<(), Failure> {
        match &self.answers {
            Some(file) => Ok(hearing.save(file)?),
            None => Ok(()),
        }
    }

    fn write(&self, report: &Report, trials: &Trials) -> Result<ExitCode, Failure> {
        write(report, trials, self.json.as_deref(), self.html.as_deref())?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Shows the figures of an experiment and puts them into the report.
fn show_figures(
    name: &'static str,
    found: &impl serde::Serialize,
    report: &mut Report,
) -> Result<(), Failure> {
    let figures = serde_json::to_value(found)?;
    say(&serde_json::to_string_pretty(&figures)?);
    report.others.insert(name, figures);
    Ok(())
}

/// Shows how far the run is from its bars, and writes what was asked for.
fn write(
    report: &Report,
    trials: &Trials,
    json: Option<&Path>,
    html: Option<&Path>,
) -> Result<(), Failure> {
    for line in bars::lines(&report.bars) {
        say(&line);
    }
    if let Some(file) = json {
        let mut text = serde_json::to_string_pretty(report)?;
        text.push('\n');
        write_file(file, &text)?;
        say(&format!("figures: {}", file.display()));
    }
    if let Some(file) = html {
        write_file(file, &Page::new(report, trials).write()?)?;
        say(&format!("report: {}", file.display()));
    }
    Ok(())
}

fn write_file(file: &Path, text: &str) -> Result<(), Failure> {
    std::fs::write(file, text)
        .map_err(|error| Failure::new(format!("{} cannot be written: {error}.", file.display())))
}
