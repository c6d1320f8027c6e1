//! The online pool: cheap experts draw paths of what may come; their weights come from how well each did in the same series.
//!
//! Experts copy what followed similar states (nearest neighbours, shifted to the present level; Lall & Sharma 1996), chain such pieces,
//! bootstrap residuals around exponential smoothing (plain, theta: Fiorucci et al. 2016, trend), draw climatology, or carry the share of the
//! present deviation that usually persists (local projection, Jordà 2005). Their probabilities are pooled linearly with weights
//! learned online by exponential weights with fixed share (Herbster & Warmuth 1998) on rolling origins inside the given history, starting from a
//! shipped prior.
//!
//! Invariant: the same input gives the same bits; every probability lies strictly inside (0, 1); every band is finite and bounded by
//! the seen range plus half its width; nothing is read beyond the history given.

mod bands;
mod copying;
mod correction;
mod drift;
mod experts;
mod extremes;
mod ground;
mod history;
mod last_step;
mod learning;
mod outlook;
mod paths;
mod question;
mod random;
mod recursion;
mod regime;
mod rhythm;
mod smoothing;
mod state;
mod terrain;
mod track;

pub use correction::{Correction, Said};
pub use experts::{EXPERTS, NAMES};
pub use history::{HOLD_STEPS, History, MAX_HISTORY_SLOTS, MIN_SAMPLES};
pub use learning::{Lesson, learn, lessons};
pub use outlook::{Futures, forecast};
pub use question::{
    Bands, FirstCrossing, LEVELS, MAX_HORIZON_STEPS, MAX_HORIZONS, MAX_THRESHOLDS, PoolError, PoolForecast, Question,
    Side, Threshold, Told,
};
pub use state::{FORGETTING, HorizonRecord, LEARNING_RATE, PRIOR_LONG, PRIOR_SHORT, PoolState, prior};
