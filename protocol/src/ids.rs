//! The identifiers that clients see: calls, accounts, API keys and list cursors; how they are made and recognised.
//!
//! Randomness and time are passed in. Hashing a key, and what a key may do, is not decided here.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Crockford's base 32 in lower case: URL-safe, sorts like the numbers it writes, no look-alike letters.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// Characters of the time part of a call id: 50 bits of milliseconds, enough until the year 37000.
const TIME_CHARS: usize = 10;
/// Characters of the random part of a call id: 100 bits.
const RANDOM_CHARS: usize = 20;

const CALL_PREFIX: &str = "cl_";
const CURSOR_PREFIX: &str = "cu_";
const ACCOUNT_PREFIX: &str = "ac_";

/// Names one call: `cl_` and 30 URL-safe characters. Ids sort by the millisecond in which they were made.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallId(String);

impl CallId {
    /// Makes an id from the time, in milliseconds since 1970, and at least 100 unpredictable bits.
    #[must_use]
    pub fn new(unix_ms: u64, random: u128) -> Self {
        let mut text = String::with_capacity(CALL_PREFIX.len() + TIME_CHARS + RANDOM_CHARS);
        text.push_str(CALL_PREFIX);
        push_base32(&mut text, u128::from(unix_ms), TIME_CHARS);
        push_base32(&mut text, random, RANDOM_CHARS);
        Self(text)
    }

    /// Returns the id that `text` is, or nothing when it has not the shape of one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        has_shape(text, CALL_PREFIX, TIME_CHARS + RANDOM_CHARS).then(|| Self(text.to_owned()))
    }

    /// Returns the id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the opaque cursor that continues a list after this call.
    #[must_use]
    pub fn to_cursor(&self) -> String {
        format!("{CURSOR_PREFIX}{}", &self.0[CALL_PREFIX.len()..])
    }

    /// Returns the call after which a list continues, or nothing when `cursor` was not made by [`Self::to_cursor`].
    #[must_use]
    pub fn from_cursor(cursor: &str) -> Option<Self> {
        has_shape(cursor, CURSOR_PREFIX, TIME_CHARS + RANDOM_CHARS)
            .then(|| Self(format!("{CALL_PREFIX}{}", &cursor[CURSOR_PREFIX.len()..])))
    }
}

/// Names one account: `ac_` and 16 URL-safe characters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountId(String);

impl AccountId {
    /// Makes an id from at least 80 unpredictable bits.
    #[must_use]
    pub fn new(random: u128) -> Self {
        let mut text = String::from(ACCOUNT_PREFIX);
        push_base32(&mut text, random, 16);
        Self(text)
    }

    /// Returns the id that `text` is, or nothing when it has not the shape of one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        has_shape(text, ACCOUNT_PREFIX, 16).then(|| Self(text.to_owned()))
    }

    /// Returns the id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What a key is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyMode {
    /// Real calls, for credits.
    Live,
    /// The simulated line only.
    Test,
}

/// An API key in the clear: `ak_live_` or `ak_test_` and 32 characters (160 bits). Never printed by `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey(String);

impl ApiKey {
    /// Makes a key from 160 unpredictable bits.
    #[must_use]
    pub fn new(mode: KeyMode, random: [u8; 20]) -> Self {
        let mut text = String::from(Self::prefix(mode));
        for chunk in random.chunks(5) {
            let bits = chunk
                .iter()
                .fold(0_u128, |bits, byte| bits << 8 | u128::from(*byte));
            push_base32(&mut text, bits, 8);
        }
        Self(text)
    }

    /// Returns the key that `text` is, or nothing when it has not the shape of one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [KeyMode::Live, KeyMode::Test]
            .into_iter()
            .any(|mode| has_shape(text, Self::prefix(mode), 32))
            .then(|| Self(text.to_owned()))
    }

    /// Returns what the key is for.
    #[must_use]
    pub fn mode(&self) -> KeyMode {
        if self.0.starts_with(Self::prefix(KeyMode::Test)) {
            KeyMode::Test
        } else {
            KeyMode::Live
        }
    }

    /// Returns the key itself, to be shown once or hashed.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Returns the part that may be shown and logged: the prefix and the first four characters.
    #[must_use]
    pub fn hint(&self) -> &str {
        &self.0[..Self::prefix(KeyMode::Live).len() + 4]
    }

    const fn prefix(mode: KeyMode) -> &'static str {
        match mode {
            KeyMode::Live => "ak_live_",
            KeyMode::Test => "ak_test_",
        }
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ApiKey({}…)", self.hint())
    }
}

macro_rules! textual {
    ($($kind:ty),*) => {$(
        impl fmt::Display for $kind {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl Serialize for $kind {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $kind {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                Self::parse(&text).ok_or_else(|| {
                    serde::de::Error::custom(concat!("not the shape of a ", stringify!($kind)))
                })
            }
        }
    )*};
}
textual!(CallId, AccountId);

/// Writes the low `chars * 5` bits of `bits`, most significant first.
fn push_base32(text: &mut String, bits: u128, chars: usize) {
    for place in (0..chars).rev() {
        let index = usize::try_from(bits >> (5 * place) & 31).unwrap_or(0);
        text.push(char::from(ALPHABET[index]));
    }
}

fn has_shape(text: &str, prefix: &str, chars: usize) -> bool {
    text.strip_prefix(prefix).is_some_and(|rest| {
        rest.len() == chars && rest.bytes().all(|byte| ALPHABET.contains(&byte))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn call_ids_sort_by_time_and_survive_their_text() {
        let early = CallId::new(1_771_588_800_000, u128::MAX);
        let late = CallId::new(1_771_588_800_001, 0);
        assert!(early < late);
        assert_eq!(early.as_str().len(), 33);
        assert_eq!(CallId::parse(early.as_str()), Some(early.clone()));
        assert_eq!(CallId::from_cursor(&early.to_cursor()), Some(early));
    }

    #[test]
    fn what_is_no_id_is_not_taken_for_one() {
        for text in [
            "",
            "cl_",
            "cl_abc123",
            "cl_é",
            "CL_0000000000",
            "cu_",
            "../etc/passwd",
        ] {
            assert_eq!(CallId::parse(text), None, "{text}");
            assert_eq!(CallId::from_cursor(text), None, "{text}");
        }
        let id = CallId::new(1, 2);
        assert_eq!(CallId::from_cursor(id.as_str()), None);
        assert_eq!(CallId::parse(&id.to_cursor()), None);
    }

    #[test]
    fn keys_use_all_their_bits_and_do_not_leak_in_debug_output() {
        let mut seen = std::collections::HashSet::new();
        for bit in 0..160 {
            let mut random = [0_u8; 20];
            random[bit / 8] = 1 << (bit % 8);
            assert!(seen.insert(ApiKey::new(KeyMode::Live, random).expose().to_owned()));
        }
        let key = ApiKey::new(KeyMode::Test, [0xa5; 20]);
        assert_eq!(key.mode(), KeyMode::Test);
        assert_eq!(key.expose().len(), 40);
        assert_eq!(ApiKey::parse(key.expose()), Some(key.clone()));
        assert_eq!(format!("{key:?}").len(), "ApiKey(ak_test_xxxx…)".len());
        assert_eq!(ApiKey::parse("ak_live_your_key_here"), None);
    }

    #[test]
    fn ids_are_checked_when_read_back() {
        let id = CallId::new(5, 6);
        let text = serde_json::to_string(&id).unwrap();
        assert_eq!(serde_json::from_str::<CallId>(&text).unwrap(), id);
        assert!(serde_json::from_str::<CallId>("\"cl_short\"").is_err());
        let account = AccountId::new(7);
        assert_eq!(AccountId::parse(account.as_str()), Some(account));
    }
}
