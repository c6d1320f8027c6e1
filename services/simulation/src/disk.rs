//! The disk below the database: a decorator of the database's port that fails as disks do, and the image that a death
//! leaves behind.

use std::collections::VecDeque;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use sla_domain::Clock;
use sla_storage::StoreError;
use sla_storage::options::DATABASE_FILE;
use sla_storage::sqlite::Sqlite;
use sla_storage::transaction::{Database, Space, Subject, Transaction};
use sla_storage::trouble::Trouble;
use tokio::sync::Notify;

use crate::bug::Bug;
use crate::fault::DiskMood;
use crate::weather::Weather;

/// With [`Bug::NotFlushed`] this much of the log is not on the disk when the process dies, milliseconds.
const UNFLUSHED_MS: i64 = 8_000;

/// How the files stood after a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Mark {
    at_ms: i64,
    log_bytes: u64,
    /// When the database file itself was written last.
    folded: (i64, i64),
}

#[derive(Debug, Default)]
struct State {
    /// Where a torn write began and ended in the log, bytes.
    torn: Option<(u64, u64)>,
    marks: VecDeque<Mark>,
}

/// What happens to the writes of one life. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Disk {
    pub(crate) folder: PathBuf,
    weather: Arc<Weather>,
    clock: Arc<dyn Clock>,
    bug: Option<Bug>,
    state: Arc<Mutex<State>>,
    /// The process died in the middle of a write.
    pub(crate) died: Arc<Notify>,
}

impl Disk {
    pub(crate) fn new(folder: PathBuf, weather: Arc<Weather>, clock: Arc<dyn Clock>, bug: Option<Bug>) -> Self {
        Self {
            folder,
            weather,
            clock,
            bug,
            state: Arc::default(),
            died: Arc::default(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn mark(&self) -> Mark {
        let log_bytes = fs::metadata(log_of(&self.folder)).map_or(0, |log| log.len());
        let folded =
            fs::metadata(self.folder.join(DATABASE_FILE)).map_or((0, 0), |file| (file.mtime(), file.mtime_nsec()));
        Mark {
            at_ms: self.clock.now_ms(),
            log_bytes,
            folded,
        }
    }

    fn note(&self) {
        let mark = self.mark();
        let mut state = self.state();
        state.marks.push_back(mark);
        while state.marks.len() > 2_000 {
            state.marks.pop_front();
        }
    }

    /// Leaves in `to` what the disk holds when the process dies now.
    pub(crate) fn image(&self, to: &Path) -> std::io::Result<()> {
        copy(&self.folder, to)?;
        let log = log_of(to);
        let torn = self.state().torn.take();
        if let Some((begin, end)) = torn {
            let kept = begin + self.weather.below(end - begin + 1);
            let file = OpenOptions::new().write(true).open(&log)?;
            file.set_len(kept)?;
            if self.weather.chance(50) {
                // What is not written yet may hold anything.
                let mut file = OpenOptions::new().append(true).open(&log)?;
                file.write_all(&vec![0x5a; (end - kept) as usize])?;
            }
        }
        if self.bug == Some(Bug::NotFlushed) && torn.is_none() {
            let now = self.mark();
            let state = self.state();
            let flushed = state
                .marks
                .iter()
                .rev()
                .find(|mark| mark.at_ms <= now.at_ms - UNFLUSHED_MS);
            if let Some(flushed) = flushed.filter(|mark| mark.folded == now.folded && mark.log_bytes < now.log_bytes) {
                OpenOptions::new().write(true).open(&log)?.set_len(flushed.log_bytes)?;
            }
        }
        Ok(())
    }

    /// Another file stands where the database was: that of an older image, as under a mount that went away.
    pub(crate) fn swap(&self, away: &Path) -> std::io::Result<()> {
        fs::rename(&self.folder, away)?;
        copy(away, &self.folder)
    }
}

/// The write-ahead log in `folder`.
fn log_of(folder: &Path) -> PathBuf {
    folder.join(format!("{DATABASE_FILE}-wal"))
}

fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    fs::DirBuilder::new().mode(0o700).create(to)?;
    for name in [DATABASE_FILE.to_owned(), format!("{DATABASE_FILE}-wal")] {
        let file = from.join(&name);
        if file.exists() {
            fs::copy(file, to.join(name))?;
        }
    }
    Ok(())
}

/// The database on such a disk.
#[derive(Clone)]
pub(crate) struct OnDisk {
    inner: Sqlite,
    disk: Disk,
}

impl OnDisk {
    pub(crate) fn new(inner: Sqlite, disk: Disk) -> Self {
        Self { inner, disk }
    }

    /// As before F10 was mended: committed, and nobody looks whether the file has a name.
    async fn write_blindly<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: Fn(&mut dyn Transaction) -> Result<T, StoreError> + Send + 'static,
    {
        let done = Arc::new(Mutex::new(None));
        let value = done.clone();
        let keeping = move |tx: &mut dyn Transaction| {
            let made = work(tx)?;
            *value.lock().unwrap_or_else(PoisonError::into_inner) = Some(made);
            Ok(())
        };
        match self.inner.write(keeping).await {
            Ok(()) | Err(StoreError::Gone { .. }) => {
                let made = done.lock().unwrap_or_else(PoisonError::into_inner).take();
                made.ok_or(StoreError::Closed)
            }
            Err(error) => Err(error),
        }
    }
}

fn full() -> StoreError {
    StoreError::DiskFull("no space left on the simulated disk".into())
}

fn failed() -> StoreError {
    StoreError::Disk("the simulated disk failed".into())
}

#[async_trait]
impl Database for OnDisk {
    async fn write<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: Fn(&mut dyn Transaction) -> Result<T, StoreError> + Send + 'static,
    {
        let outcome = match self.disk.weather.mood().disk {
            DiskMood::Full if self.disk.bug == Some(Bug::RefusedButStored) => {
                self.inner.write(work).await?;
                Err(full())
            }
            DiskMood::Full => self.inner.write(move |tx| work(tx).and_then(|_| Err(full()))).await,
            DiskMood::Failing(percent) if self.disk.weather.chance(percent) => {
                self.inner.write(move |tx| work(tx).and_then(|_| Err(failed()))).await
            }
            DiskMood::Tearing => {
                let before = self.disk.mark();
                let outcome = self.inner.write(work).await;
                let after = self.disk.mark();
                if outcome.is_ok() && after.log_bytes > before.log_bytes && after.folded == before.folded {
                    self.disk.weather.torn();
                    self.disk.state().torn = Some((before.log_bytes, after.log_bytes));
                    self.disk.died.notify_one();
                    // Nobody hears of it.
                    return std::future::pending().await;
                }
                outcome
            }
            _ if self.disk.bug == Some(Bug::GoneAcknowledged) => self.write_blindly(work).await,
            _ => self.inner.write(work).await,
        };
        self.disk.note();
        outcome
    }

    async fn read<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: Fn(&mut dyn Transaction) -> Result<T, StoreError> + Send + 'static,
    {
        self.inner.read(work).await
    }

    fn written(&self, subject: Subject) -> Option<u64> {
        self.inner.written(subject)
    }

    async fn try_write(&self) -> Result<(), StoreError> {
        match self.disk.weather.mood().disk {
            DiskMood::Full => self.inner.write(|_| Err(full())).await,
            DiskMood::Failing(percent) if self.disk.weather.chance(percent) => {
                self.inner.write(|_| Err(failed())).await
            }
            _ => self.inner.try_write().await,
        }
    }

    async fn space(&self) -> Result<Space, StoreError> {
        self.inner.space().await
    }

    async fn give_back(&self, max_bytes: u64) -> Result<bool, StoreError> {
        self.inner.give_back(max_bytes).await
    }

    fn trouble(&self) -> &Trouble {
        self.inner.trouble()
    }

    async fn close(&self) {
        self.inner.close().await;
    }
}
