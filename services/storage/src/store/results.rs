//! `ResultStore`: reading back what was applied, and what could not be.

use std::collections::HashMap;

use async_trait::async_trait;
use sla_domain::SeriesId;
use sla_proto::convert;
use sla_proto::result::v1::{ReadShare, SeriesResult};
use sla_proto::series::v1::Series;
use sla_proto::storage::v1::{DeadLetter, LatestResult};

use super::{SqlStore, apply, facts, history, position};
use crate::error::StoreError;
use crate::page;
use crate::payload;
use crate::port::{Applied, Batch, MAX_READ_SERIES, Page, Paged, Progress, Replayed, ResultStore};
use crate::record::{self, Kind};
use crate::stored::decoded;
use crate::transaction::{Database, Transaction, rows_in};
use crate::value::{Row, Value, values};

const READ_LATEST: &str = "SELECT l.kind, l.as_of_ms, l.run_id, l.payload, s.body, s.fingerprint FROM series s \
     JOIN latest l ON l.series = s.id WHERE s.fingerprint IN (*) ORDER BY s.fingerprint, l.kind";
const RUN_KEY: &str = "SELECT id FROM run_progress WHERE run_id = ?";
const PROGRESS: &str =
    "SELECT done, failed, expected, told, samples_read, bytes_read FROM run_progress WHERE run_id = ?";
/// The series of one page and the bytes of their parts.
const RUN_SERIES: &str = "SELECT series, SUM(LENGTH(payload)) FROM result WHERE run = ? AND series > ? \
     GROUP BY series ORDER BY series LIMIT ?";
const RUN_FAILED_SERIES: &str = "SELECT series, SUM(LENGTH(payload)) FROM result WHERE run = ? AND series > ? \
     AND kind = ? GROUP BY series ORDER BY series LIMIT ?";
const RUN_RESULTS: &str = "SELECT r.series, r.as_of_ms, r.payload, s.body FROM result r \
     JOIN series s ON s.id = r.series WHERE r.run = ? AND r.series > ? AND r.series <= ? \
     ORDER BY r.series, r.kind, r.window_ms";
const RUN_FAILURES: &str = "SELECT r.series, r.as_of_ms, r.payload, s.body FROM result r \
     JOIN series s ON s.id = r.series WHERE r.run = ? AND r.series > ? AND r.series <= ? AND r.kind = ? \
     ORDER BY r.series, r.kind, r.window_ms";
const LETTERS: &str = "SELECT id, body_hash, source, shard, stream_offset, reason, LENGTH(body), count, first_seen_ms \
     FROM dead_letter WHERE id < ? ORDER BY id DESC LIMIT ?";
const LETTER_TOTAL: &str = "SELECT COUNT(*) FROM dead_letter";
const LETTER_BODY: &str = "SELECT body FROM dead_letter WHERE body_hash = ?";
const LETTER_REASON: &str = "UPDATE dead_letter SET reason = ? WHERE body_hash = ?";
const DELETE_LETTER: &str = "DELETE FROM dead_letter WHERE body_hash = ?";

#[async_trait]
impl<D: Database> ResultStore for SqlStore<D> {
    async fn apply(&self, batch: Batch) -> Result<Applied, StoreError> {
        apply::check(&batch)?;
        let now_ms = self.clock.now_ms();
        self.database.write(move |tx| apply::apply(tx, &batch, now_ms)).await
    }

    async fn position(&self, source: &str, partition: u32) -> Result<u64, StoreError> {
        let source = source.to_owned();
        self.database
            .read(move |tx| Ok(position::read(tx, &source, partition)?.unwrap_or(0)))
            .await
    }

    async fn move_position(&self, source: &str, partition: u32, to: u64, back: bool) -> Result<u64, StoreError> {
        let source = source.to_owned();
        self.database
            .write(move |tx| position::jump(tx, &source, partition, to, back))
            .await
    }

    async fn latest(&self, series: &[SeriesId]) -> Result<Vec<LatestResult>, StoreError> {
        if series.len() > MAX_READ_SERIES {
            return Err(StoreError::invalid(
                "series_ids",
                series.len(),
                "at most 1000 series",
                "ask for fewer series at once",
            ));
        }
        let series = series.to_vec();
        self.database.read(move |tx| latest(tx, &series)).await
    }

    async fn result_series(&self, page: Page) -> Result<Paged<Series>, StoreError> {
        self.database.read(move |tx| history::series(tx, &page)).await
    }

    async fn history(
        &self,
        series: SeriesId,
        after_ms: i64,
        until_ms: i64,
        page: Page,
    ) -> Result<Paged<SeriesResult>, StoreError> {
        self.database
            .read(move |tx| history::of_series(tx, series, (after_ms, until_ms), &page))
            .await
    }

    async fn run_results(
        &self,
        run_id: &str,
        failures_only: bool,
        page: Page,
    ) -> Result<Paged<SeriesResult>, StoreError> {
        let run_id = run_id.to_owned();
        let after = page::number(page.after.as_deref(), 0)?;
        self.database
            .read(move |tx| run_page(tx, &run_id, failures_only, after, page.size))
            .await
    }

    async fn progress(&self, run_id: &str) -> Result<Option<Progress>, StoreError> {
        let run_id = run_id.to_owned();
        self.database
            .read(move |tx| {
                let row = tx.row(PROGRESS, &values![&run_id])?;
                row.map(|row| {
                    let (done, told): (u32, u32) = (row.number(0)?, row.number(3)?);
                    // A sum that lacks one is none.
                    let read = if done > 0 && told == done {
                        Some(ReadShare {
                            samples: row.number(4)?,
                            bytes: row.number(5)?,
                        })
                    } else {
                        None
                    };
                    Ok(Progress {
                        done,
                        failed: row.number(1)?,
                        expected: row.optional(2)?,
                        read,
                    })
                })
                .transpose()
            })
            .await
    }

    async fn dead_letters(&self, page: Page) -> Result<(Paged<DeadLetter>, u32), StoreError> {
        let before = page::number(page.after.as_deref(), i64::MAX)?;
        self.database
            .read(move |tx| {
                let rows = tx.rows(LETTERS, &values![before, page::wanted(page.size)])?;
                let key = |row: &Row| Ok(row.number::<i64>(0)?.to_string());
                Ok((
                    page::cut(rows, page.size, Row::size, key, |row| letter(&row))?,
                    total(tx)?,
                ))
            })
            .await
    }

    async fn replay(&self, body_hash: &[u8]) -> Result<Replayed, StoreError> {
        let hash = body_hash.to_vec();
        self.database.write(move |tx| replay(tx, &hash)).await
    }
}

/// How many dead letters there are.
pub(super) fn total(tx: &mut dyn Transaction) -> Result<u32, StoreError> {
    tx.row(LETTER_TOTAL, &[])?.map_or(Ok(0), |row| row.number(0))
}

fn latest(tx: &mut dyn Transaction, series: &[SeriesId]) -> Result<Vec<LatestResult>, StoreError> {
    let wanted: Vec<Value<'_>> = series.iter().map(|id| id.0[..].into()).collect();
    let mut found: HashMap<SeriesId, LatestResult> = HashMap::new();
    for row in rows_in(tx, READ_LATEST, &[], &wanted)? {
        let Some(id) = SeriesId::from_slice(row.bytes(5)?) else {
            continue;
        };
        let known = found.remove(&id);
        found.insert(id, with_part(known, &row)?);
    }
    Ok(series.iter().filter_map(|id| found.remove(id)).collect())
}

/// Rows come in the order of their kind: statistics, when there are any, name run and time.
fn with_part(known: Option<LatestResult>, row: &Row) -> Result<LatestResult, StoreError> {
    let mut latest = known.unwrap_or_default();
    let as_of = convert::timestamp(row.number(1)?);
    let mut result = match latest.result.take() {
        Some(result) => result,
        None => SeriesResult {
            series: Some(decoded::<Series>("series", row.bytes(4)?)?),
            run_id: row.text(2)?,
            as_of: Some(as_of),
            ..SeriesResult::default()
        },
    };
    match kind_of(row.number(0)?)? {
        Kind::Statistics => latest.statistics_as_of = Some(as_of),
        Kind::Metadata => latest.metadata_as_of = Some(as_of),
        Kind::Forecast => latest.forecast_as_of = Some(as_of),
        Kind::Failure => {}
    }
    record::merge(&mut result, payload::decode(row.bytes(3)?)?);
    latest.result = Some(result);
    Ok(latest)
}

fn kind_of(number: i64) -> Result<Kind, StoreError> {
    Kind::from_number(number).ok_or_else(|| StoreError::Corrupt {
        finding: format!("a result has the unknown kind {number}"),
    })
}

fn run_page(
    tx: &mut dyn Transaction,
    run_id: &str,
    failures_only: bool,
    after: i64,
    size: usize,
) -> Result<Paged<SeriesResult>, StoreError> {
    let nothing = Paged {
        rows: Vec::new(),
        next: None,
    };
    let Some(run) = tx.row(RUN_KEY, &values![run_id])? else {
        return Ok(nothing);
    };
    let (run, failure): (i64, i64) = (run.number(0)?, Kind::Failure.number());
    let limit = page::wanted(size);
    let rows = if failures_only {
        tx.rows(RUN_FAILED_SERIES, &values![run, after, failure, limit])?
    } else {
        tx.rows(RUN_SERIES, &values![run, after, limit])?
    };
    let keys: Vec<(i64, usize)> = rows
        .iter()
        .map(|row| Ok((row.number(0)?, row.number(1)?)))
        .collect::<Result<_, StoreError>>()?;
    let keys = page::cut(
        keys,
        size,
        |(_, bytes)| *bytes,
        |(key, _)| Ok(key.to_string()),
        |(key, _)| Ok(key),
    )?;
    let Some(&last) = keys.rows.last() else {
        return Ok(nothing);
    };
    let rows = if failures_only {
        tx.rows(RUN_FAILURES, &values![run, after, last, failure])?
    } else {
        tx.rows(RUN_RESULTS, &values![run, after, last])?
    };
    Ok(Paged {
        rows: gather(run_id, &rows)?,
        next: keys.next,
    })
}

/// Parts of one series stand next to each other and become one result.
fn gather(run_id: &str, rows: &[Row]) -> Result<Vec<SeriesResult>, StoreError> {
    let mut results: Vec<SeriesResult> = Vec::new();
    let mut at: Option<i64> = None;
    for row in rows {
        let series: i64 = row.number(0)?;
        let content = payload::decode(row.bytes(2)?)?;
        match results.last_mut() {
            Some(result) if at == Some(series) => record::merge(result, content),
            _ => {
                let mut result = SeriesResult {
                    run_id: run_id.to_owned(),
                    series: Some(decoded("series", row.bytes(3)?)?),
                    as_of: Some(convert::timestamp(row.number(1)?)),
                    ..SeriesResult::default()
                };
                record::merge(&mut result, content);
                results.push(result);
                at = Some(series);
            }
        }
    }
    Ok(results)
}

fn letter(row: &Row) -> Result<DeadLetter, StoreError> {
    Ok(DeadLetter {
        body_hash: row.bytes(1)?.to_vec(),
        source: row.text(2)?,
        partition: row.number(3)?,
        offset: row.number(4)?,
        reason: row.text(5)?,
        size: row.number(6)?,
        count: row.number(7)?,
        first_seen: Some(convert::timestamp(row.number(8)?)),
    })
}

fn replay(tx: &mut dyn Transaction, hash: &[u8]) -> Result<Replayed, StoreError> {
    let rows = tx.lock(LETTER_BODY, &values![hash])?;
    let body = rows.first().ok_or_else(|| StoreError::NotFound {
        what: "dead letter",
        // The hash has the width of a fingerprint; anything else is none of ours.
        id: SeriesId::from_slice(hash).map_or_else(|| format!("{} bytes", hash.len()), SeriesId::to_hex),
    })?;
    match record::read(body.bytes(0)?) {
        Ok(fact) => {
            facts::store(tx, &[fact])?;
            tx.execute(DELETE_LETTER, &values![hash])?;
            Ok(Replayed {
                applied: true,
                reason: String::new(),
            })
        }
        Err(rejection) => {
            tx.execute(LETTER_REASON, &values![rejection.word(), hash])?;
            Ok(Replayed {
                applied: false,
                reason: rejection.word().to_owned(),
            })
        }
    }
}
