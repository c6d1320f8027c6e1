//! A plain series selector: metric name and matchers, nothing else.

use std::fmt;

use crate::series::{Labels, METRIC_NAME, quoted};

pub(crate) mod grammar;
mod matcher;
mod naming;
mod spelling;

pub use matcher::{MatchOp, Matcher};

/// A plain series selector in normal form: matchers sorted by label, operator and value, each once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selector {
    matchers: Vec<Matcher>,
    text: String,
}

impl Selector {
    /// From matchers in any order. `None` when none of them refuses the empty text: such a selector would read
    /// everything there is, and Prometheus refuses it too.
    pub fn new(mut matchers: Vec<Matcher>) -> Option<Self> {
        if matchers.iter().all(|matcher| matcher.matches("")) {
            return None;
        }
        matchers.sort_by(|a, b| (a.name(), a.op(), a.value()).cmp(&(b.name(), b.op(), b.value())));
        matchers.dedup();
        let text = written(&matchers);
        Some(Self { matchers, text })
    }

    /// The selector of exactly one series (of one that carries these labels and perhaps more). `None` without labels.
    pub fn of_labels(labels: &Labels) -> Option<Self> {
        let matchers = labels
            .iter()
            .map(|(name, value)| Matcher::new(name, MatchOp::Equal, value))
            .collect::<Result<Vec<_>, _>>()
            .ok()?;
        Self::new(matchers)
    }

    /// Normal form, as PromQL: `name{a="x",b=~"y"}`.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Its matchers, sorted; the metric name is a matcher on `__name__`.
    pub fn matchers(&self) -> &[Matcher] {
        &self.matchers
    }

    /// The metric name when it is fixed by `=`.
    pub fn metric_name(&self) -> Option<&str> {
        self.matchers
            .iter()
            .find(|matcher| matcher.name() == METRIC_NAME && matcher.op() == MatchOp::Equal)
            .map(Matcher::value)
    }

    /// Whether a series with these labels is selected.
    pub fn matches(&self, labels: &Labels) -> bool {
        self.matchers
            .iter()
            .all(|matcher| matcher.matches(labels.get(matcher.name()).unwrap_or("")))
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// A classic metric name stands before the braces, any other one inside them in quotes (the syntax of Prometheus 3).
fn written(matchers: &[Matcher]) -> String {
    let name = matchers
        .iter()
        .position(|matcher| matcher.name() == METRIC_NAME && matcher.op() == MatchOp::Equal);
    // Two different names: only as plain matchers (they select nothing, but that is what was asked).
    let alone = matchers.iter().filter(|matcher| matcher.name() == METRIC_NAME).count() == 1;
    let name = name.filter(|_| alone);
    let mut parts = Vec::with_capacity(matchers.len());
    let mut out = String::new();
    for (at, matcher) in matchers.iter().enumerate() {
        if Some(at) != name {
            parts.push(matcher.to_string());
        } else if naming::is_metric_name(matcher.value()) {
            out.push_str(matcher.value());
        } else {
            parts.push(quoted(matcher.value()));
        }
    }
    if !parts.is_empty() {
        out.push('{');
        out.push_str(&parts.join(","));
        out.push('}');
    }
    out
}
