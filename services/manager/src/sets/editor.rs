//! Saving sets: everything is checked before anything is written, and a write is whole or not at all.

use std::sync::Arc;

use sla_domain::Clock;
use sla_domain::invalid::Invalid;
use sla_domain::safe_text::SafeText;
use sla_proto::objective::v1 as pb;
use sla_proto::set::v1::PlannedChange;
use sla_proto::storage::v1::{DeleteStoredSetRequest, PutStoredSetRequest, PutStoredSetsRequest};
use sla_proto::{Peer, convert};
use tokio::sync::{Semaphore, SemaphorePermit};
use tonic::Code;

use crate::error::SlaError;
use crate::options::MAX_SETS_AT_ONCE;
use crate::sets::catalog::{Catalog, Sets};
use crate::sets::identity::Identities;
use crate::sets::plan::{self, PlannedSave};
use crate::sets::room::Room;
use crate::sets::sight::Asker;
use crate::sets::validation::{self, Checked};

const CANNOT_SAVE: &str = "the set cannot be saved";

/// A set as it was saved.
#[derive(Debug, Clone)]
pub struct SavedSet {
    /// With its new version.
    pub set: pb::SlaSet,
    /// What did not keep it from being saved.
    pub warnings: Vec<Invalid>,
}

/// What an apply did, or would do.
#[derive(Debug, Clone)]
pub struct AppliedSets {
    /// Change by change.
    pub plan: Vec<PlannedChange>,
    /// What did not keep the sets from being saved.
    pub warnings: Vec<Invalid>,
}

/// The one that saves.
pub struct Editor {
    peer: Peer,
    catalog: Catalog,
    ids: Identities,
    clock: Arc<dyn Clock>,
    room: Room,
    /// One save at a time: two new sets of one name must not pass the check together.
    turn: Semaphore,
}

impl std::fmt::Debug for Editor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Editor").finish_non_exhaustive()
    }
}

impl Editor {
    /// Saves through `peer`, keeps `catalog` fresh and names what is new by `ids`.
    pub fn new(peer: Peer, catalog: Catalog, clock: Arc<dyn Clock>, ids: Identities, room: Room) -> Self {
        Self {
            peer,
            catalog,
            ids,
            clock,
            room,
            turn: Semaphore::new(1),
        }
    }

    async fn turn(&self) -> Result<SemaphorePermit<'_>, SlaError> {
        self.turn.acquire().await.map_err(|_| SlaError::Closing)
    }

    /// A new set.
    pub async fn create(&self, mut wanted: pb::SlaSet, asker: &Asker) -> Result<SavedSet, SlaError> {
        let _turn = self.turn().await?;
        let sets = self.catalog.refresh().await?;
        wanted.owner = asker.owner_of(&wanted.owner);
        let (save, warnings) = self.check(&sets, None, &wanted).await?;
        let set = self.put(save, 0, asker.name()).await?;
        Ok(SavedSet { set, warnings })
    }

    /// A stored set with its id and the version that was read.
    pub async fn update(&self, mut wanted: pb::SlaSet, asker: &Asker) -> Result<SavedSet, SlaError> {
        let _turn = self.turn().await?;
        let sets = self.catalog.refresh().await?;
        let stored = sets
            .by_id(&wanted.id)
            .ok_or_else(|| not_found(&wanted.id))?
            .message
            .clone();
        asker.check_change(&stored)?;
        wanted.owner.clone_from(&stored.owner);
        if stored.version != wanted.version {
            return Err(self.stale(&stored, &wanted));
        }
        let (save, warnings) = self.check(&sets, Some(&stored), &wanted).await?;
        match self.put(save, stored.version, asker.name()).await {
            Err(SlaError::Upstream { status, .. }) if status.code() == Code::Aborted => {
                // Somebody was faster between our reading and our writing.
                let sets = self.catalog.refresh().await?;
                let stored = sets
                    .by_id(&wanted.id)
                    .ok_or_else(|| not_found(&wanted.id))?
                    .message
                    .clone();
                Err(self.stale(&stored, &wanted))
            }
            other => other.map(|set| SavedSet { set, warnings }),
        }
    }

    /// Deletes a set; its ledger stays, marked retired.
    pub async fn delete(&self, id: &str, version: u64, asker: &Asker) -> Result<(), SlaError> {
        let _turn = self.turn().await?;
        let sets = self.catalog.refresh().await?;
        let stored = sets.by_id(id).ok_or_else(|| not_found(id))?.message.clone();
        asker.check_change(&stored)?;
        if stored.version != version {
            return Err(SlaError::StaleVersion {
                name: SafeText::new(&stored.name),
                read: version,
                stored: stored.version,
                author: SafeText::new(&stored.author),
                differences: Vec::new(),
                stored_set: Box::new(stored),
            });
        }
        self.peer
            .set_store()
            .delete_stored_set(DeleteStoredSetRequest {
                id: id.to_owned(),
                expected_version: version,
                author: asker.name().to_owned(),
            })
            .await
            .map_err(|status| SlaError::upstream("delete the set", status))?;
        self.refresh_quietly().await;
        Ok(())
    }

    /// A copy under another name; its objectives are new ones with a history of their own.
    pub async fn duplicate(&self, id: &str, new_name: &str, asker: &Asker) -> Result<pb::SlaSet, SlaError> {
        let sets = self.catalog.sets()?;
        let mut copy = asker.find(&sets, id)?.message.clone();
        copy.id = String::new();
        copy.owner = asker.owner_of("");
        copy.name = new_name.to_owned();
        for objective in &mut copy.objectives {
            objective.id = String::new();
            objective.generation = 0;
        }
        let _turn = self.turn().await?;
        let sets = self.catalog.refresh().await?;
        // Its queries are stored already: the source is not asked again.
        let save = self.plan(&sets, None, &copy)?;
        self.put(save, 0, asker.name()).await
    }

    /// Every problem that would keep a set from being saved, and what would not.
    pub async fn validate(&self, wanted: &pb::SlaSet) -> Result<Checked, SlaError> {
        let sets = self.catalog.sets()?;
        let stored = sets.by_id(&wanted.id).map(|set| set.message.clone());
        match self.check(&sets, stored.as_ref(), wanted).await {
            Ok((_, warnings)) => Ok(Checked {
                warnings,
                ..Checked::default()
            }),
            Err(SlaError::Invalid { problems, .. }) => Ok(refused(problems)),
            Err(SlaError::NameTaken { name }) => Ok(refused(vec![name_taken(name.as_str())])),
            Err(other) => Err(other),
        }
    }

    /// Saves several sets, matched by name, all or nothing; with `prune` the stored sets that are not named go. With
    /// `dry_run` only the plan is made.
    pub async fn apply(
        &self,
        wanted: &[pb::SlaSet],
        prune: bool,
        dry_run: bool,
        asker: &Asker,
    ) -> Result<AppliedSets, SlaError> {
        let _turn = self.turn().await?;
        let sets = self.catalog.refresh().await?;
        let checks_end = validation::checks_end();
        let mut problems = Vec::new();
        let mut warnings = Vec::new();
        let mut saves: Vec<(PlannedSave, u64)> = Vec::new();
        let mut names: Vec<String> = Vec::new();
        if wanted.len() > MAX_SETS_AT_ONCE {
            let rule = format!("at most {MAX_SETS_AT_ONCE} sets can be applied at once");
            problems.push(Invalid::new("sets", &wanted.len().to_string(), rule, "split the file"));
        }
        for (at, set) in wanted.iter().enumerate().take(MAX_SETS_AT_ONCE) {
            let path = format!("sets[{at}]");
            let name = set.name.to_lowercase();
            if names.contains(&name) {
                problems.push(name_twice(&set.name).within(&path));
            }
            names.push(name);
            let stored = sets.by_name(&set.name).map(|known| known.message.clone());
            let mut set = set.clone();
            match &stored {
                // One that may not be seen only has its name.
                Some(stored) if !asker.sees(stored) => {
                    return Err(SlaError::NameTaken {
                        name: SafeText::new(&set.name),
                    });
                }
                Some(stored) => {
                    asker.check_change(stored)?;
                    set.owner.clone_from(&stored.owner);
                }
                None => set.owner = asker.owner_of(&set.owner),
            }
            let set = &set;
            if let Some(stored) = stored
                .as_ref()
                .filter(|stored| ![0, stored.version].contains(&set.version))
            {
                return Err(self.stale(stored, set));
            }
            match PlannedSave::new(stored.as_ref(), set, &self.ids) {
                Ok(save) => {
                    let checked = validation::check_queries(&self.peer, &save.set, stored.as_ref(), checks_end).await;
                    let checked = checked.within(&path);
                    problems.extend(checked.problems);
                    warnings.extend(checked.warnings);
                    saves.push((save, stored.map_or(0, |set| set.version)));
                }
                Err(found) => problems.extend(found.into_iter().map(|invalid| invalid.within(&path))),
            }
        }
        if !problems.is_empty() {
            return Err(SlaError::Invalid {
                what: "the sets cannot be applied",
                problems,
            });
        }
        let pruned: Vec<pb::SlaSet> = sets
            .all
            .iter()
            .map(|set| &set.message)
            .filter(|set| prune && asker.sees(set) && !names.contains(&set.name.to_lowercase()))
            .cloned()
            .collect();
        pruned.iter().try_for_each(|set| asker.check_change(set))?;
        self.check_room(&sets, &saves, &pruned)?;
        let mut plan: Vec<PlannedChange> = saves.iter().flat_map(|(save, _)| save.changes()).collect();
        plan.extend(pruned.iter().map(plan::deletion));
        let nothing = saves.iter().all(|(save, _)| save.is_empty()) && pruned.is_empty();
        let applied = AppliedSets { plan, warnings };
        if dry_run || nothing {
            return Ok(applied);
        }
        let puts = saves
            .iter()
            .filter(|(save, _)| !save.is_empty())
            .map(|(save, version)| PutStoredSetRequest {
                set: Some(self.signed(save.message.clone(), asker.name())),
                expected_version: *version,
            })
            .collect();
        let deletes: Vec<DeleteStoredSetRequest> = pruned
            .iter()
            .map(|set| DeleteStoredSetRequest {
                id: set.id.clone(),
                expected_version: set.version,
                author: asker.name().to_owned(),
            })
            .collect();
        self.peer
            .set_store()
            .put_stored_sets(PutStoredSetsRequest { puts, deletes })
            .await
            .map_err(|status| SlaError::upstream("save the sets", status))?;
        self.refresh_quietly().await;
        Ok(applied)
    }

    async fn check(
        &self,
        sets: &Sets,
        stored: Option<&pb::SlaSet>,
        wanted: &pb::SlaSet,
    ) -> Result<(PlannedSave, Vec<Invalid>), SlaError> {
        let save = self.plan(sets, stored, wanted)?;
        let checked = validation::check_queries(&self.peer, &save.set, stored, validation::checks_end()).await;
        if checked.problems.is_empty() {
            return Ok((save, checked.warnings));
        }
        Err(SlaError::Invalid {
            what: CANNOT_SAVE,
            problems: checked.problems,
        })
    }

    fn plan(&self, sets: &Sets, stored: Option<&pb::SlaSet>, wanted: &pb::SlaSet) -> Result<PlannedSave, SlaError> {
        let save = PlannedSave::new(stored, wanted, &self.ids).map_err(|problems| SlaError::Invalid {
            what: CANNOT_SAVE,
            problems,
        })?;
        let namesake = sets.by_name(&wanted.name);
        if namesake.is_some_and(|other| stored.is_none_or(|stored| stored.id != other.message.id)) {
            return Err(SlaError::NameTaken {
                name: SafeText::new(&wanted.name),
            });
        }
        let room = self.room.check(sets, &[(stored, wanted)]);
        room.map_err(|full| SlaError::invalid(CANNOT_SAVE, full))?;
        Ok(save)
    }

    fn check_room(&self, sets: &Sets, saves: &[(PlannedSave, u64)], pruned: &[pb::SlaSet]) -> Result<(), SlaError> {
        let gone = |set: &pb::SlaSet| pb::SlaSet {
            owner: set.owner.clone(),
            ..pb::SlaSet::default()
        };
        let gone: Vec<pb::SlaSet> = pruned.iter().map(gone).collect();
        let kept = saves.iter().map(|(save, _)| {
            let stored = sets.by_id(&save.message.id).map(|set| &set.message);
            (stored, &save.message)
        });
        let changes: Vec<_> = kept.chain(pruned.iter().map(Some).zip(&gone)).collect();
        let room = self.room.check(sets, &changes);
        room.map_err(|full| SlaError::invalid("the sets cannot be applied", full))
    }

    fn signed(&self, mut message: pb::SlaSet, author: &str) -> pb::SlaSet {
        author.clone_into(&mut message.author);
        message.updated = Some(convert::timestamp(self.clock.now_ms()));
        message
    }

    async fn put(&self, save: PlannedSave, version: u64, author: &str) -> Result<pb::SlaSet, SlaError> {
        let request = PutStoredSetRequest {
            set: Some(self.signed(save.message.clone(), author)),
            expected_version: version,
        };
        let answer = self
            .peer
            .set_store()
            .put_stored_set(request)
            .await
            .map_err(|status| SlaError::upstream("save the set", status))?;
        self.refresh_quietly().await;
        Ok(answer.into_inner().set.unwrap_or(save.message))
    }

    fn stale(&self, stored: &pb::SlaSet, wanted: &pb::SlaSet) -> SlaError {
        SlaError::StaleVersion {
            name: SafeText::new(&stored.name),
            read: wanted.version,
            stored: stored.version,
            author: SafeText::new(&stored.author),
            differences: plan::conflict(stored, wanted, &self.ids),
            stored_set: Box::new(stored.clone()),
        }
    }

    /// What was saved is saved: a failing refresh is made up for by the next one.
    async fn refresh_quietly(&self) {
        if let Err(error) = self.catalog.refresh().await {
            tracing::warn!(error = %error.words(), "the sets could not be read again after a save");
        }
    }
}

fn refused(problems: Vec<Invalid>) -> Checked {
    Checked {
        problems,
        ..Checked::default()
    }
}

fn not_found(id: &str) -> SlaError {
    SlaError::NotFound {
        what: "set",
        name: SafeText::new(id),
    }
}

fn name_taken(name: &str) -> Invalid {
    Invalid::new("name", name, "is the name of another set", "choose another name")
}

fn name_twice(name: &str) -> Invalid {
    Invalid::new("name", name, "stands twice in what is applied", "name each set once")
}
