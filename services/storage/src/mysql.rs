//! The adapter for MySQL and MariaDB: a bounded number of connections to the node that takes writes, and another attempt
//! when writers met, a connection was lost or the primary moved.
//!
//! Why it blocks a thread for each transaction: see [`crate::transaction`].

mod error;
mod migration;
mod patience;
mod pool;
#[cfg(feature = "test-support")]
mod probe;
mod session;
mod statements;
mod words;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use sla_domain::Clock;
use sla_runtime::pool::panic_text;
use sla_runtime::status::chain;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;

use crate::error::StoreError;
use crate::server_place::ServerPlace;
use crate::store::SqlStore;
use crate::transaction::{Database, Space, Transaction};
use crate::trouble::Trouble;
use crate::value::values;
use error::{Failure, Verdict};
use patience::Patience;
use pool::Pool;
use session::Purpose;
use statements::MysqlTransaction;

/// Transactions that write at once.
const WRITERS: usize = 4;
/// Writes that may wait for their turn.
const WRITE_QUEUE: usize = 64;
/// How long a write waits for its turn, and then is tried; both together lie below the write deadline of 10 s.
const TURN_LIMIT: Duration = Duration::from_secs(2);
const WRITE_LIMIT: Duration = Duration::from_secs(7);
/// How long a read is tried; what is stored must answer within 2 s.
const READ_LIMIT: Duration = Duration::from_millis(1_800);
/// How long a server may be away when the role starts.
const START_LIMIT: Duration = Duration::from_secs(90);
/// Pause between two looks for it.
const START_PAUSE: Duration = Duration::from_millis(500);

/// A database on a server. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Mysql {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    pool: Pool,
    writers: Arc<Semaphore>,
    /// One place for each write that runs or waits.
    queue: Arc<Semaphore>,
    readers: Arc<Semaphore>,
    trouble: Trouble,
}

/// All stores in a database on a server.
pub type MysqlStore = SqlStore<Mysql>;

impl MysqlStore {
    /// Opens the database at `place` and migrates it. Waits for a server that is away, up to 90 s, and says so once; one that
    /// answers and cannot be used is refused at once. `readers` is the number of reads at once.
    pub async fn open(place: ServerPlace, readers: usize, clock: Arc<dyn Clock>) -> Result<Self, StoreError> {
        let database = Mysql::connect(place, readers, clock.clone(), START_LIMIT).await?;
        database.migrate(clock.now_ms(), migration::NEWEST).await?;
        Ok(Self::over(database, clock))
    }

    /// Whether the database at `place` could be opened now: logs in, and looks at the server and its schema. Changes nothing.
    pub async fn check(place: ServerPlace, clock: Arc<dyn Clock>) -> Result<(), StoreError> {
        let database = Mysql::connect(place, 1, clock, Duration::ZERO).await?;
        database.close().await;
        Ok(())
    }
}

impl Mysql {
    /// Logs in once, to find out whether it can.
    async fn connect(
        place: ServerPlace,
        readers: usize,
        clock: Arc<dyn Clock>,
        patience: Duration,
    ) -> Result<Self, StoreError> {
        let shared = Arc::new(Shared {
            pool: Pool::new(place, Handle::current()),
            writers: Arc::new(Semaphore::new(WRITERS)),
            queue: Arc::new(Semaphore::new(WRITERS + WRITE_QUEUE)),
            readers: Arc::new(Semaphore::new(readers.max(1))),
            trouble: Trouble::new(clock),
        });
        let begun = Instant::now();
        let mut told = false;
        loop {
            let looking = Arc::clone(&shared);
            let found = on_a_thread(move || looking.pool.take(Purpose::Write)).await?;
            match found {
                Ok(session) => {
                    shared.pool.put(Purpose::Write, session);
                    return Ok(Self { shared });
                }
                Err(Failure { verdict, error }) => {
                    if verdict == Verdict::Final || begun.elapsed() >= patience {
                        return Err(error);
                    }
                    if !told {
                        tracing::warn!(error = chain(&error), "waiting for the database server");
                    }
                    told = true;
                }
            }
            tokio::time::sleep(START_PAUSE).await;
        }
    }

    /// Brings the schema to `target`.
    async fn migrate(&self, now_ms: i64, target: u32) -> Result<(), StoreError> {
        let shared = Arc::clone(&self.shared);
        on_a_thread(move || {
            let mut patience = Patience::new(START_LIMIT);
            loop {
                let migrated = shared.pool.take(Purpose::Write).and_then(|mut session| {
                    let handle = shared.pool.handle();
                    let database = &shared.pool.place().url.database;
                    let done = handle.block_on(migration::migrate(&mut session, database, now_ms, target));
                    let _entered = handle.enter();
                    drop(session);
                    done
                });
                match migrated {
                    Ok(()) => return Ok(()),
                    Err(Failure { verdict, error }) => {
                        if !patience.again(verdict) {
                            return Err(error);
                        }
                    }
                }
            }
        })
        .await?
    }
}

/// Runs what blocks on a thread for that; a panic becomes an error of this one request.
async fn on_a_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, StoreError> {
    let guarded =
        move || catch_unwind(AssertUnwindSafe(work)).map_err(|panic| StoreError::Crashed(panic_text(&*panic)));
    tokio::task::spawn_blocking(guarded)
        .await
        .map_err(|_| StoreError::Closed)?
}

impl Shared {
    /// The work in one transaction, and again while that may help.
    fn run<T>(
        &self,
        purpose: Purpose,
        work: &dyn Fn(&mut dyn Transaction) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut patience = Patience::new(match purpose {
            Purpose::Write => WRITE_LIMIT,
            Purpose::Read => READ_LIMIT,
        });
        // Whether a commit was on its way when its connection was lost: it may have happened.
        let mut unsure = false;
        loop {
            match self.attempt(purpose, work, &mut unsure) {
                Ok(value) => return Ok(value),
                Err(Failure { verdict, error }) => {
                    if !patience.again(verdict) {
                        let moved_on = matches!(error, StoreError::StaleVersion { .. } | StoreError::NotFound { .. });
                        return Err(if unsure && moved_on { StoreError::Unsure } else { error });
                    }
                }
            }
        }
    }

    fn attempt<T>(
        &self,
        purpose: Purpose,
        work: &dyn Fn(&mut dyn Transaction) -> Result<T, StoreError>,
        unsure: &mut bool,
    ) -> Result<T, Failure> {
        let begin = match purpose {
            Purpose::Write => "START TRANSACTION",
            Purpose::Read => "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY",
        };
        let mut session = self.pool.take(purpose)?;
        let outcome = (|| {
            let mut tx = MysqlTransaction::begin(&mut session, self.pool.handle(), begin)?;
            let done = work(&mut tx);
            match (done, tx.failed()) {
                (Ok(value), None) => {
                    tx.say("COMMIT").inspect_err(|failure| {
                        *unsure |= failure.verdict == Verdict::Lost && purpose == Purpose::Write;
                    })?;
                    Ok(value)
                }
                (done, Some(Verdict::Lost)) => Err(Failure::new(Verdict::Lost, refused(done))),
                (done, failed) => {
                    tx.say("ROLLBACK")?;
                    let error = refused(done);
                    let meant = match &error {
                        StoreError::Overtaken => Verdict::Again,
                        _ => Verdict::Final,
                    };
                    Err(Failure::new(failed.unwrap_or(meant), error))
                }
            }
        })();
        match &outcome {
            Err(Failure {
                verdict: Verdict::Lost | Verdict::Elsewhere,
                ..
            }) => {
                let _entered = self.pool.handle().enter();
                drop(session);
                self.pool.forget();
            }
            _ => self.pool.put(purpose, session),
        }
        outcome
    }
}

/// The error of work that a failed statement ended, however the work itself took it.
fn refused<T>(done: Result<T, StoreError>) -> StoreError {
    done.err().unwrap_or(StoreError::Overtaken)
}

#[async_trait]
impl Database for Mysql {
    async fn write<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: Fn(&mut dyn Transaction) -> Result<T, StoreError> + Send + 'static,
    {
        let shared = Arc::clone(&self.shared);
        let place = Arc::clone(&shared.queue).try_acquire_owned();
        let place = place.map_err(|_| full(&shared, Duration::ZERO))?;
        let turn = Arc::clone(&shared.writers).acquire_owned();
        let turn = tokio::time::timeout(TURN_LIMIT, turn).await;
        let turn = turn
            .map_err(|_| full(&shared, TURN_LIMIT))?
            .map_err(|_| StoreError::Closed)?;
        on_a_thread(move || {
            let outcome = shared.run(Purpose::Write, &work);
            shared.trouble.note(&outcome);
            drop((turn, place));
            outcome
        })
        .await?
    }

    async fn read<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: Fn(&mut dyn Transaction) -> Result<T, StoreError> + Send + 'static,
    {
        let shared = Arc::clone(&self.shared);
        let turn = Arc::clone(&shared.readers).acquire_owned().await;
        let turn = turn.map_err(|_| StoreError::Closed)?;
        on_a_thread(move || {
            let outcome = shared.run(Purpose::Read, &work);
            drop(turn);
            outcome
        })
        .await?
    }

    async fn try_write(&self) -> Result<(), StoreError> {
        // A row that stays as it is: a node that takes no writes refuses it all the same.
        self.write(|tx| {
            tx.execute("UPDATE counter SET last = last WHERE name = ?", &values!["ledger"])
                .map(|_| ())
        })
        .await
    }

    async fn space(&self) -> Result<Space, StoreError> {
        self.read(|tx| {
            let row = tx.row(
                "SELECT CAST(COALESCE(SUM(data_length + index_length), 0) AS SIGNED), \
                 CAST(COALESCE(SUM(data_free), 0) AS SIGNED) FROM information_schema.tables \
                 WHERE table_schema = DATABASE()",
                &[],
            )?;
            let (used, free) = row.map_or(Ok((0, 0)), |row| Ok::<_, StoreError>((row.number(0)?, row.number(1)?)))?;
            Ok(Space {
                used_bytes: used,
                file_bytes: used.saturating_add(free),
            })
        })
        .await
    }

    async fn give_back(&self, _max_bytes: u64) -> Result<bool, StoreError> {
        // The server uses its free pages again by itself.
        Ok(false)
    }

    fn trouble(&self) -> &Trouble {
        &self.shared.trouble
    }

    async fn close(&self) {
        let Shared {
            queue,
            writers,
            readers,
            ..
        } = &*self.shared;
        queue.close();
        // Those that wait have their turn first.
        let all = writers.acquire_many(WRITERS as u32);
        if tokio::time::timeout(TURN_LIMIT + WRITE_LIMIT, all).await.is_err() {
            tracing::warn!("writes to the database did not end in time");
        }
        writers.close();
        readers.close();
        self.shared.pool.close().await;
    }
}

/// Why there is no turn.
fn full(shared: &Shared, waited: Duration) -> StoreError {
    let waited_ms = waited.as_millis() as u64;
    if shared.queue.is_closed() {
        StoreError::Closed
    } else if shared.trouble.is_unreachable() {
        // Those before it wait for a server that does not answer.
        let cause = format!("nobody had a turn for {waited_ms} ms");
        error::unreachable(&shared.pool.place().url.to_string(), cause)
    } else {
        StoreError::Busy { waited_ms }
    }
}
