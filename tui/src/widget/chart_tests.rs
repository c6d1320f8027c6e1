use proptest::prelude::*;

use super::*;
use crate::frame::picture;
use crate::theme::caps::Caps;

fn extents(values: &[(i64, f64)]) -> Vec<Extent> {
    values
        .iter()
        .map(|&(t, v)| Extent {
            time_ms: t * 1000,
            min: v,
            max: v,
            last: v,
            median: v,
        })
        .collect()
}

fn chart(layers: Vec<Layer>) -> Chart {
    Chart {
        layers,
        ..Chart::empty(0, 600_000, Zone::Utc)
    }
}

fn ascii() -> Caps {
    Caps {
        unicode: false,
        ..Caps::default()
    }
}

fn drawn(chart: &Chart, caps: Caps) -> Vec<String> {
    picture(60, 12, caps, |canvas| chart.draw(canvas))
}

#[test]
fn axis_and_bound_are_labelled() {
    let samples: Vec<(i64, f64)> = (0..40).map(|n| (n * 15, 2.0 + (n as f64 / 5.0).sin())).collect();
    let lines = drawn(
        &chart(vec![
            Layer::Bound {
                value: 4.0,
                label: "max 4".into(),
            },
            Layer::Samples {
                extents: extents(&samples),
                gap_ms: 30_000,
            },
        ]),
        Caps::default(),
    );
    let text = lines.join("\n");
    assert!(text.contains(" max 4 "), "{text}");
    assert!(text.contains("00:05"), "{text}");
    assert!(lines.iter().any(|l| l.trim_start().starts_with("2┤")), "{text}");
}

#[test]
fn no_two_labels_of_an_axis_say_the_same() {
    for span in [1e5, 2e7, 1e8, 1e9, 1e10] {
        let samples: Vec<(i64, f64)> = (0..40).map(|n| (n * 15, 15.4e9 + span * n as f64 / 40.0)).collect();
        let mut chart = chart(vec![Layer::Samples {
            extents: extents(&samples),
            gap_ms: 60_000,
        }]);
        chart.unit = Unit::guess("node_filesystem_avail_bytes", false);
        let rows = picture(60, 40, Caps::default(), |canvas| chart.draw(canvas));
        let labels: Vec<&str> = rows
            .iter()
            .filter_map(|row| Some(row.split_once('┤')?.0.trim()))
            .collect();
        let all: std::collections::BTreeSet<&&str> = labels.iter().collect();
        assert_eq!((all.len(), labels.is_empty()), (labels.len(), false), "{labels:?}");
    }
}

#[test]
fn a_gap_is_not_joined() {
    let samples: Vec<(i64, f64)> = (0..10).chain(30..40).map(|n| (n * 15, 1.0)).collect();
    let lines = drawn(
        &chart(vec![Layer::Samples {
            extents: extents(&samples),
            gap_ms: 30_000,
        }]),
        ascii(),
    );
    let row = lines
        .iter()
        .find(|l| l.contains("**") || l.contains(",,") || l.contains("''"))
        .unwrap();
    assert!(
        row.trim_end().contains("          "),
        "a hole between the two parts: {row}"
    );
}

#[test]
fn what_is_outside_the_range_is_marked_without_colour() {
    let samples: Vec<(i64, f64)> = (0..40).map(|n| (n * 15, if n > 30 { 6.0 } else { 2.0 })).collect();
    let lines = drawn(
        &chart(vec![
            Layer::Bound {
                value: 4.0,
                label: "max 4".into(),
            },
            Layer::Samples {
                extents: extents(&samples),
                gap_ms: 30_000,
            },
        ]),
        ascii(),
    );
    assert!(lines.join("\n").contains('#'));
}

#[test]
fn a_logarithmic_axis_keeps_small_values_apart_and_says_when_it_cannot() {
    let decades: Vec<(i64, f64)> = (0..40).map(|n| (n * 15, 10_f64.powi(n as i32 / 10))).collect();
    let layer = |values: &[(i64, f64)]| Layer::Samples {
        extents: extents(values),
        gap_ms: 30_000,
    };
    let mut c = chart(vec![layer(&decades)]);
    c.log = true;
    let lines = drawn(&c, ascii());
    let rows: Vec<usize> = ["1k", "100", "10", "1"]
        .iter()
        .map(|label| {
            lines
                .iter()
                .position(|line| line[..7].trim().trim_end_matches(['|', '+', '-']) == *label)
                .unwrap()
        })
        .collect();
    let steps: Vec<usize> = rows.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(
        steps.iter().max().unwrap() - steps.iter().min().unwrap() <= 1,
        "{rows:?}\n{}",
        lines.join("\n")
    );
    let mut with_zero = decades;
    with_zero[3].1 = 0.0;
    let mut c = chart(vec![layer(&with_zero)]);
    c.log = true;
    assert!(drawn(&c, ascii()).join("\n").contains("not log: values of 0 or less"));
}

#[test]
fn a_peak_survives_decimation() {
    let mut many: Vec<Extent> = extents(&(0..10_000).map(|n| (n, 0.0)).collect::<Vec<_>>());
    many[7_777].max = 99.0;
    let few = decimate(&many, 100);
    assert_eq!(few.len(), 100);
    assert_eq!(few.iter().map(|e| e.max).fold(0.0, f64::max), 99.0);
}

#[test]
fn the_crosshair_reads_in_words() {
    let c = chart(vec![Layer::Samples {
        extents: extents(&[(300, 6.02)]),
        gap_ms: 30_000,
    }]);
    assert_eq!(c.reading(300_000, 600_000), "00:05:00  6.02");
    assert_eq!(c.reading(10_000, 600_000), "00:00:10  no sample here");
}

#[test]
fn stale_is_said_in_words() {
    let mut c = chart(vec![Layer::Samples {
        extents: extents(&[(300, 6.02)]),
        gap_ms: 30_000,
    }]);
    c.stale_ms = Some(300_000);
    c.now_ms = Some(480_000);
    let lines = drawn(&c, Caps::default());
    assert!(lines.join("\n").contains("STALE"));
    let hatched: Vec<usize> = lines[5]
        .chars()
        .enumerate()
        .filter(|(_, c)| *c == '╱')
        .map(|(at, _)| at)
        .collect();
    // Half of the plot is known, and what is to come is not missing yet.
    assert!(
        hatched.iter().all(|at| (32..52).contains(at)) && hatched.len() > 3,
        "{lines:?}"
    );
}

proptest! {
    #[test]
    fn no_values_break_it(
        values in proptest::collection::vec((0i64..600, any::<f64>()), 0..60),
        bound in any::<f64>(),
        width in 0u16..90,
        height in 0u16..20,
        unicode in any::<bool>(),
    ) {
        let mut values = values;
        values.sort_by_key(|v| v.0);
        let c = Chart {
            now_ms: Some(300_000),
            cursor_ms: Some(1_000),
            ..chart(vec![
                Layer::Bound { value: bound, label: "max".into() },
                Layer::Band { points: values.iter().map(|&(t, v)| (t * 1000, v - 1.0, v + 1.0)).collect(), role: Role::Band80 },
                Layer::Samples { extents: extents(&values), gap_ms: 30_000 },
                Layer::Line { points: values.iter().map(|&(t, v)| (t * 1000, v)).collect(), role: Role::Accent },
            ])
        };
        picture(width, height, Caps { unicode, ..Caps::default() }, |canvas| c.draw(canvas));
    }
}

#[test]
fn the_present_may_lie_beyond_what_was_read_long_ago() {
    let band = Layer::Band {
        points: vec![(500_000, 1.0, 2.0), (600_000, 1.0, 2.0)],
        role: Role::Band50,
    };
    let samples = Layer::Samples {
        extents: extents(&[(0, 1.0), (300, 2.0)]),
        gap_ms: 400_000,
    };
    for now in [
        0,
        300_000,
        590_000,
        600_000,
        610_000,
        660_000,
        700_000,
        1_000_000,
        1 << 40,
    ] {
        let old = Chart {
            now_ms: Some(now),
            ..chart(vec![band.clone(), samples.clone()])
        };
        let text = drawn(&old, Caps::default()).join("\n");
        assert!(text.contains("00:05"), "{now}: {text}");
    }
}
