//! Which rows of a table pass its filter, and their order.

use std::collections::HashMap;
use std::sync::Arc;

use sla_domain::filter::{Filter, Filterable, STATE_RANKS, Sieve, Value, searched_in, text_of_series};
use sla_domain::{Labels, SeriesId, Unit};
use sla_proto::result::v1::WindowStatistics;
use sla_proto::series::v1::{CounterMode, Point};
use sla_proto::violation::v1::{GetOverviewRequest, State};
use sla_proto::{convert, lists};

use crate::error::RetrievalError;
use crate::figures;
use crate::order::{By, Key, Order};
use crate::samples::{ReadSeries, Reading, parts};
use crate::service::Core;

/// Fields of a row that are computed of its samples.
const FIGURES: [&str; 5] = ["last", "min", "mean", "max", "std"];
/// The field that the evaluation knows.
const STATE: &str = "state";

/// What one row is computed with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame {
    pub(super) at_ms: i64,
    pub(super) window_ms: i64,
    pub(super) columns: usize,
    pub(super) mode: CounterMode,
}

/// The figures of a row: enough to sort the table.
pub(super) struct Figures {
    pub(super) rate: bool,
    pub(super) last: Option<Point>,
    pub(super) window: WindowStatistics,
    pub(super) problem: Option<String>,
}

impl Figures {
    pub(super) fn of(one: &ReadSeries, frame: Frame) -> Self {
        let rate = figures::is_rate(one.series.kind(), frame.mode);
        match one.samples() {
            Ok(samples) => {
                let drawn = figures::drawn(samples, one.spacing_ms, rate);
                let window = figures::of_window(&drawn, frame.at_ms, frame.window_ms);
                let last = figures::last(&drawn, frame.at_ms);
                let problem = (window.n == 0).then(|| "no samples in this window".to_owned());
                Self {
                    rate,
                    last,
                    window,
                    problem,
                }
            }
            Err(error) => Self {
                rate,
                last: None,
                window: WindowStatistics::default(),
                problem: Some(error.to_string()),
            },
        }
    }

    fn value(&self, name: &str) -> Option<f64> {
        match name {
            "last" => self.last.as_ref().map(|last| last.value),
            "min" => self.window.min,
            "mean" => self.window.mean,
            "max" => self.window.max,
            "std" => self.window.std,
            _ => None,
        }
    }
}

/// Rank of the worst that any objective says about a series, as [`STATE_RANKS`] has it; without those that nobody watches.
pub(super) type Ranks = HashMap<SeriesId, u8>;

/// What a table is asked for beside its series.
#[derive(Debug, Clone)]
pub(super) struct Wish {
    pub(super) filter: Filter,
    pub(super) order: Order,
}

impl Wish {
    /// From the contract's words.
    pub(super) fn parse(filter: &str, sort: &str) -> Result<Self, RetrievalError> {
        let parsed = Filter::parse(filter).map_err(|problem| {
            let fix = "write terms such as `load !host-3 last>2 state>=at_risk`";
            RetrievalError::invalid("filter", filter, problem.to_string(), fix)
        })?;
        Ok(Self {
            filter: parsed,
            order: Order::parse(sort)?,
        })
    }

    fn asks_states(&self) -> bool {
        self.order.by == By::State || self.filter.fields().any(|name| name == STATE)
    }

    /// Whether samples are needed.
    fn asks_figures(&self) -> bool {
        let by_figure = !matches!(self.order.by, By::Name | By::State);
        by_figure || self.filter.fields().any(|name| FIGURES.contains(&name))
    }

    /// Whether rows that have nothing but labels cannot be ordered and sifted by it.
    pub(super) fn asks_more_than_labels(&self) -> bool {
        self.asks_figures() || self.order.by == By::State
    }

    /// A field that the filter asks for and that none of these has.
    pub(super) fn unknown_field(&self, series: &[ReadSeries]) -> Option<&str> {
        let is_label = |name: &str| {
            let of_one = |one: &ReadSeries| one.labels.iter().any(|(have, _)| have.eq_ignore_ascii_case(name));
            series.iter().any(of_one)
        };
        let mut fields = self.filter.fields();
        fields.find(|name| !series.is_empty() && !Seen::FIELDS.contains(name) && !is_label(name))
    }

    /// As far as rows are ordered by labels.
    pub(super) fn order_of_labels(&self) -> Order {
        Order {
            by: By::Name,
            reversed: self.order.by == By::Name && self.order.reversed,
        }
    }

    fn value(&self, figures: Option<&Figures>, rank: Option<u8>) -> Option<f64> {
        let figure = |name| figures.and_then(|figures| figures.value(name));
        match self.order.by {
            By::Name => None,
            By::Last => figure("last"),
            By::Min => figure("min"),
            By::Mean => figure("mean"),
            By::Max => figure("max"),
            By::Std => figure("std"),
            By::State => rank.map(f64::from),
        }
    }
}

/// A series as a filter sees it.
pub(super) struct Seen<'s> {
    labels: &'s Labels,
    text: String,
    figures: Option<&'s Figures>,
    rank: Option<u8>,
}

impl<'s> Seen<'s> {
    /// By its labels alone.
    pub(super) fn labelled(labels: &'s Labels, expression: &str, rank: Option<u8>) -> Self {
        Self {
            labels,
            text: text_of_series(labels.iter(), expression),
            figures: None,
            rank,
        }
    }
}

impl Filterable for Seen<'_> {
    const FIELDS: &'static [&'static str] = &[STATE, "name", "last", "min", "mean", "max", "std"];

    fn haystack(&self) -> &str {
        searched_in(&self.text)
    }

    fn field(&self, name: &str) -> Option<Value<'_>> {
        match name {
            STATE => {
                let (word, rank) = STATE_RANKS.get(usize::from(self.rank?))?;
                Some(Value::Ranked(word, *rank))
            }
            "name" => Some(Value::Text(self.labels.metric_name())),
            _ if FIGURES.contains(&name) => {
                let figures = self.figures?;
                let unit = Unit::guess(self.labels.metric_name(), figures.rate);
                figures.value(name).map(|value| Value::Number(value, unit))
            }
            label => {
                let found = self.labels.iter().find(|(have, _)| have.eq_ignore_ascii_case(label));
                found.map(|(_, value)| Value::Text(value))
            }
        }
    }
}

/// The key of a series that passes.
fn key_of(one: &ReadSeries, frame: Frame, wish: &Wish, sieve: &mut Sieve<'_>, ranks: &Ranks) -> Option<Key> {
    let rank = ranks.get(&one.id).copied();
    let figures = wish.asks_figures().then(|| Figures::of(one, frame));
    if !wish.filter.is_empty() {
        let mut seen = Seen::labelled(&one.labels, &one.series.expression, rank);
        seen.figures = figures.as_ref();
        if !sieve.passes(&seen) {
            return None;
        }
    }
    Some(Key::new(
        wish.value(figures.as_ref(), rank),
        one.labels.to_string(),
        one.id,
    ))
}

impl Core {
    /// The states that a wish asks for; none where it asks for none.
    pub(super) async fn ranks(&self, wish: &Wish) -> Result<Ranks, RetrievalError> {
        if !wish.asks_states() {
            return Ok(Ranks::new());
        }
        let overview = lists::overview(&self.peer, GetOverviewRequest::default()).await;
        let overview = overview.map_err(RetrievalError::upstream("tell the states"))?;
        let mut ranks = Ranks::new();
        for status in overview.objectives.iter().flat_map(|objective| &objective.series) {
            let Some(id) = status.series.as_ref().and_then(convert::series_id) else {
                continue;
            };
            let rank = rank_of(status.state());
            let worst = ranks.entry(id).or_insert(rank);
            *worst = rank.max(*worst);
        }
        Ok(ranks)
    }

    /// Where the series stand that pass, with the keys that order them.
    pub(super) async fn sifted(
        &self,
        reading: &Arc<Reading>,
        frame: Frame,
        wish: &Wish,
    ) -> Result<(Vec<usize>, Vec<Key>), RetrievalError> {
        let ranks = Arc::new(self.ranks(wish).await?);
        let (wish, reading) = (Arc::new(wish.clone()), reading.clone());
        let found = parts(&self.pool, reading.series.len(), move |part| {
            let mut sieve = wish.filter.sieve();
            let mut key = |at: usize| key_of(&reading.series[at], frame, &wish, &mut sieve, &ranks);
            part.filter_map(|at| Some((at, key(at)?))).collect()
        })
        .await?;
        Ok(found.into_iter().unzip())
    }
}

/// A state's place in [`STATE_RANKS`]; what is not told is not known.
fn rank_of(state: State) -> u8 {
    let word = match state {
        State::Ok => sla_domain::State::Ok,
        State::AtRisk => sla_domain::State::AtRisk,
        State::Violated => sla_domain::State::Violated,
        State::Excluded => sla_domain::State::Excluded,
        State::NoData | State::Unspecified => sla_domain::State::NoData,
    }
    .word();
    let found = STATE_RANKS.iter().find(|(have, _)| *have == word);
    found.map_or(0, |(_, rank)| *rank)
}

#[cfg(test)]
mod tests {
    use sla_proto::series::v1::SeriesKind;

    use super::*;
    use crate::samples::tests::series;

    const NOW_MS: i64 = 3_600_000;

    fn frame() -> Frame {
        Frame {
            at_ms: NOW_MS,
            window_ms: NOW_MS,
            columns: 30,
            mode: CounterMode::Raw,
        }
    }

    fn estate() -> Vec<ReadSeries> {
        let one = |host: &str, value: f64| {
            let labels = [("__name__", "node_filesystem_avail_bytes"), ("Host", host)];
            series(&labels, SeriesKind::Gauge, &[(NOW_MS - 60_000, value), (NOW_MS, value)])
        };
        vec![one("a", 3e9), one("b", 1e9), one("c", 2e9)]
    }

    /// Hosts that pass, in order.
    fn hosts(filter: &str, sort: &str, ranks: &Ranks) -> String {
        let wish = Wish::parse(filter, sort).unwrap();
        let mut sieve = wish.filter.sieve();
        let mut kept: Vec<(Key, String)> = estate()
            .iter()
            .filter_map(|one| {
                let key = key_of(one, frame(), &wish, &mut sieve, ranks)?;
                Some((key, one.labels.get("Host").unwrap().to_owned()))
            })
            .collect();
        kept.sort_by(|(a, _), (b, _)| wish.order.compare(a, b));
        kept.into_iter().map(|(_, host)| host).collect()
    }

    #[test]
    fn a_filter_sees_text_labels_figures_and_states() {
        let ids: Vec<SeriesId> = estate().iter().map(|one| one.id).collect();
        let ranks = Ranks::from([(ids[0], rank_of(State::Ok)), (ids[2], rank_of(State::Violated))]);
        for (filter, sort, expect) in [
            ("", "", "abc"),
            ("avail", "-name", "cba"),
            ("!host=b", "-last", "ac"),
            ("max>=2G", "last", "ca"),
            ("last<2G", "", "b"),
            ("name=node_filesystem_avail_bytes mean<2.5G", "-mean", "cb"),
            ("state>=ok", "-state", "ca"),
            ("", "-state", "cab"),
            ("", "state", "acb"),
            ("nothere=1", "", ""),
            ("~cnfavail", "", "c"),
        ] {
            assert_eq!(hosts(filter, sort, &ranks), expect, "{filter} by {sort}");
        }
    }

    #[test]
    fn what_is_not_asked_is_not_computed() {
        let asks = |filter: &str, sort: &str| {
            let wish = Wish::parse(filter, sort).unwrap();
            (wish.asks_figures(), wish.asks_states())
        };
        assert_eq!(asks("load job=node", "name"), (false, false));
        assert_eq!(asks("!last>3", ""), (true, false));
        assert_eq!(asks("", "-std"), (true, false));
        assert_eq!(asks("state=ok", ""), (false, true));
        assert_eq!(asks("", "-state"), (false, true));
    }

    #[test]
    fn a_field_that_no_series_has_is_told() {
        let unknown = |filter: &str, series: &[ReadSeries]| {
            let wish = Wish::parse(filter, "").unwrap();
            wish.unknown_field(series).map(str::to_owned)
        };
        assert_eq!(unknown("host=a !hots=b", &estate()).as_deref(), Some("hots"));
        assert_eq!(unknown("HOST=a state=ok last>1 name=x", &estate()), None);
        assert_eq!(unknown("hots=b", &[]), None, "nothing is known of it");
    }

    #[test]
    fn a_wrong_filter_is_refused_with_what_is_wrong() {
        for (filter, word) in [("state=fine", "violated"), ("/(/", "regular"), ("\"open", "quote")] {
            let error = Wish::parse(filter, "").unwrap_err().to_string();
            assert!(error.contains("filter") && error.contains(word), "{error}");
        }
    }
}
