//! A client of a server that runs as a process of its own, with a key that may do everything.

use std::time::Duration;

use agentphone::driver::clock;
use reqwest::{Method, StatusCode};
use rustix::process::Signal;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::process::{Process, program};

/// A server with a home of its own, and a key for it.
pub(crate) struct Client {
    pub(crate) http: reqwest::Client,
    /// Where the server listens: `http://…`.
    pub(crate) url: String,
    server: Option<Process>,
    pub(crate) key: String,
    pub(crate) home: TempDir,
    env: Vec<(String, String)>,
}

/// What every test sets: enough requests a minute, and receivers on this machine.
const ENV: [(&str, &str); 4] = [
    ("AGENTPHONE__NET__ALLOW", "[\"127.0.0.0/8\"]"),
    ("AGENTPHONE__SERVER__CREATIONS_PER_MINUTE", "100000"),
    ("AGENTPHONE__SERVER__READS_PER_MINUTE", "100000"),
    ("AGENTPHONE__BILLING__FREE_CREDITS", "100000"),
];

impl Client {
    /// Starts a server with this over the ordinary environment.
    pub(crate) fn start(env: &[(&str, &str)]) -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), env)
    }

    /// Starts a server in a home that has data already, as a client of which this is the key.
    pub(crate) fn in_home(home: TempDir, key: &str, env: &[(&str, &str)]) -> Self {
        let env: Vec<(String, String)> = ENV
            .iter()
            .chain(env)
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let server = Process::start(home.path(), &borrow(&env));
        Self {
            http: reqwest::Client::new(),
            key: key.to_owned(),
            url: server.url.clone(),
            server: Some(server),
            home,
            env,
        }
    }

    /// Starts a server with this configuration file, which is `agentphone.toml` in its home.
    pub(crate) fn configured(text: &str, env: &[(&str, &str)]) -> Self {
        let home = tempfile::tempdir().unwrap();
        std::fs::write(home.path().join("agentphone.toml"), text).unwrap();
        Self::start_in(home, env)
    }

    fn start_in(home: TempDir, env: &[(&str, &str)]) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let env: Vec<(String, String)> = ENV
            .iter()
            .chain(env)
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let borrowed = borrow(&env);
        let made = program(home.path(), &borrowed)
            .args(["keys", "create", "--account", "nopa"])
            .args(["--scopes", "calls:read,calls:write,control,admin"])
            .output()
            .unwrap();
        assert!(
            made.status.success(),
            "{}",
            String::from_utf8_lossy(&made.stderr)
        );
        let server = Process::start(home.path(), &borrowed);
        Self {
            http: reqwest::Client::new(),
            key: String::from_utf8(made.stdout).unwrap().trim().to_owned(),
            url: server.url.clone(),
            server: Some(server),
            home,
            env,
        }
    }

    /// Kills the server, and starts another on the same data.
    pub(crate) fn kill_and_start_again(&mut self) {
        self.end(Signal::KILL);
        self.start_again();
    }

    /// Starts a server on the data of one that has ended.
    pub(crate) fn start_again(&mut self) {
        let server = Process::start(self.home.path(), &borrow(&self.env));
        self.url = server.url.clone();
        self.server = Some(server);
    }

    /// Sends the server a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        self.server.as_ref().unwrap().signal(signal);
    }

    /// Waits until the server has logged this, and returns all that it logged.
    pub(crate) async fn until_logged(&self, words: &str) -> String {
        for _ in 0..1_500 {
            let log = self.server.as_ref().unwrap().log();
            if log.contains(words) {
                return log;
            }
            clock::sleep(Duration::from_millis(10)).await;
        }
        panic!(
            "{words:?} was never logged: {}",
            self.server.as_ref().unwrap().log()
        );
    }

    /// Changes the configuration file, has the server read it, and waits until it has logged this about it.
    pub(crate) async fn reload(&self, text: &str, words: &str) -> String {
        std::fs::write(self.home.path().join("agentphone.toml"), text).unwrap();
        self.signal(Signal::HUP);
        self.until_logged(words).await
    }

    /// Forgets a server that was killed.
    pub(crate) fn kill(&mut self) -> Option<Process> {
        self.server.take()
    }

    /// Ends the server by a signal; returns what it logged.
    pub(crate) fn end(&mut self, signal: Signal) -> String {
        let server = self.server.take().unwrap();
        server.signal(signal);
        server.end().1
    }

    /// Waits until the server ends by itself; returns what it logged, in which the log of its successor may go on.
    pub(crate) fn ended(&mut self) -> String {
        let (status, log) = self.server.take().unwrap().end();
        assert!(status.success(), "{log}");
        log
    }

    /// Prepares another command of the program on the same data.
    pub(crate) fn prepare(&self, args: &[&str]) -> std::process::Command {
        let mut command = program(self.home.path(), &borrow(&self.env));
        command.args(args);
        command
    }

    /// Runs another command of the program on the same data; returns what it prints.
    pub(crate) fn command(&self, args: &[&str]) -> String {
        let output = self.prepare(args).output().unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap()
    }

    pub(crate) async fn ask(&self, method: Method, path: &str, body: Value) -> (StatusCode, Value) {
        let url = format!("{}{path}", self.url);
        let mut request = self
            .http
            .request(method, url)
            .header("x-api-key", &self.key);
        if !body.is_null() {
            request = request.json(&body);
        }
        let answer = request.send().await.unwrap();
        let status = answer.status();
        let bytes = answer.bytes().await.unwrap();
        (
            status,
            serde_json::from_slice(&bytes).unwrap_or(Value::Null),
        )
    }

    /// Returns the environment of the server.
    pub(crate) fn env(&self) -> Vec<(&str, &str)> {
        borrow(&self.env)
    }

    /// Creates a call; returns the status and its id.
    pub(crate) async fn create(&self, over: Value) -> (StatusCode, String) {
        let (status, answer) = self.try_create(over).await;
        let id = answer["data"]["call_id"].as_str().unwrap_or_default();
        (status, id.to_owned())
    }

    /// Creates a call; returns the whole answer.
    pub(crate) async fn try_create(&self, over: Value) -> (StatusCode, Value) {
        let mut body = json!({
            "to_phone_number": "+14155551234",
            "objective": "Book a table for 2 at 7pm",
        });
        for (field, value) in over.as_object().unwrap() {
            body[field] = value.clone();
        }
        self.ask(Method::POST, "/api/v1/calls", body).await
    }

    /// Asks for a call until it has this status.
    pub(crate) async fn until(&self, id: &str, status: &str) -> Value {
        self.when(id, |call| call["status"] == status).await
    }

    /// Asks for a call until somebody has said something on it.
    pub(crate) async fn until_a_turn(&self, id: &str) -> Value {
        self.when(id, |call| call["turns"] != json!([])).await
    }

    async fn when(&self, id: &str, there: impl Fn(&Value) -> bool) -> Value {
        for _ in 0..2_000 {
            let path = format!("/api/v1/calls/{id}");
            let (_, mut answer) = self.ask(Method::GET, &path, Value::Null).await;
            if there(&answer["data"]) {
                return answer["data"].take();
            }
            clock::sleep(Duration::from_millis(10)).await;
        }
        panic!("the call {id} never came so far");
    }

    /// Ends a call that runs, without a goodbye.
    pub(crate) async fn cancel(&self, id: &str) {
        let path = format!("/api/v1/calls/{id}/cancel?mode=now");
        let (status, body) = self.ask(Method::POST, &path, Value::Null).await;
        assert_eq!(status, 200, "{body}");
    }
}

fn borrow(env: &[(String, String)]) -> Vec<(&str, &str)> {
    env.iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect()
}
