//! The JSON answers of the HTTP API. Source: prometheus.io/docs/prometheus/latest/querying/api.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashSet};
use std::fmt;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeSeed, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use sla_domain::{Labels, Samples};

use super::answer::Answer;
use crate::error::{SourceError, excerpt};
use crate::limits::{MAX_ANSWER_SERIES, MAX_LABELS, MAX_LABELS_BYTES, MAX_PLAIN_SAMPLES, MAX_SERIES_SAMPLES};

/// What an API error says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refused {
    /// `errorType`, for example `bad_data`.
    pub(super) kind: String,
    /// `error`.
    pub(super) message: String,
}

/// The API's own error in `body`, if it is one.
pub(super) fn refused(body: &[u8]) -> Option<Refused> {
    #[derive(Deserialize)]
    struct Wire {
        status: String,
        #[serde(rename = "errorType", default)]
        kind: String,
        #[serde(default)]
        error: String,
    }
    let wire: Wire = serde_json::from_slice(body).ok()?;
    (wire.status == "error").then_some(Refused {
        kind: wire.kind,
        message: wire.error,
    })
}

/// The place `message` complains about, as a 0-based count of characters in `query`. Prometheus writes
/// `… 1:5: parse error: …` with 1-based line and column (column in characters).
pub(super) fn position(message: &str, query: &str) -> Option<usize> {
    let before = &message[..message.find(": parse error")?];
    let place = before.rsplit([' ', '"']).next()?;
    let (line, column) = place.split_once(':')?;
    let (line, column): (usize, usize) = (line.parse().ok()?, column.parse().ok()?);
    let start: usize = query
        .split('\n')
        .take(line.checked_sub(1)?)
        .map(|text| text.chars().count() + 1)
        .sum();
    let at = start + column.checked_sub(1)?;
    (at <= query.chars().count()).then_some(at)
}

/// A success with its `data`, and the server's warnings and infos.
#[derive(Debug)]
pub(super) struct Success<T> {
    pub(super) data: T,
    pub(super) warnings: Vec<String>,
    /// Whether there are statistics beside the data, as VictoriaMetrics writes them; Prometheus has them inside.
    pub(super) has_stats: bool,
}

#[derive(Deserialize)]
struct Envelope<'a, T> {
    #[serde(borrow)]
    status: Cow<'a, str>,
    data: Option<T>,
    // An empty list of Go is null.
    warnings: Option<Vec<String>>,
    infos: Option<Vec<String>>,
    stats: Option<IgnoredAny>,
}

/// Takes an answer apart. Anything but JSON of the API's shape is an error that shows how the answer starts.
pub(super) fn success<'a, T: Deserialize<'a>>(answer: &'a Answer) -> Result<Success<T>, SourceError> {
    let start = answer.body.iter().find(|byte| !byte.is_ascii_whitespace());
    if start != Some(&b'{') {
        let start = String::from_utf8_lossy(&answer.body[..answer.body.len().min(600)]);
        let saw = excerpt(&answer.secrets.take_out(&start));
        return Err(SourceError::NotPrometheus {
            tried: answer.tried.clone(),
            saw: if saw.is_empty() {
                "nothing".into()
            } else {
                format!("`{saw}`")
            },
        });
    }
    let wire: Envelope<'a, T> = serde_json::from_slice(&answer.body).map_err(|cause| SourceError::Decode {
        tried: answer.tried.clone(),
        what: format!("JSON at line {} column {}", cause.line(), cause.column()),
        cause: Some(Arc::new(cause)),
    })?;
    if wire.status != "success" {
        return Err(SourceError::decode(&answer.tried, "its status is not `success`"));
    }
    let Some(data) = wire.data else {
        return Err(SourceError::decode(&answer.tried, "it has no data"));
    };
    let mut warnings = wire.warnings.unwrap_or_default();
    warnings.extend(wire.infos.unwrap_or_default());
    for text in &mut warnings {
        *text = excerpt(&answer.secrets.take_out(text));
    }
    Ok(Success {
        data,
        warnings,
        has_stats: wire.stats.is_some(),
    })
}

/// Refuses an answer with more samples than fit, before it is decoded: each ends with a quote and a bracket.
pub(super) fn room(answer: &Answer) -> Result<(), SourceError> {
    let found = answer.body.windows(2).filter(|pair| pair == b"\"]").count() as u64;
    if found <= MAX_PLAIN_SAMPLES {
        return Ok(());
    }
    Err(SourceError::TooManySamples {
        tried: answer.tried.clone(),
        found,
        limit: MAX_PLAIN_SAMPLES,
    })
}

/// A series of the answer to `tried` that has `found` samples, more than one may have.
pub(super) fn too_dense(tried: &str, found: u64) -> SourceError {
    SourceError::TooManySamples {
        tried: tried.to_owned(),
        found,
        limit: MAX_SERIES_SAMPLES,
    }
}

/// A list of label sets: the first [`MAX_ANSWER_SERIES`], and how many there are.
pub(super) struct SeriesList {
    pub(super) series: Vec<Labels>,
    /// Fingerprints of the sets that are too large.
    pub(super) long: BTreeSet<u64>,
    pub(super) count: usize,
}

impl<'de> Deserialize<'de> for SeriesList {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct List;
        impl<'de> Visitor<'de> for List {
            type Value = SeriesList;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of label sets")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<SeriesList, A::Error> {
                let (mut series, mut long, mut count) = (Vec::new(), BTreeSet::new(), 0);
                while count < MAX_ANSWER_SERIES {
                    match list.next_element()? {
                        Some(WireLabels(Ok(labels))) => series.push(labels),
                        Some(WireLabels(Err(fingerprint))) => {
                            long.insert(fingerprint);
                        }
                        None => break,
                    }
                    count += 1;
                }
                while list.next_element::<IgnoredAny>()?.is_some() {
                    count += 1;
                }
                Ok(SeriesList { series, long, count })
            }
        }
        deserializer.deserialize_seq(List)
    }
}

/// A label set, or a fingerprint of one that is larger than what is taken: it is counted and told, and the rest of the answer
/// is read.
struct WireLabels(Result<Labels, u64>);

impl<'de> Deserialize<'de> for WireLabels {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Pairs;
        impl<'de> Visitor<'de> for Pairs {
            type Value = Result<Labels, u64>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map of label names to values")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut pairs: Vec<(String, String)> = Vec::new();
                let mut size = 0;
                while let Some((name, value)) = map.next_entry::<String, String>()? {
                    size += name.len() + value.len();
                    pairs.push((name, value));
                    if size > MAX_LABELS_BYTES || pairs.len() > MAX_LABELS {
                        return fingerprint(pairs, map).map(Err);
                    }
                }
                Ok(Ok(Labels::from_pairs(pairs)))
            }
        }
        deserializer.deserialize_map(Pairs).map(Self)
    }
}

/// Of a set whose first `pairs` are more than is taken: nothing is kept of it.
fn fingerprint<'de, A: MapAccess<'de>>(pairs: Vec<(String, String)>, mut rest: A) -> Result<u64, A::Error> {
    let mut hasher = DefaultHasher::new();
    pairs.hash(&mut hasher);
    drop(pairs);
    while let Some(pair) = rest.next_entry::<String, String>()? {
        pair.hash(&mut hasher);
    }
    Ok(hasher.finish())
}

/// A number as the API writes it: text, with `NaN`, `+Inf`, `-Inf`.
struct WireValue(f64);

impl<'de> Deserialize<'de> for WireValue {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = f64;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number in quotes")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<f64, E> {
                text.parse().map_err(|_| E::custom("not a number"))
            }
        }
        deserializer.deserialize_str(Text).map(Self)
    }
}

/// Unix seconds as a JSON number, to milliseconds.
fn milliseconds(seconds: f64) -> Option<i64> {
    // 2^53 ms is the year 287396.
    let ms = (seconds * 1000.0).round();
    (ms.abs() < 9e15).then_some(ms as i64)
}

/// One `[seconds, "value"]`.
pub(super) struct WirePoint(pub(super) i64, pub(super) f64);

impl<'de> Deserialize<'de> for WirePoint {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (seconds, value): (f64, WireValue) = Deserialize::deserialize(deserializer)?;
        let time = milliseconds(seconds).ok_or_else(|| D::Error::custom("time out of range"))?;
        Ok(Self(time, value.0))
    }
}

/// `[[seconds, "value"], …]`, straight into columns.
#[derive(Default)]
struct WireColumns(Samples);

impl<'de> Deserialize<'de> for WireColumns {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Columns;
        impl<'de> Visitor<'de> for Columns {
            type Value = Samples;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of [seconds, \"value\"]")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Samples, A::Error> {
                let mut out = Samples::default();
                while let Some(WirePoint(time, value)) = list.next_element()? {
                    out.times_ms.push(time);
                    out.values.push(value);
                }
                Ok(Samples::from_columns(out.times_ms, out.values))
            }
        }
        deserializer.deserialize_seq(Columns).map(Self)
    }
}

/// One result series.
pub(super) struct ResultSeries {
    pub(super) labels: Labels,
    /// The matrix' values, or the vector's one.
    pub(super) samples: Samples,
    /// Whether it carries native histograms, which are left out.
    pub(super) has_histograms: bool,
}

/// One result series, or the fingerprint of its labels where they are too large.
struct WireSeries(Result<ResultSeries, u64>);

impl<'de> Deserialize<'de> for WireSeries {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Wire {
            metric: WireLabels,
            #[serde(default)]
            values: WireColumns,
            value: Option<WirePoint>,
            histograms: Option<IgnoredAny>,
            histogram: Option<IgnoredAny>,
        }
        let wire = Wire::deserialize(deserializer)?;
        let mut samples = wire.values.0;
        if let Some(WirePoint(time, value)) = wire.value {
            samples.push(time, value);
        }
        let has_histograms = wire.histograms.is_some() || wire.histogram.is_some();
        Ok(Self(wire.metric.0.map(|labels| ResultSeries {
            labels,
            samples,
            has_histograms,
        })))
    }
}

/// `data` of query and query_range. A scalar result becomes one series without labels.
#[derive(Default)]
pub(super) struct QueryData {
    pub(super) series: Vec<ResultSeries>,
    /// Fingerprints of the label sets that are too large.
    pub(super) long: BTreeSet<u64>,
    /// Series that came more than once: which copy is the right one cannot be told, so none is in `series`.
    pub(super) twice: BTreeSet<Labels>,
}

impl QueryData {
    /// Takes out what came more than once.
    fn set_apart(&mut self) {
        let mut seen = HashSet::with_capacity(self.series.len());
        let again = self.series.iter().filter(|one| !seen.insert(&one.labels));
        let twice: BTreeSet<Labels> = again.map(|one| one.labels.clone()).collect();
        if !twice.is_empty() {
            self.series.retain(|one| !twice.contains(&one.labels));
        }
        self.twice = twice;
    }

    /// For answers that make sense as a whole only: that nothing came twice.
    pub(super) fn each_once(self, tried: &str) -> Result<Self, SourceError> {
        match self.twice.first() {
            None => Ok(self),
            Some(labels) => Err(twice(tried, labels)),
        }
    }
}

/// A series that the answer to `tried` holds more than once.
pub(super) fn twice(tried: &str, labels: &Labels) -> SourceError {
    let series = excerpt(&labels.to_string());
    SourceError::decode(tried, format!("the series {series} is in it more than once"))
}

impl<'de> Deserialize<'de> for QueryData {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Data;
        impl<'de> Visitor<'de> for Data {
            type Value = QueryData;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("resultType and result")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<QueryData, A::Error> {
                // In whatever order: objects have none (RFC 8259, section 4).
                let (mut kind, mut result) = (None::<String>, None::<WireResult>);
                while let Some(key) = map.next_key::<Cow<'de, str>>()? {
                    match &*key {
                        "resultType" => kind = Some(map.next_value()?),
                        "result" => result = Some(map.next_value()?),
                        _ => {
                            map.next_value_seed(Skip)?;
                        }
                    }
                }
                let kind = kind.ok_or_else(|| A::Error::missing_field("resultType"))?;
                let result = result.ok_or_else(|| A::Error::missing_field("result"))?;
                result.of_kind(&kind).map_err(A::Error::custom)
            }
        }
        deserializer.deserialize_map(Data)
    }
}

/// What stands under `result`, whatever `resultType` says: series, at most [`MAX_ANSWER_SERIES`], or a time and a text.
#[derive(Default)]
struct WireResult {
    data: QueryData,
    pair: (Option<f64>, Option<String>),
}

impl WireResult {
    fn of_kind(self, kind: &str) -> Result<QueryData, &'static str> {
        match (kind, self.pair) {
            ("matrix" | "vector", (None, None)) => Ok(self.data),
            ("string", (Some(_), Some(_))) => Ok(QueryData::default()),
            ("scalar", (Some(seconds), Some(text))) => {
                let time = milliseconds(seconds).ok_or("time out of range")?;
                let value = text.parse().map_err(|_| "not a number")?;
                Ok(QueryData {
                    series: vec![ResultSeries {
                        labels: Labels::default(),
                        samples: Samples::from_columns(vec![time], vec![value]),
                        has_histograms: false,
                    }],
                    ..QueryData::default()
                })
            }
            _ => Err("a result that is not of its resultType"),
        }
    }

    fn take<E: serde::de::Error>(&mut self, element: Element) -> Result<(), E> {
        let data = &mut self.data;
        match element {
            Element::Number(seconds) => self.pair.0 = Some(seconds),
            Element::Text(text) => self.pair.1 = Some(text),
            Element::Series(_) if data.series.len() + data.long.len() == MAX_ANSWER_SERIES => {
                return Err(E::custom("more than 100000 result series"));
            }
            Element::Series(WireSeries(Ok(one))) => data.series.push(one),
            Element::Series(WireSeries(Err(fingerprint))) => {
                data.long.insert(fingerprint);
            }
        }
        Ok(())
    }
}

impl<'de> Deserialize<'de> for WireResult {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct List;
        impl<'de> Visitor<'de> for List {
            type Value = WireResult;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of result series, or a time and a value")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<WireResult, A::Error> {
                let mut out = WireResult::default();
                while let Some(element) = list.next_element()? {
                    out.take(element)?;
                }
                out.data.set_apart();
                Ok(out)
            }
        }
        deserializer.deserialize_seq(List)
    }
}

/// One element under `result`.
enum Element {
    Series(WireSeries),
    Number(f64),
    Text(String),
}

impl<'de> Deserialize<'de> for Element {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Element;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a result series, a time or a value")
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Element, A::Error> {
                WireSeries::deserialize(MapAccessDeserializer::new(map)).map(Element::Series)
            }
            fn visit_f64<E>(self, number: f64) -> Result<Element, E> {
                Ok(Element::Number(number))
            }
            fn visit_u64<E>(self, number: u64) -> Result<Element, E> {
                Ok(Element::Number(number as f64))
            }
            fn visit_i64<E>(self, number: i64) -> Result<Element, E> {
                Ok(Element::Number(number as f64))
            }
            fn visit_str<E>(self, text: &str) -> Result<Element, E> {
                Ok(Element::Text(text.to_owned()))
            }
        }
        deserializer.deserialize_any(Any)
    }
}

/// Reads past a value (statistics and the like).
struct Skip;

impl<'de> DeserializeSeed<'de> for Skip {
    type Value = ();
    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        IgnoredAny::deserialize(deserializer).map(|_| ())
    }
}

#[cfg(test)]
mod tests;
