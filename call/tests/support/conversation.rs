//! A random conversation from a seed: how the services behave, and what the callee, the line and people outside do.

use std::time::Duration;

use call::{
    Action, AnsweredBy, CallConfig, ClauseId, Command, Event, Failure, FlushMark, Generation,
    LineEvent, PlayoutEvent, Prosody, ReplyEvent, Speaker, SpeechEvent, Tone, Tool, VoiceEvent,
    Voicemail, WordsEvent,
};
use fastrand::Rng;

use super::{Answer, Ends, Manners, Step, World, checker::Checker, ms};

const UTTERANCES: &[&str] = &[
    "hello",
    "yes",
    "no",
    "okay",
    "uh-huh",
    "sure for how many people",
    "seven thirty",
    "we are fully booked tonight",
    "could you hold on a moment please",
    "let me check that for",
    "my number is",
    "four one five",
    "five five five",
    "one two three four",
    "what was the name",
    "and um",
    "maria at gmail dot com",
    "bye",
    "thank you goodbye",
    "sorry I didn't catch that",
    "the",
    "is that all right",
    "we open at five and we close at ten",
    "l o p e z",
    "your call is important to us please stay on the line",
    "wait",
    "sí claro",
    "no no I said eight not seven",
    "would you like to leave a message",
    "so that is a table for two at",
    "I'd like to book a table",
];
/// Words that only [`garbage`] holds.
const GARBAGE_WORDS: &[&str] = &["odd", "words", "late"];
const MACHINES: &[&str] = &[
    "please leave a message after the tone",
    "for reservations press one for hours press two",
    "the mailbox is full",
];
const REPLIES: &[&str] = &[
    "Sure.",
    "A table for two, please.",
    "Is seven thirty all right for you?",
    "Hello, are you still there?",
    "We would like to sit outside, if that is possible. There are two of us, and we come at 7.30 p.m. Thank you.",
    "Could I have your phone number?",
    "",
    "Thank you, goodbye.",
    "Great",
    "What time do you close, and is there parking?",
];

/// Plays the conversation of a seed to its end; returns it with the first thing that must not be.
pub(crate) fn play(seed: u64) -> (World, Result<(), String>) {
    let mut rng = Rng::with_seed(seed);
    let config = config(&mut rng);
    let manners = manners(&mut rng);
    let answers = (0..60).map(|_| answer(&mut rng)).collect();
    let limit = config.silence_prompt.max(config.hold_limit)
        + config.think_limit * 2
        + Duration::from_secs(15);
    let confirms = manners.playout_lag.is_some();
    let longest = config.max_duration + config.ring_limit;
    let mut world = World::watched(config, manners, answers, |origin| {
        Checker::new(origin, limit, confirms)
    });
    let rude = rng.u8(..) < 40;
    if rng.u8(..) < 245 {
        world.at(ms(rng.u64(0..6000)), Event::Line(LineEvent::Answered));
    }
    world.wake_at(ms(rng.u64(0..3000)));
    let outcome = run(&mut world, &mut rng, rude, longest);
    (world, outcome)
}

fn run(world: &mut World, rng: &mut Rng, rude: bool, longest: Duration) -> Result<(), String> {
    while !world.is_over() {
        let step = world.step();
        if let Some(wrong) = world.wrong.take() {
            return Err(format!("at {:?}: {wrong}", world.now));
        }
        match step {
            Step::Went => {}
            Step::Woke => {
                let pause = act(world, rng, rude);
                world.wake_at(world.now + pause);
            }
            Step::Still => break,
        }
        if world.now > longest + Duration::from_secs(1) {
            return Err("it is longer than allowed".into());
        }
    }
    // Whatever comes after the end changes nothing.
    for _ in 0..5 {
        world.hand_in(garbage(rng));
    }
    // A recogniser that never ends a result repeats it for ever; mixed with garbage, nobody could tell its words apart.
    if world.manners.flush_lag.is_some() {
        check_words(world)?;
    }
    match world.wrong.take() {
        Some(wrong) => Err(wrong),
        None => world.checker.as_ref().map_or(Ok(()), Checker::at_last),
    }
}

/// What the transcript lets the callee say was said, in that order, each word once.
fn check_words(world: &World) -> Result<(), String> {
    let mut uttered = world.uttered();
    for (_, action) in &world.actions {
        let Action::Turn(turn) = action else { continue };
        if turn.speaker != Speaker::Callee {
            continue;
        }
        for word in turn
            .text
            .split_whitespace()
            .filter(|word| !GARBAGE_WORDS.contains(word))
        {
            if !uttered.any(|said| said == word) {
                return Err(format!(
                    "'{word}' of \"{}\" was not said, or is told twice",
                    turn.text
                ));
            }
        }
    }
    Ok(())
}

fn config(rng: &mut Rng) -> CallConfig {
    CallConfig {
        first_message: (rng.u8(..) < 40).then(|| "Hello, I call about a table.".to_owned()),
        patience: [0.5, 1.0, 1.0, 1.0, 2.0, 3.0][rng.usize(0..6)],
        ring_limit: Duration::from_secs(30),
        hold_limit: Duration::from_secs(15),
        think_limit: Duration::from_secs(4),
        max_duration: Duration::from_secs(rng.u64(5..80)),
        voicemail: if rng.bool() {
            Voicemail::HangUp
        } else {
            Voicemail::LeaveMessage("Please call back.".into())
        },
        ..CallConfig::default()
    }
}

fn lag(rng: &mut Rng, usual: u64, never: u8) -> Option<Duration> {
    if rng.u8(..) < never {
        None
    } else {
        Some(ms(rng.u64(0..usual * 2)))
    }
}

fn manners(rng: &mut Rng) -> Manners {
    Manners {
        partial_lag: lag(rng, 150, 25),
        flush_lag: lag(rng, 80, 8),
        sound_lag: lag(rng, 150, 6),
        per_char: ms(rng.u64(40..80)),
        word_times: false,
        playout_lag: lag(rng, 80, 8),
        tick: ms(rng.u64(60..240)),
        edge_lag: (ms(rng.u64(20..150)), ms(rng.u64(60..300))),
        failing_clauses: if rng.u8(..) < 15 { rng.u32(1..4) } else { 0 },
        leaky: rng.bool(),
    }
}

fn answer(rng: &mut Rng) -> Answer {
    let mut tools = Vec::new();
    if rng.u8(..) < 50 {
        tools.push(match rng.u8(0..11) {
            0..=2 => Tool::HangUp,
            3 | 4 => Tool::PressKeys("1w2#x".into()),
            5 | 6 => Tool::Wait,
            7 => Tool::Transfer("+14155550100".into()),
            8 | 9 => Tool::Ask("Is nine all right?".into()),
            _ => Tool::Note("They close at ten.".into()),
        });
    }
    Answer {
        withheld: rng.u8(..) < 8,
        text: REPLIES[rng.usize(..REPLIES.len())].to_owned(),
        tools,
        after: ms(rng.u64(0..900) * if rng.u8(..) < 20 { 6 } else { 1 }),
        ends: match rng.u8(..) {
            0..=8 => Ends::Failed,
            9..=14 => Ends::Never,
            _ => Ends::Done,
        },
    }
}

/// Somebody does something; returns the time to the next thing.
fn act(world: &mut World, rng: &mut Rng, rude: bool) -> Duration {
    let now = world.now;
    match rng.u8(..) {
        0..=139 => {
            let words = if rng.u8(..) < 6 {
                MACHINES[rng.usize(..MACHINES.len())]
            } else {
                UTTERANCES[rng.usize(..UTTERANCES.len())]
            };
            let length = ms(80 + words.len() as u64 * rng.u64(40..90));
            let echo = if rng.u8(..) < 20 { rng.f32() } else { 0.0 };
            world.voice(now, length, words, echo, prosody(rng));
            length
                + ms(if rude {
                    rng.u64(0..600)
                } else {
                    rng.u64(0..6000)
                })
        }
        140..=189 => {
            let length = ms(rng.u64(30..2500));
            let echo = if rng.bool() { rng.f32() } else { 0.0 };
            world.voice(now, length, "", echo, Prosody::default());
            length + ms(rng.u64(0..3000))
        }
        190..=214 => ms(rng.u64(0..12_000)),
        215..=235 => {
            world.hand_in(garbage(rng));
            ms(rng.u64(0..500))
        }
        _ => {
            if let Some(event) = rare(rng) {
                world.hand_in(event);
            }
            ms(rng.u64(0..3000))
        }
    }
}

fn prosody(rng: &mut Rng) -> Prosody {
    Prosody {
        pitch_slope: rng.f32() * 10.0 - 5.0,
        pitch_level: rng.f32() * 8.0 - 4.0,
        energy_drop: rng.f32() * -12.0,
        last_voiced: ms(rng.u64(0..500)),
    }
}

/// Events that real calls have seldom, and that end many of them.
fn rare(rng: &mut Rng) -> Option<Event> {
    Some(match rng.u8(0..26) {
        0 => Event::Line(LineEvent::HungUp),
        1 => Event::Line(LineEvent::Failed(Failure::MediaLost)),
        2 => Event::Line(LineEvent::Dtmf('5')),
        3 => Event::Line(LineEvent::AnsweredBy(AnsweredBy::Human)),
        4 => Event::Voice(VoiceEvent::Tone(Tone::Beep)),
        5 => Event::Voice(VoiceEvent::Tone(
            [Tone::Ringback, Tone::Busy, Tone::Sit, Tone::Fax][rng.usize(..4)],
        )),
        6..=8 => Event::Voice(VoiceEvent::Music(rng.bool())),
        9 => Event::Command(Command::Say("This is from outside.".into())),
        10 => Event::Command(Command::Instruct("Be brief.".into())),
        11 => Event::Command(Command::Interrupt),
        12 => Event::Command(Command::PressKeys("12".into())),
        13 => Event::Command(Command::Mute(true)),
        14..=16 => Event::Command(Command::Mute(false)),
        17 => Event::Command(Command::HangUp),
        18 => Event::Command(Command::Cancel { now: rng.bool() }),
        19 => Event::Command(Command::Drain),
        20 => Event::Words(WordsEvent::Failed),
        21 => Event::Command(Command::Transfer("+14155550100".into())),
        22 | 23 => Event::Command(Command::Answer {
            question: rng.u32(1..4),
            text: "Yes, that is fine.".into(),
        }),
        _ => return None,
    })
}

/// Events that make no sense, as a faulty or late service would send them. Never about a reply that is alive with
/// sound of its own, so that the checker's picture of the line stays true.
pub(crate) fn garbage(rng: &mut Rng) -> Event {
    let generation = Generation(if rng.bool() { 0 } else { rng.u32(900..) });
    let clause = ClauseId {
        generation,
        index: rng.u16(..),
    };
    let at = ms(rng.u64(0..100_000));
    match rng.u8(0..14) {
        0 => Event::Reply(generation, ReplyEvent::Text("Zombie words.".into())),
        1 => Event::Reply(generation, ReplyEvent::Done),
        2 => Event::Reply(generation, ReplyEvent::Tool(Tool::HangUp)),
        3 => Event::Speech(clause, SpeechEvent::Audio(at)),
        4 => Event::Speech(clause, SpeechEvent::Done(at)),
        5 => Event::Speech(clause, SpeechEvent::Words(vec![at; 3])),
        6 => Event::Playout(PlayoutEvent::Sent(clause, at)),
        7 => Event::Playout(PlayoutEvent::Finished(clause)),
        8 => Event::Words(WordsEvent::Final {
            text: String::new(),
            mark: Some(FlushMark(rng.u32(..))),
        }),
        9 => Event::Words(WordsEvent::Partial("odd words".into())),
        10 => Event::Voice(VoiceEvent::Ended {
            silence: at,
            voiced: at,
            prosody: Prosody::default(),
        }),
        11 => Event::Line(LineEvent::Ringing),
        12 => Event::Words(WordsEvent::Final {
            text: "late".into(),
            mark: Some(FlushMark(rng.u32(900..))),
        }),
        _ => Event::Deadline,
    }
}
