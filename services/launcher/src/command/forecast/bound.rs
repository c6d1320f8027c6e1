//! `sla forecast SELECTOR --method arima,pool --max X`: how likely any given bound is left within the horizon, by ARIMA and by
//! the pool side by side. Nothing is stored, nothing has to be agreed.

use color_eyre::eyre::Report;
use serde_json::{Value, json};
use sla_analysis::arima;
use sla_analysis::pool::{History, MAX_HORIZON_STEPS, Question, Side, Threshold};
use sla_domain::{Invalid, Query, Unit, duration};
use sla_views::Seconds;

use crate::cli::{ForecastArgs, Input, Method};
use crate::command::csv_file::CsvColumns;
use crate::command::input::{self, Measured};
use crate::command::table::table;
use crate::command::{Session, bounds, outlook};
use crate::exit::Exit;
use crate::output;

/// Values that ARIMA is fitted to, at most: 12 h at 15 s, as in `sla backtest`.
const ARIMA_VALUES: usize = 2_880;

/// Prints a row a series, bound and method.
pub(crate) async fn forecast(session: &Session, arguments: &ForecastArgs) -> Result<Exit, Report> {
    let selector = arguments.set.clone().unwrap_or_default();
    let query = Query::parse(&selector).map_err(|error| error.into_invalid("selector", &selector))?;
    let thresholds = thresholds(arguments, query.bound_unit(false))?;
    let input = Input {
        selector: Some(selector),
        csv: None,
        columns: CsvColumns::default(),
        values: None,
        step: None,
        window: arguments.window,
        source: arguments.source.clone(),
        at: arguments.at.clone(),
    };
    let horizon_ms = arguments
        .horizon
        .map_or(session.config().evaluation.horizon.ms(), crate::config::Span::ms);
    let series = input::of_source(session, &input).await?;
    let mut answers = Vec::new();
    for one in &series {
        answers.push(answer(one, &arguments.method, &thresholds, horizon_ms)?);
    }
    if session.global.json {
        output::print_json(&Value::from(answers.iter().map(Answer::json).collect::<Vec<_>>()));
    } else if !answers.is_empty() {
        output::print(&words(&answers));
    }
    let none = answers
        .iter()
        .all(|answer| answer.rows.iter().all(|row| row.probability.is_err()));
    Ok(if none { Exit::NO_DATA } else { Exit::OK })
}

fn thresholds(arguments: &ForecastArgs, unit: Unit) -> Result<Vec<Threshold>, Invalid> {
    let (min, max) = bounds::read(arguments.min.as_deref(), arguments.max.as_deref(), unit)?;
    let (lower, upper) = (min.map(Threshold::lower), max.map(Threshold::upper));
    let bounds: Vec<Threshold> = lower.into_iter().chain(upper).collect();
    if bounds.is_empty() {
        return Err(Invalid::new("--max", "", "a bound is needed", "give --max or --min"));
    }
    Ok(bounds)
}

/// What a method says about a bound, or why it says nothing.
#[derive(Debug)]
struct Row {
    threshold: Threshold,
    method: Method,
    probability: Result<f64, String>,
    /// Too little history for two digits.
    low_confidence: bool,
}

#[derive(Debug)]
struct Answer<'a> {
    series: &'a Measured,
    horizon_ms: i64,
    rows: Vec<Row>,
}

fn answer<'a>(
    series: &'a Measured,
    methods: &[Method],
    thresholds: &[Threshold],
    horizon_ms: i64,
) -> Result<Answer<'a>, Invalid> {
    let steps = usize::try_from((horizon_ms + series.step_ms / 2) / series.step_ms).unwrap_or(0);
    if !(1..=MAX_HORIZON_STEPS).contains(&steps) {
        let step = duration::format_ms(series.step_ms);
        let rule = format!("is {steps} steps of {step}; 1 to {MAX_HORIZON_STEPS} are possible");
        let given = duration::format_ms(horizon_ms);
        return Err(Invalid::new("--horizon", &given, rule, "give another one"));
    }
    let history = History::new(&series.samples.times_ms, &series.samples.values).map_err(|error| error.to_string());
    let rows = thresholds
        .iter()
        .flat_map(|threshold| methods.iter().map(move |method| (*threshold, *method)))
        .map(|(threshold, method)| {
            let said = match &history {
                Err(reason) => Err(reason.clone()),
                Ok(history) => match method {
                    Method::Arima => by_arima(history, threshold, steps),
                    Method::Pool => by_pool(history, threshold, steps),
                },
            };
            let low_confidence = matches!(said, Ok((_, true)));
            Row {
                threshold,
                method,
                probability: said.map(|(probability, _)| probability),
                low_confidence,
            }
        })
        .collect();
    Ok(Answer {
        series,
        horizon_ms,
        rows,
    })
}

fn by_arima(history: &History, threshold: Threshold, steps: usize) -> Result<(f64, bool), String> {
    let slots = &history.slots;
    let from = slots.iter().rposition(|value| value.is_nan()).map_or(0, |gap| gap + 1);
    let newest = &slots[from.max(slots.len().saturating_sub(ARIMA_VALUES))..];
    let model = arima::fit(newest, arima::Order::new(1, 1, 1)).map_err(|error| error.to_string())?;
    let (lower, upper) = match threshold.side {
        Side::Lower => (Some(threshold.value), None),
        Side::Upper => (None, Some(threshold.value)),
    };
    Ok((
        model.violation_within(history.slots_of_steps(steps), lower, upper),
        false,
    ))
}

fn by_pool(history: &History, threshold: Threshold, steps: usize) -> Result<(f64, bool), String> {
    let question = Question {
        horizons_steps: vec![steps],
        thresholds: vec![threshold],
    };
    let answer = outlook::ask(history, &question, 0).map_err(|error| error.to_string())?;
    Ok((answer.probability[0][0], answer.low_confidence))
}

impl Answer<'_> {
    fn json(&self) -> Value {
        let rows = self.rows.iter().map(|row| {
            json!({
                "side": outlook::side_word(row.threshold.side),
                "bound": row.threshold.value,
                "method": row.method.word(),
                "probability": row.probability.as_ref().ok(),
                "low_confidence": row.low_confidence,
                "problem": row.probability.as_ref().err(),
            })
        });
        json!({
            "labels": self.series.labels,
            "rate_over_s": self.series.rate_over_ms.map(Seconds),
            "horizon_s": Seconds(self.horizon_ms),
            "n": self.series.samples.len(),
            "rows": rows.collect::<Vec<_>>(),
        })
    }
}

fn words(answers: &[Answer<'_>]) -> String {
    let rows: Vec<Vec<String>> = answers
        .iter()
        .flat_map(|answer| answer.rows.iter().map(move |row| (answer, row)))
        .map(|(answer, row)| {
            let side = if row.threshold.side == Side::Upper {
                "max"
            } else {
                "min"
            };
            let chance = match &row.probability {
                Ok(probability) if row.low_confidence => format!("~{:.0} %", probability * 100.0),
                Ok(probability) => format!("{:.1} %", probability * 100.0),
                Err(_) => "–".to_owned(),
            };
            vec![
                answer.series.name.clone(),
                format!("{side} {}", row.threshold.value),
                row.method.word().to_owned(),
                chance,
                format!("within {}", duration::format_ms(answer.horizon_ms)),
                row.probability.as_ref().err().cloned().unwrap_or_default(),
            ]
        })
        .collect();
    table(&["SERIES", "BOUND", "METHOD", "P>", "", ""], &rows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use sla_domain::Samples;

    fn series(values: impl Iterator<Item = f64>) -> Measured {
        let values: Vec<f64> = values.collect();
        Measured {
            name: "x".to_owned(),
            labels: None,
            rate_over_ms: None,
            samples: Samples {
                times_ms: (0..values.len() as i64).map(|k| k * 15_000).collect(),
                values,
            },
            step_ms: 15_000,
        }
    }

    #[test]
    fn both_methods_see_what_comes() {
        // A slow climb with some noise: in ten minutes it has risen by 0.4.
        let climb = series((0..1_000).map(|k| f64::from(k) * 0.01 + f64::from((k * 7919) % 13) * 0.01));
        let bounds = [Threshold::upper(10.2), Threshold::upper(20.0), Threshold::lower(5.0)];
        let answer = answer(&climb, &[Method::Arima, Method::Pool], &bounds, 600_000).unwrap();
        let said = |at: usize| *answer.rows[at].probability.as_ref().unwrap();
        // ARIMA(1,1,1) has no drift: it sees the noise and the last steps, not the climb.
        for (method, least) in [(0, 0.3), (1, 0.8)] {
            assert!(said(method) > least, "{:?}", answer.rows[method]);
            assert!(said(2 + method) < 0.05, "{:?}", answer.rows[2 + method]);
            assert!(said(4 + method) < 0.05, "{:?}", answer.rows[4 + method]);
        }
        assert_eq!(answer.json()["rows"][0]["method"], "arima");
        assert_eq!(answer.json()["rows"][1]["method"], "pool");
    }

    #[test]
    fn without_history_nothing_is_said() {
        let short = series([1.0, 2.0].into_iter());
        let answer = answer(
            &short,
            &[Method::Arima, Method::Pool],
            &[Threshold::upper(3.0)],
            600_000,
        )
        .unwrap();
        assert!(answer.rows.iter().all(|row| row.probability.is_err()));
        assert!(words(&[answer]).contains('–'));
    }

    #[test]
    fn a_horizon_of_no_step_is_refused() {
        let some = series((0..100).map(f64::from));
        let refused = answer(&some, &[Method::Pool], &[Threshold::upper(3.0)], 1).unwrap_err();
        assert_eq!(refused.field, "--horizon");
    }
}
