//! The callee's words as sound: spoken by a voice service ahead of need, levelled, and kept for later calls.
//!
//! Knows no scenario and does not decide who speaks when. A callee whose words are not ready yet is silent.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
};

use call::{ClauseId, Generation};

use super::{callee::Sounds, scenario::SoundId, sounds};
use crate::provider::{
    ProviderError, ProviderErrorKind, TextToSpeech, TtsEvent, TtsInput, TtsOptions, TtsStream,
};

/// Texts that are kept as sound. When there are more, all are forgotten: scenarios are few and short.
const KEPT: usize = 512;

/// The sounds of one call, as they become ready.
#[derive(Debug)]
pub(super) struct Prepared {
    sounds: Vec<OnceLock<Arc<[i16]>>>,
    failed: OnceLock<String>,
}

impl Prepared {
    /// Takes what is ready; `None` where words have still to be spoken.
    pub(super) fn new(sounds: Vec<Option<Arc<[i16]>>>) -> Self {
        let ready = |sound: Option<Arc<[i16]>>| sound.map_or_else(OnceLock::new, OnceLock::from);
        Self {
            sounds: sounds.into_iter().map(ready).collect(),
            failed: OnceLock::new(),
        }
    }

    /// Why the rest will never be ready.
    pub(super) fn failure(&self) -> Option<&str> {
        self.failed.get().map(String::as_str)
    }
}

impl Sounds for Prepared {
    fn get(&self, sound: SoundId) -> Option<Arc<[i16]>> {
        self.sounds.get(sound.0)?.get().cloned()
    }
}

/// Texts as sound, by voice and text.
type Spoken = HashMap<(String, String), Arc<[i16]>>;

/// Speaks for callees.
#[derive(Debug)]
pub(super) struct Voice {
    service: Arc<dyn TextToSpeech>,
    kept: Mutex<Spoken>,
}

impl Voice {
    pub(super) fn new(service: Arc<dyn TextToSpeech>) -> Self {
        Self {
            service,
            kept: Mutex::default(),
        }
    }

    /// Speaks the texts one after the other and puts each into its place in `prepared`.
    pub(super) async fn prepare(
        &self,
        voice: &str,
        texts: Vec<(SoundId, String)>,
        prepared: &Prepared,
    ) {
        let mut missing = Vec::new();
        for (sound, text) in texts {
            match self.kept(voice, &text) {
                Some(samples) => fill(prepared, sound, samples),
                None => missing.push((sound, text)),
            }
        }
        if missing.is_empty() {
            return;
        }
        if let Err(error) = self.speak(voice, missing, prepared).await {
            prepared.failed.get_or_init(|| error.to_string());
        }
    }

    async fn speak(
        &self,
        voice: &str,
        texts: Vec<(SoundId, String)>,
        prepared: &Prepared,
    ) -> Result<(), ProviderError> {
        let options = TtsOptions {
            voice: voice.to_owned(),
            ..TtsOptions::default()
        };
        let mut stream = self.service.open(options).await?;
        for (index, (sound, text)) in (0..).zip(texts) {
            let order = TtsInput::Speak {
                clause: ClauseId {
                    generation: Generation(0),
                    index,
                },
                text: text.clone(),
            };
            stream.input.send(order).await.map_err(|_| broke_off())?;
            let samples = listen(&mut stream).await?;
            let mut kept = self.lock();
            if kept.len() >= KEPT {
                kept.clear();
            }
            kept.insert((voice.to_owned(), text), Arc::clone(&samples));
            fill(prepared, sound, samples);
        }
        Ok(())
    }

    fn kept(&self, voice: &str, text: &str) -> Option<Arc<[i16]>> {
        let key = (voice.to_owned(), text.to_owned());
        self.lock().get(&key).cloned()
    }

    fn lock(&self) -> MutexGuard<'_, Spoken> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn fill(prepared: &Prepared, sound: SoundId, samples: Arc<[i16]>) {
    if let Some(place) = prepared.sounds.get(sound.0) {
        place.get_or_init(|| samples);
    }
}

/// Collects one text's sound.
async fn listen(stream: &mut TtsStream) -> Result<Arc<[i16]>, ProviderError> {
    let (mut spoken, mut spoken_rate) = (Vec::new(), sounds::RATE);
    loop {
        match stream.events.recv().await.ok_or_else(broke_off)? {
            TtsEvent::Audio { samples, rate, .. } => {
                spoken.extend_from_slice(&samples);
                spoken_rate = rate;
            }
            TtsEvent::Words { .. } | TtsEvent::Served { .. } => {}
            TtsEvent::Done(_) => break,
            TtsEvent::Failed { error, .. } => return Err(error),
        }
    }
    let mut narrow = sounds::resample(&spoken, spoken_rate)
        .map_err(|error| ProviderError::new(ProviderErrorKind::Protocol, error.to_string()))?;
    sounds::level(&mut narrow, sounds::RATE);
    Ok(narrow.into())
}

fn broke_off() -> ProviderError {
    let why = "the voice service broke off while it spoke for the simulated callee";
    ProviderError::new(ProviderErrorKind::Unavailable, why)
}
