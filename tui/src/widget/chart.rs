//! The chart: layers over one time axis, on a braille raster.

use sla_domain::{Unit, quantity};

use super::canvas::{Align, Canvas};
use super::raster::Raster;
use super::scale::Scale;
use super::ticks::time_ticks;
use crate::format::{Zone, number};
use crate::say;
use crate::theme::Role;

/// Columns for the labels of the value axis.
const VALUE_LABEL_WIDTH: u16 = 7;
/// Columns that one label of the time axis needs.
const TIME_LABEL_WIDTH: u16 = 12;

/// On a logarithmic axis a bound is shown when it is at most so many times away from the values.
const BOUND_RATIO: f64 = 10.0;
/// From so many columns on the fan has a legend.
const LEGEND_WIDTH_MIN: u16 = 40;

/// What one drawn column of samples holds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Extent {
    /// The column's middle, Unix milliseconds.
    pub(crate) time_ms: i64,
    pub(crate) min: f64,
    pub(crate) max: f64,
    pub(crate) last: f64,
    /// In the middle of all; of one sample it is the sample.
    pub(crate) median: f64,
}

/// One layer, drawn in order.
#[derive(Debug, Clone)]
pub(crate) enum Layer {
    /// Samples, each column with its lowest and highest value; columns further apart than `gap_ms` are not joined.
    Samples { extents: Vec<Extent>, gap_ms: i64 },
    /// A line through points.
    Line { points: Vec<(i64, f64)>, role: Role },
    /// The area between two lines: time, low, high.
    Band { points: Vec<(i64, f64, f64)>, role: Role },
    /// Another series, dashed; `own` is its value axis, low and high, when it does not share the chart's.
    Companion {
        extents: Vec<Extent>,
        gap_ms: i64,
        own: Option<(f64, f64)>,
        unit: Unit,
        label: String,
    },
    /// A bound of the allowed range.
    Bound { value: f64, label: String },
}

/// A chart ready to be drawn.
#[derive(Debug, Clone)]
pub(crate) struct Chart {
    /// (after, until], Unix milliseconds.
    pub(crate) after_ms: i64,
    pub(crate) until_ms: i64,
    /// Zoomed value range; `None` fits the data.
    pub(crate) values: Option<(f64, f64)>,
    /// Equal distances are equal ratios, where all values are above 0.
    pub(crate) log: bool,
    pub(crate) layers: Vec<Layer>,
    /// Where the present is drawn.
    pub(crate) now_ms: Option<i64>,
    /// The crosshair.
    pub(crate) cursor_ms: Option<i64>,
    /// What the values are measured in.
    pub(crate) unit: Unit,
    pub(crate) zone: Zone,
    /// From then on nothing could be read: hatched, Unix milliseconds.
    pub(crate) stale_ms: Option<i64>,
    /// When it was violated, Unix milliseconds: told on the time axis.
    pub(crate) violated: Vec<(i64, i64)>,
}

impl Chart {
    /// Nothing in (after, until] yet.
    pub(crate) fn empty(after_ms: i64, until_ms: i64, zone: Zone) -> Self {
        Self {
            after_ms,
            until_ms,
            values: None,
            log: false,
            layers: Vec::new(),
            now_ms: None,
            cursor_ms: None,
            unit: Unit::PLAIN,
            zone,
            stale_ms: None,
            violated: Vec::new(),
        }
    }

    /// Draws into all of `canvas`: value axis at the left, time axis in the last row.
    pub(crate) fn draw(&self, canvas: &mut Canvas<'_>) {
        let (width, height) = (canvas.width(), canvas.height());
        let label = VALUE_LABEL_WIDTH.min(width / 4);
        if width < 12 || height < 3 || self.until_ms <= self.after_ms {
            canvas.field(0, 0, width, say::chart::too_small_for_a(), Align::Left, Role::Dim);
            return;
        }
        let (columns, rows) = (width - label - 1, height - 1);
        let Some((low, high)) = self.range() else {
            canvas.field(
                0,
                height / 2,
                width,
                say::chart::no_samples_in_this(),
                Align::Centre,
                Role::Dim,
            );
            self.draw_time_axis(canvas, label, columns, rows);
            return;
        };
        let mut raster = Raster::new(columns, rows);
        let scale = Scale {
            low,
            high,
            log: self.log && low > 0.0,
            after_ms: self.after_ms,
            span_ms: self.until_ms - self.after_ms,
            dots_x: raster.dots_x(),
            dots_y: raster.dots_y(),
        };
        for layer in &self.layers {
            self.draw_layer(layer, &scale, &mut raster);
        }
        draw_value_axis(canvas, (&scale, self.unit), label, rows);
        self.draw_time_axis(canvas, label, columns, rows);
        let mut plot = canvas.part(label + 1, 0, columns, rows);
        self.draw_marks(&mut plot, &scale, &raster, columns, rows);
        let unicode = plot.theme().unicode();
        for (x, y, c, role) in raster.drawn(unicode) {
            plot.glyph(x, y, c, role);
        }
        if self.log {
            let words = if scale.log {
                say::chart::log()
            } else {
                say::chart::not_log_values_of()
            };
            plot.text(1, 0, words, Role::Dim);
        }
        for layer in &self.layers {
            if let Layer::Companion { label, .. } = layer {
                let text = format!("╌ {label}");
                plot.field(
                    1,
                    u16::from(self.log),
                    columns.saturating_sub(2),
                    &text,
                    Align::Left,
                    Role::Accent,
                );
            }
        }
        self.draw_cursor(&mut plot, &scale, rows);
    }

    /// The value range drawn: that of the data with a little air; a bound is included when it is not too far away.
    fn range(&self) -> Option<(f64, f64)> {
        if let Some((low, high)) = self.values
            && low < high
        {
            return Some((low, high));
        }
        let mut low = f64::INFINITY;
        let mut high = f64::NEG_INFINITY;
        let mut take = |value: f64| {
            if value.is_finite() {
                low = low.min(value);
                high = high.max(value);
            }
        };
        for layer in &self.layers {
            match layer {
                Layer::Samples { extents, .. } => extents.iter().for_each(|e| {
                    take(e.min);
                    take(e.max);
                }),
                Layer::Companion { extents, own: None, .. } => extents.iter().for_each(|e| take(e.median)),
                Layer::Line { points, .. } => points.iter().for_each(|(_, v)| take(*v)),
                // The widest band may dwarf everything else: only its median half counts for the axis.
                Layer::Band { points, role } if !matches!(role, Role::Band95 | Role::Usual) => {
                    for (_, low, high) in points {
                        take(*low);
                        take(*high);
                    }
                }
                Layer::Band { .. } | Layer::Bound { .. } | Layer::Companion { .. } => {}
            }
        }
        if low > high {
            return None;
        }
        // A value that never changes gets a tenth of itself as room: labels a thousandth apart would all read the same.
        let least = if high - low > high.abs().max(low.abs()) * 1e-6 {
            1e-3
        } else {
            2.0
        };
        let span = (high - low).max(high.abs().max(low.abs()) * least).max(1e-9);
        for layer in &self.layers {
            let is_near = |value: f64| {
                let by_ratio = self.log && low > 0.0 && value > low / BOUND_RATIO && value < high * BOUND_RATIO;
                by_ratio || (!self.log && value > low - span * 1.5 && value < high + span * 1.5)
            };
            if let Layer::Bound { value, .. } = layer
                && is_near(*value)
            {
                low = low.min(*value);
                high = high.max(*value);
            }
        }
        if self.log && low > 0.0 {
            let air = (high / low).powf(0.05).max(1.05);
            return (high * air).is_finite().then_some((low / air, high * air));
        }
        let air = ((high - low) * 0.05).max(span * 0.05);
        let floor = if low >= 0.0 && low - air < 0.0 { 0.0 } else { low - air };
        (floor.is_finite() && (high + air).is_finite()).then_some((floor, high + air))
    }

    fn bounds(&self) -> (f64, f64) {
        // Bounds are labelled min and max; warnings do not colour samples.
        self.layers
            .iter()
            .fold((f64::NEG_INFINITY, f64::INFINITY), |(low, high), layer| match layer {
                Layer::Bound { value, label } if label.starts_with("min") => (*value, high),
                Layer::Bound { value, label } if label.starts_with("max") => (low, *value),
                _ => (low, high),
            })
    }

    fn draw_layer(&self, layer: &Layer, scale: &Scale, raster: &mut Raster) {
        match layer {
            Layer::Samples { extents, gap_ms } => self.draw_samples(extents, *gap_ms, scale, raster),
            Layer::Line { points, role } => {
                for pair in points.windows(2) {
                    if pair[0].1.is_finite() && pair[1].1.is_finite() {
                        let end = |(t, v): (i64, f64)| (scale.x(t), scale.y(v));
                        raster.line(end(pair[0]), end(pair[1]), *role);
                    }
                }
            }
            Layer::Band { points, role } => draw_band(points, *role, scale, raster),
            Layer::Companion {
                extents, gap_ms, own, ..
            } => draw_companion(extents, *gap_ms, *own, scale, raster),
            Layer::Bound { .. } => {}
        }
    }

    fn draw_samples(&self, extents: &[Extent], gap_ms: i64, scale: &Scale, raster: &mut Raster) {
        let (bound_low, bound_high) = self.bounds();
        let mut previous: Option<Extent> = None;
        // Two columns of dots a cell: what is finer is folded, and keeps its peaks.
        let folded = decimate(extents, raster.dots_x().max(0) as usize);
        for extent in folded
            .iter()
            .filter(|e| e.min.is_finite() && e.max.is_finite() && e.min <= e.max)
        {
            let x = scale.x(extent.time_ms);
            let outside = extent.median < bound_low || extent.median > bound_high;
            let role = if outside { Role::Violated } else { Role::Line };
            // Low and high lie dim behind the median; what of them is outside stands out.
            if extent.min < extent.max {
                raster.vertical(x, scale.y(extent.min), scale.y(extent.max), Role::Extent);
                if extent.max > bound_high {
                    raster.vertical(
                        x,
                        scale.y(extent.max),
                        scale.y(bound_high.max(extent.min)),
                        Role::Violated,
                    );
                }
                if extent.min < bound_low {
                    raster.vertical(
                        x,
                        scale.y(extent.min),
                        scale.y(bound_low.min(extent.max)),
                        Role::Violated,
                    );
                }
            }
            let from = previous.filter(|before| extent.time_ms - before.time_ms <= gap_ms);
            let from = from.map_or((x, scale.y(extent.median)), |before| {
                (scale.x(before.time_ms), scale.y(before.median))
            });
            raster.line(from, (x, scale.y(extent.median)), role);
            previous = Some(*extent);
        }
    }

    fn draw_time_axis(&self, canvas: &mut Canvas<'_>, label: u16, columns: u16, rows: u16) {
        canvas.glyph(label, rows, '└', Role::Border);
        canvas.run(label + 1, rows, columns, '─', Role::Border);
        let column = |time: i64| {
            let share = (time - self.after_ms) as f64 / (self.until_ms - self.after_ms) as f64;
            (share * f64::from(columns)).clamp(0.0, f64::from(columns)) as u16
        };
        for (from, to) in self
            .violated
            .iter()
            .filter(|(from, to)| *to > self.after_ms && *from < self.until_ms)
        {
            let (from, to) = (column(*from), column(*to));
            canvas.run(label + 1 + from, rows, (to - from).max(1), '▀', Role::Bound);
        }
        let (ticks, step) = time_ticks(
            self.after_ms,
            self.until_ms,
            usize::from(columns / TIME_LABEL_WIDTH).max(1),
        );
        for tick in ticks {
            let share = (tick - self.after_ms) as f64 / (self.until_ms - self.after_ms) as f64;
            let text = if step < 60_000 {
                self.zone.clock(tick)
            } else if step >= 86_400_000 {
                self.zone.day(tick)
            } else {
                self.zone.minute(tick)
            };
            let at = (share * f64::from(columns)) as u16;
            let start = at.saturating_sub(text.len() as u16 / 2);
            if start + text.len() as u16 <= columns {
                canvas.text(label + 1 + start, rows, &text, Role::Dim);
            }
        }
    }

    fn draw_marks(&self, plot: &mut Canvas<'_>, scale: &Scale, raster: &Raster, columns: u16, rows: u16) {
        if let Some(stale) = self.stale_ms {
            let end = self.now_ms.map_or(i32::MAX, |now| scale.x(now) / 2);
            for y in 0..rows {
                for x in (0..columns).filter(|x| (x + y) % 3 == 0 && i32::from(*x) <= end) {
                    if scale.x(stale) / 2 <= i32::from(x) && !raster.is_set(x, y) {
                        plot.glyph(x, y, '╱', Role::NoData);
                    }
                }
            }
        }
        let fan = |layer: &Layer| matches!(layer, Layer::Band { role: Role::Band50, .. });
        if self.layers.iter().any(fan) && columns > LEGEND_WIDTH_MIN {
            let text = "50 80 95 %";
            let (width, now) = (text.len() as u16, self.now_ms.map(|now| scale.x(now) / 2));
            // Not across the line of now.
            let right = columns - width;
            // Of samples that are old it lies beyond the plot.
            let at = now
                .filter(|now| (i32::from(right)..i32::from(columns)).contains(now))
                .map_or(right, |now| (now - i32::from(width) - 1).max(0) as u16);
            // Where nothing is drawn, the lowest row first; not at all where every row has something.
            let bounds = self.layers.iter().filter_map(|layer| match layer {
                Layer::Bound { value, .. } => Some(scale.y(*value) / 4),
                _ => None,
            });
            let bounds: Vec<i32> = bounds.collect();
            let free = |y: &u16| !bounds.contains(&i32::from(*y)) && (at..at + width).all(|x| !raster.is_set(x, *y));
            if let Some(y) = (0..rows).rev().find(free) {
                plot.text(at, y, text, Role::Dim);
            }
        }
        if let Some(now) = self.now_ms {
            let x = scale.x(now) / 2;
            if (0..i32::from(columns)).contains(&x) {
                for y in 0..rows {
                    plot.glyph(x as u16, y, '┊', Role::Now);
                }
            }
        }
        for layer in &self.layers {
            let Layer::Bound { value, label } = layer else { continue };
            let dot = scale.y(*value);
            if (0..scale.dots_y).contains(&dot) {
                let y = (dot / 4) as u16;
                plot.run(0, y, columns, '─', Role::Bound);
                let text = format!(" {label} ");
                plot.text(columns / 3, y, &text, Role::Bound);
            } else {
                let (y, arrow) = if dot < 0 { (0, '↑') } else { (rows - 1, '↓') };
                plot.text(1, y, &format!("{arrow} {label}"), Role::Bound);
            }
        }
        if self.stale_ms.is_some() {
            plot.text(columns.saturating_sub(6), 0, say::chart::stale(), Role::Error);
        }
    }

    fn draw_cursor(&self, plot: &mut Canvas<'_>, scale: &Scale, rows: u16) {
        let Some(cursor) = self.cursor_ms else { return };
        let x = scale.x(cursor) / 2;
        if (0..i32::from(plot.width())).contains(&x) {
            for y in 0..rows {
                plot.glyph(x as u16, y, '│', Role::Cursor);
            }
        }
    }

    /// The value under `time_ms` in words: `14:21:05  6.02` or `no sample here`.
    pub(crate) fn reading(&self, time_ms: i64, now_ms: i64) -> String {
        let when = self.zone.moment(time_ms, now_ms);
        let width = (self.until_ms - self.after_ms) / 100;
        let mut parts = Vec::new();
        let mut beside = Vec::new();
        for layer in &self.layers {
            match layer {
                Layer::Samples { extents, .. } => {
                    let near = extents.iter().min_by_key(|e| (e.time_ms - time_ms).abs());
                    if let Some(e) = near.filter(|e| (e.time_ms - time_ms).abs() <= width) {
                        parts.push(if e.min == e.max {
                            number(e.last, self.unit)
                        } else {
                            say::chart::to(&number(e.min, self.unit), &number(e.max, self.unit))
                        });
                    }
                }
                Layer::Band {
                    points,
                    role: Role::Band95,
                } => {
                    let near = points.iter().min_by_key(|(t, _, _)| (t - time_ms).abs());
                    if let Some((_, low, high)) = near.filter(|(t, _, _)| (t - time_ms).abs() <= width.max(60_000)) {
                        parts.push(say::chart::expected_in(
                            &number(*low, self.unit),
                            &number(*high, self.unit),
                        ));
                    }
                }
                Layer::Band {
                    points,
                    role: Role::Usual,
                } => {
                    let near = points.iter().min_by_key(|(t, _, _)| (t - time_ms).abs());
                    if let Some((_, low, high)) = near.filter(|(t, _, _)| (t - time_ms).abs() <= width.max(60_000)) {
                        beside.push(say::chart::usual_to(
                            &number(*low, self.unit),
                            &number(*high, self.unit),
                        ));
                    }
                }
                Layer::Companion { extents, unit, .. } => {
                    let near = extents.iter().min_by_key(|e| (e.time_ms - time_ms).abs());
                    if let Some(e) = near.filter(|e| (e.time_ms - time_ms).abs() <= width) {
                        beside.push(format!("╌ {}", number(e.median, *unit)));
                    }
                }
                _ => {}
            }
        }
        if self.violated.iter().any(|(from, to)| (*from..=*to).contains(&time_ms)) {
            parts.push(say::chart::violated().to_owned());
        }
        if parts.is_empty() {
            say::chart::no_sample_here(&when)
        } else {
            parts.extend(beside);
            format!("{when}  {}", parts.join("  "))
        }
    }
}

fn draw_value_axis(canvas: &mut Canvas<'_>, (scale, unit): (&Scale, Unit), label: u16, rows: u16) {
    for row in 0..rows {
        canvas.glyph(label, row, '│', Role::Border);
    }
    for (tick, text) in labels(scale, unit, usize::from(label), usize::from(rows / 2).clamp(1, 8)) {
        let y = scale.y(tick) / 4;
        if (0..i32::from(rows)).contains(&y) {
            canvas.field(0, y as u16, label, &text, Align::Right, Role::Dim);
            canvas.glyph(label, y as u16, '┤', Role::Border);
        }
    }
}

/// At most about `wanted` ticks with their labels; fewer where the labels, at this width, would not tell them apart.
fn labels(scale: &Scale, unit: Unit, width: usize, wanted: usize) -> Vec<(f64, String)> {
    let labelled = |wanted| -> Vec<(f64, String)> {
        let ticks = scale.ticks(wanted).into_iter();
        ticks.map(|tick| (tick, quantity::within(tick, unit, width))).collect()
    };
    let tells_apart = |labels: &Vec<(f64, String)>| labels.windows(2).all(|pair| pair[0].1 != pair[1].1);
    let mut fewer = (1..=wanted).rev().map(labelled);
    fewer
        .find(tells_apart)
        .unwrap_or_else(|| labelled(1).into_iter().take(1).collect())
}

fn draw_companion(extents: &[Extent], gap_ms: i64, own: Option<(f64, f64)>, scale: &Scale, raster: &mut Raster) {
    let scale = own.map_or(*scale, |(low, high)| Scale {
        low,
        high,
        log: false,
        ..*scale
    });
    let folded = decimate(extents, raster.dots_x().max(0) as usize);
    for pair in folded.windows(2) {
        let at = |e: &Extent| (scale.x(e.time_ms), scale.y(e.median));
        let (from, to) = (at(&pair[0]), at(&pair[1]));
        // Dashes of two cells: told apart from the series itself without colour, too.
        if pair[1].time_ms - pair[0].time_ms <= gap_ms && (from.0 / 4) % 2 == 0 {
            raster.line(from, to, Role::Accent);
        }
    }
}

fn draw_band(points: &[(i64, f64, f64)], role: Role, scale: &Scale, raster: &mut Raster) {
    for pair in points.windows(2) {
        let ((t0, low0, high0), (t1, low1, high1)) = (pair[0], pair[1]);
        if ![low0, high0, low1, high1].iter().all(|v| v.is_finite()) || t1 <= t0 {
            continue;
        }
        let (from, to) = (scale.x(t0).max(0), scale.x(t1).min(scale.dots_x - 1));
        for x in from..=to {
            let share = (f64::from(x - scale.x(t0)) / f64::from((scale.x(t1) - scale.x(t0)).max(1))).clamp(0.0, 1.0);
            let low = scale.y(low0 + (low1 - low0) * share).min(scale.dots_y - 1);
            let high = scale.y(high0 + (high1 - high0) * share).max(0);
            for y in high..=low {
                // Ink rises with confidence: the three fans stay apart without colour.
                let ink = match role {
                    Role::Usual => x % 4 == 2 && y % 4 == 1,
                    Role::Band95 => x % 4 == 0 && y % 2 == 0,
                    Role::Band80 => (x + y) % 2 == 0,
                    _ => true,
                };
                if ink {
                    raster.set(x, y, role);
                }
            }
        }
    }
}

/// Folds more columns than dots into `dots` columns, keeping every peak.
pub(crate) fn decimate(extents: &[Extent], dots: usize) -> Vec<Extent> {
    if extents.len() <= dots || dots == 0 {
        return extents.to_vec();
    }
    let mut out: Vec<Extent> = Vec::with_capacity(dots);
    let mut slot = usize::MAX;
    for (at, extent) in extents.iter().enumerate() {
        let into = at * dots / extents.len();
        match out.last_mut() {
            Some(last) if into == slot => {
                last.min = last.min.min(extent.min);
                last.max = last.max.max(extent.max);
                last.last = extent.last;
                last.median = extent.median;
            }
            _ => out.push(*extent),
        }
        slot = into;
    }
    out
}

#[cfg(test)]
#[path = "chart_tests.rs"]
mod tests;
