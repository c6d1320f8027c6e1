//! A refusal as JSON: RFC 9457 "problem details", for whoever does not speak gRPC.

use http::StatusCode;
use http::header::{CONTENT_TYPE, HeaderValue};
use schemars::JsonSchema;
use serde::Serialize;
use tonic::body::Body;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

/// The media type of a refusal.
pub const PROBLEM_JSON: &str = "application/problem+json";

/// Why something was refused (RFC 9457).
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(rename = "Problem")]
pub struct Refusal {
    /// `urn:sla:REASON`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The HTTP status in words.
    pub title: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// What is wrong, a sentence.
    pub detail: String,
    /// A stable word, see `docs/errors`.
    pub reason: String,
    /// What to do.
    pub hint: Option<String>,
    /// Where the way to a metric source failed: at which layer, see `docs/errors/source`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// Fields that break a rule.
    pub fields: Vec<RefusedField>,
}

/// A field that breaks a rule.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct RefusedField {
    /// Its path: `set.objectives[0].min`.
    pub field: String,
    /// Value, rule and fix.
    pub description: String,
}

impl From<&Status> for Refusal {
    fn from(status: &Status) -> Self {
        let http = http_status(status.code());
        let details = status.get_error_details();
        let info = details.error_info();
        let reason = info.map_or_else(|| fallback(status.code()).to_owned(), |info| info.reason.clone());
        let fields = details.bad_request().map(|bad| bad.field_violations.as_slice());
        Self {
            kind: format!("urn:sla:{reason}"),
            title: http.canonical_reason().unwrap_or_default(),
            status: http.as_u16(),
            detail: status.message().to_owned(),
            hint: info.and_then(|info| info.metadata.get("hint").cloned()),
            cause: info.and_then(|info| info.metadata.get("cause").cloned()),
            fields: fields
                .unwrap_or_default()
                .iter()
                .map(|violation| RefusedField {
                    field: violation.field.clone(),
                    description: violation.description.clone(),
                })
                .collect(),
            reason,
        }
    }
}

/// The reason of a status that carries none: it was made on the way.
fn fallback(code: Code) -> &'static str {
    use crate::status::reason;
    match code {
        Code::Unavailable => reason::UNAVAILABLE,
        Code::DeadlineExceeded => reason::TOO_SLOW,
        Code::ResourceExhausted => reason::OVERLOADED,
        Code::NotFound => reason::NOT_FOUND,
        Code::PermissionDenied | Code::Unauthenticated => reason::NOT_ALLOWED,
        _ => reason::INTERNAL,
    }
}

/// The HTTP status of a gRPC code.
pub fn http_status(code: Code) -> StatusCode {
    match code {
        Code::Ok => StatusCode::OK,
        Code::InvalidArgument | Code::OutOfRange => StatusCode::BAD_REQUEST,
        Code::Unauthenticated => StatusCode::UNAUTHORIZED,
        Code::PermissionDenied => StatusCode::FORBIDDEN,
        Code::NotFound => StatusCode::NOT_FOUND,
        Code::AlreadyExists | Code::Aborted | Code::FailedPrecondition => StatusCode::CONFLICT,
        Code::ResourceExhausted => StatusCode::TOO_MANY_REQUESTS,
        Code::Unimplemented => StatusCode::NOT_IMPLEMENTED,
        Code::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        Code::DeadlineExceeded => StatusCode::GATEWAY_TIMEOUT,
        Code::Cancelled | Code::Unknown | Code::Internal | Code::DataLoss => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// The refusal as an HTTP answer: to gRPC its own way, to all else as JSON.
pub fn into_http(status: Status, is_grpc: bool) -> http::Response<Body> {
    if is_grpc {
        return status.into_http();
    }
    let http = http_status(status.code());
    with_http_status(&status, http)
}

/// A refusal as JSON under a status of HTTP's own.
pub fn with_http_status(status: &Status, http: StatusCode) -> http::Response<Body> {
    answer(Refusal::from(status), http)
}

/// The same, of a refusal whose words were chosen for whoever asked.
pub fn answer(mut refusal: Refusal, http: StatusCode) -> http::Response<Body> {
    refusal.status = http.as_u16();
    refusal.title = http.canonical_reason().unwrap_or_default();
    let mut answer = http::Response::new(Body::new(serde_json::to_string(&refusal).unwrap_or_default()));
    *answer.status_mut() = http;
    answer
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
    answer
}

/// Whether a request is one of gRPC.
pub fn is_grpc(headers: &http::HeaderMap) -> bool {
    headers
        .get(CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"application/grpc"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::Problem;

    #[test]
    fn a_refusal_has_reason_field_and_fix() {
        let status = Problem::invalid("no")
            .field("set.name", "is empty; give one")
            .hint("look")
            .status();
        let json = serde_json::to_value(Refusal::from(&status)).unwrap();
        assert_eq!(json["status"], 400);
        assert_eq!(json["type"], "urn:sla:INVALID_FIELD");
        assert_eq!(json["fields"][0]["field"], "set.name");
        assert_eq!(json["hint"], "look");
        let lost = Refusal::from(&Status::unavailable("gone"));
        assert_eq!((lost.status, lost.reason.as_str()), (503, "UNAVAILABLE"));
    }
}
