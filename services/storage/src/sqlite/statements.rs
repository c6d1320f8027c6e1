//! The transaction port on SQLite: values to parameters, rows back, and its words for an insert.

use rusqlite::types::{ToSql, ToSqlOutput, ValueRef};
use rusqlite::{Statement, params_from_iter};

use sla_domain::Clock;

use super::written::Written;
use crate::error::StoreError;
use crate::transaction::{Insert, Met, Subject, Transaction, placeholders};
use crate::value::{Row, Value};

impl ToSql for Value<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Integer(number) => ValueRef::Integer(*number),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
            Self::Bytes(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

/// A transaction on a connection of ours, and the clock: the file is on this host, and used by this process alone. Writers
/// begin theirs IMMEDIATE and are one at a time: rows need no lock.
pub(super) struct SqliteTransaction<'a>(
    pub(super) &'a rusqlite::Transaction<'a>,
    pub(super) &'a dyn Clock,
    pub(super) &'a Written,
);

impl Transaction for SqliteTransaction<'_> {
    fn execute(&mut self, sql: &str, values: &[Value<'_>]) -> Result<u64, StoreError> {
        Ok(self.0.prepare_cached(sql)?.execute(params_from_iter(values))? as u64)
    }

    fn rows(&mut self, sql: &str, values: &[Value<'_>]) -> Result<Vec<Row>, StoreError> {
        let mut statement = self.0.prepare_cached(sql)?;
        let columns = statement.column_count();
        all(&mut statement, values, columns)
    }

    fn lock(&mut self, sql: &str, values: &[Value<'_>]) -> Result<Vec<Row>, StoreError> {
        self.rows(sql, values)
    }

    fn now_ms(&mut self) -> Result<i64, StoreError> {
        Ok(self.1.now_ms())
    }

    fn touch(&mut self, subject: Subject) {
        self.2.touch(subject);
    }

    fn insert(&mut self, insert: &Insert, values: &[Value<'_>]) -> Result<u64, StoreError> {
        let mut statement = self.0.prepare_cached(&words(insert))?;
        let mut new = 0;
        // Row by row: within one process a statement costs less than the text of a longer one.
        for row in values.chunks(insert.width()) {
            new += statement.execute(params_from_iter(row))? as u64;
        }
        Ok(new)
    }
}

fn all(statement: &mut Statement<'_>, values: &[Value<'_>], columns: usize) -> Result<Vec<Row>, StoreError> {
    let mut rows = statement.query(params_from_iter(values))?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let fields = (0..columns).map(|at| Ok(field(row.get_ref(at)?)));
        found.push(Row(fields.collect::<Result<_, StoreError>>()?));
    }
    Ok(found)
}

fn field(value: ValueRef<'_>) -> Value<'static> {
    match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(number) => number.into(),
        // No statement of ours computes a fraction.
        ValueRef::Real(number) => (number as i64).into(),
        // A text that is not UTF-8 is told where it is read.
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => bytes.to_vec().into(),
    }
}

fn words(insert: &Insert) -> String {
    let Insert {
        table,
        key,
        columns,
        met,
    } = insert;
    let (names, values, key) = (insert.names(), placeholders(insert.width()), key.join(", "));
    let conflict = match met {
        Met::Keep => "DO NOTHING".to_owned(),
        Met::Replace | Met::Advance(_) => {
            let set: Vec<String> = columns
                .iter()
                .map(|column| format!("{column} = excluded.{column}"))
                .collect();
            format!("DO UPDATE SET {}", set.join(", "))
        }
    };
    let newer = match met {
        Met::Advance(by) => {
            let of = |table: &str| {
                by.iter()
                    .map(|column| format!("{table}.{column}"))
                    .collect::<Vec<_>>()
                    .join(", ")
            };
            format!(" WHERE ({}) > ({})", of("excluded"), of(table))
        }
        Met::Keep | Met::Replace => String::new(),
    };
    format!("INSERT INTO {table} ({names}) VALUES ({values}) ON CONFLICT ({key}) {conflict}{newer}")
}

#[cfg(test)]
mod tests {
    use rusqlite::StatementStatus;

    use super::*;
    use crate::sqlite::opening::{open, open_reader};

    #[test]
    fn a_statement_is_compiled_once_whatever_its_limit() {
        let directory = tempfile::tempdir().unwrap();
        let opened = open(directory.path(), 1).unwrap();
        let reader = open_reader(&opened.path).unwrap();
        for connection in [&opened.writer, &reader] {
            for limit in 2_i64..5 {
                let sql = "SELECT id FROM sla_set WHERE changed >= ? ORDER BY changed, id LIMIT ?";
                let mut statement = connection.prepare_cached(sql).unwrap();
                all(&mut statement, &[limit.into(), limit.into()], 1).unwrap();
                assert_eq!(statement.get_status(StatementStatus::RePrepare), 0);
            }
        }
    }

    #[test]
    fn words_of_inserts() {
        let insert = |met| {
            words(&Insert {
                table: "t",
                key: &["a", "b"],
                columns: &["c", "d"],
                met,
            })
        };
        let begin = "INSERT INTO t (a, b, c, d) VALUES (?, ?, ?, ?) ON CONFLICT (a, b) DO";
        assert_eq!(insert(Met::Keep), format!("{begin} NOTHING"));
        let replace = format!("{begin} UPDATE SET c = excluded.c, d = excluded.d");
        assert_eq!(insert(Met::Replace), replace);
        assert_eq!(
            insert(Met::Advance(&["c", "d"])),
            format!("{replace} WHERE (excluded.c, excluded.d) > (t.c, t.d)")
        );
    }
}
