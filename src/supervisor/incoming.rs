//! Calls that come in on a line: whether one is taken, and its record. From there on it is a call like any other.

use std::sync::Arc;

use protocol::{
    ids::AccountId,
    rest::{self, Direction},
};
use tokio::sync::{mpsc, watch};

use super::{Supervisor, blocking, new_call_id};
use crate::{
    driver::clock,
    line::{Incoming, Line},
    private::Private,
    store::{Creation, KeyId, StoredCall},
};

/// What the agent does for those who call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reception {
    /// Whose calls they are.
    pub account: AccountId,
    /// What the agent shall accomplish.
    pub objective: String,
    /// More context for the agent.
    pub instructions: Option<String>,
    /// What it says first, word for word.
    pub first_message: Option<String>,
    /// BCP 47 tag of the language.
    pub language: String,
    /// How long a call may last, in seconds.
    pub max_duration_seconds: u32,
}

impl Supervisor {
    /// Takes the calls that come in on `line`, as long as there are any. `desk` says what is done for them; while it holds
    /// nothing, none is taken.
    pub async fn receive(
        &self,
        line: Arc<dyn Line>,
        mut calls: mpsc::Receiver<Incoming>,
        desk: watch::Receiver<Option<Reception>>,
    ) {
        while let Some(incoming) = calls.recv().await {
            let Incoming { id, to, from, take } = incoming;
            let Some(reception) = desk.borrow().clone() else {
                let _: Result<_, _> = take.send(false);
                continue;
            };
            // Who calls cannot wait in a queue: when all places are taken, the line is engaged.
            let place = self.0.queue.take(&reception.account);
            let Some(place) = place.filter(|_| !self.is_ending()) else {
                tracing::info!("an incoming call was not taken: no place is free");
                let _: Result<_, _> = take.send(false);
                continue;
            };
            // Each is recorded on its own: many may come in at once, and a disk takes its time with every one.
            let (supervisor, line) = (self.clone(), line.clone());
            tokio::spawn(async move {
                let kept = supervisor.keep_incoming(&line, &reception, &to, &from);
                match kept.await {
                    Ok(stored) => {
                        tracing::info!(call = %stored.call.call_id, from = %Private(&from), "a call comes in");
                        supervisor.launch(stored, line, Some((id, place)));
                        // A carrier that does not wait for it any more ends the call, and so does its line.
                        let _: Result<_, _> = take.send(true);
                    }
                    Err(error) => {
                        tracing::error!(%error, "an incoming call could not be recorded and was not taken");
                        let _: Result<_, _> = take.send(false);
                    }
                }
            });
        }
    }

    async fn keep_incoming(
        &self,
        line: &Arc<dyn Line>,
        reception: &Reception,
        to: &str,
        from: &str,
    ) -> Result<StoredCall, protocol::error::ApiError> {
        let at = clock::wall();
        let request = rest::CreateCall {
            to_phone_number: from.to_owned(),
            objective: reception.objective.clone(),
            business_name: None,
            website: None,
            language: reception.language.clone(),
            first_message: reception.first_message.clone(),
            max_duration_seconds: reception.max_duration_seconds,
            voicemail: rest::Voicemail::default(),
            webhook_url: None,
            metadata: None,
            result_schema: None,
            transfer_to: None,
            instructions: reception.instructions.clone(),
            scheduled_at: None,
            line: line.name().to_owned(),
            from_phone_number: Some(to.to_owned()),
            scenario: None,
            callee_audio: None,
        };
        let id = new_call_id(at)?;
        let call = rest::Call {
            direction: Direction::Inbound,
            disclosure: self
                .equipment()
                .settings
                .policy
                .disclosure(&request.language),
            ..rest::Call::queued(id, &request, line.name(), rest::Time::from(at))
        };
        let stored = StoredCall {
            account: reception.account.clone(),
            // No key asked for it.
            key: KeyId("ky_incoming".to_owned()),
            call,
            request,
            seed: getrandom::u64().map_err(|_| protocol::error::ApiError::internal())?,
            cost: 0,
        };
        let store = self.store().clone();
        blocking(&self.0.disk, move || {
            let creation = store.create_call(&stored, None, at)?;
            Ok((stored, creation))
        })
        .await
        .and_then(|(stored, creation)| match creation {
            Creation::Created { .. } => Ok(stored),
            _ => Err(protocol::error::ApiError::internal()),
        })
    }
}
