//! Every key of the configuration, its default and its rules. `docs/reference/config.md` lists keys and defaults; a test
//! keeps it fresh.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use sla_account::Registration;
use sla_runtime::telemetry;
use sla_source::{SourceError, SourceOptions, redact_url};

use super::notify::NotifyConfig;
use super::span::Span;
use super::{BusConfig, ConfigError, SourceConfig, WeatherConfig};

/// All of it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where the samples come from, unless another source is named.
    pub(crate) source: SourceConfig,
    /// Further sources by name, with the same keys.
    pub(crate) sources: BTreeMap<String, SourceConfig>,
    /// The local instance.
    pub(crate) instance: InstanceConfig,
    /// Logs.
    pub(crate) log: LogConfig,
    /// Judging.
    pub(crate) evaluation: EvaluationConfig,
    /// ETL runs.
    pub(crate) etl: EtlConfig,
    /// The console.
    pub(crate) console: ConsoleConfig,
    /// Where the role storage keeps what it knows.
    pub(crate) storage: StorageConfig,
    /// Roles in other processes.
    pub(crate) peers: PeersConfig,
    /// People.
    pub(crate) account: AccountConfig,
    /// Messages to people.
    pub(crate) notify: NotifyConfig,
    /// What the process tells about itself.
    pub(crate) metrics: MetricsConfig,
    /// Watching this estate itself.
    #[serde(rename = "self")]
    pub(crate) own: OwnConfig,
    /// Kafka between them.
    pub(crate) bus: BusConfig,
    /// Certificates.
    pub(crate) tls: TlsConfig,
    /// The role gateway.
    pub(crate) gateway: GatewayConfig,
    /// The weather of cities.
    pub(crate) weather: WeatherConfig,
}

/// `[storage]`: a database server instead of the file in the instance's folder.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct StorageConfig {
    /// `mysql://user@host:3306,host2:3306/database` for MySQL or MariaDB, the nodes of a group separated by commas; empty = a
    /// file. Needs the cargo feature `mysql`.
    pub(crate) url: String,
    /// Password of that user; better in `password_file`, never in the URL.
    pub(crate) password: String,
    /// File with the password in its first line, read again at every login.
    pub(crate) password_file: Option<PathBuf>,
    /// Certificate authority of the server (PEM); empty = those that browsers trust.
    pub(crate) ca_file: Option<PathBuf>,
    /// Talk in clear text to a server on another host.
    pub(crate) insecure: bool,
}

/// `[instance]`: the background process and its data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct InstanceConfig {
    /// Name of the instance; several can run side by side.
    pub(crate) name: String,
    /// Folder of all instances; empty = `$XDG_DATA_HOME/sla` or `~/.local/share/sla`.
    pub(crate) data_dir: Option<PathBuf>,
    /// Where it listens; empty = the user's runtime folder, else the folder of the data. `/run/sla/sla.sock` for a service of
    /// the system: there the folder says which group may come in.
    pub(crate) socket: Option<PathBuf>,
    /// How long an instance that a console started stays without a console.
    pub(crate) idle_exit: Span,
}

impl Default for InstanceConfig {
    fn default() -> Self {
        Self {
            name: "default".to_owned(),
            data_dir: None,
            socket: None,
            idle_exit: Span(600_000),
        }
    }
}

/// `[log]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct LogConfig {
    /// error, warn, info, debug, trace, or target=level pairs.
    pub(crate) level: String,
    /// Folder of the log files; empty = `log` in the instance's folder.
    pub(crate) dir: Option<PathBuf>,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self {
            level: "info".to_owned(),
            dir: None,
        }
    }
}

/// `[evaluation]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct EvaluationConfig {
    /// Objectives are judged every max(spacing, floor).
    pub(crate) floor: Span,
    /// The windows, shortest first.
    pub(crate) windows: Vec<Span>,
    /// How far ahead is looked.
    pub(crate) horizon: Span,
    /// Most memory for the samples that are judged, MiB; series beyond it are not judged, and that is said.
    pub(crate) memory_mib: u64,
    /// Most objectives of all sets: each is judged whenever its series have news.
    pub(crate) max_objectives: usize,
    /// Most objectives of the sets of one user, cities that he subscribes to among them.
    pub(crate) max_objectives_per_user: usize,
    /// Most series with an outlook; further ones are judged and not forecast, and that is said. A threshold of an hour costs more
    /// than one of a day, which is looked at every quarter of an hour.
    pub(crate) max_outlooks: usize,
}

impl Default for EvaluationConfig {
    fn default() -> Self {
        Self {
            floor: Span(15_000),
            windows: sla_domain::Window::DEFAULT_LENGTHS_MS.map(Span).to_vec(),
            horizon: Span(600_000),
            memory_mib: sla_manager::options::DEFAULT_MEMORY_BYTES >> 20,
            max_objectives: sla_manager::options::DEFAULT_MAX_OBJECTIVES,
            max_objectives_per_user: sla_manager::options::DEFAULT_MAX_OBJECTIVES_PER_USER,
            max_outlooks: sla_manager::options::DEFAULT_MAX_OUTLOOKS,
        }
    }
}

/// `[etl]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct EtlConfig {
    /// Most series of one read or run.
    pub(crate) max_series: usize,
    /// Statistics and forecasts by themselves.
    pub(crate) results_every: Span,
    /// Metadata by themselves.
    pub(crate) metadata_every: Span,
    /// Windows of metadata, the one shown first in front; above 26 h they are told of 5-min means.
    pub(crate) metadata_windows: Vec<Span>,
    /// Threads for numerics; 0 = one a core.
    pub(crate) threads: usize,
    /// Most memory for raw samples of one source, bytes; at least 16 MiB.
    pub(crate) cache_bytes: u64,
    /// Where other processes reach this one, `https://host:port`: one of several workers is then asked for the series it has in
    /// memory. Empty = any of them is.
    pub(crate) address: String,
}

impl Default for EtlConfig {
    fn default() -> Self {
        Self {
            max_series: 2_000,
            results_every: Span(300_000),
            metadata_every: Span(86_400_000),
            metadata_windows: vec![Span(43_200_000)],
            threads: 0,
            cache_bytes: 256 << 20,
            address: String::new(),
        }
    }
}

/// `[peers]`: where the roles are that do not run in this process (`sla serve --roles`).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct PeersConfig {
    /// File with the secret by which roles know each other over the network, the same for all.
    pub(crate) secret_file: Option<PathBuf>,
    /// Address of the role etl: `https://host:port`; `http://` on this host. Of each role several, with commas between: a call goes
    /// to the one that answered last, and to the next when that one cannot take it.
    pub(crate) etl: String,
    /// Address of the role storage.
    pub(crate) storage: String,
    /// Address of the role sla.
    pub(crate) sla: String,
    /// Address of the role retrieval.
    pub(crate) retrieval: String,
    /// Address of the role account: without it, and without the role here, nobody is asked who he is.
    pub(crate) account: String,
    /// Address of the role notify.
    pub(crate) notify: String,
    /// Address of the role weather; it runs in the process of the role etl.
    pub(crate) weather: String,
}

impl PeersConfig {
    /// Role and address, whether given or empty.
    pub(crate) fn addresses(&self) -> [(&'static str, &str); 7] {
        [
            ("etl", &self.etl),
            ("storage", &self.storage),
            ("sla", &self.sla),
            ("retrieval", &self.retrieval),
            ("account", &self.account),
            ("notify", &self.notify),
            ("weather", &self.weather),
        ]
    }
}

/// `[metrics]`: what this process counts about itself, for a Prometheus.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct MetricsConfig {
    /// Address and port of /metrics, for example 127.0.0.1:9464; empty = not served.
    pub(crate) listen: String,
    /// Whether the address may be one that other hosts reach: metrics name what is watched, and nobody is asked who they are.
    pub(crate) open: bool,
}

impl MetricsConfig {
    /// Where to listen; `None` where nowhere.
    pub(crate) fn address(&self) -> Result<Option<SocketAddr>, ConfigError> {
        if self.listen.is_empty() {
            return Ok(None);
        }
        self.listen.parse().map(Some).map_err(|_| ConfigError::Rule {
            key: "metrics.listen",
            value: self.listen.clone(),
            rule: "an address and a port are needed".to_owned(),
            fix: "give 127.0.0.1:9464, or leave it out".to_owned(),
        })
    }

    /// Refuses what is no address, and one that others reach without a word for it.
    fn check(&self) -> Result<(), ConfigError> {
        match self.address()? {
            Some(address) if !self.open && !address.ip().is_loopback() => Err(ConfigError::Rule {
                key: "metrics.listen",
                value: self.listen.clone(),
                rule: "other hosts reach it, and metrics name what is watched".to_owned(),
                fix: "give 127.0.0.1 and the port, or set metrics.open = true".to_owned(),
            }),
            _ => Ok(()),
        }
    }
}

/// `[self]`: what the processes of this estate tell about themselves as a source called `self`, beside the others.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct OwnConfig {
    /// Whether it is watched: in the process of the role etl, every 15 s, the last 26 h in memory. Several workers watch each other
    /// where `peers.etl` names all of them and `etl.address` each.
    pub(crate) watch: bool,
}

/// `[account]`: users, once there are any.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct AccountConfig {
    /// Who may make an account for himself: closed (nobody), invitation (who has a code) or open.
    pub(crate) registration: String,
}

impl Default for AccountConfig {
    fn default() -> Self {
        Self {
            registration: "closed".to_owned(),
        }
    }
}

impl AccountConfig {
    /// The word as it is meant; checked when the configuration was read.
    pub(crate) fn registration(&self) -> Registration {
        match self.registration.as_str() {
            "open" => Registration::Open,
            "invitation" => Registration::Invitation,
            _ => Registration::Closed,
        }
    }
}

/// `[tls]`: certificates of this process (PEM files).
#[expect(clippy::struct_field_names, reason = "the keys are called as those of [source]")]
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct TlsConfig {
    /// Certificate of the port that `--listen` opens, the leaf first; also shown to roles in other processes.
    pub(crate) cert_file: Option<PathBuf>,
    /// Its key, without a password.
    pub(crate) key_file: Option<PathBuf>,
    /// Authority of the callers: who shows no certificate that it signed does not come in; empty = none is asked for.
    pub(crate) client_ca_file: Option<PathBuf>,
    /// Authority of the processes that this one calls (`[peers]`, `--connect`); empty = whom the system trusts.
    pub(crate) ca_file: Option<PathBuf>,
}

/// `[gateway]`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct GatewayConfig {
    /// Where the gateway listens, unless `--listen` says: `0.0.0.0:7443`.
    pub(crate) listen: Option<SocketAddr>,
}

/// `[console]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ConsoleConfig {
    /// auto, truecolor, 256, 16 or mono.
    pub(crate) colour: String,
    /// auto, dark or light.
    pub(crate) background: String,
    /// auto (what LC_ALL, LC_MESSAGES or LANG say), en or it.
    pub(crate) language: String,
    /// auto, true or false: draw with Unicode.
    pub(crate) unicode: String,
    /// auto, true or false: names lead to the server's own graph (OSC 8 links).
    pub(crate) links: String,
    /// Times in UTC rather than local.
    pub(crate) utc: bool,
    /// Listen to the mouse.
    pub(crate) mouse: bool,
    /// auto, dark, light, high-contrast, or the name of a file in the folder `themes` beside this one.
    pub(crate) theme: String,
    /// Change nothing from this console: no saving, no runs.
    pub(crate) read_only: bool,
    /// What a new violation does beside being told: nothing, bell, or desktop (a notification by OSC 9).
    pub(crate) alert: String,
    /// How long a lone Esc waits for the rest of a sequence.
    pub(crate) esc_hold: Span,
    /// Other keys for commands: `"metrics.filter" = "ctrl-f"`.
    pub(crate) keys: BTreeMap<String, String>,
}

impl Default for ConsoleConfig {
    fn default() -> Self {
        Self {
            colour: "auto".to_owned(),
            background: "auto".to_owned(),
            language: "auto".to_owned(),
            unicode: "auto".to_owned(),
            links: "auto".to_owned(),
            utc: true,
            mouse: false,
            theme: "auto".to_owned(),
            read_only: false,
            alert: "nothing".to_owned(),
            esc_hold: Span(40),
            keys: BTreeMap::new(),
        }
    }
}

impl Config {
    /// Whether anything can be watched.
    pub(crate) fn has_source(&self) -> bool {
        !self.first_url().is_empty() || self.own.watch || self.weather.is_on()
    }

    /// The address of the first metric source that has one; empty where none has.
    pub(crate) fn first_url(&self) -> &str {
        let further = self.sources.values().map(|source| &source.url);
        let mut all = std::iter::once(&self.source.url).chain(further);
        all.find(|url| !url.is_empty()).map_or("", String::as_str)
    }

    /// All sources, the default one first; a further one is called as its section unless it has a name of its own.
    pub(crate) fn all_sources(&self) -> Vec<SourceConfig> {
        let further = self.sources.iter().map(|(section, source)| {
            let mut source = source.clone();
            if source.name.is_empty() {
                source.name.clone_from(section);
            }
            source
        });
        std::iter::once(self.source.clone()).chain(further).collect()
    }

    /// Refuses what parses but cannot work.
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        let rule = |key, value: String, rule: &str, fix: &str| {
            Err(ConfigError::Rule {
                key,
                value,
                rule: rule.to_owned(),
                fix: fix.to_owned(),
            })
        };
        let name = &self.instance.name;
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if name.is_empty() || name.len() > 40 || !name.chars().all(plain) {
            let words = "a name has 1 to 40 letters, digits, - or _";
            return rule(
                "instance.name",
                name.clone(),
                words,
                "choose a simple name such as prod-eu",
            );
        }
        if !self.source.url.is_empty()
            && let Err(error) = SourceOptions::new("source", self.source.url.as_str()).check_url()
        {
            let words = match error {
                SourceError::BadOption { rule, .. } => rule,
                other => other.to_string(),
            };
            return rule(
                "source.url",
                redact_url(&self.source.url),
                &words,
                "correct --prometheus, or `url` below [source]",
            );
        }
        self.check_limits()?;
        self.metrics.check()?;
        super::source::check_further(&self.sources)?;
        self.bus.check()?;
        self.storage.check()?;
        self.notify.check()?;
        self.weather.check()?;
        for (key, value, words) in [
            (
                "console.colour",
                &self.console.colour,
                &["auto", "truecolor", "256", "16", "mono"][..],
            ),
            (
                "console.background",
                &self.console.background,
                &["auto", "dark", "light"][..],
            ),
            (
                "console.alert",
                &self.console.alert,
                &["nothing", "bell", "desktop"][..],
            ),
            ("console.language", &self.console.language, &["auto", "en", "it"][..]),
            ("console.unicode", &self.console.unicode, &["auto", "true", "false"][..]),
            ("console.links", &self.console.links, &["auto", "true", "false"][..]),
            (
                "account.registration",
                &self.account.registration,
                &["closed", "invitation", "open"][..],
            ),
        ] {
            if !words.contains(&value.as_str()) {
                let fix = format!("give one of {}", words.join(", "));
                return rule(key, value.clone(), "unknown word", &fix);
            }
        }
        let known = |part: &str| {
            let words = ["off", "error", "warn", "info", "debug", "trace"];
            part.contains('=') || words.iter().any(|word| part.trim().eq_ignore_ascii_case(word))
        };
        if !self.log.level.split(',').all(known) {
            return rule(
                "log.level",
                self.log.level.clone(),
                "unknown word",
                "give one of off, error, warn, info, debug, trace, or target=level pairs",
            );
        }
        if telemetry::check_filter(&self.log.level).is_err() {
            return rule(
                "log.level",
                self.log.level.clone(),
                "no filter of logs",
                "give target=level pairs such as sla_etl=debug",
            );
        }
        self.source.check_credentials("source")?;
        for (section, source) in &self.sources {
            source.check_credentials(&format!("sources.{section}"))?;
        }
        Ok(())
    }
}
