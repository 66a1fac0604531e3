//! What calls are made with: lines, services, limits. An operator may change all of it while the program runs; a call
//! takes hold of it when its turn comes, and keeps what it took to its end.
//!
//! Nothing here says how a change is read from the configuration; `src/app/reload.rs` does.

use std::{
    path::PathBuf,
    sync::{Arc, PoisonError},
    time::Duration,
};

use protocol::{error::ApiError, rest};

use super::{Caller, Policy, Supervisor, queue::Limits};
use crate::{
    bus::Bus,
    context::Reader,
    line::Line,
    provider::{LanguageModel, SpeechToText, TextToSpeech},
    store::Store,
    watch::Watch,
};

/// What the supervisor works with. Everything is chosen by the application.
#[derive(Debug)]
pub struct Parts {
    /// Records and money.
    pub store: Arc<dyn Store>,
    /// Live events.
    pub bus: Bus,
    /// The ways to reach telephones, the default first.
    pub lines: Vec<Arc<dyn Line>>,
    /// Hears.
    pub stt: Arc<dyn SpeechToText>,
    /// Thinks.
    pub llm: Arc<dyn LanguageModel>,
    /// Speaks.
    pub tts: Arc<dyn TextToSpeech>,
    /// Reads websites before calls, if that is wanted.
    pub reader: Option<Reader>,
    /// Limits and defaults.
    pub settings: Settings,
    /// Watches.
    pub watch: Watch,
}

/// The part of [`Parts`] that can be changed while calls run.
#[derive(Debug, Clone)]
pub struct Equipment {
    /// The ways to reach telephones, the default first.
    pub lines: Vec<Arc<dyn Line>>,
    /// Hears.
    pub stt: Arc<dyn SpeechToText>,
    /// Thinks.
    pub llm: Arc<dyn LanguageModel>,
    /// Speaks.
    pub tts: Arc<dyn TextToSpeech>,
    /// Reads websites before calls, if that is wanted.
    pub reader: Option<Reader>,
    /// Limits and defaults.
    pub settings: Settings,
}

/// Limits and defaults of all calls.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Calls that run at the same time; others wait for their turn.
    pub max_concurrent: usize,
    /// What the operator allows.
    pub policy: Policy,
    /// How long a phone rings.
    pub ring_timeout: Duration,
    /// How long running calls get to end politely when the program stops.
    pub drain: Duration,
    /// How the core behaves; a request overrides parts of it.
    pub call: call::CallConfig,
    /// Where recordings go.
    pub recordings: PathBuf,
    /// Where a client buys credits.
    pub buy_credits_url: String,
}

impl Parts {
    /// Takes what can be changed from what cannot.
    pub(super) fn split(self) -> ((Arc<dyn Store>, Bus, Watch), Equipment) {
        let fixed = (self.store, self.bus, self.watch);
        let equipment = Equipment {
            lines: self.lines,
            stt: self.stt,
            llm: self.llm,
            tts: self.tts,
            reader: self.reader,
            settings: self.settings,
        };
        (fixed, equipment)
    }
}

impl Equipment {
    /// Returns the limits of the queue.
    pub(super) fn limits(&self) -> Limits {
        let policy = &self.settings.policy;
        Limits {
            concurrent: self.settings.max_concurrent,
            concurrent_per_account: policy.concurrent_per_account.unwrap_or(usize::MAX),
            per_second_and_line: policy.calls_per_second,
        }
    }

    /// Returns the line of this name.
    pub(super) fn line(&self, name: &str) -> Option<Arc<dyn Line>> {
        self.lines.iter().find(|line| line.name() == name).cloned()
    }

    pub(super) fn choose_line(
        &self,
        caller: &Caller,
        request: &rest::CreateCall,
    ) -> Result<Arc<dyn Line>, ApiError> {
        let lines = &self.lines;
        let wanted = if caller.test {
            "simulated"
        } else {
            &request.line
        };
        let found = lines.iter().find(|line| line.name() == wanted);
        found.cloned().ok_or_else(|| {
            let names: Vec<_> = lines.iter().map(|line| line.name()).collect();
            let expected = format!("one of the lines of this server: {}", names.join(", "));
            ApiError::invalid_field("line", &expected)
        })
    }
}

impl Supervisor {
    /// Returns what a call that begins now is made with.
    #[must_use]
    pub fn equipment(&self) -> Arc<Equipment> {
        // Nothing panics while it is held.
        let equipment = self.0.equipment.read();
        equipment.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Makes calls that begin from now on with this. Those that run are not touched; those that wait for their turn
    /// are made with it.
    pub fn equip(&self, equipment: Equipment) {
        self.0.queue.set_limits(equipment.limits());
        let mut current = self
            .0
            .equipment
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        *current = Arc::new(equipment);
    }
}
