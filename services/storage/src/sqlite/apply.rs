//! Applying a batch: exactly-once effects by natural keys and by a position that moves with the rows.

use std::collections::HashMap;

use prost::Message as _;
use rusqlite::{OptionalExtension as _, Transaction, params};
use xxhash_rust::xxh3::xxh3_128;

use super::{DIALECT, failpoint, signed};
use crate::error::StoreError;
use crate::payload;
use crate::port::{Applied, Batch, LOCAL_SOURCE, MAX_BATCH_BYTES, MAX_BATCH_RECORDS};
use crate::record::{self, Fact, FinishedFact, Kind, Rejection, SeriesFact};
use crate::statement::results as sql;

/// The longest name of a stream, as Kafka limits topics.
const MAX_SOURCE_BYTES: usize = 249;

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

/// The whole rule, inside the caller's IMMEDIATE transaction.
pub(super) fn apply(tx: &Transaction<'_>, batch: &Batch, now_ms: i64) -> Result<Applied, StoreError> {
    let stored = position(tx, &batch.source, batch.partition)?;
    let mut applied = Applied {
        next_offset: stored.unwrap_or(0),
        ..Applied::default()
    };
    let below = stored.unwrap_or(0);
    let first_new = batch.records.partition_point(|record| record.offset < below);
    applied.duplicates = first_new as u32;
    let fresh = &batch.records[first_new..];
    let Some(last) = fresh.last() else { return Ok(applied) };
    refuse_holes(batch, stored, fresh.iter().map(|record| record.offset))?;
    let mut keys = Keys::default();
    for record in fresh {
        match record::read(&record.body) {
            Ok(fact) => {
                if store(tx, &mut keys, &fact)? {
                    applied.inserted += 1;
                } else {
                    applied.duplicates += 1;
                }
            }
            Err(rejection) => {
                bury(tx, batch, record.offset, &record.body, rejection, now_ms)?;
                applied.dead_letters += 1;
            }
        }
    }
    failpoint::pass(failpoint::ROWS);
    applied.next_offset = last.offset + 1;
    move_position(tx, &batch.source, batch.partition, stored, applied.next_offset)?;
    Ok(applied)
}

/// A hole means that records are missing. Only the very first record of a topic may lie anywhere: old ones may have
/// expired before this database was made.
fn refuse_holes(batch: &Batch, stored: Option<u64>, offsets: impl Iterator<Item = u64>) -> Result<(), StoreError> {
    let mut expected = stored.or((batch.source == LOCAL_SOURCE).then_some(0));
    for offset in offsets {
        if let Some(expected) = expected.filter(|&expected| expected != offset) {
            return Err(StoreError::Gap {
                source_name: batch.source.clone(),
                partition: batch.partition,
                expected,
                found: offset,
            });
        }
        expected = Some(offset + 1);
    }
    Ok(())
}

/// Where a stream goes on; `None` when nothing was applied yet.
pub(super) fn position(tx: &Transaction<'_>, source: &str, partition: u32) -> Result<Option<u64>, StoreError> {
    let query = format!("{}{}", sql::POSITION, DIALECT.row_lock);
    let next: Option<i64> = tx
        .prepare_cached(&query)?
        .query_row(params![source, partition], |row| row.get(0))
        .optional()?;
    Ok(next.map(i64::cast_unsigned))
}

/// Moves the position from where this reader found it; anything else is the work of another reader.
pub(super) fn move_position(
    tx: &Transaction<'_>,
    source: &str,
    partition: u32,
    old: Option<u64>,
    new: u64,
) -> Result<(), StoreError> {
    let new = signed("records.offset", new)?;
    let moved = if let Some(old) = old {
        let old = signed("records.offset", old)?;
        tx.prepare_cached(sql::MOVE_POSITION)?
            .execute(params![new, source, partition, old])?
    } else {
        let insert = DIALECT.insert_or_ignore("stream_position", &["source", "partition", "next_offset"]);
        tx.prepare_cached(&insert)?.execute(params![source, partition, new])?
    };
    if moved == 1 {
        Ok(())
    } else {
        Err(StoreError::Zombie {
            source_name: source.to_owned(),
            partition,
            offset: old.unwrap_or(0),
        })
    }
}

/// Row ids met in this transaction.
#[derive(Default)]
pub(super) struct Keys {
    runs: HashMap<String, i64>,
}

/// Stores a fact; `false` when it was there.
pub(super) fn store(tx: &Transaction<'_>, keys: &mut Keys, fact: &Fact) -> Result<bool, StoreError> {
    match fact {
        Fact::Series(fact) => store_series(tx, keys, fact),
        Fact::Finished(fact) => store_finished(tx, keys, fact),
    }
}

fn run_key(tx: &Transaction<'_>, keys: &mut Keys, run_id: &str) -> Result<i64, StoreError> {
    if let Some(&key) = keys.runs.get(run_id) {
        return Ok(key);
    }
    tx.prepare_cached(&DIALECT.insert_or_ignore("run_progress", &["run_id"]))?
        .execute([run_id])?;
    let key = tx
        .prepare_cached(sql::PROGRESS_ID)?
        .query_row([run_id], |row| row.get(0))?;
    keys.runs.insert(run_id.to_owned(), key);
    Ok(key)
}

/// The series' row, with the labels of the newest result.
fn series_key(tx: &Transaction<'_>, fact: &SeriesFact) -> Result<i64, StoreError> {
    let body = fact.series.encode_to_vec();
    let fingerprint = fact.series_id.0.as_slice();
    let insert = DIALECT.insert_or_ignore("series", &["fingerprint", "as_of_ms", "body"]);
    let inserted = tx
        .prepare_cached(&insert)?
        .execute(params![fingerprint, fact.as_of_ms, body])?;
    let key: i64 = tx
        .prepare_cached(sql::SERIES_ID)?
        .query_row([fingerprint], |row| row.get(0))?;
    if inserted == 0 {
        tx.prepare_cached(sql::UPDATE_SERIES)?.execute(params![
            fact.as_of_ms,
            body,
            key,
            fact.as_of_ms,
            fact.as_of_ms,
            body
        ])?;
    }
    Ok(key)
}

/// The natural key of the fact is (run, series); its parts are inserted together or not at all.
fn store_series(tx: &Transaction<'_>, keys: &mut Keys, fact: &SeriesFact) -> Result<bool, StoreError> {
    let run = run_key(tx, keys, &fact.run_id)?;
    let series = series_key(tx, fact)?;
    let there: Option<i64> = tx
        .prepare_cached(sql::HAS_RESULT)?
        .query_row([run, series], |row| row.get(0))
        .optional()?;
    if there.is_some() {
        return Ok(false);
    }
    let insert = DIALECT.insert_or_ignore("result", &["run", "series", "kind", "window_ms", "as_of_ms", "payload"]);
    let mut rows = 0;
    for part in &fact.parts {
        let exact = payload::encode_exact(&part.content);
        rows += tx.prepare_cached(&insert)?.execute(params![
            run,
            series,
            part.kind.number(),
            part.window_ms,
            fact.as_of_ms,
            payload::encode_short(&part.content, &exact)
        ])?;
        if part.kind != Kind::Failure {
            store_latest(tx, series, part.kind, fact, &exact)?;
        }
    }
    if rows == 0 {
        return Ok(false);
    }
    tx.prepare_cached(sql::BUMP_DONE)?
        .execute(params![i64::from(fact.failed), fact.as_of_ms, fact.as_of_ms, run])?;
    Ok(true)
}

fn store_latest(
    tx: &Transaction<'_>,
    series: i64,
    kind: Kind,
    fact: &SeriesFact,
    exact: &[u8],
) -> Result<(), StoreError> {
    let moved = tx.prepare_cached(sql::UPDATE_LATEST)?.execute(params![
        fact.as_of_ms,
        fact.run_id,
        exact,
        series,
        kind.number(),
        fact.as_of_ms,
        fact.as_of_ms,
        fact.run_id
    ])?;
    if moved == 0 {
        let insert = DIALECT.insert_or_ignore("latest", &["series", "kind", "as_of_ms", "run_id", "payload"]);
        tx.prepare_cached(&insert)?
            .execute(params![series, kind.number(), fact.as_of_ms, fact.run_id, exact])?;
    }
    Ok(())
}

fn store_finished(tx: &Transaction<'_>, keys: &mut Keys, fact: &FinishedFact) -> Result<bool, StoreError> {
    let run = run_key(tx, keys, &fact.run_id)?;
    let changed = tx.prepare_cached(sql::FINISH)?.execute(params![
        fact.expected,
        fact.cancelled,
        fact.finished_ms,
        run,
        fact.finished_ms,
        fact.finished_ms,
        fact.expected
    ])?;
    Ok(changed == 1)
}

fn bury(
    tx: &Transaction<'_>,
    batch: &Batch,
    offset: u64,
    body: &[u8],
    rejection: Rejection,
    now_ms: i64,
) -> Result<(), StoreError> {
    let hash = xxh3_128(body).to_be_bytes();
    if tx.prepare_cached(sql::COUNT_LETTER)?.execute([hash.as_slice()])? == 0 {
        let columns = [
            "body_hash",
            "source",
            "partition",
            "stream_offset",
            "reason",
            "body",
            "count",
            "first_seen_ms",
        ];
        tx.prepare_cached(&DIALECT.insert_or_ignore("dead_letter", &columns))?
            .execute(params![
                hash.as_slice(),
                batch.source,
                batch.partition,
                signed("records.offset", offset)?,
                rejection.word(),
                body,
                1,
                now_ms
            ])?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::*;

    #[test]
    fn a_zombie_reader_is_fenced() {
        let mut connection = Connection::open_in_memory().unwrap();
        crate::sqlite::migration::migrate(&mut connection, 1).unwrap();
        let tx = connection.transaction().unwrap();
        move_position(&tx, "topic", 1, None, 10).unwrap();
        move_position(&tx, "topic", 1, Some(10), 20).unwrap();
        // This one still believes in 10; and this one that nobody has read yet.
        for old in [Some(10), None] {
            let error = move_position(&tx, "topic", 1, old, 15).unwrap_err();
            assert!(
                matches!(error, StoreError::Zombie { ref source_name, partition: 1, .. } if source_name == "topic")
            );
        }
        assert_eq!(position(&tx, "topic", 1).unwrap(), Some(20));
    }
}
