//! Who calls: the user at the other end of a Unix socket, the address at the other end of a TCP connection, or a role of
//! this process.

use tonic::transport::server::{TcpConnectInfo, UdsConnectInfo};

/// The name recorded for calls between roles of one process.
pub const SYSTEM: &str = "system";

/// Who makes a call, put into the request's extensions by the layers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// User name, numeric id, or address.
    pub user: String,
    /// Whether the call came over the Unix socket of this host.
    pub local: bool,
}

impl Caller {
    /// From what the transport knows.
    pub fn of(extensions: &http::Extensions) -> Self {
        if let Some(unix) = extensions.get::<UdsConnectInfo>() {
            let user = unix
                .peer_cred
                .map_or_else(|| "unknown".to_owned(), |cred| user_name(cred.uid()));
            return Self { user, local: true };
        }
        if let Some(tcp) = extensions.get::<TcpConnectInfo>() {
            let user = tcp
                .remote_addr()
                .map_or_else(|| "unknown".to_owned(), |address| address.to_string());
            return Self { user, local: false };
        }
        Self {
            user: SYSTEM.to_owned(),
            local: true,
        }
    }
}

/// The user's name of a request, for the record.
pub fn user(extensions: &tonic::Extensions) -> String {
    extensions
        .get::<Caller>()
        .map_or_else(|| SYSTEM.to_owned(), |caller| caller.user.clone())
}

/// The login name of a numeric user id, from the system's user list; the number itself when it has none.
pub fn user_name(uid: u32) -> String {
    std::fs::read_to_string("/etc/passwd")
        .ok()
        .and_then(|list| {
            list.lines().find_map(|line| {
                let mut fields = line.split(':');
                let name = fields.next()?;
                (fields.nth(1)?.parse() == Ok(uid)).then(|| name.to_owned())
            })
        })
        .unwrap_or_else(|| format!("uid {uid}"))
}
