//! The transaction port on MySQL: values to parameters, rows back, many rows a statement.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use mysql_async::consts::ColumnType;
use mysql_async::prelude::Queryable as _;
use mysql_async::{Conn, Params};
use tokio::runtime::Handle;

use super::error::{Failure, Verdict, judge, unreachable};
use super::session::Session;
use super::words;
use crate::error::StoreError;
use crate::transaction::{Insert, Transaction};
use crate::value::{Row, Value};

/// How long a statement may take: longer than any lock is waited for, shorter than the caller waits.
pub(super) const STATEMENT_LIMIT: Duration = Duration::from_secs(7);
/// Rows of one INSERT; few forms of a statement stay prepared.
const INSERT_ROWS: [usize; 5] = [256, 64, 16, 4, 1];
/// Bytes of the values of one INSERT at most, unless one row alone is larger.
const INSERT_BYTES: usize = 4 << 20;
/// Parameters of one statement at most: the protocol counts them in 16 bits.
const MAX_PARAMETERS: usize = u16::MAX as usize;

/// The clock of the server. `NOW` is the time at which this statement began.
const CLOCK: &str = "SELECT CAST(UNIX_TIMESTAMP(NOW(3)) * 1000 AS SIGNED)";

/// A transaction on a connection of ours. After a failure it runs nothing more: the server may have rolled it back, and
/// what came then would stand alone.
pub(super) struct MysqlTransaction<'a> {
    session: &'a mut Session,
    handle: &'a Handle,
    failed: Option<Verdict>,
}

impl<'a> MysqlTransaction<'a> {
    /// Begins with `begin`.
    pub(super) fn begin(session: &'a mut Session, handle: &'a Handle, begin: &str) -> Result<Self, Failure> {
        let mut transaction = Self {
            session,
            handle,
            failed: None,
        };
        transaction.say(begin)?;
        Ok(transaction)
    }

    /// What the first failed statement means.
    pub(super) fn failed(&self) -> Option<Verdict> {
        self.failed
    }

    /// A statement that is not prepared: BEGIN, COMMIT, ROLLBACK.
    pub(super) fn say(&mut self, sql: &str) -> Result<(), Failure> {
        let conn = &mut self.session.conn;
        wait(self.handle, &self.session.node, async { conn.query_drop(sql).await })
    }

    fn run<T>(
        &mut self,
        sql: &str,
        parameters: Vec<mysql_async::Value>,
        take: impl AsyncFnOnce(&mut Conn, &str, Params) -> Result<T, mysql_async::Error>,
    ) -> Result<T, StoreError> {
        if self.failed.is_some() {
            return Err(StoreError::Overtaken);
        }
        let parameters = if parameters.is_empty() {
            Params::Empty
        } else {
            Params::Positional(parameters)
        };
        let conn = &mut self.session.conn;
        let done = wait(self.handle, &self.session.node, take(conn, sql, parameters));
        done.map_err(|Failure { verdict, error }| {
            self.failed = Some(verdict);
            error
        })
    }
}

/// Waits for an answer, but not for ever.
pub(super) fn wait<T>(
    handle: &Handle,
    node: &Arc<str>,
    answer: impl Future<Output = Result<T, mysql_async::Error>>,
) -> Result<T, Failure> {
    handle.block_on(async {
        let answer = tokio::time::timeout(STATEMENT_LIMIT, answer).await;
        let late = || {
            let words = format!("it did not answer within {} s", STATEMENT_LIMIT.as_secs());
            Failure::new(Verdict::Lost, unreachable(node, words))
        };
        answer.map_err(|_| late())?.map_err(|error| judge(error, node))
    })
}

fn parameters(values: &[Value<'_>]) -> Vec<mysql_async::Value> {
    let one = |value: &Value<'_>| match value {
        Value::Null => mysql_async::Value::NULL,
        Value::Integer(number) => mysql_async::Value::Int(*number),
        Value::Text(text) => mysql_async::Value::Bytes(text.as_bytes().to_vec()),
        Value::Bytes(bytes) => mysql_async::Value::Bytes(bytes.to_vec()),
    };
    values.iter().map(one).collect()
}

async fn changed(conn: &mut Conn, sql: &str, parameters: Params) -> Result<u64, mysql_async::Error> {
    let answer = conn.exec_iter(sql, parameters).await?;
    let changed = answer.affected_rows();
    answer.drop_result().await?;
    Ok(changed)
}

async fn fetched(conn: &mut Conn, sql: &str, parameters: Params) -> Result<Vec<mysql_async::Row>, mysql_async::Error> {
    conn.exec_iter(sql, parameters).await?.collect_and_drop().await
}

fn row(row: mysql_async::Row) -> Result<Row, StoreError> {
    let types: Vec<ColumnType> = row.columns_ref().iter().map(mysql_async::Column::column_type).collect();
    let fields = row.unwrap().into_iter().zip(types);
    Ok(Row(fields
        .map(|(value, of)| field(value, of))
        .collect::<Result<_, _>>()?))
}

fn field(value: mysql_async::Value, of: ColumnType) -> Result<Value<'static>, StoreError> {
    let odd = |what: &str| StoreError::Corrupt {
        finding: format!("the server answered {what} where a number, text or bytes must be"),
    };
    Ok(match value {
        mysql_async::Value::NULL => Value::Null,
        mysql_async::Value::Int(number) => number.into(),
        mysql_async::Value::UInt(number) => i64::try_from(number).map_err(|_| odd("2^63 or more"))?.into(),
        // The sum of whole numbers is a DECIMAL, which comes as text.
        mysql_async::Value::Bytes(bytes) if of == ColumnType::MYSQL_TYPE_NEWDECIMAL => String::from_utf8(bytes)
            .ok()
            .and_then(|text| text.parse::<i64>().ok())
            .ok_or_else(|| odd("a fraction"))?
            .into(),
        mysql_async::Value::Bytes(bytes) => bytes.into(),
        _ => return Err(odd("a float, date or time")),
    })
}

/// How many of the rows at the front, whose sizes are given, go into one statement.
fn batch(sizes: &[usize], width: usize, most_bytes: usize) -> usize {
    INSERT_ROWS
        .into_iter()
        .filter(|&rows| rows <= sizes.len() && rows * width <= MAX_PARAMETERS)
        .find(|&rows| sizes[..rows].iter().sum::<usize>() <= most_bytes)
        .unwrap_or(1)
}

impl Transaction for MysqlTransaction<'_> {
    fn execute(&mut self, sql: &str, values: &[Value<'_>]) -> Result<u64, StoreError> {
        self.run(sql, parameters(values), changed)
    }

    fn rows(&mut self, sql: &str, values: &[Value<'_>]) -> Result<Vec<Row>, StoreError> {
        let rows = self.run(sql, parameters(values), fetched)?;
        rows.into_iter().map(row).collect()
    }

    fn lock(&mut self, sql: &str, values: &[Value<'_>]) -> Result<Vec<Row>, StoreError> {
        self.rows(&format!("{sql} FOR UPDATE"), values)
    }

    fn now_ms(&mut self) -> Result<i64, StoreError> {
        let rows = self.rows(CLOCK, &[])?;
        rows.first().map_or(Err(StoreError::Overtaken), |row| row.number(0))
    }

    fn insert(&mut self, insert: &Insert, values: &[Value<'_>]) -> Result<u64, StoreError> {
        let width = insert.width();
        let most_bytes = INSERT_BYTES.min(self.session.packet / 2);
        let sizes: Vec<usize> = values
            .chunks(width)
            .map(|row| row.iter().map(Value::size).sum())
            .collect();
        let (mut new, mut at) = (0, 0);
        while at < sizes.len() {
            let rows = batch(&sizes[at..], width, most_bytes);
            let part = &values[at * width..(at + rows) * width];
            new += self.run(&words::insert(insert, rows), parameters(part), changed)?;
            at += rows;
        }
        Ok(new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_go_in_batches_of_few_sizes() {
        let mut left = &vec![10; 1_000][..];
        let mut batches = Vec::new();
        while !left.is_empty() {
            let rows = batch(left, 6, INSERT_BYTES);
            batches.push(rows);
            left = &left[rows..];
        }
        assert_eq!(batches, [256, 256, 256, 64, 64, 64, 16, 16, 4, 4]);
        assert_eq!(batch(&[INSERT_BYTES; 500], 6, INSERT_BYTES), 1);
        assert_eq!(batch(&[INSERT_BYTES / 5; 500], 6, INSERT_BYTES), 4);
        assert_eq!(batch(&[INSERT_BYTES + 1; 2], 6, INSERT_BYTES), 1, "one row goes alone");
        assert_eq!(batch(&[1; 256], 1_000, INSERT_BYTES), 64);
    }

    #[test]
    fn fields_are_what_the_store_knows() {
        let decimal = |text: &str| {
            field(
                mysql_async::Value::Bytes(text.into()),
                ColumnType::MYSQL_TYPE_NEWDECIMAL,
            )
        };
        assert_eq!(decimal("1234").unwrap(), Value::Integer(1_234));
        assert!(decimal("1.5").is_err());
        let blob = field(mysql_async::Value::Bytes(b"12".to_vec()), ColumnType::MYSQL_TYPE_BLOB);
        assert_eq!(blob.unwrap(), Value::from(&b"12"[..]));
        assert!(field(mysql_async::Value::Double(1.0), ColumnType::MYSQL_TYPE_DOUBLE).is_err());
        assert!(field(mysql_async::Value::UInt(u64::MAX), ColumnType::MYSQL_TYPE_LONGLONG).is_err());
    }
}
