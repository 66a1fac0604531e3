//! What is kept of money that comes from outside: checkouts that were offered to an account, purchases, and money that
//! went back. All of it ends as entries of the ledger; what is here makes each of them happen once.

use std::collections::BTreeMap;

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
    /// How much was paid, in the smallest unit of the currency; 0 when it was not said.
    pub paid: u64,
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
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Reversal {
    /// What was paid, in the smallest unit of the currency; 0 as long as nobody said.
    pub amount: u64,
    /// The most of it that was ever said to have gone back, all in all.
    pub refunded: u64,
    /// When that was said last, in seconds since 1970.
    #[serde(default)]
    pub refunded_at: i64,
    /// Whether the payer's bank has taken all of it for now.
    pub withdrawn: bool,
    /// When that was so, in seconds since 1970.
    #[serde(default)]
    pub withdrawn_at: i64,
    /// The refunds that were told one by one, by their ids.
    #[serde(default)]
    pub refunds: BTreeMap<String, Refund>,
}

/// One refund.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refund {
    /// How much goes back.
    pub amount: u64,
    /// When it came to nothing, in seconds since 1970; it never comes to anything after that.
    pub failed_at: Option<i64>,
}

impl Reversal {
    /// Joins what is known with what is told now, in whatever order it is told. The sum that went back only grows, a refund
    /// that failed stays failed, and of two news of a dispute the later one counts.
    #[must_use]
    pub fn joined(mut self, told: Told) -> Self {
        match told {
            Told::Refunded {
                amount,
                refunded,
                at,
            } => {
                self.amount = self.amount.max(amount);
                if refunded > self.refunded {
                    (self.refunded, self.refunded_at) = (refunded, at);
                } else if refunded == self.refunded {
                    self.refunded_at = self.refunded_at.max(at);
                }
            }
            Told::Refund {
                id,
                amount,
                failed,
                at,
            } => {
                let known = self.refunds.get(&id).and_then(|refund| refund.failed_at);
                let failed_at = known.or(failed.then_some(at));
                self.refunds.insert(id, Refund { amount, failed_at });
            }
            Told::Withdrawn { withdrawn, at } if at >= self.withdrawn_at => {
                (self.withdrawn, self.withdrawn_at) = (withdrawn, at);
            }
            Told::Withdrawn { .. } => {}
        }
        self
    }

    /// Returns how much has gone back for good, as far as is known: what the refunds that did not fail come to, or the sum
    /// that was told, without those that failed since.
    fn gone(&self) -> u64 {
        let (mut good, mut undone) = (0_u64, 0_u64);
        for refund in self.refunds.values() {
            match refund.failed_at {
                None => good = good.saturating_add(refund.amount),
                Some(at) if at >= self.refunded_at => {
                    undone = undone.saturating_add(refund.amount);
                }
                // The sum was told after that, without it.
                Some(_) => {}
            }
        }
        good.max(self.refunded.saturating_sub(undone))
    }

    /// Returns how many of the `credits` that were bought for `paid` have to be taken back: the same part of them as of the
    /// money, in whole credits, rounded down. 0 for `paid` is a sum that nobody knows.
    #[must_use]
    pub fn taken(&self, credits: u32, paid: u64) -> u32 {
        let amount = if self.amount > 0 { self.amount } else { paid };
        let gone = self.gone();
        if self.withdrawn || (gone > 0 && gone >= amount) {
            return credits;
        }
        let part = u128::from(credits) * u128::from(gone) / u128::from(amount.max(1));
        u32::try_from(part).unwrap_or(credits).min(credits)
    }
}

/// News of money that went back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// So much of a payment was given back, all in all.
    Refunded {
        /// What was paid.
        amount: u64,
        /// What was given back.
        refunded: u64,
        /// When it was so, in seconds since 1970.
        at: i64,
    },
    /// One refund is on its way, or came to nothing.
    Refund {
        /// Which one.
        id: String,
        /// How much of the payment it gives back.
        amount: u64,
        /// Whether it came to nothing.
        failed: bool,
        /// When it was so, in seconds since 1970.
        at: i64,
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
    /// For how much, in the smallest unit of the currency; 0 when it was not said.
    #[serde(default)]
    pub paid: u64,
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
            (0, 0, 0),
            (u64::MAX, u64::MAX, 10),
        ] {
            assert_eq!(
                refunded(part, amount).taken(10, 0),
                taken,
                "{part}/{amount}"
            );
        }
        assert_eq!(refunded(500, 0).taken(10, 1000), 5);
        let disputed = |withdrawn, at| Told::Withdrawn { withdrawn, at };
        let gone = refunded(0, 0).joined(disputed(true, 5));
        assert_eq!(gone.taken(10, 1000), 10);
        let won = gone.joined(disputed(false, 9));
        assert_eq!(won.taken(10, 1000), 0);
        // That it was lost at first is told late.
        assert_eq!(won.clone().joined(disputed(true, 5)), won);
        let late = total(300, 0);
        assert_eq!(refunded(500, 1000).joined(late).refunded, 500);
    }

    fn total(refunded: u64, at: i64) -> Told {
        Told::Refunded {
            amount: 1000,
            refunded,
            at,
        }
    }

    fn one(id: &str, amount: u64, failed: bool, at: i64) -> Told {
        Told::Refund {
            id: id.into(),
            amount,
            failed,
            at,
        }
    }

    #[test]
    fn a_refund_that_fails_gives_its_credits_again_in_whatever_order_it_is_told() {
        let first = [
            one("re_1", 300, false, 1),
            total(300, 1),
            one("re_1", 300, true, 5),
        ];
        for order in [
            [0, 1, 2],
            [0, 2, 1],
            [1, 0, 2],
            [1, 2, 0],
            [2, 0, 1],
            [2, 1, 0],
        ] {
            let told = order.map(|n| first[n].clone());
            let joined = told
                .iter()
                .cloned()
                .fold(Reversal::default(), Reversal::joined);
            assert_eq!(joined.taken(10, 1000), 0, "{told:?}");
            // Whatever is told twice changes nothing.
            let twice = told.into_iter().fold(joined.clone(), Reversal::joined);
            assert_eq!(twice, joined);
        }
        let failed = first
            .into_iter()
            .fold(Reversal::default(), Reversal::joined);
        // Another one, told by the sum, by itself, or by both.
        for told in [
            vec![total(500, 8)],
            vec![one("re_2", 500, false, 8)],
            vec![one("re_2", 500, false, 8), total(500, 8)],
            vec![total(800, 4), one("re_2", 500, false, 4)],
        ] {
            let joined = told.iter().cloned().fold(failed.clone(), Reversal::joined);
            assert_eq!(joined.taken(10, 1000), 5, "{told:?}");
        }
        // Only one of two fails.
        let two = [
            one("re_1", 300, false, 1),
            one("re_2", 700, false, 2),
            total(1000, 2),
            one("re_1", 300, true, 9),
        ];
        let two = two.into_iter().fold(Reversal::default(), Reversal::joined);
        assert_eq!(two.taken(10, 1000), 7);
    }
}
