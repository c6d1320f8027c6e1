//! Bringing the memory up to an instant: what is due is read, a query that is refused is read apart from the others.

use std::sync::Arc;

use sla_proto::series::v1::SourceStatus;

use crate::core::ManagerCore;
use crate::error::SlaError;
use crate::options::SlaOptions;
use crate::samples::memory::DueRead;
use crate::samples::reader::{ReadEnd, ReadParts};
use crate::sets::catalog::{KnownObjective, Sets, wanted};

/// Samples are kept this much longer than the longest window, milliseconds: a value from before carries in, and an open
/// violation shows where it began.
const REACH_SLACK_MS: i64 = 30 * 60_000;

/// How far back samples are kept for judging, milliseconds.
pub(crate) fn reach_ms(options: &SlaOptions) -> i64 {
    options.longest_window_ms() + REACH_SLACK_MS
}

/// How a [`bring_up`] went.
#[derive(Debug, Default)]
pub(crate) struct BroughtUp {
    /// How the source did in the last read, if one succeeded.
    pub(crate) source: Option<SourceStatus>,
    /// Why nothing could be read, in words.
    pub(crate) failure: Option<String>,
}

/// Forgets what lies too far before `at_ms`, and, where there are other sets than before, what nobody in them wants.
pub(crate) async fn forget(core: &ManagerCore, others: Option<Arc<Sets>>, at_ms: i64) -> Result<(), SlaError> {
    let (memory, reach_ms) = (core.memory.clone(), reach_ms(&core.options));
    let forgetting = core.judging.run(move || {
        let wanted = others.as_ref().map(|sets| sets.watched().wanted.as_slice());
        memory.lock().forget(wanted, at_ms, reach_ms);
    });
    Ok(forgetting.await?)
}

/// Reads what `due`, all of one source, needs up to `at_ms`.
pub(crate) async fn bring_up(core: &ManagerCore, due: &[Arc<KnownObjective>], at_ms: i64) -> BroughtUp {
    let mut brought = BroughtUp::default();
    let (wants, limit, reach_ms) = (wanted(due), core.options.max_series, reach_ms(&core.options));
    let reads = core.memory.lock().due(&wants, at_ms, reach_ms, limit);
    read_all(core, reads, &mut brought).await;
    // What the tails have found missing is filled before anything is judged.
    let holes = core.memory.lock().holes(&wants, at_ms, reach_ms, limit);
    read_all(core, holes.into_iter().collect(), &mut brought).await;
    brought
}

async fn read_all(core: &ManagerCore, mut reads: Vec<DueRead>, brought: &mut BroughtUp) {
    reads.reverse();
    while let Some(read_due) = reads.pop() {
        let read_due = Arc::new(read_due);
        let outcome = read_into_memory(core, &read_due).await;
        if let Err(error) = &outcome
            && error.blames_one_query()
            && read_due.wanted.len() > 1
        {
            // One query is refused, or matches too much: the others shall not suffer for it.
            reads.extend(read_due.one_by_one());
            continue;
        }
        match &outcome {
            Ok(end) => brought.source = Some(end.status.clone()),
            // Told with the objective it is about.
            Err(error) if error.blames_one_query() => {}
            Err(error) => {
                tracing::warn!(error = %error.words(), "samples cannot be read");
                brought.failure = Some(error.words());
            }
        }
        let end = outcome.map_err(|error| error.words());
        core.memory.lock().finish(&read_due, &end);
    }
}

async fn read_into_memory(core: &ManagerCore, due: &Arc<DueRead>) -> Result<ReadEnd, SlaError> {
    let mut parts = ReadParts::new(core.peer.clone(), due.plan.clone());
    while let Some(part) = parts.next().await? {
        let (memory, due) = (core.memory.clone(), due.clone());
        let absorbing = core.judging.run(move || memory.lock().absorb(&due, &part));
        absorbing.await??;
    }
    Ok(parts.end)
}
