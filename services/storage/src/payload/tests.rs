use proptest::prelude::*;
use sla_proto::result::v1::series_result::Outcome;
use sla_proto::result::v1::{Analysis, SeriesResult, StepTiming, WindowStatistics};

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

#[test]
fn the_short_form_of_statistics_is_exact_and_short() {
    let content = &parts(1, ALL)[0];
    let (exact, short) = (encode_exact(content), short(content));
    assert_eq!(short[0], FORMAT_COMPACT);
    assert!(
        short.len() * 10 < exact.len() * 7,
        "{} of {} bytes",
        short.len(),
        exact.len()
    );
    let back = decode(&short).unwrap();
    assert_eq!(back.outcome, content.outcome);
    for (back, sent) in back.timings.iter().zip(&content.timings) {
        assert_eq!((&back.step, back.window_ms), (&sent.step, sent.window_ms));
        assert!((back.ms - sent.ms).abs() < 1e-6);
    }
    assert_eq!(decode(&exact).unwrap(), *content);
}

#[test]
fn the_short_form_of_a_forecast_keeps_16_bits_of_its_range() {
    let content = &parts(1, ALL)[2];
    let (exact, short) = (encode_exact(content), short(content));
    assert!(
        short.len() * 5 < exact.len(),
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
                assert!((back - sent).abs() <= (high - low) / 65_535.0, "{back} is not {sent}");
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
        window_ms in any::<i64>(), n in any::<u64>(), n_nan in 0_u64..5, spanned_ms in any::<i32>(),
        numbers in prop::array::uniform7(number()),
    ) -> WindowStatistics {
        let [mean, min, max, std, median, p95, p99] = numbers;
        WindowStatistics { window_ms, n, n_nan, mean, min, max, std, median, p95, p99, spanned_ms: spanned_ms.into() }
    }
}

proptest! {
    #[test]
    fn any_statistics_come_back(windows in prop::collection::vec(window(), 0..6), step in ".{0,12}") {
        let timings = vec![StepTiming { step, ms: 1.5, window_ms: 60_000 }];
        let analysis = Analysis { windows, ..Analysis::default() };
        let content = SeriesResult { outcome: Some(Outcome::Analysis(analysis)), timings, ..SeriesResult::default() };
        prop_assert_eq!(decode(&short(&content)).unwrap(), content);
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
