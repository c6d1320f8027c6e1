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
use crate::format::{bytes, duration, plural};
use crate::overlay::Overlay;

/// Title of the overlay; also how it is known again when the answer comes.
const TITLE: &str = "health: processes, as this instance sees them";

/// What is shown until the answer is there.
pub(super) fn asking() -> Overlay {
    Overlay::text(TITLE, vec!["asking each process …".to_owned()])
}

/// Puts the answer into the overlay, if it is still open.
pub(super) fn told(cx: &Context, overlay: &mut Option<Overlay>, result: Answer) {
    if let Some(Overlay::Text { title, lines, .. }) = overlay
        && title.as_str() == TITLE
    {
        *lines = match result.and_then(Reply::take::<ListProcessesResponse>) {
            Ok(told) => {
                let processes = told.processes.iter().flat_map(|one| process(cx, one));
                processes.chain(agreed(cx, &told)).collect()
            }
            Err(problem) => vec![format!("unknown: {}", problem.sentence())],
        };
    }
}

/// Who holds which lease, and which worker owns how much.
fn agreed(cx: &Context, told: &ListProcessesResponse) -> Vec<String> {
    let leases = told.leases.iter().map(|lease| {
        let left_ms = lease.left.as_ref().map_or(0, convert::duration_ms);
        let (name, holder) = (SafeText::new(&lease.name), SafeText::new(&lease.holder));
        match left_ms {
            0 => format!("lease {name}: nobody holds it; last {holder}"),
            _ => format!("lease {name}: {holder}, for {}", duration(left_ms)),
        }
    });
    let owners = told.owners.iter().map(|owner| {
        let address = Some(owner.address.as_str()).filter(|address| !address.is_empty());
        let since = owner.since.as_ref().map_or_else(String::new, |since| {
            format!(", since {}", cx.zone.moment(convert::millis(since), cx.now.wall_ms))
        });
        format!(
            "worker {}: {}{since}",
            SafeText::new(address.unwrap_or("without an address")),
            plural(u64::from(owner.partitions), "partition")
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
        "here"
    } else {
        &process.address
    };
    let state = match process.serving {
        Some(true) => "serving",
        Some(false) => "ending",
        None => "unknown",
    };
    let took = process
        .took
        .as_ref()
        .map(|took| format!(", answered in {}", duration(convert::duration_ms(took))));
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
        let since = info.started.as_ref().map_or_else(|| "unknown".to_owned(), time);
        lines.push(format!(
            "    version {}, instance {}, process {}, since {since}",
            SafeText::new(&info.version),
            SafeText::new(&info.instance),
            info.pid
        ));
        // Every process says how the storage looks from there: one that is cut off is seen.
        lines.push(format!("    storage: {}", store(info.store.as_ref(), time)));
        if let Some(reading) = info.store.as_ref().and_then(|store| store.reading.as_ref())
            && info.roles.iter().any(|role| role == "storage")
        {
            lines.push(format!("    results: {}", lag_words(reading, now_ms)));
        }
        if info.roles.iter().any(|role| role == "etl") {
            lines.push(format!("    source: {}", source(info.source.as_ref(), time)));
        }
    }
    lines.push(String::new());
    lines
}

fn store(status: Option<&StoreStatus>, time: impl Fn(&prost_types::Timestamp) -> String) -> String {
    let Some(status) = status else {
        return "unknown".to_owned();
    };
    if !status.problem.is_empty() {
        let since = status
            .failing_since
            .as_ref()
            .map(|since| format!(", since {}", time(since)));
        return format!("{}{}", SafeText::new(&status.problem), since.unwrap_or_default());
    }
    let letters = match status.dead_letters {
        0 => String::new(),
        count => format!(", {}", plural(count.into(), "dead letter")),
    };
    format!("writes succeed, {}{letters}", bytes(status.file_bytes))
}

/// How far a process that stores results is behind their stream.
fn lag_words(reading: &StreamReading, now_ms: i64) -> String {
    if reading.stream.is_empty() {
        return "cannot be read now".to_owned();
    }
    let stream = SafeText::new(&reading.stream);
    let sum = lag::sum(reading);
    if sum.partitions == 0 {
        return format!("no partition of {stream} is read here");
    }
    let behind = sum.behind.map_or_else(
        || "how far behind is unknown".to_owned(),
        |records| format!("{} behind", plural(records, "record")),
    );
    let oldest = sum.oldest_ms.map_or_else(String::new, |at_ms| {
        format!(", the oldest of {} ago", duration((now_ms - at_ms).max(0)))
    });
    format!(
        "{} of {stream}, {behind}{oldest}",
        plural(sum.partitions as u64, "partition")
    )
}

fn source(status: Option<&SourceStatus>, time: impl Fn(&prost_types::Timestamp) -> String) -> String {
    let Some(status) = status else {
        return "unknown".to_owned();
    };
    let name = SafeText::new(&status.source);
    if !status.problem.is_empty() {
        let since = status
            .failing_since
            .as_ref()
            .map(|since| format!(", since {}", time(since)));
        return format!(
            "{name}: {}{}",
            SafeText::new(&status.problem),
            since.unwrap_or_default()
        );
    }
    match &status.last_success {
        Some(last) => format!("{name} answers, last read {}", time(last)),
        None => format!("{name}: unknown, it was not read yet"),
    }
}
