//! One filter language for every list, wherever its rows are: in the console, or at the role that reads them.
//!
//! Terms are separated by spaces and all must hold: `text` (contains, any case) · `!not` · `~fuzzy` · `/regex/` ·
//! `field=value`, `field!=value` · `state>=at_risk` (states and numbers are ordered). Quotes keep spaces together.

use nucleo_matcher::pattern::{CaseMatching, Normalization, Pattern};
use nucleo_matcher::{Config, Matcher, Utf32Str};

use crate::quantity;
use crate::unit::{Kind, Unit};

/// The longest filter, characters.
pub const FILTER_CHARS_MAX: usize = 500;

/// A compiled regular expression may take this much memory.
const REGEX_BYTES_MAX: usize = 1 << 20;

/// Why a text is no filter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FilterError {
    /// Too long.
    #[error("a filter has at most {FILTER_CHARS_MAX} characters")]
    TooLong,
    /// A lonely `!`.
    #[error("`!` needs a term after it")]
    NothingAfterNot,
    /// What stands between two `/`.
    #[error("`{0}` is no regular expression")]
    NoRegex(String),
    /// What stands behind `state=`.
    #[error("state is one of ok, at_risk, violated, no_data, excluded; `{0}` is none of them")]
    NoState(String),
    /// A quote that is not closed.
    #[error("a quote is not closed")]
    OpenQuote,
}

/// What a row tells a filter.
pub trait Filterable {
    /// The text that plain terms look into.
    fn haystack(&self) -> &str;
    /// The names of its fields but for labels, for who asks for one that is not there.
    const FIELDS: &'static [&'static str];
    /// A field by name, in small letters, if the row has it: labels, `state`, `name`, numbers.
    fn field(&self, name: &str) -> Option<Value<'_>>;
}

/// A field's value.
#[derive(Debug, Clone, PartialEq)]
pub enum Value<'a> {
    /// Compared in any case.
    Text(&'a str),
    /// Read in its unit: `last>2.5G`, `duration>5m`.
    Number(f64, Unit),
    /// A word with a rank: `state>=at_risk`.
    Ranked(&'static str, u8),
}

impl Value<'_> {
    /// A count of something.
    pub fn count(number: u64) -> Self {
        Self::Number(number as f64, Unit::PLAIN)
    }

    /// A probability, which people write in percent.
    pub fn share(p: f64) -> Self {
        Self::Number(p * 100.0, Unit::of(Kind::Percent))
    }
}

/// States in rising order of trouble, as `state>=` understands them.
pub const STATE_RANKS: [(&str, u8); 5] = [
    ("excluded", 0),
    ("ok", 1),
    ("at_risk", 2),
    ("no_data", 3),
    ("violated", 4),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Compare {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// Longest operators first, so that `>=` is not read as `>`.
const OPERATORS: [(&str, Compare); 6] = [
    ("!=", Compare::NotEqual),
    (">=", Compare::GreaterOrEqual),
    ("<=", Compare::LessOrEqual),
    ("=", Compare::Equal),
    (">", Compare::Greater),
    ("<", Compare::Less),
];

#[derive(Debug, Clone)]
enum Term {
    Contains(String),
    Fuzzy(Pattern),
    Regex(regex::Regex),
    Field(String, Compare, String),
    Not(Box<Term>),
}

/// A filter that was understood.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    terms: Vec<Term>,
    text: String,
}

impl Filter {
    /// Understands `text`, at most [`FILTER_CHARS_MAX`] characters.
    pub fn parse(text: &str) -> Result<Self, FilterError> {
        if text.chars().count() > FILTER_CHARS_MAX {
            return Err(FilterError::TooLong);
        }
        let terms = words(text)?.iter().map(|word| term(word)).collect::<Result<_, _>>()?;
        Ok(Self {
            terms,
            text: text.to_owned(),
        })
    }

    /// Whether everything passes.
    pub fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }

    /// As it was typed.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// A field that is asked for and that no row has.
    pub fn unknown_field<T: Filterable>(&self, rows: &[T]) -> Option<&str> {
        self.fields().find(|name| {
            let known = T::FIELDS.contains(name);
            !known && !rows.is_empty() && rows.iter().all(|row| row.field(name).is_none())
        })
    }

    /// The fields that are asked for.
    pub fn fields(&self) -> impl Iterator<Item = &str> {
        self.terms.iter().filter_map(Term::field_name)
    }

    /// Indices of the rows that pass, in their order.
    pub fn select<T: Filterable>(&self, rows: &[T]) -> Vec<usize> {
        if self.is_empty() {
            return (0..rows.len()).collect();
        }
        let mut sieve = self.sieve();
        let passes = |(at, row): (usize, &T)| sieve.passes(row).then_some(at);
        rows.iter().enumerate().filter_map(passes).collect()
    }

    /// For one row after the other.
    pub fn sieve(&self) -> Sieve<'_> {
        Sieve {
            filter: self,
            room: Room::default(),
        }
    }
}

/// A filter with the room that it needs.
#[derive(Debug)]
pub struct Sieve<'f> {
    filter: &'f Filter,
    room: Room,
}

impl Sieve<'_> {
    /// Whether a row passes.
    pub fn passes(&mut self, row: &impl Filterable) -> bool {
        self.filter.terms.iter().all(|term| term.passes(row, &mut self.room))
    }
}

/// What fuzzy terms work in; the matcher, which is large, is made for the first of them.
#[derive(Debug, Default)]
struct Room {
    matcher: Option<Matcher>,
    chars: Vec<char>,
}

/// What plain terms look into in a series: `name="value",` of each label and its expression.
pub fn text_of_series<'l>(labels: impl IntoIterator<Item = (&'l str, &'l str)>, expression: &str) -> String {
    let mut text = String::new();
    for (name, value) in labels {
        for part in [name, LABEL_OPENS, value, LABEL_CLOSES] {
            text.push_str(part);
        }
    }
    text.push_str(expression);
    text
}

/// The same without the word before its name: a series is not found by that.
pub fn searched_in(text_of_series: &str) -> &str {
    text_of_series.strip_prefix("__name__=\"").unwrap_or(text_of_series)
}

/// Between a label's name and its value in [`text_of_series`].
pub const LABEL_OPENS: &str = "=\"";
/// Behind the value.
pub const LABEL_CLOSES: &str = "\",";

impl Term {
    fn field_name(&self) -> Option<&str> {
        match self {
            Self::Field(name, ..) => Some(name),
            Self::Not(term) => term.field_name(),
            _ => None,
        }
    }

    fn passes(&self, row: &impl Filterable, room: &mut Room) -> bool {
        match self {
            Self::Contains(needle) => contains(row.haystack(), needle),
            Self::Fuzzy(pattern) => {
                let matcher = room.matcher.get_or_insert_with(|| Matcher::new(Config::DEFAULT));
                pattern
                    .score(Utf32Str::new(row.haystack(), &mut room.chars), matcher)
                    .is_some()
            }
            Self::Regex(regex) => regex.is_match(row.haystack()),
            Self::Not(term) => !term.passes(row, room),
            Self::Field(name, compare, wanted) => row
                .field(name)
                .map_or(*compare == Compare::NotEqual, |value| holds(&value, *compare, wanted)),
        }
    }
}

fn contains(haystack: &str, needle_lower: &str) -> bool {
    haystack.to_lowercase().contains(needle_lower)
}

fn holds(value: &Value<'_>, compare: Compare, wanted: &str) -> bool {
    use std::cmp::Ordering;
    let order = match value {
        Value::Text(text) => {
            let same = text.eq_ignore_ascii_case(wanted);
            return match compare {
                Compare::Equal => same,
                Compare::NotEqual => !same,
                Compare::Less => *text < wanted,
                Compare::LessOrEqual => *text <= wanted,
                Compare::Greater => *text > wanted,
                Compare::GreaterOrEqual => *text >= wanted,
            };
        }
        Value::Number(number, unit) => quantity::parse(wanted, *unit).ok().and_then(|w| number.partial_cmp(&w)),
        Value::Ranked(_, rank) => STATE_RANKS
            .iter()
            .find(|(word, _)| word.eq_ignore_ascii_case(wanted))
            .map(|(_, w)| rank.cmp(w)),
    };
    let Some(order) = order else {
        return compare == Compare::NotEqual;
    };
    match compare {
        Compare::Equal => order == Ordering::Equal,
        Compare::NotEqual => order != Ordering::Equal,
        Compare::Less => order == Ordering::Less,
        Compare::LessOrEqual => order != Ordering::Greater,
        Compare::Greater => order == Ordering::Greater,
        Compare::GreaterOrEqual => order != Ordering::Less,
    }
}

fn term(word: &str) -> Result<Term, FilterError> {
    if let Some(rest) = word.strip_prefix('!') {
        if rest.is_empty() {
            return Err(FilterError::NothingAfterNot);
        }
        return Ok(Term::Not(Box::new(term(rest)?)));
    }
    if let Some(rest) = word.strip_prefix('~') {
        return Ok(Term::Fuzzy(Pattern::parse(
            rest,
            CaseMatching::Ignore,
            Normalization::Smart,
        )));
    }
    if let Some(rest) = word.strip_prefix('/') {
        let pattern = rest.strip_suffix('/').unwrap_or(rest);
        return regex::RegexBuilder::new(pattern)
            .size_limit(REGEX_BYTES_MAX)
            .build()
            .map(Term::Regex)
            .map_err(|_| FilterError::NoRegex(pattern.to_owned()));
    }
    for (at, _) in word.char_indices().skip(1) {
        for (operator, compare) in OPERATORS {
            if word[at..].starts_with(operator) && is_name(&word[..at]) {
                let wanted = word[at + operator.len()..].trim_matches('"').to_owned();
                let name = word[..at].to_lowercase();
                if name == "state" && !STATE_RANKS.iter().any(|(state, _)| state.eq_ignore_ascii_case(&wanted)) {
                    return Err(FilterError::NoState(wanted));
                }
                return Ok(Term::Field(name, compare, wanted));
            }
        }
    }
    Ok(Term::Contains(word.trim_matches('"').to_lowercase()))
}

fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text
            .chars()
            .all(|c| c.is_alphanumeric() || matches!(c, '_' | '.' | ':'))
}

/// Splits at spaces outside quotes and outside `/…/`.
fn words(text: &str) -> Result<Vec<String>, FilterError> {
    let mut out = Vec::new();
    let mut word = String::new();
    let (mut quoted, mut regex) = (false, false);
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\\' if regex => {
                word.push(c);
                word.extend(chars.next());
            }
            '"' if !regex => {
                quoted = !quoted;
                word.push(c);
            }
            '/' if !quoted && (word.is_empty() || word == "!") => {
                regex = true;
                word.push(c);
            }
            '/' if regex => {
                regex = false;
                word.push(c);
            }
            c if c.is_whitespace() && !quoted && !regex => {
                if !word.is_empty() {
                    out.push(std::mem::take(&mut word));
                }
            }
            c => word.push(c),
        }
    }
    if quoted {
        return Err(FilterError::OpenQuote);
    }
    if !word.is_empty() {
        out.push(word);
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    struct Row(&'static str, &'static str, f64);

    impl Filterable for Row {
        const FIELDS: &'static [&'static str] = &["job", "last", "state"];
        fn haystack(&self) -> &str {
            self.0
        }
        fn field(&self, name: &str) -> Option<Value<'_>> {
            match name {
                "job" => Some(Value::Text("node")),
                "last" => Some(Value::Number(self.2, Unit::PLAIN)),
                "state" => STATE_RANKS
                    .iter()
                    .find(|s| s.0 == self.1)
                    .map(|s| Value::Ranked(s.0, s.1)),
                _ => None,
            }
        }
    }

    const ROWS: [Row; 4] = [
        Row("node_load1 host-1", "ok", 1.82),
        Row("node_load1 host-3", "violated", 6.02),
        Row("node_memory_MemAvailable", "at_risk", 3.9e9),
        Row("up host-4", "no_data", 1.0),
    ];

    fn check(filter: &str, expect: &[usize]) {
        assert_eq!(Filter::parse(filter).unwrap().select(&ROWS), expect, "{filter}");
    }

    #[test]
    fn every_form() {
        check("", &[0, 1, 2, 3]);
        check("LOAD", &[0, 1]);
        check("load !host-3", &[0]);
        check("~memavl", &[2]);
        check("/load1 host-[23]/", &[1]);
        check("!/load/", &[2, 3]);
        check("state>=at_risk", &[1, 2, 3]);
        check("state=violated", &[1]);
        check("state<at_risk", &[0]);
        check("last>2", &[1, 2]);
        check("last>=3.9G", &[2]);
        check("job=node load1", &[0, 1]);
        check("job!=node", &[]);
        check("nothere=1", &[]);
        check("\"load1 host-1\"", &[0]);
    }

    #[test]
    fn states_rise_as_they_are_severe() {
        let words: Vec<&str> = crate::State::ALL.iter().rev().map(|state| state.word()).collect();
        assert_eq!(STATE_RANKS.map(|(word, _)| word).to_vec(), words);
        assert!(
            STATE_RANKS
                .iter()
                .enumerate()
                .all(|(at, (_, rank))| usize::from(*rank) == at)
        );
    }

    #[test]
    fn a_series_is_found_by_its_name_and_labels() {
        let text = text_of_series([("__name__", "load"), ("a", "x")], "sum(up)");
        assert_eq!(searched_in(&text), "load\",a=\"x\",sum(up)");
        assert_eq!(searched_in("sum(up)"), "sum(up)");
    }

    #[test]
    fn a_field_that_no_row_has_is_named() {
        let unknown = |text: &str| Filter::parse(text).unwrap().unknown_field(&ROWS).map(str::to_owned);
        assert_eq!(unknown("last>2 value>3"), Some("value".to_owned()));
        assert_eq!(unknown("!foo=1"), Some("foo".to_owned()));
        assert_eq!(unknown("state=ok job=node load"), None);
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (filter, word) in [
            ("state=fine", "violated"),
            ("\"open", "quote"),
            ("!", "term"),
            ("/(/", "regular"),
        ] {
            let error = Filter::parse(filter).unwrap_err().to_string();
            assert!(error.contains(word), "{filter}: {error}");
        }
    }

    proptest! {
        #[test]
        fn no_filter_panics(text in ".{0,60}") {
            if let Ok(filter) = Filter::parse(&text) {
                filter.select(&ROWS);
            }
        }
    }
}
