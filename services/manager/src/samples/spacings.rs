//! The spacing of each series of each objective, fixed at first sight and stored: how long a sample holds must not change
//! under the reader, whoever restarts (semantics §2). A new generation looks again.

use std::collections::{HashMap, HashSet};
use std::sync::{PoisonError, RwLock};

use sla_domain::SeriesId;
use sla_domain::ledger::LedgerKey;
use sla_domain::objective::{Objective, ObjectiveId};
use sla_domain::spacing::ENOUGH_SAMPLES;
use sla_proto::convert::timestamp;
use sla_proto::remembering::{body_of, numbers_of};
use sla_proto::storage::v1::StateEntry;
use sla_proto::{Peer, remembering};

use crate::error::SlaError;
use crate::evaluation::judge::spacing_ms;
use crate::samples::series::{HeldSeries, SeriesMemory};
use crate::sets::catalog::KnownObjective;

#[derive(Debug, Default)]
struct Fixed {
    by_key: HashMap<LedgerKey, i64>,
    /// Objectives of which what is stored is known, and of which generation.
    loaded: HashMap<ObjectiveId, u32>,
    unsaved: HashSet<LedgerKey>,
}

/// All fixed spacings.
#[derive(Debug, Default)]
pub struct Spacings(RwLock<Fixed>);

impl Spacings {
    /// Whether what is stored about an objective is known.
    pub fn is_loaded(&self, objective: &Objective) -> bool {
        let fixed = self.0.read().unwrap_or_else(PoisonError::into_inner);
        fixed.loaded.get(&objective.id) == Some(&objective.generation)
    }

    /// Reads what is stored about an objective. `false` while the store does not answer: nothing is fixed then.
    pub async fn load(&self, peer: &Peer, known: &KnownObjective, series: &[SeriesId]) -> bool {
        let objective = &known.objective;
        let named: HashMap<String, SeriesId> = series.iter().map(|&id| (item(objective.generation, id), id)).collect();
        let keys: Vec<String> = named.keys().cloned().collect();
        let Ok(found) = remembering::recall(peer, objective.id.as_str(), &keys).await else {
            return false;
        };
        let mut fixed = self.0.write().unwrap_or_else(PoisonError::into_inner);
        for entry in found {
            if let (Some(id), [spacing, ..]) = (named.get(&entry.key), numbers_of(&entry.body).as_slice())
                && *spacing >= 1.0
            {
                fixed.by_key.insert(LedgerKey::new(objective, *id), *spacing as i64);
            }
        }
        // An objective without series yet is asked about again when it has some.
        if !series.is_empty() {
            fixed.loaded.insert(objective.id.clone(), objective.generation);
        }
        true
    }

    /// The fixed spacing of a series, milliseconds.
    pub fn of(&self, known: &KnownObjective, id: SeriesId) -> Option<i64> {
        let key = LedgerKey::new(&known.objective, id);
        let fixed = self.0.read().unwrap_or_else(PoisonError::into_inner);
        fixed.by_key.get(&key).copied()
    }

    /// The spacing of a series under an objective, milliseconds, and whether it is fixed. What is seen for the first time
    /// is fixed now, if `may_fix`.
    pub fn see(&self, known: &KnownObjective, series: &SeriesMemory, may_fix: bool) -> (i64, bool) {
        if let Some(fixed) = self.of(known, series.head.id) {
            return (fixed, true);
        }
        let spacing = match series.spacing_ms {
            told if told > 0 => told,
            _ => spacing_ms(&series.held()),
        };
        let fixes = may_fix && series.len() >= ENOUGH_SAMPLES;
        if fixes {
            let key = LedgerKey::new(&known.objective, series.head.id);
            let mut fixed = self.0.write().unwrap_or_else(PoisonError::into_inner);
            fixed.by_key.insert(key.clone(), spacing);
            fixed.unsaved.insert(key);
        }
        (spacing, fixes)
    }

    /// Gives each series its fixed spacing, where it has one.
    pub fn apply(&self, known: &KnownObjective, series: &mut [HeldSeries]) {
        for held in series {
            if let Some(spacing) = self.of(known, held.head.id) {
                held.spacing_ms = spacing;
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
        let entries = rows.iter().map(|(key, spacing)| StateEntry {
            objective_id: key.objective.as_str().to_owned(),
            key: item(key.generation, key.series),
            body: body_of(&[*spacing as f64]),
            written: Some(timestamp(at_ms)),
            // As long as the objective: history must not change under its reader.
            keep_days: 0,
        });
        remembering::remember(peer, entries)
            .await
            .map_err(|status| SlaError::upstream("store the spacing of series", status))?;
        let mut fixed = self.0.write().unwrap_or_else(PoisonError::into_inner);
        for (key, _) in &rows {
            fixed.unsaved.remove(key);
        }
        Ok(())
    }

    /// Forgets objectives and generations that are active no more; what is stored stays.
    pub fn retain(&self, is_active: impl Fn(&ObjectiveId, u32) -> bool) {
        let mut fixed = self.0.write().unwrap_or_else(PoisonError::into_inner);
        fixed.by_key.retain(|key, _| is_active(&key.objective, key.generation));
        fixed.unsaved.retain(|key| is_active(&key.objective, key.generation));
        fixed.loaded.retain(|id, generation| is_active(id, *generation));
    }
}

/// The name under which the storage keeps it.
fn item(generation: u32, series: SeriesId) -> String {
    format!("spacing/{generation}/{}", series.to_hex())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluation::judge::tests::known;
    use crate::samples::series::tests::head;
    use sla_domain::Samples;
    use sla_domain::range::AllowedRange;
    use sla_proto::series::v1::SeriesKind;

    fn series(spacing_ms: i64, count: i64) -> SeriesMemory {
        let times: Vec<i64> = (0..count).map(|i| i * 15_000).collect();
        let samples = Samples::from_columns(times, vec![0.0; count as usize]);
        SeriesMemory::new(head("x", "a", SeriesKind::Gauge), spacing_ms, samples)
    }

    #[test]
    fn the_first_sight_counts_whatever_the_source_says_later() {
        let known = known("x", AllowedRange::at_most(1.0).unwrap());
        let spacings = Spacings::default();
        assert_eq!(spacings.see(&known, &series(15_000, 20), true), (15_000, true));
        let later = series(60_000, 20);
        assert_eq!(spacings.see(&known, &later, true), (15_000, true));
        let mut held = [later.held()];
        spacings.apply(&known, &mut held);
        assert_eq!(held[0].spacing_ms, 15_000);
        let mut next = (*known).clone();
        next.objective.generation = 2;
        assert_eq!(
            spacings.see(&next, &later, true),
            (60_000, true),
            "a new generation looks again"
        );
        spacings.retain(|_, generation| generation == 2);
        assert_eq!(spacings.see(&known, &later, false), (60_000, false));
    }

    #[test]
    fn a_handful_of_samples_fixes_nothing() {
        let known = known("x", AllowedRange::at_most(1.0).unwrap());
        let spacings = Spacings::default();
        assert_eq!(spacings.see(&known, &series(1_000, 2), true), (1_000, false));
        assert_eq!(
            spacings.see(&known, &series(0, 9), true),
            (15_000, false),
            "from the samples at hand"
        );
        assert_eq!(spacings.of(&known, series(0, 2).head.id), None);
    }
}
