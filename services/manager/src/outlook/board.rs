//! The newest outlook of every series of every active objective.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use sla_domain::ledger::LedgerKey;
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

/// All of them. Readers never wait for a forecast.
#[derive(Debug, Default)]
pub struct OutlookBoard {
    known: RwLock<HashMap<OutlookKey, Arc<KnownOutlook>>>,
}

impl OutlookBoard {
    /// The newest of one series.
    pub fn get(&self, key: &OutlookKey) -> Option<Arc<KnownOutlook>> {
        self.known
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(key)
            .cloned()
    }

    /// Replaces one.
    pub fn put(&self, key: OutlookKey, outlook: KnownOutlook) {
        self.known
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(key, Arc::new(outlook));
    }

    /// Forgets what `keep` refuses.
    pub fn retain(&self, keep: impl Fn(&OutlookKey) -> bool) {
        self.known
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .retain(|key, _| keep(key));
    }

    /// The status with the newest outlook of each series, and on the objective that of the series that breaks first.
    /// Without `whole` the fans and predicted points stay behind: an overview does not draw them.
    pub fn attach(&self, status: &Arc<pb::ObjectiveStatus>, whole: bool) -> Arc<pb::ObjectiveStatus> {
        let Some(objective) = status.objective.as_ref() else {
            return status.clone();
        };
        let Ok(id) = sla_domain::objective::ObjectiveId::new(objective.id.clone()) else {
            return status.clone();
        };
        let mut told = (**status).clone();
        for series in &mut told.series {
            let Some(fingerprint) = series.series.as_ref().and_then(convert::series_id) else {
                continue;
            };
            let key = OutlookKey {
                objective: id.clone(),
                generation: objective.generation,
                series: fingerprint,
            };
            if let Some(outlook) = self.get(&key) {
                series.outlook = Some(if whole {
                    outlook.message.clone()
                } else {
                    brief(&outlook.message)
                });
            }
        }
        told.outlook = told
            .series
            .iter()
            .filter_map(|series| series.outlook.as_ref())
            .min_by(|a, b| breaks_first(a, b))
            .map(brief);
        Arc::new(told)
    }
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
