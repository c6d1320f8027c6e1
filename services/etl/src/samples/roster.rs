//! Which series a run covers, before any of them is read.

use std::collections::HashSet;

use sla_domain::{Selector, SeriesId};
use sla_proto::series::v1::Series;
use sla_source::Call;

use super::derived;
use super::reader::SampleReader;
use super::reading::{QueryProblem, ReadPlan, ReadTally};
use super::tail::{Tail, union};
use crate::error::EtlError;
use crate::query::ReadQuery;

/// A series of a roster.
#[derive(Debug, Clone)]
pub struct Enlisted {
    /// As a message: id, source, labels, expression, kind.
    pub series: Series,
    /// Its fingerprint.
    pub id: SeriesId,
    /// The first query that gives it.
    pub query_index: usize,
}

/// The series of some queries of one source.
#[derive(Debug, Default)]
pub struct Roster {
    /// Each once, in the order of the queries.
    pub series: Vec<Enlisted>,
    /// Queries that could not be asked.
    pub problems: Vec<QueryProblem>,
}

impl SampleReader {
    /// Finds out which series the queries mean. Series of selectors are only named by the source; the results of an expression
    /// are known when it has been evaluated over the whole range, which is remembered for whoever reads it next.
    pub async fn roster(&self, plan: &ReadPlan, call: &Call) -> Result<Roster, EtlError> {
        let memory = &self.0;
        if memory.catalogue.wants_types()
            && let Err(error) = memory.catalogue.names(call).await
        {
            tracing::debug!(%error, "metric types are not known yet");
        }
        let mut tally = ReadTally::default();
        let selectors = plan.selectors();
        Tail {
            memory,
            plan,
            call,
            tally: &mut tally,
        }
        .discover(&selectors)
        .await;
        let evaluated = derived::evaluated(memory, plan, call, &mut tally).await;
        let mut roster = Roster::default();
        let mut seen = HashSet::new();
        for (query_index, query) in plan.queries.iter().enumerate() {
            match query {
                ReadQuery::Selector(selector) => {
                    let one: [(usize, &Selector); 1] = [(query_index, selector)];
                    for labels in union(memory, &one) {
                        let (id, series) = memory.catalogue.series_message(&labels);
                        if seen.insert(id) {
                            roster.series.push(Enlisted {
                                series,
                                id,
                                query_index,
                            });
                        }
                    }
                }
                ReadQuery::Expression { .. } => {
                    for one in evaluated.iter().filter(|one| one.query_index == query_index) {
                        if seen.insert(one.id) {
                            let (series, id) = (one.series.clone(), one.id);
                            roster.series.push(Enlisted {
                                series,
                                id,
                                query_index,
                            });
                        }
                    }
                }
            }
        }
        let (found, limit) = (roster.series.len(), plan.max_series);
        if found > limit {
            return Err(EtlError::TooManySeries { found, limit });
        }
        roster.problems = tally.problems_of_all(plan.queries.len());
        memory.metrics.source_bytes.inc_by(tally.bytes);
        Ok(roster)
    }
}
