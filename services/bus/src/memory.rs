//! Both ends in memory, for tests of whoever uses them: partitions by key, holes in the offsets, a tail that can be cut off.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use prost::Message as _;
use sla_proto::result::v1::Record;
use tokio::sync::Notify;

use crate::batch::{self, MAX_BATCH_BYTES, MAX_BATCH_RECORDS};
use crate::error::{FeedError, StreamError};
use crate::feed::{Batch, FeedEvent, RawRecord, ResultFeed, ResultTopic};
use crate::lag::{Lag, Lags};
use crate::stream::{Receipt, ResultStream, record_key};

const SOURCE: &str = "memory";
/// How long a poll waits.
const PATIENCE: Duration = Duration::from_millis(50);
/// Every so many records a place in the stream stays empty, as markers of transactions leave it.
const HOLE_EACH: u64 = 7;

#[derive(Debug, Default)]
struct Partition {
    records: Vec<RawRecord>,
    /// What lies below was cut off.
    first: u64,
    end: u64,
}

impl Partition {
    fn append(&mut self, body: Vec<u8>) {
        if self.end % HOLE_EACH == HOLE_EACH - 1 {
            self.end += 1;
        }
        self.records.push(RawRecord { offset: self.end, body });
        self.end += 1;
    }
}

/// The stream. Cheap to clone: each clone publishes to the same records.
#[derive(Debug, Clone)]
pub struct MemoryBus {
    partitions: Arc<Mutex<Vec<Partition>>>,
    news: Arc<Notify>,
}

impl MemoryBus {
    /// An empty stream of `count` partitions, at least one.
    pub fn of(count: usize) -> Self {
        Self {
            partitions: Arc::new(Mutex::new((0..count.max(1)).map(|_| Partition::default()).collect())),
            news: Arc::default(),
        }
    }

    fn partitions(&self) -> MutexGuard<'_, Vec<Partition>> {
        self.partitions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A reader that all partitions are assigned to.
    pub fn feed(&self) -> MemoryFeed {
        let all = (0..self.partitions().len() as u32).collect();
        MemoryFeed {
            bus: self.clone(),
            told: VecDeque::from([FeedEvent::Assigned(all)]),
            positions: BTreeMap::new(),
            applied: Arc::default(),
            turn: 0,
        }
    }

    /// Appends bytes that are no record.
    pub fn garbage(&self, partition: usize, body: Vec<u8>) {
        if let Some(partition) = self.partitions().get_mut(partition) {
            partition.append(body);
        }
        self.news.notify_waiters();
    }

    /// Forgets the records of a partition below `first`, as a broker does when they are too old.
    pub fn truncate(&self, partition: usize, first: u64) {
        if let Some(partition) = self.partitions().get_mut(partition) {
            partition.records.retain(|record| record.offset >= first);
            partition.first = first;
            partition.end = partition.end.max(first);
        }
    }
}

#[async_trait]
impl ResultStream for MemoryBus {
    async fn publish(&self, records: &[Record]) -> Result<Receipt, StreamError> {
        let batches = batch::cut(records)?;
        let mut partitions = self.partitions();
        let count = partitions.len();
        for record in records {
            let key: usize = record_key(record).iter().map(|&byte| usize::from(byte)).sum();
            if let Some(partition) = partitions.get_mut(key % count) {
                partition.append(record.encode_to_vec());
            }
        }
        drop(partitions);
        self.news.notify_waiters();
        Ok(Receipt {
            records: records.len(),
            bytes: batches.iter().flatten().map(Vec::len).sum(),
            requests: batches.len() as u32,
        })
    }

    fn stores_at_once(&self) -> bool {
        false
    }
}

#[async_trait]
impl ResultTopic for MemoryBus {
    async fn open(&self) -> Result<Box<dyn ResultFeed>, FeedError> {
        Ok(Box::new(self.feed()))
    }
}

/// A reader.
#[derive(Debug)]
pub struct MemoryFeed {
    bus: MemoryBus,
    told: VecDeque<FeedEvent>,
    positions: BTreeMap<u32, u64>,
    applied: Arc<Mutex<BTreeMap<u32, u64>>>,
    /// Partitions take turns.
    turn: u32,
}

impl MemoryFeed {
    fn next(&mut self) -> Result<Option<Batch>, FeedError> {
        let partitions = self.bus.partitions();
        let count = partitions.len() as u32;
        for step in 0..count {
            let number = (self.turn + step) % count;
            let (Some(&after), Some(partition)) = (self.positions.get(&number), partitions.get(number as usize)) else {
                continue;
            };
            if after < partition.first || after > partition.end {
                return Err(FeedError::Lost {
                    stream: SOURCE.to_owned(),
                    partition: number,
                    position: after,
                    first: partition.first,
                    end: partition.end,
                });
            }
            let mut bytes = 0;
            let mut records: Vec<RawRecord> = Vec::new();
            for record in partition.records.iter().filter(|record| record.offset >= after) {
                bytes += record.body.len();
                if records.len() == MAX_BATCH_RECORDS || (bytes > MAX_BATCH_BYTES && !records.is_empty()) {
                    break;
                }
                records.push(record.clone());
            }
            if let Some(last) = records.last() {
                self.positions.insert(number, last.offset + 1);
                self.turn = number + 1;
                return Ok(Some(Batch {
                    source: SOURCE.to_owned(),
                    partition: number,
                    after,
                    records,
                }));
            }
        }
        Ok(None)
    }
}

#[async_trait]
impl ResultFeed for MemoryFeed {
    fn source(&self) -> &str {
        SOURCE
    }

    async fn poll(&mut self) -> Result<FeedEvent, FeedError> {
        if let Some(event) = self.told.pop_front() {
            return Ok(event);
        }
        let news = Arc::clone(&self.bus.news);
        let notified = news.notified();
        if let Some(batch) = self.next()? {
            return Ok(FeedEvent::Batch(batch));
        }
        // What came in between is found by the next call.
        let _ = tokio::time::timeout(PATIENCE, notified).await;
        Ok(self.next()?.map_or(FeedEvent::Idle, FeedEvent::Batch))
    }

    async fn start(&mut self, partition: u32, position: Option<u64>) -> Result<(), FeedError> {
        let first = self.bus.partitions().get(partition as usize).map(|known| known.first);
        let Some(first) = first else {
            return Err(FeedError::NotOurs {
                stream: SOURCE.to_owned(),
                partition,
            });
        };
        let position = position.unwrap_or(first);
        self.positions.insert(partition, position);
        self.applied(partition, position).await
    }

    async fn applied(&mut self, partition: u32, position: u64) -> Result<(), FeedError> {
        let mut applied = self.applied.lock().unwrap_or_else(PoisonError::into_inner);
        applied.insert(partition, position);
        Ok(())
    }

    fn lags(&self) -> Lags {
        let (bus, applied) = (self.bus.clone(), self.applied.clone());
        Arc::new(move || {
            let (partitions, applied) = (bus.partitions(), applied.lock().unwrap_or_else(PoisonError::into_inner));
            let lag = |(&partition, &position): (&u32, &u64)| Lag {
                partition,
                behind: partitions
                    .get(partition as usize)
                    .map(|known| known.end.saturating_sub(position)),
                waiting: 0,
                oldest_ms: None,
            };
            applied.iter().map(lag).collect()
        })
    }
}
