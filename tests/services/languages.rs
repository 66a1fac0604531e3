//! What the chosen services cannot do in a language is said before anybody is rung.

use std::sync::Arc;

use agentphone::provider::{
    SpeechToText, TextToSpeech,
    cartesia::{self, Cartesia},
    deepgram::{self, Deepgram},
    elevenlabs::{self, ElevenLabs},
    failover::{BreakerSettings, Limits, Speaking, Voice},
    openai_speech::{self, OpenAiSpeech},
};
use protocol::error::ErrorCode;

use crate::{
    speech::KEY,
    support::{POLITE, Setup},
};

fn elevenlabs(model: &str) -> ElevenLabs {
    ElevenLabs::new(elevenlabs::Options {
        api_key: KEY.to_owned(),
        model: model.to_owned(),
        ..elevenlabs::Options::default()
    })
    .expect("as the test set it up")
}

fn cartesia(model: &str) -> Cartesia {
    Cartesia::new(cartesia::Options {
        api_key: KEY.to_owned(),
        model: model.to_owned(),
        ..cartesia::Options::default()
    })
    .expect("as the test set it up")
}

fn openai(model: &str) -> OpenAiSpeech {
    OpenAiSpeech::new(openai_speech::Options {
        model: model.to_owned(),
        ..openai_speech::Options::default()
    })
    .expect("as the test set it up")
}

fn deepgram(model: &str) -> Deepgram {
    Deepgram::new(deepgram::Options {
        api_key: KEY.to_owned(),
        model: model.to_owned(),
        ..deepgram::Options::default()
    })
    .expect("as the test set it up")
}

#[test]
fn models_know_their_languages() {
    let voices: [(&dyn TextToSpeech, &str, &str); 8] = [
        (&elevenlabs("eleven_flash_v2"), "en en-GB", "de es-MX"),
        (&elevenlabs("eleven_multilingual_v2"), "en de ja", "hu th"),
        (&elevenlabs("eleven_flash_v2_5"), "en de hu", "th sw"),
        (&elevenlabs("eleven_v9"), "en th sw", ""),
        (&cartesia("sonic-2"), "en de zh-Hant-TW", "hu"),
        (&cartesia("sonic-3"), "en hu", ""),
        (&openai("gpt-4o-mini-tts"), "en de sw", "eu zu"),
        (&openai("kokoro"), "eu", ""),
    ];
    for (voice, can, cannot) in voices {
        for language in can.split_whitespace() {
            assert!(voice.speaks(language), "{voice:?} {language}");
        }
        for language in cannot.split_whitespace() {
            assert!(!voice.speaks(language), "{voice:?} {language}");
        }
    }
    for (model, can, cannot) in [
        ("nova-2", "en de ja", "he"),
        ("nova-2-general", "en de ja", "he"),
        ("nova-2-phonecall", "en-US", "de"),
        ("nova-3-medical", "en", "de"),
        ("nova-3", "en de he", ""),
        ("flux-general-en", "en", "de"),
        ("flux-general-multi", "en de", "he"),
    ] {
        for language in can.split_whitespace() {
            assert!(deepgram(model).understands(language), "{model} {language}");
        }
        for language in cannot.split_whitespace() {
            assert!(!deepgram(model).understands(language), "{model} {language}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_language_without_a_voice_is_refused_before_anybody_is_rung() {
    let voice = Voice {
        service: Arc::new(elevenlabs("eleven_flash_v2")),
        voice: String::new(),
    };
    let engine = Setup {
        stt: Some(Arc::new(deepgram("nova-2-phonecall"))),
        tts: Some(Arc::new(Speaking::new(
            vec![voice],
            Limits::default(),
            BreakerSettings::default(),
        ))),
        ..Setup::default()
    }
    .start();
    let mut request = engine.request();
    request.language = "de".to_owned();
    let answer = engine
        .supervisor
        .create(&engine.caller, request, Vec::new(), None);
    let error = answer.await.expect_err("there is no voice");
    assert_eq!(error.code, ErrorCode::InvalidField, "{error:?}");
    assert!(error.message.contains("German"), "{error:?}");
    assert!(error.message.contains("tts.providers"), "{error:?}");
}

/// What is spoken and not understood is called, with a warning.
#[tokio::test(start_paused = true)]
async fn a_language_that_is_not_understood_is_warned_about() {
    let engine = Setup {
        scenario: POLITE,
        stt: Some(Arc::new(deepgram("nova-2-phonecall"))),
        ..Setup::default()
    }
    .start();
    let mut request = engine.request();
    request.language = "de".to_owned();
    let created = engine.create_with(request).await;
    let warned = |warning: &String| warning.contains("does not understand German");
    assert!(
        created.warnings.iter().any(warned),
        "{:?}",
        created.warnings
    );
}
