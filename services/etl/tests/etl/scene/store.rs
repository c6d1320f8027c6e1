//! A store in memory that keeps the rules of `storage.v1`.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use prost::Message as _;
use sla_proto::etl::v1::{Run, RunState, Schedule};
use sla_proto::objective::v1::SlaSet;
use sla_proto::result::v1::{Record, SeriesResult, record::Fact, series_result::Outcome};
use sla_proto::storage::v1::ledger_store_service_server::LedgerStoreService;
use sla_proto::storage::v1::result_store_service_server::ResultStoreService;
use sla_proto::storage::v1::run_store_service_server::RunStoreService;
use sla_proto::storage::v1::set_store_service_server::SetStoreService;
use sla_proto::storage::v1::state_store_service_server::StateStoreService;
use sla_proto::storage::v1::*;
use tonic::{Request, Response, Status};

type Answer<T> = Result<Response<T>, Status>;

/// What the store keeps.
#[derive(Default)]
pub(crate) struct Kept {
    pub(crate) runs: BTreeMap<String, (u64, Run)>,
    pub(crate) requests: BTreeMap<String, String>,
    pub(crate) sets: Vec<SlaSet>,
    pub(crate) schedule: Option<Schedule>,
    pub(crate) next_offset: u64,
    pub(crate) records: Vec<Record>,
    pub(crate) state: BTreeMap<(String, String), StateEntry>,
}

/// The store. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Store {
    pub(crate) kept: Arc<Mutex<Kept>>,
    pub(crate) away: Arc<AtomicBool>,
}

impl Store {
    fn kept(&self) -> Result<std::sync::MutexGuard<'_, Kept>, Status> {
        if self.away.load(Ordering::SeqCst) {
            return Err(Status::unavailable("away"));
        }
        Ok(self.kept.lock().unwrap())
    }

    pub(crate) fn results(&self) -> Vec<SeriesResult> {
        let kept = self.kept.lock().unwrap();
        let results = kept.records.iter().filter_map(|record| match &record.fact {
            Some(Fact::SeriesResult(result)) => Some(result.clone()),
            _ => None,
        });
        results.collect()
    }

    pub(crate) fn expected(&self, run_id: &str) -> Option<u32> {
        self.kept
            .lock()
            .unwrap()
            .records
            .iter()
            .find_map(|record| match &record.fact {
                Some(Fact::RunFinished(end)) if end.run_id == run_id => Some(end.expected),
                _ => None,
            })
    }
}

fn unused<T>() -> Answer<T> {
    Err(Status::unimplemented("not needed here"))
}

#[tonic::async_trait]
impl RunStoreService for Store {
    async fn create_run(&self, request: Request<CreateRunRequest>) -> Answer<CreateRunResponse> {
        let request = request.into_inner();
        let mut kept = self.kept()?;
        if let Some(id) = kept.requests.get(&request.request_id) {
            let run = kept.runs[id].1.clone();
            return Ok(Response::new(CreateRunResponse {
                run: Some(run),
                existed: true,
            }));
        }
        let mut run = request.run.unwrap();
        run.number = kept.runs.len() as u64 + 1;
        kept.requests.insert(request.request_id, run.id.clone());
        kept.runs.insert(run.id.clone(), (run.number, run.clone()));
        Ok(Response::new(CreateRunResponse {
            run: Some(run),
            existed: false,
        }))
    }

    async fn update_run(&self, request: Request<UpdateRunRequest>) -> Answer<UpdateRunResponse> {
        let run = request.into_inner().run.unwrap();
        let mut kept = self.kept()?;
        let slot = kept.runs.get_mut(&run.id).ok_or_else(|| Status::not_found("no run"))?;
        if matches!(slot.1.state(), RunState::Queued | RunState::Running) {
            slot.1 = run;
        }
        Ok(Response::new(UpdateRunResponse {}))
    }

    async fn get_stored_run(&self, request: Request<GetStoredRunRequest>) -> Answer<GetStoredRunResponse> {
        let kept = self.kept()?;
        let found = kept
            .runs
            .get(&request.get_ref().id)
            .ok_or_else(|| Status::not_found("no run"))?;
        Ok(Response::new(GetStoredRunResponse {
            run: Some(found.1.clone()),
            ..Default::default()
        }))
    }

    async fn list_stored_runs(&self, request: Request<ListStoredRunsRequest>) -> Answer<ListStoredRunsResponse> {
        let kept = self.kept()?;
        let open = |run: &Run| matches!(run.state(), RunState::Queued | RunState::Running);
        let mut runs: Vec<(u64, Run)> = kept.runs.values().cloned().collect();
        runs.retain(|(_, run)| !request.get_ref().unfinished_only || open(run));
        runs.sort_by_key(|(number, _)| std::cmp::Reverse(*number));
        let runs = runs.into_iter().map(|(_, run)| run).collect();
        Ok(Response::new(ListStoredRunsResponse {
            runs,
            ..Default::default()
        }))
    }

    async fn get_stored_schedule(&self, _: Request<GetStoredScheduleRequest>) -> Answer<GetStoredScheduleResponse> {
        Ok(Response::new(GetStoredScheduleResponse {
            schedule: self.kept()?.schedule,
        }))
    }

    async fn put_stored_schedule(
        &self,
        request: Request<PutStoredScheduleRequest>,
    ) -> Answer<PutStoredScheduleResponse> {
        self.kept()?.schedule = request.into_inner().schedule;
        Ok(Response::new(PutStoredScheduleResponse {}))
    }
}

#[tonic::async_trait]
impl SetStoreService for Store {
    async fn list_stored_sets(&self, _: Request<ListStoredSetsRequest>) -> Answer<ListStoredSetsResponse> {
        Ok(Response::new(ListStoredSetsResponse {
            sets: self.kept()?.sets.clone(),
            revision: 1,
            ..ListStoredSetsResponse::default()
        }))
    }

    async fn get_stored_set(&self, _: Request<GetStoredSetRequest>) -> Answer<GetStoredSetResponse> {
        unused()
    }

    async fn put_stored_set(&self, _: Request<PutStoredSetRequest>) -> Answer<PutStoredSetResponse> {
        unused()
    }

    async fn delete_stored_set(&self, _: Request<DeleteStoredSetRequest>) -> Answer<DeleteStoredSetResponse> {
        unused()
    }

    async fn put_stored_sets(&self, _: Request<PutStoredSetsRequest>) -> Answer<PutStoredSetsResponse> {
        unused()
    }
}

#[tonic::async_trait]
impl ResultStoreService for Store {
    async fn apply_batch(&self, request: Request<ApplyBatchRequest>) -> Answer<ApplyBatchResponse> {
        let mut kept = self.kept()?;
        let mut answer = ApplyBatchResponse::default();
        for record in request.into_inner().records {
            if record.offset < kept.next_offset {
                answer.duplicates += 1;
                continue;
            }
            kept.next_offset = record.offset + 1;
            kept.records.push(Record::decode(record.body.as_slice()).unwrap());
            answer.inserted += 1;
        }
        answer.next_offset = kept.next_offset;
        Ok(Response::new(answer))
    }

    async fn get_position(&self, _: Request<GetPositionRequest>) -> Answer<GetPositionResponse> {
        Ok(Response::new(GetPositionResponse {
            next_offset: self.kept()?.next_offset,
        }))
    }

    async fn move_position(&self, _: Request<MovePositionRequest>) -> Answer<MovePositionResponse> {
        Err(Status::unimplemented("nobody moves it here"))
    }

    async fn read_latest_results(
        &self,
        request: Request<ReadLatestResultsRequest>,
    ) -> Answer<ReadLatestResultsResponse> {
        drop(self.kept()?);
        let results = self.results();
        let latest = |id: &Vec<u8>| {
            let of_series = |result: &&SeriesResult| result.series.as_ref().is_some_and(|series| series.id == *id);
            let result = results.iter().rev().find(of_series)?.clone();
            Some(LatestResult {
                result: Some(result),
                ..Default::default()
            })
        };
        Ok(Response::new(ReadLatestResultsResponse {
            results: request.get_ref().series_ids.iter().filter_map(latest).collect(),
        }))
    }

    async fn list_result_series(&self, _: Request<ListResultSeriesRequest>) -> Answer<ListResultSeriesResponse> {
        unused()
    }

    async fn list_series_history(&self, _: Request<ListSeriesHistoryRequest>) -> Answer<ListSeriesHistoryResponse> {
        unused()
    }

    async fn list_run_results(&self, request: Request<ListRunResultsRequest>) -> Answer<ListRunResultsResponse> {
        let request = request.into_inner();
        let failed = |result: &SeriesResult| matches!(result.outcome, Some(Outcome::Failure(_)));
        let mut results = self.results();
        results.retain(|result| result.run_id == request.run_id && (!request.failures_only || failed(result)));
        Ok(Response::new(ListRunResultsResponse {
            results,
            ..Default::default()
        }))
    }

    async fn list_dead_letters(&self, _: Request<ListDeadLettersRequest>) -> Answer<ListDeadLettersResponse> {
        unused()
    }

    async fn replay_dead_letter(&self, _: Request<ReplayDeadLetterRequest>) -> Answer<ReplayDeadLetterResponse> {
        unused()
    }
}

#[tonic::async_trait]
impl StateStoreService for Store {
    async fn put_state(&self, request: Request<PutStateRequest>) -> Answer<PutStateResponse> {
        let mut kept = self.kept()?;
        for entry in request.into_inner().entries {
            kept.state
                .insert((entry.objective_id.clone(), entry.key.clone()), entry);
        }
        Ok(Response::new(PutStateResponse {}))
    }

    async fn get_state(&self, request: Request<GetStateRequest>) -> Answer<GetStateResponse> {
        let GetStateRequest { objective_id, keys } = request.into_inner();
        let kept = self.kept()?;
        let looked_up = keys.len() as u32;
        let found = keys
            .into_iter()
            .filter_map(|key| kept.state.get(&(objective_id.clone(), key)).cloned());
        Ok(Response::new(GetStateResponse {
            entries: found.collect(),
            looked_up,
        }))
    }
}

#[tonic::async_trait]
impl LedgerStoreService for Store {
    async fn put_violations(&self, _: Request<PutViolationsRequest>) -> Answer<PutViolationsResponse> {
        unused()
    }

    async fn list_stored_violations(
        &self,
        _: Request<ListStoredViolationsRequest>,
    ) -> Answer<ListStoredViolationsResponse> {
        unused()
    }

    async fn read_ledger_changes(&self, _: Request<ReadLedgerChangesRequest>) -> Answer<ReadLedgerChangesResponse> {
        unused()
    }

    async fn put_forecasts(&self, _: Request<PutForecastsRequest>) -> Answer<PutForecastsResponse> {
        unused()
    }

    async fn score_forecasts(&self, _: Request<ScoreForecastsRequest>) -> Answer<ScoreForecastsResponse> {
        unused()
    }

    async fn list_forecasts(&self, _: Request<ListForecastsRequest>) -> Answer<ListForecastsResponse> {
        unused()
    }
}
