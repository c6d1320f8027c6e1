//! A copy of the database every day, without anybody asking.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use sla_domain::Clock;
use sla_runtime::status::chain;
use sla_runtime::{Parts, blocking};

use crate::sqlite::backup::{self, BackupFile};

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
        let copies = backup::list(&folder, now_ms);
        if !is_due(&copies, now_ms) {
            continue;
        }
        for copy in copies.iter().filter(|copy| copy.is_ahead) {
            tracing::warn!(
                file = %copy.path.display(),
                "a copy of the database is dated in the future: it counts as the oldest"
            );
        }
        match blocking::run(move || backup::take(&folder, now_ms)).await {
            Ok(Ok(made)) => tracing::info!(file = %made.path.display(), bytes = made.bytes, "the database was copied"),
            Ok(Err(error)) => tracing::warn!(error = chain(&error), "no copy of the database was made"),
            Err(error) => tracing::error!(%error, "the copy of the database crashed"),
        }
    }
}

/// A copy from the future, made while the clock was wrong, counts for nothing.
fn is_due(copies: &[BackupFile], now_ms: i64) -> bool {
    let newest = copies.iter().find(|copy| !copy.is_ahead);
    newest.is_none_or(|copy| now_ms - copy.made_ms >= EVERY_MS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_is_due_once_a_day() {
        let now = 100 * EVERY_MS;
        let copy = |(made_ms, is_ahead)| BackupFile {
            path: PathBuf::new(),
            made_ms,
            bytes: 0,
            is_ahead,
        };
        let ahead = (now + 2 * EVERY_MS, true);
        for (made, due) in [
            (vec![], true),
            (vec![(now, false)], false),
            (vec![(now - EVERY_MS + 1, false)], false),
            (vec![(now - EVERY_MS, false)], true),
            (vec![ahead], true),
            (vec![(now - 1, false), ahead], false),
        ] {
            let copies: Vec<BackupFile> = made.iter().copied().map(copy).collect();
            assert_eq!(is_due(&copies, now), due, "{made:?}");
        }
    }
}
