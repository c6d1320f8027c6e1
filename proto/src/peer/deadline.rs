//! How long each rpc may take: 2 s for what is stored, 10 s for writes, 15 s for what reads the source.

/// The deadline class of an rpc.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeadlineClass {
    /// Answers from memory or the database: 2 s.
    Stored,
    /// Is durable when it answers: 10 s.
    Write,
    /// Reads the metric source: 15 s, with progress and cancel.
    Source,
    /// Lives by its heartbeat or ends by itself.
    Stream,
}

const WRITES: &[&str] = &[
    "/sla.etl.v1.RunService/StartRun",
    "/sla.etl.v1.RunService/CancelRun",
    "/sla.etl.v1.ScheduleService/UpdateSchedule",
    "/sla.storage.v1.ResultStoreService/ApplyBatch",
    "/sla.storage.v1.ResultStoreService/ReplayDeadLetter",
    "/sla.storage.v1.ResultStoreService/MovePosition",
    "/sla.storage.v1.SetStoreService/PutStoredSet",
    "/sla.storage.v1.SetStoreService/PutStoredSets",
    "/sla.storage.v1.SetStoreService/DeleteStoredSet",
    "/sla.storage.v1.RunStoreService/CreateRun",
    "/sla.storage.v1.RunStoreService/UpdateRun",
    "/sla.storage.v1.RunStoreService/PutStoredSchedule",
    "/sla.storage.v1.LedgerStoreService/PutViolations",
    "/sla.storage.v1.LedgerStoreService/PutForecasts",
    "/sla.storage.v1.LedgerStoreService/ScoreForecasts",
    "/sla.storage.v1.StateStoreService/PutState",
    "/sla.storage.v1.PlacementStoreService/ClaimPartitions",
    "/sla.storage.v1.LeaseStoreService/AcquireLease",
    "/sla.storage.v1.LeaseStoreService/RenewLease",
    "/sla.storage.v1.LeaseStoreService/ReleaseLease",
    "/sla.set.v1.SetService/CreateSet",
    "/sla.set.v1.SetService/UpdateSet",
    "/sla.set.v1.SetService/DeleteSet",
    "/sla.set.v1.SetService/DuplicateSet",
    "/sla.server.v1.ServerService/StopServer",
    // Some of these also wait for their turn to hash a password.
    "/sla.account.v1.AccountService/Register",
    "/sla.account.v1.AccountService/Login",
    "/sla.account.v1.AccountService/Logout",
    "/sla.account.v1.AccountService/ChangePassword",
    "/sla.account.v1.AccountService/RevokeSession",
    "/sla.account.v1.AccountService/CreateToken",
    "/sla.account.v1.AccountService/AddUser",
    "/sla.account.v1.AccountService/UpdateUser",
    "/sla.account.v1.AccountService/CreateInvitation",
    "/sla.storage.v1.AccountStoreService/ChangeAccounts",
    "/sla.notify.v1.NotifyService/AddChannel",
    "/sla.notify.v1.NotifyService/RemoveChannel",
    "/sla.notify.v1.NotifyService/EnableChannel",
    "/sla.notify.v1.NotifyService/LinkTelegram",
    "/sla.notify.v1.NotifyService/Acknowledge",
    "/sla.notify.v1.NotifyService/Snooze",
    "/sla.storage.v1.NotifyStoreService/ChangeChannels",
    "/sla.storage.v1.NotifyStoreService/ChangeMarks",
    "/sla.storage.v1.NotifyStoreService/ApplyNotices",
    "/sla.storage.v1.NotifyStoreService/ClaimMessages",
    "/sla.storage.v1.NotifyStoreService/SettleMessage",
    "/sla.weather.v1.WeatherService/RemoveCity",
    "/sla.weather.v1.WeatherService/Unsubscribe",
];

const SOURCE_READS: &[&str] = &[
    "/sla.etl.v1.RunService/EstimateRun",
    "/sla.etl.v1.SourceService/ListMetricNames",
    "/sla.etl.v1.SourceService/ListSeries",
    "/sla.etl.v1.SourceService/CheckQuery",
    "/sla.etl.v1.SourceService/RetrySource",
    "/sla.set.v1.SetService/ApplySets",
    "/sla.set.v1.SetService/ValidateSet",
    "/sla.set.v1.SetService/SuggestRange",
    "/sla.violation.v1.ViolationService/Evaluate",
    "/sla.violation.v1.ViolationService/EvaluateNow",
    // Waits for the other end.
    "/sla.notify.v1.NotifyService/TestChannel",
    // May wait for the first evaluation when asked to.
    "/sla.violation.v1.ViolationService/GetOverview",
    "/sla.retrieval.v1.RetrievalService/ListSeriesRows",
    "/sla.retrieval.v1.RetrievalService/GetSeriesDetail",
    "/sla.retrieval.v1.RetrievalService/GetChart",
    "/sla.retrieval.v1.RetrievalService/ExportSamples",
    "/sla.retrieval.v1.RetrievalService/ListMoved",
    // These read the weather of a city, and some make a set of it.
    "/sla.weather.v1.WeatherService/SearchCities",
    "/sla.weather.v1.WeatherService/AddCity",
    "/sla.weather.v1.WeatherService/Subscribe",
    "/sla.weather.v1.WeatherService/UpdateSubscription",
];

const STREAMS: &[&str] = &[
    "/sla.etl.v1.RunService/WatchRun",
    "/sla.etl.v1.SampleService/ReadSamples",
    "/sla.etl.v1.AnalysisService/AnalyzeSeries",
    "/sla.violation.v1.ViolationService/WatchViolations",
    "/grpc.health.v1.Health/Watch",
    "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
];

/// The class of the rpc at `path` (`/package.Service/Method`).
pub fn deadline_class(path: &str) -> DeadlineClass {
    if STREAMS.contains(&path) {
        DeadlineClass::Stream
    } else if SOURCE_READS.contains(&path) {
        DeadlineClass::Source
    } else if WRITES.contains(&path) {
        DeadlineClass::Write
    } else {
        DeadlineClass::Stored
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::peer::contract::rpcs;

    #[test]
    fn streams_and_only_streams_have_no_deadline() {
        let rpcs = rpcs();
        assert!(rpcs.len() > 50, "the contract was not found");
        for rpc in rpcs {
            let path = &rpc.path;
            assert_eq!(
                deadline_class(path) == DeadlineClass::Stream,
                rpc.server_streaming,
                "{path}"
            );
        }
    }

    #[test]
    fn every_path_of_the_table_is_in_the_contract() {
        let rpcs = rpcs();
        for path in WRITES
            .iter()
            .chain(SOURCE_READS)
            .chain(STREAMS)
            .filter(|path| path.starts_with("/sla."))
        {
            assert!(
                rpcs.iter().any(|have| have.path == *path),
                "{path} is no longer in the contract"
            );
        }
    }
}
