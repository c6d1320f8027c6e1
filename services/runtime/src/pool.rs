//! A bounded pool for CPU work, so that numerics never run on the threads that answer calls.

use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Semaphore;

use crate::blocking;

/// Why a piece of work gave no result.
#[derive(Debug, thiserror::Error)]
pub enum PoolError {
    /// The work panicked; other work goes on.
    #[error("a computation crashed: {0}")]
    Panicked(String),
    /// The process is going down.
    #[error("the pool has been closed")]
    Closed,
}

/// At most as many computations at once as it has threads; the rest wait in order. Cheap to clone.
#[derive(Debug, Clone)]
pub struct CpuPool {
    permits: Arc<Semaphore>,
    threads: usize,
    jobs: Arc<AtomicUsize>,
}

/// One computation that runs or waits.
struct Job(Arc<AtomicUsize>);

impl Job {
    fn counted(jobs: &Arc<AtomicUsize>) -> Self {
        jobs.fetch_add(1, Ordering::Relaxed);
        Self(jobs.clone())
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl CpuPool {
    /// A pool of `threads` (at least 1).
    pub fn new(threads: usize) -> Self {
        let threads = threads.max(1);
        Self {
            permits: Arc::new(Semaphore::new(threads)),
            threads,
            jobs: Arc::default(),
        }
    }

    /// As many threads as the machine has cores.
    pub fn per_core() -> Self {
        Self::new(std::thread::available_parallelism().map_or(1, NonZeroUsize::get))
    }

    /// How many computations run at once.
    pub fn threads(&self) -> usize {
        self.threads
    }

    /// How many computations run or wait.
    pub fn jobs(&self) -> usize {
        self.jobs.load(Ordering::Relaxed)
    }

    /// Runs `work` on a blocking thread when a place is free. Dropping the future before it starts cancels it.
    pub async fn run<T, F>(&self, work: F) -> Result<T, PoolError>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        let job = Job::counted(&self.jobs);
        let permit = self
            .permits
            .clone()
            .acquire_owned()
            .await
            .map_err(|_| PoolError::Closed)?;
        let task = blocking::run(move || {
            let result = catch_unwind(AssertUnwindSafe(work));
            drop((permit, job));
            result
        });
        match task.await {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(panic)) => Err(PoolError::Panicked(panic_text(&*panic))),
            Err(_) => Err(PoolError::Closed),
        }
    }
}

/// What a panic said.
pub fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "unknown panic".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_an_error_and_the_pool_lives() {
        let pool = CpuPool::new(1);
        let error = pool.run(|| panic!("boom")).await.unwrap_err();
        assert!(matches!(error, PoolError::Panicked(text) if text == "boom"));
        assert_eq!(pool.run(|| 41 + 1).await.unwrap(), 42);
        assert_eq!(pool.jobs(), 0);
    }
}
