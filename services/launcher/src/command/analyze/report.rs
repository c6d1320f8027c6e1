//! `sla analyze` for people: the same numbers in words, with plots.

use std::fmt::Write as _;

use serde_json::Value;
use sla_domain::{Invalid, SafeText, Unit, duration, instant, likelihood, quantity};

use super::plot;
use crate::command::input::Measured;
use crate::command::table::table;

/// Size of the series' plot, in cells.
const CURVE: (usize, usize) = (66, 9);
/// Size of one season's plot, in cells.
const SEASON: (usize, usize) = (66, 5);
/// Cells of a correlation bar.
const BAR_COLUMNS: usize = 48;
/// Correlations shown.
const SHOWN_LAGS: usize = 24;
/// Level at which a unit root is rejected.
const LEVEL: f64 = 0.05;

/// The report of one series.
pub(super) fn words(series: &Measured, analysis: &Value) -> Result<String, Invalid> {
    let metric = analysis["labels"]["__name__"].as_str().unwrap_or_default();
    let unit = Unit::guess(metric, series.rate_over_ms.is_some());
    let shown = |value: f64| quantity::short(value, unit);
    let mut out = String::new();
    head(&mut out, series);
    out.push_str(&plot::curve(&series.grid()?, CURVE.0, CURVE.1, shown));
    basic(&mut out, &analysis["basic"], &shown);
    stationarity(&mut out, &analysis["adf"]["c_AIC"]);
    correlation(&mut out, &analysis["acf"], series.step_ms);
    season(&mut out, analysis, &shown);
    expected(&mut out, analysis, &shown);
    chance(&mut out, analysis, series.step_ms, &shown);
    Ok(out)
}

fn head(out: &mut String, series: &Measured) {
    let _ = writeln!(out, "{}", SafeText::new(&series.name));
    let _ = write!(
        out,
        "{} samples every {}",
        series.samples.len(),
        duration::format_ms(series.step_ms)
    );
    if let (Some(first), Some(last), true) = (
        series.samples.times_ms.first(),
        series.samples.times_ms.last(),
        series.labels.is_some(),
    ) {
        let _ = write!(out, ", {} to {}", instant::format_ms(*first), instant::format_ms(*last));
    }
    if let Some(over_ms) = series.rate_over_ms {
        let _ = write!(out, ", a counter: its rate over {}", duration::format_ms(over_ms));
    }
    out.push_str("\n\n");
}

/// A number, or a dash.
fn text(value: &Value, shown: &impl Fn(f64) -> String) -> String {
    value.as_f64().map_or_else(|| "–".to_owned(), shown)
}

/// The reason why a part does not exist.
fn reason(part: &Value) -> Option<&str> {
    part["degenerate"].as_str()
}

fn basic(out: &mut String, basic: &Value, shown: &impl Fn(f64) -> String) {
    out.push_str("\nSTATISTICS\n");
    if let Some(reason) = reason(basic) {
        let _ = writeln!(out, "  none: {reason}");
        return;
    }
    let quantiles = &basic["quantiles_linear"];
    for (name, value) in [
        ("min", &basic["min"]),
        ("mean", &basic["mean"]),
        ("max", &basic["max"]),
        ("std", &basic["std_ddof1"]),
        ("median", &quantiles["0.5"]),
        ("p95", &quantiles["0.95"]),
        ("p99", &quantiles["0.99"]),
    ] {
        let _ = write!(out, "  {name} {}", text(value, shown));
    }
    out.push('\n');
    let odd = basic["n"].as_u64().unwrap_or(0) - basic["n_finite"].as_u64().unwrap_or(0);
    if odd > 0 {
        let _ = writeln!(out, "  {odd} samples are NaN or infinite and left out");
    }
}

fn stationarity(out: &mut String, test: &Value) {
    out.push_str("\nSTATIONARITY (augmented Dickey–Fuller, constant, lag by AIC)\n");
    if let Some(reason) = reason(test) {
        let _ = writeln!(out, "  unknown: {reason}");
        return;
    }
    let number = |key: &str| test[key].as_f64().unwrap_or(f64::NAN);
    let word = if number("pvalue") < LEVEL {
        "stationary: it returns to its mean"
    } else {
        "not shown to be stationary: it may drift"
    };
    let _ = writeln!(
        out,
        "  {word} (statistic {:.3}, p {:.4}, 5 % at {:.3}, {} lags, {} observations)",
        number("stat"),
        number("pvalue"),
        test["crit"]["5%"].as_f64().unwrap_or(f64::NAN),
        test["usedlag"],
        test["nobs"],
    );
}

fn correlation(out: &mut String, acf: &Value, step_ms: i64) {
    out.push_str("\nAUTOCORRELATION (┊ 95 % band of no correlation, Bartlett)\n");
    if let Some(reason) = reason(acf) {
        let _ = writeln!(out, "  unknown: {reason}");
        return;
    }
    let values = acf["acf_40_direct"].as_array().map(Vec::as_slice).unwrap_or_default();
    let highs = acf["bartlett_ci_hi"].as_array().map(Vec::as_slice).unwrap_or_default();
    for (lag, (value, high)) in values.iter().zip(highs).enumerate().skip(1).take(SHOWN_LAGS) {
        let (value, high) = (value.as_f64().unwrap_or(0.0), high.as_f64().unwrap_or(0.0));
        let after = duration::format_short_ms(lag as i64 * step_ms);
        let _ = writeln!(
            out,
            "  {after:>8} {value:>6.2} {}",
            plot::bar(value, high - value, BAR_COLUMNS)
        );
    }
}

fn season(out: &mut String, analysis: &Value, shown: &impl Fn(f64) -> String) {
    out.push_str("\nSEASON\n");
    let found = &analysis["seasonality"];
    if let Some(reason) = reason(found) {
        let _ = writeln!(out, "  unknown: {reason}");
        return;
    }
    let Some(strongest) = found.get(0) else {
        out.push_str("  none between a minute and a day that the data reach\n");
        return;
    };
    let period_ms = (strongest["period_s"].as_f64().unwrap_or(0.0) * 1000.0).round() as i64;
    let _ = writeln!(
        out,
        "  every {} ({} steps), strength {:.2}; one season above and below the trend:",
        duration::format_ms(period_ms),
        strongest["period"],
        strongest["strength"].as_f64().unwrap_or(0.0),
    );
    let all = analysis["decompose"].as_array().map(Vec::as_slice).unwrap_or_default();
    if let Some(one) = all.iter().find(|one| one["period"] == strongest["period"]) {
        let season: Vec<f64> = numbers(&one["seasonal_one_period"]);
        out.push_str(&plot::curve(&season, SEASON.0, SEASON.1, shown));
    }
}

fn numbers(list: &Value) -> Vec<f64> {
    list.as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_f64)
        .collect()
}

fn expected(out: &mut String, analysis: &Value, shown: &impl Fn(f64) -> String) {
    out.push_str("\nEXPECTED (last step of each forecast, 95 % interval)\n");
    let head = ["MODEL", "END>", "FROM>", "TO>", "PARAMETERS"];
    let mut rows = Vec::new();
    for (key, one) in analysis["holt_winters"].as_object().into_iter().flatten() {
        let name = format!("Holt–Winters {key}");
        if let Some(reason) = reason(one) {
            rows.push(vec![name, "–".into(), "–".into(), "–".into(), reason.to_owned()]);
            continue;
        }
        let (ends, errors) = (numbers(&one["forecast"]), numbers(&one["se"]));
        let parameters = format!(
            "α {:.3} β* {:.3} γ {:.3}",
            one["alpha"].as_f64().unwrap_or(0.0),
            one["beta_star"].as_f64().unwrap_or(0.0),
            one["gamma"].as_f64().unwrap_or(0.0),
        );
        rows.push(interval(name, ends.last(), errors.last(), parameters, shown));
    }
    for one in analysis["arima"].as_array().into_iter().flatten() {
        let order: Vec<String> = one["order"]
            .as_array()
            .into_iter()
            .flatten()
            .map(Value::to_string)
            .collect();
        let name = format!("ARIMA({})", order.join(","));
        if let Some(reason) = reason(one) {
            rows.push(vec![name, "–".into(), "–".into(), "–".into(), reason.to_owned()]);
            continue;
        }
        let names = one["names"].as_array().into_iter().flatten().filter_map(Value::as_str);
        let pairs: Vec<String> = names
            .zip(numbers(&one["params"]))
            .map(|(name, value)| format!("{name} {}", quantity::short(value, Unit::PLAIN)))
            .collect();
        let (ends, errors) = (numbers(&one["forecast"]), numbers(&one["se"]));
        rows.push(interval(name, ends.last(), errors.last(), pairs.join(" "), shown));
    }
    out.push_str(&table(&head, &rows));
}

fn interval(
    name: String,
    end: Option<&f64>,
    error: Option<&f64>,
    parameters: String,
    shown: &impl Fn(f64) -> String,
) -> Vec<String> {
    let half = sla_analysis::normal::quantile(0.975) * error.copied().unwrap_or(f64::NAN);
    let end = end.copied().unwrap_or(f64::NAN);
    vec![name, shown(end), shown(end - half), shown(end + half), parameters]
}

fn chance(out: &mut String, analysis: &Value, step_ms: i64, shown: &impl Fn(f64) -> String) {
    let forecast = &analysis["forecast"];
    out.push_str("\nCHANCE THAT A SAMPLE LEAVES ITS USUAL RANGE (5th to 95th percentile of this history)\n");
    if let Some(reason) = reason(forecast) {
        let _ = writeln!(out, "  unknown: {reason}");
        return;
    }
    let bounds: Vec<f64> = forecast["thresholds"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|one| one["value"].as_f64())
        .collect();
    for steps in forecast["horizons"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_u64)
    {
        let within = duration::format_ms(steps as i64 * step_ms);
        let p = numbers(&forecast["p"][steps.to_string()]);
        if let ([low, high], [below, above]) = (bounds.as_slice(), p.as_slice()) {
            let _ = writeln!(
                out,
                "  within {within}: below {} {}, above {} {}",
                shown(*low),
                percent(*below, forecast),
                shown(*high),
                percent(*above, forecast),
            );
        }
    }
    let _ = writeln!(out, "  {}", forecast["method"].as_str().unwrap_or_default());
    if forecast["low_confidence"] == true {
        out.push_str("  low confidence: too little history, or nothing ever changed\n");
    }
}

/// No more digits than are known.
fn percent(p: f64, forecast: &Value) -> String {
    if forecast["low_confidence"] == true {
        likelihood::coarse(p)
    } else {
        likelihood::fine(p)
    }
}
