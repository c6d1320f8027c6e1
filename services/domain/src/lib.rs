//! The words of the product and their rules: series, windows, objectives, evaluation, states, runs.
//!
//! Invariant: synchronous and pure. No IO, no async; time comes in as an argument or as [`Clock`].

pub mod budget;
pub mod by_label;
pub mod calendar;
pub mod clock;
pub mod counter;
pub mod duration;
pub mod evaluation;
pub mod filter;
pub mod fraction;
pub mod instant;
pub mod invalid;
pub mod ledger;
pub mod likelihood;
pub mod merge;
pub mod objective;
pub mod partition;
pub mod quantity;
pub mod query;
pub mod range;
pub mod request_id;
pub mod safe_text;
pub mod sample;
pub mod secrets;
pub mod selector;
pub mod series;
pub mod set;
pub mod spacing;
pub mod span;
pub mod standing;
pub mod state;
pub mod suggestion;
pub mod target;
pub mod unit;
pub mod window;

pub use by_label::ByLabel;
pub use clock::{Clock, ManualClock, SystemClock};
pub use evaluation::{
    Evaluation, Interval, Judgement, Reading, Rolling, Timeline, evaluate, evaluate_windows, state_at,
};
pub use invalid::Invalid;
pub use ledger::{LedgerKey, Transitions, Violation, transitions};
pub use merge::{Merged, Part, merge};
pub use objective::{CounterMode, MissingPolicy, Objective, ObjectiveId};
pub use partition::partition_of;
pub use query::{Expression, Query, QueryError};
pub use range::{AllowedRange, RangeError, Side, Verdict};
pub use safe_text::SafeText;
pub use sample::{STALE_NAN_BITS, Samples, is_stale};
pub use secrets::Secrets;
pub use selector::{MatchOp, Matcher, Selector};
pub use series::{Labels, METRIC_NAME, SeriesId, SourceId};
pub use set::{ObjectiveChange, SetId, SetPlan, SlaSet};
pub use span::Span;
pub use standing::Standing;
pub use state::{Risk, RiskReason, State, state_of};
pub use target::Target;
pub use unit::Unit;
pub use window::Window;
