//! TLS towards the source: what is trusted and what is refused. Certificates are made on the spot by `openssl`; without
//! that program the test says that it is skipped.

#![expect(clippy::unwrap_used, reason = "a test may end where it stands")]

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};
use sla_source::{Call, MetricSource, Prometheus, SourceError, SourceOptions};

fn openssl(dir: &Path, arguments: &str) {
    let done = Command::new("openssl")
        .args(arguments.split(' '))
        .current_dir(dir)
        .output()
        .unwrap();
    assert!(
        done.status.success(),
        "{arguments}: {}",
        String::from_utf8_lossy(&done.stderr)
    );
}

/// `NAME.pem`, `NAME.key`: signed by `ca`, or by itself.
fn certificate(dir: &Path, name: &str, subject_alternative: &str, ca: Option<&str>) {
    let mut arguments = format!(
        "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -keyout {name}.key -out {name}.pem -subj /CN={name}"
    );
    if let Some(ca) = ca {
        let signed = format!(
            " -CA {ca}.pem -CAkey {ca}.key -addext subjectAltName={subject_alternative} -addext basicConstraints=CA:FALSE"
        );
        arguments.push_str(&signed);
    }
    openssl(dir, &arguments);
}

fn load(dir: &Path, name: &str) -> (CertificateDer<'static>, PrivateKeyDer<'static>) {
    (
        CertificateDer::from_pem_file(dir.join(format!("{name}.pem"))).unwrap(),
        PrivateKeyDer::from_pem_file(dir.join(format!("{name}.key"))).unwrap(),
    )
}

/// Answers every request with the scalar 1; ends with the process.
fn serve(dir: &Path, wants_client: bool) -> u16 {
    let (certificate, key) = load(dir, "server");
    let builder = ServerConfig::builder();
    let builder = if wants_client {
        let mut roots = RootCertStore::empty();
        roots.add(load(dir, "ca").0).unwrap();
        builder.with_client_cert_verifier(WebPkiClientVerifier::builder(Arc::new(roots)).build().unwrap())
    } else {
        builder.with_no_client_auth()
    };
    let config = Arc::new(builder.with_single_cert(vec![certificate], key).unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for socket in listener.incoming().flatten() {
            let mut stream = StreamOwned::new(ServerConnection::new(config.clone()).unwrap(), socket);
            let mut seen = [0; 4096];
            if stream.read(&mut seen).is_ok_and(|length| length > 0) {
                let body = r#"{"status":"success","data":{"resultType":"scalar","result":[1,"1"]}}"#;
                let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close";
                let _ = write!(stream, "{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
                stream.conn.send_close_notify();
                let _ = stream.flush();
            }
        }
    });
    port
}

struct Scene {
    dir: PathBuf,
    port: u16,
}

impl Scene {
    async fn probe(&self, change: impl FnOnce(&mut SourceOptions, &Path)) -> Result<Vec<String>, SourceError> {
        let mut options = SourceOptions::new("tls", format!("https://127.0.0.1:{}", self.port));
        options.system_proxy = false;
        options.timeout = Duration::from_secs(5);
        options.tls.ca_file = Some(self.dir.join("ca.pem"));
        change(&mut options, &self.dir);
        let source = Prometheus::new(options).unwrap();
        Ok(source.probe(&Call::within(Duration::from_secs(20))).await?.notices)
    }
}

fn is_refused<T>(result: &Result<T, SourceError>) -> bool {
    matches!(result, Err(SourceError::Unreachable { .. }))
}

#[tokio::test]
async fn what_is_trusted_and_what_is_not() {
    if Command::new("openssl").arg("version").output().is_err() {
        println!("SKIPPED what_is_trusted_and_what_is_not: there is no openssl to make certificates");
        return;
    }
    let _ = rustls::crypto::ring::default_provider().install_default();
    let home = tempfile::tempdir().unwrap();
    let dir = home.path();
    certificate(dir, "ca", "", None);
    certificate(dir, "stranger", "", None);
    certificate(dir, "server", "IP:127.0.0.1,DNS:prometheus.test", Some("ca"));
    certificate(dir, "client", "DNS:client.test", Some("ca"));

    let plain = Scene {
        dir: dir.to_owned(),
        port: serve(dir, false),
    };
    plain.probe(|_, _| {}).await.unwrap();
    let stranger = plain
        .probe(|options, dir| options.tls.ca_file = Some(dir.join("stranger.pem")))
        .await;
    assert!(is_refused(&stranger), "{stranger:?}");
    let system = plain.probe(|options, _| options.tls.ca_file = None).await;
    assert!(is_refused(&system), "{system:?}");
    // The name in the certificate counts, not the host of the URL.
    plain
        .probe(|options, _| options.tls.server_name = Some("prometheus.test".into()))
        .await
        .unwrap();
    let other = plain
        .probe(|options, _| options.tls.server_name = Some("other.test".into()))
        .await;
    assert!(is_refused(&other), "{other:?}");
    let notices = plain
        .probe(|options, _| {
            options.tls.ca_file = None;
            options.tls.insecure_skip_verify = true;
        })
        .await
        .unwrap();
    assert!(
        notices.iter().any(|notice| notice.contains("not checked")),
        "{notices:?}"
    );

    let mutual = Scene {
        dir: dir.to_owned(),
        port: serve(dir, true),
    };
    let nobody = mutual.probe(|_, _| {}).await;
    assert!(is_refused(&nobody), "{nobody:?}");
    let with_identity = |options: &mut SourceOptions, dir: &Path| {
        options.tls.cert_file = Some(dir.join("client.pem"));
        options.tls.key_file = Some(dir.join("client.key"));
    };
    mutual.probe(with_identity).await.unwrap();
    let half = mutual
        .probe(|options, dir| options.tls.cert_file = Some(dir.join("client.pem")))
        .await;
    assert!(
        matches!(
            half,
            Err(SourceError::BadOption {
                field: "tls.cert_file",
                ..
            })
        ),
        "{half:?}"
    );
    let missing = mutual
        .probe(|options, dir| options.tls.ca_file = Some(dir.join("none.pem")))
        .await;
    assert!(
        matches!(
            missing,
            Err(SourceError::BadOption {
                field: "tls.ca_file",
                ..
            })
        ),
        "{missing:?}"
    );
}
