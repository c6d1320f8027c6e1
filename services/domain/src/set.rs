//! A named, versioned list of objectives, and what changes between two of them.

use std::collections::{HashMap, HashSet};
use std::fmt;

use crate::invalid::{Invalid, check_harmless, check_length};
use crate::objective::{Objective, check_id, check_name};

/// Identifies a set over all its edits: 1 to 64 of `a–z 0–9 _ -`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SetId(String);

impl SetId {
    /// The longest id, in characters.
    pub const MAX_CHARS: usize = 64;
    /// The set that exists after the first start.
    pub const DEFAULT: &str = "default";

    /// An id; other characters or lengths are refused.
    pub fn new(text: impl Into<String>) -> Result<Self, Invalid> {
        let text = text.into();
        check_id("id", &text, Self::MAX_CHARS)?;
        Ok(Self(text))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SetId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A set of objectives.
#[derive(Debug, Clone, PartialEq)]
pub struct SlaSet {
    /// Stays the same over edits.
    pub id: SetId,
    /// What people call it.
    pub name: String,
    /// What it is for; may have several lines.
    pub description: String,
    /// In the order shown.
    pub objectives: Vec<Objective>,
    /// Counts saves from 1; a save names the version it was made from, and is refused when that is not the newest.
    pub version: u64,
    /// Who saved it last.
    pub author: String,
    /// When it was saved last, in Unix milliseconds.
    pub updated_ms: i64,
}

/// Where sets are named: every one of them.
pub const ALL_SETS: &str = "*";

impl SlaSet {
    /// The longest name, in characters.
    pub const MAX_NAME_CHARS: usize = 80;
    /// The longest description, in characters.
    pub const MAX_DESCRIPTION_CHARS: usize = 2_000;
    /// The longest author, in characters.
    pub const MAX_AUTHOR_CHARS: usize = 120;
    /// The most objectives of one set.
    pub const MAX_OBJECTIVES: usize = 500;

    /// Everything that is wrong with it; empty means it may be saved.
    pub fn check(&self) -> Vec<Invalid> {
        let mut found = Vec::new();
        found.extend(check_name("name", &self.name, Self::MAX_NAME_CHARS).err());
        if self.name.trim() == ALL_SETS {
            found.push(Invalid::new(
                "name",
                &self.name,
                "means every set where sets are named",
                "give it a word",
            ));
        }
        found.extend(check_length("description", &self.description, Self::MAX_DESCRIPTION_CHARS).err());
        found.extend(check_harmless("description", &self.description, true).err());
        found.extend(check_length("author", &self.author, Self::MAX_AUTHOR_CHARS).err());
        found.extend(check_harmless("author", &self.author, false).err());
        if self.objectives.len() > Self::MAX_OBJECTIVES {
            found.push(Invalid::new(
                "objectives",
                &self.objectives.len().to_string(),
                format!("a set has at most {} objectives", Self::MAX_OBJECTIVES),
                "split it into several sets",
            ));
            return found;
        }
        let mut names = HashMap::new();
        let mut ids = HashSet::new();
        for (at, objective) in self.objectives.iter().enumerate() {
            let path = format!("objectives[{at}]");
            found.extend(objective.check().into_iter().map(|invalid| invalid.within(&path)));
            if let Some(first) = names.insert(objective.name.to_lowercase(), at) {
                found.push(Invalid::new(
                    format!("{path}.name"),
                    &objective.name,
                    format!("is the name of objectives[{first}] already"),
                    "give each objective of a set its own name",
                ));
            }
            if !ids.insert(&objective.id) {
                found.push(Invalid::new(
                    format!("{path}.id"),
                    objective.id.as_str(),
                    "is the id of another objective of the set",
                    "leave the id out to get a new one",
                ));
            }
        }
        found
    }

    /// The objective with this id.
    pub fn objective(&self, id: &str) -> Option<&Objective> {
        self.objectives.iter().find(|objective| objective.id.as_str() == id)
    }
}

/// One objective that is in both sets and differs.
#[derive(Debug, Clone, PartialEq)]
pub struct ObjectiveChange {
    /// As it is stored.
    pub before: Objective,
    /// As it will be stored: the id of `before`, and the right generation.
    pub after: Objective,
    /// The settings that differ, by name.
    pub fields: Vec<&'static str>,
    /// Whether its history is computed anew under a new generation (semantics §15).
    pub new_generation: bool,
}

/// What saving `wanted` over `current` would do: shown by `sla sets apply`, then applied whole or not at all.
#[derive(Debug, Clone, PartialEq)]
pub struct SetPlan {
    /// Objectives that are new.
    pub added: Vec<Objective>,
    /// Objectives that differ.
    pub changed: Vec<ObjectiveChange>,
    /// Objectives that go; their ledger stays, marked retired, until retention.
    pub removed: Vec<Objective>,
    /// Settings of the set itself that differ: `name`, `description`, `order`.
    pub fields: Vec<&'static str>,
    /// The set as it will be stored, without a new version, author and time: the store gives these.
    pub after: SlaSet,
}

impl SetPlan {
    /// Compares two sets. Objectives belong together by id, then by name (a file written by hand has no ids); one that
    /// belongs to a stored one takes over its id, and its generation rises when it judges time differently.
    pub fn new(current: Option<&SlaSet>, wanted: &SlaSet) -> Self {
        let mut after = wanted.clone();
        let Some(current) = current else {
            for objective in &mut after.objectives {
                objective.generation = 1;
            }
            return Self {
                added: after.objectives.clone(),
                changed: Vec::new(),
                removed: Vec::new(),
                fields: vec!["name"],
                after,
            };
        };
        after.id = current.id.clone();
        after.version = current.version;
        let mut taken = HashSet::new();
        let mut partner: Vec<Option<usize>> = vec![None; after.objectives.len()];
        let by_id = |objective: &Objective| current.objectives.iter().position(|have| have.id == objective.id);
        let by_name = |objective: &Objective| {
            let name = objective.name.to_lowercase();
            current
                .objectives
                .iter()
                .position(|have| have.name.to_lowercase() == name)
        };
        for (slot, objective) in partner.iter_mut().zip(&after.objectives) {
            *slot = by_id(objective).filter(|at| taken.insert(*at));
        }
        for (slot, objective) in partner.iter_mut().zip(&after.objectives) {
            if slot.is_none() {
                *slot = by_name(objective).filter(|at| taken.insert(*at));
            }
        }
        let mut added = Vec::new();
        let mut changed = Vec::new();
        for (objective, partner) in after.objectives.iter_mut().zip(&partner) {
            let Some(before) = partner.map(|at| &current.objectives[at]) else {
                objective.generation = 1;
                added.push(objective.clone());
                continue;
            };
            objective.id = before.id.clone();
            let fields = before.differences(objective);
            let new_generation = before.judges_otherwise(objective);
            objective.generation = before.generation.saturating_add(u32::from(new_generation));
            if !fields.is_empty() {
                changed.push(ObjectiveChange {
                    before: before.clone(),
                    after: objective.clone(),
                    fields,
                    new_generation,
                });
            }
        }
        let removed = current
            .objectives
            .iter()
            .enumerate()
            .filter(|(at, _)| !taken.contains(at))
            .map(|(_, objective)| objective.clone())
            .collect();
        let order: Vec<usize> = partner.iter().flatten().copied().collect();
        let fields = [
            ("name", current.name != wanted.name),
            ("description", current.description != wanted.description),
            ("order", order.windows(2).any(|pair| pair[0] > pair[1])),
        ]
        .into_iter()
        .filter_map(|(name, differs)| differs.then_some(name))
        .collect();
        Self {
            added,
            changed,
            removed,
            fields,
            after,
        }
    }

    /// Whether saving would change nothing.
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.changed.is_empty() && self.removed.is_empty() && self.fields.is_empty()
    }
}

#[cfg(test)]
mod tests;
