//! The runs' log: the last lines in memory for the console, all of them in one file a day with a size cap.

mod file;

use std::collections::VecDeque;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sla_domain::{Clock, SafeText};
use sla_proto::convert;
use sla_proto::etl::v1::LogLine;

use crate::error::EtlError;
use file::FileWriter;

/// Lines kept in memory.
pub const MAX_LINES: usize = 5_000;
/// Longest line, characters.
pub const MAX_LINE_CHARS: usize = 500;

/// How loud a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// What happened.
    Info,
    /// What to look at.
    Warn,
    /// What failed.
    Error,
}

impl Level {
    /// "info", "warn" or "error".
    pub fn word(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }

    fn from_word(word: &str) -> Option<Self> {
        [Self::Info, Self::Warn, Self::Error]
            .into_iter()
            .find(|level| level.word() == word)
    }
}

/// One line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Unix milliseconds.
    pub time_ms: i64,
    /// How loud.
    pub level: Level,
    /// Harmless text.
    pub text: SafeText,
    /// The run it is about; empty for none.
    pub run_id: String,
}

impl Line {
    /// As a message.
    pub fn to_message(&self) -> LogLine {
        LogLine {
            time: Some(convert::timestamp(self.time_ms)),
            level: self.level.word().to_owned(),
            text: self.text.as_str().to_owned(),
            run_id: self.run_id.clone(),
        }
    }
}

/// Takes lines from anywhere and never waits. Cheap to clone.
#[derive(Clone)]
pub struct Journal {
    lines: Arc<Mutex<VecDeque<Line>>>,
    file: Option<Arc<FileWriter>>,
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
        std::fs::create_dir_all(directory).map_err(unusable)?;
        let lines = file::tail(directory, clock.now_ms(), MAX_LINES);
        let writer = FileWriter::start(directory.to_owned(), file_bytes, days).map_err(unusable)?;
        Ok(Self {
            lines: Arc::new(Mutex::new(lines)),
            file: Some(Arc::new(writer)),
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
            file.send(&line);
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
        self.file.as_ref().map_or(0, |file| file.lost())
    }
}

#[cfg(test)]
mod tests;
