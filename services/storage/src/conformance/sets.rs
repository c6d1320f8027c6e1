//! Sets: versions, names, all or nothing.

use sla_proto::objective::v1::{Objective, SlaSet};
use sla_runtime::reason;
use tonic::Code;

use super::refusals::{conflict, refusal, refused};
use crate::port::{Page, SetDelete, SetPut, Store};

fn put(id: &str, name: &str, expected_version: u64) -> SetPut {
    let objectives = vec![Objective {
        id: "o1".to_owned(),
        name: "load".to_owned(),
        ..Objective::default()
    }];
    let set = SlaSet {
        id: id.to_owned(),
        name: name.to_owned(),
        objectives,
        author: "ada".to_owned(),
        ..SlaSet::default()
    };
    SetPut { set, expected_version }
}

fn stale<T: std::fmt::Debug>(result: Result<T, crate::StoreError>) -> Option<SlaSet> {
    let error = result.unwrap_err();
    assert_eq!(
        refusal(&error),
        (Code::Aborted, reason::STALE_VERSION.to_owned()),
        "{error}"
    );
    conflict(&error)
}

async fn names(store: &dyn Store) -> Vec<String> {
    let mut names = saved_after(store, 0).await.0;
    names.sort_by_key(|name| name.to_lowercase());
    names
}

/// Names of the sets that were saved after a revision, read two at a time; the newest revision, and how many there are.
async fn saved_after(store: &dyn Store, after: u64) -> (Vec<String>, u64, u64) {
    let (mut names, mut page) = (Vec::new(), Page::first(2));
    loop {
        let found = store.changed_sets(after, page.clone()).await.unwrap();
        names.extend(found.sets.rows.into_iter().map(|set| set.name));
        page.after = found.sets.next;
        if page.after.is_none() {
            return (names, found.revision, found.total);
        }
    }
}

/// The suite of [`crate::port::SetStore`].
pub async fn sets(store: &dyn Store) {
    let stored = store.put_sets(vec![put("s1", "Web", 0)], vec![]).await.unwrap();
    assert_eq!(stored[0].version, 1);
    assert!(stored[0].updated.is_some());
    assert_eq!(store.set("s1").await.unwrap(), stored[0]);
    refused(store.set("s9").await, Code::NotFound, reason::NOT_FOUND);
    refused(
        store.put_sets(vec![put("s2", " wEB", 0)], vec![]).await,
        Code::AlreadyExists,
        reason::NAME_TAKEN,
    );
    refused(
        store.put_sets(vec![put("s2", " ", 0)], vec![]).await,
        Code::InvalidArgument,
        reason::INVALID_FIELD,
    );
    let made = store.put_sets(vec![put("", "disk", 0)], vec![]).await.unwrap();
    assert!(!made[0].id.is_empty(), "a new set gets an id");

    let second = store.put_sets(vec![put("s1", "web", 1)], vec![]).await.unwrap();
    assert_eq!(second[0].version, 2, "renamed in case only");
    let there = stale(store.put_sets(vec![put("s1", "late", 1)], vec![]).await);
    assert_eq!(there.as_ref(), Some(&second[0]), "the conflict carries what is stored");
    assert_eq!(
        stale(store.put_sets(vec![put("s1", "new", 0)], vec![]).await),
        Some(second[0].clone())
    );
    assert_eq!(stale(store.put_sets(vec![put("s8", "gone", 4)], vec![]).await), None);
    assert_eq!(names(store).await, ["disk", "web"]);

    // All or nothing: the second of these is stale, the deletion good.
    let disk = || SetDelete {
        id: made[0].id.clone(),
        expected_version: 1,
        author: "ada".to_owned(),
    };
    let s1 = |expected_version| SetDelete {
        id: "s1".to_owned(),
        expected_version,
        author: "bob".to_owned(),
    };
    let puts = vec![put("s3", "fine", 0), put("s1", "web", 1)];
    stale(store.put_sets(puts, vec![disk()]).await);
    assert_eq!(names(store).await, ["disk", "web"]);
    let exchange = vec![put("s1", "disk", 2), put(&made[0].id, "web", 1)];
    store.put_sets(exchange, vec![]).await.unwrap();
    assert_eq!(
        store.set("s1").await.unwrap().name,
        "disk",
        "two sets may exchange their names"
    );
    assert!(stale(store.put_sets(vec![], vec![disk()]).await).is_some());
    let puts = vec![put("s4", "WEB", 0), put("s5", "cache", 0)];
    let replaced = SetDelete {
        expected_version: 2,
        ..disk()
    };
    store.put_sets(puts, vec![replaced]).await.unwrap();
    assert_eq!(
        names(store).await,
        ["cache", "disk", "WEB"],
        "by name; a deleted name is free in the same write"
    );

    assert!(stale(store.delete_set(s1(2)).await).is_some());
    let (_, revision, total) = saved_after(store, 0).await;
    assert_eq!(total, 3);
    store.delete_set(s1(3)).await.unwrap();
    let (saved, deleted, total) = saved_after(store, revision).await;
    assert!(
        saved.is_empty() && deleted > revision && total == 2,
        "{saved:?} {deleted} {total}"
    );
    refused(store.delete_set(s1(3)).await, Code::NotFound, reason::NOT_FOUND);
    let large = SetPut {
        set: SlaSet {
            description: "x".repeat(20_000),
            ..put("s6", "large", 0).set
        },
        expected_version: 0,
    };
    store.put_sets(vec![large.clone()], vec![]).await.unwrap();
    let (saved, saving, total) = saved_after(store, deleted).await;
    assert_eq!((saved, total), (vec!["large".to_owned()], 3), "only what is new");
    assert_eq!(saved_after(store, saving).await, (Vec::new(), saving, 3));
    assert_eq!(
        stale(store.put_sets(vec![large], vec![]).await),
        None,
        "too large for headers: read it by its id"
    );
    assert_eq!(names(store).await, ["cache", "large", "WEB"]);
}
