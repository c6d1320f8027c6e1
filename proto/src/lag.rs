//! How far a reader of results is behind, over all of its partitions.

use crate::convert;
use crate::storage::v1::StreamReading;

/// The sums of a [`StreamReading`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LagSum {
    /// How many partitions are its own.
    pub partitions: usize,
    /// Records that are not applied yet; `None` when the stream does not say it of one of them, or none is its own.
    pub behind: Option<u64>,
    /// When the oldest that waits was published, Unix milliseconds.
    pub oldest_ms: Option<i64>,
}

/// Adds them up: what is not known of one partition is not known of all, and who reads none knows nothing.
pub fn sum(reading: &StreamReading) -> LagSum {
    let partitions = &reading.partitions;
    LagSum {
        partitions: partitions.len(),
        behind: partitions
            .iter()
            .map(|one| one.behind)
            .sum::<Option<u64>>()
            .filter(|_| !partitions.is_empty()),
        oldest_ms: partitions
            .iter()
            .filter_map(|one| one.oldest.as_ref().map(convert::millis))
            .min(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::v1::PartitionLag;

    #[test]
    fn what_is_unknown_of_one_partition_is_unknown() {
        let lag = |behind, oldest_ms: Option<i64>| PartitionLag {
            partition: 0,
            behind,
            oldest: oldest_ms.map(convert::timestamp),
        };
        let reading = |partitions| StreamReading {
            stream: "r".to_owned(),
            partitions,
        };
        let known = sum(&reading(vec![lag(Some(3), Some(9_000)), lag(Some(4), Some(7_000))]));
        assert_eq!((known.behind, known.oldest_ms), (Some(7), Some(7_000)));
        assert_eq!(sum(&reading(vec![lag(Some(3), None), lag(None, None)])).behind, None);
        let none = sum(&reading(vec![]));
        assert_eq!((none.partitions, none.behind), (0, None), "unknown is not zero");
    }
}
