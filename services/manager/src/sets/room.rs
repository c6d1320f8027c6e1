//! How many objectives there may be: what sets cost is what is judged.

use sla_domain::invalid::Invalid;
use sla_proto::objective::v1::SlaSet;

use crate::sets::catalog::Sets;

/// Most objectives of all sets, and of those of one user.
#[derive(Debug, Clone, Copy)]
pub struct Room {
    /// `evaluation.max_objectives`.
    pub objectives: usize,
    /// `evaluation.max_objectives_per_user`.
    pub per_user: usize,
}

/// A set as it is stored, if it is, and as it shall be.
pub type Change<'a> = (Option<&'a SlaSet>, &'a SlaSet);

impl Room {
    /// Refuses changes for which there is no room. What does not grow always fits: limits may have been lowered since.
    pub fn check(self, sets: &Sets, changes: &[Change<'_>]) -> Result<(), Invalid> {
        let count = |set: &SlaSet| set.objectives.len();
        let before = |change: &Change<'_>| change.0.map_or(0, count);
        let grown = |owner: Option<&str>| {
            let of_owner = changes
                .iter()
                .filter(|change| owner.is_none_or(|owner| change.1.owner == owner));
            let (after, before) = of_owner.fold((0, 0), |(after, gone), change| {
                (after + count(change.1), gone + before(change))
            });
            after.saturating_sub(before)
        };
        let stored = |owner: Option<&str>| -> usize {
            let stored = sets.all.iter().map(|set| &set.message);
            stored
                .filter(|set| owner.is_none_or(|owner| set.owner == owner))
                .map(count)
                .sum()
        };
        let more = grown(None);
        let all = stored(None);
        if more > 0 && all + more > self.objectives {
            return Err(refused(
                more,
                "all sets",
                all,
                "evaluation.max_objectives",
                self.objectives,
            ));
        }
        let owners = changes.iter().map(|change| change.1.owner.as_str());
        for owner in owners.filter(|owner| !owner.is_empty()) {
            let more = grown(Some(owner));
            let own = stored(Some(owner));
            if more > 0 && own + more > self.per_user {
                let whose = format!("the sets of {owner}");
                let setting = "evaluation.max_objectives_per_user";
                return Err(refused(more, &whose, own, setting, self.per_user));
            }
        }
        Ok(())
    }
}

fn refused(more: usize, whose: &str, have: usize, setting: &str, most: usize) -> Invalid {
    Invalid::new(
        "objectives",
        &format!("{more} more"),
        format!("{whose} have {have} objectives, and {setting} = {most}"),
        format!("delete some that nobody needs, or raise {setting}"),
    )
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use sla_proto::objective::v1::Objective;

    use super::*;
    use crate::sets::catalog::KnownSet;

    fn set(id: &str, owner: &str, objectives: usize) -> SlaSet {
        SlaSet {
            id: id.to_owned(),
            name: id.to_owned(),
            owner: owner.to_owned(),
            objectives: vec![Objective::default(); objectives],
            ..SlaSet::default()
        }
    }

    #[test]
    fn what_grows_beyond_a_limit_is_refused_with_its_setting() {
        let room = Room {
            objectives: 10,
            per_user: 4,
        };
        let stored = [set("a", "ada", 3), set("b", "", 5)];
        let sets = Sets::new(stored.clone().map(|set| Arc::new(KnownSet::new(set))).to_vec());
        let check = |before: Option<&SlaSet>, after: &SlaSet| {
            room.check(&sets, &[(before, after)])
                .map_err(|invalid| invalid.to_string())
        };
        assert_eq!(check(None, &set("c", "ada", 1)), Ok(()));
        let full = check(None, &set("c", "ada", 2)).unwrap_err();
        assert!(
            full.contains("the sets of ada have 3 objectives, and evaluation.max_objectives_per_user = 4"),
            "{full}"
        );
        let full = check(None, &set("c", "bob", 3)).unwrap_err();
        assert!(
            full.contains("all sets have 8 objectives, and evaluation.max_objectives = 10"),
            "{full}"
        );
        assert_eq!(
            check(Some(&stored[1]), &set("b", "", 7)),
            Ok(()),
            "who has no user has no user's limit"
        );
        assert_eq!(check(Some(&stored[1]), &set("b", "", 4)), Ok(()));
        let both = [(Some(&stored[1]), &set("b", "", 1)), (None, &set("c", "bob", 4))];
        assert_eq!(
            room.check(&sets, &both).map_err(|invalid| invalid.to_string()),
            Ok(()),
            "what goes makes room"
        );
    }
}
