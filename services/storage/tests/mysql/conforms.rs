//! What SQLite does, these do.

use sla_storage::conformance;

use crate::servers::{drop_database, servers};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "real server: dev/test"]
async fn servers_conform() {
    for server in servers() {
        let store = server.store("conforms").await;
        println!("{}", server.name);
        conformance::everything(&store).await;
        drop_database(store).await;
    }
}
