//! `sla health`: whether the local instance serves, and the processes that it calls. Never starts one.

use color_eyre::eyre::Report;
use serde_json::{Value, json};
use sla_domain::{duration, instant};
use sla_proto::server::v1::{ListProcessesRequest, Process};
use sla_proto::{Peer, convert};
use sla_views::{Seconds, time};

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
    };
    let answer = peer.server().list_processes(ListProcessesRequest {}).await?;
    let processes = answer.into_inner().processes;
    if session.global.json {
        output::print_json(&Value::from(processes.iter().map(process_json).collect::<Vec<_>>()));
    } else {
        output::print(&words(&processes));
    }
    let asked = if all { processes.len() } else { 1 };
    let serves = |process: &Process| process.serving == Some(true);
    let good = !processes.is_empty() && processes.iter().take(asked).all(serves);
    Ok(if good { Exit::OK } else { Exit::UNAVAILABLE })
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
    })
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
            let address = Some(process.address.clone()).filter(|address| !address.is_empty());
            vec![
                address.unwrap_or_else(|| "here".to_owned()),
                roles(process).join(" "),
                match process.serving {
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

#[cfg(test)]
mod tests {
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
}
