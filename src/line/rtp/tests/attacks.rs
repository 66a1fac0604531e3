//! Strangers, forgers and floods: dropped and counted, and nobody hears anything of it.

use std::net::{Ipv4Addr, UdpSocket};

use media::{Codec, impair::NetworkConfig};

use super::{
    super::Srtp,
    phone::{Call, at_port, likeness, options, speech},
};

/// A stranger's socket on this machine.
fn stranger() -> UdpSocket {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    socket.set_nonblocking(true).unwrap();
    socket
}

/// A packet of loud noise.
fn noise(random: &mut fastrand::Rng, sequence: u16, ssrc: u32) -> Vec<u8> {
    let mut packet = vec![0x80, 0];
    packet.extend(sequence.to_be_bytes());
    packet.extend((u32::from(sequence) * 160).to_be_bytes());
    packet.extend(ssrc.to_be_bytes());
    packet.extend((0..160).map(|_| random.u8(..)));
    packet
}

#[tokio::test(start_paused = true)]
async fn a_stranger_is_neither_heard_nor_answered() {
    for srtp in [Srtp::Disabled, Srtp::Required] {
        let options = options(&[Codec::Pcmu], srtp);
        let mut call = Call::new(&options, &options, NetworkConfig::CLEAN).await;
        call.pass(20).await;
        let ssrc = call
            .way
            .seen
            .last()
            .map(|d| u32::from_be_bytes([d[8], d[9], d[10], d[11]]));
        let socket = stranger();
        let mut random = fastrand::Rng::with_seed(3);
        let said = speech();
        call.caller.say(&said);
        call.pass_with(said.len() / 160 + 20, |call, n| {
            // Of a stream of his own, of the caller's, and of ever new ones.
            for ssrc in [7, ssrc.unwrap(), n as u32] {
                let packet = noise(&mut random, n as u16, ssrc);
                let to = (Ipv4Addr::LOCALHOST, call.callee.session.port());
                let _ = socket.send_to(&packet, to);
            }
        })
        .await;
        assert!(likeness(&said, &call.callee.heard) > 0.99, "{srtp:?}");
        let counts = call.callee.session.counts();
        assert!(counts.strangers + counts.flooded > 100, "{counts:?}");
        assert!(
            socket.recv(&mut [0; 200]).is_err(),
            "nothing was sent to him"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_wrong_key_is_silence() {
    let options = options(&[Codec::Pcmu], Srtp::Required);
    let mut call = Call::new(&options, &options, NetworkConfig::CLEAN).await;
    // Somebody between the two changes the keys.
    let offer = call.caller.session.offer();
    let answer = call.callee.session.answer(&offer).await.unwrap();
    let mended: Vec<String> = answer
        .lines()
        .map(|line| match line.split_once("inline:") {
            Some((start, _)) => format!("{start}inline:{}", "A".repeat(40)),
            None => line.to_owned(),
        })
        .collect();
    call.caller
        .session
        .accept(&(mended.join("\r\n") + "\r\n"))
        .await
        .unwrap();
    call.pass(10).await;
    call.caller.heard.clear();
    call.callee.say(&speech());
    call.pass(100).await;
    let counts = call.caller.session.counts();
    assert!(counts.unauthenticated > 90, "{counts:?}");
    let loudest = call.caller.heard.iter().map(|s| s.unsigned_abs()).max();
    assert!(loudest < Some(100), "{loudest:?}");
}

#[tokio::test(start_paused = true)]
async fn replayed_packets_are_dropped() {
    let options = options(&[Codec::Pcmu], Srtp::Required);
    let network = NetworkConfig {
        duplicate: 1.0,
        ..NetworkConfig::CLEAN
    };
    let mut call = Call::new(&options, &options, network).await;
    let said = speech();
    call.caller.say(&said);
    call.pass(said.len() / 160 + 20).await;
    assert!(likeness(&said, &call.callee.heard) > 0.99);
    let counts = call.callee.session.counts();
    assert!(counts.unauthenticated > 100, "{counts:?}");
    assert_eq!(call.callee.uplink.stats().duplicate, 0);
}

#[tokio::test(start_paused = true)]
async fn a_flood_costs_neither_its_call_nor_another_anything() {
    let options = options(&[Codec::Pcmu], Srtp::Required);
    let mut flooded = Call::new(&options, &options, NetworkConfig::CLEAN).await;
    let mut other = Call::new(&options, &options, NetworkConfig::CLEAN).await;
    let socket = stranger();
    let mut random = fastrand::Rng::with_seed(5);
    let said = speech();
    flooded.caller.say(&said);
    other.caller.say(&said);
    let to = (Ipv4Addr::LOCALHOST, flooded.callee.session.port());
    let packets: Vec<Vec<u8>> = (0..50)
        .map(|n| noise(&mut random, n, u32::from(n)))
        .collect();
    let frames = said.len() / 160 + 20;
    // Two hundred in 20 ms are ten thousand in a second.
    let flood = |_: &mut Call, _| {
        for packet in packets.iter().cycle().take(200) {
            let _ = socket.send_to(packet, to);
        }
    };
    tokio::join!(flooded.pass_with(frames, flood), other.pass(frames));
    for call in [&flooded, &other] {
        assert!(likeness(&said, &call.callee.heard) > 0.99);
        assert_eq!(call.callee.uplink.stats().concealed, 0);
    }
    let counts = flooded.callee.session.counts();
    assert!(counts.flooded > 5_000, "{counts:?}");
    assert_eq!(other.callee.session.counts().flooded, 0);
}

#[tokio::test(start_paused = true)]
async fn no_datagram_makes_a_session_panic() {
    for srtp in [Srtp::Disabled, Srtp::Required] {
        let options = options(&[Codec::Opus, Codec::Pcmu], srtp);
        let mut call = Call::new(&options, &options, NetworkConfig::CLEAN).await;
        call.pass(20).await;
        let mut random = fastrand::Rng::with_seed(6);
        let real = call.way.seen.clone();
        // From where the peer is expected, so that everything is looked at.
        let offer = call.caller.session.offer();
        let socket = stranger();
        let port = socket.local_addr().unwrap().port();
        let offer = at_port(&offer, call.caller.session.port(), port);
        call.callee.session.answer(&offer).await.unwrap();
        let to = (Ipv4Addr::LOCALHOST, call.callee.session.port());
        call.pass_with(200, |_, _| {
            for _ in 0..4 {
                let mut datagram = real[random.usize(..real.len())].clone();
                datagram.truncate(random.usize(..datagram.len() + 1));
                for _ in 0..random.usize(..6) {
                    let length = datagram.len().max(1);
                    if let Some(byte) = datagram.get_mut(random.usize(..length)) {
                        *byte = random.u8(..);
                    }
                }
                let _ = socket.send_to(&datagram, to);
            }
        })
        .await;
        assert!(!call.callee.leg.commands.is_closed(), "the task lives");
    }
}
