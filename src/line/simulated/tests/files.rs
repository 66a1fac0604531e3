//! Scenarios and recordings that cannot be used are refused before dialing, in a sentence that names the file.

use super::*;

fn wav(rate: u32, channels: u16, samples: usize) -> Vec<u8> {
    let format = media::wav::Format { channels, rate };
    let data = samples * usize::from(channels) * 2;
    let mut bytes = media::wav::header(format, data as u64).to_vec();
    let wave = hum(samples, rate);
    let frames = wave
        .iter()
        .flat_map(|sample| std::iter::repeat_n(*sample, usize::from(channels)));
    bytes.extend(frames.flat_map(i16::to_le_bytes));
    bytes
}

fn audio(file: &Path) -> DialRequest {
    DialRequest {
        callee_audio: Some(file.to_owned()),
        ..request()
    }
}

/// The refusal, which `check` and `dial` must agree on.
async fn refused(line: &SimulatedLine, request: DialRequest) -> String {
    let checked = line.check(&request).expect_err("accepted");
    let dialed = line.dial(request).await.expect_err("dialed");
    assert_eq!(checked, dialed);
    checked.0
}

#[tokio::test(start_paused = true)]
async fn bad_recordings_are_refused_and_named() {
    let folder = tempfile::tempdir().unwrap();
    let good = wav(8000, 1, 8000);
    let patched = |at: usize, bytes: &[u8]| {
        let mut wav = good.clone();
        wav[at..at + bytes.len()].copy_from_slice(bytes);
        wav
    };
    let bad: [(&str, Vec<u8>, &str); 8] = [
        ("empty.wav", vec![], "not a WAV file"),
        (
            "text.wav",
            b"hello world, this is text".to_vec(),
            "not a WAV file",
        ),
        ("header.wav", good[..20].to_vec(), "cut off"),
        ("nothing.wav", wav(8000, 1, 0), "holds no sound"),
        ("channels.wav", patched(22, &[0, 0]), "0 channels"),
        ("rate.wav", patched(24, &[1, 0, 0, 0]), "1"),
        ("adpcm.wav", patched(20, &[2, 0]), "encoding 2"),
        ("bits.wav", patched(34, &[12, 0]), "12 bits"),
    ];
    let line = line(SimulatedOptions::default());
    for (name, bytes, why) in bad {
        let file = folder.path().join(name);
        std::fs::write(&file, bytes).unwrap();
        let start = format!("The recording {} cannot be used: ", file.display());
        let sentence = refused(&line, audio(&file)).await;
        assert!(
            sentence.starts_with(&start) && sentence.contains(why),
            "{sentence}"
        );
        let inside = scenario(folder.path(), &format!("---\nplay {name}"));
        assert_eq!(refused(&line, inside).await, sentence);
    }
    let missing = refused(&line, audio(Path::new("/nowhere/x.wav"))).await;
    assert!(
        missing.starts_with("The recording /nowhere/x.wav cannot be used: No such file"),
        "{missing}"
    );
    let folder = refused(&line, audio(folder.path())).await;
    assert!(
        folder.ends_with("cannot be used: it is not a file."),
        "{folder}"
    );
}

#[tokio::test(start_paused = true)]
async fn bad_scenarios_are_refused_and_named() {
    let folder = tempfile::tempdir().unwrap();
    let line = line(SimulatedOptions::default());
    let bad = scenario(folder.path(), "ring: soon\n---\nbusy");
    let file = bad.scenario.clone().unwrap();
    let sentence = refused(&line, bad).await;
    assert!(
        sentence.starts_with(&format!(
            "The scenario {file}, line 1: expected a length of time"
        )),
        "{sentence}"
    );
    let unknown = DialRequest {
        scenario: Some("nobody".into()),
        ..request()
    };
    let sentence = refused(&line, unknown).await;
    assert!(
        sentence.starts_with("There is no scenario `nobody`."),
        "{sentence}"
    );
}

#[tokio::test(start_paused = true)]
async fn requests_name_no_files_where_that_is_not_allowed() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("x.wav");
    std::fs::write(&file, wav(8000, 1, 80)).unwrap();
    let line = line(SimulatedOptions {
        files: false,
        ..SimulatedOptions::default()
    });
    let end = "cannot be used: this server does not let requests name files of its machine. Its operator can allow it with line.simulated.files = \"always\".";
    assert_eq!(
        refused(&line, audio(&file)).await,
        format!("The callee's recording {end}")
    );
    let named = scenario(folder.path(), "---\nbusy");
    assert_eq!(
        refused(&line, named).await,
        format!("The scenario file {end}")
    );
    assert_eq!(line.check(&request()), Ok(()));
}

#[tokio::test(start_paused = true)]
async fn a_recording_of_any_usual_shape_plays_the_callee_who_then_lingers() {
    let folder = tempfile::tempdir().unwrap();
    let line = line(SimulatedOptions {
        linger: ms(4000),
        ..SimulatedOptions::default()
    });
    for (rate, channels) in [
        (8000, 1),
        (16_000, 1),
        (44_100, 2),
        (48_000, 1),
        (11_025, 2),
    ] {
        let file = folder.path().join("callee.wav");
        std::fs::write(&file, wav(rate, channels, rate as usize)).unwrap();
        let heard = call(&line, audio(&file), vec![Deed::Hums(4000, 5000)]).await;
        let [(begin, end)] = heard.sounding()[..] else {
            panic!("{rate} Hz, {channels} channels: {:?}", heard.sounding());
        };
        assert!(
            begin.abs_diff(2000) <= 20 && end.abs_diff(3000) <= 20,
            "{rate}: {begin} to {end}"
        );
        // Silence is counted from the agent's last sound.
        assert_eq!(heard.signals().pop().unwrap(), (9040, "HungUp".into()));
    }
}

#[tokio::test(start_paused = true)]
async fn a_scenario_gives_a_recording_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("callee.wav");
    std::fs::write(&file, wav(8000, 1, 8000)).unwrap();
    let request = DialRequest {
        callee_audio: Some(file),
        ..scenario(
            folder.path(),
            "ring: 3 s\nnoise: none\ncodec: pcma\n---\nbusy",
        )
    };
    let line = line(SimulatedOptions::default());
    let mut leg = line.dial(request).await.unwrap();
    assert_eq!(leg.codec, media::Codec::Pcma);
    let dialed = clock::now();
    while !matches!(leg.events.recv().await.unwrap(), LegEvent::Answered) {}
    assert_eq!(clock::now() - dialed, ms(3000));
}
