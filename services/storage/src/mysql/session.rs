//! One connection to one node: opened only where writes go, with the same settings on every server.

use std::sync::Arc;
use std::time::Duration;

use mysql_async::prelude::Queryable as _;
use mysql_async::{Conn, OptsBuilder, SslOpts};

use super::error::{Failure, LOCK_WAIT, Verdict, judge, unreachable};
use crate::error::StoreError;
use crate::server_place::{Node, Password, ServerPlace};

/// How long a server may take to let us in.
const LOGIN_LIMIT: Duration = Duration::from_secs(3);
/// Prepared statements kept a connection.
const STATEMENT_CACHE: usize = 160;
/// A dead letter of 10 MiB must pass.
const LEAST_PACKET: usize = 16 << 20;
/// The oldest servers that are supported: what the statements need (window functions) and what is still mended.
const OLDEST_MYSQL: (u32, u32) = (8, 0);
const OLDEST_MARIADB: (u32, u32) = (10, 6);
/// ER_UNKNOWN_SYSTEM_VARIABLE: the plugin of group replication is not loaded.
const UNKNOWN_VARIABLE: u16 = 1193;
/// ER_TABLEACCESS_DENIED_ERROR.
const TABLE_DENIED: u16 = 1142;

/// What a connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Sees what others have committed meanwhile; its updates are guarded.
    Write,
    /// Sees one snapshot.
    Read,
}

impl Purpose {
    fn isolation(self) -> &'static str {
        match self {
            Self::Write => "READ COMMITTED",
            Self::Read => "REPEATABLE READ",
        }
    }
}

/// An open connection to the node that takes writes.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) conn: Conn,
    /// For messages: `host:port`.
    pub(super) node: Arc<str>,
    /// Bytes of one packet at most.
    pub(super) packet: usize,
}

/// Logs in at a node and refuses one that takes no writes, or cannot keep what it is given.
pub(super) async fn open(place: &ServerPlace, node: &Node, purpose: Purpose) -> Result<Session, Failure> {
    let name: Arc<str> = node.to_string().into();
    let options = options(place, node)?;
    let login = async {
        let conn = Conn::new(options).await.map_err(|error| judge(error, &name))?;
        checked(conn, name.clone(), purpose).await
    };
    tokio::time::timeout(LOGIN_LIMIT, login).await.unwrap_or_else(|_| {
        let words = format!("it did not let us in within {} s", LOGIN_LIMIT.as_secs());
        Err(Failure::new(Verdict::Lost, unreachable(&name, words)))
    })
}

fn options(place: &ServerPlace, node: &Node) -> Result<OptsBuilder, Failure> {
    let unreadable = |path: &std::path::Path, source| {
        Failure::new(
            Verdict::Final,
            StoreError::File {
                action: "read",
                path: path.to_owned(),
                source,
            },
        )
    };
    let password = match &place.password {
        Password::None => None,
        Password::Given(password) => Some(password.clone()),
        Password::File(path) => {
            let text = std::fs::read_to_string(path).map_err(|source| unreadable(path, source))?;
            Some(text.lines().next().unwrap_or_default().to_owned())
        }
    };
    let encryption = if place.encrypts(node) {
        let mut options = SslOpts::default();
        if let Some(path) = &place.ca_file {
            let authority = std::fs::read(path).map_err(|source| unreadable(path, source))?;
            options = options
                .with_root_certs(vec![authority.into()])
                .with_disable_built_in_roots(true);
        }
        Some(options)
    } else {
        None
    };
    Ok(OptsBuilder::default()
        .ip_or_hostname(node.host.clone())
        .tcp_port(node.port)
        .user(Some(place.url.user.clone()))
        .pass(password)
        .db_name(Some(place.url.database.clone()))
        // The address that was named, not a socket that the server tells of.
        .prefer_socket(false)
        .tcp_nodelay(true)
        .stmt_cache_size(STATEMENT_CACHE)
        .ssl_opts(encryption))
}

async fn checked(mut conn: Conn, node: Arc<str>, purpose: Purpose) -> Result<Session, Failure> {
    let settings = "SELECT VERSION(), @@read_only, @@max_allowed_packet, @@innodb_flush_log_at_trx_commit";
    let row: Option<(String, String, String, String)> =
        conn.query_first(settings).await.map_err(|error| judge(error, &node))?;
    let (version, read_only, packet, flush) = row.unwrap_or_default();
    let unfit = |finding: String, fix: &str| {
        let (place, fix) = (node.to_string(), fix.to_owned());
        Failure::new(Verdict::Final, StoreError::Unfit { place, finding, fix })
    };
    if !is_supported(&version) {
        let finding = format!("runs {version}, which is too old");
        return Err(unfit(finding, "use MySQL 8.0 or newer, or MariaDB 10.6 or newer"));
    }
    if !matches!(read_only.as_str(), "0" | "OFF") {
        return Err(elsewhere("it is read-only"));
    }
    if !version.contains("MariaDB") {
        in_its_group(&mut conn, &node).await?;
    }
    let packet: usize = packet.parse().unwrap_or(0);
    if packet < LEAST_PACKET {
        let finding = format!("takes packets of {packet} bytes at most");
        return Err(unfit(finding, "raise max_allowed_packet on the server to 64M"));
    }
    if flush != "1" && purpose == Purpose::Write {
        tracing::warn!(
            node = &*node,
            innodb_flush_log_at_trx_commit = flush,
            "the database server may lose what it has acknowledged when its host fails: set it to 1"
        );
    }
    for statement in [
        // Bytes stay as they are, in both directions.
        "SET NAMES binary".to_owned(),
        format!(
            "SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION', time_zone = '+00:00', \
             innodb_lock_wait_timeout = {}",
            LOCK_WAIT.as_secs()
        ),
        format!("SET SESSION TRANSACTION ISOLATION LEVEL {}", purpose.isolation()),
    ] {
        conn.query_drop(statement).await.map_err(|error| judge(error, &node))?;
    }
    Ok(Session { conn, node, packet })
}

fn elsewhere(words: &str) -> Failure {
    Failure::new(Verdict::Elsewhere, StoreError::ReadOnly(words.into()))
}

/// A member of a group takes writes while the group knows it as primary. One that was configured for a group and is not in
/// it (it was expelled, or started by itself) may be writable all the same, and what it took would be thrown away.
async fn in_its_group(conn: &mut Conn, node: &str) -> Result<(), Failure> {
    let group: Result<Option<String>, _> = conn.query_first("SELECT @@group_replication_group_name").await;
    match group {
        Err(mysql_async::Error::Server(error)) if error.code == UNKNOWN_VARIABLE => return Ok(()),
        Err(error) => return Err(judge(error, node)),
        Ok(group) if group.as_ref().is_none_or(String::is_empty) => return Ok(()),
        Ok(_) => {}
    }
    let members = "SELECT member_state, member_role FROM performance_schema.replication_group_members \
         WHERE member_id = @@server_uuid";
    let unfit = |finding: String, fix: &str| {
        let (place, fix) = (node.to_owned(), fix.to_owned());
        StoreError::Unfit { place, finding, fix }
    };
    let member: Option<(String, String)> = conn.query_first(members).await.map_err(|error| match error {
        mysql_async::Error::Server(error) if error.code == TABLE_DENIED => Failure::new(
            Verdict::Final,
            unfit(
                "does not let its user see the members of its group".to_owned(),
                "GRANT SELECT ON performance_schema.replication_group_members to the user of storage.url",
            ),
        ),
        error => judge(error, node),
    })?;
    match member.as_ref().map(|(state, role)| (state.as_str(), role.as_str())) {
        Some(("ONLINE", "PRIMARY")) => Ok(()),
        Some(("ONLINE" | "RECOVERING", _)) => Err(elsewhere("it is a secondary of its group")),
        other => Err(Failure::new(
            Verdict::Elsewhere,
            unfit(
                format!(
                    "is set up for a group and is not in it ({})",
                    other.map_or("no member", |(state, _)| if state.is_empty() {
                        "no state"
                    } else {
                        state
                    })
                ),
                "START GROUP_REPLICATION on it, or name the nodes of the group in storage.url",
            ),
        )),
    }
}

fn is_supported(version: &str) -> bool {
    let mut numbers = version
        .split(|c: char| !c.is_ascii_digit())
        .map(|number| number.parse().unwrap_or(0));
    let found: (u32, u32) = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    let oldest = if version.contains("MariaDB") {
        OLDEST_MARIADB
    } else {
        OLDEST_MYSQL
    };
    found >= oldest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_servers_are_known_by_their_version() {
        for (version, supported) in [
            ("9.7.4", true),
            ("8.0.11", true),
            ("5.7.44-log", false),
            ("10.11.14-MariaDB-0+deb12u2", true),
            ("10.5.29-MariaDB", false),
            ("", false),
        ] {
            assert_eq!(is_supported(version), supported, "{version}");
        }
    }
}
