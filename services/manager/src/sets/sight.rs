//! Who may see and change which set. Where the instance knows no users, everybody may everything.

use std::collections::HashSet;

use sla_domain::safe_text::SafeText;
use sla_proto::objective::v1::SlaSet;
use sla_runtime::ownership::Claimant;

use crate::error::SlaError;
use crate::sets::catalog::{KnownSet, Sets};

/// Who asks.
#[derive(Debug, Clone)]
pub struct Asker(Claimant);

impl Asker {
    /// The caller of a request.
    pub fn of(extensions: &tonic::Extensions) -> Self {
        Self(Claimant::of(extensions))
    }

    /// For the record.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Whose a set is that it makes; a role says for whom it makes it.
    pub fn owner_of(&self, given: &str) -> String {
        self.0.owner_of(given)
    }

    /// Whether it may know of a set: a private one is its owner's and the admins'.
    pub fn sees(&self, set: &SlaSet) -> bool {
        self.0.sees(&set.owner, set.private)
    }

    /// Whether it may know what became of a set's objectives. Whether a set that was deleted was private nobody knows any more: its past
    /// is told to those who see every set.
    pub fn sees_past_of(&self, sets: &Sets, set_id: &str) -> bool {
        let known = || sets.all.iter().find(|set| set.message.id == set_id);
        self.0.sees_all() || known().is_some_and(|set| self.sees(&set.message))
    }

    /// Whether it may change or delete a set: its owner, operators and admins; one without an owner whoever may edit at all.
    pub fn may_change(&self, set: &SlaSet) -> bool {
        self.0.may_change(&set.owner, set.private)
    }

    /// The set named so, where this one may see it; else it is not there.
    pub fn find<'a>(&self, sets: &'a Sets, id_or_name: &str) -> Result<&'a KnownSet, SlaError> {
        let found = sets.find(id_or_name)?;
        if self.sees(&found.message) {
            return Ok(found);
        }
        Err(SlaError::NotFound {
            what: "set",
            name: SafeText::with_limit(id_or_name, 80),
        })
    }

    /// Whether it may change or delete a set that is stored.
    ///
    /// # Errors
    /// NOT_FOUND for one that it may not see, NOT_ALLOWED for one that is another's.
    pub fn check_change(&self, set: &SlaSet) -> Result<(), SlaError> {
        if !self.sees(set) {
            return Err(SlaError::NotFound {
                what: "set",
                name: SafeText::with_limit(&set.id, 80),
            });
        }
        if self.may_change(set) {
            return Ok(());
        }
        Err(SlaError::NotYours {
            name: SafeText::new(&set.name),
            owner: SafeText::new(&set.owner),
        })
    }

    /// Of `sets` those that it sees; of these only the one with the id `only`, where one is named.
    pub fn shown(&self, sets: &Sets, only: Option<String>) -> Shown {
        let unseen = sets.all.iter().filter(|set| !self.sees(&set.message));
        let hidden = if self.0.sees_all() {
            HashSet::new()
        } else {
            unseen.map(|set| set.message.id.clone()).collect()
        };
        Shown { only, hidden }
    }
}

/// The sets that an answer may tell of.
#[derive(Debug, Clone, Default)]
pub struct Shown {
    only: Option<String>,
    hidden: HashSet<String>,
}

impl Shown {
    /// All there are.
    pub fn all() -> Self {
        Self::default()
    }

    /// Whether the set with this id is among them.
    pub fn has(&self, set_id: &str) -> bool {
        self.only.as_ref().is_none_or(|only| only == set_id) && !self.hidden.contains(set_id)
    }

    /// The one with this id, whoever asks.
    pub fn one(set_id: &str) -> Self {
        Self {
            only: Some(set_id.to_owned()),
            hidden: HashSet::new(),
        }
    }

    /// The one that was named.
    pub fn only(&self) -> Option<&str> {
        self.only.as_deref()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use sla_proto::peer::Rank;

    use super::*;

    fn set(owner: &str, private: bool) -> SlaSet {
        SlaSet {
            id: format!("{owner}-{private}"),
            owner: owner.to_owned(),
            private,
            ..SlaSet::default()
        }
    }

    fn known<const N: usize>(sets: [SlaSet; N]) -> Sets {
        Sets::new(sets.map(|set| Arc::new(KnownSet::new(set))).to_vec())
    }

    fn asker(name: &str, rank: Option<Rank>) -> Asker {
        Asker(Claimant::new(name, rank))
    }

    #[test]
    fn what_is_shown_is_what_is_seen_and_asked_for() {
        let sets = known([set("ada", true), set("ada", false), set("eve", true)]);
        let shown = asker("eve", Some(Rank::Viewer)).shown(&sets, None);
        let of = |shown: &Shown| ["ada-true", "ada-false", "eve-true"].map(|id| shown.has(id));
        assert_eq!(of(&shown), [false, true, true]);
        let one = asker("eve", Some(Rank::Viewer)).shown(&sets, Some("eve-true".to_owned()));
        assert_eq!(of(&one), [false, false, true]);
        assert_eq!(of(&Shown::all()), [true; 3]);
    }

    #[test]
    fn the_past_of_a_deleted_set_is_told_to_those_who_see_every_set() {
        let sets = known([set("ada", true), set("ada", false)]);
        let of = |asker: &Asker| ["ada-true", "ada-false", "deleted"].map(|id| asker.sees_past_of(&sets, id));
        assert_eq!(of(&asker("eve", Some(Rank::Operator))), [false, true, false]);
        assert_eq!(of(&asker("ada", Some(Rank::Viewer))), [true, true, false]);
        assert_eq!(of(&asker("root", Some(Rank::Admin))), [true; 3]);
        assert_eq!(of(&asker("anybody", None)), [true; 3], "no users are known");
    }
}
