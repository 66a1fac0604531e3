//! PocketSphinx: sound or cepstra in, words out.
//!
//! The library ends the process on some broken model files and trusts its input files; so it belongs into a
//! worker process, which this file neither checks nor arranges. Decoders share nothing but the silenced log, so
//! each may live on its own thread.

use std::{
    ffi::{CStr, CString, c_char, c_int},
    path::{Path, PathBuf},
    ptr::{self, NonNull},
    sync::Once,
};

mod sys;
mod vocabulary;

pub use vocabulary::likeliest_words;

/// Numbers in one frame of cepstra, c0 first.
pub const CEPSTRA: usize = 13;

/// Why the recogniser could not do something.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A path or word with a zero byte.
    #[error("{0:?} contains a zero byte; remove it")]
    ZeroByte(String),
    /// An option that the library does not know.
    #[error("PocketSphinx does not know the option {0}")]
    Option(String),
    /// The model files are missing or broken.
    #[error(
        "PocketSphinx could not load its model from {}; install the package pocketsphinx-en-us, or set the model folder",
        .0.display()
    )]
    Model(PathBuf),
    /// A language model is missing or broken.
    #[error("PocketSphinx could not read the language model {}", .0.display())]
    LanguageModel(PathBuf),
    /// A call in the wrong order, or a fault inside the library.
    #[error("PocketSphinx failed to {0}")]
    Failed(&'static str),
}

/// What a decoder is made from.
#[derive(Debug, Clone)]
pub struct Model {
    /// Folder of the acoustic model.
    pub acoustic: PathBuf,
    /// Pronouncing dictionary.
    pub dictionary: PathBuf,
    /// The language models, each with its share (not negative; they are scaled to a sum of one). One model is used as
    /// it is; several are interpolated. The library weighs each model's logarithms before it adds them up, so a share
    /// counts as it is against probabilities to the power of `-lw`.
    pub language: Vec<(PathBuf, f32)>,
    /// Further options by their names in the library, such as `-beam`.
    pub options: Vec<(&'static str, Setting)>,
}

/// The value of an option.
#[derive(Debug, Clone, PartialEq)]
pub enum Setting {
    /// A count, or a switch as 0 or 1.
    Int(i32),
    /// A number.
    Float(f64),
    /// A text.
    Text(String),
}

/// One word of the best hypothesis.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    /// As spelled in the dictionary, with `(2)` for a second pronunciation; also silence and noises in `<>`, `[]`.
    pub text: String,
    /// First frame (10 ms each) in the utterance.
    pub first: u32,
    /// Last frame.
    pub last: u32,
    /// Acoustic log score in the library's base.
    pub acoustic: i32,
    /// Language model log score in the library's base.
    pub language: i32,
}

/// A recogniser with its own models and running cepstral mean.
#[derive(Debug)]
pub struct Decoder {
    ps: NonNull<sys::ps_decoder_t>,
    open: bool,
    /// Several language models together, and how many they are.
    together: Option<(Language, usize)>,
}

// SAFETY: a decoder owns everything that it points to; the library has no state tied to a thread.
unsafe impl Send for Decoder {}

impl Decoder {
    /// Loads the models.
    ///
    /// # Errors
    /// When an option is unknown or a model cannot be loaded.
    pub fn new(model: &Model) -> Result<Self, Error> {
        static SILENCE: Once = Once::new();
        // SAFETY: a null stream turns the log off; done once, before any other use of the library.
        SILENCE.call_once(|| unsafe { sys::err_set_logfp(ptr::null_mut()) });
        let config = Config::new()?;
        config.set("-hmm", &Setting::Text(path_text(&model.acoustic)))?;
        config.set("-dict", &Setting::Text(path_text(&model.dictionary)))?;
        for (name, value) in &model.options {
            config.set(name, value)?;
        }
        // SAFETY: the config is valid; the decoder takes its own reference to it.
        let ps = unsafe { sys::ps_init(config.0.as_ptr()) };
        let ps = NonNull::new(ps).ok_or_else(|| Error::Model(model.acoustic.clone()))?;
        let mut decoder = Self {
            ps,
            open: false,
            together: None,
        };
        decoder.set_language(&model.language)?;
        Ok(decoder)
    }

    fn set_language(&mut self, models: &[(PathBuf, f32)]) -> Result<(), Error> {
        let loaded = models
            .iter()
            .map(|(path, _)| self.read_language(path))
            .collect::<Result<Vec<_>, _>>()?;
        let name = c"phone";
        let combined = match loaded.as_slice() {
            [] => return Ok(()),
            [one] => one.0,
            several => self.interpolate(several, models)?,
        };
        // SAFETY: decoder and model are valid; the search keeps its own reference to the model.
        let set = unsafe {
            sys::ps_set_lm(self.ps.as_ptr(), name.as_ptr(), combined.as_ptr()) == 0
                && sys::ps_set_search(self.ps.as_ptr(), name.as_ptr()) == 0
        };
        if loaded.len() > 1 {
            // The reference of `interpolate`; the members' own are dropped with `loaded`.
            self.together = Some((Language(combined), loaded.len()));
        }
        if set {
            Ok(())
        } else {
            Err(Error::Failed("set its language model"))
        }
    }

    fn read_language(&self, path: &Path) -> Result<Language, Error> {
        let file = c_string(&path_text(path))?;
        // SAFETY: config and log table belong to the decoder; the file name ends with a zero.
        let model = unsafe {
            sys::ngram_model_read(
                sys::ps_get_config(self.ps.as_ptr()),
                file.as_ptr(),
                sys::NGRAM_AUTO,
                sys::ps_get_logmath(self.ps.as_ptr()),
            )
        };
        NonNull::new(model)
            .map(Language)
            .ok_or_else(|| Error::LanguageModel(path.to_owned()))
    }

    fn interpolate(
        &self,
        loaded: &[Language],
        models: &[(PathBuf, f32)],
    ) -> Result<NonNull<sys::ngram_model_t>, Error> {
        let names = names(loaded.len())?;
        let mut name_pointers: Vec<*mut c_char> =
            names.iter().map(|name| name.as_ptr().cast_mut()).collect();
        let mut pointers: Vec<_> = loaded.iter().map(|model| model.0.as_ptr()).collect();
        let shares = scaled(models.iter().map(|(_, share)| *share));
        let count = i32::try_from(loaded.len()).map_err(|_| Error::Failed("count its models"))?;
        // SAFETY: the three arrays have `count` entries; the library copies names and shares and takes its own
        // references to the models.
        let set = unsafe {
            sys::ngram_model_set_init(
                sys::ps_get_config(self.ps.as_ptr()),
                pointers.as_mut_ptr(),
                name_pointers.as_mut_ptr(),
                shares.as_ptr(),
                count,
            )
        };
        NonNull::new(set).ok_or(Error::Failed("interpolate its language models"))
    }

    /// Gives the language models other shares, in their order, from the next utterance on.
    ///
    /// # Errors
    /// When there is only one model, when there are not as many shares as models, or inside an utterance.
    pub fn set_shares(&mut self, shares: &[f32]) -> Result<(), Error> {
        let failed = Err(Error::Failed("share out its language models"));
        let Some((set, count)) = &self.together else {
            return failed;
        };
        if self.open || shares.len() != *count {
            return failed;
        }
        let shares = scaled(shares.iter().copied());
        // With names, because without them the library takes shares for logarithms.
        let names = names(*count)?;
        let mut pointers: Vec<*const c_char> = names.iter().map(|name| name.as_ptr()).collect();
        // SAFETY: both arrays have an entry for each model; the library copies the shares and keeps no name.
        let set = unsafe {
            sys::ngram_model_set_interp(set.0.as_ptr(), pointers.as_mut_ptr(), shares.as_ptr())
        };
        if set.is_null() { failed } else { Ok(()) }
    }

    /// Begins an utterance.
    ///
    /// # Errors
    /// When one is open already.
    pub fn start(&mut self) -> Result<(), Error> {
        if self.open {
            return Err(Error::Failed("start an utterance inside another"));
        }
        // SAFETY: the decoder is valid and no utterance is open.
        self.open = unsafe { sys::ps_start_utt(self.ps.as_ptr()) } == 0;
        if self.open {
            Ok(())
        } else {
            Err(Error::Failed("start an utterance"))
        }
    }

    /// Decodes 16 kHz mono samples through the library's own front end.
    ///
    /// # Errors
    /// When no utterance is open.
    pub fn process_raw(&mut self, samples: &[i16]) -> Result<(), Error> {
        self.require_open()?;
        // SAFETY: pointer and length describe `samples`, which the library only reads.
        let done =
            unsafe { sys::ps_process_raw(self.ps.as_ptr(), samples.as_ptr(), samples.len(), 0, 0) };
        if done < 0 {
            Err(Error::Failed("decode sound"))
        } else {
            Ok(())
        }
    }

    /// Decodes frames of cepstra, one per 10 ms. The frames are normalised in place.
    ///
    /// # Errors
    /// When no utterance is open.
    pub fn process_cepstra(&mut self, frames: &mut [[f32; CEPSTRA]]) -> Result<(), Error> {
        self.require_open()?;
        // One at a time: given ten at the start of an utterance, this version of the library loses the words.
        for frame in frames {
            let mut row = frame.as_mut_ptr();
            // SAFETY: one pointer to one frame of CEPSTRA floats (the model's `-ceplen` is 13, the library's fixed
            // default), alive and unaliased during the call.
            let done = unsafe { sys::ps_process_cep(self.ps.as_ptr(), &raw mut row, 1, 0, 0) };
            if done < 0 {
                return Err(Error::Failed("decode cepstra"));
            }
        }
        Ok(())
    }

    fn require_open(&self) -> Result<(), Error> {
        if self.open {
            Ok(())
        } else {
            Err(Error::Failed("decode without an open utterance"))
        }
    }

    /// Ends the utterance; its words stay readable until the next start.
    ///
    /// # Errors
    /// When none is open.
    pub fn end(&mut self) -> Result<(), Error> {
        self.require_open()?;
        self.open = false;
        // SAFETY: the decoder is valid and an utterance is open.
        if unsafe { sys::ps_end_utt(self.ps.as_ptr()) } == 0 {
            Ok(())
        } else {
            Err(Error::Failed("end an utterance"))
        }
    }

    /// Returns the best words so far, lower case as in the dictionary, and their log score; empty before any.
    #[must_use]
    pub fn hypothesis(&mut self) -> (String, i32) {
        let mut score = 0;
        // SAFETY: the text belongs to the decoder and is copied before the next call. Before the first frame there
        // is none to ask for.
        unsafe {
            if sys::ps_get_n_frames(self.ps.as_ptr()) <= 0 {
                return (String::new(), 0);
            }
            let text = sys::ps_get_hyp(self.ps.as_ptr(), &raw mut score);
            if text.is_null() {
                return (String::new(), score);
            }
            (CStr::from_ptr(text).to_string_lossy().into_owned(), score)
        }
    }

    /// Returns the words of the best hypothesis with their times, silences and noises included.
    #[must_use]
    pub fn words(&mut self) -> Vec<Word> {
        let mut words = Vec::new();
        // SAFETY: the iterator is valid until `ps_seg_next` returns null, which also frees it; the spelling belongs
        // to the dictionary and is copied.
        unsafe {
            if sys::ps_get_n_frames(self.ps.as_ptr()) <= 0 {
                return words;
            }
            let mut segment = sys::ps_seg_iter(self.ps.as_ptr());
            while !segment.is_null() {
                let (mut first, mut last, mut acoustic, mut language, mut backoff) =
                    (0, 0, 0, 0, 0);
                sys::ps_seg_frames(segment, &raw mut first, &raw mut last);
                sys::ps_seg_prob(
                    segment,
                    &raw mut acoustic,
                    &raw mut language,
                    &raw mut backoff,
                );
                let text = sys::ps_seg_word(segment);
                if !text.is_null() {
                    words.push(Word {
                        text: CStr::from_ptr(text).to_string_lossy().into_owned(),
                        first: u32::try_from(first).unwrap_or(0),
                        last: u32::try_from(last).unwrap_or(0),
                        acoustic,
                        language,
                    });
                }
                segment = sys::ps_seg_next(segment);
            }
        }
        words
    }

    /// Returns the cepstral mean that will be taken from the next frames.
    #[must_use]
    pub fn mean(&self) -> [f32; CEPSTRA] {
        let mut mean = [0.0; CEPSTRA];
        // SAFETY: the feature module and its normaliser live as long as the decoder; 13 numbers are written.
        unsafe {
            sys::cmn_live_get(
                (*sys::ps_get_feat(self.ps.as_ptr())).cmn_struct,
                mean.as_mut_ptr(),
            );
        }
        mean
    }

    /// Sets the cepstral mean from which the next utterance starts.
    pub fn set_mean(&mut self, mean: &[f32; CEPSTRA]) {
        // SAFETY: as in `mean`; 13 numbers are read.
        unsafe {
            sys::cmn_live_set(
                (*sys::ps_get_feat(self.ps.as_ptr())).cmn_struct,
                mean.as_ptr(),
            );
        }
    }

    /// Returns the first pronunciation of a word, if the dictionary has it.
    #[must_use]
    pub fn pronunciation(&self, word: &str) -> Option<String> {
        let word = c_string(word).ok()?;
        // SAFETY: the answer is null or allocated with `malloc` and ours to free.
        unsafe {
            let text = sys::ps_lookup_word(self.ps.as_ptr(), word.as_ptr());
            if text.is_null() {
                return None;
            }
            let copy = CStr::from_ptr(text).to_string_lossy().into_owned();
            libc::free(text.cast());
            Some(copy)
        }
    }

    /// Adds a word with its phones (separated by blanks) to the dictionary and every language model. With `update`
    /// the search is rebuilt, which the last of several words needs. Only between utterances.
    ///
    /// # Errors
    /// When the phones are not the model's, or an utterance is open.
    pub fn add_word(&mut self, word: &str, phones: &str, update: bool) -> Result<(), Error> {
        if self.open {
            return Err(Error::Failed("add a word inside an utterance"));
        }
        let (word, phones) = (c_string(word)?, c_string(phones)?);
        // SAFETY: both texts end with a zero and are copied by the library.
        let id = unsafe {
            sys::ps_add_word(
                self.ps.as_ptr(),
                word.as_ptr(),
                phones.as_ptr(),
                c_int::from(update),
            )
        };
        if id < 0 {
            Err(Error::Failed("add a word"))
        } else {
            Ok(())
        }
    }
}

impl Drop for Decoder {
    fn drop(&mut self) {
        // SAFETY: the one reference that `new` made.
        unsafe { sys::ps_free(self.ps.as_ptr()) };
    }
}

/// The library's options. The decoder takes its own reference.
struct Config(NonNull<sys::cmd_ln_t>);

impl Config {
    fn new() -> Result<Self, Error> {
        // SAFETY: the definitions are the library's own static table; the list of options ends at once.
        let config = unsafe {
            let definitions = sys::ps_args();
            sys::cmd_ln_init(ptr::null_mut(), definitions, 0, ptr::null::<c_char>())
        };
        NonNull::new(config)
            .map(Self)
            .ok_or(Error::Failed("make its options"))
    }

    fn set(&self, name: &str, value: &Setting) -> Result<(), Error> {
        let key = c_string(name)?;
        // SAFETY: config and texts are valid; texts are copied. An unknown name is found before it is set.
        unsafe {
            if sys::cmd_ln_exists_r(self.0.as_ptr(), key.as_ptr()) == 0 {
                return Err(Error::Option(name.to_owned()));
            }
            match value {
                Setting::Int(number) => {
                    sys::cmd_ln_set_int_r(self.0.as_ptr(), key.as_ptr(), (*number).into());
                }
                Setting::Float(number) => {
                    sys::cmd_ln_set_float_r(self.0.as_ptr(), key.as_ptr(), *number);
                }
                Setting::Text(text) => {
                    let text = c_string(text)?;
                    sys::cmd_ln_set_str_r(self.0.as_ptr(), key.as_ptr(), text.as_ptr());
                }
            }
        }
        Ok(())
    }
}

impl Drop for Config {
    fn drop(&mut self) {
        // SAFETY: the reference that `new` made.
        unsafe { sys::cmd_ln_free_r(self.0.as_ptr()) };
    }
}

/// A loaded language model, one reference.
#[derive(Debug)]
struct Language(NonNull<sys::ngram_model_t>);

impl Drop for Language {
    fn drop(&mut self) {
        // SAFETY: the reference that reading the model made.
        unsafe { sys::ngram_model_free(self.0.as_ptr()) };
    }
}

/// The names of so many language models.
fn names(count: usize) -> Result<Vec<CString>, Error> {
    (0..count)
        .map(|index| c_string(&index.to_string()))
        .collect()
}

/// Shares that sum to one.
fn scaled(shares: impl Iterator<Item = f32> + Clone) -> Vec<f32> {
    let total: f32 = shares.clone().sum();
    shares.map(|share| share / total).collect()
}

fn c_string(text: &str) -> Result<CString, Error> {
    CString::new(text).map_err(|_| Error::ZeroByte(text.to_owned()))
}

fn path_text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests;
