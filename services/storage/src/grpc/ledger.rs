//! `LedgerStoreService`.

use std::fmt::Write as _;

use sla_proto::convert;
use sla_proto::storage::v1::ledger_store_service_server::LedgerStoreService;
use sla_proto::storage::v1::{
    ListForecastsRequest, ListForecastsResponse, ListStoredViolationsRequest, ListStoredViolationsResponse,
    PutForecastsRequest, PutForecastsResponse, PutViolationsRequest, PutViolationsResponse, ReadLedgerChangesRequest,
    ReadLedgerChangesResponse, ScoreForecastsRequest, ScoreForecastsResponse,
};
use sla_runtime::page;
use tonic::{Request, Response, Status};

use super::{StorageGrpc, token, wanted};
use crate::port::{ChangeLimits, Fence, ForecastFilter, MAX_PAGE_BYTES, Store, ViolationFilter};

/// A request without its page, as text: what its tokens are bound to.
fn filter_of(list: &str, request: &impl prost::Message) -> String {
    let mut text = format!("{list}/");
    for byte in request.encode_to_vec() {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[tonic::async_trait]
impl<S> LedgerStoreService for StorageGrpc<S>
where
    S: Store + Clone,
{
    async fn put_violations(
        &self,
        request: Request<PutViolationsRequest>,
    ) -> Result<Response<PutViolationsResponse>, Status> {
        let PutViolationsRequest { violations, fence } = request.into_inner();
        let written = self.store.put_violations(Fence(fence), violations).await?;
        Ok(Response::new(PutViolationsResponse {
            inserted: written.inserted,
            updated: written.updated,
        }))
    }

    async fn list_stored_violations(
        &self,
        request: Request<ListStoredViolationsRequest>,
    ) -> Result<Response<ListStoredViolationsResponse>, Status> {
        let request = request.into_inner();
        let bound_to = ListStoredViolationsRequest {
            page_size: 0,
            page_token: String::new(),
            ..request.clone()
        };
        let bound_to = filter_of("violations", &bound_to);
        let page = wanted(request.page_size, &request.page_token, &bound_to)?;
        let filter = ViolationFilter {
            set_id: request.set_id,
            objective_id: request.objective_id,
            series: request.series_id,
            after_ms: request.after.as_ref().map(convert::millis),
            until_ms: request.until.as_ref().map(convert::millis),
            open_only: request.open_only,
            with_retired: request.with_retired,
        };
        let found = self.store.list_violations(&filter, page).await?;
        Ok(Response::new(ListStoredViolationsResponse {
            violations: found.rows,
            next_page_token: token(found.next, &bound_to),
        }))
    }

    async fn read_ledger_changes(
        &self,
        request: Request<ReadLedgerChangesRequest>,
    ) -> Result<Response<ReadLedgerChangesResponse>, Status> {
        let ReadLedgerChangesRequest {
            after,
            max_changes,
            max_bytes,
        } = request.into_inner();
        let bytes = match max_bytes {
            0 => MAX_PAGE_BYTES,
            bytes => usize::try_from(bytes).map_or(MAX_PAGE_BYTES, |bytes| bytes.min(MAX_PAGE_BYTES)),
        };
        let limits = ChangeLimits {
            count: page::size(max_changes),
            bytes,
        };
        let (changes, newest) = self.store.changes(after, limits).await?;
        Ok(Response::new(ReadLedgerChangesResponse { changes, newest }))
    }

    async fn put_forecasts(
        &self,
        request: Request<PutForecastsRequest>,
    ) -> Result<Response<PutForecastsResponse>, Status> {
        let PutForecastsRequest { forecasts, fence } = request.into_inner();
        let inserted = self.store.put_forecasts(Fence(fence), forecasts).await?;
        Ok(Response::new(PutForecastsResponse { inserted }))
    }

    async fn score_forecasts(
        &self,
        request: Request<ScoreForecastsRequest>,
    ) -> Result<Response<ScoreForecastsResponse>, Status> {
        let ScoreForecastsRequest { forecasts, fence } = request.into_inner();
        let updated = self.store.score_forecasts(Fence(fence), forecasts).await?;
        Ok(Response::new(ScoreForecastsResponse { updated }))
    }

    async fn list_forecasts(
        &self,
        request: Request<ListForecastsRequest>,
    ) -> Result<Response<ListForecastsResponse>, Status> {
        let request = request.into_inner();
        let bound_to = ListForecastsRequest {
            page_size: 0,
            page_token: String::new(),
            ..request.clone()
        };
        let bound_to = filter_of("forecasts", &bound_to);
        let page = wanted(request.page_size, &request.page_token, &bound_to)?;
        let filter = ForecastFilter {
            objective_id: request.objective_id,
            series: request.series_id,
            due_before_ms: request.due_before.as_ref().map(convert::millis),
            scored_only: request.scored_only,
        };
        let found = self.store.list_forecasts(&filter, page).await?;
        Ok(Response::new(ListForecastsResponse {
            forecasts: found.rows,
            next_page_token: token(found.next, &bound_to),
        }))
    }
}
