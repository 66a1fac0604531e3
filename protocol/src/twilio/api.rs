//! The REST interface: the form that makes a call, the call resource, and errors.
//! Source: <https://www.twilio.com/docs/voice/api/call-resource> and the published OpenAPI description.

use serde::Deserialize;

use super::callback::Status;

/// The longest ring time that can be asked for, in seconds.
pub const MAX_TIMEOUT: u64 = 600;

/// What a new call is made of.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NewCall {
    /// Whom to call, E.164.
    pub to: String,
    /// The number that is shown, E.164; one that the account owns or has verified.
    pub from: String,
    /// What happens when it is picked up.
    pub twiml: String,
    /// Where every change of status is told.
    pub status_callback: String,
    /// How long it may ring, in seconds, 1 to [`MAX_TIMEOUT`].
    pub timeout: u64,
    /// How long it may last, in seconds.
    pub time_limit: Option<u64>,
    /// Where it is told who answered; no detection without it.
    pub machine_detection_callback: Option<String>,
}

impl NewCall {
    /// Returns the fields of the form, in the order of the documents.
    #[must_use]
    pub fn form(&self) -> Vec<(&'static str, String)> {
        let mut form = vec![
            ("To", self.to.clone()),
            ("From", self.from.clone()),
            ("Twiml", self.twiml.clone()),
            ("StatusCallback", self.status_callback.clone()),
            ("StatusCallbackMethod", "POST".to_owned()),
        ];
        for event in ["initiated", "ringing", "answered", "completed"] {
            form.push(("StatusCallbackEvent", event.to_owned()));
        }
        form.push(("Timeout", self.timeout.clamp(1, MAX_TIMEOUT).to_string()));
        if let Some(seconds) = self.time_limit {
            form.push(("TimeLimit", seconds.to_string()));
        }
        if let Some(url) = &self.machine_detection_callback {
            form.push(("MachineDetection", "Enable".to_owned()));
            form.push(("AsyncAmd", "true".to_owned()));
            form.push(("AsyncAmdStatusCallback", url.clone()));
            form.push(("AsyncAmdStatusCallbackMethod", "POST".to_owned()));
        }
        form
    }
}

/// A call as the carrier knows it; only what is used.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct CallResource {
    /// Its id.
    pub sid: String,
    /// The word for where it stands; see [`CallResource::status`].
    #[serde(default, rename = "status")]
    pub status_word: Option<String>,
    /// Whom it was made to.
    #[serde(default)]
    pub to: Option<String>,
    /// From which number.
    #[serde(default)]
    pub from: Option<String>,
    /// When it was made, as of RFC 2822.
    #[serde(default)]
    pub date_created: Option<String>,
}

impl CallResource {
    /// Returns where it stands, if that is known.
    #[must_use]
    pub fn status(&self) -> Option<Status> {
        self.status_word.as_deref().and_then(Status::parse)
    }

    /// Returns when it was made, in seconds since 1970, if that can be read.
    #[must_use]
    pub fn created(&self) -> Option<i64> {
        let text = self.date_created.as_deref()?;
        let time = jiff::fmt::rfc2822::parse(text).ok()?;
        Some(time.timestamp().as_second())
    }
}

/// A page of a list of calls.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct CallList {
    /// The newest first.
    pub calls: Vec<CallResource>,
}

/// A page of a list of numbers.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct NumberList {
    /// Numbers that the account owns.
    #[serde(default)]
    pub incoming_phone_numbers: Vec<Number>,
    /// Numbers of others that the account may show.
    #[serde(default)]
    pub outgoing_caller_ids: Vec<Number>,
}

/// A number of an account; only what is used.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Number {
    /// The number, E.164.
    pub phone_number: String,
    /// What incoming calls ask for instructions.
    #[serde(default)]
    pub voice_url: Option<String>,
}

/// An account; only what is used.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct AccountResource {
    /// `active`, `suspended` or `closed`.
    #[serde(default)]
    pub status: String,
    /// `Trial` or `Full`.
    #[serde(default, rename = "type")]
    pub kind: String,
}

/// The body of an error.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ErrorBody {
    /// The carrier's number of the error; 0 when it gave none.
    #[serde(default)]
    pub code: u32,
    /// A sentence.
    #[serde(default)]
    pub message: String,
}

impl ErrorBody {
    /// Reads the body of an error; what is none gives an error without number and words.
    #[must_use]
    pub fn read(body: &[u8]) -> Self {
        serde_json::from_slice(body).unwrap_or(Self {
            code: 0,
            message: String::new(),
        })
    }

    /// Returns its sentence, without control characters, at most 200 characters.
    #[must_use]
    pub fn sentence(&self) -> String {
        let plain = self.message.chars().filter(|c| !c.is_control());
        plain.take(200).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_as_a_form() {
        let call = NewCall {
            to: "+14155551234".into(),
            from: "+14155550100".into(),
            twiml: "<Response/>".into(),
            status_callback: "https://phone.example/s".into(),
            timeout: 1_000,
            time_limit: Some(700),
            machine_detection_callback: Some("https://phone.example/a".into()),
        };
        let text = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(call.form())
            .finish();
        assert_eq!(
            text,
            "To=%2B14155551234&From=%2B14155550100&Twiml=%3CResponse%2F%3E\
             &StatusCallback=https%3A%2F%2Fphone.example%2Fs&StatusCallbackMethod=POST\
             &StatusCallbackEvent=initiated&StatusCallbackEvent=ringing&StatusCallbackEvent=answered\
             &StatusCallbackEvent=completed&Timeout=600&TimeLimit=700&MachineDetection=Enable&AsyncAmd=true\
             &AsyncAmdStatusCallback=https%3A%2F%2Fphone.example%2Fa&AsyncAmdStatusCallbackMethod=POST"
        );
    }

    #[test]
    fn a_resource_and_an_error_as_they_come() {
        let call: CallResource = serde_json::from_str(
            r#"{"sid": "CA1", "status": "in-progress", "duration": "15", "price": null, "direction": "outbound-api",
                "date_created": "Tue, 31 Aug 2010 20:36:28 +0000", "to": "+1", "from": "+2", "answered_by": null}"#,
        )
        .unwrap();
        assert_eq!(call.status(), Some(Status::InProgress));
        assert_eq!(call.created(), Some(1_283_286_988));
        let error = ErrorBody::read(
            br#"{"code":21211,"message":"The 'To' number is not valid.","more_info":"https://x","status":400}"#,
        );
        assert_eq!(
            (error.code, error.sentence().as_str()),
            (21211, "The 'To' number is not valid.")
        );
        assert_eq!(ErrorBody::read(b"<html>").code, 0);
    }
}
