//! What errors of the driver and the server mean: to the store, and to whoever tries again. Numbers are those of
//! <https://dev.mysql.com/doc/mysql-errors/en/server-error-reference.html> and of MariaDB's list.

use std::time::Duration;

use mysql_async::{DriverError, Error, ServerError};

use crate::error::StoreError;

/// How long the server lets a statement wait for a row that another writer has.
pub(super) const LOCK_WAIT: Duration = Duration::from_secs(3);

/// What to do about a failed attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Writers met: the same again, after a moment.
    Again,
    /// The connection is gone, or the server is about to go: again on a new one.
    Lost,
    /// This node takes no writes: again on another one.
    Elsewhere,
    /// Trying again changes nothing.
    Final,
}

/// An attempt that failed.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) verdict: Verdict,
    pub(super) error: StoreError,
}

impl Failure {
    pub(super) fn new(verdict: Verdict, error: StoreError) -> Self {
        Self { verdict, error }
    }
}

/// ER_DUP_ENTRY where none was expected: another writer was faster.
const DUPLICATE: u16 = 1062;
/// ER_LOCK_WAIT_TIMEOUT.
const WAITED: u16 = 1205;
/// ER_LOCK_DEADLOCK; ER_CHECKREAD of MariaDB (a row changed under a snapshot); a transaction that its group refused.
const CONFLICTS: [u16; 3] = [1213, 1020, 3101];
/// ER_SERVER_SHUTDOWN, ER_CON_COUNT_ERROR, ER_NORMAL_SHUTDOWN, net errors, ER_CONNECTION_KILLED, ER_CLIENT_INTERACTION_TIMEOUT,
/// CR_SERVER_GONE_ERROR and CR_SERVER_LOST as proxies send them.
const LOST: [u16; 11] = [1053, 1040, 1077, 1158, 1159, 1160, 1161, 1927, 4031, 2006, 2013];
/// ER_OPTION_PREVENTS_STATEMENT (--read-only, --super-read-only), ER_READ_ONLY_MODE, ER_RUN_HOOK_ERROR (the group takes no
/// writes now), ER_ERROR_DURING_COMMIT.
const READ_ONLY: [u16; 4] = [1290, 1836, 3100, 1180];
/// ER_DISK_FULL, ER_RECORD_FILE_FULL (a table or its space is full).
const FULL: [u16; 2] = [1021, 1114];
/// ER_NET_PACKET_TOO_LARGE.
const TOO_LARGE: u16 = 1153;
/// Tables or columns that are not as the migrations made them.
const NOT_OURS: [u16; 6] = [1054, 1146, 1034, 1035, 1194, 1712];
/// ER_DBACCESS_DENIED_ERROR, ER_ACCESS_DENIED_ERROR, ER_ACCESS_DENIED_NO_PASSWORD_ERROR, ER_HOST_NOT_PRIVILEGED.
const DENIED: [u16; 4] = [1044, 1045, 1698, 1130];
/// ER_BAD_DB_ERROR.
const NO_DATABASE: u16 = 1049;

/// What an error on the connection to `node` means.
pub(super) fn judge(error: Error, node: &str) -> Failure {
    match error {
        Error::Server(error) => of_server(error, node),
        Error::Driver(DriverError::PacketTooLarge) => Failure::new(Verdict::Final, too_large(node)),
        Error::Driver(DriverError::NoClientSslFlagFromServer) => Failure::new(
            Verdict::Final,
            StoreError::Unfit {
                place: node.to_owned(),
                finding: "offers no encryption".to_owned(),
                fix: "give the server a certificate, or set storage.insecure where nobody else can listen".to_owned(),
            },
        ),
        Error::Driver(DriverError::UnknownAuthPlugin { name }) => Failure::new(
            Verdict::Final,
            StoreError::Unfit {
                place: node.to_owned(),
                finding: format!("wants a login by {name:?}, which is not known here"),
                fix: "let the user log in by caching_sha2_password or mysql_native_password".to_owned(),
            },
        ),
        Error::Io(mysql_async::IoError::Tls(error)) => Failure::new(
            Verdict::Final,
            StoreError::Unfit {
                place: node.to_owned(),
                finding: format!("shows a certificate that is not accepted ({error})"),
                fix: "name its authority in storage.ca_file, and the server by the name in its certificate".to_owned(),
            },
        ),
        error @ (Error::Io(_)
        | Error::Driver(
            DriverError::ConnectionClosed
            | DriverError::PoolDisconnected
            | DriverError::PacketOutOfOrder
            | DriverError::UnexpectedPacket { .. },
        )) => Failure::new(Verdict::Lost, unreachable(node, error)),
        other => Failure::new(Verdict::Final, StoreError::Database(Box::new(other))),
    }
}

fn of_server(error: ServerError, node: &str) -> Failure {
    let unfit = |finding: String, fix: &str| StoreError::Unfit {
        place: node.to_owned(),
        finding,
        fix: fix.to_owned(),
    };
    match error.code {
        DUPLICATE => Failure::new(Verdict::Again, StoreError::Overtaken),
        code if CONFLICTS.contains(&code) => Failure::new(Verdict::Again, StoreError::Overtaken),
        WAITED => Failure::new(
            Verdict::Again,
            StoreError::Busy {
                waited_ms: LOCK_WAIT.as_millis() as u64,
            },
        ),
        code if LOST.contains(&code) => Failure::new(Verdict::Lost, unreachable(node, error)),
        code if READ_ONLY.contains(&code) => Failure::new(Verdict::Elsewhere, StoreError::ReadOnly(Box::new(error))),
        code if FULL.contains(&code) => Failure::new(Verdict::Final, StoreError::DiskFull(Box::new(error))),
        TOO_LARGE => Failure::new(Verdict::Final, too_large(node)),
        code if NOT_OURS.contains(&code) => Failure::new(
            Verdict::Final,
            StoreError::Corrupt {
                finding: error.to_string(),
            },
        ),
        code if DENIED.contains(&code) => Failure::new(
            Verdict::Final,
            unfit(
                format!("refuses the login ({})", error.message),
                "correct the user in storage.url or the password in storage.password_file, and grant it all on the database",
            ),
        ),
        NO_DATABASE => Failure::new(
            Verdict::Final,
            unfit(
                format!("has no such database ({})", error.message),
                "correct storage.url, or run CREATE DATABASE and grant the user all on it",
            ),
        ),
        _ => Failure::new(Verdict::Final, StoreError::Database(Box::new(error))),
    }
}

/// A server that does not answer.
pub(super) fn unreachable(node: &str, cause: impl Into<crate::error::Cause>) -> StoreError {
    StoreError::Unreachable {
        place: node.to_owned(),
        source: cause.into(),
    }
}

fn too_large(node: &str) -> StoreError {
    StoreError::Unfit {
        place: node.to_owned(),
        finding: "takes no packet of this size".to_owned(),
        fix: "raise max_allowed_packet on the server to 64M".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(code: u16) -> Failure {
        let error = ServerError {
            code,
            message: "as the server says".to_owned(),
            state: "HY000".to_owned(),
        };
        judge(Error::Server(error), "db:3306")
    }

    #[test]
    fn what_is_tried_again_and_where() {
        for (code, verdict) in [
            (1213, Verdict::Again),
            (1205, Verdict::Again),
            (1062, Verdict::Again),
            (2006, Verdict::Lost),
            (2013, Verdict::Lost),
            (1053, Verdict::Lost),
            (1290, Verdict::Elsewhere),
            (3100, Verdict::Elsewhere),
            (1114, Verdict::Final),
            (1064, Verdict::Final),
        ] {
            assert_eq!(of(code).verdict, verdict, "{code}");
        }
        assert_eq!(
            judge(DriverError::ConnectionClosed.into(), "db:3306").verdict,
            Verdict::Lost
        );
        assert!(matches!(of(1114).error, StoreError::DiskFull(_)));
        assert!(matches!(of(1290).error, StoreError::ReadOnly(_)));
        assert!(matches!(of(1146).error, StoreError::Corrupt { .. }));
    }

    #[test]
    fn what_an_operator_reads() {
        assert_eq!(
            of(1045).error.to_string(),
            "the database server db:3306 refuses the login (as the server says): correct the user in storage.url or the password \
             in storage.password_file, and grant it all on the database"
        );
        assert!(of(1049).error.to_string().contains("CREATE DATABASE"));
    }
}
