//! What every list has: a cursor that follows its row, a filter with a count, an order.

use std::cmp::Ordering;

use crate::command::Cmd;
use crate::filter::{self, Filter, Filterable};
use crate::say;
use crate::widget::table::Cursor;

/// A row of a list.
pub(crate) trait Row: Filterable {
    /// Tells rows apart across refreshes.
    fn key(&self) -> &[u8];
    /// Order by the list's n-th sort column.
    fn compare(&self, other: &Self, column: usize) -> Ordering;
    /// Place below the row that this one belongs to; rows that compare equal stand in this order whichever way the list is
    /// turned.
    fn nested(&self) -> usize {
        0
    }
}

/// Cursor, filter and order of one list. The rows themselves live elsewhere.
#[derive(Debug, Clone, Default)]
pub(crate) struct List {
    cursor: Cursor,
    /// The chosen row's key: the cursor follows it when rows move.
    key: Vec<u8>,
    filter: Filter,
    problem: Option<String>,
    /// A field of the filter that no row has.
    unknown: Option<String>,
    pub(crate) sort: usize,
    pub(crate) down: bool,
    /// The rows stand in order as they are: who sent them sorted them among others.
    in_order: bool,
    /// Indices of the rows that pass the filter, in order.
    shown: Vec<usize>,
}

impl List {
    /// Sorted by column `sort`, downwards or not.
    pub(crate) fn sorted(sort: usize, down: bool) -> Self {
        Self {
            sort,
            down,
            ..Self::default()
        }
    }

    /// Filters and sorts again; the cursor stays on its row where that row is still there.
    pub(crate) fn apply<T: Row>(&mut self, rows: &[T], height: usize) {
        self.shown = self.filter.select(rows);
        self.see_fields(rows);
        let (sort, down) = (self.sort, self.down);
        if !self.in_order {
            self.shown.sort_by(|&a, &b| {
                let order = rows[a].compare(&rows[b], sort);
                let order = if down { order.reverse() } else { order };
                order.then(rows[a].nested().cmp(&rows[b].nested()))
            });
        }
        if let Some(at) = self.shown.iter().position(|&row| rows[row].key() == self.key) {
            self.cursor.row = at;
        }
        self.settle(rows, height);
    }

    fn settle<T: Row>(&mut self, rows: &[T], height: usize) {
        self.cursor.settle(self.shown.len(), height);
        self.key = self
            .current()
            .and_then(|at| rows.get(at))
            .map(|row| row.key().to_vec())
            .unwrap_or_default();
    }

    /// Takes a moving command; false when it is none.
    pub(crate) fn command<T: Row>(&mut self, cmd: Cmd, rows: &[T], height: usize) -> bool {
        let (count, page) = (self.shown.len(), height.max(2) as isize - 1);
        match cmd {
            Cmd::Up => self.cursor.step(-1, count),
            Cmd::Down => self.cursor.step(1, count),
            Cmd::PageUp => self.cursor.step(-page, count),
            Cmd::PageDown => self.cursor.step(page, count),
            Cmd::Top => self.cursor.to(0, count),
            Cmd::Bottom => self.cursor.to(usize::MAX, count),
            Cmd::SortReverse => {
                self.down = !self.down;
                self.apply(rows, height);
                return true;
            }
            _ => return false,
        }
        self.settle(rows, height);
        true
    }

    /// Chooses the n-th row on screen (a click).
    pub(crate) fn choose<T: Row>(&mut self, line: usize, rows: &[T], height: usize) {
        let window = self.cursor.window(self.shown.len(), height);
        self.cursor.to(window.start + line, self.shown.len());
        self.settle(rows, height);
    }

    /// From the next [`List::apply`] on rows keep their order, or are sorted here.
    pub(crate) fn keep_order(&mut self, yes: bool) {
        self.in_order = yes;
    }

    /// Place of the chosen row among those that pass.
    pub(crate) fn place(&self) -> usize {
        self.cursor.row
    }

    /// Puts the cursor on the row with this key at the next [`List::apply`].
    pub(crate) fn follow(&mut self, key: &[u8]) {
        self.key = key.to_vec();
    }

    /// Sorts by one of `columns` as it is called, in any case, else by the next; a name that is none is said.
    pub(crate) fn sort_by(&mut self, columns: &[&str], name: Option<&str>) -> Result<(), String> {
        let Some(name) = name else {
            self.next_sort(columns.len());
            return Ok(());
        };
        let Some(at) = columns.iter().position(|column| column.eq_ignore_ascii_case(name)) else {
            let known = columns.join(", ").to_lowercase();
            return Err(say::filter::sort_must_be_one(&name, &known));
        };
        if self.sort == at {
            self.down = !self.down;
        }
        self.sort = at;
        Ok(())
    }

    /// Sorts by the next of `columns`.
    pub(crate) fn next_sort(&mut self, columns: usize) {
        self.sort = (self.sort + 1) % columns.max(1);
    }

    /// Takes a filter; a wrong one is kept as a problem and the last right one stays in force.
    pub(crate) fn set_filter(&mut self, text: &str) {
        match Filter::parse(text) {
            Ok(filter) => {
                self.filter = filter;
                self.problem = None;
                self.unknown = None;
            }
            Err(problem) => self.problem = Some(filter::words(&problem)),
        }
    }

    pub(crate) fn filter(&self) -> &Filter {
        &self.filter
    }

    /// A field of the filter that no row has is said: it passes nothing, and looks like nothing being there.
    fn see_fields<T: Row>(&mut self, rows: &[T]) {
        // Where rows are filtered elsewhere none may be left to tell by: what was told of the filter stays.
        if !rows.is_empty() || self.filter.is_empty() {
            let name = self.filter.unknown_field(rows).map(str::to_owned);
            self.tell_unknown::<T>(name.as_deref());
        }
    }

    /// A field of the filter that no row has, as who filters tells.
    pub(crate) fn tell_unknown<T: Row>(&mut self, name: Option<&str>) {
        self.unknown = name.map(|name| say::filter::no_row_has_a(&name, &T::FIELDS.join(", ")));
    }

    pub(crate) fn problem(&self) -> Option<&str> {
        self.problem.as_deref().or(self.unknown.as_deref())
    }

    /// Index of the chosen row.
    pub(crate) fn current(&self) -> Option<usize> {
        self.shown.get(self.cursor.row).copied()
    }

    /// Indices of all rows that pass.
    pub(crate) fn shown(&self) -> &[usize] {
        &self.shown
    }

    /// All rows that pass.
    pub(crate) fn passing<'r, T>(&'r self, rows: &'r [T]) -> impl Iterator<Item = &'r T> {
        self.shown.iter().map(|&at| &rows[at])
    }

    /// The rows on screen: index and whether it is the chosen one.
    pub(crate) fn visible(&self, height: usize) -> impl Iterator<Item = (usize, bool)> + '_ {
        let window = self.cursor.window(self.shown.len(), height);
        let row = self.cursor.row;
        window.map(move |at| (self.shown[at], at == row))
    }

    /// `12 of 312 series`, or `312 series` without a filter.
    pub(crate) fn count(&self, all: usize, noun: &str) -> String {
        self.count_of(self.shown.len(), all, noun)
    }

    /// The same where so many pass elsewhere.
    pub(crate) fn count_of(&self, passing: usize, all: usize, noun: &str) -> String {
        if self.filter.is_empty() {
            format!("{all} {noun}")
        } else {
            say::filter::of(&passing, &all, &noun)
        }
    }
}

/// Orders optional numbers; what is missing comes last in rising order.
pub(crate) fn by_number(a: Option<f64>, b: Option<f64>) -> Ordering {
    match (a, b) {
        (Some(a), Some(b)) => a.total_cmp(&b),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => Ordering::Equal,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::Value;

    struct Name(&'static str);

    impl Filterable for Name {
        const FIELDS: &'static [&'static str] = &[];

        fn haystack(&self) -> &str {
            self.0
        }
        fn field(&self, _: &str) -> Option<Value<'_>> {
            None
        }
    }

    impl Row for Name {
        fn key(&self) -> &[u8] {
            self.0.as_bytes()
        }
        fn compare(&self, other: &Self, _: usize) -> Ordering {
            self.0.cmp(other.0)
        }
    }

    #[test]
    fn the_cursor_follows_its_row() {
        let mut list = List::default();
        let rows = [Name("b"), Name("c"), Name("d")];
        list.apply(&rows, 10);
        list.command(Cmd::Down, &rows, 10);
        assert_eq!(rows[list.current().unwrap()].0, "c");
        let rows = [Name("a"), Name("b"), Name("c"), Name("d")];
        list.apply(&rows, 10);
        assert_eq!(rows[list.current().unwrap()].0, "c");
        list.command(Cmd::SortReverse, &rows, 10);
        assert_eq!(rows[list.current().unwrap()].0, "c");
    }

    #[test]
    fn a_wrong_filter_keeps_the_last_right_one() {
        let mut list = List::default();
        let rows = [Name("load"), Name("mem")];
        list.set_filter("load");
        list.apply(&rows, 10);
        list.set_filter("/(/");
        list.apply(&rows, 10);
        assert_eq!(list.count(2, "series"), "1 of 2 series");
        assert!(list.problem().is_some());
    }

    #[test]
    fn no_rows_no_panic() {
        let mut list = List::default();
        list.apply::<Name>(&[], 0);
        assert!(list.command::<Name>(Cmd::Bottom, &[], 0));
        assert_eq!(list.current(), None);
    }
}
