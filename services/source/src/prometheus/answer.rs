//! What came back.

/// A whole answer.
#[derive(Debug)]
pub(crate) struct Answer {
    /// The body, decompressed.
    pub(crate) body: Vec<u8>,
    /// What was asked, for errors.
    pub(crate) tried: String,
}
