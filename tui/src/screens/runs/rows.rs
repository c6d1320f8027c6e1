//! Rows of the runs screen.

use std::cmp::Ordering;

use serde_json::{Map, json};
use sla_domain::SafeText;
use sla_proto::etl::v1 as etl;

use crate::context::list::Row;
use crate::context::wire;
use crate::filter::{Filterable, Value};
use crate::format::iso;
use crate::say;
use crate::screens::table_file::TableFile;
use crate::theme::Role;

/// One run.
#[derive(Debug, Clone)]
pub(crate) struct RunRow {
    pub(crate) run: etl::Run,
    pub(crate) by: SafeText,
    pub(crate) message: SafeText,
    haystack: String,
}

impl RunRow {
    pub(crate) fn new(run: etl::Run) -> Self {
        let by = SafeText::new(&run.started_by);
        let message = SafeText::new(&run.message);
        let state = words_of(run.state()).1;
        Self {
            haystack: format!("#{} {by} {state} {message}", run.number),
            by,
            message,
            run,
        }
    }

    pub(crate) fn is_running(&self) -> bool {
        matches!(self.run.state(), etl::RunState::Queued | etl::RunState::Running)
    }

    pub(crate) fn state_word(&self) -> &'static str {
        words_of(self.run.state()).1
    }

    /// Mark and role: nothing is told by colour alone.
    pub(crate) fn mark(&self) -> (char, Role) {
        match self.run.state() {
            etl::RunState::Done => ('✓', Role::Ok),
            etl::RunState::Partial => ('▲', Role::AtRisk),
            etl::RunState::Failed => ('✗', Role::Violated),
            etl::RunState::Cancelled => ('–', Role::Excluded),
            etl::RunState::Queued | etl::RunState::Running => ('▶', Role::Accent),
            etl::RunState::Unspecified => ('?', Role::NoData),
        }
    }

    /// How long it took, or takes so far, milliseconds.
    pub(crate) fn duration_ms(&self, now_ms: i64) -> Option<i64> {
        let started = wire::ms(self.run.started.as_ref())?;
        Some((wire::ms(self.run.finished.as_ref()).unwrap_or(now_ms) - started).max(0))
    }
}

/// The word that filters and JSON use, in any language, and the one that is read.
fn words_of(state: etl::RunState) -> (&'static str, &'static str) {
    match state {
        etl::RunState::Queued => ("queued", say::runs::queued()),
        etl::RunState::Running => ("running", say::runs::running()),
        etl::RunState::Done => ("done", say::runs::done()),
        etl::RunState::Partial => ("partial", say::runs::partial()),
        etl::RunState::Failed => ("failed", say::runs::failed()),
        etl::RunState::Cancelled => ("cancelled", say::runs::cancelled()),
        etl::RunState::Unspecified => ("unknown", say::runs::unknown()),
    }
}

impl Filterable for RunRow {
    const FIELDS: &'static [&'static str] = &["by", "run", "number", "series", "failed"];

    fn haystack(&self) -> &str {
        &self.haystack
    }

    fn field(&self, name: &str) -> Option<Value<'_>> {
        match name {
            "by" => Some(Value::Text(self.by.as_str())),
            "run" => Some(Value::Text(words_of(self.run.state()).0)),
            "number" => Some(Value::count(self.run.number)),
            "series" => Some(Value::count(u64::from(self.run.series_total))),
            "failed" => Some(Value::count(u64::from(self.run.series_failed))),
            _ => None,
        }
    }
}

impl Row for RunRow {
    fn key(&self) -> &[u8] {
        self.run.id.as_bytes()
    }

    /// Newest first.
    fn compare(&self, other: &Self, _: usize) -> Ordering {
        other.run.number.cmp(&self.run.number)
    }
}

/// The runs as a file.
pub(crate) fn export<'r>(rows: impl Iterator<Item = &'r RunRow>) -> TableFile {
    let time = |at: Option<&prost_types::Timestamp>| wire::ms(at).map(iso);
    let rows = rows.map(|row| {
        let run = &row.run;
        let steps = run.step_summaries.iter().map(|s| {
            json!({
                "step": s.step, "window_s": s.window_ms / 1000, "p50_ms": s.p50_ms, "p95_ms": s.p95_ms,
                "max_ms": s.max_ms, "series": s.series,
            })
        });
        json!({
            "number": run.number, "id": run.id, "state": words_of(row.run.state()).0, "by": row.by.as_str(),
            "started": time(run.started.as_ref()), "finished": time(run.finished.as_ref()),
            "series": run.series_total, "done": run.series_done, "failed": run.series_failed,
            "message": row.message.as_str(), "steps": steps.collect::<Vec<_>>(),
        })
    });
    TableFile {
        columns: "number,id,state,by,started,finished,series,done,failed,message",
        name: "runs",
        rows: rows.collect(),
        beside: Map::new(),
    }
}

/// What a run read, in words; it is known when all of its records tell it.
pub(super) fn read_words(run: &etl::Run) -> String {
    match (run.samples_read, run.bytes_read) {
        (Some(samples), Some(bytes)) => say::runs::read_samples(&samples, &crate::format::bytes(bytes)),
        _ => say::runs::read_samples_not_known().to_owned(),
    }
}
