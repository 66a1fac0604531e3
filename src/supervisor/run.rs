//! From a queued call to a finished one: waits for its turn, runs the driver in a task of its own, has the outcome
//! judged, and ends the record exactly once.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use call::End;
use protocol::{ids::CallId, rest};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::{COMMANDS, Equipment, Live, Supervisor, blocking, finish, queue::Place, schedule};
use crate::{
    agent::{self, disclosure::Disclosing},
    bus::Feed,
    driver::{
        self, CallParts, Finished, Providers, Record, Scribe, ScribeParts, clock, mend_recording,
    },
    line::{DialRequest, Line, Owner},
    private::Private,
    provider::{SttOptions, TtsOptions, deaf::Deaf},
    store::{Attachment, Finish, StoredCall},
    watch,
};

/// What a call needs to come to its end.
struct Started {
    line: Arc<dyn Line>,
    dial: DialRequest,
    commands: mpsc::Receiver<call::Command>,
    canceled: CancellationToken,
    /// For one that cannot wait for its turn.
    place: Option<Place>,
}
/// How long the start of the program waits for the ends of the last run's calls.
const ENDINGS: Duration = Duration::from_secs(10);
/// The pause before the end of a call is written once more.
const KEEP_AGAIN: Duration = Duration::from_secs(2);

impl Supervisor {
    /// Brings back the calls that a stopped or killed process left: queued ones are dispatched when they are due, unless
    /// that was long ago; others end as interrupted, with their credit given back and their recording mended. Returns how many of each.
    ///
    /// # Errors
    /// When the store cannot be read; nothing was done then.
    pub async fn recover(&self) -> Result<(usize, usize), protocol::error::ApiError> {
        let store = self.store().clone();
        let left = blocking(&self.0.disk, move || {
            Ok((store.unfinished_calls()?, store.restored_at()?))
        });
        let (left, restored) = left.await?;
        let (mut queued, mut ended) = (0, 0);
        let mut endings = Vec::new();
        for stored in left {
            let line = self.equipment().line(&stored.call.line);
            let waits = stored.call.status == rest::Status::Queued;
            let unknown = waits && schedule::is_of_before(&stored, restored);
            let missed = waits && (unknown || schedule::is_missed(&stored, clock::wall()));
            match line {
                Some(line) if waits && !missed => {
                    queued += 1;
                    self.launch(stored, line, None);
                }
                _ => {
                    ended += 1;
                    let path = self.recording_path(&stored.call.call_id);
                    let mended = tokio::task::spawn_blocking(move || mend_recording(&path)).await;
                    if !matches!(mended, Ok(Ok(()))) {
                        tracing::warn!(call = %stored.call.call_id, "its recording could not be mended");
                    }
                    let ending = if unknown {
                        finish::restored()
                    } else if missed {
                        finish::missed()
                    } else {
                        finish::interrupted_by_restart()
                    };
                    let this = self.clone();
                    endings.push(self.0.tasks.spawn(async move {
                        let feed = this.bus().open(&stored.call.call_id, &stored.account);
                        this.end(&stored, &feed, ending).await;
                        feed.close();
                        this.bus().forget(&stored.call.call_id);
                    }));
                }
            }
        }
        // On a full disk they are ended when there is room; that is no reason not to start.
        let all = futures_util::future::join_all(endings);
        if clock::timeout(ENDINGS, all).await.is_none() {
            tracing::error!(
                "not all calls of the last run could be ended yet; it is tried again and again"
            );
        }
        Ok((queued, ended))
    }

    /// Returns where the recording of a call lies, whether or not there is one.
    #[must_use]
    pub fn recording_path(&self, id: &protocol::ids::CallId) -> std::path::PathBuf {
        self.equipment()
            .settings
            .recordings
            .join(format!("{id}.wav"))
    }

    /// Starts the task that brings a queued call to its end. `incoming` names it to the line when it was not we who
    /// called, with the place that it has already.
    pub(super) fn launch(
        &self,
        stored: StoredCall,
        line: Arc<dyn Line>,
        incoming: Option<(String, Place)>,
    ) {
        let (commands, receiver) = mpsc::channel(COMMANDS);
        let canceled = CancellationToken::new();
        let id = stored.call.call_id.clone();
        let live = Live {
            account: stored.account.clone(),
            commands,
            canceled: canceled.clone(),
        };
        self.live().insert(id.clone(), live);
        let to = Private(&stored.call.to_phone_number);
        tracing::info!(call = %id, %to, line = stored.call.line, "a call is queued");
        let feed = self.bus().open(&id, &stored.account);
        finish::announce_queued(&feed, &stored.call);
        // Through the futures that carry it to its end goes a pointer.
        let stored = Box::new(stored);
        let this = self.clone();
        self.0.tasks.spawn(async move {
            let (incoming, place) = incoming.unzip();
            let dial = DialRequest {
                incoming,
                owner: Some(Owner {
                    call: id.clone(),
                    account: stored.account.clone(),
                }),
                ..this.dial_request(&stored.request, stored.seed)
            };
            let started = Started {
                line,
                dial,
                commands: receiver,
                canceled,
                place,
            };
            this.bring_to_its_end(stored, started, &feed).await;
            this.live().remove(&id);
            feed.close();
            this.bus().forget(&id);
        });
    }

    async fn bring_to_its_end(&self, stored: Box<StoredCall>, started: Started, feed: &Arc<Feed>) {
        let Started {
            line,
            dial,
            commands,
            canceled,
            place,
        } = started;
        let comes_in = place.is_some();
        let place = tokio::select! {
            biased;
            () = canceled.cancelled() => {
                self.end(&stored, feed, finish::canceled_before_answer()).await;
                return;
            }
            // It stays queued in the records; the next start dispatches it.
            () = self.drain_begins() => return,
            place = self.turn_of(&stored, &*line, place) => place,
        };
        // From here on whatever the operator changes is for others.
        let equipment = self.equipment();
        let line = match equipment.line(&stored.call.line) {
            Some(current) if !comes_in => current,
            _ => line,
        };
        let dial = DialRequest {
            ring_timeout: equipment.settings.ring_timeout,
            ..dial
        };
        let mut stored = stored;
        tokio::select! {
            biased;
            () = canceled.cancelled() => {
                self.end(&stored, feed, finish::canceled_before_answer()).await;
                return;
            }
            context = Self::read_site(&equipment, &stored) => stored.call.context = context,
        }
        // It may have been put on the list while it waited.
        let ending = if self.was_blocked(&stored).await {
            finish::blocked()
        } else {
            self.carry_out(&equipment, &stored, (line, dial), commands, feed)
                .await
        };
        drop(place);
        self.end(&stored, feed, ending).await;
    }

    /// Waits until a call may be made: for its time, and for its turn.
    async fn turn_of(
        &self,
        stored: &StoredCall,
        line: &dyn Line,
        place: Option<Place>,
    ) -> Option<Place> {
        if place.is_some() {
            return place;
        }
        let (account, id) = (&stored.account, &stored.call.call_id);
        let mut due = schedule::due(stored);
        loop {
            schedule::wait_until(due).await;
            let place = self.0.queue.join(account, id, line.name()).place().await?;
            // It may have waited into the night.
            let number = &stored.request.to_phone_number;
            match self
                .equipment()
                .settings
                .policy
                .later(number, clock::wall())
            {
                Some(later) => {
                    drop(place);
                    due = later.at;
                    self.postpone(id, due).await;
                }
                None => return Some(place),
            }
        }
    }

    /// Keeps that a call waits for another time of day, so that a restart meanwhile does not take it for missed.
    async fn postpone(&self, id: &protocol::ids::CallId, due: jiff::Timestamp) {
        tracing::info!(call = %id, %due, "a call waits for a decent time of day");
        let (store, id) = (self.store().clone(), id.clone());
        let kept = blocking(&self.0.disk, move || {
            store.update_call(&id, &mut |stored| {
                stored.request.scheduled_at = Some(due.into());
                stored.call.scheduled_at = Some(due.into());
            })
        });
        // Without it the call waits all the same.
        let _: Result<_, _> = kept.await;
    }

    async fn drain_begins(&self) {
        let mut draining = self.0.draining.subscribe();
        // The sender lives as long as the supervisor.
        let _ = draining.wait_for(|draining| *draining).await;
    }

    /// Runs the driver and judges what came of it.
    async fn carry_out(
        &self,
        equipment: &Equipment,
        stored: &StoredCall,
        (line, dial): (Arc<dyn Line>, DialRequest),
        commands: mpsc::Receiver<call::Command>,
        feed: &Arc<Feed>,
    ) -> finish::Ending {
        let id = stored.call.call_id.clone();
        // On record before the phone rings: should this process be killed now, the next one does not ring it again.
        let (store, key) = (self.store().clone(), id.clone());
        let context = stored.call.context.clone();
        let dialing = blocking(&self.0.disk, move || {
            store.update_call(&key, &mut |stored| {
                stored.call.status = rest::Status::Dialing;
                stored.call.context.clone_from(&context);
            })
        });
        if dialing.await.is_err() {
            return finish::broken(Record::default());
        }
        let brief = Self::brief(equipment, stored);
        let (scribe, keeping) = Scribe::start(ScribeParts {
            call: id.clone(),
            created: created(stored),
            feed: feed.clone(),
            store: self.store().clone(),
            recording: self.recording_path(&id),
            room: self.room().clone(),
            disk: self.0.disk.clone(),
        });
        let call_parts = CallParts {
            line,
            dial,
            providers: Providers {
                stt: if brief.deaf {
                    Arc::new(Deaf)
                } else {
                    equipment.stt.clone()
                },
                stt_options: SttOptions {
                    language: brief.language.clone(),
                    narrowband: true,
                    hints: hints(&brief),
                },
                llm: match &stored.call.disclosure {
                    Some(disclosure) => Arc::new(Disclosing::new(
                        equipment.llm.clone(),
                        disclosure.text.clone(),
                    )),
                    None => equipment.llm.clone(),
                },
                tts: equipment.tts.clone(),
                tts_options: TtsOptions {
                    language: brief.language.clone(),
                    voice: String::new(),
                },
            },
            brief: brief.clone(),
            config: finish::core_config(&equipment.settings.call, stored),
            commands,
            scribe,
        };
        // A task of its own: a panic in it ends this call and no other.
        let ran = tokio::spawn(driver::run(call_parts)).await;
        let record = keeping.await.unwrap_or_default();
        let Ok(finished) = ran else {
            tracing::error!(call = %id, "the driver of a call panicked");
            return finish::broken(record);
        };
        Self::judge(equipment, &brief, finished, record).await
    }

    async fn judge(
        equipment: &Equipment,
        brief: &agent::Brief,
        finished: Finished,
        record: Record,
    ) -> finish::Ending {
        if let End::Failed(failure) = finished.end {
            return finish::failed(failure, &finished, record);
        }
        let turns = finish::transcript_turns(&record.turns);
        let llm = equipment.llm.as_ref();
        let verdict =
            agent::judge(brief, &turns, finished.end, record.answered_by, Some(llm)).await;
        finish::completed(&finished, record, verdict)
    }

    /// Ends the record, tells whoever watches, and keeps the live events.
    pub(super) async fn end(&self, stored: &StoredCall, feed: &Arc<Feed>, ending: finish::Ending) {
        let id = stored.call.call_id.clone();
        let at = clock::wall();
        let Some(finished) = self.keep_end(&id, Arc::new(ending), at).await else {
            tracing::error!(call = %id, "the end of a call could not be kept; the next start will mend its record");
            return;
        };
        let (status, outcome) = (finished.call.call.status, finished.call.call.outcome);
        tracing::info!(call = %id, %status, ?outcome, "a call ended");
        watch::call_ended(&finished.call.call);
        finish::announce(feed, &finished.call.call, at);
        let lines: Vec<_> = feed.read(0, usize::MAX).events;
        if let Some(tracer) = &self.0.watch.tracer {
            tracer.trace(&finished.call.call, &lines);
        }
        let store = self.store().clone();
        let log = lines.join("\n");
        if blocking(&self.0.disk, move || {
            store.save(&id, Attachment::Feed, log.as_bytes())
        })
        .await
        .is_err()
        {
            tracing::warn!("the live events of an ended call could not be kept");
        }
    }

    /// Writes the end into the record. While the disk is full it is tried again, for what the call brought is only here.
    async fn keep_end(
        &self,
        id: &CallId,
        ending: Arc<finish::Ending>,
        at: jiff::Timestamp,
    ) -> Option<Finish> {
        loop {
            let (store, key, ending) = (self.store().clone(), id.clone(), ending.clone());
            let kept = self.0.disk.records(move || {
                if let Some(replay) = &ending.replay
                    && let Err(error) = store.save(&key, Attachment::Events, replay.as_bytes())
                {
                    tracing::warn!(call = %key, %error, "a call cannot be replayed");
                }
                store.finish_call(&key, ending.give_back, at, &mut |stored| {
                    ending.apply(&mut stored.call, at);
                })
            });
            match kept.await {
                Ok(Ok(finished)) => return Some(finished),
                Ok(Err(error)) => {
                    watch::store_failed();
                    tracing::error!(call = %id, %error, "the end of a call could not be kept");
                    if !error.is_of_the_disk() || self.is_ending() {
                        return None;
                    }
                    clock::sleep(KEEP_AGAIN).await;
                }
                Err(_) => return None,
            }
        }
    }
}

/// Returns when a call was created, on the clock that its events are timed by; now, where that clock does not reach
/// back so far.
fn created(stored: &StoredCall) -> Instant {
    let now = clock::now();
    let ago = clock::wall().duration_since(stored.call.created_at.into());
    let ago = Duration::try_from(ago).unwrap_or_default();
    now.checked_sub(ago).unwrap_or(now)
}

/// Returns the words that are likely to be said on a call because they were in its request.
fn hints(brief: &agent::Brief) -> Vec<String> {
    let texts = [
        brief.business_name.as_deref(),
        Some(brief.objective.as_str()),
        brief.instructions.as_deref(),
    ];
    let words = texts.into_iter().flatten().flat_map(str::split_whitespace);
    let mut hints: Vec<String> = words
        .map(|word| word.trim_matches(|c: char| !c.is_alphanumeric()).to_owned())
        .filter(|word| word.chars().any(char::is_alphabetic))
        .collect();
    hints.sort_unstable();
    hints.dedup();
    hints
}
