//! `sla schedule`: when runs start by themselves, and changing it.

use color_eyre::eyre::Report;
use sla_domain::{duration, instant};
use sla_proto::convert;
use sla_proto::etl::v1::{GetScheduleRequest, Schedule, UpdateScheduleRequest};
use sla_views as views;

use super::Session;
use crate::cli::ScheduleArgs;
use crate::exit::Exit;
use crate::output;

/// Changes what is given, and prints the timer as it is then.
pub(crate) async fn schedule(session: &Session, arguments: &ScheduleArgs) -> Result<Exit, Report> {
    let peer = session.peer().await?;
    let change = UpdateScheduleRequest {
        paused: match (arguments.pause, arguments.resume) {
            (true, _) => Some(true),
            (_, true) => Some(false),
            (false, false) => None,
        },
        results_every: arguments.results_every.map(|every| convert::duration(every.ms())),
        metadata_every: arguments.metadata_every.map(|every| convert::duration(every.ms())),
    };
    let schedule = if change == UpdateScheduleRequest::default() {
        peer.schedule()
            .get_schedule(GetScheduleRequest {})
            .await?
            .into_inner()
            .schedule
    } else {
        peer.schedule().update_schedule(change).await?.into_inner().schedule
    };
    let schedule = schedule.unwrap_or_default();
    if session.global.json {
        output::print_json(&views::Schedule::from(&schedule));
    } else {
        output::print(&text(&schedule));
    }
    Ok(Exit::OK)
}

fn text(schedule: &Schedule) -> String {
    let line = |what: &str, every: &Option<prost_types::Duration>, next: &Option<prost_types::Timestamp>| {
        let every = every.as_ref().map_or_else(
            || "–".to_owned(),
            |every| duration::format_ms(convert::duration_ms(every)),
        );
        let next = next.as_ref().map_or_else(
            || "not while paused".to_owned(),
            |next| instant::format_ms(convert::millis(next)),
        );
        format!("{what:8} every {every:5} next {next}\n")
    };
    let paused = if schedule.paused {
        "paused: no run starts by itself; `sla schedule --resume` goes on\n"
    } else {
        ""
    };
    format!(
        "{}{}{paused}",
        line("results", &schedule.results_every, &schedule.next_results),
        line("metadata", &schedule.metadata_every, &schedule.next_metadata),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_is_said_and_has_no_next_times() {
        let mut schedule = Schedule {
            paused: false,
            results_every: Some(convert::duration(300_000)),
            metadata_every: Some(convert::duration(86_400_000)),
            next_results: Some(convert::timestamp(0)),
            next_metadata: Some(convert::timestamp(0)),
        };
        assert_eq!(
            text(&schedule),
            "results  every 5m    next 1970-01-01T00:00:00Z\nmetadata every 1d    next 1970-01-01T00:00:00Z\n"
        );
        schedule.paused = true;
        schedule.next_results = None;
        assert!(text(&schedule).contains("not while paused") && text(&schedule).contains("--resume"));
    }
}
