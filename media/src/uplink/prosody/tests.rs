use super::*;

fn voice(hz: f32) -> Pitch {
    Pitch { strength: 0.9, hz }
}

const NONE: Pitch = Pitch {
    strength: 0.1,
    hz: 300.0,
};

#[test]
fn a_falling_pitch_has_a_negative_slope() {
    for (first, last) in [(200.0_f32, 150.0), (150.0, 200.0), (120.0, 120.0)] {
        let mut memory = Memory::new();
        for frame in 0..15 {
            let part = frame as f32 / 14.0;
            memory.note(voice(first * (last / first).powf(part)), -20.0);
        }
        let wanted = 12.0 * (last / first).log2();
        let found = memory.end(0).pitch_slope;
        assert!((found - wanted).abs() < 0.2, "{found} for {wanted}");
    }
}

#[test]
fn octave_mistakes_and_silence_do_not_move_it() {
    let mut memory = Memory::new();
    for frame in 0..15 {
        let hz = 200.0 - 3.0 * frame as f32;
        memory.note(voice(if frame % 5 == 2 { hz * 2.0 } else { hz }), -20.0);
    }
    for _ in 0..6 {
        memory.note(NONE, -60.0);
    }
    let slope = memory.end(6).pitch_slope;
    assert!((-5.5..-2.5).contains(&slope), "{slope}");
}

#[test]
fn too_little_voice_has_no_slope() {
    let mut memory = Memory::new();
    memory.note(voice(100.0), -20.0);
    memory.note(voice(200.0), -20.0);
    memory.note(NONE, -20.0);
    assert_eq!(memory.end(0).pitch_slope, 0.0);
}

#[test]
fn a_low_end_is_below_what_is_usual() {
    let mut memory = Memory::new();
    for _ in 0..10 {
        memory.note(voice(100.0), -20.0);
    }
    assert_eq!(memory.end(0).pitch_level, 0.0, "nothing is usual yet");
    for _ in 0..290 {
        memory.note(voice(100.0), -20.0);
    }
    memory.begin(0);
    for _ in 0..20 {
        memory.note(voice(100.0), -20.0);
    }
    for frame in 0..9 {
        // One octave mistake.
        memory.note(voice(if frame == 4 { 160.0 } else { 80.0 }), -20.0);
    }
    for _ in 0..6 {
        memory.note(NONE, -60.0);
    }
    let level = memory.end(6).pitch_level;
    assert!((level + 3.8).abs() < 0.2, "{level}");
}

#[test]
fn energy_is_compared_with_the_whole_stretch() {
    let mut memory = Memory::new();
    memory.begin(0);
    for _ in 0..90 {
        memory.note(voice(100.0), -20.0);
    }
    for _ in 0..10 {
        memory.note(voice(100.0), -30.0);
    }
    for _ in 0..5 {
        memory.note(NONE, -70.0);
    }
    let drop = memory.end(5).energy_drop;
    assert!((drop + 9.6).abs() < 0.3, "{drop}");
}

#[test]
fn the_last_voiced_run_ends_before_the_final_consonant() {
    let mut memory = Memory::new();
    let mut note = |pitch, frames| {
        for _ in 0..frames {
            memory.note(pitch, -20.0);
        }
    };
    note(voice(100.0), 8);
    note(NONE, 4);
    note(voice(110.0), 5);
    note(NONE, 1);
    note(voice(110.0), 6);
    note(NONE, 3);
    note(NONE, 5);
    let run = memory.end(5).last_voiced;
    assert_eq!(
        run,
        FRAME_TIME * 12,
        "a gap of one frame is bridged, one of four is not"
    );
}

#[test]
fn a_new_stretch_forgets_the_one_before() {
    let mut memory = Memory::new();
    for _ in 0..40 {
        memory.note(voice(100.0), -10.0);
    }
    memory.begin(0);
    assert_eq!(memory.end(0), Prosody::default());
    memory.note(voice(100.0), -40.0);
    assert!(memory.end(0).energy_drop.abs() < 0.01);
}
