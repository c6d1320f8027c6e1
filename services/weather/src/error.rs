//! What can go wrong, and how a caller hears of it.

use std::sync::Arc;

use sla_domain::{Invalid, SafeText, duration};
use sla_proto::peer::Rank;
use sla_runtime::status::chain;
use sla_runtime::{Problem, ToStatus, reason};
use tonic::{Code, Status};

/// A question to the provider that has no answer. No variant holds an address: a key may be part of it.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum ProviderError {
    /// The key is missing, or its file cannot be used.
    #[error("weather.key_file: {0}")]
    KeyFile(String),
    /// 401 or 403.
    #[error("the provider refuses the key ({status}): {words}")]
    Key { status: u16, words: SafeText },
    /// 429.
    #[error("the provider has had too many requests from here")]
    TooMany { wait_ms: Option<i64> },
    /// Another status that is none of success.
    #[error("the provider answered with status {status}: {words}")]
    Failed { status: u16, words: SafeText },
    #[error("the provider did not answer within {} s", .0.as_secs())]
    Slow(std::time::Duration),
    #[error("the provider cannot be reached: {0}")]
    Unreachable(SafeText),
    #[error("the provider's answer broke off: {0}")]
    Cut(SafeText),
    #[error("the provider's answer is larger than {0} bytes")]
    TooLarge(usize),
    #[error("the provider's answer is no JSON: {0}")]
    Garbled(Arc<serde_json::Error>),
    /// The answer is JSON, but not as it should be.
    #[error("the provider's answer has changed: `{field}` {what}")]
    Schema { field: String, what: &'static str },
    /// Nothing is asked now.
    #[error("nothing is asked for {} more: {why}", duration::format_ms((.left_ms / 1_000 + 1) * 1_000))]
    Paused { why: String, left_ms: i64 },
    /// The day's requests are used up.
    #[error("the {quota} requests of this day (UTC) are used up")]
    Quota { quota: u32 },
}

impl ProviderError {
    pub(crate) fn schema(field: impl Into<String>, what: &'static str) -> Self {
        Self::Schema {
            field: field.into(),
            what,
        }
    }

    /// What to do.
    fn hint(&self) -> &'static str {
        match self {
            Self::KeyFile(_) | Self::Key { .. } => {
                "put the key into a file of mode 0600 and name it in weather.key_file"
            }
            Self::TooMany { .. } | Self::Paused { .. } => "wait; the role asks again by itself",
            Self::Quota { .. } => "wait for midnight UTC, or raise weather.daily_quota if your plan has more",
            Self::Failed { .. } | Self::Slow(_) | Self::Cut(_) => "try again in a minute",
            Self::Unreachable(_) => "check weather.base_url, the network and the proxy",
            Self::TooLarge(_) | Self::Garbled(_) | Self::Schema { .. } => {
                "check weather.base_url; if it is right, the provider speaks a newer language than this version"
            }
        }
    }

    fn code_and_reason(&self) -> (Code, &'static str) {
        match self {
            Self::KeyFile(_) | Self::Key { .. } => (Code::FailedPrecondition, reason::SOURCE_UNAUTHORIZED),
            Self::TooMany { .. } | Self::Paused { .. } | Self::Quota { .. } => {
                (Code::ResourceExhausted, reason::OVERLOADED)
            }
            Self::Slow(_) | Self::Unreachable(_) => (Code::Unavailable, reason::SOURCE_UNREACHABLE),
            _ => (Code::Unavailable, reason::SOURCE_FAILED),
        }
    }
}

/// Errors of the role.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WeatherError {
    /// Fields that break rules.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Invalid(Vec<Invalid>),
    /// A name of no place.
    #[error("no place is called {0}")]
    UnknownCity(SafeText),
    /// A name of several places.
    #[error("{name} is the name of {} places", .candidates.len())]
    Ambiguous { name: SafeText, candidates: Vec<String> },
    #[error("there is no {what} {name}")]
    NotFound { what: &'static str, name: SafeText },
    #[error("you have a subscription to {0} already")]
    Subscribed(SafeText),
    #[error("{name} is {owner}'s")]
    NotYours { name: SafeText, owner: SafeText },
    #[error("what others see is made and changed by editors")]
    NotPrivate,
    /// One user has used up his part of the provider's quota.
    #[error("you have had the {each} questions to the provider that an hour has for each user")]
    AskedTooMuch { each: u32, left_ms: i64 },
    #[error("somebody changed it meanwhile: you read version {read}, it is {stored} now")]
    Stale { read: u64, stored: u64 },
    #[error("{city} has {subscriptions} subscriptions")]
    InUse { city: String, subscriptions: usize },
    #[error("{0} cities are polled already, and no more are")]
    TooManyCities(usize),
    #[error("{0} does not say what the weather is now")]
    NoReading(String),
    #[error("the weather of {city} cannot be read")]
    Provider {
        city: String,
        #[source]
        error: ProviderError,
    },
    #[error("{action} failed")]
    Upstream {
        action: &'static str,
        #[source]
        status: Box<Status>,
    },
    #[error("what is stored of a city cannot be read")]
    Stored(#[source] serde_json::Error),
}

impl WeatherError {
    pub(crate) fn upstream(action: &'static str) -> impl FnOnce(Status) -> Self {
        move |status| Self::Upstream {
            action,
            status: Box::new(status),
        }
    }

    pub(crate) fn not_found(what: &'static str, name: &str) -> Self {
        Self::NotFound {
            what,
            name: SafeText::with_limit(name, 80),
        }
    }
}

impl ToStatus for WeatherError {
    fn to_status(&self) -> Status {
        let text = self.to_string();
        match self {
            Self::Invalid(fields) => {
                let mut problem = Problem::invalid(text);
                for one in fields {
                    problem = problem.field(one.field.clone(), one.to_string());
                }
                if let Some(first) = fields.first() {
                    problem = problem.hint(first.fix.clone());
                }
                problem.status()
            }
            Self::UnknownCity(_) => Problem::new(Code::NotFound, reason::NOT_FOUND, text)
                .field("city", "no place has this name")
                .hint("check the spelling, or give a larger place nearby")
                .status(),
            Self::Ambiguous { candidates, .. } => {
                let list = candidates.join("; ");
                Problem::invalid(format!("{text}: {list}"))
                    .field("city", format!("is ambiguous; give one of: {list}"))
                    .hint(format!(
                        "give one of them whole, for example {:?}",
                        candidates.first().map_or("", String::as_str)
                    ))
                    .detail("candidates", list)
                    .status()
            }
            Self::NotFound { what, name } => Problem::not_found(what, name.as_str()).status(),
            Self::Subscribed(_) => Problem::new(Code::AlreadyExists, reason::NAME_TAKEN, text)
                .field("city", "has a subscription of yours")
                .hint("change it: `sla weather change ID`")
                .status(),
            Self::NotYours { .. } => Problem::new(Code::PermissionDenied, reason::NOT_ALLOWED, text)
                .hint("make one of your own; operators may change those of others")
                .status(),
            Self::NotPrivate => Problem::new(Code::PermissionDenied, reason::NOT_ALLOWED, text)
                .field("shared", "takes the rank editor")
                .hint("leave it private, or ask an admin: `sla user role NAME editor`")
                .detail("needs", Rank::Editor.word())
                .status(),
            Self::AskedTooMuch { left_ms, .. } => {
                let left = duration::format_ms((left_ms / 60_000 + 1) * 60_000);
                Problem::new(Code::ResourceExhausted, reason::OVERLOADED, text)
                    .hint(format!("wait {left}; cities that are polled already cost nothing"))
                    .status()
            }
            Self::Stale { .. } => Problem::new(Code::Aborted, reason::STALE_VERSION, text)
                .hint("read it again and repeat the change")
                .status(),
            Self::InUse { .. } => Problem::new(Code::FailedPrecondition, reason::WRONG_STATE, text)
                .hint("remove them first: `sla weather subscriptions`")
                .status(),
            Self::TooManyCities(_) => Problem::new(Code::ResourceExhausted, reason::OVERLOADED, text)
                .hint("remove one that nobody needs: `sla weather remove CITY`")
                .status(),
            Self::NoReading(_) => Problem::new(Code::Unavailable, reason::SOURCE_FAILED, text)
                .hint("try again in a minute, or choose a larger place nearby")
                .status(),
            Self::Provider { error, .. } => {
                let (code, reason) = error.code_and_reason();
                Problem::new(code, reason, format!("{text}: {error}"))
                    .hint(error.hint())
                    .status()
            }
            // The owner's code, words and details say it best.
            Self::Upstream { status, .. } => Status::clone(status),
            Self::Stored(_) => Problem::new(Code::Internal, reason::INTERNAL, text).status(),
        }
    }
}

/// The status of an error; failures of our own are logged here, once, with their causes.
pub(crate) fn refuse(rpc: &'static str, error: &WeatherError) -> Status {
    let status = error.to_status();
    if matches!(status.code(), Code::Internal | Code::Unknown | Code::Unavailable) {
        tracing::error!(rpc, error = chain(error), "a call could not be served");
    }
    status
}
