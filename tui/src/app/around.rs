//! What else moved around a moment: asked of the chosen row, told as a list that leads on.

use sla_domain::{SafeText, Unit};
use sla_proto::convert as time;
use sla_proto::retrieval::v1::{Column, ListMovedRequest, ListMovedResponse, MovedKind, MovedSeries};
use sla_proto::series::v1::Series;

use super::App;
use crate::context::request::{Answer, Reply, Slot};
use crate::context::{Jump, wire};
use crate::format::{duration, number, parse_duration_ms};
use crate::overlay::{Item, Overlay, Pick, PickKind};
use crate::say;

/// Columns of the picture of a series, and of its name.
const PICTURE: usize = 24;
const NAME_WIDTH: usize = 40;
const LEVELS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

impl App {
    /// Asks for what moved around the moment of the chosen row; the argument is how long after it it is looked.
    pub(super) fn around(&mut self, argument: Option<&str>) {
        let span_ms = match argument.map(parse_duration_ms) {
            Some(None) => {
                self.cx.complain(say::around::what_else_moved_the());
                return;
            }
            Some(Some(ms)) => ms,
            None => 0,
        };
        let Some(Jump::Chart {
            query,
            series_id,
            title,
            at_ms,
        }) = self.screen().moment(&self.cx)
        else {
            self.cx.complain(say::around::what_else_moved_choose());
            return;
        };
        let request = ListMovedRequest {
            query: Some(query),
            series_id,
            at: at_ms.map(time::timestamp),
            span_ms,
            ..ListMovedRequest::default()
        };
        self.cx.call(Slot::Moved, request);
        self.cx.say(say::around::looking_for_what_else(&title));
    }

    pub(super) fn around_told(&mut self, result: Answer) {
        let told = match result.and_then(Reply::take::<ListMovedResponse>) {
            Ok(told) => told,
            Err(problem) => {
                self.cx.complain(say::around::what_else_moved(&problem.sentence()));
                return;
            }
        };
        self.cx.toasts.dismiss();
        let at = wire::ms(told.at.as_ref()).map_or_else(String::new, |t| self.cx.zone.minute(t));
        let counted = counted(&told);
        if told.rows.is_empty() {
            let verdict = match told.tested {
                0 => say::around::what_else_changed_is_unknown(&at, &counted),
                _ => say::around::nothing_else_changed_around(&at, &counted),
            };
            let mut lines = vec![verdict, String::new(), say::around::nothing_is_told_that().to_owned()];
            lines.extend(told.problems.iter().map(|p| SafeText::new(p).into_string()));
            self.overlay = Some(Overlay::text(
                say::around::moved_with(&name(&told.series.clone().unwrap_or_default())),
                lines,
            ));
            return;
        }
        self.moved = Some(told);
        self.list_moved();
    }

    /// The other order of the list.
    pub(super) fn turn_moved(&mut self) {
        self.moved_by_time = !self.moved_by_time;
        self.list_moved();
    }

    /// The list in the order that is chosen; its title says which.
    fn list_moved(&mut self) {
        let Some(told) = &self.moved else { return };
        let at = wire::ms(told.at.as_ref()).map_or_else(String::new, |t| self.cx.zone.minute(t));
        let question = told.series.clone().unwrap_or_default();
        let mut moved: Vec<&MovedSeries> = told.rows.iter().collect();
        let (order, proven) = if self.moved_by_time {
            // What did not move by its level has no first move.
            moved.sort_by_key(|row| row.onset_ms.unwrap_or(i64::MAX));
            (
                say::around::first_to_move_first(),
                Some(say::around::how_often_this_order().to_owned()),
            )
        } else {
            let rate = told
                .proven_first_three
                .map(|rate| say::around::of_seeded_incidents_the(&format_args!("{:.0}", rate * 100.0)));
            (say::around::greatest_change_first(), rate)
        };
        let proven = proven.unwrap_or_else(|| say::around::how_often_such_a().to_owned());
        let own = line(say::around::asked(), "", "", &question, &told.minutes, "");
        let rows = moved.into_iter().map(|row| {
            let series = row.series.clone().unwrap_or_default();
            Item::new(words(row), wire::series_promql(&series))
        });
        let items = std::iter::once(Item::new(own, wire::series_promql(&question))).chain(rows);
        let title = say::around::moved_with_it(&told.moved, &at, &order, &counted(told));
        self.overlay = Some(Overlay::Pick(Pick {
            note: proven,
            ..Pick::new(title, PickKind::Moved, items.collect())
        }));
    }
}

/// `312 series, 9 not known long enough, 5000 left out`.
fn counted(told: &ListMovedResponse) -> String {
    let rest = [
        (told.untested, say::around::not_known_long_enough()),
        (told.left_out, say::around::left_out()),
    ];
    let rest = rest.into_iter().filter(|(count, _)| *count > 0);
    std::iter::once((told.tested, say::around::series()))
        .chain(rest)
        .map(|(count, words)| format!("{count} {words}"))
        .collect::<Vec<_>>()
        .join(", ")
}

fn name(series: &Series) -> String {
    let name = format!("{} {}", wire::series_name(series), wire::series_labels(series));
    SafeText::with_limit(name.trim(), 200)
        .truncate(NAME_WIDTH)
        .into_string()
}

/// `level   +2m   x12   node_load5 host-3   ▁▁▂▇█   1.2 to 8.4`.
fn words(row: &MovedSeries) -> String {
    let kind = match row.kind() {
        MovedKind::Level | MovedKind::Unspecified => say::around::level(),
        MovedKind::Spread => say::around::spread(),
        MovedKind::Rate => say::around::rate(),
        MovedKind::Silence => say::around::silence(),
    };
    let series = row.series.clone().unwrap_or_default();
    let onset = row.onset_ms.map_or_else(String::new, |ms| {
        let sign = if ms < 0 { '-' } else { '+' };
        format!("{sign}{}", duration(ms.abs()))
    });
    let size = if row.size >= 1000.0 {
        "x999+".to_owned()
    } else {
        format!("x{:.0}", row.size)
    };
    let change = match row.kind() {
        MovedKind::Silence => say::around::alive_to(
            &format_args!("{:.0}", row.before * 100.0),
            &format_args!("{:.0}", row.after * 100.0),
        ),
        kind => {
            let level = matches!(kind, MovedKind::Level | MovedKind::Unspecified);
            let unit = if level {
                wire::unit_of(&series, row.rate)
            } else {
                Unit::PLAIN
            };
            say::around::to(&number(row.before, unit), &number(row.after, unit))
        }
    };
    line(kind, &onset, &size, &series, &row.minutes, &change)
}

fn line(kind: &str, onset: &str, size: &str, series: &Series, minutes: &[Column], change: &str) -> String {
    let (name, picture) = (name(series), picture(minutes));
    format!("{kind:<7} {onset:>4} {size:>5}  {name:<NAME_WIDTH$}  {picture:<PICTURE$}  {change}")
}

/// From its least to its greatest value.
fn picture(minutes: &[Column]) -> String {
    let values: Vec<Option<f64>> = minutes.iter().map(|minute| minute.last).collect();
    let known = values.iter().flatten();
    let (low, high) = known.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| {
        (low.min(*v), high.max(*v))
    });
    let level = |value: f64| {
        let share = if high > low { (value - low) / (high - low) } else { 0.0 };
        LEVELS[((share * 7.0).round() as usize).min(7)]
    };
    let columns = PICTURE.min(values.len());
    (0..columns)
        .map(|at| values[at * values.len() / columns].map_or(' ', level))
        .collect()
}
