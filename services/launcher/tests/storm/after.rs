//! What must be true after a storm: each acknowledged thing is there once, figures are those of one process, all work again.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use sla_proto::etl::v1::{Run, RunState};
use sla_proto::objective::v1::SlaSet;
use sla_proto::result::v1::SeriesResult;
use sla_proto::storage::v1::{
    GetStoreStatusRequest, ListPlacementsRequest, ListRunResultsRequest, ListStoredAuditRequest, ListStoredRunsRequest,
};
use sla_proto::violation::v1::{GetOverviewRequest, ListViolationsRequest, Violation};
use sla_proto::{Peer, convert, lag};

use crate::agreement;
use crate::cast::{Cast, PARTITIONS};
use crate::load::{HOSTS, call, edit_name, patiently, selector};

/// Questions to the process alone at once.
const AT_ONCE: usize = 4;

/// Waits until `look` finds something; what, and after how long.
pub(crate) async fn until<T>(what: &str, limit: Duration, mut look: impl AsyncFnMut() -> Option<T>) -> (T, Duration) {
    let begun = Instant::now();
    loop {
        if let Some(found) = look().await {
            return (found, begun.elapsed());
        }
        assert!(begun.elapsed() < limit, "not after {limit:?}: {what}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Whether what is on the screens was judged after `since_ms`.
pub(crate) async fn judged(door: &Peer, since_ms: i64) -> Option<()> {
    let request = GetOverviewRequest::default();
    let answer = door.violations().get_overview(request).await.ok()?.into_inner();
    let evaluated = answer.overview?.evaluated?;
    (convert::millis(&evaluated) > since_ms).then_some(())
}

/// Whether both workers own partitions and both storages read, with nothing left to read.
pub(crate) async fn all_work(cast: &Cast) -> Option<()> {
    let mut read = 0;
    for name in ["storage1", "storage2"] {
        let answer = cast
            .peer(name)
            .store_status()
            .get_store_status(GetStoreStatusRequest {})
            .await;
        let sum = lag::sum(&answer.ok()?.into_inner().status?.reading?);
        if sum.behind != Some(0) {
            return None;
        }
        read += sum.partitions;
    }
    let answer = cast
        .peer("storage1")
        .placements()
        .list_placements(ListPlacementsRequest {})
        .await;
    let placements = answer.ok()?.into_inner().placements;
    let owners: BTreeSet<&str> = placements.iter().map(|one| one.address.as_str()).collect();
    let both = ["etl1", "etl2"].map(|name| cast.address(name));
    let all = placements.len() == PARTITIONS && owners == both.iter().map(String::as_str).collect();
    (read == PARTITIONS && all).then_some(())
}

/// The runs of the storm that the storage has: each acknowledged one, and none besides.
pub(crate) async fn stored(storage: &Peer, acknowledged: &[String]) -> Vec<Run> {
    let mut found = BTreeMap::new();
    let mut request = ListStoredRunsRequest {
        page_size: 100,
        ..ListStoredRunsRequest::default()
    };
    loop {
        let page = storage
            .run_store()
            .list_stored_runs(request.clone())
            .await
            .unwrap()
            .into_inner();
        for run in page.runs {
            let queries = run
                .scope
                .as_ref()
                .map(|scope| scope.queries.as_slice())
                .unwrap_or_default();
            if queries == [selector(HOSTS)] {
                assert!(found.insert(run.id.clone(), run).is_none(), "a run is listed twice");
            }
        }
        if page.next_page_token.is_empty() {
            break;
        }
        request.page_token = page.next_page_token;
    }
    let asked: BTreeSet<&String> = acknowledged.iter().collect();
    assert_eq!(asked.len(), acknowledged.len(), "two requests gave one run");
    assert_eq!(found.keys().collect::<BTreeSet<_>>(), asked);
    acknowledged.iter().filter_map(|id| found.remove(id)).collect()
}

/// All results of a run, each series once.
pub(crate) async fn results(storage: &Peer, run: &Run, series: usize) -> Vec<SeriesResult> {
    assert_eq!((run.state(), run.series_failed), (RunState::Done, 0), "{run:?}");
    let request = ListRunResultsRequest {
        run_id: run.id.clone(),
        page_size: 1_000,
        ..ListRunResultsRequest::default()
    };
    let results = storage
        .results()
        .list_run_results(request)
        .await
        .unwrap()
        .into_inner()
        .results;
    let ids: BTreeSet<&[u8]> = results
        .iter()
        .filter_map(|one| Some(one.series.as_ref()?.id.as_slice()))
        .collect();
    assert_eq!((ids.len(), results.len()), (series, series), "{run:?}");
    assert_eq!(run.series_done as usize, series);
    assert!(run.samples_read > Some(0) && run.bytes_read.is_some(), "{run:?}");
    results
}

/// Holds results against what one process finds at the same instants; gives how many windows were compared.
pub(crate) async fn compare(alone: &Peer, results: &[SeriesResult]) -> usize {
    let compared = futures::stream::iter(results).map(|result| agreement::compare(alone, result));
    compared
        .buffer_unordered(AT_ONCE)
        .fold(0, |sum, one| async move { sum + one })
        .await
}

/// The edits of a set: each once, in their order, the last one stored.
pub(crate) async fn edited(storage: &Peer, set: &SlaSet, last: &SlaSet, edits: u32) {
    assert_eq!((set.version, &set.description), (last.version, &edit_name(edits)));
    let mut told = Vec::new();
    let mut request = ListStoredAuditRequest {
        page_size: 200,
        ..ListStoredAuditRequest::default()
    };
    loop {
        let page = storage
            .account_store()
            .list_stored_audit(request.clone())
            .await
            .unwrap()
            .into_inner();
        let updates = page.entries.into_iter();
        told.extend(updates.filter(|entry| entry.subject == set.name && entry.action == "set.update"));
        if page.next_page_token.is_empty() {
            break;
        }
        request.page_token = page.next_page_token;
    }
    told.sort_by_key(|entry| entry.id);
    assert_eq!(told.len(), edits as usize, "each acknowledged edit is in the log once");
    for (number, entry) in (1..).zip(&told) {
        assert!(entry.after.contains(&edit_name(number)), "{number}: {entry:?}");
    }
}

/// A violation by what it is, for whoever told it.
type Told = (Vec<u8>, i64, i64, u64, u64);

/// The closed violations of `set` inside a span, Unix milliseconds.
pub(crate) async fn ledger(peer: &Peer, set: &str, after_ms: i64, before_ms: i64) -> BTreeSet<Told> {
    let mut request = ListViolationsRequest {
        set: set.to_owned(),
        page_size: 500,
        ..ListViolationsRequest::default()
    };
    let mut told = BTreeSet::new();
    loop {
        let answer = patiently("list violations", || call!(peer.violations().list_violations(request))).await;
        let page = answer.unwrap().into_inner();
        for one in &page.violations {
            let Violation {
                start: Some(start),
                end: Some(end),
                series: Some(series),
                ..
            } = one
            else {
                continue;
            };
            let (start_ms, end_ms) = (convert::millis(start), convert::millis(end));
            if start_ms > after_ms && end_ms < before_ms {
                let key = (series.id.clone(), start_ms, end_ms, one.worst.to_bits(), one.samples);
                assert!(told.insert(key), "it is told twice: {one:?}");
            }
        }
        if page.next_page_token.is_empty() {
            return told;
        }
        request.page_token = page.next_page_token;
    }
}
