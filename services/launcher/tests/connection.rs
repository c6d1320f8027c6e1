//! How the configured source is reached: credentials, headers, path and proxy arrive there, and secrets nowhere else. The
//! server is a stub that writes down what it is asked.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a test that cannot go on shall fail where it stands"
)]

use std::path::Path;
use std::process::{Command, Output};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use sla_proto::Peer;
use sla_proto::server::v1::GetServerInfoRequest;
use sla_testkit::instance::sla;
use sla_testkit::{Instance, Reply, Stub};

/// How long something that must happen is waited for.
const LIMIT: Duration = Duration::from_secs(30);
/// What must never be seen.
const CANARY: &str = "CANARY-7f3a";
/// The same as basic credentials would carry it: base64 of `me:CANARY-7f3a-password`.
const CANARY_BASE64: &str = "bWU6Q0FOQVJZLTdmM2EtcGFzc3dvcmQ=";

/// A server that answers like an empty Prometheus to requests whose head has `wanted` in it, and 401 to others.
struct Seen {
    stub: Stub,
    wanted: Arc<Mutex<String>>,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Seen {
    fn start(wanted: &str) -> Self {
        let (wanted, heads) = (
            Arc::new(Mutex::new(wanted.to_owned())),
            Arc::<Mutex<Vec<String>>>::default(),
        );
        let (in_stub, seen) = (wanted.clone(), heads.clone());
        let stub = Stub::in_background(move |request| {
            seen.lock().unwrap().push(request.head.clone());
            if request.head.contains(in_stub.lock().unwrap().as_str()) {
                answer(&request.path, &request.form)
            } else {
                Reply::text(401, "who are you")
            }
        });
        Self { stub, wanted, heads }
    }

    fn url(&self) -> String {
        self.stub.url()
    }

    fn want(&self, text: &str) {
        text.clone_into(&mut self.wanted.lock().unwrap());
    }

    /// Waits for a head with all of these in it, and gives it.
    fn sees(&self, words: &[&str]) -> String {
        let begun = Instant::now();
        loop {
            let heads = self.heads.lock().unwrap().clone();
            let found = heads.iter().find(|head| words.iter().all(|word| head.contains(word)));
            if let Some(head) = found {
                return head.clone();
            }
            assert!(begun.elapsed() < LIMIT, "{words:?} never came: {heads:#?}");
            thread::sleep(Duration::from_millis(20));
        }
    }
}

fn answer(path: &str, form: &str) -> Reply {
    let data = if path.ends_with("/buildinfo") {
        r#"{"status":"success","data":{"version":"2.53.0"}}"#
    } else if path.ends_with("/api/v1/query") && form.contains("query=1") {
        r#"{"status":"success","data":{"resultType":"scalar","result":[1,"1"]}}"#
    } else if path.ends_with("/api/v1/query") {
        r#"{"status":"success","data":{"resultType":"vector","result":[]},"warnings":["half of the data is away"]}"#
    } else if path.ends_with("/series") || path.ends_with("/values") {
        r#"{"status":"success","data":[]}"#
    } else if path.ends_with("/metadata") {
        r#"{"status":"success","data":{}}"#
    } else {
        return Reply::text(404, "not here");
    };
    Reply::json(data)
}

/// An instance whose configuration is this file.
struct Configured {
    instance: Instance,
    variables: Vec<(String, String)>,
}

impl Configured {
    fn with(text: &str) -> Self {
        let instance = Instance::on("");
        std::fs::write(instance.folder.path().join("config.toml"), text).unwrap();
        Self {
            instance,
            variables: Vec::new(),
        }
    }

    fn folder(&self) -> &Path {
        self.instance.folder.path()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = sla(self.folder());
        command
            .arg("--data-dir")
            .arg(self.folder())
            .arg("--config")
            .arg(self.folder().join("config.toml"))
            .args(arguments)
            .envs(self.variables.clone());
        for name in ["http_proxy", "https_proxy", "all_proxy", "no_proxy"] {
            if !self.variables.iter().any(|(given, _)| given == name) {
                command.env_remove(name).env_remove(name.to_uppercase());
            }
        }
        command
    }

    fn sla(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }
}

impl Drop for Configured {
    fn drop(&mut self) {
        let _ = self.sla(&["stop"]);
    }
}

#[test]
fn a_bearer_token_is_read_again_from_its_file() {
    let stub = Seen::start("authorization: Bearer first\r\n");
    let configured = Configured::with("");
    let token = configured.folder().join("token");
    std::fs::write(&token, "first\n").unwrap();
    let text = format!(
        "[source]\nurl = \"{}\"\nbearer_token_file = \"{}\"\n",
        stub.url(),
        token.display()
    );
    std::fs::write(configured.folder().join("config.toml"), text).unwrap();
    let seen = configured.sla(&["metrics", "up"]);
    stub.sees(&["POST /api/v1/series ", "Bearer first"]);
    assert!(!String::from_utf8_lossy(&seen.stderr).contains("HTTP 401"), "{seen:?}");

    stub.want("authorization: Bearer second\r\n");
    std::fs::write(&token, "second\n").unwrap();
    configured.sla(&["metrics", "down"]);
    stub.sees(&["POST /api/v1/series ", "Bearer second"]);
}

#[test]
fn basic_credentials_headers_and_the_path_arrive() {
    // me:secret
    let stub = Seen::start("authorization: Basic bWU6c2VjcmV0\r\n");
    let configured = Configured::with("");
    let password = configured.folder().join("password");
    std::fs::write(&password, "secret\n").unwrap();
    let text = format!(
        "[source]\nurl = \"{}/select/0/prometheus\"\nusername = \"me\"\npassword_file = \"{}\"\ncompression = true\n\
         [source.headers]\nX-Scope-OrgID = \"tenant-1\"\n",
        stub.url(),
        password.display()
    );
    std::fs::write(configured.folder().join("config.toml"), text).unwrap();
    configured.sla(&["metrics", "up"]);
    let head = stub.sees(&["POST /select/0/prometheus/api/v1/series ", "Basic bWU6c2VjcmV0"]);
    assert!(head.to_ascii_lowercase().contains("x-scope-orgid: tenant-1"), "{head}");
    assert!(
        head.contains("gzip") && head.contains("user-agent: sla-console/"),
        "{head}"
    );
    let heads = stub.heads.lock().unwrap();
    assert!(
        heads.iter().all(|head| head.contains(" /select/0/prometheus/")),
        "{heads:#?}"
    );
}

#[test]
fn the_proxy_of_the_environment_is_used_and_its_exceptions_are() {
    let proxy = Seen::start("");
    let mut configured = Configured::with("[source]\nurl = \"http://prometheus.invalid:9090/p\"\n");
    configured.variables = vec![("http_proxy".into(), proxy.url())];
    configured.sla(&["metrics", "up"]);
    let head = proxy.sees(&["POST http://prometheus.invalid:9090/p/api/v1/series "]);
    assert!(
        head.to_ascii_lowercase().contains("host: prometheus.invalid:9090"),
        "{head}"
    );

    let (proxy, direct) = (Seen::start(""), Seen::start(""));
    let mut configured = Configured::with(&format!("[source]\nurl = \"{}\"\n", direct.url()));
    configured.variables = vec![
        ("http_proxy".into(), proxy.url()),
        ("no_proxy".into(), "127.0.0.1".into()),
    ];
    configured.sla(&["metrics", "up"]);
    direct.sees(&["POST /api/v1/series "]);
    assert!(proxy.heads.lock().unwrap().is_empty());
}

#[test]
fn warnings_and_the_unchecked_certificate_are_told() {
    let stub = Seen::start("");
    let configured = Configured::with(&format!(
        "[source]\nurl = \"{}\"\ninsecure_skip_verify = true\n",
        stub.url()
    ));
    let socket = configured.folder().join("run/default.sock");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let wanted = ["half of the data is away", "not checked"];
    let begun = Instant::now();
    loop {
        configured.sla(&["metrics", "up"]);
        let told = runtime.block_on(async {
            let peer = Peer::connect_unix(&socket).await.unwrap();
            let info = peer.server().get_server_info(GetServerInfoRequest {}).await.unwrap();
            info.into_inner().source.unwrap().warnings
        });
        let is_told = |words: &&str| told.iter().any(|warning| warning.contains(*words));
        if wanted.iter().all(is_told) {
            break;
        }
        // The instance reads for itself, too, and the newest answer counts: a list of names has no warning.
        assert!(begun.elapsed() < LIMIT, "{wanted:?}: {told:?}");
    }
}

#[test]
fn a_variable_of_the_environment_is_text_where_text_is_wanted() {
    // me:12345
    let stub = Seen::start("authorization: Basic bWU6MTIzNDU=\r\n");
    let mut configured = Configured::with("[source]\nconcurrency = 1\n");
    configured.variables = [
        ("SLA_SOURCE__URL", stub.url().as_str()),
        ("SLA_SOURCE__USERNAME", "me"),
        ("SLA_SOURCE__PASSWORD", "12345"),
        ("SLA_CONSOLE__UNICODE", "true"),
        ("SLA_ETL__MAX_SERIES", "500"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .to_vec();
    configured.sla(&["metrics", "up"]);
    stub.sees(&["POST /api/v1/series ", "Basic bWU6MTIzNDU="]);
    let shown = configured.sla(&["config", "show"]);
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    let line = |key: &str| {
        shown
            .lines()
            .find(|line| line.starts_with(key))
            .unwrap_or_default()
            .to_owned()
    };
    for (key, value, origin) in [
        ("source.url", "http://127.0.0.1", "SLA_SOURCE__URL"),
        ("source.password ", "(hidden)", "SLA_SOURCE__PASSWORD"),
        ("etl.max_series", "500", "SLA_ETL__MAX_SERIES"),
        ("console.unicode", "\"true\"", "SLA_CONSOLE__UNICODE"),
        ("source.concurrency", "1", "config.toml"),
        ("source.timeout", "\"10s\"", "default"),
        ("instance.data_dir", "", "command line"),
    ] {
        assert!(
            line(key).contains(value) && line(key).contains(origin),
            "{key}: {shown}"
        );
    }
}

/// Everything below `folder` that is text for people: logs, last words.
fn written(folder: &Path, into: &mut String) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            written(&path, into);
        } else if path
            .file_name()
            .is_some_and(|name| name != "config.toml" && name != "secret")
            && let Ok(bytes) = std::fs::read(&path)
        {
            into.push_str(&String::from_utf8_lossy(&bytes));
        }
    }
}

#[test]
fn no_secret_is_ever_shown_or_written() {
    let stub = Seen::start("never welcome");
    let host = stub.url().replace("http://", "");
    let credentials = [
        format!("url = \"http://me:{CANARY}-url@{host}\"\n"),
        format!("url = \"http://{host}\"\nusername = \"me\"\npassword = \"{CANARY}-password\"\n"),
        format!("url = \"http://{host}\"\nusername = \"me\"\npassword_file = \"SECRET\"\n"),
        format!("url = \"http://{host}\"\nbearer_token = \"{CANARY}-token\"\n"),
        format!("url = \"http://{host}\"\nbearer_token_file = \"SECRET\"\n"),
        // Not text, not one line, no header, no certificate: errors about them do not repeat them.
        format!("url = \"http://{host}\"\nbearer_token = \"{CANARY}\\nsecond line\"\n"),
        format!("url = \"http://{host}\"\npassword = [\"{CANARY}\"]\n"),
        format!("url = \"ftp://me:{CANARY}@{host}\"\n"),
        format!("url = \"https://{host}\"\nca_file = \"SECRET\"\n"),
        format!("url = \"https://{host}\"\ncert_file = \"SECRET\"\nkey_file = \"SECRET\"\n"),
    ];
    thread::scope(|scope| {
        for credential in &credentials {
            scope.spawn(|| keeps_secrets(credential));
        }
    });
}

/// Runs commands on a source that is configured so, and looks for the canaries.
fn keeps_secrets(credential: &str) {
    let configured = Configured::with("");
    let secret = configured.folder().join("secret");
    std::fs::write(&secret, format!("{CANARY}-file\n")).unwrap();
    let text = format!(
        "[log]\nlevel = \"trace\"\n[source]\n{}[source.headers]\nX-Scope-OrgID = \"{CANARY}-header\"\n",
        credential.replace("SECRET", &secret.display().to_string())
    );
    std::fs::write(configured.folder().join("config.toml"), text).unwrap();
    let mut seen = String::new();
    for arguments in [
        &["config", "show"][..],
        &["config", "show", "--json"],
        &["metrics", "up", "--json"],
        &["run", "up", "--wait"],
    ] {
        let output = configured.sla(arguments);
        seen += &String::from_utf8_lossy(&output.stdout);
        seen += &String::from_utf8_lossy(&output.stderr);
    }
    // Also not where every user of the host may look.
    for process in std::fs::read_dir("/proc").unwrap().flatten() {
        let line = std::fs::read(process.path().join("cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).into_owned();
        if line.contains(&configured.folder().display().to_string()) {
            seen += &line;
        }
    }
    configured.sla(&["stop"]);
    let shown = seen.len();
    written(configured.folder(), &mut seen);
    assert!(shown > 200, "something was shown: {seen}");
    for canary in [CANARY, CANARY_BASE64] {
        let at = seen.find(canary);
        let around = at.map(|at| seen[at.saturating_sub(300)..].chars().take(400).collect::<String>());
        assert!(around.is_none(), "{credential}: {around:?}");
    }
}
