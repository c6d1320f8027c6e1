//! A scripted instance: answers every request from a small estate that is always the same.

use prost_types::Timestamp;
use sla_proto::convert as time;
use sla_proto::etl::v1 as etl;
use sla_proto::objective::v1::{AllowedRange, Objective, SlaSet};
use sla_proto::retrieval::v1 as retrieval;
use sla_proto::series::v1::{Label, Point, Series, SourceStatus};
use sla_proto::server::v1::GetServerInfoResponse;
use sla_proto::set::v1 as set;
use sla_proto::storage::v1 as storage;
use sla_proto::violation::v1 as violation;

use super::figures::{outlook, runs, schedule};
use crate::context::request::{Answer, Problem, Request};
use crate::context::wire;

/// 2026-11-20 14:32:00 UTC.
pub(crate) const NOW_MS: i64 = 1_795_185_120_000;
pub(crate) const MIN: i64 = 60_000;

/// What the instance holds.
#[derive(Debug, Clone)]
pub(crate) struct Script {
    pub(crate) sets: Vec<SlaSet>,
    pub(crate) series: Vec<(Series, f64)>,
    pub(crate) runs: Vec<etl::Run>,
    pub(crate) source_problem: String,
    /// Answers of these kinds fail.
    pub(crate) failing: bool,
    /// Answers that read the source fail.
    pub(crate) failing_source: bool,
    /// Violations go on after a gap.
    pub(crate) gapped: bool,
    /// A series goes in and out of its range.
    pub(crate) flapping: bool,
    /// The source is away and only stored figures are told.
    pub(crate) stored: bool,
    /// The series have no data.
    pub(crate) silent: bool,
    /// No series is known long enough.
    pub(crate) young: bool,
    /// A forecast that is not proven says that targets will be down.
    pub(crate) unproven: bool,
    /// Series, objectives, sets and subscriptions beyond those that are listed.
    pub(crate) more: u32,
    /// The role weather runs.
    pub(crate) town: bool,
    /// Outside text in failures, dead letters and what is told of the source.
    pub(crate) hostile: String,
    /// Hashes of the dead letters.
    pub(crate) letters: Vec<Vec<u8>>,
}

#[expect(clippy::unnecessary_wraps, reason = "as the fields of messages want it")]
pub(crate) fn at(ms: i64) -> Option<Timestamp> {
    Some(time::timestamp(ms))
}

pub(crate) fn series(n: u8, name: &str, host: &str) -> Series {
    let label = |name: &str, value: &str| Label {
        name: name.into(),
        value: value.into(),
    };
    Series {
        id: vec![n; 16],
        source: "prom-eu".into(),
        labels: vec![label("__name__", name), label("instance", host), label("job", "node")],
        ..Series::default()
    }
}

impl Default for Script {
    fn default() -> Self {
        let names = [
            ("node_load1", "host-1", 1.82),
            ("node_load1", "host-2", 2.10),
            ("node_load1", "host-3", 6.02),
            ("node_load5", "host-1", 1.74),
            ("node_memory_MemAvailable_bytes", "host-1", 3.9e9),
            ("up", "host-1", 1.0),
        ];
        let series: Vec<(Series, f64)> = names
            .iter()
            .enumerate()
            .map(|(n, (name, host, value))| (series(n as u8 + 1, name, host), *value))
            .collect();
        let objective = |id: &str, name: &str, min: Option<f64>, max: Option<f64>| Objective {
            id: id.into(),
            name: name.into(),
            query: Some(wire::query_from_text(name)),
            range: Some(AllowedRange {
                min,
                max,
                ..AllowedRange::default()
            }),
            generation: 1,
            ..Objective::default()
        };
        let set = SlaSet {
            id: "set-1".into(),
            name: "default".into(),
            version: 3,
            active: true,
            objectives: vec![
                objective("o-load", "node_load1", None, Some(4.0)),
                objective("o-mem", "node_memory_MemAvailable_bytes", Some(2.0e9), None),
                objective("o-up", "up", Some(1.0), None),
            ],
            ..SlaSet::default()
        };
        Self {
            sets: vec![set],
            series,
            runs: runs(),
            source_problem: String::new(),
            failing: false,
            failing_source: false,
            gapped: false,
            flapping: false,
            stored: false,
            unproven: false,
            more: 0,
            town: false,
            silent: false,
            young: false,
            hostile: String::new(),
            letters: vec![vec![0xaa], vec![0xbb]],
        }
    }
}

impl Script {
    pub(crate) fn source(&self) -> SourceStatus {
        SourceStatus {
            source: "prom-eu".into(),
            address: "http://prom-eu:9090".into(),
            version: format!("Prometheus 2.42.0{}", self.hostile),
            way: "chunks".into(),
            last_success: at(NOW_MS),
            problem: self.source_problem.clone(),
            problem_reason: if self.failing_source {
                "SOURCE_UNREACHABLE".into()
            } else {
                String::new()
            },
            failing_since: (!self.source_problem.is_empty()).then(|| time::timestamp(NOW_MS - 5 * MIN)),
            next_attempt: (!self.source_problem.is_empty()).then(|| time::timestamp(NOW_MS + 30_000)),
            ..SourceStatus::default()
        }
    }

    fn state_of(objective: &Objective, value: f64) -> violation::State {
        let range = objective.range.unwrap_or_default();
        if range.max.is_some_and(|m| value > m) || range.min.is_some_and(|m| value < m) {
            violation::State::Violated
        } else if objective.id == "o-mem" {
            violation::State::AtRisk
        } else {
            violation::State::Ok
        }
    }

    /// Judges an objective over 12 h: a series is violated for 7 minutes an amount over its bound.
    fn judge(&self, objective: &Objective, windows: &[i64]) -> violation::ObjectiveStatus {
        let query = wire::query_text(objective.query.as_ref()).to_owned();
        let name = query.split('{').next().unwrap_or_default();
        let mut statuses: Vec<violation::SeriesStatus> = self
            .series
            .iter()
            .filter(|(s, _)| wire::series_promql(s) == query || (query == name && s.labels[0].value == name))
            .map(|(series, value)| {
                let state = Self::state_of(objective, *value);
                let bad = state == violation::State::Violated;
                violation::SeriesStatus {
                    series: Some(series.clone()),
                    state: state as i32,
                    last: Some(Point {
                        time: at(NOW_MS),
                        value: *value,
                    }),
                    open: bad.then(|| Self::violation(objective, series, *value)),
                    outlook: Some(outlook(*value, bad)),
                    ..violation::SeriesStatus::default()
                }
            })
            .collect();
        statuses.sort_by_key(|s| std::cmp::Reverse(wire::State::of(s.state())));
        let worst = statuses
            .iter()
            .map(|s| wire::State::of(s.state()))
            .max()
            .unwrap_or(wire::State::NoData);
        let state = statuses
            .first()
            .map_or(violation::State::NoData, violation::SeriesStatus::state);
        let bad = worst == wire::State::Violated;
        let windows = windows.iter().map(|w| violation::WindowResult {
            window_ms: *w,
            violations: if bad { 1 + u64::from(*w > 3_600_000) } else { 0 },
            violated_ms: if bad { 11 * MIN } else { 0 },
            covered_ms: *w,
            judged_ms: *w,
            bad_ms: if bad { 11 * MIN } else { 0 },
            coverage: 0.998,
            samples: 2880,
            samples_violating: if bad { 44 } else { 0 },
            percent_good: Some(if bad { 98.5 } else { 100.0 }),
            worst: bad.then_some(7.2),
            ..violation::WindowResult::default()
        });
        violation::ObjectiveStatus {
            set_id: "set-1".into(),
            set_name: "default".into(),
            objective: Some(objective.clone()),
            state: state as i32,
            windows: windows.collect(),
            series_seen: statuses.len() as u32,
            series_known: statuses.len() as u32,
            series: statuses,
            outlook: Some(outlook(6.02, bad)),
            evaluated: at(NOW_MS),
            ..violation::ObjectiveStatus::default()
        }
    }

    pub(crate) fn violation(objective: &Objective, series: &Series, worst: f64) -> violation::Violation {
        violation::Violation {
            set_id: "set-1".into(),
            objective_id: objective.id.clone(),
            generation: 1,
            series: Some(series.clone()),
            start: at(NOW_MS - 11 * MIN + 5_000),
            side: violation::Side::Above as i32,
            worst,
            excess: 3.2,
            samples: 44,
            duration_ms: 11 * MIN - 5_000,
            bound: 4.0,
            ..violation::Violation::default()
        }
    }

    pub(crate) fn overview(&self) -> violation::Overview {
        let windows = sla_domain::Window::DEFAULT_LENGTHS_MS;
        let mut objectives: Vec<violation::ObjectiveStatus> = self
            .sets
            .iter()
            .filter(|s| s.active)
            .flat_map(|s| &s.objectives)
            .map(|o| self.judge(o, &windows))
            .collect();
        self.bring_trouble(&mut objectives);
        objectives.sort_by_key(|o| std::cmp::Reverse(wire::State::of(o.state())));
        let count = |state| objectives.iter().filter(|o| o.state() == state).count() as u32;
        let headline = super::figures::headline();
        violation::Overview {
            counts: Some(violation::StateCounts {
                violated: count(violation::State::Violated),
                at_risk: count(violation::State::AtRisk),
                ok: count(violation::State::Ok),
                ..violation::StateCounts::default()
            }),
            told: (!objectives.is_empty()).then_some(headline).into_iter().collect(),
            headlines: Vec::new(),
            objectives,
            evaluated: at(NOW_MS),
            source: Some(self.source()),
            left_out: self.more,
        }
    }

    /// A stored objective judged again, with its intervals.
    fn stored_again(&self, objective_id: &str) -> violation::EvaluateResponse {
        let stored = self
            .sets
            .iter()
            .flat_map(|s| &s.objectives)
            .find(|o| o.id == objective_id);
        let mut status = self.judge(&stored.cloned().unwrap_or_default(), &[43_200_000]);
        for series in &mut status.series {
            let Some(open) = &series.open else { continue };
            let interval = violation::Interval {
                start: open.start,
                resumes_after_gap: self.gapped,
                sample_times: at(NOW_MS - MIN).into_iter().collect(),
                sample_values: vec![6.02],
                ..violation::Interval::default()
            };
            series.windows = vec![violation::WindowResult {
                intervals: vec![interval],
                ..violation::WindowResult::default()
            }];
        }
        violation::EvaluateResponse {
            at: at(NOW_MS),
            objectives: vec![status],
            source: None,
        }
    }

    /// What the instance would answer.
    #[allow(clippy::too_many_lines, reason = "a table: one answer a request")]
    pub(crate) fn answer(&mut self, request: &Request) -> Answer {
        if self.failing {
            return Err(Problem::plain("the disk is full"));
        }
        if self.failing_source && matches!(request, Request::Rows(_) | Request::Names(_) | Request::Chart(_)) {
            return Err(Problem {
                reason: "SOURCE_UNREACHABLE".into(),
                ..Problem::plain(self.source_problem.clone())
            });
        }
        Ok(match request {
            Request::Server(_) => GetServerInfoResponse {
                api_level: sla_proto::API_LEVEL,
                version: "0.1.0".into(),
                windows: sla_domain::Window::DEFAULT_LENGTHS_MS.map(time::duration).to_vec(),
                source: Some(self.source()),
                roles: self.town.then(|| "weather".to_owned()).into_iter().collect(),
                horizon: Some(time::duration(10 * MIN)),
                ..GetServerInfoResponse::default()
            }
            .into(),
            Request::Processes(_) => super::figures::processes(&self.source()).into(),
            Request::Names(_) => {
                let mut names: Vec<etl::MetricName> = Vec::new();
                for (series, _) in &self.series {
                    let name = series.labels[0].value.clone();
                    match names.iter_mut().find(|n| n.name == name) {
                        Some(have) => have.series += 1,
                        None => names.push(etl::MetricName {
                            name,
                            series: 1,
                            r#type: "gauge".into(),
                            help: "Help.".into(),
                            ..etl::MetricName::default()
                        }),
                    }
                }
                etl::ListMetricNamesResponse {
                    total_names: names.len() as u32,
                    total_series: self.series.len() as u32,
                    names,
                    ..etl::ListMetricNamesResponse::default()
                }
                .into()
            }
            Request::Rows(m) => self.rows(m).into(),
            Request::Detail(m) => self.detail(m).into(),
            Request::Chart(m) => self.chart(m).into(),
            Request::Moved(m) => self.moved(m).into(),
            Request::Export(_) => retrieval::ExportSamplesResponse {
                series: self.series.first().map(|s| s.0.clone()),
                times_ms: vec![NOW_MS - 15_000, NOW_MS],
                values: vec![1.5, 2.0],
                truncated: false,
            }
            .into(),
            Request::Sets(_) => set::ListSetsResponse {
                sets: self.sets.clone(),
                total: self.sets.len() as u64 + u64::from(self.more),
                ..set::ListSetsResponse::default()
            }
            .into(),
            Request::CreateSet(m) => {
                let mut set = m.set.clone().unwrap_or_default();
                set.id = format!("set-{}", self.sets.len() + 1);
                set.version = 1;
                self.sets.push(set.clone());
                set::CreateSetResponse {
                    set: Some(set),
                    ..Default::default()
                }
                .into()
            }
            Request::UpdateSet(m) => {
                let mut set = m.set.clone().unwrap_or_default();
                let Some(stored) = self.sets.iter_mut().find(|s| s.id == set.id) else {
                    return Err(Problem::plain("no such set"));
                };
                if stored.version != set.version {
                    let conflict = Some(Box::new(stored.clone()));
                    return Err(Problem {
                        reason: "STALE_VERSION".into(),
                        conflict,
                        ..Problem::plain("somebody was faster")
                    });
                }
                set.version += 1;
                for (n, objective) in set.objectives.iter_mut().enumerate().filter(|(_, o)| o.id.is_empty()) {
                    objective.id = format!("new-{n}");
                }
                *stored = set.clone();
                set::UpdateSetResponse {
                    set: Some(set),
                    ..Default::default()
                }
                .into()
            }
            Request::DeleteSet(m) => {
                self.sets.retain(|s| s.id != m.id);
                set::DeleteSetResponse::default().into()
            }
            Request::DuplicateSet(m) => {
                let mut set = self.sets.iter().find(|s| s.id == m.id).cloned().unwrap_or_default();
                set.name.clone_from(&m.new_name);
                set.id = format!("set-{}", self.sets.len() + 1);
                self.sets.push(set.clone());
                set::DuplicateSetResponse { set: Some(set) }.into()
            }
            Request::Suggest(_) => set::SuggestRangeResponse {
                range: Some(AllowedRange {
                    min: None,
                    max: Some(3.1),
                    ..AllowedRange::default()
                }),
                samples: 2880,
                spanned_ms: 43_200_000,
            }
            .into(),
            Request::ListSeries(m) => {
                let wanted = wire::query_text(m.query.as_ref());
                let listed = |name: &str| {
                    ["\"", "|"]
                        .map(|end| format!("{name}{end}"))
                        .iter()
                        .any(|part| wanted.contains(part))
                };
                let named = |name: &str| wanted == name || listed(name);
                let of = self.series.iter().filter(|(s, _)| named(&s.labels[0].value));
                let series: Vec<Series> = of.map(|(s, _)| s.clone()).collect();
                etl::ListSeriesResponse {
                    total: series.len() as u32 + self.more,
                    series,
                    ..etl::ListSeriesResponse::default()
                }
                .into()
            }
            Request::CheckQuery(_) => etl::CheckQueryResponse {
                series: 3,
                ..etl::CheckQueryResponse::default()
            }
            .into(),
            Request::Evaluate(m) if !m.objective_id.is_empty() => self.stored_again(&m.objective_id).into(),
            Request::Evaluate(m) => {
                let windows: Vec<i64> = m.windows.iter().map(time::duration_ms).collect();
                violation::EvaluateResponse {
                    at: at(NOW_MS),
                    objectives: m
                        .objectives
                        .iter()
                        .map(|o| super::figures::with_windows(self.judge(o, &windows), m.with_intervals))
                        .collect(),
                    source: None,
                }
                .into()
            }
            Request::EvaluateNow(_) => violation::EvaluateNowResponse::default().into(),
            Request::Ledger(m) => self.ledger(m).into(),
            Request::Future(_) => {
                let rows = self.overview().objectives.into_iter().flat_map(|o| {
                    let objective = o.objective.clone();
                    o.series.into_iter().map(move |s| violation::FutureRow {
                        set_id: "set-1".into(),
                        objective: objective.clone(),
                        series: Some(s),
                    })
                });
                violation::ListFutureViolationsResponse { rows: rows.collect() }.into()
            }
            Request::Runs(_) => etl::ListRunsResponse {
                runs: self.runs.clone(),
                next_page_token: String::new(),
            }
            .into(),
            Request::RunFailures(_) => self.run_failures().into(),
            Request::DeadLetters(_) => self.dead_letters().into(),
            Request::ReplayLetter(m) => {
                let applied = m.body_hash == [0xaa];
                if applied {
                    self.letters.retain(|hash| *hash != m.body_hash);
                }
                storage::ReplayDeadLetterResponse {
                    applied,
                    reason: format!("unknown field 99{}", self.hostile),
                }
                .into()
            }
            Request::RunLog(_) => etl::TailLogResponse {
                lines: vec![etl::LogLine {
                    time: at(NOW_MS),
                    level: "warn".into(),
                    text: "node_x: 3 NaN".into(),
                    run_id: "run-418".into(),
                }],
            }
            .into(),
            Request::Estimate(m) => {
                let series = if m.scope.as_ref().is_some_and(|s| s.queries.is_empty()) {
                    6
                } else {
                    5_000
                };
                etl::EstimateRunResponse {
                    series,
                    samples: 17_280,
                    bytes: 70_000,
                    max_series: 2_000,
                    ..etl::EstimateRunResponse::default()
                }
                .into()
            }
            Request::StartRun(_) => {
                let mut run = self.runs[0].clone();
                run.id = "run-419".into();
                run.number = 419;
                etl::StartRunResponse {
                    run: Some(run),
                    already_started: false,
                }
                .into()
            }
            Request::CancelRun(_) => {
                let mut run = self.runs[0].clone();
                run.state = etl::RunState::Cancelled as i32;
                etl::CancelRunResponse { run: Some(run) }.into()
            }
            Request::Schedule(_) => etl::GetScheduleResponse {
                schedule: Some(schedule(false)),
            }
            .into(),
            Request::UpdateSchedule(m) => etl::UpdateScheduleResponse {
                schedule: Some(schedule(m.paused == Some(true))),
            }
            .into(),
            Request::Login(_)
            | Request::Logout(_)
            | Request::WhoAmI(_)
            | Request::Users(_)
            | Request::Sessions(_)
            | Request::RevokeSession(_)
            | Request::Audit(_)
            | Request::Deliveries(_)
            | Request::Marks(_)
            | Request::Acknowledge(_)
            | Request::Snooze(_) => return super::accounts::answer(request),
            Request::RetrySource(_) => etl::RetrySourceResponse {
                status: Some(self.source()),
            }
            .into(),
            // The others are about the weather.
            request => return super::town::answer(request, self.more),
        })
    }
}
