//! What a command says when it has nothing to show: a source that is away is no empty answer.

use color_eyre::eyre::Report;
use sla_domain::{Clock as _, SafeText, SystemClock, duration};
use sla_proto::Peer;
use sla_proto::series::v1::SourceStatus;
use sla_proto::server::v1::GetServerInfoRequest;
use sla_runtime::status::unread;
use tonic::Status;

use crate::cli::At;
use crate::exit::Exit;
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
fn failure(source: &SourceStatus) -> Status {
    let address = Some(source.address.as_str()).filter(|address| !address.is_empty());
    let name = address.unwrap_or(&source.source);
    let words = format!("the source {name} does not answer: {}", source.problem);
    unread(&source.problem_reason, words, Some(source)).status()
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

#[cfg(test)]
mod tests {
    use sla_runtime::reason;
    use sla_runtime::refusal::Refusal;

    use super::*;

    #[test]
    fn a_source_that_is_away_is_told_by_its_own_reason() {
        let source = SourceStatus {
            address: "http://127.0.0.1:1".into(),
            problem: "cannot reach the source".into(),
            problem_reason: reason::SOURCE_UNREACHABLE.into(),
            problem_cause: "refused".into(),
            problem_hint: "start it".into(),
            ..SourceStatus::default()
        };
        let status = failure(&source);
        assert_eq!(Exit::of_report(&Report::from(status.clone())), Exit::UNAVAILABLE);
        let told = Refusal::from(&status);
        assert_eq!((told.reason.as_str(), told.status), (reason::SOURCE_UNREACHABLE, 503));
        assert_eq!(
            (told.hint.as_deref(), told.cause.as_deref()),
            (Some("start it"), Some("refused"))
        );
        assert!(
            told.detail.contains("127.0.0.1:1") && !told.detail.contains("start it"),
            "{}",
            told.detail
        );
        // Of an older instance, or of a series: there is no way that failed.
        let told = Refusal::from(&unread("WHAT", "x", None).status());
        assert_eq!((told.reason.as_str(), told.cause), (reason::SOURCE_FAILED, None));
    }
}
