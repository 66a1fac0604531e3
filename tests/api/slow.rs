//! Clients that send a byte now and then, so that their connections never end: cut off in their time, while others are
//! answered. On virtual time.

use std::time::Duration;

use agentphone::driver::clock;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::server::Server;

/// No client that sends as slowly as these is borne for longer.
const LIMIT: Duration = Duration::from_secs(65);

/// Sends `begin`, and then `drip` every five seconds until the server has had enough. Returns what it said and after what time.
async fn drip(server: &Server, begin: &str, drip: &str) -> (String, Duration) {
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(begin.as_bytes()).await.unwrap();
    let started = clock::now();
    let mut said = Vec::new();
    let mut bytes = [0; 4096];
    while clock::now() - started < 3 * LIMIT {
        match clock::timeout(Duration::from_secs(5), stream.read(&mut bytes)).await {
            None => {
                // The server may have closed its end by now.
                let _ = stream.write_all(drip.as_bytes()).await;
            }
            Some(Ok(read)) if read > 0 => said.extend_from_slice(&bytes[..read]),
            Some(_) => break,
        }
    }
    (String::from_utf8(said).unwrap(), clock::now() - started)
}

#[tokio::test(start_paused = true)]
async fn whoever_sends_a_byte_now_and_then_is_cut_off() {
    let server = Server::start().await;
    let head = "POST /api/v1/calls HTTP/1.1\r\nhost: phone\r\n";
    let (_, took) = drip(&server, head, "x").await;
    assert!(took < LIMIT, "a head that never ends: {took:?}");
    let (_, took) = drip(&server, "P", "O").await;
    assert!(took < LIMIT, "a line that never ends: {took:?}");
    let (_, took) = drip(&server, "", "").await;
    assert!(took < LIMIT, "silence: {took:?}");
    let body = format!(
        "{head}x-api-key: {}\r\ncontent-type: application/json\r\ncontent-length: 5000\r\n\r\n{{",
        server.key
    );
    let (said, took) = drip(&server, &body, " ").await;
    assert!(took < LIMIT, "a body that never ends: {took:?}");
    assert!(said.starts_with("HTTP/1.1 408"), "{said}");
    // Others were never kept waiting.
    assert_eq!(server.get("/account").await.status, 200);
}
