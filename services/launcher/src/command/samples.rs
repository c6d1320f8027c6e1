//! Samples and values from files: `timestamp,value` lines, or JSON arrays. Every refused line is named.

use std::io::Read as _;
use std::path::Path;

use color_eyre::eyre::Report;
use serde_json::Value;
use sla_domain::sample::STALE_NAN_BITS;
use sla_domain::{Invalid, Samples, instant};

/// The largest file read, in bytes.
const MAX_FILE_BYTES: u64 = 256 << 20;
/// What stands between the columns of a CSV file.
const SEPARATORS: [char; 3] = [',', ';', '\t'];

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
    let read = if path.as_os_str() == "-" {
        std::io::stdin().lock().take(MAX_FILE_BYTES).read_to_string(&mut text)
    } else {
        std::fs::File::open(path).and_then(|file| file.take(MAX_FILE_BYTES).read_to_string(&mut text))
    };
    read.map_err(|error| {
        let rule = format!("cannot be read as text: {error}");
        Invalid::new("file", &path.display().to_string(), rule, "give a readable text file")
    })?;
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
/// skipped; the value `stale` is Prometheus' marker of a series that ended. Lines may come in any order; of equal timestamps the last stays.
pub(crate) fn read_csv(path: &Path) -> Result<Samples, Report> {
    Ok(parse_csv(&read_text(path)?)?)
}

fn parse_csv(text: &str) -> Result<Samples, Invalid> {
    let (mut times, mut values) = (Vec::new(), Vec::new());
    let mut first = true;
    for (at, line) in text.lines().enumerate() {
        let line = line.trim().trim_start_matches('\u{feff}');
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let parsed = line.split_once(SEPARATORS).and_then(|(time, rest)| {
            let value = rest.split(SEPARATORS).next().unwrap_or("");
            Some((instant::parse_ms(unquoted(time)).ok()?, csv_value(unquoted(value))?))
        });
        match parsed {
            Some((time, value)) => {
                times.push(time);
                values.push(value);
            }
            None if first && is_header(line) => {}
            None => {
                return Err(Invalid::new(
                    format!("line {}", at + 1),
                    line,
                    "is not timestamp,value",
                    "give Unix seconds, milliseconds or RFC 3339, a comma, and a number",
                ));
            }
        }
        first = false;
    }
    Ok(Samples::from_columns(times, values))
}

/// A head begins with a word; a first line that begins like a time and cannot be read is a mistake.
fn is_header(line: &str) -> bool {
    unquoted(line).starts_with(|c: char| c.is_alphabetic() || c == '_')
}

fn unquoted(text: &str) -> &str {
    text.trim().trim_matches('"').trim()
}

fn csv_value(text: &str) -> Option<f64> {
    match text.to_ascii_lowercase().as_str() {
        // An empty field is a sample without a value: it is counted as such, not skipped.
        "" => Some(f64::NAN),
        // Prometheus' marker of a series that ended: a gap starts at once.
        "stale" | "stalenan" => Some(f64::from_bits(STALE_NAN_BITS)),
        number => number.parse().ok(),
    }
}

/// Values of a JSON file: an array of numbers ("nan", "inf" and "-inf" allowed), or an object with `values` and
/// `step_seconds`.
pub(crate) fn read_values(path: &Path) -> Result<Values, Report> {
    let text = read_text(path)?;
    let json: Value = serde_json::from_str(&text).map_err(|error| {
        let rule = format!("is not JSON: {error}");
        Invalid::new("file", &path.display().to_string(), rule, "give an array of numbers")
    })?;
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
        for text in [
            "1,0x10\n2,3\n",
            "0,1\n15\n",
            "17\n",
            "a,b\nc,d\n",
            "1e17,2\n",
            "nan,2\n",
        ] {
            let error = parse_csv(text).map(|samples| samples.values);
            assert!(error.is_err() || text.starts_with("nan"), "{text}: {error:?}");
        }
        assert!(parse_csv("0,1\n1700000000000000000,2\n").is_err(), "nanoseconds");
        let ended = parse_csv("# since noon\r\n\r\n\"time\";\"value\"\r\n0;1\r\n15;stale\r\n").unwrap();
        assert!(sla_domain::is_stale(ended.values[1]));
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
