//! The recogniser inside a worker: which models with which settings, and when the words so far are worth telling.
//!
//! Sound becomes cepstra here and not in the library, because sound from a telephone is repaired between the two, and
//! because a call's mean is kept better (`normalise`). The models are made by `speechmodel`, see `docs/speech.md`.

use std::{borrow::Cow, fs, io::Write, path::Path};

use call::Expected;
use native::pocketsphinx::{Decoder, Error, Model, Setting};
use tempfile::NamedTempFile;

use super::{
    acoustic::{self, Unfit},
    front::FrontEnd,
};

/// Samples between two looks at the words so far: 100 ms.
const LOOK_EVERY: usize = 1600;

/// Our language model of phone conversations, counted from `fixtures/speech/phone.grammar`.
const PHONE_MODEL: &[u8] = include_bytes!("model/phone.arpa");
/// What is said where the agent has asked for digits, an e-mail address, or letters; from the same grammar.
const NUMBER_MODEL: &[u8] = include_bytes!("model/number.arpa");
const EMAIL_MODEL: &[u8] = include_bytes!("model/email.arpa");
const SPELLING_MODEL: &[u8] = include_bytes!("model/spelling.arpa");
/// Pronunciations of its words and of the 50,000 most likely ones of the generic model. With 10,000 half of what
/// strangers say is misheard instead of two fifths; the whole dictionary gains nothing over this.
const DICTIONARY: &[u8] = include_bytes!("model/words.dict");
/// The coefficients of the repair's two networks.
pub(super) const BAND_REPAIR: &[u8] = include_bytes!("model/band-repair.bin");
pub(super) const NOISE_REPAIR: &[u8] = include_bytes!("model/noise-repair.bin");
/// How far the acoustic model's Gaussians are moved.
const ADAPTATION: &[u8] = include_bytes!("model/adaptation.bin");

/// The generic model's share beside ours: enough to understand what we did not think of.
const GENERIC_SHARE: f32 = 0.15;
/// What this and our own share are multiplied with where something is expected, so that other answers are still heard.
const UNEXPECTED_SHARE: f32 = 0.001;
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
pub(super) fn parts() -> [&'static [u8]; 16] {
    [
        PHONE_MODEL,
        NUMBER_MODEL,
        EMAIL_MODEL,
        SPELLING_MODEL,
        DICTIONARY,
        BAND_REPAIR,
        NOISE_REPAIR,
        ADAPTATION,
        include_bytes!("recogniser.rs"),
        include_bytes!("acoustic.rs"),
        include_bytes!("front.rs"),
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
    /// The language models of what was asked for (ARPA), in the order of [`Expected::ALL`] without the first.
    pub expected_models: [Cow<'static, [u8]>; 3],
    /// The pronouncing dictionary.
    pub dictionary: Cow<'static, [u8]>,
    /// The repair's network for quiet lines.
    pub band_repair: Cow<'static, [u8]>,
    /// The repair's network for noisy lines.
    pub noise_repair: Cow<'static, [u8]>,
    /// How the acoustic model is adapted to telephones; one for another model than the one in the folder is left out.
    pub adaptation: Cow<'static, [u8]>,
    /// The generic language model's share, above 0 and below 1.
    pub generic_share: f32,
    /// What the other models' shares are multiplied with where something is expected.
    pub unexpected_share: f32,
    /// How much the language counts against the sound.
    pub language_weight: f64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            phone_model: Cow::Borrowed(PHONE_MODEL),
            expected_models: [NUMBER_MODEL, EMAIL_MODEL, SPELLING_MODEL].map(Cow::Borrowed),
            dictionary: Cow::Borrowed(DICTIONARY),
            band_repair: Cow::Borrowed(BAND_REPAIR),
            noise_repair: Cow::Borrowed(NOISE_REPAIR),
            adaptation: Cow::Borrowed(ADAPTATION),
            generic_share: GENERIC_SHARE,
            unexpected_share: UNEXPECTED_SHARE,
            language_weight: LANGUAGE_WEIGHT,
        }
    }
}

/// Language models: ours, the generic one, and one for each thing that may be expected.
const MODELS: usize = 2 + Expected::ALL.len() - 1;

/// One call's recogniser.
#[derive(Debug)]
pub struct Recogniser {
    decoder: Decoder,
    front: FrontEnd,
    /// The shares of the language models, for everything that may be expected.
    shares: [[f32; MODELS]; Expected::ALL.len()],
    expected: Expected,
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
        let acoustic = folder.join("en-us");
        let means = adapted(&acoustic, &settings.adaptation)?;
        let mut options = vec![
            // The second pass costs time after the end of speech and gained nothing on telephone sound.
            ("-fwdflat", Setting::Int(0)),
            // Voice detection has cut the sound already.
            ("-remove_silence", Setting::Int(0)),
            ("-lw", Setting::Float(settings.language_weight)),
            ("-maxhmmpf", Setting::Int(ALTERNATIVES)),
        ];
        if let Some(file) = &means {
            let path = file.path().to_string_lossy().into_owned();
            options.push(("-mean", Setting::Text(path)));
        }
        let expected = settings.expected_models.iter();
        let expected: Vec<_> = expected
            .map(|model| file_of(model, ".arpa"))
            .collect::<Result<_, _>>()?;
        let generic = folder.join("en-us.lm.bin");
        let shares = Expected::ALL.map(|expected| shares(expected, settings));
        let files = [phone.path(), &generic].into_iter();
        let files = files.chain(expected.iter().map(NamedTempFile::path));
        let decoder = Decoder::new(&Model {
            acoustic,
            dictionary: dictionary.path().to_owned(),
            language: files.map(Path::to_owned).zip(shares[0]).collect(),
            options,
        })?;
        let front = FrontEnd::new(&settings.band_repair, &settings.noise_repair)
            .ok_or(Error::Failed("read the networks of its repair"))?;
        Ok(Self {
            decoder,
            front,
            shares,
            expected: Expected::Anything,
            told: String::new(),
            since_look: 0,
        })
    }

    /// Says what kind of sound the call brings.
    pub(super) fn set_narrowband(&mut self, narrowband: bool) {
        self.front.set_narrowband(narrowband);
    }

    /// Begins an utterance that is likely to be this.
    pub(super) fn begin(&mut self, expected: Expected) -> Result<(), Error> {
        if expected != self.expected {
            self.decoder.set_shares(&self.shares[expected.place()])?;
            self.expected = expected;
        }
        self.told.clear();
        self.since_look = 0;
        self.front.begin();
        self.decoder.start()
    }

    /// Takes sound; returns the words so far when they are others than those returned before.
    pub(super) fn hear(&mut self, samples: &[i16]) -> Result<Option<String>, Error> {
        self.front.hear(samples);
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
        self.front.end();
        self.decode(true)?;
        self.decoder.end()?;
        Ok(self.decoder.hypothesis().0)
    }

    fn decode(&mut self, ended: bool) -> Result<(), Error> {
        while let Some((frame, mean)) = self.front.next(ended) {
            self.decoder.set_mean(&mean);
            self.decoder.process_cepstra(&mut [frame])?;
        }
        Ok(())
    }
}

/// The shares of the language models where this is expected.
fn shares(expected: Expected, settings: &Settings) -> [f32; MODELS] {
    let mut shares = [0.0; MODELS];
    shares[0] = 1.0 - settings.generic_share;
    shares[1] = settings.generic_share;
    if expected != Expected::Anything {
        shares[..2]
            .iter_mut()
            .for_each(|share| *share *= settings.unexpected_share);
        shares[1 + expected.place()] = 1.0;
    }
    shares
}

/// Returns whether the acoustic model in this folder of models can be adapted to telephones.
///
/// # Errors
/// Why not.
pub(super) fn adaptable(folder: &Path) -> Result<(), Unfit> {
    let means = fs::read(folder.join("en-us/means")).map_err(|_| Unfit::OtherModel)?;
    acoustic::adapted(&means, ADAPTATION).map(|_| ())
}

/// Returns a file of the adapted means, or nothing when the adaptation is not for the acoustic model in `folder`. Whoever
/// starts the worker says so (`adaptable`).
fn adapted(folder: &Path, adaptation: &[u8]) -> Result<Option<NamedTempFile>, Error> {
    let means = fs::read(folder.join("means")).map_err(|_| Error::Model(folder.to_owned()))?;
    match acoustic::adapted(&means, adaptation) {
        Ok(means) => file_of(&means, ".means").map(Some),
        Err(_) => Ok(None),
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

#[cfg(test)]
mod tests {
    use super::{
        super::{DEFAULT_MODELS, Steps},
        *,
    };
    use crate::{
        bench::speech::{Conditions, Score, Utterance, measure},
        driver::clock,
        provider::{SttInput, SttOptions},
    };
    use native::flite::Voice;

    /// Returns what is heard of a sentence over a telephone with the models in this folder.
    fn heard(models: &Path, settings: &Settings) -> String {
        heard_of(SENTENCE, Expected::Anything, models, settings)
    }

    fn heard_of(said: &str, expected: Expected, models: &Path, settings: &Settings) -> String {
        let said = Utterance::spoken(Voice::Slt, said).unwrap();
        let open = || {
            let recogniser = Recogniser::load(models, settings).map_err(|e| e.to_string())?;
            let telephone = SttOptions {
                narrowband: true,
                ..SttOptions::default()
            };
            let mut steps = Steps::here(recogniser, telephone)?;
            steps.input(SttInput::Expect(expected))?;
            Ok(steps)
        };
        let conditions = Conditions {
            noise: None,
            seed: 1,
            threads: 1,
            clock: clock::processor,
        };
        measure(&[said], &conditions, &open).unwrap()[0]
            .heard
            .text
            .clone()
    }

    const SENTENCE: &str = "that was the third of june correct";

    #[test]
    fn the_adapted_model_hears_what_the_packages_own_mishears() {
        let models = Path::new(DEFAULT_MODELS);
        assert_eq!(adaptable(models), Ok(()));
        assert_eq!(heard(models, &Settings::default()), SENTENCE);
        let unadapted = Settings {
            adaptation: Cow::Borrowed(&[]),
            ..Settings::default()
        };
        assert_eq!(
            heard(models, &unadapted),
            "that would determine soon correct"
        );
    }

    #[test]
    fn what_was_asked_for_is_heard_and_other_answers_still_are() {
        let (models, settings) = (Path::new(DEFAULT_MODELS), Settings::default());
        let heard = |said: &str, expected| heard_of(said, expected, models, &settings);
        let names = ["R U T H E R F O R D", "O K A F O R", "P R I T C H A R D"];
        let faults = |expected| -> usize {
            let of = |name: &&str| Score::of(name, &heard(name, expected)).faults();
            names.iter().map(of).sum()
        };
        let (told, not_told) = (faults(Expected::Spelling), faults(Expected::Anything));
        assert!(2 * told < not_told, "{told} and {not_told}");
        for expected in Expected::ALL {
            for other in ["i don't want to give you that", "just a moment please"] {
                assert_eq!(heard(other, expected), other, "{expected:?}");
            }
        }
    }

    #[test]
    fn another_model_is_used_as_it_is() {
        // The package's own but for the last bits of one mean.
        let folder = tempfile::tempdir().unwrap();
        let package = Path::new(DEFAULT_MODELS);
        let other = folder.path().join("en-us");
        fs::create_dir(&other).unwrap();
        for file in fs::read_dir(package.join("en-us")).unwrap() {
            let file = file.unwrap();
            std::os::unix::fs::symlink(file.path(), other.join(file.file_name())).unwrap();
        }
        let model = folder.path().join("en-us.lm.bin");
        std::os::unix::fs::symlink(package.join("en-us.lm.bin"), model).unwrap();
        let means = other.join("means");
        let mut gaussians = acoustic::Gaussians::read(&fs::read(&means).unwrap()).unwrap();
        gaussians.numbers[0] += 1e-3;
        fs::remove_file(&means).unwrap();
        fs::write(&means, gaussians.file()).unwrap();
        assert_eq!(adaptable(folder.path()), Err(Unfit::OtherModel));
        assert_eq!(
            heard(folder.path(), &Settings::default()),
            "that would determine soon correct"
        );
    }
}
