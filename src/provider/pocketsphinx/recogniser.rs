//! The recogniser inside a worker: which models with which settings, and when the words so far are worth telling.
//!
//! Sound becomes cepstra here and not in the library, because sound from a telephone is repaired between the two, and
//! because a call's mean is kept better (`normalise`). The models are made by `speechmodel`, see `docs/speech.md`.

use std::{borrow::Cow, io::Write, path::Path};

use native::pocketsphinx::{Decoder, Error, Model, Setting};
use tempfile::NamedTempFile;

use super::{
    features::{Cepstra, LogMel, MelBands},
    normalise::Normaliser,
    repair::{NOISY, Network, QUIET, Repair},
};

/// Samples between two looks at the words so far: 100 ms.
const LOOK_EVERY: usize = 1600;

/// Our language model of phone conversations, counted from `fixtures/speech/phone.grammar`.
const PHONE_MODEL: &[u8] = include_bytes!("model/phone.arpa");
/// Pronunciations of its words and of the 50,000 most likely ones of the generic model. With 10,000 half of what
/// strangers say is misheard instead of two fifths; the whole dictionary gains nothing over this.
const DICTIONARY: &[u8] = include_bytes!("model/words.dict");
/// The coefficients of the repair's two networks.
pub(super) const BAND_REPAIR: &[u8] = include_bytes!("model/band-repair.bin");
pub(super) const NOISE_REPAIR: &[u8] = include_bytes!("model/noise-repair.bin");

/// The generic model's share beside ours: enough to understand what we did not think of.
const GENERIC_SHARE: f32 = 0.15;
/// How much the language counts against the sound. The library's own 6.5 mishears as much and takes longer.
const LANGUAGE_WEIGHT: f64 = 7.0;

/// Models of sounds that are followed at once, of the library's 30,000: final words come sooner, and no more of them are
/// wrong. Half as many would mishear more.
const ALTERNATIVES: i32 = 6_000;

/// Returns our language model of phone conversations, in ARPA's format.
pub(super) fn phone_model() -> &'static str {
    std::str::from_utf8(PHONE_MODEL).unwrap_or_default()
}

/// Returns everything that decides which words a recogniser makes of sound, but for the generic models: our models and
/// the very text of the code, so that answers of another version are never taken for this one's.
pub(super) fn parts() -> [&'static [u8]; 10] {
    [
        PHONE_MODEL,
        DICTIONARY,
        BAND_REPAIR,
        NOISE_REPAIR,
        include_bytes!("recogniser.rs"),
        include_bytes!("features.rs"),
        include_bytes!("normalise.rs"),
        include_bytes!("floor.rs"),
        include_bytes!("repair.rs"),
        include_bytes!("gate.rs"),
    ]
}

/// What a recogniser is made from, beside the generic models. The default is what calls use; others are tried by the tool
/// that makes the models.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The language model of phone conversations, ARPA.
    pub phone_model: Cow<'static, [u8]>,
    /// The pronouncing dictionary.
    pub dictionary: Cow<'static, [u8]>,
    /// The repair's network for quiet lines.
    pub band_repair: Cow<'static, [u8]>,
    /// The repair's network for noisy lines.
    pub noise_repair: Cow<'static, [u8]>,
    /// The generic language model's share, above 0 and below 1.
    pub generic_share: f32,
    /// How much the language counts against the sound.
    pub language_weight: f64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            phone_model: Cow::Borrowed(PHONE_MODEL),
            dictionary: Cow::Borrowed(DICTIONARY),
            band_repair: Cow::Borrowed(BAND_REPAIR),
            noise_repair: Cow::Borrowed(NOISE_REPAIR),
            generic_share: GENERIC_SHARE,
            language_weight: LANGUAGE_WEIGHT,
        }
    }
}

/// One call's recogniser.
#[derive(Debug)]
pub struct Recogniser {
    decoder: Decoder,
    bands: MelBands,
    repair: Repair,
    cepstra: Cepstra,
    normaliser: Normaliser,
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
    pub fn load(folder: &Path, settings: &Settings) -> Result<Self, Error> {
        // The library reads files only; these are gone once they are loaded.
        let phone = file_of(&settings.phone_model, ".arpa")?;
        let dictionary = file_of(&settings.dictionary, ".dict")?;
        let decoder = Decoder::new(&Model {
            acoustic: folder.join("en-us"),
            dictionary: dictionary.path().to_owned(),
            language: vec![
                (phone.path().to_owned(), 1.0 - settings.generic_share),
                (folder.join("en-us.lm.bin"), settings.generic_share),
            ],
            options: vec![
                // The second pass costs time after the end of speech and gained nothing on telephone sound.
                ("-fwdflat", Setting::Int(0)),
                // Voice detection has cut the sound already.
                ("-remove_silence", Setting::Int(0)),
                ("-lw", Setting::Float(settings.language_weight)),
                ("-maxhmmpf", Setting::Int(ALTERNATIVES)),
            ],
        })?;
        let network = |shape, bytes| {
            Network::read(shape, bytes).ok_or(Error::Failed("read the networks of its repair"))
        };
        let repair = Repair::new(
            network(QUIET, &settings.band_repair)?,
            network(NOISY, &settings.noise_repair)?,
        );
        Ok(Self {
            decoder,
            bands: MelBands::new(),
            repair,
            cepstra: Cepstra::new(),
            normaliser: Normaliser::new(),
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
        self.normaliser.begin();
        self.decoder.start()
    }

    /// Takes sound; returns the words so far when they are others than those returned before.
    pub(super) fn hear(&mut self, samples: &[i16]) -> Result<Option<String>, Error> {
        self.frames.clear();
        self.bands.push(samples, &mut self.frames);
        for frame in &self.frames {
            let frame = if self.narrowband {
                self.repair.push(*frame)
            } else {
                Some(*frame)
            };
            if let Some(frame) = frame {
                self.normaliser.push(self.cepstra.of(&frame));
            }
        }
        self.decode(false)?;
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
            for frame in self.repair.finish() {
                self.normaliser.push(self.cepstra.of(&frame));
            }
        }
        self.decode(true)?;
        self.decoder.end()?;
        Ok(self.decoder.hypothesis().0)
    }

    fn decode(&mut self, ended: bool) -> Result<(), Error> {
        while let Some((frame, mean)) = self.normaliser.next(ended) {
            self.decoder.set_mean(&mean);
            self.decoder.process_cepstra(&mut [frame])?;
        }
        Ok(())
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
