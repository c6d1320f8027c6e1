//! What runs have stored, read without asking any source.

use std::collections::HashMap;

use sla_domain::{Labels, Query, SeriesId};
use sla_proto::result::v1::series_result::Outcome;
use sla_proto::result::v1::{Analysis, SeriesResult};
use sla_proto::retrieval::v1::{HistoryEntry, StoredRow};
use sla_proto::series::v1::{self as wire, Series};
use sla_proto::storage::v1::{
    LatestResult, ListResultSeriesRequest, ListSeriesHistoryRequest, ReadLatestResultsRequest,
};
use sla_proto::{Peer, convert};

use crate::error::RetrievalError;
use crate::options::{MAX_HISTORY_ENTRIES, MAX_STORED_SERIES};

/// Rows of one page asked of the storage.
const PAGE: u32 = 1_000;

/// A series that has stored results.
#[derive(Debug, Clone)]
pub struct KnownSeries {
    /// As it was named by the newest result.
    pub series: Series,
    /// Its fingerprint.
    pub id: SeriesId,
    /// Its labels.
    pub labels: Labels,
}

/// The queries of a request: what they match among stored series.
pub struct Wanted {
    queries: Vec<Query>,
    source: String,
}

impl Wanted {
    /// From messages; no query wants everything.
    pub fn of(queries: &[wire::Query], source: &str) -> Result<Self, RetrievalError> {
        let parsed = queries.iter().map(|query| convert::query(Some(query)));
        Ok(Self {
            queries: parsed.collect::<Result<_, _>>().map_err(RetrievalError::Invalid)?,
            source: source.to_owned(),
        })
    }

    fn has(&self, one: &KnownSeries) -> bool {
        let of_source = self.source.is_empty() || one.series.source == self.source;
        let is_meant = |query: &Query| match query {
            Query::Selector(selector) => one.series.expression.is_empty() && selector.matches(&one.labels),
            Query::Expression(expression) => one.series.expression == expression.text(),
        };
        of_source && (self.queries.is_empty() || self.queries.iter().any(is_meant))
    }
}

/// The stored series that are wanted, at most [`MAX_STORED_SERIES`] looked at.
pub async fn series(peer: &Peer, wanted: &Wanted) -> Result<Vec<KnownSeries>, RetrievalError> {
    let mut found = Vec::new();
    let (mut looked, mut page_token) = (0, String::new());
    loop {
        let request = ListResultSeriesRequest {
            page_size: PAGE,
            page_token,
        };
        let page = peer.results().list_result_series(request).await;
        let page = page
            .map_err(RetrievalError::upstream("list stored series"))?
            .into_inner();
        looked += page.series.len();
        let known = page.series.into_iter().filter_map(|series| {
            Some(KnownSeries {
                id: convert::series_id(&series)?,
                labels: convert::labels(&series),
                series,
            })
        });
        found.extend(known.filter(|one| wanted.has(one)));
        page_token = page.next_page_token;
        if page_token.is_empty() || looked >= MAX_STORED_SERIES {
            return Ok(found);
        }
    }
}

/// The newest stored parts of these series, by id.
pub async fn latest(
    peer: &Peer,
    ids: impl IntoIterator<Item = SeriesId>,
) -> Result<HashMap<SeriesId, LatestResult>, RetrievalError> {
    let ids: Vec<Vec<u8>> = ids.into_iter().map(|id| id.0.to_vec()).collect();
    let mut found = HashMap::new();
    for page in ids.chunks(PAGE as usize) {
        let request = ReadLatestResultsRequest {
            series_ids: page.to_vec(),
        };
        let answer = peer.results().read_latest_results(request).await;
        let answer = answer.map_err(RetrievalError::upstream("read stored results"))?;
        let results = answer.into_inner().results.into_iter();
        found.extend(results.filter_map(|one| Some((convert::series_id(one.result.as_ref()?.series.as_ref()?)?, one))));
    }
    Ok(found)
}

/// The analysis of a result, if it has one.
pub fn analysis_of(result: &SeriesResult) -> Option<&Analysis> {
    match &result.outcome {
        Some(Outcome::Analysis(analysis)) => Some(analysis),
        _ => None,
    }
}

/// A row of what is stored.
pub fn row(latest: LatestResult) -> StoredRow {
    let result = latest.result.unwrap_or_default();
    let forecast = analysis_of(&result).and_then(|analysis| analysis.forecast.as_ref());
    StoredRow {
        coming: forecast.and_then(convert::forecast_summary),
        result: Some(result),
        statistics_as_of: latest.statistics_as_of,
        metadata_as_of: latest.metadata_as_of,
        forecast_as_of: latest.forecast_as_of,
    }
}

/// The results of one series in (`after_ms`, `until_ms`], oldest first, and whether older ones were left out.
pub async fn history(
    peer: &Peer,
    id: SeriesId,
    after_ms: i64,
    until_ms: i64,
) -> Result<(Option<Series>, Vec<HistoryEntry>, bool), RetrievalError> {
    let (mut entries, mut series, mut page_token) = (Vec::new(), None, String::new());
    loop {
        let request = ListSeriesHistoryRequest {
            series_id: id.0.to_vec(),
            after: Some(convert::timestamp(after_ms)),
            until: Some(convert::timestamp(until_ms)),
            page_size: PAGE,
            page_token,
        };
        let page = peer.results().list_series_history(request).await;
        let page = page
            .map_err(RetrievalError::upstream("read the history of the series"))?
            .into_inner();
        for mut result in page.results {
            // Newest first: the series is named as it was last.
            let named = result.series.take();
            series = series.or(named);
            entries.push(entry(result));
        }
        page_token = page.next_page_token;
        let truncated = entries.len() > MAX_HISTORY_ENTRIES;
        if page_token.is_empty() || truncated {
            entries.truncate(MAX_HISTORY_ENTRIES);
            entries.reverse();
            return Ok((series, entries, truncated));
        }
    }
}

/// One run's result without its long parts.
fn entry(mut result: SeriesResult) -> HistoryEntry {
    let mut coming = None;
    if let Some(Outcome::Analysis(analysis)) = &mut result.outcome {
        let metadata = analysis.metadata.iter_mut().chain(&mut analysis.more_metadata);
        for metadata in metadata {
            metadata.autocorrelation = None;
            if let Some(season) = &mut metadata.seasonality {
                season.pattern.clear();
            }
        }
        if let Some(forecast) = &mut analysis.forecast {
            coming = convert::forecast_summary(forecast);
            (forecast.mean, forecast.max, forecast.min) = (None, None, None);
        }
    }
    HistoryEntry {
        result: Some(result),
        coming,
    }
}

#[cfg(test)]
mod tests {
    use sla_domain::SourceId;
    use sla_proto::series::v1::SeriesKind;

    use super::*;

    fn known(source: &str, name: &str, expression: &str) -> KnownSeries {
        let labels = Labels::from_pairs([("__name__", name)]);
        let id = SeriesId::of_series(&SourceId(source.into()), &labels);
        KnownSeries {
            series: convert::series_message(id, source, &labels, expression, SeriesKind::Gauge),
            id,
            labels,
        }
    }

    #[test]
    fn selectors_match_labels_and_expressions_their_text() {
        let query = |text: &str| convert::query_message(&Query::parse(text).unwrap(), 0);
        let all = [
            known("a", "up", ""),
            known("b", "up", ""),
            known("a", "", "sum(up)"),
            known("a", "load", ""),
        ];
        let count = |queries: &[&str], source: &str| {
            let queries: Vec<wire::Query> = queries.iter().map(|text| query(text)).collect();
            let wanted = Wanted::of(&queries, source).unwrap();
            all.iter().filter(|one| wanted.has(one)).count()
        };
        assert_eq!((count(&[], ""), count(&[], "b")), (4, 1));
        assert_eq!((count(&["up"], ""), count(&["up"], "a")), (2, 1));
        assert_eq!((count(&["sum(up)"], ""), count(&["sum(up)", "load"], "")), (1, 2));
        assert!(Wanted::of(&[wire::Query::default()], "").is_err());
    }
}
