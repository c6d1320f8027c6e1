//! Numbers of the changes of the ledger. They come from one row that stays locked until the commit: whoever takes a later
//! number commits later, in every database, so a reader that has seen a number has seen all smaller ones.

use crate::error::StoreError;
use crate::stored::signed;
use crate::transaction::Transaction;
use crate::value::values;

const TAKE: &str = "UPDATE counter SET last = last + ? WHERE name = ?";
const READ: &str = "SELECT last FROM counter WHERE name = ?";
const LEDGER: &str = "ledger";

/// Takes `count` numbers and gives the first of them.
pub(super) fn take(tx: &mut dyn Transaction, count: u64) -> Result<i64, StoreError> {
    let count = signed("count", count)?;
    tx.execute(TAKE, &values![count, LEDGER])?;
    Ok(newest(tx)? - count + 1)
}

/// The newest number that was taken; 0 at the beginning.
pub(super) fn newest(tx: &mut dyn Transaction) -> Result<i64, StoreError> {
    let row = tx.row(READ, &values![LEDGER])?.ok_or_else(|| StoreError::Corrupt {
        finding: "the counter of the ledger is missing".to_owned(),
    })?;
    row.number(0)
}
