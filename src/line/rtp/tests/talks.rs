//! What is agreed and agreed again: keys, hold, moved and lost sound, reports.

use std::{net::Ipv4Addr, time::Duration};

use media::{Codec, impair::NetworkConfig};
use protocol::sdp::Direction;

use super::{
    super::{Ports, Session, Signal, Srtp, Unacceptable},
    phone::{Call, Phone, at_port, likeness, options, range, speech},
};
use crate::line::{Keys, LegCommand};

fn press(call: &Call, keys: &str) {
    let command = LegCommand::PressKeys(keys.into());
    call.caller.leg.commands.try_send(command).unwrap();
}

#[tokio::test(start_paused = true)]
async fn keys_are_signalled_and_heard_once_in_every_codec() {
    for codec in [Codec::Pcmu, Codec::Opus] {
        let options = options(&[codec], Srtp::Disabled);
        let network = NetworkConfig {
            loss: 0.1,
            burst: 2.0,
            ..NetworkConfig::CLEAN
        };
        let mut call = Call::new(&options, &options, network).await;
        assert_eq!(call.caller.keys, Keys::Signalled);
        press(&call, "0123456789*#w11");
        call.pass(300).await;
        assert_eq!(call.callee.pressed, "0123456789*#11");
    }
}

#[tokio::test(start_paused = true)]
async fn without_telephone_events_keys_are_tones() {
    let options = options(&[Codec::Pcmu], Srtp::Disabled);
    let mut call = Call::new(&options, &options, NetworkConfig::CLEAN).await;
    let offer = call.callee.session.offer();
    let without: Vec<&str> = offer
        .lines()
        .filter(|line| !(line.starts_with("a=") && line.contains(":101 ")))
        .collect();
    let offer = without.join("\r\n").replace(" 101", "") + "\r\n";
    call.negotiate(offer, false).await;
    call.pass(2).await;
    assert_eq!(call.caller.keys, Keys::InBand);
    assert_eq!(call.caller.downlink.press_keys("42#"), 3);
    let mut heard = String::new();
    call.pass_with(60, |_, _| ()).await;
    let mut ear = media::Uplink::new(media::UplinkConfig::new(Codec::Pcmu));
    for (n, frame) in call.callee.heard.as_chunks::<160>().0.iter().enumerate() {
        let mut codes = [0; 160];
        media::Law::Mu.encode(frame, &mut codes);
        let now = crate::driver::clock::now() + Duration::from_millis(20) * n as u32;
        let packet = media::Packet::new(n as u16, n as u32 * 160, &codes).unwrap();
        ear.push(&packet, now);
        for edge in ear.tick(now, &[0; 160]).edges {
            if let media::Edge::Dtmf(key) = edge {
                heard.push(*key);
            }
        }
    }
    assert_eq!(heard, "42#");
}

#[tokio::test(start_paused = true)]
async fn on_hold_nothing_is_sent_and_afterwards_all_is_as_before() {
    let options = options(&[Codec::Pcmu], Srtp::Required);
    let mut call = Call::new(&options, &options, NetworkConfig::CLEAN).await;
    call.pass(50).await;
    call.callee.session.set_direction(Direction::SendOnly);
    let offer = call.callee.session.offer();
    call.negotiate(offer, false).await;
    assert!(call.caller.session.is_held());
    assert!(!call.callee.session.is_held());
    call.pass(5).await;
    call.way.seen.clear();
    // Longer than silence may last otherwise; the music is not for the agent.
    call.callee.say(&speech());
    call.pass(1_000).await;
    let sound = call.way.seen.iter().filter(|d| d.len() > 150).count();
    assert_eq!(sound, 0);
    assert!(call.caller.signals.try_recv().is_err());
    assert!(call.caller.held && !call.callee.held);
    let loudest = call.caller.heard.iter().map(|s| s.unsigned_abs()).max();
    assert!(loudest < Some(100), "{loudest:?}");
    call.callee.session.set_direction(Direction::SendRecv);
    let offer = call.callee.session.offer();
    call.negotiate(offer, false).await;
    call.pass(20).await;
    assert!(!call.caller.held);
    call.callee.heard.clear();
    let said = speech();
    call.caller.say(&said);
    call.pass(said.len() / 160 + 40).await;
    let there = likeness(&said, &call.callee.heard);
    assert!(there > 0.99, "{there}");
    let first = call.way.seen.iter().find(|d| d.len() > 150).unwrap();
    assert!(first[1] & 0x80 != 0, "the first after a pause is marked");
}

#[tokio::test(start_paused = true)]
async fn a_repeated_offer_is_the_same_and_a_changed_one_counts_up() {
    let ports = Ports::new(Ipv4Addr::LOCALHOST.into(), range());
    let options = options(&[Codec::Pcmu], Srtp::Disabled);
    let mut session = Session::open(&ports, &options).unwrap().session;
    let first = session.offer();
    assert_eq!(session.offer(), first);
    session.set_direction(Direction::SendOnly);
    let second = session.offer();
    assert_ne!(second, first);
    let version = |text: &str| -> u64 {
        let line = text.lines().find(|line| line.starts_with("o=")).unwrap();
        line.split(' ').nth(2).unwrap().parse().unwrap()
    };
    assert_eq!(version(&second), version(&first) + 1);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_agreed_leaves_everything_as_it_was() {
    let options = options(&[Codec::Pcmu], Srtp::Required);
    let mut call = Call::new(&options, &options, NetworkConfig::CLEAN).await;
    let before = call.caller.session.agreed().cloned();
    let plain = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n";
    let refused = call.caller.session.answer(plain).await;
    assert!(
        matches!(refused, Err(Unacceptable::Refused(_))),
        "{refused:?}"
    );
    let refused = call.caller.session.answer("hello").await;
    assert!(matches!(refused, Err(Unacceptable::Unreadable(_))));
    assert_eq!(call.caller.session.agreed().cloned(), before);
    let said = speech();
    call.callee.say(&said);
    call.pass(said.len() / 160 + 20).await;
    assert!(likeness(&said, &call.caller.heard) > 0.99);
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_sends_its_second_codec_is_followed() {
    let options = options(&[Codec::Pcmu, Codec::Pcma], Srtp::Disabled);
    let mut call = Call::new(&options, &options, NetworkConfig::CLEAN).await;
    // The callee takes both and speaks the second.
    let offer = call.caller.session.offer();
    let answer = call.callee.session.answer(&offer).await.unwrap();
    let both = answer.replace("RTP/AVP 0 101", "RTP/AVP 0 101 8");
    assert_ne!(both, answer);
    call.caller.session.accept(&both).await.unwrap();
    let other = answer
        .replace("RTP/AVP 0 101", "RTP/AVP 8 101")
        .replace("a=rtpmap:0 PCMU", "a=rtpmap:8 PCMA");
    let offer = at_port(
        &other,
        call.callee.session.port(),
        call.caller.session.port(),
    );
    call.callee.session.answer(&offer).await.unwrap();
    assert_eq!(
        (call.caller.codec, call.callee.codec),
        (Codec::Pcmu, Codec::Pcmu)
    );
    call.pass(20).await;
    assert_eq!(
        (call.caller.codec, call.callee.codec),
        (Codec::Pcma, Codec::Pcma)
    );
    let said = speech();
    call.caller.say(&said);
    call.callee.say(&said);
    call.pass(said.len() / 160 + 20).await;
    assert!(likeness(&said, &call.caller.heard) > 0.99);
    assert!(likeness(&said, &call.callee.heard) > 0.99);
}

#[tokio::test(start_paused = true)]
async fn sound_that_moves_is_followed() {
    let options = options(&[Codec::Pcmu], Srtp::Disabled);
    let mut call = Call::new(&options, &options, NetworkConfig::CLEAN).await;
    call.pass(50).await;
    // The callee goes on from another telephone, and the old one talks on for a while.
    let ports = Ports::new(Ipv4Addr::LOCALHOST.into(), range());
    let other = Phone::new(&ports, &options);
    let mut old = std::mem::replace(&mut call.callee, other);
    let offer = call.callee.session.offer();
    let answer = call.caller.session.answer(&offer).await.unwrap();
    call.callee.session.accept(&answer).await.unwrap();
    let said = speech();
    let noise: Vec<i16> = (0..said.len()).map(|n| (n % 37) as i16 * 300).collect();
    old.say(&noise);
    call.callee.say(&said);
    call.caller.say(&said);
    call.caller.heard.clear();
    call.pass_with(said.len() / 160 + 40, |_, _| old.speak())
        .await;
    assert!(likeness(&said, &call.caller.heard) > 0.99);
    assert!(likeness(&said, &call.callee.heard) > 0.99);
    assert!(call.caller.session.counts().strangers > 50);
}

#[tokio::test(start_paused = true)]
async fn lost_sound_is_told_once() {
    let options = options(&[Codec::Pcmu], Srtp::Disabled);
    let mut call = Call::new(&options, &options, NetworkConfig::CLEAN).await;
    call.pass(100).await;
    call.way.cut = true;
    call.pass(700).await;
    assert!(
        call.caller.signals.try_recv().is_err(),
        "not before its time"
    );
    call.pass(100).await;
    let lost = call.caller.signals.try_recv();
    assert!(matches!(lost, Ok(Signal::MediaLost(_))), "{lost:?}");
    call.pass(1_000).await;
    assert!(call.caller.signals.try_recv().is_err());
}

#[tokio::test(start_paused = true)]
async fn reports_tell_of_loss_and_distance() {
    let network = NetworkConfig {
        loss: 0.1,
        burst: 1.0,
        delay: Duration::from_millis(50),
        ..NetworkConfig::CLEAN
    };
    for srtp in [Srtp::Disabled, Srtp::Required] {
        let options = options(&[Codec::Pcmu], srtp);
        let mut call = Call::new(&options, &options, network).await;
        call.pass(1_500).await;
        let quality = call.caller.session.quality();
        assert!(
            quality.sent > 1_000 && quality.received > 1_000,
            "{quality:?}"
        );
        let share = quality.lost as f64 / (quality.received + quality.lost) as f64;
        assert!((0.05..0.15).contains(&share), "{quality:?}");
        let there = quality.lost_there.unwrap();
        assert!((0.03..0.2).contains(&there), "{quality:?}");
        assert_eq!(call.caller.session.counts().unreadable, 0);
        assert_eq!(call.caller.session.counts().unauthenticated, 0);
    }
}

#[tokio::test(start_paused = true)]
async fn the_driver_ends_the_session_and_its_port_rests() {
    let options = options(&[Codec::Pcmu], Srtp::Disabled);
    let mut call = Call::new(&options, &options, NetworkConfig::CLEAN).await;
    call.pass(10).await;
    let transfer = LegCommand::Transfer("+14155550123".into());
    call.caller.leg.commands.try_send(transfer).unwrap();
    call.caller
        .leg
        .commands
        .try_send(LegCommand::HangUp)
        .unwrap();
    call.pass(2).await;
    let signal = call.caller.signals.recv().await;
    assert_eq!(signal, Some(Signal::Transfer("+14155550123".into())));
    assert_eq!(call.caller.signals.recv().await, Some(Signal::HangUp));
    assert_eq!(call.caller.signals.recv().await, None);
    let farewell = call.way.seen.last().unwrap();
    assert_eq!(farewell[1], 201, "a report");
    assert!(
        farewell
            .windows(2)
            .any(|two| two[0] & 0xDF == 0x81 && two[1] == 203),
        "and a goodbye"
    );
}

#[tokio::test(start_paused = true)]
async fn a_peer_behind_a_translator_is_heard_and_answered() {
    let options = options(&[Codec::Pcmu], Srtp::Disabled);
    let mut call = Call::new(&options, &options, NetworkConfig::CLEAN).await;
    let offer = call.callee.session.offer();
    // It knows only its own address, which leads nowhere from here.
    let offer = at_port(&offer, call.callee.session.port(), 9).replace("127.0.0.1", "127.9.9.9");
    let answer = call.caller.session.answer(&offer).await.unwrap();
    call.callee.session.accept(&answer).await.unwrap();
    let said = speech();
    call.pass(20).await;
    call.callee.say(&said);
    call.caller.say(&said);
    call.pass(said.len() / 160 + 20).await;
    let told = call.caller.session.agreed().unwrap().remote;
    assert_eq!(told, "127.9.9.9:9".parse().ok());
    assert!(likeness(&said, &call.caller.heard) > 0.99);
    assert!(likeness(&said, &call.callee.heard) > 0.99);
}
