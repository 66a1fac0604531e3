//! Traces of calls for OpenTelemetry: when a call has ended, one trace is built from its record and sent to the
//! collector that the operator names. Nothing is measured for it while the call runs, and what cannot be sent is lost.
//!
//! A trace holds times, statuses and reasons; no words, no phone numbers. Its id is derived from the call's, so whoever
//! has one finds the other.

use std::{
    collections::HashMap,
    time::{Duration, SystemTime},
};

use opentelemetry::{
    InstrumentationScope, KeyValue,
    trace::{SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState},
};
use opentelemetry_otlp::{
    ExporterBuildError, Protocol, SpanExporter, WithExportConfig, WithHttpConfig,
};
use opentelemetry_sdk::{
    Resource,
    trace::{SpanData, SpanEvents, SpanExporter as _, SpanLinks},
};
use protocol::rest::{Call, Speaker, Time, Turn};
use sha2::{Digest, Sha256};
use tokio::sync::mpsc;

/// Ended calls that wait to be sent; further ones are not traced.
const WAITING: usize = 256;
/// How long the collector may take.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Takes ended calls. Never waits.
#[derive(Debug, Clone)]
pub struct Tracer(mpsc::Sender<Box<Traced>>);

/// What a trace is made from.
#[derive(Debug)]
struct Traced {
    call: Call,
    dialing: Option<Duration>,
}

impl Tracer {
    /// Starts the task that sends traces to `endpoint` (OTLP over HTTP, the whole address).
    ///
    /// # Errors
    /// When no exporter can be made for it.
    pub fn start(endpoint: &str, authorization: Option<&str>) -> Result<Self, ExporterBuildError> {
        let headers = authorization.map(|value| ("authorization".to_owned(), value.to_owned()));
        let mut exporter = SpanExporter::builder()
            .with_http()
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(endpoint)
            .with_timeout(TIMEOUT)
            .with_headers(HashMap::from_iter(headers))
            .build()?;
        exporter.set_resource(
            &Resource::builder()
                .with_service_name("agentphone")
                .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
                .build(),
        );
        let (sender, mut calls) = mpsc::channel::<Box<Traced>>(WAITING);
        tokio::spawn(async move {
            while let Some(traced) = calls.recv().await {
                let id = traced.call.call_id.clone();
                if let Err(error) = exporter.export(spans(&traced)).await {
                    tracing::warn!(call = %id, %error, "the trace of a call could not be sent");
                }
            }
        });
        Ok(Self(sender))
    }

    /// Takes a call that has ended; `events` are its live events, oldest first.
    pub(crate) fn trace(&self, call: &Call, events: &[std::sync::Arc<str>]) {
        let traced = Traced {
            call: call.clone(),
            dialing: dialing(events),
        };
        if self.0.try_send(Box::new(traced)).is_err() {
            tracing::warn!(call = %call.call_id, "the collector of traces is too slow; a call is not traced");
        }
    }
}

/// Returns how long after its creation the call was dialed.
fn dialing(events: &[std::sync::Arc<str>]) -> Option<Duration> {
    #[derive(serde::Deserialize)]
    struct Line {
        t_ms: u64,
        status: Option<String>,
    }
    events.iter().find_map(|text| {
        let line: Line = serde_json::from_str(text).ok()?;
        (line.status.as_deref() == Some("dialing")).then(|| Duration::from_millis(line.t_ms))
    })
}

/// Builds the spans of one trace.
struct Builder<'a> {
    call: &'a Call,
    trace: TraceId,
    scope: InstrumentationScope,
    spans: Vec<SpanData>,
}

impl Builder<'_> {
    fn new(call: &Call) -> Builder<'_> {
        let mut id = [0; 16];
        id.copy_from_slice(&Sha256::digest(call.call_id.as_str())[..16]);
        Builder {
            call,
            trace: TraceId::from_bytes(id),
            scope: InstrumentationScope::builder("agentphone").build(),
            spans: Vec::new(),
        }
    }

    /// Adds a span and returns its id. The first one is the root.
    fn add(
        &mut self,
        name: &'static str,
        parent: SpanId,
        (start_time, end_time): (SystemTime, SystemTime),
        attributes: Vec<KeyValue>,
    ) -> SpanId {
        let number = self.spans.len() as u64;
        let name_of_span = format!("{}/{number}", self.call.call_id);
        let mut id = [0; 8];
        id.copy_from_slice(&Sha256::digest(name_of_span)[..8]);
        let id = SpanId::from_bytes(id);
        self.spans.push(SpanData {
            span_context: SpanContext::new(
                self.trace,
                id,
                TraceFlags::SAMPLED,
                false,
                TraceState::default(),
            ),
            parent_span_id: parent,
            parent_span_is_remote: false,
            span_kind: SpanKind::Internal,
            name: name.into(),
            start_time,
            end_time: end_time.max(start_time),
            attributes,
            dropped_attributes_count: 0,
            events: SpanEvents::default(),
            links: SpanLinks::default(),
            status: Status::Unset,
            instrumentation_scope: self.scope.clone(),
        });
        id
    }
}

fn spans(traced: &Traced) -> Vec<SpanData> {
    let call = &traced.call;
    let created = moment(call.created_at);
    let ended = call.ended_at.map_or(created, moment);
    let mut builder = Builder::new(call);
    let root = builder.add("call", SpanId::INVALID, (created, ended), attributes(call));
    if let Some(failure) = &call.failure {
        builder.spans[0].status = Status::error(failure.reason.as_str());
    }
    let answered = call.started_at.map(moment);
    let dialing = traced.dialing.map(|after| created + after);
    builder.add(
        "queued",
        root,
        (created, dialing.unwrap_or(ended)),
        Vec::new(),
    );
    if let Some(dialing) = dialing {
        builder.add(
            "ringing",
            root,
            (dialing, answered.unwrap_or(ended)),
            Vec::new(),
        );
    }
    let Some(answered) = answered else {
        return builder.spans;
    };
    let talk = builder.add("conversation", root, (answered, ended), Vec::new());
    for turn in &call.turns {
        add_turn(&mut builder, talk, answered, turn);
    }
    builder.spans
}

/// Adds a turn, and for one of the agent's the stages of the time before it, one after the other.
fn add_turn(builder: &mut Builder<'_>, parent: SpanId, answered: SystemTime, turn: &Turn) {
    let at = |ms: u64| answered + Duration::from_millis(ms);
    let name = match turn.speaker {
        Speaker::Agent => "agent speaks",
        Speaker::Callee => "callee speaks",
    };
    let attributes = vec![KeyValue::new("agentphone.interrupted", turn.interrupted)];
    builder.add(
        name,
        parent,
        (at(turn.started_ms), at(turn.ended_ms)),
        attributes,
    );
    let Some(latency) = turn.latency else { return };
    let begin = turn.started_ms.saturating_sub(latency.felt_silence_ms);
    let answer = builder.add(
        "agent answers",
        parent,
        (at(begin), at(turn.started_ms)),
        Vec::new(),
    );
    let mut from = begin;
    for (stage, ms) in [
        ("end of turn", latency.end_of_turn_ms),
        ("words", latency.words_ms),
        ("first token", latency.first_token_ms),
        ("first sound", latency.first_sound_ms),
        ("wire", latency.wire_ms),
    ] {
        let to = from + ms;
        builder.add(stage, answer, (at(from), at(to)), Vec::new());
        from = to;
    }
}

fn attributes(call: &Call) -> Vec<KeyValue> {
    let mut attributes = vec![
        KeyValue::new("agentphone.call_id", call.call_id.as_str().to_owned()),
        KeyValue::new("agentphone.line", call.line.clone()),
        KeyValue::new("agentphone.language", call.language.clone()),
        KeyValue::new("agentphone.direction", call.direction.as_str()),
        KeyValue::new("agentphone.status", call.status.as_str()),
    ];
    let words = [
        ("agentphone.outcome", call.outcome.map(|word| word.as_str())),
        (
            "agentphone.end_reason",
            call.end_reason.map(|word| word.as_str()),
        ),
        (
            "agentphone.answered_by",
            call.answered_by.map(|word| word.as_str()),
        ),
        (
            "agentphone.failure",
            call.failure.as_ref().map(|failure| failure.reason.as_str()),
        ),
    ];
    for (key, word) in words {
        attributes.extend(word.map(|word| KeyValue::new(key, word)));
    }
    attributes
}

fn moment(time: Time) -> SystemTime {
    jiff::Timestamp::from(time).into()
}

#[cfg(test)]
mod tests {
    use protocol::rest::{CreateCall, Offer, TurnLatency};

    use super::*;

    fn call() -> Call {
        let body = br#"{"to_phone_number": "+14155551234", "objective": "Book a table at Nopa"}"#;
        let request = CreateCall::parse(body, &Offer::default()).unwrap().call;
        let at = |seconds| Time::from(jiff::Timestamp::from_second(seconds).unwrap());
        let mut call = Call::queued(
            protocol::ids::CallId::new(1, 2),
            &request,
            "simulated",
            at(1_000),
        );
        call.started_at = Some(at(1_005));
        call.ended_at = Some(at(1_065));
        call.turns = vec![Turn {
            speaker: Speaker::Agent,
            text: "A secret".into(),
            started_ms: 3_000,
            ended_ms: 4_000,
            interrupted: false,
            served_by: protocol::rest::ServedBy::default(),
            latency: Some(TurnLatency {
                felt_silence_ms: 600,
                end_of_turn_ms: 350,
                first_token_ms: 250,
                ..TurnLatency::default()
            }),
        }];
        call
    }

    #[test]
    fn a_trace_has_the_stages_of_a_call_and_no_words_or_numbers() {
        let events = [
            r#"{"seq": 1, "t_ms": 0, "type": "call.status", "status": "queued"}"#.into(),
            r#"{"seq": 2, "t_ms": 2000, "type": "call.status", "status": "dialing"}"#.into(),
        ];
        let traced = Traced {
            call: call(),
            dialing: dialing(&events),
        };
        let spans = spans(&traced);
        let millis = |time: SystemTime| time.duration_since(SystemTime::UNIX_EPOCH).unwrap();
        let named = |name: &str| {
            let span = spans.iter().find(|span| span.name == name).expect(name);
            let (start, end) = (millis(span.start_time), millis(span.end_time));
            (start.as_millis(), end.as_millis())
        };
        assert_eq!(named("call"), (1_000_000, 1_065_000));
        assert_eq!(named("queued"), (1_000_000, 1_002_000));
        assert_eq!(named("ringing"), (1_002_000, 1_005_000));
        assert_eq!(named("agent answers"), (1_007_400, 1_008_000));
        assert_eq!(named("first token"), (1_007_750, 1_008_000));
        let ids: std::collections::HashSet<_> = spans
            .iter()
            .map(|span| span.span_context.span_id())
            .collect();
        assert_eq!(ids.len(), spans.len());
        assert!(
            spans[1..]
                .iter()
                .all(|span| ids.contains(&span.parent_span_id))
        );
        let shown = format!("{spans:?}");
        for hidden in ["4155551234", "secret", "Nopa"] {
            assert!(!shown.contains(hidden), "{hidden}");
        }
    }
}
