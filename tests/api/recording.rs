//! Recordings: by signed link and by key, whole and in part.

use protocol::ids::KeyMode;
use reqwest::Method;

use crate::server::{Answer, Server, example, ringing};

async fn recorded(server: &Server) -> (String, String) {
    let id = server.create(&example()).await;
    let call = server.wait_for(&id, "completed").await;
    let url = call["recording_url"]
        .as_str()
        .expect("a completed call has a recording");
    (id, url.to_owned())
}

#[tokio::test]
async fn the_link_is_absolute_and_needs_no_key() {
    let server = Server::start().await;
    let (_, url) = recorded(&server).await;
    assert!(url.starts_with(&server.url("/calls/cl_")), "{url}");
    let answer = reqwest::get(&url).await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["content-type"], "audio/wav");
    assert_eq!(answer.headers()["accept-ranges"], "bytes");
    let told = answer.content_length().unwrap();
    assert_eq!(answer.bytes().await.unwrap().len() as u64, told);
}

#[tokio::test]
async fn a_forged_or_expired_link_is_refused() {
    let server = Server::start().await;
    let (id, url) = recorded(&server).await;
    let (other, _) = recorded(&server).await;
    let client = reqwest::Client::new();
    let signature = url.split("signature=").nth(1).unwrap();
    let expires = url.split(['=', '&']).nth(1).unwrap();
    let flipped = if signature.starts_with('A') { "B" } else { "A" };
    for forged in [
        url.replace(&id, &other),
        url.replace(&format!("expires={expires}"), "expires=99999999999"),
        url.replace(&format!("expires={expires}"), "expires=x"),
        url.replace(&format!("expires={expires}&"), ""),
        url.replace(signature, &format!("{flipped}{}", &signature[1..])),
        url.replace(signature, ""),
        url.replace(signature, "%00"),
    ] {
        Answer::of(client.get(&forged))
            .await
            .assert_error(403, "forbidden");
    }
    let unsigned = url.split('?').next().unwrap();
    Answer::of(client.get(unsigned))
        .await
        .assert_error(401, "unauthorized");
}

#[tokio::test]
async fn the_key_opens_only_its_own() {
    let server = Server::start().await;
    let (id, _) = recorded(&server).await;
    let path = format!("/calls/{id}/recording");
    assert_eq!(server.get(&path).await.status, 200);
    let (other, _) = server.new_key(KeyMode::Live);
    let request = server
        .anonymous(Method::GET, &path)
        .header("x-api-key", other);
    Answer::of(request)
        .await
        .assert_error(404, "call_not_found");
}

#[tokio::test]
async fn parts_can_be_fetched() {
    let server = Server::start().await;
    let (_, url) = recorded(&server).await;
    let client = reqwest::Client::new();
    let whole = client
        .get(&url)
        .send()
        .await
        .unwrap()
        .bytes()
        .await
        .unwrap();
    let length = whole.len();
    for (range, from, to) in [
        ("bytes=0-9".to_owned(), 0, 10),
        (format!("bytes={}-", length - 5), length - 5, length),
        ("bytes=-7".to_owned(), length - 7, length),
    ] {
        let part = client
            .get(&url)
            .header("range", &range)
            .send()
            .await
            .unwrap();
        assert_eq!(part.status(), 206, "{range}");
        assert_eq!(
            part.headers()["content-range"],
            format!("bytes {from}-{}/{length}", to - 1)
        );
        assert_eq!(part.bytes().await.unwrap(), whole[from..to], "{range}");
    }
    let beyond = Answer::of(client.get(&url).header("range", format!("bytes={length}-"))).await;
    beyond.assert_error(416, "range_not_satisfiable");
    assert_eq!(beyond.headers["content-range"], format!("bytes */{length}"));
    let head = client.head(&url).send().await.unwrap();
    assert_eq!(head.headers()["content-length"], length.to_string());
}

#[tokio::test]
async fn a_call_without_a_recording_has_no_link() {
    let server = Server::start().await;
    let id = server.create(&ringing()).await;
    let path = format!("/calls/{id}/recording");
    server
        .get(&path)
        .await
        .assert_error(404, "recording_not_found");
    let request = server.request(Method::DELETE, &format!("/calls/{id}"));
    Answer::of(request).await;
    let call = server.wait_for(&id, "canceled").await;
    assert!(call["recording_url"].is_null());
    server
        .get(&path)
        .await
        .assert_error(404, "recording_not_found");
}
