//! What was kept of a call for replay. Reads it; what it means is in `call::Recording`.

use protocol::ids::CallId;

use super::{Answer, Tools};
use crate::store::{Attachment, StoreError};

impl Tools<'_> {
    /// Returns what was kept of a call for replay.
    pub(super) fn kept_call(&self, id: &CallId) -> Result<Answer, StoreError> {
        let Some(stored) = self.store.call(id)? else {
            return Err(StoreError::not_found(format!(
                "There is no call {id} in this data folder. `agentphone calls` lists those of a key."
            )));
        };
        let kept = self.store.load(id, Attachment::Events)?;
        let text = kept.and_then(|bytes| String::from_utf8(bytes).ok());
        let text = text.filter(|text| !text.is_empty()).ok_or_else(|| {
            let why = if !stored.call.status.is_final() {
                "it has not ended yet"
            } else if stored.call.transcript_deleted_at.is_some() {
                "what was said on it was deleted"
            } else {
                "it ended before it began, was very long, or a restart cut it off"
            };
            StoreError::not_found(format!("Nothing is kept of call {id} for replay: {why}."))
        })?;
        Ok(Answer::Kept { text })
    }
}
