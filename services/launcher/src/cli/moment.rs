//! The instant that commands look at.

use clap::Args;
use sla_domain::{Invalid, instant};

/// An instant.
#[derive(Debug, Clone, Args)]
pub(crate) struct At {
    /// The instant to look at: RFC 3339 or Unix seconds; default now.
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub(crate) at: Option<String>,
}

impl At {
    /// The instant asked for, Unix milliseconds; `None` = now.
    pub(crate) fn ms(&self) -> Result<Option<i64>, Invalid> {
        let parsed = self.at.as_deref().map(instant::parse_ms).transpose();
        parsed.map_err(|invalid| Invalid {
            field: "--at".to_owned(),
            ..invalid
        })
    }
}
