//! What a range has meant, or would have, in words.

use sla_domain::Target;
use sla_domain::budget::{Budget, Tally};
use sla_proto::violation::v1::WindowResult;

use crate::format::{duration, percent};
use crate::say;

/// `1h none   6h 2 (5m30s)   12h 7 (14m)`: each window counts everything inside it.
pub(crate) fn windows(windows: &[WindowResult]) -> String {
    let words: Vec<String> = windows.iter().map(window).collect();
    words.join("   ")
}

/// `12h 7 (14m)`.
fn window(w: &WindowResult) -> String {
    let length = duration(w.window_ms);
    match (w.covered_ms, w.violations) {
        (0, _) => say::sets::window_no_data(&length),
        (_, 0) => say::sets::none(&length),
        (_, count) => format!("{length} {count} ({})", duration(w.violated_ms)),
    }
}

/// The good share of what was judged, in 0 to 1; none where too little is known for a figure (`window_coverage_min` of the
/// instance decides that).
pub(crate) fn good_share(w: &WindowResult) -> Option<f64> {
    w.percent_good
        .filter(|_| w.judged_ms > 0)
        .map(|_| 1.0 - w.bad_ms as f64 / w.judged_ms as f64)
}

/// `12h 7 (14m), 98.1 % good of 99.5 % agreed: 388 % of the budget used`; without a target only how good it was.
pub(crate) fn promise(w: &WindowResult, target_percent: &str) -> String {
    let past = window(w);
    // Below the floor of coverage there is no percentage.
    let Some(good) = good_share(w) else { return past };
    let good = percent(good);
    let Ok(target) = Target::parse(target_percent) else {
        return say::sets::good(&past, &good);
    };
    let count = |ms: i64| u64::try_from(ms).unwrap_or_default();
    let tally = Tally {
        bad: count(w.bad_ms),
        total: count(w.judged_ms),
    };
    let used = Budget::of(&target, tally).map_or_else(String::new, |budget| {
        say::sets::of_the_budget_used(&share(budget.consumed))
    });
    say::sets::good_of_agreed(&past, &good, &target, &used)
}

/// Twice the budget and more needs no decimals; near it they tell whether something is left.
fn share(consumed: f64) -> String {
    if consumed < 2.0 {
        percent(consumed)
    } else {
        format!("{:.0} %", consumed * 100.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(violations: u64, bad_ms: i64) -> WindowResult {
        WindowResult {
            window_ms: 43_200_000,
            violations,
            violated_ms: bad_ms,
            bad_ms,
            covered_ms: 43_200_000,
            judged_ms: 43_200_000,
            percent_good: Some(100.0 * (1.0 - bad_ms as f64 / 43_200_000.0)),
            ..WindowResult::default()
        }
    }

    #[test]
    fn a_budget_is_told_where_there_is_a_target() {
        let w = told(2, 432_000);
        assert_eq!(promise(&w, ""), "12h 2 (7m12s), 99.00 % good");
        assert_eq!(
            promise(&w, "99.5"),
            "12h 2 (7m12s), 99.00 % good of 99.5 % agreed: 200 % of the budget used"
        );
        let unknown = WindowResult {
            percent_good: None,
            ..w
        };
        assert_eq!(
            promise(&unknown, "99.5"),
            "12h 2 (7m12s)",
            "no percentage below the floor"
        );
        assert_eq!(windows(&[told(0, 0), WindowResult::default()]), "12h none   0s no data");
    }
}
