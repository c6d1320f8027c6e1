//! The role and its parts.

use std::sync::{Arc, Mutex};

use sla_proto::notify::v1::notify_service_server::NotifyServiceServer;
use sla_runtime::{Parts, Role};
use tokio::sync::Notify;
use tonic::service::Routes;

use crate::book::Book;
use crate::channel::{Carrier, Channels};
use crate::core::Core;
use crate::grpc::NotifyGrpc;
use crate::metrics::NotifyMetrics;
use crate::options::NotifyOptions;
use crate::pace::Pace;
use crate::{linker, reader, sender};

/// Requests are small.
const MAX_MESSAGE_BYTES: usize = 64 << 10;

/// Why the role could not start.
#[derive(Debug, thiserror::Error)]
#[error("the role notify cannot start: its HTTP client cannot be made")]
pub struct StartError(#[from] reqwest::Error);

/// The running role. Cheap to clone.
#[derive(Debug, Clone)]
pub struct NotifyService {
    core: Arc<Core>,
}

impl NotifyService {
    /// Starts reading the ledger and emptying the outbox; no other role needs to be there yet.
    ///
    /// # Errors
    /// When the system's certificates cannot be read.
    pub fn start(options: NotifyOptions, parts: Parts) -> Result<Self, StartError> {
        let channels = Channels::new(options.clone())?;
        Ok(Self::over(Arc::new(channels.clone()), channels, options, parts))
    }

    /// The same with messages handed to `carrier`, whatever their channel.
    ///
    /// # Errors
    /// As [`NotifyService::start`].
    pub fn through(carrier: Arc<dyn Carrier>, options: NotifyOptions, parts: Parts) -> Result<Self, StartError> {
        let channels = Channels::new(options.clone())?;
        Ok(Self::over(carrier, channels, options, parts))
    }

    fn over(carrier: Arc<dyn Carrier>, channels: Channels, options: NotifyOptions, parts: Parts) -> Self {
        let core = Arc::new(Core {
            channels,
            carrier,
            options,
            peer: parts.peer,
            clock: parts.clock,
            shutdown: parts.shutdown,
            book: Book::default(),
            pace: Pace::default(),
            metrics: NotifyMetrics::registered(&parts.metrics),
            posted: Notify::new(),
            links: Mutex::default(),
            linking: Notify::new(),
            changed: Notify::new(),
        });
        core.shutdown.spawn("notify reader", reader::run(core.clone()));
        core.shutdown.spawn("notify sender", sender::run(core.clone()));
        core.shutdown.spawn("notify linker", linker::run(core.clone()));
        Self { core }
    }
}

#[tonic::async_trait]
impl Role for NotifyService {
    fn name(&self) -> &'static str {
        "notify"
    }

    fn routes(&self, routes: Routes) -> Routes {
        let service = NotifyServiceServer::new(NotifyGrpc(self.core.clone()));
        routes.add_service(service.max_decoding_message_size(MAX_MESSAGE_BYTES))
    }
}
