//! What the console asks and what it is told: effects out, messages in.

use sla_proto::etl::v1 as etl;
use sla_proto::retrieval::v1 as retrieval;
use sla_proto::server::v1 as server;
use sla_proto::set::v1 as set;
use sla_proto::storage::v1 as storage;
use sla_proto::violation::v1 as violation;

/// Numbers the requests of one console.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct RequestId(pub(crate) u64);

/// Who waits for the answer. A newer request of a slot cancels the older one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Slot {
    Server,
    Names,
    Rows,
    RowsMore,
    Detail,
    DetailChart,
    Export,
    Sets,
    SetWrite,
    Suggest,
    CheckQuery,
    WhatIf,
    WhatIfChart,
    EvaluateNow,
    Ledger,
    Gaps,
    Samples,
    Future,
    Runs,
    RunLog,
    Estimate,
    RunStart,
    RunCancel,
    Schedule,
    RunFailures,
    DeadLetters,
    RetrySource,
}

/// One unary call.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Request {
    Server,
    Names(etl::ListMetricNamesRequest),
    Rows(retrieval::ListSeriesRowsRequest),
    Detail(retrieval::GetSeriesDetailRequest),
    Chart(retrieval::GetChartRequest),
    Export(retrieval::ExportSamplesRequest),
    Sets,
    CreateSet(set::CreateSetRequest),
    UpdateSet(set::UpdateSetRequest),
    DeleteSet(set::DeleteSetRequest),
    DuplicateSet(set::DuplicateSetRequest),
    Suggest(set::SuggestRangeRequest),
    CheckQuery(etl::CheckQueryRequest),
    Evaluate(violation::EvaluateRequest),
    EvaluateNow,
    Ledger(violation::ListViolationsRequest),
    Future(violation::ListFutureViolationsRequest),
    Runs,
    RunLog(etl::TailLogRequest),
    Estimate(etl::EstimateRunRequest),
    StartRun(etl::StartRunRequest),
    CancelRun(etl::CancelRunRequest),
    Schedule,
    UpdateSchedule(etl::UpdateScheduleRequest),
    RunFailures(storage::ListRunResultsRequest),
    DeadLetters(storage::ListDeadLettersRequest),
    ReplayLetter(storage::ReplayDeadLetterRequest),
    RetrySource,
}

impl Request {
    /// The deadline of the contract: 2 s for what is stored, 10 s for writes, 15 s for what reads the source. Milliseconds.
    pub(crate) fn deadline_ms(&self) -> u64 {
        match self {
            Self::Server
            | Self::Sets
            | Self::Ledger(_)
            | Self::Future(_)
            | Self::Runs
            | Self::RunLog(_)
            | Self::RunFailures(_)
            | Self::DeadLetters(_)
            | Self::Schedule => 2_000,
            Self::CreateSet(_)
            | Self::UpdateSet(_)
            | Self::DeleteSet(_)
            | Self::DuplicateSet(_)
            | Self::StartRun(_)
            | Self::CancelRun(_)
            | Self::ReplayLetter(_)
            | Self::UpdateSchedule(_) => 10_000,
            Self::Names(_)
            | Self::Rows(_)
            | Self::Detail(_)
            | Self::Chart(_)
            | Self::Export(_)
            | Self::Suggest(_)
            | Self::CheckQuery(_)
            | Self::Evaluate(_)
            | Self::EvaluateNow
            | Self::Estimate(_)
            | Self::RetrySource => 15_000,
        }
    }
}

/// The answer to a [`Request`].
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Reply {
    Server(Box<server::GetServerInfoResponse>),
    Names(etl::ListMetricNamesResponse),
    Rows(retrieval::ListSeriesRowsResponse),
    Detail(Box<retrieval::GetSeriesDetailResponse>),
    Chart(Box<retrieval::GetChartResponse>),
    Export(retrieval::ExportSamplesResponse),
    Sets(set::ListSetsResponse),
    /// The set as it is stored now.
    SetSaved(Box<sla_proto::objective::v1::SlaSet>),
    SetDeleted,
    Suggest(set::SuggestRangeResponse),
    CheckQuery(etl::CheckQueryResponse),
    Evaluate(violation::EvaluateResponse),
    EvaluateNow(violation::EvaluateNowResponse),
    Ledger(violation::ListViolationsResponse),
    Future(violation::ListFutureViolationsResponse),
    Runs(etl::ListRunsResponse),
    RunLog(etl::TailLogResponse),
    Estimate(etl::EstimateRunResponse),
    RunStarted(Box<etl::StartRunResponse>),
    RunCancelled(Box<etl::CancelRunResponse>),
    Schedule(etl::Schedule),
    RunFailures(storage::ListRunResultsResponse),
    DeadLetters(storage::ListDeadLettersResponse),
    Replayed(storage::ReplayDeadLetterResponse),
    Source(Box<sla_proto::series::v1::SourceStatus>),
}

/// Why a call failed, in words.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Problem {
    /// Stable word, as in the error details; empty when there is none.
    pub(crate) reason: String,
    /// A sentence.
    pub(crate) text: String,
    /// What to do.
    pub(crate) hint: String,
    /// Field and what is wrong with it.
    pub(crate) fields: Vec<(String, String)>,
    /// Somebody else saved the set first: theirs.
    pub(crate) conflict: Option<Box<sla_proto::objective::v1::SlaSet>>,
}

impl Problem {
    /// A sentence and nothing else.
    pub(crate) fn plain(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            ..Self::default()
        }
    }

    /// The sentence with its hint.
    pub(crate) fn sentence(&self) -> String {
        let mut out = self.text.clone();
        for (field, what) in &self.fields {
            let part = format!("{field}: {what}");
            if !out.contains(what.as_str()) {
                out = if out.is_empty() {
                    part
                } else {
                    format!("{out} ({part})")
                };
            }
        }
        if self.hint.is_empty() {
            out
        } else {
            format!("{out}: {}", self.hint)
        }
    }
}

/// What the link tells the app.
#[expect(clippy::large_enum_variant, reason = "few live at a time, in a bounded channel")]
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum LinkEvent {
    /// A connection stands.
    Connected,
    /// None stands; the next attempt is in `retry_in_ms`.
    Lost { why: String, retry_in_ms: u64 },
    /// An attempt is being made now.
    Connecting,
    /// An answer.
    Reply {
        slot: Slot,
        id: RequestId,
        result: Result<Reply, Problem>,
    },
    /// From the violations stream.
    Violations(Box<violation::WatchViolationsResponse>),
    /// From the stream of the run that is watched.
    Run(Box<etl::WatchRunResponse>),
}

/// What the app wants done.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Effect {
    Call {
        slot: Slot,
        id: RequestId,
        request: Request,
    },
    Cancel(Slot),
    /// Watch this run, or none.
    WatchRun(Option<String>),
    /// Try to connect now instead of at the next attempt.
    Reconnect,
    Quit,
    Suspend,
    /// Clear and paint everything.
    Redraw,
    /// Into the terminal's clipboard (OSC 52).
    Copy(String),
    /// Give the terminal to the user's editor; [`crate::app::Msg::Edited`] comes back.
    Edit {
        /// What the text is about, for the file's name.
        name: String,
        text: String,
    },
    /// Write a file the user asked for.
    WriteFile {
        path: String,
        text: String,
    },
}
