//! The fit: variable projection for the initial states, projected Levenberg–Marquardt for the three smoothing parameters.

use super::basis::{FREE, Gains, Start, Workspace};
use super::model::{Fit, MAX_SEASON, Parameters, State, check_season};
use super::recursion;
use crate::degenerate::Degenerate;
use crate::scaling::standardise;

/// Iterations of one descent; most need fewer than ten.
const MAX_ITERATIONS: usize = 40;
/// A descent ends when an accepted step gains less than this part of the SSE.
const GAIN_ENOUGH: f64 = 1e-7;
/// Descents from the grid's best points in a cold fit.
const DESCENTS: usize = 4;
/// Two starts nearer than this (largest difference of the coordinates' square roots) lie in one valley: one descent serves both.
const ONE_VALLEY: f64 = 0.2;
/// SSE per value, in variances of the series, that no descent can tell from nothing.
const EXACT: f64 = 1e-20;
/// Damping of the first step.
const FIRST_DAMPING: f64 = 1e-3;
/// Damping at which a descent gives up.
const LAST_DAMPING: f64 = 1e8;

/// α, β*, γ / (1 − α): the admissible region as a unit cube.
type Cube = [f64; FREE];

/// Cold starts: the SSE has valleys at α near 0 and near 1, at both ends of β*, and with a living season.
const GRID: [Cube; 16] = [
    [0.0, 0.0, 0.0],
    [0.05, 0.0, 0.0],
    [0.05, 0.05, 0.0],
    [0.05, 0.4, 0.0],
    [0.1, 0.05, 0.2],
    [0.15, 0.1, 0.0],
    [0.15, 1.0, 0.0],
    [0.3, 0.0, 0.05],
    [0.3, 0.3, 0.5],
    [0.5, 0.05, 0.05],
    [0.5, 0.5, 0.1],
    [0.75, 0.0, 0.1],
    [0.75, 0.4, 0.1],
    [1.0, 0.0, 0.0],
    [1.0, 0.2, 0.0],
    [1.0, 0.8, 0.0],
];

/// Points that a warm fit looks at beside the last run's parameters, in case the series has changed its nature.
const GUARDS: [Cube; 3] = [[0.02, 0.02, 0.0], [0.3, 0.05, 0.1], [1.0, 0.1, 0.0]];

/// Fits `values` (equal spacing, at least max(2 m, m + 5) of them) with season length `m` (2…[`MAX_SEASON`]).
///
/// Minimises Σ eₜ² over α, β*, γ in 0 ≤ α, β* ≤ 1, 0 ≤ γ ≤ 1 − α and all initial states, from several starts. Bounded: at most 16
/// evaluations and 4 × 40 iterations of O(n · m).
///
/// # Errors
/// [`Degenerate`]: gaps, too short, constant, or exactly predictable ([`Degenerate::ExactFit`]).
pub fn fit(values: &[f64], m: usize) -> Result<Fit, Degenerate> {
    Search::new(values, m)?.cold()
}

/// As [`fit`], starting from the parameters that an earlier fit of the same series found: about five times cheaper.
///
/// # Errors
/// As [`fit`]; parameters outside 0…1 are [`Degenerate::BadParameter`].
pub fn warm_fit(values: &[f64], m: usize, last: Parameters) -> Result<Fit, Degenerate> {
    last.check()?;
    Search::new(values, m)?.warm(last)
}

struct Search<'a> {
    values: &'a [f64],
    scaled: Vec<f64>,
    centre: f64,
    scale: f64,
    /// SSE per value, in variances of the series, that is nothing but rounding.
    exact: f64,
    m: usize,
    work: Workspace,
}

#[derive(Clone)]
struct Point {
    at: Cube,
    start: Start,
    sse: f64,
}

impl<'a> Search<'a> {
    fn new(values: &'a [f64], m: usize) -> Result<Self, Degenerate> {
        if m < 2 {
            return Err(Degenerate::BadOrder {
                name: "season length",
                value: m,
                min: 2,
                max: MAX_SEASON,
            });
        }
        check_season(m, MAX_SEASON)?;
        let scaled = standardise(values, (2 * m).max(m + 5))?;
        let work = Workspace::new(values.len(), m);
        let rounding = scaled.rounding();
        Ok(Self {
            values,
            exact: EXACT.max(rounding * rounding),
            scaled: scaled.values,
            centre: scaled.centre,
            scale: scaled.scale,
            m,
            work,
        })
    }

    fn cold(mut self) -> Result<Fit, Degenerate> {
        let first = self.plain_start();
        let mut points: Vec<Point> = Vec::with_capacity(GRID.len());
        for at in GRID {
            let point = self.evaluate(at, first.clone());
            points.push(point);
        }
        points.sort_by(|a, b| a.sse.total_cmp(&b.sse));
        let mut best: Option<Point> = None;
        let mut tried: Vec<Cube> = Vec::with_capacity(DESCENTS);
        for point in points {
            if tried.len() == DESCENTS {
                break;
            }
            if tried.iter().any(|at| same_valley(at, &point.at)) {
                continue;
            }
            tried.push(point.at);
            let found = self.descend(point);
            if best.as_ref().is_none_or(|b| found.sse < b.sse) {
                best = Some(found);
            }
        }
        self.finish(best)
    }

    fn warm(mut self, last: Parameters) -> Result<Fit, Degenerate> {
        let first = self.plain_start();
        let room = 1.0 - last.alpha;
        let season = if room > 0.0 { (last.gamma / room).min(1.0) } else { 0.0 };
        let point = self.evaluate([last.alpha, last.beta, season], first.clone());
        let mut best = self.descend(point);
        for at in GUARDS {
            let guard = self.evaluate(at, first.clone());
            if guard.sse < best.sse {
                let found = self.descend(guard);
                if found.sse < best.sse {
                    best = found;
                }
            }
        }
        self.finish(Some(best))
    }

    /// A start near the data: the means of the slots over the first two cycles, no trend.
    fn plain_start(&self) -> Start {
        let mut start = vec![0.0; self.m + 1];
        for (i, slot) in start[1..].iter_mut().enumerate() {
            *slot = f64::midpoint(self.scaled[i], self.scaled[i + self.m]);
        }
        start
    }

    fn evaluate(&mut self, at: Cube, mut start: Start) -> Point {
        let sse = self.work.project(&self.scaled, gains(at), &mut start);
        Point { at, start, sse }
    }

    /// Projected Levenberg–Marquardt with an active set on the unit cube.
    fn descend(&mut self, mut point: Point) -> Point {
        let floor = self.exact * self.scaled.len() as f64;
        let mut damping = FIRST_DAMPING;
        // `project` must have run at `point` last: the curvature uses its factor.
        let mut fresh = self.evaluate(point.at, point.start.clone());
        std::mem::swap(&mut point, &mut fresh);
        let mut slopes = self.slopes(&mut point);
        for _ in 0..MAX_ITERATIONS {
            if point.sse <= floor {
                break;
            }
            let Some(next) = step(point.at, &slopes.0, &slopes.1, damping) else {
                break;
            };
            let candidate = self.evaluate(next, point.start.clone());
            if candidate.sse < point.sse {
                let gain = point.sse - candidate.sse;
                point = candidate;
                if gain < GAIN_ENOUGH * point.sse {
                    break;
                }
                damping = (damping * 0.2).max(1e-9);
                slopes = self.slopes(&mut point);
            } else {
                damping *= 8.0;
                if damping > LAST_DAMPING {
                    break;
                }
            }
        }
        point
    }

    /// Gradient and Gauss–Newton matrix in cube coordinates; the point's SSE becomes the directly summed one.
    fn slopes(&mut self, point: &mut Point) -> ([f64; FREE], [[f64; FREE]; FREE]) {
        point.sse = self.work.differentiate(&self.scaled, gains(point.at), &point.start);
        let (gradient, matrix) = self.work.curvature();
        let [alpha, beta, season] = point.at;
        // ∂(level, trend, season gain)/∂cube: gains are α, α β*, (1 − α) γ'.
        let turn = [[1.0, beta, -season], [0.0, alpha, 0.0], [0.0, 0.0, 1.0 - alpha]];
        let mut g = [0.0; FREE];
        let mut h = [[0.0; FREE]; FREE];
        for i in 0..FREE {
            for k in 0..FREE {
                g[i] += turn[i][k] * gradient[k];
                for j in 0..FREE {
                    for l in 0..FREE {
                        h[i][j] += turn[i][k] * matrix[k][l] * turn[j][l];
                    }
                }
            }
        }
        (g, h)
    }

    fn finish(self, best: Option<Point>) -> Result<Fit, Degenerate> {
        let point = best.ok_or(Degenerate::Empty)?;
        let [alpha, beta, season] = point.at;
        let parameters = Parameters {
            alpha,
            beta,
            gamma: (1.0 - alpha) * season,
        };
        // The season holds the level: take it out again.
        let level = point.start[1..].iter().sum::<f64>() / self.m as f64;
        let start = State {
            level: self.centre + self.scale * level,
            trend: self.scale * point.start[0],
            season: point.start[1..].iter().map(|s| self.scale * (s - level)).collect(),
        };
        let filtered = recursion::run(self.values, parameters, &start);
        let n = self.values.len();
        if filtered.sse <= self.exact * n as f64 * self.scale * self.scale {
            return Err(Degenerate::ExactFit);
        }
        if !filtered.sse.is_finite() {
            return Err(Degenerate::OutOfRange);
        }
        let freedom = n.saturating_sub(self.m + 4).max(1);
        let residual_sd = (filtered.sse / freedom as f64).sqrt();
        Ok(Fit {
            parameters,
            start,
            end: filtered.end,
            sse: filtered.sse,
            residual_sd,
            n,
        })
    }
}

fn same_valley(a: &Cube, b: &Cube) -> bool {
    a.iter().zip(b).all(|(x, y)| (x.sqrt() - y.sqrt()).abs() < ONE_VALLEY)
}

fn gains(at: Cube) -> Gains {
    let [alpha, beta, season] = at;
    Gains {
        level: alpha,
        trend: alpha * beta,
        season: (1.0 - alpha) * season,
    }
}

/// The next point, or `None` when every free direction is flat or points out of the cube.
fn step(at: Cube, gradient: &[f64; FREE], matrix: &[[f64; FREE]; FREE], damping: f64) -> Option<Cube> {
    let largest = (0..FREE).map(|k| matrix[k][k]).fold(0.0, f64::max);
    let mut free = [false; FREE];
    for k in 0..FREE {
        let pinned = (at[k] <= 0.0 && gradient[k] >= 0.0) || (at[k] >= 1.0 && gradient[k] <= 0.0);
        free[k] = !pinned && matrix[k][k] > 1e-14 * largest;
    }
    let mut next = at;
    // A step that leaves the cube is cut at the wall; then the others are solved again with that one fixed there.
    for _ in 0..FREE {
        let index: Vec<usize> = (0..FREE).filter(|k| free[*k]).collect();
        if index.is_empty() {
            break;
        }
        let move_by = solve(&index, gradient, matrix, damping, &at, &next)?;
        let mut cut = None;
        for (&k, d) in index.iter().zip(move_by) {
            let target = at[k] + d;
            if !target.is_finite() {
                return None;
            }
            if !(0.0..=1.0).contains(&target) {
                cut = Some(k);
            }
            next[k] = target.clamp(0.0, 1.0);
        }
        match cut {
            Some(k) => free[k] = false,
            None => break,
        }
    }
    (next != at).then_some(next)
}

/// Damped Newton step of the free coordinates, the others moved to where `next` has them already.
#[expect(clippy::needless_range_loop, reason = "matrix algebra reads best by index")]
fn solve(
    index: &[usize],
    gradient: &[f64; FREE],
    matrix: &[[f64; FREE]; FREE],
    damping: f64,
    at: &Cube,
    next: &Cube,
) -> Option<[f64; FREE]> {
    let mut a = [[0.0; FREE]; FREE];
    let mut b = [0.0; FREE];
    for (i, &k) in index.iter().enumerate() {
        b[i] = -gradient[k];
        for l in (0..FREE).filter(|l| !index.contains(l)) {
            b[i] -= matrix[k][l] * (next[l] - at[l]);
        }
        for (j, &l) in index.iter().enumerate() {
            a[i][j] = matrix[k][l];
        }
        a[i][i] *= 1.0 + damping;
    }
    let size = index.len();
    for i in 0..size {
        for j in 0..i {
            let factor = a[i][j] / a[j][j];
            for k in j..size {
                a[i][k] -= factor * a[j][k];
            }
            b[i] -= factor * b[j];
        }
        if a[i][i].is_nan() || a[i][i] <= 0.0 {
            return None;
        }
    }
    for i in (0..size).rev() {
        for k in i + 1..size {
            b[i] -= a[i][k] * b[k];
        }
        b[i] /= a[i][i];
    }
    Some(b)
}
