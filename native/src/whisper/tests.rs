use std::{fs, path::PathBuf, process::Command, sync::LazyLock};

use super::*;

/// The model of `scripts/whisper-test-model`, made once.
static MODEL: LazyLock<PathBuf> = LazyLock::new(|| {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    let file = PathBuf::from(root).join("target/whisper-test-native.bin");
    let script = format!("{root}/scripts/whisper-test-model");
    let made = Command::new(script).arg(&file).status();
    assert!(made.expect("python3 runs").success());
    file
});

/// A second that sounds like something.
fn sound(seconds: usize) -> Vec<i16> {
    (0..seconds * RATE)
        .map(|n| ((n as f32 * 0.05).sin() * (n as f32 * 0.0007).sin() * 9000.0) as i16)
        .collect()
}

#[test]
fn a_model_is_loaded_and_hears_the_same_in_every_state() {
    let header = file::inspect(&MODEL).unwrap();
    assert_eq!((header.vocabulary, header.audio_positions), (51_864, 1500));
    let model = Model::load(&MODEL).unwrap();
    assert!(!model.is_multilingual());
    let go = AtomicBool::new(false);
    let mut one = model.state().unwrap();
    let words = one.transcribe(&sound(2), "en", &go).unwrap();
    assert!(!words.is_empty(), "random weights say something");
    // Another state of the same model, at the same time as the first.
    let both = std::thread::scope(|scope| {
        let hear = |mut state: State| {
            let go = &go;
            scope.spawn(move || state.transcribe(&sound(2), "en", go).unwrap())
        };
        let other = hear(model.state().unwrap());
        [hear(one).join().unwrap(), other.join().unwrap()]
    });
    assert_eq!(both, [words.clone(), words]);
}

#[test]
fn a_stop_is_heeded_and_the_state_can_be_used_again() {
    let model = Model::load(&MODEL).unwrap();
    let mut state = model.state().unwrap();
    let flag = AtomicBool::new(false);
    let before = state.transcribe(&sound(1), "en", &flag).unwrap();
    flag.store(true, Ordering::Relaxed);
    assert_eq!(
        state.transcribe(&sound(20), "en", &flag),
        Err(Error::Stopped)
    );
    flag.store(false, Ordering::Relaxed);
    assert_eq!(state.transcribe(&sound(1), "en", &flag).unwrap(), before);
}

#[test]
fn very_short_and_very_long_sound_is_taken() {
    let model = Model::load(&MODEL).unwrap();
    let mut state = model.state().unwrap();
    let go = AtomicBool::new(false);
    for length in [0, 1, 400, 31 * RATE] {
        let words = state.transcribe(&vec![0; length], "en", &go).unwrap();
        let latest = words.iter().map(|segment| segment.end).max();
        assert!(
            latest.unwrap_or_default() <= Duration::from_secs(30),
            "{length}"
        );
    }
}

#[test]
fn a_file_that_is_not_a_whole_model_is_refused_before_the_library_sees_it() {
    let whole = fs::read(&*MODEL).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.bin");
    let refused = |bytes: &[u8]| {
        fs::write(&path, bytes).unwrap();
        let error = Model::load(&path).unwrap_err().to_string();
        assert!(error.contains("agentphone models pull"), "{error}");
        error
    };
    assert!(refused(b"").contains("ends too early"));
    assert!(refused(b"<html>not found</html>").contains("is no model"));
    for length in [4, 40, 70_000, 500_000, whole.len() / 2, whole.len() - 1] {
        assert!(
            refused(&whole[..length]).contains("ends too early"),
            "{length}"
        );
    }
    let mut longer = whole.clone();
    longer.push(0);
    refused(&longer);
    // The vocabulary without the blank makes the library throw. Its word is the only one of one byte.
    let blank = [1, 0, 0, 0, b' '];
    let at = whole.windows(5).position(|bytes| bytes == blank).unwrap();
    let mut without = whole.clone();
    without[at + 4] = b'x';
    assert!(refused(&without).contains("blank"));
    // Whatever single number of the head is another, the file is refused or still whole.
    for place in 0..12 {
        let mut other = whole.clone();
        other[place * 4] ^= 0x15;
        let error = refused(&other);
        assert!(!error.is_empty());
    }
}

#[test]
fn random_damage_never_ends_the_process() {
    let whole = fs::read(&*MODEL).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.bin");
    let mut state: u64 = 7;
    for _ in 0..40 {
        let mut damaged = whole.clone();
        for _ in 0..3 {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            // The first megabyte holds everything but weights.
            let at = (state >> 33) as usize % 1_000_000;
            damaged[at] = (state >> 20) as u8;
        }
        fs::write(&path, &damaged).unwrap();
        // Refused, or damaged where it does not matter.
        let _ = file::inspect(&path);
    }
}
