//! Judging the series of one objective at one instant, with the one evaluation function of the domain.

use std::collections::HashMap;
use std::hash::BuildHasher;
use std::sync::Arc;

use sla_domain::counter;
use sla_domain::evaluation::{Evaluation, Judgement, evaluate_windows};
use sla_domain::merge::{Merged, Part, drops_out, merge};
use sla_domain::objective::CounterMode;
use sla_domain::spacing;
use sla_domain::state::{Risk, RiskReason, State, state_of};
use sla_domain::window::Window;
use sla_domain::{Samples, SeriesId};

use crate::evaluation::asked::Asked;
use crate::evaluation::tracks::{ObjectiveTracks, SpacedTrack, Track};
use crate::samples::series::{HeldSeries, SeriesHead, SeriesMemory};
use crate::sets::catalog::KnownObjective;

/// One series, judged.
#[derive(Debug, Clone)]
pub struct JudgedSeries {
    /// Who it is.
    pub head: Arc<SeriesHead>,
    /// What was judged: its samples, or their rate. `None` where an evaluation was carried on: nobody lists samples then.
    pub judged: Option<Arc<Samples>>,
    /// Whether that is the per-second rate.
    pub rate: bool,
    /// How far apart samples lie, milliseconds.
    pub spacing_ms: i64,
    /// How long a sample holds, milliseconds.
    pub cap_ms: i64,
    /// One a window, in the order asked.
    pub evaluations: Vec<Evaluation>,
    /// State of the instant.
    pub state: State,
    /// Why it is at risk.
    pub risk: Option<RiskReason>,
}

impl JudgedSeries {
    /// The evaluation of the longest window.
    pub fn longest(&self) -> Option<&Evaluation> {
        self.evaluations
            .iter()
            .max_by_key(|evaluation| evaluation.window.length_ms)
    }
}

/// All series of one objective, judged.
#[derive(Debug, Clone)]
pub struct JudgedObjective {
    /// The objective.
    pub known: Arc<KnownObjective>,
    /// The instant, Unix milliseconds.
    pub at_ms: i64,
    /// Worst first; series unseen in the longest window have dropped out.
    pub series: Vec<JudgedSeries>,
    /// One a window, in the order asked.
    pub merged: Vec<Merged>,
    /// The worst state.
    pub state: State,
}

/// Over how long the rate of a series is taken, milliseconds; `None` where its values are judged as they are.
pub fn rate_over_ms(known: &KnownObjective, head: &SeriesHead, spacing_ms: i64) -> Option<i64> {
    let over_ms = match known.objective.counter {
        CounterMode::Rate { over_ms } => over_ms,
        CounterMode::Raw => None,
    };
    known
        .judges_rate(head.kind)
        .then(|| counter::rate_over_ms(over_ms, spacing_ms))
}

/// What is judged of a series: its samples as they are, or their rate.
pub fn judged_samples(known: &KnownObjective, held: &HeldSeries) -> (Arc<Samples>, bool) {
    match rate_over_ms(known, &held.head, spacing_ms(held)) {
        Some(over_ms) => (Arc::new(counter::rate(&held.samples, over_ms)), true),
        None => (held.samples.clone(), false),
    }
}

/// The spacing of a series, milliseconds: as the owner of the samples fixed it, else from the samples at hand.
pub fn spacing_ms(held: &HeldSeries) -> i64 {
    if held.spacing_ms > 0 {
        return held.spacing_ms;
    }
    spacing::spacing_ms(&held.samples).unwrap_or(spacing::DEFAULT_SPACING_MS)
}

/// Judges one series from all its samples.
fn judge_series(known: &KnownObjective, held: &HeldSeries, asked: &Asked, risk: Option<Risk>) -> JudgedSeries {
    let (judged, rate) = judged_samples(known, held);
    let spacing_ms = spacing_ms(held);
    let cap_ms = asked.cap_ms.unwrap_or_else(|| spacing::cap_ms(spacing_ms));
    let judgement = Judgement::of_objective(&known.objective, cap_ms);
    let windows: Vec<Window> = asked.windows().collect();
    let evaluations = evaluate_windows(&judged, &judgement, &windows);
    JudgedSeries {
        judged: Some(judged),
        ..judged_series(held.head.clone(), evaluations, rate, spacing_ms, &judgement, risk)
    }
}

fn judged_series(
    head: Arc<SeriesHead>,
    evaluations: Vec<Evaluation>,
    rate: bool,
    spacing_ms: i64,
    judgement: &Judgement,
    risk: Option<Risk>,
) -> JudgedSeries {
    // Every window ends at the instant: each reads the same there.
    let reading = evaluations.first().map(|evaluation| &evaluation.reading);
    let (state, risk) = reading.map_or((State::NoData, None), |reading| state_of(reading, risk));
    JudgedSeries {
        head,
        judged: None,
        rate,
        spacing_ms,
        cap_ms: judgement.hold_ms(),
        evaluations,
        state,
        risk,
    }
}

/// Judges all series of an objective, from all their samples, and merges them. `risks` are by series.
pub(crate) fn judge(
    known: &Arc<KnownObjective>,
    series: &[HeldSeries],
    asked: &Asked,
    risks: &HashMap<SeriesId, Risk>,
) -> JudgedObjective {
    let judged = |held: &HeldSeries| judge_series(known, held, asked, risks.get(&held.head.id).copied());
    merged(known, series.iter().map(judged).collect(), asked)
}

/// Judges all series of an objective by what is carried on, and merges them. `spacing` gives the spacing of a series
/// that has no track yet, or none for good, and whether it is.
pub fn judge_on(
    known: &Arc<KnownObjective>,
    series: &[Arc<SeriesMemory>],
    tracks: &mut ObjectiveTracks,
    asked: &Asked,
    risks: &HashMap<SeriesId, Risk, impl BuildHasher>,
    spacing: &dyn Fn(&SeriesMemory) -> (i64, bool),
) -> JudgedObjective {
    if tracks.generation != known.objective.generation {
        tracks.series.clear();
        tracks.generation = known.objective.generation;
    }
    // What is not seen any more is left behind.
    let mut before = std::mem::take(&mut tracks.series);
    tracks.series.reserve(series.len());
    let mut judged = Vec::with_capacity(series.len());
    for memory in series {
        let id = memory.head.id;
        let old = before.remove(&id);
        let (spacing_ms, is_fixed) = match &old {
            Some(old) if old.is_fixed => (old.spacing_ms, true),
            _ => spacing(memory),
        };
        let judgement = Judgement::of_objective(&known.objective, spacing::cap_ms(spacing_ms));
        let over_ms = rate_over_ms(known, &memory.head, spacing_ms);
        let track = old
            .map(|old| old.track)
            .filter(|track| track.is_of(&judgement, over_ms));
        let mut track = track.unwrap_or_else(|| Track::new(judgement, over_ms));
        let evaluations = track.evaluate(memory, asked);
        let risk = risks.get(&id).copied();
        let head = memory.head.clone();
        judged.push(judged_series(
            head,
            evaluations,
            over_ms.is_some(),
            spacing_ms,
            &judgement,
            risk,
        ));
        let spaced = SpacedTrack {
            spacing_ms,
            is_fixed,
            track,
        };
        tracks.series.insert(id, spaced);
    }
    merged(known, judged, asked)
}

/// Puts the worst first, leaves out what dropped out, and tells the rest as one.
fn merged(known: &Arc<KnownObjective>, mut series: Vec<JudgedSeries>, asked: &Asked) -> JudgedObjective {
    series.retain(|judged| judged.longest().is_none_or(|longest| !drops_out(longest)));
    let excess = |series: &JudgedSeries| {
        let worst = series.longest().and_then(Evaluation::worst);
        worst.map_or(0.0, |worst| worst.excess)
    };
    series.sort_by(|a, b| {
        a.state
            .cmp(&b.state)
            .then_with(|| excess(b).total_cmp(&excess(a)))
            .then_with(|| a.head.labels.cmp(&b.head.labels))
    });
    let windows = asked.windows().enumerate().map(|(at, window)| {
        let parts: Vec<Part<'_>> = series
            .iter()
            .map(|judged| Part {
                evaluation: &judged.evaluations[at],
                state: judged.state,
            })
            .collect();
        merge(window, &parts)
    });
    let windows = windows.collect();
    let state = State::worst(series.iter().map(|judged| judged.state));
    JudgedObjective {
        known: known.clone(),
        at_ms: asked.at_ms,
        series,
        merged: windows,
        state,
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::samples::series::tests::head;
    use sla_domain::Standing;
    use sla_domain::objective::{Objective, ObjectiveId};
    use sla_domain::query::Query;
    use sla_domain::range::AllowedRange;
    use sla_proto::objective::v1 as pb;
    use sla_proto::series::v1::SeriesKind;

    pub(crate) fn known(query: &str, range: AllowedRange) -> Arc<KnownObjective> {
        let query = Query::parse(query).unwrap();
        let objective = Objective::new(ObjectiveId::new("o").unwrap(), "Load", query, range);
        Arc::new(KnownObjective::new("s", "Set", objective, &pb::Objective::default()))
    }

    pub(crate) fn held(name: &str, host: &str, kind: SeriesKind, spacing_ms: i64, points: &[(i64, f64)]) -> HeldSeries {
        HeldSeries {
            head: head(name, host, kind),
            spacing_ms,
            samples: Arc::new(Samples::from_columns(
                points.iter().map(|p| p.0).collect(),
                points.iter().map(|p| p.1).collect(),
            )),
        }
    }

    /// The vector of semantics §2, in milliseconds.
    const VECTOR: [(i64, f64); 6] = [
        (0, 50.0),
        (60_000, 90.0),
        (120_000, 95.0),
        (180_000, 70.0),
        (600_000, 85.0),
        (660_000, 60.0),
    ];

    pub(crate) fn asked(at_s: i64) -> Asked {
        Asked {
            at_ms: at_s * 1000,
            windows_ms: vec![720_000],
            cap_ms: None,
        }
    }

    #[test]
    fn the_vector_holds_through_this_role() {
        let known = known("x", AllowedRange::at_most(80.0).unwrap());
        let series = vec![held("x", "a", SeriesKind::Gauge, 60_000, &VECTOR)];
        let judged = judge(&known, &series, &asked(720), &HashMap::new());
        let merged = &judged.merged[0];
        assert_eq!(
            (merged.violations, merged.violated_ms, merged.covered_ms),
            (2, 180_000, 420_000)
        );
        assert_eq!((merged.samples_violating, merged.samples), (3, 5));
        assert_eq!(judged.state, State::Ok);
        assert_eq!(
            judge(&known, &series, &asked(590), &HashMap::new()).state,
            State::NoData
        );
        assert_eq!(
            judge(&known, &series, &asked(650), &HashMap::new()).state,
            State::Violated
        );
    }

    #[test]
    fn the_worst_series_is_first_and_its_state_is_the_objectives() {
        let known = known("x", AllowedRange::at_most(80.0).unwrap());
        let series = vec![
            held(
                "x",
                "fine",
                SeriesKind::Gauge,
                60_000,
                &[(600_000, 1.0), (700_000, 1.0)],
            ),
            held("x", "silent", SeriesKind::Gauge, 60_000, &[(100_000, 1.0)]),
            held("x", "bad", SeriesKind::Gauge, 60_000, &[(700_000, 99.0)]),
            held("x", "gone", SeriesKind::Gauge, 60_000, &[(-1_000_000, 99.0)]),
        ];
        let judged = judge(&known, &series, &asked(720), &HashMap::new());
        let hosts: Vec<_> = judged
            .series
            .iter()
            .map(|s| s.head.labels.get("instance").unwrap())
            .collect();
        assert_eq!(
            hosts,
            ["bad", "silent", "fine"],
            "what was unseen in the longest window drops out"
        );
        assert_eq!(judged.state, State::Violated);
        assert_eq!((judged.merged[0].series_seen, judged.merged[0].series), (2, 3));
    }

    #[test]
    fn nothing_known_is_never_fine() {
        let known = known("x", AllowedRange::at_most(80.0).unwrap());
        assert_eq!(judge(&known, &[], &asked(720), &HashMap::new()).state, State::NoData);
    }

    #[test]
    fn counters_are_judged_by_rate() {
        let known = known("reqs_total", AllowedRange::at_most(5.0).unwrap());
        let points: Vec<(i64, f64)> = (0..12).map(|i| (i * 60_000, i as f64 * 600.0)).collect();
        let counter = held("reqs_total", "a", SeriesKind::Counter, 60_000, &points);
        let judged = judge(&known, &[counter], &asked(720), &HashMap::new());
        assert!(judged.series[0].rate);
        assert_eq!(judged.series[0].judged.as_ref().unwrap().values.last(), Some(&10.0));
        assert_eq!(judged.state, State::Violated);
    }

    #[test]
    fn only_a_proven_forecast_puts_at_risk() {
        let known = known("x", AllowedRange::at_most(80.0).unwrap());
        let series = held("x", "a", SeriesKind::Gauge, 60_000, &[(700_000, 1.0)]);
        let with = |standing| {
            let risk = Risk {
                probability: 0.9,
                standing,
            };
            judge(
                &known,
                std::slice::from_ref(&series),
                &asked(720),
                &HashMap::from([(series.head.id, risk)]),
            )
            .state
        };
        assert_eq!(with(Standing::Proven), State::AtRisk);
        assert_eq!(with(Standing::Unproven), State::Ok);
    }
}
