//! Days of 5-min means of many series, read in bulk at most once a day a series; what is kept is what they tell.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use sla_domain::{Labels, SafeText, Samples, SeriesId};
use sla_proto::series::v1::SeriesKind;
use sla_source::port::{LONG_VIEW_STEP_MS, MAX_SERIES_PER_REQUEST};
use sla_source::{Call, ExpressionRequest, LongSeries, LongViewRequest, ReadLimits, SourceError, Targets};

use super::reader::{Inner, SampleReader};
use super::reading::SeriesReading;
use crate::metrics::add;
use crate::query::ReadQuery;
use crate::steps::seasons::{self, LongLook};

/// What was told about each series.
pub type LongLooks = HashMap<SeriesId, Arc<LongLook>>;

/// Limit of the looks for an answer that somebody waits for.
pub const LOOK_LIMIT: Duration = Duration::from_secs(4);
/// Most series newly looked at for an answer that somebody waits for.
pub const MOST_AT_ONCE: usize = MAX_SERIES_PER_REQUEST;
/// A series is looked at again after this, milliseconds.
const LOOK_AGE_MS: i64 = 86_400_000;
/// One that could not be read is asked for again after this, milliseconds.
const RETRY_AGE_MS: i64 = 600_000;
/// Series whose look is remembered.
const MAX_REMEMBERED: usize = 20_000;

/// A look and the end of the days that it saw.
pub(super) struct Remembered {
    pub(super) end_ms: i64,
    pub(super) look: Arc<LongLook>,
}

/// What [`SampleReader::long_looks`] gave.
#[derive(Debug, Default)]
pub struct LookedAt {
    /// What was told about each series that was asked for.
    pub looks: LongLooks,
    /// The series whose days were read for this answer.
    pub read: HashSet<SeriesId>,
}

impl Remembered {
    /// Whether it tells about `at_ms`: never from later than the point of the long view that `at_ms` lies in.
    fn holds_at(&self, at_ms: i64) -> bool {
        let age_ms = match *self.look {
            LongLook::Seen { .. } => LOOK_AGE_MS,
            LongLook::Unseen(_) => RETRY_AGE_MS,
        };
        (-LONG_VIEW_STEP_MS..age_ms).contains(&(at_ms - self.end_ms))
    }
}

/// A series to look at.
struct Due {
    id: SeriesId,
    labels: Labels,
    is_counter: bool,
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
        let inner = &self.0;
        let mut selected = Vec::new();
        let mut computed: HashMap<usize, Vec<Due>> = HashMap::new();
        let mut looks = LongLooks::new();
        {
            let state = inner.state();
            let mut places = most;
            // Who has more time than the one before may get what that one did not.
            let is_patient = call.remaining() > LOOK_LIMIT;
            let known = |id: SeriesId| {
                let known = state.long_looks.get(&id).filter(|known| known.holds_at(at_ms))?;
                let is_seen = matches!(*known.look, LongLook::Seen { .. });
                (is_seen || !is_patient).then(|| known.look.clone())
            };
            for one in series.iter().filter(|one| one.failure.is_none()) {
                if let Some(look) = known(one.id) {
                    looks.insert(one.id, look);
                    continue;
                }
                if places == 0 {
                    let reason = format!("at most {most} series are looked at for one answer; a run looks at all");
                    looks.insert(one.id, Arc::new(LongLook::Unseen(reason)));
                    continue;
                }
                places -= 1;
                let due = Due {
                    id: one.id,
                    labels: one.labels(),
                    is_counter: one.kind() == SeriesKind::Counter,
                };
                match queries.get(one.query_index) {
                    Some(ReadQuery::Expression { .. }) => computed.entry(one.query_index).or_default().push(due),
                    _ => selected.push(due),
                }
            }
        }
        let mut read = HashSet::new();
        let mut batches: Vec<(Option<&str>, Vec<Due>)> = Vec::new();
        while !selected.is_empty() {
            let rest = selected.split_off(selected.len().min(MAX_SERIES_PER_REQUEST));
            batches.push((None, std::mem::replace(&mut selected, rest)));
        }
        for (index, due) in computed {
            batches.push((queries.get(index).map(ReadQuery::text), due));
        }
        let mut given_up: Option<String> = None;
        for (expression, due) in batches {
            if let Some(reason) = &given_up {
                looks.extend(
                    due.iter()
                        .map(|one| (one.id, Arc::new(LongLook::Unseen(reason.clone())))),
                );
                continue;
            }
            match inner.look(expression, &due, at_ms, call).await {
                Ok(found) => {
                    read.extend(found.keys());
                    looks.extend(found);
                }
                Err(error) => {
                    let reason = unread(&error);
                    let unseen = Arc::new(LongLook::Unseen(reason.clone()));
                    looks.extend(due.iter().map(|one| (one.id, unseen.clone())));
                    if matches!(error, SourceError::Cancelled { .. }) || error.is_outage() || call.remaining().is_zero()
                    {
                        // Neither the source nor who waits is served by more of the same.
                        given_up = Some(reason);
                    }
                }
            }
        }
        LookedAt { looks, read }
    }
}

impl Inner {
    /// Reads one batch and looks at it. A failure does not change the health: what is heavy over days may be well for hours.
    async fn look(
        self: &Arc<Self>,
        expression: Option<&str>,
        due: &[Due],
        at_ms: i64,
        call: &Call,
    ) -> Result<LongLooks, SourceError> {
        let tried = "waiting for another look at days";
        let _turn = call
            .guard(tried, call.remaining(), async {
                let ended = |_| SourceError::Cancelled {
                    tried: tried.to_owned(),
                };
                self.long_turn.acquire().await.map_err(ended)
            })
            .await?;
        // Who waited may find it done.
        let known: LongLooks = {
            let state = self.state();
            let of = |one: &Due| {
                let known = state.long_looks.get(&one.id).filter(|known| known.holds_at(at_ms))?;
                matches!(*known.look, LongLook::Seen { .. }).then(|| (one.id, known.look.clone()))
            };
            due.iter().filter_map(of).collect()
        };
        if known.len() == due.len() {
            return Ok(known);
        }
        self.health.gate()?;
        let (days, failures) = match self.read_days(expression, due, at_ms, call).await {
            Ok(read) => read,
            Err(error) => {
                add(&self.metrics.source_failures, 1);
                if !matches!(error, SourceError::Cancelled { .. }) {
                    let unseen = Arc::new(LongLook::Unseen(unread(&error)));
                    self.remember_at(at_ms, due.iter().map(|one| (one.id, unseen.clone())));
                }
                return Err(error);
            }
        };
        add(&self.metrics.source_reads, 1);
        let work = self.pool.run(move || {
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
        self.remember_at(at_ms, looks.iter().map(|(id, look)| (*id, look.clone())));
        Ok(looks)
    }

    async fn read_days(
        &self,
        expression: Option<&str>,
        due: &[Due],
        at_ms: i64,
        call: &Call,
    ) -> Result<(Vec<(SeriesId, Days)>, Vec<(SeriesId, String)>), SourceError> {
        let end_ms = at_ms.div_euclid(LONG_VIEW_STEP_MS) * LONG_VIEW_STEP_MS;
        if let Some(text) = expression {
            let request = ExpressionRequest {
                expression: text.to_owned(),
                start_ms: end_ms - self.long_view_ms,
                end_ms,
                step_ms: LONG_VIEW_STEP_MS,
                limits: ReadLimits {
                    max_series: due.len().max(MAX_SERIES_PER_REQUEST),
                },
            };
            let read = self.source.read_expression(&request, call).await?;
            add(&self.metrics.source_bytes, read.bytes);
            let of = |(labels, samples)| (self.catalogue.expression_message(text, &labels).0, Days::Means(samples));
            return Ok((read.series.into_iter().map(of).collect(), Vec::new()));
        }
        let wanted: HashMap<&Labels, &Due> = due.iter().map(|one| (&one.labels, one)).collect();
        let request = LongViewRequest {
            targets: Targets::Series(due.iter().map(|one| one.labels.clone()).collect()),
            end_ms,
            length_ms: self.long_view_ms,
            limits: ReadLimits { max_series: due.len() },
        };
        let view = self.source.long_view(&request, call).await?;
        add(&self.metrics.source_bytes, view.bytes);
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
        let mut failures = Vec::new();
        for failure in view.failures {
            if let Some(due) = wanted.get(&failure.labels) {
                failures.push((due.id, unread(&failure.error)));
            }
        }
        Ok((days, failures))
    }

    fn remember_at(&self, at_ms: i64, looks: impl Iterator<Item = (SeriesId, Arc<LongLook>)>) {
        let end_ms = at_ms.div_euclid(LONG_VIEW_STEP_MS) * LONG_VIEW_STEP_MS;
        self.remember_looks(looks.map(|(id, look)| (id, Remembered { end_ms, look })));
    }

    pub(super) fn remember_looks(&self, looks: impl IntoIterator<Item = (SeriesId, Remembered)>) {
        let mut state = self.state();
        for (id, remembered) in looks {
            if state.long_looks.len() >= MAX_REMEMBERED && !state.long_looks.contains_key(&id) {
                let end_ms = remembered.end_ms;
                state.long_looks.retain(|_, known| known.holds_at(end_ms));
                // Which one goes matters little: it is read once more.
                if state.long_looks.len() >= MAX_REMEMBERED
                    && let Some(other) = state.long_looks.keys().next().copied()
                {
                    state.long_looks.remove(&other);
                }
            }
            state.long_looks.insert(id, remembered);
        }
    }
}
