//! The continuous evaluation: read tails, judge at one instant, write the ledger, then tell.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use sla_domain::SeriesId;
use sla_domain::objective::ObjectiveId;
use sla_domain::state::Risk;
use sla_proto::convert;
use sla_proto::etl::v1::RetrySourceRequest;
use sla_proto::violation::v1 as pb;

use crate::core::{DEFAULT_SOURCE, ManagerCore, NowRequest};
use crate::error::SlaError;
use crate::evaluation::asked::Asked;
use crate::evaluation::due::due_again_ms;
use crate::evaluation::judge::{JudgedObjective, judge_on};
use crate::evaluation::snapshot::{Changes, Rank, Snapshot, same_figures};
use crate::evaluation::sources::Sources;
use crate::evaluation::status::{as_stored, as_unread, objective_status};
use crate::evaluation::tracks::ObjectiveTracks;
use crate::ledger::{self, Announcement, LedgerChanges, LedgerMirror};
use crate::samples::feed::{bring_up, forget, reach_ms};
use crate::samples::series::SeriesMemory;
use crate::sets::catalog::{FIRST_RETRY, KnownObjective, REFRESH_EVERY, RETRY_EVERY, Sets};

/// Longest wait of `EvaluateNow` for its turn.
pub const NOW_TIMEOUT: Duration = Duration::from_secs(15);

/// What an objective was told as the last time, and when it is due again.
#[derive(Debug)]
struct Card {
    known: Arc<KnownObjective>,
    status: Arc<pb::ObjectiveStatus>,
    rank: Arc<Rank>,
    due_ms: i64,
}

/// Everything the loop remembers between two evaluations. A round costs what is due in it and what it changes, not what is known.
#[derive(Debug, Default)]
pub(crate) struct Cadence {
    tracks: HashMap<ObjectiveId, ObjectiveTracks>,
    ledger: LedgerMirror,
    cards: HashMap<ObjectiveId, Card>,
    /// What the cards tell, worst first.
    ranked: BTreeMap<Arc<Rank>, Arc<pb::ObjectiveStatus>>,
    /// The same as snapshots have it, while it is so.
    listed: Option<Arc<Vec<Arc<pb::ObjectiveStatus>>>>,
    /// When each objective is due.
    due: BTreeSet<(i64, ObjectiveId)>,
    /// As the cards know them.
    sets: Arc<Sets>,
    /// They were taken over and what is gone is not forgotten everywhere yet.
    sets_are_new: bool,
    /// The instant of the last round.
    at_ms: i64,
    changes: Changes,
    sources: Sources,
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
            more = sets.next() => {
                if !more {
                    return;
                }
            }
            () = core.expected.notified() => {}
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
            all = true;
        }
        sets.mark_unchanged();
        let begun = tokio::time::Instant::now();
        let outcome = cadence.evaluate(core, all).await;
        sets.rest(begun);
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
        let now_ms = core.clock.now_ms();
        let mut at_ms = now_ms + core.clocks.ahead_ms(DEFAULT_SOURCE);
        self.take_sets(core.catalog.sets()?);
        // Another outlook may be another state.
        for id in core.outlooks.take_changed() {
            self.hurry(&id);
        }
        // Where the clock was set back, what was due then is not known.
        let due = if all || at_ms < self.at_ms {
            self.sets.watched().objectives.clone()
        } else {
            self.due_now(core)
        };
        forget(core, self.sets_are_new.then(|| self.sets.clone()), at_ms).await?;
        let mut judged = Vec::with_capacity(due.len());
        let by_source = by_source(due);
        if !by_source.contains_key(DEFAULT_SOURCE) {
            self.look_again(core).await;
        }
        for (source, due) in by_source {
            let mut present_ms = now_ms + core.clocks.ahead_ms(&source);
            if self.read(core, &source, &due, present_ms).await {
                // This read has told how far apart the clocks are: what was asked for was the wrong instant.
                present_ms = core.present_of(&source);
                self.read(core, &source, &due, present_ms).await;
            }
            judged.extend(self.judge(core, &due, present_ms).await?);
            if source == DEFAULT_SOURCE {
                at_ms = present_ms;
            }
        }
        core.metrics
            .series_judged
            .inc_by(judged.iter().map(|objective| objective.series.len() as u64).sum());
        // Spacings before what was judged by them; while the ledger cannot be written, nothing else can: no round waits twice for it.
        let was_refused = self.ledger_problem_since_ms.is_some();
        if !was_refused {
            save_spacings(core, at_ms).await;
        }
        let (announcements, problem) = self.keep_ledger(core, &judged, at_ms).await;
        if was_refused && problem.is_empty() {
            save_spacings(core, at_ms).await;
        }
        self.fill_cards(core, &judged);
        let snapshot = self.snapshot(core, at_ms, problem);
        core.board
            .publish(snapshot, std::mem::take(&mut self.changes), announcements);
        self.at_ms = at_ms;
        core.metrics.evaluations.inc();
        core.metrics.evaluation_duration_seconds.observe(begun.elapsed());
        Ok(())
    }

    /// Takes over the sets as they are now: what is new or changed is due at once, what is gone leaves.
    fn take_sets(&mut self, sets: Arc<Sets>) {
        if Arc::ptr_eq(&self.sets, &sets) {
            return;
        }
        let watched = sets.watched();
        let gone = self.cards.keys().filter(|id| watched.get(id).is_none());
        for id in gone.cloned().collect::<Vec<_>>() {
            self.tracks.remove(&id);
            if let Some(card) = self.cards.remove(&id) {
                self.listed = None;
                self.ranked.remove(&card.rank);
                self.changes.others = true;
            }
        }
        self.due.retain(|(_, id)| watched.get(id).is_some());
        let wanted: BTreeSet<&str> = watched.wanted.iter().map(|want| want.key.source()).collect();
        self.sources
            .retain(|source| source == DEFAULT_SOURCE || wanted.contains(source));
        for known in &watched.objectives {
            let id = &known.objective.id;
            let Some(card) = self.cards.get_mut(id) else {
                self.due.insert((i64::MIN, id.clone()));
                continue;
            };
            let is_same = Arc::ptr_eq(&card.known, known)
                || (card.known.message == known.message && card.known.set_name == known.set_name);
            card.known = known.clone();
            if !is_same {
                self.hurry(id);
            }
        }
        self.sets = sets;
        self.sets_are_new = true;
    }

    /// Makes an objective due at once.
    fn hurry(&mut self, id: &ObjectiveId) {
        if let Some(card) = self.cards.get_mut(id) {
            let before = std::mem::replace(&mut card.due_ms, i64::MIN);
            self.due.remove(&(before, id.clone()));
            self.due.insert((i64::MIN, id.clone()));
        }
    }

    /// What is due, each by the clock of its source.
    fn due_now(&self, core: &ManagerCore) -> Vec<Arc<KnownObjective>> {
        let latest_ms = core.clock.now_ms() + core.clocks.most_ahead_ms();
        let due = self.due.iter().take_while(|(due_ms, _)| *due_ms <= latest_ms);
        due.filter_map(|(due_ms, id)| Some((due_ms, self.sets.watched().get(id)?)))
            .filter(|(due_ms, known)| **due_ms <= core.present_of(known.wanted.key.source()))
            .map(|(_, known)| known.clone())
            .collect()
    }

    /// The default source is asked for while something is wrong with it and nothing of it is read: nobody else would find that it
    /// is back.
    async fn look_again(&mut self, core: &ManagerCore) {
        if !self.sources.is_troubled(DEFAULT_SOURCE) {
            return;
        }
        let again = core.peer.source().retry_source(RetrySourceRequest::default()).await;
        if let Some(status) = again.ok().and_then(|told| told.into_inner().status) {
            self.sources.told(DEFAULT_SOURCE, status);
        }
    }

    /// Brings the samples of a source up to an instant; says whether that was not the source's present.
    async fn read(&mut self, core: &ManagerCore, source: &str, due: &[Arc<KnownObjective>], at_ms: i64) -> bool {
        let read = bring_up(core, due, at_ms).await;
        let mut another_time = false;
        if let Some(status) = read.source {
            another_time = core.clocks.note(source, &status);
            self.sources.told(source, status);
        }
        if let Some(words) = read.failure {
            self.sources.failed(source, at_ms, words);
        }
        another_time
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
        // A store that is away is asked once a round: each further question would take as long as the first.
        let mut is_away = false;
        for known in due {
            let series = core.memory.lock().series(&known.wanted.key);
            let ids: Vec<SeriesId> = series.iter().map(|series| series.head.id).collect();
            let is_loaded = core.spacings.is_loaded(&known.objective);
            let may_fix = is_loaded || (!is_away && core.spacings.load(&core.peer, known, &ids).await);
            is_away |= !may_fix;
            work.push(DueObjective {
                known: known.clone(),
                series,
                risks: core.outlooks.risks(&known.objective),
                // Taken out and given back, for judging runs on the pool: a round that fails leaves none, and the next begins anew.
                tracks: self.tracks.remove(&known.objective.id).unwrap_or_default(),
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
            self.tracks.insert(judged.known.objective.id.clone(), tracks);
            objectives.push(judged);
        }
        Ok(objectives)
    }

    /// Writes what changed; nothing is announced before it is durable. Words of a problem, empty when there is none.
    async fn keep_ledger(
        &mut self,
        core: &ManagerCore,
        judged: &[JudgedObjective],
        at_ms: i64,
    ) -> (Vec<Announcement>, String) {
        let outcome = self.write_ledger(core, judged, at_ms).await;
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
        at_ms: i64,
    ) -> Result<Vec<Announcement>, SlaError> {
        let reach_ms = reach_ms(&core.options);
        if !self.ledger.is_loaded() {
            self.ledger.load(&core.peer, at_ms - reach_ms).await?;
        }
        let sets = self.sets.clone();
        let generation = |id: &ObjectiveId| sets.watched().generation(id);
        self.ledger.forget(at_ms - reach_ms, |id| generation(id).is_some());
        if std::mem::take(&mut self.sets_are_new) {
            core.spacings.retain(|id, of| generation(id) == Some(of));
        }
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

    fn fill_cards(&mut self, core: &ManagerCore, judged: &[JudgedObjective]) {
        for objective in judged {
            let known = &objective.known;
            let gap = core.memory.lock().gap(&known.wanted.key);
            let mut status = objective_status(objective, core.options.horizon_ms, false, &gap.words());
            for series in &mut status.series {
                let id = series.series.as_ref().and_then(convert::series_id);
                if let Some(stored) = id.and_then(|id| self.ledger.open(&known.objective, id)) {
                    as_stored(series, stored, objective.at_ms);
                }
            }
            let hold_ms = objective.series.iter().map(|series| series.cap_ms).max().unwrap_or(0);
            if gap.hides_series(objective.at_ms, hold_ms) {
                as_unread(&mut status, self.ledger.open_of(&known.objective), gap.read_until_ms);
            }
            core.outlooks.attach(&known.objective, &mut status, false);
            // What could not be read is tried again with every round: the source may be back.
            let due_ms = if gap.problem.is_empty() {
                let newest = core.memory.lock().newest_of(&known.wanted.key);
                due_again_ms(objective, &newest, core.options.floor_ms)
            } else {
                objective.at_ms
            };
            let id = &known.objective.id;
            let due_before = self.cards.get(id).map_or(i64::MIN, |card| card.due_ms);
            self.due.remove(&(due_before, id.clone()));
            self.due.insert((due_ms, id.clone()));
            self.put_card(known.clone(), Arc::new(status), due_ms);
        }
    }

    /// Tells a status from now on.
    fn put_card(&mut self, known: Arc<KnownObjective>, status: Arc<pb::ObjectiveStatus>, due_ms: i64) {
        let id = known.objective.id.clone();
        let rank = match self.cards.get(&id) {
            // Names are copied and compared only where something has moved.
            Some(card) if card.rank.holds(&card.status, &status) => card.rank.clone(),
            _ => Arc::new(Rank::of(&status, &id)),
        };
        let generation = |status: &pb::ObjectiveStatus| status.objective.as_ref().map(|objective| objective.generation);
        let card = Card {
            known,
            status: status.clone(),
            rank: rank.clone(),
            due_ms,
        };
        match self.cards.insert(id, card) {
            Some(before) => {
                if before.rank != rank {
                    self.ranked.remove(&before.rank);
                }
                self.changes.others |= generation(&before.status) != generation(&status);
                if !same_figures(&before.status, &status) {
                    self.changes.objectives.push(status.clone());
                }
            }
            None => self.changes.others = true,
        }
        self.ranked.insert(rank, status);
        self.listed = None;
    }

    fn snapshot(&mut self, core: &ManagerCore, at_ms: i64, problem: String) -> Snapshot {
        let problems = [problem, full_memory(core)]
            .into_iter()
            .filter(|words| !words.is_empty());
        Snapshot {
            at_ms: Some(at_ms),
            objectives: self
                .listed
                .get_or_insert_with(|| Arc::new(self.ranked.values().cloned().collect()))
                .clone(),
            source: self.sources.face(),
            problem: problems.collect::<Vec<_>>().join("; "),
        }
    }
}

async fn save_spacings(core: &ManagerCore, at_ms: i64) {
    if let Err(error) = core.spacings.save(&core.peer, at_ms).await {
        tracing::debug!(error = %error.words(), "spacings are stored later");
    }
}

/// Objectives by the name of their source, in their order.
fn by_source(due: Vec<Arc<KnownObjective>>) -> BTreeMap<String, Vec<Arc<KnownObjective>>> {
    let mut by_source: BTreeMap<String, Vec<Arc<KnownObjective>>> = BTreeMap::new();
    for known in due {
        let source = known.wanted.key.source();
        match by_source.get_mut(source) {
            Some(group) => group.push(known),
            None => drop(by_source.insert(source.to_owned(), vec![known])),
        }
    }
    by_source
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
