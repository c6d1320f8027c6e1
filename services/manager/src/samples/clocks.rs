//! How far the clocks of the sources are ahead of ours: each source is judged at its own present.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use sla_proto::series::v1::SourceStatus;

/// A read that shows the clocks to be so much further apart than was known is made again, milliseconds; `Date` tells seconds.
const ANOTHER_TIME_MS: i64 = 2_000;

/// By the name that queries give a source, empty for the default one; what is not here goes by our clock.
#[derive(Debug, Default)]
pub(crate) struct SourceClocks(Mutex<HashMap<String, i64>>);

impl SourceClocks {
    fn known(&self) -> MutexGuard<'_, HashMap<String, i64>> {
        // One value; nothing can be half done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How far the clock of a source is ahead, while that is worth a notice, milliseconds.
    pub(crate) fn ahead_ms(&self, source: &str) -> i64 {
        self.known().get(source).copied().unwrap_or(0)
    }

    /// The most that any source is ahead, at least 0, milliseconds.
    pub(crate) fn most_ahead_ms(&self) -> i64 {
        self.known().values().copied().max().unwrap_or(0).max(0)
    }

    /// Takes over what a read told about the clock of a source; says whether the read was thereby of another instant than the
    /// present, and is to be made again.
    pub(crate) fn note(&self, source: &str, status: &SourceStatus) -> bool {
        let told_ms = status.clock_offset_ms.filter(|_| !status.clock_notice.is_empty());
        let told_ms = told_ms.unwrap_or(0);
        let known_ms = self.known().insert(source.to_owned(), told_ms).unwrap_or(0);
        (told_ms - known_ms).abs() >= ANOTHER_TIME_MS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(offset_ms: i64) -> SourceStatus {
        SourceStatus {
            clock_offset_ms: Some(offset_ms),
            clock_notice: "the clocks differ".to_owned(),
            ..SourceStatus::default()
        }
    }

    #[test]
    fn what_one_source_tells_is_not_told_of_another() {
        let clocks = SourceClocks::default();
        assert!(clocks.note("", &status(300_000)), "nothing was known");
        assert!(!clocks.note("", &status(300_500)), "as before");
        assert!(!clocks.note("weather", &SourceStatus::default()));
        assert_eq!((clocks.ahead_ms(""), clocks.ahead_ms("weather")), (300_500, 0));
        assert_eq!(clocks.most_ahead_ms(), 300_500);
        assert!(clocks.note("slow", &status(-60_000)));
        assert_eq!(clocks.ahead_ms("slow"), -60_000);
        assert!(clocks.note("", &SourceStatus::default()), "it was set right");
        assert_eq!(clocks.most_ahead_ms(), 0);
    }
}
