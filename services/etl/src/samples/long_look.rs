//! Days of 5-min means of many series, read in bulk at most once a day a series; what is kept is what they tell.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use sla_domain::{Labels, SafeText, Samples, SeriesId};
use sla_proto::series::v1::SeriesKind;
use sla_source::port::{LONG_VIEW_STEP_MS, MAX_SERIES_PER_REQUEST};
use sla_source::{Call, ExpressionRequest, LongSeries, LongViewRequest, ReadLimits, SourceError, Targets};
use tokio::sync::SemaphorePermit;

use super::known_looks::{KnownLook, KnownLooks, end_of_days};
use super::memory::SampleMemory;
use super::reader::SampleReader;
use super::reading::SeriesReading;
use crate::health::Asked;
use crate::query::ReadQuery;
use crate::steps::seasons::{self, LongLook};

/// What was told about each series.
pub type LongLooks = HashMap<SeriesId, Arc<LongLook>>;

/// Limit of the looks for an answer that somebody waits for.
pub const LOOK_LIMIT: Duration = Duration::from_secs(4);
/// Most series newly looked at for an answer that somebody waits for.
pub const MOST_AT_ONCE: usize = MAX_SERIES_PER_REQUEST;

/// What [`SampleReader::long_looks`] gave.
#[derive(Debug, Default)]
pub struct LookedAt {
    /// What was told about each series that was asked for.
    pub looks: LongLooks,
    /// The series whose days were read for this answer.
    pub read: HashSet<SeriesId>,
}

impl LookedAt {
    fn unseen(&mut self, due: &[Due], reason: &str) {
        let unseen = Arc::new(LongLook::Unseen(reason.to_owned()));
        self.looks.extend(due.iter().map(|one| (one.id, unseen.clone())));
    }
}

/// A series to look at.
struct Due {
    id: SeriesId,
    labels: Labels,
    is_counter: bool,
}

/// Series whose days are read in one question: those of an expression, or plain ones.
struct Batch<'a> {
    expression: Option<&'a str>,
    due: Vec<Due>,
}

/// What one read gave: points of a gauge or an expression, or the extremes of a counter.
enum Days {
    Means(Samples),
    Counter(LongSeries),
}

fn unread(error: &SourceError) -> String {
    SafeText::new(&format!("the long view could not be read: {error}")).into_string()
}

impl SampleReader {
    /// Looks at the days before `at_ms` of series that `queries` gave, at most `most` of them anew, and says which were read.
    /// Never fails: a series that could not be read gets the reason.
    pub async fn long_looks(
        &self,
        queries: &[ReadQuery],
        series: &[SeriesReading],
        at_ms: i64,
        most: usize,
        call: &Call,
    ) -> LookedAt {
        // Who has more time than the one before may get what that one did not.
        let is_patient = call.remaining() > LOOK_LIMIT;
        let (mut looked, due) = {
            let known = &self.0.remembered().looks;
            known_and_due(known, series, at_ms, most, is_patient)
        };
        let mut given_up: Option<String> = None;
        for Batch { expression, due } in batches(queries, due) {
            if let Some(reason) = &given_up {
                looked.unseen(&due, reason);
                continue;
            }
            match look(&self.0, expression, &due, at_ms, call).await {
                Ok(found) => {
                    looked.read.extend(found.keys());
                    looked.looks.extend(found);
                }
                Err(error) => {
                    let reason = unread(&error);
                    looked.unseen(&due, &reason);
                    if matches!(error, SourceError::Cancelled { .. }) || error.is_outage() || call.remaining().is_zero()
                    {
                        // Neither the source nor who waits is served by more of the same.
                        given_up = Some(reason);
                    }
                }
            }
        }
        looked
    }
}

/// What is known already, and which series have to be looked at, each with the index of its query.
fn known_and_due(
    known: &KnownLooks,
    series: &[SeriesReading],
    at_ms: i64,
    most: usize,
    is_patient: bool,
) -> (LookedAt, Vec<(usize, Due)>) {
    let mut looked = LookedAt::default();
    let mut due = Vec::new();
    for one in series.iter().filter(|one| one.failure.is_none()) {
        let told = if is_patient {
            known.seen_at(one.id, at_ms)
        } else {
            known.at(one.id, at_ms)
        };
        if let Some(look) = told {
            looked.looks.insert(one.id, look.clone());
        } else if due.len() == most {
            let reason = format!("at most {most} series are looked at for one answer; a run looks at all");
            looked.looks.insert(one.id, Arc::new(LongLook::Unseen(reason)));
        } else {
            let one_due = Due {
                id: one.id,
                labels: one.labels(),
                is_counter: one.kind() == SeriesKind::Counter,
            };
            due.push((one.query_index, one_due));
        }
    }
    (looked, due)
}

/// Plain series in batches of what one request takes, then the series of each expression.
fn batches(queries: &[ReadQuery], due: Vec<(usize, Due)>) -> Vec<Batch<'_>> {
    let mut plain: Vec<Batch<'_>> = Vec::new();
    let mut computed: HashMap<usize, Vec<Due>> = HashMap::new();
    for (query_index, one) in due {
        if matches!(queries.get(query_index), Some(ReadQuery::Expression { .. })) {
            computed.entry(query_index).or_default().push(one);
            continue;
        }
        match plain.last_mut() {
            Some(batch) if batch.due.len() < MAX_SERIES_PER_REQUEST => batch.due.push(one),
            _ => plain.push(Batch {
                expression: None,
                due: vec![one],
            }),
        }
    }
    plain.extend(computed.into_iter().map(|(query_index, due)| Batch {
        expression: queries.get(query_index).map(ReadQuery::text),
        due,
    }));
    plain
}

/// Waits for the one look at a time.
async fn turn<'a>(memory: &'a SampleMemory, call: &Call) -> Result<SemaphorePermit<'a>, SourceError> {
    let tried = "waiting for another look at days";
    let acquired = async {
        memory.long_turn.acquire().await.map_err(|_| SourceError::Cancelled {
            tried: tried.to_owned(),
        })
    };
    call.guard(tried, call.remaining(), acquired).await
}

/// Reads one batch and looks at it. A failure does not change the health: what is heavy over days may be well for hours.
async fn look(
    memory: &SampleMemory,
    expression: Option<&str>,
    due: &[Due],
    at_ms: i64,
    call: &Call,
) -> Result<LongLooks, SourceError> {
    let _turn = turn(memory, call).await?;
    // Who waited may find it done.
    let known: LongLooks = {
        let looks = &memory.remembered().looks;
        let of = |one: &Due| Some((one.id, looks.seen_at(one.id, at_ms)?.clone()));
        due.iter().filter_map(of).collect()
    };
    if known.len() == due.len() {
        return Ok(known);
    }
    memory.health.gate()?;
    let (days, failures) = match read_days(memory, expression, due, at_ms, call).await {
        Ok(read) => read,
        Err(error) => {
            memory.metrics.source_failures.inc();
            if !matches!(error, SourceError::Cancelled { .. }) {
                let unseen = Arc::new(LongLook::Unseen(unread(&error)));
                remember(memory, at_ms, due.iter().map(|one| (one.id, unseen.clone())));
            }
            return Err(error);
        }
    };
    memory.metrics.source_reads.inc();
    let work = memory.pool.run(move || {
        let seen = days.into_iter().map(|(id, days)| {
            let samples = match days {
                Days::Means(samples) => samples,
                Days::Counter(one) => seasons::rates(&one.times_ms, &one.max),
            };
            (id, Arc::new(LongLook::at(&samples)))
        });
        seen.collect::<LongLooks>()
    });
    let mut looks = work.await.map_err(|error| SourceError::Decode {
        tried: "looking at the long view".to_owned(),
        what: error.to_string(),
        cause: Some(Arc::new(error)),
    })?;
    for (id, reason) in failures {
        looks.insert(id, Arc::new(LongLook::Unseen(reason)));
    }
    for one in due {
        // Known to have samples, but none in these days that count.
        let nothing = || Arc::new(LongLook::at(&Samples::default()));
        looks.entry(one.id).or_insert_with(nothing);
    }
    remember(memory, at_ms, looks.iter().map(|(id, look)| (*id, look.clone())));
    Ok(looks)
}

/// The days of each series that gave any, and why the others gave none.
type ReadDays = (Vec<(SeriesId, Days)>, Vec<(SeriesId, String)>);

async fn read_days(
    memory: &SampleMemory,
    expression: Option<&str>,
    due: &[Due],
    at_ms: i64,
    call: &Call,
) -> Result<ReadDays, SourceError> {
    let end_ms = end_of_days(at_ms);
    if let Some(text) = expression {
        let request = ExpressionRequest {
            expression: text.to_owned(),
            start_ms: end_ms - memory.long_view_ms,
            end_ms,
            step_ms: LONG_VIEW_STEP_MS,
            limits: ReadLimits {
                max_series: due.len().max(MAX_SERIES_PER_REQUEST),
            },
        };
        let read = memory.source.read_expression(&request, call).await?;
        memory.metrics.source_bytes.inc_by(read.bytes);
        memory.health.warned(Asked::Days, text, &read.warnings);
        let of = |(labels, samples)| {
            let (id, _) = memory.catalogue.expression_message(text, &labels);
            (id, Days::Means(samples))
        };
        return Ok((read.series.into_iter().map(of).collect(), Vec::new()));
    }
    let wanted: HashMap<&Labels, &Due> = due.iter().map(|one| (&one.labels, one)).collect();
    let request = LongViewRequest {
        targets: Targets::Series(due.iter().map(|one| one.labels.clone()).collect()),
        end_ms,
        length_ms: memory.long_view_ms,
        limits: ReadLimits { max_series: due.len() },
    };
    let view = memory.source.long_view(&request, call).await?;
    memory.metrics.source_bytes.inc_by(view.bytes);
    if !view.warnings.is_empty() {
        memory.health.warned(Asked::Days, "", &view.warnings);
    }
    let mut days = Vec::new();
    for one in view.series {
        let Some(due) = wanted.get(&one.labels) else { continue };
        let read = if due.is_counter {
            Days::Counter(one)
        } else {
            Days::Means(Samples::from_columns(one.times_ms, one.avg))
        };
        days.push((due.id, read));
    }
    let failed = view.failures.iter();
    let failures = failed.filter_map(|failure| Some((wanted.get(&failure.labels)?.id, unread(&failure.error))));
    Ok((days, failures.collect()))
}

fn remember(memory: &SampleMemory, at_ms: i64, looks: impl Iterator<Item = (SeriesId, Arc<LongLook>)>) {
    let end_ms = end_of_days(at_ms);
    let known = looks.map(|(id, look)| (id, KnownLook { end_ms, look }));
    memory.remembered().looks.remember(known);
}
