//! A line, and peers to call: `sipp` with one of the scenarios beside this file.

use std::{
    net::{SocketAddr, UdpSocket},
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use agentphone::{
    driver::clock,
    line::{
        Cause, DialRequest, Leg, LegCommand, LegEvent, Line,
        rtp::{Limits, Srtp},
        sip::{self, Login, Options, SipLine, Sound, Tls, Trunk},
    },
};
use call::Failure;
use rsipstack::sip::Transport;
use tokio::process::{Child, Command};

/// Whom these calls are to.
pub(crate) const TO: &str = "+14155551234";
/// From where.
pub(crate) const FROM: &str = "+14155550100";
/// No call of these tests lasts longer.
const LONGEST: Duration = Duration::from_secs(30);

pub(crate) fn ms(count: u64) -> Duration {
    Duration::from_millis(count)
}

/// Returns a port that nobody has now.
pub(crate) fn free_port() -> u16 {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a free port");
    socket.local_addr().expect("an address").port()
}

/// Returns a trunk at a port of this machine.
pub(crate) fn trunk(port: u16) -> Trunk {
    Trunk {
        name: "acme".into(),
        host: "127.0.0.1".into(),
        port: Some(port),
        transport: Transport::Udp,
        domain: format!("127.0.0.1:{port}"),
        proxy: None,
        login: Some(Login {
            user: "alice".into(),
            password: "s3cret".into(),
        }),
        numbers: vec![FROM.into()],
        register: None,
        max_calls: None,
        calls_per_second: None,
        keep_alive: None,
        asserted_identity: false,
        without_plus: false,
    }
}

/// Returns how a line with these trunks is set up: nobody's calls are taken, and what is lost is repeated fast.
pub(crate) fn options(trunks: Vec<Trunk>) -> Options {
    Options {
        listen: "127.0.0.1:0".parse().expect("an address"),
        public_address: None,
        name_servers: Vec::new(),
        tls: Tls::default(),
        trunks,
        peers: Vec::new(),
        incoming_numbers: Vec::new(),
        takes_calls: false,
        sound: Sound {
            ports: 20_000..=29_999,
            codecs: vec![media::Codec::Pcmu],
            srtp: Srtp::Disabled,
            limits: Limits::default(),
        },
        session_interval: Duration::from_secs(1800),
        least_session: sip::SHORTEST_SESSION,
        t1: ms(50),
    }
}

pub(crate) fn line(trunks: Vec<Trunk>) -> SipLine {
    SipLine::new(options(trunks)).expect("a line")
}

pub(crate) fn request() -> DialRequest {
    DialRequest {
        to: TO.into(),
        ring_timeout: Duration::from_secs(10),
        ..DialRequest::default()
    }
}

/// What came of a call.
#[derive(Debug, Default)]
pub(crate) struct Followed {
    pub(crate) ringing: usize,
    pub(crate) answered: usize,
    pub(crate) packets: usize,
    pub(crate) keys: String,
    pub(crate) because: Option<Cause>,
    pub(crate) failed: Option<Failure>,
    pub(crate) hung_up: bool,
}

impl Followed {
    /// Asserts that it was answered, once, and did not fail.
    #[track_caller]
    pub(crate) fn was_answered(&self) {
        assert_eq!((self.answered, self.failed), (1, None), "{self:?}");
    }

    /// The kind of failure, whether the carrier is at fault, and the sentence.
    pub(crate) fn failure(&self) -> (Failure, bool, &str) {
        let because = self.because.as_ref().expect("a sentence");
        (
            self.failed.expect("a failure"),
            because.carrier,
            &because.sentence,
        )
    }
}

/// Follows a call to its end; so long after it was answered, it is hung up.
pub(crate) async fn follow(mut leg: Leg, talk: Duration) -> Followed {
    let mut followed = Followed::default();
    let end = clock::now() + LONGEST;
    let mut hang_up = None;
    loop {
        let until = hang_up.unwrap_or(end);
        tokio::select! {
            event = leg.events.recv() => match event {
                Some(LegEvent::Ringing) => followed.ringing += 1,
                Some(LegEvent::Answered) => {
                    followed.answered += 1;
                    hang_up = Some(clock::now() + talk);
                }
                Some(LegEvent::Packet(_)) => followed.packets += 1,
                Some(LegEvent::Dtmf(key)) => followed.keys.push(key),
                Some(LegEvent::Because(cause)) => followed.because = Some(cause),
                Some(LegEvent::Failed(failure)) => followed.failed = Some(failure),
                Some(LegEvent::HungUp) => followed.hung_up = true,
                Some(_) => {}
                None => return followed,
            },
            () = clock::sleep_until(until) => {
                assert!(hang_up.take().is_some(), "the call does not end: {followed:?}");
                let _ = leg.commands.send(LegCommand::HangUp).await;
            }
        }
    }
}

/// Makes a call and follows it to its end.
pub(crate) async fn call(line: &SipLine, request: DialRequest) -> Followed {
    let leg = line.dial(request).await.expect("a leg");
    follow(leg, ms(300)).await
}

/// Makes a call and follows it in a task of its own; it is hung up so long after its answer.
pub(crate) async fn calling(line: &SipLine, talk: Duration) -> tokio::task::JoinHandle<Followed> {
    let leg = line.dial(request()).await.expect("a leg");
    tokio::spawn(follow(leg, talk))
}

/// A running `sipp`.
pub(crate) struct Sipp {
    child: Child,
    folder: tempfile::TempDir,
    pub(crate) port: u16,
}

pub(crate) fn scenario(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/sip/scenarios")
        .join(format!("{name}.xml"))
}

impl Sipp {
    /// Starts a called side that plays a scenario for so many calls.
    pub(crate) fn called(name: &str, calls: usize, keys: &[(&str, &str)]) -> Self {
        Self::with_keys(name, calls, free_port(), &[], keys)
    }

    /// Starts a calling side that calls the line.
    pub(crate) fn calling(name: &str, to: SocketAddr, calls: usize, rate: usize) -> Self {
        let args = [
            to.to_string(),
            "-s".into(),
            FROM.into(),
            "-r".into(),
            rate.to_string(),
        ];
        Self::start(name, calls, free_port(), &args)
    }

    pub(crate) fn start(name: &str, calls: usize, port: u16, args: &[String]) -> Self {
        Self::with_keys(name, calls, port, args, &[])
    }

    /// `keys` are filled into the scenario, since sipp itself does not do so everywhere.
    pub(crate) fn with_keys(
        name: &str,
        calls: usize,
        port: u16,
        args: &[String],
        keys: &[(&str, &str)],
    ) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mut text = std::fs::read_to_string(scenario(name)).expect("a scenario");
        for (key, value) in keys {
            text = text.replace(&format!("[{key}]"), value);
        }
        let file = folder.path().join(format!("{name}.xml"));
        std::fs::write(&file, text).expect("the scenario is written");
        let child = Command::new("sipp")
            .arg("-sf")
            .arg(file)
            .args([
                "-i",
                "127.0.0.1",
                "-nostdin",
                "-timeout",
                "30",
                "-timeout_error",
            ])
            .args(["-trace_err", "-default_behaviors", "all,-bye"])
            .args(["-m", &calls.to_string(), "-p", &port.to_string()])
            .args(args)
            .current_dir(folder.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("sipp; scripts/setup test installs it");
        Self {
            child,
            folder,
            port,
        }
    }

    /// Waits until it has played its scenario for all calls, and sees that it went as written.
    pub(crate) async fn done(mut self) {
        let status = clock::timeout(LONGEST, self.child.wait()).await;
        let status = status.expect("sipp ends").expect("sipp ran");
        assert!(status.success(), "{status}: {}", self.errors());
    }

    fn errors(&self) -> String {
        let files = std::fs::read_dir(self.folder.path()).expect("a folder");
        let errors = files
            .flatten()
            .filter(|file| file.file_name().to_string_lossy().contains("errors"));
        errors
            .map(|file| std::fs::read_to_string(file.path()).unwrap_or_default())
            .collect()
    }
}
