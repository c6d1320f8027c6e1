//! Samples of one series, kept as two columns.

/// The bit pattern of Prometheus' stale marker: "this series has ended here".
/// Source: prometheus/model/value, `StaleNaN`.
pub const STALE_NAN_BITS: u64 = 0x7ff0_0000_0000_0002;

/// Whether `value` is the stale marker, as opposed to any other NaN.
pub fn is_stale(value: f64) -> bool {
    value.to_bits() == STALE_NAN_BITS
}

/// Raw samples of one series: strictly increasing times in Unix milliseconds and one value each.
/// Values may be NaN, infinite or the stale marker; rules about those live in `evaluation`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Samples {
    /// Unix milliseconds, strictly increasing.
    pub times_ms: Vec<i64>,
    /// One value a time.
    pub values: Vec<f64>,
}

impl Samples {
    /// From two columns of equal length; unsorted input is sorted, of equal times the last value stays.
    pub fn from_columns(times_ms: Vec<i64>, values: Vec<f64>) -> Self {
        debug_assert_eq!(times_ms.len(), values.len());
        if times_ms.windows(2).all(|pair| pair[0] < pair[1]) {
            return Self { times_ms, values };
        }
        let mut pairs: Vec<(i64, f64)> = times_ms.into_iter().zip(values).collect();
        pairs.sort_by_key(|(t, _)| *t);
        let mut out = Self::default();
        for (t, v) in pairs {
            if out.times_ms.last() == Some(&t) {
                out.values.pop();
                out.values.push(v);
            } else {
                out.times_ms.push(t);
                out.values.push(v);
            }
        }
        out
    }

    /// How many samples there are, of every kind.
    pub fn len(&self) -> usize {
        self.times_ms.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.times_ms.is_empty()
    }

    /// Time and value, oldest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (i64, f64)> + '_ {
        self.times_ms.iter().copied().zip(self.values.iter().copied())
    }

    /// The part inside (start, end], as two slices.
    pub fn between(&self, after_ms: i64, until_ms: i64) -> (&[i64], &[f64]) {
        let from = self.times_ms.partition_point(|&t| t <= after_ms);
        let to = self.times_ms.partition_point(|&t| t <= until_ms).max(from);
        (&self.times_ms[from..to], &self.values[from..to])
    }

    /// Appends a sample that is later than all others; an earlier or equal one is refused with `false`.
    pub fn push(&mut self, time_ms: i64, value: f64) -> bool {
        if self.times_ms.last().is_some_and(|&last| time_ms <= last) {
            return false;
        }
        self.times_ms.push(time_ms);
        self.values.push(value);
        true
    }
}
