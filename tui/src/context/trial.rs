//! A range that is being moved on a chart: edited where the sets are, shown where the chart is.

use sla_proto::objective::v1::{AllowedRange, Objective};

/// What the draft says about the series on the chart, while it differs from what is stored.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Trial {
    pub(crate) series_id: Vec<u8>,
    /// As the draft has it.
    pub(crate) objective: Objective,
    /// Its range as it is stored.
    pub(crate) stored: AllowedRange,
    /// Name of its set.
    pub(crate) set_name: String,
}
