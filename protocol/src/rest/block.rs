//! The body of `POST /do-not-call`.

use super::create::fields::{Fields, read_object};
use crate::{
    error::ApiError,
    phone::{PhoneNumber, PhoneRules},
};

/// A number that must not be called any more, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockNumber {
    /// E.164.
    pub phone_number: String,
    /// Why; may be empty.
    pub note: String,
    /// Sentences about fields that were ignored.
    pub warnings: Vec<String>,
}

impl BlockNumber {
    /// Reads and checks a request body.
    ///
    /// # Errors
    /// `invalid_json`, `invalid_body`, `missing_field`, `invalid_field`, or why the number cannot be one.
    pub fn parse(body: &[u8]) -> Result<Self, ApiError> {
        let example = "{\"phone_number\": \"+14155551234\"}";
        let mut fields = Fields::plain(read_object(body, example)?);
        let expected = "E.164 phone number like +14155551234";
        fields.require("phone_number", expected)?;
        let number = fields
            .text("phone_number", 64)?
            .ok_or_else(|| ApiError::missing_field("phone_number", expected))?;
        let rules = PhoneRules {
            allow_premium: true,
        };
        Ok(Self {
            phone_number: PhoneNumber::parse("phone_number", &number, rules)?.into(),
            note: fields.text("note", 500)?.unwrap_or_default(),
            warnings: fields.into_warnings(),
        })
    }
}
