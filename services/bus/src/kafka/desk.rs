//! Where the thread that polls and the task that reads meet: what was read and waits, by partition, and what was asked for.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use crate::batch::{MAX_BATCH_BYTES, MAX_BATCH_RECORDS};
use crate::error::FeedError;
use crate::feed::{Batch, FeedEvent, RawRecord};
use crate::lag::Lag;

/// Bytes that wait at most before partitions are paused; one message may lie above.
const FULL_BYTES: usize = 8 << 20;
/// Records that wait at most before partitions are paused.
const FULL_RECORDS: usize = 16_000;

/// Older words about the end of a partition count for nothing: the brokers are away.
const STALE: Duration = Duration::from_secs(20);

/// Records that come one by one are kept this long, so that many are stored at once: a transaction costs the same for one as for
/// hundreds. What waits here is short of what an operator notices in the progress of a run.
pub(super) const GATHER: Duration = Duration::from_millis(400);

/// How far a partition has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// Ours, but nobody has said where it begins; or what must be read is gone.
    Waiting,
    /// It shall go on here; `None` = at its first record.
    Sought(Option<u64>),
    /// It is read.
    Reading,
}

#[derive(Debug)]
struct Lane {
    stage: Stage,
    records: VecDeque<RawRecord>,
    /// Where the next batch begins.
    after: u64,
    /// The next offset that the consumer gives.
    next: u64,
    /// What lies below is durable at the reader.
    applied: u64,
    /// The offset after the last record, and when the brokers said so.
    end: Option<(u64, Instant)>,
    /// Offset and time of what was read and is not applied.
    unapplied: VecDeque<(u64, Option<i64>)>,
    /// Bytes of `records`, and when the first of them came.
    bytes: usize,
    since: Option<Instant>,
}

impl Lane {
    fn new() -> Self {
        Self {
            stage: Stage::Waiting,
            records: VecDeque::new(),
            after: 0,
            next: 0,
            applied: 0,
            end: None,
            unapplied: VecDeque::new(),
            bytes: 0,
            since: None,
        }
    }

    /// When what waits shall be read: as many as one batch holds at once, fewer when the first has waited for `gather`.
    fn ripe_at(&self, gather: Duration) -> Option<Instant> {
        let is_full = self.records.len() >= MAX_BATCH_RECORDS || self.bytes >= MAX_BATCH_BYTES;
        self.since.map(|since| if is_full { since } else { since + gather })
    }

    fn lag(&self, partition: u32, now: Instant) -> Lag {
        let fresh = self
            .end
            .filter(|(_, told)| now.saturating_duration_since(*told) < STALE);
        // What was read since the brokers were asked lies beyond what they said.
        let end = fresh
            .filter(|_| self.stage == Stage::Reading)
            .map(|(end, _)| end.max(self.next));
        Lag {
            partition,
            behind: end.map(|end| end.saturating_sub(self.applied)),
            waiting: self.unapplied.len() as u32,
            oldest_ms: self.unapplied.front().and_then(|(_, stamp)| *stamp),
        }
    }
}

#[derive(Debug, Default)]
struct State {
    told: VecDeque<Result<FeedEvent, FeedError>>,
    lanes: BTreeMap<u32, Lane>,
    applied: BTreeMap<u32, u64>,
    bytes: usize,
    records: usize,
    /// The partition whose turn it is.
    turn: u32,
    closed: bool,
}

impl State {
    fn forget(&mut self, partition: u32) {
        if let Some(lane) = self.lanes.get_mut(&partition) {
            self.bytes -= lane.bytes;
            self.records -= lane.records.len();
            lane.bytes = 0;
            lane.since = None;
            lane.records.clear();
            lane.unapplied.clear();
        }
    }

    fn pop(&mut self, partition: u32, source: &str) -> Option<Batch> {
        let lane = self.lanes.get_mut(&partition)?;
        let (mut records, mut bytes) = (Vec::new(), 0);
        while let Some(record) = lane.records.front() {
            bytes += record.body.len();
            if records.len() == MAX_BATCH_RECORDS || (bytes > MAX_BATCH_BYTES && !records.is_empty()) {
                break;
            }
            self.bytes -= record.body.len();
            lane.bytes -= record.body.len();
            self.records -= 1;
            records.extend(lane.records.pop_front());
        }
        // What is left is as old as those that are gone, at most.
        lane.since = lane.since.filter(|_| !lane.records.is_empty());
        let end = records.last()?.offset + 1;
        let after = std::mem::replace(&mut lane.after, end);
        Some(Batch {
            source: source.to_owned(),
            partition,
            after,
            records,
        })
    }
}

/// Shared by the two.
#[derive(Debug, Default)]
pub(super) struct Desk {
    /// How long records wait for others.
    gather: Duration,
    state: Mutex<State>,
    /// Something waits for the reader.
    news: Notify,
}

impl Desk {
    /// Nothing is ours yet; records that come one by one will wait for others as long as `gather`.
    pub(super) fn gathering(gather: Duration) -> Self {
        Self {
            gather,
            ..Self::default()
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // No code of others runs while it is held.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    // What the polling thread says.

    /// These are ours now.
    pub(super) fn assigned(&self, partitions: Vec<u32>) {
        let mut state = self.state();
        for &partition in &partitions {
            state.forget(partition);
            state.lanes.insert(partition, Lane::new());
        }
        state.told.push_back(Ok(FeedEvent::Assigned(partitions)));
        drop(state);
        self.news.notify_one();
    }

    /// These are ours no more.
    pub(super) fn revoked(&self, partitions: Vec<u32>) {
        let mut state = self.state();
        for partition in &partitions {
            state.forget(*partition);
            state.lanes.remove(partition);
            state.applied.remove(partition);
        }
        state.told.push_back(Ok(FeedEvent::Revoked(partitions)));
        drop(state);
        self.news.notify_one();
    }

    /// All of them are gone with their consumer.
    pub(super) fn revoked_all(&self) {
        let all: Vec<u32> = self.state().lanes.keys().copied().collect();
        if !all.is_empty() {
            self.revoked(all);
        }
    }

    /// Reading is in trouble.
    pub(super) fn failed(&self, error: FeedError) {
        self.state().told.push_back(Err(error));
        self.news.notify_one();
    }

    /// Partitions that shall be read from another place.
    pub(super) fn sought(&self) -> Vec<(u32, Option<u64>)> {
        let state = self.state();
        let sought = state.lanes.iter().filter_map(|(partition, lane)| match lane.stage {
            Stage::Sought(position) => Some((*partition, position)),
            Stage::Waiting | Stage::Reading => None,
        });
        sought.collect()
    }

    /// The consumer stands at `place`, as was asked by `position`; nothing when something else was asked meanwhile.
    pub(super) fn found(&self, partition: u32, position: Option<u64>, place: u64) {
        let mut state = self.state();
        if let Some(lane) = state.lanes.get_mut(&partition)
            && lane.stage == Stage::Sought(position)
        {
            lane.stage = Stage::Reading;
            lane.after = place;
            lane.next = place;
            lane.applied = place;
        }
    }

    /// What must be read of a partition is not there.
    pub(super) fn lost(&self, partition: u32, error: FeedError) {
        let mut state = self.state();
        if let Some(lane) = state.lanes.get_mut(&partition) {
            lane.stage = Stage::Waiting;
            state.told.push_back(Err(error));
        }
        drop(state);
        self.news.notify_one();
    }

    /// A record was read, published at `stamp`. What nobody asked for is dropped.
    pub(super) fn push(&self, partition: u32, record: RawRecord, stamp: Option<i64>) {
        let mut state = self.state();
        let Some(lane) = state.lanes.get_mut(&partition) else {
            return;
        };
        if lane.stage != Stage::Reading || record.offset < lane.next {
            return;
        }
        lane.next = record.offset + 1;
        let bytes = record.body.len();
        lane.unapplied.push_back((record.offset, stamp));
        lane.records.push_back(record);
        lane.bytes += bytes;
        lane.since.get_or_insert_with(Instant::now);
        state.bytes += bytes;
        state.records += 1;
        drop(state);
        self.news.notify_one();
    }

    /// The brokers say where a partition ends.
    pub(super) fn ends(&self, partition: u32, end: u64, now: Instant) {
        if let Some(lane) = self.state().lanes.get_mut(&partition) {
            lane.end = Some((end, now));
        }
    }

    /// What is read, and the next offset of each.
    pub(super) fn reading(&self) -> Vec<(u32, u64)> {
        let state = self.state();
        let reading = state.lanes.iter().filter(|(_, lane)| lane.stage == Stage::Reading);
        reading.map(|(partition, lane)| (*partition, lane.next)).collect()
    }

    /// Whether any partition is ours.
    pub(super) fn has_partitions(&self) -> bool {
        !self.state().lanes.is_empty()
    }

    /// How full it is, as a share of what may wait; 1 and above = pause.
    pub(super) fn fill(&self) -> f64 {
        let state = self.state();
        let bytes = state.bytes as f64 / FULL_BYTES as f64;
        bytes.max(state.records as f64 / FULL_RECORDS as f64)
    }

    /// What was applied since the last question.
    pub(super) fn take_applied(&self) -> BTreeMap<u32, u64> {
        std::mem::take(&mut self.state().applied)
    }

    /// Whether nobody reads any more.
    pub(super) fn is_closed(&self) -> bool {
        self.state().closed
    }

    // What the reader says.

    /// What comes next, if something is there; of records only those that need not wait for others any more.
    pub(super) fn next(&self, source: &str, now: Instant) -> Option<Result<FeedEvent, FeedError>> {
        let mut state = self.state();
        if let Some(told) = state.told.pop_front() {
            return Some(told);
        }
        let turn = state.turn;
        let later = state.lanes.range(turn..).map(|(partition, _)| *partition);
        let order: Vec<u32> = later
            .chain(state.lanes.range(..turn).map(|(partition, _)| *partition))
            .collect();
        for partition in order {
            if state.lanes[&partition]
                .ripe_at(self.gather)
                .is_none_or(|ripe| ripe > now)
            {
                continue;
            }
            if let Some(batch) = state.pop(partition, source) {
                state.turn = partition + 1;
                return Some(Ok(FeedEvent::Batch(batch)));
            }
        }
        None
    }

    /// When the first of the records that wait shall be read; `None` when none waits.
    pub(super) fn ripe_at(&self) -> Option<Instant> {
        let state = self.state();
        state.lanes.values().filter_map(|lane| lane.ripe_at(self.gather)).min()
    }

    /// Waits for news; those that came before are not missed.
    pub(super) async fn news(&self) {
        self.news.notified().await;
    }

    /// Reads a partition from `position` on; `false` when it is not ours.
    pub(super) fn seek(&self, partition: u32, position: Option<u64>) -> bool {
        let mut state = self.state();
        state.forget(partition);
        let Some(lane) = state.lanes.get_mut(&partition) else {
            return false;
        };
        lane.stage = Stage::Sought(position);
        true
    }

    /// Notes what is durable.
    pub(super) fn note_applied(&self, partition: u32, position: u64) {
        let mut state = self.state();
        if let Some(lane) = state.lanes.get_mut(&partition) {
            lane.applied = position;
            while lane.unapplied.front().is_some_and(|(offset, _)| *offset < position) {
                lane.unapplied.pop_front();
            }
            state.applied.insert(partition, position);
        }
    }

    /// How far the reader is behind in each partition.
    pub(super) fn lags(&self, now: Instant) -> Vec<Lag> {
        let state = self.state();
        let lags = state.lanes.iter().map(|(partition, lane)| lane.lag(*partition, now));
        lags.collect()
    }

    /// Nobody reads any more.
    pub(super) fn close(&self) {
        self.state().closed = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(offset: u64, size: usize) -> RawRecord {
        RawRecord {
            offset,
            body: vec![1; size],
        }
    }

    fn batch(desk: &Desk) -> Option<Batch> {
        match desk.next("t", Instant::now())? {
            Ok(FeedEvent::Batch(batch)) => Some(batch),
            other => panic!("{other:?}"),
        }
    }

    fn reading(partitions: &[u32]) -> Desk {
        reading_of(Desk::default(), partitions)
    }

    fn reading_of(desk: Desk, partitions: &[u32]) -> Desk {
        desk.assigned(partitions.to_vec());
        assert!(matches!(
            desk.next("t", Instant::now()),
            Some(Ok(FeedEvent::Assigned(_)))
        ));
        for &partition in partitions {
            assert!(desk.seek(partition, Some(10)));
            desk.found(partition, Some(10), 10);
        }
        desk
    }

    #[test]
    fn partitions_take_turns_and_batches_join() {
        let desk = reading(&[0, 5]);
        for offset in 10..1_200 {
            desk.push(0, record(offset, 10), None);
        }
        desk.push(5, record(17, 10), None);
        let order: Vec<(u32, u64, usize)> = std::iter::from_fn(|| batch(&desk))
            .map(|batch| (batch.partition, batch.after, batch.records.len()))
            .collect();
        assert_eq!(order, [(0, 10, 500), (5, 10, 1), (0, 510, 500), (0, 1_010, 190)]);
        assert_eq!(desk.fill().to_bits(), 0f64.to_bits());
        desk.push(5, record(40, MAX_BATCH_BYTES + 1), None);
        desk.push(5, record(41, 1), None);
        assert_eq!(batch(&desk).unwrap().records.len(), 1, "a giant comes alone");
        assert_eq!(batch(&desk).unwrap().after, 41);
    }

    #[test]
    fn records_that_come_one_by_one_are_gathered() {
        let minute = Duration::from_mins(1);
        let desk = reading_of(Desk::gathering(minute), &[2]);
        assert_eq!(desk.ripe_at(), None);
        desk.push(2, record(10, 1), None);
        desk.push(2, record(11, 1), None);
        assert!(batch(&desk).is_none(), "they wait for more");
        let ripe = desk.ripe_at().unwrap();
        assert!(ripe > Instant::now() + minute / 2);
        assert!(
            matches!(desk.next("t", ripe), Some(Ok(FeedEvent::Batch(two))) if two.records.len() == 2),
            "long enough"
        );
        assert_eq!(desk.ripe_at(), None);
        for offset in 12..13 + MAX_BATCH_RECORDS as u64 {
            desk.push(2, record(offset, 1), None);
        }
        assert_eq!(
            batch(&desk).unwrap().records.len(),
            MAX_BATCH_RECORDS,
            "a full batch does not wait"
        );
        assert!(
            batch(&desk).is_none() && desk.ripe_at().is_some(),
            "what is left of it does"
        );
        desk.push(2, record(900, MAX_BATCH_BYTES), None);
        assert!(batch(&desk).is_some(), "many bytes do not");
        desk.push(2, record(901, 1), None);
        assert!(desk.seek(2, Some(901)));
        assert_eq!(desk.ripe_at(), None, "what is forgotten waits no more");
    }

    #[test]
    fn what_was_read_before_a_seek_is_forgotten() {
        let desk = reading(&[3]);
        desk.push(3, record(10, 1), None);
        assert!(desk.seek(3, Some(2)));
        // Late arrivals of the old place.
        desk.push(3, record(11, 1), None);
        assert_eq!(desk.sought(), [(3, Some(2))]);
        desk.found(3, Some(9), 9);
        assert_eq!(desk.sought().len(), 1, "another question is no answer");
        desk.found(3, Some(2), 2);
        desk.push(3, record(2, 1), None);
        assert_eq!(batch(&desk).unwrap().records[0].offset, 2);
        assert!(!desk.seek(4, None));
    }

    #[test]
    fn lag_is_what_is_not_applied_and_unknown_without_the_brokers() {
        let desk = reading(&[4]);
        let now = Instant::now();
        let lag = |at| desk.lags(at)[0];
        assert_eq!((lag(now).behind, lag(now).waiting), (None, 0), "nobody was asked");
        desk.ends(4, 30, now);
        assert_eq!(lag(now).behind, Some(20));
        desk.push(4, record(10, 1), Some(1_000));
        // A hole, as the offsets of a topic have them.
        desk.push(4, record(12, 1), Some(2_000));
        assert_eq!(batch(&desk).unwrap().records.len(), 2);
        let behind = Lag {
            partition: 4,
            behind: Some(20),
            waiting: 2,
            oldest_ms: Some(1_000),
        };
        assert_eq!(lag(now), behind, "what was handed out is not applied yet");
        desk.note_applied(4, 11);
        assert_eq!((lag(now).behind, lag(now).oldest_ms), (Some(19), Some(2_000)));
        desk.push(4, record(35, 1), None);
        assert_eq!(lag(now).behind, Some(25), "read beyond what the brokers said");
        assert_eq!(lag(now + STALE).behind, None, "their word is old");
        assert!(desk.seek(4, Some(10)));
        assert_eq!((lag(now).behind, lag(now).waiting), (None, 0));
        desk.revoked(vec![4]);
        assert!(desk.lags(now).is_empty());
    }

    #[test]
    fn what_is_revoked_is_gone() {
        let desk = reading(&[1, 2]);
        desk.push(1, record(10, 100), None);
        desk.note_applied(1, 11);
        desk.revoked(vec![1]);
        desk.push(1, record(11, 100), None);
        desk.note_applied(1, 12);
        assert!(matches!(desk.next("t", Instant::now()), Some(Ok(FeedEvent::Revoked(gone))) if gone == [1]));
        assert!(desk.next("t", Instant::now()).is_none() && desk.take_applied().is_empty());
        assert_eq!(desk.reading(), [(2, 10)]);
        desk.revoked_all();
        assert!(!desk.has_partitions());
    }
}
