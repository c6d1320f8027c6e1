//! A second series in a chart: kept by one key, and drawn over whatever chart is opened next.

use sla_domain::quantity;
use sla_proto::convert as time;
use sla_proto::retrieval::v1::{GetChartRequest, GetChartResponse};
use sla_proto::series::v1::Query;

use crate::context::remote::Remote;
use crate::context::request::{Answer, Reply, RequestId, Slot};
use crate::context::{Context, wire};
use crate::say;
use crate::screens::samples;
use crate::widget::chart::{Extent, Layer};

/// Which series is kept.
#[derive(Debug, Clone)]
pub(crate) struct Kept {
    pub(crate) query: Query,
    pub(crate) series_id: Vec<u8>,
    pub(crate) title: String,
}

/// Its samples over the range of the chart.
#[derive(Debug)]
pub(crate) struct Companion {
    of: Kept,
    chart: Remote<GetChartResponse>,
}

impl Companion {
    pub(crate) fn new(of: Kept) -> Self {
        Self {
            of,
            chart: Remote::default(),
        }
    }

    /// Reads (after, until], Unix milliseconds.
    pub(crate) fn read(&mut self, cx: &mut Context, (after, until): (i64, i64), columns: u32) {
        let request = GetChartRequest {
            query: Some(self.of.query.clone()),
            series_id: self.of.series_id.clone(),
            after: Some(time::timestamp(after)),
            until: Some(time::timestamp(until)),
            columns,
            counter_mode: 0,
        };
        let id = cx.call(Slot::DetailCompanion, request);
        self.chart.asked(id, cx.now.wall_ms);
    }

    pub(crate) fn reply(&mut self, cx: &Context, id: RequestId, result: Answer) {
        self.chart.answer(id, result.and_then(Reply::take), cx.now.wall_ms);
    }

    /// Drawn on the axis of a chart with `unit`, or on one of its own where it is measured in something else.
    pub(crate) fn layer(&self, unit: sla_domain::Unit) -> Option<Layer> {
        let chart = self.chart.get()?;
        let (after, until) = (wire::ms(chart.after.as_ref())?, wire::ms(chart.until.as_ref())?);
        let Layer::Samples { extents, gap_ms } = samples::layer(chart, after, until) else {
            return None;
        };
        let own_unit = wire::query_unit(Some(&self.of.query), true).rated(chart.rate);
        let values = |pick: fn(&Extent) -> f64| extents.iter().map(pick).filter(|v| v.is_finite());
        let low = values(|e| e.min).reduce(f64::min)?;
        let high = values(|e| e.max).reduce(f64::max)?;
        let shares = own_unit == unit;
        let label = if shares {
            self.of.title.clone()
        } else {
            let (low, high) = (quantity::short(low, own_unit), quantity::short(high, own_unit));
            say::metrics::to_on_an_axis(&self.of.title, &low, &high)
        };
        // A series that never moves lies in the middle of its axis.
        let air = if high > low { 0.0 } else { high.abs().max(1.0) };
        Some(Layer::Companion {
            extents,
            gap_ms,
            own: (!shares).then_some((low - air, high + air)),
            unit: own_unit,
            label,
        })
    }
}
