//! API keys as `/keys` shows and takes them: what a key may do, and the body that makes one. A key's text is in one
//! answer only, the one to its creation. Hashing and checking keys is not done here.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use super::{
    Time,
    create::fields::{Fields, read_object},
};
use crate::{
    error::ApiError,
    ids::{AccountId, CallId, KeyMode},
};

/// One thing that a key may be allowed to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// See calls, recordings, live events and the account.
    CallsRead,
    /// Make and cancel calls, and delete what they left behind.
    CallsWrite,
    /// Command running calls on a live socket.
    Control,
    /// Manage keys, credits and the do-not-call list of the account, and export it.
    Admin,
}

impl Scope {
    /// Every scope, in the order of the documentation.
    pub const ALL: [Self; 4] = [
        Self::CallsRead,
        Self::CallsWrite,
        Self::Control,
        Self::Admin,
    ];

    /// Returns the scope as it is written.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CallsRead => "calls:read",
            Self::CallsWrite => "calls:write",
            Self::Control => "control",
            Self::Admin => "admin",
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Scope {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|scope| scope.as_str() == text);
        found.ok_or_else(|| format!("'{text}' is no scope; there are {}", names(&Self::ALL)))
    }
}

/// What a key may do: a set of scopes. None includes another.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Scopes(Vec<Scope>);

impl Default for Scopes {
    /// Everything about calls, and nothing about the account: what every key could do before there were scopes.
    fn default() -> Self {
        Self::of([Scope::CallsRead, Scope::CallsWrite, Scope::Control])
    }
}

impl Scopes {
    /// Returns the set of these scopes.
    #[must_use]
    pub fn of(scopes: impl IntoIterator<Item = Scope>) -> Self {
        let mut scopes: Vec<_> = scopes.into_iter().collect();
        scopes.sort_unstable();
        scopes.dedup();
        Self(scopes)
    }

    /// Returns every scope there is.
    #[must_use]
    pub fn all() -> Self {
        Self::of(Scope::ALL)
    }

    /// Returns whether the scope is in the set.
    #[must_use]
    pub fn allow(&self, scope: Scope) -> bool {
        self.0.contains(&scope)
    }

    /// Returns what is in both sets.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        Self::of(self.0.iter().copied().filter(|scope| other.allow(*scope)))
    }

    /// Returns whether nothing is allowed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&names(&self.0))
    }
}

impl FromStr for Scopes {
    type Err = String;

    /// Reads scopes separated by commas.
    fn from_str(text: &str) -> Result<Self, String> {
        let scopes: Result<Vec<_>, _> = text.split(',').map(|one| one.trim().parse()).collect();
        scopes.map(Self::of)
    }
}

impl Serialize for Scopes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|scope| scope.as_str()))
    }
}

impl<'de> Deserialize<'de> for Scopes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let words = Vec::<String>::deserialize(deserializer)?;
        let scopes: Result<Vec<_>, _> = words.iter().map(|word| word.parse()).collect();
        scopes.map(Self::of).map_err(serde::de::Error::custom)
    }
}

fn names(scopes: &[Scope]) -> String {
    let names: Vec<_> = scopes.iter().map(|scope| scope.as_str()).collect();
    names.join(", ")
}

/// A key as lists show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Key {
    /// Its id, which is no secret.
    pub key_id: String,
    /// Whose calls it sees and makes.
    pub account_id: AccountId,
    /// What its owner calls it; may be empty.
    pub name: String,
    /// Whether its calls are real or simulated.
    pub mode: KeyMode,
    /// Its first characters, to recognise it by.
    pub starts_with: String,
    /// What it may do.
    pub scopes: Scopes,
    /// When it was made.
    pub created_at: Time,
    /// When it stops working by itself; `null` for never.
    pub expires_at: Option<Time>,
    /// When it was used last, to the minute; `null` for never.
    pub last_used_at: Option<Time>,
    /// When it was revoked; `null` when it was not.
    pub revoked_at: Option<Time>,
    /// The key itself: only in the answer to its creation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
}

/// The body of `POST /keys`, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreateKey {
    /// See [`Key::name`].
    pub name: String,
    /// See [`Key::mode`]; that of the asking key when the request does not say.
    pub mode: Option<KeyMode>,
    /// See [`Key::scopes`].
    pub scopes: Scopes,
    /// See [`Key::expires_at`]. Whether it lies ahead is not known here.
    pub expires_at: Option<Time>,
    /// Sentences about fields that were ignored.
    pub warnings: Vec<String>,
}

/// Longest name of a key, in characters.
const MAX_NAME: usize = 100;

impl CreateKey {
    /// Reads and checks a request body; an empty one asks for a key without a name.
    ///
    /// # Errors
    /// `invalid_json`, `invalid_body`, or `invalid_field`.
    pub fn parse(body: &[u8]) -> Result<Self, ApiError> {
        let body = if body.is_empty() { b"{}" } else { body };
        let mut fields = Fields::plain(read_object(body, "{\"name\": \"laptop\"}")?);
        let mode = match fields.text("mode", 10)?.as_deref() {
            None => None,
            Some("live") => Some(KeyMode::Live),
            Some("test") => Some(KeyMode::Test),
            Some(_) => {
                return Err(ApiError::invalid_field("mode", "\"live\" or \"test\""));
            }
        };
        Ok(Self {
            name: fields.text("name", MAX_NAME)?.unwrap_or_default(),
            mode,
            scopes: scopes(&mut fields)?.unwrap_or_default(),
            expires_at: fields.time("expires_at")?,
            warnings: fields.into_warnings(),
        })
    }
}

/// Reads the body of `PATCH /keys/{id}`: the new name.
///
/// # Errors
/// `invalid_json`, `invalid_body`, `missing_field` or `invalid_field`.
pub fn parse_rename(body: &[u8]) -> Result<String, ApiError> {
    let mut fields = Fields::plain(read_object(body, "{\"name\": \"laptop\"}")?);
    fields.require("name", "the new name of the key")?;
    Ok(fields.text("name", MAX_NAME)?.unwrap_or_default())
}

fn scopes(fields: &mut Fields) -> Result<Option<Scopes>, ApiError> {
    let Some(value) = fields.take("scopes") else {
        return Ok(None);
    };
    let read = match value {
        Value::Array(_) => serde_json::from_value::<Scopes>(value).ok(),
        _ => None,
    };
    let scopes = read.filter(|scopes| !scopes.is_empty());
    scopes.map(Some).ok_or_else(|| {
        let expected = format!("a list of at least one of {}", names(&Scope::ALL));
        ApiError::invalid_field("scopes", &expected)
    })
}

/// Shortest and longest life of a [`CreateToken`], in seconds.
const TOKEN_SECONDS: std::ops::RangeInclusive<u32> = 5..=300;
/// The life of a token when the request does not say, in seconds.
const TOKEN_DEFAULT: u32 = 60;

/// The body of `POST /live/token`, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreateToken {
    /// The only call whose socket it opens; every call of the account, and the socket of all, when absent.
    pub call_id: Option<CallId>,
    /// What may be done on the socket; the asking key's when absent.
    pub scopes: Option<Scopes>,
    /// In how many seconds a socket has to be opened with it, 5 to 300.
    pub expires_in_seconds: u32,
    /// Sentences about fields that were ignored.
    pub warnings: Vec<String>,
}

impl CreateToken {
    /// Reads and checks a request body; an empty one asks for everything that the key may do on sockets.
    ///
    /// # Errors
    /// `invalid_json`, `invalid_body`, or `invalid_field`.
    pub fn parse(body: &[u8]) -> Result<Self, ApiError> {
        let body = if body.is_empty() { b"{}" } else { body };
        let mut fields = Fields::plain(read_object(body, "{\"call_id\": \"cl_…\"}")?);
        let call_id = fields.text("call_id", 100)?.map(|text| {
            CallId::parse(&text)
                .ok_or_else(|| ApiError::invalid_field("call_id", "the id of a call, cl_…"))
        });
        let seconds = match fields.take("expires_in_seconds") {
            None => TOKEN_DEFAULT,
            Some(value) => value
                .as_u64()
                .and_then(|seconds| u32::try_from(seconds).ok())
                .filter(|seconds| TOKEN_SECONDS.contains(seconds))
                .ok_or_else(|| {
                    let expected = format!(
                        "a whole number from {} to {}",
                        TOKEN_SECONDS.start(),
                        TOKEN_SECONDS.end()
                    );
                    ApiError::invalid_field("expires_in_seconds", &expected)
                })?,
        };
        Ok(Self {
            call_id: call_id.transpose()?,
            scopes: scopes(&mut fields)?,
            expires_in_seconds: seconds,
            warnings: fields.into_warnings(),
        })
    }
}

/// A token by which a browser opens a live socket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiveToken {
    /// The token: the second of the subprotocols.
    pub token: String,
    /// What to give `new WebSocket(url, protocols)`.
    pub protocols: [String; 2],
    /// Until when a socket can be opened with it.
    pub expires_at: Time,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorCode;

    #[test]
    fn scopes_are_read_written_and_sorted() {
        let scopes: Scopes = "admin, calls:read,admin".parse().unwrap();
        assert_eq!(scopes.to_string(), "calls:read, admin");
        let json = serde_json::to_string(&scopes).unwrap();
        assert_eq!(json, r#"["calls:read","admin"]"#);
        assert_eq!(serde_json::from_str::<Scopes>(&json).unwrap(), scopes);
        assert!("calls".parse::<Scopes>().is_err());
        assert!(!Scopes::default().allow(Scope::Admin));
        assert_eq!(
            scopes.and(&Scopes::default()),
            Scopes::of([Scope::CallsRead])
        );
    }

    #[test]
    fn bodies_are_checked() {
        let plain = CreateKey::parse(b"").unwrap();
        assert_eq!((plain.mode, plain.scopes), (None, Scopes::default()));
        let whole = br#"{"name": "web", "mode": "test", "scopes": ["admin"], "expires_at": "2027-01-01T00:00:00Z", "x": 1}"#;
        let key = CreateKey::parse(whole).unwrap();
        assert_eq!(key.mode, Some(KeyMode::Test));
        assert_eq!(key.warnings.len(), 1);
        assert!(key.expires_at.is_some());
        for (body, code) in [
            (&b"["[..], ErrorCode::InvalidJson),
            (b"[]", ErrorCode::InvalidBody),
            (br#"{"scopes": []}"#, ErrorCode::InvalidField),
            (br#"{"scopes": "admin"}"#, ErrorCode::InvalidField),
            (br#"{"scopes": ["all"]}"#, ErrorCode::InvalidField),
            (br#"{"mode": "real"}"#, ErrorCode::InvalidField),
            (br#"{"name": 5}"#, ErrorCode::InvalidField),
            (br#"{"expires_at": "soon"}"#, ErrorCode::InvalidField),
        ] {
            assert_eq!(CreateKey::parse(body).unwrap_err().code, code, "{body:?}");
        }
        assert_eq!(
            parse_rename(b"{}").unwrap_err().code,
            ErrorCode::MissingField
        );
        assert_eq!(parse_rename(br#"{"name": "desk"}"#).unwrap(), "desk");
    }

    #[test]
    fn tokens_are_short_lived() {
        assert_eq!(CreateToken::parse(b"").unwrap().expires_in_seconds, 60);
        for body in [
            &br#"{"expires_in_seconds": 301}"#[..],
            br#"{"expires_in_seconds": 4}"#,
            br#"{"expires_in_seconds": "60"}"#,
            br#"{"call_id": "x"}"#,
        ] {
            let error = CreateToken::parse(body).unwrap_err();
            assert_eq!(error.code, ErrorCode::InvalidField, "{body:?}");
        }
    }
}
