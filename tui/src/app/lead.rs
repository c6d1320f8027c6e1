//! Where an entry of the list of everything leads.

use crate::command::Cmd;
use crate::context::Jump;

/// What an entry leads to.
#[derive(Debug, Clone)]
pub(super) enum Leads {
    Command(Cmd, Option<String>),
    Place(Jump),
}
