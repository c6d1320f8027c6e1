//! Series in a place each, found by their labels: a question about one of a thousand cities looks at the series of that city.

use std::collections::{BTreeSet, HashMap};

use sla_domain::{Labels, MatchOp, Query, Samples};

use crate::port::Targets;

/// A name and a value.
type Label = (String, String);

/// All series that are kept.
#[derive(Debug, Default)]
pub(super) struct Shelf {
    /// A place stays free once its series was forgotten, until another one takes it.
    places: Vec<Option<(Labels, Samples)>>,
    free: Vec<usize>,
    by_labels: HashMap<Labels, usize>,
    by_label: HashMap<Label, BTreeSet<usize>>,
}

impl Shelf {
    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.by_labels.len()
    }

    /// Whether there is one of these labels.
    pub(super) fn has(&self, labels: &Labels) -> bool {
        self.by_labels.contains_key(labels)
    }

    /// The samples of a series; a new one has none yet.
    pub(super) fn samples_mut(&mut self, labels: &Labels) -> &mut Samples {
        let at = match self.by_labels.get(labels) {
            Some(at) => *at,
            None => self.take_place(labels),
        };
        let (_, samples) = self.places[at].get_or_insert_with(|| (labels.clone(), Samples::default()));
        samples
    }

    fn take_place(&mut self, labels: &Labels) -> usize {
        let at = self.free.pop().unwrap_or_else(|| {
            self.places.push(None);
            self.places.len() - 1
        });
        self.by_labels.insert(labels.clone(), at);
        for (name, value) in labels.iter() {
            let label = (name.to_owned(), value.to_owned());
            self.by_label.entry(label).or_default().insert(at);
        }
        at
    }

    /// Forgets a series with all its samples.
    pub(super) fn remove(&mut self, labels: &Labels) {
        let Some(at) = self.by_labels.remove(labels) else {
            return;
        };
        self.places[at] = None;
        self.free.push(at);
        for (name, value) in labels.iter() {
            let label = (name.to_owned(), value.to_owned());
            if let Some(places) = self.by_label.get_mut(&label) {
                places.remove(&at);
                if places.is_empty() {
                    self.by_label.remove(&label);
                }
            }
        }
    }

    /// All of them, in no order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&Labels, &Samples)> {
        self.places.iter().flatten().map(|(labels, samples)| (labels, samples))
    }

    /// Those that targets may mean, and some that they do not: whoever is asked looks again.
    pub(super) fn candidates(&self, targets: &Targets) -> Vec<(Labels, Samples)> {
        let places: BTreeSet<usize> = match targets {
            Targets::Series(series) => series
                .iter()
                .filter_map(|one| self.by_labels.get(one).copied())
                .collect(),
            Targets::Selectors(texts) => texts.iter().flat_map(|text| self.selected(text)).collect(),
        };
        places.into_iter().filter_map(|at| self.places[at].clone()).collect()
    }

    /// The places with the rarest label that a selector demands; all, where it demands none.
    fn selected(&self, text: &str) -> Vec<usize> {
        let Ok(selector) = Query::parse_selector(text) else {
            // It is refused by whoever reads.
            return Vec::new();
        };
        let demands = selector
            .matchers()
            .iter()
            .filter(|one| one.op() == MatchOp::Equal && !one.value().is_empty());
        let none = BTreeSet::new();
        let found = demands.map(|one| {
            let label = (one.name().to_owned(), one.value().to_owned());
            self.by_label.get(&label).unwrap_or(&none)
        });
        match found.min_by_key(|places| places.len()) {
            Some(places) => places.iter().copied().collect(),
            None => (0..self.places.len()).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(metric: &str, city: &str) -> Labels {
        Labels::from_pairs([("__name__", metric), ("city", city)])
    }

    fn shelf() -> Shelf {
        let mut shelf = Shelf::default();
        for (at, city) in ["Oslo", "Catania", "Salem"].into_iter().enumerate() {
            for metric in ["rain", "snow"] {
                shelf.samples_mut(&labels(metric, city)).push(at as i64, 1.0);
            }
        }
        shelf
    }

    #[test]
    fn who_may_be_meant_is_found_by_the_rarest_label() {
        let shelf = shelf();
        let found = |text: &str| {
            let found = shelf.candidates(&Targets::Selectors(vec![text.to_owned()]));
            found.into_iter().map(|(labels, _)| labels).collect::<Vec<_>>()
        };
        let both = [labels("rain", "Oslo"), labels("snow", "Oslo")];
        assert_eq!(found(r#"snow{city="Oslo"}"#), both, "the reader leaves one out");
        assert_eq!(found(r#"{city="Oslo",region=""}"#), both);
        assert_eq!(found("rain").len(), 3);
        assert_eq!(found(r#"{city=~"Oslo|Salem"}"#).len(), 6, "nothing is demanded: all");
        assert_eq!(found(r#"rain{city="Nowhere"}"#), []);
        assert_eq!(found("rain{"), []);
        let exactly = Targets::Series(vec![labels("rain", "Salem"), labels("rain", "Nowhere")]);
        assert_eq!(shelf.candidates(&exactly).len(), 1);
    }

    #[test]
    fn a_place_that_is_free_is_taken_again() {
        let mut shelf = shelf();
        shelf.remove(&labels("rain", "Oslo"));
        shelf.remove(&labels("rain", "Oslo"));
        assert_eq!((shelf.len(), shelf.iter().count()), (5, 5));
        shelf.samples_mut(&labels("rain", "Reno")).push(9, 2.0);
        assert!(shelf.has(&labels("rain", "Reno")) && shelf.places.len() == 6);
        let reno = shelf.candidates(&Targets::Selectors(vec![r#"{city="Reno"}"#.to_owned()]));
        assert_eq!(reno[0].1.times_ms, [9]);
        let oslo = shelf.candidates(&Targets::Selectors(vec![r#"{city="Oslo"}"#.to_owned()]));
        assert_eq!(oslo.len(), 1);
    }
}
