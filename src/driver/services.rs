//! The three services of one call, behind queues that never block: opening them, feeding them, and one receiver
//! per service for what they say. Knows nothing of what the words mean.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::Arc,
};

use call::{ClauseId, Generation, ReplyEvent, Speaker};
use tokio::{sync::mpsc, task::AbortHandle};

use crate::{
    agent::{
        Brief,
        guard::{Guard, Passed, Secrets},
    },
    line::queue::{Receiver, Sender, queue},
    provider::{
        LanguageModel, LlmEvent, LlmRequest, ProviderError, ProviderErrorKind, Served,
        SpeechToText, SttEvent, SttInput, SttOptions, TextToSpeech, TtsEvent, TtsInput, TtsOptions,
    },
};

/// Sound kept for a recogniser that is not open yet or does not keep up: 5 s. Older sound is dropped first.
const STT_BACKLOG: usize = 250;

/// Frames that are handed to a recogniser together while the callee is silent: 100 ms. Of a voice each goes at once.
const QUIET_TOGETHER: usize = 5;

/// Events of one service that wait for the driver; beyond that the service waits.
const EVENTS: usize = 64;
/// The same of speech, which waits in the playout queue already and takes kilobytes an event.
const SPOKEN: usize = 4;

/// Which services a call uses, and what they should know.
#[derive(Debug, Clone)]
pub struct Providers {
    /// Hears.
    pub stt: Arc<dyn SpeechToText>,
    /// What the recogniser should know.
    pub stt_options: SttOptions,
    /// Thinks.
    pub llm: Arc<dyn LanguageModel>,
    /// Speaks.
    pub tts: Arc<dyn TextToSpeech>,
    /// Which voice.
    pub tts_options: TtsOptions,
}

/// The open services of one call. Dropping it closes them all.
#[derive(Debug)]
pub(super) struct Services {
    llm: Arc<dyn LanguageModel>,
    brief: Arc<Brief>,
    secrets: Arc<Secrets>,
    /// How many entries of the requester the secrets know.
    guidance: usize,
    hearing: Outbox<SttInput>,
    speaking: Outbox<TtsInput>,
    replies: HashMap<Generation, AbortHandle>,
    cancelled: HashSet<Generation>,
    tasks: Vec<AbortHandle>,
    reply_events: Sender<(Generation, Replied)>,
    /// Words.
    pub(super) words: Receiver<SttEvent>,
    /// Pieces of replies.
    pub(super) replied: Receiver<(Generation, Replied)>,
    /// Pieces of speech.
    pub(super) spoken: Receiver<TtsEvent>,
    /// Frames that a slow recogniser never got.
    pub(super) frames_dropped: u64,
}

/// A piece of a reply that has passed the guard.
#[derive(Debug)]
pub(super) enum Replied {
    /// For the core.
    Event(ReplyEvent),
    /// Another model than before serves.
    Served(Served),
    /// The model failed.
    Failed(ProviderError),
}

/// A queue in front of a service that may not be open yet.
#[derive(Debug)]
struct Outbox<T> {
    waiting: VecDeque<T>,
    opening: Option<mpsc::Receiver<mpsc::Sender<T>>>,
    open: Option<mpsc::Sender<T>>,
    lost: Vec<T>,
}

impl<T> Outbox<T> {
    fn new(opening: mpsc::Receiver<mpsc::Sender<T>>) -> Self {
        Self {
            waiting: VecDeque::new(),
            opening: Some(opening),
            open: None,
            lost: Vec::new(),
        }
    }

    /// Hands over as much as the service takes, without waiting.
    fn pump(&mut self) {
        if let Some(opening) = &mut self.opening
            && let Ok(sender) = opening.try_recv()
        {
            self.open = Some(sender);
            self.opening = None;
        }
        let Some(open) = &self.open else { return };
        while let Some(item) = self.waiting.pop_front() {
            match open.try_send(item) {
                Ok(()) => {}
                Err(mpsc::error::TrySendError::Full(item)) => {
                    self.waiting.push_front(item);
                    return;
                }
                Err(mpsc::error::TrySendError::Closed(item)) => {
                    self.lost.push(item);
                    self.lost.extend(self.waiting.drain(..));
                    return;
                }
            }
        }
    }
}

impl Services {
    /// Starts to open all services; returns at once.
    pub(super) fn open(providers: Providers, brief: Arc<Brief>) -> Self {
        let (word_tx, words) = queue(EVENTS);
        let (hear_tx, hear_rx) = mpsc::channel(1);
        let (spoken_tx, spoken) = queue(SPOKEN);
        let (speak_tx, speak_rx) = mpsc::channel(1);
        let (reply_events, replied) = queue(EVENTS);
        let hearing = tokio::spawn(hear(providers.stt, providers.stt_options, hear_tx, word_tx));
        let speaking = tokio::spawn(speak(
            providers.tts,
            providers.tts_options,
            speak_tx,
            spoken_tx,
        ));
        Self {
            llm: providers.llm,
            secrets: Arc::new(Secrets::of(&brief)),
            guidance: 0,
            brief,
            hearing: Outbox::new(hear_rx),
            speaking: Outbox::new(speak_rx),
            replies: HashMap::new(),
            cancelled: HashSet::new(),
            tasks: vec![hearing.abort_handle(), speaking.abort_handle()],
            reply_events,
            words,
            replied,
            spoken,
            frames_dropped: 0,
        }
    }

    /// Gives the recogniser a frame: at once when it is of a voice, else when there are a few, so as not to wake it for each.
    pub(super) fn hear_frame(&mut self, frame: Box<[i16; media::WIDE_FRAME]>, voice: bool) {
        if voice || self.hearing.waiting.len() + 1 >= QUIET_TOGETHER {
            self.hear(SttInput::Audio(frame));
        } else {
            self.hearing.waiting.push_back(SttInput::Audio(frame));
        }
    }

    /// Gives the recogniser something. Sound beyond the backlog pushes out the oldest sound, never a flush.
    pub(super) fn hear(&mut self, input: SttInput) {
        self.hearing.waiting.push_back(input);
        self.hearing.pump();
        if self.hearing.waiting.len() > STT_BACKLOG {
            let oldest = self
                .hearing
                .waiting
                .iter()
                .position(|item| matches!(item, SttInput::Audio(_)));
            if let Some(at) = oldest {
                self.hearing.waiting.remove(at);
                self.frames_dropped += 1;
            }
        }
    }

    /// Gives the synthesiser a clause.
    pub(super) fn speak(&mut self, clause: ClauseId, text: String) {
        self.speaking
            .waiting
            .push_back(TtsInput::Speak { clause, text });
        self.speaking.pump();
    }

    /// Asks the model for a reply. Nothing of it reaches the call but through the guard.
    pub(super) fn think(&mut self, generation: Generation, history: Vec<call::Message>) {
        self.learn(&history);
        let secrets = self.secrets.clone();
        let said = history.clone();
        let mut reply = self.llm.reply(LlmRequest {
            brief: self.brief.clone(),
            history,
        });
        let events = self.reply_events.clone();
        let task = tokio::spawn(async move {
            let mut guard = Guard::new(&secrets, &said);
            let mut ended = None;
            while let Some(event) = reply.recv().await {
                let passed = match event {
                    LlmEvent::Served(served) => {
                        let served = Replied::Served(served);
                        if events.send((generation, served)).await.is_err() {
                            return;
                        }
                        continue;
                    }
                    LlmEvent::Text(text) => guard.text(&text),
                    LlmEvent::Tool(tool) => {
                        // What was held back comes before the tool.
                        let mut passed = guard.end();
                        passed.push(guard.tool(tool));
                        passed
                    }
                    LlmEvent::Done => {
                        ended = Some(Replied::Event(ReplyEvent::Done));
                        break;
                    }
                    LlmEvent::Failed(error) => {
                        ended = Some(Replied::Failed(error));
                        break;
                    }
                };
                if !send_on(&events, generation, passed).await {
                    return;
                }
            }
            let ended = ended.unwrap_or_else(|| {
                Replied::Failed(ProviderError::new(
                    ProviderErrorKind::Protocol,
                    "The language model's reply ended without saying that it was complete.",
                ))
            });
            // The call is over when nobody takes it.
            if send_on(&events, generation, guard.end()).await {
                let _ = events.send((generation, ended)).await;
            }
        });
        // The handle of a task keeps its memory, also when it has ended.
        self.replies.retain(|_, reply| !reply.is_finished());
        self.replies.insert(generation, task.abort_handle());
    }

    /// What the requester has told since is guarded like their notes.
    fn learn(&mut self, history: &[call::Message]) {
        let guidance: Vec<&call::Message> = history
            .iter()
            .filter(|message| message.speaker == Speaker::Requester)
            .collect();
        if guidance.len() > self.guidance {
            let mut secrets = Secrets::of(&self.brief);
            for message in &guidance {
                secrets.add_notes(&message.text);
            }
            self.secrets = Arc::new(secrets);
            self.guidance = guidance.len();
        }
    }

    /// Stops everything of a generation; what still arrives of it is dropped by [`Services::is_live`].
    pub(super) fn cancel(&mut self, generation: Generation) {
        if let Some(task) = self.replies.remove(&generation) {
            task.abort();
        }
        self.cancelled.insert(generation);
        self.speaking.waiting.retain(
            |input| !matches!(input, TtsInput::Speak { clause, .. } if clause.generation == generation),
        );
        self.speaking
            .waiting
            .push_back(TtsInput::Cancel(generation));
        self.speaking.pump();
    }

    /// Returns whether a clause may still be heard.
    pub(super) fn is_live(&self, clause: ClauseId) -> bool {
        !self.cancelled.contains(&clause.generation)
    }

    /// Hands over what was waiting for room. Returns the clauses that a synthesiser took with it when it went away.
    pub(super) fn pump(&mut self) -> Vec<ClauseId> {
        // A recogniser that is gone has said so itself.
        self.hearing.lost.clear();
        self.speaking.pump();
        let lost = self.speaking.lost.drain(..);
        lost.filter_map(|input| match input {
            TtsInput::Speak { clause, .. } => Some(clause),
            TtsInput::Cancel(_) => None,
        })
        .collect()
    }
}

impl Drop for Services {
    fn drop(&mut self) {
        for task in self.tasks.iter().chain(self.replies.values()) {
            task.abort();
        }
    }
}

/// Sends what has passed the guard; returns whether somebody took it.
async fn send_on(
    events: &Sender<(Generation, Replied)>,
    generation: Generation,
    passed: Vec<Passed>,
) -> bool {
    for passed in passed {
        let event = match passed {
            Passed::Text(text) => ReplyEvent::Text(text),
            Passed::Tool(tool) => ReplyEvent::Tool(tool),
            Passed::Withheld => ReplyEvent::Withheld,
        };
        if events
            .send((generation, Replied::Event(event)))
            .await
            .is_err()
        {
            return false;
        }
    }
    true
}

async fn hear(
    stt: Arc<dyn SpeechToText>,
    options: SttOptions,
    ready: mpsc::Sender<mpsc::Sender<SttInput>>,
    words: Sender<SttEvent>,
) {
    let error = match stt.open(options).await {
        Ok(mut stream) => {
            // Sending fails only when the call is already over; so everywhere in this file.
            let _ = ready.send(stream.input).await;
            while let Some(event) = stream.events.recv().await {
                let last = matches!(event, SttEvent::Failed(_));
                if words.send(event).await.is_err() || last {
                    return;
                }
            }
            ProviderError::new(
                ProviderErrorKind::Unavailable,
                "The recogniser closed its stream during the call.",
            )
        }
        Err(error) => error,
    };
    let _ = words.send(SttEvent::Failed(error)).await;
}

async fn speak(
    tts: Arc<dyn TextToSpeech>,
    options: TtsOptions,
    ready: mpsc::Sender<mpsc::Sender<TtsInput>>,
    spoken: Sender<TtsEvent>,
) {
    let error = match tts.open(options).await {
        Ok(mut stream) => {
            let _ = ready.send(stream.input).await;
            while let Some(event) = stream.events.recv().await {
                if spoken.send(event).await.is_err() {
                    return;
                }
            }
            return;
        }
        Err(error) => error,
    };
    // Without a voice every clause fails, one by one, as the core expects it.
    tracing::warn!(%error, "the synthesiser could not be opened");
    let (input, mut clauses) = mpsc::channel(EVENTS);
    let _ = ready.send(input).await;
    while let Some(input) = clauses.recv().await {
        if let TtsInput::Speak { clause, .. } = input {
            let error = error.clone();
            if spoken
                .send(TtsEvent::Failed { clause, error })
                .await
                .is_err()
            {
                return;
            }
        }
    }
}
