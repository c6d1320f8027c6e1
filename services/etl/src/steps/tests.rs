use sla_domain::STALE_NAN_BITS;
use sla_proto::convert;

use super::*;

const H: i64 = 3_600_000;
const AT_MS: i64 = 1_700_000_000_000;

fn options() -> StepOptions {
    StepOptions {
        windows_ms: vec![H, 3 * H, 6 * H, 12 * H],
        metadata_windows_ms: vec![12 * H],
        history_ms: 26 * H,
        horizon_ms: 600_000,
        steps: Steps::ALL,
    }
}

fn history(hours: i64, value: impl Fn(i64) -> f64) -> Samples {
    let n = hours * 240;
    Samples::from_columns(
        (1..=n).map(|k| AT_MS - (n - k) * 15_000).collect(),
        (1..=n).map(value).collect(),
    )
}

fn wobble(k: i64) -> f64 {
    // Noise without a pattern: splitmix64.
    let mut z = (k as u64).wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
}

fn input(samples: &Samples, kind: SeriesKind) -> SeriesInput<'_> {
    SeriesInput {
        samples,
        kind,
        spacing_ms: 15_000,
        at_ms: AT_MS,
        previous: None,
        long: None,
        days: None,
    }
}

#[test]
fn words_of_steps() {
    assert_eq!(Steps::from_words(&[]).unwrap(), Steps::ALL);
    assert_eq!(Steps::from_words(&["forecast".into(), "dance".into()]), Err("dance"));
    let two = Steps::from_words(&["forecast".into(), "statistics".into()]).unwrap();
    assert_eq!(two.words(), ["statistics", "forecast"]);
    assert!(!two.without(RunStep::Forecast).contains(RunStep::Forecast));
}

#[test]
fn a_gauge_has_windows_metadata_and_forecast_and_no_rate() {
    let samples = history(26, wobble);
    let (analysis, timings) = analyse(input(&samples, SeriesKind::Gauge), &options());
    assert_eq!(
        analysis.windows.iter().map(|w| w.n).collect::<Vec<_>>(),
        [240, 720, 1_440, 2_880]
    );
    assert!(analysis.rate.is_none() && analysis.last_rate.is_none());
    assert_eq!(analysis.last.unwrap().value, wobble(26 * 240));
    let metadata = analysis.metadata.unwrap();
    assert!(metadata.stationarity.unwrap().stationary && !metadata.of_rate);
    assert_eq!(metadata.autocorrelation.unwrap().lag_ms, 15_000);
    assert!(analysis.forecast.unwrap().mean.is_some());
    let steps: Vec<_> = timings.iter().map(|t| (t.step.as_str(), t.window_ms)).collect();
    assert_eq!(
        steps,
        [
            ("statistics", H),
            ("statistics", 3 * H),
            ("statistics", 6 * H),
            ("statistics", 12 * H),
            ("metadata", 12 * H),
            ("forecast", 12 * H)
        ]
    );
    assert!(timings.iter().all(|t| t.ms >= 0.0));
}

#[test]
fn a_counter_has_both_and_is_judged_by_its_rate() {
    // 2 a second with noise, one reset in the middle of the last hour.
    let mut count = 0.0;
    let mut values = Vec::new();
    for k in 0..13 * 240 {
        count = if k == 13 * 240 - 100 {
            0.0
        } else {
            count + 30.0 + wobble(k)
        };
        values.push(count);
    }
    let samples = history(13, |k| values[(k - 1) as usize]);
    let (analysis, _) = analyse(input(&samples, SeriesKind::Counter), &options());
    let rate = analysis.rate.unwrap();
    assert_eq!((rate.over_ms, rate.windows.len()), (60_000, 4));
    assert_eq!(rate.windows[0].n, 240, "the first rates look back before the window");
    let mean = rate.windows[3].mean.unwrap();
    assert!((2.0..2.1).contains(&mean), "{mean}");
    assert!(rate.windows[3].min.unwrap() >= 0.0, "a reset is no negative rate");
    assert!(analysis.windows[0].max.unwrap() > 1_000.0, "raw values stay raw");
    assert!(analysis.metadata.unwrap().of_rate && analysis.forecast.unwrap().of_rate);
    assert!((2.0..2.1).contains(&analysis.last_rate.unwrap().value));
}

#[test]
fn only_the_chosen_steps_run() {
    let samples = history(2, wobble);
    let chosen = StepOptions {
        steps: Steps::of(&[RunStep::Forecast]),
        ..options()
    };
    let (analysis, timings) = analyse(input(&samples, SeriesKind::Gauge), &chosen);
    assert!(analysis.windows.is_empty() && analysis.metadata.is_none() && analysis.forecast.is_some());
    assert_eq!(timings.len(), 1);
}

#[test]
fn forty_minutes_of_history_are_said_and_not_failed() {
    let samples = Samples::from_columns(
        (1..=160).map(|k| AT_MS - (160 - k) * 15_000).collect(),
        (1..=160).map(wobble).collect(),
    );
    let (analysis, _) = analyse(input(&samples, SeriesKind::Gauge), &options());
    assert!(
        analysis
            .windows
            .iter()
            .all(|w| w.n == 160 && w.spanned_ms == 159 * 15_000)
    );
    assert!(analysis.metadata.unwrap().notes[0].contains("only 40m of history"));
    assert!(analysis.forecast.unwrap().mean.is_some());
}

#[test]
fn samples_after_the_instant_do_not_exist() {
    let mut samples = history(1, wobble);
    samples.push(AT_MS + 1, 1e9);
    let (analysis, _) = analyse(input(&samples, SeriesKind::Gauge), &options());
    assert_eq!(analysis.windows[0].n, 240);
    assert!(analysis.windows[3].max.unwrap() < 2.0);
    assert_eq!(convert::millis(analysis.last.unwrap().time.as_ref().unwrap()), AT_MS);
}

#[test]
fn hostile_series_neither_panic_nor_answer_nan() {
    let stale = f64::from_bits(STALE_NAN_BITS);
    let hostile: [Box<dyn Fn(i64) -> f64>; 8] = [
        Box::new(|_| f64::NAN),
        Box::new(|_| f64::INFINITY),
        Box::new(move |_| stale),
        Box::new(|k| if k % 2 == 0 { f64::MAX } else { f64::MIN }),
        Box::new(|_| 0.0),
        Box::new(|k| if k == 100 { 1.0 } else { 0.0 }),
        Box::new(|k| k as f64 * 5e-324),
        Box::new(|k| if k % 3 == 0 { f64::NAN } else { 1e15 + wobble(k) }),
    ];
    for value in &hostile {
        for kind in [SeriesKind::Gauge, SeriesKind::Counter] {
            let samples = history(2, value);
            let (analysis, _) = analyse(input(&samples, kind), &options());
            let numbers = analysis
                .windows
                .iter()
                .flat_map(|w| [w.mean, w.min, w.max, w.std, w.median, w.p95, w.p99]);
            for number in numbers.flatten() {
                assert!(number.is_finite(), "{kind:?} {number}");
            }
            let forecast = analysis.forecast.unwrap();
            for line in [forecast.mean, forecast.max, forecast.min].into_iter().flatten() {
                assert!(
                    line.points
                        .iter()
                        .all(|p| p.value.is_finite() && p.low.is_finite() && p.high.is_finite())
                );
            }
        }
    }
    let (analysis, _) = analyse(input(&Samples::default(), SeriesKind::Counter), &options());
    assert!(analysis.last.is_none() && analysis.windows.len() == 4);
}
