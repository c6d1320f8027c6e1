//! Holding an instance against the model: at any time nothing may be told better than it is, and after a fault everything
//! is right again.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sla_domain::spacing::ENOUGH_SAMPLES;
use sla_domain::{Labels, SeriesId, SourceId};
use sla_proto::Peer;
use sla_proto::convert::{self, millis};
use sla_proto::etl::v1::{GetScheduleRequest, ListRunsRequest, Run, RunState, Schedule};
use sla_proto::notify::v1::{Delivery, ListDeliveriesRequest};
use sla_proto::set::v1::ListSetsRequest;
use sla_proto::storage::v1::GetStoredRunRequest;
use sla_proto::violation::v1::{
    GetOverviewRequest, ListViolationsRequest, ObjectiveStatus, Overview, SeriesStatus, State, Violation,
};

use crate::book::selector;
use crate::console::{Desk, Screen};
use crate::mail::Mailroom;
use crate::outlooks;
use crate::sky::WorldSky;
use crate::source::{SOURCE, WorldSource};
use crate::truth::{HISTORY_MS, Signal, Stretch, Word, state, stretches};

/// Between two looks at what is told.
const OBSERVED_EVERY: Duration = Duration::from_secs(5);
/// What was delivered so long ago is judged by now, milliseconds.
const JUDGED_MS: i64 = 20_000;
/// Further back than any sample holds, milliseconds.
const FURTHER_MS: i64 = 10 * 60_000;
/// The floor between two evaluations, milliseconds.
const FLOOR_MS: i64 = 15_000;
/// An evaluation and its reading may take this long, milliseconds; before that an objective waits for a tick that comes half
/// a floor late at most.
const SLACK_MS: i64 = 6_000;
/// A run that takes longer than this in a small world is stuck, milliseconds.
const RUN_MS: i64 = 90_000;
/// Most tasks of a runtime that holds one instance and two consoles.
const MOST_TASKS: usize = 80;
/// Both clocks are compared in milliseconds: an instant may be off by this much.
const ROUNDING_MS: i64 = 5;

/// How long a sample of a series holds under an objective, as it was told first, by objective, generation and series.
pub(crate) type Caps = Arc<Mutex<BTreeMap<(String, u32, SeriesId), i64>>>;

/// One who compares.
#[derive(Clone)]
pub(crate) struct Look {
    pub(crate) peer: Peer,
    pub(crate) desk: Desk,
    pub(crate) source: Arc<WorldSource>,
    pub(crate) sky: Option<Arc<WorldSky>>,
    pub(crate) signals: Arc<Vec<Signal>>,
    pub(crate) screens: Vec<Screen>,
    pub(crate) mailroom: Arc<Mailroom>,
    pub(crate) caps: Caps,
    /// When the world began, Unix milliseconds.
    pub(crate) begun_ms: i64,
    /// The longest window, milliseconds.
    pub(crate) longest_ms: i64,
}

/// An objective as it is told, with what is needed to judge it again.
struct Told<'a> {
    status: &'a ObjectiveStatus,
    id: &'a str,
    generation: u32,
    max: f64,
    at_ms: i64,
}

impl<'a> Told<'a> {
    fn new(status: &'a ObjectiveStatus) -> Option<Self> {
        let objective = status.objective.as_ref()?;
        Some(Self {
            status,
            id: &objective.id,
            generation: objective.generation,
            max: objective.range?.max?,
            at_ms: millis(status.evaluated.as_ref()?),
        })
    }
}

impl Look {
    /// Looks at what is told, until dropped.
    pub(crate) async fn observe(self) {
        loop {
            tokio::time::sleep(OBSERVED_EVERY).await;
            let Ok(overview) = self.overview().await else { continue };
            for told in overview.objectives.iter().filter_map(Told::new) {
                if let Err(words) = self.check_not_better(&told) {
                    self.desk.notes.fail(self.desk.clock.world_ms(), &words);
                }
            }
        }
    }

    async fn overview(&self) -> Result<Overview, String> {
        let answer = self.peer.violations().get_overview(GetOverviewRequest::default()).await;
        let answer = answer.map_err(|status| format!("the overview cannot be read: {}", status.message()))?;
        Ok(answer.into_inner().overview.unwrap_or_default())
    }

    fn signal_of(&self, series: &SeriesStatus) -> Option<(usize, &Signal)> {
        let labels = Labels::from_pairs(
            series
                .series
                .as_ref()?
                .labels
                .iter()
                .map(|label| (label.name.clone(), label.value.clone())),
        );
        self.signals
            .iter()
            .enumerate()
            .find(|(_, signal)| signal.labels == labels)
    }

    fn check_not_better(&self, told: &Told<'_>) -> Result<(), String> {
        let now_ms = self.desk.clock.world_ms();
        for series in &told.status.series {
            let Some((at, signal)) = self.signal_of(series) else {
                continue;
            };
            if !matches!(series.state(), State::Ok | State::AtRisk) {
                continue;
            }
            let deliveries = self.source.deliveries(at);
            let could_be_fine = known_until(&deliveries, now_ms - JUDGED_MS)
                .into_iter()
                .any(|until_ms| {
                    let until_ms = until_ms.min(told.at_ms);
                    let samples = signal.samples(told.at_ms - FURTHER_MS, until_ms);
                    state(&samples, told.max, series.cap_ms, told.at_ms) == Word::Fine
                });
            if !could_be_fine {
                return Err(format!(
                    "{} of {} is told {:?} at {}, and by no sample that was delivered it is",
                    signal.labels.metric_name(),
                    told.id,
                    series.state(),
                    told.at_ms - self.begun_ms
                ));
            }
        }
        Ok(())
    }

    /// Everything that must hold a while after the last fault. Nobody edits meanwhile.
    pub(crate) async fn at_rest(&self) -> Result<(), String> {
        let listed = self.peer.sets().list_sets(ListSetsRequest::default()).await;
        let listed = listed.map_err(|status| format!("the sets cannot be read: {}", status.message()))?;
        let now_ms = self.desk.clock.world_ms();
        self.desk.book().audit(&listed.into_inner().sets, now_ms)?;
        let overview = self.overview().await?;
        let source = overview.source.clone().unwrap_or_default();
        if !source.problem.is_empty() {
            return Err(format!("the source is told to be away: {}", source.problem));
        }
        let by_id: BTreeMap<&str, &ObjectiveStatus> = overview
            .objectives
            .iter()
            .filter_map(|status| Some((status.objective.as_ref()?.id.as_str(), status)))
            .collect();
        let rows = self.ledger().await?;
        let (mut words, mut compared) = (Vec::new(), 0);
        for (objective, since_ms) in self.agreed() {
            let Some(told) = by_id.get(objective.as_str()).and_then(|status| Told::new(status)) else {
                return Err(format!("{objective} is agreed and not judged"));
            };
            words.push(self.check_state(&told)?);
            compared += self.check_ledger(&told, since_ms, &rows)?;
        }
        if by_id.len() != words.len() {
            return Err(format!(
                "{} objectives are judged, {} are agreed",
                by_id.len(),
                words.len()
            ));
        }
        self.check_screens(&overview)?;
        self.mailroom.check(&self.deliveries().await?, &rows, now_ms)?;
        self.check_runs().await?;
        let tasks = tokio::runtime::Handle::current().metrics().num_alive_tasks();
        if tasks > MOST_TASKS {
            return Err(format!("{tasks} tasks are alive"));
        }
        self.desk.notes.count(|figures| {
            figures.looks += 1;
            figures.violations += compared;
        });
        let words = words.concat();
        self.desk.notes.line(
            now_ms,
            &format!("all as it should be: {words}, {compared} rows of the ledger"),
        );
        Ok(())
    }

    /// Objectives of active sets, and since when each is as it is.
    fn agreed(&self) -> Vec<(String, i64)> {
        let book = self.desk.book();
        let active = book.kept.values().filter(|kept| kept.set.active);
        let objectives = active.flat_map(|kept| {
            kept.set.objectives.iter().map(|objective| {
                let name = (objective.id.clone(), objective.generation);
                (
                    objective.id.clone(),
                    kept.since_ms.get(&name).copied().unwrap_or(i64::MAX),
                )
            })
        });
        objectives.collect()
    }

    /// One letter for the state; an error where it is not that of the model.
    fn check_state(&self, told: &Told<'_>) -> Result<String, String> {
        let now_ms = self.desk.clock.world_ms();
        let objective = told.status.objective.clone().unwrap_or_default();
        if !told.status.problem.is_empty() {
            return Err(format!("{} has a problem: {}", told.id, told.status.problem));
        }
        let spacing_ms = told
            .status
            .series
            .iter()
            .map(|series| series.cap_ms / 2)
            .min()
            .unwrap_or(0);
        let old_ms = now_ms - told.at_ms;
        if !(-ROUNDING_MS..=spacing_ms.max(FLOOR_MS) + FLOOR_MS / 2 + SLACK_MS).contains(&old_ms) {
            return Err(format!(
                "{} was judged at an instant {old_ms} ms ago by the source's clock",
                told.id
            ));
        }
        let mut words = Vec::new();
        for signal in self.signals.iter().filter(|signal| signal.is_of(selector(&objective))) {
            let found = told.status.series.iter().find(|series| {
                self.signal_of(series)
                    .is_some_and(|(_, other)| other.labels == signal.labels)
            });
            let Some(series) = found else {
                return Err(format!("{} does not see {:?}", told.id, signal.labels));
            };
            self.check_cap(told, series)?;
            let machine_ms = sla_domain::Clock::now_ms(&*self.desk.clock).max(now_ms);
            if let Some(words) = series
                .outlook
                .as_ref()
                .and_then(|outlook| outlooks::wrong(outlook, told.max, machine_ms))
            {
                return Err(format!(
                    "of {:?} under {} is expected what cannot be: {words}",
                    signal.labels, told.id
                ));
            }
            let word = match series.state() {
                State::Violated => Word::Violated,
                State::Ok | State::AtRisk => Word::Fine,
                State::NoData => Word::NoData,
                other => return Err(format!("{} is {other:?}", told.id)),
            };
            let instants = [0, -ROUNDING_MS, ROUNDING_MS].map(|off_ms| told.at_ms + off_ms);
            let samples = signal.samples(told.at_ms - FURTHER_MS, told.at_ms + ROUNDING_MS);
            let right = instants.map(|at_ms| state(&samples, told.max, series.cap_ms, at_ms));
            if !right.contains(&word) {
                return Err(format!(
                    "{:?} of {} is told {word:?} at {}, and is {:?}",
                    signal.labels,
                    told.id,
                    told.at_ms - self.begun_ms,
                    right[0]
                ));
            }
            words.push(word);
        }
        Ok(match words.into_iter().min() {
            Some(Word::Violated) => "v",
            Some(Word::Fine) => "o",
            Some(Word::NoData) | None => "n",
        }
        .to_owned())
    }

    /// How long a sample holds must not change under the reader, once there are enough of them to say it for good.
    fn check_cap(&self, told: &Told<'_>, series: &SeriesStatus) -> Result<(), String> {
        let samples = series.windows.iter().map(|window| window.samples).max();
        if samples.is_none_or(|samples| samples < ENOUGH_SAMPLES as u64) {
            return Ok(());
        }
        let Some(id) = series.series.as_ref().and_then(convert::series_id) else {
            return Err(format!("{} has a series without an id", told.id));
        };
        let mut caps = self.caps.lock().unwrap_or_else(PoisonError::into_inner);
        let first = *caps
            .entry((told.id.to_owned(), told.generation, id))
            .or_insert(series.cap_ms);
        if first == series.cap_ms {
            return Ok(());
        }
        Err(format!(
            "a sample of {} held for {first} ms and now for {} ms: history has changed under its reader",
            told.id, series.cap_ms
        ))
    }

    async fn ledger(&self) -> Result<Vec<Violation>, String> {
        let (mut rows, mut page_token) = (Vec::new(), String::new());
        loop {
            let request = ListViolationsRequest {
                page_size: 1_000,
                page_token,
                ..ListViolationsRequest::default()
            };
            let answer = self.peer.violations().list_violations(request).await;
            let answer = answer
                .map_err(|status| format!("the ledger cannot be read: {}", status.message()))?
                .into_inner();
            rows.extend(answer.violations);
            page_token = answer.next_page_token;
            if page_token.is_empty() {
                return Ok(rows);
            }
        }
    }

    /// What the instance tells about its messages, newest first.
    async fn deliveries(&self) -> Result<Vec<Delivery>, String> {
        let (mut told, mut page_token) = (Vec::new(), String::new());
        loop {
            let request = ListDeliveriesRequest {
                page_size: 1_000,
                page_token,
                ..ListDeliveriesRequest::default()
            };
            let answer = self.peer.notify().list_deliveries(request).await;
            let answer = answer
                .map_err(|status| format!("the messages cannot be read: {}", status.message()))?
                .into_inner();
            told.extend(answer.deliveries);
            page_token = answer.next_page_token;
            if page_token.is_empty() {
                return Ok(told);
            }
        }
    }

    /// How many rows were compared.
    fn check_ledger(&self, told: &Told<'_>, since_ms: i64, rows: &[Violation]) -> Result<u64, String> {
        // What lies at the left edge of the first look may be there or not.
        let from_ms = since_ms
            .saturating_sub(self.longest_ms - 60_000)
            .max(self.begun_ms - HISTORY_MS);
        let mut compared = 0;
        for series in &told.status.series {
            let Some((_, signal)) = self.signal_of(series) else {
                continue;
            };
            let id = SeriesId::of_series(&SourceId(SOURCE.to_owned()), &signal.labels);
            let is_of = |row: &&Violation| {
                row.objective_id == told.id
                    && row.generation == told.generation
                    && row.series.as_ref().and_then(convert::series_id) == Some(id)
            };
            let mut stored: Vec<Stretch> = rows.iter().filter(is_of).filter_map(stretch).collect();
            stored.sort_by_key(|one| one.start_ms);
            let samples = signal.samples(self.begun_ms - HISTORY_MS - 1, told.at_ms);
            let mut wanted = stretches(&samples, told.max, series.cap_ms, told.at_ms);
            for list in [&mut stored, &mut wanted] {
                list.retain(|one| one.start_ms > from_ms);
                // Figures of what goes on are written now and then.
                for open in list.iter_mut().filter(|one| one.end_ms.is_none()) {
                    (open.samples, open.worst) = (0, 0.0);
                }
            }
            if stored != wanted {
                return Err(self.difference(told, signal, &stored, &wanted));
            }
            compared += wanted.len() as u64;
        }
        Ok(compared)
    }

    fn difference(&self, told: &Told<'_>, signal: &Signal, stored: &[Stretch], wanted: &[Stretch]) -> String {
        let only = |these: &[Stretch], those: &[Stretch]| {
            let some = these.iter().filter(|one| !those.contains(one)).take(4);
            let words = some.map(|one| {
                let end = one
                    .end_ms
                    .map_or("…".to_owned(), |end_ms| (end_ms - self.begun_ms).to_string());
                format!(
                    "{}–{end} ({} samples, worst {})",
                    one.start_ms - self.begun_ms,
                    one.samples,
                    one.worst
                )
            });
            words.collect::<Vec<_>>().join(", ")
        };
        format!(
            "the ledger of {} and {} at {} has [{}] and should have [{}]",
            told.id,
            signal.labels.metric_name(),
            told.at_ms - self.begun_ms,
            only(stored, wanted),
            only(wanted, stored)
        )
    }

    /// Both consoles show what the command tells.
    fn check_screens(&self, overview: &Overview) -> Result<(), String> {
        let told: BTreeMap<(String, String), i32> = overview.objectives.iter().map(row).collect();
        for screen in &self.screens {
            let shown = screen.lock().unwrap_or_else(PoisonError::into_inner);
            let shown: BTreeMap<_, _> = shown.values().map(row).collect();
            if shown != told {
                return Err(format!("a console shows {shown:?}, the command tells {told:?}"));
            }
        }
        Ok(())
    }

    /// A run is done when the storage has all of it.
    async fn check_run(&self, id: String, number: u64) -> Result<(), String> {
        let answer = self.peer.run_store().get_stored_run(GetStoredRunRequest { id }).await;
        let answer = answer.map_err(|status| format!("a run cannot be read: {}", status.message()))?;
        let stored = answer.into_inner().progress.unwrap_or_default();
        if stored.complete {
            return Ok(());
        }
        Err(format!(
            "run #{number} is done, and {} of {:?} series are stored",
            stored.done, stored.expected
        ))
    }

    /// What is told of the timer, and the newest runs.
    pub(crate) async fn timer(&self) -> Result<(Schedule, Vec<Run>), String> {
        let away = |status: tonic::Status| format!("the timer cannot be read: {}", status.message());
        let told = self.peer.schedule().get_schedule(GetScheduleRequest {}).await;
        let runs = self.peer.runs().list_runs(ListRunsRequest::default()).await;
        Ok((
            told.map_err(away)?.into_inner().schedule.unwrap_or_default(),
            runs.map_err(away)?.into_inner().runs,
        ))
    }

    async fn check_runs(&self) -> Result<(), String> {
        let answer = self.peer.runs().list_runs(ListRunsRequest::default()).await;
        let runs = answer
            .map_err(|status| format!("the runs cannot be listed: {}", status.message()))?
            .into_inner()
            .runs;
        let now_ms = sla_domain::Clock::now_ms(&*self.desk.clock);
        for run in runs {
            let is_under_way = matches!(run.state(), RunState::Queued | RunState::Running);
            let since_ms = run.started.as_ref().map_or(0, |started| now_ms - millis(started));
            if is_under_way && since_ms > RUN_MS {
                return Err(format!(
                    "run #{} is under way for {since_ms} ms: {} of {} series",
                    run.number, run.series_done, run.series_total
                ));
            }
            if run.state() == RunState::Done {
                self.check_run(run.id, run.number).await?;
            }
        }
        Ok(())
    }
}

/// An objective whose figures did not change is not told again: its instant may be older on a screen.
fn row(status: &ObjectiveStatus) -> ((String, String), i32) {
    let id = status
        .objective
        .as_ref()
        .map(|objective| objective.id.clone())
        .unwrap_or_default();
    ((status.set_id.clone(), id), status.state)
}

fn stretch(row: &Violation) -> Option<Stretch> {
    Some(Stretch {
        start_ms: millis(row.start.as_ref()?),
        end_ms: row.end.as_ref().map(millis),
        samples: row.samples,
        worst: row.worst,
    })
}

/// Up to which instants samples may have been known when what is told now was judged: what was delivered before
/// `judged_ms`, or any delivery since.
fn known_until(deliveries: &[crate::source::Delivery], judged_ms: i64) -> Vec<i64> {
    let (mut before_ms, mut since) = (i64::MIN, Vec::new());
    for &(when_ms, until_ms) in deliveries {
        let known_ms = until_ms.max(since.last().copied().unwrap_or(before_ms));
        if when_ms <= judged_ms {
            before_ms = known_ms;
        } else {
            since.push(known_ms);
        }
    }
    since.push(before_ms);
    since
}
