//! What an operator watches: the numbers at `/metrics` (here, and those of telephone lines in `phone`), traces of calls
//! (`trace`), and whether there is room on the disk (`room`). `docs/operating.md` says what each number means.
//!
//! Numbers are written where something happened, in a few nanoseconds and without a lock that anybody waits for; those of
//! the sound path are the driver's pulse, which is read off, as gauges are, when somebody asks.

pub(crate) mod phone;
pub mod room;
pub mod trace;

use std::{sync::OnceLock, time::Duration};

use metrics::{
    Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram,
};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use protocol::rest::{Call, TurnLatency};

use crate::driver::pulse;

/// Upper bounds of the buckets of everything that takes seconds: from a frame to a slow webhook.
const SECONDS: [f64; 14] = [
    0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0,
];
/// Upper bounds of the buckets of how long calls last, in seconds.
const CALL_SECONDS: [f64; 9] = [5.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 7200.0];
/// How long one frame of sound is: later than this is late.
const FRAME: Duration = Duration::from_millis(20);
/// How often what was counted is gathered when nobody asks.
pub const UPKEEP: Duration = Duration::from_secs(10);

static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();

/// What watches the calls, as an operator set it up. The default watches nothing.
#[derive(Debug, Clone, Default)]
pub struct Watch {
    /// Whether there is room on the disk.
    pub room: room::Room,
    /// Where traces go, if anywhere.
    pub tracer: Option<trace::Tracer>,
}

/// The state of the program at one moment, for the gauges.
#[derive(Debug, Clone, Copy, Default)]
pub struct Load {
    /// Calls that have not ended and wait for their turn or their time.
    pub queued: usize,
    /// Calls that ring or run.
    pub running: usize,
    /// Connections to the HTTP interface.
    pub connections: usize,
    /// Webhooks that wait.
    pub webhooks: u64,
    /// Free bytes on the disk of the data folder, where they can be read.
    pub free_bytes: Option<u64>,
}

/// Starts counting. Only the first call has an effect; everything that was counted before it is lost.
pub fn start() {
    HANDLE.get_or_init(|| {
        let recorder = PrometheusBuilder::new()
            .set_buckets_for_metric(
                Matcher::Full("agentphone_call_seconds".into()),
                &CALL_SECONDS,
            )
            .and_then(|builder| {
                builder.set_buckets_for_metric(
                    Matcher::Full("agentphone_rtp_jitter_seconds".into()),
                    &phone::JITTER,
                )
            })
            .and_then(|builder| {
                builder.set_buckets_for_metric(Matcher::Suffix("_ratio".into()), &phone::RATIOS)
            })
            .and_then(|builder| {
                builder.set_buckets_for_metric(Matcher::Suffix("_seconds".into()), &SECONDS)
            })
            .expect("the lists of bounds are not empty")
            .build_recorder();
        let handle = recorder.handle();
        // Another recorder is there only if the program is part of another one, which then has the numbers.
        let _ = metrics::set_global_recorder(recorder);
        describe();
        handle
    });
}

/// Gathers what was counted, so that it does not pile up when nobody asks.
pub fn upkeep() {
    if let Some(handle) = HANDLE.get() {
        handle.run_upkeep();
    }
}

/// Returns all numbers in Prometheus' text format.
#[must_use]
pub fn render(load: &Load) -> String {
    let count = |n: usize| n as f64;
    gauge!("agentphone_calls", "state" => "queued").set(count(load.queued));
    gauge!("agentphone_calls", "state" => "running").set(count(load.running));
    gauge!("agentphone_http_connections").set(count(load.connections));
    gauge!("agentphone_webhooks_waiting").set(load.webhooks as f64);
    if let Some(free) = load.free_bytes {
        gauge!("agentphone_disk_free_bytes").set(free as f64);
    }
    let pulse = pulse::read();
    counter!("agentphone_frames_total").absolute(pulse.frames());
    counter!("agentphone_late_frames_total").absolute(pulse.later_than(FRAME));
    HANDLE
        .get()
        .map(PrometheusHandle::render)
        .unwrap_or_default()
}

/// A call was taken.
pub(crate) fn call_created(line: &str) {
    counter!("agentphone_calls_created_total", "line" => line.to_owned()).increment(1);
}

/// A call ended.
pub(crate) fn call_ended(call: &Call) {
    let reason = match (&call.failure, call.end_reason) {
        (Some(failure), _) => failure.reason.as_str(),
        (None, Some(reason)) => reason.as_str(),
        (None, None) => "none",
    };
    counter!(
        "agentphone_calls_ended_total",
        "status" => call.status.as_str(), "reason" => reason, "line" => call.line.clone()
    )
    .increment(1);
    if let Some(seconds) = call.duration_seconds {
        histogram!("agentphone_call_seconds").record(seconds as f64);
    }
}

/// The agent answered, and this is where the time before it went.
pub(crate) fn turn(latency: &TurnLatency) {
    for (stage, ms) in [
        ("end_of_turn", latency.end_of_turn_ms),
        ("words", latency.words_ms),
        ("first_token", latency.first_token_ms),
        ("first_sound", latency.first_sound_ms),
        ("wire", latency.wire_ms),
    ] {
        histogram!("agentphone_turn_stage_seconds", "stage" => stage).record(seconds(ms));
    }
    histogram!("agentphone_felt_silence_seconds").record(seconds(latency.felt_silence_ms));
}

fn seconds(ms: u64) -> f64 {
    ms as f64 / 1000.0
}

/// One of the three services failed: `stt`, `llm` or `tts`.
pub(crate) fn provider_failed(service: &'static str) {
    counter!("agentphone_provider_errors_total", "service" => service).increment(1);
}

/// A webhook was sent.
pub(crate) fn webhook_attempt(taken: bool, took: Duration) {
    let result = if taken { "delivered" } else { "failed" };
    counter!("agentphone_webhook_attempts_total", "result" => result).increment(1);
    histogram!("agentphone_webhook_attempt_seconds").record(took);
}

/// A request to the HTTP interface was answered.
pub(crate) fn http_request(status: u16) {
    counter!("agentphone_http_requests_total", "status" => status.to_string()).increment(1);
}

/// A connection was refused, and why.
pub(crate) fn connection_refused(why: &'static str) {
    counter!("agentphone_http_connections_refused_total", "reason" => why).increment(1);
}

/// The store failed to do what it was asked.
pub(crate) fn store_failed() {
    counter!("agentphone_store_errors_total").increment(1);
}

/// Frames of a call that were lost because the recogniser or the line did not keep up.
pub(crate) fn frames_dropped(recogniser: u64, line: u64) {
    counter!("agentphone_dropped_frames_total", "to" => "recogniser").increment(recogniser);
    counter!("agentphone_dropped_frames_total", "to" => "line").increment(line);
}

/// Something that came from a carrier, or in its name, was refused or passed over, and why.
pub(crate) fn line_refused(line: &'static str, reason: &'static str) {
    counter!("agentphone_line_refused_total", "line" => line, "reason" => reason).increment(1);
}

/// What each number is, as Prometheus shows it. `docs/operating.md` says more; a test keeps the two together.
const DESCRIPTIONS: [(&str, &str); 24] = [
    ("agentphone_calls", "Calls that have not ended, by state"),
    (
        "agentphone_calls_created_total",
        "Calls that were taken, by line",
    ),
    (
        "agentphone_calls_ended_total",
        "Calls that ended, by status, reason and line",
    ),
    (
        "agentphone_call_seconds",
        "How long calls lasted from their answer",
    ),
    (
        "agentphone_turn_stage_seconds",
        "Time before the agent's answers, by stage",
    ),
    (
        "agentphone_felt_silence_seconds",
        "From the callee's last sound to the agent's first",
    ),
    (
        "agentphone_frames_total",
        "Frames of 20 ms that were played and heard",
    ),
    (
        "agentphone_late_frames_total",
        "Frames that came more than 20 ms late",
    ),
    (
        "agentphone_dropped_frames_total",
        "Frames that were lost, by who did not keep up",
    ),
    (
        "agentphone_line_refused_total",
        "What came from a carrier or in its name and was refused, by line and reason",
    ),
    (
        "agentphone_rtp_packets_total",
        "Packets of sound over SIP: sent, received and lost",
    ),
    (
        "agentphone_rtp_jitter_seconds",
        "How unevenly a call's packets came",
    ),
    (
        "agentphone_rtp_far_loss_ratio",
        "Part of our packets that the other side missed",
    ),
    (
        "agentphone_rtp_refused_total",
        "Datagrams at ports of calls that were dropped, by reason",
    ),
    (
        "agentphone_provider_errors_total",
        "Failures of speech to text, language model, text to speech",
    ),
    (
        "agentphone_recordings_stopped_total",
        "Recordings that were cut short because there was no room",
    ),
    (
        "agentphone_store_errors_total",
        "Operations that the database did not carry out",
    ),
    (
        "agentphone_disk_free_bytes",
        "Free bytes on the disk of the data folder",
    ),
    (
        "agentphone_webhooks_waiting",
        "Webhooks that wait to be delivered",
    ),
    (
        "agentphone_webhook_attempts_total",
        "Attempts to deliver a webhook, by result",
    ),
    (
        "agentphone_webhook_attempt_seconds",
        "How long such attempts took",
    ),
    (
        "agentphone_http_requests_total",
        "Requests that were answered, by status",
    ),
    (
        "agentphone_http_connections",
        "Open connections to the HTTP interface",
    ),
    (
        "agentphone_http_connections_refused_total",
        "Connections that were refused, by reason",
    ),
];

fn describe() {
    for (name, text) in DESCRIPTIONS {
        if name.ends_with("_seconds") {
            describe_histogram!(name, Unit::Seconds, text);
        } else if name.ends_with("_total") {
            describe_counter!(name, text);
        } else {
            describe_gauge!(name, text);
        }
    }
}

/// A recording was cut short because there was no room.
pub(crate) fn recording_stopped() {
    counter!("agentphone_recordings_stopped_total").increment(1);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_is_documented_and_every_documented_number_exists() {
        let page = include_str!("../../docs/operating.md");
        let documented: Vec<_> = page
            .lines()
            .filter_map(|line| line.strip_prefix("| `agentphone_"))
            .map(|rest| format!("agentphone_{}", rest.split(['`', '{']).next().unwrap()))
            .collect();
        let ours: Vec<_> = DESCRIPTIONS.iter().map(|(name, _)| *name).collect();
        assert_eq!(documented, ours);
    }

    /// Returns the names of ours in a text.
    fn named(text: &str) -> Vec<&str> {
        let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let words = text.split(|c| !is_part(c));
        words
            .filter(|word| word.starts_with("agentphone_"))
            .collect()
    }

    #[test]
    fn alerts_ask_for_numbers_that_exist_and_are_explained() {
        let rules = include_str!("../../docs/alerts.yml");
        let page = include_str!("../../docs/operating.md");
        let asked = named(rules);
        assert!(asked.len() > 12, "{asked:?}");
        for name in asked {
            let base = ["_bucket", "_count", "_sum"]
                .iter()
                .find_map(|end| name.strip_suffix(end))
                .unwrap_or(name);
            let is_ours = |(ours, _): &(&str, &str)| *ours == base;
            assert!(DESCRIPTIONS.iter().any(is_ours), "{name} does not exist");
        }
        let alerts: Vec<_> = rules
            .lines()
            .filter_map(|line| line.trim().strip_prefix("- alert: "))
            .collect();
        let explained: Vec<_> = page
            .lines()
            .filter_map(|line| line.strip_prefix("| `Agentphone"))
            .map(|rest| format!("Agentphone{}", rest.split('`').next().unwrap()))
            .collect();
        assert_eq!(alerts, explained);
    }

    #[test]
    fn numbers_appear_as_prometheus_reads_them() {
        start();
        turn(&TurnLatency {
            first_token_ms: 240,
            felt_silence_ms: 610,
            ..TurnLatency::default()
        });
        let before = pulse::read().later_than(FRAME);
        pulse::frame(Duration::from_millis(21));
        provider_failed("llm");
        upkeep();
        let text = render(&Load {
            queued: 3,
            ..Load::default()
        });
        for line in [
            "# TYPE agentphone_turn_stage_seconds histogram",
            "agentphone_turn_stage_seconds_bucket{stage=\"first_token\",le=\"0.3\"}",
            "agentphone_felt_silence_seconds_bucket{le=\"0.75\"}",
            "agentphone_provider_errors_total{service=\"llm\"} 1",
            "agentphone_calls{state=\"queued\"} 3",
            "# HELP agentphone_calls ",
        ] {
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
        let late = text
            .lines()
            .find_map(|line| line.strip_prefix("agentphone_late_frames_total "));
        assert!(late.unwrap().parse::<u64>().unwrap() > before, "{text}");
    }
}
