//! The quantities of one series as JSON, under the key names of the golden files (`services/analysis/tests/golden`). What does
//! not exist is `{"degenerate": reason}`; single numbers that do not exist are null.

use serde_json::{Map, Value, json};
use sla_analysis::acf::{autocorrelation, default_lags};
use sla_analysis::adf::augmented_dickey_fuller;
use sla_analysis::decomposition::decompose;
use sla_analysis::seasonality;
use sla_analysis::statistics::{moments, quantile};
use sla_analysis::{Degenerate, arima, pool};
use sla_domain::Invalid;
use sla_views::Seconds;

use super::wish::{Given, Wish, names};
use super::{smoothing, stretch};
use crate::command::input::Measured;
use crate::command::outlook;

/// Quantiles of `basic`.
const QUANTILES: [f64; 5] = [0.01, 0.05, 0.5, 0.95, 0.99];
/// Lags of `acf_40_direct` and the bands.
const LAGS: usize = 40;
/// Confidence of the Bartlett bands.
const BAND: f64 = 0.95;
/// Periods that are always taken apart, in steps; detected ones follow.
const PERIODS: [usize; 2] = [10, 5];
/// Steps an ARIMA forecast reaches.
const ARIMA_HORIZON: usize = 40;
/// Horizons of the violation forecast, milliseconds.
const HORIZONS_MS: [i64; 2] = [600_000, 3_600_000];

/// Everything about a series.
pub(super) fn all(series: &Measured, wish: &Wish) -> Result<Value, Invalid> {
    let grid = series.grid()?;
    // NaN are gaps: left out where order is all that counts. Infinities are no gaps; the engine names them.
    let mut seen: Vec<f64> = grid.iter().copied().filter(|value| !value.is_nan()).collect();
    if seen.is_empty() {
        // Nothing but gaps is another reason than nothing at all.
        seen.clone_from(&grid);
    }
    let longest = stretch::longest(&grid);
    let bounds = Bounds::of(&series.samples.values);
    let mut out = Map::new();
    let mut put = |key: &str, value: Value| {
        out.insert(key.to_owned(), value);
    };
    if let Some(labels) = &series.labels {
        put("labels", labels.clone());
    }
    put("step_seconds", series.step_json());
    if let Some(over_ms) = series.rate_over_ms {
        put("rate_over_s", Seconds(over_ms).json());
    }
    put("basic", basic(&series.samples.values));
    put("adf", json!({ "c_AIC": or_reason(adf(&seen)) }));
    put("acf", or_reason(acf(&seen)));
    let seasons = seasonality::detect(longest.values, series.step_ms.unsigned_abs());
    put("seasonality", seasonality_json(&seasons, series.step_ms));
    put(
        "decompose",
        decompositions(&longest, seasons.as_deref().unwrap_or_default()),
    );
    put("holt_winters", smoothing::all(series, wish));
    let latest = stretch::latest(&grid);
    let models = wish
        .arima
        .iter()
        .map(|order| arima_model(&latest, *order, &wish.given, bounds));
    put("arima", Value::Array(models.collect()));
    put("forecast", forecast(series, bounds));
    Ok(Value::Object(out))
}

/// A quantity, or why there is none.
pub(super) fn or_reason(quantity: Result<Value, Degenerate>) -> Value {
    quantity.unwrap_or_else(|reason| json!({ "degenerate": reason.to_string() }))
}

fn basic(values: &[f64]) -> Value {
    let n_nan = values.iter().filter(|value| value.is_nan()).count();
    let found = match moments(values) {
        Ok(found) => found,
        Err(reason) => {
            return json!({
                "n": values.len(), "n_finite": 0, "n_nan": n_nan, "degenerate": reason.to_string(),
            });
        }
    };
    let n = found.n_finite as f64;
    // One sample has no sample deviation.
    let std = Some(found.std).filter(|_| found.n_finite > 1);
    let quantiles: Map<String, Value> = QUANTILES
        .iter()
        .map(|&p| (p.to_string(), json!(quantile(values, p).ok())))
        .collect();
    json!({
        "n": found.n,
        "n_finite": found.n_finite,
        "n_nan": n_nan,
        "min": found.min,
        "max": found.max,
        "mean": found.mean,
        "std_ddof1": std,
        "std_ddof0": found.std * ((n - 1.0) / n).sqrt(),
        "quantiles_linear": quantiles,
    })
}

fn adf(values: &[f64]) -> Result<Value, Degenerate> {
    let test = augmented_dickey_fuller(values)?;
    Ok(json!({
        "stat": test.statistic,
        "pvalue": test.p_value,
        "usedlag": test.used_lag,
        "nobs": test.n_observations,
        "crit": { "1%": test.critical[0], "5%": test.critical[1], "10%": test.critical[2] },
        "icbest": test.best_aic,
    }))
}

fn acf(values: &[f64]) -> Result<Value, Degenerate> {
    let default = default_lags(values.len());
    let found = autocorrelation(values, Some(LAGS.max(default)))?;
    let direct = (LAGS + 1).min(found.acf.len());
    let (low, high): (Vec<_>, Vec<_>) = (0..direct)
        .map(|lag| {
            found
                .band(lag, BAND)
                .map_or((None, None), |(low, high)| (Some(low), Some(high)))
        })
        .unzip();
    Ok(json!({
        "default_nlags": default,
        "acf_default": found.acf[..=default.min(found.acf.len() - 1)],
        "acf_40_direct": found.acf[..direct],
        "bartlett_ci_lo": low,
        "bartlett_ci_hi": high,
    }))
}

fn seasonality_json(seasons: &Result<Vec<seasonality::Season>, Degenerate>, step_ms: i64) -> Value {
    or_reason(seasons.clone().map(|seasons| {
        seasons
            .iter()
            .map(|season| {
                json!({
                    "period": season.period,
                    "period_s": Seconds(season.period as i64 * step_ms),
                    "strength": season.strength,
                })
            })
            .collect()
    }))
}

/// One object a period: the usual two, then what was detected.
fn decompositions(longest: &stretch::Stretch<'_>, seasons: &[seasonality::Season]) -> Value {
    let detected = seasons.iter().map(|season| season.period);
    let mut periods: Vec<usize> = Vec::new();
    for period in PERIODS.into_iter().chain(detected) {
        if !periods.contains(&period) {
            periods.push(period);
        }
    }
    periods
        .into_iter()
        .map(|period| match decompose(longest.values, period) {
            Ok(found) => {
                let ends = vec![None; found.margin];
                let whole = |inner: &[f64]| -> Vec<Option<f64>> {
                    let inner = inner.iter().copied().map(Some);
                    ends.iter().copied().chain(inner).chain(ends.iter().copied()).collect()
                };
                let mut out = json!({
                    "period": period,
                    "seasonal_one_period": found.season,
                    "n_trend_nan_head": found.margin,
                    "n_trend_nan_tail": found.margin,
                    "trend": whole(&found.trend),
                    "resid": whole(&found.remainder),
                    "strength_seasonal": found.seasonal_strength,
                    "strength_trend": found.trend_strength,
                });
                longest.note_in(&mut out);
                out
            }
            Err(reason) => json!({ "period": period, "degenerate": reason.to_string() }),
        })
        .collect()
}

/// The 5th and 95th percentile: the range that the shown probabilities are about.
#[derive(Debug, Clone, Copy)]
struct Bounds(Result<(f64, f64), Degenerate>);

impl Bounds {
    fn of(values: &[f64]) -> Self {
        Self(quantile(values, 0.05).and_then(|low| Ok((low, quantile(values, 0.95)?))))
    }
}

fn arima_model(latest: &stretch::Stretch<'_>, order: arima::Order, given: &Given, bounds: Bounds) -> Value {
    let parts = [order.ar, order.differences, order.ma];
    let model = match given {
        Given::Arima(params) => arima::Parameters::from_slice(order, params)
            .and_then(|parameters| arima::evaluate(latest.values, order, &parameters)),
        Given::Nothing | Given::HoltWinters(_) => arima::fit(latest.values, order),
    };
    let model = match model {
        Ok(model) => model,
        Err(reason) => return json!({ "order": parts, "degenerate": reason.to_string() }),
    };
    let ahead = model.forecast(ARIMA_HORIZON);
    let params = model.parameters.to_vec(order);
    let (lo95, hi95): (Vec<f64>, Vec<f64>) = ahead.interval(0.95).into_iter().unzip();
    let (lo80, hi80): (Vec<f64>, Vec<f64>) = ahead.interval(0.8).into_iter().unzip();
    let mut out = json!({
        "order": parts,
        "trend": if order.mean { "c" } else { "n" },
        "names": names(order),
        "params": params,
        "llf": model.log_likelihood,
        "aic": model.aic(),
        "bic": model.bic(),
        "forecast": ahead.mean,
        "se": ahead.standard_error,
        "ci95_lo": lo95,
        "ci95_hi": hi95,
        "ci80_lo": lo80,
        "ci80_hi": hi80,
    });
    if let Bounds(Ok((low, high))) = bounds {
        out["bounds"] = json!([low, high]);
        out["p_violation_step"] = json!(ahead.violation(Some(low), Some(high)));
        out["p_any_violation"] = json!(model.violation_within(ARIMA_HORIZON, Some(low), Some(high)));
    }
    if matches!(given, Given::Arima(_)) {
        out["fixed"] = json!([{
            "params": params,
            "llf_differenced_exact": model.log_likelihood,
            "forecast": out["forecast"],
            "se": out["se"],
        }]);
    }
    latest.note_in(&mut out);
    out
}

fn forecast(series: &Measured, bounds: Bounds) -> Value {
    let reason = |reason: String| json!({ "degenerate": reason });
    let (low, high) = match bounds {
        Bounds(Ok(range)) => range,
        Bounds(Err(missing)) => return reason(missing.to_string()),
    };
    let mut horizons: Vec<usize> = HORIZONS_MS
        .iter()
        .map(|ms| ((ms / series.step_ms).max(1) as usize).min(pool::MAX_HORIZON_STEPS))
        .collect();
    horizons.dedup();
    let thresholds = vec![pool::Threshold::lower(low), pool::Threshold::upper(high)];
    let question = pool::Question::new(horizons, thresholds);
    let history = match pool::History::new(&series.samples.times_ms, &series.samples.values) {
        Ok(history) => history,
        Err(error) => return reason(error.to_string()),
    };
    let answer = match outlook::ask(&history, &question, 0) {
        Ok(answer) => answer,
        Err(error) => return reason(error.to_string()),
    };
    let mut out = outlook::json(&answer, &question, 0);
    let first = answer.first_crossing.iter().map(|first| {
        json!({
            "median_step": first.median_step,
            "cumulative": first.cumulative,
        })
    });
    out.insert("first_crossing".to_owned(), first.collect());
    out.insert("horizons".to_owned(), json!(question.horizons_steps));
    let thresholds = question
        .thresholds
        .iter()
        .map(|threshold| json!({ "side": outlook::side_word(threshold.side), "value": threshold.value }));
    out.insert("thresholds".to_owned(), thresholds.collect());
    Value::Object(out)
}

#[cfg(test)]
mod tests;
