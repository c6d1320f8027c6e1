//! An estate by chance, for tests of what is told about it: sets, series and how each stands, another way after each turn. What a
//! screen or a command must say is told by [`Estate::truth`], from how the series stand and not from the message.

use std::collections::BTreeMap;

use sla_proto::convert::{duration, timestamp};
use sla_proto::objective::v1::{AllowedRange, MissingPolicy, Objective, SlaSet};
use sla_proto::series::v1::{CounterMode, Label, Point, Query, Series, SourceStatus, query};
use sla_proto::violation::v1 as violation;

/// When an estate begins, Unix milliseconds: 2026-11-20 14:32:00 UTC.
pub const BEGUN_MS: i64 = 1_795_185_120_000;
/// What is measured, on how many machines; of the last nothing is.
const METRICS: [(&str, u64); 6] = [
    ("load", 3),
    ("mem", 2),
    ("up", 3),
    ("lag", 1),
    ("temp", 2),
    ("ghost", 0),
];
const MINUTE_MS: i64 = 60_000;
/// The bound of every new objective.
const MAX: f64 = 4.0;
/// The windows of what is judged, milliseconds.
const WINDOWS_MS: [i64; 2] = [3_600_000, 43_200_000];

/// Numbers from a seed (SplitMix64).
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    /// The numbers of `seed`.
    pub fn of(seed: u64) -> Self {
        Self(seed)
    }

    /// Below `end`, which is above 0.
    pub fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end.max(1)
    }

    /// So often in a hundred.
    pub fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// One of them.
    pub fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len() as u64) as usize]
    }
}

/// How something stands, worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Sign {
    /// Outside its range.
    Violated,
    /// Nothing is known.
    NoData,
    /// In the warning band.
    AtRisk,
    /// Inside, and a forecast that is not proven says that it will not stay so.
    Unproven,
    /// Inside.
    Ok,
}

impl Sign {
    /// All, worst first.
    pub const ALL: [Self; 5] = [Self::Violated, Self::NoData, Self::AtRisk, Self::Unproven, Self::Ok];

    /// The word of its state in JSON.
    pub fn word(self) -> &'static str {
        match self {
            Self::Violated => "violated",
            Self::NoData => "no_data",
            Self::AtRisk => "at_risk",
            Self::Unproven | Self::Ok => "ok",
        }
    }

    fn state(self) -> violation::State {
        match self {
            Self::Violated => violation::State::Violated,
            Self::NoData => violation::State::NoData,
            Self::AtRisk => violation::State::AtRisk,
            Self::Unproven | Self::Ok => violation::State::Ok,
        }
    }
}

/// Set and objective, both by id.
pub type Agreed = (String, String);

/// How one objective stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Judged {
    /// Name of its set.
    pub set: String,
    /// Its own name.
    pub name: String,
    /// What it was judged by.
    pub range: Option<AllowedRange>,
    /// As the worst of its series.
    pub sign: Sign,
    /// Of each series, by machine.
    pub series: BTreeMap<String, Sign>,
}

/// How everything that is judged stands.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Truth {
    /// When it was judged, Unix milliseconds.
    pub at_ms: i64,
    /// Whether the source was away.
    pub is_away: bool,
    /// All objectives.
    pub objectives: BTreeMap<Agreed, Judged>,
}

impl Truth {
    /// How many objectives have this sign.
    pub fn count(&self, sign: Sign) -> usize {
        self.objectives.values().filter(|one| one.sign == sign).count()
    }

    /// How many series have this sign; an objective without any counts as one.
    pub fn count_series(&self, sign: Sign) -> usize {
        let of = |one: &Judged| match one.series.len() {
            0 => usize::from(one.sign == sign),
            _ => one.series.values().filter(|have| **have == sign).count(),
        };
        self.objectives.values().map(of).sum()
    }
}

/// How one series stands under one objective.
#[derive(Debug, Clone, Copy)]
struct Stand {
    sign: Sign,
    value: f64,
    since_ms: i64,
}

/// Sets, series, and how they stand now.
#[derive(Debug)]
pub struct Estate {
    dice: Dice,
    /// As they are stored.
    pub sets: Vec<SlaSet>,
    /// All that there are.
    pub series: Vec<Series>,
    /// Now, Unix milliseconds.
    pub at_ms: i64,
    /// What is wrong with the source; empty while it is well.
    pub problem: String,
    stands: BTreeMap<(String, Vec<u8>), Stand>,
    made: u32,
}

/// The machine of a series.
pub fn machine(series: &Series) -> &str {
    let instance = series.labels.iter().find(|label| label.name == "instance");
    instance.map_or("", |label| &label.value)
}

fn selector(objective: &Objective) -> &str {
    match objective.query.as_ref().and_then(|query| query.query.as_ref()) {
        Some(query::Query::Selector(text) | query::Query::Expression(text)) => text,
        None => "",
    }
}

impl Estate {
    /// Of a seed: one to three sets, the last of which nobody may watch.
    pub fn of(seed: u64) -> Self {
        let mut estate = Self {
            dice: Dice::of(seed),
            sets: Vec::new(),
            series: Vec::new(),
            at_ms: BEGUN_MS,
            problem: String::new(),
            stands: BTreeMap::new(),
            made: 0,
        };
        for (metric, machines) in METRICS {
            for n in 0..machines {
                estate.series.push(series(estate.series.len() as u8 + 1, metric, n + 1));
            }
        }
        for name in ["alpha", "beta", "gamma"]
            .iter()
            .take(1 + estate.dice.below(3) as usize)
        {
            estate.add_set(name);
        }
        if estate.sets.len() > 1 && estate.dice.chance(40) {
            estate.sets[1].active = false;
        }
        estate.turn(BEGUN_MS);
        estate
    }

    /// Another id of this kind.
    pub fn id(&mut self, kind: &str) -> String {
        self.made += 1;
        format!("{kind}-{}", self.made)
    }

    /// Another set, with one to four objectives.
    pub fn add_set(&mut self, name: &str) {
        let from = self.dice.below(METRICS.len() as u64) as usize;
        let count = 1 + self.dice.below(4) as usize;
        let objectives = (from..from + count).map(|at| {
            let metric = METRICS[at % METRICS.len()].0;
            let range = AllowedRange {
                max: Some(MAX),
                ..AllowedRange::default()
            };
            Objective {
                name: metric.to_owned(),
                query: Some(Query {
                    query: Some(query::Query::Selector(metric.to_owned())),
                    ..Query::default()
                }),
                range: Some(range),
                missing: MissingPolicy::Gap.into(),
                counter_mode: CounterMode::Auto.into(),
                generation: 1,
                ..Objective::default()
            }
        });
        let mut objectives: Vec<Objective> = objectives.collect();
        for objective in &mut objectives {
            objective.id = self.id("o");
        }
        let id = self.id("set");
        self.sets.push(SlaSet {
            id,
            name: name.to_owned(),
            version: 1,
            active: true,
            objectives,
            ..SlaSet::default()
        });
    }

    /// It is `at_ms` now, and some series stand another way.
    pub fn turn(&mut self, at_ms: i64) {
        self.at_ms = at_ms;
        let is_away = self.dice.chance(if self.problem.is_empty() { 4 } else { 50 });
        self.problem = if is_away { "refused".to_owned() } else { String::new() };
        let objectives: Vec<Objective> = self.sets.iter().flat_map(|set| &set.objectives).cloned().collect();
        for objective in objectives {
            for series in self.series.clone().iter().filter(|series| is_of(series, &objective)) {
                let key = (objective.id.clone(), series.id.clone());
                if !self.stands.contains_key(&key) || self.dice.chance(15) {
                    let sign = match self.dice.below(20) {
                        0..4 => Sign::Violated,
                        4..6 => Sign::NoData,
                        6..8 => Sign::AtRisk,
                        8..10 => Sign::Unproven,
                        _ => Sign::Ok,
                    };
                    let max = objective.range.and_then(|range| range.max).unwrap_or(MAX);
                    let value = if sign == Sign::Violated { max + 2.0 } else { max - 1.0 };
                    let since_ms = self.at_ms - 1_000 * self.dice.below(1_200) as i64;
                    self.stands.insert(key, Stand { sign, value, since_ms });
                }
            }
        }
    }

    /// The objectives that are judged, each with its set.
    fn judged(&self) -> impl Iterator<Item = (&SlaSet, &Objective)> {
        let active = self.sets.iter().filter(|set| set.active);
        active.flat_map(|set| set.objectives.iter().map(move |objective| (set, objective)))
    }

    fn series_of(&self, objective: &Objective) -> Vec<(&Series, Stand)> {
        let of = self.series.iter().filter(|series| is_of(series, objective));
        let known = of.filter_map(|series| {
            let key = (objective.id.clone(), series.id.clone());
            Some((series, *self.stands.get(&key)?))
        });
        let mut known: Vec<(&Series, Stand)> = known.collect();
        known.sort_by_key(|(_, stand)| stand.sign);
        known
    }

    /// How everything stands.
    pub fn truth(&self) -> Truth {
        let objectives = self.judged().map(|(set, objective)| {
            let series = self.series_of(objective).into_iter();
            let series: BTreeMap<String, Sign> = series
                .map(|(series, stand)| (machine(series).to_owned(), stand.sign))
                .collect();
            let judged = Judged {
                set: set.name.clone(),
                name: objective.name.clone(),
                range: objective.range,
                sign: series.values().min().copied().unwrap_or(Sign::NoData),
                series,
            };
            ((set.id.clone(), objective.id.clone()), judged)
        });
        Truth {
            at_ms: self.at_ms,
            is_away: !self.problem.is_empty(),
            objectives: objectives.collect(),
        }
    }

    /// What an instance tells of it: worst first, counted, with headlines.
    pub fn overview(&self) -> violation::Overview {
        let mut objectives: Vec<violation::ObjectiveStatus> = self
            .judged()
            .map(|(set, objective)| self.status(set, objective))
            .collect();
        let rank = |state: violation::State| Sign::ALL.iter().position(|sign| sign.state() == state);
        objectives.sort_by_key(|status| rank(status.state()));
        let count = |state| objectives.iter().filter(|status| status.state() == state).count() as u32;
        let counts = violation::StateCounts {
            violated: count(violation::State::Violated),
            no_data: count(violation::State::NoData),
            at_risk: count(violation::State::AtRisk),
            ok: count(violation::State::Ok),
            excluded: 0,
        };
        violation::Overview {
            counts: Some(counts),
            told: objectives.iter().filter_map(headline).take(5).collect(),
            objectives,
            evaluated: Some(timestamp(self.at_ms)),
            source: Some(self.source()),
            ..violation::Overview::default()
        }
    }

    /// How the source does.
    pub fn source(&self) -> SourceStatus {
        SourceStatus {
            source: "prom-eu".into(),
            address: "http://prom-eu:9090".into(),
            version: "Prometheus 2.42.0".into(),
            last_success: Some(timestamp(self.at_ms)),
            problem: self.problem.clone(),
            ..SourceStatus::default()
        }
    }

    /// One objective as it stands.
    pub fn status(&self, set: &SlaSet, objective: &Objective) -> violation::ObjectiveStatus {
        let known = self.series_of(objective);
        let series: Vec<violation::SeriesStatus> = known
            .iter()
            .map(|(series, stand)| self.series_status(set, objective, series, *stand))
            .collect();
        let worst = known.first().map_or(Sign::NoData, |(_, stand)| stand.sign);
        let first = |outlook: &&violation::Outlook| (outlook.probability.unwrap_or(0.0) * 100.0) as u32;
        let outlooks = series.iter().filter_map(|status| status.outlook.as_ref());
        violation::ObjectiveStatus {
            set_id: set.id.clone(),
            set_name: set.name.clone(),
            objective: Some(objective.clone()),
            state: worst.state().into(),
            windows: windows(worst),
            outlook: outlooks.max_by_key(first).cloned(),
            series_seen: series.len() as u32,
            series_known: series.len() as u32,
            evaluated: Some(timestamp(self.at_ms)),
            why: if series.is_empty() {
                "no series".into()
            } else {
                String::new()
            },
            series,
            ..violation::ObjectiveStatus::default()
        }
    }

    fn series_status(
        &self,
        set: &SlaSet,
        objective: &Objective,
        series: &Series,
        stand: Stand,
    ) -> violation::SeriesStatus {
        let newest_ms = if stand.sign == Sign::NoData {
            stand.since_ms
        } else {
            self.at_ms
        };
        violation::SeriesStatus {
            series: Some(series.clone()),
            state: stand.sign.state().into(),
            last: Some(Point {
                time: Some(timestamp(newest_ms)),
                value: stand.value,
            }),
            open: (stand.sign == Sign::Violated).then(|| self.open(set, objective, series, stand)),
            outlook: Some(self.outlook(stand)),
            windows: windows(stand.sign),
            ..violation::SeriesStatus::default()
        }
    }

    fn open(&self, set: &SlaSet, objective: &Objective, series: &Series, stand: Stand) -> violation::Violation {
        let bound = objective.range.and_then(|range| range.max).unwrap_or(MAX);
        violation::Violation {
            set_id: set.id.clone(),
            objective_id: objective.id.clone(),
            generation: objective.generation,
            series: Some(series.clone()),
            start: Some(timestamp(stand.since_ms)),
            side: violation::Side::Above.into(),
            worst: stand.value,
            excess: stand.value - bound,
            bound,
            samples: 4,
            duration_ms: self.at_ms - stand.since_ms,
            ..violation::Violation::default()
        }
    }

    /// Violations that go on.
    pub fn ledger(&self) -> Vec<violation::Violation> {
        let mut rows = Vec::new();
        for (set, objective) in self.judged() {
            let of = self.series_of(objective).into_iter();
            let violated = of.filter(|(_, stand)| stand.sign == Sign::Violated);
            rows.extend(violated.map(|(series, stand)| self.open(set, objective, series, stand)));
        }
        rows
    }

    fn outlook(&self, stand: Stand) -> violation::Outlook {
        let (probability, trust) = match stand.sign {
            Sign::Violated | Sign::AtRisk => (0.9, violation::Trust::Proven),
            Sign::Unproven => (0.9, violation::Trust::Unproven),
            _ => (0.02, violation::Trust::Proven),
        };
        violation::Outlook {
            horizon: Some(duration(10 * MINUTE_MS)),
            probability: Some(probability),
            track_record: Some(violation::TrackRecord {
                trust: trust.into(),
                scored: 60,
                right: 58,
                text: "42 % better than last value (60 scored)".into(),
                better: Some(0.42),
                ..violation::TrackRecord::default()
            }),
            method: "pool".into(),
            made: Some(timestamp(self.at_ms)),
            value_at_end: Some(stand.value),
            ..violation::Outlook::default()
        }
    }

    /// What is expected of each series, what breaks first before others.
    pub fn future(&self) -> Vec<violation::FutureRow> {
        let overview = self.overview();
        let rows = overview.objectives.into_iter().flat_map(|status| {
            let (set_id, objective) = (status.set_id, status.objective);
            status.series.into_iter().map(move |series| violation::FutureRow {
                set_id: set_id.clone(),
                objective: objective.clone(),
                series: Some(series),
            })
        });
        rows.collect()
    }
}

fn series(n: u8, metric: &str, machine: u64) -> Series {
    let labels = [
        ("__name__", metric.to_owned()),
        ("instance", format!("m{machine}")),
        ("job", "node".to_owned()),
    ];
    let labels = labels.map(|(name, value)| Label {
        name: name.into(),
        value,
    });
    Series {
        id: vec![n; 16],
        source: "prom-eu".into(),
        labels: labels.to_vec(),
        ..Series::default()
    }
}

/// Selectors here are names of metrics.
fn is_of(series: &Series, objective: &Objective) -> bool {
    series.labels[0].value == selector(objective)
}

fn windows(sign: Sign) -> Vec<violation::WindowResult> {
    let bad_ms = if sign == Sign::Violated { 11 * MINUTE_MS } else { 0 };
    WINDOWS_MS
        .iter()
        .map(|&window_ms| violation::WindowResult {
            window_ms,
            violations: u64::from(bad_ms > 0),
            violated_ms: bad_ms,
            bad_ms,
            covered_ms: window_ms,
            judged_ms: window_ms,
            coverage: 1.0,
            samples: 240,
            percent_good: Some(if bad_ms > 0 { 98.5 } else { 100.0 }),
            ..violation::WindowResult::default()
        })
        .collect()
}

/// What is wrong with an objective, in the figures of its first series.
fn headline(status: &violation::ObjectiveStatus) -> Option<violation::Headline> {
    let kind = match status.state() {
        violation::State::Violated => violation::HeadlineKind::Violated,
        violation::State::NoData | violation::State::Unspecified => violation::HeadlineKind::NoData,
        violation::State::AtRisk => violation::HeadlineKind::AtRisk,
        violation::State::Ok | violation::State::Excluded => return None,
    };
    let open = status.series.first().and_then(|series| series.open.clone());
    Some(violation::Headline {
        kind: kind.into(),
        name: status
            .objective
            .as_ref()
            .map_or("", |objective| &objective.name)
            .to_owned(),
        words: "it is so".into(),
        since: open.as_ref().and_then(|open| open.start),
        side: violation::Side::Above.into(),
        bound: open.as_ref().map_or(0.0, |open| open.bound),
        worst: open.as_ref().map_or(0.0, |open| open.worst),
        ..violation::Headline::default()
    })
}
