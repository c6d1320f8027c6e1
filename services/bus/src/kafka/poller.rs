//! The thread behind a feed: it polls, seeks where the reader wants to go on, and makes a new consumer when one is stuck.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _, ConsumerContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::Message as _;
use rdkafka::types::RDKafkaRespErr;
use rdkafka::{ClientConfig, ClientContext, Offset, TopicPartitionList};

use super::context::{Reasons, is_away, note, route};
use super::desk::Desk;
use super::fault::KafkaFault;
use super::options::KafkaOptions;
use super::topic::options_fault;
use super::watchdog::{Verdict, Watchdog};
use crate::error::FeedError;
use crate::feed::RawRecord;

/// How long one poll waits: orders of the reader wait as long.
const POLL: Duration = Duration::from_millis(50);
/// Longest wait for where partitions begin and end, all of them asked at once: brokers under load take seconds to answer.
const WATERMARK_LIMIT: Duration = Duration::from_secs(8);
/// Pause before that is asked again to go on somewhere: nothing is read while the question waits, and other partitions are ours, too.
const SEEK_PAUSE: Duration = Duration::from_secs(1);
/// Longest wait for a seek.
const SEEK_LIMIT: Duration = Duration::from_secs(2);
/// Pause between two questions to the brokers where partitions end.
const MEASURE_PAUSE: Duration = Duration::from_secs(5);
/// How often trouble is told to the reader.
const TELL_EVERY: Duration = Duration::from_secs(5);
/// A member that says nothing so long, or has left, loses its partitions, milliseconds.
const SESSION_MS: u32 = 10_000;
/// Pause before a new consumer is tried when none could be made.
const NEW_PAUSE: Duration = Duration::from_secs(2);

/// What the consumer tells us while it is polled.
struct Member {
    reasons: Reasons,
    desk: Arc<Desk>,
    /// Another one has taken its place: what it still hears is not ours.
    retired: AtomicBool,
}

impl ClientContext for Member {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        route(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        note(&self.reasons, &error, reason);
    }
}

fn partitions(list: &TopicPartitionList) -> Vec<u32> {
    let numbers = list.elements().into_iter().map(|one| one.partition());
    numbers.filter_map(|number| u32::try_from(number).ok()).collect()
}

/// The offsets of a list, by partition; nothing of those that have none.
fn offsets(list: &TopicPartitionList) -> Result<BTreeMap<u32, u64>, KafkaError> {
    let mut found = BTreeMap::new();
    for one in list.elements() {
        one.error()?;
        if let Offset::Offset(place) = one.offset() {
            found.insert(one.partition().unsigned_abs(), place.unsigned_abs());
        }
    }
    Ok(found)
}

impl ConsumerContext for Member {
    /// Takes what is given, paused, and gives what is taken, at once: where to begin is a question to a database, and nobody
    /// may wait here.
    fn rebalance(&self, consumer: &BaseConsumer<Self>, told: RDKafkaRespErr, list: &mut TopicPartitionList) {
        let numbers = partitions(list);
        let done = if told == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS {
            // Not where Kafka's own commit stands: it is for displays.
            let done = list
                .set_all_offsets(Offset::Beginning)
                .and_then(|()| consumer.incremental_assign(list))
                .and_then(|()| consumer.pause(list));
            if !numbers.is_empty() && !self.retired.load(Ordering::Relaxed) {
                self.desk.assigned(numbers);
            }
            done
        } else {
            if !numbers.is_empty() && !self.retired.load(Ordering::Relaxed) {
                self.desk.revoked(numbers);
            }
            consumer.incremental_unassign(list)
        };
        if let Err(error) = done {
            tracing::warn!(%error, "a rebalance went wrong");
        }
    }
}

/// Who knows how far a partition was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// The reader, who keeps it with what it made of the records: a place that is gone is an error.
    OfReader,
    /// The group: what was committed. Where nothing was, or what was is gone, it begins with the first record.
    OfGroup,
}

/// The thread's own.
pub(super) struct Poller {
    place: Place,
    topic: String,
    brokers: String,
    config: ClientConfig,
    consumer: BaseConsumer<Member>,
    reasons: Reasons,
    desk: Arc<Desk>,
    dog: Watchdog,
    full: bool,
    told: Option<Instant>,
    measured: Option<Instant>,
    /// When nobody said where to go on.
    unsure: Option<Instant>,
}

impl Poller {
    pub(super) fn new(
        options: &KafkaOptions,
        topic: &str,
        group: &str,
        place: Place,
        desk: Arc<Desk>,
    ) -> Result<Self, KafkaFault> {
        let mut config = options.client()?;
        config
            .set("group.id", group)
            .set("group.instance.id", &options.member)
            .set("partition.assignment.strategy", "cooperative-sticky")
            .set("session.timeout.ms", SESSION_MS.to_string())
            .set("heartbeat.interval.ms", "2000")
            .set("max.poll.interval.ms", "60000")
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            // A place that is not there is an error, never a jump.
            .set("auto.offset.reset", "error")
            .set("check.crcs", "true")
            .set("queued.min.messages", "2000")
            .set("queued.max.messages.kbytes", "8192")
            .set("fetch.queue.backoff.ms", "50")
            .set("fetch.message.max.bytes", "1048576");
        let reasons = Reasons::default();
        Ok(Self {
            place,
            consumer: join(&config, topic, &reasons, &desk)?,
            topic: topic.to_owned(),
            brokers: options.brokers.clone(),
            config,
            reasons,
            desk,
            dog: Watchdog::new(Instant::now()),
            full: false,
            told: None,
            measured: None,
            unsure: None,
        })
    }

    /// Until the feed is closed.
    pub(super) fn run(mut self) {
        while !self.desk.is_closed() {
            self.seek();
            self.commit();
            self.balance();
            self.measure();
            let polled = self.consumer.poll(POLL).map(|polled| {
                polled.map(|message| {
                    let record = RawRecord {
                        offset: message.offset().unsigned_abs(),
                        body: message.payload().unwrap_or_default().to_vec(),
                    };
                    (
                        message.partition().unsigned_abs(),
                        record,
                        message.timestamp().to_millis(),
                    )
                })
            });
            match polled {
                Some(Ok((partition, record, stamp))) => {
                    self.dog.heard(Instant::now());
                    self.reasons.clear();
                    self.desk.push(partition, record, stamp);
                }
                Some(Err(error)) => self.trouble(&error),
                None => self.watch(),
            }
        }
        // The last word about what is applied; then the group is left.
        self.commit();
    }

    /// Goes where the reader wants to go on.
    fn seek(&mut self) {
        if self.unsure.is_some_and(|last| last.elapsed() < SEEK_PAUSE) {
            return;
        }
        self.unsure = None;
        let sought = self.desk.sought();
        if sought.is_empty() {
            return;
        }
        let partitions: Vec<u32> = sought.iter().map(|(partition, _)| *partition).collect();
        let asked = self.bounds(&partitions).and_then(|bounds| {
            let committed = match self.place {
                Place::OfGroup => self.committed(&partitions)?,
                Place::OfReader => BTreeMap::new(),
            };
            Ok((bounds, committed))
        });
        let (bounds, committed) = match asked {
            Ok(answer) => answer,
            Err(error) => {
                tracing::debug!(%error, "where to go on is not known yet");
                self.unsure = Some(Instant::now());
                if error.rdkafka_error_code().is_some_and(is_away) {
                    self.tell(&error);
                }
                return;
            }
        };
        for (partition, position) in sought {
            let Some(&bounds) = bounds.get(&partition) else {
                continue;
            };
            match self.seek_one(partition, position, bounds, committed.get(&partition).copied()) {
                Ok(()) => self.dog.excused(Instant::now()),
                Err(error) => {
                    let away = error.rdkafka_error_code().is_some_and(is_away);
                    tracing::debug!(partition, %error, "not there yet");
                    if away {
                        self.tell(&error);
                        return;
                    }
                }
            }
        }
    }

    fn seek_one(
        &self,
        partition: u32,
        position: Option<u64>,
        (first, end): (u64, u64),
        committed: Option<u64>,
    ) -> Result<(), KafkaError> {
        let number = partition as i32;
        let of_group = committed.map(|place| place.clamp(first, end));
        let place = position.or(of_group).unwrap_or(first);
        if place < first || place > end {
            self.desk.lost(partition, self.gone(partition, place, first, end));
            return Ok(());
        }
        self.consumer
            .seek(&self.topic, number, Offset::Offset(place as i64), SEEK_LIMIT)?;
        self.desk.found(partition, position, place);
        if !self.full {
            self.consumer.resume(&self.only(partition))?;
        }
        Ok(())
    }

    /// Where the group stands in these partitions; nothing of those in which it has committed nothing.
    fn committed(&self, partitions: &[u32]) -> Result<BTreeMap<u32, u64>, KafkaError> {
        let asked = self.at(partitions, Offset::Invalid);
        offsets(&self.consumer.committed_offsets(asked, WATERMARK_LIMIT)?)
    }

    /// The partitions that are read.
    fn reading(&self) -> Vec<u32> {
        self.desk.reading().iter().map(|(partition, _)| *partition).collect()
    }

    fn at(&self, partitions: &[u32], offset: Offset) -> TopicPartitionList {
        let mut list = TopicPartitionList::new();
        for &partition in partitions {
            // These offsets always fit.
            let _ = list.add_partition_offset(&self.topic, partition as i32, offset);
        }
        list
    }

    fn only(&self, partition: u32) -> TopicPartitionList {
        self.at(&[partition], Offset::Invalid)
    }

    /// The offset after the last one of each of these partitions: one question for all of them.
    fn ends(&self, partitions: &[u32]) -> Result<BTreeMap<u32, u64>, KafkaError> {
        self.listed(partitions, Offset::End)
    }

    /// The first offset of each of these partitions, and the one after its last.
    fn bounds(&self, partitions: &[u32]) -> Result<BTreeMap<u32, (u64, u64)>, KafkaError> {
        let firsts = self.listed(partitions, Offset::Beginning)?;
        let ends = self.ends(partitions)?;
        let both = firsts.into_iter().filter_map(|(partition, first)| {
            let end = *ends.get(&partition)?;
            Some((partition, (first, end)))
        });
        Ok(both.collect())
    }

    /// In the protocol first and last are times like others.
    fn listed(&self, partitions: &[u32], edge: Offset) -> Result<BTreeMap<u32, u64>, KafkaError> {
        if partitions.is_empty() {
            return Ok(BTreeMap::new());
        }
        let asked = self.at(partitions, edge);
        offsets(&self.consumer.offsets_for_times(asked, WATERMARK_LIMIT)?)
    }

    fn gone(&self, partition: u32, position: u64, first: u64, end: u64) -> FeedError {
        FeedError::Lost {
            stream: self.topic.clone(),
            partition,
            position,
            first,
            end,
        }
    }

    /// Tells the group how far we are: for displays of lag, and where the place is the group's, for who comes after us.
    fn commit(&self) {
        let applied = self.desk.take_applied();
        if applied.is_empty() {
            return;
        }
        let mut list = TopicPartitionList::new();
        for (partition, position) in applied {
            // An offset always fits: it came from the topic.
            let _ = list.add_partition_offset(&self.topic, partition as i32, Offset::Offset(position as i64));
        }
        if let Err(error) = self.consumer.commit(&list, CommitMode::Async) {
            tracing::debug!(%error, "the lag on display is stale");
        }
    }

    /// Finds out where the partitions end, for displays of lag; brokers that do not answer are asked again later.
    fn measure(&mut self) {
        if self.measured.is_some_and(|last| last.elapsed() < MEASURE_PAUSE) {
            return;
        }
        let now = Instant::now();
        match self.ends(&self.reading()) {
            Ok(ends) => {
                for (partition, end) in ends {
                    self.desk.ends(partition, end, now);
                }
            }
            Err(error) => tracing::debug!(%error, "the lag is not known"),
        }
        self.measured = Some(Instant::now());
    }

    /// Pauses everything while too much waits for the reader, and goes on when half of it is gone.
    fn balance(&mut self) {
        let fill = self.desk.fill();
        let full = if self.full { fill > 0.5 } else { fill >= 1.0 };
        if full == self.full {
            return;
        }
        self.full = full;
        let list = self.at(&self.reading(), Offset::Invalid);
        let done = if full {
            self.consumer.pause(&list)
        } else {
            self.consumer.resume(&list)
        };
        if let Err(error) = done {
            tracing::warn!(%error, full, "the reader's pace could not be followed");
        }
    }

    fn trouble(&mut self, error: &KafkaError) {
        match error.rdkafka_error_code() {
            Some(RDKafkaErrorCode::AutoOffsetReset | RDKafkaErrorCode::OffsetOutOfRange) => self.find_lost(),
            _ if matches!(error, KafkaError::MessageConsumptionFatal(_)) => {
                self.tell(error);
                self.rejoin();
            }
            // Thrown out because we were not polled, a machine that slept: joined again by the client itself.
            Some(RDKafkaErrorCode::PollExceeded) => tracing::warn!("the group gave our partitions away"),
            _ => self.tell(error),
        }
    }

    /// A place was gone while it was read: which one, and what is there.
    fn find_lost(&mut self) {
        let bounds = match self.bounds(&self.reading()) {
            Ok(bounds) => bounds,
            Err(error) => return self.tell(&error),
        };
        for (partition, next) in self.desk.reading() {
            match bounds.get(&partition) {
                Some(&(first, end)) if next < first || next > end => {
                    self.desk.lost(partition, self.gone(partition, next, first, end));
                }
                // It was only a moment without an answer: from where we were.
                _ => {
                    let place = Offset::Offset(next as i64);
                    if let Err(error) = self.consumer.seek(&self.topic, partition as i32, place, SEEK_LIMIT) {
                        self.tell(&error);
                    }
                }
            }
        }
    }

    /// Tells the reader about trouble, now and then.
    fn tell(&mut self, error: &KafkaError) {
        self.dog.excused(Instant::now());
        if self.told.is_some_and(|told| told.elapsed() < TELL_EVERY) {
            return;
        }
        self.told = Some(Instant::now());
        let what = format!("read topic {:?}", self.topic);
        let fault = self.reasons.fault(&self.brokers, &what, error);
        let (stream, may_pass, cause) = (self.topic.clone(), fault.may_pass(), Arc::new(fault));
        self.desk.failed(if may_pass {
            FeedError::Unavailable { stream, cause }
        } else {
            FeedError::Refused { stream, cause }
        });
    }

    /// Whether something should have come.
    fn watch(&mut self) {
        let now = Instant::now();
        if self.full {
            self.dog.excused(now);
            return;
        }
        let verdict = match self.dog.look(now, self.desk.has_partitions()) {
            Verdict::Ask => self.ask(now),
            verdict => verdict,
        };
        match verdict {
            Verdict::Fine | Verdict::Ask => {}
            Verdict::Rejoin => {
                tracing::warn!(
                    topic = self.topic,
                    strikes = self.dog.strikes(),
                    "nothing comes: joining the group anew"
                );
                self.rejoin();
            }
            Verdict::GiveUp => {
                let cause = Arc::new(KafkaFault::Stuck {
                    topic: self.topic.clone(),
                    times: self.dog.strikes() - 1,
                });
                self.desk.failed(FeedError::Refused {
                    stream: self.topic.clone(),
                    cause,
                });
            }
        }
    }

    fn ask(&mut self, now: Instant) -> Verdict {
        let reading = self.desk.reading();
        match self.ends(&self.reading()) {
            Ok(ends) if reading.iter().any(|(partition, next)| ends.get(partition) > Some(next)) => {
                self.dog.strike(now)
            }
            Ok(_) => {
                self.dog.excused(now);
                Verdict::Fine
            }
            Err(error) => {
                self.tell(&error);
                Verdict::Fine
            }
        }
    }

    /// A new consumer instead of this one.
    fn rejoin(&mut self) {
        self.desk.revoked_all();
        match join(&self.config, &self.topic, &self.reasons, &self.desk) {
            Ok(consumer) => {
                let old = std::mem::replace(&mut self.consumer, consumer);
                old.context().retired.store(true, Ordering::Relaxed);
                // Closing one that is stuck may take long.
                std::thread::spawn(move || drop(old));
            }
            Err(error) => {
                tracing::warn!(%error, "a new consumer could not be made");
                std::thread::sleep(NEW_PAUSE);
            }
        }
        self.full = false;
    }
}

fn join(
    config: &ClientConfig,
    topic: &str,
    reasons: &Reasons,
    desk: &Arc<Desk>,
) -> Result<BaseConsumer<Member>, KafkaFault> {
    let member = Member {
        reasons: reasons.clone(),
        desk: desk.clone(),
        retired: AtomicBool::new(false),
    };
    let consumer: BaseConsumer<Member> = config
        .create_with_context(member)
        .map_err(|error| options_fault(&error))?;
    consumer.subscribe(&[topic]).map_err(|error| options_fault(&error))?;
    Ok(consumer)
}
