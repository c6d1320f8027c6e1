//! The samples of a chart answer, as they are drawn.

use sla_domain::Unit;
use sla_proto::convert as time;
use sla_proto::objective::v1::AllowedRange;
use sla_proto::retrieval::v1::GetChartResponse;
use sla_proto::violation::v1::{FanPoint, Outlook};

use crate::context::remote::{Phase, Remote};
use crate::context::{Connection, Context};
use crate::format::number;
use crate::theme::Role;
use crate::widget::chart::{Extent, Layer};

/// The samples of (after, until], Unix milliseconds.
pub(crate) fn layer(chart: &GetChartResponse, after: i64, until: i64) -> Layer {
    Layer::Samples {
        extents: extents(chart, after, until),
        gap_ms: gap_ms(chart, after, until),
    }
}

/// The bounds of a range.
pub(crate) fn bounds(range: &AllowedRange, unit: Unit) -> Vec<Layer> {
    let bound = |value: Option<f64>, word: &str| {
        value.map(|value| Layer::Bound {
            value,
            label: format!("{word} {}", number(value, unit)),
        })
    };
    [bound(range.min, "min"), bound(range.max, "max")]
        .into_iter()
        .flatten()
        .collect()
}

/// From when on samples are missing because reading them fails, Unix milliseconds; `None` while they come.
pub(crate) fn stale_from(cx: &Context, read: &Remote<GetChartResponse>, after: i64, until: i64) -> Option<i64> {
    let away = cx.source().is_some_and(|source| !source.problem.is_empty()) || cx.connection != Connection::Connected;
    if !away && !matches!(read.phase(), Phase::Stale(_)) {
        return None;
    }
    let columns = &read.get()?.columns;
    let newest = columns.iter().rposition(|column| column.min.is_some());
    let seen = newest.map_or(0, |at| at as i64 + 1);
    Some(after + (until - after) * seen / (columns.len().max(1) as i64))
}

/// The fan of an outlook, widest band first; nothing when it has none.
pub(crate) fn fan(outlook: &Outlook) -> Vec<Layer> {
    let at = |point: &FanPoint| point.time.as_ref().map(time::millis);
    let points = &outlook.fan;
    if points.is_empty() {
        return Vec::new();
    }
    let band = |role, pick: fn(&FanPoint) -> (f64, f64)| Layer::Band {
        points: points
            .iter()
            .filter_map(|p| at(p).map(|t| (t, pick(p).0, pick(p).1)))
            .collect(),
        role,
    };
    vec![
        band(Role::Band95, |p| (p.low_95, p.high_95)),
        band(Role::Band80, |p| (p.low_80, p.high_80)),
        band(Role::Band50, |p| (p.low_50, p.high_50)),
        Layer::Line {
            points: points.iter().filter_map(|p| at(p).map(|t| (t, p.median))).collect(),
            role: Role::Accent,
        },
    ]
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
            median: c.median.or(c.last).unwrap_or(max),
        })
    };
    chart.columns.iter().enumerate().filter_map(column).collect()
}

/// Samples further apart than twice their usual spacing are not joined; a drawn column may itself be wider.
fn gap_ms(chart: &GetChartResponse, after: i64, until: i64) -> i64 {
    let column = (until - after) / (chart.columns.len().max(1) as i64);
    (chart.spacing_ms.max(1) * 2).max(column * 3 / 2) + column
}
