//! The spacing of each series of each objective, fixed at first sight and stored: how long a sample holds must not change
//! under the reader, whoever restarts (semantics §2). A new generation looks again.

use std::collections::{HashMap, HashSet};
use std::sync::{PoisonError, RwLock};

use sla_domain::SeriesId;
use sla_domain::ledger::LedgerKey;
use sla_domain::objective::ObjectiveId;
use sla_proto::Peer;
use sla_proto::convert::timestamp;
use sla_proto::storage::v1::{GetModelsRequest, Model, PutModelsRequest};

use crate::error::SlaError;
use crate::evaluation::judge::spacing_ms;
use crate::options::MAX_LEDGER_ROWS_PER_WRITE;
use crate::samples::memory::HeldSeries;
use crate::sets::catalog::KnownObjective;

/// Fewer samples say too little to fix anything.
const MIN_SAMPLES: usize = 10;
/// Series of one request.
const SERIES_PER_REQUEST: usize = 1_000;

#[derive(Debug, Default)]
struct Fixed {
    by_key: HashMap<LedgerKey, i64>,
    loaded: HashSet<(ObjectiveId, u32)>,
    unsaved: HashSet<LedgerKey>,
}

/// All fixed spacings.
#[derive(Debug, Default)]
pub struct Spacings(RwLock<Fixed>);

impl Spacings {
    /// Reads what is stored about an objective, once. `false` while the store does not answer: nothing is fixed then.
    pub async fn load(&self, peer: &Peer, known: &KnownObjective, series: &[HeldSeries]) -> bool {
        let objective = &known.objective;
        let name = (objective.id.clone(), objective.generation);
        if self
            .0
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .loaded
            .contains(&name)
        {
            return true;
        }
        let mut found = Vec::new();
        for part in series.chunks(SERIES_PER_REQUEST) {
            let request = GetModelsRequest {
                kind: kind(&objective.id, objective.generation),
                series_ids: part.iter().map(|held| held.id.0.to_vec()).collect(),
            };
            match peer.ledger().get_models(request).await {
                Ok(answer) => found.extend(answer.into_inner().models),
                Err(_) => return false,
            }
        }
        let mut fixed = self.0.write().unwrap_or_else(PoisonError::into_inner);
        for model in found {
            if let (Some(id), [spacing, ..]) = (SeriesId::from_slice(&model.series_id), model.numbers.as_slice())
                && *spacing >= 1.0
            {
                fixed.by_key.insert(LedgerKey::new(objective, id), *spacing as i64);
            }
        }
        // An objective without series yet is asked about again when it has some.
        if !series.is_empty() {
            fixed.loaded.insert(name);
        }
        true
    }

    /// Gives each series its fixed spacing. What is seen for the first time is fixed now, if `may_fix`.
    pub fn apply(&self, known: &KnownObjective, series: &mut [HeldSeries], may_fix: bool) {
        for held in series {
            let key = LedgerKey::new(&known.objective, held.id);
            let fixed = self
                .0
                .read()
                .unwrap_or_else(PoisonError::into_inner)
                .by_key
                .get(&key)
                .copied();
            if let Some(spacing) = fixed {
                held.spacing_ms = spacing;
            } else if may_fix && held.samples.len() >= MIN_SAMPLES {
                let mut fixed = self.0.write().unwrap_or_else(PoisonError::into_inner);
                fixed.by_key.insert(key.clone(), spacing_ms(held));
                fixed.unsaved.insert(key);
            }
        }
    }

    /// Stores what was fixed since the last time; tried again later when that fails.
    pub async fn save(&self, peer: &Peer, at_ms: i64) -> Result<(), SlaError> {
        let rows: Vec<(LedgerKey, i64)> = {
            let fixed = self.0.read().unwrap_or_else(PoisonError::into_inner);
            let spacing = |key: &LedgerKey| Some((key.clone(), *fixed.by_key.get(key)?));
            fixed.unsaved.iter().filter_map(spacing).collect()
        };
        for part in rows.chunks(MAX_LEDGER_ROWS_PER_WRITE) {
            let models = part
                .iter()
                .map(|(key, spacing)| Model {
                    kind: kind(&key.objective, key.generation),
                    series_id: key.series.0.to_vec(),
                    numbers: vec![*spacing as f64],
                    learned: Some(timestamp(at_ms)),
                })
                .collect();
            peer.ledger()
                .put_models(PutModelsRequest { models })
                .await
                .map_err(|status| SlaError::upstream("store the spacing of series", status))?;
            let mut fixed = self.0.write().unwrap_or_else(PoisonError::into_inner);
            for (key, _) in part {
                fixed.unsaved.remove(key);
            }
        }
        Ok(())
    }

    /// Forgets objectives and generations that are active no more; what is stored stays.
    pub fn retain(&self, is_active: impl Fn(&ObjectiveId, u32) -> bool) {
        let mut fixed = self.0.write().unwrap_or_else(PoisonError::into_inner);
        fixed.by_key.retain(|key, _| is_active(&key.objective, key.generation));
        fixed.unsaved.retain(|key| is_active(&key.objective, key.generation));
        fixed.loaded.retain(|(id, generation)| is_active(id, *generation));
    }
}

fn kind(objective: &ObjectiveId, generation: u32) -> String {
    format!("spacing/{objective}/{generation}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluation::judge::tests::{held, known};
    use sla_domain::range::AllowedRange;
    use sla_proto::series::v1::SeriesKind;

    #[test]
    fn the_first_sight_counts_whatever_the_source_says_later() {
        let known = known("x", AllowedRange::at_most(1.0).unwrap());
        let points: Vec<(i64, f64)> = (0..20).map(|i| (i * 15_000, 0.0)).collect();
        let first = held("x", "a", SeriesKind::Gauge, 15_000, &points);
        let spacings = Spacings::default();
        spacings.apply(&known, &mut [first.clone()], true);
        let mut later = [HeldSeries {
            spacing_ms: 60_000,
            ..first.clone()
        }];
        spacings.apply(&known, &mut later, true);
        assert_eq!(later[0].spacing_ms, 15_000);
        let mut next = (*known).clone();
        next.objective.generation = 2;
        let mut again = [HeldSeries {
            spacing_ms: 60_000,
            ..first
        }];
        spacings.apply(&next, &mut again, true);
        assert_eq!(again[0].spacing_ms, 60_000, "a new generation looks again");
        spacings.retain(|_, generation| generation == 2);
        spacings.apply(&known, &mut again, false);
        assert_eq!(again[0].spacing_ms, 60_000);
    }

    #[test]
    fn a_handful_of_samples_fixes_nothing() {
        let known = known("x", AllowedRange::at_most(1.0).unwrap());
        let young = held("x", "a", SeriesKind::Gauge, 1_000, &[(0, 1.0), (1_000, 1.0)]);
        let spacings = Spacings::default();
        spacings.apply(&known, &mut [young.clone()], true);
        let mut later = [HeldSeries {
            spacing_ms: 15_000,
            ..young
        }];
        spacings.apply(&known, &mut later, false);
        assert_eq!(later[0].spacing_ms, 15_000);
    }
}
