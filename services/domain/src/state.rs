//! The five states of the instant (semantics §8) and when something is at risk.

use std::fmt;

use crate::evaluation::Reading;
use crate::range::{Side, Verdict};
use crate::standing::Standing;

/// The state of an objective or a series now. Ordered by severity: the worst is the smallest, so that a sort shows it
/// first. Never told by colour alone: use the word or a symbol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum State {
    /// Outside its range.
    Violated,
    /// Nothing is known; never "fine".
    NoData,
    /// Inside, but in the warning band, or likely to leave by a proven forecast.
    AtRisk,
    /// Inside.
    Ok,
    /// Taken out; never counts.
    Excluded,
}

impl State {
    /// All, worst first.
    pub const ALL: [Self; 5] = [Self::Violated, Self::NoData, Self::AtRisk, Self::Ok, Self::Excluded];

    /// The word used in JSON, files and filters.
    pub fn word(self) -> &'static str {
        match self {
            Self::Violated => "violated",
            Self::NoData => "no_data",
            Self::AtRisk => "at_risk",
            Self::Ok => "ok",
            Self::Excluded => "excluded",
        }
    }

    /// From its word; a blank or a hyphen may stand for the underscore.
    pub fn from_word(word: &str) -> Option<Self> {
        let word = word.replace([' ', '-'], "_").to_ascii_lowercase();
        Self::ALL.into_iter().find(|state| state.word() == word)
    }

    /// For people: `at risk`, `no data`.
    pub fn title(self) -> &'static str {
        match self {
            Self::Violated => "violated",
            Self::NoData => "no data",
            Self::AtRisk => "at risk",
            Self::Ok => "ok",
            Self::Excluded => "excluded",
        }
    }

    /// One column, Unicode.
    pub fn symbol(self) -> char {
        match self {
            Self::Violated => '✗',
            Self::NoData => '?',
            Self::AtRisk => '▲',
            Self::Ok => '✓',
            Self::Excluded => '–',
        }
    }

    /// The worst of several; excluded ones never count. `Excluded` when all are, `NoData` when there is none: an
    /// objective that matches nothing is not fine.
    pub fn worst(states: impl IntoIterator<Item = Self>) -> Self {
        states.into_iter().min().unwrap_or(Self::NoData)
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// A probability at or above this makes an objective at risk.
pub const RISK_PROBABILITY: f64 = 0.5;

/// What a forecast says about leaving the range within its horizon.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Risk {
    /// That the range is left within the horizon, in [0, 1].
    pub probability: f64,
    /// Whether the forecaster has proven itself on this series and objective.
    pub standing: Standing,
}

/// Why something is at risk; shown in its row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum RiskReason {
    /// The value lies in the warning band.
    WarningBand(Side),
    /// A proven forecaster expects it to leave its range.
    Forecast {
        /// In [0.5, 1].
        probability: f64,
    },
}

/// The state of a reading, and for `AtRisk` the reason. Only a proven forecaster may raise it; an unproven probability
/// is shown, but changes no state.
pub fn state_of(reading: &Reading, risk: Option<Risk>) -> (State, Option<RiskReason>) {
    match reading.verdict {
        None => (State::NoData, None),
        Some(Verdict::Outside(_)) => (State::Violated, None),
        Some(Verdict::Warning(side)) => (State::AtRisk, Some(RiskReason::WarningBand(side))),
        Some(Verdict::Good) => match risk {
            Some(risk) if risk.standing == Standing::Proven && risk.probability >= RISK_PROBABILITY => (
                State::AtRisk,
                Some(RiskReason::Forecast {
                    probability: risk.probability,
                }),
            ),
            _ => (State::Ok, None),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(verdict: Option<Verdict>) -> Reading {
        Reading {
            at_ms: 0,
            newest: None,
            verdict,
            assumed: false,
        }
    }

    #[test]
    fn worst_first() {
        use State::{AtRisk, Excluded, NoData, Ok, Violated};
        assert_eq!(State::worst([Ok, AtRisk, NoData, Violated, Excluded]), Violated);
        assert_eq!(State::worst([Ok, AtRisk, NoData]), NoData);
        assert_eq!(State::worst([Ok, AtRisk]), AtRisk);
        assert_eq!(State::worst([Excluded, Ok]), Ok);
        assert_eq!(State::worst([Excluded]), Excluded);
        assert_eq!(State::worst([]), NoData);
        for state in State::ALL {
            assert_eq!(State::from_word(state.word()), Some(state));
            assert_eq!(State::from_word(state.title()), Some(state));
        }
    }

    #[test]
    fn only_a_proven_forecaster_raises_a_state() {
        let good = reading(Some(Verdict::Good));
        let risk = |probability, standing| Some(Risk { probability, standing });
        assert_eq!(state_of(&good, None).0, State::Ok);
        assert_eq!(state_of(&good, risk(0.5, Standing::Proven)).0, State::AtRisk);
        assert_eq!(state_of(&good, risk(0.49, Standing::Proven)).0, State::Ok);
        assert_eq!(state_of(&good, risk(0.99, Standing::Unproven)).0, State::Ok);
        assert_eq!(state_of(&good, risk(0.99, Standing::Withheld)).0, State::Ok);
        assert_eq!(state_of(&good, risk(f64::NAN, Standing::Proven)).0, State::Ok);
        assert_eq!(
            state_of(&reading(Some(Verdict::Warning(Side::Above))), None),
            (State::AtRisk, Some(RiskReason::WarningBand(Side::Above)))
        );
        assert_eq!(state_of(&reading(None), risk(0.9, Standing::Proven)).0, State::NoData);
        assert_eq!(
            state_of(&reading(Some(Verdict::Outside(Side::Below))), None).0,
            State::Violated
        );
    }
}
