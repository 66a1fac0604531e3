//! What comes out at the other end: in each codec, encrypted or not, over bad networks.

use std::{path::Path, time::Duration};

use media::{Codec, impair::NetworkConfig, wav};

use super::{
    super::Srtp,
    phone::{Call, likeness, options, speech},
};
use crate::{
    bench::speech::{HeardCall, Score},
    driver::clock,
    provider::{
        SttOptions,
        pocketsphinx::{
            DEFAULT_MODELS, Steps,
            recogniser::{Recogniser, Settings},
        },
    },
};

/// Both sides say the same at the same time; returns how much of it each side heard.
async fn both_talk(call: &mut Call) -> (f64, f64) {
    let said = speech();
    // The jitter buffer learns the network first.
    call.pass(100).await;
    call.caller.heard.clear();
    call.callee.heard.clear();
    call.caller.say(&said);
    call.callee.say(&said);
    call.pass(said.len() / 160 + 40).await;
    (
        likeness(&said, &call.callee.heard),
        likeness(&said, &call.caller.heard),
    )
}

#[tokio::test(start_paused = true)]
async fn each_codec_is_heard_both_ways() {
    for (codec, least) in [
        (Codec::Pcmu, 0.99),
        (Codec::Pcma, 0.99),
        (Codec::G722, 0.99),
        (Codec::Opus, 0.9),
    ] {
        let options = options(&[codec], Srtp::Disabled);
        let mut call = Call::new(&options, &options, NetworkConfig::CLEAN).await;
        let (there, back) = both_talk(&mut call).await;
        assert_eq!(call.callee.codec, codec);
        assert!(there > least && back > least, "{codec:?}: {there} {back}");
        assert_eq!(call.callee.uplink.stats().concealed, 0, "{codec:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn encrypted_sound_is_heard_and_looks_like_none() {
    let options = options(&[Codec::Pcmu], Srtp::Required);
    let mut call = Call::new(&options, &options, NetworkConfig::CLEAN).await;
    let (there, back) = both_talk(&mut call).await;
    assert!(there > 0.99 && back > 0.99, "{there} {back}");
    // Silence in µ-law is one and the same byte; encrypted it is not.
    let seen = call
        .way
        .seen
        .iter()
        .rfind(|d| d.len() == 12 + 160 + 10)
        .unwrap();
    let alike = seen[12..172].windows(2).filter(|pair| pair[0] == pair[1]);
    assert!(alike.count() < 20);
}

#[tokio::test(start_paused = true)]
async fn bad_networks_leave_most_of_it() {
    for (codec, leasts) in [
        (
            Codec::Pcmu,
            &[(0.0, 0.97), (0.01, 0.95), (0.03, 0.93), (0.05, 0.9)][..],
        ),
        (Codec::G722, &[(0.05, 0.9)]),
        (
            Codec::Opus,
            &[(0.0, 0.9), (0.01, 0.9), (0.03, 0.88), (0.05, 0.86)],
        ),
    ] {
        for (loss, least) in leasts.iter().copied() {
            let options = options(&[codec], Srtp::Allowed);
            let mut call = Call::new(&options, &options, bad(loss)).await;
            let (there, back) = both_talk(&mut call).await;
            assert!(
                there > least && back > least,
                "{codec:?} {loss}: {there} {back}"
            );
        }
    }
}

/// A network that loses so much, in bursts, and delivers nearly all of the rest within 60 ms of the fastest.
fn bad(loss: f64) -> NetworkConfig {
    NetworkConfig {
        loss,
        burst: 2.0,
        delay: Duration::from_millis(40),
        jitter: Duration::from_millis(15),
        reorder: true,
        duplicate: 0.01,
    }
}

#[tokio::test(start_paused = true)]
async fn bad_networks_leave_the_words() {
    let recording = include_bytes!("../../../../tests/sip/sound/table.wav");
    let words = "Yes, we have a table for two at seven tomorrow evening.";
    let said = wav::read(recording).unwrap().samples;
    let models = Path::new(DEFAULT_MODELS);
    let mut ear = None;
    for (codec, loss) in [
        (Codec::Pcmu, 0.0),
        (Codec::Pcmu, 0.01),
        (Codec::Pcmu, 0.03),
        (Codec::Pcmu, 0.05),
    ] {
        let options = options(&[codec], Srtp::Allowed);
        let mut call = Call::new(&options, &options, bad(loss)).await;
        call.pass(100).await;
        call.caller.heard.clear();
        call.callee.heard.clear();
        call.caller.say(&said);
        call.callee.say(&said);
        call.pass(said.len() / 160 + 40).await;
        for heard in [&call.callee.heard, &call.caller.heard] {
            let ear = ear.get_or_insert_with(|| {
                let recogniser = Recogniser::load(models, &Settings::default()).unwrap();
                let telephone = SttOptions {
                    narrowband: true,
                    ..SttOptions::default()
                };
                let steps = Steps::here(recogniser, telephone).unwrap();
                HeardCall::new(steps, clock::now(), || Duration::ZERO)
            });
            let understood = ear.hear(heard, None).unwrap().text;
            let faults = Score::of(words, &understood).faults();
            // Of eleven words, one where nothing is lost, two where packets are lost in bursts of two, and four where so
            // many are that a whole word may be among them.
            let most = match loss {
                0.0 => 1,
                0.05.. => 4,
                _ => 2,
            };
            assert!(faults <= most, "{codec:?} {loss}: {understood}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn opus_mends_single_losses_from_the_next_packet() {
    let network = NetworkConfig {
        loss: 0.05,
        burst: 1.0,
        // So that the next packet is there when the lost one is due.
        jitter: Duration::from_millis(15),
        ..NetworkConfig::CLEAN
    };
    let options = options(&[Codec::Opus], Srtp::Disabled);
    let mut call = Call::new(&options, &options, network).await;
    both_talk(&mut call).await;
    let stats = *call.callee.uplink.stats();
    assert!(stats.recovered > 5, "{stats:?}");
    assert!(stats.recovered > stats.concealed, "{stats:?}");
}
