//! Reports (RTCP, RFC 3550 section 6): what we tell the peer about both streams, and what it tells us.
//!
//! Loss and jitter are counted as in appendix A of the RFC. When reports are due is decided by the session's task.

use std::time::{Duration, Instant};

use bytes::Bytes;
use rtc_rtcp::{
    goodbye::Goodbye,
    packet,
    receiver_report::ReceiverReport,
    reception_report::ReceptionReport,
    sender_report::SenderReport,
    source_description::{
        SdesType, SourceDescription, SourceDescriptionChunk, SourceDescriptionItem,
    },
};

/// Seconds from 1900, where NTP begins, to 1970.
const NTP_EPOCH: i64 = 2_208_988_800;
/// A jump of the sequence number by more than this is a new beginning (RFC 3550 appendix A.1).
const MAX_DROPOUT: u16 = 3_000;

/// What is known about the quality of a call.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Quality {
    /// Packets of sound that were sent.
    pub sent: u64,
    /// Packets of sound that came.
    pub received: u64,
    /// Packets that should have come and did not.
    pub lost: u64,
    /// How unevenly they come.
    pub jitter: Duration,
    /// Share of our packets that the peer did not get lately, 0 to 1, as it reports.
    pub lost_there: Option<f32>,
    /// From us to the peer and back, as reports tell.
    pub round_trip: Option<Duration>,
}

/// See the module's documentation.
#[derive(Debug)]
pub(super) struct Reports {
    ssrc: u32,
    sent: u64,
    sent_octets: u32,
    heard: Option<Heard>,
    /// Of the last sender report: the middle of its time, and when it came.
    last_report: Option<(u32, Instant)>,
    lost_before: u64,
    received_before: u64,
    lost_there: Option<f32>,
    round_trip: Option<Duration>,
}

/// The peer's stream (RFC 3550 appendix A).
#[derive(Debug, Clone, Copy)]
struct Heard {
    ssrc: u32,
    clock: u32,
    first: u64,
    highest: u64,
    received: u64,
    expected_before: u64,
    received_before: u64,
    transit: Option<i64>,
    /// In ticks.
    jitter: f64,
}

impl Heard {
    fn expected(&self) -> u64 {
        self.highest - self.first + 1
    }
}

/// Returns the time of day as NTP counts it.
pub(super) fn ntp(time: jiff::Timestamp) -> u64 {
    let seconds = (time.as_second() + NTP_EPOCH) as u64;
    let fraction = (u64::from(time.subsec_nanosecond().unsigned_abs()) << 32) / 1_000_000_000;
    seconds << 32 | fraction
}

/// Returns the middle half of an NTP time, which reports echo.
const fn middle(ntp: u64) -> u32 {
    (ntp >> 16) as u32
}

impl Reports {
    pub(super) fn new(ssrc: u32) -> Self {
        Self {
            ssrc,
            sent: 0,
            sent_octets: 0,
            heard: None,
            last_report: None,
            lost_before: 0,
            received_before: 0,
            lost_there: None,
            round_trip: None,
        }
    }

    pub(super) fn quality(&self) -> Quality {
        let heard = self.heard;
        Quality {
            sent: self.sent,
            received: self.received_before + heard.map_or(0, |heard| heard.received),
            lost: self.lost_before
                + heard.map_or(0, |heard| heard.expected().saturating_sub(heard.received)),
            jitter: heard.map_or(Duration::ZERO, |heard| {
                Duration::from_secs_f64(heard.jitter / f64::from(heard.clock))
            }),
            lost_there: self.lost_there,
            round_trip: self.round_trip,
        }
    }

    /// A packet of ours has left.
    pub(super) fn on_sent(&mut self, octets: usize) {
        self.sent += 1;
        self.sent_octets = self.sent_octets.wrapping_add(octets as u32);
    }

    /// A packet of the peer's stream has come. `since` counts from any fixed moment.
    pub(super) fn on_received(
        &mut self,
        ssrc: u32,
        sequence: u16,
        timestamp: u32,
        clock: u32,
        since: Duration,
    ) {
        let sequence64 = u64::from(sequence);
        let heard = match &mut self.heard {
            Some(heard) if heard.ssrc == ssrc && heard.clock == clock => heard,
            other => {
                if let Some(old) = other.take() {
                    self.lost_before += old.expected().saturating_sub(old.received);
                    self.received_before += old.received;
                    self.last_report = None;
                }
                // Far enough from zero that packets from before the first one do not wrap.
                let first = (1 << 16) + sequence64;
                other.insert(Heard {
                    ssrc,
                    clock,
                    first,
                    highest: first,
                    received: 0,
                    expected_before: 0,
                    received_before: 0,
                    transit: None,
                    jitter: 0.0,
                })
            }
        };
        heard.received += 1;
        let ahead = sequence.wrapping_sub(heard.highest as u16);
        if ahead < MAX_DROPOUT {
            heard.highest += u64::from(ahead);
        } else if ahead < u16::MAX - MAX_DROPOUT {
            // Neither late nor early: the sender counts from elsewhere.
            heard.received = 1;
            heard.first = (1 << 16) + sequence64;
            heard.highest = heard.first;
            heard.expected_before = 0;
            heard.received_before = 0;
        }
        let arrival = (since.as_nanos() * u128::from(clock) / 1_000_000_000) as u32;
        let transit = i64::from(arrival.wrapping_sub(timestamp));
        if let Some(before) = heard.transit.replace(transit) {
            let change = (transit - before) as i32;
            heard.jitter += (f64::from(change.unsigned_abs()) - heard.jitter) / 16.0;
        }
    }

    /// Returns a compound report about both directions. `timestamp`: of the stream we send, at this moment.
    pub(super) fn compose(&mut self, now: Instant, ntp: u64, timestamp: u32) -> Option<Vec<u8>> {
        let reports: Vec<ReceptionReport> = self.reception(now).into_iter().collect();
        let first: Box<dyn rtc_rtcp::Packet> = if self.sent > 0 {
            Box::new(SenderReport {
                ssrc: self.ssrc,
                ntp_time: ntp,
                rtp_time: timestamp,
                packet_count: self.sent as u32,
                octet_count: self.sent_octets,
                reports,
                profile_extensions: Bytes::new(),
            })
        } else {
            Box::new(ReceiverReport {
                ssrc: self.ssrc,
                reports,
                profile_extensions: Bytes::new(),
            })
        };
        let parts = [first, Box::new(self.name())];
        packet::marshal(&parts).ok().map(Vec::from)
    }

    /// Returns the last words of our stream.
    pub(super) fn farewell(&mut self, now: Instant) -> Option<Vec<u8>> {
        let parts: [Box<dyn rtc_rtcp::Packet>; 3] = [
            Box::new(ReceiverReport {
                ssrc: self.ssrc,
                reports: self.reception(now).into_iter().collect(),
                profile_extensions: Bytes::new(),
            }),
            Box::new(self.name()),
            Box::new(Goodbye {
                sources: vec![self.ssrc],
                reason: Bytes::new(),
            }),
        ];
        packet::marshal(&parts).ok().map(Vec::from)
    }

    /// Every compound needs a name (RFC 3550 section 6.1); it says nothing about anybody.
    fn name(&self) -> SourceDescription {
        SourceDescription {
            chunks: vec![SourceDescriptionChunk {
                source: self.ssrc,
                items: vec![SourceDescriptionItem {
                    sdes_type: SdesType::SdesCname,
                    text: Bytes::from(format!("{:08x}", self.ssrc)),
                }],
            }],
        }
    }

    fn reception(&mut self, now: Instant) -> Option<ReceptionReport> {
        let heard = self.heard.as_mut()?;
        let expected = heard.expected();
        let lost = expected.saturating_sub(heard.received);
        let expected_lately = expected.saturating_sub(heard.expected_before);
        let received_lately = heard.received.saturating_sub(heard.received_before);
        heard.expected_before = expected;
        heard.received_before = heard.received;
        let lost_lately = expected_lately.saturating_sub(received_lately);
        let fraction = (lost_lately << 8)
            .checked_div(expected_lately)
            .map_or(0, |fraction| fraction.min(255) as u8);
        let (last_sender_report, delay) = self.last_report.map_or((0, 0), |(middle, at)| {
            let since = now.saturating_duration_since(at).as_secs_f64();
            (middle, (since * 65_536.0) as u32)
        });
        Some(ReceptionReport {
            ssrc: heard.ssrc,
            fraction_lost: fraction,
            // Twenty-four bits, of which the highest is the sign.
            total_lost: lost.min(0x7F_FFFF) as u32,
            last_sequence_number: (heard.highest - (1 << 16)) as u32,
            jitter: heard.jitter as u32,
            last_sender_report,
            delay,
        })
    }

    /// Reads a compound of the peer. Returns `false` when it cannot be read.
    pub(super) fn on_report(&mut self, mut bytes: &[u8], now: Instant, ntp: u64) -> bool {
        let Ok(parts) = packet::unmarshal(&mut bytes) else {
            return false;
        };
        for part in &parts {
            let part = part.as_any();
            if let Some(report) = part.downcast_ref::<SenderReport>() {
                if self.heard.is_some_and(|heard| heard.ssrc == report.ssrc) {
                    self.last_report = Some((middle(report.ntp_time), now));
                }
                self.on_reception(&report.reports, ntp);
            } else if let Some(report) = part.downcast_ref::<ReceiverReport>() {
                self.on_reception(&report.reports, ntp);
            }
        }
        true
    }

    fn on_reception(&mut self, reports: &[ReceptionReport], ntp: u64) {
        let Some(ours) = reports.iter().find(|report| report.ssrc == self.ssrc) else {
            return;
        };
        self.lost_there = Some(f32::from(ours.fraction_lost) / 256.0);
        if ours.last_sender_report != 0 {
            let since = middle(ntp).wrapping_sub(ours.last_sender_report);
            // A peer who counts wrongly would have an answer before the question.
            if let Some(trip) = since.checked_sub(ours.delay).filter(|trip| *trip < 1 << 20) {
                self.round_trip = Some(Duration::from_secs_f64(f64::from(trip) / 65_536.0));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::driver::clock;

    fn wall(seconds: i64, millis: i32) -> u64 {
        ntp(jiff::Timestamp::new(seconds, millis * 1_000_000).unwrap())
    }

    #[test]
    fn the_time_of_day_is_that_of_ntp() {
        assert_eq!(wall(0, 500), 2_208_988_800 << 32 | 1 << 31);
    }

    #[test]
    fn two_sides_learn_of_each_other() {
        let (mut a, mut b) = (Reports::new(1), Reports::new(2));
        let start = clock::now();
        for sequence in 0..100_u16 {
            a.on_sent(160);
            // Every tenth is lost.
            if sequence % 10 != 5 {
                let since = Duration::from_millis(20) * u32::from(sequence);
                b.on_received(
                    1,
                    65_500_u16.wrapping_add(sequence),
                    u32::from(sequence) * 160,
                    8_000,
                    since,
                );
            }
        }
        let report = a.compose(start, wall(100, 0), 16_000).unwrap();
        assert!(b.on_report(&report, start + Duration::from_millis(30), wall(100, 30)));
        let later = start + Duration::from_millis(530);
        let answer = b.compose(later, wall(100, 530), 0).unwrap();
        assert!(a.on_report(&answer, later, wall(100, 560)));
        let quality = a.quality();
        assert!(
            (quality.lost_there.unwrap() - 0.1).abs() < 0.01,
            "{quality:?}"
        );
        let trip = quality.round_trip.unwrap().as_millis();
        assert!((59..=61).contains(&trip), "{quality:?}");
        let quality = b.quality();
        assert_eq!((quality.received, quality.lost), (90, 10));
        assert_eq!(quality.jitter, Duration::ZERO);
    }

    #[test]
    fn jitter_is_that_of_the_rfc() {
        let mut reports = Reports::new(1);
        for n in 0..1_000_u32 {
            // Every other packet is 8 ms late: the difference of two transits is always 64 ticks.
            let since = Duration::from_millis(u64::from(20 * n + 8 * (n % 2)));
            reports.on_received(9, n as u16, n * 160, 8_000, since);
        }
        let millis = reports.quality().jitter.as_secs_f64() * 1e3;
        assert!((millis - 8.0).abs() < 0.1, "{millis}");
    }

    #[test]
    fn a_stream_that_counts_anew_has_lost_nothing() {
        let mut reports = Reports::new(1);
        for sequence in [10, 11, 12, 40_000, 40_001] {
            reports.on_received(9, sequence, 0, 8_000, Duration::ZERO);
        }
        assert_eq!(reports.quality().lost, 0);
        reports.on_received(10, 7, 0, 8_000, Duration::ZERO);
        assert_eq!(reports.quality().lost, 0);
    }

    #[test]
    fn garbage_is_told_from_reports() {
        let mut reports = Reports::new(1);
        let now = clock::now();
        assert!(!reports.on_report(&[], now, 0));
        assert!(!reports.on_report(&[0x80, 200, 0, 9, 1], now, 0));
        let farewell = reports.farewell(now).unwrap();
        assert!(Reports::new(2).on_report(&farewell, now, 0));
    }
}
