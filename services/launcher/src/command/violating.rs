//! `sla violations --samples`: each violating sample of the longest window.

use color_eyre::eyre::Report;
use sla_domain::{Unit, instant, quantity};
use sla_proto::violation::v1::{EvaluateRequest, ObjectiveStatus};
use sla_proto::{Peer, convert};
use sla_views::ViolatingSample;

use super::table::table;
use super::{Session, away};
use crate::cli::ViolationsArgs;
use crate::exit::Exit;
use crate::output;

/// Prints time, value and side of each, oldest first within a series.
pub(super) async fn samples(
    session: &Session,
    arguments: &ViolationsArgs,
    at_ms: Option<i64>,
    peer: &Peer,
) -> Result<Exit, Report> {
    let request = EvaluateRequest {
        set: arguments.set.clone().unwrap_or_default(),
        at: at_ms.map(convert::timestamp),
        with_intervals: true,
        ..EvaluateRequest::default()
    };
    let answer = peer.violations().evaluate(request).await?.into_inner();
    if answer.objectives.is_empty() {
        return away::nothing(peer).await;
    }
    let (listed, all) = listed(&answer.objectives);
    if session.global.json {
        output::print_json(&listed.iter().map(|row| &row.sample).collect::<Vec<_>>());
    } else {
        output::print(&words(&listed));
    }
    if all > listed.len() as u64 {
        let left = all - listed.len() as u64;
        output::remark(&format!(
            "{left} of {all} violating samples are not listed; ask for one set"
        ));
    }
    Ok(Exit::OK)
}

/// One sample and how it is written.
struct Row {
    sample: ViolatingSample,
    value: String,
    series: String,
}

/// The samples that came, and how many there are.
fn listed(objectives: &[ObjectiveStatus]) -> (Vec<Row>, u64) {
    let (mut listed, mut all) = (Vec::new(), 0);
    for status in objectives {
        for series in &status.series {
            let Some(window) = series.windows.iter().max_by_key(|window| window.window_ms) else {
                continue;
            };
            all += window.samples_violating;
            let labels = convert::labels(&series.series.clone().unwrap_or_default());
            let unit = Unit::judged(labels.metric_name(), series.rate);
            for interval in &window.intervals {
                let samples = interval.sample_times.iter().zip(&interval.sample_values);
                listed.extend(samples.map(|(at, value)| Row {
                    sample: ViolatingSample::of(status, series, interval.side(), (at, *value)),
                    value: quantity::short(*value, unit),
                    series: labels.to_string(),
                }));
            }
        }
    }
    (listed, all)
}

fn words(listed: &[Row]) -> String {
    if listed.is_empty() {
        return "no sample of the longest window is outside its range".to_owned();
    }
    let rows: Vec<Vec<String>> = listed
        .iter()
        .map(|row| {
            vec![
                row.sample
                    .time
                    .map_or_else(String::new, |time| instant::format_ms(time.0)),
                row.value.clone(),
                row.sample.side.unwrap_or_default().to_owned(),
                row.sample.objective.clone(),
                row.series.clone(),
            ]
        })
        .collect();
    table(&["TIME", "VALUE>", "SIDE", "OBJECTIVE", "SERIES"], &rows)
}
