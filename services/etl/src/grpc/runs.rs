//! `RunService`.

use std::time::Duration;

use sla_proto::convert;
use sla_proto::etl::v1::run_service_server::RunService;
use sla_proto::etl::v1::{
    CancelRunRequest, CancelRunResponse, EstimateRunRequest, EstimateRunResponse, GetRunRequest, GetRunResponse,
    ListRunsRequest, ListRunsResponse, StartRunRequest, StartRunResponse, TailLogRequest, TailLogResponse,
    WatchRunRequest, WatchRunResponse,
};
use sla_runtime::page;
use tonic::{Request, Response, Status};

use super::outlet::{Answers, outlet};
use super::refused;
use crate::analyst::step_options;
use crate::error::EtlError;
use crate::query::{ReadQuery, SourcedQuery};
use crate::runs::progress::has_ended;
use crate::runs::scope;
use crate::samples::Cost;
use crate::service::Core;
use crate::sources::SourceGroup;

/// A watcher hears at least this often.
const HEARTBEAT: Duration = Duration::from_secs(10);
/// How often a run that no process executes as a whole is looked up for its watcher.
const LOOK_UP: Duration = Duration::from_secs(1);

impl Core {
    async fn estimate(&self, request: EstimateRunRequest) -> Result<EstimateRunResponse, EtlError> {
        let scope = request.scope.unwrap_or_default();
        scope::check(&scope)?;
        step_options(&request.steps, &[], &[], &self.options)?;
        let queries = scope::resolve(self.runs.sets(), &scope).await?;
        if queries.is_empty() {
            self.sources.nothing_asked().await?;
        }
        let queries: Vec<SourcedQuery> = queries.into_iter().map(|one| one.asked).collect();
        let cost = self.cost(&queries).await?;
        let duration = self
            .runs
            .past_ms_per_series()
            .map(|ms| convert::duration((ms * cost.series as f64) as i64));
        Ok(EstimateRunResponse {
            series: cost.series as u32,
            samples: cost.samples,
            bytes: cost.bytes,
            duration: duration.filter(|_| cost.series > 0),
            max_series: self.options.max_series as u32,
            series_per_query: cost.series_per_query.iter().map(|count| *count as u32).collect(),
        })
    }
}

impl Core {
    /// What reading these would cost, over all sources.
    async fn cost(&self, queries: &[SourcedQuery]) -> Result<Cost, EtlError> {
        for query in queries {
            self.sources.named(&query.source)?;
        }
        let mut whole = Cost {
            series_per_query: vec![0; queries.len()],
            ..Cost::default()
        };
        for SourceGroup { unit, queries } in self.sources.grouped(queries).known {
            let asked: Vec<ReadQuery> = queries.iter().map(|(_, one)| one.query.clone()).collect();
            let cost = unit.reader.estimate(&asked, &self.call()).await?;
            for ((at, _), series) in queries.iter().zip(cost.series_per_query) {
                whole.series_per_query[*at] = series;
            }
            whole.series += cost.series;
            whole.samples += cost.samples;
            whole.bytes += cost.bytes;
        }
        Ok(whole)
    }
}

#[tonic::async_trait]
impl RunService for Core {
    async fn estimate_run(
        &self,
        request: Request<EstimateRunRequest>,
    ) -> Result<Response<EstimateRunResponse>, Status> {
        let answer = self
            .estimate(request.into_inner())
            .await
            .map_err(|error| refused("EstimateRun", &error))?;
        Ok(Response::new(answer))
    }

    async fn start_run(&self, request: Request<StartRunRequest>) -> Result<Response<StartRunResponse>, Status> {
        let user = sla_runtime::caller::user(request.extensions());
        let request = request.into_inner();
        let scope = request.scope.unwrap_or_default();
        let started = self
            .runs
            .launch(&request.request_id, scope, &request.steps, &user)
            .await;
        let (run, already_started) = started.map_err(|error| refused("StartRun", &error))?;
        Ok(Response::new(StartRunResponse {
            run: Some(run),
            already_started,
        }))
    }

    type WatchRunStream = Answers<WatchRunResponse>;

    async fn watch_run(&self, request: Request<WatchRunRequest>) -> Result<Response<Self::WatchRunStream>, Status> {
        let WatchRunRequest { run_id, after_sequence } = request.into_inner();
        let (out, stream) = outlet(self.shutdown.token(), &self.metrics);
        let (runs, clock) = (self.runs.clone(), self.clock.clone());
        if let Some(run) = runs.find_live(&run_id) {
            self.shutdown.spawn("etl watch", async move {
                let mut newest = run.watch();
                let mut known = after_sequence;
                loop {
                    newest.borrow_and_update();
                    while let Some(event) = run.event_after(known) {
                        known = event.sequence;
                        let last = event.run.as_ref().is_some_and(|run| has_ended(run.state()));
                        if out.send(event).await.is_err() || last {
                            return;
                        }
                    }
                    // The last event is known already: there is nothing more to say.
                    if run.has_told_end() && run.event_after(known).is_none() {
                        let final_word = beat(known, clock.now_ms(), run.to_message(), false);
                        let _ = out.send(final_word).await;
                        return;
                    }
                    tokio::select! {
                        () = out.closed() => return,
                        changed = newest.changed() => if changed.is_err() { return },
                        () = tokio::time::sleep(HEARTBEAT) => {
                            if out.send(beat(known, clock.now_ms(), run.to_message(), true)).await.is_err() {
                                return;
                            }
                        }
                    }
                }
            });
            return Ok(Response::new(stream));
        }
        let mut stored = runs.get(&run_id).await.map_err(|error| refused("WatchRun", &error))?;
        self.shutdown.spawn("etl watch", async move {
            // What the storage counts of it, whenever that has changed.
            let (mut quiet, mut sequence, mut told) = (Duration::ZERO, after_sequence, None);
            loop {
                let ended = has_ended(stored.state());
                if told.as_ref() != Some(&stored) {
                    sequence += 1;
                    quiet = Duration::ZERO;
                    told = Some(stored.clone());
                    let event = beat(sequence, clock.now_ms(), stored.clone(), false);
                    if out.send(event).await.is_err() || ended {
                        return;
                    }
                } else if quiet >= HEARTBEAT {
                    quiet = Duration::ZERO;
                    let event = beat(sequence, clock.now_ms(), stored.clone(), true);
                    if out.send(event).await.is_err() {
                        return;
                    }
                }
                tokio::select! {
                    () = out.closed() => return,
                    () = tokio::time::sleep(LOOK_UP) => quiet += LOOK_UP,
                }
                if let Ok(newer) = runs.get(&run_id).await {
                    stored = newer;
                }
            }
        });
        Ok(Response::new(stream))
    }

    async fn cancel_run(&self, request: Request<CancelRunRequest>) -> Result<Response<CancelRunResponse>, Status> {
        let user = sla_runtime::caller::user(request.extensions());
        let run = self.runs.cancel(&request.get_ref().run_id, &user).await;
        Ok(Response::new(CancelRunResponse {
            run: Some(run.map_err(|error| refused("CancelRun", &error))?),
        }))
    }

    async fn get_run(&self, request: Request<GetRunRequest>) -> Result<Response<GetRunResponse>, Status> {
        let run = self.runs.get(&request.get_ref().run_id).await;
        Ok(Response::new(GetRunResponse {
            run: Some(run.map_err(|error| refused("GetRun", &error))?),
        }))
    }

    async fn list_runs(&self, request: Request<ListRunsRequest>) -> Result<Response<ListRunsResponse>, Status> {
        let page = self.runs.list(request.into_inner()).await;
        Ok(Response::new(page.map_err(|error| refused("ListRuns", &error))?))
    }

    async fn tail_log(&self, request: Request<TailLogRequest>) -> Result<Response<TailLogResponse>, Status> {
        let request = request.into_inner();
        let lines = self.journal.tail(&request.run_id, page::size(request.lines));
        Ok(Response::new(TailLogResponse {
            lines: lines.iter().map(crate::journal::Line::to_message).collect(),
        }))
    }
}

/// The run as it stands, outside the numbered events.
fn beat(sequence: u64, now_ms: i64, run: sla_proto::etl::v1::Run, heartbeat: bool) -> WatchRunResponse {
    WatchRunResponse {
        sequence,
        time: Some(convert::timestamp(now_ms)),
        run: Some(run),
        line: String::new(),
        heartbeat,
    }
}
