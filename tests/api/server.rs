//! A server to be tested: real, on a free port, with a data folder of its own.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use agentphone::{
    admin::{Tools, Wish},
    billing::{
        Billing, PaymentService,
        stripe::{self, Stripe},
    },
    bus::Bus,
    driver::clock,
    net::guard::Guard,
    provider::scripted::{
        ScriptedModel, ScriptedReply, ScriptedSpeechToText, ScriptedTextToSpeech,
    },
    server::{App, Doors, Settings, serve},
    store::{DataFolder, KeyId, RedbStore, Secret, Store},
    supervisor::{self, Parts, Policy, Supervisor},
    watch::Watch,
};
use protocol::{
    ids::{AccountId, KeyMode},
    rest::Offer,
};
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::doubles::DoubleLine;

/// How a server differs from the ordinary one.
pub(crate) struct Options {
    pub(crate) creations_per_minute: u32,
    pub(crate) reads_per_minute: u32,
    pub(crate) free_credits: u32,
    pub(crate) max_concurrent: usize,
    pub(crate) policy: Policy,
    /// The payment service.
    pub(crate) stripe: Option<stripe::Options>,
    pub(crate) doors: Doors,
    pub(crate) watch: Watch,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            creations_per_minute: 1_000,
            reads_per_minute: 100_000,
            free_credits: 1_000,
            max_concurrent: 50,
            policy: Policy::default(),
            stripe: None,
            doors: Doors::default(),
            watch: Watch::default(),
        }
    }
}

/// A running server, and a client with a key for it.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) key: String,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) supervisor: Supervisor,
    secret: Secret,
    free_credits: u32,
    client: reqwest::Client,
    pub(crate) shutdown: CancellationToken,
    _folder: tempfile::TempDir,
}

/// The body of the documentation's own example.
pub(crate) fn example() -> Value {
    json!({
        "to_phone_number": "+14155551234",
        "objective": "Book a table for 2 at 7pm",
        "business_name": "Nopa",
        "website": "https://nopa-sf.com",
    })
}

/// The example for a callee who lets it ring for ever.
pub(crate) fn ringing() -> Value {
    let mut body = example();
    body["scenario"] = "never_answers".into();
    body
}

impl Server {
    pub(crate) async fn start() -> Self {
        Self::with(Options::default()).await
    }

    pub(crate) async fn with(options: Options) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let folder = tempfile::tempdir().unwrap();
        let data = DataFolder::open(folder.path()).unwrap();
        let store: Arc<dyn Store> = Arc::new(RedbStore::open(&data.database()).unwrap());
        let secret = Secret::open(&data.secret()).unwrap();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let supervisor = Supervisor::new(Parts {
            store: store.clone(),
            bus: Bus::default(),
            lines: vec![Arc::new(DoubleLine)],
            stt: Arc::new(ScriptedSpeechToText::new([""])),
            llm: Arc::new(ScriptedModel::new(vec![ScriptedReply::text(
                "Hello there.",
            )])),
            tts: Arc::new(ScriptedTextToSpeech::new(Duration::ZERO)),
            reader: None,
            watch: options.watch,
            settings: supervisor::Settings {
                max_concurrent: options.max_concurrent,
                policy: options.policy,
                ring_timeout: Duration::from_secs(60),
                drain: Duration::from_secs(1),
                call: call::CallConfig::default(),
                recordings: data.recordings(),
                buy_credits_url: format!("http://{address}/billing"),
            },
        });
        let settings = Settings {
            public_url: format!("http://{address}"),
            creations_per_minute: options.creations_per_minute,
            reads_per_minute: options.reads_per_minute,
            max_body_bytes: 65_536,
            offer: Offer::default(),
            billing: Billing::new(
                store.clone(),
                format!("http://{address}/billing"),
                options.stripe.map(|options| {
                    Arc::new(Stripe::new(options).unwrap()) as Arc<dyn PaymentService>
                }),
            ),
            guard: Guard::default(),
            doors: options.doors,
        };
        let shutdown = CancellationToken::new();
        let app = App::new(supervisor.clone(), secret.clone(), settings);
        tokio::spawn(serve(listener, app, shutdown.clone()));
        let mut server = Self {
            address,
            key: String::new(),
            store,
            supervisor,
            secret,
            free_credits: options.free_credits,
            client: reqwest::Client::new(),
            shutdown,
            _folder: folder,
        };
        server.key = server.new_key(KeyMode::Live).0;
        server
    }

    /// Makes a key for a new account.
    pub(crate) fn new_key(&self, mode: KeyMode) -> (String, KeyId) {
        self.stranger(Wish::plain(mode))
    }

    /// Makes such a key for a new account.
    pub(crate) fn stranger(&self, wish: Wish) -> (String, KeyId) {
        let tools = Tools {
            store: self.store.as_ref(),
            secret: &self.secret,
            free_credits: self.free_credits,
        };
        let issued = tools.create(None, wish, clock::wall()).unwrap();
        (issued.key, issued.id)
    }

    /// Makes another key for the account of the server's own key.
    pub(crate) fn another_key(&self, wish: Wish) -> (String, KeyId) {
        let account = self.account();
        let tools = Tools {
            store: self.store.as_ref(),
            secret: &self.secret,
            free_credits: self.free_credits,
        };
        let (key, record) = tools.issue(&account, wish, clock::wall()).unwrap();
        (key.expose().to_owned(), record.id)
    }

    /// Returns the account of the server's own key.
    pub(crate) fn account(&self) -> AccountId {
        let hash = self.secret.hash_key(&self.key);
        self.store.find_key(&hash).unwrap().unwrap().account
    }

    /// Makes a request with some key, with a JSON body unless that is null.
    pub(crate) async fn ask(&self, key: &str, method: Method, path: &str, body: Value) -> Answer {
        let request = self.anonymous(method, path).header("x-api-key", key);
        let request = match body {
            Value::Null => request,
            body => request.json(&body),
        };
        Answer::of(request).await
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}/api/v1{path}", self.address)
    }

    /// The client itself, for paths outside the API.
    pub(crate) fn http(&self) -> &reqwest::Client {
        &self.client
    }

    /// Begins a request without a key.
    pub(crate) fn anonymous(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, self.url(path))
    }

    /// Begins a request with the key.
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.anonymous(method, path).header("x-api-key", &self.key)
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        Answer::of(self.request(Method::GET, path)).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        Answer::of(self.request(Method::POST, path).json(body)).await
    }

    /// Creates a call and returns its id.
    pub(crate) async fn create(&self, body: &Value) -> String {
        let answer = self.post("/calls", body).await;
        assert_eq!(answer.status, 202, "{}", answer.body);
        answer.body["data"]["call_id"].as_str().unwrap().to_owned()
    }

    /// Polls a call until it has a status, as a client does.
    pub(crate) async fn wait_for(&self, id: &str, status: &str) -> Value {
        for _ in 0..2_000 {
            let answer = self.get(&format!("/calls/{id}")).await;
            assert_eq!(answer.status, 200, "{}", answer.body);
            if answer.body["data"]["status"] == status {
                return answer.body["data"].clone();
            }
            clock::sleep(Duration::from_millis(5)).await;
        }
        panic!("the call {id} never became {status}");
    }
}

/// An answer, read to its end.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) body: Value,
}

impl Answer {
    pub(crate) async fn of(request: RequestBuilder) -> Self {
        let response = request.send().await.expect("the server answers");
        let (status, headers) = (response.status(), response.headers().clone());
        let bytes = response.bytes().await.expect("the answer is complete");
        Self {
            status,
            headers,
            body: serde_json::from_slice(&bytes).unwrap_or(Value::Null),
        }
    }

    /// Checks that this is an error of the documented shape, and which one.
    #[track_caller]
    pub(crate) fn assert_error(&self, status: u16, code: &str) {
        assert_eq!(
            (self.status.as_u16(), self.body["code"].as_str()),
            (status, Some(code)),
            "{}",
            self.body
        );
        let sentence = self.body["error"]
            .as_str()
            .expect("an error has a sentence");
        assert!(sentence.len() > 10, "{sentence}");
        assert_eq!(self.headers["content-type"], "application/json");
    }
}
