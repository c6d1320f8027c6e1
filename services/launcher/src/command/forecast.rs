//! `sla forecast`: what will be violated in the next minutes; or, with `--tasks`, forecasts in bulk without an instance.

mod bound;
pub(super) mod tasks;

use std::collections::BTreeSet;

use color_eyre::eyre::Report;
use sla_domain::{Invalid, Unit, duration, instant, likelihood, quantity};
use sla_proto::convert;
use sla_proto::violation::v1::{
    EvaluateRequest, FutureRow, ListFutureViolationsRequest, ObjectiveStatus, Outlook, Trust,
};
use sla_views as views;

use super::away::instant_asked;
use super::table::table;
use super::{Session, away};
use crate::cli::ForecastArgs;
use crate::config::Span;
use crate::exit::Exit;
use crate::output;

/// Prints the outlook of a set or of all active sets.
pub(crate) async fn forecast(session: &Session, arguments: &ForecastArgs) -> Result<Exit, Report> {
    if !arguments.method.is_empty() {
        return bound::forecast(session, arguments).await;
    }
    let at = instant_asked(&arguments.at)?;
    let set = arguments.set.clone().unwrap_or_default();
    let peer = session.peer().await?;
    let rows = if let Some(at_ms) = at {
        let request = EvaluateRequest {
            set,
            at: Some(convert::timestamp(at_ms)),
            with_outlook: true,
            ..EvaluateRequest::default()
        };
        let rows = flatten(peer.violations().evaluate(request).await?.into_inner().objectives);
        of_horizon(arguments.horizon.map(Span::ms), rows)?
    } else {
        let request = ListFutureViolationsRequest {
            set,
            horizon: arguments.horizon.map(|horizon| convert::duration(horizon.ms())),
            ..ListFutureViolationsRequest::default()
        };
        peer.violations()
            .list_future_violations(request)
            .await?
            .into_inner()
            .rows
    };
    if session.global.json {
        output::print_json(&rows.iter().map(views::FutureRow::from).collect::<Vec<_>>());
    } else {
        output::print(&words(&rows));
    }
    away::remark(away::source(&peer).await?.as_ref());
    if rows.is_empty() {
        return away::nothing(&peer).await;
    }
    Ok(Exit::OK)
}

/// The rows of the horizon that was asked for; refused where the answer has others alone: a figure of another question is no
/// answer.
fn of_horizon(asked_ms: Option<i64>, rows: Vec<FutureRow>) -> Result<Vec<FutureRow>, Invalid> {
    let outlook = |row: &FutureRow| {
        row.series
            .as_ref()?
            .outlook
            .as_ref()?
            .horizon
            .as_ref()
            .map(convert::duration_ms)
    };
    let Some(asked_ms) = asked_ms else { return Ok(rows) };
    let have: BTreeSet<i64> = rows.iter().filter_map(outlook).collect();
    if !have.is_empty() && !have.contains(&asked_ms) {
        let have: Vec<String> = have.into_iter().map(duration::format_ms).collect();
        return Err(Invalid::new(
            "--horizon",
            &duration::format_ms(asked_ms),
            format!("forecasts are made for a horizon of {}", have.join(" or ")),
            "leave it out, give an objective a `horizon`, or configure evaluation.horizon",
        ));
    }
    Ok(rows
        .into_iter()
        .filter(|row| outlook(row).is_none_or(|have_ms| have_ms == asked_ms))
        .collect())
}

fn flatten(objectives: Vec<ObjectiveStatus>) -> Vec<FutureRow> {
    objectives
        .into_iter()
        .flat_map(|status| {
            let (set_id, objective) = (status.set_id, status.objective);
            status.series.into_iter().map(move |series| FutureRow {
                set_id: set_id.clone(),
                objective: objective.clone(),
                series: Some(series),
            })
        })
        .collect()
}

fn words(rows: &[FutureRow]) -> String {
    if rows.is_empty() {
        return "no objective has been forecast yet".to_owned();
    }
    let head = [
        "OBJECTIVE",
        "SERIES",
        "P>",
        "FIRST",
        "NOW>",
        "END>",
        "TRACK RECORD",
        "METHOD",
    ];
    let rows: Vec<Vec<String>> = rows
        .iter()
        .map(|row| {
            let status = row.series.clone().unwrap_or_default();
            let labels = convert::labels(&status.series.clone().unwrap_or_default());
            let unit = Unit::guess(labels.metric_name(), status.rate);
            let outlook = status.outlook.clone().unwrap_or_default();
            let value = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), |value| quantity::short(value, unit));
            vec![
                row.objective
                    .as_ref()
                    .map(|objective| objective.name.clone())
                    .unwrap_or_default(),
                labels.to_string(),
                chance(&outlook),
                outlook.first_crossing.as_ref().map_or_else(
                    || "–".to_owned(),
                    |time| instant::format_clock_ms(convert::millis(time)),
                ),
                value(status.last.as_ref().map(|last| last.value)),
                value(outlook.value_at_end),
                outlook
                    .track_record
                    .as_ref()
                    .map(|record| record.text.clone())
                    .unwrap_or_default(),
                if outlook.problem.is_empty() {
                    outlook.method.clone()
                } else {
                    outlook.problem.clone()
                },
            ]
        })
        .collect();
    table(&head, &rows)
}

/// The probability as honestly as it is known.
fn chance(outlook: &Outlook) -> String {
    let trust = outlook
        .track_record
        .as_ref()
        .map_or(Trust::Unproven, sla_proto::violation::v1::TrackRecord::trust);
    match outlook.probability {
        None if trust == Trust::Withheld => "withheld".to_owned(),
        None => "–".to_owned(),
        Some(p) if outlook.low_confidence => likelihood::coarse(p),
        Some(p) => likelihood::fine(p),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_horizon_is_refused_and_none_is_the_configured_one() {
        let outlook = Outlook {
            horizon: Some(convert::duration(600_000)),
            ..Outlook::default()
        };
        let series = sla_proto::violation::v1::SeriesStatus {
            outlook: Some(outlook),
            ..Default::default()
        };
        let rows = [FutureRow {
            series: Some(series),
            ..FutureRow::default()
        }];
        assert_eq!(of_horizon(None, rows.to_vec()).unwrap().len(), rows.len());
        assert_eq!(of_horizon(Some(600_000), rows.to_vec()).unwrap().len(), rows.len());
        let refused = of_horizon(Some(1_200_000), rows.to_vec()).unwrap_err().to_string();
        assert!(
            refused.starts_with("--horizon is 20m: forecasts are made for a horizon of 10m"),
            "{refused}"
        );
    }

    #[test]
    fn chances_are_no_more_precise_than_known() {
        let outlook = Outlook {
            probability: Some(0.734),
            ..Outlook::default()
        };
        assert_eq!(chance(&outlook), "73 %");
        assert_eq!(
            chance(&Outlook {
                low_confidence: true,
                ..outlook
            }),
            "~70 %"
        );
        assert_eq!(chance(&Outlook::default()), "–");
    }
}
