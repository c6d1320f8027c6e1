//! MacKinnon's response surfaces for the regression with a constant and one series.

use crate::normal;

/// Above this statistic p is 1 (MacKinnon 1994, table 3, N = 1).
const TAU_MAX: f64 = 2.74;
/// Below this statistic p is 0.
const TAU_MIN: f64 = -18.83;
/// Where the two polynomials meet.
const TAU_STAR: f64 = -1.61;
/// Coefficients of z(τ) left of τ*, constant first.
const SMALL_P: [f64; 3] = [2.1659, 1.4412, 3.8269e-2];
/// Coefficients of z(τ) right of τ*.
const LARGE_P: [f64; 4] = [1.7339, 0.93202, -0.12745, -1.0368e-2];
/// Critical values as polynomials in 1/n, at 1, 5, 10 % (MacKinnon 2010, table 2, N = 1, constant).
const CRITICAL: [[f64; 4]; 3] = [
    [-3.43035, -6.5393, -16.786, -79.433],
    [-2.86154, -2.8903, -4.234, -40.040],
    [-2.56677, -1.5384, -2.809, 0.0],
];

/// Approximate p-value of the statistic (MacKinnon 1994).
pub(super) fn p_value(statistic: f64) -> f64 {
    if statistic > TAU_MAX {
        return 1.0;
    }
    if statistic < TAU_MIN {
        return 0.0;
    }
    let coefficients: &[f64] = if statistic <= TAU_STAR { &SMALL_P } else { &LARGE_P };
    normal::cdf(polynomial(coefficients, statistic))
}

/// Critical values at 1, 5, 10 % for `n` observations.
pub(super) fn critical_values(n: usize) -> [f64; 3] {
    CRITICAL.map(|c| polynomial(&c, 1.0 / n as f64))
}

fn polynomial(coefficients: &[f64], x: f64) -> f64 {
    coefficients.iter().rev().fold(0.0, |acc, c| acc * x + c)
}
