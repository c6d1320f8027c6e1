//! The continuous evaluation: read tails, judge at one instant, write the ledger, then tell.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use sla_domain::SeriesId;
use sla_domain::objective::ObjectiveId;
use sla_domain::state::Risk;
use sla_proto::convert::{self, timestamp};
use sla_proto::series::v1::SourceStatus;
use sla_proto::violation::v1 as pb;

use crate::core::{ManagerCore, NowRequest};
use crate::error::SlaError;
use crate::evaluation::asked::Asked;
use crate::evaluation::judge::{JudgedObjective, judge_on};
use crate::evaluation::snapshot::Snapshot;
use crate::evaluation::status::{as_stored, objective_status};
use crate::evaluation::tracks::ObjectiveTracks;
use crate::ledger::{self, Announcement, LedgerChanges, LedgerMirror};
use crate::samples::feed::{bring_up, reach_ms};
use crate::samples::series::SeriesMemory;
use crate::sets::catalog::{FIRST_RETRY, KnownObjective, REFRESH_EVERY, RETRY_EVERY, Sets};

/// Longest wait of `EvaluateNow` for its turn.
pub const NOW_TIMEOUT: Duration = Duration::from_secs(15);

/// Set and objective, by id.
type CardKey = (String, String);

/// What an objective was told as the last time, and when it is due again.
#[derive(Debug)]
struct Card {
    known: Arc<KnownObjective>,
    status: Arc<pb::ObjectiveStatus>,
    /// Of the outlooks in the status.
    outlooks: u64,
    judged_ms: i64,
    spacing_ms: i64,
}

/// Everything the loop remembers between two evaluations.
#[derive(Debug, Default)]
pub(crate) struct Cadence {
    tracks: HashMap<CardKey, ObjectiveTracks>,
    ledger: LedgerMirror,
    cards: BTreeMap<CardKey, Card>,
    source: SourceStatus,
    ledger_problem_since_ms: Option<i64>,
}

/// One objective that is due, with all that judging it needs.
struct DueObjective {
    known: Arc<KnownObjective>,
    series: Vec<Arc<SeriesMemory>>,
    risks: HashMap<SeriesId, Risk>,
    tracks: ObjectiveTracks,
    /// Whether what is stored about its spacings is known: nothing is fixed before that.
    may_fix: bool,
}

/// Runs until shutdown, while this manager is the one that judges.
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
    loop {
        let term = tokio::select! {
            () = token.cancelled() => return,
            term = core.mandate.active() => term,
        };
        let Some(term) = term else { return };
        // What was remembered before another manager judged is no longer so: the ledger is read again.
        tokio::select! {
            () = core.mandate.over(term) => {}
            () = judge_on_and_on(&core, &mut requests) => return,
        }
    }
}

/// Until shutdown.
async fn judge_on_and_on(core: &ManagerCore, requests: &mut tokio::sync::mpsc::Receiver<NowRequest>) {
    let token = core.shutdown.token().clone();
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
                continue;
            }
        }
        // Whoever asked meanwhile is answered by the same round: it begins after they asked.
        while let Ok(request) = requests.try_recv() {
            waiting.push(request);
        }
        sets.mark_unchanged();
        let outcome = cadence.evaluate(core, all).await;
        if let Err(error) = &outcome {
            tracing::warn!(error = %error.words(), "an evaluation failed");
            core.metrics.evaluations_failed.inc();
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
        let mut at_ms = core.present_ms();
        let sets = core.catalog.sets()?;
        let active = sets.active();
        let due: Vec<Arc<KnownObjective>> = active
            .iter()
            .filter(|known| all || self.is_due(known, at_ms, core.options.floor_ms))
            .cloned()
            .collect();
        if self.read(core, &active, &due, at_ms).await? {
            // This read has told how far apart the clocks are: what was asked for was the wrong instant.
            at_ms = core.present_ms();
            self.read(core, &active, &due, at_ms).await?;
        }
        let judged = self.judge(core, &due, at_ms).await?;
        core.metrics
            .series_judged
            .inc_by(judged.iter().map(|objective| objective.series.len() as u64).sum());
        if let Err(error) = core.spacings.save(&core.peer, at_ms).await {
            tracing::debug!(error = %error.words(), "spacings are stored later");
        }
        let (announcements, problem) = self.keep_ledger(core, &judged, &active, at_ms).await;
        self.fill_cards(core, &judged, &active);
        let snapshot = self.snapshot(core, &sets, at_ms, problem);
        core.board.publish(snapshot, announcements);
        core.metrics.evaluations.inc();
        core.metrics.evaluation_duration_seconds.observe(begun.elapsed());
        Ok(())
    }

    fn is_due(&self, known: &KnownObjective, at_ms: i64, floor_ms: i64) -> bool {
        self.cards.get(&card_key(known)).is_none_or(|card| {
            let every_ms = card.spacing_ms.max(floor_ms);
            // Half a floor of slack: ticks are not exact.
            card.known.objective.generation != known.objective.generation
                // What could not be read is tried again with every tick: the source may be back.
                || !card.status.problem.is_empty()
                || !(0..every_ms - floor_ms / 2).contains(&(at_ms - card.judged_ms))
        })
    }

    /// Brings the samples up to an instant; says whether that was not the source's present.
    async fn read(
        &mut self,
        core: &ManagerCore,
        active: &[Arc<KnownObjective>],
        due: &[Arc<KnownObjective>],
        at_ms: i64,
    ) -> Result<bool, SlaError> {
        let read = bring_up(core, active, due, at_ms).await?;
        let mut another_time = false;
        if let Some(status) = read.source {
            another_time = core.note_clock(&status);
            self.source = status;
        }
        if let Some(words) = read.failure {
            // What is known of the source stays; what is wrong with it is new.
            self.source.failing_since.get_or_insert_with(|| timestamp(at_ms));
            self.source.problem = words;
        }
        Ok(another_time)
    }

    async fn judge(
        &mut self,
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
            let series = core.memory.lock().series(&known.wanted.key);
            let ids: Vec<SeriesId> = series.iter().map(|series| series.head.id).collect();
            let may_fix = core.spacings.load(&core.peer, known, &ids).await;
            work.push(DueObjective {
                known: known.clone(),
                series,
                risks: core.outlooks.risks(&known.objective),
                // Taken out and given back, for judging runs on the pool: a round that fails leaves none, and the next begins anew.
                tracks: self.tracks.remove(&card_key(known)).unwrap_or_default(),
                may_fix,
            });
        }
        let spacings = core.spacings.clone();
        let judging = core.judging.run(move || {
            let judged = work.into_iter().map(|mut due| {
                let spacing = |series: &SeriesMemory| spacings.see(&due.known, series, due.may_fix);
                let judged = judge_on(&due.known, &due.series, &mut due.tracks, &asked, &due.risks, &spacing);
                (judged, due.tracks)
            });
            judged.collect::<Vec<_>>()
        });
        let mut objectives = Vec::with_capacity(due.len());
        for (judged, tracks) in judging.await? {
            self.tracks.insert(card_key(&judged.known), tracks);
            objectives.push(judged);
        }
        Ok(objectives)
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
        let reach_ms = reach_ms(&core.options);
        if !self.ledger.is_loaded() {
            self.ledger.load(&core.peer, at_ms - reach_ms).await?;
        }
        let generations: HashMap<&ObjectiveId, u32> = active
            .iter()
            .map(|known| (&known.objective.id, known.objective.generation))
            .collect();
        let generation = |id: &ObjectiveId| generations.get(id).copied();
        self.ledger.forget(at_ms - reach_ms, |id| generation(id).is_some());
        core.spacings.retain(|id, of| generation(id) == Some(of));
        let mut pending = LedgerChanges::default();
        for objective in judged {
            // What was not read has not ended: a tail that is missing proves nothing.
            if core.memory.lock().problem(&objective.known.wanted.key).is_empty() {
                self.ledger.compare(objective, &mut pending);
            }
        }
        self.ledger.end_abandoned(at_ms, generation, &mut pending);
        if pending.is_empty() {
            return Ok(Vec::new());
        }
        self.ledger.put_after(&mut pending, at_ms);
        ledger::write(&core.peer, core.mandate.fence(), &pending).await?;
        let announcements = self.ledger.written(pending, at_ms);
        for announcement in &announcements {
            match announcement {
                Announcement::Opened(_) => core.metrics.violations_opened.inc(),
                Announcement::Closed(_) => core.metrics.violations_closed.inc(),
            };
        }
        Ok(announcements)
    }

    fn fill_cards(&mut self, core: &ManagerCore, judged: &[JudgedObjective], active: &[Arc<KnownObjective>]) {
        for objective in judged {
            let known = &objective.known;
            let problem = core.memory.lock().problem(&known.wanted.key).to_owned();
            let mut status = objective_status(objective, core.options.horizon_ms, false, &problem);
            for series in &mut status.series {
                let id = series.series.as_ref().and_then(convert::series_id);
                if let Some(stored) = id.and_then(|id| self.ledger.open(&known.objective, id)) {
                    as_stored(series, stored, objective.at_ms);
                }
            }
            let outlooks = core.outlooks.version(&known.objective);
            core.outlooks.attach(&known.objective, &mut status, false);
            let spacing = objective.series.iter().map(|series| series.spacing_ms).min();
            self.cards.insert(
                card_key(known),
                Card {
                    known: known.clone(),
                    status: Arc::new(status),
                    outlooks,
                    judged_ms: objective.at_ms,
                    spacing_ms: spacing.unwrap_or(0),
                },
            );
        }
        let active: HashSet<CardKey> = active.iter().map(|known| card_key(known)).collect();
        self.cards.retain(|key, _| active.contains(key));
        self.tracks.retain(|key, _| active.contains(key));
    }

    fn snapshot(&mut self, core: &ManagerCore, sets: &Sets, at_ms: i64, problem: String) -> Snapshot {
        for card in self.cards.values_mut() {
            let outlooks = core.outlooks.version(&card.known.objective);
            if outlooks != card.outlooks {
                let status = Arc::make_mut(&mut card.status);
                core.outlooks.attach(&card.known.objective, status, false);
                card.outlooks = outlooks;
            }
        }
        let objectives = self.cards.values().map(|card| renamed(card.status.clone(), sets));
        let problems = [problem, full_memory(core)]
            .into_iter()
            .filter(|words| !words.is_empty());
        let problem = problems.collect::<Vec<_>>().join("; ");
        Snapshot::new(at_ms, objectives.collect(), self.source.clone(), problem)
    }
}

fn card_key(known: &KnownObjective) -> CardKey {
    (known.set_id.clone(), known.objective.id.as_str().to_owned())
}

/// That series are not judged for want of room; empty when all are.
fn full_memory(core: &ManagerCore) -> String {
    let (_, cap_bytes, left_out) = core.memory.lock().fill();
    if left_out == 0 {
        return String::new();
    }
    format!(
        "the memory of samples is full ({} MiB): {left_out} series are not judged; raise evaluation.memory_mib",
        cap_bytes >> 20
    )
}

/// A set may have got another name, an objective another target, without being judged again.
fn renamed(status: Arc<pb::ObjectiveStatus>, sets: &Sets) -> Arc<pb::ObjectiveStatus> {
    match sets.known(&status) {
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
