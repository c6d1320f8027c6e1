//! What is stored about series over runs.

use sla_domain::SeriesId;
use sla_proto::convert;
use sla_proto::result::v1::SeriesResult;
use sla_proto::series::v1::Series;

use crate::error::StoreError;
use crate::page;
use crate::payload;
use crate::port::{Page, Paged};
use crate::record;
use crate::stored::decoded;
use crate::transaction::Transaction;
use crate::value::{Row, values};

const SERIES: &str = "SELECT id, body FROM series WHERE id > ? ORDER BY id LIMIT ?";
const SERIES_KEY: &str = "SELECT id, body FROM series WHERE fingerprint = ?";
/// The runs of one page and the bytes of their parts. By the runs' index and the results' natural key: results have no index
/// by series, which would cost each run more than it saves here.
const RUNS: &str = "SELECT p.as_of_ms, p.id, SUM(LENGTH(r.payload)) FROM run_progress p JOIN result r ON r.run = p.id \
     WHERE r.series = ? AND p.as_of_ms > ? AND (p.as_of_ms < ? OR (p.as_of_ms = ? AND p.id < ?)) \
     GROUP BY p.as_of_ms, p.id ORDER BY p.as_of_ms DESC, p.id DESC LIMIT ?";
const PARTS: &str = "SELECT p.id, p.run_id, r.as_of_ms, r.payload FROM run_progress p JOIN result r ON r.run = p.id \
     WHERE r.series = ? AND p.as_of_ms >= ? AND p.as_of_ms <= ? \
     ORDER BY p.as_of_ms DESC, p.id DESC, r.kind, r.window_ms";

/// A page of the series that have results.
pub(super) fn series(tx: &mut dyn Transaction, page: &Page) -> Result<Paged<Series>, StoreError> {
    let after = page::number(page.after.as_deref(), 0)?;
    let rows = tx.rows(SERIES, &values![after, page::wanted(page.size)])?;
    let key = |row: &Row| Ok(row.number::<i64>(0)?.to_string());
    page::cut(rows, page.size, Row::size, key, |row| decoded("series", row.bytes(1)?))
}

/// A run of a page: instant, key, bytes.
type RunRow = (i64, i64, usize);

/// A page of the results of one series, newest first.
pub(super) fn of_series(
    tx: &mut dyn Transaction,
    id: SeriesId,
    (after_ms, until_ms): (i64, i64),
    page: &Page,
) -> Result<Paged<SeriesResult>, StoreError> {
    let nothing = Paged {
        rows: Vec::new(),
        next: None,
    };
    let Some(known) = tx.row(SERIES_KEY, &values![&id.0[..]])? else {
        return Ok(nothing);
    };
    let series: i64 = known.number(0)?;
    let named: Series = decoded("series", known.bytes(1)?)?;
    // The first page begins behind the last instant that may be in it.
    let (before_ms, before_run) = page::pair(page.after.as_deref(), (until_ms.saturating_add(1), 0))?;
    let limit = page::wanted(page.size);
    let rows = tx.rows(
        RUNS,
        &values![series, after_ms, before_ms, before_ms, before_run, limit],
    )?;
    let runs: Vec<RunRow> = rows
        .iter()
        .map(|row| Ok((row.number(0)?, row.number(1)?, row.number(2)?)))
        .collect::<Result<_, StoreError>>()?;
    let key = |(as_of_ms, run, _): &RunRow| Ok(format!("{as_of_ms},{run}"));
    let runs = page::cut(
        runs,
        page.size,
        |(_, _, bytes)| *bytes,
        key,
        |(as_of_ms, run, _)| Ok((as_of_ms, run)),
    )?;
    let (Some(&(newest_ms, _)), Some(&(oldest_ms, _))) = (runs.rows.first(), runs.rows.last()) else {
        return Ok(nothing);
    };
    let parts = tx.rows(PARTS, &values![series, oldest_ms, newest_ms])?;
    let mut results: Vec<SeriesResult> = Vec::new();
    let mut at: Option<i64> = None;
    for row in &parts {
        let run: i64 = row.number(0)?;
        // Two runs of one instant may be parted by the end of a page.
        if !runs.rows.iter().any(|(_, wanted)| *wanted == run) {
            continue;
        }
        let content = payload::decode(row.bytes(3)?)?;
        match results.last_mut() {
            Some(result) if at == Some(run) => record::merge(result, content),
            _ => {
                let mut result = SeriesResult {
                    run_id: row.text(1)?,
                    series: Some(named.clone()),
                    as_of: Some(convert::timestamp(row.number(2)?)),
                    ..SeriesResult::default()
                };
                record::merge(&mut result, content);
                results.push(result);
                at = Some(run);
            }
        }
    }
    Ok(Paged {
        rows: results,
        next: runs.next,
    })
}
