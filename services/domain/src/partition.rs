//! Which partition a key belongs to: results, the tasks about them, and the samples behind them meet there.

use xxhash_rust::xxh3::xxh3_64;

use crate::{Labels, SeriesId, SourceId};

/// The partition of `key` among `partitions`: XXH3 of the bytes, modulo. It must never change: series would change places.
pub fn partition_of(key: &[u8], partitions: u32) -> u32 {
    (xxh3_64(key) % u64::from(partitions.max(1))) as u32
}

/// The key by which an expression (in normal form) on `source` has its place: all its results are made from one answer.
pub fn expression_key(source: &SourceId, expression: &str) -> [u8; 16] {
    SeriesId::of_expression(source, expression, &Labels::default()).0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_keeps_its_place() {
        let places: Vec<u32> = (0..6u8).map(|key| partition_of(&[key; 16], 24)).collect();
        assert_eq!(places, [8, 22, 10, 18, 9, 7], "written down once, for ever");
        let mut counts = [0; 24];
        for key in 0..24_000u32 {
            counts[partition_of(&key.to_be_bytes(), 24) as usize] += 1;
        }
        assert!(counts.iter().all(|count| (850..1_150).contains(count)), "{counts:?}");
        assert_eq!(partition_of(b"x", 0), 0);
    }
}
