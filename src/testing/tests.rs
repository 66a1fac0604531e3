use super::*;

/// Real input to start from, and input that broke programs like this one.
const BODIES: [&str; 7] = [
    r#"{"to_phone_number": "+14155551234", "objective": "Book a table for 2 at 7pm", "business_name": "Nopa", "website": "https://nopa-sf.com"}"#,
    r#"{"to_phone_number": "+14155551234", "objective": "x", "language": "spanish", "max_duration_seconds": 90, "voicemail": {"action": "leave_message", "message": "Call us"}}"#,
    r#"{"to_phone_number": "911", "objective": "x", "metadata": {"a": [1, 2.5e300, null, true, "\ud83d\ude00"]}}"#,
    r#"{"objective": "", "to_phone_number": 4155551234, "result_schema": {"type": "object"}}"#,
    r#"{"to_phone_number": "+442079460958", "objective": "x", "transfer_to": "+1911", "scenario": "books"}"#,
    r#"[{"to_phone_number": "+14155551234"}]"#,
    r#"{"to_phone_number": "+14155551234", "objective": "x", "webhook_url": "https://[::1]:8080/x?y#z", "line": "simulated"}"#,
];

const COMMANDS: [&str; 6] = [
    r#"{"type": "say", "id": "1", "text": "Hello"}"#,
    r##"{"type": "dtmf", "id": 2, "keys": "123#w*ABCD"}"##,
    r#"{"type": "transfer", "id": null, "to": "+14155551234"}"#,
    r#"{"type": "mute", "on": true, "call_id": "cl_000000000000000000000000000000"}"#,
    r#"{"type": "hang_up", "id": {"a": 1}}"#,
    r#"{"type": "instruct", "text": "Ask for 8pm\n\u0000", "extra": 1}"#,
];

const CONFIGS: [&str; 3] = [
    include_str!("../../agentphone.example.toml"),
    "[server]\nlisten = \"0.0.0.0:0\"\npublic_url = \"https://phone.example\"\n",
    "server.listen = 5\n[server]\nnope = 1\n[[calls]]\n",
];

/// Pieces that are likely to matter wherever they land.
const PIECES: [&[u8]; 22] = [
    b"\"",
    b"{",
    b"}",
    b"[",
    b"]",
    b":",
    b",",
    b"null",
    b"true",
    b"-1",
    b"1e999",
    b"\\u0000",
    b"\\ud800",
    b"\xff",
    b"\0",
    b"\n",
    b"=",
    b"911",
    b"+1",
    "é".as_bytes(),
    "９".as_bytes(),
    b"99999999999999999999",
];

/// Changes bytes in one of a few ways, a few times.
fn mutate<S: AsRef<[u8]>>(random: &mut fastrand::Rng, seeds: &[S]) -> Vec<u8> {
    let seed = random.choice(seeds).expect("there are seeds");
    let mut bytes = seed.as_ref().to_vec();
    for _ in 0..random.usize(1..4) {
        let at = random.usize(..=bytes.len());
        let to = random.usize(at..=bytes.len().min(at + 16));
        match random.u8(..12) {
            0 => bytes.truncate(at),
            1..3 => drop(bytes.drain(at..to)),
            3..6 => drop(bytes.splice(at..to, random.choice(PIECES).expect("some").to_vec())),
            6..8 => {
                let piece = bytes[at..to].to_vec();
                let target = random.usize(..=bytes.len());
                bytes.splice(target..target, piece);
            }
            8..10 => bytes.insert(at, random.u8(..)),
            _ => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= 1 << random.u8(..8);
                }
            }
        }
    }
    bytes
}

/// Runs a target over its seeds as they are and over `count` mutations of them; a panic names the round.
pub(crate) fn drive(target: fn(&[u8]), seeds: &[&str], count: u32) {
    drive_bytes(target, seeds, count);
}

/// The same for input that is no text.
pub(crate) fn drive_bytes<S: AsRef<[u8]>>(target: fn(&[u8]), seeds: &[S], count: u32) {
    for seed in seeds {
        target(seed.as_ref());
    }
    let mut random = fastrand::Rng::with_seed(2026);
    for round in 0..count {
        let bytes = mutate(&mut random, seeds);
        let result = std::panic::catch_unwind(|| target(&bytes));
        assert!(
            result.is_ok(),
            "round {round}: {:?}",
            String::from_utf8_lossy(&bytes)
        );
    }
}

#[test]
fn bodies_of_strangers_never_break_us() {
    drive(fuzz_rest_body, &BODIES, 100_000);
}

#[test]
fn commands_of_strangers_never_break_us() {
    drive(fuzz_control, &COMMANDS, 100_000);
}

#[test]
fn configurations_never_break_us() {
    drive(fuzz_config, &CONFIGS[1..], 8_000);
    drive(fuzz_config, &CONFIGS[..1], 200);
}

#[test]
fn the_mutator_reaches_both_sides_of_every_target() {
    let mut random = fastrand::Rng::with_seed(2026);
    let (mut accepted, mut refused) = (0, 0);
    for _ in 0..5_000 {
        match CreateCall::parse(&mutate(&mut random, &BODIES), &Offer::default()) {
            Ok(_) => accepted += 1,
            Err(_) => refused += 1,
        }
    }
    assert!(
        accepted > 100 && refused > 100,
        "{accepted} accepted, {refused} refused"
    );
}
