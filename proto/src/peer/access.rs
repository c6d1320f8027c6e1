//! Who may make which call: the doors ask before a service sees it. The table is `proto/permissions.txt`; the build fails on
//! an rpc without a line there.

use crate::account::v1 as pb;

/// What a user may do; each may all that those before it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rank {
    /// Looks at things.
    Viewer,
    /// Makes and changes agreements.
    Editor,
    /// Starts runs, changes the schedule, stops the instance.
    Operator,
    /// Says who may what.
    Admin,
}

impl Rank {
    /// All of them, rising.
    pub const ALL: [Self; 4] = [Self::Viewer, Self::Editor, Self::Operator, Self::Admin];

    /// As it is written by people.
    pub fn word(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Editor => "editor",
            Self::Operator => "operator",
            Self::Admin => "admin",
        }
    }

    /// The rank called `word`.
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|rank| rank.word() == word)
    }

    /// The rank of a message; `None` where none is given.
    pub fn of_message(rank: pb::Rank) -> Option<Self> {
        match rank {
            pb::Rank::Unspecified => None,
            pb::Rank::Viewer => Some(Self::Viewer),
            pb::Rank::Editor => Some(Self::Editor),
            pb::Rank::Operator => Some(Self::Operator),
            pb::Rank::Admin => Some(Self::Admin),
        }
    }

    /// For a message.
    pub fn message(self) -> pb::Rank {
        match self {
            Self::Viewer => pb::Rank::Viewer,
            Self::Editor => pb::Rank::Editor,
            Self::Operator => pb::Rank::Operator,
            Self::Admin => pb::Rank::Admin,
        }
    }
}

/// What a call needs of its caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Whoever reaches a door, without being anybody.
    Anyone,
    /// A user of whatever rank, for what is his own alone; where the instance knows none, whoever may change things.
    Somebody,
    /// A user of at least this rank, where the instance knows users.
    User(Rank),
    /// The same, and only on its host.
    Host(Rank),
    /// How roles keep what they know; a console never does it.
    Roles,
}

impl Access {
    /// The least rank of a user who may; `None` where no user is asked for.
    pub fn least_rank(self) -> Option<Rank> {
        match self {
            Self::User(rank) | Self::Host(rank) => Some(rank),
            Self::Somebody => Some(Rank::Viewer),
            Self::Anyone | Self::Roles => None,
        }
    }
}

/// Sorted by path.
const TABLE: &[(&str, Access)] = &include!(concat!(env!("OUT_DIR"), "/permissions.rs"));

/// Whether `path` is one of JSON over HTTP.
fn is_json(path: &str) -> bool {
    path.starts_with("/v1/")
}

/// What the rpc at `path` (`/package.Service/Method`) needs. What is not in the contract needs the most.
pub fn access(path: &str) -> Access {
    // JSON over HTTP that stands for no rpc: there is nothing behind it.
    if path.starts_with("/grpc.health.v1.Health/") || is_json(path) {
        return Access::Anyone;
    }
    if path.starts_with("/grpc.reflection.") {
        return Access::User(Rank::Viewer);
    }
    let found = TABLE.binary_search_by(|(known, _)| (*known).cmp(path));
    found.map_or(Access::Host(Rank::Admin), |at| TABLE[at].1)
}

/// Whether anything is behind `path`, or JSON over HTTP answers for it.
pub fn is_known(path: &str) -> bool {
    let beside = ["/grpc.health.v1.Health/", "/grpc.reflection."];
    is_json(path)
        || beside.iter().any(|start| path.starts_with(start))
        || TABLE.binary_search_by(|(known, _)| (*known).cmp(path)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::peer::{DeadlineClass, contract, deadline_class};

    #[test]
    fn the_table_is_the_contract() {
        let mut paths: Vec<String> = contract::rpcs().into_iter().map(|rpc| rpc.path).collect();
        paths.sort();
        assert_eq!(TABLE.iter().map(|(path, _)| *path).collect::<Vec<_>>(), paths);
        assert!(TABLE.iter().all(|(path, needed)| access(path) == *needed));
    }

    #[test]
    fn what_only_roles_do_and_what_is_unknown() {
        let of = |wanted| {
            TABLE
                .iter()
                .filter(move |(_, needed)| *needed == wanted)
                .map(|(path, _)| *path)
        };
        for path in of(Access::Roles) {
            assert!(
                path.starts_with("/sla.storage.v1.") || path.ends_with("/Authenticate"),
                "{path} is closed to everybody"
            );
        }
        let open: Vec<&str> = of(Access::Anyone).collect();
        assert_eq!(
            open,
            [
                "/sla.account.v1.AccountService/Login",
                "/sla.account.v1.AccountService/Register"
            ]
        );
        for unknown in ["/sla.set.v1.SetService/Gettext", "/x.Y/GetZ", "nonsense", ""] {
            assert_eq!(access(unknown), Access::Host(Rank::Admin), "{unknown}");
        }
        assert_eq!(access("/grpc.health.v1.Health/Check"), Access::Anyone);
    }

    #[test]
    fn nothing_that_writes_passes_for_a_look() {
        for rpc in contract::rpcs() {
            if deadline_class(&rpc.path) == DeadlineClass::Write {
                assert_ne!(access(&rpc.path), Access::User(Rank::Viewer), "{}", rpc.path);
            }
        }
    }

    #[test]
    fn what_anybody_known_does_is_of_himself() {
        let own = [
            "/sla.account.v1.AccountService/",
            "/sla.notify.v1.NotifyService/",
            "/sla.weather.v1.WeatherService/",
        ];
        let mut paths = TABLE.iter().filter(|(_, needed)| *needed == Access::Somebody);
        assert!(paths.all(|(path, _)| own.iter().any(|service| path.starts_with(service))));
        assert_eq!(Access::Somebody.least_rank(), Some(Rank::Viewer));
    }

    #[test]
    fn ranks_rise_and_are_read_as_they_are_written() {
        assert!(Rank::ALL.is_sorted());
        for rank in Rank::ALL {
            assert_eq!(Rank::of_word(rank.word()), Some(rank));
            assert_eq!(Rank::of_message(rank.message()), Some(rank));
        }
        assert_eq!(Rank::of_word("root"), None);
    }
}
