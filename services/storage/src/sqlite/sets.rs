//! `SetStore` on SQLite: optimistic locking by `WHERE version = ?`.

use async_trait::async_trait;
use prost::Message as _;
use rusqlite::{OptionalExtension as _, Transaction, params};
use sla_proto::convert;
use sla_proto::objective::v1::SlaSet;

use super::{SqliteStore, decoded, signed};
use crate::error::StoreError;
use crate::port::{MAX_SETS, SetDelete, SetPut, SetStore};
use crate::statement::sets as sql;

/// The longest id or name, in bytes.
const MAX_NAME_BYTES: usize = 256;
/// The largest set, encoded.
const MAX_SET_BYTES: usize = 1 << 20;

#[async_trait]
impl SetStore for SqliteStore {
    async fn list_sets(&self) -> Result<Vec<SlaSet>, StoreError> {
        self.connections
            .read(|tx| {
                let mut statement = tx.prepare_cached(sql::LIST)?;
                let mut rows = statement.query([MAX_SETS as i64])?;
                let mut sets = Vec::new();
                while let Some(row) = rows.next()? {
                    sets.push(decoded(
                        "set",
                        row.get_ref(0)?.as_blob().map_err(rusqlite::Error::from)?,
                    )?);
                }
                Ok(sets)
            })
            .await
    }

    async fn set(&self, id: &str) -> Result<SlaSet, StoreError> {
        let id = id.to_owned();
        self.connections
            .read(move |tx| stored(tx, &id)?.ok_or_else(|| StoreError::NotFound { what: "set", id }))
            .await
    }

    async fn put_sets(&self, puts: Vec<SetPut>, deletes: Vec<SetDelete>) -> Result<Vec<SlaSet>, StoreError> {
        for put in &puts {
            check(put)?;
        }
        let now_ms = self.clock.now_ms();
        self.connections
            .write(move |tx| {
                for SetDelete { id, expected_version } in deletes {
                    delete(tx, id, expected_version)?;
                }
                put_all(tx, puts, now_ms)
            })
            .await
    }

    async fn delete_set(&self, id: &str, expected_version: u64) -> Result<(), StoreError> {
        let id = id.to_owned();
        self.connections.write(move |tx| delete(tx, id, expected_version)).await
    }
}

fn delete(tx: &Transaction<'_>, id: String, expected_version: u64) -> Result<(), StoreError> {
    let version = signed("expected_version", expected_version)?;
    if tx.prepare_cached(sql::DELETE)?.execute(params![id, version])? == 1 {
        return Ok(());
    }
    match stored(tx, &id)? {
        Some(set) => Err(stale(id, expected_version, Some(set))),
        None => Err(StoreError::NotFound { what: "set", id }),
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

fn stored(tx: &Transaction<'_>, id: &str) -> Result<Option<SlaSet>, StoreError> {
    let body: Option<Vec<u8>> = tx
        .prepare_cached(sql::GET)?
        .query_row([id], |row| row.get(0))
        .optional()?;
    body.map(|body| decoded("set", &body)).transpose()
}

fn stale(id: String, expected: u64, stored: Option<SlaSet>) -> StoreError {
    StoreError::StaleVersion {
        id,
        expected,
        stored: stored.map(Box::new),
    }
}

fn put_all(tx: &Transaction<'_>, puts: Vec<SetPut>, now_ms: i64) -> Result<Vec<SlaSet>, StoreError> {
    for put in puts.iter().filter(|put| put.expected_version != 0) {
        let version = signed("expected_version", put.expected_version)?;
        // No name contains a line feed at its start: names are trimmed.
        let parked = format!("\n{}", put.set.id);
        if tx
            .prepare_cached(sql::FREE_NAME)?
            .execute(params![parked, put.set.id, version])?
            == 0
        {
            let there = stored(tx, &put.set.id)?;
            return Err(stale(put.set.id.clone(), put.expected_version, there));
        }
    }
    puts.into_iter().map(|put| put_one(tx, put, now_ms)).collect()
}

fn put_one(tx: &Transaction<'_>, put: SetPut, now_ms: i64) -> Result<SlaSet, StoreError> {
    let SetPut {
        mut set,
        expected_version,
    } = put;
    let key = name_key(&set.name);
    let owner: Option<String> = tx
        .prepare_cached(sql::NAME_OWNER)?
        .query_row([&key], |row| row.get(0))
        .optional()?;
    if set.id.is_empty() {
        set.id = super::new_id(tx)?;
    }
    if owner.is_some_and(|owner| owner != set.id) {
        return Err(StoreError::NameTaken { name: set.name });
    }
    set.version = expected_version + 1;
    set.updated.get_or_insert_with(|| convert::timestamp(now_ms));
    let version = signed("expected_version", set.version)?;
    if expected_version == 0 {
        if let Some(there) = stored(tx, &set.id)? {
            return Err(stale(set.id, 0, Some(there)));
        }
        let count: i64 = tx.prepare_cached(sql::COUNT)?.query_row([], |row| row.get(0))?;
        if count >= MAX_SETS as i64 {
            return Err(StoreError::invalid(
                "set",
                count,
                "at most 1000 sets",
                "delete a set first",
            ));
        }
        tx.prepare_cached(sql::INSERT)?
            .execute(params![set.id, key, version, set.encode_to_vec()])?;
    } else {
        let replaced = tx.prepare_cached(sql::REPLACE)?.execute(params![
            key,
            version,
            set.encode_to_vec(),
            set.id,
            version - 1
        ])?;
        if replaced == 0 {
            let there = stored(tx, &set.id)?;
            return Err(stale(set.id, expected_version, there));
        }
    }
    Ok(set)
}
