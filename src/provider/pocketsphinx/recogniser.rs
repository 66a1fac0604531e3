//! The recogniser inside a worker: which models with which settings, and when the words so far are worth telling.

use std::path::Path;

use native::pocketsphinx::{Decoder, Error, Model, Setting};

/// Samples between two looks at the words so far: 100 ms.
const LOOK_EVERY: usize = 1600;

/// One call's recogniser.
#[derive(Debug)]
pub(super) struct Recogniser {
    decoder: Decoder,
    told: String,
    since_look: usize,
}

impl Recogniser {
    /// Loads the models.
    ///
    /// # Errors
    /// When a model is missing or broken.
    pub(super) fn load(folder: &Path) -> Result<Self, Error> {
        let decoder = Decoder::new(&Model {
            acoustic: folder.join("en-us"),
            dictionary: folder.join("cmudict-en-us.dict"),
            language: vec![(folder.join("en-us.lm.bin"), 1.0)],
            options: vec![
                // The second pass costs time after the end of speech and gained nothing on telephone sound.
                ("-fwdflat", Setting::Int(0)),
                // Voice detection has cut the sound already.
                ("-remove_silence", Setting::Int(0)),
            ],
        })?;
        Ok(Self {
            decoder,
            told: String::new(),
            since_look: 0,
        })
    }

    /// Begins an utterance.
    pub(super) fn begin(&mut self) -> Result<(), Error> {
        self.told.clear();
        self.since_look = 0;
        self.decoder.start()
    }

    /// Takes sound; returns the words so far when they are others than those returned before.
    pub(super) fn hear(&mut self, samples: &[i16]) -> Result<Option<String>, Error> {
        self.decoder.process_raw(samples)?;
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
        self.decoder.end()?;
        Ok(self.decoder.hypothesis().0)
    }
}
