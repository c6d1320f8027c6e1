//! Who watches is told: a snapshot first, then what changes, a heartbeat when nothing does. Nobody who reads slowly can
//! hold up the evaluation or fill the memory.

use std::sync::Arc;

use sla_proto::convert::timestamp;
use sla_proto::violation::v1 as pb;
use tokio::sync::{broadcast, mpsc};
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;

use crate::board::News;
use crate::core::ManagerCore;
use crate::ledger::Announcement;
use crate::options::{WATCH_HEARTBEAT, WATCH_QUEUE, WATCH_STUCK};
use crate::sets::catalog::Sets;
use crate::sets::sight::{Asker, Shown};

/// One watcher: numbers its messages, and knows who it is and which set it asked for.
struct Watcher {
    core: Arc<ManagerCore>,
    asker: Asker,
    set_id: Option<String>,
    out: mpsc::Sender<Result<pb::WatchViolationsResponse, Status>>,
    sequence: u64,
    /// What it may be told of, and the sets that say so.
    shown: Option<(Arc<Sets>, Arc<Shown>)>,
}

/// Starts telling; the stream ends on shutdown, when its reader is stuck, or when another manager judges.
pub(crate) fn stream(
    core: &Arc<ManagerCore>,
    asker: Asker,
    set_id: Option<String>,
) -> ReceiverStream<Result<pb::WatchViolationsResponse, Status>> {
    let (out, messages) = mpsc::channel(WATCH_QUEUE);
    // Subscribed before the snapshot is taken: nothing can fall between.
    let news = core.board.news();
    let watcher = Watcher {
        core: core.clone(),
        asker,
        set_id,
        out,
        sequence: 0,
        shown: None,
    };
    core.shutdown.spawn("watch violations", watcher.run(news));
    ReceiverStream::new(messages)
}

impl Watcher {
    async fn run(mut self, mut news: broadcast::Receiver<Arc<News>>) {
        let token = self.core.shutdown.token().clone();
        let mut heartbeat = tokio::time::interval(WATCH_HEARTBEAT);
        heartbeat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        heartbeat.reset();
        if !self.send_snapshot().await {
            return;
        }
        loop {
            let event = tokio::select! {
                () = token.cancelled() => return,
                () = self.out.closed() => return,
                () = self.core.mandate.standby() => {
                    // Another manager has the news from now on.
                    if let Err(refusal) = self.core.mandate.refuse_standby() {
                        let _ = self.out.send_timeout(Err(refusal), WATCH_STUCK).await;
                    }
                    return;
                }
                _ = heartbeat.tick() => Some(pb::watch_violations_response::Event::Heartbeat(pb::Heartbeat {})),
                told = news.recv() => match told {
                    Ok(told) => self.event(&told),
                    Err(broadcast::error::RecvError::Closed) => return,
                    Err(broadcast::error::RecvError::Lagged(_)) => {
                        // What was missed is in the newest snapshot; what is still queued is older than it.
                        self.core.metrics.watchers_resynchronised.inc();
                        news = news.resubscribe();
                        Some(self.snapshot())
                    }
                },
            };
            if let Some(event) = event
                && !self.send(event).await
            {
                return;
            }
        }
    }

    /// As the sets are now: one may have become private since the stream began.
    fn shown(&mut self) -> Arc<Shown> {
        let sets = self.core.catalog.sets().unwrap_or_default();
        match &self.shown {
            Some((known, shown)) if Arc::ptr_eq(known, &sets) => shown.clone(),
            _ => {
                let shown = Arc::new(self.asker.shown(&sets, self.set_id.clone()));
                self.shown = Some((sets, shown.clone()));
                shown
            }
        }
    }

    fn snapshot(&mut self) -> pb::watch_violations_response::Event {
        let overview = self.core.board.snapshot().overview(&self.shown(), 0);
        pb::watch_violations_response::Event::Snapshot(overview)
    }

    async fn send_snapshot(&mut self) -> bool {
        let snapshot = self.snapshot();
        self.send(snapshot).await
    }

    fn event(&mut self, news: &News) -> Option<pb::watch_violations_response::Event> {
        use pb::watch_violations_response::Event;
        let shown = self.shown();
        let mine = |violation: &pb::Violation| shown.has(&violation.set_id);
        match news {
            News::Evaluated { now, before, changes } => {
                if before.at_ms.is_none() || changes.others || now.is_cut(&shown) {
                    return Some(Event::Snapshot(now.overview(&shown, 0)));
                }
                now.update(before, changes, &shown).map(Event::Update)
            }
            News::Ledger(announcement) => match &**announcement {
                Announcement::Opened(violation) => mine(violation).then(|| Event::Opened(violation.clone())),
                Announcement::Closed(violation) => mine(violation).then(|| Event::Closed(violation.clone())),
            },
        }
    }

    /// `false` when the reader is gone or stuck.
    async fn send(&mut self, event: pb::watch_violations_response::Event) -> bool {
        self.sequence += 1;
        let message = pb::WatchViolationsResponse {
            sequence: self.sequence,
            time: Some(timestamp(self.core.clock.now_ms())),
            event: Some(event),
        };
        match self.out.send_timeout(Ok(message), WATCH_STUCK).await {
            Ok(()) => true,
            Err(mpsc::error::SendTimeoutError::Timeout(_)) => {
                self.core.metrics.watchers_cut.inc();
                tracing::info!("a watcher took nothing for 30 s and was cut");
                false
            }
            Err(mpsc::error::SendTimeoutError::Closed(_)) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    use futures::StreamExt as _;
    use sla_domain::ManualClock;
    use sla_proto::Peer;
    use sla_runtime::pool::CpuPool;
    use sla_runtime::{Parts, Shutdown};

    use crate::evaluation::snapshot::{Changes, Snapshot};
    use crate::ledger::Announcement;
    use crate::options::{SlaOptions, WATCH_BACKLOG};
    use crate::service::SlaService;
    use pb::watch_violations_response::Event;

    /// A role whose peer is never wired: nothing but the test publishes.
    fn role() -> (SlaService, Shutdown) {
        let (peer, _late) = Peer::late();
        let options = SlaOptions {
            default_set: false,
            ..SlaOptions::default()
        };
        let shutdown = Shutdown::new();
        let clock = Arc::new(ManualClock::at(1_000));
        let parts = Parts {
            peer,
            clock,
            pool: CpuPool::new(1),
            shutdown: shutdown.clone(),
            metrics: sla_runtime::Metrics::default(),
        };
        let role = SlaService::start(options, parts).unwrap();
        (role, shutdown)
    }

    fn snapshot(at_ms: i64, ids: &[&str]) -> Snapshot {
        let objectives = ids.iter().map(|id| {
            Arc::new(pb::ObjectiveStatus {
                set_id: "s".into(),
                objective: Some(sla_proto::objective::v1::Objective {
                    id: (*id).into(),
                    ..Default::default()
                }),
                why: format!("at {at_ms}"),
                ..Default::default()
            })
        });
        Snapshot {
            at_ms: Some(at_ms),
            objectives: Arc::new(objectives.collect()),
            ..Snapshot::default()
        }
    }

    /// Tells a snapshot in which everything is said otherwise, and an objective more or less where `others`.
    fn publish(role: &SlaService, snapshot: Snapshot, others: bool, announcements: Vec<Announcement>) {
        let changes = Changes {
            objectives: snapshot.objectives.to_vec(),
            others,
        };
        role.core.board.publish(snapshot, changes, announcements);
    }

    fn opened(set_id: &str) -> Announcement {
        Announcement::Opened(pb::Violation {
            set_id: set_id.into(),
            ..pb::Violation::default()
        })
    }

    /// Where the instance knows no users.
    fn anybody() -> Asker {
        Asker::of(&tonic::Extensions::new())
    }

    #[tokio::test]
    async fn a_snapshot_comes_first_then_only_what_concerns_the_watcher() {
        let (role, shutdown) = role();
        publish(&role, snapshot(1, &["a"]), true, Vec::new());
        let mut stream = stream(&role.core, anybody(), Some("s".into()));
        let first = stream.next().await.unwrap().unwrap();
        assert!(matches!(first.event, Some(Event::Snapshot(o)) if o.objectives.len() == 1));
        publish(&role, snapshot(2, &["a"]), false, vec![opened("another"), opened("s")]);
        let second = stream.next().await.unwrap().unwrap();
        assert!(matches!(second.event, Some(Event::Opened(v)) if v.set_id == "s"));
        let third = stream.next().await.unwrap().unwrap();
        assert!(matches!(third.event, Some(Event::Update(u)) if u.objectives.len() == 1));
        publish(&role, snapshot(3, &["a", "b"]), true, Vec::new());
        let fourth = stream.next().await.unwrap().unwrap();
        assert!(
            matches!(fourth.event, Some(Event::Snapshot(o)) if o.objectives.len() == 2),
            "another objective"
        );
        assert_eq!(
            [first.sequence, second.sequence, third.sequence, fourth.sequence],
            [1, 2, 3, 4]
        );
        shutdown.begin();
        assert!(stream.next().await.is_none(), "shutdown ends the stream");
    }

    #[tokio::test]
    async fn who_lags_is_given_the_newest_snapshot() {
        let (role, shutdown) = role();
        publish(&role, snapshot(1, &["a"]), true, Vec::new());
        let mut stream = stream(&role.core, anybody(), None);
        let newest = (WATCH_BACKLOG + WATCH_QUEUE) as i64 * 3;
        for at_ms in 2..=newest {
            publish(&role, snapshot(at_ms, &["a"]), false, Vec::new());
            tokio::task::yield_now().await;
        }
        let mut snapshots = 0;
        let mut reached = false;
        while let Ok(Some(Ok(message))) = tokio::time::timeout(Duration::from_secs(5), stream.next()).await {
            let evaluated = match message.event {
                Some(Event::Snapshot(overview)) => {
                    snapshots += 1;
                    overview.evaluated
                }
                Some(Event::Update(update)) => update.evaluated,
                _ => None,
            };
            if evaluated == Some(timestamp(newest)) {
                reached = true;
                break;
            }
        }
        assert!(reached && snapshots >= 2, "{snapshots} snapshots");
        assert!(role.core.metrics.watchers_resynchronised.get() >= 1);
        shutdown.begin();
    }
}
