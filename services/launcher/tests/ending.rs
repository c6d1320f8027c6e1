//! Promise 19: asked to end by a signal, an instance says NOT_SERVING first, ends its streams, closes its database and its
//! socket, and exits well; the next one starts on what it left.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a test that cannot go on shall fail where it stands"
)]

use std::io::Write as _;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use sla_proto::Peer;
use sla_proto::violation::v1::WatchViolationsRequest;
use sla_testkit::Instance;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;

/// How long anything is waited for; the drain itself has 5 s.
const LIMIT: Duration = Duration::from_secs(30);

/// A client that greets and then says nothing: its connection holds the drain.
fn silent(socket: &Path) -> UnixStream {
    let mut stream = UnixStream::connect(socket).unwrap();
    let empty_settings = [0, 0, 0, 4, 0, 0, 0, 0, 0];
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").unwrap();
    stream.write_all(&empty_settings).unwrap();
    stream
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
    let socket = instance.socket();
    // With a thread of its own: a client that is not driven answers no ping, and the server waits for it.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    for life in 1..=2 {
        let mut child = instance.serve(&[]);
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
            child.terminate();
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
        let (status, took) = child.ended(LIMIT);
        println!("life {life}: ended {took:?} later");
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
    let socket = instance.socket();
    let mut patient = instance.serve(&[]);
    let held = silent(&socket);
    std::thread::sleep(Duration::from_millis(300));
    patient.terminate();
    patient.terminate();
    let (status, took) = patient.ended(LIMIT);
    assert_eq!(status.code(), Some(0), "two signals at once are one wish");
    assert!(took < Duration::from_secs(5), "{took:?}");
    drop(held);

    let mut hurried = instance.serve(&[]);
    let _held = silent(&socket);
    std::thread::sleep(Duration::from_millis(300));
    hurried.terminate();
    std::thread::sleep(Duration::from_millis(700));
    assert!(hurried.is_running(), "the drain waits for the client");
    hurried.terminate();
    let (status, took) = hurried.ended(LIMIT);
    assert_eq!(status.code(), Some(128 + 15));
    assert!(took < Duration::from_secs(1), "{took:?}");
    assert!(!socket.exists());
}

#[test]
fn an_instance_has_told_the_allocator_to_give_memory_back() {
    let instance = Instance::on("http://127.0.0.1:9");
    let mut served = instance.serve(&[]);
    let environment = std::fs::read(format!("/proc/{}/environ", served.id())).unwrap();
    assert!(String::from_utf8_lossy(&environment).contains("MALLOC_ARENA_MAX="));
    let name = std::fs::read_to_string(format!("/proc/{}/comm", served.id())).unwrap();
    assert_eq!(name.trim(), "sla", "it can still be found by its name");
    served.kill();
}
