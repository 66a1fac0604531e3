//! The SIP library, set up: sockets, timers, who is let in, and what every message of ours says about us.
//!
//! It decides how we are addressed and how a request reaches a trunk's address; not what is sent, nor when.

use std::{
    collections::HashMap,
    fmt,
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use futures_util::FutureExt;
use rsipstack::{
    EndpointBuilder,
    dialog::dialog_layer::DialogLayer,
    sip::{Auth, HostWithPort, Method, Param, Scheme, Transport, Uri},
    transaction::{
        TransactionReceiver,
        endpoint::{EndpointInnerRef, EndpointOption, TargetLocator},
    },
    transport::{
        SipAddr, SipConnection, TcpListenerConnection, TlsConfig, TlsListenerConnection,
        TransportLayer, tls::TlsConnection, udp::UdpConnection,
    },
};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

use super::{
    gate::{Gate, Registry},
    options::{Options, Tls},
    repair::Repair,
    tally::Tally,
};
use crate::driver::clock;

/// What we understand, in `Allow`.
pub(super) const METHODS: [Method; 10] = [
    Method::Invite,
    Method::Ack,
    Method::Cancel,
    Method::Bye,
    Method::Options,
    Method::Update,
    Method::Info,
    Method::Refer,
    Method::Notify,
    Method::PRack,
];
/// How long a call may ring, and a little more: the library gives up on its own then.
const LONGEST_RING: Duration = Duration::from_secs(330);
/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(5);

/// See the module's documentation.
pub(super) struct Stack {
    pub(super) endpoint: EndpointInnerRef,
    pub(super) dialogs: Arc<DialogLayer>,
    local: SocketAddr,
    /// Where TLS is listened for.
    local_tls: Option<SocketAddr>,
    public: Option<IpAddr>,
    tls: TlsConfig,
    routes: Arc<Routes>,
    /// Connections by TLS, which the library does not make by a name whose address was looked up before.
    secured: Mutex<HashMap<SocketAddr, SipConnection>>,
    stop: CancellationToken,
    _server: AbortOnDropHandle<()>,
}

impl fmt::Debug for Stack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stack")
            .field("local", &self.local)
            .finish_non_exhaustive()
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// Where requests to certain addresses go while their calls are being set up, whatever DNS says meanwhile.
#[derive(Debug, Default)]
pub(super) struct Routes(Mutex<HashMap<String, SipAddr>>);

#[async_trait::async_trait]
impl TargetLocator for Located {
    async fn locate(&self, uri: &Uri) -> rsipstack::Result<SipAddr> {
        let routes = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        match routes.get(&uri.to_string()) {
            Some(address) => Ok(address.clone()),
            None => SipAddr::try_from(uri),
        }
    }
}

/// [`Routes`] for the library.
struct Located(Arc<Routes>);

impl Stack {
    /// Opens the sockets and starts to serve them. The receiver gets the requests that open something new.
    ///
    /// # Errors
    /// When a socket cannot be opened, or a certificate cannot be used; the sentence says what to do.
    pub(super) fn start(
        options: &Options,
        registry: Arc<Registry>,
        tally: Arc<Tally>,
    ) -> Result<(Self, TransactionReceiver), String> {
        let listen = options.listen;
        let stop = CancellationToken::new();
        let (udp, local) = bind(listen)?;
        let at = |port| options.public_address.map(|ip| SocketAddr::new(ip, port));
        let external = at(local.port());
        let layer = TransportLayer::new(stop.clone());
        let udp = UdpConnection::from_socket(Arc::new(udp), external, Some(stop.child_token()))
            .now_or_never()
            .and_then(Result::ok)
            .ok_or("The SIP socket cannot be used.")?;
        layer.add_transport(udp.into());
        let tcp = TcpListenerConnection::new(local, external)
            .now_or_never()
            .and_then(Result::ok)
            .ok_or("The SIP listener cannot be used.")?;
        layer.add_transport(SipConnection::TcpListener(tcp));
        let tls = tls_config(&options.tls)?;
        if let Some(listen) = options.tls.listen {
            let listener = TlsListenerConnection::new(listen, at(listen.port()), tls.clone())
                .now_or_never()
                .and_then(Result::ok)
                .ok_or("The SIP listener for TLS cannot be used.")?;
            layer.add_transport(SipConnection::TlsListener(listener));
        }
        layer.set_tls_config(tls.clone());
        let routes = Arc::new(Routes::default());
        let mut builder = EndpointBuilder::new();
        let endpoint = builder
            .with_user_agent(concat!("agentphone/", env!("CARGO_PKG_VERSION")))
            .with_allows(METHODS.to_vec())
            .with_cancel_token(stop.clone())
            .with_transport_layer(layer)
            .with_option(timing(options.t1))
            .with_target_locator(Box::new(Located(routes.clone())))
            .with_inspector(Box::new(Repair {
                registry: registry.clone(),
                tally: tally.clone(),
            }))
            .with_transport_inspector(Box::new(Gate { registry, tally }))
            .build();
        let incoming = endpoint
            .incoming_transactions()
            .map_err(|error| error.to_string())?;
        let endpoint = endpoint.inner;
        let serving = endpoint.clone();
        let server = tokio::spawn(async move {
            if let Err(error) = serving.serve().await {
                tracing::error!(%error, "SIP is not served any more");
            }
        });
        let stack = Self {
            dialogs: Arc::new(DialogLayer::new(endpoint.clone())),
            endpoint,
            local,
            local_tls: options.tls.listen,
            public: options.public_address,
            tls,
            routes,
            secured: Mutex::default(),
            stop,
            _server: AbortOnDropHandle::new(server),
        };
        Ok((stack, incoming))
    }

    /// Where it listens.
    pub(super) fn local(&self) -> SocketAddr {
        self.local
    }

    /// Returns the address under which a peer reaches us.
    pub(super) fn address_towards(&self, peer: IpAddr) -> IpAddr {
        if let Some(public) = self.public {
            return public;
        }
        if !self.local.ip().is_unspecified() {
            return self.local.ip();
        }
        // Nothing is sent by this: the system says by which of its addresses it would be.
        let any: IpAddr = match peer {
            IpAddr::V4(_) => std::net::Ipv4Addr::UNSPECIFIED.into(),
            IpAddr::V6(_) => std::net::Ipv6Addr::UNSPECIFIED.into(),
        };
        std::net::UdpSocket::bind((any, 0))
            .and_then(|socket| {
                socket.connect((peer, 9))?;
                socket.local_addr()
            })
            .map_or(self.local.ip(), |address| address.ip())
    }

    /// Returns the address that peers shall send requests of a call to.
    pub(super) fn contact(&self, user: &str, transport: Transport, peer: IpAddr) -> Uri {
        // Over TLS without a listener the peer has to use the connection that there is.
        let secure = self.local_tls.filter(|_| transport == Transport::Tls);
        let port = secure.unwrap_or(self.local).port();
        let host = SocketAddr::new(self.address_towards(peer), port);
        Uri {
            scheme: Some(Scheme::Sip),
            auth: Some(Auth {
                user: user.to_owned(),
                password: None,
            }),
            host_with_port: HostWithPort::from(host),
            // Named always, so that the library leaves the address as it is.
            params: vec![Param::Transport(transport)],
            headers: Vec::new(),
        }
    }

    /// Keeps requests to `uri` going to one address as long as the route is held.
    pub(super) fn route(self: &Arc<Self>, uri: &Uri, address: SipAddr) -> Route {
        let uri = uri.to_string();
        let mut routes = self.routes.0.lock().unwrap_or_else(PoisonError::into_inner);
        routes.insert(uri.clone(), address.clone());
        drop(routes);
        Route(self.clone(), uri, address)
    }

    /// Makes sure that an address can be sent to: over TCP and TLS by a connection, which is made when there is
    /// none. `name` is whom a certificate has to be for.
    ///
    /// # Errors
    /// When it cannot be reached; a phrase says why.
    pub(super) async fn reach(
        &self,
        address: SocketAddr,
        transport: Transport,
        name: &str,
    ) -> Result<SipAddr, String> {
        let target = SipAddr::new(transport, HostWithPort::from(address));
        let connected = clock::timeout(CONNECT, async {
            match transport {
                Transport::Tls => self.secure(&target, address, name).await,
                Transport::Tcp => self
                    .endpoint
                    .transport_layer
                    .lookup(&target, None)
                    .await
                    .map(drop)
                    .map_err(|error| error.to_string()),
                _ => Ok(()),
            }
        });
        connected
            .await
            .unwrap_or_else(|| Err("no connection in time".into()))
            .map(|()| target)
    }

    async fn secure(
        &self,
        target: &SipAddr,
        address: SocketAddr,
        name: &str,
    ) -> Result<(), String> {
        let alive = |connection: &SipConnection| {
            connection
                .cancel_token()
                .is_some_and(|token| !token.is_cancelled())
        };
        let known = self.lock_secured().get(&address).is_some_and(alive);
        if known {
            return Ok(());
        }
        let config = TlsConfig {
            sni_hostname: Some(name.to_owned()),
            ..self.tls.clone()
        };
        let connection =
            TlsConnection::connect(target, Some(&config), None, Some(self.stop.child_token()))
                .await
                .map_err(|error| error.to_string())?;
        let connection = SipConnection::Tls(connection);
        self.lock_secured().insert(address, connection.clone());
        self.endpoint.transport_layer.add_connection(connection);
        Ok(())
    }

    fn lock_secured(&self) -> std::sync::MutexGuard<'_, HashMap<SocketAddr, SipConnection>> {
        self.secured.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// See [`Stack::route`].
#[derive(Debug)]
pub(super) struct Route(Arc<Stack>, String, SipAddr);

impl Drop for Route {
    fn drop(&mut self) {
        let mut routes = self
            .0
            .routes
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        // Another attempt may have taken the same way since.
        if routes.get(&self.1) == Some(&self.2) {
            routes.remove(&self.1);
        }
    }
}

/// How many free ports are tried before it is given up that one of them is free for TCP as well.
const FREE_PORTS: usize = 16;

fn bind(listen: SocketAddr) -> Result<(tokio::net::UdpSocket, SocketAddr), String> {
    let once = || {
        let socket = std::net::UdpSocket::bind(listen)?;
        socket.set_nonblocking(true)?;
        let local = socket.local_addr()?;
        // TCP has to be free at the same port; the library would only log that it is not.
        std::net::TcpListener::bind(local)?;
        Ok::<_, std::io::Error>((tokio::net::UdpSocket::from_std(socket)?, local))
    };
    let tries = if listen.port() == 0 { FREE_PORTS } else { 1 };
    let mut bound = once();
    for _ in 1..tries {
        if bound.is_ok() {
            break;
        }
        bound = once();
    }
    bound.map_err(|error| {
        format!("SIP cannot listen at {listen}: {error}. Stop what uses the port, or set line.sip.listen.")
    })
}

fn timing(t1: Duration) -> EndpointOption {
    EndpointOption {
        t1,
        t2: 8 * t1,
        t4: 10 * t1,
        t1x64: 64 * t1,
        timerc: LONGEST_RING,
        callid_suffix: Some("agentphone".into()),
        ..EndpointOption::default()
    }
}

/// What the library needs for TLS: PEM, and the roots as well, of which it knows none by itself.
fn tls_config(tls: &Tls) -> Result<TlsConfig, String> {
    // Whoever was first, there is one.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Ok(TlsConfig {
        cert: tls.certificate.clone(),
        key: tls.key.clone(),
        client_cert: tls.certificate.clone(),
        client_key: tls.key.clone(),
        ca_certs: Some(tls.roots.clone().unwrap_or_else(system_roots)),
        sni_hostname: None,
    })
}

fn system_roots() -> Vec<u8> {
    let mut pem = String::new();
    for root in rustls_native_certs::load_native_certs().certs {
        pem.push_str("-----BEGIN CERTIFICATE-----\n");
        let text = STANDARD.encode(root);
        for line in text.as_bytes().chunks(64) {
            pem.push_str(&String::from_utf8_lossy(line));
            pem.push('\n');
        }
        pem.push_str("-----END CERTIFICATE-----\n");
    }
    pem.into_bytes()
}
