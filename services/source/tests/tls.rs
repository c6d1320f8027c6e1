//! TLS towards the source: what is trusted and what is refused. Certificates are made on the spot by the program
//! `openssl`.

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
use sla_source::{Call, Fault, MetricSource, Prometheus, SourceError, SourceOptions};
use sla_testkit::provide_tls;

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
fn serve(dir: &Path, name: &str, wants_client: bool) -> u16 {
    let (certificate, key) = load(dir, name);
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

/// Where the way to the source ended, and the sentence about it.
fn fault<T: std::fmt::Debug>(result: Result<T, SourceError>) -> (Fault, String) {
    let error = result.unwrap_err();
    (error.fault().unwrap(), error.to_string())
}

fn is_untrusted<T: std::fmt::Debug>(result: Result<T, SourceError>, words: &str) {
    let (fault, text) = fault(result);
    assert_eq!(fault, Fault::TlsUntrusted, "{text}");
    assert!(text.contains(words), "{text}");
}

#[tokio::test]
async fn what_is_trusted_and_what_is_not() {
    provide_tls();
    let home = tempfile::tempdir().unwrap();
    let dir = home.path();
    certificate(dir, "ca", "", None);
    certificate(dir, "stranger", "", None);
    certificate(dir, "server", "IP:127.0.0.1,DNS:prometheus.test", Some("ca"));
    certificate(dir, "client", "DNS:client.test", Some("ca"));

    let plain = Scene {
        dir: dir.to_owned(),
        port: serve(dir, "server", false),
    };
    plain.probe(|_, _| {}).await.unwrap();
    let stranger = plain
        .probe(|options, dir| options.tls.ca_file = Some(dir.join("stranger.pem")))
        .await;
    is_untrusted(stranger, "an authority that is not trusted here");
    let system = plain.probe(|options, _| options.tls.ca_file = None).await;
    is_untrusted(system, "");
    // The name in the certificate counts, not the host of the URL.
    plain
        .probe(|options, _| options.tls.server_name = Some("prometheus.test".into()))
        .await
        .unwrap();
    let other = plain
        .probe(|options, _| options.tls.server_name = Some("other.test".into()))
        .await;
    is_untrusted(other, "not for other.test");
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
        port: serve(dir, "server", true),
    };
    let nobody = mutual.probe(|_, _| {}).await;
    assert_eq!(fault(nobody).0, Fault::TlsClient);
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

#[tokio::test]
async fn a_certificate_given_itself_is_trusted_for_its_name_and_its_dates() {
    provide_tls();
    let home = tempfile::tempdir().unwrap();
    let dir = home.path();
    // What plain openssl makes: an authority that serves its own name.
    openssl(
        dir,
        "req -x509 -newkey rsa:2048 -nodes -keyout plain.key -out plain.pem -days 3 -subj /CN=localhost -addext subjectAltName=IP:127.0.0.1",
    );
    // The same for another name, one that ends at once, and a leaf whose authority is not given.
    openssl(
        dir,
        "req -x509 -newkey rsa:2048 -nodes -keyout named.key -out named.pem -days 3 -subj /CN=localhost -addext subjectAltName=DNS:elsewhere.test",
    );
    openssl(
        dir,
        "req -new -newkey rsa:2048 -nodes -keyout old.key -out old.csr -subj /CN=localhost -addext subjectAltName=IP:127.0.0.1 -addext basicConstraints=critical,CA:TRUE",
    );
    openssl(
        dir,
        "x509 -req -in old.csr -signkey old.key -out old.pem -days 0 -copy_extensions copy",
    );
    certificate(dir, "ca", "", None);
    certificate(dir, "leaf", "IP:127.0.0.1", Some("ca"));
    let probe = |name: &'static str| {
        let (dir, port) = (dir.to_owned(), serve(dir, name, false));
        async move {
            let scene = Scene { dir, port };
            scene
                .probe(|options, dir| options.tls.ca_file = Some(dir.join(format!("{name}.pem"))))
                .await
        }
    };
    probe("plain").await.unwrap();
    probe("leaf").await.unwrap();
    is_untrusted(probe("named").await, "the server's certificate is for");
    // Dates count seconds.
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    is_untrusted(probe("old").await, "has expired");
    // Trusting one leaf is not trusting another one of its name.
    let other = Scene {
        dir: dir.to_owned(),
        port: serve(dir, "plain", false),
    };
    let refused = other
        .probe(|options, dir| options.tls.ca_file = Some(dir.join("leaf.pem")))
        .await;
    assert_eq!(fault(refused).0, Fault::TlsUntrusted);
}

#[tokio::test]
async fn the_wrong_scheme_is_told() {
    provide_tls();
    let home = tempfile::tempdir().unwrap();
    let dir = home.path();
    certificate(dir, "ca", "", None);
    certificate(dir, "server", "IP:127.0.0.1", Some("ca"));
    // Clear text on a TLS port: this server closes without a word.
    let tls = Scene {
        dir: dir.to_owned(),
        port: serve(dir, "server", false),
    };
    let clear = tls
        .probe(|options, _| options.url = options.url.replace("https", "http"))
        .await;
    let (found, text) = fault(clear);
    assert_eq!(found, Fault::TlsMismatch, "{text}");
    assert!(text.contains("the URL says http"), "{text}");
    // And the reverse, to a server that answers in clear text, and to one that just closes.
    for says in ["HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n", ""] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        std::thread::spawn(move || {
            for mut socket in listener.incoming().flatten() {
                let mut seen = [0; 4096];
                let length = socket.read(&mut seen).unwrap_or(0);
                let is_http = seen[..length].starts_with(b"HEAD ");
                let head = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
                let _ = socket.write_all(if is_http { head } else { says }.as_bytes());
            }
        });
        let scene = Scene {
            dir: dir.to_owned(),
            port,
        };
        let (found, text) = fault(scene.probe(|_, _| {}).await);
        assert_eq!(found, Fault::TlsMismatch, "{says:?}: {text}");
        assert!(text.contains("the URL says https"), "{text}");
    }
}
