//! Applying a batch: exactly-once effects by natural keys and by a position that moves with the rows.

use xxhash_rust::xxh3::xxh3_128;

use super::{facts, position};
use crate::error::StoreError;
use crate::failpoint;
use crate::port::{Applied, Batch, LOCAL_SOURCE, MAX_BATCH_BYTES, MAX_BATCH_RECORDS, RawRecord};
use crate::record::{self, Rejection};
use crate::stored::signed;
use crate::transaction::{Insert, Met, Transaction};
use crate::value::values;

/// The longest name of a stream, as Kafka limits topics.
const MAX_SOURCE_BYTES: usize = 249;

const COUNT_LETTER: &str = "UPDATE dead_letter SET count = count + 1 WHERE body_hash = ?";
const PUT_LETTER: Insert = Insert {
    table: "dead_letter",
    key: &["body_hash"],
    columns: &[
        "source",
        "shard",
        "stream_offset",
        "reason",
        "body",
        "count",
        "first_seen_ms",
    ],
    met: Met::Keep,
};

/// Refuses a batch whose form is wrong, before the database is touched.
pub(super) fn check(batch: &Batch) -> Result<(), StoreError> {
    if batch.source.is_empty() || batch.source.len() > MAX_SOURCE_BYTES {
        return Err(StoreError::invalid(
            "source",
            &batch.source,
            "must have 1 to 249 bytes",
            "name the topic, or `local`",
        ));
    }
    let records = &batch.records;
    if records.len() > MAX_BATCH_RECORDS {
        return Err(StoreError::invalid(
            "records",
            records.len(),
            "at most 500 records",
            "send smaller batches",
        ));
    }
    let bytes: usize = records.iter().map(|record| record.body.len()).sum();
    // A record above the limit must still be able to become a dead letter: it comes alone.
    if bytes > MAX_BATCH_BYTES && records.len() > 1 {
        return Err(StoreError::invalid(
            "records",
            bytes,
            "at most 512 KiB",
            "send smaller batches",
        ));
    }
    if records.first().is_some_and(|first| first.offset < batch.after) {
        return Err(StoreError::invalid(
            "after",
            batch.after,
            "not beyond the first record",
            "give the position at which the batch was read",
        ));
    }
    for pair in records.windows(2) {
        if pair[1].offset <= pair[0].offset {
            return Err(StoreError::invalid(
                "records.offset",
                pair[1].offset,
                "offsets rise",
                "send the records in the order of the stream",
            ));
        }
    }
    if let Some(last) = records.last() {
        signed("records.offset", last.offset.saturating_add(1))?;
    }
    Ok(())
}

/// The whole rule, inside the caller's transaction.
pub(super) fn apply(tx: &mut dyn Transaction, batch: &Batch, now_ms: i64) -> Result<Applied, StoreError> {
    let stored = position::lock(tx, &batch.source, batch.partition)?;
    let below = stored.unwrap_or(0);
    let first_new = batch.records.partition_point(|record| record.offset < below);
    let fresh = &batch.records[first_new..];
    let mut applied = Applied {
        duplicates: first_new as u32,
        next_offset: below,
        ..Applied::default()
    };
    let Some(last) = fresh.last() else { return Ok(applied) };
    refuse_missing(batch, stored)?;
    let mut read = Vec::with_capacity(fresh.len());
    for record in fresh {
        match record::read(&record.body) {
            Ok(fact) => read.push(fact),
            Err(rejection) => {
                bury(tx, batch, record, rejection, now_ms)?;
                applied.dead_letters += 1;
            }
        }
    }
    applied.inserted = facts::store(tx, &read)?;
    applied.duplicates += read.len() as u32 - applied.inserted;
    failpoint::pass(failpoint::ROWS);
    applied.next_offset = last.offset + 1;
    position::advance(tx, &batch.source, batch.partition, stored, applied.next_offset)?;
    Ok(applied)
}

/// Between the position and the place at which the batch was read nothing may be missing. Holes inside a batch are none:
/// the offsets of a topic have them. The first batch of a topic may begin anywhere: old records may have expired before
/// this database was made.
fn refuse_missing(batch: &Batch, stored: Option<u64>) -> Result<(), StoreError> {
    let expected = stored.or((batch.source == LOCAL_SOURCE).then_some(0));
    match expected {
        Some(expected) if expected < batch.after => Err(StoreError::Gap {
            source_name: batch.source.clone(),
            partition: batch.partition,
            expected,
            found: batch.after,
        }),
        _ => Ok(()),
    }
}

fn bury(
    tx: &mut dyn Transaction,
    batch: &Batch,
    record: &RawRecord,
    rejection: Rejection,
    now_ms: i64,
) -> Result<(), StoreError> {
    let hash = xxh3_128(&record.body).to_be_bytes();
    if tx.execute(COUNT_LETTER, &values![&hash[..]])? > 0 {
        return Ok(());
    }
    let offset = signed("records.offset", record.offset)?;
    let letter = values![
        &hash[..],
        &batch.source,
        batch.partition,
        offset,
        rejection.word(),
        &record.body,
        1_u32,
        now_ms
    ];
    tx.insert(&PUT_LETTER, &letter)?;
    Ok(())
}
