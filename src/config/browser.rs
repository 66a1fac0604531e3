//! `[line.browser]`: where the sound of the browser phone is bound, and the servers that help it past routers.

use serde::Deserialize;

use super::{Config, Hidden};
use crate::line::browser::{BrowserLine, IceServer, PeerOptions};

/// `[line.browser]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(deny_unknown_fields)]
pub struct Browser {
    /// Where to bind for the sound of a call: addresses and ports.
    pub bind: Vec<std::net::SocketAddr>,
    /// STUN servers.
    pub stun_urls: Vec<String>,
    /// TURN servers.
    pub turn_urls: Vec<String>,
    /// The name for the TURN servers.
    pub turn_username: String,
    /// The password for the TURN servers.
    pub turn_credential: Hidden,
}

impl Browser {
    /// Makes the line.
    #[must_use]
    pub fn line(&self) -> BrowserLine {
        BrowserLine::new(self.options())
    }

    fn options(&self) -> PeerOptions {
        let mut ice_servers = Vec::new();
        if !self.stun_urls.is_empty() {
            ice_servers.push(IceServer {
                urls: self.stun_urls.clone(),
                ..IceServer::default()
            });
        }
        if !self.turn_urls.is_empty() {
            ice_servers.push(IceServer {
                urls: self.turn_urls.clone(),
                username: self.turn_username.clone(),
                credential: self.turn_credential.0.clone(),
            });
        }
        PeerOptions {
            bind: self.bind.iter().map(ToString::to_string).collect(),
            ice_servers,
        }
    }
}

impl Config {
    /// Reports what is wrong with `[line.browser]`.
    pub(super) fn check_browser(&self, wrong: &mut dyn FnMut(String)) {
        let browser = &self.line.browser;
        if browser.bind.is_empty() {
            wrong("`line.browser.bind` is empty; name an address to bind for the sound, such as \"0.0.0.0:0\".".into());
        }
        for (key, urls, kinds) in [
            (
                "line.browser.stun_urls",
                &browser.stun_urls,
                ["stun:", "stuns:"],
            ),
            (
                "line.browser.turn_urls",
                &browser.turn_urls,
                ["turn:", "turns:"],
            ),
        ] {
            for url in urls {
                if !kinds.iter().any(|kind| url.starts_with(kind)) {
                    wrong(format!(
                        "`{key}` holds \"{url}\"; an address there begins with {} and a host, such as {}turn.example.com:3478.",
                        kinds[0], kinds[0]
                    ));
                }
            }
        }
        let named = !browser.turn_username.is_empty() && !browser.turn_credential.0.is_empty();
        if !browser.turn_urls.is_empty() && !named {
            wrong("`line.browser.turn_urls` is set, but `line.browser.turn_username` or `line.browser.turn_credential` is not; TURN servers ask for both.".into());
        }
    }
}
