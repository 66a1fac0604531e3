//! The recognisers of the bench, each with a stand-in whose fault comes with the callee's second sentence.

use std::{sync::Arc, time::Duration};

use agentphone::provider::{
    SpeechToText,
    deepgram::{self, Deepgram},
    openai_hearing::{self, OpenAiHearing},
};

use super::hearing::{Fault, KEY, deepgram as deepgrams, openai as openais};

pub(super) const SERVICES: [&str; 3] = ["deepgram nova", "deepgram flux", "openai transcripts"];

pub(super) const FAULTS: [&str; 7] = [
    "none",
    "no words any more",
    "cut in mid-sentence",
    "malformed message",
    "cut, then slow by 1 s",
    "cut, then 429",
    "cut, then expired key",
];

/// Into the second sentence.
const SOON: Duration = Duration::from_millis(700);
const BUSY: Fault = Fault::Refuse(429, Some(("retry-after", "7")), "{}");
const EXPIRED: Fault = Fault::Refuse(
    401,
    None,
    r#"{"err_code": "INVALID_AUTH", "err_msg": "Invalid credentials."}"#,
);

/// The faults of connections, in their order.
fn of_connections(fault: &str) -> Vec<Fault> {
    match fault {
        "no words any more" => vec![Fault::Hang(SOON)],
        "cut in mid-sentence" => vec![Fault::Cut(SOON)],
        "malformed message" => vec![Fault::Malformed("{\"type\":", SOON)],
        "cut, then slow by 1 s" => vec![Fault::Cut(SOON), Fault::Slow(Duration::from_secs(1))],
        "cut, then 429" => [vec![Fault::Cut(SOON)], vec![BUSY; 8]].concat(),
        "cut, then expired key" => [vec![Fault::Cut(SOON)], vec![EXPIRED; 8]].concat(),
        _ => Vec::new(),
    }
}

/// The same for requests, one an utterance: what would be a cut is no answer to the second, at first or for good.
fn of_requests(fault: &str) -> Vec<Fault> {
    let fine = Fault::Slow(Duration::ZERO);
    let broken = Fault::Refuse(503, None, "{}");
    match fault {
        "no words any more" => vec![fine, Fault::Hang(SOON)],
        "cut in mid-sentence" => vec![fine, broken],
        "malformed message" => vec![fine, Fault::Malformed("{\"te", SOON)],
        "cut, then slow by 1 s" => vec![fine, broken, Fault::Slow(Duration::from_secs(1))],
        "cut, then 429" => [vec![fine, broken], vec![BUSY; 8]].concat(),
        "cut, then expired key" => [vec![fine, broken], vec![EXPIRED; 8]].concat(),
        _ => Vec::new(),
    }
}

/// Starts the stand-in of a service and returns the service's name and the recogniser.
pub(super) async fn start(
    place: usize,
    fault: &'static str,
    sentences: &[&'static str],
) -> (&'static str, Arc<dyn SpeechToText>) {
    let api_key = KEY.to_owned();
    let stt: Arc<dyn SpeechToText> = if place == 2 {
        let server = openais::StandIn::start().await;
        server.will_hear(sentences);
        server.plan(of_requests(fault));
        let base_url = server.url();
        Arc::new(
            OpenAiHearing::new(openai_hearing::Options {
                base_url,
                api_key,
                ..openai_hearing::Options::default()
            })
            .unwrap(),
        )
    } else {
        let server = deepgrams::StandIn::start().await;
        server.will_hear(sentences);
        server.plan(of_connections(fault));
        let model = ["nova-3", "flux-general-en"][place].to_owned();
        Arc::new(
            Deepgram::new(deepgram::Options {
                base_url: server.url(),
                api_key,
                model,
                ..deepgram::Options::default()
            })
            .unwrap(),
        )
    };
    (SERVICES[place], stt)
}
