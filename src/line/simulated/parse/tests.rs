//! What the language takes, and a table of what it refuses and in which words.

use super::*;
use crate::line::simulated::scenario::{
    Action, Condition, Play, Reaction, Sound, SoundId, Step, Wait,
};

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn steps(text: &str) -> (Vec<Step>, Vec<Sound>) {
    let scenario = parse("t", &format!("---\n{text}")).unwrap();
    match scenario.reaction {
        Reaction::Answers(steps) => (steps, scenario.sounds),
        other => panic!("{other:?}"),
    }
}

#[test]
fn settings_are_read_and_have_defaults() {
    let text = "# a comment\nabout: It is: so. # no comment\nvoice: awb\nring: 500ms # soon\npatience: 0.9 s\n\
        longest: 2min\ncodec: pcma\nnetwork: wifi loss 3 % bursts of 2.5 delay 80 ms jitter 12 ms\n\
        noise: 10dB\necho: -20 dB after 120 ms\n---\nhang up\n";
    let scenario = parse("t", text).unwrap();
    let network = NetworkConfig {
        loss: 0.03,
        burst: 2.5,
        delay: ms(80),
        jitter: ms(12),
        ..NetworkConfig::WIFI
    };
    let expected = Settings {
        voice: "awb".into(),
        ring: ms(500),
        patience: ms(900),
        longest: ms(120_000),
        law: Law::A,
        network,
        noise: Some(10.0),
        background: None,
        echo: Some(Echo {
            gain: -20.0,
            delay: ms(120),
        }),
    };
    assert_eq!(scenario.settings, expected);
    assert_eq!(scenario.about, "It is: so. # no comment");
    let plain = parse("t", "noise: none\necho: none\n---\nhang up").unwrap();
    let defaults = Settings {
        noise: None,
        ..Settings::default()
    };
    assert_eq!(plain.settings, defaults);
}

#[test]
fn every_step_has_its_meaning() {
    let (steps, sounds) = steps(
        "say \"a \\\"b\\\" # \\\\c\" for 900 ms\nmurmur \"uh\"\nplay x.wav until key\nplay \"my x.wav\"\nmusic 8 s\n\
         beep\nbeep 400 ms\nbeep 440 Hz\nbeep 1400Hz 1s\ntone busy 2 s\ncough\ndoor\nwait 1.5 s\npress 1#\nrepeat\n\
         say \"a \\\"b\\\" # \\\\c\"\nhang up",
    );
    let beep = |hertz, length| Sound::Beep {
        hertz,
        length: ms(length),
    };
    let expected = [
        Sound::Speech("a \"b\" # \\c".into()),
        Sound::Speech("uh".into()),
        Sound::Recording("x.wav".into()),
        Sound::Recording("my x.wav".into()),
        Sound::Music(ms(8000)),
        beep(1000.0, 500),
        beep(1000.0, 400),
        beep(440.0, 500),
        beep(1400.0, 1000),
        Sound::Progress(crate::line::simulated::scenario::Progress::Busy, ms(2000)),
        Sound::Cough,
        Sound::Door,
    ];
    assert_eq!(sounds, expected);
    let play = |sound, at_most, until_key, takes_turn| {
        Step::Do(Action::Play(Play {
            sound: SoundId(sound),
            at_most,
            until_key,
            takes_turn,
        }))
    };
    assert_eq!(steps[0], play(0, Some(ms(900)), false, true));
    assert_eq!(steps[1], play(1, None, false, false));
    assert_eq!(steps[2], play(2, None, true, true));
    assert_eq!(steps[10], play(10, None, false, false));
    let rest = [
        Step::Do(Action::Pause(ms(1500))),
        Step::Do(Action::Press("1#".into())),
        Step::Do(Action::Repeat),
        play(0, None, false, true),
        Step::Do(Action::HangUp),
    ];
    assert_eq!(steps[12..], rest);
}

#[test]
fn waits_carry_their_alternatives_and_labels_are_resolved() {
    let text = "patience: 900 ms\nif silence for 5 s: repeat\n---\nlabel again\nuntil agent stops # over\n\
        until key 1\n  if any key: go to again\n  if silence for 2 s: go on\nuntil agent speaks for 2 s\n\
        if agent stops for 300 ms: go to last\nlabel last\nuntil silence for 9 s\nuntil keys 12#\nuntil agent speaks";
    let Reaction::Answers(steps) = parse("t", text).unwrap().reaction else {
        panic!("picks up");
    };
    let wait = |condition, otherwise: &[(Condition, Action)]| {
        Step::Until(Wait {
            condition,
            otherwise: otherwise.to_vec(),
        })
    };
    let impatient = (Condition::Silence(ms(5000)), Action::Repeat);
    let expected = [
        wait(Condition::Stops(ms(900)), std::slice::from_ref(&impatient)),
        wait(
            Condition::Keys("1".into()),
            &[
                (Condition::AnyKey, Action::GoTo(0)),
                (Condition::Silence(ms(2000)), Action::GoOn),
            ],
        ),
        wait(
            Condition::Speaks(ms(2000)),
            &[
                (Condition::Stops(ms(300)), Action::GoTo(3)),
                impatient.clone(),
            ],
        ),
        wait(Condition::Silence(ms(9000)), &[]),
        wait(
            Condition::Keys("12#".into()),
            std::slice::from_ref(&impatient),
        ),
        wait(Condition::Speaks(Duration::ZERO), &[impatient]),
    ];
    assert_eq!(steps, expected);
}

#[test]
fn callees_that_do_not_pick_up() {
    let reaction = |step: &str| {
        parse("t", &format!("ring: 1 s\n---\n{step}\n# end"))
            .unwrap()
            .reaction
    };
    assert_eq!(reaction("busy"), Reaction::Busy);
    assert_eq!(reaction("never answers"), Reaction::NeverAnswers);
    assert_eq!(reaction("declines"), Reaction::Declines);
    assert_eq!(reaction("no such number"), Reaction::NoSuchNumber);
}

/// Text, line, and how the message begins.
const REFUSED: &[(&str, usize, &str)] = &[
    (
        "",
        1,
        "expected a line `---` between the settings and the steps",
    ),
    ("ring: 2 s\n", 1, "expected a line `---`"),
    ("---\n", 1, "expected at least one step after the `---`"),
    (
        "hello\n---\nbusy",
        1,
        "expected a setting such as `ring: 2 s`",
    ),
    (
        "rings: 2 s\n---\nbusy",
        1,
        "unknown setting `rings`, expected one of: about, voice, ring",
    ),
    ("ring: 2 s\nring: 3 s\n---\nbusy", 2, "`ring` is set twice"),
    (
        "ring: 2\n---\nbusy",
        1,
        "expected a unit after the number at the end of the line",
    ),
    (
        "ring: 2 h\n---\nbusy",
        1,
        "the unit `h` does not fit here, expected ms, s or min",
    ),
    (
        "ring: two s\n---\nbusy",
        1,
        "expected a length of time such as `700 ms` or `1.5 s`, found `two`",
    ),
    (
        "ring: -2 s\n---\nbusy",
        1,
        "a length of time must be from 0ns to 600s here",
    ),
    (
        "ring: 1e9 s\n---\nbusy",
        1,
        "the unit `e9` does not fit here",
    ),
    (
        "ring: 99999999999999999999999 min\n---\nbusy",
        1,
        "a length of time must be from",
    ),
    (
        "ring: 2 s 3 s\n---\nbusy",
        1,
        "expected the end of the line, found `3`",
    ),
    (
        "voice: espeak\n---\nbusy",
        1,
        "expected one of: rms, awb, kal16, slt, found `espeak`",
    ),
    (
        "codec: opus\n---\nbusy",
        1,
        "expected one of: pcmu, pcma, found `opus`",
    ),
    (
        "network: lan\n---\nbusy",
        1,
        "expected one of: clean, wifi, mobile, congested, found `lan`",
    ),
    (
        "network: wifi loss 300 %\n---\nbusy",
        1,
        "300 is out of range, which is 0 to 90",
    ),
    (
        "network: wifi bursts 3\n---\nbusy",
        1,
        "expected `of`, found `3`",
    ),
    (
        "network: wifi bursts of many\n---\nbusy",
        1,
        "expected a number, found `many`",
    ),
    (
        "noise: loud\n---\nbusy",
        1,
        "expected a number in dB, found `loud`",
    ),
    (
        "echo: 3 dB after 100 ms\n---\nbusy",
        1,
        "3 is out of range, which is -80 to 0",
    ),
    (
        "echo: -3 dB\n---\nbusy",
        1,
        "expected `after` at the end of the line",
    ),
    (
        "if agent stops: repeat\n---\nbusy",
        1,
        "above the `---` only `if silence for …` may stand",
    ),
    (
        "---\nsya \"x\"",
        2,
        "expected a step, one of: until, label, say, murmur",
    ),
    (
        "---\nsay hello",
        2,
        "expected what is said in quotation marks, found `hello`",
    ),
    (
        "---\nsay",
        2,
        "expected what is said in quotation marks at the end of the line",
    ),
    (
        "---\nsay \" \"",
        2,
        "the text between the quotation marks is empty",
    ),
    (
        "---\nsay \"hello",
        2,
        "the closing quotation mark is missing",
    ),
    (
        "---\nsay \"a\\n\"",
        2,
        "after `\\` only `\"` or `\\` may follow",
    ),
    (
        "---\nsay \"a\tb\"",
        2,
        "a text may not hold control characters",
    ),
    (
        "---\nsay \"a\" loudly",
        2,
        "expected the end of the line, found `loudly`",
    ),
    ("---\nsay \"a\" for", 2, "expected a length of time"),
    (
        "---\nplay",
        2,
        "expected the name of a WAV file in quotation marks",
    ),
    (
        "---\nwait",
        2,
        "expected a length of time such as `700 ms` or `1.5 s` at the end of the line",
    ),
    (
        "---\nwait 0 ms",
        2,
        "a length of time must be from 20ms to 1800s here",
    ),
    (
        "---\nbeep 9000 Hz",
        2,
        "9000 is out of range, which is 200 to 3400",
    ),
    (
        "---\ntone fax 1 s",
        2,
        "expected one of: ringback, busy, sit, found `fax`",
    ),
    (
        "---\npress x",
        2,
        "expected up to 32 keys out of 0-9, *, # and A-D, found `x`",
    ),
    (
        "---\npress",
        2,
        "expected keys (0-9, *, #, A-D) at the end of the line",
    ),
    (
        "---\nuntil dawn",
        2,
        "expected a condition, one of: agent speaks, agent stops",
    ),
    (
        "---\nuntil silence",
        2,
        "expected `for` at the end of the line",
    ),
    ("---\nuntil key z", 2, "expected up to 32 keys"),
    (
        "---\nif agent stops: repeat",
        2,
        "an `if` belongs below the `until` during which it holds",
    ),
    (
        "---\nuntil key 1\nsay \"a\"\nif agent stops: repeat",
        4,
        "an `if` belongs below the `until`",
    ),
    (
        "---\nuntil key 1\nif agent stops repeat",
        3,
        "expected `:` and an action",
    ),
    (
        "---\nuntil key 1\nif agent stops: until key 2",
        3,
        "expected an action, one of: say, murmur",
    ),
    (
        "---\nuntil key 1\nif agent stops:",
        3,
        "expected an action, one of",
    ),
    ("---\ngo on", 2, "expected a step"),
    (
        "---\nhang up\ngo to nowhere\nhang up",
        3,
        "there is no `label nowhere` to go to",
    ),
    (
        "---\nlabel a\nhang up\nlabel a",
        4,
        "`label a` stands twice",
    ),
    ("---\nlabel", 2, "expected a name at the end of the line"),
    (
        "---\nbusy\nhang up",
        3,
        "nothing may follow a callee who does not pick up",
    ),
    (
        "---\nhang up\nbusy",
        3,
        "a callee who does not pick up has no other steps",
    ),
    ("---\nnever", 2, "expected a step"),
];

#[test]
fn mistakes_are_named_with_file_and_line_and_what_is_expected() {
    for &(text, line, message) in REFUSED {
        let error = parse("dir/bad.scenario", text).expect_err(text);
        assert_eq!(error.line, line, "{text:?}: {error}");
        assert!(error.message.starts_with(message), "{text:?}: {error}");
        let place = format!("dir/bad.scenario, line {line}: {message}");
        assert!(error.to_string().starts_with(&place), "{error}");
    }
}

#[test]
fn a_file_has_bounds() {
    let long = format!("---\n{}", "hang up\n".repeat(LONGEST_FILE / 8));
    assert_eq!(
        parse("t", &long).unwrap_err().message,
        "a scenario has at most 65536 bytes"
    );
    let many = format!("---\n{}", "cough\n".repeat(1001));
    assert_eq!(
        parse("t", &many).unwrap_err().message,
        "a scenario has at most 1000 steps"
    );
    let text = format!("---\nsay \"{}\"", "a".repeat(1001));
    assert_eq!(
        parse("t", &text).unwrap_err().message,
        "a text has at most 1000 bytes"
    );
}

#[test]
fn no_text_makes_the_parser_panic() {
    let seed = REFUSED.iter().map(|(text, ..)| *text);
    let pool: Vec<&str> = seed
        .chain([
            "until agent stops\n",
            "say \"ä – 漢\"\n",
            "---\n",
            "if silence for 1 s: ",
            "\\",
            "\"",
            "#",
            "é",
        ])
        .flat_map(|text| text.split_inclusive(' '))
        .collect();
    let mut random = fastrand::Rng::with_seed(7);
    for _ in 0..20_000 {
        let pieces = random.usize(0..12);
        let text: String = (0..pieces)
            .map(|_| pool[random.usize(0..pool.len())])
            .collect();
        let line = parse("t", &text).map_or_else(|error| error.line, |_| 1);
        assert!(line >= 1 && line <= text.lines().count().max(1), "{text:?}");
    }
}
