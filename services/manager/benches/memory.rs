//! What a round of judging costs, and what the memory of samples holds: `cargo bench -p sla-manager --bench memory`.
//! 10,000 series × 1 h, then 2,000 × 12 h, at 15 s, in the shapes of the demo's estate: an objective a metric name, all windows.
//! Fails where a gate is missed.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a bench may end where it stands, and says what it found"
)]

use std::collections::HashMap;
use std::sync::Arc;

use sla_domain::objective::{Objective, ObjectiveId};
use sla_domain::query::Query;
use sla_domain::range::AllowedRange;
use sla_domain::state::Risk;
use sla_domain::{Labels, METRIC_NAME, ManualClock, Samples, SeriesId, SourceId};
use sla_manager::SlaOptions;
use sla_manager::evaluation::asked::Asked;
use sla_manager::evaluation::judge::judge_on;
use sla_manager::evaluation::status::objective_status;
use sla_manager::evaluation::tracks::ObjectiveTracks;
use sla_manager::samples::memory::{DueRead, SampleMemory};
use sla_manager::samples::reader::{ReadEnd, ReadPlan};
use sla_manager::samples::series::SeriesHead;
use sla_manager::sets::catalog::KnownObjective;
use sla_proto::objective::v1 as pb;
use sla_proto::samples::RawSeries;
use sla_proto::series::v1::{SampleChunk, SeriesKind};
use sla_source::xor::XorEncoder;
use sla_source::{Call, MetricSource, ReadRequest, Replay, ReplayOptions};

const NOW_MS: i64 = 1_700_000_000_000;
const STEP_MS: i64 = 15_000;
const HOUR_MS: i64 = 3_600_000;
/// Rounds that are measured, after one that is not.
const ROUNDS: i64 = 20;
/// Samples of a chunk on the wire.
const CHUNK: usize = 120;
/// What a sample costs in a sealed chunk at best, bytes.
const SAMPLE_BYTES: f64 = 4.5;

/// One of the demo's series: its name, and its samples until some time after the present.
struct Shape {
    name: String,
    samples: Samples,
}

fn shapes() -> Vec<Shape> {
    let clock = Arc::new(ManualClock::at(NOW_MS + HOUR_MS));
    let options = ReplayOptions {
        epoch_ms: Some(NOW_MS),
        ..ReplayOptions::default()
    };
    let replay = Replay::demo(SourceId("demo".into()), clock, options);
    let request = ReadRequest::selector("{__name__=~\".+\"}", NOW_MS - 13 * HOUR_MS, NOW_MS + HOUR_MS);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let read = runtime.block_on(replay.read(&request, &Call::default())).unwrap();
    let decoded = read.decoded().unwrap().into_iter();
    decoded
        .map(|(labels, samples)| Shape {
            name: labels.get(METRIC_NAME).unwrap().to_owned(),
            samples,
        })
        .collect()
}

/// The `at`th series of the estate.
struct Member<'a> {
    shape: &'a Shape,
    head: SeriesHead,
}

fn members(shapes: &[Shape], count: usize) -> Vec<Member<'_>> {
    let source = SourceId("demo".into());
    let member = |at: usize| {
        let shape = &shapes[at % shapes.len()];
        let host = at / 18;
        let labels = Labels::from_pairs([
            (METRIC_NAME, shape.name.clone()),
            ("instance", format!("10.0.{}.{}:9100", host / 250, host % 250)),
            ("job", "node".to_owned()),
            ("n", at.to_string()),
        ]);
        let kind = if shape.name.ends_with("_total") {
            SeriesKind::Counter
        } else {
            SeriesKind::Gauge
        };
        let head = SeriesHead {
            id: SeriesId::of_series(&source, &labels),
            source: "demo".to_owned(),
            labels,
            expression: String::new(),
            kind,
        };
        Member { shape, head }
    };
    (0..count).map(member).collect()
}

/// What a read of (`after_ms`, `until_ms`] says about a series.
fn raw(member: &Member<'_>, query_index: usize, after_ms: i64, until_ms: i64) -> RawSeries {
    let (times, values) = member.shape.samples.between(after_ms, until_ms);
    let chunk = |(times, values): (&[i64], &[f64])| {
        let mut encoder = XorEncoder::new();
        for (&time, &value) in times.iter().zip(values) {
            assert!(encoder.push(time, value));
        }
        SampleChunk {
            xor: encoder.bytes().to_vec().into(),
            count: times.len() as u32,
            first_ms: times[0],
            last_ms: times[times.len() - 1],
        }
    };
    RawSeries {
        series: member.head.message(),
        id: member.head.id,
        query_index,
        spacing_ms: STEP_MS,
        chunks: times.chunks(CHUNK).zip(values.chunks(CHUNK)).map(chunk).collect(),
    }
}

/// An objective a metric name: above what the value is at nine instants of ten.
fn objectives(shapes: &[Shape]) -> Vec<Arc<KnownObjective>> {
    let mut names: Vec<&Shape> = shapes.iter().collect();
    names.sort_by(|a, b| a.name.cmp(&b.name));
    names.dedup_by(|a, b| a.name == b.name);
    let objective = |(at, shape): (usize, &&Shape)| {
        let mut values = shape.samples.values.clone();
        values.retain(|value| value.is_finite());
        values.sort_by(f64::total_cmp);
        let bound = values[values.len() * 9 / 10];
        let id = ObjectiveId::new(format!("o-{at}")).unwrap();
        let query = Query::parse(&shape.name).unwrap();
        let range = AllowedRange::at_most(bound).unwrap();
        Arc::new(KnownObjective::new(
            "set",
            "Set",
            Objective::new(id, &shape.name, query, range),
            &pb::Objective::default(),
        ))
    };
    names.iter().enumerate().map(objective).collect()
}

/// Time this thread has run, µs.
fn ran_us() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    text.split(' ').next().unwrap().parse::<f64>().unwrap() / 1_000.0
}

/// Resident memory of this process, bytes.
fn resident() -> f64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = text.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() * 1_024.0
}

/// The role's loop without its wire: memory, and what is carried on by objective.
struct Role<'a> {
    objectives: &'a [Arc<KnownObjective>],
    /// Members of each objective.
    members: Vec<Vec<Member<'a>>>,
    memory: SampleMemory,
    tracks: Vec<ObjectiveTracks>,
    options: SlaOptions,
    /// Time of the rounds so far, µs: reading, judging, telling.
    spent_us: [f64; 3],
}

impl Role<'_> {
    /// Reads as the source would tell it (not measured), and takes in part by part (measured).
    fn round(&mut self, at_ms: i64) {
        let reach_ms = self.options.longest_window_ms() + 30 * 60_000;
        let wanted: Vec<_> = self.objectives.iter().map(|known| known.wanted.clone()).collect();
        let begun = ran_us();
        self.memory.forget(Some(&wanted), at_ms, reach_ms);
        let due = self.memory.due(&wanted, at_ms, reach_ms, u32::MAX);
        self.spent_us[0] += ran_us() - begun;
        for due in &due {
            self.read(due);
        }
        let asked = Asked {
            at_ms,
            windows_ms: self.options.windows_ms.clone(),
            cap_ms: None,
        };
        let risks: HashMap<SeriesId, Risk> = HashMap::new();
        for (known, tracks) in self.objectives.iter().zip(&mut self.tracks) {
            let begun = ran_us();
            let series = self.memory.series(&known.wanted.key);
            let spacing = |_: &_| (STEP_MS, true);
            let judged = judge_on(known, &series, tracks, &asked, &risks, &spacing);
            let judged_at = ran_us();
            let status = objective_status(&judged, self.options.horizon_ms, false, "");
            assert!(!status.series.is_empty());
            self.spent_us[1] += judged_at - begun;
            self.spent_us[2] += ran_us() - judged_at;
        }
    }

    fn read(&mut self, due: &DueRead) {
        for (query_index, want) in due.wanted.iter().enumerate() {
            let at = self
                .objectives
                .iter()
                .position(|known| known.wanted.key == want.key)
                .unwrap();
            for part in self.members[at].chunks(100) {
                let raw = part
                    .iter()
                    .map(|member| raw(member, query_index, due.plan.after_ms, due.plan.until_ms));
                let raw: Vec<RawSeries> = raw.collect();
                let begun = ran_us();
                self.memory.absorb(due, &raw).unwrap();
                self.spent_us[0] += ran_us() - begun;
            }
        }
        self.memory.finish(due, &Ok(ReadEnd::default()));
    }
}

/// Microseconds a series and round, bytes a series beyond the base.
fn measure(shapes: &[Shape], objectives: &[Arc<KnownObjective>], count: usize, history_ms: i64) -> (f64, f64) {
    let mut by_objective: Vec<Vec<Member<'_>>> = objectives.iter().map(|_| Vec::new()).collect();
    for member in members(shapes, count) {
        let at = objectives
            .iter()
            .position(|known| known.wanted.is_answered_by(&member.head, &known.wanted))
            .unwrap();
        by_objective[at].push(member);
    }
    let mut role = Role {
        objectives,
        members: by_objective,
        memory: SampleMemory::new(1 << 30),
        tracks: objectives.iter().map(|_| ObjectiveTracks::default()).collect(),
        options: SlaOptions::default(),
        spent_us: [0.0; 3],
    };
    // As much past as there is: what the source does not have, no read brings.
    let base = resident();
    let begin_ms = NOW_MS - history_ms;
    let due = DueRead {
        plan: ReadPlan {
            queries: Vec::new(),
            after_ms: begin_ms,
            until_ms: NOW_MS,
            max_series: u32::MAX,
            cached_only: false,
        },
        wanted: objectives.iter().map(|known| known.wanted.clone()).collect(),
        full: true,
    };
    role.read(&due);
    role.round(NOW_MS);
    role.spent_us = [0.0; 3];
    for round in 1..=ROUNDS {
        role.round(NOW_MS + round * STEP_MS);
    }
    let held = resident() - base;
    let per = |us: f64| us / (ROUNDS as f64 * count as f64);
    let [reading, judging, telling] = role.spent_us.map(per);
    let (bytes, _, left_out) = role.memory.fill();
    assert_eq!(left_out, 0, "the memory was too small");
    println!(
        "{count} series × {} h: {:.1} µs a series and round (reading {reading:.1}, judging {judging:.1}, telling {telling:.1}), \
         {:.1} KB resident a series ({:.1} of it samples and labels as counted)",
        history_ms / HOUR_MS,
        reading + judging + telling,
        held / count as f64 / 1_000.0,
        bytes as f64 / count as f64 / 1_000.0
    );
    (reading + judging + telling, held / count as f64)
}

fn main() {
    // `cargo test` runs benches too: nothing is measured in a debug build.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let shapes = shapes();
    let objectives = objectives(&shapes);
    let (us, bytes) = measure(&shapes, &objectives, 10_000, HOUR_MS);
    let (_, bytes_12h) = measure(&shapes, &objectives, 2_000, 12 * HOUR_MS);
    let samples = (12 * HOUR_MS + ROUNDS * STEP_MS) / STEP_MS;
    let gate_12h = 1.2 * SAMPLE_BYTES * samples as f64 + 6_000.0;
    println!("gates: 20 µs, 15 KB; 12 h: {:.1} KB", gate_12h / 1_000.0);
    assert!(
        us <= 20.0 && bytes <= 15_000.0 && bytes_12h <= gate_12h,
        "a gate is missed"
    );
}
