//! The stored violations of active objectives, mirrored so that each evaluation writes only what changed.
//!
//! Natural keys (objective, generation, series, start) make every write safe to repeat: after a crash the same samples
//! give the same rows.

use std::collections::{HashMap, HashSet};

use sla_domain::SeriesId;
use sla_domain::evaluation::Evaluation;
use sla_domain::ledger::{LedgerKey, Violation, transitions};
use sla_domain::objective::{Objective, ObjectiveId};
use sla_domain::range::{AllowedRange, Side};
use sla_domain::safe_text::SafeText;
use sla_proto::Peer;
use sla_proto::convert::{self, millis, timestamp};
use sla_proto::pieces::{PieceLimits, pieces};
use sla_proto::series::v1::Series;
use sla_proto::storage::v1::{ListStoredViolationsRequest, PutViolationsRequest};
use sla_proto::violation::v1 as pb;

use crate::error::SlaError;
use crate::evaluation::judge::JudgedObjective;
use crate::evaluation::status::side_message;
use crate::options::LATE_SAMPLES_MS;

/// Rows of a page when the ledger is read.
const PAGE_ROWS: u32 = 1_000;
/// Most pages read at the start: what is older is closed and does not change any more.
const MAX_PAGES: usize = 50;
/// Figures of a violation that merely goes on are written this often, milliseconds; its opening and closing at once.
const PROGRESS_EVERY_MS: i64 = 60_000;

/// What a write to the ledger has to announce.
#[derive(Debug, Clone, PartialEq)]
pub enum Announcement {
    /// A violation began.
    Opened(pb::Violation),
    /// A violation ended.
    Closed(pb::Violation),
}

impl Announcement {
    /// The violation.
    pub fn violation(&self) -> &pb::Violation {
        match self {
            Self::Opened(violation) | Self::Closed(violation) => violation,
        }
    }
}

/// Rows to write, and what they mean.
#[derive(Debug, Default)]
pub struct LedgerChanges {
    rows: Vec<(Violation, pb::Violation)>,
    announcements: Vec<Announcement>,
}

impl LedgerChanges {
    /// Whether nothing is to be written.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    fn end<'a>(&mut self, abandoned: impl Iterator<Item = &'a Mirrored>, at_ms: i64) {
        for (violation, row) in abandoned.filter_map(|have| have.abandoned(at_ms)) {
            self.announcements.push(Announcement::Closed(row.clone()));
            self.rows.push((violation, row));
        }
    }

    /// How many rows.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Says of what is stored when it was judged. What is announced keeps the instant that the overview has, too.
    fn judged(&mut self, judged_ms: i64) {
        for (_, row) in &mut self.rows {
            row.judged = Some(timestamp(judged_ms));
        }
    }
}

#[derive(Debug, Clone)]
struct Mirrored {
    violation: Violation,
    written_ms: i64,
    /// As it is stored, while it goes on: it may have to be closed when nobody judges it any more.
    open_row: Option<pb::Violation>,
}

impl Mirrored {
    fn new(violation: Violation, row: pb::Violation, written_ms: i64) -> Self {
        Self {
            open_row: violation.is_open().then_some(row),
            violation,
            written_ms,
        }
    }

    /// Its end where it was seen last; `None` when it does not go on.
    fn abandoned(&self, at_ms: i64) -> Option<(Violation, pb::Violation)> {
        let row = self.open_row.as_ref()?;
        let ended = Violation {
            end_ms: Some(self.violation.seen_ms),
            ..self.violation.clone()
        };
        let row = pb::Violation {
            end: ended.end_ms.map(timestamp),
            duration_ms: ended.duration_ms(),
            judged: Some(timestamp(at_ms)),
            ..row.clone()
        };
        Some((ended, row))
    }
}

/// The violations of one objective in one generation, by series.
type OfObjective = HashMap<SeriesId, Vec<Mirrored>>;

/// The mirror. Empty until [`LedgerMirror::load`] has read the store.
#[derive(Debug, Default)]
pub struct LedgerMirror {
    by_objective: HashMap<(ObjectiveId, u32), OfObjective>,
    /// The newest instant at which a row was judged, as far as rows say, Unix milliseconds.
    judged_ms: i64,
    loaded: bool,
}

impl LedgerMirror {
    /// Whether the store was read.
    pub fn is_loaded(&self) -> bool {
        self.loaded
    }

    /// Reads what is open and what ended after `after_ms`.
    pub async fn load(&mut self, peer: &Peer, after_ms: i64) -> Result<(), SlaError> {
        let mut read = Self::default();
        for open_only in [true, false] {
            let mut page_token = String::new();
            for _ in 0..MAX_PAGES {
                let request = ListStoredViolationsRequest {
                    after: (!open_only).then(|| timestamp(after_ms)),
                    open_only,
                    // What was open when its objective went has to be closed.
                    with_retired: open_only,
                    page_size: PAGE_ROWS,
                    page_token,
                    ..ListStoredViolationsRequest::default()
                };
                let answer = peer
                    .ledger()
                    .list_stored_violations(request)
                    .await
                    .map_err(|status| SlaError::upstream("read the ledger", status))?
                    .into_inner();
                for stored in answer.violations {
                    read.judged_ms = read.judged_ms.max(stored.judged.as_ref().map_or(0, millis));
                    if let Some(violation) = from_message(&stored) {
                        let list = read.list(&violation.key);
                        if !list.iter().any(|have| have.violation.start_ms == violation.start_ms) {
                            list.push(Mirrored::new(violation, stored, 0));
                        }
                    }
                }
                page_token = answer.next_page_token;
                if page_token.is_empty() {
                    break;
                }
            }
        }
        *self = Self { loaded: true, ..read };
        Ok(())
    }

    fn list(&mut self, key: &LedgerKey) -> &mut Vec<Mirrored> {
        let name = (key.objective.clone(), key.generation);
        self.by_objective
            .entry(name)
            .or_default()
            .entry(key.series)
            .or_default()
    }

    /// The stored violation of a series that goes on, as it is told.
    pub fn open(&self, objective: &Objective, series: SeriesId) -> Option<&pb::Violation> {
        let name = (objective.id.clone(), objective.generation);
        let list = self.by_objective.get(&name)?.get(&series)?;
        list.iter().find_map(|have| have.open_row.as_ref())
    }

    /// All stored violations of an objective that go on, as they are told.
    pub fn open_of(&self, objective: &Objective) -> impl Iterator<Item = &pb::Violation> {
        let of_objective = self.by_objective.get(&(objective.id.clone(), objective.generation));
        of_objective
            .into_iter()
            .flat_map(HashMap::values)
            .flatten()
            .filter_map(|have| have.open_row.as_ref())
    }

    /// Forgets violations that ended before `before_ms`, and ended ones of objectives that are active no more.
    pub fn forget(&mut self, before_ms: i64, is_active: impl Fn(&ObjectiveId) -> bool) {
        self.by_objective.retain(|(objective, _), of_objective| {
            let active = is_active(objective);
            of_objective.retain(|_, list| {
                list.retain(|have| have.violation.end_ms.is_none_or(|end| active && end > before_ms));
                !list.is_empty()
            });
            !of_objective.is_empty()
        });
    }

    /// Ends what goes on but is judged no more, because its objective was deleted, changed or made inactive.
    /// `generation` is that of an active objective.
    pub fn end_abandoned(
        &self,
        at_ms: i64,
        generation: impl Fn(&ObjectiveId) -> Option<u32>,
        pending: &mut LedgerChanges,
    ) {
        for ((objective, of_generation), of_objective) in &self.by_objective {
            if generation(objective) != Some(*of_generation) {
                pending.end(of_objective.values().flatten(), at_ms);
            }
        }
    }

    /// What a judgement changes. Nothing is taken over before it was written: see [`LedgerMirror::written`].
    pub fn compare(&self, objective: &JudgedObjective, pending: &mut LedgerChanges) {
        let known = &objective.known;
        let name = (known.objective.id.clone(), known.objective.generation);
        let none = OfObjective::new();
        let stored = self.by_objective.get(&name).unwrap_or(&none);
        for judged in &objective.series {
            let Some(longest) = judged.longest() else { continue };
            let mirrored = stored.get(&judged.head.id).map_or(&[][..], Vec::as_slice);
            if mirrored.is_empty() && longest.intervals.is_empty() {
                continue;
            }
            let key = LedgerKey::new(&known.objective, judged.head.id);
            compare_series(mirrored, &key, &known.objective.range, longest, pending, &|violation| {
                pb::Violation {
                    judged: Some(timestamp(objective.at_ms)),
                    ..message(violation, &known.set_id, judged.head.message())
                }
            });
        }
        end_unseen(stored, objective, pending);
    }

    /// Puts the changes judged at `at_ms` after all that was written before. A row gives way only to one that was judged
    /// later: where the clock was ahead and is right again, what it made would otherwise stay for as long as it was ahead.
    pub fn put_after(&mut self, pending: &mut LedgerChanges, at_ms: i64) {
        self.judged_ms = at_ms.max(self.judged_ms.saturating_add(1));
        pending.judged(self.judged_ms);
    }

    /// Takes over what was written at `now_ms`.
    pub fn written(&mut self, pending: LedgerChanges, now_ms: i64) -> Vec<Announcement> {
        for (violation, row) in pending.rows {
            let list = self.list(&violation.key);
            list.retain(|have| have.violation.start_ms != violation.start_ms);
            if !violation.is_withdrawn() {
                list.push(Mirrored::new(violation, row, now_ms));
            }
        }
        pending.announcements
    }
}

/// Ends violations of series that were not seen for the longest window: the last look was before that.
fn end_unseen(stored: &OfObjective, objective: &JudgedObjective, pending: &mut LedgerChanges) {
    if stored.is_empty() {
        return;
    }
    let Some(longest_ms) = objective.merged.iter().map(|merged| merged.window.length_ms).max() else {
        return;
    };
    let from_ms = objective.at_ms.saturating_sub(longest_ms);
    let seen: HashSet<SeriesId> = objective.series.iter().map(|judged| judged.head.id).collect();
    let lost = stored.iter().filter(|(id, _)| !seen.contains(*id));
    let old = lost
        .flat_map(|(_, list)| list)
        .filter(|have| have.violation.seen_ms <= from_ms);
    pending.end(old, objective.at_ms);
}

/// What a judgement of one series changes.
fn compare_series(
    mirrored: &[Mirrored],
    key: &LedgerKey,
    range: &AllowedRange,
    longest: &Evaluation,
    pending: &mut LedgerChanges,
    message: &dyn Fn(&Violation) -> pb::Violation,
) {
    let stored: Vec<Violation> = mirrored.iter().map(|have| have.violation.clone()).collect();
    let changes = transitions(key, range, &stored, longest);
    let now_ms = longest.window.end_ms;
    for violation in changes.closed {
        let row = message(&violation);
        // History found at first sight is stored, but it is no news.
        let was_open = mirrored
            .iter()
            .any(|have| have.violation.start_ms == violation.start_ms);
        if was_open || violation.end_ms.is_none_or(|end| end > now_ms - LATE_SAMPLES_MS) {
            pending.announcements.push(Announcement::Closed(row.clone()));
        }
        pending.rows.push((violation, row));
    }
    for violation in changes.updated {
        let due = mirrored
            .iter()
            .find(|have| have.violation.start_ms == violation.start_ms)
            .is_none_or(|have| {
                !violation.is_open()
                    || !have.violation.is_open()
                    || !(0..PROGRESS_EVERY_MS).contains(&(now_ms - have.written_ms))
            });
        if due {
            let row = message(&violation);
            pending.rows.push((violation, row));
        }
    }
    // Who follows the ledger hears of an end before what began after it, and of a moved start before what it leaves behind.
    for violation in changes.opened {
        let row = message(&violation);
        pending.announcements.push(Announcement::Opened(row.clone()));
        pending.rows.push((violation, row));
    }
    for violation in changes.withdrawn {
        let row = message(&violation);
        pending.rows.push((violation, row));
    }
}

/// Writes rows under the lease with this token; durable when it returns. A row that no request can hold is told and left out: it must not stop the ledger
/// of every other objective.
pub async fn write(peer: &Peer, fence: u64, pending: &LedgerChanges) -> Result<(), SlaError> {
    let cut = pieces(pending.rows.iter().map(|(_, row)| row.clone()), PieceLimits::ROWS);
    for row in &cut.too_large {
        let objective = SafeText::new(&row.objective_id);
        tracing::error!(%objective, "a violation is not kept in the ledger: the labels of its series are too long");
    }
    for violations in cut.fitting {
        peer.ledger()
            .put_violations(PutViolationsRequest { violations, fence })
            .await
            .map_err(|status| SlaError::upstream("write the ledger", status))?;
    }
    Ok(())
}

/// Whether a stored row was taken back by late samples and is not listed.
pub fn is_withdrawn(row: &pb::Violation) -> bool {
    row.samples == 0 && row.end.is_some() && row.end == row.start
}

fn message(violation: &Violation, set_id: &str, series: Series) -> pb::Violation {
    pb::Violation {
        set_id: set_id.to_owned(),
        objective_id: violation.key.objective.as_str().to_owned(),
        generation: violation.key.generation,
        series: Some(series),
        start: Some(timestamp(violation.start_ms)),
        end: violation.end_ms.map(timestamp),
        side: side_message(violation.side).into(),
        worst: violation.worst,
        excess: violation.excess,
        samples: violation.samples,
        retired: false,
        duration_ms: violation.duration_ms(),
        bound: violation.bound,
        judged: None,
    }
}

fn from_message(row: &pb::Violation) -> Option<Violation> {
    let start_ms = millis(row.start.as_ref()?);
    let end_ms = row.end.as_ref().map(millis);
    Some(Violation {
        key: LedgerKey {
            objective: ObjectiveId::new(row.objective_id.clone()).ok()?,
            generation: row.generation,
            series: row.series.as_ref().and_then(convert::series_id)?,
        },
        start_ms,
        end_ms,
        seen_ms: end_ms.unwrap_or(start_ms.saturating_add(row.duration_ms)),
        side: match row.side() {
            pb::Side::Below => Side::Below,
            pb::Side::Above | pb::Side::Unspecified => Side::Above,
        },
        bound: row.bound,
        worst: row.worst,
        excess: row.excess,
        samples: row.samples,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluation::judge::tests::{asked, held, known};
    use crate::evaluation::judge::{JudgedObjective, judge};
    use sla_proto::series::v1::SeriesKind;
    use std::collections::HashMap;

    fn at(at_s: i64, points: &[(i64, f64)]) -> JudgedObjective {
        let known = known("x", AllowedRange::at_most(80.0).unwrap());
        judge(
            &known,
            &[held("x", "a", SeriesKind::Gauge, 60_000, points)],
            &asked(at_s),
            &HashMap::new(),
        )
    }

    fn changes(mirror: &mut LedgerMirror, objective: &JudgedObjective) -> (usize, Vec<Announcement>) {
        let mut pending = LedgerChanges::default();
        mirror.compare(objective, &mut pending);
        let rows = pending.len();
        (rows, mirror.written(pending, objective.at_ms))
    }

    const POINTS: [(i64, f64); 4] = [(540_000, 50.0), (600_000, 85.0), (660_000, 99.0), (700_000, 60.0)];

    #[test]
    fn a_violation_is_opened_once_and_closed_once() {
        let mut mirror = LedgerMirror::default();
        let (rows, told) = changes(&mut mirror, &at(610, &POINTS[..2]));
        assert!(matches!(&told[..], [Announcement::Opened(v)] if v.start == Some(timestamp(600_000))));
        assert_eq!(rows, 1);
        let (rows, told) = changes(&mut mirror, &at(620, &POINTS[..2]));
        assert_eq!((rows, told.len()), (0, 0), "progress is not written every time");
        let (rows, told) = changes(&mut mirror, &at(690, &POINTS[..3]));
        assert_eq!((rows, told.len()), (1, 0), "but it is written after a minute");
        let (_, told) = changes(&mut mirror, &at(710, &POINTS));
        let [Announcement::Closed(closed)] = &told[..] else {
            panic!("{told:?}")
        };
        assert_eq!(
            (closed.end, closed.worst, closed.samples),
            (Some(timestamp(700_000)), 99.0, 2)
        );
        assert_eq!(changes(&mut mirror, &at(715, &POINTS)), (0, Vec::new()));
    }

    #[test]
    fn what_ended_is_written_before_what_began_after_it() {
        let mut mirror = LedgerMirror::default();
        changes(&mut mirror, &at(610, &POINTS[..2]));
        let again = [&POINTS[..], &[(760_000, 90.0)]].concat();
        let mut pending = LedgerChanges::default();
        mirror.compare(&at(765, &again), &mut pending);
        let starts: Vec<i64> = pending.rows.iter().map(|(violation, _)| violation.start_ms).collect();
        assert_eq!(starts, [600_000, 760_000]);
        assert!(matches!(
            &pending.announcements[..],
            [Announcement::Closed(_), Announcement::Opened(_)]
        ));
    }

    #[test]
    fn after_a_restart_the_same_samples_change_nothing() {
        let before = LedgerMirror::default();
        let mut pending = LedgerChanges::default();
        before.compare(&at(690, &POINTS[..3]), &mut pending);
        let stored: Vec<pb::Violation> = pending.rows.iter().map(|(_, row)| row.clone()).collect();
        // A new process reads the rows back.
        let mut after = LedgerMirror {
            loaded: true,
            ..LedgerMirror::default()
        };
        for row in &stored {
            let violation = from_message(row).unwrap();
            let list = after.list(&violation.key);
            list.push(Mirrored::new(violation, row.clone(), 690_000));
        }
        assert_eq!(changes(&mut after, &at(690, &POINTS[..3])), (0, Vec::new()));
        let (_, told) = changes(&mut after, &at(710, &POINTS));
        assert!(
            matches!(&told[..], [Announcement::Closed(_)]),
            "what was open before is closed, not opened again"
        );
    }

    #[test]
    fn what_a_clock_made_that_was_ahead_gives_way_once_it_is_right() {
        let mut mirror = LedgerMirror::default();
        let mut judged = |at_s: i64| {
            let objective = at(at_s, &POINTS[..3]);
            let mut pending = LedgerChanges::default();
            mirror.compare(&objective, &mut pending);
            mirror.put_after(&mut pending, objective.at_ms);
            let (rows, told) = (pending.rows.clone(), mirror.written(pending, objective.at_ms));
            let [(violation, row)] = &rows[..] else {
                panic!("{rows:?}")
            };
            (violation.end_ms, row.judged.as_ref().map(millis), told)
        };
        assert_eq!(judged(690).0, None);
        let (end_ms, ahead_ms, told) = judged(4_290);
        assert!(end_ms.is_some(), "an hour later nothing holds any more");
        let [Announcement::Closed(row)] = &told[..] else {
            panic!("{told:?}")
        };
        assert_eq!(row.judged, Some(timestamp(4_290_000)));
        let (end_ms, judged_ms, _) = judged(700);
        assert_eq!(end_ms, None, "it goes on");
        assert!(judged_ms > ahead_ms, "the store keeps what was judged last");
    }

    #[test]
    fn what_nobody_judges_any_more_ends_where_it_was_seen_last() {
        let mut mirror = LedgerMirror::default();
        let _ = changes(&mut mirror, &at(690, &POINTS[..3]));
        let ended = |mirror: &LedgerMirror, generation: Option<u32>| {
            let mut pending = LedgerChanges::default();
            mirror.end_abandoned(800_000, |_| generation, &mut pending);
            pending
        };
        assert!(ended(&mirror, Some(1)).is_empty(), "it is judged still");
        for generation in [None, Some(2)] {
            let pending = ended(&mirror, generation);
            let [Announcement::Closed(row)] = &pending.announcements[..] else {
                panic!("{pending:?}")
            };
            assert_eq!((row.end, row.duration_ms), (Some(timestamp(690_000)), 90_000));
            assert_eq!(row.judged, Some(timestamp(800_000)));
        }
        mirror.forget(0, |_| false);
        let pending = ended(&mirror, None);
        assert_eq!(pending.len(), 1, "an open one is forgotten only after it was closed");
        mirror.written(pending, 800_000);
        mirror.forget(0, |_| false);
        assert!(mirror.by_objective.is_empty());
        // A series that came back after more than the longest window, while nobody looked.
        let _ = changes(&mut mirror, &at(690, &POINTS[..3]));
        let gone = |at_s: i64| JudgedObjective {
            series: Vec::new(),
            ..at(at_s, &POINTS[..3])
        };
        assert!(
            changes(&mut mirror, &gone(1_400)).1.is_empty(),
            "not longer than the window"
        );
        assert_eq!(changes(&mut mirror, &gone(1_410)).1.len(), 1);
    }

    #[test]
    fn history_found_at_first_sight_is_stored_once() {
        let mut mirror = LedgerMirror::default();
        let points = [
            (60_000, 99.0),
            (120_000, 1.0),
            (180_000, 99.0),
            (240_000, 1.0),
            (700_000, 1.0),
        ];
        let (rows, told) = changes(&mut mirror, &at(720, &points));
        assert_eq!((rows, told.len()), (2, 0), "stored, but no news");
        assert_eq!(changes(&mut mirror, &at(720, &points)), (0, Vec::new()));
    }

    #[test]
    fn a_failed_write_changes_nothing_here() {
        let mirror = LedgerMirror::default();
        let mut first = LedgerChanges::default();
        mirror.compare(&at(610, &POINTS[..2]), &mut first);
        let mut again = LedgerChanges::default();
        mirror.compare(&at(610, &POINTS[..2]), &mut again);
        assert_eq!(first.len(), again.len(), "what was not written is tried again");
    }
}
