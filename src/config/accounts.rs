//! What concerns accounts and those who are called: where credits are bought (`[billing.stripe]`), how much an account
//! may do (`[limits]`), how long things are kept (`[retention]`), whom the program may call when (`[contact]`) and what
//! it tells them (`[disclosure]`).

use std::{path::PathBuf, sync::Arc};

use jiff::SignedDuration;
use protocol::stripe::Pack;
use serde::Deserialize;

use super::{Config, Hidden};
use crate::{
    billing::{
        PaymentService,
        stripe::{API_BASE, Options, Stripe as Service},
    },
    contact::{self, Hours, NeverCall},
    retention,
    supervisor::Policy,
};

/// `[billing.stripe]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(deny_unknown_fields)]
pub struct Stripe {
    /// The secret key; empty: credits are not sold through Stripe.
    pub secret_key: Hidden,
    /// The secret of the webhook endpoint.
    pub webhook_secret: Hidden,
    /// Where the API is, without a slash at the end; empty: Stripe itself.
    pub api_base: String,
    /// Credits that one purchase brings.
    pub credits: u32,
    /// What they cost, in the smallest unit of the currency.
    pub amount: u32,
    /// ISO 4217, in lower case.
    pub currency: String,
    /// A price kept at Stripe, in place of amount and currency.
    pub price: String,
}

/// `[limits]`
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Calls of one account at the same time.
    pub concurrent_per_account: usize,
    /// Calls that are dialed on one line in a second; 0: as fast as they come.
    pub calls_per_second: f64,
    /// Credits that one account may spend in a day; 0: as many as it has.
    pub credits_per_day: u32,
}

/// `[retention]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(deny_unknown_fields)]
pub struct Retention {
    /// Days after a call at which its recording is deleted; 0: never.
    pub recording_days: u32,
    /// Days after a call at which its transcript and what was made of it are deleted; 0: never.
    pub transcript_days: u32,
}

/// `[contact]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(deny_unknown_fields)]
pub struct Contact {
    /// A file of numbers that are never called; empty: none.
    pub do_not_call_file: PathBuf,
    /// From when on calls are made, by the callee's clock; empty: at any time.
    pub start: String,
    /// Until when.
    pub end: String,
    /// What is done with others.
    pub outside: Outside,
}

/// What is done with calls at a bad time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(rename_all = "lowercase")]
pub enum Outside {
    /// They are refused.
    Refuse,
    /// They wait.
    Schedule,
}

/// `[disclosure]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(deny_unknown_fields)]
pub struct Disclosure {
    /// Whether the callee is told that a machine calls.
    pub ai: bool,
    /// Whether the callee is told that the call is recorded.
    pub recording: bool,
}

impl Retention {
    /// Returns for how long things are kept.
    #[must_use]
    pub fn rules(&self) -> retention::Retention {
        let days = |days: u32| (days > 0).then(|| SignedDuration::from_hours(i64::from(days) * 24));
        retention::Retention {
            recordings: days(self.recording_days),
            words: days(self.transcript_days),
        }
    }
}

impl Contact {
    /// Returns the hours in which calls are made; `None`: at any time.
    ///
    /// # Errors
    /// A sentence when they cannot be read.
    pub fn hours(&self) -> Result<Option<(Hours, contact::Outside)>, String> {
        if self.start.is_empty() && self.end.is_empty() {
            return Ok(None);
        }
        let outside = match self.outside {
            Outside::Refuse => contact::Outside::Refuse,
            Outside::Schedule => contact::Outside::Schedule,
        };
        Hours::new(&self.start, &self.end).map(|hours| Some((hours, outside)))
    }
}

impl Stripe {
    /// Returns whether credits are sold through Stripe.
    #[must_use]
    pub fn is_set(&self) -> bool {
        !self.secret_key.0.is_empty()
    }

    /// Makes the client, for a server that is reached at `public_url`; nothing when it is not configured.
    ///
    /// # Errors
    /// As [`Service::new`].
    pub fn service(&self, public_url: &str) -> Result<Option<Arc<dyn PaymentService>>, String> {
        let service = self.client(public_url)?;
        Ok(service.map(|service| Arc::new(service) as Arc<dyn PaymentService>))
    }

    /// Makes a client that finds out whether the service can be used.
    ///
    /// # Errors
    /// As [`Service::new`].
    pub fn checker(&self) -> Result<Option<Service>, String> {
        self.client("")
    }

    fn client(&self, public_url: &str) -> Result<Option<Service>, String> {
        if !self.is_set() {
            return Ok(None);
        }
        let api_base = if self.api_base.is_empty() {
            API_BASE
        } else {
            &self.api_base
        };
        let options = Options {
            secret_key: self.secret_key.0.clone(),
            webhook_secret: self.webhook_secret.0.clone(),
            api_base: api_base.to_owned(),
            pack: Pack {
                credits: self.credits,
                amount: self.amount,
                currency: self.currency.clone(),
                price: self.price.clone(),
            },
            billing_page: format!("{public_url}/billing"),
        };
        Service::new(options).map(Some)
    }
}

impl Config {
    /// Returns the rules for all accounts. Reads the do-not-call file.
    ///
    /// # Errors
    /// A sentence when that cannot be read.
    pub fn policy(&self) -> Result<Policy, String> {
        let (limits, contact) = (&self.limits, &self.contact);
        let file = &contact.do_not_call_file;
        Ok(Policy {
            concurrent_per_account: Some(limits.concurrent_per_account),
            calls_per_second: Some(limits.calls_per_second).filter(|rate| *rate > 0.0),
            credits_per_day: Some(limits.credits_per_day).filter(|credits| *credits > 0),
            never_call: if file.as_os_str().is_empty() {
                NeverCall::default()
            } else {
                NeverCall::read(file)?
            },
            hours: contact.hours()?,
            disclose_ai: self.disclosure.ai,
            disclose_recording: self.disclosure.recording,
        })
    }

    /// Reports what is wrong with the sections of this file.
    pub(super) fn check_accounts(&self, wrong: &mut dyn FnMut(String)) {
        let stripe = &self.billing.stripe;
        if stripe.is_set() {
            if stripe.webhook_secret.0.is_empty() {
                wrong("`billing.stripe.webhook_secret` is not set; payments cannot be recognised without it.".into());
            }
            if stripe.credits == 0 {
                wrong("`billing.stripe.credits` is 0 and must be 1 or more.".into());
            }
            let letters = stripe.currency.chars().all(|c| c.is_ascii_lowercase());
            if stripe.price.is_empty()
                && (stripe.amount == 0 || stripe.currency.len() != 3 || !letters)
            {
                wrong("`billing.stripe.amount` must be 1 or more and `billing.stripe.currency` three lower-case letters like \"usd\", or `billing.stripe.price` must name a price.".into());
            }
        }
        let limits = &self.limits;
        if limits.concurrent_per_account == 0 {
            wrong("`limits.concurrent_per_account` is 0 and must be 1 or more.".into());
        }
        if let Err(why) = self.contact.hours() {
            wrong(format!(
                "`contact.start` and `contact.end` give no hours: {why}. Set both, like \"08:00\" and \"21:00\", or none."
            ));
        }
        if !(0.0..=1000.0).contains(&limits.calls_per_second) {
            wrong("`limits.calls_per_second` must be 0 (no limit) to 1000.".into());
        }
    }
}
