//! Everything about one series: chart, statistics, shape, forecast, timings.

use sla_domain::Unit;
use sla_proto::convert as time;
use sla_proto::result::v1::{Analysis, SeriesResult, series_result::Outcome};
use sla_proto::retrieval::v1::{
    ExportSamplesRequest, GetChartRequest, GetChartResponse, GetSeriesDetailRequest, GetSeriesDetailResponse,
};
use sla_proto::series::v1::Query;
use sla_proto::violation::v1::Outlook;

use super::companion::{Companion, Kept};
use super::tried::Tried;
use crate::command::Cmd;
use crate::context::remote::Remote;
use crate::context::request::{Answer, Effect, Reply, RequestId, Slot};
use crate::context::{Context, wire};
use crate::overlay::{Overlay, Pick, PickKind};
use crate::say;
use crate::screens::usual::Usual;
use crate::screens::{samples, trust};
use crate::theme::Role;
use crate::widget::chart::{Chart, Layer};

/// Columns asked for: two dots a column of the widest chart drawn.
const CHART_COLUMNS_MAX: u32 = 2_000;
/// How far the chart may be zoomed, milliseconds.
const SPAN_MIN_MS: i64 = 60_000;
const SPAN_MAX_MS: i64 = 30 * 86_400_000;
/// The chart is read again at most this often while figures change, milliseconds.
const REFRESH_MS: i64 = 5_000;

/// The pages of the detail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Page {
    Chart,
    Statistics,
    Shape,
    Forecast,
    Timings,
}

impl Page {
    pub(crate) const ALL: [Self; 5] = [
        Self::Chart,
        Self::Statistics,
        Self::Shape,
        Self::Forecast,
        Self::Timings,
    ];

    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Chart => say::detail::chart(),
            Self::Statistics => say::detail::statistics(),
            Self::Shape => say::detail::shape(),
            Self::Forecast => say::detail::forecast(),
            Self::Timings => say::detail::timings(),
        }
    }
}

/// One series.
#[derive(Debug)]
pub(crate) struct Detail {
    pub(crate) query: Query,
    pub(crate) series_id: Vec<u8>,
    pub(crate) title: String,
    pub(crate) page: Page,
    pub(crate) span_ms: i64,
    /// The end of the range drawn; `None` follows the present.
    pub(crate) until_ms: Option<i64>,
    pub(crate) cursor_ms: Option<i64>,
    pub(crate) chart: Remote<GetChartResponse>,
    pub(crate) result: Remote<GetSeriesDetailResponse>,
    /// Starts and ends of its violations, oldest first.
    pub(super) past: Remote<Vec<(i64, Option<i64>)>>,
    pub(super) usual: Usual,
    /// What a bound that is being moved would have meant.
    pub(super) tried: Tried,
    log: bool,
    /// Another series that is drawn, too.
    pub(super) companion: Option<Companion>,
    asked_ms: i64,
    export_path: String,
}

impl Detail {
    pub(crate) fn new(query: Query, series_id: Vec<u8>, title: String, span_ms: i64) -> Self {
        Self {
            query,
            series_id,
            title,
            page: Page::Chart,
            span_ms,
            until_ms: None,
            cursor_ms: None,
            chart: Remote::default(),
            result: Remote::default(),
            past: Remote::default(),
            usual: Usual::default(),
            tried: Tried::default(),
            log: false,
            companion: None,
            asked_ms: i64::MIN / 2,
            export_path: String::new(),
        }
    }

    /// The series, to be drawn in another chart.
    pub(super) fn kept(&self) -> Kept {
        Kept {
            query: self.query.clone(),
            series_id: self.series_id.clone(),
            title: self.title.clone(),
        }
    }

    /// Shows a moment in the middle, with the crosshair on it.
    pub(crate) fn go_to(&mut self, at_ms: Option<i64>) {
        self.until_ms = at_ms.map(|at| at + self.span_ms / 2);
        self.cursor_ms = at_ms;
    }

    /// The range of samples drawn, (after, until].
    pub(super) fn range(&self, cx: &Context) -> (i64, i64) {
        let until = self.until_ms.unwrap_or_else(|| cx.data_now_ms()).min(cx.data_now_ms());
        (until - self.span_ms, until)
    }

    pub(crate) fn refresh(&mut self, cx: &mut Context) {
        self.read_chart(cx);
        self.read_past(cx);
        self.usual
            .read(cx, Slot::DetailUsual, self.query.clone(), &self.series_id);
        let request = GetSeriesDetailRequest {
            query: Some(self.query.clone()),
            series_id: self.series_id.clone(),
            at: None,
        };
        let id = cx.call(Slot::Detail, request);
        self.result.asked(id, cx.now.wall_ms);
    }

    pub(super) fn read_chart(&mut self, cx: &mut Context) {
        self.asked_ms = cx.now.mono_ms;
        let (after, until) = self.range(cx);
        let columns = (u32::from(cx.size.0) * 2).clamp(80, CHART_COLUMNS_MAX);
        if let Some(companion) = &mut self.companion {
            companion.read(cx, (after, until), columns);
        }
        let request = GetChartRequest {
            query: Some(self.query.clone()),
            series_id: self.series_id.clone(),
            after: Some(time::timestamp(after)),
            until: Some(time::timestamp(until)),
            columns,
            counter_mode: 0,
        };
        let id = cx.call(Slot::DetailChart, request);
        self.chart.asked(id, cx.now.wall_ms);
    }

    pub(crate) fn window_changed(&mut self, cx: &mut Context) {
        self.span_ms = cx.window_ms();
        self.read_chart(cx);
    }

    pub(crate) fn resized(&mut self, cx: &mut Context) {
        if self.chart.get().is_some() {
            self.read_chart(cx);
        }
    }

    /// When something here moves by itself, monotonic milliseconds.
    pub(super) fn deadline_ms(&self) -> Option<i64> {
        self.tried.ask_at_ms
    }

    pub(crate) fn figures_changed(&mut self, cx: &mut Context) {
        self.try_again(cx);
        if self.until_ms.is_none() && !self.chart.is_loading() && cx.now.mono_ms - self.asked_ms >= REFRESH_MS {
            self.read_chart(cx);
        }
    }

    pub(crate) fn shows_chart(&self) -> bool {
        self.page == Page::Chart
    }

    fn turn(&mut self, by: isize) {
        let at = Page::ALL.iter().position(|p| *p == self.page).unwrap_or(0) as isize;
        self.page = Page::ALL[(at + by).rem_euclid(Page::ALL.len() as isize) as usize];
    }

    pub(super) fn set_span(&mut self, span_ms: i64) {
        self.span_ms = span_ms.clamp(SPAN_MIN_MS, SPAN_MAX_MS);
    }

    /// Zooms around the crosshair, or around the newest end.
    fn zoom(&mut self, cx: &mut Context, span_ms: i64) {
        let span = span_ms.clamp(SPAN_MIN_MS, SPAN_MAX_MS);
        if let Some(cursor) = self.cursor_ms {
            let until = cursor + span / 2;
            self.until_ms = (until < cx.data_now_ms()).then_some(until);
        }
        self.span_ms = span;
        self.read_chart(cx);
    }

    fn pan(&mut self, cx: &mut Context, by_ms: i64) {
        let (_, until) = self.range(cx);
        let moved = until + by_ms;
        self.until_ms = (moved < cx.data_now_ms()).then_some(moved);
        self.read_chart(cx);
    }

    fn move_cursor(&mut self, cx: &Context, by: i64) {
        let (after, until) = self.range(cx);
        // One step is one drawn column of an 80 column terminal, or one on a wider one.
        let step = (self.span_ms / i64::from(cx.size.0.max(40) - 10)).max(1_000);
        let from = self.cursor_ms.filter(|c| *c > after && *c <= until).unwrap_or(until);
        self.cursor_ms = Some((from + by * step).clamp(after + 1, until));
    }

    pub(crate) fn command(&mut self, cx: &mut Context, cmd: Cmd, argument: Option<&str>) -> bool {
        match cmd {
            Cmd::DetailNext | Cmd::Open => self.turn(1),
            Cmd::DetailPrevious => self.turn(-1),
            Cmd::ZoomIn => self.zoom(cx, self.span_ms / 2),
            Cmd::ZoomOut => self.zoom(cx, self.span_ms.saturating_mul(2)),
            Cmd::PanLeft => self.pan(cx, -self.span_ms / 2),
            Cmd::PanRight => self.pan(cx, self.span_ms / 2),
            Cmd::CursorLeft => self.move_cursor(cx, -1),
            Cmd::CursorRight => self.move_cursor(cx, 1),
            Cmd::LogScale => self.log = !self.log,
            Cmd::EarlierViolation => self.next_violation(cx, false),
            Cmd::LaterViolation => self.next_violation(cx, true),
            Cmd::Range => {
                if let Some(text) = argument {
                    self.go_to_text(cx, text);
                } else {
                    let pick = Pick::new(say::detail::time_range(), PickKind::Run(cmd), self.ranges(cx));
                    cx.overlay = Some(Overlay::Pick(pick));
                }
            }
            Cmd::Export => {
                argument.unwrap_or("sla-samples.csv").clone_into(&mut self.export_path);
                let (after, until) = self.range(cx);
                let request = ExportSamplesRequest {
                    query: Some(self.query.clone()),
                    series_id: self.series_id.clone(),
                    after: Some(time::timestamp(after)),
                    until: Some(time::timestamp(until)),
                };
                cx.call(Slot::Export, request);
            }
            // Lists have these; here they do nothing.
            Cmd::Up | Cmd::Down | Cmd::PageUp | Cmd::PageDown | Cmd::Top | Cmd::Bottom => {}
            _ => return false,
        }
        true
    }

    pub(crate) fn reply(&mut self, cx: &mut Context, slot: Slot, id: RequestId, result: &Answer) {
        let now_ms = cx.now.wall_ms;
        match (slot, result) {
            (Slot::DetailCompanion, _) => {
                if let Some(companion) = &mut self.companion {
                    companion.reply(cx, id, result.clone());
                }
            }
            (Slot::DetailTried | Slot::DetailTriedAll, _) => self.tried.reply(slot, id, result.clone(), now_ms),
            (Slot::DetailUsual, _) => self.usual.reply(id, result.clone()),
            (Slot::DetailLedger, _) => self.past_told(cx, id, result.clone()),
            (Slot::DetailChart, Ok(Reply::Chart(chart))) => {
                self.chart.answer(id, Ok((**chart).clone()), now_ms);
            }
            (Slot::DetailChart, Err(problem)) => {
                self.chart.answer(id, Err(problem.clone()), now_ms);
            }
            (Slot::Detail, Ok(Reply::Detail(detail))) => {
                self.result.answer(id, Ok((**detail).clone()), now_ms);
            }
            (Slot::Detail, Err(problem)) => {
                self.result.answer(id, Err(problem.clone()), now_ms);
            }
            (Slot::Export, Ok(Reply::Export(samples))) if !self.export_path.is_empty() => {
                let path = std::mem::take(&mut self.export_path);
                let text = super::export::samples(samples, crate::format::is_csv(&path));
                cx.effect(Effect::WriteFile { path, text });
            }
            (Slot::Export, Err(problem)) if !self.export_path.is_empty() => {
                self.export_path.clear();
                cx.complain(problem.sentence());
            }
            _ => {}
        }
    }

    /// What was drawn, and from what.
    pub(super) fn provenance(&self, cx: &Context) -> Vec<String> {
        let now = cx.data_now_ms();
        let (after, until) = self.range(cx);
        let mut lines = vec![say::detail::drawn_to(
            &cx.zone.moment(after, now),
            &cx.zone.moment(until, now),
        )];
        if let Some(chart) = self.chart.get() {
            let of = if chart.rate {
                say::detail::per_second_rate_resets()
            } else {
                say::detail::raw_values()
            };
            lines.push(say::detail::query(&chart.promql));
            lines.push(say::detail::samples_of_apart_each(
                &chart.samples,
                &of,
                &crate::format::duration(chart.spacing_ms),
            ));
        }
        if let Some(result) = self.seasonal_result() {
            let at = wire::ms(result.as_of.as_ref()).map_or_else(String::new, |t| cx.zone.moment(t, now));
            lines.push(say::detail::analysis_computed_now_as(&at));
        }
        let stored = self.result.get().and_then(|r| r.stored.as_ref());
        if let Some(at) = stored.and_then(|s| wire::ms(s.as_of.as_ref())) {
            lines.push(say::detail::last_run_stored_a(&cx.zone.moment(at, now)));
        }
        lines
    }

    pub(crate) fn seasonal_result(&self) -> Option<&SeriesResult> {
        self.result.get().and_then(|r| r.result.as_ref())
    }

    /// What was computed, or why not.
    pub(crate) fn analysis(&self) -> Result<&Analysis, String> {
        match self.seasonal_result().and_then(|r| r.outcome.as_ref()) {
            Some(Outcome::Analysis(analysis)) => Ok(analysis),
            Some(Outcome::Failure(failure)) => Err(failure.message.clone()),
            None => Err(String::new()),
        }
    }

    /// What its values are measured in, or those of its per-second rate.
    pub(crate) fn unit(&self, rate: bool) -> Unit {
        wire::query_unit(Some(&self.query), true).rated(rate)
    }

    /// The chart with everything that is known drawn over it.
    pub(crate) fn build_chart(&self, cx: &Context) -> Chart {
        let now = cx.data_now_ms();
        let mut layers = Vec::new();
        let (mut after, mut until) = self.range(cx);
        let drawn = self.chart.get();
        if let Some(chart) = drawn {
            after = wire::ms(chart.after.as_ref()).unwrap_or(after);
            until = wire::ms(chart.until.as_ref()).unwrap_or(until);
        }
        let samples_until = until;
        layers.extend(self.usual.band(&self.series_id, after, until));
        let unit = self.unit(drawn.is_some_and(|chart| chart.rate));
        let tried = cx.trial.as_ref().and_then(|trial| trial.objective.range);
        if let Some(range) = tried.or_else(|| cx.agreed.get(&self.series_id).map(|agreed| agreed.range)) {
            let bound = |value: Option<f64>, word: &str| {
                value.map(|value| Layer::Bound {
                    value,
                    label: format!("{word} {}", crate::format::number(value, unit)),
                })
            };
            layers.extend(bound(range.min, "min"));
            layers.extend(bound(range.max, "max"));
            layers.extend(bound(range.warn_below, say::detail::warn_below()));
            layers.extend(bound(range.warn_above, say::detail::warn_above()));
        }
        if self.until_ms.is_none() {
            let future = self.future_layers(cx);
            if !future.is_empty() {
                // The horizon is drawn to scale, but never wider than a third.
                let outlook = self.outlook(cx);
                let horizon_ms = outlook.map_or_else(|| cx.horizon_ms(), |outlook| trust::horizon_ms(cx, outlook));
                until += horizon_ms.min(self.span_ms / 2);
                layers.extend(future);
            }
        }
        layers.extend(self.companion.as_ref().and_then(|companion| companion.layer(unit)));
        if let Some(chart) = drawn {
            layers.push(samples::layer(chart, after, samples_until));
        }
        Chart {
            layers,
            now_ms: (now <= until).then_some(now),
            cursor_ms: self.cursor_ms,
            stale_ms: samples::stale_from(cx, &self.chart, after, samples_until),
            violated: self.tried_spans(cx).unwrap_or_else(|| self.violated(cx)),
            unit,
            log: self.log,
            ..Chart::empty(after, until, cx.zone)
        }
    }

    fn outlook<'a>(&self, cx: &'a Context) -> Option<&'a Outlook> {
        let (_, series) = cx.status_of(&self.series_id)?;
        series.outlook.as_ref()
    }

    /// The fan of the pool where there is one, else the classic forecast.
    fn future_layers(&self, cx: &Context) -> Vec<Layer> {
        if let Some(layers) = self.outlook(cx).map(samples::fan).filter(|layers| !layers.is_empty()) {
            return layers;
        }
        let Some(forecast) = self.analysis().ok().and_then(|a| a.forecast.as_ref()) else {
            return Vec::new();
        };
        let mut layers = Vec::new();
        if let Some(mean) = &forecast.mean {
            let points = mean
                .points
                .iter()
                .filter_map(|p| wire::ms(p.time.as_ref()).map(|t| (t, p.low, p.high)));
            layers.push(Layer::Band {
                points: points.collect(),
                role: Role::Band95,
            });
        }
        for (line, role) in [
            (&forecast.min, Role::Band50),
            (&forecast.max, Role::Band50),
            (&forecast.mean, Role::Accent),
        ] {
            if let Some(line) = line {
                let points = line
                    .points
                    .iter()
                    .filter_map(|p| wire::ms(p.time.as_ref()).map(|t| (t, p.value)));
                layers.push(Layer::Line {
                    points: points.collect(),
                    role,
                });
            }
        }
        layers
    }
}
