//! Where an instance keeps its things, and where its socket is looked for (docs/ARCHITECTURE.md, "One instance, many consoles").

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use sla_runtime::server::Audience;

use super::{folder, lock};
use crate::config::{Config, ConfigError, environment};

/// The socket of the instance that the system runs as a service.
const SYSTEM_SOCKET: &str = "/run/sla/sla.sock";
/// Longest path of a Unix socket, bytes (`sun_path`, without its end).
const MAX_SOCKET_BYTES: usize = 107;

/// The folders of one instance.
#[derive(Debug, Clone)]
pub struct Paths {
    /// Its database and logs.
    pub data: PathBuf,
    /// Log files.
    pub log: PathBuf,
    /// Where a new instance of this name listens.
    pub socket: PathBuf,
    /// Where a running one is looked for, in order; and then where the lock of its data folder says.
    pub(crate) candidates: Vec<PathBuf>,
    /// Whether somebody chose the place of the socket: its folder is not ours to close.
    socket_is_chosen: bool,
}

impl Paths {
    /// For the configured instance.
    pub(crate) fn of(config: &Config) -> Result<Self, ConfigError> {
        let base = match &config.instance.data_dir {
            Some(folder) => std::path::absolute(folder).unwrap_or_else(|_| folder.clone()),
            None => home_data()?.join("sla"),
        };
        let data = base.join(&config.instance.name);
        Ok(Self {
            log: config.log.dir.clone().unwrap_or_else(|| data.join("log")),
            candidates: candidates(config, &base, &data),
            socket_is_chosen: config.instance.socket.is_some(),
            socket: match &config.instance.socket {
                Some(socket) => socket.clone(),
                None => usual_socket(config, &base, &data)?,
            },
            data,
        })
    }

    /// Everything inside one folder: the demo's.
    pub fn inside(folder: &Path) -> Self {
        let socket = folder.join("sla.sock");
        Self {
            data: folder.join("data"),
            log: folder.join("log"),
            candidates: vec![socket.clone()],
            socket_is_chosen: false,
            socket,
        }
    }

    /// The socket of the running instance, if there is one.
    pub(crate) fn running(&self) -> Option<PathBuf> {
        self.candidates
            .iter()
            .cloned()
            .chain(lock::socket_of(&self.data))
            .find(|socket| answers(socket))
    }

    /// The folders that hold nothing but this instance's things. Logs may lie in a folder of others.
    pub(super) fn own_folders(&self) -> impl Iterator<Item = &Path> {
        let socket = self.socket.parent().filter(|_| !self.socket_is_chosen);
        socket.into_iter().chain([self.data.as_path()])
    }

    /// Who may come in: a group of operators where the system keeps the sockets of its services, else the owner.
    pub(super) fn audience(&self) -> Audience {
        if self.socket.parent() == Path::new(SYSTEM_SOCKET).parent() {
            Audience::Group
        } else {
            Audience::Owner
        }
    }
}

/// The first place that can hold a socket: the user's runtime folder, the data folder, a folder of this user in `/tmp`.
fn usual_socket(config: &Config, base: &Path, data: &Path) -> Result<PathBuf, ConfigError> {
    let name = &config.instance.name;
    let in_runtime = runtime_folder().filter(|_| config.instance.data_dir.is_none());
    let near = in_runtime
        .map(|folder| folder.join("sla").join(format!("{name}.sock")))
        .into_iter()
        .chain([in_data(config, base)])
        .find(|socket| fits(socket));
    if let Some(socket) = near {
        return Ok(socket);
    }
    let shelter = PathBuf::from(format!("/tmp/sla-{}", folder::our_uid()));
    if std::fs::symlink_metadata(&shelter).is_ok() && !folder::is_ours(&shelter) {
        return Err(ConfigError::Shelter { folder: shelter });
    }
    let mut hasher = DefaultHasher::new();
    data.hash(&mut hasher);
    Ok(shelter.join(format!("{name}-{:016x}.sock", hasher.finish())))
}

/// Where an instance of this name may listen, whatever the environment it was started in.
fn candidates(config: &Config, base: &Path, data: &Path) -> Vec<PathBuf> {
    let name = &config.instance.name;
    let mut candidates = Vec::new();
    candidates.extend(config.instance.socket.clone());
    // A data folder of one's own means an instance of one's own.
    if config.instance.data_dir.is_none() {
        if name == "default" {
            candidates.push(PathBuf::from(SYSTEM_SOCKET));
        }
        // Under cron, sudo and NRPE nobody says where the runtime folder is.
        let usual = PathBuf::from(format!("/run/user/{}", folder::our_uid()));
        let folders = runtime_folder()
            .into_iter()
            .chain(Some(usual).filter(|usual| folder::is_ours(usual)));
        candidates.extend(folders.map(|folder| folder.join("sla").join(format!("{name}.sock"))));
    }
    candidates.push(in_data(config, base));
    candidates.extend(usual_socket(config, base, data).ok());
    candidates.dedup();
    candidates
}

fn in_data(config: &Config, base: &Path) -> PathBuf {
    base.join("run").join(format!("{}.sock", config.instance.name))
}

/// `$XDG_RUNTIME_DIR` where it is what its specification asks for: absolute, ours, closed to the writing of others.
fn runtime_folder() -> Option<PathBuf> {
    environment("XDG_RUNTIME_DIR")
        .map(PathBuf::from)
        .filter(|folder| folder.is_absolute() && folder::is_ours(folder))
}

fn fits(socket: &Path) -> bool {
    socket.as_os_str().as_bytes().len() <= MAX_SOCKET_BYTES
}

/// Whether somebody listens there.
pub(super) fn answers(socket: &Path) -> bool {
    std::os::unix::net::UnixStream::connect(socket).is_ok()
}

fn home_data() -> Result<PathBuf, ConfigError> {
    environment("XDG_DATA_HOME")
        .map(PathBuf::from)
        .filter(|folder| folder.is_absolute())
        .or_else(|| environment("HOME").map(|home| Path::new(&home).join(".local").join("share")))
        .ok_or(ConfigError::NoHome)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(data_dir: &str) -> Paths {
        let config: Config = toml::from_str(&format!("instance.data_dir = {data_dir:?}")).unwrap();
        Paths::of(&config).unwrap()
    }

    #[test]
    fn a_socket_whose_path_is_too_long_lies_in_a_shelter() {
        let near = of("/srv/sla");
        assert_eq!(near.socket, Path::new("/srv/sla/run/default.sock"));
        let (far, further) = (
            of(&format!("/{}", "x".repeat(120))),
            of(&format!("/{}", "y".repeat(120))),
        );
        let shelter = format!("/tmp/sla-{}", folder::our_uid());
        assert!(far.socket.starts_with(&shelter) && fits(&far.socket), "{far:?}");
        assert_ne!(far.socket, further.socket, "another data folder is another instance");
        assert!(far.candidates.contains(&far.socket));
        assert!(
            !near.candidates.iter().any(|path| path.starts_with("/run")),
            "an instance of one's own"
        );
    }
}
