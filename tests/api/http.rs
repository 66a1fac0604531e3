//! HTTP itself: versions, broken requests, connections that go away. Whatever comes, the next client is served.

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::server::{Answer, Server, example};

/// Sends bytes on a new connection, closes the sending side, and returns everything that comes back.
async fn exchange(server: &Server, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    // The server may have answered and gone before everything was sent.
    let _ = stream.write_all(bytes).await;
    let _ = stream.shutdown().await;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn broken_requests_are_answered_and_harm_nobody() {
    let server = Server::start().await;
    let huge_header = format!(
        "GET /api/v1/calls HTTP/1.1\r\nhost: x\r\nx: {}\r\n\r\n",
        "y".repeat(100_000)
    );
    let many_headers = format!(
        "GET /api/v1/calls HTTP/1.1\r\nhost: x\r\n{}\r\n",
        "a: b\r\n".repeat(1_000)
    );
    let long_path = format!("GET /{} HTTP/1.1\r\nhost: x\r\n\r\n", "z".repeat(100_000));
    for (request, statuses) in [
        ("garbage\r\n\r\n", "400"),
        ("GET\r\n\r\n", "400"),
        ("GET / HTTP/9.9\r\n\r\n", "400"),
        ("GET /api/v1/calls HTTP/1.1\r\nbad header\r\n\r\n", "400"),
        (
            "POST /api/v1/calls HTTP/1.1\r\nhost: x\r\ncontent-length: ten\r\n\r\n",
            "400",
        ),
        (
            "POST /api/v1/calls HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
            "400",
        ),
        (huge_header.as_str(), "431 400"),
        (many_headers.as_str(), "431"),
        (long_path.as_str(), "414 431 400"),
        ("GET /api/v1/calls HTTP/1.1\r\nhost: x\r\n\r\n", "401"),
        ("GET /api/v1/calls HTTP/1.1\r\n\r\n", "401 400"),
        ("GET /api/v1/calls HTTP/1.0\r\n\r\n", "401"),
        (
            "GET http://elsewhere/api/v1/calls HTTP/1.1\r\nhost: x\r\n\r\n",
            "401",
        ),
        ("OPTIONS * HTTP/1.1\r\nhost: x\r\n\r\n", "404"),
        ("CONNECT example.com:443 HTTP/1.1\r\nhost: x\r\n\r\n", "404"),
    ] {
        let answer = exchange(&server, request.as_bytes()).await;
        let status = answer.split(' ').nth(1).unwrap_or_default();
        let shown = &request[..request.len().min(60)];
        assert!(
            !status.is_empty() && statuses.contains(status),
            "{shown:?} got {answer:?}"
        );
    }
    server.create(&example()).await;
}

#[tokio::test]
async fn a_body_that_breaks_off_makes_no_call() {
    let server = Server::start().await;
    let body = example().to_string();
    let request = format!(
        "POST /api/v1/calls HTTP/1.1\r\nhost: x\r\nx-api-key: {}\r\ncontent-length: {}\r\n\r\n{}",
        server.key,
        body.len(),
        &body[..body.len() / 2]
    );
    exchange(&server, request.as_bytes()).await;
    assert_eq!(
        server.get("/calls").await.body["data"],
        serde_json::json!([])
    );
}

#[tokio::test]
async fn a_body_that_is_announced_too_large_is_refused_before_it_comes() {
    let server = Server::start().await;
    for more in ["", "expect: 100-continue\r\n"] {
        let request = format!(
            "POST /api/v1/calls HTTP/1.1\r\nhost: x\r\nx-api-key: {}\r\n{more}content-length: 1000000000\r\n\r\n{{",
            server.key
        );
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        // The sending side stays open: the client means to send the rest.
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        let answer = String::from_utf8_lossy(&answer).into_owned();
        assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
        assert!(answer.contains("body_too_large"), "{answer}");
    }
}

#[tokio::test]
async fn random_bytes_do_not_stop_the_server() {
    let server = Server::start().await;
    let mut random = fastrand::Rng::with_seed(11);
    for _ in 0..200 {
        let length = random.usize(..400);
        let mut bytes: Vec<u8> = (0..length).map(|_| random.u8(..)).collect();
        if random.bool() {
            bytes.splice(0..0, *b"POST /api/v1/calls HTTP/1.1\r\n");
        }
        exchange(&server, &bytes).await;
    }
    server.create(&example()).await;
}

#[tokio::test]
async fn one_connection_serves_many_requests() {
    let server = Server::start().await;
    let one = format!(
        "GET /api/v1/account HTTP/1.1\r\nhost: x\r\nx-api-key: {}\r\n\r\n",
        server.key
    );
    let answer = exchange(&server, one.repeat(5).as_bytes()).await;
    assert_eq!(answer.matches("HTTP/1.1 200 OK").count(), 5, "{answer}");
}

#[tokio::test]
async fn http_2_is_spoken() {
    let server = Server::start().await;
    let client = reqwest::Client::builder()
        .http2_prior_knowledge()
        .build()
        .unwrap();
    let request = client
        .post(server.url("/calls"))
        .header("x-api-key", &server.key)
        .json(&example());
    assert_eq!(Answer::of(request).await.status, 202);
    Answer::of(client.get(server.url("/calls")))
        .await
        .assert_error(401, "unauthorized");
    let head = client
        .head(server.url("/account"))
        .header("x-api-key", &server.key)
        .send()
        .await
        .unwrap();
    assert_eq!(head.status(), 200);
    let id = server.create(&example()).await;
    let live = client
        .get(server.url(&format!("/calls/{id}/live")))
        .header("x-api-key", &server.key);
    Answer::of(live).await.assert_error(426, "upgrade_required");
}
