//! The outbox: notices that are due, gathered into messages when they are first taken. A message keeps its notices and its id
//! over all attempts, so that whoever receives it twice can tell.

use std::collections::{HashMap, HashSet};

use prost::Message as _;
use sla_proto::convert;
use sla_proto::notify::v1::{Delivery, DeliveryState, Notice};
use sla_proto::storage::v1::{DueNotice, Message, SettleMessageRequest};

use super::listing::Listing;
use crate::error::StoreError;
use crate::port::{Page, Paged};
use crate::stored::decoded;
use crate::transaction::{Insert, Met, Subject, Transaction};
use crate::value::{Row, values};

/// Notices of one message at most: what is due beyond them goes into the next one.
const MAX_NOTICES: usize = 50;
/// Rows looked at for one claim: a channel with many notices hides others behind it until it was served.
const MAX_LOOKED_AT: i64 = 2_000;
/// A message that failed so often no longer holds back what came after it for the same channel.
const HOLDS_BACK_ATTEMPTS: i64 = 3;
/// Sent notices looked at for one that may have overtaken a message, newest first.
const MAX_OVERTAKING: i64 = 2_000;
/// What is written about a notice that was overtaken.
const OVERTAKEN: &str = "a newer message has told how it is";
/// Nobody waits longer between two attempts, milliseconds: a clock that was ahead has put off what would.
const FURTHEST_MS: i64 = 75 * 60_000;
/// The longest problem kept, bytes.
const MAX_PROBLEM_BYTES: usize = 1_024;

const BEGUN: &str = "SELECT notice, channel_id, message FROM outbox \
     WHERE settled = 0 AND due_ms <= ? AND message <> ? ORDER BY due_ms, id LIMIT ?";
const NEW: &str = "SELECT notice, channel_id, message FROM outbox \
     WHERE settled = 0 AND due_ms <= ? AND message = ? ORDER BY due_ms, id LIMIT ?";
const HELD_BACK: &str =
    "SELECT DISTINCT channel_id FROM outbox WHERE settled = 0 AND due_ms > ? AND message <> ? AND attempts <= ?";
/// Failed messages have a problem, and whoever takes one again clears it.
const UNDER_WAY: &str =
    "SELECT DISTINCT channel_id FROM outbox WHERE settled = 0 AND due_ms > ? AND message <> ? AND problem = ?";
const SENT_SINCE: &str =
    "SELECT body, id FROM outbox WHERE channel_id = ? AND settled = 1 AND id > ? ORDER BY id DESC LIMIT ?";
/// What a clock that was set back has left in the future keeps its distances.
const REDATE: &str = "UPDATE outbox SET due_ms = due_ms - (made_ms - ?), made_ms = ? WHERE settled = 0 AND made_ms > ?";
const RECALL: &str = "UPDATE outbox SET due_ms = ? WHERE settled = 0 AND due_ms > ? AND message <> ?";
const NEXT: &str = "SELECT due_ms FROM outbox WHERE settled = 0 ORDER BY due_ms, id LIMIT 1";
const BIND: &str = "UPDATE outbox SET message = ? WHERE notice = ? AND message = ?";
const TAKE: &str =
    "UPDATE outbox SET due_ms = ?, attempts = attempts + 1, problem = ? WHERE message = ? AND settled = 0";
const READ: &str = "SELECT attempts, made_ms, body, id FROM outbox WHERE message = ? AND settled = 0 ORDER BY id";
const GIVE_UP: &str = "UPDATE outbox SET settled = 2, due_ms = ?, problem = ? WHERE id = ?";
const SETTLE: &str = "UPDATE outbox SET settled = ?, due_ms = ?, problem = ? WHERE message = ? AND settled = 0";
const DROP_DUE: &str = "DELETE FROM outbox WHERE channel_id = ? AND settled = 0";
const LIST: &str = "SELECT id, id, channel_id, message, settled, due_ms, attempts, problem, body FROM outbox WHERE ";
const PUT: Insert = Insert {
    table: "outbox",
    key: &["notice"],
    columns: &[
        "channel_id",
        "message",
        "settled",
        "due_ms",
        "made_ms",
        "attempts",
        "problem",
        "body",
    ],
    met: Met::Keep,
};

/// Adds notices; one that is there stays as it is.
pub(super) fn append(tx: &mut dyn Transaction, notices: &[DueNotice]) -> Result<(), StoreError> {
    let mut rows = Vec::new();
    for due in notices {
        let notice = due
            .notice
            .as_ref()
            .ok_or_else(|| StoreError::invalid("notices", "", "each has a notice", "fill this field"))?;
        let due_ms = due.due.as_ref().map_or(0, convert::millis);
        let made_ms = notice.made.as_ref().map_or(0, convert::millis);
        rows.extend(values![
            &notice.id,
            &notice.channel_id,
            "",
            0_i64,
            due_ms,
            made_ms,
            0_i64,
            "",
            notice.encode_to_vec()
        ]);
    }
    tx.touch(Subject::Outbox);
    tx.insert(&PUT, &rows).map(|_| ())
}

/// Forgets what waits for a channel that is no more.
pub(super) fn drop_due(tx: &mut dyn Transaction, channel_id: &str) -> Result<(), StoreError> {
    tx.touch(Subject::Outbox);
    tx.execute(DROP_DUE, &values![channel_id]).map(|_| ())
}

/// A message to be, by the ids of its notices.
struct Gathered {
    id: String,
    channel_id: String,
    /// Not bound to a message yet.
    new: Vec<String>,
}

/// Takes up to `most` messages that are due at `now_ms`, until `until_ms`. Each channel has one under way, and they come in the order
/// of their notices: while one failed a few times only, no new one is begun. One that failed more often is passed, and then tells
/// no more about what a newer one has told: nobody hears that something began after he heard that it ended. Gives also when there may be
/// something to take again, Unix milliseconds, while nothing else is written.
pub(super) fn claim(
    tx: &mut dyn Transaction,
    now_ms: i64,
    until_ms: i64,
    most: usize,
) -> Result<(Vec<Message>, i64), StoreError> {
    let moved = tx.execute(REDATE, &values![now_ms, now_ms, now_ms])?
        + tx.execute(RECALL, &values![now_ms, now_ms.saturating_add(FURTHEST_MS), ""])?;
    if moved > 0 {
        tx.touch(Subject::Outbox);
    }
    let busy = channels(&tx.rows(UNDER_WAY, &values![now_ms, "", ""])?)?;
    let held = channels(&tx.rows(HELD_BACK, &values![now_ms, "", HOLDS_BACK_ATTEMPTS])?)?;
    let mut messages: Vec<Gathered> = Vec::new();
    // Those that were begun come first, or what follows them would overtake them.
    let due = values![now_ms, "", MAX_LOOKED_AT];
    let mut rows = tx.lock(BEGUN, &due)?;
    rows.append(&mut tx.lock(NEW, &due)?);
    for row in rows {
        let (notice, channel_id, message) = (row.text(0)?, row.text(1)?, row.text(2)?);
        match messages.iter().position(|other| other.channel_id == channel_id) {
            // One that was begun before is not added to.
            Some(at) => {
                let gathered = &mut messages[at];
                if message.is_empty() && !gathered.new.is_empty() && gathered.new.len() < MAX_NOTICES {
                    gathered.new.push(notice);
                }
            }
            None if messages.len() >= most || busy.contains(&channel_id) => {}
            None if message.is_empty() && held.contains(&channel_id) => {}
            None => messages.push(Gathered {
                id: if message.is_empty() {
                    notice.clone()
                } else {
                    message.clone()
                },
                channel_id,
                new: if message.is_empty() { vec![notice] } else { Vec::new() },
            }),
        }
    }
    let mut taken = Vec::new();
    for gathered in messages {
        tx.touch(Subject::Outbox);
        taken.extend(take(tx, gathered, now_ms, until_ms)?);
    }
    let next_ms = tx.row(NEXT, &[])?.map_or(Ok(i64::MAX), |row| row.number(0))?;
    Ok((taken, next_ms))
}

fn channels(rows: &[Row]) -> Result<HashSet<String>, StoreError> {
    rows.iter().map(|row| row.text(0)).collect()
}

/// `None` where a newer one has told all that it would say.
fn take(
    tx: &mut dyn Transaction,
    gathered: Gathered,
    now_ms: i64,
    until_ms: i64,
) -> Result<Option<Message>, StoreError> {
    for notice in &gathered.new {
        tx.execute(BIND, &values![&gathered.id, notice, ""])?;
    }
    tx.execute(TAKE, &values![until_ms, "", &gathered.id])?;
    let rows = tx.rows(READ, &values![&gathered.id])?;
    let Some(first) = rows.first() else { return Ok(None) };
    let (attempts, made_ms, number) = (first.number(0)?, first.number(1)?, first.number::<i64>(3)?);
    let told = if i64::from(attempts) > HOLDS_BACK_ATTEMPTS {
        told_since(tx, &gathered.channel_id, number)?
    } else {
        HashMap::new()
    };
    let mut notices: Vec<Notice> = Vec::new();
    for row in &rows {
        let notice: Notice = decoded("notice", row.bytes(2)?)?;
        let number: i64 = row.number(3)?;
        if told.get(&notice.handle).is_some_and(|newest| *newest > number) {
            tx.execute(GIVE_UP, &values![now_ms, OVERTAKEN, number])?;
        } else {
            notices.push(notice);
        }
    }
    Ok((!notices.is_empty()).then(|| Message {
        id: gathered.id,
        channel_id: gathered.channel_id,
        attempts,
        made: Some(convert::timestamp(made_ms)),
        notices,
    }))
}

/// Of what a channel was told in notices after the one of this `number`: the newest number of each handle.
fn told_since(tx: &mut dyn Transaction, channel_id: &str, number: i64) -> Result<HashMap<String, i64>, StoreError> {
    let mut told = HashMap::new();
    for row in tx.rows(SENT_SINCE, &values![channel_id, number, MAX_OVERTAKING])? {
        let handle = decoded::<Notice>("notice", row.bytes(0)?)?.handle;
        told.entry(handle).or_insert(row.number(1)?);
    }
    // What is about no series stands for itself.
    told.remove("");
    Ok(told)
}

/// Writes what became of a message.
pub(super) fn settle(tx: &mut dyn Transaction, settled: &SettleMessageRequest) -> Result<(), StoreError> {
    tx.touch(Subject::Outbox);
    let time_ms = settled.time.as_ref().map_or(0, convert::millis);
    let state: i64 = match settled.state() {
        DeliveryState::Sent => 1,
        DeliveryState::GivenUp => 2,
        DeliveryState::Due | DeliveryState::Unspecified => 0,
    };
    let mut end = settled.problem.len().min(MAX_PROBLEM_BYTES);
    while !settled.problem.is_char_boundary(end) {
        end -= 1;
    }
    let values = values![state, time_ms, &settled.problem[..end], &settled.id];
    if state == 1 {
        tx.execute(SETTLE, &values)?;
    } else {
        // Somebody else may have taken it since.
        let mut values = values.to_vec();
        values.push(settled.attempts.into());
        tx.execute(&format!("{SETTLE} AND attempts = ?"), &values)?;
    }
    Ok(())
}

/// The outbox, newest first; of `channels`, or of all.
pub(super) fn page(tx: &mut dyn Transaction, channels: &[String], page: &Page) -> Result<Paged<Delivery>, StoreError> {
    // By their numbers: clocks jump.
    let mut query = Listing::newest_first(LIST, "id", page)?;
    query.one_of("channel_id", channels);
    query.page(tx, delivery)
}

fn delivery(row: &Row) -> Result<Delivery, StoreError> {
    let notice: Notice = decoded("notice", row.bytes(8)?)?;
    let state = match row.number::<i64>(4)? {
        0 => DeliveryState::Due,
        1 => DeliveryState::Sent,
        _ => DeliveryState::GivenUp,
    };
    Ok(Delivery {
        notice: Some(notice),
        channel: row.text(2)?,
        message_id: row.text(3)?,
        state: state.into(),
        attempts: row.number(6)?,
        time: Some(convert::timestamp(row.number(5)?)),
        problem: row.text(7)?,
    })
}
