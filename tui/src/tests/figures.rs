//! Figures of the scripted instance: statistics, analysis, outlook.

use sla_domain::Unit;
use sla_proto::convert as time;
use sla_proto::etl::v1 as etl;
use sla_proto::objective::v1::Objective;
use sla_proto::result::v1 as result;
use sla_proto::retrieval::v1 as retrieval;
use sla_proto::series::v1::{Point, Series, SourceStatus};
use sla_proto::server::v1::{self as server, GetServerInfoResponse};
use sla_proto::storage::v1 as storage;
use sla_proto::violation::v1 as violation;

use super::script::{MIN, NOW_MS, Script, at};
use crate::context::wire;
use crate::filter::{Filter, Filterable, Value};

/// A series as the scripted server filters it.
struct Seen(String, f64);

impl Filterable for Seen {
    const FIELDS: &'static [&'static str] = &["last"];

    fn haystack(&self) -> &str {
        &self.0
    }

    fn field(&self, name: &str) -> Option<Value<'_>> {
        (name == "last").then_some(Value::Number(self.1, Unit::PLAIN))
    }
}

/// A storage that has not read everything of its share.
fn store_behind() -> storage::StoreStatus {
    let lag = |partition, behind, oldest| storage::PartitionLag {
        partition,
        behind: Some(behind),
        oldest,
    };
    storage::StoreStatus {
        reading: Some(storage::StreamReading {
            stream: "sla.results".into(),
            partitions: vec![lag(0, 0, None), lag(3, 40, Some(time::timestamp(NOW_MS - 12_000)))],
        }),
        ..Default::default()
    }
}

/// What the processes of an estate say of themselves.
pub(super) fn processes(source: &SourceStatus) -> server::ListProcessesResponse {
    server::ListProcessesResponse {
        processes: vec![
            server::Process {
                roles: vec!["etl".into()],
                info: Some(GetServerInfoResponse {
                    version: "0.1.0".into(),
                    roles: vec!["etl".into()],
                    source: Some(source.clone()),
                    ..GetServerInfoResponse::default()
                }),
                serving: Some(true),
                ..server::Process::default()
            },
            server::Process {
                address: "http://store-2:7001".into(),
                roles: vec!["storage".into()],
                info: Some(GetServerInfoResponse {
                    roles: vec!["storage".into()],
                    store: Some(store_behind()),
                    ..GetServerInfoResponse::default()
                }),
                serving: Some(true),
                ..server::Process::default()
            },
            server::Process {
                address: "http://storage\u{1b}[2J:7000".into(),
                roles: vec!["storage".into()],
                problem: "connection refused".into(),
                ..server::Process::default()
            },
        ],
        leases: vec![storage::Lease {
            name: "manager".into(),
            holder: "host\u{1b}[2J pid 7".into(),
            token: 1,
            left: Some(time::duration(9_000)),
        }],
        owners: vec![server::Owner {
            address: "http://worker:7000".into(),
            partitions: 12,
            since: None,
        }],
    }
}

/// What the log of runs holds.
pub(super) fn runs() -> Vec<etl::Run> {
    let step = |step: &str, window_ms: i64| etl::StepSummary {
        step: step.into(),
        window_ms,
        p50_ms: 0.1,
        p95_ms: 0.3,
        max_ms: 2.0,
        series: 312,
    };
    let run = |number: u64, state: etl::RunState, done: u32, failed: u32, message: &str| etl::Run {
        id: format!("run-{number}"),
        number,
        state: state as i32,
        started_by: if number == 418 { "you".into() } else { "timer".into() },
        started: at(NOW_MS - (419 - number as i64) * 5 * MIN),
        finished: if state == etl::RunState::Running {
            None
        } else {
            at(NOW_MS - (419 - number as i64) * 5 * MIN + 4_100)
        },
        series_total: 312,
        series_done: done,
        series_failed: failed,
        current_step: "metadata".into(),
        samples_read: Some(74_880),
        bytes_read: Some(131_000),
        remaining: (state == etl::RunState::Running).then(|| time::duration(6_000)),
        step_summaries: vec![step("extract", 0), step("statistics", 3_600_000)],
        message: message.into(),
        ..etl::Run::default()
    };
    vec![
        run(418, etl::RunState::Running, 214, 2, ""),
        run(417, etl::RunState::Done, 312, 0, "312 of 312 series"),
        run(
            416,
            etl::RunState::Partial,
            310,
            2,
            "310 of 312 series, 2 failed: 503 from the server",
        ),
    ]
}

impl Script {
    /// Two series of one failure and one of another.
    pub(super) fn run_failures(&self) -> storage::ListRunResultsResponse {
        let failure = |reason: &str, message: &str, step: &str| result::Failure {
            reason: reason.into(),
            message: format!("{message}{}", self.hostile),
            step: step.into(),
        };
        let refused = failure("SOURCE_FAILED", "503 from the server", "extract");
        let failures = [
            refused.clone(),
            refused,
            failure("TOO_FEW", "3 samples are too few", "metadata"),
        ];
        storage::ListRunResultsResponse {
            results: self
                .series
                .iter()
                .zip(failures)
                .map(|((series, _), failure)| result::SeriesResult {
                    series: Some(series.clone()),
                    outcome: Some(result::series_result::Outcome::Failure(failure)),
                    ..result::SeriesResult::default()
                })
                .collect(),
            next_page_token: String::new(),
        }
    }

    /// Silence, or a forecast that is not proven, where the script wants them.
    pub(super) fn bring_trouble(&self, objectives: &mut [violation::ObjectiveStatus]) {
        for status in objectives.iter_mut().filter(|_| self.silent) {
            status.state = violation::State::NoData.into();
            for series in &mut status.series {
                series.state = violation::State::NoData.into();
                series.why = "no data: newest sample 2m ago".into();
                series.open = None;
            }
        }
        for status in objectives.iter_mut().filter(|_| self.unproven) {
            let series = status.series.iter_mut().map(|s| &mut s.outlook);
            for outlook in series.chain([&mut status.outlook]).flatten() {
                outlook.probability = Some(0.98);
            }
        }
    }

    /// The table; of `more` series nobody has seen more than their number.
    pub(super) fn rows(&self, request: &retrieval::ListSeriesRowsRequest) -> retrieval::ListSeriesRowsResponse {
        let wanted: Vec<String> = request
            .queries
            .iter()
            .map(|q| wire::query_text(Some(q)).to_owned())
            .collect();
        let mut rows: Vec<retrieval::SeriesRow> = self
            .series
            .iter()
            .filter(|(s, _)| {
                wanted
                    .iter()
                    .any(|w| *w == s.labels[0].value || *w == wire::series_promql(s))
            })
            .map(|(series, value)| retrieval::SeriesRow {
                series: Some(series.clone()),
                last: Some(Point {
                    time: at(NOW_MS),
                    value: *value,
                }),
                sparkline: (0..40)
                    .map(|n| retrieval::Column {
                        min: Some(value * 0.5),
                        max: Some(value * (0.5 + f64::from(n) / 80.0)),
                        last: Some(*value),
                        median: None,
                    })
                    .collect(),
                window: Some(statistics(request.window_ms, *value)),
                stationary: Some(false),
                season_ms: Some(0),
                stored_as_of: at(NOW_MS - 5 * MIN).filter(|_| self.stored),
                ..retrieval::SeriesRow::default()
            })
            .collect();
        let total = rows.len() as u32 + self.more;
        let last = |row: &retrieval::SeriesRow| row.last.map_or(0.0, |point| point.value);
        let seen = |row: &retrieval::SeriesRow| Seen(wire::series_promql(row.series.as_ref().unwrap()), last(row));
        let seen: Vec<Seen> = rows.iter().map(seen).collect();
        let filter = Filter::parse(&request.filter).unwrap();
        let passing = filter.select(&seen);
        rows = passing.iter().map(|&at| rows[at].clone()).collect();
        match request.sort.as_str() {
            "last" => rows.sort_by(|a, b| last(a).total_cmp(&last(b))),
            "-last" => rows.sort_by(|a, b| last(b).total_cmp(&last(a))),
            _ => {}
        }
        let passing = rows.len() as u32 + if request.filter.is_empty() { self.more } else { 0 };
        let page = rows.into_iter().skip(request.skip as usize);
        retrieval::ListSeriesRowsResponse {
            total,
            passing,
            unknown_field: filter.unknown_field(&seen).unwrap_or_default().to_owned(),
            rows: page.take(request.page_size as usize).collect(),
            source: Some(self.source()),
            as_of: at(NOW_MS),
            bytes_read: 2_100_000,
            read_ms: 40.0,
            problems: Some(self.source_problem.clone())
                .filter(|problem| total == 0 && !problem.is_empty())
                .into_iter()
                .collect(),
            ..retrieval::ListSeriesRowsResponse::default()
        }
    }

    pub(super) fn chart(&self, request: &retrieval::GetChartRequest) -> retrieval::GetChartResponse {
        let count = request.columns.max(10) as usize;
        let columns = (0..count).map(|n| {
            let value = 2.0 + (n as f64 / 9.0).sin() + if n > count * 9 / 10 { 4.0 } else { 0.0 };
            retrieval::Column {
                min: Some(value - 0.1),
                max: Some(value + 0.1),
                last: Some(value),
                median: Some(value),
            }
        });
        retrieval::GetChartResponse {
            series: self.series.first().map(|s| s.0.clone()),
            columns: columns.collect(),
            after: request.after,
            until: request.until,
            spacing_ms: 15_000,
            promql: wire::query_text(request.query.as_ref()).to_owned(),
            samples: 720,
            ..retrieval::GetChartResponse::default()
        }
    }

    pub(super) fn moved(&self, m: &retrieval::ListMovedRequest) -> retrieval::ListMovedResponse {
        let minutes = || {
            (0..45).map(|n| retrieval::Column {
                last: Some(f64::from(n / 30)),
                ..retrieval::Column::default()
            })
        };
        let row = retrieval::MovedSeries {
            series: self.series.get(3).map(|s| s.0.clone()),
            kind: retrieval::MovedKind::Level.into(),
            p: 0.0001,
            size: 12.3,
            before: 1.74,
            after: 8.4,
            onset_ms: Some(-2 * MIN),
            minutes: minutes().collect(),
            ..retrieval::MovedSeries::default()
        };
        let earlier = retrieval::MovedSeries {
            series: self.series.get(4).map(|s| s.0.clone()),
            size: 4.1,
            onset_ms: Some(-5 * MIN),
            ..row.clone()
        };
        let rows: Vec<_> = [row, earlier].into_iter().filter(|_| !self.silent).collect();
        retrieval::ListMovedResponse {
            moved: rows.len() as u32,
            rows,
            tested: if self.young { 0 } else { 312 },
            left_out: 5_000,
            at: m.at,
            series: self.series.first().map(|s| s.0.clone()),
            minutes: minutes().collect(),
            proven_first_three: Some(0.76),
            ..retrieval::ListMovedResponse::default()
        }
    }

    pub(super) fn ledger(&self, m: &violation::ListViolationsRequest) -> violation::ListViolationsResponse {
        let asked = |o: &&Objective| m.objective_id.is_empty() || o.id == m.objective_id;
        let objectives = self.sets.iter().flat_map(|s| &s.objectives).filter(asked);
        let mut violations: Vec<_> = objectives
            .flat_map(|objective| {
                let bad = |(s, v): &&(Series, f64)| s.labels[0].value == objective.name && *v > 4.0 && *v < 100.0;
                let hit = self.series.iter().filter(bad);
                hit.map(|(s, v)| Self::violation(objective, s, *v))
            })
            .collect();
        if let Some(mut before) = violations.first().filter(|_| self.gapped).cloned() {
            before.start = at(NOW_MS - 25 * MIN);
            before.end = at(NOW_MS - 21 * MIN + 5_000);
            violations.push(before);
        }
        if self.flapping {
            let flap = |n: i64| {
                let mut one = violations.first().cloned();
                if let Some(one) = &mut one {
                    one.start = at(NOW_MS - (12 + 4 * n) * MIN);
                    one.end = at(NOW_MS - (12 + 4 * n) * MIN + 30_000);
                }
                one
            };
            let flaps: Vec<_> = (1..=4).filter_map(flap).collect();
            violations.extend(flaps);
        }
        violations.retain(|v| m.series_id.is_empty() || v.series.as_ref().is_some_and(|s| s.id == m.series_id));
        violation::ListViolationsResponse {
            violations,
            next_page_token: String::new(),
        }
    }

    pub(super) fn dead_letters(&self) -> storage::ListDeadLettersResponse {
        let letter = |hash: &Vec<u8>| storage::DeadLetter {
            body_hash: hash.clone(),
            source: "results".into(),
            partition: 3,
            offset: 41,
            reason: format!("unknown field 99{}", self.hostile),
            size: 640,
            count: 2,
            first_seen: at(NOW_MS - MIN),
        };
        storage::ListDeadLettersResponse {
            letters: self.letters.iter().map(letter).collect(),
            total: self.letters.len() as u32,
            next_page_token: String::new(),
        }
    }

    pub(super) fn detail(&self, request: &retrieval::GetSeriesDetailRequest) -> retrieval::GetSeriesDetailResponse {
        let (series, value) = self
            .series
            .iter()
            .find(|(s, _)| s.id == request.series_id)
            .unwrap_or(&self.series[0])
            .clone();
        let point = |n: i64| result::ForecastPoint {
            time: at(NOW_MS + n * MIN),
            value,
            low: value - 1.0,
            high: value + 1.0,
        };
        let line = || {
            Some(result::ForecastLine {
                points: (1..=10).map(point).collect(),
                ..result::ForecastLine::default()
            })
        };
        let metadata = result::Metadata {
            window_ms: 43_200_000,
            n: 2880,
            stationarity: Some(result::StationarityTest {
                statistic: -1.9,
                p_value: 0.33,
                used_lag: 4,
                nobs: 2875,
                critical_1: -3.4,
                critical_5: -2.9,
                critical_10: -2.6,
                stationary: false,
            }),
            autocorrelation: Some(result::Autocorrelation {
                acf: (0..40).map(|n| 0.97_f64.powi(n)).collect(),
                band: vec![0.1; 40],
                lag_ms: 15_000,
            }),
            seasonality: Some(result::Seasonality {
                period_ms: 3_600_000,
                strength: 0.7,
                pattern: (0..30).map(|n| f64::from(n).sin()).collect(),
                other_periods_ms: vec![],
            }),
            ..result::Metadata::default()
        };
        let analysis = result::Analysis {
            windows: sla_domain::Window::DEFAULT_LENGTHS_MS
                .map(|w| statistics(w, value))
                .to_vec(),
            metadata: Some(metadata),
            forecast: Some(result::Forecast {
                method: "Holt-Winters 2-min bins m = 5".into(),
                step_ms: MIN,
                mean: line(),
                max: line(),
                min: line(),
                n: 720,
                ..result::Forecast::default()
            }),
            spacing_ms: 15_000,
            ..result::Analysis::default()
        };
        retrieval::GetSeriesDetailResponse {
            result: Some(result::SeriesResult {
                series: Some(series),
                as_of: at(NOW_MS),
                outcome: Some(result::series_result::Outcome::Analysis(analysis)),
                timings: vec![result::StepTiming {
                    step: "extract".into(),
                    ms: 1.2,
                    window_ms: 0,
                }],
                ..result::SeriesResult::default()
            }),
            ..retrieval::GetSeriesDetailResponse::default()
        }
    }
}

pub(super) fn statistics(window_ms: i64, value: f64) -> result::WindowStatistics {
    result::WindowStatistics {
        window_ms,
        n: 720,
        mean: Some(value * 0.9),
        min: Some(value * 0.5),
        max: Some(value * 1.2),
        std: Some(value * 0.1),
        median: Some(value * 0.9),
        p95: Some(value * 1.1),
        p99: Some(value * 1.15),
        spanned_ms: window_ms,
        ..result::WindowStatistics::default()
    }
}

pub(super) fn outlook(value: f64, bad: bool) -> violation::Outlook {
    let fan = (1..=10).map(|n| {
        let w = f64::from(n) * 0.1;
        violation::FanPoint {
            time: at(NOW_MS + i64::from(n) * MIN),
            median: value,
            low_50: value - w,
            high_50: value + w,
            low_80: value - 2.0 * w,
            high_80: value + 2.0 * w,
            low_95: value - 3.0 * w,
            high_95: value + 3.0 * w,
        }
    });
    violation::Outlook {
        horizon: Some(time::duration(10 * MIN)),
        probability: Some(if bad { 0.93 } else { 0.02 }),
        first_crossing: if bad { at(NOW_MS) } else { None },
        track_record: Some(violation::TrackRecord {
            trust: if bad { 2 } else { 1 },
            scored: 61,
            violations: 5,
            right: 58,
            better: Some(0.42),
            ..violation::TrackRecord::default()
        }),
        method: "pool: chain .4 mix .3".into(),
        made: at(NOW_MS),
        fan: fan.collect(),
        value_at_end: Some(value),
        ..violation::Outlook::default()
    }
}

pub(super) fn schedule(paused: bool) -> etl::Schedule {
    etl::Schedule {
        paused,
        results_every: Some(time::duration(5 * MIN)),
        metadata_every: Some(time::duration(24 * 60 * MIN)),
        next_results: at(NOW_MS + 3 * MIN),
        next_metadata: at(NOW_MS + 600 * MIN),
    }
}

/// Each series has done what all have; with its interval where those are wanted.
pub(crate) fn with_windows(mut status: violation::ObjectiveStatus, wanted: bool) -> violation::ObjectiveStatus {
    for series in status.series.iter_mut().filter(|_| wanted) {
        series.windows.clone_from(&status.windows);
        let open = series.open.as_ref().map(|open| violation::Interval {
            start: open.start,
            open_end: true,
            ..violation::Interval::default()
        });
        for window in &mut series.windows {
            window.intervals.extend(open.clone());
        }
    }
    status
}

/// What the script's service says is wrong, as figures: which words stand for it is the console's.
pub(super) fn headline() -> violation::Headline {
    violation::Headline {
        kind: violation::HeadlineKind::Violated.into(),
        name: "node_load1 host-3".to_owned(),
        since: Some(time::timestamp(NOW_MS - 655_000)),
        side: violation::Side::Above.into(),
        bound: 4.0,
        worst: 7.2,
        metric: "node_load1".to_owned(),
        ..violation::Headline::default()
    }
}
