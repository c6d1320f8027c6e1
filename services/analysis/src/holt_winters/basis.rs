//! The residuals as a linear function of the initial state, for variable projection (Golub & Pereyra 1973).
//!
//! With the parameters fixed, e = e⁰ + δb·q + Σ δsᵢ·r(t − i): the response to one unit in season slot i is the response to slot 1,
//! i steps later. So two impulse responses serve m + 1 columns, and their Gram matrix is a handful of lag products. The level has
//! no column: a shift of level against season changes nothing.

use super::model::MAX_SEASON;
use crate::products::{dot, lagged};

/// Filters run side by side.
const LANES: usize = 4;
/// States below this (in standard deviations of the series) are zero: sub-normal numbers would cost a hundred times more.
const TINY: f64 = 1e-100;
/// A pivot below this (unit diagonal) marks a column that the earlier ones already span.
const DEPENDENT: f64 = 1e-12;
/// Smoothing parameters.
pub(super) const FREE: usize = 3;

/// α, β = α β*, γ: the gains of level, trend and season.
#[derive(Debug, Clone, Copy)]
pub(super) struct Gains {
    pub(super) level: f64,
    pub(super) trend: f64,
    pub(super) season: f64,
}

/// Buffers of one fit; every evaluation reuses them.
pub(super) struct Workspace {
    m: usize,
    /// Residuals at the reference start.
    errors: Vec<f64>,
    /// m zeros, then the response to one unit in the first season slot.
    seasonal: Vec<f64>,
    /// The response to one unit of trend.
    trend: Vec<f64>,
    /// ∂e/∂α, ∂e/∂β, ∂e/∂γ at fixed start.
    slopes: [Vec<f64>; FREE],
    /// Season state of the running lanes.
    lanes: Vec<[f64; LANES]>,
    /// Lower Cholesky factor of the scaled Gram matrix, row-major, side m + 1.
    factor: Vec<f64>,
    scales: Vec<f64>,
    right: Vec<f64>,
    products: Vec<f64>,
}

/// The start that the columns correct: trend, then season (which holds the level).
pub(super) type Start = Vec<f64>;

impl Workspace {
    pub(super) fn new(n: usize, m: usize) -> Self {
        let side = m + 1;
        Self {
            m,
            errors: vec![0.0; n],
            seasonal: vec![0.0; n + m],
            trend: vec![0.0; n],
            slopes: [vec![0.0; n], vec![0.0; n], vec![0.0; n]],
            lanes: vec![[0.0; LANES]; m],
            factor: vec![0.0; side * side],
            scales: vec![0.0; side],
            right: vec![0.0; side],
            products: vec![0.0; m],
        }
    }

    /// Smallest SSE over all initial states at these gains; `start` (any state) moves to the minimiser.
    pub(super) fn project(&mut self, values: &[f64], gains: Gains, start: &mut Start) -> f64 {
        self.respond(values, gains, start);
        self.factorise();
        lagged(&self.errors, &self.seasonal, self.m, &mut self.products);
        self.right[0] = -dot(&self.errors, &self.trend);
        for (r, p) in self.right[1..].iter_mut().zip(&self.products) {
            *r = -p;
        }
        self.forward();
        let gain: f64 = self.right.iter().map(|x| x * x).sum();
        self.backward();
        for (x, step) in start.iter_mut().zip(&self.right) {
            *x += step;
        }
        dot(&self.errors, &self.errors) - gain
    }

    /// Runs e⁰, r and q side by side.
    fn respond(&mut self, values: &[f64], gains: Gains, start: &Start) {
        for (slot, s) in self.lanes.iter_mut().zip(&start[1..]) {
            *slot = [*s, 0.0, 0.0, 0.0];
        }
        self.lanes[0][1] = 1.0;
        // ahead = level + trend, the part of the forecast without season.
        let mut ahead = [start[0], 0.0, 1.0, 0.0];
        let mut trend = ahead;
        let both = gains.level + gains.trend;
        let chunks = values
            .chunks(self.m)
            .zip(self.errors.chunks_mut(self.m))
            .zip(self.seasonal[self.m..].chunks_mut(self.m))
            .zip(self.trend.chunks_mut(self.m));
        for (((ys, es), rs), qs) in chunks {
            for ((((y, s), e_out), r_out), q_out) in ys.iter().zip(&mut self.lanes).zip(es).zip(rs).zip(qs) {
                let mut e = [0.0; LANES];
                let input = [*y, 0.0, 0.0, 0.0];
                for k in 0..LANES {
                    e[k] = (input[k] - s[k]) - ahead[k];
                    ahead[k] = (ahead[k] + trend[k]) + both * e[k];
                    trend[k] += gains.trend * e[k];
                    s[k] = flush(s[k] + gains.season * e[k]);
                }
                *e_out = e[0];
                *r_out = e[1];
                *q_out = e[2];
            }
            for k in 0..LANES {
                ahead[k] = flush(ahead[k]);
                trend[k] = flush(trend[k]);
            }
        }
    }

    /// Residuals and their derivatives for the gains of level, trend, season, at `start`; returns the SSE.
    pub(super) fn differentiate(&mut self, values: &[f64], gains: Gains, start: &Start) -> f64 {
        const INTO_AHEAD: [f64; LANES] = [0.0, 1.0, 1.0, 0.0];
        const INTO_TREND: [f64; LANES] = [0.0, 0.0, 1.0, 0.0];
        const INTO_SEASON: [f64; LANES] = [0.0, 0.0, 0.0, 1.0];
        for (slot, s) in self.lanes.iter_mut().zip(&start[1..]) {
            *slot = [*s, 0.0, 0.0, 0.0];
        }
        let mut ahead = [start[0], 0.0, 0.0, 0.0];
        let mut trend = ahead;
        let both = gains.level + gains.trend;
        let [by_level, by_trend, by_season] = &mut self.slopes;
        let chunks = values
            .chunks(self.m)
            .zip(self.errors.chunks_mut(self.m))
            .zip(by_level.chunks_mut(self.m))
            .zip(by_trend.chunks_mut(self.m))
            .zip(by_season.chunks_mut(self.m));
        for ((((ys, es), ls), ts), ss) in chunks {
            for (((((y, s), e_out), l_out), t_out), s_out) in
                ys.iter().zip(&mut self.lanes).zip(es).zip(ls).zip(ts).zip(ss)
            {
                let mut e = [0.0; LANES];
                let input = [*y, 0.0, 0.0, 0.0];
                for k in 0..LANES {
                    e[k] = (input[k] - s[k]) - ahead[k];
                }
                let first = e[0];
                for k in 0..LANES {
                    ahead[k] = (ahead[k] + trend[k]) + (both * e[k] + INTO_AHEAD[k] * first);
                    trend[k] += gains.trend * e[k] + INTO_TREND[k] * first;
                    s[k] = flush(s[k] + (gains.season * e[k] + INTO_SEASON[k] * first));
                }
                *e_out = e[0];
                *l_out = e[1];
                *t_out = e[2];
                *s_out = e[3];
            }
            for k in 0..LANES {
                ahead[k] = flush(ahead[k]);
                trend[k] = flush(trend[k]);
            }
        }
        dot(&self.errors, &self.errors)
    }

    /// Gradient D'e and Gauss–Newton matrix D'D − D'X (X'X)⁻¹ X'D of the gains (Kaufman 1975), after [`Self::project`] left the
    /// factor of X'X and [`Self::differentiate`] the slopes.
    #[expect(clippy::needless_range_loop, reason = "matrix algebra reads best by index")]
    pub(super) fn curvature(&mut self) -> ([f64; FREE], [[f64; FREE]; FREE]) {
        let side = self.m + 1;
        let mut gradient = [0.0; FREE];
        let mut matrix = [[0.0; FREE]; FREE];
        let mut crossed = [[0.0; MAX_SEASON + 1]; FREE];
        for k in 0..FREE {
            gradient[k] = dot(&self.slopes[k], &self.errors);
            for j in 0..=k {
                matrix[k][j] = dot(&self.slopes[k], &self.slopes[j]);
            }
            lagged(&self.slopes[k], &self.seasonal, self.m, &mut self.products);
            self.right[0] = dot(&self.slopes[k], &self.trend);
            self.right[1..].copy_from_slice(&self.products);
            self.forward();
            crossed[k][..side].copy_from_slice(&self.right);
        }
        for k in 0..FREE {
            for j in 0..=k {
                let shared: f64 = crossed[k][..side]
                    .iter()
                    .zip(&crossed[j][..side])
                    .map(|(a, b)| a * b)
                    .sum();
                matrix[k][j] -= shared;
                matrix[j][k] = matrix[k][j];
            }
        }
        (gradient, matrix)
    }

    /// Gram matrix of the columns, scaled to a unit diagonal, and its Cholesky factor.
    fn factorise(&mut self) {
        let m = self.m;
        let side = m + 1;
        let n = self.errors.len();
        let response = &self.seasonal[m..];
        lagged(response, &self.seasonal, m, &mut self.products);
        for gap in 0..m {
            let mut sum = self.products[gap];
            // Slot i starts i steps later, so its column loses the last products one by one.
            for i in 0..m - gap {
                self.factor[(i + gap + 1) * side + i + 1] = sum;
                let (a, b) = (n - 1 - i, (n - 1 - i).checked_sub(gap));
                sum -= b.map_or(0.0, |b| response[a] * response[b]);
            }
        }
        self.factor[0] = dot(&self.trend, &self.trend);
        lagged(&self.trend, &self.seasonal, m, &mut self.products);
        for (i, p) in self.products.iter().enumerate() {
            self.factor[(i + 1) * side] = *p;
        }
        for i in 0..side {
            let d = self.factor[i * side + i];
            self.scales[i] = if d > TINY { 1.0 / d.sqrt() } else { 0.0 };
        }
        for i in 0..side {
            for j in 0..=i {
                self.factor[i * side + j] *= self.scales[i] * self.scales[j];
            }
            let (done, rest) = self.factor.split_at_mut(i * side);
            let row = &mut rest[..=i];
            for j in 0..i {
                let other = &done[j * side..][..=j];
                let mut sum = row[j];
                for k in 0..j {
                    sum -= row[k] * other[k];
                }
                // Diagonals are kept inverted: one division a row instead of one a cell.
                row[j] = sum * other[j];
            }
            let mut pivot = row[i];
            for x in &row[..i] {
                pivot -= x * x;
            }
            row[i] = if pivot > DEPENDENT { 1.0 / pivot.sqrt() } else { 0.0 };
        }
    }

    /// right ← L⁻¹ S right.
    fn forward(&mut self) {
        let side = self.m + 1;
        for i in 0..side {
            let row = &self.factor[i * side..][..=i];
            let mut sum = self.right[i] * self.scales[i];
            for (x, l) in self.right[..i].iter().zip(row) {
                sum -= x * l;
            }
            self.right[i] = sum * row[i];
        }
    }

    /// right ← S L⁻ᵀ right.
    fn backward(&mut self) {
        let side = self.m + 1;
        for i in (0..side).rev() {
            let value = self.right[i] * self.factor[i * side + i];
            self.right[i] = value;
            for j in 0..i {
                self.right[j] -= value * self.factor[i * side + j];
            }
        }
        for (x, s) in self.right.iter_mut().zip(&self.scales) {
            *x *= s;
        }
    }
}

#[inline]
fn flush(x: f64) -> f64 {
    if x.abs() < TINY { 0.0 } else { x }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn projection_finds_the_best_start() {
        let y: Vec<f64> = (0..40)
            .map(|i| f64::from(i * 7 % 5) + f64::from(i * i % 13) * 0.3 - 2.0)
            .collect();
        let gains = Gains {
            level: 0.3,
            trend: 0.05,
            season: 0.2,
        };
        let mut work = Workspace::new(y.len(), 5);
        let mut start = vec![0.0; 6];
        let sse = work.project(&y, gains, &mut start);
        let exact = work.differentiate(&y, gains, &start);
        assert!((sse - exact).abs() < 1e-9 * exact, "{sse} {exact}");
        for k in 0..start.len() {
            for step in [-1e-3, 1e-3] {
                let mut other = start.clone();
                other[k] += step;
                assert!(work.differentiate(&y, gains, &other) > exact, "coordinate {k}");
            }
        }
    }

    #[test]
    fn slopes_match_finite_differences() {
        let y: Vec<f64> = (0..30)
            .map(|i| f64::from(i * 7 % 5) + f64::from(i * i % 13) * 0.3 - 2.0)
            .collect();
        let start = vec![0.1, 0.5, -0.2, 0.3];
        let mut work = Workspace::new(y.len(), 3);
        let sse = |g: [f64; 3]| {
            let mut w = Workspace::new(30, 3);
            w.differentiate(
                &y,
                Gains {
                    level: g[0],
                    trend: g[1],
                    season: g[2],
                },
                &start,
            )
        };
        let at = [0.4, 0.1, 0.3];
        work.differentiate(
            &y,
            Gains {
                level: at[0],
                trend: at[1],
                season: at[2],
            },
            &start,
        );
        for k in 0..3 {
            let slope = 2.0 * dot(&work.slopes[k], &work.errors);
            let (mut up, mut down) = (at, at);
            up[k] += 1e-6;
            down[k] -= 1e-6;
            let numeric = (sse(up) - sse(down)) / 2e-6;
            assert!(
                (slope - numeric).abs() < 1e-5 * (1.0 + numeric.abs()),
                "{k}: {slope} {numeric}"
            );
        }
    }
}
