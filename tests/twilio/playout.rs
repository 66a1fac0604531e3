//! What is sent, and what counts as heard: pace, marks, clears.

use std::time::Duration;

use agentphone::provider::scripted::ScriptedReply;
use call::Tool;
use protocol::{control::Event, rest::Status};

use super::{
    Plan, Rig, Setup, Step, TO, booking, ms, polite,
    standin::phone::{Report, Seen},
};

const LONG: &str = "I would like to book a table for two people at seven in the evening, and I would also like to \
                    know whether there is a terrace to sit on, because the weather will be very good tonight.";

/// An agent that is interrupted in a long sentence, and one that was understood.
fn interrupted(heard: &'static str) -> Setup {
    Setup {
        heard: vec!["hello", heard],
        replies: vec![
            ScriptedReply::text(LONG),
            ScriptedReply::tool("Goodbye then.", Tool::HangUp),
        ],
        ..Setup::default()
    }
}

fn cuts_in(after: Duration, words: usize) -> Vec<Step> {
    vec![
        Step::Wait(ms(300)),
        Step::Say(1),
        Step::Hears(after),
        Step::Say(words),
        Step::Stay,
    ]
}

/// Sound between marks, and at the end of each stretch, in bytes.
fn assert_marked(report: &Report) {
    let mut since = 0;
    for (_, seen) in &report.seen {
        match seen {
            Seen::Media(length) => since += length,
            Seen::Mark(_) | Seen::Clear => since = 0,
        }
        assert!(since <= 1_600, "more than 200 ms without a mark");
    }
    assert_eq!(since, 0, "the last sound has no mark");
}

#[tokio::test(start_paused = true)]
async fn sound_is_a_little_ahead_and_marked() {
    let rig = Rig::new();
    rig.call(Plan::answers(polite()), booking()).await;
    let report = rig.standin.report(TO);
    assert_marked(&report);
    assert!(report.most_ahead <= ms(300), "{:?}", report.most_ahead);
    assert!(report.most_ahead >= ms(100), "{:?}", report.most_ahead);
    // Marks come in the order in which they were sent.
    let sent: Vec<_> = report
        .seen
        .iter()
        .filter_map(|(_, seen)| match seen {
            Seen::Mark(name) => Some(name.clone()),
            _ => None,
        })
        .collect();
    assert_eq!(report.played, sent);
}

/// The agent's speech has no holes: while it speaks, frames come without a gap.
#[tokio::test(start_paused = true)]
async fn speech_is_heard_without_holes() {
    let rig = Rig::new();
    let setup = Setup {
        replies: vec![ScriptedReply::tool(LONG, Tool::HangUp)],
        ..Setup::default()
    };
    rig.call(Plan::answers(vec![Step::Stay]), setup).await;
    let report = rig.standin.report(TO);
    let letters = LONG
        .split_whitespace()
        .map(|word| word.len() * 50 + 40)
        .sum::<usize>();
    let bytes: usize = report
        .seen
        .iter()
        .map(|(_, seen)| {
            if let Seen::Media(length) = seen {
                *length
            } else {
                0
            }
        })
        .sum();
    assert!(
        (bytes / 8).abs_diff(letters) <= 80,
        "{} {letters}",
        bytes / 8
    );
    // From the first to the last frame that sounds, no longer silence than between two words.
    let frames = &report.heard;
    let sounding: Vec<_> = (0..frames.len())
        .filter(|at| super::standin::sound::sounds(&frames[*at]))
        .collect();
    for pair in sounding.windows(2) {
        assert!(pair[1] - pair[0] <= 5, "{pair:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_interruption_clears_at_once_and_the_record_says_what_was_heard() {
    let rig = Rig::new();
    let (call, _) = rig
        .call(
            Plan::answers(cuts_in(ms(2_000), 6)),
            interrupted("sorry we are closed today"),
        )
        .await;
    let report = rig.standin.report(TO);
    assert_eq!(report.clears(), 1, "{:?}", report.seen);
    assert!(report.thrown_away[0] <= ms(300), "{:?}", report.thrown_away);
    let agent = &call.turns[1];
    assert!(agent.interrupted && agent.text.ends_with('—'), "{agent:?}");
    // About two seconds and what the detection takes: some eight to fourteen words.
    let words = agent.text.split_whitespace().count();
    assert!((7..=14).contains(&words), "{}", agent.text);
    assert_eq!(call.status, Status::Completed);
}

/// The carrier holds two seconds: nothing of what it throws away was heard.
#[tokio::test(start_paused = true)]
async fn an_interruption_while_two_seconds_are_held() {
    let rig = Rig::new();
    let plan = Plan {
        hold: ms(2_000),
        ..Plan::answers(cuts_in(ms(1_500), 6))
    };
    let (call, _) = rig
        .call(plan, interrupted("sorry we are closed today"))
        .await;
    let report = rig.standin.report(TO);
    assert!(report.clears() >= 1);
    let thrown = report.thrown_away[0];
    assert!(thrown >= ms(1_500), "{thrown:?}");
    assert!(!report.cleared.is_empty());
    let played: Vec<_> = report.played.iter().collect();
    assert!(report.cleared.iter().all(|name| !played.contains(&name)));
    // What the telephone really played until the clear, by the words of the voice: 50 ms a letter, 40 ms a word.
    let clear = report
        .seen
        .iter()
        .find(|(_, seen)| *seen == Seen::Clear)
        .expect("a clear")
        .0;
    let frames = usize::try_from(clear.as_millis() / 20).expect("a short call");
    let first = report
        .heard
        .iter()
        .position(|frame| super::standin::sound::sounds(frame))
        .expect("sound");
    let heard = (frames - first) * 20;
    let (mut at, mut words) = (0, 0);
    for word in LONG.split_whitespace() {
        at += word.len() * 50;
        if at > heard {
            break;
        }
        at += 40;
        words += 1;
    }
    let agent = &call.turns[1];
    let kept = agent
        .text
        .split_whitespace()
        .filter(|word| *word != "—")
        .count();
    assert!(agent.interrupted, "{agent:?}");
    assert!(
        kept <= words && kept + 1 >= words,
        "{kept} {words}: {}",
        agent.text
    );
}

/// A cough: the agent stops, and goes on a little before where it was stopped. Nothing is skipped.
#[tokio::test(start_paused = true)]
async fn a_false_alarm_skips_nothing() {
    for hold in [Duration::ZERO, ms(1_000)] {
        let rig = Rig::new();
        let setup = Setup {
            heard: vec!["hello", "", "yes"],
            ..interrupted("")
        };
        let steps = vec![
            Step::Wait(ms(300)),
            Step::Say(1),
            Step::Hears(ms(1_000)),
            Step::Say(1),
            Step::Quiet,
            Step::Say(3),
            Step::Stay,
        ];
        let plan = Plan {
            hold,
            ..Plan::answers(steps)
        };
        let (call, events) = rig.call(plan, setup).await;
        let report = rig.standin.report(TO);
        assert!(
            events.iter().any(|e| matches!(e.event, Event::TurnResumed)),
            "{hold:?}"
        );
        assert_eq!(report.clears(), 1, "{hold:?}");
        assert_eq!(call.turns[1].text, LONG, "{hold:?} {:?}", call.turns);
        // All of the sentence came out of the earpiece, and no more than a little of it twice.
        let whole: usize = LONG.split_whitespace().map(|word| word.len() * 50).sum();
        let goodbye = 50 * "Goodbyethen.".len();
        let heard = usize::try_from(report.heard_for().as_millis()).expect("a short call");
        let extra = heard as i64 - (whole + goodbye) as i64;
        assert!(
            (-700..=900).contains(&extra),
            "{hold:?}: {extra} ms more than the sentence"
        );
    }
}

/// A carrier that sends no marks back is believed by the clock; the goodbye is heard in full all the same.
#[tokio::test(start_paused = true)]
async fn a_carrier_without_marks_is_believed_by_the_clock() {
    let rig = Rig::new();
    let plan = Plan {
        marks: false,
        ..Plan::answers(polite())
    };
    let (call, _) = rig.call(plan, booking()).await;
    assert_eq!(call.status, Status::Completed, "{call:?}");
    let words = call.transcript.expect("words");
    assert!(
        words.contains("Agent: Hi, I would like a table for two at seven, please.\n"),
        "{words}"
    );
    assert!(
        words.ends_with("Agent: Thank you very much. Goodbye."),
        "{words}"
    );
}

/// The network takes nothing for two seconds in the middle of a sentence: it is late, not lost, and an interruption
/// throws away what never left us.
#[tokio::test(start_paused = true)]
async fn a_slow_network_delays_and_loses_nothing() {
    let rig = Rig::new();
    let steps = vec![
        Step::Wait(ms(300)),
        Step::Say(1),
        Step::Hears(ms(1_000)),
        Step::Stall(ms(2_000)),
        Step::Quiet,
        Step::Say(3),
        Step::Stay,
    ];
    let plan = Plan {
        pipe: 4 * 1024,
        ..Plan::answers(steps)
    };
    let (call, _) = rig.call(plan, interrupted("yes")).await;
    assert_eq!(call.turns[1].text, LONG, "{:?}", call.turns);
    let report = rig.standin.report(TO);
    let bytes: usize = report
        .seen
        .iter()
        .map(|(_, seen)| {
            if let Seen::Media(length) = seen {
                *length
            } else {
                0
            }
        })
        .sum();
    let spoken: usize = [LONG, "Goodbye then."]
        .iter()
        .flat_map(|text| text.split_whitespace())
        .map(|word| word.len() * 50 + 40)
        .sum();
    assert!(
        (bytes / 8).abs_diff(spoken) <= 120,
        "{} {spoken}",
        bytes / 8
    );
}
