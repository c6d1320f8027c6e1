//! The token that a call carries: `authorization: Bearer …`. It may change while a peer lives: people log in and out.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue};
use tonic::Status;

/// The longest token that is looked at, bytes; those of an instance have 48.
pub const MAX_TOKEN_BYTES: usize = 512;
const SCHEME: &str = "Bearer ";

/// The token of a peer's calls, shared by all its clones. Never printed.
#[derive(Clone, Default)]
pub struct Bearer(Arc<RwLock<Held>>);

#[derive(Default)]
enum Held {
    #[default]
    Nothing,
    Header(HeaderValue),
    /// No call is made with it.
    Unusable,
}

/// What a request came with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Presented {
    /// No header.
    Nothing,
    /// A token, whosever it is.
    Token(String),
    /// A header that holds no token.
    Garbled,
}

impl fmt::Debug for Bearer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bearer").finish_non_exhaustive()
    }
}

impl Bearer {
    /// Calls with `token`.
    pub fn holding(token: &str) -> Self {
        let bearer = Self::default();
        bearer.set(Some(token));
        bearer
    }

    /// From now on calls carry `token`, or none.
    pub fn set(&self, token: Option<&str>) {
        let held = token.map_or(Held::Nothing, |token| {
            header(token).map_or(Held::Unusable, Held::Header)
        });
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = held;
    }

    /// Puts the token on a request that carries none.
    pub(super) fn put(&self, headers: &mut HeaderMap) -> Result<(), Status> {
        match &*self.0.read().unwrap_or_else(PoisonError::into_inner) {
            Held::Nothing => {}
            Held::Header(value) => {
                headers.entry(AUTHORIZATION).or_insert_with(|| value.clone());
            }
            Held::Unusable => {
                return Err(Status::unauthenticated(
                    "the token is longer than any token, or is not text: log in again with `sla login`",
                ));
            }
        }
        Ok(())
    }

    /// Takes the token out of a request, so that nothing behind the door sees it.
    pub fn take(headers: &mut HeaderMap) -> Presented {
        let Some(value) = headers.remove(AUTHORIZATION) else {
            return Presented::Nothing;
        };
        let token = value
            .to_str()
            .ok()
            // Schemes are written in any case (RFC 9110, 11.1).
            .and_then(|text| text.split_at_checked(SCHEME.len()))
            .and_then(|(scheme, token)| scheme.eq_ignore_ascii_case(SCHEME).then_some(token))
            .map(str::trim);
        match token {
            Some(token) if !token.is_empty() && token.len() <= MAX_TOKEN_BYTES => Presented::Token(token.to_owned()),
            _ => Presented::Garbled,
        }
    }
}

fn header(token: &str) -> Option<HeaderValue> {
    if token.is_empty() || token.len() > MAX_TOKEN_BYTES {
        return None;
    }
    let mut value = HeaderValue::from_str(&format!("{SCHEME}{token}")).ok()?;
    // Never in a log, never in the compression table of HTTP/2.
    value.set_sensitive(true);
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_put_once_and_taken_out_whole() {
        let mut headers = HeaderMap::new();
        let bearer = Bearer::holding("first");
        bearer.put(&mut headers).unwrap();
        bearer.set(Some("second"));
        bearer.put(&mut headers).unwrap();
        assert_eq!(Bearer::take(&mut headers), Presented::Token("first".to_owned()));
        assert_eq!((Bearer::take(&mut headers), headers.len()), (Presented::Nothing, 0));
        headers.insert(AUTHORIZATION, HeaderValue::from_static("bearer third"));
        assert_eq!(Bearer::take(&mut headers), Presented::Token("third".to_owned()));
        bearer.set(None);
        bearer.put(&mut headers).unwrap();
        assert!(headers.is_empty());
        assert!(!format!("{:?}", Bearer::holding("canary")).contains("canary"));
    }

    #[test]
    fn what_is_no_token_never_leaves_or_is_refused_where_it_arrives() {
        for odd in ["", &"x".repeat(1 << 20), "line\nfeed"] {
            let refused = Bearer::holding(odd).put(&mut HeaderMap::new()).unwrap_err();
            assert_eq!(refused.code(), tonic::Code::Unauthenticated);
        }
        for odd in [
            "Basic eDp5",
            "Bearer ",
            "bearer",
            "",
            &format!("Bearer {}", "x".repeat(MAX_TOKEN_BYTES + 1)),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(AUTHORIZATION, HeaderValue::from_str(odd).unwrap());
            assert_eq!(Bearer::take(&mut headers), Presented::Garbled, "{odd}");
        }
    }
}
