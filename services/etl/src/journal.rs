//! The runs' log: the last lines in memory for the console, all of them in one file a day with a size cap.

mod file;
mod line;

use std::collections::VecDeque;
use std::io::Write as _;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sla_domain::{Clock, SafeText};
use tracing_appender::non_blocking::{NonBlocking, NonBlockingBuilder, WorkerGuard};

use crate::error::EtlError;
use file::DailyFile;

pub use line::{Level, Line, MAX_LINE_CHARS};

/// Lines kept in memory.
pub const MAX_LINES: usize = 5_000;
/// Lines that wait for the disk; more are dropped and counted.
const QUEUED_LINES: usize = 1_024;

/// The file and the thread that writes it; ends, with everything written, when it is dropped.
struct LogFile {
    writer: NonBlocking,
    /// Lines the disk or the cap refused; the writer counts those that found no place in its queue.
    refused: Arc<AtomicU64>,
    _thread: WorkerGuard,
}

/// Takes lines from anywhere and never waits. Cheap to clone.
#[derive(Clone)]
pub struct Journal {
    lines: Arc<Mutex<VecDeque<Line>>>,
    file: Option<Arc<LogFile>>,
    clock: Arc<dyn Clock>,
}

impl std::fmt::Debug for Journal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Journal")
            .field("file", &self.file.is_some())
            .finish_non_exhaustive()
    }
}

impl Journal {
    /// A journal in memory only.
    pub fn in_memory(clock: Arc<dyn Clock>) -> Self {
        Self {
            lines: Arc::default(),
            file: None,
            clock,
        }
    }

    /// A journal that also writes `directory/etl-YYYY-MM-DD.log` (UTC), each at most `file_bytes` long, the newest `days` of
    /// them kept. The tail of today's file is read back, so that a restart does not empty the screen.
    pub fn open(directory: &Path, file_bytes: u64, days: usize, clock: Arc<dyn Clock>) -> Result<Self, EtlError> {
        let unusable = |cause: std::io::Error| EtlError::LogDirectory {
            path: directory.to_owned(),
            cause: Arc::new(cause),
        };
        let mut folder = std::fs::DirBuilder::new();
        folder.recursive(true).mode(0o700).create(directory).map_err(unusable)?;
        let lines = file::tail(directory, clock.now_ms(), MAX_LINES);
        let refused = Arc::new(AtomicU64::new(0));
        let file = DailyFile::new(directory.to_owned(), file_bytes, days, refused.clone());
        let (writer, thread) = NonBlockingBuilder::default()
            .buffered_lines_limit(QUEUED_LINES)
            .thread_name("etl-log")
            .finish(file);
        let file = LogFile {
            writer,
            refused,
            _thread: thread,
        };
        Ok(Self {
            lines: Arc::new(Mutex::new(lines)),
            file: Some(Arc::new(file)),
            clock,
        })
    }

    fn lines(&self) -> MutexGuard<'_, VecDeque<Line>> {
        // A ring of finished lines is never half written.
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a line about a run ("" for none); outside text in it is made harmless.
    pub fn write(&self, level: Level, run_id: &str, text: &str) {
        let line = Line {
            time_ms: self.clock.now_ms(),
            level,
            text: SafeText::with_limit(text, MAX_LINE_CHARS),
            run_id: run_id.to_owned(),
        };
        if let Some(file) = &self.file {
            // Never waits and never fails: what finds no place is counted by the writer.
            let _ = file.writer.clone().write_all(line.format().as_bytes());
        }
        let mut lines = self.lines();
        if lines.len() == MAX_LINES {
            lines.pop_front();
        }
        lines.push_back(line);
    }

    /// The last `count` lines, oldest first; of one run where `run_id` is not empty.
    pub fn tail(&self, run_id: &str, count: usize) -> Vec<Line> {
        let lines = self.lines();
        let mut out: Vec<Line> = lines
            .iter()
            .rev()
            .filter(|line| run_id.is_empty() || line.run_id == run_id)
            .take(count)
            .cloned()
            .collect();
        out.reverse();
        out
    }

    /// Lines the file did not take: the disk was slow, full or the day's cap was reached.
    pub fn lines_lost(&self) -> u64 {
        let lost = |file: &Arc<LogFile>| {
            let dropped = file.writer.error_counter().dropped_lines() as u64;
            file.refused.load(Ordering::Relaxed) + dropped
        };
        self.file.as_ref().map_or(0, lost)
    }
}

#[cfg(test)]
mod tests;
