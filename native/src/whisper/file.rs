//! What a model file says of itself, read without the library: whether it is whole, before the library believes it.
//!
//! whisper.cpp trusts its files. A wrong size in one makes it throw, which ends the process, or read beyond the end. So
//! everything that it takes from the file is walked through here first: magic, sizes, filters, vocabulary, and the head of
//! every tensor, whose place and length must come out at the last byte. Format: `whisper_model_load` of whisper.cpp 1.8.

use std::{
    collections::HashSet,
    fs::File,
    io::{self, BufReader, Read, Seek, SeekFrom},
    path::Path,
};

use super::Error;

/// `ggml`, little-endian.
const MAGIC: u32 = 0x6767_6d6c;
/// The largest model there is has 32 layers and 1280 states.
const LAYERS_MAX: u32 = 64;
const STATES_MAX: u32 = 4096;
/// The word that the library looks up by its text, and throws when it is missing.
const NEEDED: &[u8] = b" ";
/// The first token that is no word, in models of English.
const SPECIAL: u32 = 50_256;

/// What a model is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Tokens.
    pub vocabulary: u32,
    /// Positions of the encoder: 1500 for 30 s.
    pub audio_positions: usize,
    /// Layers of the encoder, by which models are told apart: 4 tiny, 6 base, 12 small, 24 medium, 32 large.
    pub audio_layers: u32,
    /// Layers of the decoder.
    pub text_layers: u32,
    /// Bytes of the file.
    pub size: u64,
}

impl Header {
    /// Returns what kind of model it is, in words.
    #[must_use]
    pub fn describe(&self) -> String {
        let size = match self.audio_layers {
            4 => "tiny",
            6 => "base",
            12 => "small",
            24 => "medium",
            32 => "large",
            _ => "of no known size",
        };
        let languages = if self.vocabulary > 51_864 {
            "many languages"
        } else {
            "English only"
        };
        format!("Whisper {size}, {languages}, {} MiB", self.size >> 20)
    }
}

/// Reads a file to its end, skipping the weights.
///
/// # Errors
/// A sentence that says what is wrong with it.
pub fn inspect(path: &Path) -> Result<Header, Error> {
    let wrong = |what: &str| {
        Error::File(format!(
            "the model file {} {what}; pull it again with `agentphone models pull`, or choose another one",
            path.display()
        ))
    };
    let file = File::open(path).map_err(|error| wrong(&format!("cannot be read ({error})")))?;
    let size = file
        .metadata()
        .map_err(|error| wrong(&error.to_string()))?
        .len();
    let mut walk = Walk {
        file: BufReader::with_capacity(64 << 10, file),
        left: size,
    };
    walk.model(size).map_err(|problem| match problem {
        Problem::Short => wrong("ends too early"),
        Problem::Wrong(what) => wrong(&what),
    })
}

enum Problem {
    Short,
    Wrong(String),
}

impl From<io::Error> for Problem {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => Self::Short,
            _ => Self::Wrong(format!("cannot be read ({error})")),
        }
    }
}

fn wrong<T>(what: impl Into<String>) -> Result<T, Problem> {
    Err(Problem::Wrong(what.into()))
}

struct Walk {
    file: BufReader<File>,
    left: u64,
}

impl Walk {
    fn model(&mut self, size: u64) -> Result<Header, Problem> {
        if self.number()? != MAGIC {
            return wrong("is no model of whisper.cpp");
        }
        let mut sizes = [0; 11];
        for size in &mut sizes {
            *size = self.number()?;
        }
        let [
            vocabulary,
            positions,
            states,
            heads,
            layers,
            text_positions,
            text_states,
            text_heads,
            text_layers,
            mels,
            format,
        ] = sizes;
        let sane = (51_864..=51_866).contains(&vocabulary)
            && (1..=1500).contains(&positions)
            && (1..=STATES_MAX).contains(&states)
            && states == text_states
            && (1..=448).contains(&text_positions)
            && [heads, text_heads].iter().all(|heads| *heads > 0 && states.is_multiple_of(*heads))
            && [layers, text_layers].iter().all(|layers| (1..=LAYERS_MAX).contains(layers))
            && matches!(mels, 80 | 128)
            // `ggml_ftype`, with a version of its quantisation in the thousands.
            && matches!(format % 1000, 0..=3 | 7..=14);
        if !sane {
            return wrong("has sizes in its head that no model has");
        }
        if self.number()? != mels || self.number()? != 201 {
            return wrong("has no filters");
        }
        self.skip(u64::from(mels) * 201 * 4)?;
        self.vocabulary(vocabulary)?;
        let (parts, weights) = self.tensors()?;
        let expected = 11 + 15 * layers + 24 * text_layers;
        if parts != expected {
            return wrong(format!("has {parts} parts and must have {expected}"));
        }
        let [s, v, m] = [states, vocabulary, mels].map(u64::from);
        let [p, t, l, d] = [positions, text_positions, layers, text_layers].map(u64::from);
        // Positions, convolutions and the last norm; layers of the encoder; of the decoder with its second attention.
        let encoder = s * p + 3 * m * s + s + 3 * s * s + s + 2 * s + l * (12 * s * s + 12 * s);
        let decoder = s * t + s * v + 2 * s + d * (16 * s * s + 17 * s);
        if weights != encoder + decoder {
            return wrong("has other weights than its head says");
        }
        Ok(Header {
            vocabulary,
            audio_positions: positions as usize,
            audio_layers: layers,
            text_layers,
            size,
        })
    }

    fn vocabulary(&mut self, most: u32) -> Result<(), Problem> {
        let count = self.number()?;
        if !(SPECIAL..=most).contains(&count) {
            return wrong("has no whole vocabulary");
        }
        let mut found = false;
        for _ in 0..count {
            let length = self.number()?;
            if length > 1024 {
                return wrong("has a word in its vocabulary that is too long");
            }
            let word = self.bytes(length as usize)?;
            found |= word == NEEDED;
        }
        if found {
            Ok(())
        } else {
            wrong("lacks the blank in its vocabulary")
        }
    }

    /// Returns how many parts and how many weights there are.
    fn tensors(&mut self) -> Result<(u32, u64), Problem> {
        let mut weights: u64 = 0;
        let mut names = HashSet::new();
        while self.left > 0 {
            let dimensions = self.number()?;
            let length = self.number()?;
            let format = self.number()?;
            let Some((bytes, elements)) = block(format) else {
                return wrong("has a part in a format that is not known");
            };
            if !(1..=4).contains(&dimensions) || !(1..=128).contains(&length) {
                return wrong("has a part without a shape");
            }
            let mut count: u64 = 1;
            for _ in 0..dimensions {
                let extent = self.number()?;
                if extent == 0 || extent > i32::MAX as u32 {
                    return wrong("has a part without an extent");
                }
                count = count.saturating_mul(extent.into());
            }
            let name = self.bytes(length as usize)?;
            if count > i32::MAX as u64 || !count.is_multiple_of(elements) || !names.insert(name) {
                return wrong("has a part that cannot be");
            }
            weights = weights.saturating_add(count);
            self.skip(count / elements * bytes)?;
        }
        Ok((u32::try_from(names.len()).unwrap_or(u32::MAX), weights))
    }

    fn number(&mut self) -> Result<u32, Problem> {
        let mut bytes = [0; 4];
        self.take(4)?;
        self.file.read_exact(&mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }

    fn bytes(&mut self, count: usize) -> Result<Vec<u8>, Problem> {
        let mut bytes = vec![0; count];
        self.take(count as u64)?;
        self.file.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    fn skip(&mut self, count: u64) -> Result<(), Problem> {
        self.take(count)?;
        match i64::try_from(count) {
            // Short skips keep the buffer.
            Ok(near) => self.file.seek_relative(near)?,
            Err(_) => {
                self.file.seek(SeekFrom::End(0))?;
            }
        }
        Ok(())
    }

    fn take(&mut self, count: u64) -> Result<(), Problem> {
        self.left = self.left.checked_sub(count).ok_or(Problem::Short)?;
        Ok(())
    }
}

/// The bytes and elements of one block of weights in a format of ggml (`ggml_type`).
fn block(format: u32) -> Option<(u64, u64)> {
    Some(match format {
        0 => (4, 1),
        1 => (2, 1),
        2 => (18, 32),
        3 => (20, 32),
        6 => (22, 32),
        7 => (24, 32),
        8 => (34, 32),
        10 => (84, 256),
        11 => (110, 256),
        12 => (144, 256),
        13 => (176, 256),
        14 => (210, 256),
        _ => return None,
    })
}
