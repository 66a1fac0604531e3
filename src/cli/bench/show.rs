//! What `agentphone bench` shows on a terminal: a bar while trials are played, then the figures on ends of turn.

use std::io::{IsTerminal, stderr};

use indicatif::{ProgressBar, ProgressStyle};

use super::say;
use crate::bench::{end_of_turn::EndOfTurn, stats::Percentiles, turns::Figures};

/// A bar on a terminal; nothing elsewhere.
pub(super) fn progress(what: &str, steps: usize) -> ProgressBar {
    if !stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(steps as u64);
    let style = ProgressStyle::with_template("{msg:10} {bar:40} {pos}/{len}, {eta} left");
    if let Ok(style) = style {
        bar.set_style(style);
    }
    bar.with_message(what.to_owned())
}

/// Shows the figures on ends of turn.
pub(super) fn turns(found: &EndOfTurn, felt: &Percentiles) {
    say("ends of turn                       turns pauses   cut  entity   p50   p90   p95 ms");
    let line = |name: &str, figures: &Figures| {
        say(&format!(
            "  {name:32} {:5} {:6} {:>5} {:>7} {:>5} {:>5} {:>5}",
            figures.turns,
            figures.pauses,
            percent(figures.cut_share),
            percent(figures.entity_cut_share),
            whole(figures.delay_ms.p50),
            whole(figures.delay_ms.p90),
            whole(figures.delay_ms.p95),
        ));
    };
    line("all", &found.figures);
    for (group, figures) in &found.by_group {
        line(group, figures);
    }
    for point in &found.curve {
        line(&format!("patience {}", point.setting), &point.figures);
    }
    for point in &found.fixed_silence {
        line(
            &format!("fixed silence {} ms", point.setting),
            &point.figures,
        );
    }
    for (kind, share) in &found.cut_by_pause {
        say(&format!(
            "  cut at pauses, {kind:20} {} of {}",
            percent(share.share),
            share.count
        ));
    }
    say("delay p50/p90 at the same share of cut pauses: engine, best fixed silence");
    for row in &found.compared {
        let pair = |delays: Option<[f64; 2]>| {
            delays.map_or("-".to_owned(), |[p50, p90]| format!("{p50:.0}/{p90:.0}"))
        };
        say(&format!(
            "  {:>4}  {:>10}  {:>10}",
            percent(Some(row.cut_share)),
            pair(row.engine_ms),
            pair(row.fixed_ms)
        ));
    }
    say(&format!(
        "felt silence, on the wire: p50 {} ms, p95 {} ms",
        whole(felt.p50),
        whole(felt.p95)
    ));
}

fn percent(share: Option<f64>) -> String {
    share.map_or("-".to_owned(), |share| format!("{:.1}%", share * 100.0))
}

fn whole(ms: Option<f64>) -> String {
    ms.map_or("-".to_owned(), |ms| format!("{ms:.0}"))
}
