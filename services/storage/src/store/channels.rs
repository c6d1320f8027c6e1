//! Channels with an optimistic lock, each change with its notices and its entries of the audit log in one transaction.

use prost::Message as _;
use sla_proto::notify::v1::Channel;
use sla_proto::storage::v1::ChangeChannelsRequest;

use super::{audit, outbox};
use crate::error::StoreError;
use crate::page;
use crate::port::{MAX_CHANNELS, Page, Paged};
use crate::stored::{decoded, new_id, signed};
use crate::transaction::{Insert, Met, Transaction};
use crate::value::{Row, values};

/// Rows of one change at most.
const MAX_ROWS: usize = 100;
/// The largest channel, encoded.
const MAX_BODY_BYTES: usize = 64 << 10;
/// The longest id, name or owner, in bytes.
const MAX_NAME_BYTES: usize = 256;

const LIST: &str = "SELECT id, body FROM channel WHERE id > ? ORDER BY id LIMIT ?";
const GET: &str = "SELECT version FROM channel WHERE id = ?";
const COUNT: &str = "SELECT COUNT(*) FROM channel";
const NAME_OWNER: &str = "SELECT id FROM channel WHERE name_key = ?";
const REPLACE: &str = "UPDATE channel SET name_key = ?, version = ?, body = ? WHERE id = ? AND version = ?";
const REMOVE: &str = "DELETE FROM channel WHERE id = ?";
const FORGET: &str = "DELETE FROM story WHERE channel_id = ?";
const CREATE: Insert = Insert {
    table: "channel",
    key: &["id"],
    columns: &["name_key", "version", "body"],
    met: Met::Keep,
};

/// A page of channels, by id.
pub(super) fn page(tx: &mut dyn Transaction, wanted: &Page) -> Result<Paged<Channel>, StoreError> {
    let after = wanted.after.as_deref().unwrap_or_default();
    let rows = tx.rows(LIST, &values![after, page::wanted(wanted.size)])?;
    page::cut(
        rows,
        wanted.size,
        Row::size,
        |row| row.text(0),
        |row| decoded("channel", row.bytes(1)?),
    )
}

/// Refuses what is too large before the database is touched.
pub(super) fn check(change: &ChangeChannelsRequest) -> Result<(), StoreError> {
    let rows = change.puts.len() + change.removed.len() + change.notices.len() + change.audit.len();
    if rows > MAX_ROWS {
        return Err(StoreError::invalid(
            "puts",
            rows,
            "at most 100 rows",
            "change less at once",
        ));
    }
    for (at, channel) in change.puts.iter().enumerate() {
        let name = channel.name.trim();
        if name.is_empty() || name.len() > MAX_NAME_BYTES || channel.owner.len() > MAX_NAME_BYTES {
            return Err(StoreError::invalid(
                format!("puts[{at}].name"),
                name,
                "must have 1 to 256 bytes",
                "give a short name",
            ));
        }
        if channel.encoded_len() > MAX_BODY_BYTES {
            return Err(StoreError::invalid(
                format!("puts[{at}]"),
                channel.encoded_len(),
                "at most 64 KiB",
                "name fewer sets",
            ));
        }
    }
    Ok(())
}

/// Applies a change; gives the written channels.
pub(super) fn apply(
    tx: &mut dyn Transaction,
    change: &ChangeChannelsRequest,
    now_ms: i64,
) -> Result<Vec<Channel>, StoreError> {
    for id in &change.removed {
        tx.execute(REMOVE, &values![id])?;
        tx.execute(FORGET, &values![id])?;
        outbox::drop_due(tx, id)?;
    }
    let written = change
        .puts
        .iter()
        .map(|channel| put(tx, channel))
        .collect::<Result<_, _>>()?;
    outbox::append(tx, &change.notices)?;
    for entry in &change.audit {
        audit::append(tx, now_ms, entry)?;
    }
    Ok(written)
}

/// Names are compared without regard to case and outer space; each owner has names of his own.
fn name_key(channel: &Channel) -> String {
    format!(
        "{}\n{}",
        channel.owner.trim().to_lowercase(),
        channel.name.trim().to_lowercase()
    )
}

fn put(tx: &mut dyn Transaction, channel: &Channel) -> Result<Channel, StoreError> {
    let mut channel = channel.clone();
    let before = signed("version", channel.version)?;
    if channel.id.is_empty() {
        channel.id = new_id()?;
    }
    let key = name_key(&channel);
    let owner = tx.row(NAME_OWNER, &values![&key])?.map(|row| row.text(0)).transpose()?;
    if owner.is_some_and(|owner| owner != channel.id) {
        return Err(StoreError::ChannelTaken { name: channel.name });
    }
    channel.version += 1;
    let body = channel.encode_to_vec();
    if before == 0 {
        let count: i64 = tx.row(COUNT, &[])?.map_or(Ok(0), |row| row.number(0))?;
        if count >= MAX_CHANNELS as i64 {
            return Err(StoreError::invalid(
                "channel",
                count,
                "at most 1000 channels",
                "remove one first",
            ));
        }
        if tx.insert(&CREATE, &values![&channel.id, key, before + 1, body])? == 0 {
            return Err(StoreError::Overtaken);
        }
    } else if tx.execute(REPLACE, &values![key, before + 1, body, &channel.id, before])? == 0 {
        return Err(match tx.row(GET, &values![&channel.id])? {
            Some(_) => StoreError::Overtaken,
            None => StoreError::NotFound {
                what: "channel",
                id: channel.name,
            },
        });
    }
    Ok(channel)
}
