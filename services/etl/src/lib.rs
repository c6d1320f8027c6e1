//! Extract, transform, publish: the role that owns the metric source. It answers what the source offers, streams raw samples,
//! analyses series on demand and in runs, and starts runs by a schedule.
//!
//! Invariant: samples are given as the source holds them or with the problem that stands in the way, never silently empty;
//! a run acknowledges a series only after its record is durable.

pub mod analyst;
pub mod catalogue;
pub mod error;
mod gauges;
mod grpc;
pub mod health;
pub mod journal;
pub mod metrics;
pub mod options;
pub mod placement;
pub mod query;
pub mod runs;
pub mod samples;
pub mod schedule;
pub mod service;
pub mod source_clock;
pub mod sources;
pub mod steps;
mod worker;

pub use error::EtlError;
pub use metrics::EtlMetrics;
pub use options::EtlOptions;
pub use service::EtlService;
