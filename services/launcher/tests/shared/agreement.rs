//! Whether a stored result has the figures that one process finds about the same series at the same instant.

use sla_proto::Peer;
use sla_proto::etl::v1::AnalyzeSeriesRequest;
use sla_proto::result::v1::series_result::Outcome;
use sla_proto::result::v1::{SeriesResult, WindowStatistics};
use sla_proto::series::v1::{Query, query};

/// The stored form keeps eleven digits.
const STORED_PRECISION: f64 = 1e-10;

/// What was found, window by window.
pub(crate) fn windows(result: &SeriesResult) -> &[WindowStatistics] {
    match &result.outcome {
        Some(Outcome::Analysis(analysis)) => &analysis.windows,
        other => panic!("{other:?}"),
    }
}

/// Equal but for the digits that the stored form leaves out.
fn alike(stored: &WindowStatistics, computed: &WindowStatistics) -> bool {
    let figures = |w: &WindowStatistics| [w.mean, w.min, w.max, w.std, w.median, w.p95, w.p99];
    let counts = |w: &WindowStatistics| (w.window_ms, w.n, w.n_nan, w.spanned_ms);
    let near = |(a, b): (Option<f64>, Option<f64>)| match (a, b) {
        (Some(a), Some(b)) => (a - b).abs() <= STORED_PRECISION * a.abs().max(b.abs()),
        (a, b) => a == b,
    };
    counts(stored) == counts(computed) && figures(stored).into_iter().zip(figures(computed)).all(near)
}

/// Holds a result against what `alone` finds; gives how many windows were compared.
pub(crate) async fn compare(alone: &Peer, result: &SeriesResult) -> usize {
    let series = result.series.as_ref().unwrap();
    let name = series.labels.iter().find(|label| label.name == "__name__").unwrap();
    let request = AnalyzeSeriesRequest {
        query: Some(Query {
            query: Some(query::Query::Selector(name.value.clone())),
            ..Query::default()
        }),
        at: result.as_of,
        steps: vec!["statistics".to_owned()],
        series_id: series.id.clone(),
        ..AnalyzeSeriesRequest::default()
    };
    let mut answers = alone.analysis().analyze_series(request).await.unwrap().into_inner();
    let computed = answers.message().await.unwrap().unwrap().result.unwrap();
    let (ours, theirs) = (windows(result), windows(&computed));
    assert_eq!(ours.len(), theirs.len(), "{series:?}");
    for (stored, computed) in ours.iter().zip(theirs) {
        assert!(alike(stored, computed), "{series:?}: {stored:?} {computed:?}");
    }
    ours.len()
}
