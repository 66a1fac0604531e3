//! What the operator set for the line: where it listens, the trunks in their order, and who may call.

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    ops::RangeInclusive,
    str::FromStr,
    time::Duration,
};

use media::Codec;
use rsipstack::sip::Transport;

use crate::line::rtp::{Limits, Srtp};

/// Everything that is set.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where SIP is listened for, over UDP and TCP; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The address by which peers reach us, where a router is in between.
    pub public_address: Option<IpAddr>,
    /// Who is asked where a trunk is; empty: whom the system asks.
    pub name_servers: Vec<SocketAddr>,
    /// What TLS needs.
    pub tls: Tls,
    /// The trunks, the one that is tried first at the front.
    pub trunks: Vec<Trunk>,
    /// Whose calls are taken.
    pub peers: Vec<Network>,
    /// The numbers whose calls are taken; empty: any that a peer sends here.
    pub incoming_numbers: Vec<String>,
    /// Whether calls that come in are taken at all.
    pub takes_calls: bool,
    /// What is spoken, and through which ports.
    pub sound: Sound,
    /// The session interval that is asked for (RFC 4028); zero: none.
    pub session_interval: Duration,
    /// The shortest one that is agreed to.
    pub least_session: Duration,
    /// The estimate of the way to a peer and back, T1 of RFC 3261, by which everything is repeated and given up.
    pub t1: Duration,
}

/// What is said of a call's sound.
#[derive(Debug, Clone)]
pub struct Sound {
    /// The ports that it comes to, of which each call takes two.
    pub ports: RangeInclusive<u16>,
    /// The codecs, the best first.
    pub codecs: Vec<Codec>,
    /// Whether it is encrypted.
    pub srtp: Srtp,
    /// When silence is a fault.
    pub limits: Limits,
}

/// Certificates, as PEM files' contents.
#[derive(Clone, Default)]
pub struct Tls {
    /// Where TLS is listened for; with `certificate` and `key`.
    pub listen: Option<SocketAddr>,
    /// Our certificate, with what it was signed by.
    pub certificate: Option<Vec<u8>>,
    /// Its key.
    pub key: Option<Vec<u8>>,
    /// Whom a trunk's certificate may be signed by; the system's roots when absent.
    pub roots: Option<Vec<u8>>,
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls")
            .field("listen", &self.listen)
            .finish_non_exhaustive()
    }
}

/// One way to the telephone network.
#[derive(Clone, PartialEq)]
pub struct Trunk {
    /// Its name in messages.
    pub name: String,
    /// Its host, as a name or an address.
    pub host: String,
    /// Its port; when absent, what DNS says, or the transport's own.
    pub port: Option<u16>,
    /// By which transport it is reached.
    pub transport: Transport,
    /// The domain in the addresses of caller and callee.
    pub domain: String,
    /// The proxy through which it is reached, as host and port.
    pub proxy: Option<(String, Option<u16>)>,
    /// Who we are to it; `None`: it knows us by our address.
    pub login: Option<Login>,
    /// The numbers that it lets us call from; empty: any.
    pub numbers: Vec<String>,
    /// Whether we register, and for how long at a time.
    pub register: Option<Duration>,
    /// Calls at the same time; `None`: as many as come.
    pub max_calls: Option<usize>,
    /// New calls a second; `None`: as many as come.
    pub calls_per_second: Option<f64>,
    /// How often it is asked whether it is there; `None`: not at all.
    pub keep_alive: Option<Duration>,
    /// Whether the caller is named in `P-Asserted-Identity` too.
    pub asserted_identity: bool,
    /// Whether numbers are written without their plus.
    pub without_plus: bool,
}

/// A user and a password.
#[derive(Clone, PartialEq, Eq)]
pub struct Login {
    /// The user.
    pub user: String,
    /// The password.
    pub password: String,
}

impl fmt::Debug for Trunk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trunk")
            .field("name", &self.name)
            .field("host", &self.host)
            .field("transport", &self.transport)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Login")
    }
}

impl Trunk {
    /// Returns a number as this trunk wants it.
    #[must_use]
    pub fn number(&self, number: &str) -> String {
        match self.without_plus {
            true => number.trim_start_matches('+').to_owned(),
            false => number.to_owned(),
        }
    }
}

/// A range of addresses, like `203.0.113.0/24` or `203.0.113.7`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    bits: u8,
}

impl Network {
    /// Returns whether an address lies in it. IPv4 addresses in the clothes of IPv6 are IPv4 addresses.
    #[must_use]
    pub fn holds(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(network), IpAddr::V4(address)) => {
                let shift = 32 - u32::from(self.bits);
                u32::from(network)
                    .checked_shr(shift)
                    .eq(&u32::from(address).checked_shr(shift))
            }
            (IpAddr::V6(network), IpAddr::V6(address)) => {
                let shift = 128 - u32::from(self.bits);
                u128::from(network)
                    .checked_shr(shift)
                    .eq(&u128::from(address).checked_shr(shift))
            }
            _ => false,
        }
    }
}

impl FromStr for Network {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits.parse().map_err(drop)?)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(drop)?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.unwrap_or(most);
        (bits <= most).then_some(Self { address, bits }).ok_or(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_hold_what_they_say() {
        let holds = |network: &str, address: &str| {
            let network: Network = network.parse().unwrap();
            network.holds(address.parse().unwrap())
        };
        assert!(holds("203.0.113.7", "203.0.113.7"));
        assert!(!holds("203.0.113.7", "203.0.113.8"));
        assert!(holds("203.0.113.0/24", "203.0.113.255"));
        assert!(!holds("203.0.113.0/24", "203.0.114.0"));
        assert!(holds("0.0.0.0/0", "8.8.8.8"));
        assert!(!holds("0.0.0.0/0", "::1"));
        assert!(holds("10.0.0.0/8", "::ffff:10.1.2.3"));
        assert!(holds("2001:db8::/32", "2001:db8:1::1"));
        assert!(!holds("2001:db8::/32", "2001:db9::1"));
        for wrong in ["", "example.com", "1.2.3.4/33", "::/129", "1.2.3.4/x"] {
            assert!(wrong.parse::<Network>().is_err(), "{wrong}");
        }
    }
}
