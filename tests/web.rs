//! The web pages and the phone in them, in a real Chromium against the running program. The steps are in
//! `web/test/run.mjs`; this starts the program, gives it keys, and gives the browser a recorded voice as its microphone.
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
const LIMIT: Duration = Duration::from_secs(240);

/// Killed when dropped.
struct Server {
    child: Child,
    _out: BufReader<std::process::ChildStdout>,
    url: String,
    /// The one-time link.
    link: String,
}

impl Server {
    fn start(home: &Path) -> Self {
        let scenarios = Path::new(env!("CARGO_MANIFEST_DIR")).join("web/test/scenarios");
        let mut child = process::program(home, &[])
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
fn key(home: &Path, account: &str) -> String {
    let made = process::program(home, &[])
        .args(["keys", "create", "--account", account])
        .output()
        .unwrap();
    let text = String::from_utf8(made.stdout).unwrap();
    let mut words = text.split_whitespace();
    let key = words.find(|word| word.starts_with("ak_live_"));
    key.unwrap_or_else(|| panic!("no key in {text:?}"))
        .to_owned()
}

/// Writes what the microphone hears: a greeting, and then, while the agent answers it, an interruption.
fn microphone(path: &Path) {
    let audio = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/audio");
    let read = |name: &str| {
        let sound = media::wav::read(&fs::read(audio.join(name)).unwrap()).unwrap();
        assert_eq!(sound.rate, 8_000);
        sound.samples
    };
    let silence = |ms: usize| vec![0_i16; ms * 8];
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: 8_000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut writer = hound::WavWriter::create(path, spec).unwrap();
    let said = [
        silence(1_500),
        read("rms-hello.wav"),
        silence(1_900),
        read("slt-fully-booked.wav"),
        silence(20_000),
    ];
    for sample in said.into_iter().flatten() {
        writer.write_sample(sample).unwrap();
    }
    writer.finalize().unwrap();
}

#[tokio::test]
async fn the_pages_do_what_they_promise_in_a_real_browser() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let web = root.join("web");
    assert!(
        web.join("node_modules/playwright-core").is_dir() && web.join("dist/index.html").is_file(),
        "the pages are not built; run `scripts/pages test` (`make test` does)"
    );
    let home = tempfile::tempdir().unwrap();
    let first = key(home.path(), "owner");
    let other = key(home.path(), "stranger");
    let server = Server::start(home.path());
    let voice = home.path().join("microphone.wav");
    microphone(&voice);
    let steps = tokio::process::Command::new("node")
        .args(["--test", "--test-reporter=spec", "test/run.mjs"])
        .current_dir(&web)
        .env("AGENTPHONE_URL", &server.url)
        .env("AGENTPHONE_LINK", &server.link)
        .env("AGENTPHONE_KEY", first)
        .env("AGENTPHONE_OTHER_KEY", other)
        .env("AGENTPHONE_MICROPHONE", voice)
        .env("AGENTPHONE_SCREENSHOTS", root.join("target/screenshots"))
        .kill_on_drop(true)
        .output();
    let ended = clock::timeout(LIMIT, steps).await;
    let ended = ended.expect("the steps end in time").unwrap();
    let report = String::from_utf8_lossy(&ended.stdout).into_owned();
    let log = fs::read_to_string(home.path().join("server.log")).unwrap();
    assert!(
        ended.status.success(),
        "{report}\n{}\nthe server's log:\n{log}",
        String::from_utf8_lossy(&ended.stderr)
    );
    println!("{report}");
}
