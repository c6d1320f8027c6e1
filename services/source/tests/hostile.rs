//! A server that is slow, huge, broken or something else altogether: always a typed error or the rest of the data,
//! never a panic, a hang or memory without bound.

#![expect(clippy::unwrap_used, reason = "a test may end where it stands")]

#[path = "hostile/answers.rs"]
mod answers;
#[path = "hostile/faults.rs"]
mod faults;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use sla_domain::{Labels, METRIC_NAME};
use sla_source::{
    Call, Credentials, Fault, MetricSource, Prometheus, ReadRequest, Secret, SourceError, SourceOptions, Way,
    xor::XorEncoder,
};
use sla_testkit::{Reply, Request, Stub};

const AT: i64 = 1_780_000_000_000;

fn options(stub: &Stub) -> SourceOptions {
    let mut options = SourceOptions::new("stub", stub.url());
    options.timeout = Duration::from_millis(400);
    options.body_cap_bytes = 1 << 20;
    options.system_proxy = false;
    options
}

fn source(stub: &Stub) -> Prometheus {
    Prometheus::new(options(stub)).unwrap()
}

fn call() -> Call {
    Call::within(Duration::from_secs(8))
}

fn labels(n: usize) -> Labels {
    Labels::from_pairs([(METRIC_NAME, "m".to_owned()), ("n", format!("{n:04}"))])
}

fn ask(count: usize) -> ReadRequest {
    ReadRequest::series((0..count).map(labels).collect(), AT - 60_000, AT)
}

/// What a healthy server says to everything but remote read.
fn healthy(request: &Request) -> Reply {
    match request.path.as_str() {
        "/api/v1/status/buildinfo" => Reply::json(r#"{"status":"success","data":{"version":"2.42.0"}}"#),
        "/api/v1/query" if request.form.contains("query=1&") || request.form == "query=1" => {
            Reply::json(r#"{"status":"success","data":{"resultType":"scalar","result":[1,"1"]}}"#)
        }
        "/api/v1/query" => Reply::json(&matrix(&wanted(&request.form))),
        _ => Reply::text(404, "404 page not found"),
    }
}

/// The `n` values a selection of [`labels`] asks for.
fn wanted(form: &str) -> Vec<usize> {
    let url = reqwest::Url::parse(&format!("http://x/?{form}")).unwrap();
    let query = url
        .query_pairs()
        .find(|(name, _)| name == "query")
        .map(|(_, value)| value.into_owned());
    let query = query.unwrap_or_default();
    let values = query
        .split("n=")
        .nth(1)
        .and_then(|rest| rest.split('"').nth(1))
        .unwrap_or("");
    values.split('|').filter_map(|value| value.parse().ok()).collect()
}

fn matrix(series: &[usize]) -> String {
    let list: Vec<String> = series
        .iter()
        .map(|n| {
            format!(
                r#"{{"metric":{{"__name__":"m","n":"{n:04}"}},"values":[[{},"1.5"]]}}"#,
                AT as f64 / 1000.0
            )
        })
        .collect();
    format!(
        r#"{{"status":"success","data":{{"resultType":"matrix","result":[{}]}}}}"#,
        list.join(",")
    )
}

async fn refused(handler: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> SourceError {
    let stub = Stub::start(handler).await;
    let started = Instant::now();
    let error = source(&stub).read(&ask(3), &call()).await.unwrap_err();
    assert!(started.elapsed() < Duration::from_secs(5), "{error}");
    assert!(!error.hint().is_empty() && !error.reason().is_empty());
    error
}

#[tokio::test]
async fn other_things_than_a_prometheus_are_told_apart() {
    let error = refused(|_| Reply::html(200, "<html><body>login</body></html>")).await;
    assert!(matches!(error, SourceError::NotPrometheus { .. }), "{error}");
    let error = refused(|_| Reply::text(200, "hello")).await;
    assert!(matches!(error, SourceError::NotPrometheus { .. }), "{error}");
    let error = refused(|_| Reply::text(401, "who are you")).await;
    assert!(
        matches!(error, SourceError::Unauthorized { status: 401, .. }),
        "{error}"
    );
    let error = refused(|_| Reply::html(403, "<html>no</html>")).await;
    assert!(
        matches!(error, SourceError::Unauthorized { status: 403, .. }),
        "{error}"
    );
    let error = refused(|_| Reply::text(404, "404 page not found")).await;
    assert!(matches!(error, SourceError::NotFound { .. }), "{error}");
    let error = refused(|_| Reply::text(302, "").header("location", "http://u:CANARY@elsewhere/login?t=CANARY")).await;
    assert!(matches!(error, SourceError::Redirected { to: None, .. }), "{error}");
    assert!(!format!("{error:?}").contains("CANARY"));
    let to = "http://u:CANARY@elsewhere/p/api/v1/query?t=CANARY";
    let error = refused(move |_| Reply::text(307, "").header("location", to)).await;
    assert_eq!(error.redirect_to(), Some("http://elsewhere/p"));
    assert!(error.to_string().contains("http://elsewhere/p") && !format!("{error:?}").contains("CANARY"));
    let error = refused(|_| Reply::text(500, "boom\n\x1b[31m\x07 goes on")).await;
    assert!(matches!(error, SourceError::Server { status: 500, .. }), "{error}");
    assert!(!error.to_string().contains('\x1b'));
    let error = refused(|_| Reply::raw(b"\x16\x03\x01\x02\x00 this is TLS, or nothing at all\r\n\r\n")).await;
    assert!(matches!(error, SourceError::Unreachable { .. }), "{error}");
    let error = refused(|_| Reply::json(&"[".repeat(100_000))).await;
    assert!(matches!(error, SourceError::NotPrometheus { .. }), "{error}");
    let error = refused(|_| Reply::json(&format!(r#"{{"status":"success","data":{}"#, "[".repeat(100_000)))).await;
    assert!(matches!(error, SourceError::Decode { .. }), "{error}");
    let error = refused(|_| Reply::json(r#"{"status":"success","data":{"resultType":"scalar","result":[1,"1"]"#)).await;
    assert!(matches!(error, SourceError::Decode { .. }), "{error}");
}

#[tokio::test]
async fn nobody_there() {
    let stub = Stub::start(healthy).await;
    let options = options(&stub);
    drop(stub);
    let error = Prometheus::new(options)
        .unwrap()
        .read(&ask(1), &call())
        .await
        .unwrap_err();
    assert_eq!(error.fault(), Some(Fault::Refused), "{error}");
}

#[tokio::test]
async fn a_probe_asks_the_server_and_not_the_memory() {
    let away = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let gone = away.clone();
    let stub = Stub::start(move |request| {
        if gone.load(Ordering::SeqCst) {
            Reply::text(502, "bad gateway")
        } else {
            healthy(request)
        }
    })
    .await;
    let source = source(&stub);
    source.probe(&call()).await.unwrap();
    away.store(true, Ordering::SeqCst);
    assert!(source.probe(&call()).await.unwrap_err().is_outage());
    away.store(false, Ordering::SeqCst);
    source.probe(&call()).await.unwrap();
}

#[tokio::test]
async fn slow_answers_end_in_time() {
    let error = refused(|_| Reply::never()).await;
    assert!(matches!(error, SourceError::Timeout { .. }), "{error}");
    // A byte now and then does not keep the request alive.
    let error = refused(|_| Reply::trickle(b"{\"status\":\"success\"", Duration::from_millis(50))).await;
    assert!(matches!(error, SourceError::Timeout { .. }), "{error}");
}

#[tokio::test]
async fn cancelling_ends_a_read_at_once() {
    let stub = Stub::start(|request| {
        if request.form == "query=1" {
            healthy(request)
        } else {
            Reply::never()
        }
    })
    .await;
    let mut options = options(&stub);
    options.timeout = Duration::from_secs(10);
    options.ways = vec![Way::InstantQuery];
    let source = Prometheus::new(options).unwrap();
    let call = call();
    let cancel = call.cancel.clone();
    let started = Instant::now();
    let request = sla_source::ExpressionRequest {
        expression: "up".into(),
        start_ms: AT,
        end_ms: AT,
        step_ms: 1000,
        limits: sla_source::ReadLimits::default(),
    };
    let (read, ()) = tokio::join!(source.read_expression(&request, &call), async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        cancel.cancel();
    });
    assert!(matches!(read, Err(SourceError::Cancelled { .. })));
    assert!(started.elapsed() < Duration::from_secs(2));
}

#[tokio::test]
async fn huge_answers_stop_at_the_cap() {
    // Endless, without a length: nothing but the cap ends it.
    let error = refused(|request| {
        if request.form == "query=1" {
            Reply::endless()
        } else {
            healthy(request)
        }
    })
    .await;
    assert!(
        matches!(
            error,
            SourceError::TooLarge {
                limit_bytes: 1_048_576,
                ..
            }
        ),
        "{error}"
    );
    let error = refused(|_| Reply::json("{}").header("content-length", "99999999999")).await;
    assert!(matches!(error, SourceError::TooLarge { .. }), "{error}");
}

#[tokio::test]
async fn overload_is_waited_out_and_bad_requests_are_not_repeated() {
    let tries = Arc::new(AtomicUsize::new(0));
    let count = tries.clone();
    let stub = Stub::start(move |request| {
        if request.form.contains("query=1") && count.fetch_add(1, Ordering::SeqCst) < 2 {
            return Reply::text(503, "overloaded").header("retry-after", "1");
        }
        healthy(request)
    })
    .await;
    let started = Instant::now();
    source(&stub).probe(&call()).await.unwrap();
    assert_eq!(tries.load(Ordering::SeqCst), 3);
    assert!(started.elapsed() >= Duration::from_secs(2), "Retry-After is honoured");
    for status in [400, 422] {
        let tries = Arc::new(AtomicUsize::new(0));
        let count = tries.clone();
        let stub = Stub::start(move |_| {
            count.fetch_add(1, Ordering::SeqCst);
            Reply::json(r#"{"status":"error","errorType":"bad_data","error":"invalid parameter \"query\": 1:3: parse error: unexpected end"}"#).status(status)
        })
        .await;
        let error = source(&stub).check_query("up{", &call()).await.unwrap_err();
        assert!(
            matches!(error, SourceError::BadQuery { position: Some(2), .. }),
            "{error:?}"
        );
        assert_eq!(tries.load(Ordering::SeqCst), 1);
    }
    // A wait beyond the deadline is not begun.
    let stub = Stub::start(|_| Reply::text(429, "slow down").header("retry-after", "3600")).await;
    let started = Instant::now();
    let error = source(&stub).probe(&call()).await.unwrap_err();
    assert!(matches!(error, SourceError::Server { status: 429, .. }) && started.elapsed() < Duration::from_secs(1));
}

#[tokio::test]
async fn without_post_it_goes_by_get_and_without_remote_read_by_json() {
    let stub = Stub::start(|request| {
        if request.path == "/api/v1/read" {
            return Reply::text(400, "unsupported path requested: /api/v1/read");
        }
        if request.method == "POST" {
            Reply::text(405, "method not allowed")
        } else {
            healthy(request)
        }
    })
    .await;
    let source = source(&stub);
    let read = source.read(&ask(3), &call()).await.unwrap();
    assert_eq!(
        (read.series.len(), read.way, read.hides_stale),
        (3, Way::InstantQuery, true)
    );
    assert!(source.probe(&call()).await.unwrap().notices[0].contains("no remote read"));
}

#[tokio::test]
async fn what_fails_fails_alone() {
    // 300 series are two requests; the one with series 250 fails.
    let stub = Stub::start(|request| {
        if request.path == "/api/v1/query" && request.form.contains("0250") {
            return Reply::text(500, "no");
        }
        healthy(request)
    })
    .await;
    let read = source(&stub).read(&ask(300), &call()).await.unwrap();
    assert_eq!((read.series.len(), read.failures.len()), (200, 100));
    assert!(
        read.failures
            .iter()
            .all(|one| matches!(one.error, SourceError::Server { status: 500, .. }))
    );
}

#[tokio::test]
async fn what_is_too_large_is_halved() {
    let largest = Arc::new(AtomicUsize::new(0));
    let seen = largest.clone();
    let stub = Stub::start(move |request| {
        let series = wanted(&request.form);
        if request.path == "/api/v1/query" && series.len() > 30 {
            return Reply::json(&"x".repeat(2 << 20));
        }
        seen.fetch_max(series.len(), Ordering::SeqCst);
        healthy(request)
    })
    .await;
    let read = source(&stub).read(&ask(200), &call()).await.unwrap();
    assert_eq!((read.series.len(), read.failures.len()), (200, 0));
    assert!((10..=30).contains(&largest.load(Ordering::SeqCst)));
}

fn field(tag: u8, bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![tag << 3 | 2];
    varint(&mut out, bytes.len());
    out.extend(bytes);
    out
}

fn varint(out: &mut Vec<u8>, mut number: usize) {
    while number > 0x7f {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// A frame with one chunk of each series, `added` labels included.
fn frame(series: &[usize], added: &[(&str, &str)]) -> Vec<u8> {
    let mut message = Vec::new();
    for n in series {
        let mut encoder = XorEncoder::new();
        for step in 0..4 {
            assert!(encoder.push(AT - 45_000 + step * 15_000, f64::from(step as u32)));
        }
        let mut one = Vec::new();
        let labels = labels(*n);
        for (name, value) in labels.iter().chain(added.iter().copied()) {
            one.extend(field(
                1,
                &[field(1, name.as_bytes()), field(2, value.as_bytes())].concat(),
            ));
        }
        one.extend(field(2, &[vec![3 << 3, 1], field(4, encoder.bytes())].concat()));
        message.extend(field(1, &one));
    }
    let mut out = Vec::new();
    varint(&mut out, message.len());
    out.extend(crc32c::crc32c(&message).to_be_bytes());
    out.extend(message);
    out
}

fn chunked(body: Vec<u8>) -> Reply {
    Reply::bytes(
        "application/x-streamed-protobuf; proto=prometheus.ChunkedReadResponse",
        body,
    )
}

/// A remote-read body that names no series is the probe.
fn is_probe(request: &Request) -> bool {
    request.body.windows(5).any(|part| part == b"probe")
}

#[tokio::test]
async fn broken_frames_fall_back_to_json() {
    type Damage = fn(Vec<u8>) -> Vec<u8>;
    let damages: [Damage; 6] = [
        |mut body| {
            body.truncate(body.len() - 3);
            body
        },
        |mut body| {
            let last = body.len() - 1;
            body[last] ^= 1;
            body
        },
        |_| vec![0xff; 200],
        |_| {
            // The checksum is right, the chunk is not.
            let message = field(
                1,
                &[
                    field(1, &[field(1, b"__name__"), field(2, b"m")].concat()),
                    field(1, &[field(1, b"n"), field(2, b"0000")].concat()),
                    field(2, &[vec![3 << 3, 1], field(4, &[0, 9, 1, 2])].concat()),
                ]
                .concat(),
            );
            let mut out = Vec::new();
            varint(&mut out, message.len());
            out.extend(crc32c::crc32c(&message).to_be_bytes());
            out.extend(message);
            out
        },
        |_| vec![0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01],
        |_| b"<html>".to_vec(),
    ];
    for (at, damage) in damages.into_iter().enumerate() {
        let stub = Stub::start(move |request| {
            if request.path != "/api/v1/read" {
                return healthy(request);
            }
            if is_probe(request) {
                chunked(Vec::new())
            } else {
                chunked(damage(frame(&[0, 1, 2], &[])))
            }
        })
        .await;
        let read = source(&stub).read(&ask(3), &call()).await.unwrap();
        assert_eq!((read.series.len(), read.way), (3, Way::InstantQuery), "damage {at}");
        // Where chunks are the only way allowed, the fault is told.
        let mut options = options(&stub);
        options.ways = vec![Way::RemoteReadChunks];
        let error = Prometheus::new(options)
            .unwrap()
            .read(&ask(3), &call())
            .await
            .unwrap_err();
        assert!(matches!(error, SourceError::Decode { .. }), "damage {at}: {error}");
    }
}

#[tokio::test]
async fn whole_frames_are_read_with_labels_the_server_is_known_to_add() {
    for (added, yaml) in [
        (&[][..], "global:\\n  scrape_interval: 15s\\n"),
        (&[][..], "not of Prometheus"),
        (
            &[("monitor", "eu"), ("zone", "b")][..],
            "global:\\n  external_labels:\\n    monitor: eu\\n    zone: b\\n",
        ),
    ] {
        let stub = Stub::start(move |request| match request.path.as_str() {
            "/api/v1/read" if is_probe(request) => chunked(Vec::new()),
            "/api/v1/read" => chunked([frame(&[0, 1], added), frame(&[2], added)].concat()),
            "/api/v1/status/config" => Reply::json(&format!(r#"{{"status":"success","data":{{"yaml":"{yaml}"}}}}"#)),
            _ => healthy(request),
        })
        .await;
        let read = source(&stub).read(&ask(3), &call()).await.unwrap();
        assert_eq!(
            (read.series.len(), read.way, read.hides_stale),
            (3, Way::RemoteReadChunks, false)
        );
        for (at, (have, samples)) in read.decoded().unwrap().into_iter().enumerate() {
            assert_eq!((have, samples.len()), (labels(at), 4));
        }
    }
}

#[tokio::test]
async fn labels_that_nobody_explains_make_it_read_by_query() {
    let reads = Arc::new(AtomicUsize::new(0));
    let count = reads.clone();
    let stub = Stub::start(move |request| match request.path.as_str() {
        "/api/v1/read" if is_probe(request) => chunked(Vec::new()),
        "/api/v1/read" => {
            count.fetch_add(1, Ordering::SeqCst);
            chunked(frame(&[0, 1, 2], &[("monitor", "eu")]))
        }
        _ => healthy(request),
    })
    .await;
    let source = source(&stub);
    for _ in 0..3 {
        let read = source.read(&ask(3), &call()).await.unwrap();
        assert_eq!((read.series.len(), read.failures.len()), (3, 0));
        for (at, (have, samples)) in read.decoded().unwrap().into_iter().enumerate() {
            // One sample: it came by query.
            assert_eq!((have, samples.len()), (labels(at), 1));
        }
    }
    assert_eq!(reads.load(Ordering::SeqCst), 1, "it is not tried again and again");
}

#[tokio::test]
async fn a_snappy_bomb_is_not_unpacked() {
    // Claims 4 GiB in ten bytes.
    let bomb = vec![0xff, 0xff, 0xff, 0xff, 0x0f, 0x00, 0x61, 0xfe, 0x01, 0x00];
    let stub = Stub::start(move |request| {
        if request.path == "/api/v1/read" && !is_probe(request) {
            return Reply::bytes("application/x-protobuf", bomb.clone());
        }
        if request.path == "/api/v1/read" {
            chunked(Vec::new())
        } else {
            healthy(request)
        }
    })
    .await;
    let mut options = options(&stub);
    options.ways = vec![Way::RemoteReadChunks, Way::RemoteReadSamples];
    let error = Prometheus::new(options)
        .unwrap()
        .read(&ask(1), &call())
        .await
        .unwrap_err();
    assert!(
        matches!(error, SourceError::TooLarge { .. } | SourceError::Decode { .. }),
        "{error}"
    );
}

#[tokio::test]
async fn secrets_are_sent_and_never_shown() {
    let stub = Stub::start(|request| {
        let head = request.head.to_ascii_lowercase();
        // CANARY:pass in base64, and the tenant.
        if head.contains("authorization: basic q0foqvjzonbhc3m=") && head.contains("x-scope-orgid: canary-tenant") {
            Reply::text(500, "you are in")
        } else {
            Reply::text(401, "who")
        }
    })
    .await;
    let mut options = options(&stub);
    options.url = options.url.replace("http://", "http://CANARY:pass@");
    options.headers = vec![("X-Scope-OrgID".into(), Secret::Text("canary-tenant".into()))];
    assert!(!format!("{:?}", options.headers).contains("canary"));
    let error = Prometheus::new(options).unwrap().probe(&call()).await.unwrap_err();
    assert!(matches!(error, SourceError::Server { status: 500, .. }), "{error}");
    assert!(!format!("{error} {error:?}").contains("CANARY"));
}

#[tokio::test]
async fn secrets_that_a_server_repeats_are_not_passed_on() {
    for (status, in_api_words) in [
        (400, true),
        (400, false),
        (422, true),
        (422, false),
        (500, true),
        (500, false),
        (502, false),
        (200, false),
    ] {
        let stub = Stub::start(move |request| {
            let head = request.head.replace("\r\n", " ");
            let in_json = serde_json::json!({"status": "error", "errorType": "bad_data", "error": head});
            let said = if in_api_words { in_json.to_string() } else { head };
            Reply::text(status, &said)
        })
        .await;
        for credentials in [
            Credentials::Bearer(Secret::Text("bearer-CANARY".into())),
            Credentials::Basic {
                user: "ada".into(),
                password: Secret::Text("bearer-CANARY".into()),
            },
        ] {
            let mut options = options(&stub);
            options.credentials = credentials;
            options.headers = vec![("X-Key".into(), Secret::Text("header-CANARY".into()))];
            let source = Prometheus::new(options).unwrap();
            let error = source.read(&ask(1), &call()).await;
            let told = format!("{error:?}");
            assert!(told.contains("x-key: …"), "the rest is told: {told}");
            for secret in ["CANARY", "YWRhOmJlYXJlci1DQU5BUlk"] {
                assert!(!told.contains(secret), "{status}: {told}");
            }
        }
    }
}
