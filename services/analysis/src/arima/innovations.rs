//! One-step prediction errors and their variances: the banded Cholesky recursion of Ansley (1979).
//!
//! The first m = max(p, q) values stay as they are, later ones become uₜ = φ(B) xₜ, a moving average: its covariance has
//! bandwidth q. When the innovation variance has settled at 1 the recursion is the plain one, eₜ = uₜ − θ₁ eₜ₋₁ − ….

use super::limits::MAX_LAGS;
use super::polynomial::{autocovariances, impulse_response};

/// Rows solved as a dense matrix before the band is regular.
const DENSE: usize = 2 * MAX_LAGS;
/// |v − 1| from which the recursion counts as settled.
const SETTLED: f64 = 1e-14;
/// |L − θ| that must hold with it.
const SETTLED_ROW: f64 = 1e-10;
/// Errors below this are zero: sub-normal numbers would cost a hundred times more.
const TINY: f64 = 1e-100;
/// Values between two looks for tiny errors.
const BLOCK: usize = 64;

/// Weighted sums of products of the prediction errors, and Σ log v.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sums<const K: usize> {
    pub(super) squares: [[f64; K]; K],
    pub(super) log_variance: f64,
    /// Σ e² of the first series beyond the initial rows: what the model leaves unexplained once it knows the past.
    pub(super) later: f64,
}

/// The recursion's state; after a run it is the state at the series' end.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Engine {
    p: usize,
    q: usize,
    ar: [f64; MAX_LAGS],
    ma: [f64; MAX_LAGS],
    /// Covariances of the moving average, c₀ … c_q.
    band: [f64; MAX_LAGS + 1],
    gamma: [f64; MAX_LAGS + 1],
    psi: [f64; MAX_LAGS + 1],
    /// Row `j`: factors L of the value j + 1 steps back with the values 1, 2, … before it.
    rows: [[f64; MAX_LAGS]; MAX_LAGS],
    /// Variances of the last values, latest first.
    variances: [f64; MAX_LAGS],
    /// Errors of the last values of the first series, latest first.
    errors: [f64; MAX_LAGS],
    settled: bool,
    /// Rows of the dense start that lie beyond a very short series, the next one last.
    beyond: Vec<([f64; MAX_LAGS], f64)>,
}

impl Engine {
    /// `None` when the coefficients have no finite covariance.
    pub(super) fn new(ar: &[f64], ma: &[f64]) -> Option<Self> {
        let mut psi = [0.0; MAX_LAGS + 1];
        impulse_response(ar, ma, &mut psi);
        let gamma = autocovariances(ar, ma, &psi)?;
        let theta = |j: usize| if j == 0 { 1.0 } else { ma[j - 1] };
        let mut band = [0.0; MAX_LAGS + 1];
        for (k, c) in band.iter_mut().enumerate().take(ma.len() + 1) {
            *c = (0..=ma.len() - k).map(|j| theta(j) * theta(j + k)).sum();
        }
        let padded = |c: &[f64]| {
            let mut out = [0.0; MAX_LAGS];
            out[..c.len()].copy_from_slice(c);
            out
        };
        Some(Self {
            p: ar.len(),
            q: ma.len(),
            ar: padded(ar),
            ma: padded(ma),
            band,
            gamma,
            psi,
            rows: [[0.0; MAX_LAGS]; MAX_LAGS],
            variances: [1.0; MAX_LAGS],
            errors: [0.0; MAX_LAGS],
            settled: false,
            beyond: Vec::new(),
        })
    }

    pub(super) fn ar(&self) -> &[f64] {
        &self.ar[..self.p]
    }

    /// 1, θ₁, …
    fn theta(&self, j: usize) -> f64 {
        if j == 0 { 1.0 } else { self.ma[j - 1] }
    }

    pub(super) fn errors(&self) -> &[f64; MAX_LAGS] {
        &self.errors
    }

    /// Covariance of the transformed values at positions i ≥ j.
    fn covariance(&self, i: usize, j: usize, m: usize) -> f64 {
        let gap = i - j;
        if i < m {
            return self.gamma[gap];
        }
        if gap > self.q {
            return 0.0;
        }
        if j >= m {
            return self.band[gap];
        }
        // cov(θ(B)εᵢ, xⱼ) = Σ θᵣ ψ over the shocks both know.
        (gap..=self.q).map(|r| self.theta(r) * self.psi[r - gap]).sum()
    }

    /// Runs over the centred series; K = 2 adds the series of ones beside it (for the mean). `moving` is a buffer.
    pub(super) fn run<const K: usize>(&mut self, series: &[f64], moving: &mut Vec<f64>) -> Sums<K> {
        let m = self.p.max(self.q);
        let first = (2 * m).min(series.len());
        self.transform(series, moving, m);
        let rest = 1.0 - self.ar().iter().sum::<f64>();
        let mut sums = Sums {
            squares: [[0.0; K]; K],
            log_variance: 0.0,
            later: 0.0,
        };
        let mut errors = [[0.0; K]; MAX_LAGS];
        self.begin(&moving[..first], m, rest, &mut sums, &mut errors);
        let later = &moving[first..];
        match self.q {
            0 => self.plain(later, rest, &mut sums, &mut errors),
            1 => self.banded::<1, K>(later, rest, &mut sums, &mut errors),
            2 => self.banded::<2, K>(later, rest, &mut sums, &mut errors),
            3 => self.banded::<3, K>(later, rest, &mut sums, &mut errors),
            4 => self.banded::<4, K>(later, rest, &mut sums, &mut errors),
            5 => self.banded::<5, K>(later, rest, &mut sums, &mut errors),
            6 => self.banded::<6, K>(later, rest, &mut sums, &mut errors),
            7 => self.banded::<7, K>(later, rest, &mut sums, &mut errors),
            _ => self.banded::<MAX_LAGS, K>(later, rest, &mut sums, &mut errors),
        }
        for (own, e) in self.errors.iter_mut().zip(&errors) {
            *own = e[0];
        }
        sums
    }

    /// moving ← x for the first m values, φ(B) x for the others.
    fn transform(&self, series: &[f64], moving: &mut Vec<f64>, m: usize) {
        moving.clear();
        moving.extend_from_slice(series);
        let n = series.len();
        if n <= m {
            return;
        }
        for (i, phi) in self.ar().iter().enumerate() {
            let earlier = &series[m - 1 - i..n - 1 - i];
            for (u, x) in moving[m..].iter_mut().zip(earlier) {
                *u -= phi * x;
            }
        }
    }

    /// The first rows, as a dense matrix.
    #[expect(clippy::needless_range_loop, reason = "matrix algebra reads best by index")]
    fn begin<const K: usize>(
        &mut self,
        values: &[f64],
        m: usize,
        rest: f64,
        sums: &mut Sums<K>,
        errors: &mut [[f64; K]; MAX_LAGS],
    ) {
        let mut factor = [[0.0; DENSE]; DENSE];
        let mut variance = [1.0; DENSE];
        let mut error = [[0.0; K]; DENSE];
        let count = values.len();
        for i in 0..2 * m {
            let mut e = [if i < m { 1.0 } else { rest }; K];
            e[0] = values.get(i).copied().unwrap_or(0.0);
            let mut v = self.covariance(i, i, m);
            for j in 0..i {
                let mut sum = self.covariance(i, j, m);
                for k in 0..j {
                    sum -= factor[i][k] * factor[j][k] * variance[k];
                }
                factor[i][j] = sum / variance[j];
                v -= factor[i][j] * factor[i][j] * variance[j];
                for k in 0..K {
                    e[k] -= factor[i][j] * error[j][k];
                }
            }
            // Rounding near a unit root may leave nothing: the innovation variance is never below 1.
            variance[i] = v.max(1.0);
            if i >= count {
                continue;
            }
            error[i] = e;
            add(sums, &e, variance[i]);
            sums.log_variance += variance[i].ln();
            if i >= m {
                sums.later += e[0] * e[0] / variance[i];
            }
        }
        let row = |i: usize| {
            let mut out = [0.0; MAX_LAGS];
            for lag in 0..MAX_LAGS.min(i) {
                out[lag] = factor[i][i - 1 - lag];
            }
            out
        };
        for back in 0..MAX_LAGS.min(count) {
            let i = count - 1 - back;
            self.variances[back] = variance[i];
            errors[back] = error[i];
            self.rows[back] = row(i);
        }
        self.beyond.extend((count..2 * m).rev().map(|i| (row(i), variance[i])));
    }

    fn plain<const K: usize>(
        &mut self,
        moving: &[f64],
        rest: f64,
        sums: &mut Sums<K>,
        errors: &mut [[f64; K]; MAX_LAGS],
    ) {
        let n = moving.len() as f64;
        let square = crate::products::dot(moving, moving);
        sums.squares[0][0] += square;
        sums.later += square;
        if K == 2 {
            let cross = rest * moving.iter().sum::<f64>();
            sums.squares[0][1] += cross;
            sums.squares[1][0] += cross;
            sums.squares[1][1] += n * rest * rest;
        }
        self.settled = true;
        self.variances = [1.0; MAX_LAGS];
        self.rows = [[0.0; MAX_LAGS]; MAX_LAGS];
        for (e, u) in errors.iter_mut().zip(moving.iter().rev()) {
            e[0] = *u;
        }
    }

    fn banded<const Q: usize, const K: usize>(
        &mut self,
        moving: &[f64],
        rest: f64,
        sums: &mut Sums<K>,
        last: &mut [[f64; K]; MAX_LAGS],
    ) {
        let mut errors = [[0.0; K]; Q];
        errors.copy_from_slice(&last[..Q]);
        let mut product = 1.0_f64;
        let mut at = 0;
        let before = sums.squares[0][0];
        while at < moving.len() && !self.settled {
            let (row, variance) = self.advance::<Q>();
            let mut e = [rest; K];
            e[0] = moving[at];
            for k in 0..K {
                for j in 0..Q {
                    e[k] -= row[j] * errors[j][k];
                }
                if e[k].abs() < TINY {
                    e[k] = 0.0;
                }
            }
            shift(&mut errors, e);
            add(sums, &e, variance);
            product *= variance;
            if product > 1e100 {
                sums.log_variance += product.ln();
                product = 1.0;
            }
            at += 1;
        }
        sums.log_variance += product.ln();
        self.steady::<Q, K>(&moving[at..], rest, sums, &mut errors);
        sums.later += sums.squares[0][0] - before;
        last[..Q].copy_from_slice(&errors);
    }

    /// The next row of factors and its variance; moves the window by one value.
    #[expect(clippy::needless_range_loop, reason = "matrix algebra reads best by index")]
    fn advance<const Q: usize>(&mut self) -> ([f64; Q], f64) {
        let mut row = [0.0; Q];
        let mut variance = self.band[0];
        for j in (0..Q).rev() {
            let mut sum = self.band[j + 1];
            for k in j + 1..Q {
                sum -= row[k] * self.rows[j][k - j - 1] * self.variances[k];
            }
            row[j] = sum / self.variances[j];
            variance -= row[j] * row[j] * self.variances[j];
        }
        let variance = variance.max(1.0);
        for j in (1..Q).rev() {
            self.rows[j] = self.rows[j - 1];
            self.variances[j] = self.variances[j - 1];
        }
        self.rows[0][..Q].copy_from_slice(&row);
        self.variances[0] = variance;
        self.settled =
            variance - 1.0 < SETTLED && row.iter().zip(&self.ma[..Q]).all(|(l, t)| (l - t).abs() < SETTLED_ROW);
        (row, variance)
    }

    fn steady<const Q: usize, const K: usize>(
        &self,
        moving: &[f64],
        rest: f64,
        sums: &mut Sums<K>,
        errors: &mut [[f64; K]; Q],
    ) {
        let mut theta = [0.0; Q];
        theta.copy_from_slice(&self.ma[..Q]);
        for block in moving.chunks(BLOCK) {
            for e in errors.iter_mut().flatten() {
                if e.abs() < TINY {
                    *e = 0.0;
                }
            }
            for u in block {
                let mut e = [rest; K];
                e[0] = *u;
                for k in 0..K {
                    for j in (0..Q).rev() {
                        e[k] -= theta[j] * errors[j][k];
                    }
                }
                shift(errors, e);
                for i in 0..K {
                    for j in 0..=i {
                        sums.squares[i][j] += e[i] * e[j];
                    }
                }
            }
        }
        if K == 2 {
            sums.squares[0][1] = sums.squares[1][0];
        }
    }

    /// Factors and variance of the next value beyond the end: L with the values 1, 2, … before it.
    pub(super) fn next(&mut self) -> ([f64; MAX_LAGS], f64) {
        let mut out = [0.0; MAX_LAGS];
        let q = self.q;
        if let Some((row, variance)) = self.beyond.pop() {
            for j in (1..MAX_LAGS).rev() {
                self.rows[j] = self.rows[j - 1];
                self.variances[j] = self.variances[j - 1];
            }
            self.rows[0] = row;
            self.variances[0] = variance;
            return (row, variance);
        }
        if self.settled {
            return (self.ma, 1.0);
        }
        macro_rules! rows {
            ($($q:literal)*) => {
                match q {
                    $($q => { let (row, v) = self.advance::<$q>(); out[..$q].copy_from_slice(&row); (out, v) })*
                    _ => (out, 1.0),
                }
            };
        }
        rows!(1 2 3 4 5 6 7 8)
    }
}

fn shift<const Q: usize, const K: usize>(errors: &mut [[f64; K]; Q], e: [f64; K]) {
    for j in (1..Q).rev() {
        errors[j] = errors[j - 1];
    }
    errors[0] = e;
}

fn add<const K: usize>(sums: &mut Sums<K>, e: &[f64; K], variance: f64) {
    let weight = 1.0 / variance;
    for i in 0..K {
        for j in 0..K {
            sums.squares[i][j] += e[i] * e[j] * weight;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The likelihood's sums by a dense Cholesky factor of the full covariance matrix.
    fn dense(ar: &[f64], ma: &[f64], x: &[f64]) -> (f64, f64) {
        let n = x.len();
        let mut psi = vec![0.0; 4000];
        impulse_response(ar, ma, &mut psi);
        let gamma: Vec<f64> = (0..n)
            .map(|k| (0..4000 - k).map(|j| psi[j] * psi[j + k]).sum())
            .collect();
        let mut l = vec![vec![0.0; n]; n];
        let mut e = vec![0.0; n];
        let (mut squares, mut logs) = (0.0, 0.0);
        for i in 0..n {
            for j in 0..=i {
                let s: f64 = gamma[i - j] - (0..j).map(|k| l[i][k] * l[j][k]).sum::<f64>();
                l[i][j] = if i == j { s.sqrt() } else { s / l[j][j] };
            }
            e[i] = (x[i] - (0..i).map(|k| l[i][k] * e[k]).sum::<f64>()) / l[i][i];
            squares += e[i] * e[i];
            logs += 2.0 * l[i][i].ln();
        }
        (squares, logs)
    }

    #[test]
    fn sums_equal_those_of_the_dense_covariance() {
        let x: Vec<f64> = (0..60)
            .map(|i| f64::from(i * i % 17) - 8.0 + f64::from(i % 5))
            .collect();
        let cases: [(&[f64], &[f64]); 7] = [
            (&[0.7], &[0.4]),
            (&[0.5, 0.2], &[-0.6]),
            (&[], &[0.5, -0.3, 0.2]),
            (&[0.4, -0.3, 0.2], &[]),
            (&[0.3], &[0.2, 0.1, -0.4, 0.1]),
            (&[0.9], &[-0.999]),
            (&[0.2, 0.1], &[0.6, 0.3]),
        ];
        for (ar, ma) in cases {
            for n in [2 * ar.len().max(ma.len()) + 1, 60] {
                let mut engine = Engine::new(ar, ma).unwrap();
                let got = engine.run::<1>(&x[..n], &mut Vec::new());
                let (squares, logs) = dense(ar, ma, &x[..n]);
                assert!(
                    (got.squares[0][0] - squares).abs() < 1e-9 * squares,
                    "{ar:?} {ma:?} {n}: {} {squares}",
                    got.squares[0][0]
                );
                assert!(
                    (got.log_variance - logs).abs() < 1e-9,
                    "{ar:?} {ma:?} {n}: {} {logs}",
                    got.log_variance
                );
            }
        }
    }
}
