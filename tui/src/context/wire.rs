//! Reading the contract's messages: times, names, states, safe texts.

use std::collections::HashMap;

use prost_types::{Duration, Timestamp};
use sla_domain::quantity::exact;
use sla_domain::{SafeText, Unit};
use sla_proto::convert as time;
use sla_proto::objective::v1::{AllowedRange, Objective};
use sla_proto::series::v1::{CounterMode, Query, Series, query};
use sla_proto::violation::v1 as violation;

use crate::say;
use crate::theme::Role;

/// Unix milliseconds of an optional time.
pub(crate) fn ms(time: Option<&Timestamp>) -> Option<i64> {
    time.map(time::millis)
}

/// Milliseconds of an optional duration.
pub(crate) fn span_ms(duration: Option<&Duration>) -> Option<i64> {
    duration.map(time::duration_ms)
}

/// The state of the instant; the order is that of trouble.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum State {
    Excluded,
    Ok,
    AtRisk,
    NoData,
    Violated,
}

impl State {
    /// Of a message; what is not told is not known.
    pub(crate) fn of(state: violation::State) -> Self {
        match state {
            violation::State::Ok => Self::Ok,
            violation::State::AtRisk => Self::AtRisk,
            violation::State::Violated => Self::Violated,
            violation::State::Excluded => Self::Excluded,
            violation::State::NoData | violation::State::Unspecified => Self::NoData,
        }
    }

    pub(crate) fn mark(self) -> char {
        match self {
            Self::Ok => '✓',
            Self::AtRisk => '▲',
            Self::Violated => '✗',
            Self::NoData => '?',
            Self::Excluded => '–',
        }
    }

    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Ok => say::words::ok(),
            Self::AtRisk => say::words::at_risk(),
            Self::Violated => say::words::violated(),
            Self::NoData => say::words::no_data(),
            Self::Excluded => say::words::excluded(),
        }
    }

    /// The word that JSON and texts to copy use, in any language.
    pub(crate) fn key(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::AtRisk => "at risk",
            Self::Violated => "violated",
            Self::NoData => "no data",
            Self::Excluded => "excluded",
        }
    }

    /// The word that filters, JSON and config use, and its rank.
    pub(crate) fn ranked(self) -> (&'static str, u8) {
        crate::filter::STATE_RANKS[self as usize]
    }

    pub(crate) fn role(self) -> Role {
        match self {
            Self::Ok => Role::Ok,
            Self::AtRisk => Role::AtRisk,
            Self::Violated => Role::Violated,
            Self::NoData => Role::NoData,
            Self::Excluded => Role::Excluded,
        }
    }
}

/// How a state is shown. A state that is well but whose unproven forecast says that it will not stay so has a mark of its own,
/// for `ok` is read as green.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mark {
    State(State),
    /// A forecast says that the range will be left, but such forecasts are not proven here.
    Unproven,
    /// Nobody watches it.
    NotWatched,
}

impl Mark {
    /// How an objective stands now.
    pub(crate) fn of_objective(status: &violation::ObjectiveStatus) -> Self {
        Self::of(State::of(status.state()), status.outlook.as_ref())
    }

    pub(crate) fn of(state: State, outlook: Option<&violation::Outlook>) -> Self {
        if state == State::Ok && outlook.is_some_and(warns_unproven) {
            return Self::Unproven;
        }
        Self::State(state)
    }

    pub(crate) fn glyph(self) -> char {
        match self {
            Self::State(state) => state.mark(),
            Self::Unproven => '◇',
            Self::NotWatched => '⏸',
        }
    }

    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::State(state) => state.word(),
            Self::Unproven => say::words::unproven(),
            Self::NotWatched => say::words::not_watched(),
        }
    }

    /// The word that filters and JSON use, in any language.
    pub(crate) fn key(self) -> &'static str {
        match self {
            Self::State(state) => state.key(),
            Self::Unproven => "unproven",
            Self::NotWatched => "not watched",
        }
    }

    pub(crate) fn role(self) -> Role {
        match self {
            Self::State(state) => state.role(),
            Self::Unproven => Role::AtRisk,
            Self::NotWatched => Role::NoData,
        }
    }
}

/// From this probability on a forecast speaks of leaving the range.
const LIKELY: f64 = 0.5;

fn warns_unproven(outlook: &violation::Outlook) -> bool {
    let trust = outlook.track_record.as_ref().map(violation::TrackRecord::trust);
    let proven = matches!(trust, Some(violation::Trust::Proven | violation::Trust::Withheld));
    outlook.probability.is_some_and(|p| p >= LIKELY) && !proven
}

/// A state with its reason, which may hold the state's own word.
pub(crate) fn with_reason(word: &str, why: &str) -> String {
    if why.is_empty() {
        word.to_owned()
    } else if why.starts_with(word) {
        why.to_owned()
    } else {
        format!("{word}: {}", why.replacen(&format!("{word}: "), "", 1))
    }
}

/// The metric name of a series, or its expression.
pub(crate) fn series_name(series: &Series) -> SafeText {
    let name = name_of(series);
    if name.is_empty() {
        SafeText::new(&series.expression)
    } else {
        SafeText::new(name)
    }
}

/// Something that has labels.
pub(crate) trait Labelled {
    /// Names and values, with `__name__`.
    fn labels(&self) -> impl Iterator<Item = (&str, &str)>;
}

impl Labelled for Series {
    fn labels(&self) -> impl Iterator<Item = (&str, &str)> {
        self.labels.iter().map(|l| (l.name.as_str(), l.value.as_str()))
    }
}

/// Labels without the name, those that tell series apart first: `host-1 node` rather than `instance="host-1",job="node"`.
pub(crate) fn series_labels(series: &impl Labelled) -> SafeText {
    series_labels_without(series, &[])
}

/// The same without the labels named.
fn series_labels_without(series: &impl Labelled, shared: &[(&str, &str)]) -> SafeText {
    let mut labels: Vec<(&str, &str)> = series
        .labels()
        .filter(|(name, _)| *name != "__name__" && shared.iter().all(|(have, _)| have != name))
        .collect();
    labels.sort_by_key(|(name, _)| match *name {
        "instance" | "host" | "node" | "pod" => 0,
        "job" | "namespace" | "cluster" => 2,
        _ => 1,
    });
    let values: Vec<&str> = labels.iter().map(|(_, value)| *value).collect();
    SafeText::new(&values.join(" "))
}

/// For each series the labels that tell it apart: without those that all share, or all of its name.
pub(crate) fn telling_labels<S: Labelled>(all: &[&S]) -> Vec<SafeText> {
    let everywhere = shared_labels(all);
    let mut by_name: HashMap<&str, Vec<&S>> = HashMap::new();
    for series in all {
        by_name.entry(name_of(*series)).or_default().push(series);
    }
    let within: HashMap<&str, Vec<(&str, &str)>> = by_name
        .into_iter()
        .map(|(name, group)| {
            let mut shared = shared_labels(&group);
            shared.extend(&everywhere);
            (name, shared)
        })
        .collect();
    all.iter()
        .map(|series| series_labels_without(*series, within.get(name_of(*series)).map_or(&[], Vec::as_slice)))
        .collect()
}

fn name_of(series: &impl Labelled) -> &str {
    series
        .labels()
        .find(|(name, _)| *name == "__name__")
        .map_or("", |(_, value)| value)
}

/// The value of a label, its name in any case.
pub(crate) fn label_value<'s>(series: &'s Series, name: &str) -> Option<&'s str> {
    let found = series.labels.iter().find(|label| label.name.eq_ignore_ascii_case(name));
    found.map(|label| label.value.as_str())
}

/// The labels that have one and the same value in all of several series.
fn shared_labels<'s, S: Labelled>(all: &[&'s S]) -> Vec<(&'s str, &'s str)> {
    let Some((first, others)) = all.split_first().filter(|(_, others)| !others.is_empty()) else {
        return Vec::new();
    };
    let mut shared: Vec<(&str, &str)> = first.labels().collect();
    for series in others {
        if shared.is_empty() {
            break;
        }
        shared.retain(|label| series.labels().any(|have| have == *label));
    }
    shared
}

/// `name{a="b"}` as PromQL writes it, to copy and to show in full.
pub(crate) fn series_promql(series: &Series) -> String {
    if series.expression.is_empty() {
        sla_proto::convert::labels(series).to_string()
    } else {
        series.expression.clone()
    }
}

/// A query that reads exactly this series, from its own source.
pub(crate) fn series_query(series: &Series) -> Query {
    let text = series_promql(series);
    let query = if series.expression.is_empty() {
        query::Query::Selector(text)
    } else {
        query::Query::Expression(text)
    };
    Query {
        query: Some(query),
        step_ms: 0,
        source: series.source.clone(),
    }
}

/// The text of a query.
pub(crate) fn query_text(query: Option<&Query>) -> &str {
    query.map_or("", sla_proto::convert::query_text)
}

/// A query from what was typed: a selector when it looks like one, else an expression. The server has the last word.
pub(crate) fn query_from_text(text: &str) -> Query {
    let text = text.trim();
    let name_end = text
        .find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | ':')))
        .unwrap_or(text.len());
    let rest = text[name_end..].trim();
    let plain = (rest.is_empty() && name_end > 0)
        || (rest.starts_with('{') && rest.ends_with('}') && rest.matches('{').count() == 1);
    let query = if plain {
        query::Query::Selector(text.to_owned())
    } else {
        query::Query::Expression(text.to_owned())
    };
    Query {
        query: Some(query),
        step_ms: 0,
        source: String::new(),
    }
}

/// What the values of a series are measured in; `rate` where they are per-second rates.
pub(crate) fn unit_of(series: &Series, rate: bool) -> Unit {
    Unit::guess(name_of(series), rate)
}

/// What the values of a violation are measured in: counters are judged by their rate.
pub(crate) fn judged_unit(series: &Series) -> Unit {
    Unit::judged(name_of(series), false)
}

/// What the answers of a query are measured in; plain where it is not known.
pub(crate) fn query_unit(query: Option<&Query>, raw: bool) -> Unit {
    sla_domain::Query::parse(query_text(query)).map_or(Unit::PLAIN, |query| query.unit(raw))
}

/// What is typed as a bound on the answers of a query is read in; plain where it is not known.
pub(crate) fn bound_unit(query: Option<&Query>, mode: CounterMode) -> Unit {
    let query = sla_domain::Query::parse(query_text(query));
    query.map_or(Unit::PLAIN, |query| query.bound_unit(mode == CounterMode::Raw))
}

/// What an objective's values and bounds are measured in.
pub(crate) fn objective_unit(objective: &Objective) -> Unit {
    query_unit(objective.query.as_ref(), objective.counter_mode() == CounterMode::Raw)
}

/// What an objective is called.
pub(crate) fn objective_name(objective: &Objective) -> SafeText {
    if objective.name.is_empty() {
        SafeText::new(query_text(objective.query.as_ref()))
    } else {
        SafeText::new(&objective.name)
    }
}

/// `[1, 4]`, `max 4`, `min 1`: in words, for `≤` has no ASCII form of one character.
pub(crate) fn range_text(range: Option<&AllowedRange>, unit: Unit) -> String {
    match range.map(|r| (r.min, r.max)) {
        Some((Some(min), Some(max))) => format!("[{}, {}]", exact(min, unit), exact(max, unit)),
        Some((Some(min), None)) => format!("min {}", exact(min, unit)),
        Some((None, Some(max))) => format!("max {}", exact(max, unit)),
        _ => "–".to_owned(),
    }
}

/// `above` or `below`.
pub(crate) fn side_word(side: violation::Side) -> &'static str {
    match side {
        violation::Side::Above => say::words::above(),
        violation::Side::Below => say::words::below(),
        violation::Side::Unspecified => say::words::outside(),
    }
}

/// The word that filters and JSON use, in any language.
pub(crate) fn side_key(side: violation::Side) -> &'static str {
    match side {
        violation::Side::Above => "above",
        violation::Side::Below => "below",
        violation::Side::Unspecified => "outside",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typed_queries_are_told_apart() {
        for (text, selector) in [
            ("up", true),
            ("node_load1{job=\"node\"}", true),
            ("{__name__=~\"node.*\"}", true),
            ("rate(http_requests_total[5m])", false),
            ("a{x=\"1\"} / b{x=\"1\"}", false),
            ("1 - up", false),
        ] {
            let query = query_from_text(text).query.unwrap();
            assert_eq!(matches!(query, query::Query::Selector(_)), selector, "{text}");
        }
    }

    #[test]
    fn only_labels_that_tell_series_apart_are_shown() {
        let series = |pairs: &[(&str, &str)]| Series {
            labels: pairs
                .iter()
                .map(|(name, value)| sla_proto::series::v1::Label {
                    name: (*name).into(),
                    value: (*value).into(),
                })
                .collect(),
            ..Series::default()
        };
        let all = [
            series(&[("__name__", "load"), ("instance", "a:1"), ("job", "node")]),
            series(&[("__name__", "load"), ("instance", "b:1"), ("job", "node")]),
            series(&[
                ("__name__", "requests"),
                ("code", "200"),
                ("instance", "a:1"),
                ("job", "shop"),
            ]),
        ];
        let told = telling_labels(&all.iter().collect::<Vec<_>>());
        let told: Vec<&str> = told.iter().map(SafeText::as_str).collect();
        assert_eq!(told, ["a:1", "b:1", "a:1 200 shop"]);
    }

    #[test]
    fn a_state_is_said_once() {
        assert_eq!(with_reason("no data", "no data: newest 13:55"), "no data: newest 13:55");
        assert_eq!(
            with_reason("no data", "db-1: no data: newest 13:55"),
            "no data: db-1: newest 13:55"
        );
        assert_eq!(
            with_reason("no data", "the source is away"),
            "no data: the source is away"
        );
    }

    #[test]
    fn the_worst_state_is_the_greatest() {
        assert!(State::Violated > State::NoData && State::NoData > State::AtRisk && State::AtRisk > State::Ok);
        for state in [
            State::Excluded,
            State::Ok,
            State::AtRisk,
            State::NoData,
            State::Violated,
        ] {
            assert_eq!(state.ranked().0.replace('_', " "), state.key());
        }
    }
}
