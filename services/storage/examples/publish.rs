//! Publishes records to a topic of results, for whoever measures what reading them costs: `publish BROKERS PREFIX PARTITIONS RECORDS`.
//! Started by `dev/bench-machines`.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a program of dev/bench-machines"
)]

use std::time::Instant;

use prost::Message as _;
use sla_bus::ResultStream as _;
use sla_bus::kafka::{KafkaOptions, KafkaStream, Security, check};
use sla_proto::result::v1::Record;
use sla_storage::specimen::{ALL, body, result};

/// Series of one run: each run writes each series once.
const SERIES: u64 = 2_000;
const NOW_MS: i64 = 1_700_000_000_000;
/// Published at once.
const AT_ONCE: usize = 2_000;

fn record(number: u64) -> Record {
    let (run, series) = (number / SERIES, number % SERIES);
    let at_ms = NOW_MS + run as i64 * 300_000;
    let body = body(result(&format!("run-{run}"), series, at_ms, ALL));
    Record::decode(body.as_slice()).unwrap()
}

#[tokio::main]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [brokers, prefix, partitions, records] = &arguments[..] else {
        panic!("publish BROKERS PREFIX PARTITIONS RECORDS")
    };
    let options = KafkaOptions {
        brokers: brokers.clone(),
        prefix: prefix.clone(),
        partitions: partitions.parse().unwrap(),
        security: Security::Plaintext,
        member: "publish".to_owned(),
    };
    check(&options, &options.results_topic()).await.unwrap();
    let stream = KafkaStream::results(&options).unwrap();
    let all: Vec<Record> = (0..records.parse().unwrap()).map(record).collect();
    let (begun, mut bytes) = (Instant::now(), 0);
    for some in all.chunks(AT_ONCE) {
        bytes += stream.publish(some).await.unwrap().bytes;
    }
    let mean = bytes / all.len().max(1);
    println!(
        "{} records of {mean} B on average published in {:.1} s",
        all.len(),
        begun.elapsed().as_secs_f64()
    );
}
