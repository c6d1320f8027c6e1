//! What has an owner: who may see it, and who may change it. Where the instance knows no users, everybody may everything.

use sla_proto::peer::Rank;

use crate::caller::{self, Caller, Way};

/// Who asks for what has an owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claimant {
    /// For the record.
    pub name: String,
    /// `None`: nobody was asked who he is.
    rank: Option<Rank>,
    is_role: bool,
}

impl Claimant {
    /// The caller of a request.
    pub fn of(extensions: &tonic::Extensions) -> Self {
        let caller = extensions.get::<Caller>();
        let known = caller.and_then(|caller| caller.known.as_ref());
        Self {
            name: caller::user(extensions),
            rank: known.map(|known| known.rank),
            is_role: known.is_none() && caller.is_some_and(|caller| caller.way == Way::Role),
        }
    }

    /// A user of this rank; `None` where nobody is asked.
    pub fn new(name: &str, rank: Option<Rank>) -> Self {
        Self {
            name: name.to_owned(),
            rank,
            is_role: false,
        }
    }

    /// Whose a thing is that it makes: its own, and nobody's where nobody was asked who he is. A role says for whom it makes
    /// it, by the `given` name.
    pub fn owner_of(&self, given: &str) -> String {
        match self.rank {
            Some(_) => self.name.clone(),
            None if self.is_role => given.to_owned(),
            None => String::new(),
        }
    }

    /// Whether it has this rank or a higher one; whoever was not asked who he is has any.
    pub fn is_at_least(&self, least: Rank) -> bool {
        self.rank.is_none_or(|rank| rank >= least)
    }

    /// Whether there is nothing that it may not see.
    pub fn sees_all(&self) -> bool {
        self.is_at_least(Rank::Admin)
    }

    /// Whether it may know of a thing: a private one is its owner's and the admins'.
    pub fn sees(&self, owner: &str, private: bool) -> bool {
        !private || self.sees_all() || owner == self.name
    }

    /// Whether it may change or delete a thing: its owner, operators and admins; one without an owner whoever may edit at all.
    pub fn may_change(&self, owner: &str, private: bool) -> bool {
        let by_rank = if owner.is_empty() { Rank::Editor } else { Rank::Operator };
        self.sees(owner, private) && (self.is_at_least(by_rank) || owner == self.name)
    }

    /// The user whose request it is, where the instance knows users.
    pub fn user(&self) -> Option<&str> {
        self.rank.is_some().then_some(self.name.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::caller::Known;

    #[test]
    fn a_private_thing_is_its_owners_and_the_admins() {
        let sees = |name, rank| Claimant::new(name, rank).sees("ada", true);
        assert!(sees("ada", Some(Rank::Editor)) && sees("eve", Some(Rank::Admin)) && sees("eve", None));
        for rank in [Rank::Viewer, Rank::Editor, Rank::Operator] {
            assert!(!sees("eve", Some(rank)), "{rank:?}");
            assert!(Claimant::new("eve", Some(rank)).sees("ada", false));
        }
    }

    #[test]
    fn others_things_are_changed_from_operators_up() {
        let may = |name, rank, private| Claimant::new(name, rank).may_change("ada", private);
        assert!(may("ada", Some(Rank::Editor), true));
        assert!(!may("eve", Some(Rank::Editor), false));
        assert!(may("eve", Some(Rank::Operator), false) && !may("eve", Some(Rank::Operator), true));
        assert!(may("eve", Some(Rank::Admin), true) && may("eve", None, true));
        let nobodys = |rank| Claimant::new("eve", Some(rank)).may_change("", false);
        assert!(
            nobodys(Rank::Editor) && !nobodys(Rank::Viewer),
            "whoever may edit at all"
        );
        assert!(may("ada", Some(Rank::Viewer), true), "her own");
    }

    #[test]
    fn only_a_role_says_whose_a_thing_is() {
        let of = |caller: Caller| {
            let mut extensions = tonic::Extensions::new();
            extensions.insert(caller);
            Claimant::of(&extensions).owner_of("ada")
        };
        let known = Known {
            user_id: "1".to_owned(),
            user: "eve".to_owned(),
            rank: Rank::Admin,
            session_id: String::new(),
        };
        let eve = Caller {
            user: "eve".to_owned(),
            way: Way::Role,
            known: Some(known),
            ..Caller::role(None)
        };
        assert_eq!(of(eve), "eve", "a role that passes on a user's token is that user");
        assert_eq!(of(Caller::role(Some("system".to_owned()))), "ada");
        let guest = Caller {
            way: Way::Socket,
            ..Caller::role(None)
        };
        assert_eq!(of(guest), "");
        assert_eq!(Claimant::of(&tonic::Extensions::new()).owner_of("ada"), "");
    }
}
