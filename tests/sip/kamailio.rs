//! A real registrar and proxy between us and the telephone: registration with a digest, calls through it with another,
//! and calls that reach us because we are registered.

use std::process::Stdio;

use agentphone::{
    driver::clock,
    line::{
        DialRequest, Line,
        sip::{SipLine, Standing},
    },
};
use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};

use super::rig::{Sipp, call, follow, free_port, ms, options, request, trunk};

/// A running Kamailio.
pub(crate) struct Kamailio {
    child: Child,
    _folder: tempfile::TempDir,
    pub(crate) port: u16,
}

impl Kamailio {
    /// Starts one that sends calls to telephones to the port `next`, and asks for passwords by an algorithm.
    pub(crate) fn start(next: u16, algorithm: &str) -> Self {
        let port = free_port();
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("kamailio.cfg");
        let text = include_str!("kamailio.cfg")
            .replace("@PORT@", &port.to_string())
            .replace("@NEXT@", &next.to_string())
            .replace("@ALGORITHM@", algorithm);
        std::fs::write(&file, text).expect("the configuration is written");
        let child = Command::new("kamailio")
            .args(["-DD", "-E", "-m", "16", "-M", "4", "-f"])
            .arg(&file)
            .args(["-Y".as_ref(), folder.path()])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("kamailio; scripts/setup test installs it");
        Self {
            child,
            _folder: folder,
            port,
        }
    }

    /// Waits until it answers.
    pub(crate) async fn ready(&self) {
        let socket = tokio::net::UdpSocket::bind("127.0.0.1:0")
            .await
            .expect("a socket");
        let own = socket.local_addr().expect("an address");
        for n in 0..100 {
            let question = format!(
                "OPTIONS sip:127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP {own};branch=z9hG4bK{n}\r\nFrom: <sip:a@{own}>;tag=1\r\n\
                 To: <sip:127.0.0.1>\r\nCall-ID: ready-{n}\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\n\
                 Content-Length: 0\r\n\r\n"
            );
            let _ = socket
                .send_to(question.as_bytes(), ("127.0.0.1", self.port))
                .await;
            let answer = clock::timeout(ms(100), socket.recv(&mut [0; 2_048])).await;
            if matches!(answer, Some(Ok(_))) {
                return;
            }
            clock::sleep(ms(50)).await;
        }
        panic!("kamailio does not answer");
    }
}

impl Drop for Kamailio {
    fn drop(&mut self) {
        // It has processes of its own, which it takes along when it is asked to end.
        if let Some(pid) = self.child.id().and_then(|id| Pid::from_raw(id as i32)) {
            let _ = kill_process(pid, Signal::TERM);
        }
    }
}

async fn registered(line: &SipLine) {
    for _ in 0..100 {
        if line.standing("acme") == Standing::Registered {
            return;
        }
        clock::sleep(ms(100)).await;
    }
    panic!("{:?}", line.standing("acme"));
}

#[tokio::test]
async fn calls_go_through_a_proxy_that_wants_a_digest_and_come_in_by_registration() {
    for algorithm in ["MD5", "SHA-256"] {
        let sipp = Sipp::called("answer", 1, &[]);
        let kamailio = Kamailio::start(sipp.port, algorithm);
        let mut trunk = trunk(kamailio.port);
        trunk.register = Some(std::time::Duration::from_secs(60));
        let mut options = options(vec![trunk]);
        options.takes_calls = true;
        let line = SipLine::new(options).expect("a line");
        let mut incoming = line.incoming().expect("it takes calls");
        registered(&line).await;

        let followed = call(&line, request()).await;
        assert_eq!(
            (followed.ringing, followed.answered, followed.failed),
            (1, 1, None),
            "{algorithm} {followed:?}"
        );

        let caller = Sipp::start(
            "calls",
            1,
            free_port(),
            &[
                format!("127.0.0.1:{}", kamailio.port),
                "-s".into(),
                "alice".into(),
            ],
        );
        let came = incoming.recv().await.expect("a call");
        let request = DialRequest {
            incoming: Some(came.id.clone()),
            ..DialRequest::default()
        };
        came.take.send(true).expect("it waits");
        let leg = line.dial(request).await.expect("a leg");
        let followed = follow(leg, ms(20_000)).await;
        assert_eq!(
            (followed.answered, followed.hung_up),
            (1, true),
            "{algorithm} {followed:?}"
        );
        caller.done().await;
        line.settle().await;
        sipp.done().await;
        assert_eq!(line.remembered(), 0);
    }
}

#[tokio::test]
async fn a_wrong_password_is_said_to_be_one() {
    let kamailio = Kamailio::start(free_port(), "MD5");
    let mut trunk = trunk(kamailio.port);
    trunk.register = Some(std::time::Duration::from_secs(60));
    trunk.login.as_mut().expect("a login").password = "wrong".into();
    let line = SipLine::new(options(vec![trunk])).expect("a line");
    for _ in 0..100 {
        if let Standing::Refused(why) = line.standing("acme")
            && why.contains("password")
        {
            return;
        }
        clock::sleep(ms(100)).await;
    }
    panic!("{:?}", line.standing("acme"));
}
