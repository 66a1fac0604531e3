//! Entry points for fuzzing: everything that reads bytes of strangers, as plain functions that panic only when
//! something is wrong with us.
//!
//! `fuzz/` calls them from cargo-fuzz; the tests below drive them with seeded mutations of real input, so that they
//! cannot rot where no nightly toolchain exists.

use protocol::{
    control,
    error::ApiError,
    phone::PhoneRules,
    rest::{CreateCall, Offer},
};
use serde_json::Value;

use crate::config::Config;

/// Reads `data` as the body of `POST /calls`.
///
/// # Panics
/// When the answer to it is not one of the documented errors, or an accepted request does not survive being kept.
pub fn fuzz_rest_body(data: &[u8]) {
    match CreateCall::parse(data, &Offer::default()) {
        Ok(parsed) => {
            let kept = serde_json::to_string(&parsed.call).expect("a request can be written");
            let read: CreateCall = serde_json::from_str(&kept).expect("and read again");
            assert_eq!(read, parsed.call);
        }
        Err(error) => assert_documented(&error),
    }
}

/// Reads `data` as a text frame of a live socket.
///
/// # Panics
/// When the answer to it is not one of the documented errors, or not JSON.
pub fn fuzz_control(data: &[u8]) {
    // The WebSocket layer closes the connection on text that is no UTF-8.
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let request = control::Request::parse(text, PhoneRules::default());
    let answer = match &request.command {
        Ok(_) => control::ack(&request.id),
        Err(error) => {
            if error.code != protocol::error::ErrorCode::CallNotFound {
                assert_documented(error);
            }
            control::refusal(&request.id, error)
        }
    };
    let answer: Value = serde_json::from_str(&answer).expect("an answer is JSON");
    assert_eq!(answer["id"], request.id);
}

/// Reads `data` as a configuration file.
///
/// # Panics
/// When a configuration that is refused is refused without a sentence.
pub fn fuzz_config(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    if let Err(error) = Config::parse(text, "fuzz.toml", []) {
        assert!(error.to_string().contains("fuzz.toml"), "{error}");
    }
}

fn assert_documented(error: &ApiError) {
    assert!(error.code.is_validation(), "{error}");
    assert!(matches!(error.status(), 400 | 422), "{error}");
    assert!(
        !error.message.is_empty() && error.message.len() < 1_000,
        "{error}"
    );
    let body = error.body();
    assert_eq!(body["code"], error.code.as_str());
}

#[cfg(test)]
pub(crate) mod tests;
