//! A telephone that we did not write: baresip, as a process, in each codec, encrypted, with its keys and its hold. In
//! real time, with as much of SIP as it takes.

use std::{
    fmt::Write as _,
    io::{Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket},
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use media::{Codec, FRAME_TIME, Resampler, wav};
use tempfile::TempDir;

use super::{
    super::{Ports, Srtp},
    phone::{Phone, likeness, options, range, speech},
};
use crate::{driver::clock, line::LegCommand};

/// The process and the socket over which it is told what to do and tells what happens.
struct Baresip {
    child: Child,
    control: Option<TcpStream>,
    control_port: u16,
    sip: SocketAddr,
    told: String,
    folder: TempDir,
}

impl Drop for Baresip {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free_port() -> u16 {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    socket.local_addr().unwrap().port()
}

impl Baresip {
    /// Starts it with these settings of its account; it plays a recording when it is called or calls.
    fn start(account: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        // It hangs up where the file ends.
        let samples = [speech(), vec![0; 8_000 * 40]].concat();
        let format = wav::Format {
            channels: 1,
            rate: 8_000,
        };
        let header = wav::header(format, 2 * samples.len() as u64);
        let bytes = samples.iter().flat_map(|sample| sample.to_le_bytes());
        let file: Vec<u8> = header.into_iter().chain(bytes).collect();
        std::fs::write(path("said.wav"), file).unwrap();
        let (sip_port, control_port) = (free_port(), free_port());
        let rtp = *range().start() + 4_000;
        let shown = folder.path().display();
        let config = format!(
            "sip_listen 127.0.0.1:{sip_port}\naudio_player aubridge,nil\naudio_source aufile,{shown}/said.wav\n\
             audio_alert aubridge,nil\nausrc_srate 8000\nausrc_channels 1\nrtp_ports {rtp}-{}\n\
             module_path /usr/lib/baresip/modules\nmodule g711.so\nmodule g722.so\nmodule opus.so\nmodule aufile.so\n\
             module aubridge.so\nmodule sndfile.so\nmodule srtp.so\nmodule_tmp account.so\nmodule_app menu.so\n\
             module_app ctrl_tcp.so\nctrl_tcp_listen 127.0.0.1:{control_port}\nsnd_path {shown}\n",
            rtp + 18
        );
        std::fs::write(path("config"), config).unwrap();
        let account = format!("<sip:phone@127.0.0.1>;regint=0;answermode=auto;{account}\n");
        std::fs::write(path("accounts"), account).unwrap();
        std::fs::write(path("contacts"), "").unwrap();
        let log = std::fs::File::create(path("log")).unwrap();
        let child = Command::new("baresip")
            .arg("-f")
            .arg(folder.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .expect("baresip is installed by `scripts/setup test`");
        Self {
            child,
            control: None,
            control_port,
            sip: (Ipv4Addr::LOCALHOST, sip_port).into(),
            told: String::new(),
            folder,
        }
    }

    /// Waits until it listens.
    async fn ready(&mut self) {
        for _ in 0..500 {
            if let Ok(control) = TcpStream::connect((Ipv4Addr::LOCALHOST, self.control_port)) {
                control.set_nonblocking(true).unwrap();
                self.control = Some(control);
                return;
            }
            clock::sleep(FRAME_TIME).await;
        }
        panic!("baresip does not listen: {}", self.log());
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    fn command(&mut self, command: &str, parameters: &str) {
        let json = format!(r#"{{"command":"{command}","params":"{parameters}"}}"#);
        let control = self.control.as_mut().unwrap();
        write!(control, "{}:{json},", json.len()).unwrap();
    }

    /// Reads what it has told since.
    fn listen(&mut self) {
        let mut bytes = [0; 4_096];
        while let Ok(length @ 1..) = self.control.as_mut().unwrap().read(&mut bytes) {
            self.told
                .push_str(&String::from_utf8_lossy(&bytes[..length]));
        }
    }

    /// The keys that it was pressed, as it tells.
    fn keys(&self) -> String {
        let events = self.told.split("CALL_DTMF_START").skip(1);
        events
            .filter_map(|event| event.split(r#""param":""#).nth(1)?.chars().next())
            .collect()
    }

    /// Ends it and returns what it heard, at 8 kHz.
    async fn heard(mut self) -> Vec<i16> {
        self.command("quit", "");
        for _ in 0..200 {
            clock::sleep(FRAME_TIME).await;
            if self.child.try_wait().unwrap().is_some() {
                break;
            }
        }
        let files = std::fs::read_dir(self.folder.path()).unwrap();
        let paths = files.map(|file| file.unwrap().path());
        let is_heard = |path: &PathBuf| path.to_string_lossy().ends_with("-dec.wav");
        let path = paths.filter(is_heard).max();
        let path = path.unwrap_or_else(|| panic!("nothing was heard: {}", self.log()));
        let sound = wav::read(&std::fs::read(path).unwrap()).unwrap();
        let mut heard = Vec::new();
        let mut resampler = Resampler::new(sound.rate, 8_000).unwrap();
        resampler.process(&sound.samples, |ready| heard.extend_from_slice(ready));
        heard
    }
}

/// A call between it and a session of ours.
struct Call {
    phone: Phone,
    peer: Baresip,
    socket: UdpSocket,
    ticker: clock::Ticker,
    /// Headers of a dialog of ours: To, with the peer's tag.
    to: String,
    established: bool,
    offers: u32,
}

/// Returns a header's value.
fn header<'a>(message: &'a str, name: &str) -> &'a str {
    let lines = message
        .lines()
        .map_while(|line| (!line.is_empty()).then_some(line));
    let values = lines.filter_map(|line| line.split_once(':'));
    let mut found = values.filter(|(known, _)| known.eq_ignore_ascii_case(name));
    found.next().map_or("", |(_, value)| value.trim())
}

fn body(message: &str) -> &str {
    message.split_once("\r\n\r\n").map_or("", |(_, body)| body)
}

impl Call {
    async fn new(account: &str, codecs: &[Codec], srtp: Srtp) -> Self {
        let mut peer = Baresip::start(account);
        peer.ready().await;
        let ports = Ports::new(Ipv4Addr::LOCALHOST.into(), range());
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        socket.set_nonblocking(true).unwrap();
        Self {
            phone: Phone::new(&ports, &options(codecs, srtp)),
            to: format!("<sip:phone@{}>", peer.sip),
            peer,
            socket,
            ticker: clock::ticker(FRAME_TIME),
            established: false,
            offers: 0,
        }
    }

    fn own(&self) -> SocketAddr {
        self.socket.local_addr().unwrap()
    }

    fn request(&self, method: &str, sequence: u32, body: &str) {
        let (own, sip) = (self.own(), self.peer.sip);
        let mut text = format!(
            "{method} sip:phone@{sip} SIP/2.0\r\nVia: SIP/2.0/UDP {own};branch=z9hG4bK{method}{sequence};rport\r\n\
             Max-Forwards: 70\r\nFrom: <sip:agent@{own}>;tag=ours\r\nTo: {}\r\nCall-ID: call@{own}\r\n\
             CSeq: {sequence} {method}\r\nContact: <sip:agent@{own}>\r\n",
            self.to
        );
        if !body.is_empty() {
            text.push_str("Content-Type: application/sdp\r\n");
        }
        write!(text, "Content-Length: {}\r\n\r\n{body}", body.len()).unwrap();
        self.socket.send_to(text.as_bytes(), sip).unwrap();
    }

    /// We call it.
    async fn dial(&mut self) {
        let offer = self.phone.session.offer();
        self.request("INVITE", 1, &offer);
        self.until_established().await;
    }

    /// It calls us.
    async fn be_dialed(&mut self) {
        let target = format!("sip:agent@{}", self.own());
        self.peer.command("dial", &target);
        self.until_established().await;
    }

    async fn until_established(&mut self) {
        for _ in 0..250 {
            self.pass(1).await;
            if self.established {
                return;
            }
        }
        panic!("no call came about: {}", self.peer.log());
    }

    /// Waits, up to 10 s, until the peer has made so many offers.
    async fn until_offers(&mut self, offers: u32) {
        for _ in 0..500 {
            if self.offers == offers {
                return;
            }
            self.pass(1).await;
        }
        panic!("{} offers: {}", self.offers, self.peer.log());
    }

    /// Lets 20 ms pass as often as told.
    async fn pass(&mut self, frames: usize) {
        for _ in 0..frames {
            let now = self.ticker.tick().await;
            self.phone.speak();
            self.phone.take(now);
            self.phone.hear(now);
            self.peer.listen();
            let mut bytes = [0; 4_096];
            while let Ok((length, from)) = self.socket.recv_from(&mut bytes) {
                let message = String::from_utf8_lossy(&bytes[..length]).into_owned();
                self.on_message(&message, from).await;
            }
        }
    }

    async fn on_message(&mut self, message: &str, from: SocketAddr) {
        let (method, _) = message.split_once(' ').unwrap();
        match method {
            "SIP/2.0" if message.starts_with("SIP/2.0 200") && !self.established => {
                self.to = header(message, "To").to_owned();
                self.request("ACK", 1, "");
                self.phone.session.accept(body(message)).await.unwrap();
                self.established();
            }
            "SIP/2.0" => assert!(
                message.starts_with("SIP/2.0 1") || self.established,
                "{message}"
            ),
            "ACK" => self.established(),
            _ => {
                let answer = match method {
                    "INVITE" => {
                        self.offers += 1;
                        self.phone.session.answer(body(message)).await.unwrap()
                    }
                    _ => String::new(),
                };
                let to = header(message, "To");
                let tag = if to.contains("tag=") { "" } else { ";tag=ours" };
                let mut text = format!("SIP/2.0 200 OK\r\nTo: {to}{tag}\r\n");
                for name in ["Via", "From", "Call-ID", "CSeq"] {
                    write!(text, "{name}: {}\r\n", header(message, name)).unwrap();
                }
                write!(
                    text,
                    "Contact: <sip:agent@{}>\r\nContent-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{answer}",
                    self.own(),
                    answer.len()
                )
                .unwrap();
                self.socket.send_to(text.as_bytes(), from).unwrap();
            }
        }
    }

    fn established(&mut self) {
        self.established = true;
        self.phone.session.answered();
    }

    /// Says the recording; returns how much of it came there, and of the peer's here.
    async fn exchange(mut self) -> (f64, f64) {
        let said = speech();
        self.phone.say(&said);
        self.pass(said.len() / 160 + 50).await;
        let here = likeness(&said, &self.phone.heard);
        let heard = self.peer.heard().await;
        (likeness(&said, &heard), here)
    }
}

/// Calls it in one codec; each side has to hear what the other said.
async fn talk(account: &str, codec: Codec, srtp: Srtp, least: f64) {
    let mut call = Call::new(account, &[codec], srtp).await;
    call.dial().await;
    assert_eq!(call.phone.codec, codec);
    let encrypted = call.phone.session.agreed().unwrap().keys.is_some();
    assert_eq!(encrypted, srtp != Srtp::Disabled);
    let (there, here) = call.exchange().await;
    assert!(there > least && here > least, "{codec:?}: {there} {here}");
}

#[tokio::test]
async fn baresip_talks_pcmu() {
    talk("audio_codecs=PCMU/8000/1", Codec::Pcmu, Srtp::Disabled, 0.9).await;
}

#[tokio::test]
async fn baresip_talks_pcma_encrypted() {
    let account = "audio_codecs=PCMA/8000/1;mediaenc=srtp-mand";
    talk(account, Codec::Pcma, Srtp::Required, 0.9).await;
}

#[tokio::test]
async fn baresip_talks_g722() {
    talk(
        "audio_codecs=G722/16000/1",
        Codec::G722,
        Srtp::Disabled,
        0.85,
    )
    .await;
}

#[tokio::test]
async fn baresip_talks_opus_encrypted_where_it_can() {
    let account = "audio_codecs=opus/48000/2;mediaenc=srtp";
    talk(account, Codec::Opus, Srtp::Allowed, 0.75).await;
}

#[tokio::test]
async fn baresip_presses_keys_and_holds() {
    let codecs = [Codec::Pcma, Codec::Pcmu];
    let mut call = Call::new("audio_codecs=PCMU/8000/1", &codecs, Srtp::Allowed).await;
    call.be_dialed().await;
    assert_eq!(call.phone.codec, Codec::Pcmu);
    call.pass(10).await;
    for key in ["5", "#"] {
        call.peer.command("sndcode", key);
        call.pass(25).await;
    }
    let press = LegCommand::PressKeys("1*8".into());
    call.phone.leg.commands.try_send(press).unwrap();
    for _ in 0..300 {
        call.pass(1).await;
        if call.peer.keys().len() == 3 && call.phone.pressed.len() == 2 {
            break;
        }
    }
    assert_eq!(call.phone.pressed, "5#");
    assert_eq!(call.peer.keys(), "1*8", "{}", call.peer.told);
    call.peer.command("hold", "");
    call.until_offers(2).await;
    call.pass(60).await;
    assert!(call.phone.session.is_held());
    let sent = call.phone.session.quality().sent;
    call.pass(70).await;
    assert_eq!(
        call.phone.session.quality().sent,
        sent,
        "nothing is sent on hold"
    );
    call.peer.command("resume", "");
    call.until_offers(3).await;
    call.pass(20).await;
    assert!(!call.phone.session.is_held());
    let sent = call.phone.session.quality().sent;
    call.pass(110).await;
    assert!(call.phone.session.quality().sent > sent + 40);
}
