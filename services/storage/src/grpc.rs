//! The services of `sla.storage.v1` in front of the ports.

mod accounts;
mod leases;
mod ledger;
mod notify;
mod placements;
mod refusal;
mod results;
mod runs;
mod sets;
mod state;
pub(crate) mod status;

use sla_domain::SeriesId;
use sla_proto::storage::v1::account_store_service_server::AccountStoreServiceServer;
use sla_proto::storage::v1::lease_store_service_server::LeaseStoreServiceServer;
use sla_proto::storage::v1::ledger_store_service_server::LedgerStoreServiceServer;
use sla_proto::storage::v1::notify_store_service_server::NotifyStoreServiceServer;
use sla_proto::storage::v1::placement_store_service_server::PlacementStoreServiceServer;
use sla_proto::storage::v1::result_store_service_server::ResultStoreServiceServer;
use sla_proto::storage::v1::run_store_service_server::RunStoreServiceServer;
use sla_proto::storage::v1::set_store_service_server::SetStoreServiceServer;
use sla_proto::storage::v1::state_store_service_server::StateStoreServiceServer;
use sla_runtime::{ToStatus as _, page};
use tonic::Status;
use tonic::service::Routes;

use crate::error::StoreError;
use crate::metrics::StorageMetrics;
use crate::port::{Page, Store};

/// One undecodable record of 10 MiB must still reach the dead letters.
const MAX_BATCH_MESSAGE_BYTES: usize = 12 << 20;
/// Sets come in tens, each at most 1 MiB.
const MAX_PUT_MESSAGE_BYTES: usize = 8 << 20;
/// Everything else.
const MAX_MESSAGE_BYTES: usize = 1 << 20;

/// The services, over any store.
#[derive(Debug)]
pub(crate) struct StorageGrpc<S> {
    store: S,
    metrics: StorageMetrics,
}

impl<S: Clone> Clone for StorageGrpc<S> {
    fn clone(&self) -> Self {
        Self {
            store: self.store.clone(),
            metrics: self.metrics.clone(),
        }
    }
}

impl<S> StorageGrpc<S>
where
    S: Store + Clone,
{
    pub(crate) fn new(store: S, metrics: StorageMetrics) -> Self {
        Self { store, metrics }
    }

    pub(crate) fn routes(&self, routes: Routes) -> Routes {
        routes
            .add_service(ResultStoreServiceServer::new(self.clone()).max_decoding_message_size(MAX_BATCH_MESSAGE_BYTES))
            .add_service(SetStoreServiceServer::new(self.clone()).max_decoding_message_size(MAX_PUT_MESSAGE_BYTES))
            .add_service(RunStoreServiceServer::new(self.clone()).max_decoding_message_size(MAX_MESSAGE_BYTES))
            .add_service(LedgerStoreServiceServer::new(self.clone()).max_decoding_message_size(MAX_PUT_MESSAGE_BYTES))
            .add_service(StateStoreServiceServer::new(self.clone()).max_decoding_message_size(MAX_PUT_MESSAGE_BYTES))
            .add_service(LeaseStoreServiceServer::new(self.clone()).max_decoding_message_size(MAX_MESSAGE_BYTES))
            .add_service(PlacementStoreServiceServer::new(self.clone()).max_decoding_message_size(MAX_MESSAGE_BYTES))
            .add_service(AccountStoreServiceServer::new(self.clone()).max_decoding_message_size(MAX_MESSAGE_BYTES))
            .add_service(NotifyStoreServiceServer::new(self.clone()).max_decoding_message_size(MAX_PUT_MESSAGE_BYTES))
    }
}

fn missing(field: &'static str) -> Status {
    StoreError::invalid(field, "", "must be given", "fill this field").to_status()
}

fn series_ids(ids: &[Vec<u8>]) -> Result<Vec<SeriesId>, Status> {
    ids.iter()
        .enumerate()
        .map(|(at, id)| {
            SeriesId::from_slice(id).ok_or_else(|| {
                StoreError::invalid(
                    format!("series_ids[{at}]"),
                    format!("{} bytes", id.len()),
                    "must have 16 bytes",
                    "give series ids as they were answered",
                )
                .to_status()
            })
        })
        .collect()
}

/// A page as the ports want it; `filter` names the list completely.
fn wanted(size: u32, token: &str, filter: &str) -> Result<Page, Status> {
    Ok(Page {
        size: page::size(size),
        after: page::Token::decode(token, filter)?,
    })
}

fn token(next: Option<String>, filter: &str) -> String {
    next.map_or_else(String::new, |key| page::Token::encode(filter, &key))
}
