//! Judgements as the contract tells them.

use std::collections::HashSet;

use sla_domain::evaluation::Evaluation;
use sla_domain::merge::Merged;
use sla_domain::range::Side;
use sla_domain::state::{RiskReason, State};
use sla_domain::{Labels, Samples};
use sla_proto::convert::{millis, timestamp};
use sla_proto::series::v1::Point;
use sla_proto::violation::v1::{self as pb, ReasonKind};

use crate::evaluation::judge::{JudgedObjective, JudgedSeries};
use crate::options::{MAX_SAMPLES_PER_INTERVAL, MAX_SERIES_PER_STATUS};
use crate::wording;

/// A state in the contract.
pub fn state_message(state: State) -> pb::State {
    match state {
        State::Ok => pb::State::Ok,
        State::AtRisk => pb::State::AtRisk,
        State::Violated => pb::State::Violated,
        State::NoData => pb::State::NoData,
        State::Excluded => pb::State::Excluded,
    }
}

/// Its place in "worst first": violated 0, no data 1, at risk 2, ok 3, excluded 4.
pub fn severity(state: pb::State) -> u8 {
    match state {
        pb::State::Violated => 0,
        pb::State::NoData | pb::State::Unspecified => 1,
        pb::State::AtRisk => 2,
        pb::State::Ok => 3,
        pb::State::Excluded => 4,
    }
}

/// A side in the contract.
pub fn side_message(side: Side) -> pb::Side {
    match side {
        Side::Above => pb::Side::Above,
        Side::Below => pb::Side::Below,
    }
}

/// One window of one series.
fn window(evaluation: &Evaluation, judged: Option<&Samples>, floor: f64) -> pb::WindowResult {
    pb::WindowResult {
        window_ms: evaluation.window.length_ms,
        violations: evaluation.intervals.len() as u64,
        violated_ms: evaluation.violated_ms,
        covered_ms: evaluation.covered_ms,
        unknown_ms: evaluation.unknown_ms,
        bad_ms: evaluation.bad_ms,
        judged_ms: evaluation.judged_ms(),
        coverage: evaluation.coverage(),
        samples: evaluation.samples,
        samples_violating: evaluation.samples_violating,
        samples_nan: evaluation.n_nan,
        percent_good: evaluation
            .is_covered(floor)
            .then(|| evaluation.good_ratio())
            .flatten()
            .map(|ratio| ratio * 100.0),
        worst: evaluation.worst().map(|interval| interval.worst),
        intervals: judged.map_or_else(Vec::new, |judged| {
            let intervals = evaluation.intervals.iter();
            intervals.map(|interval| interval_message(interval, judged)).collect()
        }),
    }
}

fn interval_message(interval: &sla_domain::Interval, judged: &Samples) -> pb::Interval {
    let times = &interval.sample_times_ms[..interval.sample_times_ms.len().min(MAX_SAMPLES_PER_INTERVAL)];
    let first = times
        .first()
        .map_or(0, |&time| judged.times_ms.partition_point(|&t| t < time));
    let mut values = Vec::with_capacity(times.len());
    let mut at = first;
    for &time in times {
        while judged.times_ms.get(at).is_some_and(|&t| t < time) {
            at += 1;
        }
        values.push(judged.values.get(at).copied().unwrap_or(interval.worst));
    }
    pb::Interval {
        start: Some(timestamp(interval.start_ms)),
        end: Some(timestamp(interval.end_ms)),
        open_start: interval.open_start,
        open_end: interval.open_end,
        side: side_message(interval.side).into(),
        worst: interval.worst,
        excess: interval.excess,
        samples: interval.samples,
        sample_times: times.iter().map(|&time| timestamp(time)).collect(),
        sample_values: values,
        resumes_after_gap: interval.resumes_after_gap,
    }
}

/// One window of an objective.
fn merged_window(merged: &Merged, floor: f64) -> pb::WindowResult {
    pb::WindowResult {
        window_ms: merged.window.length_ms,
        violations: merged.violations,
        violated_ms: merged.violated_ms,
        covered_ms: merged.covered_ms,
        unknown_ms: merged.unknown_ms,
        bad_ms: merged.bad_ms,
        judged_ms: merged.judged_ms,
        coverage: merged.coverage(),
        samples: merged.samples,
        samples_violating: merged.samples_violating,
        samples_nan: merged.n_nan,
        percent_good: merged
            .is_covered(floor)
            .then(|| merged.good_ratio())
            .flatten()
            .map(|ratio| ratio * 100.0),
        worst: merged.worst.map(|(worst, _, _)| worst),
        intervals: Vec::new(),
    }
}

/// Why a series is at risk or without data.
fn reason(judged: &JudgedSeries, horizon_ms: i64) -> Option<pb::Reason> {
    let of = |kind: ReasonKind| pb::Reason {
        kind: kind.into(),
        ..pb::Reason::default()
    };
    match (judged.state, judged.risk) {
        (State::AtRisk, Some(RiskReason::WarningBand(side))) => Some(pb::Reason {
            side: side_message(side).into(),
            ..of(ReasonKind::WarningBound)
        }),
        (State::AtRisk, Some(RiskReason::Forecast { probability })) => Some(pb::Reason {
            probability,
            horizon_ms,
            ..of(ReasonKind::Forecast)
        }),
        (State::NoData, _) => match judged.longest().and_then(|longest| longest.reading.newest) {
            Some((newest_ms, _)) => Some(pb::Reason {
                newest: Some(timestamp(newest_ms)),
                ..of(ReasonKind::Silent)
            }),
            None => Some(of(ReasonKind::NotFinite)),
        },
        _ => None,
    }
}

/// A reason in words; empty where there is none.
fn why(reason: Option<&pb::Reason>, at_ms: i64) -> String {
    reason.map_or_else(String::new, |reason| wording::why(reason, at_ms))
}

/// That the instant asked for has not come yet: what has no data then is not missing.
pub fn not_yet(status: &mut pb::ObjectiveStatus, ahead_ms: i64) {
    let reason = pb::Reason {
        kind: ReasonKind::NotYet.into(),
        ahead_ms,
        ..pb::Reason::default()
    };
    let words = wording::why(&reason, 0);
    for series in &mut status.series {
        if series.state() == pb::State::NoData {
            series.why.clone_from(&words);
            series.reason = Some(reason.clone());
        }
    }
    if status.state() == pb::State::NoData {
        status.why = words;
        status.reason = Some(reason);
    }
}

/// The violation that goes on at the instant, as far back as the samples reach; one that only unknown time keeps apart from the one
/// before is the same, and began when that did.
fn open_violation(objective: &JudgedObjective, judged: &JudgedSeries) -> Option<pb::Violation> {
    let intervals = &judged.longest()?.intervals;
    let last = intervals.last().filter(|interval| interval.open_end)?;
    let goes_on = intervals
        .iter()
        .rev()
        .take_while(|interval| interval.resumes_after_gap)
        .count();
    let whole = &intervals[(intervals.len() - 1).saturating_sub(goes_on)..];
    let worst = whole
        .iter()
        .fold(last, |worst, one| if one.excess > worst.excess { one } else { worst });
    let began_ms = whole.first().unwrap_or(last).began_ms;
    let range = &objective.known.objective.range;
    Some(pb::Violation {
        set_id: objective.known.set_id.clone(),
        objective_id: objective.known.objective.id.as_str().to_owned(),
        generation: objective.known.objective.generation,
        series: Some(judged.head.message()),
        start: Some(timestamp(began_ms)),
        end: None,
        side: side_message(last.side).into(),
        worst: worst.worst,
        excess: worst.excess,
        samples: whole.iter().map(|interval| interval.samples).sum(),
        retired: false,
        judged: Some(timestamp(objective.at_ms)),
        duration_ms: last.end_ms - began_ms,
        bound: match last.side {
            Side::Above => range.max(),
            Side::Below => range.min(),
        }
        .unwrap_or(last.worst),
    })
}

/// A violation that the ledger holds open has one start wherever it is told, also where samples do not reach back to it;
/// and one of a series without data was violated when last seen.
pub fn as_stored(series: &mut pb::SeriesStatus, stored: &pb::Violation, at_ms: i64) {
    let start_ms = |violation: &pb::Violation| violation.start.as_ref().map_or(i64::MAX, millis);
    if let Some(open) = series.open.as_mut().filter(|open| open.side == stored.side) {
        let earlier_ms = start_ms(open) - start_ms(stored);
        if earlier_ms > 0 {
            open.start = stored.start;
            open.duration_ms += earlier_ms;
            open.samples = open.samples.max(stored.samples);
            if stored.excess > open.excess {
                open.excess = stored.excess;
                open.worst = stored.worst;
            }
        }
    } else if series.state() == pb::State::NoData {
        let mut reason = series.reason.clone().unwrap_or_default();
        reason.violated_since = stored.start;
        series.why = wording::why(&reason, at_ms);
        series.reason = Some(reason);
        series.open = Some(stored.clone());
    }
}

/// One series of an objective.
pub fn series_status(
    objective: &JudgedObjective,
    judged: &JudgedSeries,
    horizon_ms: i64,
    with_intervals: bool,
) -> pb::SeriesStatus {
    let floor = objective.known.objective.coverage_floor;
    let horizon_ms = objective.known.objective.horizon_ms.unwrap_or(horizon_ms);
    let newest = judged.longest().and_then(|longest| longest.reading.newest);
    let listed = judged.judged.as_deref().filter(|_| with_intervals);
    let reason = reason(judged, horizon_ms);
    pb::SeriesStatus {
        series: Some(judged.head.message()),
        state: state_message(judged.state).into(),
        why: why(reason.as_ref(), objective.at_ms),
        reason,
        last: newest.map(|(time, value)| Point {
            time: Some(timestamp(time)),
            value,
        }),
        windows: judged
            .evaluations
            .iter()
            .map(|evaluation| window(evaluation, listed, floor))
            .collect(),
        open: open_violation(objective, judged),
        outlook: None,
        rate: judged.rate,
        cap_ms: judged.cap_ms,
    }
}

/// An objective with its series, worst first.
pub fn objective_status(
    objective: &JudgedObjective,
    horizon_ms: i64,
    with_intervals: bool,
    problem: &str,
) -> pb::ObjectiveStatus {
    let floor = objective.known.objective.coverage_floor;
    let series: Vec<pb::SeriesStatus> = objective
        .series
        .iter()
        .take(MAX_SERIES_PER_STATUS)
        .map(|judged| series_status(objective, judged, horizon_ms, with_intervals))
        .collect();
    let seen = objective.merged.first().map_or(0, |merged| merged.series_seen);
    let none = |kind: ReasonKind| pb::Reason {
        kind: kind.into(),
        ..pb::Reason::default()
    };
    let reason = match objective.series.first() {
        None if problem.is_empty() => Some(none(ReasonKind::NoSeries)),
        None => Some(none(ReasonKind::NotRead)),
        Some(worst) => reason(worst, horizon_ms).map(|reason| {
            let sisters: Vec<&Labels> = objective.series.iter().map(|s| &s.head.labels).collect();
            pb::Reason {
                series: match sisters.len() {
                    1 => String::new(),
                    _ => wording::telling_labels(&worst.head.labels, &sisters),
                },
                ..reason
            }
        }),
    };
    pb::ObjectiveStatus {
        set_id: objective.known.set_id.clone(),
        set_name: objective.known.set_name.clone(),
        objective: Some(objective.known.message.clone()),
        state: state_message(objective.state).into(),
        why: why(reason.as_ref(), objective.at_ms),
        reason,
        windows: objective
            .merged
            .iter()
            .map(|merged| merged_window(merged, floor))
            .collect(),
        series,
        series_seen: seen as u32,
        series_known: objective.series.len() as u32,
        outlook: None,
        evaluated: Some(timestamp(objective.at_ms)),
        problem: problem.to_owned(),
    }
}

/// Tells an objective of which not all series could be read: it is at best without data, and no share of it was good. `open` are
/// violations that the ledger holds open; those of series that were not read are told, too. All of it was read up to `read_until_ms`.
pub fn as_unread<'a>(
    status: &mut pb::ObjectiveStatus,
    open: impl Iterator<Item = &'a pb::Violation>,
    read_until_ms: Option<i64>,
) {
    let at_ms = status.evaluated.as_ref().map_or(0, millis);
    let mut reason = pb::Reason {
        kind: ReasonKind::NotRead.into(),
        newest: read_until_ms.map(timestamp),
        ..pb::Reason::default()
    };
    let read: HashSet<Vec<u8>> = status
        .series
        .iter()
        .filter_map(|series| Some(series.series.as_ref()?.id.clone()))
        .collect();
    for window in &mut status.windows {
        window.percent_good = None;
    }
    let windows: Vec<pb::WindowResult> = status
        .windows
        .iter()
        .map(|window| pb::WindowResult {
            window_ms: window.window_ms,
            unknown_ms: window.window_ms,
            ..pb::WindowResult::default()
        })
        .collect();
    for stored in open.filter(|stored| stored.series.as_ref().is_some_and(|series| !read.contains(&series.id))) {
        let mut series = pb::SeriesStatus {
            series: stored.series.clone(),
            state: pb::State::NoData.into(),
            reason: Some(reason.clone()),
            windows: windows.clone(),
            ..pb::SeriesStatus::default()
        };
        as_stored(&mut series, stored, at_ms);
        status.series.push(series);
        reason.violated_since = reason.violated_since.or(stored.start);
    }
    status.series.sort_by_key(|series| severity(series.state()));
    status.series.truncate(MAX_SERIES_PER_STATUS);
    if severity(status.state()) > severity(pb::State::NoData) && status.state() != pb::State::Excluded {
        status.state = pb::State::NoData.into();
        status.why = wording::why(&reason, at_ms);
        status.reason = Some(reason);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluation::judge::judge;
    use crate::evaluation::judge::tests::{asked, held, known};
    use sla_domain::range::AllowedRange;
    use sla_proto::series::v1::SeriesKind;
    use std::collections::HashMap;

    #[test]
    fn intervals_carry_their_samples_and_the_coverage_floor_hides_the_percent() {
        let known = known("x", AllowedRange::at_most(80.0).unwrap());
        let points = [
            (60_000, 90.0),
            (120_000, 95.0),
            (180_000, 70.0),
            (600_000, 85.0),
            (660_000, 60.0),
        ];
        let judged = judge(
            &known,
            &[held("x", "a", SeriesKind::Gauge, 60_000, &points)],
            &asked(720),
            &HashMap::new(),
        );
        let status = objective_status(&judged, 600_000, true, "");
        let window = &status.series[0].windows[0];
        assert_eq!(window.intervals.len(), 2);
        assert_eq!(window.intervals[0].sample_values, [90.0, 95.0]);
        assert_eq!(window.intervals[0].sample_times[1], timestamp(120_000));
        assert_eq!(window.intervals[0].side(), pb::Side::Above);
        assert!(
            window.coverage < 0.9 && window.percent_good.is_none(),
            "7/12 is below the floor"
        );
        assert_eq!(status.windows[0].violations, 2);
        assert!(status.series[0].open.is_none());
    }

    #[test]
    fn a_series_of_what_is_no_number_is_there_and_counted() {
        let known = known("x", AllowedRange::at_most(80.0).unwrap());
        for odd in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            let series = held("x", "a", SeriesKind::Gauge, 60_000, &[(600_000, odd), (660_000, odd)]);
            let judged = judge(&known, &[series], &asked(720), &HashMap::new());
            let status = objective_status(&judged, 600_000, true, "");
            assert_eq!((status.state(), status.series.len()), (pb::State::NoData, 1));
            assert_eq!((status.windows[0].samples_nan, status.windows[0].samples), (2, 0));
            assert!(status.why.contains("only NaN or infinite samples"), "{}", status.why);
        }
    }

    #[test]
    fn a_violation_that_goes_on_behind_a_gap_began_before_it() {
        let known = known("x", AllowedRange::at_most(80.0).unwrap());
        let minutes = |from: i64, until: i64, value: f64| (from..=until).map(move |m| (m * 60_000, value));
        let open = |points: Vec<(i64, f64)>| {
            let series = held("x", "a", SeriesKind::Gauge, 60_000, &points);
            let judged = judge(&known, &[series], &asked(720), &HashMap::new());
            objective_status(&judged, 600_000, false, "")
                .series
                .remove(0)
                .open
                .unwrap()
        };
        let apart = open(minutes(1, 2, 95.0).chain(minutes(8, 12, 90.0)).collect());
        assert_eq!((apart.start, apart.duration_ms), (Some(timestamp(60_000)), 660_000));
        assert_eq!((apart.worst, apart.samples), (95.0, 7));
        let well_between = minutes(1, 2, 95.0)
            .chain(minutes(3, 3, 70.0))
            .chain(minutes(8, 12, 90.0));
        let again = open(well_between.collect());
        assert_eq!((again.start, again.worst), (Some(timestamp(480_000)), 90.0));
    }

    #[test]
    fn a_violation_of_the_ledger_has_one_start_and_outlives_the_source() {
        let known = known("x", AllowedRange::at_most(80.0).unwrap());
        let stored = pb::Violation {
            start: Some(timestamp(60_000)),
            side: pb::Side::Above.into(),
            worst: 120.0,
            excess: 40.0,
            samples: 30,
            ..pb::Violation::default()
        };
        let status = |points: &[(i64, f64)]| {
            let series = held("x", "a", SeriesKind::Gauge, 60_000, points);
            let mut status = objective_status(
                &judge(&known, &[series], &asked(720), &HashMap::new()),
                600_000,
                false,
                "",
            );
            as_stored(&mut status.series[0], &stored, 720_000);
            status.series.remove(0)
        };
        let bad = status(&[(600_000, 81.0), (660_000, 99.0)]).open.unwrap();
        assert_eq!((bad.start, bad.duration_ms, bad.worst), (stored.start, 660_000, 120.0));
        let silent = status(&[(60_000, 90.0)]);
        assert_eq!(silent.state(), pb::State::NoData);
        assert!(
            silent.why.ends_with("; violated when last seen, since 00:01"),
            "{}",
            silent.why
        );
        assert_eq!(silent.open.unwrap().start, stored.start);
        assert!(
            status(&[(660_000, 1.0)]).open.is_none(),
            "what ended is not told as going on"
        );
    }

    #[test]
    fn silence_and_absence_are_told() {
        let known = known("x", AllowedRange::at_most(80.0).unwrap());
        let silent = held("x", "a", SeriesKind::Gauge, 60_000, &[(60_000, 1.0)]);
        let judged = judge(&known, &[silent], &asked(720), &HashMap::new());
        let status = objective_status(&judged, 600_000, false, "");
        assert_eq!(status.why, "no data: newest sample 00:01 (11m)");
        let none = judge(&known, &[], &asked(720), &HashMap::new());
        assert_eq!(
            objective_status(&none, 600_000, false, "").why,
            "no series matches the query"
        );
        assert_eq!(
            objective_status(&none, 600_000, false, "503").state(),
            pb::State::NoData
        );
    }

    #[test]
    fn a_violation_that_goes_on_is_told_with_its_start() {
        let known = known("x", AllowedRange::at_most(80.0).unwrap());
        let bad = held("x", "a", SeriesKind::Gauge, 60_000, &[(600_000, 81.0), (660_000, 99.0)]);
        let status = objective_status(&judge(&known, &[bad], &asked(700), &HashMap::new()), 600_000, false, "");
        let open = status.series[0].open.as_ref().unwrap();
        assert_eq!(
            (open.start, open.worst, open.bound, open.duration_ms),
            (Some(timestamp(600_000)), 99.0, 80.0, 100_000)
        );
    }

    #[test]
    fn what_was_not_read_is_not_fine() {
        let known = known("x", AllowedRange::at_most(80.0).unwrap());
        let fine = held("x", "a", SeriesKind::Gauge, 60_000, &[(600_000, 50.0), (660_000, 50.0)]);
        let judged = judge(&known, &[fine], &asked(690), &HashMap::new());
        let mut status = objective_status(&judged, 600_000, false, "503");
        assert_eq!(status.state(), pb::State::Ok);
        let of = |host: &str, start_ms: i64| pb::Violation {
            series: Some(held("x", host, SeriesKind::Gauge, 60_000, &[]).head.message()),
            start: Some(timestamp(start_ms)),
            ..pb::Violation::default()
        };
        let open = [of("a", 1), of("b", 540_000)];
        as_unread(&mut status, open.iter(), None);
        assert_eq!(status.state(), pb::State::NoData);
        assert_eq!(
            status.why,
            "not all of it was read yet; violated when last seen, since 00:09"
        );
        assert!(status.windows.iter().all(|window| window.percent_good.is_none()));
        let states: Vec<pb::State> = status.series.iter().map(pb::SeriesStatus::state).collect();
        assert_eq!(
            states,
            [pb::State::NoData, pb::State::Ok],
            "the ledger holds one open that was not read"
        );
        assert_eq!(status.series[0].open.as_ref(), Some(&open[1]));

        let bad = held("x", "a", SeriesKind::Gauge, 60_000, &[(600_000, 90.0), (660_000, 90.0)]);
        let judged = judge(&known, &[bad], &asked(690), &HashMap::new());
        let mut violated = objective_status(&judged, 600_000, false, "503");
        as_unread(&mut violated, std::iter::empty(), Some(600_000));
        assert_eq!(
            violated.state(),
            pb::State::Violated,
            "what is known to be wrong stays so"
        );
    }
}
