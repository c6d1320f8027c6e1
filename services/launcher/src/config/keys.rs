//! What is to be known about single keys: which are secret, and which have no default.

use sla_source::redact_url;

/// Keys whose values are never shown.
const SECRET_KEYS: &[&str] = &["source.password", "source.bearer_token", "storage.password"];
/// Keys without a default: what they are for stands in the schema.
pub(super) const OPTIONAL_KEYS: &[&str] = &[
    "bus.ca_file",
    "bus.password_file",
    "console.keys",
    "gateway.listen",
    "instance.data_dir",
    "instance.socket",
    "log.dir",
    "notify.smtp_password_file",
    "notify.telegram_token_file",
    "peers.secret_file",
    "source.bearer_token_file",
    "source.ca_file",
    "source.cert_file",
    "source.headers",
    "source.key_file",
    "source.password_file",
    "sources.NAME",
    "storage.ca_file",
    "storage.password_file",
    "tls.ca_file",
    "tls.cert_file",
    "tls.client_ca_file",
    "tls.key_file",
    "weather.key_file",
];

/// A key of a further source as the key of the default one: `sources.eu.url` → `source.url`.
pub(super) fn plain(key: &str) -> String {
    match key.strip_prefix("sources.").and_then(|rest| rest.split_once('.')) {
        Some((_, rest)) => format!("source.{rest}"),
        None => key.to_owned(),
    }
}

/// A value as `sla config show` prints it.
pub(super) fn shown_value(key: &str, value: String) -> String {
    let key = plain(key);
    let key = key.as_str();
    let hidden = SECRET_KEYS.contains(&key) || key.starts_with("source.headers.");
    if hidden && value != "\"\"" {
        return "(hidden)".to_owned();
    }
    if key == "source.url" && value.contains('@') {
        return serde_json::to_string(&redact_url(value.trim_matches('"'))).unwrap_or_default();
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_further_source_keeps_its_secrets_too() {
        assert_eq!(plain("sources.eu.headers.x"), "source.headers.x");
        assert_eq!(plain("instance.name"), "instance.name");
        for key in [
            "sources.eu.password",
            "sources.eu.bearer_token",
            "sources.eu.headers.X-Scope-OrgID",
        ] {
            assert_eq!(shown_value(key, "\"4711\"".to_owned()), "(hidden)", "{key}");
        }
        let shown = shown_value("sources.eu.url", "\"http://me:4711@host/x\"".to_owned());
        assert_eq!(shown, "\"http://host/x\"");
    }
}
