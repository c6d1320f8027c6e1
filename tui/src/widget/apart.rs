//! Texts of one column, shortened as a set: what tells them apart stays.

use std::collections::HashMap;

use super::canvas::cut_middle;

/// In place of what is left out.
const GAP: char = '…';
/// Beyond so many texts only those that stand near each other in order are held apart.
const NEAR: usize = 64;

/// The texts of a column that are too wide for it, and their short forms.
#[derive(Debug, Default)]
pub(crate) struct Shortened(HashMap<String, String>);

impl Shortened {
    /// Shortens what is wider than `columns` so that texts that differ look different, where there is room for that.
    pub(crate) fn new<'t>(texts: impl Iterator<Item = &'t str>, columns: u16) -> Self {
        let columns = usize::from(columns);
        let mut all: Vec<Vec<char>> = texts.map(|text| text.chars().collect()).collect();
        all.sort_unstable();
        all.dedup();
        let forms = all
            .iter()
            .enumerate()
            .filter(|(_, text)| text.len() > columns)
            .map(|(at, text)| {
                let near = at.saturating_sub(NEAR)..(at + NEAR + 1).min(all.len());
                let others = near.filter(|other| *other != at).map(|other| &all[other]);
                let whole: String = text.iter().collect();
                let short = shorten(text, &differences(text, others), columns);
                (
                    whole.clone(),
                    short.unwrap_or_else(|| cut_middle(&whole, columns).into_owned()),
                )
            });
        Self(forms.collect())
    }

    /// The form of a text that fits.
    pub(crate) fn form<'t>(&'t self, text: &'t str) -> &'t str {
        self.0.get(text).map_or(text, String::as_str)
    }
}

/// Where a text first differs from each of the others, in order.
fn differences<'t>(text: &[char], others: impl Iterator<Item = &'t Vec<char>>) -> Vec<usize> {
    let mut at: Vec<usize> = others
        .map(|other| text.iter().zip(other).take_while(|(a, b)| a == b).count())
        .filter(|at| *at < text.len())
        .collect();
    at.sort_unstable();
    at.dedup();
    at
}

/// Keeps the places where the text differs, then as much of its beginning and of its end as there is room for. `None` when the
/// places alone do not fit, or when there are none.
fn shorten(text: &[char], places: &[usize], columns: usize) -> Option<String> {
    let mut kept = vec![false; text.len()];
    // A place alone says little: with it the rest of its word, shorter and shorter until it fits.
    let longest = [12, 8, 5, 3, 2, 1].into_iter().find(|length| {
        kept.fill(false);
        for &place in places {
            let end = (place + length).min(text.len());
            let word = text[place..end].iter().take_while(|c| !is_edge(**c)).count().max(1);
            kept[place..place + word].fill(true);
        }
        width(&kept) <= columns
    });
    longest.filter(|_| !places.is_empty())?;
    // The ends take turns: a name is known by its head, a path by its tail.
    let (mut head, mut tail) = (0, text.len());
    loop {
        let grown = [true, false].map(|front| {
            let next = if front {
                (head..tail).find(|at| !kept[*at])
            } else {
                (head..tail).rev().find(|at| !kept[*at])
            };
            let Some(at) = next else { return false };
            kept[at] = true;
            if width(&kept) > columns {
                kept[at] = false;
                return false;
            }
            if front {
                head = at + 1;
            } else {
                tail = at;
            }
            true
        });
        if grown == [false, false] {
            break;
        }
    }
    let mut out = String::new();
    for (at, c) in text.iter().enumerate() {
        if kept[at] {
            out.push(*c);
        } else if at == 0 || kept[at - 1] {
            out.push(GAP);
        }
    }
    Some(out)
}

fn is_edge(c: char) -> bool {
    matches!(c, ' ' | '.' | ':' | '/' | '_' | '-' | ',')
}

/// Columns of what is kept, a gap being one.
fn width(kept: &[bool]) -> usize {
    let gaps = kept.chunk_by(|a, b| a == b).filter(|run| !run[0]).count();
    kept.iter().filter(|kept| **kept).count() + gaps
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn forms(texts: &[&str], columns: u16) -> Vec<String> {
        let short = Shortened::new(texts.iter().copied(), columns);
        texts.iter().map(|text| short.form(text).to_owned()).collect()
    }

    #[test]
    fn what_differs_in_the_middle_stays() {
        let hosts = [
            "10.0.0.11:9100 /dev/vda1",
            "10.0.0.12:9100 /dev/vda1",
            "10.0.0.12:9100 /dev/vdb1",
        ];
        let told = forms(&hosts, 15);
        println!("{told:?}");
        let distinct: BTreeSet<_> = told.iter().collect();
        assert_eq!(distinct.len(), 3, "{told:?}");
        assert!(told[0].contains("11") || told[0].contains('1'), "{told:?}");
    }

    #[test]
    fn names_that_share_both_ends_are_told_apart() {
        let names = [
            "node_filesystem_avail_bytes",
            "node_filesystem_free_bytes",
            "node_filesystem_size_bytes",
        ];
        let told = forms(&names, 16);
        let distinct: BTreeSet<_> = told.iter().collect();
        assert_eq!(distinct.len(), 3, "{told:?}");
        assert!(told[0].contains("avail"), "{told:?}");
    }

    #[test]
    fn what_fits_stays_as_it_is_and_one_alone_is_cut_in_its_middle() {
        assert_eq!(forms(&["abc", "abd"], 3), ["abc", "abd"]);
        assert_eq!(forms(&["node_memory_MemAvailable_bytes"], 16), ["node_mem…e_bytes"]);
    }

    proptest! {
        #[test]
        fn no_form_is_wider_than_its_column(texts in proptest::collection::vec("[a-c./ ]{0,40}", 0..12), columns in 1_u16..30) {
            let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
            for form in forms(&texts, columns) {
                prop_assert!(form.chars().count() <= usize::from(columns), "{form}");
            }
        }
    }
}
