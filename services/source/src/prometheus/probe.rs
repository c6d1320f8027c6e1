//! What the server is and can do, found by trying.

use std::sync::{MutexGuard, PoisonError};
use std::time::Duration;

use serde::Deserialize;
use tokio::time::Instant;

use super::Prometheus;
use super::json::{self, Success};
use super::known::Known;
use super::question::Question;
use crate::error::SourceError;
use crate::port::Call;
use crate::reply::{SourceInfo, Way};

/// After this long the server is asked again: it may have been upgraded or configured anew.
const PROBE_AGE: Duration = Duration::from_mins(10);

impl Prometheus {
    fn cached(&self) -> MutexGuard<'_, Option<Known>> {
        self.info.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Stops reading by `way` until the next probe.
    pub(super) fn give_up(&self, way: Way) {
        if let Some(known) = self.cached().as_mut() {
            known.info.ways.retain(|other| *other != way);
        }
    }

    /// The ways raw samples can be read, fastest first; at least one.
    pub(super) async fn raw_ways(&self, call: &Call) -> Result<Vec<Way>, SourceError> {
        Ok(self.known(call).await?.info.ways)
    }

    /// Names of the labels that the server adds to remote reads; `None` = it does not tell.
    pub(super) async fn external(&self, call: &Call) -> Result<Option<Vec<String>>, SourceError> {
        Ok(self.known(call).await?.external)
    }

    /// Whether a NaN in an answer is a stale marker: VictoriaMetrics stores no other NaN and shows its markers as such.
    pub(super) async fn nan_is_stale(&self, call: &Call) -> Result<bool, SourceError> {
        Ok(self.known(call).await?.nan_is_stale)
    }

    async fn known(&self, call: &Call) -> Result<Known, SourceError> {
        let known = self.cached().clone();
        if let Some(known) = known
            && known.at.elapsed() < PROBE_AGE
        {
            return Ok(known);
        }
        self.find_out_anew(call).await
    }

    /// Asks the server itself, whatever is known: a server that has gone must not answer from memory.
    pub(super) async fn ask_what_it_is(&self, call: &Call) -> Result<SourceInfo, SourceError> {
        Ok(self.find_out_anew(call).await?.info)
    }

    async fn find_out_anew(&self, call: &Call) -> Result<Known, SourceError> {
        let (info, nan_is_stale) = self.find_out(call).await?;
        let external = if info.ways.iter().any(|way| way.is_remote_read()) {
            self.added_labels(call).await?
        } else {
            None
        };
        let known = Known {
            at: Instant::now(),
            info,
            external,
            nan_is_stale,
        };
        *self.cached() = Some(known.clone());
        Ok(known)
    }

    /// What it is, and whether its NaN are stale markers.
    async fn find_out(&self, call: &Call) -> Result<(SourceInfo, bool), SourceError> {
        // The one question every server of this kind answers; what fails here is wrong with the address.
        let question = Question::Form {
            path: "api/v1/query",
            parameters: vec![("query", "1".into())],
        };
        let answer = self.client.ask(&question, call).await?;
        let first: Success<json::QueryData> = json::success(&answer)?;
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
                if !first.has_stats {
                    notices.push(
                        "no remote read: stale markers are not seen, gaps begin at the cap of the last sample".into(),
                    );
                }
                vec![Way::InstantQuery]
            }
        };
        ways.retain(|way| allowed.contains(way));
        let info = SourceInfo {
            version: self.version(call).await?,
            ways,
            url: self.client.shown_url(),
            is_replay: false,
            notices,
        };
        Ok((info, first.has_stats))
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
