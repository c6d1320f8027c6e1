//! `sla stop`.

use std::time::{Duration, Instant};

use color_eyre::eyre::Report;
use serde_json::json;
use sla_proto::Peer;
use sla_proto::server::v1::{GetServerInfoRequest, StopServerRequest};

use super::Session;
use crate::exit::{Exit, Failure};
use crate::instance;
use crate::output;

/// How long the end is waited for; the instance drains in half of that.
const STOP_LIMIT: Duration = Duration::from_secs(12);
/// Pause between two looks.
const STOP_POLL: Duration = Duration::from_millis(30);

/// Stops the local instance and waits until it is gone.
pub(crate) async fn stop(session: &Session) -> Result<Exit, Report> {
    let Some(socket) = session.paths.running() else {
        if session.global.json {
            output::print_json(&json!({ "instance": session.config().instance.name, "pid": null, "stopped": false }));
            return Ok(Exit::OK);
        }
        output::remark(&format!("no instance {:?} is running", session.config().instance.name));
        return Ok(Exit::OK);
    };
    let peer = Peer::connect_unix(&socket).await?.bearing(session.bearer()?);
    let info = peer
        .server()
        .get_server_info(GetServerInfoRequest {})
        .await?
        .into_inner();
    peer.server()
        .stop_server(StopServerRequest {
            reason: "sla stop".to_owned(),
        })
        .await?;
    drop(peer);
    let begun = Instant::now();
    // Its lock falls last: a start that comes right after succeeds.
    while std::os::unix::net::UnixStream::connect(&socket).is_ok() || !instance::is_free(&session.paths.data) {
        if begun.elapsed() > STOP_LIMIT {
            let words = format!(
                "instance {:?} (process {}) does not end; see its log",
                info.instance, info.pid
            );
            return Err(Failure::new(Exit::UNAVAILABLE, words).into());
        }
        tokio::time::sleep(STOP_POLL).await;
    }
    if session.global.json {
        output::print_json(&json!({ "instance": info.instance, "pid": info.pid, "stopped": true }));
        return Ok(Exit::OK);
    }
    output::print(&format!(
        "instance {:?} (process {}) has ended; nothing is watched now",
        info.instance, info.pid
    ));
    Ok(Exit::OK)
}
