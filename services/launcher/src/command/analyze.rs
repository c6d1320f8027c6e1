//! `sla analyze`: every quantity the engine knows about a series, for other tools and for people.

mod plot;
mod quantity;
mod report;
mod smoothing;
pub(super) mod stretch;
mod wish;

use color_eyre::eyre::Report;
use serde_json::Value;

use super::{Session, input};
use crate::cli::AnalyzeArgs;
use crate::exit::Exit;
use crate::output;
use input::Measured;
use wish::Wish;

/// Of a file: needs no configuration and no instance.
pub(crate) fn of_file(arguments: &AnalyzeArgs, json: bool) -> Result<Exit, Report> {
    let wish = Wish::of(arguments)?;
    let series = input::of_file(&arguments.input)?;
    answer(&[series], &wish, json)
}

/// Of the series of the source that match.
pub(crate) async fn of_source(session: &Session, arguments: &AnalyzeArgs) -> Result<Exit, Report> {
    let wish = Wish::of(arguments)?;
    let series = input::of_source(session, &arguments.input).await?;
    answer(&series, &wish, session.global.json)
}

fn answer(series: &[Measured], wish: &Wish, json: bool) -> Result<Exit, Report> {
    let mut analyses = Vec::with_capacity(series.len());
    for (at, series) in series.iter().enumerate() {
        let analysis = quantity::all(series, wish)?;
        if json {
            analyses.push(analysis);
        } else {
            let gap = if at > 0 { "\n" } else { "" };
            output::print(&format!("{gap}{}", report::words(series, &analysis)?));
        }
    }
    if json {
        // One series is one object.
        let answer = match analyses.as_mut_slice() {
            [one] => one.take(),
            _ => Value::Array(analyses),
        };
        output::print_json(&answer);
    }
    let empty = series
        .iter()
        .all(|series| series.samples.values.iter().all(|value| !value.is_finite()));
    Ok(if empty { Exit::NO_DATA } else { Exit::OK })
}
