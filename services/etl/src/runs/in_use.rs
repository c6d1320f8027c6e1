//! What the active sets ask for, kept from run to run: of ten thousand sets only those that were saved since are read again.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use sla_proto::objective::v1::SlaSet;
use sla_proto::series::v1::Query;
use sla_proto::stored_sets::StoredSets;
use sla_proto::{Peer, convert};
use tokio::sync::Mutex;

use crate::error::EtlError;
use crate::query::SourcedQuery;

/// Most queries one run may consist of: all objectives of all sets, or the failed series of another run.
pub const MAX_RUN_QUERIES: usize = 20_000;

/// One query of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScopedQuery {
    /// What to read, and where.
    pub asked: SourcedQuery,
    /// Whether its series are forecast: not when every objective that asks for it has forecasting off.
    pub forecast: bool,
}

/// One set: what it asks for, and whether that is forecast. An inactive one asks for nothing.
#[derive(Debug)]
struct Asking {
    /// Runs go through sets by name.
    name_key: String,
    queries: Vec<(Query, bool)>,
}

impl Asking {
    fn new(set: SlaSet) -> Self {
        let objectives = set.objectives.into_iter().filter(|_| set.active);
        Self {
            name_key: set.name.to_lowercase(),
            queries: objectives
                .filter_map(|one| Some((one.query?, !one.no_forecast)))
                .collect(),
        }
    }
}

/// The way to the sets in use. Cheap to clone.
#[derive(Debug, Clone)]
pub struct SetsInUse {
    /// The storage.
    pub peer: Peer,
    stored: Arc<Mutex<StoredSets<Asking>>>,
}

impl SetsInUse {
    /// Nothing is read yet.
    pub fn new(peer: Peer) -> Self {
        let stored = Arc::new(Mutex::new(StoredSets::new(Asking::new)));
        Self { peer, stored }
    }

    /// Whether any set asks for anything now.
    pub async fn ask_for_something(&self) -> bool {
        let mut stored = self.stored.lock().await;
        stored.refresh(&self.peer).await.is_ok() && stored.all().any(|set| !set.queries.is_empty())
    }

    /// What they ask for now, each once. Queries that no longer parse are left out: they were checked when they were saved, and the
    /// evaluation reports them.
    pub async fn queries(&self) -> Result<Vec<ScopedQuery>, EtlError> {
        let sets = {
            let mut stored = self.stored.lock().await;
            let refreshed = stored.refresh(&self.peer).await;
            refreshed.map_err(|status| EtlError::storage("list the sets", status))?;
            stored.by_id().clone()
        };
        let mut sets: Vec<&Asking> = sets.values().map(Arc::as_ref).collect();
        sets.sort_by(|a, b| a.name_key.cmp(&b.name_key));
        Ok(each_once(&sets))
    }
}

fn each_once(sets: &[&Asking]) -> Vec<ScopedQuery> {
    // Thousands of objectives may ask for the same: each text is read once.
    let mut places: HashMap<(&str, &str, i64), usize> = HashMap::new();
    let mut asked: Vec<(&Query, bool)> = Vec::new();
    for (query, forecast) in sets.iter().flat_map(|set| &set.queries) {
        let key = (query.source.as_str(), convert::query_text(query), query.step_ms);
        match places.entry(key) {
            Entry::Occupied(place) => asked[*place.get()].1 |= forecast,
            Entry::Vacant(place) => {
                place.insert(asked.len());
                asked.push((query, *forecast));
            }
        }
    }
    let mut found = Vec::new();
    for (query, forecast) in asked {
        if let Ok(query) = SourcedQuery::parse("query", query) {
            add(&mut found, query, forecast);
        }
    }
    found
}

/// Puts a query to the others unless it is there.
pub fn add(found: &mut Vec<ScopedQuery>, asked: SourcedQuery, forecast: bool) {
    if let Some(there) = found.iter_mut().find(|there| there.asked == asked) {
        there.forecast |= forecast;
    } else if found.len() < MAX_RUN_QUERIES {
        found.push(ScopedQuery { asked, forecast });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sla_proto::objective::v1::Objective;
    use sla_proto::series::v1::query;

    fn objective(text: &str, no_forecast: bool) -> Objective {
        let query = Query {
            query: Some(query::Query::Selector(text.into())),
            ..Query::default()
        };
        Objective {
            query: Some(query),
            no_forecast,
            ..Objective::default()
        }
    }

    #[test]
    fn sets_in_use_give_each_query_once() {
        let set = |active: bool, objectives: Vec<Objective>| {
            Asking::new(SlaSet {
                active,
                objectives,
                ..SlaSet::default()
            })
        };
        let several = vec![
            objective("up", true),
            objective("a{x='1'}", true),
            objective("up{", false),
        ];
        let sets = [
            set(true, several),
            set(true, vec![objective(" up ", false)]),
            set(false, vec![objective("sleeping", false)]),
        ];
        let found = each_once(&sets.iter().collect::<Vec<_>>());
        let seen: Vec<_> = found.iter().map(|q| (q.asked.query.text(), q.forecast)).collect();
        assert_eq!(seen, [("up", true), ("a{x=\"1\"}", false)]);
    }
}
