//! What a series is: one metric name and label set of one source.

use std::fmt;

use xxhash_rust::xxh3::Xxh3Default;

/// The label that carries the metric name.
pub const METRIC_NAME: &str = "__name__";

/// The configured name of a metric source, for example `prom-eu`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SourceId(pub String);

/// Label names and values, sorted by name, names unique. The metric name is the label `__name__`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Labels(Vec<(String, String)>);

impl Labels {
    /// From pairs in any order; of equal names the last stays. An empty value means "no such label", as in Prometheus.
    pub fn from_pairs<N: Into<String>, V: Into<String>>(pairs: impl IntoIterator<Item = (N, V)>) -> Self {
        let mut map = std::collections::BTreeMap::new();
        for (name, value) in pairs {
            map.insert(name.into(), value.into());
        }
        map.retain(|_, value: &mut String| !value.is_empty());
        Self(map.into_iter().collect())
    }

    /// The value of `name`, if there is such a label.
    pub fn get(&self, name: &str) -> Option<&str> {
        let at = self.0.binary_search_by(|(have, _)| have.as_str().cmp(name)).ok()?;
        Some(self.0[at].1.as_str())
    }

    /// The metric name, or "" for the result of an expression.
    pub fn metric_name(&self) -> &str {
        self.get(METRIC_NAME).unwrap_or("")
    }

    /// All pairs, sorted by name, with `__name__`.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// How many labels there are, with `__name__`.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Written as PromQL writes it: `name{a="x",b="y"}`. Outside text: wrap in `SafeText` before a screen or a log.
impl fmt::Display for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.metric_name())?;
        let mut first = true;
        for (name, value) in self.iter().filter(|(name, _)| *name != METRIC_NAME) {
            f.write_str(if first { "{" } else { "," })?;
            first = false;
            write!(f, "{name}={}", quoted(value))?;
        }
        if first {
            if self.metric_name().is_empty() {
                f.write_str("{}")
            } else {
                Ok(())
            }
        } else {
            f.write_str("}")
        }
    }
}

/// `value` as a PromQL string literal.
pub fn quoted(value: &str) -> String {
    let mut out = String::with_capacity(value.len() + 2);
    out.push('"');
    for c in value.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            other => out.push(other),
        }
    }
    out.push('"');
    out
}

/// A 128-bit fingerprint of a series: XXH3 over source id, optional normalised expression and sorted labels,
/// each length-prefixed so that no two different series can run into the same bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SeriesId(pub [u8; 16]);

impl SeriesId {
    /// The fingerprint of a plain series of `source`.
    pub fn of_series(source: &SourceId, labels: &Labels) -> Self {
        Self::hash(source, "", labels)
    }

    /// The fingerprint of one result series of a (normalised) expression on `source`.
    pub fn of_expression(source: &SourceId, expression: &str, labels: &Labels) -> Self {
        Self::hash(source, expression, labels)
    }

    fn hash(source: &SourceId, expression: &str, labels: &Labels) -> Self {
        let mut hasher = Xxh3Default::new();
        let mut put = |text: &str| {
            hasher.update(&(text.len() as u64).to_le_bytes());
            hasher.update(text.as_bytes());
        };
        put(&source.0);
        put(expression);
        for (name, value) in labels.iter() {
            put(name);
            put(value);
        }
        Self(hasher.digest128().to_be_bytes())
    }

    /// From 16 bytes; any other length is `None`.
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        Some(Self(bytes.try_into().ok()?))
    }

    /// 32 hexadecimal digits.
    pub fn to_hex(self) -> String {
        self.0.iter().fold(String::with_capacity(32), |mut out, byte| {
            use fmt::Write as _;
            let _ = write!(out, "{byte:02x}");
            out
        })
    }

    /// From 32 hexadecimal digits.
    pub fn from_hex(text: &str) -> Option<Self> {
        (text.len() == 32 && text.is_ascii()).then_some(())?;
        u128::from_str_radix(text, 16)
            .ok()
            .map(|number| Self(number.to_be_bytes()))
    }
}

impl fmt::Debug for SeriesId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_hex())
    }
}

impl fmt::Display for SeriesId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_hex())
    }
}
