//! What is aimed at, and by how much a run meets or misses it: in the figures, and as a page for people.

use std::fmt::Write;

use serde::Serialize;

use super::{Capacity, Carried, endurance::Endurance};

/// Processors that a call may occupy, over a stream and by SIP.
const CORES_BY_STREAM: f64 = 0.0015;
const CORES_BY_SIP: f64 = 0.002;
/// Megabytes that it may take.
const MEGABYTES: f64 = 0.3;
/// How late 99 of 100 steps may be, in milliseconds.
const LATE: f64 = 5.0;

/// One thing that is aimed at.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Bar {
    /// What is measured.
    pub name: &'static str,
    /// At most this.
    pub limit: f64,
    /// What was measured; nothing when nothing could be.
    pub measured: Option<f64>,
    /// Whether it is met.
    pub met: bool,
}

impl Bar {
    fn new(name: &'static str, limit: f64, measured: Option<f64>) -> Self {
        Self {
            name,
            limit,
            measured,
            met: measured.is_some_and(|measured| measured <= limit),
        }
    }

    /// Says by how much it is met or missed.
    #[must_use]
    pub fn by_how_much(&self) -> String {
        match self.measured {
            None => "not measured".into(),
            Some(measured) if self.limit > 0.0 => {
                let word = if self.met { "met" } else { "missed" };
                format!("{word}: {:.2} times the bar", measured / self.limit)
            }
            Some(_) if self.met => "met".into(),
            Some(_) => "missed".into(),
        }
    }
}

/// Returns the bars of a run.
pub(super) fn bars(found: &Capacity) -> Vec<Bar> {
    let cores = if found.line == Carried::Sip.as_str() {
        CORES_BY_SIP
    } else {
        CORES_BY_STREAM
    };
    vec![
        Bar::new("processors per call", cores, Some(found.cores_per_call)),
        Bar::new("MB per call", MEGABYTES, Some(found.mb_per_call)),
        Bar::new(
            "lateness of outgoing frames, p99, ms",
            LATE,
            found.late_frame_ms.p99,
        ),
        Bar::new("frames dropped", 0.0, Some(found.dropped as f64)),
    ]
}

/// Writes a run as a page that needs nothing else.
#[must_use]
pub fn page(found: &Capacity) -> String {
    let title = format!(
        "{} calls at once over {}, for {} s",
        found.calls, found.line, found.seconds
    );
    let ms = |value: Option<f64>| value.map_or("-".into(), |value| format!("{value} ms"));
    let turn = |turn: &crate::bench::stats::Percentiles| {
        format!("{} / {} of {}", ms(turn.p50), ms(turn.p95), turn.count)
    };
    let rows = [
        ("calls held to their end", found.completed.to_string()),
        ("calls that failed", found.failed.to_string()),
        (
            "memory before the first call",
            format!("{} MB", found.idle_mb),
        ),
        (
            "lateness p50 / p99.9",
            format!(
                "{} / {}",
                ms(found.late_frame_ms.p50),
                ms(found.late_frame_ms.p999)
            ),
        ),
        ("turn latency p50 / p95", turn(&found.turn_latency_ms)),
        (
            "the same with two calls",
            turn(&found.unloaded_turn_latency_ms),
        ),
        (
            "processors that the rig occupied",
            found.rig_cores.to_string(),
        ),
        (
            "steps that the rig missed by a frame",
            format!("{:.2} %", found.rig_late_share * 100.0),
        ),
    ];
    write_page(&title, &found.bars, &found.doubts, &rows)
}

/// Writes a run of many calls as a page that needs nothing else.
#[must_use]
pub fn endurance_page(found: &Endurance) -> String {
    let title = format!(
        "{} short calls over {}, {} at once",
        found.total_calls, found.line, found.calls
    );
    let bars = [
        Bar::new(
            "growth of memory, MB",
            found.growth_limit_mb,
            Some(found.growth_mb),
        ),
        Bar::new("frames dropped", 0.0, Some(found.dropped as f64)),
    ];
    let mut rows = vec![(
        "memory before the first call",
        format!("{} MB", found.idle_mb),
    )];
    let readings = found.memory_mb.iter();
    rows.extend(readings.map(|at| {
        (
            "memory after calls that ended",
            format!("{} MB after {}", at.mb, at.ended),
        )
    }));
    rows.push(("calls that failed", found.failed.to_string()));
    write_page(&title, &bars, &found.doubts, &rows)
}

fn write_page(title: &str, bars: &[Bar], doubts: &[String], rows: &[(&str, String)]) -> String {
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<title>agentphone bench capacity</title>\n<style>\n\
         body {{ font: 15px/1.5 system-ui, sans-serif; max-width: 50rem; margin: 2rem auto; padding: 0 1rem; color-scheme: light dark; }}\n\
         table {{ border-collapse: collapse; width: 100%; }} td, th {{ text-align: left; padding: .2rem .5rem; border-bottom: 1px solid #8886; }}\n\
         .met {{ color: #2b8a3e; }} .missed {{ color: #d9480f; }}\n</style>\n<h1>{}</h1>\n<p>{}</p>\n\
         <table>\n<tr><th>bar<th>at most<th>measured<th>\n",
        escaped(title),
        if doubts.is_empty() {
            "The run can be believed.".to_owned()
        } else {
            format!("The run cannot be believed. {}", escaped(&doubts.join(" ")))
        },
    );
    for bar in bars {
        let measured = bar.measured.map_or("-".into(), |value| value.to_string());
        let class = if bar.met { "met" } else { "missed" };
        // Writing into a string cannot fail.
        let _ = writeln!(
            page,
            "<tr><td>{}<td>{}<td>{measured}<td class=\"{class}\">{}",
            escaped(bar.name),
            bar.limit,
            bar.by_how_much()
        );
    }
    page.push_str("</table>\n<h2>Beside</h2>\n<table>\n");
    for (name, value) in rows {
        let _ = writeln!(page, "<tr><td>{}<td>{}", escaped(name), escaped(value));
    }
    page.push_str("</table>\n<p>What each figure means: docs/capacity.md.</p>\n</html>\n");
    page
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_says_by_how_much_it_is_met_or_missed() {
        let met = Bar::new("a", 0.002, Some(0.001));
        assert!(met.met && met.by_how_much() == "met: 0.50 times the bar");
        let missed = Bar::new("a", 0.3, Some(0.6));
        assert!(!missed.met && missed.by_how_much() == "missed: 2.00 times the bar");
        let none = Bar::new("a", 5.0, None);
        assert!(!none.met && none.by_how_much() == "not measured");
        assert_eq!(Bar::new("a", 0.0, Some(0.0)).by_how_much(), "met");
        assert_eq!(Bar::new("a", 0.0, Some(1.0)).by_how_much(), "missed");
    }

    #[test]
    fn the_page_shows_bars_and_doubts() {
        let bars = [
            Bar::new("MB per call", 0.3, Some(0.6)),
            Bar::new("frames dropped", 0.0, Some(0.0)),
        ];
        let page = write_page(
            "a <b>",
            &bars,
            &["1 & 2 failed.".into()],
            &[("x", "y".into())],
        );
        assert!(page.contains("<h1>a &lt;b&gt;</h1>") && page.contains("1 &amp; 2 failed."));
        assert!(page.contains("<td>0.3<td>0.6<td class=\"missed\">missed: 2.00 times the bar"));
        assert!(page.contains("<td>0<td>0<td class=\"met\">met"));
        assert!(page.contains("<tr><td>x<td>y"));
    }
}
