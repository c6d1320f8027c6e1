//! Samples and values from files: `timestamp,value` lines, or JSON arrays. Every refused line is named.

use std::io::Read as _;
use std::path::Path;

use color_eyre::eyre::{Report, WrapErr as _};
use serde_json::Value;
use sla_domain::{Invalid, Samples, instant};

/// The largest file read, in bytes.
const MAX_FILE_BYTES: u64 = 256 << 20;
/// Numbers above this are Unix milliseconds, below it seconds.
const MILLISECONDS_ABOVE: f64 = 1e11;

/// Values of a JSON file and their distance where it says so.
pub(crate) struct Values {
    /// One value a step; NaN and infinities are kept.
    pub(crate) values: Vec<f64>,
    /// Distance in seconds.
    pub(crate) step_seconds: Option<f64>,
}

/// The text of a file; `-` is stdin.
pub(crate) fn read_text(path: &Path) -> Result<String, Report> {
    let mut text = String::new();
    if path.as_os_str() == "-" {
        std::io::stdin()
            .lock()
            .take(MAX_FILE_BYTES)
            .read_to_string(&mut text)
            .wrap_err("cannot read stdin as text")?;
    } else {
        let file = std::fs::File::open(path).wrap_err_with(|| format!("cannot open {}", path.display()))?;
        file.take(MAX_FILE_BYTES)
            .read_to_string(&mut text)
            .wrap_err_with(|| format!("cannot read {} as text", path.display()))?;
    }
    if text.len() as u64 == MAX_FILE_BYTES {
        return Err(Invalid::new(
            "file",
            &path.display().to_string(),
            format!("is larger than {} MiB", MAX_FILE_BYTES >> 20),
            "give a smaller part of it",
        )
        .into());
    }
    Ok(text)
}

/// Samples of a CSV file: `timestamp,value` with Unix seconds, milliseconds above 1e11, or RFC 3339; a header line is
/// skipped. Lines may come in any order; of equal timestamps the last stays.
pub(crate) fn read_csv(path: &Path) -> Result<Samples, Report> {
    Ok(parse_csv(&read_text(path)?)?)
}

fn parse_csv(text: &str) -> Result<Samples, Invalid> {
    let (mut times, mut values) = (Vec::new(), Vec::new());
    for (at, line) in text.lines().enumerate() {
        let line = line.trim().trim_start_matches('\u{feff}');
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (time, value) = line
            .split_once([',', ';', '\t'])
            .map_or((line, ""), |(time, rest)| (time, rest));
        let value = value.split([',', ';', '\t']).next().unwrap_or("");
        match (csv_time(time), csv_value(value)) {
            (Some(time), Some(value)) => {
                times.push(time);
                values.push(value);
            }
            // The first line may be a header.
            _ if times.is_empty() && at == first_line(text) => {}
            _ => {
                return Err(Invalid::new(
                    format!("line {}", at + 1),
                    line,
                    "is not timestamp,value",
                    "give Unix seconds, milliseconds or RFC 3339, a comma, and a number",
                ));
            }
        }
    }
    Ok(Samples::from_columns(times, values))
}

/// The index of the first line that is neither empty nor a comment.
fn first_line(text: &str) -> usize {
    text.lines()
        .position(|line| {
            let line = line.trim().trim_start_matches('\u{feff}');
            !line.is_empty() && !line.starts_with('#')
        })
        .unwrap_or(0)
}

fn csv_time(text: &str) -> Option<i64> {
    let text = text.trim().trim_matches('"');
    match text.parse::<f64>() {
        Ok(number) if !number.is_finite() => None,
        Ok(number) if number.abs() > MILLISECONDS_ABOVE => Some(number.round() as i64),
        Ok(number) => Some((number * 1000.0).round() as i64),
        Err(_) => instant::parse_ms(text).ok(),
    }
}

fn csv_value(text: &str) -> Option<f64> {
    let text = text.trim().trim_matches('"');
    // An empty field is a sample without a value: it is counted as such, not skipped.
    if text.is_empty() {
        Some(f64::NAN)
    } else {
        text.parse().ok()
    }
}

/// Values of a JSON file: an array of numbers ("nan", "inf" and "-inf" allowed), or an object with `values` and
/// `step_seconds`.
pub(crate) fn read_values(path: &Path) -> Result<Values, Report> {
    let text = read_text(path)?;
    let json: Value = serde_json::from_str(&text).wrap_err_with(|| format!("{} is not JSON", path.display()))?;
    Ok(parse_values(&json)?)
}

fn parse_values(json: &Value) -> Result<Values, Invalid> {
    let (list, step_seconds) = match json {
        Value::Object(object) => (object.get("values"), object.get("step_seconds").and_then(Value::as_f64)),
        other => (Some(other), None),
    };
    let Some(list) = list.and_then(Value::as_array) else {
        return Err(Invalid::new(
            "values",
            "",
            "must be an array of numbers",
            "give [1, 2, …] or {\"values\": […]}",
        ));
    };
    let mut values = Vec::with_capacity(list.len());
    for (at, value) in list.iter().enumerate() {
        values.push(number(value).ok_or_else(|| {
            Invalid::new(
                format!("values[{at}]"),
                &value.to_string(),
                "must be a number",
                "or \"nan\", \"inf\", \"-inf\"",
            )
        })?);
    }
    Ok(Values { values, step_seconds })
}

/// A number of a JSON document, with the words for those JSON has no form for.
pub(crate) fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::Null => Some(f64::NAN),
        Value::String(word) => match word.to_ascii_lowercase().as_str() {
            "nan" => Some(f64::NAN),
            "inf" | "+inf" => Some(f64::INFINITY),
            "-inf" => Some(f64::NEG_INFINITY),
            _ => None,
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn csv_times_come_in_three_forms_and_a_header_is_skipped() {
        let text = "time,value\n1700000000,1\n1700000015000,2\n2023-11-14T22:13:50Z,3\n";
        let samples = parse_csv(text).unwrap();
        assert_eq!(
            samples.times_ms,
            [1_700_000_000_000, 1_700_000_015_000, 1_700_000_030_000]
        );
        assert_eq!(samples.values, [1.0, 2.0, 3.0]);
    }

    #[test]
    fn a_wrong_line_is_named() {
        let error = parse_csv("0,1\n15,2\nhello\n").unwrap_err();
        assert_eq!(error.field, "line 3");
        assert!(parse_csv("0,1\n15,x\n").is_err(), "a header stands first only");
    }

    #[test]
    fn json_values_know_what_json_does_not() {
        let json = serde_json::json!({ "values": [1, "nan", "-inf"], "step_seconds": 15 });
        let values = parse_values(&json).unwrap();
        assert_eq!(values.step_seconds, Some(15.0));
        assert!(values.values[1].is_nan() && values.values[2] == f64::NEG_INFINITY);
        assert!(parse_values(&serde_json::json!([1, "x"])).is_err());
    }
}
