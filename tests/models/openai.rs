//! The client of chat completions against a strict stand-in that speaks the real protocol over a real socket.

use std::time::Duration;

use agentphone::provider::{
    LanguageModel, LlmEvent, ProviderError, ProviderErrorKind, Question,
    openai::{OpenAi, Options},
};
use call::Tool;

use crate::{
    ask, request,
    support::{
        openai::{DONE, KEY, MODEL, RULES, USAGE, delta},
        service::{self, Answer},
    },
};

struct StandIn;

impl StandIn {
    async fn start(answers: Vec<Answer>) -> service::StandIn {
        service::StandIn::start(RULES, answers).await
    }
}

fn options(server: &service::StandIn) -> Options {
    Options {
        base_url: format!("{}/v1/", server.base_url()),
        api_key: KEY.to_owned(),
        model: MODEL.to_owned(),
        ..Options::default()
    }
}

fn model(server: &service::StandIn) -> OpenAi {
    OpenAi::new(options(server)).expect("usable options")
}

async fn ask_for(answer: Answer) -> (String, Vec<Tool>, Result<(), ProviderError>) {
    let server = StandIn::start(vec![answer]).await;
    ask(&model(&server)).await
}

#[tokio::test]
async fn a_reply_is_streamed_as_it_comes() {
    let chunks = [
        delta(r#"{"role":"assistant","content":""}"#, ""),
        delta(r#"{"content":"Hello, "}"#, ""),
        delta(r#"{"content":"a table."}"#, ""),
        delta("{}", "stop"),
        USAGE.to_owned(),
        DONE.to_owned(),
    ];
    let (text, tools, end) = ask_for(Answer::stream(chunks)).await;
    assert_eq!(
        (text.as_str(), tools.len(), end),
        ("Hello, a table.", 0, Ok(()))
    );
}

#[tokio::test]
async fn bytes_may_be_split_anywhere_and_lines_end_in_two_ways() {
    let reply = format!(
        ": ping\r\n\r\n{}{}{DONE}",
        delta("{\"content\":\"Se\u{f1}or \u{1f35d}\"}", ""),
        delta("{}", "stop")
    )
    .replace('\n', "\r\n")
    .replace("\r\r", "\r");
    let bytes: Vec<Vec<u8>> = reply.bytes().map(|byte| vec![byte]).collect();
    let (text, _, end) = ask_for(Answer::stream(bytes)).await;
    assert_eq!((text.as_str(), end), ("Se\u{f1}or \u{1f35d}", Ok(())));
}

#[tokio::test]
async fn tool_calls_are_put_together_from_their_pieces() {
    let chunks = [
        delta(r#"{"content":"Goodbye."}"#, ""),
        delta(
            r#"{"tool_calls":[{"index":0,"id":"a","type":"function","function":{"name":"press_keys","arguments":""}}]}"#,
            "",
        ),
        delta(
            r#"{"tool_calls":[{"index":1,"id":"b","type":"function","function":{"name":"hang_up","arguments":"{}"}}]}"#,
            "",
        ),
        delta(
            r#"{"tool_calls":[{"index":0,"function":{"arguments":"{\"keys\":"}}]}"#,
            "",
        ),
        delta(
            r#"{"tool_calls":[{"index":0,"function":{"arguments":"\"1#x\"}"}}]}"#,
            "",
        ),
        delta("{}", "tool_calls"),
        DONE.to_owned(),
    ];
    let (text, tools, end) = ask_for(Answer::stream(chunks)).await;
    assert_eq!(text, "Goodbye.");
    assert_eq!(tools, [Tool::PressKeys("1#".to_owned()), Tool::HangUp]);
    assert_eq!(end, Ok(()));
}

#[tokio::test]
async fn what_local_servers_do_differently_is_understood() {
    // No role, no [DONE], the whole call at once without an index, arguments as an object, reason `stop`.
    let whole = delta(
        r#"{"tool_calls":[{"id":"x","function":{"name":"press_keys","arguments":{"keys":2}}}]}"#,
        "stop",
    );
    let (_, tools, end) = ask_for(Answer::stream([whole])).await;
    assert_eq!(
        (tools.as_slice(), end),
        (&[Tool::PressKeys("2".to_owned())][..], Ok(()))
    );

    // Thinking aloud, in a field and in tags that are split, is not spoken.
    let chunks = [
        delta(r#"{"reasoning_content":"They greet."}"#, ""),
        delta(r#"{"content":"<th"}"#, ""),
        delta(r#"{"content":"ink>I should greet</thi"}"#, ""),
        delta(r#"{"content":"nk>\n\nHi."}"#, ""),
        delta("{}", "length"),
    ];
    let (text, _, end) = ask_for(Answer::stream(chunks)).await;
    assert_eq!((text.as_str(), end), ("Hi.", Ok(())));

    // A server that does not stream at all.
    let body = r#"{"choices":[{"index":0,"message":{"role":"assistant","content":"Hi."},"finish_reason":"stop"}]}"#;
    let (text, _, end) = ask_for(Answer::json(200, body)).await;
    assert_eq!((text.as_str(), end), ("Hi.", Ok(())));
}

#[tokio::test]
async fn calls_with_the_same_index_are_told_apart_by_their_ids() {
    let chunks = [
        delta(
            r#"{"tool_calls":[{"index":0,"id":"a","function":{"name":"note_fact","arguments":"{\"fact\":\"Closed on Mondays.\"}"}}]}"#,
            "",
        ),
        delta(
            r#"{"tool_calls":[{"index":0,"id":"b","function":{"name":"hang_up","arguments":""}}]}"#,
            "stop",
        ),
    ];
    let (_, tools, end) = ask_for(Answer::stream(chunks)).await;
    let noted = Tool::Note("Closed on Mondays.".to_owned());
    assert_eq!((tools, end), (vec![noted, Tool::HangUp], Ok(())));
    // The name with every piece, under the same id.
    let piece = |arguments: &str| {
        delta(
            &format!(
                r#"{{"tool_calls":[{{"index":0,"id":"a","function":{{"name":"press_keys","arguments":"{arguments}"}}}}]}}"#
            ),
            "",
        )
    };
    let chunks = [
        piece(r#"{\"keys\":"#),
        piece(r#"\"1\"}"#),
        delta("{}", "tool_calls"),
    ];
    let (_, tools, _) = ask_for(Answer::stream(chunks)).await;
    assert_eq!(tools, [Tool::PressKeys("1".to_owned())]);
}

#[tokio::test]
async fn tools_that_are_written_out_are_used_and_not_spoken() {
    let chunks = [
        delta(r#"{"content":"Thank you [sincerely]. Good"}"#, ""),
        delta(r#"{"content":"bye. [hang"}"#, ""),
        delta(r#"{"content":"_up] [press_keys 1]"}"#, "stop"),
    ];
    let (text, tools, _) = ask_for(Answer::stream(chunks)).await;
    assert_eq!(text.trim(), "Thank you [sincerely]. Goodbye.");
    assert_eq!(tools, [Tool::HangUp, Tool::PressKeys("1".to_owned())]);
    let parts = r#"{"content":[{"type":"text","text":"Hi."},{"type":"thinking","thinking":"x"}]}"#;
    let (text, _, _) = ask_for(Answer::stream([delta(parts, "stop")])).await;
    assert_eq!(text, "Hi.");
}

#[tokio::test]
async fn a_server_without_tools_is_told_to_write_them_out() {
    let refusal = r#"{"error":{"message":"registry.ollama.ai/library/x does not support tools"}}"#;
    let hello = [delta(r#"{"content":"Hi."}"#, "stop")];
    let server = StandIn::start(vec![
        Answer::json(400, refusal),
        Answer::stream(hello.clone()),
        Answer::stream(hello),
    ])
    .await;
    let model = model(&server);
    for _ in 0..2 {
        assert_eq!(ask(&model).await.2, Ok(()));
    }
    for (body, has) in server.requests().iter().zip([true, false, false]) {
        let system = body["messages"][0]["content"].as_str().unwrap_or_default();
        assert_eq!(body.get("tools").is_some(), has);
        assert_eq!(system.contains("[hang_up]"), !has);
    }
}

#[tokio::test]
async fn a_short_pause_that_is_asked_for_is_waited_out() {
    let hello = [delta(r#"{"content":"Hi."}"#, "stop")];
    let busy = Answer::json(429, r#"{"error":{"message":"slow down"}}"#);
    let server = StandIn::start(vec![
        busy.clone().with("retry-after-ms", "5"),
        Answer::stream(hello),
    ])
    .await;
    assert_eq!(ask(&model(&server)).await.2, Ok(()));
    let server = StandIn::start(vec![busy.with("retry-after", "30")]).await;
    let error = ask(&model(&server)).await.2.expect_err("too long a pause");
    assert_eq!(error.kind(), ProviderErrorKind::Busy);
    assert!(error.to_string().contains("in 30 s"), "{error}");
}

#[tokio::test]
async fn an_answer_is_held_to_a_schema_where_that_is_understood() {
    let refusal =
        r#"{"error":{"message":"'response_format' of type 'json_schema' is not supported"}}"#;
    let body = r#"{"choices":[{"message":{"content":"<think>hm</think>{}"}}]}"#;
    let server = StandIn::start(vec![
        Answer::json(200, body),
        Answer::json(400, refusal),
        Answer::json(200, body),
    ])
    .await;
    let model = model(&server);
    for _ in 0..2 {
        let question = Question {
            system: "Judge.".to_owned(),
            user: "Turns".to_owned(),
            schema: Some(serde_json::json!({
                "type": "object", "properties": {}, "required": [], "additionalProperties": false,
            })),
        };
        let answer = model.answer(question).expect("it can answer").await;
        assert_eq!(answer, Ok("{}".to_owned()));
    }
    let kinds: Vec<_> = server
        .requests()
        .iter()
        .map(|body| body["response_format"]["type"].clone())
        .collect();
    assert_eq!(kinds, ["json_schema", "json_schema", "json_object"]);
}

#[tokio::test]
async fn a_transfer_goes_where_the_requester_said() {
    let chunks = [delta(
        r#"{"tool_calls":[{"index":0,"function":{"name":"transfer","arguments":"{\"to\":\"+19005550000\"}"}}]}"#,
        "tool_calls",
    )];
    let (_, tools, _) = ask_for(Answer::stream(chunks)).await;
    assert_eq!(tools, [Tool::Transfer("+14155550000".to_owned())]);
}

#[tokio::test]
async fn statuses_become_sentences_without_the_key() {
    let body = format!(r#"{{"error":{{"message":"Bad {KEY}","type":"t","code":"c"}}}}"#);
    for (status, kind, retryable) in [
        (401, ProviderErrorKind::Auth, false),
        (403, ProviderErrorKind::Auth, false),
        (404, ProviderErrorKind::Unsupported, false),
        (400, ProviderErrorKind::Protocol, false),
        (429, ProviderErrorKind::Busy, true),
        (500, ProviderErrorKind::Unavailable, true),
        (503, ProviderErrorKind::Unavailable, true),
        (302, ProviderErrorKind::Protocol, false),
    ] {
        let server = StandIn::start(vec![
            Answer::json(status, &body),
            Answer::json(status, &body),
        ])
        .await;
        let (text, _, end) = ask(&model(&server)).await;
        let error = end.expect_err("a refusal");
        assert_eq!(
            (text.as_str(), error.kind(), error.is_retryable()),
            ("", kind, retryable),
            "{status}: {error}"
        );
        assert!(
            !error.to_string().contains(KEY) && error.to_string().ends_with(['.', ')']),
            "{error}"
        );
    }
}

#[tokio::test]
async fn a_server_that_knows_fewer_fields_is_asked_plainly_and_remembered() {
    let refusal = r#"{"error":{"message":"Unsupported parameter: 'max_tokens'","code":"unsupported_parameter"}}"#;
    let hello = [delta(r#"{"content":"Hi."}"#, "stop")];
    let server = StandIn::start(vec![
        Answer::json(400, refusal),
        Answer::stream(hello.clone()),
        Answer::stream(hello),
    ])
    .await;
    let model = model(&server);
    for _ in 0..2 {
        assert_eq!(ask(&model).await.2, Ok(()));
    }
    let sent = server.requests();
    let has: Vec<bool> = sent
        .iter()
        .map(|body| body.get("max_tokens").is_some())
        .collect();
    assert_eq!(has, [true, false, false]);
}

#[tokio::test]
async fn a_broken_stream_keeps_what_came_and_says_so() {
    let hello = delta(r#"{"content":"Hello"}"#, "");
    for answer in [
        Answer::stream([hello.clone()]).cut(),
        // Closed in good order, but before the reply was complete.
        Answer::stream([hello.clone(), "data: {\"cho".to_owned()]),
    ] {
        let (text, _, end) = ask_for(answer).await;
        assert_eq!(text, "Hello");
        assert_eq!(
            end.expect_err("broken").kind(),
            ProviderErrorKind::Unavailable
        );
    }
    let reported =
        "data: {\"error\":{\"message\":\"too much\",\"type\":\"rate_limit_exceeded\"}}\n\n"
            .to_owned();
    let (text, _, end) = ask_for(Answer::stream([hello.clone(), reported])).await;
    assert_eq!(
        (text.as_str(), end.expect_err("an error").kind()),
        ("Hello", ProviderErrorKind::Busy)
    );
    let (_, _, end) = ask_for(Answer::stream([hello, "data: nonsense\n\n".to_owned()])).await;
    assert_eq!(
        end.expect_err("no JSON").kind(),
        ProviderErrorKind::Protocol
    );
}

#[tokio::test]
async fn refusals_and_empty_replies_are_no_replies() {
    for chunk in [
        delta(r#"{"refusal":"I cannot"}"#, "stop"),
        delta("{}", "content_filter"),
    ] {
        let (_, _, end) = ask_for(Answer::stream([chunk])).await;
        assert_eq!(
            end.expect_err("refused").kind(),
            ProviderErrorKind::Unsupported
        );
    }
    for chunk in [
        delta("{}", "stop"),
        delta(
            r#"{"tool_calls":[{"index":0,"function":{"name":"rm","arguments":"{}"}}]}"#,
            "stop",
        ),
    ] {
        let (_, tools, end) = ask_for(Answer::stream([chunk])).await;
        assert_eq!(
            (tools.len(), end.expect_err("empty").kind()),
            (0, ProviderErrorKind::Protocol)
        );
    }
}

#[tokio::test]
async fn silence_is_given_up_and_named() {
    let server = StandIn::start(vec![Answer::stream(Vec::<String>::new()).hang()]).await;
    let options = Options {
        first_event: Duration::from_millis(20),
        ..options(&server)
    };
    let (_, _, end) = ask(&OpenAi::new(options).expect("usable options")).await;
    assert_eq!(
        end.expect_err("too slow").kind(),
        ProviderErrorKind::Timeout
    );
}

#[tokio::test]
async fn dropping_the_receiver_closes_the_connection() {
    let server = StandIn::start(vec![
        Answer::stream([delta(r#"{"content":"Hello"}"#, "")]).hang(),
    ])
    .await;
    let mut events = model(&server).reply(request());
    assert!(matches!(events.recv().await, Some(LlmEvent::Text(_))));
    drop(events);
    server.closed().await;
}

#[tokio::test]
async fn nobody_there_is_said_so() {
    let server = StandIn::start(Vec::new()).await;
    let model = model(&server);
    server.stop().await;
    let error = ask(&model).await.2.expect_err("nobody there");
    assert_eq!(error.kind(), ProviderErrorKind::Unavailable);
    assert!(error.to_string().contains("cannot be reached"), "{error}");
}

#[tokio::test]
async fn a_whole_answer_is_json_text() {
    let body = r#"{"choices":[{"message":{"content":"{\"outcome\":\"partial\"}"}}]}"#;
    let server = StandIn::start(vec![Answer::json(200, body), Answer::json(200, "{}")]).await;
    let model = model(&server);
    let ask = || {
        model
            .complete("Judge.".to_owned(), "Turns".to_owned())
            .expect("it can judge")
    };
    assert_eq!(ask().await, Ok("{\"outcome\":\"partial\"}".to_owned()));
    assert_eq!(
        ask().await.expect_err("no answer").kind(),
        ProviderErrorKind::Protocol
    );
}

#[test]
fn options_that_cannot_work_are_refused_with_what_to_change() {
    let with = |base_url: &str, api_key: &str, model: &str| {
        let options = Options {
            base_url: base_url.to_owned(),
            api_key: api_key.to_owned(),
            model: model.to_owned(),
            ..Options::default()
        };
        OpenAi::new(options)
            .map(|_| ())
            .map_err(|error| error.to_string())
    };
    assert_eq!(with("", "k", "m"), Ok(()));
    assert!(
        with("nowhere", "", "m")
            .unwrap_err()
            .contains("llm.openai.base_url")
    );
    assert!(
        with("ftp://x", "", "m")
            .unwrap_err()
            .contains("llm.openai.base_url")
    );
    assert!(with("", "k", " ").unwrap_err().contains("llm.openai.model"));
    assert!(
        with("", "a\nb", "m")
            .unwrap_err()
            .contains("llm.openai.api_key")
    );
    let options = Options {
        api_key: KEY.to_owned(),
        ..Options::default()
    };
    assert!(!format!("{options:?}").contains(KEY));
}
