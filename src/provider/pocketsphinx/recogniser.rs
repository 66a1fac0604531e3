//! The recogniser inside a worker: which models with which settings, and when the words so far are worth telling.
//!
//! Sound becomes cepstra here and not in the library, because sound from a telephone is repaired between the two.

use std::{io::Write, path::Path};

use native::pocketsphinx::{CEPSTRA, Decoder, Error, Model, Setting};
use tempfile::NamedTempFile;

use super::{
    features::{Cepstra, LogMel, MelBands},
    repair::Repair,
};

/// Samples between two looks at the words so far: 100 ms.
const LOOK_EVERY: usize = 1600;

/// Our language model of phone conversations, counted from `fixtures/speech/phone.grammar`.
const PHONE_MODEL: &[u8] = include_bytes!("model/phone.arpa");
/// Pronunciations of its words and of the 10,000 most likely ones of the generic model. The whole dictionary costs three
/// times the computing and gains nothing on the telephone.
const DICTIONARY: &[u8] = include_bytes!("model/words.dict");
/// The coefficients of the band repair.
const BAND_REPAIR: &[u8] = include_bytes!("model/band-repair.bin");

/// The generic model's share beside ours: enough to understand what we did not think of.
const GENERIC_SHARE: f32 = 0.01;
/// How much the language counts against the sound; the models' own default of 6.5 trusts it a little too much.
const LANGUAGE_WEIGHT: f64 = 6.0;

/// Returns everything that decides which words a recogniser makes of sound, but for the generic models: our models and
/// the very text of the code, so that answers of another version are never taken for this one's.
pub(super) fn parts() -> [&'static [u8]; 7] {
    [
        PHONE_MODEL,
        DICTIONARY,
        BAND_REPAIR,
        include_bytes!("recogniser.rs"),
        include_bytes!("features.rs"),
        include_bytes!("repair.rs"),
        include_bytes!("gate.rs"),
    ]
}

/// One call's recogniser.
#[derive(Debug)]
pub(super) struct Recogniser {
    decoder: Decoder,
    bands: MelBands,
    repair: Repair,
    cepstra: Cepstra,
    /// Whether the sound came over a telephone, and the repair is needed.
    narrowband: bool,
    frames: Vec<LogMel>,
    told: String,
    since_look: usize,
}

impl Recogniser {
    /// Loads the models.
    ///
    /// # Errors
    /// When a model is missing or broken.
    pub(super) fn load(folder: &Path) -> Result<Self, Error> {
        // The library reads files only; these are gone once they are loaded.
        let phone = file_of(PHONE_MODEL, ".arpa")?;
        let dictionary = file_of(DICTIONARY, ".dict")?;
        let decoder = Decoder::new(&Model {
            acoustic: folder.join("en-us"),
            dictionary: dictionary.path().to_owned(),
            language: vec![
                (phone.path().to_owned(), 1.0),
                (folder.join("en-us.lm.bin"), GENERIC_SHARE),
            ],
            options: vec![
                // The second pass costs time after the end of speech and gained nothing on telephone sound.
                ("-fwdflat", Setting::Int(0)),
                // Voice detection has cut the sound already.
                ("-remove_silence", Setting::Int(0)),
                ("-lw", Setting::Float(LANGUAGE_WEIGHT)),
            ],
        })?;
        let repair = Repair::read(BAND_REPAIR).ok_or(Error::Failed("read its band repair"))?;
        Ok(Self {
            decoder,
            bands: MelBands::new(),
            repair,
            cepstra: Cepstra::new(),
            narrowband: false,
            frames: Vec::new(),
            told: String::new(),
            since_look: 0,
        })
    }

    /// Says what kind of sound the call brings.
    pub(super) fn set_narrowband(&mut self, narrowband: bool) {
        self.narrowband = narrowband;
    }

    /// Begins an utterance.
    pub(super) fn begin(&mut self) -> Result<(), Error> {
        self.told.clear();
        self.since_look = 0;
        self.bands.reset();
        self.repair.reset();
        self.decoder.start()
    }

    /// Takes sound; returns the words so far when they are others than those returned before.
    pub(super) fn hear(&mut self, samples: &[i16]) -> Result<Option<String>, Error> {
        self.frames.clear();
        self.bands.push(samples, &mut self.frames);
        let mut cepstra: Vec<[f32; CEPSTRA]> = if self.narrowband {
            let repaired = self
                .frames
                .iter()
                .filter_map(|frame| self.repair.push(*frame));
            repaired.map(|frame| self.cepstra.of(&frame)).collect()
        } else {
            self.frames
                .iter()
                .map(|frame| self.cepstra.of(frame))
                .collect()
        };
        self.decoder.process_cepstra(&mut cepstra)?;
        self.since_look += samples.len();
        if self.since_look < LOOK_EVERY {
            return Ok(None);
        }
        self.since_look = 0;
        let words = self.decoder.hypothesis().0;
        if words == self.told {
            return Ok(None);
        }
        self.told.clone_from(&words);
        Ok(Some(words))
    }

    /// Ends the utterance and returns its words.
    pub(super) fn end(&mut self) -> Result<String, Error> {
        if self.narrowband {
            let rest = self.repair.finish();
            let mut cepstra: Vec<_> = rest.iter().map(|frame| self.cepstra.of(frame)).collect();
            self.decoder.process_cepstra(&mut cepstra)?;
        }
        self.decoder.end()?;
        Ok(self.decoder.hypothesis().0)
    }
}

fn file_of(bytes: &[u8], suffix: &str) -> Result<NamedTempFile, Error> {
    let failed = |_| Error::Failed("write its models to the folder for temporary files");
    let mut file = tempfile::Builder::new()
        .suffix(suffix)
        .tempfile()
        .map_err(failed)?;
    file.write_all(bytes).map_err(failed)?;
    file.flush().map_err(failed)?;
    Ok(file)
}
