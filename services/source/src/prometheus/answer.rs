//! What came back.

use sla_domain::Secrets;

/// A whole answer.
#[derive(Debug)]
pub(crate) struct Answer {
    /// The body, decompressed.
    pub(crate) body: Vec<u8>,
    /// What was asked, for errors.
    pub(crate) tried: String,
    /// What we told the server to be let in, and do not say again where it repeats it.
    pub(crate) secrets: Secrets,
}
