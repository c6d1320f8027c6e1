//! ETL runs: started, executed here one at a time or dealt out to all workers, watched, cancelled, remembered.

pub mod dealing;
pub mod durations;
mod execution;
mod extraction;
pub mod in_use;
mod keeper;
pub mod live;
mod pace;
pub mod progress;
pub mod ring;
pub mod scope;

use std::collections::VecDeque;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sla_bus::{ResultStream, TaskTopic};
use sla_domain::request_id::check_request_id;
use sla_domain::{Clock, SafeText};
use sla_proto::Peer;
use sla_proto::etl::v1::{ListRunsRequest, ListRunsResponse, Run, RunScope, RunState};
use sla_proto::storage::v1::{
    CreateRunRequest, CreateRunResponse, GetStoredRunRequest, ListStoredRunsRequest, UpdateRunRequest,
};
use sla_runtime::shutdown::Shutdown;
use sla_runtime::status::reason;
use tokio::sync::{mpsc, oneshot};
use tonic::{Code, Response, Status};

use crate::analyst::{Analyst, step_options};
use crate::error::EtlError;
use crate::journal::{Journal, Level};
use crate::metrics::EtlMetrics;
use crate::options::{EtlOptions, MAX_QUEUED_RUNS, MAX_REMEMBERED_RUNS};
use crate::sources::Sources;
use in_use::SetsInUse;
use live::LiveRun;
use pace::Pace;
use progress::{Ending, RunProgress};

/// How often the last word about a run is offered to the storage.
const SAVE_ATTEMPTS: u32 = 30;
/// Pause between two offers.
const SAVE_PAUSE: Duration = Duration::from_secs(2);
/// Runs looked at for the pace of the past.
const PAST_RUNS: u32 = 20;
/// How often a new run is offered to the storage while no answer comes, and the pause between.
const CREATE_TRIES: u32 = 4;
const CREATE_PAUSE: Duration = Duration::from_millis(500);

/// What runs need of the rest of the role.
pub struct RunParts {
    /// The storage.
    pub peer: Peer,
    /// What is agreed.
    pub sets: SetsInUse,
    /// Where results go.
    pub stream: Arc<dyn ResultStream>,
    /// How runs are dealt out to all workers; `None` = this process does them.
    pub tasks: Option<Arc<dyn TaskTopic>>,
    /// Where samples come from.
    pub sources: Sources,
    /// Who does the steps.
    pub analyst: Analyst,
    /// Where lines go.
    pub journal: Journal,
    /// Counters.
    pub metrics: EtlMetrics,
    /// Now.
    pub clock: Arc<dyn Clock>,
    /// The end.
    pub shutdown: Shutdown,
    /// Limits.
    pub options: Arc<EtlOptions>,
}

/// Who does the work of runs.
enum Work {
    /// This process, one run at a time.
    Here(mpsc::Sender<Arc<LiveRun>>),
    /// All workers that share the topic.
    Dealt(Arc<dyn TaskTopic>),
}

struct RunDesk {
    parts: RunParts,
    work: Work,
    /// Newest last; bounded, but runs that have not ended are never dropped.
    live: Mutex<VecDeque<Arc<LiveRun>>>,
    pace: Pace,
}

/// The runs of this role. Cheap to clone.
#[derive(Clone)]
pub struct Runs(Arc<RunDesk>);

impl Runs {
    /// Starts who executes them here, and marks runs that another life of this process left unfinished; where runs are dealt
    /// out others do the one and the other.
    pub fn start(parts: RunParts) -> Self {
        let (queue, waiting) = mpsc::channel(MAX_QUEUED_RUNS);
        let shutdown = parts.shutdown.clone();
        let work = parts.tasks.clone().map_or(Work::Here(queue), Work::Dealt);
        let is_dealt = matches!(work, Work::Dealt(_));
        let runs = Self(Arc::new(RunDesk {
            parts,
            work,
            live: Mutex::default(),
            pace: Pace::default(),
        }));
        if is_dealt {
            return runs;
        }
        let (worker, token) = (runs.clone(), shutdown.token().clone());
        shutdown.spawn("etl runs", async move { worker.work(waiting, token).await });
        let (recovery, token) = (runs.clone(), shutdown.token().clone());
        shutdown.spawn("etl run recovery", async move {
            tokio::select! {
                () = token.cancelled() => {}
                () = recovery.recover() => {}
            }
        });
        runs
    }

    fn live(&self) -> MutexGuard<'_, VecDeque<Arc<LiveRun>>> {
        // A list of shared runs.
        self.0.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the sets ask for.
    pub fn sets(&self) -> &SetsInUse {
        &self.0.parts.sets
    }

    fn now_ms(&self) -> i64 {
        self.0.parts.clock.now_ms()
    }

    /// A run in memory.
    pub fn find_live(&self, id: &str) -> Option<Arc<LiveRun>> {
        self.live().iter().find(|run| run.id == id).cloned()
    }

    /// Results that wait for the stream to have them.
    pub fn unpublished(&self) -> usize {
        self.0.parts.stream.waiting()
    }

    /// How many runs wait or go on.
    pub fn open(&self) -> usize {
        self.live().iter().filter(|run| !run.has_ended()).count()
    }

    fn topic(&self) -> Option<&Arc<dyn TaskTopic>> {
        match &self.0.work {
            Work::Here(_) => None,
            Work::Dealt(topic) => Some(topic),
        }
    }

    /// Whether a run waits or goes on, here or at others. Who cannot tell is busy.
    pub async fn is_busy(&self) -> bool {
        match self.topic() {
            None => self.open() > 0,
            Some(_) => self.unfinished().await.map_or(true, |runs| !runs.is_empty()),
        }
    }

    /// Starts a run and answers when it is stored and queued. The same request id gives the same run, and whether it was
    /// there already.
    pub async fn launch(
        &self,
        request_id: &str,
        scope: RunScope,
        steps: &[String],
        started_by: &str,
    ) -> Result<(Run, bool), EtlError> {
        check_request_id(request_id).map_err(EtlError::Invalid)?;
        scope::check(&scope)?;
        let options = &self.0.parts.options;
        let retried = self.retried(&scope).await?;
        // A retry does what the run did that it retries, unless told otherwise.
        let steps = match &retried {
            Some(run) if steps.is_empty() => &run.steps,
            _ => steps,
        };
        let chosen = step_options(steps, &[], &[], options)?.steps;
        let id = new_id(self.now_ms());
        let progress = RunProgress::queued(
            id,
            scope,
            chosen.words(),
            SafeText::new(started_by).into_string(),
            self.now_ms(),
        );
        let (answer, outcome) = oneshot::channel();
        let (runs, request_id) = (self.clone(), request_id.to_owned());
        // In a task of its own: a caller that goes away must not leave a stored run that nobody executes.
        self.0.parts.shutdown.spawn("etl run start", async move {
            let started = runs.store_and_queue(request_id, progress).await;
            // A caller that went away does not hear it.
            let _ = answer.send(started);
        });
        outcome.await.map_err(|_| EtlError::ShuttingDown)?
    }

    /// The run whose failures a scope names; it must have ended.
    async fn retried(&self, scope: &RunScope) -> Result<Option<Run>, EtlError> {
        if scope.retry_failed_of.is_empty() {
            return Ok(None);
        }
        let run = self.get(&scope.retry_failed_of).await?;
        if progress::has_ended(run.state()) {
            return Ok(Some(run));
        }
        Err(EtlError::WrongState {
            what: format!(
                "run #{} goes on; wait for its end or cancel it, then retry what failed",
                run.number
            ),
        })
    }

    async fn store_and_queue(&self, request_id: String, progress: RunProgress) -> Result<(Run, bool), EtlError> {
        let full = || EtlError::QueueFull {
            waiting: MAX_QUEUED_RUNS,
        };
        let queue = match &self.0.work {
            Work::Here(queue) => queue,
            Work::Dealt(_) if self.unfinished().await?.len() >= MAX_QUEUED_RUNS => return Err(full()),
            Work::Dealt(_) => return self.store_and_deal(request_id, progress).await,
        };
        let place = queue.clone().try_reserve_owned().map_err(|_| full())?;
        let run = Arc::new(LiveRun::new(progress));
        // Known before it is stored, so that the recovery of a restart does not take it for a left-over.
        self.remember(run.clone());
        let request = CreateRunRequest {
            request_id,
            run: Some(run.to_message()),
        };
        let created = match self.create(request).await {
            Ok(created) => created,
            Err(status) => {
                self.forget(&run.id);
                return Err(EtlError::storage("store the run", status));
            }
        };
        let stored = created.run.unwrap_or_default();
        // Ours is there already where a first answer was lost.
        if created.existed && stored.id != run.id {
            self.forget(&run.id);
            let stored = self.find_live(&stored.id).map_or(stored, |live| live.to_message());
            return Ok((stored, true));
        }
        run.change(|progress| *progress = RunProgress::of(stored.clone()));
        self.0.parts.metrics.runs_started.inc();
        self.note(
            Level::Info,
            &run,
            &format!("run #{} was started by {}", stored.number, stored.started_by),
        );
        run.tell("queued", self.now_ms());
        place.send(run);
        Ok((stored, false))
    }

    async fn store_and_deal(&self, request_id: String, progress: RunProgress) -> Result<(Run, bool), EtlError> {
        let request = CreateRunRequest {
            request_id,
            run: Some(progress.to_message()),
        };
        let id = progress.to_message().id;
        let created = self.create(request).await;
        let created = created.map_err(|status| EtlError::storage("store the run", status))?;
        let stored = created.run.unwrap_or_default();
        if created.existed && stored.id != id {
            let run = self.get(&stored.id).await?;
            if run.state() == RunState::Queued {
                // Who stored it may have died before it was dealt out; to be dealt twice changes nothing.
                self.send_deal(&run.id).await?;
            }
            return Ok((run, true));
        }
        self.0.parts.metrics.runs_started.inc();
        let line = format!("run #{} was started by {}", stored.number, stored.started_by);
        self.0.parts.journal.write(Level::Info, &stored.id, &line);
        if let Err(error) = self.send_deal(&stored.id).await {
            // Nobody would ever do it.
            let run = LiveRun::new(RunProgress::of(stored));
            let ending = Ending::Aborted {
                reason: error.reason(),
                message: "it could not be dealt out".to_owned(),
            };
            run.change(|progress| progress.end(&ending, self.now_ms()).len());
            self.save(&run).await?;
            return Err(error);
        }
        Ok((stored, false))
    }

    /// Stores a new run. A lost answer is asked for again under the same id: a run that is stored and that nobody knows of would
    /// wait for ever.
    async fn create(&self, request: CreateRunRequest) -> Result<CreateRunResponse, Status> {
        let mut left = CREATE_TRIES;
        loop {
            left -= 1;
            match self.0.parts.peer.run_store().create_run(request.clone()).await {
                Err(status) if left > 0 && matches!(status.code(), Code::Unavailable | Code::DeadlineExceeded) => {
                    tokio::time::sleep(CREATE_PAUSE).await;
                }
                answer => return answer.map(Response::into_inner),
            }
        }
    }

    fn remember(&self, run: Arc<LiveRun>) {
        let mut live = self.live();
        live.push_back(run);
        while live.len() > MAX_REMEMBERED_RUNS {
            let Some(oldest) = live.iter().position(|run| run.has_ended()) else {
                return;
            };
            live.remove(oldest);
        }
    }

    fn forget(&self, id: &str) {
        self.live().retain(|run| run.id != id);
    }

    fn note(&self, level: Level, run: &LiveRun, line: &str) {
        self.0.parts.journal.write(level, &run.id, line);
    }

    /// Ends a run between two series; one that waits ends at once. A run that has ended stays as it is.
    pub async fn cancel(&self, id: &str, by: &str) -> Result<Run, EtlError> {
        let Some(run) = self.find_live(id) else {
            return self.cancel_stored(id, by).await;
        };
        if !run.has_ended() {
            run.change(|progress| progress.cancelled_by(by));
            run.cancel.cancel();
            let waits = run.to_message().state() == RunState::Queued;
            self.note(Level::Info, &run, &format!("cancelled by {}", SafeText::new(by)));
            if waits {
                run.change(|progress| progress.end(&Ending::Cancelled, self.now_ms()).len());
                run.tell("cancelled before it began", self.now_ms());
                self.save(&run).await?;
            }
        }
        Ok(run.to_message())
    }

    /// Ends a run that no process executes as a whole: its row says so to all who do a part of it.
    async fn cancel_stored(&self, id: &str, by: &str) -> Result<Run, EtlError> {
        let stored = self.stored(id).await?;
        if self.topic().is_none() || progress::has_ended(stored.state()) {
            return Ok(stored);
        }
        let arrived = stored.series_done + stored.series_failed;
        let run = LiveRun::new(RunProgress::of(stored));
        run.change(|progress| {
            progress.cancelled_by(by);
            progress.end(&Ending::Cancelled, self.now_ms()).len()
        });
        self.save(&run).await?;
        self.note(Level::Info, &run, &format!("cancelled by {}", SafeText::new(by)));
        self.closing_word(id, arrived, true).await?;
        self.stored(id).await
    }

    /// A run, as it is now.
    pub async fn get(&self, id: &str) -> Result<Run, EtlError> {
        match self.find_live(id) {
            Some(run) => Ok(run.to_message()),
            None => self.stored(id).await,
        }
    }

    async fn stored(&self, id: &str) -> Result<Run, EtlError> {
        let not_found = || EtlError::NotFound {
            what: "run",
            name: SafeText::with_limit(id, 80),
        };
        let answer = self
            .0
            .parts
            .peer
            .run_store()
            .get_stored_run(GetStoredRunRequest { id: id.to_owned() })
            .await;
        match answer {
            Ok(answer) => {
                let answer = answer.into_inner();
                let mut run = answer.run.ok_or_else(not_found)?;
                if let Some(arrived) = answer.progress.filter(|_| !progress::has_ended(run.state())) {
                    progress::count(&mut run, &arrived);
                }
                Ok(run)
            }
            Err(status) if status.code() == tonic::Code::NotFound => Err(not_found()),
            Err(status) => Err(EtlError::storage("look up the run", status)),
        }
    }

    /// Runs, newest first; those in memory as they are now.
    pub async fn list(&self, request: ListRunsRequest) -> Result<ListRunsResponse, EtlError> {
        let request = ListStoredRunsRequest {
            page_size: request.page_size,
            page_token: request.page_token,
            unfinished_only: false,
        };
        let mut page = match self.0.parts.peer.run_store().list_stored_runs(request).await {
            Ok(page) => page.into_inner(),
            Err(status) => return Err(EtlError::storage("list the runs", status)),
        };
        for run in &mut page.runs {
            if let Some(live) = self.find_live(&run.id) {
                *run = live.to_message();
            } else if !progress::has_ended(run.state()) && self.topic().is_some() {
                *run = self.stored(&run.id).await?;
            }
        }
        Ok(ListRunsResponse {
            runs: page.runs,
            next_page_token: page.next_page_token,
        })
    }

    /// What a series took in past runs, milliseconds of wall time.
    pub fn past_ms_per_series(&self) -> Option<f64> {
        self.0.pace.ms_per_series()
    }

    async fn save(&self, run: &LiveRun) -> Result<(), EtlError> {
        let request = UpdateRunRequest {
            run: Some(run.to_message()),
        };
        match self.0.parts.peer.run_store().update_run(request).await {
            Ok(_) => Ok(()),
            Err(status) => Err(EtlError::storage("update the run", status)),
        }
    }

    /// Offers the last word about a run until the storage has it. When it never does, the next start marks the run failed.
    async fn save_final(&self, run: &LiveRun) {
        for attempt in 1..=SAVE_ATTEMPTS {
            match self.save(run).await {
                Ok(()) => return,
                Err(error) => {
                    if attempt == 1 {
                        self.note(Level::Warn, run, &format!("its end could not be stored yet: {error}"));
                    }
                    tokio::time::sleep(SAVE_PAUSE).await;
                }
            }
        }
    }

    async fn work(&self, mut waiting: mpsc::Receiver<Arc<LiveRun>>, token: tokio_util::sync::CancellationToken) {
        loop {
            let run = tokio::select! {
                () = token.cancelled() => return,
                run = waiting.recv() => match run {
                    Some(run) => run,
                    None => return,
                },
            };
            if run.has_ended() {
                continue;
            }
            self.execute(&run, &token).await;
        }
    }

    /// After a restart: what was left unfinished is marked failed, and the pace of the past is learned.
    async fn recover(&self) {
        loop {
            match self.mark_interrupted().await {
                Ok(()) => break,
                Err(error) => {
                    tracing::debug!(%error, "the storage is not there yet");
                    tokio::time::sleep(SAVE_PAUSE).await;
                }
            }
        }
        let request = ListRunsRequest {
            page_size: PAST_RUNS,
            page_token: String::new(),
        };
        if let Ok(past) = self.list(request).await {
            past.runs.iter().rev().for_each(|run| self.0.pace.learn(run));
        }
    }

    async fn mark_interrupted(&self) -> Result<(), EtlError> {
        let request = ListStoredRunsRequest {
            unfinished_only: true,
            page_size: 1_000,
            ..ListStoredRunsRequest::default()
        };
        let answer = self.0.parts.peer.run_store().list_stored_runs(request).await;
        let left = answer
            .map_err(|status| EtlError::storage("list unfinished runs", status))?
            .into_inner()
            .runs;
        for run in left {
            if self.find_live(&run.id).is_some() {
                continue;
            }
            let mut progress = RunProgress::of(run);
            let ending = Ending::Aborted {
                reason: reason::UNAVAILABLE,
                message: "the process ended before the run did".to_owned(),
            };
            progress.end(&ending, self.now_ms());
            let run = progress.to_message();
            self.0
                .parts
                .journal
                .write(Level::Warn, &run.id, &format!("run #{}: {}", run.number, run.message));
            let request = UpdateRunRequest { run: Some(run) };
            let answer = self.0.parts.peer.run_store().update_run(request).await;
            answer.map_err(|status| EtlError::storage("mark an unfinished run", status))?;
        }
        Ok(())
    }
}

/// A new id: the time, so that ids sort by age, and 64 random bits from the hash keys of the standard library.
fn new_id(now_ms: i64) -> String {
    let mut hasher = RandomState::new().build_hasher();
    hasher.write_i64(now_ms);
    format!("{now_ms:012x}-{:016x}", hasher.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_differ_and_are_valid() {
        let ids: std::collections::HashSet<String> = (0..1_000).map(|_| new_id(1_700_000_000_000)).collect();
        assert_eq!(ids.len(), 1_000);
        assert!(ids.iter().all(|id| check_request_id(id).is_ok()));
    }
}
