//! How to reach a source, and what reading it may cost.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use sla_domain::SourceId;

use crate::error::SourceError;
use crate::port::DEFAULT_MAX_SERIES;
use crate::reply::Way;

/// Time limit of one request unless configured otherwise.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);
/// Largest body of one answer, after decompression, unless configured otherwise.
pub const DEFAULT_BODY_CAP_BYTES: u64 = 24 << 20;
/// Requests in flight at once unless configured otherwise.
pub const DEFAULT_CONCURRENCY: usize = 2;
/// Bytes a second taken on average unless configured otherwise.
pub const DEFAULT_BYTES_PER_S: u64 = 64 << 20;
/// Largest secret file read.
pub const MAX_SECRET_FILE_BYTES: u64 = 64 << 10;

/// A secret: in the configuration, or in a file that is read again for each request so that it can be rotated.
#[derive(Clone, PartialEq, Eq)]
pub enum Secret {
    /// The secret itself.
    Text(String),
    /// Where it stands; surrounding white space is dropped.
    File(PathBuf),
}

/// Never shows the secret.
impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(_) => f.write_str("Secret(…)"),
            Self::File(path) => write!(f, "Secret(file {})", path.display()),
        }
    }
}

impl Secret {
    /// The secret as it is now.
    pub(crate) async fn read(&self, field: &'static str) -> Result<String, SourceError> {
        match self {
            Self::Text(text) => Ok(text.clone()),
            Self::File(path) => {
                let bytes = read_small_file(field, path).await?;
                // Editors of some systems begin a text with this mark; no secret does.
                let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&bytes);
                let rule = match std::str::from_utf8(bytes).map(str::trim) {
                    Ok(text) if !text.is_empty() => return Ok(text.to_owned()),
                    Ok(_) => "the file must hold the secret as text; it is empty",
                    Err(_) => "the file must hold the secret as UTF-8 text; save it without another encoding (UTF-16?)",
                };
                Err(SourceError::BadOption {
                    field,
                    value: path.display().to_string(),
                    rule: rule.into(),
                    cause: None,
                })
            }
        }
    }
}

/// Reads a file of at most [`MAX_SECRET_FILE_BYTES`].
pub(crate) async fn read_small_file(field: &'static str, path: &std::path::Path) -> Result<Vec<u8>, SourceError> {
    use tokio::io::AsyncReadExt as _;
    let bad = |rule: &str, cause: Option<std::io::Error>| SourceError::BadOption {
        field,
        value: path.display().to_string(),
        rule: rule.to_owned(),
        cause: cause.map(|cause| std::sync::Arc::new(cause) as crate::error::Cause),
    };
    let file = tokio::fs::File::open(path)
        .await
        .map_err(|cause| bad("the file must exist and be readable by this user", Some(cause)))?;
    let mut bytes = Vec::new();
    file.take(MAX_SECRET_FILE_BYTES + 1)
        .read_to_end(&mut bytes)
        .await
        .map_err(|cause| bad("the file must be readable", Some(cause)))?;
    if bytes.len() as u64 > MAX_SECRET_FILE_BYTES {
        return Err(bad("the file must be at most 64 KiB", None));
    }
    Ok(bytes)
}

/// Who we are towards the source.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Credentials {
    /// Nobody.
    #[default]
    None,
    /// HTTP basic authentication.
    Basic {
        /// User name.
        user: String,
        /// Password.
        password: Secret,
    },
    /// `Authorization: Bearer …`.
    Bearer(Secret),
}

/// TLS towards the source.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TlsOptions {
    /// PEM bundle of the only authorities trusted; `None` = those of the system.
    pub ca_file: Option<PathBuf>,
    /// PEM client certificate chain; goes with `key_file`.
    pub cert_file: Option<PathBuf>,
    /// PEM private key of the client certificate.
    pub key_file: Option<PathBuf>,
    /// The name the server's certificate must carry, when it is not the host of the URL.
    pub server_name: Option<String>,
    /// Accept any certificate. Loud: every [`crate::SourceInfo`] carries a notice.
    pub insecure_skip_verify: bool,
}

/// A Prometheus-compatible server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceOptions {
    /// The name of the source; part of every series' fingerprint.
    pub id: SourceId,
    /// Base URL; a path prefix is kept; user info in it is used as basic credentials and never shown.
    pub url: String,
    /// Who we are.
    pub credentials: Credentials,
    /// Headers sent with every request, for example `X-Scope-OrgID`; values never appear in logs.
    pub headers: Vec<(String, Secret)>,
    /// TLS.
    pub tls: TlsOptions,
    /// Limit of one request.
    pub timeout: Duration,
    /// Largest body of one answer, after decompression, in bytes.
    pub body_cap_bytes: u64,
    /// Ask for compressed answers. Off: compressing costs the server 8 × the CPU of the query; for WANs.
    pub compression: bool,
    /// Requests in flight at once.
    pub concurrency: usize,
    /// Bytes a second taken on average; after a large answer the next request waits.
    pub bytes_per_s: u64,
    /// Most series one read may cover.
    pub max_series: usize,
    /// Ways of reading samples that may be used, those the server lacks left out by themselves; all by default.
    pub ways: Vec<Way>,
    /// Whether the proxy variables of the environment (`HTTPS_PROXY`, `NO_PROXY`, …) are honoured.
    pub system_proxy: bool,
}

impl SourceOptions {
    /// Defaults for the server at `url`.
    pub fn new(id: impl Into<String>, url: impl Into<String>) -> Self {
        Self {
            id: SourceId(id.into()),
            url: url.into(),
            credentials: Credentials::None,
            headers: Vec::new(),
            tls: TlsOptions::default(),
            timeout: DEFAULT_TIMEOUT,
            body_cap_bytes: DEFAULT_BODY_CAP_BYTES,
            compression: false,
            concurrency: DEFAULT_CONCURRENCY,
            bytes_per_s: DEFAULT_BYTES_PER_S,
            max_series: DEFAULT_MAX_SERIES,
            ways: vec![Way::RemoteReadChunks, Way::RemoteReadSamples, Way::InstantQuery],
            system_proxy: true,
        }
    }

    /// Refuses a URL that no server could be reached by.
    pub fn check_url(&self) -> Result<(), SourceError> {
        self.base().map(|_| ())
    }

    /// The parsed base URL without user info, query and fragment, path without a trailing slash; and the user info.
    pub(crate) fn base(&self) -> Result<(reqwest::Url, Option<(String, String)>), SourceError> {
        let bad = |rule: &str| SourceError::BadOption {
            field: "url",
            value: redact_url(&self.url),
            rule: rule.to_owned(),
            cause: None,
        };
        let mut url = reqwest::Url::parse(self.url.trim())
            .map_err(|_| bad("must be a URL such as http://localhost:9090 or https://host/prometheus"))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(bad(
                "the scheme must be http or https, for example http://localhost:9090",
            ));
        }
        if url.host_str().is_none_or(str::is_empty) {
            return Err(bad("must name a host, for example http://localhost:9090"));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(bad("must end with the path under which the API lives, without ? or #"));
        }
        let user_info = (!url.username().is_empty() || url.password().is_some()).then(|| {
            (
                percent_decoded(url.username()),
                percent_decoded(url.password().unwrap_or("")),
            )
        });
        // Both setters fail only for URLs without a host, which were refused above.
        let _ = url.set_username("");
        let _ = url.set_password(None);
        let mut path = url.path().trim_end_matches('/').to_owned();
        // People paste the address of the API itself.
        if let Some(prefix) = path.strip_suffix("/api/v1") {
            path = prefix.to_owned();
        }
        url.set_path(&path);
        Ok((url, user_info))
    }
}

fn percent_decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = |byte: u8| (byte as char).to_digit(16);
        if bytes[at] == b'%'
            && at + 2 < bytes.len()
            && let (Some(high), Some(low)) = (hex(bytes[at + 1]), hex(bytes[at + 2]))
        {
            out.push((high * 16 + low) as u8);
            at += 3;
        } else {
            out.push(bytes[at]);
            at += 1;
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// The address under which a server is known here: `url` without user info, and without the `/api/v1` that people paste with it.
pub fn shown_address(url: &str) -> String {
    match SourceOptions::new("", url).base() {
        Ok((base, _)) => redact_url(base.as_str()),
        Err(_) => redact_url(url),
    }
}

/// `url` fit for logs and screens: without user info and query. Text that is no URL loses everything before the last `@`.
pub fn redact_url(url: &str) -> String {
    match reqwest::Url::parse(url.trim()) {
        Ok(mut parsed) if parsed.has_host() => {
            let _ = parsed.set_username("");
            let _ = parsed.set_password(None);
            parsed.set_query(None);
            parsed.set_fragment(None);
            let text = parsed.to_string();
            text.strip_suffix('/').unwrap_or(&text).to_owned()
        }
        _ => {
            let text = crate::error::excerpt(url);
            match text.rsplit_once('@') {
                Some((_, rest)) => format!("…@{rest}"),
                None => text,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_prefix_is_kept_and_user_info_goes() {
        let options = SourceOptions::new("x", "https://us%40er:p%3Aw@host:1234/select/0/prometheus/");
        let (url, user) = options.base().unwrap();
        assert_eq!(url.as_str(), "https://host:1234/select/0/prometheus");
        assert_eq!(user, Some(("us@er".into(), "p:w".into())));
        let (url, _) = SourceOptions::new("x", "http://h/prometheus/api/v1/").base().unwrap();
        assert_eq!(url.path(), "/prometheus");
        for same in [
            "http://h:1",
            " http://u:p@h:1/",
            "http://h:1/api/v1",
            "http://h:1/api/v1/",
        ] {
            assert_eq!(shown_address(same), "http://h:1", "{same}");
        }
    }

    #[test]
    fn bad_urls_name_the_rule_and_hide_the_password() {
        for url in [
            "localhost:9090",
            "ftp://a:CANARY@h",
            "http://",
            "http://a:CANARY@h/?x=1",
            "a:CANARY@h:99999/x",
        ] {
            let error = SourceOptions::new("x", url).base().unwrap_err();
            let text = format!("{error} {error:?}");
            assert!(text.contains("url"), "{text}");
            assert!(!text.contains("CANARY"), "{text}");
        }
    }

    #[test]
    fn redaction() {
        assert_eq!(redact_url("http://u:p@h:1/x/?token=CANARY"), "http://h:1/x");
        assert_eq!(redact_url("nonsense u:p@h"), "…@h");
        assert!(!format!("{:?}", Credentials::Bearer(Secret::Text("CANARY".into()))).contains("CANARY"));
    }

    #[tokio::test]
    async fn a_secret_file_is_read_again_and_bounded() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("token");
        let secret = Secret::File(path.clone());
        assert!(matches!(
            secret.read("bearer").await,
            Err(SourceError::BadOption { .. })
        ));
        std::fs::write(&path, "one\n").unwrap();
        assert_eq!(secret.read("bearer").await.unwrap(), "one");
        std::fs::write(&path, "two\n").unwrap();
        assert_eq!(secret.read("bearer").await.unwrap(), "two");
        std::fs::write(&path, "\u{feff}three\r\n").unwrap();
        assert_eq!(secret.read("bearer").await.unwrap(), "three");
        std::fs::write(&path, b"\xff\xfet\0w\0o\0").unwrap();
        assert!(secret.read("bearer").await.unwrap_err().to_string().contains("UTF-8"));
        std::fs::write(&path, "x".repeat(70_000)).unwrap();
        assert!(secret.read("bearer").await.unwrap_err().to_string().contains("64 KiB"));
    }
}
