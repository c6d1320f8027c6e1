//! What the server is and can do, found by trying.

use std::sync::{MutexGuard, PoisonError};
use std::time::Duration;

use serde::Deserialize;
use tokio::time::Instant;

use super::Prometheus;
use super::json::{self, Success};
use super::question::Question;
use crate::error::SourceError;
use crate::port::Call;
use crate::reply::{SourceInfo, Way};

/// After this long the server is asked again: it may have been upgraded or configured anew.
const PROBE_AGE: Duration = Duration::from_mins(10);

impl Prometheus {
    fn cached(&self) -> MutexGuard<'_, Option<(Instant, SourceInfo)>> {
        self.info.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Stops reading by `way` until the next probe.
    pub(super) fn give_up(&self, way: Way) {
        if let Some((_, info)) = self.cached().as_mut() {
            info.ways.retain(|known| *known != way);
        }
    }

    /// The ways raw samples can be read, fastest first; at least one.
    pub(super) async fn raw_ways(&self, call: &Call) -> Result<Vec<Way>, SourceError> {
        Ok(self.info(call).await?.ways)
    }

    pub(super) async fn info(&self, call: &Call) -> Result<SourceInfo, SourceError> {
        let known = self.cached().clone();
        if let Some((at, info)) = known
            && at.elapsed() < PROBE_AGE
        {
            return Ok(info);
        }
        self.ask_what_it_is(call).await
    }

    /// Asks the server itself, whatever is known: a server that has gone must not answer from memory.
    pub(super) async fn ask_what_it_is(&self, call: &Call) -> Result<SourceInfo, SourceError> {
        let info = self.find_out(call).await?;
        *self.cached() = Some((Instant::now(), info.clone()));
        *self.external.lock().unwrap_or_else(PoisonError::into_inner) = None;
        Ok(info)
    }

    async fn find_out(&self, call: &Call) -> Result<SourceInfo, SourceError> {
        // The one question every server of this kind answers; what fails here is wrong with the address.
        let question = Question::Form {
            path: "api/v1/query",
            parameters: vec![("query", "1".into())],
        };
        let answer = self.client.ask(&question, call).await?;
        let _: Success<json::QueryData> = json::success(&answer)?;
        let mut notices = Vec::new();
        if self.client.options.tls.insecure_skip_verify {
            notices.push("TLS certificates of this source are not checked (insecure_skip_verify)".to_owned());
        }
        let allowed = &self.client.options.ways;
        let remote = if allowed.iter().any(|way| way.is_remote_read()) {
            self.probe_remote(call).await
        } else {
            Ok(Way::InstantQuery)
        };
        let mut ways = match remote {
            Ok(Way::RemoteReadChunks) => vec![Way::RemoteReadChunks, Way::RemoteReadSamples, Way::InstantQuery],
            Ok(Way::RemoteReadSamples) => vec![Way::RemoteReadSamples, Way::InstantQuery],
            Ok(_) => vec![Way::InstantQuery],
            Err(error @ (SourceError::Cancelled { .. } | SourceError::Unreachable { .. })) => return Err(error),
            Err(error) => {
                tracing::info!(source = %self.client.options.id.0, %error, "no remote read here");
                notices.push(
                    "no remote read: stale markers are not seen, gaps begin at the cap of the last sample".into(),
                );
                vec![Way::InstantQuery]
            }
        };
        ways.retain(|way| allowed.contains(way));
        Ok(SourceInfo {
            version: self.version(call).await?,
            ways,
            url: self.client.shown_url(),
            is_replay: false,
            notices,
        })
    }

    async fn version(&self, call: &Call) -> Result<String, SourceError> {
        #[derive(Deserialize)]
        struct Build {
            #[serde(default)]
            version: String,
        }
        let question = Question::Get {
            path: "api/v1/status/buildinfo",
            parameters: Vec::new(),
        };
        match self.client.ask(&question, call).await {
            Ok(answer) => match json::success::<Build>(&answer) {
                Ok(build) if !build.data.version.is_empty() => {
                    Ok(format!("Prometheus {}", crate::error::excerpt(&build.data.version)))
                }
                _ => Ok("unknown".into()),
            },
            Err(error @ (SourceError::Cancelled { .. } | SourceError::Unreachable { .. })) => Err(error),
            Err(_) => Ok("unknown".into()),
        }
    }
}
