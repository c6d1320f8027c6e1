//! What tests need to see and to provoke; only with the feature `test-support`.

use std::sync::Arc;

use mysql_async::prelude::Queryable as _;
use sla_domain::Clock;

use super::session::Purpose;
use super::{Mysql, MysqlStore, START_LIMIT, on_a_thread};
use crate::error::StoreError;
use crate::server_place::ServerPlace;
use crate::store::SqlStore;

impl MysqlStore {
    /// The newest schema.
    pub const NEWEST_SCHEMA: u32 = super::migration::NEWEST;

    /// As [`MysqlStore::open`], but with a schema that stops at `version`.
    pub async fn open_at(place: ServerPlace, version: u32, clock: Arc<dyn Clock>) -> Result<Self, StoreError> {
        let database = Mysql::connect(place, 1, clock.clone(), START_LIMIT).await?;
        database.migrate(clock.now_ms(), version).await?;
        Ok(SqlStore::over(database, clock))
    }

    /// Statements of a test's own, one after the other; the rows of each as text, NULL as "NULL".
    pub async fn ask(&self, statements: Vec<String>) -> Result<Vec<Vec<String>>, StoreError> {
        self.with_connection(async move |conn| {
            let mut answers = Vec::new();
            for statement in statements {
                let rows: Vec<mysql_async::Row> = conn.query(statement).await?;
                answers.push(rows.into_iter().map(told).collect());
            }
            Ok(answers)
        })
        .await
    }

    /// Whether the server can prepare each of these; what it says of those that it cannot.
    pub async fn refuses(&self, statements: Vec<String>) -> Result<Vec<String>, StoreError> {
        self.with_connection(async move |conn| {
            let mut refused = Vec::new();
            for statement in statements {
                match conn.prep(statement.as_str()).await {
                    Ok(prepared) => conn.close(prepared).await?,
                    Err(error) => refused.push(format!("{statement}: {error}")),
                }
            }
            Ok(refused)
        })
        .await
    }

    async fn with_connection<T: Send + 'static>(
        &self,
        work: impl AsyncFnOnce(&mut mysql_async::Conn) -> Result<T, mysql_async::Error> + Send + 'static,
    ) -> Result<T, StoreError> {
        let shared = Arc::clone(&self.database.inner().shared);
        on_a_thread(move || {
            let mut session = shared.pool.take(Purpose::Write).map_err(|failure| failure.error)?;
            let done = shared.pool.handle().block_on(work(&mut session.conn));
            let _entered = shared.pool.handle().enter();
            drop(session);
            done.map_err(|error| StoreError::Database(Box::new(error)))
        })
        .await?
    }
}

fn told(row: mysql_async::Row) -> String {
    let fields = row.unwrap().into_iter().map(|value| match value {
        mysql_async::Value::NULL => "NULL".to_owned(),
        mysql_async::Value::Bytes(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        other => other.as_sql(true),
    });
    fields.collect::<Vec<_>>().join(" | ")
}
