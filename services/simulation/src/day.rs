//! What a long world without faults is held against, beside what all are: the timer fires as it told, a copy of the database is
//! made each day, and memory is flat.

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use sla_proto::convert::{duration_ms, millis};
use sla_proto::etl::v1::{Run, Schedule};
use sla_storage::sqlite::backup;

const HOUR_MS: i64 = 3_600_000;
/// A run begins so long after the instant that was told, at most, milliseconds.
const FIRED_MS: i64 = 5_000;
/// The first copy is made within this time, and each further one so long after a day, milliseconds.
const COPIED_MS: i64 = HOUR_MS / 2;
/// Memory is filled in this time: the longest windows, caches, and a copy of the database.
const FILLED_MS: i64 = 14 * HOUR_MS;
/// What it grows by afterwards, at most, bytes.
const GROWN_BYTES: u64 = 48 << 20;

#[derive(Debug, Default)]
struct Seen {
    /// When the next run was said to begin, Unix milliseconds.
    told_ms: Option<i64>,
    /// Once memory was filled.
    resident_bytes: Option<u64>,
    fired: u64,
}

/// What was seen of a long world so far.
#[derive(Debug, Default)]
pub(crate) struct Day(Mutex<Seen>);

impl Day {
    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How often a run was seen to begin when it was told.
    pub(crate) fn fired(&self) -> u64 {
        self.seen().fired
    }

    /// The run that was told at the last look has begun, and the next one is told.
    pub(crate) fn check_timer(&self, told: &Schedule, runs: &[Run], now_ms: i64) -> Result<(), String> {
        let mut seen = self.seen();
        if let Some(told_ms) = seen.told_ms {
            if told_ms + FIRED_MS > now_ms {
                return Ok(());
            }
            let begun = runs.iter().filter_map(|run| run.started.as_ref()).map(millis);
            let mut since = begun.map(|begun_ms| begun_ms - told_ms);
            if !since.any(|since_ms| (0..=FIRED_MS).contains(&since_ms)) {
                return Err(format!(
                    "a run was told for {} ms ago, and none has begun then",
                    now_ms - told_ms
                ));
            }
            seen.fired += 1;
        }
        let every_ms = told.results_every.as_ref().map_or(0, duration_ms);
        let next_ms = told.next_results.as_ref().map(millis);
        seen.told_ms = next_ms.filter(|next_ms| (now_ms..=now_ms + every_ms).contains(next_ms));
        if seen.told_ms.is_none() {
            return Err(format!(
                "every {every_ms} ms, and the next run is told for {next_ms:?} at {now_ms}"
            ));
        }
        Ok(())
    }

    /// As many copies as days have begun, at most those that are kept, the newest not older than a day.
    pub(crate) fn check_copies(folder: &Path, lasted_ms: i64, now_ms: i64) -> Result<(), String> {
        let copies = backup::list(folder, now_ms);
        let days = (lasted_ms - COPIED_MS).div_euclid(24 * HOUR_MS) + 1;
        let wanted = usize::try_from(days).unwrap_or(0).min(backup::KEPT);
        let newest_ms = copies.first().map_or(i64::MIN, |copy| copy.made_ms);
        if copies.len() >= wanted && (wanted == 0 || now_ms - newest_ms <= 24 * HOUR_MS + COPIED_MS) {
            return Ok(());
        }
        Err(format!(
            "{} copies after {lasted_ms} ms, the newest of {newest_ms}",
            copies.len()
        ))
    }

    /// Memory of this process does not grow once it is filled.
    pub(crate) fn check_memory(&self, lasted_ms: i64) -> Result<(), String> {
        let Some(bytes) = resident_bytes().filter(|_| lasted_ms >= FILLED_MS) else {
            return Ok(());
        };
        let first = *self.seen().resident_bytes.get_or_insert(bytes);
        if bytes <= first + GROWN_BYTES {
            return Ok(());
        }
        Err(format!("{first} bytes of memory were held, and {bytes} are"))
    }
}

/// Memory that this process holds.
fn resident_bytes() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = text.split(' ').nth(1)?.parse().ok()?;
    Some(pages * 4096)
}
