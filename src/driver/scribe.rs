//! Keeps and shows what happened on a call, beside the sound path: live feed, record, recording, log for replay.
//!
//! Two halves. [`Scribe`] lives in the driver and never waits: what it is given goes into bounded channels. Its keeper is a
//! task that may wait for the disk. When the keeper falls behind, sound becomes a gap of silence in the recording (never
//! a shift), partial words are dropped, and everything else waits in order.

use std::{collections::VecDeque, path::PathBuf, sync::Arc, time::Instant};

use call::{Action, AnsweredBy, Note, Status};
use protocol::{ids::CallId, rest};
use tokio::{sync::mpsc, task::JoinHandle};

use super::{convert, keeper};
use crate::{bus::Feed, store::Store};

/// Things to keep that may wait for the keeper.
const ITEMS: usize = 1024;
/// Frames that may wait for the keeper: 10 s.
const FRAMES: usize = 500;

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
    /// The core's events with their times.
    pub events: Option<String>,
}

/// One thing to keep.
#[derive(Debug)]
pub(super) enum Item {
    /// Something to show, and when it happened, in milliseconds since the call was created.
    Note(u64, Note),
    /// A turn for the record.
    Turn(rest::Turn),
    /// A line of the log for replay.
    Event(String),
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
    answered: Option<Instant>,
    items: mpsc::Sender<Item>,
    waiting: VecDeque<Item>,
    frames: mpsc::Sender<Frame>,
    gap: u32,
}

impl Scribe {
    /// Starts a keeper and returns the half that talks to it. The keeper ends when that half is dropped.
    #[must_use]
    pub fn start(parts: ScribeParts) -> (Self, JoinHandle<Record>) {
        let (items, kept_items) = mpsc::channel(ITEMS);
        let (frames, kept_frames) = mpsc::channel(FRAMES);
        let scribe = Self {
            call: parts.call.clone(),
            created: parts.created,
            answered: None,
            items,
            waiting: VecDeque::new(),
            frames,
            gap: 0,
        };
        let keeping = tokio::spawn(keeper::keep(parts, kept_items, kept_frames));
        (scribe, keeping)
    }

    /// Returns which call this is.
    pub(super) fn call(&self) -> &CallId {
        &self.call
    }

    /// Notes an action of the core.
    pub(super) fn action(&mut self, action: &Action, now: Instant) {
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
                self.give(Item::Turn(convert::turn(turn, origin)));
            }
            _ => {}
        }
    }

    /// Takes one frame of both sides.
    pub(super) fn frame(&mut self, agent: [i16; media::FRAME], callee: [i16; media::FRAME]) {
        self.pump();
        let gap = self.gap;
        match self.frames.try_send(Frame { gap, agent, callee }) {
            Ok(()) => self.gap = 0,
            Err(_) => self.gap += 1,
        }
    }

    fn ms(&self, now: Instant) -> u64 {
        let since = now.saturating_duration_since(self.created);
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }

    fn give(&mut self, item: Item) {
        self.pump();
        if !self.waiting.is_empty() {
            if !is_replaceable(&item) {
                self.waiting.push_back(item);
            }
            return;
        }
        if let Err(mpsc::error::TrySendError::Full(item)) = self.items.try_send(item)
            && !is_replaceable(&item)
        {
            self.waiting.push_back(item);
        }
    }

    fn pump(&mut self) {
        while let Some(item) = self.waiting.pop_front() {
            if let Err(mpsc::error::TrySendError::Full(item)) = self.items.try_send(item) {
                self.waiting.push_front(item);
                return;
            }
        }
    }

    /// Hands over the rest and lets the keeper end. May wait: the call is over.
    pub(super) async fn close(mut self) {
        while let Some(item) = self.waiting.pop_front() {
            if self.items.send(item).await.is_err() {
                return;
            }
        }
    }
}

/// Returns whether a later item makes up for the loss of this one.
fn is_replaceable(item: &Item) -> bool {
    matches!(
        item,
        Item::Note(_, Note::CalleePartial(_) | Note::AgentSpeech { .. }) | Item::Event(_)
    )
}
