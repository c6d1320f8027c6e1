//! One pass over an expression: brackets, quotes, comments and blanks, before any recursive parser sees it.

use super::error::{MAX_EXPRESSION_TOKENS, MAX_QUERY_DEPTH, QueryError};

/// What the pass found.
pub(super) struct Scanned {
    /// Comments gone, blanks outside quotes one space, none at the ends.
    pub(super) text: String,
    /// Byte position of the first `[` outside quotes.
    pub(super) first_range: Option<usize>,
}

impl Scanned {
    /// The byte in the `original` text that became byte `at` of the normal form: what is no blank keeps its order, so
    /// counting the characters that are none finds it again. `None` in a text with comments.
    pub(super) fn origin(&self, original: &str, at: usize) -> Option<usize> {
        let solid = |text: &str| text.chars().filter(|c| !c.is_whitespace()).count();
        if solid(original) != solid(&self.text) {
            return None;
        }
        let before = solid(&self.text[..at]);
        let mut places = original.char_indices().filter(|(_, c)| !c.is_whitespace());
        Some(places.nth(before).map_or(original.len(), |(at, _)| at))
    }
}

pub(super) fn scan(text: &str) -> Result<Scanned, QueryError> {
    let mistake = |at: usize, message: &str| QueryError::Syntax {
        position: Some(text[..at].chars().count()),
        message: message.into(),
    };
    let mut out = String::with_capacity(text.len());
    let mut open: Vec<(char, usize)> = Vec::new();
    let mut first_range = None;
    let mut tokens = 0_usize;
    let mut in_word = false;
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        let word = c.is_alphanumeric() || matches!(c, '_' | ':' | '.');
        if !(c.is_whitespace() || word && in_word) {
            tokens += 1;
        }
        in_word = word;
        match c {
            '"' | '\'' | '`' => {
                out.push(c);
                let mut escaped = false;
                loop {
                    let Some((_, inner)) = chars.next() else {
                        return Err(mistake(at, "this quote is never closed"));
                    };
                    out.push(inner);
                    if inner == c && !escaped {
                        break;
                    }
                    escaped = c != '`' && inner == '\\' && !escaped;
                }
                continue;
            }
            '#' => {
                for (_, inner) in chars.by_ref() {
                    if inner == '\n' {
                        break;
                    }
                }
                blank(&mut out);
                continue;
            }
            '(' | '[' | '{' => {
                if c == '[' {
                    first_range.get_or_insert(at);
                }
                open.push((c, at));
                if open.len() > MAX_QUERY_DEPTH {
                    return Err(QueryError::TooLong {
                        what: "nested brackets",
                        have: open.len(),
                        limit: MAX_QUERY_DEPTH,
                    });
                }
            }
            ')' | ']' | '}' => {
                let wanted = match c {
                    ')' => '(',
                    ']' => '[',
                    _ => '{',
                };
                match open.pop() {
                    Some((have, _)) if have == wanted => {}
                    Some((have, opened)) => {
                        let line = format!(
                            "{have} is closed by {c} at character {}",
                            text[..at].chars().count() + 1
                        );
                        return Err(mistake(opened, &line));
                    }
                    None => return Err(mistake(at, &format!("{c} closes nothing"))),
                }
            }
            _ => {}
        }
        if c.is_whitespace() {
            blank(&mut out);
        } else {
            out.push(c);
        }
    }
    if let Some((c, at)) = open.pop() {
        return Err(mistake(at, &format!("{c} is never closed")));
    }
    if tokens > MAX_EXPRESSION_TOKENS {
        return Err(QueryError::TooLong {
            what: "operators, names and numbers",
            have: tokens,
            limit: MAX_EXPRESSION_TOKENS,
        });
    }
    if out.ends_with(' ') {
        out.pop();
    }
    Ok(Scanned { text: out, first_range })
}

fn blank(out: &mut String) {
    if !out.is_empty() && !out.ends_with(' ') {
        out.push(' ');
    }
}
