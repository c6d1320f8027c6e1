//! Why nothing is expected of a series: the kind, for programs, and the words.

use sla_analysis::pool::PoolError;
use sla_domain::duration::format_short_ms;
use sla_proto::violation::v1::NoOutlook;

/// Up to this horizon a forecast may stand on less history than it looks ahead, milliseconds: the pool was measured there, and
/// says itself when it is doubtful.
const MEASURED_HORIZON_MS: i64 = 3_600_000;

/// Why there is no outlook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Absence {
    /// For programs.
    pub kind: NoOutlook,
    /// For people.
    pub words: String,
}

impl Absence {
    /// No finite sample is known.
    pub fn no_history() -> Self {
        Self {
            kind: NoOutlook::NoHistory,
            words: "no history".to_owned(),
        }
    }

    /// The newest sample is of `newest_ms`, too long before `at_ms`.
    pub fn silent(newest_ms: i64, at_ms: i64) -> Self {
        Self {
            kind: NoOutlook::Silent,
            words: crate::wording::silence(newest_ms, at_ms),
        }
    }

    /// What the pool refuses.
    pub fn refused(error: &PoolError) -> Self {
        let kind = match error {
            PoolError::TooShort { .. } => NoOutlook::HistoryTooShort,
            _ => NoOutlook::Refused,
        };
        Self {
            kind,
            words: error.to_string(),
        }
    }

    /// A series beyond the `most` that are forecast.
    pub fn too_many(most: usize) -> Self {
        Self {
            kind: NoOutlook::TooManySeries,
            words: format!("evaluation.max_outlooks = {most} series are forecast, and this one is none of them"),
        }
    }

    /// What a horizon is too long for: beyond an hour (`MEASURED_HORIZON_MS`) one whole horizon must have been seen, or there is nothing
    /// that a forecast could have learned how such a time goes.
    pub fn of_history(history_ms: i64, horizon_ms: i64) -> Option<Self> {
        let is_short = horizon_ms > MEASURED_HORIZON_MS && history_ms < horizon_ms;
        is_short.then(|| Self {
            kind: NoOutlook::HistoryTooShort,
            words: format!(
                "history too short: {} are known, a forecast of {} needs as many",
                format_short_ms(history_ms.max(0)),
                format_short_ms(horizon_ms)
            ),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_horizon_needs_as_much_history() {
        let hours = |n: i64| n * 3_600_000;
        let short = Absence::of_history(hours(2), hours(24)).unwrap();
        assert_eq!(short.kind, NoOutlook::HistoryTooShort);
        assert_eq!(
            short.words,
            "history too short: 2h are known, a forecast of 1d needs as many"
        );
        assert_eq!(Absence::of_history(hours(24), hours(24)), None);
        assert_eq!(
            Absence::of_history(60_000, hours(1)),
            None,
            "the pool says itself that it is doubtful"
        );
    }
}
