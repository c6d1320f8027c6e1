//! `sla storage`: a person's word about a stream that cannot be read on.

use color_eyre::eyre::Report;
use serde_json::json;
use sla_proto::storage::v1::MovePositionRequest;

use super::{Session, copies};
use crate::cli::{StorageAction, StorageArgs, StreamPlace};
use crate::exit::Exit;
use crate::output;

/// Moves the position of a stream and says where it stood.
pub(crate) async fn storage(session: &Session, arguments: &StorageArgs) -> Result<Exit, Report> {
    let (place, back) = match &arguments.action {
        StorageAction::AcceptGap(place) => (place, false),
        StorageAction::Rewind(place) => (place, true),
        StorageAction::Copies(action) => return copies::copies(session, action),
    };
    let StreamPlace { stream, partition, to } = place;
    let request = MovePositionRequest {
        source: stream.clone(),
        partition: *partition,
        to: *to,
        back,
    };
    let answer = session.peer().await?.results().move_position(request).await?;
    let from = answer.into_inner().from;
    if session.global.json {
        output::print_json(&json!({ "stream": stream, "partition": partition, "from": from, "to": to }));
    } else {
        output::print(&format!(
            "stream {stream}, partition {partition}: stood at {from}, goes on at {to}"
        ));
    }
    Ok(Exit::OK)
}
