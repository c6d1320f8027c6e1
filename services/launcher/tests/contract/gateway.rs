//! The door for consoles and scripts: the same suite through it, with the roles behind it coming late; who is let in by TLS and
//! who is not, and what JSON over HTTP answers.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sla_domain::{Clock as _, ManualClock, SystemClock};
use sla_launcher::config::Config;
use sla_launcher::instance::{self, Demo, Paths, Roles, Serve, Wiring};
use sla_proto::Peer;
use sla_proto::objective::v1::SlaSet;
use sla_proto::peer::{Claims, Trust};
use sla_proto::server::v1::GetServerInfoRequest;
use sla_proto::set::v1::{CreateSetRequest, ListSetsRequest};
use sla_runtime::server::{Connections, Cover, DoorTls, TcpDoor};
use sla_runtime::shutdown::Shutdown;
use sla_testkit::free_address;
use tonic::Code;
use tonic_health::pb::health_check_response::ServingStatus;

use crate::authority::{Authority, Pair, without_http2};
use crate::estate::{self, Estate};
use crate::suite::{health_of, suite};

/// How long the roles are left without their storage.
const ABSENT: Duration = Duration::from_secs(30);
/// A client of HTTP.
fn web() -> reqwest::Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::new()
}

/// How soon all is well once nothing is absent.
const RECOVERY: Duration = Duration::from_secs(20);

/// Five processes by TLS; the one that all others need comes 30 s late, and one of them ends and comes back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_contract_holds_through_a_gateway_whose_roles_come_late() {
    let mut estate = Estate::behind_a_gateway();
    for role in ["gateway", "retrieval", "sla", "etl", "account"] {
        estate.begin(role);
    }
    estate.answer();
    let trust = Trust::default().in_authority(&estate.authority());
    let console = Peer::lazy_tcp(&estate.address("gateway"), &trust).unwrap();
    tokio::time::sleep(ABSENT).await;
    // Whoever calls must be known, and the accounts are in the storage: nobody is let in meanwhile, and it is said why.
    let refused = console
        .server()
        .get_server_info(GetServerInfoRequest {})
        .await
        .unwrap_err();
    assert_eq!(refused.code(), tonic::Code::Unavailable, "{refused:?}");
    assert!(refused.message().contains("the accounts cannot be read"), "{refused:?}");
    estate.begin("storage");
    estate.answer();
    serving(&console, &["storage", "account", "etl", "sla", "retrieval", "gateway"]).await;

    let roles = estate.addresses().map(|(role, address)| {
        let claims = Claims::default().with_secret(estate::SECRET);
        (
            role.to_owned(),
            Peer::lazy_tcp(&address, &trust).unwrap().claiming(claims),
        )
    });
    let roles = console
        .clone()
        .routed(roles.filter(|(role, _)| role != "gateway").collect());
    suite("gateway", &console, &roles).await;
    crate::closed_to_consoles(&console).await;

    let (took, well) = estate.end("retrieval", Duration::from_secs(5));
    assert!(well, "retrieval ended after {took:?}");
    let gone = console.health().check(health_of("retrieval")).await.unwrap_err();
    assert_eq!(gone.code(), Code::Unavailable, "{gone:?}");
    estate.begin("retrieval");
    serving(&console, &["retrieval"]).await;
    assert!(estate.stop(Duration::from_secs(5)), "each process ends in order");
}

/// Waits until all these roles serve.
async fn serving(console: &Peer, roles: &[&str]) {
    let begun = Instant::now();
    for role in roles {
        loop {
            let answer = console.health().check(health_of(role)).await;
            match answer {
                Ok(answer) if answer.get_ref().status() == ServingStatus::Serving => break,
                answer => assert!(begun.elapsed() < RECOVERY, "{role}: {answer:?}"),
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

/// One instance with all roles and a gateway, in this process, on as many doors as a test wants.
struct Instance {
    folder: tempfile::TempDir,
    roles: Roles,
    shutdown: Shutdown,
}

impl Instance {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let paths = Paths::inside(folder.path());
        let now_ms = SystemClock.now_ms();
        let run = Serve {
            demo: Some(Demo {
                folder: folder.path().to_owned(),
                frozen_ms: Some(now_ms),
                step_ms: 15_000,
            }),
            // With a port the gateway runs too; the doors are bound below.
            listen: Some("127.0.0.1:0".parse().unwrap()),
            ..Serve::default()
        };
        let shutdown = Shutdown::new();
        let config = Config::default();
        let wiring = Wiring {
            config: &config,
            paths: &paths,
            run: &run,
            clock: Arc::new(ManualClock::at(now_ms)),
            shutdown: &shutdown,
        };
        let roles = instance::start(wiring).await.unwrap();
        Self {
            folder,
            roles,
            shutdown,
        }
    }

    async fn door(&self, address: &str, cover: Cover) -> SocketAddr {
        let door = TcpDoor::bind(address.parse().unwrap(), cover).await.unwrap();
        let address = door.address;
        let (routes, guard) = (self.roles.routes.clone(), self.roles.guard.clone());
        let served = door.serve(routes, guard, Connections::default(), self.shutdown.clone());
        self.shutdown.spawn("door", async move { served.await.unwrap() });
        address
    }

    async fn stop(self) {
        self.shutdown.begin();
        assert!(
            self.shutdown.drain(sla_runtime::shutdown::DRAIN_LIMIT).await,
            "every task ends"
        );
    }
}

fn tls(pair: &Pair, client_ca: Option<&Path>) -> Cover {
    Cover::Tls(DoorTls::read(&pair.cert, &pair.key, client_ca).unwrap())
}

/// `sla sets list` over the network, by the real binary.
async fn list(home: &Path, address: String, more: Vec<std::ffi::OsString>) -> Output {
    let home = home.to_owned();
    tokio::task::spawn_blocking(move || {
        Command::new(env!("CARGO_BIN_EXE_sla"))
            .args(["sets", "list", "--connect", &address])
            .args(more)
            .env_clear()
            .env("HOME", home)
            .output()
            .unwrap()
    })
    .await
    .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[expect(clippy::too_many_lines, reason = "one scene, one row after the other")]
async fn who_cannot_be_trusted_is_refused_in_words() {
    let instance = Instance::start().await;
    let place = instance.folder.path();
    let (ours, theirs) = (Authority::new(place, "ours"), Authority::new(place, "theirs"));
    let here = ["127.0.0.1"];
    let good = ours.sign("good", &here, false);
    let loopback = "127.0.0.1:0";
    let plain = instance.door(loopback, Cover::Host).await;
    let open = instance.door(loopback, tls(&good, None)).await;
    let expired = instance
        .door(loopback, tls(&ours.sign("expired", &here, true), None))
        .await;
    let misnamed = instance
        .door(loopback, tls(&ours.sign("misnamed", &["db.example.org"], false), None))
        .await;
    let asking = instance.door(loopback, tls(&good, Some(&ours.file()))).await;
    let old = without_http2(&good);
    let zoe = ours.sign("zoe", &[], false);
    let stranger = theirs.sign("stranger", &[], false);
    let late = ours.sign("late", &[], true);

    let ca = |authority: &Authority| vec!["--ca".into(), authority.file().into_os_string()];
    let show = |pair: &Pair| {
        let mut flags = ca(&ours);
        flags.extend([
            "--cert".into(),
            pair.cert.clone().into(),
            "--key".into(),
            pair.key.clone().into(),
        ]);
        flags
    };
    let (ok, away) = (0, 69);
    for (case, door, scheme, flags, code, words) in [
        ("trusted", open, "https", ca(&ours), ok, ""),
        (
            "another authority",
            open,
            "https",
            ca(&theirs),
            away,
            "signed by nobody who is trusted here",
        ),
        (
            "expired",
            expired,
            "https",
            ca(&ours),
            away,
            "its certificate has expired",
        ),
        (
            "another name",
            misnamed,
            "https",
            ca(&ours),
            away,
            "is for another name",
        ),
        (
            "no certificate",
            asking,
            "https",
            ca(&ours),
            away,
            "asks for a certificate of ours",
        ),
        (
            "a stranger's certificate",
            asking,
            "https",
            show(&stranger),
            away,
            "does not take our certificate",
        ),
        (
            "a late certificate",
            asking,
            "https",
            show(&late),
            away,
            "does not take our certificate",
        ),
        ("a certificate", asking, "https", show(&zoe), ok, ""),
        ("plaintext to TLS", open, "http", ca(&ours), away, ""),
        (
            "TLS to plaintext",
            plain,
            "https",
            ca(&ours),
            away,
            "does not speak TLS",
        ),
        ("plaintext on this host", plain, "http", Vec::new(), ok, ""),
        ("no HTTP/2", old, "https", ca(&ours), away, "speaks TLS but no HTTP/2"),
    ] {
        let said = list(place, format!("{scheme}://{door}"), flags).await;
        let all = format!(
            "{}{}",
            String::from_utf8_lossy(&said.stdout),
            String::from_utf8_lossy(&said.stderr)
        );
        assert_eq!(said.status.code(), Some(code), "{case}: {all}");
        assert!(all.contains(words), "{case}: {all}");
    }
    instance.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn beyond_this_host_only_who_is_known_changes_things() {
    let instance = Instance::start().await;
    let place = instance.folder.path();
    let ours = Authority::new(place, "ours");
    let good = ours.sign("good", &["127.0.0.1"], false);
    let everywhere = "0.0.0.0:0";
    assert!(
        TcpDoor::bind(everywhere.parse().unwrap(), Cover::Host).await.is_err(),
        "not in the clear"
    );
    let open = instance.door(everywhere, tls(&good, None)).await;
    let bare = instance.door(everywhere, Cover::Bare).await;
    let asking = instance.door(everywhere, tls(&good, Some(&ours.file()))).await;
    let zoe = ours.sign("zoe", &[], false);
    let ca = Trust::default().in_authority(&std::fs::read(ours.file()).unwrap());
    let known = ca
        .clone()
        .showing(&std::fs::read(&zoe.cert).unwrap(), &std::fs::read(&zoe.key).unwrap());
    let create = |name: &str| CreateSetRequest {
        set: Some(SlaSet {
            name: name.to_owned(),
            active: true,
            ..SlaSet::default()
        }),
    };
    for (address, trust) in [
        (format!("https://127.0.0.1:{}", open.port()), &ca),
        (format!("http://127.0.0.1:{}", bare.port()), &ca),
    ] {
        let guest = Peer::connect_tcp(&address, trust).await.unwrap();
        guest.sets().list_sets(ListSetsRequest::default()).await.unwrap();
        let refused = guest.sets().create_set(create("guest")).await.unwrap_err();
        assert_eq!(refused.code(), Code::PermissionDenied, "{address}: {refused:?}");
    }
    let web = web();
    let base = format!("http://127.0.0.1:{}", bare.port());
    let looked = web.get(format!("{base}/v1/sets")).send().await.unwrap();
    assert_eq!(looked.status(), 200);
    let body = json!({ "set": { "name": "guest", "active": true } });
    let changed = web
        .post(format!("{base}/v1/sets"))
        .body(body.to_string())
        .send()
        .await
        .unwrap();
    assert_eq!(changed.status(), 403);
    let refused: Value = serde_json::from_str(&changed.text().await.unwrap()).unwrap();
    assert_eq!(refused["reason"], "NOT_ALLOWED", "{refused}");

    let address = format!("https://127.0.0.1:{}", asking.port());
    let peer = Peer::connect_tcp(&address, &known).await.unwrap();
    let created = peer.sets().create_set(create("of zoe")).await.unwrap().into_inner();
    assert_eq!(created.set.unwrap().author, "zoe", "the name in the certificate");
    instance.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[expect(clippy::too_many_lines, reason = "one scene, one row after the other")]
async fn json_over_http_answers_what_the_commands_print() {
    let instance = Instance::start().await;
    let door = instance.door("127.0.0.1:0", Cover::Host).await;
    let base = format!("http://{door}");
    let web = web();
    let get = async |path: &str| {
        let answer = web.get(format!("{base}{path}")).send().await.unwrap();
        let (status, kind) = (answer.status().as_u16(), answer.headers()["content-type"].clone());
        let json: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
        (status, kind, json)
    };
    let send = async |method: reqwest::Method, path: &str, body: String| {
        let request = web
            .request(method, format!("{base}{path}"))
            .header("content-type", "application/json");
        let answer = request.body(body).send().await.unwrap();
        (
            answer.status().as_u16(),
            serde_json::from_str::<Value>(&answer.text().await.unwrap()).unwrap(),
        )
    };
    // The demo's sets are made once the first evaluation is there.
    let (status, _, overview) = get("/v1/overview?wait_s=14").await;
    assert_eq!(status, 200, "{overview}");
    assert!(overview["overview"]["evaluated"].is_string(), "{overview}");

    let said = list(instance.folder.path(), base.clone(), vec!["--json".into()]).await;
    let printed: Value = serde_json::from_slice(&said.stdout).unwrap();
    let (_, kind, sets) = get("/v1/sets").await;
    assert_eq!((kind.as_bytes(), &sets["sets"]), (&b"application/json"[..], &printed));
    let (_, _, rows) = get("/v1/metrics?queries=node_load1&window_s=3600&columns=4").await;
    assert_eq!(
        (&rows["total"], rows["rows"].as_array().unwrap().len()),
        (&json!(3), 3),
        "{rows}"
    );
    assert_eq!(rows["rows"][0]["series"]["labels"]["__name__"], "node_load1");

    let set =
        json!({ "set": { "name": "by http", "active": true, "objectives": [{ "query": "node_load1", "max": 4 }] } });
    let (status, created) = send(reqwest::Method::POST, "/v1/sets", set.to_string()).await;
    assert_eq!(
        (status, &created["set"]["objectives"][0]["max"]),
        (200, &json!(4.0)),
        "{created}"
    );
    let id = created["set"]["id"].as_str().unwrap();
    let mut edited = created["set"].clone();
    edited["objectives"][0]["max"] = json!(5);
    let (status, saved) = send(
        reqwest::Method::PUT,
        &format!("/v1/sets/{id}"),
        json!({ "set": edited }).to_string(),
    )
    .await;
    assert_eq!(
        (status, &saved["set"]["objectives"][0]["max"]),
        (200, &json!(5.0)),
        "{saved}"
    );
    let (status, stale) = send(
        reqwest::Method::PUT,
        &format!("/v1/sets/{id}"),
        json!({ "set": edited }).to_string(),
    )
    .await;
    assert_eq!((status, &stale["reason"]), (409, &json!("STALE_VERSION")), "{stale}");
    let path = format!("/v1/sets/{id}?version={}", saved["set"]["version"]);
    assert_eq!(send(reqwest::Method::DELETE, &path, String::new()).await.0, 200);

    for (path, status, reason) in [
        ("/v1/sets/nobody", 404, "NOT_FOUND"),
        ("/v1/nothing", 404, "NOT_FOUND"),
        ("/v1/violations?page_size=x", 400, "INVALID_FIELD"),
        ("/v1/violations?colour=red", 400, "INVALID_FIELD"),
        ("/v1/violations?page_token=zz", 400, "BAD_PAGE_TOKEN"),
        ("/v1/series?query=up%7B", 400, "BAD_QUERY"),
    ] {
        let (got, kind, refused) = get(path).await;
        assert_eq!((got, &refused["reason"]), (status, &json!(reason)), "{path}: {refused}");
        assert_eq!(
            (kind.as_bytes(), &refused["status"]),
            (&b"application/problem+json"[..], &json!(status))
        );
    }
    let crossed = json!({ "set": { "name": "x", "objectives": [{ "query": "up", "min": 5, "max": 4 }] } });
    let (status, refused) = send(reqwest::Method::POST, "/v1/sets", crossed.to_string()).await;
    assert_eq!(
        (status, &refused["fields"][0]["field"]),
        (400, &json!("set.objectives[0].min")),
        "{refused}"
    );
    for (path, field, words) in [
        (
            "/v1/metrics?queries=up&window_s=0.005",
            "window_s",
            "window_s is 0.005: must lie between 1s and",
        ),
        (
            "/v1/metrics?queries=up&window_s=60&window_s=60",
            "window_s",
            "window_s: is given more than once; give it once",
        ),
        (
            "/v1/chart?query=up&query=x",
            "query",
            "query: is given more than once; give it once",
        ),
    ] {
        let (status, _, refused) = get(path).await;
        let told = &refused["fields"][0];
        assert_eq!((status, &told["field"]), (400, &json!(field)), "{path}: {refused}");
        assert!(
            told["description"].as_str().unwrap().starts_with(words),
            "{path}: {refused}"
        );
    }
    let twice = r#"{"set": {"name": "x", "objectives": [{"query": "up", "max": 1, "max": 9}]}}"#;
    let (status, refused) = send(reqwest::Method::POST, "/v1/sets", twice.to_owned()).await;
    assert_eq!(
        (status, &refused["fields"][0]["field"]),
        (400, &json!("set.objectives[0].max")),
        "{refused}"
    );
    assert_eq!(send(reqwest::Method::POST, "/v1/sets", "{".to_owned()).await.0, 400);
    assert_eq!(
        send(reqwest::Method::POST, "/v1/sets", " ".repeat((1 << 20) + 1))
            .await
            .0,
        413
    );
    assert_eq!(send(reqwest::Method::POST, "/v1/info", String::new()).await.0, 405);
    let long = web
        .get(format!("{base}/v1/info"))
        .header("x-long", "x".repeat(17 << 10))
        .send()
        .await
        .unwrap();
    assert_eq!(long.status(), 431);
    let (status, _, page) = get("/v1/openapi.json").await;
    assert_eq!((status, &page["openapi"]), (200, &json!("3.1.0")));
    instance.stop().await;
}

#[test]
fn what_cannot_work_is_refused_before_any_port_is_bound() {
    let home = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str], variables: &[(&str, &str)]| {
        let said = Command::new(env!("CARGO_BIN_EXE_sla"))
            .args(arguments)
            .env_clear()
            .env("HOME", home.path())
            .envs(variables.iter().copied())
            .output()
            .unwrap();
        (
            said.status.code().unwrap(),
            String::from_utf8_lossy(&said.stderr).into_owned(),
        )
    };
    let port = free_address().to_string();
    let (cert, peer) = ("SLA_TLS__CERT_FILE", "SLA_PEERS__STORAGE");
    for (variables, words) in [
        (&[(cert, "/no/such.pem")][..], "tls.cert_file"),
        (&[(peer, "http://10.0.0.1:7000")][..], "peers.storage"),
        (&[("SLA_PEERS__SECRET_FILE", "/no/such")][..], "/no/such"),
        (&[("SLA_GATEWAY__LISTEN", "everywhere")][..], "SLA_GATEWAY__LISTEN"),
    ] {
        for arguments in [
            &["config", "check", "--roles", "gateway"][..],
            &["serve", "--roles", "gateway", "--listen", &port],
        ] {
            let (code, said) = run(arguments, variables);
            assert!(
                code != 0 && said.contains(words),
                "{arguments:?} {variables:?}: {code} {said}"
            );
        }
        assert!(std::net::TcpStream::connect(&port).is_err(), "no port was bound");
    }
    assert_eq!(run(&["config", "check"], &[]).0, 0);
    let (code, said) = run(&["serve", "--roles", "gateway", "--listen", "0.0.0.0:0"], &[]);
    assert!(code == 78 && said.contains("unencrypted"), "{code} {said}");
    let (code, said) = run(&["sets", "list", "--connect", "http://10.0.0.1:1"], &[]);
    assert!(code == 64 && said.contains("--insecure"), "{code} {said}");
}
