//! The closed list of errors of the HTTP interface: which code has which status, and how an error is written.
//!
//! Every answer that is not a success has this shape: `{"error": "<sentence>", "code": "<snake_case>"}`, with a
//! few fields more where a client can act on them. Nothing here decides when an error is due.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// What went wrong, as clients match on it. The first eleven are those of the published list; the rest are ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    /// Missing or invalid API key.
    Unauthorized,
    /// The request body is not valid JSON.
    InvalidJson,
    /// The body is JSON but not an object.
    InvalidBody,
    /// A required field is missing.
    MissingField,
    /// The phone number cannot be one.
    InvalidPhone,
    /// The number is outside the US and Canada, or of a kind that the operator does not allow.
    UnsupportedRegion,
    /// The number reaches an emergency or special service.
    EmergencyNumber,
    /// The account has no credit left.
    InsufficientCredits,
    /// Too many requests.
    RateLimitExceeded,
    /// There is no such call in this account.
    CallNotFound,
    /// The call could not be dispatched or completed.
    CallFailed,
    /// Any other field, parameter or header has a value that cannot be used.
    InvalidField,
    /// The number is on the do-not-call list.
    DoNotCall,
    /// It is no time of day to call this number.
    OutsideHours,
    /// The call has to be over for this, and is not.
    CallNotEnded,
    /// The call is over, so it cannot be changed any more.
    CallAlreadyEnded,
    /// The idempotency key was used before with another request.
    IdempotencyConflict,
    /// An event is not from who it says, or not from now.
    InvalidSignature,
    /// The key may not do this.
    Forbidden,
    /// There is no such path, or no such key.
    NotFound,
    /// The path exists, but not for this method.
    MethodNotAllowed,
    /// The call has no recording (yet).
    RecordingNotFound,
    /// The part of the recording that was asked for does not exist.
    RangeNotSatisfiable,
    /// The request is no HTTP that can be understood.
    BadRequest,
    /// The request body is larger than allowed.
    BodyTooLarge,
    /// The request did not arrive in time.
    RequestTimeout,
    /// The live socket needs a WebSocket handshake, and this was none.
    UpgradeRequired,
    /// The program cannot take this request now; later it may.
    Unavailable,
    /// A fault of this program.
    InternalError,
}

impl ErrorCode {
    /// Every code, in the order of the documentation.
    pub const ALL: [Self; 29] = [
        Self::Unauthorized,
        Self::InvalidJson,
        Self::InvalidBody,
        Self::MissingField,
        Self::InvalidPhone,
        Self::UnsupportedRegion,
        Self::EmergencyNumber,
        Self::InsufficientCredits,
        Self::RateLimitExceeded,
        Self::CallNotFound,
        Self::CallFailed,
        Self::InvalidField,
        Self::DoNotCall,
        Self::OutsideHours,
        Self::CallNotEnded,
        Self::CallAlreadyEnded,
        Self::IdempotencyConflict,
        Self::InvalidSignature,
        Self::Forbidden,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::RecordingNotFound,
        Self::RangeNotSatisfiable,
        Self::BadRequest,
        Self::BodyTooLarge,
        Self::RequestTimeout,
        Self::UpgradeRequired,
        Self::Unavailable,
        Self::InternalError,
    ];

    /// Returns the code as written in answers.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unauthorized => "unauthorized",
            Self::InvalidJson => "invalid_json",
            Self::InvalidBody => "invalid_body",
            Self::MissingField => "missing_field",
            Self::InvalidPhone => "invalid_phone",
            Self::UnsupportedRegion => "unsupported_region",
            Self::EmergencyNumber => "emergency_number",
            Self::InsufficientCredits => "insufficient_credits",
            Self::RateLimitExceeded => "rate_limit_exceeded",
            Self::CallNotFound => "call_not_found",
            Self::CallFailed => "call_failed",
            Self::InvalidField => "invalid_field",
            Self::DoNotCall => "do_not_call",
            Self::OutsideHours => "outside_hours",
            Self::CallNotEnded => "call_not_ended",
            Self::CallAlreadyEnded => "call_already_ended",
            Self::IdempotencyConflict => "idempotency_conflict",
            Self::InvalidSignature => "invalid_signature",
            Self::Forbidden => "forbidden",
            Self::NotFound => "not_found",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::RecordingNotFound => "recording_not_found",
            Self::RangeNotSatisfiable => "range_not_satisfiable",
            Self::BadRequest => "bad_request",
            Self::BodyTooLarge => "body_too_large",
            Self::RequestTimeout => "request_timeout",
            Self::UpgradeRequired => "upgrade_required",
            Self::Unavailable => "unavailable",
            Self::InternalError => "internal_error",
        }
    }

    /// Returns the HTTP status that goes with the code.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::InvalidJson
            | Self::InvalidBody
            | Self::MissingField
            | Self::InvalidSignature
            | Self::BadRequest => 400,
            Self::Unauthorized => 401,
            Self::InsufficientCredits => 402,
            Self::Forbidden | Self::DoNotCall => 403,
            Self::CallNotFound | Self::NotFound | Self::RecordingNotFound => 404,
            Self::MethodNotAllowed => 405,
            Self::RequestTimeout => 408,
            Self::CallNotEnded | Self::CallAlreadyEnded | Self::IdempotencyConflict => 409,
            Self::BodyTooLarge => 413,
            Self::RangeNotSatisfiable => 416,
            Self::InvalidPhone
            | Self::UnsupportedRegion
            | Self::EmergencyNumber
            | Self::InvalidField
            | Self::OutsideHours => 422,
            Self::UpgradeRequired => 426,
            Self::RateLimitExceeded => 429,
            Self::CallFailed | Self::InternalError => 500,
            Self::Unavailable => 503,
        }
    }

    /// Returns whether the request itself has to be changed before it can succeed; such answers also carry
    /// `"type": "validation_error"`.
    #[must_use]
    pub const fn is_validation(self) -> bool {
        matches!(
            self,
            Self::InvalidJson
                | Self::InvalidBody
                | Self::MissingField
                | Self::InvalidPhone
                | Self::UnsupportedRegion
                | Self::EmergencyNumber
                | Self::InvalidField
        )
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An error answer. Deserialises too, for clients of ours.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiError {
    /// What clients match on; decides the status.
    pub code: ErrorCode,
    /// A sentence that tells a person what to do next.
    pub message: String,
    /// Where credits can be bought; only with [`ErrorCode::InsufficientCredits`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub buy_credits_url: Option<String>,
    /// Whole seconds after which the same request may succeed, at least 1; sent as `Retry-After`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u64>,
}

impl ApiError {
    /// Makes an error without extras.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            buy_credits_url: None,
            retry_after: None,
        }
    }

    /// Returns the HTTP status.
    #[must_use]
    pub const fn status(&self) -> u16 {
        self.code.status()
    }

    /// Returns the body as a JSON value.
    #[must_use]
    pub fn body(&self) -> Value {
        let mut body = json!({ "error": self.message, "code": self.code.as_str() });
        if self.code.is_validation() {
            body["type"] = "validation_error".into();
        }
        if let Some(url) = &self.buy_credits_url {
            body["buy_credits_url"] = url.as_str().into();
        }
        body
    }

    /// A required field is absent. The sentence is the one of the published documentation.
    #[must_use]
    pub fn missing_field(name: &str, expected: &str) -> Self {
        Self::new(
            ErrorCode::MissingField,
            format!("Missing required field '{name}'. Expected {expected}"),
        )
    }

    /// A field, parameter or header has a value that cannot be used. `expected` completes "Expected …".
    #[must_use]
    pub fn invalid_field(name: &str, expected: &str) -> Self {
        Self::new(
            ErrorCode::InvalidField,
            format!("Invalid value for '{name}'. Expected {expected}"),
        )
    }

    /// The key is missing, malformed, unknown or revoked; which of these is not told.
    #[must_use]
    pub fn unauthorized() -> Self {
        Self::new(
            ErrorCode::Unauthorized,
            "Missing or invalid API key. Send your key in the 'x-api-key' header.",
        )
    }

    /// The key lacks a scope; `scope` as it is written.
    #[must_use]
    pub fn lacks_scope(scope: &str) -> Self {
        Self::new(
            ErrorCode::Forbidden,
            format!(
                "This API key may not do this: it has not the scope '{scope}'. Use a key that has it."
            ),
        )
    }

    /// There is no such key in the account.
    #[must_use]
    pub fn key_not_found() -> Self {
        Self::new(
            ErrorCode::NotFound,
            "Key not found, or it does not belong to your account. Check the key_id.",
        )
    }

    /// The account has no credit left. `buy_credits_url` is where more can be bought.
    #[must_use]
    pub fn insufficient_credits(buy_credits_url: impl Into<String>) -> Self {
        Self {
            buy_credits_url: Some(buy_credits_url.into()),
            ..Self::new(
                ErrorCode::InsufficientCredits,
                "Insufficient credits. Buy more at the address in 'buy_credits_url', then send the request again.",
            )
        }
    }

    /// Too many requests; `retry_after` seconds are raised to 1 when they are 0.
    #[must_use]
    pub fn rate_limited(message: impl Into<String>, retry_after: u64) -> Self {
        Self {
            retry_after: Some(retry_after.max(1)),
            ..Self::new(ErrorCode::RateLimitExceeded, message)
        }
    }

    /// There is no such call, or it belongs to another account; which of the two is not told.
    #[must_use]
    pub fn call_not_found() -> Self {
        Self::new(
            ErrorCode::CallNotFound,
            "Call not found, or it does not belong to your account. Check the call_id.",
        )
    }

    /// The call is over.
    #[must_use]
    pub fn call_already_ended() -> Self {
        Self::new(
            ErrorCode::CallAlreadyEnded,
            "The call has already ended, so nothing can be changed about it any more.",
        )
    }

    /// The idempotency key belongs to another request.
    #[must_use]
    pub fn idempotency_conflict() -> Self {
        Self::new(
            ErrorCode::IdempotencyConflict,
            "This Idempotency-Key was used before with a different body. Use a new key for a new request.",
        )
    }

    /// The program cannot take the request now. `retry_after` in seconds.
    #[must_use]
    pub fn unavailable(message: impl Into<String>, retry_after: u64) -> Self {
        Self {
            retry_after: Some(retry_after.max(1)),
            ..Self::new(ErrorCode::Unavailable, message)
        }
    }

    /// A fault of this program; what exactly is for the log, not for the client.
    #[must_use]
    pub fn internal() -> Self {
        Self::new(
            ErrorCode::InternalError,
            "Unexpected error on our end. Send the request again; if it fails again, tell the operator.",
        )
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

impl std::error::Error for ApiError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_codes_have_the_published_status() {
        let published = [
            ("unauthorized", 401),
            ("invalid_json", 400),
            ("invalid_body", 400),
            ("missing_field", 400),
            ("invalid_phone", 422),
            ("unsupported_region", 422),
            ("emergency_number", 422),
            ("insufficient_credits", 402),
            ("rate_limit_exceeded", 429),
            ("call_not_found", 404),
            ("call_failed", 500),
        ];
        for ((code, status), ours) in published.into_iter().zip(ErrorCode::ALL) {
            assert_eq!((ours.as_str(), ours.status()), (code, status));
        }
    }

    #[test]
    fn the_written_and_the_serialised_name_agree() {
        for code in ErrorCode::ALL {
            assert_eq!(serde_json::to_value(code).unwrap(), code.as_str());
        }
    }

    #[test]
    fn the_description_for_clients_lists_every_code_with_its_status() {
        let documented: Vec<&str> = include_str!("../../docs/api.md")
            .split_once("| code | status | |")
            .unwrap()
            .1
            .lines()
            .filter(|line| line.starts_with("| `"))
            .collect();
        assert_eq!(documented.len(), ErrorCode::ALL.len());
        for (code, line) in ErrorCode::ALL.into_iter().zip(documented) {
            let expected = format!("| `{code}` | {} |", code.status());
            assert!(line.starts_with(&expected), "{expected}");
        }
    }

    #[test]
    fn extras_appear_only_where_they_belong() {
        let plain = ApiError::call_not_found().body();
        assert_eq!(plain.as_object().unwrap().len(), 2);
        let credits = ApiError::insufficient_credits("https://pay.example/10").body();
        assert_eq!(credits["buy_credits_url"], "https://pay.example/10");
        let missing =
            ApiError::missing_field("to_phone_number", "E.164 phone number like +14155551234");
        assert_eq!(
            missing.body(),
            json!({
                "error": "Missing required field 'to_phone_number'. Expected E.164 phone number like +14155551234",
                "code": "missing_field",
                "type": "validation_error",
            })
        );
        assert_eq!(ApiError::rate_limited("slow down", 0).retry_after, Some(1));
    }
}
