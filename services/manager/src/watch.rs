//! Who watches is told: a snapshot first, then what changes, a heartbeat when nothing does. Nobody who reads slowly can
//! hold up the evaluation or fill the memory.

use std::sync::Arc;

use futures::stream::{self, BoxStream, StreamExt as _};
use sla_proto::convert::timestamp;
use sla_proto::violation::v1 as pb;
use sla_proto::violation::v1::watch_violations_response::Event;
use sla_runtime::backlog::Reader;
use tokio::time::{Interval, MissedTickBehavior};
use tonic::Status;

use crate::board::News;
use crate::core::ManagerCore;
use crate::ledger::Announcement;
use crate::options::WATCH_HEARTBEAT;
use crate::sets::catalog::Sets;
use crate::sets::sight::{Asker, Shown};

/// One watcher: numbers its messages, and knows who it is and which set it asked for.
struct Watcher {
    core: Arc<ManagerCore>,
    asker: Asker,
    set_id: Option<String>,
    news: Reader<Arc<News>>,
    heartbeat: Interval,
    sequence: u64,
    /// What it may be told of, and the sets that say so.
    shown: Option<(Arc<Sets>, Arc<Shown>)>,
    over: bool,
}

/// What is told from now on; it ends on shutdown, or when another manager judges. A message is made when its reader asks for it:
/// nothing waits for one who does not.
pub(crate) fn stream(
    core: &Arc<ManagerCore>,
    asker: Asker,
    set_id: Option<String>,
) -> BoxStream<'static, Result<pb::WatchViolationsResponse, Status>> {
    let mut heartbeat = tokio::time::interval(WATCH_HEARTBEAT);
    heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    heartbeat.reset();
    let watcher = Watcher {
        core: core.clone(),
        asker,
        set_id,
        // From before the snapshot on: nothing can fall between.
        news: core.board.news(),
        heartbeat,
        sequence: 0,
        shown: None,
        over: false,
    };
    stream::unfold(watcher, Watcher::next).boxed()
}

impl Watcher {
    async fn next(mut self) -> Option<(Result<pb::WatchViolationsResponse, Status>, Self)> {
        if self.over {
            return None;
        }
        let told = self.event().await?;
        self.over = told.is_err();
        self.sequence += 1;
        let message = told.map(|event| pb::WatchViolationsResponse {
            sequence: self.sequence,
            time: Some(timestamp(self.core.clock.now_ms())),
            event: Some(event),
        });
        Some((message, self))
    }

    /// What is told next; `None` on shutdown.
    async fn event(&mut self) -> Option<Result<Event, Status>> {
        if self.sequence == 0 {
            return Some(Ok(self.snapshot()));
        }
        let core = self.core.clone();
        loop {
            let told = tokio::select! {
                () = core.shutdown.token().cancelled() => return None,
                () = core.mandate.standby() => {
                    // Another manager has the news from now on.
                    return core.mandate.refuse_standby().err().map(Err);
                }
                told = self.news.next() => told,
                _ = self.heartbeat.tick() => return Some(Ok(Event::Heartbeat(pb::Heartbeat {}))),
            };
            let event = if let Some(news) = told {
                self.of(&news)
            } else {
                core.metrics.watchers_resynchronised.inc();
                Some(self.snapshot())
            };
            if event.is_some() {
                return event.map(Ok);
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

    fn snapshot(&mut self) -> Event {
        Event::Snapshot(self.core.board.snapshot().overview(&self.shown(), 0))
    }

    fn of(&mut self, news: &News) -> Option<Event> {
        let shown = self.shown();
        match news {
            News::Evaluated { now, before, changes } => {
                if before.at_ms.is_none() || changes.others || now.is_cut(&shown) {
                    return Some(Event::Snapshot(now.overview(&shown, 0)));
                }
                now.update(before, changes, &shown).map(Event::Update)
            }
            News::Ledger(announcement) if !shown.has(&announcement.violation().set_id) => None,
            News::Ledger(announcement) => Some(match &**announcement {
                Announcement::Opened(violation) => Event::Opened(violation.clone()),
                Announcement::Closed(violation) => Event::Closed(violation.clone()),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use futures::FutureExt as _;
    use pb::{Overview, OverviewUpdate};
    use sla_domain::ManualClock;
    use sla_proto::Peer;
    use sla_proto::convert::millis;
    use sla_runtime::pool::CpuPool;
    use sla_runtime::{Parts, Shutdown};

    use crate::evaluation::snapshot::{Changes, Snapshot};
    use crate::ledger::Announcement;
    use crate::options::{SlaOptions, WATCH_BACKLOG, WATCH_BACKLOG_BYTES};
    use crate::service::SlaService;

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

    /// What a stream has to tell without waiting: the instants of evaluations, and how many violations began.
    async fn told(stream: &mut BoxStream<'static, Result<pb::WatchViolationsResponse, Status>>) -> (Vec<i64>, usize) {
        // A fresh budget of the scheduler: without one nothing is ready.
        tokio::task::yield_now().await;
        let (mut instants, mut began) = (Vec::new(), 0);
        while let Some(message) = stream.next().now_or_never() {
            match message.unwrap().unwrap().event {
                Some(Event::Snapshot(Overview { evaluated, .. }) | Event::Update(OverviewUpdate { evaluated, .. })) => {
                    instants.push(millis(&evaluated.unwrap()));
                }
                Some(Event::Opened(_)) => began += 1,
                _ => {}
            }
        }
        (instants, began)
    }

    #[tokio::test]
    async fn who_stops_reading_is_told_all_while_that_is_little_and_the_newest_snapshot_afterwards() {
        let (role, shutdown) = role();
        publish(&role, snapshot(1, &["a"]), true, Vec::new());
        let mut stream = stream(&role.core, anybody(), None);
        assert_eq!(told(&mut stream).await, (vec![1], 0));
        for at_ms in 2..=10 {
            publish(&role, snapshot(at_ms, &["a"]), false, vec![opened("s")]);
        }
        assert_eq!(told(&mut stream).await, ((2..=10).collect(), 9));
        assert_eq!(role.core.metrics.watchers_resynchronised.get(), 0);

        let newest = WATCH_BACKLOG as i64 * 3;
        for at_ms in 11..=newest {
            publish(&role, snapshot(at_ms, &["a"]), false, Vec::new());
        }
        assert_eq!(told(&mut stream).await, (vec![newest], 0));
        assert_eq!(role.core.metrics.watchers_resynchronised.get(), 1);
        publish(&role, snapshot(newest + 1, &["a"]), false, vec![opened("s")]);
        assert_eq!(told(&mut stream).await, (vec![newest + 1], 1), "and what follows");
        shutdown.begin();
    }

    #[tokio::test]
    async fn nothing_is_kept_for_sixty_four_who_do_not_read_but_a_backlog_of_so_many_bytes() {
        let (role, shutdown) = role();
        publish(&role, snapshot(1, &["a"]), true, Vec::new());
        let mut streams: Vec<_> = (0..64).map(|_| stream(&role.core, anybody(), None)).collect();
        for stream in &mut streams {
            assert_eq!(told(stream).await, (vec![1], 0));
        }
        let kept = |large: &Snapshot| Arc::downgrade(&large.objectives[0]);
        let mut seen = Vec::new();
        for at_ms in 2..=40 {
            let mut large = snapshot(at_ms, &["a"]);
            Arc::make_mut(&mut Arc::make_mut(&mut large.objectives)[0]).why = "w".repeat(WATCH_BACKLOG_BYTES / 8);
            seen.push(kept(&large));
            publish(&role, large, false, Vec::new());
        }
        let alive = seen.iter().filter(|status| status.strong_count() > 0).count();
        assert_eq!(alive, 8, "seven, and the one before them, by which an update is told");
        for stream in &mut streams {
            assert_eq!(told(stream).await, (vec![40], 0));
        }
        drop(streams);
        publish(&role, snapshot(41, &["a"]), false, Vec::new());
        let alive = seen.iter().filter(|status| status.strong_count() > 0).count();
        assert_eq!(alive, 0, "nobody reads");
        shutdown.begin();
    }
}
