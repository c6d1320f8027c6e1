//! Storing facts of result records, many at once: the natural key of one is (run, series).

use std::collections::{HashMap, HashSet};

use prost::Message as _;
use sla_domain::SeriesId;

use crate::error::StoreError;
use crate::payload;
use crate::record::{Fact, FinishedFact, Kind, SeriesFact};
use crate::transaction::{Insert, Met, Transaction, rows_in};
use crate::value::{Value, values};

const RUN_KEYS: &str = "SELECT run_id, id FROM run_progress WHERE run_id IN (*)";
const SERIES_KEYS: &str = "SELECT fingerprint, id FROM series WHERE fingerprint IN (*)";
const STORED: &str = "SELECT DISTINCT series FROM result WHERE run = ? AND series IN (*)";
const BUMP_DONE: &str = "UPDATE run_progress SET done = done + ?, failed = failed + ?, told = told + ?, \
     samples_read = samples_read + ?, bytes_read = bytes_read + ?, \
     as_of_ms = CASE WHEN as_of_ms > ? THEN as_of_ms ELSE ? END WHERE id = ?";
/// The closing word with the later time counts, of equal times the larger number: the order of arrival does not matter.
const FINISH: &str = "UPDATE run_progress SET expected = ?, cancelled = ?, finished_ms = ? WHERE id = ? \
     AND (expected IS NULL OR finished_ms < ? OR (finished_ms = ? AND expected < ?))";
/// Most that is counted of one record: 4 PiB.
const MAX_SHARE: i64 = 1 << 52;
const PUT_RUN: Insert = Insert {
    table: "run_progress",
    key: &["run_id"],
    columns: &[],
    met: Met::Keep,
};
/// The series' row has the labels of the newest result.
const PUT_SERIES: Insert = Insert {
    table: "series",
    key: &["fingerprint"],
    columns: &["as_of_ms", "body"],
    met: Met::Advance(&["as_of_ms", "body"]),
};
const PUT_PARTS: Insert = Insert {
    table: "result",
    key: &["run", "series", "kind", "window_ms"],
    columns: &["as_of_ms", "payload"],
    met: Met::Keep,
};
/// The newest part of each kind.
const PUT_LATEST: Insert = Insert {
    table: "latest",
    key: &["series", "kind"],
    columns: &["as_of_ms", "run_id", "payload"],
    met: Met::Advance(&["as_of_ms", "run_id"]),
};

/// Stores facts in their order and gives the number of new ones: an equal key that is there, or came before, is none.
pub(super) fn store(tx: &mut dyn Transaction, facts: &[Fact]) -> Result<u32, StoreError> {
    let runs = run_keys(tx, facts)?;
    let key_of = |run_id: &str| runs.get(run_id).copied().ok_or_else(|| unseen("run"));
    let mut about: Vec<(i64, &SeriesFact)> = Vec::with_capacity(facts.len());
    let mut inserted = 0;
    for fact in facts {
        match fact {
            Fact::Series(fact) => about.push((key_of(&fact.run_id)?, fact)),
            Fact::Finished(fact) => inserted += finish(tx, key_of(&fact.run_id)?, fact)?,
        }
    }
    Ok(inserted + store_series(tx, &about)?)
}

/// What was just written cannot be found: somebody deletes beneath us.
fn unseen(what: &str) -> StoreError {
    StoreError::Corrupt {
        finding: format!("the row of a {what} is missing right after it was written"),
    }
}

fn run_keys(tx: &mut dyn Transaction, facts: &[Fact]) -> Result<HashMap<String, i64>, StoreError> {
    let run_ids: HashSet<&str> = facts.iter().map(Fact::run_id).collect();
    let mut keys = find_runs(tx, run_ids.iter().copied())?;
    let missing: Vec<&str> = run_ids
        .into_iter()
        .filter(|&run_id| !keys.contains_key(run_id))
        .collect();
    if !missing.is_empty() {
        let rows: Vec<Value<'_>> = missing.iter().map(|&run_id| run_id.into()).collect();
        tx.insert(&PUT_RUN, &rows)?;
        keys.extend(find_runs(tx, missing.into_iter())?);
    }
    Ok(keys)
}

fn find_runs<'a>(
    tx: &mut dyn Transaction,
    run_ids: impl Iterator<Item = &'a str>,
) -> Result<HashMap<String, i64>, StoreError> {
    let wanted: Vec<Value<'_>> = run_ids.map(Value::from).collect();
    let rows = rows_in(tx, RUN_KEYS, &[], &wanted)?;
    rows.iter().map(|row| Ok((row.text(0)?, row.number(1)?))).collect()
}

fn finish(tx: &mut dyn Transaction, run: i64, fact: &FinishedFact) -> Result<u32, StoreError> {
    let FinishedFact {
        expected,
        finished_ms,
        cancelled,
        ..
    } = *fact;
    let changed = tx.execute(
        FINISH,
        &values![
            expected,
            cancelled,
            finished_ms,
            run,
            finished_ms,
            finished_ms,
            expected
        ],
    )?;
    Ok(u32::from(changed == 1))
}

fn series_keys(tx: &mut dyn Transaction, about: &[(i64, &SeriesFact)]) -> Result<HashMap<SeriesId, i64>, StoreError> {
    let rows: Vec<Value<'_>> = about
        .iter()
        .flat_map(|(_, fact)| values![&fact.series_id.0[..], fact.as_of_ms, fact.series.encode_to_vec()])
        .collect();
    tx.insert(&PUT_SERIES, &rows)?;
    let wanted: Vec<Value<'_>> = about.iter().map(|(_, fact)| fact.series_id.0[..].into()).collect();
    let found = rows_in(tx, SERIES_KEYS, &[], &wanted)?;
    found
        .iter()
        .map(|row| {
            Ok((
                SeriesId::from_slice(row.bytes(0)?).ok_or_else(|| unseen("series"))?,
                row.number(1)?,
            ))
        })
        .collect()
}

/// What a batch adds to the counters of a run.
#[derive(Default)]
struct Tally {
    done: i64,
    failed: i64,
    as_of_ms: i64,
    /// How many say what was read for them, and the sums of that.
    told: i64,
    samples: i64,
    bytes: i64,
}

impl Tally {
    fn count(&mut self, fact: &SeriesFact) {
        self.done += 1;
        self.failed += i64::from(fact.failed);
        self.as_of_ms = self.as_of_ms.max(fact.as_of_ms);
        if let Some(read) = fact.read {
            // What no source can hold is not what was read: bounded, so that no sum overflows.
            let bounded = |count: u64| i64::try_from(count).map_or(MAX_SHARE, |count| count.min(MAX_SHARE));
            self.told += 1;
            self.samples += bounded(read.samples);
            self.bytes += bounded(read.bytes);
        }
    }
}

fn store_series(tx: &mut dyn Transaction, about: &[(i64, &SeriesFact)]) -> Result<u32, StoreError> {
    if about.is_empty() {
        return Ok(0);
    }
    let series_keys = series_keys(tx, about)?;
    let mut keyed = Vec::with_capacity(about.len());
    let mut by_run: HashMap<i64, Vec<Value<'_>>> = HashMap::new();
    for &(run, fact) in about {
        let series = *series_keys.get(&fact.series_id).ok_or_else(|| unseen("series"))?;
        keyed.push((run, series, fact));
        by_run.entry(run).or_default().push(series.into());
    }
    let mut seen: HashSet<(i64, i64)> = HashSet::new();
    for (run, series) in by_run {
        for row in rows_in(tx, STORED, &values![run], &series)? {
            seen.insert((run, row.number(0)?));
        }
    }
    let (mut parts, mut newest) = (Vec::new(), Vec::new());
    let mut tallies: HashMap<i64, Tally> = HashMap::new();
    for (run, series, fact) in keyed {
        if !seen.insert((run, series)) {
            continue;
        }
        let tally = tallies.entry(run).or_insert_with(|| Tally {
            as_of_ms: i64::MIN,
            ..Tally::default()
        });
        tally.count(fact);
        for part in &fact.parts {
            let (kind, exact) = (part.kind.number(), payload::encode_exact(&part.content));
            let short = payload::encode_short(&part.content, &exact);
            parts.extend(values![run, series, kind, part.window_ms, fact.as_of_ms, short]);
            if part.kind != Kind::Failure {
                newest.extend(values![series, kind, fact.as_of_ms, &fact.run_id, exact]);
            }
        }
    }
    let inserted = tx.insert(&PUT_PARTS, &parts)?;
    if inserted as usize * PUT_PARTS.width() != parts.len() {
        return Err(StoreError::Overtaken);
    }
    tx.insert(&PUT_LATEST, &newest)?;
    let mut new = 0;
    for (run, tally) in tallies {
        let Tally {
            done,
            failed,
            as_of_ms,
            told,
            samples,
            bytes,
        } = tally;
        let bumped = values![done, failed, told, samples, bytes, as_of_ms, as_of_ms, run];
        tx.execute(BUMP_DONE, &bumped)?;
        new += done as u32;
    }
    Ok(new)
}
