//! Reads of samples go to the worker that owns them: it has them in memory. Where nobody does, or he does not answer, any worker
//! reads the source itself.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use futures::future::BoxFuture;
use prost::Message as _;
use sla_domain::{Labels, MatchOp, Query as DomainQuery, SeriesId, SourceId, partition, partition_of};
use tonic::body::Body;

use super::channel::{BoxError, PeerChannel};
use super::several::{Again, is_refusal};
use crate::convert;
use crate::etl::v1::ReadSamplesRequest;
use crate::series::v1::Query;
use crate::storage::v1::ListPlacementsRequest;
use crate::storage::v1::placement_store_service_client::PlacementStoreServiceClient;

/// The rpc whose calls have an owner.
const READ_SAMPLES: &str = "/sla.etl.v1.SampleService/ReadSamples";
/// How long the owners are believed.
const KNOWN_FOR: Duration = Duration::from_secs(2);
/// How long it is waited for who they are.
const ASK_LIMIT: Duration = Duration::from_secs(1);
/// Bytes before the message of a frame: whether it is compressed, and its length.
const FRAME: usize = 5;

/// Dials a worker by its address.
pub type Dial = Arc<dyn Fn(&str) -> Option<PeerChannel> + Send + Sync>;

#[derive(Default)]
struct Known {
    /// Address by partition; empty = nobody.
    owners: Arc<Vec<String>>,
    asked: Option<Instant>,
    dialled: HashMap<String, Option<PeerChannel>>,
}

/// Any worker, and who owns what.
#[derive(Clone)]
pub(super) struct Owned {
    any: PeerChannel,
    placements: PeerChannel,
    dial: Dial,
    known: Arc<Mutex<Known>>,
}

impl Owned {
    pub(super) fn new(any: PeerChannel, placements: PeerChannel, dial: Dial) -> Self {
        Self {
            any,
            placements,
            dial,
            known: Arc::default(),
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        // Replaced as a whole.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn owners(&self) -> Arc<Vec<String>> {
        {
            let mut known = self.known();
            if known.asked.is_some_and(|asked| asked.elapsed() < KNOWN_FOR) {
                return known.owners.clone();
            }
            // Others that come meanwhile go by what was known.
            known.asked = Some(Instant::now());
        }
        let mut placements = PlacementStoreServiceClient::new(self.placements.clone());
        let asked = placements.list_placements(ListPlacementsRequest {});
        let told = tokio::time::timeout(ASK_LIMIT, asked).await;
        let mut known = self.known();
        // While the storage is away the last ones known may still be right.
        if let Ok(Ok(told)) = told {
            let placements = told.into_inner().placements;
            let count = placements
                .iter()
                .map(|one| one.partition as usize + 1)
                .max()
                .unwrap_or(0);
            let mut owners = vec![String::new(); count];
            for one in placements {
                owners[one.partition as usize] = one.address;
            }
            let owners = Arc::new(owners);
            known.dialled.retain(|address, _| owners.contains(address));
            known.owners = owners;
        }
        known.owners.clone()
    }

    /// The worker that owns what is asked for; `None` when it is not one.
    async fn owner(&self, call: &Again) -> Option<PeerChannel> {
        let (frame, message) = call.body().split_at_checked(FRAME)?;
        if call.path() != READ_SAMPLES || frame.first() != Some(&0) {
            return None;
        }
        let request = ReadSamplesRequest::decode(message).ok()?;
        let owners = self.owners().await;
        let address = owner_of(&request.queries, &owners)?;
        let dialled = self.known().dialled.get(address).cloned();
        dialled.unwrap_or_else(|| {
            let channel = (self.dial)(address);
            self.known().dialled.insert(address.to_owned(), channel.clone());
            channel
        })
    }

    async fn send(self, request: http::Request<Body>) -> Result<http::Response<Body>, BoxError> {
        if request.uri().path() != READ_SAMPLES {
            return tower_service::Service::call(&mut self.any.clone(), request).await;
        }
        let call = Again::of(request).await?;
        if let Some(mut owner) = self.owner(&call).await {
            match tower_service::Service::call(&mut owner, call.request()).await {
                Ok(answer) if !is_refusal(&answer) => return Ok(answer),
                Ok(_) | Err(_) => {}
            }
        }
        tower_service::Service::call(&mut self.any.clone(), call.request()).await
    }
}

/// The address of the one that owns all of these; `None` when there is no such one.
fn owner_of<'a>(queries: &[Query], owners: &'a [String]) -> Option<&'a str> {
    let count = u32::try_from(owners.len()).ok().filter(|count| *count > 0)?;
    let mut addresses = queries.iter().map(|query| {
        let place = partition_of(&key_of(query)?, count);
        owners.get(place as usize)
    });
    let first = addresses.next()??;
    let all = !first.is_empty() && addresses.all(|other| other == Some(first));
    all.then_some(first)
}

/// The key of an expression, or of the series that a selector names with all its labels. One that leaves labels out may mean
/// series of any owner, and is taken for another series: it is read all the same, from the source.
fn key_of(query: &Query) -> Option<[u8; 16]> {
    // Which one is meant by no name is known to the workers alone.
    let source = Some(&query.source).filter(|name| !name.is_empty())?;
    let source = SourceId(source.clone());
    match DomainQuery::parse(convert::query_text(query)).ok()? {
        DomainQuery::Expression(expression) => Some(partition::expression_key(&source, expression.text())),
        DomainQuery::Selector(selector) => {
            let pairs = selector.matchers().iter().map(|one| {
                let is_exact = one.op() == MatchOp::Equal && !one.value().is_empty();
                is_exact.then(|| (one.name(), one.value()))
            });
            let pairs: Option<Vec<(&str, &str)>> = pairs.collect();
            Some(SeriesId::of_series(&source, &Labels::from_pairs(pairs?)).0)
        }
    }
}

impl tower_service::Service<http::Request<Body>> for Owned {
    type Response = http::Response<Body>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        Box::pin(self.clone().send(request))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::series::v1::query;

    fn asked(source: &str, text: &str, is_expression: bool) -> Query {
        let text = text.to_owned();
        Query {
            query: Some(if is_expression {
                query::Query::Expression(text)
            } else {
                query::Query::Selector(text)
            }),
            source: source.to_owned(),
            ..Query::default()
        }
    }

    #[test]
    fn a_series_and_an_expression_have_one_owner_and_a_pattern_has_none() {
        let owners: Vec<String> = (0..24).map(|at| format!("http://w{at}")).collect();
        let labels = Labels::from_pairs([("__name__", "up"), ("job", "node")]);
        let id = SeriesId::of_series(&SourceId("p".into()), &labels);
        let place = partition_of(&id.0, 24) as usize;
        let exact = asked("p", "up{job='node'}", false);
        assert_eq!(
            owner_of(std::slice::from_ref(&exact), &owners),
            Some(owners[place].as_str())
        );
        assert!(owner_of(&[asked("p", " sum( up ) ", true)], &owners).is_some());
        assert_eq!(
            owner_of(&[asked("p", " sum( up ) ", true)], &owners),
            owner_of(&[asked("p", "sum( up )", true)], &owners),
            "blanks around it do not matter"
        );
        for nobodys in [asked("", "up", false), asked("p", "up{job=~'n.*'}", false)] {
            assert_eq!(owner_of(&[nobodys], &owners), None);
        }
        assert_eq!(owner_of(std::slice::from_ref(&exact), &[]), None);
        assert_eq!(owner_of(&[exact], &vec![String::new(); 24]), None, "given up");
    }
}
