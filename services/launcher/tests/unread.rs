//! Readers that do not read: what their connections hold, and that it is given back. A client by hand, whose windows and socket
//! can be left alone.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a test that cannot go on shall fail where it stands"
)]

use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use sla_testkit::Instance;

/// Streams that a connection may have.
const STREAMS: u32 = 64;
/// Connections of each kind: their sum is far above what memory moves by itself.
const CONNECTIONS: usize = 24;
/// What a connection may hold, in KiB.
const MOST_KIB: u64 = 1024;
/// Objectives of the set that is watched: a snapshot of them is larger than a share of what a connection may hold.
const OBJECTIVES: usize = 200;
/// Changes of the set that nobody reads of.
const CHANGES: usize = 10;
/// When a reader that does not read must be gone.
const CUT: Duration = Duration::from_secs(45);

const WATCH: &str = "/sla.violation.v1.ViolationService/WatchViolations";

/// A client that never takes what it was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lazy {
    /// It reads its socket and never opens a window.
    Window,
    /// It opens all windows and never reads its socket.
    Socket,
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut frame = (payload.len() as u32).to_be_bytes()[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// Headers as literals: RFC 7541, 6.2.2.
fn headers(of: &[(&str, &str)]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in of {
        block.push(0);
        for text in [name, value] {
            block.push(text.len() as u8);
            block.extend(text.as_bytes());
        }
    }
    block
}

/// A connection that watches on all its streams.
fn watch(socket: &Path, lazy: Lazy) -> UnixStream {
    let mut stream = UnixStream::connect(socket).unwrap();
    let mut said = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    if lazy == Lazy::Socket {
        // SETTINGS_INITIAL_WINDOW_SIZE, and the window of the connection, as large as there are.
        let largest = i32::MAX as u32;
        said.extend(frame(4, 0, 0, &[&[0, 4], &largest.to_be_bytes()[..]].concat()));
        said.extend(frame(8, 0, 0, &(largest - 65_535).to_be_bytes()));
    } else {
        said.extend(frame(4, 0, 0, &[]));
    }
    let head = headers(&[
        (":method", "POST"),
        (":scheme", "http"),
        (":path", WATCH),
        (":authority", "localhost"),
        ("content-type", "application/grpc"),
        ("te", "trailers"),
    ]);
    for id in (0..STREAMS).map(|nth| 2 * nth + 1) {
        said.extend(frame(1, 4, id, &head));
        said.extend(frame(0, 1, id, &[0; 5]));
    }
    stream.write_all(&said).unwrap();
    if lazy == Lazy::Window {
        let mut reader = stream.try_clone().unwrap();
        thread::spawn(move || answer_pings(&mut reader));
    }
    stream
}

/// Reads what comes and stays a living client, without a window more.
fn answer_pings(stream: &mut UnixStream) -> Option<()> {
    loop {
        let mut head = [0; 9];
        stream.read_exact(&mut head).ok()?;
        let mut payload = vec![0; u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize];
        stream.read_exact(&mut payload).ok()?;
        match (head[3], head[4] & 1) {
            (4, 0) => stream.write_all(&frame(4, 1, 0, &[])).ok()?,
            (6, 0) => stream.write_all(&frame(6, 1, 0, &payload)).ok()?,
            _ => {}
        }
    }
}

/// Whether the other end has closed it.
fn is_cut(stream: &mut UnixStream) -> bool {
    let _ = stream.set_write_timeout(Some(Duration::from_millis(100)));
    stream
        .write_all(&frame(6, 0, 0, &[0; 8]))
        .is_err_and(|error| error.kind() != std::io::ErrorKind::WouldBlock)
}

fn held_kib(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("RssAnon")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// A set as large as it is told above; `nth` is in each of its bounds.
fn apply(instance: &Instance, nth: usize) {
    let file = instance.folder.path().join("large.toml");
    let mut set = "[[set]]\nname = \"large\"\n".to_owned();
    for objective in 0..OBJECTIVES {
        let long = "long".repeat(200);
        writeln!(
            set,
            "[[set.objective]]\nname = \"o{objective}\"\nquery = 'up{{a=\"{objective}\",b=\"{long}\"}}'\nmax = {nth}",
        )
        .unwrap();
    }
    std::fs::write(&file, set).unwrap();
    let applied = instance.sla(&["sets", "apply", file.to_str().unwrap(), "--yes"]);
    assert!(applied.status.success(), "{}", String::from_utf8_lossy(&applied.stderr));
}

#[test]
fn who_does_not_read_costs_a_mebibyte_a_connection() {
    // Nobody listens there: all is without data, and the answer is long all the same.
    let instance = Instance::on("http://127.0.0.1:9");
    let served = instance.serve(&[]);
    for lazy in [Lazy::Window, Lazy::Socket] {
        // What is kept once for all who watch is no connection's.
        let first = watch(&instance.socket(), lazy);
        for nth in 1..=4 * CHANGES {
            apply(&instance, nth);
        }
        let before = held_kib(served.id());
        let begun = Instant::now();
        let mut open: Vec<_> = (0..CONNECTIONS)
            .map(|_| {
                // The next one when these have begun: so many calls at once are refused.
                thread::sleep(Duration::from_millis(50));
                watch(&instance.socket(), lazy)
            })
            .collect();
        let mut most = before;
        for nth in 1..=CHANGES {
            apply(&instance, 100 + nth);
            most = most.max(held_kib(served.id()));
        }
        drop(first);
        let each = most.saturating_sub(before) / CONNECTIONS as u64;
        println!("{lazy:?}: {before} KiB before, {most} at most: {each} a connection");
        // Seen of the first kind only: when a full socket is cut is not held here.
        while lazy == Lazy::Window && !open.iter_mut().all(is_cut) {
            assert!(
                begun.elapsed() < CUT,
                "{lazy:?}: still connected after {:?}",
                begun.elapsed()
            );
            thread::sleep(Duration::from_millis(500));
        }
        println!(
            "{lazy:?}: over after {:?}, {} KiB",
            begun.elapsed(),
            held_kib(served.id())
        );
        assert!(each <= MOST_KIB, "{lazy:?}: {each} KiB a connection");
    }
}
