//! What `sla evaluate` says, in one shape whether it came from a file or from a service.

use color_eyre::eyre::{Report, eyre};
use serde_json::{Value, json};
use sla_domain::{Evaluation, Query, SafeText, State, Unit, duration, instant, quantity};
use sla_proto::convert;
use sla_proto::series::v1::SourceStatus;
use sla_proto::violation::v1::{self as wire, EvaluateResponse, WindowResult};
use sla_views::{Seconds, side_word, state_word, word};

use crate::command::away;

/// The judgement of one series, or of several together.
#[derive(Debug, Clone, Default)]
pub(super) struct Judged {
    labels: Option<Value>,
    intervals: Vec<Interval>,
    violated_ms: i64,
    covered_ms: i64,
    /// Time that is bad and that counts, after the policy for unknown time.
    bad_ms: i64,
    counted_ms: i64,
    window_ms: i64,
    samples: u64,
    samples_violating: u64,
    samples_nan: u64,
    state: String,
}

#[derive(Debug, Clone)]
struct Interval {
    start_ms: i64,
    end_ms: i64,
    open: (bool, bool),
    side: &'static str,
    worst: f64,
    excess: f64,
    samples: u64,
    times_ms: Vec<i64>,
}

/// Why a source gave no series.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Emptiness {
    /// It could not be read; the answer says why.
    Away,
    /// Nothing matches.
    Unknown {
        /// What was looked for, and where.
        words: String,
    },
}

/// The whole answer.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    objective: String,
    at_ms: i64,
    whole: Judged,
    series: Vec<Judged>,
    problem: String,
    /// Why the source is away: at which layer, what to do, and where it has moved to.
    source: SourceStatus,
}

impl Answer {
    /// Of one evaluation made here.
    pub(super) fn of_evaluation(objective: &str, evaluation: &Evaluation, state: State) -> Self {
        let intervals = evaluation
            .intervals
            .iter()
            .map(|interval| Interval {
                start_ms: interval.start_ms,
                end_ms: interval.end_ms,
                open: (interval.open_start, interval.open_end),
                side: interval.side.word(),
                worst: interval.worst,
                excess: interval.excess,
                samples: interval.samples,
                times_ms: interval.sample_times_ms.clone(),
            })
            .collect();
        let whole = Judged {
            labels: None,
            intervals,
            violated_ms: evaluation.violated_ms,
            covered_ms: evaluation.covered_ms,
            bad_ms: evaluation.bad_ms,
            counted_ms: evaluation.judged_ms(),
            window_ms: evaluation.window.length_ms,
            samples: evaluation.samples,
            samples_violating: evaluation.samples_violating,
            samples_nan: evaluation.n_nan,
            state: state.word().to_owned(),
        };
        Self {
            objective: objective.to_owned(),
            at_ms: evaluation.window.end_ms,
            whole,
            series: Vec::new(),
            problem: String::new(),
            source: SourceStatus::default(),
        }
    }

    /// Of a service's answer to a question about one objective and one window.
    pub(super) fn of_response(objective: &str, window_ms: i64, response: &EvaluateResponse) -> Result<Self, Report> {
        let status = response
            .objectives
            .first()
            .ok_or_else(|| eyre!("the service judged nothing"))?;
        let at_ms = response.at.as_ref().map_or(0, convert::millis);
        let series: Vec<Judged> = status
            .series
            .iter()
            .map(|series| {
                let labels = series.series.as_ref().map(|series| {
                    series
                        .labels
                        .iter()
                        .map(|label| (label.name.clone(), Value::from(label.value.clone())))
                        .collect()
                });
                Judged {
                    labels: Some(Value::Object(labels.unwrap_or_default())),
                    state: state_word(series.state()).to_owned(),
                    ..judged(series.windows.first(), window_ms)
                }
            })
            .collect();
        let mut whole = Judged {
            state: state_word(status.state()).to_owned(),
            ..judged(status.windows.first(), window_ms)
        };
        if whole.intervals.is_empty() {
            whole.intervals = series.iter().flat_map(|series| series.intervals.clone()).collect();
            whole
                .intervals
                .sort_by_key(|interval| (interval.start_ms, interval.end_ms));
        }
        Ok(Self {
            objective: objective.to_owned(),
            at_ms,
            whole,
            series,
            problem: status.problem.clone(),
            source: response.source.clone().unwrap_or_default(),
        })
    }

    /// Why there is nothing in it; `None` when there is something.
    pub(super) fn emptiness(&self) -> Option<Emptiness> {
        if !self.series.is_empty() {
            None
        } else if self.problem.is_empty() {
            let mut words = format!(
                "{}: no series has a sample in the {} up to {}; check the metric name, the labels and the instant",
                SafeText::new(&self.objective),
                duration::format_ms(self.whole.window_ms),
                instant::format_ms(self.at_ms),
            );
            if let Some(other) = other_spelling(&self.objective) {
                words.push_str(&other);
            }
            Some(Emptiness::Unknown { words })
        } else {
            Some(Emptiness::Away)
        }
    }

    /// The contract of `docs/reference/json.md`.
    pub(super) fn json(&self) -> Value {
        let mut json = self.whole.json();
        json["objective"] = json!(self.objective);
        json["at"] = json!(instant::format_ms(self.at_ms));
        if !self.series.is_empty() {
            json["series"] = self.series.iter().map(Judged::json).collect();
        }
        if let Some(notice) = word(&self.source.clock_notice) {
            json["clock_notice"] = json!(notice);
        }
        if !self.problem.is_empty() {
            json["problem"] = json!(self.problem);
            json["cause"] = json!(word(&self.source.problem_cause));
            json["hint"] = json!(word(&self.source.problem_hint));
            json["redirect_to"] = json!(word(&self.source.redirect_to));
        }
        json
    }

    /// What the JSON has no place for.
    pub(super) fn remark(&self) {
        away::remark(Some(&self.source));
    }

    /// For people.
    pub(super) fn words(&self, unit: Unit) -> String {
        let whole = &self.whole;
        let window = duration::format_ms(whole.window_ms);
        let mut lines = vec![
            format!(
                "{}  {} at {}",
                SafeText::new(&self.objective),
                whole.state,
                instant::format_ms(self.at_ms)
            ),
            format!(
                "last {window}: {}, {} outside; {} of {} samples; coverage {:.1} %",
                violations(whole.intervals.len()),
                duration::format_short_ms(whole.violated_ms),
                whole.samples_violating,
                whole.samples,
                whole.coverage() * 100.0,
            ),
        ];
        if whole.bad_ms != whole.violated_ms || whole.counted_ms != whole.covered_ms {
            lines.push(format!(
                "unknown time counted as asked: {} bad of {} judged",
                duration::format_short_ms(whole.bad_ms),
                duration::format_short_ms(whole.counted_ms),
            ));
        }
        if whole.samples_nan > 0 {
            lines.push(format!("{} samples are NaN or infinite: left out", whole.samples_nan));
        }
        if let Some(notice) = word(&self.source.clock_notice) {
            lines.push(format!("source: {}", SafeText::new(&notice)));
        }
        lines.extend(away::warnings(Some(&self.source)));
        if !self.problem.is_empty() {
            lines.push(format!("problem: {}", SafeText::new(&self.problem)));
            if !self.source.problem_hint.is_empty() {
                lines.push(format!("hint: {}", SafeText::new(&self.source.problem_hint)));
            }
        }
        for interval in &whole.intervals {
            lines.push(format!(
                "  {}{} – {}{}  {:>8}  {}  worst {}  excess {}  {} samples",
                if interval.open.0 { "…" } else { "" },
                instant::format_ms(interval.start_ms),
                instant::format_ms(interval.end_ms),
                if interval.open.1 { "…" } else { "" },
                duration::format_short_ms(interval.end_ms - interval.start_ms),
                interval.side,
                quantity::short(interval.worst, unit),
                quantity::short(interval.excess, unit),
                interval.samples,
            ));
        }
        if self.series.len() > 1 {
            lines.push(format!("{} series, judged each by itself:", self.series.len()));
            for series in &self.series {
                let labels = series.labels.as_ref().map(ToString::to_string).unwrap_or_default();
                lines.push(format!(
                    "  {:9} {:>15}  {:>8}  {}",
                    series.state,
                    violations(series.intervals.len()),
                    duration::format_short_ms(series.violated_ms),
                    SafeText::new(&labels),
                ));
            }
        }
        lines.join("\n")
    }
}

/// A remark on values that the next version of a server spells differently.
pub(crate) fn other_spelling(selector: &str) -> Option<String> {
    let other = Query::parse_selector(selector).ok()?.other_spelling()?;
    Some(format!(
        " (Prometheus 2 writes whole bounds as `1`, Prometheus 3 as `1.0`: try {})",
        SafeText::new(&other)
    ))
}

fn violations(count: usize) -> String {
    format!("{count} violation{}", if count == 1 { "" } else { "s" })
}

impl Judged {
    fn coverage(&self) -> f64 {
        if self.window_ms > 0 {
            self.covered_ms as f64 / self.window_ms as f64
        } else {
            0.0
        }
    }

    fn json(&self) -> Value {
        let mut json = json!({
            "window_s": Seconds(self.window_ms),
            "intervals": self.intervals.iter().map(Interval::json).collect::<Vec<_>>(),
            "violated_s": Seconds(self.violated_ms),
            "covered_s": Seconds(self.covered_ms),
            "coverage": self.coverage(),
            "samples": self.samples,
            "samples_violating": self.samples_violating,
            "samples_nan": self.samples_nan,
            "bad_s": Seconds(self.bad_ms),
            "judged_s": Seconds(self.counted_ms),
            "state": self.state,
        });
        if let Some(labels) = &self.labels {
            json["labels"] = labels.clone();
        }
        json
    }
}

impl Interval {
    fn json(&self) -> Value {
        json!({
            "start": instant::format_ms(self.start_ms),
            "end": instant::format_ms(self.end_ms),
            "open_start": self.open.0,
            "open_end": self.open.1,
            "side": self.side,
            "worst": self.worst,
            "excess": self.excess,
            "samples": self.samples,
            "sample_times": self.times_ms.iter().map(|&time| instant::format_ms(time)).collect::<Vec<_>>(),
        })
    }
}

fn judged(window: Option<&WindowResult>, window_ms: i64) -> Judged {
    let Some(window) = window else {
        return Judged {
            window_ms,
            ..Judged::default()
        };
    };
    Judged {
        labels: None,
        intervals: window.intervals.iter().map(interval).collect(),
        violated_ms: window.violated_ms,
        covered_ms: window.covered_ms,
        bad_ms: window.bad_ms,
        counted_ms: window.judged_ms,
        window_ms: window.window_ms,
        samples: window.samples,
        samples_violating: window.samples_violating,
        samples_nan: window.samples_nan,
        state: String::new(),
    }
}

fn interval(wired: &wire::Interval) -> Interval {
    Interval {
        start_ms: wired.start.as_ref().map_or(0, convert::millis),
        end_ms: wired.end.as_ref().map_or(0, convert::millis),
        open: (wired.open_start, wired.open_end),
        side: side_word(wired.side()),
        worst: wired.worst,
        excess: wired.excess,
        samples: wired.samples,
        times_ms: wired.sample_times.iter().map(convert::millis).collect(),
    }
}
