//! The configuration: defaults → file → environment → flags, complete and checked before anything runs.
//! `sla config show` tells where each value came from.

mod bus;
mod error;
mod file;
mod keys;
mod layers;
mod limits;
mod notify;
mod schema;
mod source;
mod span;
mod storage;
mod variables;
mod weather;

pub(crate) use bus::BusConfig;
pub(crate) use error::ConfigError;
pub(crate) use file::user_config_file;
#[cfg(test)]
pub(crate) use layers::defaults_markdown;
pub(crate) use layers::{Flags, Loaded};
pub use schema::Config;
pub(crate) use schema::{ConsoleConfig, PeersConfig, TlsConfig};
pub(crate) use source::SourceConfig;
pub(crate) use span::Span;
pub(crate) use variables::environment;
pub(crate) use weather::WeatherConfig;
