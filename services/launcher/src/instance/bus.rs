//! How results reach the storage: directly, or over Kafka when `[bus]` names brokers.

use std::path::Path;
use std::sync::Arc;

use color_eyre::eyre::Report;
use sla_bus::{DirectStream, ResultStream, ResultTopic, TaskTopic};
use sla_runtime::Parts;

use crate::config::BusConfig;

/// Where the role etl publishes.
///
/// # Errors
/// A configuration that cannot be used here.
pub(super) fn stream(config: &BusConfig, parts: &Parts) -> Result<Arc<dyn ResultStream>, Report> {
    if config.is_used() {
        return adapter::stream(config, &parts.shutdown);
    }
    Ok(Arc::new(DirectStream::to(parts.peer.clone())))
}

/// How runs are dealt out to all workers; `None` where the one there is does them.
///
/// # Errors
/// A configuration that cannot be used here.
pub(super) fn tasks(config: &BusConfig, data: &Path) -> Result<Option<Arc<dyn TaskTopic>>, Report> {
    config.is_used().then(|| adapter::tasks(config, data)).transpose()
}

/// What the role storage reads; `None` where results are handed to it.
///
/// # Errors
/// A configuration that cannot be used here.
pub(super) fn results(config: &BusConfig, data: &Path) -> Result<Option<Arc<dyn ResultTopic>>, Report> {
    config.is_used().then(|| adapter::results(config, data)).transpose()
}

#[cfg(feature = "kafka")]
mod adapter {
    use std::path::Path;
    use std::sync::Arc;
    use std::time::Duration;

    use color_eyre::eyre::Report;
    use sla_bus::kafka::{self, KafkaOptions, KafkaResults, KafkaStream, KafkaTasks, Security};
    use sla_bus::{ResultStream, ResultTopic, TaskTopic};
    use sla_runtime::{Shutdown, status};

    use crate::config::BusConfig;

    /// Pause between two looks at brokers that do not answer.
    const LOOK_PAUSE: Duration = Duration::from_secs(1);

    pub(super) fn stream(config: &BusConfig, shutdown: &Shutdown) -> Result<Arc<dyn ResultStream>, Report> {
        let options = options(config, String::new());
        let stream = Arc::new(KafkaStream::results(&options)?);
        let (end, token) = (shutdown.clone(), shutdown.token().clone());
        shutdown.spawn("bus check", async move {
            tokio::select! {
                () = token.cancelled() => {}
                () = look(&options, &end) => {}
            }
        });
        Ok(stream)
    }

    /// Looks at the topic until brokers answer. What will not pass by itself ends the process before a run has waited for it.
    async fn look(options: &KafkaOptions, shutdown: &Shutdown) {
        let mut told = false;
        while let Err(fault) = kafka::check(options, &options.results_topic()).await {
            let words = status::chain(&fault);
            if !fault.may_pass() {
                shutdown.fail(words);
                return;
            }
            if !std::mem::replace(&mut told, true) {
                tracing::warn!(error = words, "results cannot be published yet");
            }
            tokio::time::sleep(LOOK_PAUSE).await;
        }
        if told {
            tracing::info!("results can be published");
        }
    }

    #[expect(clippy::unnecessary_wraps, reason = "as the one that is not built in, which refuses")]
    pub(super) fn results(config: &BusConfig, data: &Path) -> Result<Arc<dyn ResultTopic>, Report> {
        Ok(Arc::new(KafkaResults(options(config, member(data)))))
    }

    pub(super) fn tasks(config: &BusConfig, data: &Path) -> Result<Arc<dyn TaskTopic>, Report> {
        Ok(Arc::new(KafkaTasks::new(options(config, member(data)))?))
    }

    /// One name a process: a host has one with this data folder, and its lock.
    fn member(data: &Path) -> String {
        let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
        let folder = sla_domain::partition_of(data.as_os_str().as_encoded_bytes(), u32::MAX);
        format!("{host}-{folder:08x}")
    }

    fn options(config: &BusConfig, member: String) -> KafkaOptions {
        let ca_file = config.ca_file.clone();
        let security = match (config.security.as_str(), &config.password_file) {
            ("sasl_ssl", Some(password_file)) => Security::SaslSsl {
                ca_file,
                username: config.username.clone(),
                password_file: password_file.clone(),
            },
            ("ssl", _) => Security::Ssl { ca_file },
            // The configuration has been checked: nothing else is left.
            _ => Security::Plaintext,
        };
        KafkaOptions {
            brokers: config.brokers.clone(),
            prefix: config.topic_prefix.clone(),
            partitions: config.partitions,
            security,
            member,
        }
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn every_key_reaches_the_adapter() {
            let config = |text: &str| options(&toml::from_str(text).unwrap(), "m".to_owned());
            let full = config(
                r#"
                brokers = "a:1,b:2"
                topic_prefix = "x-"
                partitions = 5
                security = "sasl_ssl"
                username = "me"
                password_file = "/p"
                ca_file = "/ca"
                "#,
            );
            let expected = KafkaOptions {
                brokers: "a:1,b:2".to_owned(),
                prefix: "x-".to_owned(),
                partitions: 5,
                security: Security::SaslSsl {
                    ca_file: Some("/ca".into()),
                    username: "me".to_owned(),
                    password_file: "/p".into(),
                },
                member: "m".to_owned(),
            };
            assert_eq!(full, expected);
            let (here, there) = (member(Path::new("/a")), member(Path::new("/b")));
            assert!(here == member(Path::new("/a")) && here != there && here.len() < 250);
            let tls = config("brokers = \"a:1\"\nsecurity = \"ssl\"");
            assert_eq!(tls.security, Security::Ssl { ca_file: None });
            assert_eq!(tls.partitions, sla_bus::kafka::DEFAULT_PARTITIONS);
            assert_eq!(config("brokers = \"a:1\"").security, Security::Plaintext);
        }
    }
}

#[cfg(not(feature = "kafka"))]
mod adapter {
    use std::path::Path;
    use std::sync::Arc;

    use color_eyre::eyre::Report;
    use sla_bus::{ResultStream, ResultTopic, TaskTopic};
    use sla_runtime::Shutdown;

    use crate::config::{BusConfig, ConfigError};

    fn missing(config: &BusConfig) -> ConfigError {
        ConfigError::Rule {
            key: "bus.brokers",
            value: config.brokers.clone(),
            rule: "needs the feature `kafka`, which this sla was built without (`sla --version` lists features)"
                .to_owned(),
            fix: "build it with `cargo build --release --features kafka`, or leave [bus] out".to_owned(),
        }
    }

    pub(super) fn stream(config: &BusConfig, _: &Shutdown) -> Result<Arc<dyn ResultStream>, Report> {
        Err(missing(config).into())
    }

    pub(super) fn results(config: &BusConfig, _: &Path) -> Result<Arc<dyn ResultTopic>, Report> {
        Err(missing(config).into())
    }

    pub(super) fn tasks(config: &BusConfig, _: &Path) -> Result<Arc<dyn TaskTopic>, Report> {
        Err(missing(config).into())
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn a_role_that_needs_the_feature_names_it() {
            let config: BusConfig = toml::from_str("brokers = \"a:1\"").unwrap();
            for error in [
                stream(&config, &Shutdown::new()).err().unwrap(),
                results(&config, Path::new("/")).err().unwrap(),
            ] {
                let words = error.to_string();
                assert!(
                    words.contains("feature `kafka`") && words.contains("--features kafka"),
                    "{words}"
                );
            }
        }
    }
}
