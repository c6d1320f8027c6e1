//! What a read for a run would cost.

use std::collections::HashSet;

use sla_domain::{Clock as _, Labels};
use sla_source::Call;

use super::expressions::REREAD_MS;
use super::memory::{LOOK_BACK_MS, MAX_HELD_SERIES, SampleMemory};
use super::reader::SampleReader;
use super::reading::{ReadPlan, ReadTally};
use super::tail::{Tail, union};
use crate::catalogue::too_many;
use crate::error::EtlError;
use crate::query::ReadQuery;

/// Spacing assumed of a series that was never read, milliseconds.
const USUAL_SPACING_MS: i64 = 15_000;

/// What a read would cost, estimated.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cost {
    /// Series, each once.
    pub series: usize,
    /// Series a query, in the order of the queries.
    pub series_per_query: Vec<usize>,
    /// Samples to read.
    pub samples: u64,
    /// Bytes to read.
    pub bytes: u64,
}

/// What a sample costs on the wire in JSON, bytes (docs/performance.md: 83.7 MB for 2.9 M samples).
const BYTES_PER_JSON_SAMPLE: f64 = 29.0;

/// What a sample costs on the wire, bytes, by the way of reading (measured on 2.9 M samples).
fn bytes_per_sample(way: &str) -> f64 {
    match way {
        "samples" => 10.3,
        "instant" | "range" => BYTES_PER_JSON_SAMPLE,
        _ => 4.3,
    }
}

impl SampleReader {
    /// What reading these queries for a run would cost now.
    pub async fn estimate(&self, queries: &[ReadQuery], call: &Call) -> Result<Cost, EtlError> {
        let memory = &self.0;
        let now_ms = memory.clock.now_ms();
        let plan = ReadPlan {
            queries: queries.to_vec(),
            after_ms: now_ms - memory.longest_window_ms,
            until_ms: now_ms,
            max_series: MAX_HELD_SERIES,
            cached_only: false,
            long_view: false,
        };
        let selectors = plan.selectors();
        let mut tally = ReadTally::default();
        Tail {
            memory,
            plan: &plan,
            call,
            tally: &mut tally,
        }
        .discover(&selectors)
        .await;
        if let Some(problem) = tally.problems_of_all(1).into_iter().next() {
            return Err(too_many(problem.error));
        }
        let mut cost = Cost {
            series_per_query: vec![0; queries.len()],
            ..Cost::default()
        };
        let bytes_per_sample = bytes_per_sample(&memory.health.status().way);
        let mut seen = HashSet::new();
        for (index, selector) in &selectors {
            for labels in union(memory, &[(*index, *selector)]) {
                cost.series_per_query[*index] += 1;
                if seen.insert(labels.clone()) {
                    cost.series += 1;
                    cost.samples += samples_to_read(memory, &labels, now_ms);
                }
            }
        }
        cost.bytes = (cost.samples as f64 * bytes_per_sample) as u64;
        for (index, query) in queries.iter().enumerate() {
            if let ReadQuery::Expression { text, step_ms } = query {
                let series = memory.catalogue.series_now(query, MAX_HELD_SERIES, call).await?.len();
                let range = memory
                    .expressions
                    .missing(&(text.clone(), *step_ms), plan.after_ms, now_ms);
                let instants = range
                    .map_or(0, |(after_ms, until_ms)| (until_ms - after_ms) / step_ms)
                    .max(0);
                let samples = series as u64 * instants.unsigned_abs();
                cost.series_per_query[index] = series;
                cost.series += series;
                cost.samples += samples;
                cost.bytes += (samples as f64 * BYTES_PER_JSON_SAMPLE) as u64;
            }
        }
        Ok(cost)
    }
}

/// How many samples of a series would have to be read now.
fn samples_to_read(memory: &SampleMemory, labels: &Labels, now_ms: i64) -> u64 {
    let whole_ms = memory.longest_window_ms + LOOK_BACK_MS;
    let known = memory.cache.about(memory.cache.id_of(labels));
    let spacing_ms = known
        .as_ref()
        .and_then(|known| known.spacing_ms)
        .unwrap_or(USUAL_SPACING_MS);
    let range_ms = match known {
        Some(known) if now_ms - known.covered_until_ms < whole_ms => now_ms - known.covered_until_ms + REREAD_MS,
        _ => whole_ms,
    };
    (range_ms / spacing_ms.max(1)).max(0).unsigned_abs()
}
