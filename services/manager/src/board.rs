//! The newest snapshot, and the news of it: what the evaluation tells and everybody else reads.

use std::sync::Arc;

use prost::Message as _;
use sla_runtime::backlog::{Backlog, Reader};
use tokio::sync::watch;

use crate::evaluation::snapshot::{Changes, Snapshot};
use crate::ledger::Announcement;
use crate::options::{WATCH_BACKLOG, WATCH_BACKLOG_BYTES};

/// One piece of news.
#[derive(Debug, Clone)]
pub enum News {
    /// A new evaluation, and the one before it.
    Evaluated {
        /// What is known now.
        now: Arc<Snapshot>,
        /// What was known before.
        before: Arc<Snapshot>,
        /// What is told otherwise now.
        changes: Changes,
    },
    /// A stored violation began or ended.
    Ledger(Box<Announcement>),
}

impl News {
    /// What is kept for its sake, bytes.
    fn bytes(&self) -> usize {
        match self {
            Self::Evaluated { now, changes, .. } => {
                let changed: usize = changes.objectives.iter().map(|status| status.encoded_len()).sum();
                changed + size_of_val(now.objectives.as_slice())
            }
            Self::Ledger(announcement) => announcement.violation().encoded_len(),
        }
    }
}

/// The newest snapshot, and the news for those who watch.
#[derive(Debug)]
pub struct Board {
    current: watch::Sender<Arc<Snapshot>>,
    news: Backlog<Arc<News>>,
}

impl Default for Board {
    fn default() -> Self {
        Self {
            current: watch::Sender::default(),
            news: Backlog::holding(WATCH_BACKLOG, WATCH_BACKLOG_BYTES),
        }
    }
}

impl Board {
    /// The newest snapshot.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.current.borrow().clone()
    }

    /// To wait for another one.
    pub fn snapshots(&self) -> watch::Receiver<Arc<Snapshot>> {
        self.current.subscribe()
    }

    /// What is told from now on.
    pub fn news(&self) -> Reader<Arc<News>> {
        self.news.reader()
    }

    /// Replaces the snapshot and tells what happened. What is announced is durable already.
    pub fn publish(&self, snapshot: Snapshot, changes: Changes, announcements: Vec<Announcement>) {
        let now = Arc::new(snapshot);
        let before = self.current.send_replace(now.clone());
        let announced = announcements.into_iter().map(|one| News::Ledger(Box::new(one)));
        let all = announced.chain(std::iter::once(News::Evaluated { now, before, changes }));
        self.news.tell(all.map(|news| {
            let bytes = news.bytes();
            (Arc::new(news), bytes)
        }));
    }
}
