//! The real servers: `SLA_TEST_DATABASES` lists them, separated by semicolons, each as `NAME URL PASSWORD CA` with `-` for
//! what it has not. Each test has a database of its own there.

use std::sync::Arc;

use sla_domain::ManualClock;
use sla_storage::MysqlStore;
use sla_storage::server_place::{Password, ServerPlace};

pub(crate) const NOW_MS: i64 = 1_700_000_000_000;

/// A server and a way in.
#[derive(Debug, Clone)]
pub(crate) struct Server {
    pub(crate) name: String,
    pub(crate) place: ServerPlace,
}

/// All of them; a test that found none has tested nothing.
pub(crate) fn servers() -> Vec<Server> {
    #[expect(clippy::disallowed_methods, reason = "dev/test hands the servers over")]
    let list = std::env::var("SLA_TEST_DATABASES");
    let Ok(list) = list else {
        panic!("SLA_TEST_DATABASES names no server: run dev/test")
    };
    let servers: Vec<Server> = list.split(';').map(server).collect();
    assert!(!servers.is_empty());
    servers
}

fn server(text: &str) -> Server {
    let fields: Vec<&str> = text.split_whitespace().collect();
    let [name, url, password, ca] = fields[..] else {
        panic!("SLA_TEST_DATABASES has {text:?}, not NAME URL PASSWORD CA")
    };
    let mut place = ServerPlace::new(url.parse().unwrap());
    if password != "-" {
        place.password = Password::Given(password.to_owned());
    }
    if ca != "-" {
        place.ca_file = Some(ca.into());
    }
    Server {
        name: name.to_owned(),
        place,
    }
}

impl Server {
    /// A new, empty database on it, called `sla_NAME` and the number of this process.
    pub(crate) async fn fresh(&self, name: &str) -> ServerPlace {
        let database = format!("sla_{name}_{}", std::process::id());
        let admin = MysqlStore::open_at(self.place.clone(), 0, clock()).await.unwrap();
        let statements = vec![
            format!("DROP DATABASE IF EXISTS {database}"),
            format!("CREATE DATABASE {database}"),
        ];
        admin.ask(statements).await.unwrap();
        admin.close().await;
        let mut place = self.place.clone();
        place.url.database = database;
        place
    }

    /// A store in a new database.
    pub(crate) async fn store(&self, name: &str) -> MysqlStore {
        let place = self.fresh(name).await;
        MysqlStore::open(place, 3, clock()).await.unwrap()
    }
}

pub(crate) fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::at(NOW_MS))
}

/// Deletes the store's database and ends it.
pub(crate) async fn drop_database(store: MysqlStore) {
    store
        .ask(vec![
            "SET @drop = CONCAT('DROP DATABASE ', DATABASE())".to_owned(),
            "PREPARE gone FROM @drop".to_owned(),
            "EXECUTE gone".to_owned(),
        ])
        .await
        .unwrap();
    store.close().await;
}
