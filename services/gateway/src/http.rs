//! JSON over HTTP: each unary rpc of the consoles' door under a path of its own, with the shapes of `--json`.

mod call;
mod decode;
mod encode;
mod openapi;
mod routes;
mod sent;
mod shape;

use std::sync::{Arc, LazyLock};

use axum::Router;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Query, Request};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{MethodFilter, on};
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{HeaderMap, StatusCode};
use prost_reflect::{DescriptorPool, MessageDescriptor};
use serde_json::{Map, Value as Json};
use sla_domain::Invalid;
use sla_proto::PeerChannel;
use sla_runtime::refusal;
use sla_runtime::status::{Problem, reason};
use sla_views::{Unread, read_json};
use tonic::{Code, Status};

use crate::options::{MAX_BODY_BYTES, MAX_HEADER_BYTES};
use routes::{ROUTES, Route};

pub use openapi::document;
pub use routes::rpc_of;

/// The contract; none only if its descriptors were broken.
static POOL: LazyLock<Option<DescriptorPool>> = LazyLock::new(|| DescriptorPool::decode(sla_proto::DESCRIPTORS).ok());
/// The page about it, made when somebody asks.
static PAGE: LazyLock<String> = LazyLock::new(|| document().unwrap_or_default().to_string());

/// A route with the messages of its rpc.
struct Served {
    route: &'static Route,
    input: MessageDescriptor,
    output: MessageDescriptor,
    channel: PeerChannel,
}

/// The paths below `/v1`; none only if the contract's descriptors were broken.
pub(crate) fn router(channel: &PeerChannel) -> Router {
    let mut router = Router::new();
    let Some(pool) = &*POOL else { return router };
    for route in ROUTES {
        let found = route.rpc.split_once('/').and_then(|(service, method)| {
            let service = pool.get_service_by_name(service)?;
            service.methods().find(|one| one.name() == method)
        });
        let Some(method) = found else { continue };
        let served = Arc::new(Served {
            route,
            input: method.input(),
            output: method.output(),
            channel: channel.clone(),
        });
        let filter = MethodFilter::try_from(route.verb.method()).unwrap_or(MethodFilter::GET);
        let answer = move |path: Places, request: Request| answer(served.clone(), path, request);
        router = router.route(&positions(route.path), on(filter, answer));
    }
    let openapi = || async { ([(CONTENT_TYPE, "application/json")], PAGE.as_str()) };
    router
        .route("/v1/openapi.json", on(MethodFilter::GET, openapi))
        .method_not_allowed_fallback(|| async {
            refused_by(StatusCode::METHOD_NOT_ALLOWED, "this path has no such method")
        })
        .route(
            "/v1/{*rest}",
            axum::routing::any(|| async { refused_by(StatusCode::NOT_FOUND, "there is no such path") }),
        )
}

/// The router knows what stands in a path by its place; by what name it is known differs from verb to verb.
fn positions(path: &str) -> String {
    let mut place = 0;
    let parts = path.split('/').map(|part| {
        if !part.starts_with('{') {
            return part.to_owned();
        }
        place += 1;
        format!("{{p{place}}}")
    });
    parts.collect::<Vec<_>>().join("/")
}

/// What stands in a path by its place, unless it is no text.
type Places = Result<Path<Vec<(String, String)>>, PathRejection>;

async fn answer(served: Arc<Served>, places: Places, request: Request) -> Response {
    let outcome = async {
        let Path(places) =
            places.map_err(|_| refused_by(StatusCode::BAD_REQUEST, "the path holds bytes that are no UTF-8"))?;
        let (head, body) = request.into_parts();
        check_head(&head.headers)?;
        // The layers before this took the request for its rpc: whoever comes here may make it.
        let json = if served.route.verb.has_body() {
            body_json(&head.headers, body).await?
        } else {
            let given = Query::<Vec<(String, String)>>::try_from_uri(&head.uri);
            let given = given.map_err(|_| refused_by(StatusCode::BAD_REQUEST, "the query string cannot be read"))?;
            decode::parameters(&served.input, &given).map_err(|invalid| bad(&invalid))?
        };
        let json = with_places(&served, json, &places).map_err(|invalid| bad(&invalid))?;
        let message = decode::message(&served.input, &json).map_err(|invalid| bad(&invalid))?;
        let told = call::unary(
            &served.channel,
            served.route,
            &message,
            &served.output,
            &head.extensions,
        );
        let told = told.await.map_err(|status| {
            let mut refused = refusal::Refusal::from(&status);
            sent::rename(&mut refused, &json);
            refusal::answer(refused, refusal::http_status(status.code()))
        })?;
        let body = encode::message(&told).to_string();
        Ok(([(CONTENT_TYPE, HeaderValue::from_static("application/json"))], body).into_response())
    };
    outcome
        .await
        .unwrap_or_else(|refused: http::Response<tonic::body::Body>| refused.into_response())
}

type Refused = http::Response<tonic::body::Body>;

fn check_head(headers: &HeaderMap) -> Result<(), Refused> {
    let bytes: usize = headers
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len())
        .sum();
    if bytes > MAX_HEADER_BYTES {
        let words = "the headers are larger than 16 KiB";
        return Err(refused_by(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, words));
    }
    Ok(())
}

/// The body; an empty one stands for a request without fields.
async fn body_json(headers: &HeaderMap, body: axum::body::Body) -> Result<Json, Refused> {
    let is_json = headers
        .get(CONTENT_TYPE)
        .is_none_or(|kind| kind.as_bytes().starts_with(b"application/json"));
    if !is_json {
        return Err(refused_by(StatusCode::UNSUPPORTED_MEDIA_TYPE, "send application/json"));
    }
    let body = axum::body::to_bytes(body, MAX_BODY_BYTES).await.map_err(|_| {
        refused_by(
            StatusCode::PAYLOAD_TOO_LARGE,
            "the body cannot be read, or is larger than 1 MiB",
        )
    })?;
    if body.is_empty() {
        return Ok(Json::Object(Map::new()));
    }
    read_json(&body).map_err(|error| match error {
        Unread::Twice(name) => bad(&decode::twice(&name)),
        Unread::Syntax(error) => {
            let words = format!("the body is no JSON: {error}");
            refusal::into_http(Problem::invalid(words).hint("send one JSON object").status(), false)
        }
    })
}

/// Puts what stands in the path where it belongs. The body may say the same, not another thing.
fn with_places(served: &Served, mut json: Json, places: &[(String, String)]) -> Result<Json, Invalid> {
    for (name, (_, text)) in served.route.path_fields().zip(places) {
        let parts: Vec<&str> = name.split('.').collect();
        let (last, outer) = parts.split_last().unwrap_or((&name, &[]));
        let mut at = &mut json;
        for part in outer {
            let Json::Object(object) = at else { break };
            at = object
                .entry((*part).to_owned())
                .or_insert_with(|| Json::Object(Map::new()));
        }
        // What is no object is refused when it is read.
        let Json::Object(object) = at else { continue };
        let said = object
            .entry((*last).to_owned())
            .or_insert_with(|| Json::from(text.as_str()));
        if said.as_str() == Some("") || said.is_null() {
            *said = Json::from(text.as_str());
        }
        if said.as_str() != Some(text) {
            return Err(Invalid::new(
                name,
                &said.to_string(),
                format!("is not the {text:?} of the path"),
                "leave it out",
            ));
        }
    }
    Ok(json)
}

fn bad(invalid: &Invalid) -> Refused {
    refusal::into_http(
        Problem::invalid("the request breaks a rule")
            .field(invalid.field.clone(), invalid.to_string())
            .status(),
        false,
    )
}

/// What HTTP itself refuses.
fn refused_by(http: StatusCode, words: &str) -> Refused {
    let (code, reason) = match http {
        StatusCode::NOT_FOUND => (Code::NotFound, reason::NOT_FOUND),
        StatusCode::PAYLOAD_TOO_LARGE | StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => {
            (Code::ResourceExhausted, reason::TOO_LARGE)
        }
        _ => (Code::InvalidArgument, reason::INVALID_FIELD),
    };
    let status: Status = Problem::new(code, reason, words)
        .hint("the paths are in /v1/openapi.json")
        .status();
    refusal::with_http_status(&status, http)
}
