//! The table of metrics.

use std::collections::HashMap;
use std::sync::Arc;

use sla_domain::duration::format_ms;
use sla_proto::convert;
use sla_proto::etl::v1::GetSourceRequest;
use sla_proto::result::v1::series_result::Outcome;
use sla_proto::result::v1::{Metadata, SeriesResult};
use sla_proto::retrieval::v1::{ListSeriesRowsRequest, ListSeriesRowsResponse, SeriesRow};
use sla_proto::storage::v1::LatestResult;
use sla_runtime::page::{self, Token};
use tokio::time::Instant;

use super::sifting::{Figures, Frame, Wish};
use super::stored::{StoredPage, series_row};
use super::{bad_page_token, samples_request};
use crate::columns::columns;
use crate::error::RetrievalError;
use crate::figures;
use crate::kept::{self, Table};
use crate::options::{
    DEFAULT_SPARKLINE_COLUMNS, DEFAULT_WINDOW_MS, MAX_QUERIES, MAX_RAW_RANGE_MS, MAX_SPARKLINE_COLUMNS,
    RATE_LOOK_BACK_MS,
};
use crate::order::{Key, Start, page as page_of};
use crate::samples::{self, ReadSeries, Reading, each, sentences};
use crate::service::Core;
use crate::sources::{face, sources_of};

fn row(one: &ReadSeries, frame: Frame) -> SeriesRow {
    let figures = Figures::of(one, frame);
    let sparkline = one.samples().map(|samples| {
        let drawn = figures::drawn(samples, one.spacing_ms, figures.rate);
        columns(&drawn, frame.at_ms - frame.window_ms, frame.at_ms, frame.columns)
    });
    SeriesRow {
        series: Some(one.series.clone()),
        last: figures.last,
        rate: figures.rate,
        sparkline: sparkline.unwrap_or_default(),
        window: Some(figures.window),
        problem: figures.problem.unwrap_or_default(),
        ..SeriesRow::default()
    }
}

/// Adds what the last run said about the series.
fn mark(row: &mut SeriesRow, latest: &LatestResult) {
    row.result_as_of = latest
        .statistics_as_of
        .or(latest.metadata_as_of)
        .or(latest.forecast_as_of);
    let metadata = latest.result.as_ref().and_then(metadata_of);
    if let Some(metadata) = metadata {
        row.stationary = metadata.stationarity.as_ref().map(|test| test.stationary);
        row.season_ms = metadata.seasonality.as_ref().map(|season| season.period_ms);
    }
}

fn metadata_of(result: &SeriesResult) -> Option<&Metadata> {
    match &result.outcome {
        Some(Outcome::Analysis(analysis)) => analysis.metadata.as_ref(),
        _ => None,
    }
}

impl Core {
    #[allow(
        clippy::too_many_lines,
        reason = "one question after the other, each with what the one before found"
    )]
    pub(super) async fn rows(&self, request: ListSeriesRowsRequest) -> Result<ListSeriesRowsResponse, RetrievalError> {
        let now_ms = self.instant_ms(request.at.as_ref(), &request.queries).await;
        let frame = frame(&request, now_ms)?;
        let wish = Wish::parse(&request.filter, &request.sort)?;
        let (bound_to, start) = start(&request, frame)?;
        let size = page::size(request.page_size);
        let queries = request.queries;
        if queries.is_empty() {
            // Nothing is read in bulk without a selector.
            let source = self.peer.source().get_source(GetSourceRequest::default()).await;
            let source = source.map_err(RetrievalError::upstream("tell how the source does"))?;
            return Ok(ListSeriesRowsResponse {
                source: source.into_inner().status,
                as_of: Some(convert::timestamp(now_ms)),
                ..ListSeriesRowsResponse::default()
            });
        }
        let table = Table {
            queries: queries.clone(),
            window_ms: frame.window_ms,
        };
        let (at_ms, reading) = self.table(table, now_ms, request.at.is_none()).await?;
        let frame = Frame { at_ms, ..frame };
        let total = reading.series.len() as u32;
        let mut problems = sentences(&reading.failures, &queries);
        if reading.series.is_empty() && !reading.source.problem.is_empty() {
            // Nothing is in memory and the source is away: what runs have stored is better than nothing, and says its age.
            let StoredPage {
                rows,
                next,
                total,
                passing,
            } = self.stored_page(&queries, "", &start, size, Some(&wish)).await?;
            let rows = rows.into_iter().map(|(one, latest)| {
                let mut row = series_row(one, &latest, frame.window_ms, frame.mode as i32);
                mark(&mut row, &latest);
                row
            });
            if wish.asks_more_than_labels() {
                let told =
                    "what runs have stored is ordered by its labels, and a filter sees its labels and states alone";
                problems.push(told.to_owned());
            }
            return Ok(ListSeriesRowsResponse {
                rows: rows.collect(),
                next_page_token: next.map_or_else(String::new, |key| Token::encode(&bound_to, &key.encode())),
                total: total as u32,
                passing: passing as u32,
                source: Some(reading.source.clone()),
                as_of: Some(convert::timestamp(at_ms)),
                problems,
                ..ListSeriesRowsResponse::default()
            });
        }
        let unknown_field = wish.unknown_field(&reading.series).unwrap_or_default().to_owned();
        let (passing, keys) = self.sifted(&reading, frame, &wish).await?;
        let (places, more) = page_of(&keys, wish.order, &start, size);
        let next_page_token = match places.last() {
            Some(&last) if more => Token::encode(&bound_to, &keys[last].encode()),
            _ => String::new(),
        };
        let shown: Vec<ReadSeries> = places.iter().map(|&at| reading.series[passing[at]].clone()).collect();
        let ids = shown.iter().map(|one| one.id.0.to_vec()).collect();
        let (rows, latest) = tokio::join!(each(&self.pool, shown, move |one| row(one, frame)), self.latest(ids));
        let mut rows = rows?;
        match latest {
            Ok(latest) => {
                let by_id: HashMap<Vec<u8>, LatestResult> = latest
                    .into_iter()
                    .filter_map(|one| Some((one.result.as_ref()?.series.as_ref()?.id.clone(), one)))
                    .collect();
                for row in &mut rows {
                    if let Some(latest) = row.series.as_ref().and_then(|series| by_id.get(&series.id)) {
                        mark(row, latest);
                    }
                }
            }
            // The table is worth showing without its marks.
            Err(error) => problems.push(format!("marks of the last run are missing: {error}")),
        }
        Ok(ListSeriesRowsResponse {
            rows,
            next_page_token,
            total,
            passing: keys.len() as u32,
            unknown_field,
            source: Some(reading.source.clone()),
            as_of: Some(convert::timestamp(at_ms)),
            bytes_read: reading.bytes_read,
            read_ms: reading.read_ms,
            problems,
        })
    }

    /// The series of a table and the instant they were read for: a `live` table, of the present, may have been read a moment ago.
    async fn table(&self, table: Table, now_ms: i64, live: bool) -> Result<(i64, Arc<Reading>), RetrievalError> {
        let kept = self.kept.get(&table).filter(|_| live);
        let queries = table.queries.clone();
        let (peer, tables, shutdown) = (self.peer.clone(), self.kept.clone(), self.shutdown.clone());
        let (limit, after_ms) = (self.options.read_timeout, now_ms - table.window_ms - RATE_LOOK_BACK_MS);
        let read = async move {
            let begun = Instant::now();
            let request = samples_request(table.queries.clone(), after_ms, now_ms, false);
            let reading = Arc::new(samples::read(&peer, request, limit).await?);
            if live && tables.keep(table, now_ms, begun, reading.clone()) {
                let token = shutdown.token().clone();
                shutdown.spawn("retrieval kept table", async move {
                    token.run_until_cancelled(tokio::time::sleep(kept::MAX_AGE)).await;
                    tables.forget_old();
                });
            }
            Ok::<_, RetrievalError>(reading)
        };
        let Some(kept) = kept else {
            return Ok((now_ms, read.await?));
        };
        // What a source that fails has is told with its failure.
        let sources = self.sources_now(&sources_of(&queries)).await;
        if !face(&sources).problem.is_empty() {
            return Ok((now_ms, read.await?));
        }
        if kept.renew {
            let token = self.shutdown.token().clone();
            self.shutdown.spawn("retrieval table", async move {
                if let Some(Err(error)) = token.run_until_cancelled(read).await {
                    tracing::debug!(%error, "a table could not be read anew");
                }
            });
        }
        Ok((kept.at_ms, kept.reading))
    }
}

/// Where the page begins, and the text that its tokens are bound to.
fn start(request: &ListSeriesRowsRequest, frame: Frame) -> Result<(String, Start), RetrievalError> {
    let texts: Vec<&str> = request.queries.iter().map(convert::query_text).collect();
    let bound_to = format!(
        "rows {} {} {} {} {}",
        texts.join("\n"),
        frame.window_ms,
        frame.mode as i32,
        request.sort,
        request.filter
    );
    let start = match Token::decode(&request.page_token, &bound_to).map_err(bad_page_token)? {
        Some(_) if request.skip > 0 => {
            return Err(RetrievalError::invalid(
                "skip",
                &request.skip.to_string(),
                "does not go together with a page token",
                "leave one of them out",
            ));
        }
        Some(key) => Start::After(Key::decode(&key).ok_or_else(|| bad_page_token(Token::refused()))?),
        None => Start::Skip(request.skip as usize),
    };
    Ok((bound_to, start))
}

fn frame(request: &ListSeriesRowsRequest, at_ms: i64) -> Result<Frame, RetrievalError> {
    if request.queries.len() > MAX_QUERIES {
        return Err(RetrievalError::invalid(
            "queries",
            &request.queries.len().to_string(),
            format!("has more than {MAX_QUERIES} entries"),
            "use selectors that match more series each",
        ));
    }
    let window_ms = if request.window_ms == 0 {
        DEFAULT_WINDOW_MS
    } else {
        request.window_ms
    };
    if !(1_000..=MAX_RAW_RANGE_MS).contains(&window_ms) {
        return Err(RetrievalError::invalid(
            "window_ms",
            &format_ms(window_ms),
            format!("must lie between 1s and {}", format_ms(MAX_RAW_RANGE_MS)),
            "choose for example 1h or 12h",
        ));
    }
    let columns = match request.columns as usize {
        0 => DEFAULT_SPARKLINE_COLUMNS,
        asked => asked.min(MAX_SPARKLINE_COLUMNS),
    };
    Ok(Frame {
        at_ms,
        window_ms,
        columns,
        mode: request.counter_mode(),
    })
}

#[cfg(test)]
mod tests {
    use sla_proto::result::v1::{Analysis, Seasonality, StationarityTest};
    use sla_proto::series::v1::Query;

    use super::*;

    #[test]
    fn the_frame_has_defaults_and_limits() {
        let request = ListSeriesRowsRequest::default();
        let plain = frame(&request, 7).unwrap();
        assert_eq!(
            (plain.window_ms, plain.columns, plain.at_ms),
            (DEFAULT_WINDOW_MS, 30, 7)
        );
        let wide = ListSeriesRowsRequest {
            columns: 9_999,
            ..request.clone()
        };
        assert_eq!(frame(&wide, 0).unwrap().columns, MAX_SPARKLINE_COLUMNS);
        for wrong in [
            ListSeriesRowsRequest {
                window_ms: -1,
                ..request.clone()
            },
            ListSeriesRowsRequest {
                window_ms: i64::MAX,
                ..request.clone()
            },
            ListSeriesRowsRequest {
                queries: vec![Query::default(); MAX_QUERIES + 1],
                ..request
            },
        ] {
            assert!(frame(&wrong, 0).is_err());
        }
    }

    #[test]
    fn a_page_begins_behind_a_row_or_so_many_rows_on() {
        let asked = ListSeriesRowsRequest {
            skip: 7,
            ..ListSeriesRowsRequest::default()
        };
        let frame = frame(&asked, 0).unwrap();
        let (bound_to, first) = start(&asked, frame).unwrap();
        assert_eq!(first, Start::Skip(7));
        let key = Key::new(None, "up", sla_domain::SeriesId([1; 16]));
        let next = ListSeriesRowsRequest {
            page_token: Token::encode(&bound_to, &key.encode()),
            ..ListSeriesRowsRequest::default()
        };
        assert_eq!(start(&next, frame).unwrap().1, Start::After(key));
        let both = ListSeriesRowsRequest {
            skip: 7,
            ..next.clone()
        };
        assert!(start(&both, frame).unwrap_err().to_string().contains("page token"));
        let of_another_filter = ListSeriesRowsRequest {
            filter: "load".to_owned(),
            ..next
        };
        assert!(start(&of_another_filter, frame).is_err());
    }

    #[test]
    fn marks_are_unset_until_they_were_computed() {
        let mut plain = SeriesRow::default();
        mark(
            &mut plain,
            &LatestResult {
                statistics_as_of: Some(convert::timestamp(5)),
                ..LatestResult::default()
            },
        );
        assert!(plain.stationary.is_none() && plain.season_ms.is_none() && plain.result_as_of.is_some());
        let metadata = Metadata {
            stationarity: Some(StationarityTest {
                stationary: true,
                ..StationarityTest::default()
            }),
            seasonality: Some(Seasonality {
                period_ms: 600_000,
                ..Seasonality::default()
            }),
            ..Metadata::default()
        };
        let analysis = Analysis {
            metadata: Some(metadata),
            ..Analysis::default()
        };
        let result = SeriesResult {
            outcome: Some(Outcome::Analysis(analysis)),
            ..SeriesResult::default()
        };
        let mut marked = SeriesRow::default();
        mark(
            &mut marked,
            &LatestResult {
                result: Some(result),
                ..LatestResult::default()
            },
        );
        assert_eq!((marked.stationary, marked.season_ms), (Some(true), Some(600_000)));
    }
}
