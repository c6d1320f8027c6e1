//! Two workers share a run over a real Apache Kafka; one is killed in the middle.

mod slow_broker;

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use sla_proto::Peer;
use sla_proto::etl::v1::{GetRunRequest, Run, RunScope, RunState, StartRunRequest};
use sla_proto::peer::{Claims, Trust};
use sla_proto::result::v1::SeriesResult;
use sla_proto::series::v1::{Query, query};
use sla_proto::server::v1::GetOwnMetricsRequest;
use sla_proto::storage::v1::{CreateRunRequest, ListPlacementsRequest, ListRunResultsRequest};

use crate::agreement;
use crate::estate::{Estate, SECRET};

const PARTITIONS: u32 = 12;
/// How long a worker may be silent before its partitions are another's, with the time to do its tasks again.
const TAKEOVER: Duration = Duration::from_mins(4);

fn query_of(text: &str) -> Query {
    Query {
        query: Some(query::Query::Selector(text.to_owned())),
        ..Query::default()
    }
}

async fn until<T>(what: &str, limit: Duration, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(begun.elapsed() < limit, "not after {limit:?}: {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// The owners of all partitions, once each has one.
async fn owners(peer: &Peer) -> Option<BTreeSet<String>> {
    let answer = peer.placements().list_placements(ListPlacementsRequest {}).await.ok()?;
    let placements = answer.into_inner().placements;
    let all = placements.len() == PARTITIONS as usize && placements.iter().all(|one| !one.address.is_empty());
    all.then(|| placements.into_iter().map(|one| one.address).collect())
}

async fn start(peer: &Peer, request_id: &str, steps: &[&str]) -> Run {
    let request = StartRunRequest {
        request_id: request_id.to_owned(),
        scope: Some(RunScope {
            queries: vec![query_of("{__name__=~\"node_.+\"}")],
            ..RunScope::default()
        }),
        steps: steps.iter().map(|step| (*step).to_owned()).collect(),
    };
    peer.runs().start_run(request).await.unwrap().into_inner().run.unwrap()
}

async fn run(peer: &Peer, id: &str) -> Option<Run> {
    let request = GetRunRequest { run_id: id.to_owned() };
    peer.runs().get_run(request).await.ok()?.into_inner().run
}

async fn ended(peer: &Peer, id: &str) -> Run {
    until("the run has ended", TAKEOVER, async || {
        run(peer, id).await.filter(|run| run.finished.is_some())
    })
    .await
}

async fn results(peer: &Peer, id: &str) -> Vec<SeriesResult> {
    let request = ListRunResultsRequest {
        run_id: id.to_owned(),
        page_size: 1_000,
        ..ListRunResultsRequest::default()
    };
    peer.results()
        .list_run_results(request)
        .await
        .unwrap()
        .into_inner()
        .results
}

/// Whoever stored a run died before it was dealt out: the owner of the first partition does that.
async fn orphan(storage: &Peer, worker: &Peer, like: Run, series: u32) {
    let request = CreateRunRequest {
        request_id: "orphan".to_owned(),
        run: Some(Run {
            state: RunState::Queued.into(),
            id: String::new(),
            message: String::new(),
            ..like
        }),
    };
    let stored = storage.run_store().create_run(request).await.unwrap().into_inner();
    let dealt = ended(worker, &stored.run.unwrap().id).await;
    assert_eq!(
        (dealt.state(), dealt.series_done),
        (RunState::Done, series),
        "{dealt:?}"
    );
}

/// What was read is told of each series once, whoever did its task a second time.
fn counted<'r>(long: &Run, whole: &Run, results: impl Iterator<Item = &'r SeriesResult>) {
    let samples = |result: &SeriesResult| {
        agreement::windows(result)
            .last()
            .map_or(0, |longest| longest.n + longest.n_nan)
    };
    let judged: u64 = results.map(samples).sum();
    assert!(
        long.samples_read >= Some(judged) && long.samples_read < Some(2 * judged),
        "{judged} samples in the longest windows, {:?} read",
        long.samples_read
    );
    assert!(whole.bytes_read.is_some() && whole.samples_read.is_some(), "{whole:?}");
}

/// Records that the storage says were new.
async fn inserted(storage: &Peer) -> f64 {
    let own = storage.server().get_own_metrics(GetOwnMetricsRequest {}).await.unwrap();
    let text = own.into_inner().text;
    let told = text
        .lines()
        .find_map(|line| line.strip_prefix("sla_storage_inserted_total "));
    told.unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "real server: dev/test"]
#[expect(clippy::disallowed_methods, reason = "dev/test names its server in the environment")]
async fn a_run_is_shared_and_survives_the_death_of_a_worker() {
    let servers = std::env::var("SLA_TEST_KAFKA").expect("SLA_TEST_KAFKA: run by dev/test");
    let bus = [
        ("SLA_BUS__BROKERS", servers.split(',').next().unwrap().to_owned()),
        ("SLA_BUS__TOPIC_PREFIX", format!("workers-{}.", std::process::id())),
        ("SLA_BUS__PARTITIONS", PARTITIONS.to_string()),
    ];
    let mut estate = Estate::of(&["storage", "account", "etl1", "etl2", "sla", "retrieval"], &bus);
    let claims = Claims::default().with_secret(SECRET);
    let of = |name: &str| {
        let peer = Peer::lazy_tcp(&estate.address(name), &Trust::default()).unwrap();
        peer.claiming(claims.clone())
    };
    let (storage, first, second) = (of("storage"), of("etl1"), of("etl2"));
    let both: BTreeSet<String> = [estate.address("etl1"), estate.address("etl2")].into();
    until("both workers own partitions", Duration::from_mins(1), async || {
        owners(&storage).await.filter(|owners| *owners == both)
    })
    .await;

    let quick = start(&first, "quick", &["statistics"]).await;
    let whole = ended(&second, &quick.id).await;
    assert_eq!((whole.state(), whole.series_failed), (RunState::Done, 0), "{whole:?}");
    assert!(whole.series_done > 20 && !whole.step_summaries.is_empty(), "{whole:?}");

    orphan(&storage, &first, quick, whole.series_done).await;

    // All steps take long enough to be killed in the middle of them.
    let long = start(&second, "long", &[]).await;
    until("some of it is done", Duration::from_mins(1), async || {
        run(&second, &long.id).await.filter(|run| run.series_done > 0)
    })
    .await;
    estate.kill("etl1");
    let killed = Instant::now();
    let at_kill = run(&second, &long.id).await.unwrap();
    assert!(at_kill.finished.is_none(), "it was killed in the middle: {at_kill:?}");
    let long = ended(&second, &long.id).await;
    println!(
        "{} of {} series when the worker died, complete {:.1} s later",
        at_kill.series_done,
        long.series_total,
        killed.elapsed().as_secs_f64()
    );
    assert_eq!(
        (long.state(), long.series_done, long.series_failed),
        (RunState::Done, whole.series_done, 0),
        "{long:?}"
    );
    let alone: BTreeSet<String> = [estate.address("etl2")].into();
    until("the other one owns everything", Duration::from_mins(1), async || {
        owners(&storage).await.filter(|owners| *owners == alone)
    })
    .await;

    // Nothing is lost or doubled, and the figures are those of one process.
    let mut by_series: BTreeMap<Vec<u8>, SeriesResult> = BTreeMap::new();
    for result in results(&storage, &long.id).await {
        let id = result.series.as_ref().unwrap().id.clone();
        assert!(by_series.insert(id, result).is_none(), "a series came twice");
    }
    assert_eq!(by_series.len(), long.series_done as usize);
    counted(&long, &whole, by_series.values());
    for result in by_series.values() {
        agreement::compare(&second, result).await;
    }

    assert!(
        inserted(&storage).await >= 2.0 * by_series.len() as f64,
        "records of the stream are counted"
    );

    // What waits for its end elsewhere is cancelled by a row.
    let third = start(&second, "cancelled", &[]).await;
    let request = sla_proto::etl::v1::CancelRunRequest {
        run_id: third.id.clone(),
    };
    let cancelled = second
        .runs()
        .cancel_run(request)
        .await
        .unwrap()
        .into_inner()
        .run
        .unwrap();
    assert_eq!(cancelled.state(), RunState::Cancelled);
    assert!(estate.stop(Duration::from_secs(5)), "each ends in order");
}
