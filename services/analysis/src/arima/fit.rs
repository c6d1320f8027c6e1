//! The fit: the exact likelihood with σ² and the mean concentrated out, over partial autocorrelations (Jones 1980).

use super::innovations::{Engine, Sums};
use super::limits::MAX_LAGS;
use super::model::{Model, Parameters, differences, evaluate};
use super::order::Order;
use super::polynomial::{NEARLY_ONE, from_partial};
use super::quasi_newton::{Minimum, minimise};
use super::start::{partials, starts};
use crate::degenerate::Degenerate;
use crate::scaling::usable;

/// Searches from the best starts.
const SEARCHES: usize = 2;
/// Searches for a short series, where valleys are many and evaluations cheap.
const SEARCHES_SHORT: usize = 6;
/// Searches for a model with three coefficients or more, whose likelihood has more valleys.
const SEARCHES_RICH: usize = 4;
/// Values below which a series is short.
const SHORT: usize = 400;
/// Values beyond which the search first runs on the latest [`PREVIEW`] of them and only ends on all.
const LONG: usize = 1_600;
/// Length of that first search.
const PREVIEW: usize = 800;
/// Gain in log-likelihood that a step of the preview must bring.
const PREVIEW_GAIN: f64 = 1e-2;
/// Two starts nearer than this in every coordinate lead to one place.
const ONE_PLACE: f64 = 0.1;
/// Gain in log-likelihood that a step must bring.
const GAIN_ENOUGH: f64 = 1e-5;
/// Mean square of the shocks over that of the series that counts as none.
const EXACT: f64 = 1e-10;

/// Maximum-likelihood fit of `values` (equal spacing).
///
/// Starts: Hannan & Rissanen (1982) and a dozen fixed points, the best few searched by BFGS. Bounded: at most 6 searches of 80
/// iterations; O(n · (p + q)) an evaluation.
///
/// # Errors
/// [`Degenerate`]: a bad order, gaps, too short, constant, nothing left after differencing, an exact fit.
pub fn fit(values: &[f64], order: Order) -> Result<Model, Degenerate> {
    Search::new(values, order)?.cold()
}

/// As [`fit`], starting from the parameters that an earlier fit of the same series found.
///
/// # Errors
/// As [`fit`]; parameters that the order does not admit are [`Degenerate::BadParameter`].
pub fn warm_fit(values: &[f64], order: Order, last: &Parameters) -> Result<Model, Degenerate> {
    order.check()?;
    last.check(order)?;
    Search::new(values, order)?.warm(last)
}

struct Search<'a> {
    values: &'a [f64],
    order: Order,
    /// Centred (d = 0) or differenced values over `scale`.
    series: Vec<f64>,
    /// First value that the likelihood sees: not 0 during the preview.
    first: usize,
    centre: f64,
    scale: f64,
    moving: Vec<f64>,
}

/// The likelihood's free rest at one point.
struct Concentrated {
    /// −log L up to a constant.
    cost: f64,
    mean: f64,
    sigma2: f64,
    later: f64,
}

impl<'a> Search<'a> {
    fn new(values: &'a [f64], order: Order) -> Result<Self, Degenerate> {
        order.check()?;
        let need = order.differences + order.memory() + order.parameters() + 1;
        let moments = usable(values, need)?;
        let centre = if order.mean { moments.mean } else { 0.0 };
        let mut series = differences(values, order.differences, centre);
        let largest = series.iter().fold(0.0_f64, |a, x| a.max(x.abs()));
        if largest < f64::MIN_POSITIVE || (order.differences > 0 && series.iter().all(|x| *x == series[0])) {
            return Err(Degenerate::ZeroVariance);
        }
        // Two steps, so that squares neither overflow nor vanish.
        let rms = largest * (series.iter().map(|x| (x / largest).powi(2)).sum::<f64>() / series.len() as f64).sqrt();
        if !rms.is_finite() {
            return Err(Degenerate::OutOfRange);
        }
        for x in &mut series {
            *x /= rms;
        }
        Ok(Self {
            values,
            order,
            series,
            first: 0,
            centre,
            scale: rms,
            moving: Vec::with_capacity(values.len()),
        })
    }

    fn cold(mut self) -> Result<Model, Degenerate> {
        let starts = starts(&self.series, self.order.ar, self.order.ma);
        let searches = match self.order.ar + self.order.ma {
            _ if self.series.len() < SHORT => SEARCHES_SHORT,
            0..=2 => SEARCHES,
            _ => SEARCHES_RICH,
        };
        self.search(starts, searches)
    }

    fn warm(mut self, last: &Parameters) -> Result<Model, Degenerate> {
        let mut points: Vec<Vec<f64>> = partials(last.ar.clone(), last.ma.clone(), NEARLY_ONE)
            .into_iter()
            .collect();
        points.push(vec![0.0; self.order.ar + self.order.ma]);
        self.search(points, 1)
    }

    fn search(&mut self, starts: Vec<Vec<f64>>, searches: usize) -> Result<Model, Degenerate> {
        let points = starts
            .into_iter()
            .map(|partial| partial.iter().map(|r| free(*r)).collect())
            .collect();
        let found = if self.series.len() > LONG {
            self.first = self.series.len() - PREVIEW;
            let previewed = self.minima(points, searches, PREVIEW_GAIN);
            self.first = 0;
            let places = previewed.into_iter().map(|m| m.at).collect();
            self.minima(places, SEARCHES, GAIN_ENOUGH)
        } else {
            self.minima(points, searches, GAIN_ENOUGH)
        };
        let best = found.into_iter().min_by(|a, b| a.value.total_cmp(&b.value));
        self.finish(&best.ok_or(Degenerate::ExactFit)?.at)
    }

    /// Where the searches from the best `count` distinct points end.
    fn minima(&mut self, points: Vec<Vec<f64>>, count: usize, enough: f64) -> Vec<Minimum> {
        let mut ranked: Vec<(f64, Vec<f64>)> = points
            .into_iter()
            .map(|at| (self.cost(&at), at))
            .filter(|(cost, _)| cost.is_finite())
            .collect();
        ranked.sort_by(|a, b| a.0.total_cmp(&b.0));
        let curvature = (self.series.len() - self.first) as f64;
        let mut tried: Vec<Vec<f64>> = Vec::new();
        let mut found: Vec<Minimum> = Vec::new();
        for (_, at) in ranked {
            if found.len() == count {
                break;
            }
            if tried.iter().any(|t| same_place(t, &at)) {
                continue;
            }
            tried.push(at.clone());
            found.push(minimise(&mut |x| self.cost(x), at, curvature, enough));
        }
        found
    }

    fn finish(&mut self, at: &[f64]) -> Result<Model, Degenerate> {
        let (ar, ma) = self.coefficients(at);
        let found = self
            .concentrate(&ar[..self.order.ar], &ma[..self.order.ma])
            .ok_or(Degenerate::ExactFit)?;
        if found.sigma2 < EXACT || found.later < EXACT {
            return Err(Degenerate::ExactFit);
        }
        let parameters = Parameters {
            mean: if self.order.mean {
                self.centre + self.scale * found.mean
            } else {
                0.0
            },
            ar: ar[..self.order.ar].to_vec(),
            ma: ma[..self.order.ma].to_vec(),
            sigma2: found.sigma2 * self.scale * self.scale,
        };
        if parameters.sigma2 < f64::MIN_POSITIVE {
            return Err(Degenerate::Subnormal);
        }
        if !parameters.sigma2.is_finite() {
            return Err(Degenerate::OutOfRange);
        }
        evaluate(self.values, self.order, &parameters)
    }

    fn coefficients(&self, at: &[f64]) -> ([f64; MAX_LAGS], [f64; MAX_LAGS]) {
        let mut partial = [0.0; 2 * MAX_LAGS];
        for (r, x) in partial.iter_mut().zip(at) {
            *r = bounded(*x);
        }
        let (mut ar, mut ma) = ([0.0; MAX_LAGS], [0.0; MAX_LAGS]);
        let p = self.order.ar;
        from_partial(&partial[..p], &mut ar);
        from_partial(&partial[p..at.len()], &mut ma);
        for x in &mut ma {
            *x = -*x;
        }
        (ar, ma)
    }

    fn cost(&mut self, at: &[f64]) -> f64 {
        let (ar, ma) = self.coefficients(at);
        let (p, q) = (self.order.ar, self.order.ma);
        self.concentrate(&ar[..p], &ma[..q]).map_or(f64::INFINITY, |c| c.cost)
    }

    fn concentrate(&mut self, ar: &[f64], ma: &[f64]) -> Option<Concentrated> {
        let mut engine = Engine::new(ar, ma)?;
        let series = &self.series[self.first..];
        let n = series.len() as f64;
        let (square, mean, log_variance, later) = if self.order.mean {
            let Sums {
                squares,
                log_variance,
                later,
            } = engine.run::<2>(series, &mut self.moving);
            let mean = if squares[1][1] > 0.0 {
                squares[0][1] / squares[1][1]
            } else {
                0.0
            };
            (squares[0][0] - mean * squares[0][1], mean, log_variance, later)
        } else {
            let Sums {
                squares,
                log_variance,
                later,
            } = engine.run::<1>(series, &mut self.moving);
            (squares[0][0], 0.0, log_variance, later)
        };
        let sigma2 = square / n;
        let cost = 0.5 * (n * sigma2.ln() + log_variance);
        (sigma2 > 0.0 && cost.is_finite()).then_some(Concentrated {
            cost,
            mean,
            sigma2,
            later: later / n,
        })
    }
}

fn same_place(a: &[f64], b: &[f64]) -> bool {
    a.iter()
        .zip(b)
        .all(|(x, y)| (bounded(*x) - bounded(*y)).abs() < ONE_PLACE)
}

/// A partial autocorrelation from a free number.
fn bounded(x: f64) -> f64 {
    (x / (1.0 + x * x).sqrt()).clamp(-NEARLY_ONE, NEARLY_ONE)
}

/// The free number of a partial autocorrelation.
fn free(r: f64) -> f64 {
    let r = r.clamp(-NEARLY_ONE, NEARLY_ONE);
    r / (1.0 - r * r).sqrt()
}
