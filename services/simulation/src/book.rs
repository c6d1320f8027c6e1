//! What the consoles were told about their edits, and whether what is stored agrees with it.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use sla_proto::objective::v1::{Objective, SlaSet};
use sla_proto::series::v1::query::Query;
use tonic::Code;

/// An edit whose fate nobody was told may still come to be for this long, milliseconds.
const UNSETTLED_MS: i64 = 40_000;

/// What a console asked for.
#[derive(Debug, Clone)]
pub(crate) enum Wish {
    Create(SlaSet),
    /// The set as it shall be; its version is the one that was read.
    Update(SlaSet),
    Delete {
        id: String,
        version: u64,
    },
}

/// What a console heard.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// Done; the set as it is now, where there is one.
    Done(Option<SlaSet>),
    /// Not done, and it never will be.
    Refused,
    /// Nobody knows.
    Unknown,
}

impl Outcome {
    /// What a status means for an edit.
    pub(crate) fn of(status: &tonic::Status) -> Self {
        match status.code() {
            Code::InvalidArgument
            | Code::Aborted
            | Code::AlreadyExists
            | Code::NotFound
            | Code::FailedPrecondition
            | Code::ResourceExhausted
            | Code::PermissionDenied => Self::Refused,
            _ => Self::Unknown,
        }
    }
}

/// A set that is known to be stored.
#[derive(Debug, Clone)]
pub(crate) struct Kept {
    pub(crate) set: SlaSet,
    /// World time since when each objective is what it is, by id and generation, Unix milliseconds.
    pub(crate) since_ms: BTreeMap<(String, u32), i64>,
}

/// All that was acknowledged.
#[derive(Debug, Default)]
pub(crate) struct Book {
    pub(crate) kept: BTreeMap<String, Kept>,
    open: BTreeMap<u64, (Wish, i64)>,
    next: u64,
    /// Edits that were acknowledged.
    pub(crate) acknowledged: u64,
}

impl Book {
    /// A call is about to be made; its number.
    pub(crate) fn begin(&mut self, wish: Wish, now_ms: i64) -> u64 {
        self.next += 1;
        self.open.insert(self.next, (wish, now_ms));
        self.next
    }

    /// What became of call `number`. Words where that cannot be.
    pub(crate) fn settle(&mut self, number: u64, outcome: Outcome, now_ms: i64) -> Result<(), String> {
        match outcome {
            Outcome::Unknown => return Ok(()),
            Outcome::Refused => {
                self.open.remove(&number);
                return Ok(());
            }
            Outcome::Done(_) => {}
        }
        let Some((wish, _)) = self.open.remove(&number) else {
            return Ok(());
        };
        self.acknowledged += 1;
        let Outcome::Done(stored) = outcome else { return Ok(()) };
        match (wish, stored) {
            (Wish::Create(wanted), Some(set)) => {
                check_same(&wanted, &set)?;
                self.keep(set, now_ms);
            }
            (Wish::Update(wanted), Some(set)) => {
                check_same(&wanted, &set)?;
                if set.version != wanted.version + 1 {
                    return Err(format!(
                        "{} went from version {} to {}",
                        set.name, wanted.version, set.version
                    ));
                }
                self.check_base(&wanted.id, wanted.version, &wanted.name)?;
                self.keep(set, now_ms);
            }
            (Wish::Delete { id, version }, _) => {
                self.check_base(&id, version, "")?;
                self.kept.remove(&id);
            }
            (wish, None) => return Err(format!("an acknowledgement without a set: {wish:?}")),
        }
        Ok(())
    }

    /// An acknowledged change of `version` must have met that version, or one whose fate nobody was told.
    fn check_base(&self, id: &str, version: u64, name: &str) -> Result<(), String> {
        if self.kept.get(id).is_some_and(|kept| kept.set.version == version) {
            return Ok(());
        }
        let explains = |wish: &Wish| match wish {
            Wish::Create(set) => set.name == name && version == 1,
            Wish::Update(set) => set.id == id && set.version + 1 == version,
            Wish::Delete { .. } => false,
        };
        if self.open.values().any(|(wish, _)| explains(wish)) {
            return Ok(());
        }
        let known = self.kept.get(id).map(|kept| kept.set.version);
        Err(format!(
            "a change of {id} {name} at version {version} was acknowledged, acknowledged before was {known:?}: an edit is lost"
        ))
    }

    fn keep(&mut self, set: SlaSet, now_ms: i64) {
        let before = self
            .kept
            .get(&set.id)
            .map(|kept| kept.since_ms.clone())
            .unwrap_or_default();
        let objectives = set.objectives.iter();
        let since_ms = objectives
            .map(|objective| {
                let name = (objective.id.clone(), objective.generation);
                let since_ms = before.get(&name).copied().unwrap_or(now_ms);
                (name, since_ms)
            })
            .collect();
        self.kept.insert(set.id.clone(), Kept { set, since_ms });
    }

    /// Compares with everything that is stored. Words of what cannot be.
    pub(crate) fn audit(&mut self, stored: &[SlaSet], now_ms: i64) -> Result<(), String> {
        let by_id: BTreeMap<&str, &SlaSet> = stored.iter().map(|set| (set.id.as_str(), set)).collect();
        let ids: Vec<String> = self.kept.keys().cloned().collect();
        for id in ids {
            let known = self.kept[&id].set.clone();
            match by_id.get(id.as_str()) {
                Some(found) if found.version == known.version && same(&known, found) => {}
                Some(found) if self.is_explained(found) => self.keep((*found).clone(), now_ms),
                Some(found) => {
                    return Err(format!(
                        "{} was acknowledged at version {} and is stored at {}: an edit is lost",
                        known.name, known.version, found.version
                    ));
                }
                None if self
                    .open
                    .values()
                    .any(|(wish, _)| matches!(wish, Wish::Delete { id: other, .. } if *other == id)) =>
                {
                    self.kept.remove(&id);
                }
                None => return Err(format!("{} was acknowledged and is gone", known.name)),
            }
        }
        for set in stored
            .iter()
            .filter(|set| !self.kept.contains_key(&set.id))
            .cloned()
            .collect::<Vec<_>>()
        {
            if !self.is_explained(&set) {
                return Err(format!(
                    "{} at version {} is stored and was never acknowledged",
                    set.name, set.version
                ));
            }
            self.keep(set, now_ms);
        }
        let kept = &self.kept;
        self.open.retain(|_, (wish, at_ms)| {
            let is_over = kept.iter().any(|(id, kept)| {
                matches!(wish, Wish::Update(set) if set.id == *id && set.version < kept.set.version)
                    || matches!(wish, Wish::Create(set) if set.name == kept.set.name)
            });
            !is_over && *at_ms > now_ms - UNSETTLED_MS
        });
        Ok(())
    }

    /// Whether an edit whose fate nobody was told made this of a set.
    fn is_explained(&self, found: &SlaSet) -> bool {
        self.open.values().any(|(wish, _)| match wish {
            Wish::Create(wanted) => found.version == 1 && same(wanted, found),
            Wish::Update(wanted) => wanted.id == found.id && wanted.version + 1 == found.version && same(wanted, found),
            Wish::Delete { .. } => false,
        })
    }

    /// Nothing is under way any more: the process that it went to is dead.
    pub(crate) fn forget_open(&mut self) {
        self.open.clear();
    }
}

fn same(wanted: &SlaSet, stored: &SlaSet) -> bool {
    words(wanted) == words(stored)
}

fn check_same(wanted: &SlaSet, stored: &SlaSet) -> Result<(), String> {
    if same(wanted, stored) {
        return Ok(());
    }
    Err(format!("acknowledged {}, wanted {}", words(stored), words(wanted)))
}

/// What an editor decides about a set.
fn words(set: &SlaSet) -> String {
    let mut text = format!("{} {}", set.name, set.active);
    for objective in &set.objectives {
        let max = objective.range.and_then(|range| range.max);
        let _ = write!(text, " [{} {} {max:?}]", objective.name, selector(objective));
    }
    text
}

/// The selector of an objective.
pub(crate) fn selector(objective: &Objective) -> &str {
    match objective.query.as_ref().and_then(|query| query.query.as_ref()) {
        Some(Query::Selector(text)) => text,
        _ => "",
    }
}
