//! The web pages and the phone in them, in a real Chromium against the running program. The steps are in
//! `web/test/run.mjs` and `web/test/relay.mjs`; this starts the program, gives it keys, and gives the browser a recorded voice
//! as its microphone.
#![expect(
    clippy::unwrap_used,
    reason = "whatever is missing here fails the test that asked for it"
)]

use std::{
    fs,
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Stdio},
    time::Duration,
};

use agentphone::driver::clock;

#[expect(
    dead_code,
    reason = "only the environment of the program is shared: here its second line is read, too"
)]
#[path = "process/mod.rs"]
mod process;

/// How long all steps together may take: the calls are as long as calls are.
const LIMIT: Duration = Duration::from_secs(400);

/// One browser at a time: their times are measured.
static BROWSER: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// Killed when dropped.
struct Server {
    child: Child,
    _out: BufReader<std::process::ChildStdout>,
    url: String,
    /// The one-time link.
    link: String,
}

impl Server {
    fn start(home: &Path, env: &[(&str, &str)]) -> Self {
        let scenarios = Path::new(env!("CARGO_MANIFEST_DIR")).join("web/test/scenarios");
        let mut child = process::program(home, env)
            .env("AGENTPHONE__LINE__SIMULATED__SCENARIO_DIR", scenarios)
            .env("AGENTPHONE__LINE__BROWSER__BIND", r#"["127.0.0.1:0"]"#)
            .args(["serve", "--listen", "127.0.0.1:0"])
            .stdout(Stdio::piped())
            .stderr(fs::File::create(home.join("server.log")).unwrap())
            .spawn()
            .unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut line = |beginning: &str| {
            let mut line = String::new();
            out.read_line(&mut line).unwrap();
            let rest = line.trim_end().strip_prefix(beginning);
            rest.unwrap_or_else(|| panic!("{line:?} does not begin with {beginning:?}"))
                .to_owned()
        };
        let url = line("listening on ");
        let link = line("in the browser, once within 15 minutes: ");
        Self {
            child,
            _out: out,
            url,
            link,
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Makes a key with the command line, of an account of its own.
fn key(home: &Path, account: &str, more: &[&str]) -> String {
    let made = process::program(home, &[])
        .args(["keys", "create", "--account", account])
        .args(more)
        .output()
        .unwrap();
    let text = String::from_utf8(made.stdout).unwrap();
    let mut words = text.split_whitespace();
    let key = words.find(|word| word.starts_with("ak_live_"));
    key.unwrap_or_else(|| panic!("no key in {text:?}"))
        .to_owned()
}

/// Writes what the microphone hears: sounds and silences, all of one rate.
fn write_microphone(path: &Path, rate: u32, pieces: impl IntoIterator<Item = Vec<i16>>) {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: rate,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut writer = hound::WavWriter::create(path, spec).unwrap();
    for sample in pieces.into_iter().flatten() {
        writer.write_sample(sample).unwrap();
    }
    writer.finalize().unwrap();
}

fn read(path: &Path, rate: u32) -> Vec<i16> {
    let bytes = fs::read(path).unwrap_or_else(|error| {
        panic!(
            "{}: {error}; `scripts/setup test` installs it",
            path.display()
        )
    });
    let sound = media::wav::read(&bytes).unwrap();
    assert_eq!(sound.rate, rate);
    sound.samples
}

/// A greeting, and then, while the agent answers it, an interruption.
fn one_who_cuts_in(path: &Path) {
    let audio = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/audio");
    let silence = |ms: usize| vec![0_i16; ms * 8];
    let said = [
        silence(1_500),
        read(&audio.join("rms-hello.wav"), 8_000),
        silence(1_900),
        read(&audio.join("slt-fully-booked.wav"), 8_000),
        silence(20_000),
    ];
    write_microphone(path, 8_000, said);
}

/// Somebody who reads a novel aloud, recorded from a person.
fn one_who_reads_aloud(path: &Path) {
    let recordings = Path::new("/usr/share/pocketsphinx/test/data/librivox");
    let line = |number: u32| {
        let name = format!("sense_and_sensibility_01_austen_64kb-{number:04}.wav");
        read(&recordings.join(name), 16_000)
    };
    let silence = |seconds: usize| vec![0_i16; seconds * 16_000];
    let mut said = vec![silence(2), line(880), silence(7), line(930), silence(7)];
    for _ in 0..4 {
        said.extend([line(880), silence(6)]);
    }
    write_microphone(path, 16_000, said);
}

/// Returns a UDP port that was free a moment ago.
fn free_port() -> u16 {
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.local_addr().unwrap().port()
}

/// Runs the steps of a file in `web/test`, in a browser with this microphone. Returns what they say.
async fn run(
    steps: &str,
    server: &Server,
    home: &Path,
    voice: &Path,
    env: &[(&str, &str)],
) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let web = root.join("web");
    assert!(
        web.join("node_modules/playwright-core").is_dir() && web.join("dist/index.html").is_file(),
        "the pages are not built; run `scripts/pages test` (`make test` does)"
    );
    let _mine = BROWSER.lock().await;
    let steps = tokio::process::Command::new("node")
        .args(["--test", "--test-reporter=spec", steps])
        .current_dir(&web)
        .env("AGENTPHONE_URL", &server.url)
        .env("AGENTPHONE_LINK", &server.link)
        .env("AGENTPHONE_MICROPHONE", voice)
        .env("AGENTPHONE_SCREENSHOTS", root.join("target/screenshots"))
        .envs(env.iter().copied())
        .kill_on_drop(true)
        .output();
    let ended = clock::timeout(LIMIT, steps).await;
    let ended = ended.expect("the steps end in time").unwrap();
    let report = String::from_utf8_lossy(&ended.stdout).into_owned();
    let log = fs::read_to_string(home.join("server.log")).unwrap();
    assert!(
        ended.status.success(),
        "{report}\n{}\nthe server's log:\n{log}",
        String::from_utf8_lossy(&ended.stderr)
    );
    report
}

#[tokio::test]
async fn the_pages_do_what_they_promise_in_a_real_browser() {
    let home = tempfile::tempdir().unwrap();
    let first = key(home.path(), "owner", &[]);
    let other = key(home.path(), "stranger", &[]);
    let server = Server::start(home.path(), &[]);
    let voice = home.path().join("microphone.wav");
    one_who_cuts_in(&voice);
    let env = [
        ("AGENTPHONE_KEY", first.as_str()),
        ("AGENTPHONE_OTHER_KEY", other.as_str()),
    ];
    let report = run("test/run.mjs", &server, home.path(), &voice, &env).await;
    println!("{report}");
}

#[tokio::test]
async fn the_phone_in_a_page_reaches_the_agent_through_a_relay_that_breaks_and_comes_back() {
    let home = tempfile::tempdir().unwrap();
    let scopes = ["--scopes", "calls:read,calls:write,control,admin"];
    let owner = key(home.path(), "owner", &scopes);
    let port = free_port().to_string();
    let urls = format!("[\"turn:127.0.0.1:{port}\"]");
    let server = Server::start(
        home.path(),
        &[
            ("AGENTPHONE__LINE__BROWSER__TURN_URLS", urls.as_str()),
            ("AGENTPHONE__LINE__BROWSER__TURN_USERNAME", "agent"),
            ("AGENTPHONE__LINE__BROWSER__TURN_CREDENTIAL", "s3cret"),
        ],
    );
    let voice = home.path().join("microphone.wav");
    one_who_reads_aloud(&voice);
    let folder = home.path().display().to_string();
    let env = [
        ("AGENTPHONE_KEY", owner.as_str()),
        ("AGENTPHONE_TURN_PORT", port.as_str()),
        ("AGENTPHONE_TURN_FOLDER", folder.as_str()),
    ];
    let report = run("test/relay.mjs", &server, home.path(), &voice, &env).await;
    println!("{report}");
}
