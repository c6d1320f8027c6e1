//! One connection that writes, a few that read. Writers never wait for readers nor readers for writers (WAL).

use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, Transaction, TransactionBehavior};
use sla_runtime::blocking;
use sla_runtime::pool::panic_text;
use tokio::sync::{Mutex as Turn, Semaphore};

use super::opening::{Opened, open_reader};
use super::place::Place;
use crate::error::StoreError;
use crate::failpoint;
use crate::trouble::Trouble;

/// How long a write may wait for its turn; below the write deadline of 10 s.
const TURN_TIMEOUT: Duration = Duration::from_secs(8);

/// The connections of one open database.
#[derive(Debug)]
pub(crate) struct Connections {
    readers: Arc<Readers>,
    /// Writes take turns, first come, first served. `None` after closing. Dropped after the readers: the lock goes last.
    writer: Arc<Turn<Option<Writer>>>,
    trouble: Trouble,
    place: Place,
}

/// The connection that writes, and what keeps other processes out for as long as it is there.
#[derive(Debug)]
struct Writer {
    connection: Connection,
    lock: File,
}

#[derive(Debug)]
struct Readers {
    path: PathBuf,
    permits: Arc<Semaphore>,
    /// Open connections that nobody uses. Never locked across an await.
    idle: Mutex<Vec<Connection>>,
}

impl Connections {
    pub(crate) fn start(opened: Opened, readers: usize, trouble: Trouble) -> Self {
        let Opened {
            writer: connection,
            path,
            place,
            lock,
            unwritable,
        } = opened;
        if let Some(error) = unwritable {
            trouble.note(&Err::<(), _>(error));
        }
        Self {
            writer: Arc::new(Turn::new(Some(Writer { connection, lock }))),
            readers: Arc::new(Readers {
                path,
                permits: Arc::new(Semaphore::new(readers.max(1))),
                idle: Mutex::new(Vec::new()),
            }),
            trouble,
            place,
        }
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
        let turn = Arc::clone(&self.writer).lock_owned();
        let mut writer = tokio::time::timeout(TURN_TIMEOUT, turn)
            .await
            .map_err(|_| StoreError::Busy {
                waited_ms: TURN_TIMEOUT.as_millis() as u64,
            })?;
        // A caller that goes away does not hear of it; what was committed stays.
        let write = blocking::run(move || {
            let writer = writer.as_mut().ok_or(StoreError::Closed)?;
            guarded(|| work(&mut writer.connection))
        });
        write.await.map_err(|_| StoreError::Closed)?
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
        let task = blocking::run(move || {
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
        let mut writer = Arc::clone(&self.writer).lock_owned().await;
        let readers = Arc::clone(&self.readers);
        let closing = blocking::run(move || {
            // Readers first: the last connection to close folds the write-ahead log into the file.
            readers.permits.close();
            readers.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
            let Some(Writer { connection, lock }) = writer.take() else {
                return;
            };
            if let Err((_, error)) = connection.close() {
                tracing::warn!(%error, "the database was not closed cleanly");
            }
            drop(lock);
        });
        if closing.await.is_err() {
            tracing::warn!("closing the database crashed");
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
        Connections::start(open(directory, 1).unwrap(), 1, Trouble::new(clock))
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
