//! When runs start by themselves.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sla_domain::Clock;
use sla_domain::duration::format_ms;
use sla_proto::Peer;
use sla_proto::convert;
use sla_proto::etl::v1::{RunScope, Schedule as ScheduleMessage, UpdateScheduleRequest};
use sla_proto::storage::v1::{GetStoredScheduleRequest, PutStoredScheduleRequest};
use sla_runtime::shutdown::Shutdown;
use tokio::sync::Notify;

use crate::error::EtlError;
use crate::options::{EtlOptions, MAX_EVERY_MS, MIN_METADATA_EVERY_MS, MIN_RESULTS_EVERY_MS, QUIET_START};
use crate::placement::Placement;
use crate::runs::Runs;
use crate::steps::RunStep;

/// How often the clock is looked at while something is due that cannot begin yet …
const TICK: Duration = Duration::from_secs(1);
/// … and how often at least; it may be one that stands still or jumps.
const LONGEST_TICK: Duration = Duration::from_secs(5);
/// How often several workers look whether one of them was told of other times.
const READ_AGAIN: Duration = Duration::from_secs(5);
/// Who starts the first run after the start of the process.
const BY_START: &str = "start";
/// Who starts all others.
const BY_TIMER: &str = "timer";

/// The timetable, without clock and storage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timetable {
    /// Nothing starts by itself.
    pub paused: bool,
    /// Statistics and forecasts, milliseconds.
    pub results_every_ms: i64,
    /// Metadata, milliseconds.
    pub metadata_every_ms: i64,
    /// When results are due next, Unix milliseconds.
    pub next_results_ms: i64,
    /// When metadata is due next, Unix milliseconds.
    pub next_metadata_ms: i64,
}

/// What is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Due {
    /// Statistics and forecasts.
    pub results: bool,
    /// Metadata.
    pub metadata: bool,
}

impl Due {
    /// The steps of the run.
    pub fn steps(self) -> Vec<RunStep> {
        let mut steps = Vec::new();
        if self.results {
            steps.push(RunStep::Statistics);
        }
        if self.metadata {
            steps.push(RunStep::Metadata);
        }
        if self.results {
            steps.push(RunStep::Forecast);
        }
        steps
    }
}

impl Timetable {
    /// Both due at once: the first run comes soon after the start.
    pub fn new(results_every_ms: i64, metadata_every_ms: i64, now_ms: i64) -> Self {
        Self {
            paused: false,
            results_every_ms,
            metadata_every_ms,
            next_results_ms: now_ms,
            next_metadata_ms: now_ms,
        }
    }

    /// A clock that was ahead once must not put anything off: nothing is further away than its distance.
    pub fn mend(&mut self, now_ms: i64) {
        self.next_results_ms = self.next_results_ms.min(now_ms + self.results_every_ms);
        self.next_metadata_ms = self.next_metadata_ms.min(now_ms + self.metadata_every_ms);
    }

    /// Lets the next times be whole multiples of their distances.
    pub fn align(&mut self) {
        self.next_results_ms -= self.next_results_ms.rem_euclid(self.results_every_ms);
        self.next_metadata_ms -= self.next_metadata_ms.rem_euclid(self.metadata_every_ms);
    }

    /// The same for all who keep these times: what is due, and when it was.
    pub fn request_id(&self, due: Due) -> String {
        let results = if due.results {
            self.next_results_ms.to_string()
        } else {
            String::new()
        };
        let metadata = if due.metadata {
            self.next_metadata_ms.to_string()
        } else {
            String::new()
        };
        format!("timer-r{results}-m{metadata}")
    }

    /// What is due at `now_ms`; `None` when nothing is, or paused. Metadata reads days: not while it is `quiet`.
    pub fn due(&self, now_ms: i64, quiet: bool) -> Option<Due> {
        let due = Due {
            results: now_ms >= self.next_results_ms,
            metadata: now_ms >= self.next_metadata_ms && !quiet,
        };
        (!self.paused && (due.results || due.metadata)).then_some(due)
    }

    /// How long the clock need not be looked at, at `now_ms`: until what is due next, if that is not long.
    pub fn rest(&self, now_ms: i64) -> Duration {
        let next_ms = self.next_results_ms.min(self.next_metadata_ms);
        if self.paused {
            return LONGEST_TICK;
        }
        Duration::from_millis(next_ms.saturating_sub(now_ms).max(0).unsigned_abs()).clamp(TICK, LONGEST_TICK)
    }

    /// It was started (or skipped) at `now_ms`: the next times keep their rhythm, missed ones are not made up for.
    pub fn done(&mut self, due: Due, now_ms: i64) {
        if due.results {
            self.next_results_ms = following(self.next_results_ms, self.results_every_ms, now_ms);
        }
        if due.metadata {
            self.next_metadata_ms = following(self.next_metadata_ms, self.metadata_every_ms, now_ms);
        }
    }

    /// Applies a change: a shorter distance takes effect from now, a longer one too.
    pub fn change(&mut self, request: &UpdateScheduleRequest, now_ms: i64) -> Result<(), EtlError> {
        let every = |field: &str, given: &Option<prost_types::Duration>, least_ms: i64| match given {
            None => Ok(None),
            Some(given) => {
                let ms = convert::duration_ms(given);
                if (least_ms..=MAX_EVERY_MS).contains(&ms) {
                    Ok(Some(ms))
                } else {
                    let rule = format!(
                        "must lie between {} and {}",
                        format_ms(least_ms),
                        format_ms(MAX_EVERY_MS)
                    );
                    Err(EtlError::invalid(
                        field,
                        &format_ms(ms),
                        rule,
                        "choose a longer or shorter time",
                    ))
                }
            }
        };
        // Both are checked before one is changed.
        let results = every("results_every", &request.results_every, MIN_RESULTS_EVERY_MS)?;
        let metadata = every("metadata_every", &request.metadata_every, MIN_METADATA_EVERY_MS)?;
        if let Some(ms) = results {
            self.results_every_ms = ms;
            self.next_results_ms = self.next_results_ms.min(now_ms + ms);
        }
        if let Some(ms) = metadata {
            self.metadata_every_ms = ms;
            self.next_metadata_ms = self.next_metadata_ms.min(now_ms + ms);
        }
        if let Some(paused) = request.paused {
            self.paused = paused;
        }
        Ok(())
    }

    /// As a message. While it is paused there are no next times.
    pub fn to_message(self) -> ScheduleMessage {
        let next = |ms: i64| (!self.paused).then(|| convert::timestamp(ms));
        ScheduleMessage {
            paused: self.paused,
            results_every: Some(convert::duration(self.results_every_ms)),
            metadata_every: Some(convert::duration(self.metadata_every_ms)),
            next_results: next(self.next_results_ms),
            next_metadata: next(self.next_metadata_ms),
        }
    }

    /// Takes over what was stored: the distances, the pause, and when metadata is due (results are due at every start).
    fn take_over(&mut self, stored: &ScheduleMessage, now_ms: i64) {
        self.paused = stored.paused;
        let every = |given: &Option<prost_types::Duration>, least_ms: i64| {
            given
                .as_ref()
                .map(convert::duration_ms)
                .filter(|ms| (least_ms..=MAX_EVERY_MS).contains(ms))
        };
        if let Some(ms) = every(&stored.results_every, MIN_RESULTS_EVERY_MS) {
            self.results_every_ms = ms;
        }
        if let Some(ms) = every(&stored.metadata_every, MIN_METADATA_EVERY_MS) {
            self.metadata_every_ms = ms;
        }
        if let Some(next) = &stored.next_metadata {
            // A clock that was wrong once must not put it off for ever.
            self.next_metadata_ms = convert::millis(next).min(now_ms + self.metadata_every_ms);
        }
    }
}

/// The first time after `now_ms` in the rhythm of `from_ms`.
fn following(from_ms: i64, every_ms: i64, now_ms: i64) -> i64 {
    let missed = (now_ms - from_ms).div_euclid(every_ms).max(0);
    from_ms + (missed + 1) * every_ms
}

/// What the schedule needs of the rest of the role.
pub struct ScheduleParts {
    /// The storage.
    pub peer: Peer,
    /// What it starts.
    pub runs: Runs,
    /// Now.
    pub clock: Arc<dyn Clock>,
    /// Whether it is for us to start them.
    pub placement: Placement,
    /// Several workers keep the same times: their instants are those of the clock, not of the start of one of them, so that two
    /// which believe to be the first start one run.
    pub is_shared: bool,
}

struct Timer {
    parts: ScheduleParts,
    /// Somebody has changed the timetable.
    changed: Notify,
    timetable: Mutex<Timetable>,
    enabled: bool,
}

/// The schedule of this role. Cheap to clone.
#[derive(Clone)]
pub struct Schedule(Arc<Timer>);

impl Schedule {
    /// Starts the timer; it ends with `shutdown`.
    pub fn start(parts: ScheduleParts, options: &EtlOptions, shutdown: &Shutdown) -> Self {
        let mut timetable = Timetable::new(
            options.results_every_ms,
            options.metadata_every_ms,
            parts.clock.now_ms(),
        );
        if parts.is_shared {
            timetable.align();
        }
        let schedule = Self(Arc::new(Timer {
            parts,
            changed: Notify::new(),
            timetable: Mutex::new(timetable),
            enabled: options.scheduled,
        }));
        let (timer, token) = (schedule.clone(), shutdown.token().clone());
        shutdown.spawn("etl schedule", async move {
            tokio::select! {
                () = token.cancelled() => {}
                () = timer.run() => {}
            }
        });
        schedule
    }

    fn timetable(&self) -> MutexGuard<'_, Timetable> {
        // A few numbers, changed one by one.
        self.0.timetable.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The schedule as it is.
    pub fn get(&self) -> ScheduleMessage {
        let timetable = *self.timetable();
        if self.0.enabled {
            timetable.to_message()
        } else {
            Timetable {
                paused: true,
                ..timetable
            }
            .to_message()
        }
    }

    /// Changes it, and answers when the change is stored.
    pub async fn update(&self, request: &UpdateScheduleRequest, author: &str) -> Result<ScheduleMessage, EtlError> {
        if !self.0.enabled {
            return Err(EtlError::WrongState {
                what: "this instance starts no runs by itself".to_owned(),
            });
        }
        let mut changed = *self.timetable();
        changed.change(request, self.0.parts.clock.now_ms())?;
        self.store(changed, author).await?;
        let mut timetable = self.timetable();
        // The timer may have moved the next times meanwhile: only what was asked for is changed.
        timetable.change(request, self.0.parts.clock.now_ms())?;
        self.0.changed.notify_one();
        Ok(timetable.to_message())
    }

    /// `author` is who wants it so; empty where only time has passed.
    async fn store(&self, timetable: Timetable, author: &str) -> Result<(), EtlError> {
        let mut schedule = timetable.to_message();
        // Kept through a pause too.
        schedule.next_metadata = Some(convert::timestamp(timetable.next_metadata_ms));
        let request = PutStoredScheduleRequest {
            schedule: Some(schedule),
            author: author.to_owned(),
        };
        match self.0.parts.peer.run_store().put_stored_schedule(request).await {
            Ok(_) => Ok(()),
            Err(status) => Err(EtlError::storage("store the schedule", status)),
        }
    }

    async fn run(&self) {
        if !self.0.enabled {
            return;
        }
        // Nothing starts before it is known whether somebody paused it.
        loop {
            match self
                .0
                .parts
                .peer
                .run_store()
                .get_stored_schedule(GetStoredScheduleRequest {})
                .await
            {
                Ok(answer) => {
                    if let Some(stored) = answer.into_inner().schedule {
                        self.timetable().take_over(&stored, self.0.parts.clock.now_ms());
                    }
                    break;
                }
                Err(status) => tracing::debug!(code = ?status.code(), "the stored schedule cannot be read yet"),
            }
            tokio::time::sleep(TICK).await;
        }
        let mut first = true;
        let mut read = tokio::time::Instant::now();
        // By the monotonic clock: ours may stand still.
        let begun = tokio::time::Instant::now();
        let mut rest = TICK;
        loop {
            // An error is a rest that is over.
            let _ = tokio::time::timeout(rest, self.0.changed.notified()).await;
            rest = TICK;
            if self.0.parts.is_shared && read.elapsed() >= READ_AGAIN {
                read = tokio::time::Instant::now();
                self.follow().await;
            }
            let now_ms = self.0.parts.clock.now_ms();
            let due = {
                let mut timetable = self.timetable();
                timetable.mend(now_ms);
                let due = timetable.due(now_ms, begun.elapsed() < QUIET_START);
                if due.is_none() {
                    rest = timetable.rest(now_ms);
                }
                due
            };
            let Some(due) = due else { continue };
            // Whose it is to start runs is not known yet.
            if !self.0.parts.placement.is_told() {
                continue;
            }
            if !self.0.parts.placement.is_first() {
                self.timetable().done(due, now_ms);
                first = false;
                continue;
            }
            if self.0.parts.runs.is_busy().await {
                // A run that goes on is not overtaken; its time passes and the next one is told honestly. Metadata, once a day,
                // waits for it.
                if !first {
                    self.timetable().done(Due { metadata: false, ..due }, now_ms);
                }
                continue;
            }
            // Without agreements there is nothing to read: due stays due until there are some.
            if !self.0.parts.runs.sets().ask_for_something().await {
                rest = LONGEST_TICK;
                continue;
            }
            if self.launch(due, if first { BY_START } else { BY_TIMER }, now_ms).await {
                first = false;
            }
        }
    }

    /// Takes over what was changed at another worker.
    async fn follow(&self) {
        let mut store = self.0.parts.peer.run_store();
        if let Ok(answer) = store.get_stored_schedule(GetStoredScheduleRequest {}).await
            && let Some(stored) = answer.into_inner().schedule
        {
            self.timetable().take_over(&stored, self.0.parts.clock.now_ms());
        }
    }

    async fn launch(&self, due: Due, by: &str, now_ms: i64) -> bool {
        let scope = RunScope {
            sets_in_use: true,
            ..RunScope::default()
        };
        let words: Vec<String> = due.steps().into_iter().map(|step| step.word().to_owned()).collect();
        let request_id = if self.0.parts.is_shared {
            self.timetable().request_id(due)
        } else {
            format!("{by}-{now_ms}")
        };
        match self.0.parts.runs.launch(&request_id, scope, &words, by).await {
            Ok(_) => {
                let timetable = {
                    let mut timetable = self.timetable();
                    timetable.done(due, now_ms);
                    *timetable
                };
                if due.metadata
                    && let Err(error) = self.store(timetable, "").await
                {
                    tracing::warn!(%error, "the next time of metadata could not be stored");
                }
                true
            }
            Err(error) => {
                tracing::debug!(%error, "a timed run could not be started");
                false
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIN: i64 = 60_000;
    const DAY: i64 = 86_400_000;

    #[test]
    fn the_first_results_are_due_at_once_and_metadata_after_the_first_screen() {
        let mut table = Timetable::new(5 * MIN, DAY, 1_000);
        let due = table.due(1_000, true).unwrap();
        assert_eq!(due.steps(), [RunStep::Statistics, RunStep::Forecast]);
        table.done(due, 1_000);
        assert_eq!(table.due(31_000, true), None);
        let due = table.due(31_000, false).unwrap();
        assert_eq!(due.steps(), [RunStep::Metadata]);
        table.done(due, 31_000);
        assert_eq!(
            (table.next_results_ms, table.next_metadata_ms),
            (1_000 + 5 * MIN, 1_000 + DAY)
        );
        assert_eq!(table.due(1_000 + 5 * MIN - 1, false), None);
        assert_eq!(
            table.due(1_000 + 5 * MIN, false).unwrap().steps(),
            [RunStep::Statistics, RunStep::Forecast]
        );
    }

    #[test]
    fn missed_runs_are_not_made_up_for() {
        let mut table = Timetable::new(5 * MIN, DAY, 0);
        table.done(
            Due {
                results: true,
                metadata: true,
            },
            0,
        );
        let late = 17 * MIN;
        table.done(table.due(late, false).unwrap(), late);
        assert_eq!(table.next_results_ms, 20 * MIN);
        // A clock that jumped back does not bring a run sooner.
        table.done(
            Due {
                results: true,
                metadata: false,
            },
            0,
        );
        assert_eq!(table.next_results_ms, 25 * MIN);
    }

    #[test]
    fn the_clock_is_looked_at_often_only_when_something_is_near() {
        let mut table = Timetable::new(5 * MIN, DAY, 0);
        assert_eq!(table.rest(0), TICK, "due, and perhaps it cannot begin");
        table.next_metadata_ms = DAY;
        table.next_results_ms = 5 * MIN;
        assert_eq!(table.rest(0), LONGEST_TICK);
        assert_eq!(table.rest(5 * MIN - 2_500), Duration::from_millis(2_500));
        assert_eq!(table.rest(5 * MIN - 1), TICK);
        table.paused = true;
        assert_eq!(table.rest(5 * MIN - 1), LONGEST_TICK);
    }

    #[test]
    fn a_clock_that_was_ahead_puts_nothing_off() {
        let mut table = Timetable::new(5 * MIN, DAY, 0);
        let ahead = 30 * DAY;
        table.done(table.due(ahead, false).unwrap(), ahead);
        table.mend(MIN);
        assert_eq!((table.next_results_ms, table.next_metadata_ms), (6 * MIN, MIN + DAY));
    }

    #[test]
    fn workers_that_started_at_other_times_mean_the_same_instants() {
        let ids: Vec<String> = [17 * MIN + 3, 19 * MIN + 59_000]
            .into_iter()
            .map(|start_ms| {
                let mut table = Timetable::new(5 * MIN, DAY, start_ms);
                table.align();
                let due = table.due(start_ms, true).unwrap();
                table.request_id(due)
            })
            .collect();
        assert_eq!(
            ids,
            [format!("timer-r{}-m", 15 * MIN), format!("timer-r{}-m", 15 * MIN)]
        );
    }

    #[test]
    fn a_pause_has_no_next_times() {
        let mut table = Timetable::new(5 * MIN, DAY, 0);
        table
            .change(
                &UpdateScheduleRequest {
                    paused: Some(true),
                    ..UpdateScheduleRequest::default()
                },
                0,
            )
            .unwrap();
        assert_eq!(table.due(DAY * 10, false), None);
        let message = table.to_message();
        assert!(message.paused && message.next_results.is_none() && message.next_metadata.is_none());
    }

    #[test]
    fn a_shorter_distance_counts_from_now() {
        let mut table = Timetable::new(60 * MIN, DAY, 0);
        table.done(
            Due {
                results: true,
                metadata: true,
            },
            0,
        );
        let faster = UpdateScheduleRequest {
            results_every: Some(convert::duration(2 * MIN)),
            ..Default::default()
        };
        table.change(&faster, MIN).unwrap();
        assert_eq!(table.next_results_ms, 3 * MIN);
        let wrong = UpdateScheduleRequest {
            results_every: Some(convert::duration(10 * MIN)),
            metadata_every: Some(convert::duration(MIN)),
            paused: Some(true),
        };
        let before = table;
        let EtlError::Invalid(invalid) = table.change(&wrong, MIN).unwrap_err() else {
            panic!()
        };
        assert_eq!(invalid.field, "metadata_every");
        assert_eq!(table, before, "nothing is half changed");
    }

    #[test]
    fn what_was_stored_is_taken_over_within_reason() {
        let mut table = Timetable::new(5 * MIN, DAY, 0);
        let stored = ScheduleMessage {
            paused: false,
            results_every: Some(convert::duration(10 * MIN)),
            metadata_every: Some(convert::duration(1)),
            next_results: Some(convert::timestamp(99 * DAY)),
            next_metadata: Some(convert::timestamp(99 * DAY)),
        };
        table.take_over(&stored, 0);
        assert_eq!((table.results_every_ms, table.metadata_every_ms), (10 * MIN, DAY));
        assert_eq!((table.next_results_ms, table.next_metadata_ms), (0, DAY));
    }
}
