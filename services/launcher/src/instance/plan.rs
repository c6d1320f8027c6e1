//! What a process is asked to be.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// How an instance is run.
#[derive(Debug, Clone, Default)]
pub struct Serve {
    /// Ends itself after this long without a console; `None` = stays.
    pub idle_exit: Option<Duration>,
    /// It was started for one command: where no source could be reached, it ends behind it.
    pub errand: bool,
    /// The labelled demo instead of a Prometheus.
    pub demo: Option<Demo>,
    /// The roles that run here, by their words; empty = all.
    pub roles: Vec<String>,
    /// A TCP port beside the Unix socket.
    pub listen: Option<SocketAddr>,
    /// Ports and peers may be in the clear beyond this host.
    pub insecure: bool,
}

impl Serve {
    /// Whether the role `word` runs here.
    pub(super) fn has(&self, word: &str) -> bool {
        if self.roles.is_empty() {
            // Without a port there is nobody for a gateway to let in.
            return word != "gateway" || self.listen.is_some();
        }
        self.roles.iter().any(|role| role == word)
    }

    /// Whether the metric source must be configured.
    pub(crate) fn needs_source(&self) -> bool {
        self.demo.is_none() && self.has("etl")
    }
}

/// The labelled demo.
#[derive(Debug, Clone)]
pub struct Demo {
    /// Its own folder, removed at the end.
    pub folder: PathBuf,
    /// Where its clock stands still, Unix milliseconds.
    pub frozen_ms: Option<i64>,
    /// Distance of live samples, milliseconds.
    pub step_ms: i64,
}
