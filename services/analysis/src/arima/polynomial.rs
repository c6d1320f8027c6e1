//! Lag polynomials: partial autocorrelations to coefficients and back (Jones 1980), autocovariances, impulse responses.

use super::limits::MAX_LAGS;

/// Largest partial autocorrelation that the search visits: the unit root itself has no finite variance.
pub(super) const NEARLY_ONE: f64 = 1.0 - 5e-7;

/// Coefficients of the stationary autoregression with these partial autocorrelations (Durbin–Levinson).
pub(super) fn from_partial(partial: &[f64], out: &mut [f64]) {
    let mut previous = [0.0; MAX_LAGS];
    for (k, &r) in partial.iter().enumerate() {
        previous[..k].copy_from_slice(&out[..k]);
        for i in 0..k {
            out[i] = previous[i] - r * previous[k - 1 - i];
        }
        out[k] = r;
    }
}

/// Partial autocorrelations of an autoregression, or `None` when it is not stationary.
pub(super) fn to_partial(coefficients: &[f64]) -> Option<Vec<f64>> {
    let mut current = coefficients.to_vec();
    let mut partial = vec![0.0; current.len()];
    for k in (0..current.len()).rev() {
        let r = current[k];
        partial[k] = r;
        if r.is_nan() || r.abs() >= 1.0 {
            return None;
        }
        let scale = 1.0 / (1.0 - r * r);
        let lower: Vec<f64> = (0..k).map(|i| (current[i] + r * current[k - 1 - i]) * scale).collect();
        current[..k].copy_from_slice(&lower);
    }
    Some(partial)
}

pub(super) fn is_stationary(ar: &[f64]) -> bool {
    to_partial(ar).is_some()
}

/// The coefficients themselves when all partial autocorrelations lie within ±`limit`, else shrunk until they do: coefficient k by
/// cᵏ, which pulls every root outwards by 1/c.
pub(super) fn stationary(mut coefficients: Vec<f64>, limit: f64) -> Vec<f64> {
    for _ in 0..60 {
        if let Some(partial) = to_partial(&coefficients)
            && partial.iter().all(|r| r.abs() <= limit)
        {
            return coefficients;
        }
        let mut factor = 1.0;
        for x in &mut coefficients {
            factor *= 0.95;
            *x *= factor;
        }
    }
    vec![0.0; coefficients.len()]
}

/// ψ₀ … of (1 + θB + …) / (1 − φB − …).
pub(super) fn impulse_response(ar: &[f64], ma: &[f64], out: &mut [f64]) {
    for k in 0..out.len() {
        let mut sum = match k {
            0 => 1.0,
            _ => ma.get(k - 1).copied().unwrap_or(0.0),
        };
        for (i, phi) in ar.iter().enumerate().take(k) {
            sum += phi * out[k - 1 - i];
        }
        out[k] = sum;
    }
}

/// γ₀ … γₘ of the process with unit innovations, m = max(p, q); `None` when the equations are singular.
#[expect(clippy::needless_range_loop, reason = "matrix algebra reads best by index")]
pub(super) fn autocovariances(ar: &[f64], ma: &[f64], psi: &[f64]) -> Option<[f64; MAX_LAGS + 1]> {
    let p = ar.len();
    let m = p.max(ma.len());
    // Σ θⱼ ψⱼ₋ₖ for j ≥ k, with θ₀ = 1.
    let right = |k: usize| -> f64 {
        (k..=ma.len())
            .map(|j| (if j == 0 { 1.0 } else { ma[j - 1] }) * psi[j - k])
            .sum()
    };
    let mut a = [[0.0; MAX_LAGS + 2]; MAX_LAGS + 1];
    for (k, row) in a.iter_mut().enumerate().take(p + 1) {
        row[k] += 1.0;
        for (i, phi) in ar.iter().enumerate() {
            row[k.abs_diff(i + 1)] -= phi;
        }
        row[p + 1] = right(k);
    }
    for i in 0..=p {
        let pivot = (i..=p).max_by(|x, y| a[*x][i].abs().total_cmp(&a[*y][i].abs()))?;
        a.swap(i, pivot);
        if a[i][i] == 0.0 || !a[i][i].is_finite() {
            return None;
        }
        for j in i + 1..=p {
            let factor = a[j][i] / a[i][i];
            for k in i..=p + 1 {
                let above = a[i][k];
                a[j][k] -= factor * above;
            }
        }
    }
    let mut gamma = [0.0; MAX_LAGS + 1];
    for i in (0..=p).rev() {
        let mut sum = a[i][p + 1];
        for k in i + 1..=p {
            sum -= a[i][k] * gamma[k];
        }
        gamma[i] = sum / a[i][i];
    }
    for k in p + 1..=m {
        gamma[k] = right(k)
            + ar.iter()
                .enumerate()
                .map(|(i, phi)| phi * gamma[k - 1 - i])
                .sum::<f64>();
    }
    (gamma[0] > 0.0 && gamma.iter().all(|g| g.is_finite())).then_some(gamma)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partials_and_coefficients_are_two_names_of_one_thing() {
        let partial = [0.9, -0.5, 0.3];
        let mut ar = [0.0; 3];
        from_partial(&partial, &mut ar);
        let back = to_partial(&ar).unwrap();
        for (a, b) in partial.iter().zip(back) {
            assert!((a - b).abs() < 1e-14);
        }
        assert_eq!(to_partial(&[1.2]), None);
        assert_eq!(to_partial(&[0.6, 0.6]), None);
    }

    #[test]
    fn autocovariances_of_an_arma_1_1() {
        let (phi, theta) = (0.7, 0.4);
        let mut psi = [0.0; 4];
        impulse_response(&[phi], &[theta], &mut psi);
        let g = autocovariances(&[phi], &[theta], &psi).unwrap();
        let g0 = (1.0 + 2.0 * phi * theta + theta * theta) / (1.0 - phi * phi);
        let g1 = (1.0 + phi * theta) * (phi + theta) / (1.0 - phi * phi);
        assert!((g[0] - g0).abs() < 1e-12 && (g[1] - g1).abs() < 1e-12);
    }

    #[test]
    fn autocovariances_of_an_ma_2() {
        let ma = [0.5, -0.3];
        let mut psi = [0.0; 4];
        impulse_response(&[], &ma, &mut psi);
        let g = autocovariances(&[], &ma, &psi).unwrap();
        assert!((g[0] - 1.34).abs() < 1e-14 && (g[1] - 0.35).abs() < 1e-14 && (g[2] + 0.3).abs() < 1e-14);
    }
}
