//! What is in use, and whether it works: what `agentphone doctor` finds out, for administrators in a browser.
//!
//! How it is found out is given to the server when it is made; here it is only kept for a moment, so that looking at
//! it often costs the services nothing.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};

use hyper::StatusCode;
use protocol::rest::One;
use serde::Serialize;
use tokio::sync::Mutex;

use super::{
    App,
    answer::{self, Outcome},
};
use crate::{driver::clock, provider::BoxFuture};

/// How long a finding is good enough.
const FRESH: Duration = Duration::from_secs(5);

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What it does: `line`, `speech to text`, …
    pub role: String,
    /// How it stands.
    pub state: State,
    /// A sentence about it.
    pub text: String,
}

/// How something stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It works.
    Good,
    /// It works, and something about it should be known.
    Note,
    /// It does not work.
    Bad,
}

/// Looks at everything; may take seconds.
type Look = dyn Fn() -> BoxFuture<'static, Vec<Finding>> + Send + Sync;

/// What was found, and when.
type Last = Option<(Instant, Vec<Finding>)>;

/// What was found lately, and how to look again.
#[derive(Clone)]
pub(super) struct Inspection {
    look: Arc<Look>,
    last: Arc<Mutex<Last>>,
}

impl fmt::Debug for Inspection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inspection").finish_non_exhaustive()
    }
}

impl Inspection {
    /// Makes it from what looks.
    pub(super) fn new(look: Arc<Look>) -> Self {
        Self {
            look,
            last: Arc::default(),
        }
    }

    /// An inspection of nothing, for a server that was not told what to look at.
    pub(super) fn of_nothing() -> Self {
        Self::new(Arc::new(|| Box::pin(async { Vec::new() })))
    }

    async fn findings(&self) -> Vec<Finding> {
        // Held while looking: whoever asks at the same time gets the same findings.
        let mut last = self.last.lock().await;
        let now = clock::now();
        if let Some((at, findings)) = &*last
            && now.saturating_duration_since(*at) < FRESH
        {
            return findings.clone();
        }
        let findings = (self.look)().await;
        *last = Some((clock::now(), findings.clone()));
        findings
    }
}

/// `GET /settings`
pub(super) async fn get(app: &App) -> Outcome {
    let data = app.inspection.findings().await;
    answer::json(StatusCode::OK, &One { data })
}
