//! A copy of the database every day, without anybody asking.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use sla_domain::Clock;
use sla_runtime::status::chain;
use sla_runtime::{Parts, blocking};

use crate::sqlite::backup;

/// Pause between two looks whether a copy is due; the first comes after one, so a start is never behind it.
const LOOK_EVERY: Duration = Duration::from_mins(10);
/// Age at which the newest copy is followed by another, milliseconds.
const EVERY_MS: i64 = 24 * 3_600_000;

/// Makes a copy of the database in `data_dir` every day, until the process ends.
pub fn keep_copies(data_dir: PathBuf, parts: &Parts) {
    let copies = daily(data_dir, Arc::clone(&parts.clock));
    let token = parts.shutdown.token().clone();
    parts.shutdown.spawn("storage-backups", async move {
        tokio::select! {
            () = token.cancelled() => {}
            () = copies => {}
        }
    });
}

/// Makes copies until it is dropped.
async fn daily(data_dir: PathBuf, clock: Arc<dyn Clock>) {
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        let (folder, now_ms) = (data_dir.clone(), clock.now_ms());
        if !is_due(backup::list(&folder).first().map(|newest| newest.made_ms), now_ms) {
            continue;
        }
        match blocking::run(move || backup::take(&folder, now_ms)).await {
            Ok(Ok(made)) => tracing::info!(file = %made.path.display(), bytes = made.bytes, "the database was copied"),
            Ok(Err(error)) => tracing::warn!(error = chain(&error), "no copy of the database was made"),
            Err(error) => tracing::error!(%error, "the copy of the database crashed"),
        }
    }
}

/// A copy from the future, made while the clock was wrong, counts for nothing.
fn is_due(newest_ms: Option<i64>, now_ms: i64) -> bool {
    newest_ms.is_none_or(|made| now_ms - made >= EVERY_MS || made - now_ms > EVERY_MS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_is_due_once_a_day() {
        let now = 100 * EVERY_MS;
        for (newest, due) in [
            (None, true),
            (Some(now), false),
            (Some(now - EVERY_MS + 1), false),
            (Some(now - EVERY_MS), true),
            (Some(now + 2 * EVERY_MS), true),
        ] {
            assert_eq!(is_due(newest, now), due, "{newest:?}");
        }
    }
}
