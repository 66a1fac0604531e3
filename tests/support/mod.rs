//! A whole engine without HTTP, on virtual time: the simulated line, scripted services, a store in memory.

use std::{path::PathBuf, sync::Arc, time::Duration};

use agentphone::{
    bus::Bus,
    driver::clock,
    line::{
        Line,
        simulated::{SimulatedLine, SimulatedOptions},
    },
    provider::{
        LanguageModel, SpeechToText, TextToSpeech,
        scripted::{ScriptedModel, ScriptedReply, ScriptedSpeechToText, ScriptedTextToSpeech},
    },
    store::{KeyId, RedbStore, Store},
    supervisor::{Caller, CreateAnswer, Parts, Policy, Settings, Supervisor},
    watch::{Watch, room::Room},
};
use call::Tool;
use protocol::{control, ids::CallId, rest};
use tempfile::TempDir;

/// A callee who is glad about the call.
pub(crate) const POLITE: &str = r#"
ring: 1 s
---
wait 400 ms
say "Nopa, good evening."
until agent stops
say "Yes, that works. You are all set."
until agent stops
wait 10 s
hang up
"#;

/// A whole conversation with that callee: the agent asks for a table, gets it, and hangs up.
pub(crate) fn polite() -> Setup {
    Setup {
        scenario: POLITE,
        heard: vec!["nopa good evening", "yes that works you are all set"],
        replies: vec![
            ScriptedReply::text("Hi, I would like a table for two at seven, please."),
            ScriptedReply::tool("Thank you very much. Goodbye.", Tool::HangUp),
        ],
        ..Setup::default()
    }
}

/// What a test may choose; everything else is the same for all.
pub(crate) struct Setup {
    pub(crate) scenario: &'static str,
    pub(crate) heard: Vec<&'static str>,
    pub(crate) replies: Vec<ScriptedReply>,
    pub(crate) line: Option<Arc<dyn Line>>,
    pub(crate) stt: Option<Arc<dyn SpeechToText>>,
    pub(crate) llm: Option<Arc<dyn LanguageModel>>,
    pub(crate) tts: Option<Arc<dyn TextToSpeech>>,
    pub(crate) reader: Option<agentphone::context::Reader>,
    pub(crate) max_concurrent: usize,
    pub(crate) policy: Policy,
    pub(crate) call: call::CallConfig,
    pub(crate) credits: u32,
    pub(crate) room: Room,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            scenario: "books",
            heard: Vec::new(),
            replies: Vec::new(),
            line: None,
            stt: None,
            llm: None,
            tts: None,
            reader: None,
            max_concurrent: 4,
            policy: Policy::default(),
            call: call::CallConfig::default(),
            credits: 5,
            room: Room::default(),
        }
    }
}

/// A running engine and the folder that it writes to.
pub(crate) struct Engine {
    pub(crate) supervisor: Supervisor,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) caller: Caller,
    _folder: TempDir,
    scenario: PathBuf,
}

impl Setup {
    /// Starts an engine on a store of its own.
    pub(crate) fn start(self) -> Engine {
        let store: Arc<dyn Store> = Arc::new(RedbStore::in_memory().expect("a store in memory"));
        self.start_on(store)
    }

    /// Starts an engine on a store that holds something already.
    pub(crate) fn start_on(self, store: Arc<dyn Store>) -> Engine {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let scenario = folder.path().join("test.scenario");
        std::fs::write(&scenario, self.scenario).expect("the scenario is written");
        let name = format!("test {:p}", Arc::as_ptr(&store));
        let account = match store.account_named(&name).expect("the store answers") {
            Some(account) => account,
            None => store
                .create_account(&name, self.credits, clock::wall())
                .expect("an account"),
        };
        let options = SimulatedOptions::default();
        let simulated = || -> Arc<dyn Line> {
            let voice = Arc::new(ScriptedTextToSpeech::default());
            Arc::new(SimulatedLine::new(options, voice))
        };
        let line = self.line.unwrap_or_else(simulated);
        let stt = self
            .stt
            .unwrap_or_else(|| Arc::new(ScriptedSpeechToText::new(self.heard)));
        let llm = self
            .llm
            .unwrap_or_else(|| Arc::new(ScriptedModel::new(self.replies)));
        let tts = self
            .tts
            .unwrap_or_else(|| Arc::new(ScriptedTextToSpeech::default()));
        let supervisor = Supervisor::new(Parts {
            store: store.clone(),
            bus: Bus::default(),
            lines: vec![line],
            stt,
            llm,
            tts,
            reader: self.reader,
            watch: Watch {
                room: self.room,
                tracer: None,
            },
            settings: Settings {
                max_concurrent: self.max_concurrent,
                policy: self.policy,
                ring_timeout: Duration::from_secs(20),
                drain: Duration::from_secs(10),
                call: self.call,
                recordings: folder.path().to_path_buf(),
                buy_credits_url: "https://example.com/buy".into(),
            },
        });
        Engine {
            supervisor,
            store,
            caller: Caller {
                account: account.id,
                key: KeyId::new(1),
                test: false,
                scopes: rest::Scopes::default(),
            },
            _folder: folder,
            scenario,
        }
    }
}

impl Engine {
    /// Returns a request that the scenario of the set-up answers.
    pub(crate) fn request(&self) -> rest::CreateCall {
        let body = serde_json::json!({
            "to_phone_number": "+14155551234",
            "objective": "Book a table for 2 at 7pm",
            "business_name": "Nopa",
            "scenario": self.scenario.display().to_string(),
        });
        let text = body.to_string();
        let offer = rest::Offer::default();
        let parsed = rest::CreateCall::parse(text.as_bytes(), &offer);
        parsed.expect("a good request").call
    }

    /// Makes a call.
    pub(crate) async fn create(&self) -> CallId {
        self.create_with(self.request()).await.data.call_id
    }

    /// Makes a call of this request.
    pub(crate) async fn create_with(&self, request: rest::CreateCall) -> rest::Created {
        let answer = self
            .supervisor
            .create(&self.caller, request, Vec::new(), None);
        match answer.await.expect("a call is accepted") {
            CreateAnswer::Created(created) => created,
            CreateAnswer::Replayed(_) => panic!("nothing to replay"),
        }
    }

    /// Makes a call of this request and follows it to its end.
    pub(crate) async fn call_with(
        &self,
        request: rest::CreateCall,
    ) -> (rest::Created, rest::Call, Vec<control::Numbered>) {
        let created = self.create_with(request).await;
        let id = &created.data.call_id;
        let events = self.watch(id).await;
        let call = self.stored(id);
        (created, call, events)
    }

    /// Reads a call's live events to their end.
    pub(crate) async fn watch(&self, id: &CallId) -> Vec<control::Numbered> {
        let mut events = Vec::new();
        let Some(feed) = self.supervisor.feed(id) else {
            return events;
        };
        let mut changed = feed.subscribe();
        loop {
            let batch = feed.read(events.len() as u64, 7);
            for text in &batch.events {
                events.push(serde_json::from_str(text).expect("an event"));
            }
            if batch.ended {
                return events;
            }
            if batch.events.is_empty() {
                changed.changed().await.expect("the feed lives");
            }
        }
    }

    /// Makes a call and follows it to its end.
    pub(crate) async fn call(&self) -> (rest::Call, Vec<control::Numbered>) {
        let (_, call, events) = self.call_with(self.request()).await;
        (call, events)
    }

    /// Returns a call as it is kept.
    pub(crate) fn stored(&self, id: &CallId) -> rest::Call {
        let stored = self.store.call(id).expect("the store answers");
        stored.expect("the call is kept").call
    }

    /// Returns the credits that are left.
    pub(crate) fn credits(&self) -> i64 {
        self.store
            .balance(&self.caller.account)
            .expect("the store answers")
    }

    /// Waits until the call has come so far. Virtual time passes meanwhile.
    pub(crate) async fn reached(&self, id: &CallId, is_there: impl Fn(&control::Event) -> bool) {
        let feed = self.supervisor.feed(id).expect("a running call");
        let mut changed = feed.subscribe();
        let mut seen = 0;
        loop {
            let batch = feed.read(seen, usize::MAX);
            seen += batch.events.len() as u64;
            let found = batch.events.iter().any(|text| {
                let event: control::Numbered = serde_json::from_str(text).expect("an event");
                is_there(&event.event)
            });
            if found {
                return;
            }
            assert!(!batch.ended, "the call ended before");
            changed.changed().await.expect("the feed lives");
        }
    }
}
