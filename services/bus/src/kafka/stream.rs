//! The publishing end: acknowledged by all in-sync replicas, idempotent, in a bounded queue.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{DeliveryFuture, FutureProducer, FutureRecord, Producer as _};
use sla_domain::partition_of;
use sla_proto::result::v1::Record;

use super::context::{Context, Reasons, is_away};
use super::fault::KafkaFault;
use super::options::KafkaOptions;
use super::topic::options_fault;
use crate::batch;
use crate::error::StreamError;
use crate::stream::{Receipt, ResultStream, record_key};

/// How long a record may wait for brokers before its publisher is told.
pub const PUBLISH_LIMIT: Duration = Duration::from_mins(2);
/// Records that may wait in the client.
const MAX_WAITING_RECORDS: u32 = 20_000;
/// Their size in KiB.
const MAX_WAITING_KIB: u32 = 16 << 10;
/// Pause when the queue is full.
const FULL_PAUSE: Duration = Duration::from_millis(10);

/// A message of a topic.
pub(super) struct Message {
    pub(super) partition: u32,
    pub(super) key: Vec<u8>,
    pub(super) body: Vec<u8>,
}

/// Publishes to a topic.
pub struct KafkaStream {
    options: KafkaOptions,
    topic: String,
    reasons: Reasons,
    /// Made anew after a fatal error: an idempotent producer that lost its numbers never recovers.
    producer: Mutex<FutureProducer<Context>>,
}

impl KafkaStream {
    /// The stream of results. Nothing is asked of the brokers yet.
    ///
    /// # Errors
    /// [`KafkaFault::File`] or [`KafkaFault::Options`].
    pub fn results(options: &KafkaOptions) -> Result<Self, KafkaFault> {
        Self::to(options, options.results_topic())
    }

    /// The stream to any topic.
    pub(super) fn to(options: &KafkaOptions, topic: String) -> Result<Self, KafkaFault> {
        let reasons = Reasons::default();
        Ok(Self {
            producer: Mutex::new(producer(options, &reasons)?),
            options: options.clone(),
            topic,
            reasons,
        })
    }

    /// Publishes bytes as they are, each under its own bytes as key: what readers must survive.
    ///
    /// # Errors
    /// As [`ResultStream::publish`].
    #[cfg(feature = "test-support")]
    pub async fn publish_raw(&self, bodies: &[Vec<u8>]) -> Result<(), StreamError> {
        let messages = bodies.iter().map(|body| Message {
            partition: partition_of(body, self.options.partitions),
            key: body.clone(),
            body: body.clone(),
        });
        self.send(messages.collect()).await
    }

    fn producer(&self) -> FutureProducer<Context> {
        // Replaced as a whole.
        self.producer.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Sends messages in order and waits until all of them are acknowledged.
    pub(super) async fn send(&self, messages: Vec<Message>) -> Result<(), StreamError> {
        let producer = self.producer();
        let begun = Instant::now();
        let count = messages.len();
        let mut waiting = Vec::with_capacity(count);
        let mut failed = None;
        for message in &messages {
            match self.enqueue(&producer, message, begun).await {
                Ok(delivery) => waiting.push(delivery),
                Err(error) => {
                    failed = Some((error, message.body.len()));
                    break;
                }
            }
        }
        // All are waited for: what is on its way must not mix with what is sent next.
        for (delivery, message) in waiting.into_iter().zip(&messages) {
            let error = match delivery.await {
                Ok(Ok(_)) => continue,
                Ok(Err((error, _))) => error,
                Err(_) => KafkaError::Canceled,
            };
            failed.get_or_insert((error, message.body.len()));
        }
        match failed {
            None => {
                self.reasons.clear();
                Ok(())
            }
            Some((error, bytes)) => Err(self.failure(count, &error, bytes)),
        }
    }

    async fn enqueue(
        &self,
        producer: &FutureProducer<Context>,
        message: &Message,
        begun: Instant,
    ) -> Result<DeliveryFuture, KafkaError> {
        loop {
            let record = FutureRecord::to(&self.topic)
                .partition(message.partition as i32)
                .key(&message.key)
                .payload(&message.body);
            match producer.send_result(record) {
                Ok(delivery) => return Ok(delivery),
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), _))
                    if begun.elapsed() < PUBLISH_LIMIT =>
                {
                    tokio::time::sleep(FULL_PAUSE).await;
                }
                Err((error, _)) => return Err(error),
            }
        }
    }

    fn failure(&self, records: usize, error: &KafkaError, bytes: usize) -> StreamError {
        let code = error.rdkafka_error_code();
        let what = format!("write to topic {:?}", self.topic);
        let fault = match code {
            Some(RDKafkaErrorCode::MessageSizeTooLarge) => KafkaFault::RecordTooLarge {
                topic: self.topic.clone(),
                bytes,
                reason: error.to_string(),
            },
            _ => self.reasons.fault(&self.options.brokers, &what, error),
        };
        if code == Some(RDKafkaErrorCode::Fatal) || matches!(error, KafkaError::Canceled) {
            self.renew();
        }
        let away = code.is_none_or(|code| is_away(code) || code == RDKafkaErrorCode::QueueFull);
        if away || fault.may_pass() {
            return StreamError::Unavailable {
                records,
                attempts: 1,
                cause: Arc::new(fault),
            };
        }
        StreamError::Refused {
            records,
            cause: Arc::new(fault),
        }
    }

    fn renew(&self) {
        match producer(&self.options, &self.reasons) {
            Ok(new) => *self.producer.lock().unwrap_or_else(PoisonError::into_inner) = new,
            Err(error) => tracing::warn!(%error, "a new producer could not be made"),
        }
    }
}

fn producer(options: &KafkaOptions, reasons: &Reasons) -> Result<FutureProducer<Context>, KafkaFault> {
    let mut config = options.client()?;
    config
        .set("acks", "all")
        .set("enable.idempotence", "true")
        .set("compression.codec", "zstd")
        .set("linger.ms", "5")
        .set("message.timeout.ms", PUBLISH_LIMIT.as_millis().to_string())
        .set("queue.buffering.max.messages", MAX_WAITING_RECORDS.to_string())
        .set("queue.buffering.max.kbytes", MAX_WAITING_KIB.to_string());
    let context = Context {
        reasons: reasons.clone(),
    };
    config
        .create_with_context(context)
        .map_err(|error| options_fault(&error))
}

#[async_trait]
impl ResultStream for KafkaStream {
    async fn publish(&self, records: &[Record]) -> Result<Receipt, StreamError> {
        // Cut as for any adapter: what no reader takes is refused before anything is sent.
        let batches = batch::cut(records)?;
        let requests = batches.len() as u32;
        let messages: Vec<Message> = records
            .iter()
            .zip(batches.into_iter().flatten())
            .map(|(record, body)| {
                let key = record_key(record).to_vec();
                let partition = partition_of(&key, self.options.partitions);
                Message { partition, key, body }
            })
            .collect();
        let bytes = messages.iter().map(|message| message.body.len()).sum();
        self.send(messages).await?;
        Ok(Receipt {
            records: records.len(),
            bytes,
            requests,
        })
    }

    fn stores_at_once(&self) -> bool {
        false
    }

    fn waiting(&self) -> usize {
        usize::try_from(self.producer().in_flight_count()).unwrap_or(0)
    }
}
