//! How a call stands or ended, in a few rows.

use protocol::rest::Call;

use super::plain;

/// Returns the rows, behind an empty line.
pub(in crate::cli) fn summary(call: &Call) -> String {
    let mut out = String::from("\n");
    let mut row = |name: &str, text: &str| out += &format!("{name:<10}{}\n", plain(text));
    let how = match (&call.failure, call.end_reason) {
        (Some(failure), _) => format!(": {}", failure.message),
        (None, Some(reason)) => format!(", {}", reason.as_str().replace('_', " ")),
        (None, None) => String::new(),
    };
    row(
        "status",
        &format!("{}{how}", call.status.as_str().replace('_', " ")),
    );
    if let Some(outcome) = call.outcome {
        let details = call
            .outcome_details
            .as_deref()
            .map_or_else(String::new, |text| format!(": {text}"));
        row(
            "outcome",
            &format!("{}{details}", outcome.as_str().replace('_', " ")),
        );
    }
    if let Some(summary) = &call.summary {
        row("summary", summary);
    }
    if let Some(seconds) = call.duration_seconds {
        row("duration", &format!("{seconds} s"));
    }
    if let Some(metrics) = call.metrics.as_ref().filter(|metrics| metrics.answers > 0) {
        row(
            "silence",
            &format!(
                "before an answer {} ms in the middle, {} ms at the 95th percentile",
                metrics.felt_silence_ms.p50, metrics.felt_silence_ms.p95
            ),
        );
    }
    out
}
