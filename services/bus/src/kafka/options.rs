//! What an operator says about the brokers, and what every client of ours is made with.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rdkafka::ClientConfig;
use rdkafka::config::RDKafkaLogLevel;

use super::fault::KafkaFault;

/// Partitions of a topic that we create, unless told otherwise.
pub const DEFAULT_PARTITIONS: u32 = 24;
/// Longest pause before a broker that is away is tried again, milliseconds.
const LONGEST_PAUSE_MS: u32 = 500;
/// Longest wait for an answer of a broker, milliseconds.
const SOCKET_LIMIT_MS: u32 = 10_000;
/// Longest wait for a connection, milliseconds.
const CONNECT_LIMIT_MS: u32 = 5_000;

/// How brokers are spoken to, and who we are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Security {
    /// In the clear, without a name.
    Plaintext,
    /// TLS; the broker shows a certificate, we none.
    Ssl {
        /// Who signs the brokers' certificates; `None` = the system's authorities.
        ca_file: Option<PathBuf>,
    },
    /// TLS and a name with a password (SCRAM-SHA-512).
    SaslSsl {
        /// As in [`Security::Ssl`].
        ca_file: Option<PathBuf>,
        /// Our name.
        username: String,
        /// File with the password; read when a client is made.
        password_file: PathBuf,
    },
}

/// Where the stream is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KafkaOptions {
    /// `host:port`, with commas between several.
    pub brokers: String,
    /// Before the name of each topic and group.
    pub prefix: String,
    /// Partitions of each topic; chosen when the topic is created.
    pub partitions: u32,
    /// How they are spoken to.
    pub security: Security,
    /// Who we are in a group: one name a process, the same after a restart. A member that comes back under its name gets its
    /// partitions back at once; a nameless one waits until the broker has given its former self up.
    pub member: String,
}

impl KafkaOptions {
    /// The topic of results.
    pub fn results_topic(&self) -> String {
        format!("{}results", self.prefix)
    }

    /// The group of those who store results.
    pub fn results_group(&self) -> String {
        format!("{}storage", self.prefix)
    }

    /// The topic of tasks.
    pub fn tasks_topic(&self) -> String {
        format!("{}tasks", self.prefix)
    }

    /// The group of those who do them.
    pub fn tasks_group(&self) -> String {
        format!("{}etl", self.prefix)
    }

    /// What every client is made with.
    ///
    /// # Errors
    /// [`KafkaFault::File`] when the password or the authority cannot be read.
    pub(super) fn client(&self) -> Result<ClientConfig, KafkaFault> {
        let mut config = ClientConfig::new();
        config
            .set("client.id", "sla")
            .set("bootstrap.servers", &self.brokers)
            .set("reconnect.backoff.ms", "100")
            .set("reconnect.backoff.max.ms", LONGEST_PAUSE_MS.to_string())
            .set("socket.timeout.ms", SOCKET_LIMIT_MS.to_string())
            .set("socket.connection.setup.timeout.ms", CONNECT_LIMIT_MS.to_string())
            .set("socket.keepalive.enable", "true")
            .set_log_level(RDKafkaLogLevel::Info);
        match &self.security {
            Security::Plaintext => {
                config.set("security.protocol", "plaintext");
            }
            Security::Ssl { ca_file } => {
                config.set("security.protocol", "ssl");
                trust(&mut config, ca_file.as_deref())?;
            }
            Security::SaslSsl {
                ca_file,
                username,
                password_file,
            } => {
                config
                    .set("security.protocol", "sasl_ssl")
                    .set("sasl.mechanism", "SCRAM-SHA-512")
                    .set("sasl.username", username)
                    .set("sasl.password", secret(password_file)?);
                trust(&mut config, ca_file.as_deref())?;
            }
        }
        Ok(config)
    }
}

fn trust(config: &mut ClientConfig, ca_file: Option<&Path>) -> Result<(), KafkaFault> {
    if let Some(file) = ca_file {
        // The client would say that something is wrong, not with which file.
        read("ca_file", file)?;
        config.set("ssl.ca.location", file.display().to_string());
    }
    Ok(())
}

fn read(key: &'static str, file: &Path) -> Result<String, KafkaFault> {
    std::fs::read_to_string(file).map_err(|cause| KafkaFault::File {
        key,
        file: file.to_owned(),
        cause: Arc::new(cause),
    })
}

fn secret(file: &Path) -> Result<String, KafkaFault> {
    let text = read("password_file", file)?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_password_comes_from_its_file() {
        let place = tempfile::tempdir().unwrap();
        let file = place.path().join("password");
        let ca = place.path().join("ca");
        let options = KafkaOptions {
            brokers: "a:1".to_owned(),
            prefix: "sla.".to_owned(),
            partitions: 3,
            security: Security::SaslSsl {
                ca_file: Some(ca.clone()),
                username: "me".to_owned(),
                password_file: file.clone(),
            },
            member: "one".to_owned(),
        };
        assert_eq!(options.results_topic(), "sla.results");
        let error = options.client().unwrap_err();
        assert!(error.to_string().contains("`[bus] password_file` /"), "{error}");
        std::fs::write(&file, "p w\n").unwrap();
        let error = options.client().unwrap_err();
        assert!(error.to_string().contains("`[bus] ca_file` /"), "{error}");
        std::fs::write(&ca, "").unwrap();
        let config = options.client().unwrap();
        assert_eq!(config.get("sasl.password"), Some("p w"));
        assert_eq!(config.get("ssl.ca.location"), ca.to_str());
        assert!(!format!("{config:?}").contains("p w"), "a secret is never printed");
    }
}
