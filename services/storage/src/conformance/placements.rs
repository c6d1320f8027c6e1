//! Placements: of two that claim a partition at the same epoch one wins, and the other hears who.

use sla_runtime::reason;
use tonic::Code;

use super::refusals::refused;
use crate::port::{Claim, Store};

fn claim(partition: u32, expected_epoch: u64) -> Claim {
    Claim {
        partition,
        expected_epoch,
    }
}

/// What is told of each partition: its number, who has it, its epoch, and whether this claim won.
async fn told(store: &dyn Store, address: &str, claims: &[Claim]) -> Vec<(u32, String, u64, bool)> {
    let claimed = store.claim(address, claims.to_vec()).await.unwrap();
    claimed
        .into_iter()
        .map(|(placement, won)| (placement.partition, placement.address, placement.epoch, won))
        .collect()
}

/// The suite of [`crate::port::PlacementStore`].
pub async fn placements(store: &dyn Store) {
    let (a, b) = ("http://a:1", "http://b:1");
    assert!(store.placements().await.unwrap().is_empty(), "nobody claimed anything");
    assert_eq!(
        told(store, a, &[claim(7, 0), claim(3, 0), claim(5, 1)]).await,
        [
            (7, a.to_owned(), 1, true),
            (3, a.to_owned(), 1, true),
            (5, String::new(), 0, false)
        ],
        "in the order asked; an epoch that nobody gave out wins nothing"
    );
    assert_eq!(
        told(store, b, &[claim(3, 0), claim(7, 1)]).await,
        [(3, a.to_owned(), 1, false), (7, b.to_owned(), 2, true)],
        "one that is lost does not take the others with it"
    );
    // A zombie that owned it once.
    assert_eq!(told(store, a, &[claim(7, 1)]).await, [(7, b.to_owned(), 2, false)]);
    // Given up, and taken again.
    assert_eq!(told(store, "", &[claim(7, 2)]).await, [(7, String::new(), 3, true)]);
    assert_eq!(told(store, a, &[claim(7, 3)]).await, [(7, a.to_owned(), 4, true)]);
    let all = store.placements().await.unwrap();
    let listed: Vec<_> = all
        .iter()
        .map(|placement| (placement.partition, placement.epoch))
        .collect();
    assert_eq!(listed, [(3, 1), (7, 4)], "by number");
    assert!(all.iter().all(|placement| placement.since.is_some()));
    race(store).await;
    let bad = |result: Result<Vec<_>, _>| refused(result, Code::InvalidArgument, reason::INVALID_FIELD);
    bad(store.claim(a, vec![claim(1, 0), claim(1, 0)]).await);
    bad(store.claim(a, vec![claim(1024, 0)]).await);
    bad(store.claim(&"x".repeat(257), vec![claim(1, 0)]).await);
}

/// Three workers claim the same partitions at once.
async fn race(store: &dyn Store) {
    let claims: Vec<Claim> = (100..108).map(|partition| claim(partition, 0)).collect();
    let one = async |address: &str| store.claim(address, claims.clone()).await.unwrap();
    let (a, b, c) = tokio::join!(one("http://a:1"), one("http://b:1"), one("http://c:1"));
    for at in 0..claims.len() {
        let told = [&a[at], &b[at], &c[at]];
        assert_eq!(told.iter().filter(|(_, won)| *won).count(), 1, "each has one owner");
        assert!(
            told.iter().all(|(placement, _)| *placement == a[at].0),
            "and all hear of it"
        );
    }
}
