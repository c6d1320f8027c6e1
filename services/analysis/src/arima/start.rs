//! Where the search begins: Hannan & Rissanen (1982), and a few fixed points for the valleys that regression does not see.

use super::limits::MAX_LAGS;
use super::polynomial::{stationary, to_partial};
use crate::products::{dot, lagged};

/// Longest autoregression that estimates the shocks.
const LONG: usize = 24;

/// Partial autocorrelations of a regression are pulled inside this: at the unit root the likelihood is flat.
const NOT_TOO_NEAR: f64 = 0.99;

/// Roots of two opposite kinds, as (first φ root, second φ root, first θ root, second θ root): one of each kind nearly cancels.
const OPPOSITE: [[f64; 4]; 7] = [
    [0.98, -0.95, -0.94, 0.0],
    [0.98, -0.6, -0.6, 0.5],
    [0.98, 0.6, 0.3, 0.97],
    [0.995, 0.94, 0.6, 0.0],
    [0.9, -0.5, 0.97, -0.6],
    [-0.96, -0.02, -0.98, 0.0],
    [0.8, -0.6, 0.98, -0.3],
];

/// φ and θ of fixed starts, first lag each: persistence that a moving average takes back, near unit roots, both signs.
const FIXED: [(f64, f64); 10] = [
    (0.0, 0.0),
    (0.5, -0.3),
    (0.9, -0.5),
    (0.95, -0.97),
    (0.3, -0.98),
    (0.98, 0.2),
    (0.99, -0.85),
    (-0.5, 0.5),
    (0.1, 0.6),
    (-0.96, 0.98),
];

/// Starts as partial autocorrelations, p of φ then q of −θ; the first one is Hannan–Rissanen's where it exists.
pub(super) fn starts(series: &[f64], p: usize, q: usize) -> Vec<Vec<f64>> {
    let mut out = Vec::with_capacity(FIXED.len() + 2);
    out.extend(hannan_rissanen(series, p, q).and_then(|(ar, ma)| partials(ar, ma, NOT_TOO_NEAR)));
    for (phi, theta) in FIXED {
        let mut point = vec![0.0; p + q];
        if p > 0 {
            point[0] = phi;
        }
        if q > 0 {
            point[p] = -theta;
        }
        if !out.contains(&point) {
            out.push(point);
        }
    }
    if p > 1 {
        for [a, b, c, d] in OPPOSITE {
            let mut ar = vec![0.0; p];
            (ar[0], ar[1]) = (a + b, -a * b);
            let mut ma = vec![0.0; q];
            match q {
                0 => {}
                1 => ma[0] = -c,
                _ => (ma[0], ma[1]) = (-c - d, c * d),
            }
            out.extend(partials(ar, ma, NOT_TOO_NEAR));
        }
    }
    out
}

/// Partial autocorrelations of coefficients pulled inside the stationary and invertible region.
pub(super) fn partials(ar: Vec<f64>, ma: Vec<f64>, limit: f64) -> Option<Vec<f64>> {
    let negative = ma.into_iter().map(|x| -x).collect();
    let mut out = to_partial(&stationary(ar, limit))?;
    out.extend(to_partial(&stationary(negative, limit))?);
    Some(out)
}

/// φ and θ by regressing the series on its own past and on the shocks that a long autoregression leaves.
#[expect(clippy::needless_range_loop, reason = "matrix algebra reads best by index")]
fn hannan_rissanen(series: &[f64], p: usize, q: usize) -> Option<(Vec<f64>, Vec<f64>)> {
    let n = series.len();
    let long = if q == 0 {
        0
    } else {
        ((10.0 * (n as f64).log10()) as usize).clamp(p + q, LONG)
    };
    let lost = long + p.max(q);
    if n < 2 * (lost + p + q) + 4 || p + q == 0 {
        return None;
    }
    let shocks = if q == 0 { Vec::new() } else { residuals(series, long) };
    let rows = n - lost;
    let columns: Vec<&[f64]> = (1..=p)
        .map(|k| &series[lost - k..][..rows])
        .chain((1..=q).map(|k| &shocks[lost - long - k..][..rows]))
        .collect();
    let response = &series[lost..];
    let size = p + q;
    let mut a = [[0.0; 2 * MAX_LAGS]; 2 * MAX_LAGS];
    let mut b = [0.0; 2 * MAX_LAGS];
    for i in 0..size {
        for j in 0..=i {
            a[i][j] = dot(columns[i], columns[j]);
            a[j][i] = a[i][j];
        }
        a[i][i] *= 1.0 + 1e-9;
        b[i] = dot(columns[i], response);
    }
    for i in 0..size {
        if a[i][i].is_nan() || a[i][i] <= 0.0 {
            return None;
        }
        for j in i + 1..size {
            let factor = a[j][i] / a[i][i];
            for k in i..size {
                a[j][k] -= factor * a[i][k];
            }
            b[j] -= factor * b[i];
        }
    }
    for i in (0..size).rev() {
        for k in i + 1..size {
            b[i] -= a[i][k] * b[k];
        }
        b[i] /= a[i][i];
    }
    b[..size]
        .iter()
        .all(|x| x.is_finite())
        .then(|| (b[..p].to_vec(), b[p..size].to_vec()))
}

/// Shocks of the Yule–Walker autoregression of the given order, from value `order` on.
fn residuals(series: &[f64], order: usize) -> Vec<f64> {
    let mut products = vec![0.0; order + 1];
    lagged(&series[order..], series, order, &mut products);
    for k in 0..=order {
        for t in k..order {
            products[k] += series[t] * series[t - k];
        }
    }
    // Durbin–Levinson.
    let mut phi = vec![0.0; order];
    let mut variance = products[0] * (1.0 + 1e-12);
    for k in 0..order {
        if variance <= 0.0 {
            break;
        }
        let along: f64 = (0..k).map(|i| phi[i] * products[k - i]).sum();
        let r = (products[k + 1] - along) / variance;
        let previous = phi.clone();
        for i in 0..k {
            phi[i] = previous[i] - r * previous[k - 1 - i];
        }
        phi[k] = r;
        variance *= 1.0 - r * r;
    }
    let mut out = series[order..].to_vec();
    for (i, c) in phi.iter().enumerate() {
        for (e, x) in out.iter_mut().zip(&series[order - 1 - i..]) {
            *e -= c * x;
        }
    }
    out
}
