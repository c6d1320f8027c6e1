//! Quantiles of Student's t, for intervals of a mean of few differences.

use crate::normal;

/// Newton steps at most; from below they rise to the quantile, and eight are usual.
const MOST_STEPS: usize = 60;
/// Terms of the continued fraction at most; where it is used it needs about √freedom of them.
const MOST_TERMS: usize = 500;
/// Relative change at which both stop.
const SETTLED: f64 = 1e-14;

/// The quantile at `p` in [0.5, 1) with `freedom` degrees (not necessarily whole; below 1 taken as 1).
pub(crate) fn quantile(p: f64, freedom: f64) -> f64 {
    let freedom = freedom.max(1.0);
    // Right of the median the distribution function is concave: from a start left of the quantile (the normal one is) Newton's steps
    // never overshoot.
    let mut t = normal::quantile(p).max(0.0);
    for _ in 0..MOST_STEPS {
        let step = (p - cdf(t, freedom)) / density(t, freedom);
        t += step;
        if step.abs() <= SETTLED * t.abs() {
            break;
        }
    }
    t
}

/// P(T ≤ t) for t ≥ 0: 1 − ½ I(ν / (ν + t²); ν/2, ½) (Abramowitz & Stegun 26.7.1).
fn cdf(t: f64, freedom: f64) -> f64 {
    if t == 0.0 {
        return 0.5;
    }
    let x = freedom / (freedom + t * t);
    let (a, b) = (0.5 * freedom, 0.5);
    // The fraction converges fast left of the mean only; right of it the mirrored one does.
    let tail = if x < (a + 1.0) / (a + b + 2.0) {
        incomplete_beta(x, a, b)
    } else {
        1.0 - incomplete_beta(1.0 - x, b, a)
    };
    1.0 - 0.5 * tail
}

fn density(t: f64, freedom: f64) -> f64 {
    let constant = libm::lgamma(0.5 * (freedom + 1.0)) - libm::lgamma(0.5 * freedom);
    let power = -0.5 * (freedom + 1.0) * libm::log1p(t * t / freedom);
    libm::exp(constant + power) / (freedom * std::f64::consts::PI).sqrt()
}

/// I(x; a, b) by its continued fraction (DLMF 8.17.22), evaluated forwards (Lentz 1976).
fn incomplete_beta(x: f64, a: f64, b: f64) -> f64 {
    let front = libm::lgamma(a + b) - libm::lgamma(a) - libm::lgamma(b) + a * libm::log(x) + b * libm::log1p(-x);
    let (mut c, mut d) = (1.0, 1.0 / (1.0 - (a + b) * x / (a + 1.0)));
    let mut fraction = d;
    for m in 1..MOST_TERMS {
        let m = m as f64;
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        let mut change = 1.0;
        for numerator in [even, odd] {
            d = 1.0 / (1.0 + numerator * d);
            c = 1.0 + numerator / c;
            change = c * d;
            fraction *= change;
        }
        if (change - 1.0).abs() < SETTLED {
            break;
        }
    }
    libm::exp(front) * fraction / a
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_equal_the_tables() {
        // scipy.stats.t.ppf
        for (p, freedom, want) in [
            (0.95, 1.0, 6.313_751_514_6),
            (0.95, 1.5, 3.705_180_820_0),
            (0.95, 2.0, 2.919_985_580_3),
            (0.95, 4.7, 2.043_811_093_0),
            (0.95, 29.0, 1.699_127_026_5),
            (0.95, 400.0, 1.648_671_941_4),
            (0.95, 100_000.0, 1.644_868_864_7),
            (0.975, 1.0, 12.706_204_736_1),
            (0.975, 1.5, 6.016_663_104_4),
            (0.975, 2.0, 4.302_652_729_7),
            (0.975, 4.7, 2.620_726_075_3),
            (0.975, 29.0, 2.045_229_642_1),
            (0.975, 400.0, 1.965_912_343_2),
            (0.975, 100_000.0, 1.959_987_707_5),
            (0.6, 1.0, 0.324_919_696_2),
            (0.6, 1.5, 0.300_745_392_5),
            (0.6, 2.0, 0.288_675_134_5),
            (0.6, 4.7, 0.268_082_719_5),
            (0.6, 29.0, 0.255_683_634_5),
            (0.6, 400.0, 0.253_515_674_8),
            (0.6, 100_000.0, 0.253_347_777_1),
        ] {
            let got = quantile(p, freedom);
            assert!((got / want - 1.0).abs() < 1e-9, "{p} {freedom}: {got}, not {want}");
        }
        assert_eq!(quantile(0.5, 7.0), 0.0);
        assert_eq!(quantile(0.95, 0.3), quantile(0.95, 1.0));
    }
}
