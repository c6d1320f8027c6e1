//! `StateStore`: what roles remember. It goes with its objective, or when its days are over.

use std::collections::{BTreeMap, HashMap, HashSet};

use async_trait::async_trait;
use sla_proto::convert;
use sla_proto::storage::v1::StateEntry;

use super::SqlStore;
use crate::error::StoreError;
use crate::port::{MAX_LEDGER_ROWS, MAX_PAGE_BYTES, MAX_READ_SERIES, MAX_STATE_BYTES, StateStore};
use crate::transaction::{Database, Insert, Met, Transaction, rows_in};
use crate::value::{Value, values};

/// The longest id or key, in bytes.
const MAX_KEY_BYTES: usize = 256;
/// Days that something may be kept at most.
const MAX_DAYS: u32 = 3_650;
const DAY_MS: i64 = 86_400_000;
/// What was written so much later than now was written by a clock that was ahead, milliseconds: clocks of hosts differ by less.
const AHEAD_MS: i64 = 60_000;

/// `keep_days` come back from the difference of two columns: 0 where nothing ends it.
const READ: &str = "SELECT item, body, written_ms, until_ms FROM state WHERE owner = ? AND item IN (*)";
const AHEAD: &str = "SELECT item FROM state WHERE owner = ? AND written_ms > ? AND item IN (*)";
const SET_BACK: &str = "UPDATE state SET written_ms = 0 WHERE owner = ? AND item = ?";
const FORGET: &str = "DELETE FROM state WHERE owner = ?";
const OWNERS: &str = "SELECT owner, MAX(written_ms) FROM state WHERE owner <> ? GROUP BY owner";
/// Of equal times the greater body counts, so that the order of arrival does not matter.
const PUT: Insert = Insert {
    table: "state",
    key: &["owner", "item"],
    columns: &["written_ms", "body", "until_ms"],
    met: Met::Advance(&["written_ms", "body"]),
};

#[async_trait]
impl<D: Database> StateStore for SqlStore<D> {
    async fn put_state(&self, entries: Vec<StateEntry>) -> Result<(), StoreError> {
        check_all(&entries)?;
        self.database
            .write(move |tx| {
                set_back(tx, &entries)?;
                let rows: Vec<Value<'_>> = entries.iter().flat_map(columns).collect();
                tx.insert(&PUT, &rows)?;
                Ok(())
            })
            .await
    }

    async fn state(&self, objective_id: &str, keys: &[String]) -> Result<(Vec<StateEntry>, usize), StoreError> {
        if keys.len() > MAX_READ_SERIES {
            return Err(StoreError::invalid(
                "keys",
                keys.len(),
                "at most 1000 keys",
                "ask for fewer keys at once",
            ));
        }
        let (owner, keys) = (objective_id.to_owned(), keys.to_vec());
        self.database.read(move |tx| read(tx, &owner, &keys)).await
    }
}

/// What a clock that was ahead has written gives way to the next word, whenever that is written: else nothing would be remembered
/// under its key until that time comes.
fn set_back(tx: &mut dyn Transaction, entries: &[StateEntry]) -> Result<(), StoreError> {
    let ahead_ms = tx.now_ms()?.saturating_add(AHEAD_MS);
    let mut by_owner: BTreeMap<&str, Vec<Value<'_>>> = BTreeMap::new();
    for entry in entries {
        let items = by_owner.entry(&entry.objective_id).or_default();
        items.push(Value::from(&entry.key));
    }
    for (owner, items) in by_owner {
        for row in rows_in(tx, AHEAD, &values![owner, ahead_ms], &items)? {
            tx.execute(SET_BACK, &values![owner, row.text(0)?])?;
        }
    }
    Ok(())
}

fn columns(entry: &StateEntry) -> [Value<'_>; 5] {
    let written_ms = entry.written.as_ref().map_or(0, convert::millis);
    let kept_ms = i64::from(entry.keep_days) * DAY_MS;
    let until_ms = (entry.keep_days > 0).then(|| written_ms.saturating_add(kept_ms));
    values![&entry.objective_id, &entry.key, written_ms, &entry.body, until_ms]
}

fn read(tx: &mut dyn Transaction, owner: &str, keys: &[String]) -> Result<(Vec<StateEntry>, usize), StoreError> {
    let (mut entries, mut bytes, mut looked_up) = (Vec::new(), 0, 0);
    // Piece by piece, so that a thousand large bodies are never in memory at once.
    for piece in keys.chunks(MAX_PAGE_BYTES / MAX_STATE_BYTES) {
        let wanted: Vec<Value<'_>> = piece.iter().map(Value::from).collect();
        let mut found: HashMap<String, StateEntry> = HashMap::new();
        for row in rows_in(tx, READ, &values![owner], &wanted)? {
            let written_ms: i64 = row.number(2)?;
            let until_ms: Option<i64> = row.optional(3)?;
            let key = row.text(0)?;
            let entry = StateEntry {
                objective_id: owner.to_owned(),
                key: key.clone(),
                body: row.bytes(1)?.to_vec(),
                written: Some(convert::timestamp(written_ms)),
                keep_days: until_ms.map_or(0, |until_ms| (until_ms.saturating_sub(written_ms) / DAY_MS) as u32),
            };
            found.insert(key, entry);
        }
        for key in piece {
            if let Some(entry) = found.remove(key) {
                if bytes + entry.body.len() > MAX_PAGE_BYTES {
                    return Ok((entries, looked_up));
                }
                bytes += entry.body.len();
                entries.push(entry);
            }
            looked_up += 1;
        }
    }
    Ok((entries, looked_up))
}

/// Forgets everything that belongs to an objective.
pub(super) fn forget(tx: &mut dyn Transaction, objective_id: &str) -> Result<u64, StoreError> {
    tx.execute(FORGET, &values![objective_id])
}

/// Forgets what belongs to none of `objectives` and was not written since `before_ms`: a late write after its objective
/// had gone.
pub(super) fn forget_strays(
    tx: &mut dyn Transaction,
    objectives: &HashSet<String>,
    before_ms: i64,
) -> Result<u64, StoreError> {
    let mut rows = 0;
    for owner in tx.rows(OWNERS, &values![""])? {
        let (objective_id, written_ms) = (owner.text(0)?, owner.number::<i64>(1)?);
        if written_ms < before_ms && !objectives.contains(&objective_id) {
            rows += forget(tx, &objective_id)?;
        }
    }
    Ok(rows)
}

fn check_all(entries: &[StateEntry]) -> Result<(), StoreError> {
    if entries.len() > MAX_LEDGER_ROWS {
        return Err(StoreError::invalid(
            "entries",
            entries.len(),
            "at most 500 entries",
            "write them in several calls",
        ));
    }
    entries.iter().enumerate().try_for_each(|(at, entry)| check(at, entry))
}

fn check(at: usize, entry: &StateEntry) -> Result<(), StoreError> {
    let invalid = |field: &str, value: String, rule, fix| {
        Err(StoreError::invalid(format!("entries[{at}].{field}"), value, rule, fix))
    };
    let StateEntry {
        objective_id,
        key,
        body,
        written,
        keep_days,
    } = entry;
    if key.is_empty() || key.len() > MAX_KEY_BYTES {
        return invalid("key", key.clone(), "must have 1 to 256 bytes", "give a short key");
    }
    if objective_id.len() > MAX_KEY_BYTES {
        return invalid(
            "objective_id",
            objective_id.clone(),
            "at most 256 bytes",
            "give the id of an objective",
        );
    }
    if body.len() > MAX_STATE_BYTES {
        return invalid(
            "body",
            format!("{} bytes", body.len()),
            "at most 64 KiB",
            "remember less",
        );
    }
    if written.is_none() {
        return invalid("written", String::new(), "a time is given", "say when it was found out");
    }
    if *keep_days > MAX_DAYS || (*keep_days == 0 && objective_id.is_empty()) {
        return invalid(
            "keep_days",
            keep_days.to_string(),
            "1 to 3650 days, or 0 with an objective",
            "say what ends it: an objective, or a number of days",
        );
    }
    Ok(())
}
