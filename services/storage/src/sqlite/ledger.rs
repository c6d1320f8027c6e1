//! `LedgerStore` on SQLite.

use std::fmt::Write as _;

use async_trait::async_trait;
use prost::Message as _;
use rusqlite::types::Value;
use rusqlite::{OptionalExtension as _, Row, Transaction, params, params_from_iter};
use sla_domain::SeriesId;
use sla_proto::convert;
use sla_proto::storage::v1::{Model, ScoredForecast};
use sla_proto::violation::v1::Violation;

use super::{DIALECT, SqliteStore, decoded, page_of, page_pair};
use crate::error::StoreError;
use crate::port::{
    ForecastFilter, LedgerStore, MAX_LEDGER_ROWS, MAX_MODEL_NUMBERS, MAX_READ_SERIES, Page, Paged, ViolationFilter,
    Written,
};
use crate::statement::ledger as sql;

/// The newest possible row: where a first page begins.
const NEWEST: (i64, i64) = (i64::MAX, i64::MAX);
/// The longest id, in bytes.
const MAX_ID_BYTES: usize = 256;

#[async_trait]
impl LedgerStore for SqliteStore {
    async fn put_violations(&self, violations: Vec<Violation>) -> Result<Written, StoreError> {
        limit("violations", violations.len())?;
        let rows: Vec<ViolationRow> = violations
            .into_iter()
            .enumerate()
            .map(|(at, violation)| ViolationRow::checked(at, violation))
            .collect::<Result<_, _>>()?;
        self.connections
            .write(move |tx| {
                let mut written = Written::default();
                for row in &rows {
                    match put_violation(tx, row)? {
                        Change::Inserted => written.inserted += 1,
                        Change::Updated => written.updated += 1,
                        Change::None => {}
                    }
                }
                Ok(written)
            })
            .await
    }

    async fn list_violations(&self, filter: &ViolationFilter, page: Page) -> Result<Paged<Violation>, StoreError> {
        let before = page_pair(page.after.as_deref(), NEWEST)?;
        let mut query = Query::newest_first(
            "SELECT start_ms, id, retired, body FROM violation WHERE ",
            "start_ms",
            before,
        );
        query
            .text("set_id", &filter.set_id)
            .text("objective_id", &filter.objective_id)
            .bytes("series", &filter.series);
        // Half open intervals [start, end) that overlap (after, until].
        query
            .number("start_ms <= ?", filter.until_ms)
            .number("(end_ms IS NULL OR end_ms > ?)", filter.after_ms);
        query
            .flag(filter.open_only, "end_ms IS NULL")
            .flag(!filter.with_retired, "retired = 0");
        self.connections
            .read(move |tx| {
                let rows: Vec<(i64, i64, bool, Vec<u8>)> = query.run(tx, page.size, |row| {
                    Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
                })?;
                page_of(
                    rows,
                    page.size,
                    |(start_ms, id, ..)| format!("{start_ms},{id}"),
                    |(_, _, retired, body)| {
                        Ok(Violation {
                            retired,
                            ..decoded("violation", &body)?
                        })
                    },
                )
            })
            .await
    }

    async fn retire_objectives(&self, set_id: &str, objective_ids: &[String]) -> Result<(), StoreError> {
        limit("objective_ids", objective_ids.len())?;
        let set_id = set_id.to_owned();
        let objective_ids = objective_ids.to_vec();
        self.connections
            .write(move |tx| {
                let mut statement = tx.prepare_cached(sql::RETIRE)?;
                for objective_id in &objective_ids {
                    statement.execute([&set_id, objective_id])?;
                }
                Ok(())
            })
            .await
    }

    async fn put_forecasts(&self, forecasts: Vec<ScoredForecast>) -> Result<u32, StoreError> {
        limit("forecasts", forecasts.len())?;
        check_forecasts(&forecasts)?;
        let columns = [
            "objective_id",
            "generation",
            "series",
            "horizon_ms",
            "made_ms",
            "due_ms",
            "has_left",
            "body",
        ];
        let insert = DIALECT.insert_or_ignore("forecast", &columns);
        self.connections
            .write(move |tx| {
                let mut statement = tx.prepare_cached(&insert)?;
                let mut inserted = 0;
                for forecast in &forecasts {
                    let made_ms = forecast.made.as_ref().map_or(0, convert::millis);
                    inserted += statement.execute(params![
                        forecast.objective_id,
                        forecast.generation,
                        forecast.series_id,
                        forecast.horizon_ms,
                        made_ms,
                        made_ms.saturating_add(forecast.horizon_ms),
                        forecast.left,
                        forecast.encode_to_vec()
                    ])?;
                }
                Ok(inserted as u32)
            })
            .await
    }

    async fn score_forecasts(&self, forecasts: Vec<ScoredForecast>) -> Result<u32, StoreError> {
        limit("forecasts", forecasts.len())?;
        check_forecasts(&forecasts)?;
        if let Some(at) = forecasts.iter().position(|forecast| forecast.left.is_none()) {
            return Err(StoreError::invalid(
                format!("forecasts[{at}].left"),
                "",
                "an outcome is given",
                "set `left` when the time of the forecast has come",
            ));
        }
        self.connections
            .write(move |tx| {
                let mut updated = 0;
                for outcome in &forecasts {
                    updated += score(tx, outcome)?;
                }
                Ok(updated)
            })
            .await
    }

    async fn list_forecasts(&self, filter: &ForecastFilter, page: Page) -> Result<Paged<ScoredForecast>, StoreError> {
        let before = page_pair(page.after.as_deref(), NEWEST)?;
        let mut query = Query::newest_first("SELECT made_ms, id, body FROM forecast WHERE ", "made_ms", before);
        query
            .text("objective_id", &filter.objective_id)
            .bytes("series", &filter.series);
        query.number("has_left IS NULL AND due_ms < ?", filter.due_before_ms);
        query.flag(filter.scored_only, "has_left IS NOT NULL");
        self.connections
            .read(move |tx| {
                let rows: Vec<(i64, i64, Vec<u8>)> =
                    query.run(tx, page.size, |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
                page_of(
                    rows,
                    page.size,
                    |(made_ms, id, _)| format!("{made_ms},{id}"),
                    |(_, _, body)| decoded("forecast", &body),
                )
            })
            .await
    }

    async fn put_models(&self, models: Vec<Model>) -> Result<(), StoreError> {
        limit("models", models.len())?;
        for (at, model) in models.iter().enumerate() {
            check_id(&format!("models[{at}].kind"), &model.kind)?;
            check_series(&format!("models[{at}].series_id"), &model.series_id)?;
            if model.numbers.len() > MAX_MODEL_NUMBERS {
                return Err(StoreError::invalid(
                    format!("models[{at}].numbers"),
                    model.numbers.len(),
                    "at most 4096 numbers",
                    "keep a smaller model",
                ));
            }
        }
        let insert = DIALECT.insert_or_ignore("model", &["kind", "series", "learned_ms", "numbers"]);
        self.connections
            .write(move |tx| {
                for model in &models {
                    let learned_ms = model.learned.as_ref().map_or(0, convert::millis);
                    let numbers: Vec<u8> = model.numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
                    let inserted = tx.prepare_cached(&insert)?.execute(params![
                        model.kind,
                        model.series_id,
                        learned_ms,
                        numbers
                    ])?;
                    if inserted == 0 {
                        tx.prepare_cached(sql::UPDATE_MODEL)?.execute(params![
                            learned_ms,
                            numbers,
                            model.kind,
                            model.series_id,
                            learned_ms
                        ])?;
                    }
                }
                Ok(())
            })
            .await
    }

    async fn models(&self, kind: &str, series: &[SeriesId]) -> Result<Vec<Model>, StoreError> {
        if series.len() > MAX_READ_SERIES {
            return Err(StoreError::invalid(
                "series_ids",
                series.len(),
                "at most 1000 series",
                "ask for fewer series at once",
            ));
        }
        let kind = kind.to_owned();
        let series = series.to_vec();
        self.connections
            .read(move |tx| {
                let mut statement = tx.prepare_cached(sql::MODEL)?;
                let mut models = Vec::new();
                for id in &series {
                    let row: Option<(i64, Vec<u8>)> = statement
                        .query_row(params![kind, id.0.as_slice()], |row| Ok((row.get(0)?, row.get(1)?)))
                        .optional()?;
                    if let Some((learned_ms, numbers)) = row {
                        models.push(Model {
                            kind: kind.clone(),
                            series_id: id.0.to_vec(),
                            numbers: doubles(&numbers),
                            learned: Some(convert::timestamp(learned_ms)),
                        });
                    }
                }
                Ok(models)
            })
            .await
    }
}

/// A list query in pieces: conditions with their parameters, newest first by (`time`, id).
struct Query {
    sql: String,
    time: &'static str,
    values: Vec<Value>,
}

impl Query {
    fn newest_first(select: &str, time: &'static str, (before_ms, before_id): (i64, i64)) -> Self {
        // Written out rather than as a row value: every database uses an index for this form.
        let sql = format!("{select}{time} <= ? AND ({time} < ? OR id < ?)");
        Self {
            sql,
            time,
            values: vec![before_ms.into(), before_ms.into(), before_id.into()],
        }
    }

    fn condition(&mut self, condition: &str) -> &mut Self {
        self.sql.push_str(" AND ");
        self.sql.push_str(condition);
        self
    }

    fn text(&mut self, column: &str, wanted: &str) -> &mut Self {
        if !wanted.is_empty() {
            self.condition(&format!("{column} = ?"));
            self.values.push(wanted.to_owned().into());
        }
        self
    }

    fn bytes(&mut self, column: &str, wanted: &[u8]) -> &mut Self {
        if !wanted.is_empty() {
            self.condition(&format!("{column} = ?"));
            self.values.push(wanted.to_vec().into());
        }
        self
    }

    fn number(&mut self, condition: &str, wanted: Option<i64>) -> &mut Self {
        if let Some(wanted) = wanted {
            self.condition(condition);
            self.values.push(wanted.into());
        }
        self
    }

    fn flag(&mut self, on: bool, condition: &str) -> &mut Self {
        if on { self.condition(condition) } else { self }
    }

    /// One row more than the page holds, to know whether there is a next one.
    fn run<T>(
        mut self,
        tx: &Transaction<'_>,
        size: usize,
        row: impl FnMut(&Row<'_>) -> Result<T, rusqlite::Error>,
    ) -> Result<Vec<T>, StoreError> {
        let time = self.time;
        // Writing to a string cannot fail.
        let _ = write!(self.sql, " ORDER BY {time} DESC, id DESC LIMIT ?");
        self.values.push((size as i64 + 1).into());
        let mut statement = tx.prepare_cached(&self.sql)?;
        let rows = statement.query_map(params_from_iter(self.values), row)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

fn limit(field: &'static str, count: usize) -> Result<(), StoreError> {
    if count > MAX_LEDGER_ROWS {
        return Err(StoreError::invalid(
            field,
            count,
            "at most 500 rows",
            "write them in several calls",
        ));
    }
    Ok(())
}

fn check_id(field: &str, id: &str) -> Result<(), StoreError> {
    if id.is_empty() || id.len() > MAX_ID_BYTES {
        return Err(StoreError::invalid(
            field,
            id,
            "must have 1 to 256 bytes",
            "give the id",
        ));
    }
    Ok(())
}

fn check_series(field: &str, id: &[u8]) -> Result<(), StoreError> {
    if SeriesId::from_slice(id).is_none() {
        return Err(StoreError::invalid(
            field,
            format!("{} bytes", id.len()),
            "must have 16 bytes",
            "give the series",
        ));
    }
    Ok(())
}

fn check_forecasts(forecasts: &[ScoredForecast]) -> Result<(), StoreError> {
    for (at, forecast) in forecasts.iter().enumerate() {
        check_id(&format!("forecasts[{at}].objective_id"), &forecast.objective_id)?;
        check_series(&format!("forecasts[{at}].series_id"), &forecast.series_id)?;
        if forecast.made.is_none() {
            let field = format!("forecasts[{at}].made");
            return Err(StoreError::invalid(
                field,
                "",
                "a time is given",
                "say when it was made",
            ));
        }
    }
    Ok(())
}

/// A violation with its columns.
struct ViolationRow {
    series: Vec<u8>,
    start_ms: i64,
    end_ms: Option<i64>,
    /// How long it is known to last, milliseconds.
    duration_ms: i64,
    violation: Violation,
}

impl ViolationRow {
    fn checked(at: usize, violation: Violation) -> Result<Self, StoreError> {
        let field = |name: &str| format!("violations[{at}].{name}");
        check_id(&field("objective_id"), &violation.objective_id)?;
        let series = violation
            .series
            .as_ref()
            .map(|series| series.id.clone())
            .unwrap_or_default();
        check_series(&field("series.id"), &series)?;
        let Some(start_ms) = violation.start.as_ref().map(convert::millis) else {
            return Err(StoreError::invalid(
                field("start"),
                "",
                "a time is given",
                "say when it began",
            ));
        };
        let end_ms = violation.end.as_ref().map(convert::millis);
        if end_ms.is_some_and(|end_ms| end_ms < start_ms) {
            return Err(StoreError::invalid(
                field("end"),
                end_ms.unwrap_or_default(),
                "not before the start",
                "give an end at or after the start, or none",
            ));
        }
        let duration_ms = end_ms.map_or(violation.duration_ms, |end_ms| end_ms - start_ms);
        Ok(Self {
            series,
            start_ms,
            end_ms,
            duration_ms,
            violation,
        })
    }
}

enum Change {
    Inserted,
    Updated,
    None,
}

fn put_violation(tx: &Transaction<'_>, row: &ViolationRow) -> Result<Change, StoreError> {
    let violation = &row.violation;
    let key = params![violation.objective_id, violation.generation, row.series, row.start_ms];
    let there: Option<(i64, Option<i64>, i64, Vec<u8>)> = tx
        .prepare_cached(sql::VIOLATION)?
        .query_row(key, |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))
        .optional()?;
    let body = violation.encode_to_vec();
    let Some((id, stored_end_ms, stored_ms, stored_body)) = there else {
        tx.prepare_cached(sql::INSERT_VIOLATION)?.execute(params![
            violation.set_id,
            violation.objective_id,
            violation.generation,
            row.series,
            row.start_ms,
            row.end_ms,
            row.duration_ms,
            violation.retired,
            body
        ])?;
        return Ok(Change::Inserted);
    };
    if stored_body == body {
        return Ok(Change::None);
    }
    let stored: Violation = decoded("violation", &stored_body)?;
    if !supersedes(row, stored_end_ms.is_some(), stored_ms, &stored) {
        return Ok(Change::None);
    }
    tx.prepare_cached(sql::UPDATE_VIOLATION)?
        .execute(params![row.end_ms, row.duration_ms, body, id])?;
    Ok(Change::Updated)
}

/// Whether what came knows more than what is stored. A repeated or late message must not undo a newer one: the later
/// judgement counts, since late samples may lengthen, join or shorten. Where one of them does not say when it was judged,
/// closing always counts; a closed one is reopened or moved only by one that lasts longer (late samples joined two
/// intervals); of equal length the one with more samples counts.
fn supersedes(row: &ViolationRow, stored_closed: bool, stored_ms: i64, stored: &Violation) -> bool {
    if let (Some(judged), Some(before)) = (&row.violation.judged, &stored.judged) {
        return convert::millis(judged) >= convert::millis(before);
    }
    match (stored_closed, row.end_ms.is_some()) {
        (false, true) => true,
        (true, false) => row.duration_ms > stored_ms,
        (true, true) | (false, false) => (row.duration_ms, row.violation.samples) > (stored_ms, stored.samples),
    }
}

fn score(tx: &Transaction<'_>, outcome: &ScoredForecast) -> Result<u32, StoreError> {
    let made_ms = outcome.made.as_ref().map_or(0, convert::millis);
    let there: Option<(i64, Vec<u8>)> = tx
        .prepare_cached(sql::UNSCORED)?
        .query_row(
            params![
                outcome.objective_id,
                outcome.generation,
                outcome.series_id,
                outcome.horizon_ms,
                made_ms
            ],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .optional()?;
    let Some((id, body)) = there else { return Ok(0) };
    let stored: ScoredForecast = decoded("forecast", &body)?;
    let scored = ScoredForecast {
        left: outcome.left,
        value: outcome.value,
        ..stored
    };
    Ok(tx
        .prepare_cached(sql::SCORE)?
        .execute(params![scored.left, scored.encode_to_vec(), id])? as u32)
}

fn doubles(bytes: &[u8]) -> Vec<f64> {
    bytes
        .chunks_exact(8)
        .map(|eight| f64::from_le_bytes(eight.try_into().unwrap_or_default()))
        .collect()
}
