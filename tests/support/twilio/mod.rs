//! A stand-in for Twilio: REST server, signer of callbacks and Media Streams client, written from the public
//! documents and from nothing of ours.
//!
//! It refuses what Twilio would refuse, plays sound at the pace of a telephone, and measures. It reaches the server
//! under test in memory, so that whole calls run on virtual time, or over sockets. `StandIn::plan` says how a number
//! reacts; `StandIn::report` what its telephone heard.

pub(crate) mod carrier;
pub(crate) mod phone;
pub(crate) mod reach;
pub(crate) mod rest;
pub(crate) mod server;
pub(crate) mod sound;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use agentphone::driver::clock;
use tokio_util::sync::CancellationToken;

use self::{
    carrier::Carrier,
    phone::{Phone, Report, Step},
    reach::Reach,
};

pub(crate) const ACCOUNT: &str = "AC00000000000000000000000000000001";
pub(crate) const TOKEN: &str = "0123456789abcdef0123456789abcdef";
pub(crate) const FROM: &str = "+14155550100";

/// How a number reacts.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    /// How long the network takes before it rings.
    pub(crate) setup: Duration,
    /// How long it rings before it is picked up, or before the network says why not.
    pub(crate) ring: Duration,
    pub(crate) reaction: Reaction,
    /// What asynchronous detection says, so long after the answer.
    pub(crate) answered_by: Option<(Duration, &'static str)>,
    /// How long the telephone holds sound before it plays it.
    pub(crate) hold: Duration,
    /// Whether marks are sent back.
    pub(crate) marks: bool,
    /// Whether callbacks are sent late, twice and in the wrong order.
    pub(crate) unruly: bool,
    /// Bytes that the way from the server to the telephone holds.
    pub(crate) pipe: usize,
    /// Whose network it is in.
    pub(crate) carrier: Carrier,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            setup: Duration::from_millis(300),
            ring: Duration::from_secs(1),
            reaction: Reaction::Busy,
            answered_by: None,
            hold: Duration::ZERO,
            marks: true,
            unruly: false,
            pipe: 64 * 1024,
            carrier: Carrier::Twilio,
        }
    }
}

#[derive(Debug, Clone)]
pub(crate) enum Reaction {
    Busy,
    NoAnswer,
    /// The network's code.
    Failed(u16),
    Answers(Vec<Step>),
    /// Answers, but its stream never comes.
    AnswersWithoutStream,
}

impl Plan {
    pub(crate) fn answers(steps: Vec<Step>) -> Self {
        Self {
            reaction: Reaction::Answers(steps),
            ..Self::default()
        }
    }
}

/// What the REST server does with the next requests that make a call, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// Refuses with this status and code.
    Refuse(u16, u32),
    /// Makes the call and never answers.
    MakesAndIsSilent,
    /// Never answers and makes no call.
    IsSilent,
    /// Makes the call and answers with a fault.
    MakesAndFails,
}

/// A call as the stand-in knows it.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) sid: String,
    pub(crate) carrier: Carrier,
    pub(crate) to: String,
    pub(crate) from: String,
    pub(crate) status: &'static str,
    pub(crate) form: Vec<(String, String)>,
    pub(crate) created: jiff::Timestamp,
    pub(crate) report: Arc<Mutex<Report>>,
    /// What ended it from our side: the `Status` of an update.
    pub(crate) updates: Vec<(String, String)>,
    pub(crate) ended: CancellationToken,
}

impl Call {
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        let found = self.form.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }
}

#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) calls: Vec<Call>,
    pub(crate) plans: HashMap<String, Plan>,
    pub(crate) trouble: Vec<Trouble>,
    /// Every request, as `METHOD path`.
    pub(crate) requests: Vec<String>,
    /// The answers to callbacks, by their path.
    pub(crate) answers: Vec<(String, u16)>,
    pub(crate) reach: Option<Reach>,
}

/// See the module's documentation. Clones are the same.
#[derive(Debug, Clone, Default)]
pub(crate) struct StandIn(Arc<Mutex<State>>);

impl StandIn {
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("no test panics while it holds it")
    }

    /// Says how a number reacts.
    pub(crate) fn plan(&self, to: &str, plan: Plan) {
        self.state().plans.insert(to.to_owned(), plan);
    }

    /// Says how the server under test is reached.
    pub(crate) fn reach(&self, reach: Reach) {
        self.state().reach = Some(reach);
    }

    pub(crate) fn trouble(&self, trouble: &[Trouble]) {
        self.state().trouble = trouble.to_vec();
    }

    pub(crate) fn calls(&self) -> Vec<Call> {
        self.state().calls.clone()
    }

    /// Returns what the telephone of the only call to a number heard and saw.
    pub(crate) fn report(&self, to: &str) -> Report {
        let calls = self.calls();
        let call = calls
            .iter()
            .find(|call| call.to == to)
            .expect("a call to the number");
        call.report.lock().expect("a report").clone()
    }

    /// Waits until every call is over at the carrier's too.
    pub(crate) async fn settled(&self) {
        for call in self.calls() {
            call.ended.cancelled().await;
        }
    }

    /// Notes a call that was made and lets it happen.
    pub(crate) fn make(&self, form: Vec<(String, String)>) -> Call {
        let field = |name: &str| {
            let found = form.iter().find(|(known, _)| known == name);
            found.map(|(_, value)| value.clone()).unwrap_or_default()
        };
        let mut state = self.state();
        let plan = state.plans.get(&field("To")).cloned().unwrap_or_default();
        let call = Call {
            sid: plan.carrier.call(state.calls.len() + 1),
            carrier: plan.carrier,
            to: field("To"),
            from: field("From"),
            status: "queued",
            form,
            created: clock::wall(),
            report: Arc::default(),
            updates: Vec::new(),
            ended: CancellationToken::new(),
        };
        state.calls.push(call.clone());
        drop(state);
        let (this, happening) = (self.clone(), call.clone());
        tokio::spawn(async move { this.happen(happening, plan).await });
        call
    }

    fn set(&self, sid: &str, status: &'static str) {
        let mut state = self.state();
        if let Some(call) = state.calls.iter_mut().find(|call| call.sid == sid) {
            call.status = status;
        }
    }

    async fn happen(&self, call: Call, plan: Plan) {
        let mut told = Callbacks::new(self.clone(), call.clone(), plan.unruly);
        clock::sleep(plan.setup).await;
        told.tell("initiated", &[]).await;
        told.tell("ringing", &[]).await;
        self.set(&call.sid, "ringing");
        let timeout: u64 = call
            .field("Timeout")
            .map_or(60, |text| text.parse().expect("a number"));
        let patience = Duration::from_secs(timeout);
        let ring = match plan.reaction {
            Reaction::NoAnswer => patience,
            _ => plan.ring.min(patience),
        };
        let end = tokio::select! {
            () = call.ended.cancelled() => Some(("canceled", None)),
            () = clock::sleep(ring) => match &plan.reaction {
                _ if plan.ring >= patience => Some(("no-answer", None)),
                Reaction::Busy => Some(("busy", Some("486"))),
                Reaction::NoAnswer => Some(("no-answer", None)),
                Reaction::Failed(404) => Some(("failed", Some("404"))),
                Reaction::Failed(608) => Some(("failed", Some("608"))),
                Reaction::Failed(_) => Some(("failed", Some("503"))),
                Reaction::Answers(_) | Reaction::AnswersWithoutStream => None,
            },
        };
        let (status, code) = match end {
            Some(end) => end,
            None => {
                self.set(&call.sid, "in-progress");
                told.tell("in-progress", &[]).await;
                self.answered(&call, &plan).await;
                ("completed", None)
            }
        };
        self.set(&call.sid, status);
        call.ended.cancel();
        let code = code.map(|code| ("SipResponseCode", code));
        let code: Vec<_> = code.into_iter().collect();
        told.tell(status, &code).await;
        told.flush().await;
    }

    async fn answered(&self, call: &Call, plan: &Plan) {
        let Reaction::Answers(steps) = &plan.reaction else {
            call.ended.cancelled().await;
            return;
        };
        let detection = async {
            if let (Some((after, who)), Some(url)) =
                (plan.answered_by, call.field("AsyncAmdStatusCallback"))
            {
                clock::sleep(after).await;
                self.callback_as(
                    call.carrier,
                    url,
                    &[
                        ("CallSid", &call.sid),
                        ("AccountSid", ACCOUNT),
                        ("AnsweredBy", who),
                    ],
                )
                .await;
            }
            std::future::pending::<()>().await;
        };
        let twiml = call.field("Twiml").expect("instructions");
        let phone = self.phone(&call.sid, twiml, plan, steps, call);
        tokio::select! {
            () = phone => {}
            () = detection => {}
        }
    }

    /// Opens the stream that TwiML asks for and is the telephone at its end.
    async fn phone(&self, sid: &str, twiml: &str, plan: &Plan, steps: &[Step], call: &Call) {
        let stream = rest::stream_of(twiml).expect("a stream");
        let reach = self.state().reach.clone().expect("a way to the server");
        let signature = sign(&stream.url, &[]);
        let header = plan.carrier.header();
        let socket = match reach
            .open_as(header, &stream.url, &signature, plan.pipe)
            .await
        {
            Ok(socket) => socket,
            Err(status) => {
                call.report.lock().expect("a report").refused = Some(status);
                let url = stream.status_callback.expect("a callback");
                let fields = [
                    ("CallSid", sid),
                    ("AccountSid", ACCOUNT),
                    ("StreamEvent", "stream-error"),
                    ("StreamError", "31920"),
                ];
                self.callback_as(plan.carrier, &url, &fields).await;
                return;
            }
        };
        let phone = Phone::new(sid, &stream.parameters, plan, call.report.clone());
        phone.run(socket, steps, &call.ended).await;
    }

    /// Sends a signed callback and notes its answer.
    pub(crate) async fn callback(&self, url: &str, fields: &[(&str, &str)]) -> (u16, String) {
        self.callback_as(Carrier::Twilio, url, fields).await
    }

    /// Sends a callback as a carrier signs it, and notes its answer.
    async fn callback_as(
        &self,
        carrier: Carrier,
        url: &str,
        fields: &[(&str, &str)],
    ) -> (u16, String) {
        let form: Vec<_> = fields
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let reach = self.state().reach.clone().expect("a way to the server");
        let signature = (carrier.header(), sign(url, &form));
        let answer = reach.post_as(&signature, url, &form).await;
        self.state().answers.push((url.to_owned(), answer.0));
        answer
    }

    /// Somebody calls one of our numbers: asks for instructions and follows them. Returns whether it was taken.
    pub(crate) async fn call_in(
        &self,
        from: &str,
        to: &str,
        voice_url: &str,
        steps: Vec<Step>,
    ) -> Option<Call> {
        let sid = format!("CA{:032x}", 0xf000 + self.calls().len());
        let fields = [
            ("CallSid", sid.as_str()),
            ("AccountSid", ACCOUNT),
            ("From", from),
            ("To", to),
            ("Direction", "inbound"),
            ("CallStatus", "ringing"),
        ];
        let (status, twiml) = self.callback(voice_url, &fields).await;
        assert_eq!(status, 200, "{twiml}");
        if twiml.contains("<Reject") {
            return None;
        }
        let call = Call {
            sid: sid.clone(),
            carrier: Carrier::Twilio,
            to: to.to_owned(),
            from: from.to_owned(),
            status: "in-progress",
            form: Vec::new(),
            created: clock::wall(),
            report: Arc::default(),
            updates: Vec::new(),
            ended: CancellationToken::new(),
        };
        self.state().calls.push(call.clone());
        self.phone(&sid, &twiml, &Plan::default(), &steps, &call)
            .await;
        call.ended.cancel();
        Some(call)
    }
}

/// Fields that a callback has beside those of all.
type More = Vec<(&'static str, &'static str)>;

/// The callbacks of one call, in order or not.
struct Callbacks {
    standin: StandIn,
    call: Call,
    unruly: bool,
    sequence: u32,
    kept: Vec<(&'static str, String, More)>,
}

impl Callbacks {
    fn new(standin: StandIn, call: Call, unruly: bool) -> Self {
        Self {
            standin,
            call,
            unruly,
            sequence: 0,
            kept: Vec::new(),
        }
    }

    async fn tell(&mut self, status: &'static str, more: &[(&'static str, &'static str)]) {
        let sequence = self.sequence.to_string();
        self.sequence += 1;
        let event = match status {
            "in-progress" => "answered",
            "initiated" | "ringing" => status,
            _ => "completed",
        };
        let asked =
            |(name, value): &(String, String)| name == "StatusCallbackEvent" && value == event;
        if !self.call.form.iter().any(asked) {
            return;
        }
        if self.unruly && matches!(status, "initiated" | "ringing") {
            // Comes after everything else.
            self.kept.push((status, sequence, more.to_vec()));
            return;
        }
        self.send(status, &sequence, more).await;
        if self.unruly {
            self.send(status, &sequence, more).await;
        }
    }

    async fn flush(&mut self) {
        for (status, sequence, more) in std::mem::take(&mut self.kept) {
            self.send(status, &sequence, &more).await;
        }
    }

    async fn send(&self, status: &str, sequence: &str, more: &[(&str, &str)]) {
        let Some(url) = self.call.field("StatusCallback") else {
            return;
        };
        let mut fields = vec![
            ("CallSid", self.call.sid.as_str()),
            ("AccountSid", ACCOUNT),
            ("To", self.call.to.as_str()),
            ("From", self.call.from.as_str()),
            ("Called", self.call.to.as_str()),
            ("Caller", self.call.from.as_str()),
            ("ApiVersion", "2010-04-01"),
            ("Direction", "outbound-api"),
            ("CallStatus", status),
            ("CallbackSource", "call-progress-events"),
            ("SequenceNumber", sequence),
            ("CalledCity", ""),
        ];
        fields.extend(more);
        self.standin
            .callback_as(self.call.carrier, url, &fields)
            .await;
    }
}

/// Signs as Twilio does, by its documents: the address, then the sorted fields without anything between.
pub(crate) fn sign(url: &str, form: &[(String, String)]) -> String {
    use base64::Engine as _;
    use hmac::Mac as _;
    let mut sorted = form.to_vec();
    sorted.sort();
    let mut text = url.to_owned();
    for (name, value) in sorted {
        text.push_str(&name);
        text.push_str(&value);
    }
    let mut mac = hmac::Hmac::<sha1::Sha1>::new_from_slice(TOKEN.as_bytes()).expect("any key");
    mac.update(text.as_bytes());
    base64::engine::general_purpose::STANDARD.encode(mac.finalize().into_bytes())
}
