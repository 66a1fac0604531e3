//! What an account decides about those it calls, and about what it has kept: its do-not-call list, and the deletion of
//! what a call has left.

use hyper::StatusCode;
use protocol::{
    error::{ApiError, ErrorCode},
    ids::CallId,
    rest::{BlockNumber, One},
};
use serde_json::{Value, json};

use super::{
    App,
    answer::{self, Outcome},
    blocking, calls, recording,
};
use crate::{
    contact,
    driver::clock,
    retention,
    store::{Blocked, Forget},
    supervisor::Caller,
};

/// `DELETE /calls/{id}/data`: recording, transcript, and what was made of them. Repeating it gives the same answer.
pub(super) async fn delete_data(app: &App, caller: &Caller, id: &str) -> Outcome {
    let stored = calls::find(app, caller, id).await?;
    if !stored.call.status.is_final() {
        return Err(ApiError::new(
            ErrorCode::CallNotEnded,
            "The call has not ended. Cancel it, or wait for its end, and send the request again.",
        ));
    }
    let id: CallId = stored.call.call_id;
    let store = app.supervisor.store().clone();
    let path = app.supervisor.recording_path(&id);
    let call = blocking(move || {
        // The record first: a file that a crash leaves behind is found by it and deleted at the next start.
        let forgotten = store.forget_call(&id, Forget::Everything, clock::wall())?;
        retention::remove(&path);
        Ok(forgotten.call)
    })
    .await?;
    tracing::info!(call = %call.call_id, "what a call left was deleted");
    let data = recording::with_url(app, call).await;
    answer::json(StatusCode::OK, &One { data })
}

/// `GET /do-not-call`
pub(super) async fn list(app: &App, caller: &Caller) -> Outcome {
    let store = app.supervisor.store().clone();
    let account = caller.account.clone();
    let blocked = blocking(move || store.blocked(Some(&account))).await?;
    let data: Vec<_> = blocked.iter().map(shown).collect();
    answer::json(StatusCode::OK, &json!({ "data": data }))
}

/// `POST /do-not-call`
pub(super) async fn block(app: &App, caller: &Caller, body: &[u8]) -> Outcome {
    let wish = BlockNumber::parse(body)?;
    let blocked = Blocked {
        phone_number: wish.phone_number,
        at: clock::wall(),
        note: wish.note,
    };
    let store = app.supervisor.store().clone();
    let account = caller.account.clone();
    let kept = blocking(move || store.block(Some(&account), &blocked)).await?;
    let mut body = json!({ "data": shown(&kept) });
    if !wish.warnings.is_empty() {
        body["warnings"] = wish.warnings.into();
    }
    answer::json(StatusCode::CREATED, &body)
}

/// `DELETE /do-not-call/{number}`
pub(super) async fn unblock(app: &App, caller: &Caller, number: &str) -> Outcome {
    let number = number.replace("%2B", "+").replace("%2b", "+");
    let missing = || {
        ApiError::new(
            ErrorCode::NotFound,
            "This number is not on the account's do-not-call list. Write it like +14155551234.",
        )
    };
    let number = contact::parse(&number).ok_or_else(missing)?;
    let store = app.supervisor.store().clone();
    let (account, wanted) = (caller.account.clone(), number.clone());
    let removed = blocking(move || store.unblock(Some(&account), &wanted)).await?;
    if !removed {
        return Err(missing());
    }
    let data = json!({ "phone_number": number, "removed": true });
    answer::json(StatusCode::OK, &One { data })
}

pub(super) fn shown(blocked: &Blocked) -> Value {
    json!({
        "phone_number": blocked.phone_number,
        "note": blocked.note,
        "created_at": protocol::rest::Time::from(blocked.at),
    })
}
