//! Why nothing is expected of a series: the kind, for programs, and the words.

use sla_analysis::pool::PoolError;
use sla_domain::duration::format_short_ms;
use sla_proto::convert::timestamp;
use sla_proto::violation::v1::{self as pb, NoOutlook};

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
    /// For consoles of other languages.
    pub figures: Option<pb::Absence>,
}

impl Absence {
    /// No finite sample is known.
    pub fn no_history() -> Self {
        Self {
            kind: NoOutlook::NoHistory,
            words: "no history".to_owned(),
            figures: Some(pb::Absence::default()),
        }
    }

    /// The newest sample is of `newest_ms`, too long before `at_ms`.
    pub fn silent(newest_ms: i64, at_ms: i64) -> Self {
        Self {
            kind: NoOutlook::Silent,
            words: crate::wording::silence(newest_ms, at_ms),
            figures: Some(pb::Absence {
                newest: Some(timestamp(newest_ms)),
                ..pb::Absence::default()
            }),
        }
    }

    /// What the pool refuses.
    pub fn refused(error: &PoolError) -> Self {
        let (kind, figures) = match *error {
            PoolError::TooShort { samples, needed } => {
                let figures = pb::Absence {
                    samples: counted(samples),
                    needed: counted(needed),
                    ..pb::Absence::default()
                };
                (NoOutlook::HistoryTooShort, Some(figures))
            }
            _ => (NoOutlook::Refused, None),
        };
        Self {
            kind,
            words: error.to_string(),
            figures,
        }
    }

    /// A series beyond the `most` that are forecast.
    pub fn too_many(most: usize) -> Self {
        Self {
            kind: NoOutlook::TooManySeries,
            words: format!("evaluation.max_outlooks = {most} series are forecast, and this one is none of them"),
            figures: Some(pb::Absence {
                most: counted(most),
                ..pb::Absence::default()
            }),
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
            figures: Some(pb::Absence {
                known_ms: history_ms.max(0),
                ..pb::Absence::default()
            }),
        })
    }
}

fn counted(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
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
