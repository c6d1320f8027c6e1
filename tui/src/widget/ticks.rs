//! Nice numbers for axes.

/// Round steps for values: 1, 2, 5 × a power of ten. At most `wanted` + 1 ticks, all inside [low, high].
pub(crate) fn value_ticks(low: f64, high: f64, wanted: usize) -> Vec<f64> {
    let span = high - low;
    if !span.is_finite() || span <= 0.0 || wanted == 0 {
        return Vec::new();
    }
    let raw = span / wanted as f64;
    let power = 10_f64.powf(raw.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .map(|m| m * power)
        .find(|step| *step >= raw * 0.999_999);
    let Some(step) = step.filter(|step| step.is_finite() && *step > 0.0) else {
        return Vec::new();
    };
    let first = (low / step).ceil();
    (0..=wanted + 1)
        .map(|n| (first + n as f64) * step)
        .take_while(|tick| *tick <= high + step * 1e-9)
        // -0 reads badly on an axis.
        .map(|tick| if tick.abs() < step * 1e-9 { 0.0 } else { tick })
        .collect()
}

/// Round values of an axis on which equal distances are equal ratios: powers of ten, and 2 and 5 times them where there is room. At most
/// `wanted` + 1, all inside [low, high], which lie above 0.
pub(crate) fn log_ticks(low: f64, high: f64, wanted: usize) -> Vec<f64> {
    if !(low > 0.0 && high.is_finite() && high > low) || wanted == 0 {
        return Vec::new();
    }
    let powers = (low.log10().floor() as i32)..=(high.log10().ceil() as i32);
    let of = |steps: &[f64], every: usize| -> Vec<f64> {
        let powers = powers.clone().step_by(every.max(1));
        let ticks = powers.flat_map(|power| steps.iter().map(move |step| step * 10_f64.powi(power)));
        ticks.filter(|tick| (low..=high).contains(tick)).collect()
    };
    let (fine, decades) = (of(&[1.0, 2.0, 5.0], 1), of(&[1.0], 1));
    match (fine.len(), decades.len()) {
        // Within one decade the round steps of a linear axis tell more.
        (0..3, _) => value_ticks(low, high, wanted),
        (some, _) if some <= wanted + 1 => fine,
        (_, some) if some <= wanted + 1 => decades,
        (_, many) => of(&[1.0], many.div_ceil(wanted)),
    }
}

/// Seconds of round time steps.
const TIME_STEPS_S: [i64; 20] = [
    1, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400, 172_800, 604_800,
    1_209_600,
];

/// Round instants inside (after, until], at most `wanted`. Returns them and the step, both in milliseconds.
pub(crate) fn time_ticks(after_ms: i64, until_ms: i64, wanted: usize) -> (Vec<i64>, i64) {
    let span = until_ms.saturating_sub(after_ms);
    if span <= 0 || wanted == 0 {
        return (Vec::new(), 0);
    }
    let step = TIME_STEPS_S
        .into_iter()
        .map(|s| s * 1000)
        .find(|step| span / step <= wanted as i64);
    let step = step.unwrap_or_else(|| (span / wanted as i64 / 86_400_000 + 1) * 86_400_000);
    let first = after_ms.div_euclid(step) + 1;
    let ticks = (first..)
        .map(|n| n * step)
        .take_while(|t| *t <= until_ms)
        .take(wanted + 1)
        .collect();
    (ticks, step)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn steps_are_round() {
        assert_eq!(value_ticks(0.0, 8.0, 4), vec![0.0, 2.0, 4.0, 6.0, 8.0]);
        assert_eq!(value_ticks(-0.3, 0.9, 3), vec![0.0, 0.5]);
        assert_eq!(
            time_ticks(0, 3_600_000, 4).0,
            vec![900_000, 1_800_000, 2_700_000, 3_600_000]
        );
    }

    proptest! {
        #[test]
        fn ticks_lie_inside(low in -1e12f64..1e12, span in 1e-6f64..1e12, wanted in 1usize..12) {
            let ticks = value_ticks(low, low + span, wanted);
            prop_assert!(ticks.len() <= wanted + 2);
            for pair in ticks.windows(2) {
                prop_assert!(pair[0] < pair[1]);
            }
            let slack = span * 1e-6;
            prop_assert!(ticks.iter().all(|t| *t >= low - slack && *t <= low + span + slack));
        }

        #[test]
        fn log_ticks_lie_inside(low in 1e-9f64..1e9, ratio in 1.001f64..1e12, wanted in 1usize..12) {
            let ticks = log_ticks(low, low * ratio, wanted);
            prop_assert!(ticks.len() <= wanted + 2, "{ticks:?}");
            prop_assert!(ticks.iter().all(|tick| (low * 0.999..=low * ratio * 1.001).contains(tick)), "{ticks:?}");
            prop_assert!(ticks.is_sorted());
        }

        #[test]
        fn time_ticks_lie_inside(after in 0i64..2_000_000_000_000, span in 1i64..40_000_000_000, wanted in 1usize..12) {
            let (ticks, step) = time_ticks(after, after + span, wanted);
            prop_assert!(ticks.len() <= wanted + 1);
            prop_assert!(ticks.iter().all(|t| *t > after && *t <= after + span && t % step == 0));
        }
    }
}
