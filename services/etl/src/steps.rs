//! The steps of a run as pure functions: samples of one series in, parts of `sla.result.v1` out. A run and an analysis on
//! demand go through the same ones.

pub mod forecast;
pub mod metadata;
pub mod rate;
pub mod seasons;
pub mod statistics;

use std::time::Instant;

use sla_domain::Samples;
use sla_proto::convert;
use sla_proto::result::v1::{Analysis, Forecast, RateStatistics, StepTiming};
use sla_proto::series::v1::{Point, SeriesKind};

/// One step of a run that can be chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RunStep {
    /// Statistics per window, raw and (counters) of the rate.
    Statistics,
    /// Stationarity, autocorrelation, seasonality.
    Metadata,
    /// Holt–Winters of mean, maximum and minimum.
    Forecast,
}

impl RunStep {
    /// All steps, in order.
    pub const ALL: [Self; 3] = [Self::Statistics, Self::Metadata, Self::Forecast];

    /// Its word in the contract.
    pub fn word(self) -> &'static str {
        match self {
            Self::Statistics => "statistics",
            Self::Metadata => "metadata",
            Self::Forecast => "forecast",
        }
    }

    /// From its word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|step| step.word() == word)
    }
}

/// A set of steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Steps {
    chosen: [bool; 3],
}

impl Steps {
    /// All of them.
    pub const ALL: Self = Self { chosen: [true; 3] };

    /// These.
    pub fn of(steps: &[RunStep]) -> Self {
        let mut chosen = [false; 3];
        for step in steps {
            chosen[*step as usize] = true;
        }
        Self { chosen }
    }

    /// From the words of the contract; empty means all. The first unknown word is the error.
    pub fn from_words(words: &[String]) -> Result<Self, &str> {
        if words.is_empty() {
            return Ok(Self::ALL);
        }
        let steps: Result<Vec<RunStep>, &str> = words
            .iter()
            .map(|word| RunStep::from_word(word).ok_or(word.as_str()))
            .collect();
        Ok(Self::of(&steps?))
    }

    /// Whether `step` is among them.
    pub fn contains(self, step: RunStep) -> bool {
        self.chosen[step as usize]
    }

    /// Without `step`.
    #[must_use]
    pub fn without(mut self, step: RunStep) -> Self {
        self.chosen[step as usize] = false;
        self
    }

    /// The words of the contract, in order.
    pub fn words(self) -> Vec<String> {
        RunStep::ALL
            .into_iter()
            .filter(|step| self.contains(*step))
            .map(|step| step.word().to_owned())
            .collect()
    }
}

/// What the steps need to know beside the samples.
#[derive(Debug, Clone)]
pub struct StepOptions {
    /// Window lengths, milliseconds.
    pub windows_ms: Vec<i64>,
    /// Windows of metadata, milliseconds, the one shown first in front.
    pub metadata_windows_ms: Vec<i64>,
    /// How much history is held as raw samples, milliseconds: longer windows of metadata are told of 5-min means.
    pub history_ms: i64,
    /// How far ahead is forecast, milliseconds.
    pub horizon_ms: i64,
    /// Which steps.
    pub steps: Steps,
}

impl StepOptions {
    /// How far back raw samples are looked at, milliseconds.
    pub fn reach_ms(&self) -> i64 {
        let metadata = self
            .metadata_windows_ms
            .iter()
            .filter(|_| self.steps.contains(RunStep::Metadata));
        let raw = metadata.filter(|window_ms| **window_ms <= self.history_ms);
        self.windows_ms.iter().chain(raw).copied().max().unwrap_or(0)
    }

    /// Whether metadata are wanted of more days than are held as raw samples.
    pub fn needs_days(&self) -> bool {
        self.steps.contains(RunStep::Metadata) && self.metadata_windows_ms.iter().any(|ms| *ms > self.history_ms)
    }
}

/// One series, ready for the steps.
#[derive(Debug, Clone, Copy)]
pub struct SeriesInput<'a> {
    /// Raw samples; those after `at_ms` and before the longest window are not looked at (a rate looks back a little more).
    pub samples: &'a Samples,
    /// Counters get a rate, and their metadata and forecast are of the rate.
    pub kind: SeriesKind,
    /// Typical distance of samples, milliseconds, above 0.
    pub spacing_ms: i64,
    /// The instant all windows end at, Unix milliseconds.
    pub at_ms: i64,
    /// The forecast of the run before, for a warm start.
    pub previous: Option<&'a Forecast>,
    /// What days of 5-min means told, where they were looked at.
    pub long: Option<&'a seasons::LongLook>,
    /// The 5-min means themselves, where metadata of days are wanted.
    pub days: Option<&'a Samples>,
}

/// Stops a watch and notes what a step took.
struct Watch<'a> {
    timings: &'a mut Vec<StepTiming>,
}

impl Watch<'_> {
    fn time<T>(&mut self, step: RunStep, window_ms: i64, work: impl FnOnce() -> T) -> T {
        let begun = Instant::now();
        let out = work();
        self.timings.push(StepTiming {
            step: step.word().to_owned(),
            ms: begun.elapsed().as_secs_f64() * 1_000.0,
            window_ms,
        });
        out
    }
}

/// Runs the chosen steps on one series. Never fails: what cannot be computed is absent and said in the notes of its part.
pub fn analyse(input: SeriesInput<'_>, options: &StepOptions) -> (Analysis, Vec<StepTiming>) {
    let mut timings = Vec::new();
    let mut watch = Watch { timings: &mut timings };
    let longest_ms = options.windows_ms.iter().copied().max().unwrap_or(0);
    let is_counter = input.kind == SeriesKind::Counter;
    let over_ms = rate::over_ms(input.spacing_ms);
    let rates =
        is_counter.then(|| rate::of_counter(input.samples, over_ms, input.at_ms - options.reach_ms(), input.at_ms));

    let mut analysis = Analysis {
        spacing_ms: input.spacing_ms,
        last: last_finite(input.samples, input.at_ms),
        last_rate: rates.as_ref().and_then(|rates| last_finite(rates, input.at_ms)),
        ..Analysis::default()
    };
    if options.steps.contains(RunStep::Statistics) {
        for &window_ms in &options.windows_ms {
            let (raw, rate) = watch.time(RunStep::Statistics, window_ms, || {
                let raw = statistics::of_window(input.samples, input.at_ms, window_ms);
                let rate = rates
                    .as_ref()
                    .map(|rates| statistics::of_window(rates, input.at_ms, window_ms));
                (raw, rate)
            });
            analysis.windows.push(raw);
            if let Some(rate) = rate {
                let part = analysis.rate.get_or_insert_with(|| RateStatistics {
                    over_ms,
                    windows: Vec::new(),
                });
                part.windows.push(rate);
            }
        }
    }
    // Kind of series and future are told of what people look at: the rate of a counter, the values of all others.
    let judged = rates.as_ref().unwrap_or(input.samples);
    if options.steps.contains(RunStep::Metadata) {
        for &window_ms in &options.metadata_windows_ms {
            let part = watch.time(RunStep::Metadata, window_ms, || {
                if window_ms > options.history_ms {
                    metadata::of_days(input.days, input.at_ms, window_ms, is_counter, input.long)
                } else {
                    metadata::of_series(judged, input.at_ms, window_ms, input.spacing_ms, is_counter, input.long)
                }
            });
            if analysis.metadata.is_none() {
                analysis.metadata = Some(part);
            } else {
                analysis.more_metadata.push(part);
            }
        }
    }
    if options.steps.contains(RunStep::Forecast) {
        let part = watch.time(RunStep::Forecast, longest_ms, || {
            forecast::of_series(
                judged,
                input.at_ms,
                longest_ms,
                options.horizon_ms,
                is_counter,
                input.previous,
            )
        });
        analysis.forecast = Some(part);
    }
    (analysis, timings)
}

/// The newest finite sample at or before `at_ms`.
pub fn last_finite(samples: &Samples, at_ms: i64) -> Option<Point> {
    let upto = samples.times_ms.partition_point(|&time| time <= at_ms);
    (0..upto)
        .rev()
        .find(|&at| samples.values[at].is_finite())
        .map(|at| Point {
            time: Some(convert::timestamp(samples.times_ms[at])),
            value: samples.values[at],
        })
}

#[cfg(test)]
mod tests;
