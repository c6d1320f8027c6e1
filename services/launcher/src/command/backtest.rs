//! `sla backtest`: how good the forecasts would have been on a series, beside the usual methods.

mod answer;
mod live;

use std::fmt::Write as _;
use std::time::Instant;

use color_eyre::eyre::Report;
use serde_json::{Value, json};
use sla_analysis::backtest::{self, BacktestError, Bounds, Method, MethodRow, Plan};
use sla_analysis::pool::{History, MAX_HISTORY_SLOTS, MAX_HORIZON_STEPS};
use sla_analysis::scoring::CalibrationBin;
use sla_analysis::seasonality;
use sla_domain::{Invalid, SafeText, Unit, duration, instant, quantity};
use sla_views::Seconds;

use super::Session;
use super::analyze::stretch;
use super::input::{self, Measured};
use super::table::table;
use crate::cli::BacktestArgs;
use crate::exit::Exit;
use answer::{QUANTILES, SEED, tell};

/// Instants at which every method is asked, at most.
const ORIGINS: usize = 200;
/// Share of the history before the first origin.
const FIRST_TRAINING_SHARE: f64 = 0.5;
/// Share of the origins at which a method may have no answer and still be compared.
const MOST_DECLINED: f64 = 0.1;
/// Other names of methods.
const ALIASES: [(&str, Method); 4] = [
    ("ours", Method::Pool),
    ("holt_winters", Method::HoltWinters),
    ("predict-linear", Method::PredictLinear),
    ("seasonal", Method::SeasonalNaive),
];

/// Of a file: needs no configuration and no instance.
pub(crate) fn of_file(arguments: &BacktestArgs, json: bool) -> Result<Exit, Report> {
    let methods = methods(&arguments.methods)?;
    let series = input::of_file(&arguments.input)?;
    if arguments.live.live {
        return live::answer(&[series], arguments, json);
    }
    answer(&[series], &methods, arguments, json)
}

/// Of the series of the source that match.
pub(crate) async fn of_source(session: &Session, arguments: &BacktestArgs) -> Result<Exit, Report> {
    let methods = methods(&arguments.methods)?;
    let series = input::of_source(session, &arguments.input).await?;
    if arguments.live.live {
        return live::answer(&series, arguments, session.global.json);
    }
    answer(&series, &methods, arguments, session.global.json)
}

fn methods(names: &[String]) -> Result<Vec<Method>, Invalid> {
    if names.is_empty() {
        return Ok(Method::ALL.to_vec());
    }
    let mut chosen = Vec::new();
    for name in names {
        let known = Method::ALL.iter().map(|method| (method.name(), *method));
        let method = known
            .chain(ALIASES)
            .find(|(known, _)| known.eq_ignore_ascii_case(name.trim()))
            .map(|(_, method)| method)
            .ok_or_else(|| {
                let all: Vec<&str> = Method::ALL.iter().map(|method| method.name()).collect();
                Invalid::new(
                    "methods",
                    name,
                    "is no method",
                    format!("choose from {}", all.join(", ")),
                )
            })?;
        if !chosen.contains(&method) {
            chosen.push(method);
        }
    }
    // The order of the table does not depend on the order of the words: ours comes last.
    chosen.sort_by_key(|method| Method::ALL.iter().position(|other| other == method));
    Ok(chosen)
}

/// A backtest, or why there is none.
struct Outcome<'a> {
    series: &'a Measured,
    /// What was asked for, milliseconds; forecasts go by whole steps.
    horizon_ms: i64,
    history: Option<History>,
    report: Result<backtest::Report, String>,
}

fn answer(series: &[Measured], methods: &[Method], arguments: &BacktestArgs, json: bool) -> Result<Exit, Report> {
    let mut outcomes = Vec::with_capacity(series.len());
    for series in series {
        outcomes.push(run(series, methods, arguments.horizon.ms())?);
    }
    tell(&outcomes, Outcome::json, Outcome::words, json);
    let none = outcomes.iter().all(|outcome| outcome.report.is_err());
    Ok(if none { Exit::NO_DATA } else { Exit::OK })
}

fn run<'a>(series: &'a Measured, methods: &[Method], horizon_ms: i64) -> Result<Outcome<'a>, Invalid> {
    let step_ms = series.step_ms;
    let steps = usize::try_from((horizon_ms + step_ms / 2) / step_ms)
        .unwrap_or(0)
        .max(1);
    if steps > MAX_HORIZON_STEPS {
        return Err(Invalid::new(
            "horizon",
            &duration::format_ms(horizon_ms),
            format!(
                "is {steps} steps of {}, more than {MAX_HORIZON_STEPS}",
                duration::format_ms(step_ms)
            ),
            "give a shorter horizon",
        ));
    }
    let history = match History::new(&series.samples.times_ms, &series.samples.values) {
        Ok(history) => history,
        Err(error) => {
            return Ok(Outcome {
                series,
                horizon_ms,
                history: None,
                report: Err(error.to_string()),
            });
        }
    };
    let plan = Plan {
        most_origins: ORIGINS,
        season_steps: season_steps(&history),
        methods: methods.to_vec(),
        first_training_share: FIRST_TRAINING_SHARE,
        ..Plan::new(steps, Bounds::TrainingQuantiles(QUANTILES.to_vec()))
    };
    let started = Instant::now();
    let mut clock_ns = || u64::try_from(started.elapsed().as_nanos()).unwrap_or(u64::MAX);
    let report = match backtest::run(&history, &plan, SEED, &mut clock_ns) {
        Ok(report) => Ok(report),
        Err(error @ BacktestError::BadPlan { .. }) => {
            return Err(Invalid::new("plan", "", error.to_string(), "change the horizon"));
        }
        Err(error) => Err(error.to_string()),
    };
    Ok(Outcome {
        series,
        horizon_ms,
        history: Some(history),
        report,
    })
}

/// The season of seasonal-naive, in steps: the strongest that the part before the first origin shows, so that nothing later is
/// seen; `None` (a day) where it shows none.
fn season_steps(history: &History) -> Option<usize> {
    let before = &history.slots[..(history.slots.len() as f64 * FIRST_TRAINING_SHARE) as usize];
    let longest = stretch::longest(before).values;
    let found = seasonality::detect(longest, history.step_ms.unsigned_abs()).ok()?;
    let strongest = found.first()?;
    Some((strongest.period as f64 * history.steps_per_slot).round() as usize)
}

/// The Brier score of a row over that of `rival`, where the rival is not perfect. Methods that had no answer at more than
/// [`MOST_DECLINED`] of the origins are not compared: they were asked about another, perhaps easier, part of the series.
fn relative(report: &backtest::Report, row: &MethodRow, rival: Method) -> Option<f64> {
    let rival = report.row(rival)?;
    let most = (report.origins as f64 * MOST_DECLINED) as usize;
    if row.declined > most || rival.declined > most {
        return None;
    }
    let theirs = rival.brier.filter(|theirs| *theirs > 0.0)?;
    Some(row.brier? / theirs)
}

impl Outcome<'_> {
    fn json(&self) -> Value {
        let mut out = json!({
            "n": self.series.samples.len(),
            "step_seconds": self.series.step_json(),
        });
        if let Some(labels) = &self.series.labels {
            out["labels"] = labels.clone();
        }
        if let Some(over_ms) = self.series.rate_over_ms {
            out["rate_over_s"] = json!(Seconds(over_ms));
        }
        let report = match &self.report {
            Ok(report) => report,
            Err(reason) => {
                out["degenerate"] = json!(reason);
                return out;
            }
        };
        let methods = report.rows.iter().map(|row| {
            json!({
                "method": row.method.name(),
                "answered": row.answered,
                "declined": row.declined,
                "mase": row.mase,
                "pinball": row.pinball,
                "brier": row.brier,
                "brier_vs_arima": relative(report, row, Method::Arima),
                "brier_vs_last_value": relative(report, row, Method::LastValue),
                "calibration_error": row.calibration_error,
                "coverage_95": row.coverage,
                "cost_ms": row.cost_ms,
            })
        });
        let calibration = ours(report).map(|row| row.calibration.as_slice()).unwrap_or_default();
        let calibration: Vec<Value> = merged(calibration)
            .iter()
            .map(|bin| {
                json!({
                    "n": bin.count,
                    "lowest": bin.lowest,
                    "highest": bin.highest,
                    "said": bin.said,
                    "observed": bin.observed,
                })
            })
            .collect();
        out["horizon_s"] = json!(Seconds(report.horizon_ms));
        out["history_s"] = json!(self.history.as_ref().map(History::span_s));
        out["origins"] = json!(report.origins);
        out["outcomes"] = json!(report.outcomes);
        out["violations"] = json!(report.violations);
        out["threshold_quantiles"] = json!(QUANTILES);
        out["methods"] = methods.collect();
        out["calibration"] = json!(calibration);
        out["track_record"] = json!(ours(report).map(|_| report.record.to_string()));
        out
    }

    fn words(&self) -> String {
        let mut out = format!("{}\n", SafeText::new(&self.series.name));
        let report = match &self.report {
            Ok(report) => report,
            Err(reason) => {
                let _ = writeln!(out, "no backtest: {reason}");
                return out;
            }
        };
        let _ = write!(
            out,
            "{}\n{} origins in its second half, each asked for the next {}; {} of {} outcomes left their threshold\n\
             (thresholds: the {} quantiles of what lay before each origin; nothing later was seen)\n\n",
            self.part(),
            report.origins,
            self.horizon(report.horizon_ms),
            report.violations,
            report.outcomes,
            QUANTILES.map(|q| q.to_string()).join(", "),
        );
        let head = [
            "METHOD",
            "MASE>",
            "PINBALL>",
            "BRIER>",
            "VS ARIMA>",
            "VS LAST>",
            "CAL.ERR>",
            "COVER 95>",
            "MS>",
            "N>",
        ];
        let digits = |value: Option<f64>, digits: usize| {
            value.map_or_else(|| "–".to_owned(), |value| format!("{value:.digits$}"))
        };
        let rows: Vec<Vec<String>> = report
            .rows
            .iter()
            .map(|row| {
                vec![
                    if row.method == Method::Pool {
                        "ours (pool)"
                    } else {
                        row.method.name()
                    }
                    .to_owned(),
                    digits(row.mase, 2),
                    row.pinball
                        .map_or_else(|| "–".to_owned(), |loss| quantity::short(loss, Unit::PLAIN)),
                    digits(row.brier, 4),
                    digits(relative(report, row, Method::Arima), 2),
                    digits(relative(report, row, Method::LastValue), 2),
                    digits(row.calibration_error, 3),
                    row.coverage
                        .map_or_else(|| "–".to_owned(), |share| format!("{:.1} %", share * 100.0)),
                    digits(row.cost_ms, 2),
                    row.answered.to_string(),
                ]
            })
            .collect();
        out.push_str(&table(&head, &rows));
        if let Some(ours) = ours(report) {
            out.push_str("\ncalibration of ours: how often it happened, where it was said\n");
            let rows: Vec<Vec<String>> = merged(&ours.calibration)
                .iter()
                .map(|bin| {
                    vec![
                        label(bin),
                        format!("{:.1} %", bin.said * 100.0),
                        format!("{:.1} %", bin.observed * 100.0),
                        bin.count.to_string(),
                    ]
                })
                .collect();
            out.push_str(&table(&["BIN", "SAID>", "HAPPENED>", "N>"], &rows));
            let _ = writeln!(out, "track record: {}", report.record);
        }
        out
    }
}

/// Neighbouring bins that read the same are one: a forecaster that mostly says 0 fills several.
fn merged(bins: &[CalibrationBin]) -> Vec<CalibrationBin> {
    let mut out: Vec<CalibrationBin> = Vec::new();
    for bin in bins {
        match out.last_mut().filter(|last| label(last) == label(bin)) {
            Some(last) => {
                let (a, b) = (last.count as f64, bin.count as f64);
                last.said = (last.said * a + bin.said * b) / (a + b);
                last.observed = (last.observed * a + bin.observed * b) / (a + b);
                last.highest = bin.highest;
                last.count += bin.count;
            }
            None => out.push(*bin),
        }
    }
    out
}

fn label(bin: &CalibrationBin) -> String {
    format!("{:.0}–{:.0} %", bin.lowest * 100.0, bin.highest * 100.0)
}

impl Outcome<'_> {
    /// Which part of what was given is used, and why not all of it.
    fn part(&self) -> String {
        let Some(history) = &self.history else {
            return String::new();
        };
        let times = &self.series.samples.times_ms;
        let span_ms = (history.span_s() * 1000.0) as i64;
        let from_ms = history.last_ms.saturating_sub(span_ms);
        let mut out = format!(
            "used: {} to {}, {} every {}",
            instant::format_ms(from_ms),
            instant::format_ms(history.last_ms),
            duration::format_short_ms(span_ms),
            duration::format_ms(history.step_ms),
        );
        if let Some(first_ms) = times.first().filter(|first| **first < from_ms - history.step_ms) {
            let given = instant::format_ms(*first_ms);
            let _ = write!(
                out,
                "; given from {given} on, but no forecast looks back more than {MAX_HISTORY_SLOTS} steps"
            );
        }
        if history.skipped_samples > 0 {
            let _ = write!(
                out,
                "; {} samples that are no numbers left out",
                history.skipped_samples
            );
        }
        if history.repeated_samples > 0 {
            let _ = write!(out, "; {} samples only repeat the one before", history.repeated_samples);
        }
        out
    }

    /// The horizon, and why it is not the one that was asked for.
    fn horizon(&self, used_ms: i64) -> String {
        let used = duration::format_ms(used_ms);
        if used_ms == self.horizon_ms {
            return used;
        }
        let (asked, step) = (
            duration::format_ms(self.horizon_ms),
            duration::format_ms(self.series.step_ms),
        );
        format!("{used} ({asked} in whole steps of {step}, the usual distance of its samples)")
    }
}

fn ours(report: &backtest::Report) -> Option<&MethodRow> {
    report.row(Method::Pool)
}

#[cfg(test)]
mod tests {
    use super::*;
    use sla_domain::Samples;

    fn waves(n: i64) -> Measured {
        let values = (0..n)
            .map(|k| 50.0 + 20.0 * (k as f64 / 40.0).sin() + f64::from(u32::try_from(k * k % 17).unwrap()))
            .collect();
        Measured {
            name: "waves".to_owned(),
            labels: None,
            rate_over_ms: None,
            samples: Samples::from_columns((0..n).map(|k| k * 15_000).collect(), values),
            step_ms: 15_000,
        }
    }

    #[test]
    fn every_method_has_a_row_and_ours_a_calibration() {
        let series = waves(1_440);
        let outcome = run(&series, &Method::ALL, 600_000).unwrap();
        let json = outcome.json();
        let names: Vec<&str> = json["methods"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| row["method"].as_str().unwrap())
            .collect();
        assert_eq!(names, Method::ALL.map(Method::name));
        assert_eq!((&json["horizon_s"], &json["origins"]), (&json!(600), &json!(ORIGINS)));
        assert_eq!(json["methods"][4]["brier_vs_arima"], 1.0);
        assert!(!json["calibration"].as_array().unwrap().is_empty());
        assert!(outcome.words().contains("ours (pool)"));
    }

    #[test]
    fn a_method_that_mostly_declined_is_not_compared() {
        // No season is found and a day is longer than the history: seasonal-naive has nothing to say.
        let mut series = waves(720);
        for (k, value) in series.samples.values.iter_mut().enumerate() {
            let mixed = (k as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
            let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            *value = ((mixed ^ (mixed >> 27)) >> 40) as f64;
        }
        let json = run(&series, &Method::ALL, 600_000).unwrap().json();
        let row = &json["methods"][2];
        assert_eq!(
            (&row["method"], &row["brier_vs_last_value"]),
            (&json!("seasonal-naive"), &Value::Null)
        );
        assert!(json["methods"][6]["brier_vs_last_value"].is_number());
    }

    #[test]
    fn too_little_history_is_said() {
        let series = waves(40);
        let outcome = run(&series, &[Method::Pool], 600_000).unwrap();
        assert!(outcome.json()["degenerate"].as_str().unwrap().contains("too few"));
        assert!(run(&series, &[Method::Pool], i64::MAX / 4).is_err());
    }

    #[test]
    fn methods_are_known_by_name() {
        assert_eq!(
            methods(&["ours".into(), "ARIMA".into()]).unwrap(),
            [Method::Arima, Method::Pool]
        );
        assert_eq!(methods(&["magic".into()]).unwrap_err().field, "methods");
        assert_eq!(methods(&[]).unwrap().len(), Method::ALL.len());
    }
}
