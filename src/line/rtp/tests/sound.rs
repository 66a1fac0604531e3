//! What comes out at the other end: in each codec, encrypted or not, over bad networks.

use std::time::Duration;

use media::{Codec, impair::NetworkConfig};

use super::{
    super::Srtp,
    phone::{Call, likeness, options, speech},
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
            let network = NetworkConfig {
                loss,
                burst: 2.0,
                delay: Duration::from_millis(40),
                // Nearly all packets come within 60 ms of the fastest.
                jitter: Duration::from_millis(15),
                reorder: true,
                duplicate: 0.01,
            };
            let options = options(&[codec], Srtp::Allowed);
            let mut call = Call::new(&options, &options, network).await;
            let (there, back) = both_talk(&mut call).await;
            assert!(
                there > least && back > least,
                "{codec:?} {loss}: {there} {back}"
            );
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
