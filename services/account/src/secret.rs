//! Secrets that an instance gives out: 256 random bits, kept as their SHA-256 alone. A hash that is slow on purpose is for
//! passwords; nobody guesses 256 bits.

use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::error::AccountError;

/// Bytes of randomness.
const SECRET_BYTES: usize = 32;
/// Digits of an id that people type.
const ID_DIGITS: usize = 12;

/// By what a secret is known.
pub(crate) type Hash = [u8; 32];

/// What a secret is for; scanners and people see it by the first letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    Session,
    Service,
    Invitation,
}

impl Purpose {
    fn prefix(self) -> &'static str {
        match self {
            Self::Session => "sla_s_",
            Self::Service => "sla_t_",
            Self::Invitation => "sla_i_",
        }
    }
}

/// A new secret and its hash.
pub(crate) fn new(purpose: Purpose) -> Result<(Zeroizing<String>, Hash), AccountError> {
    let mut bytes = Zeroizing::new([0_u8; SECRET_BYTES]);
    getrandom::fill(&mut *bytes).map_err(AccountError::Random)?;
    let mut text = Zeroizing::new(String::with_capacity(2 * SECRET_BYTES + 8));
    text.push_str(purpose.prefix());
    for byte in bytes.iter() {
        for digit in [byte >> 4, byte & 15] {
            text.push(char::from_digit(digit.into(), 16).unwrap_or_default());
        }
    }
    let hash = hash(&text);
    Ok((text, hash))
}

/// The hash of a secret, or of anything that was given as one.
pub(crate) fn hash(text: &str) -> Hash {
    Sha256::digest(text.as_bytes()).into()
}

/// A new id: twelve random hexadecimal digits.
pub(crate) fn new_id() -> Result<String, AccountError> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).map_err(AccountError::Random)?;
    let mut digits = format!("{:016x}", u64::from_be_bytes(bytes));
    digits.truncate(ID_DIGITS);
    Ok(digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_differ_are_long_and_say_what_they_are_for() {
        let (one, hash_of_one) = new(Purpose::Session).unwrap();
        let (other, _) = new(Purpose::Session).unwrap();
        assert_ne!(one, other);
        assert_eq!((one.len(), &one[..6]), (6 + 64, "sla_s_"));
        assert_eq!(hash(&one), hash_of_one);
        assert_ne!(hash(&one[..one.len() - 1]), hash_of_one);
        assert!(one.len() <= sla_proto::peer::MAX_TOKEN_BYTES);
        assert_ne!(new_id().unwrap(), new_id().unwrap());
    }
}
