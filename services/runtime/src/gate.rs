//! Asks the role account who makes a call. Every door does so for each call, so that what was revoked is of no use at once.

use sla_proto::Peer;
use sla_proto::account::v1::{AuthenticateRequest, AuthenticateResponse};
use sla_proto::peer::{Presented, Rank};
use tonic::{Code, Status};

use crate::caller::{End, Known};
use crate::status::{Problem, chain, reason};

/// Reaches the role account, in this process or in another one. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Gate {
    peer: Peer,
}

impl Gate {
    /// Asks through `peer`.
    pub fn through(peer: Peer) -> Self {
        Self { peer }
    }

    /// Who calls from `end` with what was `presented`; `None` where no accounts are in use.
    ///
    /// # Errors
    /// UNAUTHENTICATED when nobody is known by it; UNAVAILABLE when it cannot be found out: then nobody passes.
    pub(crate) async fn known(&self, end: End, presented: Presented) -> Result<Option<Known>, Status> {
        let request = AuthenticateRequest {
            // A header that holds no token is told from none: it must not fall back to the uid.
            token: match presented {
                Presented::Nothing => String::new(),
                Presented::Token(token) => token,
                Presented::Garbled => "garbled".to_owned(),
            },
            uid: match end {
                End::User(uid) => Some(uid),
                End::Address(_) | End::Unknown => None,
            },
        };
        match self.peer.account().authenticate(request).await {
            Ok(answer) => known(answer.into_inner()),
            Err(status) if status.code() == Code::Unauthenticated => Err(status),
            Err(status) => {
                tracing::warn!(
                    error = chain(&status),
                    "callers are turned away: the role account cannot be asked"
                );
                Err(Problem::new(
                    Code::Unavailable,
                    reason::UNAVAILABLE,
                    "who calls cannot be found out: the accounts cannot be read",
                )
                .hint("try again; if it stays, the log of the instance has the story")
                .status())
            }
        }
    }
}

fn known(answer: AuthenticateResponse) -> Result<Option<Known>, Status> {
    if !answer.enabled {
        return Ok(None);
    }
    let Some(rank) = Rank::of_message(answer.rank()) else {
        return Err(Problem::new(
            Code::Internal,
            reason::INTERNAL,
            "the role account named a user without a rank",
        )
        .into());
    };
    Ok(Some(Known {
        user_id: answer.user_id,
        user: answer.user,
        rank,
        session_id: answer.session_id,
    }))
}

/// What a user hears whose rank is too low.
pub(crate) fn outranked(known: &Known, least: Rank) -> Status {
    let (user, rank, least) = (&known.user, known.rank.word(), least.word());
    Problem::new(
        Code::PermissionDenied,
        reason::NOT_ALLOWED,
        format!("that takes the rank {least}; {user} calls as {rank}"),
    )
    .hint(format!("an admin gives it: `sla user role {user} {least}`"))
    .detail("needs", least)
    .status()
}
