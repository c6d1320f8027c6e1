//! Where an expression goes wrong: the parser says what, not where.
//!
//! The longest run of tokens from the start that can still become an expression ends just before the mistake. Whether
//! one "can still become" is tried with a few usual continuations; a continuation nobody thought of makes the mistake
//! appear a token early, never late.

use promql_parser::parser;

/// What may follow an unfinished expression, before its open brackets are closed.
const CONTINUATIONS: [&str; 12] = [
    "", " x", "[5m]", "x[5m]", " (x)", " (x) (x)", " 5m", "\"x\"", "=\"x\"", "x=\"x\"", ", x", " x, x",
];

/// How many bytes are given to the parser in search of a mistake: an answer is wanted between two keystrokes.
const MAX_BYTES_TRIED: usize = 64 * 1_024;

/// The byte in `text` (normal form, brackets balanced) where the first token starts that cannot stand there, or its end
/// when something is missing there; `None` when it is not found within the limits.
pub(super) fn mistake(text: &str) -> Option<usize> {
    let tokens = tokens(text);
    let mut tried = 0;
    for count in (0..=tokens.len()).rev() {
        let start = tokens.get(count).map_or(text.len(), |(start, _, _)| *start);
        let Some((_, before, open)) = count.checked_sub(1).map(|last| &tokens[last]) else {
            return tokens.first().map(|(start, _, _)| *start);
        };
        let closers: String = open.iter().rev().collect();
        for continuation in CONTINUATIONS {
            let candidate = format!("{}{continuation}{closers}", &text[..*before]);
            tried += candidate.len();
            if tried > MAX_BYTES_TRIED {
                return None;
            }
            if parser::parse(&candidate).is_ok() {
                return Some(start);
            }
        }
    }
    None
}

/// Start, end and the brackets open after it (as their closing counterparts), for each token.
fn tokens(text: &str) -> Vec<(usize, usize, Vec<char>)> {
    let mut out = Vec::new();
    let mut open = Vec::new();
    let mut chars = text.char_indices().peekable();
    while let Some((start, c)) = chars.next() {
        if c.is_whitespace() {
            continue;
        }
        let mut end = start + c.len_utf8();
        let is_word = |c: char| c.is_alphanumeric() || matches!(c, '_' | ':' | '.');
        match c {
            '"' | '\'' | '`' => {
                let mut escaped = false;
                for (at, inner) in chars.by_ref() {
                    end = at + inner.len_utf8();
                    if inner == c && !escaped {
                        break;
                    }
                    escaped = c != '`' && inner == '\\' && !escaped;
                }
            }
            '(' => open.push(')'),
            '[' => open.push(']'),
            '{' => open.push('}'),
            ')' | ']' | '}' => {
                open.pop();
            }
            '=' | '!' | '<' | '>' => {
                if let Some((at, next)) = chars.next_if(|(_, next)| matches!(next, '=' | '~')) {
                    end = at + next.len_utf8();
                }
            }
            c if is_word(c) => {
                while let Some((at, next)) = chars.next_if(|(_, next)| is_word(*next)) {
                    end = at + next.len_utf8();
                }
            }
            _ => {}
        }
        out.push((start, end, open.clone()));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_token_that_cannot_stand_there_is_found() {
        for (text, at) in [
            ("sum by job (up)", "job"),
            ("foo bar", "bar"),
            ("up +* 2", "* 2"),
            ("rate(up[5q])", "5q"),
            ("sum(up) by (job) 5", "5"),
            ("up == == 1", "== 1"),
            ("sum(rate(x[5m])) / / sum(y)", "/ sum"),
            ("up{job=\"a\"} offset up", "up"),
            (") up", ") up"),
        ] {
            let found = mistake(text);
            // Byte of the last place the marked part stands at.
            assert_eq!(found, text.rfind(at), "{text}");
        }
        assert_eq!(mistake("up +"), Some(4));
    }

    #[test]
    fn the_search_is_bounded() {
        let long = format!("{} bar", "x + ".repeat(2_000));
        let _ = mistake(&long);
        assert_eq!(mistake(""), None);
    }
}
