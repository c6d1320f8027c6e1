//! `sla health`: whether the local instance serves, and the processes that it calls. Never starts one.

use color_eyre::eyre::Report;
use serde_json::{Value, json};
use sla_domain::{Clock as _, SafeText, SystemClock, duration, instant};
use sla_proto::lag::{self, LagSum};
use sla_proto::server::v1::{ListProcessesRequest, ListProcessesResponse, Owner, Process};
use sla_proto::storage::v1::{Lease, StoreStatus, StreamReading};
use sla_proto::{Peer, convert};
use sla_views::{Seconds, time};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;

use super::table::table;
use super::{Session, remote};
use crate::exit::{Exit, Failure};
use crate::output;

/// Prints them. The exit code is about the process that was asked; with `all`, about the others too.
pub(crate) async fn health(session: &Session, all: bool) -> Result<Exit, Report> {
    let peer = match (
        remote::far_end(&session.global, session.config())?,
        session.paths.running(),
    ) {
        (Some((address, trust)), _) => Peer::connect_tcp(&address, &trust).await?,
        (None, Some(socket)) => Peer::connect_unix(&socket).await?,
        (None, None) => {
            let words = format!("no instance {:?} is running", session.config().instance.name);
            return Err(Failure::new(Exit::UNAVAILABLE, words).into());
        }
    }
    .bearing(session.bearer()?);
    let told = match peer.server().list_processes(ListProcessesRequest {}).await {
        Ok(answer) => answer.into_inner(),
        // Whether a process serves it says to everybody, of the others only to its users: a process whose health is asked for before
        // there are accounts, or by somebody who has none, is not ill.
        Err(status) if !all => ListProcessesResponse {
            processes: vec![own_word(&peer, status).await?],
            ..ListProcessesResponse::default()
        },
        Err(status) => return Err(status.into()),
    };
    let ListProcessesResponse {
        processes,
        leases,
        owners,
    } = told;
    if session.global.json {
        output::print_json(&Value::from(processes.iter().map(process_json).collect::<Vec<_>>()));
    } else {
        let now_ms = SystemClock.now_ms();
        output::print(
            &(words(&processes) + &troubles(&processes) + &agreed(&leases, &owners) + &lags(&processes, now_ms)),
        );
    }
    let asked = if all { processes.len() } else { 1 };
    // Reading goes on where nothing can be written; what is well keeps what it is told, too.
    let serves = |process: &Process| process.serving == Some(true) && store_trouble(process).is_none();
    let good = !processes.is_empty() && processes.iter().take(asked).all(serves);
    Ok(if good { Exit::OK } else { Exit::UNAVAILABLE })
}

/// What the process that was asked says by `grpc.health.v1`, and why it says no more.
async fn own_word(peer: &Peer, refused: tonic::Status) -> Result<Process, Report> {
    let Ok(checked) = peer.health().check(HealthCheckRequest::default()).await else {
        return Err(refused.into());
    };
    Ok(Process {
        serving: Some(checked.into_inner().status() == ServingStatus::Serving),
        problem: SafeText::new(refused.message()).to_string(),
        ..Process::default()
    })
}

fn process_json(process: &Process) -> Value {
    let info = process.info.as_ref();
    json!({
        "address": process.address,
        "roles": roles(process),
        "serving": process.serving,
        "problem": process.problem,
        "took_s": process.took.as_ref().map(|took| Seconds(convert::duration_ms(took))),
        "version": info.map(|info| info.version.as_str()),
        "pid": info.map(|info| info.pid),
        "started": time(info.and_then(|info| info.started.as_ref())),
        "store_problem": store_trouble(process).map(|store| store.problem.as_str()),
        "reading": reading(process).map(reading_json),
    })
}

/// The database of a process that is a storage, while it cannot be written.
fn store_trouble(process: &Process) -> Option<&StoreStatus> {
    let info = process.info.as_ref()?;
    let stores = info.roles.iter().any(|role| role == "storage");
    info.store.as_ref().filter(|store| stores && !store.problem.is_empty())
}

/// A line for each process that cannot write.
fn troubles(processes: &[Process]) -> String {
    let line = |process: &Process| {
        let store = store_trouble(process)?;
        let since = store.failing_since.as_ref().map_or_else(String::new, |since| {
            format!(" since {}", instant::format_ms(convert::millis(since)))
        });
        Some(format!(
            "storage {} cannot write{since}: {}; {}\n",
            place(process),
            SafeText::new(&store.problem),
            SafeText::new(&store.hint)
        ))
    };
    processes.iter().filter_map(line).collect()
}

/// Where a process is, in words.
fn place(process: &Process) -> SafeText {
    let address = Some(process.address.as_str()).filter(|address| !address.is_empty());
    SafeText::new(address.unwrap_or("here"))
}

/// How far a process that stores results is behind their stream.
fn reading(process: &Process) -> Option<&StreamReading> {
    let info = process.info.as_ref()?;
    // Every process tells how a storage does; only one that is a storage tells of itself.
    let stores = info.roles.iter().any(|role| role == "storage");
    info.store.as_ref()?.reading.as_ref().filter(|_| stores)
}

fn reading_json(reading: &StreamReading) -> Value {
    let partitions = reading.partitions.iter().map(|one| {
        json!({
            "partition": one.partition,
            "behind": one.behind,
            "oldest": time(one.oldest.as_ref()),
        })
    });
    json!({
        "stream": reading.stream,
        "behind": lag::sum(reading).behind,
        "partitions": partitions.collect::<Vec<_>>(),
    })
}

/// A line for each process that reads results from a stream.
fn lags(processes: &[Process], now_ms: i64) -> String {
    let line = |process: &Process| {
        let reading = reading(process)?;
        Some(format!("storage {}: {}\n", place(process), lag_words(reading, now_ms)))
    };
    processes.iter().filter_map(line).collect()
}

fn lag_words(reading: &StreamReading, now_ms: i64) -> String {
    let stream = SafeText::new(&reading.stream);
    let LagSum {
        partitions,
        behind,
        oldest_ms,
    } = lag::sum(reading);
    if reading.stream.is_empty() {
        return "results cannot be read now".to_owned();
    }
    let behind = behind.map_or_else(
        || "how far behind is unknown".to_owned(),
        |records| format!("{records} records behind"),
    );
    let oldest = oldest_ms.map_or_else(String::new, |at_ms| {
        format!(", the oldest of {} ago", duration::format_ms((now_ms - at_ms).max(0)))
    });
    match partitions {
        0 => format!("no partition of {stream} is read here"),
        count => format!("{count} partitions of {stream}, {behind}{oldest}"),
    }
}

/// What it runs by its own word, else what it is called for.
fn roles(process: &Process) -> &[String] {
    process.info.as_ref().map_or(&process.roles, |info| &info.roles)
}

fn words(processes: &[Process]) -> String {
    let unknown = || "unknown".to_owned();
    let rows: Vec<Vec<String>> = processes
        .iter()
        .map(|process| {
            let info = process.info.as_ref();
            vec![
                place(process).into_string(),
                roles(process).join(" "),
                match process.serving {
                    Some(true) if store_trouble(process).is_some() => "reads only".to_owned(),
                    Some(true) => "serving".to_owned(),
                    Some(false) => "ending".to_owned(),
                    None => unknown(),
                },
                info.map_or_else(unknown, |info| info.version.clone()),
                info.and_then(|info| info.started.as_ref())
                    .map_or_else(unknown, |time| instant::format_ms(convert::millis(time))),
                process
                    .took
                    .as_ref()
                    .map_or_else(String::new, |took| duration::format_ms(convert::duration_ms(took))),
                process.problem.clone(),
            ]
        })
        .collect();
    table(&["PROCESS", "ROLES", "STATE", "VERSION", "STARTED", "TOOK>", ""], &rows)
}

/// Who holds which lease, and who owns how much; nothing where the storage says nothing.
fn agreed(leases: &[Lease], owners: &[Owner]) -> String {
    let leases = leases.iter().map(|lease| {
        let (name, holder) = (SafeText::new(&lease.name), SafeText::new(&lease.holder));
        match lease.left.as_ref().map_or(0, convert::duration_ms) {
            0 => format!("lease {name}: nobody, last {holder}\n"),
            left_ms => format!("lease {name}: {holder}, {} left\n", duration::format_ms(left_ms)),
        }
    });
    let owners = owners.iter().map(|owner| {
        let address = Some(owner.address.as_str()).filter(|address| !address.is_empty());
        let since = owner.since.as_ref().map_or_else(String::new, |since| {
            format!(", the last one since {}", instant::format_ms(convert::millis(since)))
        });
        format!(
            "worker {}: {} partition{}{since}\n",
            SafeText::new(address.unwrap_or("without an address")),
            owner.partitions,
            if owner.partitions == 1 { "" } else { "s" }
        )
    });
    leases.chain(owners).collect()
}

#[cfg(test)]
mod tests {
    use sla_proto::server::v1::GetServerInfoResponse;
    use sla_proto::storage::v1::PartitionLag;

    use super::*;

    #[test]
    fn what_does_not_answer_is_unknown() {
        let gone = Process {
            address: "http://127.0.0.1:9".to_owned(),
            roles: vec!["storage".to_owned()],
            problem: "no instance answers".to_owned(),
            ..Process::default()
        };
        let text = words(std::slice::from_ref(&gone));
        let row = text.lines().nth(1).unwrap();
        assert!(
            row.contains("storage") && row.contains("unknown") && row.contains("no instance answers"),
            "{row}"
        );
        assert_eq!(process_json(&gone)["serving"], Value::Null);
        assert_eq!(process_json(&gone)["version"], Value::Null);
    }

    #[test]
    fn leases_and_owners_are_told_as_they_are() {
        let lease = |left_ms| Lease {
            name: "manager".to_owned(),
            holder: "host pid 7".to_owned(),
            token: 3,
            left: Some(convert::duration(left_ms)),
        };
        let owner = Owner {
            address: "http://w:1".to_owned(),
            partitions: 12,
            since: None,
        };
        assert_eq!(
            agreed(&[lease(4_000), lease(0)], &[owner]),
            "lease manager: host pid 7, 4s left\nlease manager: nobody, last host pid 7\nworker http://w:1: 12 partitions\n"
        );
        assert_eq!(agreed(&[], &[]), "", "unknown is not said to be nobody");
    }

    #[test]
    fn who_cannot_write_is_not_well() {
        let process = |role: &str| Process {
            info: Some(GetServerInfoResponse {
                roles: vec![role.to_owned()],
                store: Some(StoreStatus {
                    problem: "the database cannot grow: the disk is full".to_owned(),
                    hint: "free space".to_owned(),
                    failing_since: Some(convert::timestamp(0)),
                    ..StoreStatus::default()
                }),
                ..GetServerInfoResponse::default()
            }),
            serving: Some(true),
            ..Process::default()
        };
        let full = [process("storage"), process("sla")];
        assert_eq!(
            troubles(&full),
            "storage here cannot write since 1970-01-01T00:00:00Z: the database cannot grow: the disk is full; free space\n",
            "told once, by the process that it happens to"
        );
        assert!(words(&full[..1]).contains("reads only"));
        assert_eq!(
            process_json(&full[0])["store_problem"],
            "the database cannot grow: the disk is full"
        );
        assert_eq!(process_json(&full[1])["store_problem"], Value::Null);
    }

    #[test]
    fn who_stores_tells_how_far_it_is_behind_and_nobody_else() {
        let lag = |partition, behind| PartitionLag {
            partition,
            behind,
            oldest: behind.filter(|records| *records > 0).map(|_| convert::timestamp(8_000)),
        };
        let process = |role: &str, partitions: Vec<PartitionLag>| Process {
            address: "https://s:1".to_owned(),
            info: Some(GetServerInfoResponse {
                roles: vec![role.to_owned()],
                store: Some(StoreStatus {
                    reading: Some(StreamReading {
                        stream: "sla.results".to_owned(),
                        partitions,
                    }),
                    ..StoreStatus::default()
                }),
                ..GetServerInfoResponse::default()
            }),
            ..Process::default()
        };
        let told = |partitions| lags(&[process("storage", partitions)], 20_000);
        assert_eq!(
            told(vec![lag(0, Some(0)), lag(3, Some(40))]),
            "storage https://s:1: 2 partitions of sla.results, 40 records behind, the oldest of 12s ago\n"
        );
        assert!(told(vec![lag(0, Some(1)), lag(1, None)]).contains("how far behind is unknown"));
        assert!(told(vec![]).contains("no partition of sla.results is read here"));
        assert_eq!(lags(&[process("sla", vec![lag(0, Some(1))])], 0), "");
        let json = process_json(&process("storage", vec![lag(3, Some(40))]));
        assert_eq!(json["reading"]["partitions"][0]["behind"], 40);
        assert_eq!(process_json(&process("sla", vec![]))["reading"], Value::Null);
    }
}
