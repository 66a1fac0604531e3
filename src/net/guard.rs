//! Keeps requests to addresses that strangers chose away from this machine and its own network.
//!
//! The address that counts is the one that is really connected to: names are resolved here and nowhere else, and what
//! they resolve to is checked before a socket is opened, for the first request and for every redirect. So neither a
//! name that points inwards, nor one that changes its mind between check and use, nor an address in a strange notation
//! gets through. Environment proxies are not used, because they would do the resolving. Only the operator can make
//! exceptions. Size, type and time of an answer are not this file's business.
//!
//! What is refused is what IANA's registries of special-purpose addresses (RFC 6890 and its updates) do not mark as
//! globally reachable, all of IPv6 outside 2000::/3, and IPv6 addresses that carry a refused IPv4 address.

use std::{
    error::Error,
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
};

use ipnet::IpNet;
use reqwest::{
    ClientBuilder, Url,
    dns::{Addrs, Name, Resolve, Resolving},
    redirect::{Attempt, Policy},
};

/// IPv4 ranges that are not the public internet.
const REFUSED_V4: [(Ipv4Addr, u8); 16] = [
    (Ipv4Addr::new(0, 0, 0, 0), 8),        // this network
    (Ipv4Addr::new(10, 0, 0, 0), 8),       // private
    (Ipv4Addr::new(100, 64, 0, 0), 10),    // carrier-grade NAT
    (Ipv4Addr::new(127, 0, 0, 0), 8),      // loopback
    (Ipv4Addr::new(169, 254, 0, 0), 16),   // link-local, and the metadata services of clouds
    (Ipv4Addr::new(172, 16, 0, 0), 12),    // private
    (Ipv4Addr::new(192, 0, 0, 0), 24),     // protocol assignments
    (Ipv4Addr::new(192, 0, 2, 0), 24),     // documentation
    (Ipv4Addr::new(192, 88, 99, 0), 24),   // 6to4 relays
    (Ipv4Addr::new(192, 168, 0, 0), 16),   // private
    (Ipv4Addr::new(198, 18, 0, 0), 15),    // benchmarks
    (Ipv4Addr::new(198, 51, 100, 0), 24),  // documentation
    (Ipv4Addr::new(203, 0, 113, 0), 24),   // documentation
    (Ipv4Addr::new(168, 63, 129, 16), 32), // the platform service of a cloud, from inside only
    (Ipv4Addr::new(224, 0, 0, 0), 4),      // multicast
    (Ipv4Addr::new(240, 0, 0, 0), 4),      // reserved, and broadcast
];

/// IPv6 ranges within 2000::/3 that are not the public internet.
const REFUSED_V6: [(Ipv6Addr, u8); 4] = [
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23), // protocol assignments, Teredo among them
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32), // documentation
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16), // 6to4
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20), // documentation
];

/// The prefix under which NAT64 carries IPv4 addresses (RFC 6052).
const NAT64: [u16; 6] = [0x64, 0xff9b, 0, 0, 0, 0];

/// Decides where requests may go. Clones are cheap.
#[derive(Debug, Clone, Default)]
pub struct Guard {
    allowed: Arc<[IpNet]>,
}

/// Why a request does not go out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Forbidden {
    /// All addresses of this host are of this machine or its own network.
    Address(String),
    /// Neither http nor https.
    Scheme,
    /// More redirects than are followed.
    Redirects(usize),
}

impl fmt::Display for Forbidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(host) => write!(
                f,
                "{host} has no public address; the operator can allow it with net.allow"
            ),
            Self::Scheme => f.write_str("only http:// and https:// addresses are asked"),
            Self::Redirects(most) => write!(f, "it was redirected more than {most} times"),
        }
    }
}

impl Error for Forbidden {}

impl Forbidden {
    /// Returns the refusal of a guard that made a request fail, if that is why it failed.
    #[must_use]
    pub fn behind<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a Self> {
        let mut next = Some(error);
        while let Some(error) = next {
            if let Some(forbidden) = error.downcast_ref() {
                return Some(forbidden);
            }
            next = error.source();
        }
        None
    }
}

impl Guard {
    /// Makes a guard that admits the public internet, and these networks although they may not be part of it.
    #[must_use]
    pub fn new(allowed: impl IntoIterator<Item = IpNet>) -> Self {
        Self {
            allowed: allowed.into_iter().collect(),
        }
    }

    /// Returns whether a connection to this address may be opened.
    #[must_use]
    pub fn admits(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.allowed.iter().any(|net| net.contains(&address)) || is_public(address)
    }

    /// Checks what can be known without resolving: the scheme, and a host that is an address.
    ///
    /// # Errors
    /// When no request may go there.
    pub fn check(&self, url: &Url) -> Result<(), Forbidden> {
        if !matches!(url.scheme(), "http" | "https") {
            return Err(Forbidden::Scheme);
        }
        let host = url.host_str().unwrap_or_default();
        match host.trim_matches(['[', ']']).parse() {
            Ok(address) if !self.admits(address) => Err(Forbidden::Address(host.to_owned())),
            _ => Ok(()),
        }
    }

    /// Makes a client that connects only where this guard admits, following at most so many redirects. The first URL
    /// must have passed [`Guard::check`], for a host that is an address is never resolved.
    pub fn client(&self, builder: ClientBuilder, redirects: usize) -> ClientBuilder {
        let guard = self.clone();
        let follow = move |attempt: Attempt<'_>| {
            if attempt.previous().len() > redirects {
                return attempt.error(Forbidden::Redirects(redirects));
            }
            match guard.check(attempt.url()) {
                Ok(()) => attempt.follow(),
                Err(forbidden) => attempt.error(forbidden),
            }
        };
        builder
            .no_proxy()
            .redirect(Policy::custom(follow))
            .dns_resolver(Arc::new(self.clone()))
    }
}

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let guard = self.clone();
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let admitted: Vec<SocketAddr> =
                found.filter(|found| guard.admits(found.ip())).collect();
            if admitted.is_empty() {
                return Err(Forbidden::Address(name.as_str().to_owned()).into());
            }
            Ok(Box::new(admitted.into_iter()) as Addrs)
        })
    }
}

fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => !REFUSED_V4.iter().any(|&(net, bits)| {
            let mask = u32::MAX.checked_shl(32 - u32::from(bits)).unwrap_or(0);
            address.to_bits() & mask == net.to_bits()
        }),
        IpAddr::V6(address) => {
            let parts = address.segments();
            if parts[..6] == NAT64 {
                return is_public(Ipv4Addr::from_bits(address.to_bits() as u32).into());
            }
            parts[0] & 0xe000 == 0x2000
                && !REFUSED_V6.iter().any(|&(net, bits)| {
                    let mask = u128::MAX << (128 - u32::from(bits));
                    address.to_bits() & mask == net.to_bits()
                })
        }
    }
}

#[cfg(test)]
mod tests;
