//! What the operator allows: how much an account may do, whom the program may call and when, and what it tells them.
//! Decided by configuration, the same for all accounts.

use jiff::Timestamp;
use protocol::{
    error::{ApiError, ErrorCode},
    rest,
};

use super::{Supervisor, blocking};
use crate::{
    agent::disclosure,
    contact::{Hours, Later, NeverCall, Outside},
    driver::clock,
    store::StoredCall,
};

/// The rules for all accounts. The default allows everything.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    /// Calls of one account at the same time; others wait. `None`: as many as there are places.
    pub concurrent_per_account: Option<usize>,
    /// Calls that are dialed on one line in a second; others wait. `None`: as fast as they come.
    pub calls_per_second: Option<f64>,
    /// Credits that calls of one account may take in a day, by UTC; others are refused. `None`: as many as it has.
    pub credits_per_day: Option<u32>,
    /// Numbers that are called for nobody.
    pub never_call: NeverCall,
    /// When calls may be made, and what is done with others. `None`: at any time.
    pub hours: Option<(Hours, Outside)>,
    /// Whether the callee is told that a machine calls.
    pub disclose_ai: bool,
    /// Whether the callee is told that the call is recorded.
    pub disclose_recording: bool,
}

impl Policy {
    /// Returns what the callee of a call in this language is told.
    pub(super) fn disclosure(&self, language: &str) -> Option<rest::Disclosure> {
        let (ai, recording) = (self.disclose_ai, self.disclose_recording);
        let text = disclosure::sentences(language, ai, recording)?;
        Some(rest::Disclosure {
            ai,
            recording,
            text,
            heard: None,
        })
    }

    /// Returns how long a call to this number has to wait for a decent time of day.
    pub(super) fn later(&self, number: &str, at: Timestamp) -> Option<Later> {
        self.hours.and_then(|(hours, _)| hours.wait(number, at))
    }
}

impl Supervisor {
    /// Checks that the number may be called, and when. A call that comes at a bad time gets another, if the operator
    /// wants that; then a sentence says so.
    ///
    /// # Errors
    /// `do_not_call`, `outside_hours`.
    pub(super) async fn admit(
        &self,
        account: &protocol::ids::AccountId,
        request: &mut rest::CreateCall,
    ) -> Result<Option<String>, ApiError> {
        for (field, number) in [
            ("to_phone_number", Some(&request.to_phone_number)),
            ("transfer_to", request.transfer_to.as_ref()),
        ] {
            let Some(number) = number else { continue };
            if self.is_blocked(account, number).await? {
                return Err(do_not_call(&format!("in '{field}'")));
            }
        }
        let equipment = self.equipment();
        let policy = &equipment.settings.policy;
        let at = request.scheduled_at.map_or_else(clock::wall, Into::into);
        let Some(later) = policy.later(&request.to_phone_number, at.max(clock::wall())) else {
            return Ok(None);
        };
        let next = rest::Time::from(later.at);
        let Later { zones, hours, .. } = &later;
        if policy
            .hours
            .is_some_and(|(_, outside)| outside == Outside::Schedule)
        {
            request.scheduled_at = Some(next);
            return Ok(Some(format!(
                "This number is called from {hours} by its own clock ({zones}); the call waits until {next}."
            )));
        }
        Err(ApiError::new(
            ErrorCode::OutsideHours,
            format!(
                "This number is called from {hours} by its own clock ({zones}). Send the request again with \
                 'scheduled_at': \"{next}\", or at that time."
            ),
        ))
    }

    /// Checks that an account may call a number.
    ///
    /// # Errors
    /// `do_not_call`.
    pub async fn may_call(
        &self,
        account: &protocol::ids::AccountId,
        number: &str,
    ) -> Result<(), ApiError> {
        if self.is_blocked(account, number).await? {
            return Err(do_not_call("to transfer to"));
        }
        Ok(())
    }

    /// Returns whether an account must not call a number.
    async fn is_blocked(
        &self,
        account: &protocol::ids::AccountId,
        number: &str,
    ) -> Result<bool, ApiError> {
        if self.equipment().settings.policy.never_call.holds(number) {
            return Ok(true);
        }
        let store = self.store().clone();
        let (account, number) = (account.clone(), number.to_owned());
        blocking(&self.0.disk, move || store.is_blocked(&account, &number)).await
    }

    /// Returns whether the callee of a call that we make is not to be called any more. What cannot be found out is not
    /// held against the call.
    pub(super) async fn was_blocked(&self, stored: &StoredCall) -> bool {
        stored.call.direction == rest::Direction::Outbound
            && self
                .is_blocked(&stored.account, &stored.request.to_phone_number)
                .await
                .unwrap_or(false)
    }
}

fn do_not_call(which: &str) -> ApiError {
    ApiError::new(
        ErrorCode::DoNotCall,
        format!("The number {which} is on the do-not-call list and is not called."),
    )
}
