//! Several services for one role, in the order of the operator's preference: when one fails, the next takes over, in the
//! middle of a call too.
//!
//! [`Hearing`], [`Thinking`] and [`Speaking`] are themselves services, so nothing else knows of it. What they share is
//! here: who is asked first ([`Chain`]) and how long a first result may take ([`Limits`]). Whether a service is worth
//! asking is its [`Breaker`]'s judgement. What a caller of the service notices is told by `Served` events.

mod breaker;
mod hearing;
mod memory;
mod piece;
mod speaking;
mod thinking;

use std::{
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};

pub use self::{
    breaker::{Breaker, BreakerSettings, Phase},
    hearing::Hearing,
    speaking::{Speaking, Voice},
    thinking::Thinking,
};
use super::{ProviderError, ProviderErrorKind, Served};
use crate::driver::clock;

/// How long a service may take to its first result while another one could be asked instead. The last one is given all the
/// time that it and the call allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// To open a recogniser, and for it to answer when it was asked for final words.
    pub words: Duration,
    /// For the first text of a model.
    pub text: Duration,
    /// To open a voice, for the first sound of a clause, and for each piece of sound after it.
    pub sound: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            words: Duration::from_millis(800),
            text: Duration::from_millis(3000),
            sound: Duration::from_millis(1500),
        }
    }
}

/// A service in its place.
#[derive(Debug)]
struct Candidate<T: ?Sized> {
    service: Arc<T>,
    breaker: Breaker,
}

/// Services in the order of preference.
#[derive(Debug)]
struct Chain<T: ?Sized>(Arc<[Candidate<T>]>);

impl<T: ?Sized> Clone for Chain<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T: ?Sized + fmt::Debug> Chain<T> {
    fn new(services: Vec<Arc<T>>, settings: BreakerSettings) -> Self {
        let candidate = |service| Candidate {
            service,
            breaker: Breaker::new(settings),
        };
        Self(services.into_iter().map(candidate).collect())
    }

    fn services(&self) -> impl Iterator<Item = &Arc<T>> {
        self.0.iter().map(|candidate| &candidate.service)
    }

    /// Returns the places of those that can do it, the best first: those whose breaker admits them, then the others,
    /// for a service that was down a moment ago is better than none.
    fn order(&self, can: impl Fn(&T) -> bool) -> Order {
        let able: Vec<usize> = (0..self.0.len())
            .filter(|&place| can(&self.0[place].service))
            .collect();
        Order { able }
    }

    fn at(&self, place: usize) -> &Candidate<T> {
        &self.0[place]
    }
}

/// The places of the services that can do what one call needs.
#[derive(Debug, Clone)]
struct Order {
    able: Vec<usize>,
}

impl Order {
    /// Returns the best of those that are not in `tried`: of those whose breaker admits them the first, then of the
    /// others. A breaker is asked only when its service would be next, because asking may begin a trial.
    fn next<T: ?Sized + fmt::Debug>(&self, chain: &Chain<T>, tried: &[usize]) -> Option<usize> {
        let mut left = self.able.iter().filter(|place| !tried.contains(place));
        let admitted = left
            .clone()
            .find(|&&place| chain.at(place).breaker.admits());
        admitted.or_else(|| left.next()).copied()
    }

    /// Returns whether somebody would be left.
    fn has_another(&self, tried: &[usize]) -> bool {
        self.able.iter().any(|place| !tried.contains(place))
    }
}

/// Follows who serves, so that a change is told once, with its reason.
#[derive(Debug, Default)]
struct Changes {
    failed: Option<(&'static str, ProviderError)>,
}

impl Changes {
    fn failed(&mut self, name: &'static str, error: ProviderError) {
        tracing::warn!(service = name, %error, "a service failed");
        // Of several in a row the first is the one that was to do it.
        self.failed.get_or_insert((name, error));
    }

    fn served(&mut self, by: &'static str) -> Served {
        Served {
            by,
            instead_of: self.failed.take(),
        }
    }
}

fn too_slow(name: &str, what: &str) -> ProviderError {
    ProviderError::new(
        ProviderErrorKind::Timeout,
        format!(
            "{name} gave no {what} in time; if that happens often, raise the limits in [failover]"
        ),
    )
}

fn closed(name: &str) -> ProviderError {
    ProviderError::new(
        ProviderErrorKind::Unavailable,
        format!("{name} broke off in the middle of the call"),
    )
}

fn nobody(role: &str, language: &str) -> ProviderError {
    ProviderError::new(
        ProviderErrorKind::Unsupported,
        format!("no {role} of this server can do the language {language}"),
    )
}

async fn sleep_until(due: Option<Instant>) {
    match due {
        Some(due) => clock::sleep_until(due).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests;
