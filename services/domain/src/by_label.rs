//! Many series found by the labels that selectors demand: who asks for a thousand of a thousand does not compare each with each.

use std::collections::HashMap;

use crate::selector::{MatchOp, Selector};
use crate::series::Labels;

/// Series by each of their labels.
#[derive(Debug)]
pub struct ByLabel<'a> {
    all: Vec<&'a Labels>,
    places: HashMap<(&'a str, &'a str), Vec<usize>>,
}

impl<'a> ByLabel<'a> {
    /// Of these, each in its place.
    pub fn new(all: impl IntoIterator<Item = &'a Labels>) -> Self {
        let all: Vec<&Labels> = all.into_iter().collect();
        let mut places: HashMap<_, Vec<usize>> = HashMap::new();
        for (at, labels) in all.iter().enumerate() {
            for label in labels.iter() {
                places.entry(label).or_default().push(at);
            }
        }
        Self { all, places }
    }

    /// The places of those that a selector means, rising.
    pub fn places(&self, selector: &Selector) -> Vec<usize> {
        let demands = selector
            .matchers()
            .iter()
            .filter(|one| one.op() == MatchOp::Equal && !one.value().is_empty());
        let none = Vec::new();
        let demanded = demands.map(|one| self.places.get(&(one.name(), one.value())).unwrap_or(&none));
        let is_meant = |at: &usize| selector.matches(self.all[*at]);
        match demanded.min_by_key(|places| places.len()) {
            Some(rarest) => rarest.iter().copied().filter(is_meant).collect(),
            None => (0..self.all.len()).filter(is_meant).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::Query;

    #[test]
    fn it_finds_what_comparing_each_with_each_finds() {
        let all: Vec<Labels> = (0..60)
            .map(|at| {
                let (city, lat) = (format!("c{}", at % 7), format!("{}", at % 11));
                let pairs = [("__name__", if at % 2 == 0 { "rain" } else { "snow" }), ("city", &city)];
                Labels::from_pairs(pairs.into_iter().chain((at % 3 > 0).then_some(("lat", lat.as_str()))))
            })
            .collect();
        let by_label = ByLabel::new(&all);
        let texts = [
            "rain",
            "rain{city=\"c3\"}",
            "{city=\"c3\",lat=\"\"}",
            "{city=~\"c[12]\"}",
            "{lat!=\"\"}",
            "snow{city!=\"c1\",lat=\"4\"}",
            "hail",
            "rain{city=\"nowhere\"}",
        ];
        for text in texts {
            let selector = Query::parse_selector(text).unwrap();
            let scanned: Vec<usize> = (0..all.len()).filter(|at| selector.matches(&all[*at])).collect();
            assert_eq!(by_label.places(&selector), scanned, "{text}");
        }
    }
}
