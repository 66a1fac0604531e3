//! Keeps and shows what happened on a call, beside the sound path: live feed, record, recording, log for replay.
//!
//! Two halves. [`Scribe`] lives in the driver and never waits: what it is given goes into bounded channels. Its keeper is a
//! task that may wait for the disk. When the keeper falls behind, sound becomes a gap of silence in the recording (never
//! a shift), partial words are dropped, and everything else waits in order.

use std::{
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use call::{Action, AnsweredBy, CallConfig, Event, Generation, Note, PlayoutEvent, Status};
use protocol::{
    control::{self, Role},
    ids::CallId,
    rest,
};
use tokio::{sync::mpsc, task::JoinHandle};

use super::{convert, keeper, roster::Roster};
use crate::{bus::Feed, disk::Disk, provider::Served, store::Store, watch::room::Room};

/// Handfuls of things to keep that may wait for the keeper.
const ITEMS: usize = 256;
/// Things that nobody watches are handed over when there are so many, if nothing else takes them along before.
const MANY: usize = 16;
/// Frames that are handed to the keeper together: 100 ms, so that it is not woken for each.
pub(super) const TOGETHER: usize = 5;
/// Handfuls of frames that may wait for the keeper: 10 s.
const HANDFULS: usize = 100;

/// What a scribe is made of.
#[derive(Debug)]
pub struct ScribeParts {
    /// Which call.
    pub call: CallId,
    /// When the call was created, or the program took it up again.
    pub created: Instant,
    /// Where watchers look.
    pub feed: Arc<Feed>,
    /// Where records go.
    pub store: Arc<dyn Store>,
    /// Where the recording goes.
    pub recording: PathBuf,
    /// Whether there is room for it.
    pub room: Room,
    /// How both get there.
    pub disk: Disk,
}

/// What was kept, for the end of the call.
#[derive(Debug, Default)]
pub struct Record {
    /// All turns.
    pub turns: Vec<rest::Turn>,
    /// Who answered.
    pub answered_by: AnsweredBy,
    /// How often the agent was cut off.
    pub interruptions: u32,
    /// How often it paused in vain.
    pub false_alarms: u32,
    /// How often a tool was refused.
    pub tools_refused: u32,
    /// How often words were withheld.
    pub withheld: u32,
    /// Facts that the agent kept.
    pub notes: Vec<rest::NotedFact>,
    /// The call's text for replay, if nothing of it is missing.
    pub replay: Option<String>,
}

/// One thing to keep.
#[derive(Debug)]
pub(super) enum Item {
    /// Something to show, and when it happened, in milliseconds since the call was created.
    Note(u64, Note),
    /// Something of the services to show.
    Shown(u64, control::Event),
    /// A turn for the record.
    Turn(rest::Turn),
    /// The core was made so, and started then.
    Started(Box<CallConfig>, Instant),
    /// The core was given this, so long after its start.
    Event(Duration, Event),
    /// The core did this, so long after its start.
    Action(Duration, Action),
    /// Events or actions were lost to a slow disk.
    LogBroken,
}

/// One frame of both sides.
#[derive(Debug)]
pub(super) struct Frame {
    /// Frames before this one that were lost to a slow disk.
    pub(super) gap: u32,
    pub(super) agent: [i16; media::FRAME],
    pub(super) callee: [i16; media::FRAME],
}

/// The driver's half.
#[derive(Debug)]
pub struct Scribe {
    call: CallId,
    created: Instant,
    started: Instant,
    answered: Option<Instant>,
    roster: Roster,
    log_broken: bool,
    items: mpsc::Sender<Box<[Item]>>,
    /// What is handed over next, in order.
    waiting: Vec<Item>,
    frames: mpsc::Sender<Box<[Frame]>>,
    collected: Vec<Frame>,
    gap: u32,
}

impl Scribe {
    /// Starts a keeper and returns the half that talks to it. The keeper ends when that half is dropped.
    #[must_use]
    pub fn start(parts: ScribeParts) -> (Self, JoinHandle<Record>) {
        let (items, kept_items) = mpsc::channel(ITEMS);
        let (frames, kept_frames) = mpsc::channel(HANDFULS);
        let scribe = Self {
            call: parts.call.clone(),
            created: parts.created,
            started: parts.created,
            answered: None,
            roster: Roster::default(),
            log_broken: false,
            items,
            waiting: Vec::new(),
            frames,
            collected: Vec::with_capacity(TOGETHER),
            gap: 0,
        };
        let keeping = tokio::spawn(keeper::keep(parts, kept_items, kept_frames));
        (scribe, keeping)
    }

    /// Returns which call this is.
    pub(super) fn call(&self) -> &CallId {
        &self.call
    }

    /// Notes that the core starts.
    pub(super) fn start_log(&mut self, config: &CallConfig, now: Instant) {
        self.started = now;
        self.give(Item::Started(Box::new(config.clone()), now));
    }

    /// Notes an event that the core is about to be given.
    pub(super) fn event(&mut self, event: &Event, now: Instant) {
        if let Event::Playout(PlayoutEvent::Sent(clause, _)) = event {
            self.roster.sent(*clause);
        }
        let at = now.saturating_duration_since(self.started);
        self.give(Item::Event(at, event.clone()));
    }

    /// Notes that the recogniser gave words.
    pub(super) fn heard(&mut self) {
        self.roster.heard();
    }

    /// Notes who serves from here on, and shows it when that is news.
    pub(super) fn served(
        &mut self,
        role: Role,
        generation: Option<Generation>,
        served: Served,
        now: Instant,
    ) {
        if self.roster.served(role, generation, &served) {
            let (instead_of, reason) = served.instead_of.unzip();
            let shown = control::Event::Service {
                role,
                name: served.by.to_owned(),
                instead_of: instead_of.map(str::to_owned),
                reason: reason.map(|error| error.to_string()),
            };
            self.give(Item::Shown(self.ms(now), shown));
        }
    }

    /// Notes an action of the core.
    pub(super) fn action(&mut self, action: &Action, now: Instant) {
        let at = now.saturating_duration_since(self.started);
        self.give(Item::Action(at, action.clone()));
        self.show(action, now);
    }

    /// Shows and records what an action means to people.
    pub(super) fn show(&mut self, action: &Action, now: Instant) {
        let at = self.ms(now);
        match action {
            Action::Publish(note) => {
                if *note == Note::Status(Status::InProgress) {
                    self.answered = Some(now);
                }
                self.give(Item::Note(at, note.clone()));
            }
            Action::Turn(turn) => {
                let origin = self.answered.unwrap_or(self.created);
                let served_by = self.roster.of_turn(turn.speaker);
                self.give(Item::Turn(rest::Turn {
                    served_by,
                    ..convert::turn(turn, origin)
                }));
            }
            _ => {}
        }
    }

    /// Takes one frame of both sides.
    pub(super) fn frame(&mut self, agent: [i16; media::FRAME], callee: [i16; media::FRAME]) {
        let gap = std::mem::take(&mut self.gap);
        self.collected.push(Frame { gap, agent, callee });
        if self.collected.len() == TOGETHER {
            self.hand_over_items();
            self.hand_over();
        }
    }

    fn hand_over(&mut self) {
        let handful = std::mem::replace(&mut self.collected, Vec::with_capacity(TOGETHER));
        let lost = match self.frames.try_send(handful.into_boxed_slice()) {
            Ok(()) => return,
            Err(
                mpsc::error::TrySendError::Full(lost) | mpsc::error::TrySendError::Closed(lost),
            ) => lost,
        };
        self.gap = lost.iter().map(|frame| frame.gap + 1).sum();
    }

    fn ms(&self, now: Instant) -> u64 {
        let since = now.saturating_duration_since(self.created);
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }

    /// Keeps one thing. What somebody may watch is handed over at once; the log for replay waits for company, so that the
    /// keeper is not woken for every step of the core.
    fn give(&mut self, item: Item) {
        let can_wait = matches!(item, Item::Event(..) | Item::Action(..));
        self.waiting.push(item);
        if !can_wait || self.waiting.len() >= MANY {
            self.hand_over_items();
        }
    }

    fn hand_over_items(&mut self) {
        if self.waiting.is_empty() {
            return;
        }
        let Ok(room) = self.items.try_reserve() else {
            return self.make_do();
        };
        room.send(std::mem::take(&mut self.waiting).into_boxed_slice());
    }

    /// The keeper is behind: what can be missed is dropped, the rest waits for the next time.
    fn make_do(&mut self) {
        let broken = &mut self.log_broken;
        self.waiting.retain(|item| match item {
            Item::Note(_, Note::CalleePartial(_) | Note::AgentSpeech { .. }) => false,
            Item::Event(..) | Item::Action(..) => {
                *broken = true;
                false
            }
            _ => true,
        });
    }

    /// Hands over the rest and lets the keeper end. May wait: the call is over.
    pub(super) async fn close(mut self) {
        if !self.collected.is_empty() {
            self.hand_over();
        }
        if self.log_broken {
            self.waiting.push(Item::LogBroken);
        }
        // A keeper that is gone needs nothing any more.
        let _: Result<_, _> = self.items.send(self.waiting.into_boxed_slice()).await;
    }
}
