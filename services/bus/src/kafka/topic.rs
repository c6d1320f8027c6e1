//! The check at the start: the topic is there with as many partitions as configured, or is created.

use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use super::context::Context;
use super::fault::KafkaFault;
use super::options::KafkaOptions;

/// Longest wait for one answer about a topic.
const ANSWER_LIMIT: Duration = Duration::from_secs(5);
/// How long a new topic may take until each partition has a leader.
const LEADER_LIMIT: Duration = Duration::from_secs(30);
/// Pause between two looks.
const LOOK_PAUSE: Duration = Duration::from_millis(200);
/// How long a failed client is listened to for its reason.
const REASON_LIMIT: Duration = Duration::from_millis(300);

/// How a topic stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    Missing,
    Partitions {
        all: u32,
        /// Those that can be written and read now.
        led: u32,
    },
}

/// Checks `topic` and creates it with the configured number of partitions when it is not there and we may.
///
/// # Errors
/// A fault that says what to do; [`KafkaFault::may_pass`] tells those that are worth a second look.
pub async fn check(options: &KafkaOptions, topic: &str) -> Result<(), KafkaFault> {
    let begun = Instant::now();
    let mut created = false;
    loop {
        match look(options, topic).await? {
            Standing::Partitions { all, .. } if all != options.partitions => {
                return Err(KafkaFault::Partitions {
                    topic: topic.to_owned(),
                    found: all,
                    wanted: options.partitions,
                });
            }
            Standing::Partitions { all, led } if all == led => return Ok(()),
            Standing::Missing if !created => {
                create(options, topic).await?;
                created = true;
            }
            standing => {
                if begun.elapsed() > LEADER_LIMIT {
                    return Err(KafkaFault::Other {
                        what: format!("waiting for the leaders of topic {topic:?}"),
                        reason: format!("{standing:?}"),
                    });
                }
            }
        }
        tokio::time::sleep(LOOK_PAUSE).await;
    }
}

/// Asks the brokers about a topic. A consumer asks, because a producer's question may create the topic.
async fn look(options: &KafkaOptions, topic: &str) -> Result<Standing, KafkaFault> {
    let (config, brokers, topic) = (options.client()?, options.brokers.clone(), topic.to_owned());
    let looking = tokio::task::spawn_blocking(move || look_blocking(&config, &brokers, &topic));
    looking.await.map_err(|error| KafkaFault::Other {
        what: "asking the brokers".to_owned(),
        reason: error.to_string(),
    })?
}

fn look_blocking(config: &ClientConfig, brokers: &str, topic: &str) -> Result<Standing, KafkaFault> {
    let context = Context::default();
    let reasons = context.reasons.clone();
    let client: BaseConsumer<Context> = config
        .create_with_context(context)
        .map_err(|error| options_fault(&error))?;
    let what = format!("look at topic {topic:?}");
    let metadata = client.fetch_metadata(Some(topic), ANSWER_LIMIT).map_err(|error| {
        // The reason waits in the client's queue.
        let begun = Instant::now();
        while begun.elapsed() < REASON_LIMIT {
            let _ = client.poll(Duration::from_millis(20));
        }
        reasons.fault(brokers, &what, &error)
    })?;
    let Some(found) = metadata.topics().iter().find(|found| found.name() == topic) else {
        return Ok(Standing::Missing);
    };
    match found.error().map(RDKafkaErrorCode::from) {
        None | Some(RDKafkaErrorCode::LeaderNotAvailable) => {}
        Some(RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::UnknownTopic) => {
            return Ok(Standing::Missing);
        }
        Some(code) => return Err(reasons.fault(brokers, &what, &KafkaError::MetadataFetch(code))),
    }
    let partitions = found.partitions();
    Ok(Standing::Partitions {
        all: partitions.len() as u32,
        led: partitions.iter().filter(|partition| partition.leader() >= 0).count() as u32,
    })
}

async fn create(options: &KafkaOptions, topic: &str) -> Result<(), KafkaFault> {
    let admin: AdminClient<Context> = options
        .client()?
        .create_with_context(Context::default())
        .map_err(|error| options_fault(&error))?;
    // -1: as many copies as the brokers make of topics by default.
    let new = NewTopic::new(topic, options.partitions as i32, TopicReplication::Fixed(-1));
    let limits = AdminOptions::new().request_timeout(Some(ANSWER_LIMIT));
    let refused = |reason: String| KafkaFault::NoTopic {
        topic: topic.to_owned(),
        partitions: options.partitions,
        reason,
    };
    let answers = admin.create_topics([&new], &limits).await;
    let answers = answers.map_err(|error| refused(error.to_string()))?;
    for answer in answers {
        match answer {
            Ok(name) => tracing::info!(topic = name, partitions = options.partitions, "created the topic"),
            // Somebody else was faster.
            Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
            // Right after a start: a broker that shall hold a copy is not known yet.
            Err((_, code @ RDKafkaErrorCode::InvalidReplicationFactor)) => {
                return Err(KafkaFault::Other {
                    what: format!("creating topic {topic:?}"),
                    reason: code.to_string(),
                });
            }
            Err((_, code)) => return Err(refused(code.to_string())),
        }
    }
    Ok(())
}

/// The client could not be made: a file or a word of the configuration.
pub(super) fn options_fault(error: &KafkaError) -> KafkaFault {
    KafkaFault::Options {
        reason: error.to_string(),
    }
}
