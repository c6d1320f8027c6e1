//! Where an instance keeps its things, and where its socket is looked for (docs/ARCHITECTURE.md, "Instances").

use std::path::{Path, PathBuf};

use crate::config::{Config, ConfigError, environment};

/// The socket of the instance that the system runs as a service.
pub(crate) const SYSTEM_SOCKET: &str = "/run/sla/sla.sock";

/// The folders of one instance.
#[derive(Debug, Clone)]
pub(crate) struct Paths {
    /// Its database and logs.
    pub(crate) data: PathBuf,
    /// Log files.
    pub(crate) log: PathBuf,
    /// Where a new instance of this name listens.
    pub(crate) socket: PathBuf,
    /// Where a running one is looked for, in order.
    pub(crate) candidates: Vec<PathBuf>,
}

impl Paths {
    /// For the configured instance.
    pub(crate) fn of(config: &Config) -> Result<Self, ConfigError> {
        let name = &config.instance.name;
        let base = match &config.instance.data_dir {
            Some(folder) => folder.clone(),
            None => home_data()?.join("sla"),
        };
        let data = base.join(name);
        let in_data = base.join("run").join(format!("{name}.sock"));
        let in_runtime = environment("XDG_RUNTIME_DIR")
            .map(PathBuf::from)
            // A data folder of one's own means an instance of one's own.
            .filter(|folder| config.instance.data_dir.is_none() && folder.is_dir())
            .map(|folder| folder.join("sla").join(format!("{name}.sock")));
        let mut candidates = Vec::new();
        if name == "default" && config.instance.data_dir.is_none() && may_open(Path::new(SYSTEM_SOCKET)) {
            candidates.push(PathBuf::from(SYSTEM_SOCKET));
        }
        candidates.extend(in_runtime.clone());
        candidates.push(in_data.clone());
        Ok(Self {
            log: config.log.dir.clone().unwrap_or_else(|| data.join("log")),
            data,
            socket: in_runtime.unwrap_or(in_data),
            candidates,
        })
    }

    /// Everything inside one folder: the demo's.
    pub(crate) fn inside(folder: &Path) -> Self {
        let socket = folder.join("sla.sock");
        Self {
            data: folder.join("data"),
            log: folder.join("log"),
            candidates: vec![socket.clone()],
            socket,
        }
    }
}

fn home_data() -> Result<PathBuf, ConfigError> {
    environment("XDG_DATA_HOME")
        .map(PathBuf::from)
        .or_else(|| environment("HOME").map(|home| Path::new(&home).join(".local").join("share")))
        .ok_or(ConfigError::NoHome)
}

fn may_open(socket: &Path) -> bool {
    std::os::unix::net::UnixStream::connect(socket).is_ok()
}
