//! How good forecasts were: proper scores, calibration, coverage, and the track record that decides whether a probability is shown.

mod calibration;
mod record;
mod scores;

pub use calibration::{CALIBRATION_BINS, CalibrationBin, calibration_error, calibration_table};
pub use record::{
    FEWEST_OF_EACH_OUTCOME, FEWEST_SCORED, Rival, RivalRecord, Scored, TrackRecord, VERDICT_CONFIDENCE, Verdict,
};
pub use scores::{brier, covers, mase_scale, pinball};
