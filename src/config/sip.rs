//! `[line.sip]`: where SIP is listened for, the trunks, and what is done for those who call.

use std::{
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
    time::Duration,
};

use media::Codec;
use protocol::phone::{PhoneNumber, PhoneRules};
use rsipstack::sip::Transport;
use serde::Deserialize;

use super::{Config, Hidden, LineKind, Reception};
use crate::line::{
    rtp::{Limits, Srtp},
    sip::{self, Login, Network, Options, SipLine, Sound, Tls, name_server},
};

/// `[line.sip]`
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(deny_unknown_fields)]
pub struct Sip {
    /// Where to listen, over UDP and TCP; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Our address as others see it, when a router is in between; empty: that of this machine.
    pub public_address: String,
    /// Name servers that know where the trunks are, with or without a port; none: the system's.
    pub name_servers: Vec<String>,
    /// Where to listen for TLS; empty: nowhere.
    pub tls_listen: String,
    /// Our certificate, a PEM file.
    pub tls_certificate: PathBuf,
    /// Its key, a PEM file.
    pub tls_key: PathBuf,
    /// Whom trunks' certificates may be signed by, a PEM file; empty: the system's roots.
    pub tls_roots: PathBuf,
    /// The trunks, in the order in which they are tried; none: the line is not offered, unless there are peers.
    pub trunks: Vec<Trunk>,
    /// Addresses and networks whose calls are taken, beside the trunks.
    pub peers: Vec<String>,
    /// The first and the last UDP port that sound comes to; each call takes two.
    pub rtp_ports: [u16; 2],
    /// What is spoken, the best first.
    pub codecs: Vec<SoundCodec>,
    /// Whether sound is encrypted.
    pub srtp: Encryption,
    /// So long without any sound from the peer ends a call, in seconds.
    pub media_lost_seconds: u32,
    /// The interval of session timers in seconds; 0: none.
    pub session_seconds: u32,
    /// What is done for those who call.
    pub inbound: Reception,
}

/// An entry of `[[line.sip.trunks]]`
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(deny_unknown_fields, default)]
pub struct Trunk {
    /// Its name in messages; empty: its server.
    pub name: String,
    /// Its host, or its host and port.
    pub server: String,
    /// By which transport.
    pub transport: TrunkTransport,
    /// The domain in addresses; empty: the host of `server`.
    pub domain: String,
    /// The proxy in front of it, as host or host and port.
    pub outbound_proxy: String,
    /// The user; empty: the trunk knows us by our address.
    pub username: String,
    /// The password.
    pub password: Hidden,
    /// The numbers that it lets us call from; the first one is the default.
    pub from_phone_numbers: Vec<String>,
    /// Whether to register.
    pub register: bool,
    /// For how long at a time, in seconds.
    pub register_seconds: u32,
    /// Calls at the same time; 0: any number.
    pub max_calls: usize,
    /// New calls a second; 0: any number.
    pub calls_per_second: f64,
    /// How often it is asked whether it is there, in seconds; 0: never.
    pub keep_alive_seconds: u32,
    /// Whether the caller is named in `P-Asserted-Identity` too.
    pub asserted_identity: bool,
    /// Whether numbers are written with their plus.
    pub plus: bool,
}

impl Default for Trunk {
    fn default() -> Self {
        Self {
            name: String::new(),
            server: String::new(),
            transport: TrunkTransport::Udp,
            domain: String::new(),
            outbound_proxy: String::new(),
            username: String::new(),
            password: Hidden::default(),
            from_phone_numbers: Vec::new(),
            register: false,
            register_seconds: 300,
            max_calls: 0,
            calls_per_second: 0.0,
            keep_alive_seconds: 30,
            asserted_identity: false,
            plus: true,
        }
    }
}

/// How sound is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(rename_all = "lowercase")]
pub enum SoundCodec {
    /// G.711 µ-law.
    Pcmu,
    /// G.711 A-law.
    Pcma,
    /// G.722.
    G722,
    /// Opus.
    Opus,
}

impl From<SoundCodec> for Codec {
    fn from(codec: SoundCodec) -> Self {
        match codec {
            SoundCodec::Pcmu => Self::Pcmu,
            SoundCodec::Pcma => Self::Pcma,
            SoundCodec::G722 => Self::G722,
            SoundCodec::Opus => Self::Opus,
        }
    }
}

/// Whether sound is encrypted (SRTP, with keys in the signalling).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(rename_all = "lowercase")]
pub enum Encryption {
    /// Never.
    Disabled,
    /// When the peer can.
    Allowed,
    /// Or there is no call.
    Required,
}

/// How a trunk is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(rename_all = "lowercase")]
pub enum TrunkTransport {
    /// UDP.
    Udp,
    /// TCP.
    Tcp,
    /// TLS.
    Tls,
}

impl Sip {
    /// Returns whether the line is configured, so that it is offered.
    #[must_use]
    pub fn is_set(&self) -> bool {
        !self.trunks.is_empty() || !self.peers.is_empty()
    }

    /// Makes the line. Must be called inside the runtime.
    ///
    /// # Errors
    /// When a file cannot be read or a socket cannot be opened; the sentence says what to do.
    pub fn line(&self) -> Result<SipLine, String> {
        SipLine::new(self.options()?)
    }

    /// Returns how the line is set up.
    ///
    /// # Errors
    /// When a certificate's file cannot be read.
    pub fn options(&self) -> Result<Options, String> {
        let peers = self.peers.iter().filter_map(|peer| peer.parse().ok());
        Ok(Options {
            listen: self.listen,
            public_address: self.public_address.parse().ok(),
            name_servers: self
                .name_servers
                .iter()
                .filter_map(|server| name_server(server))
                .collect(),
            tls: Tls {
                listen: self.tls_listen.parse().ok(),
                certificate: read("line.sip.tls_certificate", &self.tls_certificate)?,
                key: read("line.sip.tls_key", &self.tls_key)?,
                roots: read("line.sip.tls_roots", &self.tls_roots)?,
            },
            trunks: self.trunks.iter().map(Trunk::options).collect(),
            peers: peers.collect(),
            incoming_numbers: self.inbound.numbers.clone(),
            takes_calls: !self.inbound.objective.is_empty(),
            sound: Sound {
                ports: self.rtp_ports[0]..=self.rtp_ports[1],
                codecs: self.codecs.iter().copied().map(Into::into).collect(),
                srtp: match self.srtp {
                    Encryption::Disabled => Srtp::Disabled,
                    Encryption::Allowed => Srtp::Allowed,
                    Encryption::Required => Srtp::Required,
                },
                limits: Limits {
                    lost_after: Duration::from_secs(self.media_lost_seconds.into()),
                    ..Limits::default()
                },
            },
            session_interval: Duration::from_secs(self.session_seconds.into()),
            least_session: sip::SHORTEST_SESSION,
            t1: Duration::from_millis(500),
        })
    }
}

impl Trunk {
    fn options(&self) -> sip::Trunk {
        let (host, port) = split(&self.server).unwrap_or_default();
        let seconds = |seconds: u32| (seconds > 0).then(|| Duration::from_secs(seconds.into()));
        sip::Trunk {
            name: self.title().to_owned(),
            domain: match self.domain.as_str() {
                "" => self.server.clone(),
                domain => domain.to_owned(),
            },
            host,
            port,
            transport: match self.transport {
                TrunkTransport::Udp => Transport::Udp,
                TrunkTransport::Tcp => Transport::Tcp,
                TrunkTransport::Tls => Transport::Tls,
            },
            proxy: split(&self.outbound_proxy),
            login: (!self.username.is_empty()).then(|| Login {
                user: self.username.clone(),
                password: self.password.0.clone(),
            }),
            numbers: self.from_phone_numbers.clone(),
            register: if self.register {
                seconds(self.register_seconds)
            } else {
                None
            },
            max_calls: (self.max_calls > 0).then_some(self.max_calls),
            calls_per_second: (self.calls_per_second > 0.0).then_some(self.calls_per_second),
            keep_alive: seconds(self.keep_alive_seconds),
            asserted_identity: self.asserted_identity,
            without_plus: !self.plus,
        }
    }

    fn title(&self) -> &str {
        if self.name.is_empty() {
            &self.server
        } else {
            &self.name
        }
    }
}

/// Reads `host` or `host:port`; IPv6 addresses are in brackets.
fn split(text: &str) -> Option<(String, Option<u16>)> {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') || host.ends_with(']') => {
            (host, Some(port.parse().ok()?))
        }
        _ => (text, None),
    };
    let named = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
    let bracketed = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .is_some_and(|host| host.parse::<IpAddr>().is_ok());
    let is_host = !host.is_empty() && (bracketed || host.chars().all(named));
    is_host.then(|| (host.to_owned(), port))
}

fn read(key: &str, path: &Path) -> Result<Option<Vec<u8>>, String> {
    if path.as_os_str().is_empty() {
        return Ok(None);
    }
    let read = std::fs::read(path);
    read.map(Some)
        .map_err(|error| format!("{key} {} cannot be read: {error}.", path.display()))
}

impl Config {
    /// Reports what is wrong with `[line.sip]`.
    pub(super) fn check_sip(&self, wrong: &mut dyn FnMut(String)) {
        let sip = &self.line.sip;
        if !sip.is_set() {
            if self.line.default == LineKind::Sip {
                wrong("`line.default` is \"sip\", but `line.sip.trunks` holds none.".into());
            }
            return;
        }
        if !sip.public_address.is_empty() && sip.public_address.parse::<IpAddr>().is_err() {
            wrong(format!(
                "`line.sip.public_address` is \"{}\" and must be an address like 203.0.113.5, without a port.",
                sip.public_address
            ));
        }
        if !sip.tls_listen.is_empty() && sip.tls_listen.parse::<SocketAddr>().is_err() {
            wrong("`line.sip.tls_listen` must be an address and a port, like 0.0.0.0:5061.".into());
        }
        let files = (&sip.tls_certificate, &sip.tls_key);
        let (certificate, key) = (
            !files.0.as_os_str().is_empty(),
            !files.1.as_os_str().is_empty(),
        );
        if certificate != key || (!sip.tls_listen.is_empty() && !certificate) {
            wrong(
                "`line.sip.tls_certificate` and `line.sip.tls_key` belong together, and `line.sip.tls_listen` needs both."
                    .into(),
            );
        }
        if sip.rtp_ports[0] < 1024 || sip.rtp_ports[0].saturating_add(1) >= sip.rtp_ports[1] {
            wrong("`line.sip.rtp_ports` must be two ports from 1024 on, the first well below the last, like [10000, 20000].".into());
        }
        if sip.codecs.is_empty() {
            wrong(
                "`line.sip.codecs` is empty; name at least \"pcmu\", which every trunk speaks."
                    .into(),
            );
        }
        if !(2..=600).contains(&sip.media_lost_seconds) {
            wrong("`line.sip.media_lost_seconds` must be 2 to 600.".into());
        }
        if sip.session_seconds != 0 && sip.session_seconds < 90 {
            wrong("`line.sip.session_seconds` must be 0 or at least 90.".into());
        }
        for server in &sip.name_servers {
            if name_server(server).is_none() {
                wrong(format!(
                    "`line.sip.name_servers` holds \"{server}\", which is no address like 192.0.2.53 or 127.0.0.1:5353."
                ));
            }
        }
        for peer in &sip.peers {
            if peer.parse::<Network>().is_err() {
                wrong(format!(
                    "`line.sip.peers` holds \"{peer}\", which is no address or network like 203.0.113.7 or 203.0.113.0/24."
                ));
            }
        }
        for (number, trunk) in sip.trunks.iter().enumerate() {
            check_trunk(&format!("line.sip.trunks[{number}]"), trunk, wrong);
        }
        check_numbers("line.sip.inbound.numbers", &sip.inbound.numbers, wrong);
        if !sip.inbound.objective.is_empty() && sip.inbound.account.trim().is_empty() {
            wrong("`line.sip.inbound.account` is empty; name the account whose keys shall see the calls.".into());
        }
    }
}

fn check_trunk(key: &str, trunk: &Trunk, wrong: &mut dyn FnMut(String)) {
    if split(&trunk.server).is_none() {
        wrong(format!(
            "`{key}.server` is \"{}\" and must be a host, or a host and a port, like sip.example.net or 192.0.2.7:5080.",
            trunk.server
        ));
    }
    for (name, value) in [
        ("outbound_proxy", &trunk.outbound_proxy),
        ("domain", &trunk.domain),
    ] {
        if !value.is_empty() && split(value).is_none() {
            wrong(format!(
                "`{key}.{name}` is \"{value}\" and must be a host, or a host and a port."
            ));
        }
    }
    if trunk.username.is_empty() && (trunk.register || !trunk.password.0.is_empty()) {
        wrong(format!(
            "`{key}.username` is not set, but the trunk registers or has a password."
        ));
    }
    let user = |c: char| c.is_ascii_alphanumeric() || "-_.!~*'()&=+$,;?/".contains(c);
    if !trunk.username.chars().all(user) {
        wrong(format!(
            "`{key}.username` holds a character that SIP does not allow there."
        ));
    }
    if trunk.register && trunk.register_seconds < 30 {
        wrong(format!("`{key}.register_seconds` must be at least 30."));
    }
    if !(0.0..=10_000.0).contains(&trunk.calls_per_second) {
        wrong(format!("`{key}.calls_per_second` must be 0 to 10000."));
    }
    check_numbers(
        &format!("{key}.from_phone_numbers"),
        &trunk.from_phone_numbers,
        wrong,
    );
}

fn check_numbers(key: &str, numbers: &[String], wrong: &mut dyn FnMut(String)) {
    let rules = PhoneRules {
        allow_premium: true,
    };
    for number in numbers {
        if PhoneNumber::parse(key, number, rules).is_err() {
            wrong(format!(
                "`{key}` holds \"{number}\", which is no US or Canadian number like +14155550100."
            ));
        }
    }
}

#[cfg(test)]
mod tests;
