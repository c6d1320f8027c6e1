//! Long tables that were read a moment ago: who turns a page, types a letter of a filter or sorts anew means the same series.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sla_proto::series::v1::Query;
use tokio::time::Instant;

use crate::samples::{ReadSeries, Reading};

/// Tables of fewer series are read each time: that takes a moment.
const LONG_SERIES: usize = 2_000;
/// Tables kept.
const MAX_TABLES: usize = 2;
/// Bytes of all of them.
const MAX_BYTES: usize = 256 << 20;
/// A table is kept for so long. With as much again, for which the role etl goes by the series that it was told, a new one is hidden for
/// no longer than the minute after which a console reads a long table anew by itself.
pub(crate) const MAX_AGE: Duration = Duration::from_secs(30);
/// From this age on a table that is asked for is read anew, beside those who are answered from it.
const OLD_AGE: Duration = Duration::from_secs(10);

/// What a table is read by.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Table {
    pub(crate) queries: Vec<Query>,
    pub(crate) window_ms: i64,
}

/// A table as it was read.
#[derive(Debug, Clone)]
pub(crate) struct Kept {
    /// The instant it was read for, Unix milliseconds.
    pub(crate) at_ms: i64,
    pub(crate) reading: Arc<Reading>,
    /// It is old, and who got this is the one to read it anew.
    pub(crate) renew: bool,
}

#[derive(Debug)]
struct Entry {
    table: Table,
    kept: Kept,
    begun: Instant,
    read: Instant,
    bytes: usize,
}

/// The tables, the one read last behind the others. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct KeptTables(Arc<Mutex<Vec<Entry>>>);

impl KeptTables {
    /// The table, if it was read a moment ago.
    pub(crate) fn get(&self, table: &Table) -> Option<Kept> {
        let mut entries = self.fresh();
        let entry = entries.iter_mut().find(|entry| entry.table == *table)?;
        let renew = !entry.kept.renew && entry.read.elapsed() >= OLD_AGE;
        entry.kept.renew |= renew;
        Some(Kept {
            renew,
            ..entry.kept.clone()
        })
    }

    /// Keeps a long table that was read whole; whether it did. A read that `begun` before that of the kept one is late: who came
    /// meanwhile was answered with newer figures.
    pub(crate) fn keep(&self, table: Table, at_ms: i64, begun: Instant, reading: Arc<Reading>) -> bool {
        let whole = reading.source.problem.is_empty() && reading.failures.is_empty();
        let bytes = reading.series.iter().map(ReadSeries::bytes).sum();
        let mut entries = self.fresh();
        if entries.iter().any(|entry| entry.table == table && entry.begun > begun) {
            return false;
        }
        entries.retain(|entry| entry.table != table);
        if !whole || reading.series.len() < LONG_SERIES || bytes > MAX_BYTES {
            return false;
        }
        let all = |entries: &[Entry]| entries.iter().map(|entry| entry.bytes).sum::<usize>() + bytes;
        while entries.len() >= MAX_TABLES || all(&entries) > MAX_BYTES {
            entries.remove(0);
        }
        let kept = Kept {
            at_ms,
            reading,
            renew: false,
        };
        entries.push(Entry {
            table,
            kept,
            begun,
            read: Instant::now(),
            bytes,
        });
        true
    }

    /// Drops what is too old.
    pub(crate) fn forget_old(&self) {
        drop(self.fresh());
    }

    fn fresh(&self) -> MutexGuard<'_, Vec<Entry>> {
        // Entries are put in and taken out whole.
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        entries.retain(|entry| entry.read.elapsed() < MAX_AGE);
        entries
    }
}

#[cfg(test)]
mod tests {
    use sla_proto::series::v1::SeriesKind;
    use tokio::time::advance;

    use super::*;
    use crate::samples::tests::series;

    fn table(window_ms: i64) -> Table {
        Table {
            queries: vec![Query::default()],
            window_ms,
        }
    }

    fn reading(count: usize) -> Arc<Reading> {
        let one = series(&[("__name__", "up")], SeriesKind::Gauge, &[(1, 1.0)]);
        Arc::new(Reading {
            series: vec![one; count],
            ..Reading::default()
        })
    }

    #[tokio::test(start_paused = true)]
    async fn a_table_is_kept_for_a_while_and_read_anew_by_one() {
        let tables = KeptTables::default();
        assert!(tables.keep(table(1), 7, Instant::now(), reading(LONG_SERIES)));
        assert!(tables.get(&table(2)).is_none());
        let kept = tables.get(&table(1)).unwrap();
        assert_eq!((kept.at_ms, kept.renew), (7, false));
        advance(OLD_AGE).await;
        assert!(tables.get(&table(1)).unwrap().renew);
        assert!(!tables.get(&table(1)).unwrap().renew, "one is enough");
        tables.keep(table(1), 8, Instant::now(), reading(LONG_SERIES));
        let kept = tables.get(&table(1)).unwrap();
        assert_eq!((kept.at_ms, kept.renew), (8, false));
        advance(MAX_AGE).await;
        assert!(tables.get(&table(1)).is_none());
        assert!(tables.0.lock().unwrap().is_empty(), "its memory is free again");
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_short_broken_or_too_much_is_not_kept() {
        let tables = KeptTables::default();
        assert!(!tables.keep(table(1), 0, Instant::now(), reading(LONG_SERIES - 1)));
        let mut broken = Reading::clone(&reading(LONG_SERIES));
        broken.source.problem = "away".to_owned();
        assert!(!tables.keep(table(1), 0, Instant::now(), Arc::new(broken)));
        let bytes = reading(1).series[0].bytes();
        assert!(!tables.keep(table(1), 0, Instant::now(), reading(MAX_BYTES / bytes + 1)));
        for window_ms in 1..=3 {
            tables.keep(table(window_ms), 0, Instant::now(), reading(LONG_SERIES));
        }
        let there = |window_ms| tables.get(&table(window_ms)).is_some();
        assert_eq!([1, 2, 3].map(there), [false, true, true], "the last two");
        tables.keep(table(4), 0, Instant::now(), reading(MAX_BYTES / bytes));
        assert_eq!(
            [2, 3, 4].map(there),
            [false, false, true],
            "as much as there is room for"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_table_that_breaks_takes_the_one_before_with_it() {
        let tables = KeptTables::default();
        tables.keep(table(1), 0, Instant::now(), reading(LONG_SERIES));
        tables.keep(table(1), 0, Instant::now(), reading(1));
        assert!(tables.get(&table(1)).is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_read_slowly_does_not_replace_what_was_read_since() {
        let tables = KeptTables::default();
        let slow = Instant::now();
        advance(OLD_AGE).await;
        tables.keep(table(1), 8, Instant::now(), reading(LONG_SERIES));
        for late in [reading(LONG_SERIES), reading(1)] {
            assert!(!tables.keep(table(1), 7, slow, late));
            assert_eq!(tables.get(&table(1)).unwrap().at_ms, 8);
        }
    }
}
