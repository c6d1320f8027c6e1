//! Pages of lists: sizes with a limit, opaque tokens that are bound to their filter (AIP-158).

use crate::status::{Problem, reason};

/// Rows of a page when the caller does not say.
pub const DEFAULT_SIZE: usize = 100;
/// Rows of a page at most.
pub const MAX_SIZE: usize = 1000;
/// A token longer than this is not ours.
const MAX_TOKEN_CHARS: usize = 4096;

/// The page size to use: 0 means the default, more than the limit means the limit.
pub fn size(requested: u32) -> usize {
    if requested == 0 {
        DEFAULT_SIZE
    } else {
        (requested as usize).min(MAX_SIZE)
    }
}

/// Keyset page tokens.
#[derive(Debug)]
pub struct Token;

impl Token {
    /// A token that goes on after `key` in the list with this `filter` (any text that names the filter completely).
    pub fn encode(filter: &str, key: &str) -> String {
        let mut text = format!("{:016x}", fingerprint(filter));
        for byte in key.as_bytes() {
            use std::fmt::Write as _;
            let _ = write!(text, "{byte:02x}");
        }
        text
    }

    /// What a token that is none of ours gets.
    pub fn refused() -> Problem {
        Problem::new(
            tonic::Code::InvalidArgument,
            reason::BAD_PAGE_TOKEN,
            "page_token belongs to another list, filter or version",
        )
        .field(
            "page_token",
            "use the token of the previous answer with the same filter, or leave it empty",
        )
    }

    /// The key of a token; `None` for the empty token (the first page).
    pub fn decode(token: &str, filter: &str) -> Result<Option<String>, Problem> {
        if token.is_empty() {
            return Ok(None);
        }
        let refused = Self::refused;
        if token.len() > MAX_TOKEN_CHARS || !token.is_ascii() || token.len() < 16 || !token.len().is_multiple_of(2) {
            return Err(refused());
        }
        let (bound_to, key) = token.split_at(16);
        if bound_to != format!("{:016x}", fingerprint(filter)) {
            return Err(refused());
        }
        let bytes: Result<Vec<u8>, _> = (0..key.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&key[at..at + 2], 16))
            .collect();
        let bytes = bytes.map_err(|_| refused())?;
        String::from_utf8(bytes).map(Some).map_err(|_| refused())
    }
}

/// FNV-1a, 64 bit: a check against mix-ups, not against attackers.
fn fingerprint(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_bound_to_their_filter() {
        let token = Token::encode("set=a", "zürich/7");
        assert_eq!(Token::decode(&token, "set=a").unwrap().as_deref(), Some("zürich/7"));
        assert!(Token::decode(&token, "set=b").is_err());
        assert!(Token::decode("", "set=a").unwrap().is_none());
        for garbage in ["x", "0123456789abcdef0", "ÿÿÿÿÿÿÿÿÿ", &"0".repeat(5000)] {
            assert!(Token::decode(garbage, "set=a").is_err(), "{garbage}");
        }
    }

    #[test]
    fn sizes_have_a_default_and_a_limit() {
        assert_eq!((size(0), size(7), size(100_000)), (DEFAULT_SIZE, 7, MAX_SIZE));
    }
}
