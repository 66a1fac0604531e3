//! Listing calls: order, pages, filters, bad parameters.

use protocol::ids::KeyMode;
use reqwest::Method;

use crate::server::{Answer, Server, example, ringing};

fn ids(answer: &Answer) -> Vec<String> {
    let data = answer.body["data"].as_array().unwrap();
    data.iter()
        .map(|call| call["call_id"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn an_empty_list_is_a_list() {
    let server = Server::start().await;
    let answer = server.get("/calls").await;
    assert_eq!(answer.status, 200);
    assert_eq!(
        answer.body,
        serde_json::json!({"data": [], "has_more": false, "next_cursor": null})
    );
}

#[tokio::test]
async fn pages_cover_everything_once_newest_first() {
    let server = Server::start().await;
    let mut made = Vec::new();
    for _ in 0..7 {
        made.push(server.create(&ringing()).await);
    }
    let all = ids(&server.get("/calls").await);
    let mut sorted = all.clone();
    sorted.sort_by(|a, b| b.cmp(a));
    assert_eq!(all, sorted);
    made.sort_by(|a, b| b.cmp(a));
    assert_eq!(all, made);

    let (mut seen, mut cursor) = (Vec::new(), String::new());
    for page in 0..3 {
        let answer = server.get(&format!("/calls?limit=3{cursor}")).await;
        seen.extend(ids(&answer));
        let last = page == 2;
        assert_eq!(answer.body["has_more"], !last);
        assert_eq!(answer.body["next_cursor"].is_null(), last);
        if !last {
            cursor = format!("&cursor={}", answer.body["next_cursor"].as_str().unwrap());
            // A call made meanwhile does not disturb the pages.
            server.create(&ringing()).await;
        }
    }
    assert_eq!(seen, all);
}

#[tokio::test]
async fn the_status_filters() {
    let server = Server::start().await;
    let done = server.create(&example()).await;
    server.wait_for(&done, "completed").await;
    let open = server.create(&ringing()).await;
    assert_eq!(
        ids(&server.get("/calls?limit=10&status=completed").await),
        [done]
    );
    for status in ["canceled", "failed", "in_progress"] {
        let answer = server.get(&format!("/calls?status={status}")).await;
        assert_eq!(
            (answer.status.as_u16(), ids(&answer).len()),
            (200, 0),
            "{status}"
        );
    }
    let request = server.request(Method::DELETE, &format!("/calls/{open}"));
    assert_eq!(Answer::of(request).await.status, 200);
    server.wait_for(&open, "canceled").await;
    assert_eq!(ids(&server.get("/calls?status=canceled").await), [open]);
}

#[tokio::test]
async fn bad_parameters_are_named() {
    let server = Server::start().await;
    for (query, name) in [
        ("limit=0", "limit"),
        ("limit=201", "limit"),
        ("limit=-1", "limit"),
        ("limit=ten", "limit"),
        ("limit=", "limit"),
        ("limit=1.5", "limit"),
        ("status=done", "status"),
        ("status=Completed", "status"),
        ("status=", "status"),
        ("cursor=abc", "cursor"),
        ("cursor=", "cursor"),
        ("cursor=%00%ff", "cursor"),
        ("cursor=cu_000000000000000000000000000000x", "cursor"),
    ] {
        let answer = server.get(&format!("/calls?{query}")).await;
        answer.assert_error(422, "invalid_field");
        assert!(
            answer.body["error"]
                .as_str()
                .unwrap()
                .contains(&format!("'{name}'")),
            "{query}"
        );
    }
    for query in [
        "limit=1",
        "limit=200",
        "colour=red",
        "limit=5&status=queued",
    ] {
        assert_eq!(
            server.get(&format!("/calls?{query}")).await.status,
            200,
            "{query}"
        );
    }
}

#[tokio::test]
async fn accounts_see_only_their_own() {
    let server = Server::start().await;
    server.create(&ringing()).await;
    let (other, _) = server.new_key(KeyMode::Live);
    let request = server
        .anonymous(Method::GET, "/calls")
        .header("x-api-key", other);
    assert_eq!(ids(&Answer::of(request).await).len(), 0);
}
