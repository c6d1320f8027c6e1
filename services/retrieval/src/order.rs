//! The order of a table and where its next page begins: by key, not by position, so that rows that come and go between two pages
//! neither repeat nor vanish.

use std::cmp::Ordering;

use sla_domain::SeriesId;

use crate::error::RetrievalError;

/// How much of a name orders the rows; the id decides the rest.
const NAME_CHARS: usize = 300;

/// What rows are ordered by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// Labels as PromQL writes them.
    Name,
    /// The newest value.
    Last,
    /// Of the window.
    Min,
    /// Of the window.
    Mean,
    /// Of the window.
    Max,
    /// Of the window.
    Std,
    /// How bad the worst is that any objective says about it.
    State,
}

/// Order and direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Order {
    /// By what.
    pub by: By,
    /// Greatest first.
    pub reversed: bool,
}

impl Order {
    /// From the word of the contract: `name`, `last`, `min`, `mean`, `max`, `std`, `state`, with a leading `-` the other way
    /// round.
    pub fn parse(text: &str) -> Result<Self, RetrievalError> {
        let (word, reversed) = text.strip_prefix('-').map_or((text, false), |word| (word, true));
        let by = match word {
            "" | "name" => By::Name,
            "last" => By::Last,
            "min" => By::Min,
            "mean" => By::Mean,
            "max" => By::Max,
            "std" => By::Std,
            "state" => By::State,
            _ => {
                return Err(RetrievalError::invalid(
                    "sort",
                    text,
                    "is no column",
                    "choose name, last, min, mean, max, std or state, with a leading - for the other way round",
                ));
            }
        };
        Ok(Self { by, reversed })
    }

    /// Compares two keys. Rows without a value come last, whatever the direction.
    pub fn compare(self, a: &Key, b: &Key) -> Ordering {
        let turned = |ordering: Ordering| if self.reversed { ordering.reverse() } else { ordering };
        let values = match (a.value, b.value) {
            (Some(a), Some(b)) => turned(a.total_cmp(&b)),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => Ordering::Equal,
        };
        values
            .then_with(|| turned(a.name.cmp(&b.name)))
            .then_with(|| a.id.cmp(&b.id))
    }
}

/// The place of a row.
#[derive(Debug, Clone, PartialEq)]
pub struct Key {
    /// The figure; `None` where there is none, or where names order.
    pub value: Option<f64>,
    /// The start of the labels.
    pub name: String,
    /// The series.
    pub id: SeriesId,
}

impl Key {
    /// A key; a value that is no number counts as none.
    pub fn new(value: Option<f64>, labels: impl Into<String>, id: SeriesId) -> Self {
        let mut name = labels.into();
        if let Some((end, _)) = name.char_indices().nth(NAME_CHARS) {
            name.truncate(end);
        }
        Self {
            value: value.filter(|value| value.is_finite()),
            name,
            id,
        }
    }

    /// As text for a page token.
    pub fn encode(&self) -> String {
        let value = self
            .value
            .map_or_else(|| "-".to_owned(), |value| format!("{:016x}", value.to_bits()));
        format!("{value} {} {}", self.id.to_hex(), self.name)
    }

    /// From the text of a page token.
    pub fn decode(text: &str) -> Option<Self> {
        let mut parts = text.splitn(3, ' ');
        let value = match parts.next()? {
            "-" => None,
            bits => Some(f64::from_bits(u64::from_str_radix(bits, 16).ok()?)),
        };
        Some(Self {
            value,
            id: SeriesId::from_hex(parts.next()?)?,
            name: parts.next()?.to_owned(),
        })
    }
}

/// Where a page begins.
#[derive(Debug, Clone, PartialEq)]
pub enum Start {
    /// Behind the row that the page before ended with.
    After(Key),
    /// So many rows from the first; 0 is the first page.
    Skip(usize),
}

/// A page: positions in `keys`, and whether there are more behind it.
pub fn page(keys: &[Key], order: Order, start: &Start, size: usize) -> (Vec<usize>, bool) {
    let mut places: Vec<usize> = (0..keys.len()).collect();
    places.sort_by(|&a, &b| order.compare(&keys[a], &keys[b]));
    let from = match start {
        Start::After(after) => places.partition_point(|&at| order.compare(&keys[at], after) != Ordering::Greater),
        Start::Skip(rows) => (*rows).min(places.len()),
    };
    let more = places.len() - from > size;
    (places[from..].iter().take(size).copied().collect(), more)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key(value: Option<f64>, name: &str) -> Key {
        let mut id = [0; 16];
        id[..name.len().min(16)].copy_from_slice(&name.as_bytes()[..name.len().min(16)]);
        Key::new(value, name, SeriesId(id))
    }

    #[test]
    fn words_of_order() {
        assert_eq!(
            Order::parse("").unwrap(),
            Order {
                by: By::Name,
                reversed: false
            }
        );
        assert_eq!(
            Order::parse("-max").unwrap(),
            Order {
                by: By::Max,
                reversed: true
            }
        );
        assert!(Order::parse("weight").is_err());
    }

    #[test]
    fn rows_without_a_value_come_last_both_ways() {
        let keys = [
            key(None, "a"),
            key(Some(2.0), "b"),
            key(Some(-1.0), "c"),
            key(Some(f64::NAN), "d"),
        ];
        let up = page(
            &keys,
            Order {
                by: By::Max,
                reversed: false,
            },
            &Start::Skip(0),
            9,
        )
        .0;
        assert_eq!(up, [2, 1, 0, 3]);
        let down = page(
            &keys,
            Order {
                by: By::Max,
                reversed: true,
            },
            &Start::Skip(0),
            9,
        )
        .0;
        assert_eq!(down[..2], [1, 2]);
        assert!(down[2..].contains(&0) && down[2..].contains(&3));
    }

    #[test]
    fn a_page_goes_on_behind_a_row_that_is_gone() {
        let order = Order {
            by: By::Name,
            reversed: false,
        };
        let keys: Vec<Key> = ["a", "b", "c", "d"].map(|name| key(None, name)).into();
        let (first, more) = page(&keys, order, &Start::Skip(0), 2);
        assert_eq!((first, more), (vec![0, 1], true));
        let token = Key::decode(&keys[1].encode()).unwrap();
        let left: Vec<Key> = ["a", "c", "d"].map(|name| key(None, name)).into();
        assert_eq!(page(&left, order, &Start::After(token), 2), (vec![1, 2], false));
        assert_eq!(page(&keys, order, &Start::Skip(1), 2), (vec![1, 2], true));
        assert_eq!(page(&keys, order, &Start::Skip(9), 2), (vec![], false));
    }

    proptest! {
        #[test]
        fn pages_are_the_whole_list(
            rows in proptest::collection::vec((proptest::option::of(-9.0..9.0_f64), "[a-z \"{}]{0,12}"), 0..60),
            size in 1_usize..10, reversed: bool,
        ) {
            let keys: Vec<Key> = rows
                .iter()
                .enumerate()
                .map(|(at, (value, name))| Key::new(*value, name, SeriesId((at as u128).to_be_bytes())))
                .collect();
            let order = Order { by: By::Mean, reversed };
            let whole = page(&keys, order, &Start::Skip(0), usize::MAX).0;
            let (mut seen, mut start) = (Vec::new(), Start::Skip(0));
            loop {
                let (part, more) = page(&keys, order, &start, size);
                prop_assert_eq!(&page(&keys, order, &Start::Skip(seen.len()), size).0, &part);
                seen.extend(part.iter().copied());
                match part.last() {
                    Some(&last) if more => start = Start::After(Key::decode(&keys[last].encode()).unwrap()),
                    _ => break,
                }
            }
            prop_assert_eq!(seen, whole);
        }
    }
}
