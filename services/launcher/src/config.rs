//! The configuration: defaults → file → environment → flags, complete and checked before anything runs.
//! `sla config show` tells where each value came from.

mod bus;
mod error;
mod keys;
mod layers;
mod notify;
mod schema;
mod source;
mod span;
mod storage;
mod variables;
mod weather;

pub(crate) use bus::BusConfig;
pub(crate) use error::ConfigError;
#[cfg(test)]
pub(crate) use layers::defaults_markdown;
pub(crate) use layers::{Flags, Loaded, environment, user_config_file};
pub use schema::Config;
pub(crate) use schema::{ConsoleConfig, PeersConfig, TlsConfig};
pub(crate) use source::SourceConfig;
pub(crate) use span::Span;
pub(crate) use weather::WeatherConfig;
