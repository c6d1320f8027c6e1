//! The bus between the runs and the storage: a stream in memory that outlives the instance, and a publisher whose messages
//! are refused, doubled or overtaken.

use std::io;
use std::sync::Arc;

use async_trait::async_trait;
use sla_bus::memory::MemoryBus;
use sla_bus::{Receipt, ResultStream, StreamError, record_key};
use sla_proto::result::v1::Record;

use crate::bug::Bug;
use crate::weather::Weather;

/// The publisher's end.
pub(crate) struct Post {
    bus: MemoryBus,
    weather: Arc<Weather>,
    bug: Option<Bug>,
}

impl Post {
    pub(crate) fn new(bus: MemoryBus, weather: Arc<Weather>, bug: Option<Bug>) -> Self {
        Self { bus, weather, bug }
    }

    fn refused(records: usize) -> StreamError {
        StreamError::Unavailable {
            records,
            attempts: 1,
            cause: Arc::new(io::Error::other("the simulated broker is away")),
        }
    }
}

#[async_trait]
impl ResultStream for Post {
    async fn publish(&self, records: &[Record]) -> Result<Receipt, StreamError> {
        let percent = self.weather.mood().bus_percent;
        if self.weather.chance(percent) {
            // Half of it may have arrived.
            let some = &records[..records.len() / 2];
            if !some.is_empty() {
                self.bus.publish(some).await?;
            }
            return Err(Self::refused(records.len()));
        }
        let mut sent = records.to_vec();
        if self.weather.chance(percent) {
            // Only the order of one key is promised.
            sent.sort_by(|a, b| record_key(b).cmp(record_key(a)));
        }
        if self.weather.chance(percent) {
            self.bus.publish(&sent).await?;
        }
        if self.bug == Some(Bug::ResultLost) && sent.len() > 1 && self.weather.chance(20) {
            sent.remove(0);
            self.bus.publish(&sent).await?;
            return Ok(Receipt {
                records: records.len(),
                ..Receipt::default()
            });
        }
        self.bus.publish(&sent).await
    }

    fn stores_at_once(&self) -> bool {
        false
    }
}
