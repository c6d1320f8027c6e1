//! `ResultStore` on SQLite: reading back what was applied.

use async_trait::async_trait;
use rusqlite::{OptionalExtension as _, Row, Transaction, params};
use sla_domain::SeriesId;
use sla_proto::convert;
use sla_proto::result::v1::SeriesResult;
use sla_proto::series::v1::Series;
use sla_proto::storage::v1::{DeadLetter, LatestResult};

use super::{SqliteStore, apply, decoded, page_number, page_of};
use crate::error::StoreError;
use crate::payload;
use crate::port::{Applied, Batch, MAX_READ_SERIES, Page, Paged, Progress, Replayed, ResultStore};
use crate::record::{self, Kind};
use crate::statement::results as sql;

#[async_trait]
impl ResultStore for SqliteStore {
    async fn apply(&self, batch: Batch) -> Result<Applied, StoreError> {
        apply::check(&batch)?;
        let now_ms = self.clock.now_ms();
        self.connections.write(move |tx| apply::apply(tx, &batch, now_ms)).await
    }

    async fn position(&self, source: &str, partition: u32) -> Result<u64, StoreError> {
        let source = source.to_owned();
        self.connections
            .read(move |tx| Ok(apply::position(tx, &source, partition)?.unwrap_or(0)))
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
        self.connections
            .read(move |tx| series.iter().filter_map(|id| latest_of(tx, *id).transpose()).collect())
            .await
    }

    async fn run_results(
        &self,
        run_id: &str,
        failures_only: bool,
        page: Page,
    ) -> Result<Paged<SeriesResult>, StoreError> {
        let run_id = run_id.to_owned();
        let after = page_number(page.after.as_deref(), 0)?;
        self.connections
            .read(move |tx| run_page(tx, &run_id, failures_only, after, page.size))
            .await
    }

    async fn progress(&self, run_id: &str) -> Result<Option<Progress>, StoreError> {
        let run_id = run_id.to_owned();
        self.connections
            .read(move |tx| {
                let row = |row: &Row<'_>| {
                    Ok(Progress {
                        done: row.get(0)?,
                        failed: row.get(1)?,
                        expected: row.get(2)?,
                    })
                };
                Ok(tx.prepare_cached(sql::PROGRESS)?.query_row([run_id], row).optional()?)
            })
            .await
    }

    async fn dead_letters(&self, page: Page) -> Result<(Paged<DeadLetter>, u32), StoreError> {
        let before = page_number(page.after.as_deref(), i64::MAX)?;
        self.connections
            .read(move |tx| {
                let mut statement = tx.prepare_cached(sql::LETTERS)?;
                let rows: Vec<(i64, DeadLetter)> = statement
                    .query_map(params![before, page.size as i64 + 1], letter)?
                    .collect::<Result<_, _>>()?;
                let total: u32 = tx.prepare_cached(sql::LETTER_TOTAL)?.query_row([], |row| row.get(0))?;
                Ok((
                    page_of(rows, page.size, |(id, _)| id.to_string(), |(_, letter)| Ok(letter))?,
                    total,
                ))
            })
            .await
    }

    async fn replay(&self, body_hash: &[u8]) -> Result<Replayed, StoreError> {
        let hash = body_hash.to_vec();
        self.connections.write(move |tx| replay(tx, &hash)).await
    }
}

impl SqliteStore {
    /// Dead letters, and bytes of the file.
    pub(super) async fn counts(&self) -> Result<(u32, u64), StoreError> {
        self.connections
            .read(|tx| {
                let letters = tx.prepare_cached(sql::LETTER_TOTAL)?.query_row([], |row| row.get(0))?;
                let pragma = |name: &str| tx.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
                let bytes = pragma("page_count")? * pragma("page_size")?;
                Ok((letters, bytes.cast_unsigned()))
            })
            .await
    }
}

fn latest_of(tx: &Transaction<'_>, id: SeriesId) -> Result<Option<LatestResult>, StoreError> {
    let mut statement = tx.prepare_cached(sql::READ_LATEST)?;
    let mut rows = statement.query([id.0.as_slice()])?;
    let mut found: Option<LatestResult> = None;
    while let Some(row) = rows.next()? {
        let kind = kind_of(row.get(0)?)?;
        let as_of = convert::timestamp(row.get(1)?);
        let run_id: String = row.get(2)?;
        let content = payload::decode(row.get_ref(3)?.as_blob().map_err(rusqlite::Error::from)?)?;
        let latest = if let Some(latest) = &mut found {
            latest
        } else {
            let series: Series = decoded("series", row.get_ref(4)?.as_blob().map_err(rusqlite::Error::from)?)?;
            let result = SeriesResult {
                series: Some(series),
                ..SeriesResult::default()
            };
            found.insert(LatestResult {
                result: Some(result),
                ..LatestResult::default()
            })
        };
        let result = latest.result.get_or_insert_default();
        // Rows come in the order of their kind: statistics, when there are any, name run and time.
        if result.run_id.is_empty() {
            result.run_id = run_id;
            result.as_of = Some(as_of);
        }
        match kind {
            Kind::Statistics => latest.statistics_as_of = Some(as_of),
            Kind::Metadata => latest.metadata_as_of = Some(as_of),
            Kind::Forecast => latest.forecast_as_of = Some(as_of),
            Kind::Failure => {}
        }
        record::merge(result, content);
    }
    Ok(found)
}

fn kind_of(number: i64) -> Result<Kind, StoreError> {
    Kind::from_number(number).ok_or_else(|| StoreError::Corrupt {
        finding: format!("a result has the unknown kind {number}"),
    })
}

fn run_page(
    tx: &Transaction<'_>,
    run_id: &str,
    failures_only: bool,
    after: i64,
    size: usize,
) -> Result<Paged<SeriesResult>, StoreError> {
    let run: Option<i64> = tx
        .prepare_cached(sql::PROGRESS_ID)?
        .query_row([run_id], |row| row.get(0))
        .optional()?;
    let Some(run) = run else {
        return Ok(Paged {
            rows: Vec::new(),
            next: None,
        });
    };
    let limit = size as i64 + 1;
    let failure = Kind::Failure.number();
    let mut keys: Vec<i64> = if failures_only {
        let mut statement = tx.prepare_cached(sql::RUN_FAILED_SERIES)?;
        statement
            .query_map([run, after, failure, limit], |row| row.get(0))?
            .collect::<Result<_, _>>()?
    } else {
        let mut statement = tx.prepare_cached(sql::RUN_SERIES)?;
        statement
            .query_map([run, after, limit], |row| row.get(0))?
            .collect::<Result<_, _>>()?
    };
    let more = keys.len() > size;
    keys.truncate(size);
    let Some(&last) = keys.last() else {
        return Ok(Paged {
            rows: Vec::new(),
            next: None,
        });
    };
    let rows = if failures_only {
        let mut statement = tx.prepare_cached(sql::RUN_FAILURES)?;
        gather(run_id, statement.query([run, after, last, failure])?)?
    } else {
        let mut statement = tx.prepare_cached(sql::RUN_RESULTS)?;
        gather(run_id, statement.query([run, after, last])?)?
    };
    Ok(Paged {
        rows,
        next: more.then(|| last.to_string()),
    })
}

/// Parts of one series stand next to each other and become one result.
fn gather(run_id: &str, mut rows: rusqlite::Rows<'_>) -> Result<Vec<SeriesResult>, StoreError> {
    let mut results: Vec<SeriesResult> = Vec::new();
    let mut at: Option<i64> = None;
    while let Some(row) = rows.next()? {
        let series: i64 = row.get(0)?;
        let content = payload::decode(row.get_ref(3)?.as_blob().map_err(rusqlite::Error::from)?)?;
        match results.last_mut() {
            Some(result) if at == Some(series) => record::merge(result, content),
            _ => {
                let body = row.get_ref(4)?.as_blob().map_err(rusqlite::Error::from)?;
                let mut result = SeriesResult {
                    run_id: run_id.to_owned(),
                    series: Some(decoded("series", body)?),
                    as_of: Some(convert::timestamp(row.get(2)?)),
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

fn letter(row: &Row<'_>) -> Result<(i64, DeadLetter), rusqlite::Error> {
    let letter = DeadLetter {
        body_hash: row.get(1)?,
        source: row.get(2)?,
        partition: row.get(3)?,
        offset: row.get::<_, i64>(4)?.cast_unsigned(),
        reason: row.get(5)?,
        size: row.get(6)?,
        count: row.get(7)?,
        first_seen: Some(convert::timestamp(row.get(8)?)),
    };
    Ok((row.get(0)?, letter))
}

fn replay(tx: &Transaction<'_>, hash: &[u8]) -> Result<Replayed, StoreError> {
    let body: Option<Vec<u8>> = tx
        .prepare_cached(sql::LETTER_BODY)?
        .query_row([hash], |row| row.get(0))
        .optional()?;
    let body = body.ok_or_else(|| StoreError::NotFound {
        what: "dead letter",
        // The hash has the width of a fingerprint; anything else is none of ours.
        id: SeriesId::from_slice(hash).map_or_else(|| format!("{} bytes", hash.len()), SeriesId::to_hex),
    })?;
    match record::read(&body) {
        Ok(fact) => {
            apply::store(tx, &mut apply::Keys::default(), &fact)?;
            tx.prepare_cached(sql::DELETE_LETTER)?.execute([hash])?;
            Ok(Replayed {
                applied: true,
                reason: String::new(),
            })
        }
        Err(rejection) => {
            tx.prepare_cached(sql::LETTER_REASON)?
                .execute(params![rejection.word(), hash])?;
            Ok(Replayed {
                applied: false,
                reason: rejection.word().to_owned(),
            })
        }
    }
}
