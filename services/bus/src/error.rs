//! Why records could not be published or read. No adapter shows in these words; what it said is the source.

use std::error::Error;
use std::sync::Arc;

/// What the adapter's other side said.
pub type Cause = Arc<dyn Error + Send + Sync>;

/// Why a batch was not acknowledged. Publishing it again is always right.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StreamError {
    /// The other side did not answer, again and again.
    #[error("{records} records could not be handed over after {attempts} attempts")]
    Unavailable {
        /// Records of the request that failed.
        records: usize,
        /// How often it was tried.
        attempts: u32,
        /// The last answer.
        #[source]
        cause: Cause,
    },
    /// The other side refused the batch: repeating it as it is will not help.
    #[error("{records} records were refused")]
    Refused {
        /// Records of the request that failed.
        records: usize,
        /// Its answer.
        #[source]
        cause: Cause,
    },
    /// One record alone is larger than a message may be.
    #[error("a record has {bytes} bytes, at most {limit} fit into one message; leave out a step of the run")]
    RecordTooLarge {
        /// Its encoded size.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// The position is not where the batch ends: somebody else writes to the same stream.
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
    /// The stream was closed while records waited.
    #[error("the stream was closed before {records} records were sent")]
    Closed {
        /// Records that were not sent.
        records: usize,
    },
}

impl StreamError {
    /// A stable word for logs and failure records.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Unavailable { .. } | Self::Closed { .. } => "STORAGE_UNAVAILABLE",
            Self::Refused { .. } => "STORAGE_REFUSED",
            Self::RecordTooLarge { .. } => "RECORD_TOO_LARGE",
            Self::Fenced { .. } => "STREAM_FENCED",
        }
    }
}

/// Why a stream could not be read.
#[derive(Debug, Clone, thiserror::Error)]
pub enum FeedError {
    /// The other side does not answer; reading goes on by itself when it does.
    #[error("stream {stream:?} cannot be read at the moment")]
    Unavailable {
        /// Name of the stream.
        stream: String,
        /// Why.
        #[source]
        cause: Cause,
    },
    /// The other side refuses us: credentials, rights, a stream that is not there.
    #[error("stream {stream:?} may not be read")]
    Refused {
        /// Name of the stream.
        stream: String,
        /// Its answer.
        #[source]
        cause: Cause,
    },
    /// The stream no longer holds the position at which we must go on: it was truncated or made anew.
    #[error("stream {stream:?}, partition {partition}: position {position} is gone, the stream holds {first} to {end}")]
    Lost {
        /// Name of the stream.
        stream: String,
        /// Its partition.
        partition: u32,
        /// Where we must go on.
        position: u64,
        /// The first record that is there.
        first: u64,
        /// One beyond the last record.
        end: u64,
    },
    /// The partition is not ours.
    #[error("stream {stream:?}, partition {partition}: is not assigned to this reader")]
    NotOurs {
        /// Name of the stream.
        stream: String,
        /// The partition.
        partition: u32,
    },
}
