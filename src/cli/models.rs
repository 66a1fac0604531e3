//! `agentphone models`: which models of Whisper there are, getting one, and whether those that are here are whole.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{Args, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};

use serde_json::json;

use super::{
    Failure, Place, complain, data_dir, say,
    terminal::{Output, data},
};
use crate::{
    config::Config,
    provider::whisper::models::{self, Checksum, DEFAULT_URL, KNOWN, Progress},
};

#[derive(Debug, Args)]
pub(super) struct Command {
    #[command(subcommand)]
    action: Action,
    #[command(flatten)]
    output: Output,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List the models that can be pulled, and those that are here
    List {
        #[command(flatten)]
        place: Place,
    },
    /// Get a model; one that was broken off is gone on with
    Pull {
        /// Its name, as `models list` shows it: base.en
        name: String,
        /// The SHA-256 that the file must have; needed for a model that `models list` does not know
        #[arg(long, value_name = "HEX")]
        sha256: Option<String>,
        /// Get it from below this address instead of stt.whisper.models_url
        #[arg(long, value_name = "URL")]
        url: Option<String>,
        #[command(flatten)]
        place: Place,
    },
    /// Read models to their ends: whether they are whole, and their checksums right
    ///
    /// The exit status is 0 when all are.
    Verify {
        /// Their names; all that are here when none is given
        names: Vec<String>,
        #[command(flatten)]
        place: Place,
    },
}

pub(super) async fn run(command: Command) -> Result<ExitCode, Failure> {
    let output = command.output;
    match command.action {
        Action::List { place } => list(&place.config()?, output),
        Action::Pull {
            name,
            sha256,
            url,
            place,
        } => {
            let file = pull(&place.config()?, &name, sha256.as_deref(), url).await?;
            if output.json {
                data(json!({ "name": name, "file": file }));
            } else {
                say(&format!("{}", file.display()));
            }
            Ok(ExitCode::SUCCESS)
        }
        Action::Verify { names, place } => verify(&place.config()?, names, output),
    }
}

fn folder(config: &Config) -> PathBuf {
    Config::models_folder(&data_dir(config))
}

fn list(config: &Config, output: Output) -> Result<ExitCode, Failure> {
    let folder = folder(config);
    let mut here = here(&folder)?;
    let chosen = config.whisper_model();
    let mut models: Vec<_> = KNOWN
        .iter()
        .map(|known| (known.name.to_owned(), u64::from(known.mebibytes)))
        .collect();
    here.retain(|name| KNOWN.iter().all(|known| known.name != name));
    models.extend(here.into_iter().map(|name| {
        let size = fs::metadata(models::path(&folder, &name)).map_or(0, |file| file.len());
        (name, size >> 20)
    }));
    let found = |name: &str| {
        let file = models::path(&folder, name);
        (file.is_file(), file == chosen)
    };
    if output.json {
        let model = |(name, mebibytes): &(String, u64)| {
            let (here, configured) = found(name);
            json!({ "name": name, "mebibytes": mebibytes, "here": here, "configured": configured })
        };
        let models: Vec<_> = models.iter().map(model).collect();
        data(json!({ "folder": folder, "models": models }));
        return Ok(ExitCode::SUCCESS);
    }
    for (name, mebibytes) in &models {
        let state = match found(name) {
            (true, true) => "here, in use when stt.providers names \"whisper\"",
            (true, false) => "here",
            (false, true) => "configured, and not here",
            (false, false) => "",
        };
        let size = format!("{mebibytes} MiB");
        say(format!("{name:<22}{size:>9}  {state}").trim_end());
    }
    say(&format!("in {}", folder.display()));
    Ok(ExitCode::SUCCESS)
}

/// The names of the models in a folder, sorted.
fn here(folder: &Path) -> Result<Vec<String>, Failure> {
    let files = match fs::read_dir(folder) {
        Ok(files) => files,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => {
            return Err(Failure::new(format!(
                "{} cannot be read: {error}.",
                folder.display()
            )));
        }
    };
    let name = |file: io::Result<fs::DirEntry>| {
        let name = file.ok()?.file_name().into_string().ok()?;
        let name = name.strip_prefix("ggml-")?.strip_suffix(".bin")?;
        Some(name.to_owned())
    };
    let mut names: Vec<String> = files.filter_map(name).collect();
    names.sort();
    Ok(names)
}

async fn pull(
    config: &Config,
    name: &str,
    sha256: Option<&str>,
    url: Option<String>,
) -> Result<PathBuf, Failure> {
    // A name becomes part of a path and of an address.
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    if name.is_empty() || name.starts_with('.') || !name.chars().all(plain) {
        return Err(Failure::new(format!(
            "\"{name}\" is no name of a model; `agentphone models list` shows some."
        )));
    }
    let folder = folder(config);
    let file = models::path(&folder, name);
    let wanted = match sha256 {
        Some(hex) => Checksum::sha256(hex).map_err(Failure::new)?,
        None => models::checksum(&file).ok_or_else(|| {
            Failure::new(format!("No checksum of \"{name}\" is known; say which it must have with --sha256, or choose one of `agentphone models list`."))
        })?,
    };
    let set = |url: &String| !url.is_empty();
    let url = url.or(Some(config.stt.whisper.models_url.clone()).filter(set));
    let url = url.unwrap_or_else(|| DEFAULT_URL.to_owned());
    let bar = bar();
    let pulled = models::pull(&url, &folder, name, &wanted, |progress| match progress {
        Progress::Here(count, total) => {
            if let Some(total) = total {
                bar.set_length(total);
            }
            bar.set_position(count);
        }
        Progress::Checking => bar.set_message("checking"),
    });
    let pulled = pulled.await;
    bar.finish_and_clear();
    pulled.map_err(|problem| Failure::new(format!("{problem}.")))
}

fn verify(config: &Config, names: Vec<String>, output: Output) -> Result<ExitCode, Failure> {
    let folder = folder(config);
    let names = if names.is_empty() {
        here(&folder)?
    } else {
        names
    };
    if names.is_empty() {
        return Err(Failure::new(format!(
            "There is no model in {}; `agentphone models pull base.en` gets one.",
            folder.display()
        )));
    }
    let mut all_good = true;
    let mut verified = Vec::new();
    for name in names {
        let file = models::path(&folder, &name);
        let bar = bar();
        bar.set_length(fs::metadata(&file).map_or(0, |file| file.len()));
        let found = models::verify(&file, |count| bar.inc(count));
        bar.finish_and_clear();
        let (Ok(what) | Err(what)) = &found;
        verified.push(json!({ "name": name, "whole": found.is_ok(), "found": what }));
        match found {
            Ok(_) if output.json => {}
            Ok(what) => say(&format!("ok       {name}: {what}")),
            Err(problem) => {
                all_good = false;
                complain(&format!("damaged  {name}: {problem}"));
            }
        }
    }
    if output.json {
        data(verified);
    }
    Ok(if all_good {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// A bar on standard error; none when that is no terminal.
fn bar() -> ProgressBar {
    let style = ProgressStyle::with_template(
        "{wide_bar} {bytes} of {total_bytes}, {bytes_per_sec}, {eta} {msg}",
    );
    let bar = ProgressBar::new(0);
    match style {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}
