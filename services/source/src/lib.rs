//! Where samples come from: the port [`MetricSource`], its adapters for Prometheus-compatible servers and for replayed
//! estates, and the compressed cache of raw samples behind [`CachedReader`].
//!
//! Invariant: every read is bounded in time, bytes and series, and can be cancelled; what comes from outside is checked
//! before memory is reserved for it; samples leave exactly as the source holds them, or with a flag that says otherwise.

mod bits;
pub mod cache;
#[cfg(feature = "test-support")]
pub mod conformance;
pub mod csv_file;
pub mod error;
pub mod fault;
pub mod kept;
pub mod limits;
pub mod options;
pub mod own;
pub mod port;
pub mod prometheus;
pub mod reader;
pub mod replay;
pub mod reply;
pub mod server_time;
pub mod xor;
pub mod xor2;

pub use cache::{CacheFill, CachedSeries, SampleCache};
pub use error::SourceError;
pub use fault::Fault;
pub use kept::KeptSamples;
pub use options::{Credentials, Secret, SourceOptions, TlsOptions, redact_url, shown_address};
pub use port::{Call, ExpressionRequest, LongViewRequest, MetricSource, ReadLimits, ReadRequest, Targets};
pub use prometheus::Prometheus;
pub use reader::{CachedReader, ReaderOptions, Refreshed};
pub use replay::{Replay, ReplayOptions};
pub use reply::{
    ExpressionRead, LongSeries, LongView, MetricFamily, MetricNames, RawRead, RawSeries, SeriesData, SeriesFailure,
    SeriesListing, SourceInfo, Way, XorChunk,
};
pub use server_time::ServerTime;
