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

/// Those of each objective in one generation, by series.
type ByObjective = HashMap<(ObjectiveId, u32), HashMap<SeriesId, Arc<KnownOutlook>>>;

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
        let name = (key.objective.clone(), key.generation);
        self.read().get(&name)?.get(&key.series).cloned()
    }

    /// Whether something is said of an objective.
    pub fn knows(&self, objective: &Objective) -> bool {
        self.read().contains_key(&(objective.id.clone(), objective.generation))
    }

    /// Replaces one.
    pub fn put(&self, key: OutlookKey, outlook: KnownOutlook) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        let mut changed = self.changed.lock().unwrap_or_else(PoisonError::into_inner);
        changed.insert(key.objective.clone());
        let of_objective = known.entry((key.objective, key.generation)).or_default();
        of_objective.insert(key.series, Arc::new(outlook));
    }

    /// Forgets what `keep` refuses.
    pub fn retain(&self, keep: impl Fn(&ObjectiveId, u32) -> bool) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        known.retain(|(objective, generation), _| keep(objective, *generation));
    }

    /// Objectives of which an outlook has changed since this was asked last.
    pub fn take_changed(&self) -> HashSet<ObjectiveId> {
        std::mem::take(&mut self.changed.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// What the outlooks of an objective mean for the states of its series.
    pub fn risks(&self, objective: &Objective) -> HashMap<SeriesId, Risk> {
        let name = (objective.id.clone(), objective.generation);
        let known = self.read();
        let series = known.get(&name).into_iter().flatten();
        series.filter_map(|(id, outlook)| Some((*id, outlook.risk?))).collect()
    }

    /// Puts the newest outlook beside each series, and on the objective that of the series that breaks first. Without
    /// `whole` the fans and predicted points stay behind: an overview does not draw them.
    pub fn attach(&self, objective: &Objective, status: &mut pb::ObjectiveStatus, whole: bool) {
        let name = (objective.id.clone(), objective.generation);
        let known = self.read();
        let outlooks = known.get(&name);
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
    fn an_overview_has_no_fans() {
        assert!(brief(&outlook(Some(0.5), None)).fan.is_empty());
    }
}
