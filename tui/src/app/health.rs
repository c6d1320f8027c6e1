//! `:health`: the processes of the estate, as the one behind the connection sees them, as lines to read. What did not answer is
//! unknown.

use sla_domain::SafeText;
use sla_proto::convert;
use sla_proto::lag;
use sla_proto::series::v1::SourceStatus;
use sla_proto::server::v1::{ListProcessesResponse, Process};
use sla_proto::storage::v1::{StoreStatus, StreamReading};

use crate::context::Context;
use crate::context::request::{Answer, Reply};
use crate::format::{bytes, duration};
use crate::overlay::Overlay;
use crate::say;

/// What is shown until the answer is there.
pub(super) fn asking() -> Overlay {
    Overlay::text(
        say::health::health_processes_as_this(),
        vec![say::health::asking_each_process().to_owned()],
    )
}

/// Puts the answer into the overlay, if it is still open: its title tells.
pub(super) fn told(cx: &Context, overlay: &mut Option<Overlay>, result: Answer) {
    if let Some(Overlay::Text { title, lines, .. }) = overlay
        && title.as_str() == say::health::health_processes_as_this()
    {
        *lines = match result.and_then(Reply::take::<ListProcessesResponse>) {
            Ok(told) => {
                let processes = told.processes.iter().flat_map(|one| process(cx, one));
                processes.chain(agreed(cx, &told)).collect()
            }
            Err(problem) => vec![say::health::unknown(&problem.sentence())],
        };
    }
}

/// Who holds which lease, and which worker owns how much.
fn agreed(cx: &Context, told: &ListProcessesResponse) -> Vec<String> {
    let leases = told.leases.iter().map(|lease| {
        let left_ms = lease.left.as_ref().map_or(0, convert::duration_ms);
        let (name, holder) = (SafeText::new(&lease.name), SafeText::new(&lease.holder));
        match left_ms {
            0 => say::health::lease_nobody_holds_it(&name, &holder),
            _ => say::health::lease_for(&name, &holder, &duration(left_ms)),
        }
    });
    let owners = told.owners.iter().map(|owner| {
        let address = Some(owner.address.as_str()).filter(|address| !address.is_empty());
        let since = owner.since.as_ref().map_or_else(String::new, |since| {
            say::health::since(&cx.zone.moment(convert::millis(since), cx.now.wall_ms))
        });
        say::health::worker(
            &SafeText::new(address.unwrap_or(say::health::without_an_address())),
            &say::counts::partitions(&owner.partitions),
            &since,
        )
    });
    leases.chain(owners).collect()
}

fn process(cx: &Context, process: &Process) -> Vec<String> {
    let now_ms = cx.now.wall_ms;
    let time = |stamp: &prost_types::Timestamp| cx.zone.moment(convert::millis(stamp), now_ms);
    let roles = process
        .info
        .as_ref()
        .map_or(&process.roles, |info| &info.roles)
        .join(", ");
    let place = if process.address.is_empty() {
        say::health::here()
    } else {
        &process.address
    };
    let state = match process.serving {
        Some(true) => say::health::serving(),
        Some(false) => say::health::ending(),
        None => say::health::not_known(),
    };
    let took = process
        .took
        .as_ref()
        .map(|took| say::health::answered_in(&duration(convert::duration_ms(took))));
    let mut lines = vec![format!(
        "{}  {}  {state}{}",
        SafeText::new(place),
        SafeText::new(&roles),
        took.unwrap_or_default()
    )];
    if !process.problem.is_empty() {
        lines.push(format!("    {}", SafeText::new(&process.problem)));
    }
    if let Some(info) = &process.info {
        let since = info
            .started
            .as_ref()
            .map_or_else(|| say::health::not_known().to_owned(), time);
        lines.push(say::health::version_instance_process_since(
            &SafeText::new(&info.version),
            &SafeText::new(&info.instance),
            &info.pid,
            &since,
        ));
        // Every process says how the storage looks from there: one that is cut off is seen.
        lines.push(say::health::storage(&store(info.store.as_ref(), time)));
        if let Some(reading) = info.store.as_ref().and_then(|store| store.reading.as_ref())
            && info.roles.iter().any(|role| role == "storage")
        {
            lines.push(say::health::results(&lag_words(reading, now_ms)));
        }
        if info.roles.iter().any(|role| role == "etl") {
            lines.push(say::health::source(&source(info.source.as_ref(), time)));
        }
    }
    lines.push(String::new());
    lines
}

fn store(status: Option<&StoreStatus>, time: impl Fn(&prost_types::Timestamp) -> String) -> String {
    let Some(status) = status else {
        return say::health::not_known().to_owned();
    };
    if !status.problem.is_empty() {
        let since = status
            .failing_since
            .as_ref()
            .map(|since| say::health::failing_since(&time(since)));
        return format!("{}{}", SafeText::new(&status.problem), since.unwrap_or_default());
    }
    let letters = match status.dead_letters {
        0 => String::new(),
        count => format!(", {}", say::counts::dead_letters(&count)),
    };
    say::health::writes_succeed(&bytes(status.file_bytes), &letters)
}

/// How far a process that stores results is behind their stream.
fn lag_words(reading: &StreamReading, now_ms: i64) -> String {
    if reading.stream.is_empty() {
        return say::health::cannot_be_read_now().to_owned();
    }
    let stream = SafeText::new(&reading.stream);
    let sum = lag::sum(reading);
    if sum.partitions == 0 {
        return say::health::no_partition_of_is(&stream);
    }
    let behind = sum.behind.map_or_else(
        || say::health::how_far_behind_is().to_owned(),
        |records| say::health::behind(&say::counts::records(&records)),
    );
    let oldest = sum.oldest_ms.map_or_else(String::new, |at_ms| {
        say::health::the_oldest_of_ago(&duration((now_ms - at_ms).max(0)))
    });
    say::health::of(&say::counts::partitions(&sum.partitions), &stream, &behind, &oldest)
}

fn source(status: Option<&SourceStatus>, time: impl Fn(&prost_types::Timestamp) -> String) -> String {
    let Some(status) = status else {
        return say::health::not_known().to_owned();
    };
    let name = SafeText::new(&status.source);
    if !status.problem.is_empty() {
        let since = status
            .failing_since
            .as_ref()
            .map(|since| say::health::failing_since(&time(since)));
        return format!(
            "{name}: {}{}",
            SafeText::new(&status.problem),
            since.unwrap_or_default()
        );
    }
    match &status.last_success {
        Some(last) => say::health::answers_last_read(&name, &time(last)),
        None => say::health::unknown_it_was_not(&name),
    }
}
