//! Text from outside, made harmless once, at the boundary.

use std::fmt;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Text from outside (names, labels, messages of servers, titles) that may be shown, logged or stored.
///
/// It holds no control character, no escape sequence, no bidirectional control, no zero-width or invisible formatting
/// character and no line break, and at most [`SafeText::MAX_CHARS`] characters. What was replaced stays visible as
/// [`SafeText::REPLACEMENT`]; tab and line breaks become a space.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SafeText(String);

impl SafeText {
    /// The longest text kept, in characters; what is longer ends in [`SafeText::ELLIPSIS`].
    pub const MAX_CHARS: usize = 2_048;
    /// What stands for a character that must not reach a terminal.
    pub const REPLACEMENT: char = '·';
    /// What stands for a cut tail.
    pub const ELLIPSIS: char = '…';
    /// How many combining marks may sit on one character; more are replaced, or they climb over other lines.
    pub const MAX_COMBINING: usize = 2;

    /// `text` made harmless, cut to [`SafeText::MAX_CHARS`].
    pub fn new(text: &str) -> Self {
        Self::with_limit(text, Self::MAX_CHARS)
    }

    /// `text` made harmless, cut to `max_chars` characters (the ellipsis included; never more than
    /// [`SafeText::MAX_CHARS`]).
    pub fn with_limit(text: &str, max_chars: usize) -> Self {
        let max_chars = max_chars.min(Self::MAX_CHARS);
        let mut out = String::with_capacity(text.len().min(max_chars));
        let mut chars = 0;
        // No base character yet: a mark at the very start has nothing to sit on.
        let mut combining = Self::MAX_COMBINING;
        let mut rest = text.chars();
        while let Some(c) = rest.next() {
            if chars + 1 >= max_chars && (chars >= max_chars || !rest.as_str().is_empty()) {
                if chars < max_chars {
                    out.push(Self::ELLIPSIS);
                }
                break;
            }
            let safe = if matches!(c, '\t' | '\n' | '\r') {
                ' '
            } else if is_hostile(c) {
                Self::REPLACEMENT
            } else if c.width() == Some(0) {
                combining += 1;
                if combining > Self::MAX_COMBINING {
                    Self::REPLACEMENT
                } else {
                    c
                }
            } else {
                combining = 0;
                c
            };
            out.push(safe);
            chars += 1;
        }
        Self(out)
    }

    /// Bytes that should be UTF-8: what is not becomes U+FFFD, the rest as in [`SafeText::new`].
    pub fn from_bytes(bytes: &[u8]) -> Self {
        // A character takes at most 4 bytes: what lies beyond can never be kept and need not be decoded.
        let bytes = &bytes[..bytes.len().min(Self::MAX_CHARS * 4 + 4)];
        Self::new(&String::from_utf8_lossy(bytes))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The text, owned.
    pub fn into_string(self) -> String {
        self.0
    }

    /// Whether there is no character.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Columns on a terminal.
    pub fn width(&self) -> usize {
        self.0.width()
    }

    /// At most `columns` terminal columns; a cut tail shows as an ellipsis.
    #[must_use]
    pub fn truncate(&self, columns: usize) -> Self {
        if self.width() <= columns {
            return self.clone();
        }
        if columns == 0 {
            return Self::default();
        }
        let mut out = String::new();
        let mut used = 0;
        for c in self.0.chars() {
            let width = c.width().unwrap_or(0);
            if used + width + 1 > columns {
                break;
            }
            used += width;
            out.push(c);
        }
        out.push(Self::ELLIPSIS);
        // Sequences may be wider than the sum of their characters.
        while out.width() > columns && out.pop().is_some() {}
        Self(out)
    }

    /// At most `columns` terminal columns, the start cut away (file names and long label sets differ at their end).
    #[must_use]
    pub fn truncate_start(&self, columns: usize) -> Self {
        if self.width() <= columns {
            return self.clone();
        }
        if columns == 0 {
            return Self::default();
        }
        let mut used = 1;
        let mut from = self.0.len();
        for (at, c) in self.0.char_indices().rev() {
            let width = c.width().unwrap_or(0);
            if used + width > columns {
                break;
            }
            used += width;
            from = at;
        }
        let mut out = String::from(Self::ELLIPSIS);
        // A mark whose character was cut away would sit on the ellipsis.
        out.push_str(self.0[from..].trim_start_matches(|c: char| c.width() == Some(0)));
        Self(out)
    }
}

/// Whether `c` may change what a reader or a terminal makes of its neighbours.
fn is_hostile(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{00AD}'                  // soft hyphen
            | '\u{034F}'                // combining grapheme joiner
            | '\u{061C}'                // Arabic letter mark
            | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}' | '\u{3164}' | '\u{FFA0}' // blank fillers
            | '\u{180B}'..='\u{180F}'   // Mongolian selectors and vowel separator
            | '\u{200B}'..='\u{200F}'   // zero-width, joiners, direction marks
            | '\u{2028}'..='\u{202E}'   // line and paragraph separator, embeddings and overrides
            | '\u{2060}'..='\u{206F}'   // word joiner, invisible operators, isolates, deprecated formatting
            | '\u{FE00}'..='\u{FE0F}'   // variation selectors
            | '\u{FEFF}'                // zero-width no-break space
            | '\u{FFF0}'..='\u{FFFB}'   // unassigned specials, interlinear annotation
            | '\u{1BCA0}'..='\u{1BCA3}' // shorthand format controls
            | '\u{1D173}'..='\u{1D17A}' // musical format controls
            | '\u{E0000}'..='\u{E0FFF}' // tags and more variation selectors
        )
        // Non-characters: the last two of each plane, and a block in the first.
        || matches!(u32::from(c) & 0xFFFF, 0xFFFE | 0xFFFF)
        || ('\u{FDD0}'..='\u{FDEF}').contains(&c)
}

impl fmt::Display for SafeText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl AsRef<str> for SafeText {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl From<&str> for SafeText {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl From<String> for SafeText {
    fn from(text: String) -> Self {
        Self::new(&text)
    }
}

impl From<&String> for SafeText {
    fn from(text: &String) -> Self {
        Self::new(text)
    }
}

impl PartialEq<str> for SafeText {
    fn eq(&self, other: &str) -> bool {
        self.0 == other
    }
}

impl PartialEq<&str> for SafeText {
    fn eq(&self, other: &&str) -> bool {
        self.0 == *other
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn escape_sequences_lose_their_escape() {
        assert_eq!(SafeText::new("a\u{1b}[31mred\u{7}"), "a·[31mred·");
        assert_eq!(SafeText::new("one\ttwo\r\nthree"), "one two  three");
        assert_eq!(SafeText::new("\u{202E}gpj.exe\u{200B}\u{2069}\u{9b}"), "·gpj.exe···");
    }

    #[test]
    fn bytes_that_are_no_text_show() {
        assert_eq!(SafeText::from_bytes(b"ok\xff"), "ok\u{FFFD}");
    }

    #[test]
    fn length_is_capped_with_an_ellipsis() {
        let text = SafeText::new(&"x".repeat(SafeText::MAX_CHARS + 1));
        assert_eq!(text.as_str().chars().count(), SafeText::MAX_CHARS);
        assert!(text.as_str().ends_with('…'));
        let exact = SafeText::new(&"x".repeat(SafeText::MAX_CHARS));
        assert!(exact.as_str().ends_with('x'));
        assert_eq!(SafeText::with_limit("abcdef", 3), "ab…");
        assert_eq!(SafeText::with_limit("abc", 3), "abc");
        assert_eq!(SafeText::with_limit("abc", 0), "");
        assert_eq!(SafeText::with_limit("abc", 1), "…");
    }

    #[test]
    fn marks_may_not_climb() {
        let zalgo = format!("e{}x", "\u{301}".repeat(9));
        assert_eq!(SafeText::new(&zalgo).as_str(), "e\u{301}\u{301}·······x");
        assert_eq!(SafeText::new("\u{301}x"), "·x");
    }

    #[test]
    fn wide_characters_are_cut_by_columns() {
        let text = SafeText::new("日本語");
        assert_eq!(text.width(), 6);
        assert_eq!(text.truncate(6), "日本語");
        assert_eq!(text.truncate(5), "日本…");
        assert_eq!(text.truncate(4), "日…");
        assert_eq!(text.truncate(1), "…");
        assert_eq!(text.truncate(0), "");
        assert_eq!(SafeText::new("host-1234").truncate_start(5), "…1234");
    }

    proptest! {
        #[test]
        fn nothing_hostile_survives(text in any::<String>(), columns in 0usize..40) {
            let safe = SafeText::new(&text);
            prop_assert!(!safe.as_str().chars().any(is_hostile));
            prop_assert!(!safe.as_str().chars().any(char::is_control));
            prop_assert!(safe.truncate(columns).width() <= columns);
            prop_assert!(safe.truncate_start(columns).width() <= columns.max(1));
            // Already harmless text is not changed again.
            prop_assert_eq!(SafeText::new(safe.as_str()), safe);
        }

        #[test]
        fn hostile_characters_of_every_class_are_replaced(
            picks in proptest::collection::vec(prop_oneof![
                proptest::char::range('\u{0}', '\u{20}'),
                proptest::char::range('\u{7f}', '\u{a0}'),
                proptest::char::range('\u{2000}', '\u{206f}'),
                proptest::char::range('\u{fe00}', '\u{feff}'),
                proptest::char::range('\u{300}', '\u{310}'),
                any::<char>(),
            ], 0..60),
        ) {
            let safe = SafeText::new(&picks.iter().collect::<String>());
            for c in safe.as_str().chars() {
                prop_assert!(!matches!(c, '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{200b}'..='\u{200f}'
                    | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}'), "{:?}", c);
            }
        }
    }
}
