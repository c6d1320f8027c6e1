//! The role and its parts.

use std::sync::Arc;

use sla_proto::account::v1::account_service_server::AccountServiceServer;
use sla_runtime::status::chain;
use sla_runtime::{Parts, Role};
use tonic::service::Routes;

use crate::error::AccountError;
use crate::grpc::AccountGrpc;
use crate::hashing::Hashing;
use crate::keeper::Keeper;
use crate::options::AccountOptions;

/// Requests are small; a password is no book.
const MAX_MESSAGE_BYTES: usize = 64 << 10;

/// Why the role could not start.
#[derive(Debug, thiserror::Error)]
#[error("the role account cannot start: {0}")]
pub struct StartError(String);

/// The running role. Cheap to clone.
#[derive(Debug, Clone)]
pub struct AccountService {
    grpc: AccountGrpc,
}

impl AccountService {
    /// Starts the threads for passwords; accounts are read from the storage at the first call.
    ///
    /// # Errors
    /// When the threads cannot be started.
    pub fn start(options: AccountOptions, parts: Parts) -> Result<Self, StartError> {
        let hashing = Hashing::new(options.hashers).map_err(|error: AccountError| StartError(chain(&error)))?;
        let keeper = Arc::new(Keeper::new(parts.peer.clone(), parts.clock));
        Ok(Self {
            grpc: AccountGrpc {
                keeper,
                hashing,
                backoff: Arc::default(),
                registration: options.registration,
                peer: parts.peer,
                shutdown: parts.shutdown,
            },
        })
    }
}

#[tonic::async_trait]
impl Role for AccountService {
    fn name(&self) -> &'static str {
        "account"
    }

    fn routes(&self, routes: Routes) -> Routes {
        routes.add_service(AccountServiceServer::new(self.grpc.clone()).max_decoding_message_size(MAX_MESSAGE_BYTES))
    }
}
