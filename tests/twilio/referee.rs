//! Signatures and TwiML before the carrier's own Python package, which `scripts/referee` installs below `target/`.

use protocol::twilio::{
    signature::{self, Signed},
    twiml::{self, ConnectStream},
};
use serde_json::{Value, json};

use crate::python::ask_json;

/// Asks the referee. Returns its answers in order.
fn ask(questions: &[Value]) -> Vec<Value> {
    ask_json("twilio", "twilio/referee.py", questions)
}

/// A random form with repeated names, empty values and all of Unicode.
fn random_form(random: &mut fastrand::Rng) -> Vec<(String, String)> {
    let text = |random: &mut fastrand::Rng, most| -> String {
        (0..random.usize(..most))
            .map(|_| random.char('\u{1}'..='\u{2fff}'))
            .collect()
    };
    (0..random.usize(..12))
        .map(|_| {
            let name = match random.u8(..4) {
                0 => text(random, 6),
                n => ["CallSid", "To", "From"][usize::from(n) - 1].to_owned(),
            };
            (name, text(random, 20))
        })
        .collect()
}

const URLS: [&str; 6] = [
    "https://phone.example/lines/twilio/status?ref=1",
    "https://phone.example:8443/a?x=1&y=%20z",
    "https://phone.example:443/",
    "http://127.0.0.1:8080/lines/twilio/voice",
    "https://phone.example",
    "wss://phone.example/lines/twilio/media",
];

#[test]
fn the_referee_signs_and_checks_as_we_do() {
    let mut random = fastrand::Rng::with_seed(4);
    let mut questions = Vec::new();
    let mut expected = Vec::new();
    let mut forms = Vec::new();
    for round in 0..300 {
        let url = URLS[round % URLS.len()];
        let form = random_form(&mut random);
        let ours = signature::sign("a token", url, &form);
        questions.push(json!({"kind": "sign", "token": "a token", "url": url, "form": form}));
        expected.push(Value::from(ours.clone()));
        questions.push(json!({"kind": "check", "token": "a token", "url": url, "form": form, "signature": ours}));
        expected.push(true.into());
        questions.push(json!({"kind": "check", "token": "another", "url": url, "form": form, "signature": ours}));
        expected.push(false.into());
        forms.push((url, form));
    }
    let answers = ask(&questions);
    for (question, (answer, wanted)) in questions.iter().zip(answers.iter().zip(&expected)) {
        assert_eq!(answer, wanted, "{question}");
    }
    // And the other way round: what the referee signs is taken, whichever way it wrote the port.
    for (round, (url, form)) in forms.iter().enumerate() {
        let theirs = answers[round * 3].as_str().expect("a signature");
        assert!(
            signature::is_valid("a token", url, Signed::Form(form), theirs),
            "{url}"
        );
        let without = url.replace(":8443", "").replace(":443", "");
        if without != **url {
            let signed = signature::sign("a token", &without, form);
            assert!(
                signature::is_valid("a token", url, Signed::Form(form), &signed),
                "{url}"
            );
        }
    }
}

#[test]
fn the_referee_checks_bodies_by_their_hash() {
    use sha2::Digest as _;
    let body = r#"{"event": "é", "n": 1}"#;
    let hash: String = sha2::Sha256::digest(body)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let url = format!("https://phone.example/a?bodySHA256={hash}");
    let signature = signature::sign("a token", &url, &[]);
    let question = |body: &str| json!({"kind": "check", "token": "a token", "url": url, "body": body, "signature": signature});
    let answers = ask(&[question(body), question("{}")]);
    assert_eq!(answers, [Value::from(true), Value::from(false)]);
    assert!(signature::is_valid(
        "a token",
        &url,
        Signed::Body(body.as_bytes()),
        &signature
    ));
    assert!(!signature::is_valid(
        "a token",
        &url,
        Signed::Body(b"{}"),
        &signature
    ));
}

#[test]
fn the_referee_writes_the_same_instructions() {
    let url = "wss://phone.example/lines/twilio/media";
    let callback = "https://phone.example/lines/twilio/stream?ref=a&b=<c>";
    let parameters = [("ref", "0a1b"), ("token", "\"quoted\" & 'marked' <é>")];
    let ours = twiml::connect(&ConnectStream {
        url,
        status_callback: Some(callback),
        attributes: &[],
        parameters: &parameters,
    });
    let answers = ask(&[
        json!({"kind": "twiml", "url": url, "callback": callback, "parameters": parameters}),
    ]);
    assert_eq!(tags(&ours), tags(answers[0].as_str().expect("a document")));
}

/// The tags of a document with their attributes sorted and read: what two writers may spell differently is the same.
fn tags(document: &str) -> Vec<Vec<String>> {
    let document = document.trim_start_matches(r#"<?xml version="1.0" encoding="UTF-8"?>"#);
    let mut all = Vec::new();
    for tag in document.split('<').skip(1) {
        let tag = tag.trim_end().trim_end_matches('>');
        let (tag, empty) = tag
            .strip_suffix('/')
            .map_or((tag, false), |tag| (tag.trim_end(), true));
        let (name, attributes) = tag.split_once(' ').unwrap_or((tag, ""));
        let mut parts: Vec<String> = attributes
            .split_terminator('"')
            .collect::<Vec<_>>()
            .chunks(2)
            .map(|pair| {
                let mut value = pair.get(1).copied().unwrap_or_default().to_owned();
                for (written, meant) in [
                    ("&quot;", "\""),
                    ("&apos;", "'"),
                    ("&lt;", "<"),
                    ("&gt;", ">"),
                    ("&amp;", "&"),
                ] {
                    value = value.replace(written, meant);
                }
                format!("{}{value}", pair[0].trim())
            })
            .collect();
        parts.sort();
        parts.insert(0, name.to_owned());
        all.push(parts);
        if empty {
            all.push(vec![format!("/{name}")]);
        }
    }
    all
}
