//! What Kafka can hold against us, in sentences that say what to do.

use std::path::PathBuf;
use std::sync::Arc;

/// Why a topic cannot be used at the moment, or not at all.
#[derive(Debug, Clone, thiserror::Error)]
pub enum KafkaFault {
    /// No broker answers.
    #[error("no broker of {brokers} answers ({reason}); check `[bus] brokers` and that Kafka runs")]
    Unreachable {
        /// As configured.
        brokers: String,
        /// What the client said last.
        reason: String,
    },
    /// They do not let us in.
    #[error("{brokers} refuses the login ({reason}); check `[bus] username` and the password in `password_file`")]
    Credentials {
        /// As configured.
        brokers: String,
        /// The answer.
        reason: String,
    },
    /// Their certificate is not trusted, or they speak no TLS.
    #[error("{brokers} shows no certificate that we trust ({reason}); check `[bus] ca_file` and `security`")]
    Certificate {
        /// As configured.
        brokers: String,
        /// What TLS said.
        reason: String,
    },
    /// A right is missing.
    #[error("the user of `[bus]` may not {what} ({reason}); give it that right")]
    Rights {
        /// What we wanted to do, with the name of the topic or group.
        what: String,
        /// The answer.
        reason: String,
    },
    /// The topic is not there and could not be created.
    #[error(
        "topic {topic:?} is not there and could not be created ({reason}); create it: \
         kafka-topics.sh --create --topic {topic} --partitions {partitions}"
    )]
    NoTopic {
        /// Its name.
        topic: String,
        /// How many it needs.
        partitions: u32,
        /// Why it could not be created.
        reason: String,
    },
    /// The topic has another number of partitions. Changing it would send series to other partitions than before.
    #[error(
        "topic {topic:?} has {found} partitions, the configuration says {wanted}; set `[bus] partitions = {found}`, or choose \
         another `topic_prefix`"
    )]
    Partitions {
        /// Its name.
        topic: String,
        /// What it has.
        found: u32,
        /// What is configured.
        wanted: u32,
    },
    /// The topic takes no record of this size.
    #[error("topic {topic:?} takes no record of {bytes} bytes ({reason}); raise its max.message.bytes")]
    RecordTooLarge {
        /// Its name.
        topic: String,
        /// Size of the record.
        bytes: usize,
        /// The answer.
        reason: String,
    },
    /// There are records, but none come.
    #[error("topic {topic:?} holds records but gives none, after {times} new connections; look at the brokers' log")]
    Stuck {
        /// Its name.
        topic: String,
        /// How often a new connection was made.
        times: u32,
    },
    /// A file of the configuration.
    #[error("cannot read `[bus] {key}` {}", file.display())]
    File {
        /// Its key.
        key: &'static str,
        /// Which.
        file: PathBuf,
        /// Why.
        #[source]
        cause: Arc<std::io::Error>,
    },
    /// The client cannot be made from the configuration.
    #[error("`[bus]` cannot be used ({reason})")]
    Options {
        /// What it said.
        reason: String,
    },
    /// Anything else.
    #[error("{what} failed ({reason})")]
    Other {
        /// What we wanted to do.
        what: String,
        /// The answer.
        reason: String,
    },
}

impl KafkaFault {
    /// Whether it may pass by itself: then it is waited for.
    pub fn may_pass(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::Other { .. })
    }
}
