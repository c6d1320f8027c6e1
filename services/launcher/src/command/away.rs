//! What a command says when it has nothing to show: a source that is away is no empty answer.

use color_eyre::eyre::Report;
use sla_domain::{Clock as _, SafeText, SystemClock, duration};
use sla_proto::Peer;
use sla_proto::series::v1::SourceStatus;
use sla_proto::server::v1::GetServerInfoRequest;

use crate::cli::At;
use crate::exit::{Exit, Failure};
use crate::output;

/// An instant this much ahead is a mistake worth a remark, milliseconds: clocks differ by less.
const AHEAD_MS: i64 = 60_000;

/// How the source of the instance does; only the instance itself knows before anything was judged.
pub(super) async fn source(peer: &Peer) -> Result<Option<SourceStatus>, Report> {
    Ok(peer
        .server()
        .get_server_info(GetServerInfoRequest {})
        .await?
        .into_inner()
        .source)
}

/// How a command ends that found nothing: with what keeps the source away, else with "no data".
pub(super) async fn nothing(peer: &Peer) -> Result<Exit, Report> {
    match source(peer).await?.filter(|source| !source.problem.is_empty()) {
        Some(source) => Err(failure(&source).into()),
        None => Ok(Exit::NO_DATA),
    }
}

/// What the server said beside its answers, a line each: partial data are not all data.
pub(super) fn warnings(source: Option<&SourceStatus>) -> Vec<String> {
    let warnings = source.map_or(&[][..], |source| &source.warnings);
    let line = |warning: &String| format!("source warns: {}", SafeText::new(warning));
    warnings.iter().map(line).collect()
}

/// The same beside an answer that has no place for it, so that nobody takes it for the whole.
pub(super) fn remark(source: Option<&SourceStatus>) {
    for warning in warnings(source) {
        output::remark(&warning);
    }
}

/// The source's problem as the end of a command.
pub(super) fn failure(source: &SourceStatus) -> Failure {
    let mut words = format!("the source {} does not answer: {}", source.address, source.problem);
    if !source.problem_hint.is_empty() {
        words.push_str("\n  hint: ");
        words.push_str(&source.problem_hint);
    }
    Failure::new(Exit::UNAVAILABLE, words)
}

/// The instant asked for; one that lies ahead is remarked on, because nothing is known of it.
pub(super) fn instant_asked(at: &At) -> Result<Option<i64>, Report> {
    let at_ms = at.ms()?;
    if let Some(words) = not_yet(at_ms) {
        output::remark(&words);
    }
    Ok(at_ms)
}

/// How far an instant lies in the future, if it does.
pub(super) fn ahead(at_ms: i64) -> Option<String> {
    let ahead_ms = at_ms.saturating_sub(SystemClock.now_ms());
    (ahead_ms > AHEAD_MS).then(|| duration::format_short_ms(ahead_ms))
}

/// That the instant asked for has not come yet, if so.
fn not_yet(at_ms: Option<i64>) -> Option<String> {
    let ahead = ahead(at_ms?)?;
    Some(format!("--at lies {ahead} in the future: nothing is known of it yet"))
}

/// What is said where no series was found in `stretch`: one that cannot have samples yet is not missing.
pub(super) fn no_series(at_ms: Option<i64>, stretch: &str) -> String {
    not_yet(at_ms).unwrap_or_else(|| format!("no series matches, or it had no samples in {stretch}"))
}
