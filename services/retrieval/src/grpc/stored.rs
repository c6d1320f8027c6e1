//! Stored results as rows, and the history of one series.

use std::collections::HashMap;

use sla_domain::{Labels, SeriesId, instant};
use sla_proto::convert;
use sla_proto::etl::v1::GetSourceRequest;
use sla_proto::result::v1::WindowStatistics;
use sla_proto::retrieval::v1::{
    GetSeriesHistoryRequest, GetSeriesHistoryResponse, ListStoredRowsRequest, ListStoredRowsResponse, SeriesRow,
    StoredRow,
};
use sla_proto::series::v1::{Query, SourceStatus};
use sla_proto::storage::v1::LatestResult;
use sla_runtime::page::{self, Token};

use super::bad_page_token;
use super::sifting::{Seen, Wish};
use crate::error::RetrievalError;
use crate::figures;
use crate::options::{DEFAULT_HISTORY_MS, MAX_QUERIES};
use crate::order::{By, Key, Order, Start, page as page_of};
use crate::service::Core;
use crate::sources::{face, named, sources_of};
use crate::stored::{self, KnownSeries, Wanted};

/// By labels.
const ORDER: Order = Order {
    by: By::Name,
    reversed: false,
};

/// A page of stored series with their newest results.
pub(super) struct StoredPage {
    pub(super) rows: Vec<(KnownSeries, LatestResult)>,
    pub(super) next: Option<Key>,
    pub(super) total: usize,
    /// Of `total`, those that pass the filter.
    pub(super) passing: usize,
}

impl Core {
    /// How the sources of these names do, from memory; of none all are meant, and one at least is told of. A role that does not
    /// answer is no reason to show nothing.
    pub(super) async fn sources_now(&self, names: &[&str]) -> Vec<SourceStatus> {
        match self.peer.source().get_source(GetSourceRequest::default()).await {
            Ok(answer) => named(answer.into_inner(), names),
            Err(status) => vec![SourceStatus {
                problem: status.message().to_owned(),
                ..SourceStatus::default()
            }],
        }
    }

    /// The page of what is stored about the series these queries mean, in the order of their labels; of a wish those that pass
    /// by their labels and states.
    pub(super) async fn stored_page(
        &self,
        queries: &[Query],
        source: &str,
        start: &Start,
        size: usize,
        wish: Option<&Wish>,
    ) -> Result<StoredPage, RetrievalError> {
        let mut known = stored::series(&self.peer, &Wanted::of(queries, source)?).await?;
        let total = known.len();
        if let Some(wish) = wish {
            let ranks = self.ranks(wish).await?;
            let mut sieve = wish.filter.sieve();
            known.retain(|one| {
                let rank = ranks.get(&one.id).copied();
                sieve.passes(&Seen::labelled(&one.labels, &one.series.expression, rank))
            });
        }
        let key = |one: &KnownSeries| Key::new(None, name_of(one), one.id);
        let keys: Vec<Key> = known.iter().map(key).collect();
        let (places, more) = page_of(&keys, wish.map_or(ORDER, Wish::order_of_labels), start, size);
        let mut latest: HashMap<SeriesId, LatestResult> =
            stored::latest(&self.peer, places.iter().map(|&at| known[at].id)).await?;
        let next = places.last().filter(|_| more).map(|&last| keys[last].clone());
        let rows = places
            .into_iter()
            .filter_map(|at| Some((known[at].clone(), latest.remove(&known[at].id)?)))
            .collect();
        Ok(StoredPage {
            rows,
            next,
            total,
            passing: known.len(),
        })
    }

    pub(super) async fn stored_rows(
        &self,
        request: ListStoredRowsRequest,
    ) -> Result<ListStoredRowsResponse, RetrievalError> {
        if request.queries.len() > MAX_QUERIES {
            return Err(RetrievalError::invalid(
                "queries",
                &request.queries.len().to_string(),
                format!("has more than {MAX_QUERIES} entries"),
                "use selectors that match more series each",
            ));
        }
        let texts: Vec<&str> = request.queries.iter().map(convert::query_text).collect();
        let filter = format!("stored {} {}", request.source, texts.join("\n"));
        let start = match Token::decode(&request.page_token, &filter).map_err(bad_page_token)? {
            Some(key) => Start::After(Key::decode(&key).ok_or_else(|| bad_page_token(Token::refused()))?),
            None => Start::Skip(0),
        };
        let size = page::size(request.page_size);
        let names = match request.source.as_str() {
            "" => sources_of(&request.queries),
            name => vec![name],
        };
        let (page, sources) = tokio::join!(
            self.stored_page(&request.queries, &request.source, &start, size, None),
            self.sources_now(&names)
        );
        let page = page?;
        let rows: Vec<StoredRow> = page.rows.into_iter().map(|(_, latest)| stored::row(latest)).collect();
        Ok(ListStoredRowsResponse {
            rows,
            next_page_token: page
                .next
                .map_or_else(String::new, |key| Token::encode(&filter, &key.encode())),
            total: page.total as u32,
            source: Some(face(&sources)),
            as_of: Some(convert::timestamp(self.clock.now_ms())),
        })
    }

    pub(super) async fn history(
        &self,
        request: GetSeriesHistoryRequest,
    ) -> Result<GetSeriesHistoryResponse, RetrievalError> {
        let id = SeriesId::from_slice(&request.series_id).ok_or_else(|| {
            RetrievalError::invalid("series_id", "", "must have 16 bytes", "take the id of a listed series")
        })?;
        let until_ms = request
            .until
            .as_ref()
            .map_or_else(|| self.clock.now_ms(), convert::millis);
        let default_ms = until_ms.saturating_sub(DEFAULT_HISTORY_MS);
        let after_ms = request.after.as_ref().map_or(default_ms, convert::millis);
        if after_ms >= until_ms {
            return Err(RetrievalError::invalid(
                "after",
                &instant::format_ms(after_ms),
                format!("must lie before `until` ({})", instant::format_ms(until_ms)),
                "give an earlier start",
            ));
        }
        let (series, entries, truncated) = stored::history(&self.peer, id, after_ms, until_ms).await?;
        Ok(GetSeriesHistoryResponse {
            series,
            entries,
            truncated,
        })
    }
}

/// What orders stored series: their labels, or the expression that they are results of.
fn name_of(one: &KnownSeries) -> String {
    if one.labels == Labels::default() {
        one.series.expression.clone()
    } else {
        one.labels.to_string()
    }
}

/// A row of the metrics table from what is stored: the window asked for if a run computed it.
pub(super) fn series_row(one: KnownSeries, latest: &LatestResult, window_ms: i64, mode: i32) -> SeriesRow {
    let mode = sla_proto::series::v1::CounterMode::try_from(mode).unwrap_or_default();
    let rate = figures::is_rate(one.series.kind(), mode);
    let analysis = latest.result.as_ref().and_then(stored::analysis_of);
    let windows = analysis.map(|analysis| match &analysis.rate {
        Some(of_rate) if rate => &of_rate.windows,
        _ => &analysis.windows,
    });
    let window = windows.and_then(|windows| windows.iter().find(|window| window.window_ms == window_ms));
    let last = analysis.and_then(|analysis| if rate { analysis.last_rate } else { analysis.last });
    SeriesRow {
        series: Some(one.series),
        last,
        rate,
        window: Some(window.copied().unwrap_or(WindowStatistics {
            window_ms,
            ..WindowStatistics::default()
        })),
        problem: if window.is_some() {
            String::new()
        } else {
            "no run has stored this window".to_owned()
        },
        stored_as_of: latest
            .statistics_as_of
            .or(latest.metadata_as_of)
            .or(latest.forecast_as_of),
        ..SeriesRow::default()
    }
}
