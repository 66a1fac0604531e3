//! What is read about the callee before a call, for its record and its agent.

use protocol::rest;

use super::{Equipment, Supervisor};
use crate::store::StoredCall;

impl Supervisor {
    /// Reads the callee's website, where the request names one, within a few seconds.
    pub(super) async fn read_site(
        equipment: &Equipment,
        stored: &StoredCall,
    ) -> Option<rest::Context> {
        let reader = equipment.reader.as_ref()?;
        let context = reader.read(stored.request.website.as_deref()?).await;
        let id = &stored.call.call_id;
        match &context.problem {
            Some(problem) => tracing::info!(call = %id, problem, "the callee's website"),
            None => {
                tracing::debug!(call = %id, tokens = context.tokens, "read the callee's website")
            }
        }
        Some(context)
    }
}
