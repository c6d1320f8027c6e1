//! What the clock of a server showed in its answers: the newest readings, from which the difference to our own is told.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use reqwest::header::{AGE, DATE, HeaderMap};
use tokio::time::Instant;

/// Readings kept.
pub const MAX_READINGS: usize = 5;
/// `Date` has no fractions of a second: on average it is this much behind, milliseconds.
const HALF_SECOND_MS: i64 = 500;

/// One reading of a server's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServerTime {
    /// What it showed, Unix milliseconds.
    pub server_ms: i64,
    /// When, by our monotonic clock: the middle of the call.
    pub at: Instant,
}

impl ServerTime {
    /// From the headers of an answer. One from a cache on the way (`Age`) tells when it was made, not what time it is.
    pub fn of_answer(headers: &HeaderMap, begun: Instant, ended: Instant) -> Option<Self> {
        if headers.contains_key(AGE) {
            return None;
        }
        let date = httpdate::parse_http_date(headers.get(DATE)?.to_str().ok()?).ok()?;
        let since = date.duration_since(std::time::UNIX_EPOCH).ok()?;
        Some(Self {
            server_ms: i64::try_from(since.as_millis()).ok()? + HALF_SECOND_MS,
            at: begun + ended.saturating_duration_since(begun) / 2,
        })
    }
}

/// The newest readings of one server.
#[derive(Debug, Default)]
pub(crate) struct ServerTimes(Mutex<VecDeque<ServerTime>>);

impl ServerTimes {
    fn readings(&self) -> MutexGuard<'_, VecDeque<ServerTime>> {
        // A list of plain values.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes an answer, whatever it said.
    pub(crate) fn note(&self, headers: &HeaderMap, begun: Instant) {
        let Some(reading) = ServerTime::of_answer(headers, begun, Instant::now()) else {
            return;
        };
        let mut readings = self.readings();
        if readings.len() == MAX_READINGS {
            readings.pop_front();
        }
        readings.push_back(reading);
    }

    /// The readings, oldest first.
    pub(crate) fn all(&self) -> Vec<ServerTime> {
        self.readings().iter().copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use reqwest::header::HeaderValue;

    use super::*;

    #[test]
    fn the_middle_of_the_call_carries_the_date_and_half_a_second() {
        let begun = Instant::now();
        let ended = begun + Duration::from_millis(200);
        let mut headers = HeaderMap::new();
        assert_eq!(ServerTime::of_answer(&headers, begun, ended), None);
        headers.insert(DATE, HeaderValue::from_static("Tue, 14 Nov 2023 22:13:20 GMT"));
        let read = ServerTime::of_answer(&headers, begun, ended).unwrap();
        assert_eq!(read.server_ms, 1_700_000_000_500);
        assert_eq!(read.at, begun + Duration::from_millis(100));
        headers.insert(AGE, HeaderValue::from_static("3"));
        assert_eq!(ServerTime::of_answer(&headers, begun, ended), None, "kept on the way");
        headers.remove(AGE);
        headers.insert(DATE, HeaderValue::from_static("yesterday"));
        assert_eq!(ServerTime::of_answer(&headers, begun, ended), None);
    }
}
