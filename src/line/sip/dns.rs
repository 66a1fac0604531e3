//! Where a trunk is: the addresses behind its name, in the order in which they are to be tried (RFC 3263).

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use rsipstack::{
    resolver::SipResolver,
    sip::{Domain, Transport},
};

use crate::{driver::clock, provider::BoxFuture};

/// How long a look-up may take.
const LIMIT: Duration = Duration::from_secs(5);
/// Addresses that are tried at most.
const MOST: usize = 8;

/// Looks up names.
pub trait Dns: Send + Sync + fmt::Debug {
    /// Returns the addresses of a host, the ones to try first at the front, by SRV records unless there is a port.
    ///
    /// # Errors
    /// When there are none; a phrase says why.
    fn look_up<'a>(
        &'a self,
        host: &'a str,
        port: Option<u16>,
        transport: Transport,
    ) -> BoxFuture<'a, Result<Vec<SocketAddr>, String>>;
}

/// The system's own name servers.
#[derive(Debug)]
pub struct SystemDns(SipResolver);

impl SystemDns {
    /// Reads which name servers the system uses.
    #[must_use]
    pub fn new() -> Self {
        Self(SipResolver::new())
    }
}

impl Default for SystemDns {
    fn default() -> Self {
        Self::new()
    }
}

impl Dns for SystemDns {
    fn look_up<'a>(
        &'a self,
        host: &'a str,
        port: Option<u16>,
        transport: Transport,
    ) -> BoxFuture<'a, Result<Vec<SocketAddr>, String>> {
        Box::pin(async move {
            if let Ok(address) = host.trim_matches(['[', ']']).parse::<IpAddr>() {
                let port = port.unwrap_or_else(|| default_port(transport));
                return Ok(vec![SocketAddr::new(address, port)]);
            }
            let secure = transport == Transport::Tls;
            let port = port.map(Into::into);
            let domain = Domain::from(host);
            let found = self.0.lookup(&domain, port, Some(transport), secure);
            let found = clock::timeout(LIMIT, found)
                .await
                .ok_or_else(|| "its name server does not answer".to_owned())??;
            Ok(found
                .into_iter()
                .map(|target| target.addr)
                .take(MOST)
                .collect())
        })
    }
}

/// Returns the port of a transport where none is given (RFC 3261 section 19.1.2).
#[must_use]
pub(super) fn default_port(transport: Transport) -> u16 {
    match transport {
        Transport::Tls => 5061,
        _ => 5060,
    }
}
