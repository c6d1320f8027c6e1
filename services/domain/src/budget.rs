//! Targets as error budgets, and alerts on how fast they burn (semantics §12 and §13).
//!
//! Source of the pairs: Beyer et al., The Site Reliability Workbook (2018), chapter 5.

use crate::fraction::Fraction;
use crate::invalid::Invalid;
use crate::target::Target;

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;

/// The short window of a pair is the long one divided by this.
pub const SHORT_DIVISOR: i64 = 12;

/// Bad and total of a stretch of time: milliseconds, slices or requests. Tallies add; ratios never do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Tally {
    /// What was broken.
    pub bad: u64,
    /// What was judged.
    pub total: u64,
}

impl Tally {
    /// The error ratio, in [0, 1]; `None` when nothing was judged.
    pub fn ratio(self) -> Option<f64> {
        Fraction::new(self.bad, self.total).map(Fraction::as_f64)
    }

    /// How fast `budget` burns: ratio / budget, at most 1 / budget. `None` when nothing was judged.
    pub fn burn(self, budget: Fraction) -> Option<f64> {
        (self.total > 0 && budget.part() > 0).then(|| quotient(self, budget))
    }
}

impl std::ops::Add for Tally {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            bad: self.bad.saturating_add(other.bad),
            total: self.total.saturating_add(other.total),
        }
    }
}

impl std::iter::Sum for Tally {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), std::ops::Add::add)
    }
}

/// (bad / total) / budget with one rounding at the end.
fn quotient(tally: Tally, budget: Fraction) -> f64 {
    let upper = u128::from(tally.bad) * u128::from(budget.whole());
    let lower = u128::from(tally.total) * u128::from(budget.part());
    let (mut a, mut b) = (upper, lower);
    while b != 0 {
        (a, b) = (b, a % b);
    }
    let common = a.max(1);
    (upper / common) as f64 / (lower / common) as f64
}

/// An error budget and what is left of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Budget {
    /// 1 − target.
    pub budget: Fraction,
    /// The share that is used up: 1 = all of it. Never clamped.
    pub consumed: f64,
    /// The share that is left; negative when overspent. Never clamped.
    pub remaining: f64,
}

impl Budget {
    /// What `tally` leaves of the budget of `target`. `None` when nothing was judged.
    pub fn of(target: &Target, tally: Tally) -> Option<Self> {
        let budget = budget_of(target)?;
        let consumed = tally.burn(budget)?;
        Some(Self {
            budget,
            consumed,
            remaining: 1.0 - consumed,
        })
    }
}

/// The budget of a target as an exact fraction; always `Some` for a parsed target.
pub fn budget_of(target: &Target) -> Option<Fraction> {
    let (part, whole) = target.budget_fraction();
    Fraction::new(part, whole)
}

/// How loud an alert is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Severity {
    /// Wakes somebody.
    Page,
    /// Waits for the morning.
    Ticket,
}

/// A long and a short window that must both burn faster than a factor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BurnPair {
    /// The long window, in milliseconds.
    pub long_ms: i64,
    /// The short window, in milliseconds: the alert ends soon after the burning does.
    pub short_ms: i64,
    /// Both must burn faster than this.
    pub factor: Fraction,
    /// How loud.
    pub severity: Severity,
}

impl BurnPair {
    /// The pair that fires when `share_percent` of the budget of `period_ms` burns within `long_ms`:
    /// factor = share × period ÷ long. `None` when a length is not above 0 or the numbers do not fit.
    pub fn from_share(share_percent: u64, period_ms: i64, long_ms: i64, severity: Severity) -> Option<Self> {
        let period = u64::try_from(period_ms).ok()?;
        let long = u64::try_from(long_ms).ok().filter(|long| *long > 0)?;
        Some(Self {
            long_ms,
            short_ms: long_ms / SHORT_DIVISOR,
            factor: Fraction::new(share_percent.checked_mul(period)?, long.checked_mul(100)?)?,
            severity,
        })
    }

    /// The usual pairs of a budget period: of 30 d and 28 d 2, 5, 10 and 10 % at 1h, 6h, 1d and 3d; of 7 d 10, 20 and
    /// 40 % at 1h, 6h and 1d. Other periods up to 13 d take the shares of 7 d, longer ones those of 30 d.
    pub fn usual(period_ms: i64) -> Vec<Self> {
        let plan: &[(u64, i64, Severity)] = if period_ms < 14 * DAY_MS {
            &[
                (10, HOUR_MS, Severity::Page),
                (20, 6 * HOUR_MS, Severity::Page),
                (40, DAY_MS, Severity::Ticket),
            ]
        } else {
            &[
                (2, HOUR_MS, Severity::Page),
                (5, 6 * HOUR_MS, Severity::Page),
                (10, DAY_MS, Severity::Ticket),
                (10, 3 * DAY_MS, Severity::Ticket),
            ]
        };
        plan.iter()
            .filter_map(|&(share, long_ms, severity)| Self::from_share(share, period_ms, long_ms, severity))
            .collect()
    }

    /// Refuses a factor that can never be exceeded: a burn rate is at most 1 / budget.
    pub fn check(&self, budget: Fraction) -> Result<(), Invalid> {
        let most = Fraction::new(budget.whole(), budget.part());
        if most.is_some_and(|most| self.factor < most) {
            return Ok(());
        }
        Err(Invalid::new(
            "factor",
            &self.factor.to_string(),
            most.map_or_else(
                || "there is no budget to burn".to_owned(),
                |most| format!("can never be exceeded: with this target nothing burns faster than {most}"),
            ),
            "lower the factor or raise the target",
        ))
    }

    /// Whether both windows burn faster than the factor.
    pub fn fires(&self, long: &BurnWindow, short: &BurnWindow, budget: Fraction, guard: Guard) -> Alert {
        if !long.covered || !short.covered {
            return Alert::Frozen;
        }
        let above = |tally: Tally| {
            // bad / total > factor × budget, in integers.
            let bad = u128::from(tally.bad);
            let total = u128::from(tally.total);
            let limit_part = u128::from(self.factor.part()) * u128::from(budget.part());
            let limit_whole = u128::from(self.factor.whole()) * u128::from(budget.whole());
            match (bad.checked_mul(limit_whole), total.checked_mul(limit_part)) {
                (Some(left), Some(right)) => total > 0 && left > right,
                _ => tally.burn(budget).is_some_and(|burn| burn > self.factor.as_f64()),
            }
        };
        let enough = long.tally.bad >= guard.min_bad && long.tally.total >= guard.min_total;
        if enough && above(long.tally) && above(short.tally) {
            Alert::Firing
        } else {
            Alert::Quiet
        }
    }
}

/// One of the two windows of a pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BurnWindow {
    /// What was broken and judged in it.
    pub tally: Tally,
    /// Whether its coverage reaches the floor.
    pub covered: bool,
}

/// Keeps low traffic quiet: at 10 requests an hour and 99.9 % one error burns 100 times too fast.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Guard {
    /// Fewer bad ones in the long window never fire.
    pub min_bad: u64,
    /// Fewer judged ones in the long window never fire.
    pub min_total: u64,
}

/// What a pair says now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Alert {
    /// Both windows burn too fast.
    Firing,
    /// They do not.
    Quiet,
    /// Too little is known: neither fire nor resolve.
    Frozen,
}

impl Alert {
    /// Over all pairs of one severity: one that fires is enough; else a frozen one keeps things as they were.
    pub fn any(alerts: impl IntoIterator<Item = Self>) -> Self {
        let mut out = Self::Quiet;
        for alert in alerts {
            match alert {
                Self::Firing => return Self::Firing,
                Self::Frozen => out = Self::Frozen,
                Self::Quiet => {}
            }
        }
        out
    }
}

#[cfg(test)]
mod tests;
