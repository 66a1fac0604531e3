//! Browsers that are signed in: the cookie, the token beside it, and what neither opens.

use agentphone::{admin::Wish, driver::clock};
use protocol::{
    ids::KeyMode,
    rest::{Scope, Scopes},
};
use reqwest::{Client, Method, RequestBuilder, Response};
use serde_json::{Value, json};

use crate::server::{Server, example};

/// A browser that keeps its cookie, as far as it goes.
struct Browser<'a> {
    server: &'a Server,
    client: Client,
    cookie: Option<String>,
    csrf: String,
}

impl<'a> Browser<'a> {
    fn new(server: &'a Server) -> Self {
        Self {
            server,
            client: Client::new(),
            cookie: None,
            csrf: String::new(),
        }
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let url = format!("http://{}{path}", self.server.address);
        let request = self.client.request(method, url);
        match &self.cookie {
            Some(cookie) => request.header("cookie", cookie),
            None => request,
        }
    }

    async fn sign_in(&mut self, body: Value) -> (u16, String) {
        let answer = self.request(Method::POST, "/session").json(&body);
        let answer = answer.send().await.unwrap();
        let status = answer.status().as_u16();
        let cookie = answer.headers().get("set-cookie");
        let cookie = cookie.map_or(String::new(), |value| value.to_str().unwrap().to_owned());
        let body: Value = answer.json().await.unwrap();
        if status == 200 {
            self.cookie = cookie.split(';').next().map(str::to_owned);
            self.csrf = body["data"]["csrf"].as_str().unwrap().to_owned();
        }
        (status, cookie)
    }

    async fn create_call(&self, change: impl FnOnce(RequestBuilder) -> RequestBuilder) -> u16 {
        let request = self.request(Method::POST, "/api/v1/calls").json(&example());
        status(change(request)).await
    }
}

async fn send(request: RequestBuilder) -> Response {
    request.send().await.unwrap()
}

async fn status(request: RequestBuilder) -> u16 {
    send(request).await.status().as_u16()
}

#[tokio::test]
async fn a_session_does_what_its_key_can_and_no_other_page_can_use_it() {
    let server = Server::start().await;
    let mut browser = Browser::new(&server);
    let (status, cookie) = browser.sign_in(json!({"key": server.key})).await;
    assert_eq!(status, 200);
    for flag in ["HttpOnly", "SameSite=Strict", "Path=/", "Max-Age=43200"] {
        assert!(cookie.contains(flag), "{cookie}");
    }
    assert!(!cookie.contains(&server.key), "the cookie holds the key");
    let list = browser.request(Method::GET, "/api/v1/calls");
    assert_eq!(self::status(list).await, 200);
    let csrf = browser.csrf.clone();
    let with = |request: RequestBuilder| request.header("x-csrf-token", &csrf);
    assert_eq!(browser.create_call(|request| request).await, 403);
    let wrong = |request: RequestBuilder| request.header("x-csrf-token", "x");
    assert_eq!(browser.create_call(wrong).await, 403);
    let foreign = |request| with(request).header("sec-fetch-site", "cross-site");
    assert_eq!(browser.create_call(foreign).await, 403);
    assert_eq!(browser.create_call(with).await, 202);
}

#[tokio::test]
async fn a_cookie_opens_no_socket_and_a_token_of_it_does() {
    let server = Server::start().await;
    let mut browser = Browser::new(&server);
    browser.sign_in(json!({"key": server.key})).await;
    let handshake = |path| {
        browser
            .request(Method::GET, path)
            .header("connection", "Upgrade")
            .header("upgrade", "websocket")
            .header("sec-websocket-version", "13")
            .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
    };
    assert_eq!(status(handshake("/api/v1/live")).await, 401);
    let token = browser.request(Method::POST, "/api/v1/live/token");
    let token = send(token.header("x-csrf-token", &browser.csrf)).await;
    let token: Value = token.json().await.unwrap();
    let token = token["data"]["token"].as_str().unwrap();
    let opened = handshake("/api/v1/live").header("sec-websocket-protocol", token);
    assert_eq!(status(opened).await, 101);
    // There is no line here that rings in pages.
    let opened = handshake("/api/v1/phone").header("sec-websocket-protocol", token);
    assert_eq!(status(opened).await, 404);
}

#[tokio::test]
async fn a_session_ends_with_its_key_and_when_it_is_left() {
    let server = Server::start().await;
    let (key, id) = server.new_key(KeyMode::Live);
    let mut browser = Browser::new(&server);
    browser.sign_in(json!({ "key": key })).await;
    let list = || browser.request(Method::GET, "/api/v1/calls");
    assert_eq!(status(list()).await, 200);
    server.store.revoke_key(&id, clock::wall()).unwrap();
    assert_eq!(status(list()).await, 401);
    let seen: Value = send(browser.request(Method::GET, "/session"))
        .await
        .json()
        .await
        .unwrap();
    assert_eq!(seen, json!({ "data": null }));

    let mut browser = Browser::new(&server);
    browser.sign_in(json!({"key": server.key})).await;
    let leave = || browser.request(Method::DELETE, "/session");
    assert_eq!(status(leave()).await, 403);
    let left = send(leave().header("x-csrf-token", &browser.csrf)).await;
    assert_eq!(left.status().as_u16(), 204);
    let cookie = left.headers()["set-cookie"].to_str().unwrap();
    assert!(cookie.contains("Max-Age=0"), "{cookie}");
    // Whoever has kept the cookie has nothing.
    assert_eq!(
        status(browser.request(Method::GET, "/api/v1/calls")).await,
        401
    );
}

#[tokio::test]
async fn who_has_no_good_key_gets_no_session() {
    let server = Server::start().await;
    let mut browser = Browser::new(&server);
    for (body, expected) in [
        (json!({"key": "ak_live_x"}), 401),
        (json!({"key": format!("ak_live_{}", "0".repeat(32))}), 401),
        (json!({"link": "guessed"}), 401),
        (json!({}), 400),
        (json!([]), 400),
    ] {
        let (status, cookie) = browser.sign_in(body).await;
        assert_eq!((status, cookie.as_str()), (expected, ""));
    }
    let foreign = browser
        .request(Method::POST, "/session")
        .header("sec-fetch-site", "cross-site")
        .json(&json!({"key": server.key}));
    assert_eq!(status(foreign).await, 403);
    let wish = Wish {
        scopes: Scopes::of([Scope::CallsRead]),
        ..Wish::plain(KeyMode::Live)
    };
    let (read_only, _) = server.another_key(wish);
    browser.sign_in(json!({ "key": read_only })).await;
    let csrf = browser.csrf.clone();
    let with = |request: RequestBuilder| request.header("x-csrf-token", &csrf);
    assert_eq!(browser.create_call(with).await, 403);
    let settings = browser.request(Method::GET, "/api/v1/settings");
    assert_eq!(status(settings).await, 403);
}

#[tokio::test]
async fn pages_are_served_with_their_policy_and_the_interface_with_its_own() {
    let server = Server::start().await;
    let browser = Browser::new(&server);
    for path in [
        "/",
        "/sign-in",
        "/call/cl_x",
        "/keys",
        "/settings",
        "/phone",
    ] {
        let page = send(browser.request(Method::GET, path)).await;
        assert_eq!(page.status().as_u16(), 200, "{path}");
        let policy = page.headers()["content-security-policy"].to_str().unwrap();
        assert!(policy.contains("script-src 'self'"), "{policy}");
        assert_eq!(page.headers()["x-frame-options"], "DENY");
    }
    let lines = send(server.request(Method::GET, "/lines")).await;
    let policy = lines.headers()["content-security-policy"].to_str().unwrap();
    assert!(policy.starts_with("default-src 'none'; frame"), "{policy}");
    let missing = browser.request(Method::GET, "/assets/none.js");
    assert_eq!(status(missing).await, 404);
}
