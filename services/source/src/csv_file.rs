//! Samples of a CSV file. No line is left out without a word.

use std::collections::HashSet;

use csv::{ReaderBuilder, StringRecord, Trim};
use sla_domain::sample::STALE_NAN_BITS;
use sla_domain::{Invalid, Samples, instant};

/// What may stand between columns; a file has one of them.
const SEPARATORS: [u8; 3] = [b';', b'\t', b','];
/// Times before this are of 1970.
const YEAR_MS: i64 = 365 * 86_400_000;
/// How many columns or values a message lists.
const MAX_LISTED: usize = 6;

/// Which columns are read. The first one is the time.
#[derive(Debug, Default, Clone, Copy)]
pub struct Columns<'a> {
    /// That of the values in a file with several: its head or its number, the time being 1 (`--value-column`).
    pub value: Option<&'a str>,
    /// `NAME=VALUE`: only the lines where that column holds that value (`--label-column`).
    pub label: Option<&'a str>,
}

/// Samples, and what of the file is not among them.
#[derive(Debug)]
pub struct Read {
    /// By time.
    pub samples: Samples,
    /// What was left out, in words.
    pub remarks: Vec<String>,
}

/// Time (Unix seconds, milliseconds above 1e11, or RFC 3339), then the value; `stale` is Prometheus' marker of a series that
/// ended, an empty value is a sample without one. Lines come in any order; of equal times the last stays.
pub fn parse(text: &str, columns: Columns<'_>) -> Result<Read, Invalid> {
    let text = text.trim_start_matches('\u{feff}');
    let (text, first_line, announced) = spreadsheet_line(text);
    let separator = announced.unwrap_or_else(|| separator_of(text));
    let mut reader = ReaderBuilder::new()
        .delimiter(separator)
        .has_headers(false)
        .flexible(true)
        .trim(Trim::All)
        .from_reader(text.as_bytes());
    let mut table = Table::default();
    for record in reader.records() {
        let record = record.map_err(|error| Invalid::new("csv", "", error.to_string(), "mend that line"))?;
        let line = first_line + record.position().map_or(1, csv::Position::line);
        table.take(&record, line, columns)?;
    }
    table.end()
}

/// What a spreadsheet writes before everything else: `sep=;`.
fn spreadsheet_line(text: &str) -> (&str, u64, Option<u8>) {
    let (line, rest) = text.split_once(['\n', '\r']).unwrap_or((text, ""));
    match line.trim().trim_matches('"').strip_prefix("sep=").map(str::as_bytes) {
        Some([separator]) => (rest.strip_prefix('\n').unwrap_or(rest), 1, Some(*separator)),
        _ => (text, 0, None),
    }
}

/// The separator of the first line that says something, outside its quotes.
fn separator_of(text: &str) -> u8 {
    let line = text
        .split(['\n', '\r'])
        .find(|line| !line.trim().is_empty() && !line.starts_with('#'))
        .unwrap_or("");
    let bare: String = line.split('"').step_by(2).collect();
    let found = SEPARATORS
        .into_iter()
        .find(|separator| bare.contains(char::from(*separator)));
    found.unwrap_or(b',')
}

/// The columns chosen, once the first line is known.
#[derive(Debug)]
struct Layout {
    /// Names, where the file has a head.
    head: Option<Vec<String>>,
    width: usize,
    value: usize,
    label: Option<(usize, String)>,
}

/// A time that is a number, and that people write for something else than seconds or milliseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Doubt {
    /// `20231114`, `202311142213`, `20231114221320`.
    Digits,
    /// `45244.925`: days since 1899-12-30.
    Days,
}

impl Doubt {
    /// What else `text` may mean.
    fn of(text: &str) -> Option<Self> {
        // Days of the years 2000 to 2050.
        const DAYS: std::ops::Range<f64> = 36_526.0..55_153.0;
        let time_of_day = match text.len() {
            8 => Some("000000"),
            12 => Some("00"),
            14 => Some(""),
            _ => None,
        };
        if let Some(rest) = time_of_day
            && text.bytes().all(|byte| byte.is_ascii_digit())
            && ("1900".."2200").contains(&&text[..4])
        {
            let digits = text.to_owned() + rest;
            let (date, time) = digits.split_at(8);
            let written = format!(
                "{}-{}-{}T{}:{}:{}Z",
                &date[..4],
                &date[4..6],
                &date[6..],
                &time[..2],
                &time[2..4],
                &time[4..]
            );
            if instant::parse_ms(&written).is_ok() {
                return Some(Self::Digits);
            }
        }
        let number: f64 = text.parse().ok()?;
        DAYS.contains(&number).then_some(Self::Days)
    }

    fn words(self) -> &'static str {
        match self {
            Self::Digits => "is a date in digits, or a time since 1970: every line is like that",
            Self::Days => "is a day of a spreadsheet, or seconds of the first of January 1970: every line is like that",
        }
    }
}

#[derive(Debug, Default)]
struct Table {
    layout: Option<Layout>,
    times: Vec<i64>,
    values: Vec<f64>,
    of_others: usize,
    without_zone: usize,
    notes: usize,
    /// Where the first time stands, and what else all times so far may mean.
    first: Option<(u64, String, Option<Doubt>)>,
}

impl Table {
    fn take(&mut self, record: &StringRecord, line: u64, columns: Columns<'_>) -> Result<(), Invalid> {
        if record.iter().all(str::is_empty) {
            return Ok(());
        }
        if let Some(at) = record.iter().position(|field| field.contains(['\n', '\r'])) {
            let fix = "close the quote in the line in which it opens";
            let first = record[at].split(['\n', '\r']).next().unwrap_or_default();
            return Err(refused(line, at + 1, first, "goes on in the next line".to_owned(), fix));
        }
        // What a spreadsheet could not work out (`#REF!`) is no note: it has a value behind it.
        let has_value = record.get(1).is_some_and(|field| field.parse::<f64>().is_ok());
        if record[0].starts_with('#') && !has_value {
            self.notes += 1;
            return Ok(());
        }
        let Some(layout) = &self.layout else {
            let head = is_head(record);
            self.layout = Some(Layout::of(record, head, line, columns)?);
            return if head { Ok(()) } else { self.take(record, line, columns) };
        };
        if record.len() != layout.width {
            return Err(refused(
                line,
                record.len().min(layout.width) + 1,
                &record.iter().collect::<Vec<_>>().join(" | "),
                format!(
                    "has {} where the first line has {}",
                    counted(record.len(), "column"),
                    layout.width
                ),
                "write one separator a file, a point before decimals, and quotes around what holds the separator",
            ));
        }
        if let Some((at, wanted)) = &layout.label
            && &record[*at] != wanted
        {
            self.of_others += 1;
            return Ok(());
        }
        let time = instant::parse_ms(&record[0]).map_err(|_| {
            let fix = "give Unix seconds, milliseconds or RFC 3339, with a point before fractions";
            refused(line, 1, &record[0], "is no time".to_owned(), fix)
        })?;
        let text = &record[layout.value];
        let value = value_of(text).ok_or_else(|| {
            let fix = if layout.width > 2 && text.contains(char::is_alphabetic) {
                "choose the column of the values by --value-column, and one series of several by --label-column NAME=VALUE"
            } else {
                "write a point before decimals and nothing between thousands"
            };
            refused(line, layout.value + 1, text, "is no number".to_owned(), fix)
        })?;
        let doubt = Doubt::of(&record[0]);
        match &mut self.first {
            None => self.first = Some((line, record[0].to_owned(), doubt)),
            Some((_, _, common)) if *common != doubt => *common = None,
            Some(_) => {}
        }
        self.without_zone += usize::from(!instant::has_zone(&record[0]));
        self.times.push(time);
        self.values.push(value);
        Ok(())
    }

    fn end(self) -> Result<Read, Invalid> {
        if let Some((line, text, Some(doubt))) = &self.first {
            let fix = "write times as RFC 3339, for example 2023-11-14T22:13:20Z, or as Unix seconds";
            return Err(refused(*line, 1, text, doubt.words().to_owned(), fix));
        }
        let mut remarks = Vec::new();
        if let Some(layout) = &self.layout {
            remarks.extend(layout.left_out());
        }
        if self.of_others > 0 {
            let are = if self.of_others == 1 { "is" } else { "are" };
            let lines = counted(self.of_others, "line");
            remarks.push(format!("{lines} of other series {are} left out"));
        }
        if self.notes > 0 {
            let are = if self.notes == 1 {
                "begins with # and is"
            } else {
                "begin with # and are"
            };
            remarks.push(format!("{} {are} left out", counted(self.notes, "line")));
        }
        if self.without_zone > 0 {
            remarks.push("times that say no zone are read as UTC".to_owned());
        }
        // From 0 on, times are counted from a beginning of somebody's own.
        let (oldest_ms, newest_ms) = (self.times.iter().min(), self.times.iter().max());
        if let (Some(&oldest_ms), Some(&newest_ms)) = (oldest_ms, newest_ms)
            && oldest_ms > 0
            && newest_ms < YEAR_MS
        {
            let (oldest, newest) = (instant::format_ms(oldest_ms), instant::format_ms(newest_ms));
            remarks.push(format!(
                "its times are of 1970, from {oldest} to {newest}: they are read as Unix time"
            ));
        }
        let distinct = self.times.iter().collect::<HashSet<_>>().len();
        let repeated = self.times.len() - distinct;
        if repeated > 0 {
            let lines = if repeated == 1 { "line repeats" } else { "lines repeat" };
            remarks.push(format!("{repeated} {lines} a time; of equal times the last stays"));
        }
        let empty = self.values.iter().filter(|value| value.is_nan()).count();
        if empty > 0 {
            remarks.push(format!("{empty} of {} lines hold no number", self.times.len()));
        }
        Ok(Read {
            samples: Samples::from_columns(self.times, self.values),
            remarks,
        })
    }
}

impl Layout {
    fn of(record: &StringRecord, is_head: bool, line: u64, columns: Columns<'_>) -> Result<Self, Invalid> {
        let head: Option<Vec<String>> = is_head.then(|| record.iter().map(str::to_owned).collect());
        let width = record.len();
        if width < 2 {
            let fix = "give lines of time,value with one separator: a comma, a semicolon or a tab";
            return Err(refused(line, 1, &record[0], "has one column".to_owned(), fix));
        }
        let find = |field: &str, wanted: &str| {
            let same = head.iter().flatten().filter(|name| *name == wanted).count();
            if same > 1 {
                let rule = format!("is the name of {same} columns");
                return Err(Invalid::new(field, wanted, rule, "give its number, 1 is the first"));
            }
            let named = head
                .as_ref()
                .and_then(|head| head.iter().position(|name| name == wanted));
            let numbered = || {
                wanted
                    .parse::<usize>()
                    .ok()
                    .filter(|n| (1..=width).contains(n))
                    .map(|n| n - 1)
            };
            named.or_else(numbered).ok_or_else(|| {
                let known = head
                    .as_ref()
                    .map_or_else(|| format!("1 to {width}"), |head| listed(head));
                Invalid::new(field, wanted, "is no column of this file", format!("it has {known}"))
            })
        };
        let value = match columns.value {
            Some(wanted) => find("--value-column", wanted)?,
            None if width > 2 && head.is_none() => {
                return Err(refused(
                    line,
                    3,
                    &record.iter().collect::<Vec<_>>().join(" | "),
                    format!("has {width} columns and no head says which is the value"),
                    "name it by --value-column 2, or quote numbers and times that hold the separator",
                ));
            }
            None => 1,
        };
        let label = match columns.label.map(|text| text.split_once('=').ok_or(text)) {
            None => None,
            Some(Ok((name, wanted))) => Some((find("--label-column", name)?, wanted.to_owned())),
            Some(Err(text)) => {
                let fix = format!("write it like {text}=web-1");
                return Err(Invalid::new("--label-column", text, "names no value", fix));
            }
        };
        if value == 0 {
            return Err(Invalid::new(
                "--value-column",
                "1",
                "is the time",
                "name another column",
            ));
        }
        Ok(Self {
            head,
            width,
            value,
            label,
        })
    }

    /// The columns that nothing was read from.
    fn left_out(&self) -> Option<String> {
        let label = self.label.as_ref().map(|(at, _)| *at);
        let unread: Vec<String> = (1..self.width)
            .filter(|at| *at != self.value && Some(*at) != label)
            .map(|at| self.name(at))
            .collect();
        (!unread.is_empty()).then(|| {
            format!(
                "the values are those of {}; not read: {} (--value-column, --label-column choose)",
                self.name(self.value),
                listed(&unread)
            )
        })
    }

    fn name(&self, at: usize) -> String {
        match &self.head {
            Some(head) if !head[at].is_empty() => head[at].clone(),
            _ => format!("column {}", at + 1),
        }
    }
}

fn listed(names: &[String]) -> String {
    let more = names.len().saturating_sub(MAX_LISTED);
    let shown = names[..names.len() - more].join(", ");
    if more == 0 {
        shown
    } else {
        format!("{shown} and {more} more")
    }
}

/// What heads call the column of the time; only under such a name may another column be called by a number.
const TIME_NAMES: [&str; 10] = [
    "time",
    "timestamp",
    "date",
    "datetime",
    "ts",
    "t",
    "epoch",
    "unixtime",
    "_time",
    "@timestamp",
];

/// A head begins with a word and holds no reading. What begins with a word and has a number after it is a line that somebody
/// mistyped, unless the word means the time.
fn is_head(record: &StringRecord) -> bool {
    let first = record[0].to_ascii_lowercase();
    if TIME_NAMES.contains(&first.as_str()) {
        return true;
    }
    let word = first.starts_with(|c: char| c.is_alphabetic() || c == '_');
    word && !record.iter().skip(1).any(|field| field.parse::<f64>().is_ok())
}

fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

fn refused(line: u64, column: usize, value: &str, rule: String, fix: &str) -> Invalid {
    Invalid::new(format!("line {line} column {column}"), value, rule, fix)
}

fn value_of(text: &str) -> Option<f64> {
    // A spreadsheet marks text by an apostrophe: what follows is what was meant.
    let bare = text.strip_prefix('\'').unwrap_or(text);
    match bare.to_ascii_lowercase().as_str() {
        // An empty field is a sample without a value: it is counted as such, not skipped.
        "" => Some(f64::NAN),
        // Prometheus' marker of a series that ended: a gap starts at once.
        "stale" | "stalenan" => Some(f64::from_bits(STALE_NAN_BITS)),
        // Digits that no float holds are no infinity.
        number => number
            .parse()
            .ok()
            .filter(|value: &f64| !value.is_infinite() || !number.contains(|c: char| c.is_ascii_digit())),
    }
}

#[cfg(test)]
mod tests;
