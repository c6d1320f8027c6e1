//! `[bus]`: Apache Kafka between the roles etl and storage.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::ConfigError;

/// More partitions than any estate of ours needs; brokers suffer beyond.
const MAX_PARTITIONS: u32 = 1_000;
/// Kafka allows 249 in a topic's name.
const MAX_PREFIX_CHARS: usize = 200;
const SECURITY: [&str; 3] = ["plaintext", "ssl", "sasl_ssl"];

/// `[bus]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct BusConfig {
    /// Brokers of Apache Kafka, `host:port`, with commas between several; empty = results go to the storage directly.
    pub(crate) brokers: String,
    /// Before the name of each topic and group.
    pub(crate) topic_prefix: String,
    /// Partitions of each topic: chosen when it is created, and the same for all processes.
    pub(crate) partitions: u32,
    /// plaintext, ssl, or sasl_ssl: TLS and a login by SCRAM-SHA-512.
    pub(crate) security: String,
    /// Name of the login.
    pub(crate) username: String,
    /// File with its password, read at the start.
    pub(crate) password_file: Option<PathBuf>,
    /// Certificate authority of the brokers (PEM); empty = those of the system.
    pub(crate) ca_file: Option<PathBuf>,
}

impl Default for BusConfig {
    fn default() -> Self {
        Self {
            brokers: String::new(),
            topic_prefix: "sla.".to_owned(),
            partitions: 24,
            security: "plaintext".to_owned(),
            username: String::new(),
            password_file: None,
            ca_file: None,
        }
    }
}

impl BusConfig {
    /// Whether results go over Kafka.
    pub(crate) fn is_used(&self) -> bool {
        !self.brokers.is_empty()
    }

    /// Refuses what cannot work.
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let rule = |key, value: &str, rule: &str, fix: &str| {
            Err(ConfigError::Rule {
                key,
                value: value.to_owned(),
                rule: rule.to_owned(),
                fix: fix.to_owned(),
            })
        };
        if !self.is_used() {
            return Ok(());
        }
        if let Some(wrong) = self.brokers.split(',').find(|broker| !is_address(broker.trim())) {
            return rule(
                "bus.brokers",
                wrong,
                "is not host:port",
                "give for example kafka-1:9092,kafka-2:9092",
            );
        }
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        let prefix = &self.topic_prefix;
        if prefix.len() > MAX_PREFIX_CHARS || !prefix.chars().all(plain) {
            let words = "has 0 to 200 letters, digits, dots, - or _";
            return rule("bus.topic_prefix", prefix, words, "leave it out for \"sla.\"");
        }
        if !(1..=MAX_PARTITIONS).contains(&self.partitions) {
            let given = self.partitions.to_string();
            return rule(
                "bus.partitions",
                &given,
                "lies between 1 and 1000",
                "leave it out for 24",
            );
        }
        if !SECURITY.contains(&self.security.as_str()) {
            let fix = format!("give one of {}", SECURITY.join(", "));
            return rule("bus.security", &self.security, "unknown word", &fix);
        }
        let login = !self.username.is_empty() && self.password_file.is_some();
        if self.security == "sasl_ssl" && !login {
            let words = "needs a login";
            return rule(
                "bus.security",
                "sasl_ssl",
                words,
                "give `username` and `password_file` below [bus]",
            );
        }
        if self.security != "sasl_ssl" && (!self.username.is_empty() || self.password_file.is_some()) {
            let words = "sends no login, but one is given";
            return rule("bus.security", &self.security, words, "set security = \"sasl_ssl\"");
        }
        Ok(())
    }
}

/// `host:port`, the host of an IPv6 address in brackets.
fn is_address(text: &str) -> bool {
    text.rsplit_once(':').is_some_and(|(host, port)| {
        let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        !host.is_empty()
            && (bare.is_some() || !host.contains([':', '/']))
            && port.parse::<u16>().is_ok_and(|port| port > 0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(text: &str) -> Result<(), String> {
        let config: BusConfig = toml::from_str(text).unwrap();
        config.check().map_err(|error| error.to_string())
    }

    #[test]
    fn what_cannot_work_is_named_with_its_fix() {
        assert_eq!(verdict(""), Ok(()), "not used, not checked");
        assert_eq!(verdict("brokers = \"a:9092, b:9092,[::1]:9092\""), Ok(()));
        let full = "brokers = \"a:1\"\nsecurity = \"sasl_ssl\"\nusername = \"me\"\npassword_file = \"/p\"";
        assert_eq!(verdict(full), Ok(()));
        for (text, key) in [
            ("brokers = \"a\"", "bus.brokers"),
            ("brokers = \"http://a:1\"", "bus.brokers"),
            ("brokers = \"a:0\"", "bus.brokers"),
            ("brokers = \"a:1\"\npartitions = 0", "bus.partitions"),
            ("brokers = \"a:1\"\ntopic_prefix = \"a b\"", "bus.topic_prefix"),
            ("brokers = \"a:1\"\nsecurity = \"tls\"", "bus.security"),
            ("brokers = \"a:1\"\nsecurity = \"sasl_ssl\"", "bus.security"),
            ("brokers = \"a:1\"\nusername = \"me\"", "bus.security"),
        ] {
            let words = verdict(text).unwrap_err();
            assert!(words.contains(key), "{text}: {words}");
        }
    }
}
