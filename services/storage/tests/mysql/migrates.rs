//! The schema: a fresh one is a migrated one, a migration that was cut off goes on, and one of two does it.

use sla_storage::{MysqlStore, StoreError};

use crate::servers::{clock, drop_database, servers};

/// Every column and key, as the server tells them.
async fn schema(store: &MysqlStore) -> Vec<Vec<String>> {
    let columns = "SELECT table_name, ordinal_position, column_name, column_type, is_nullable, column_default, extra, \
         collation_name FROM information_schema.columns WHERE table_schema = DATABASE() ORDER BY 1, 2";
    let keys = "SELECT table_name, index_name, seq_in_index, column_name, non_unique FROM information_schema.statistics \
         WHERE table_schema = DATABASE() ORDER BY 1, 2, 3";
    store.ask(vec![columns.to_owned(), keys.to_owned()]).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "real server: dev/test"]
async fn a_migrated_schema_equals_a_fresh_one() {
    for server in servers() {
        let fresh = server.store("fresh").await;
        let expected = schema(&fresh).await;
        assert!(expected[0].len() > 60 && expected[1].len() > 20, "{expected:?}");
        for version in 1..MysqlStore::NEWEST_SCHEMA {
            let place = server.fresh("migrated").await;
            let old = MysqlStore::open_at(place.clone(), version, clock()).await.unwrap();
            old.close().await;
            let new = MysqlStore::open(place, 2, clock()).await.unwrap();
            assert_eq!(schema(&new).await, expected, "{}: from version {version}", server.name);
            drop_database(new).await;
        }
        drop_database(fresh).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "real server: dev/test"]
async fn a_migration_that_was_cut_off_goes_on() {
    for server in servers() {
        let fresh = server.store("whole").await;
        let expected = schema(&fresh).await;
        drop_database(fresh).await;
        let place = server.fresh("cut").await;
        let old = MysqlStore::open_at(place.clone(), 3, clock()).await.unwrap();
        // As if the process had died in the fourth, after its first table.
        let store = MysqlStore::open_at(place.clone(), 4, clock()).await.unwrap();
        let cut = [
            "UPDATE schema_version SET done_ms = NULL WHERE version = 4",
            "DROP TABLE forecast",
            "DROP TABLE counter",
        ];
        store.ask(cut.map(str::to_owned).to_vec()).await.unwrap();
        store.close().await;
        old.close().await;
        let new = MysqlStore::open(place, 2, clock()).await.unwrap();
        assert_eq!(schema(&new).await, expected, "{}", server.name);
        // A table of somebody else in the way of a migration that had not begun is no leftover of ours.
        let place = server.fresh("foreign").await;
        let old = MysqlStore::open_at(place.clone(), 2, clock()).await.unwrap();
        old.ask(vec!["CREATE TABLE sla_set (x INT)".to_owned()]).await.unwrap();
        let error = MysqlStore::open(place, 2, clock()).await.unwrap_err();
        assert!(matches!(error, StoreError::Migration { version: 3, .. }), "{error}");
        drop_database(old).await;
        drop_database(new).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[ignore = "real server: dev/test"]
async fn several_that_start_at_once_migrate_once() {
    for server in servers() {
        let place = server.fresh("race").await;
        let open = || MysqlStore::open(place.clone(), 2, clock());
        let (a, b, c) = tokio::join!(open(), open(), open());
        let (a, b, c) = (a.unwrap(), b.unwrap(), c.unwrap());
        assert_eq!(
            a.row_count("schema_version").await.unwrap(),
            u64::from(MysqlStore::NEWEST_SCHEMA)
        );
        b.close().await;
        c.close().await;
        drop_database(a).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "real server: dev/test"]
async fn what_cannot_be_used_is_told_in_one_sentence() {
    use sla_storage::server_place::Password;
    for server in servers() {
        let place = server.fresh("newer").await;
        let store = MysqlStore::open(place.clone(), 2, clock()).await.unwrap();
        let newer = MysqlStore::NEWEST_SCHEMA + 1;
        let future =
            format!("INSERT INTO schema_version (version, name, begun_ms, done_ms) VALUES ({newer}, 'x', 1, 1)");
        store.ask(vec![future]).await.unwrap();
        let error = MysqlStore::open(place.clone(), 2, clock()).await.unwrap_err();
        assert!(error.to_string().contains("use a newer sla"), "{error}");
        drop_database(store).await;

        let mut wrong = place.clone();
        wrong.url.database = "sla_nothing_of_this_name".to_owned();
        let error = MysqlStore::check(wrong, clock()).await.unwrap_err();
        assert!(error.to_string().contains("CREATE DATABASE"), "{error}");

        let mut wrong = place.clone();
        wrong.password = Password::Given("wrong".to_owned());
        let error = MysqlStore::check(wrong, clock()).await.unwrap_err();
        let told = error.to_string();
        assert!(
            told.contains("refuses the login") && told.contains("storage.password_file"),
            "{told}"
        );

        let mut wrong = place.clone();
        wrong.url.nodes[0].port = 9;
        let error = MysqlStore::check(wrong, clock()).await.unwrap_err();
        assert_eq!(error.to_string(), "the database server 127.0.0.1:9 cannot be reached");

        let mut wrong = place;
        let other = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(other.path(), "no certificate").unwrap();
        wrong.ca_file = Some(other.path().to_owned());
        let error = MysqlStore::check(wrong, clock()).await.unwrap_err();
        println!("{}: {error}", server.name);
        assert!(
            matches!(error, StoreError::Unfit { .. } | StoreError::Unreachable { .. }),
            "{error:?}"
        );
    }
}
