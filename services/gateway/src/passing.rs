//! What travels on with a call: the caller's name, and the token by which it is known. Roles behind the gateway ask for the token
//! again, so that what was revoked is of no use at once, and that what is private stays so.

use http::header::AUTHORIZATION;
use http::{Extensions, HeaderMap, HeaderValue};
use sla_proto::peer::Claims;
use sla_runtime::caller::{Caller, Rights};

/// The token of a caller that is known by it. Where no accounts are in use it would only make a role a stranger.
pub(crate) fn token(extensions: &Extensions) -> Option<HeaderValue> {
    extensions.get::<Caller>()?.known.as_ref()?;
    extensions.get::<Rights>().map(|Rights(rights)| rights.clone())
}

/// Puts both on the headers of the call behind.
pub(crate) fn put(extensions: &Extensions, headers: &mut HeaderMap) {
    if let Some(token) = token(extensions) {
        headers.insert(AUTHORIZATION, token);
    }
    if let Some(caller) = extensions.get::<Caller>() {
        Claims::default().on_behalf_of(&caller.user).put(headers);
    }
}
