//! The suites of both ports on a real Kafka, and what only a broker can do to us.
#![cfg(feature = "kafka")]
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]
#![expect(clippy::disallowed_methods, reason = "dev/test names its servers in the environment")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use prost::Message as _;
use sla_bus::kafka::{KafkaFault, KafkaFeed, KafkaOptions, KafkaStream, Security, check};
use sla_bus::{FeedError, FeedEvent, ResultFeed as _, ResultStream as _, StreamError, conformance};
use sla_proto::result::v1::Record;

/// `host:port` of the broker in the clear, `host:port` of its door with TLS and a login, and the file of its authority.
struct Servers {
    plain: String,
    secure: String,
    ca: String,
}

/// From `SLA_TEST_KAFKA`, which `dev/test` exports.
fn servers() -> Servers {
    let text = std::env::var("SLA_TEST_KAFKA").expect("SLA_TEST_KAFKA: run by dev/test");
    let parts: Vec<&str> = text.split(',').collect();
    let [plain, secure, ca] = parts[..] else {
        panic!("SLA_TEST_KAFKA has three parts")
    };
    Servers {
        plain: plain.to_owned(),
        secure: secure.to_owned(),
        ca: ca.to_owned(),
    }
}

/// A stream of its own for each test, on topics that nobody has used.
fn options(name: &str, partitions: u32) -> KafkaOptions {
    KafkaOptions {
        brokers: servers().plain,
        prefix: format!("{name}-{}-", std::process::id()),
        partitions,
        security: Security::Plaintext,
        member: "one".to_owned(),
    }
}

/// The same through the door with TLS, with a login whose password stands in a file.
fn secured(name: &str, partitions: u32, ca_file: Option<PathBuf>, password: &Path) -> KafkaOptions {
    KafkaOptions {
        brokers: servers().secure,
        security: Security::SaslSsl {
            ca_file,
            username: "sla".to_owned(),
            password_file: password.to_owned(),
        },
        ..options(name, partitions)
    }
}

/// Everything that is in the stream now, read by a member of a group of its own.
async fn arrived(options: &KafkaOptions, count: usize) -> Vec<Record> {
    let mut feed = KafkaFeed::results(options).unwrap();
    let mut found = Vec::new();
    let mut idle = 0;
    // Nothing more for two polls after the last one: what came twice would be found.
    while found.len() < count || idle < 2 {
        match feed.poll().await.unwrap() {
            FeedEvent::Assigned(partitions) => {
                for partition in partitions {
                    feed.start(partition, None).await.unwrap();
                }
            }
            FeedEvent::Batch(batch) => {
                let records = batch.records.iter();
                found.extend(records.map(|record| Record::decode(record.body.as_slice()).unwrap()));
            }
            FeedEvent::Idle => idle += usize::from(found.len() >= count),
            FeedEvent::Revoked(_) => {}
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "real server: dev/test"]
async fn the_publishing_end_conforms() {
    let options = options("stream", 5);
    check(&options, &options.results_topic()).await.unwrap();
    let stream = KafkaStream::results(&options).unwrap();
    let known = [1_047, 1_148];
    let asked = std::cell::Cell::new(0);
    conformance::stream(&stream, async || {
        let count = known[asked.replace(asked.get() + 1)];
        arrived(&options, count).await
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "real server: dev/test"]
async fn the_reading_end_conforms() {
    for partitions in [1, 4] {
        let options = options(&format!("feed{partitions}"), partitions);
        check(&options, &options.results_topic()).await.unwrap();
        let stream = KafkaStream::results(&options).unwrap();
        let mut feed = KafkaFeed::results(&options).unwrap();
        conformance::feed(&stream, &mut feed).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "real server: dev/test"]
async fn a_topic_with_other_partitions_is_named() {
    let options = options("count", 3);
    check(&options, &options.results_topic()).await.unwrap();
    let other = KafkaOptions {
        partitions: 7,
        ..options.clone()
    };
    let fault = check(&other, &other.results_topic()).await.unwrap_err();
    assert!(
        matches!(
            fault,
            KafkaFault::Partitions {
                found: 3,
                wanted: 7,
                ..
            }
        ),
        "{fault}"
    );
    assert!(fault.to_string().contains("set `[bus] partitions = 3`"), "{fault}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "real server: dev/test"]
async fn who_cannot_come_in_is_told_why() {
    let place = tempfile::tempdir().unwrap();
    let password = place.path().join("password");
    std::fs::write(&password, "sla-secret\n").unwrap();
    let inside = secured("door", 2, Some(servers().ca.into()), &password);
    check(&inside, &inside.results_topic()).await.unwrap();
    let stream = KafkaStream::results(&inside).unwrap();
    let sent = conformance::records("tls", 40, 30);
    stream.publish(&sent).await.unwrap();
    assert_eq!(arrived(&inside, 40).await.len(), 40, "over TLS with a login");

    let unknown = secured("door", 2, None, &password);
    let fault = check(&unknown, &unknown.results_topic()).await.unwrap_err();
    assert!(matches!(fault, KafkaFault::Certificate { .. }), "{fault}");
    assert!(fault.to_string().contains("`[bus] ca_file`"), "{fault}");

    std::fs::write(&password, "wrong").unwrap();
    let fault = check(&inside, &inside.results_topic()).await.unwrap_err();
    assert!(matches!(fault, KafkaFault::Credentials { .. }), "{fault}");
    assert!(
        fault.to_string().contains("password_file") && !fault.to_string().contains("wrong"),
        "{fault}"
    );

    let nobody = KafkaOptions {
        brokers: "127.0.0.1:1".to_owned(),
        ..options("nobody", 2)
    };
    let fault = check(&nobody, &nobody.results_topic()).await.unwrap_err();
    assert!(
        matches!(fault, KafkaFault::Unreachable { .. }) && fault.may_pass(),
        "{fault}"
    );
    assert!(fault.to_string().contains("refused"), "the system's own word: {fault}");
}

/// Takes an operation on a topic from the user `sla`, as who runs the brokers does.
fn deny(topic: &str, operation: &str) {
    let ca = PathBuf::from(servers().ca);
    let broker = ca.ancestors().nth(2).expect("the broker's folder holds tls/ca.crt");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../dev/kafka/kafka.sh");
    let done = Command::new(script)
        .arg("deny")
        .arg(broker)
        .args([topic, operation])
        .output()
        .unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

/// An error with all its causes.
fn told(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |told, cause| format!("{told}: {cause}"))
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "real server: dev/test"]
async fn a_right_that_is_missing_is_named() {
    let place = tempfile::tempdir().unwrap();
    let password = place.path().join("password");
    std::fs::write(&password, "sla-secret\n").unwrap();
    let options = secured("rights", 1, Some(servers().ca.into()), &password);
    let topic = options.results_topic();
    check(&options, &topic).await.unwrap();
    let stream = KafkaStream::results(&options).unwrap();
    stream.publish(&conformance::records("before", 10, 10)).await.unwrap();

    deny(&topic, "Write");
    let refused = stream
        .publish(&conformance::records("after", 10, 10))
        .await
        .unwrap_err();
    assert!(matches!(refused, StreamError::Refused { .. }), "{refused:?}");
    let words = format!("the user of `[bus]` may not write to topic {topic:?}");
    assert!(told(&refused).contains(&words), "{}", told(&refused));

    deny(&topic, "Read");
    let mut feed = KafkaFeed::results(&options).unwrap();
    let refused = loop {
        match feed.poll().await {
            Ok(FeedEvent::Assigned(_)) => feed.start(0, None).await.unwrap(),
            Ok(FeedEvent::Batch(batch)) => panic!("read without the right to: {batch:?}"),
            Ok(_) => {}
            Err(refused) => break refused,
        }
    };
    assert!(matches!(refused, FeedError::Refused { .. }), "{refused:?}");
    assert!(
        told(&refused).contains("the user of `[bus]` may not read"),
        "{}",
        told(&refused)
    );

    deny(&topic, "Describe");
    let refused = check(&options, &topic).await.unwrap_err();
    assert!(matches!(refused, KafkaFault::Rights { .. }), "{refused}");
    assert!(refused.to_string().contains(&topic) && !refused.may_pass(), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "real server: dev/test"]
async fn a_cut_topic_is_lost_and_not_jumped_over() {
    use rdkafka::admin::{AdminClient, AdminOptions};
    use rdkafka::client::DefaultClientContext;
    use rdkafka::{ClientConfig, Offset, TopicPartitionList};

    let options = options("cut", 1);
    let topic = options.results_topic();
    check(&options, &topic).await.unwrap();
    let stream = KafkaStream::results(&options).unwrap();
    stream.publish(&conformance::records("a", 100, 10)).await.unwrap();
    let admin: AdminClient<DefaultClientContext> = ClientConfig::new()
        .set("bootstrap.servers", &options.brokers)
        .create()
        .unwrap();
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(&topic, 0, Offset::Offset(60)).unwrap();
    admin.delete_records(&list, &AdminOptions::new()).await.unwrap();

    let mut feed = KafkaFeed::results(&options).unwrap();
    let mut told = Vec::new();
    for position in [Some(20), Some(60), None] {
        let event = loop {
            match feed.poll().await {
                Ok(FeedEvent::Assigned(_)) => feed.start(0, position).await.unwrap(),
                Ok(FeedEvent::Idle) => {}
                other => break other,
            }
        };
        match event {
            Err(FeedError::Lost {
                position, first, end, ..
            }) => told.push((position, first, end)),
            Ok(FeedEvent::Batch(batch)) => told.push((batch.after, batch.records[0].offset, 0)),
            other => panic!("{other:?}"),
        }
        if position == Some(20) {
            feed.start(0, Some(60)).await.unwrap();
        } else {
            feed.start(0, None).await.unwrap();
        }
    }
    assert_eq!(told, [(20, 60, 100), (60, 60, 0), (60, 60, 0)]);
}

/// Follows what is given to a member and taken from it.
async fn owned(feed: &mut KafkaFeed, owned: &mut Vec<u32>) {
    match feed.poll().await.unwrap() {
        FeedEvent::Assigned(more) => owned.extend(more),
        FeedEvent::Revoked(gone) => owned.retain(|one| !gone.contains(one)),
        FeedEvent::Batch(_) | FeedEvent::Idle => {}
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "real server: dev/test"]
async fn partitions_go_from_member_to_member() {
    let options = options("members", 6);
    check(&options, &options.results_topic()).await.unwrap();
    let mut first = KafkaFeed::results(&options).unwrap();
    let patience = Duration::from_secs(30);
    let (mut a, mut b) = (Vec::new(), Vec::new());
    tokio::time::timeout(patience, async {
        while a.len() < 6 {
            owned(&mut first, &mut a).await;
        }
        let other = KafkaOptions {
            member: "two".to_owned(),
            ..options.clone()
        };
        let mut second = KafkaFeed::results(&other).unwrap();
        while a.len() != 3 || b.len() != 3 {
            tokio::join!(owned(&mut first, &mut a), owned(&mut second, &mut b));
        }
        let all: std::collections::BTreeSet<u32> = a.iter().chain(&b).copied().collect();
        assert_eq!(all.len(), 6, "each belongs to one");
        drop(second);
        while a.len() < 6 {
            owned(&mut first, &mut a).await;
        }
    })
    .await
    .unwrap();
}
