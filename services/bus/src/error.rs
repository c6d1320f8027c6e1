//! Why records could not be published.

use std::sync::Arc;

/// Why a batch was not acknowledged. Publishing it again is always right.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StreamError {
    /// The storage did not answer, again and again.
    #[error("the storage did not take {records} records after {attempts} attempts")]
    Unavailable {
        /// Records of the request that failed.
        records: usize,
        /// How often it was tried.
        attempts: u32,
        /// The last answer.
        #[source]
        cause: Arc<tonic::Status>,
    },
    /// The storage refused the batch: repeating it as it is will not help.
    #[error("the storage refused {records} records")]
    Refused {
        /// Records of the request that failed.
        records: usize,
        /// Its answer.
        #[source]
        cause: Arc<tonic::Status>,
    },
    /// One record alone is larger than a message may be.
    #[error("a record has {bytes} bytes, at most {limit} fit into one message; leave out a step of the run")]
    RecordTooLarge {
        /// Its encoded size.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// The storage's position is not where the batch ends: somebody else writes to the same stream.
    #[error(
        "stream {stream:?} stands at {found} after a batch that ends at {expected}: another process writes to it; stop one of them"
    )]
    Fenced {
        /// Name of the stream.
        stream: String,
        /// Where the batch ended.
        expected: u64,
        /// Where the storage stands.
        found: u64,
    },
}

impl StreamError {
    /// A stable word for logs and failure records.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Unavailable { .. } => "STORAGE_UNAVAILABLE",
            Self::Refused { .. } => "STORAGE_REFUSED",
            Self::RecordTooLarge { .. } => "RECORD_TOO_LARGE",
            Self::Fenced { .. } => "STREAM_FENCED",
        }
    }
}
