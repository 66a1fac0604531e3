//! Keys: made, listed, renamed and revoked over HTTP, with scopes and expiry, and the tokens that browsers open live
//! sockets with.

use std::time::Duration;

use agentphone::{admin::Wish, driver::clock};
use futures_util::{SinkExt, StreamExt};
use protocol::{
    ids::KeyMode,
    rest::{Scope, Scopes},
};
use reqwest::Method;
use serde_json::{Value, json};
use tokio_tungstenite::{
    connect_async,
    tungstenite::{Error, Message, client::IntoClientRequest, protocol::frame::coding::CloseCode},
};

use crate::{
    live::{Client, next, try_connect},
    server::{Server, example, ringing},
};

fn wish(scopes: &[Scope]) -> Wish {
    Wish {
        scopes: Scopes::of(scopes.iter().copied()),
        ..Wish::plain(KeyMode::Live)
    }
}

fn admin(server: &Server) -> String {
    server.another_key(wish(&[Scope::Admin])).0
}

#[tokio::test]
async fn a_key_lives_from_its_creation_to_its_end() {
    let server = Server::start().await;
    let admin = admin(&server);
    let body = json!({"name": "web", "scopes": ["calls:read"], "expires_at": "2200-01-01T00:00:00Z", "colour": 1});
    let made = server.ask(&admin, Method::POST, "/keys", body).await;
    assert_eq!(made.status, 201, "{}", made.body);
    assert!(
        made.body["warnings"][0]
            .as_str()
            .unwrap()
            .contains("colour")
    );
    let data = &made.body["data"];
    let key = data["key"].as_str().unwrap().to_owned();
    assert!(key.starts_with("ak_live_") && key.starts_with(data["starts_with"].as_str().unwrap()));
    assert_eq!(data["scopes"], json!(["calls:read"]));
    assert_eq!(data["expires_at"], "2200-01-01T00:00:00.000Z");
    assert_eq!(data["last_used_at"], Value::Null);
    let path = format!("/keys/{}", data["key_id"].as_str().unwrap());

    // It is shown once.
    let list = server.ask(&admin, Method::GET, "/keys", Value::Null).await;
    assert!(!list.body.to_string().contains(&key), "{}", list.body);
    assert_eq!(list.body["data"].as_array().unwrap().len(), 3);
    for key in list.body["data"].as_array().unwrap() {
        assert!(key.get("key").is_none() && key.get("hash").is_none());
    }

    let answer = server.ask(&key, Method::GET, "/calls", Value::Null).await;
    assert_eq!(answer.status, 200);
    let renamed = json!({"name": "browser"});
    let shown = server.ask(&admin, Method::PATCH, &path, renamed).await;
    assert_eq!(shown.body["data"]["name"], "browser");
    assert!(
        shown.body["data"]["last_used_at"].is_string(),
        "{}",
        shown.body
    );

    for _ in 0..2 {
        let gone = server.ask(&admin, Method::DELETE, &path, Value::Null).await;
        assert_eq!(gone.status, 200);
        assert!(gone.body["data"]["revoked_at"].is_string());
    }
    let answer = server.ask(&key, Method::GET, "/calls", Value::Null).await;
    answer.assert_error(401, "unauthorized");
    let kept = server.ask(&admin, Method::GET, &path, Value::Null).await;
    assert!(kept.body["data"]["revoked_at"].is_string());
}

#[tokio::test]
async fn a_key_may_do_what_its_scopes_say_and_nothing_else() {
    let server = Server::start().await;
    let id = server.create(&ringing()).await;
    let call = format!("/calls/{id}");
    let questions = [
        (Scope::CallsRead, Method::GET, "/calls", Value::Null),
        (Scope::CallsRead, Method::GET, call.as_str(), Value::Null),
        (Scope::CallsRead, Method::GET, "/account", Value::Null),
        (Scope::CallsRead, Method::POST, "/live/token", json!({})),
        (Scope::CallsWrite, Method::POST, "/calls", ringing()),
        (Scope::CallsWrite, Method::DELETE, &call, Value::Null),
        (Scope::Admin, Method::GET, "/keys", Value::Null),
        (Scope::Admin, Method::POST, "/keys", json!({})),
    ];
    for scope in Scope::ALL {
        let key = server.another_key(wish(&[scope])).0;
        for (needed, method, path, body) in &questions {
            let answer = server.ask(&key, method.clone(), path, body.clone()).await;
            if *needed == scope {
                assert!(
                    answer.status.is_success(),
                    "{scope} {path}: {}",
                    answer.body
                );
            } else {
                answer.assert_error(403, "forbidden");
                assert!(
                    answer.body["error"]
                        .as_str()
                        .unwrap()
                        .contains(needed.as_str())
                );
            }
        }
    }
}

#[tokio::test]
async fn bad_keys_are_not_made_and_other_accounts_keys_are_not_found() {
    let server = Server::start().await;
    let admin = admin(&server);
    for (body, status, code) in [
        (json!([]), 400, "invalid_body"),
        (json!({"scopes": ["all"]}), 422, "invalid_field"),
        (json!({"mode": "real"}), 422, "invalid_field"),
        (
            json!({"expires_at": "2020-01-01T00:00:00Z"}),
            422,
            "invalid_field",
        ),
    ] {
        let answer = server.ask(&admin, Method::POST, "/keys", body).await;
        answer.assert_error(status, code);
    }
    let (_, foreign) = server.new_key(KeyMode::Live);
    for (method, id) in [
        (Method::GET, foreign.0.as_str()),
        (Method::DELETE, &foreign.0),
        (Method::PATCH, &foreign.0),
        (Method::GET, "ky_nothing"),
    ] {
        let path = format!("/keys/{id}");
        let answer = server
            .ask(&admin, method, &path, json!({"name": "mine"}))
            .await;
        answer.assert_error(404, "not_found");
    }
}

#[tokio::test]
async fn a_test_key_never_becomes_a_way_to_real_calls() {
    let server = Server::start().await;
    let all = Wish {
        scopes: Scopes::all(),
        ..Wish::plain(KeyMode::Test)
    };
    let (test, _) = server.another_key(all);
    let (_, live) = server.another_key(Wish::plain(KeyMode::Live));
    let real = json!({"mode": "live"});
    let answer = server.ask(&test, Method::POST, "/keys", real).await;
    answer.assert_error(403, "forbidden");
    let path = format!("/keys/{live}");
    let answer = server.ask(&test, Method::DELETE, &path, Value::Null).await;
    answer.assert_error(403, "forbidden");
    let answer = server.ask(&test, Method::POST, "/keys", json!({})).await;
    assert_eq!(answer.body["data"]["mode"], "test");
}

#[tokio::test]
async fn a_key_that_has_expired_is_none() {
    let server = Server::start().await;
    let soon = clock::wall() + Duration::from_millis(300);
    let wish = Wish {
        expires_at: Some(soon),
        ..Wish::plain(KeyMode::Live)
    };
    let (key, _) = server.another_key(wish);
    let id = server.create(&ringing()).await;
    let path = format!("/calls/{id}/live");
    let mut socket = try_connect(&server, &key, &path).await.unwrap();
    assert_eq!(closed_by(&mut socket).await, CloseCode::Policy);
    let answer = server.ask(&key, Method::GET, "/calls", Value::Null).await;
    answer.assert_error(401, "unauthorized");
}

/// Reads a socket to its end; returns how it was closed.
async fn closed_by(client: &mut Client) -> CloseCode {
    loop {
        let message = client.next().await.expect("a close frame").unwrap();
        if let Message::Close(frame) = message {
            return frame.unwrap().code;
        }
    }
}

#[tokio::test]
async fn revoking_a_key_closes_the_sockets_that_were_opened_with_it() {
    let server = Server::start().await;
    let admin = admin(&server);
    let (key, id) = server.another_key(Wish::plain(KeyMode::Live));
    let call = server.create(&ringing()).await;
    let one = format!("/calls/{call}/live");
    let mut sockets = Vec::new();
    for path in [one.as_str(), "/live"] {
        let mut socket = try_connect(&server, &key, path).await.unwrap();
        next(&mut socket).await.unwrap();
        sockets.push(socket);
    }
    let mut other = try_connect(&server, &server.key, &one).await.unwrap();
    let path = format!("/keys/{id}");
    server.ask(&admin, Method::DELETE, &path, Value::Null).await;
    for socket in &mut sockets {
        assert_eq!(closed_by(socket).await, CloseCode::Policy);
    }
    // Whoever has another key goes on.
    assert_eq!(next(&mut other).await.unwrap()["type"], "snapshot");
    let hang_up = json!({"type": "hang_up", "id": 1}).to_string();
    other.send(Message::text(hang_up)).await.unwrap();
    while let Some(event) = next(&mut other).await {
        assert_ne!(event["type"], "error", "{event}");
    }
}

/// Opens a socket with subprotocols and nothing else, as a browser does.
async fn browse(
    server: &Server,
    path: &str,
    protocols: &str,
) -> Result<(Client, Option<String>), u16> {
    let url = server.url(path).replace("http://", "ws://");
    let mut request = url.into_client_request().unwrap();
    let headers = request.headers_mut();
    headers.insert("sec-websocket-protocol", protocols.parse().unwrap());
    match connect_async(request).await {
        Ok((client, response)) => {
            let agreed = response.headers().get("sec-websocket-protocol");
            Ok((
                client,
                agreed.map(|value| value.to_str().unwrap().to_owned()),
            ))
        }
        Err(Error::Http(response)) => Err(response.status().as_u16()),
        Err(error) => panic!("{error}"),
    }
}

#[tokio::test]
async fn a_browser_opens_a_live_socket_with_a_token() {
    let server = Server::start().await;
    let (call, other) = (
        server.create(&ringing()).await,
        server.create(&ringing()).await,
    );
    let (key, id) = server.another_key(Wish::plain(KeyMode::Live));
    let path = format!("/calls/{call}/live");
    let body = json!({"call_id": call, "scopes": ["calls:read"]});
    let made = server.ask(&key, Method::POST, "/live/token", body).await;
    assert_eq!(made.status, 201, "{}", made.body);
    let token = made.body["data"]["token"].as_str().unwrap();
    let protocols = format!("agentphone, {token}");
    let (mut socket, agreed) = browse(&server, &path, &protocols).await.unwrap();
    assert_eq!(agreed.as_deref(), Some("agentphone"));
    assert_eq!(next(&mut socket).await.unwrap()["type"], "snapshot");
    // It may look and not touch.
    let command = json!({"type": "hang_up", "id": 7}).to_string();
    socket.send(Message::text(command)).await.unwrap();
    loop {
        let event = next(&mut socket).await.unwrap();
        if event["id"] == 7 {
            assert_eq!(event["code"], "forbidden", "{event}");
            break;
        }
    }
    assert!(browse(&server, &path, token).await.is_ok());
    // Of this call only, and as a way to sockets only.
    let foreign = format!("/calls/{other}/live");
    assert_eq!(
        browse(&server, &foreign, &protocols).await.unwrap_err(),
        404
    );
    assert_eq!(browse(&server, "/live", &protocols).await.unwrap_err(), 404);
    let answer = server.ask(token, Method::GET, "/calls", Value::Null).await;
    answer.assert_error(401, "unauthorized");
    // Forged, or with a revoked key behind it, it is none.
    let mut forged = token.to_owned();
    let at = forged.len() / 2;
    forged.replace_range(at..=at, if &token[at..=at] == "A" { "B" } else { "A" });
    assert_eq!(browse(&server, &path, &forged).await.unwrap_err(), 401);
    server.store.revoke_key(&id, clock::wall()).unwrap();
    assert_eq!(closed_by(&mut socket).await, CloseCode::Policy);
    assert_eq!(browse(&server, &path, &protocols).await.unwrap_err(), 401);
    // No more than the key itself may do.
    let reader = server.another_key(wish(&[Scope::CallsRead])).0;
    let made = server
        .ask(&reader, Method::POST, "/live/token", Value::Null)
        .await;
    let token = made.body["data"]["token"].as_str().unwrap();
    let claims = token.trim_start_matches("lt_").split('.').next().unwrap();
    let claims =
        base64::Engine::decode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, claims).unwrap();
    assert!(!String::from_utf8(claims).unwrap().contains("control"));
    let answer = server.ask(&reader, Method::POST, "/calls", example()).await;
    answer.assert_error(403, "forbidden");
}
