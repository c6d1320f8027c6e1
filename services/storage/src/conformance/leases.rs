//! Leases: one holder at a time, and a token that fences off the one before.

use sla_proto::convert::duration_ms;
use sla_proto::storage::v1::{Lease, ScoredForecast};
use sla_proto::violation::v1::Violation;
use sla_runtime::reason;
use tonic::Code;

use super::refusals::refused;
use crate::port::{Fence, MANAGER_LEASE, Store};
use crate::specimen::series;

/// A lease that lasts for the whole suite.
const LONG_MS: i64 = 300_000;

fn left_ms(lease: &Lease) -> i64 {
    lease.left.as_ref().map_or(-1, duration_ms)
}

/// The suite of [`crate::port::LeaseStore`]. From then on this store's ledger is written under a lease.
pub async fn leases(store: &dyn Store) {
    changes_hands(store).await;
    race(store).await;
    fences(store).await;
    let bad = |result: Result<_, _>| refused(result, Code::InvalidArgument, reason::INVALID_FIELD);
    bad(store.acquire_lease("", "a", LONG_MS).await.map(|_| ()));
    bad(store.acquire_lease("l", "", LONG_MS).await.map(|_| ()));
    bad(store.acquire_lease("l", "a", 999).await.map(|_| ()));
    bad(store.renew_lease("l", 1, LONG_MS + 1).await.map(|_| ()));
}

async fn changes_hands(store: &dyn Store) {
    let never = store.lease("hands").await.unwrap();
    assert_eq!((never.token, left_ms(&never)), (0, 0), "nobody ever took it");
    assert!(!store.renew_lease("hands", 0, LONG_MS).await.unwrap().1);
    let (first, acquired) = store.acquire_lease("hands", "a", LONG_MS).await.unwrap();
    assert!(acquired && first.token == 1 && left_ms(&first) == LONG_MS, "{first:?}");
    let (told, acquired) = store.acquire_lease("hands", "b", LONG_MS).await.unwrap();
    assert!(!acquired && told.holder == "a" && left_ms(&told) > 0, "{told:?}");
    let (held, still) = store.renew_lease("hands", 1, 2_000).await.unwrap();
    assert!(still && left_ms(&held) == 2_000);
    // The same holder again, as after an answer that was lost.
    let (again, acquired) = store.acquire_lease("hands", "a", LONG_MS).await.unwrap();
    assert!(acquired && again.token == 2);
    assert!(
        !store.renew_lease("hands", 1, LONG_MS).await.unwrap().1,
        "an older token"
    );
    store.release_lease("hands", 1).await.unwrap();
    let (_, acquired) = store.acquire_lease("hands", "b", LONG_MS).await.unwrap();
    assert!(!acquired, "an older token gives nothing up");
    store.release_lease("hands", 2).await.unwrap();
    assert_eq!(left_ms(&store.lease("hands").await.unwrap()), 0);
    let (next, acquired) = store.acquire_lease("hands", "b", LONG_MS).await.unwrap();
    assert!(acquired && next.token == 3 && next.holder == "b");
    let (lost, still) = store.renew_lease("hands", 2, LONG_MS).await.unwrap();
    assert!(!still && lost.holder == "b", "who held it before hears who has it");
}

async fn race(store: &dyn Store) {
    let one = async |holder: &str| store.acquire_lease("race", holder, LONG_MS).await.unwrap();
    let (a, b, c) = tokio::join!(one("a"), one("b"), one("c"));
    let told = [a, b, c];
    assert_eq!(told.iter().filter(|(_, acquired)| *acquired).count(), 1, "{told:?}");
    assert!(told.iter().all(|(lease, _)| lease.holder == told[0].0.holder));
}

/// A manager that believes to hold what another one has taken.
async fn fences(store: &dyn Store) {
    let violation = |objective: &str| Violation {
        objective_id: objective.to_owned(),
        series: Some(series(1)),
        start: Some(sla_proto::convert::timestamp(1_000)),
        ..Violation::default()
    };
    let forecast = ScoredForecast {
        objective_id: "fenced".to_owned(),
        series_id: series(1).id,
        made: Some(sla_proto::convert::timestamp(1_000)),
        horizon_ms: 1_000,
        left: Some(true),
        ..ScoredForecast::default()
    };
    let old = store.acquire_lease(MANAGER_LEASE, "old", LONG_MS).await.unwrap().0;
    let old = Fence(old.token);
    assert_eq!(
        store
            .put_violations(old, vec![violation("fenced-1")])
            .await
            .unwrap()
            .inserted,
        1
    );
    store.release_lease(MANAGER_LEASE, old.0).await.unwrap();
    let new = store.acquire_lease(MANAGER_LEASE, "new", LONG_MS).await.unwrap().0;
    let new = Fence(new.token);
    for fence in [Fence::NONE, old] {
        let fenced = |result: Result<(), _>| refused(result, Code::Aborted, reason::FENCED);
        fenced(
            store
                .put_violations(fence, vec![violation("fenced-2")])
                .await
                .map(|_| ()),
        );
        fenced(store.put_forecasts(fence, vec![forecast.clone()]).await.map(|_| ()));
        fenced(store.score_forecasts(fence, vec![forecast.clone()]).await.map(|_| ()));
    }
    assert_eq!(
        store
            .put_violations(new, vec![violation("fenced-2")])
            .await
            .unwrap()
            .inserted,
        1,
        "nothing of it was written"
    );
    assert_eq!(store.put_forecasts(new, vec![forecast.clone()]).await.unwrap(), 1);
}
