//! `RunStoreService`.

use sla_proto::storage::v1::run_store_service_server::RunStoreService;
use sla_proto::storage::v1::{
    CreateRunRequest, CreateRunResponse, GetStoredRunRequest, GetStoredRunResponse, GetStoredScheduleRequest,
    GetStoredScheduleResponse, ListStoredRunsRequest, ListStoredRunsResponse, PutStoredScheduleRequest,
    PutStoredScheduleResponse, RunProgress, UpdateRunRequest, UpdateRunResponse,
};
use tonic::{Request, Response, Status};

use super::{StorageGrpc, missing, token, wanted};
use crate::port::Store;

#[tonic::async_trait]
impl<S> RunStoreService for StorageGrpc<S>
where
    S: Store + Clone,
{
    async fn create_run(&self, request: Request<CreateRunRequest>) -> Result<Response<CreateRunResponse>, Status> {
        let CreateRunRequest { request_id, run } = request.into_inner();
        let run = run.ok_or_else(|| missing("run"))?;
        let (run, existed) = self.store.create_run(&request_id, run).await?;
        Ok(Response::new(CreateRunResponse {
            run: Some(run),
            existed,
        }))
    }

    async fn update_run(&self, request: Request<UpdateRunRequest>) -> Result<Response<UpdateRunResponse>, Status> {
        let run = request.into_inner().run.ok_or_else(|| missing("run"))?;
        self.store.update_run(run).await?;
        Ok(Response::new(UpdateRunResponse {}))
    }

    async fn get_stored_run(
        &self,
        request: Request<GetStoredRunRequest>,
    ) -> Result<Response<GetStoredRunResponse>, Status> {
        let id = request.into_inner().id;
        let run = self.store.run(&id).await?;
        let progress = self.store.progress(&id).await?;
        Ok(Response::new(GetStoredRunResponse {
            run: Some(run),
            progress: progress.map(|progress| RunProgress {
                done: progress.done,
                failed: progress.failed,
                expected: progress.expected,
                complete: progress.is_complete(),
                samples_read: progress.read.map(|read| read.samples),
                bytes_read: progress.read.map(|read| read.bytes),
            }),
        }))
    }

    async fn list_stored_runs(
        &self,
        request: Request<ListStoredRunsRequest>,
    ) -> Result<Response<ListStoredRunsResponse>, Status> {
        let ListStoredRunsRequest {
            page_size,
            page_token,
            unfinished_only,
        } = request.into_inner();
        let filter = format!("runs/{unfinished_only}");
        let page = wanted(page_size, &page_token, &filter)?;
        let found = self.store.list_runs(unfinished_only, page).await?;
        Ok(Response::new(ListStoredRunsResponse {
            runs: found.rows,
            next_page_token: token(found.next, &filter),
        }))
    }

    async fn get_stored_schedule(
        &self,
        _request: Request<GetStoredScheduleRequest>,
    ) -> Result<Response<GetStoredScheduleResponse>, Status> {
        let schedule = self.store.schedule().await?;
        Ok(Response::new(GetStoredScheduleResponse { schedule }))
    }

    async fn put_stored_schedule(
        &self,
        request: Request<PutStoredScheduleRequest>,
    ) -> Result<Response<PutStoredScheduleResponse>, Status> {
        let PutStoredScheduleRequest { schedule, author } = request.into_inner();
        let schedule = schedule.ok_or_else(|| missing("schedule"))?;
        self.store.put_schedule(schedule, &author).await?;
        Ok(Response::new(PutStoredScheduleResponse {}))
    }
}
