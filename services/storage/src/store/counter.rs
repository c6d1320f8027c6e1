//! Numbers of changes. They come from one row that stays locked until the commit: whoever takes a later number commits later, in
//! every database, so a reader that has seen a number has seen all smaller ones.

use crate::error::StoreError;
use crate::stored::signed;
use crate::transaction::{Subject, Transaction};
use crate::value::values;

const TAKE: &str = "UPDATE counter SET last = last + ? WHERE name = ?";
const READ: &str = "SELECT last FROM counter WHERE name = ?";
/// Changes of the ledger.
pub(super) const LEDGER: &str = "ledger";
/// Writes of sets.
pub(super) const SETS: &str = "sets";

/// Takes `count` numbers and gives the first of them.
pub(super) fn take(tx: &mut dyn Transaction, name: &str, count: u64) -> Result<i64, StoreError> {
    let count = signed("count", count)?;
    tx.execute(TAKE, &values![count, name])?;
    tx.touch(if name == LEDGER { Subject::Ledger } else { Subject::Sets });
    Ok(newest(tx, name)? - count + 1)
}

/// The newest number that was taken; 0 at the beginning.
pub(super) fn newest(tx: &mut dyn Transaction, name: &str) -> Result<i64, StoreError> {
    let row = tx.row(READ, &values![name])?.ok_or_else(|| StoreError::Corrupt {
        finding: format!("the counter of {name} is missing"),
    })?;
    row.number(0)
}
