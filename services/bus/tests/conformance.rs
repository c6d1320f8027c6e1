//! The suites of both ports on the stream in memory: they are what an adapter over a broker must keep too.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use prost::Message as _;
use sla_bus::memory::MemoryBus;
use sla_bus::{FeedEvent, ResultFeed as _, conformance};
use sla_proto::result::v1::Record;

/// Everything that is in the stream.
async fn arrived(bus: &MemoryBus) -> Vec<Record> {
    let (mut feed, mut found) = (bus.feed(), Vec::new());
    loop {
        match feed.poll().await.unwrap() {
            FeedEvent::Assigned(partitions) => {
                for partition in partitions {
                    feed.start(partition, None).await.unwrap();
                }
            }
            FeedEvent::Batch(batch) => {
                let records = batch
                    .records
                    .iter()
                    .map(|record| Record::decode(record.body.as_slice()).unwrap());
                found.extend(records);
            }
            FeedEvent::Idle | FeedEvent::Revoked(_) => return found,
        }
    }
}

#[tokio::test]
async fn the_publishing_end_conforms() {
    let bus = MemoryBus::of(3);
    conformance::stream(&bus, async || arrived(&bus).await).await;
}

#[tokio::test]
async fn the_reading_end_conforms() {
    for partitions in [1, 4] {
        let bus = MemoryBus::of(partitions);
        conformance::feed(&bus, &mut bus.feed()).await;
    }
}
