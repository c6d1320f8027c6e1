//! What librdkafka tells on the side. The reason of a refused login or an unknown authority comes by its error callback
//! alone, and its log would write over screens: both end here.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use sla_domain::SafeText;

use super::fault::KafkaFault;

/// Longest part of a reason that is repeated, in characters.
const MAX_REASON_CHARS: usize = 300;
/// How long the reason of a refused login explains that nobody answers.
const EXPLAINS: Duration = Duration::from_secs(30);

/// Text of the client, harmless and short.
fn safe(text: &str) -> String {
    SafeText::with_limit(text, MAX_REASON_CHARS).into_string()
}

#[derive(Debug, Clone)]
struct Reason {
    code: RDKafkaErrorCode,
    words: String,
    at: Instant,
}

impl Reason {
    /// Says why; others only say that nobody answers.
    fn explains(&self) -> bool {
        self.weight() == 2
    }

    /// How much it tells: what refuses us, what the system said, that nobody is there.
    fn weight(&self) -> u8 {
        match self.code {
            RDKafkaErrorCode::Authentication | RDKafkaErrorCode::SSL => 2,
            RDKafkaErrorCode::AllBrokersDown => 0,
            _ => 1,
        }
    }
}

/// The last word of a client about itself. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(super) struct Reasons(Arc<Mutex<Option<Reason>>>);

impl Reasons {
    fn last(&self) -> MutexGuard<'_, Option<Reason>> {
        // Replaced as a whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a word; what tells more is not followed by what tells less.
    pub(super) fn note(&self, code: RDKafkaErrorCode, words: &str) {
        let new = Reason {
            code,
            words: safe(words),
            at: Instant::now(),
        };
        let mut last = self.last();
        let kept = last
            .as_ref()
            .is_some_and(|last| last.weight() > new.weight() && last.at.elapsed() < EXPLAINS);
        if !kept {
            *last = Some(new);
        }
    }

    /// It works again.
    pub(super) fn clear(&self) {
        *self.last() = None;
    }

    /// The fault behind `error`, which we met when we wanted to do `what`.
    pub(super) fn fault(&self, brokers: &str, what: &str, error: &KafkaError) -> KafkaFault {
        let last = self.last().clone().filter(|last| last.at.elapsed() < EXPLAINS);
        let own = safe(&error.to_string());
        let reason = last.as_ref().map_or(own, |last| last.words.clone());
        let brokers = brokers.to_owned();
        let code = match last {
            Some(last) if last.explains() => Some(last.code),
            _ => error.rdkafka_error_code(),
        };
        match code {
            Some(RDKafkaErrorCode::Authentication | RDKafkaErrorCode::SaslAuthenticationFailed) => {
                KafkaFault::Credentials { brokers, reason }
            }
            Some(RDKafkaErrorCode::SSL) => KafkaFault::Certificate { brokers, reason },
            Some(code) if is_missing_right(code) => KafkaFault::Rights {
                what: what.to_owned(),
                reason: safe(&error.to_string()),
            },
            Some(code) if is_away(code) => KafkaFault::Unreachable { brokers, reason },
            _ => KafkaFault::Other {
                what: what.to_owned(),
                reason: safe(&error.to_string()),
            },
        }
    }
}

fn is_missing_right(code: RDKafkaErrorCode) -> bool {
    matches!(
        code,
        RDKafkaErrorCode::TopicAuthorizationFailed
            | RDKafkaErrorCode::GroupAuthorizationFailed
            | RDKafkaErrorCode::ClusterAuthorizationFailed
    )
}

/// Whether it says that nobody answers.
pub(super) fn is_away(code: RDKafkaErrorCode) -> bool {
    matches!(
        code,
        RDKafkaErrorCode::BrokerTransportFailure
            | RDKafkaErrorCode::AllBrokersDown
            | RDKafkaErrorCode::Resolve
            | RDKafkaErrorCode::OperationTimedOut
            | RDKafkaErrorCode::RequestTimedOut
            | RDKafkaErrorCode::MessageTimedOut
            | RDKafkaErrorCode::TimedOutQueue
            | RDKafkaErrorCode::NodeUpdate
    )
}

/// Notes the reasons of a client and routes its log.
#[derive(Debug, Clone, Default)]
pub(super) struct Context {
    pub(super) reasons: Reasons,
}

impl ClientContext for Context {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        route(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        note(&self.reasons, &error, reason);
    }
}

/// Without a group there are no rebalances to hear of.
impl ConsumerContext for Context {}

/// A line of librdkafka's log.
pub(super) fn route(level: RDKafkaLogLevel, facility: &str, message: &str) {
    let (facility, message) = (safe(facility), safe(message));
    match level {
        RDKafkaLogLevel::Emerg | RDKafkaLogLevel::Alert | RDKafkaLogLevel::Critical => {
            tracing::error!(target: "kafka", facility, "{message}");
        }
        // A broker that is away is told once by those who wait for it, not at each try.
        _ => tracing::debug!(target: "kafka", facility, "{message}"),
    }
}

/// A word of librdkafka's error callback.
pub(super) fn note(reasons: &Reasons, error: &KafkaError, reason: &str) {
    let code = error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Unknown);
    tracing::debug!(target: "kafka", ?code, reason = safe(reason), "told by the client");
    reasons.note(code, reason);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_outlives_the_complaints_after_it() {
        let reasons = Reasons::default();
        let away = KafkaError::MetadataFetch(RDKafkaErrorCode::BrokerTransportFailure);
        let fault = reasons.fault("b:1", "look at the topic", &away);
        assert!(matches!(fault, KafkaFault::Unreachable { .. }), "{fault}");
        reasons.note(RDKafkaErrorCode::Authentication, "b:1: wrong \u{1b}[31m password");
        reasons.note(RDKafkaErrorCode::AllBrokersDown, "1/1 brokers are down");
        let words = reasons.fault("b:1", "look at the topic", &away).to_string();
        assert!(
            words.contains("refuses the login") && words.contains("password"),
            "{words}"
        );
        assert!(!words.contains('\u{1b}'), "outside text is harmless");
        reasons.clear();
        let right = KafkaError::MetadataFetch(RDKafkaErrorCode::TopicAuthorizationFailed);
        let words = reasons.fault("b:1", "read topic \"t\"", &right).to_string();
        assert!(words.starts_with("the user of `[bus]` may not read topic"), "{words}");
    }
}
