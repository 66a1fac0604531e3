//! What an operator sees: numbers as Prometheus reads them, traces as a collector gets them, logs with the call.

use reqwest::Method;
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::{client::Client, receiver::Receiver};

#[tokio::test]
async fn numbers_are_for_this_machine_or_an_admin() {
    let client = Client::start(&[]);
    let (_, id) = client.create(json!({"scenario": "busy"})).await;
    client.until(&id, "failed").await;
    let metrics = format!("{}/metrics", client.url);
    // The record says that a call has ended a moment before it is counted.
    let text = loop {
        let local = client.http.get(&metrics).send().await.unwrap();
        let kind = &local.headers()["content-type"];
        assert_eq!(kind, "text/plain; version=0.0.4; charset=utf-8");
        let text = local.text().await.unwrap();
        if text.contains("calls_ended_total") && text.contains("{state=\"queued\"} 0") {
            break text;
        }
    };
    for line in [
        "agentphone_calls_created_total{line=\"simulated\"} 1",
        "agentphone_calls_ended_total{status=\"failed\",reason=\"busy\",line=\"simulated\"} 1",
        "agentphone_calls{state=\"queued\"} 0",
        "agentphone_calls{state=\"running\"} 0",
        "agentphone_webhooks_waiting 0",
        "agentphone_disk_free_bytes ",
        "agentphone_http_requests_total{status=\"202\"} 1",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
    let page = include_str!("../../docs/operating.md");
    let served = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    let served: Vec<_> = served.filter_map(|line| line.split(' ').next()).collect();
    assert!(served.len() > 8, "{text}");
    for name in served {
        assert!(
            page.contains(&format!("| `{name}")),
            "{name} is not explained"
        );
    }
    // Through a proxy on this machine it is somebody else.
    let through = |key: Option<&str>| {
        let request = client
            .http
            .get(&metrics)
            .header("x-forwarded-for", "192.0.2.7");
        let request = match key {
            Some(key) => request.header("x-api-key", key),
            None => request,
        };
        async move { request.send().await.unwrap().status().as_u16() }
    };
    assert_eq!(through(None).await, 401);
    assert_eq!(through(Some(&client.key)).await, 200);
    let ordinary = client.command(&["keys", "create", "--account", "nopa"]);
    assert_eq!(through(Some(ordinary.trim())).await, 403);
}

#[tokio::test]
async fn a_collector_gets_a_trace_of_every_call() {
    let collector = Receiver::start(|_, _| 200).await;
    let endpoint = format!("{}/v1/traces", collector.url);
    let client = Client::start(&[
        ("AGENTPHONE__TRACE__OTLP_ENDPOINT", &endpoint),
        ("AGENTPHONE__TRACE__AUTHORIZATION", "Bearer t0ken"),
    ]);
    let (_, id) = client.create(json!({"scenario": "books"})).await;
    client.until(&id, "in_progress").await;
    client.cancel(&id).await;
    let told = collector.until(|told| !told.is_empty()).await;
    assert_eq!(told[0].header(":path"), "/v1/traces");
    assert_eq!(told[0].header("content-type"), "application/x-protobuf");
    assert_eq!(told[0].header("authorization"), "Bearer t0ken");
    for part in [
        "agentphone.call_id",
        &id,
        "queued",
        "ringing",
        "conversation",
        "canceled",
    ] {
        assert!(
            told[0].text.contains(part),
            "{part} is not in {:?}",
            told[0].text
        );
    }
    assert!(!told[0].text.contains("4155551234"));
}

#[tokio::test]
async fn the_log_names_the_call_and_nothing_private() {
    let receiver = Receiver::start(|_, _| 200).await;
    let mut client = Client::start(&[
        ("AGENTPHONE__LOG__FORMAT", "json"),
        ("AGENTPHONE__LOG__LEVEL", "debug"),
    ]);
    let hook = format!("{}/s3cret-path", receiver.url);
    let (_, id) = client
        .create(json!({"scenario": "busy", "webhook_url": hook, "business_name": "Nopa Bistro"}))
        .await;
    client.until(&id, "failed").await;
    receiver.until(|told| !told.is_empty()).await;
    let secret = client.command(&["webhooks", "show", "--account", "nopa"]);
    let (_, _) = client
        .ask(Method::GET, "/api/v1/account", Value::Null)
        .await;
    let log = client.end(Signal::TERM);
    let lines: Vec<Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).expect(line))
        .collect();
    for said in [
        "a call is queued",
        "a call ended",
        "tried to deliver a webhook",
    ] {
        let line = lines.iter().find(|line| line["fields"]["message"] == said);
        assert_eq!(line.expect(said)["fields"]["call"], id.as_str());
    }
    for private in [
        "4155551234",
        "Nopa Bistro",
        "Book a table",
        "s3cret-path",
        secret.trim(),
        &client.key,
    ] {
        assert!(!log.contains(private), "{private} is in {log}");
    }
}

/// Everything at the highest level that there is, and everything that goes through the program on the way.
#[tokio::test]
async fn not_even_the_finest_log_holds_what_is_private() {
    let receiver = Receiver::start(|_, _| 200).await;
    let mut client = Client::start(&[("AGENTPHONE__LOG__LEVEL", "trace")]);
    let hook = format!("{}/s3cret-path", receiver.url);
    let (_, id) = client
        .create(json!({"scenario": "books", "webhook_url": hook, "objective": "Book a table for Quillington",
            "transfer_to": "+14155559876", "metadata": {"order": "zebra-77"}}))
        .await;
    let signed_in = client
        .http
        .post(format!("{}/session", client.url))
        .json(&json!({ "key": client.key }))
        .send()
        .await
        .unwrap();
    let cookie = signed_in.headers()["set-cookie"].to_str().unwrap();
    let cookie = cookie.split(['=', ';']).nth(1).unwrap().to_owned();
    let session: Value = signed_in.json().await.unwrap();
    let csrf = session["data"]["csrf"].as_str().unwrap().to_owned();
    let (_, token) = client
        .ask(Method::POST, "/api/v1/live/token", json!({}))
        .await;
    let token = token["data"]["token"].as_str().unwrap().to_owned();
    let wait = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": {"name": "wait_for_call", "arguments": {"call_id": id, "wait_seconds": 1}}});
    client
        .http
        .post(format!("{}/mcp", client.url))
        .header("x-api-key", &client.key)
        .header("accept", "application/json, text/event-stream")
        .header("mcp-protocol-version", "2025-06-18")
        .json(&wait)
        .send()
        .await
        .unwrap();
    client.until_a_turn(&id).await;
    client.cancel(&id).await;
    let told = receiver.until(|told| told.len() > 1).await;
    let call = client.until(&id, "canceled").await;
    let secret = client.command(&["webhooks", "show", "--account", "nopa"]);
    let log = client.end(Signal::TERM);
    assert!(log.contains("TRACE") || log.contains("DEBUG"), "{log}");
    let link = call["recording_url"].as_str().unwrap().to_owned();
    let signature = link.rsplit('=').next().unwrap();
    let turns = call["turns"].as_array().unwrap();
    assert!(!turns.is_empty() && !told.is_empty());
    let turns = turns.iter().map(|turn| turn["text"].as_str().unwrap());
    // One or two short words may be in any log.
    let said = turns.filter(|text| text.split(' ').count() > 2);
    for private in [
        "4155551234",
        "4155559876",
        "Quillington",
        "zebra-77",
        "s3cret-path",
        secret.trim(),
        &client.key,
        &cookie,
        &csrf,
        &token,
        signature,
    ]
    .into_iter()
    .chain(said)
    {
        let line = log.lines().find(|line| line.contains(private));
        assert_eq!(line, None, "{private:?} is in the log");
    }
}
