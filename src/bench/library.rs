//! Recordings for the harness: read from folders with a manifest, brought to one level, told apart for tuning and for
//! checking.
//!
//! Every recording is of speech levelled like the simulated callee's, or of a sound as loud as it is. Which part a
//! recording belongs to follows from its file's name alone, so that it never changes by what else is there.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use sha2::{Digest, Sha256};

use crate::line::simulated::sounds;

mod decode;
mod manifest;
pub(crate) mod voiced;

pub use self::{manifest::Kind, voiced::Voiced};

/// The longest file that is read, in bytes.
const LONGEST: u64 = 64 * 1024 * 1024;

/// Which recordings and sentences the engine may be tuned on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Part {
    /// Two thirds: to look at and to tune on.
    Tuning,
    /// One third: to check with.
    HeldOut,
}

impl Part {
    /// Returns the part of something by its name: the first byte of the name's SHA-256, a third of whose values are
    /// held out.
    #[must_use]
    pub fn of(name: &str) -> Self {
        match Sha256::digest(name.as_bytes())[0] % 3 {
            0 => Self::HeldOut,
            _ => Self::Tuning,
        }
    }
}

/// One recording.
#[derive(Debug, Clone)]
pub struct Recording {
    /// The file as the manifest names it.
    pub name: String,
    /// What it is of.
    pub kind: Kind,
    /// What is said, as it was written down; may be empty.
    pub transcript: String,
    /// Whose voice it is, as far as the name tells: see [`Recording::voice_of`].
    pub voice: String,
    /// The sound at 8 kHz; speech at -22 dBFS over its louder parts.
    pub sound: Arc<[i16]>,
    /// Where there is sound.
    pub voiced: Voiced,
    /// Whether it may be tuned on.
    pub part: Part,
    original: media::wav::Sound,
}

impl Recording {
    /// Returns the words: lower case, without punctuation but apostrophes.
    #[must_use]
    pub fn words(&self) -> String {
        words(&self.transcript)
    }

    /// Returns whether the transcript is a sentence and no fragment: it has at least two words, and where it has
    /// capitals or stops at all, begins with the one and ends with the other.
    #[must_use]
    pub fn is_sentence(&self) -> bool {
        is_sentence(&self.transcript)
    }

    /// Returns the sound at 16 kHz, levelled like [`Recording::sound`]. Without anything above 4 kHz when the file
    /// has no more than 8 kHz.
    #[must_use]
    pub fn wide(&self) -> Vec<i16> {
        const WIDE: u32 = 16_000;
        let mut wide = sounds::resample_to(&self.original.samples, self.original.rate, WIDE)
            .unwrap_or_else(|_| self.original.samples.clone());
        if self.kind == Kind::Speech {
            sounds::level(&mut wide, WIDE);
        }
        wide
    }

    /// Returns whose voice a file holds: the middle of a name like `7_jackson_0.wav`, else the topmost folder that the
    /// manifest names, so that words of one speaker can be put together.
    #[must_use]
    pub fn voice_of(name: &str) -> String {
        let stem = Path::new(name)
            .file_stem()
            .map_or_else(String::new, |stem| stem.to_string_lossy().into_owned());
        let parts: Vec<&str> = stem.split('_').collect();
        let number = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        match parts[..] {
            [first, speaker, last] if number(first) && number(last) => speaker.to_owned(),
            _ => name.split('/').next().unwrap_or_default().to_owned(),
        }
    }
}

/// Returns the words of a text: lower case, without punctuation but apostrophes.
#[must_use]
pub(crate) fn words(text: &str) -> String {
    let kept: String = text
        .to_lowercase()
        .replace('’', "'")
        .chars()
        .map(|c| {
            if c.is_alphanumeric() || c == '\'' {
                c
            } else {
                ' '
            }
        })
        .collect();
    kept.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn is_sentence(text: &str) -> bool {
    let stops = ['.', '!', '?'];
    let marked = text.contains(char::is_uppercase) || text.ends_with(stops);
    let whole = text.starts_with(char::is_uppercase) && text.ends_with(stops);
    let fragment = text.contains("...") || text.contains(['[', '(', '<', '*', '#']);
    text.split_whitespace().count() >= 2 && !fragment && (whole || !marked)
}

/// Why recordings cannot be used: a sentence that names the file and, where there is one, the line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct LibraryError(pub(crate) String);

/// Every recording there is.
#[derive(Debug, Clone)]
pub struct Library {
    /// In the order of the manifests.
    pub recordings: Vec<Recording>,
    /// SHA-256 over the manifests and all files that they list, in hexadecimal.
    pub hash: String,
}

impl Library {
    /// Reads the recordings of folders, each with its `MANIFEST.md`, or of manifests named themselves.
    ///
    /// # Errors
    /// When a manifest is missing or cannot be understood, or when a file cannot be read or holds no sound. The
    /// sentence names the file and the line.
    pub fn load(places: &[PathBuf]) -> Result<Self, LibraryError> {
        let mut hash = Sha256::new();
        let mut recordings = Vec::new();
        for place in places {
            let manifest = manifest::locate(place)?;
            let shown = manifest.display().to_string();
            let text = fs::read_to_string(&manifest)
                .map_err(|error| LibraryError(format!("{shown} cannot be read: {error}.")))?;
            hash.update(text.as_bytes());
            let folder = manifest.parent().unwrap_or(Path::new(""));
            for entry in manifest::parse(&shown, &text)? {
                let line = entry.line;
                let recording = read(folder, entry, &mut hash);
                recordings.push(
                    recording.map_err(|why| LibraryError(format!("{shown}:{line}: {why}.")))?,
                );
            }
        }
        Ok(Self {
            recordings,
            hash: hash
                .finalize()
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect(),
        })
    }

    /// Returns the recordings of one part.
    pub fn part(&self, part: Part) -> impl Iterator<Item = &Recording> {
        self.recordings
            .iter()
            .filter(move |recording| recording.part == part)
    }
}

fn read(folder: &Path, entry: manifest::Entry, hash: &mut Sha256) -> Result<Recording, String> {
    let path = folder.join(&entry.file);
    let fail = |why: &dyn std::fmt::Display| format!("{} cannot be used: {why}", path.display());
    let length = fs::metadata(&path).map_err(|error| fail(&error))?.len();
    if length > LONGEST {
        let most = LONGEST / 1024 / 1024;
        return Err(fail(&format!(
            "it has more than {most} MiB; cut it into pieces"
        )));
    }
    let bytes = fs::read(&path).map_err(|error| fail(&error))?;
    hash.update(&bytes);
    let original = decode::decode(bytes).map_err(|why| fail(&why))?;
    let mut sound =
        sounds::resample(&original.samples, original.rate).map_err(|error| fail(&error))?;
    if entry.kind == Kind::Speech {
        sounds::level(&mut sound, sounds::RATE);
    }
    let voiced = voiced::find(&sound).ok_or_else(|| fail(&"nothing can be heard in it"))?;
    let file = Path::new(&entry.file).file_name();
    Ok(Recording {
        part: Part::of(&file.map_or_else(String::new, |file| file.to_string_lossy().into_owned())),
        voice: Recording::voice_of(&entry.file),
        name: entry.file,
        kind: entry.kind,
        transcript: entry.transcript,
        sound: sound.into(),
        voiced,
        original,
    })
}

#[cfg(test)]
mod tests;
