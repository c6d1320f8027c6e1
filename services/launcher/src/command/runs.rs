//! `sla run` and `sla runs`: start ETL runs, watch them, look back.

use std::io::{IsTerminal as _, Write as _};

use color_eyre::eyre::{Report, eyre};
use sla_domain::{Query, SafeText, duration, instant};
use sla_proto::etl::v1::{
    EstimateRunRequest, GetRunRequest, ListRunsRequest, Run, RunScope, RunState, StartRunRequest, WatchRunRequest,
};
use sla_proto::{Peer, convert};
use sla_views as views;

use super::table::table;
use super::{Session, away};
use crate::cli::{RunArgs, RunsArgs};
use crate::exit::{Exit, Failure};
use crate::output;

/// Starts a run; with `--wait` shows how it goes on.
pub(crate) async fn run(session: &Session, arguments: &RunArgs) -> Result<Exit, Report> {
    let queries = arguments
        .queries
        .iter()
        .map(|text| {
            let query = Query::parse(text).map_err(|error| error.into_invalid("selector", text))?;
            Ok(convert::query_message(&query, 0))
        })
        .collect::<Result<Vec<_>, sla_domain::Invalid>>()?;
    let scope = RunScope {
        sets_in_use: arguments.sets || queries.is_empty(),
        queries,
        ..RunScope::default()
    };
    let peer = session.peer().await?;
    if arguments.estimate {
        let request = EstimateRunRequest {
            scope: Some(scope),
            steps: arguments.steps.clone(),
        };
        let cost = peer.runs().estimate_run(request).await?.into_inner();
        if session.global.json {
            output::print_json(&views::Estimate::from(&cost));
        } else {
            let megabytes = cost.bytes as f64 / 1e6;
            let seconds = views::Seconds::of(cost.duration.as_ref()).map(views::Seconds::json);
            let time = seconds.map_or_else(|| "no run to go by yet".to_owned(), |time| format!("about {time} s"));
            output::print(&format!(
                "{} series, {} samples, {megabytes:.1} MB, {time} (at most {} series)",
                cost.series, cost.samples, cost.max_series
            ));
        }
        return Ok(Exit::OK);
    }
    let request = StartRunRequest {
        request_id: request_id(),
        scope: Some(scope),
        steps: arguments.steps.clone(),
    };
    let started = peer
        .runs()
        .start_run(request)
        .await?
        .into_inner()
        .run
        .unwrap_or_default();
    let last = if arguments.wait {
        watch(&peer, &started, !session.global.json).await?
    } else {
        started
    };
    if session.global.json {
        output::print_json(&views::Run::from(&last));
    } else {
        output::print(&line(&last));
    }
    if arguments.wait && last.series_total == 0 && matches!(last.state(), RunState::Done | RunState::Failed) {
        let empty = away::nothing(&peer).await?;
        if last.state() == RunState::Done {
            return Ok(empty);
        }
    }
    Ok(match last.state() {
        RunState::Failed => Exit::UNAVAILABLE,
        RunState::Partial | RunState::Cancelled => Exit::AT_RISK,
        _ => Exit::OK,
    })
}

/// A request id nobody else has: time and process.
fn request_id() -> String {
    let now = sla_domain::Clock::now_ms(&sla_domain::SystemClock);
    format!("cli-{now:x}-{:x}", std::process::id())
}

/// Follows a run to its end; draws one line of progress when a person looks on.
async fn watch(peer: &Peer, run: &Run, aloud: bool) -> Result<Run, Report> {
    let aloud = aloud && std::io::stderr().is_terminal();
    let request = WatchRunRequest {
        run_id: run.id.clone(),
        after_sequence: 0,
    };
    let mut events = peer.runs().watch_run(request).await?.into_inner();
    let mut last = run.clone();
    while let Some(event) = events.message().await? {
        let Some(run) = event.run else { continue };
        if aloud {
            let left = run.remaining.as_ref().map_or_else(String::new, |left| {
                format!("  ~{} left", duration::format_short_ms(convert::duration_ms(left)))
            });
            let _ = write!(
                std::io::stderr().lock(),
                "\r\u{1b}[K#{} {}/{} series  {}{left}",
                run.number,
                run.series_done + run.series_failed,
                run.series_total,
                SafeText::new(&run.current_step),
            );
        }
        last = run;
    }
    if aloud {
        let _ = write!(std::io::stderr().lock(), "\r\u{1b}[K");
    }
    if matches!(
        last.state(),
        RunState::Queued | RunState::Running | RunState::Unspecified
    ) {
        return Err(eyre!(
            "the run's events ended before the run did; see `sla runs {}`",
            last.number
        ));
    }
    Ok(last)
}

/// Lists runs, or shows one whole.
pub(crate) async fn runs(session: &Session, arguments: &RunsArgs) -> Result<Exit, Report> {
    let peer = session.peer().await?;
    let request = ListRunsRequest {
        page_size: arguments.limit.max(1),
        page_token: String::new(),
    };
    let mut list = peer.runs().list_runs(request).await?.into_inner().runs;
    if let Some(wanted) = &arguments.run {
        let number = wanted.trim_start_matches('#');
        let found = list
            .iter()
            .find(|run| run.number.to_string() == number || &run.id == wanted);
        let id = found.map_or_else(|| wanted.clone(), |run| run.id.clone());
        let run = peer
            .runs()
            .get_run(GetRunRequest { run_id: id })
            .await?
            .into_inner()
            .run;
        let run = run.ok_or_else(|| Failure::new(Exit::DATA, format!("there is no run {wanted}")))?;
        if session.global.json {
            output::print_json(&views::Run::from(&run));
        } else {
            output::print(&whole(&run));
        }
        return Ok(Exit::OK);
    }
    list.truncate(arguments.limit as usize);
    if session.global.json {
        output::print_json(&list.iter().map(views::Run::from).collect::<Vec<_>>());
    } else if list.is_empty() {
        output::print("no run yet; `sla run` starts one");
    } else {
        let head = [
            "RUN>", "STARTED", "BY", "STATE", "SERIES>", "FAILED>", "TOOK>", "MESSAGE",
        ];
        let rows: Vec<Vec<String>> = list.iter().map(row).collect();
        output::print(&table(&head, &rows));
    }
    Ok(Exit::OK)
}

fn took(run: &Run) -> Option<i64> {
    Some(convert::millis(run.finished.as_ref()?) - convert::millis(run.started.as_ref()?))
}

fn row(run: &Run) -> Vec<String> {
    vec![
        format!("#{}", run.number),
        run.started
            .as_ref()
            .map_or_else(String::new, |time| instant::format_ms(convert::millis(time))),
        run.started_by.clone(),
        views::run_state_word(run.state()).to_owned(),
        format!("{}/{}", run.series_done, run.series_total),
        run.series_failed.to_string(),
        took(run).map_or_else(|| "–".to_owned(), duration::format_short_ms),
        run.message.clone(),
    ]
}

fn line(run: &Run) -> String {
    let message = SafeText::new(&run.message);
    format!("#{} {}  {message}", run.number, views::run_state_word(run.state()))
}

fn whole(run: &Run) -> String {
    let mut text = format!("{}\n", line(run));
    let steps: Vec<Vec<String>> = run
        .step_summaries
        .iter()
        .map(|step| {
            vec![
                step.step.clone(),
                if step.window_ms == 0 {
                    "–".to_owned()
                } else {
                    duration::format_ms(step.window_ms)
                },
                format!("{:.3}", step.p50_ms),
                format!("{:.3}", step.p95_ms),
                format!("{:.3}", step.max_ms),
                step.series.to_string(),
            ]
        })
        .collect();
    text.push_str(&table(
        &["STEP", "WINDOW", "P50 ms>", "P95 ms>", "MAX ms>", "SERIES>"],
        &steps,
    ));
    for failed in &run.failures {
        let labels = convert::labels(&failed.series.clone().unwrap_or_default());
        let failure = failed.failure.clone().unwrap_or_default();
        let (series, why) = (SafeText::new(&labels.to_string()), SafeText::new(&failure.message));
        text.push_str(&format_args!("failed: {series}: {why}\n").to_string());
    }
    text
}
