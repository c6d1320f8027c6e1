//! `sla evaluate`: judge a range that is stored nowhere, on a source or on a file.

mod answer;

use std::path::Path;

use color_eyre::eyre::Report;
use sla_domain::{
    AllowedRange, Invalid, Judgement, Query, Samples, Unit, Window, evaluate as judge, spacing, state_of,
};
use sla_proto::convert;
use sla_proto::objective::v1::Objective;
use sla_proto::series::v1::CounterMode;
use sla_proto::violation::v1::EvaluateRequest;

use super::away::instant_asked;
use super::{Session, bounds, csv_file};
use crate::cli::EvaluateArgs;
use crate::exit::Exit;
use crate::output;
use answer::{Answer, Emptiness};

/// Judges a file; needs no configuration and no instance.
pub(crate) fn of_csv(file: &Path, arguments: &EvaluateArgs, json: bool) -> Result<Exit, Report> {
    let range = range_asked(arguments, Unit::PLAIN)?;
    let at = instant_asked(&arguments.at)?;
    let answer = of_file(file, arguments, range, at, &csv_file::read(file, &arguments.columns)?)?;
    print(&answer, Unit::PLAIN, json);
    Ok(Exit::OK)
}

/// Judges what a service reads.
pub(crate) async fn evaluate(session: &Session, arguments: &EvaluateArgs) -> Result<Exit, Report> {
    let text = arguments.selector.as_deref().unwrap_or("");
    let query = Query::parse(text).map_err(|error| error.into_invalid("selector", text))?;
    let range = range_asked(arguments, query.bound_unit(arguments.raw))?;
    let at = instant_asked(&arguments.at)?;
    let answer = of_source(session, arguments, &query, range, at).await?;
    print(&answer, query.unit(arguments.raw), session.global.json);
    Ok(match answer.emptiness() {
        None => Exit::OK,
        Some(Emptiness::Away) => Exit::UNAVAILABLE,
        Some(Emptiness::Unknown { words }) => {
            output::remark(&words);
            Exit::NO_DATA
        }
    })
}

/// The bounds, read in the unit of the values.
fn range_asked(arguments: &EvaluateArgs, unit: Unit) -> Result<AllowedRange, Invalid> {
    let (min, max) = bounds::read(arguments.min.as_deref(), arguments.max.as_deref(), unit)?;
    Ok(AllowedRange::new(min, max)?)
}

fn print(answer: &Answer, unit: Unit, json: bool) {
    if json {
        output::print_json(&answer.json());
        answer.remark();
    } else {
        output::print(&answer.words(unit));
    }
}

/// The file is one series; the default instant is its last timestamp.
fn of_file(
    file: &Path,
    arguments: &EvaluateArgs,
    range: AllowedRange,
    at: Option<i64>,
    samples: &Samples,
) -> Result<Answer, Report> {
    let Some(at_ms) = at.or_else(|| samples.times_ms.last().copied()) else {
        return Err(Invalid::new(
            "csv",
            "",
            "the file has no samples",
            "give at least one line timestamp,value",
        )
        .into());
    };
    let window = Window {
        end_ms: at_ms,
        length_ms: arguments.window.ms(),
    };
    let cap_ms = arguments.cap.map_or_else(
        || spacing::first_cap_ms(&seen_by(samples, window)),
        crate::config::Span::ms,
    );
    let judgement = Judgement::new(range, cap_ms).with_missing(arguments.missing);
    let evaluation = judge(samples, &judgement, window);
    let (state, _) = state_of(&evaluation.reading, None);
    Ok(Answer::of_evaluation(&file.display().to_string(), &evaluation, state))
}

/// The samples a series' spacing is taken from: those of the longest window up to the instant, or all up to it where
/// these are too few. What comes later was not known then.
fn seen_by(samples: &Samples, window: Window) -> Samples {
    let longest_ms = Window::DEFAULT_LENGTHS_MS.into_iter().fold(window.length_ms, i64::max);
    let from = samples
        .times_ms
        .partition_point(|&time| time <= window.end_ms.saturating_sub(longest_ms));
    let upto = samples.times_ms.partition_point(|&time| time <= window.end_ms);
    let from = if upto - from < 2 { 0 } else { from };
    Samples {
        times_ms: samples.times_ms[from..upto].to_vec(),
        values: samples.values[from..upto].to_vec(),
    }
}

async fn of_source(
    session: &Session,
    arguments: &EvaluateArgs,
    query: &Query,
    range: AllowedRange,
    at: Option<i64>,
) -> Result<Answer, Report> {
    let (missing, hold_max_ms) = convert::missing_message(arguments.missing);
    let objective = Objective {
        name: query.text().to_owned(),
        query: Some(convert::query_message(query, 0)),
        range: Some(convert::range_message(&range)),
        missing: missing.into(),
        hold_max_ms,
        counter_mode: if arguments.raw {
            CounterMode::Raw
        } else {
            CounterMode::Auto
        }
        .into(),
        ..Objective::default()
    };
    let request = EvaluateRequest {
        objectives: vec![objective],
        at: at.map(convert::timestamp),
        windows: vec![convert::duration(arguments.window.ms())],
        cap: arguments.cap.map(|cap| convert::duration(cap.ms())),
        with_intervals: true,
        ..EvaluateRequest::default()
    };
    let response = session.peer().await?.violations().evaluate(request).await?.into_inner();
    Answer::of_response(query.text(), arguments.window.ms(), &response)
}
