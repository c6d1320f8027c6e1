//! A role and its process: each is started from the same parts, adds its services to the doors, and is closed last.

use std::fmt;
use std::sync::Arc;

use sla_domain::Clock;
use sla_proto::Peer;
use tonic::service::Routes;

use crate::metrics::Metrics;
use crate::pool::CpuPool;
use crate::shutdown::Shutdown;

/// What every role of a process is started with. Cheap to clone.
#[derive(Clone)]
pub struct Parts {
    /// Reaches the other roles, in this process or in others. It may still be unwired when a role starts.
    pub peer: Peer,
    /// The one clock of the process.
    pub clock: Arc<dyn Clock>,
    /// For CPU work; all roles share it.
    pub pool: CpuPool,
    /// The end of the process, and the owner of its tasks.
    pub shutdown: Shutdown,
    /// Where a role registers what it counts.
    pub metrics: Metrics,
}

impl fmt::Debug for Parts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parts").finish_non_exhaustive()
    }
}

/// A running role. It ends with the [`Shutdown`] it was started with.
#[tonic::async_trait]
pub trait Role: Send + Sync {
    /// Its word on the wire, in health and on the command line.
    fn name(&self) -> &'static str;

    /// Adds its services.
    fn routes(&self, routes: Routes) -> Routes;

    /// The last step of an orderly end, when nobody calls any more.
    async fn close(&self) {}
}
