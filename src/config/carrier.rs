//! `[line.twilio]`: the account, the numbers, and what is done for those who call.

use std::sync::Arc;

use protocol::{
    phone::{PhoneNumber, PhoneRules},
    twilio::stream::{self, Dialect},
};
use serde::Deserialize;

use super::{Config, Hidden, LineKind};
use crate::line::{
    sip,
    twilio::{API_BASE, NAME, Options, Reqwest, TwilioLine},
};

/// `[line.twilio]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(deny_unknown_fields)]
pub struct Twilio {
    /// The account; empty: the line is not offered.
    pub account_sid: String,
    /// The account's token, which signs callbacks, and opens the REST interface unless there is an API key.
    pub auth_token: Hidden,
    /// The API key for the REST interface; empty: the account's token is used.
    pub api_key_sid: String,
    /// The secret of the API key.
    pub api_key_secret: Hidden,
    /// The numbers that calls are made from; the first one is the default.
    pub from_phone_numbers: Vec<String>,
    /// Where the REST interface is, without a slash at the end; empty: Twilio itself.
    pub api_base: String,
    /// Whether the carrier shall find out who answers.
    pub machine_detection: bool,
    /// Whose streams they are.
    pub carrier: Carrier,
    /// What is done for those who call.
    pub inbound: Reception,
}

/// `[line.twilio.inbound]` and `[line.sip.inbound]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(deny_unknown_fields)]
pub struct Reception {
    /// What the agent shall accomplish; empty: no calls are taken.
    pub objective: String,
    /// The numbers whose calls are taken; empty: all that calls are made from, and by SIP all that come.
    pub numbers: Vec<String>,
    /// What the agent says first, word for word; empty: what it thinks of.
    pub first_message: String,
    /// More context for the agent.
    pub instructions: String,
    /// The account whose keys see these calls, by its name; it is made when there is none.
    pub account: String,
}

/// The carriers whose streams are understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(rename_all = "lowercase")]
pub enum Carrier {
    /// Twilio.
    Twilio,
    /// SignalWire.
    SignalWire,
    /// Telnyx.
    Telnyx,
}

impl Carrier {
    fn dialect(self) -> Arc<dyn Dialect> {
        match self {
            Self::Twilio => Arc::new(stream::Twilio),
            Self::SignalWire => Arc::new(stream::SignalWire),
            Self::Telnyx => Arc::new(stream::Telnyx),
        }
    }
}

impl Twilio {
    /// Returns whether the line is configured, so that it is offered.
    #[must_use]
    pub fn is_set(&self) -> bool {
        !self.account_sid.is_empty()
    }

    /// Returns where the REST interface is.
    #[must_use]
    pub fn api_base(&self) -> &str {
        if self.api_base.is_empty() {
            API_BASE
        } else {
            &self.api_base
        }
    }

    /// Returns the numbers whose incoming calls are taken.
    #[must_use]
    pub fn incoming_numbers(&self) -> &[String] {
        match (&self.inbound.objective, self.inbound.numbers.as_slice()) {
            (objective, _) if objective.is_empty() => &[],
            (_, []) => &self.from_phone_numbers,
            (_, numbers) => numbers,
        }
    }

    /// Makes the client of the REST interface.
    ///
    /// # Errors
    /// As [`Reqwest::new`].
    pub fn client(&self) -> Result<Reqwest, String> {
        let (user, password) = if self.api_key_sid.is_empty() {
            (&self.account_sid, &self.auth_token)
        } else {
            (&self.api_key_sid, &self.api_key_secret)
        };
        Reqwest::new(self.api_base(), user, &password.0)
    }

    /// Makes the line, for a server that is reached at `public_url`.
    ///
    /// # Errors
    /// As [`Twilio::client`].
    pub fn line(&self, public_url: &str) -> Result<TwilioLine, String> {
        Ok(TwilioLine::new(
            self.options(public_url),
            Arc::new(self.client()?),
        ))
    }

    /// Returns how the line is set up for a server that is reached at `public_url`.
    #[must_use]
    pub fn options(&self, public_url: &str) -> Options {
        Options {
            account_sid: self.account_sid.clone(),
            auth_token: self.auth_token.0.clone(),
            numbers: self.from_phone_numbers.clone(),
            incoming_numbers: self.incoming_numbers().to_vec(),
            public_url: public_url.to_owned(),
            machine_detection: self.machine_detection,
            dialect: self.carrier.dialect(),
        }
    }
}

impl Config {
    /// Returns the numbers that requests may ask for, each with its line.
    #[must_use]
    pub fn from_numbers(&self) -> Vec<(String, String)> {
        let twilio = &self.line.twilio;
        let numbers = twilio.from_phone_numbers.iter().filter(|_| twilio.is_set());
        let numbers = numbers.map(|number| (NAME.to_owned(), number.clone()));
        let trunks = self.line.sip.trunks.iter();
        let others = trunks.flat_map(|trunk| &trunk.from_phone_numbers);
        let others = others.map(|number| (sip::NAME.to_owned(), number.clone()));
        numbers.chain(others).collect()
    }

    /// Returns what is done for those who call on a line, by the line's name; `None` when no calls are taken there.
    #[must_use]
    pub fn reception(&self, line: &str) -> Option<&Reception> {
        let reception = match line {
            NAME if self.line.twilio.is_set() => &self.line.twilio.inbound,
            sip::NAME if self.line.sip.is_set() => &self.line.sip.inbound,
            _ => return None,
        };
        (!reception.objective.is_empty()).then_some(reception)
    }

    /// Reports what is wrong with `[line.twilio]`.
    pub(super) fn check_twilio(&self, wrong: &mut dyn FnMut(String)) {
        let twilio = &self.line.twilio;
        if !twilio.is_set() {
            if self.line.default == LineKind::Twilio {
                wrong(
                    "`line.default` is \"twilio\", but `line.twilio.account_sid` is not set."
                        .into(),
                );
            }
            return;
        }
        if twilio.auth_token.0.is_empty() {
            wrong("`line.twilio.auth_token` is not set; callbacks cannot be checked without it, even when there is an API key.".into());
        }
        if twilio.api_key_sid.is_empty() != twilio.api_key_secret.0.is_empty() {
            wrong("`line.twilio.api_key_sid` and `line.twilio.api_key_secret` belong together: set both or none.".into());
        }
        if twilio.from_phone_numbers.is_empty() {
            wrong("`line.twilio.from_phone_numbers` is empty; name a number of the account, like [\"+14155550100\"].".into());
        }
        let id = |text: &str| {
            text.len() <= 64 && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
        };
        if !id(&twilio.account_sid) {
            wrong("`line.twilio.account_sid` is no account id; it begins with AC, or is the id of a SignalWire project.".into());
        }
        let rules = PhoneRules {
            allow_premium: true,
        };
        let inbound = &twilio.inbound;
        for (key, numbers) in [
            ("line.twilio.from_phone_numbers", &twilio.from_phone_numbers),
            ("line.twilio.inbound.numbers", &inbound.numbers),
        ] {
            for number in numbers {
                if PhoneNumber::parse(key, number, rules).is_err() {
                    wrong(format!(
                        "`{key}` holds \"{number}\", which is no US or Canadian number like +14155550100."
                    ));
                }
            }
        }
        if !inbound.objective.is_empty() && inbound.account.trim().is_empty() {
            wrong("`line.twilio.inbound.account` is empty; name the account whose keys shall see the calls.".into());
        }
    }
}
