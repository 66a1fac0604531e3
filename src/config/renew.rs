//! What becomes of services and lines when the configuration changes while calls run: what did not change stays, with all
//! that it knows (connections, who failed lately); what did is made anew; and lines through which telephones are connected
//! are changed in place.
//!
//! Everything that can fail is done before anything takes effect.

use std::{fmt, sync::Arc};

use super::{
    Config,
    services::{Services, lines},
};
use crate::{
    provider::{ProviderError, ProviderErrorKind, TextToSpeech, cached::Cached, flite::Flite},
    store::Cache,
};

/// Services and lines of a changed configuration, of which nothing has taken effect yet.
pub struct Renewal {
    services: Services,
    adjustments: Vec<Box<dyn FnOnce() + Send>>,
}

impl fmt::Debug for Renewal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Renewal")
            .field("services", &self.services)
            .finish_non_exhaustive()
    }
}

impl Renewal {
    /// Changes the lines, and returns what calls are made with from now on. Must be called inside the runtime.
    #[must_use]
    pub fn apply(self) -> Services {
        for adjust in self.adjustments {
            adjust();
        }
        self.services
    }
}

impl Services {
    /// Makes what `new` chooses, where that differs from `old`, by which these were made. Must be called inside the
    /// runtime.
    ///
    /// # Errors
    /// When a service cannot be made, or a line not be opened. Then nothing has changed.
    pub fn renew(
        &self,
        (old, new): (&Config, &Config),
        cache: &Cache,
        public_url: &str,
    ) -> Result<Renewal, ProviderError> {
        let cannot = |error| ProviderError::new(ProviderErrorKind::Unsupported, error);
        let flite: Arc<dyn TextToSpeech> = Arc::new(Cached::new(Arc::new(Flite), cache.clone()));
        let same = old.failover == new.failover;
        let mut kept = self.kept.clone();
        let mut adjustments: Vec<Box<dyn FnOnce() + Send>> = Vec::new();
        if let Some(line) = kept
            .twilio
            .clone()
            .filter(|_| old.line.twilio != new.line.twilio)
        {
            let options = new.line.twilio.options(public_url);
            let client = Arc::new(new.line.twilio.client().map_err(cannot)?);
            adjustments.push(Box::new(move || line.adjust(options, client)));
        }
        if let Some(line) = kept.sip.clone().filter(|_| old.line.sip != new.line.sip) {
            let options = new.line.sip.options().map_err(cannot)?;
            adjustments.push(Box::new(move || line.adjust(options)));
        }
        let services = Self {
            stt: match same && old.stt == new.stt {
                true => self.stt.clone(),
                false => new.hearing()?,
            },
            llm: match same && old.llm == new.llm {
                true => self.llm.clone(),
                false => new.thinking()?,
            },
            tts: match same && old.tts == new.tts {
                true => self.tts.clone(),
                false => Arc::new(new.speaking(&flite, cache)?),
            },
            // Last, because it may open sockets.
            lines: lines(new, flite, public_url, &mut kept)?,
            kept,
        };
        Ok(Renewal {
            services,
            adjustments,
        })
    }
}
