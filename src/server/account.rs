//! What an account may know of itself.

use hyper::StatusCode;
use protocol::{
    error::ApiError,
    rest::{Account, One},
};

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
