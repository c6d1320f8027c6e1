//! What can be configured, and the limits that cannot.

use std::time::Duration;

/// Most queries of one table.
pub const MAX_QUERIES: usize = 50;
/// Columns of a sparkline when none are asked for.
pub const DEFAULT_SPARKLINE_COLUMNS: usize = 30;
/// Most columns of a sparkline.
pub const MAX_SPARKLINE_COLUMNS: usize = 400;
/// Columns of a chart when none are asked for.
pub const DEFAULT_CHART_COLUMNS: usize = 100;
/// Most columns of a chart.
pub const MAX_CHART_COLUMNS: usize = 2_000;
/// Window of a table when none is asked for, milliseconds.
pub const DEFAULT_WINDOW_MS: i64 = 3_600_000;
/// Longest range of raw samples on one screen, milliseconds (2 d less what rates look back).
pub const MAX_RAW_RANGE_MS: i64 = 2 * 86_400_000 - RATE_LOOK_BACK_MS;
/// Longest range of a chart, milliseconds (7 d); beyond raw samples it is drawn from the long view.
pub const MAX_CHART_RANGE_MS: i64 = 7 * 86_400_000;
/// What is read before a window so that the first rates can look back, milliseconds.
pub const RATE_LOOK_BACK_MS: i64 = 600_000;
/// Most samples of an export.
pub const MAX_EXPORTED_SAMPLES: usize = 20_000;
/// Most stored series looked at for one answer.
pub const MAX_STORED_SERIES: usize = 50_000;
/// Most results in the history of a series.
pub const MAX_HISTORY_ENTRIES: usize = 2_000;
/// How far back a history goes when nothing is asked, milliseconds (7 d).
pub const DEFAULT_HISTORY_MS: i64 = 7 * 86_400_000;
/// Most bytes of chunks of one answer.
pub const MAX_READ_BYTES: usize = 128 << 20;
/// Largest request decoded, bytes.
pub const MAX_REQUEST_BYTES: usize = 1 << 20;

/// A minute of what moved, milliseconds.
pub const MOVED_BIN_MS: i64 = 60_000;
/// How long after an instant it is looked when nothing is asked, and within what, milliseconds.
pub const DEFAULT_MOVED_SPAN_MS: i64 = 15 * 60_000;
/// See [`DEFAULT_MOVED_SPAN_MS`].
pub const MIN_MOVED_SPAN_MS: i64 = 3 * 60_000;
/// See [`DEFAULT_MOVED_SPAN_MS`].
pub const MAX_MOVED_SPAN_MS: i64 = 2 * 3_600_000;
/// What moves first moves at most so long before the instant, milliseconds.
pub const MOVED_GUARD_MS: i64 = 5 * 60_000;
/// How far back series are measured against themselves, milliseconds (12 h). With 2 h, bursts are not known from faults.
pub const MOVED_PAST_MS: i64 = 12 * 3_600_000;
/// The hit rate was counted with [`MOVED_PAST_MS`]; a little less is the same.
pub const PROVEN_PAST_MS: i64 = MOVED_PAST_MS * 9 / 10;
/// Most series that are read for it beside those of the sets in use: 10,000 hours of samples in all.
pub const MAX_MOVED_SERIES: usize = 830;
/// No further circle of series is read after so long, as a screen waits for it.
pub const MOVED_READ_TIME: Duration = Duration::from_secs(8);
/// Rows of what moved when none are asked for, and most of them.
pub const DEFAULT_MOVED_ROWS: usize = 50;
/// See [`DEFAULT_MOVED_ROWS`].
pub const MAX_MOVED_ROWS: usize = 200;
/// Of the rows told so many may be there by chance.
pub const MOVED_FALSE_SHARE: f64 = 0.1;

/// Options of the role `retrieval`.
#[derive(Debug, Clone)]
pub struct RetrievalOptions {
    /// Limit of one read, as a screen waits for it.
    pub read_timeout: Duration,
}

impl Default for RetrievalOptions {
    fn default() -> Self {
        Self {
            read_timeout: Duration::from_secs(14),
        }
    }
}
