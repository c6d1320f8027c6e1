//! Texts and JSON arrays of values from files.

use std::io::Read as _;
use std::path::Path;

use color_eyre::eyre::Report;
use serde_json::Value;
use sla_domain::Invalid;
use sla_views::{Unread, read_json};

/// The largest file read, in bytes.
const MAX_FILE_BYTES: u64 = 256 << 20;

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

/// Values of a JSON file: an array of numbers ("nan", "inf" and "-inf" allowed), or an object with `values` and
/// `step_seconds`.
pub(crate) fn read_values(path: &Path) -> Result<Values, Report> {
    let text = read_text(path)?;
    let json = read_json(text.as_bytes()).map_err(|error| match error {
        Unread::Twice(name) => Invalid::new(name, "", "stands twice in one object", "write it once"),
        Unread::Syntax(error) => {
            let rule = format!("is not JSON: {error}");
            Invalid::new("file", &path.display().to_string(), rule, "give an array of numbers")
        }
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
    fn json_values_know_what_json_does_not() {
        let json = serde_json::json!({ "values": [1, "nan", "-inf"], "step_seconds": 15 });
        let values = parse_values(&json).unwrap();
        assert_eq!(values.step_seconds, Some(15.0));
        assert!(values.values[1].is_nan() && values.values[2] == f64::NEG_INFINITY);
        assert!(parse_values(&serde_json::json!([1, "x"])).is_err());
    }
}
