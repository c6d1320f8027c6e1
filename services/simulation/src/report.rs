//! What a simulation writes down: its trace, and what was wrong.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// How a seed ended.
#[derive(Debug, Clone)]
pub struct Report {
    /// The seed.
    pub seed: u64,
    /// What was wrong; nothing when all promises were kept.
    pub failures: Vec<String>,
    /// What happened, line by line: the same for the same seed.
    pub trace: Vec<String>,
    /// How much happened.
    pub figures: Figures,
}

/// How much happened in a seed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Figures {
    /// Virtual time, milliseconds.
    pub virtual_ms: i64,
    /// Edits that were acknowledged.
    pub edits: u64,
    /// Times the instance was started.
    pub lives: u64,
    /// Times that everything was held against the model.
    pub looks: u64,
    /// Rows of the ledger that were compared, in all looks.
    pub violations: u64,
    /// Runs that were seen to begin when it was told, in long worlds.
    pub fired: u64,
    /// Messages that arrived at the other end of a channel.
    pub messages: u64,
    /// Faults.
    pub faults: u64,
}

impl Report {
    /// The command that repeats it.
    pub fn command(&self) -> String {
        format!("dev/simulate --seed {}", self.seed)
    }
}

/// What was written down so far.
#[derive(Debug, Clone, Default)]
struct Written {
    trace: Vec<String>,
    failures: Vec<String>,
    figures: Figures,
}

/// Where everybody writes. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct Notes {
    inside: Arc<Mutex<Written>>,
    /// Something is wrong: nothing more is learned from going on.
    pub(crate) failed: Arc<Notify>,
    begun_ms: i64,
}

impl Notes {
    /// Of a world that begins at `begun_ms`, Unix milliseconds.
    pub(crate) fn begin(begun_ms: i64) -> Self {
        Self {
            begun_ms,
            ..Self::default()
        }
    }

    fn inside(&self) -> MutexGuard<'_, Written> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn line(&self, now_ms: i64, words: &str) {
        let line = format!("{:>9.3} {words}", (now_ms - self.begun_ms) as f64 / 1_000.0);
        self.inside().trace.push(line);
    }

    pub(crate) fn fail(&self, now_ms: i64, words: &str) {
        self.line(now_ms, &format!("WRONG {words}"));
        let since_s = (now_ms - self.begun_ms) as f64 / 1_000.0;
        self.inside().failures.push(format!("after {since_s:.3} s: {words}"));
        self.failed.notify_one();
    }

    pub(crate) fn has_failed(&self) -> bool {
        !self.inside().failures.is_empty()
    }

    pub(crate) fn count(&self, add: impl FnOnce(&mut Figures)) {
        add(&mut self.inside().figures);
    }

    pub(crate) fn report(&self, seed: u64) -> Report {
        let Written {
            trace,
            failures,
            figures,
        } = self.inside().clone();
        Report {
            seed,
            failures,
            trace,
            figures,
        }
    }
}
