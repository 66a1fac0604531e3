//! Keys of the telephone, signalled in RTP (RFC 4733): which packets make up one press, in both directions.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use protocol::telephone_event::{self, TelephoneEvent};

/// Packets of one press, one each 20 ms: 120 ms, where 40 ms are the least and menus like to have 80.
const TONE: u16 = 6;
/// How often its end is told.
const ENDS: u16 = 3;
/// From the end of the tone to the next key: 120 ms.
const GAP: u16 = 6;
/// A `w` waits for half a second.
const WAIT: u16 = 25;
/// The most keys that wait.
const MAX_KEYS: usize = 64;
/// A press whose end was lost is over when nothing of it came for this long.
const OVER: Duration = Duration::from_millis(150);

/// One packet of a press.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Press {
    pub(super) event: TelephoneEvent,
    /// When the key was pressed, in the time of the stream.
    pub(super) timestamp: u32,
    /// Whether it is the first of its press.
    pub(super) first: bool,
}

/// Keys that are to be sent.
#[derive(Debug, Default)]
pub(super) struct KeysOut {
    waiting: VecDeque<char>,
    now: Option<Step>,
}

#[derive(Debug)]
struct Step {
    /// None while waiting.
    code: Option<u8>,
    timestamp: u32,
    /// Beats since the key was pressed.
    beats: u16,
}

impl KeysOut {
    /// Takes keys; what is none is passed over. Returns `false` when too many wait.
    pub(super) fn press(&mut self, keys: &str) -> bool {
        let known = |key: &char| matches!(key, 'w' | 'W') || telephone_event::code(*key).is_some();
        for key in keys.chars().filter(known) {
            if self.waiting.len() == MAX_KEYS {
                return false;
            }
            self.waiting.push_back(key);
        }
        true
    }

    /// Whether something is being sent or waits to be.
    #[cfg(test)]
    pub(super) fn is_busy(&self) -> bool {
        self.now.is_some() || !self.waiting.is_empty()
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        self.waiting.clear();
        self.now = None;
    }

    /// One step of 20 ms at `timestamp`: returns the packet that goes out in place of sound, if any.
    pub(super) fn beat(&mut self, timestamp: u32, clock: u32) -> Option<Press> {
        let step = match &mut self.now {
            Some(step) => step,
            None => {
                let key = self.waiting.pop_front()?;
                self.now.insert(Step {
                    code: telephone_event::code(key),
                    timestamp,
                    beats: 0,
                })
            }
        };
        step.beats += 1;
        let (beats, started) = (step.beats, step.timestamp);
        let Some(code) = step.code else {
            if beats == WAIT {
                self.now = None;
            }
            return None;
        };
        if beats == TONE + GAP {
            self.now = None;
        }
        let packet = Press {
            event: TelephoneEvent {
                code,
                end: beats >= TONE,
                duration: u16::try_from(u32::from(beats.min(TONE)) * (clock / 50))
                    .unwrap_or(u16::MAX),
            },
            timestamp: started,
            first: beats == 1,
        };
        (beats < TONE + ENDS).then_some(packet)
    }
}

/// Keys that come in. Each press is told once, at its end.
#[derive(Debug, Default)]
pub(super) struct KeysIn {
    current: Option<Held>,
}

#[derive(Debug)]
struct Held {
    timestamp: u32,
    code: u8,
    told: bool,
    last: Instant,
}

impl KeysIn {
    /// Takes an event; `tell` gets each key that was pressed.
    pub(super) fn take(
        &mut self,
        timestamp: u32,
        event: TelephoneEvent,
        now: Instant,
        mut tell: impl FnMut(char),
    ) {
        let mut press = |code: u8| {
            let event = TelephoneEvent { code, ..event };
            event.key().into_iter().for_each(&mut tell);
        };
        match &mut self.current {
            Some(held) if held.timestamp == timestamp && held.code == event.code => {
                held.last = now;
                if event.end && !held.told {
                    held.told = true;
                    press(held.code);
                }
            }
            // What was overtaken by its successor is late news.
            Some(held) if held.timestamp.wrapping_sub(timestamp) as i32 > 0 => {}
            _ => {
                if let Some(held) = self.current.take()
                    && !held.told
                {
                    press(held.code);
                }
                if event.end {
                    press(event.code);
                }
                self.current = Some(Held {
                    timestamp,
                    code: event.code,
                    told: event.end,
                    last: now,
                });
            }
        }
    }

    /// When a press counts as over though its end was not heard.
    pub(super) fn due(&self) -> Option<Instant> {
        let held = self.current.as_ref().filter(|held| !held.told)?;
        Some(held.last + OVER)
    }

    /// Returns the key whose end was lost.
    pub(super) fn expire(&mut self, now: Instant) -> Option<char> {
        if self.due()? > now {
            return None;
        }
        let held = self.current.as_mut()?;
        held.told = true;
        let event = TelephoneEvent {
            code: held.code,
            end: true,
            duration: 0,
        };
        event.key()
    }

    /// A new stream begins: what came before says nothing about it.
    pub(super) fn restart(&mut self) {
        self.current = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::driver::clock;

    /// Everything that leaves for these keys, with the beat on which it does.
    fn sent(keys: &str, clock: u32) -> Vec<(u32, Press)> {
        let mut out = KeysOut::default();
        assert!(out.press(keys));
        let mut sent = Vec::new();
        for beat in 0..1_000 {
            let timestamp = 7_000 + beat * (clock / 50);
            sent.extend(out.beat(timestamp, clock).map(|press| (beat, press)));
            if !out.is_busy() {
                break;
            }
        }
        assert!(!out.is_busy());
        sent
    }

    #[test]
    fn a_press_is_sent_as_the_rfc_wants_it() {
        let sent = sent("5", 8_000);
        let durations: Vec<u16> = sent.iter().map(|(_, p)| p.event.duration).collect();
        assert_eq!(durations, [160, 320, 480, 640, 800, 960, 960, 960]);
        let ends = sent.iter().filter(|(_, p)| p.event.end).count();
        assert_eq!(ends, 3);
        assert!(
            sent.iter()
                .all(|(_, p)| p.timestamp == 7_000 && p.event.code == 5)
        );
        let firsts: Vec<bool> = sent.iter().map(|(_, p)| p.first).collect();
        assert_eq!(firsts.iter().filter(|first| **first).count(), 1);
        assert!(firsts[0]);
    }

    #[test]
    fn keys_keep_their_distance_and_a_w_waits() {
        let starts = |keys, clock| -> Vec<u32> {
            let sent = sent(keys, clock);
            let first = sent.iter().filter(|(_, press)| press.first);
            first.map(|(beat, _)| *beat).collect()
        };
        assert_eq!(starts("12", 8_000), [0, 12]);
        assert_eq!(starts("1w2", 48_000), [0, 37]);
        assert_eq!(
            starts("1 x2", 8_000),
            [0, 12],
            "what is no key is passed over"
        );
    }

    #[test]
    fn what_is_sent_is_heard_once_whatever_is_lost() {
        let mut random = fastrand::Rng::with_seed(4);
        for _ in 0..200 {
            let mut heard = String::new();
            let mut keys = KeysIn::default();
            let mut now = clock::now();
            let mut last = 0;
            let mut lost = 0;
            for (beat, press) in sent("1199*#", 8_000) {
                now += Duration::from_millis(20) * (beat - last);
                last = beat;
                heard.extend(keys.expire(now));
                // At most five of a press's eight.
                lost = if press.first { 0 } else { lost };
                if lost < 5 && random.f64() < 0.4 {
                    lost += 1;
                    continue;
                }
                for _ in 0..random.usize(1..3) {
                    keys.take(press.timestamp, press.event, now, |key| heard.push(key));
                }
            }
            heard.extend(keys.expire(now + OVER));
            assert_eq!(heard, "1199*#");
        }
    }

    #[test]
    fn late_packets_of_a_key_that_is_over_say_nothing() {
        let mut keys = KeysIn::default();
        let now = clock::now();
        let event = |code, end| TelephoneEvent {
            code,
            end,
            duration: 160,
        };
        let mut heard = String::new();
        keys.take(100, event(1, true), now, |key| heard.push(key));
        keys.take(900, event(2, true), now, |key| heard.push(key));
        keys.take(100, event(1, true), now, |key| heard.push(key));
        keys.take(900, event(2, true), now, |key| heard.push(key));
        assert_eq!(heard, "12");
    }
}
