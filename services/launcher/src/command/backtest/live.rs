//! `sla backtest --live`: what the role itself would have said over a long series, with all that it keeps between forecasts.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::time::Instant;

use color_eyre::eyre::Report;
use serde_json::{Value, json};
use sla_analysis::scoring::{CALIBRATION_BINS, brier, calibration_error, calibration_table, covers};
use sla_domain::evaluation::Judgement;
use sla_domain::range::AllowedRange;
use sla_domain::{Invalid, SafeText, Unit, duration, instant, quantity, spacing};
use sla_manager::outlook::backtest::Past;
use sla_manager::outlook::replay::Replay;
use sla_proto::convert::millis;
use sla_proto::storage::v1::ScoredForecast;
use sla_views::Seconds;

use super::answer::{QUANTILES, SEED, tell};
use crate::cli::BacktestArgs;
use crate::command::bounds;
use crate::command::input::Measured;
use crate::command::table::table;
use crate::exit::Exit;

/// Before the first forecast, milliseconds (24 h); of a short series its first half.
const BEFORE_MS: i64 = 86_400_000;

/// Prints a row a series and bound.
pub(super) fn answer(series: &[Measured], arguments: &BacktestArgs, json: bool) -> Result<Exit, Report> {
    let bounds = Bounds::read(arguments)?;
    let answers: Vec<Live<'_>> = series
        .iter()
        .map(|series| Live::run(series, &bounds, arguments.horizon.ms()))
        .collect();
    tell(&answers, Live::json, Live::words, json);
    let none = answers.iter().all(|answer| answer.rows.is_empty());
    Ok(if none { Exit::NO_DATA } else { Exit::OK })
}

/// What is allowed, if it was said.
#[derive(Debug)]
struct Bounds {
    given: Option<AllowedRange>,
}

impl Bounds {
    fn read(arguments: &BacktestArgs) -> Result<Self, Invalid> {
        let wish = &arguments.live;
        let (min, max) = bounds::read(wish.min.as_deref(), wish.max.as_deref(), Unit::PLAIN)?;
        if min.is_none() && max.is_none() {
            return Ok(Self { given: None });
        }
        let range = AllowedRange::new(min, max)
            .map_err(|error| Invalid::new("--max", "", error.to_string(), "give other bounds"))?;
        Ok(Self { given: Some(range) })
    }

    /// That which was given, or those at [`QUANTILES`] of what lies before the first forecast.
    fn of(&self, before: &[f64]) -> Vec<AllowedRange> {
        if let Some(range) = self.given {
            return vec![range];
        }
        let mut sorted: Vec<f64> = before.iter().copied().filter(|value| value.is_finite()).collect();
        sorted.sort_by(f64::total_cmp);
        let last = sorted.len().saturating_sub(1) as f64;
        let quantile = |share: f64| sorted.get((last * share) as usize).copied();
        let mut bounds: Vec<f64> = QUANTILES.into_iter().filter_map(quantile).collect();
        bounds.dedup();
        let ranges = bounds.into_iter().map(AllowedRange::at_most);
        ranges.filter_map(Result::ok).collect()
    }
}

/// What came of one bound. Figures are of the forecasts that are a horizon apart.
#[derive(Debug)]
struct Row {
    range: AllowedRange,
    /// All forecasts that were scored.
    forecasts: u64,
    compared: Vec<Compared>,
    cost_ms: f64,
    cost_without_state_ms: f64,
    /// Numbers kept between forecasts.
    stored: usize,
}

#[derive(Debug)]
struct Compared {
    forecast: ScoredForecast,
    without_state: f64,
}

impl Compared {
    fn left(&self) -> bool {
        self.forecast.left == Some(true)
    }
}

#[derive(Debug)]
struct Live<'a> {
    series: &'a Measured,
    horizon_ms: i64,
    /// First and last instant, Unix milliseconds.
    between_ms: Option<(i64, i64)>,
    rows: Vec<Row>,
}

impl<'a> Live<'a> {
    fn run(series: &'a Measured, bounds: &Bounds, horizon_ms: i64) -> Self {
        let times = &series.samples.times_ms;
        let between_ms = times.first().zip(times.last()).map(|(first, last)| {
            let before_ms = BEFORE_MS.min((last - first) / 2);
            (first.saturating_add(before_ms), *last)
        });
        let mut live = Self {
            series,
            horizon_ms,
            between_ms,
            rows: Vec::new(),
        };
        if let Some((from_ms, until_ms)) = between_ms {
            let (_, before) = series.samples.between(i64::MIN, from_ms);
            let rows = bounds.of(before).into_iter();
            live.rows = rows.filter_map(|range| live.row(range, from_ms, until_ms)).collect();
        }
        live
    }

    /// `None` where nothing could be forecast, or no outcome is known.
    fn row(&self, range: AllowedRange, from_ms: i64, until_ms: i64) -> Option<Row> {
        let judgement = Judgement::new(range, spacing::cap_ms(self.series.step_ms));
        let past = Past {
            samples: &self.series.samples,
            judgement: &judgement,
            at_ms: until_ms,
            horizon_ms: self.horizon_ms,
            seed: SEED,
        };
        let mut replay = Replay::new(past, self.series.step_ms, from_ms);
        let mut without: HashMap<i64, f64> = HashMap::new();
        let mut compared = Vec::new();
        let (mut next_ms, mut alone, mut cold) = (from_ms, Cost::default(), Cost::default());
        while let Some(at_ms) = replay.next_ms() {
            let compares = at_ms >= next_ms;
            if compares {
                next_ms = at_ms.saturating_add(self.horizon_ms);
                let said = cold.of(|| replay.without_state(at_ms));
                without.extend(said.map(|said| (at_ms, said)));
            }
            // The rival is computed with the forecast; its cost is none of ours.
            let settled = if compares {
                replay.round(true)
            } else {
                alone.of(|| replay.round(false))
            };
            compared.extend(settled.into_iter().filter_map(|forecast| {
                let without_state = without.remove(&millis(forecast.made.as_ref()?))?;
                Some(Compared {
                    forecast,
                    without_state,
                })
            }));
        }
        (!compared.is_empty()).then(|| Row {
            range,
            forecasts: replay.record().scored,
            compared,
            cost_ms: alone.mean_ms(),
            cost_without_state_ms: cold.mean_ms(),
            stored: replay.state().map_or(0, |state| state.to_flat().len()),
        })
    }

    fn json(&self) -> Value {
        let mut out = json!({
            "n": self.series.samples.len(),
            "step_seconds": self.series.step_json(),
            "horizon_s": Seconds(self.horizon_ms),
        });
        if let Some(labels) = &self.series.labels {
            out["labels"] = labels.clone();
        }
        if let Some(over_ms) = self.series.rate_over_ms {
            out["rate_over_s"] = json!(Seconds(over_ms));
        }
        if let Some((from_ms, until_ms)) = self.between_ms {
            out["from"] = json!(instant::format_ms(from_ms));
            out["until"] = json!(instant::format_ms(until_ms));
        }
        out["bounds"] = self.rows.iter().map(Row::json).collect();
        out
    }

    fn words(&self) -> String {
        let mut out = format!("{}\n", SafeText::new(&self.series.name));
        let Some((from_ms, until_ms)) = self.between_ms.filter(|_| !self.rows.is_empty()) else {
            out.push_str("no replay: no forecast could be made and held against what came; give a longer series\n");
            return out;
        };
        let _ = write!(
            out,
            "as the role says it, from {} to {}, each for the next {}; figures of forecasts a horizon apart\n\n",
            instant::format_ms(from_ms),
            instant::format_ms(until_ms),
            duration::format_ms(self.horizon_ms),
        );
        let head = [
            "BOUND",
            "N>",
            "LEFT>",
            "BRIER>",
            "UNSTORED>",
            "ARIMA>",
            "LAST>",
            "BASE>",
            "BIAS>",
            "CAL.ERR>",
            "COVER 95>",
            "MS>",
            "MS UNSTORED>",
        ];
        let rows: Vec<Vec<String>> = self.rows.iter().map(Row::cells).collect();
        out.push_str(&table(&head, &rows));
        out.push_str("UNSTORED: the same forecaster with nothing kept between forecasts, weights learned inside the history each time\n");
        out
    }
}

impl Row {
    fn mean(&self, of: impl Fn(&Compared) -> Option<f64>) -> Option<f64> {
        let known: Vec<f64> = self.compared.iter().filter_map(of).collect();
        (!known.is_empty()).then(|| known.iter().sum::<f64>() / known.len() as f64)
    }

    fn brier(&self, said: impl Fn(&Compared) -> Option<f64>) -> Option<f64> {
        self.mean(|compared| Some(brier(said(compared)?, compared.left())))
    }

    fn bias(&self) -> Option<f64> {
        self.mean(|compared| Some(compared.forecast.probability - f64::from(u8::from(compared.left()))))
    }

    fn calibration_error(&self) -> f64 {
        let pairs: Vec<(f64, bool)> = self
            .compared
            .iter()
            .map(|compared| (compared.forecast.probability, compared.left()))
            .collect();
        calibration_error(&calibration_table(&pairs, CALIBRATION_BINS))
    }

    fn coverage(&self) -> Option<f64> {
        self.mean(|compared| {
            let row = &compared.forecast;
            Some(f64::from(u8::from(covers(row.band_low?, row.band_high?, row.value?))))
        })
    }

    fn left(&self) -> usize {
        self.compared.iter().filter(|compared| compared.left()).count()
    }

    fn json(&self) -> Value {
        json!({
            "min": self.range.min(),
            "max": self.range.max(),
            "forecasts": self.forecasts,
            "compared": self.compared.len(),
            "violations": self.left(),
            "brier": self.brier(|row| Some(row.forecast.probability)),
            "brier_without_state": self.brier(|row| Some(row.without_state)),
            "brier_arima": self.brier(|row| row.forecast.arima_probability),
            "brier_last_value": self.brier(|row| Some(row.forecast.last_value_probability)),
            "brier_base_rate": self.brier(|row| Some(row.forecast.base_rate_probability)),
            "bias": self.bias(),
            "calibration_error": self.calibration_error(),
            "coverage_95": self.coverage(),
            "cost_ms": self.cost_ms,
            "cost_without_state_ms": self.cost_without_state_ms,
            "stored_numbers": self.stored,
        })
    }

    fn cells(&self) -> Vec<String> {
        let figure = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), |value| format!("{value:.4}"));
        let bound = |value: Option<f64>, sign: &str| {
            value.map_or_else(String::new, |value| {
                format!("{sign} {}", quantity::short(value, Unit::PLAIN))
            })
        };
        let bounds = [bound(self.range.min(), "≥"), bound(self.range.max(), "≤")].join(" ");
        vec![
            bounds.trim().to_owned(),
            self.compared.len().to_string(),
            self.left().to_string(),
            figure(self.brier(|row| Some(row.forecast.probability))),
            figure(self.brier(|row| Some(row.without_state))),
            figure(self.brier(|row| row.forecast.arima_probability)),
            figure(self.brier(|row| Some(row.forecast.last_value_probability))),
            figure(self.brier(|row| Some(row.forecast.base_rate_probability))),
            self.bias().map_or_else(|| "–".to_owned(), |bias| format!("{bias:+.3}")),
            format!("{:.3}", self.calibration_error()),
            self.coverage()
                .map_or_else(|| "–".to_owned(), |share| format!("{:.1} %", share * 100.0)),
            format!("{:.2}", self.cost_ms),
            format!("{:.2}", self.cost_without_state_ms),
        ]
    }
}

/// What something costs, each time.
#[derive(Debug, Default)]
struct Cost {
    total_ms: f64,
    times: u32,
}

impl Cost {
    fn of<T>(&mut self, run: impl FnOnce() -> T) -> T {
        let started = Instant::now();
        let out = run();
        self.total_ms += started.elapsed().as_secs_f64() * 1e3;
        self.times += 1;
        out
    }

    fn mean_ms(&self) -> f64 {
        self.total_ms / f64::from(self.times.max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sla_domain::Samples;

    #[test]
    fn bounds_are_those_given_or_of_what_lies_before() {
        let none = Bounds { given: None };
        let before: Vec<f64> = (0..100).map(f64::from).collect();
        let maxima: Vec<_> = none.of(&before).iter().map(AllowedRange::max).collect();
        assert_eq!(maxima, [Some(89.0), Some(94.0), Some(98.0)]);
        assert_eq!(none.of(&[3.0; 40]).len(), 1, "equal bounds are one");
        assert!(none.of(&[f64::NAN]).is_empty());
    }

    #[test]
    fn a_series_is_replayed_and_too_short_a_one_says_so() {
        let series = |n: i64| Measured {
            name: "waves".to_owned(),
            labels: None,
            rate_over_ms: None,
            samples: Samples::from_columns(
                (0..n).map(|k| k * 60_000).collect(),
                (0..n)
                    .map(|k| (k as f64 / 9.0).sin() + (k * k % 7) as f64 / 30.0)
                    .collect(),
            ),
            step_ms: 60_000,
        };
        let bounds = Bounds { given: None };
        let long = series(720);
        let live = Live::run(&long, &bounds, 600_000);
        let told = live.json();
        let row = &told["bounds"][0];
        let figure = |key: &str| row[key].as_f64().unwrap();
        assert_eq!(told["bounds"].as_array().unwrap().len(), 3);
        // Six hours, a forecast every two minutes, compared every ten.
        assert!((165.0..180.0).contains(&figure("forecasts")) && (33.0..36.0).contains(&figure("compared")));
        assert!(figure("brier") < figure("brier_base_rate"), "{row}");
        assert!(figure("cost_ms") < figure("cost_without_state_ms"), "{row}");
        assert!(live.words().contains("UNSTORED"));
        let short = series(9);
        let none = Live::run(&short, &bounds, 600_000);
        assert!(none.rows.is_empty() && none.words().contains("longer series"));
    }
}
