//! Sums up the trials of the experiment on barge-in: all of them, by line, and by kind of sound.

use std::{collections::BTreeMap, time::Duration};

use serde::Serialize;

use super::{Outcome, What};
use crate::bench::stats::{Percentiles, ms, share};

/// What is measured of barge-in.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BargeIn {
    /// Over all trials.
    #[serde(flatten)]
    pub figures: Figures,
    /// The same by line.
    pub by_line: BTreeMap<&'static str, Figures>,
    /// The same by what was heard over the agent's speech.
    pub by_kind: BTreeMap<&'static str, Figures>,
}

/// The figures of many trials.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Figures {
    /// How many true interruptions there were.
    pub interruptions: usize,
    /// From the callee's first voiced sample to the agent's last, of interruptions.
    pub stop_ms: Percentiles,
    /// Share of the interruptions that the agent talked through.
    pub missed_share: Option<f64>,
    /// Share of those noticed in which the agent spoke on in between.
    pub talked_over_share: Option<f64>,
    /// How many backchannels, coughs and other disturbances there were.
    pub disturbances: usize,
    /// Share of them that ended the agent's turn.
    pub backchannel_ended_share: Option<f64>,
    /// Share of them that made the agent fall silent for a moment or for good.
    pub paused_share: Option<f64>,
    /// From the end of a disturbance to the agent's first sound after it.
    pub resumed_ms: Percentiles,
    /// The longest of these times.
    pub most_resumed_ms: Option<f64>,
    /// Speech that was never sent although the agent went on, of each time that it did after a disturbance.
    pub lost_ms: Percentiles,
    /// The most that was lost.
    pub most_lost_ms: Option<f64>,
    /// Speech that was sent twice.
    pub repeated_ms: Percentiles,
    /// How many echo trials there were.
    pub echo_trials: usize,
    /// Echo trials in which the agent's turn was over before its end.
    pub echo_ended: usize,
    /// Echo trials in which the agent fell silent for a moment or for good.
    pub echo_paused: usize,
}

impl BargeIn {
    /// Sums up.
    #[must_use]
    pub fn of(outcomes: &[Outcome]) -> Self {
        let by = |key: fn(&Outcome) -> &'static str| {
            let mut groups: BTreeMap<&'static str, Vec<&Outcome>> = BTreeMap::new();
            for outcome in outcomes {
                groups.entry(key(outcome)).or_default().push(outcome);
            }
            let figures = |(key, group): (_, Vec<_>)| (key, Figures::of(&group));
            groups.into_iter().map(figures).collect()
        };
        let all: Vec<_> = outcomes.iter().collect();
        Self {
            figures: Figures::of(&all),
            by_line: by(|outcome| outcome.line),
            by_kind: by(|outcome| match outcome.what {
                What::Disturbance(kind) => kind,
                What::Interruption | What::Echo => outcome.group,
            }),
        }
    }
}

impl Figures {
    fn of(outcomes: &[&Outcome]) -> Self {
        let of = |wanted: fn(&What) -> bool| -> Vec<&Outcome> {
            let found = outcomes.iter().filter(|outcome| wanted(&outcome.what));
            found.copied().collect()
        };
        let interruptions = of(|what| *what == What::Interruption);
        let disturbances = of(|what| matches!(what, What::Disturbance(_)));
        let echoes = of(|what| *what == What::Echo);
        let count = |of: &[&Outcome], wanted: fn(&Outcome) -> bool| {
            of.iter().filter(|outcome| wanted(outcome)).count()
        };
        let noticed = count(&interruptions, |outcome| outcome.ended);
        let talked_over = |outcome: &Outcome| outcome.ended && !outcome.resumed.is_empty();
        let resumptions = || disturbances.iter().filter_map(|outcome| outcome.resumption);
        let resumed = || disturbances.iter().flat_map(|outcome| &outcome.resumed);
        let longest = |times: &mut dyn Iterator<Item = Duration>| times.max().map(ms);
        Self {
            interruptions: interruptions.len(),
            stop_ms: Percentiles::of(interruptions.iter().filter_map(|outcome| outcome.stop)),
            missed_share: share(interruptions.len() - noticed, interruptions.len()),
            talked_over_share: share(count(&interruptions, talked_over), noticed),
            disturbances: disturbances.len(),
            backchannel_ended_share: share(
                count(&disturbances, |outcome| outcome.ended),
                disturbances.len(),
            ),
            paused_share: share(
                count(&disturbances, |outcome| outcome.paused),
                disturbances.len(),
            ),
            resumed_ms: Percentiles::of(resumptions()),
            most_resumed_ms: longest(&mut resumptions()),
            lost_ms: Percentiles::of(resumed().map(|resumed| resumed.lost)),
            most_lost_ms: longest(&mut resumed().map(|resumed| resumed.lost)),
            repeated_ms: Percentiles::of(resumed().map(|resumed| resumed.repeated)),
            echo_trials: echoes.len(),
            echo_ended: count(&echoes, |outcome| outcome.ended),
            echo_paused: count(&echoes, |outcome| outcome.paused),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::{super::Resumed, *};

    /// An outcome as if it had been played; a `stop` of 0 is none.
    pub(crate) fn outcome(what: What, stop: u64, ended: bool) -> Outcome {
        let resumed = Resumed {
            lost: Duration::from_millis(10),
            repeated: Duration::from_millis(40),
        };
        Outcome {
            trial: "trial".into(),
            group: "group",
            line: "quiet",
            what,
            echo: (what == What::Echo).then_some(-20.0),
            stop: (stop > 0).then(|| Duration::from_millis(stop)),
            paused: ended || stop > 0,
            ended,
            resumed: if ended { Vec::new() } else { vec![resumed] },
            resumption: (!ended).then(|| Duration::from_millis(300)),
        }
    }

    #[test]
    fn figures_are_shares_of_what_they_are_about() {
        let mut outcomes = vec![
            outcome(What::Interruption, 80, true),
            outcome(What::Interruption, 120, true),
            outcome(What::Interruption, 0, false),
            outcome(What::Disturbance("cough"), 100, false),
            outcome(What::Disturbance("cough"), 100, true),
            outcome(What::Disturbance("door"), 100, false),
            outcome(What::Disturbance("door"), 0, false),
            outcome(What::Echo, 0, false),
            outcome(What::Echo, 0, true),
        ];
        outcomes[6].line = "loss";
        let figures = BargeIn::of(&outcomes);
        let all = &figures.figures;
        assert_eq!(all.stop_ms.p50, Some(80.0));
        assert_eq!(all.stop_ms.p95, Some(120.0));
        assert_eq!(all.missed_share, share(1, 3));
        assert_eq!(all.talked_over_share, Some(0.0));
        assert_eq!(all.backchannel_ended_share, Some(0.25));
        assert_eq!(
            (all.echo_paused, all.echo_ended, all.echo_trials),
            (1, 1, 2)
        );
        assert_eq!(all.paused_share, Some(0.75));
        assert_eq!(all.resumed_ms.count, 3);
        assert_eq!(all.most_resumed_ms, Some(300.0));
        assert_eq!(all.most_lost_ms, Some(10.0));
        assert_eq!(all.repeated_ms.p50, Some(40.0));
        assert_eq!(figures.by_kind["cough"].backchannel_ended_share, Some(0.5));
        assert_eq!(figures.by_kind["door"].backchannel_ended_share, Some(0.0));
        assert_eq!(figures.by_line["loss"].disturbances, 1);
        assert_eq!(figures.by_line["loss"].most_lost_ms, Some(10.0));
        assert_eq!(figures.by_line["quiet"].disturbances, 3);
    }
}
