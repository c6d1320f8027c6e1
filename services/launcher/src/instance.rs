//! An instance: a running set of roles with a data directory and a Unix socket. Consoles attach to it and start it when
//! there is none.

mod agreements;
mod attach;
mod bus;
mod cover;
mod folder;
mod heap;
mod lock;
mod messages;
mod options;
mod paths;
mod peers;
mod plan;
mod roles;
mod serve;
mod source;
mod watching;

pub(crate) use attach::{Wanted, attach, connect, ensure};
pub(crate) use cover::{is_covered, trust};
pub(crate) use folder::{close_umask, make as make_folder, open_private};
pub(crate) use heap::{make_frugal, make_sparing};
pub(crate) use lock::is_free;
pub(crate) use options::probe;
pub use paths::Paths;
pub use plan::{Demo, Serve};
pub(crate) use roles::ROLES;
pub use roles::{Roles, Running, Wiring, start};
pub(crate) use serve::check;
pub use serve::serve;
#[cfg(test)]
pub(crate) use serve::tell_connections;
