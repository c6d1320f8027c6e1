//! The real wire: calls on a peer.

use std::future::Future;
use std::time::Duration;

use futures::StreamExt as _;
use futures::stream::BoxStream;
use sla_proto::Peer;
use sla_proto::etl::v1 as etl;
use sla_proto::server::v1::GetServerInfoRequest;
use sla_proto::set::v1::ListSetsRequest;
use sla_proto::violation::v1::{EvaluateNowRequest, WatchViolationsRequest, WatchViolationsResponse};
use tonic::{Response, Status};

use super::{Wire, problem};
use crate::app::request::{Problem, Reply, Request};

/// Runs listed.
const RUNS_LISTED: u32 = 100;

/// A peer.
#[derive(Debug, Clone)]
pub(crate) struct PeerWire(pub(crate) Peer);

/// A message with the deadline that the server is told.
fn timed<T>(message: T, deadline: Duration) -> tonic::Request<T> {
    let mut request = tonic::Request::new(message);
    request.set_timeout(deadline);
    request
}

async fn answer<T>(
    call: impl Future<Output = Result<Response<T>, Status>>,
    into: impl FnOnce(T) -> Reply,
) -> Result<Reply, Problem> {
    match call.await {
        Ok(response) => Ok(into(response.into_inner())),
        Err(status) => Err(problem::of_status(&status)),
    }
}

impl Wire for PeerWire {
    async fn call(&self, request: Request) -> Result<Reply, Problem> {
        let peer = &self.0;
        let limit = Duration::from_millis(request.deadline_ms());
        let no_set = || Problem::plain("the instance answered without a set");
        match request {
            Request::Server => {
                answer(
                    peer.server().get_server_info(timed(GetServerInfoRequest {}, limit)),
                    |r| Reply::Server(Box::new(r)),
                )
                .await
            }
            Request::Names(m) => answer(peer.source().list_metric_names(timed(m, limit)), Reply::Names).await,
            Request::Rows(m) => answer(peer.retrieval().list_series_rows(timed(m, limit)), Reply::Rows).await,
            Request::Detail(m) => {
                answer(peer.retrieval().get_series_detail(timed(m, limit)), |r| {
                    Reply::Detail(Box::new(r))
                })
                .await
            }
            Request::Chart(m) => {
                answer(peer.retrieval().get_chart(timed(m, limit)), |r| {
                    Reply::Chart(Box::new(r))
                })
                .await
            }
            Request::Export(m) => answer(peer.retrieval().export_samples(timed(m, limit)), Reply::Export).await,
            Request::Sets => answer(peer.sets().list_sets(timed(ListSetsRequest {}, limit)), Reply::Sets).await,
            Request::CreateSet(m) => {
                let response = peer
                    .sets()
                    .create_set(timed(m, limit))
                    .await
                    .map_err(|s| problem::of_status(&s))?;
                response
                    .into_inner()
                    .set
                    .map(|set| Reply::SetSaved(Box::new(set)))
                    .ok_or_else(no_set)
            }
            Request::UpdateSet(m) => {
                let response = peer
                    .sets()
                    .update_set(timed(m, limit))
                    .await
                    .map_err(|s| problem::of_status(&s))?;
                response
                    .into_inner()
                    .set
                    .map(|set| Reply::SetSaved(Box::new(set)))
                    .ok_or_else(no_set)
            }
            Request::DuplicateSet(m) => {
                let response = peer
                    .sets()
                    .duplicate_set(timed(m, limit))
                    .await
                    .map_err(|s| problem::of_status(&s))?;
                response
                    .into_inner()
                    .set
                    .map(|set| Reply::SetSaved(Box::new(set)))
                    .ok_or_else(no_set)
            }
            Request::DeleteSet(m) => answer(peer.sets().delete_set(timed(m, limit)), |_| Reply::SetDeleted).await,
            Request::Suggest(m) => answer(peer.sets().suggest_range(timed(m, limit)), Reply::Suggest).await,
            Request::CheckQuery(m) => answer(peer.source().check_query(timed(m, limit)), Reply::CheckQuery).await,
            Request::Evaluate(m) => answer(peer.violations().evaluate(timed(m, limit)), Reply::Evaluate).await,
            Request::EvaluateNow => {
                answer(
                    peer.violations().evaluate_now(timed(EvaluateNowRequest {}, limit)),
                    Reply::EvaluateNow,
                )
                .await
            }
            Request::Ledger(m) => answer(peer.violations().list_violations(timed(m, limit)), Reply::Ledger).await,
            Request::Future(m) => {
                answer(peer.violations().list_future_violations(timed(m, limit)), Reply::Future).await
            }
            Request::Runs => {
                let message = etl::ListRunsRequest {
                    page_size: RUNS_LISTED,
                    page_token: String::new(),
                };
                answer(peer.runs().list_runs(timed(message, limit)), Reply::Runs).await
            }
            Request::RunFailures(m) => {
                answer(peer.results().list_run_results(timed(m, limit)), Reply::RunFailures).await
            }
            Request::DeadLetters(m) => {
                answer(peer.results().list_dead_letters(timed(m, limit)), Reply::DeadLetters).await
            }
            Request::ReplayLetter(m) => {
                answer(peer.results().replay_dead_letter(timed(m, limit)), Reply::Replayed).await
            }
            Request::RunLog(m) => answer(peer.runs().tail_log(timed(m, limit)), Reply::RunLog).await,
            Request::Estimate(m) => answer(peer.runs().estimate_run(timed(m, limit)), Reply::Estimate).await,
            Request::StartRun(m) => {
                answer(peer.runs().start_run(timed(m, limit)), |r| {
                    Reply::RunStarted(Box::new(r))
                })
                .await
            }
            Request::CancelRun(m) => {
                answer(peer.runs().cancel_run(timed(m, limit)), |r| {
                    Reply::RunCancelled(Box::new(r))
                })
                .await
            }
            Request::Schedule => {
                let call = async {
                    peer.schedule()
                        .get_schedule(timed(etl::GetScheduleRequest {}, limit))
                        .await
                };
                answer(call, |r| Reply::Schedule(r.schedule.unwrap_or_default())).await
            }
            Request::UpdateSchedule(m) => {
                let call = async { peer.schedule().update_schedule(timed(m, limit)).await };
                answer(call, |r| Reply::Schedule(r.schedule.unwrap_or_default())).await
            }
            Request::RetrySource => {
                let call = async {
                    peer.source()
                        .retry_source(timed(etl::RetrySourceRequest {}, limit))
                        .await
                };
                answer(call, |r| Reply::Source(Box::new(r.status.unwrap_or_default()))).await
            }
        }
    }

    async fn watch(&self) -> Result<BoxStream<'static, Result<WatchViolationsResponse, Problem>>, Problem> {
        let request = WatchViolationsRequest { set: String::new() };
        let stream = self
            .0
            .violations()
            .watch_violations(request)
            .await
            .map_err(|s| problem::of_status(&s))?;
        Ok(stream
            .into_inner()
            .map(|item| item.map_err(|s| problem::of_status(&s)))
            .boxed())
    }

    async fn watch_run(
        &self,
        run_id: String,
        after_sequence: u64,
    ) -> Result<BoxStream<'static, Result<etl::WatchRunResponse, Problem>>, Problem> {
        let request = etl::WatchRunRequest { run_id, after_sequence };
        let stream = self
            .0
            .runs()
            .watch_run(request)
            .await
            .map_err(|s| problem::of_status(&s))?;
        Ok(stream
            .into_inner()
            .map(|item| item.map_err(|s| problem::of_status(&s)))
            .boxed())
    }
}
