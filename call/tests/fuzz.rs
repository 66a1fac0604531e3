//! Arbitrary sequences of events, in any order and with any delay: the core never panics, its deadline always lies
//! ahead, and it ends at most once.

mod support;

use std::time::Duration;

use call::{
    Action, Call, CallConfig, ClauseId, Event, FlushMark, Generation, LineEvent, PlayoutEvent,
    Prosody, ReplyEvent, SpeechEvent, Tool, TurnHint, VoiceEvent, WordsEvent,
};
use fastrand::Rng;
use support::{conversation::garbage, epoch, ms};

const SEQUENCES: u64 = 20_000;

/// Any event, with generations and marks that are likely to be alive.
fn any(rng: &mut Rng) -> Event {
    let generation = Generation(rng.u32(0..12));
    let clause = ClauseId {
        generation,
        index: rng.u16(0..4),
    };
    let at = if rng.u8(..) < 8 {
        Duration::MAX
    } else {
        ms(rng.u64(0..4000))
    };
    match rng.u8(0..23) {
        0 => Event::Line(LineEvent::Answered),
        1 => Event::Voice(VoiceEvent::Started {
            voiced: at,
            echo: odd(rng),
        }),
        2 => Event::Voice(VoiceEvent::Going {
            voiced: at,
            echo: odd(rng),
        }),
        3 | 4 => Event::Voice(VoiceEvent::Ended {
            silence: at,
            voiced: at,
            prosody: Prosody {
                pitch_slope: odd(rng),
                pitch_level: odd(rng),
                energy_drop: odd(rng),
                last_voiced: at,
            },
        }),
        5 => Event::Words(WordsEvent::Partial(text(rng))),
        6 | 7 => Event::Words(WordsEvent::Final {
            text: text(rng),
            mark: rng.bool().then(|| FlushMark(rng.u32(0..9))),
        }),
        22 => Event::Words(WordsEvent::Hint(if rng.bool() {
            TurnHint::Over(rng.u8(..))
        } else {
            TurnHint::GoesOn
        })),
        8 | 9 => Event::Reply(generation, ReplyEvent::Text(text(rng))),
        10 => Event::Reply(generation, ReplyEvent::Done),
        11 => Event::Reply(generation, ReplyEvent::Failed),
        12 => {
            let tool = [Tool::PressKeys, Tool::Ask, Tool::Note][rng.usize(..3)];
            Event::Reply(generation, ReplyEvent::Tool(tool(text(rng))))
        }
        13 => Event::Speech(clause, SpeechEvent::Audio(at)),
        14 => Event::Speech(clause, SpeechEvent::Done(at)),
        15 => Event::Speech(clause, SpeechEvent::Words(vec![at; rng.usize(0..5)])),
        16 => Event::Playout(PlayoutEvent::Sent(clause, at)),
        17 => Event::Playout(PlayoutEvent::Heard(clause, at)),
        18 => Event::Playout(PlayoutEvent::Finished(clause)),
        19 => Event::Speech(clause, SpeechEvent::Failed),
        20 => Event::Deadline,
        21 => Event::Reply(generation, ReplyEvent::Withheld),
        _ => garbage(rng),
    }
}

fn odd(rng: &mut Rng) -> f32 {
    [
        0.0,
        1.0,
        -1.0,
        0.5,
        f32::NAN,
        f32::INFINITY,
        f32::NEG_INFINITY,
        1e30,
    ][rng.usize(..8)]
}

fn text(rng: &mut Rng) -> String {
    const PIECES: &[&str] = &[
        "yes",
        " ",
        "no",
        "—",
        "\u{301}",
        "7.30",
        "p.m.",
        ", ",
        ". ",
        "? ",
        "\n",
        "「はい」。",
        "مرحبا ",
        "🙂",
        "four one five ",
        "um",
        "[noise]",
        "\"",
        "\\",
        "uh-huh",
        "İstanbul ",
        "at gmail dot com",
        "Dr.",
        "\u{0}",
        "ß",
        "é",
        "…",
    ];
    (0..rng.usize(0..8))
        .map(|_| PIECES[rng.usize(..PIECES.len())])
        .collect()
}

#[test]
fn no_sequence_of_events_breaks_the_core() {
    for seed in 0..SEQUENCES {
        let mut rng = Rng::with_seed(seed);
        let origin = epoch();
        let mut call = Call::new(CallConfig::default(), origin);
        let mut actions = Vec::new();
        call.start(origin, &mut actions);
        let mut now = origin;
        let mut ended = 0;
        for _ in 0..rng.usize(5..80) {
            // Time also stands still, and at times seems to run backwards.
            let step = ms(rng.u64(0..1500));
            let given = if rng.u8(..) < 20 { origin } else { now + step };
            now = now.max(given);
            let event = any(&mut rng);
            actions.clear();
            call.handle(event.clone(), given, &mut actions);
            assert!(
                ended == 0 || actions.is_empty(),
                "seed {seed}: {event:?} did something after the end"
            );
            ended += actions
                .iter()
                .filter(|action| matches!(action, Action::End(_)))
                .count();
            assert!(ended <= 1, "seed {seed}: it ended twice");
            match call.deadline() {
                Some((at, _)) => assert!(
                    at > now && ended == 0,
                    "seed {seed}: the deadline after {event:?}"
                ),
                None => assert!(ended == 1, "seed {seed}: waits for nothing after {event:?}"),
            }
        }
    }
}

#[test]
fn a_late_clock_reading_cannot_undo_a_timer() {
    let origin = epoch();
    let mut call = Call::new(CallConfig::default(), origin);
    let mut actions = Vec::new();
    call.start(origin, &mut actions);
    call.handle(
        Event::Line(LineEvent::Answered),
        origin + ms(5000),
        &mut actions,
    );
    let before = call.deadline();
    call.handle(Event::Line(LineEvent::Ringing), origin, &mut actions);
    assert_eq!(call.deadline(), before);
}

/// Events and actions go through queues and between threads by the thousand; they must stay small and movable.
#[test]
fn events_and_actions_are_small_and_can_be_sent() {
    fn send<T: Send + Sync + 'static>() -> usize {
        size_of::<T>()
    }
    assert!(
        send::<Event>() <= 64,
        "an event takes {} bytes",
        send::<Event>()
    );
    assert!(
        send::<Action>() <= 192,
        "an action takes {} bytes",
        send::<Action>()
    );
    assert!(
        send::<Call>() <= 4096,
        "a call takes {} bytes beside its text",
        send::<Call>()
    );
}
