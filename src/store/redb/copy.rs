//! A copy of everything that is kept, as it was at one moment, in a database file of its own. Others write meanwhile.
//!
//! Every table is read through, so damage that redb can find is found here.

use std::{collections::BTreeSet, path::Path};

use ::redb::{
    Builder, Database, Key, ReadTransaction, ReadableDatabase, ReadableTable, TableDefinition,
    TableHandle, Value,
};

use super::{open_error, tables};
use crate::store::StoreError;

/// Copies what the transaction sees into a new file.
pub(super) fn copy(from: &ReadTransaction, to: &Path) -> Result<(), StoreError> {
    let into = Builder::new()
        .create(to)
        .map_err(|error| open_error(to, error))?;
    let mut copy = Copy {
        from,
        into,
        done: BTreeSet::new(),
    };
    for records in tables::RECORDS {
        copy.table(records)?;
    }
    copy.table(tables::META)?;
    copy.table(tables::ACCOUNT_NAMES)?;
    copy.table(tables::KEY_HASHES)?;
    copy.table(tables::LEDGER)?;
    copy.table(tables::LEDGER_ONCE)?;
    copy.table(tables::CALLS_BY_ACCOUNT)?;
    copy.table(tables::CALLS_BY_STATUS)?;
    copy.table(tables::UNFINISHED)?;
    copy.table(tables::ANSWERS)?;
    copy.table(tables::ANSWERS_BY_TIME)?;
    copy.table(tables::WEBHOOKS)?;
    copy.table(tables::WEBHOOKS_WAITING)?;
    copy.table(tables::PURCHASE_REFERENCES)?;
    copy.table(tables::WORDS_BY_END)?;
    copy.table(tables::DO_NOT_CALL)?;
    copy.check()
}

struct Copy<'a> {
    from: &'a ReadTransaction,
    into: Database,
    done: BTreeSet<String>,
}

impl Copy<'_> {
    fn table<K: Key + 'static, V: Value + 'static>(
        &mut self,
        table: TableDefinition<'_, K, V>,
    ) -> Result<(), StoreError> {
        self.done.insert(table.name().to_owned());
        let source = self.from.open_table(table)?;
        let tx = self.into.begin_write()?;
        {
            let mut target = tx.open_table(table)?;
            for entry in source.iter()? {
                let (key, value) = entry?;
                target.insert(key.value(), value.value())?;
            }
        }
        tx.commit()?;
        Ok(())
    }

    /// Makes sure that no table was left out, and none written that cannot be read.
    fn check(&self) -> Result<(), StoreError> {
        let ours: BTreeSet<String> = self.from.list_tables()?.map(name).collect();
        let theirs: BTreeSet<String> = self.into.begin_read()?.list_tables()?.map(name).collect();
        if ours == self.done && theirs == self.done {
            return Ok(());
        }
        Err(StoreError::misuse(format!(
            "The copy of the database would not be whole ({:?}). This is a fault of agentphone.",
            ours.symmetric_difference(&self.done).collect::<Vec<_>>()
        )))
    }
}

fn name(table: impl TableHandle) -> String {
    table.name().to_owned()
}
