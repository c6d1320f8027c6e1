//! Results: statistics of each window, metadata, forecast.

use serde_json::{Map, Value, json};
use sla_proto::convert;
use sla_proto::result::v1::series_result::Outcome;
use sla_proto::result::v1::{
    Analysis, Forecast, ForecastLine, ForecastSummary, Metadata, SeriesResult, StationarityTest, WindowStatistics,
};
use sla_proto::series::v1::{Series, SeriesKind};

use super::{labels, point, seconds, time, window_key};

/// One object a series, as `sla metrics --json` prints it.
pub(crate) fn series_result(result: &SeriesResult) -> Value {
    let series = result.series.as_ref();
    let mut json = json!({
        "labels": labels(series),
        "source": series.map(|series| series.source.clone()),
        "at": time(result.as_of.as_ref()),
        "kind": match series.map(Series::kind) {
            Some(SeriesKind::Counter) => "counter",
            _ => "gauge",
        },
    });
    if let Some(expression) = series.map(|series| &series.expression).filter(|text| !text.is_empty()) {
        json["expression"] = json!(expression);
    }
    match &result.outcome {
        Some(Outcome::Analysis(analysis)) => fill(&mut json, analysis),
        Some(Outcome::Failure(failure)) => {
            json["failure"] = json!({ "reason": failure.reason, "message": failure.message, "step": failure.step });
        }
        None => {}
    }
    let timings: Vec<_> = result
        .timings
        .iter()
        .map(|timing| json!({ "step": timing.step, "ms": timing.ms, "window_s": seconds(timing.window_ms) }))
        .collect();
    json["timings"] = Value::from(timings);
    json
}

fn fill(json: &mut Value, analysis: &Analysis) {
    json["last"] = point(analysis.last.as_ref());
    json["spacing_s"] = seconds(analysis.spacing_ms);
    json["windows"] = windows(&analysis.windows);
    if let Some(rate) = &analysis.rate {
        json["rate"] = json!({
            "over_s": seconds(rate.over_ms),
            "last": point(analysis.last_rate.as_ref()),
            "windows": windows(&rate.windows),
        });
    }
    json["metadata"] = analysis.metadata.as_ref().map_or(Value::Null, metadata);
    if !analysis.more_metadata.is_empty() {
        json["more_metadata"] = analysis.more_metadata.iter().map(metadata).collect();
    }
    json["forecast"] = analysis.forecast.as_ref().map_or(Value::Null, forecast);
}

fn windows(list: &[WindowStatistics]) -> Value {
    let mut object = Map::new();
    for window in list {
        let figures = json!({
            "n": window.n,
            "n_nan": window.n_nan,
            "mean": window.mean,
            "min": window.min,
            "max": window.max,
            "std": window.std,
            "median": window.median,
            "p95": window.p95,
            "p99": window.p99,
            "spanned_s": seconds(window.spanned_ms),
        });
        object.insert(window_key(window.window_ms), figures);
    }
    Value::Object(object)
}

fn metadata(metadata: &Metadata) -> Value {
    let stationarity = metadata.stationarity.as_ref().map_or(Value::Null, test);
    let autocorrelation = metadata.autocorrelation.as_ref().map_or(
        Value::Null,
        |found| json!({ "acf": found.acf, "band": found.band, "lag_s": seconds(found.lag_ms) }),
    );
    let seasonality = metadata.seasonality.as_ref().map_or(Value::Null, |found| {
        json!({
            "period_s": if found.period_ms == 0 { Value::Null } else { seconds(found.period_ms) },
            "strength": found.strength,
            "pattern": found.pattern,
            "other_periods_s": found.other_periods_ms.iter().map(|&ms| seconds(ms)).collect::<Vec<_>>(),
        })
    });
    json!({
        "window_s": seconds(metadata.window_ms),
        "n": metadata.n,
        "of_rate": metadata.of_rate,
        "stationarity": stationarity,
        "autocorrelation": autocorrelation,
        "seasonality": seasonality,
        "notes": metadata.notes,
    })
}

fn test(test: &StationarityTest) -> Value {
    json!({
        "test": "adf",
        "statistic": test.statistic,
        "p_value": test.p_value,
        "used_lag": test.used_lag,
        "nobs": test.nobs,
        "critical": { "1%": test.critical_1, "5%": test.critical_5, "10%": test.critical_10 },
        "stationary": test.stationary,
    })
}

fn forecast(forecast: &Forecast) -> Value {
    json!({
        "method": forecast.method,
        "step_s": seconds(forecast.step_ms),
        "of_rate": forecast.of_rate,
        "n": forecast.n,
        "mean": line(forecast.mean.as_ref()),
        "max": line(forecast.max.as_ref()),
        "min": line(forecast.min.as_ref()),
        "coming": forecast_summary(convert::forecast_summary(forecast).as_ref()),
        "notes": forecast.notes,
    })
}

/// A forecast in three numbers.
pub(crate) fn forecast_summary(summary: Option<&ForecastSummary>) -> Value {
    summary.map_or(Value::Null, |summary| {
        json!({
            "mean": summary.mean,
            "max": summary.max,
            "min": summary.min,
            "until": time(summary.until.as_ref()),
        })
    })
}

fn line(line: Option<&ForecastLine>) -> Value {
    let Some(line) = line else { return Value::Null };
    line.points
        .iter()
        .map(|point| {
            json!({ "time": time(point.time.as_ref()), "value": point.value, "low": point.low, "high": point.high })
        })
        .collect()
}
