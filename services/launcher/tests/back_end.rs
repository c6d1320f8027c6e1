//! The instance watches its own back end: its database is killed, its own set says so while it is away, recovers when it is back, and
//! the message goes out to a channel.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a test that cannot go on shall fail where it stands"
)]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;
use sla_proto::Peer;
use sla_proto::violation::v1::{GetOverviewRequest, State};
use sla_testkit::{Instance, Reply, Stub};

/// The objective that is about the database.
const WRITABLE: &str = "Database takes writes";
/// Its own metrics are sampled every 15 s and judged every second; a write to a server that is away is tried for some seconds.
const PROMISED: Duration = Duration::from_mins(1);
const PATIENCE: Duration = Duration::from_mins(2);

/// A MariaDB of this test alone; it is stopped with it.
struct Database {
    folder: tempfile::TempDir,
    port: u16,
}

impl Database {
    fn start() -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let database = Self {
            folder: tempfile::tempdir().unwrap(),
            port,
        };
        database.run("start");
        database
    }

    fn script() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../dev/mysql/mariadb.sh")
    }

    fn run(&self, command: &str) {
        let mut script = Command::new(Self::script());
        script.arg(command).arg(self.folder.path()).arg(self.port.to_string());
        let status = script.stdout(Stdio::null()).status().unwrap();
        assert!(status.success(), "mariadb.sh {command}");
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let _ = Command::new(Self::script())
            .arg("kill")
            .arg(self.folder.path())
            .status();
    }
}

/// What is known now of the objective about the database; `None` before it is judged.
async fn state(peer: &Peer) -> Option<State> {
    let request = GetOverviewRequest {
        set: "Back end".to_owned(),
        ..GetOverviewRequest::default()
    };
    let overview = peer
        .violations()
        .get_overview(request)
        .await
        .ok()?
        .into_inner()
        .overview?;
    let mut objectives = overview.objectives.iter();
    let about = objectives.find(|status| status.objective.as_ref().is_some_and(|one| one.name == WRITABLE))?;
    Some(about.state())
}

/// Waits until it is so; how long that took.
async fn until(what: &str, limit: Duration, is_so: impl AsyncFn() -> bool) -> Duration {
    let begun = Instant::now();
    while !is_so().await {
        assert!(begun.elapsed() < limit, "it is not so after {limit:?}: {what}");
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    begun.elapsed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "real server: dev/test"]
async fn its_own_set_says_that_the_database_is_away_and_recovers() {
    let database = Database::start();
    let told = Arc::new(Mutex::new(Vec::new()));
    let list = told.clone();
    let hook = Stub::start(move |request| {
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        for alert in body["alerts"].as_array().unwrap() {
            if alert["labels"]["sla_objective"] == WRITABLE {
                list.lock().unwrap().push(alert["status"].as_str().unwrap().to_owned());
            }
        }
        Reply::text(200, "ok")
    })
    .await;
    let instance = Instance::on("http://127.0.0.1:1");
    let url = format!("mysql://root@127.0.0.1:{}/sla", database.port);
    let mut child = instance.serve(&[
        ("SLA_STORAGE__URL", &url),
        ("SLA_EVALUATION__FLOOR", "1s"),
        ("SLA_SELF__WATCH", "true"),
    ]);
    // The first call may meet a source that has not sampled yet, or a machine that is busy.
    let run = async |arguments: &[&str]| {
        until(&format!("{arguments:?}"), PATIENCE, async || {
            instance.sla(arguments).status.success()
        })
        .await;
    };
    run(&["sets", "back-end", "--yes"]).await;
    run(&["notify", "add", "hook", "webhook", &hook.url(), "--set", "Back end"]).await;
    let peer = Peer::connect_unix(&instance.socket()).await.unwrap();
    until("it is fine", PATIENCE, async || state(&peer).await == Some(State::Ok)).await;

    database.run("kill");
    let is_away = async || matches!(state(&peer).await, Some(State::Violated | State::NoData));
    let noticed = until("the set knows that the database is away", PROMISED, is_away).await;
    assert!(told.lock().unwrap().is_empty(), "nothing is told that is not stored");
    database.run("start");
    let recovered = until("it is fine again", PATIENCE, async || {
        state(&peer).await == Some(State::Ok)
    })
    .await;
    let sent = until("it is told", PATIENCE, async || {
        told.lock().unwrap().iter().any(|status| status == "resolved")
    })
    .await;
    println!(
        "noticed after {noticed:?}, fine {recovered:?} after its return, told {sent:?} later: {:?}",
        told.lock().unwrap()
    );
    child.terminate();
    assert!(child.ended(Duration::from_secs(30)).0.success());
}
