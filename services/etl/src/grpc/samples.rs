//! `SampleService`.

use sla_domain::SafeText;
use sla_proto::etl::v1::sample_service_server::SampleService;
use sla_proto::etl::v1::{
    QueryFailure, ReadSamplesRequest, ReadSamplesResponse, ReadSummary, SeriesSamples, read_samples_response::Part,
};
use tonic::{Request, Response, Status};

use super::outlet::{Answers, Closed, Outlet, outlet};
use super::refused;
use crate::error::{EtlError, source_reason};
use crate::options::MAX_QUERIES;
use crate::query::SourcedQuery;
use crate::samples::{ReadPlan, SampleReading};
use crate::service::Core;
use crate::sources::WidePlan;

impl Core {
    fn read_plan(&self, request: &ReadSamplesRequest) -> Result<WidePlan, EtlError> {
        if request.queries.len() > MAX_QUERIES {
            return Err(EtlError::invalid(
                "queries",
                &request.queries.len().to_string(),
                format!("has more than {MAX_QUERIES} entries"),
                "ask in several requests",
            ));
        }
        let queries = request.queries.iter().enumerate();
        let queries = queries
            .map(|(at, query)| SourcedQuery::parse(&format!("queries[{at}]"), query))
            .collect::<Result<_, _>>()?;
        let until_ms = self.instant_ms(request.until.as_ref());
        let default_after_ms = until_ms - self.options.longest_window_ms();
        let after_ms = request
            .after
            .as_ref()
            .map_or(default_after_ms, sla_proto::convert::millis);
        let longest_ms = if request.long_view {
            self.options.long_view_ms
        } else {
            MAX_RANGE_MS
        };
        if after_ms >= until_ms || until_ms.saturating_sub(after_ms) > longest_ms {
            return Err(EtlError::invalid(
                "after",
                &sla_domain::instant::format_ms(after_ms),
                format!(
                    "must lie before `until` ({}), by at most {}",
                    sla_domain::instant::format_ms(until_ms),
                    sla_domain::duration::format_ms(longest_ms)
                ),
                "give a shorter range; long_view covers days",
            ));
        }
        let limit = self.options.max_series;
        let max_series = if request.max_series == 0 {
            limit
        } else {
            (request.max_series as usize).min(limit)
        };
        let frame = ReadPlan {
            queries: Vec::new(),
            after_ms,
            until_ms,
            max_series,
            cached_only: request.cached_only,
            long_view: request.long_view,
        };
        Ok(WidePlan { queries, frame })
    }
}

/// Longest range of raw samples of one read, milliseconds (2 d).
const MAX_RANGE_MS: i64 = 2 * 86_400_000;

#[tonic::async_trait]
impl SampleService for Core {
    type ReadSamplesStream = Answers<ReadSamplesResponse>;

    async fn read_samples(
        &self,
        request: Request<ReadSamplesRequest>,
    ) -> Result<Response<Self::ReadSamplesStream>, Status> {
        let read = async {
            let plan = self.read_plan(request.get_ref())?;
            self.sources.read(&plan, &self.call()).await
        };
        let reading = read.await.map_err(|error| refused("ReadSamples", &error))?;
        self.metrics.sample_streams.inc();
        let (out, stream) = outlet(self.shutdown.token(), &self.metrics);
        self.shutdown.spawn("etl samples", async move {
            // A reader that went away needs no more.
            let _ = send(reading, &out).await;
        });
        Ok(Response::new(stream))
    }
}

async fn send(reading: SampleReading, out: &Outlet<ReadSamplesResponse>) -> Result<(), Closed> {
    let samples = reading.sample_count();
    let mut failures: Vec<QueryFailure> = reading
        .problems
        .iter()
        .map(|problem| QueryFailure {
            query_index: problem.query_index as u32,
            reason: source_reason(&problem.error).to_owned(),
            message: SafeText::new(&problem.error.to_string()).into_string(),
        })
        .collect();
    failures.extend(reading.failed.iter().map(|failed| QueryFailure {
        query_index: failed.query_index as u32,
        reason: source_reason(&failed.error).to_owned(),
        message: SafeText::new(&format!("{}: {}", failed.labels, failed.error)).into_string(),
    }));
    let summary = ReadSummary {
        status: Some(reading.status),
        series: reading.series.len() as u32,
        samples,
        bytes_read: reading.bytes_read,
        read_ms: reading.read_ms,
        failures,
        sources: reading.statuses,
    };
    for one in reading.series {
        let series = SeriesSamples {
            series: Some(one.series),
            query_index: one.query_index as u32,
            spacing_ms: one.spacing_ms,
            chunks: one.chunks,
        };
        out.send(ReadSamplesResponse {
            part: Some(Part::Series(series)),
        })
        .await?;
    }
    out.send(ReadSamplesResponse {
        part: Some(Part::Summary(summary)),
    })
    .await
}
