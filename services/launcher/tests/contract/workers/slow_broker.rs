//! Workers and storage over a real Apache Kafka whose every answer comes one to two seconds late, and none at all for a while.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use sla_proto::etl::v1::RunState;
use sla_proto::peer::{Claims, Trust};
use sla_proto::server::v1::GetServerInfoRequest;
use sla_proto::storage::v1::StreamReading;
use sla_proto::{Peer, lag};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::{PARTITIONS, ended, owners, results, run, start, until};
use crate::estate::{Estate, SECRET};

/// How late an answer is at least, and how much later at most.
const LATE: Duration = Duration::from_secs(1);
const LATER_MS: u64 = 1_000;
/// Answers of one connection that are held back at most.
const HELD: usize = 256;
/// The largest answer of a broker here, bytes.
const MAX_ANSWER: usize = 16 << 20;
/// After the stall: the run has ended, nothing is left to read (promise 20).
const DRAIN: Duration = Duration::from_secs(30);

#[derive(Default)]
struct Pace {
    slow: AtomicBool,
    stalled: AtomicBool,
    seed: AtomicU64,
}

impl Pace {
    /// How late the next answer is.
    fn late(&self) -> Duration {
        if !self.slow.load(Ordering::Relaxed) {
            return Duration::ZERO;
        }
        // Uneven, and the same in each run.
        let step = self.seed.fetch_add(617, Ordering::Relaxed);
        LATE + Duration::from_millis(step % LATER_MS)
    }

    async fn flows(&self) {
        while self.stalled.load(Ordering::Relaxed) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// A proxy before a broker: the broker's address in answers becomes its own, so that nobody goes past it.
struct SlowBroker {
    address: SocketAddr,
    pace: Arc<Pace>,
    _proxy: JoinSet<()>,
}

impl SlowBroker {
    async fn before(broker: SocketAddr) -> Self {
        let door = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, pace) = (door.local_addr().unwrap(), Arc::new(Pace::default()));
        let shared = pace.clone();
        let mut proxy = JoinSet::new();
        proxy.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((client, _)) = door.accept().await {
                if let Ok(server) = TcpStream::connect(broker).await {
                    connections.spawn(connection(client, server, (broker, address), shared.clone()));
                }
            }
        });
        Self {
            address,
            pace,
            _proxy: proxy,
        }
    }

    fn slow(&self) {
        self.pace.slow.store(true, Ordering::Relaxed);
    }

    fn stall(&self, stalled: bool) {
        self.pace.stalled.store(stalled, Ordering::Relaxed);
    }
}

/// Until one of its ends has gone.
async fn connection(client: TcpStream, server: TcpStream, names: (SocketAddr, SocketAddr), pace: Arc<Pace>) {
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let (hold, held) = mpsc::channel(HELD);
    tokio::select! {
        () = questions(from_client, to_server, pace.clone()) => {}
        () = hold_back(from_server, hold, names, pace.clone()) => {}
        () = answers(held, to_client, pace) => {}
    }
}

async fn questions(mut client: OwnedReadHalf, mut server: OwnedWriteHalf, pace: Arc<Pace>) {
    let mut bytes = vec![0; 64 << 10];
    while let Ok(count @ 1..) = client.read(&mut bytes).await {
        pace.flows().await;
        if server.write_all(&bytes[..count]).await.is_err() {
            return;
        }
    }
}

/// Takes each answer whole, with the time at which it may go on: none overtakes another.
async fn hold_back(
    mut server: OwnedReadHalf,
    hold: mpsc::Sender<(Instant, Vec<u8>)>,
    (broker, own): (SocketAddr, SocketAddr),
    pace: Arc<Pace>,
) {
    let mut due = Instant::now();
    while let Ok(length) = server.read_u32().await {
        assert!((length as usize) < MAX_ANSWER, "not an answer of a broker");
        let mut answer = length.to_be_bytes().to_vec();
        answer.resize(4 + length as usize, 0);
        if server.read_exact(&mut answer[4..]).await.is_err() {
            return;
        }
        rename(&mut answer, broker, own);
        due = due.max(Instant::now() + pace.late());
        if hold.send((due, answer)).await.is_err() {
            return;
        }
    }
}

async fn answers(mut held: mpsc::Receiver<(Instant, Vec<u8>)>, mut client: OwnedWriteHalf, pace: Arc<Pace>) {
    while let Some((due, answer)) = held.recv().await {
        tokio::time::sleep_until(due.into()).await;
        pace.flows().await;
        if client.write_all(&answer).await.is_err() {
            return;
        }
    }
}

/// In the protocol a port follows its host as four bytes: the length stays.
fn rename(answer: &mut [u8], broker: SocketAddr, own: SocketAddr) {
    let named = |address: SocketAddr| {
        let mut bytes = address.ip().to_string().into_bytes();
        bytes.extend(u32::from(address.port()).to_be_bytes());
        bytes
    };
    let (old, new) = (named(broker), named(own));
    let mut at = 0;
    while at + old.len() <= answer.len() {
        if answer[at..].starts_with(&old) {
            answer[at..at + new.len()].copy_from_slice(&new);
            at += new.len();
        } else {
            at += 1;
        }
    }
}

/// How far the storage has read, as the health view of the console has it.
async fn reading(storage: &Peer) -> Option<StreamReading> {
    let info = storage.server().get_server_info(GetServerInfoRequest {}).await.ok()?;
    info.into_inner().store?.reading
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "real server: dev/test"]
#[expect(clippy::disallowed_methods, reason = "dev/test names its server in the environment")]
async fn a_slow_broker_costs_time_and_nothing_else() {
    let servers = std::env::var("SLA_TEST_KAFKA").expect("SLA_TEST_KAFKA: run by dev/test");
    let broker = SlowBroker::before(servers.split(',').next().unwrap().parse().unwrap()).await;
    let bus = [
        ("SLA_BUS__BROKERS", broker.address.to_string()),
        ("SLA_BUS__TOPIC_PREFIX", format!("slow-{}.", std::process::id())),
        ("SLA_BUS__PARTITIONS", PARTITIONS.to_string()),
    ];
    let estate = Estate::of(&["storage", "account", "etl1", "etl2", "sla", "retrieval"], &bus);
    let of = |name: &str| {
        let peer = Peer::lazy_tcp(&estate.address(name), &Trust::default()).unwrap();
        peer.claiming(Claims::default().with_secret(SECRET))
    };
    let (storage, worker) = (of("storage"), of("etl1"));
    let both: BTreeSet<String> = [estate.address("etl1"), estate.address("etl2")].into();
    until("both workers own partitions", Duration::from_mins(1), async || {
        owners(&storage).await.filter(|owners| *owners == both)
    })
    .await;

    broker.slow();
    let begun = Instant::now();
    let asked = start(&worker, "slow", &[]).await;
    until("some of it is stored", DRAIN, async || {
        run(&worker, &asked.id).await.filter(|run| run.series_done > 0)
    })
    .await;
    let first = begun.elapsed();
    broker.stall(true);
    let stalled = Instant::now();
    let at_stall = run(&worker, &asked.id).await.unwrap();
    assert!(at_stall.finished.is_none(), "it stalls in the middle: {at_stall:?}");
    until(
        "the health view says that nobody knows how far it is",
        DRAIN,
        async || lag::sum(&reading(&storage).await?).behind.is_none().then_some(()),
    )
    .await;
    broker.stall(false);
    let (resumed, away) = (Instant::now(), stalled.elapsed());
    let done = ended(&worker, &asked.id).await;
    let ended = resumed.elapsed();
    assert_eq!((done.state(), done.series_failed), (RunState::Done, 0), "{done:?}");
    assert!(
        done.series_done > 20 && done.series_done == done.series_total,
        "{done:?}"
    );
    let stored = results(&storage, &asked.id).await;
    let series: BTreeSet<_> = stored.iter().map(|one| one.series.clone().unwrap().id).collect();
    assert_eq!(
        (stored.len(), series.len()),
        (done.series_total as usize, done.series_total as usize),
        "each series once"
    );
    until("nothing is left to read", DRAIN, async || {
        let reading = reading(&storage).await?;
        (lag::sum(&reading).behind == Some(0)).then_some(())
    })
    .await;
    println!(
        "each answer 1 to 2 s late: first results after {:.1} s; {} of {} when it stalled for {:.1} s; complete {:.1} s later, all read \
         {:.1} s later",
        first.as_secs_f64(),
        at_stall.series_done,
        done.series_total,
        away.as_secs_f64(),
        ended.as_secs_f64(),
        resumed.elapsed().as_secs_f64(),
    );
}
