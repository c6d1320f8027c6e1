//! `AnalysisService`.

use std::collections::HashMap;
use std::sync::Arc;

use futures::StreamExt as _;
use sla_domain::{Samples, SeriesId};
use sla_proto::convert;
use sla_proto::etl::v1::analysis_service_server::AnalysisService;
use sla_proto::etl::v1::{AnalyzeSeriesRequest, AnalyzeSeriesResponse};
use sla_source::Call;
use tonic::{Request, Response, Status};

use super::outlet::{Answers, outlet};
use super::refused;
use crate::analyst::{DaysOf, step_options, timing};
use crate::error::EtlError;
use crate::query::{ReadQuery, SourcedQuery};
use crate::samples::{LOOK_LIMIT, LongLooks, MOST_AT_ONCE, ReadPlan, SampleReader, SampleReading};
use crate::service::Core;
use crate::steps::{RunStep, StepOptions};

/// Before the longest window, so that the first rates can look back, milliseconds.
const RATE_LOOK_BACK_MS: i64 = 600_000;

struct Wish {
    reader: SampleReader,
    query: ReadQuery,
    at_ms: i64,
    only: Option<SeriesId>,
    options: StepOptions,
}

impl Core {
    fn wish(&self, request: &AnalyzeSeriesRequest) -> Result<Wish, EtlError> {
        let SourcedQuery { source, query } = SourcedQuery::parse("query", &request.query.clone().unwrap_or_default())?;
        let reader = self.sources.named(&source)?.reader.clone();
        let only = if request.series_id.is_empty() {
            None
        } else {
            let refused = || EtlError::invalid("series_id", "", "must have 16 bytes", "take the id of a listed series");
            Some(SeriesId::from_slice(&request.series_id).ok_or_else(refused)?)
        };
        let in_ms = |given: &[prost_types::Duration]| given.iter().map(convert::duration_ms).collect::<Vec<i64>>();
        let (windows_ms, metadata_windows_ms) = (in_ms(&request.windows), in_ms(&request.metadata_windows));
        let options = step_options(&request.steps, &windows_ms, &metadata_windows_ms, &self.options)?;
        Ok(Wish {
            at_ms: request.at.as_ref().map_or_else(|| reader.present_ms(), convert::millis),
            reader,
            query,
            only,
            options,
        })
    }

    async fn read_for(&self, wish: &Wish) -> Result<SampleReading, EtlError> {
        let longest_ms = wish.options.reach_ms();
        let plan = ReadPlan {
            queries: vec![wish.query.clone()],
            after_ms: wish.at_ms.saturating_sub(longest_ms + RATE_LOOK_BACK_MS),
            until_ms: wish.at_ms,
            max_series: self.options.max_series,
            cached_only: false,
            long_view: false,
        };
        let mut reading = wish.reader.read(&plan, &self.call()).await?;
        if let Some(only) = wish.only {
            reading.series.retain(|one| one.id == only);
            if reading.series.is_empty() && reading.problems.is_empty() {
                return Err(EtlError::NotFound {
                    what: "series",
                    name: only.to_hex().into(),
                });
            }
        }
        // Nothing to look at and a reason for it: that is an error, not an empty answer.
        match reading.problems.first() {
            Some(problem) if reading.series.is_empty() => Err(EtlError::Source(problem.error.clone())),
            _ => {
                reading.series.sort_by_cached_key(crate::samples::SeriesReading::labels);
                Ok(reading)
            }
        }
    }
}

impl Core {
    /// What days of 5-min means tell, where metadata are wanted; known for a day, so that a look costs one read.
    async fn look_at_days(&self, wish: &Wish, reading: &SampleReading) -> LongLooks {
        if !wish.options.steps.contains(RunStep::Metadata) {
            return LongLooks::new();
        }
        let call = Call::within(LOOK_LIMIT).cancelled_by(self.shutdown.token().child_token());
        let query = std::slice::from_ref(&wish.query);
        wish.reader.recall_looks(&self.peer, &reading.series).await;
        let looked = wish
            .reader
            .long_looks(query, &reading.series, wish.at_ms, MOST_AT_ONCE, &call)
            .await;
        wish.reader.keep_looks(&self.peer, &looked.read).await;
        looked.looks
    }
}

impl Core {
    /// The 5-min means themselves, where metadata of days are wanted.
    async fn means_of_days(&self, wish: &Wish) -> HashMap<SeriesId, Samples> {
        if !wish.options.needs_days() {
            return HashMap::new();
        }
        let call = Call::within(LOOK_LIMIT).cancelled_by(self.shutdown.token().child_token());
        let query = std::slice::from_ref(&wish.query);
        wish.reader
            .means_of_days(query, wish.at_ms, self.options.max_series, &call)
            .await
    }
}

#[tonic::async_trait]
impl AnalysisService for Core {
    type AnalyzeSeriesStream = Answers<AnalyzeSeriesResponse>;

    async fn analyze_series(
        &self,
        request: Request<AnalyzeSeriesRequest>,
    ) -> Result<Response<Self::AnalyzeSeriesStream>, Status> {
        let read = async {
            let wish = self.wish(request.get_ref())?;
            let reading = self.read_for(&wish).await?;
            let looks = self.look_at_days(&wish, &reading).await;
            let means = self.means_of_days(&wish).await;
            Ok((wish, reading, looks, means))
        };
        let (wish, reading, looks, mut means) = read.await.map_err(|error| refused("AnalyzeSeries", &error))?;
        let (out, stream) = outlet(self.shutdown.token(), &self.metrics);
        let analyst = self.analyst.clone();
        self.shutdown.spawn("etl analysis", async move {
            let source = reading.status;
            let extract = timing("extract", reading.read_ms / reading.series.len().max(1) as f64, 0);
            let options = Arc::new(wish.options);
            let (analyst, at_ms) = (&analyst, wish.at_ms);
            let results = futures::stream::iter(reading.series)
                .map(|one| {
                    let (options, extract) = (options.clone(), extract.clone());
                    let days = DaysOf {
                        look: looks.get(&one.id).cloned(),
                        means: means.remove(&one.id),
                    };
                    async move {
                        match &one.failure {
                            // Last known samples are still worth looking at; the status says how old they are.
                            Some(error) if one.chunks.is_empty() => analyst.unread(one.series, "", at_ms, error),
                            _ => analyst.analyse(one, "", at_ms, vec![extract], days, options).await,
                        }
                    }
                })
                .buffered(analyst.threads());
            let mut results = std::pin::pin!(results);
            loop {
                tokio::select! {
                    () = out.closed() => return,
                    result = results.next() => {
                        let Some(result) = result else { return };
                        let answer = AnalyzeSeriesResponse { result: Some(result), source: Some(source.clone()) };
                        if out.send(answer).await.is_err() {
                            return;
                        }
                    }
                }
            }
        });
        Ok(Response::new(stream))
    }
}
