//! What an account may know of itself, and whether the server is well.

use hyper::StatusCode;
use protocol::{
    error::ApiError,
    rest::{Account, One},
};
use serde_json::json;

use super::{
    App,
    answer::{self, Outcome},
    blocking,
};
use crate::supervisor::Caller;

/// `GET /account`
pub(super) async fn get(app: &App, caller: &Caller) -> Outcome {
    let store = app.supervisor.store().clone();
    let id = caller.account.clone();
    let (account, balance) =
        blocking(move || Ok((store.account(&id)?, store.balance(&id)?))).await?;
    let account = account.ok_or_else(ApiError::unauthorized)?;
    let data = Account {
        account_id: account.id,
        name: account.name,
        credits_remaining: u64::try_from(balance).unwrap_or(0),
    };
    answer::json(StatusCode::OK, &One { data })
}

/// `GET /healthz`: the process answers.
pub(super) fn health() -> Outcome {
    answer::json(StatusCode::OK, &json!({ "status": "ok" }))
}

/// `GET /readyz`: new calls would be taken and kept.
pub(super) async fn ready(app: &App) -> Outcome {
    if app.supervisor.is_draining() {
        return Err(ApiError::unavailable("The server is shutting down.", 5));
    }
    let store = app.supervisor.store().clone();
    let readable = blocking(move || store.unfinished_calls().map(|_| ())).await;
    readable.map_err(|_| ApiError::unavailable("The records cannot be read. See the log.", 5))?;
    answer::json(StatusCode::OK, &json!({ "status": "ready" }))
}
