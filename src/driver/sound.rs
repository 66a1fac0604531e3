//! The sound path of one call: packets in, one frame every 20 ms, packets out. Never waits for anything.
//!
//! Owns the two halves of `media` and translates between their marks and the clauses of the call core. A line that
//! plays on arrival gets a packet every 20 ms; one that holds what it is sent gets only what sounds, a little ahead
//! (`ahead`). What the edges mean is not decided here.

use std::{
    collections::{HashMap, VecDeque},
    time::{Duration, Instant},
};

use call::{ClauseId, Event, Generation, LineEvent, PlayoutEvent, SpeechEvent};
use media::{
    Codec, Downlink, DownlinkConfig, Encoder, FRAME, FRAME_TIME, MAX_PAYLOAD, Mark, Packet, Uplink,
    UplinkConfig, WIDE_FRAME,
};

use super::{
    ahead::{Ahead, Sounding},
    convert::voice_event,
};
use crate::line::{CommandSender, Leg, LegCommand, Playout, PlayoutMark};

/// How long no packet may arrive before the sound counts as lost.
const MEDIA_LOST_AFTER: Duration = Duration::from_secs(20);

/// Both directions of a connected call.
#[derive(Debug)]
pub(super) struct Sound {
    uplink: Uplink,
    downlink: Downlink,
    /// For sound that is sent ahead.
    encoder: Encoder,
    /// For a line that holds what it is sent.
    ahead: Option<Ahead>,
    out: CommandSender,
    /// Sound of a clause for which the playout queue had no room yet.
    waiting: VecDeque<Piece>,
    clauses: HashMap<Mark, ClauseProgress>,
    on_the_way: VecDeque<(Instant, PlayoutEvent)>,
    /// What went to the line last.
    agent: [i16; FRAME],
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

/// 20 ms of the callee.
#[derive(Debug)]
pub(super) struct Heard {
    /// At 16 kHz, for the recogniser.
    pub(super) wide: Box<[i16; WIDE_FRAME]>,
    /// Whether there may be a voice in it.
    pub(super) voice: bool,
    /// As it came from the line, 8 kHz.
    pub(super) wire: [i16; FRAME],
}

fn mark_of(clause: ClauseId) -> Mark {
    Mark(u64::from(clause.generation.0) << 16 | u64::from(clause.index))
}

impl Sound {
    pub(super) fn new(leg: &Leg) -> Self {
        let (codec, playout_delay) = (leg.codec, leg.playout_delay);
        let ahead = (leg.playout == Playout::Held).then(|| Ahead::new(playout_delay));
        Self {
            uplink: Uplink::new(UplinkConfig::new(codec)),
            downlink: Downlink::new(DownlinkConfig {
                paused: ahead.is_none(),
                ..DownlinkConfig::new(codec)
            }),
            encoder: Encoder::new(codec),
            ahead,
            out: leg.commands.clone(),
            waiting: VecDeque::new(),
            clauses: HashMap::new(),
            on_the_way: VecDeque::new(),
            agent: [0; FRAME],
            playout_delay,
            last_packet: None,
            media_lost: false,
            packets_dropped: 0,
        }
    }

    /// Goes over to the codec that the line has agreed upon.
    pub(super) fn set_codec(&mut self, codec: Codec) {
        self.uplink.set_codec(codec);
        self.downlink.set_codec(codec);
        self.encoder = Encoder::new(codec);
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
        match &mut self.ahead {
            Some(ahead) => {
                if ahead.hold() {
                    self.send(LegCommand::Clear);
                }
            }
            None => self.downlink.pause(),
        }
    }

    /// Lets it go on from a little before where it stopped.
    pub(super) fn resume(&mut self) {
        match &mut self.ahead {
            Some(ahead) => ahead.release(),
            None => self.downlink.resume(),
        }
    }

    /// Sends keys as tones. Returns whether all of them found room.
    pub(super) fn press_keys(&mut self, keys: &str) -> bool {
        self.downlink.press_keys(keys) == keys.chars().count()
    }

    /// The line has played everything before a mark.
    pub(super) fn played(&mut self, mark: PlayoutMark, now: Instant) {
        if let Some(ahead) = &mut self.ahead {
            ahead.on_mark(mark, now);
        }
    }

    /// The callee has begun to speak, and the call core has dealt with it.
    pub(super) fn callee_speaks(&mut self, now: Instant) {
        let idle = self.downlink.is_idle();
        if let Some(ahead) = &mut self.ahead
            && idle
            && ahead.callee_speaks(now)
        {
            self.send(LegCommand::Clear);
        }
    }

    /// Drops all unplayed sound of a generation.
    pub(super) fn drop_generation(&mut self, generation: Generation) {
        let of = |mark: Mark| mark.0 >> 16 == u64::from(generation.0);
        self.waiting.retain(|piece| !of(piece.mark));
        self.downlink.drop_marks(of);
        self.clauses.retain(|mark, _| !of(*mark));
        if let Some(ahead) = &mut self.ahead
            && ahead.drop_generation(generation)
        {
            self.send(LegCommand::Clear);
        }
        self.pump();
    }

    /// Does the 20 ms step of what is heard; the other one follows, so that what was heard can still stop it. `events` gets
    /// what happened, in order.
    pub(super) fn hear(&mut self, now: Instant, events: &mut Vec<Event>) -> Heard {
        let up = self.uplink.tick(now, &self.agent);
        events.extend(up.edges.iter().filter_map(voice_event));
        let heard = Heard {
            wide: Box::new(*up.wide),
            voice: !up.quiet,
            wire: *up.wire,
        };
        self.watch_for_loss(now, events);
        heard
    }

    /// Does the 20 ms step of what is said. Returns what went to the line, 8 kHz; `events` gets what happened, in order.
    pub(super) fn say(&mut self, now: Instant, events: &mut Vec<Event>) -> [i16; FRAME] {
        self.pump();
        self.agent = match self.ahead.take() {
            Some(mut ahead) => {
                let agent = self.tick_ahead(&mut ahead, now, events);
                self.ahead = Some(ahead);
                agent
            }
            None => self.tick_on_arrival(now, events),
        };
        self.agent
    }

    /// Sends the packet of this tick. Returns its sound.
    fn tick_on_arrival(&mut self, now: Instant, events: &mut Vec<Event>) -> [i16; FRAME] {
        let down = self.downlink.tick();
        let agent = *down.wire;
        let heard_at = now + self.playout_delay;
        let step = steps(&mut self.clauses, down.progress);
        self.packets_dropped += u64::from(is_full(&self.out, LegCommand::Packet(down.packet)));
        events.extend(step.sent.into_iter().map(Event::Playout));
        let heard = step.heard.into_iter().map(|event| (heard_at, event));
        self.on_the_way.extend(heard);
        while let Some((due, event)) = self.on_the_way.front().copied()
            && due <= now
        {
            events.push(Event::Playout(event));
            self.on_the_way.pop_front();
        }
        agent
    }

    /// Sends what has become sendable since the last tick, to a line that holds sound: it need not wait for a frame's turn.
    pub(super) fn send_early(&mut self, now: Instant, events: &mut Vec<Event>) {
        if let Some(mut ahead) = self.ahead.take() {
            self.send_ahead(&mut ahead, now, events);
            self.ahead = Some(ahead);
        }
    }

    /// Sends as much sound as the line may have ahead. Returns what it plays now, by the clock.
    fn tick_ahead(
        &mut self,
        ahead: &mut Ahead,
        now: Instant,
        events: &mut Vec<Event>,
    ) -> [i16; FRAME] {
        self.send_ahead(ahead, now, events);
        let mut heard = Vec::new();
        ahead.heard(now, &mut heard);
        events.extend(heard.into_iter().map(Event::Playout));
        ahead.on_air()
    }

    fn send_ahead(&mut self, ahead: &mut Ahead, now: Instant, events: &mut Vec<Event>) {
        while ahead.has_room(now) {
            let frame = match ahead.again() {
                Some(frame) => frame,
                None if self.may_take(ahead, now) => {
                    let key = self.downlink.has_keys();
                    let down = self.downlink.tick();
                    let step = steps(&mut self.clauses, down.progress);
                    events.extend(step.sent.into_iter().map(Event::Playout));
                    let (sounding, samples) = (down.sounding, *down.wire);
                    if sounding {
                        let heard = step.heard;
                        Sounding {
                            samples,
                            heard,
                            key,
                        }
                    } else if step.heard.is_empty() {
                        break;
                    } else {
                        // A clause ends where nothing sounds: it is over once what was sent before is heard.
                        match ahead.attach(step.heard) {
                            Ok(mark) => self.send(LegCommand::Mark(mark)),
                            Err(heard) => events.extend(heard.into_iter().map(Event::Playout)),
                        }
                        continue;
                    }
                }
                None => break,
            };
            let (samples, mark) = ahead.send(frame, now);
            let mut payload = [0; MAX_PAYLOAD];
            let length = self.encoder.encode(&samples, &mut payload);
            let packet = Packet::new(0, 0, &payload[..length])
                .expect("a payload is no longer than the longest");
            self.send(LegCommand::Packet(packet));
            if let Some(mark) = mark {
                self.send(LegCommand::Mark(mark));
            }
        }
    }

    /// Whether the next frame is to be taken from the queue: a whole one, or the last there is when it is due.
    fn may_take(&self, ahead: &Ahead, now: Instant) -> bool {
        let due = ahead.lead(now) <= FRAME_TIME;
        let speech = self.downlink.queued() >= FRAME_TIME || due && !self.downlink.is_idle();
        self.downlink.has_keys() || speech && !ahead.is_held() && ahead.has_nothing_to_repeat()
    }

    fn send(&mut self, command: LegCommand) {
        self.packets_dropped += u64::from(is_full(&self.out, command));
    }

    fn watch_for_loss(&mut self, now: Instant, events: &mut Vec<Event>) {
        let last = *self.last_packet.get_or_insert(now);
        if !self.media_lost && now.saturating_duration_since(last) > MEDIA_LOST_AFTER {
            self.media_lost = true;
            events.push(Event::Line(LineEvent::Failed(call::Failure::MediaLost)));
        }
    }
}

/// Gives the line a command, and returns whether it had no room for it. A line that is gone loses nothing.
fn is_full(out: &CommandSender, command: LegCommand) -> bool {
    out.try_send(command).is_err() && !out.is_closed()
}

/// What a frame means for the clauses in it.
#[derive(Debug, Default)]
struct Steps {
    /// Now.
    sent: Vec<PlayoutEvent>,
    /// Once it is heard.
    heard: Vec<PlayoutEvent>,
}

/// Translates the progress of marks into that of clauses. Clauses that are finished are forgotten.
fn steps(clauses: &mut HashMap<Mark, ClauseProgress>, progress: &[media::Progress]) -> Steps {
    let mut steps = Steps::default();
    for step in progress {
        let Some(clause) = clauses.get(&step.mark).map(|progress| progress.clause) else {
            continue;
        };
        steps.sent.push(PlayoutEvent::Sent(clause, step.position));
        steps.heard.push(PlayoutEvent::Heard(clause, step.position));
        if step.finished {
            steps.heard.push(PlayoutEvent::Finished(clause));
            clauses.remove(&step.mark);
        }
    }
    steps
}
