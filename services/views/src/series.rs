//! Series, values at times, and the source they come from.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;
use sla_proto::series::v1 as wire;

use crate::value::{Seconds, Time, time, word};

/// Label → value, with `__name__`.
pub type Labels = BTreeMap<String, String>;

/// The labels of a series; none of an unknown one.
pub fn labels(series: Option<&wire::Series>) -> Labels {
    let labels = series.map(|series| series.labels.as_slice()).unwrap_or_default();
    labels
        .iter()
        .map(|label| (label.name.clone(), label.value.clone()))
        .collect()
}

/// A value at a time.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Point {
    /// When.
    pub time: Option<Time>,
    /// Null where it is no number.
    #[schemars(with = "Option<f64>")]
    pub value: f64,
}

impl From<&wire::Point> for Point {
    fn from(point: &wire::Point) -> Self {
        Self {
            time: time(point.time.as_ref()),
            value: point.value,
        }
    }
}

/// Which series it is.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Series {
    /// Its fingerprint, in hexadecimal digits.
    pub id: String,
    /// Name of the metric source.
    pub source: String,
    /// Label → value, with `__name__`.
    pub labels: Labels,
    /// Only for results of a PromQL expression.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expression: Option<String>,
    /// `gauge` or `counter`.
    pub kind: &'static str,
}

impl From<&wire::Series> for Series {
    fn from(series: &wire::Series) -> Self {
        Self {
            id: hex(&series.id),
            source: series.source.clone(),
            labels: labels(Some(series)),
            expression: word(&series.expression),
            kind: kind(Some(series)),
        }
    }
}

/// Whether a series only grows.
pub(crate) fn kind(series: Option<&wire::Series>) -> &'static str {
    match series.map(wire::Series::kind) {
        Some(wire::SeriesKind::Counter) => "counter",
        _ => "gauge",
    }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// How the metric source does.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Source {
    /// Its name.
    pub name: String,
    /// Without user info.
    pub address: String,
    /// As the server tells it.
    pub version: String,
    /// `chunks`, `samples`, `instant`, `range` or `replay`: how raw samples are read.
    pub way: String,
    /// When it was last read.
    pub last_success: Option<Time>,
    /// Null while all is well.
    pub problem: Option<String>,
    /// At which layer it fails; words as for `cause` of `evaluate`.
    pub cause: Option<String>,
    /// What to do.
    pub hint: Option<String>,
    /// The address it has moved to.
    pub redirect_to: Option<String>,
    /// The server's clock minus this machine's, by its last five answers; null while none has told.
    pub clock_offset_s: Option<Seconds>,
    /// Null while the clocks agree to 5 s; else samples are read at the server's time.
    pub clock_notice: Option<String>,
    /// The labelled demo.
    pub demo: bool,
    /// Of the server beside its answers, until the same question is answered without.
    pub warnings: Vec<String>,
}

impl From<&wire::SourceStatus> for Source {
    fn from(status: &wire::SourceStatus) -> Self {
        Self {
            name: status.source.clone(),
            address: status.address.clone(),
            version: status.version.clone(),
            way: status.way.clone(),
            last_success: time(status.last_success.as_ref()),
            problem: word(&status.problem),
            cause: word(&status.problem_cause),
            hint: word(&status.problem_hint),
            redirect_to: word(&status.redirect_to),
            clock_offset_s: status.clock_offset_ms.map(Seconds),
            clock_notice: word(&status.clock_notice),
            demo: status.demo,
            warnings: status.warnings.clone(),
        }
    }
}
