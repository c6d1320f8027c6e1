//! Promise 19: asked to end by a signal, an instance says NOT_SERVING first, ends its streams, closes its database and its
//! socket, and exits well; the next one starts on what it left.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    dead_code,
    reason = "a test that cannot go on shall fail where it stands; not every test uses all of its instance"
)]

mod instance;

use std::io::Write as _;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use instance::Instance;
use sla_proto::Peer;
use sla_proto::violation::v1::WatchViolationsRequest;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;

/// How long anything is waited for; the drain itself has 5 s.
const LIMIT: Duration = Duration::from_secs(30);

fn serve(instance: &Instance, socket: &Path) -> Child {
    let child = instance
        .command(&["serve"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("sla serve");
    let begun = Instant::now();
    while UnixStream::connect(socket).is_err() {
        assert!(begun.elapsed() < LIMIT, "{} does not answer", socket.display());
        std::thread::sleep(Duration::from_millis(20));
    }
    child
}

fn terminate(child: &Child) {
    let pid = rustix::process::Pid::from_raw(child.id() as i32).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
}

/// A client that greets and then says nothing: its connection holds the drain.
fn silent(socket: &Path) -> UnixStream {
    let mut stream = UnixStream::connect(socket).unwrap();
    let empty_settings = [0, 0, 0, 4, 0, 0, 0, 0, 0];
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").unwrap();
    stream.write_all(&empty_settings).unwrap();
    stream
}

/// Waits for its end: how, and after how long.
fn ended(child: &mut Child) -> (Option<i32>, Duration) {
    let asked = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return (status.code(), asked.elapsed());
        }
        assert!(asked.elapsed() < LIMIT, "it does not end");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// What the instance has logged.
fn log_of(folder: &Path) -> String {
    let logs = std::fs::read_dir(folder.join("default/log")).unwrap().flatten();
    let logs = logs.filter(|entry| entry.file_name().to_string_lossy().starts_with("sla."));
    logs.map(|entry| std::fs::read_to_string(entry.path()).unwrap_or_default())
        .collect()
}

#[test]
fn a_signal_ends_an_instance_in_order() {
    // Nobody listens there: an instance starts and ends without its source too.
    let instance = Instance::on("http://127.0.0.1:9");
    let socket = instance.folder.path().join("run/default.sock");
    // With a thread of its own: a client that is not driven answers no ping, and the server waits for it.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    for life in 1..=2 {
        let mut child = serve(&instance, &socket);
        runtime.block_on(async {
            let peer = Peer::connect_unix(&socket).await.unwrap();
            let ask = HealthCheckRequest {
                service: "etl".to_owned(),
            };
            let mut health = peer.health().watch(ask).await.unwrap().into_inner();
            assert_eq!(
                health.message().await.unwrap().unwrap().status(),
                ServingStatus::Serving
            );
            let watch = WatchViolationsRequest::default();
            let mut violations = peer.violations().watch_violations(watch).await.unwrap().into_inner();
            violations.message().await.unwrap().expect("a snapshot");

            let asked = Instant::now();
            terminate(&child);
            let last = tokio::time::timeout(LIMIT, health.message())
                .await
                .expect("a last word")
                .unwrap();
            assert_eq!(last.unwrap().status(), ServingStatus::NotServing);
            // It ends with or without a word of its own, but it ends.
            let streams = async { while let Ok(Some(_)) = violations.message().await {} };
            tokio::time::timeout(LIMIT, streams).await.expect("the stream ends");
            println!("life {life}: streams ended after {:?}", asked.elapsed());
        });
        let asked = Instant::now();
        let status = loop {
            if let Some(status) = child.try_wait().unwrap() {
                break status;
            }
            assert!(asked.elapsed() < LIMIT, "it does not end");
            std::thread::sleep(Duration::from_millis(20));
        };
        println!("life {life}: ended {:?} later", asked.elapsed());
        let late = log_of(instance.folder.path());
        assert!(!late.contains("did not end in time"), "{late}");
        assert!(status.success(), "{status}");
        assert!(!socket.exists(), "the socket is gone");
        let data = instance.folder.path().join("default");
        assert!(
            data.join("sla.db").exists() && !data.join("sla.db-wal").exists(),
            "the database was closed"
        );
    }
}

#[test]
fn who_does_not_listen_holds_the_end_for_seconds_and_a_second_signal_ends_it_at_once() {
    let instance = Instance::on("http://127.0.0.1:9");
    let socket = instance.folder.path().join("run/default.sock");
    let mut patient = serve(&instance, &socket);
    let held = silent(&socket);
    std::thread::sleep(Duration::from_millis(300));
    terminate(&patient);
    terminate(&patient);
    let (code, took) = ended(&mut patient);
    assert_eq!(code, Some(0), "two signals at once are one wish");
    assert!(took < Duration::from_secs(5), "{took:?}");
    drop(held);

    let mut hurried = serve(&instance, &socket);
    let _held = silent(&socket);
    std::thread::sleep(Duration::from_millis(300));
    terminate(&hurried);
    std::thread::sleep(Duration::from_millis(700));
    assert!(hurried.try_wait().unwrap().is_none(), "the drain waits for the client");
    terminate(&hurried);
    let (code, took) = ended(&mut hurried);
    assert_eq!(code, Some(128 + 15));
    assert!(took < Duration::from_secs(1), "{took:?}");
    assert!(!socket.exists());
}
