//! What the services of a call cost the callee: time to first text and first sound, and the silence that each of their faults
//! makes the callee feel, with and without a service behind it.
//!
//! `cargo bench --bench services` plays whole calls on the real clock: the program's clients and its fail-over against the
//! strict stand-ins of `tests/support`, over real sockets, a telephone that answers three times, and a recogniser that
//! knows what will be said. The callee's second sentence, or the agent's answer to it, meets the fault. The stand-ins
//! themselves answer at once, so what is measured is ours. Takes three to five minutes.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a program for developers that prints a table"
)]
#![allow(dead_code, reason = "each program uses its own part of the support")]

#[path = "services/ears.rs"]
mod ears;
#[path = "../tests/support/hearing/mod.rs"]
mod hearing;
#[path = "services/minds.rs"]
mod minds;
#[path = "../tests/support/models.rs"]
mod models;
#[path = "../tests/support/speech/mod.rs"]
mod speech;
#[path = "../tests/support/mod.rs"]
mod support;

use std::sync::Arc;

use agentphone::{
    driver::clock,
    provider::{
        LanguageModel, SpeechToText, TextToSpeech,
        cartesia::{self, Cartesia},
        elevenlabs::{self, ElevenLabs},
        failover::{BreakerSettings, Hearing, Limits, Speaking, Thinking, Voice},
        openai_speech::{self, OpenAiSpeech},
        scripted::{ScriptedModel, ScriptedReply, ScriptedSpeechToText, ScriptedTextToSpeech},
    },
};
use futures_util::{StreamExt, future::BoxFuture, stream};
use models::{anthropic, openai, service::StandIn};
use protocol::rest;
use speech::{Fault, Services};
use support::Setup;

/// Calls that are held side by side, so that none waits for another.
const AT_ONCE: usize = 8;

/// The callee. Only the second answer is looked at.
const SCENARIO: &str = r#"
ring: 1 s
---
wait 300 ms
say "Nopa, good evening."
until agent stops
say "Seven is perfectly fine with us and your name please"
until agent stops
wait 4 s
hang up
"#;
/// The second is heard to its end long before the sound is over, so that its end is as easy to tell every time.
const HEARD: [&str; 2] = ["nopa good evening", "your name please"];
const GREETING: &str = "Hello, a table for two at seven.";
/// The answer that meets the fault.
const ANSWER: &str = "The name is Lopez.";

/// The faults of a voice.
const VOICE_FAULTS: [(&str, Option<Fault>); 6] = [
    ("none", None),
    ("first sound never", Some(Fault::NoSound)),
    ("cut in mid-sentence", Some(Fault::CutAfter(8))),
    ("malformed piece", Some(Fault::Malformed)),
    ("429 with Retry-After", Some(Fault::Busy(7))),
    ("expired key", Some(Fault::Expired)),
];

/// What a call was like.
struct Row {
    service: &'static str,
    fault: &'static str,
    behind: bool,
    call: rest::Call,
}

/// A service that is always there.
fn spare_model() -> Arc<dyn LanguageModel> {
    Arc::new(ScriptedModel::new(vec![ScriptedReply::text(ANSWER); 4]))
}

fn voices(server: &Services) -> [(&'static str, Arc<dyn TextToSpeech>); 3] {
    let (key, model, voice) = (speech::KEY.to_owned(), "fast".to_owned(), "anna".to_owned());
    let openai = openai_speech::Options {
        base_url: server.url("http") + "/v1",
        api_key: key.clone(),
        model: model.clone(),
        voice: voice.clone(),
        instructions: String::new(),
    };
    let elevenlabs = elevenlabs::Options {
        base_url: server.url("ws"),
        api_key: key.clone(),
        model: model.clone(),
        voice: voice.clone(),
    };
    let cartesia = cartesia::Options {
        base_url: server.url("http"),
        api_key: key,
        model,
        voice,
    };
    [
        (
            "openai speech",
            Arc::new(OpenAiSpeech::new(openai).unwrap()),
        ),
        ("elevenlabs", Arc::new(ElevenLabs::new(elevenlabs).unwrap())),
        ("cartesia", Arc::new(Cartesia::new(cartesia).unwrap())),
    ]
}

fn speaking(of: Vec<Arc<dyn TextToSpeech>>) -> Arc<dyn TextToSpeech> {
    let voice = |service| Voice {
        service,
        voice: String::new(),
    };
    let voices = of.into_iter().map(voice).collect();
    let (limits, breaker) = (Limits::default(), BreakerSettings::default());
    Arc::new(Speaking::new(voices, limits, breaker))
}

/// How often a call is held again that did not begin as it should: the machine had other things to do.
const TRIES: usize = 5;

/// Whether a call began as all do: the callee, then the agent's greeting.
fn began_well(call: &rest::Call) -> bool {
    let first = call.turns.first().map(|turn| turn.text.as_str());
    let second = call.turns.get(1).map(|turn| turn.text.as_str());
    first == Some(HEARD[0]) && second == Some(GREETING)
}

/// Holds a call until it began well.
async fn until_well(once: impl AsyncFn() -> Row) -> Row {
    let mut row = once().await;
    for _ in 1..TRIES {
        if began_well(&row.call) {
            break;
        }
        row = once().await;
    }
    row
}

/// Holds one call.
async fn hold(
    objective: String,
    stt: Arc<dyn SpeechToText>,
    llm: Arc<dyn LanguageModel>,
    tts: Arc<dyn TextToSpeech>,
) -> rest::Call {
    let engine = Setup {
        scenario: SCENARIO,
        stt: Some(stt),
        llm: Some(llm),
        tts: Some(tts),
        ..Setup::default()
    }
    .start();
    let mut request = engine.request();
    request.objective = objective;
    engine.call_with(request).await.1
}

/// A recogniser that knows what will be said.
fn ears() -> Arc<dyn SpeechToText> {
    Arc::new(ScriptedSpeechToText::new(HEARD))
}

async fn with_model(
    service: &'static str,
    model: Arc<dyn LanguageModel>,
    fault: &'static str,
    behind: bool,
) -> Row {
    let mut models = vec![model];
    models.extend(behind.then(spare_model));
    let thinking = Thinking::new(models, Limits::default(), BreakerSettings::default());
    let voice = speaking(vec![Arc::new(ScriptedTextToSpeech::default())]);
    let objective = format!("Book a table ({fault})");
    Row {
        service,
        fault,
        behind,
        call: hold(objective, ears(), Arc::new(thinking), voice).await,
    }
}

async fn with_ears(place: usize, fault: &'static str, behind: bool) -> Row {
    let (service, first) = ears::start(place, fault, &HEARD).await;
    let mut recognisers = vec![first];
    let spare: Arc<dyn SpeechToText> = Arc::new(ScriptedSpeechToText::new([HEARD[1]]));
    recognisers.extend(behind.then_some(spare));
    let hearing = Hearing::new(recognisers, Limits::default(), BreakerSettings::default());
    let replies = [GREETING, ANSWER, ANSWER, ANSWER].map(ScriptedReply::text);
    let model = Arc::new(ScriptedModel::new(replies.into()));
    let voice = speaking(vec![Arc::new(ScriptedTextToSpeech::default())]);
    Row {
        service,
        fault,
        behind,
        call: hold("Book a table".to_owned(), Arc::new(hearing), model, voice).await,
    }
}

async fn with_voice(place: usize, fault: (&'static str, Option<Fault>), behind: bool) -> Row {
    let server = match fault.1 {
        Some(fault) => Services::spoiling("Lopez", fault).await,
        None => Services::start(&[]).await,
    };
    let (service, voice) = voices(&server)[place].clone();
    let mut voices = vec![voice];
    let spare: Arc<dyn TextToSpeech> = Arc::new(ScriptedTextToSpeech::default());
    voices.extend(behind.then_some(spare));
    let replies = [GREETING, ANSWER, ANSWER, ANSWER].map(ScriptedReply::text);
    let model: Arc<dyn LanguageModel> = Arc::new(ScriptedModel::new(replies.into()));
    Row {
        service,
        fault: fault.0,
        behind,
        call: hold("Book a table".to_owned(), ears(), model, speaking(voices)).await,
    }
}

fn print(row: &Row) {
    let turns = &row.call.turns;
    let question = turns
        .iter()
        .position(|turn| turn.speaker == rest::Speaker::Callee && turn.text == HEARD[1]);
    let greeting = turns.iter().position(|turn| turn.text == GREETING);
    // What the callee said may not have been heard at all.
    let after = question.or(greeting).map_or(&[][..], |at| &turns[at + 1..]);
    let answers: Vec<&rest::Turn> = after
        .iter()
        .filter(|turn| turn.speaker == rest::Speaker::Agent && !turn.text.is_empty())
        .collect();
    let latency = answers.first().and_then(|turn| turn.latency);
    let ms = |of: fn(&rest::TurnLatency) -> u64| {
        latency.map_or("-".to_owned(), |latency| of(&latency).to_string())
    };
    // As the callee's ear has it, whatever the engine says of itself.
    let felt = question
        .zip(answers.first())
        .map(|(at, answer)| answer.started_ms.saturating_sub(turns[at].ended_ms));
    let failure = row.call.failure.as_ref();
    let failure = failure.map_or_else(String::new, |failure| {
        format!("({})", failure.reason.as_str())
    });
    let said: Vec<&str> = answers.iter().map(|turn| turn.text.as_str()).collect();
    println!(
        "{:17} {:24} {:7} {:>8} {:>10} {:>11} {:>7}  {}",
        row.service,
        row.fault,
        if row.behind { "yes" } else { "no" },
        ms(|latency| latency.end_of_turn_ms),
        ms(|latency| latency.first_token_ms),
        ms(|latency| latency.first_sound_ms),
        felt.map_or("-".to_owned(), |felt| felt.to_string()),
        [said.join(" / "), failure].join(" ").trim(),
    );
}

#[tokio::main]
async fn main() {
    let openais = StandIn::obeying(openai::RULES, minds::of_openai).await;
    let anthropics = StandIn::obeying(anthropic::RULES, minds::of_anthropic).await;
    let mut calls: Vec<BoxFuture<'_, Row>> = Vec::new();
    for behind in [true, false] {
        for place in 0..ears::SERVICES.len() {
            for fault in ears::FAULTS {
                calls.push(Box::pin(until_well(async move || {
                    with_ears(place, fault, behind).await
                })));
            }
        }
        for (service, model) in [
            ("openai chat", minds::openai(&openais)),
            ("anthropic", minds::anthropic(&anthropics)),
        ] {
            for fault in minds::FAULTS {
                let model = model.clone();
                calls.push(Box::pin(until_well(async move || {
                    with_model(service, model.clone(), fault, behind).await
                })));
            }
        }
        for place in 0..3 {
            for fault in VOICE_FAULTS {
                calls.push(Box::pin(until_well(async move || {
                    with_voice(place, fault, behind).await
                })));
            }
        }
    }
    let begun = clock::now();
    let rows: Vec<Row> = stream::iter(calls).buffered(AT_ONCE).collect().await;
    println!(
        "{:17} {:24} {:7} {:>8} {:>10} {:>11} {:>7}  what was heard then",
        "service", "fault", "another", "turn end", "first text", "first sound", "felt ms"
    );
    rows.iter().for_each(print);
    println!(
        "{} calls in {:.0} s",
        rows.len(),
        (clock::now() - begun).as_secs_f64()
    );
}
