//! What the source offers: names, series, and whether a query is valid.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sla_domain::{Clock as _, Labels, SeriesId, counter};
use sla_proto::convert;
use sla_proto::etl::v1::CheckQueryResponse;
use sla_proto::series::v1::{Query, Series, SeriesKind};
use sla_source::{Call, ExpressionRequest, MetricFamily, MetricNames, MetricSource, ReadLimits, SourceError};
use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::error::EtlError;
use crate::health::{Asked, SourceHealth};
use crate::metrics::EtlMetrics;
use crate::query::ReadQuery;
use crate::source_clock::SourceClock;

/// Names kept of one source.
pub const MAX_NAMES: usize = 100_000;
/// Series of one listing.
pub const MAX_LISTED_SERIES: usize = 20_000;
/// The list of names is read again when it is older than this.
pub const NAMES_AGE: Duration = Duration::from_mins(1);
/// A listing of series is read again when it is older than this; long enough to page through it.
const SERIES_AGE: Duration = Duration::from_secs(30);
/// Listings of series kept for paging.
const MAX_LISTINGS: usize = 16;

/// The answers of the source that are still good.
#[derive(Default)]
struct Offer {
    names: Option<(Instant, Arc<MetricNames>)>,
    tried: Option<Instant>,
    counters: HashMap<String, bool>,
    /// Names whose jobs declare different kinds.
    disputed: HashMap<String, MetricFamily>,
    listings: Vec<(ReadQuery, Instant, Arc<Vec<Series>>)>,
}

/// The catalogue of one source.
pub struct Catalogue {
    pub(crate) source: Arc<dyn MetricSource>,
    pub(crate) health: SourceHealth,
    pub(crate) metrics: EtlMetrics,
    pub(crate) clock: Arc<SourceClock>,
    /// How far back a series counts as there, milliseconds.
    presence_ms: i64,
    offer: Mutex<Offer>,
    /// One reader of the names at a time: the others take what it brought.
    turn: Semaphore,
}

impl Catalogue {
    /// Of a source; nothing is read yet.
    pub fn new(
        source: Arc<dyn MetricSource>,
        health: SourceHealth,
        metrics: EtlMetrics,
        clock: Arc<SourceClock>,
        presence_ms: i64,
    ) -> Self {
        Self {
            source,
            health,
            metrics,
            clock,
            presence_ms,
            offer: Mutex::default(),
            turn: Semaphore::new(1),
        }
    }

    fn offer(&self) -> MutexGuard<'_, Offer> {
        // Entries are replaced whole.
        self.offer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Books the outcome of a question to the source.
    fn booked<T>(&self, answer: Result<T, SourceError>) -> Result<T, SourceError> {
        match answer {
            Ok(value) => {
                self.metrics.source_reads.inc();
                Ok(value)
            }
            Err(error) => {
                self.metrics.source_failures.inc();
                self.health.failed(&error);
                Err(error)
            }
        }
    }

    /// Whether a series counts up, as far as is known: by the type the source tells, else by its name. Where jobs declare
    /// different types its own job decides; where that does not, or says two, the series is read as it is.
    pub fn kind_of(&self, labels: &Labels) -> SeriesKind {
        let name = labels.metric_name();
        let offer = self.offer();
        let counts = if let Some(family) = offer.disputed.get(name) {
            let kind = family.kind_in(labels.get("job").unwrap_or(""));
            kind.is_some_and(|kind| counter::is_counter(name, Some(kind)))
        } else {
            let known = offer.counters.get(name).copied();
            known.unwrap_or_else(|| counter::is_counter(name, None))
        };
        if counts { SeriesKind::Counter } else { SeriesKind::Gauge }
    }

    /// Whether the types should be read before samples are: they were not yet, and not tried a moment ago.
    pub fn wants_types(&self) -> bool {
        let offer = self.offer();
        offer.names.is_none() && offer.tried.is_none_or(|tried| tried.elapsed() >= NAMES_AGE)
    }

    /// A plain series of this source as a message.
    pub fn series_message(&self, labels: &Labels) -> (SeriesId, Series) {
        let source = self.source.id();
        let id = SeriesId::of_series(source, labels);
        (
            id,
            convert::series_message(id, &source.0, labels, "", self.kind_of(labels)),
        )
    }

    /// A result series of an expression as a message.
    pub fn expression_message(&self, expression: &str, labels: &Labels) -> (SeriesId, Series) {
        let source = self.source.id();
        let id = SeriesId::of_expression(source, expression, labels);
        (
            id,
            convert::series_message(id, &source.0, labels, expression, SeriesKind::Gauge),
        )
    }

    /// The names, at most [`NAMES_AGE`] old; older ones only when the source cannot tell.
    pub async fn names(&self, call: &Call) -> Result<Arc<MetricNames>, EtlError> {
        // The semaphore is never closed.
        let _turn = self.turn.acquire().await.map_err(|_| EtlError::ShuttingDown)?;
        let known = self.offer().names.clone();
        if let Some((read, names)) = &known
            && (read.elapsed() < NAMES_AGE || !self.health.may_ask())
        {
            return Ok(names.clone());
        }
        self.health.gate()?;
        self.offer().tried = Some(Instant::now());
        let fresh = match self.booked(self.source.metric_names(MAX_NAMES, call).await) {
            Ok(fresh) => Arc::new(fresh),
            Err(error) => {
                // An outage has a banner of its own; without this word, nobody would know why there are no names.
                if !error.is_outage() {
                    let words = format!("the names of its metrics cannot be read: {error}");
                    self.health.warned(Asked::Names, "", &[words]);
                }
                return known.map(|(_, names)| names).ok_or(EtlError::Source(error));
            }
        };
        self.health.succeeded(None);
        self.health.warned(Asked::Names, "", &fresh.warnings);
        let mut offer = self.offer();
        offer.counters = fresh
            .families
            .iter()
            .map(|family| {
                (
                    family.name.clone(),
                    counter::is_counter(&family.name, family.kind.as_deref()),
                )
            })
            .collect();
        let disputed = fresh.families.iter().filter(|family| family.is_disputed);
        offer.disputed = disputed.map(|family| (family.name.clone(), family.clone())).collect();
        offer.names = Some((Instant::now(), fresh.clone()));
        Ok(fresh)
    }

    /// The series a query yields, in the order of their labels; the same listing for a while, so that it can be paged.
    pub async fn series(&self, query: &ReadQuery, call: &Call) -> Result<Arc<Vec<Series>>, EtlError> {
        {
            let mut offer = self.offer();
            offer.listings.retain(|(_, read, _)| read.elapsed() < SERIES_AGE);
            if let Some((_, _, listing)) = offer.listings.iter().find(|(of, _, _)| of == query) {
                return Ok(listing.clone());
            }
        }
        let listing = Arc::new(self.series_now(query, MAX_LISTED_SERIES, call).await?);
        let mut offer = self.offer();
        if offer.listings.len() >= MAX_LISTINGS {
            offer.listings.remove(0);
        }
        offer.listings.push((query.clone(), Instant::now(), listing.clone()));
        Ok(listing)
    }

    /// The series a query yields now, asked of the source; more than `limit` is an error.
    pub async fn series_now(&self, query: &ReadQuery, limit: usize, call: &Call) -> Result<Vec<Series>, EtlError> {
        self.health.gate()?;
        let now_ms = self.clock.now_ms();
        let found = match query {
            ReadQuery::Selector(selector) => {
                let selectors = [selector.text().to_owned()];
                let found = self
                    .booked(
                        self.source
                            .series(&selectors, now_ms - self.presence_ms, now_ms, limit, call)
                            .await,
                    )
                    .map_err(too_many)?;
                self.health.warned(Asked::Series, selector.text(), &found.warnings);
                found
                    .series
                    .iter()
                    .map(|labels| self.series_message(labels).1)
                    .collect()
            }
            ReadQuery::Expression { text, step_ms } => {
                let request = ExpressionRequest {
                    expression: text.clone(),
                    start_ms: now_ms,
                    end_ms: now_ms,
                    step_ms: *step_ms,
                    limits: ReadLimits { max_series: limit },
                };
                let read = self
                    .booked(self.source.read_expression(&request, call).await)
                    .map_err(too_many)?;
                self.health.warned(Asked::Series, text, &read.warnings);
                read.series
                    .iter()
                    .map(|(labels, _)| self.expression_message(text, labels).1)
                    .collect()
            }
        };
        self.health.succeeded(None);
        Ok(found)
    }

    /// Whether a query is valid and what it yields. A mistake is an answer; a source that cannot be asked is an error.
    pub async fn check(&self, message: &Query, call: &Call) -> Result<CheckQueryResponse, EtlError> {
        let text = convert::query_text(message);
        let query = match ReadQuery::parse("query", message) {
            Ok(query) => query,
            Err(EtlError::BadQuery(invalid)) => {
                let position = sla_domain::Query::parse(text).err().and_then(|error| error.position());
                return Ok(CheckQueryResponse {
                    problem: invalid.rule,
                    position: position.map(|at| at as u32),
                    ..CheckQueryResponse::default()
                });
            }
            Err(other) => return Err(other),
        };
        let refused = |error: SourceError| match error {
            SourceError::BadQuery { message, position, .. } => Ok(CheckQueryResponse {
                problem: sla_domain::SafeText::new(&message).into_string(),
                position: position.map(|at| at as u32),
                ..CheckQueryResponse::default()
            }),
            other => Err(EtlError::Source(other)),
        };
        if let ReadQuery::Expression { text, .. } = &query {
            self.health.gate()?;
            if let Err(error) = self.booked(self.source.check_query(text, call).await) {
                return refused(error);
            }
        }
        match self.series_now(&query, MAX_LISTED_SERIES, call).await {
            Ok(series) => Ok(CheckQueryResponse {
                series: series.len() as u32,
                normalised: Some(normalised(&query, message)),
                ..CheckQueryResponse::default()
            }),
            Err(EtlError::TooManySeries { found, .. }) => Ok(CheckQueryResponse {
                series: found as u32,
                normalised: Some(normalised(&query, message)),
                ..CheckQueryResponse::default()
            }),
            Err(EtlError::Source(error)) => refused(error),
            Err(other) => Err(other),
        }
    }
}

/// A query as it will be stored: its normal form, of the source that was named.
fn normalised(query: &ReadQuery, asked: &Query) -> Query {
    Query {
        source: asked.source.clone(),
        ..query.to_message()
    }
}

/// The count and the limit are ours to tell.
pub(crate) fn too_many(error: SourceError) -> EtlError {
    match error {
        SourceError::TooManySeries { found, limit } => EtlError::TooManySeries { found, limit },
        other => EtlError::Source(other),
    }
}
