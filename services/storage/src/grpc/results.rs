//! `ResultStoreService`.

use sla_proto::convert;
use sla_proto::storage::v1::result_store_service_server::ResultStoreService;
use sla_proto::storage::v1::{
    ApplyBatchRequest, ApplyBatchResponse, GetPositionRequest, GetPositionResponse, ListDeadLettersRequest,
    ListDeadLettersResponse, ListResultSeriesRequest, ListResultSeriesResponse, ListRunResultsRequest,
    ListRunResultsResponse, ListSeriesHistoryRequest, ListSeriesHistoryResponse, MovePositionRequest,
    MovePositionResponse, ReadLatestResultsRequest, ReadLatestResultsResponse, ReplayDeadLetterRequest,
    ReplayDeadLetterResponse,
};
use tonic::{Request, Response, Status};

use super::{StorageGrpc, series_ids, token, wanted};
use crate::port::{Batch, RawRecord, Store};

#[tonic::async_trait]
impl<S> ResultStoreService for StorageGrpc<S>
where
    S: Store + Clone,
{
    async fn apply_batch(&self, request: Request<ApplyBatchRequest>) -> Result<Response<ApplyBatchResponse>, Status> {
        let ApplyBatchRequest {
            source,
            partition,
            records,
            after,
        } = request.into_inner();
        let records = records
            .into_iter()
            .map(|record| RawRecord {
                offset: record.offset,
                body: record.body,
            })
            .collect();
        let applied = self
            .store
            .apply(Batch {
                source,
                partition,
                after,
                records,
            })
            .await;
        self.metrics.count(&applied);
        let applied = applied?;
        Ok(Response::new(ApplyBatchResponse {
            inserted: applied.inserted,
            duplicates: applied.duplicates,
            dead_letters: applied.dead_letters,
            next_offset: applied.next_offset,
        }))
    }

    async fn get_position(
        &self,
        request: Request<GetPositionRequest>,
    ) -> Result<Response<GetPositionResponse>, Status> {
        let GetPositionRequest { source, partition } = request.into_inner();
        let next_offset = self.store.position(&source, partition).await?;
        Ok(Response::new(GetPositionResponse { next_offset }))
    }

    async fn move_position(
        &self,
        request: Request<MovePositionRequest>,
    ) -> Result<Response<MovePositionResponse>, Status> {
        let user = sla_runtime::caller::user(request.extensions());
        let MovePositionRequest {
            source,
            partition,
            to,
            back,
        } = request.into_inner();
        let moved = self.store.move_position(&source, partition, to, back).await;
        let from = moved?;
        tracing::warn!(stream = source, partition, from, to, user, "a stream goes on elsewhere");
        Ok(Response::new(MovePositionResponse { from }))
    }

    async fn read_latest_results(
        &self,
        request: Request<ReadLatestResultsRequest>,
    ) -> Result<Response<ReadLatestResultsResponse>, Status> {
        let ids = series_ids(&request.into_inner().series_ids)?;
        let results = self.store.latest(&ids).await?;
        Ok(Response::new(ReadLatestResultsResponse { results }))
    }

    async fn list_result_series(
        &self,
        request: Request<ListResultSeriesRequest>,
    ) -> Result<Response<ListResultSeriesResponse>, Status> {
        let ListResultSeriesRequest { page_size, page_token } = request.into_inner();
        let filter = "result-series";
        let page = wanted(page_size, &page_token, filter)?;
        let found = self.store.result_series(page).await?;
        Ok(Response::new(ListResultSeriesResponse {
            series: found.rows,
            next_page_token: token(found.next, filter),
        }))
    }

    async fn list_series_history(
        &self,
        request: Request<ListSeriesHistoryRequest>,
    ) -> Result<Response<ListSeriesHistoryResponse>, Status> {
        let ListSeriesHistoryRequest {
            series_id,
            after,
            until,
            page_size,
            page_token,
        } = request.into_inner();
        let ids = series_ids(std::slice::from_ref(&series_id))?;
        let after_ms = after.as_ref().map_or(i64::MIN, convert::millis);
        let until_ms = until.as_ref().map_or(i64::MAX, convert::millis);
        let filter = format!("series-history/{}/{after_ms}/{until_ms}", ids[0].to_hex());
        let page = wanted(page_size, &page_token, &filter)?;
        let found = self.store.history(ids[0], after_ms, until_ms, page).await?;
        Ok(Response::new(ListSeriesHistoryResponse {
            results: found.rows,
            next_page_token: token(found.next, &filter),
        }))
    }

    async fn list_run_results(
        &self,
        request: Request<ListRunResultsRequest>,
    ) -> Result<Response<ListRunResultsResponse>, Status> {
        let ListRunResultsRequest {
            run_id,
            page_size,
            page_token,
            failures_only,
        } = request.into_inner();
        let filter = format!("run-results/{failures_only}/{run_id}");
        let page = wanted(page_size, &page_token, &filter)?;
        let found = self.store.run_results(&run_id, failures_only, page).await?;
        Ok(Response::new(ListRunResultsResponse {
            results: found.rows,
            next_page_token: token(found.next, &filter),
        }))
    }

    async fn list_dead_letters(
        &self,
        request: Request<ListDeadLettersRequest>,
    ) -> Result<Response<ListDeadLettersResponse>, Status> {
        let ListDeadLettersRequest { page_size, page_token } = request.into_inner();
        let filter = "dead-letters";
        let page = wanted(page_size, &page_token, filter)?;
        let (found, total) = self.store.dead_letters(page).await?;
        Ok(Response::new(ListDeadLettersResponse {
            letters: found.rows,
            next_page_token: token(found.next, filter),
            total,
        }))
    }

    async fn replay_dead_letter(
        &self,
        request: Request<ReplayDeadLetterRequest>,
    ) -> Result<Response<ReplayDeadLetterResponse>, Status> {
        let replayed = self.store.replay(&request.into_inner().body_hash).await?;
        Ok(Response::new(ReplayDeadLetterResponse {
            applied: replayed.applied,
            reason: replayed.reason,
        }))
    }
}
