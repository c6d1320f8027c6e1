//! What can be wrong with the configuration.

use std::path::PathBuf;

/// Each names the file, line, column or key, and the fix.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    /// The file given with `--config` or SLA_CONFIG is not there.
    #[error("there is no configuration file {path}")]
    Missing {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// It is there and cannot be read.
    #[error("the configuration file {path} cannot be read")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The file cannot be parsed; toml's message has line and column.
    #[error("{path}: {message}")]
    File {
        /// The file.
        path: PathBuf,
        /// Line, column, rule.
        message: String,
    },
    /// A value from the environment or a flag does not fit.
    #[error("{origin}: {message}")]
    Value {
        /// Which variable or flag.
        origin: String,
        /// What is wrong.
        message: String,
    },
    /// A value that parses but breaks a rule.
    #[error("{key} is {value:?}: {rule}; {fix}")]
    Rule {
        /// The key, as in the file.
        key: &'static str,
        /// As given.
        value: String,
        /// What must hold.
        rule: String,
        /// What to do.
        fix: String,
    },
    /// What a role or the console refuses, in its own words.
    #[error("the configuration cannot be used: {0}")]
    Unusable(String),
    /// No place to keep data.
    #[error("no home for data: HOME is not set; give --data-dir or set SLA_INSTANCE__DATA_DIR")]
    NoHome,
    /// The last place for a socket belongs to somebody else.
    #[error(
        "no safe place for the socket: {folder} is not a folder of this user alone; set XDG_RUNTIME_DIR or instance.socket"
    )]
    Shelter {
        /// The folder.
        folder: PathBuf,
    },
    /// A folder of the instance belongs to somebody else.
    #[error(
        "{folder} belongs to another user, who could replace what is kept there; give it to this user (chown), or set instance.data_dir"
    )]
    Foreign {
        /// The folder.
        folder: PathBuf,
    },
    /// The file cannot be written.
    #[error("cannot write {path}")]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}
