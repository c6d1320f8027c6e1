//! OpenMetrics text (OpenMetrics 1.0.0, "Text format") as far as our own processes write it: one sample a line, without
//! timestamps and exemplars.

use std::collections::BTreeMap;

use sla_domain::Labels;

/// Most lines of one text.
const MAX_LINES: usize = 100_000;
/// What is not taken over: buckets multiply the series, and their sums and counts say how long things took.
const LEFT_OUT: [&str; 2] = ["_bucket", "_created"];

/// A line that is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {rule}")]
pub struct BadText {
    /// Which one, the first is 1.
    pub line: usize,
    /// What it breaks.
    pub rule: &'static str,
}

/// What is declared of a metric.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct About {
    /// `counter` or `gauge`.
    pub kind: String,
    /// One sentence.
    pub help: String,
}

/// A text that was read.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Exposition {
    /// Labels, the name among them, and the value.
    pub series: Vec<(Labels, f64)>,
    /// By the names that the series have.
    pub about: BTreeMap<String, About>,
}

impl Exposition {
    /// Reads a text; each series gets the `further` labels.
    ///
    /// # Errors
    /// [`BadText`]; also for a text that does not end as it should: half of it would look like an end of series.
    pub fn read(text: &str, further: &[(&str, &str)]) -> Result<Self, BadText> {
        let (mut out, mut helps, mut has_ended) = (Self::default(), BTreeMap::new(), false);
        for (at, line) in text.lines().enumerate() {
            let bad = |rule| BadText { line: at + 1, rule };
            if at >= MAX_LINES || has_ended {
                return Err(bad("nothing may follow here"));
            }
            if let Some(words) = line.strip_prefix("# HELP ") {
                let (family, help) = words.split_once(' ').unwrap_or((words, ""));
                helps.insert(family, help);
            } else if let Some(words) = line.strip_prefix("# TYPE ") {
                let (family, kind) = words.split_once(' ').ok_or(bad("a type is missing"))?;
                out.declare(family, kind, helps.get(family).copied().unwrap_or_default());
            } else if line == "# EOF" {
                has_ended = true;
            } else if !line.starts_with('#') {
                let (labels, value) = sample(line, further).map_err(bad)?;
                if !LEFT_OUT.iter().any(|end| labels.metric_name().ends_with(end)) {
                    out.series.push((labels, value));
                }
            }
        }
        if !has_ended {
            let line = text.lines().count();
            return Err(BadText {
                line,
                rule: "the end is missing",
            });
        }
        Ok(out)
    }

    fn declare(&mut self, family: &str, kind: &str, help: &str) {
        let (kind, ends): (_, &[&str]) = match kind {
            "counter" => ("counter", &["_total"]),
            "histogram" => ("counter", &["_count", "_sum"]),
            other => (other, &[""]),
        };
        for end in ends {
            let about = About {
                kind: kind.to_owned(),
                help: help.to_owned(),
            };
            self.about.insert(format!("{family}{end}"), about);
        }
    }
}

/// `name{label="value",…} 1.5`.
fn sample(line: &str, further: &[(&str, &str)]) -> Result<(Labels, f64), &'static str> {
    let end = line.find(['{', ' ']).ok_or("a value is missing")?;
    let (name, mut rest) = line.split_at(end);
    if name.is_empty() {
        return Err("a name is missing");
    }
    let mut pairs = vec![("__name__".to_owned(), name.to_owned())];
    if let Some(inside) = rest.strip_prefix('{') {
        rest = inside;
        while !rest.starts_with('}') {
            let (label, value) = rest.split_once("=\"").ok_or("a label has no value")?;
            let (value, after) = quoted(value)?;
            pairs.push((label.to_owned(), value));
            rest = after.strip_prefix(',').unwrap_or(after);
        }
        rest = &rest[1..];
    }
    let value = rest.strip_prefix(' ').ok_or("a value is missing")?;
    // `+Inf`, `-Inf` and `NaN` are read as well.
    let value = value.parse().map_err(|_| "the value is no number")?;
    pairs.extend(
        further
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned())),
    );
    Ok((Labels::from_pairs(pairs), value))
}

/// The value up to its closing quote, and what follows.
fn quoted(text: &str) -> Result<(String, &str), &'static str> {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Ok((value, &text[at + 1..])),
            '\\' => match characters.next() {
                Some((_, 'n')) => value.push('\n'),
                Some((_, escaped @ ('\\' | '"'))) => value.push(escaped),
                _ => return Err("an escape is unknown"),
            },
            plain => value.push(plain),
        }
    }
    Err("a label does not end")
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# HELP a_calls Calls.\n# TYPE a_calls counter\na_calls_total{code=\"O\\\"K\\n\"} 3\n\
        # TYPE b_seconds histogram\n# UNIT b_seconds seconds\nb_seconds_sum 0.5\nb_seconds_count 2\n\
        b_seconds_bucket{le=\"0.1\"} 1\nb_seconds_bucket{le=\"+Inf\"} 2\n# TYPE c gauge\nc -Inf\n# EOF\n";

    #[test]
    fn what_our_processes_write_is_read() {
        let read = Exposition::read(TEXT, &[("job", "sla")]).unwrap();
        let names: Vec<&str> = read.series.iter().map(|(labels, _)| labels.metric_name()).collect();
        assert_eq!(names, ["a_calls_total", "b_seconds_sum", "b_seconds_count", "c"]);
        let (labels, value) = &read.series[0];
        assert_eq!(
            (labels.get("code"), labels.get("job"), *value),
            (Some("O\"K\n"), Some("sla"), 3.0)
        );
        assert_eq!(read.series[3].1, f64::NEG_INFINITY);
        assert_eq!(read.about["a_calls_total"].help, "Calls.");
        assert_eq!(read.about["b_seconds_count"].kind, "counter");
        assert_eq!(read.about["c"].kind, "gauge");
    }

    #[test]
    fn half_a_text_is_none() {
        for end in 0..TEXT.len() - 1 {
            if TEXT.is_char_boundary(end) {
                assert!(Exposition::read(&TEXT[..end], &[]).is_err(), "{:?}", &TEXT[..end]);
            }
        }
        for garbage in [
            "a{b=\"c} 1\n# EOF",
            "a x\n# EOF",
            " 1\n# EOF",
            "a{b} 1\n# EOF",
            "a 1\n# EOF\na 2",
        ] {
            assert!(Exposition::read(garbage, &[]).is_err(), "{garbage}");
        }
    }
}
