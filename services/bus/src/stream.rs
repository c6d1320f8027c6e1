//! The port.

use async_trait::async_trait;
use sla_proto::result::v1::{Record, record::Fact};

use crate::error::StreamError;

/// What became of a published batch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Receipt {
    /// Records that are durable now.
    pub records: usize,
    /// Their encoded size in bytes.
    pub bytes: usize,
    /// How many requests it took, repeated ones included.
    pub requests: u32,
}

/// Where result records go. An adapter keeps the order of the records of one key and may send different keys in any order.
///
/// Contract of every adapter:
/// - `publish` answers after all records are durable (embedded: committed by the storage; a broker: acknowledged by all
///   in-sync replicas), never earlier;
/// - an error means that some records may be durable and some may not: publishing the whole batch again is always right,
///   because a reader inserts each record once by its natural key;
/// - the batch may be larger than one message of the adapter: splitting is the adapter's task;
/// - dropping the future stops waiting, not necessarily the sending.
#[async_trait]
pub trait ResultStream: Send + Sync + 'static {
    /// Publishes `records` in order.
    async fn publish(&self, records: &[Record]) -> Result<Receipt, StreamError>;

    /// Whether what was published can be read from the storage at once. Over a broker it is durable, and on its way.
    fn stores_at_once(&self) -> bool {
        true
    }

    /// Records that wait in this process for somebody to have them.
    fn waiting(&self) -> usize {
        0
    }
}

/// The key of a record: the 16 bytes of its series, or the id of its run for the closing word of a run. Records of one key
/// stay in order; a partitioned adapter chooses the partition by it.
pub fn record_key(record: &Record) -> &[u8] {
    match &record.fact {
        Some(Fact::SeriesResult(result)) => result.series.as_ref().map_or(&[], |series| &series.id),
        Some(Fact::RunFinished(finished)) => finished.run_id.as_bytes(),
        None => &[],
    }
}

#[cfg(test)]
mod tests {
    use sla_proto::result::v1::{RunFinished, SeriesResult};
    use sla_proto::series::v1::Series;

    use super::*;

    #[test]
    fn the_key_is_the_series_or_the_run() {
        let series = Record {
            schema: 1,
            fact: Some(Fact::SeriesResult(SeriesResult {
                run_id: "r".into(),
                series: Some(Series {
                    id: vec![7; 16],
                    ..Series::default()
                }),
                ..SeriesResult::default()
            })),
        };
        assert_eq!(record_key(&series), &[7; 16]);
        let end = Record {
            schema: 1,
            fact: Some(Fact::RunFinished(RunFinished {
                run_id: "r1".into(),
                ..RunFinished::default()
            })),
        };
        assert_eq!(record_key(&end), b"r1");
        assert!(record_key(&Record::default()).is_empty());
    }
}
