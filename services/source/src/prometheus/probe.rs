//! What the server is and can do, found by trying.

use serde::Deserialize;

use super::PrometheusSource;
use super::client::Question;
use super::json::{self, Success};
use crate::error::SourceError;
use crate::port::Call;
use crate::reply::{SourceInfo, Way};

impl PrometheusSource {
    /// The ways raw samples can be read, fastest first; at least one.
    pub(super) async fn raw_ways(&self, call: &Call) -> Result<Vec<Way>, SourceError> {
        Ok(self.info(call).await?.ways)
    }

    pub(super) async fn info(&self, call: &Call) -> Result<SourceInfo, SourceError> {
        if let Some(known) = self.known_info() {
            return Ok(known);
        }
        let info = self.find_out(call).await?;
        self.remember(info.clone());
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
        Ok(SourceInfo {
            version: self.version(call).await?,
            ways: vec![Way::InstantQuery],
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
