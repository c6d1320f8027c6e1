//! Views: the shapes of `--json` and of JSON over HTTP, made from the contract's messages. The page `docs/reference/json.md`, the
//! JSON Schema and the OpenAPI document are held to them.
//!
//! Invariant: times are RFC 3339 UTC, spans are seconds as numbers; what is unknown is null or absent, never a made-up number and
//! never NaN.

mod mark;
mod objective;
mod outlook;
mod reading;
mod result;
mod run;
mod schema;
mod series;
mod status;
mod value;
mod word;

pub use mark::{Care, mark_word};
pub use objective::{Change, Objective, Plan, Set};
pub use outlook::{FanPoint, FutureRow, Outlook, PredictedPoint, TrackRecord};
pub use reading::{Unread, read_json};
pub use result::{
    Analysis, Autocorrelation, Critical, Failure, Forecast, ForecastPoint, ForecastSummary, Metadata, Rate,
    Seasonality, SeriesHistory, SeriesResult, Stationarity, StoredAt, Timing, WindowFigures,
};
pub use run::{Estimate, Run, RunFailure, Schedule, StepTiming};
pub use schema::{VIEWED, schemas, view};
pub use series::{Labels, Point, Series, Source, labels};
pub use status::{Check, ObjectiveStatus, SeriesStatus, ViolatingSample, Violation, WindowState};
pub use value::{Seconds, Time, time, word};
pub use word::{action_word, run_state_word, side_word, state_word};
