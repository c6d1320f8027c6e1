//! From the configuration's `[source]` to the options of the adapter.

use sla_source::{Credentials, Secret, SourceOptions, TlsOptions};

use crate::config::SourceConfig;

/// The options of the configured Prometheus.
pub(crate) fn source_options(config: &SourceConfig, max_series: usize) -> SourceOptions {
    let mut options = SourceOptions::new(source_name(config), config.url.as_str());
    let secret = |text: &str, file: &Option<std::path::PathBuf>| match file {
        Some(path) => Some(Secret::File(path.clone())),
        None if text.is_empty() => None,
        None => Some(Secret::Text(text.to_owned())),
    };
    if let Some(token) = secret(&config.bearer_token, &config.bearer_token_file) {
        options.credentials = Credentials::Bearer(token);
    } else if !config.username.is_empty() {
        let password = secret(&config.password, &config.password_file).unwrap_or(Secret::Text(String::new()));
        options.credentials = Credentials::Basic {
            user: config.username.clone(),
            password,
        };
    }
    options.headers = config
        .headers
        .iter()
        .map(|(name, value)| (name.clone(), Secret::Text(value.clone())))
        .collect();
    options.tls = TlsOptions {
        ca_file: config.ca_file.clone(),
        cert_file: config.cert_file.clone(),
        key_file: config.key_file.clone(),
        server_name: (!config.server_name.is_empty()).then(|| config.server_name.clone()),
        insecure_skip_verify: config.insecure_skip_verify,
    };
    options.timeout = config.timeout.duration();
    options.compression = config.compression;
    options.concurrency = config.concurrency;
    options.max_series = max_series;
    options
}

/// The configured name, or host and port of the URL.
fn source_name(config: &SourceConfig) -> String {
    if !config.name.is_empty() {
        return config.name.clone();
    }
    let rest = config
        .url
        .split_once("://")
        .map_or(config.url.as_str(), |(_, rest)| rest);
    let host = rest.split(['/', '?']).next().unwrap_or(rest);
    let host = host.rsplit('@').next().unwrap_or(host);
    if host.is_empty() {
        "prometheus".to_owned()
    } else {
        host.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::time::Duration;

    use super::*;

    fn options(text: &str) -> SourceOptions {
        source_options(&toml::from_str(text).unwrap(), 77)
    }

    #[test]
    fn every_key_reaches_the_adapter() {
        let full = options(
            r#"
            url = "https://h:9090/prefix"
            name = "main"
            username = "me"
            password_file = "/p"
            headers = { X-Scope-OrgID = "t" }
            ca_file = "/ca"
            cert_file = "/cert"
            key_file = "/key"
            server_name = "prometheus.test"
            insecure_skip_verify = true
            timeout = "3s"
            compression = true
            concurrency = 5
            "#,
        );
        let mut expected = SourceOptions::new("main", "https://h:9090/prefix");
        expected.credentials = Credentials::Basic {
            user: "me".to_owned(),
            password: Secret::File(PathBuf::from("/p")),
        };
        expected.headers = vec![("X-Scope-OrgID".to_owned(), Secret::Text("t".to_owned()))];
        expected.tls = TlsOptions {
            ca_file: Some(PathBuf::from("/ca")),
            cert_file: Some(PathBuf::from("/cert")),
            key_file: Some(PathBuf::from("/key")),
            server_name: Some("prometheus.test".to_owned()),
            insecure_skip_verify: true,
        };
        expected.timeout = Duration::from_secs(3);
        expected.compression = true;
        expected.concurrency = 5;
        expected.max_series = 77;
        assert_eq!(full, expected);
        assert!(full.system_proxy, "the proxy of the environment is honoured");

        assert_eq!(
            options("bearer_token = \"a\"").credentials,
            Credentials::Bearer(Secret::Text("a".to_owned()))
        );
        let file = Credentials::Bearer(Secret::File(PathBuf::from("/t")));
        assert_eq!(options("bearer_token_file = \"/t\"").credentials, file);
        assert_eq!(options("url = \"http://u:p@h:1/x\"").id.0, "h:1");
        assert_eq!(options("").credentials, Credentials::None);
    }
}
