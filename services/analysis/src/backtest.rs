//! Rolling-origin backtest: every method is asked at past instants, sees only what lay before, and is held against what came.
//!
//! Invariant: a method receives the history up to its origin and nothing else; thresholds that are not given are set from that training part; the
//! pool's weights at an origin come from outcomes that were complete by then (Tashman 2000).

mod methods;
mod plan;
mod report;
mod rolling;
mod tally;

pub use plan::{BacktestError, Bounds, DEFAULT_ORIGINS, DEFAULT_QUANTILE, MAX_ORIGINS, Method, Plan};
pub use report::{MethodRow, Report};
pub use rolling::run;
