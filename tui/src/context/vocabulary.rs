//! Words of the source: metric names, and the labels of the series behind one of them. Read when somebody types.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use sla_proto::etl::v1::{ListMetricNamesRequest, ListMetricNamesResponse, ListSeriesRequest, ListSeriesResponse};

use super::remote::Remote;
use super::request::{Answer, Reply, Request, RequestId, Slot};
use super::wire;
use crate::widget::complete::Words;

/// Names and series read at once, and names in all.
const PAGE_ROWS: u32 = 1_000;
const NAMES_MAX: usize = 20_000;
/// Metrics of which the labels are remembered, and values of one label.
const METRICS_MAX: usize = 32;
const VALUES_MAX: usize = 1_000;

/// Labels of a metric, each with its values.
pub(crate) type Labels = BTreeMap<String, BTreeSet<String>>;

/// What is known so far.
#[derive(Debug, Default)]
pub(crate) struct Vocabulary {
    names: Remote<BTreeSet<String>>,
    labels: VecDeque<(String, Labels)>,
    /// The metric whose labels were asked for.
    asking: Option<(RequestId, String)>,
}

impl Vocabulary {
    /// Names known, in their order.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.names.get().into_iter().flatten().map(String::as_str)
    }

    /// What must be asked so that `text` can be completed: a request and its slot.
    pub(crate) fn wants(&self, text: &str) -> Option<(Slot, Request)> {
        if self.names.get().is_none() && !self.names.is_loading() {
            return Some((Slot::WordNames, names_request("").into()));
        }
        let metric = crate::widget::complete::metric_before(text)?;
        let known = self.labels.iter().any(|(have, _)| have == metric);
        let asked = self.asking.as_ref().is_some_and(|(_, have)| have == metric);
        if known || asked || self.names.get().is_none_or(|names| !names.contains(metric)) {
            return None;
        }
        let request = ListSeriesRequest {
            query: Some(wire::query_from_text(metric)),
            page_size: PAGE_ROWS,
            page_token: String::new(),
        };
        Some((Slot::WordLabels, request.into()))
    }

    /// The request has left.
    pub(crate) fn asked(&mut self, slot: Slot, id: RequestId, text: &str, now_ms: i64) {
        if slot == Slot::WordNames {
            self.names.asked(id, now_ms);
        } else if let Some(metric) = crate::widget::complete::metric_before(text) {
            self.asking = Some((id, metric.to_owned()));
        }
    }

    /// An answer; what cannot be read is only missing from what is offered. Returns the request for the next page.
    pub(crate) fn reply(&mut self, slot: Slot, id: RequestId, result: Answer, now_ms: i64) -> Option<Request> {
        if slot == Slot::WordLabels {
            self.take_labels(id, result);
            return None;
        }
        let mut names = self.names.get().cloned().unwrap_or_default();
        let mut next = String::new();
        let told = result.and_then(Reply::take::<ListMetricNamesResponse>).map(|told| {
            names.extend(told.names.into_iter().map(|name| name.name));
            next = told.next_page_token;
            names
        });
        let count = told.as_ref().map_or(0, BTreeSet::len);
        let taken = self.names.answer(id, told, now_ms);
        (taken && !next.is_empty() && count < NAMES_MAX).then(|| names_request(&next).into())
    }

    fn take_labels(&mut self, id: RequestId, result: Answer) {
        let Some((_, metric)) = self.asking.take_if(|(asked, _)| *asked == id) else {
            return;
        };
        let told = result.and_then(Reply::take::<ListSeriesResponse>).unwrap_or_default();
        let mut labels = Labels::new();
        for label in told.series.iter().flat_map(|series| &series.labels) {
            let values = labels.entry(label.name.clone()).or_default();
            if label.name != "__name__" && values.len() < VALUES_MAX {
                values.insert(label.value.clone());
            }
        }
        labels.remove("__name__");
        if self.labels.len() == METRICS_MAX {
            self.labels.pop_front();
        }
        self.labels.push_back((metric, labels));
    }
}

impl Words for Vocabulary {
    fn metrics(&self) -> Vec<&str> {
        self.names().collect()
    }

    fn labels(&self, metric: &str) -> Vec<&str> {
        let of = self.labels.iter().find(|(have, _)| have == metric);
        of.map(|(_, labels)| labels.keys().map(String::as_str).collect())
            .unwrap_or_default()
    }

    fn values(&self, metric: &str, label: &str) -> Vec<&str> {
        let of = self.labels.iter().find(|(have, _)| have == metric);
        let values = of.and_then(|(_, labels)| labels.get(label));
        values.into_iter().flatten().map(String::as_str).collect()
    }
}

fn names_request(page_token: &str) -> ListMetricNamesRequest {
    ListMetricNamesRequest {
        page_size: PAGE_ROWS,
        page_token: page_token.to_owned(),
        ..ListMetricNamesRequest::default()
    }
}
