//! `LeaseStore`: a row that says who may, until when by the clock of the database, and a token that fences off whoever
//! may no longer.

use async_trait::async_trait;
use sla_proto::convert;
use sla_proto::storage::v1::Lease;

use super::SqlStore;
use super::renewals::Held;
use crate::error::StoreError;
use crate::port::{Fence, LeaseStore, MANAGER_LEASE};
use crate::stored::signed;
use crate::transaction::{Database, Insert, Met, Transaction};
use crate::value::values;

/// The longest name of a lease, in bytes.
const MAX_LEASE_BYTES: usize = 64;
/// The longest name of a holder, in bytes.
const MAX_HOLDER_BYTES: usize = 256;
/// A lease is held so long at least: shorter ones are lost between two breaths of a busy host.
const SHORTEST_MS: i64 = 1_000;
/// And so long at most: nobody waits longer for a holder that died.
const LONGEST_MS: i64 = 300_000;

const READ: &str = "SELECT holder, token, until_ms FROM lease WHERE name = ?";
const TAKE: &str = "UPDATE lease SET holder = ?, token = token + 1, until_ms = ? WHERE name = ? AND token = ?";
const MOVE: &str = "UPDATE lease SET until_ms = ? WHERE name = ? AND token = ?";
const BEGIN: Insert = Insert {
    table: "lease",
    key: &["name"],
    columns: &["holder", "token", "until_ms"],
    met: Met::Keep,
};

impl Held {
    fn message(self, name: &str, now_ms: i64) -> Lease {
        Lease {
            name: name.to_owned(),
            holder: self.holder,
            token: self.token.unsigned_abs(),
            left: Some(convert::duration(self.until_ms.saturating_sub(now_ms).max(0))),
        }
    }
}

#[async_trait]
impl<D: Database> LeaseStore for SqlStore<D> {
    async fn acquire_lease(&self, name: &str, holder: &str, keep_ms: i64) -> Result<(Lease, bool), StoreError> {
        check("name", name, MAX_LEASE_BYTES)?;
        check("holder", holder, MAX_HOLDER_BYTES)?;
        check_time(keep_ms)?;
        let now_ms = self.clock.now_ms();
        if let Some(held) = self.renewals.asked(name, holder, now_ms) {
            return Ok((held.message(name, now_ms), false));
        }
        let (asked, holder) = (name.to_owned(), holder.to_owned());
        let asking = self.database.write(move |tx| acquire(tx, &asked, &holder, keep_ms));
        let (held, now_ms, acquired) = asking.await?;
        if self.is_alone() {
            self.renewals.stored(name, &held);
        }
        Ok((held.message(name, now_ms), acquired))
    }

    async fn renew_lease(&self, name: &str, token: u64, keep_ms: i64) -> Result<(Lease, bool), StoreError> {
        check_time(keep_ms)?;
        let wanted = signed("token", token)?;
        let now_ms = self.clock.now_ms();
        if let Some(held) = self.renewals.renew(name, wanted, keep_ms, now_ms) {
            return Ok((held.message(name, now_ms), true));
        }
        let asked = name.to_owned();
        let renewing = self.database.write(move |tx| {
            let Some(mut held) = locked(tx, &asked)? else {
                return Ok(None);
            };
            let now_ms = tx.now_ms()?;
            let ours = held.token == wanted;
            if ours {
                held.until_ms = now_ms.saturating_add(keep_ms);
                tx.execute(MOVE, &values![held.until_ms, &asked, wanted])?;
            }
            Ok(Some((held, now_ms, ours)))
        });
        let Some((held, now_ms, ours)) = renewing.await? else {
            return Ok((never(name), false));
        };
        if self.is_alone() {
            self.renewals.stored(name, &held);
        }
        Ok((held.message(name, now_ms), ours))
    }

    async fn release_lease(&self, name: &str, token: u64) -> Result<(), StoreError> {
        let (name, token) = (name.to_owned(), signed("token", token)?);
        self.renewals.forget(&name, token);
        self.database
            .write(move |tx| tx.execute(MOVE, &values![0_i64, &name, token]).map(|_| ()))
            .await
    }

    async fn lease(&self, name: &str) -> Result<Lease, StoreError> {
        let name = name.to_owned();
        self.database
            .read(move |tx| {
                let held = tx.row(READ, &values![&name])?.map(|row| held(&row)).transpose()?;
                let now_ms = tx.now_ms()?;
                Ok(held.map_or_else(|| never(&name), |held| held.message(&name, now_ms)))
            })
            .await
    }
}

/// Who has the lease now, the time it is, and whether that is `holder`.
fn acquire(tx: &mut dyn Transaction, name: &str, holder: &str, keep_ms: i64) -> Result<(Held, i64, bool), StoreError> {
    let there = locked(tx, name)?;
    // After the row is locked: time may have passed while another one had it.
    let now_ms = tx.now_ms()?;
    let until_ms = now_ms.saturating_add(keep_ms);
    let taken = |token| Held {
        holder: holder.to_owned(),
        token,
        until_ms,
    };
    match there {
        None => {
            if tx.insert(&BEGIN, &values![name, holder, 1_i64, until_ms])? == 0 {
                return Err(StoreError::Overtaken);
            }
            Ok((taken(1), now_ms, true))
        }
        Some(held) if held.until_ms > now_ms && held.holder != holder => Ok((held, now_ms, false)),
        Some(held) => {
            tx.execute(TAKE, &values![holder, until_ms, name, held.token])?;
            Ok((taken(held.token + 1), now_ms, true))
        }
    }
}

fn locked(tx: &mut dyn Transaction, name: &str) -> Result<Option<Held>, StoreError> {
    tx.lock(READ, &values![name])?.first().map(held).transpose()
}

fn held(row: &crate::value::Row) -> Result<Held, StoreError> {
    Ok(Held {
        holder: row.text(0)?,
        token: row.number(1)?,
        until_ms: row.number(2)?,
    })
}

fn never(name: &str) -> Lease {
    Lease {
        name: name.to_owned(),
        left: Some(convert::duration(0)),
        ..Lease::default()
    }
}

/// Refuses a write of a manager after whom another one came. Nobody takes the lease before this transaction ends.
pub(super) fn fence(tx: &mut dyn Transaction, fence: Fence) -> Result<(), StoreError> {
    let newest = locked(tx, MANAGER_LEASE)?.map_or(0, |held| held.token.unsigned_abs());
    if fence.0 < newest {
        return Err(StoreError::Fenced { token: fence.0, newest });
    }
    Ok(())
}

fn check(field: &'static str, value: &str, most: usize) -> Result<(), StoreError> {
    if value.is_empty() || value.len() > most {
        let rule = if most == MAX_LEASE_BYTES {
            "must have 1 to 64 bytes"
        } else {
            "must have 1 to 256 bytes"
        };
        return Err(StoreError::invalid(field, value, rule, "give a short name"));
    }
    Ok(())
}

fn check_time(keep_ms: i64) -> Result<(), StoreError> {
    if !(SHORTEST_MS..=LONGEST_MS).contains(&keep_ms) {
        return Err(StoreError::invalid(
            "keep",
            format!("{keep_ms} ms"),
            "1 s to 5 min",
            "give a time between two renewals and how long a takeover may take",
        ));
    }
    Ok(())
}
