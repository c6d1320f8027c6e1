//! Times: the domain counts Unix milliseconds, the wire has google's Timestamp and Duration.

use prost_types::{Duration, Timestamp};

/// Unix milliseconds as a Timestamp.
pub fn timestamp(unix_ms: i64) -> Timestamp {
    Timestamp {
        seconds: unix_ms.div_euclid(1000),
        nanos: (unix_ms.rem_euclid(1000) * 1_000_000) as i32,
    }
}

/// A Timestamp as Unix milliseconds, rounded down; out-of-range seconds saturate.
pub fn millis(timestamp: &Timestamp) -> i64 {
    timestamp
        .seconds
        .saturating_mul(1000)
        .saturating_add(i64::from(timestamp.nanos) / 1_000_000)
}

/// Milliseconds as a Duration.
pub fn duration(ms: i64) -> Duration {
    Duration {
        seconds: ms / 1000,
        nanos: ((ms % 1000) * 1_000_000) as i32,
    }
}

/// A Duration as milliseconds; out-of-range seconds saturate.
pub fn duration_ms(duration: &Duration) -> i64 {
    duration
        .seconds
        .saturating_mul(1000)
        .saturating_add(i64::from(duration.nanos) / 1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_survive_the_wire() {
        for ms in [0, 1, 999, 1_700_000_000_123, -1, -1_001, i64::from(i32::MIN)] {
            assert_eq!(millis(&timestamp(ms)), ms);
            assert_eq!(duration_ms(&duration(ms)), ms);
        }
        assert_eq!(
            millis(&Timestamp {
                seconds: i64::MAX,
                nanos: 0
            }),
            i64::MAX
        );
    }
}
