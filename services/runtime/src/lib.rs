//! What every service process needs: telemetry, orderly shutdown, a bounded CPU pool, the gRPC server with its layers,
//! and the one way from an error to a `tonic::Status`.
//!
//! Invariant: knows no service. Whatever differs between roles comes in as an argument.

pub mod backlog;
pub mod blocking;
pub mod caller;
mod estate;
mod foreign;
pub mod gate;
pub mod health;
pub mod intake;
pub mod layer;
pub mod mandate;
pub mod metrics;
pub mod ownership;
pub mod pace;
pub mod page;
pub mod pool;
pub mod processes;
pub mod refusal;
pub mod role;
pub mod server;
pub mod server_info;
pub mod shutdown;
pub mod status;
pub mod telemetry;

pub use metrics::Metrics;
pub use pool::{CpuPool, PoolError};
pub use role::{Parts, Role};
pub use shutdown::Shutdown;
pub use status::{Problem, ToStatus, reason};
