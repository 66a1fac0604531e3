use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    task::JoinHandle,
};

use super::*;

fn admits(guard: &Guard, address: &str) -> bool {
    guard.admits(address.parse().expect(address))
}

#[test]
fn only_the_public_internet_is_admitted() {
    let guard = Guard::default();
    for inside in [
        "0.0.0.0",
        "0.1.2.3",
        "10.0.0.1",
        "100.64.0.1",
        "100.127.255.255",
        "127.0.0.1",
        "127.255.255.254",
        "169.254.169.254",
        "168.63.129.16",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.192",
        "192.168.1.1",
        "198.18.0.1",
        "198.19.255.255",
        "203.0.113.9",
        "224.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "::ffff:10.1.1.1",
        "::127.0.0.1",
        "64:ff9b::7f00:1",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::1",
        "100::1",
        "fc00::1",
        "fd00:ec2::254",
        "fe80::1",
        "fec0::1",
        "ff02::1",
        "2001::1",
        "2001:db8::1",
        "2002:7f00:1::1",
        "3fff::1",
    ] {
        assert!(!admits(&guard, inside), "{inside}");
    }
    for outside in [
        "1.1.1.1",
        "9.255.255.255",
        "100.63.255.255",
        "100.128.0.0",
        "172.15.255.255",
        "172.32.0.0",
        "223.255.255.255",
        "2606:4700::1111",
        "2a00:1450:4001::1",
        "64:ff9b::808:808",
        "::ffff:8.8.8.8",
    ] {
        assert!(admits(&guard, outside), "{outside}");
    }
}

#[test]
fn what_the_operator_allows_is_admitted_in_every_notation() {
    let guard = Guard::new(["10.1.0.0/16".parse().unwrap(), "::1/128".parse().unwrap()]);
    for allowed in ["10.1.2.3", "::ffff:10.1.2.3", "::1"] {
        assert!(admits(&guard, allowed), "{allowed}");
    }
    for refused in ["10.2.0.1", "127.0.0.1", "fe80::1"] {
        assert!(!admits(&guard, refused), "{refused}");
    }
}

#[test]
fn addresses_are_seen_through_their_notations() {
    let guard = Guard::default();
    for url in [
        "http://127.0.0.1/",
        "http://127.1/",
        "http://2130706433/",
        "http://0x7f.0.0.1/",
        "http://0177.0.0.1/",
        "http://[::1]/",
        "http://[::ffff:7f00:1]/",
        "https://[::ffff:169.254.169.254]/latest/meta-data/",
        "http://user:pass@10.0.0.1/",
    ] {
        let refused = guard.check(&Url::parse(url).unwrap());
        assert!(matches!(refused, Err(Forbidden::Address(_))), "{url}");
    }
    for url in [
        "file:///etc/passwd",
        "gopher://example.com/",
        "ftp://example.com/",
    ] {
        let refused = guard.check(&Url::parse(url).unwrap());
        assert_eq!(refused, Err(Forbidden::Scheme), "{url}");
    }
    for url in ["https://example.com/", "http://1.1.1.1:8080/x"] {
        assert_eq!(guard.check(&Url::parse(url).unwrap()), Ok(()), "{url}");
    }
}

/// A server on 127.0.0.1 that answers every request with this.
async fn server(answer: impl Fn(u16) -> String) -> (u16, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let answer = answer(port);
    let task = tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let mut request = [0; 2048];
            if socket.read(&mut request).await.is_ok_and(|read| read > 0) {
                let _ = socket.write_all(answer.as_bytes()).await;
            }
        }
    });
    (port, task)
}

fn client(guard: &Guard) -> reqwest::Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let builder = guard.client(reqwest::Client::builder(), 3);
    builder.build().unwrap()
}

/// Asks and returns the status, or why the guard refused.
async fn ask(guard: &Guard, url: &str) -> Result<u16, Forbidden> {
    guard.check(&Url::parse(url).unwrap())?;
    match client(guard).get(url).send().await {
        Ok(response) => Ok(response.status().as_u16()),
        Err(error) => Err(Forbidden::behind(&error)
            .expect("the guard's doing")
            .clone()),
    }
}

const FOUND: &str = "HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n";

fn redirect(to: &str) -> String {
    format!(
        "HTTP/1.1 302 Found\r\nlocation: {to}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
    )
}

#[tokio::test]
async fn a_name_is_judged_by_what_it_resolves_to() {
    let (port, _task) = server(|_| FOUND.to_owned()).await;
    let url = format!("http://localhost:{port}/");
    let refused = ask(&Guard::default(), &url).await.unwrap_err();
    assert_eq!(refused, Forbidden::Address("localhost".into()));
    assert!(refused.to_string().contains("net.allow"), "{refused}");
    let allowed = Guard::new(["127.0.0.0/8".parse().unwrap()]);
    assert_eq!(ask(&allowed, &url).await, Ok(204));
}

#[tokio::test]
async fn every_redirect_is_judged_again() {
    let only = Guard::new(["127.0.0.1/32".parse().unwrap()]);
    for inwards in [
        "http://127.0.0.2/",
        "http://[::1]/",
        "http://169.254.169.254/latest/",
        "http://[::ffff:10.0.0.1]/",
    ] {
        let (port, _task) = server(|_| redirect(inwards)).await;
        let refused = ask(&only, &format!("http://127.0.0.1:{port}/")).await;
        assert!(matches!(refused, Err(Forbidden::Address(_))), "{inwards}");
    }
    let (port, _task) = server(|_| redirect("file:///etc/passwd")).await;
    let refused = ask(&only, &format!("http://127.0.0.1:{port}/")).await;
    assert!(matches!(refused, Ok(302) | Err(Forbidden::Scheme)));
    let (port, _task) = server(|port| redirect(&format!("http://127.0.0.1:{port}/again"))).await;
    let refused = ask(&only, &format!("http://127.0.0.1:{port}/")).await;
    assert_eq!(refused, Err(Forbidden::Redirects(3)));
}
