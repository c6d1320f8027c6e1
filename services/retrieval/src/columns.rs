//! Down-sampling for a chart: each drawn column holds the lowest and the highest of its samples, so that no spike is lost.

use sla_domain::Samples;
use sla_proto::retrieval::v1::Column;

/// The samples in (`after_ms`, `until_ms`] in `count` columns of equal width, oldest first. Column k covers
/// (after + k·w, after + (k+1)·w]; one without a finite sample is empty. Work and memory are bounded by samples + columns.
pub fn columns(samples: &Samples, after_ms: i64, until_ms: i64, count: usize) -> Vec<Column> {
    let mut out = vec![Column::default(); count];
    let width = i128::from(until_ms) - i128::from(after_ms);
    if width <= 0 || count == 0 {
        return out;
    }
    let (times, values) = samples.between(after_ms, until_ms);
    for (&time, &value) in times.iter().zip(values) {
        if !value.is_finite() {
            continue;
        }
        // Closed on the right: a sample on an edge belongs to the column that ends there.
        let at = ((i128::from(time) - i128::from(after_ms)) * count as i128 - 1) / width;
        let Some(column) = usize::try_from(at).ok().and_then(|at| out.get_mut(at)) else {
            continue;
        };
        column.min = Some(column.min.map_or(value, |min| min.min(value)));
        column.max = Some(column.max.map_or(value, |max| max.max(value)));
        column.last = Some(value);
    }
    out
}

/// Adds the median of the finite samples of each column that [`columns`] gave for the same range.
pub fn medians(samples: &Samples, after_ms: i64, until_ms: i64, drawn: &mut [Column]) {
    let count = drawn.len();
    let width = i128::from(until_ms) - i128::from(after_ms);
    if width <= 0 || count == 0 {
        return;
    }
    let (times, values) = samples.between(after_ms, until_ms);
    let column_of = |time: i64| ((i128::from(time) - i128::from(after_ms)) * count as i128 - 1) / width;
    let mut inside: Vec<f64> = Vec::new();
    let mut from = 0;
    for part in times.chunk_by(|a, b| column_of(*a) == column_of(*b)) {
        inside.clear();
        inside.extend(
            values[from..from + part.len()]
                .iter()
                .copied()
                .filter(|value| value.is_finite()),
        );
        from += part.len();
        let column = usize::try_from(column_of(part[0]))
            .ok()
            .and_then(|at| drawn.get_mut(at));
        if let (Some(column), false) = (column, inside.is_empty()) {
            let middle = (inside.len() - 1) / 2;
            column.median = Some(*inside.select_nth_unstable_by(middle, f64::total_cmp).1);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use sla_domain::STALE_NAN_BITS;

    use super::*;

    fn samples(pairs: &[(i64, f64)]) -> Samples {
        Samples::from_columns(pairs.iter().map(|p| p.0).collect(), pairs.iter().map(|p| p.1).collect())
    }

    #[test]
    fn edges_belong_to_the_column_that_ends_there() {
        let all = samples(&[(0, 9.0), (1, 1.0), (50, 2.0), (51, 3.0), (100, 4.0), (101, 9.0)]);
        let got = columns(&all, 0, 100, 2);
        let of = |min, max, last| Column {
            min: Some(min),
            max: Some(max),
            last: Some(last),
            median: None,
        };
        assert_eq!(got, [of(1.0, 2.0, 2.0), of(3.0, 4.0, 4.0)]);
    }

    #[test]
    fn the_median_is_the_middle_of_its_own_column() {
        let all = samples(&[(1, 1.0), (20, 9.0), (50, 2.0), (51, 3.0), (90, f64::NAN), (100, 5.0)]);
        let mut got = columns(&all, 0, 100, 2);
        medians(&all, 0, 100, &mut got);
        assert_eq!(got.iter().map(|c| c.median).collect::<Vec<_>>(), [Some(2.0), Some(3.0)]);
        medians(&all, 100, 100, &mut got);
    }

    #[test]
    fn gaps_and_what_is_no_number_leave_columns_empty() {
        let stale = f64::from_bits(STALE_NAN_BITS);
        let all = samples(&[
            (10, 5.0),
            (30, f64::NAN),
            (35, stale),
            (50, f64::INFINITY),
            (90, 7.0),
            (91, f64::NAN),
        ]);
        let got = columns(&all, 0, 100, 5);
        assert_eq!(
            got.iter().map(|c| c.max).collect::<Vec<_>>(),
            [Some(5.0), None, None, None, Some(7.0)]
        );
        assert_eq!(got[4].last, Some(7.0));
    }

    #[test]
    fn a_spike_between_two_columns_is_not_lost() {
        let mut all = samples(&(1..=10_000).map(|k| (k, 1.0)).collect::<Vec<_>>());
        all.values[7_777] = 99.0;
        let got = columns(&all, 0, 10_000, 30);
        assert_eq!(got.iter().filter(|c| c.max == Some(99.0)).count(), 1);
        assert_eq!(got[7_778 * 30 / 10_000].max, Some(99.0));
    }

    #[test]
    fn impossible_ranges_are_empty_columns() {
        let all = samples(&[(5, 1.0)]);
        assert_eq!(columns(&all, 10, 10, 3), vec![Column::default(); 3]);
        assert_eq!(columns(&all, 10, 0, 3), vec![Column::default(); 3]);
        assert!(columns(&all, 0, 10, 0).is_empty());
        assert_eq!(columns(&all, i64::MIN, i64::MAX, 2)[1].min, Some(1.0));
    }

    proptest! {
        #[test]
        fn columns_hold_exactly_what_falls_into_them(
            pairs in proptest::collection::vec((0_i64..1_000, -5.0..5.0_f64), 0..300),
            after in -10_i64..900, width in 1_i64..500, count in 1_usize..50,
        ) {
            let all = samples(&pairs);
            let until = after + width;
            let got = columns(&all, after, until, count);
            prop_assert_eq!(got.len(), count);
            for (k, column) in got.iter().enumerate() {
                // The column's edges, in exact arithmetic: after + k·w/n < t ≤ after + (k+1)·w/n.
                let inside: Vec<f64> = all
                    .iter()
                    .filter(|(t, _)| {
                        let (lhs, n) = (i128::from(t - after) * count as i128, i128::from(width));
                        lhs > k as i128 * n && lhs <= (k as i128 + 1) * n
                    })
                    .map(|(_, v)| v)
                    .collect();
                prop_assert_eq!(column.min, inside.iter().copied().reduce(f64::min));
                prop_assert_eq!(column.max, inside.iter().copied().reduce(f64::max));
                prop_assert_eq!(column.last, inside.last().copied());
            }
        }
    }
}
