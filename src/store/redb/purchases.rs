//! Checkouts, purchases and what was taken back, inside a transaction. Each purchase is kept under the id of its
//! checkout, which is what makes it happen once.

use ::redb::{ReadTransaction, ReadableTable, WriteTransaction};
use jiff::Timestamp;

use super::{
    accounts,
    tables::{
        ACCOUNTS, CHECKOUTS, OFFERED, PURCHASE_REFERENCES, PURCHASES, REVERSALS, get, put, read,
    },
};
use crate::store::{
    AccountId, Applied, Checkout, Entry, Offered, Payment, Purchase, Reversal, StoreError, Told,
};

pub(super) fn offered(tx: &ReadTransaction, account: &AccountId) -> Result<Offered, StoreError> {
    Ok(read(tx, OFFERED, account.as_str())?.unwrap_or_default())
}

pub(super) fn offer(tx: &WriteTransaction, checkout: &Checkout) -> Result<(), StoreError> {
    let known = get::<Offered>(&tx.open_table(OFFERED)?, checkout.account.as_str())?;
    let offered = Offered {
        checkout: Some(checkout.clone()),
        ..known.unwrap_or_default()
    };
    put(tx, OFFERED, checkout.account.as_str(), &offered)?;
    put(tx, CHECKOUTS, &checkout.session, checkout)
}

/// Notes that a checkout cannot be paid any more, so that the account gets another.
pub(super) fn close(
    tx: &WriteTransaction,
    account: &AccountId,
    session: &str,
) -> Result<(), StoreError> {
    let known = get::<Offered>(&tx.open_table(OFFERED)?, account.as_str())?.unwrap_or_default();
    let is_it = |checkout: &Checkout| checkout.session == session;
    if known.checkout.as_ref().is_some_and(is_it) {
        let next = Offered {
            generation: known.generation + 1,
            checkout: None,
        };
        put(tx, OFFERED, account.as_str(), &next)?;
    }
    Ok(())
}

pub(super) fn close_session(tx: &WriteTransaction, session: &str) -> Result<(), StoreError> {
    let checkout = get::<Checkout>(&tx.open_table(CHECKOUTS)?, session)?;
    match checkout {
        Some(checkout) => close(tx, &checkout.account, session),
        None => Ok(()),
    }
}

/// Skips a generation: what the service gave for it is no use any more.
pub(super) fn skip(
    tx: &WriteTransaction,
    account: &AccountId,
    generation: u64,
) -> Result<(), StoreError> {
    let known = get::<Offered>(&tx.open_table(OFFERED)?, account.as_str())?.unwrap_or_default();
    if known.generation == generation {
        let next = Offered {
            generation: generation + 1,
            checkout: None,
        };
        put(tx, OFFERED, account.as_str(), &next)?;
    }
    Ok(())
}

pub(super) fn apply(
    tx: &WriteTransaction,
    payment: &Payment,
    at: Timestamp,
) -> Result<Applied, StoreError> {
    close_session(tx, &payment.session)?;
    if get::<Purchase>(&tx.open_table(PURCHASES)?, &payment.session)?.is_some() {
        return Ok(Applied::Before);
    }
    let checkout = get::<Checkout>(&tx.open_table(CHECKOUTS)?, &payment.session)?;
    let bought = checkout
        .map(|checkout| (checkout.account, checkout.credits))
        .or_else(|| payment.bought.clone());
    let Some((account, credits)) = bought else {
        return Ok(Applied::Unknown);
    };
    if tx.open_table(ACCOUNTS)?.get(account.as_str())?.is_none() {
        return Ok(Applied::Unknown);
    }
    let entry = Entry::Purchase {
        session: payment.session.clone(),
    };
    accounts::append(tx, &account, entry, i64::from(credits), at)?;
    let purchase = Purchase {
        session: payment.session.clone(),
        account: account.clone(),
        credits,
        paid: payment.paid,
        at,
        taken: 0,
        changes: 0,
    };
    put(tx, PURCHASES, &purchase.session, &purchase)?;
    if let Some(reference) = &payment.reference {
        tx.open_table(PURCHASE_REFERENCES)?
            .insert(reference.as_str(), purchase.session.as_str())?;
        // News of the money's way back may have come first.
        let reversal = get::<Reversal>(&tx.open_table(REVERSALS)?, reference)?;
        if let Some(reversal) = reversal {
            settle(tx, purchase, reversal, at)?;
        }
    }
    Ok(Applied::Granted { account, credits })
}

pub(super) fn reverse(
    tx: &WriteTransaction,
    reference: &str,
    told: Told,
    at: Timestamp,
) -> Result<(), StoreError> {
    let known = get::<Reversal>(&tx.open_table(REVERSALS)?, reference)?.unwrap_or_default();
    let reversal = known.joined(told);
    put(tx, REVERSALS, reference, &reversal)?;
    let session = {
        let references = tx.open_table(PURCHASE_REFERENCES)?;
        let session = references.get(reference)?;
        session.map(|session| session.value().to_owned())
    };
    let Some(session) = session else {
        return Ok(());
    };
    let purchase = get::<Purchase>(&tx.open_table(PURCHASES)?, &session)?;
    match purchase {
        Some(purchase) => settle(tx, purchase, reversal, at),
        None => Ok(()),
    }
}

/// Moves credits so that as many are taken back as the reversal says.
fn settle(
    tx: &WriteTransaction,
    mut purchase: Purchase,
    reversal: Reversal,
    at: Timestamp,
) -> Result<(), StoreError> {
    let taken = reversal.taken(purchase.credits, purchase.paid);
    if taken == purchase.taken {
        return Ok(());
    }
    let change = i64::from(purchase.taken) - i64::from(taken);
    purchase.taken = taken;
    purchase.changes += 1;
    let entry = Entry::Refund {
        session: purchase.session.clone(),
        change: purchase.changes,
    };
    accounts::append(tx, &purchase.account, entry, change, at)?;
    put(tx, PURCHASES, &purchase.session, &purchase)
}
