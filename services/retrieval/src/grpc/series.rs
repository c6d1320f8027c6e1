//! One series: everything about it, its chart, its samples.

use sla_domain::duration::format_ms;
use sla_domain::{SafeText, Selector, SeriesId, counter, instant};
use sla_proto::convert;
use sla_proto::etl::v1::AnalyzeSeriesRequest;
use sla_proto::retrieval::v1::{
    ExportSamplesRequest, ExportSamplesResponse, GetChartRequest, GetChartResponse, GetSeriesDetailRequest,
    GetSeriesDetailResponse,
};
use sla_proto::series::v1::{Query, Series};

use crate::columns::{columns, medians};
use crate::error::RetrievalError;
use crate::figures;
use crate::options::{
    DEFAULT_CHART_COLUMNS, DEFAULT_WINDOW_MS, MAX_CHART_COLUMNS, MAX_CHART_RANGE_MS, MAX_EXPORTED_SAMPLES,
    MAX_RAW_RANGE_MS, RATE_LOOK_BACK_MS,
};
use crate::samples::{ReadSeries, Reading, each};
use crate::service::Core;
use crate::sources::face;
use crate::stored;

/// The range of a screen, (after, until].
async fn range(
    core: &Core,
    queries: &[Query],
    after: Option<&prost_types::Timestamp>,
    until: Option<&prost_types::Timestamp>,
    longest_ms: i64,
) -> Result<(i64, i64), RetrievalError> {
    let until_ms = core.instant_ms(until, queries).await;
    let after_ms = after.map_or(until_ms.saturating_sub(DEFAULT_WINDOW_MS), convert::millis);
    check_range(after_ms, until_ms, longest_ms)
}

fn check_range(after_ms: i64, until_ms: i64, longest_ms: i64) -> Result<(i64, i64), RetrievalError> {
    if after_ms < until_ms && until_ms.saturating_sub(after_ms) <= longest_ms {
        return Ok((after_ms, until_ms));
    }
    Err(RetrievalError::invalid(
        "after",
        &instant::format_ms(after_ms),
        format!(
            "must lie before `until` ({}), by at most {}",
            instant::format_ms(until_ms),
            format_ms(longest_ms)
        ),
        "give an earlier or later start",
    ))
}

/// The series asked for: by id, else the first.
fn pick(reading: &mut Reading, id: &[u8], query: &Query) -> Result<ReadSeries, RetrievalError> {
    let at = if id.is_empty() {
        (!reading.series.is_empty()).then_some(0)
    } else {
        reading.series.iter().position(|one| one.id.0 == id)
    };
    let name = || match SeriesId::from_slice(id) {
        Some(id) => SafeText::new(&id.to_hex()),
        None => SafeText::with_limit(convert::query_text(query), 120),
    };
    at.map(|at| reading.series.swap_remove(at))
        .ok_or_else(|| match reading.failures.first() {
            // Away is not the same as not there.
            Some(failure) => RetrievalError::away(failure, &reading.source),
            None => RetrievalError::NoSeries { name: name() },
        })
}

/// The query that draws this series, as PromQL to copy.
fn promql(series: &Series, rate_over_ms: Option<i64>) -> String {
    let plain = if series.expression.is_empty() {
        let labels = convert::labels(series);
        Selector::of_labels(&labels).map_or_else(|| labels.to_string(), |selector| selector.text().to_owned())
    } else {
        series.expression.clone()
    };
    match rate_over_ms {
        Some(over_ms) if series.expression.is_empty() => format!("rate({plain}[{}])", format_ms(over_ms)),
        Some(over_ms) => format!("rate(({plain})[{}:])", format_ms(over_ms)),
        None => plain,
    }
}

impl Core {
    pub(super) async fn detail(
        &self,
        request: GetSeriesDetailRequest,
    ) -> Result<GetSeriesDetailResponse, RetrievalError> {
        let at_ms = self.instant_ms(request.at.as_ref(), request.query.as_slice()).await;
        let query = request.query.clone().unwrap_or_default();
        let analyse = AnalyzeSeriesRequest {
            query: request.query,
            at: Some(convert::timestamp(at_ms)),
            series_id: request.series_id.clone(),
            ..AnalyzeSeriesRequest::default()
        };
        let upstream = RetrievalError::upstream("analyse the series");
        let first = async {
            let mut stream = self.peer.analysis().analyze_series(analyse).await?.into_inner();
            // The first series is enough; dropping the stream ends the rest.
            stream.message().await
        };
        let answer = match tokio::time::timeout(self.options.read_timeout, first).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(status)) => return self.detail_of_stored(&query, &request.series_id, status).await,
            Err(_) => {
                return Err(upstream(
                    sla_runtime::status::Problem::new(
                        tonic::Code::DeadlineExceeded,
                        sla_runtime::status::reason::TOO_SLOW,
                        format!("no analysis within {} ms", self.options.read_timeout.as_millis()),
                    )
                    .hint("try again; the samples are in memory by then")
                    .status(),
                ));
            }
        };
        let Some(answer) = answer else {
            return Err(RetrievalError::NoSeries {
                name: SafeText::with_limit(convert::query_text(&query), 120),
            });
        };
        let id = answer
            .result
            .as_ref()
            .and_then(|result| result.series.as_ref())
            .map(|series| series.id.clone());
        let stored = match self.latest(id.into_iter().collect()).await {
            Ok(latest) => latest.into_iter().next().and_then(|latest| latest.result),
            Err(error) => {
                // What was computed now is worth showing without it.
                tracing::debug!(%error, "no stored result");
                None
            }
        };
        Ok(GetSeriesDetailResponse {
            result: answer.result,
            stored,
            source: answer.source,
        })
    }

    /// What is stored about a series that cannot be analysed now because its source is away; else the refusal itself.
    async fn detail_of_stored(
        &self,
        query: &Query,
        series_id: &[u8],
        status: tonic::Status,
    ) -> Result<GetSeriesDetailResponse, RetrievalError> {
        let refusal = || RetrievalError::upstream("analyse the series")(status.clone());
        if status.code() != tonic::Code::Unavailable {
            return Err(refusal());
        }
        let known = stored::series(&self.peer, &stored::Wanted::of(std::slice::from_ref(query), "")?).await?;
        let meant = |one: &&stored::KnownSeries| series_id.is_empty() || one.id.0 == series_id;
        let Some(id) = known.iter().find(meant).map(|one| one.id) else {
            return Err(refusal());
        };
        let latest = stored::latest(&self.peer, [id]).await?.remove(&id);
        let result = latest.and_then(|latest| latest.result).ok_or_else(refusal)?;
        Ok(GetSeriesDetailResponse {
            result: Some(result.clone()),
            stored: Some(result),
            source: Some(face(&self.sources_now(&[query.source.as_str()]).await)),
        })
    }

    pub(super) async fn chart(&self, request: GetChartRequest) -> Result<GetChartResponse, RetrievalError> {
        let (after, until) = (request.after.as_ref(), request.until.as_ref());
        let (after_ms, until_ms) = range(self, request.query.as_slice(), after, until, MAX_CHART_RANGE_MS).await?;
        let count = match request.columns as usize {
            0 => DEFAULT_CHART_COLUMNS,
            asked => asked.min(MAX_CHART_COLUMNS),
        };
        let mode = request.counter_mode();
        let query = request.query.unwrap_or_default();
        let long_view = until_ms - after_ms > MAX_RAW_RANGE_MS;
        let look_back_ms = if long_view { 0 } else { RATE_LOOK_BACK_MS };
        let mut reading = self
            .read(vec![query.clone()], after_ms - look_back_ms, until_ms, long_view)
            .await?;
        let one = pick(&mut reading, &request.series_id, &query)?;
        let rate = figures::is_rate(one.series.kind(), mode);
        let (series, spacing_ms) = (one.series.clone(), one.spacing_ms);
        let drawn = each(&self.pool, vec![one], move |one| {
            let drawn = figures::drawn(one.samples()?, one.spacing_ms, rate);
            let samples = drawn.between(after_ms, until_ms).0.len() as u64;
            let mut shown = columns(&drawn, after_ms, until_ms, count);
            medians(&drawn, after_ms, until_ms, &mut shown);
            Ok::<_, RetrievalError>((shown, samples))
        })
        .await?;
        let (columns, samples) = drawn.into_iter().next().transpose()?.unwrap_or_default();
        Ok(GetChartResponse {
            promql: promql(&series, rate.then(|| counter::rate_over_ms(None, spacing_ms))),
            series: Some(series),
            columns,
            after: Some(convert::timestamp(after_ms)),
            until: Some(convert::timestamp(until_ms)),
            rate,
            spacing_ms,
            source: Some(reading.source),
            samples,
        })
    }

    pub(super) async fn export(&self, request: ExportSamplesRequest) -> Result<ExportSamplesResponse, RetrievalError> {
        let (after, until) = (request.after.as_ref(), request.until.as_ref());
        let (after_ms, until_ms) = range(self, request.query.as_slice(), after, until, MAX_RAW_RANGE_MS).await?;
        let query = request.query.unwrap_or_default();
        let mut reading = self.read(vec![query.clone()], after_ms, until_ms, false).await?;
        let one = pick(&mut reading, &request.series_id, &query)?;
        let series = one.series.clone();
        let cut = each(&self.pool, vec![one], move |one| {
            let samples = one.samples()?;
            let (times, values) = samples.between(after_ms, until_ms);
            let from = times.len().saturating_sub(MAX_EXPORTED_SAMPLES);
            Ok::<_, RetrievalError>((times[from..].to_vec(), values[from..].to_vec(), from > 0))
        })
        .await?;
        let (times_ms, values, truncated) = cut.into_iter().next().transpose()?.unwrap_or_default();
        Ok(ExportSamplesResponse {
            series: Some(series),
            times_ms,
            values,
            truncated,
        })
    }
}

#[cfg(test)]
mod tests {
    use sla_proto::etl::v1::QueryFailure;
    use sla_proto::series::v1::Label;

    use super::*;

    #[test]
    fn a_chart_names_its_query() {
        let label = |name: &str, value: &str| Label {
            name: name.into(),
            value: value.into(),
        };
        let series = Series {
            labels: vec![label("__name__", "x_total"), label("job", "a")],
            ..Series::default()
        };
        assert_eq!(promql(&series, None), "x_total{job=\"a\"}");
        assert_eq!(promql(&series, Some(60_000)), "rate(x_total{job=\"a\"}[1m])");
        let series = Series {
            expression: "sum(up)".into(),
            ..Series::default()
        };
        assert_eq!(promql(&series, None), "sum(up)");
        assert_eq!(promql(&series, Some(60_000)), "rate((sum(up))[1m:])");
    }

    #[test]
    fn ranges_are_checked() {
        assert_eq!(check_range(5, 10, 5).unwrap(), (5, 10));
        assert!(check_range(4, 10, 5).is_err() && check_range(10, 10, 5).is_err());
        assert!(check_range(i64::MIN, i64::MAX, 5).is_err());
    }

    #[test]
    fn away_is_not_the_same_as_not_there() {
        let mut nothing = Reading::default();
        assert!(matches!(
            pick(&mut nothing, &[], &Query::default()),
            Err(RetrievalError::NoSeries { .. })
        ));
        nothing.failures.push(QueryFailure {
            message: "no connection".into(),
            ..QueryFailure::default()
        });
        let error = pick(&mut nothing, &[], &Query::default()).unwrap_err();
        assert_eq!(tonic::Status::from(error).code(), tonic::Code::Unavailable);
    }
}
