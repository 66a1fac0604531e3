//! The traces of a run, for its page: of every trial, as long as a browser can open them.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use crate::bench::{
    Trial,
    report::{Trace, Trials},
    stage::Played,
};

/// Trials in which nothing happened that are kept at most; about 5 MB of page.
const UNEVENTFUL: usize = 1000;

/// Traces by the names of their trials, so that their order does not depend on which was played first.
#[derive(Debug)]
pub(super) struct Traces {
    wanted: bool,
    kept: Mutex<BTreeMap<String, (Trace, bool)>>,
}

impl Traces {
    /// Keeps none unless they are `wanted`.
    pub(super) fn new(wanted: bool) -> Self {
        Self {
            wanted,
            kept: Mutex::default(),
        }
    }

    /// Keeps a trial that was played; one that is not `eventful` may be left out in the end.
    pub(super) fn keep(&self, trial: &Trial, played: &Played, eventful: bool) {
        if self.wanted {
            self.put(Trace::of(trial, played), eventful);
        }
    }

    fn put(&self, trace: Trace, eventful: bool) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.insert(trace.id.clone(), (trace, eventful));
    }
}

impl From<Traces> for Trials {
    fn from(traces: Traces) -> Self {
        let kept = traces.kept.into_inner();
        let kept = kept.unwrap_or_else(PoisonError::into_inner);
        let (mut uneventful, all) = (0, kept.len());
        let chosen = kept.into_values().filter(|(_, eventful)| {
            uneventful += usize::from(!eventful);
            *eventful || uneventful <= UNEVENTFUL
        });
        let traces: Vec<_> = chosen.map(|(trace, _)| trace).collect();
        Self {
            left_out: all - traces.len(),
            traces,
            ..Self::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_happened_is_kept_and_of_the_rest_as_much_as_a_page_bears() {
        let traces = Traces::new(true);
        for index in 0..UNEVENTFUL + 30 {
            let trace = Trace {
                id: format!("echo {index:04}"),
                line: "quiet",
                start: 0,
                agent: String::new(),
                callee: String::new(),
                labels: Vec::new(),
                voice: Vec::new(),
                events: Vec::new(),
            };
            traces.put(trace, index >= UNEVENTFUL + 20);
        }
        let trials = Trials::from(traces);
        assert_eq!(trials.left_out, 20);
        assert_eq!(trials.traces.len(), UNEVENTFUL + 10);
        assert_eq!(trials.traces[UNEVENTFUL].id, "echo 1020");
    }
}
