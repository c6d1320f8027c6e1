//! The one way numbers are written for people and read from them: `412k`, `8.08 GB`, `3.4 MB/s`, `21 ms`, `99.2 %`.
//!
//! Prefixes are decimal (`6G` is 6·10⁹); with an `i` they are binary (`6Gi` is 6·2³⁰), read but never written. `m` is a minute
//! and only that. What [`exact`] writes, [`parse`] reads back to the same bits.

mod reading;
mod writing;

pub use reading::parse;
pub use writing::{bare, exact, short, tight, within};

/// Prefixes of powers of 1000, largest first.
const DECIMAL: [(f64, &str); 6] = [
    (1e18, "E"),
    (1e15, "P"),
    (1e12, "T"),
    (1e9, "G"),
    (1e6, "M"),
    (1e3, "k"),
];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::unit::{Kind, Unit};

    fn units() -> Vec<Unit> {
        [
            Kind::Plain,
            Kind::Bytes,
            Kind::Bits,
            Kind::Seconds,
            Kind::Ratio,
            Kind::Percent,
            Kind::Scaled("W"),
            Kind::Fixed("°C"),
        ]
        .into_iter()
        .flat_map(|kind| [(kind, 1.0), (kind, 1e-3), (kind, 1024.0)])
        .flat_map(|(kind, step)| [false, true].map(|per_second| Unit { kind, step, per_second }))
        .collect()
    }

    proptest! {
        #[test]
        fn what_is_written_exactly_reads_back(value in prop_oneof![
            any::<f64>().prop_filter("finite", |v| v.is_finite()), -1e4..1e4_f64, (-10_000_000i64..10_000_000).prop_map(|n| n as f64),
        ]) {
            // A duration is told in its two largest units: 1d1h59m is 1d1h.
            for unit in units() {
                let text = exact(value, unit);
                prop_assert_eq!(parse(&text, unit).map(|v| v + 0.0), Ok(value + 0.0), "{} {:?}", text, unit);
            }
        }

        #[test]
        fn what_is_shown_is_near(value in prop_oneof![-1e17..1e17_f64, -10.0..10.0_f64, 0.0..2e6_f64]) {
            prop_assume!(value.abs() > 1e-3);
            // A duration is told in its two largest units: 1d1h59m is 1d1h.
            for unit in units().into_iter().filter(|unit| unit.step == 1.0) {
                for text in [short(value, unit), tight(value, unit)] {
                    let read = parse(&text, unit).unwrap();
                    prop_assert!((read - value).abs() <= if unit.kind == Kind::Seconds { 0.041 } else { 0.006 } * value.abs(), "{value} {text} {read} {unit:?}");
                    prop_assert!(text.chars().count() <= 14, "{}", text);
                }
            }
        }

        #[test]
        fn any_number_and_text_is_survived(value in any::<f64>(), text in ".{0,12}") {
            // A duration is told in its two largest units: 1d1h59m is 1d1h.
            for unit in units() {
                let _ = (short(value, unit), tight(value, unit), exact(value, unit));
                prop_assert!(parse(&text, unit).map_or(true, f64::is_finite));
            }
        }
    }
}
