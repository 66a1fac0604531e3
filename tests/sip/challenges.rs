//! Who we are: to a proxy, to the one behind it, and to those whose questions run out of date.

use agentphone::line::Line;
use call::Failure;
use rsipstack::{
    dialog::authenticate::compute_digest,
    sip::{
        Method,
        headers::auth::{Algorithm, AuthQop},
    },
};

use super::{
    peer::{Got, Peer, Request},
    rig::{calling, line, ms, trunk},
};

/// Returns a value of an answer to a challenge, without its quotes.
fn part<'a>(answer: &'a str, name: &str) -> &'a str {
    let parts = answer.trim_start_matches("Digest ").split(", ");
    let mut found = parts.filter_map(|part| part.split_once('='));
    let value = found
        .find(|(known, _)| *known == name)
        .map(|(_, value)| value);
    value.unwrap_or_default().trim_matches('"')
}

/// Whether an answer is that of alice, whose password the trunk knows.
fn is_alices(answer: &str, method: Method) -> bool {
    let algorithm = match part(answer, "algorithm") {
        "MD5" => Algorithm::Md5,
        "SHA-256" => Algorithm::Sha256,
        other => panic!("{other}"),
    };
    let qop = (part(answer, "qop") == "auth").then(|| AuthQop::Auth {
        cnonce: part(answer, "cnonce").to_owned(),
        nc: part(answer, "nc").parse().expect("a count"),
    });
    let expected = compute_digest(
        "alice",
        "s3cret",
        part(answer, "realm"),
        part(answer, "nonce"),
        &method,
        part(answer, "uri"),
        algorithm,
        qop.as_ref(),
    );
    part(answer, "response") == expected
}

/// The nonces that a request answers and how often it says that it used them, after their answers were checked.
fn nonces(got: &Got) -> Vec<(String, String)> {
    let method: Method = got.method().parse().expect("a method");
    // An ACK has what was said for its INVITE.
    let method = if method == Method::Ack {
        Method::Invite
    } else {
        method
    };
    let answers = ["Authorization", "Proxy-Authorization"]
        .into_iter()
        .filter_map(|name| got.header(name));
    let seen = answers.map(|answer| {
        assert!(is_alices(answer, method), "{}", got.text);
        (
            part(answer, "nonce").to_owned(),
            part(answer, "nc").to_owned(),
        )
    });
    seen.collect()
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    let owned = expected
        .iter()
        .map(|(a, b)| ((*a).to_owned(), (*b).to_owned()));
    owned.collect()
}

const PROXY: &str =
    "Proxy-Authenticate: Digest realm=\"proxy\", nonce=\"p1\", algorithm=MD5, qop=\"auth\"\r\n";
const SERVER: &str =
    "WWW-Authenticate: Digest realm=\"server\", nonce=\"s1\", algorithm=SHA-256, qop=\"auth\"\r\n";

#[tokio::test]
async fn a_proxy_and_the_one_behind_it_may_both_ask_and_are_told_again_unasked() {
    let peer = Peer::new().await;
    let line = line(vec![trunk(peer.port)]);
    let call = calling(&line, ms(200)).await;
    let invite = peer.expect("INVITE").await;
    assert_eq!(nonces(&invite), []);
    let asked = invite.answer("407 Proxy Authentication Required", PROXY, "");
    peer.send(&asked, invite.from).await;
    let invite = peer.expect("INVITE").await;
    assert_eq!(nonces(&invite), pairs(&[("p1", "00000001")]));
    // What is repeated because it was lost is the same, to the letter.
    assert_eq!(peer.expect("INVITE").await.text, invite.text);
    let asked = invite.answer("401 Unauthorized", SERVER, "");
    peer.send(&asked, invite.from).await;
    let invite = peer.expect("INVITE").await;
    let both = pairs(&[("s1", "00000001"), ("p1", "00000002")]);
    assert_eq!(nonces(&invite), both);
    let ack = peer.accept(&invite, "").await;
    assert_eq!(nonces(&ack), both);
    let bye = peer.expect("BYE").await;
    assert_eq!(
        nonces(&bye),
        pairs(&[("s1", "00000002"), ("p1", "00000003")])
    );
    // Meanwhile the proxy takes only new ones.
    let new = PROXY.replace("p1", "p2");
    let asked = bye.answer("407 Proxy Authentication Required", &new, "");
    peer.send(&asked, bye.from).await;
    let bye = peer.expect("BYE").await;
    assert_eq!(
        nonces(&bye),
        pairs(&[("s1", "00000003"), ("p2", "00000001")])
    );
    peer.send(&bye.answer("200 OK", "", ""), bye.from).await;
    assert_eq!(call.await.expect("a call").answered, 1);
    line.settle().await;
    assert_eq!(line.remembered(), 0);
}

#[tokio::test]
async fn two_who_ask_in_one_answer_are_both_told() {
    let peer = Peer::new().await;
    let line = line(vec![trunk(peer.port)]);
    let call = calling(&line, ms(200)).await;
    let invite = peer.expect("INVITE").await;
    let asked = invite.answer("401 Unauthorized", &format!("{SERVER}{PROXY}"), "");
    peer.send(&asked, invite.from).await;
    let again = peer.expect("INVITE").await;
    assert_eq!(
        nonces(&again),
        pairs(&[("s1", "00000001"), ("p1", "00000001")])
    );
    peer.send(&again.answer("486 Busy Here", "", ""), again.from)
        .await;
    let followed = call.await.expect("a call");
    assert_eq!(followed.failed, Some(Failure::Busy));
}

#[tokio::test]
async fn a_nonce_that_is_out_of_date_is_replaced_and_a_wrong_password_is_not_tried_for_ever() {
    let peer = Peer::new().await;
    let line = line(vec![trunk(peer.port)]);
    let call = calling(&line, ms(200)).await;
    let invite = peer.expect("INVITE").await;
    let asked = invite.answer("401 Unauthorized", SERVER, "");
    peer.send(&asked, invite.from).await;
    let again = peer.expect("INVITE").await;
    let stale = SERVER
        .replace("s1", "s2")
        .replace("\r\n", ", stale=true\r\n");
    peer.send(&again.answer("401 Unauthorized", &stale, ""), again.from)
        .await;
    let again = peer.expect("INVITE").await;
    assert_eq!(nonces(&again), pairs(&[("s2", "00000001")]));
    let wrong = SERVER.replace("s1", "s3");
    peer.send(&again.answer("401 Unauthorized", &wrong, ""), again.from)
        .await;
    let followed = call.await.expect("a call");
    let (failure, _, sentence) = followed.failure();
    assert_eq!(failure, Failure::LineUnavailable);
    assert!(sentence.contains("password"), "{sentence}");
}

#[tokio::test]
async fn what_is_asked_in_the_middle_of_a_call_is_answered_too() {
    let peer = Peer::new().await;
    let line = line(vec![trunk(peer.port)]);
    let call = calling(&line, ms(300)).await;
    let invite = peer.expect("INVITE").await;
    peer.accept(&invite, "").await;
    let bye = peer.expect("BYE").await;
    assert_eq!(nonces(&bye), []);
    peer.send(&bye.answer("401 Unauthorized", SERVER, ""), bye.from)
        .await;
    let bye = peer.expect("BYE").await;
    assert_eq!(nonces(&bye), pairs(&[("s1", "00000001")]));
    peer.send(&bye.answer("200 OK", "", ""), bye.from).await;
    call.await.expect("a call");
    line.settle().await;
    // It is over for us as well.
    peer.ask(&invite, Request::new("INFO", 3)).await;
    assert_eq!(line.remembered(), 0);
}
