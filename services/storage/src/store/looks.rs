//! Looks that would find what they found before. Those who wait for news look every other second: while nothing was written since, that
//! costs no transaction.

use std::sync::{Mutex, PoisonError};

/// What is known of each subject.
#[derive(Debug, Default)]
pub(crate) struct Looks {
    /// The newest revision of the sets, and how many there are.
    pub(super) sets: Look<(u64, u64)>,
    /// The newest change of the ledger.
    pub(super) ledger: Look<u64>,
    pub(super) outbox: Look<Still>,
}

/// Nothing is to be sent between these instants, Unix milliseconds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Still {
    pub(super) from_ms: i64,
    pub(super) before_ms: i64,
}

/// What was found last, and how often there had been something written before.
#[derive(Debug)]
pub(super) struct Look<T>(Mutex<Option<(u64, T)>>);

impl<T> Default for Look<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T: Copy> Look<T> {
    /// What was found, where nothing was written since; `written` is `None` where nobody can tell.
    pub(super) fn known(&self, written: Option<u64>) -> Option<T> {
        let last = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        last.filter(|(before, _)| Some(*before) == written)
            .map(|(_, found)| found)
    }

    /// `written` was asked for before the look.
    pub(super) fn found(&self, written: Option<u64>, found: T) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = written.map(|written| (written, found));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use sla_domain::ManualClock;
    use sla_proto::convert::timestamp;
    use sla_proto::notify::v1::{Channel, Notice};
    use sla_proto::objective::v1::SlaSet;
    use sla_proto::series::v1::Series;
    use sla_proto::storage::v1::{ChangeChannelsRequest, ClaimMessagesRequest, DueNotice};
    use sla_proto::violation::v1::Violation;
    use sla_runtime::metrics::Metrics;

    use crate::port::{ChangeLimits, Fence, LedgerStore as _, NotifyStore as _, Page, SetPut, SetStore as _};
    use crate::sqlite::SqliteStore;

    struct Watcher {
        store: SqliteStore,
        metrics: Metrics,
        _folder: tempfile::TempDir,
    }

    impl Watcher {
        fn new() -> Self {
            let (folder, metrics) = (tempfile::tempdir().unwrap(), Metrics::default());
            let store = SqliteStore::open(folder.path(), 1, Arc::new(ManualClock::at(1_000))).unwrap();
            store.transactions().register(&metrics);
            Self {
                store,
                metrics,
                _folder: folder,
            }
        }

        fn transactions(&self) -> u64 {
            let text = self.metrics.text();
            let counts = text
                .lines()
                .filter(|line| line.starts_with("sla_storage_transaction_duration_seconds_count"));
            counts
                .map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap())
                .sum()
        }

        /// Messages of a claim at `now_ms`.
        async fn claimed(&self, now_ms: i64) -> usize {
            let wanted = ClaimMessagesRequest {
                now: Some(timestamp(now_ms)),
                hold_ms: 30_000,
                max_messages: 10,
            };
            self.store.claim_messages(wanted).await.unwrap().len()
        }

        /// What a look at everything after these numbers finds: sets, changes, messages; and how many transactions it took.
        async fn look(&self, sets: u64, ledger: u64, now_ms: i64) -> ([usize; 3], u64) {
            let before = self.transactions();
            let limits = ChangeLimits {
                count: 10,
                bytes: usize::MAX,
            };
            let saved = self.store.changed_sets(sets, Page::first(10)).await.unwrap();
            let (changes, _) = self.store.changes(ledger, limits).await.unwrap();
            let found = [saved.sets.rows.len(), changes.len(), self.claimed(now_ms).await];
            (found, self.transactions() - before)
        }

        async fn notice(&self, id: &str, made_ms: i64, due_ms: i64) {
            let notice = Notice {
                id: id.to_owned(),
                channel_id: id.to_owned(),
                made: Some(timestamp(made_ms)),
                ..Notice::default()
            };
            let change = ChangeChannelsRequest {
                puts: vec![Channel {
                    owner: "ada".to_owned(),
                    name: id.to_owned(),
                    ..Channel::default()
                }],
                notices: vec![DueNotice {
                    notice: Some(notice),
                    due: Some(timestamp(due_ms)),
                }],
                ..ChangeChannelsRequest::default()
            };
            self.store.change_channels(change).await.unwrap();
        }
    }

    #[tokio::test]
    async fn who_looks_while_nothing_is_written_costs_no_transaction_and_who_writes_is_seen() {
        let watcher = Watcher::new();
        assert_eq!(watcher.look(1, 0, 1_000).await, ([0, 0, 0], 3), "nobody knows yet");
        for second in 1..60 {
            assert_eq!(watcher.look(1, 0, 1_000 + second * 1_000).await, ([0, 0, 0], 0));
        }
        let set = SlaSet {
            id: "s".to_owned(),
            name: "s".to_owned(),
            ..SlaSet::default()
        };
        let put = SetPut {
            set,
            expected_version: 0,
        };
        watcher.store.put_sets(vec![put], vec![]).await.unwrap();
        assert_eq!(watcher.look(1, 0, 61_000).await, ([1, 0, 0], 1), "only sets are read");
        assert_eq!(watcher.look(2, 0, 61_000).await, ([0, 0, 0], 0));
        assert_eq!(watcher.look(1, 0, 61_000).await, ([1, 0, 0], 1), "who knows less reads");
        let violation = Violation {
            objective_id: "o".to_owned(),
            series: Some(Series {
                id: vec![1; 16],
                ..Series::default()
            }),
            start: Some(timestamp(1_000)),
            ..Violation::default()
        };
        let written = watcher.store.put_violations(Fence::NONE, vec![violation]).await;
        written.unwrap();
        assert_eq!(watcher.look(2, 0, 61_000).await, ([0, 1, 0], 1));
        assert_eq!(watcher.look(2, 1, 61_000).await, ([0, 0, 0], 0));
    }

    #[tokio::test]
    async fn what_becomes_due_is_taken_in_time_and_what_the_clock_says_is_heeded() {
        let watcher = Watcher::new();
        let claims = async |now_ms| {
            let before = watcher.transactions();
            (watcher.claimed(now_ms).await, watcher.transactions() - before)
        };
        assert_eq!(claims(1_000).await, (0, 1));
        watcher.notice("a", 1_000, 5_000).await;
        assert_eq!(claims(2_000).await, (0, 1), "when is read once");
        assert_eq!(claims(4_999).await, (0, 0));
        assert_eq!(claims(5_000).await, (1, 1));
        assert_eq!(claims(5_001).await, (0, 1));
        assert_eq!(claims(34_999).await, (0, 0), "somebody has it");
        assert_eq!(claims(35_000).await, (1, 1), "who took it never said what became of it");
        watcher.notice("b", 40_000, 50_000).await;
        assert_eq!(claims(40_000).await, (0, 1));
        // The clock is set back: distances are kept, from now on.
        assert_eq!(claims(10_000).await, (0, 1));
        assert_eq!(claims(10_001).await, (0, 1), "that was written");
        assert_eq!(claims(19_999).await, (0, 0));
        assert_eq!(claims(20_000).await.0, 1);
    }
}
