//! The gRPC surface of the role.

mod moved;
mod rows;
mod series;
mod sifting;
mod stored;

use sla_domain::SafeText;
use sla_proto::convert;
use sla_proto::etl::v1::ReadSamplesRequest;
use sla_proto::retrieval::v1::retrieval_service_server::RetrievalService;
use sla_proto::retrieval::v1::{
    ExportSamplesRequest, ExportSamplesResponse, GetChartRequest, GetChartResponse, GetSeriesDetailRequest,
    GetSeriesDetailResponse, GetSeriesHistoryRequest, GetSeriesHistoryResponse, ListMovedRequest, ListMovedResponse,
    ListSeriesRowsRequest, ListSeriesRowsResponse, ListStoredRowsRequest, ListStoredRowsResponse,
};
use sla_proto::series::v1::Query;
use sla_proto::storage::v1::ReadLatestResultsRequest;
use sla_runtime::status::Problem;
use tonic::{Request, Response, Status};

use crate::error::RetrievalError;
use crate::samples::Reading;
use crate::service::Core;
use crate::sources::sources_of;

impl Core {
    /// The instant of a request; where none is given, the present of the first of the sources that these queries ask.
    async fn instant_ms(&self, at: Option<&prost_types::Timestamp>, queries: &[Query]) -> i64 {
        if let Some(at) = at {
            return convert::millis(at);
        }
        let sources = self.sources_now(&sources_of(queries)).await;
        let noticed = sources.first().filter(|source| !source.clock_notice.is_empty());
        self.clock.now_ms() + noticed.and_then(|source| source.clock_offset_ms).unwrap_or(0)
    }

    /// The samples of these queries in (`after_ms`, `until_ms`].
    pub(crate) async fn read(
        &self,
        queries: Vec<Query>,
        after_ms: i64,
        until_ms: i64,
        long_view: bool,
    ) -> Result<Reading, RetrievalError> {
        let request = samples_request(queries, after_ms, until_ms, long_view);
        crate::samples::read(&self.peer, request, self.options.read_timeout).await
    }

    /// The newest stored results of these series.
    async fn latest(&self, ids: Vec<Vec<u8>>) -> Result<Vec<sla_proto::storage::v1::LatestResult>, RetrievalError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let answer = self
            .peer
            .results()
            .read_latest_results(ReadLatestResultsRequest { series_ids: ids })
            .await
            .map_err(RetrievalError::upstream("read stored results"))?;
        Ok(answer.into_inner().results)
    }
}

fn samples_request(queries: Vec<Query>, after_ms: i64, until_ms: i64, long_view: bool) -> ReadSamplesRequest {
    ReadSamplesRequest {
        queries,
        after: Some(convert::timestamp(after_ms)),
        until: Some(convert::timestamp(until_ms)),
        max_series: 0,
        cached_only: false,
        long_view,
    }
}

/// Answers a screen, and logs, once, what is not the caller's doing.
fn answered<T>(rpc: &'static str, answer: Result<T, RetrievalError>) -> Result<Response<T>, Status> {
    match answer {
        Ok(answer) => Ok(Response::new(answer)),
        Err(error) => {
            let status = Status::from(error.clone());
            let chain = SafeText::new(&sla_runtime::status::chain(&error));
            if status.code() == tonic::Code::Internal {
                tracing::warn!(rpc, error = %chain, "failed");
            } else {
                tracing::debug!(rpc, code = ?status.code(), error = %chain, "refused");
            }
            Err(status)
        }
    }
}

/// A page token that is none of ours.
fn bad_page_token(problem: Problem) -> RetrievalError {
    RetrievalError::Upstream {
        doing: "page",
        cause: std::sync::Arc::new(problem.status()),
    }
}

#[tonic::async_trait]
impl RetrievalService for Core {
    async fn list_series_rows(
        &self,
        request: Request<ListSeriesRowsRequest>,
    ) -> Result<Response<ListSeriesRowsResponse>, Status> {
        let answer = self.rows(request.into_inner()).await;
        answered("ListSeriesRows", answer)
    }

    async fn get_series_detail(
        &self,
        request: Request<GetSeriesDetailRequest>,
    ) -> Result<Response<GetSeriesDetailResponse>, Status> {
        let answer = self.detail(request.into_inner()).await;
        answered("GetSeriesDetail", answer)
    }

    async fn get_chart(&self, request: Request<GetChartRequest>) -> Result<Response<GetChartResponse>, Status> {
        let answer = self.chart(request.into_inner()).await;
        answered("GetChart", answer)
    }

    async fn list_moved(&self, request: Request<ListMovedRequest>) -> Result<Response<ListMovedResponse>, Status> {
        let answer = self.moved(request.into_inner()).await;
        answered("ListMoved", answer)
    }

    async fn export_samples(
        &self,
        request: Request<ExportSamplesRequest>,
    ) -> Result<Response<ExportSamplesResponse>, Status> {
        let answer = self.export(request.into_inner()).await;
        answered("ExportSamples", answer)
    }

    async fn list_stored_rows(
        &self,
        request: Request<ListStoredRowsRequest>,
    ) -> Result<Response<ListStoredRowsResponse>, Status> {
        let answer = self.stored_rows(request.into_inner()).await;
        answered("ListStoredRows", answer)
    }

    async fn get_series_history(
        &self,
        request: Request<GetSeriesHistoryRequest>,
    ) -> Result<Response<GetSeriesHistoryResponse>, Status> {
        let answer = self.history(request.into_inner()).await;
        answered("GetSeriesHistory", answer)
    }
}
