//! The REST server of the stand-in: strict where Twilio is.

use agentphone::{
    driver::clock,
    line::twilio::{ApiRequest, ApiResponse, Http, Lost},
    provider::BoxFuture,
};
use serde_json::{Value, json};

use super::{ACCOUNT, Call, FROM, StandIn, Trouble};

/// What TwiML asks for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Stream {
    pub(crate) url: String,
    pub(crate) status_callback: Option<String>,
    pub(crate) parameters: Vec<(String, String)>,
}

/// Reads the only kind of document that is expected; `None` for anything that is not well formed.
pub(crate) fn stream_of(twiml: &str) -> Option<Stream> {
    let body = twiml.strip_prefix(r#"<?xml version="1.0" encoding="UTF-8"?>"#)?;
    let body = body
        .strip_prefix("<Response><Connect>")?
        .strip_suffix("</Connect></Response>")?;
    let (head, inside) = body
        .strip_prefix("<Stream ")?
        .strip_suffix("</Stream>")?
        .split_once('>')?;
    let mut parameters = Vec::new();
    for tag in inside.split_terminator("/>") {
        let tag = tag.strip_prefix("<Parameter ")?;
        parameters.push((attribute(tag, "name")?, attribute(tag, "value")?));
    }
    Some(Stream {
        url: attribute(head, "url")?,
        status_callback: attribute(head, "statusCallback"),
        parameters,
    })
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let after = tag.split_once(&format!("{name}=\""))?.1;
    let value = after.split_once('"')?.0;
    let mut plain = value.to_owned();
    for (written, meant) in [
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&apos;", "'"),
        ("&amp;", "&"),
    ] {
        plain = plain.replace(written, meant);
    }
    Some(plain)
}

fn error(status: u16, code: u32, message: &str) -> (u16, Value) {
    let more = format!("https://www.twilio.com/docs/errors/{code}");
    (
        status,
        json!({"code": code, "message": message, "more_info": more, "status": status}),
    )
}

fn resource(call: &Call) -> Value {
    let created = jiff::fmt::rfc2822::to_string(&call.created.to_zoned(jiff::tz::TimeZone::UTC));
    json!({
        "sid": call.sid, "account_sid": ACCOUNT, "to": call.to, "from": call.from, "status": call.status,
        "direction": "outbound-api", "duration": null, "price": null, "queue_time": "0", "answered_by": null,
        "date_created": created.expect("a date"),
    })
}

impl StandIn {
    /// Answers a request; `None` never.
    pub(crate) async fn rest(
        &self,
        method: &str,
        path: &str,
        form: Vec<(String, String)>,
    ) -> Option<(u16, Value)> {
        self.state().requests.push(format!("{method} {path}"));
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let base = format!("/2010-04-01/Accounts/{ACCOUNT}");
        let Some(rest) = path.strip_prefix(&base) else {
            return Some(error(404, 20404, "The requested resource was not found"));
        };
        match (method, rest) {
            ("POST", "/Calls.json") => self.create(form),
            ("GET", "/Calls.json") => Some(self.list(query)),
            ("GET", ".json") => Some((
                200,
                json!({"sid": ACCOUNT, "status": "active", "type": "Full"}),
            )),
            ("GET", "/IncomingPhoneNumbers.json") => Some(self.numbers(query)),
            ("GET", "/OutgoingCallerIds.json") => Some((200, json!({"outgoing_caller_ids": []}))),
            ("POST", _) => {
                let sid = rest
                    .strip_prefix("/Calls/")
                    .and_then(|rest| rest.strip_suffix(".json"));
                Some(self.update(sid.unwrap_or_default(), &form))
            }
            _ => Some(error(404, 20404, "The requested resource was not found")),
        }
    }

    fn create(&self, form: Vec<(String, String)>) -> Option<(u16, Value)> {
        let trouble = {
            let mut state = self.state();
            (!state.trouble.is_empty()).then(|| state.trouble.remove(0))
        };
        if let Err(refusal) = check_new(&form) {
            return Some(refusal);
        }
        match trouble {
            Some(Trouble::Refuse(status, code)) => Some(error(status, code, "Refused by the test")),
            Some(Trouble::IsSilent) => None,
            Some(Trouble::MakesAndIsSilent) => {
                self.make(form);
                None
            }
            Some(Trouble::MakesAndFails) => {
                self.make(form);
                Some((502, json!("Bad Gateway")))
            }
            None => Some((201, resource(&self.make(form)))),
        }
    }

    fn list(&self, query: &str) -> (u16, Value) {
        let asked: Vec<(String, String)> = form_urlencoded::parse(query.as_bytes())
            .into_owned()
            .collect();
        let is = |name: &str, value: &str| {
            asked
                .iter()
                .all(|(known, wanted)| known != name || wanted == value)
        };
        let calls = self.calls();
        let found = calls
            .iter()
            .rev()
            .filter(|call| is("To", &call.to) && is("From", &call.from));
        (
            200,
            json!({"calls": found.map(resource).collect::<Vec<_>>(), "page_size": 50}),
        )
    }

    fn numbers(&self, query: &str) -> (u16, Value) {
        let asked = form_urlencoded::parse(query.as_bytes())
            .any(|(name, value)| name == "PhoneNumber" && value == FROM);
        let number =
            json!({"phone_number": FROM, "voice_url": "", "capabilities": {"voice": true}});
        let found = if asked { vec![number] } else { Vec::new() };
        (200, json!({"incoming_phone_numbers": found}))
    }

    fn update(&self, sid: &str, form: &[(String, String)]) -> (u16, Value) {
        let mut state = self.state();
        let Some(call) = state.calls.iter_mut().find(|call| call.sid == sid) else {
            return error(404, 20404, "The requested resource was not found");
        };
        let [(name, value)] = form else {
            return error(400, 21218, "One field at a time");
        };
        call.updates.push((name.clone(), value.clone()));
        if call.ended.is_cancelled() {
            return error(400, 21220, "Call is not in-progress. Cannot redirect.");
        }
        match (name.as_str(), value.as_str()) {
            ("Status", "completed" | "canceled") => call.ended.cancel(),
            ("Twiml", twiml) if twiml.contains("<Dial>") => call.ended.cancel(),
            _ => return error(400, 21218, "Invalid field"),
        }
        (200, resource(call))
    }
}

fn check_new(form: &[(String, String)]) -> Result<(), (u16, Value)> {
    let all = |name: &str| -> Vec<&str> {
        let found = form.iter().filter(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str()).collect()
    };
    let one = |name: &str| match all(name)[..] {
        [value] => Ok(value),
        _ => Err(error(400, 21201, &format!("{name} is needed once"))),
    };
    let known = [
        "To",
        "From",
        "Twiml",
        "StatusCallback",
        "StatusCallbackMethod",
        "StatusCallbackEvent",
        "Timeout",
        "TimeLimit",
        "MachineDetection",
        "AsyncAmd",
        "AsyncAmdStatusCallback",
        "AsyncAmdStatusCallbackMethod",
    ];
    if let Some((name, _)) = form
        .iter()
        .find(|(name, _)| !known.contains(&name.as_str()))
    {
        return Err(error(400, 20001, &format!("Unknown field {name}")));
    }
    let number = |text: &str| {
        text.len() > 8 && text.starts_with('+') && text[1..].bytes().all(|b| b.is_ascii_digit())
    };
    if !number(one("To")?) {
        return Err(error(
            400,
            21211,
            "The 'To' number is not a valid phone number.",
        ));
    }
    if one("From")? != FROM {
        return Err(error(
            400,
            21210,
            "The source phone number provided is not yet verified for your account",
        ));
    }
    let twiml = one("Twiml")?;
    let stream = stream_of(twiml).filter(|_| twiml.chars().count() <= 4_000);
    let Some(stream) = stream else {
        return Err(error(400, 12100, "Document parse failure"));
    };
    let is_socket = stream.url.starts_with("wss://") || stream.url.starts_with("ws://127.0.0.1");
    if !is_socket || stream.url.contains('?') {
        return Err(error(400, 31922, "Stream URL"));
    }
    if stream
        .parameters
        .iter()
        .any(|(name, value)| name.len() + value.len() > 500)
    {
        return Err(error(400, 12300, "Parameter too long"));
    }
    let events = all("StatusCallbackEvent");
    if events
        .iter()
        .any(|event| !["initiated", "ringing", "answered", "completed"].contains(event))
    {
        return Err(error(400, 21609, "Invalid StatusCallbackEvent"));
    }
    let timeout: u64 = one("Timeout")?.parse().unwrap_or(0);
    if !(1..=600).contains(&timeout) {
        return Err(error(400, 21218, "Timeout"));
    }
    if !all("AsyncAmdStatusCallback").is_empty() && all("MachineDetection").is_empty() {
        return Err(error(
            400,
            21262,
            "AsyncAmdStatusCallback without MachineDetection",
        ));
    }
    Ok(())
}

/// The stand-in without sockets.
impl Http for StandIn {
    fn send(&self, request: ApiRequest) -> BoxFuture<'_, Result<ApiResponse, Lost>> {
        Box::pin(async move {
            let form = request
                .form
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value))
                .collect();
            let network = std::time::Duration::from_millis(40);
            clock::sleep(network).await;
            match self.rest(request.method, &request.path, form).await {
                Some((status, body)) => Ok(ApiResponse {
                    status,
                    retry_after: None,
                    body: body.to_string().into_bytes(),
                }),
                None => {
                    clock::sleep(std::time::Duration::from_secs(10)).await;
                    Err(Lost::Unknown("it did not answer in time".into()))
                }
            }
        })
    }
}
