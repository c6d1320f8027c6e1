//! What can be configured, and the limits that cannot.

use std::path::PathBuf;
use std::time::Duration;

use sla_domain::Window;
use sla_source::cache::DEFAULT_CACHE_CAP_BYTES;
use sla_source::port::{DEFAULT_MAX_SERIES, LONG_VIEW_LENGTH_MS};

use crate::error::EtlError;

/// Most queries of one read.
pub const MAX_QUERIES: usize = 200;
/// Largest request this role decodes, in bytes.
pub const MAX_REQUEST_BYTES: usize = 1 << 20;
/// Answers of a stream that wait for their reader.
pub const STREAM_QUEUE: usize = 16;
/// Bytes of a stream that wait for its reader; the transport holds less than as much again.
pub const STREAM_QUEUE_BYTES: usize = 512 << 10;
/// How long a stream waits for a reader that does not read.
pub const STUCK_READER: Duration = Duration::from_secs(30);
/// Most window lengths of one analysis.
pub const MAX_WINDOWS: usize = 16;
/// Most metric sources of one role.
pub const MAX_SOURCES: usize = 16;
/// Runs that may wait for their turn.
pub const MAX_QUEUED_RUNS: usize = 16;
/// Finished runs whose events are kept in memory.
pub const MAX_REMEMBERED_RUNS: usize = 16;
/// Shortest time between two timed runs for results, milliseconds.
pub const MIN_RESULTS_EVERY_MS: i64 = 60_000;
/// Shortest time between two timed runs for metadata, milliseconds.
pub const MIN_METADATA_EVERY_MS: i64 = 600_000;
/// After its start the role reads neither days nor older history for this long: the first screen comes first.
pub const QUIET_START: Duration = Duration::from_secs(30);
/// Window of metadata unless configured otherwise, milliseconds (12 h).
pub const DEFAULT_METADATA_WINDOW_MS: i64 = 43_200_000;
/// Shortest window of metadata, milliseconds.
pub const MIN_METADATA_WINDOW_MS: i64 = 600_000;
/// Most windows of metadata.
pub const MAX_METADATA_WINDOWS: usize = 8;
/// Least memory for raw samples, bytes.
pub const MIN_CACHE_BYTES: u64 = 16 << 20;
/// Longest time between two timed runs, milliseconds (31 d).
pub const MAX_EVERY_MS: i64 = 31 * 86_400_000;

/// Options of the role `etl`.
#[derive(Debug, Clone)]
pub struct EtlOptions {
    /// Most series of one read or run.
    pub max_series: usize,
    /// Window lengths, milliseconds, shortest first; the longest is what is read first.
    pub windows_ms: Vec<i64>,
    /// Windows of metadata, milliseconds, the one shown first in front; those longer than the history held are read as
    /// 5-min means.
    pub metadata_windows_ms: Vec<i64>,
    /// How far ahead is forecast, milliseconds.
    pub horizon_ms: i64,
    /// How much raw history is held in memory in the end, milliseconds; at least the longest window.
    pub history_ms: i64,
    /// Most memory that raw samples of one source take, compressed, bytes.
    pub cache_bytes: u64,
    /// Length of the long view, milliseconds.
    pub long_view_ms: i64,
    /// Limit of one read of the source, as a caller waits for it.
    pub read_timeout: Duration,
    /// Statistics and forecasts unless stored otherwise, milliseconds.
    pub results_every_ms: i64,
    /// Metadata unless stored otherwise, milliseconds.
    pub metadata_every_ms: i64,
    /// Where other processes reach this one, `http://host:port`: reads of what it owns come there. Empty = nowhere.
    pub address: String,
    /// Whether runs start by themselves at all (off for one-shot commands).
    pub scheduled: bool,
    /// Where the daily log files go; `None` keeps lines in memory only.
    pub log_directory: Option<PathBuf>,
    /// Size at which a daily log file stops growing, bytes.
    pub log_file_bytes: u64,
    /// Daily log files kept.
    pub log_days: usize,
}

impl Default for EtlOptions {
    fn default() -> Self {
        Self {
            max_series: DEFAULT_MAX_SERIES,
            windows_ms: Window::DEFAULT_LENGTHS_MS.to_vec(),
            metadata_windows_ms: vec![DEFAULT_METADATA_WINDOW_MS],
            horizon_ms: 600_000,
            history_ms: 26 * 3_600_000,
            cache_bytes: DEFAULT_CACHE_CAP_BYTES,
            long_view_ms: LONG_VIEW_LENGTH_MS,
            read_timeout: Duration::from_secs(13),
            results_every_ms: 300_000,
            metadata_every_ms: 86_400_000,
            address: String::new(),
            scheduled: true,
            log_directory: None,
            log_file_bytes: 8 << 20,
            log_days: 14,
        }
    }
}

impl EtlOptions {
    /// The longest window, milliseconds.
    pub fn longest_window_ms(&self) -> i64 {
        self.windows_ms.iter().copied().max().unwrap_or(43_200_000)
    }

    /// Refuses windows that no metadata could be told of.
    pub(crate) fn check_metadata_windows(&self, windows_ms: &[i64]) -> Result<(), EtlError> {
        let format_ms = sla_domain::duration::format_ms;
        if windows_ms.is_empty() || windows_ms.len() > MAX_METADATA_WINDOWS {
            return Err(EtlError::invalid(
                "metadata_windows",
                &windows_ms.len().to_string(),
                format!("1 to {MAX_METADATA_WINDOWS} windows are possible"),
                "give for example 12h, 3d",
            ));
        }
        let possible = MIN_METADATA_WINDOW_MS..=self.long_view_ms;
        match windows_ms.iter().find(|window_ms| !possible.contains(window_ms)) {
            Some(wrong) => Err(EtlError::invalid(
                "metadata_windows",
                &format_ms(*wrong),
                format!(
                    "a window lies between {} and {}",
                    format_ms(MIN_METADATA_WINDOW_MS),
                    format_ms(self.long_view_ms)
                ),
                "choose for example 12h, 3d or 7d",
            )),
            None => Ok(()),
        }
    }

    /// Refuses values that no run could work with.
    pub fn check(&self) -> Result<(), EtlError> {
        if self.windows_ms.is_empty() || self.windows_ms.len() > MAX_WINDOWS {
            return Err(EtlError::invalid(
                "windows",
                &self.windows_ms.len().to_string(),
                format!("1 to {MAX_WINDOWS} windows are possible"),
                "give for example 1h, 3h, 6h, 12h",
            ));
        }
        for window_ms in &self.windows_ms {
            if !(60_000..=self.history_ms).contains(window_ms) {
                return Err(EtlError::invalid(
                    "windows",
                    &sla_domain::duration::format_ms(*window_ms),
                    format!(
                        "a window lies between 1m and the history held ({})",
                        sla_domain::duration::format_ms(self.history_ms)
                    ),
                    "choose a shorter window or hold more history",
                ));
            }
        }
        self.check_metadata_windows(&self.metadata_windows_ms)?;
        if self.cache_bytes < MIN_CACHE_BYTES {
            return Err(EtlError::invalid(
                "cache_bytes",
                &self.cache_bytes.to_string(),
                format!("must be at least {MIN_CACHE_BYTES}, 16 MiB"),
                format!("leave it out for {DEFAULT_CACHE_CAP_BYTES}, 256 MiB"),
            ));
        }
        if self.max_series == 0 {
            return Err(EtlError::invalid(
                "max_series",
                "0",
                "must be above 0",
                "leave it out for 2000",
            ));
        }
        if !(60_000..=86_400_000).contains(&self.horizon_ms) {
            return Err(EtlError::invalid(
                "horizon",
                &sla_domain::duration::format_ms(self.horizon_ms),
                "lies between 1m and 1d",
                "leave it out for 10m",
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_pass_and_nonsense_is_named() {
        EtlOptions::default().check().unwrap();
        for options in [
            EtlOptions {
                windows_ms: vec![],
                ..EtlOptions::default()
            },
            EtlOptions {
                windows_ms: vec![48 * 3_600_000],
                ..EtlOptions::default()
            },
            EtlOptions {
                metadata_windows_ms: vec![1_000],
                ..EtlOptions::default()
            },
            EtlOptions {
                cache_bytes: 1,
                ..EtlOptions::default()
            },
            EtlOptions {
                max_series: 0,
                ..EtlOptions::default()
            },
            EtlOptions {
                horizon_ms: 1,
                ..EtlOptions::default()
            },
        ] {
            assert!(options.check().is_err(), "{options:?}");
        }
    }
}
