//! Where a trunk is: the addresses behind its name, in the order in which they are to be tried (RFC 3263).

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use hickory_resolver::{
    TokioResolver,
    config::{ConnectionConfig, LookupIpStrategy, NameServerConfig, ResolverConfig},
    net::runtime::TokioRuntimeProvider,
    proto::rr::RData,
};
use rsipstack::{
    resolver::sip_resolver::{LookupSource, SrvRecord, resolve_logic},
    sip::{Domain, Transport},
};

use crate::{driver::clock, provider::BoxFuture};

/// How long a look-up may take.
const LIMIT: Duration = Duration::from_secs(5);
/// Addresses that are tried at most.
const MOST: usize = 8;
/// Where name servers listen.
const PORT: u16 = 53;

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

/// Asks name servers: the system's, or others.
#[derive(Debug)]
pub struct NameServers(Source);

/// What the library's rules for SIP names are applied to. Where it cannot be read whom the system asks, only the system
/// itself can be asked, which knows no SRV records.
#[derive(Debug)]
struct Source(Option<TokioResolver>);

impl NameServers {
    /// Those that the system uses.
    #[must_use]
    pub fn of_the_system() -> Self {
        Self::built(TokioResolver::builder_tokio().map_err(|error| error.to_string()))
    }

    /// These ones.
    #[must_use]
    pub fn at(addresses: &[SocketAddr]) -> Self {
        let servers = addresses.iter().map(|address| {
            let ways = [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(|mut way| {
                way.port = address.port();
                way
            });
            NameServerConfig::new(address.ip(), true, ways.into())
        });
        let config = ResolverConfig::from_parts(None, Vec::new(), servers.collect());
        let provider = TokioRuntimeProvider::default();
        Self::built(Ok(TokioResolver::builder_with_config(config, provider)))
    }

    fn built(
        builder: Result<hickory_resolver::ResolverBuilder<TokioRuntimeProvider>, String>,
    ) -> Self {
        let built = builder.and_then(|mut builder| {
            builder.options_mut().ip_strategy = LookupIpStrategy::Ipv4thenIpv6;
            builder.build().map_err(|error| error.to_string())
        });
        if let Err(error) = &built {
            tracing::warn!(error, "SRV records of trunks cannot be looked up");
        }
        Self(Source(built.ok()))
    }
}

/// Reads an address of a name server, with or without its port.
#[must_use]
pub fn name_server(text: &str) -> Option<SocketAddr> {
    let bare = || Some(SocketAddr::new(text.parse::<IpAddr>().ok()?, PORT));
    text.parse().ok().or_else(bare)
}

#[async_trait::async_trait]
impl LookupSource for Source {
    async fn lookup_srv(&self, name: &str) -> Result<Vec<SrvRecord>, String> {
        let resolver = self.0.as_ref().ok_or("no name server is known")?;
        // With the dot at its end no domain of this machine is tried behind it.
        let found = resolver.srv_lookup(format!("{name}.")).await;
        let found = found.map_err(|error| error.to_string())?;
        let records = found
            .answers()
            .iter()
            .filter_map(|record| match &record.data {
                // A lone dot says that there is none of this kind (RFC 2782).
                RData::SRV(srv) if !srv.target.is_root() => Some(SrvRecord {
                    target: srv.target.to_string().trim_end_matches('.').to_owned(),
                    port: srv.port,
                    priority: srv.priority,
                    weight: srv.weight,
                }),
                _ => None,
            });
        Ok(records.collect())
    }

    async fn lookup_a_aaaa(&self, name: &str) -> Result<Vec<IpAddr>, String> {
        let Some(resolver) = &self.0 else {
            let found = tokio::net::lookup_host((name, 0)).await;
            return Ok(found
                .map_err(|error| error.to_string())?
                .map(|at| at.ip())
                .collect());
        };
        let found = resolver.lookup_ip(name).await;
        Ok(found.map_err(|error| error.to_string())?.iter().collect())
    }
}

impl Dns for NameServers {
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
            let found = resolve_logic(&self.0, &domain, port, Some(transport), secure);
            let found = clock::timeout(LIMIT, found)
                .await
                .ok_or_else(|| "its name server does not answer".to_owned())??;
            let mut addresses = Vec::new();
            for target in found {
                if addresses.len() < MOST && !addresses.contains(&target.addr) {
                    addresses.push(target.addr);
                }
            }
            Ok(addresses)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_servers_have_their_port_unless_another_is_given() {
        let read = |text| name_server(text).map(|address| address.to_string());
        assert_eq!(read("192.0.2.53").as_deref(), Some("192.0.2.53:53"));
        assert_eq!(read("127.0.0.1:5353").as_deref(), Some("127.0.0.1:5353"));
        assert_eq!(
            read("[2001:db8::1]:54").as_deref(),
            Some("[2001:db8::1]:54")
        );
        assert_eq!(read("2001:db8::1").as_deref(), Some("[2001:db8::1]:53"));
        assert_eq!(read("ns.example"), None);
    }
}
