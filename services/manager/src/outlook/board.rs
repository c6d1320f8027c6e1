//! The newest outlook of every series of every active objective.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard};

use sla_domain::SeriesId;
use sla_domain::ledger::LedgerKey;
use sla_domain::objective::{Objective, ObjectiveId};
use sla_domain::state::Risk;
use sla_proto::convert;
use sla_proto::violation::v1 as pb;

/// Whose outlook it is: objective, generation, series.
pub type OutlookKey = LedgerKey;

/// One outlook.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct KnownOutlook {
    /// As the contract tells it, with its fan and its points.
    pub message: pb::Outlook,
    /// What it means for the state; `None` when there is no probability.
    pub risk: Option<Risk>,
}

/// Those of one generation of an objective, by series.
#[derive(Debug, Default)]
struct OfObjective {
    generation: u32,
    by_series: HashMap<SeriesId, Arc<KnownOutlook>>,
}

/// By id alone: each of twenty thousand objectives is looked up in each round, without a copy of its name.
type ByObjective = HashMap<ObjectiveId, OfObjective>;

/// What is said of this generation of an objective.
fn said_of<'a>(
    known: &'a ByObjective,
    id: &ObjectiveId,
    generation: u32,
) -> Option<&'a HashMap<SeriesId, Arc<KnownOutlook>>> {
    let of_objective = known.get(id).filter(|one| one.generation == generation)?;
    Some(&of_objective.by_series)
}

/// All of them. Readers never wait for a forecast.
#[derive(Debug, Default)]
pub struct OutlookBoard {
    known: RwLock<ByObjective>,
    /// Objectives with another outlook than the evaluation knows.
    changed: Mutex<HashSet<ObjectiveId>>,
}

impl OutlookBoard {
    fn read(&self) -> RwLockReadGuard<'_, ByObjective> {
        self.known.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The newest of one series.
    pub fn get(&self, key: &OutlookKey) -> Option<Arc<KnownOutlook>> {
        let known = self.read();
        said_of(&known, &key.objective, key.generation)?
            .get(&key.series)
            .cloned()
    }

    /// Replaces one. What was expected for bounds that were changed meanwhile is late: it takes nothing of what is known.
    pub fn put(&self, key: OutlookKey, outlook: KnownOutlook) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        let of_objective = known.entry(key.objective.clone()).or_default();
        if of_objective.generation > key.generation {
            return;
        }
        let mut changed = self.changed.lock().unwrap_or_else(PoisonError::into_inner);
        changed.insert(key.objective);
        if of_objective.generation < key.generation {
            *of_objective = OfObjective {
                generation: key.generation,
                ..OfObjective::default()
            };
        }
        of_objective.by_series.insert(key.series, Arc::new(outlook));
    }

    /// Forgets what `keep` refuses.
    pub fn retain(&self, keep: impl Fn(&ObjectiveId, u32) -> bool) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        known.retain(|objective, of_objective| keep(objective, of_objective.generation));
    }

    /// Objectives of which an outlook has changed since this was asked last.
    pub fn take_changed(&self) -> HashSet<ObjectiveId> {
        std::mem::take(&mut self.changed.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// What the outlooks of an objective mean for the states of its series.
    pub fn risks(&self, objective: &Objective) -> HashMap<SeriesId, Risk> {
        let known = self.read();
        let series = said_of(&known, &objective.id, objective.generation)
            .into_iter()
            .flatten();
        series.filter_map(|(id, outlook)| Some((*id, outlook.risk?))).collect()
    }

    /// Puts the newest outlook beside each series, and on the objective that of the series that breaks first. Without
    /// `whole` the fans and predicted points stay behind: an overview does not draw them.
    pub fn attach(&self, objective: &Objective, status: &mut pb::ObjectiveStatus, whole: bool) {
        let known = self.read();
        let outlooks = said_of(&known, &objective.id, objective.generation);
        for series in &mut status.series {
            let id = series.series.as_ref().and_then(convert::series_id);
            let outlook = id.zip(outlooks).and_then(|(id, outlooks)| outlooks.get(&id));
            series.outlook = outlook.map(|outlook| {
                if whole {
                    outlook.message.clone()
                } else {
                    brief(&outlook.message)
                }
            });
        }
        status.outlook = of_objective(&status.series);
    }
}

/// The outlook of an objective: that of the series that breaks first, with the predicted violations of all.
pub fn of_objective(series: &[pb::SeriesStatus]) -> Option<pb::Outlook> {
    let outlooks = || series.iter().filter_map(|series| series.outlook.as_ref());
    let first = outlooks().min_by(|a, b| breaks_first(a, b))?;
    Some(pb::Outlook {
        predicted_violations: outlooks()
            .filter_map(|outlook| outlook.predicted_violations)
            .reduce(|a, b| a + b),
        ..brief(first)
    })
}

/// Without what only a chart draws.
pub fn brief(outlook: &pb::Outlook) -> pb::Outlook {
    pb::Outlook {
        fan: Vec::new(),
        predicted_outside: Vec::new(),
        ..outlook.clone()
    }
}

/// Probabilities below this are no reason to speak of a first crossing.
pub const LIKELY: f64 = 0.5;

/// Orders what breaks first on top: a likely crossing by its time, everything else by its probability.
pub fn breaks_first(a: &pb::Outlook, b: &pb::Outlook) -> std::cmp::Ordering {
    let crossing = |outlook: &pb::Outlook| {
        outlook
            .first_crossing
            .as_ref()
            .filter(|_| outlook.probability.is_some_and(|p| p >= LIKELY))
            .map_or(i64::MAX, convert::millis)
    };
    let probability = |outlook: &pb::Outlook| outlook.probability.unwrap_or(-1.0);
    crossing(a)
        .cmp(&crossing(b))
        .then_with(|| probability(b).total_cmp(&probability(a)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use sla_proto::convert::timestamp;

    fn outlook(probability: Option<f64>, crossing_s: Option<i64>) -> pb::Outlook {
        pb::Outlook {
            probability,
            first_crossing: crossing_s.map(|s| timestamp(s * 1000)),
            fan: vec![pb::FanPoint::default()],
            ..pb::Outlook::default()
        }
    }

    #[test]
    fn what_breaks_first_is_on_top() {
        let mut all = [
            outlook(None, None),
            outlook(Some(0.1), Some(5)),
            outlook(Some(0.6), Some(50)),
            outlook(Some(0.9), Some(100)),
            outlook(Some(0.3), None),
        ];
        all.sort_by(breaks_first);
        let order: Vec<_> = all.iter().map(|o| o.probability).collect();
        assert_eq!(order, [Some(0.6), Some(0.9), Some(0.3), Some(0.1), None]);
    }

    #[test]
    fn another_generation_is_another_question() {
        let board = OutlookBoard::default();
        let id = ObjectiveId::new("load").unwrap();
        let key = |generation: u32, series: u8| OutlookKey {
            objective: id.clone(),
            generation,
            series: SeriesId([series; 16]),
        };
        board.put(key(1, 1), KnownOutlook::default());
        board.put(key(1, 2), KnownOutlook::default());
        assert!(board.get(&key(1, 1)).is_some() && board.get(&key(2, 1)).is_none());
        board.put(key(2, 1), KnownOutlook::default());
        assert!(board.get(&key(2, 1)).is_some());
        assert!(board.get(&key(1, 2)).is_none(), "nothing is left of the one before");
        board.take_changed();
        board.put(key(1, 1), KnownOutlook::default());
        assert!(board.get(&key(2, 1)).is_some(), "what comes late takes nothing");
        assert!(board.take_changed().is_empty());
        board.retain(|_, generation| generation == 1);
        assert!(board.get(&key(2, 1)).is_none());
    }

    #[test]
    fn an_overview_has_no_fans() {
        assert!(brief(&outlook(Some(0.5), None)).fan.is_empty());
    }
}
