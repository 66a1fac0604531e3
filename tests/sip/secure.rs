//! A trunk by TLS, and one behind an outbound proxy.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use agentphone::{
    driver::clock,
    line::{
        Line,
        sip::{SipLine, Tls},
    },
};
use call::Failure;
use rsipstack::sip::Transport;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{TlsAcceptor, TlsConnector, client::TlsStream};

use super::{
    peer::Peer,
    rig::{Sipp, call, free_port, ms, options, request, trunk},
};

/// Returns a certificate for this machine, and its key, both PEM.
pub(crate) fn certificate() -> (String, String) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned(), "127.0.0.1".to_owned()]);
    let made = made.expect("a certificate");
    (made.cert.pem(), made.signing_key.serialize_pem())
}

/// Connects by TLS with the one who has a certificate.
pub(crate) async fn connect(to: SocketAddr, certificate: &str) -> TlsStream<TcpStream> {
    let mut roots = rustls::RootCertStore::empty();
    let root = CertificateDer::from_pem_slice(certificate.as_bytes()).expect("a certificate");
    roots.add(root).expect("a certificate");
    let config = rustls::ClientConfig::builder()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from("localhost").expect("a name");
    let stream = reach(to).await;
    let connected = TlsConnector::from(Arc::new(config)).connect(name, stream);
    connected.await.expect("TLS")
}

/// Speaks TLS with whoever comes, and plainly with a port behind. Returns its own port and its certificate, PEM.
async fn terminator(behind: u16) -> (u16, String) {
    let (certificate, key) = certificate();
    let chain = CertificateDer::from_pem_slice(certificate.as_bytes()).expect("a certificate");
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).expect("a key");
    let config = rustls::ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![chain], key)
        .expect("a usable certificate");
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(mut secure) = acceptor.accept(socket).await else {
                    return;
                };
                let mut plain = TcpStream::connect(("127.0.0.1", behind))
                    .await
                    .expect("sipp");
                let _ = tokio::io::copy_bidirectional(&mut secure, &mut plain).await;
            });
        }
    });
    (port, certificate)
}

/// Connects as soon as somebody listens there.
pub(crate) async fn reach(at: SocketAddr) -> TcpStream {
    loop {
        match TcpStream::connect(at).await {
            Ok(stream) => return stream,
            Err(_) => clock::sleep(ms(50)).await,
        }
    }
}

async fn listens(port: u16) {
    drop(reach(SocketAddr::from(([127, 0, 0, 1], port))).await);
}

#[tokio::test]
async fn a_call_over_tls() {
    let port = free_port();
    let (secure, certificate) = terminator(port).await;
    let contact = [("transport", "tls"), ("local_port", &secure.to_string())];
    let args = ["-t".to_owned(), "t1".to_owned()];
    let sipp = Sipp::with_keys("answer", 1, port, &args, &contact);
    listens(port).await;
    let mut trunk = trunk(secure);
    trunk.host = "localhost".into();
    trunk.transport = Transport::Tls;
    let mut options = options(vec![trunk]);
    options.tls = Tls {
        roots: Some(certificate.into_bytes()),
        ..Tls::default()
    };
    let line = SipLine::new(options).expect("a line");
    let followed = call(&line, request()).await;
    followed.was_answered();
    line.settle().await;
    sipp.done().await;
}

#[tokio::test]
async fn a_trunk_that_cannot_prove_who_it_is_gets_no_call() {
    let (secure, _) = terminator(free_port()).await;
    let (_, strange) = terminator(free_port()).await;
    let mut trunk = trunk(secure);
    trunk.host = "localhost".into();
    trunk.transport = Transport::Tls;
    let mut options = options(vec![trunk]);
    options.tls = Tls {
        roots: Some(strange.into_bytes()),
        ..Tls::default()
    };
    let line = SipLine::new(options).expect("a line");
    let followed = call(&line, request()).await;
    let (failure, _, sentence) = followed.failure();
    assert_eq!(failure, Failure::LineUnavailable, "{sentence}");
    assert!(
        sentence.contains("acme") && sentence.contains("certificate"),
        "{sentence}"
    );
}

#[tokio::test]
async fn a_call_goes_through_the_outbound_proxy() {
    let peer = Peer::new().await;
    let mut trunk = trunk(5060);
    trunk.host = "trunk.invalid".into();
    trunk.domain = "trunk.invalid".into();
    trunk.port = None;
    trunk.proxy = Some(("127.0.0.1".into(), Some(peer.port)));
    let line = SipLine::new(options(vec![trunk])).expect("a line");
    let calling = tokio::spawn(async move { call(&line, request()).await });
    let invite = peer.expect("INVITE").await;
    let first = invite.text.lines().next().unwrap_or_default().to_owned();
    assert!(first.contains("@trunk.invalid"), "{first}");
    let route = invite.header("Route").unwrap_or_default();
    assert!(
        route.contains(&format!("127.0.0.1:{}", peer.port)) && route.contains(";lr"),
        "{}",
        invite.text
    );
    peer.send(&invite.answer("603 Decline", "", ""), invite.from)
        .await;
    peer.expect("ACK").await;
    let followed = clock::timeout(Duration::from_secs(20), calling).await;
    let followed = followed.expect("in time").expect("a call");
    assert_eq!(followed.failed, Some(Failure::Rejected), "{followed:?}");
}

#[tokio::test]
async fn a_registration_is_refreshed_before_it_runs_out() {
    let peer = Peer::new().await;
    let mut registered = trunk(peer.port);
    registered.register = Some(Duration::from_secs(60));
    let line = SipLine::new(options(vec![registered])).expect("a line");
    let mut sequence = Vec::new();
    for _ in 0..3 {
        let register = clock::timeout(Duration::from_secs(10), peer.expect("REGISTER")).await;
        let register = register.expect("in time");
        let contact = register.header("Contact").unwrap_or_default().to_owned();
        sequence.push((
            register.header("Call-ID").unwrap_or_default().to_owned(),
            register.header("CSeq").unwrap_or_default().to_owned(),
        ));
        // The registrar grants less than was asked for; what it grants counts.
        let granted = format!("Contact: {contact};expires=2\r\n");
        peer.send(&register.answer("200 OK", &granted, ""), register.from)
            .await;
    }
    assert!(
        sequence.iter().all(|(id, _)| *id == sequence[0].0),
        "{sequence:?}"
    );
    assert_ne!(sequence[0].1, sequence[1].1);
    drop(line);
}
