//! What stands between a console and its Prometheus: each failure says at which layer it is, and what other clients get
//! over works here, too.

use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use sla_source::{Call, Fault, MetricSource, Prometheus, SourceError, SourceOptions};
use sla_testkit::{Reply, Request, Stub, provide_tls};

const ONE: &str = r#"{"status":"success","data":{"resultType":"scalar","result":[1,"1"]}}"#;

async fn probe(url: String) -> Result<Vec<String>, SourceError> {
    let mut options = SourceOptions::new("stub", url);
    options.timeout = Duration::from_secs(3);
    options.system_proxy = false;
    let source = Prometheus::new(options).unwrap();
    Ok(source.probe(&Call::within(Duration::from_secs(20))).await?.notices)
}

async fn fault_of(handler: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> (Fault, String) {
    let stub = Stub::start(handler).await;
    let error = probe(stub.url()).await.unwrap_err();
    (error.fault().unwrap(), error.to_string())
}

#[tokio::test]
async fn the_layer_is_told() {
    provide_tls();
    let unknown = probe("http://nosuch.invalid:9090".into()).await.unwrap_err();
    assert_eq!(unknown.fault(), Some(Fault::Name), "{unknown}");
    let port = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().port()
    };
    let refused = probe(format!("http://127.0.0.1:{port}")).await.unwrap_err();
    assert_eq!(refused.fault(), Some(Fault::Refused), "{refused}");
    for (reply, fault) in [
        (Reply::text as fn(u16, &str) -> Reply, Fault::Http),
        (Reply::html, Fault::Http),
    ] {
        assert_eq!(fault_of(move |_| reply(500, "boom")).await.0, fault);
    }
    assert_eq!(fault_of(|_| Reply::text(401, "who")).await.0, Fault::Credentials);
    assert_eq!(fault_of(|_| Reply::text(404, "no")).await.0, Fault::Http);
    assert_eq!(fault_of(|_| Reply::html(200, "<html>login")).await.0, Fault::Content);
    assert_eq!(fault_of(|_| Reply::json("{}")).await.0, Fault::Content);
    assert_eq!(
        fault_of(|_| Reply::text(302, "").header("location", "/login")).await.0,
        Fault::Redirect
    );
    assert_eq!(fault_of(|_| Reply::never()).await.0, Fault::Timeout);
    assert_eq!(fault_of(|_| Reply::raw(b"")).await.0, Fault::Lost);
    let (fault, text) = fault_of(|_| Reply::raw(b"220 mail.example.com ESMTP\r\n")).await;
    assert_eq!(fault, Fault::Lost);
    assert!(text.contains("does not speak HTTP"), "{text}");
    let go = "Client sent an HTTP request to an HTTPS server.\n";
    assert_eq!(fault_of(move |_| Reply::text(400, go)).await.0, Fault::TlsMismatch);
    assert_eq!(fault_of(|_| Reply::text(407, "")).await.0, Fault::Proxy);
}

#[tokio::test]
async fn get_is_tried_where_post_is_refused() {
    for status in [403, 405, 501] {
        let (posts, gets) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (seen_posts, seen_gets) = (posts.clone(), gets.clone());
        let stub = Stub::start(move |request| {
            if request.path != "/api/v1/query" {
                return Reply::text(404, "no");
            }
            if request.method == "POST" {
                seen_posts.fetch_add(1, Ordering::SeqCst);
                return Reply::text(status, "no");
            }
            seen_gets.fetch_add(1, Ordering::SeqCst);
            Reply::json(ONE)
        })
        .await;
        let mut options = SourceOptions::new("stub", stub.url());
        options.system_proxy = false;
        let source = Prometheus::new(options).unwrap();
        let call = Call::within(Duration::from_secs(20));
        source.probe(&call).await.unwrap();
        source.probe(&call).await.unwrap();
        // Once learnt it is not asked again.
        assert_eq!(posts.load(Ordering::SeqCst), 1, "{status}");
        assert_eq!(gets.load(Ordering::SeqCst), 2, "{status}");
    }
    // Where GET is refused too, it is about the credentials.
    assert_eq!(fault_of(|_| Reply::text(403, "no")).await.0, Fault::Credentials);
}

#[tokio::test]
async fn an_encoding_that_nobody_asked_for_is_decoded_or_named() {
    let pack = |text: &str| {
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packed.write_all(text.as_bytes()).unwrap();
        packed.finish().unwrap()
    };
    let cut = pack(ONE)[..20].to_vec();
    let deflated = {
        let mut packed = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
        packed.write_all(ONE.as_bytes()).unwrap();
        packed.finish().unwrap()
    };
    let twice = {
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packed.write_all(&deflated).unwrap();
        packed.finish().unwrap()
    };
    for (name, body) in [
        ("gzip", pack(ONE)),
        ("GZIP", pack(ONE)),
        ("x-gzip", pack(ONE)),
        ("X-Gzip", pack(ONE)),
        ("identity, gzip", pack(ONE)),
        ("deflate", deflated.clone()),
        ("Deflate", deflated),
        ("deflate, GZip", twice),
    ] {
        let stub = Stub::start(move |request| {
            let asked = request.head.to_ascii_lowercase();
            assert!(asked.contains("accept-encoding: identity"), "{asked}");
            Reply::bytes("application/json", body.clone()).header("content-encoding", name)
        })
        .await;
        let told = probe(stub.url()).await;
        assert!(told.is_ok(), "{name}: {told:?}");
    }
    // What is refused in a packed body is still read.
    let refused = pack(r#"{"status":"error","errorType":"unavailable","error":"tsdb not ready"}"#);
    let (_, text) = fault_of(move |_| {
        Reply::bytes("application/json", refused.clone())
            .header("content-encoding", "GZIP")
            .status(500)
    })
    .await;
    assert!(text.contains("tsdb not ready"), "{text}");
    let (fault, text) =
        fault_of(move |_| Reply::bytes("application/json", cut.clone()).header("content-encoding", "gzip")).await;
    assert_eq!(fault, Fault::Content, "{text}");
    for (name, told) in [
        ("br", "`br`"),
        ("BR", "`br`"),
        ("x-compress", "`x-compress`"),
        ("gzip, zstd", "`zstd`"),
    ] {
        let (fault, text) = fault_of(move |_| Reply::json(ONE).header("content-encoding", name)).await;
        assert_eq!(fault, Fault::Content, "{name}");
        assert!(text.contains(told), "{name}: {text}");
    }
}

#[tokio::test]
async fn the_servers_clock_is_learnt_from_its_answers() {
    let stub = Stub::start(|request| {
        let reply = match request.path.as_str() {
            "/api/v1/query" => Reply::json(ONE),
            _ => Reply::text(404, "no"),
        };
        reply.header("date", "Fri, 20 Nov 2020 19:00:00 GMT")
    })
    .await;
    let mut options = SourceOptions::new("stub", stub.url());
    options.system_proxy = false;
    let source = Prometheus::new(options).unwrap();
    assert!(source.server_times().is_empty());
    source.probe(&Call::within(Duration::from_secs(20))).await.unwrap();
    let times = source.server_times();
    assert!(times.len() >= 2, "{times:?}");
    assert!(
        times.iter().all(|time| time.server_ms == 1_605_898_800_500),
        "{times:?}"
    );
}
