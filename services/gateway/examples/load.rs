//! What many consoles cost a door: `load URL PID STREAMS SECONDS [RATE]` opens STREAMS watches of all sets, 50 on a connection, and
//! reads them for SECONDS. Prints the memory of the process, how long the snapshots took, and how far apart the same message reaches
//! the first and the last reader.
//!
//! With RATE, calls are made beside the streams: RATE a second for SECONDS, three times as many for a third of that, RATE again. The
//! loop is open: each call is due at its instant, however late the answers of those before it, and its time counts from that
//! instant (nothing is left out while the server stands still).
#![allow(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a measuring tool: it prints, and its tasks end with it"
)]

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sla_proto::Peer;
use sla_proto::etl::v1::ListRunsRequest;
use sla_proto::peer::Trust;
use sla_proto::set::v1::ListSetsRequest;
use sla_proto::violation::v1::WatchViolationsRequest;
use sla_proto::violation::v1::watch_violations_response::Event;
use sla_proto::violation::v1::{GetOverviewRequest, ListViolationsRequest};
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinSet;
use tonic::Status;

const A_CONNECTION: usize = 50;
/// Connections that calls beside the streams take turns on.
const CONNECTIONS: u32 = 20;
/// What 99 of 100 calls may take.
const GOAL: Duration = Duration::from_millis(50);
/// When nothing of three times the load may be felt any more.
const RECOVERED: Duration = Duration::from_secs(2);

/// When a message was first and last read, and by how many.
type Spread = BTreeMap<u64, (Instant, Instant, usize)>;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let mut next = || arguments.next().ok_or("load URL PID STREAMS SECONDS [RATE]");
    let (url, pid) = (next()?, next()?);
    let (streams, seconds): (usize, u64) = (next()?.parse()?, next()?.parse()?);
    let rate: Option<u32> = arguments.next().map(|rate| rate.parse()).transpose()?;
    let before = (rss_kib(&pid)?, cpu_s(&pid)?);
    let (ready, mut snapshots) = mpsc::channel(streams.max(1));
    let spread = Arc::new(Mutex::new(Spread::new()));
    let begun = Instant::now();
    for _ in 0..streams.div_ceil(A_CONNECTION) {
        let peer = Peer::connect_tcp(&url, &Trust::default()).await?;
        for _ in 0..A_CONNECTION.min(streams) {
            tokio::spawn(read(peer.clone(), ready.clone(), spread.clone()));
        }
    }
    let mut bytes = 0;
    for _ in 0..streams {
        bytes += snapshots.recv().await.ok_or("no snapshot")??;
    }
    let opened = begun.elapsed();
    println!(
        "{streams} streams: {bytes} B of snapshots in {:.2} s; RSS {} KiB before, {} KiB with all open",
        opened.as_secs_f64(),
        before.0,
        rss_kib(&pid)?
    );
    let quiet = cpu_s(&pid)?;
    if let Some(rate) = rate {
        calls(&url, &pid, rate, Duration::from_secs(seconds)).await?;
    } else {
        tokio::time::sleep(Duration::from_secs(seconds)).await;
    }
    let spread = spread.lock().await;
    let mut apart: Vec<f64> = spread
        .values()
        .filter(|(_, _, readers)| *readers == streams)
        .map(|(first, last, _)| (*last - *first).as_secs_f64() * 1000.0)
        .collect();
    apart.sort_by(f64::total_cmp);
    let at = |share: f64| {
        apart
            .get(((apart.len() as f64 - 1.0) * share).round() as usize)
            .copied()
            .unwrap_or(f64::NAN)
    };
    println!(
        "{} messages to each in {:.0} s; first to last reader p50 {:.1} ms, max {:.1} ms; {:.2} s CPU, RSS {} KiB",
        apart.len(),
        begun.elapsed().as_secs_f64() - opened.as_secs_f64(),
        at(0.5),
        at(1.0),
        cpu_s(&pid)? - quiet,
        rss_kib(&pid)?
    );
    Ok(())
}

async fn read(peer: Peer, ready: mpsc::Sender<Result<usize, String>>, spread: Arc<Mutex<Spread>>) {
    let opened = peer
        .violations()
        .watch_violations(WatchViolationsRequest::default())
        .await;
    let mut events = match opened {
        Ok(answer) => answer.into_inner(),
        Err(status) => {
            let _ = ready.send(Err(status.to_string())).await;
            return;
        }
    };
    while let Ok(Some(event)) = events.message().await {
        let now = Instant::now();
        if let Some(Event::Snapshot(overview)) = &event.event {
            let _ = ready.send(Ok(prost::Message::encoded_len(overview))).await;
            continue;
        }
        let mut spread = spread.lock().await;
        let entry = spread.entry(event.sequence).or_insert((now, now, 0));
        *entry = (entry.0.min(now), entry.1.max(now), entry.2 + 1);
    }
}

/// One call: when it was due, how long after that it was answered, and how.
struct Answered {
    due: Instant,
    took: Duration,
    outcome: Result<(), Status>,
}

/// The usual load, three times as much, and the usual one again.
async fn calls(url: &str, pid: &str, rate: u32, usual: Duration) -> Result<(), Box<dyn Error>> {
    let mut peers = Vec::new();
    for _ in 0..CONNECTIONS {
        peers.push(Peer::connect_tcp(url, &Trust::default()).await?);
    }
    at_rate(&peers, rate, Duration::from_secs(2)).await; // connections and caches are warm
    tell("usual", rate, &at_rate(&peers, rate, usual).await);
    println!("RSS {} KiB", rss_kib(pid)?);
    tell("three times", rate * 3, &at_rate(&peers, rate * 3, usual / 3).await);
    println!("RSS {} KiB", rss_kib(pid)?);
    let begun = Instant::now();
    let after = at_rate(&peers, rate, usual / 2).await;
    let last_bad = after
        .iter()
        .filter(|call| call.outcome.is_err() || call.took > GOAL)
        .map(|call| call.due - begun)
        .max()
        .unwrap_or_default();
    tell("usual again", rate, &after);
    let late = after.iter().filter(|call| call.due - begun > RECOVERED);
    let late_bad = late
        .clone()
        .filter(|call| call.outcome.is_err() || call.took > GOAL)
        .count();
    println!(
        "the last call that failed or took over {} ms: {:.2} s after the load fell; later than {} s: {late_bad} of {}",
        GOAL.as_millis(),
        last_bad.as_secs_f64(),
        RECOVERED.as_secs(),
        late.count()
    );
    Ok(())
}

/// Makes `rate` calls a second for `span`, whatever becomes of those before, and waits for all.
async fn at_rate(peers: &[Peer], rate: u32, span: Duration) -> Vec<Answered> {
    let count = (f64::from(rate) * span.as_secs_f64()) as u32;
    let begun = Instant::now();
    let mut running = JoinSet::new();
    for number in 0..count {
        let due = begun + Duration::from_secs_f64(f64::from(number) / f64::from(rate));
        tokio::time::sleep_until(due.into()).await;
        let peer = peers[number as usize % peers.len()].clone();
        running.spawn(async move {
            let outcome = call(&peer, number).await;
            Answered {
                due,
                took: due.elapsed(),
                outcome,
            }
        });
    }
    running.join_all().await
}

/// What a console asks, in turn.
async fn call(peer: &Peer, number: u32) -> Result<(), Status> {
    match number / CONNECTIONS % 4 {
        0 => peer
            .violations()
            .get_overview(GetOverviewRequest::default())
            .await
            .map(drop),
        1 => peer.sets().list_sets(ListSetsRequest::default()).await.map(drop),
        2 => peer
            .violations()
            .list_violations(ListViolationsRequest::default())
            .await
            .map(drop),
        _ => peer.runs().list_runs(ListRunsRequest::default()).await.map(drop),
    }
}

fn tell(phase: &str, rate: u32, calls: &[Answered]) {
    let mut took: Vec<f64> = calls
        .iter()
        .filter(|call| call.outcome.is_ok())
        .map(|call| call.took.as_secs_f64() * 1000.0)
        .collect();
    took.sort_by(f64::total_cmp);
    let at = |share: f64| {
        took.get(((took.len() as f64 - 1.0) * share).round() as usize)
            .copied()
            .unwrap_or(f64::NAN)
    };
    // By code: how many, and what one of them said.
    let mut others = BTreeMap::<String, (usize, &str)>::new();
    for status in calls.iter().filter_map(|call| call.outcome.as_ref().err()) {
        others
            .entry(format!("{:?}", status.code()))
            .or_insert((0, status.message()))
            .0 += 1;
    }
    println!(
        "{phase}: {rate} calls a second, {} made, {} answered, p50 {:.1} ms, p99 {:.1} ms, worst {:.1} ms; others {others:?}",
        calls.len(),
        took.len(),
        at(0.5),
        at(0.99),
        at(1.0)
    );
}

fn rss_kib(pid: &str) -> Result<u64, Box<dyn Error>> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS"))
        .ok_or("no VmRSS")?;
    Ok(line.split_whitespace().nth(1).ok_or("no figure")?.parse()?)
}

fn cpu_s(pid: &str) -> Result<f64, Box<dyn Error>> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks: f64 = fields[11].parse::<f64>()? + fields[12].parse::<f64>()?;
    Ok(ticks / 100.0)
}
