//! `SetStore`: optimistic locking by `WHERE version = ?`, and what becomes of objectives that a set has no longer.

use std::collections::HashSet;

use async_trait::async_trait;
use prost::Message as _;
use sla_proto::convert;
use sla_proto::objective::v1::SlaSet;

use super::{SqlStore, audit, counter, state, violations};
use crate::error::StoreError;
use crate::page;
use crate::port::{ChangedSets, MAX_SETS, Page, Paged, SetDelete, SetPut, SetStore};
use crate::stored::{decoded, new_id, signed};
use crate::transaction::{Database, Insert, Met, Subject, Transaction};
use crate::value::{Row, values};

/// The longest id or name, in bytes.
const MAX_NAME_BYTES: usize = 256;
/// The largest set, encoded.
const MAX_SET_BYTES: usize = 1 << 20;

const LIST: &str = "SELECT body FROM sla_set ORDER BY name_key LIMIT ?";
/// Written out rather than as a row value: every database uses an index for this form.
const CHANGED: &str = "SELECT changed, id, body FROM sla_set WHERE changed >= ? AND (changed > ? OR id > ?) \
                       ORDER BY changed, id LIMIT ?";
const GET: &str = "SELECT body FROM sla_set WHERE id = ?";
const COUNT: &str = "SELECT COUNT(*) FROM sla_set";
const NAME_OWNER: &str = "SELECT id FROM sla_set WHERE name_key = ?";
const REPLACE: &str =
    "UPDATE sla_set SET name_key = ?, version = ?, changed = ?, body = ? WHERE id = ? AND version = ?";
/// Frees the names of a batch first, so that two sets may exchange theirs.
const FREE_NAME: &str = "UPDATE sla_set SET name_key = ? WHERE id = ? AND version = ?";
const DELETE: &str = "DELETE FROM sla_set WHERE id = ? AND version = ?";
const CREATE: Insert = Insert {
    table: "sla_set",
    key: &["id"],
    columns: &["name_key", "version", "changed", "body"],
    met: Met::Keep,
};

#[async_trait]
impl<D: Database> SetStore for SqlStore<D> {
    async fn changed_sets(&self, after: u64, page: Page) -> Result<ChangedSets, StoreError> {
        let from = signed("after", after)?.saturating_add(1);
        let written = self.database.written(Subject::Sets);
        if let Some((revision, total)) = self.looks.sets.known(written)
            && after >= revision
            && page.after.is_none()
        {
            return Ok(ChangedSets {
                sets: Paged {
                    rows: Vec::new(),
                    next: None,
                },
                revision,
                total,
            });
        }
        let sets = self.database.read(move |tx| changed(tx, from, &page)).await?;
        self.looks.sets.found(written, (sets.revision, sets.total));
        Ok(sets)
    }

    async fn set(&self, id: &str) -> Result<SlaSet, StoreError> {
        let id = id.to_owned();
        self.database
            .read(move |tx| {
                let row = tx.row(GET, &values![&id])?.ok_or_else(|| not_found(&id))?;
                decoded("set", row.bytes(0)?)
            })
            .await
    }

    async fn put_sets(&self, puts: Vec<SetPut>, deletes: Vec<SetDelete>) -> Result<Vec<SlaSet>, StoreError> {
        puts.iter().try_for_each(check)?;
        let now_ms = self.clock.now_ms();
        self.database
            .write(move |tx| {
                let changed = counter::take(tx, counter::SETS, 1)?;
                let mut replaced = Vec::new();
                for gone in &deletes {
                    let set = delete(tx, gone)?;
                    audit::set(tx, now_ms, &gone.author, Some(&set), None)?;
                    replaced.push(set);
                }
                let deleted = replaced.len();
                free_names(tx, &puts, &mut replaced)?;
                let written: Vec<SlaSet> = puts
                    .iter()
                    .map(|put| put_one(tx, put, changed, now_ms))
                    .collect::<Result<_, _>>()?;
                retire(tx, &replaced, &written)?;
                for set in &written {
                    let before = replaced[deleted..].iter().find(|before| before.id == set.id);
                    audit::set(tx, now_ms, &set.author, before, Some(set))?;
                }
                Ok(written)
            })
            .await
    }

    async fn delete_set(&self, gone: SetDelete) -> Result<(), StoreError> {
        let now_ms = self.clock.now_ms();
        self.database
            .write(move |tx| {
                counter::take(tx, counter::SETS, 1)?;
                let deleted = delete(tx, &gone)?;
                audit::set(tx, now_ms, &gone.author, Some(&deleted), None)?;
                retire(tx, &[deleted], &[])
            })
            .await
    }
}

/// All sets, by name.
pub(super) fn all(tx: &mut dyn Transaction) -> Result<Vec<SlaSet>, StoreError> {
    let rows = tx.rows(LIST, &values![MAX_SETS as i64])?;
    rows.iter().map(|row| decoded("set", row.bytes(0)?)).collect()
}

/// A page of those that were saved with the number `from` or a later one.
fn changed(tx: &mut dyn Transaction, from: i64, page: &Page) -> Result<ChangedSets, StoreError> {
    let start = (from, String::new());
    let (changed, id) = page.after.as_deref().map_or(Ok(start), place)?;
    let rows = tx.rows(CHANGED, &values![changed, changed, id, page::wanted(page.size)])?;
    let key = |row: &Row| Ok(format!("{},{}", row.number::<i64>(0)?, row.text(1)?));
    Ok(ChangedSets {
        sets: page::cut(rows, page.size, Row::size, key, |row| decoded("set", row.bytes(2)?))?,
        revision: counter::newest(tx, counter::SETS)?.unsigned_abs(),
        total: count(tx)?.unsigned_abs(),
    })
}

/// Number and id in the key of a page.
fn place(key: &str) -> Result<(i64, String), StoreError> {
    let parts = key
        .split_once(',')
        .and_then(|(changed, id)| Some((changed.parse().ok()?, id.to_owned())));
    parts.ok_or_else(|| page::bad_key(key))
}

fn count(tx: &mut dyn Transaction) -> Result<i64, StoreError> {
    tx.row(COUNT, &[])?.map_or(Ok(0), |row| row.number(0))
}

/// Retires the objectives of what was there, as far as what was written has them no longer.
fn retire(tx: &mut dyn Transaction, replaced: &[SlaSet], written: &[SlaSet]) -> Result<(), StoreError> {
    let kept_anywhere: HashSet<&str> = objectives(written).map(|(_, objective)| objective).collect();
    let kept: HashSet<(&str, &str)> = objectives(written).collect();
    for (set_id, objective_id) in objectives(replaced).filter(|pair| !kept.contains(pair)) {
        violations::retire(tx, set_id, objective_id)?;
        if !kept_anywhere.contains(objective_id) {
            state::forget(tx, objective_id)?;
        }
    }
    Ok(())
}

fn objectives(sets: &[SlaSet]) -> impl Iterator<Item = (&str, &str)> {
    sets.iter().flat_map(|set| {
        let objectives = set.objectives.iter().filter(|objective| !objective.id.is_empty());
        objectives.map(|objective| (set.id.as_str(), objective.id.as_str()))
    })
}

/// Deletes the version named, and gives the set that it was.
fn delete(tx: &mut dyn Transaction, gone: &SetDelete) -> Result<SlaSet, StoreError> {
    let (id, expected_version) = (gone.id.as_str(), gone.expected_version);
    let version = signed("expected_version", expected_version)?;
    let Some(set) = locked(tx, id)? else {
        return Err(not_found(id));
    };
    if tx.execute(DELETE, &values![id, version])? == 1 {
        Ok(set)
    } else {
        Err(stale(id, expected_version, Some(set)))
    }
}

fn check(put: &SetPut) -> Result<(), StoreError> {
    let set = &put.set;
    if set.name.trim().is_empty() || set.name.len() > MAX_NAME_BYTES {
        return Err(StoreError::invalid(
            "set.name",
            &set.name,
            "must have 1 to 256 bytes",
            "give the set a short name",
        ));
    }
    if set.id.len() > MAX_NAME_BYTES {
        return Err(StoreError::invalid(
            "set.id",
            &set.id,
            "at most 256 bytes",
            "leave it empty in a new set",
        ));
    }
    if set.id.is_empty() && put.expected_version != 0 {
        return Err(StoreError::invalid(
            "set.id",
            "",
            "names the set to replace",
            "give the id of the set",
        ));
    }
    if set.encoded_len() > MAX_SET_BYTES {
        return Err(StoreError::invalid(
            "set",
            set.encoded_len(),
            "at most 1 MiB",
            "split the set",
        ));
    }
    signed("expected_version", put.expected_version).map(|_| ())
}

/// Names are compared without regard to case and outer space.
fn name_key(name: &str) -> String {
    name.trim().to_lowercase()
}

fn locked(tx: &mut dyn Transaction, id: &str) -> Result<Option<SlaSet>, StoreError> {
    let rows = tx.lock(GET, &values![id])?;
    rows.first().map(|row| decoded("set", row.bytes(0)?)).transpose()
}

fn not_found(id: &str) -> StoreError {
    StoreError::NotFound {
        what: "set",
        id: id.to_owned(),
    }
}

fn stale(id: &str, expected: u64, stored: Option<SlaSet>) -> StoreError {
    StoreError::StaleVersion {
        id: id.to_owned(),
        expected,
        stored: stored.map(Box::new),
    }
}

/// Refuses what is not the stored version; notes in `replaced` what is.
fn free_names(tx: &mut dyn Transaction, puts: &[SetPut], replaced: &mut Vec<SlaSet>) -> Result<(), StoreError> {
    for SetPut { set, expected_version } in puts.iter().filter(|put| put.expected_version != 0) {
        let version = signed("expected_version", *expected_version)?;
        let there = locked(tx, &set.id)?;
        // No name contains a line feed at its start: names are trimmed.
        let parked = format!("\n{}", set.id);
        if tx.execute(FREE_NAME, &values![parked, &set.id, version])? == 0 {
            return Err(stale(&set.id, *expected_version, there));
        }
        replaced.extend(there);
    }
    Ok(())
}

fn put_one(tx: &mut dyn Transaction, put: &SetPut, changed: i64, now_ms: i64) -> Result<SlaSet, StoreError> {
    let (mut set, expected_version) = (put.set.clone(), put.expected_version);
    if set.id.is_empty() {
        set.id = new_id()?;
    }
    let key = name_key(&set.name);
    let owner = tx.row(NAME_OWNER, &values![&key])?;
    if owner
        .map(|row| row.text(0))
        .transpose()?
        .is_some_and(|owner| owner != set.id)
    {
        return Err(StoreError::NameTaken { name: set.name });
    }
    set.version = expected_version + 1;
    set.updated.get_or_insert_with(|| convert::timestamp(now_ms));
    let version = signed("expected_version", set.version)?;
    if expected_version == 0 {
        create(tx, &set, &key, version, changed)?;
    } else {
        let replaced = tx.execute(
            REPLACE,
            &values![key, version, changed, set.encode_to_vec(), &set.id, version - 1],
        )?;
        if replaced == 0 {
            let there = locked(tx, &set.id)?;
            return Err(stale(&set.id, expected_version, there));
        }
    }
    Ok(set)
}

fn create(tx: &mut dyn Transaction, set: &SlaSet, key: &str, version: i64, changed: i64) -> Result<(), StoreError> {
    if let Some(there) = locked(tx, &set.id)? {
        return Err(stale(&set.id, 0, Some(there)));
    }
    let count = count(tx)?;
    if count >= MAX_SETS as i64 {
        return Err(StoreError::invalid(
            "set",
            count,
            "at most 100,000 sets",
            "delete a set first",
        ));
    }
    if tx.insert(&CREATE, &values![&set.id, key, version, changed, set.encode_to_vec()])? == 0 {
        return Err(StoreError::Overtaken);
    }
    Ok(())
}
