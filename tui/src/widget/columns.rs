//! Which columns of a table are shown, in which order: chosen by the operator, remembered by their titles.

use super::table::Column;

/// The columns of one table. Titles are their names; `-TITLE` is a hidden one.
#[derive(Debug, Clone, Default)]
pub(crate) struct Columns {
    all: &'static [Column],
    /// Index into `all` and whether it is shown, in the order shown.
    order: Vec<(usize, bool)>,
}

impl Columns {
    /// From words kept by an earlier session. Unknown words are passed over; columns without a word stand at the end, shown.
    pub(crate) fn new(all: &'static [Column], words: &[String]) -> Self {
        let mut order: Vec<(usize, bool)> = Vec::with_capacity(all.len());
        for word in words {
            let title = word.strip_prefix('-').unwrap_or(word);
            let at = all.iter().position(|column| column.title == title);
            if let Some(at) = at.filter(|at| order.iter().all(|(have, _)| have != at)) {
                order.push((at, !word.starts_with('-')));
            }
        }
        for at in 0..all.len() {
            if order.iter().all(|(have, _)| *have != at) {
                order.push((at, true));
            }
        }
        let mut columns = Self { all, order };
        if columns.order.iter().all(|(_, shown)| !shown) {
            columns.order.iter_mut().for_each(|column| column.1 = true);
        }
        columns
    }

    /// As they are remembered; empty while nothing was chosen.
    pub(crate) fn words(&self) -> Vec<String> {
        let untouched = self
            .order
            .iter()
            .enumerate()
            .all(|(place, (at, shown))| place == *at && *shown);
        if untouched {
            return Vec::new();
        }
        self.titles()
            .map(|(title, shown)| format!("{}{title}", if shown { "" } else { "-" }))
            .collect()
    }

    /// Titles in their order, and whether they are shown.
    fn titles(&self) -> impl Iterator<Item = (&'static str, bool)> + '_ {
        self.order.iter().map(|(at, shown)| (self.all[*at].title, *shown))
    }

    /// Heads as they are read, in their order, and whether they are shown.
    pub(crate) fn heads(&self) -> impl Iterator<Item = (&'static str, bool)> + '_ {
        self.order.iter().map(|(at, shown)| ((self.all[*at].head)(), *shown))
    }

    /// What is to be placed.
    pub(crate) fn shown(&self) -> Vec<Column> {
        self.order
            .iter()
            .filter(|(_, shown)| *shown)
            .map(|(at, _)| self.all[*at])
            .collect()
    }

    /// Shows or hides the n-th; the last one that is shown stays.
    pub(crate) fn turn(&mut self, place: usize) {
        let shown = self.order.iter().filter(|(_, shown)| *shown).count();
        if let Some(column) = self.order.get_mut(place)
            && (!column.1 || shown > 1)
        {
            column.1 = !column.1;
        }
    }

    /// Moves the n-th by `by` places; its new place.
    pub(crate) fn shift(&mut self, place: usize, by: isize) -> usize {
        let Some(to) = place.checked_add_signed(by).filter(|to| *to < self.order.len()) else {
            return place;
        };
        self.order.swap(place, to);
        to
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::widget::canvas::Align;

    const fn column(title: &'static str) -> Column {
        Column {
            title,
            head: crate::say::heads::series,
            width: 4,
            grow: 0,
            align: Align::Left,
            priority: 9,
        }
    }

    static ALL: [Column; 3] = [column("A"), column("B"), column("C")];

    fn words(words: &[&str]) -> Vec<String> {
        words.iter().map(|w| (*w).to_owned()).collect()
    }

    #[test]
    fn order_and_hiding_come_back() {
        let mut columns = Columns::new(&ALL, &[]);
        assert!(columns.words().is_empty(), "nothing was chosen");
        columns.turn(1);
        assert_eq!(columns.shift(2, -1), 1);
        assert_eq!(columns.words(), ["A", "C", "-B"]);
        let again = Columns::new(&ALL, &columns.words());
        assert_eq!(again.shown().iter().map(|c| c.title).collect::<Vec<_>>(), ["A", "C"]);
    }

    #[test]
    fn strange_words_are_forgiven_and_something_is_always_shown() {
        let columns = Columns::new(&ALL, &words(&["X", "C", "C", "-A"]));
        assert_eq!(
            columns.titles().collect::<Vec<_>>(),
            [("C", true), ("A", false), ("B", true)]
        );
        let columns = Columns::new(&ALL, &words(&["-A", "-B", "-C"]));
        assert_eq!(columns.shown().len(), 3);
        let mut columns = Columns::new(&ALL, &words(&["-A", "-B"]));
        columns.turn(2);
        assert_eq!(columns.shown().len(), 1, "the last one stays");
        assert_eq!(columns.shift(0, -1), 0);
    }
}
