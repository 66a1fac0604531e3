//! Whose streams the stand-in speaks: Twilio's, or those of a look-alike.

use serde_json::{Value, json};

use super::ACCOUNT;

/// See the module's documentation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Carrier {
    #[default]
    Twilio,
    /// Numbers are numbers, and identifiers without prefixes.
    SignalWire,
    /// Snake case, frames out of order, no stream named in what is sent to it, and no signature of Twilio's kind.
    Telnyx,
}

impl Carrier {
    /// Returns the header with the signature of requests.
    pub(crate) fn header(self) -> &'static str {
        match self {
            Self::Twilio => "x-twilio-signature",
            Self::SignalWire => "x-signalwire-signature",
            Self::Telnyx => "telnyx-signature-ed25519",
        }
    }

    /// Returns the id of the `n`th call.
    pub(crate) fn call(self, n: usize) -> String {
        match self {
            Self::Twilio => format!("CA{n:032x}"),
            Self::SignalWire => format!("0f1c5f5e-7b1a-4d0e-8b7c-{n:012x}"),
            Self::Telnyx => format!("v3:T02llQxIyaRkhfRKxgAP8nY511EhFLizdvdUKJiSw8d6A9Bborher-{n}"),
        }
    }

    /// Returns the id of a call's stream.
    pub(crate) fn stream_of(self, call: &str) -> String {
        match self {
            Self::Twilio => call.replacen("CA", "MZ", 1),
            Self::SignalWire => call.replacen("0f1c5f5e", "c3d5b0d0", 1),
            Self::Telnyx => "32de0dea-53cb-4b21-89a4-9e1819c043bc".to_owned(),
        }
    }

    /// Returns a number as the carrier writes it.
    pub(crate) fn number(self, number: u64) -> Value {
        match self {
            Self::SignalWire => number.into(),
            Self::Twilio | Self::Telnyx => number.to_string().into(),
        }
    }

    pub(crate) fn connected(self) -> Value {
        match self {
            Self::Twilio => json!({"event": "connected", "protocol": "Call", "version": "1.0.0"}),
            Self::SignalWire => {
                json!({"event": "connected", "protocol": "Call", "version": "0.2.0"})
            }
            Self::Telnyx => json!({"event": "connected", "version": "1.0.0"}),
        }
    }

    /// Returns what the message about the start of a stream holds.
    pub(crate) fn start(self, call: &str, stream: &str, parameters: &Value) -> Value {
        match self {
            Self::Telnyx => {
                json!({"user_id": "3e6f995f-85f7-4705-9741-53b116d28237", "call_control_id": call,
                "client_state": null, "custom_parameters": parameters,
                "media_format": {"encoding": "PCMU", "sample_rate": 8000, "channels": 1}})
            }
            Self::Twilio | Self::SignalWire => json!({
                "accountSid": ACCOUNT, "streamSid": stream, "callSid": call, "tracks": ["inbound"],
                "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
                "customParameters": parameters}),
        }
    }

    /// Returns what the message about the end of a stream holds.
    pub(crate) fn stop(self, call: &str) -> Value {
        match self {
            Self::Telnyx => {
                json!({"user_id": "3e6f995f-85f7-4705-9741-53b116d28237", "call_control_id": call})
            }
            Self::Twilio | Self::SignalWire => json!({"accountSid": ACCOUNT, "callSid": call}),
        }
    }

    /// Returns a message of a stream.
    pub(crate) fn message(self, event: &str, sequence: u64, stream: &str, body: Value) -> Value {
        let number = self.number(sequence);
        let mut message = match self {
            Self::Telnyx => json!({"event": event, "sequence_number": number, "stream_id": stream}),
            Self::Twilio | Self::SignalWire => {
                json!({"event": event, "sequenceNumber": number, "streamSid": stream})
            }
        };
        message[event] = body;
        message
    }

    /// Whether a message that was sent to the carrier is one for a stream.
    pub(crate) fn is_for(self, message: &Value, stream: &str) -> bool {
        match self {
            Self::Telnyx => {
                message.get("streamSid").is_none() && message.get("stream_id").is_none()
            }
            Self::Twilio | Self::SignalWire => message["streamSid"] == stream,
        }
    }
}
