//! Whole calls on virtual time whose services die: the callee notices at most a pause, and the record says who served.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use agentphone::provider::{
    BoxFuture, LanguageModel, LlmEvent, LlmRequest, ProviderError, ProviderErrorKind, SpeechToText,
    SttInput, SttOptions, SttStream, TextToSpeech, TtsEvent, TtsInput, TtsOptions, TtsStream,
    failover::{BreakerSettings, Hearing, Limits, Speaking, Thinking, Voice},
    scripted::{ScriptedModel, ScriptedReply, ScriptedSpeechToText, ScriptedTextToSpeech},
};
use protocol::{
    control::{Event, Role},
    rest,
};
use tokio::sync::mpsc;

use crate::support::{Engine, Setup};

const ANSWERS: &str = r#"
ring: 1 s
---
wait 400 ms
say "Nopa, good evening."
until agent stops
say "Seven is fine. What name?"
until agent stops
say "All set."
until agent stops
wait 5 s
hang up
"#;
const HEARD: [&str; 3] = ["nopa good evening", "seven is fine what name", "all set"];

/// A recogniser that dies in the middle of the callee's second sentence: its stream ends, or (`silent`) nothing comes of it
/// any more.
#[derive(Debug)]
struct Dying {
    ears: ScriptedSpeechToText,
    silent: bool,
}

impl SpeechToText for Dying {
    fn name(&self) -> &'static str {
        "dying"
    }

    fn open(&self, options: SttOptions) -> BoxFuture<'_, Result<SttStream, ProviderError>> {
        Box::pin(async move {
            let inner = self.ears.open(options).await?;
            let (input, mut inputs) = mpsc::channel(8);
            let silent = self.silent;
            tokio::spawn(async move {
                let mut sentences = 0;
                let mut frames = 0;
                while let Some(input) = inputs.recv().await {
                    sentences += u32::from(matches!(input, SttInput::SpeechStarted));
                    frames += u32::from(sentences == 2);
                    if frames > 20 && silent {
                        continue;
                    }
                    if frames > 20 || inner.input.send(input).await.is_err() {
                        return;
                    }
                }
            });
            Ok(SttStream {
                input,
                events: inner.events,
            })
        })
    }
}

#[derive(Debug)]
struct Named<T>(&'static str, T);

impl SpeechToText for Named<ScriptedSpeechToText> {
    fn name(&self) -> &'static str {
        self.0
    }

    fn open(&self, options: SttOptions) -> BoxFuture<'_, Result<SttStream, ProviderError>> {
        self.1.open(options)
    }
}

/// A model that fails before its first text whenever it is asked.
#[derive(Debug)]
struct Broken;

impl LanguageModel for Broken {
    fn name(&self) -> &'static str {
        "broken"
    }

    fn reply(&self, _: LlmRequest) -> mpsc::Receiver<LlmEvent> {
        let (events, receiver) = mpsc::channel(1);
        let error = ProviderError::new(ProviderErrorKind::Unavailable, "it is out of order");
        let _: Result<_, _> = events.try_send(LlmEvent::Failed(error));
        receiver
    }
}

/// A voice that breaks off in the middle of the second clause that it is given, for good.
#[derive(Debug, Default)]
struct Cut(Arc<AtomicU32>);

impl TextToSpeech for Cut {
    fn name(&self) -> &'static str {
        "cut"
    }

    fn open(&self, options: TtsOptions) -> BoxFuture<'_, Result<TtsStream, ProviderError>> {
        let clauses = self.0.clone();
        Box::pin(async move {
            let inner = ScriptedTextToSpeech::default().open(options).await?;
            let (input, mut orders) = mpsc::channel::<TtsInput>(8);
            let (out, events) = mpsc::channel(8);
            let mut said = inner.events;
            tokio::spawn(async move {
                while let Some(order) = orders.recv().await {
                    if inner.input.send(order).await.is_err() {
                        return;
                    }
                }
            });
            tokio::spawn(async move {
                let mut pieces = 0;
                while let Some(event) = said.recv().await {
                    if matches!(event, TtsEvent::Words { .. }) {
                        clauses.fetch_add(1, Ordering::Relaxed);
                    }
                    let second = clauses.load(Ordering::Relaxed) >= 2;
                    pieces += u32::from(second && matches!(event, TtsEvent::Audio { .. }));
                    if pieces > 4 || out.send(event).await.is_err() {
                        return;
                    }
                }
            });
            Ok(TtsStream { input, events })
        })
    }
}

fn replies() -> Vec<ScriptedReply> {
    vec![
        ScriptedReply::text("Hello, I would like to book a table for two at seven."),
        ScriptedReply::text("Hello, I would like to book a table for two at seven."),
        ScriptedReply::text(
            "The name is Lopez, for two people at seven, in the garden if you can.",
        ),
        ScriptedReply::tool("Thank you. Goodbye.", call::Tool::HangUp),
    ]
}

/// A server with two services a role, of which the first fails.
fn engine(silent: bool) -> Engine {
    let (limits, breaker) = (Limits::default(), BreakerSettings::default());
    let model: Arc<dyn LanguageModel> = Arc::new(ScriptedModel::new(replies()));
    let voice = |service: Arc<dyn TextToSpeech>| Voice {
        service,
        voice: String::new(),
    };
    let voices = vec![
        voice(Arc::new(Cut::default())),
        voice(Arc::new(ScriptedTextToSpeech::default())),
    ];
    let ears: Vec<Arc<dyn SpeechToText>> = vec![
        Arc::new(Dying {
            ears: ScriptedSpeechToText::new(HEARD),
            silent,
        }),
        Arc::new(Named(
            "spare",
            ScriptedSpeechToText::new([HEARD[1], HEARD[2]]),
        )),
    ];
    Setup {
        scenario: ANSWERS,
        stt: Some(Arc::new(Hearing::new(ears, limits, breaker))),
        llm: Some(Arc::new(Thinking::new(
            vec![Arc::new(Broken), model],
            limits,
            breaker,
        ))),
        tts: Some(Arc::new(Speaking::new(voices, limits, breaker))),
        ..Setup::default()
    }
    .start()
}

#[tokio::test(start_paused = true)]
async fn services_that_die_in_mid_call_are_replaced_and_the_record_says_by_whom() {
    die_in_mid_call(false).await;
}

#[tokio::test(start_paused = true)]
async fn a_recogniser_that_falls_silent_is_replaced_before_its_words_are_missed() {
    die_in_mid_call(true).await;
}

async fn die_in_mid_call(silent: bool) {
    let (call, events) = engine(silent).call().await;
    assert_eq!(call.status, rest::Status::Completed, "{:?}", call.failure);
    let turns: Vec<_> = call
        .turns
        .iter()
        .map(|turn| (turn.text.as_str(), turn.served_by.clone()))
        .collect();
    let by = |stt: &[&str], llm: &[&str], tts: &[&str]| {
        let list = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        rest::ServedBy {
            stt: list(stt),
            llm: list(llm),
            tts: list(tts),
        }
    };
    let expected = [
        ("nopa good evening", by(&["dying"], &[], &[])),
        (
            "Hello, I would like to book a table for two at seven.",
            by(&[], &["scripted"], &["cut"]),
        ),
        ("seven is fine what name", by(&["spare"], &[], &[])),
        (
            "The name is Lopez, for two people at seven, in the garden if you can.",
            by(&[], &["scripted"], &["cut", "scripted"]),
        ),
        ("all set", by(&["spare"], &[], &[])),
        ("Thank you. Goodbye.", by(&[], &["scripted"], &["scripted"])),
    ];
    assert_eq!(turns, expected);
    let taken_over: Vec<_> = events
        .iter()
        .filter_map(|numbered| match &numbered.event {
            Event::Service {
                role,
                name,
                instead_of: Some(failed),
                reason: Some(_),
            } => Some((*role, name.as_str(), failed.as_str())),
            _ => None,
        })
        .collect();
    for change in [
        (Role::Llm, "scripted", "broken"),
        (Role::Tts, "scripted", "cut"),
        (Role::Stt, "spare", "dying"),
    ] {
        assert!(taken_over.contains(&change), "{change:?} of {taken_over:?}");
    }
    let felt: Vec<u64> = call
        .turns
        .iter()
        .filter_map(|turn| turn.latency.map(|latency| latency.felt_silence_ms))
        .collect();
    assert!(felt.iter().all(|felt| *felt < 2_500), "{felt:?}");
}
