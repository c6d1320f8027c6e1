//! When an objective is judged again.

use std::collections::HashMap;

use sla_domain::SeriesId;
use sla_domain::objective::MissingPolicy;

use crate::evaluation::judge::JudgedObjective;

/// Sources are late by at most this part of the spacing of their samples, as a rule.
const LATE_PART: i64 = 16;
/// Samples that are held so long come a quarter of it apart, where two of them have not told yet how far apart they are.
const UNKNOWN_PART: i64 = 4;

/// When an objective is due again, Unix milliseconds: as soon as the next sample of one of its series is likely to be there, at most
/// a spacing from now. `newest` are its series by the instants of their newest samples, with how many there are.
pub(super) fn due_again_ms(objective: &JudgedObjective, newest: &[(SeriesId, i64, usize)], floor_ms: i64) -> i64 {
    let at_ms = objective.at_ms;
    let spacings = objective
        .series
        .iter()
        .map(|series| (series.head.id, series.spacing_ms));
    let spacings: HashMap<SeriesId, i64> = spacings.collect();
    let next = newest.iter().filter_map(|(id, newest_ms, samples)| {
        let spacing_ms = *spacings.get(id)?;
        Some(match (objective.known.objective.missing, *samples) {
            (MissingPolicy::Hold { max_ms }, 0..=1) => unknown_ms(at_ms, *newest_ms, max_ms / UNKNOWN_PART),
            (_, 0..=1) => unknown_ms(at_ms, *newest_ms, spacing_ms),
            _ => expected_ms(at_ms, *newest_ms, spacing_ms),
        })
    });
    // Half a floor of slack: rounds are not exact.
    next.min().unwrap_or(at_ms).max(at_ms + floor_ms) - floor_ms / 2
}

/// When a series with samples `spacing_ms` apart is looked at again.
fn expected_ms(at_ms: i64, newest_ms: i64, spacing_ms: i64) -> i64 {
    let late_ms = spacing_ms / LATE_PART;
    let expected_ms = newest_ms.saturating_add(spacing_ms + late_ms);
    // What is late is looked for more often, what has fallen silent is not.
    let is_silent = at_ms.saturating_sub(newest_ms) > 2 * spacing_ms;
    match (expected_ms > at_ms, is_silent) {
        (true, _) => expected_ms.min(at_ms + spacing_ms),
        (false, false) => at_ms + late_ms,
        (false, true) => at_ms + spacing_ms,
    }
}

/// When a series with one sample is looked at again: nobody knows how far the next one is, so the pause grows with the age of the
/// first, up to `longest_ms`. A spacing is then known when at most twice of it has passed.
fn unknown_ms(at_ms: i64, newest_ms: i64, longest_ms: i64) -> i64 {
    at_ms + at_ms.saturating_sub(newest_ms).clamp(0, longest_ms.max(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_is_looked_for_when_it_is_likely_to_be_there() {
        assert_eq!(expected_ms(1_000, 0, 16_000), 17_000, "the next one, a little late");
        assert_eq!(expected_ms(18_000, 0, 16_000), 19_000, "late: soon again");
        assert_eq!(
            expected_ms(40_000, 0, 16_000),
            56_000,
            "silent: not more often than it came"
        );
        assert_eq!(
            expected_ms(0, 60_000, 16_000),
            16_000,
            "the clock of its source is ahead"
        );
    }

    #[test]
    fn a_second_sample_is_seen_when_at_most_twice_its_distance_has_passed() {
        for spacing_ms in [1_000, 5_000, 15_000, 60_000] {
            let (mut at_ms, mut looks) = (300, 0);
            while at_ms < spacing_ms {
                at_ms = unknown_ms(at_ms, 0, 60_000).max(at_ms + 500);
                looks += 1;
            }
            assert!(at_ms <= 2 * spacing_ms, "{spacing_ms}: {at_ms}");
            assert!(looks <= 9, "{spacing_ms}: {looks}");
        }
        assert_eq!(
            unknown_ms(600_000, 0, 60_000),
            660_000,
            "a lone sample is not looked at more and more rarely"
        );
        assert_eq!(
            unknown_ms(1_000, 5_000, 60_000),
            1_000,
            "one of a clock that is ahead is looked at with the floor"
        );
    }
}
