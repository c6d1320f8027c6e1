//! Passwords: what is accepted as one, and Argon2id with m = 19 MiB, t = 2, p = 1 (OWASP Password Storage Cheat Sheet). Slow
//! on purpose: [`crate::hashing`] says where it may run.

use argon2::{Algorithm, Argon2, Params, Version};
use sla_proto::storage::v1::PasswordHash;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use crate::error::AccountError;

/// Memory in KiB, passes, lanes.
const COSTS: (u32, u32, u32) = (19 * 1024, 2, 1);
const SALT_BYTES: usize = 16;
const HASH_BYTES: usize = 32;
/// The shortest password, in characters; the longest in bytes.
const MIN_CHARS: usize = 10;
const MAX_BYTES: usize = 256;
/// Different characters that a password has at least.
const MIN_DIFFERENT: usize = 5;

/// A password in memory: gone from there when it is dropped, never printed.
pub(crate) type Password = Zeroizing<String>;

/// Why `password` is not accepted for the user `name`; the words never repeat it.
pub(crate) fn weakness(password: &str, name: &str) -> Option<&'static str> {
    let lower = password.to_lowercase();
    let mut different: Vec<char> = lower.chars().collect();
    different.sort_unstable();
    different.dedup();
    if password.chars().count() < MIN_CHARS {
        Some("is shorter than 10 characters")
    } else if password.len() > MAX_BYTES {
        Some("is longer than 256 bytes")
    } else if !name.is_empty() && lower.contains(&name.to_lowercase()) {
        Some("contains the name")
    } else if different.len() < MIN_DIFFERENT {
        Some("has fewer than 5 different characters")
    } else {
        None
    }
}

/// A fresh hash of `password`.
pub(crate) fn hashed(password: &Password) -> Result<PasswordHash, AccountError> {
    let mut salt = [0; SALT_BYTES];
    getrandom::fill(&mut salt).map_err(AccountError::Random)?;
    let mut hash = PasswordHash {
        memory_kib: COSTS.0,
        passes: COSTS.1,
        lanes: COSTS.2,
        salt: salt.to_vec(),
        hash: Vec::new(),
    };
    hash.hash = run(password, &hash)?.to_vec();
    Ok(hash)
}

/// Whether `password` is the one behind `stored`. Without one it takes as long, and it is not.
pub(crate) fn matches(password: &Password, stored: Option<&PasswordHash>) -> Result<bool, AccountError> {
    let nobody = PasswordHash {
        memory_kib: COSTS.0,
        passes: COSTS.1,
        lanes: COSTS.2,
        salt: vec![0; SALT_BYTES],
        hash: vec![0; HASH_BYTES],
    };
    let against = stored.unwrap_or(&nobody);
    let equal = bool::from(run(password, against)?.ct_eq(against.hash.as_slice()));
    Ok(equal && stored.is_some())
}

fn run(password: &Password, with: &PasswordHash) -> Result<Zeroizing<[u8; HASH_BYTES]>, AccountError> {
    let params = Params::new(with.memory_kib, with.passes, with.lanes, Some(HASH_BYTES));
    let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, params.map_err(AccountError::Hash)?);
    let mut hash = Zeroizing::new([0; HASH_BYTES]);
    argon
        .hash_password_into(password.as_bytes(), &with.salt, &mut *hash)
        .map_err(AccountError::Hash)?;
    Ok(hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_password_matches_and_never_without_one() {
        let password = |text: &str| Password::new(text.to_owned());
        let stored = hashed(&password("a long enough one")).unwrap();
        assert_eq!((stored.memory_kib, stored.passes, stored.lanes), (19_456, 2, 1));
        assert!(matches(&password("a long enough one"), Some(&stored)).unwrap());
        for wrong in ["a long enough On", "", "a long enough one "] {
            assert!(!matches(&password(wrong), Some(&stored)).unwrap(), "{wrong}");
        }
        assert!(!matches(&password("a long enough one"), None).unwrap());
        let again = hashed(&password("a long enough one")).unwrap();
        assert_ne!(again.hash, stored.hash, "each with a salt of its own");
    }

    #[test]
    fn a_weak_password_is_told_why() {
        for (password, weak) in [
            ("short", true),
            ("aaaaaaaaaaaaaaa", true),
            ("my name is Anna 7", true),
            ("correct horse battery", false),
            ("äöüßéèñçåø", false),
            (&"long ".repeat(60), true),
        ] {
            assert_eq!(weakness(password, "anna").is_some(), weak, "{password}");
        }
    }
}
