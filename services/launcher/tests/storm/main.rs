//! A storm on the whole stack: two storages, workers and managers behind a gateway, on a real Prometheus, Apache Kafka and MySQL
//! 9.7. Processes are killed, stand still and come back in an order that the seed gives, while runs are started and a set is
//! edited; afterwards everything acknowledged must be there once, and equal what one process finds on the same Prometheus.
//!
//! `dev/test` runs the short form, `dev/storm` a longer one.

#![cfg(all(feature = "kafka", feature = "mysql"))]
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a test that cannot go on shall fail where it stands, and tells its figures; dev/test and dev/storm name servers and \
              sizes in the environment; the load ends with the test"
)]

mod after;
#[path = "../shared/agreement.rs"]
mod agreement;
mod backing;
mod cast;
mod load;

use std::time::{Duration, Instant};

use serde_json::Value;
use sla_domain::{Clock as _, SystemClock};
use sla_runtime::Shutdown;

use after::until;
use backing::Backing;
use cast::{Alone, Cast, NAMES};

/// After the last fault: judged again, everything read (promise 20).
const DRAIN: Duration = Duration::from_secs(30);
/// After the last fault: every process has work, every run has ended. A group gives partitions back late, and a task that was
/// under way is done anew.
const SETTLED: Duration = Duration::from_mins(2);
/// Longer than a group waits for a silent member.
const SLEEP: Duration = Duration::from_secs(13);
/// The least of the load of a host that is a violation in the set that nobody edits.
const LOAD: f64 = 1.8;

/// What happens to whom.
#[derive(Debug, Clone, Copy)]
enum Fault {
    Kill(&'static str),
    Sleep(&'static str),
    NoBroker,
    NoDatabase,
}

/// Random numbers that a seed repeats (`SplitMix64`).
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    /// A time of at least `least` and below `limit`, milliseconds.
    fn pause(&mut self, least: u64, limit: u64) -> Duration {
        Duration::from_millis(least + self.below(limit - least))
    }

    /// One of each fault, in any order.
    fn round(&mut self) -> Vec<Fault> {
        let sleepers = ["storage1", "storage2", "etl1", "etl2", "sla1", "sla2"];
        let mut faults: Vec<Fault> = NAMES.map(Fault::Kill).into();
        faults.extend([
            Fault::Sleep(sleepers[self.below(6) as usize]),
            Fault::NoBroker,
            Fault::NoDatabase,
        ]);
        for at in (1..faults.len()).rev() {
            faults.swap(at, self.below(at as u64 + 1) as usize);
        }
        faults
    }
}

/// How much: the seed, how many rounds of all faults, how long broker and database are away.
struct Size {
    seed: u64,
    rounds: u32,
    outage: Duration,
}

fn size() -> Size {
    let number = |name, default| std::env::var(name).map_or(default, |text| text.parse().unwrap());
    let size = Size {
        seed: number("SLA_STORM_SEED", 9),
        rounds: number("SLA_STORM_ROUNDS", 1) as u32,
        outage: Duration::from_secs(number("SLA_STORM_OUTAGE_S", 8)),
    };
    println!("storm: seed {}, {} rounds", size.seed, size.rounds);
    size
}

/// The stack, and one process beside it.
struct Scene {
    cast: Cast,
    kafka: Backing,
    mysql: Backing,
    alone: Alone,
    _place: tempfile::TempDir,
}

impl Scene {
    fn start() -> Self {
        let servers: Vec<(String, Value)> = sla_testkit::servers();
        // The one with most hosts.
        let (source, _) = servers
            .iter()
            .max_by_key(|(_, truth)| truth["series"].as_array().map_or(0, Vec::len))
            .unwrap();
        let place = tempfile::tempdir().unwrap();
        let (kafka, mysql) = (Backing::kafka(place.path()), Backing::mysql(place.path()));
        Self {
            cast: Cast::start(place.path(), source, &kafka, &mysql),
            alone: Alone::start(place.path(), source),
            kafka,
            mysql,
            _place: place,
        }
    }

    /// Does what `fault` says and undoes it; gives how many were killed.
    async fn strike(&mut self, fault: Fault, chance: &mut Chance, outage: Duration) -> u32 {
        match fault {
            Fault::Kill(name) => {
                self.cast.kill(name);
                tokio::time::sleep(chance.pause(0, 2_000)).await;
                self.cast.begin(name);
                1
            }
            Fault::Sleep(name) => {
                self.cast.pause(name);
                tokio::time::sleep(SLEEP).await;
                self.cast.resume(name);
                0
            }
            Fault::NoBroker | Fault::NoDatabase => {
                let broker = matches!(fault, Fault::NoBroker);
                let server = if broker { &self.kafka } else { &self.mysql };
                tokio::task::block_in_place(|| server.kill());
                tokio::time::sleep(outage).await;
                tokio::task::block_in_place(|| server.again());
                1
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "real server: dev/test"]
async fn nothing_acknowledged_is_lost_or_doubled_in_a_storm() {
    let Size { seed, rounds, outage } = size();
    let mut chance = Chance(seed);
    let mut scene = tokio::task::block_in_place(Scene::start);
    let (door, storage) = (scene.cast.door(), scene.cast.peer("storage1"));
    until("all work", SETTLED, async || after::all_work(&scene.cast).await).await;
    let fixed = load::create(&door, load::set("fixed", LOAD)).await;
    load::create(&scene.alone.peer, load::set("fixed", LOAD)).await;
    let moved = load::create(&door, load::set("moved", 2.0)).await;

    let end = Shutdown::new();
    let runs = tokio::spawn(load::runs(door.clone(), seed, end.clone()));
    let edits = tokio::spawn(load::edits(door.clone(), moved.clone(), end.clone()));
    let (begun, begun_ms) = (Instant::now(), SystemClock.now_ms());
    let mut kills = 0;
    for _ in 0..rounds {
        for fault in chance.round() {
            tokio::time::sleep(chance.pause(300, 2_000)).await;
            println!("storm: {:.1} s: {fault:?}", begun.elapsed().as_secs_f64());
            kills += scene.strike(fault, &mut chance, outage).await;
        }
    }
    let (over, over_ms) = (Instant::now(), SystemClock.now_ms());
    let ((), judged) = until("judged again", DRAIN, async || after::judged(&door, over_ms).await).await;
    end.begin();
    let (acknowledged, (last, edits)) = (runs.await.unwrap(), edits.await.unwrap());
    until("all runs have ended", SETTLED, async || {
        let runs = after::stored(&storage, &acknowledged).await;
        let open: Vec<_> = runs.iter().filter(|run| run.finished.is_none()).collect();
        // What is open when this is given up is told.
        if over.elapsed() + Duration::from_secs(1) > SETTLED {
            println!("storm: {} runs are open: {:?}", open.len(), open.first());
        }
        open.is_empty().then_some(())
    })
    .await;
    let ended = over.elapsed();
    until("all work again", SETTLED, async || after::all_work(&scene.cast).await).await;
    let working = over.elapsed();

    let stored = after::stored(&storage, &acknowledged).await;
    let series = stored[0].series_total as usize;
    assert!(series > 50, "{:?}", stored[0]);
    let compared_runs = [chance.below(stored.len() as u64) as usize, stored.len() - 1];
    let mut windows = 0;
    for (at, run) in stored.iter().enumerate() {
        let results = after::results(&storage, run, series).await;
        if compared_runs.contains(&at) {
            windows += after::compare(&scene.alone.peer, &results).await;
        }
    }
    after::edited(&storage, &load::find(&door, &moved.id).await, &last, edits).await;
    let (after_ms, before_ms) = (begun_ms - 11 * 3_600_000, over_ms - 60_000);
    let ours = after::ledger(&door, &fixed.id, after_ms, before_ms).await;
    let theirs = after::ledger(&scene.alone.peer, "fixed", after_ms, before_ms).await;
    assert!(!ours.is_empty(), "nothing was violated");
    assert_eq!(ours, theirs, "the ledger of one process");
    println!(
        "storm: {kills} kills in {:.0} s, {} runs of {series} series and {edits} edits acknowledged: 0 lost, 0 doubled; {windows} \
         windows and {} violations as one process has them",
        (over - begun).as_secs_f64(),
        stored.len(),
        ours.len(),
    );
    println!(
        "storm: after the last fault judged again in {:.1} s, all runs ended in {:.1} s, every process at work and nothing left to \
         read in {:.1} s",
        judged.as_secs_f64(),
        ended.as_secs_f64(),
        working.as_secs_f64(),
    );
    assert!(scene.cast.stop(Duration::from_secs(10)), "each ends in order");
}
