//! The same regressions by Householder QR: for short series and for those whose Gram matrix loses the digits. Where columns depend on
//! each other, of all coefficients that fit alike those of least norm are taken, as a pseudo-inverse does (Penrose 1956).

use super::regression::{Regression, best, is_exact};
use crate::degenerate::Degenerate;

/// A column whose part outside the earlier ones is this small, relative to itself, depends on them.
const DEPENDENT: f64 = 1e-10;

/// The final regression with its lag.
///
/// # Errors
/// [`Degenerate::ExactFit`] without residual.
pub(super) fn search(
    level: &[f64],
    differences: &[f64],
    max_lag: usize,
    rounding: f64,
) -> Result<Regression, Degenerate> {
    let rows = differences.len() - max_lag;
    let response = &differences[max_lag..];
    let total = centred_square(response);
    let mut columns = vec![vec![1.0; rows], level[max_lag..max_lag + rows].to_vec()];
    for k in 1..=max_lag {
        columns.push(differences[max_lag - k..][..rows].to_vec());
    }
    let reduced = triangularise(columns, response.to_vec());
    let residuals: Vec<f64> = (0..=max_lag)
        .map(|lag| reduced.response[reduced.ranks[lag + 1]..].iter().map(|x| x * x).sum())
        .collect();
    if residuals.iter().any(|r| is_exact(*r, total, rows, rounding)) {
        return Err(Degenerate::ExactFit);
    }
    let (lag, best_aic) = best(&residuals, rows, |lag| reduced.ranks[lag + 1]);
    let statistic = finish(level, differences, lag, rounding)?;
    Ok(Regression {
        lag,
        best_aic,
        statistic,
    })
}

fn finish(level: &[f64], differences: &[f64], lag: usize, rounding: f64) -> Result<f64, Degenerate> {
    let rows = differences.len() - lag;
    let response = &differences[lag..];
    let mut columns = vec![vec![1.0; rows]];
    for k in 1..=lag {
        columns.push(differences[lag - k..][..rows].to_vec());
    }
    columns.push(level[lag..lag + rows].to_vec());
    let count = columns.len();
    let reduced = triangularise(columns, response.to_vec());
    let rank = reduced.ranks[count - 1];
    let residual: f64 = reduced.response[rank..].iter().map(|x| x * x).sum();
    if rows <= rank || is_exact(residual, centred_square(response), rows, rounding) {
        return Err(Degenerate::ExactFit);
    }
    let spread = (residual / (rows - rank) as f64).sqrt();
    if rank == count {
        // The sign of R's last diagonal cell turns the transformed response into the coefficient's direction.
        return Ok(reduced.response[rank - 1] * reduced.last_diagonal.signum() / spread);
    }
    let level = reduced.columns.last().ok_or(Degenerate::ExactFit)?;
    let combination = least_norm(&reduced.columns, level, rank).ok_or(Degenerate::ExactFit)?;
    let own: f64 = combination.iter().zip(&reduced.response).map(|(z, q)| z * q).sum();
    Ok(own / (length(&combination) * spread))
}

/// (R Rᵀ)⁻¹ a for R's `columns` cut to `rank` rows and `column` a of it: a coefficient of least norm is its product with the rotated response,
/// the coefficient's standard error its length times that of the residuals.
fn least_norm(columns: &[Vec<f64>], column: &[f64], rank: usize) -> Option<Vec<f64>> {
    let mut square = vec![vec![0.0; rank]; rank];
    for i in 0..rank {
        for j in 0..=i {
            square[i][j] = columns.iter().map(|c| c[i] * c[j]).sum();
        }
    }
    // Cholesky in place, then two triangular solutions.
    let mut z = column[..rank].to_vec();
    for i in 0..rank {
        for j in 0..=i {
            let done: f64 = (0..j).map(|k| square[i][k] * square[j][k]).sum();
            let rest = square[i][j] - done;
            square[i][j] = if i == j { rest.sqrt() } else { rest / square[j][j] };
        }
        if square[i][i].is_nan() || square[i][i] <= 0.0 {
            return None;
        }
        let done: f64 = (0..i).map(|k| square[i][k] * z[k]).sum();
        z[i] = (z[i] - done) / square[i][i];
    }
    for i in (0..rank).rev() {
        let done: f64 = (i + 1..rank).map(|k| square[k][i] * z[k]).sum();
        z[i] = (z[i] - done) / square[i][i];
    }
    Some(z)
}

struct Reduced {
    /// Rank of the first column, of the first two, ….
    ranks: Vec<usize>,
    /// R's diagonal cell of the last independent column.
    last_diagonal: f64,
    /// R, column by column; below the rank nothing is meant.
    columns: Vec<Vec<f64>>,
    /// The response in the rotated coordinates: what lies beyond the rank is residual.
    response: Vec<f64>,
}

/// Householder reflections, one column after the other; dependent columns take no row; the response is turned along.
fn triangularise(mut columns: Vec<Vec<f64>>, mut response: Vec<f64>) -> Reduced {
    let rows = response.len();
    let mut ranks = Vec::with_capacity(columns.len());
    let (mut rank, mut last_diagonal) = (0, 0.0);
    let norms: Vec<f64> = columns.iter().map(|c| length(c)).collect();
    for k in 0..columns.len() {
        let (done, rest) = columns.split_at_mut(k + 1);
        let norm = if rank < rows { length(&done[k][rank..]) } else { 0.0 };
        if norm <= DEPENDENT * norms[k] {
            // What is left of it is rounding.
            done[k][rank..].fill(0.0);
            ranks.push(rank);
            continue;
        }
        let reflector = &mut done[k][rank..];
        let alpha = if reflector[0] > 0.0 { -norm } else { norm };
        reflector[0] -= alpha;
        let square: f64 = reflector.iter().map(|x| x * x).sum();
        for column in rest.iter_mut().chain([&mut response]) {
            let tail = &mut column[rank..];
            let along: f64 = reflector.iter().zip(tail.iter()).map(|(a, b)| a * b).sum();
            let factor = 2.0 * along / square;
            for (x, v) in tail.iter_mut().zip(reflector.iter()) {
                *x -= factor * v;
            }
        }
        reflector.fill(0.0);
        reflector[0] = alpha;
        rank += 1;
        last_diagonal = alpha;
        ranks.push(rank);
    }
    Reduced {
        ranks,
        last_diagonal,
        columns,
        response,
    }
}

fn length(values: &[f64]) -> f64 {
    values.iter().map(|x| x * x).sum::<f64>().sqrt()
}

fn centred_square(values: &[f64]) -> f64 {
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    values.iter().map(|x| (x - mean) * (x - mean)).sum()
}
