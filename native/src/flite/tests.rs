use super::*;

fn spoken(voice: Voice, text: &str) -> (Vec<i16>, Vec<Duration>, u32) {
    let (mut sound, mut ends, mut rate) = (Vec::new(), Vec::new(), 0);
    let complete = voice
        .speak(text, |piece| {
            sound.extend_from_slice(piece.samples);
            ends.extend(piece.token_ends);
            rate = piece.rate;
            Next::More
        })
        .unwrap();
    assert!(complete);
    (sound, ends, rate)
}

#[test]
fn every_voice_speaks_at_16_khz_with_a_time_for_each_word() {
    for voice in Voice::ALL {
        let (sound, ends, rate) = spoken(voice, "A table for two at 7pm, please.");
        assert_eq!(rate, 16_000, "{voice:?}");
        assert_eq!(ends.len(), 7, "{voice:?}: {ends:?}");
        assert!(ends.is_sorted(), "{voice:?}: {ends:?}");
        let length = Duration::from_secs_f64(sound.len() as f64 / 16_000.0);
        assert!(
            length > Duration::from_millis(1200),
            "{voice:?}: {length:?}"
        );
        assert!(
            *ends.last().unwrap() <= length,
            "{voice:?}: {ends:?} of {length:?}"
        );
        assert!(
            *ends.last().unwrap() + Duration::from_millis(600) > length,
            "{voice:?}: {ends:?} of {length:?}"
        );
        assert!(
            sound.iter().any(|s| s.unsigned_abs() > 3000),
            "{voice:?} is silent"
        );
    }
}

#[test]
fn sound_comes_in_pieces_and_stops_when_told() {
    let mut pieces = 0;
    let complete = Voice::Slt
        .speak("One two three four five six seven eight nine ten.", |_| {
            pieces += 1;
            if pieces == 3 { Next::Stop } else { Next::More }
        })
        .unwrap();
    assert!(!complete);
    assert_eq!(pieces, 3);
}

#[test]
fn a_panic_in_the_listener_comes_out_and_leaves_the_library_usable() {
    let caught = catch_unwind(|| Voice::Kal16.speak("hello there", |_| panic!("listener")));
    assert!(caught.is_err());
    assert!(spoken(Voice::Kal16, "hello").0.len() > 1000);
}

#[test]
fn empty_and_strange_texts_neither_fail_nor_crash() {
    for text in [
        "",
        " ",
        "...",
        "—",
        "?!",
        "日本語",
        "\u{1f600}",
        "<>&%$#@",
        "a\tb\nc",
    ] {
        let _ = Voice::Kal16.speak(text, |_| Next::More);
        let _ = Voice::Rms.speak(text, |_| Next::More);
    }
    assert!(matches!(
        Voice::Rms.speak("a\0b", |_| Next::More),
        Err(Error::Text)
    ));
}

#[test]
fn threads_may_speak_with_the_same_voice() {
    let alone = spoken(Voice::Kal16, "table for two").0;
    let threads: Vec<_> = (0..8)
        .map(|_| {
            std::thread::spawn(|| {
                (0..5)
                    .map(|_| spoken(Voice::Kal16, "table for two").0)
                    .collect::<Vec<_>>()
            })
        })
        .collect();
    for thread in threads {
        for sound in thread.join().unwrap() {
            assert_eq!(sound, alone);
        }
    }
}

#[test]
fn names_get_a_pronunciation_in_the_models_alphabet() {
    assert_eq!(
        pronounce("nopa").unwrap().first().map(String::as_str),
        Some("N")
    );
    assert_eq!(pronounce("table").unwrap(), ["T", "EY", "B", "AH", "L"]);
    assert_eq!(pronounce("3rd"), None);
    assert_eq!(pronounce(""), None);
}

#[test]
fn the_same_text_always_sounds_the_same() {
    for voice in Voice::ALL {
        let (first, ..) = spoken(voice, "I would like to book a table.");
        spoken(Voice::Awb, "Something else.");
        let (again, ..) = spoken(voice, "I would like to book a table.");
        assert_eq!(first, again, "{voice:?}");
    }
}
