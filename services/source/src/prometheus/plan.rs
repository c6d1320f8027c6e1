//! Which questions cover which series: a bulk read is cut into batches, a batch into few selectors.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use sla_domain::series::quoted;
use sla_domain::{Labels, METRIC_NAME};

use crate::port::MAX_SERIES_PER_REQUEST;

/// Longest list of alternatives in one matcher, in bytes of its text.
const MAX_ALTERNATIVES_BYTES: usize = 16 << 10;

/// One condition on a label.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Matcher {
    /// The label has this value.
    Equal(String, String),
    /// The label has one of these values; at least two.
    OneOf(String, Vec<String>),
}

impl Matcher {
    /// The label's name.
    pub(super) fn name(&self) -> &str {
        match self {
            Self::Equal(name, _) | Self::OneOf(name, _) => name,
        }
    }

    /// Whether it says which metric, and only one.
    pub(super) fn is_one_metric(&self) -> bool {
        matches!(self, Self::Equal(name, _) if name == METRIC_NAME)
    }

    /// The values as an anchored regular expression.
    pub(super) fn pattern(&self) -> String {
        match self {
            Self::Equal(_, value) => alternatives(std::slice::from_ref(value)),
            Self::OneOf(_, values) => alternatives(values),
        }
    }

    /// Label name, and the value or anchored regular expression as it goes into a matcher.
    pub(super) fn name_and_text(&self) -> (&str, String) {
        match self {
            Self::Equal(name, value) => (name, value.clone()),
            Self::OneOf(name, values) => (name, alternatives(values)),
        }
    }
}

fn alternatives(values: &[String]) -> String {
    let mut out = String::new();
    for value in values {
        if !out.is_empty() {
            out.push('|');
        }
        for c in value.chars() {
            // Go's regexp.QuoteMeta.
            if r"\.+*?()|[]{}^$".contains(c) {
                out.push('\\');
            }
            out.push(c);
        }
    }
    out
}

/// Conditions that together cover some series (and perhaps a few more).
pub(super) type Selection = Vec<Matcher>;

/// `selection` as PromQL writes it. Label names outside the classic alphabet are quoted, as Prometheus 3 wants it.
pub(super) fn text(selection: &Selection) -> String {
    let mut out = String::from("{");
    for (at, matcher) in selection.iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        let (name, value) = matcher.name_and_text();
        let classic = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        let operator = if matches!(matcher, Matcher::Equal(..)) {
            "="
        } else {
            "=~"
        };
        let value = quoted(&value);
        // Writing to a String cannot fail.
        let _ = if classic {
            write!(out, "{name}{operator}{value}")
        } else {
            write!(out, "{}{operator}{value}", quoted(name))
        };
    }
    out.push('}');
    out
}

/// Cuts `series` into batches of at most [`MAX_SERIES_PER_REQUEST`], series of one metric together where possible.
pub(super) fn batches(mut series: Vec<Labels>) -> Vec<Vec<Labels>> {
    series.sort_unstable_by(|a, b| (a.metric_name(), a).cmp(&(b.metric_name(), b)));
    series.dedup();
    let mut out: Vec<Vec<Labels>> = Vec::new();
    let mut open: Vec<Labels> = Vec::new();
    for group in series.chunk_by(|a, b| a.metric_name() == b.metric_name()) {
        if !open.is_empty() && open.len() + group.len() > MAX_SERIES_PER_REQUEST {
            out.push(std::mem::take(&mut open));
        }
        for piece in group.chunks(MAX_SERIES_PER_REQUEST) {
            if open.len() + piece.len() > MAX_SERIES_PER_REQUEST {
                out.push(std::mem::take(&mut open));
            }
            open.extend_from_slice(piece);
        }
    }
    if !open.is_empty() {
        out.push(open);
    }
    out
}

/// How the selections of one batch are made.
#[derive(Debug, Clone, Copy)]
pub(super) struct Style {
    /// Whether one selection may span several metric names.
    join_names: bool,
    /// A selection may match this many percent of the series wanted; the rest is dropped on arrival.
    matched_percent: usize,
}

impl Style {
    /// Many selections go into one remote read and cost little there; what they bring too much costs more.
    pub(super) const REMOTE_READ: Self = Self {
        join_names: true,
        matched_percent: 105,
    };
    /// Each selection is a request of its own.
    pub(super) const QUERY: Self = Self {
        join_names: true,
        matched_percent: 150,
    };
    /// Each selection is the argument of a function, which fails on several names.
    pub(super) const FUNCTION: Self = Self {
        join_names: false,
        matched_percent: 200,
    };
}

/// Few selections that cover `series`, and not many others.
pub(super) fn selections(series: &[Labels], style: Style) -> Vec<Selection> {
    let mut shapes: BTreeMap<(Vec<&str>, &str), Vec<&Labels>> = BTreeMap::new();
    for labels in series {
        let names: Vec<&str> = labels.iter().map(|(name, _)| name).collect();
        let metric = if style.join_names { "" } else { labels.metric_name() };
        shapes.entry((names, metric)).or_default().push(labels);
    }
    let mut out = Vec::new();
    for group in shapes.into_values() {
        split(&group, style, &mut out);
    }
    out
}

fn split(group: &[&Labels], style: Style, out: &mut Vec<Selection>) {
    let Some(first) = group.first() else {
        return;
    };
    let mut values: Vec<(&str, BTreeSet<&str>)> = first.iter().map(|(name, _)| (name, BTreeSet::new())).collect();
    for labels in group {
        for ((_, seen), (_, value)) in values.iter_mut().zip(labels.iter()) {
            seen.insert(value);
        }
    }
    let mut longest = 0;
    for (_, seen) in &values {
        if seen.len() > 1 {
            longest = longest.max(seen.iter().map(|value| value.len() + 1).sum());
        }
    }
    let fits = combinations(group, &values).saturating_mul(100) <= group.len() * style.matched_percent
        && longest <= MAX_ALTERNATIVES_BYTES;
    if group.len() == 1 || fits {
        out.push(
            values
                .into_iter()
                .map(|(name, seen)| {
                    let mut seen: Vec<String> = seen.into_iter().map(str::to_owned).collect();
                    match (seen.len(), seen.pop()) {
                        (1, Some(value)) => Matcher::Equal(name.to_owned(), value),
                        (_, last) => {
                            seen.extend(last);
                            Matcher::OneOf(name.to_owned(), seen)
                        }
                    }
                })
                .collect(),
        );
        return;
    }
    // Cut along the label with the fewest (but more than one) values, the metric name first.
    let cut = values
        .iter()
        .filter(|(_, seen)| seen.len() > 1)
        .min_by_key(|(name, seen)| (*name != METRIC_NAME, seen.len()))
        .map_or("", |(name, _)| *name);
    let mut parts: BTreeMap<&str, Vec<&Labels>> = BTreeMap::new();
    for labels in group {
        parts.entry(labels.get(cut).unwrap_or("")).or_default().push(labels);
    }
    if parts.len() <= 1 {
        // The same series twice over; ask for each by itself.
        for labels in group {
            split(&[labels], style, out);
        }
        return;
    }
    for part in parts.into_values() {
        split(&part, style, out);
    }
}

/// How many series may match, when a label that is told by another (the pod by the instance) counts once. A guess: should
/// the server match far more, the answer hits the body cap and the batch is halved. Names are never told by hosts.
fn combinations(group: &[&Labels], values: &[(&str, BTreeSet<&str>)]) -> usize {
    let Some((key, _)) = values.iter().max_by_key(|(_, seen)| seen.len()) else {
        return 1;
    };
    values.iter().fold(1, |product, (name, seen)| {
        let told = name != key && ![*name, *key].contains(&METRIC_NAME) && {
            let mut by_key: BTreeMap<&str, &str> = BTreeMap::new();
            group.iter().all(|labels| {
                let value = labels.get(name).unwrap_or("");
                *by_key.entry(labels.get(key).unwrap_or("")).or_insert(value) == value
            })
        };
        product.saturating_mul(if told { 1 } else { seen.len() })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn estate(names: usize, hosts: usize) -> Vec<Labels> {
        (0..names)
            .flat_map(|n| {
                (0..hosts).map(move |h| {
                    Labels::from_pairs([
                        (METRIC_NAME, format!("m{n}")),
                        ("instance", format!("10.0.0.{h}:9100")),
                        ("job", "node".to_owned()),
                    ])
                })
            })
            .collect()
    }

    fn covers(selection: &Selection, labels: &Labels) -> bool {
        selection.iter().all(|matcher| match matcher {
            Matcher::Equal(name, value) => labels.get(name) == Some(value),
            Matcher::OneOf(name, values) => values.iter().any(|value| labels.get(name) == Some(value)),
        })
    }

    #[test]
    fn a_full_estate_needs_one_selection_a_batch() {
        let all = estate(18, 20);
        let batches = batches(all.clone());
        assert_eq!(batches.len(), 2);
        assert!(batches.iter().all(|batch| batch.len() <= MAX_SERIES_PER_REQUEST));
        assert_eq!(batches.iter().map(Vec::len).sum::<usize>(), all.len());
        for batch in &batches {
            assert_eq!(selections(batch, Style::REMOTE_READ).len(), 1);
        }
        assert_eq!(selections(&batches[0], Style::FUNCTION).len(), 10);
    }

    #[test]
    fn every_series_is_covered_and_the_surplus_is_bounded() {
        let all = estate(9, 13);
        for keep in [2, 3, 5, 7, 11] {
            let wanted: Vec<Labels> = all.iter().step_by(keep).cloned().collect();
            for style in [Style::FUNCTION, Style::QUERY, Style::REMOTE_READ] {
                let selections = selections(&wanted, style);
                let matched: usize = all
                    .iter()
                    .map(|labels| selections.iter().filter(|one| covers(one, labels)).count())
                    .sum();
                assert!(
                    wanted
                        .iter()
                        .all(|labels| selections.iter().any(|one| covers(one, labels)))
                );
                assert!(
                    matched * 100 <= wanted.len() * style.matched_percent,
                    "{keep}: {matched} of {}",
                    wanted.len()
                );
            }
        }
    }

    #[test]
    fn labels_that_vary_together_stay_together() {
        let pods: Vec<Labels> = (0..200)
            .map(|n| {
                Labels::from_pairs([
                    (METRIC_NAME, "m".to_owned()),
                    ("instance", format!("i{n}")),
                    ("pod", format!("p{}", n / 2)),
                ])
            })
            .collect();
        assert_eq!(selections(&pods, Style::REMOTE_READ).len(), 1);
    }

    #[test]
    fn text_escapes_values_and_quotes_strange_names() {
        let selection = vec![
            Matcher::Equal("a.b".into(), "x\"y".into()),
            Matcher::OneOf("c".into(), vec!["1.5".into(), "(2)".into()]),
        ];
        assert_eq!(text(&selection), r#"{"a.b"="x\"y",c=~"1\\.5|\\(2\\)"}"#);
    }
}
