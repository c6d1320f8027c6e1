//! Acknowledging and snoozing: what is meant, and who may.

use sla_domain::duration;
use sla_proto::account::v1::AuditEntry;
use sla_proto::convert::{self, millis, timestamp};
use sla_proto::notify::v1::{Mark, MarkKind, Notice, Subject};
use sla_proto::objective::v1::SlaSet;
use sla_proto::storage::v1::{
    ChangeMarksRequest, GetStoredSetRequest, ListStoredDeliveriesRequest, ListStoredViolationsRequest,
};
use sla_proto::violation::v1::Violation;

use crate::asker::Asker;
use crate::core::Core;
use crate::error::NotifyError;
use crate::handle::{self, LEAST_DIGITS};
use crate::rule::invalid;

/// Open violations of one page.
const PAGE: u32 = 1_000;
/// Pages looked through for a handle.
const MAX_PAGES: usize = 20;
/// Deliveries looked through for the handle of something that is not open.
const DELIVERIES: u32 = 500;
/// A snooze, unless it is said how long, milliseconds.
const SNOOZE_MS: i64 = 3_600_000;
/// How long a snooze may be, milliseconds.
const SNOOZES_MS: std::ops::RangeInclusive<i64> = 60_000..=30 * 86_400_000;

/// The violation that goes on and is meant.
async fn open(core: &Core, subject: &Subject) -> Result<Option<Violation>, NotifyError> {
    let by_handle = subject.objective_id.is_empty();
    if by_handle && subject.handle.len() < LEAST_DIGITS {
        let fix = "`sla notify log` and each message tell it";
        return invalid("subject.handle", &subject.handle, "at least 6 digits of a handle", fix);
    }
    let (mut found, mut page_token) = (Vec::new(), String::new());
    for _ in 0..MAX_PAGES {
        let request = ListStoredViolationsRequest {
            objective_id: subject.objective_id.clone(),
            series_id: subject.series_id.clone(),
            open_only: true,
            page_size: PAGE,
            page_token,
            ..ListStoredViolationsRequest::default()
        };
        let answer = core.peer.ledger().list_stored_violations(request).await;
        let answer = answer.map_err(|status| NotifyError::upstream("reading the ledger", status))?;
        let answer = answer.into_inner();
        let fits = |violation: &Violation| !by_handle || handle::of(violation).starts_with(&subject.handle);
        found.extend(answer.violations.into_iter().filter(fits));
        page_token = answer.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    let mut handles: Vec<String> = found.iter().map(handle::of).collect();
    handles.dedup();
    if by_handle && handles.len() > 1 {
        let fix = "give more digits of it";
        return invalid("subject.handle", &subject.handle, "names one thing", fix);
    }
    Ok(found.into_iter().next())
}

async fn set(core: &Core, id: &str) -> Result<SlaSet, NotifyError> {
    let request = GetStoredSetRequest { id: id.to_owned() };
    let answer = core.peer.set_store().get_stored_set(request).await;
    let answer = answer.map_err(|status| NotifyError::upstream("reading the set", status))?;
    Ok(answer.into_inner().set.unwrap_or_default())
}

/// Who may: whoever may change the set. Of one that he may not see he hears nothing.
fn check(asker: &Asker, set: &SlaSet, subject: &Subject) -> Result<(), NotifyError> {
    if !asker.sees(set) {
        return Err(unknown(subject));
    }
    if asker.may_speak_for(set) {
        return Ok(());
    }
    let owner = if set.owner.is_empty() { "editors" } else { &set.owner };
    Err(NotifyError::NotAllowed {
        words: format!(
            "set {:?}: only {owner} and operators acknowledge or snooze what becomes of it",
            set.name
        ),
        hint: "ask one of them",
    })
}

fn unknown(subject: &Subject) -> NotifyError {
    let name = if subject.handle.is_empty() {
        &subject.objective_id
    } else {
        &subject.handle
    };
    NotifyError::not_found("open violation", name)
}

/// Somebody takes care.
pub(crate) async fn acknowledge(core: &Core, asker: &Asker, subject: &Subject) -> Result<Mark, NotifyError> {
    let Some(violation) = open(core, subject).await? else {
        return Err(unknown(subject));
    };
    let set = set(core, &violation.set_id).await?;
    check(asker, &set, subject)?;
    let mark = Mark {
        kind: MarkKind::Acknowledged.into(),
        start: violation.start,
        ..of_violation(core, asker, &violation, &set)
    };
    put(core, &mark, "notify.ack", "acknowledged".to_owned()).await?;
    // It may have ended while this was written; then nothing else ends the mark.
    if open(core, subject).await?.is_none() {
        remove(core, &mark).await?;
    }
    Ok(mark)
}

fn of_violation(core: &Core, asker: &Asker, violation: &Violation, set: &SlaSet) -> Mark {
    let mut objectives = set.objectives.iter();
    let objective = objectives.find(|objective| objective.id == violation.objective_id);
    Mark {
        handle: handle::of(violation),
        set_id: set.id.clone(),
        set_name: set.name.clone(),
        objective_id: violation.objective_id.clone(),
        objective_name: objective.map_or_else(String::new, |objective| objective.name.clone()),
        generation: violation.generation,
        series: violation.series.clone(),
        author: asker.name().to_owned(),
        at: Some(timestamp(core.now_ms())),
        ..Mark::default()
    }
}

/// Silence for a while; a length of zero ends it.
pub(crate) async fn snooze(
    core: &Core,
    asker: &Asker,
    subject: &Subject,
    length: Option<&prost_types::Duration>,
) -> Result<Mark, NotifyError> {
    let length_ms = length.map_or(SNOOZE_MS, convert::duration_ms);
    if length_ms != 0 && !SNOOZES_MS.contains(&length_ms) {
        let value = duration::format_ms(length_ms);
        return invalid("length", &value, "from 1 min to 30 d, or zero to end it", "give 1h");
    }
    let template = match open(core, subject).await? {
        Some(violation) => {
            let set = set(core, &violation.set_id).await?;
            check(asker, &set, subject)?;
            of_violation(core, asker, &violation, &set)
        }
        None => told_before(core, asker, subject).await?,
    };
    let until_ms = core.now_ms() + length_ms;
    let mark = Mark {
        kind: MarkKind::Snoozed.into(),
        until: Some(timestamp(until_ms)),
        ..template
    };
    if length_ms == 0 {
        remove(core, &mark).await?;
    } else {
        let words = format!("snoozed for {}", duration::format_ms(length_ms));
        put(core, &mark, "notify.snooze", words).await?;
    }
    Ok(mark)
}

/// What comes and goes is not open at every moment: what was told of late can be snoozed too.
async fn told_before(core: &Core, asker: &Asker, subject: &Subject) -> Result<Mark, NotifyError> {
    let request = ListStoredDeliveriesRequest {
        page_size: DELIVERIES,
        ..ListStoredDeliveriesRequest::default()
    };
    let answer = core.peer.notify_store().list_stored_deliveries(request).await;
    let answer = answer.map_err(|status| NotifyError::upstream("reading the outbox", status))?;
    let notices = answer.into_inner().deliveries.into_iter().filter_map(|row| row.notice);
    let fits = |notice: &Notice| {
        let series = notice.series.as_ref().map_or(&[][..], |series| &series.id);
        if subject.objective_id.is_empty() {
            notice.handle.starts_with(&subject.handle)
        } else {
            notice.objective_id == subject.objective_id && series == subject.series_id
        }
    };
    let found = notices.filter(|notice| !notice.handle.is_empty()).find(fits);
    let notice = found.ok_or_else(|| unknown(subject))?;
    let set = set(core, &notice.set_id).await?;
    check(asker, &set, subject)?;
    Ok(Mark {
        handle: notice.handle,
        set_id: notice.set_id,
        set_name: set.name,
        objective_id: notice.objective_id,
        objective_name: notice.objective_name,
        generation: notice.generation,
        series: notice.series,
        author: asker.name().to_owned(),
        at: Some(timestamp(core.now_ms())),
        ..Mark::default()
    })
}

async fn put(core: &Core, mark: &Mark, action: &str, after: String) -> Result<(), NotifyError> {
    let entry = AuditEntry {
        author: mark.author.clone(),
        action: action.to_owned(),
        subject: format!("{} / {} {}", mark.set_name, mark.objective_name, mark.handle),
        after,
        ..AuditEntry::default()
    };
    let request = ChangeMarksRequest {
        puts: vec![mark.clone()],
        audit: vec![entry],
        ..ChangeMarksRequest::default()
    };
    change(core, request).await
}

async fn remove(core: &Core, mark: &Mark) -> Result<(), NotifyError> {
    let request = ChangeMarksRequest {
        removed: vec![mark.clone()],
        ..ChangeMarksRequest::default()
    };
    change(core, request).await
}

async fn change(core: &Core, request: ChangeMarksRequest) -> Result<(), NotifyError> {
    let answer = core.peer.notify_store().change_marks(request).await;
    core.book.is_old();
    core.changed.notify_one();
    answer
        .map(|_| ())
        .map_err(|status| NotifyError::upstream("writing the acknowledgement", status))
}

/// Marks that hold now, of sets that the asker sees.
pub(crate) async fn listed(core: &Core, asker: &Asker) -> Result<Vec<Mark>, NotifyError> {
    let pages = core.book.read(&core.peer).await?;
    let sets = core.book.sets(&core.peer).await?;
    let now_ms = core.now_ms();
    let holds = |mark: &&Mark| mark.until.as_ref().is_none_or(|until| millis(until) > now_ms);
    let hidden = |mark: &&Mark| sets.get(&mark.set_id).is_some_and(|set| !asker.sees(set));
    Ok(pages
        .marks
        .iter()
        .filter(holds)
        .filter(|mark| !hidden(mark))
        .cloned()
        .collect())
}
