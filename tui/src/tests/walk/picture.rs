//! Reading a picture as a person does: counts in the header, marks in the tables.

use std::collections::BTreeMap;

use crate::say;

/// Column of the cursor's mark in a table.
const GUTTER: usize = 1;
/// Rows above a screen, and its own line above the table of sets.
const HEADER: usize = 3;
/// Marks that stand for states.
pub(super) const MARKS: [char; 6] = ['✗', '?', '▲', '◇', '✓', '⏸'];

/// What a console shows, as characters.
pub(super) struct Picture {
    pub(super) rows: Vec<Vec<char>>,
    width: usize,
}

/// A row of the first screen.
#[derive(Debug)]
pub(super) struct NowLine {
    pub(super) mark: char,
    pub(super) what: String,
    pub(super) place: String,
    /// How many rows it stands for, of a fold.
    pub(super) fold: Option<usize>,
    pub(super) nested: bool,
    pub(super) cursor: bool,
}

/// A row of the table of objectives.
#[derive(Debug)]
pub(super) struct SetLine {
    pub(super) name: String,
    pub(super) mark: char,
    pub(super) cursor: bool,
}

impl Picture {
    pub(super) fn of(rows: &[String], width: u16) -> Self {
        Self {
            rows: rows.iter().map(|row| row.chars().collect()).collect(),
            width: usize::from(width),
        }
    }

    fn text(&self, y: usize, from: usize, to: usize) -> String {
        let row = self.rows.get(y).map_or(&[][..], Vec::as_slice);
        let part = row.iter().skip(from).take(to.saturating_sub(from));
        part.collect::<String>()
    }

    /// Counts beside marks in the first line, and whether it reaches the edge: what stands there may be cut.
    pub(super) fn counts(&self) -> (BTreeMap<char, usize>, bool) {
        let row = self.rows.first().map_or(&[][..], Vec::as_slice);
        let mut counts = BTreeMap::new();
        for (at, mark) in row.iter().enumerate().filter(|(_, c)| MARKS.contains(c)) {
            let behind = row[at + 1..].iter().skip_while(|c| **c == ' ');
            let digits: String = behind.take_while(|c| c.is_ascii_digit()).collect();
            let end = at + 2 + digits.len();
            if let Ok(count) = digits.parse()
                && end < self.width
            {
                counts.insert(*mark, count);
            }
        }
        (counts, row.len() + 5 >= self.width)
    }

    /// The mark of the line that says what is wrong.
    pub(super) fn headline(&self) -> Option<char> {
        self.rows.get(1)?.get(1).copied()
    }

    /// Where the head of a column stands.
    fn head(&self, y: usize, head: &str) -> Option<usize> {
        let row: String = self.rows.get(y)?.iter().collect();
        let at = if head.chars().count() == 1 {
            // It stands first where nobody moved it.
            row.starts_with(&format!("   {head} ")).then_some(3)?
        } else {
            row.find(head)?
        };
        Some(row.get(..at)?.chars().count())
    }

    /// The rows of the table below the line of heads at `y`.
    fn table(&self, y: usize) -> impl Iterator<Item = usize> + '_ {
        let ends = |y: &usize| {
            let row = &self.rows[*y];
            let is_line = row.first().is_some_and(|c| matches!(c, '─' | '┌' | '╭'));
            row.is_empty() || is_line || *y + 1 >= self.rows.len()
        };
        (y + 1..self.rows.len()).take_while(move |y| !ends(y))
    }

    /// The first screen; nothing where its columns are not those it begins with.
    pub(super) fn now(&self) -> Option<Vec<NowLine>> {
        let head = |text: &str| self.head(HEADER, text);
        let (mark, what) = (head(say::heads::s())?, head(say::heads::what())?);
        let (place, limit) = (head(say::heads::place())?, head(say::heads::limit())?);
        let since = head(say::heads::since())?;
        let line = |y: usize| {
            let name = self.text(y, what, place);
            let from_here: String = self.text(y, what, limit);
            let digits = from_here.chars().skip_while(|c| !c.is_ascii_digit());
            let digits: String = digits.take_while(char::is_ascii_digit).collect();
            let is_fold = self.text(y, limit, since).trim().is_empty();
            NowLine {
                mark: self.rows[y].get(mark).copied().unwrap_or(' '),
                nested: name.starts_with("  "),
                what: name.trim().to_owned(),
                place: self.text(y, place, limit).trim().to_owned(),
                fold: digits.parse().ok().filter(|_| is_fold),
                cursor: self.rows[y].get(GUTTER) == Some(&'▸'),
            }
        };
        Some(self.table(HEADER).map(line).collect())
    }

    /// The open set: the line that begins with its name, and its objectives.
    pub(super) fn set(&self) -> Option<(String, Vec<SetLine>)> {
        let head = |text: &str| self.head(HEADER + 1, text);
        let (name, min) = (head(say::heads::objective())?, head(say::heads::min())?);
        let now = head(say::heads::now())?;
        let info = self.text(HEADER, 1, self.width);
        let line = |y: usize| SetLine {
            // The head of the bounds stands at the right of its column.
            name: self
                .text(y, name, min)
                .split("  ")
                .next()
                .unwrap_or_default()
                .trim()
                .to_owned(),
            mark: self.rows[y].get(now).copied().unwrap_or(' '),
            cursor: self.rows[y].get(GUTTER) == Some(&'▸'),
        };
        let is_row = |y: &usize| self.rows[*y].len() > now;
        let lines = self.table(HEADER + 1).filter(is_row).map(line).collect();
        Some((info, lines))
    }
}
