//! SLA sets, evaluation, violations past, present and to come: the role `sla`.
//!
//! Invariant: samples come only from the role that owns them, storage only through its service, and every judgement is
//! made by `sla_domain::evaluation` at one explicit instant.

pub(crate) mod asks;
pub mod board;
pub(crate) mod core;
pub mod error;
pub mod evaluation;
mod gauges;
pub mod grpc;
pub mod ledger;
pub mod metrics;
pub mod options;
pub mod outlook;
pub mod samples;
pub mod service;
pub mod sets;
pub mod watch;
pub mod wording;

pub use error::SlaError;
pub use metrics::SlaMetrics;
pub use options::SlaOptions;
pub use service::SlaService;
