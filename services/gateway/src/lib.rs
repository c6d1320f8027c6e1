//! The one door for consoles and scripts: speaks the services of all roles, and forwards each call to the process that has the
//! role.
//!
//! Invariant: keeps nothing. What a caller may do was asked at the door, by the layers of `sla-runtime`, before a call comes
//! here; behind it calls travel as those of a role, with the caller's name and with the `authorization` that it gave.

mod fan;
mod forward;
mod http;
pub mod options;
mod passing;
pub mod service;

pub use crate::http::{document as openapi, rpc_of};
pub use options::GatewayOptions;
pub use service::GatewayService;
