//! Who calls: a role, the user at the other end of a Unix socket, or the address at the other end of a
//! TCP connection.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use nix::unistd::{Uid, User};
use sla_proto::peer::{Access, Claims, Rank};
use tokio::sync::OnceCell;

use crate::pace::{MAX_ROLE_UNSENT, Pace};

/// The name recorded for what roles do among themselves.
pub const SYSTEM: &str = "system";
/// How long the system's user database (files, LDAP) is waited for before a user is known by number.
const LOOK_UP_LIMIT: Duration = Duration::from_secs(1);

/// How a call came, in rising trust.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Way {
    /// Over TCP from anywhere, without a certificate: nobody knows who it is.
    Guest,
    /// Over TCP, from this host or with a certificate.
    Network,
    /// Over the Unix socket of this host.
    Socket,
    /// From a role: of this process, or of another one that knows the secret.
    Role,
}

impl Way {
    /// Whether a call that came this way may be one of `access`, whoever makes it.
    pub fn may(self, access: Access) -> bool {
        match access {
            Access::Anyone | Access::User(Rank::Viewer) => true,
            Access::User(_) | Access::Somebody => self >= Self::Network,
            Access::Host(_) => self >= Self::Socket,
            Access::Roles => self == Self::Role,
        }
    }
}

/// A user of the instance, as the role account knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// Stays when the name changes.
    pub user_id: String,
    /// The name.
    pub user: String,
    /// What this call may do.
    pub rank: Rank,
    /// The session or token that it was made with; empty when the uid at the socket said who calls.
    pub session_id: String,
}

/// Who makes a call; the layers put it into the request's extensions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// User name, number or address, for the record.
    pub user: String,
    /// How the call came.
    pub way: Way,
    /// Who it is to the instance; `None` for roles, and where no accounts are in use.
    pub known: Option<Known>,
    /// Where it came from, as far as a transport said so.
    pub end: End,
}

impl Caller {
    /// A role, on behalf of `user`.
    pub fn role(user: Option<String>) -> Self {
        Self {
            user: user.unwrap_or_else(|| SYSTEM.to_owned()),
            way: Way::Role,
            known: None,
            end: End::Unknown,
        }
    }

    /// Who a role says that it is: itself, or a user whom it has asked.
    pub fn claimed(claims: &Claims) -> Self {
        let mut caller = Self::role(claims.caller());
        caller.known = claims.proof().map(|(user_id, rank)| Known {
            user_id,
            user: caller.user.clone(),
            rank,
            session_id: String::new(),
        });
        caller
    }

    /// Whether it may make a call of `access` by the way it came. Whose rank was asked for is known, wherever he comes from.
    pub fn may(&self, access: Access) -> bool {
        self.way.may(access) || (self.known.is_some() && matches!(access, Access::User(_) | Access::Somebody))
    }

    /// Whether it has at least `rank`. Where nobody is asked who he is, everybody has.
    pub fn has(&self, rank: Rank) -> bool {
        self.known.as_ref().is_none_or(|known| known.rank >= rank)
    }
}

/// The user's name of a request, for the record.
pub fn user(extensions: &tonic::Extensions) -> String {
    extensions
        .get::<Caller>()
        .map_or_else(|| SYSTEM.to_owned(), |caller| caller.user.clone())
}

/// The `authorization` of a call as it came: for one that passes the call on.
#[derive(Debug, Clone)]
pub struct Rights(pub http::HeaderValue);

/// Who is at the other end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum End {
    /// A user of this host, by number.
    User(u32),
    /// An address; its port tells connections apart.
    Address(SocketAddr),
    /// The transport did not say.
    Unknown,
}

/// A connection and its user, whose name is looked up at the first call and then remembered.
#[derive(Debug, Clone)]
pub struct Connection {
    end: End,
    way: Way,
    name: Arc<OnceCell<String>>,
    shown: Arc<OnceLock<String>>,
    is_nameless: bool,
    pace: Pace,
}

impl Connection {
    /// A connection from `end`.
    pub fn new(end: End, way: Way) -> Self {
        Self {
            end,
            way,
            name: Arc::default(),
            shown: Arc::default(),
            is_nameless: false,
            pace: Pace::default(),
        }
    }

    /// One over which roles call each other: many callers share it.
    #[must_use]
    pub fn of_roles(self) -> Self {
        Self {
            pace: Pace::holding(MAX_ROLE_UNSENT),
            ..self
        }
    }

    /// With a place for the name in the certificate that the caller shows.
    #[must_use]
    pub fn shown_in(self, shown: Arc<OnceLock<String>>) -> Self {
        Self { shown, ..self }
    }

    /// To a port of this host alone and without TLS, or not: such a port has no name but those of this host.
    #[must_use]
    pub fn nameless(self, is_nameless: bool) -> Self {
        Self { is_nameless, ..self }
    }

    /// Whether nothing vouches for a name by which the port is called.
    pub fn is_nameless(&self) -> bool {
        self.is_nameless
    }

    /// Who is at the other end.
    pub fn end(&self) -> End {
        self.end
    }

    /// The watch over those who do not read.
    pub fn pace(&self) -> &Pace {
        &self.pace
    }

    /// The kind of door.
    pub fn way(&self) -> Way {
        self.way
    }

    /// Who calls over it, as the system names him.
    pub async fn caller(&self) -> Caller {
        let user = match self.shown.get() {
            Some(shown) => shown.clone(),
            None => self.name.get_or_init(|| name(self.end)).await.clone(),
        };
        Caller {
            user,
            way: self.way,
            known: None,
            end: self.end,
        }
    }

    /// The same for a user of the instance, whom the system need not name.
    pub(crate) fn used_by(&self, known: Known) -> Caller {
        Caller {
            user: known.user.clone(),
            way: self.way,
            known: Some(known),
            end: self.end,
        }
    }
}

async fn name(end: End) -> String {
    match end {
        End::User(uid) => user_name(uid).await,
        End::Address(address) => address.to_string(),
        End::Unknown => "unknown".to_owned(),
    }
}

/// The login name of a user as the system knows it; the number itself when it has none. The look-up may ask a directory
/// over the network, so it runs beside the calls and has a limit.
async fn user_name(uid: u32) -> String {
    let looked_up = tokio::task::spawn_blocking(move || User::from_uid(Uid::from_raw(uid)));
    match tokio::time::timeout(LOOK_UP_LIMIT, looked_up).await {
        Ok(Ok(Ok(Some(user)))) => user.name,
        _ => format!("uid {uid}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_user_has_a_name_or_a_number() {
        let of = |uid| Connection::new(End::User(uid), Way::Socket);
        let caller = async |uid| of(uid).caller().await.user;
        assert_eq!(caller(0).await, "root");
        assert_eq!(caller(4_000_000_123).await, "uid 4000000123");
    }

    #[test]
    fn who_has_logged_in_is_somebody_wherever_he_comes_from() {
        let guest = Caller {
            way: Way::Guest,
            ..Caller::role(None)
        };
        let known = Caller {
            known: Some(Known {
                user_id: "1".to_owned(),
                user: "ada".to_owned(),
                rank: Rank::Viewer,
                session_id: String::new(),
            }),
            ..guest.clone()
        };
        let may = |access| [&guest, &known].map(|caller| caller.may(access));
        assert_eq!(may(Access::Somebody), [false, true]);
        assert_eq!(may(Access::Host(Rank::Viewer)), [false, false]);
    }

    #[test]
    fn only_roles_keep_things_and_only_this_host_ends_things() {
        let may = |way: Way| {
            let viewer = Rank::Viewer;
            [
                Access::Anyone,
                Access::User(viewer),
                Access::Host(viewer),
                Access::Roles,
            ]
            .map(|access| u8::from(way.may(access)))
        };
        assert_eq!(may(Way::Guest), [1, 1, 0, 0]);
        for change in [Access::User(Rank::Editor), Access::Somebody] {
            let may = [Way::Guest, Way::Network].map(|way| way.may(change));
            assert_eq!(may, [false, true], "who is nobody looks, no more");
        }
        assert_eq!(may(Way::Network), [1, 1, 0, 0]);
        assert_eq!(may(Way::Socket), [1, 1, 1, 0]);
        assert_eq!(may(Way::Role), [1, 1, 1, 1]);
    }
}
