//! espeak-ng as the voice of languages that the built-in one lacks. It stays a program of its own, because its
//! licence (GPL 3) forbids linking it: one process a clause, at most one at a time a call, behind everybody else in
//! line for the processor.
//!
//! The text goes in by standard input, never by the command line, where it could be taken for an option; the sound is
//! passed on while the program still makes it. Dropping the stream ends the process of the clause under way. The program
//! does not tell when words end, so the ledger estimates it.

mod process;
mod voices;

use std::{
    path::PathBuf,
    process::{Command, Stdio},
};

use super::{
    BoxFuture, ProviderError, ProviderErrorKind, TextToSpeech, TtsOptions, TtsStream, clauses,
};

/// The name of the program.
pub const PROGRAM: &str = "espeak-ng";

/// espeak-ng as a service of this program.
#[derive(Debug, Clone)]
pub struct Espeak {
    program: PathBuf,
}

impl Default for Espeak {
    fn default() -> Self {
        Self::with_program(PROGRAM)
    }
}

impl Espeak {
    /// Makes the service over this program, which is looked for in `PATH` when it is a mere name.
    #[must_use]
    pub fn with_program(program: impl Into<PathBuf>) -> Self {
        Self {
            program: program.into(),
        }
    }

    /// Returns the version of the program in use. Starts it and waits for it.
    ///
    /// # Errors
    /// A sentence that says what is missing and how to get it.
    pub fn version(&self) -> Result<String, String> {
        let output = Command::new(&self.program)
            .arg("--version")
            .stdin(Stdio::null())
            .output()
            .map_err(|error| process::not_started(&self.program, &error).to_string())?;
        // "eSpeak NG text-to-speech: 1.51  Data at: …"
        let text = String::from_utf8_lossy(&output.stdout);
        let version = text.split(':').nth(1).unwrap_or_default();
        let version = version.split_whitespace().next().unwrap_or_default();
        if !output.status.success() || version.is_empty() {
            return Err(format!(
                "{} does not tell its version; reinstall the package espeak-ng",
                self.program.display()
            ));
        }
        Ok(format!("espeak-ng {version}"))
    }
}

impl TextToSpeech for Espeak {
    fn name(&self) -> &'static str {
        "espeak"
    }

    fn speaks(&self, language: &str) -> bool {
        voices::of_language(language).is_some()
    }

    fn check(&self, options: &TtsOptions) -> Result<(), ProviderError> {
        let voice = choose(options)?;
        let output = Command::new(&self.program)
            .args(["-q", "--stdin", "-v", &voice])
            .stdin(Stdio::null())
            .output()
            .map_err(|error| process::not_started(&self.program, &error))?;
        if output.status.success() {
            return Ok(());
        }
        Err(process::ended(&voice, output.status, &output.stderr))
    }

    fn open(&self, options: TtsOptions) -> BoxFuture<'_, Result<TtsStream, ProviderError>> {
        Box::pin(async move {
            let voice = choose(&options)?;
            let program = self.program.clone();
            Ok(clauses::open(move |text| {
                process::synthesize(program.clone(), voice.clone(), &text)
            }))
        })
    }
}

fn choose(options: &TtsOptions) -> Result<String, ProviderError> {
    if !options.voice.is_empty() {
        return Ok(options.voice.clone());
    }
    voices::of_language(&options.language).ok_or_else(|| {
        ProviderError::new(
            ProviderErrorKind::Unsupported,
            format!(
                "espeak-ng has no voice for the language {}; choose another language or another voice service",
                options.language
            ),
        )
    })
}

#[cfg(test)]
mod tests;
