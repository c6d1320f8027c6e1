use sla_domain::ManualClock;

use super::*;

const NOW: i64 = 1_780_000_000_000;

fn told(instance: &str, calls: u32, load: Option<f64>) -> Told {
    let load = load.map_or_else(String::new, |load| format!("# TYPE load gauge\nload {load}\n"));
    Told {
        instance: instance.to_owned(),
        text: Some(format!("# TYPE calls counter\ncalls_total {calls}\n{load}# EOF\n")),
    }
}

async fn values(own: &OwnMetrics, selector: &str) -> Vec<(i64, f64)> {
    let read = own
        .read(&ReadRequest::selector(selector, 0, i64::MAX), &Call::default())
        .await
        .unwrap();
    let series = read.decoded().unwrap();
    assert_eq!(series.len(), 1, "{selector}");
    series[0].1.iter().collect()
}

#[tokio::test]
async fn what_processes_tell_becomes_series() {
    let clock = Arc::new(ManualClock::at(NOW));
    let own = OwnMetrics::new(SourceId("self".into()), clock.clone());
    for at in 0..4 {
        let load = (at < 2).then_some(f64::from(at));
        let storage = if at < 3 {
            told("storage:1", 5, None)
        } else {
            Told {
                instance: "storage:1".to_owned(),
                text: None,
            }
        };
        own.sample(clock.now_ms(), &[told("local", at as u32 * 10, load), storage]);
        clock.advance(STEP_MS);
    }
    let calls = values(&own, r#"calls_total{instance="local"}"#).await;
    assert_eq!(
        calls.iter().map(|(_, value)| *value).collect::<Vec<_>>(),
        [0.0, 10.0, 20.0, 30.0]
    );
    assert_eq!(calls[1].0, NOW + STEP_MS);
    let up = values(&own, r#"up{instance="storage:1"}"#).await;
    assert_eq!(
        up.iter().map(|(_, value)| *value).collect::<Vec<_>>(),
        [1.0, 1.0, 1.0, 0.0]
    );
    // What is no longer told has ended, once.
    let load = values(&own, "load").await;
    assert_eq!(load.len(), 3);
    assert!(sla_domain::is_stale(load[2].1));
    assert!(sla_domain::is_stale(
        values(&own, r#"calls_total{instance="storage:1"}"#).await[3].1
    ));

    let names = own.metric_names(100, &Call::default()).await.unwrap();
    let kinds: Vec<_> = names
        .families
        .iter()
        .map(|one| (one.name.as_str(), one.kind.as_deref()))
        .collect();
    let expected = [
        ("calls_total", Some("counter")),
        ("load", Some("gauge")),
        ("up", Some("gauge")),
    ];
    assert_eq!(kinds, expected);
}

#[tokio::test]
async fn a_day_is_kept_and_the_rest_forgotten() {
    let clock = Arc::new(ManualClock::at(NOW));
    let own = OwnMetrics::new(SourceId("self".into()), clock.clone());
    own.sample(clock.now_ms(), &[told("gone", 1, Some(1.0))]);
    let ticks = 2 * KEEP_MS / STEP_MS;
    for at in 0..ticks {
        clock.advance(STEP_MS);
        own.sample(clock.now_ms(), &[told("local", at as u32, None)]);
    }
    let calls = values(&own, r#"calls_total{instance="local"}"#).await;
    let day = (KEEP_MS / STEP_MS) as usize;
    assert!((day..day + 200).contains(&calls.len()), "{}", calls.len());
    assert!(
        calls.windows(2).all(|pair| pair[1].0 - pair[0].0 == STEP_MS),
        "no holes"
    );
    let fill = own.tape().cache.fill();
    assert_eq!(fill.series, 2, "what ended long ago is forgotten");
    // A clock that goes back adds nothing.
    own.sample(NOW, &[told("local", 0, None)]);
    assert_eq!(
        values(&own, r#"calls_total{instance="local"}"#).await.len(),
        calls.len()
    );
}

#[tokio::test]
async fn it_is_a_source_like_others() {
    let clock = Arc::new(ManualClock::at(NOW));
    let own = OwnMetrics::new(SourceId("self".into()), clock.clone());
    for at in 0..480 {
        let processes = ["a", "b", "c"].map(|name| told(name, at, Some(f64::from(at % 7))));
        own.sample(clock.now_ms(), &processes);
        clock.advance(STEP_MS);
    }
    let scene = crate::conformance::Scene {
        selector: "load".to_owned(),
        now_ms: clock.now_ms(),
        expressions: false,
    };
    crate::conformance::check(&own, &scene).await;
}
