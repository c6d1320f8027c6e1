//! One thread that writes, a few connections that read. Writers never wait for readers nor readers for writers (WAL).

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::{Connection, Transaction, TransactionBehavior};
use sla_runtime::pool::panic_text;
use tokio::sync::{Semaphore, mpsc, oneshot};

use super::opening::{Opened, open_reader};
use super::place::Place;
use crate::error::StoreError;
use crate::failpoint;
use crate::trouble::Trouble;

/// Writes that may wait for the writer.
const WRITE_QUEUE: usize = 64;
/// How long a write may wait for its place in that queue; below the write deadline of 10 s.
const QUEUE_TIMEOUT: Duration = Duration::from_secs(8);

type Job = Box<dyn FnOnce(&mut Connection) + Send>;

/// The connections of one open database.
#[derive(Debug)]
pub(crate) struct Connections {
    /// `None` after closing.
    jobs: Mutex<Option<mpsc::Sender<Job>>>,
    writer: Mutex<Option<JoinHandle<()>>>,
    readers: Arc<Readers>,
    trouble: Trouble,
    place: Place,
}

#[derive(Debug)]
struct Readers {
    path: PathBuf,
    permits: Arc<Semaphore>,
    /// Open connections that nobody uses. Never locked across an await.
    idle: Mutex<Vec<Connection>>,
}

impl Connections {
    pub(crate) fn start(opened: Opened, readers: usize, trouble: Trouble) -> Result<Self, StoreError> {
        let Opened {
            writer: mut connection,
            path,
            place,
            lock,
            unwritable,
        } = opened;
        if let Some(error) = unwritable {
            trouble.note(&Err::<(), _>(error));
        }
        let (jobs, mut queue) = mpsc::channel::<Job>(WRITE_QUEUE);
        let readers = Arc::new(Readers {
            path: path.clone(),
            permits: Arc::new(Semaphore::new(readers.max(1))),
            idle: Mutex::new(Vec::new()),
        });
        let idle = Arc::clone(&readers);
        let writer = std::thread::Builder::new()
            .name("sla-storage-writer".to_owned())
            .spawn(move || {
                while let Some(job) = queue.blocking_recv() {
                    job(&mut connection);
                }
                // Readers first: the last connection to close folds the write-ahead log into the file.
                idle.permits.close();
                idle.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
                if let Err((_, error)) = connection.close() {
                    tracing::warn!(%error, "the database was not closed cleanly");
                }
                drop(lock);
            })
            .map_err(|source| StoreError::File {
                action: "start the writer of",
                path,
                source,
            })?;
        Ok(Self {
            jobs: Mutex::new(Some(jobs)),
            writer: Mutex::new(Some(writer)),
            readers,
            trouble,
            place,
        })
    }

    /// How writes have ended lately.
    pub(crate) fn trouble(&self) -> &Trouble {
        &self.trouble
    }

    /// Runs `work` in one IMMEDIATE transaction on the writer and commits when it succeeds. When this returns `Ok` the
    /// change is on the disk. Dropping the future does not stop a write that has begun.
    pub(crate) async fn write<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Transaction<'_>) -> Result<T, StoreError> + Send + 'static,
    {
        let (trouble, place) = (self.trouble.clone(), self.place.clone());
        self.on_writer(move |connection| {
            // Committed is not enough: a file without a name keeps nothing beyond this process.
            let outcome = in_transaction(connection, work).and_then(|value| place.check().map(|()| value));
            trouble.note(&outcome);
            outcome
        })
        .await
    }

    /// Runs `work` on the writer's connection, outside a transaction: checkpoints, vacuum.
    pub(crate) async fn on_writer<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Connection) -> Result<T, StoreError> + Send + 'static,
    {
        let jobs = self
            .jobs
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
            .ok_or(StoreError::Closed)?;
        let (answer, answered) = oneshot::channel();
        let job: Job = Box::new(move |connection| {
            let result = guarded(|| work(connection));
            // A caller that has gone does not hear of it; what was committed stays.
            drop(answer.send(result));
        });
        jobs.send_timeout(job, QUEUE_TIMEOUT)
            .await
            .map_err(|error| match error {
                mpsc::error::SendTimeoutError::Timeout(_) => StoreError::Busy {
                    waited_ms: QUEUE_TIMEOUT.as_millis() as u64,
                },
                mpsc::error::SendTimeoutError::Closed(_) => StoreError::Closed,
            })?;
        answered.await.map_err(|_| StoreError::Closed)?
    }

    /// Runs `work` on a reading connection, in one snapshot of the database.
    pub(crate) async fn read<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Transaction<'_>) -> Result<T, StoreError> + Send + 'static,
    {
        let readers = Arc::clone(&self.readers);
        let permit = Arc::clone(&readers.permits)
            .acquire_owned()
            .await
            .map_err(|_| StoreError::Closed)?;
        let task = tokio::task::spawn_blocking(move || {
            let idle = readers.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let result = guarded(|| {
                let mut connection = match idle {
                    Some(connection) => connection,
                    None => open_reader(&readers.path)?,
                };
                let transaction = connection.transaction()?;
                let value = work(&transaction);
                drop(transaction);
                // A connection whose work crashed is not put back.
                if !readers.permits.is_closed() {
                    readers
                        .idle
                        .lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .push(connection);
                }
                value
            });
            drop(permit);
            result
        });
        task.await.map_err(|_| StoreError::Closed)?
    }

    /// Ends the writer after the writes that wait, and folds the write-ahead log into the file.
    pub(crate) async fn close(&self) {
        drop(self.jobs.lock().unwrap_or_else(PoisonError::into_inner).take());
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(writer) = writer {
            let ended = tokio::task::spawn_blocking(move || writer.join().is_ok()).await;
            if !matches!(ended, Ok(true)) {
                tracing::warn!("the writer of the database did not end cleanly");
            }
        }
    }
}

fn in_transaction<T>(
    connection: &mut Connection,
    work: impl FnOnce(&Transaction<'_>) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    failpoint::pass(failpoint::BEGUN);
    let value = work(&transaction)?;
    failpoint::pass(failpoint::WRITTEN);
    transaction.commit()?;
    failpoint::pass(failpoint::COMMITTED);
    Ok(value)
}

/// A panic becomes an error of this one request.
fn guarded<T>(work: impl FnOnce() -> Result<T, StoreError>) -> Result<T, StoreError> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| Err(StoreError::Crashed(panic_text(&*panic))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sqlite::opening::open;

    fn connections(directory: &std::path::Path) -> Connections {
        let clock = std::sync::Arc::new(sla_domain::ManualClock::at(1));
        Connections::start(open(directory, 1).unwrap(), 1, Trouble::new(clock)).unwrap()
    }

    #[tokio::test]
    async fn a_crash_costs_one_request_and_its_transaction() {
        let directory = tempfile::tempdir().unwrap();
        let connections = connections(directory.path());
        let insert = "INSERT INTO retention_mark VALUES ('x', 1)";
        let crashed: Result<(), _> = connections
            .write(move |tx| {
                tx.execute(insert, [])?;
                panic!("boom")
            })
            .await;
        assert!(matches!(crashed, Err(StoreError::Crashed(text)) if text == "boom"));
        let crashed: Result<(), _> = connections.read(|_| panic!("bang")).await;
        assert!(matches!(crashed, Err(StoreError::Crashed(text)) if text == "bang"));
        // Nothing of it stayed, and both sides go on.
        connections.write(move |tx| Ok(tx.execute(insert, [])?)).await.unwrap();
        let count = |tx: &Transaction<'_>| -> Result<i64, StoreError> {
            Ok(tx.query_row("SELECT COUNT(*) FROM retention_mark", [], |row| row.get(0))?)
        };
        assert_eq!(connections.read(count).await.unwrap(), 1_i64);
        let refused = connections
            .read(move |tx| Ok(tx.execute("DELETE FROM retention_mark", [])?))
            .await;
        assert!(matches!(refused, Err(StoreError::ReadOnly(_))), "readers only read");
        connections.close().await;
        connections.close().await;
        assert!(matches!(connections.read(count).await, Err(StoreError::Closed)));
        assert!(matches!(connections.write(count).await, Err(StoreError::Closed)));
        assert!(
            !directory.path().join("sla.db-wal").exists(),
            "the log was folded into the file"
        );
    }
}
