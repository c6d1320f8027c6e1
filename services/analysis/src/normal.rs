//! The standard normal distribution: cdf, quantile, and the probability of leaving a range.

/// Φ(z), to full double precision in both tails. NaN gives NaN.
pub fn cdf(z: f64) -> f64 {
    0.5 * libm::erfc(-z * std::f64::consts::FRAC_1_SQRT_2)
}

/// Φ⁻¹(p) by Wichura's AS 241 (PPND16, Applied Statistics 37, 1988), relative error about 1e-16.
///
/// p ≤ 0 gives −∞, p ≥ 1 gives +∞, NaN gives NaN.
pub fn quantile(p: f64) -> f64 {
    if p.is_nan() {
        return f64::NAN;
    }
    if p <= 0.0 {
        return f64::NEG_INFINITY;
    }
    if p >= 1.0 {
        return f64::INFINITY;
    }
    let q = p - 0.5;
    if q.abs() <= 0.425 {
        let r = 0.180_625 - q * q;
        return q * ratio(r, &CENTRE_NUMERATOR, &CENTRE_DENOMINATOR);
    }
    let tail = if q < 0.0 { p } else { 1.0 - p };
    let r = (-tail.ln()).sqrt();
    let z = if r <= 5.0 {
        ratio(r - 1.6, &MIDDLE_NUMERATOR, &MIDDLE_DENOMINATOR)
    } else {
        ratio(r - 5.0, &FAR_NUMERATOR, &FAR_DENOMINATOR)
    };
    if q < 0.0 { -z } else { z }
}

/// P(X < lower or X > upper) for X ~ N(mean, se²); an absent bound never counts.
///
/// With se = 0 the answer is 0 or 1 (the bounds are inclusive). A NaN or negative se gives 1 bounded answer: the one for se = 0.
/// Infinite arguments give the limit; a NaN mean or bound gives NaN where se > 0.
pub fn outside(mean: f64, se: f64, lower: Option<f64>, upper: Option<f64>) -> f64 {
    if se > 0.0 {
        let below = lower.map_or(0.0, |b| cdf(standard_errors(mean, b, se)));
        let above = upper.map_or(0.0, |b| cdf(standard_errors(b, mean, se)));
        return (below + above).clamp(0.0, 1.0);
    }
    let out = lower.is_some_and(|b| mean < b) || upper.is_some_and(|b| mean > b);
    f64::from(u8::from(out))
}

/// How many standard errors `to` lies above `from`; infinities that meet are no distance, and an infinite distance stays one.
fn standard_errors(from: f64, to: f64, se: f64) -> f64 {
    let distance = if from == to { 0.0 } else { to - from };
    if distance.is_infinite() {
        distance
    } else {
        distance / se
    }
}

fn ratio(r: f64, numerator: &[f64; 8], denominator: &[f64; 8]) -> f64 {
    let horner = |c: &[f64; 8]| c.iter().rev().fold(0.0, |acc, a| acc * r + a);
    horner(numerator) / horner(denominator)
}

const CENTRE_NUMERATOR: [f64; 8] = [
    3.387_132_872_796_366_5,
    133.141_667_891_784_38,
    1_971.590_950_306_551_3,
    13_731.693_765_509_46,
    45_921.953_931_549_87,
    67_265.770_927_008_7,
    33_430.575_583_588_13,
    2_509.080_928_730_122_7,
];
const CENTRE_DENOMINATOR: [f64; 8] = [
    1.0,
    42.313_330_701_600_91,
    687.187_007_492_057_9,
    5_394.196_021_424_751,
    21_213.794_301_586_597,
    39_307.895_800_092_71,
    28_729.085_735_721_943,
    5_226.495_278_852_545,
];
const MIDDLE_NUMERATOR: [f64; 8] = [
    1.423_437_110_749_683_5,
    4.630_337_846_156_546,
    5.769_497_221_460_691,
    3.647_848_324_763_204_5,
    1.270_458_252_452_368_4,
    0.241_780_725_177_450_6,
    0.022_723_844_989_269_184,
    0.000_774_545_014_278_341_4,
];
const MIDDLE_DENOMINATOR: [f64; 8] = [
    1.0,
    2.053_191_626_637_759,
    1.676_384_830_183_803_8,
    0.689_767_334_985_1,
    0.148_103_976_427_480_08,
    0.015_198_666_563_616_457,
    0.000_547_593_808_499_534_5,
    1.050_750_071_644_416_9e-9,
];
const FAR_NUMERATOR: [f64; 8] = [
    6.657_904_643_501_103,
    5.463_784_911_164_114,
    1.784_826_539_917_291_3,
    0.296_560_571_828_504_87,
    0.026_532_189_526_576_124,
    0.001_242_660_947_388_078_4,
    2.711_555_568_743_487_6e-5,
    2.010_334_399_292_288e-7,
];
const FAR_DENOMINATOR: [f64; 8] = [
    1.0,
    0.599_832_206_555_888,
    0.136_929_880_922_735_8,
    0.014_875_361_290_850_615,
    0.000_786_869_131_145_613_3,
    1.846_318_317_510_054_8e-5,
    1.421_511_758_316_446e-7,
    2.044_263_103_389_939_8e-15,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantile_inverts_the_cdf() {
        for z in [-8.0, -5.3, -3.0, -1.959_963_984_540_054, -0.3, 0.0, 0.7, 1.2, 2.5, 5.0] {
            let back = quantile(cdf(z));
            assert!(
                (back - z).abs() < 1e-9 * (1.0 + z.abs()) || z > 4.0 && (back - z).abs() < 1e-8,
                "{z} {back}"
            );
        }
        assert!((quantile(0.975) - 1.959_963_984_540_054).abs() < 1e-15);
        assert!((quantile(1e-12) + 7.034_483_825_301_932).abs() < 1e-11);
    }

    #[test]
    fn outside_counts_both_sides_and_never_an_absent_bound() {
        assert!((outside(0.0, 1.0, Some(-1.959_963_984_540_054), Some(1.959_963_984_540_054)) - 0.05).abs() < 1e-15);
        assert_eq!(outside(0.0, 1.0, None, None), 0.0);
        assert_eq!(outside(5.0, 0.0, None, Some(5.0)), 0.0);
        assert_eq!(outside(5.1, 0.0, None, Some(5.0)), 1.0);
    }

    #[test]
    fn infinite_means_bounds_and_errors_give_the_limit() {
        const INF: f64 = f64::INFINITY;
        assert_eq!(outside(-INF, 1.0, None, Some(-INF)), 0.5);
        assert_eq!(outside(0.0, INF, Some(-INF), Some(INF)), 0.0);
        assert_eq!(outside(0.0, INF, Some(INF), None), 1.0);
        assert_eq!(outside(0.0, INF, Some(-1.0), None), 0.5);
        assert!(outside(f64::NAN, 1.0, Some(0.0), None).is_nan());
    }
}
