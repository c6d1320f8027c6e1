//! Renewals of leases where this process alone writes: who asks for one asks here, and hears how long it lasts; and a lease does not
//! outlive the process (`sqlite/opening.rs`). So few of them are written: as many as show in a quiet hour whether writes succeed.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A renewal is written when less than this part of its time is left of what is stored.
const LEFT_PART: i64 = 3;

/// A lease that somebody has.
#[derive(Debug, Clone)]
pub(super) struct Held {
    pub(super) holder: String,
    pub(super) token: i64,
    pub(super) until_ms: i64,
}

/// A lease as it was given by this process.
#[derive(Debug)]
struct Given {
    held: Held,
    /// Until when it lasts by what is stored, Unix milliseconds.
    stored_ms: i64,
}

#[derive(Debug, Default)]
pub(crate) struct Renewals(Mutex<HashMap<String, Given>>);

impl Renewals {
    fn given(&self) -> MutexGuard<'_, HashMap<String, Given>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Renews a lease without a write; `None` where there must be one.
    pub(super) fn renew(&self, name: &str, token: i64, keep_ms: i64, now_ms: i64) -> Option<Held> {
        let mut given = self.given();
        let given = given.get_mut(name)?;
        let left_ms = given.stored_ms - now_ms;
        // What is stored must not last longer than was asked for: a clock may have been set back.
        let is_stored = (keep_ms / LEFT_PART..=keep_ms).contains(&left_ms);
        if given.held.token != token || given.held.until_ms <= now_ms || !is_stored {
            return None;
        }
        given.held.until_ms = now_ms + keep_ms;
        Some(given.held.clone())
    }

    /// Somebody asks for a lease: who has it still, if that is another one.
    pub(super) fn asked(&self, name: &str, holder: &str, now_ms: i64) -> Option<Held> {
        let mut all = self.given();
        let held = &all.get(name).filter(|given| given.held.holder != holder)?.held;
        if held.until_ms > now_ms {
            return Some(held.clone());
        }
        // It is for the taking: who renews it late finds out by a write whether somebody did.
        all.remove(name);
        None
    }

    /// What is stored now.
    pub(super) fn stored(&self, name: &str, held: &Held) {
        let given = Given {
            held: held.clone(),
            stored_ms: held.until_ms,
        };
        self.given().insert(name.to_owned(), given);
    }

    /// It was given up, or perhaps was.
    pub(super) fn forget(&self, name: &str, token: i64) {
        self.given().retain(|given, of| given != name || of.held.token != token);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use sla_domain::{Clock as _, ManualClock};
    use sla_proto::convert::duration_ms;
    use sla_runtime::metrics::Metrics;

    use crate::port::LeaseStore as _;
    use crate::sqlite::SqliteStore;

    const KEEP_MS: i64 = 10_000;

    struct Scene {
        clock: Arc<ManualClock>,
        store: SqliteStore,
        metrics: Metrics,
        _folder: tempfile::TempDir,
    }

    impl Scene {
        fn new() -> Self {
            let (folder, clock) = (tempfile::tempdir().unwrap(), Arc::new(ManualClock::at(1_000_000)));
            let store = SqliteStore::open(folder.path(), 1, clock.clone()).unwrap();
            let metrics = Metrics::default();
            store.transactions().register(&metrics);
            Self {
                clock,
                store,
                metrics,
                _folder: folder,
            }
        }

        fn writes(&self) -> u64 {
            let text = self.metrics.text();
            let count = "sla_storage_transaction_duration_seconds_count{kind=\"write\"} ";
            let mut lines = text.lines();
            lines
                .find_map(|line| line.strip_prefix(count))
                .unwrap()
                .parse()
                .unwrap()
        }

        /// A renewal every 3 s, as roles do.
        async fn renew(&self, token: u64) -> bool {
            self.clock.advance(3_000);
            let (lease, ours) = self.store.renew_lease("l", token, KEEP_MS).await.unwrap();
            assert!(!ours || duration_ms(&lease.left.unwrap()) == KEEP_MS);
            ours
        }

        async fn acquire(&self, holder: &str) -> Option<u64> {
            let (lease, acquired) = self.store.acquire_lease("l", holder, KEEP_MS).await.unwrap();
            acquired.then_some(lease.token)
        }
    }

    #[tokio::test]
    async fn every_third_renewal_is_written() {
        let scene = Scene::new();
        let token = scene.acquire("a").await.unwrap();
        let before = scene.writes();
        for _ in 0..21 {
            assert!(scene.renew(token).await);
        }
        assert_eq!(scene.writes() - before, 7);
    }

    #[tokio::test]
    async fn a_lease_ends_when_its_last_renewal_says_though_that_was_not_written() {
        let scene = Scene::new();
        let token = scene.acquire("a").await.unwrap();
        let before = scene.writes();
        assert!(scene.renew(token).await && scene.renew(token).await);
        assert_eq!(scene.writes(), before);
        scene.clock.advance(KEEP_MS - 1);
        assert_eq!(scene.acquire("b").await, None);
        scene.clock.advance(1);
        let next = scene.acquire("b").await;
        assert_eq!(next, Some(token + 1));
        assert!(!scene.renew(token).await, "who was late hears of it");
        assert!(scene.renew(token + 1).await);
    }

    #[tokio::test]
    async fn where_the_clock_is_set_back_the_next_renewal_is_written() {
        let scene = Scene::new();
        let token = scene.acquire("a").await.unwrap();
        scene.clock.set(scene.clock.now_ms() - 3_600_000);
        let before = scene.writes();
        assert!(scene.renew(token).await);
        assert_eq!(scene.writes() - before, 1);
        scene.clock.advance(KEEP_MS);
        assert_eq!(scene.acquire("b").await, Some(token + 1));
    }

    #[tokio::test]
    async fn what_is_given_up_is_free_at_once() {
        let scene = Scene::new();
        let token = scene.acquire("a").await.unwrap();
        scene.renew(token).await;
        scene.store.release_lease("l", token + 1).await.unwrap();
        assert_eq!(scene.acquire("b").await, None, "an older token gives nothing up");
        scene.store.release_lease("l", token).await.unwrap();
        assert_eq!(scene.acquire("b").await, Some(token + 1));
        assert!(!scene.renew(token).await);
    }
}
