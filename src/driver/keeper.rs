//! The scribe's other half: the task that writes what a call leaves behind. It may wait for the disk; nobody waits for it
//! while the call runs.

use std::sync::Arc;

use call::{Note, Status};
use media::Resampler;
use protocol::{control, rest};
use tokio::sync::mpsc;

use super::{
    clock, convert,
    log::ReplayLog,
    recorder::Recorder,
    scribe::{Frame, Item, Record, ScribeParts},
};
use crate::{
    bus::Feed,
    private::Private,
    store::{Store, StoreError, StoredCall},
    watch,
};

/// Keeps a call until the scribe is dropped; returns what its end needs.
pub(super) async fn keep(
    parts: ScribeParts,
    mut items: mpsc::Receiver<Box<[Item]>>,
    mut frames: mpsc::Receiver<Box<[Frame]>>,
) -> Record {
    let mut keeper = Keeper {
        recorder: Some(Recorder::new(parts.recording.clone())),
        listeners: Listeners::default(),
        record: Record::default(),
        log: None,
        status: None,
        parts,
    };
    loop {
        tokio::select! {
            Some(handful) = items.recv() => {
                for item in handful {
                    keeper.item(item).await;
                }
            }
            Some(handful) = frames.recv() => {
                keeper.frames(handful).await;
            }
            else => break,
        }
    }
    keeper.finish().await
}

struct Keeper {
    parts: ScribeParts,
    recorder: Option<Recorder>,
    listeners: Listeners,
    record: Record,
    log: Option<ReplayLog>,
    status: Option<Status>,
}

impl Keeper {
    async fn item(&mut self, item: Item) {
        match item {
            Item::Note(at, note) => self.note(at, &note).await,
            Item::Shown(at, event) => self.show(at, event),
            Item::Turn(turn) => {
                self.record.turns.push(turn.clone());
                let id = self.parts.call.clone();
                tracing::debug!(call = %id, speaker = %turn.speaker, text = %Private(&turn.text), "a turn");
                self.store(move |store| store.append_turn(&id, &turn)).await;
            }
            Item::Started(config, at) => self.log = Some(ReplayLog::new(&config, at)),
            Item::Event(at, event) => self.log(|log| log.event(at, &event)),
            Item::Action(at, action) => self.log(|log| log.action(at, &action)),
            Item::LogBroken => self.log(ReplayLog::broken),
        }
    }

    fn log(&mut self, write: impl FnOnce(&mut ReplayLog)) {
        if let Some(log) = &mut self.log {
            write(log);
        }
    }

    async fn note(&mut self, at: u64, note: &Note) {
        match note {
            Note::AnsweredBy(who) => self.record.answered_by = *who,
            Note::Interrupted { .. } => self.record.interruptions += 1,
            Note::FalseAlarm => self.record.false_alarms += 1,
            Note::ToolRefused { .. } => self.record.tools_refused += 1,
            Note::Warning(text) if *text == call::WITHHELD => self.record.withheld += 1,
            Note::Tool(call::Tool::Note(text)) => self.record.notes.push(rest::NotedFact {
                text: text.clone(),
                t_ms: at,
            }),
            Note::Status(status) => {
                if self.status.replace(*status) == Some(*status) {
                    return;
                }
                self.keep_status(*status).await;
            }
            _ => {}
        }
        let event = convert::live_event(note);
        let question = match &event {
            control::Event::Question { .. } => serde_json::to_value(&event).ok(),
            _ => None,
        };
        self.show(at, event);
        // Whoever watches hears of it first: the disk is slower, and the callee waits.
        if let Some(mut question) = question {
            if let Some(fields) = question.as_object_mut() {
                fields.remove("type");
            }
            let (id, at) = (self.parts.call.clone(), clock::wall());
            self.store(move |store| store.spool_question(&id, &question, at))
                .await;
        }
    }

    fn show(&self, at: u64, event: control::Event) {
        let call = &self.parts.call;
        if let control::Event::TurnLatency { latency, .. } = &event {
            watch::turn(latency);
        }
        self.parts
            .feed
            .append(|seq| convert::live_json(call, seq, at, event));
    }

    /// The record knows of a status before any watcher does.
    async fn keep_status(&mut self, status: Status) {
        let id = self.parts.call.clone();
        let started = rest::Time::from(clock::wall());
        self.store(move |store| {
            let mut change = |stored: &mut StoredCall| match status {
                Status::Dialing => stored.call.status = rest::Status::Dialing,
                Status::InProgress => {
                    stored.call.status = rest::Status::InProgress;
                    stored.call.started_at = Some(started);
                }
            };
            store.update_call(&id, &mut change).map(|_| ())
        })
        .await;
    }

    async fn store(
        &mut self,
        work: impl FnOnce(&dyn Store) -> Result<(), StoreError> + Send + 'static,
    ) {
        let store: Arc<dyn Store> = self.parts.store.clone();
        let done = self.parts.disk.records(move || work(store.as_ref())).await;
        if let Ok(Err(error)) = done {
            tracing::error!(call = %self.parts.call, %error, "a running call could not be kept");
        }
    }

    async fn frames(&mut self, frames: Box<[Frame]>) {
        for frame in &frames {
            self.listeners.frame(&self.parts.feed, frame);
        }
        let Some(recorder) = &mut self.recorder else {
            return;
        };
        if recorder.push(frames) {
            self.write(Recorder::write).await;
            self.stop_without_room().await;
        }
    }

    async fn write(&mut self, how: fn(&mut Recorder) -> std::io::Result<()>) {
        let Some(mut recorder) = self.recorder.take() else {
            return;
        };
        let done = self
            .parts
            .disk
            .recordings(move || {
                let written = how(&mut recorder);
                (recorder, written)
            })
            .await;
        match done {
            Ok((recorder, Ok(()))) => self.recorder = Some(recorder),
            Ok((_, Err(error))) => {
                watch::recording_stopped();
                tracing::error!(call = %self.parts.call, %error, "the call goes on without recording");
            }
            Err(_) => tracing::error!(call = %self.parts.call, "the recorder panicked"),
        }
    }

    /// Ends the recording while there still is room for the end of the call.
    async fn stop_without_room(&mut self) {
        if self.recorder.is_none() || !self.parts.room.is_short() {
            return;
        }
        self.write(Recorder::finish).await;
        if self.recorder.take().is_some() {
            watch::recording_stopped();
            tracing::warn!(call = %self.parts.call, "there is no room: the call goes on without recording");
        }
    }

    async fn finish(mut self) -> Record {
        self.write(Recorder::finish).await;
        self.record.replay = self.log.and_then(ReplayLog::finish);
        self.record
    }
}

/// Turns frames into what live listeners get, while there are any.
#[derive(Default)]
struct Listeners {
    upsamplers: Option<(Resampler, Resampler)>,
}

impl Listeners {
    fn frame(&mut self, feed: &Feed, frame: &Frame) {
        if !feed.has_listeners() {
            self.upsamplers = None;
            return;
        }
        if self.upsamplers.is_none() {
            let pair = Resampler::new(8000, 16_000)
                .ok()
                .zip(Resampler::new(8000, 16_000).ok());
            self.upsamplers = pair;
        }
        let Some((left, right)) = &mut self.upsamplers else {
            return;
        };
        let (mut agent, mut callee) = (Vec::new(), Vec::new());
        left.process(&frame.agent, |out| agent.extend_from_slice(out));
        right.process(&frame.callee, |out| callee.extend_from_slice(out));
        let pcm: Vec<u8> = agent
            .iter()
            .zip(&callee)
            .flat_map(|(l, r)| {
                let ([a, b], [c, d]) = (l.to_le_bytes(), r.to_le_bytes());
                [a, b, c, d]
            })
            .collect();
        feed.play(pcm.into());
    }
}
