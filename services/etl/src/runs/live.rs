//! A run that is queued, goes on or has just ended: its progress, its events and those who watch them.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sla_proto::convert;
use sla_proto::etl::v1::{Run, WatchRunResponse};
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::progress::{RunProgress, has_ended};
use super::ring::EventRing;

/// Shortest time between two events that only count series.
const EVENT_EVERY: Duration = Duration::from_millis(100);

#[derive(Clone)]
struct Event {
    time_ms: i64,
    run: Run,
    line: String,
}

/// What is told about it.
struct Told {
    progress: RunProgress,
    events: EventRing<Event>,
    last: Option<Instant>,
}

/// One run in memory.
pub struct LiveRun {
    /// Its id.
    pub id: String,
    /// Cancelling it ends the run between two series.
    pub cancel: CancellationToken,
    told: Mutex<Told>,
    newest: watch::Sender<u64>,
}

impl LiveRun {
    /// A run that waits; it has no event yet.
    pub fn new(progress: RunProgress) -> Self {
        Self {
            id: progress.id().to_owned(),
            cancel: CancellationToken::new(),
            told: Mutex::new(Told {
                progress,
                events: EventRing::default(),
                last: None,
            }),
            newest: watch::channel(0).0,
        }
    }

    fn told(&self) -> MutexGuard<'_, Told> {
        // RunProgress changes by single counters; a reader may see one of them late, never a broken one.
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the progress; nobody is told yet.
    pub fn change<T>(&self, change: impl FnOnce(&mut RunProgress) -> T) -> T {
        change(&mut self.told().progress)
    }

    /// The run as it is.
    pub fn to_message(&self) -> Run {
        self.told().progress.to_message()
    }

    /// Whether it has ended.
    pub fn has_ended(&self) -> bool {
        self.told().progress.has_ended()
    }

    /// Whether its end was told: then no event comes any more.
    pub fn has_told_end(&self) -> bool {
        self.told()
            .events
            .last()
            .is_some_and(|event| has_ended(event.run.state()))
    }

    /// Tells the watchers how it stands, with a line for the log pane.
    pub fn tell(&self, line: &str, now_ms: i64) {
        let mut told = self.told();
        let event = Event {
            time_ms: now_ms,
            run: told.progress.to_message(),
            line: line.to_owned(),
        };
        told.last = Some(Instant::now());
        let number = told.events.push(event);
        drop(told);
        self.newest.send_replace(number);
    }

    /// Tells the watchers how it stands, unless they were told a moment ago.
    pub fn tell_progress(&self, now_ms: i64) {
        let due = self.told().last.is_none_or(|at| at.elapsed() >= EVENT_EVERY);
        if due {
            self.tell("", now_ms);
        }
    }

    /// The next event after `known`, if it is there.
    pub fn event_after(&self, known: u64) -> Option<WatchRunResponse> {
        let told = self.told();
        told.events.after(known).map(|(sequence, event)| WatchRunResponse {
            sequence: *sequence,
            time: Some(convert::timestamp(event.time_ms)),
            run: Some(event.run.clone()),
            line: event.line.clone(),
            heartbeat: false,
        })
    }

    /// Wakes when there is a new event.
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.newest.subscribe()
    }
}

#[cfg(test)]
mod tests {
    use sla_proto::etl::v1::{RunScope, RunState};

    use super::super::progress::Ending;
    use super::*;

    #[tokio::test]
    async fn a_watcher_resumes_and_sees_the_end() {
        let run = LiveRun::new(RunProgress::queued(
            "r".into(),
            RunScope::default(),
            vec![],
            "me".into(),
            0,
        ));
        let mut watch = run.watch();
        run.tell("queued", 1);
        run.change(|progress| progress.begin(None));
        run.tell("started", 2);
        assert_eq!(*watch.borrow_and_update(), 2);
        let second = run.event_after(1).unwrap();
        assert_eq!((second.sequence, second.line.as_str()), (2, "started"));
        assert_eq!(second.run.unwrap().state(), RunState::Running);
        assert!(run.event_after(2).is_none() && !run.has_told_end());
        run.change(|progress| progress.end(&Ending::Complete, 3).len());
        run.tell("over", 3);
        watch.changed().await.unwrap();
        assert!(run.has_told_end());
        assert_eq!(run.event_after(2).unwrap().run.unwrap().state(), RunState::Done);
    }

    #[test]
    fn counting_is_not_told_too_often() {
        let run = LiveRun::new(RunProgress::queued(
            "r".into(),
            RunScope::default(),
            vec![],
            "me".into(),
            0,
        ));
        for k in 0..1_000 {
            run.tell_progress(k);
        }
        assert!(*run.watch().borrow() < 100);
    }
}
