//! From the text of a scenario to a [`Scenario`], or to a sentence that names file, line and what is expected.
//!
//! Decides the language, which `docs/scenarios.md` describes. Reads no files: whether a recording exists is
//! found out when it is loaded.

mod steps;
mod words;

#[cfg(test)]
mod tests;

use std::time::Duration;

use media::{Law, impair::NetworkConfig};

use self::{
    steps::Steps,
    words::{Words, Wrong},
};
use super::scenario::{Echo, Scenario, Settings};

/// The voices that can play a callee, best understood first.
pub const VOICES: [&str; 4] = ["rms", "awb", "kal16", "slt"];

/// The longest text of a scenario, in bytes.
pub const LONGEST_FILE: usize = 64 * 1024;

/// The networks that can be named.
const NETWORKS: [(&str, NetworkConfig); 4] = [
    ("clean", NetworkConfig::CLEAN),
    ("wifi", NetworkConfig::WIFI),
    ("mobile", NetworkConfig::MOBILE),
    ("congested", NetworkConfig::CONGESTED),
];

const KEYS: [&str; 9] = [
    "about", "voice", "ring", "patience", "longest", "codec", "network", "noise", "echo",
];

/// Why a scenario cannot be used: a sentence that names the place and what is expected there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}, line {line}: {message}")]
pub struct ScenarioError {
    /// The file as it was named.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// What is wrong there.
    pub message: String,
}

/// Reads a scenario; `file` is how messages name it.
///
/// # Errors
/// At the first line that is not a scenario's.
pub fn parse(file: &str, text: &str) -> Result<Scenario, ScenarioError> {
    let fail = |line, message| ScenarioError {
        file: file.to_owned(),
        line,
        message,
    };
    if text.len() > LONGEST_FILE {
        return Err(fail(
            1,
            format!("a scenario has at most {LONGEST_FILE} bytes"),
        ));
    }
    let mut lines = text.lines().zip(1..);
    let mut header = Header::default();
    let mut steps = Steps::default();
    loop {
        let Some((line, number)) = lines.next() else {
            let line = text.lines().count().max(1);
            let missing = "expected a line `---` between the settings and the steps";
            return Err(fail(line, missing.into()));
        };
        if line.trim() == "---" {
            break;
        }
        let read = header.line(line, number, &mut steps);
        read.map_err(|message| fail(number, message))?;
    }
    let mut last = 1;
    for (line, number) in lines {
        let read = steps.line(line, number, header.settings.patience);
        read.map_err(|message| fail(number, message))?;
        last = number;
    }
    let (reaction, sounds) = steps
        .finish(last)
        .map_err(|(line, message)| fail(line, message))?;
    Ok(Scenario {
        about: header.about,
        settings: header.settings,
        reaction,
        sounds,
    })
}

/// The settings read so far.
#[derive(Default)]
struct Header {
    about: String,
    settings: Settings,
    seen: Vec<&'static str>,
}

impl Header {
    fn line(&mut self, line: &str, number: usize, steps: &mut Steps) -> Result<(), Wrong> {
        if Words::new(line)?.is_empty() {
            return Ok(());
        }
        if line.trim_start().starts_with("if ") {
            return steps.everywhere(line, number, self.settings.patience);
        }
        let Some((key, value)) = line.split_once(':') else {
            return Err(
                "expected a setting such as `ring: 2 s`, or `---` before the first step".into(),
            );
        };
        let key = key.trim();
        let Some(&key) = KEYS.iter().find(|&&known| known == key) else {
            let known = KEYS.join(", ");
            return Err(format!("unknown setting `{key}`, expected one of: {known}"));
        };
        if self.seen.contains(&key) {
            return Err(format!("`{key}` is set twice"));
        }
        self.seen.push(key);
        if key == "about" {
            value.trim().clone_into(&mut self.about);
            return Ok(());
        }
        let mut words = Words::new(value)?;
        self.set(key, &mut words)?;
        words.end()
    }

    fn set(&mut self, key: &str, words: &mut Words) -> Result<(), Wrong> {
        let settings = &mut self.settings;
        let (tick, minute) = (Duration::from_millis(20), Duration::from_secs(60));
        match key {
            "voice" => VOICES[words.choice(&VOICES)?].clone_into(&mut settings.voice),
            "ring" => settings.ring = words.duration(Duration::ZERO..=10 * minute)?,
            "patience" => settings.patience = words.duration(5 * tick..=minute)?,
            "longest" => settings.longest = words.duration(tick..=60 * minute)?,
            "codec" => {
                settings.law = [Law::Mu, Law::A][words.choice(&["pcmu", "pcma"])?];
            }
            "network" => settings.network = network(words)?,
            "noise" if words.take("none") => settings.noise = None,
            "noise" => settings.noise = Some(words.number("dB", -10.0..=90.0)?),
            "echo" if words.take("none") => settings.echo = None,
            _ => settings.echo = Some(echo(words)?),
        }
        Ok(())
    }
}

fn network(words: &mut Words) -> Result<NetworkConfig, Wrong> {
    let names = NETWORKS.map(|(name, _)| name);
    let mut network = NETWORKS[words.choice(&names)?].1;
    while !words.is_empty() {
        match words.choice(&["loss", "bursts", "delay", "jitter"])? {
            0 => network.loss = f64::from(words.number("%", 0.0..=90.0)?) / 100.0,
            1 => {
                words.demand("of")?;
                network.burst = f64::from(words.plain_number(1.0..=50.0)?);
            }
            2 => network.delay = words.duration(Duration::ZERO..=Duration::from_secs(2))?,
            _ => network.jitter = words.duration(Duration::ZERO..=Duration::from_secs(1))?,
        }
    }
    Ok(network)
}

fn echo(words: &mut Words) -> Result<Echo, Wrong> {
    let gain = words.number("dB", -80.0..=0.0)?;
    words.demand("after")?;
    let delay = words.duration(Duration::from_millis(20)..=Duration::from_secs(1))?;
    Ok(Echo { gain, delay })
}
