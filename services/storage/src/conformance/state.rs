//! State: the later word stands, and goes with its objective.

use sla_proto::convert::timestamp;
use sla_proto::objective::v1::{Objective, SlaSet};
use sla_proto::storage::v1::StateEntry;
use sla_runtime::reason;
use tonic::Code;

use super::refusals::refused;
use crate::port::{MAX_PAGE_BYTES, MAX_STATE_BYTES, SetDelete, SetPut, Store};

fn entry(objective: &str, key: &str, written_ms: i64, body: &[u8], keep_days: u32) -> StateEntry {
    StateEntry {
        objective_id: objective.to_owned(),
        key: key.to_owned(),
        body: body.to_vec(),
        written: Some(timestamp(written_ms)),
        keep_days,
    }
}

async fn read(store: &dyn Store, objective: &str, keys: &[&str]) -> Vec<StateEntry> {
    let keys: Vec<String> = keys.iter().map(|&key| key.to_owned()).collect();
    let (entries, looked_up) = store.state(objective, &keys).await.unwrap();
    assert_eq!(looked_up, keys.len());
    entries
}

/// The suite of [`crate::port::StateStore`].
pub async fn state(store: &dyn Store) {
    later_counts(store).await;
    goes_with_its_objective(store).await;
    is_bounded(store).await;
}

async fn later_counts(store: &dyn Store) {
    let one = entry("s-one", "spacing/1/aa", 100, b"one", 0);
    let two = entry("s-one", "spacing/1/bb", 100, b"two", 90);
    store.put_state(vec![one, two.clone()]).await.unwrap();
    let late = entry("s-one", "spacing/1/bb", 50, b"older", 90);
    let newer = entry("s-one", "spacing/1/aa", 200, b"newer", 0);
    for _ in 0..2 {
        store.put_state(vec![late.clone(), newer.clone()]).await.unwrap();
        let found = read(store, "s-one", &["spacing/1/bb", "nothing", "spacing/1/aa"]).await;
        assert_eq!(found, [two.clone(), newer.clone()], "in the order asked");
    }
    assert!(
        read(store, "s-two", &["spacing/1/aa"]).await.is_empty(),
        "of another objective"
    );
    // A clock that was ahead does not silence those who are right.
    let ahead = entry("s-one", "spacing/1/aa", 4_102_444_800_000, b"ahead", 0);
    store.put_state(vec![ahead.clone()]).await.unwrap();
    assert_eq!(read(store, "s-one", &["spacing/1/aa"]).await, [ahead]);
    let right = entry("s-one", "spacing/1/aa", 300, b"right", 0);
    store.put_state(vec![late, right.clone()]).await.unwrap();
    let found = read(store, "s-one", &["spacing/1/bb", "spacing/1/aa"]).await;
    assert_eq!(found, [two, right]);
    let free = entry("", "long-look/aa", 100, &[0, 255], 1);
    store.put_state(vec![free.clone()]).await.unwrap();
    assert_eq!(read(store, "", &["long-look/aa"]).await, [free]);
}

async fn goes_with_its_objective(store: &dyn Store) {
    let set = |id: &str, objectives: &[&str], expected_version| SetPut {
        set: SlaSet {
            id: id.to_owned(),
            name: format!("state {id}"),
            objectives: objectives
                .iter()
                .map(|&id| Objective {
                    id: id.to_owned(),
                    ..Objective::default()
                })
                .collect(),
            ..SlaSet::default()
        },
        expected_version,
    };
    let all = ["s-kept", "s-dropped", "s-moved"];
    store.put_sets(vec![set("s-a", &all, 0)], vec![]).await.unwrap();
    let entries = all
        .iter()
        .map(|objective| entry(objective, "k", 1, b"body", 0))
        .collect();
    store.put_state(entries).await.unwrap();
    let puts = vec![set("s-a", &["s-kept"], 1), set("s-b", &["s-moved"], 0)];
    store.put_sets(puts, vec![]).await.unwrap();
    for (objective, entries) in [("s-kept", 1), ("s-dropped", 0), ("s-moved", 1)] {
        assert_eq!(read(store, objective, &["k"]).await.len(), entries, "{objective}");
    }
    // A save that fails forgets nothing.
    assert!(store.put_sets(vec![set("s-a", &[], 1)], vec![]).await.is_err());
    assert_eq!(read(store, "s-kept", &["k"]).await.len(), 1);
    for (id, expected_version) in [("s-a", 2), ("s-b", 1)] {
        let gone = SetDelete {
            id: id.to_owned(),
            expected_version,
            author: String::new(),
        };
        store.delete_set(gone).await.unwrap();
    }
    for objective in all {
        assert!(read(store, objective, &["k"]).await.is_empty(), "{objective}");
    }
}

async fn is_bounded(store: &dyn Store) {
    let bad = |result: Result<(), _>| refused(result, Code::InvalidArgument, reason::INVALID_FIELD);
    bad(store.put_state(vec![entry("s-one", "", 1, b"", 1)]).await);
    bad(store.put_state(vec![entry("", "k", 1, b"", 0)]).await);
    bad(store
        .put_state(vec![entry("s-one", "k", 1, &vec![0; MAX_STATE_BYTES + 1], 1)])
        .await);
    bad(store
        .put_state(vec![StateEntry {
            written: None,
            ..entry("s-one", "k", 1, b"", 1)
        }])
        .await);
    bad(store.put_state(vec![entry("s-one", "k", 1, b"", 1); 501]).await);
    let many = vec!["k".to_owned(); 1_001];
    bad(store.state("s-one", &many).await.map(|_| ()));
    // More than one answer holds: the rest is asked for again.
    let keys: Vec<String> = (0..MAX_PAGE_BYTES / MAX_STATE_BYTES + 6)
        .map(|n| format!("large/{n:03}"))
        .collect();
    for keys in keys.chunks(30) {
        let large = |key: &String| entry("s-large", key, 1, &vec![7; MAX_STATE_BYTES], 5);
        store.put_state(keys.iter().map(large).collect()).await.unwrap();
    }
    let (mut left, mut found) = (&keys[..], Vec::new());
    while !left.is_empty() {
        let (entries, looked_up) = store.state("s-large", left).await.unwrap();
        let bytes: usize = entries.iter().map(|entry| entry.body.len()).sum();
        assert!(bytes <= MAX_PAGE_BYTES && looked_up > 0);
        found.extend(entries.into_iter().map(|entry| entry.key));
        left = &left[looked_up..];
    }
    assert_eq!(found, keys);
}
