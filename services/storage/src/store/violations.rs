//! Violations: what supersedes what, and the numbered feed of their changes.

use std::collections::HashMap;

use prost::Message as _;
use sla_proto::convert;
use sla_proto::storage::v1::LedgerChange;
use sla_proto::violation::v1::Violation;

use super::counter;
use super::listing::Listing;
use crate::error::StoreError;
use crate::page;
use crate::port::{ChangeLimits, Page, ViolationFilter, Written};
use crate::stored::decoded;
use crate::transaction::{Insert, Met, Transaction};
use crate::value::{Row, Value, values};

const FIND: &str = "SELECT id, end_ms, duration_ms, retired, body FROM violation \
     WHERE objective_id = ? AND generation = ? AND series = ? AND start_ms = ?";
const LIST: &str = "SELECT start_ms, id, retired, body FROM violation WHERE ";
const UPDATE: &str = "UPDATE violation SET end_ms = ?, duration_ms = ?, sequence = ?, body = ? WHERE id = ?";
const CHANGES: &str = "SELECT sequence, retired, body FROM violation WHERE sequence > ? ORDER BY sequence LIMIT ?";
const TO_RETIRE: &str = "SELECT MIN(id), MAX(id) FROM violation WHERE set_id = ? AND objective_id = ? AND retired = 0";
const RETIRE: &str =
    "UPDATE violation SET retired = 1, sequence = id + ? WHERE set_id = ? AND objective_id = ? AND retired = 0";
const PUT: Insert = Insert {
    table: "violation",
    key: &["objective_id", "generation", "series", "start_ms"],
    columns: &["set_id", "end_ms", "duration_ms", "retired", "sequence", "body"],
    met: Met::Keep,
};

/// A violation with its columns, checked.
pub(super) struct ViolationRow {
    pub(super) series: Vec<u8>,
    pub(super) start_ms: i64,
    pub(super) end_ms: Option<i64>,
    /// How long it is known to last, milliseconds.
    pub(super) duration_ms: i64,
    pub(super) violation: Violation,
}

/// What is stored about a key, or will be when this write is through.
struct Known<'a> {
    id: Option<i64>,
    closed: bool,
    duration_ms: i64,
    stored: Violation,
    /// The row of this write that it comes from.
    from: Option<&'a ViolationRow>,
}

impl<'a> Known<'a> {
    fn new(row: &'a ViolationRow, id: Option<i64>) -> Self {
        Self {
            id,
            closed: row.end_ms.is_some(),
            duration_ms: row.duration_ms,
            stored: row.violation.clone(),
            from: Some(row),
        }
    }

    fn read(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: Some(row.number(0)?),
            closed: row.optional::<i64>(1)?.is_some(),
            duration_ms: row.number(2)?,
            stored: decoded("violation", row.bytes(4)?)?,
            from: None,
        })
    }
}

/// Writes what knows more than what is stored; each changed row gets a number of its own.
pub(super) fn put(tx: &mut dyn Transaction, rows: &[ViolationRow]) -> Result<Written, StoreError> {
    let mut written = Written::default();
    let mut known: HashMap<[Value<'_>; 4], usize> = HashMap::new();
    let mut all: Vec<Known<'_>> = Vec::new();
    for row in rows {
        let key = key(row);
        let at = if let Some(&at) = known.get(&key) {
            at
        } else {
            let there = tx.lock(FIND, &key)?.first().map(Known::read).transpose()?;
            let is_new = there.is_none();
            all.push(there.unwrap_or_else(|| Known::new(row, None)));
            known.insert(key, all.len() - 1);
            if is_new {
                written.inserted += 1;
                continue;
            }
            all.len() - 1
        };
        let have = &all[at];
        if have.stored != row.violation && supersedes(row, have) {
            let id = have.id;
            all[at] = Known::new(row, id);
            written.updated += 1;
        }
    }
    let changed: Vec<(Option<i64>, &ViolationRow)> =
        all.iter().filter_map(|known| Some((known.id, known.from?))).collect();
    if !changed.is_empty() {
        let first = counter::take(tx, counter::LEDGER, changed.len() as u64)?;
        write(tx, (first..).zip(changed))?;
    }
    Ok(written)
}

fn write<'a>(
    tx: &mut dyn Transaction,
    changed: impl Iterator<Item = (i64, (Option<i64>, &'a ViolationRow))>,
) -> Result<(), StoreError> {
    let mut new = Vec::new();
    for (sequence, (id, row)) in changed {
        let (violation, body) = (&row.violation, row.violation.encode_to_vec());
        if let Some(id) = id {
            tx.execute(UPDATE, &values![row.end_ms, row.duration_ms, sequence, body, id])?;
        } else {
            let (set_id, retired) = (&violation.set_id, violation.retired);
            new.extend(key(row));
            new.extend(values![set_id, row.end_ms, row.duration_ms, retired, sequence, body]);
        }
    }
    if tx.insert(&PUT, &new)? as usize * PUT.width() == new.len() {
        Ok(())
    } else {
        Err(StoreError::Overtaken)
    }
}

fn key(row: &ViolationRow) -> [Value<'_>; 4] {
    values![
        &row.violation.objective_id,
        row.violation.generation,
        &row.series,
        row.start_ms
    ]
}

/// Whether what came knows more than what is stored. A repeated or late message must not undo a newer one: the later
/// judgement counts, since late samples may lengthen, join or shorten. Where one of them does not say when it was judged,
/// closing always counts; a closed one is reopened or moved only by one that lasts longer (late samples joined two
/// intervals); of equal length the one with more samples counts.
fn supersedes(row: &ViolationRow, have: &Known<'_>) -> bool {
    if let (Some(judged), Some(before)) = (&row.violation.judged, &have.stored.judged) {
        return convert::millis(judged) >= convert::millis(before);
    }
    match (have.closed, row.end_ms.is_some()) {
        (false, true) => true,
        (true, false) => row.duration_ms > have.duration_ms,
        (true, true) | (false, false) => {
            (row.duration_ms, row.violation.samples) > (have.duration_ms, have.stored.samples)
        }
    }
}

/// Marks the violations of an objective that its set has no longer.
pub(super) fn retire(tx: &mut dyn Transaction, set_id: &str, objective_id: &str) -> Result<(), StoreError> {
    let ids = tx.row(TO_RETIRE, &values![set_id, objective_id])?;
    let span = |row: Row| -> Result<Option<(i64, i64)>, StoreError> { Ok(row.optional(0)?.zip(row.optional(1)?)) };
    if let Some((least, greatest)) = ids.map(span).transpose()?.flatten() {
        // Numbers follow the ids, so one statement gives each row its own.
        let first = counter::take(tx, counter::LEDGER, (greatest - least + 1).unsigned_abs())?;
        tx.execute(RETIRE, &values![first - least, set_id, objective_id])?;
    }
    Ok(())
}

/// The query of a filter.
pub(super) fn listing(filter: &ViolationFilter, page: &Page) -> Result<Listing, StoreError> {
    let mut query = Listing::newest_first(LIST, "start_ms", page)?;
    query
        .text("set_id", &filter.set_id)
        .text("objective_id", &filter.objective_id)
        .bytes("series", &filter.series)
        // Half open intervals [start, end) that overlap (after, until].
        .number("start_ms <= ?", filter.until_ms)
        .number("(end_ms IS NULL OR end_ms > ?)", filter.after_ms)
        .flag(filter.open_only, "end_ms IS NULL")
        .flag(!filter.with_retired, "retired = 0");
    Ok(query)
}

/// A row of that query.
pub(super) fn listed(row: &Row) -> Result<Violation, StoreError> {
    marked(row.flag(2)?, row.bytes(3)?)
}

fn marked(retired: bool, body: &[u8]) -> Result<Violation, StoreError> {
    Ok(Violation {
        retired,
        ..decoded("violation", body)?
    })
}

/// What has changed since the change number `after`, and the newest number.
pub(super) fn changes(
    tx: &mut dyn Transaction,
    after: i64,
    limits: ChangeLimits,
) -> Result<(Vec<LedgerChange>, u64), StoreError> {
    let rows = tx.rows(CHANGES, &values![after, page::wanted(limits.count)])?;
    let mut sum = 0;
    let fits = rows.iter().take(limits.count).enumerate().take_while(|(at, row)| {
        sum += row.size();
        *at == 0 || sum <= limits.bytes
    });
    let changes = fits
        .map(|(_, row)| {
            Ok(LedgerChange {
                sequence: row.number(0)?,
                violation: Some(marked(row.flag(1)?, row.bytes(2)?)?),
            })
        })
        .collect::<Result<_, StoreError>>()?;
    Ok((changes, counter::newest(tx, counter::LEDGER)?.unsigned_abs()))
}
