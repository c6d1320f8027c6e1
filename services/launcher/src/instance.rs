//! An instance: a running set of roles with a data directory and a Unix socket. Consoles attach to it and start it when
//! there is none.

mod agreements;
mod attach;
#[cfg(test)]
mod contract;
mod paths;
mod roles;
mod serve;
mod source;

pub(crate) use attach::{Wanted, attach, ensure, find_running};
pub(crate) use paths::Paths;
pub(crate) use serve::{Demo, Serve, serve};
pub(crate) use source::source_options;
