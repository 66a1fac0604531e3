//! Where a trunk is, as a name server says it: several targets, their order, and what becomes of a call when the first
//! of them is dead or refuses.

use std::{
    collections::HashMap,
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use agentphone::{
    driver::clock,
    line::{
        Line,
        sip::{Dns, NameServers, Options, SipLine},
    },
};
use hickory_resolver::proto::{
    op::{Message, OpCode, ResponseCode},
    rr::{
        Name, RData, Record, RecordType,
        rdata::{A, SRV},
    },
};
use rsipstack::sip::Transport;
use tokio::net::UdpSocket;

use super::rig::{Sipp, call, free_port, options, request, trunk};

/// A name server that knows the targets of one trunk, each at 127.0.0.1 under a name of its own: priority, weight, port.
async fn name_server(service: &'static str, targets: &[(u16, u16, u16)]) -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a socket");
    let at = socket.local_addr().expect("an address");
    let targets = targets.to_vec();
    tokio::spawn(async move {
        let mut bytes = [0; 1_500];
        while let Ok((length, from)) = socket.recv_from(&mut bytes).await {
            let asked = Message::from_vec(&bytes[..length]).expect("a question");
            let query = asked.queries.first().expect("a question").clone();
            let mut answer = Message::response(asked.metadata.id, OpCode::Query);
            answer.metadata.response_code = ResponseCode::NXDomain;
            let name = query.name().to_ascii();
            let found: Vec<RData> = match query.query_type() {
                RecordType::SRV if name == format!("{service}.trunk.example.") => targets
                    .iter()
                    .map(|(priority, weight, port)| {
                        let target =
                            Name::from_ascii(format!("at{port}.example.")).expect("a name");
                        RData::SRV(SRV::new(*priority, *weight, *port, target))
                    })
                    .collect(),
                RecordType::A if name.starts_with("at") => vec![RData::A(A(Ipv4Addr::LOCALHOST))],
                _ => Vec::new(),
            };
            if !found.is_empty() || name.starts_with("at") {
                answer.metadata.response_code = ResponseCode::NoError;
            }
            for data in found {
                answer.add_answer(Record::from_rdata(query.name().clone(), 60, data));
            }
            answer.add_query(query);
            let bytes = answer.to_vec().expect("an answer");
            socket.send_to(&bytes, from).await.expect("it is sent");
        }
    });
    at
}

/// A line whose only trunk is found by that name server.
fn line(name_server: SocketAddr, transport: Transport) -> SipLine {
    let mut trunk = trunk(0);
    trunk.host = "trunk.example".into();
    trunk.domain = "trunk.example".into();
    trunk.port = None;
    trunk.transport = transport;
    let set = Options {
        name_servers: vec![name_server],
        ..options(vec![trunk])
    };
    SipLine::new(set).expect("a line")
}

#[tokio::test]
async fn the_target_that_comes_first_gets_the_calls() {
    let (first, second) = (Sipp::called("answer", 1, &[]), free_port());
    let server = name_server("_sip._udp", &[(20, 0, second), (10, 0, first.port)]).await;
    let line = line(server, Transport::Udp);
    let followed = call(&line, request()).await;
    followed.was_answered();
    line.settle().await;
    first.done().await;
}

#[tokio::test]
async fn where_the_first_target_is_dead_or_refuses_the_next_one_gets_the_call() {
    for dead in [true, false] {
        let refuses = (!dead).then(|| {
            let said = [
                ("status", "503"),
                ("phrase", "Service Unavailable"),
                ("extra", "Retry-After: 5"),
            ];
            Sipp::called("refuse", 1, &said)
        });
        let first = refuses.as_ref().map_or_else(free_port, |sipp| sipp.port);
        let second = Sipp::called("answer", 2, &[]);
        let server = name_server("_sip._udp", &[(10, 0, first), (20, 0, second.port)]).await;
        let line = line(server, Transport::Udp);
        // The second call does not go to the first target again.
        for _ in 0..2 {
            let followed = call(&line, request()).await;
            followed.was_answered();
        }
        line.settle().await;
        second.done().await;
        if let Some(sipp) = refuses {
            sipp.done().await;
        }
    }
}

#[tokio::test]
async fn weights_say_how_often_a_target_comes_first() {
    let server = name_server(
        "_sips._tcp",
        &[(1, 90, 7_001), (1, 10, 7_002), (2, 0, 7_003)],
    )
    .await;
    let names = NameServers::at(&[server]);
    let mut first = HashMap::<u16, u32>::new();
    for _ in 0..400 {
        let found = names.look_up("trunk.example", None, Transport::Tls).await;
        let ports: Vec<_> = found
            .expect("targets")
            .iter()
            .map(SocketAddr::port)
            .collect();
        assert_eq!((ports.len(), ports[2]), (3, 7_003), "{ports:?}");
        *first.entry(ports[0]).or_default() += 1;
    }
    // Ninety of a hundred, give or take what chance makes of four hundred: eight times its spread.
    let often = first.get(&7_001).copied().unwrap_or_default();
    assert!((310..=399).contains(&often), "{first:?}");
}

#[tokio::test]
async fn a_name_that_nobody_knows_and_a_name_server_that_is_silent_are_told_apart() {
    let server = name_server("_sip._udp", &[]).await;
    let names = NameServers::at(&[server]);
    let found = names.look_up("trunk.example", None, Transport::Udp).await;
    assert!(found.is_err(), "{found:?}");
    let with_port = names
        .look_up("at7.example", Some(5_080), Transport::Udp)
        .await;
    assert_eq!(
        with_port,
        Ok(vec![SocketAddr::from(([127, 0, 0, 1], 5_080))])
    );

    let silent = UdpSocket::bind("127.0.0.1:0").await.expect("a socket");
    let line = line(silent.local_addr().expect("an address"), Transport::Udp);
    let begun = clock::now();
    let followed = call(&line, request()).await;
    let (_, _, sentence) = followed.failure();
    assert!(
        sentence.contains("name server does not answer"),
        "{sentence}"
    );
    assert!(clock::now() - begun < Duration::from_secs(9));
}
