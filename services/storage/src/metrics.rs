//! Counters of the store, cheap enough for every call.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counts since the start of the process.
#[derive(Debug, Default)]
pub struct StorageMetrics {
    inserted: AtomicU64,
    duplicates: AtomicU64,
    dead_letters: AtomicU64,
    write_errors: AtomicU64,
    retired_rows: AtomicU64,
}

/// What [`StorageMetrics`] had counted at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StorageSnapshot {
    /// Records that were new.
    pub inserted: u64,
    /// Records that were there already.
    pub duplicates: u64,
    /// Records kept as dead letters.
    pub dead_letters: u64,
    /// Batches that could not be applied.
    pub write_errors: u64,
    /// Rows deleted by retention.
    pub retired_rows: u64,
}

impl StorageMetrics {
    pub(crate) fn applied(&self, inserted: u32, duplicates: u32, dead_letters: u32) {
        self.inserted.fetch_add(inserted.into(), Ordering::Relaxed);
        self.duplicates.fetch_add(duplicates.into(), Ordering::Relaxed);
        self.dead_letters.fetch_add(dead_letters.into(), Ordering::Relaxed);
    }

    pub(crate) fn write_failed(&self) {
        self.write_errors.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn retired(&self, rows: u64) {
        self.retired_rows.fetch_add(rows, Ordering::Relaxed);
    }

    /// The counts now.
    pub fn snapshot(&self) -> StorageSnapshot {
        StorageSnapshot {
            inserted: self.inserted.load(Ordering::Relaxed),
            duplicates: self.duplicates.load(Ordering::Relaxed),
            dead_letters: self.dead_letters.load(Ordering::Relaxed),
            write_errors: self.write_errors.load(Ordering::Relaxed),
            retired_rows: self.retired_rows.load(Ordering::Relaxed),
        }
    }
}
