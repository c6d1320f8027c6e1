//! Rows of the first screen: one an instance of trouble, worst first; what is silent, fine or not watched is folded.

use std::cmp::Ordering;
use std::sync::Arc;

use sla_domain::{SafeText, Unit, quantity};
use sla_proto::objective::v1::{AllowedRange, Objective, SlaSet};
use sla_proto::series::v1::Series;
use sla_proto::violation::v1::{ObjectiveStatus, Outlook, SeriesStatus, Violation};

use super::history::{Care, History, Key, Span};
use crate::context::Context;
use crate::context::list::Row;
use crate::context::wire::{self, Mark, State};
use crate::filter::{Filterable, Value};
use crate::format::duration;
use crate::say;
use crate::screens::past_words::good_share;

/// What a row is about, worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Kind {
    Violated,
    /// No data, and violated when last seen.
    LostViolated,
    /// Inside now, but in and out again.
    Flapping,
    AtRisk,
    Unproven,
    Silent,
    Fine,
    NotWatched,
}

impl Kind {
    /// Whether its rows stand below one line until they are asked for.
    fn folds(self) -> bool {
        matches!(self, Self::Silent | Self::Fine | Self::NotWatched)
    }
}

/// One instance, or the line of a fold.
#[derive(Debug, Clone)]
pub(super) struct NowRow {
    rank: usize,
    pub(super) kind: Kind,
    /// How many rows stand below this line; 0 for an instance.
    pub(super) folded: usize,
    pub(super) unfolded: bool,
    nested: bool,
    pub(super) mark: Mark,
    pub(super) what: SafeText,
    pub(super) place: SafeText,
    pub(super) set: SafeText,
    pub(super) key: Key,
    row_key: Vec<u8>,
    haystack: String,
    pub(super) series: Series,
    pub(super) range: AllowedRange,
    /// What its values and bounds are measured in.
    pub(super) unit: Unit,
    pub(super) now: Option<f64>,
    since: String,
    /// Since when it has no data, Unix milliseconds.
    pub(super) silent_ms: Option<i64>,
    pub(super) why: SafeText,
    /// The violation that goes on, as the evaluation tells it.
    pub(super) open: Option<Box<Violation>>,
    pub(super) outlook: Option<Arc<Outlook>>,
    /// Share of the longest window that was good.
    pub(super) good: Option<f64>,
    /// Who takes care of it, or wants to hear nothing.
    pub(super) care: Option<Care>,
}

/// All rows, with `unfolded` kinds spread out, and those that stand below a line.
pub(super) fn rows(cx: &Context, history: &History, unfolded: &[Kind]) -> (Vec<NowRow>, Vec<NowRow>) {
    let statuses = cx.overview.get().map_or(&[][..], |o| o.objectives.as_slice());
    let several = statuses.iter().any(|status| status.set_id != statuses[0].set_id);
    let mut rows: Vec<NowRow> = Vec::new();
    for status in statuses {
        let all: Vec<&Series> = status.series.iter().filter_map(|s| s.series.as_ref()).collect();
        let labels = wire::telling_labels(&all);
        for (series, labels) in status.series.iter().zip(labels) {
            rows.push(NowRow::new(cx, history, (status, series, labels), several));
        }
        if status.series.is_empty() {
            let nobody = SeriesStatus {
                state: status.state,
                why: status.why.clone(),
                ..SeriesStatus::default()
            };
            rows.push(NowRow::new(cx, history, (status, &nobody, SafeText::new("")), several));
        }
    }
    for set in cx
        .sets
        .get()
        .map_or(&[][..], Vec::as_slice)
        .iter()
        .filter(|set| !set.active)
    {
        for objective in &set.objectives {
            rows.push(NowRow::not_watched(set, objective));
        }
    }
    rows.sort_by_key(|row| row.kind);
    fold(rows, unfolded)
}

/// Puts a line before each kind that folds, and apart what is below a line until it is asked for.
fn fold(rows: Vec<NowRow>, unfolded: &[Kind]) -> (Vec<NowRow>, Vec<NowRow>) {
    let (mut out, mut below): (Vec<NowRow>, Vec<NowRow>) = (Vec::new(), Vec::new());
    let mut left = rows.into_iter().peekable();
    while let Some(kind) = left.peek().map(|row| row.kind) {
        let mut group: Vec<NowRow> = Vec::new();
        while let Some(row) = left.next_if(|row| row.kind == kind) {
            group.push(row);
        }
        // One that is silent alone is told by itself.
        if !kind.folds() || (kind == Kind::Silent && group.len() == 1) {
            out.extend(group);
            continue;
        }
        let open = unfolded.contains(&kind);
        out.push(NowRow::line(kind, &group, open));
        let nested = group.into_iter().map(|row| NowRow { nested: true, ..row });
        if open { &mut out } else { &mut below }.extend(nested);
    }
    for (rank, row) in out.iter_mut().enumerate() {
        row.rank = rank;
    }
    (out, below)
}

impl NowRow {
    fn new(
        cx: &Context,
        history: &History,
        (status, series, labels): (&ObjectiveStatus, &SeriesStatus, SafeText),
        several: bool,
    ) -> Self {
        let objective = status.objective.clone().unwrap_or_default();
        let name = wire::objective_name(&objective);
        let told = series.series.clone().unwrap_or_default();
        let key = (status.set_id.clone(), objective.id.clone(), told.id.clone());
        let state = State::of(series.state());
        let outlook = with_bands(series.outlook.as_ref(), history.outlook(&key));
        // As the header counts it.
        let mark = Mark::of(state, series.outlook.as_ref());
        let spans = history.spans(&key);
        let lost = spans
            .iter()
            .find(|span| span.end_ms.is_none())
            .map(|span| span.start_ms);
        let now_ms = cx.data_now_ms();
        let recent = |at: i64| now_ms - at <= FLAPPED_WITHIN_MS;
        let flapping = spans.iter().any(|span| span.flaps && recent(span.start_ms));
        let kind = match state {
            State::Violated => Kind::Violated,
            State::NoData if lost.is_some() => Kind::LostViolated,
            State::NoData | State::Excluded => Kind::Silent,
            State::AtRisk => Kind::AtRisk,
            State::Ok if flapping => Kind::Flapping,
            State::Ok if mark == Mark::Unproven => Kind::Unproven,
            State::Ok => Kind::Fine,
        };
        let last_ms = series.last.as_ref().and_then(|point| wire::ms(point.time.as_ref()));
        let opened = series.open.as_ref().and_then(|open| wire::ms(open.start.as_ref()));
        let ago = |at: i64| format!("{} {}", cx.zone.minute(at), duration(now_ms - at));
        let first = outlook.as_ref().and_then(|o| wire::ms(o.first_crossing.as_ref()));
        let since = match kind {
            // What goes in and out is one trouble, not as many as it had intervals.
            Kind::Violated if flapping => Some(flaps(&spans, now_ms)),
            Kind::Violated => opened.map(ago),
            Kind::LostViolated | Kind::Silent => last_ms.map(|at| say::now::last(&cx.zone.minute(at))),
            Kind::Flapping => Some(flaps(&spans, now_ms)),
            Kind::AtRisk | Kind::Unproven => first
                .filter(|at| *at > now_ms)
                .map(|at| say::now::coming_in(&duration(at - now_ms)))
                .or_else(|| flapping.then(|| flaps(&spans, now_ms))),
            Kind::Fine | Kind::NotWatched => None,
        };
        let what = if several {
            SafeText::new(&format!("{name} ({})", status.set_name))
        } else {
            name
        };
        let promql = SafeText::new(&wire::series_promql(&told));
        let windows = series.windows.iter().max_by_key(|w| w.window_ms);
        Self {
            rank: 0,
            kind,
            folded: 0,
            unfolded: false,
            nested: false,
            mark,
            haystack: format!("{what} {promql}"),
            what,
            place: labels,
            set: SafeText::new(&status.set_name),
            row_key: [key.0.as_bytes(), b"\0", key.1.as_bytes(), b"\0", &key.2].concat(),
            care: history.care(&key),
            key,
            range: objective.range.unwrap_or_default(),
            unit: if told.labels.is_empty() {
                wire::objective_unit(&objective)
            } else {
                wire::unit_of(&told, series.rate)
            },
            now: series.last.as_ref().map(|point| point.value),
            since: since.unwrap_or_default(),
            silent_ms: last_ms.filter(|_| state == State::NoData),
            why: SafeText::new(if series.why.is_empty() {
                &status.problem
            } else {
                &series.why
            }),
            open: series.open.clone().map(Box::new),
            outlook,
            good: windows.and_then(good_share),
            series: told,
        }
    }

    fn not_watched(set: &SlaSet, objective: &Objective) -> Self {
        let what = wire::objective_name(objective);
        let key = (set.id.clone(), objective.id.clone(), Vec::new());
        Self {
            haystack: format!("{what} {}", SafeText::new(&set.name)),
            what,
            set: SafeText::new(&set.name),
            place: SafeText::new(&set.name),
            row_key: [key.0.as_bytes(), b"\0", key.1.as_bytes()].concat(),
            key,
            range: objective.range.unwrap_or_default(),
            unit: wire::objective_unit(objective),
            mark: Mark::NotWatched,
            ..Self::blank(Kind::NotWatched)
        }
    }

    fn blank(kind: Kind) -> Self {
        Self {
            rank: 0,
            kind,
            folded: 0,
            unfolded: false,
            nested: false,
            mark: Mark::of(State::NoData, None),
            what: SafeText::new(""),
            place: SafeText::new(""),
            set: SafeText::new(""),
            key: Key::default(),
            row_key: Vec::new(),
            haystack: String::new(),
            series: Series::default(),
            range: AllowedRange::default(),
            unit: Unit::PLAIN,
            now: None,
            since: String::new(),
            silent_ms: None,
            why: SafeText::new(""),
            open: None,
            outlook: None,
            good: None,
            care: None,
        }
    }

    fn line(kind: Kind, group: &[Self], unfolded: bool) -> Self {
        let count = group.len();
        let words = match kind {
            Kind::Silent => say::now::series_silent(&count),
            Kind::NotWatched => say::now::not_watched(&say::counts::objectives(&count)),
            _ => say::now::fine(&count),
        };
        Self {
            folded: count,
            unfolded,
            mark: group[0].mark,
            haystack: words.clone(),
            what: SafeText::new(&words),
            row_key: format!("fold {kind:?}").into_bytes(),
            ..Self::blank(kind)
        }
    }

    /// The limit that matters: the one that is broken or nearer, else the only one.
    pub(super) fn limit(&self) -> String {
        let bound = |value| quantity::tight(value, self.unit);
        match (self.range.min, self.range.max, self.now) {
            _ if self.folded > 0 => String::new(),
            (Some(min), Some(max), Some(now)) if now - min < max - now => format!("≥ {}", bound(min)),
            (_, Some(max), _) => format!("≤ {}", bound(max)),
            (Some(min), None, _) => format!("≥ {}", bound(min)),
            (None, None, _) => "–".to_owned(),
        }
    }

    /// Since when, and whether somebody takes care: that is never what is cut, how long it lasts is.
    pub(super) fn since(&self, width: u16) -> String {
        let Some(care) = &self.care else {
            return self.since.clone();
        };
        let word = if care.until_ms.is_some() {
            say::now::snoozed()
        } else {
            say::now::acknowledged()
        };
        let whole = format!("{} {word}", self.since);
        if whole.chars().count() <= usize::from(width) {
            return whole.trim().to_owned();
        }
        let begin = self.since.rsplit_once(' ').map_or("", |(begin, _)| begin);
        format!("{begin} {word}").trim().to_owned()
    }

    /// Name and place.
    pub(super) fn title(&self) -> String {
        format!("{} {}", self.what, self.place).trim().to_owned()
    }

    pub(super) fn is_nested(&self) -> bool {
        self.nested
    }
}

/// What the evaluation expects, with the bands that were read for the lanes: those may be some seconds older, and shall say no
/// other probability than the mark beside them.
fn with_bands(told: Option<&Outlook>, read: Option<&Arc<Outlook>>) -> Option<Arc<Outlook>> {
    match (told, read) {
        (Some(told), Some(read)) if told.probability != read.probability => {
            let mut newer = told.clone();
            if newer.fan.is_empty() {
                newer.fan.clone_from(&read.fan);
            }
            Some(Arc::new(newer))
        }
        (_, Some(read)) => Some(read.clone()),
        (told, None) => told.cloned().map(Arc::new),
    }
}

/// `19 times 7m30s`.
fn flaps(spans: &[Span], now_ms: i64) -> String {
    let outside: i64 = spans
        .iter()
        .map(|span| span.end_ms.unwrap_or(now_ms) - span.start_ms)
        .sum();
    say::now::times(&spans.len(), &duration(outside))
}

/// A series that flapped within this time is told although it is inside now, milliseconds.
const FLAPPED_WITHIN_MS: i64 = 30 * 60_000;

impl Filterable for NowRow {
    const FIELDS: &'static [&'static str] = &["state", "name", "set", "now", "p"];

    fn haystack(&self) -> &str {
        &self.haystack
    }

    fn field(&self, name: &str) -> Option<Value<'_>> {
        let state = match self.kind {
            Kind::Violated => State::Violated,
            Kind::LostViolated | Kind::Silent => State::NoData,
            Kind::AtRisk => State::AtRisk,
            Kind::Flapping | Kind::Unproven | Kind::Fine => State::Ok,
            Kind::NotWatched => State::Excluded,
        };
        match name {
            "state" => Some(Value::Ranked(state.ranked().0, state.ranked().1)),
            "name" => Some(Value::Text(self.what.as_str())),
            "set" => Some(Value::Text(self.set.as_str())),
            "now" => self.now.map(|now| Value::Number(now, self.unit)),
            "p" => self.outlook.as_ref()?.probability.map(Value::share),
            label => wire::label_value(&self.series, label).map(Value::Text),
        }
    }
}

impl Row for NowRow {
    fn key(&self) -> &[u8] {
        &self.row_key
    }

    fn compare(&self, other: &Self, _: usize) -> Ordering {
        self.rank.cmp(&other.rank)
    }
}
