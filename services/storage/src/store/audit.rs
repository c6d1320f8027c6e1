//! The audit log: written in the transaction of the change that it tells of, and never changed. What roles do of their own
//! accord is not in it.

use prost::Message as _;
use sla_domain::duration;
use sla_proto::account::v1::AuditEntry;
use sla_proto::etl::v1::{Run, Schedule};
use sla_proto::objective::v1::SlaSet;
use sla_proto::{convert, set_file};
use sla_runtime::caller::SYSTEM;

use super::listing::Listing;
use crate::error::StoreError;
use crate::port::{Page, Paged};
use crate::stored::decoded;
use crate::transaction::Transaction;
use crate::value::values;

/// The longest text of how a thing was, or is, in bytes.
const MAX_TEXT_BYTES: usize = 64 << 10;
/// Bytes of its other texts.
const MAX_NAME_BYTES: usize = 256;
/// Who starts runs beside people.
const NOBODY: [&str; 4] = ["", SYSTEM, "timer", "start"];

const APPEND: &str = "INSERT INTO audit (at_ms, body) VALUES (?, ?)";
const LIST: &str = "SELECT at_ms, id, body FROM audit WHERE ";

/// Appends an entry as of `now_ms`.
pub(super) fn append(tx: &mut dyn Transaction, now_ms: i64, entry: &AuditEntry) -> Result<(), StoreError> {
    let short = |text: &str, limit| shortened(text, limit);
    let entry = AuditEntry {
        id: 0,
        at: Some(convert::timestamp(now_ms)),
        author: short(&entry.author, MAX_NAME_BYTES),
        action: short(&entry.action, MAX_NAME_BYTES),
        subject: short(&entry.subject, MAX_NAME_BYTES),
        before: short(&entry.before, MAX_TEXT_BYTES),
        after: short(&entry.after, MAX_TEXT_BYTES),
    };
    tx.execute(APPEND, &values![now_ms, entry.encode_to_vec()])?;
    Ok(())
}

/// The newest entries first.
pub(super) fn page(tx: &mut dyn Transaction, page: &Page) -> Result<Paged<AuditEntry>, StoreError> {
    Listing::newest_first(LIST, "at_ms", page)?.page(tx, |row| {
        Ok(AuditEntry {
            id: row.number(1)?,
            ..decoded("audit entry", row.bytes(2)?)?
        })
    })
}

/// A set that `author` has made, changed or deleted.
pub(super) fn set(
    tx: &mut dyn Transaction,
    now_ms: i64,
    author: &str,
    before: Option<&SlaSet>,
    after: Option<&SlaSet>,
) -> Result<(), StoreError> {
    let action = match (before, after) {
        (None, None) => return Ok(()),
        (None, Some(_)) => "set.create",
        (Some(_), Some(_)) => "set.update",
        (Some(_), None) => "set.delete",
    };
    let text = |set: Option<&SlaSet>| set.map_or_else(String::new, |set| set_file::write(std::slice::from_ref(set)));
    let subject = after.or(before).map(|set| set.name.clone()).unwrap_or_default();
    by_person(tx, now_ms, author, action, subject, text(before), text(after))
}

/// The timer as `author` has set it.
pub(super) fn schedule(
    tx: &mut dyn Transaction,
    now_ms: i64,
    author: &str,
    before: Option<&Schedule>,
    after: &Schedule,
) -> Result<(), StoreError> {
    let text = |schedule: &Schedule| {
        let every = |every: &Option<prost_types::Duration>| {
            let every = every.as_ref();
            every.map_or_else(
                || "–".to_owned(),
                |every| duration::format_ms(convert::duration_ms(every)),
            )
        };
        let (results, metadata) = (every(&schedule.results_every), every(&schedule.metadata_every));
        format!(
            "results every {results}, metadata every {metadata}{}",
            if schedule.paused { ", paused" } else { "" }
        )
    };
    let before = before.map(text).unwrap_or_default();
    by_person(
        tx,
        now_ms,
        author,
        "schedule.update",
        "schedule".to_owned(),
        before,
        text(after),
    )
}

/// A run that a person has started, or ended before its time.
pub(super) fn run(
    tx: &mut dyn Transaction,
    now_ms: i64,
    author: &str,
    action: &str,
    run: &Run,
) -> Result<(), StoreError> {
    let queries = run.scope.iter().flat_map(|scope| &scope.queries);
    let queries: Vec<&str> = queries.map(convert::query_text).collect();
    let in_use = run.scope.as_ref().is_some_and(|scope| scope.sets_in_use);
    let scope = match (in_use, queries.is_empty()) {
        (true, _) => format!("sets in use {}", queries.join(", ")),
        (false, false) => queries.join(", "),
        (false, true) => "what failed before".to_owned(),
    };
    let after = format!("{}: {}", run.steps.join(", "), scope.trim());
    by_person(
        tx,
        now_ms,
        author,
        action,
        format!("#{}", run.number),
        String::new(),
        after,
    )
}

fn by_person(
    tx: &mut dyn Transaction,
    now_ms: i64,
    author: &str,
    action: &str,
    subject: String,
    before: String,
    after: String,
) -> Result<(), StoreError> {
    if NOBODY.contains(&author) {
        return Ok(());
    }
    let entry = AuditEntry {
        author: author.to_owned(),
        action: action.to_owned(),
        subject,
        before,
        after,
        ..AuditEntry::default()
    };
    append(tx, now_ms, &entry)
}

/// At most `limit` bytes, and a mark where something is missing.
fn shortened(text: &str, limit: usize) -> String {
    const MARK: &str = "…";
    if text.len() <= limit {
        return text.to_owned();
    }
    let mut end = limit - MARK.len();
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}{MARK}", &text[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_are_cut_between_characters() {
        assert_eq!(shortened("short", 5), "short");
        assert_eq!(shortened("ööööö", 8), "öö…");
        assert_eq!(shortened("abcdefgh", 6), "abc…");
    }
}
