//! TLS and the doors of the server.

use std::time::Duration;

use agentphone::driver::clock;
use reqwest::{Certificate, Method};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::client::Client;

#[tokio::test]
async fn with_a_certificate_the_server_speaks_tls_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(vec!["localhost".into()]).unwrap();
    let (cert, key) = (dir.path().join("cert.pem"), dir.path().join("key.pem"));
    std::fs::write(&cert, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let mut client = Client::start(&[
        ("AGENTPHONE__SERVER__TLS__CERT", cert.to_str().unwrap()),
        ("AGENTPHONE__SERVER__TLS__KEY", key.to_str().unwrap()),
    ]);
    let address = client.url.strip_prefix("https://127.0.0.1").unwrap();
    client.url = format!("https://localhost{address}");
    let plain = client.url.replace("https", "http");
    let stranger = client.http.get(format!("{}/healthz", client.url)).send();
    assert!(
        stranger.await.is_err(),
        "a certificate that nobody vouches for"
    );
    client.http = reqwest::Client::builder()
        .tls_certs_only([Certificate::from_pem(made.cert.pem().as_bytes()).unwrap()])
        .build()
        .unwrap();
    let (status, body) = client
        .ask(Method::GET, "/api/v1/account", Value::Null)
        .await;
    assert_eq!(status, 200, "{body}");
    let answer = client.http.get(format!("{}/healthz", client.url)).send();
    let answer = answer.await.unwrap();
    assert_eq!(answer.version(), reqwest::Version::HTTP_2);
    assert!(answer.headers().contains_key("strict-transport-security"));
    assert!(
        client
            .http
            .get(format!("{plain}/healthz"))
            .send()
            .await
            .is_err()
    );
    // One that opens a connection and never begins the handshake holds up nobody.
    let _idle = TcpStream::connect(client.url.trim_start_matches("https://")).await;
    let (status, _) = client.ask(Method::GET, "/readyz", Value::Null).await;
    assert_eq!(status, 200);
}

#[tokio::test]
async fn one_address_has_its_share_of_the_connections() {
    let client = Client::start(&[("AGENTPHONE__SERVER__MAX_CONNECTIONS_PER_ADDRESS", "3")]);
    let address = client.url.trim_start_matches("http://");
    let mut guests = Vec::new();
    for _ in 0..3 {
        let mut stream = TcpStream::connect(address).await.unwrap();
        // Answered, so it is let in.
        stream
            .write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n")
            .await
            .unwrap();
        let mut piece = [0; 12];
        stream.read_exact(&mut piece).await.unwrap();
        assert_eq!(&piece, b"HTTP/1.1 200");
        guests.push(stream);
    }
    let mut fourth = TcpStream::connect(address).await.unwrap();
    let mut answer = Vec::new();
    let _ = fourth
        .write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n")
        .await;
    let _ = fourth.read_to_end(&mut answer).await;
    assert_eq!(String::from_utf8_lossy(&answer), "");
    guests.clear();
    for _ in 0..200 {
        if client
            .http
            .get(format!("{}/healthz", client.url))
            .send()
            .await
            .is_ok()
        {
            return;
        }
        clock::sleep(Duration::from_millis(10)).await;
    }
    panic!("nobody is let in any more");
}

#[tokio::test]
async fn what_is_no_http_gets_an_error_of_the_usual_shape() {
    let client = Client::start(&[]);
    let address = client.url.trim_start_matches("http://");
    let huge = format!("GET / HTTP/1.1\r\nx: {}\r\n\r\n", "y".repeat(100_000));
    for (request, status) in [
        ("garbage\r\n\r\n", "400"),
        ("GET /api/v1/calls HTTP/1.1\r\nbad header\r\n\r\n", "400"),
        (huge.as_str(), "431"),
    ] {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let _ = stream.write_all(request.as_bytes()).await;
        let _ = stream.shutdown().await;
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        let answer = String::from_utf8(answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").expect(&answer);
        assert!(head.starts_with(&format!("HTTP/1.1 {status}")), "{head}");
        let body: Value = serde_json::from_str(body).unwrap();
        assert_eq!(body["code"], "bad_request", "{body}");
    }
}
