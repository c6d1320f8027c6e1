//! Work that blocks a thread: reading and writing files, computing. All of it goes through here, so that one place decides
//! where it runs.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// The work crashed, or the process ends and it never began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the work crashed, or was not begun before the end of the process")]
pub struct Lost;

thread_local! {
    static RUNS_HERE: Cell<bool> = const { Cell::new(false) };
}

/// From now on, work that this thread asks for runs on it, at once: a simulation has one thread, and the same order of
/// everything each time it is run.
pub fn run_on_this_thread() {
    RUNS_HERE.set(true);
}

/// Runs `work` where it may block. Dropping the future does not stop work that has begun.
pub async fn run<T, F>(work: F) -> Result<T, Lost>
where
    T: Send + 'static,
    F: FnOnce() -> T + Send + 'static,
{
    if RUNS_HERE.get() {
        return catch_unwind(AssertUnwindSafe(work)).map_err(|_| Lost);
    }
    tokio::task::spawn_blocking(work).await.map_err(|_| Lost)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn work_runs_elsewhere_and_here_only_where_that_was_asked_for() {
        let here = std::thread::current().id();
        let place = || std::thread::current().id();
        assert_ne!(run(place).await, Ok(here));
        assert_eq!(run(|| panic!("boom")).await.map(|()| 0), Err(Lost));
        run_on_this_thread();
        assert_eq!(run(place).await, Ok(here));
        assert_eq!(run(|| panic!("boom")).await.map(|()| 0), Err(Lost));
    }
}
