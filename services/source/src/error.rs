//! What can go wrong while reading, typed: each error says what was tried, what the other side answered, and what to do.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use crate::fault::Fault;
use crate::limits::MAX_LABELS;

/// Longest piece of a foreign answer quoted in an error, in characters.
pub const MAX_EXCERPT_CHARS: usize = 300;

/// A kept cause; shared so that one failed request can be reported for each of its series.
pub type Cause = Arc<dyn Error + Send + Sync>;

/// Why a source could not answer. `tried` names method and redacted address.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SourceError {
    /// No connection, or it broke.
    #[error("cannot reach the source: {why}: {tried}")]
    Unreachable {
        /// What was tried.
        tried: String,
        /// At which layer it ended.
        fault: Fault,
        /// What that layer says, as a sentence without a stop.
        why: String,
        /// The transport's error.
        #[source]
        cause: Cause,
    },
    /// No full answer in time.
    #[error("no full answer within {} ms: {tried}", after.as_millis())]
    Timeout {
        /// What was tried.
        tried: String,
        /// How long was waited.
        after: Duration,
    },
    /// The caller gave up.
    #[error("cancelled: {tried}")]
    Cancelled {
        /// What was under way.
        tried: String,
    },
    /// 401 or 403.
    #[error("the source refused the credentials (HTTP {status}): {tried}")]
    Unauthorized {
        /// What was tried.
        tried: String,
        /// 401 or 403.
        status: u16,
    },
    /// 404: the address has no such API.
    #[error("nothing there (HTTP 404): {tried}")]
    NotFound {
        /// What was tried.
        tried: String,
    },
    /// 3xx: the API is elsewhere. Redirects are told, not followed: credentials go to the configured address only.
    #[error("the source has moved: {tried} answered with a redirect to {}", to.as_deref().unwrap_or("another page"))]
    Redirected {
        /// What was tried.
        tried: String,
        /// The base URL to use instead, without secrets; `None` where the redirect leads to no API (a login page).
        to: Option<String>,
    },
    /// Something answered, but not the Prometheus API.
    #[error("the answer is not from the Prometheus API: {tried} answered {saw}")]
    NotPrometheus {
        /// What was tried.
        tried: String,
        /// What came instead.
        saw: String,
    },
    /// The server (or the replay) refuses the selector or expression.
    #[error("query refused: {message}")]
    BadQuery {
        /// The query.
        query: String,
        /// The judge's own words.
        message: String,
        /// Characters from the start of the query, 0-based, when the judge named a place.
        position: Option<usize>,
    },
    /// An answer would exceed the cap and could not be split further.
    #[error("the answer is larger than the cap of {limit_bytes} bytes: {tried}")]
    TooLarge {
        /// What was tried.
        tried: String,
        /// The cap.
        limit_bytes: u64,
    },
    /// More series than allowed.
    #[error("{found} series match, at most {limit} are allowed")]
    TooManySeries {
        /// How many match (at least).
        found: usize,
        /// The limit.
        limit: usize,
    },
    /// There are more samples in the range than are read at once.
    #[error("{found} samples in the range, at most {limit} are read at once: {tried}")]
    TooManySamples {
        /// What was tried.
        tried: String,
        /// How many there are, at least.
        found: u64,
        /// The limit.
        limit: u64,
    },
    /// Series of native histograms, which have no single value to judge.
    #[error(
        "{count} native histogram series left out: a histogram has no single value; ask for histogram_quantile(0.99, …), histogram_count(…) or another function of it"
    )]
    Histograms {
        /// How many such series the read met.
        count: u64,
    },
    /// Series with more labels than are taken.
    #[error("{count} series left out: more than 64 KiB of labels, or more than {MAX_LABELS} labels")]
    LongLabels {
        /// How many such series the answer had.
        count: u64,
    },
    /// The server answered with an error of its own.
    #[error("the source answered HTTP {status}: {excerpt} ({tried})")]
    Server {
        /// What was tried.
        tried: String,
        /// HTTP status.
        status: u16,
        /// Prometheus' `errorType`, if it sent one, for example `execution`.
        kind: Option<String>,
        /// The start of what it said, control characters removed.
        excerpt: String,
    },
    /// The answer breaks its own format.
    #[error("broken answer, {what}: {tried}")]
    Decode {
        /// What was tried.
        tried: String,
        /// What is wrong and where.
        what: String,
        /// The decoder's error, when there is one.
        #[source]
        cause: Option<Cause>,
    },
    /// The configuration of the source is unusable.
    #[error("source option `{field}` = {value}: {rule}")]
    BadOption {
        /// Which option.
        field: &'static str,
        /// Its value, secrets removed.
        value: String,
        /// What is expected and how to fix it.
        rule: String,
        /// The underlying error, when there is one.
        #[source]
        cause: Option<Cause>,
    },
}

impl SourceError {
    /// Whether the source as a whole is away (as opposed to one question being bad).
    pub fn is_outage(&self) -> bool {
        match self {
            Self::Unreachable { .. }
            | Self::Timeout { .. }
            | Self::Unauthorized { .. }
            | Self::NotFound { .. }
            | Self::Redirected { .. }
            | Self::NotPrometheus { .. } => true,
            Self::Server { status, .. } => matches!(status, 429 | 500 | 502 | 503 | 504),
            _ => false,
        }
    }

    /// Whether it is about the one series it is told of: the source answered, and the others are not touched.
    pub fn is_of_series(&self) -> bool {
        matches!(
            self,
            Self::TooManySamples { .. } | Self::Histograms { .. } | Self::LongLabels { .. }
        )
    }

    /// The layer at which the way to the source ended; `None` where the source was reached and the question is the matter.
    pub fn fault(&self) -> Option<Fault> {
        match self {
            Self::Unreachable { fault, .. } => Some(*fault),
            Self::Timeout { .. } => Some(Fault::Timeout),
            Self::Unauthorized { .. } => Some(Fault::Credentials),
            Self::Redirected { .. } => Some(Fault::Redirect),
            Self::NotPrometheus { .. } | Self::Decode { .. } => Some(Fault::Content),
            Self::NotFound { .. } | Self::Server { .. } => Some(Fault::Http),
            _ => None,
        }
    }

    /// The base URL to use instead, where a redirect told one.
    pub fn redirect_to(&self) -> Option<&str> {
        match self {
            Self::Redirected { to, .. } => to.as_deref(),
            _ => None,
        }
    }

    /// A stable word for the kind of error, for logs, gRPC reasons and `docs/errors`.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Unreachable { .. } => "SOURCE_UNREACHABLE",
            Self::Timeout { .. } => "SOURCE_TIMEOUT",
            Self::Cancelled { .. } => "CANCELLED",
            Self::Unauthorized { .. } => "SOURCE_UNAUTHORIZED",
            Self::NotFound { .. } => "SOURCE_NOT_FOUND",
            Self::Redirected { .. } | Self::NotPrometheus { .. } => "SOURCE_NOT_PROMETHEUS",
            Self::BadQuery { .. } => "QUERY_INVALID",
            Self::TooLarge { .. } => "SOURCE_ANSWER_TOO_LARGE",
            Self::TooManySeries { .. } => "TOO_MANY_SERIES",
            Self::TooManySamples { .. } => "SOURCE_SERIES_TOO_DENSE",
            Self::Histograms { .. } => "SOURCE_HISTOGRAMS",
            Self::LongLabels { .. } => "SOURCE_LABELS_TOO_LONG",
            Self::Server { .. } => "SOURCE_ERROR",
            Self::Decode { .. } => "SOURCE_ANSWER_BROKEN",
            Self::BadOption { .. } => "SOURCE_OPTION_INVALID",
        }
    }

    /// What the reader can do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::Unreachable { fault, .. } => fault.hint().into(),
            Self::Timeout { .. } => Fault::Timeout.hint().into(),
            Self::Cancelled { .. } => "start it again when you want it".into(),
            Self::Unauthorized { .. } => Fault::Credentials.hint().into(),
            Self::NotFound { .. } => {
                "the URL needs the path under which the API lives, for example http://host/prometheus".into()
            }
            Self::Redirected { to: Some(to), .. } => {
                format!("use {to} as the URL of the source, if it is the right one")
            }
            Self::Redirected { to: None, .. } => {
                "it leads to no API, perhaps to a login; give the URL behind it, or its credentials".into()
            }
            Self::NotPrometheus { .. } => Fault::Content.hint().into(),
            Self::BadQuery { position: Some(at), .. } => format!("correct the query at character {}", at + 1),
            Self::BadQuery { .. } => "correct the query; the server is the judge of it".into(),
            Self::TooLarge { .. } => "narrow the selector or the time range".into(),
            Self::TooManySeries { .. } => "add labels to the selector, or raise etl.max_series".into(),
            Self::TooManySamples { .. } => {
                "read it through an expression on a coarser step, for example avg_over_time(…[15s])".into()
            }
            Self::Histograms { .. } => {
                "histogram_quantile(0.99, rate(…[5m])), histogram_count(…) or histogram_avg(…)".into()
            }
            Self::LongLabels { .. } => {
                "shorten the label where the series is made, or drop it with metric_relabel_configs of its scrape"
                    .into()
            }
            Self::Server { status: 429, .. } => "the server limits its clients; lower source.concurrency".into(),
            Self::Server { status: 422, .. } => "the query asks for more than the server allows; narrow it".into(),
            Self::Server { .. } => Fault::Http.hint().into(),
            Self::Decode { .. } => "a proxy may cut or change answers; read the server directly to compare".into(),
            Self::BadOption { rule, .. } => rule.clone(),
        }
    }

    /// Shorthand for a broken answer without a deeper cause.
    pub(crate) fn decode(tried: &str, what: impl Into<String>) -> Self {
        Self::Decode {
            tried: tried.to_owned(),
            what: what.into(),
            cause: None,
        }
    }
}

/// The start of foreign text, fit for an error: one line, no control characters, at most [`MAX_EXCERPT_CHARS`].
pub fn excerpt(text: &str) -> String {
    let mut out = String::new();
    let mut space = true;
    for c in text.chars() {
        let c = if c.is_control() || c.is_whitespace() { ' ' } else { c };
        if c == ' ' && space {
            continue;
        }
        space = c == ' ';
        out.push(c);
        if out.chars().count() >= MAX_EXCERPT_CHARS {
            out.push('…');
            break;
        }
    }
    out.trim_end().to_owned()
}
