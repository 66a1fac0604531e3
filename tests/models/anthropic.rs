//! The client of the Messages API against a strict stand-in that speaks the real protocol over a real socket.

use std::time::Duration;

use agentphone::provider::{
    LanguageModel, LlmEvent, ProviderErrorKind, Question,
    anthropic::{Anthropic, Options},
};
use call::Tool;
use serde_json::{Value, json};

use crate::{
    ask, request,
    support::{
        anthropic::{KEY, MODEL, RULES, error, event, start, stop, text, tool, whole},
        service::{Answer, StandIn},
    },
};

fn options(server: &StandIn) -> Options {
    Options {
        base_url: server.base_url(),
        api_key: KEY.to_owned(),
        model: MODEL.to_owned(),
        ..Options::default()
    }
}

fn model(server: &StandIn) -> Anthropic {
    Anthropic::new(options(server)).expect("usable options")
}

async fn ask_for(
    answer: Answer,
) -> (
    String,
    Vec<Tool>,
    Result<(), agentphone::provider::ProviderError>,
) {
    let server = StandIn::start(RULES, vec![answer]).await;
    ask(&model(&server)).await
}

#[tokio::test]
async fn a_reply_is_streamed_with_its_tools_behind_it() {
    let chunks = [
        start(),
        event(&json!({"type": "ping"})),
        text(0, &["Hello, ", "a table."]),
        tool(1, "press_keys", &["", "{\"keys\":", " \"1#\"}"]),
        tool(2, "hang_up", &[]),
        event(&json!({"type": "something_new", "field": 1})),
        stop("tool_use"),
    ];
    let (said, tools, end) = ask_for(Answer::stream(chunks)).await;
    assert_eq!(said, "Hello, a table.");
    assert_eq!(tools, [Tool::PressKeys("1#".to_owned()), Tool::HangUp]);
    assert_eq!(end, Ok(()));
}

#[tokio::test]
async fn bytes_may_be_split_anywhere() {
    let whole = start() + &text(0, &["Se\u{f1}or \u{1f35d}"]) + &stop("end_turn");
    let bytes: Vec<Vec<u8>> = whole.bytes().map(|byte| vec![byte]).collect();
    let (said, _, end) = ask_for(Answer::stream(bytes)).await;
    assert_eq!((said.as_str(), end), ("Se\u{f1}or \u{1f35d}", Ok(())));
}

#[tokio::test]
async fn thinking_aloud_is_not_spoken() {
    let thinking = [
        json!({"type": "content_block_start", "index": 0, "content_block": {"type": "thinking", "thinking": "", "signature": ""}}),
        json!({"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "They greet."}}),
        json!({"type": "content_block_delta", "index": 0, "delta": {"type": "signature_delta", "signature": "x"}}),
        json!({"type": "content_block_stop", "index": 0}),
    ];
    let mut chunks = vec![start()];
    chunks.extend(thinking.iter().map(event));
    chunks.extend([text(1, &["Hi."]), stop("end_turn")]);
    let (said, _, end) = ask_for(Answer::stream(chunks)).await;
    assert_eq!((said.as_str(), end), ("Hi.", Ok(())));
}

#[tokio::test]
async fn a_transfer_goes_where_the_requester_said() {
    let chunks = [
        start(),
        tool(0, "transfer", &["{\"to\": \"+19005550000\"}"]),
        stop("tool_use"),
    ];
    let (_, tools, _) = ask_for(Answer::stream(chunks)).await;
    assert_eq!(tools, [Tool::Transfer("+14155550000".to_owned())]);
}

#[tokio::test]
async fn errors_become_sentences_without_the_key() {
    for (status, kind, retryable) in [
        (400, ProviderErrorKind::Protocol, false),
        (401, ProviderErrorKind::Auth, false),
        (403, ProviderErrorKind::Auth, false),
        (404, ProviderErrorKind::Unsupported, false),
        (413, ProviderErrorKind::Protocol, false),
        (429, ProviderErrorKind::Busy, true),
        (500, ProviderErrorKind::Unavailable, true),
        (529, ProviderErrorKind::Busy, true),
    ] {
        let (said, _, end) = ask_for(error(status, &format!("Bad {KEY}"))).await;
        let error = end.expect_err("a refusal");
        assert_eq!(
            (said.as_str(), error.kind(), error.is_retryable()),
            ("", kind, retryable),
            "{status}: {error}"
        );
        assert!(!error.to_string().contains(KEY), "{error}");
    }
    let error = ask_for(error(401, "invalid x-api-key")).await.2;
    assert!(
        error
            .unwrap_err()
            .to_string()
            .contains("llm.anthropic.api_key")
    );
}

#[tokio::test]
async fn a_short_pause_that_is_asked_for_is_waited_out() {
    let busy = error(529, "Overloaded").with("retry-after", "0");
    let hello = Answer::stream([start(), text(0, &["Hi."]), stop("end_turn")]);
    let server = StandIn::start(RULES, vec![busy, hello]).await;
    assert_eq!(ask(&model(&server)).await.2, Ok(()));
}

#[tokio::test]
async fn a_broken_stream_keeps_what_came_and_says_so() {
    let begun = || start() + &text(0, &["Hello"]);
    for answer in [
        Answer::stream([begun()]).cut(),
        // Closed in good order, but before the reply was complete.
        Answer::stream([begun()]),
    ] {
        let (said, _, end) = ask_for(answer).await;
        assert_eq!(said, "Hello");
        assert_eq!(
            end.expect_err("broken").kind(),
            ProviderErrorKind::Unavailable
        );
    }
    let overloaded = event(
        &json!({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}),
    );
    let (said, _, end) = ask_for(Answer::stream([begun(), overloaded])).await;
    assert_eq!(
        (said.as_str(), end.expect_err("an error").kind()),
        ("Hello", ProviderErrorKind::Busy)
    );
    let nonsense = "event: content_block_delta\ndata: {\"type\":\n\n".to_owned();
    let (_, _, end) = ask_for(Answer::stream([begun(), nonsense])).await;
    assert_eq!(
        end.expect_err("no JSON").kind(),
        ProviderErrorKind::Protocol
    );
}

#[tokio::test]
async fn refusals_and_empty_replies_are_no_replies() {
    let (_, _, end) = ask_for(Answer::stream([start(), stop("refusal")])).await;
    assert_eq!(
        end.expect_err("refused").kind(),
        ProviderErrorKind::Unsupported
    );
    for chunk in [String::new(), tool(0, "rm", &["{}"])] {
        let (_, tools, end) = ask_for(Answer::stream([start(), chunk, stop("end_turn")])).await;
        assert_eq!(
            (tools.len(), end.expect_err("empty").kind()),
            (0, ProviderErrorKind::Protocol)
        );
    }
}

#[tokio::test]
async fn silence_is_given_up_and_pings_are_no_words() {
    let server = StandIn::start(RULES, vec![Answer::stream([start()]).hang()]).await;
    let options = Options {
        first_event: Duration::from_millis(200),
        between_events: Duration::from_millis(20),
        ..options(&server)
    };
    let (_, _, end) = ask(&Anthropic::new(options).expect("usable options")).await;
    assert_eq!(
        end.expect_err("too slow").kind(),
        ProviderErrorKind::Timeout
    );
}

#[tokio::test]
async fn dropping_the_receiver_closes_the_connection() {
    let answer = Answer::stream([start(), text(0, &["Hello"])]).hang();
    let server = StandIn::start(RULES, vec![answer]).await;
    let mut events = model(&server).reply(request());
    assert!(matches!(events.recv().await, Some(LlmEvent::Text(_))));
    drop(events);
    server.closed().await;
}

#[tokio::test]
async fn an_answer_of_a_given_form_comes_as_the_input_of_a_tool() {
    let input = json!({"outcome": "partial"});
    let used = json!([
        {"type": "text", "text": "Here."},
        {"type": "tool_use", "id": "toolu_1", "name": "answer", "input": input},
    ]);
    let words = json!([{"type": "text", "text": "ok"}]);
    let server = StandIn::start(
        RULES,
        vec![
            whole(&used, "tool_use"),
            whole(&words, "end_turn"),
            whole(&json!([]), "end_turn"),
        ],
    )
    .await;
    let model = model(&server);
    let question = Question {
        system: "Judge.".to_owned(),
        user: "Turns".to_owned(),
        schema: Some(json!({"type": "object"})),
    };
    let answer = model
        .answer(question)
        .expect("it can answer")
        .await
        .unwrap();
    assert_eq!(serde_json::from_str::<Value>(&answer).unwrap(), input);
    let ask = || {
        model
            .complete("Judge.".to_owned(), "Turns".to_owned())
            .unwrap()
    };
    assert_eq!(ask().await, Ok("ok".to_owned()));
    assert_eq!(
        ask().await.expect_err("no answer").kind(),
        ProviderErrorKind::Protocol
    );
    let sent = server.requests();
    assert_eq!(sent[0]["tool_choice"]["name"], "answer");
    assert!(sent[1].get("tools").is_none());
}
