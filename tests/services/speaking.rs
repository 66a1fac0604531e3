//! The voice services on the network, against stand-ins on real sockets: what they are sent, what is made of their sound,
//! and what each of their faults costs.

use std::{sync::Arc, time::Duration};

use agentphone::{
    driver::clock,
    provider::{
        ProviderErrorKind, TextToSpeech, TtsEvent, TtsInput, TtsOptions, TtsStream,
        cartesia::{self, Cartesia},
        elevenlabs::{self, ElevenLabs},
        failover::{BreakerSettings, Limits, Speaking, Voice},
        openai_speech::{self, OpenAiSpeech},
        scripted::{ScriptedModel, ScriptedReply, ScriptedTextToSpeech},
    },
};
use call::{ClauseId, Generation};
use protocol::rest;

use crate::{
    speech::{Fault, KEY, Services},
    support::Setup,
};

/// Longer than anything on a socket of this machine takes.
const LIMIT: Duration = Duration::from_secs(20);
const TEXT: &str = "Good evening, this is Nopa.";

/// Each service, as it is configured for its stand-in.
fn services(server: &Services, key: &str) -> [Arc<dyn TextToSpeech>; 3] {
    let (key, model, voice) = (key.to_owned(), "fast".to_owned(), "anna".to_owned());
    let openai = openai_speech::Options {
        base_url: server.url("http") + "/v1",
        api_key: key.clone(),
        model: model.clone(),
        voice: voice.clone(),
        instructions: "Friendly.".to_owned(),
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
        Arc::new(OpenAiSpeech::new(openai).expect("as the test set it up")),
        Arc::new(ElevenLabs::new(elevenlabs).expect("as the test set it up")),
        Arc::new(Cartesia::new(cartesia).expect("as the test set it up")),
    ]
}

fn clause(generation: u32, index: u16) -> ClauseId {
    ClauseId {
        generation: Generation(generation),
        index,
    }
}

async fn say(stream: &TtsStream, clause: ClauseId, text: &str) {
    let text = text.to_owned();
    let order = TtsInput::Speak { clause, text };
    stream
        .input
        .send(order)
        .await
        .expect("as the test set it up");
}

/// What was said of one clause.
#[derive(Debug, Default)]
struct Said {
    by: Vec<&'static str>,
    length: Duration,
    ends: Vec<Duration>,
    failed: Option<ProviderErrorKind>,
}

async fn listen(stream: &mut TtsStream) -> Said {
    let mut said = Said::default();
    loop {
        let event = clock::timeout(LIMIT, stream.events.recv()).await;
        match event.expect("in time").expect("an event") {
            TtsEvent::Served { served, .. } => said.by.push(served.by),
            TtsEvent::Audio { samples, rate, .. } => {
                said.length += Duration::from_secs_f64(samples.len() as f64 / f64::from(rate));
            }
            TtsEvent::Words { ends, .. } => said.ends = ends,
            TtsEvent::Done(_) => return said,
            TtsEvent::Failed { error, .. } => {
                assert!(!error.to_string().contains(KEY), "{error}");
                said.failed = Some(error.kind());
                return said;
            }
        }
    }
}

fn ms(duration: Duration) -> u128 {
    duration.as_millis()
}

#[tokio::test]
async fn every_service_speaks_and_tells_its_words() {
    let server = Services::start(&[]).await;
    for service in services(&server, KEY) {
        let mut stream = service
            .open(TtsOptions::default())
            .await
            .expect("as the test set it up");
        say(&stream, clause(1, 0), TEXT).await;
        say(&stream, clause(1, 1), "Bye.").await;
        let said = listen(&mut stream).await;
        // The tone of every character, and the pause after a sentence.
        let expected = 60 * TEXT.len() as u128 + 160;
        let length = ms(said.length);
        assert!(
            length.abs_diff(expected) <= 60,
            "{service:?}: {length} of {expected}"
        );
        assert_eq!(said.failed, None);
        if service.name() == "openai" {
            assert!(said.ends.is_empty(), "it has no word times");
        } else {
            let ends: Vec<u128> = said.ends.iter().map(|end| ms(*end)).collect();
            assert_eq!(ends, [240, 780, 1080, 1260, 1620], "{service:?}");
        }
        assert!(listen(&mut stream).await.length > Duration::from_millis(200));
    }
    assert_eq!(server.texts(), [TEXT, "Bye."].repeat(3));
}

#[tokio::test]
async fn connections_are_there_before_the_first_text() {
    for place in 0..3 {
        let mut server = Services::start(&[]).await;
        let service = services(&server, KEY)[place].clone();
        let mut stream = service
            .open(TtsOptions::default())
            .await
            .expect("as the test set it up");
        server.connections(1).await;
        say(&stream, clause(1, 0), TEXT).await;
        listen(&mut stream).await;
        if service.name() == "elevenlabs" {
            // The next clause's socket, too.
            server.until(|state| state.opened().len() == 2).await;
        } else {
            server.connections(1).await;
        }
        let opened = server.opened();
        match service.name() {
            "openai" => assert_eq!(opened, ["/v1/models", "/v1/audio/speech"]),
            "elevenlabs" => assert!(
                opened.len() >= 2 && opened[0].contains("output_format=ulaw_8000"),
                "{opened:?}"
            ),
            _ => assert_eq!(opened, ["/tts/websocket"]),
        }
        drop((stream, service));
        server.connections(0).await;
    }
}

#[tokio::test]
async fn a_cancelled_clause_is_stopped_at_the_service() {
    for (place, name) in ["openai", "elevenlabs", "cartesia"].into_iter().enumerate() {
        let mut server = Services::start(&[Fault::NoSound]).await;
        let service = services(&server, KEY)[place].clone();
        let mut stream = service
            .open(TtsOptions::default())
            .await
            .expect("as the test set it up");
        say(&stream, clause(1, 0), TEXT).await;
        server.asked_for(TEXT).await;
        let cancel = TtsInput::Cancel(Generation(1));
        stream
            .input
            .send(cancel)
            .await
            .expect("as the test set it up");
        say(&stream, clause(2, 0), "Sorry?").await;
        let said = listen(&mut stream).await;
        assert_eq!(said.failed, None, "{name}");
        assert!(said.length > Duration::from_millis(300), "{name}");
        if name == "cartesia" {
            server.asked_for("cancel \"clause-0\"").await;
        }
    }
}

#[tokio::test]
async fn each_fault_is_told_by_its_kind() {
    use ProviderErrorKind::{Auth, Busy, Protocol, Unavailable};
    for (fault, kind) in [
        (Fault::Busy(7), Busy),
        (Fault::Expired, Auth),
        (Fault::Malformed, Protocol),
        (Fault::CutAfter(8), Unavailable),
    ] {
        for place in 0..3 {
            let server = Services::start(&[fault]).await;
            let service = services(&server, KEY)[place].clone();
            let mut stream = service
                .open(TtsOptions::default())
                .await
                .expect("as the test set it up");
            say(&stream, clause(1, 0), TEXT).await;
            let said = listen(&mut stream).await;
            assert_eq!(said.failed, Some(kind), "{fault:?}: {service:?}");
            // The next clause is no victim of the one before it.
            say(&stream, clause(1, 1), "Bye.").await;
            assert_eq!(
                listen(&mut stream).await.failed,
                None,
                "{fault:?}: {service:?}"
            );
        }
    }
}

#[tokio::test]
async fn a_wrong_key_is_known_when_the_call_begins() {
    let server = Services::start(&[]).await;
    for service in services(&server, "sk_wrong") {
        let error = service.open(TtsOptions::default()).await.unwrap_err();
        assert_eq!(error.kind(), ProviderErrorKind::Auth, "{service:?}");
        let text = error.to_string();
        assert!(
            text.contains("api_key") && !text.contains("sk_wrong"),
            "{text}"
        );
    }
}

/// With another voice behind it, no fault of a service costs a word.
#[tokio::test]
async fn every_fault_is_made_good_by_the_next_voice() {
    for fault in [
        Fault::NoSound,
        Fault::Busy(1),
        Fault::Expired,
        Fault::Malformed,
        Fault::CutAfter(16),
    ] {
        for place in 0..3 {
            let server = Services::start(&[fault]).await;
            let voice = |service| Voice {
                service,
                voice: String::new(),
            };
            let limits = Limits {
                sound: Duration::from_millis(300),
                ..Limits::default()
            };
            let speaking = Speaking::new(
                vec![
                    voice(services(&server, KEY)[place].clone()),
                    voice(Arc::new(ScriptedTextToSpeech::default())),
                ],
                limits,
                BreakerSettings::default(),
            );
            let mut stream = speaking
                .open(TtsOptions::default())
                .await
                .expect("as the test set it up");
            say(&stream, clause(1, 0), TEXT).await;
            let said = listen(&mut stream).await;
            assert_eq!(said.failed, None, "{fault:?} of {place}");
            assert_eq!(said.by.last(), Some(&"scripted"), "{fault:?} of {place}");
            assert!(
                said.length > Duration::from_millis(900),
                "{fault:?} of {place}"
            );
        }
    }
}

#[tokio::test]
async fn the_greeting_is_made_while_the_phone_rings() {
    let mut server = Services::start(&[]).await;
    let voice = Voice {
        service: services(&server, KEY)[1].clone(),
        voice: String::new(),
    };
    let speaking = Speaking::new(vec![voice], Limits::default(), BreakerSettings::default());
    let engine = Setup {
        scenario: "ring: 15 s\n---\nsay \"Nopa.\"\nhang up\n",
        llm: Some(Arc::new(ScriptedModel::new(vec![ScriptedReply::text(
            TEXT,
        )]))),
        tts: Some(Arc::new(speaking)),
        ..Setup::default()
    }
    .start();
    let id = engine.create().await;
    // Its first clause.
    server.asked_for("Good evening,").await;
    assert_eq!(engine.stored(&id).status, rest::Status::Dialing);
    let canceled = engine.supervisor.cancel(&engine.caller.account, &id, true);
    canceled.await.expect("as the test set it up");
}
