use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use call::{ClauseId, Generation};
use tokio::sync::mpsc;

use super::*;
use crate::provider::{
    BoxFuture, LanguageModel, LlmEvent, LlmRequest, STT_FRAME, SpeechToText, SttEvent, SttInput,
    SttOptions, SttStream, TextToSpeech, TtsEvent, TtsInput, TtsOptions, TtsStream,
};

fn error(kind: ProviderErrorKind) -> ProviderError {
    ProviderError::new(kind, "broken")
}

/// What a service of these tests does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Manner {
    Works,
    /// Cannot be opened.
    Refuses,
    /// Opens, and never says anything.
    Silent,
    /// Ends its stream after so many inputs (recogniser), samples (voice), or at once (model).
    Dies(usize),
}

/// A service with a manner for each time that it is opened, the last one for ever.
#[derive(Debug)]
struct Acting {
    name: &'static str,
    manners: Vec<Manner>,
    opened: AtomicUsize,
}

impl Acting {
    fn new(name: &'static str, manners: &[Manner]) -> Arc<Self> {
        Arc::new(Self {
            name,
            manners: manners.to_vec(),
            opened: AtomicUsize::new(0),
        })
    }

    fn manner(&self) -> Manner {
        let time = self.opened.fetch_add(1, Ordering::Relaxed);
        self.manners[time.min(self.manners.len() - 1)]
    }
}

impl SpeechToText for Acting {
    fn name(&self) -> &'static str {
        self.name
    }

    /// Its words are the numbers of the first and the last frame that it heard since the last flush.
    fn open(&self, _: SttOptions) -> BoxFuture<'_, Result<SttStream, ProviderError>> {
        let (manner, name) = (self.manner(), self.name);
        Box::pin(async move {
            if manner == Manner::Refuses {
                return Err(error(ProviderErrorKind::Unavailable));
            }
            let (input, mut inputs) = mpsc::channel(8);
            let (out, events) = mpsc::channel(8);
            tokio::spawn(async move {
                let (mut taken, mut heard) = (0, Vec::new());
                while let Some(input) = inputs.recv().await {
                    taken += 1;
                    match input {
                        SttInput::Audio(frame) => heard.push(frame[0]),
                        SttInput::Flush(mark) if manner != Manner::Silent => {
                            let (first, last) = (heard.first(), heard.last());
                            let text = format!("{name} {first:?} {last:?}");
                            heard.clear();
                            let mark = Some(mark);
                            let _: Result<_, _> = out.send(SttEvent::Final { text, mark }).await;
                        }
                        _ => {}
                    }
                    if matches!(manner, Manner::Dies(after) if taken == after) {
                        return;
                    }
                }
            });
            Ok(SttStream { input, events })
        })
    }
}

impl LanguageModel for Acting {
    fn name(&self) -> &'static str {
        self.name
    }

    fn reply(&self, _: LlmRequest) -> mpsc::Receiver<LlmEvent> {
        let (events, receiver) = mpsc::channel(8);
        let (manner, name) = (self.manner(), self.name);
        tokio::spawn(async move {
            let said = match manner {
                Manner::Works => vec![LlmEvent::Text(name.into()), LlmEvent::Done],
                Manner::Refuses => vec![LlmEvent::Failed(error(ProviderErrorKind::Unavailable))],
                Manner::Dies(_) => vec![
                    LlmEvent::Text(name.into()),
                    LlmEvent::Failed(error(ProviderErrorKind::Unavailable)),
                ],
                Manner::Silent => return events.closed().await,
            };
            for event in said {
                let _: Result<_, _> = events.send(event).await;
            }
        });
        receiver
    }
}

/// Samples of each word: a tenth of a second.
const WORD: usize = 800;

impl TextToSpeech for Acting {
    fn name(&self) -> &'static str {
        self.name
    }

    fn open(&self, _: TtsOptions) -> BoxFuture<'_, Result<TtsStream, ProviderError>> {
        let manner = self.manner();
        Box::pin(async move {
            if manner == Manner::Refuses {
                return Err(error(ProviderErrorKind::Auth));
            }
            let (input, mut orders) = mpsc::channel(8);
            let (out, events) = mpsc::channel::<TtsEvent>(8);
            tokio::spawn(async move {
                let mut made = 0;
                while let Some(order) = orders.recv().await {
                    let TtsInput::Speak { clause, text } = order else {
                        continue;
                    };
                    if manner == Manner::Silent {
                        continue;
                    }
                    let words = text.split_whitespace().count();
                    let end = |n: usize| Duration::from_millis(100 * (n as u64 + 1));
                    let ends = (0..words).map(end).collect();
                    let _: Result<_, _> = out.send(TtsEvent::Words { clause, ends }).await;
                    for _ in 0..words {
                        if matches!(manner, Manner::Dies(after) if made >= after) {
                            return;
                        }
                        made += WORD;
                        let (samples, rate) = (vec![0; WORD], 8000);
                        let audio = TtsEvent::Audio {
                            clause,
                            samples,
                            rate,
                        };
                        let _: Result<_, _> = out.send(audio).await;
                    }
                    let _: Result<_, _> = out.send(TtsEvent::Done(clause)).await;
                }
            });
            Ok(TtsStream { input, events })
        })
    }
}

mod hears {
    use super::*;

    async fn open(services: &[&Arc<Acting>]) -> SttStream {
        let services = services
            .iter()
            .map(|&one| one.clone() as Arc<dyn SpeechToText>);
        let hearing = Hearing::new(
            services.collect(),
            Limits::default(),
            BreakerSettings::default(),
        );
        hearing.open(SttOptions::default()).await.unwrap()
    }

    async fn say(stream: &SttStream, frames: std::ops::Range<i16>, mark: u32) {
        stream.input.send(SttInput::SpeechStarted).await.unwrap();
        for n in frames {
            let frame = SttInput::Audio(Box::new([n; STT_FRAME]));
            stream.input.send(frame).await.unwrap();
        }
        stream.input.send(SttInput::Flush(mark)).await.unwrap();
    }

    /// The next words, and who was said to serve before them.
    async fn words(stream: &mut SttStream) -> (Option<Served>, String) {
        let mut served = None;
        loop {
            match stream.events.recv().await.expect("an event") {
                SttEvent::Served(by) => served = Some(by),
                SttEvent::Final { text, .. } => return (served, text),
                other => panic!("{other:?}"),
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_next_one_hears_what_was_not_recognised_yet() {
        for manner in [Manner::Refuses, Manner::Dies(4), Manner::Silent] {
            let (first, second) = (
                Acting::new("first", &[manner]),
                Acting::new("second", &[Manner::Works]),
            );
            let mut stream = open(&[&first, &second]).await;
            say(&stream, 0..10, 1).await;
            let (served, text) = words(&mut stream).await;
            assert_eq!(text, "second Some(0) Some(9)", "{manner:?}");
            let served = served.unwrap();
            assert_eq!(served.by, "second");
            assert_eq!(served.instead_of.unwrap().0, "first");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_recognised_is_not_heard_twice() {
        let first = Acting::new("first", &[Manner::Dies(16)]);
        let second = Acting::new("second", &[Manner::Works]);
        let mut stream = open(&[&first, &second]).await;
        say(&stream, 0..10, 1).await;
        assert_eq!(words(&mut stream).await.1, "first Some(0) Some(9)");
        say(&stream, 10..20, 2).await;
        assert_eq!(words(&mut stream).await.1, "second Some(10) Some(19)");
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_had_worked_is_opened_again_when_it_is_alone() {
        let only = Acting::new("only", &[Manner::Dies(15), Manner::Works]);
        let mut stream = open(&[&only]).await;
        say(&stream, 0..10, 1).await;
        assert_eq!(words(&mut stream).await.1, "only Some(0) Some(9)");
        say(&stream, 10..20, 2).await;
        assert_eq!(words(&mut stream).await.1, "only Some(10) Some(19)");
    }

    #[tokio::test(start_paused = true)]
    async fn when_all_have_failed_so_has_this() {
        let both = [
            Acting::new("first", &[Manner::Dies(1)]),
            Acting::new("second", &[Manner::Refuses]),
        ];
        let mut stream = open(&[&both[0], &both[1]]).await;
        say(&stream, 0..3, 1).await;
        let event = stream.events.recv().await;
        assert!(matches!(event, Some(SttEvent::Failed(_))), "{event:?}");
        assert_eq!(stream.events.recv().await, None);
    }
}

mod thinks {
    use super::*;

    /// The events of one reply, and what the breakers think then.
    async fn reply(thinking: &Thinking) -> Vec<LlmEvent> {
        let request = LlmRequest {
            brief: Arc::default(),
            history: Vec::new(),
        };
        let mut events = thinking.reply(request);
        let mut all = Vec::new();
        while let Some(event) = events.recv().await {
            all.push(event);
        }
        all
    }

    fn thinking(services: &[Arc<Acting>]) -> Thinking {
        let services = services
            .iter()
            .map(|one| one.clone() as Arc<dyn LanguageModel>);
        let settings = BreakerSettings::default();
        Thinking::new(services.collect(), Limits::default(), settings)
    }

    fn texts(events: &[LlmEvent]) -> Vec<&str> {
        let texts = events.iter().filter_map(|event| match event {
            LlmEvent::Text(text) => Some(text.as_str()),
            _ => None,
        });
        texts.collect()
    }

    #[tokio::test(start_paused = true)]
    async fn the_next_one_answers_when_the_first_gives_no_text() {
        for manner in [Manner::Refuses, Manner::Silent] {
            let thinking = thinking(&[
                Acting::new("first", &[manner]),
                Acting::new("second", &[Manner::Works]),
            ]);
            let before = clock::now();
            let events = reply(&thinking).await;
            assert_eq!(texts(&events), ["second"]);
            assert!(
                matches!(&events[0], LlmEvent::Served(served) if served.by == "second"
                && served.instead_of.as_ref().is_some_and(|(name, _)| *name == "first"))
            );
            assert_eq!(events.last(), Some(&LlmEvent::Done));
            assert!(clock::now() - before <= Limits::default().text);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_reply_that_has_begun_is_not_begun_again() {
        let thinking = thinking(&[
            Acting::new("first", &[Manner::Dies(0)]),
            Acting::new("second", &[Manner::Works]),
        ]);
        let events = reply(&thinking).await;
        assert_eq!(texts(&events), ["first"]);
        assert!(matches!(events.last(), Some(LlmEvent::Failed(_))));
        // Nor is the rest of it left to who broke off.
        assert_eq!(texts(&reply(&thinking).await), ["second"]);
    }

    #[tokio::test(start_paused = true)]
    async fn who_failed_three_times_is_left_alone_for_half_a_minute() {
        let first = Acting::new("first", &[Manner::Silent; 3]);
        let thinking = thinking(&[first.clone(), Acting::new("second", &[Manner::Works])]);
        for asked in [1, 2, 3, 3, 3] {
            assert_eq!(texts(&reply(&thinking).await), ["second"]);
            assert_eq!(first.opened.load(Ordering::Relaxed), asked);
        }
        tokio::time::advance(Duration::from_secs(30)).await;
        reply(&thinking).await;
        assert_eq!(first.opened.load(Ordering::Relaxed), 4, "the trial");
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_alone_is_asked_twice() {
        let works = thinking(&[Acting::new("only", &[Manner::Refuses, Manner::Works])]);
        assert_eq!(texts(&reply(&works).await), ["only"]);
        let only = Acting::new("only", &[Manner::Refuses]);
        let events = reply(&thinking(std::slice::from_ref(&only))).await;
        assert!(matches!(events.as_slice(), [LlmEvent::Failed(_)]));
        assert_eq!(only.opened.load(Ordering::Relaxed), 2);
    }
}

mod speaks {
    use super::*;

    fn clause(index: u16) -> ClauseId {
        ClauseId {
            generation: Generation(1),
            index,
        }
    }

    async fn open(services: &[&Arc<Acting>]) -> TtsStream {
        let voice = |one: &&Arc<Acting>| Voice {
            service: (*one).clone(),
            voice: String::new(),
        };
        let voices = services.iter().map(voice).collect();
        let speaking = Speaking::new(voices, Limits::default(), BreakerSettings::default());
        speaking.open(TtsOptions::default()).await.unwrap()
    }

    async fn say(stream: &TtsStream, index: u16, text: &str) {
        let (clause, text) = (clause(index), text.to_owned());
        let order = TtsInput::Speak { clause, text };
        stream.input.send(order).await.unwrap();
    }

    /// Listens to a clause's end: who spoke, how many words' sound, the last word times, and how it ended.
    async fn listen(stream: &mut TtsStream) -> (Vec<&'static str>, usize, Vec<Duration>, bool) {
        let (mut by, mut samples_all, mut words) = (Vec::new(), 0, Vec::new());
        loop {
            match stream.events.recv().await.expect("an event") {
                TtsEvent::Served { served, .. } => by.push(served.by),
                TtsEvent::Audio { samples, .. } => samples_all += samples.len(),
                TtsEvent::Words { ends, .. } => words = ends,
                TtsEvent::Done(_) => return (by, samples_all / WORD, words, true),
                TtsEvent::Failed { .. } => return (by, samples_all / WORD, words, false),
            }
        }
    }

    fn tenths(all: std::ops::RangeInclusive<u64>) -> Vec<Duration> {
        all.map(|n| Duration::from_millis(100 * n)).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn a_clause_without_a_sound_is_said_by_the_next_voice() {
        for manner in [Manner::Refuses, Manner::Dies(0), Manner::Silent] {
            let first = Acting::new("first", &[manner]);
            let second = Acting::new("second", &[Manner::Works]);
            let mut stream = open(&[&first, &second]).await;
            say(&stream, 0, "Good evening.").await;
            say(&stream, 1, "A table for two.").await;
            let whole = (vec!["second"], 2, tenths(1..=2), true);
            assert_eq!(listen(&mut stream).await, whole, "{manner:?}");
            let whole = (vec!["second"], 4, tenths(1..=4), true);
            assert_eq!(listen(&mut stream).await, whole, "{manner:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_clause_that_breaks_off_goes_on_with_the_next_word() {
        let first = Acting::new("first", &[Manner::Dies(3 * WORD)]);
        let second = Acting::new("second", &[Manner::Works]);
        let mut stream = open(&[&first, &second]).await;
        say(&stream, 0, "A table for two please.").await;
        let whole = (vec!["first", "second"], 5, tenths(1..=5), true);
        assert_eq!(listen(&mut stream).await, whole);
        say(&stream, 1, "Thank you.").await;
        assert_eq!(listen(&mut stream).await.0, ["second"], "it keeps the call");
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_had_spoken_is_opened_again_when_it_is_alone() {
        let only = Acting::new("only", &[Manner::Dies(2 * WORD), Manner::Works]);
        let mut stream = open(&[&only]).await;
        say(&stream, 0, "A table for two.").await;
        let whole = (vec!["only", "only"], 4, tenths(1..=4), true);
        assert_eq!(listen(&mut stream).await, whole);
    }

    #[tokio::test(start_paused = true)]
    async fn when_all_have_failed_the_clause_has_and_the_next_one_tries_again() {
        let first = Acting::new("first", &[Manner::Refuses, Manner::Works]);
        let second = Acting::new("second", &[Manner::Dies(0)]);
        let mut stream = open(&[&first, &second]).await;
        say(&stream, 0, "Good evening.").await;
        let (by, words, _, complete) = listen(&mut stream).await;
        assert_eq!((by, words, complete), (vec![], 0, false));
        say(&stream, 1, "A table.").await;
        assert_eq!(listen(&mut stream).await.0, ["first"]);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_cancelled_is_forgotten_by_the_next_voice_too() {
        let first = Acting::new("first", &[Manner::Silent]);
        let second = Acting::new("second", &[Manner::Works]);
        let mut stream = open(&[&first, &second]).await;
        say(&stream, 0, "Good evening.").await;
        tokio::time::advance(Duration::from_millis(100)).await;
        let cancel = TtsInput::Cancel(Generation(1));
        stream.input.send(cancel).await.unwrap();
        let later = ClauseId {
            generation: Generation(2),
            index: 0,
        };
        let order = TtsInput::Speak {
            clause: later,
            text: "Sorry.".into(),
        };
        stream.input.send(order).await.unwrap();
        let mut clauses = Vec::new();
        while let Some(event) = stream.events.recv().await {
            if let TtsEvent::Done(clause) = event {
                clauses.push(clause);
                break;
            }
        }
        assert_eq!(clauses, [later]);
    }
}
