//! What travels on with a call: the caller's name, and the token by which it is known. Roles behind the gateway ask for the token
//! again, so that what was revoked is of no use at once, and that what is private stays so. Who is known without one, by his uid at
//! a socket, has the gateway's word for who he is.

use http::header::AUTHORIZATION;
use http::{Extensions, HeaderMap, HeaderValue};
use sla_proto::peer::{Claims, Rank};
use sla_runtime::caller::{Caller, Rights};

/// By what a caller is known behind the gateway.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(crate) struct Identity {
    /// Where no accounts are in use a token would only make a role a stranger.
    token: Option<HeaderValue>,
    /// Name, id and rank of one who is known without a token.
    proven: Option<(String, String, Rank)>,
}

impl Identity {
    pub(crate) fn of(extensions: &Extensions) -> Self {
        let Some(known) = extensions.get::<Caller>().and_then(|caller| caller.known.as_ref()) else {
            return Self::default();
        };
        match extensions.get::<Rights>() {
            Some(Rights(token)) => Self {
                token: Some(token.clone()),
                proven: None,
            },
            None => Self {
                token: None,
                proven: Some((known.user.clone(), known.user_id.clone(), known.rank)),
            },
        }
    }

    /// Puts it on the headers of a call behind.
    pub(crate) fn put(&self, headers: &mut HeaderMap) {
        if let Some(token) = &self.token {
            headers.insert(AUTHORIZATION, token.clone());
        }
        if let Some((user, user_id, rank)) = &self.proven {
            Claims::default().on_behalf_of(user).proven(user_id, *rank).put(headers);
        }
    }
}

/// Puts on the headers of the call behind by what the caller is known, and his name in any case.
pub(crate) fn put(extensions: &Extensions, headers: &mut HeaderMap) {
    Identity::of(extensions).put(headers);
    if let Some(caller) = extensions.get::<Caller>() {
        Claims::default().on_behalf_of(&caller.user).put(headers);
    }
}

#[cfg(test)]
mod tests {
    use sla_runtime::caller::Known;

    use super::*;

    #[test]
    fn who_is_known_without_a_token_has_the_gateways_word() {
        let known = |rank| Known {
            user_id: "7".to_owned(),
            user: "zoe".to_owned(),
            rank,
            session_id: String::new(),
        };
        let passed = |caller: Caller, token: Option<&'static str>| {
            let mut extensions = Extensions::new();
            extensions.insert(caller);
            if let Some(token) = token {
                extensions.insert(Rights(HeaderValue::from_static(token)));
            }
            let mut headers = HeaderMap::new();
            put(&extensions, &mut headers);
            let token = headers.remove(AUTHORIZATION).is_some();
            (token, Claims::take(&mut headers).proof())
        };
        let caller = |known| Caller {
            known,
            ..Caller::role(Some("zoe".to_owned()))
        };
        let viewer = caller(Some(known(Rank::Viewer)));
        let by_uid = Some(("7".to_owned(), Rank::Viewer));
        assert_eq!(passed(viewer.clone(), None), (false, by_uid));
        assert_eq!(passed(viewer, Some("Bearer t")), (true, None));
        assert_eq!(passed(caller(None), Some("Bearer t")), (false, None), "no accounts");
    }
}
