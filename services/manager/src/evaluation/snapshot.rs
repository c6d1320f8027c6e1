//! What is known now, for every screen: objectives worst first, counts, headlines.

use std::cmp::Ordering;
use std::sync::Arc;

use sla_domain::Labels;
use sla_domain::objective::ObjectiveId;
use sla_domain::safe_text::SafeText;
use sla_proto::convert::{self, millis, timestamp};
use sla_proto::series::v1::SourceStatus;
use sla_proto::violation::v1::{self as pb, HeadlineKind};

use crate::evaluation::status::severity;
use crate::options::{MAX_HEADLINES, MAX_OVERVIEW_OBJECTIVES};
use crate::sets::sight::Shown;
use crate::wording;

/// The state of all active sets at one instant. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    /// The instant, Unix milliseconds; `None` before the first evaluation.
    pub at_ms: Option<i64>,
    /// Worst first; shared by instants at which the same is told.
    pub objectives: Arc<Vec<Arc<pb::ObjectiveStatus>>>,
    /// How the source does.
    pub source: SourceStatus,
    /// What keeps this role from its work, in words; empty when nothing does.
    pub problem: String,
}

/// What one evaluation has changed.
#[derive(Debug, Clone, Default)]
pub struct Changes {
    /// Objectives of which something else is told now.
    pub objectives: Vec<Arc<pb::ObjectiveStatus>>,
    /// An objective came, went or has another generation: what was told of the others does not say so.
    pub others: bool,
}

impl Snapshot {
    /// The objectives of the sets that are shown.
    pub fn of_set<'a>(&'a self, shown: &'a Shown) -> impl Iterator<Item = &'a Arc<pb::ObjectiveStatus>> {
        self.objectives.iter().filter(move |o| shown.has(&o.set_id))
    }

    /// The overview of the sets that are shown, without the first `skip` objectives; of what is left as many as an answer has.
    pub fn overview(&self, shown: &Shown, skip: usize) -> pb::Overview {
        let counts = counts(self.of_set(shown).map(Arc::as_ref));
        let listed = self.of_set(shown).skip(skip).take(MAX_OVERVIEW_OBJECTIVES);
        let objectives: Vec<_> = listed.map(|objective| (**objective).clone()).collect();
        let told = self.told(shown);
        pb::Overview {
            left_out: total(&counts).saturating_sub((skip + objectives.len()) as u32),
            counts: Some(counts),
            objectives,
            evaluated: self.at_ms.map(timestamp),
            source: Some(self.source.clone()),
            headlines: self.in_words(&told),
            told,
        }
    }

    /// Whether an overview of the sets that are shown leaves something out: who sees a part only is told the whole part.
    pub fn is_cut(&self, shown: &Shown) -> bool {
        self.of_set(shown).nth(MAX_OVERVIEW_OBJECTIVES).is_some()
    }

    /// What changed since `before`, in the sets that are shown; `None` when nothing did, not even the instant.
    pub fn update(&self, before: &Self, changes: &Changes, shown: &Shown) -> Option<pb::OverviewUpdate> {
        let changed = changes.objectives.iter().filter(|status| shown.has(&status.set_id));
        let changed: Vec<_> = changed.map(|status| (**status).clone()).collect();
        // An instant that is judged again, as after the first forecasts, may still have changed what is said of it.
        let same = self.at_ms == before.at_ms && self.source == before.source && self.problem == before.problem;
        if same && changed.is_empty() {
            return None;
        }
        let told = self.told(shown);
        Some(pb::OverviewUpdate {
            counts: Some(counts(self.of_set(shown).map(Arc::as_ref))),
            objectives: changed,
            evaluated: self.at_ms.map(timestamp),
            source: Some(self.source.clone()),
            headlines: self.in_words(&told),
            told,
        })
    }

    /// What is wrong now, worst first.
    fn told(&self, shown: &Shown) -> Vec<pb::Headline> {
        let mut told = Vec::new();
        if !self.problem.is_empty() {
            told.push(pb::Headline {
                words: self.problem.clone(),
                ..of_kind(HeadlineKind::Problem)
            });
        }
        // Why everything may be without data: one line for it all, before the lines of each series.
        if !self.source.problem.is_empty() {
            told.push(pb::Headline {
                name: SafeText::with_limit(&self.source.source, 40).into_string(),
                words: SafeText::with_limit(&self.source.problem, 160).into_string(),
                since: self.source.failing_since,
                ..of_kind(HeadlineKind::Source)
            });
        }
        for objective in self.of_set(shown) {
            if told.len() >= MAX_HEADLINES {
                break;
            }
            tell_of(objective, &mut told);
        }
        told.truncate(MAX_HEADLINES);
        told
    }

    fn in_words(&self, told: &[pb::Headline]) -> Vec<String> {
        let now_ms = self.at_ms.unwrap_or(0);
        told.iter().map(|one| wording::headline(one, now_ms)).collect()
    }
}

fn of_kind(kind: HeadlineKind) -> pb::Headline {
    pb::Headline {
        kind: kind.into(),
        ..pb::Headline::default()
    }
}

/// Objectives by state.
pub fn counts<'a>(objectives: impl Iterator<Item = &'a pb::ObjectiveStatus>) -> pb::StateCounts {
    let mut counts = pb::StateCounts::default();
    for objective in objectives {
        *match objective.state() {
            pb::State::Violated => &mut counts.violated,
            pb::State::NoData | pb::State::Unspecified => &mut counts.no_data,
            pb::State::AtRisk => &mut counts.at_risk,
            pb::State::Ok => &mut counts.ok,
            pb::State::Excluded => &mut counts.excluded,
        } += 1;
    }
    counts
}

fn total(counts: &pb::StateCounts) -> u32 {
    let pb::StateCounts {
        ok,
        at_risk,
        violated,
        no_data,
        excluded,
    } = *counts;
    ok + at_risk + violated + no_data + excluded
}

/// The place of an objective among all: by state; among violated ones by how far outside in units of the bound, then by who
/// started first; then by name.
#[derive(Debug, Clone)]
pub struct Rank {
    severity: u8,
    gravity: f64,
    since_ms: i64,
    set_name: String,
    name: String,
    id: ObjectiveId,
}

impl Rank {
    /// Of the objective with this id.
    pub fn of(status: &pb::ObjectiveStatus, id: &ObjectiveId) -> Self {
        Self {
            severity: severity(status.state()),
            gravity: gravity(status),
            since_ms: since(status),
            set_name: status.set_name.clone(),
            name: name(status).map(str::to_lowercase).unwrap_or_default(),
            id: id.clone(),
        }
    }

    /// Whether this, the rank of an objective of which `before` was told, is its rank `now`.
    pub fn holds(&self, before: &pb::ObjectiveStatus, now: &pb::ObjectiveStatus) -> bool {
        (self.severity, self.since_ms) == (severity(now.state()), since(now))
            && self.gravity.total_cmp(&gravity(now)).is_eq()
            && before.set_name == now.set_name
            && name(before) == name(now)
    }
}

impl Ord for Rank {
    fn cmp(&self, other: &Self) -> Ordering {
        self.severity
            .cmp(&other.severity)
            .then_with(|| other.gravity.total_cmp(&self.gravity))
            .then_with(|| self.since_ms.cmp(&other.since_ms))
            .then_with(|| (&self.set_name, &self.name, &self.id).cmp(&(&other.set_name, &other.name, &other.id)))
    }
}

impl PartialOrd for Rank {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Rank {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Rank {}

/// Excess over the bound, relative to the bound, of the worst violation that goes on; 0 without one.
fn gravity(objective: &pb::ObjectiveStatus) -> f64 {
    objective
        .series
        .iter()
        .filter_map(|series| series.open.as_ref())
        .map(|open| open.excess / open.bound.abs().max(f64::MIN_POSITIVE))
        .fold(0.0, f64::max)
        .min(1e12)
}

fn name(objective: &pb::ObjectiveStatus) -> Option<&str> {
    objective.objective.as_ref().map(|objective| objective.name.as_str())
}

fn since(objective: &pb::ObjectiveStatus) -> i64 {
    objective
        .series
        .iter()
        .filter_map(|series| series.open.as_ref()?.start.as_ref().map(millis))
        .min()
        .unwrap_or(i64::MAX)
}

/// Everything but the instant. Named one by one: copies of all of them cost more than an evaluation.
pub fn same_figures(a: &pb::ObjectiveStatus, b: &pb::ObjectiveStatus) -> bool {
    let pb::ObjectiveStatus {
        set_id,
        set_name,
        objective,
        state,
        why,
        windows,
        series,
        series_seen,
        series_known,
        outlook,
        evaluated: _,
        problem,
        reason,
    } = a;
    (*state, *series_seen, *series_known) == (b.state, b.series_seen, b.series_known)
        && (set_id, set_name, why, problem) == (&b.set_id, &b.set_name, &b.why, &b.problem)
        && (objective, outlook, reason) == (&b.objective, &b.outlook, &b.reason)
        && (windows, series) == (&b.windows, &b.series)
}

fn tell_of(objective: &pb::ObjectiveStatus, told: &mut Vec<pb::Headline>) {
    let name = objective.objective.as_ref().map(|o| o.name.clone()).unwrap_or_default();
    if matches!(objective.state(), pb::State::Ok | pb::State::Excluded) {
        return;
    }
    if objective.series.is_empty() {
        let failed = !objective.problem.is_empty();
        told.push(pb::Headline {
            name: SafeText::with_limit(&name, 80).into_string(),
            words: SafeText::with_limit(&objective.problem, 160).into_string(),
            reason: objective.reason.clone().filter(|_| !failed),
            ..of_kind(HeadlineKind::NoData)
        });
        return;
    }
    let labels: Vec<Labels> = objective
        .series
        .iter()
        .map(|series| series.series.as_ref().map(convert::labels).unwrap_or_default())
        .collect();
    let sisters: Vec<&Labels> = labels.iter().collect();
    let room = MAX_HEADLINES.saturating_sub(told.len());
    let lines = objective.series.iter().zip(&labels).filter_map(|(series, labels)| {
        let kind = match series.state() {
            pb::State::Violated => HeadlineKind::Violated,
            pb::State::NoData | pb::State::Unspecified => HeadlineKind::NoData,
            pb::State::AtRisk => HeadlineKind::AtRisk,
            pb::State::Ok | pb::State::Excluded => return None,
        };
        let mut line = pb::Headline {
            name: wording::series_name(&name, labels, &sisters),
            metric: labels.metric_name().to_owned(),
            rate: series.rate,
            reason: series.reason.clone(),
            ..of_kind(kind)
        };
        if let Some(open) = series.open.as_ref().filter(|_| kind == HeadlineKind::Violated) {
            line.side = open.side;
            (line.bound, line.worst, line.since) = (open.bound, open.worst, open.start);
        }
        Some(line)
    });
    told.extend(lines.take(room));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluation::judge::judge;
    use crate::evaluation::judge::tests::{asked, held, known};
    use crate::evaluation::status::objective_status;
    use sla_domain::range::AllowedRange;
    use sla_proto::series::v1::SeriesKind;
    use std::collections::HashMap;

    fn status(name: &str, points: &[(i64, f64)]) -> Arc<pb::ObjectiveStatus> {
        let known = known(name, AllowedRange::at_most(4.0).unwrap());
        let judged = judge(
            &known,
            &[held(name, "host-3", SeriesKind::Gauge, 60_000, points)],
            &asked(720),
            &HashMap::new(),
        );
        let mut status = objective_status(&judged, 600_000, false, "");
        if let Some(objective) = &mut status.objective {
            name.clone_into(&mut objective.id);
        }
        Arc::new(status)
    }

    /// As the evaluation makes it: worst first.
    fn of(at_ms: i64, mut objectives: Vec<Arc<pb::ObjectiveStatus>>) -> Snapshot {
        let id = |status: &pb::ObjectiveStatus| {
            let id = status.objective.as_ref().map(|objective| objective.id.clone());
            ObjectiveId::new(id.unwrap()).unwrap()
        };
        objectives.sort_by_cached_key(|status| Rank::of(status, &id(status)));
        Snapshot {
            at_ms: Some(at_ms),
            objectives: Arc::new(objectives),
            ..Snapshot::default()
        }
    }

    fn snapshot() -> Snapshot {
        let load = [(480_000, 5.0), (540_000, 7.2), (600_000, 6.0), (660_000, 6.0)];
        of(
            720_000,
            vec![
                status("fine", &[(700_000, 1.0)]),
                status("silent", &[(100_000, 1.0)]),
                status("load", &load),
                status("worse", &[(660_000, 40.0)]),
            ],
        )
    }

    #[test]
    fn the_first_line_says_what_is_wrong_worst_first() {
        assert_eq!(
            snapshot().overview(&Shown::all(), 0).headlines,
            [
                "worse host-3 above 4 since 00:11 (1m) worst 40",
                "load host-3 above 4 since 00:08 (4m) worst 7.2",
                "silent host-3 no data: newest sample 00:01 (10m)",
            ]
        );
        let overview = snapshot().overview(&Shown::all(), 0);
        let counts = overview.counts.unwrap();
        assert_eq!((counts.violated, counts.no_data, counts.ok), (2, 1, 1));
        assert_eq!((overview.objectives.len(), overview.left_out), (4, 0));
        let rest = snapshot().overview(&Shown::all(), 3);
        assert_eq!(rest.objectives[..], overview.objectives[3..]);
        assert!(snapshot().overview(&Shown::one("another"), 0).objectives.is_empty());
    }

    #[test]
    fn a_problem_of_the_role_comes_before_everything() {
        let mut snapshot = snapshot();
        snapshot.problem = "the ledger cannot be written since 00:10".into();
        assert_eq!(snapshot.overview(&Shown::all(), 0).headlines[0], snapshot.problem);
    }

    #[test]
    fn a_source_that_is_away_is_told_once_and_first() {
        let mut snapshot = snapshot();
        snapshot.source = SourceStatus {
            source: "prom-eu".into(),
            problem: "connection refused".into(),
            failing_since: Some(timestamp(600_000)),
            ..SourceStatus::default()
        };
        let lines = snapshot.overview(&Shown::all(), 0).headlines;
        assert_eq!(lines[0], "source prom-eu fails since 00:10 (2m): connection refused");
        assert!(lines[1].starts_with("worse host-3 above 4"));
    }

    #[test]
    fn what_one_answer_cannot_hold_is_counted() {
        let many = (0..=MAX_OVERVIEW_OBJECTIVES).map(|at| status(&format!("o{at}"), &[(700_000, 1.0)]));
        let many = of(720_000, many.collect());
        assert!(many.is_cut(&Shown::all()) && !snapshot().is_cut(&Shown::all()));
        let overview = many.overview(&Shown::all(), 0);
        assert_eq!(
            (overview.objectives.len(), overview.left_out),
            (MAX_OVERVIEW_OBJECTIVES, 1)
        );
        assert_eq!(overview.counts.unwrap().ok as usize, MAX_OVERVIEW_OBJECTIVES + 1);
    }

    #[test]
    fn a_rank_is_made_anew_where_anything_that_it_is_of_has_changed() {
        let id = ObjectiveId::new("load").unwrap();
        let before = status(
            "load",
            &[(480_000, 5.0), (540_000, 7.2), (600_000, 6.0), (660_000, 6.0)],
        );
        let rank = Rank::of(&before, &id);
        assert_eq!(before.state(), pb::State::Violated);
        assert!(rank.holds(&before, &before));
        let with = |change: &dyn Fn(&mut pb::ObjectiveStatus)| {
            let mut now = (*before).clone();
            change(&mut now);
            (rank.holds(&before, &now), rank == Rank::of(&now, &id))
        };
        assert_eq!(with(&|now| now.why = "later".to_owned()), (true, true));
        let changes: [&dyn Fn(&mut pb::ObjectiveStatus); 5] = [
            &|now| now.set_name = "Web".to_owned(),
            &|now| now.objective.as_mut().unwrap().name = "disk".to_owned(),
            &|now| now.series[0].open.as_mut().unwrap().excess = 9.0,
            &|now| now.series[0].open.as_mut().unwrap().start = None,
            &|now| now.set_state(pb::State::Ok),
        ];
        for change in changes {
            assert_eq!(with(change), (false, false));
        }
    }

    #[test]
    fn an_update_carries_only_what_changed() {
        let before = snapshot();
        let fine = status("fine", &[(700_000, 3.0)]);
        assert!(!before.objectives.iter().any(|status| same_figures(status, &fine)));
        let changes = Changes {
            objectives: vec![fine],
            others: false,
        };
        let after = Snapshot {
            at_ms: Some(720_001),
            ..before.clone()
        };
        let update = after.update(&before, &changes, &Shown::all()).unwrap();
        assert_eq!(update.objectives.len(), 1);
        let elsewhere = after.update(&before, &changes, &Shown::one("another")).unwrap();
        assert!(elsewhere.objectives.is_empty());
        assert!(after.update(&after, &Changes::default(), &Shown::all()).is_none());
    }
}
