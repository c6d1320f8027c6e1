//! The continuous evaluation: read tails, judge at one instant, write the ledger, then tell.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use sla_domain::SeriesId;
use sla_domain::objective::ObjectiveId;
use sla_domain::state::Risk;
use sla_proto::convert::timestamp;
use sla_proto::series::v1::SourceStatus;
use sla_proto::violation::v1 as pb;

use crate::core::{ManagerCore, NowRequest};
use crate::error::SlaError;
use crate::evaluation::judge::{Asked, JudgedObjective, judge, spacing_ms};
use crate::evaluation::snapshot::Snapshot;
use crate::evaluation::status::objective_status;
use crate::ledger::{self, Announcement, LedgerChanges, LedgerMirror};
use crate::outlook::board::OutlookKey;
use crate::samples::feed::bring_up;
use crate::samples::memory::SampleMemory;
use crate::sets::catalog::{FIRST_RETRY, KnownObjective, REFRESH_EVERY, RETRY_EVERY, Sets};

/// Samples are kept this much longer than the longest window, milliseconds: a value from before carries in, and an open
/// violation shows where it began.
const REACH_SLACK_MS: i64 = 30 * 60_000;
/// Longest wait of `EvaluateNow` for its turn.
pub const NOW_TIMEOUT: Duration = Duration::from_secs(15);

/// What an objective was told as the last time, and when it is due again.
#[derive(Debug)]
struct Card {
    generation: u32,
    status: Arc<pb::ObjectiveStatus>,
    judged_ms: i64,
    spacing_ms: i64,
}

/// Everything the loop remembers between two evaluations.
#[derive(Debug, Default)]
pub struct Cadence {
    memory: SampleMemory,
    ledger: LedgerMirror,
    cards: BTreeMap<(String, String), Card>,
    source: SourceStatus,
    ledger_problem_since_ms: Option<i64>,
}

/// Runs until shutdown.
pub(crate) async fn run(core: Arc<ManagerCore>, mut requests: tokio::sync::mpsc::Receiver<NowRequest>) {
    let token = core.shutdown.token().clone();
    // Without sets there is nothing to do.
    let mut pause = FIRST_RETRY;
    while let Err(error) = core.catalog.refresh().await {
        // The roles of one process are wired within milliseconds: the first refusals are no news.
        if pause >= RETRY_EVERY {
            tracing::warn!(error = %error.words(), "the sets cannot be read yet");
        }
        tokio::select! {
            () = token.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
        pause = (pause * 2).min(RETRY_EVERY);
    }
    let mut cadence = Cadence::default();
    let mut sets = core.catalog.changes();
    let floor = Duration::from_millis(core.options.floor_ms.unsigned_abs());
    let mut tick = tokio::time::interval(floor);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    let mut refresh = tokio::time::interval(REFRESH_EVERY);
    refresh.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    loop {
        let mut waiting: Vec<NowRequest> = Vec::new();
        let mut all = false;
        tokio::select! {
            () = token.cancelled() => return,
            _ = tick.tick() => {}
            changed = sets.changed() => {
                if changed.is_err() {
                    return;
                }
                all = true;
            }
            Some(request) = requests.recv() => {
                waiting.push(request);
                all = true;
            }
            _ = refresh.tick() => {
                // A store that is away is seen when something is written.
                let _ = core.catalog.refresh().await;
                core.editor.retire_owed().await;
                continue;
            }
        }
        while let Ok(request) = requests.try_recv() {
            waiting.push(request);
        }
        sets.mark_unchanged();
        let outcome = cadence.evaluate(&core, all).await;
        if let Err(error) = &outcome {
            tracing::warn!(error = %error.words(), "an evaluation failed");
            core.metrics.evaluations_failed(1);
        }
        for request in waiting {
            // A caller that has gone does not matter.
            let _ = request.send(match &outcome {
                Ok(()) => Ok(()),
                Err(error) => Err(error.words()),
            });
        }
    }
}

impl Cadence {
    /// One evaluation at the present instant; of all objectives, or of those that are due.
    pub(crate) async fn evaluate(&mut self, core: &ManagerCore, all: bool) -> Result<(), SlaError> {
        let begun = tokio::time::Instant::now();
        let at_ms = core.clock.now_ms();
        let sets = core.catalog.sets()?;
        let active = sets.active();
        let due: Vec<Arc<KnownObjective>> = active
            .iter()
            .filter(|known| all || self.is_due(known, at_ms, core.options.floor_ms))
            .cloned()
            .collect();
        self.read(core, &active, &due, at_ms).await;
        let judged = self.judge(core, &due, at_ms).await?;
        core.metrics
            .series_judged(judged.iter().map(|objective| objective.series.len() as u64).sum());
        if let Err(error) = core.spacings.save(&core.peer, at_ms).await {
            tracing::debug!(error = %error.words(), "spacings are stored later");
        }
        let (announcements, problem) = self.keep_ledger(core, &judged, &active, at_ms).await;
        self.fill_cards(core, &judged, &active);
        let snapshot = self.snapshot(core, &sets, at_ms, problem);
        core.board.publish(snapshot, announcements);
        core.metrics.evaluations(1);
        core.metrics.evaluation_ms(begun.elapsed().as_millis() as u64);
        Ok(())
    }

    fn is_due(&self, known: &KnownObjective, at_ms: i64, floor_ms: i64) -> bool {
        let key = (known.set_id.clone(), known.objective.id.as_str().to_owned());
        self.cards.get(&key).is_none_or(|card| {
            let every_ms = card.spacing_ms.max(floor_ms);
            // Half a floor of slack: ticks are not exact.
            card.generation != known.objective.generation
                || !(0..every_ms - floor_ms / 2).contains(&(at_ms - card.judged_ms))
        })
    }

    async fn read(
        &mut self,
        core: &ManagerCore,
        active: &[Arc<KnownObjective>],
        due: &[Arc<KnownObjective>],
        at_ms: i64,
    ) {
        let reach_ms = core.options.longest_window_ms() + REACH_SLACK_MS;
        let read = bring_up(core, &mut self.memory, active, due, at_ms, reach_ms).await;
        if let Some(status) = read.source {
            self.source = status;
        }
        if let Some(words) = read.failure {
            // What is known of the source stays; what is wrong with it is new.
            self.source.failing_since.get_or_insert_with(|| timestamp(at_ms));
            self.source.problem = words;
        }
    }

    async fn judge(
        &self,
        core: &ManagerCore,
        due: &[Arc<KnownObjective>],
        at_ms: i64,
    ) -> Result<Vec<JudgedObjective>, SlaError> {
        let asked = Asked {
            at_ms,
            windows_ms: core.options.windows_ms.clone(),
            cap_ms: None,
        };
        let mut work = Vec::with_capacity(due.len());
        for known in due {
            let mut series = self.memory.series(&known.wanted.key);
            let loaded = core.spacings.load(&core.peer, known, &series).await;
            core.spacings.apply(known, &mut series, loaded);
            let risks: HashMap<SeriesId, Risk> = series
                .iter()
                .filter_map(|held| {
                    let key = OutlookKey::new(&known.objective, held.id);
                    Some((held.id, core.outlooks.get(&key)?.risk?))
                })
                .collect();
            work.push((known.clone(), series, risks));
        }
        let judged = core
            .judging
            .run(move || {
                work.into_iter()
                    .map(|(known, series, risks)| judge(&known, series, &asked, &risks))
                    .collect()
            })
            .await?;
        Ok(judged)
    }

    /// Writes what changed; nothing is announced before it is durable. Words of a problem, empty when there is none.
    async fn keep_ledger(
        &mut self,
        core: &ManagerCore,
        judged: &[JudgedObjective],
        active: &[Arc<KnownObjective>],
        at_ms: i64,
    ) -> (Vec<Announcement>, String) {
        let outcome = self.write_ledger(core, judged, active, at_ms).await;
        match outcome {
            Ok(announcements) => {
                self.ledger_problem_since_ms = None;
                (announcements, String::new())
            }
            Err(error) => {
                let since = *self.ledger_problem_since_ms.get_or_insert(at_ms);
                let words = format!(
                    "violations cannot be stored since {}: {}; tried again with every evaluation",
                    crate::wording::time_of_day(since, at_ms),
                    error.words()
                );
                tracing::warn!(error = %error.words(), "the ledger cannot be written");
                (Vec::new(), words)
            }
        }
    }

    async fn write_ledger(
        &mut self,
        core: &ManagerCore,
        judged: &[JudgedObjective],
        active: &[Arc<KnownObjective>],
        at_ms: i64,
    ) -> Result<Vec<Announcement>, SlaError> {
        let reach_ms = core.options.longest_window_ms() + REACH_SLACK_MS;
        if !self.ledger.is_loaded() {
            self.ledger.load(&core.peer, at_ms - reach_ms).await?;
        }
        let is_active = |id: &ObjectiveId| active.iter().any(|known| known.objective.id == *id);
        self.ledger.forget(at_ms - reach_ms, is_active);
        core.spacings.retain(|id, generation| {
            active
                .iter()
                .any(|known| known.objective.id == *id && known.objective.generation == generation)
        });
        let mut pending = LedgerChanges::default();
        for objective in judged {
            // What was not read has not ended: a tail that is missing proves nothing.
            if self.memory.problem(&objective.known.wanted.key).is_empty() {
                self.ledger.compare(objective, &mut pending);
            }
        }
        let generation = |id: &ObjectiveId| {
            let mut same = active.iter().filter(|known| known.objective.id == *id);
            same.next().map(|known| known.objective.generation)
        };
        self.ledger.end_abandoned(at_ms, generation, &mut pending);
        if pending.is_empty() {
            return Ok(Vec::new());
        }
        ledger::write(&core.peer, &pending).await?;
        let announcements = self.ledger.written(pending, at_ms);
        for announcement in &announcements {
            match announcement {
                Announcement::Opened(_) => core.metrics.violations_opened(1),
                Announcement::Closed(_) => core.metrics.violations_closed(1),
            }
        }
        Ok(announcements)
    }

    fn fill_cards(&mut self, core: &ManagerCore, judged: &[JudgedObjective], active: &[Arc<KnownObjective>]) {
        for objective in judged {
            let known = &objective.known;
            let problem = self.memory.problem(&known.wanted.key);
            let status = objective_status(objective, core.options.horizon_ms, false, problem);
            let spacing = objective.series.iter().map(|series| spacing_ms(&series.held)).min();
            self.cards.insert(
                (known.set_id.clone(), known.objective.id.as_str().to_owned()),
                Card {
                    generation: known.objective.generation,
                    status: Arc::new(status),
                    judged_ms: objective.at_ms,
                    spacing_ms: spacing.unwrap_or(0),
                },
            );
        }
        self.cards.retain(|(set_id, id), _| {
            active
                .iter()
                .any(|known| known.set_id == *set_id && known.objective.id.as_str() == id)
        });
    }

    fn snapshot(&self, core: &ManagerCore, sets: &Sets, at_ms: i64, problem: String) -> Snapshot {
        let objectives = self
            .cards
            .values()
            .map(|card| core.outlooks.attach(&card.status, false))
            .map(|status| renamed(status, sets))
            .collect();
        Snapshot::new(at_ms, objectives, self.source.clone(), problem)
    }
}

/// A set may have got another name, an objective another target, without being judged again.
fn renamed(status: Arc<pb::ObjectiveStatus>, sets: &Sets) -> Arc<pb::ObjectiveStatus> {
    let id = status
        .objective
        .as_ref()
        .map(|objective| objective.id.as_str())
        .unwrap_or_default();
    let known = sets
        .by_id(&status.set_id)
        .and_then(|set| set.objectives.iter().find(|known| known.objective.id.as_str() == id));
    match known {
        Some(known) if known.set_name != status.set_name || status.objective.as_ref() != Some(&known.message) => {
            Arc::new(pb::ObjectiveStatus {
                set_name: known.set_name.clone(),
                objective: Some(known.message.clone()),
                ..(*status).clone()
            })
        }
        _ => status,
    }
}
