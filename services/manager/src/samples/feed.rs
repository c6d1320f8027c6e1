//! Bringing the memory up to an instant: what is due is read, a query that is refused is read apart from the others.

use std::collections::BTreeMap;
use std::sync::Arc;

use sla_proto::series::v1::SourceStatus;

use crate::core::ManagerCore;
use crate::samples::memory::{SampleMemory, Wanted};
use crate::samples::reader::read;
use crate::sets::catalog::KnownObjective;

/// How a [`bring_up`] went.
#[derive(Debug, Default)]
pub(crate) struct BroughtUp {
    /// How the source did in the last read, if one succeeded.
    pub(crate) source: Option<SourceStatus>,
    /// Why nothing could be read, in words.
    pub(crate) failure: Option<String>,
}

/// Reads what `due` needs up to `at_ms`, back to `reach_ms` where it is new, and forgets what `active` does not want.
pub(crate) async fn bring_up(
    core: &ManagerCore,
    memory: &mut SampleMemory,
    active: &[Arc<KnownObjective>],
    due: &[Arc<KnownObjective>],
    at_ms: i64,
    reach_ms: i64,
) -> BroughtUp {
    memory.forget(&wanted(active), at_ms, reach_ms);
    let mut brought = BroughtUp::default();
    let mut reads = memory.due(&wanted(due), at_ms, reach_ms, core.options.max_series);
    reads.reverse();
    while let Some(read_due) = reads.pop() {
        let outcome = read(&core.peer, &core.judging, &read_due.plan).await;
        if let Err(error) = &outcome
            && error.blames_one_query()
            && read_due.wanted.len() > 1
        {
            // One query is refused, or matches too much: the others shall not suffer for it.
            reads.extend(read_due.one_by_one());
            continue;
        }
        match &outcome {
            Ok(reading) => brought.source = Some(reading.status.clone()),
            // Told with the objective it is about.
            Err(error) if error.blames_one_query() => {}
            Err(error) => {
                tracing::warn!(error = %error.words(), "samples cannot be read");
                brought.failure = Some(error.words());
            }
        }
        memory.absorb(&read_due, outcome.map_err(|error| error.words()));
    }
    brought
}

/// The queries of objectives, each once.
pub(crate) fn wanted(objectives: &[Arc<KnownObjective>]) -> Vec<Wanted> {
    let mut by_key = BTreeMap::new();
    for known in objectives {
        by_key
            .entry(known.wanted.key.clone())
            .or_insert_with(|| known.wanted.clone());
    }
    by_key.into_values().collect()
}
