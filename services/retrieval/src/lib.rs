//! The read side, shaped for screens: one answer is one screen, paged, and down-sampled to the columns that are drawn.
//!
//! Invariant: owns no data. Samples come from the role that owns them, results from the storage; what one of them could not
//! give is said in the answer and never passes as "nothing there".

mod circles;
pub mod columns;
pub mod error;
pub mod figures;
mod grpc;
mod kept;
mod minutes;
pub mod options;
pub mod order;
pub mod samples;
pub mod service;
mod sources;
pub mod stored;

pub use error::RetrievalError;
pub use options::RetrievalOptions;
pub use service::RetrievalService;
