//! Keys of pages, and cutting rows into a page by count and bytes.

use crate::error::StoreError;
use crate::port::{MAX_PAGE_BYTES, Paged};

/// The number inside a page key.
pub(crate) fn number(key: Option<&str>, first: i64) -> Result<i64, StoreError> {
    key.map_or(Ok(first), |key| key.parse().map_err(|_| bad_key(key)))
}

/// The two numbers inside a page key "a,b".
pub(crate) fn pair(key: Option<&str>, first: (i64, i64)) -> Result<(i64, i64), StoreError> {
    let Some(key) = key else { return Ok(first) };
    let (a, b) = key.split_once(',').ok_or_else(|| bad_key(key))?;
    Ok((
        a.parse().map_err(|_| bad_key(key))?,
        b.parse().map_err(|_| bad_key(key))?,
    ))
}

pub(crate) fn bad_key(key: &str) -> StoreError {
    StoreError::BadPageKey {
        key: key.chars().take(80).collect(),
    }
}

/// How many rows to read for a page of `size`: one more, which says that there is a next page.
pub(crate) fn wanted(size: usize) -> i64 {
    (size as i64).saturating_add(1)
}

/// A page from up to one row more than it may hold: at most `size` rows and [`MAX_PAGE_BYTES`], but at least one row. `key`
/// names a row, `bytes` is its size.
pub(crate) fn cut<R, T>(
    mut rows: Vec<R>,
    size: usize,
    bytes: impl Fn(&R) -> usize,
    key: impl Fn(&R) -> Result<String, StoreError>,
    row: impl FnMut(R) -> Result<T, StoreError>,
) -> Result<Paged<T>, StoreError> {
    let mut sum = 0;
    let fits = rows.iter().take(size).enumerate().take_while(|(at, row)| {
        sum += bytes(row);
        *at == 0 || sum <= MAX_PAGE_BYTES
    });
    let fits = fits.count();
    let more = rows.len() > fits;
    rows.truncate(fits);
    let next = if more { rows.last().map(key).transpose()? } else { None };
    Ok(Paged {
        rows: rows.into_iter().map(row).collect::<Result<_, _>>()?,
        next,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Read to the end page by page, every row comes once and in order, and no page is too large unless one row is.
        #[test]
        fn pages_by_count_and_bytes_lose_nothing(
            sizes in prop::collection::vec(prop_oneof![1usize..2_000, Just(MAX_PAGE_BYTES / 2), Just(MAX_PAGE_BYTES + 1)], 0..40),
            size in 1usize..12,
        ) {
            let all: Vec<(usize, usize)> = sizes.into_iter().enumerate().collect();
            let (mut seen, mut from) = (Vec::new(), 0);
            loop {
                let rows = all[from..].iter().copied().take(size + 1).collect();
                let page = cut(rows, size, |row| row.1, |row| Ok(row.0.to_string()), Ok).unwrap();
                let bytes: usize = page.rows.iter().map(|row| row.1).sum();
                prop_assert!(page.rows.len() <= size && (bytes <= MAX_PAGE_BYTES || page.rows.len() == 1));
                seen.extend(page.rows);
                let Some(next) = page.next else { break };
                from = number(Some(&next), 0).unwrap() as usize + 1;
            }
            prop_assert_eq!(seen, all);
        }
    }
}
