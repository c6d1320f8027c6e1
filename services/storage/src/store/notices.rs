//! `NotifyStore`: what reading the ledger brings is written in one transaction with the position that was read.

use async_trait::async_trait;
use prost::Message as _;
use sla_proto::convert;
use sla_proto::notify::v1::{Channel, Delivery, Mark};
use sla_proto::storage::v1::{
    ApplyNoticesRequest, ChangeChannelsRequest, ChangeMarksRequest, ClaimMessagesRequest, Message,
    SettleMessageRequest, Story,
};

use super::looks::Still;
use super::{SqlStore, audit, channels, outbox};
use crate::error::StoreError;
use crate::page;
use crate::port::{MAX_LEDGER_ROWS, NotifyProgress, NotifyStore, Page, Paged};
use crate::stored::{decoded, signed};
use crate::transaction::{Database, Insert, Met, Subject, Transaction};
use crate::value::{Row, values};

/// Messages of one claim at most.
const MAX_CLAIMED: u32 = 50;
/// Channels of one list at most.
const MAX_LISTED_CHANNELS: usize = 100;
/// How long a claim may last, milliseconds.
const HOLD_MS: std::ops::RangeInclusive<i64> = 1_000..=600_000;

const REVISION: &str = "notify.revision";
const POSITION: &str = "notify.position";
const READ: &str = "SELECT last FROM counter WHERE name = ?";
const MOVE: &str = "UPDATE counter SET last = ? WHERE name = ? AND last = ?";
const SET: &str = "UPDATE counter SET last = ? WHERE name = ?";
const STORIES: &str = "SELECT id, body FROM story WHERE id > ? ORDER BY id LIMIT ?";
const MARKS: &str = "SELECT id, body FROM mark WHERE id > ? ORDER BY id LIMIT ?";
const FORGET: &str = "DELETE FROM story WHERE id = ?";
const UNMARK: &str = "DELETE FROM mark WHERE id = ?";
const PUT_STORY: Insert = Insert {
    table: "story",
    key: &["id"],
    columns: &["channel_id", "body"],
    met: Met::Replace,
};
const PUT_MARK: Insert = Insert {
    table: "mark",
    key: &["id"],
    columns: &["body"],
    met: Met::Replace,
};

#[async_trait]
impl<D: Database> NotifyStore for SqlStore<D> {
    async fn channels(&self, page: Page) -> Result<Paged<Channel>, StoreError> {
        self.database.read(move |tx| channels::page(tx, &page)).await
    }

    async fn change_channels(&self, change: ChangeChannelsRequest) -> Result<Vec<Channel>, StoreError> {
        channels::check(&change)?;
        let now_ms = self.clock.now_ms();
        self.database
            .write(move |tx| channels::apply(tx, &change, now_ms))
            .await
    }

    async fn marks(&self, page: Page) -> Result<Paged<Mark>, StoreError> {
        self.database
            .read(move |tx| by_id(tx, MARKS, &page, |row| decoded("mark", row.bytes(1)?)))
            .await
    }

    async fn change_marks(&self, change: ChangeMarksRequest) -> Result<(), StoreError> {
        let rows = change.puts.len() + change.removed.len() + change.audit.len();
        few("puts", rows)?;
        let now_ms = self.clock.now_ms();
        self.database
            .write(move |tx| {
                unmark(tx, &change.removed)?;
                for mark in &change.puts {
                    tx.insert(&PUT_MARK, &values![mark_id(mark), mark.encode_to_vec()])?;
                }
                for entry in &change.audit {
                    audit::append(tx, now_ms, entry)?;
                }
                Ok(())
            })
            .await
    }

    async fn notify_progress(&self) -> Result<NotifyProgress, StoreError> {
        self.database
            .read(|tx| {
                Ok(NotifyProgress {
                    revision: number(tx, REVISION)?.unsigned_abs(),
                    position: number(tx, POSITION)?.unsigned_abs(),
                })
            })
            .await
    }

    async fn stories(&self, page: Page) -> Result<Paged<Story>, StoreError> {
        self.database
            .read(move |tx| by_id(tx, STORIES, &page, |row| decoded("story", row.bytes(1)?)))
            .await
    }

    async fn apply_notices(&self, told: ApplyNoticesRequest) -> Result<u64, StoreError> {
        few("stories", told.stories.len())?;
        few("notices", told.notices.len())?;
        few("forgotten", told.forgotten.len())?;
        let before = signed("expected_revision", told.expected_revision)?;
        let position = signed("position", told.position)?;
        self.database
            .write(move |tx| {
                if tx.execute(MOVE, &values![before + 1, REVISION, before])? == 0 {
                    return Err(StoreError::NotifierOvertaken {
                        expected: told.expected_revision,
                    });
                }
                tx.execute(SET, &values![position, POSITION])?;
                for story in &told.stories {
                    tx.insert(
                        &PUT_STORY,
                        &values![&story.id, &story.channel_id, story.encode_to_vec()],
                    )?;
                }
                for id in &told.forgotten {
                    tx.execute(FORGET, &values![id])?;
                }
                unmark(tx, &told.ended_marks)?;
                outbox::append(tx, &told.notices)?;
                Ok(told.expected_revision + 1)
            })
            .await
    }

    async fn claim_messages(&self, wanted: ClaimMessagesRequest) -> Result<Vec<Message>, StoreError> {
        if !HOLD_MS.contains(&wanted.hold_ms) {
            return Err(StoreError::invalid(
                "hold_ms",
                wanted.hold_ms,
                "from 1 s to 10 min",
                "give 30000",
            ));
        }
        let most = wanted.max_messages.clamp(1, MAX_CLAIMED) as usize;
        let now_ms = wanted.now.as_ref().map_or(0, convert::millis);
        let written = self.database.written(Subject::Outbox);
        let still = self.looks.outbox.known(written);
        if still.is_some_and(|still| (still.from_ms..still.before_ms).contains(&now_ms)) {
            return Ok(Vec::new());
        }
        let claim = self
            .database
            .write(move |tx| outbox::claim(tx, now_ms, now_ms + wanted.hold_ms, most));
        let (messages, before_ms) = claim.await?;
        self.looks.outbox.found(
            written,
            Still {
                from_ms: now_ms,
                before_ms,
            },
        );
        Ok(messages)
    }

    async fn settle_message(&self, settled: SettleMessageRequest) -> Result<(), StoreError> {
        self.database.write(move |tx| outbox::settle(tx, &settled)).await
    }

    async fn deliveries(&self, channels: Vec<String>, page: Page) -> Result<Paged<Delivery>, StoreError> {
        if channels.len() > MAX_LISTED_CHANNELS {
            return Err(StoreError::invalid(
                "channel_ids",
                channels.len(),
                "at most 100 channels",
                "name fewer channels, or none for all",
            ));
        }
        self.database.read(move |tx| outbox::page(tx, &channels, &page)).await
    }
}

fn few(field: &'static str, rows: usize) -> Result<(), StoreError> {
    if rows <= MAX_LEDGER_ROWS {
        return Ok(());
    }
    Err(StoreError::invalid(
        field,
        rows,
        "at most 500 rows",
        "write them in several calls",
    ))
}

fn by_id<T>(
    tx: &mut dyn Transaction,
    sql: &str,
    wanted: &Page,
    row: impl Fn(&Row) -> Result<T, StoreError>,
) -> Result<Paged<T>, StoreError> {
    let after = wanted.after.as_deref().unwrap_or_default();
    let rows = tx.rows(sql, &values![after, page::wanted(wanted.size)])?;
    page::cut(rows, wanted.size, Row::size, |row| row.text(0), |found| row(&found))
}

/// A handle has one mark of each kind.
fn mark_id(mark: &Mark) -> String {
    format!("{}/{}", mark.handle, mark.kind)
}

fn unmark(tx: &mut dyn Transaction, marks: &[Mark]) -> Result<(), StoreError> {
    for mark in marks {
        tx.execute(UNMARK, &values![mark_id(mark)])?;
    }
    Ok(())
}

fn number(tx: &mut dyn Transaction, name: &str) -> Result<i64, StoreError> {
    tx.row(READ, &values![name])?.map_or(Ok(0), |row| row.number(0))
}
