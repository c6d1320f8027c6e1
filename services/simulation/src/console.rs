//! The two consoles: each edits sets as people do, and watches.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sla_proto::Peer;
use sla_proto::objective::v1::{AllowedRange, Objective, SlaSet};
use sla_proto::series::v1::{Query, query};
use sla_proto::set::v1::{CreateSetRequest, DeleteSetRequest, ListSetsRequest, UpdateSetRequest};
use sla_proto::violation::v1::watch_violations_response::Event;
use sla_proto::violation::v1::{ObjectiveStatus, WatchViolationsRequest};
use tokio::sync::RwLock;

use crate::book::{Book, Outcome, Wish};
use crate::bug::Bug;
use crate::clock::LifeClock;
use crate::dice::Dice;
use crate::report::Notes;
use crate::truth::NAMES;

/// Sets are made up to this number.
const MOST_SETS: usize = 5;
/// The bounds that editors choose from.
const BOUNDS: [f64; 4] = [70.0, 80.0, 97.0, 105.0];
/// A watcher that hears nothing for this long opens its stream anew.
const SILENCE: Duration = Duration::from_secs(15);
const PAUSE: Duration = Duration::from_secs(1);
/// With [`Bug::UpdateMissed`] one message in so many is missed.
const MISSED_EACH: u64 = 5;

/// What both editors share.
#[derive(Clone)]
pub(crate) struct Desk {
    pub(crate) book: Arc<Mutex<Book>>,
    /// Held for reading while an edit is under way, for writing by whoever looks at all.
    pub(crate) rest: Arc<RwLock<()>>,
    pub(crate) notes: Notes,
    pub(crate) clock: Arc<LifeClock>,
    pub(crate) bug: Option<Bug>,
    /// Whether objectives are forecast.
    pub(crate) forecasts: bool,
    /// World time after which nobody edits, Unix milliseconds.
    pub(crate) until_ms: i64,
}

impl Desk {
    pub(crate) fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One who edits, until dropped.
pub(crate) struct Editor {
    pub(crate) name: &'static str,
    pub(crate) peer: Peer,
    pub(crate) desk: Desk,
    pub(crate) dice: Dice,
}

impl Editor {
    pub(crate) async fn run(mut self) {
        loop {
            let pause = Duration::from_millis(300 + self.dice.below(9_000));
            tokio::time::sleep(pause).await;
            if self.desk.clock.world_ms() > self.desk.until_ms {
                return std::future::pending().await;
            }
            let Ok(listed) = self.peer.sets().list_sets(ListSetsRequest::default()).await else {
                continue;
            };
            let sets = listed.into_inner().sets;
            let Some(wish) = self.wish(&sets) else { continue };
            // What was read grows old while one thinks: the other may save meanwhile.
            let thought = Duration::from_millis(self.dice.below(6_000));
            tokio::time::sleep(thought).await;
            self.save(wish).await;
        }
    }

    fn wish(&mut self, sets: &[SlaSet]) -> Option<Wish> {
        let chance = self.dice.below(100);
        if sets.len() < 2 || (chance < 20 && sets.len() < MOST_SETS) {
            let name = format!("{} {}", self.name, self.dice.below(1_000_000));
            let objectives = (0..=self.dice.below(2)).map(|at| self.objective(at)).collect();
            return Some(Wish::Create(SlaSet {
                name,
                objectives,
                active: true,
                ..SlaSet::default()
            }));
        }
        let mut set = sets.get(self.dice.below(sets.len() as u64) as usize)?.clone();
        if chance > 92 {
            return Some(Wish::Delete {
                id: set.id,
                version: set.version,
            });
        }
        if chance > 84 {
            set.active = !set.active;
        } else if chance > 60 && set.objectives.len() < 3 {
            let at = 10 + self.dice.below(1_000);
            set.objectives.push(self.objective(at));
        } else {
            let bound = self.bound();
            let at = self.dice.below(set.objectives.len() as u64) as usize;
            set.objectives.get_mut(at)?.range.as_mut()?.max = Some(bound);
        }
        Some(Wish::Update(set))
    }

    fn bound(&mut self) -> f64 {
        BOUNDS[self.dice.below(BOUNDS.len() as u64) as usize]
    }

    fn objective(&mut self, at: u64) -> Objective {
        let name = NAMES[self.dice.below(NAMES.len() as u64) as usize];
        Objective {
            name: format!("{name} {at}"),
            query: Some(Query {
                query: Some(query::Query::Selector(name.to_owned())),
                ..Query::default()
            }),
            range: Some(AllowedRange {
                max: Some(self.bound()),
                ..AllowedRange::default()
            }),
            no_forecast: !self.desk.forecasts,
            ..Objective::default()
        }
    }

    async fn save(&self, mut wish: Wish) {
        let _edits = self.desk.rest.read().await;
        let number = self.desk.book().begin(wish.clone(), self.desk.clock.world_ms());
        if self.desk.bug == Some(Bug::LastWriterWins) {
            self.catch_up(&mut wish).await;
        }
        let (what, outcome) = self.call(wish).await;
        let now_ms = self.desk.clock.world_ms();
        let told = match &outcome {
            Ok(_) => "done".to_owned(),
            Err(status) => format!("{:?}", status.code()),
        };
        self.desk.notes.line(now_ms, &format!("{} {what}: {told}", self.name));
        let outcome = outcome.map_or_else(|status| Outcome::of(&status), Outcome::Done);
        let settled = self.desk.book().settle(number, outcome, now_ms);
        if let Err(words) = settled {
            self.desk.notes.fail(now_ms, &words);
        }
    }

    async fn call(&self, wish: Wish) -> (String, Result<Option<SlaSet>, tonic::Status>) {
        match wish {
            Wish::Create(set) => {
                let what = format!("creates {}", set.name);
                let answer = self.peer.sets().create_set(CreateSetRequest { set: Some(set) }).await;
                (what, answer.map(|answer| answer.into_inner().set))
            }
            Wish::Update(set) => {
                let what = format!("changes {} at {}", set.name, set.version);
                let answer = self.peer.sets().update_set(UpdateSetRequest { set: Some(set) }).await;
                (what, answer.map(|answer| answer.into_inner().set))
            }
            Wish::Delete { id, version } => {
                let what = format!("deletes at {version}");
                let answer = self.peer.sets().delete_set(DeleteSetRequest { id, version }).await;
                (what, answer.map(|_| None))
            }
        }
    }

    /// The planted bug: whatever was read, the newest version is what is replaced, and the answer hides it.
    async fn catch_up(&self, wish: &mut Wish) {
        let Ok(listed) = self.peer.sets().list_sets(ListSetsRequest::default()).await else {
            return;
        };
        let sets = listed.into_inner().sets;
        match wish {
            Wish::Create(_) => {}
            Wish::Update(set) => {
                if let Some(now) = sets.iter().find(|now| now.id == set.id) {
                    set.version = now.version;
                }
            }
            Wish::Delete { id, version } => {
                if let Some(now) = sets.iter().find(|now| now.id == *id) {
                    *version = now.version;
                }
            }
        }
    }
}

/// What one watcher has on its screen: objectives by set and id.
pub(crate) type Screen = Arc<Mutex<BTreeMap<(String, String), ObjectiveStatus>>>;

/// One who watches, until dropped.
pub(crate) async fn watch(peer: Peer, screen: Screen, bug: Option<Bug>) {
    loop {
        // It ends with an error, or in silence.
        let _ = follow(&peer, &screen, bug).await;
        tokio::time::sleep(PAUSE).await;
    }
}

async fn follow(peer: &Peer, screen: &Screen, bug: Option<Bug>) -> Result<(), tonic::Status> {
    let request = WatchViolationsRequest::default();
    let mut stream = peer.violations().watch_violations(request).await?.into_inner();
    let mut messages = 0_u64;
    loop {
        let Ok(message) = tokio::time::timeout(SILENCE, stream.message()).await else {
            return Ok(());
        };
        let Some(message) = message? else { return Ok(()) };
        messages += 1;
        if bug == Some(Bug::UpdateMissed) && messages.is_multiple_of(MISSED_EACH) {
            continue;
        }
        let mut shown = screen.lock().unwrap_or_else(PoisonError::into_inner);
        let changed = match message.event {
            Some(Event::Snapshot(overview)) => {
                shown.clear();
                overview.objectives
            }
            Some(Event::Update(update)) => update.objectives,
            _ => continue,
        };
        for status in changed {
            let id = status
                .objective
                .as_ref()
                .map(|objective| objective.id.clone())
                .unwrap_or_default();
            shown.insert((status.set_id.clone(), id), status);
        }
    }
}
