//! Older history, read in the background.

use std::sync::Weak;
use std::time::Duration;

use sla_domain::Labels;
use sla_source::Call;
use tokio::sync::mpsc;

use super::memory::SampleMemory;
use crate::health::Asked;
use crate::options::QUIET_START;

/// Batches of series that wait for their older history.
pub(super) const BACKFILL_QUEUE: usize = 64;
/// Series whose older history is read at once; in between others get their turn.
const BACKFILL_SERIES: usize = 200;
/// Pause between two such reads.
const BACKFILL_PAUSE: Duration = Duration::from_millis(200);
/// Limit of one such read.
const BACKFILL_LIMIT: Duration = Duration::from_mins(1);
/// How often one such read is tried.
const BACKFILL_ATTEMPTS: u32 = 3;
/// How often the cache is swept for series that nobody reads any more.
const SWEEP_EVERY: Duration = Duration::from_mins(5);

/// Reads older history in the background and forgets what nobody wants any more; ends when the reader is gone.
pub(super) async fn backfill_worker(memory: Weak<SampleMemory>, mut queue: mpsc::Receiver<Vec<Labels>>) {
    // The first screen comes first.
    tokio::time::sleep(QUIET_START).await;
    let mut sweep = tokio::time::interval(SWEEP_EVERY);
    loop {
        tokio::select! {
            batch = queue.recv() => {
                let Some(batch) = batch else { return };
                for part in batch.chunks(BACKFILL_SERIES) {
                    let Some(memory) = memory.upgrade() else { return };
                    backfill(&memory, part).await;
                    drop(memory);
                    tokio::time::sleep(BACKFILL_PAUSE).await;
                }
            }
            _ = sweep.tick() => {
                let Some(memory) = memory.upgrade() else { return };
                let wanted = memory.remembered().membership.wanted();
                memory.cache.retain(|_, labels| wanted.contains(labels));
            }
        }
    }
}

async fn backfill(memory: &SampleMemory, series: &[Labels]) {
    for _ in 0..BACKFILL_ATTEMPTS {
        if let Some(due) = memory.health.next_attempt() {
            tokio::time::sleep_until(due).await;
        }
        match memory.cache.extend_back(series, &Call::within(BACKFILL_LIMIT)).await {
            Ok(done) => {
                memory.metrics.source_bytes.inc_by(done.bytes);
                // Of these series, and the next ones are others: it is not taken back by their answer.
                if !done.warnings.is_empty() {
                    memory.health.warned(Asked::History, "", &done.warnings);
                }
                return;
            }
            Err(error) => {
                tracing::debug!(%error, series = series.len(), "older history could not be read");
                memory.failed(&error);
            }
        }
    }
}
