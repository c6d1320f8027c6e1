//! What the list of everything holds beside its entries: where each leads, and the series of the server.

use sla_proto::series::v1::Series;

use crate::command::Cmd;
use crate::context::Jump;
use crate::context::request::RequestId;

/// What an entry leads to.
#[derive(Debug, Clone)]
pub(super) enum Leads {
    Command(Cmd, Option<String>),
    Place(Jump),
}

/// Series that the server was asked for.
#[derive(Debug, Default)]
pub(super) struct Searched {
    /// What was asked, and for which question an answer is awaited.
    pub(super) selector: String,
    pub(super) pending: Option<RequestId>,
    pub(super) series: Vec<Series>,
}
