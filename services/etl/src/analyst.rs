//! The steps on the CPU pool, with what the last forecast of each series has learned.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sla_domain::{SafeText, Samples, SeriesId};
use sla_proto::convert;
use sla_proto::result::v1::series_result::Outcome;
use sla_proto::result::v1::{Analysis, Failure, Forecast, ReadShare, SeriesResult, StepTiming};
use sla_proto::series::v1::Series;
use sla_runtime::pool::CpuPool;
use sla_runtime::status::reason;

use crate::error::{EtlError, source_reason};
use crate::metrics::EtlMetrics;
use crate::options::{EtlOptions, MAX_WINDOWS};
use crate::samples::SeriesReading;
use crate::steps::seasons::LongLook;
use crate::steps::{self, RunStep, SeriesInput, StepOptions};

/// Series whose last forecast is remembered.
const MAX_REMEMBERED: usize = 20_000;

/// What is known about days of one series.
#[derive(Debug, Clone, Default)]
pub struct DaysOf {
    /// What a look at them told.
    pub look: Option<Arc<LongLook>>,
    /// The 5-min means themselves, where metadata of them are wanted.
    pub means: Option<Samples>,
}

/// Runs the steps. Cheap to clone.
#[derive(Clone)]
pub struct Analyst {
    pool: CpuPool,
    metrics: EtlMetrics,
    learned: Arc<Mutex<HashMap<SeriesId, Arc<Forecast>>>>,
}

impl Analyst {
    /// Works on this pool.
    pub fn new(pool: CpuPool, metrics: EtlMetrics) -> Self {
        Self {
            pool,
            metrics,
            learned: Arc::default(),
        }
    }

    /// How many series are worked on at once.
    pub fn threads(&self) -> usize {
        self.pool.threads()
    }

    fn learned(&self) -> MutexGuard<'_, HashMap<SeriesId, Arc<Forecast>>> {
        // A map of finished values.
        self.learned.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the last forecast of a series is known.
    pub fn knows(&self, id: SeriesId) -> bool {
        self.learned().contains_key(&id)
    }

    /// Remembers a forecast as the start of the next one.
    pub fn remember(&self, id: SeriesId, forecast: Forecast) {
        let mut learned = self.learned();
        // Which one goes matters little: it only makes one fit start cold.
        if learned.len() >= MAX_REMEMBERED
            && !learned.contains_key(&id)
            && let Some(other) = learned.keys().next().copied()
        {
            learned.remove(&other);
        }
        learned.insert(id, Arc::new(forecast));
    }

    /// Analyses one series at `at_ms`. `timings` is what it took so far, its share of reads.
    pub async fn analyse(
        &self,
        reading: SeriesReading,
        run_id: &str,
        at_ms: i64,
        mut timings: Vec<StepTiming>,
        days: DaysOf,
        options: Arc<StepOptions>,
    ) -> SeriesResult {
        let (id, series) = (reading.id, reading.series.clone());
        let previous = self.learned().get(&id).cloned();
        let forecasts = options.steps.contains(RunStep::Forecast);
        let work = self
            .pool
            .run(move || {
                let samples = reading.samples()?;
                let input = SeriesInput {
                    samples: &samples,
                    kind: reading.kind(),
                    spacing_ms: reading.assumed_spacing_ms(),
                    at_ms,
                    previous: previous.as_deref(),
                    long: days.look.as_deref(),
                    days: days.means.as_ref(),
                };
                Ok::<_, sla_source::xor::XorError>(steps::analyse(input, &options))
            })
            .await;
        let outcome = match work {
            Ok(Ok((analysis, steps))) => {
                timings.extend(steps);
                if forecasts
                    && let Some(forecast) = analysis.forecast.as_ref().filter(|forecast| forecast.mean.is_some())
                {
                    self.remember(id, forecast.clone());
                }
                self.metrics.series_analysed.inc();
                Outcome::Analysis(analysis)
            }
            Ok(Err(error)) => self.failure(reason::SOURCE_FAILED, &error.to_string(), "extract"),
            Err(error) => self.failure(reason::INTERNAL, &error.to_string(), "statistics"),
        };
        SeriesResult {
            run_id: run_id.to_owned(),
            series: Some(series),
            as_of: Some(convert::timestamp(at_ms)),
            outcome: Some(outcome),
            timings,
            read: None,
        }
    }

    /// The result of a series (or of a query that named none) that could not be read.
    pub fn unread(&self, series: Series, run_id: &str, at_ms: i64, error: &sla_source::SourceError) -> SeriesResult {
        SeriesResult {
            run_id: run_id.to_owned(),
            series: Some(series),
            as_of: Some(convert::timestamp(at_ms)),
            outcome: Some(self.failure(source_reason(error), &error.to_string(), "extract")),
            timings: Vec::new(),
            read: Some(ReadShare::default()),
        }
    }

    fn failure(&self, reason: &str, message: &str, step: &str) -> Outcome {
        self.metrics.series_failed.inc();
        Outcome::Failure(Failure {
            reason: reason.to_owned(),
            message: SafeText::new(message).into_string(),
            step: step.to_owned(),
        })
    }
}

/// What a step took; `window_ms` 0 = it was about no window.
pub fn timing(step: &str, ms: f64, window_ms: i64) -> StepTiming {
    StepTiming {
        step: step.to_owned(),
        ms,
        window_ms,
    }
}

/// The steps and windows of a request, checked; what is empty is the role's own.
pub fn step_options(
    words: &[String],
    windows_ms: &[i64],
    metadata_windows_ms: &[i64],
    options: &EtlOptions,
) -> Result<StepOptions, EtlError> {
    let steps = steps::Steps::from_words(words).map_err(|word| {
        EtlError::invalid(
            "steps",
            word,
            "is no step",
            "choose from statistics, metadata, forecast",
        )
    })?;
    let chosen = |given: &[i64], own: &[i64]| if given.is_empty() { own.to_vec() } else { given.to_vec() };
    let mut windows_ms = chosen(windows_ms, &options.windows_ms);
    windows_ms.sort_unstable();
    windows_ms.dedup();
    if windows_ms.len() > MAX_WINDOWS {
        return Err(EtlError::invalid(
            "windows",
            &windows_ms.len().to_string(),
            format!("are more than {MAX_WINDOWS}"),
            "ask for fewer",
        ));
    }
    if let Some(wrong) = windows_ms
        .iter()
        .find(|window_ms| !(1_000..=options.history_ms.max(604_800_000)).contains(*window_ms))
    {
        return Err(EtlError::invalid(
            "windows",
            &sla_domain::duration::format_ms(*wrong),
            "a window lies between 1s and 7d",
            "choose for example 1h, 3h, 6h, 12h",
        ));
    }
    let metadata_windows_ms = chosen(metadata_windows_ms, &options.metadata_windows_ms);
    options.check_metadata_windows(&metadata_windows_ms)?;
    Ok(StepOptions {
        windows_ms,
        metadata_windows_ms,
        history_ms: options.history_ms,
        horizon_ms: options.horizon_ms,
        steps,
    })
}

/// The analysis of a result, if it has one.
pub fn analysis_of(result: &SeriesResult) -> Option<&Analysis> {
    match &result.outcome {
        Some(Outcome::Analysis(analysis)) => Some(analysis),
        _ => None,
    }
}
