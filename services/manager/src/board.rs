//! The newest snapshot, and the news of it: what the evaluation tells and everybody else reads.

use std::sync::Arc;

use tokio::sync::{broadcast, watch};

use crate::evaluation::snapshot::{Changes, Snapshot};
use crate::ledger::Announcement;
use crate::options::WATCH_BACKLOG;

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

/// The newest snapshot, and the news for those who watch.
#[derive(Debug)]
pub struct Board {
    current: watch::Sender<Arc<Snapshot>>,
    news: broadcast::Sender<Arc<News>>,
}

impl Default for Board {
    fn default() -> Self {
        Self {
            current: watch::Sender::new(Arc::new(Snapshot::default())),
            news: broadcast::Sender::new(WATCH_BACKLOG),
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
    pub fn news(&self) -> broadcast::Receiver<Arc<News>> {
        self.news.subscribe()
    }

    /// Replaces the snapshot and tells what happened. What is announced is durable already.
    pub fn publish(&self, snapshot: Snapshot, changes: Changes, announcements: Vec<Announcement>) {
        let now = Arc::new(snapshot);
        let before = self.current.send_replace(now.clone());
        // No watchers is no failure.
        for announcement in announcements {
            let _ = self.news.send(Arc::new(News::Ledger(Box::new(announcement))));
        }
        let _ = self.news.send(Arc::new(News::Evaluated { now, before, changes }));
    }
}
