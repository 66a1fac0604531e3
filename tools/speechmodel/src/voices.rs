//! Human voices for the band repair, as `scripts/voices` gathers them: a folder per voice, prompts in G.722.

use std::{
    fs,
    path::{Path, PathBuf},
};

use ezk_g722::libg722::{Bitrate, decoder::Decoder};

/// Prompts of each voice: as many examples as Flite's voices give.
const PROMPTS: usize = 240;
/// Bytes of the shortest prompt that is taken, 1 s: shorter ones are digits and letters, which there are enough of.
const SHORTEST: u64 = 8_000;
/// Samples at both ends that are left out: the decoder's first steps, and clicks.
const ENDS: usize = 200;

/// One voice.
#[derive(Debug)]
pub(crate) struct Speaker {
    /// Its name.
    pub(crate) name: String,
    /// What it says, 16 kHz.
    pub(crate) prompts: Vec<Vec<i16>>,
}

/// Reads the voices in `folder`, in the order of their names.
///
/// # Errors
/// When there are none, or one cannot be read.
pub(crate) fn read(folder: &Path) -> Result<Vec<Speaker>, String> {
    let missing = || {
        format!(
            "{} holds no voices: run scripts/voices, which gathers them.",
            folder.display()
        )
    };
    let voices = entries(folder).map_err(|_| missing())?;
    if voices.is_empty() {
        return Err(missing());
    }
    voices
        .into_iter()
        .map(|voice| {
            let failed = |error: std::io::Error| format!("{}: {error}", voice.display());
            let mut files = Vec::new();
            for file in entries(&voice).map_err(failed)? {
                if fs::metadata(&file).map_err(failed)?.len() >= SHORTEST {
                    files.push(file);
                }
            }
            let every = files.len().div_ceil(PROMPTS).max(1);
            let prompts = files
                .iter()
                .step_by(every)
                .map(|file| fs::read(file).map(|bytes| decoded(&bytes)).map_err(failed))
                .collect::<Result<_, _>>()?;
            let name = voice.file_name().unwrap_or_default().to_string_lossy();
            Ok(Speaker {
                name: name.into_owned(),
                prompts,
            })
        })
        .collect()
}

fn entries(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut paths = fs::read_dir(folder)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<std::io::Result<Vec<_>>>()?;
    paths.sort();
    Ok(paths)
}

fn decoded(bytes: &[u8]) -> Vec<i16> {
    let mut samples = Decoder::new(Bitrate::Mode1_64000, false, false).decode(bytes);
    samples.truncate(samples.len().saturating_sub(ENDS));
    samples.drain(..ENDS.min(samples.len()));
    samples
}
