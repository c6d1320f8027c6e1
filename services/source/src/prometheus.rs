//! The adapter for Prometheus and servers that speak its HTTP API.

mod answer;
mod budget;
mod client;
#[cfg(any(test, feature = "test-support"))]
pub mod decoders;
mod diagnosis;
mod expression;
mod external;
mod haul;
mod json;
mod kinds;
mod known;
mod metadata;
mod packing;
mod plan;
mod probe;
mod proxy;
mod question;
mod read;
mod refusal;
mod remote_read;
mod transport;
mod trust;
mod wire;

use std::sync::Mutex;

use async_trait::async_trait;
use sla_domain::SourceId;

use crate::error::SourceError;
use crate::options::SourceOptions;
use crate::port::{Call, ExpressionRequest, LongViewRequest, MetricSource, ReadRequest};
use crate::reply::{ExpressionRead, LongView, MetricNames, RawRead, SeriesListing, SourceInfo};
use crate::server_time::ServerTime;

use client::Client;

/// A Prometheus-compatible server.
pub struct Prometheus {
    client: Client,
    info: Mutex<Option<known::Known>>,
}

impl Prometheus {
    /// For the server the options name. Checks the options' URL; sends nothing yet.
    /// A TLS provider for `rustls` must be installed in the process before the first request.
    pub fn new(options: SourceOptions) -> Result<Self, SourceError> {
        Ok(Self {
            client: Client::new(options)?,
            info: Mutex::new(None),
        })
    }
}

#[async_trait]
impl MetricSource for Prometheus {
    fn id(&self) -> &SourceId {
        &self.client.options.id
    }

    async fn probe(&self, call: &Call) -> Result<SourceInfo, SourceError> {
        self.ask_what_it_is(call).await
    }

    async fn metric_names(&self, limit: usize, call: &Call) -> Result<MetricNames, SourceError> {
        self.find_names(limit, call).await
    }

    async fn series(
        &self,
        selectors: &[String],
        start_ms: i64,
        end_ms: i64,
        limit: usize,
        call: &Call,
    ) -> Result<SeriesListing, SourceError> {
        self.find_series(selectors, start_ms, end_ms, limit, call).await
    }

    async fn read(&self, request: &ReadRequest, call: &Call) -> Result<RawRead, SourceError> {
        self.read_bulk(request, call).await
    }

    async fn read_expression(&self, request: &ExpressionRequest, call: &Call) -> Result<ExpressionRead, SourceError> {
        self.evaluate(request, call).await
    }

    async fn check_query(&self, expression: &str, call: &Call) -> Result<(), SourceError> {
        self.judge(expression, call).await
    }

    async fn long_view(&self, request: &LongViewRequest, call: &Call) -> Result<LongView, SourceError> {
        self.view_long(request, call).await
    }

    fn server_times(&self) -> Vec<ServerTime> {
        self.client.server_times.all()
    }
}
