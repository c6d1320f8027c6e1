//! What failed in a run: every series with its step and reason, then the log.

use std::collections::BTreeMap;

use sla_domain::SafeText;
use sla_proto::result::v1::{Failure, SeriesResult, series_result::Outcome};
use sla_proto::series::v1::Series;
use sla_proto::storage::v1::{ListRunResultsRequest, ListRunResultsResponse};

use super::RunsScreen;
use crate::context::request::{Answer, Problem, Reply, Slot};
use crate::context::{Context, wire};
use crate::overlay::Overlay;
use crate::say;
use crate::screens::provenance;

/// Failed series read of one run.
const FAILURES_MAX: u32 = 1_000;

impl RunsScreen {
    /// Opens the chosen run: at once when nothing failed, else with every failure that was stored.
    pub(super) fn open_run(&mut self, cx: &mut Context) {
        let Some(run) = self.current().map(|row| row.run.clone()) else {
            return;
        };
        if run.series_failed == 0 {
            self.show_run(cx, Vec::new(), None);
            return;
        }
        let request = ListRunResultsRequest {
            run_id: run.id,
            page_size: FAILURES_MAX,
            failures_only: true,
            ..ListRunResultsRequest::default()
        };
        cx.call(Slot::RunFailures, request);
    }

    /// The failures are here; without them those that the run itself carries are shown.
    pub(super) fn failures_read(&mut self, cx: &mut Context, result: Answer) {
        let told: Vec<(Series, Failure)> = self.current().map_or_else(Vec::new, |row| {
            let failures = row.run.failures.iter();
            failures
                .map(|f| {
                    (
                        f.series.clone().unwrap_or_default(),
                        f.failure.clone().unwrap_or_default(),
                    )
                })
                .collect()
        });
        match result.and_then(Reply::take::<ListRunResultsResponse>) {
            Ok(stored) => {
                let stored: Vec<_> = stored.results.into_iter().filter_map(failure_of).collect();
                let failures = if stored.len() >= told.len() { stored } else { told };
                self.show_run(cx, failures, None);
            }
            Err(problem) => self.show_run(cx, told, Some(problem)),
        }
    }

    fn show_run(&mut self, cx: &mut Context, failures: Vec<(Series, Failure)>, problem: Option<Problem>) {
        let Some(row) = self.current() else { return };
        let mut lines = vec![row.message.as_str().to_owned()];
        if let Some(problem) = problem {
            lines.push(say::runs::not_all_failures_could(&problem.sentence()));
        }
        let mut by_reason: BTreeMap<(String, String), Vec<String>> = BTreeMap::new();
        for (series, failure) in failures {
            let what = (failure.step, format!("{}: {}", failure.reason, failure.message));
            by_reason.entry(what).or_default().push(wire::series_promql(&series));
        }
        for ((step, reason), series) in by_reason {
            let count = say::counts::failures(&series.len());
            lines.push(String::new());
            lines.push(say::runs::at(&count, &step, &reason));
            lines.extend(series.into_iter().map(|name| format!("    {name}")));
        }
        lines.push(String::new());
        for line in self.log.rows() {
            lines.push(format!(
                "{} {:<5} {}",
                cx.zone.clock(line.time_ms),
                line.level,
                line.text
            ));
        }
        let lines = lines.iter().map(|line| SafeText::new(line).into_string()).collect();
        cx.overlay = Some(Overlay::text(
            say::runs::run_state(&row.run.number, &row.state_word()),
            lines,
        ));
    }

    /// What a run read, and with what.
    pub(super) fn provenance(&self, cx: &Context) -> (String, Vec<String>) {
        let mut lines = provenance::source_lines(cx);
        let Some(row) = self.current() else {
            return (say::runs::runs().to_owned(), lines);
        };
        let run = &row.run;
        lines.push(say::runs::run_by_steps(&run.id, &run.started_by, &run.steps.join(", ")));
        if let Some(scope) = &run.scope {
            let sets = if scope.sets_in_use {
                say::runs::all_series_of_the()
            } else {
                ""
            };
            let queries: Vec<&str> = scope.queries.iter().map(|q| wire::query_text(Some(q))).collect();
            let retry = if scope.retry_failed_of.is_empty() {
                ""
            } else {
                say::runs::what_failed_in_an()
            };
            let queries = queries.join(", ");
            let parts = [sets, queries.as_str(), retry]
                .into_iter()
                .filter(|part| !part.is_empty());
            lines.push(say::runs::about(&parts.collect::<Vec<_>>().join(say::runs::and())));
        }
        lines.push(say::runs::a_steps_times_are(&super::rows::read_words(run).replacen(
            say::runs::read(),
            say::runs::read_padded(),
            1,
        )));
        (say::runs::run_number(&run.number), lines)
    }
}

fn failure_of(result: SeriesResult) -> Option<(Series, Failure)> {
    match result.outcome {
        Some(Outcome::Failure(failure)) => Some((result.series.unwrap_or_default(), failure)),
        _ => None,
    }
}
