//! What is kept of money that comes from outside: checkouts that were offered to an account, purchases, and money that
//! went back. All of it ends as entries of the ledger; what is here makes each of them happen once.

use jiff::Timestamp;
use protocol::ids::AccountId;
use serde::{Deserialize, Serialize};

use super::StoreError;

/// A page at a payment service where an account can buy credits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkout {
    /// The service's id of it.
    pub session: String,
    /// Who buys.
    pub account: AccountId,
    /// How many credits.
    pub credits: u32,
    /// Where.
    pub url: String,
    /// Until when it can be paid.
    pub expires_at: Timestamp,
    /// What it was made with: another price makes another fingerprint.
    pub fingerprint: String,
}

/// What an account was offered last.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Offered {
    /// How many checkouts came before this one.
    pub generation: u64,
    /// The checkout that may still be open.
    pub checkout: Option<Checkout>,
}

/// A payment that came through.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payment {
    /// The checkout it was for.
    pub session: String,
    /// The service's id of the payment, by which money that goes back is found.
    pub reference: Option<String>,
    /// Who paid, and for how many credits; absent: as the checkout says that is kept here.
    pub bought: Option<(AccountId, u32)>,
}

/// What came of a payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Applied {
    /// The credits are there.
    Granted {
        /// Whose.
        account: AccountId,
        /// How many.
        credits: u32,
    },
    /// It was applied before.
    Before,
    /// Nobody here bought anything with it.
    Unknown,
}

/// Money that went back, or came again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Reversal {
    /// What was paid, in the smallest unit of the currency; 0 as long as nobody said.
    pub amount: u64,
    /// How much of it was given back so far.
    pub refunded: u64,
    /// Whether the payer's bank has taken all of it for now.
    pub withdrawn: bool,
    /// When that was so, in seconds since 1970.
    #[serde(default)]
    pub withdrawn_at: i64,
}

impl Reversal {
    /// Joins what is known with what is told now. Amounts given back only grow, and of two
    /// news of a dispute the later one counts, in whatever order they are told.
    #[must_use]
    pub fn joined(self, told: Told) -> Self {
        match told {
            Told::Refunded { amount, refunded } => Self {
                amount: self.amount.max(amount),
                refunded: self.refunded.max(refunded),
                ..self
            },
            Told::Withdrawn { withdrawn, at } if at >= self.withdrawn_at => Self {
                withdrawn,
                withdrawn_at: at,
                ..self
            },
            Told::Withdrawn { .. } => self,
        }
    }

    /// Returns how many of the `credits` that were bought have to be taken back: the same part of them as of the money,
    /// in whole credits, rounded down.
    #[must_use]
    pub fn taken(self, credits: u32) -> u32 {
        if self.withdrawn || (self.amount > 0 && self.refunded >= self.amount) {
            return credits;
        }
        let part = u128::from(credits) * u128::from(self.refunded) / u128::from(self.amount.max(1));
        u32::try_from(part).unwrap_or(credits).min(credits)
    }
}

/// News of money that went back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// So much of a payment was given back, all in all.
    Refunded {
        /// What was paid.
        amount: u64,
        /// What was given back.
        refunded: u64,
    },
    /// The payer's bank has taken the money, or given it again.
    Withdrawn {
        /// Whether it has it.
        withdrawn: bool,
        /// Since when, in seconds since 1970.
        at: i64,
    },
}

/// A purchase.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Purchase {
    /// The checkout.
    pub session: String,
    /// Who bought.
    pub account: AccountId,
    /// How many credits.
    pub credits: u32,
    /// When.
    pub at: Timestamp,
    /// How many of them were taken back.
    #[serde(default)]
    pub taken: u32,
    /// How often that number has changed.
    #[serde(default)]
    pub changes: u32,
}

/// What a store keeps of money that comes from outside. Every method is one transaction, as those of the store.
pub trait Till {
    /// Returns what the account was offered last.
    ///
    /// # Errors
    /// When the disk fails.
    fn offered_checkout(&self, account: &AccountId) -> Result<Offered, StoreError>;

    /// Keeps what its account is offered now.
    ///
    /// # Errors
    /// When the disk fails.
    fn offer_checkout(&self, checkout: &Checkout) -> Result<(), StoreError>;

    /// Goes on to the next generation of offers, unless that was done.
    ///
    /// # Errors
    /// When the disk fails.
    fn skip_checkout(&self, account: &AccountId, generation: u64) -> Result<(), StoreError>;

    /// Notes that the account's checkout cannot be paid any more; one that is not offered is none of its business.
    ///
    /// # Errors
    /// When the disk fails.
    fn close_checkout(&self, account: &AccountId, session: &str) -> Result<(), StoreError>;

    /// As [`Till::close_checkout`], for whoever it was made for.
    ///
    /// # Errors
    /// When the disk fails.
    fn close_session(&self, session: &str) -> Result<(), StoreError>;

    /// Grants what was paid for, once per checkout.
    ///
    /// # Errors
    /// When the disk fails.
    fn apply_payment(&self, payment: &Payment, at: Timestamp) -> Result<Applied, StoreError>;

    /// Takes credits back (or gives them again) as the money went; repeated news change nothing. News of a payment that
    /// was not told yet are kept for it.
    ///
    /// # Errors
    /// When the disk fails.
    fn reverse_payment(&self, reference: &str, told: Told, at: Timestamp)
    -> Result<(), StoreError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_part_of_the_money_is_the_part_of_the_credits() {
        let refunded = |refunded, amount| Reversal {
            amount,
            refunded,
            ..Reversal::default()
        };
        for (part, amount, taken) in [
            (0, 1000, 0),
            (99, 1000, 0),
            (100, 1000, 1),
            (999, 1000, 9),
            (1000, 1000, 10),
            (5000, 1000, 10),
            (5, 0, 10),
            (u64::MAX, u64::MAX, 10),
        ] {
            assert_eq!(refunded(part, amount).taken(10), taken, "{part}/{amount}");
        }
        let disputed = |withdrawn, at| Told::Withdrawn { withdrawn, at };
        let gone = refunded(0, 0).joined(disputed(true, 5));
        assert_eq!(gone.taken(10), 10);
        let won = gone.joined(disputed(false, 9));
        assert_eq!(won.taken(10), 0);
        // That it was lost at first is told late.
        assert_eq!(won.joined(disputed(true, 5)), won);
        let late = Told::Refunded {
            amount: 1000,
            refunded: 300,
        };
        assert_eq!(refunded(500, 1000).joined(late).refunded, 500);
    }
}
