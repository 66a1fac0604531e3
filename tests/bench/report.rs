//! The report of a run: as JSON it holds every figure that was promised, and as a page every section, bar and trial.

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    process::Command,
    sync::{Arc, Mutex},
    time::Duration,
};

use agentphone::{
    bench::{
        Cue, Label, Trial, When, barge_in, bars,
        capacity::{
            Capacity, Late,
            endurance::{Endurance, Reading},
        },
        end_of_turn, latency,
        library::{Library, Part},
        report::{Audio, Drawn, Page, Report, Trace, Trials},
        speech,
        stage::{Played, Stage},
        stats::Percentiles,
    },
    line::simulated::scenario::Echo,
    provider::{
        flite::instant::InstantFlite, pocketsphinx::DEFAULT_MODELS, scripted::ScriptedSpeechToText,
    },
};
use media::impair::NetworkConfig;

use super::{speech as sound_of, stage, trial};

const SPEECH: &str = "We are planning a small party, and we are looking for a place with a garden.";

/// A trial in which the agent speaks at length and `over` is heard over it, or nothing but its echo.
fn over(id: &str, over: Option<(Arc<[i16]>, Label)>) -> Trial {
    let hello = sound_of(&InstantFlite::default(), "Hello?");
    let echo = over.is_none().then_some(Echo {
        gain: -20.0,
        delay: Duration::from_millis(100),
    });
    let hello = Cue {
        when: When::After(Duration::from_millis(300)),
        sound: hello.into(),
        label: Label::Prelude,
    };
    let cue = over.map(|(sound, label)| Cue {
        when: When::AgentSpeaks(Duration::from_millis(900)),
        sound,
        label,
    });
    Trial {
        id: id.into(),
        seed: 1,
        group: "test",
        line: "quiet",
        agent: vec![SPEECH.into(), "I see.".into()],
        cues: [Some(hello), cue].into_iter().flatten().collect(),
        network: NetworkConfig::CLEAN,
        background: None,
        echo,
    }
}

/// An interruption, a listener's word, and an echo.
fn overs() -> Vec<Trial> {
    let voice = InstantFlite::default();
    let [stop, right] = ["Wait a second, please.", "right"].map(|text| sound_of(&voice, text));
    let interruption = Label::Interruption {
        text: "wait a second please".into(),
        voiced: 0..stop.len(),
    };
    let disturbance = Label::Disturbance {
        kind: "backchannel",
        voiced: 0..right.len(),
    };
    vec![
        over("interruption", Some((stop.into(), interruption))),
        over("backchannel", Some((right.into(), disturbance))),
        over("echo </script>", None),
    ]
}

/// Runs every experiment on as little as there is.
fn everything() -> (Report, Trials) {
    // What is said is known: computing words is not what is tested here.
    let knowing = |said: &[&str]| Stage {
        stt: Arc::new(ScriptedSpeechToText::new(said.iter().copied())),
        ..stage()
    };
    let traces = Mutex::new(Vec::new());
    let keep = |trial: &Trial, played: &Played| {
        traces
            .lock()
            .expect("no trial panicked")
            .push(Trace::of(trial, played));
    };
    let turn = trial(Duration::from_millis(600));
    let turns = std::slice::from_ref(&turn);
    let stage = knowing(&["hello", "i would like", "a table for two"]);
    let ends = end_of_turn::measure(&stage, turns, 1, &|| (), &keep).expect("it can be played");
    let (over, outcomes) = barge_in::measure(
        &knowing(&["hello", "wait a second please"]),
        &overs(),
        1,
        || (),
        |t, p, _| keep(t, p),
    )
    .expect("it can be played");
    let (latency, answers) =
        latency::measure(&stage, turns, 1, || (), |_, _| ()).expect("it can be played");
    let library = Library::load(&[]).expect("nothing to read");
    let program = Path::new(env!("CARGO_BIN_EXE_agentphone"));
    let models = Path::new(DEFAULT_MODELS);
    let (heard, said) = speech::run(&library, Part::HeldOut, 1, 1, program, models, &|_, _| ())
        .expect("it can be heard");
    let others = BTreeMap::from([
        (bars::known::BARGE_IN, serde_json::to_value(&over)),
        (bars::known::LATENCY, serde_json::to_value(&latency)),
        (bars::known::SPEECH, serde_json::to_value(&heard)),
    ]);
    let others = others.into_iter();
    let others = others.map(|(name, figures)| (name, figures.expect("figures are JSON")));
    let mut traces = traces.into_inner().expect("no trial panicked");
    traces.extend(said.iter().map(Trace::of_said));
    let report = Report {
        version: "0.0.0",
        drawn: Some(Drawn {
            seed: 1,
            size: 1,
            part: "held_out",
            audio: Audio {
                hash: library.hash,
                recordings: 0,
                folders: Vec::new(),
            },
        }),
        bars: [
            bars::known::end_of_turn(&ends.end_of_turn),
            bars::known::barge_in(&over),
            bars::known::speech(&heard),
            bars::known::latency(&latency),
        ]
        .concat(),
        end_of_turn: Some(ends.end_of_turn),
        felt_silence_ms: Some(ends.felt_silence),
        others: others.collect(),
    };
    let trials = Trials {
        turns: ends.turns,
        barge_in: outcomes,
        speech: said.iter().map(speech::Hearing::from).collect(),
        latency: answers,
        traces,
        left_out: 0,
    };
    (report, trials)
}

/// What every report of these experiments holds.
const FIGURES: [&str; 22] = [
    "/version",
    "/seed",
    "/audio/hash",
    "/end_of_turn/cut_share",
    "/end_of_turn/entity_cut_share",
    "/end_of_turn/delay_ms/p50",
    "/end_of_turn/delay_ms/p90",
    "/end_of_turn/delay_ms/p95",
    "/end_of_turn/curve/0/cut_share",
    "/end_of_turn/fixed_silence/0/delay_ms/p50",
    "/felt_silence_ms/p50",
    "/felt_silence_ms/p95",
    "/barge_in/stop_ms/p50",
    "/barge_in/stop_ms/p95",
    "/barge_in/missed_share",
    "/barge_in/backchannel_ended_share",
    "/barge_in/echo_ended",
    "/barge_in/echo_trials",
    "/latency/engine_ms/p50",
    "/latency/engine_ms/p99",
    "/speech/pocketsphinx/wer",
    "/speech/pocketsphinx/final_ms/p50",
];

/// A page as Chromium has drawn it, opened at one of its trials.
fn drawn(page: &str, at: &str) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("report.html");
    fs::write(&file, page).expect("it can be written");
    let places = ["chromium", "chromium-browser", "google-chrome"];
    let chosen = std::env::var("CHROMIUM");
    let mut browsers = chosen.iter().map(String::as_str).chain(places);
    let output = browsers.find_map(|browser| {
        Command::new(browser)
            .args([
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--no-first-run",
            ])
            .args([
                "--disable-background-networking",
                "--disable-component-update",
            ])
            .arg(format!(
                "--user-data-dir={}",
                folder.path().join("profile").display()
            ))
            .args(["--enable-logging=stderr", "--dump-dom"])
            .arg(format!("file://{}#{at}", file.display()))
            .output()
            .ok()
    });
    let output = output.expect("Chromium is there; `scripts/setup test` installs it");
    let errors = String::from_utf8_lossy(&output.stderr);
    let console: Vec<_> = errors
        .lines()
        .filter(|line| line.contains("CONSOLE"))
        .collect();
    assert!(console.is_empty(), "{console:?}");
    String::from_utf8(output.stdout).expect("a page is text")
}

#[test]
fn a_report_holds_every_figure_as_json_and_every_trial_as_a_page() {
    let (report, trials) = everything();
    let json = serde_json::to_value(&report).expect("a report is JSON");
    for figure in FIGURES {
        assert!(
            json.pointer(figure).is_some(),
            "{figure} is missing: {json:#}"
        );
    }
    assert!(
        json.pointer("/speech/pocketsphinx/partial_ms/p50")
            .is_some()
    );
    assert_eq!(json["barge_in"]["echo_trials"], 1);
    assert_eq!(json["barge_in"]["interruptions"], 1);
    for bar in json["bars"].as_array().expect("bars") {
        for part in ["name", "bound", "measured", "met"] {
            assert!(bar.get(part).is_some(), "{part} is missing: {bar}");
        }
    }

    let page = Page::new(&report, &trials)
        .write()
        .expect("a page can be written");
    // Nothing is fetched, and no text ends the script.
    assert!(!page.contains("http://") || !page.contains("src="));
    assert_eq!(page.matches("</script>").count(), 1);
    let drawn = drawn(&page, "interruption");
    let shown = drawn
        .split("<script>")
        .next()
        .expect("what comes before the script");
    for heading in [
        "Ends of turn",
        "Barge-in",
        "Speech: pocketsphinx",
        "Latency",
        "Any trial",
    ] {
        assert!(shown.contains(&format!("<h2>{heading}</h2>")), "{heading}");
    }
    let rows = |class: &str| shown.matches(&format!("<span class=\"{class}\">")).count();
    assert_eq!(
        rows("met") + rows("missed") + rows("open"),
        report.bars.len()
    );
    assert_eq!(shown.matches("What the figures mean").count(), 4);
    assert_eq!(shown.matches("What was tried, and limits").count(), 3);
    for trace in &trials.traces {
        let name = trace.id.replace('<', "&lt;").replace('>', "&gt;");
        assert!(
            shown.contains(&format!("{name} (")),
            "{name} cannot be chosen"
        );
    }
    assert!(
        shown.contains("Timeline of interruption"),
        "its trial is not open"
    );
    for button in ["Previous", "Next", "A random trial", "worst first"] {
        assert!(shown.contains(button), "{button}");
    }
}

#[test]
fn a_report_of_load_shows_its_bars_its_doubts_and_what_they_mean() {
    let turns = Percentiles::of([Duration::from_millis(900)]);
    let capacity = Capacity {
        line: "sip",
        calls: 10,
        seconds: 60.0,
        cores_per_call: 0.001,
        mb_per_call: 0.6,
        idle_mb: 20.0,
        late_frame_ms: Late {
            p50: Some(0.1),
            p99: None,
            p999: None,
        },
        turn_latency_ms: turns,
        unloaded_turn_latency_ms: turns,
        completed: 40,
        failed: 3,
        first_failure: None,
        cut_in: 0,
        dropped: 0,
        rig_cores: 0.1,
        rig_late_share: 0.0,
        valid: false,
        doubts: vec!["3 of <43> calls failed.".into()],
    };
    let endurance = Endurance {
        line: "twilio",
        calls: 10,
        total_calls: 1000,
        seconds: 60.0,
        idle_mb: 20.0,
        memory_mb: vec![Reading {
            ended: 50,
            mb: 33.5,
        }],
        growth_mb: 4.0,
        growth_limit_mb: 3.4,
        failed: 0,
        first_failure: None,
        dropped: 2,
        valid: false,
        doubts: Vec::new(),
    };
    let mut report = Report::new(None);
    report.bars = [
        bars::known::capacity(&capacity),
        bars::known::endurance(&endurance),
    ]
    .concat();
    let figures = [
        (bars::known::CAPACITY, serde_json::to_value(&capacity)),
        (bars::known::ENDURANCE, serde_json::to_value(&endurance)),
    ];
    for (name, figures) in figures {
        let figures = figures.expect("figures are JSON");
        report.others.insert(name, figures);
    }
    let json = serde_json::to_value(&report).expect("a report is JSON");
    assert_eq!(json["bars"][1]["missed_by"], 0.3);
    assert_eq!(json["endurance"]["memory_mb"][0]["ended"], 50);
    assert!(json.get("seed").is_none(), "{json:#}");
    let page = Page::new(&report, &Trials::default())
        .write()
        .expect("a page can be written");
    let drawn = drawn(&page, "");
    for shown in [
        "<h2>Capacity</h2>",
        "<h2>Memory over many calls</h2>",
        "Bars: 2 of 4 met",
        "Bars: 0 of 2 met",
        r#"<span class="missed">missed by 0.3 MB</span>"#,
        r#"<span class="open">not decided</span>"#,
        r#"<span class="missed">missed by 2</span>"#,
        "3 of &lt;43&gt; calls failed.",
        "memory after 50 calls had ended</td><td>33.5 MB",
        "Measured on the real clock",
    ] {
        assert!(drawn.contains(shown), "{shown} is missing");
    }
    assert_eq!(drawn.matches("<summary>What the figures mean").count(), 2);
    assert!(!drawn.contains("Any trial</h2>"));
}

#[test]
fn the_command_shows_its_bars_and_writes_both_files() {
    let folder = tempfile::tempdir().unwrap();
    let [json, html] = ["figures.json", "report.html"].map(|name| folder.path().join(name));
    let output = Command::new(env!("CARGO_BIN_EXE_agentphone"))
        .args([
            "bench",
            "latency",
            "--size",
            "1",
            "--line",
            "quiet",
            "--threads",
            "1",
        ])
        .args([
            "--json".as_ref(),
            json.as_os_str(),
            "--html".as_ref(),
            html.as_os_str(),
        ])
        .current_dir(folder.path())
        .output()
        .expect("the program runs");
    assert!(output.status.success(), "{output:?}");
    let said = String::from_utf8(output.stdout).expect("text");
    assert!(
        said.contains("engine's own share p99") && said.contains("≤ 25 ms"),
        "{said}"
    );
    let figures = fs::read_to_string(json).expect("figures were written");
    let figures: serde_json::Value = serde_json::from_str(&figures).expect("JSON");
    assert_eq!(figures["bars"][0]["experiment"], "latency");
    assert_eq!(figures["bars"][0]["met"], true);
    let page = fs::read_to_string(html).expect("a report was written");
    assert!(
        page.contains(r#""id":"statement 000""#),
        "traces are missing"
    );
}
