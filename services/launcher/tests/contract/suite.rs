//! What every transport must answer alike.

use std::collections::HashSet;
use std::time::Duration;

use futures::StreamExt as _;
use sla_proto::etl::v1::{
    CheckQueryRequest, GetRunRequest, ListMetricNamesRequest, ListSeriesRequest, ReadSamplesRequest, RunScope,
    RunState, StartRunRequest, WatchRunRequest, read_samples_response,
};
use sla_proto::objective::v1::{AllowedRange, Objective, SlaSet};
use sla_proto::retrieval::v1::{GetChartRequest, ListMovedRequest, ListSeriesRowsRequest};
use sla_proto::series::v1::{Query, query};
use sla_proto::server::v1::{GetOwnMetricsRequest, GetServerInfoRequest, ListProcessesRequest};
use sla_proto::set::v1::{ApplySetsRequest, CreateSetRequest, DeleteSetRequest, ListSetsRequest, UpdateSetRequest};
use sla_proto::storage::v1::{
    ApplyBatchRequest, GetPositionRequest, ListDeadLettersRequest, ListRunResultsRequest, ReplayDeadLetterRequest,
    StreamRecord,
};
use sla_proto::violation::v1::watch_violations_response::Event;
use sla_proto::violation::v1::{EvaluateRequest, GetOverviewRequest, State, WatchViolationsRequest};
use sla_proto::{API_LEVEL, Peer, convert};
use tonic::{Code, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_types::StatusExt as _;

fn selector(text: &str) -> Query {
    Query {
        query: Some(query::Query::Selector(text.to_owned())),
        step_ms: 0,
        source: String::new(),
    }
}

fn objective(text: &str, min: Option<f64>, max: Option<f64>) -> Objective {
    Objective {
        name: text.to_owned(),
        query: Some(selector(text)),
        range: Some(AllowedRange {
            min,
            max,
            ..AllowedRange::default()
        }),
        ..Objective::default()
    }
}

fn reason(status: &Status) -> String {
    status
        .get_error_details()
        .error_info()
        .map(|info| info.reason.clone())
        .unwrap_or_default()
}

/// Asks everything of an instance. `roles` reaches it as its own roles do: some things only they may do.
pub(crate) async fn suite(transport: &str, peer: &Peer, roles: &Peer) {
    let info = peer
        .server()
        .get_server_info(GetServerInfoRequest {})
        .await
        .unwrap()
        .into_inner();
    assert_eq!((info.api_level, info.demo), (API_LEVEL, true), "{transport}");
    let store = info.store.unwrap();
    assert!(store.problem.is_empty() && store.file_bytes > 0, "{store:?}");
    health(peer, &info.roles).await;
    processes(peer).await;
    catalogue(peer).await;
    sets(transport, peer).await;
    applying(peer).await;
    judging(peer).await;
    runs(transport, peer).await;
    dead_letters(transport, peer, roles).await;
    reading(peer).await;
}

/// Each process is told with what it runs, and tells of itself.
async fn processes(peer: &Peer) {
    let answer = peer.server().list_processes(ListProcessesRequest {}).await.unwrap();
    let processes = answer.into_inner().processes;
    assert!(processes[0].address.is_empty() && processes[0].info.is_some());
    for process in &processes {
        let info = process.info.as_ref().unwrap_or_else(|| panic!("{process:?}"));
        assert!(
            process.serving == Some(true) && process.problem.is_empty(),
            "{process:?}"
        );
        assert!(
            process.roles.iter().all(|role| info.roles.contains(role)),
            "{process:?}"
        );
    }
    let roles = processes.iter().filter_map(|process| process.info.as_ref());
    let mut seen = HashSet::new();
    for role in roles.flat_map(|info| &info.roles) {
        assert!(seen.insert(role), "{role} is told by two: {processes:?}");
    }
    let own = peer.server().get_own_metrics(GetOwnMetricsRequest {}).await.unwrap();
    let text = own.into_inner().text;
    let told = sla_source::own::text::Exposition::read(&text, &[]).unwrap();
    let names: Vec<&str> = told.series.iter().map(|(labels, _)| labels.metric_name()).collect();
    assert!(names.contains(&"process_cpu_seconds_total"), "{names:?}");
    assert!(names.contains(&"sla_rpc_duration_seconds_count"), "{names:?}");
}

pub(crate) fn health_of(role: &str) -> HealthCheckRequest {
    HealthCheckRequest {
        service: role.to_owned(),
    }
}

async fn health(peer: &Peer, roles: &[String]) {
    assert!(!roles.is_empty());
    for role in roles.iter().map(String::as_str).chain([""]) {
        let answer = peer.health().check(health_of(role)).await.unwrap().into_inner();
        assert_eq!(answer.status(), ServingStatus::Serving, "{role:?}");
    }
    let unknown = peer.health().check(health_of("nobody")).await.unwrap_err();
    assert_eq!(
        (unknown.code(), reason(&unknown).as_str()),
        (Code::NotFound, "NOT_FOUND")
    );
}

/// What cannot be applied is kept, listed with its reason and its time, and can be tried again.
async fn dead_letters(transport: &str, peer: &Peer, roles: &Peer) {
    let source = format!("poison-{transport}");
    let record = |offset| StreamRecord {
        offset,
        body: format!("no record {offset} of {source}").into_bytes(),
    };
    let batch = ApplyBatchRequest {
        source: source.clone(),
        partition: 0,
        after: 0,
        records: (0..3).map(record).collect(),
    };
    let applied = roles.results().apply_batch(batch).await.unwrap().into_inner();
    assert_eq!((applied.dead_letters, applied.next_offset), (3, 3));
    let mut request = ListDeadLettersRequest {
        page_size: 2,
        page_token: String::new(),
    };
    let mut letters = Vec::new();
    loop {
        let page = peer
            .results()
            .list_dead_letters(request.clone())
            .await
            .unwrap()
            .into_inner();
        assert!(page.letters.len() <= 2 && page.total >= 3);
        letters.extend(page.letters);
        if page.next_page_token.is_empty() {
            break;
        }
        request.page_token = page.next_page_token;
    }
    letters.retain(|letter| letter.source == source);
    let offsets: Vec<u64> = letters.iter().map(|letter| letter.offset).collect();
    assert_eq!(offsets, [2, 1, 0], "newest first, each once");
    assert!(
        letters
            .iter()
            .all(|letter| letter.reason == "undecodable" && letter.first_seen.is_some())
    );
    let again = |body_hash: &[u8]| ReplayDeadLetterRequest {
        body_hash: body_hash.to_vec(),
    };
    let replayed = peer
        .results()
        .replay_dead_letter(again(&letters[0].body_hash))
        .await
        .unwrap();
    let replayed = replayed.into_inner();
    assert_eq!((replayed.applied, replayed.reason.as_str()), (false, "undecodable"));
    let unknown = peer.results().replay_dead_letter(again(&[7; 16])).await.unwrap_err();
    assert_eq!(unknown.code(), Code::NotFound);
}

async fn catalogue(peer: &Peer) {
    let mut request = ListMetricNamesRequest {
        page_size: 5,
        ..ListMetricNamesRequest::default()
    };
    let mut names = HashSet::new();
    let total = loop {
        let page = peer
            .source()
            .list_metric_names(request.clone())
            .await
            .unwrap()
            .into_inner();
        assert!(page.names.len() <= 5);
        names.extend(page.names.into_iter().map(|name| name.name));
        if page.next_page_token.is_empty() {
            break page.total_names;
        }
        request.page_token = page.next_page_token;
    };
    assert_eq!(names.len() as u32, total, "paging gives each name once");

    "0123".clone_into(&mut request.page_token);
    let refused = peer.source().list_metric_names(request).await.unwrap_err();
    assert_eq!(
        (refused.code(), reason(&refused).as_str()),
        (Code::InvalidArgument, "BAD_PAGE_TOKEN")
    );

    let list = ListSeriesRequest {
        query: Some(selector("node_load1")),
        ..ListSeriesRequest::default()
    };
    assert_eq!(peer.source().list_series(list).await.unwrap().into_inner().total, 3);

    let wrong = CheckQueryRequest {
        query: Some(selector("node_load1{job=}")),
    };
    let answer = peer.source().check_query(wrong).await.unwrap().into_inner();
    assert!(!answer.problem.is_empty() && answer.position.is_some(), "{answer:?}");
}

#[allow(clippy::too_many_lines, reason = "one story, told in its order")]
async fn sets(transport: &str, peer: &Peer) {
    let wait = Some(convert::duration(14_000));
    let overview = peer
        .violations()
        .get_overview(GetOverviewRequest {
            set: String::new(),
            wait,
            skip: 0,
        })
        .await
        .unwrap();
    let overview = overview.into_inner().overview.unwrap();
    assert!(overview.evaluated.is_some(), "the first evaluation was waited for");
    let stored = peer
        .sets()
        .list_sets(ListSetsRequest::default())
        .await
        .unwrap()
        .into_inner()
        .sets;
    let default = stored
        .iter()
        .find(|set| set.name == "default")
        .expect("a default set was suggested");
    assert_eq!(default.objectives.len(), 5);
    assert!(default.objectives.iter().all(|objective| objective.suggested));

    let name = format!("over {transport}");
    let set = SlaSet {
        name: name.clone(),
        objectives: vec![objective("node_load1", None, Some(4.0))],
        active: true,
        ..SlaSet::default()
    };
    let created = peer
        .sets()
        .create_set(CreateSetRequest { set: Some(set.clone()) })
        .await
        .unwrap()
        .into_inner();
    let created = created.set.unwrap();
    assert!(created.version >= 1 && !created.author.is_empty());

    let again = peer
        .sets()
        .create_set(CreateSetRequest { set: Some(set) })
        .await
        .unwrap_err();
    assert_eq!(reason(&again), "NAME_TAKEN", "{again:?}");

    let mut edited = created.clone();
    edited.objectives[0].range = Some(AllowedRange {
        max: Some(5.0),
        ..AllowedRange::default()
    });
    let saved = peer
        .sets()
        .update_set(UpdateSetRequest {
            set: Some(edited.clone()),
        })
        .await
        .unwrap()
        .into_inner();
    let saved = saved.set.unwrap();
    assert!(saved.version > created.version);
    assert!(
        saved.objectives[0].generation > created.objectives[0].generation,
        "other bounds, another generation"
    );
    // The same version again: someone was faster.
    let stale = peer
        .sets()
        .update_set(UpdateSetRequest {
            set: Some(edited.clone()),
        })
        .await
        .unwrap_err();
    assert_eq!(
        (stale.code(), reason(&stale).as_str()),
        (Code::Aborted, "STALE_VERSION")
    );

    // A plan that was made on the version before is refused as well.
    let planned = ApplySetsRequest {
        sets: vec![edited.clone()],
        ..ApplySetsRequest::default()
    };
    let stale = peer
        .sets()
        .apply_sets(futures::stream::iter([planned]))
        .await
        .unwrap_err();
    assert_eq!(reason(&stale), "STALE_VERSION");

    edited.version = saved.version;
    edited.objectives[0].range = Some(AllowedRange {
        min: Some(5.0),
        max: Some(4.0),
        ..AllowedRange::default()
    });
    let crossed = peer
        .sets()
        .update_set(UpdateSetRequest { set: Some(edited) })
        .await
        .unwrap_err();
    let fields: Vec<String> = crossed
        .get_error_details()
        .bad_request()
        .map(|bad| bad.field_violations.iter().map(|field| field.field.clone()).collect())
        .unwrap_or_default();
    assert_eq!(
        (crossed.code(), fields),
        (Code::InvalidArgument, vec!["objectives[0].range.min".to_owned()])
    );

    let gone = DeleteSetRequest {
        id: saved.id,
        version: saved.version,
    };
    peer.sets().delete_set(gone.clone()).await.unwrap();
    assert_eq!(peer.sets().delete_set(gone).await.unwrap_err().code(), Code::NotFound);
}

/// Sets that come in several messages are one apply; a stream that breaks off is none.
async fn applying(peer: &Peer) {
    let sets: Vec<SlaSet> = ["contract a", "contract b", "contract c"]
        .map(|name| SlaSet {
            name: name.to_owned(),
            objectives: vec![objective("up", Some(1.0), None)],
            ..SlaSet::default()
        })
        .to_vec();
    let message = |set: &SlaSet| ApplySetsRequest {
        sets: vec![set.clone()],
        ..ApplySetsRequest::default()
    };
    let names = async || {
        let stored = peer
            .sets()
            .list_sets(ListSetsRequest::default())
            .await
            .unwrap()
            .into_inner()
            .sets;
        stored
            .into_iter()
            .filter(|set| set.name.starts_with("contract "))
            .collect::<Vec<_>>()
    };
    // The call is given up while its stream is open.
    let open = futures::stream::iter(sets.iter().map(message).collect::<Vec<_>>()).chain(futures::stream::pending());
    let broken = tokio::time::timeout(Duration::from_millis(300), peer.sets().apply_sets(open)).await;
    assert!(broken.is_err() && names().await.is_empty(), "half of it is nothing");

    let messages = futures::stream::iter(sets.iter().map(message).collect::<Vec<_>>());
    let applied = peer.sets().apply_sets(messages).await.unwrap().into_inner();
    assert!(applied.applied && applied.plan.len() >= 3, "{applied:?}");
    let stored = names().await;
    assert_eq!(stored.len(), 3);
    for set in stored {
        let (id, version) = (set.id, set.version);
        peer.sets().delete_set(DeleteSetRequest { id, version }).await.unwrap();
    }
    let empty = futures::stream::iter(Vec::<ApplySetsRequest>::new());
    assert_eq!(
        peer.sets().apply_sets(empty).await.unwrap_err().code(),
        Code::InvalidArgument
    );
}

async fn judging(peer: &Peer) {
    let request = EvaluateRequest {
        objectives: vec![
            objective("up", Some(1.0), None),
            objective("no_such_metric", None, Some(1.0)),
        ],
        windows: vec![convert::duration(3_600_000), convert::duration(43_200_000)],
        with_intervals: true,
        ..EvaluateRequest::default()
    };
    let answer = peer.violations().evaluate(request).await.unwrap().into_inner();
    let up = &answer.objectives[0];
    assert_eq!((up.series.len(), up.windows.len()), (3, 2));
    let long = &up.windows[1];
    assert!(long.violations >= 1, "the demo's outage: {long:?}");
    assert!(long.violated_ms > 0 && long.violated_ms <= long.covered_ms);
    assert_eq!(
        answer.objectives[1].state(),
        State::NoData,
        "nothing seen is never fine"
    );

    let mut events = peer
        .violations()
        .watch_violations(WatchViolationsRequest::default())
        .await
        .unwrap()
        .into_inner();
    let first = events.message().await.unwrap().expect("an event");
    assert!(matches!(first.event, Some(Event::Snapshot(_))), "{first:?}");
}

async fn runs(transport: &str, peer: &Peer) {
    let before = position(peer).await;
    let request = StartRunRequest {
        request_id: format!("suite-{transport}"),
        scope: Some(RunScope {
            queries: vec![selector("node_load1")],
            ..RunScope::default()
        }),
        steps: Vec::new(),
    };
    let started = peer.runs().start_run(request.clone()).await.unwrap().into_inner();
    let again = peer.runs().start_run(request).await.unwrap().into_inner();
    assert!(!started.already_started && again.already_started);
    let run = started.run.unwrap();
    assert_eq!(run.id, again.run.unwrap().id, "one request id, one run");

    let watch = WatchRunRequest {
        run_id: run.id.clone(),
        after_sequence: 0,
    };
    let mut events = peer.runs().watch_run(watch).await.unwrap().into_inner();
    let (mut last, mut sequence) = (run.clone(), 0);
    while let Some(event) = events.message().await.unwrap() {
        if let Some(run) = event.run {
            assert!(event.heartbeat || event.sequence > sequence, "events are numbered");
            sequence = sequence.max(event.sequence);
            last = run;
        }
    }
    assert_eq!(
        (last.state(), last.series_done, last.series_failed),
        (RunState::Done, 3, 0),
        "{last:?}"
    );

    let results = ListRunResultsRequest {
        run_id: run.id.clone(),
        ..ListRunResultsRequest::default()
    };
    let results = peer
        .results()
        .list_run_results(results)
        .await
        .unwrap()
        .into_inner()
        .results;
    assert!(results.len() >= 3, "each series has its results: {}", results.len());
    assert!(position(peer).await > before, "the stream moved with them");

    let unknown = peer
        .runs()
        .get_run(GetRunRequest {
            run_id: "nobody".to_owned(),
        })
        .await
        .unwrap_err();
    assert_eq!(unknown.code(), Code::NotFound);
}

/// The partitions of the topic, where results go over Kafka.
pub(crate) const PARTITIONS: u32 = 3;

/// A topic of this test's own.
pub(crate) fn topic_prefix() -> String {
    format!("contract-{}.", std::process::id())
}

/// How many records were applied, whichever way they came.
async fn position(peer: &Peer) -> u64 {
    let topic = format!("{}results", topic_prefix());
    let mut sum = 0;
    for (source, partitions) in [("local", 1), (topic.as_str(), PARTITIONS)] {
        for partition in 0..partitions {
            let request = GetPositionRequest {
                source: source.to_owned(),
                partition,
            };
            sum += peer
                .results()
                .get_position(request)
                .await
                .unwrap()
                .into_inner()
                .next_offset;
        }
    }
    sum
}

async fn reading(peer: &Peer) {
    let info = peer
        .server()
        .get_server_info(GetServerInfoRequest {})
        .await
        .unwrap()
        .into_inner();
    let now_ms = convert::millis(&info.now.unwrap());
    let request = ReadSamplesRequest {
        queries: vec![selector("node_load1")],
        after: Some(convert::timestamp(now_ms - 3_600_000)),
        until: Some(convert::timestamp(now_ms)),
        ..ReadSamplesRequest::default()
    };
    let mut stream = peer.samples().read_samples(request).await.unwrap().into_inner();
    let (mut series, mut summary) = (0, None);
    while let Some(message) = stream.message().await.unwrap() {
        match message.part {
            Some(read_samples_response::Part::Series(found)) => {
                series += 1;
                assert!(found.spacing_ms > 0 && !found.chunks.is_empty());
            }
            Some(read_samples_response::Part::Summary(last)) => summary = Some(last),
            None => {}
        }
    }
    assert_eq!((series, summary.expect("a summary ends the stream").series), (3, 3));

    let rows = ListSeriesRowsRequest {
        queries: vec![selector("node_load1")],
        window_ms: 3_600_000,
        columns: 20,
        ..ListSeriesRowsRequest::default()
    };
    let rows = peer.retrieval().list_series_rows(rows).await.unwrap().into_inner();
    assert_eq!((rows.total, rows.rows.len()), (3, 3));
    assert!(
        rows.rows
            .iter()
            .all(|row| row.sparkline.len() == 20 && row.last.is_some())
    );

    let chart = GetChartRequest {
        query: Some(selector("node_load1")),
        after: Some(convert::timestamp(now_ms - 3_600_000)),
        until: Some(convert::timestamp(now_ms)),
        columns: 60,
        ..GetChartRequest::default()
    };
    let chart = peer.retrieval().get_chart(chart).await.unwrap().into_inner();
    assert_eq!(chart.columns.len(), 60);
    assert!(chart.columns.iter().all(|column| column.min <= column.max));
    let between = |c: &sla_proto::retrieval::v1::Column| c.median >= c.min && c.median <= c.max;
    assert!(chart.columns.iter().filter(|c| c.min.is_some()).all(between));

    let around = ListMovedRequest {
        query: Some(selector("node_load1")),
        at: Some(convert::timestamp(now_ms - 30 * 60_000)),
        ..ListMovedRequest::default()
    };
    let told = peer.retrieval().list_moved(around.clone()).await.unwrap().into_inner();
    assert!(told.tested > 10 && told.span_ms == 15 * 60_000, "{told:?}");
    assert_eq!(told.left_out, 0, "the whole estate is looked at: {told:?}");
    let rows = &told.rows;
    assert!(
        rows.iter().all(|row| row.series != told.series && row.p <= 0.1),
        "{told:?}"
    );
    assert_eq!((told.minutes.len(), &told.problems[..]), (45, &[][..]));
    let soon = ListMovedRequest {
        at: Some(convert::timestamp(now_ms - 60_000)),
        ..around
    };
    let refused = peer.retrieval().list_moved(soon).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument, "{refused}");
}
