//! A plain series selector: metric name and matchers, nothing else.

use std::fmt;

use regex::{Regex, RegexBuilder};

use crate::series::{Labels, METRIC_NAME, quoted};

pub(crate) mod grammar;
mod spelling;

/// How a matcher compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum MatchOp {
    /// `=`
    Equal,
    /// `!=`
    NotEqual,
    /// `=~`, anchored on both sides
    Regex,
    /// `!~`, anchored on both sides
    NotRegex,
}

impl MatchOp {
    /// As PromQL writes it.
    pub fn symbol(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::NotEqual => "!=",
            Self::Regex => "=~",
            Self::NotRegex => "!~",
        }
    }
}

/// One condition on one label. A label that is absent counts as the empty text, as in Prometheus.
#[derive(Debug, Clone)]
pub struct Matcher {
    name: String,
    op: MatchOp,
    value: String,
    /// Present for `=~` and `!~`.
    regex: Option<Regex>,
}

impl Matcher {
    /// The largest compiled regular expression, in bytes: a short text can ask for a huge automaton.
    pub const MAX_REGEX_BYTES: usize = 1 << 20;

    /// A matcher; the error is the complaint of the regular expression, in words.
    pub fn new(name: &str, op: MatchOp, value: &str) -> Result<Self, String> {
        let regex = match op {
            MatchOp::Equal | MatchOp::NotEqual => None,
            MatchOp::Regex | MatchOp::NotRegex => Some(anchored(value)?),
        };
        Ok(Self {
            name: name.to_owned(),
            op,
            value: value.to_owned(),
            regex,
        })
    }

    /// The label it looks at; `__name__` for the metric name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How it compares.
    pub fn op(&self) -> MatchOp {
        self.op
    }

    /// The text or regular expression it compares with.
    pub fn value(&self) -> &str {
        &self.value
    }

    /// Whether a label with this `value` ("" when absent) passes.
    pub fn matches(&self, value: &str) -> bool {
        let hit = match &self.regex {
            Some(regex) => regex.is_match(value),
            None => self.value == value,
        };
        match self.op {
            MatchOp::Equal | MatchOp::Regex => hit,
            MatchOp::NotEqual | MatchOp::NotRegex => !hit,
        }
    }
}

impl PartialEq for Matcher {
    fn eq(&self, other: &Self) -> bool {
        (&self.name, self.op, &self.value) == (&other.name, other.op, &other.value)
    }
}

impl Eq for Matcher {}

impl fmt::Display for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if grammar::is_label_name(&self.name) {
            f.write_str(&self.name)?;
        } else {
            f.write_str(&quoted(&self.name))?;
        }
        write!(f, "{}{}", self.op.symbol(), quoted(&self.value))
    }
}

/// Prometheus anchors with `^(?s:…)$` (model/labels/regexp.go). Its RE2 takes a `{` that starts no repetition as a
/// plain character, this crate does not: such a brace is escaped and tried again.
fn anchored(pattern: &str) -> Result<Regex, String> {
    let build = |pattern: &str| {
        RegexBuilder::new(&format!("^(?s:{pattern})$"))
            .size_limit(Matcher::MAX_REGEX_BYTES)
            .build()
    };
    build(pattern).or_else(|error| {
        build(&escape_plain_braces(pattern)).map_err(|_| match error {
            regex::Error::CompiledTooBig(limit) => {
                format!("the regular expression needs more than {limit} bytes when compiled")
            }
            other => {
                // The crate's message is several lines with the pattern in it; its last line is the complaint.
                let text = other.to_string();
                let last = text.lines().last().unwrap_or("").trim();
                format!("invalid regular expression: {}", last.trim_start_matches("error: "))
            }
        })
    })
}

fn escape_plain_braces(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len() + 8);
    let mut escaped = false;
    for (at, c) in pattern.char_indices() {
        if c == '{' && !escaped {
            let inside = pattern[at + 1..].split('}').next().unwrap_or("");
            let closed = pattern[at + 1..].contains('}');
            let repetition = closed
                && inside.starts_with(|c: char| c.is_ascii_digit())
                && inside.chars().all(|c| c.is_ascii_digit() || c == ',');
            let class =
                pattern[..at].ends_with("\\p") || pattern[..at].ends_with("\\P") || pattern[..at].ends_with("\\x");
            if !repetition && !class {
                out.push('\\');
            }
        }
        escaped = c == '\\' && !escaped;
        out.push(c);
    }
    out
}

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
        matchers.sort_by(|a, b| (&a.name, a.op, &a.value).cmp(&(&b.name, b.op, &b.value)));
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
            .find(|matcher| matcher.name == METRIC_NAME && matcher.op == MatchOp::Equal)
            .map(|matcher| matcher.value.as_str())
    }

    /// Whether a series with these labels is selected.
    pub fn matches(&self, labels: &Labels) -> bool {
        self.matchers
            .iter()
            .all(|matcher| matcher.matches(labels.get(&matcher.name).unwrap_or("")))
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
        .position(|matcher| matcher.name == METRIC_NAME && matcher.op == MatchOp::Equal);
    // Two different names: only as plain matchers (they select nothing, but that is what was asked).
    let alone = matchers.iter().filter(|matcher| matcher.name == METRIC_NAME).count() == 1;
    let name = name.filter(|_| alone);
    let mut parts = Vec::with_capacity(matchers.len());
    let mut out = String::new();
    for (at, matcher) in matchers.iter().enumerate() {
        if Some(at) != name {
            parts.push(matcher.to_string());
        } else if grammar::is_metric_name(&matcher.value) {
            out.push_str(&matcher.value);
        } else {
            parts.push(quoted(&matcher.value));
        }
    }
    if !parts.is_empty() {
        out.push('{');
        out.push_str(&parts.join(","));
        out.push('}');
    }
    out
}
