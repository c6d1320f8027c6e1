//! What the console asks and what it is told: effects out, messages in.

use sla_proto::account::v1 as account;
use sla_proto::etl::v1 as etl;
use sla_proto::notify::v1 as notify;
use sla_proto::retrieval::v1 as retrieval;
use sla_proto::server::v1 as server;
use sla_proto::set::v1 as set;
use sla_proto::storage::v1 as storage;
use sla_proto::violation::v1 as violation;
use sla_proto::weather::v1 as weather;

use crate::say;

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
    DetailUsual,
    DetailCompanion,
    DetailLedger,
    DetailTried,
    DetailTriedAll,
    Export,
    Sets,
    SetWrite,
    Suggest,
    CheckQuery,
    WhatIf,
    WhatIfChart,
    EvaluateNow,
    NowLedger,
    NowSeen,
    NowFuture,
    NowMarks,
    NowChart,
    NowUsual,
    Ledger,
    Gaps,
    PausedLedger,
    Samples,
    PastChart,
    PastUsual,
    Future,
    FutureChart,
    FutureUsual,
    Runs,
    RunLog,
    Estimate,
    RunStart,
    RunCancel,
    Schedule,
    RunFailures,
    DeadLetters,
    Cities,
    Subscriptions,
    Subscribe,
    RetrySource,
    Processes,
    Login,
    Logout,
    WhoAmI,
    Users,
    Sessions,
    RevokeSession,
    Audit,
    Deliveries,
    Marks,
    Mark,
    WordNames,
    WordLabels,
    FindSeries,
    Moved,
}

/// Every unary call of the console, a line each: its name here, the client and the rpc, what is asked and what is answered.
macro_rules! calls {
    ($of_list:ident) => {
        $of_list! {
            Server server get_server_info: server::GetServerInfoRequest => server::GetServerInfoResponse,
            Processes server list_processes: server::ListProcessesRequest => server::ListProcessesResponse,
            Login account login: account::LoginRequest => account::LoginResponse,
            Logout account logout: account::LogoutRequest => account::LogoutResponse,
            WhoAmI account who_am_i: account::WhoAmIRequest => account::WhoAmIResponse,
            Users account list_users: account::ListUsersRequest => account::ListUsersResponse,
            Sessions account list_sessions: account::ListSessionsRequest => account::ListSessionsResponse,
            RevokeSession account revoke_session: account::RevokeSessionRequest => account::RevokeSessionResponse,
            Audit account list_audit: account::ListAuditRequest => account::ListAuditResponse,
            Deliveries notify list_deliveries: notify::ListDeliveriesRequest => notify::ListDeliveriesResponse,
            Marks notify list_marks: notify::ListMarksRequest => notify::ListMarksResponse,
            Acknowledge notify acknowledge: notify::AcknowledgeRequest => notify::AcknowledgeResponse,
            Snooze notify snooze: notify::SnoozeRequest => notify::SnoozeResponse,
            Names source list_metric_names: etl::ListMetricNamesRequest => etl::ListMetricNamesResponse,
            ListSeries source list_series: etl::ListSeriesRequest => etl::ListSeriesResponse,
            CheckQuery source check_query: etl::CheckQueryRequest => etl::CheckQueryResponse,
            RetrySource source retry_source: etl::RetrySourceRequest => etl::RetrySourceResponse,
            Rows retrieval list_series_rows: retrieval::ListSeriesRowsRequest => retrieval::ListSeriesRowsResponse,
            Detail retrieval get_series_detail: retrieval::GetSeriesDetailRequest => retrieval::GetSeriesDetailResponse,
            Chart retrieval get_chart: retrieval::GetChartRequest => retrieval::GetChartResponse,
            Export retrieval export_samples: retrieval::ExportSamplesRequest => retrieval::ExportSamplesResponse,
            Moved retrieval list_moved: retrieval::ListMovedRequest => retrieval::ListMovedResponse,
            Sets sets list_sets: set::ListSetsRequest => set::ListSetsResponse,
            CreateSet sets create_set: set::CreateSetRequest => set::CreateSetResponse,
            UpdateSet sets update_set: set::UpdateSetRequest => set::UpdateSetResponse,
            DeleteSet sets delete_set: set::DeleteSetRequest => set::DeleteSetResponse,
            DuplicateSet sets duplicate_set: set::DuplicateSetRequest => set::DuplicateSetResponse,
            Suggest sets suggest_range: set::SuggestRangeRequest => set::SuggestRangeResponse,
            Evaluate violations evaluate: violation::EvaluateRequest => violation::EvaluateResponse,
            EvaluateNow violations evaluate_now: violation::EvaluateNowRequest => violation::EvaluateNowResponse,
            Ledger violations list_violations: violation::ListViolationsRequest => violation::ListViolationsResponse,
            Future violations list_future_violations:
                violation::ListFutureViolationsRequest => violation::ListFutureViolationsResponse,
            Runs runs list_runs: etl::ListRunsRequest => etl::ListRunsResponse,
            RunLog runs tail_log: etl::TailLogRequest => etl::TailLogResponse,
            Estimate runs estimate_run: etl::EstimateRunRequest => etl::EstimateRunResponse,
            StartRun runs start_run: etl::StartRunRequest => etl::StartRunResponse,
            CancelRun runs cancel_run: etl::CancelRunRequest => etl::CancelRunResponse,
            Schedule schedule get_schedule: etl::GetScheduleRequest => etl::GetScheduleResponse,
            UpdateSchedule schedule update_schedule: etl::UpdateScheduleRequest => etl::UpdateScheduleResponse,
            RunFailures results list_run_results: storage::ListRunResultsRequest => storage::ListRunResultsResponse,
            DeadLetters results list_dead_letters: storage::ListDeadLettersRequest => storage::ListDeadLettersResponse,
            Cities weather list_cities: weather::ListCitiesRequest => weather::ListCitiesResponse,
            Subscriptions weather list_subscriptions:
                weather::ListSubscriptionsRequest => weather::ListSubscriptionsResponse,
            Subscribe weather subscribe: weather::SubscribeRequest => weather::SubscribeResponse,
            UpdateSubscription weather update_subscription:
                weather::UpdateSubscriptionRequest => weather::UpdateSubscriptionResponse,
            Unsubscribe weather unsubscribe: weather::UnsubscribeRequest => weather::UnsubscribeResponse,
            ReplayLetter results replay_dead_letter:
                storage::ReplayDeadLetterRequest => storage::ReplayDeadLetterResponse,
        }
    };
}
pub(crate) use calls;

macro_rules! messages {
    ($($name:ident $client:ident $rpc:ident: $ask:ty => $told:ty,)*) => {
        /// One unary call.
        #[derive(Debug, Clone, PartialEq)]
        pub(crate) enum Request {
            $($name($ask),)*
        }

        /// The answer to the [`Request`] of the same name.
        #[derive(Debug, Clone, PartialEq)]
        pub(crate) enum Reply {
            $($name(Box<$told>),)*
        }

        impl Reply {
            fn kind(&self) -> &'static str {
                match self {
                    $(Self::$name(_) => stringify!($name),)*
                }
            }
        }

        $(
            impl From<$ask> for Request {
                fn from(message: $ask) -> Self {
                    Self::$name(message)
                }
            }

            impl From<$told> for Reply {
                fn from(message: $told) -> Self {
                    Self::$name(Box::new(message))
                }
            }

            impl TryFrom<Reply> for $told {
                type Error = Problem;

                fn try_from(reply: Reply) -> Result<Self, Problem> {
                    match reply {
                        Reply::$name(message) => Ok(*message),
                        other => Err(Problem::unexpected(&other)),
                    }
                }
            }
        )*
    };
}
calls!(messages);

impl Request {
    /// Whether it changes something at the instance: such a call is never given up for a newer one, since nobody would know what
    /// became of it.
    pub(crate) fn changes(&self) -> bool {
        matches!(
            self,
            Self::CreateSet(_)
                | Self::UpdateSet(_)
                | Self::DeleteSet(_)
                | Self::DuplicateSet(_)
                | Self::EvaluateNow(_)
                | Self::StartRun(_)
                | Self::CancelRun(_)
                | Self::UpdateSchedule(_)
                | Self::ReplayLetter(_)
                | Self::Subscribe(_)
                | Self::UpdateSubscription(_)
                | Self::Unsubscribe(_)
                | Self::Acknowledge(_)
                | Self::Snooze(_)
                | Self::RevokeSession(_)
                | Self::Logout(_)
        )
    }
}

impl Reply {
    /// The message that was asked for; an answer of another kind is a problem.
    pub(crate) fn take<T: TryFrom<Self, Error = Problem>>(self) -> Answer<T> {
        T::try_from(self)
    }
}

/// What became of a call.
pub(crate) type Answer<T = Reply> = Result<T, Problem>;

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

    /// A reply of another kind than the request's.
    pub(crate) fn unexpected(reply: &Reply) -> Self {
        let kind = reply.kind();
        Self::plain(say::link::the_instance_gave_an(&kind))
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
        // A sentence that ends with its fix has no other.
        if self.hint.is_empty() || out.contains(&self.hint) {
            out
        } else {
            format!("{out}: {}", self.hint)
        }
    }
}

/// What the link tells the app.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum LinkEvent {
    /// A connection stands.
    Connected,
    /// None stands; the next attempt is in `retry_in_ms`.
    Lost { why: String, retry_in_ms: u64 },
    /// The instance answers, but does not know who this is: why.
    Stranger(String),
    /// An attempt is being made now.
    Connecting,
    /// An answer.
    Reply { slot: Slot, id: RequestId, result: Answer },
    /// From the violations stream.
    Violations(Box<violation::WatchViolationsResponse>),
    /// From the stream of the run that is watched.
    Run(Box<etl::WatchRunResponse>),
}

/// A text that is never printed.
#[derive(Clone, PartialEq)]
pub(crate) struct Secret(pub(crate) String);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret")
    }
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
    /// Call with this token from now on and keep it for the next console; `None`: with none.
    UseToken(Option<Secret>),
    Quit,
    Suspend,
    /// Clear and paint everything.
    Redraw,
    /// Read the configuration again; [`crate::app::Msg::Settings`] comes back.
    Reload,
    /// Ring the bell or tell the desktop, where the user wants that.
    Alert(String),
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
