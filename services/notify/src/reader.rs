//! Reads the ledger's feed from the stored place on, and writes what is due in one transaction with the new place: a process that
//! dies between the two reads the same again and writes the same.

use std::sync::Arc;
use std::time::Duration;

use sla_proto::convert::millis;
use sla_proto::notify::v1::Notice;
use sla_proto::objective::v1::SlaSet;
use sla_proto::series::v1::CounterMode;
use sla_proto::storage::v1::{ApplyNoticesRequest, ReadLedgerChangesRequest};
use sla_proto::violation::v1::Violation;
use sla_runtime::status::chain;

use crate::book::{FRESH, QUIET};
use crate::coming::Coming;
use crate::core::Core;
use crate::desk::{Desk, Work};
use crate::error::NotifyError;
use crate::handle;
use crate::story::{self, Seen};
use crate::unknown::Unknown;

/// How often the feed is looked at when it is quiet.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// The longest pause while the storage is away, and after another notifier was faster.
const LONG_PAUSE: Duration = Duration::from_secs(5);
/// Changes read at once.
const MAX_CHANGES: u32 = 200;
/// Rows after which what was done so far is written; one more change may bring one for each channel.
const FULL: usize = 1_000;
/// Changes of no interest after which the place is stored all the same.
const MAX_UNSTORED: u64 = 500;
/// Stories of violations.
pub(crate) const OF_LEDGER: &str = "ledger";

/// What is not in the ledger is looked at now and then.
#[derive(Debug, Default)]
struct Looks {
    coming: Coming,
    unknown: Unknown,
}

/// Reads until shutdown.
pub(crate) async fn run(core: Arc<Core>) {
    let token = core.shutdown.token().clone();
    let (mut desk, mut looks) = (None, Looks::default());
    let (mut failures, mut pause) = (0_u32, Duration::ZERO);
    loop {
        tokio::select! {
            () = token.cancelled() => return,
            () = core.changed.notified() => {}
            () = tokio::time::sleep(pause) => {}
        }
        pause = match round(&core, &mut desk, &mut looks).await {
            Ok(more) => {
                failures = 0;
                if more { Duration::ZERO } else { LOOK_EVERY }
            }
            Err(error) if error.is_overtaken() => {
                tracing::info!("another notifier works; this one stands by");
                desk = None;
                LONG_PAUSE
            }
            Err(error) => {
                // The storage may be starting, too: said once, and again when it lasts.
                failures += 1;
                if failures == 3 || failures.is_multiple_of(60) {
                    tracing::warn!(
                        error = chain(&error),
                        "violations cannot be read for messages; tried again"
                    );
                }
                desk = None;
                (LOOK_EVERY / 10 * failures.min(50)).min(LONG_PAUSE)
            }
        };
    }
}

/// One look; `true` when there is more to read.
async fn round(core: &Core, desk: &mut Option<Desk>, looks: &mut Looks) -> Result<bool, NotifyError> {
    let desk = match desk {
        Some(desk) => desk,
        None => desk.insert(begin(core).await?),
    };
    let request = ReadLedgerChangesRequest {
        after: desk.position,
        max_changes: MAX_CHANGES,
        max_bytes: 0,
    };
    let answer = core.peer.ledger().read_ledger_changes(request).await;
    let answer = answer.map_err(|status| NotifyError::upstream("reading the ledger", status))?;
    let answer = answer.into_inner();
    // Thousands of channels are not read every few seconds for nothing.
    let mut pages = core.book.pages(&core.peer, QUIET).await?;
    if !answer.changes.is_empty() || desk.has_due(&pages, core.now_ms()) {
        pages = core.book.pages(&core.peer, FRESH).await?;
    }
    if !answer.changes.is_empty() {
        desk.look_around(&core.peer, &core.book, &pages).await?;
    }
    let expected = looks.coming.look(core, &pages).await;
    let unknown = looks.unknown.look(core, &pages).await;
    if expected.is_some() || unknown.is_some() {
        pages = core.book.pages(&core.peer, FRESH).await?;
        desk.look_around(&core.peer, &core.book, &pages).await?;
    }
    let mut work = desk.work(&pages, &core.options, core.now_ms());
    let mut position = desk.position;
    for change in &answer.changes {
        if work.len() >= FULL {
            break;
        }
        position = change.sequence;
        core.metrics.changes.inc();
        if let Some(violation) = &change.violation {
            hear(&mut work, violation);
        }
    }
    if let Some(expected) = &expected {
        expected.tell(&mut work, FULL);
    }
    if let Some(unknown) = &unknown {
        unknown.tell(&mut work, FULL);
    }
    work.tick(FULL);
    match work.done(position) {
        Some(done) => write(core, desk, done).await?,
        None if position - desk.stored_position >= MAX_UNSTORED => {
            let only_place = ApplyNoticesRequest {
                expected_revision: desk.revision,
                position,
                ..ApplyNoticesRequest::default()
            };
            write(core, desk, only_place).await?;
        }
        None => desk.position = position,
    }
    Ok(position < answer.newest && !answer.changes.is_empty())
}

/// The desk as it is stored. The first notifier ever begins at the end of the ledger: what ended before is nobody's news.
async fn begin(core: &Core) -> Result<Desk, NotifyError> {
    let mut desk = Desk::load(&core.peer).await?;
    if desk.revision == 0 {
        let request = ReadLedgerChangesRequest {
            after: i64::MAX.unsigned_abs(),
            ..ReadLedgerChangesRequest::default()
        };
        let answer = core.peer.ledger().read_ledger_changes(request).await;
        let answer = answer.map_err(|status| NotifyError::upstream("reading the ledger", status))?;
        let at_the_end = ApplyNoticesRequest {
            position: answer.into_inner().newest,
            ..ApplyNoticesRequest::default()
        };
        write(core, &mut desk, at_the_end).await?;
    }
    Ok(desk)
}

async fn write(core: &Core, desk: &mut Desk, done: ApplyNoticesRequest) -> Result<(), NotifyError> {
    let answer = core.peer.notify_store().apply_notices(done.clone()).await;
    let answer = answer.map_err(|status| NotifyError::upstream("writing the notices", status))?;
    let (notices, marks) = (done.notices.len(), done.ended_marks.len());
    desk.written(done, answer.into_inner().revision);
    if marks > 0 {
        core.book.is_old();
    }
    if notices > 0 {
        core.metrics.notices.inc_by(notices as u64);
        core.posted.notify_one();
    }
    Ok(())
}

fn hear(work: &mut Work<'_>, violation: &Violation) {
    let handle = handle::of(violation);
    let set = work.set(&violation.set_id);
    let seen = seen(violation, &handle, set);
    if seen.end_ms.is_some() {
        work.closed(&handle, seen.start_ms);
    }
    for channel in work.channels(set, &handle, OF_LEDGER) {
        let seen = seen.clone();
        work.act(channel, &handle, OF_LEDGER, |story, rules, silence, now_ms| {
            story::heard(story, seen, rules, silence, now_ms)
        });
    }
}

fn seen(violation: &Violation, handle: &str, set: Option<&SlaSet>) -> Seen {
    let objective = set.and_then(|set| {
        let mut objectives = set.objectives.iter();
        objectives.find(|objective| objective.id == violation.objective_id)
    });
    let start_ms = violation.start.as_ref().map_or(0, millis);
    let end = violation.end.or_else(|| violation.judged.filter(|_| violation.retired));
    Seen {
        notice: Notice {
            handle: handle.to_owned(),
            set_id: violation.set_id.clone(),
            set_name: set.map_or_else(String::new, |set| set.name.clone()),
            objective_id: violation.objective_id.clone(),
            objective_name: objective.map_or_else(String::new, |objective| objective.name.clone()),
            generation: violation.generation,
            series: violation.series.clone(),
            side: violation.side,
            value: Some(violation.worst),
            bound: Some(violation.bound),
            excess: Some(violation.excess),
            since: violation.start,
            until: end,
            count: 1,
            raw: objective.is_some_and(|objective| objective.counter_mode() == CounterMode::Raw),
            ..Notice::default()
        },
        start_ms,
        end_ms: end.as_ref().map(millis),
        retired: violation.retired,
    }
}
