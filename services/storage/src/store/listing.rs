//! A list query in pieces: conditions with their parameters, newest first, page by page.

use crate::error::StoreError;
use crate::page;
use crate::port::{Page, Paged};
use crate::transaction::{Transaction, placeholders};
use crate::value::{Row, Value};

/// The newest possible row: where a first page begins.
const NEWEST: (i64, i64) = (i64::MAX, i64::MAX);

/// Built from the first two columns of its rows: the time and the id.
pub(super) struct Listing {
    sql: String,
    time: &'static str,
    values: Vec<Value<'static>>,
    size: usize,
}

impl Listing {
    /// `select` ends with WHERE; its first columns are `time` and `id`.
    pub(super) fn newest_first(select: &str, time: &'static str, page: &Page) -> Result<Self, StoreError> {
        let (before_ms, before_id) = page::pair(page.after.as_deref(), NEWEST)?;
        Ok(Self {
            // Written out rather than as a row value: every database uses an index for this form.
            sql: format!("{select}{time} <= ? AND ({time} < ? OR id < ?)"),
            time,
            values: vec![before_ms.into(), before_ms.into(), before_id.into()],
            size: page.size,
        })
    }

    fn condition(&mut self, condition: &str) -> &mut Self {
        self.sql.push_str(" AND ");
        self.sql.push_str(condition);
        self
    }

    /// Empty text means all.
    pub(super) fn text(&mut self, column: &str, wanted: &str) -> &mut Self {
        if !wanted.is_empty() {
            self.condition(&format!("{column} = ?"));
            self.values.push(wanted.to_owned().into());
        }
        self
    }

    /// No values mean all.
    pub(super) fn one_of(&mut self, column: &str, wanted: &[String]) -> &mut Self {
        if !wanted.is_empty() {
            self.condition(&format!("{column} IN ({})", placeholders(wanted.len())));
            self.values.extend(wanted.iter().map(|value| value.clone().into()));
        }
        self
    }

    /// No bytes mean all.
    pub(super) fn bytes(&mut self, column: &str, wanted: &[u8]) -> &mut Self {
        if !wanted.is_empty() {
            self.condition(&format!("{column} = ?"));
            self.values.push(wanted.to_vec().into());
        }
        self
    }

    /// A condition with one parameter, if that is wanted.
    pub(super) fn number(&mut self, condition: &str, wanted: Option<i64>) -> &mut Self {
        if let Some(wanted) = wanted {
            self.condition(condition);
            self.values.push(wanted.into());
        }
        self
    }

    /// A condition that is wanted or not.
    pub(super) fn flag(&mut self, on: bool, condition: &str) -> &mut Self {
        if on { self.condition(condition) } else { self }
    }

    /// The page; `row` makes the answer of a row.
    pub(super) fn page<T>(
        &self,
        tx: &mut dyn Transaction,
        row: impl Fn(&Row) -> Result<T, StoreError>,
    ) -> Result<Paged<T>, StoreError> {
        let sql = format!("{} ORDER BY {} DESC, id DESC LIMIT ?", self.sql, self.time);
        let mut values = self.values.clone();
        values.push(page::wanted(self.size).into());
        let key = |row: &Row| Ok(format!("{},{}", row.number::<i64>(0)?, row.number::<i64>(1)?));
        page::cut(tx.rows(&sql, &values)?, self.size, Row::size, key, |found| row(&found))
    }
}
