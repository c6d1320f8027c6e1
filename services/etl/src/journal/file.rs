//! The daily log file. `tracing_appender` writes it by a thread of its own, so that a slow disk holds up nobody; its rolling
//! files know neither a cap nor our clock, which is why the file itself is ours.

use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::line::{Line, day_of};

/// How much of today's file is read back after a restart, bytes.
const TAIL_BYTES: u64 = 256 << 10;
/// File names: prefix, date, suffix.
const PREFIX: &str = "etl-";
const SUFFIX: &str = ".log";
/// Bytes of a date, with which each line begins.
const DATE_BYTES: usize = 10;

fn path_of(directory: &Path, day: &str) -> PathBuf {
    directory.join(format!("{PREFIX}{day}{SUFFIX}"))
}

/// The last lines of the day's file; what cannot be read is left out: a log is no database.
pub(super) fn tail(directory: &Path, now_ms: i64, most: usize) -> VecDeque<Line> {
    let read = || -> std::io::Result<Vec<u8>> {
        let mut file = File::open(path_of(directory, &day_of(now_ms)))?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(TAIL_BYTES)))?;
        let mut bytes = Vec::new();
        file.take(TAIL_BYTES).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let bytes = read().unwrap_or_default();
    let mut lines: VecDeque<Line> = String::from_utf8_lossy(&bytes)
        .lines()
        .filter_map(Line::parse)
        .collect();
    while lines.len() > most {
        lines.pop_front();
    }
    lines
}

struct OpenFile {
    path: PathBuf,
    file: File,
    bytes: u64,
}

/// One file a day, each up to a cap, the newest days kept. Takes a whole line at a time.
pub(super) struct DailyFile {
    directory: PathBuf,
    file_bytes: u64,
    days: usize,
    open: Option<OpenFile>,
    /// Lines that were not written.
    lost: Arc<AtomicU64>,
}

impl DailyFile {
    pub(super) fn new(directory: PathBuf, file_bytes: u64, days: usize, lost: Arc<AtomicU64>) -> Self {
        Self {
            directory,
            file_bytes,
            days: days.max(1),
            open: None,
            lost,
        }
    }

    fn append(&mut self, line: &[u8]) -> std::io::Result<()> {
        let day = line.get(..DATE_BYTES).unwrap_or_default();
        let path = path_of(&self.directory, &String::from_utf8_lossy(day));
        if self.open.as_ref().is_none_or(|open| open.path != path) {
            let file = OpenOptions::new().create(true).append(true).mode(0o600).open(&path)?;
            let bytes = file.metadata()?.len();
            self.open = Some(OpenFile { path, file, bytes });
            self.remove_old();
        }
        let Some(open) = self.open.as_mut() else { return Ok(()) };
        if open.bytes.saturating_add(line.len() as u64) <= self.file_bytes {
            open.file.write_all(line)?;
            open.bytes += line.len() as u64;
            return Ok(());
        }
        self.lost.fetch_add(1, Ordering::Relaxed);
        if open.bytes <= self.file_bytes {
            // The first line that has no room: it is told once, beyond the cap.
            let time = line.split(|&byte| byte == b' ').next().unwrap_or_default();
            let time = String::from_utf8_lossy(time);
            let cap = self.file_bytes;
            writeln!(
                open.file,
                "{time} warn the log of this day has reached its cap of {cap} bytes"
            )?;
            open.bytes = u64::MAX;
        }
        Ok(())
    }

    /// Keeps the newest days; names sort by date.
    fn remove_old(&self) {
        let Ok(entries) = std::fs::read_dir(&self.directory) else {
            return;
        };
        let mut ours: Vec<PathBuf> = entries
            .flatten()
            .map(|entry| entry.path())
            .filter(|path| {
                path.file_name()
                    .and_then(|name| name.to_str())
                    .and_then(|name| name.strip_prefix(PREFIX)?.strip_suffix(SUFFIX))
                    .is_some_and(|date| chrono::NaiveDate::parse_from_str(date, "%Y-%m-%d").is_ok())
            })
            .collect();
        ours.sort();
        let surplus = ours.len().saturating_sub(self.days);
        for path in &ours[..surplus] {
            let _ = std::fs::remove_file(path);
        }
    }
}

impl Write for DailyFile {
    fn write(&mut self, line: &[u8]) -> std::io::Result<usize> {
        if self.append(line).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
            // The file may have been removed under us: open it anew next time.
            self.open = None;
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
