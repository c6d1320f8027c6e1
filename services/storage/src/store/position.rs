//! Where each stream goes on: a row that moves in the transaction of the records that it stands for.

use crate::error::StoreError;
use crate::stored::signed;
use crate::transaction::{Insert, Met, Transaction};
use crate::value::values;

const POSITION: &str = "SELECT next_offset FROM stream_position WHERE source = ? AND shard = ?";
/// 0 rows: the position is not where this reader found it.
const MOVE: &str = "UPDATE stream_position SET next_offset = ? WHERE source = ? AND shard = ? AND next_offset = ?";
const BEGIN: Insert = Insert {
    table: "stream_position",
    key: &["source", "shard"],
    columns: &["next_offset"],
    met: Met::Keep,
};

/// Where a stream goes on; `None` when nothing was applied yet.
pub(super) fn read(tx: &mut dyn Transaction, source: &str, shard: u32) -> Result<Option<u64>, StoreError> {
    let row = tx.row(POSITION, &values![source, shard])?;
    row.map(|row| row.number(0)).transpose()
}

/// As [`read`]; nobody else moves it before this transaction ends.
pub(super) fn lock(tx: &mut dyn Transaction, source: &str, shard: u32) -> Result<Option<u64>, StoreError> {
    let rows = tx.lock(POSITION, &values![source, shard])?;
    rows.first().map(|row| row.number(0)).transpose()
}

/// Moves the position of a stream that has one, in the direction that was meant; gives where it stood.
pub(super) fn jump(tx: &mut dyn Transaction, source: &str, shard: u32, to: u64, back: bool) -> Result<u64, StoreError> {
    let Some(from) = lock(tx, source, shard)? else {
        return Err(StoreError::NotFound {
            what: "stream",
            id: format!("{source}/{shard}"),
        });
    };
    let (rule, fix) = if back {
        ("lies before where the stream stands", "to skip records use accept-gap")
    } else {
        (
            "lies beyond where the stream stands",
            "to read records again use rewind",
        )
    };
    if (back && to >= from) || (!back && to <= from) {
        return Err(StoreError::invalid("to", format!("{to}, stands at {from}"), rule, fix));
    }
    advance(tx, source, shard, Some(from), to)?;
    Ok(from)
}

/// Moves the position from where this reader found it; anything else is the work of another reader.
pub(super) fn advance(
    tx: &mut dyn Transaction,
    source: &str,
    shard: u32,
    old: Option<u64>,
    new: u64,
) -> Result<(), StoreError> {
    let new = signed("records.offset", new)?;
    let moved = match old {
        Some(old) => tx.execute(MOVE, &values![new, source, shard, signed("records.offset", old)?])?,
        None => tx.insert(&BEGIN, &values![source, shard, new])?,
    };
    if moved == 1 {
        Ok(())
    } else {
        Err(StoreError::Zombie {
            source_name: source.to_owned(),
            partition: shard,
            offset: old.unwrap_or(0),
        })
    }
}
