//! Calls in languages that a part of the server lacks, on virtual time: told before, spoken all the same where there is
//! a voice, never taken for understood.

#[allow(
    dead_code,
    reason = "each test program uses its own part of the support"
)]
mod support;

use std::sync::Arc;

use agentphone::provider::{
    BoxFuture, ProviderError, SpeechToText, SttOptions, SttStream, TextToSpeech, TtsOptions,
    TtsStream,
    espeak::Espeak,
    failover::{BreakerSettings, Limits, Speaking, Voice},
    rules::Rules,
    scripted::{ScriptedSpeechToText, ScriptedTextToSpeech},
};
use protocol::{control::Event, rest};
use support::{Engine, POLITE, Setup};

/// A recogniser of English that would make up words for anything else.
#[derive(Debug)]
struct EnglishOnly(ScriptedSpeechToText);

impl SpeechToText for EnglishOnly {
    fn name(&self) -> &'static str {
        "english only"
    }

    fn understands(&self, language: &str) -> bool {
        language.starts_with("en")
    }

    fn open(&self, options: SttOptions) -> BoxFuture<'_, Result<SttStream, ProviderError>> {
        self.0.open(options)
    }
}

/// The embedded parts as a fresh machine has them, but for the sound of the voice.
fn fresh_machine(voices: Speaking) -> Engine {
    let heard = ["nopa good evening", "yes that works you are all set"];
    Setup {
        scenario: POLITE,
        stt: Some(Arc::new(EnglishOnly(ScriptedSpeechToText::new(heard)))),
        llm: Some(Arc::new(Rules::default())),
        tts: Some(Arc::new(voices)),
        ..Setup::default()
    }
    .start()
}

/// A voice of these languages, all when there is none.
#[derive(Debug, Default)]
struct Buzz(&'static [&'static str]);

impl TextToSpeech for Buzz {
    fn name(&self) -> &'static str {
        "buzz"
    }

    fn speaks(&self, language: &str) -> bool {
        self.0.is_empty() || self.0.iter().any(|known| language.starts_with(known))
    }

    fn open(&self, options: TtsOptions) -> BoxFuture<'_, Result<TtsStream, ProviderError>> {
        let voice = ScriptedTextToSpeech::default();
        Box::pin(async move { voice.open(options).await })
    }
}

fn speaking(service: impl TextToSpeech + 'static) -> Speaking {
    let voice = Voice {
        service: Arc::new(service),
        voice: String::new(),
    };
    Speaking::new(vec![voice], Limits::default(), BreakerSettings::default())
}

fn request(engine: &Engine, language: &str, objective: &str) -> rest::CreateCall {
    rest::CreateCall {
        language: language.to_owned(),
        objective: objective.to_owned(),
        ..engine.request()
    }
}

#[tokio::test(start_paused = true)]
async fn a_language_that_is_only_spoken_is_a_message_and_never_a_success() {
    let engine = fresh_machine(speaking(Buzz::default()));
    let request = request(&engine, "es-MX", "Reservar una mesa para dos.");
    let (created, call, events) = engine.call_with(request).await;

    let [deaf, rules] = created.warnings.as_slice() else {
        panic!("{:?}", created.warnings)
    };
    assert!(deaf.contains("does not understand Spanish"), "{deaf}");
    assert!(rules.contains("does not converse in Spanish"), "{rules}");
    assert_eq!(call.warnings, created.warnings);
    let shown: Vec<_> = events
        .iter()
        .filter_map(|event| match &event.event {
            Event::Warning { message } => Some(message.clone()),
            _ => None,
        })
        .collect();
    assert_eq!(shown, created.warnings, "the live feed says it, too");

    assert_eq!(call.status, rest::Status::Completed, "{call:?}");
    assert_eq!(call.outcome, Some(rest::Outcome::NotAchieved));
    assert_eq!(
        call.transcript.as_deref(),
        Some(
            "Agent: Hola. Soy un asistente automático y llamo de parte de un cliente. La petición es la siguiente: Reservar una mesa para dos.\n\
             Agent: Lo siento, no puedo entender su respuesta, pero ha quedado grabada y será escuchada. Gracias. Adiós."
        ),
        "not a word is made up for the callee"
    );
    let details = call.outcome_details.unwrap_or_default();
    assert!(
        details.contains("nothing on this server understands Spanish"),
        "{details}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_language_without_sentences_of_its_own_says_so() {
    let engine = fresh_machine(speaking(Buzz::default()));
    let request = request(&engine, "ja", "Reserve a table.");
    let (created, ..) = engine.call_with(request).await;
    assert_eq!(created.warnings.len(), 3, "{:?}", created.warnings);
    assert!(created.warnings[2].contains("do not exist in Japanese"));
}

#[tokio::test(start_paused = true)]
async fn english_is_without_a_warning() {
    let engine = fresh_machine(speaking(Buzz(&["en"])));
    let request = request(&engine, "en-GB", "Book a table for 2 at 7pm");
    let (created, call, _) = engine.call_with(request).await;
    assert!(created.warnings.is_empty(), "{:?}", created.warnings);
    assert!(call.warnings.is_empty());
    assert_ne!(call.outcome, Some(rest::Outcome::NotAchieved), "{call:?}");
}

#[tokio::test]
async fn a_language_without_a_voice_is_refused_before_a_credit_is_taken() {
    let missing = Espeak::with_program("/nowhere/espeak-ng");
    for (voices, language, why) in [
        (
            speaking(Buzz(&["en"])),
            "de",
            "add one that does to tts.providers",
        ),
        (speaking(missing), "de", "install the package espeak-ng"),
        (
            speaking(Espeak::default()),
            "fil",
            "none of the voices of this server (espeak) speaks fil",
        ),
    ] {
        let engine = fresh_machine(voices);
        let request = request(&engine, language, "Einen Tisch bestellen.");
        let refused = engine
            .supervisor
            .create(&engine.caller, request, Vec::new(), None);
        let error = refused.await.expect_err("it cannot be spoken");
        assert_eq!(
            (error.status(), error.code.as_str()),
            (422, "invalid_field")
        );
        assert!(error.message.contains(why), "{}", error.message);
        assert_eq!(engine.credits(), 5);
    }
}
