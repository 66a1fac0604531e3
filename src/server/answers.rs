//! Answers of the requester to questions of the agent: `POST /calls/{id}/answers`, and the command of the live sockets.
//!
//! Decides which question is meant. What the answer does is decided by the call.

use hyper::StatusCode;
use protocol::{
    control::{self, Command, Event, Numbered},
    error::ApiError,
    ids::CallId,
};
use serde_json::json;

use super::{
    App,
    answer::{self, Outcome},
    blocking, live,
};
use crate::supervisor::Caller;

/// `POST /calls/{id}/answers`
pub(super) async fn create(app: &App, caller: &Caller, id: &str, body: &[u8]) -> Outcome {
    let id = CallId::parse(id).ok_or_else(ApiError::call_not_found)?;
    let store = app.supervisor.store().clone();
    let (account, wanted) = (caller.account.clone(), id.clone());
    let found = blocking(move || store.get_call(&account, &wanted)).await?;
    let call = found.ok_or_else(ApiError::call_not_found)?.call;
    if call.status.is_final() {
        return Err(ApiError::call_already_ended());
    }
    let Command::Answer { question, text } = control::parse_answer(body)? else {
        return Err(ApiError::internal());
    };
    let question = which(app, &id, question)?;
    live::send(app, &id, call::Command::Answer { question, text }).await?;
    answer::json(
        StatusCode::ACCEPTED,
        &json!({ "data": { "call_id": id, "question": question } }),
    )
}

/// Returns the open question that is meant.
///
/// # Errors
/// `invalid_field` when no question is open, or another one.
pub(super) fn which(app: &App, id: &CallId, wanted: Option<u32>) -> Result<u32, ApiError> {
    let open = open_question(app, id);
    match (open, wanted) {
        (Some(open), None) => Ok(open),
        (Some(open), Some(wanted)) if wanted == open => Ok(open),
        (Some(open), Some(_)) => Err(ApiError::invalid_field(
            "question",
            &format!("{open}, the question that is open, or no value"),
        )),
        (None, _) => Err(ApiError::invalid_field(
            "question",
            "an open question of the agent; none is open, so there is nothing to answer",
        )),
    }
}

fn open_question(app: &App, id: &CallId) -> Option<u32> {
    let events = app.supervisor.feed(id)?.read(0, usize::MAX).events;
    let last = events
        .iter()
        .rev()
        .find(|text| text.contains(r#""type":"question"#))?;
    match serde_json::from_str::<Numbered>(last).ok()?.event {
        Event::Question { question, .. } => Some(question),
        _ => None,
    }
}
