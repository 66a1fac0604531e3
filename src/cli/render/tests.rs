use protocol::{
    ids::CallId,
    rest::{CreateCall, EndReason, Offer, Outcome, Status, Time, TurnLatency},
};

use super::*;

const LOG: Style = Style {
    terminal: None,
    colour: false,
};
const SCREEN: Style = Style {
    terminal: Some(60),
    colour: false,
};

fn call() -> Call {
    let body = br#"{"to_phone_number": "+14155551234", "objective": "Book a table", "business_name": "Nopa"}"#;
    let request = CreateCall::parse(body, &Offer::default()).unwrap().call;
    Call::queued(
        CallId::new(1, 1),
        &request,
        "simulated",
        Time::from_unix_ms(0),
    )
}

fn speech(clause: u16, text: &str, sent: usize, heard: usize) -> Event {
    let words = SpokenWord::of_clause(text, usize::MAX, sent, heard);
    Event::AgentSpeech {
        generation: 1,
        clause,
        text: text.to_owned(),
        words,
    }
}

fn partial(text: &str) -> Event {
    Event::CalleePartial {
        text: text.to_owned(),
    }
}

fn finals(text: &str) -> Event {
    Event::CalleeFinal {
        text: text.to_owned(),
    }
}

fn drawn(style: Style, events: Vec<Event>) -> String {
    let mut renderer = Renderer::new(style);
    events
        .into_iter()
        .zip(1..)
        .map(|(event, seq)| {
            let call_id = CallId::new(1, 1);
            renderer.event(&Numbered {
                seq,
                t_ms: seq * 500,
                call_id,
                event,
            })
        })
        .collect()
}

#[test]
fn a_log_has_a_line_for_every_step() {
    let ended = Call {
        status: Status::Completed,
        outcome: Some(Outcome::Achieved),
        outcome_details: Some("Table for two.".into()),
        end_reason: Some(EndReason::AgentHungUp),
        duration_seconds: Some(42),
        ..call()
    };
    let latency = TurnLatency {
        end_of_turn_ms: 420,
        words_ms: 30,
        first_token_ms: 0,
        first_sound_ms: 120,
        wire_ms: 45,
        felt_silence_ms: 615,
    };
    let events = vec![
        Event::Snapshot {
            call: Box::new(call()),
        },
        Event::CallStatus {
            status: Status::InProgress,
        },
        speech(0, "Hi, a table for two, please.", 1, 0),
        speech(0, "Hi, a table for two, please.", 3, 2),
        speech(0, "Hi, a table for two, please.", 6, 5),
        speech(0, "Hi, a table for two, please.", 6, 6),
        speech(0, "Hi, a table for two, please.", 6, 6),
        partial("for"),
        partial("for what"),
        partial("for what"),
        finals("for what time"),
        Event::AgentThinking { generation: 2 },
        Event::TurnLatency {
            generation: 2,
            latency,
        },
        Event::CallEnded {
            call: Box::new(ended),
        },
    ];
    assert_eq!(
        drawn(LOG, events),
        "calling Nopa (+14155551234): Book a table\n\
         \x20 0:01.0  · in progress\n\
         \x20 0:01.5  Agent  … Hi, a table for two,\n\
         \x20 0:01.5  Agent  Hi, a table for two, please.\n\
         \x20 0:04.0  Host   … for\n\
         \x20 0:04.0  Host   … for what\n\
         \x20 0:04.0  Host   … for what time\n\
         \x20 0:04.0  Host   for what time\n\
         \x20 0:06.5  · answered after 0.61 s: end of turn 0.42, words 0.03, first token 0.00, first sound 0.12, wire 0.04\n\
         \n\
         status    completed, agent hung up\n\
         outcome   achieved: Table for two.\n\
         duration  42 s\n"
    );
}

/// What a terminal shows in the end: the cursor moves up, and everything below it goes.
fn screen(drawn: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut rest = drawn;
    while let Some(at) = rest.find(['\r', '\n', '\x1b']) {
        lines.last_mut().unwrap().push_str(&rest[..at]);
        rest = &rest[at..];
        if let Some(after) = rest.strip_prefix('\n') {
            lines.push(String::new());
            rest = after;
        } else {
            let from = rest.find("\x1b[J").unwrap();
            let up = rest[..from]
                .trim_start_matches("\r\x1b[")
                .trim_end_matches('A')
                .trim();
            for _ in 0..up.parse().unwrap_or(0) {
                lines.pop();
            }
            lines.last_mut().unwrap().clear();
            rest = &rest[from + 3..];
        }
    }
    lines.last_mut().unwrap().push_str(rest);
    lines
}

fn in_progress() -> Event {
    Event::CallStatus {
        status: Status::InProgress,
    }
}

#[test]
fn a_terminal_redraws_what_is_being_spoken_and_how_the_call_stands() {
    let mut events = vec![
        in_progress(),
        speech(0, "Hello there, my friend.", 2, 1),
        partial("uh"),
    ];
    assert_eq!(
        screen(&drawn(SCREEN, events.clone())),
        [
            "  0:00.5  · in progress",
            "  0:01.5  Host   uh",
            "  0:01.0  Agent  Hello there, my friend.",
            " in progress 0:01 · both speak ",
        ]
    );
    events.extend([
        Event::TurnInterrupted {
            heard: "Hello".into(),
        },
        finals("uh huh yes"),
        Event::AgentThinking { generation: 2 },
    ]);
    assert_eq!(
        screen(&drawn(SCREEN, events.clone())),
        [
            "  0:00.5  · in progress",
            "  0:01.0  Agent  Hello —",
            "  0:02.0  · the agent was interrupted",
            "  0:01.5  Host   uh huh yes",
            " in progress 0:02 · the agent thinks ",
        ]
    );
    let ended = Call {
        status: Status::Completed,
        ..call()
    };
    events.push(Event::CallEnded {
        call: Box::new(ended),
    });
    let shown = screen(&drawn(SCREEN, events));
    assert_eq!(shown[4..], ["", "status    completed", ""]);
}

#[test]
fn the_time_goes_on_between_events_and_nothing_is_left_behind() {
    let mut renderer = Renderer::new(SCREEN);
    let event = Numbered {
        seq: 1,
        t_ms: 4_000,
        call_id: CallId::new(1, 1),
        event: in_progress(),
    };
    let mut out = renderer.event(&event);
    out += &renderer.tick(70_100);
    assert_eq!(
        screen(&out),
        [
            "  0:04.0  · in progress",
            " in progress 1:06 · nobody speaks "
        ]
    );
    out += &renderer.leave();
    assert_eq!(screen(&out), ["  0:04.0  · in progress", ""]);
    assert_eq!(Renderer::new(LOG).tick(70_100), "");
}

#[test]
fn a_line_that_is_redrawn_never_wraps() {
    let text = "one two three four five six 七七七七七七七七 eight nine ten eleven twelve thirteen fourteen";
    for heard in 0..14 {
        for width in 40..90 {
            let style = Style {
                terminal: Some(width),
                colour: false,
            };
            let events = vec![in_progress(), partial(text), speech(0, text, 14, heard)];
            for line in screen(&drawn(style, events)) {
                assert!(line.width() < width, "{width}: {line}");
            }
        }
    }
    let shown = screen(&drawn(SCREEN, vec![in_progress(), partial(text)]));
    assert!(shown[1].ends_with("thirteen fourteen"), "{shown:?}");
}

#[test]
fn what_was_cut_off_is_shown_as_far_as_it_was_heard() {
    let events = vec![
        speech(0, "We would like a table.", 5, 2),
        speech(1, "For two people.", 0, 0),
        Event::TurnInterrupted {
            heard: "We would".into(),
        },
        speech(0, "We would like a table.", 5, 5),
    ];
    assert_eq!(
        drawn(LOG, events),
        "  0:00.5  Agent  We would —\n  0:01.5  · the agent was interrupted\n"
    );
    let coloured = Style {
        terminal: Some(60),
        colour: true,
    };
    let events = vec![
        speech(0, "We would like a table.", 5, 2),
        Event::TurnInterrupted {
            heard: "We would".into(),
        },
    ];
    let shown = drawn(coloured, events);
    assert!(
        shown.contains("We would — \x1b[2;9mlike a table."),
        "{shown}"
    );
}

#[test]
fn colours_are_used_only_when_wanted() {
    let style = Style {
        colour: true,
        ..LOG
    };
    let events = || {
        vec![
            speech(0, "Hi.", 1, 1),
            Event::Warning {
                message: "careful".into(),
            },
        ]
    };
    assert!(drawn(style, events()).contains("\x1b[36mAgent"));
    assert!(!drawn(LOG, events()).contains('\x1b'));
}

#[test]
fn nothing_that_comes_over_the_network_controls_the_terminal() {
    let text = "a\x1b[2Jb\r\nc";
    let ended = Call {
        summary: Some(text.into()),
        objective: text.into(),
        ..call()
    };
    let events = vec![
        Event::Snapshot {
            call: Box::new(ended.clone()),
        },
        speech(0, text, 1, 0),
        partial(text),
        finals(text),
        Event::Warning {
            message: text.into(),
        },
        Event::CallEnded {
            call: Box::new(ended),
        },
    ];
    let drawn = drawn(LOG, events);
    assert!(
        !drawn.contains('\x1b') && !drawn.contains('\r'),
        "{drawn:?}"
    );
}
