//! The daily log file, written by a thread of its own so that a slow disk holds up nobody.

use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use chrono::{DateTime, SecondsFormat, Utc};
use sla_domain::SafeText;

use super::{Level, Line, MAX_LINE_CHARS};

/// Lines that wait for the disk; more are dropped and counted.
const QUEUED_LINES: usize = 1_024;
/// How much of today's file is read back after a restart, bytes.
const TAIL_BYTES: u64 = 256 << 10;
/// File names: prefix, date, suffix.
const PREFIX: &str = "etl-";
const SUFFIX: &str = ".log";

fn instant(time_ms: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(time_ms).unwrap_or_default()
}

fn path_of(directory: &Path, time_ms: i64) -> PathBuf {
    directory.join(format!("{PREFIX}{}{SUFFIX}", instant(time_ms).format("%Y-%m-%d")))
}

/// `2026-11-20T16:00:00.000Z info run=<id> text`, the run left out where there is none.
fn format(line: &Line) -> String {
    let time = instant(line.time_ms).to_rfc3339_opts(SecondsFormat::Millis, true);
    let run = if line.run_id.is_empty() {
        String::new()
    } else {
        format!("run={} ", line.run_id)
    };
    format!("{time} {} {run}{}\n", line.level.word(), line.text)
}

fn parse(text: &str) -> Option<Line> {
    let (time, rest) = text.split_once(' ')?;
    let (level, rest) = rest.split_once(' ').unwrap_or((rest, ""));
    let (run_id, text) = match rest.strip_prefix("run=") {
        Some(rest) => rest.split_once(' ').unwrap_or((rest, "")),
        None => ("", rest),
    };
    Some(Line {
        time_ms: DateTime::parse_from_rfc3339(time).ok()?.timestamp_millis(),
        level: Level::from_word(level)?,
        text: SafeText::with_limit(text, MAX_LINE_CHARS),
        run_id: run_id.to_owned(),
    })
}

/// The last lines of the day's file; what cannot be read is left out: a log is no database.
pub(super) fn tail(directory: &Path, now_ms: i64, most: usize) -> VecDeque<Line> {
    let read = || -> std::io::Result<Vec<u8>> {
        let mut file = File::open(path_of(directory, now_ms))?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(TAIL_BYTES)))?;
        let mut bytes = Vec::new();
        file.take(TAIL_BYTES).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let bytes = read().unwrap_or_default();
    let mut lines: VecDeque<Line> = String::from_utf8_lossy(&bytes).lines().filter_map(parse).collect();
    while lines.len() > most {
        lines.pop_front();
    }
    lines
}

/// Writes lines in the background; ends, with everything written, when it is dropped.
pub(super) struct FileWriter {
    queue: Option<SyncSender<Line>>,
    thread: Option<JoinHandle<()>>,
    lost: Arc<AtomicU64>,
}

impl FileWriter {
    pub(super) fn start(directory: PathBuf, file_bytes: u64, days: usize) -> std::io::Result<Self> {
        let (queue, lines) = sync_channel(QUEUED_LINES);
        let lost = Arc::new(AtomicU64::new(0));
        let counter = lost.clone();
        let thread = std::thread::Builder::new().name("etl-log".into()).spawn(move || {
            DailyFile {
                directory,
                file_bytes,
                days: days.max(1),
                open: None,
                lost: counter,
            }
            .run(&lines);
        })?;
        Ok(Self {
            queue: Some(queue),
            thread: Some(thread),
            lost,
        })
    }

    pub(super) fn send(&self, line: &Line) {
        let sent = self
            .queue
            .as_ref()
            .is_some_and(|queue| queue.try_send(line.clone()).is_ok());
        if !sent {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(super) fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }
}

impl Drop for FileWriter {
    fn drop(&mut self) {
        drop(self.queue.take());
        if let Some(thread) = self.thread.take() {
            // A panic of the writer has been reported by its hook; there is nobody left to tell.
            let _ = thread.join();
        }
    }
}

struct OpenFile {
    path: PathBuf,
    file: File,
    bytes: u64,
    /// The line that says the cap was reached is there.
    closed: bool,
}

struct DailyFile {
    directory: PathBuf,
    file_bytes: u64,
    days: usize,
    open: Option<OpenFile>,
    lost: Arc<AtomicU64>,
}

impl DailyFile {
    fn run(&mut self, lines: &Receiver<Line>) {
        for line in lines {
            if self.write(&line).is_err() {
                self.lost.fetch_add(1, Ordering::Relaxed);
                // The file may have been removed under us: open it anew next time.
                self.open = None;
            }
        }
    }

    fn write(&mut self, line: &Line) -> std::io::Result<()> {
        let path = path_of(&self.directory, line.time_ms);
        if self.open.as_ref().is_none_or(|open| open.path != path) {
            let file = OpenOptions::new().create(true).append(true).open(&path)?;
            let bytes = file.metadata()?.len();
            self.open = Some(OpenFile {
                path,
                file,
                bytes,
                closed: bytes >= self.file_bytes,
            });
            self.remove_old();
        }
        let Some(open) = self.open.as_mut() else { return Ok(()) };
        if open.closed {
            self.lost.fetch_add(1, Ordering::Relaxed);
            return Ok(());
        }
        let mut text = format(line);
        if open.bytes + text.len() as u64 > self.file_bytes {
            open.closed = true;
            self.lost.fetch_add(1, Ordering::Relaxed);
            let notice = Line {
                level: Level::Warn,
                text: SafeText::new(&format!(
                    "the log of this day has reached its cap of {} bytes",
                    self.file_bytes
                )),
                run_id: String::new(),
                ..line.clone()
            };
            text = format(&notice);
        }
        open.file.write_all(text.as_bytes())?;
        open.bytes += text.len() as u64;
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
