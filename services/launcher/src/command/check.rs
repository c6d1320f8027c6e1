//! `sla check`: the state now, with an exit code for monitoring systems.

use color_eyre::eyre::Report;
use sla_domain::{SafeText, Unit, duration, instant, quantity};
use sla_proto::convert;
use sla_proto::notify::v1::{ListMarksRequest, Mark};
use sla_proto::objective::v1::Objective;
use sla_proto::series::v1::SourceStatus;
use sla_proto::violation::v1::{ObjectiveStatus, State};
use sla_views::{self as views, Check, side_word, state_word};

use super::Session;
use super::away::{self, instant_asked};
use super::standing::{Standing, standing};
use crate::cli::CheckArgs;
use crate::exit::Exit;
use crate::output;

/// Performance figures of one objective at most.
const MAX_FIGURES: usize = 5;

/// Judges a set, or all active ones.
pub(crate) async fn check(session: &Session, arguments: &CheckArgs) -> Result<Exit, Report> {
    let at = instant_asked(&arguments.at)?;
    let peer = session.peer().await?;
    let standing = standing(&peer, arguments.set.as_deref().unwrap_or_default(), at).await?;
    let away = standing.is_away();
    let Standing {
        objectives,
        evaluated,
        source,
    } = standing;
    let worst = worst(&objectives);
    // Monitoring plugins know no code above 3.
    let exit = if away && !arguments.nagios {
        Exit::UNAVAILABLE
    } else {
        exit_of(worst)
    };
    // Where nobody tells of marks there are none that are known.
    let marks = match at {
        None => peer.notify().list_marks(ListMarksRequest {}).await.ok(),
        Some(_) => None,
    };
    let is_shown = |mark: &Mark| objectives.iter().any(|status| is_about(mark, status));
    let marks = marks.map(|answer| {
        answer
            .into_inner()
            .marks
            .into_iter()
            .filter(is_shown)
            .collect::<Vec<_>>()
    });
    if session.global.json {
        output::print_json(&Check {
            state: state_word(worst),
            evaluated: views::time(evaluated.as_ref()),
            source: source.as_ref().map(views::Source::from),
            objectives: objectives.iter().map(views::ObjectiveStatus::from).collect(),
            marks: marks.map(|marks| marks.iter().map(views::Care::from).collect()),
        });
    } else if arguments.nagios {
        output::print(&nagios(worst, &objectives, source.as_ref()));
    } else {
        output::print(&words(worst, &objectives, source.as_ref(), &marks.unwrap_or_default()));
    }
    Ok(exit)
}

/// Worst first: violated > no data > at risk > ok; excluded never counts. Nothing judged is no data.
fn worst(objectives: &[ObjectiveStatus]) -> State {
    objectives
        .iter()
        .map(ObjectiveStatus::state)
        .filter(|&state| state != State::Excluded)
        .min_by_key(|&state| rank(state))
        .unwrap_or(State::NoData)
}

fn rank(state: State) -> u8 {
    match state {
        State::Violated => 0,
        State::NoData | State::Unspecified => 1,
        State::AtRisk => 2,
        State::Ok => 3,
        State::Excluded => 4,
    }
}

fn exit_of(state: State) -> Exit {
    match state {
        State::Ok | State::Excluded => Exit::OK,
        State::AtRisk => Exit::AT_RISK,
        State::Violated => Exit::VIOLATED,
        State::NoData | State::Unspecified => Exit::NO_DATA,
    }
}

fn is_about(mark: &Mark, status: &ObjectiveStatus) -> bool {
    let objective = status.objective.as_ref();
    objective.is_some_and(|objective| objective.id == mark.objective_id && objective.generation == mark.generation)
}

/// `; ada takes care`, or what is silent; empty where nobody has said anything.
fn care(status: &ObjectiveStatus, marks: &[Mark]) -> String {
    let said = marks.iter().filter(|mark| is_about(mark, status));
    let said = said.map(|mark| match &mark.until {
        None => format!("; {} takes care", mark.author),
        Some(until) => {
            let until = instant::format_ms(convert::millis(until));
            format!("; silent until {until}, by {}", mark.author)
        }
    });
    said.collect()
}

fn words(worst: State, objectives: &[ObjectiveStatus], source: Option<&SourceStatus>, marks: &[Mark]) -> String {
    let mut lines = vec![state_word(worst).to_owned()];
    if let Some(source) = source.filter(|source| !source.problem.is_empty()) {
        lines.push(format!("source: {}", SafeText::new(&source.problem)));
        if !source.problem_hint.is_empty() {
            lines.push(format!("hint: {}", SafeText::new(&source.problem_hint)));
        }
    }
    if let Some(source) = source.filter(|source| !source.clock_notice.is_empty()) {
        lines.push(format!("source: {}", SafeText::new(&source.clock_notice)));
    }
    lines.extend(away::warnings(source));
    if objectives.is_empty() {
        lines.push("no objective has been judged yet".to_owned());
    }
    let mut sorted: Vec<_> = objectives.iter().collect();
    sorted.sort_by_key(|status| rank(status.state()));
    for status in sorted {
        let why = match (&status.problem, breach(status)) {
            (problem, _) if !problem.is_empty() => problem.clone(),
            (_, Some(words)) => words,
            (_, None) => status.why.clone(),
        };
        lines.push(format!(
            "  {:9} {}  {}",
            state_word(status.state()),
            name(status),
            SafeText::new(&(why + &care(status, marks)))
        ));
    }
    lines.join("\n")
}

/// What is violated now: the worst series, its value, the bound, since when, and how many others are.
fn breach(status: &ObjectiveStatus) -> Option<String> {
    let mut violated = status.series.iter().filter(|series| series.state() == State::Violated);
    let worst = violated.next()?;
    let open = worst.open.as_ref()?;
    let labels = convert::labels(&worst.series.clone().unwrap_or_default());
    let unit = Unit::guess(labels.metric_name(), worst.rate);
    let start = open.start.as_ref()?;
    let mut words = format!(
        "{labels}: {} {} {} since {} ({})",
        quantity::short(worst.last.as_ref()?.value, unit),
        side_word(open.side()),
        quantity::exact(open.bound, unit),
        instant::format_ms(convert::millis(start)),
        duration::format_short_ms(open.duration_ms),
    );
    match violated.count() {
        0 => {}
        others => words.push_str(&format_args!(", and {others} more series").to_string()),
    }
    Some(words)
}

fn name(status: &ObjectiveStatus) -> SafeText {
    SafeText::new(
        status
            .objective
            .as_ref()
            .map_or("?", |objective| objective.name.as_str()),
    )
}

/// One line and performance data, after the monitoring plugins' development guidelines: `'label'=value;warn;crit;min;max`.
fn nagios(worst: State, objectives: &[ObjectiveStatus], source: Option<&SourceStatus>) -> String {
    let word = match worst {
        State::Ok | State::Excluded => "OK",
        State::AtRisk => "WARNING",
        State::Violated => "CRITICAL",
        State::NoData | State::Unspecified => "UNKNOWN",
    };
    let bad: Vec<String> = objectives
        .iter()
        .filter(|status| !matches!(status.state(), State::Ok | State::Excluded))
        .map(|status| format!("{} {}", name(status), state_word(status.state())))
        .collect();
    let problem = source.map(|source| source.problem.as_str()).unwrap_or_default();
    let summary = match (bad.is_empty(), problem.is_empty()) {
        (true, true) => format!("{} objectives kept", objectives.len()),
        (true, false) => SafeText::new(problem).into_string(),
        (false, _) => bad.join(", "),
    };
    // The bar separates text from figures.
    let summary = summary.replace('|', "/");
    let figures: Vec<String> = objectives.iter().flat_map(figure).collect();
    if figures.is_empty() {
        format!("SLA {word} - {summary}")
    } else {
        format!("SLA {word} - {summary} | {}", figures.join(" "))
    }
}

fn figure(status: &ObjectiveStatus) -> Vec<String> {
    let objective = status.objective.clone().unwrap_or_default();
    let several = status.series.len() > 1;
    status
        .series
        .iter()
        // A value that no longer holds is no figure; the worst come first.
        .filter(|series| series.state() != State::NoData)
        .take(MAX_FIGURES)
        .enumerate()
        .filter_map(|(at, series)| {
            let value = series.last.as_ref()?.value;
            let mut label = name(status).into_string().replace(['\'', '=', '|'], "_");
            if several {
                label.push_str(&format_args!("_{}", at + 1).to_string());
            }
            value
                .is_finite()
                .then(|| format!("'{label}'={value};{};{};;", warn(&objective), critical(&objective)))
        })
        .collect()
}

/// A range in Nagios' notation: alert when outside `low:high`.
fn threshold(low: Option<f64>, high: Option<f64>) -> String {
    match (low, high) {
        (None, None) => String::new(),
        (low, high) => format!(
            "{}:{}",
            low.map_or_else(|| "~".to_owned(), |low| low.to_string()),
            high.map_or_else(String::new, |high| high.to_string())
        ),
    }
}

fn warn(objective: &Objective) -> String {
    let range = objective.range.unwrap_or_default();
    threshold(range.warn_below, range.warn_above)
}

fn critical(objective: &Objective) -> String {
    let range = objective.range.unwrap_or_default();
    threshold(range.min, range.max)
}

#[cfg(test)]
mod tests {
    use super::*;
    use sla_proto::series::v1::Point;
    use sla_proto::violation::v1::{SeriesStatus, Side, Violation};
    use sla_testkit::estate::{BEGUN_MS, Estate, Sign};

    fn status(state: State) -> ObjectiveStatus {
        ObjectiveStatus {
            state: state.into(),
            objective: Some(Objective {
                name: "load|1".to_owned(),
                ..Objective::default()
            }),
            ..ObjectiveStatus::default()
        }
    }

    #[test]
    fn the_worst_state_decides_and_nothing_is_no_data() {
        assert_eq!(exit_of(worst(&[])), Exit::NO_DATA);
        assert_eq!(
            exit_of(worst(&[status(State::Ok), status(State::AtRisk)])),
            Exit::AT_RISK
        );
        assert_eq!(
            exit_of(worst(&[status(State::AtRisk), status(State::NoData)])),
            Exit::NO_DATA
        );
        assert_eq!(
            exit_of(worst(&[status(State::NoData), status(State::Violated)])),
            Exit::VIOLATED
        );
        assert_eq!(exit_of(worst(&[status(State::Ok), status(State::Excluded)])), Exit::OK);
    }

    #[test]
    fn what_is_violated_is_told_with_its_bound_and_its_start() {
        let series = SeriesStatus {
            state: State::Violated.into(),
            last: Some(Point { time: None, value: 7.5 }),
            open: Some(Violation {
                start: Some(convert::timestamp(1_700_000_000_000)),
                side: Side::Above.into(),
                bound: 4.0,
                duration_ms: 660_000,
                ..Violation::default()
            }),
            ..SeriesStatus::default()
        };
        let status = ObjectiveStatus {
            series: vec![series.clone(), series],
            ..status(State::Violated)
        };
        let words = breach(&status).unwrap();
        assert!(
            words.contains("7.5 above 4 since 2023-11-14T22:13:20Z (11m), and 1 more series"),
            "{words}"
        );
        assert_eq!(breach(&ObjectiveStatus::default()), None);
        let mark = Mark {
            author: "ada".to_owned(),
            ..Mark::default()
        };
        let of_another = Mark {
            objective_id: "other".to_owned(),
            ..mark.clone()
        };
        let said = words_of(&status, &[mark, of_another]);
        assert!(said.ends_with("and 1 more series; ada takes care"), "{said}");
    }

    fn words_of(status: &ObjectiveStatus, marks: &[Mark]) -> String {
        super::words(State::Violated, std::slice::from_ref(status), None, marks)
    }

    /// The console is held against the same truth, in `tui/src/tests/walk`.
    #[test]
    fn what_is_told_of_an_estate_is_how_it_stands() {
        for seed in 0..200 {
            let mut estate = Estate::of(seed);
            estate.turn(BEGUN_MS + 15_000);
            let (truth, objectives) = (estate.truth(), estate.overview().objectives);
            let signs = || truth.objectives.values().map(|one| one.sign);
            let word = signs().min().map_or("no_data", Sign::word);
            assert_eq!(state_word(worst(&objectives)), word, "{seed}");
            let text = super::words(worst(&objectives), &objectives, None, &[]);
            let line = nagios(worst(&objectives), &objectives, None);
            assert_eq!(objectives.len(), truth.objectives.len(), "{seed}");
            for status in &objectives {
                let json = serde_json::to_value(views::ObjectiveStatus::from(status)).unwrap();
                let id = |field: &str| json[field].as_str().unwrap_or_default().to_owned();
                let id = (
                    id("set_id"),
                    json["objective"]["id"].as_str().unwrap_or_default().to_owned(),
                );
                let judged = &truth.objectives[&id];
                let word = judged.sign.word();
                assert_eq!(json["state"], word, "{seed}: {json}");
                assert!(
                    text.contains(&format!("\n  {word:9} {}  ", judged.name)),
                    "{seed}: {text}"
                );
                let is_bad = judged.sign < Sign::Unproven;
                assert_eq!(
                    line.contains(&format!("{} {word}", judged.name)),
                    is_bad,
                    "{seed}: {line}"
                );
                let series = json["series"].as_array().unwrap();
                assert_eq!(series.len(), judged.series.len(), "{seed}");
                for one in series {
                    let machine = one["labels"]["instance"].as_str().unwrap();
                    assert_eq!(one["state"], judged.series[machine].word(), "{seed}: {one}");
                }
            }
        }
    }

    #[test]
    fn nagios_gets_one_line() {
        let line = nagios(State::Violated, &[status(State::Violated)], None);
        assert_eq!(line, "SLA CRITICAL - load/1 violated");
        assert_eq!(threshold(Some(1.0), None), "1:");
        assert_eq!(threshold(None, Some(4.5)), "~:4.5");
    }
}
