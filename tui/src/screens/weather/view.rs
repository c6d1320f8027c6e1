//! Drawing the weather screen.

use sla_proto::weather::v1::CityOutlook;

use super::WeatherScreen;
use super::rows::{CityRow, SORTS};
use crate::context::{Context, wire};
use crate::format::duration;
use crate::say;
use crate::screens::phase::{draw_edge, draw_phase};
use crate::screens::trust;
use crate::theme::Role;
use crate::widget::apart::Shortened;
use crate::widget::canvas::Canvas;
use crate::widget::spark::{self, SparkCell};
use crate::widget::table::{self, Column};
use crate::widget::wrap::wrap;

impl WeatherScreen {
    /// Where the columns lie in a table of this width.
    pub(super) fn placed(&self, columns: &[Column], width: u16) -> table::Placed {
        let widest = |text: fn(&CityRow) -> usize| self.items().iter().map(text).max().unwrap_or(0) as u16;
        let contents = [
            ("CITY", widest(|row| row.name.width())),
            ("LIMITS", widest(|row| row.limits.chars().count())),
        ];
        table::place_measured(columns, width, &contents)
    }

    pub(super) fn draw_all(&self, cx: &Context, canvas: &mut Canvas<'_>) {
        let (width, height) = (canvas.width(), canvas.height());
        let columns = self.columns.shown();
        let placed = self.placed(&columns, width);
        let sort = SORTS.get(self.list.sort).map(|title| (*title, self.list.down));
        table::draw_header(&mut canvas.rows(0, 1), &columns, &placed, sort);
        let words = Self::words_rows(cx);
        let room = height.saturating_sub(1 + words);
        let mut body = canvas.rows(1, room);
        if draw_phase(cx, &self.rows, &mut body, say::weather::the_weather()) {
            if self.list.shown().is_empty() {
                let text = if self.items().is_empty() {
                    say::weather::no_city_is_polled()
                } else {
                    say::weather::no_row_passes_the()
                };
                body.text(3, 0, text, Role::Dim);
            }
            let visible = || self.list.visible(usize::from(room)).map(|(at, _)| &self.items()[at]);
            let short: Vec<Shortened> = placed
                .iter()
                .map(|&(column, _, w)| match columns[column].title {
                    "CITY" => Shortened::new(visible().map(|row| row.name.as_str()), w),
                    "LIMITS" => Shortened::new(visible().map(|row| row.limits.as_str()), w),
                    _ => Shortened::default(),
                })
                .collect();
            for (y, (at, current)) in self.list.visible(usize::from(room)).enumerate() {
                let row = &self.items()[at];
                table::draw_gutter(&mut body, y as u16, current, false);
                for (&(column, x, w), short) in placed.iter().zip(&short) {
                    draw_cell(cx, &mut body, row, (&columns[column], short), (x, y as u16, w));
                }
            }
            self.draw_words(cx, &mut canvas.rows(height.saturating_sub(words), words));
        }
        if let Some(form) = &self.form {
            form.draw(canvas);
        }
    }

    fn draw_words(&self, cx: &Context, canvas: &mut Canvas<'_>) {
        let (width, height) = (canvas.width(), canvas.height());
        let (first, _) = draw_edge(cx, &self.rows, canvas);
        let lines = self.words(cx);
        let wrapped = lines
            .iter()
            .flat_map(|line| wrap(line, usize::from(width.saturating_sub(2))));
        for (y, line) in wrapped.take(usize::from(height - first)).enumerate() {
            let role = if y == 0 { Role::Strong } else { Role::Text };
            canvas.text(1, first + y as u16, &line, role);
        }
    }

    /// What is said about the chosen city, and about the provider.
    pub(super) fn words(&self, cx: &Context) -> Vec<String> {
        let mut lines = Vec::new();
        if self.left_out > 0 {
            lines.push(say::weather::left_out(&self.left_out, &self.subscriptions.len()));
        }
        if let Some(row) = self.current() {
            lines.push(now_words(cx, row));
            for one in &row.subscriptions {
                let limits = one.limits.unwrap_or_default();
                let whose = if one.owner.is_empty() {
                    String::new()
                } else {
                    format!(" ({})", one.owner)
                };
                let expected = row.first_outside(&limits).and_then(|hour| wire::ms(hour.at.as_ref()));
                let expected = expected.map_or_else(
                    || say::weather::the_provider_expects_nothing().to_owned(),
                    |at_ms| say::weather::the_provider_expects_it(&cx.zone.minute(at_ms)),
                );
                let paused = if one.active { "" } else { say::weather::paused_2() };
                lines.push(format!("{paused}{limits}{whose}: {expected}"));
            }
            lines.extend(row.state.outlooks.iter().map(|one| outlook_words(cx, one)));
        }
        if let Some(provider) = &self.provider {
            let round = wire::span_ms(provider.round.as_ref()).map_or_else(String::new, duration);
            let mut line = say::weather::each_city_once_in(
                &provider.attribution,
                &round,
                &provider.calls_today,
                &provider.daily_quota,
            );
            if !provider.pause.is_empty() {
                let until = wire::ms(provider.paused_until.as_ref()).map_or_else(String::new, |t| cx.zone.clock(t));
                line = say::weather::nothing_is_asked_until(&until, &provider.pause);
            }
            lines.push(sla_domain::SafeText::new(&line).into_string());
        }
        lines
    }
}

/// Ours and the provider's, with what both have shown so far.
fn outlook_words(cx: &Context, one: &CityOutlook) -> String {
    let outlook = one.outlook.clone().unwrap_or_default();
    let ours = trust::probability(&outlook).unwrap_or_else(|| say::weather::no_probability().to_owned());
    let provider = match &outlook.provider {
        None => say::weather::nothing_over_all_of().to_owned(),
        Some(provider) if !provider.leaves => say::weather::inside().to_owned(),
        Some(provider) => wire::ms(provider.first.as_ref()).map_or_else(
            || say::weather::outside().to_owned(),
            |at_ms| say::weather::outside_by(&cx.zone.minute(at_ms)),
        ),
    };
    let record = outlook.track_record.clone().unwrap_or_default();
    let of_both = match (record.brier_provider, record.brier_beside_provider) {
        (Some(theirs), Some(ours)) => say::weather::brier_over_ours_the(
            &record.provider_scored,
            &format_args!("{ours:.2}"),
            &format_args!("{theirs:.2}"),
        ),
        _ => String::new(),
    };
    say::weather::within_ours_the_provider(
        &sla_domain::SafeText::new(&one.objective),
        &duration(trust::horizon_ms(cx, &outlook)),
        &ours,
        &trust::words(&outlook),
        &provider,
        &of_both,
    )
}

fn now_words(cx: &Context, row: &CityRow) -> String {
    let Some(now) = &row.state.now else {
        let why = if row.state.problem.is_empty() {
            say::weather::not_asked_yet()
        } else {
            &row.state.problem
        };
        return say::weather::nothing_is_known_now(&row.name, &why);
    };
    let at = wire::ms(now.polled.as_ref()).map_or_else(String::new, |t| cx.zone.clock(t));
    let span = wire::span_ms(now.interval.as_ref()).map_or_else(String::new, duration);
    let of = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), |value| format!("{value:.1}"));
    let problem = if row.state.problem.is_empty() {
        String::new()
    } else {
        say::weather::the_newest_poll_failed(&row.state.problem)
    };
    say::weather::at_c_rain_mm(
        &row.name,
        &at,
        &of(now.temperature_celsius),
        &of(now.rain_mm),
        &of(now.snow_water_mm),
        &span,
        &problem,
    )
}

fn draw_cell(
    cx: &Context,
    body: &mut Canvas<'_>,
    row: &CityRow,
    (column, short): (&Column, &Shortened),
    (x, y, w): (u16, u16, u16),
) {
    let now = row.now();
    let of = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), |value| format!("{value:.1}"));
    let outside = if row.is_outside() { Role::Violated } else { Role::Text };
    let (text, role) = match column.title {
        "CITY" => (short.form(row.name.as_str()).to_owned(), Role::Text),
        "°C" => (of(now.temperature_celsius), outside),
        "RAIN" => (of(now.rain_mm), outside),
        "SNOW" => (of(now.snow_water_mm), outside),
        "WIND" => (of(now.wind_speed_ms), Role::Dim),
        "LIMITS" => (short.form(&row.limits).to_owned(), Role::Dim),
        "FORECAST °C" => {
            let hours = row.state.forecast.iter();
            let cells: Vec<SparkCell> = hours
                .map(|hour| SparkCell::new(hour.temperature_celsius.map(|value| (value, value))))
                .collect();
            spark::draw(body, x, y, w, &cells, (None, None));
            return;
        }
        _ => match (&row.state.now, row.state.problem.is_empty()) {
            (_, false) => (say::weather::failing().to_owned(), Role::Error),
            (Some(now), true) => {
                let at = wire::ms(now.polled.as_ref()).map_or_else(String::new, |t| cx.zone.clock(t));
                (at, Role::Dim)
            }
            (None, true) => ("–".to_owned(), Role::Dim),
        },
    };
    table::draw_cell(body, y, (x, w), &text, column, role);
}
