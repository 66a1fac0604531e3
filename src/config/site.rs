//! `[website]` and `[net]`: what is read about a callee before the call, and where requests to strangers' addresses may go.

use std::{str::FromStr, time::Duration};

use ipnet::IpNet;
use serde::Deserialize;

use super::Config;
use crate::{
    context::{LONGEST, Reader, Settings},
    net::guard::Guard,
    store::Cache,
};

/// `[website]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(deny_unknown_fields)]
pub struct Website {
    /// At most so many tokens are kept of a site; 0: sites are not read.
    pub max_tokens: u32,
    /// How long reading may take.
    pub limit_ms: u32,
    /// How long what was read is good for later calls.
    pub keep_hours: u32,
}

/// `[net]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(deny_unknown_fields)]
pub struct Net {
    /// Addresses and networks that may be asked although they are not part of the public internet.
    pub allow: Vec<String>,
}

impl Net {
    /// Returns what keeps requests to addresses of strangers out of our own network. Entries that are no networks were
    /// refused when the configuration was read.
    #[must_use]
    pub fn guard(&self) -> Guard {
        Guard::new(self.allow.iter().filter_map(|entry| network(entry)))
    }
}

/// Reads `10.1.0.0/16`, or an address for itself alone.
fn network(entry: &str) -> Option<IpNet> {
    let address = || std::net::IpAddr::from_str(entry).ok().map(IpNet::from);
    IpNet::from_str(entry).ok().or_else(address)
}

impl Config {
    /// Makes what reads websites; nothing when sites are not read.
    ///
    /// # Errors
    /// When no TLS client can be made.
    pub fn reader(&self, cache: Cache) -> Result<Option<Reader>, String> {
        if self.website.max_tokens == 0 {
            return Ok(None);
        }
        let settings = Settings {
            tokens: self.website.max_tokens,
            limit: Duration::from_millis(self.website.limit_ms.into()),
            fresh: Duration::from_secs(u64::from(self.website.keep_hours) * 3600),
        };
        Reader::new(self.net.guard(), cache, settings).map(Some)
    }

    /// Reports values that are out of their range.
    pub(super) fn check_site(&self, within: &mut dyn FnMut(&str, u64, std::ops::Range<u64>)) {
        let (site, longest) = (&self.website, LONGEST.as_millis() as u64);
        within("website.max_tokens", site.max_tokens.into(), 0..2001);
        within("website.limit_ms", site.limit_ms.into(), 100..longest + 1);
        within("website.keep_hours", site.keep_hours.into(), 0..721);
    }

    /// Reports entries of `net.allow` that are none.
    pub(super) fn check_net(&self, report: &mut dyn FnMut(String)) {
        for entry in &self.net.allow {
            if network(entry).is_none() {
                report(format!(
                    "`net.allow` holds \"{entry}\", which is neither an address nor a network like 10.1.0.0/16."
                ));
            }
        }
    }
}
