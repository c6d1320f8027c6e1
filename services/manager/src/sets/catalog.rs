//! The stored sets as this role knows them, and how to find one.

use std::sync::Arc;
use std::time::Duration;

use sla_domain::objective::{CounterMode, Objective};
use sla_domain::safe_text::SafeText;
use sla_domain::set::SetId;
use sla_proto::objective::v1 as pb;
use sla_proto::series::v1 as series_pb;
use sla_proto::storage::v1::ListStoredSetsRequest;
use sla_proto::violation::v1::ObjectiveStatus;
use sla_proto::{Peer, convert};
use tokio::sync::watch;

use crate::error::SlaError;
use crate::samples::wanted::{QueryKey, Wanted};
use crate::sets::plan;

/// How long until the second attempt to read the sets; each further pause is twice as long …
pub const FIRST_RETRY: Duration = Duration::from_millis(50);
/// … up to this.
pub const RETRY_EVERY: Duration = Duration::from_secs(2);
/// How long between reads of the sets when all is well: another process may have saved.
pub const REFRESH_EVERY: Duration = Duration::from_secs(30);

/// One objective of a stored set, or one that is stored nowhere.
#[derive(Debug, Clone)]
pub struct KnownObjective {
    /// The set's id; empty for one that is stored nowhere.
    pub set_id: String,
    /// The set's name.
    pub set_name: String,
    /// As the contract tells it.
    pub message: pb::Objective,
    /// As it is judged.
    pub objective: Objective,
    /// What it reads.
    pub wanted: Wanted,
}

impl KnownObjective {
    /// From a message that was checked.
    pub fn new(set_id: &str, set_name: &str, objective: Objective, asked: &pb::Objective) -> Self {
        let message = plan::objective_message(&objective, asked);
        let wanted = Wanted {
            key: QueryKey::new(&objective.source, &objective.query, objective.step_ms),
            query: objective.query.clone(),
            message: message.query.clone().unwrap_or_default(),
        };
        Self {
            set_id: set_id.to_owned(),
            set_name: set_name.to_owned(),
            message,
            objective,
            wanted,
        }
    }

    /// Whether a series of this kind is judged by its per-second rate.
    pub fn judges_rate(&self, kind: series_pb::SeriesKind) -> bool {
        match self.objective.counter {
            CounterMode::Raw => false,
            CounterMode::Rate { .. } => {
                self.message.counter_mode() == series_pb::CounterMode::Rate || kind == series_pb::SeriesKind::Counter
            }
        }
    }
}

/// One stored set.
#[derive(Debug, Clone)]
pub struct KnownSet {
    /// As it is stored.
    pub message: pb::SlaSet,
    /// Its objectives, in order. One that this version cannot read is left out and logged.
    pub objectives: Vec<Arc<KnownObjective>>,
}

impl KnownSet {
    fn new(message: pb::SlaSet) -> Self {
        let mut objectives = Vec::with_capacity(message.objectives.len());
        for asked in &message.objectives {
            match convert::objective(asked) {
                Ok(objective) => objectives.push(Arc::new(KnownObjective::new(
                    &message.id,
                    &message.name,
                    objective,
                    asked,
                ))),
                Err(problems) => tracing::error!(
                    set = %SafeText::new(&message.name),
                    objective = %SafeText::new(&asked.name),
                    error = %problems.first().map(ToString::to_string).unwrap_or_default(),
                    "a stored objective cannot be read and is not evaluated"
                ),
            }
        }
        Self { message, objectives }
    }
}

/// All stored sets at one moment, by name.
#[derive(Debug, Clone, Default)]
pub struct Sets {
    /// By name.
    pub all: Vec<KnownSet>,
}

impl Sets {
    /// From the store's answer.
    pub fn new(mut messages: Vec<pb::SlaSet>) -> Self {
        messages.sort_by(|a, b| (a.name.to_lowercase(), &a.id).cmp(&(b.name.to_lowercase(), &b.id)));
        Self {
            all: messages.into_iter().map(KnownSet::new).collect(),
        }
    }

    /// The set with this id or else this name (case counts less than an exact match); empty = the default set, or the
    /// first one where there is none of that id.
    pub fn find(&self, id_or_name: &str) -> Result<&KnownSet, SlaError> {
        let wanted = if id_or_name.is_empty() {
            SetId::DEFAULT
        } else {
            id_or_name
        };
        let lower = wanted.to_lowercase();
        self.all
            .iter()
            .find(|set| set.message.id == wanted)
            .or_else(|| self.all.iter().find(|set| set.message.name == wanted))
            .or_else(|| self.all.iter().find(|set| set.message.name.to_lowercase() == lower))
            .or_else(|| if id_or_name.is_empty() { self.all.first() } else { None })
            .ok_or_else(|| SlaError::NotFound {
                what: "set",
                name: SafeText::new(wanted),
            })
    }

    /// The set with exactly this id.
    pub fn by_id(&self, id: &str) -> Option<&KnownSet> {
        self.all.iter().find(|set| set.message.id == id)
    }

    /// The set with this name, without regard to case.
    pub fn by_name(&self, name: &str) -> Option<&KnownSet> {
        let name = name.to_lowercase();
        self.all.iter().find(|set| set.message.name.to_lowercase() == name)
    }

    /// The objective that a status is about.
    pub fn known(&self, status: &ObjectiveStatus) -> Option<&Arc<KnownObjective>> {
        let id = status.objective.as_ref().map(|objective| objective.id.as_str())?;
        let objectives = &self.by_id(&status.set_id)?.objectives;
        objectives.iter().find(|known| known.objective.id.as_str() == id)
    }

    /// Every objective of every active set.
    pub fn active(&self) -> Vec<Arc<KnownObjective>> {
        self.all
            .iter()
            .filter(|set| set.message.active)
            .flat_map(|set| set.objectives.iter().cloned())
            .collect()
    }
}

/// The sets in memory; refreshed after every save and now and then.
#[derive(Debug, Clone)]
pub struct Catalog {
    peer: Peer,
    known: Arc<watch::Sender<Option<Arc<Sets>>>>,
}

impl Catalog {
    /// Knows nothing yet.
    pub fn new(peer: Peer) -> Self {
        Self {
            peer,
            known: Arc::new(watch::Sender::new(None)),
        }
    }

    /// Reads the store.
    pub async fn refresh(&self) -> Result<Arc<Sets>, SlaError> {
        let answer = self
            .peer
            .set_store()
            .list_stored_sets(ListStoredSetsRequest {})
            .await
            .map_err(|status| SlaError::upstream("read the sets", status))?;
        let sets = Arc::new(Sets::new(answer.into_inner().sets));
        self.known.send_if_modified(|known| {
            let same = known.as_ref().is_some_and(|known| {
                known.all.len() == sets.all.len()
                    && known.all.iter().zip(&sets.all).all(|(a, b)| a.message == b.message)
            });
            if !same {
                *known = Some(sets.clone());
            }
            !same
        });
        Ok(sets)
    }

    /// What is known; an error before the store has answered for the first time.
    pub fn sets(&self) -> Result<Arc<Sets>, SlaError> {
        self.known.borrow().clone().ok_or(SlaError::SetsUnknown)
    }

    /// Tells of every change.
    pub fn changes(&self) -> watch::Receiver<Option<Arc<Sets>>> {
        self.known.subscribe()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(id: &str, name: &str, active: bool) -> pb::SlaSet {
        pb::SlaSet {
            id: id.into(),
            name: name.into(),
            active,
            objectives: vec![pb::Objective {
                id: format!("{id}-o"),
                name: "Up".into(),
                query: Some(series_pb::Query {
                    query: Some(series_pb::query::Query::Selector("up".into())),
                    step_ms: 0,
                    source: String::new(),
                }),
                range: Some(pb::AllowedRange {
                    min: Some(1.0),
                    ..pb::AllowedRange::default()
                }),
                ..pb::Objective::default()
            }],
            ..pb::SlaSet::default()
        }
    }

    #[test]
    fn sets_are_found_by_id_then_name() {
        let sets = Sets::new(vec![
            stored("b", "Web", true),
            stored("a", "b", true),
            stored("c", "db", false),
        ]);
        assert_eq!(
            sets.find("b").unwrap().message.id,
            "b",
            "the id wins over another set's name"
        );
        assert_eq!(sets.find("WEB").unwrap().message.id, "b");
        assert_eq!(
            sets.find("").unwrap().message.id,
            "a",
            "no default set: the first by name"
        );
        assert!(matches!(sets.find("zzz"), Err(SlaError::NotFound { what: "set", .. })));
        assert_eq!(sets.active().len(), 2);
    }

    #[test]
    fn counters_are_judged_by_rate_unless_asked_otherwise() {
        let sets = Sets::new(vec![stored("a", "a", true)]);
        let mut known = (*sets.all[0].objectives[0]).clone();
        assert!(known.judges_rate(series_pb::SeriesKind::Counter));
        assert!(!known.judges_rate(series_pb::SeriesKind::Gauge));
        known.message.counter_mode = series_pb::CounterMode::Rate.into();
        assert!(known.judges_rate(series_pb::SeriesKind::Gauge));
        known.objective.counter = CounterMode::Raw;
        assert!(!known.judges_rate(series_pb::SeriesKind::Counter));
    }
}
