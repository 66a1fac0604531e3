//! Keys for SRTP in a description: `a=crypto` (RFC 4568). Lines that ask for what we cannot do are passed over.

use std::fmt;

use base64::{Engine, engine::general_purpose::STANDARD};

/// How sound is encrypted and authenticated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Suite {
    /// AES-CM with 128 bits, tags of 80 bits.
    Aes128Sha1Tag80,
    /// AES-CM with 128 bits, tags of 32 bits.
    Aes128Sha1Tag32,
    /// AES-CM with 256 bits, tags of 80 bits (RFC 6188).
    Aes256Sha1Tag80,
}

impl Suite {
    /// All of them, the one that most trunks know first.
    pub const ALL: [Self; 3] = [
        Self::Aes128Sha1Tag80,
        Self::Aes128Sha1Tag32,
        Self::Aes256Sha1Tag80,
    ];

    /// Bytes of the key.
    #[must_use]
    pub const fn key_len(self) -> usize {
        match self {
            Self::Aes128Sha1Tag80 | Self::Aes128Sha1Tag32 => 16,
            Self::Aes256Sha1Tag80 => 32,
        }
    }

    /// Bytes of the salt.
    pub const SALT_LEN: usize = 14;

    const fn name(self) -> &'static str {
        match self {
            Self::Aes128Sha1Tag80 => "AES_CM_128_HMAC_SHA1_80",
            Self::Aes128Sha1Tag32 => "AES_CM_128_HMAC_SHA1_32",
            Self::Aes256Sha1Tag80 => "AES_256_CM_HMAC_SHA1_80",
        }
    }

    fn named(name: &str) -> Option<Self> {
        let same = |suite: &Self| suite.name().eq_ignore_ascii_case(name);
        Self::ALL.into_iter().find(same)
    }
}

/// One `a=crypto` line: what its writer encrypts with.
#[derive(Clone, PartialEq, Eq)]
pub struct Crypto {
    /// Names the line, so that an answer can say which one it takes.
    pub tag: u32,
    /// The kind.
    pub suite: Suite,
    secret: Vec<u8>,
}

impl fmt::Debug for Crypto {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Crypto")
            .field("tag", &self.tag)
            .field("suite", &self.suite)
            .finish_non_exhaustive()
    }
}

impl Crypto {
    /// Makes a line of a key and a salt, one after the other; `None` when they do not have the suite's length.
    #[must_use]
    pub fn new(tag: u32, suite: Suite, secret: Vec<u8>) -> Option<Self> {
        (secret.len() == suite.key_len() + Suite::SALT_LEN).then_some(Self { tag, suite, secret })
    }

    /// Returns the master key.
    #[must_use]
    pub fn key(&self) -> &[u8] {
        &self.secret[..self.suite.key_len()]
    }

    /// Returns the master salt.
    #[must_use]
    pub fn salt(&self) -> &[u8] {
        &self.secret[self.suite.key_len()..]
    }

    /// Returns the same under another tag.
    pub(super) fn tagged(&self, tag: u32) -> Self {
        Self {
            tag,
            ..self.clone()
        }
    }

    /// Reads the value of a line; `None` when it cannot be used: an unknown suite, several keys, a key identifier in
    /// each packet (MKI), or a parameter that changes what is protected.
    pub(super) fn parse(value: &str) -> Option<Self> {
        let mut words = value.split_ascii_whitespace();
        let tag = words.next()?.parse().ok()?;
        let suite = Suite::named(words.next()?)?;
        let keys = words.next()?;
        let harmless = |word: &str| word.to_ascii_uppercase().starts_with("WSH=");
        if keys.contains(';') || !words.all(harmless) {
            return None;
        }
        let (method, info) = keys.split_once(':')?;
        if !method.eq_ignore_ascii_case("inline") {
            return None;
        }
        let mut parts = info.split('|');
        let secret = STANDARD.decode(parts.next()?).ok()?;
        // A lifetime (`2^31`) is longer than any call; a part with a colon is a key identifier.
        if parts.any(|part| part.contains(':')) {
            return None;
        }
        Self::new(tag, suite, secret)
    }

    pub(super) fn value(&self) -> String {
        let secret = STANDARD.encode(&self.secret);
        format!("{} {} inline:{secret}", self.tag, self.suite.name())
    }
}
