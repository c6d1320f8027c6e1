//! One connection that writes, a few that read. Writers never wait for readers nor readers for writers (WAL).

use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, Transaction, TransactionBehavior};
use sla_runtime::blocking;
use sla_runtime::pool::panic_text;
use tokio::sync::{Mutex as Turn, Semaphore};

use super::opening::{Opened, open_reader, open_to_write};
use super::place::Place;
use super::written::Written;
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
    written: Written,
}

/// The connection that writes, and what keeps other processes out for as long as it is there.
#[derive(Debug)]
struct Writer {
    connection: Connection,
    lock: File,
    /// At the start the file could not be opened for writing: this connection only reads.
    only_reads: bool,
}

#[derive(Debug)]
struct Readers {
    path: PathBuf,
    permits: Arc<Semaphore>,
    /// Open connections that nobody uses. Never locked across an await.
    idle: Mutex<Idle>,
}

#[derive(Debug, Default)]
struct Idle {
    connections: Vec<Connection>,
    /// Grows when connections of before are of no use any more.
    generation: u64,
}

impl Readers {
    fn idle(&self) -> MutexGuard<'_, Idle> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Connections that are open or in use now are not used again.
    fn begin_anew(&self) {
        let mut idle = self.idle();
        idle.connections.clear();
        idle.generation += 1;
    }
}

impl Writer {
    /// A connection that only reads, for want of room at the start, gives way as soon as the file can be opened for writing.
    fn make_writable(&mut self, readers: &Readers, trouble: &Trouble) -> Result<(), StoreError> {
        if !self.only_reads {
            return Ok(());
        }
        let opened = open_to_write(&readers.path, trouble.now_ms());
        trouble.note(&opened);
        (self.connection, _) = opened?;
        self.only_reads = false;
        // Who could not write may have read the file without its log.
        readers.begin_anew();
        Ok(())
    }
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
        let only_reads = unwritable.is_some();
        if let Some(error) = unwritable {
            trouble.note(&Err::<(), _>(error));
        }
        let writer = Writer {
            connection,
            lock,
            only_reads,
        };
        Self {
            writer: Arc::new(Turn::new(Some(writer))),
            readers: Arc::new(Readers {
                path,
                permits: Arc::new(Semaphore::new(readers.max(1))),
                idle: Mutex::default(),
            }),
            trouble,
            place,
            written: Written::default(),
        }
    }

    /// What was written so far.
    pub(super) fn written(&self) -> &Written {
        &self.written
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
        let (trouble, place, written) = (self.trouble.clone(), self.place.clone(), self.written.clone());
        self.on_writer(move |connection| {
            let _counting = written.counting();
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
        let (readers, trouble) = (Arc::clone(&self.readers), self.trouble.clone());
        // A caller that goes away does not hear of it; what was committed stays.
        let write = blocking::run(move || {
            let writer = writer.as_mut().ok_or(StoreError::Closed)?;
            guarded(|| {
                writer.make_writable(&readers, &trouble)?;
                work(&mut writer.connection)
            })
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
            let (idle, generation) = {
                let mut idle = readers.idle();
                (idle.connections.pop(), idle.generation)
            };
            let result = guarded(|| {
                let mut connection = match idle {
                    Some(connection) => connection,
                    None => open_reader(&readers.path)?,
                };
                let transaction = connection.transaction()?;
                let value = work(&transaction);
                drop(transaction);
                // A connection whose work crashed is not put back.
                let mut idle = readers.idle();
                if !readers.permits.is_closed() && idle.generation == generation {
                    idle.connections.push(connection);
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
            readers.begin_anew();
            let Some(Writer { connection, lock, .. }) = writer.take() else {
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
