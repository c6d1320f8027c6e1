//! The table of JSON over HTTP: a route for each unary rpc that a console may call. A test holds it against the contract.

/// How a request is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verb {
    /// The fields of the request are parameters of the query.
    Get,
    /// The same.
    Delete,
    /// The request is the body.
    Post,
    /// The same.
    Put,
    /// The same.
    Patch,
}

/// The rpc that a request of HTTP stands for.
pub fn rpc_of(method: &http::Method, path: &str) -> Option<&'static str> {
    let fits = |template: &str| {
        let (given, known) = (path.split('/'), template.split('/'));
        given.clone().count() == known.clone().count()
            && given
                .zip(known)
                .all(|(given, known)| known.starts_with('{') || given == known)
    };
    // What stands in a path word by word comes before what stands there as a field, as in the router.
    let found = ROUTES
        .iter()
        .filter(|route| route.verb.method() == *method && fits(route.path));
    found
        .min_by_key(|route| route.path_fields().count())
        .map(|route| route.rpc)
}

/// One route.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Route {
    pub(crate) verb: Verb,
    /// `{field}` in it is a field of the request, `{set.id}` one of a message in it.
    pub(crate) path: &'static str,
    /// `package.Service/Method`, without the leading slash.
    pub(crate) rpc: &'static str,
}

const fn route(verb: Verb, path: &'static str, rpc: &'static str) -> Route {
    Route { verb, path, rpc }
}

use Verb::{Delete, Get, Patch, Post, Put};

/// All of them, by what they are about.
pub(crate) const ROUTES: &[Route] = &[
    route(Get, "/v1/info", "sla.server.v1.ServerService/GetServerInfo"),
    route(Get, "/v1/sets", "sla.set.v1.SetService/ListSets"),
    route(Post, "/v1/sets", "sla.set.v1.SetService/CreateSet"),
    route(Get, "/v1/sets/{set}", "sla.set.v1.SetService/GetSet"),
    route(Put, "/v1/sets/{set.id}", "sla.set.v1.SetService/UpdateSet"),
    route(Delete, "/v1/sets/{id}", "sla.set.v1.SetService/DeleteSet"),
    route(Post, "/v1/sets/{id}/duplicate", "sla.set.v1.SetService/DuplicateSet"),
    route(Post, "/v1/sets/validate", "sla.set.v1.SetService/ValidateSet"),
    route(Post, "/v1/sets/apply", "sla.set.v1.SetService/ApplySets"),
    route(Get, "/v1/range", "sla.set.v1.SetService/SuggestRange"),
    route(Get, "/v1/overview", "sla.violation.v1.ViolationService/GetOverview"),
    route(
        Get,
        "/v1/violations",
        "sla.violation.v1.ViolationService/ListViolations",
    ),
    route(
        Get,
        "/v1/forecast",
        "sla.violation.v1.ViolationService/ListFutureViolations",
    ),
    route(Post, "/v1/evaluate", "sla.violation.v1.ViolationService/Evaluate"),
    route(
        Post,
        "/v1/evaluate/now",
        "sla.violation.v1.ViolationService/EvaluateNow",
    ),
    route(Get, "/v1/metrics", "sla.retrieval.v1.RetrievalService/ListSeriesRows"),
    route(
        Get,
        "/v1/metrics/detail",
        "sla.retrieval.v1.RetrievalService/GetSeriesDetail",
    ),
    route(
        Get,
        "/v1/metrics/stored",
        "sla.retrieval.v1.RetrievalService/ListStoredRows",
    ),
    route(
        Get,
        "/v1/metrics/history",
        "sla.retrieval.v1.RetrievalService/GetSeriesHistory",
    ),
    route(Get, "/v1/chart", "sla.retrieval.v1.RetrievalService/GetChart"),
    route(Get, "/v1/moved", "sla.retrieval.v1.RetrievalService/ListMoved"),
    route(Get, "/v1/samples", "sla.retrieval.v1.RetrievalService/ExportSamples"),
    route(Get, "/v1/source", "sla.etl.v1.SourceService/GetSource"),
    route(Post, "/v1/source/retry", "sla.etl.v1.SourceService/RetrySource"),
    route(Get, "/v1/names", "sla.etl.v1.SourceService/ListMetricNames"),
    route(Get, "/v1/series", "sla.etl.v1.SourceService/ListSeries"),
    route(Get, "/v1/query", "sla.etl.v1.SourceService/CheckQuery"),
    route(Get, "/v1/runs", "sla.etl.v1.RunService/ListRuns"),
    route(Post, "/v1/runs", "sla.etl.v1.RunService/StartRun"),
    route(Post, "/v1/runs/estimate", "sla.etl.v1.RunService/EstimateRun"),
    route(Get, "/v1/runs/{run_id}", "sla.etl.v1.RunService/GetRun"),
    route(Post, "/v1/runs/{run_id}/cancel", "sla.etl.v1.RunService/CancelRun"),
    route(Get, "/v1/log", "sla.etl.v1.RunService/TailLog"),
    route(Get, "/v1/schedule", "sla.etl.v1.ScheduleService/GetSchedule"),
    route(Patch, "/v1/schedule", "sla.etl.v1.ScheduleService/UpdateSchedule"),
    route(Get, "/v1/storage", "sla.storage.v1.StoreStatusService/GetStoreStatus"),
    route(
        Get,
        "/v1/storage/position",
        "sla.storage.v1.ResultStoreService/GetPosition",
    ),
    route(
        Get,
        "/v1/storage/results",
        "sla.storage.v1.ResultStoreService/ReadLatestResults",
    ),
    route(
        Get,
        "/v1/storage/series",
        "sla.storage.v1.ResultStoreService/ListResultSeries",
    ),
    route(
        Get,
        "/v1/storage/history",
        "sla.storage.v1.ResultStoreService/ListSeriesHistory",
    ),
    route(
        Get,
        "/v1/storage/runs/{run_id}/results",
        "sla.storage.v1.ResultStoreService/ListRunResults",
    ),
    route(
        Get,
        "/v1/storage/dead-letters",
        "sla.storage.v1.ResultStoreService/ListDeadLetters",
    ),
    route(
        Post,
        "/v1/storage/dead-letters/{body_hash}/replay",
        "sla.storage.v1.ResultStoreService/ReplayDeadLetter",
    ),
    route(Get, "/v1/storage/runs", "sla.storage.v1.RunStoreService/ListStoredRuns"),
    route(
        Get,
        "/v1/storage/runs/{run_id}",
        "sla.storage.v1.RunStoreService/GetStoredRun",
    ),
    route(
        Get,
        "/v1/storage/schedule",
        "sla.storage.v1.RunStoreService/GetStoredSchedule",
    ),
    route(Post, "/v1/account/register", "sla.account.v1.AccountService/Register"),
    route(Post, "/v1/account/login", "sla.account.v1.AccountService/Login"),
    route(Post, "/v1/account/logout", "sla.account.v1.AccountService/Logout"),
    route(Get, "/v1/account", "sla.account.v1.AccountService/WhoAmI"),
    route(
        Post,
        "/v1/account/password",
        "sla.account.v1.AccountService/ChangePassword",
    ),
    route(
        Get,
        "/v1/account/sessions",
        "sla.account.v1.AccountService/ListSessions",
    ),
    route(
        Delete,
        "/v1/account/sessions/{id}",
        "sla.account.v1.AccountService/RevokeSession",
    ),
    route(Post, "/v1/account/tokens", "sla.account.v1.AccountService/CreateToken"),
    route(Get, "/v1/users", "sla.account.v1.AccountService/ListUsers"),
    route(Post, "/v1/users", "sla.account.v1.AccountService/AddUser"),
    route(Patch, "/v1/users/{name}", "sla.account.v1.AccountService/UpdateUser"),
    route(
        Post,
        "/v1/users/invitations",
        "sla.account.v1.AccountService/CreateInvitation",
    ),
    route(Get, "/v1/audit", "sla.account.v1.AccountService/ListAudit"),
    route(Get, "/v1/channels", "sla.notify.v1.NotifyService/ListChannels"),
    route(Post, "/v1/channels", "sla.notify.v1.NotifyService/AddChannel"),
    route(
        Delete,
        "/v1/channels/{channel}",
        "sla.notify.v1.NotifyService/RemoveChannel",
    ),
    route(
        Post,
        "/v1/channels/{channel}/enable",
        "sla.notify.v1.NotifyService/EnableChannel",
    ),
    route(
        Post,
        "/v1/channels/{channel}/test",
        "sla.notify.v1.NotifyService/TestChannel",
    ),
    route(Post, "/v1/telegram-links", "sla.notify.v1.NotifyService/LinkTelegram"),
    route(
        Get,
        "/v1/telegram-links/{id}",
        "sla.notify.v1.NotifyService/GetTelegramLink",
    ),
    route(Get, "/v1/deliveries", "sla.notify.v1.NotifyService/ListDeliveries"),
    route(Get, "/v1/marks", "sla.notify.v1.NotifyService/ListMarks"),
    route(Post, "/v1/marks/acknowledge", "sla.notify.v1.NotifyService/Acknowledge"),
    route(Post, "/v1/marks/snooze", "sla.notify.v1.NotifyService/Snooze"),
    route(Get, "/v1/processes", "sla.server.v1.ServerService/ListProcesses"),
    route(Get, "/v1/own-metrics", "sla.server.v1.ServerService/GetOwnMetrics"),
    route(
        Post,
        "/v1/storage/position",
        "sla.storage.v1.ResultStoreService/MovePosition",
    ),
    route(Get, "/v1/cities", "sla.weather.v1.WeatherService/ListCities"),
    route(Post, "/v1/cities", "sla.weather.v1.WeatherService/AddCity"),
    route(Get, "/v1/cities/search", "sla.weather.v1.WeatherService/SearchCities"),
    route(Delete, "/v1/cities/{city}", "sla.weather.v1.WeatherService/RemoveCity"),
    route(
        Get,
        "/v1/subscriptions",
        "sla.weather.v1.WeatherService/ListSubscriptions",
    ),
    route(Post, "/v1/subscriptions", "sla.weather.v1.WeatherService/Subscribe"),
    route(
        Put,
        "/v1/subscriptions/{id}",
        "sla.weather.v1.WeatherService/UpdateSubscription",
    ),
    route(
        Delete,
        "/v1/subscriptions/{id}",
        "sla.weather.v1.WeatherService/Unsubscribe",
    ),
];

impl Verb {
    pub(crate) fn method(self) -> http::Method {
        match self {
            Get => http::Method::GET,
            Delete => http::Method::DELETE,
            Post => http::Method::POST,
            Put => http::Method::PUT,
            Patch => http::Method::PATCH,
        }
    }

    /// Whether the request is the body.
    pub(crate) fn has_body(self) -> bool {
        !matches!(self, Get | Delete)
    }
}

impl Route {
    /// The path of the rpc.
    pub(crate) fn rpc_path(&self) -> String {
        format!("/{}", self.rpc)
    }

    /// Fields that stand in the path.
    pub(crate) fn path_fields(&self) -> impl Iterator<Item = &'static str> {
        self.path
            .split('/')
            .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use sla_proto::peer::{Access, DeadlineClass, access, contract, deadline_class};

    use super::*;

    #[test]
    fn every_rpc_with_one_answer_has_one_route() {
        let wanted: BTreeSet<String> = contract::rpcs()
            .into_iter()
            // What may come in pieces comes in one here: limits are the same.
            .filter(|rpc| !rpc.server_streaming)
            .map(|rpc| rpc.path)
            .filter(|path| matches!(access(path), Access::Anyone | Access::Somebody | Access::User(_)))
            .collect();
        assert!(wanted.len() > 40, "the contract was not found");
        let routed: Vec<String> = ROUTES.iter().map(Route::rpc_path).collect();
        let set: BTreeSet<String> = routed.iter().cloned().collect();
        assert_eq!(routed.len(), set.len(), "an rpc has two routes");
        assert_eq!(set, wanted, "give each rpc with one answer a route in ROUTES");
    }

    #[test]
    fn what_changes_something_is_never_a_get() {
        for route in ROUTES {
            if route.verb == Get {
                let reads = [
                    "/Get", "/List", "/Read", "/Search", "/Tail", "/WhoAmI", "/Export", "/Check", "/Suggest",
                ];
                assert!(reads.iter().any(|word| route.rpc.contains(word)), "{route:?}");
                assert_ne!(deadline_class(&route.rpc_path()), DeadlineClass::Write, "{route:?}");
            }
        }
    }

    #[test]
    fn a_request_stands_for_the_rpc_of_its_route() {
        let of = |method, path| rpc_of(&method, path).map(|rpc| rpc.rsplit_once('/').unwrap().1);
        assert_eq!(of(http::Method::GET, "/v1/sets"), Some("ListSets"));
        assert_eq!(of(http::Method::GET, "/v1/sets/a"), Some("GetSet"));
        assert_eq!(of(http::Method::POST, "/v1/sets/apply"), Some("ApplySets"));
        assert_eq!(
            of(http::Method::POST, "/v1/users/invitations"),
            Some("CreateInvitation")
        );
        assert_eq!(of(http::Method::POST, "/v1/sets/a"), None);
        assert_eq!(of(http::Method::GET, "/sla.set.v1.SetService/ListSets"), None);
        for route in ROUTES {
            assert_eq!(rpc_of(&route.verb.method(), route.path), Some(route.rpc));
        }
    }
}
