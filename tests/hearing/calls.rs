//! Whole calls whose recogniser is behind a network or in a worker: real sockets, real processes, real time, all side by side.

use std::{sync::Arc, time::Duration};

use agentphone::{
    driver::{clock, pulse},
    provider::{
        SpeechToText,
        deepgram::{self, Deepgram},
        failover::{BreakerSettings, Hearing, Limits},
        openai_hearing::{self, OpenAiHearing},
        scripted::ScriptedReply,
        whisper::Whisper,
    },
};
use call::Tool;
use protocol::rest;

use super::{
    standin::{Fault, KEY, deepgram as deepgrams, openai as openais},
    support::{Engine, Setup},
    whisper,
};

const SCENARIO: &str = r#"
ring: 1 s
---
wait 300 ms
say "Nopa, good evening."
until agent stops
say "Yes, seven is perfectly fine with us."
until agent stops
wait 4 s
hang up
"#;
const HEARD: [&str; 2] = ["nopa good evening", "yes seven is perfectly fine with us"];

fn engine(stt: Arc<dyn SpeechToText>) -> Engine {
    let hearing = Hearing::new(vec![stt], Limits::default(), BreakerSettings::default());
    Setup {
        scenario: SCENARIO,
        stt: Some(Arc::new(hearing)),
        replies: vec![
            ScriptedReply::text("Hello, a table for two at seven."),
            ScriptedReply::tool("Thank you. Goodbye.", Tool::HangUp),
        ],
        ..Setup::default()
    }
    .start()
}

/// Holds a call as often as this machine is too busy with other things to carry it: frames that leave late are another
/// call than the one that is asked about.
#[expect(clippy::print_stderr, reason = "whoever reads the tests' output")]
async fn undisturbed(case: &str, attempt: impl AsyncFn() -> Result<(), String>) {
    const LATE: Duration = Duration::from_millis(45);
    for _ in 0..4 {
        let before = pulse::read();
        let Err(why) = attempt().await else { return };
        let late = pulse::read().since(&before).later_than(LATE);
        assert!(late > 0, "{case}: {why}");
    }
    eprintln!("{case}: this machine was too busy to tell");
}

fn holds(condition: bool, why: impl std::fmt::Debug) -> Result<(), String> {
    condition.then_some(()).ok_or_else(|| format!("{why:?}"))
}

/// A call as it has to be: every sentence of both sides, in order, and who heard.
fn check(call: &rest::Call, name: &str) -> Result<(), String> {
    let transcript = "Host: nopa good evening\n\
                      Agent: Hello, a table for two at seven.\n\
                      Host: yes seven is perfectly fine with us\n\
                      Agent: Thank you. Goodbye.";
    holds(call.transcript.as_deref() == Some(transcript), call)?;
    holds(call.end_reason == Some(rest::EndReason::AgentHungUp), call)?;
    for turn in &call.turns {
        match turn.speaker {
            rest::Speaker::Callee => holds(turn.served_by.stt == [name], turn)?,
            rest::Speaker::Agent => {
                let felt = turn.latency.map(|latency| latency.felt_silence_ms);
                holds(felt.is_some_and(|felt| felt < 3_000), turn)?;
            }
        }
    }
    Ok(())
}

async fn with_deepgram(model: &str, faults: Vec<Fault>) {
    let case = format!("{model} {faults:?}");
    undisturbed(&case, async || {
        let standin = deepgrams::StandIn::start().await;
        standin.will_hear(&HEARD);
        standin.plan(faults.clone());
        let options = deepgram::Options {
            base_url: standin.url(),
            api_key: KEY.to_owned(),
            model: model.to_owned(),
            ..deepgram::Options::default()
        };
        let stt = Deepgram::new(options).unwrap();
        let (call, _) = engine(Arc::new(stt)).call().await;
        check(&call, "deepgram")?;
        standin.seen(|seen| holds(seen.complaints.is_empty(), &seen.complaints))?;
        // The connection is given back with the call.
        for _ in 0..100 {
            if standin.seen(|seen| seen.open) == 0 {
                return Ok(());
            }
            clock::sleep(Duration::from_millis(20)).await;
        }
        Err("the connection stays open".to_owned())
    })
    .await;
}

async fn with_openai(faults: Vec<Fault>) {
    let case = format!("openai {faults:?}");
    undisturbed(&case, async || {
        let standin = openais::StandIn::start().await;
        standin.will_hear(&HEARD);
        standin.plan(faults.clone());
        let options = openai_hearing::Options {
            base_url: standin.url(),
            api_key: KEY.to_owned(),
            ..openai_hearing::Options::default()
        };
        let stt = OpenAiHearing::new(options).unwrap();
        let (call, _) = engine(Arc::new(stt)).call().await;
        check(&call, "openai")?;
        standin.seen(|seen| holds(seen.complaints.is_empty(), &seen.complaints))
    })
    .await;
}

/// Cut in mid-sentence or not, every word is in the transcript, and the callee waits for nothing.
#[tokio::test]
async fn recognisers_behind_a_network_hear_whole_calls() {
    // Into the second sentence; with Nova, before it calls words of it final, which the script would say again.
    let (early, late) = (Duration::from_millis(300), Duration::from_millis(1_200));
    let fine = Fault::Slow(Duration::ZERO);
    let busy = Fault::Refuse(503, Some(("retry-after", "0")), "{}");
    tokio::join!(
        with_deepgram("nova-3", vec![]),
        with_deepgram("nova-3", vec![Fault::Cut(early)]),
        with_deepgram("nova-3", vec![Fault::Malformed("{", early)]),
        with_deepgram("flux-general-en", vec![]),
        with_deepgram("flux-general-en", vec![Fault::Cut(late)]),
        with_openai(vec![]),
        with_openai(vec![fine, busy]),
    );
}

/// A model of random weights hears no real words, but loads, shares, and lets calls go on to their ends.
#[tokio::test]
async fn whisper_hears_whole_calls() {
    let (_folder, model) = whisper::own_model();
    let stt: Arc<Whisper> = Arc::new(whisper::whisper(whisper::options(&model)));
    undisturbed("whisper", async || {
        let calls = (0..2).map(|_| {
            let engine = engine(stt.clone());
            async move { engine.call().await.0 }
        });
        let canceled = async {
            let engine = engine(stt.clone());
            let id = engine.create().await;
            clock::sleep(Duration::from_millis(2_500)).await;
            let canceled = engine.supervisor.cancel(&engine.caller.account, &id, true);
            canceled.await.unwrap();
            engine.watch(&id).await;
            engine.stored(&id)
        };
        let (calls, canceled) = tokio::join!(futures_util::future::join_all(calls), canceled);
        holds(canceled.status == rest::Status::Canceled, &canceled)?;
        for call in calls {
            holds(call.status == rest::Status::Completed, &call)?;
            let heard = |turn: &&rest::Turn| turn.speaker == rest::Speaker::Callee;
            let turns: Vec<_> = call.turns.iter().filter(heard).collect();
            let words = turns.iter().all(|turn| !turn.text.is_empty());
            holds(!turns.is_empty() && words, &call)?;
            holds(turns[0].served_by.stt == ["whisper"], &call)?;
        }
        Ok(())
    })
    .await;
    assert_eq!(whisper::workers(&model).len(), 1);
}
