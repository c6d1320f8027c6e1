//! Ids that callers give to what they start, so that a repeated call starts nothing twice.

use crate::invalid::{Invalid, check_harmless};

/// The longest request id, in characters.
pub const MAX_CHARS: usize = 64;

/// Refuses a request id that is empty, too long or not plain text.
pub fn check_request_id(text: &str) -> Result<(), Invalid> {
    let chars = text.chars().count();
    if chars == 0 || chars > MAX_CHARS {
        return Err(Invalid::new(
            "request_id",
            text,
            format!("must have 1 to {MAX_CHARS} characters"),
            "send a fresh random id with each new start, the same one when repeating",
        ));
    }
    check_harmless("request_id", text, false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_plain_text_of_some_length_is_one() {
        assert!(check_request_id("any text").is_ok());
        for text in ["", "\u{1b}[2J", &"x".repeat(65)] {
            assert!(check_request_id(text).is_err(), "{text:?}");
        }
    }
}
