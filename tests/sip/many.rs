//! Many calls at once, many packets at one of them, and many broken messages: nothing is lost, nothing is left over.

use std::{collections::HashMap, net::SocketAddr, path::Path, sync::Arc, time::Instant};

use agentphone::{
    driver::clock,
    line::{DialRequest, Leg, LegCommand, LegEvent, Line, sip::SipLine},
};
use media::{Codec, Downlink, DownlinkConfig};
use tokio::{net::UdpSocket, sync::oneshot};

use super::rig::{Sipp, follow, ms, options, request, trunk};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixty_calls_in_at_once() {
    let mut set = options(Vec::new());
    set.peers = vec!["127.0.0.0/8".parse().expect("a network")];
    set.takes_calls = true;
    let line = Arc::new(SipLine::new(set).expect("a line"));
    let mut incoming = line.incoming().expect("it takes calls");
    let sipp = Sipp::calling("calls", line.local(), 60, 60);
    let mut calls = Vec::new();
    for _ in 0..60 {
        let came = incoming.recv().await.expect("a call");
        let line = line.clone();
        calls.push(tokio::spawn(async move {
            let request = DialRequest {
                incoming: Some(came.id.clone()),
                ..DialRequest::default()
            };
            came.take.send(true).expect("it waits");
            let leg = line.dial(request).await.expect("a leg");
            follow(leg, ms(20_000)).await
        }));
    }
    for call in calls {
        let followed = call.await.expect("a call");
        assert_eq!(
            (followed.answered, followed.hung_up),
            (1, true),
            "{followed:?}"
        );
    }
    sipp.done().await;
    line.settle().await;
    assert_eq!(line.remembered(), 0);
}

/// What came from one call's port.
#[derive(Debug, Default)]
struct Came {
    sequences: Vec<u16>,
    timestamps: Vec<u32>,
    at: Vec<Instant>,
}

/// Gathers what comes to a socket until it is silent for a second, in a thread of its own so that nothing waits there.
/// Tells the first port that something comes from.
fn gather(socket: std::net::UdpSocket, first: oneshot::Sender<u16>) -> HashMap<u16, Came> {
    let mut first = Some(first);
    let mut came = HashMap::<u16, Came>::new();
    let mut bytes = [0; 2_048];
    socket.set_read_timeout(Some(ms(10_000))).expect("a socket");
    while let Ok((length, from)) = socket.recv_from(&mut bytes) {
        if length != 172 || bytes[1] & 0x7F != 0 {
            continue;
        }
        if let Some(first) = first.take() {
            socket.set_read_timeout(Some(ms(1_000))).expect("a socket");
            let _ = first.send(from.port());
        }
        let one = came.entry(from.port()).or_default();
        one.sequences.push(u16::from_be_bytes([bytes[2], bytes[3]]));
        let timestamp = [bytes[4], bytes[5], bytes[6], bytes[7]];
        one.timestamps.push(u32::from_be_bytes(timestamp));
        one.at.push(clock::now());
    }
    came
}

/// Speaks into all calls by one clock; returns how many frames.
async fn speak(legs: &mut [Leg], frames: usize) {
    let mut downlink = Downlink::new(DownlinkConfig::new(Codec::Pcmu));
    let mut ticker = clock::ticker(media::FRAME_TIME);
    for _ in 0..frames {
        ticker.tick().await;
        let packet = downlink.tick().packet;
        for leg in legs.iter_mut() {
            let _ = leg.commands.try_send(LegCommand::Packet(packet));
            while leg.events.try_recv().is_ok() {}
        }
    }
}

/// Sends ten thousand packets a second to a port.
async fn flood(port: u16) {
    let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a socket");
    let mut ticker = clock::ticker(ms(5));
    let mut packet = [0_u8; 172];
    packet[0] = 0x80;
    for n in 0_u64.. {
        if n % 50 == 0 {
            ticker.tick().await;
        }
        packet[8..16].copy_from_slice(&n.to_be_bytes());
        let _ = socket.try_send_to(&packet, SocketAddr::from(([127, 0, 0, 1], port)));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_calls_keep_their_pace_while_one_is_flooded() {
    const FRAMES: usize = 150;
    let sink = std::net::UdpSocket::bind("127.0.0.1:0").expect("a socket");
    let port = sink.local_addr().expect("an address").port().to_string();
    let sipp = Sipp::called("answer", 100, &[("media_port", &port)]);
    let mut set = options(vec![trunk(sipp.port)]);
    // Patience for a machine that does much else.
    set.t1 = ms(250);
    let line = SipLine::new(set).expect("a line");
    let mut legs = Vec::new();
    for _ in 0..100 {
        legs.push(line.dial(request()).await.expect("a leg"));
    }
    for leg in &mut legs {
        let answered =
            async { while !matches!(leg.events.recv().await, Some(LegEvent::Answered) | None) {} };
        assert!(
            clock::timeout(ms(20_000), answered).await.is_some(),
            "no answer"
        );
    }
    let (first, flooded) = oneshot::channel();
    let gathering = tokio::task::spawn_blocking(move || gather(sink, first));
    speak(&mut legs, 1).await;
    let flooding = tokio::spawn(flood(flooded.await.expect("a port")));
    speak(&mut legs, FRAMES).await;
    assert!(!flooding.is_finished());
    flooding.abort();
    let came = gathering.await.expect("it is gathered");
    assert_eq!(came.len(), 100);
    let (mut gaps, mut missed, mut all) = (Vec::new(), 0, 0);
    for (port, one) in &came {
        // Nothing is said twice or out of order. The sink itself may miss some where the machine is busy.
        let steps = one
            .sequences
            .windows(2)
            .map(|pair| pair[1].wrapping_sub(pair[0]));
        assert!(steps.clone().all(|step| (1..50).contains(&step)), "{port}");
        missed += steps.map(|step| u64::from(step - 1)).sum::<u64>();
        all += one.sequences.len() as u64;
        for pair in one.timestamps.windows(2) {
            assert_eq!(pair[1].wrapping_sub(pair[0]) % 160, 0, "{port}");
        }
        gaps.extend(one.at.windows(2).skip(1).map(|pair| pair[1] - pair[0]));
    }
    assert!(all > 90 * FRAMES as u64, "{all}");
    assert!(missed * 50 < all, "{missed} of {all}");
    gaps.sort();
    let median = gaps[gaps.len() / 2];
    assert!((ms(17)..=ms(23)).contains(&median), "{median:?}");
    drop(legs);
    line.settle().await;
    sipp.done().await;
    assert_eq!(line.remembered(), 0);
}

/// Messages after RFC 4475, one a file: each gets an answer or silence, and the line goes on.
#[tokio::test]
async fn messages_that_torture_parsers_do_no_harm() {
    let mut set = options(Vec::new());
    set.peers = vec!["127.0.0.0/8".parse().expect("a network")];
    set.takes_calls = true;
    let line = SipLine::new(set).expect("a line");
    let _incoming = line.incoming().expect("it takes calls");
    let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a socket");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sip/torture");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .expect("messages")
        .map(|file| std::fs::read_to_string(file.expect("a file").path()).expect("a message"))
        .collect();
    files.sort();
    assert!(files.len() >= 12);
    let mut random = fastrand::Rng::with_seed(4475);
    for text in &files {
        let whole = text.replace('\n', "\r\n").into_bytes();
        socket
            .send_to(&whole, line.local())
            .await
            .expect("it is sent");
        for _ in 0..40 {
            let mut broken = whole.clone();
            for _ in 0..random.usize(1..4) {
                let at = random.usize(..broken.len());
                match random.u8(..3) {
                    0 => broken[at] = random.u8(..),
                    1 => drop(broken.remove(at)),
                    _ => broken.truncate(at + 1),
                }
            }
            socket
                .send_to(&broken, line.local())
                .await
                .expect("it is sent");
        }
        clock::sleep(ms(5)).await;
    }
    // Whatever was made of all that, a question is still answered.
    let port = socket.local_addr().expect("an address").port();
    let question = format!(
        "OPTIONS sip:100@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:{port};rport;branch=z9hG4bKlast\r\n\
         From: <sip:a@127.0.0.1>;tag=1\r\nTo: <sip:100@127.0.0.1>\r\nCall-ID: the-last-one\r\nCSeq: 1 OPTIONS\r\n\
         Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
    );
    socket
        .send_to(question.as_bytes(), line.local())
        .await
        .expect("it is sent");
    let mut bytes = [0; 65_536];
    let answered = clock::timeout(ms(5_000), async {
        loop {
            let (length, _) = socket.recv_from(&mut bytes).await.expect("an answer");
            let text = String::from_utf8_lossy(&bytes[..length]);
            if text.contains("the-last-one") {
                return text.starts_with("SIP/2.0 200");
            }
        }
    });
    assert_eq!(answered.await, Some(true));
}
