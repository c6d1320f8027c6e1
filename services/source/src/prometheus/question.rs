//! What is asked, before it is sent.

use bytes::Bytes;

/// One question: how it is sent.
#[derive(Debug, Clone)]
pub(crate) enum Question {
    /// Parameters, as a form by POST; by GET on servers that refuse POST.
    Form {
        /// Path below the base URL, for example `api/v1/query`.
        path: &'static str,
        /// Name and value.
        parameters: Vec<(&'static str, String)>,
    },
    /// Parameters in the URL.
    Get {
        /// Path below the base URL.
        path: &'static str,
        /// Name and value.
        parameters: Vec<(&'static str, String)>,
    },
    /// A remote read.
    RemoteRead {
        /// Snappy-compressed protobuf.
        body: Bytes,
    },
}

impl Question {
    /// The path below the base URL.
    pub(crate) fn path(&self) -> &'static str {
        match self {
            Self::Form { path, .. } | Self::Get { path, .. } => path,
            Self::RemoteRead { .. } => "api/v1/read",
        }
    }

    /// The query among the parameters, for errors.
    pub(crate) fn query(&self) -> String {
        match self {
            Self::Form { parameters, .. } | Self::Get { parameters, .. } => parameters
                .iter()
                .find(|(name, _)| matches!(*name, "query" | "match[]"))
                .map(|(_, value)| value.clone())
                .unwrap_or_default(),
            Self::RemoteRead { .. } => String::new(),
        }
    }
}
