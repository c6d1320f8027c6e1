//! Who calls: by a token where one came, else by the uid at the Unix socket.

use sla_proto::account::v1::{AuthenticateRequest, AuthenticateResponse};

use crate::book::Identity;
use crate::error::AccountError;
use crate::keeper::Keeper;
use crate::secret;

const LOG_IN: &str = "log in with `sla login`; programs name the file of their token with --token-file";
const MAP_UID: &str = "an admin maps it to a user: `sla user map NAME --uid N`; or log in with `sla login`";

/// The answer to a door, and the token whose use should be stored.
pub(crate) async fn admit(
    keeper: &Keeper,
    request: &AuthenticateRequest,
) -> Result<(AuthenticateResponse, Option<Identity>), AccountError> {
    let now_ms = keeper.now_ms();
    let mut book = keeper.book().await?;
    if !book.is_in_use() {
        return Ok((AuthenticateResponse::default(), None));
    }
    let found = match (request.token.as_str(), request.uid) {
        ("", Some(uid)) => book.use_uid(uid).ok_or_else(|| AccountError::Unknown {
            words: format!("uid {uid} is no user of this instance"),
            hint: MAP_UID,
        }),
        ("", None) => Err(AccountError::Unknown {
            words: "this instance has users: a call needs a token".to_owned(),
            hint: LOG_IN,
        }),
        // A token that is of no use never falls back to the uid: its holder must hear that it has ended.
        (token, _) => book
            .use_token(&secret::hash(token), now_ms)
            .ok_or_else(|| AccountError::Unknown {
                words: "the token is not valid, or no longer".to_owned(),
                hint: LOG_IN,
            }),
    };
    let identity = found?;
    let answer = AuthenticateResponse {
        enabled: true,
        user_id: identity.account.id.clone(),
        user: identity.account.name.clone(),
        rank: identity.rank.message().into(),
        session_id: identity.session_id.clone(),
    };
    Ok((answer, Some(identity)))
}
