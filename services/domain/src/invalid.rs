//! What a refused input is told: the field, the value, the rule and the fix.

use std::fmt;

use crate::safe_text::SafeText;

/// One refused field. `Display` gives a whole sentence; the parts go into field violations of the contract.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invalid {
    /// Path of the field, for example `objectives[2].max`.
    pub field: String,
    /// What was given, made harmless and cut.
    pub value: SafeText,
    /// The rule that was broken, for example `must not lie below min (5)`.
    pub rule: String,
    /// What to do, for example `raise max or lower min`.
    pub fix: String,
}

impl Invalid {
    /// How much of a refused value is repeated to its author, in characters.
    pub const MAX_VALUE_CHARS: usize = 120;

    /// From the four parts; `value` is made harmless here.
    pub fn new(field: impl Into<String>, value: &str, rule: impl Into<String>, fix: impl Into<String>) -> Self {
        Self {
            field: field.into(),
            value: SafeText::with_limit(value, Self::MAX_VALUE_CHARS),
            rule: rule.into(),
            fix: fix.into(),
        }
    }

    /// The same with `prefix` (and a dot) before the field.
    #[must_use]
    pub fn within(mut self, prefix: &str) -> Self {
        self.field = format!("{prefix}.{}", self.field);
        self
    }
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.value.is_empty() {
            write!(f, "{}: {}; {}", self.field, self.rule, self.fix)
        } else {
            write!(f, "{} is {}: {}; {}", self.field, self.value, self.rule, self.fix)
        }
    }
}

impl std::error::Error for Invalid {}

/// Refuses a text above `max_chars` characters.
pub(crate) fn check_length(field: &str, text: &str, max_chars: usize) -> Result<(), Invalid> {
    let chars = text.chars().count();
    if chars <= max_chars {
        return Ok(());
    }
    Err(Invalid::new(
        field,
        text,
        format!("has {chars} characters, at most {max_chars} are allowed"),
        "shorten it",
    ))
}

/// Refuses characters that would act on a terminal or hide from a reader; `multi_line` allows tab and line breaks.
pub(crate) fn check_harmless(field: &str, text: &str, multi_line: bool) -> Result<(), Invalid> {
    let plain: String = text
        .chars()
        .filter(|c| !(multi_line && matches!(c, '\n' | '\r' | '\t')))
        .collect();
    // Compared piece by piece: a long text must not be refused for its length here.
    let chars: Vec<char> = plain.chars().collect();
    let harmless = chars.chunks(SafeText::MAX_CHARS / 2).all(|piece| {
        let piece: String = piece.iter().collect();
        SafeText::new(&piece).as_str() == piece
    });
    if harmless {
        return Ok(());
    }
    Err(Invalid::new(
        field,
        text,
        "holds a control, invisible or direction-changing character",
        "type it again without that character (shown as ·)",
    ))
}
