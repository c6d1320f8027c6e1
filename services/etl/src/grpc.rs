//! The gRPC surface: requests checked, errors turned into a status once, streams that are bounded and end.

mod analysis;
mod outlet;
mod runs;
mod samples;
mod schedule;
mod source;

use sla_runtime::status::ToStatus as _;
use tonic::Status;

use crate::error::EtlError;

/// The status of an error; logged here, once, unless the caller is to blame.
fn refused(rpc: &'static str, error: &EtlError) -> Status {
    let status = error.to_status();
    match status.code() {
        tonic::Code::Internal | tonic::Code::Unavailable => {
            let chain = sla_domain::SafeText::new(&sla_runtime::status::chain(error));
            tracing::warn!(rpc, reason = error.reason(), error = %chain, "failed");
        }
        code => tracing::debug!(rpc, ?code, reason = error.reason(), "refused"),
    }
    status
}
