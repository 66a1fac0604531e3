//! The one-time link by which the person who started the program signs in with a browser, without any key.
//!
//! Its secret is made at the start, is good once and for a quarter of an hour, and travels behind the `#`, which
//! browsers do not send. What it gives is a key of its own that nobody knows and that ends with the session, so that
//! the session shows in the list of keys and can be revoked there.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use protocol::{
    error::ApiError,
    ids::KeyMode,
    rest::{Scope, Scopes},
};
use subtle::ConstantTimeEq;

use super::{App, blocking};
use crate::{
    admin::{Tools, Wish},
    driver::clock,
    store::{Account, KeyHash, Secret, Store, StoreError, random_bytes},
};

/// How long a link is good.
const LIFETIME: Duration = Duration::from_secs(15 * 60);
/// How long the key behind it is, in seconds; a little longer than a session.
const KEY_LIFETIME: i64 = 13 * 60 * 60;
/// What links are hashed for.
const PURPOSE: &str = "sign-in-link";
/// The account that is made when there is none yet.
const ACCOUNT: &str = "operator";
/// The name of the keys.
const KEY_NAME: &str = "browser (one-time link)";

/// The link that was made last, until it is used.
#[derive(Debug, Clone, Default)]
pub(super) struct OneTime(Arc<Mutex<Option<Open>>>);

#[derive(Debug)]
struct Open {
    hash: [u8; 32],
    until: Instant,
    free_credits: u32,
}

impl OneTime {
    /// Makes a link's secret. The one before is good no more.
    pub(super) fn make(&self, secret: &Secret, free_credits: u32) -> String {
        let text = BASE64.encode(random_bytes::<24>());
        let open = Open {
            hash: secret.sign(PURPOSE, text.as_bytes()),
            until: clock::now() + LIFETIME,
            free_credits,
        };
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(open);
        text
    }

    /// Returns whether a link is the one, which is used up then, and the credits of a new account.
    fn use_up(&self, secret: &Secret, text: &str) -> Option<u32> {
        let mut place = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let hash = secret.sign(PURPOSE, text.as_bytes());
        let open = place.as_ref()?;
        if !bool::from(open.hash.ct_eq(&hash)) {
            return None;
        }
        let open = place.take()?;
        (clock::now() < open.until).then_some(open.free_credits)
    }

    /// Returns the key that a link gives, by its hash; nothing for a link that is not good.
    pub(super) async fn redeem(&self, app: &App, text: &str) -> Result<Option<KeyHash>, ApiError> {
        let Some(free_credits) = self.use_up(&app.secret, text) else {
            return Ok(None);
        };
        let (store, secret) = (app.supervisor.store().clone(), app.secret.clone());
        let record = blocking(move || {
            let at = clock::wall();
            let account = operator(&*store, free_credits, at)?;
            let tools = Tools {
                store: &*store,
                secret: &secret,
                free_credits,
            };
            let wish = Wish {
                name: KEY_NAME.into(),
                scopes: Scopes::all(),
                expires_at: at
                    .checked_add(jiff::SignedDuration::from_secs(KEY_LIFETIME))
                    .ok(),
                ..Wish::plain(KeyMode::Live)
            };
            tools.issue(&account.id, wish, at).map(|(_, record)| record)
        })
        .await?;
        tracing::info!(key = %record.id, "somebody signed in with the one-time link");
        Ok(Some(record.hash))
    }
}

/// Returns the account of the person who runs this: that of the oldest key that may administer, or else of the oldest
/// key, or else a new one.
fn operator(
    store: &dyn Store,
    free_credits: u32,
    at: jiff::Timestamp,
) -> Result<Account, StoreError> {
    let mut keys = store.list_keys()?;
    keys.retain(|key| key.holds(at) && key.mode == KeyMode::Live);
    let admin = keys.iter().find(|key| key.scopes.allow(Scope::Admin));
    let account = match admin.or(keys.first()) {
        Some(key) => store.account(&key.account)?,
        None => store.account_named(ACCOUNT)?,
    };
    match account {
        Some(account) => Ok(account),
        None => store.create_account(ACCOUNT, free_credits, at),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret() -> (tempfile::TempDir, Secret) {
        let folder = tempfile::tempdir().unwrap();
        let secret = Secret::open(&folder.path().join("secret")).unwrap();
        (folder, secret)
    }

    #[tokio::test(start_paused = true)]
    async fn a_link_is_good_once_and_for_a_while() {
        let (_folder, secret) = secret();
        let links = OneTime::default();
        let text = links.make(&secret, 5);
        assert_eq!(links.use_up(&secret, ""), None);
        assert_eq!(links.use_up(&secret, &text[1..]), None);
        assert_eq!(links.use_up(&secret, &text), Some(5));
        assert_eq!(links.use_up(&secret, &text), None);
        let late = links.make(&secret, 5);
        clock::sleep(LIFETIME).await;
        assert_eq!(links.use_up(&secret, &late), None);
        let (first, second) = (links.make(&secret, 5), links.make(&secret, 5));
        assert_eq!(links.use_up(&secret, &first), None);
        assert_eq!(links.use_up(&secret, &second), Some(5));
    }
}
