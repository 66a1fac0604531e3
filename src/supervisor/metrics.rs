//! How a conversation went, in numbers, from its turns.

use protocol::rest::{Metrics, Percentiles, Speaker, StageLatency, TalkShare, Turn, TurnLatency};

use crate::driver::Record;

/// Returns the numbers of a call that lasted `lasted_ms` from its answer.
pub(super) fn of(record: &Record, lasted_ms: u64) -> Metrics {
    let answers: Vec<TurnLatency> = record
        .turns
        .iter()
        .filter_map(|turn| turn.latency)
        .collect();
    let over = |part: fn(&TurnLatency) -> u64| Percentiles::of(answers.iter().map(part).collect());
    Metrics {
        answers: answers.len(),
        felt_silence_ms: over(|l| l.felt_silence_ms),
        latency: StageLatency {
            end_of_turn_ms: over(|l| l.end_of_turn_ms),
            words_ms: over(|l| l.words_ms),
            first_token_ms: over(|l| l.first_token_ms),
            first_sound_ms: over(|l| l.first_sound_ms),
            wire_ms: over(|l| l.wire_ms),
        },
        interruptions: record.interruptions,
        false_alarms: record.false_alarms,
        tools_refused: record.tools_refused,
        withheld: record.withheld,
        talk_share: TalkShare {
            agent: share(&record.turns, Speaker::Agent, lasted_ms),
            callee: share(&record.turns, Speaker::Callee, lasted_ms),
        },
    }
}

/// Returns which part of the call the turns of `speaker` fill, 0 to 1, to three places.
fn share(turns: &[Turn], speaker: Speaker, lasted_ms: u64) -> f64 {
    let spoken: u64 = turns
        .iter()
        .filter(|turn| turn.speaker == speaker)
        .map(|turn| turn.ended_ms.saturating_sub(turn.started_ms))
        .sum();
    if lasted_ms == 0 {
        return 0.0;
    }
    ((spoken as f64 / lasted_ms as f64).min(1.0) * 1000.0).round() / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turn(speaker: Speaker, started_ms: u64, ended_ms: u64, felt: Option<u64>) -> Turn {
        Turn {
            speaker,
            text: String::new(),
            started_ms,
            ended_ms,
            interrupted: false,
            latency: felt.map(|felt_silence_ms| TurnLatency {
                felt_silence_ms,
                ..TurnLatency::default()
            }),
            served_by: protocol::rest::ServedBy::default(),
        }
    }

    #[test]
    fn counts_answers_and_shares() {
        let record = Record {
            turns: vec![
                turn(Speaker::Callee, 0, 1000, None),
                turn(Speaker::Agent, 1500, 3500, Some(500)),
                turn(Speaker::Callee, 4000, 5000, None),
                turn(Speaker::Agent, 5300, 7300, Some(300)),
            ],
            interruptions: 1,
            ..Record::default()
        };
        let metrics = of(&record, 8000);
        assert_eq!(metrics.answers, 2);
        assert_eq!(metrics.felt_silence_ms, Percentiles { p50: 300, p95: 500 });
        assert_eq!(
            (metrics.talk_share.agent, metrics.talk_share.callee),
            (0.5, 0.25)
        );
        assert_eq!(metrics.interruptions, 1);
    }

    #[test]
    fn a_call_without_time_has_no_shares() {
        assert_eq!(of(&Record::default(), 0).talk_share.agent, 0.0);
    }
}
