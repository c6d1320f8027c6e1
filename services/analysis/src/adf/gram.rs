//! All nested regressions from one Gram matrix, whose lag part slides along its diagonals.

use super::regression::{Regression, best};
use crate::products::{dot, lagged};

/// A pivot this much smaller than its diagonal means the digits are gone: the caller takes QR.
const WEAK_PIVOT: f64 = 1e-7;

/// Row order in the search: constant, level, lags 1…L, and the difference itself last.
struct Gram {
    size: usize,
    cells: Vec<f64>,
}

impl Gram {
    fn new(size: usize) -> Self {
        Self {
            size,
            cells: vec![0.0; size * size],
        }
    }

    fn at(&self, i: usize, j: usize) -> f64 {
        self.cells[i.max(j) * self.size + i.min(j)]
    }

    fn set(&mut self, i: usize, j: usize, value: f64) {
        self.cells[i.max(j) * self.size + i.min(j)] = value;
    }

    /// The matrix with rows and columns in the order `order`.
    fn reordered(&self, order: &[usize]) -> Self {
        let mut out = Self::new(order.len());
        for (i, &a) in order.iter().enumerate() {
            for (j, &b) in order.iter().enumerate().take(i + 1) {
                out.set(i, j, self.at(a, b));
            }
        }
        out
    }

    /// In-place lower Cholesky; `None` when a regressor's pivot is too weak. The last row (the response) may vanish.
    fn factorise(mut self) -> Option<Self> {
        let size = self.size;
        for i in 0..size {
            let (done, rest) = self.cells.split_at_mut(i * size);
            let row = &mut rest[..=i];
            for j in 0..i {
                let other = &done[j * size..][..=j];
                let sum = row[j] - dot(&row[..j], &other[..j]);
                row[j] = sum / other[j];
            }
            let diagonal = row[i];
            let pivot = diagonal - dot(&row[..i], &row[..i]);
            if i + 1 == size {
                row[i] = pivot.max(0.0).sqrt();
            } else if pivot.is_nan() || pivot <= WEAK_PIVOT * diagonal {
                return None;
            } else {
                row[i] = pivot.sqrt();
            }
        }
        Some(self)
    }
}

/// The final regression with its lag, or `None` when the Gram matrix is too ill-conditioned to be trusted.
pub(super) fn search(level: &[f64], differences: &[f64], max_lag: usize) -> Option<Regression> {
    let common = build(level, differences, max_lag);
    let n = differences.len() - max_lag;
    let response = max_lag + 2;
    let factor = common.reordered(&(0..=response).collect::<Vec<_>>()).factorise()?;
    let total = common.at(response, response);
    let mut residuals = Vec::with_capacity(max_lag + 1);
    let mut residual = total;
    for k in 0..response {
        let part = factor.at(response, k);
        residual -= part * part;
        if k >= 1 {
            residuals.push(residual);
        }
    }
    if residuals.iter().any(|r| !trusted(*r, total)) {
        return None;
    }
    let (lag, best_aic) = best(&residuals, n, |lag| lag + 2);
    let statistic = finish(common, level, differences, max_lag, lag)?;
    Some(Regression {
        lag,
        best_aic,
        statistic,
    })
}

/// Whether a residual formed by subtraction still has the digits that the tolerance of 1e-8 needs.
fn trusted(residual: f64, total: f64) -> bool {
    residual > 1e-5 * total
}

/// The final regression: the sample grows by the rows that `lag` allows, the level comes last, so its t is one division: that t.
fn finish(mut gram: Gram, level: &[f64], differences: &[f64], max_lag: usize, lag: usize) -> Option<f64> {
    let response = max_lag + 2;
    let mut row = vec![0.0; response + 1];
    for t in lag..max_lag {
        row[0] = 1.0;
        row[1] = level[t];
        for k in 1..=lag {
            row[k + 1] = differences[t - k];
        }
        row[response] = differences[t];
        for i in (0..lag + 2).chain([response]) {
            for j in (0..lag + 2).chain([response]).take_while(|j| *j <= i) {
                gram.set(i, j, gram.at(i, j) + row[i] * row[j]);
            }
        }
    }
    let order: Vec<usize> = [0].into_iter().chain(2..lag + 2).chain([1, response]).collect();
    let last = order.len() - 1;
    let total = gram.at(response, response);
    let factor = gram.reordered(&order).factorise()?;
    let own = factor.at(last, last - 1);
    let mut residual = total;
    for k in 0..last {
        residual -= factor.at(last, k) * factor.at(last, k);
    }
    if !trusted(residual, total) {
        return None;
    }
    let freedom = differences.len() - lag - (lag + 2);
    Some(own / (residual / freedom as f64).sqrt())
}

/// The Gram matrix over the sample common to all lags: O(n · lags) for its borders, O(lags²) for the rest.
fn build(level: &[f64], differences: &[f64], max_lag: usize) -> Gram {
    let response = max_lag + 2;
    let total = differences.len();
    let n = total - max_lag;
    let head = &differences[max_lag..];
    // y · lag k for k = 0…L; k = 0 is the response itself.
    let mut with_response = vec![0.0; max_lag + 1];
    lagged(head, differences, max_lag, &mut with_response);
    // Sums of each lag column.
    let mut sums = vec![0.0; max_lag + 1];
    sums[0] = head.iter().sum();
    for k in 1..=max_lag {
        sums[k] = sums[k - 1] + differences[max_lag - k] - differences[total - k];
    }
    let mut gram = Gram::new(response + 1);
    let column = |k: usize| if k == 0 { response } else { k + 1 };
    gram.set(0, 0, n as f64);
    for k in 0..=max_lag {
        gram.set(0, column(k), sums[k]);
        gram.set(response, column(k), with_response[k]);
    }
    // Σ Δ(t−i)Δ(t−j) slides: one pair enters, one leaves.
    for (gap, first) in with_response.iter().enumerate() {
        let mut sum = *first;
        for i in 1..=max_lag - gap {
            let j = i + gap;
            sum += differences[max_lag - i] * differences[max_lag - j];
            sum -= differences[total - i] * differences[total - j];
            gram.set(column(i), column(j), sum);
        }
    }
    // The level: y(t−1) = level[t] where Δ(t) = level[t+1] − level[t].
    let base = &level[max_lag..max_lag + n];
    gram.set(0, 1, base.iter().sum());
    gram.set(1, 1, dot(base, base));
    gram.set(1, response, dot(base, head));
    // Σ level[t]Δ(t−k): level[t] = level[t−1] + Δ(t−1), and Σ level[t−1]Δ(t−k) is the sum before, one step earlier.
    let mut sum = gram.at(1, response);
    for k in 1..=max_lag {
        let entering = level[max_lag - 1] * differences[max_lag - k];
        let leaving = level[max_lag + n - 1] * differences[total - k];
        sum = sum + entering - leaving + gram.at(column(1), column(k));
        gram.set(1, column(k), sum);
    }
    gram
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sliding_matrix_equals_the_plain_one() {
        let level: Vec<f64> = (0..90).map(|i| f64::from(i * i % 13) - f64::from(i) * 0.05).collect();
        let differences: Vec<f64> = level.windows(2).map(|w| w[1] - w[0]).collect();
        let max_lag = 5;
        let gram = build(&level, &differences, max_lag);
        let rows: Vec<Vec<f64>> = (max_lag..differences.len())
            .map(|t| {
                let mut r = vec![1.0, level[t]];
                r.extend((1..=max_lag).map(|k| differences[t - k]));
                r.push(differences[t]);
                r
            })
            .collect();
        for i in 0..max_lag + 3 {
            for j in 0..=i {
                let want: f64 = rows.iter().map(|r| r[i] * r[j]).sum();
                assert!(
                    (gram.at(i, j) - want).abs() < 1e-9,
                    "({i},{j}): {} {want}",
                    gram.at(i, j)
                );
            }
        }
    }
}
