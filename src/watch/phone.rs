//! The numbers of telephone lines: packets that went both ways, how well they did, and what was refused.

use std::time::Duration;

use metrics::{counter, histogram};

/// Upper bounds of the buckets of jitter, in seconds: from a wired network to a hopeless one.
pub(super) const JITTER: [f64; 9] = [0.001, 0.002, 0.005, 0.01, 0.02, 0.04, 0.06, 0.1, 0.2];
/// Upper bounds of the buckets of parts of a whole.
pub(super) const RATIOS: [f64; 8] = [0.001, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.3];

/// Packets of sound went this way since the last time it was told.
pub(crate) fn packets(sent: u64, received: u64, lost: u64) {
    for (what, count) in [("sent", sent), ("received", received), ("lost", lost)] {
        counter!("agentphone_rtp_packets_total", "what" => what).increment(count);
    }
}

/// Datagrams were dropped for a reason.
pub(crate) fn datagrams_refused(why: &'static str, count: u64) {
    counter!("agentphone_rtp_refused_total", "why" => why).increment(count);
}

/// A call's sound is over: how unevenly it came, and what part of ours the other side said that it missed.
pub(crate) fn sound_ended(jitter: Duration, lost_there: Option<f32>) {
    histogram!("agentphone_rtp_jitter_seconds").record(jitter);
    if let Some(ratio) = lost_there {
        histogram!("agentphone_rtp_far_loss_ratio").record(f64::from(ratio));
    }
}
