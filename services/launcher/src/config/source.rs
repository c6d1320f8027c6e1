//! `[source]` and `[sources.NAME]`: where samples come from.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use sla_source::{SourceError, SourceOptions, redact_url};

use super::{ConfigError, Span};

/// Requests at once that a server is asked.
pub(super) const CONCURRENCY: RangeInclusive<u64> = 1..=256;
/// A server that needs longer is away, milliseconds.
pub(super) const TIMEOUT_MS: RangeInclusive<i64> = 1..=600_000;

/// `[source]`: a Prometheus-compatible server.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct SourceConfig {
    /// Base URL, a path prefix is kept; empty = not configured.
    pub(crate) url: String,
    /// Name of the source on screens and in series ids; empty = host and port of the URL.
    pub(crate) name: String,
    /// User of HTTP basic authentication.
    pub(crate) username: String,
    /// Its password; better in `password_file`.
    pub(crate) password: String,
    /// File with the password, read again at every use.
    pub(crate) password_file: Option<PathBuf>,
    /// Bearer token; better in `bearer_token_file`.
    pub(crate) bearer_token: String,
    /// File with the bearer token, read again at every use.
    pub(crate) bearer_token_file: Option<PathBuf>,
    /// Further headers, for example X-Scope-OrgID.
    pub(crate) headers: BTreeMap<String, String>,
    /// Certificate authority of the server (PEM).
    pub(crate) ca_file: Option<PathBuf>,
    /// Our own certificate (PEM).
    pub(crate) cert_file: Option<PathBuf>,
    /// The key of our own certificate (PEM).
    pub(crate) key_file: Option<PathBuf>,
    /// Name the server's certificate must carry, when it is not the host of the URL.
    pub(crate) server_name: String,
    /// Accept any certificate. Loud: every screen says so.
    pub(crate) insecure_skip_verify: bool,
    /// Limit of one request.
    pub(crate) timeout: Span,
    /// Ask for compressed answers: saves network, costs the server CPU.
    pub(crate) compression: bool,
    /// Requests at once.
    pub(crate) concurrency: usize,
}

impl Default for SourceConfig {
    fn default() -> Self {
        Self {
            url: String::new(),
            name: String::new(),
            username: String::new(),
            password: String::new(),
            password_file: None,
            bearer_token: String::new(),
            bearer_token_file: None,
            headers: BTreeMap::new(),
            ca_file: None,
            cert_file: None,
            key_file: None,
            server_name: String::new(),
            insecure_skip_verify: false,
            timeout: Span(10_000),
            compression: false,
            concurrency: 2,
        }
    }
}

impl SourceConfig {
    /// Refuses credentials of which some would be left out without a word; they stand below `[section]`.
    pub(super) fn check_credentials(&self, section: &str) -> Result<(), ConfigError> {
        let has_token = !self.bearer_token.is_empty() || self.bearer_token_file.is_some();
        let has_password = !self.password.is_empty() || self.password_file.is_some();
        let twice = |text: &str, file: &Option<PathBuf>| !text.is_empty() && file.is_some();
        let shown = |file: &Option<PathBuf>| {
            file.as_deref()
                .map(|file| file.display().to_string())
                .unwrap_or_default()
        };
        let (key, value, rule, fix) = if has_token && !self.username.is_empty() {
            (
                "source.username",
                self.username.clone(),
                "a bearer token is given, too",
                "keep one of the two",
            )
        } else if has_password && self.username.is_empty() {
            (
                "source.username",
                String::new(),
                "a password needs a user",
                "give `username`, too",
            )
        } else if twice(&self.password, &self.password_file) {
            (
                "source.password_file",
                shown(&self.password_file),
                "the password stands in `password`, too",
                "keep the file",
            )
        } else if twice(&self.bearer_token, &self.bearer_token_file) {
            (
                "source.bearer_token_file",
                shown(&self.bearer_token_file),
                "the token stands in `bearer_token`, too",
                "keep the file",
            )
        } else {
            return Ok(());
        };
        Err(ConfigError::Rule {
            key,
            value,
            rule: format!("{rule} (below [{section}])"),
            fix: fix.to_owned(),
        })
    }
}

pub(super) fn check_further(sources: &BTreeMap<String, SourceConfig>) -> Result<(), ConfigError> {
    let refused = |value: String, rule: String, fix: &str| {
        Err(ConfigError::Rule {
            key: "sources",
            value,
            rule,
            fix: fix.to_owned(),
        })
    };
    for (section, source) in sources {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        if section.is_empty() || section.len() > 40 || !section.chars().all(plain) {
            let rule = "a name has 1 to 40 letters, digits, - or _".to_owned();
            return refused(section.clone(), rule, "choose a simple name such as prod-eu");
        }
        if let Err(error) = SourceOptions::new(section.as_str(), source.url.as_str()).check_url() {
            let words = match error {
                SourceError::BadOption { rule, .. } => rule,
                other => other.to_string(),
            };
            let rule = format!("the url of [sources.{section}] {words}");
            return refused(redact_url(&source.url), rule, "correct its `url`");
        }
        if !CONCURRENCY.contains(&(source.concurrency as u64)) {
            let (least, most) = (*CONCURRENCY.start(), *CONCURRENCY.end());
            let rule = format!("of [sources.{section}], lies between {least} and {most}");
            return refused(
                format!("concurrency = {}", source.concurrency),
                rule,
                "leave it out for 2",
            );
        }
        let timeout = source.timeout;
        if !TIMEOUT_MS.contains(&timeout.ms()) {
            let rule = format!(
                "of [sources.{section}], lies between 1ms and {}",
                Span(*TIMEOUT_MS.end())
            );
            return refused(format!("timeout = {timeout}"), rule, "leave it out for 10s");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_that_would_be_left_out_are_refused_by_their_section() {
        for (text, rule) in [
            ("username = \"u\"\nbearer_token = \"t\"", "a bearer token is given, too"),
            ("password = \"CANARY\"", "a password needs a user"),
            (
                "username = \"u\"\npassword = \"CANARY\"\npassword_file = \"/f\"",
                "password_file is \"/f\": the password stands in",
            ),
            (
                "bearer_token = \"CANARY\"\nbearer_token_file = \"/f\"",
                "bearer_token_file is \"/f\": the token stands in",
            ),
        ] {
            let source: SourceConfig = toml::from_str(text).unwrap();
            let told = source.check_credentials("sources.eu").unwrap_err().to_string();
            assert!(told.contains(rule) && told.contains("[sources.eu]"), "{told}");
            assert!(!told.contains("CANARY"), "{told}");
        }
        let one: SourceConfig = toml::from_str("username = \"u\"\npassword = \"p\"").unwrap();
        one.check_credentials("source").unwrap();
    }
}
