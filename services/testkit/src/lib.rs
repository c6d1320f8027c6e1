//! What tests of several crates share: real servers named by the environment, a stub server, the binary as a process of its
//! own, a source that can be cut off. Its own tests keep docs/ARCHITECTURE.md true. Nothing of it ships.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on shall fail where it stands"
)]

#[cfg(feature = "estate")]
pub mod estate;
#[cfg(feature = "golden")]
pub mod golden;
#[cfg(feature = "process")]
pub mod instance;
#[cfg(feature = "http")]
pub mod servers;
#[cfg(feature = "http")]
pub mod stub;
#[cfg(feature = "source")]
pub mod switched;

#[cfg(feature = "process")]
pub use instance::{Instance, Served, free_address};
#[cfg(feature = "http")]
pub use servers::{provide_tls, servers, worlds};
#[cfg(feature = "http")]
pub use stub::{Reply, Request, Stub};
#[cfg(feature = "source")]
pub use switched::Switched;
