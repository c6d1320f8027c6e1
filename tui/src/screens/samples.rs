//! The samples of a chart answer, as they are drawn.

use sla_proto::retrieval::v1::GetChartResponse;

use crate::widget::chart::{Extent, Layer};

/// The samples of (after, until], Unix milliseconds.
pub(crate) fn layer(chart: &GetChartResponse, after: i64, until: i64) -> Layer {
    Layer::Samples {
        extents: extents(chart, after, until),
        gap_ms: gap_ms(chart, after, until),
    }
}

/// The drawn columns of a chart answer.
fn extents(chart: &GetChartResponse, after: i64, until: i64) -> Vec<Extent> {
    let count = chart.columns.len().max(1) as i64;
    let column = |(at, c): (usize, &sla_proto::retrieval::v1::Column)| {
        let (min, max) = c.min.zip(c.max)?;
        let time_ms = after + (until - after) * (2 * at as i64 + 1) / (2 * count);
        Some(Extent {
            time_ms,
            min,
            max,
            last: c.last.unwrap_or(max),
        })
    };
    chart.columns.iter().enumerate().filter_map(column).collect()
}

/// Samples further apart than twice their usual spacing are not joined; a drawn column may itself be wider.
fn gap_ms(chart: &GetChartResponse, after: i64, until: i64) -> i64 {
    let column = (until - after) / (chart.columns.len().max(1) as i64);
    (chart.spacing_ms.max(1) * 2).max(column * 3 / 2) + column
}
