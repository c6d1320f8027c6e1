//! Why a series has no answer: one typed reason instead of a NaN, a panic or a made-up number.

use thiserror::Error;

/// The reason a quantity does not exist for a series. Its `Display` is a sentence for the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum Degenerate {
    /// There is no sample at all.
    #[error("there are no samples")]
    Empty,
    /// Fewer samples (or bins, or seasonal cycles' worth of samples) than the method needs.
    #[error("{have} samples are too few: at least {need} are needed")]
    TooShort {
        /// Samples at hand.
        have: usize,
        /// Samples the method needs.
        need: usize,
    },
    /// Every sample is NaN or infinite.
    #[error("no sample is a finite number")]
    AllNonFinite,
    /// Some samples are NaN or infinite and the method has no place for gaps: drop them first.
    #[error("{count} samples are NaN or infinite: leave them out first")]
    NonFinite {
        /// Number of NaN and infinite samples.
        count: usize,
    },
    /// All samples are equal.
    #[error("all samples have the same value")]
    Constant,
    /// Samples differ, but by less than the smallest normal number (2.2e-308).
    #[error("the samples differ by less than the smallest normal number")]
    Subnormal,
    /// A sample lies beyond 1e300, or what follows from the samples does: sums and differences would overflow.
    #[error("the samples are too large to be computed with")]
    OutOfRange,
    /// The model predicts every sample to rounding precision, so there is no noise to estimate.
    #[error("the samples follow the model exactly, so there is no noise to measure")]
    ExactFit,
    /// After differencing nothing varies.
    #[error("nothing varies after differencing")]
    ZeroVariance,
    /// A period, bin or order is outside what the method accepts.
    #[error("{name} = {value} is not allowed: it must lie between {min} and {max}")]
    BadOrder {
        /// Which argument.
        name: &'static str,
        /// Its value.
        value: usize,
        /// Smallest allowed value.
        min: usize,
        /// Largest allowed value.
        max: usize,
    },
    /// A given parameter is not finite or lies outside the admissible region.
    #[error("the parameter {name} lies outside its admissible region")]
    BadParameter {
        /// Which parameter.
        name: &'static str,
    },
    /// Times and values differ in length.
    #[error("{times} times do not go with {values} values")]
    LengthMismatch {
        /// Number of times.
        times: usize,
        /// Number of values.
        values: usize,
    },
    /// Times are not strictly increasing.
    #[error("the time at position {index} is not later than the one before it")]
    Unsorted {
        /// Index of the first offending time.
        index: usize,
    },
}
