//! Where passwords are hashed: on a few threads of low priority, after a short queue. Whoever comes when it is full is turned
//! away, so that a storm of logins takes neither the cores nor the memory of the others.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use sla_proto::storage::v1::PasswordHash;
use tokio::sync::oneshot;

use crate::error::AccountError;
use crate::password::{self, Password};

/// Logins that may wait for each thread; about two seconds of work.
const MAX_WAITING: usize = 32;
/// How much the threads stand back behind all others, 0 to 19: they get a third of what another thread gets (335 of 1,024 by the
/// scheduler's weights), so that a storm is felt by nobody and a login on a machine at work still has its turn. At 15 it is a
/// twenty-eighth, and a login beside ten busy threads waits for seconds.
const NICENESS: i32 = 5;

type Job = Box<dyn FnOnce() + Send>;

/// The threads. Cheap to clone; they end with the last clone.
#[derive(Debug, Clone)]
pub(crate) struct Hashing {
    jobs: SyncSender<Job>,
}

impl Hashing {
    /// `threads` of them, at least one.
    pub(crate) fn new(threads: usize) -> Result<Self, AccountError> {
        let threads = threads.max(1);
        let (jobs, waiting) = sync_channel::<Job>(threads * MAX_WAITING);
        let waiting = Arc::new(Mutex::new(waiting));
        for number in 0..threads {
            let waiting = Arc::clone(&waiting);
            thread::Builder::new()
                .name(format!("passwords-{number}"))
                .spawn(move || work(&waiting))
                .map_err(AccountError::Thread)?;
        }
        Ok(Self { jobs })
    }

    /// A fresh hash.
    pub(crate) async fn hash(&self, password: Password) -> Result<PasswordHash, AccountError> {
        self.run(move || password::hashed(&password)).await
    }

    /// Whether the password is the one behind `stored`.
    pub(crate) async fn check(&self, password: Password, stored: Option<PasswordHash>) -> Result<bool, AccountError> {
        self.run(move || password::matches(&password, stored.as_ref())).await
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, AccountError> + Send + 'static,
    ) -> Result<T, AccountError> {
        let (answer, answered) = oneshot::channel();
        let job = move || {
            // Whoever has gone meanwhile needs no hash.
            if !answer.is_closed() {
                let _ = answer.send(work());
            }
        };
        self.jobs.try_send(Box::new(job)).map_err(|error| match error {
            TrySendError::Full(_) => AccountError::Crowded,
            TrySendError::Disconnected(_) => AccountError::Closing,
        })?;
        answered.await.map_err(|_| AccountError::Closing)?
    }
}

fn work(waiting: &Mutex<Receiver<Job>>) {
    // On Linux it is the priority of this thread alone. Without it passwords are hashed all the same.
    if let Err(error) = rustix::process::nice(NICENESS) {
        tracing::debug!(%error, "passwords are hashed with the usual priority");
    }
    loop {
        let next = waiting.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = next else { return };
        // A panic ends one login, not this thread; who waits hears that nothing will come.
        if catch_unwind(AssertUnwindSafe(job)).is_err() {
            tracing::error!("hashing a password crashed");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[tokio::test]
    async fn a_full_queue_turns_away_at_once_and_goes_on_later() {
        let hashing = Hashing::new(1).unwrap();
        let (release, held) = mpsc::sync_channel::<()>(1);
        let (begun, has_begun) = mpsc::sync_channel(1);
        let stuck = move || {
            begun.send(()).unwrap();
            held.recv().unwrap();
        };
        hashing.jobs.send(Box::new(stuck)).unwrap();
        has_begun.recv().unwrap();
        for _ in 0..MAX_WAITING {
            hashing.jobs.try_send(Box::new(|| {})).unwrap();
        }
        let password = || Password::new("whatever it is".to_owned());
        assert!(matches!(
            hashing.check(password(), None).await,
            Err(AccountError::Crowded)
        ));
        release.send(()).unwrap();
        while hashing.jobs.try_send(Box::new(|| {})).is_err() {
            tokio::task::yield_now().await;
        }
        assert!(!hashing.check(password(), None).await.unwrap());
    }
}
