//! The installation's secret and what is derived from it: keyed hashes of API keys and signatures of links.
//!
//! A stolen database alone then does not allow even guessing at keys. It decides no lifetimes and no formats of
//! links; whoever signs something names a purpose, and signatures of one purpose are worthless for another.

use std::{
    fmt,
    fs::{File, OpenOptions},
    io::{Read, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use super::StoreError;

/// 256 random bits that belong to one data folder.
#[derive(Clone)]
pub struct Secret([u8; 32]);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// The keyed hash of an API key (HMAC-SHA256, RFC 2104).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyHash(pub [u8; 32]);

impl fmt::Debug for KeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyHash(…)")
    }
}

impl KeyHash {
    /// Compares in a time that does not depend on where two hashes differ.
    #[must_use]
    pub fn matches(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Serialize for KeyHash {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&URL_SAFE_NO_PAD.encode(self.0))
    }
}

impl<'de> Deserialize<'de> for KeyHash {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        URL_SAFE_NO_PAD
            .decode(text)
            .ok()
            .and_then(|bytes| bytes.try_into().ok())
            .map(Self)
            .ok_or_else(|| serde::de::Error::custom("a key hash is 32 bytes in base64url"))
    }
}

impl Secret {
    /// Reads the secret at `path`, or makes it, readable by its owner only.
    ///
    /// # Errors
    /// When the file cannot be read or made, or is not 32 bytes long.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        if let Some(secret) = Self::read(path)? {
            return Ok(secret);
        }
        // Made under another name and linked into place: nobody ever reads half a secret, and of two
        // processes that start together one wins and both use its secret.
        let mut bytes = [0; 32];
        fill_random(&mut bytes);
        let fresh = path.with_extension(format!("new.{}", std::process::id()));
        let made =
            write_private(&fresh, &bytes).and_then(|()| match std::fs::hard_link(&fresh, path) {
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
                other => other,
            });
        let _ = std::fs::remove_file(&fresh);
        made.map_err(|error| StoreError::io(&format!("write {}", path.display()), error))?;
        Self::read(path)?.ok_or_else(|| {
            StoreError::damaged(format!(
                "{} vanished while it was made. Is another program cleaning the data folder?",
                path.display()
            ))
        })
    }

    /// Returns the keyed hash under which a key is stored.
    #[must_use]
    pub fn hash_key(&self, key: &str) -> KeyHash {
        KeyHash(self.sign("api-key", key.as_bytes()))
    }

    /// Signs `data` for one `purpose` (a fixed word of the caller, without a zero byte).
    #[must_use]
    pub fn sign(&self, purpose: &str, data: &[u8]) -> [u8; 32] {
        self.mac(purpose, data).finalize().into_bytes().into()
    }

    /// Checks a signature made by [`Secret::sign`], in constant time.
    #[must_use]
    pub fn verify(&self, purpose: &str, data: &[u8], signature: &[u8]) -> bool {
        self.mac(purpose, data).verify_slice(signature).is_ok()
    }

    fn mac(&self, purpose: &str, data: &[u8]) -> Hmac<Sha256> {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes a key of any length");
        mac.update(purpose.as_bytes());
        mac.update(&[0]);
        mac.update(data);
        mac
    }

    fn read(path: &Path) -> Result<Option<Self>, StoreError> {
        let mut file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(StoreError::io(&format!("read {}", path.display()), error)),
        };
        let mut bytes = Vec::with_capacity(32);
        file.read_to_end(&mut bytes)
            .map_err(|error| StoreError::io(&format!("read {}", path.display()), error))?;
        match bytes.try_into() {
            Ok(bytes) => Ok(Some(Self(bytes))),
            Err(_) => Err(StoreError::damaged(format!(
                "{} is not a secret of 32 bytes. Restore it from a backup; if there is none, delete it, and every \
                 API key has to be made anew.",
                path.display()
            ))),
        }
    }
}

fn write_private(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Fills `bytes` from the system's source of randomness.
pub(super) fn fill_random(bytes: &mut [u8]) {
    getrandom::fill(bytes).expect("the system always has random bytes once it has started");
}
