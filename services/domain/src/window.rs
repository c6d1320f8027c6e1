//! How far back: always half open, (end − length, end].

/// A window that ends at an explicit instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Window {
    /// The instant the window ends at, included, in Unix milliseconds.
    pub end_ms: i64,
    /// Its length in milliseconds, above 0.
    pub length_ms: i64,
}

impl Window {
    /// The windows shown by default: 1 h, 3 h, 6 h, 12 h (milliseconds).
    pub const DEFAULT_LENGTHS_MS: [i64; 4] = [3_600_000, 10_800_000, 21_600_000, 43_200_000];

    /// The instant the window starts after, excluded, in Unix milliseconds.
    pub fn start_ms(self) -> i64 {
        self.end_ms.saturating_sub(self.length_ms)
    }

    /// Whether `time_ms` lies in (start, end].
    pub fn contains(self, time_ms: i64) -> bool {
        self.start_ms() < time_ms && time_ms <= self.end_ms
    }
}
