//! The sound path of one call: packets in, one frame every 20 ms, packets out. Never waits for anything.
//!
//! Owns the two halves of `media` and translates between their marks and the clauses of the call core. What the
//! edges mean is not decided here.

use std::{
    collections::{HashMap, VecDeque},
    time::{Duration, Instant},
};

use call::{ClauseId, Event, Generation, LineEvent, PlayoutEvent, SpeechEvent};
use media::{Downlink, DownlinkConfig, Mark, Packet, Uplink, UplinkConfig, WIDE_FRAME};
use tokio::sync::mpsc;

use super::convert::voice_event;
use crate::line::LegCommand;

/// How long no packet may arrive before the sound counts as lost.
const MEDIA_LOST_AFTER: Duration = Duration::from_secs(20);

/// Both directions of a connected call.
#[derive(Debug)]
pub(super) struct Sound {
    uplink: Uplink,
    downlink: Downlink,
    out: mpsc::Sender<LegCommand>,
    /// Sound of a clause for which the playout queue had no room yet.
    waiting: VecDeque<Piece>,
    clauses: HashMap<Mark, ClauseProgress>,
    on_the_way: VecDeque<(Instant, PlayoutEvent)>,
    playout_delay: Duration,
    last_packet: Option<Instant>,
    media_lost: bool,
    /// Outgoing packets that the line had no room for.
    pub(super) packets_dropped: u64,
}

#[derive(Debug)]
struct Piece {
    mark: Mark,
    samples: Vec<i16>,
    taken: usize,
    rate: u32,
    last: bool,
}

#[derive(Debug)]
struct ClauseProgress {
    clause: ClauseId,
    made: Duration,
}

/// What one tick brought, beside events.
#[derive(Debug)]
pub(super) struct Tick {
    /// 20 ms of the callee at 16 kHz, for the recogniser.
    pub(super) heard: Box<[i16; WIDE_FRAME]>,
    /// What went to the line, 8 kHz.
    pub(super) agent: [i16; 160],
    /// What came from the line, 8 kHz.
    pub(super) callee: [i16; 160],
}

fn mark_of(clause: ClauseId) -> Mark {
    Mark(u64::from(clause.generation.0) << 16 | u64::from(clause.index))
}

impl Sound {
    pub(super) fn new(
        codec: media::Codec,
        playout_delay: Duration,
        out: mpsc::Sender<LegCommand>,
    ) -> Self {
        Self {
            uplink: Uplink::new(UplinkConfig::new(codec)),
            downlink: Downlink::new(DownlinkConfig::new(codec)),
            out,
            waiting: VecDeque::new(),
            clauses: HashMap::new(),
            on_the_way: VecDeque::new(),
            playout_delay,
            last_packet: None,
            media_lost: false,
            packets_dropped: 0,
        }
    }

    /// Takes a packet from the line.
    pub(super) fn packet(&mut self, packet: &Packet, now: Instant) {
        self.last_packet = Some(now);
        self.uplink.push(packet, now);
    }

    /// Returns whether more speech may come; when not, the synthesiser has to wait.
    pub(super) fn has_room(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Queues speech of a clause and returns how much of it there is now.
    pub(super) fn speech(&mut self, clause: ClauseId, samples: Vec<i16>, rate: u32) -> SpeechEvent {
        let mark = mark_of(clause);
        let progress = self.clauses.entry(mark).or_insert(ClauseProgress {
            clause,
            made: Duration::ZERO,
        });
        progress.made += Duration::from_secs_f64(samples.len() as f64 / f64::from(rate.max(1)));
        let made = progress.made;
        self.waiting.push_back(Piece {
            mark,
            samples,
            taken: 0,
            rate,
            last: false,
        });
        self.pump();
        SpeechEvent::Audio(made)
    }

    /// Says that a clause is complete and returns its length.
    pub(super) fn speech_done(&mut self, clause: ClauseId) -> SpeechEvent {
        let mark = mark_of(clause);
        let made = self
            .clauses
            .entry(mark)
            .or_insert(ClauseProgress {
                clause,
                made: Duration::ZERO,
            })
            .made;
        self.waiting.push_back(Piece {
            mark,
            samples: Vec::new(),
            taken: 0,
            rate: 8000,
            last: true,
        });
        self.pump();
        SpeechEvent::Done(made)
    }

    /// Moves waiting speech into the playout queue as far as it has room.
    fn pump(&mut self) {
        while let Some(piece) = self.waiting.front_mut() {
            if piece.taken < piece.samples.len() {
                let rest = &piece.samples[piece.taken..];
                // Sound of a rate that nothing can be made of is passed over; its clause ends all the same.
                let taken = self.downlink.enqueue(piece.mark, rest, piece.rate);
                piece.taken += taken.unwrap_or(rest.len());
                if piece.taken < piece.samples.len() {
                    return;
                }
            }
            if piece.last && !self.downlink.finish(piece.mark) {
                return;
            }
            self.waiting.pop_front();
        }
    }

    /// Stops the agent's sound at once and keeps the rest.
    pub(super) fn pause(&mut self) {
        self.downlink.pause();
    }

    /// Lets it go on from a little before where it stopped.
    pub(super) fn resume(&mut self) {
        self.downlink.resume();
    }

    /// Drops all unplayed sound of a generation.
    pub(super) fn drop_generation(&mut self, generation: Generation) {
        let of = |mark: Mark| mark.0 >> 16 == u64::from(generation.0);
        self.waiting.retain(|piece| !of(piece.mark));
        self.downlink.drop_marks(of);
        self.clauses.retain(|mark, _| !of(*mark));
        self.pump();
    }

    /// Does the 20 ms step of both directions. `events` gets what happened, in order.
    pub(super) fn tick(&mut self, now: Instant, events: &mut Vec<Event>) -> Tick {
        self.pump();
        let down = self.downlink.tick();
        let agent = *down.wire;
        if self.out.try_send(LegCommand::Packet(down.packet)).is_err() {
            self.packets_dropped += 1;
        }
        for step in down.progress {
            let Some(progress) = self.clauses.get(&step.mark) else {
                continue;
            };
            let clause = progress.clause;
            events.push(Event::Playout(PlayoutEvent::Sent(clause, step.position)));
            let heard_at = now + self.playout_delay;
            self.on_the_way
                .push_back((heard_at, PlayoutEvent::Heard(clause, step.position)));
            if step.finished {
                self.on_the_way
                    .push_back((heard_at, PlayoutEvent::Finished(clause)));
                self.clauses.remove(&step.mark);
            }
        }
        while let Some((due, event)) = self.on_the_way.front().copied()
            && due <= now
        {
            events.push(Event::Playout(event));
            self.on_the_way.pop_front();
        }
        let up = self.uplink.tick(now, &agent);
        events.extend(up.edges.iter().filter_map(voice_event));
        let tick = Tick {
            heard: Box::new(*up.wide),
            agent,
            callee: *up.wire,
        };
        self.watch_for_loss(now, events);
        tick
    }

    fn watch_for_loss(&mut self, now: Instant, events: &mut Vec<Event>) {
        let last = *self.last_packet.get_or_insert(now);
        if !self.media_lost && now.saturating_duration_since(last) > MEDIA_LOST_AFTER {
            self.media_lost = true;
            events.push(Event::Line(LineEvent::Failed(call::Failure::MediaLost)));
        }
    }
}
