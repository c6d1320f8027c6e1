//! How far a reader is behind its stream: looked up at any time, also while it is busy with what it has read.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Of one partition of a reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lag {
    /// Which one.
    pub partition: u32,
    /// Published and not applied yet; `None` = the stream has not said lately where it ends.
    pub behind: Option<u64>,
    /// Read and not applied yet.
    pub waiting: u32,
    /// When the oldest of those that wait was published, Unix milliseconds by its publisher's clock.
    pub oldest_ms: Option<i64>,
}

/// Looks up the lag of each partition that is the reader's now.
pub type Lags = Arc<dyn Fn() -> Vec<Lag> + Send + Sync>;

/// Where the lags of the reader of the moment are found. Cheap to clone.
#[derive(Clone, Default)]
pub struct LagBoard(Arc<Mutex<Option<(String, Lags)>>>);

impl fmt::Debug for LagBoard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("LagBoard").field(&self.look()).finish()
    }
}

impl LagBoard {
    fn board(&self) -> MutexGuard<'_, Option<(String, Lags)>> {
        // Replaced as a whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A reader of `stream` has begun.
    pub fn show(&self, stream: &str, lags: Lags) {
        *self.board() = Some((stream.to_owned(), lags));
    }

    /// There is none at the moment.
    pub fn clear(&self) {
        *self.board() = None;
    }

    /// The stream and the lags; `None` while nothing is read.
    pub fn look(&self) -> Option<(String, Vec<Lag>)> {
        let (stream, lags) = self.board().clone()?;
        Some((stream, lags()))
    }

    /// A value of each partition, under its label.
    pub fn by_partition(&self, value: impl Fn(&Lag) -> Option<f64>) -> Vec<(Vec<(&'static str, String)>, f64)> {
        let lags = self.look().map(|(_, lags)| lags).unwrap_or_default();
        let labelled = |lag: &Lag| Some((vec![("partition", lag.partition.to_string())], value(lag)?));
        lags.iter().filter_map(labelled).collect()
    }
}
