//! A series as a long table keeps it: two allocations instead of two a label.

use sla_domain::filter::{LABEL_CLOSES, LABEL_OPENS, searched_in, text_of_series};
use sla_proto::series::v1::{Label, Query, Series};

use crate::context::wire::{self, Labelled};

/// A series' source, name, labels and expression.
#[derive(Debug, Clone)]
pub(crate) struct KeptSeries {
    pub(crate) id: Box<[u8]>,
    /// The name of its source.
    source: Box<str>,
    expression: Box<str>,
    /// `name="value",` of each label: what filters look into.
    text: Box<str>,
    /// Bytes of each name and of its value, in that order.
    lengths: Box<[(u32, u32)]>,
}

impl KeptSeries {
    pub(crate) fn new(series: &Series) -> Self {
        let lengths = series
            .labels
            .iter()
            .map(|l| (l.name.len() as u32, l.value.len() as u32));
        Self {
            id: series.id.clone().into(),
            source: series.source.as_str().into(),
            expression: series.expression.as_str().into(),
            lengths: lengths.collect(),
            text: text_of_series(series.labels(), &series.expression).into(),
        }
    }

    /// Name, labels and expression, for filters: a series is not found by the word before its name.
    pub(crate) fn text(&self) -> &str {
        searched_in(&self.text)
    }

    /// The value of a label, whatever the case of its name.
    pub(crate) fn label(&self, name: &str) -> Option<&str> {
        self.labels()
            .find(|(have, _)| have.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }

    /// As PromQL writes it.
    pub(crate) fn promql(&self) -> String {
        wire::series_promql(&self.to_series())
    }

    /// A query that reads exactly this series.
    pub(crate) fn query(&self) -> Query {
        wire::series_query(&self.to_series())
    }

    fn to_series(&self) -> Series {
        let label = |(name, value): (&str, &str)| Label {
            name: name.to_owned(),
            value: value.to_owned(),
        };
        Series {
            id: self.id.to_vec(),
            source: self.source.to_string(),
            labels: self.labels().map(label).collect(),
            expression: self.expression.to_string(),
            ..Series::default()
        }
    }
}

impl Labelled for KeptSeries {
    fn labels(&self) -> impl Iterator<Item = (&str, &str)> {
        let mut at = 0;
        self.lengths.iter().filter_map(move |&(name, value)| {
            let name_end = at + name as usize;
            let start = name_end + LABEL_OPENS.len();
            let end = start + value as usize;
            let pair = self.text.get(at..name_end).zip(self.text.get(start..end));
            at = end + LABEL_CLOSES.len();
            pair
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_what_came() {
        let label = |name: &str, value: &str| Label {
            name: name.into(),
            value: value.into(),
        };
        let series = Series {
            id: vec![7; 16],
            source: "eu".into(),
            labels: vec![label("__name__", "load"), label("a", "x\",y=\"日"), label("b", "")],
            ..Series::default()
        };
        let kept = KeptSeries::new(&series);
        assert_eq!(kept.to_series(), series);
        assert_eq!((kept.label("A"), kept.label("c")), (Some("x\",y=\"日"), None));
        assert_eq!(kept.promql(), wire::series_promql(&series));
        assert!(kept.text().starts_with("load\",a=\"x"), "{}", kept.text());
    }
}
