//! Reads `name{label op "value", …}` and says where it stops being that.

use super::matcher::{MatchOp, Matcher};
use super::naming::{is_label_name, is_metric_name};
use crate::series::METRIC_NAME;

/// Why a text is no plain selector. Positions are bytes from the start of the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Stop {
    /// It may be an expression: what stands at `at` does not belong to a selector.
    NotPlain {
        /// Where the selector ends.
        at: usize,
    },
    /// It is a selector with a mistake at `at`.
    Mistake {
        /// Where.
        at: usize,
        /// What, in words.
        message: String,
    },
}

/// The matchers of `text`, in the order written.
pub(crate) fn matchers(text: &str) -> Result<Vec<Matcher>, Stop> {
    let mut reader = Reader { text, at: 0 };
    let mut found = Vec::new();
    reader.skip_blank();
    let name_at = reader.at;
    let name = reader.take_while(|c| c.is_ascii_alphanumeric() || c == '_' || c == ':');
    let mut named = false;
    if !name.is_empty() {
        if !is_metric_name(name) {
            return Err(Stop::NotPlain { at: name_at });
        }
        found.push(reader.matcher(name_at, METRIC_NAME, MatchOp::Equal, name)?);
        named = true;
    }
    reader.skip_blank();
    if reader.take("{") {
        reader.inside_braces(&mut found, named)?;
        reader.skip_blank();
    }
    if found.is_empty() && !text[..reader.at].contains('{') {
        return Err(Stop::NotPlain { at: reader.at });
    }
    if reader.at < text.len() {
        return Err(Stop::NotPlain { at: reader.at });
    }
    Ok(found)
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn take_while(&mut self, wanted: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let end = rest.find(|c| !wanted(c)).unwrap_or(rest.len());
        self.at += end;
        &rest[..end]
    }

    fn take(&mut self, token: &str) -> bool {
        let hit = self.rest().starts_with(token);
        if hit {
            self.at += token.len();
        }
        hit
    }

    /// Blanks and comments up to the end of their line.
    fn skip_blank(&mut self) {
        loop {
            self.take_while(|c| matches!(c, ' ' | '\t' | '\n' | '\r'));
            if !self.take("#") {
                return;
            }
            self.take_while(|c| c != '\n');
        }
    }

    fn mistake<T>(&self, at: usize, message: impl Into<String>) -> Result<T, Stop> {
        let message = message.into();
        Err(Stop::Mistake {
            at: at.min(self.text.len()),
            message,
        })
    }

    /// What stands here, for a message.
    fn seen(&self) -> String {
        match self.rest().chars().next() {
            Some(c) => format!("found {c:?}"),
            None => "the text ends here".to_owned(),
        }
    }

    fn matcher(&self, at: usize, name: &str, op: MatchOp, value: &str) -> Result<Matcher, Stop> {
        match Matcher::new(name, op, value) {
            Ok(matcher) => Ok(matcher),
            Err(message) => self.mistake(at, message),
        }
    }

    fn inside_braces(&mut self, found: &mut Vec<Matcher>, mut named: bool) -> Result<(), Stop> {
        loop {
            self.skip_blank();
            if self.take("}") {
                return Ok(());
            }
            let label_at = self.at;
            let in_quotes = self.rest().starts_with(['"', '\'', '`']);
            let label = if in_quotes {
                self.string()?
            } else {
                let label = self.take_while(|c| c.is_ascii_alphanumeric() || c == '_');
                if !is_label_name(label) {
                    self.at = label_at;
                    return self.mistake(label_at, format!("expected a label name or }}, {}", self.seen()));
                }
                label.to_owned()
            };
            self.skip_blank();
            let op = if self.take("=~") {
                Some(MatchOp::Regex)
            } else if self.take("!~") {
                Some(MatchOp::NotRegex)
            } else if self.take("!=") {
                Some(MatchOp::NotEqual)
            } else if self.take("=") {
                Some(MatchOp::Equal)
            } else {
                None
            };
            let is_name = op.is_none() && in_quotes;
            if (is_name || label == METRIC_NAME) && named {
                return self.mistake(label_at, "the metric name is given twice");
            }
            if is_name {
                named = true;
                found.push(self.matcher(label_at, METRIC_NAME, MatchOp::Equal, &label)?);
            } else {
                let Some(op) = op else {
                    return self.mistake(self.at, format!("expected =, !=, =~ or !~, {}", self.seen()));
                };
                self.skip_blank();
                let value_at = self.at;
                if !self.rest().starts_with(['"', '\'', '`']) {
                    return self.mistake(value_at, format!("expected a value in quotes, {}", self.seen()));
                }
                let value = self.string()?;
                found.push(self.matcher(value_at, &label, op, &value)?);
            }
            self.skip_blank();
            if !self.take(",") && !self.rest().starts_with('}') {
                return self.mistake(self.at, format!("expected , or }}, {}", self.seen()));
            }
        }
    }

    /// A string literal: double or single quotes with Go's escapes, back quotes without any.
    fn string(&mut self) -> Result<String, Stop> {
        let start = self.at;
        let Some(quote) = self.rest().chars().next() else {
            return self.mistake(start, "expected a text in quotes, the text ends here");
        };
        self.at += quote.len_utf8();
        let mut out = String::new();
        loop {
            let at = self.at;
            let Some(c) = self.rest().chars().next() else {
                return self.mistake(start, "this quote is never closed");
            };
            self.at += c.len_utf8();
            if c == quote {
                return Ok(out);
            }
            match c {
                '\\' if quote != '`' => match self.escape(quote) {
                    Some(c) => out.push(c),
                    None => return self.mistake(at, "unknown escape; write \\\\ for a backslash"),
                },
                '\n' if quote != '`' => return self.mistake(at, "a line break inside quotes; write \\n"),
                other => out.push(other),
            }
        }
    }

    /// After the backslash. Octal and \x above 127 would be single bytes of UTF-8 in Go and are refused.
    fn escape(&mut self, quote: char) -> Option<char> {
        let c = self.rest().chars().next()?;
        self.at += c.len_utf8();
        let digits = match c {
            'a' => return Some('\u{7}'),
            'b' => return Some('\u{8}'),
            'f' => return Some('\u{c}'),
            'n' => return Some('\n'),
            'r' => return Some('\r'),
            't' => return Some('\t'),
            'v' => return Some('\u{b}'),
            '\\' => return Some('\\'),
            c if c == quote => return Some(c),
            'x' => 2,
            'u' => 4,
            'U' => 8,
            '0'..='7' => {
                let text = self.text.get(self.at - 1..self.at + 2)?;
                self.at += 2;
                let code = u32::from_str_radix(text, 8).ok()?;
                return char::from_u32(code).filter(char::is_ascii);
            }
            _ => return None,
        };
        let text = self.text.get(self.at..self.at + digits)?;
        if !text.bytes().all(|b| b.is_ascii_hexdigit()) {
            return None;
        }
        self.at += digits;
        let code = u32::from_str_radix(text, 16).ok()?;
        char::from_u32(code).filter(|c| digits > 2 || c.is_ascii())
    }
}
