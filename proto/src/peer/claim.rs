//! What a role says about itself and about whom it calls for. A door believes it only where the call comes from this process,
//! or carries the secret that the roles of an estate share.

use http::{HeaderMap, HeaderValue};
use tonic::metadata::{BinaryMetadataValue, MetadataMap};

use super::access::Rank;

/// Metadata key: the user on whose behalf a role calls, as UTF-8.
const CALLER: &str = "sla-caller-bin";
/// Metadata key: the rank and, after a blank, the id of that user, where a door has asked who he is.
const PROVEN: &str = "sla-caller-proven-bin";
/// Metadata key: the secret that roles share.
const SECRET: &str = "sla-role-secret-bin";

/// The claims of one call.
#[derive(Debug, Clone, Default)]
pub struct Claims {
    caller: Option<HeaderValue>,
    proven: Option<HeaderValue>,
    secret: Option<HeaderValue>,
}

impl Claims {
    /// Calls for `user`.
    #[must_use]
    pub fn on_behalf_of(mut self, user: &str) -> Self {
        self.caller = encoded(user);
        self
    }

    /// That user was asked who he is: he may behind this door what he may at it, and no more.
    #[must_use]
    pub fn proven(mut self, user_id: &str, rank: Rank) -> Self {
        self.proven = encoded(&format!("{} {user_id}", rank.word()));
        self
    }

    /// Calls as a role that knows `secret`.
    #[must_use]
    pub fn with_secret(mut self, secret: &str) -> Self {
        self.secret = encoded(secret).map(|mut value| {
            // Never in a log, never in the compression table of HTTP/2.
            value.set_sensitive(true);
            value
        });
        self
    }

    /// Takes the claims out of a request: whatever is behind a door cannot take them for true, or pass them on.
    pub fn take(headers: &mut HeaderMap) -> Self {
        Self {
            caller: headers.remove(CALLER),
            proven: headers.remove(PROVEN),
            secret: headers.remove(SECRET),
        }
    }

    /// The user on whose behalf the call is made, if one is named.
    pub fn caller(&self) -> Option<String> {
        text(CALLER, self.caller.as_ref())
    }

    /// The id and the rank of that user, where a door has asked who he is.
    pub fn proof(&self) -> Option<(String, Rank)> {
        let text = text(PROVEN, self.proven.as_ref())?;
        let (rank, user_id) = text.split_once(' ')?;
        Some((user_id.to_owned(), Rank::of_word(rank)?))
    }

    /// Whether the caller knows `secret`. Takes as long for any wrong one of its length.
    pub fn knows(&self, secret: &str) -> bool {
        let Some(given) = self.secret.clone().and_then(|value| decoded(SECRET, value)) else {
            return false;
        };
        let differing = given.iter().zip(secret.bytes()).fold(0, |bits, (a, b)| bits | (a ^ b));
        given.len() == secret.len() && differing == 0
    }

    /// Puts them on a request that carries none of its own.
    pub fn put(&self, headers: &mut HeaderMap) {
        for (key, value) in [(CALLER, &self.caller), (PROVEN, &self.proven), (SECRET, &self.secret)] {
            if let Some(value) = value {
                headers.entry(key).or_insert_with(|| value.clone());
            }
        }
    }
}

fn encoded(text: &str) -> Option<HeaderValue> {
    HeaderValue::from_bytes(BinaryMetadataValue::from_bytes(text.as_bytes()).as_encoded_bytes()).ok()
}

fn text(key: &'static str, value: Option<&HeaderValue>) -> Option<String> {
    String::from_utf8(decoded(key, value?.clone())?).ok()
}

fn decoded(key: &'static str, value: HeaderValue) -> Option<Vec<u8>> {
    let mut only = HeaderMap::new();
    only.insert(key, value);
    let bytes = MetadataMap::from_headers(only).get_bin(key)?.to_bytes().ok()?;
    Some(bytes.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claims_travel_once_and_are_taken_out() {
        let mut headers = HeaderMap::new();
        Claims::default()
            .on_behalf_of("Zoë")
            .proven("7-a", Rank::Editor)
            .with_secret("open sesame")
            .put(&mut headers);
        Claims::default().on_behalf_of("somebody else").put(&mut headers);
        let claims = Claims::take(&mut headers);
        assert!(headers.is_empty());
        assert_eq!(claims.caller().as_deref(), Some("Zoë"));
        assert_eq!(claims.proof(), Some(("7-a".to_owned(), Rank::Editor)));
        assert_eq!(Claims::default().on_behalf_of("Zoë").proof(), None);
        assert!(claims.knows("open sesame"));
        for wrong in ["", "open sesam", "open sesame!", "Open sesame"] {
            assert!(!claims.knows(wrong), "{wrong:?}");
        }
        assert!(!Claims::default().knows(""), "no secret is no knowledge");
    }
}
