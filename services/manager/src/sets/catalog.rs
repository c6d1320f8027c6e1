//! The stored sets as this role knows them, and how to find one.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use sla_domain::objective::{CounterMode, Objective, ObjectiveId};
use sla_domain::safe_text::SafeText;
use sla_domain::set::SetId;
use sla_proto::objective::v1 as pb;
use sla_proto::series::v1 as series_pb;
use sla_proto::stored_sets::{Refreshed, StoredSets};
use sla_proto::violation::v1::ObjectiveStatus;
use sla_proto::{Peer, convert};
use tokio::sync::{Mutex, watch};
use tokio::time::Instant;

use crate::error::SlaError;
use crate::samples::wanted::{QueryKey, Wanted};
use crate::sets::plan;

/// How long until the second attempt to read the sets; each further pause is twice as long …
pub const FIRST_RETRY: Duration = Duration::from_millis(50);
/// … up to this.
pub const RETRY_EVERY: Duration = Duration::from_secs(2);
/// How long between reads of the sets when all is well: another process may have saved.
pub const REFRESH_EVERY: Duration = Duration::from_secs(30);

/// Rest after work on changed sets, in multiples of how long it took.
const REST: u32 = 4;

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
    /// Its name as names are compared.
    name_key: String,
}

/// Names are compared without regard to case and outer space, as the storage does.
fn name_key(name: &str) -> String {
    name.trim().to_lowercase()
}

impl KnownSet {
    /// One that this version cannot read as a whole keeps what it can.
    pub fn new(message: pb::SlaSet) -> Self {
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
        Self {
            name_key: name_key(&message.name),
            message,
            objectives,
        }
    }

    /// Where it stands in a list by name.
    pub fn place(&self) -> (&str, &str) {
        (&self.name_key, &self.message.id)
    }
}

/// What is judged: the objectives of the active sets.
#[derive(Debug, Default)]
pub struct Watched {
    /// Set by set.
    pub objectives: Vec<Arc<KnownObjective>>,
    /// Their queries, each once.
    pub wanted: Vec<Wanted>,
    by_id: HashMap<ObjectiveId, Arc<KnownObjective>>,
}

impl Watched {
    /// The objective with this id, if it is watched.
    pub fn get(&self, id: &ObjectiveId) -> Option<&Arc<KnownObjective>> {
        self.by_id.get(id)
    }

    /// The generation of a watched objective.
    pub fn generation(&self, id: &ObjectiveId) -> Option<u32> {
        self.get(id).map(|known| known.objective.generation)
    }
}

/// The queries of objectives, each once.
pub fn wanted(objectives: &[Arc<KnownObjective>]) -> Vec<Wanted> {
    let mut by_key = BTreeMap::new();
    for known in objectives {
        by_key.entry(&known.wanted.key).or_insert_with(|| known.wanted.clone());
    }
    by_key.into_values().collect()
}

/// All stored sets at one moment, by name.
#[derive(Debug, Default)]
pub struct Sets {
    /// By name.
    pub all: Vec<Arc<KnownSet>>,
    by_id: Vec<Arc<KnownSet>>,
    watched: OnceLock<Watched>,
}

impl Sets {
    /// Of these.
    pub fn new(mut all: Vec<Arc<KnownSet>>) -> Self {
        let mut by_id = all.clone();
        by_id.sort_by(|a, b| a.message.id.cmp(&b.message.id));
        all.sort_by(|a, b| a.place().cmp(&b.place()));
        Self {
            all,
            by_id,
            watched: OnceLock::new(),
        }
    }

    /// The same with those that were saved since.
    fn with(&self, saved: &[Arc<KnownSet>]) -> Self {
        let (mut all, mut by_id) = (self.all.clone(), self.by_id.clone());
        for set in saved {
            match by_id.binary_search_by(|known| known.message.id.cmp(&set.message.id)) {
                Ok(at) => {
                    let before = std::mem::replace(&mut by_id[at], set.clone());
                    if let Ok(at) = all.binary_search_by(|known| known.place().cmp(&before.place())) {
                        all.remove(at);
                    }
                }
                Err(at) => by_id.insert(at, set.clone()),
            }
            let at = all.partition_point(|known| known.place() < set.place());
            all.insert(at, set.clone());
        }
        Self {
            all,
            by_id,
            watched: OnceLock::new(),
        }
    }

    /// The set with this id or else this name; empty = the default set, or the first one where there is none of that id.
    pub fn find(&self, id_or_name: &str) -> Result<&KnownSet, SlaError> {
        let wanted = if id_or_name.is_empty() {
            SetId::DEFAULT
        } else {
            id_or_name
        };
        self.by_id(wanted)
            .or_else(|| self.by_name(wanted))
            .or_else(|| {
                let first = self.all.first().filter(|_| id_or_name.is_empty());
                first.map(Arc::as_ref)
            })
            .ok_or_else(|| SlaError::NotFound {
                what: "set",
                name: SafeText::new(wanted),
            })
    }

    /// The set with exactly this id.
    pub fn by_id(&self, id: &str) -> Option<&KnownSet> {
        let at = self.by_id.binary_search_by(|known| known.message.id.as_str().cmp(id));
        at.ok().map(|at| self.by_id[at].as_ref())
    }

    /// The set with this name, without regard to case.
    pub fn by_name(&self, name: &str) -> Option<&KnownSet> {
        let name = name_key(name);
        let at = self.all.partition_point(|known| known.name_key < name);
        let found = self.all.get(at).filter(|known| known.name_key == name);
        found.map(Arc::as_ref)
    }

    /// The objective that a status is about.
    pub fn known(&self, status: &ObjectiveStatus) -> Option<&Arc<KnownObjective>> {
        let id = status.objective.as_ref().map(|objective| objective.id.as_str())?;
        let objectives = &self.by_id(&status.set_id)?.objectives;
        objectives.iter().find(|known| known.objective.id.as_str() == id)
    }

    /// What is judged; looked together when it is asked for first.
    pub fn watched(&self) -> &Watched {
        self.watched.get_or_init(|| {
            let active = self.all.iter().filter(|set| set.message.active);
            let objectives: Vec<_> = active.flat_map(|set| set.objectives.iter().cloned()).collect();
            let named = objectives
                .iter()
                .map(|known| (known.objective.id.clone(), known.clone()));
            Watched {
                by_id: named.collect(),
                wanted: wanted(&objectives),
                objectives,
            }
        })
    }
}

/// The sets in memory; refreshed after every save and now and then.
#[derive(Debug, Clone)]
pub struct Catalog {
    peer: Peer,
    stored: Arc<Mutex<StoredSets<KnownSet>>>,
    known: Arc<watch::Sender<Option<Arc<Sets>>>>,
}

impl Catalog {
    /// Knows nothing yet.
    pub fn new(peer: Peer) -> Self {
        Self {
            peer,
            stored: Arc::new(Mutex::new(StoredSets::new(KnownSet::new))),
            known: Arc::new(watch::Sender::new(None)),
        }
    }

    /// Reads what was saved since.
    pub async fn refresh(&self) -> Result<Arc<Sets>, SlaError> {
        let mut stored = self.stored.lock().await;
        let refreshed = stored.refresh(&self.peer).await;
        let refreshed = refreshed.map_err(|status| SlaError::upstream("read the sets", status))?;
        let before = self.known.borrow().clone();
        let sets = match (refreshed, before) {
            (Refreshed::Same, Some(known)) => return Ok(known),
            (Refreshed::Saved(saved), Some(known)) => known.with(&saved),
            _ => Sets::new(stored.all().cloned().collect()),
        };
        let sets = Arc::new(sets);
        self.known.send_replace(Some(sets.clone()));
        Ok(sets)
    }

    /// What is known; an error before the store has answered for the first time.
    pub fn sets(&self) -> Result<Arc<Sets>, SlaError> {
        self.known.borrow().clone().ok_or(SlaError::SetsUnknown)
    }

    /// Tells of every change.
    pub fn changes(&self) -> Changes {
        Changes {
            known: self.known.subscribe(),
            rested: Instant::now(),
        }
    }
}

/// Tells of changes of the sets. Who saves a thousand sets one by one is not answered by a thousand rounds of work: after one there is
/// a rest that is longer than it was.
#[derive(Debug)]
pub struct Changes {
    known: watch::Receiver<Option<Arc<Sets>>>,
    rested: Instant,
}

impl Changes {
    /// Waits for a change; `false` at the end.
    pub async fn next(&mut self) -> bool {
        tokio::time::sleep_until(self.rested).await;
        self.known.changed().await.is_ok()
    }

    /// What was saved until now is no news any more.
    pub fn mark_unchanged(&mut self) {
        self.known.mark_unchanged();
    }

    /// Work on them that began at `begun` is done.
    pub fn rest(&mut self, begun: Instant) {
        self.rested = Instant::now() + begun.elapsed() * REST;
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

    fn known(messages: Vec<pb::SlaSet>) -> Sets {
        Sets::new(messages.into_iter().map(|set| Arc::new(KnownSet::new(set))).collect())
    }

    fn names(sets: &Sets) -> Vec<&str> {
        sets.all.iter().map(|set| set.message.name.as_str()).collect()
    }

    #[test]
    fn what_was_saved_takes_its_place_by_name() {
        let sets = known(vec![stored("a", "Web", true), stored("b", "Disk", true)]);
        let saved = [stored("c", "load", true), stored("a", "alpha", false)];
        let sets = sets.with(&saved.map(|set| Arc::new(KnownSet::new(set))));
        assert_eq!(names(&sets), ["alpha", "Disk", "load"]);
        assert!(sets.by_name("web").is_none(), "it has another name");
        assert_eq!(sets.by_name(" LOAD").unwrap().message.id, "c");
        let watched: Vec<_> = sets
            .watched()
            .objectives
            .iter()
            .map(|known| known.set_id.as_str())
            .collect();
        assert_eq!(watched, ["b", "c"]);
        assert_eq!(sets.watched().wanted.len(), 1, "both read the same");
    }

    #[test]
    fn sets_are_found_by_id_then_name() {
        let sets = known(vec![
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
        assert_eq!(sets.watched().objectives.len(), 2);
    }

    #[test]
    fn counters_are_judged_by_rate_unless_asked_otherwise() {
        let sets = known(vec![stored("a", "a", true)]);
        let mut known = (*sets.all[0].objectives[0]).clone();
        assert!(known.judges_rate(series_pb::SeriesKind::Counter));
        assert!(!known.judges_rate(series_pb::SeriesKind::Gauge));
        known.message.counter_mode = series_pb::CounterMode::Rate.into();
        assert!(known.judges_rate(series_pb::SeriesKind::Gauge));
        known.objective.counter = CounterMode::Raw;
        assert!(!known.judges_rate(series_pb::SeriesKind::Counter));
    }
}
