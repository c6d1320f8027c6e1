//! Drawing one series.

use sla_domain::{Unit, quantity};
use sla_proto::result::v1::{Analysis, ForecastLine, WindowStatistics};
use std::fmt::Write as _;

use super::detail::{Detail, Page};
use crate::context::Context;
use crate::context::wire::{self, Mark};
use crate::format::{duration, maybe, maybe_in, millis, number};
use crate::say;
use crate::screens::phase::{draw_phase, stale_words};
use crate::screens::trust;
use crate::theme::Role;
use crate::widget::bars;
use crate::widget::canvas::{Align, Canvas};
use crate::widget::wrap::wrap;

/// Rows of figures below the chart.
const FIGURES_ROWS: u16 = 4;
/// p below which a difference counts.
const SIGNIFICANT_P: f64 = 0.05;

impl Detail {
    pub(crate) fn draw(&self, cx: &Context, canvas: &mut Canvas<'_>) {
        let width = canvas.width();
        let mut x = 1;
        for page in Page::ALL {
            let role = if page == self.page { Role::TabActive } else { Role::Tab };
            x = canvas.text(x, 0, &format!(" {} ", page.title()), role) + 1;
        }
        if x + 12 < width {
            canvas.field(x + 1, 0, width - x - 2, &self.title, Align::Left, Role::Strong);
            self.link_title(cx, canvas, x + 1, width - x - 2);
        }
        let height = canvas.height();
        let mut body = canvas.rows(1, height.saturating_sub(1));
        match self.page {
            Page::Chart => self.draw_chart_page(cx, &mut body),
            page => {
                if !draw_phase(cx, &self.result, &mut body, say::detail::analysis()) {
                    return;
                }
                match self.analysis() {
                    Err(why) => {
                        body.field(1, 1, width, &say::detail::not_computed(&why), Align::Left, Role::NoData);
                    }
                    Ok(analysis) => match page {
                        Page::Statistics => draw_statistics(analysis, self.unit(false), &mut body),
                        Page::Shape => draw_shape(analysis, self.unit(analysis.rate.is_some()), &mut body),
                        Page::Forecast => draw_forecast(cx, (analysis, self), &mut body),
                        Page::Timings | Page::Chart => self.draw_timings(&mut body),
                    },
                }
            }
        }
    }

    fn draw_chart_page(&self, cx: &Context, canvas: &mut Canvas<'_>) {
        let (width, height) = (canvas.width(), canvas.height());
        let plot = height.saturating_sub(FIGURES_ROWS);
        let chart = self.build_chart(cx);
        let mut area = canvas.rows(0, plot);
        if draw_phase(cx, &self.chart, &mut area, say::detail::samples()) {
            chart.draw(&mut area);
        }
        let mut lines: Vec<(Role, String)> = Vec::new();
        if let Some(stale) = stale_words(cx, &self.chart) {
            lines.push((Role::Error, stale));
        }
        if let Some(cursor) = self.cursor_ms {
            lines.push((Role::Accent, chart.reading(cursor, cx.data_now_ms())));
        }
        if let Some(trial) = &cx.trial {
            lines.extend(self.trial_words(cx, trial));
        } else {
            lines.push((Role::Text, self.state_words(cx)));
            lines.push((Role::Text, self.figures_words(cx)));
        }
        lines.push((Role::Dim, self.reading_words(cx)));
        for (y, (role, text)) in lines
            .iter()
            .filter(|l| !l.1.is_empty())
            .take(usize::from(FIGURES_ROWS))
            .enumerate()
        {
            canvas.field(1, plot + y as u16, width.saturating_sub(2), text, Align::Left, *role);
        }
    }

    /// The chart alone with two lines of words: beside or below the table.
    pub(crate) fn draw_preview(&self, cx: &Context, canvas: &mut Canvas<'_>) {
        let (width, height) = (canvas.width(), canvas.height());
        canvas.run(0, 0, width, '─', Role::Border);
        canvas.field(
            2,
            0,
            width.saturating_sub(4),
            &format!(" {} ", self.title),
            Align::Left,
            Role::Strong,
        );
        self.link_title(cx, canvas, 3, width.saturating_sub(6));
        let words = [self.state_words(cx), self.figures_words(cx), self.shape_words()];
        let mut y = 1;
        for line in words
            .iter()
            .filter(|l| !l.is_empty())
            .flat_map(|l| wrap(l, usize::from(width.saturating_sub(2))))
            .take(4)
        {
            canvas.text(1, y, &line, Role::Text);
            y += 1;
        }
        let mut area = canvas.rows(y, height.saturating_sub(y));
        if draw_phase(cx, &self.chart, &mut area, say::detail::samples()) {
            self.build_chart(cx).draw(&mut area);
        }
    }

    /// The title leads to the server's own graph.
    fn link_title(&self, cx: &Context, canvas: &mut Canvas<'_>, x: u16, room: u16) {
        if let Some(address) = cx.graph(&self.shown_query(cx)) {
            let width = unicode_width::UnicodeWidthStr::width(self.title.as_str()) as u16;
            canvas.link(x, 0, width.min(room), &address);
        }
    }

    fn state_words(&self, cx: &Context) -> String {
        let Some((objective, series)) = cx.status_of(&self.series_id) else {
            return say::detail::no_agreement_about_this().to_owned();
        };
        let state = wire::State::of(series.state());
        let unit = self.unit(series.rate);
        let range = wire::range_text(objective.objective.as_ref().and_then(|o| o.range.as_ref()), unit);
        let mark = Mark::of(state, series.outlook.as_ref());
        let mut out = format!("{} {} {range}", mark.glyph(), mark.word());
        if let Some(open) = &series.open {
            let since = wire::ms(open.start.as_ref()).map_or_else(String::new, |t| cx.zone.clock(t));
            let _ = write!(
                out,
                "{}",
                say::detail::since_worst(&since, &duration(open.duration_ms), &number(open.worst, unit))
            );
        } else if !series.why.is_empty() {
            out = format!(
                "{} {range}: {}",
                mark.glyph(),
                wire::with_reason(mark.word(), &series.why)
            );
        }
        let told = !series.why.is_empty() && series.open.is_none();
        if let Some(outlook) = series.outlook.as_ref().filter(|_| !told)
            && let Some(p) = trust::probability(outlook)
        {
            let horizon = duration(trust::horizon_ms(cx, outlook));
            let _ = write!(out, "{}", say::detail::next_outside(&horizon, &p));
        }
        out
    }

    fn figures_words(&self, cx: &Context) -> String {
        let Ok(analysis) = self.analysis() else {
            return String::new();
        };
        let windows = figures(analysis).1;
        let unit = self.unit(analysis.rate.is_some());
        let Some(window) = windows
            .iter()
            .find(|w| w.window_ms == cx.window_ms())
            .or(windows.last())
        else {
            return String::new();
        };
        let history = if window.spanned_ms < window.window_ms / 10 * 9 {
            say::detail::only_of_history(&duration(window.spanned_ms))
        } else {
            String::new()
        };
        say::detail::min_mean_max_std(
            &duration(window.window_ms),
            &maybe(window.min, unit),
            &maybe(window.mean, unit),
            &maybe(window.max, unit),
            &maybe(window.std, unit),
            &maybe(window.p95, unit),
            &window.n,
            &history,
        )
    }

    fn shape_words(&self) -> String {
        let Some(metadata) = self.analysis().ok().and_then(|a| a.metadata.as_ref()) else {
            return String::new();
        };
        let stationary = metadata.stationarity.as_ref().map_or_else(String::new, |t| {
            say::detail::stationary_p(
                &(if t.stationary {
                    say::detail::yes()
                } else {
                    say::detail::no()
                }),
                &format_args!("{:.2}", t.p_value),
            )
        });
        let season = metadata
            .seasonality
            .as_ref()
            .map_or_else(String::new, |s| match s.period_ms {
                0 => say::detail::season_none().to_owned(),
                period => say::detail::season_strength(&duration(period), &format_args!("{:.2}", s.strength)),
            });
        format!("{stationary}{season}")
    }

    fn reading_words(&self, cx: &Context) -> String {
        let Some(chart) = self.chart.get() else {
            return String::new();
        };
        let rate = if chart.rate { say::detail::per_second_rate() } else { "" };
        let until = wire::ms(chart.until.as_ref()).map_or_else(String::new, |t| cx.zone.clock(t));
        say::detail::spacing_samples_as_of(
            &rate,
            &duration(chart.spacing_ms),
            &chart.samples,
            &until,
            &chart.promql,
        )
    }

    fn draw_timings(&self, canvas: &mut Canvas<'_>) {
        canvas.text(1, 0, say::detail::step_window_time(), Role::Dim);
        let timings = self.seasonal_result().map(|r| r.timings.as_slice()).unwrap_or_default();
        for (y, timing) in timings.iter().enumerate() {
            let y = y as u16 + 1;
            canvas.field(1, y, 14, &timing.step, Align::Left, Role::Text);
            let window = if timing.window_ms == 0 {
                "-".to_owned()
            } else {
                duration(timing.window_ms)
            };
            canvas.field(17, y, 8, &window, Align::Left, Role::Text);
            canvas.field(25, y, 10, &millis(timing.ms), Align::Right, Role::Text);
        }
        if timings.is_empty() {
            canvas.text(1, 1, say::detail::no_timings_were_told(), Role::Dim);
        }
    }
}

/// Statistics shown: of the rate for counters, else of the raw values. The word says which.
fn figures(analysis: &Analysis) -> (&'static str, &[WindowStatistics]) {
    match &analysis.rate {
        Some(rate) if !rate.windows.is_empty() => (say::detail::per_second_rate_2(), &rate.windows),
        _ => (say::detail::raw_values(), &analysis.windows),
    }
}

fn draw_statistics(analysis: &Analysis, unit: Unit, canvas: &mut Canvas<'_>) {
    let mut y = 0;
    let mut table = |title: &str, windows: &[WindowStatistics], unit: Unit| {
        canvas.text(1, y, title, Role::Title);
        canvas.text(1, y + 1, say::detail::window_n_nan_min(), Role::Dim);
        y += 2;
        for w in windows {
            canvas.field(1, y, 6, &duration(w.window_ms), Align::Left, Role::Strong);
            canvas.field(8, y, 7, &w.n.to_string(), Align::Right, Role::Text);
            canvas.field(16, y, 4, &w.n_nan.to_string(), Align::Right, Role::Text);
            for (at, value) in [w.min, w.mean, w.max, w.std, w.median, w.p95, w.p99]
                .into_iter()
                .enumerate()
            {
                canvas.field(
                    21 + at as u16 * 8,
                    y,
                    7,
                    &maybe_in(value, unit, 7),
                    Align::Right,
                    Role::Text,
                );
            }
            if w.spanned_ms < w.window_ms / 10 * 9 {
                canvas.text(
                    1,
                    y + 1,
                    &say::detail::only_of_history_2(&duration(w.spanned_ms)),
                    Role::AtRisk,
                );
                y += 1;
            }
            y += 1;
        }
        y += 1;
    };
    if let Some(rate) = &analysis.rate {
        table(
            &say::detail::per_second_rate_over(&duration(rate.over_ms)),
            &rate.windows,
            unit.rated(true),
        );
    }
    table(say::detail::raw_values(), &analysis.windows, unit);
}

fn draw_shape(analysis: &Analysis, unit: Unit, canvas: &mut Canvas<'_>) {
    let (width, height) = (canvas.width(), canvas.height());
    let Some(metadata) = &analysis.metadata else {
        canvas.text(1, 0, say::detail::metadata_were_not_computed(), Role::Dim);
        return;
    };
    let mut y = 0;
    let mut say = |canvas: &mut Canvas<'_>, text: &str, role: Role| {
        for line in wrap(text, usize::from(width.saturating_sub(2))) {
            canvas.text(1, y, &line, role);
            y += 1;
        }
    };
    let of = if metadata.of_rate {
        say::detail::of_the_per_second()
    } else {
        ""
    };
    say(
        canvas,
        &say::detail::judged_on_samples_in(&metadata.n, &duration(metadata.window_ms), &of),
        Role::Dim,
    );
    if let Some(t) = &metadata.stationarity {
        let words = if t.p_value < SIGNIFICANT_P {
            say::detail::stationary_it_returns_to()
        } else {
            say::detail::not_stationary_it_may()
        };
        say(canvas, words, Role::Strong);
        say(
            canvas,
            &say::detail::augmented_dickey_fuller_p(
                &format_args!("{:.2}", t.statistic),
                &format_args!("{:.3}", t.p_value),
                &t.used_lag,
                &t.nobs,
                &format_args!("{:.2}", t.critical_1),
                &format_args!("{:.2}", t.critical_5),
                &format_args!("{:.2}", t.critical_10),
            ),
            Role::Text,
        );
    }
    let season = metadata.seasonality.as_ref();
    if let Some(s) = season {
        let words = match s.period_ms {
            0 => say::detail::no_season_was_found().to_owned(),
            period => {
                let others: Vec<String> = s.other_periods_ms.iter().map(|p| duration(*p)).collect();
                let also = if others.is_empty() {
                    String::new()
                } else {
                    say::detail::also(&others.join(", "))
                };
                say::detail::season_of_strength(&duration(period), &format_args!("{:.2}", s.strength), &also)
            }
        };
        say(canvas, &words, Role::Strong);
    }
    if let Some(a) = &metadata.autocorrelation {
        let value = |lag: usize| a.acf.get(lag).map_or_else(|| "-".to_owned(), |v| format!("{v:.2}"));
        let outside = a.acf.iter().zip(&a.band).skip(1).filter(|(v, b)| v.abs() > **b).count();
        say(
            canvas,
            &say::detail::autocorrelation_lag_1_lag(
                &value(1),
                &value(10),
                &outside,
                &a.acf.len().saturating_sub(1),
                &duration(a.lag_ms),
            ),
            Role::Text,
        );
    }
    for note in &metadata.notes {
        say(canvas, note, Role::AtRisk);
    }
    let rest = height.saturating_sub(y + 1);
    if rest < 4 {
        return;
    }
    let with_season = season.is_some_and(|s| !s.pattern.is_empty() && s.period_ms > 0);
    let half = if with_season { width / 2 } else { width };
    if let Some(a) = &metadata.autocorrelation {
        bars::draw_acf(&mut canvas.part(0, y + 1, half, rest), &a.acf, &a.band);
    }
    if let Some(s) = season.filter(|_| with_season) {
        canvas.text(half + 1, y, say::detail::one_season(), Role::Dim);
        bars::draw_profile(&mut canvas.part(half, y + 1, width - half, rest), &s.pattern, unit);
    }
}

fn draw_forecast(cx: &Context, (analysis, detail): (&Analysis, &Detail), canvas: &mut Canvas<'_>) {
    let width = canvas.width();
    let Some(forecast) = &analysis.forecast else {
        canvas.text(1, 0, say::detail::no_forecast_was_computed(), Role::Dim);
        return;
    };
    let of = if forecast.of_rate {
        say::detail::per_second_rate_3()
    } else {
        ""
    };
    let unit = detail.unit(forecast.of_rate);
    canvas.field(
        1,
        0,
        width.saturating_sub(2),
        &say::detail::on_samples(&forecast.method, &forecast.n, &of),
        Align::Left,
        Role::Title,
    );
    let mut y = 1;
    let apart = say::detail::the_probability_of_leaving();
    canvas.field(1, y, width.saturating_sub(2), apart, Align::Left, Role::Dim);
    y += 1;
    for note in &forecast.notes {
        canvas.field(1, y, width.saturating_sub(2), note, Align::Left, Role::AtRisk);
        y += 1;
    }
    canvas.text(1, y, say::detail::time_mean_95_min(), Role::Dim);
    y += 1;
    let empty = ForecastLine::default();
    let (mean, min, max) = (
        forecast.mean.as_ref().unwrap_or(&empty),
        forecast.min.as_ref().unwrap_or(&empty),
        forecast.max.as_ref().unwrap_or(&empty),
    );
    for (at, point) in mean.points.iter().enumerate() {
        let when = wire::ms(point.time.as_ref()).map_or_else(String::new, |t| cx.zone.clock(t));
        canvas.text(1, y, &when, Role::Text);
        canvas.field(
            15,
            y,
            8,
            &maybe_in(Some(point.value), unit, 8),
            Align::Right,
            Role::Strong,
        );
        canvas.field(
            25,
            y,
            20,
            &format!(
                "[{}, {}]",
                quantity::tight(point.low, unit),
                quantity::tight(point.high, unit)
            ),
            Align::Left,
            Role::Dim,
        );
        canvas.field(
            44,
            y,
            8,
            &maybe_in(min.points.get(at).map(|p| p.value), unit, 8),
            Align::Right,
            Role::Text,
        );
        canvas.field(
            53,
            y,
            8,
            &maybe_in(max.points.get(at).map(|p| p.value), unit, 8),
            Align::Right,
            Role::Text,
        );
        y += 1;
    }
    if mean.points.is_empty() {
        canvas.text(1, y, say::detail::there_are_no_points(), Role::Dim);
    }
}
