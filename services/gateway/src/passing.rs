//! What travels on with a call: the caller's name, and the token by which it is known. Roles behind the gateway ask for the token
//! again, so that what was revoked is of no use at once, and that what is private stays so. Who is known without one, by his uid at
//! a socket, has the gateway's word for who he is.

use http::header::AUTHORIZATION;
use http::{Extensions, HeaderMap, HeaderValue};
use sla_proto::peer::Claims;
use sla_runtime::caller::{Caller, Rights};

/// The token of a caller that is known by it. Where no accounts are in use it would only make a role a stranger.
pub(crate) fn token(extensions: &Extensions) -> Option<HeaderValue> {
    extensions.get::<Caller>()?.known.as_ref()?;
    extensions.get::<Rights>().map(|Rights(rights)| rights.clone())
}

/// Puts them on the headers of the call behind.
pub(crate) fn put(extensions: &Extensions, headers: &mut HeaderMap) {
    let Some(caller) = extensions.get::<Caller>() else {
        return;
    };
    let mut claims = Claims::default().on_behalf_of(&caller.user);
    match (token(extensions), &caller.known) {
        (Some(token), _) => drop(headers.insert(AUTHORIZATION, token)),
        (None, Some(known)) => claims = claims.proven(&known.user_id, known.rank),
        (None, None) => {}
    }
    claims.put(headers);
}
