//! The allowed range of an objective (semantics §1).

use thiserror::Error;

use crate::invalid::Invalid;
use crate::quantity;

/// On which side of its range a value lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Side {
    /// Above the greatest allowed value.
    Above,
    /// Below the least allowed value.
    Below,
}

impl Side {
    /// The word used on screens, in JSON and in the store: `above` or `below`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Above => "above",
            Self::Below => "below",
        }
    }

    /// From its word.
    pub fn from_word(word: &str) -> Option<Self> {
        match word {
            "above" => Some(Self::Above),
            "below" => Some(Self::Below),
            _ => None,
        }
    }
}

/// What a range says about one finite value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// Inside the range and outside its warning band.
    Good,
    /// Inside the range, but on the far side of a warning bound.
    Warning(Side),
    /// Outside the range.
    Outside(Side),
}

/// Why a range is refused.
#[derive(Debug, Clone, Copy, PartialEq, Error)]
pub enum RangeError {
    /// Neither bound is given.
    #[error("min and max: both are absent, so nothing could ever be violated; give at least one of them")]
    Unbounded,
    /// A bound is NaN or infinite.
    #[error("{field} is {value}: a bound must be a finite number; give a number or leave it empty for no bound")]
    NotFinite {
        /// `min`, `max`, `warn_below` or `warn_above`.
        field: &'static str,
        /// The value given.
        value: f64,
    },
    /// min lies above max.
    #[error("min is {}: must not lie above max ({}); lower min or raise max", quantity::bare(*.min), quantity::bare(*.max))]
    Crossed {
        /// The least allowed value given.
        min: f64,
        /// The greatest allowed value given.
        max: f64,
    },
    /// A warning bound lies outside the range.
    #[error(
        "{field} is {}: a warning bound must lie inside the allowed range {range}; move it inside or leave it empty",
        quantity::bare(*.value)
    )]
    WarningOutside {
        /// `warn_below` or `warn_above`.
        field: &'static str,
        /// The value given.
        value: f64,
        /// The range it must lie in.
        range: AllowedRange,
    },
    /// warn_min lies above warn_max.
    #[error(
        "warn_below is {}: must not lie above warn_above ({}); lower warn_below or raise warn_above",
        quantity::bare(*.warn_min),
        quantity::bare(*.warn_max)
    )]
    WarningCrossed {
        /// The lower warning bound given.
        warn_min: f64,
        /// The upper warning bound given.
        warn_max: f64,
    },
}

impl RangeError {
    /// The field to blame.
    pub fn field(&self) -> &'static str {
        match self {
            Self::Unbounded | Self::Crossed { .. } => "min",
            Self::NotFinite { field, .. } | Self::WarningOutside { field, .. } => field,
            Self::WarningCrossed { .. } => "warn_below",
        }
    }
}

impl From<RangeError> for Invalid {
    fn from(error: RangeError) -> Self {
        let (value, rule, fix) = match &error {
            RangeError::Unbounded => (
                String::new(),
                "min and max are both absent, so nothing could ever be violated".to_owned(),
                "give at least one of them",
            ),
            RangeError::NotFinite { value, .. } => (
                value.to_string(),
                "a bound must be a finite number".to_owned(),
                "give a number or leave it empty for no bound",
            ),
            RangeError::Crossed { min, max } => (
                quantity::bare(*min),
                format!("must not lie above max ({})", quantity::bare(*max)),
                "lower min or raise max",
            ),
            RangeError::WarningOutside { value, range, .. } => (
                quantity::bare(*value),
                format!("a warning bound must lie inside the allowed range {range}"),
                "move it inside or leave it empty",
            ),
            RangeError::WarningCrossed { warn_min, warn_max } => (
                quantity::bare(*warn_min),
                format!("must not lie above warn_above ({})", quantity::bare(*warn_max)),
                "lower warn_below or raise warn_above",
            ),
        };
        Self::new(error.field(), &value, rule, fix)
    }
}

/// The values that are allowed: min ≤ v ≤ max, either bound may be absent, never both. Inside it an optional warning
/// band: v < warn_min or v > warn_max is still allowed, but at risk.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AllowedRange {
    min: Option<f64>,
    max: Option<f64>,
    warn_min: Option<f64>,
    warn_max: Option<f64>,
}

impl AllowedRange {
    /// A range without a warning band.
    pub fn new(min: Option<f64>, max: Option<f64>) -> Result<Self, RangeError> {
        for (field, bound) in [("min", min), ("max", max)] {
            finite(field, bound)?;
        }
        match (min, max) {
            (None, None) => Err(RangeError::Unbounded),
            (Some(min), Some(max)) if min > max => Err(RangeError::Crossed { min, max }),
            _ => Ok(Self {
                min,
                max,
                warn_min: None,
                warn_max: None,
            }),
        }
    }

    /// Values up to and including `max`.
    pub fn at_most(max: f64) -> Result<Self, RangeError> {
        Self::new(None, Some(max))
    }

    /// Values from `min` on, included.
    pub fn at_least(min: f64) -> Result<Self, RangeError> {
        Self::new(Some(min), None)
    }

    /// The same range with a warning band; both `None` takes the band away.
    pub fn with_warning(self, warn_min: Option<f64>, warn_max: Option<f64>) -> Result<Self, RangeError> {
        let bare = Self {
            warn_min: None,
            warn_max: None,
            ..self
        };
        for (field, bound) in [("warn_below", warn_min), ("warn_above", warn_max)] {
            finite(field, bound)?;
            if let Some(value) = bound
                && !bare.contains(value)
            {
                return Err(RangeError::WarningOutside {
                    field,
                    value,
                    range: bare,
                });
            }
        }
        if let (Some(warn_min), Some(warn_max)) = (warn_min, warn_max)
            && warn_min > warn_max
        {
            return Err(RangeError::WarningCrossed { warn_min, warn_max });
        }
        Ok(Self {
            warn_min,
            warn_max,
            ..bare
        })
    }

    /// The least allowed value.
    pub fn min(&self) -> Option<f64> {
        self.min
    }

    /// The greatest allowed value.
    pub fn max(&self) -> Option<f64> {
        self.max
    }

    /// Below this a value is at risk.
    pub fn warn_min(&self) -> Option<f64> {
        self.warn_min
    }

    /// Above this a value is at risk.
    pub fn warn_max(&self) -> Option<f64> {
        self.warn_max
    }

    /// Whether `value` is allowed; NaN never is.
    pub fn contains(&self, value: f64) -> bool {
        self.min.is_none_or(|min| value >= min) && self.max.is_none_or(|max| value <= max) && !value.is_nan()
    }

    /// What the range says about a finite `value`.
    pub fn judge(&self, value: f64) -> Verdict {
        if self.max.is_some_and(|max| value > max) {
            Verdict::Outside(Side::Above)
        } else if self.min.is_some_and(|min| value < min) {
            Verdict::Outside(Side::Below)
        } else if self.warn_max.is_some_and(|max| value > max) {
            Verdict::Warning(Side::Above)
        } else if self.warn_min.is_some_and(|min| value < min) {
            Verdict::Warning(Side::Below)
        } else {
            Verdict::Good
        }
    }

    /// How far `value` lies outside on `side`; 0 inside or without a bound on that side.
    pub fn excess(&self, value: f64, side: Side) -> f64 {
        let beyond = match side {
            Side::Above => self.max.map(|max| value - max),
            Side::Below => self.min.map(|min| min - value),
        };
        beyond.unwrap_or(0.0).max(0.0)
    }

    /// Whether `self` and `other` call the same values outside (their warning bands may differ).
    pub fn same_bounds(&self, other: &Self) -> bool {
        self.min == other.min && self.max == other.max
    }
}

/// Written as an interval: `[2, 4]`, `[–, 4]`, `[2, –]`.
impl std::fmt::Display for AllowedRange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let end = |bound: Option<f64>| bound.map_or_else(|| "–".to_owned(), quantity::bare);
        write!(f, "[{}, {}]", end(self.min), end(self.max))
    }
}

fn finite(field: &'static str, bound: Option<f64>) -> Result<(), RangeError> {
    match bound {
        Some(value) if !value.is_finite() => Err(RangeError::NotFinite { field, value }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_inclusive() {
        let range = AllowedRange::new(Some(1.0), Some(2.0)).unwrap();
        assert_eq!(range.judge(1.0), Verdict::Good);
        assert_eq!(range.judge(2.0), Verdict::Good);
        assert_eq!(range.judge(2.000_000_000_000_001), Verdict::Outside(Side::Above));
        assert_eq!(range.judge(0.999_999_999_999_999_9), Verdict::Outside(Side::Below));
        assert!(AllowedRange::new(Some(1.0), Some(1.0)).is_ok());
        assert!(!range.contains(f64::NAN));
    }

    #[test]
    fn impossible_ranges_are_refused_by_name() {
        assert_eq!(AllowedRange::new(None, None), Err(RangeError::Unbounded));
        assert_eq!(
            AllowedRange::new(Some(2.0), Some(1.0)),
            Err(RangeError::Crossed { min: 2.0, max: 1.0 })
        );
        for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert_eq!(AllowedRange::new(Some(bad), Some(1.0)).unwrap_err().field(), "min");
            assert_eq!(AllowedRange::new(None, Some(bad)).unwrap_err().field(), "max");
        }
        let told = Invalid::from(AllowedRange::new(Some(2.0), Some(1.0)).unwrap_err()).to_string();
        assert_eq!(told, "min is 2: must not lie above max (1); lower min or raise max");
    }

    #[test]
    fn the_warning_band_lies_inside() {
        let range = AllowedRange::new(Some(0.0), Some(10.0)).unwrap();
        let warned = range.with_warning(Some(2.0), Some(8.0)).unwrap();
        assert_eq!(warned.judge(1.0), Verdict::Warning(Side::Below));
        assert_eq!(warned.judge(2.0), Verdict::Good);
        assert_eq!(warned.judge(8.0), Verdict::Good);
        assert_eq!(warned.judge(9.0), Verdict::Warning(Side::Above));
        assert_eq!(warned.judge(10.5), Verdict::Outside(Side::Above));
        assert_eq!(range.with_warning(None, Some(11.0)).unwrap_err().field(), "warn_above");
        assert_eq!(range.with_warning(Some(-1.0), None).unwrap_err().field(), "warn_below");
        assert_eq!(
            range.with_warning(Some(8.0), Some(2.0)).unwrap_err().field(),
            "warn_below"
        );
        assert_eq!(
            range.with_warning(Some(f64::NAN), None).unwrap_err().field(),
            "warn_below"
        );
        assert_eq!(warned.with_warning(None, None).unwrap(), range);
    }

    #[test]
    fn excess_is_measured_from_the_bound() {
        let range = AllowedRange::new(Some(2.0), Some(4.0)).unwrap();
        assert_eq!(range.excess(7.5, Side::Above), 3.5);
        assert_eq!(range.excess(-1.0, Side::Below), 3.0);
        assert_eq!(range.excess(3.0, Side::Above), 0.0);
    }
}
