//! How often the one writer has written something of each subject: who has looked at that count before he read knows whether he would
//! read the same again.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

use crate::transaction::Subject;

#[derive(Debug, Default)]
struct Counts {
    /// Of the transaction that goes on: one at a time does.
    touched: AtomicU8,
    ended: [AtomicU64; 3],
}

/// Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(super) struct Written(Arc<Counts>);

impl Written {
    pub(super) fn touch(&self, subject: Subject) {
        self.0.touched.fetch_or(1 << subject as u8, Ordering::Relaxed);
    }

    pub(super) fn times(&self, subject: Subject) -> u64 {
        self.0.ended[subject as usize].load(Ordering::Acquire)
    }

    /// Counts what the transaction touches once it has ended: however it ends, and on the thread that ends it.
    pub(super) fn counting(self) -> Counting {
        Counting(self)
    }
}

/// A transaction that goes on.
pub(super) struct Counting(Written);

impl Drop for Counting {
    fn drop(&mut self) {
        let Counts { touched, ended } = &*self.0.0;
        let touched = touched.swap(0, Ordering::Relaxed);
        for (bit, times) in ended.iter().enumerate() {
            if touched & 1 << bit != 0 {
                times.fetch_add(1, Ordering::Release);
            }
        }
    }
}
