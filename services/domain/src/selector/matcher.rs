//! One condition on one label.

use std::fmt;

use regex::{Regex, RegexBuilder};

use super::naming::is_label_name;
use crate::series::quoted;

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
        if is_label_name(&self.name) {
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
