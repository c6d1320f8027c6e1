//! The chart of one instance, read once the cursor rests on it: what it did, its limits, what is usual and what is expected.

use sla_domain::Unit;
use sla_proto::convert as time;
use sla_proto::objective::v1::AllowedRange;
use sla_proto::retrieval::v1::{GetChartRequest, GetChartResponse};
use sla_proto::series::v1::Series;
use sla_proto::violation::v1::Outlook;

use super::samples;
use super::usual::Usual;
use crate::context::remote::Remote;
use crate::context::request::{Answer, Reply, RequestId, Slot};
use crate::context::{Context, wire};
use crate::say;
use crate::screens::phase::{draw_phase, stale_words};
use crate::screens::trust;
use crate::widget::canvas::Canvas;
use crate::widget::chart::{Chart, Layer};

/// The chart follows the cursor once it has rested this long, milliseconds.
const REST_MS: i64 = 200;
/// It is read again at most this often while figures change, milliseconds.
const AGAIN_MS: i64 = 15_000;
/// From this width on a table has its chart beside it.
pub(crate) const BESIDE_MIN: u16 = 120;
/// A table beside its chart keeps at least as many columns as the smallest terminal has, and takes no more than these.
const TABLE_MIN: u16 = 80;
const TABLE_MAX: u16 = 100;

/// Columns of the table and of what stands beside it; nothing beside where that has no room.
pub(crate) fn split(width: u16) -> (u16, u16) {
    if width < BESIDE_MIN {
        return (width, 0);
    }
    let table = (width * 3 / 5).clamp(TABLE_MIN, TABLE_MAX);
    (table, width - table)
}

/// Whose answers a screen's chart takes: the samples', and those of what is usual.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Slots {
    pub(crate) chart: Slot,
    pub(crate) usual: Slot,
}

impl Slots {
    pub(crate) const NOW: Self = Self {
        chart: Slot::NowChart,
        usual: Slot::NowUsual,
    };
    pub(crate) const PAST: Self = Self {
        chart: Slot::PastChart,
        usual: Slot::PastUsual,
    };
    pub(crate) const FUTURE: Self = Self {
        chart: Slot::FutureChart,
        usual: Slot::FutureUsual,
    };
}

/// What is drawn of an instance beside its samples.
#[derive(Debug)]
pub(crate) struct Instance<'a> {
    pub(crate) series: &'a Series,
    pub(crate) range: &'a AllowedRange,
    pub(crate) unit: Unit,
    pub(crate) outlook: Option<&'a Outlook>,
    /// When it was violated, oldest first, Unix milliseconds.
    pub(crate) violated: Vec<(i64, i64)>,
}

/// The samples that are on screen, and of which series they are.
#[derive(Debug, Default)]
pub(crate) struct InstanceChart {
    chart: Remote<GetChartResponse>,
    of: Vec<u8>,
    /// How far back they reach, milliseconds.
    back_ms: i64,
    due_ms: Option<i64>,
    usual: Usual,
}

impl InstanceChart {
    /// The cursor has moved, or figures have changed.
    pub(crate) fn rest(&mut self, cx: &Context) {
        self.due_ms = Some(cx.now.mono_ms + REST_MS);
    }

    pub(crate) fn deadline_ms(&self) -> Option<i64> {
        self.due_ms
    }

    /// Reads `series` as far back as asked when the cursor has rested.
    pub(crate) fn tick(&mut self, cx: &mut Context, slots: Slots, series: Option<&Series>, back_ms: i64) {
        if self.due_ms.is_none_or(|at| at > cx.now.mono_ms) {
            return;
        }
        self.due_ms = None;
        if let Some(series) = series.filter(|series| !series.id.is_empty()) {
            self.read(cx, slots, series, back_ms);
        }
    }

    fn read(&mut self, cx: &mut Context, slots: Slots, series: &Series, back_ms: i64) {
        let same = series.id == self.of && back_ms == self.back_ms;
        let fresh = cx.now.wall_ms - self.chart.got_ms() < AGAIN_MS;
        if same && (self.chart.is_loading() || fresh) {
            return;
        }
        if !same {
            self.chart.clear();
        }
        let query = wire::series_query(series);
        let until = cx.data_now_ms();
        self.usual.read(cx, slots.usual, query.clone(), &series.id);
        let request = GetChartRequest {
            query: Some(query),
            series_id: series.id.clone(),
            after: Some(time::timestamp(until - back_ms)),
            until: Some(time::timestamp(until)),
            columns: u32::from(cx.size.0) * 2,
            counter_mode: 0,
        };
        self.of.clone_from(&series.id);
        self.back_ms = back_ms;
        let id = cx.call(slots.chart, request);
        self.chart.asked(id, cx.now.wall_ms);
    }

    /// Takes an answer of one of `slots`; false when it is none.
    pub(crate) fn reply(
        &mut self,
        cx: &Context,
        slots: Slots,
        slot: Slot,
        (id, result): (RequestId, Answer),
    ) -> Option<Answer> {
        if slot == slots.usual {
            self.usual.reply(id, result);
        } else if slot == slots.chart {
            self.chart.answer(id, result.and_then(Reply::take), cx.now.wall_ms);
        } else {
            return Some(result);
        }
        None
    }

    /// Why the samples on screen are old, in words.
    pub(crate) fn stale(&self, cx: &Context) -> Option<String> {
        stale_words(cx, &self.chart)
    }

    /// The usual range of a series at this hour and the days it is known from.
    pub(crate) fn usual_now(&self, cx: &Context, series: &Series) -> Option<(f64, f64, usize)> {
        self.usual.at(&series.id, cx.data_now_ms())
    }

    /// Draws the instance into all of `canvas`.
    pub(crate) fn draw(&self, cx: &Context, canvas: &mut Canvas<'_>, instance: &Instance<'_>) {
        // Between the cursor's move and its rest the samples are another's.
        if self.of != instance.series.id || !draw_phase(cx, &self.chart, canvas, say::detail::samples()) {
            return;
        }
        let Some(chart) = self.chart.get() else { return };
        let now = cx.data_now_ms();
        let until = wire::ms(chart.until.as_ref()).unwrap_or(now);
        let after = wire::ms(chart.after.as_ref()).unwrap_or(until - self.back_ms);
        let band = self.usual.band(&instance.series.id, after, now);
        let mut layers: Vec<Layer> = band.into_iter().collect();
        layers.extend(samples::bounds(instance.range, instance.unit));
        let fan = instance.outlook.map(samples::fan).unwrap_or_default();
        let horizon_ms = instance.outlook.map_or(0, |outlook| trust::horizon_ms(cx, outlook));
        // The past keeps half of the chart.
        let ahead = if fan.is_empty() {
            0
        } else {
            horizon_ms.min(self.back_ms)
        };
        layers.extend(fan);
        layers.push(samples::layer(chart, after, until));
        Chart {
            layers,
            now_ms: Some(now),
            stale_ms: samples::stale_from(cx, &self.chart, after, until),
            violated: instance.violated.clone(),
            unit: instance.unit,
            ..Chart::empty(after, until + ahead, cx.zone)
        }
        .draw(canvas);
    }
}
