//! BFGS with forward differences: the likelihood is smooth, cheap and has at most a dozen coordinates.

/// Step of the differences, relative to the coordinate.
const STEP: f64 = 1e-7;
/// Iterations of one search.
const MAX_ITERATIONS: usize = 80;
/// Halvings of one line search.
const MAX_HALVINGS: usize = 25;

/// Where the search ended.
#[derive(Debug, Clone)]
pub(super) struct Minimum {
    pub(super) at: Vec<f64>,
    pub(super) value: f64,
}

/// Minimises `f` from `start`; ends when two steps in a row gain less than `enough`. A non-finite value counts as forbidden.
/// `curvature` is the rough size of the second derivatives: it sets the length of the first step.
pub(super) fn minimise(f: &mut impl FnMut(&[f64]) -> f64, start: Vec<f64>, curvature: f64, enough: f64) -> Minimum {
    let size = start.len();
    let mut at = start;
    let mut value = f(&at);
    if size == 0 || !value.is_finite() {
        return Minimum { at, value };
    }
    let mut slope = vec![0.0; size];
    gradient(f, &mut at, value, &mut slope);
    let mut inverse = diagonal(size, 1.0 / curvature);
    let mut fresh = true;
    let mut small_gains = 0;
    let mut next = vec![0.0; size];
    let mut next_slope = vec![0.0; size];
    let mut direction = vec![0.0; size];
    for _ in 0..MAX_ITERATIONS {
        for (d, row) in direction.iter_mut().zip(inverse.chunks(size)) {
            *d = -row.iter().zip(&slope).map(|(a, b)| a * b).sum::<f64>();
        }
        let mut downhill: f64 = direction.iter().zip(&slope).map(|(a, b)| a * b).sum();
        if downhill.is_nan() || downhill >= 0.0 {
            if fresh {
                break;
            }
            inverse = diagonal(size, 1.0 / curvature);
            fresh = true;
            for (d, g) in direction.iter_mut().zip(&slope) {
                *d = -g / curvature;
            }
            downhill = -slope.iter().map(|g| g * g).sum::<f64>() / curvature;
        }
        // No coordinate moves by more than 2 in one step: the scale of the transformed parameters is one.
        let longest = direction.iter().fold(0.0_f64, |a, d| a.max(d.abs()));
        let mut length = if longest > 2.0 { 2.0 / longest } else { 1.0 };
        let mut found = false;
        let mut next_value = value;
        for _ in 0..MAX_HALVINGS {
            for ((x, a), d) in next.iter_mut().zip(&at).zip(&direction) {
                *x = a + length * d;
            }
            next_value = f(&next);
            if next_value.is_finite() && next_value <= value + 1e-4 * length * downhill {
                found = true;
                break;
            }
            // Parabola through value, slope and trial, kept between a tenth and a half.
            let excess = next_value - value - length * downhill;
            let ideal = if excess > 0.0 {
                -downhill * length / (2.0 * excess)
            } else {
                0.5
            };
            length *= if ideal.is_finite() { ideal.clamp(0.1, 0.5) } else { 0.1 };
        }
        if !found {
            if fresh {
                break;
            }
            inverse = diagonal(size, 1.0 / curvature);
            fresh = true;
            continue;
        }
        gradient(f, &mut next, next_value, &mut next_slope);
        update(&mut inverse, &at, &next, &slope, &next_slope, fresh);
        fresh = false;
        let gain = value - next_value;
        std::mem::swap(&mut at, &mut next);
        std::mem::swap(&mut slope, &mut next_slope);
        value = next_value;
        small_gains = if gain < enough { small_gains + 1 } else { 0 };
        if small_gains == 2 {
            break;
        }
    }
    Minimum { at, value }
}

fn diagonal(size: usize, value: f64) -> Vec<f64> {
    let mut out = vec![0.0; size * size];
    for i in 0..size {
        out[i * size + i] = value;
    }
    out
}

fn gradient(f: &mut impl FnMut(&[f64]) -> f64, at: &mut [f64], value: f64, out: &mut [f64]) {
    for i in 0..at.len() {
        let kept = at[i];
        let step = STEP * kept.abs().max(1.0);
        at[i] = kept + step;
        let up = f(at);
        out[i] = if up.is_finite() {
            (up - value) / step
        } else {
            at[i] = kept - step;
            let down = f(at);
            if down.is_finite() { (value - down) / step } else { 0.0 }
        };
        at[i] = kept;
    }
}

/// The BFGS update of the inverse Hessian; skipped when the curvature along the step is not positive.
fn update(inverse: &mut [f64], at: &[f64], next: &[f64], slope: &[f64], next_slope: &[f64], first: bool) {
    let size = at.len();
    let step: Vec<f64> = next.iter().zip(at).map(|(a, b)| a - b).collect();
    let change: Vec<f64> = next_slope.iter().zip(slope).map(|(a, b)| a - b).collect();
    let along: f64 = step.iter().zip(&change).map(|(a, b)| a * b).sum();
    let square: f64 = change.iter().map(|c| c * c).sum();
    if along.is_nan() || along <= 1e-14 * square.sqrt() {
        return;
    }
    if first {
        // The first curvature sets the scale (Nocedal & Wright 2006, eq. 6.20).
        let scale = along / square;
        for i in 0..size {
            inverse[i * size + i] = scale;
        }
    }
    let turned: Vec<f64> = inverse
        .chunks(size)
        .map(|row| row.iter().zip(&change).map(|(a, b)| a * b).sum())
        .collect();
    let inner: f64 = change.iter().zip(&turned).map(|(a, b)| a * b).sum();
    let weight = (along + inner) / (along * along);
    for i in 0..size {
        for j in 0..size {
            inverse[i * size + j] += weight * step[i] * step[j] - (turned[i] * step[j] + step[i] * turned[j]) / along;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_banana_valley_is_walked_to_its_end() {
        let mut f = |x: &[f64]| (1.0 - x[0]).powi(2) + 100.0 * (x[1] - x[0] * x[0]).powi(2);
        let found = minimise(&mut f, vec![-1.2, 1.0], 1.0, 1e-12);
        assert!(
            (found.at[0] - 1.0).abs() < 1e-3 && (found.at[1] - 1.0).abs() < 2e-3,
            "{found:?}"
        );
    }
}
