//! `agentphone models` against a server that breaks off, goes on, and serves the wrong thing.

use std::{
    io::{BufRead, BufReader, Write},
    net::{SocketAddr, TcpListener},
    path::Path,
    process::{Command, Output},
    sync::{Arc, Mutex},
};

use sha2::{Digest, Sha256};

use super::whisper::MODEL;

/// A SHA-256 of nothing.
const ZEROS: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// Serves one file at every path, each time no further than planned; remembers which byte was asked for.
struct Server {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Server {
    fn start(file: Vec<u8>, lengths: Vec<usize>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let asked: Arc<Mutex<Vec<String>>> = Arc::default();
        let seen = Arc::clone(&asked);
        std::thread::spawn(move || {
            for length in lengths {
                let (mut stream, _) = listener.accept().unwrap();
                let mut head = Vec::new();
                let mut reader = BufReader::new(stream.try_clone().unwrap());
                loop {
                    let mut line = String::new();
                    reader.read_line(&mut line).unwrap();
                    if line.trim().is_empty() {
                        break;
                    }
                    head.push(line.trim().to_lowercase());
                }
                let range = head
                    .iter()
                    .find_map(|line| line.strip_prefix("range: bytes="));
                let from: usize =
                    range.map_or(0, |range| range.trim_end_matches('-').parse().unwrap());
                let path = head[0].split(' ').nth(1).unwrap().to_owned();
                seen.lock().unwrap().push(format!("{path} from {from}"));
                let status = if range.is_some() {
                    "206 Partial Content"
                } else {
                    "200 OK"
                };
                let rest = &file[from.min(file.len())..];
                let answer = format!(
                    "HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                    rest.len()
                );
                stream.write_all(answer.as_bytes()).unwrap();
                // A client that goes away is no fault of the test.
                let _ = stream.write_all(&rest[..length.min(rest.len())]);
            }
        });
        Self { address, asked }
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

fn models(data: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_agentphone"))
        .arg("models")
        .args(arguments)
        .arg("--data")
        .arg(data)
        .env("NO_PROXY", "127.0.0.1")
        .output()
        .unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&[&*output.stdout, &*output.stderr].concat()).into_owned()
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

#[test]
fn a_model_is_pulled_in_two_pieces_listed_and_verified() {
    let (data, whole) = (
        tempfile::tempdir().unwrap(),
        std::fs::read(&*MODEL).unwrap(),
    );
    let server = Server::start(whole.clone(), vec![3_000_000, usize::MAX]);
    let (url, hex) = (format!("http://{}/models/", server.address), sha256(&whole));
    let pull = ["pull", "random", "--sha256", &hex, "--url", &url];
    let broken = models(data.path(), &pull);
    assert!(!broken.status.success());
    assert!(said(&broken).contains("try again"), "{}", said(&broken));
    let file = data.path().join("models/ggml-random.bin");
    assert!(!file.exists());
    let done = models(data.path(), &pull);
    assert!(done.status.success(), "{}", said(&done));
    assert_eq!(std::fs::read(&file).unwrap(), whole);
    let asked = server.asked();
    assert_eq!(asked[0], "/models/ggml-random.bin from 0");
    let from: usize = asked[1].rsplit(' ').next().unwrap().parse().unwrap();
    assert!(from > 0 && from <= 3_000_000, "{asked:?}");

    let list = said(&models(data.path(), &["list"]));
    assert!(
        list.contains("base.en") && list.contains("142 MiB"),
        "{list}"
    );
    let line = list
        .lines()
        .find(|line| line.starts_with("random"))
        .unwrap();
    assert!(line.ends_with("here"), "{line}");
    let verified = models(data.path(), &["verify"]);
    assert!(verified.status.success(), "{}", said(&verified));
    assert!(said(&verified).contains(&hex));
    let mut damaged = whole;
    let last = damaged.len() - 1;
    damaged[last] ^= 1;
    std::fs::write(&file, damaged).unwrap();
    let verified = models(data.path(), &["verify", "random"]);
    assert!(!verified.status.success());
    assert!(
        said(&verified).contains("is damaged"),
        "{}",
        said(&verified)
    );
}

#[test]
fn what_is_not_the_model_is_thrown_away() {
    let data = tempfile::tempdir().unwrap();
    let page = b"<html>a page that asks for a password</html>".to_vec();
    let server = Server::start(page.clone(), vec![usize::MAX; 2]);
    let url = format!("http://{}", server.address);
    // A published checksum that the file does not have, and its own checksum, which makes it no model.
    for arguments in [
        vec!["pull", "tiny.en", "--url", &url],
        vec!["pull", "page", "--sha256", &sha256(&page), "--url", &url],
    ] {
        let output = models(data.path(), &arguments);
        assert!(!output.status.success(), "{}", said(&output));
        let left = std::fs::read_dir(data.path().join("models"))
            .unwrap()
            .count();
        assert_eq!(left, 0, "{}", said(&output));
    }
}

#[test]
fn what_cannot_be_asked_for_is_explained() {
    let data = tempfile::tempdir().unwrap();
    for (arguments, says) in [
        (&["pull", "unknown-model"][..], "--sha256"),
        (
            &["pull", "../../etc/passwd", "--sha256", ZEROS],
            "is no name of a model",
        ),
        (
            &["pull", "base.en", "--sha256", "beef"],
            "64 hexadecimal digits",
        ),
        (
            &["pull", "base.en", "--url", "http://127.0.0.1:1"],
            "cannot be reached",
        ),
        (&["verify"], "models pull"),
        (&["verify", "base.en"], "cannot be read"),
    ] {
        let output = models(data.path(), arguments);
        assert!(!output.status.success());
        assert!(
            said(&output).contains(says),
            "{arguments:?}: {}",
            said(&output)
        );
    }
}
