//! The same regressions by Householder QR: for short series and for those whose Gram matrix loses the digits.

use super::{Regression, best, is_exact};
use crate::degenerate::Degenerate;

/// A column whose part outside the earlier ones is this small, relative to itself, depends on them.
const DEPENDENT: f64 = 1e-10;

/// The final regression with its lag.
///
/// # Errors
/// [`Degenerate::ExactFit`] without residual, [`Degenerate::Singular`] when the level depends on the constant (and the lags).
pub(super) fn search(level: &[f64], differences: &[f64], max_lag: usize) -> Result<Regression, Degenerate> {
    let rows = differences.len() - max_lag;
    let response = &differences[max_lag..];
    let total = centred_square(response);
    let mut columns = vec![vec![1.0; rows], level[max_lag..max_lag + rows].to_vec()];
    for k in 1..=max_lag {
        columns.push(differences[max_lag - k..][..rows].to_vec());
    }
    let reduced = triangularise(columns, response.to_vec());
    if reduced.ranks[1] < 2 {
        return Err(if total > 0.0 {
            Degenerate::Singular
        } else {
            Degenerate::ExactFit
        });
    }
    let residuals: Vec<f64> = (0..=max_lag)
        .map(|lag| reduced.response[reduced.ranks[lag + 1]..].iter().map(|x| x * x).sum())
        .collect();
    if residuals.iter().any(|r| is_exact(*r, total, rows)) {
        return Err(Degenerate::ExactFit);
    }
    let (lag, best_aic) = best(&residuals, rows);
    let statistic = finish(level, differences, lag)?;
    Ok(Regression {
        lag,
        best_aic,
        statistic,
    })
}

fn finish(level: &[f64], differences: &[f64], lag: usize) -> Result<f64, Degenerate> {
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
    if rank == reduced.ranks[count - 2] {
        return Err(Degenerate::Singular);
    }
    let residual: f64 = reduced.response[rank..].iter().map(|x| x * x).sum();
    if rows <= rank || is_exact(residual, centred_square(response), rows) {
        return Err(Degenerate::ExactFit);
    }
    // The sign of R's last diagonal cell turns the transformed response into the coefficient's direction.
    Ok(reduced.response[rank - 1] * reduced.last_diagonal.signum() / (residual / (rows - rank) as f64).sqrt())
}

struct Reduced {
    /// Rank of the first column, of the first two, ….
    ranks: Vec<usize>,
    /// R's diagonal cell of the last independent column.
    last_diagonal: f64,
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
        rank += 1;
        last_diagonal = alpha;
        ranks.push(rank);
    }
    Reduced {
        ranks,
        last_diagonal,
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
