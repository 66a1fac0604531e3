//! A telephone that we did not write: baresip, as a process, calls and is called in each codec, encrypted, with its keys
//! and its hold. Judged by what each side heard of the other, after a resume as well.

use std::{
    io::{Read, Write},
    net::TcpStream,
    process::{Child, Command, Stdio},
};

use agentphone::{
    driver::clock,
    line::{
        DialRequest, LegCommand, Line,
        rtp::Srtp,
        sip::{Options, SipLine},
    },
};
use media::{Codec, Resampler, wav};
use tempfile::TempDir;

use super::{
    ears::{OURS, THEIRS, Talker, understood},
    rig::{TO, free_port, ms, options, request, trunk},
};

/// The process and the socket over which it is told what to do and tells what happens.
struct Baresip {
    child: Child,
    control: Option<TcpStream>,
    control_port: u16,
    sip_port: u16,
    told: String,
    folder: TempDir,
}

impl Drop for Baresip {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Baresip {
    /// Starts it with these settings of its account; it says the same again and again, from a file with so many samples a
    /// second: its own way from fewer to more makes words hard to understand.
    async fn start(account: &str, rate: u32) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name);
        // It hangs up where the file ends.
        let mut samples = Vec::new();
        let mut resampler = Resampler::new(8_000, rate).expect("rates");
        resampler.process(&THEIRS.samples().repeat(12), |ready| {
            samples.extend_from_slice(ready)
        });
        let format = wav::Format { channels: 1, rate };
        let header = wav::header(format, 2 * samples.len() as u64);
        let bytes = samples.iter().flat_map(|sample| sample.to_le_bytes());
        let file: Vec<u8> = header.into_iter().chain(bytes).collect();
        std::fs::write(path("said.wav"), file).expect("it is written");
        let (sip_port, control_port) = (free_pair(), free_port());
        let shown = folder.path().display();
        let config = format!(
            "sip_listen 127.0.0.1:{sip_port}\naudio_player aubridge,nil\naudio_source aufile,{shown}/said.wav\n\
             audio_alert aubridge,nil\nausrc_srate {rate}\nausrc_channels 1\nrtp_ports 30000-39998\n\
             module_path /usr/lib/baresip/modules\nmodule g711.so\nmodule g722.so\nmodule opus.so\nmodule aufile.so\n\
             module aubridge.so\nmodule sndfile.so\nmodule srtp.so\nmodule_tmp account.so\nmodule_app menu.so\n\
             module_app ctrl_tcp.so\nctrl_tcp_listen 127.0.0.1:{control_port}\nsnd_path {shown}\n"
        );
        std::fs::write(path("config"), config).expect("it is written");
        let account = format!("<sip:{TO}@127.0.0.1>;regint=0;answermode=auto;{account}\n");
        std::fs::write(path("accounts"), account).expect("it is written");
        std::fs::write(path("contacts"), "").expect("it is written");
        let log = std::fs::File::create(path("log")).expect("a file");
        let child = Command::new("baresip")
            .arg("-f")
            .arg(folder.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a file"))
            .stderr(log)
            .spawn()
            .expect("baresip; scripts/setup test installs it");
        let mut started = Self {
            child,
            control: None,
            control_port,
            sip_port,
            told: String::new(),
            folder,
        };
        started.ready().await;
        started
    }

    /// Waits until it listens.
    async fn ready(&mut self) {
        for _ in 0..500 {
            if let Ok(control) = TcpStream::connect(("127.0.0.1", self.control_port)) {
                control.set_nonblocking(true).expect("a socket");
                self.control = Some(control);
                return;
            }
            clock::sleep(ms(20)).await;
        }
        panic!("baresip does not listen: {}", self.log());
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    fn command(&mut self, command: &str, parameters: &str) {
        let json = format!(r#"{{"command":"{command}","params":"{parameters}"}}"#);
        let control = self.control.as_mut().expect("it listens");
        write!(control, "{}:{json},", json.len()).expect("it is told");
    }

    /// The keys that it was pressed, as it tells.
    fn keys(&mut self) -> String {
        let mut bytes = [0; 4_096];
        let control = self.control.as_mut().expect("it listens");
        while let Ok(length @ 1..) = control.read(&mut bytes) {
            self.told
                .push_str(&String::from_utf8_lossy(&bytes[..length]));
        }
        let events = self.told.split("CALL_DTMF_START").skip(1);
        let keys = events.filter_map(|event| event.split(r#""param":""#).nth(1)?.chars().next());
        keys.collect()
    }

    /// The bits a second that it sends and receives, as it shows.
    fn rates(&self) -> (u32, u32) {
        let log = self.log();
        let shown = log.rsplit("audio=").next().unwrap_or_default();
        let mut rates = shown
            .split(['/', ' '])
            .map(|rate| rate.parse().unwrap_or_default());
        (
            rates.next().unwrap_or_default(),
            rates.next().unwrap_or_default(),
        )
    }

    /// Ends it and returns what it heard, at 8 kHz. It keeps nothing any more after it held a call.
    async fn heard(mut self) -> Vec<i16> {
        self.command("quit", "");
        for _ in 0..200 {
            clock::sleep(ms(20)).await;
            if self.child.try_wait().expect("a process").is_some() {
                break;
            }
        }
        let files = std::fs::read_dir(self.folder.path()).expect("a folder");
        let mut paths: Vec<_> = files
            .map(|file| file.expect("a file").path())
            .filter(|path| path.to_string_lossy().ends_with("-dec.wav"))
            .collect();
        paths.sort();
        assert!(!paths.is_empty(), "nothing was heard: {}", self.log());
        let mut heard = Vec::new();
        for path in paths {
            let sound = wav::read(&std::fs::read(path).expect("a file")).expect("sound");
            let mut resampler = Resampler::new(sound.rate, 8_000).expect("rates");
            resampler.process(&sound.samples, |ready| heard.extend_from_slice(ready));
        }
        heard
    }
}

/// Returns a port which is free for SIP, with the next one for TLS, where baresip listens too.
fn free_pair() -> u16 {
    let is_free = |port: u16| {
        let at = ("127.0.0.1", port);
        std::net::UdpSocket::bind(at).is_ok() && std::net::TcpListener::bind(at).is_ok()
    };
    std::iter::repeat_with(free_port)
        .find(|port| is_free(*port) && is_free(port.saturating_add(1)))
        .expect("some pair is free")
}

/// A line that speaks these codecs, calls `peer` and takes its calls.
fn line(peer: &Baresip, codecs: &[Codec], srtp: Srtp) -> SipLine {
    let mut set = options(vec![trunk(peer.sip_port)]);
    set.sound.codecs = codecs.to_vec();
    set.sound.srtp = srtp;
    let set = Options {
        takes_calls: true,
        peers: vec!["127.0.0.0/8".parse().expect("a network")],
        ..set
    };
    SipLine::new(set).expect("a line")
}

/// Says something and listens long enough for both sides to have said all of it.
async fn both_talk(talker: &mut Talker) {
    // The jitter buffers learn the way first.
    talker.pass(25).await;
    talker.heard.clear();
    talker.say(&OURS.samples());
    let longest = OURS.samples().len().max(2 * THEIRS.samples().len());
    talker.pass(longest / media::FRAME + 25).await;
}

/// Calls it in one codec; each side has to understand what the other says.
async fn talk(account: &str, codec: Codec, srtp: Srtp) {
    let rate = if codec == Codec::G722 { 16_000 } else { 8_000 };
    let peer = Baresip::start(account, rate).await;
    let line = line(&peer, &[codec], srtp);
    let mut talker = Talker::new(line.dial(request()).await.expect("a leg"));
    talker.until("an answer", |talker| talker.answered).await;
    assert_eq!(talker.codec, codec);
    both_talk(&mut talker).await;
    talker.command(LegCommand::HangUp);
    line.settle().await;
    let there = peer.heard().await;
    let judged = tokio::task::spawn_blocking(move || {
        understood(&[(&OURS, &there), (&THEIRS, &talker.heard)], MOST_FAULTS);
    });
    assert!(judged.await.is_ok(), "{codec:?}");
}

/// Part of the words that may be misheard: one of six, or of eleven.
const MOST_FAULTS: f64 = 0.17;

#[tokio::test]
async fn baresip_is_called_in_each_codec_encrypted_or_not() {
    let (pcma, opus) = (
        "audio_codecs=PCMA/8000/1;mediaenc=srtp-mand",
        "audio_codecs=opus/48000/2;mediaenc=srtp",
    );
    tokio::join!(
        talk("audio_codecs=PCMU/8000/1", Codec::Pcmu, Srtp::Disabled),
        talk(pcma, Codec::Pcma, Srtp::Required),
        talk("audio_codecs=G722/16000/1", Codec::G722, Srtp::Disabled),
        talk(opus, Codec::Opus, Srtp::Allowed),
    );
}

#[tokio::test]
async fn baresip_calls_presses_keys_holds_and_is_understood_after_its_return() {
    let mut peer = Baresip::start("audio_codecs=PCMU/8000/1", 8_000).await;
    let line = line(&peer, &[Codec::Pcma, Codec::Pcmu], Srtp::Allowed);
    let mut incoming = line.incoming().expect("it takes calls");
    peer.command("dial", &format!("sip:agent@{}", line.local()));
    let came = clock::timeout(ms(10_000), incoming.recv()).await;
    let came = came.flatten().expect("a call");
    let wanted = DialRequest {
        incoming: Some(came.id.clone()),
        ..DialRequest::default()
    };
    came.take.send(true).expect("it waits");
    let mut talker = Talker::new(line.dial(wanted).await.expect("a leg"));
    talker.until("an answer", |talker| talker.answered).await;
    assert_eq!(talker.codec, Codec::Pcmu);
    talker.pass(10).await;
    for key in ["5", "#"] {
        peer.command("sndcode", key);
        talker.pass(25).await;
    }
    talker.command(LegCommand::PressKeys("1*8".into()));
    for _ in 0..300 {
        talker.pass(1).await;
        if peer.keys().len() == 3 && talker.pressed.len() == 2 {
            break;
        }
    }
    assert_eq!(talker.pressed, "5#");
    assert_eq!(peer.keys(), "1*8", "{}", peer.told);
    peer.command("hold", "");
    talker.until("a hold", |talker| talker.held).await;
    talker.pass(60).await;
    // What is said to nobody is not kept for later.
    talker.say(&OURS.samples());
    talker.pass(OURS.samples().len() / media::FRAME).await;
    peer.command("resume", "");
    talker.until("a resume", |talker| !talker.held).await;
    both_talk(&mut talker).await;
    let (sends, receives) = peer.rates();
    assert!(sends > 60_000 && receives > 60_000, "{sends} {receives}");
    talker.command(LegCommand::HangUp);
    line.settle().await;
    assert_eq!(line.remembered(), 0);
    understood(&[(&THEIRS, &talker.heard)], MOST_FAULTS);
}
