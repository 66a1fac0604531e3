//! Whole calls through the telephone line, against a stand-in for its carrier, on virtual time but for `network`.

#[allow(
    dead_code,
    reason = "each test program uses its own part of the support"
)]
#[path = "../support/python.rs"]
mod python;
#[allow(dead_code, reason = "each test program uses a part of what they share")]
#[path = "../support/twilio/mod.rs"]
mod standin;
#[allow(dead_code, reason = "each test program uses a part of what they share")]
#[path = "../support/mod.rs"]
mod support;

#[allow(
    dead_code,
    clippy::unwrap_used,
    reason = "each test program uses a part of what they share"
)]
#[path = "../process/mod.rs"]
mod process;

mod bad_input;
mod calls;
mod dialing;
mod incoming;
mod lookalikes;
mod network;
mod playout;
mod referee;

use std::{sync::Arc, time::Duration};

use agentphone::{
    line::{
        Line,
        twilio::{Options, TwilioLine},
    },
    provider::scripted::ScriptedReply,
};
use call::Tool;
use protocol::{control, rest, twilio::stream};
use standin::{ACCOUNT, FROM, Plan, StandIn, TOKEN, phone::Step, reach::Reach};
use support::{Engine, Setup};

/// Whom all these calls are to.
const TO: &str = "+14155551234";
/// Where the carrier believes us to be.
const PUBLIC: &str = "https://phone.example";

/// A stand-in, and a line that uses it.
struct Rig {
    standin: StandIn,
    line: Arc<TwilioLine>,
}

fn ms(count: u64) -> Duration {
    Duration::from_millis(count)
}

impl Rig {
    fn new() -> Self {
        Self::with(|_| {})
    }

    fn with(change: impl FnOnce(&mut Options)) -> Self {
        let standin = StandIn::default();
        let options = Self::options(change);
        let line = Arc::new(TwilioLine::new(options, Arc::new(standin.clone())));
        let endpoints = line.endpoints().expect("paths");
        standin.reach(Reach::Memory(endpoints));
        Self { standin, line }
    }

    /// Returns how a line is set up, with a change.
    fn options(change: impl FnOnce(&mut Options)) -> Options {
        let mut options = Options {
            account_sid: ACCOUNT.into(),
            auth_token: TOKEN.into(),
            numbers: vec![FROM.into()],
            incoming_numbers: Vec::new(),
            public_url: PUBLIC.into(),
            machine_detection: false,
            dialect: Arc::new(stream::Twilio),
        };
        change(&mut options);
        options
    }

    fn engine(&self, setup: Setup) -> Engine {
        Setup {
            line: Some(self.line.clone()),
            ..setup
        }
        .start()
    }

    /// Makes one call to a number that reacts as planned, and follows it to its end on both sides.
    async fn call(&self, plan: Plan, setup: Setup) -> (rest::Call, Vec<control::Numbered>) {
        self.call_with(plan, setup, request()).await
    }

    async fn call_with(
        &self,
        plan: Plan,
        setup: Setup,
        request: rest::CreateCall,
    ) -> (rest::Call, Vec<control::Numbered>) {
        self.standin.plan(TO, plan);
        let engine = self.engine(setup);
        let id = engine.create_with(request).await.data.call_id;
        let events = engine.watch(&id).await;
        self.line.settle().await;
        self.standin.settled().await;
        (engine.stored(&id), events)
    }
}

fn request() -> rest::CreateCall {
    let body = serde_json::json!({"to_phone_number": TO, "objective": "Book a table for 2 at 7pm", "line": "twilio"});
    let offer = rest::Offer {
        lines: vec!["twilio".into()],
        from_numbers: vec![("twilio".into(), FROM.into())],
        ..rest::Offer::default()
    };
    let parsed = rest::CreateCall::parse(body.to_string().as_bytes(), &offer);
    parsed.expect("a good request").call
}

/// A callee who says hello, hears the agent out, agrees, and hears the goodbye.
fn polite() -> Vec<Step> {
    vec![
        Step::Wait(ms(300)),
        Step::Say(2),
        Step::Quiet,
        Step::Say(4),
        Step::Stay,
    ]
}

/// An agent for [`polite`].
fn booking() -> Setup {
    Setup {
        heard: vec!["hello this is nopa", "yes that works see you then"],
        replies: vec![
            ScriptedReply::text("Hi, I would like a table for two at seven, please."),
            ScriptedReply::tool("Thank you very much. Goodbye.", Tool::HangUp),
        ],
        ..Setup::default()
    }
}
