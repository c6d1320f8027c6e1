//! Who may make which call: the doors ask before a service sees it.

/// What a call needs of its caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Access {
    /// Looks at things; whoever reaches a door.
    Read,
    /// Changes an agreement, a run or the schedule: who may use the console.
    Write,
    /// Ends the process: whoever is on its host.
    Host,
    /// How roles keep what they know; a console never does it.
    Roles,
}

/// First words of rpcs that change nothing.
const READING: &[&str] = &[
    "Analyze", "Check", "Estimate", "Evaluate", "Export", "Get", "List", "Read", "Suggest", "Tail", "Validate", "Watch",
];

/// What the rpc at `path` (`/package.Service/Method`) needs. One that nobody thought of is a change.
pub fn access(path: &str) -> Access {
    let (service, method) = path.rsplit_once('/').unwrap_or(("", path));
    match (service, method) {
        (_, "StopServer") => Access::Host,
        // Tries again what is kept already (the console's list of dead letters has a key for it); a person's word about a stream.
        (_, "ReplayDeadLetter" | "MovePosition") => Access::Write,
        ("/grpc.health.v1.Health", _) => Access::Read,
        _ if service.starts_with("/grpc.reflection.") => Access::Read,
        _ if READING.iter().any(|word| begins(method, word)) => Access::Read,
        _ if service.starts_with("/sla.storage.v1.") => Access::Roles,
        _ => Access::Write,
    }
}

/// Whether `word` is the first word of `method`: `Get` of `GetSet`, not of `Gettext`.
fn begins(method: &str, word: &str) -> bool {
    method
        .strip_prefix(word)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(|next: char| next.is_ascii_uppercase()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::peer::{DeadlineClass, contract, deadline_class};

    #[test]
    fn what_only_roles_write_is_known_by_name() {
        let of = |wanted| {
            contract::rpcs()
                .into_iter()
                .map(|rpc| rpc.path)
                .filter(|path| access(path) == wanted)
                .map(|path| path.rsplit_once('/').unwrap().1.to_owned())
                .collect::<Vec<_>>()
        };
        for method in ["PutStoredSet", "PutViolations", "ApplyBatch", "CreateRun"] {
            assert!(of(Access::Roles).contains(&method.to_owned()), "{method}");
        }
        assert_eq!(of(Access::Host), ["StopServer"]);
        assert!(access("/sla.set.v1.SetService/Gettext") == Access::Write);
    }

    #[test]
    fn nothing_that_writes_passes_for_a_look() {
        for rpc in contract::rpcs() {
            if deadline_class(&rpc.path) == DeadlineClass::Write {
                assert_ne!(access(&rpc.path), Access::Read, "{}", rpc.path);
            }
        }
    }
}
