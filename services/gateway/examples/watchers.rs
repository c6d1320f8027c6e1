//! What many consoles cost a gateway: `watchers URL PID STREAMS SECONDS` opens STREAMS watches of all sets, 50 on a connection, and
//! reads them for SECONDS. Prints the gateway's memory, how long the snapshots took, and how far apart the same message reaches the
//! first and the last reader.
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
use sla_proto::peer::Trust;
use sla_proto::violation::v1::WatchViolationsRequest;
use sla_proto::violation::v1::watch_violations_response::Event;
use tokio::sync::{Mutex, mpsc};

const A_CONNECTION: usize = 50;

/// When a message was first and last read, and by how many.
type Spread = BTreeMap<u64, (Instant, Instant, usize)>;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let mut next = || arguments.next().ok_or("watchers URL PID STREAMS SECONDS");
    let (url, pid) = (next()?, next()?);
    let (streams, seconds): (usize, u64) = (next()?.parse()?, next()?.parse()?);
    let before = (rss_kib(&pid)?, cpu_s(&pid)?);
    let (ready, mut snapshots) = mpsc::channel(streams);
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
    tokio::time::sleep(Duration::from_secs(seconds)).await;
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
        "{} messages to each in {seconds} s; first to last reader p50 {:.1} ms, max {:.1} ms; gateway {:.2} s CPU, RSS {} KiB",
        apart.len(),
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
