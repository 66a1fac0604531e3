use super::*;

/// A folder with a manifest of these rows and the files that are given.
fn folder(rows: &str, files: &[(&str, &[u8])]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let text = format!("| file | transcript |\n|---|---|\n{rows}");
    fs::write(folder.path().join("MANIFEST.md"), text).unwrap();
    for (name, bytes) in files {
        fs::write(folder.path().join(name), bytes).unwrap();
    }
    folder
}

fn load(folder: &tempfile::TempDir) -> Result<Library, LibraryError> {
    Library::load(&[folder.path().to_owned()])
}

/// A word of 300 ms after 200 ms of silence, as sixteen-bit WAV.
fn word(rate: u32) -> Vec<u8> {
    let samples: Vec<i16> = (0..rate * 7 / 10)
        .map(|at| match at * 10 / rate {
            2..=4 if at % 40 < 20 => 1000,
            2..=4 => -1000,
            _ => 0,
        })
        .collect();
    let format = media::wav::Format { channels: 1, rate };
    let mut bytes = media::wav::header(format, samples.len() as u64 * 2).to_vec();
    samples
        .iter()
        .for_each(|sample| bytes.extend(sample.to_le_bytes()));
    bytes
}

#[test]
fn recordings_come_levelled_with_their_words_and_their_voiced_range() {
    let folder = folder(
        "| 3_anna_0.wav | Three! |\n| wide.wav | It's  a Table. |\n",
        &[("3_anna_0.wav", &word(8000)), ("wide.wav", &word(48_000))],
    );
    let library = load(&folder).unwrap();
    let [first, second] = &library.recordings[..] else {
        panic!("two recordings")
    };
    assert_eq!(
        (first.voice.as_str(), first.words().as_str()),
        ("anna", "three")
    );
    assert_eq!(second.words(), "it's a table");
    assert!(second.is_sentence() && !first.is_sentence());
    for recording in [first, second] {
        let range = &recording.voiced.range;
        assert!(
            range.start.abs_diff(1600) <= 80 && range.end.abs_diff(4000) <= 80,
            "{range:?}"
        );
        let level = voiced::level(&recording.sound[range.clone()]);
        assert!((level + 22.0).abs() < 0.5, "{level}");
        let wide = recording.wide();
        assert!(wide.len().abs_diff(recording.sound.len() * 2) < 4);
    }
    assert_eq!(library.hash, load(&folder).unwrap().hash);
    assert_eq!(library.hash.len(), 64);
    fs::write(folder.path().join("wide.wav"), word(44_100)).unwrap();
    assert_ne!(library.hash, load(&folder).unwrap().hash);
}

#[test]
fn flac_is_read_like_wav() {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/audio");
    let library = Library::load(&[fixtures]).unwrap();
    let find = |name: &str| {
        let found = library.recordings.iter().find(|found| found.name == name);
        found.unwrap_or_else(|| panic!("{name} is in the manifest"))
    };
    // The same sound in both formats.
    let (wav, flac) = (find("slt-yes.wav"), find("slt-yes.flac"));
    assert_eq!(wav.sound, flac.sound);
    assert_eq!(wav.voiced, flac.voiced);
}

#[test]
fn what_cannot_be_used_is_named_with_file_and_line() {
    let fails = |rows: &str, files: &[(&str, &[u8])]| load(&folder(rows, files)).unwrap_err().0;
    let missing = fails("| none.wav | one |\n", &[]);
    assert!(
        missing.contains("MANIFEST.md:3: ") && missing.contains("none.wav"),
        "{missing}"
    );
    let broken = fails("| a.wav | one |\n", &[("a.wav", b"no sound")]);
    assert!(
        broken.contains("a.wav cannot be used: not a WAV file"),
        "{broken}"
    );
    let silent = fails("| a.wav | one |\n", &[("a.wav", &silence())]);
    assert!(silent.contains("nothing can be heard"), "{silent}");
    let cut = fails("| a.flac | one |\n", &[("a.flac", b"fLaC\0\0")]);
    assert!(cut.contains("the FLAC file cannot be read"), "{cut}");
    let none = Library::load(&[tempfile::tempdir().unwrap().path().to_owned()]).unwrap_err();
    assert!(none.0.contains("has no MANIFEST.md"), "{none}");
}

fn silence() -> Vec<u8> {
    let format = media::wav::Format {
        channels: 1,
        rate: 8000,
    };
    let mut bytes = media::wav::header(format, 1600).to_vec();
    bytes.resize(bytes.len() + 1600, 0);
    bytes
}

#[test]
fn the_part_follows_from_the_name_alone_and_a_third_is_held_out() {
    let held = (0..3000)
        .filter(|number| Part::of(&format!("{number}.wav")) == Part::HeldOut)
        .count();
    assert!((900..1100).contains(&held), "{held}");
    // These never change.
    assert_eq!(
        ["jfk.wav", "goforward.wav", "activated.wav"].map(Part::of),
        [Part::HeldOut, Part::Tuning, Part::Tuning]
    );
}

#[test]
fn voices_are_told_by_the_name() {
    assert_eq!(
        Recording::voice_of("cc-by-sa/fsdd8k/0_george_0.wav"),
        "george"
    );
    assert_eq!(Recording::voice_of("allison/digits/7.wav"), "allison");
    assert_eq!(Recording::voice_of("cards-001.wav"), "cards-001.wav");
}

#[test]
fn fragments_are_no_sentences() {
    assert!(is_sentence("Your call cannot be completed as dialed."));
    assert!(is_sentence("he was not an ill disposed young man"));
    for text in [
        "has left the conference.",
        "There are currently...",
        "Agent logged",
        "To leave the conference",
        "[sound of monkeys screaming]",
    ] {
        assert!(!is_sentence(text), "{text}");
    }
}
