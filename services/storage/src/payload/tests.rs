use proptest::prelude::*;
use sla_proto::result::v1::series_result::Outcome;
use sla_proto::result::v1::{Analysis, ForecastPoint, SeriesResult, StepTiming, WindowStatistics};

use super::{FORMAT_COMPACT, FORMAT_MESSAGE, decode, encode_exact, encode_short};
use crate::record::{Fact, read};
use crate::specimen::{ALL, Parts, body, result};

const NOW_MS: i64 = 1_700_000_000_000;

fn parts(n: u64, parts: Parts) -> Vec<SeriesResult> {
    match read(&body(result("run", n, NOW_MS, parts))).unwrap() {
        Fact::Series(fact) => fact.parts.into_iter().map(|part| part.content).collect(),
        Fact::Finished(_) => panic!("not a series"),
    }
}

fn short(content: &SeriesResult) -> Vec<u8> {
    encode_short(content, &encode_exact(content))
}

/// Counts, minima and maxima are the same; the other figures agree to 11 digits.
fn assert_alike(back: &[WindowStatistics], sent: &[WindowStatistics]) {
    assert_eq!(back.len(), sent.len());
    for (back, sent) in back.iter().zip(sent) {
        let exact = |w: &WindowStatistics| {
            let bits = |number: Option<f64>| number.map(f64::to_bits);
            (w.window_ms, w.n, w.n_nan, w.spanned_ms, bits(w.min), bits(w.max))
        };
        assert_eq!(exact(back), exact(sent));
        let figures = |w: &WindowStatistics| [w.mean, w.std, w.median, w.p95, w.p99];
        for (back, sent) in figures(back).into_iter().zip(figures(sent)) {
            assert_eq!(back.is_some(), sent.is_some());
            let (back, sent) = (back.unwrap_or_default(), sent.unwrap_or_default());
            // Numbers near zero that have no 11 digits of their own are as near as numbers can be.
            assert!(
                (back - sent).abs() <= sent.abs() * 1e-11 + f64::MIN_POSITIVE,
                "{back} is not {sent}"
            );
        }
    }
}

fn analysis_of(content: &SeriesResult) -> &Analysis {
    match &content.outcome {
        Some(Outcome::Analysis(analysis)) => analysis,
        _ => panic!("no analysis"),
    }
}

#[test]
fn the_short_form_of_statistics_is_true_and_short() {
    let content = &parts(1, ALL)[0];
    let (exact, short) = (encode_exact(content), short(content));
    assert_eq!(short[0], FORMAT_COMPACT);
    assert!(
        short.len() * 5 < exact.len() * 3,
        "{} of {} bytes",
        short.len(),
        exact.len()
    );
    let back = decode(&short).unwrap();
    let (found, sent) = (analysis_of(&back), analysis_of(content));
    assert_alike(&found.windows, &sent.windows);
    assert_alike(
        &found.rate.as_ref().unwrap().windows,
        &sent.rate.as_ref().unwrap().windows,
    );
    assert_eq!(
        (&found.last, &found.last_rate, found.spacing_ms),
        (&sent.last, &sent.last_rate, sent.spacing_ms)
    );
    for (back, sent) in back.timings.iter().zip(&content.timings) {
        assert_eq!((&back.step, back.window_ms), (&sent.step, sent.window_ms));
        assert!((back.ms - sent.ms).abs() <= 0.005_001);
    }
    assert_eq!(decode(&exact).unwrap(), *content);
}

#[test]
fn the_short_form_of_a_forecast_keeps_16_bits_of_its_range() {
    let content = &parts(1, ALL)[2];
    let (exact, short) = (encode_exact(content), short(content));
    assert!(
        short.len() * 6 < exact.len(),
        "{} of {} bytes",
        short.len(),
        exact.len()
    );
    let back = decode(&short).unwrap();
    let (Some(Outcome::Analysis(back)), Some(Outcome::Analysis(sent))) = (back.outcome, &content.outcome) else {
        panic!("no analysis")
    };
    let (back, sent) = (back.forecast.unwrap(), sent.forecast.clone().unwrap());
    assert_eq!(
        (&back.method, back.step_ms, back.n, back.of_rate),
        (&sent.method, sent.step_ms, sent.n, sent.of_rate)
    );
    for (back, sent) in [(back.mean, sent.mean), (back.max, sent.max), (back.min, sent.min)] {
        let (back, sent) = (back.unwrap(), sent.unwrap());
        let low = sent.points.iter().map(|point| point.low).fold(f64::INFINITY, f64::min);
        let high = sent
            .points
            .iter()
            .map(|point| point.high)
            .fold(f64::NEG_INFINITY, f64::max);
        for (back, sent) in back.points.iter().zip(&sent.points) {
            assert_eq!(back.time, sent.time);
            for (back, sent) in [(back.value, sent.value), (back.low, sent.low), (back.high, sent.high)] {
                assert!((back - sent).abs() <= (high - low) / 50_000.0, "{back} is not {sent}");
            }
        }
    }
}

#[test]
fn what_does_not_fit_stays_a_message() {
    let metadata = &parts(1, ALL)[1];
    assert_eq!(short(metadata)[0], FORMAT_MESSAGE);
    let mut uneven = parts(1, ALL)[2].clone();
    if let Some(Outcome::Analysis(analysis)) = &mut uneven.outcome {
        let line = analysis.forecast.as_mut().unwrap().max.as_mut().unwrap();
        line.points[3].time.as_mut().unwrap().seconds += 1;
    }
    assert_eq!(short(&uneven)[0], FORMAT_MESSAGE);
    let mut last_is_nan = parts(1, ALL)[0].clone();
    if let Some(Outcome::Analysis(analysis)) = &mut last_is_nan.outcome {
        analysis.last.as_mut().unwrap().value = f64::NAN;
    }
    assert_eq!(short(&last_is_nan)[0], FORMAT_MESSAGE);
}

fn number() -> impl Strategy<Value = Option<f64>> {
    prop_oneof![
        Just(None),
        Just(Some(-0.0)),
        (-1000_i64..1000).prop_map(|number| Some(number as f64)),
        (-1e3_f32..1e3).prop_map(|number| Some(f64::from(number))),
        any::<f64>()
            .prop_filter("finite", |number| number.is_finite())
            .prop_map(Some),
    ]
}

prop_compose! {
    fn window()(
        window_ms in any::<i64>(), n in any::<u64>(), n_nan in 0_u64..5, spanned_ms in any::<i64>(),
        numbers in prop::array::uniform7(number()),
    ) -> WindowStatistics {
        let [mean, min, max, std, median, p95, p99] = numbers;
        WindowStatistics { window_ms, n, n_nan, mean, min, max, std, median, p95, p99, spanned_ms }
    }
}

proptest! {
    #[test]
    fn any_statistics_come_back(windows in prop::collection::vec(window(), 0..6), step in ".{0,12}") {
        let timings = vec![StepTiming { step, ms: 1.5, window_ms: 60_000 }];
        let analysis = Analysis { windows, ..Analysis::default() };
        let content = SeriesResult { outcome: Some(Outcome::Analysis(analysis)), timings, ..SeriesResult::default() };
        let back = decode(&short(&content)).unwrap();
        assert_alike(&analysis_of(&back).windows, &analysis_of(&content).windows);
        prop_assert_eq!(back.timings, content.timings);
    }

    #[test]
    fn any_line_comes_back_within_its_range(
        numbers in prop::collection::vec((-1e3_f64..1e3, 0.0_f64..50.0, 0.0_f64..50.0), 0..15),
        even in any::<bool>(),
    ) {
        let mut content = parts(1, ALL)[2].clone();
        let points: Vec<ForecastPoint> = (1..)
            .zip(&numbers)
            .map(|(at, &(value, below, above))| ForecastPoint {
                time: Some(sla_proto::convert::timestamp(NOW_MS + at * 60_000)),
                value,
                low: value - below,
                high: value + if even { below } else { above },
            })
            .collect();
        let low = points.iter().map(|point| point.low).fold(f64::INFINITY, f64::min);
        let high = points.iter().map(|point| point.high).fold(f64::NEG_INFINITY, f64::max);
        if let Some(Outcome::Analysis(analysis)) = &mut content.outcome {
            analysis.forecast.as_mut().unwrap().max.as_mut().unwrap().points = points.clone();
        }
        let bytes = short(&content);
        prop_assert_eq!(bytes[0], FORMAT_COMPACT);
        let back = decode(&bytes).unwrap();
        let back = analysis_of(&back).forecast.as_ref().unwrap().max.as_ref().unwrap();
        prop_assert_eq!(back.points.len(), points.len());
        for (back, sent) in back.points.iter().zip(&points) {
            prop_assert_eq!(back.time, sent.time);
            for (back, sent) in [(back.value, sent.value), (back.low, sent.low), (back.high, sent.high)] {
                prop_assert!((back - sent).abs() <= (high - low) / 50_000.0, "{} is not {}", back, sent);
            }
        }
    }

    #[test]
    fn garbage_is_refused_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), at in 0_usize..400) {
        let _ = decode(&bytes);
        let mut damaged = short(&parts(1, ALL)[0]);
        let at = at % damaged.len();
        damaged[at] ^= bytes.first().copied().unwrap_or(1);
        let _ = decode(&damaged);
        let _ = decode(&damaged[..at]);
    }
}
