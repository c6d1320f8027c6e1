//! A run that is dealt out: its series in pieces, each of one partition, done by whoever owns it.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use sla_bus::PlacedTask;
use sla_domain::{SeriesId, SourceId, partition_of};
use sla_proto::convert;
use sla_proto::etl::v1::task::Work;
use sla_proto::etl::v1::{Deal, Run, RunState, Share, SharedSeries, Task};
use sla_proto::result::v1::series_result::Outcome;
use sla_proto::result::v1::{Failure, ReadShare, Record, RunFinished, SeriesResult, record::Fact};
use sla_proto::series::v1::Series;
use sla_proto::storage::v1::{GetStoredRunRequest, UpdateRunRequest};
use sla_runtime::status::reason;
use sla_source::{Call, SourceError};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::execution::SCHEMA;
use super::extraction::{Choice, Lot};
use super::in_use::ScopedQuery;
use super::live::LiveRun;
use super::progress::{Ending, RunProgress, has_ended};
use super::scope;
use super::{Level, Runs};
use crate::analyst::step_options;
use crate::error::EtlError;
use crate::query::{ReadQuery, SourcedQuery};
use crate::samples::ReadPlan;
use crate::sources::{Grouped, unknown_source};
use crate::steps::Steps;

/// Most series of one task.
pub const MAX_SHARE: usize = 200;
/// Limit of the questions of one source which series there are.
const ROSTER_LIMIT: Duration = Duration::from_mins(2);
/// How often a worker looks whether its run was cancelled.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// Version of tasks.
const TASK_SCHEMA: u32 = 1;

/// Series of one source on their way into tasks.
#[derive(Default)]
struct Hand {
    expressions: Vec<sla_proto::series::v1::Query>,
    series: Vec<SharedSeries>,
}

/// What a run was dealt.
#[derive(Default)]
struct Dealt {
    tasks: Vec<PlacedTask>,
    series: usize,
    unanswered: Vec<SeriesResult>,
}

/// A task of a run; which partition the dealing itself belongs to follows from its id.
pub(super) fn task(run_id: &str, work: Work) -> Task {
    Task {
        schema: TASK_SCHEMA,
        run_id: run_id.to_owned(),
        work: Some(work),
    }
}

impl Runs {
    /// Puts the dealing of a stored run among the tasks.
    pub(super) async fn send_deal(&self, run_id: &str) -> Result<(), EtlError> {
        let Some(topic) = self.topic() else {
            return Ok(());
        };
        let placed = PlacedTask {
            partition: partition_of(run_id.as_bytes(), topic.partitions()),
            task: task(run_id, Work::Deal(Deal {})),
        };
        topic.send(&[placed]).await?;
        Ok(())
    }

    /// Does a task. An error that passes is worth another attempt; doing it again changes nothing.
    pub(crate) async fn do_task(&self, task: &Task, shutdown: &CancellationToken) -> Result<(), EtlError> {
        if task.schema != TASK_SCHEMA {
            tracing::warn!(
                schema = task.schema,
                "a task of another version was left out: update this worker"
            );
            return Ok(());
        }
        let request = GetStoredRunRequest {
            id: task.run_id.clone(),
        };
        let answer = match self.0.parts.peer.run_store().get_stored_run(request).await {
            Ok(answer) => answer.into_inner(),
            // Its row is gone: nobody waits for it.
            Err(status) if status.code() == tonic::Code::NotFound => return Ok(()),
            Err(status) => return Err(EtlError::storage("look up the run of a task", status)),
        };
        let run = answer.run.unwrap_or_default();
        if has_ended(run.state()) {
            return Ok(());
        }
        match &task.work {
            Some(Work::Deal(_)) if answer.progress.is_some_and(|progress| progress.expected.is_some()) => Ok(()),
            Some(Work::Deal(_)) => match self.deal(&run).await {
                Err(error) if !passes(&error) => self.abort(run, &error).await,
                dealt => dealt,
            },
            Some(Work::Share(share)) => self.share(run, share, shutdown).await,
            None => Ok(()),
        }
    }

    async fn update(&self, run: Run) -> Result<(), EtlError> {
        let answer = self
            .0
            .parts
            .peer
            .run_store()
            .update_run(UpdateRunRequest { run: Some(run) })
            .await;
        answer.map_err(|status| EtlError::storage("update the run", status))?;
        Ok(())
    }

    async fn abort(&self, run: Run, error: &EtlError) -> Result<(), EtlError> {
        let ending = Ending::Aborted {
            reason: error.reason(),
            message: format!("{error}; {}", error.hint()),
        };
        let mut progress = RunProgress::of(run);
        progress.end(&ending, self.now_ms());
        let run = progress.to_message();
        self.0
            .parts
            .journal
            .write(Level::Error, &run.id, &format!("run #{}: {}", run.number, run.message));
        self.update(run).await
    }

    /// Finds out which series a run covers, and sends them to their owners. The closing word comes last: until then nobody takes
    /// the run for complete, and after a crash it is dealt again.
    async fn deal(&self, run: &Run) -> Result<(), EtlError> {
        let begun = Instant::now();
        let Some(topic) = self.topic() else {
            return Ok(());
        };
        let queries = scope::resolve(self.sets(), &run.scope.clone().unwrap_or_default()).await?;
        if queries.is_empty() {
            self.0.parts.sources.nothing_asked().await?;
        }
        let steps = Steps::from_words(&run.steps).unwrap_or(Steps::ALL);
        let options = step_options(&steps.words(), &[], &[], &self.0.parts.options)?;
        let dealt = self
            .hands(&run.id, &queries, options.reach_ms(), topic.partitions())
            .await?;
        let expected = (dealt.series + dealt.unanswered.len()) as u32;
        let mut begins = run.clone();
        begins.set_state(RunState::Running);
        begins.series_total = expected;
        begins.current_step = steps.words().into_iter().next().unwrap_or_default();
        self.update(begins).await?;
        if !dealt.unanswered.is_empty() {
            let records: Vec<Record> = dealt.unanswered.into_iter().map(record).collect();
            self.0.parts.stream.publish(&records).await?;
        }
        topic.send(&dealt.tasks).await?;
        self.closing_word(&run.id, expected, false).await?;
        let line = format!(
            "run #{}: {expected} series in {} tasks were dealt out in {:.1} s",
            run.number,
            dealt.tasks.len(),
            begun.elapsed().as_secs_f64()
        );
        self.0.parts.journal.write(Level::Info, &run.id, &line);
        Ok(())
    }

    /// The producer's closing word: how many series belong to the run.
    pub(super) async fn closing_word(&self, run_id: &str, expected: u32, cancelled: bool) -> Result<(), EtlError> {
        let finished = RunFinished {
            run_id: run_id.to_owned(),
            expected,
            finished: Some(convert::timestamp(self.now_ms())),
            cancelled,
        };
        let record = Record {
            schema: SCHEMA,
            fact: Some(Fact::RunFinished(finished)),
        };
        self.0.parts.stream.publish(&[record]).await?;
        Ok(())
    }

    /// Which series the queries mean, by source and partition.
    async fn hands(
        &self,
        run_id: &str,
        queries: &[ScopedQuery],
        reach_ms: i64,
        partitions: u32,
    ) -> Result<Dealt, EtlError> {
        let parts = &self.0.parts;
        let asked: Vec<SourcedQuery> = queries.iter().map(|one| one.asked.clone()).collect();
        let Grouped { known, unknown } = parts.sources.grouped(&asked);
        let mut dealt = Dealt::default();
        let unanswered = |asked: &SourcedQuery, error: &SourceError| {
            let unit = parts.sources.named(&asked.source);
            let reader = &unit.unwrap_or_else(|_| parts.sources.default_unit()).reader;
            let (_, series) = reader.unanswered_message(asked.query.text());
            parts.analyst.unread(series, run_id, reader.present_ms(), error)
        };
        for (at, name) in unknown {
            dealt.unanswered.push(unanswered(&asked[at], &unknown_source(name)));
        }
        let limit = parts.options.max_series;
        for group in &known {
            let at_ms = group.unit.reader.present_ms();
            let plan = ReadPlan {
                queries: group.queries.iter().map(|(_, one)| one.query.clone()).collect(),
                after_ms: at_ms - reach_ms,
                until_ms: at_ms,
                max_series: limit.saturating_sub(dealt.series),
                cached_only: false,
                long_view: false,
            };
            let roster = group.unit.reader.roster(&plan, &Call::within(ROSTER_LIMIT)).await;
            let roster = roster.map_err(|error| match error {
                EtlError::TooManySeries { found, .. } => EtlError::TooManySeries {
                    found: found + dealt.series,
                    limit,
                },
                other => other,
            })?;
            let answered: HashSet<usize> = roster.series.iter().map(|one| one.query_index).collect();
            for problem in roster
                .problems
                .iter()
                .filter(|one| !answered.contains(&one.query_index))
            {
                if let Some((_, asked)) = group.queries.get(problem.query_index) {
                    dealt.unanswered.push(unanswered(asked, &problem.error));
                }
            }
            let source = group.unit.source.id();
            let mut hands: BTreeMap<u32, Hand> = BTreeMap::new();
            for one in roster.series {
                let Some((at, asked)) = group.queries.get(one.query_index) else {
                    continue;
                };
                let forecast = queries.get(*at).is_none_or(|query| query.forecast);
                let key = key_of(source, asked, one.id);
                let hand = hands.entry(partition_of(&key, partitions)).or_default();
                if matches!(asked.query, ReadQuery::Expression { .. }) {
                    let mut message = asked.query.to_message();
                    source.0.clone_into(&mut message.source);
                    if !hand.expressions.contains(&message) {
                        hand.expressions.push(message);
                    }
                }
                hand.series.push(SharedSeries {
                    series: Some(one.series),
                    forecast,
                });
                dealt.series += 1;
            }
            for (partition, hand) in hands {
                dealt.tasks.extend(shares(run_id, at_ms, partition, &hand));
            }
        }
        Ok(dealt)
    }

    /// Reads and analyses the series of a task, each of which gives a record, whatever becomes of it.
    async fn share(&self, run: Run, share: &Share, shutdown: &CancellationToken) -> Result<(), EtlError> {
        let begun = Instant::now();
        let mut wanted: HashMap<SeriesId, SharedSeries> = HashMap::new();
        for one in &share.series {
            if let Some(id) = one.series.as_ref().and_then(convert::series_id) {
                wanted.insert(id, one.clone());
            }
        }
        let count = wanted.len();
        let at_ms = share.at.as_ref().map_or_else(|| self.now_ms(), convert::millis);
        let steps = Steps::from_words(&run.steps).unwrap_or(Steps::ALL);
        let options = step_options(&steps.words(), &[], &[], &self.0.parts.options)?;
        let (run_id, number) = (run.id.clone(), run.number);
        let live = LiveRun::new(RunProgress::of(run));
        let stop = shutdown.child_token();
        let queries = queries_of(share);
        let work = async {
            let lot = match self.extract(&live, &queries, &options, Some(at_ms), &stop).await {
                Err(error) if stop.is_cancelled() || passes(&error) => return Err(error),
                Err(error) => Lot {
                    unanswered: vec![failed(
                        Series::default(),
                        &run_id,
                        at_ms,
                        error.reason(),
                        &error.to_string(),
                    )],
                    ..Lot::default()
                },
                Ok(lot) => lot,
            };
            let lot = only_wanted(lot, wanted, &Choice::of(&options), &run_id, at_ms);
            let mut published = 0;
            self.work_off(&live, lot, steps, &stop, &mut published).await?;
            Ok(published)
        };
        let done = tokio::select! {
            done = work => done,
            () = self.cancelled_elsewhere(&run_id, &stop) => return Ok(()),
        };
        match done {
            Ok(_) | Err(_) if stop.is_cancelled() => Err(EtlError::ShuttingDown),
            Ok(published) => {
                let seconds = begun.elapsed().as_secs_f64();
                let line = format!("run #{number}: {published} of {count} series of a task in {seconds:.1} s");
                self.0.parts.journal.write(Level::Info, &run_id, &line);
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// Waits until the run has ended without us.
    async fn cancelled_elsewhere(&self, run_id: &str, stop: &CancellationToken) {
        let request = GetStoredRunRequest { id: run_id.to_owned() };
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            let answer = self.0.parts.peer.run_store().get_stored_run(request.clone()).await;
            let run = answer.ok().and_then(|answer| answer.into_inner().run);
            if run.is_some_and(|run| has_ended(run.state())) {
                stop.cancel();
                return;
            }
        }
    }
}

/// Whether another attempt may do better.
pub(crate) fn passes(error: &EtlError) -> bool {
    match error {
        // Whatever is wrong with a storage may be mended; only what is wrong with the question stays so.
        EtlError::Storage { cause, .. } => !matches!(
            cause.code(),
            tonic::Code::InvalidArgument
                | tonic::Code::NotFound
                | tonic::Code::PermissionDenied
                | tonic::Code::Unauthenticated
                | tonic::Code::Unimplemented
        ),
        EtlError::Publish(error) => matches!(
            **error,
            sla_bus::StreamError::Unavailable { .. } | sla_bus::StreamError::Closed { .. }
        ),
        EtlError::ShuttingDown => true,
        _ => false,
    }
}

/// By what a series finds its owner: itself, or the expression that gives it.
fn key_of(source: &SourceId, asked: &SourcedQuery, id: SeriesId) -> [u8; 16] {
    match &asked.query {
        ReadQuery::Selector(_) => id.0,
        ReadQuery::Expression { text, .. } => sla_domain::partition::expression_key(source, text),
    }
}

fn shares(run_id: &str, at_ms: i64, partition: u32, hand: &Hand) -> Vec<PlacedTask> {
    let mut tasks = Vec::new();
    for series in hand.series.chunks(MAX_SHARE) {
        let texts: HashSet<&str> = series
            .iter()
            .filter_map(|one| one.series.as_ref())
            .map(|series| series.expression.as_str())
            .collect();
        let named = |query: &&sla_proto::series::v1::Query| texts.contains(convert::query_text(query));
        let share = Share {
            at: Some(convert::timestamp(at_ms)),
            expressions: hand.expressions.iter().filter(named).cloned().collect(),
            series: series.to_vec(),
        };
        let task = task(run_id, Work::Share(share));
        tasks.push(PlacedTask { partition, task });
    }
    tasks
}

/// What is read for a task: its expressions, and each plain series by itself.
fn queries_of(share: &Share) -> Vec<ScopedQuery> {
    let expressions = share.expressions.iter().filter_map(|query| {
        let asked = SourcedQuery::parse("expressions", query).ok()?;
        Some(ScopedQuery { asked, forecast: true })
    });
    let plain = share.series.iter().filter_map(|one| {
        let series = one.series.as_ref().filter(|series| series.expression.is_empty())?;
        let asked = SourcedQuery {
            source: series.source.clone(),
            query: scope::query_of(series)?,
        };
        Some(ScopedQuery {
            asked,
            forecast: one.forecast,
        })
    });
    expressions.chain(plain).collect()
}

/// Of what was read, the series that were asked for, each once; a failure for each that did not come.
fn only_wanted(
    mut lot: Lot,
    mut wanted: HashMap<SeriesId, SharedSeries>,
    choice: &Choice,
    run_id: &str,
    at_ms: i64,
) -> Lot {
    lot.jobs.retain_mut(|job| {
        let Some(one) = wanted.remove(&job.reading.id) else {
            return false;
        };
        job.options = Arc::clone(if one.forecast {
            &choice.with_forecast
        } else {
            &choice.without_forecast
        });
        true
    });
    let mut refusals: HashMap<String, Failure> = HashMap::new();
    for result in std::mem::take(&mut lot.unanswered) {
        let text = result.series.map(|series| series.expression).unwrap_or_default();
        if let Some(Outcome::Failure(failure)) = result.outcome {
            refusals.insert(text, failure);
        }
    }
    for series in wanted.into_values().filter_map(|one| one.series) {
        let text = scope::query_of(&series).map(|query| query.text().to_owned());
        let refusal = text.and_then(|text| refusals.get(&text)).or_else(|| refusals.get(""));
        let (reason, message) = match refusal {
            Some(failure) => (failure.reason.clone(), failure.message.clone()),
            None => (
                reason::SOURCE_FAILED.to_owned(),
                "the source named it and gave no samples".to_owned(),
            ),
        };
        lot.unanswered.push(failed(series, run_id, at_ms, &reason, &message));
    }
    lot
}

fn failed(series: Series, run_id: &str, at_ms: i64, reason: &str, message: &str) -> SeriesResult {
    SeriesResult {
        run_id: run_id.to_owned(),
        series: Some(series),
        as_of: Some(convert::timestamp(at_ms)),
        outcome: Some(Outcome::Failure(Failure {
            reason: reason.to_owned(),
            message: message.to_owned(),
            step: "extract".to_owned(),
        })),
        timings: Vec::new(),
        read: Some(ReadShare::default()),
    }
}

fn record(result: SeriesResult) -> Record {
    Record {
        schema: SCHEMA,
        fact: Some(Fact::SeriesResult(result)),
    }
}

#[cfg(test)]
mod tests {
    use sla_domain::Labels;
    use sla_proto::series::v1::{Query, SeriesKind, query};

    use super::*;

    fn series(number: usize, expression: &str) -> SharedSeries {
        let labels = Labels::from_pairs([("__name__", "m".to_owned()), ("n", number.to_string())]);
        let source = SourceId("p".to_owned());
        let id = SeriesId::of_expression(&source, expression, &labels);
        let message = convert::series_message(id, "p", &labels, expression, SeriesKind::Gauge);
        SharedSeries {
            series: Some(message),
            forecast: number.is_multiple_of(2),
        }
    }

    fn expression(text: &str) -> Query {
        Query {
            query: Some(query::Query::Expression(text.to_owned())),
            step_ms: 30_000,
            source: "p".to_owned(),
        }
    }

    fn share_of(placed: &PlacedTask) -> &Share {
        match &placed.task.work {
            Some(Work::Share(share)) => share,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn tasks_are_small_and_carry_the_expressions_of_their_series_alone() {
        let hand = Hand {
            expressions: vec![expression("sum(a)"), expression("sum(b)")],
            series: (0..450)
                .map(|number| series(number, if number < 200 { "sum(a)" } else { "" }))
                .collect(),
        };
        let tasks = shares("run", 7_000, 3, &hand);
        let sizes: Vec<usize> = tasks.iter().map(|one| share_of(one).series.len()).collect();
        assert_eq!(sizes, [200, 200, 50]);
        assert!(tasks.iter().all(|one| one.partition == 3 && one.task.run_id == "run"));
        let expressions: Vec<usize> = tasks.iter().map(|one| share_of(one).expressions.len()).collect();
        assert_eq!(expressions, [1, 0, 0]);
        let queries = queries_of(share_of(&tasks[0]));
        assert_eq!(queries.len(), 1, "one question for all results of an expression");
        assert_eq!(queries[0].asked.query.to_message().step_ms, 30_000, "as it was asked");
        let queries = queries_of(share_of(&tasks[1]));
        assert_eq!(queries.len(), 200);
        assert_eq!(queries[0].asked.query.text(), "m{n=\"200\"}");
        assert!(queries[0].forecast && !queries[1].forecast);
    }

    #[test]
    fn what_passes_is_tried_again_and_what_is_wrong_is_not() {
        let storage = |status| EtlError::storage("look", status);
        assert!(passes(&storage(tonic::Status::unavailable("away"))));
        assert!(passes(&storage(tonic::Status::failed_precondition("read-only"))));
        assert!(!passes(&storage(tonic::Status::invalid_argument("no"))));
        assert!(passes(&EtlError::ShuttingDown));
        assert!(!passes(&EtlError::TooManySeries { found: 2, limit: 1 }));
    }
}
