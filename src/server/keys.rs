//! `/keys`: the keys of an account, for whoever has one with the scope `admin`.
//!
//! A key that is not the account's is not found. A test key manages test keys only, so that it never becomes a way to
//! real calls.

use hyper::{Response, StatusCode};
use protocol::{
    error::{ApiError, ErrorCode},
    ids::KeyMode,
    rest::{CreateKey, Key, One, Time, parse_rename},
};
use serde_json::json;

use super::{
    App,
    answer::{self, Body, Outcome},
    blocking,
};
use crate::{
    admin::{Tools, Wish},
    driver::clock,
    store::{KeyId, KeyRecord},
    supervisor::Caller,
};

/// `GET /keys`: all of them, oldest first, revoked ones too.
pub(super) async fn list(app: &App, caller: &Caller) -> Outcome {
    let store = app.supervisor.store().clone();
    let account = caller.account.clone();
    let keys = blocking(move || store.list_keys()).await?;
    let data: Vec<_> = keys
        .into_iter()
        .filter(|key| key.account == account)
        .map(shown)
        .collect();
    answer::json(StatusCode::OK, &json!({ "data": data }))
}

/// `POST /keys`
pub(super) async fn create(app: &App, caller: &Caller, body: &[u8]) -> Outcome {
    let wish = CreateKey::parse(body)?;
    let at = clock::wall();
    if wish.expires_at.is_some_and(|end| end <= Time::from(at)) {
        let expected = format!("a time ahead: it is {} now", Time::from(at));
        return Err(ApiError::invalid_field("expires_at", &expected));
    }
    let own = if caller.test {
        KeyMode::Test
    } else {
        KeyMode::Live
    };
    let mode = wish.mode.unwrap_or(own);
    if caller.test && mode == KeyMode::Live {
        return Err(ApiError::new(
            ErrorCode::Forbidden,
            "A test key cannot make a live key. Use a live key with the scope 'admin'.",
        ));
    }
    let warnings = wish.warnings;
    let wish = Wish {
        name: wish.name,
        mode,
        scopes: wish.scopes,
        expires_at: wish.expires_at.map(Into::into),
    };
    let store = app.supervisor.store().clone();
    let (account, secret) = (caller.account.clone(), app.secret.clone());
    let (key, record) = blocking(move || {
        let tools = Tools {
            store: &*store,
            secret: &secret,
            free_credits: 0,
        };
        tools.issue(&account, wish, at)
    })
    .await?;
    tracing::info!(key = %record.id, "a key was made over HTTP");
    let data = Key {
        key: Some(key.expose().to_owned()),
        ..shown(record)
    };
    let mut body = json!({ "data": data });
    if !warnings.is_empty() {
        body["warnings"] = warnings.into();
    }
    answer::json(StatusCode::CREATED, &body)
}

/// `GET /keys/{id}`
pub(super) async fn get(app: &App, caller: &Caller, id: &str) -> Outcome {
    one(find(app, caller, id).await?)
}

/// `PATCH /keys/{id}`: another name.
pub(super) async fn rename(app: &App, caller: &Caller, id: &str, body: &[u8]) -> Outcome {
    let key = changeable(app, caller, id).await?;
    let name = parse_rename(body)?;
    let store = app.supervisor.store().clone();
    one(blocking(move || store.rename_key(&key.id, &name)).await?)
}

/// `DELETE /keys/{id}`: revokes it at once. Repeating it gives the same answer.
pub(super) async fn revoke(app: &App, caller: &Caller, id: &str) -> Outcome {
    let key = changeable(app, caller, id).await?;
    let store = app.supervisor.store().clone();
    let revoked = blocking(move || store.revoke_key(&key.id, clock::wall())).await?;
    tracing::info!(key = %revoked.id, "a key was revoked over HTTP");
    one(revoked)
}

async fn find(app: &App, caller: &Caller, id: &str) -> Result<KeyRecord, ApiError> {
    let store = app.supervisor.store().clone();
    let id = KeyId(id.to_owned());
    let found = blocking(move || store.key(&id)).await?;
    found
        .filter(|key| key.account == caller.account)
        .ok_or_else(ApiError::key_not_found)
}

async fn changeable(app: &App, caller: &Caller, id: &str) -> Result<KeyRecord, ApiError> {
    let key = find(app, caller, id).await?;
    if caller.test && key.mode == KeyMode::Live {
        return Err(ApiError::new(
            ErrorCode::Forbidden,
            "A test key cannot change a live key. Use a live key with the scope 'admin'.",
        ));
    }
    Ok(key)
}

fn one(key: KeyRecord) -> Result<Response<Body>, ApiError> {
    answer::json(StatusCode::OK, &One { data: shown(key) })
}

/// Returns what of a key may be shown.
pub(super) fn shown(key: KeyRecord) -> Key {
    Key {
        key_id: key.id.0,
        account_id: key.account,
        name: key.name,
        mode: key.mode,
        starts_with: key.shown,
        scopes: key.scopes,
        created_at: key.created_at.into(),
        expires_at: key.expires_at.map(Into::into),
        last_used_at: key.last_used_at.map(Into::into),
        revoked_at: key.revoked_at.map(Into::into),
        key: None,
    }
}
