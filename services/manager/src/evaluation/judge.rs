//! Judging the series of one objective at one instant, with the one evaluation function of the domain.

use std::collections::HashMap;
use std::sync::Arc;

use sla_domain::counter;
use sla_domain::evaluation::{Evaluation, Judgement, evaluate_windows};
use sla_domain::merge::{Merged, Part, drops_out, merge};
use sla_domain::objective::CounterMode;
use sla_domain::spacing;
use sla_domain::state::{Risk, RiskReason, State, state_of};
use sla_domain::window::Window;
use sla_domain::{Samples, SeriesId};

use crate::samples::memory::HeldSeries;
use crate::sets::catalog::KnownObjective;

/// What is asked of an evaluation.
#[derive(Debug, Clone, PartialEq)]
pub struct Asked {
    /// The instant, Unix milliseconds.
    pub at_ms: i64,
    /// Window lengths, milliseconds, in the order of the answer.
    pub windows_ms: Vec<i64>,
    /// Overrides how long a sample holds, milliseconds.
    pub cap_ms: Option<i64>,
}

impl Asked {
    /// The longest window, milliseconds.
    pub fn longest_ms(&self) -> i64 {
        self.windows_ms.iter().copied().max().unwrap_or(0)
    }
}

/// One series, judged.
#[derive(Debug, Clone)]
pub struct JudgedSeries {
    /// The series as it was read.
    pub held: HeldSeries,
    /// What was judged: its samples, or their rate.
    pub judged: Arc<Samples>,
    /// Whether that is the per-second rate.
    pub rate: bool,
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

/// What is judged of a series: its samples as they are, or their rate.
pub fn judged_samples(known: &KnownObjective, held: &HeldSeries) -> (Arc<Samples>, bool) {
    let kind = held.series.kind();
    if !known.judges_rate(kind) {
        return (held.samples.clone(), false);
    }
    let over_ms = match known.objective.counter {
        CounterMode::Rate { over_ms } => over_ms,
        CounterMode::Raw => None,
    };
    let over_ms = counter::rate_over_ms(over_ms, spacing_ms(held));
    (Arc::new(counter::rate(&held.samples, over_ms)), true)
}

/// The spacing of a series, milliseconds: as the owner of the samples fixed it, else from the samples at hand.
pub fn spacing_ms(held: &HeldSeries) -> i64 {
    if held.spacing_ms > 0 {
        return held.spacing_ms;
    }
    spacing::spacing_ms(&held.samples).unwrap_or(spacing::DEFAULT_SPACING_MS)
}

/// Judges one series.
pub fn judge_series(known: &KnownObjective, held: HeldSeries, asked: &Asked, risk: Option<Risk>) -> JudgedSeries {
    let (judged, rate) = judged_samples(known, &held);
    let cap_ms = asked.cap_ms.unwrap_or_else(|| spacing::cap_ms(spacing_ms(&held)));
    let judgement = Judgement::of_objective(&known.objective, cap_ms);
    let windows: Vec<Window> = asked
        .windows_ms
        .iter()
        .map(|&length_ms| Window {
            end_ms: asked.at_ms,
            length_ms,
        })
        .collect();
    let evaluations = evaluate_windows(&judged, &judgement, &windows);
    let reading = evaluations.first().map_or_else(
        || sla_domain::state_at(&judged, &judgement, asked.at_ms),
        |evaluation| evaluation.reading,
    );
    let (state, risk) = state_of(&reading, risk);
    JudgedSeries {
        held,
        judged,
        rate,
        cap_ms: judgement.hold_ms(),
        evaluations,
        state,
        risk,
    }
}

/// Judges all series of an objective and merges them. `risks` are by series.
pub(crate) fn judge(
    known: &Arc<KnownObjective>,
    series: Vec<HeldSeries>,
    asked: &Asked,
    risks: &HashMap<SeriesId, Risk>,
) -> JudgedObjective {
    let mut series: Vec<JudgedSeries> = series
        .into_iter()
        .map(|held| {
            let risk = risks.get(&held.id).copied();
            judge_series(known, held, asked, risk)
        })
        .filter(|judged| judged.longest().is_none_or(|longest| !drops_out(longest)))
        .collect();
    series.sort_by(|a, b| {
        let excess = |s: &JudgedSeries| {
            s.longest()
                .and_then(Evaluation::worst)
                .map_or(0.0, |worst| worst.excess)
        };
        a.state
            .cmp(&b.state)
            .then_with(|| excess(b).total_cmp(&excess(a)))
            .then_with(|| a.held.labels.cmp(&b.held.labels))
    });
    let merged = (0..asked.windows_ms.len())
        .map(|at| {
            let parts: Vec<Part<'_>> = series
                .iter()
                .map(|judged| Part {
                    evaluation: &judged.evaluations[at],
                    state: judged.state,
                })
                .collect();
            let window = Window {
                end_ms: asked.at_ms,
                length_ms: asked.windows_ms[at],
            };
            merge(window, &parts)
        })
        .collect();
    let state = State::worst(series.iter().map(|judged| judged.state));
    JudgedObjective {
        known: known.clone(),
        at_ms: asked.at_ms,
        series,
        merged,
        state,
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use sla_domain::Standing;
    use sla_domain::objective::{Objective, ObjectiveId};
    use sla_domain::query::Query;
    use sla_domain::range::AllowedRange;
    use sla_domain::{Labels, SourceId};
    use sla_proto::convert;
    use sla_proto::objective::v1 as pb;
    use sla_proto::series::v1::SeriesKind;

    pub(crate) fn known(query: &str, range: AllowedRange) -> Arc<KnownObjective> {
        let query = Query::parse(query).unwrap();
        let objective = Objective::new(ObjectiveId::new("o").unwrap(), "Load", query, range);
        Arc::new(KnownObjective::new("s", "Set", objective, &pb::Objective::default()))
    }

    pub(crate) fn held(name: &str, host: &str, kind: SeriesKind, spacing_ms: i64, points: &[(i64, f64)]) -> HeldSeries {
        let labels = Labels::from_pairs([("__name__", name), ("instance", host)]);
        let id = SeriesId::of_series(&SourceId("s".into()), &labels);
        HeldSeries {
            series: convert::series_message(id, "s", &labels, "", kind),
            id,
            labels,
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
        let judged = judge(&known, series.clone(), &asked(720), &HashMap::new());
        let merged = &judged.merged[0];
        assert_eq!(
            (merged.violations, merged.violated_ms, merged.covered_ms),
            (2, 180_000, 420_000)
        );
        assert_eq!((merged.samples_violating, merged.samples), (3, 5));
        assert_eq!(judged.state, State::Ok);
        assert_eq!(
            judge(&known, series.clone(), &asked(590), &HashMap::new()).state,
            State::NoData
        );
        assert_eq!(
            judge(&known, series, &asked(650), &HashMap::new()).state,
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
        let judged = judge(&known, series, &asked(720), &HashMap::new());
        let hosts: Vec<_> = judged
            .series
            .iter()
            .map(|s| s.held.labels.get("instance").unwrap())
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
        assert_eq!(
            judge(&known, Vec::new(), &asked(720), &HashMap::new()).state,
            State::NoData
        );
    }

    #[test]
    fn counters_are_judged_by_rate() {
        let known = known("reqs_total", AllowedRange::at_most(5.0).unwrap());
        let points: Vec<(i64, f64)> = (0..12).map(|i| (i * 60_000, i as f64 * 600.0)).collect();
        let counter = held("reqs_total", "a", SeriesKind::Counter, 60_000, &points);
        let judged = judge(&known, vec![counter], &asked(720), &HashMap::new());
        assert!(judged.series[0].rate);
        assert_eq!(judged.series[0].judged.values.last(), Some(&10.0));
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
                vec![series.clone()],
                &asked(720),
                &HashMap::from([(series.id, risk)]),
            )
            .state
        };
        assert_eq!(with(Standing::Proven), State::AtRisk);
        assert_eq!(with(Standing::Unproven), State::Ok);
    }
}
