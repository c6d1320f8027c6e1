//! The reading end: a stream in pieces, whose positions the reader keeps with what it made of them.

use async_trait::async_trait;

use crate::error::FeedError;
use crate::lag::Lags;

/// One record of a stream, still encoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawRecord {
    /// Position in the stream.
    pub offset: u64,
    /// An encoded `sla.result.v1.Record`, or garbage.
    pub body: Vec<u8>,
}

/// A piece of a stream: rising offsets, at most [`crate::batch::MAX_BATCH_RECORDS`] and [`crate::batch::MAX_BATCH_BYTES`]
/// unless one record alone is larger. Offsets may have holes, as those of a topic have: nothing is missing between `after`
/// and the last record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// The stream: `local`, or a topic's name.
    pub source: String,
    /// The partition of the topic; 0 for `local`.
    pub partition: u32,
    /// The position at which it was read.
    pub after: u64,
    /// What was read.
    pub records: Vec<RawRecord>,
}

/// What a feed tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FeedEvent {
    /// These partitions are ours from now on. Nothing of them comes before [`ResultFeed::start`] said where.
    Assigned(Vec<u32>),
    /// Records of a partition of ours.
    Batch(Batch),
    /// These partitions are no longer ours; what was not applied yet belongs to the next owner.
    Revoked(Vec<u32>),
    /// Nothing for a while.
    Idle,
}

/// Where result records come from.
///
/// Contract of every adapter:
/// - records of one partition come in their order, none is left out between [`Batch::after`] and the last record;
/// - the position belongs to the reader: after [`ResultFeed::start`] the next batch of that partition begins there, however
///   often it is said, also backwards;
/// - a position that the stream no longer holds is [`FeedError::Lost`], never a silent jump;
/// - [`ResultFeed::poll`] answers within a second or two, with [`FeedEvent::Idle`] when there is nothing; dropping its
///   future loses nothing.
#[async_trait]
pub trait ResultFeed: Send + 'static {
    /// The stream's name, as it stands in every batch.
    fn source(&self) -> &str;

    /// What comes next.
    async fn poll(&mut self) -> Result<FeedEvent, FeedError>;

    /// Reads a partition of ours from `position` on; `None` = from its first record that is still there.
    async fn start(&mut self, partition: u32, position: Option<u64>) -> Result<(), FeedError>;

    /// Everything below `position` is durable at the reader. For displays of lag only: nobody resumes by it.
    async fn applied(&mut self, partition: u32, position: u64) -> Result<(), FeedError>;

    /// Where it can be looked up how far this reader is behind, for as long as it lives. What is behind is counted in offsets:
    /// holes count.
    fn lags(&self) -> Lags;
}

/// A stream that can be read again and again, each time by a new reader.
#[async_trait]
pub trait ResultTopic: Send + Sync + 'static {
    /// A reader of it. It says itself what is its share.
    ///
    /// # Errors
    /// [`FeedError::Unavailable`] when it is worth trying again, [`FeedError::Refused`] when it is not.
    async fn open(&self) -> Result<Box<dyn ResultFeed>, FeedError>;
}
