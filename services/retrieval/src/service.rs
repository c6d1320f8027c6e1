//! The role `retrieval`, put together.

use std::sync::Arc;

use sla_domain::Clock;
use sla_proto::Peer;
use sla_proto::retrieval::v1::retrieval_service_server::RetrievalServiceServer;
use sla_runtime::pool::CpuPool;
use sla_runtime::shutdown::Shutdown;
use sla_runtime::{Parts, Role};
use tonic::service::Routes;

use crate::error::RetrievalError;
use crate::kept::KeptTables;
use crate::options::{MAX_REQUEST_BYTES, RetrievalOptions};

/// The parts that answer calls.
pub(crate) struct Core {
    pub(crate) options: RetrievalOptions,
    pub(crate) peer: Peer,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) pool: CpuPool,
    pub(crate) shutdown: Shutdown,
    pub(crate) kept: KeptTables,
}

/// The role `retrieval` of this process. Cheap to clone.
#[derive(Clone)]
pub struct RetrievalService {
    core: Arc<Core>,
}

impl RetrievalService {
    /// Starts the role; the peer reaches the samples, the analysis and the stored results. A call ends with its caller or its
    /// deadline; nothing runs beside but the reading of a long table anew and its end.
    pub fn start(options: RetrievalOptions, parts: Parts) -> Result<Self, RetrievalError> {
        if options.read_timeout.is_zero() {
            return Err(RetrievalError::invalid(
                "read_timeout",
                "0",
                "must be above 0",
                "leave it out for 14 s",
            ));
        }
        Ok(Self {
            core: Arc::new(Core {
                options,
                peer: parts.peer,
                clock: parts.clock,
                pool: parts.pool,
                shutdown: parts.shutdown,
                kept: KeptTables::default(),
            }),
        })
    }
}

impl Role for RetrievalService {
    fn name(&self) -> &'static str {
        "retrieval"
    }

    fn routes(&self, routes: Routes) -> Routes {
        routes.add_service(
            RetrievalServiceServer::from_arc(self.core.clone()).max_decoding_message_size(MAX_REQUEST_BYTES),
        )
    }
}
