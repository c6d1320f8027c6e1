//! How full the role is, looked up when somebody asks for its metrics.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use sla_bus::LagBoard;
use sla_runtime::metrics::{Labels, Metrics, single};
use sla_source::CacheFill;

use crate::journal::Journal;
use crate::placement::Placement;
use crate::runs::Runs;
use crate::sources::{SourceUnit, Sources};

/// Tells what the parts of the role hold.
pub(crate) fn register(metrics: &Metrics, sources: &Sources, runs: &Runs, journal: &Journal) {
    let of_each = |value: fn(&SourceUnit) -> Option<f64>| {
        let sources = sources.clone();
        move || -> Vec<(Labels, f64)> {
            let named = |unit: &SourceUnit| Some((vec![("source", unit.name().to_owned())], value(unit)?));
            sources.all().iter().filter_map(named).collect()
        }
    };
    metrics.gauge(
        "sla_etl_source_up",
        "Whether each source answered when it was last asked; none where it was not asked yet",
        of_each(|unit| match unit.health.next_attempt() {
            Some(_) => Some(0.0),
            None => unit.health.is_identified().then_some(1.0),
        }),
    );
    metrics.gauge(
        "sla_etl_series_owned",
        "Series whose samples are kept, by source",
        of_each(|unit| Some(fill(unit).series as f64)),
    );
    metrics.gauge(
        "sla_etl_cache_samples",
        "Samples kept, by source",
        of_each(|unit| Some(fill(unit).samples as f64)),
    );
    metrics.gauge(
        "sla_etl_cache_bytes",
        "What the samples of each source take, compressed",
        of_each(|unit| Some(fill(unit).bytes as f64)),
    );
    metrics.counter(
        "sla_etl_cache_shed_series",
        "Series thrown out because there was no room, by source",
        of_each(|unit| Some(fill(unit).shed_series as f64)),
    );
    let open = runs.clone();
    metrics.gauge("sla_etl_runs_open", "Runs that wait or go on", move || {
        single(open.open() as f64)
    });
    let publishing = runs.clone();
    metrics.gauge(
        "sla_etl_results_waiting",
        "Results that wait here for the brokers to have them",
        move || single(publishing.unpublished() as f64),
    );
    let lines = journal.clone();
    metrics.counter(
        "sla_etl_log_lines_lost",
        "Log lines that were not written to the file",
        move || single(lines.lines_lost() as f64),
    );
}

/// Tells what this worker has of the runs that are dealt out.
pub(crate) fn register_shared(metrics: &Metrics, placement: &Placement, tasks: &Arc<AtomicUsize>, lags: &LagBoard) {
    let tasks = tasks.clone();
    metrics.gauge(
        "sla_etl_tasks_open",
        "Tasks of runs that wait here or are under way",
        move || single(tasks.load(Ordering::Relaxed) as f64),
    );
    let lags = lags.clone();
    metrics.gauge(
        "sla_etl_tasks_behind",
        "Tasks that were dealt out and are not done, by partition of this worker; none where it is not known",
        move || lags.by_partition(|lag| lag.behind.map(|tasks| tasks as f64)),
    );
    let owned = placement.clone();
    metrics.gauge(
        "sla_etl_partitions_owned",
        "Partitions whose series are this worker's",
        move || single(owned.len() as f64),
    );
}

fn fill(unit: &SourceUnit) -> CacheFill {
    unit.reader.fill()
}
