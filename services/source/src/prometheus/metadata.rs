//! Which series and metrics exist.

use std::collections::{BTreeMap, BTreeSet};

use sla_domain::{Labels, METRIC_NAME};

use super::Prometheus;
use super::json::{self, QueryData, SeriesList, Success};
use super::question::Question;
use super::read::seconds;
use crate::error::SourceError;
use crate::limits::MAX_LABELS_BYTES;
use crate::port::Call;
use crate::reply::{MetricNames, SeriesListing};

/// Counts the present series of each name.
const COUNT_QUERY: &str = r#"count by (__name__) ({__name__!=""})"#;

impl Prometheus {
    pub(super) async fn find_series(
        &self,
        selectors: &[String],
        start_ms: i64,
        end_ms: i64,
        limit: usize,
        call: &Call,
    ) -> Result<SeriesListing, SourceError> {
        let (mut found, mut long) = (BTreeSet::new(), BTreeSet::new());
        let mut warnings: Vec<String> = Vec::new();
        for selector in selectors {
            let question = Question::Form {
                path: "api/v1/series",
                parameters: vec![
                    ("match[]", selector.clone()),
                    ("start", seconds(start_ms)),
                    ("end", seconds(end_ms)),
                    // Honoured by 3.x; others send all, which the body cap bounds.
                    ("limit", (limit + 1).to_string()),
                ],
            };
            let answer = self.client.ask(&question, call).await?;
            let read: Success<SeriesList> = json::success(&answer)?;
            if read.data.count > limit {
                return Err(SourceError::TooManySeries {
                    found: read.data.count,
                    limit,
                });
            }
            found.extend(read.data.series);
            long.extend(read.data.long);
            for warning in read.warnings {
                if !warnings.contains(&warning) {
                    warnings.push(warning);
                }
            }
        }
        if found.len() > limit {
            return Err(SourceError::TooManySeries {
                found: found.len(),
                limit,
            });
        }
        if !long.is_empty() {
            let left_out = SourceError::LongLabels {
                count: long.len() as u64,
            };
            if found.is_empty() {
                return Err(left_out);
            }
            warnings.push(left_out.to_string());
        }
        Ok(SeriesListing {
            series: found.into_iter().collect(),
            warnings,
        })
    }

    pub(super) async fn find_names(&self, limit: usize, call: &Call) -> Result<MetricNames, SourceError> {
        let mut out = MetricNames::default();
        let mut counts: BTreeMap<String, u64> = BTreeMap::new();
        let left_out;
        let question = Question::Form {
            path: "api/v1/query",
            parameters: vec![("query", COUNT_QUERY.into())],
        };
        let answer = match self.client.ask(&question, call).await {
            Ok(answer) => Some(answer),
            // Too many series for the server to count: names without counts are better than nothing.
            Err(
                SourceError::Server { status: 422, .. } | SourceError::Timeout { .. } | SourceError::TooLarge { .. },
            ) => None,
            Err(error) => return Err(error),
        };
        if let Some(answer) = answer {
            let read: Success<QueryData> = json::success(&answer)?;
            out.warnings = read.warnings;
            let data = read.data.each_once(&answer.tried)?;
            left_out = data.long.len();
            for one in data.series {
                let count = one.samples.values.last().copied().unwrap_or(0.0) as u64;
                out.total_series += count;
                counts.insert(one.labels.metric_name().to_owned(), count);
            }
        } else {
            let question = Question::Get {
                path: "api/v1/label/__name__/values",
                parameters: vec![("limit", (limit + 1).to_string())],
            };
            let answer = self.client.ask(&question, call).await?;
            let read: Success<Vec<String>> = json::success(&answer)?;
            out.warnings = read.warnings;
            out.warnings
                .push("the server could not count the series of each name".into());
            let named = read.data.len();
            let short = read.data.into_iter().filter(|name| name.len() <= MAX_LABELS_BYTES);
            counts = short.map(|name| (name, 0)).collect();
            left_out = named.saturating_sub(counts.len());
        }
        if left_out > 0 {
            let count = left_out as u64;
            out.warnings.push(SourceError::LongLabels { count }.to_string());
        }
        out.truncated = counts.len() > limit;
        let mut kinds = self.kinds(call).await?;
        self.settle(&mut kinds, counts.keys().map(String::as_str), call).await?;
        out.warnings.extend(kinds.conflicts());
        out.families = counts
            .into_iter()
            .take(limit)
            .map(|(name, series)| kinds.family(name, series))
            .collect();
        self.find_histograms(&mut out.families, call).await?;
        Ok(out)
    }

    /// Metric names of `series`, each with the labels of its series.
    pub(super) fn by_metric(series: Vec<Labels>) -> BTreeMap<String, Vec<Labels>> {
        let mut out: BTreeMap<String, Vec<Labels>> = BTreeMap::new();
        for labels in series {
            out.entry(labels.get(METRIC_NAME).unwrap_or("").to_owned())
                .or_default()
                .push(labels);
        }
        out
    }
}
