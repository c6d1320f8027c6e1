//! What can be set about the store.

use std::path::{Path, PathBuf};
use std::time::Duration;

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;

/// The file name of the database inside its directory.
pub const DATABASE_FILE: &str = "sla.db";

/// Options of the role `storage`.
#[derive(Debug, Clone)]
pub struct StorageOptions {
    /// Where the database lives; made with mode 0700 when it is not there.
    pub data_dir: PathBuf,
    /// Connections for reading, at least 1; writes have one of their own.
    pub readers: usize,
    /// What is kept how long.
    pub retention: RetentionOptions,
}

impl StorageOptions {
    /// The defaults, in `data_dir`.
    pub fn in_dir(data_dir: impl Into<PathBuf>) -> Self {
        Self {
            data_dir: data_dir.into(),
            readers: 3,
            retention: RetentionOptions::default(),
        }
    }

    /// The path of the database file.
    pub fn database(&self) -> PathBuf {
        file_in(&self.data_dir)
    }
}

pub(crate) fn file_in(data_dir: &Path) -> PathBuf {
    data_dir.join(DATABASE_FILE)
}

/// What is kept how long. Violations, sets and dead letters are kept for ever.
#[derive(Debug, Clone)]
pub struct RetentionOptions {
    /// All results of this time are kept, milliseconds.
    pub full_ms: i64,
    /// Then one an hour and series up to this age, milliseconds.
    pub hourly_ms: i64,
    /// Then one a day and series up to this age, milliseconds; older results are deleted.
    pub daily_ms: i64,
    /// Runs that have ended are listed this long, milliseconds.
    pub run_ms: i64,
    /// Forecasts with their scores, and models that nobody has learned on since, are kept this long, milliseconds.
    pub forecast_ms: i64,
    /// Messages that were sent or given up are listed this long, milliseconds.
    pub notice_ms: i64,
    /// The database is kept below this many bytes by deleting the oldest results.
    pub max_bytes: u64,
    /// A clock that leapt ahead is believed after going on evenly for this long; nothing is deleted by age before.
    pub proven_after: Duration,
    /// Pause between two passes.
    pub every: Duration,
}

impl Default for RetentionOptions {
    fn default() -> Self {
        Self {
            full_ms: 48 * HOUR_MS,
            hourly_ms: 30 * DAY_MS,
            daily_ms: 395 * DAY_MS,
            run_ms: 30 * DAY_MS,
            forecast_ms: 90 * DAY_MS,
            notice_ms: 30 * DAY_MS,
            max_bytes: 2 << 30,
            proven_after: Duration::from_hours(1),
            every: Duration::from_mins(10),
        }
    }
}
