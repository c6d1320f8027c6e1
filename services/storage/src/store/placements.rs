//! `PlacementStore`: who owns which partition. An owner raises the epoch by compare-and-set, so that of two which believe
//! to own a partition only one can say so.

use std::collections::HashSet;

use async_trait::async_trait;
use sla_proto::convert;
use sla_proto::storage::v1::Placement;

use super::SqlStore;
use crate::error::StoreError;
use crate::port::{Claim, MAX_CLAIMS, PlacementStore};
use crate::stored::signed;
use crate::transaction::{Database, Insert, Met, Transaction};
use crate::value::{Row, values};

/// The longest address, in bytes.
const MAX_ADDRESS_BYTES: usize = 256;

const LIST: &str = "SELECT shard, address, epoch, since_ms FROM placement ORDER BY shard LIMIT ?";
const READ: &str = "SELECT shard, address, epoch, since_ms FROM placement WHERE shard = ?";
const RAISE: &str = "UPDATE placement SET address = ?, epoch = ?, since_ms = ? WHERE shard = ? AND epoch = ?";
const BEGIN: Insert = Insert {
    table: "placement",
    key: &["shard"],
    columns: &["address", "epoch", "since_ms"],
    met: Met::Keep,
};

#[async_trait]
impl<D: Database> PlacementStore for SqlStore<D> {
    async fn claim(&self, address: &str, claims: Vec<Claim>) -> Result<Vec<(Placement, bool)>, StoreError> {
        check(address, &claims)?;
        let address = address.to_owned();
        self.database
            .write(move |tx| {
                let now_ms = tx.now_ms()?;
                claims
                    .iter()
                    .map(|claim| claim_one(tx, &address, *claim, now_ms))
                    .collect()
            })
            .await
    }

    async fn placements(&self) -> Result<Vec<Placement>, StoreError> {
        self.database
            .read(|tx| {
                tx.rows(LIST, &values![MAX_CLAIMS as i64])?
                    .iter()
                    .map(placement)
                    .collect()
            })
            .await
    }
}

fn check(address: &str, claims: &[Claim]) -> Result<(), StoreError> {
    if address.len() > MAX_ADDRESS_BYTES {
        return Err(StoreError::invalid(
            "address",
            address,
            "at most 256 bytes",
            "give http://host:port",
        ));
    }
    if claims.len() > MAX_CLAIMS {
        return Err(StoreError::invalid(
            "claims",
            claims.len(),
            "at most 1024 claims",
            "a topic of tasks has fewer partitions",
        ));
    }
    let mut seen = HashSet::new();
    for (at, claim) in claims.iter().enumerate() {
        if claim.partition as usize >= MAX_CLAIMS || !seen.insert(claim.partition) {
            return Err(StoreError::invalid(
                format!("claims[{at}].partition"),
                claim.partition,
                "0 to 1023, each once",
                "claim a partition once",
            ));
        }
    }
    Ok(())
}

/// The row is locked in ascending order of what is asked, one row at a time: two workers that claim the same partitions wait
/// for each other or are run again.
fn claim_one(
    tx: &mut dyn Transaction,
    address: &str,
    claim: Claim,
    now_ms: i64,
) -> Result<(Placement, bool), StoreError> {
    let expected = signed("expected_epoch", claim.expected_epoch)?;
    let epoch = signed("expected_epoch", claim.expected_epoch.saturating_add(1))?;
    let there = tx
        .lock(READ, &values![claim.partition])?
        .first()
        .map(placement)
        .transpose()?;
    let stored = there.as_ref().map_or(0, |there| there.epoch);
    if stored != claim.expected_epoch {
        let nobody = Placement {
            partition: claim.partition,
            ..Placement::default()
        };
        return Ok((there.unwrap_or(nobody), false));
    }
    let changed = if there.is_some() {
        tx.execute(RAISE, &values![address, epoch, now_ms, claim.partition, expected])?
    } else {
        tx.insert(&BEGIN, &values![claim.partition, address, epoch, now_ms])?
    };
    if changed == 0 {
        return Err(StoreError::Overtaken);
    }
    let won = Placement {
        partition: claim.partition,
        address: address.to_owned(),
        epoch: epoch.unsigned_abs(),
        since: Some(convert::timestamp(now_ms)),
    };
    Ok((won, true))
}

fn placement(row: &Row) -> Result<Placement, StoreError> {
    Ok(Placement {
        partition: row.number(0)?,
        address: row.text(1)?,
        epoch: row.number(2)?,
        since: Some(convert::timestamp(row.number(3)?)),
    })
}
