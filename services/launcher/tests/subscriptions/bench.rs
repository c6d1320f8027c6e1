//! 10,000 subscriptions of 1,000 people on 500 cities: the binary as a process of its own, in real time. `dev/bench subscriptions`.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use sla_domain::SystemClock;
use sla_proto::Peer;
use sla_proto::violation::v1::GetOverviewRequest;
use sla_testkit::instance::{Served, sla};
use sla_testkit::stub::Stub;

use crate::people::{Town, subscribe};
use crate::sky::{Mailbox, Sky, Told, city};

const CITIES: usize = 500;
/// Subscriptions of each user.
const EACH: usize = 10;
/// Where it snows.
const NORTH: usize = 250;
/// Each city is asked for once in this time and a twentieth of it more.
const ROUND: Duration = Duration::from_secs(15 * 60 + 45);

fn number_of_users() -> usize {
    #[expect(clippy::disallowed_methods, reason = "a bench by hand may be smaller")]
    std::env::var("SLA_BENCH_USERS").map_or(1_000, |text| text.parse().unwrap())
}

/// The process `pid`: seconds of CPU and MiB of memory so far.
struct Cost {
    cpu_s: f64,
    rss_mib: u64,
}

impl Cost {
    fn of(pid: u32) -> Self {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
        let fields: Vec<&str> = stat.rsplit_once(") ").unwrap().1.split(' ').collect();
        let number = |at: usize| fields[at].parse::<u64>().unwrap();
        Self {
            cpu_s: (number(11) + number(12)) as f64 / 100.0,
            rss_mib: number(21) * 4 / 1_024,
        }
    }
}

/// What lists and first screens take.
async fn lists(command: &dyn Fn(&[&str]) -> Command, callers: &[(&str, &Peer)]) {
    for arguments in [
        &["weather", "cities"][..],
        &["weather", "subscriptions"],
        &["sets", "list"],
        &["check"],
    ] {
        let begun = Instant::now();
        let output = command(arguments).output().unwrap();
        assert!(output.status.code().is_some_and(|code| code < 4), "{output:?}");
        println!(
            "sla {}: {} ms, {} lines",
            arguments.join(" "),
            begun.elapsed().as_millis(),
            output.stdout.split(|byte| *byte == b'\n').count()
        );
    }
    for (who, peer) in callers {
        let begun = Instant::now();
        let answer = peer
            .violations()
            .get_overview(GetOverviewRequest::default())
            .await
            .unwrap();
        let overview = answer.into_inner().overview.unwrap();
        println!(
            "first screen of {who}: {} ms, {} objectives and {} more",
            begun.elapsed().as_millis(),
            overview.objectives.len(),
            overview.left_out
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "by hand: dev/bench subscriptions, 25 minutes"]
async fn ten_thousand_subscriptions() {
    let users = number_of_users();
    let (mailbox, sky) = (Mailbox::default(), Sky::default());
    let answers = sky.clone();
    let provider = Stub::start(move |request| answers.answer(&SystemClock, &request.path, &request.form)).await;
    let receiver = mailbox.open().await;
    let folder = tempfile::tempdir().unwrap();
    let command = |arguments: &[&str]| {
        let mut command = sla(folder.path());
        command.arg("--data-dir").arg(folder.path()).args(arguments);
        command.env("SLA_WEATHER__PROVIDER", "open-meteo");
        command.env("SLA_WEATHER__BASE_URL", provider.url());
        command.env("SLA_WEATHER__DAILY_QUOTA", "1000000");
        command
    };
    let mut serve = command(&["serve"]);
    let mut served = Served::spawn(serve.stdout(Stdio::null()).stderr(Stdio::null()));
    let town = Town {
        socket: folder.path().join("run/default.sock"),
        mailbox: receiver.url(),
    };
    served.wait_until("its socket answers", || {
        std::os::unix::net::UnixStream::connect(&town.socket).is_ok()
    });
    let pid = served.id();

    let begun = Instant::now();
    let ada = town.found().await;
    let mut people = Vec::new();
    for user in 0..users {
        people.push(town.settle(&ada, &format!("u{user:04}")).await);
    }
    println!(
        "{users} users with a channel each: {:.1} s, {:.1} s of CPU",
        begun.elapsed().as_secs_f64(),
        Cost::of(pid).cpu_s
    );
    let (begun, before) = (Instant::now(), Cost::of(pid));
    for (user, peer) in people.iter().enumerate() {
        for at in 0..EACH {
            subscribe(peer, (user * EACH + at) % CITIES).await.unwrap();
        }
    }
    let polls: usize = sky.take_polls().values().sum();
    println!(
        "{} subscriptions: {:.1} s, {:.1} s of CPU, {polls} polls of new cities",
        users * EACH,
        begun.elapsed().as_secs_f64(),
        Cost::of(pid).cpu_s - before.cpu_s
    );
    // What new sets bring is over then.
    tokio::time::sleep(Duration::from_mins(1)).await;
    lists(&command, &[("an admin", &ada), ("a user", &people[0])]).await;

    sky.take_polls();
    sky.snow(Some(NORTH));
    let before = Cost::of(pid);
    tokio::time::sleep(ROUND).await;
    let (after, polls) = (Cost::of(pid), sky.take_polls());
    let polled: usize = polls.values().sum();
    println!(
        "a round of {} s: {polled} polls of {} cities, {:.2} s of CPU, {} MiB",
        ROUND.as_secs(),
        polls.len(),
        after.cpu_s - before.cpu_s,
        after.rss_mib
    );
    // The last cities of a round are judged after it.
    for _ in 0..20 {
        tokio::time::sleep(Duration::from_secs(20)).await;
        if mailbox.len() >= users * EACH / CITIES {
            break;
        }
    }
    tokio::time::sleep(Duration::from_secs(20)).await;
    let mut told = mailbox.told();
    told.sort();
    let subscribers = (0..users).filter(|user| (0..EACH).any(|at| (user * EACH + at) % CITIES == NORTH));
    let expected: Vec<Told> = subscribers
        .map(|user| Told {
            to: format!("/u{user:04}"),
            objective: "Snow".to_owned(),
            set: format!("Weather {} · u{user:04}", city(NORTH)),
            firing: true,
        })
        .collect();
    assert_eq!(told, expected);
    println!("{} messages, each subscriber's once", told.len());
    served.terminate();
}
